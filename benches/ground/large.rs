//! A large shop on disk: a catalog that follows from a seed, and orders that the real shop placed.
//!
//! It is made once for each size, through the same import and checkout that a merchant and a shopper
//! use, and kept in `target/`: whoever measures works on a copy.

use super::Outcome;
use futures_util::future::join_all;
use mercat::actors::ask::Keyed;
use mercat::actors::cart::CartRequest;
use mercat::actors::catalog::LARGEST_CHUNK;
use mercat::actors::clock::{Clock, SystemClock};
use mercat::actors::order::CheckoutRequest;
use mercat::config::Config;
use mercat::domain::catalog::{ProductContent, ProductOption, ProductStatus, Variant, handle_from};
use mercat::domain::order::{Attempt, Collected};
use mercat::domain::{Currency, Money, Sku};
use mercat::http::api::checkout_render;
use mercat::imports::{ImportedProduct, ImportedStock};
use mercat::payments::manual::ManualProvider;
use mercat::payments::test::{TestProvider, TestSettings};
use mercat::payments::{PaymentProvider, Providers};
use mercat::secrets::{KeySource, Vault};
use mercat::shop::{Shop, ShopParts};
use mercat::storage::{RedbStore, Store};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// How large a shop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub products: usize,
    pub orders: usize,
}

/// Checkouts under way at once.
const BUYERS: usize = 256;

/// The folder of a shop of this size; made where it is missing. To be left as it is.
pub async fn large_shop(size: Size) -> Outcome<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.join(format!("shop-{}-{}", size.products, size.orders));
    if folder.exists() {
        return Ok(folder);
    }
    let unfinished = target.join(format!("unfinished-{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    fill(&unfinished, size).await?;
    fs::rename(&unfinished, &folder)?;
    Ok(folder)
}

/// A copy to work on, which is gone afterwards.
pub fn copy_of(folder: &Path) -> Outcome<tempfile::TempDir> {
    let copy = super::folder()?;
    copy_all(folder, copy.path())?;
    Ok(copy)
}

fn copy_all(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Opens a shop as the program does, with play money and without mails.
pub async fn open_shop(folder: &Path) -> Outcome<Shop> {
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder, super::CACHE_BYTES)?);
    let vault = Vault::unlock(&*store, &KeySource::choose(folder, None, None)?)?;
    let test = TestProvider::in_memory(TestSettings::new("http://localhost"));
    let providers: Vec<Arc<dyn PaymentProvider>> = vec![Arc::new(ManualProvider), Arc::new(test)];
    let parts = ShopParts {
        store,
        vault,
        settings: Config::default().settings()?,
        clock: Arc::new(SystemClock),
        providers: Providers::new(providers),
        index_folder: Some(folder.join("search")),
        checkout_answer: checkout_render("/v1/carts".into()),
        post: None,
        backups: None,
    };
    Ok(Shop::open(parts).await?)
}

async fn fill(folder: &Path, size: Size) -> Outcome<()> {
    let shop = open_shop(folder).await?;
    let began = Instant::now();
    let mut catalog = Generator::new(7);
    let mut skus = Vec::new();
    for first in (0..size.products).step_by(LARGEST_CHUNK) {
        let numbers = first..size.products.min(first + LARGEST_CHUNK);
        let products: Vec<_> = numbers.map(|number| catalog.product(number)).collect();
        let variants = products.iter().flat_map(|product| &product.content.variants);
        skus.extend(variants.map(|variant| variant.sku.clone()));
        let chunk =
            shop.catalog.import_chunk(products).await.map_err(|refusal| refusal.to_string());
        for done in chunk?.value {
            done.result?;
        }
    }
    println!("{} products in {:.1} s", size.products, began.elapsed().as_secs_f64());
    let began = Instant::now();
    let mut chance = StdRng::seed_from_u64(11);
    for first in (0..size.orders).step_by(BUYERS) {
        let buyers = BUYERS.min(size.orders - first);
        let wishes: Vec<Vec<(Sku, u32)>> = (0..buyers).map(|_| wish(&skus, &mut chance)).collect();
        let bought = wishes.into_iter().zip(first..).map(|(items, n)| buy(&shop, items, n));
        for done in join_all(bought).await {
            done?;
        }
    }
    println!("{} orders in {:.1} s", size.orders, began.elapsed().as_secs_f64());
    while shop.figures(shop.engine.desk.census().await).index_lag > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    shop.close().await;
    Ok(())
}

/// One to three lines; some products are bought much more often than others.
fn wish(skus: &[Sku], chance: &mut StdRng) -> Vec<(Sku, u32)> {
    let mut items: Vec<(Sku, u32)> = Vec::new();
    for _ in 0..chance.random_range(1..=3) {
        let place = (chance.random::<f64>().powi(3) * skus.len() as f64) as usize;
        let sku = &skus[place.min(skus.len() - 1)];
        if items.iter().all(|(own, _)| own != sku) {
            items.push((sku.clone(), 1));
        }
    }
    items
}

async fn buy(shop: &Shop, items: Vec<(Sku, u32)>, number: usize) -> Outcome<()> {
    let desk = &shop.engine.desk;
    let create = CartRequest::Create { currency: None, items };
    let cart = desk.create_cart(create, None).await.map_err(|refusal| refusal.to_string())?;
    let request = CheckoutRequest {
        cart: cart.value.id,
        person: None,
        email: format!("buyer-{}@example.com", number / 3),
        shipping_address: Some(super::address()),
        billing_address: None,
        shipping_option: None,
        provider: "test".into(),
        collected: Collected::Online,
        token: Some("tok_visa".into()),
        note: None,
        agreed: None,
    };
    let keyed = Keyed {
        attempt: Attempt { key: rand::random(), fingerprint: rand::random() },
        first_used: SystemClock.now(),
        render: shop.env.checkout_answer.clone(),
        vault: shop.vault.clone(),
    };
    desk.checkout(request, Some(keyed)).await.map_err(|refusal| refusal.to_string())?;
    Ok(())
}

/// Makes products whose words are as unevenly frequent as those of a real catalog.
pub struct Generator {
    chance: StdRng,
    words: Vec<String>,
}

const MATERIALS: [&str; 10] =
    ["Oak", "Steel", "Linen", "Wool", "Glass", "Leather", "Cotton", "Bamboo", "Copper", "Slate"];
const COLOURS: [&str; 12] = [
    "Black", "White", "Red", "Green", "Blue", "Grey", "Navy", "Olive", "Sand", "Rust", "Ivory",
    "Teal",
];
const SIZES: [&str; 4] = ["S", "M", "L", "XL"];
const SYLLABLES: [&str; 24] = [
    "ba", "ker", "lo", "min", "tas", "ro", "vel", "du", "shi", "pan", "gor", "eli", "nu", "car",
    "fen", "so", "tri", "hal", "mok", "zi", "lan", "per", "wes", "qua",
];

/// Words in use, categories and brands.
const WORDS: usize = 6_000;
const CATEGORIES: usize = 60;
const BRANDS: usize = 400;

impl Generator {
    pub fn new(seed: u64) -> Generator {
        let mut chance = StdRng::seed_from_u64(seed);
        let word = |chance: &mut StdRng| -> String {
            let syllables = chance.random_range(2..=4);
            (0..syllables).filter_map(|_| SYLLABLES.choose(chance).copied()).collect()
        };
        let words = (0..WORDS).map(|_| word(&mut chance)).collect();
        Generator { chance, words }
    }

    /// A few words make up most of all text (Zipf).
    pub fn word(&mut self) -> &str {
        let rank = (self.words.len() as f64).powf(self.chance.random::<f64>()) as usize;
        &self.words[rank.min(self.words.len()) - 1]
    }

    fn text(&mut self, words: usize) -> String {
        let words: Vec<String> = (0..words).map(|_| self.word().to_owned()).collect();
        words.join(" ")
    }

    /// One of many names that start with a capital.
    fn name_of(&mut self, kind: &str, many: usize) -> String {
        let rank = (many as f64).powf(self.chance.random::<f64>()) as usize;
        format!("{} {kind}", capital(&self.words[self.words.len() - rank.min(many)]))
    }

    pub fn product(&mut self, number: usize) -> ImportedProduct {
        let material = MATERIALS.choose(&mut self.chance).copied().unwrap_or_default();
        let name = format!("{} {} {}", capital(&self.text(2)), material, self.word());
        let price = self.chance.random_range(199..99_999);
        let money = |minor| Money::from_minor(minor, Currency::USD);
        let sizes = if number.is_multiple_of(4) { &SIZES[..] } else { &[] };
        let colour = COLOURS.choose(&mut self.chance).copied().unwrap_or_default();
        let variant = |sku: String, title: String, options| Variant {
            sku: sku.parse().expect("a valid SKU"),
            title,
            options,
            price: money(price),
            compare_at_price: number.is_multiple_of(10).then(|| money(price + 1_000)),
            barcode: None,
            weight_grams: Some(400),
            image: None,
        };
        let variants: Vec<Variant> = if sizes.is_empty() {
            vec![variant(format!("SKU-{number:06}"), "Default".into(), vec![])]
        } else {
            let one = |size: &&str| {
                let options = vec![("Size".to_owned(), (*size).to_owned())];
                variant(format!("SKU-{number:06}-{size}"), (*size).to_owned(), options)
            };
            sizes.iter().map(one).collect()
        };
        let values = sizes.iter().map(|size| (*size).to_owned()).collect();
        let options = match sizes.is_empty() {
            true => vec![],
            false => vec![ProductOption { name: "Size".into(), values }],
        };
        let image = mercat::domain::catalog::Image {
            url: format!("https://pictures.example/{number}.jpg"),
            alt: name.clone(),
            width: Some(1_200),
            height: Some(900),
        };
        let stock = |variant: &Variant| ImportedStock {
            sku: variant.sku.clone(),
            quantity: Some(100_000),
            backorder: false,
        };
        ImportedProduct {
            line: number as u64 + 2,
            stock: variants.iter().map(stock).collect(),
            content: ProductContent {
                handle: format!("{}-{number}", handle_from(&name)),
                description: format!("<p>{}</p>", self.text(40)),
                category: self.name_of("Goods", CATEGORIES),
                brand: self.name_of("Works", BRANDS),
                images: vec![image],
                tags: vec![self.word().to_owned(), self.word().to_owned()],
                attributes: vec![
                    ("Colour".into(), colour.into()),
                    ("Material".into(), material.into()),
                ],
                status: ProductStatus::Active,
                options,
                variants,
                currency: Currency::USD,
                name,
            },
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
