//! The owner on a whole engine over the store in memory: real shards, real committer.

use super::*;
use crate::actors::accounts::SessionSettings;
use crate::actors::ask::RenderedAnswer;
use crate::actors::clock::ManualClock;
use crate::actors::engine::{Engine, EngineParts};
use crate::actors::env::{Env, OrderNumbers, Settings};
use crate::actors::pools::{PoolSizes, Pools};
use crate::actors::reads::{Levels, OrderFilter, Page, ProductFilter, Sort};
use crate::domain::catalog::tests::content;
use crate::domain::catalog::{ProductContent, ProductRejection, ProductStatus, is_handle};
use crate::domain::grouping::{Members, Rule};
use crate::domain::money::Currency;
use crate::domain::order::Attempt;
use crate::domain::pricing::tests::rules;
use crate::domain::settings::ShopSettings;
use crate::domain::stock::StockCommand;
use crate::domain::tax::Prices;
use crate::domain::{ImportId, Seq, Sku, Span, Timestamp};
use crate::imports::ImportedProduct;
use crate::payments::{CaptureMode, Providers};
use crate::secrets::{ShopKey, Vault};
use crate::storage::memory::{Fault, MemoryStore};
use crate::storage::records::KeyRow;
use crate::storage::{Store, Stored, Table};
use proptest::prelude::*;
use std::io::{self, Read};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ALL: Page = Page { offset: 0, limit: usize::MAX };

/// A catalog with its owner, and SKUs that can be asked.
struct TestShop {
    store: Arc<MemoryStore>,
    reads: Arc<Reads>,
    clock: Arc<ManualClock>,
    engine: Engine,
    catalog: CatalogDesk,
    imports: Imports,
    _pools: Pools,
}

impl TestShop {
    async fn open() -> TestShop {
        TestShop::open_on(Arc::new(MemoryStore::new())).await
    }

    async fn open_on(store: Arc<MemoryStore>) -> TestShop {
        let vault = Vault::with_key(&*store, ShopKey::from_bytes([7; 32])).unwrap();
        let reads = Arc::new(Reads::load(store.clone(), &vault).unwrap());
        let clock = Arc::new(ManualClock::at(NOON));
        let ids = Ids::new(clock.clone());
        let sizes = PoolSizes { readers: 1, hashers: 1, blocking: 1, ..PoolSizes::for_cores(1) };
        let pools = Pools::start(sizes, store.clone()).unwrap();
        let settings = Settings {
            currency: Currency::USD,
            rules: rules(Prices::ExcludeTax, 0, false),
            capture: CaptureMode::AtOnce,
            hold_for: Span::seconds(10),
            pay_within: Span::minutes(30),
            pay_by_hand_within: Span::days(7),
            provider_timeout: Span::seconds(10),
            provider_retry: Span::seconds(1),
            entity_bytes: 64 << 20,
            sessions: SessionSettings::default(),
            shop: ShopSettings::default(),
        };
        let env = Env {
            settings,
            clock: clock.clone(),
            ids: ids.clone(),
            vault,
            catalog: Arc::clone(&reads.catalog),
            providers: Providers::default(),
            order_numbers: OrderNumbers::after(None),
            checkout_answer: Arc::new(|_| rendered(0)),
        };
        let parts = EngineParts {
            env: Arc::new(env),
            store: store.clone(),
            reads: Arc::clone(&reads),
            readers: pools.readers(),
            witness: Box::new(|_| {}),
            shards: 2,
        };
        let (own_reads, own_clock) = (Arc::clone(&reads), clock.clone());
        let (engine, (catalog, owner_parts)) = Engine::start(parts, |committer, _| {
            let committer = committer.clone();
            let parts = OwnerParts { reads: own_reads, clock: own_clock, ids, committer };
            let (desk, service) = catalog_service(parts.clone());
            ((desk, parts), vec![service])
        })
        .await
        .unwrap();
        let imports = Imports::new(catalog.clone(), engine.desk.clone(), &owner_parts);
        TestShop { store, reads, clock, engine, catalog, imports, _pools: pools }
    }

    async fn create(&self, content: ProductContent) -> Result<ProductOutcome, CatalogRejection> {
        rejected(self.catalog.create_product(new(content), None).await)
    }

    async fn update(
        &self,
        id: &ProductId,
        expected: Option<u64>,
        content: ProductContent,
    ) -> Result<ProductOutcome, CatalogRejection> {
        let changed = ChangedProduct { id: id.clone(), expected, content, stock: vec![] };
        rejected(self.catalog.update_product(changed, None).await)
    }

    async fn category(
        &self,
        saving: Saving,
        handle: &str,
        name: &str,
        parent: Option<&str>,
    ) -> Result<CategoryOutcome, CatalogRejection> {
        let input = CategoryInput {
            handle: handle.into(),
            name: name.into(),
            description: String::new(),
            parent: parent.map(str::to_owned),
        };
        rejected(self.catalog.save_category(saving, input, None).await)
    }

    async fn import(&self, file: &str, dry_run: bool) -> ImportReport {
        let options = ImportOptions { currency: Currency::USD, dry_run };
        self.imports.run(io::Cursor::new(file.to_owned()), options, |_| {}).await
    }

    fn events(&self) -> Vec<&'static str> {
        let events = self.reads.events_after(Seq(0), 1_000).unwrap();
        events.iter().map(|event| event.fact.type_name()).collect()
    }

    fn names(&self) -> Vec<String> {
        let products = self.reads.catalog.load().products();
        products.iter().map(|own| own.product().content.name).collect()
    }

    fn vault(&self) -> Vault {
        Vault::with_key(&*self.store, ShopKey::from_bytes([7; 32])).unwrap()
    }

    /// What a start would make of the store is what is in memory.
    fn agrees_with_its_store(&self) {
        let started = Reads::load(self.store.clone(), &self.vault()).unwrap();
        let seen = |reads: &Reads| {
            let catalog = reads.catalog.load();
            let products: Vec<_> =
                catalog.products().iter().map(|own| (own.version, own.product())).collect();
            let categories: Vec<_> = catalog.categories().cloned().collect();
            (
                products,
                categories,
                reads.levels.page(ALL),
                reads.orders.list(&OrderFilter::default(), ALL).0,
            )
        };
        assert_eq!(seen(&self.reads), seen(&started));
    }
}

fn new(content: ProductContent) -> NewProduct {
    NewProduct { id: None, content, sku_from_handle: false, stock: vec![] }
}

fn rejected<V>(result: AskResult<V, CatalogRejection>) -> Result<V, CatalogRejection> {
    match result {
        Ok(answered) => Ok(answered.value),
        Err(Refusal::Rejected(rejection)) => Err(rejection),
        Err(Refusal::Unavailable) => panic!("the shop could not answer"),
    }
}

fn rendered(status: u16) -> RenderedAnswer {
    RenderedAnswer { status, headers: vec![], body: vec![], about: None }
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn stock(text: &str, available: u32) -> StockInput {
    let available = Some(available);
    StockInput { sku: sku(text), available, backorder: None, low_stock_at: None }
}

#[tokio::test]
async fn a_new_product_comes_with_its_category_and_its_stock_in_one_batch() {
    let shop = TestShop::open().await;
    let mut kettle = content("kettle", "K-1", 500);
    kettle.description = "<p>Boils.</p><script>alert(1)</script>".into();
    let input = StockInput { low_stock_at: Some(Some(2)), ..stock("K-1", 5) };
    let request = NewProduct { stock: vec![input], ..new(kettle) };
    let made = rejected(shop.catalog.create_product(request, None).await).unwrap();
    assert_eq!((made.effect, made.product.version), (Effect::Created, 1));
    assert_eq!(made.product.product().content.description, "<p>Boils.</p>");
    assert_eq!(made.set_stock, []);
    let level = shop.reads.levels.get(&sku("K-1"));
    assert_eq!((level.available(), level.low_stock_at), (5, Some(2)));
    assert_eq!(made.levels, [level]);
    let catalog = shop.reads.catalog.load();
    assert_eq!(catalog.category_named("KITCHEN").unwrap().handle, "kitchen");
    assert_eq!(catalog.category_tree()[0].products, 1);
    let expected =
        ["category.updated", "product.created", "inventory.adjusted", "inventory.adjusted"];
    assert_eq!(shop.events(), expected);
    // One batch: had its last part been refused, nothing of it would be there.
    shop.store.inject([Fault::Lost]);
    let lost = shop.catalog.create_product(new(content("cup", "C-1", 1)), None).await;
    assert!(matches!(lost, Err(Refusal::Unavailable)));
    assert_eq!(shop.names(), ["Kettle"]);
    shop.create(content("cup", "C-1", 1)).await.unwrap();
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn a_handle_and_a_sku_belong_to_one_product() {
    let shop = TestShop::open().await;
    let first = shop.create(content("kettle", "K-1", 500)).await.unwrap().product.id.clone();
    let second = shop.create(content("cup", "C-1", 500)).await.unwrap().product.id.clone();
    let handle =
        |by: &ProductId| CatalogRejection::HandleTaken { handle: "kettle".into(), by: by.clone() };
    let taken = |by: &ProductId| CatalogRejection::SkuTaken { sku: sku("K-1"), by: by.clone() };
    assert_eq!(shop.create(content("kettle", "X", 1)).await.unwrap_err(), handle(&first));
    assert_eq!(shop.create(content("other", "K-1", 1)).await.unwrap_err(), taken(&first));
    let moved = shop.update(&second, None, content("kettle", "C-1", 1)).await;
    assert_eq!(moved.unwrap_err(), handle(&first));
    let moved = shop.update(&second, None, content("cup", "K-1", 1)).await;
    assert_eq!(moved.unwrap_err(), taken(&first));
    // Given up by the one, they are free for the other.
    shop.update(&first, None, content("pot", "P-1", 1)).await.unwrap();
    shop.update(&second, None, content("kettle", "K-1", 1)).await.unwrap();
    assert_eq!(shop.reads.catalog.load().by_handle("kettle").unwrap().id, second);
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn a_handle_that_was_left_leads_to_what_had_it_last_until_it_is_taken_again() {
    let shop = TestShop::open().await;
    let moved = |handle: &str| {
        let (catalog, store) = (shop.reads.catalog.load(), shop.store.clone());
        let started = Reads::load(store, &shop.vault()).unwrap();
        assert_eq!(catalog.moved(handle), started.catalog.load().moved(handle));
        catalog.moved(handle)
    };
    let first = shop.create(content("kettle", "K-1", 500)).await.unwrap().product.id.clone();
    let second = shop.create(content("cup", "C-1", 500)).await.unwrap().product.id.clone();
    assert_eq!((moved("kettle"), moved("nothing")), (None, None));
    shop.update(&first, None, content("pot", "K-1", 1)).await.unwrap();
    shop.update(&first, None, content("tea-pot", "K-1", 1)).await.unwrap();
    assert_eq!(moved("kettle").as_deref(), Some("tea-pot"));
    assert_eq!((moved("pot").as_deref(), moved("tea-pot")), (Some("tea-pot"), None));
    // Taken by another, and then left by it as well.
    shop.update(&second, None, content("kettle", "C-1", 1)).await.unwrap();
    assert_eq!(moved("kettle"), None);
    shop.clock.set(Timestamp::from_millis(NOON.as_millis() + 1_000));
    shop.update(&second, None, content("beaker", "C-1", 1)).await.unwrap();
    assert_eq!(moved("kettle").as_deref(), Some("beaker"));
    // A change of something else does not make the first its last owner.
    shop.clock.set(Timestamp::from_millis(NOON.as_millis() + 2_000));
    shop.update(&first, None, content("tea-pot", "K-1", 2)).await.unwrap();
    assert_eq!(moved("kettle").as_deref(), Some("beaker"));
    // What shoppers do not see is not shown to them by another name; the one before is.
    rejected(shop.catalog.archive_product(second, None).await).unwrap();
    assert_eq!(moved("kettle").as_deref(), Some("tea-pot"));
    assert_eq!(moved("cup"), None);
    shop.update(&first, None, content("kettle", "K-1", 2)).await.unwrap();
    assert_eq!(moved("kettle"), None);
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn names_that_are_made_are_numbered_until_they_are_free() {
    let shop = TestShop::open().await;
    let made = async || {
        let request = NewProduct {
            sku_from_handle: true,
            stock: vec![stock("PLACEHOLDER", 3)],
            ..new(content("", "PLACEHOLDER", 1))
        };
        let made = rejected(shop.catalog.create_product(request, None).await).unwrap();
        let content = made.product.product().content;
        (content.handle, content.variants[0].sku.to_string(), made.levels[0].available())
    };
    assert_eq!(made().await, ("kettle".into(), "kettle".into(), 3));
    assert_eq!(made().await, ("kettle-2".into(), "kettle-2".into(), 3));
    assert_eq!(made().await, ("kettle-3".into(), "kettle-3".into(), 3));
}

#[tokio::test]
async fn a_made_sku_never_adopts_stock_that_is_there() {
    let shop = TestShop::open().await;
    let first = shop.create(content("a", "kettle", 1)).await.unwrap().product.id.clone();
    shop.update(&first, None, content("a", "A", 1)).await.unwrap();
    let request = NewProduct { sku_from_handle: true, ..new(content("", "X", 1)) };
    let made = rejected(shop.catalog.create_product(request, None).await).unwrap();
    assert_eq!(made.product.product().content.variants[0].sku, sku("kettle-2"));
}

#[tokio::test]
async fn an_edit_that_was_overtaken_is_refused() {
    let shop = TestShop::open().await;
    let id = shop.create(content("kettle", "K-1", 500)).await.unwrap().product.id.clone();
    let changed = shop.update(&id, Some(1), content("kettle", "K-1", 600)).await.unwrap();
    assert_eq!((changed.effect, changed.product.version), (Effect::Updated, 2));
    let late = shop.update(&id, Some(1), content("kettle", "K-1", 700)).await;
    assert_eq!(late.unwrap_err(), CatalogRejection::Changed { expected: 1, found: 2 });
    let late = rejected(shop.catalog.archive_product(id.clone(), Some(1)).await);
    assert_eq!(late.unwrap_err(), CatalogRejection::Changed { expected: 1, found: 2 });
    let same = shop.update(&id, Some(2), content("", "K-1", 600)).await.unwrap();
    assert_eq!((same.effect, same.product.version), (Effect::Unchanged, 2));
    let gone = rejected(shop.catalog.archive_product(id.clone(), Some(2)).await).unwrap();
    assert_eq!((gone.effect, gone.product.version), (Effect::Archived, 3));
    let again = rejected(shop.catalog.archive_product(id, None).await).unwrap();
    assert_eq!((again.effect, again.product.version), (Effect::Unchanged, 3));
    assert!(shop.reads.catalog.load().offer(&sku("K-1")).is_none());
    let unknown = shop.update(&"prod-9".parse().unwrap(), None, content("a", "A", 1)).await;
    assert_eq!(unknown.unwrap_err(), ProductRejection::Unknown.into());
}

#[tokio::test]
async fn a_product_that_breaks_the_rules_or_brings_a_known_id_is_refused() {
    let shop = TestShop::open().await;
    let id: ProductId = "prod-123".parse().unwrap();
    let request = || NewProduct { id: Some(id.clone()), ..new(content("kettle", "K-1", 1)) };
    rejected(shop.catalog.create_product(request(), None).await).unwrap();
    let again = rejected(shop.catalog.create_product(request(), None).await);
    assert_eq!(again.unwrap_err(), ProductRejection::Exists.into());
    let invalid = shop.create(content("cup", "C-1", -1)).await.unwrap_err();
    assert!(matches!(invalid, CatalogRejection::Product(ProductRejection::Invalid(_))));
    let mut huge = content("cup", "C-1", 1);
    huge.tags = vec!["x".repeat(2 << 20)];
    let invalid = shop.create(huge).await.unwrap_err();
    assert!(matches!(invalid, CatalogRejection::Product(ProductRejection::Invalid(_))));
    assert_eq!(shop.reads.catalog.load().categories().len(), 1);
}

#[tokio::test]
async fn stock_of_a_known_sku_is_left_to_its_actor() {
    let shop = TestShop::open().await;
    let id = shop.create(content("kettle", "K-1", 500)).await.unwrap().product.id.clone();
    let mut content = content("kettle", "K-1", 500);
    let mut second = content.variants[0].clone();
    second.sku = sku("K-2");
    content.variants.push(second);
    let wish = StockInput { backorder: Some(true), ..stock("K-1", 7) };
    let stock = vec![wish.clone(), stock("K-2", 4)];
    let changed = ChangedProduct { id, expected: None, content, stock };
    let outcome = rejected(shop.catalog.update_product(changed.clone(), None).await).unwrap();
    assert_eq!(outcome.set_stock, std::slice::from_ref(&wish));
    assert_eq!(shop.reads.levels.get(&sku("K-1")).available(), 0);
    assert_eq!(shop.reads.levels.get(&sku("K-2")).available(), 4);
    set_stock(&shop.engine.desk, wish, "edited").await.unwrap();
    let level = shop.reads.levels.get(&sku("K-1"));
    assert_eq!((level.available(), level.backorder), (7, true));
    let outcome = rejected(shop.catalog.update_product(changed, None).await).unwrap();
    assert_eq!((outcome.effect, outcome.set_stock), (Effect::Unchanged, vec![]));
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn an_answer_under_a_key_is_in_the_batch_of_what_it_answers() {
    let shop = TestShop::open().await;
    let vault = shop.vault();
    let keyed = |n| Keyed {
        attempt: Attempt { key: [n; 16], fingerprint: [2; 16] },
        first_used: NOON,
        render: Arc::new(|_: Result<&ProductOutcome, &CatalogRejection>| rendered(201)),
        vault: vault.clone(),
    };
    let request = new(content("kettle", "K-1", 1));
    let made = shop.catalog.create_product(request, Some(keyed(1))).await.unwrap();
    assert_eq!(made.stored.unwrap().status, 201);
    // An answer that changes nothing is kept, too.
    let same = ChangedProduct {
        id: made.value.product.id.clone(),
        expected: None,
        content: content("kettle", "K-1", 1),
        stock: vec![],
    };
    let same = shop.catalog.update_product(same, Some(keyed(2))).await.unwrap();
    assert_eq!(same.value.effect, Effect::Unchanged);
    let mut kept = Vec::new();
    let snapshot = shop.store.snapshot().unwrap();
    snapshot
        .scan(Table::Idempotency, &[], None, crate::storage::Direction::Forward, &mut |_, row| {
            kept.push(KeyRow::from_bytes(row).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|row| matches!(row, KeyRow::Done(answer) if answer.status == 201)));
}

#[tokio::test]
async fn a_category_takes_its_products_along_when_it_is_renamed() {
    let shop = TestShop::open().await;
    for n in 0..3 {
        shop.create(content(&format!("p-{n}"), &format!("P-{n}"), 1)).await.unwrap();
    }
    let mut lower = content("p-9", "P-9", 1);
    lower.category = "kitchen".into();
    let spelled = shop.create(lower).await.unwrap();
    assert_eq!(spelled.product.product().content.category, "Kitchen");
    shop.clock.set(NOON.plus(Span::minutes(1)));
    let existing = Saving::Existing { expected: Some(1) };
    let saved = shop.category(existing, "kitchen", "Cooking", None).await.unwrap();
    assert_eq!((saved.version, saved.updated_at), (2, NOON.plus(Span::minutes(1))));
    let catalog = shop.reads.catalog.load();
    assert_eq!(catalog.in_category("cooking").len(), 4);
    assert!(catalog.in_category("kitchen").is_empty());
    assert_eq!(catalog.product(&spelled.product.id).unwrap().version, 2);
    let filter = ProductFilter { category: Some("COOKING".into()), ..ProductFilter::default() };
    assert_eq!(catalog.list(&filter, Sort::default(), ALL, &shop.reads.levels).0, 4);
    let late = shop.category(existing, "kitchen", "Late", None).await;
    assert_eq!(late.unwrap_err(), CatalogRejection::Changed { expected: 1, found: 2 });
    let same = Saving::Existing { expected: None };
    assert_eq!(shop.category(same, "kitchen", "Cooking", None).await.unwrap().version, 2);
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn the_tree_of_categories_stays_a_tree() {
    let shop = TestShop::open().await;
    let any = Saving::Existing { expected: None };
    shop.category(Saving::New, "", "Home", None).await.unwrap();
    shop.category(Saving::New, "", "Kitchen", Some("home")).await.unwrap();
    shop.category(Saving::New, "", "Pots", Some("kitchen")).await.unwrap();
    for below in ["home", "kitchen", "pots"] {
        let circle = shop.category(any, "home", "Home", Some(below)).await;
        assert_eq!(circle.unwrap_err(), CatalogRejection::ParentCycle, "{below}");
    }
    let orphan = shop.category(any, "pots", "Pots", Some("attic")).await;
    assert_eq!(orphan.unwrap_err(), CatalogRejection::NoSuchParent { parent: "attic".into() });
    let double = shop.category(Saving::New, "other", "POTS", None).await.unwrap_err();
    let taken = CatalogRejection::CategoryNameTaken { name: "POTS".into(), handle: "pots".into() };
    assert_eq!(double, taken);
    let double = shop.category(Saving::New, "pots", "Pans", None).await.unwrap_err();
    assert_eq!(double, CatalogRejection::CategoryExists { handle: "pots".into() });
    let unknown = shop.category(any, "attic", "Attic", None).await.unwrap_err();
    assert_eq!(unknown, CatalogRejection::NoSuchCategory { handle: "attic".into() });
    assert!(matches!(
        shop.category(Saving::New, "Bad Handle", "x", None).await,
        Err(CatalogRejection::Product(ProductRejection::Invalid(_)))
    ));
    let tree = shop.reads.catalog.load().category_tree();
    assert_eq!(tree[0].children[0].children[0].category.handle, "pots");
    shop.category(any, "pots", "Pots", Some("home")).await.unwrap();
    assert_eq!(shop.reads.catalog.load().category_tree()[0].children.len(), 2);
}

#[tokio::test]
async fn a_category_in_use_is_not_deleted() {
    let shop = TestShop::open().await;
    let id = shop.create(content("kettle", "K-1", 1)).await.unwrap().product.id.clone();
    shop.category(Saving::New, "", "Pots", Some("kitchen")).await.unwrap();
    let delete = async |handle: &str, expected| {
        rejected(shop.catalog.delete_category(handle.to_owned(), expected).await)
    };
    let in_use = delete("kitchen", None).await.unwrap_err();
    assert_eq!(in_use, CatalogRejection::CategoryInUse { products: 1, children: 1 });
    delete("pots", Some(1)).await.unwrap();
    rejected(shop.catalog.archive_product(id, None).await).unwrap();
    let late = delete("kitchen", Some(7)).await.unwrap_err();
    assert_eq!(late, CatalogRejection::Changed { expected: 7, found: 1 });
    delete("kitchen", None).await.unwrap();
    assert_eq!(shop.reads.catalog.load().categories().len(), 0);
    let gone = delete("kitchen", None).await.unwrap_err();
    assert_eq!(gone, CatalogRejection::NoSuchCategory { handle: "kitchen".into() });
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn a_collection_holds_products_that_there_are_each_once() {
    let shop = TestShop::open().await;
    let id = shop.create(content("kettle", "K-1", 1)).await.unwrap().product.id.clone();
    let save = async |saving, handle: &str, members| {
        let input = CollectionInput {
            handle: handle.into(),
            name: "Gifts".into(),
            description: "<p>Nice</p><script>x</script>".into(),
            members,
        };
        rejected(shop.catalog.save_collection(saving, input, None).await)
    };
    let stranger: ProductId = "prod-9".parse().unwrap();
    let refused = save(Saving::New, "", Members::ByHand(vec![stranger.clone()])).await;
    assert_eq!(refused.unwrap_err(), CatalogRejection::NoSuchMember { id: stranger });
    let twice = Members::ByHand(vec![id.clone(), id.clone()]);
    let made = save(Saving::New, "", twice.clone()).await.unwrap();
    assert_eq!((made.handle.as_str(), made.version), ("gifts", 1));
    assert_eq!(
        (made.members.clone(), made.description.as_str()),
        (Members::ByHand(vec![id]), "<p>Nice</p>")
    );
    let again = save(Saving::New, "gifts", twice.clone()).await.unwrap_err();
    assert_eq!(again, CatalogRejection::CollectionExists { handle: "gifts".into() });
    let same = save(Saving::Existing { expected: Some(1) }, "gifts", twice).await.unwrap();
    assert_eq!(same.version, 1);
    let by_rule = || Members::ByRule(Rule::default());
    let changed = save(Saving::Existing { expected: Some(1) }, "gifts", by_rule()).await.unwrap();
    assert_eq!(changed.version, 2);
    let late = save(Saving::Existing { expected: Some(1) }, "gifts", by_rule()).await.unwrap_err();
    assert_eq!(late, CatalogRejection::Changed { expected: 1, found: 2 });
    rejected(shop.catalog.delete_collection("gifts".into(), Some(2)).await).unwrap();
    let gone = rejected(shop.catalog.delete_collection("gifts".into(), None).await).unwrap_err();
    assert_eq!(gone, CatalogRejection::NoSuchCollection { handle: "gifts".into() });
}

const HEAD: &str = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Inventory Policy,Variant Price\n";

fn row(handle: &str, sku: &str, units: &str, policy: &str, price: &str) -> String {
    format!(
        "{handle},Thing {handle},<p>Fine.</p>,Alder,Kitchen,gift,true,Title,Default Title,{sku},{units},{policy},{price}\n"
    )
}

fn counts(report: &ImportReport) -> (u64, u64, u64, u64) {
    (report.created, report.updated, report.unchanged, report.failed)
}

#[tokio::test]
async fn the_same_file_once_more_changes_nothing() {
    let shop = TestShop::open().await;
    let rows = (0..450).map(|n| row(&format!("p-{n}"), &format!("P-{n}"), "3", "deny", "9.99"));
    let file = HEAD.to_owned() + &rows.collect::<String>();
    let mut seen = Vec::new();
    let options = ImportOptions { currency: Currency::USD, dry_run: false };
    let input = io::Cursor::new(file.clone());
    let report = shop.imports.run(input, options, |report| seen.push(report.created)).await;
    assert_eq!((report.status, report.errors.len()), (ImportStatus::Completed, 0), "{report:?}");
    assert_eq!((counts(&report), report.rows), ((450, 0, 0, 0), 450));
    assert_eq!(seen, [200, 400, 450, 450]);
    assert_eq!(shop.reads.levels.get(&sku("P-449")).available(), 3);
    let before = *shop.reads.last_seq().borrow();
    let report = shop.import(&file, false).await;
    assert_eq!(counts(&report), (0, 0, 450, 0), "{report:?}");
    assert_eq!(*shop.reads.last_seq().borrow(), before);
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn a_file_with_other_stock_or_prices_updates_what_differs() {
    let shop = TestShop::open().await;
    let file = |rows: &[String]| HEAD.to_owned() + &rows.concat();
    let first = [
        row("a", "A", "3", "deny", "1"),
        row("b", "B", "3", "deny", "1"),
        row("c", "C", "3", "deny", "1"),
    ];
    shop.import(&file(&first), false).await;
    // What was sold meanwhile is brought back to the file's figure, too.
    let adjust = StockCommand::Adjust { delta: -1, reason: "lost".into(), note: None };
    shop.engine.desk.stock(sku("C"), adjust, None).await.unwrap();
    let second =
        [row("a", "A", "9", "continue", "1"), row("b", "B", "3", "deny", "2"), first[2].clone()];
    let report = shop.import(&file(&second), false).await;
    assert_eq!((counts(&report), report.errors.len()), ((0, 3, 0, 0), 0), "{report:?}");
    let level = shop.reads.levels.get(&sku("A"));
    assert_eq!((level.available(), level.backorder), (9, true));
    assert_eq!(shop.reads.levels.get(&sku("C")).available(), 3);
    assert_eq!(counts(&shop.import(&file(&second), false).await), (0, 0, 3, 0));
    shop.agrees_with_its_store();
}

#[tokio::test]
async fn a_handle_has_one_turn_in_a_chunk_and_the_rest_of_the_chunk_is_taken() {
    let shop = TestShop::open().await;
    let product = |line, handle: &str, code: &str| ImportedProduct {
        line,
        content: content(handle, code, 1),
        stock: vec![],
    };
    let chunk = vec![product(1, "a", "A"), product(2, "a", "B"), product(3, "c", "C")];
    let done = rejected(shop.catalog.import_chunk(chunk).await).unwrap();
    let by = shop.reads.catalog.load().by_handle("a").unwrap().id.clone();
    let taken = CatalogRejection::HandleTaken { handle: "a".into(), by };
    let results: Vec<_> = done.into_iter().map(|one| one.result).collect();
    assert_eq!(results, [Ok(Effect::Created), Err(taken), Ok(Effect::Created)]);
    assert_eq!(shop.names().len(), 2);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_none_of_it() {
    let shop = TestShop::open().await;
    shop.create(content("taken", "T-1", 1)).await.unwrap();
    let events = shop.events().len();
    let rows = (0..201).map(|n| row(&format!("p-{n}"), &format!("P-{n}"), "3", "deny", "9.99"));
    // The last one's SKU is that of the first, a chunk before it.
    let last = [row("late", "P-0", "1", "deny", "1"), row("other", "T-1", "1", "deny", "1")];
    let file =
        HEAD.to_owned() + &rows.collect::<String>() + &last.concat() + "bad,Bad,,,,,,,,,,,x\n";
    let dry = shop.import(&file, true).await;
    assert_eq!(counts(&dry), (201, 0, 0, 3), "{dry:?}");
    assert_eq!((shop.events().len(), shop.names().len()), (events, 1));
    let real = shop.import(&file, false).await;
    assert_eq!(counts(&real), counts(&dry));
    let lines = |report: &ImportReport| -> Vec<u64> {
        report.errors.iter().map(|error| error.line).collect()
    };
    assert_eq!(lines(&real), lines(&dry));
    assert_eq!(lines(&real).iter().filter(|&&line| line == 203 || line == 204).count(), 2);
}

#[tokio::test]
async fn an_import_that_the_store_fails_says_so_and_goes_on_when_it_is_run_again() {
    let shop = TestShop::open().await;
    let rows = (0..300).map(|n| row(&format!("p-{n}"), &format!("P-{n}"), "3", "deny", "9.99"));
    let file = HEAD.to_owned() + &rows.collect::<String>();
    shop.store.inject([Fault::None, Fault::Lost]);
    let report = shop.import(&file, false).await;
    assert_eq!((report.status, report.created), (ImportStatus::Failed, 200), "{report:?}");
    assert_eq!(report.errors[0].line, 202);
    let report = shop.import(&file, false).await;
    assert_eq!((report.status, counts(&report)), (ImportStatus::Completed, (100, 0, 200, 0)));
    let report = shop.import("no,such,columns\n1,2,3\n", false).await;
    assert_eq!(report.status, ImportStatus::Failed, "{report:?}");
    shop.agrees_with_its_store();
}

/// A file that is not there until its sender is dropped.
struct Held(std::sync::mpsc::Receiver<()>);

impl Read for Held {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(0)
    }
}

#[tokio::test]
async fn imports_wait_for_their_turn_and_too_many_are_refused() {
    let shop = TestShop::open().await;
    let options = ImportOptions { currency: Currency::USD, dry_run: false };
    let (hold, held) = std::sync::mpsc::channel();
    let first = shop.imports.start(Held(held), options).unwrap();
    let file = HEAD.to_owned() + &row("a", "A", "1", "deny", "1");
    let start = || shop.imports.start(io::Cursor::new(file.clone()), options);
    let waiting: Vec<ImportId> = (0..8).map(|_| start().unwrap()).collect();
    assert_eq!(start(), Err(ImportsFull));
    assert_eq!(shop.imports.report(first).unwrap().status, ImportStatus::Running);
    assert_eq!(shop.imports.report(waiting[0]).unwrap().status, ImportStatus::Running);
    assert!(shop.names().is_empty());
    drop(hold);
    let all = waiting.iter().chain([&first]);
    for id in all {
        while shop.imports.report(*id).unwrap().status == ImportStatus::Running {
            tokio::task::yield_now().await;
        }
    }
    let created: u64 = waiting.iter().map(|id| shop.imports.report(*id).unwrap().created).sum();
    assert_eq!((created, shop.names().len()), (1, 1));
    assert!(shop.imports.report(ImportId::from_bytes([9; 16])).is_none());
    assert!(start().is_ok());
}

#[tokio::test]
async fn an_import_that_panics_has_failed() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("as the test wants it")
        }
    }
    let shop = TestShop::open().await;
    let options = ImportOptions { currency: Currency::USD, dry_run: false };
    let id = shop.imports.start(Broken, options).unwrap();
    while shop.imports.report(id).unwrap().status == ImportStatus::Running {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.imports.report(id).unwrap().status, ImportStatus::Failed);
}

/// One thing that a merchant does, over few names so that they meet.
#[derive(Clone, Debug)]
enum Deed {
    Create { handle: usize, sku: u8, status: bool },
    Update { product: usize, handle: usize, sku: u8 },
    Archive { product: usize },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let create = (0usize..5, 0u8..4, any::<bool>())
        .prop_map(|(handle, sku, status)| Deed::Create { handle, sku, status });
    let update = (0usize..6, 0usize..5, 0u8..4).prop_map(|(product, handle, sku)| Deed::Update {
        product,
        handle,
        sku,
    });
    let archive = (0usize..6).prop_map(|product| Deed::Archive { product });
    prop::collection::vec(prop_oneof![3 => create, 3 => update, 1 => archive], 1..40)
}

proptest! {
    /// Decisions alone, all in one draft, so that thousands of them take a moment.
    #[test]
    fn whatever_is_decided_no_two_products_share_a_name(deeds in deeds()) {
        let levels = Levels::default();
        let ids = Ids::new(Arc::new(ManualClock::at(NOON)));
        let mut catalog = crate::actors::reads::Catalog::default();
        let mut made: Vec<ProductId> = Vec::new();
        let named = |handle: usize, sku: u8, active: bool| {
            let mut content = content(["", "kettle", "kettle-2", "cup", "kettle-3"][handle], &format!("S-{sku}"), 1);
            content.status = if active { ProductStatus::Active } else { ProductStatus::Draft };
            content
        };
        for deed in deeds {
            let mut draft = Draft::new(&catalog, &levels, &ids, NOON);
            let done = match deed {
                Deed::Create { handle, sku, status } => draft.create(new(named(handle, sku, status))),
                Deed::Update { product, handle, sku } => {
                    let Some(id) = made.get(product).cloned() else { continue };
                    let content = named(handle, sku, true);
                    draft.update(ChangedProduct { id, expected: None, content, stock: vec![] })
                }
                Deed::Archive { product } => {
                    let Some(id) = made.get(product).cloned() else { continue };
                    draft.archive(&id, None)
                }
            };
            let Ok(outcome) = done else { continue };
            if outcome.effect == Effect::Created {
                made.push(outcome.product.id.clone());
            }
            catalog = draft.catalog;
            let products = catalog.products();
            let handles: std::collections::HashSet<_> =
                products.iter().map(|own| own.product().content.handle).collect();
            let skus: std::collections::HashSet<_> =
                products.iter().map(|own| own.variants[0].sku.clone()).collect();
            prop_assert_eq!((handles.len(), skus.len()), (products.len(), products.len()));
            prop_assert!(handles.iter().all(|handle| is_handle(handle)));
            for own in &products {
                prop_assert_eq!(&catalog.by_handle(&own.product().content.handle).unwrap().id, &own.id);
                prop_assert_eq!(&catalog.variant(&own.variants[0].sku).unwrap().0.id, &own.id);
            }
        }
    }
}
