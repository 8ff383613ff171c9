//! What the benches stand on: a shop of one product on a real disk, and what that disk can do.

// Compiled into each bench, and each uses a part of it.
#![allow(dead_code)]

pub mod asking;
pub mod large;
pub mod program;
pub mod recording;

use mercat::actors::accounts::SessionSettings;
use mercat::actors::ask::{Keyed, Render, RenderedAnswer};
use mercat::actors::clock::{Clock, Ids, SystemClock};
use mercat::actors::engine::{Engine, EngineParts, Witness};
use mercat::actors::env::{Env, OrderNumbers, Settings};
use mercat::actors::order::{CheckoutRefusal, OrderView};
use mercat::actors::pools::{PoolSizes, Pools};
use mercat::actors::reads::Reads;
use mercat::bench::limits::disk;
use mercat::bench::machine;
use mercat::domain::catalog::{Product, ProductContent, ProductEvent, ProductStatus, Variant};
use mercat::domain::event::{EntityKey, Fact};
use mercat::domain::order::Attempt;
use mercat::domain::pricing::PriceRules;
use mercat::domain::settings::ShopSettings;
use mercat::domain::shipping::{ShippingRate, ShippingTable, ShippingZone};
use mercat::domain::stock::{Change, Movement, StockEvent};
use mercat::domain::tax::{Prices, Rate, TaxRate, TaxTable};
use mercat::domain::{Address, Currency, Money, ProductId, Region, Sku, Span, Timestamp};
use mercat::http::api::dto::order::OrderJson;
use mercat::payments::manual::ManualProvider;
use mercat::payments::test::{TestProvider, TestSettings};
use mercat::payments::{CaptureMode, PaymentProvider, Providers};
use mercat::secrets::{ShopKey, Vault};
use mercat::storage::{Batch, Store};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// As many shards as the program itself starts on a machine with two cores.
pub const SHARDS: usize = 2;

/// More units than will be asked for: what is timed is the selling, not the running out.
pub const SPARE: usize = 100;

/// Memory for redb, as much as the program's own default.
pub const CACHE_BYTES: usize = 64 << 20;

/// The one thing that the shop sells.
pub fn sku() -> Sku {
    "HOT-1".parse().expect("a valid SKU")
}

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn product(now: Timestamp) -> Product {
    let id: ProductId = "prod-hot".parse().expect("a valid id");
    let variant = Variant {
        sku: sku(),
        title: "128 GB / black".into(),
        options: vec![],
        price: usd(49_900),
        compare_at_price: None,
        barcode: None,
        weight_grams: Some(380),
        image: None,
    };
    let content = ProductContent {
        handle: "hot".into(),
        name: "Pocket computer, second edition".into(),
        description: String::new(),
        category: "computers".into(),
        brand: "Mercat".into(),
        images: vec![],
        tags: vec![],
        attributes: vec![],
        status: ProductStatus::Active,
        options: vec![],
        variants: vec![variant],
        currency: Currency::USD,
    };
    Product { id, content, former_handles: vec![], created_at: now, updated_at: now }
}

/// The product and `units` of it, as one durable batch.
pub fn stock_up(store: &dyn Store, units: i64) -> Outcome<()> {
    let now = SystemClock.now();
    let product = product(now);
    let mut batch = Batch::new();
    let created = ProductEvent::Created { content: Box::new(product.content.clone()), at: now };
    batch.fact(now, Fact::Product(product.id.clone(), created), vec![]);
    batch.put(EntityKey::Product(product.id.clone()), 0, &product);
    let adjusted = StockEvent::Adjusted { delta: units, reason: "received".into(), note: None };
    let movement = Movement { sku: sku(), change: Change::Adjust { delta: units } };
    batch.fact(now, Fact::Stock(sku(), adjusted), vec![movement]);
    for outcome in store.commit(&[batch])? {
        outcome?;
    }
    Ok(())
}

/// Where all of it is sent.
pub fn address() -> Address {
    Address {
        name: "Ada Lovelace".into(),
        line1: "12 St James's Square".into(),
        line2: None,
        city: "Portland".into(),
        region: Some("OR".into()),
        postal_code: Some("97201".into()),
        country: "US".into(),
        phone: Some("+1 503 555 0100".into()),
    }
}

/// Tax on top, and shipping that large orders have for nothing.
pub fn rules() -> PriceRules {
    let rate = ShippingRate {
        id: "standard".into(),
        name: "Standard".into(),
        price: usd(500),
        free_over: Some(usd(5_000)),
        min_days: 2,
        max_days: 4,
    };
    let home = Region { country: "US".into(), region: Some("OR".into()) };
    PriceRules {
        tax: TaxTable {
            prices: Prices::ExcludeTax,
            home,
            rates: vec![TaxRate {
                country: "US".into(),
                region: None,
                rate: Rate::from_millionths(80_000).unwrap_or(Rate::ZERO),
            }],
            shipping_is_taxed: false,
        },
        shipping: ShippingTable {
            zones: vec![ShippingZone { countries: vec!["US".into()], rates: vec![rate] }],
        },
    }
}

/// The answer of a checkout as the HTTP face gives it: some 1.5 KB of JSON and three headers.
pub fn render() -> Render<OrderView, CheckoutRefusal> {
    Arc::new(|outcome: Result<&OrderView, &CheckoutRefusal>| match outcome {
        Ok(view) => RenderedAnswer {
            status: 201,
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("location".into(), format!("/v1/orders/{}", view.id)),
                ("etag".into(), format!("\"{}\"", view.version)),
            ],
            body: serde_json::to_vec(&OrderJson::new(view)).unwrap_or_default(),
            about: view.about(),
        },
        Err(refusal) => {
            let body = refusal.to_string().into_bytes();
            RenderedAnswer { status: 409, headers: vec![], body, about: None }
        }
    })
}

/// A fresh idempotency key, as random as a client's.
pub fn keyed<V, R>(now: Timestamp, render: &Render<V, R>, vault: &Vault) -> Keyed<V, R> {
    let attempt = Attempt { key: rand::random(), fingerprint: rand::random() };
    Keyed { attempt, first_used: now, render: Arc::clone(render), vault: vault.clone() }
}

/// An engine on a store, and the threads that read for it.
pub struct Shop {
    pub engine: Engine,
    pub reads: Arc<Reads>,
    pub vault: Vault,
    pub clock: Arc<dyn Clock>,
    pools: Pools,
}

impl Shop {
    /// Starts the engine as the program does, without what does not concern a checkout.
    pub async fn open(store: Arc<dyn Store>, witness: Witness) -> Outcome<Shop> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vault = Vault::with_key(&*store, ShopKey::from_bytes([7; 32]))?;
        let reads = Arc::new(Reads::load(Arc::clone(&store), &vault)?);
        let test = TestProvider::in_memory(TestSettings::new("http://localhost"));
        let providers: [Arc<dyn PaymentProvider>; 2] = [Arc::new(ManualProvider), Arc::new(test)];
        let settings = Settings {
            currency: Currency::USD,
            rules: rules(),
            capture: CaptureMode::AtOnce,
            hold_for: Span::seconds(30),
            pay_within: Span::minutes(30),
            pay_by_hand_within: Span::days(7),
            provider_timeout: Span::seconds(10),
            provider_retry: Span::seconds(1),
            entity_bytes: 4 << 30,
            sessions: SessionSettings::default(),
            shop: ShopSettings::default(),
        };
        let env = Env {
            settings,
            ids: Ids::new(Arc::clone(&clock)),
            vault: vault.clone(),
            catalog: Arc::clone(&reads.catalog),
            providers: Providers::new(providers),
            order_numbers: OrderNumbers::after(reads.orders.highest_number()),
            checkout_answer: render(),
            clock: Arc::clone(&clock),
        };
        let pools = Pools::start(PoolSizes::for_cores(SHARDS), Arc::clone(&store))?;
        let parts = EngineParts {
            env: Arc::new(env),
            store,
            reads: Arc::clone(&reads),
            readers: pools.readers(),
            witness,
            shards: SHARDS,
        };
        let (engine, ()) = Engine::start(parts, |_, _| ((), vec![])).await?;
        Ok(Shop { engine, reads, vault, clock, pools })
    }

    pub async fn close(self) {
        self.engine.stop().await;
        self.pools.stop();
    }
}

/// A folder that is gone afterwards, on a disk: beside the program that runs, not in `/tmp`, which
/// is memory on many machines.
pub fn folder() -> Outcome<tempfile::TempDir> {
    let target = std::env::current_exe()?;
    let beside = target.parent().map_or(PathBuf::from("."), Path::to_owned);
    let folder = tempfile::Builder::new().prefix("mercat-bench-").tempdir_in(beside)?;
    let kind = machine::filesystem(folder.path())?;
    if machine::is_memory(&kind) {
        return Err(format!("{} is not on a disk but on {kind}", folder.path().display()).into());
    }
    Ok(folder)
}

/// How often a second this disk makes 4 KiB durable: overwritten in place and synced, by one thread.
pub fn fsyncs_per_second(folder: &Path) -> Outcome<f64> {
    Ok(disk::fsyncs(folder, Duration::from_millis(400))?.rate)
}

/// How long processors have worked for this process so far, all its threads together. Where others
/// share the machine, this tells more than the clock.
pub fn worked() -> Outcome<Duration> {
    worked_by("self")
}

/// As [`worked`], of a process by its number.
pub fn worked_by(process: &str) -> Outcome<Duration> {
    /// Linux counts in hundredths of a second.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain blanks. Behind it, user and system time are words 12 and 13.
    let (_, words) = stat.rsplit_once(')').ok_or("no such statistics")?;
    let ticks = words.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

/// The middle one, or the mean of the two in the middle.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => figures[odd / 2],
        even => (figures[even / 2 - 1] + figures[even / 2]) / 2.0,
    }
}

/// The figure after `--name`, or the usual one. What else stands on the command line, such as
/// cargo's own `--bench`, is left alone.
pub fn option(name: &str, usual: usize) -> usize {
    let mut words = std::env::args().skip_while(|word| word.trim_start_matches("--") != name);
    words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(usual)
}
