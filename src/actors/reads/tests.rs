//! Lists against brute force, and models against the store they are made of.

use super::orders::Filed;
use super::*;
use crate::domain::catalog::tests::content;
use crate::domain::catalog::{ProductEvent, ProductStatus};
use crate::domain::event::Fact;
use crate::domain::grouping::{GroupingEvent, Members, Rule};
use crate::domain::money::Currency;
use crate::domain::order::tests::placed;
use crate::domain::order::{CancelReason, Collected, OrderEvent, OrderStatus};
use crate::domain::recipient::tests::contact;
use crate::domain::recipient::{Contact, Recipient};
use crate::domain::settings::SettingsEvent;
use crate::domain::stock::{Change as StockChange, Movement, StockEvent};
use crate::domain::text_page::{TextPageCommand, TextPageEvent};
use crate::domain::{Money, PersonId, ProductId, Timestamp};
use crate::secrets::{ShopKey, Vault};
use crate::storage::memory::{Fault, MemoryStore};
use proptest::prelude::*;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOON.as_millis() + millis)
}

fn page(offset: usize, limit: usize) -> Page {
    Page { offset, limit }
}

const ALL: Page = Page { offset: 0, limit: usize::MAX };

fn sku(n: u8) -> Sku {
    format!("SKU-{n}").parse().unwrap()
}

fn product_id(n: u8) -> ProductId {
    format!("prod-{n}").parse().unwrap()
}

/// What varies between products of these tests.
#[derive(Clone, Debug)]
struct Sketch {
    price: i64,
    name: usize,
    category: usize,
    brand: usize,
    tags: Vec<usize>,
    status: usize,
    created: i64,
    updated: i64,
}

fn sketches() -> impl Strategy<Value = Sketch> {
    let tags = prop::collection::vec(0usize..3, 0..3);
    (0i64..6, 0usize..4, 0usize..3, 0usize..3, tags, 0usize..3, 0i64..4, 0i64..4).prop_map(
        |(price, name, category, brand, tags, status, created, updated)| Sketch {
            price,
            name,
            category,
            brand,
            tags,
            status,
            created,
            updated,
        },
    )
}

fn product(n: u8, sketch: &Sketch) -> Product {
    let mut content = content(&format!("handle-{n}"), sku(n).as_str(), sketch.price);
    content.name = ["apple", "Birne", "ÄPFEL", "cherry"][sketch.name].into();
    content.category = ["Kitchen", "kitchen", "Garden"][sketch.category].into();
    content.brand = ["Alder", "ALDER", ""][sketch.brand].into();
    content.tags = sketch.tags.iter().map(|&tag| ["gift", "Gift", "new"][tag].into()).collect();
    content.status =
        [ProductStatus::Active, ProductStatus::Draft, ProductStatus::Active][sketch.status];
    let (created_at, updated_at) = (at(sketch.created), at(sketch.updated));
    Product { id: product_id(n), content, former_handles: vec![], created_at, updated_at }
}

fn level(n: u8) -> Level {
    Level { on_hand: i64::from(n % 2), sold: i64::from(n % 4), ..Level::default() }
}

fn filters() -> impl Strategy<Value = ProductFilter> {
    let text = |words: &'static [&'static str]| {
        prop::option::of(prop::sample::select(words).prop_map(str::to_owned))
    };
    let price =
        || prop::option::weighted(0.2, (0i64..6).prop_map(|m| Money::from_minor(m, Currency::USD)));
    (
        text(&["KITCHEN", "garden", "none"]),
        text(&["alder", "none"]),
        text(&["GIFT", "new"]),
        price(),
        price(),
        prop::option::weighted(0.3, any::<bool>()),
        any::<bool>(),
        prop::option::weighted(0.2, Just(ProductStatus::Draft)),
    )
        .prop_map(|(category, brand, tag, min_price, max_price, in_stock, all, status)| {
            ProductFilter {
                category,
                brand,
                tag,
                min_price,
                max_price,
                in_stock,
                include_unpublished: all,
                status,
            }
        })
}

fn sorts() -> impl Strategy<Value = Sort> {
    let by = prop::sample::select(vec![
        SortBy::Price,
        SortBy::Name,
        SortBy::CreatedAt,
        SortBy::UpdatedAt,
        SortBy::Bestselling,
    ]);
    let direction = prop::sample::select(vec![Direction::Ascending, Direction::Descending]);
    (by, direction).prop_map(|(by, direction)| Sort { by, direction })
}

/// The contract's words, product by product.
fn expected(products: &[Product], filter: &ProductFilter, sort: Sort) -> Vec<ProductId> {
    let number = |product: &Product| -> u8 { product.id.as_str()[5..].parse().unwrap() };
    let rule = Rule {
        category: filter.category.clone(),
        brand: filter.brand.clone(),
        tag: filter.tag.clone(),
        min_price: filter.min_price,
        max_price: filter.max_price,
    };
    let mut found: Vec<&Product> = products
        .iter()
        .filter(|product| {
            (filter.include_unpublished || product.is_public())
                && filter.status.is_none_or(|status| status == product.content.status)
                && rule.holds_for(product)
                && filter.in_stock.is_none_or(|on| on == (level(number(product)).on_hand > 0))
        })
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.sort_by(|a, b| {
        let order = match sort.by {
            SortBy::Price => a.cheapest().price.minor().cmp(&b.cheapest().price.minor()),
            SortBy::Name => a.content.name.to_lowercase().cmp(&b.content.name.to_lowercase()),
            SortBy::CreatedAt => a.created_at.cmp(&b.created_at),
            SortBy::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            SortBy::Bestselling => level(number(a)).sold.cmp(&level(number(b)).sold),
        };
        if sort.direction == Direction::Descending { order.reverse() } else { order }
    });
    found.into_iter().map(|product| product.id.clone()).collect()
}

fn ids(products: &[Arc<Listed>]) -> Vec<ProductId> {
    products.iter().map(|product| product.id.clone()).collect()
}

proptest! {
    #[test]
    fn a_list_is_what_looking_at_every_product_gives(
        first in prop::collection::vec(sketches(), 0..40),
        again in prop::collection::vec((0u8..40, prop::option::of(sketches())), 0..30),
        filter in filters(),
        sort in sorts(),
        offset in 0usize..20,
        limit in 0usize..20,
    ) {
        let levels = Levels::default();
        levels.book((0..40).map(|n| (sku(n), 1, level(n))));
        let mut catalog = Catalog::default();
        let first = first.into_iter().enumerate().map(|(n, sketch)| (n as u8, product(n as u8, &sketch)));
        let mut products: std::collections::BTreeMap<u8, Product> = first.collect();
        // In order of id, as they lie in the store.
        let read = |product: &Product| {
            let read = Listed::read(product.to_bytes().into(), 1, Sku::clone);
            let (listed, labels) = read.unwrap();
            (Arc::new(listed), labels)
        };
        let mut stored: Vec<_> = products.values().map(read).collect();
        stored.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
        catalog.fill(&stored);
        for (n, sketch) in again {
            match sketch {
                Some(sketch) => {
                    let product = product(n, &sketch);
                    catalog.put_product(&product, 1);
                    products.insert(n, product);
                }
                None => {
                    catalog.remove_product(&product_id(n));
                    products.remove(&n);
                }
            }
        }
        let products: Vec<Product> = products.into_values().collect();
        let expected = expected(&products, &filter, sort);
        let (total, all) = catalog.list(&filter, sort, ALL, &levels);
        prop_assert_eq!(&ids(&all), &expected);
        prop_assert_eq!(total, expected.len());
        let (total, some) = catalog.list(&filter, sort, page(offset, limit), &levels);
        let wanted: Vec<_> = expected.iter().skip(offset).take(limit).cloned().collect();
        prop_assert_eq!((total, ids(&some)), (expected.len(), wanted));
        for product in &products {
            let listed = catalog.product(&product.id).unwrap();
            prop_assert_eq!(&listed.product(), product);
            let (by_sku, variant) = catalog.variant(&product.content.variants[0].sku).unwrap();
            prop_assert_eq!((&by_sku.id, &variant.sku), (&product.id, &product.content.variants[0].sku));
            prop_assert_eq!(&catalog.by_handle(&product.content.handle).unwrap().id, &product.id);
            let offer = catalog.offer(&variant.sku);
            let offered = offer.map(|own| (own.name, own.title, own.unit_price));
            let (content, own) = (&product.content, &product.content.variants[0]);
            let wanted = (content.name.as_str().into(), own.title.as_str().into(), own.price);
            prop_assert_eq!(offered, product.is_public().then_some(wanted));
        }
        prop_assert_eq!(catalog.len(), products.len());
    }

    #[test]
    fn a_list_of_orders_is_what_looking_at_every_order_gives(
        sketches in prop::collection::vec((0i64..6, 0usize..3, 0u8..4, 0u8..4, 0u8..3), 0..30),
        status in prop::option::of(prop::sample::select(vec![
            OrderStatus::PendingPayment, OrderStatus::Paid, OrderStatus::Cancelled,
        ])),
        email in prop::option::of(prop::sample::select(vec!["ADA@example.com", "bob@example.com"])),
        from in prop::option::of(0i64..6),
        to in prop::option::of(0i64..6),
        wanted in prop::option::of(0u8..4),
        people in prop::option::of(prop::collection::hash_set(0usize..30, 0..10)),
        offset in 0usize..10,
        limit in 0usize..10,
        there_before in 0usize..30,
    ) {
        let vault = vault(&MemoryStore::new());
        let orders = Orders::new(vault.clone());
        let mut histories = Vec::new();
        let mut filed = Vec::new();
        for (n, (minute, email, one, two, fate)) in sketches.into_iter().enumerate() {
            let id = OrderId::from_bytes([n as u8; 16]);
            let history = history(n as u64, minute, MAILS[email], [one, two], fate, &vault);
            if n < there_before {
                let order = Order::apply(None, &history[0]).unwrap();
                filed.push(Filed::new(id, 1, order, Sku::clone));
            }
            histories.push((id, history, MAILS[email]));
        }
        orders.fill(filed);
        let mut all = Vec::new();
        for (n, (id, history, email)) in histories.into_iter().enumerate() {
            let mut order = None;
            for (version, event) in history.iter().enumerate() {
                order = Order::apply(order, event);
                if version > 0 || n >= there_before {
                    let row = (id, version as u64 + 1, order.clone().unwrap());
                    orders.put([row], Sku::clone);
                }
            }
            all.push((id, order.unwrap(), email));
        }
        let person = |n: usize| all.get(n).map(|(_, order, _): &(_, Order, _)| order.placed.recipient.person);
        let people: Option<Vec<PersonId>> =
            people.map(|numbers| numbers.into_iter().filter_map(person).collect());
        let filter = OrderFilter {
            people: people.clone().map(Into::into),
            status,
            email: email.map(str::to_owned),
            from: from.map(at),
            to: to.map(at),
            sku: wanted.map(sku),
        };
        all.retain(|(_, order, own)| {
            status.is_none_or(|status| order.status() == status)
                && people.as_ref().is_none_or(|own| own.contains(&order.placed.recipient.person))
                && email.is_none_or(|email| email.to_lowercase() == own.to_lowercase())
                && filter.from.is_none_or(|from| from <= order.placed.placed_at)
                && filter.to.is_none_or(|to| order.placed.placed_at < to)
                && filter.sku.as_ref().is_none_or(|sku| order.placed.lines.iter().any(|line| line.sku == *sku))
        });
        all.sort_by_key(|(id, order, _)| std::cmp::Reverse((order.placed.placed_at, *id)));
        let (total, found) = orders.list(&filter, page(offset, limit));
        prop_assert_eq!(total, all.len());
        let found: Vec<_> = found.iter().map(|own| (own.id, own.status, own.payment_status)).collect();
        let wanted = all.iter().skip(offset).take(limit);
        let wanted: Vec<_> =
            wanted.map(|(id, order, _)| (*id, order.status(), order.payment_status())).collect();
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn whoever_is_forgotten_before_orders_are_marked_is_not_found_afterwards() {
    let vault = vault(&MemoryStore::new());
    let orders = Orders::new(vault.clone());
    let mut filed = Vec::new();
    let mut people = Vec::new();
    for n in 0..2u8 {
        let history = history(n.into(), 0, MAILS[0], [n, n], 0, &vault);
        let order = Order::apply(None, &history[0]).unwrap();
        people.push(order.placed.recipient.person);
        filed.push(Filed::new(OrderId::from_bytes([n; 16]), 1, order, Sku::clone));
    }
    orders.fill(filed);
    orders.forget(&[people[0]].into());
    let filter = OrderFilter { email: Some(MAILS[0].into()), ..OrderFilter::default() };
    let (total, found) = orders.list(&filter, ALL);
    assert_eq!((total, found[0].person), (1, people[1]));
}

const MAILS: [&str; 3] = ["ada@example.com", "Ada@Example.com", "bob@example.com"];

fn vault(store: &MemoryStore) -> Vault {
    Vault::with_key(store, ShopKey::from_bytes([7; 32])).unwrap()
}

/// Somebody who can be written to there.
fn recipient(email: &str, vault: &Vault) -> Recipient {
    let contact = Contact { email: email.into(), ..contact() };
    let person = PersonId::new(at(0), rand::random());
    let person = vault.new_guest(person, &mut Batch::new());
    let sealed = vault.seal_record(person, &contact).unwrap();
    Recipient { person, region: contact.shipping_address.region(), sealed }
}

/// An order's events: placed, and then paid, cancelled, or neither.
fn history(
    n: u64,
    minute: i64,
    email: &str,
    skus: [u8; 2],
    fate: u8,
    vault: &Vault,
) -> Vec<OrderEvent> {
    use crate::domain::payment::PaymentEvent;
    let mut order = placed(Collected::Online, 1);
    order.number = n;
    order.recipient = recipient(email, vault);
    order.placed_at = at(minute);
    let mut second = order.lines[0].clone();
    order.lines[0].sku = sku(skus[0]);
    second.sku = sku(skus[1]);
    order.lines.push(second);
    let mut events = vec![OrderEvent::Placed(order)];
    match fate {
        0 => {}
        1 => {
            let event = PaymentEvent::Captured { reference: "r".into() };
            events.push(OrderEvent::Payment { event, at: at(minute) });
            events.push(OrderEvent::Paid { at: at(minute) });
        }
        _ => events.push(OrderEvent::Cancelled { reason: CancelReason::Expired, at: at(minute) }),
    }
    events
}

/// A store with its models, written to without a committer's thread.
struct Shop {
    store: Arc<MemoryStore>,
    reads: Reads,
}

impl Shop {
    fn new() -> Shop {
        let store = Arc::new(MemoryStore::new());
        let reads = Reads::load(store.clone(), &vault(&store)).unwrap();
        Shop { store, reads }
    }

    /// What the sink would be given for these batches.
    fn commit(&self, batches: Vec<Batch>) -> Vec<Settled<()>> {
        let outcomes = self.store.commit(&batches);
        let outcomes = outcomes.map_or_else(
            |_| {
                self.store.reopen().unwrap();
                batches.iter().map(|_| Err(CommitError::Unavailable)).collect()
            },
            |outcomes| outcomes.into_iter().map(|own| own.map_err(CommitError::from)).collect(),
        );
        let outcomes: Vec<Result<_, CommitError>> = outcomes;
        let settled = batches.into_iter().zip(outcomes);
        settled.map(|(batch, outcome)| Settled { batch, ticket: (), outcome }).collect()
    }

    fn take(&self, batches: Vec<Batch>) {
        self.reads.project(&self.commit(batches));
    }

    fn seq(&self) -> u64 {
        self.reads.last_seq().borrow().0
    }

    fn names(&self) -> Vec<String> {
        let catalog = self.reads.catalog.load();
        catalog.products().iter().map(|own| own.product().content.name).collect()
    }

    /// Everything a reader could see, for comparison with what a start would make of the store.
    fn picture(&self) -> String {
        picture(&self.reads)
    }
}

fn picture(reads: &Reads) -> String {
    let catalog = reads.catalog.load();
    let products: Vec<_> =
        catalog.products().iter().map(|own| (own.version, own.product())).collect();
    let categories: Vec<_> = catalog.categories().cloned().collect();
    let collections: Vec<_> = catalog.collections().cloned().collect();
    let public = catalog.list(&ProductFilter::default(), Sort::default(), ALL, &reads.levels);
    let tree = format!("{:?}", catalog.category_tree());
    let orders = reads.orders.list(&OrderFilter::default(), ALL);
    let levels = reads.levels.page(ALL);
    let moved = catalog.moved("x");
    let merchant = reads.merchant.load();
    let (public, highest) = (ids(&public.1), reads.orders.highest_number());
    format!(
        "{products:#?} {categories:?} {collections:?} {public:?} {moved:?} {merchant:?} {tree} {orders:?} {levels:?} {highest:?} {:?}",
        *reads.last_seq().borrow()
    )
}

/// Product `n` written on version `expected`, called `name`.
fn write(n: u8, expected: u64, name: &str) -> Batch {
    let mut content = content(&format!("handle-{n}"), sku(n).as_str(), 100);
    content.name = name.into();
    let event = match expected {
        0 => ProductEvent::Created { content: Box::new(content), at: NOON },
        _ => ProductEvent::Updated { content: Box::new(content), at: at(1) },
    };
    let made = ProductEvent::Created { content: Box::new(self::content("x", "X", 1)), at: NOON };
    let before = Product::apply(None, &product_id(n), &made);
    let product = Product::apply(before, &product_id(n), &event).unwrap();
    let mut batch = Batch::new();
    batch.put(EntityKey::Product(product_id(n)), expected, &product);
    batch.fact(NOON, Fact::Product(product_id(n), event), vec![]);
    batch
}

fn receive(n: u8, delta: i64) -> Batch {
    let mut batch = Batch::new();
    let event = StockEvent::Adjusted { delta, reason: "received".into(), note: None };
    let movement = Movement { sku: sku(n), change: StockChange::Adjust { delta } };
    batch.fact(NOON, Fact::Stock(sku(n), event), vec![movement]);
    batch
}

fn place(n: u8) -> Batch {
    let id = OrderId::from_bytes([n; 16]);
    let mut order = placed(Collected::Online, 1);
    order.lines[0].sku = sku(n);
    order.number = u64::from(n);
    let event = OrderEvent::Placed(order);
    let order = Order::apply(None, &event).unwrap();
    let movements = Order::movements(None, &event, id);
    let mut batch = Batch::new();
    batch.put(EntityKey::Order(id), 0, &order);
    batch.fact(NOON, Fact::Order(id, event), movements);
    batch
}

fn category(name: &str, expected: u64) -> Batch {
    let category = Category {
        handle: "kitchen".into(),
        name: name.into(),
        description: String::new(),
        parent: None,
        created_at: NOON,
        updated_at: NOON,
    };
    let mut batch = Batch::new();
    batch.put(EntityKey::Category("kitchen".into()), expected, &category);
    batch.fact(NOON, Fact::Grouping(GroupingEvent::CategorySaved(category)), vec![]);
    batch
}

fn settings(name: &str, expected: u64) -> Batch {
    let settings = ShopSettings { name: name.into(), ..ShopSettings::default() };
    let event = SettingsEvent::Updated { settings: Box::new(settings), at: NOON };
    let mut batch = Batch::new();
    batch.put(EntityKey::Settings, expected, &SavedSettings::apply(&event));
    batch.fact(NOON, Fact::Settings(event), vec![]);
    batch
}

fn text_page(handle: &str, text: &str, expected: u64) -> Batch {
    let command = TextPageCommand::Save { title: "T".into(), markdown: text.into() };
    let events = TextPage::decide(None, handle, command, NOON).unwrap();
    let mut batch = Batch::new();
    let key = EntityKey::TextPage(handle.into());
    batch.put(key, expected, &TextPage::apply(&events[0]).unwrap());
    batch.fact(NOON, Fact::TextPage(events[0].clone()), vec![]);
    batch
}

fn without_page(handle: &str, expected: u64) -> Batch {
    let mut batch = Batch::new();
    batch.remove(EntityKey::TextPage(handle.into()), expected);
    let event = TextPageEvent::Deleted { handle: handle.into() };
    batch.fact(NOON, Fact::TextPage(event), vec![]);
    batch
}

#[test]
fn the_five_pages_are_there_whatever_was_saved_and_deleted() {
    let shop = Shop::new();
    let handles = || {
        let merchant = shop.reads.merchant.load();
        let started = Reads::load(shop.store.clone(), &vault(&shop.store)).unwrap();
        let pages = |merchant: &Merchant| {
            let pages = merchant.pages();
            pages.iter().map(|own| (own.page.handle.clone(), own.version)).collect::<Vec<_>>()
        };
        assert_eq!(pages(&merchant), pages(&started.merchant.load()));
        pages(&merchant)
            .into_iter()
            .map(|(handle, version)| format!("{handle} {version}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(handles(), "about 0, contact 0, privacy 0, returns 0, terms 0");
    shop.take(vec![text_page("about", "# Us", 0), text_page("sizes", "S, M", 0)]);
    assert_eq!(handles(), "about 1, contact 0, privacy 0, returns 0, sizes 1, terms 0");
    assert_eq!(shop.reads.merchant.load().page("about").unwrap().html(), "<h2>Us</h2>");
    shop.take(vec![without_page("about", 1), without_page("sizes", 1)]);
    assert_eq!(handles(), "about 0, contact 0, privacy 0, returns 0, terms 0");
    assert!(shop.reads.merchant.load().page("sizes").is_none());
    // The defaults follow the settings.
    shop.take(vec![settings("Kettles", 0)]);
    let about = shop.reads.merchant.load().page("about").unwrap();
    assert!(about.text().starts_with("Welcome to Kettles."), "{}", about.text());
}

#[test]
fn a_settled_group_and_a_start_lead_to_the_same_state() {
    let shop = Shop::new();
    shop.take(vec![category("Kitchen", 0), write(1, 0, "Kettle"), receive(1, 5)]);
    shop.take(vec![place(1), write(2, 0, "Cup"), write(1, 1, "Large kettle")]);
    shop.take(vec![settings("Kettles", 0)]);
    shop.take(vec![settings("Lost race", 0), settings("Pots", 1)]);
    assert_eq!(shop.reads.merchant.load().shop().name, "Pots");
    let mut gone = Batch::new();
    gone.remove(EntityKey::Category("kitchen".into()), 1);
    let event = GroupingEvent::CategoryDeleted { handle: "kitchen".into() };
    gone.fact(NOON, Fact::Grouping(event), vec![]);
    shop.take(vec![write(1, 1, "lost race"), gone, category("Cooking", 0)]);
    assert_eq!(shop.names(), ["Large kettle", "Cup"]);
    assert_eq!(shop.reads.levels.get(&sku(1)).reserved, 1);
    assert_eq!(shop.reads.orders.highest_number(), Some(1));
    assert_eq!(shop.reads.catalog.load().product(&product_id(1)).unwrap().version, 2);
    let catalog = shop.reads.catalog.load();
    assert!(catalog.category_named("kitchen").is_none());
    assert_eq!(catalog.category_named("COOKING").unwrap().handle, "kitchen");
    let started = Reads::load(shop.store.clone(), &vault(&shop.store)).unwrap();
    assert_eq!(shop.picture(), picture(&started));
    // One copy of a SKU's text for all who name it.
    let text = |sku: &Sku| sku.as_str().as_ptr();
    let (catalog, orders) =
        (started.catalog.load(), started.orders.list(&OrderFilter::default(), ALL));
    let (_, levels) = started.levels.page(ALL);
    assert_eq!(text(&catalog.variant(&sku(1)).unwrap().1.sku), text(&levels[0].0));
    assert_eq!(text(&orders.1[0].skus[0]), text(&levels[0].0));
}

#[test]
fn what_was_refused_changes_nothing() {
    let shop = Shop::new();
    shop.take(vec![write(1, 0, "Kettle"), receive(1, 1)]);
    let before = shop.picture();
    shop.take(vec![write(1, 0, "Twice"), receive(1, -2)]);
    assert_eq!(shop.picture(), before);
}

#[test]
fn a_commit_that_failed_and_is_there_all_the_same_is_taken_in() {
    let shop = Shop::new();
    shop.take(vec![write(1, 0, "Kettle"), receive(1, 5), category("Kitchen", 0)]);
    shop.store.inject([Fault::Kept]);
    shop.take(vec![
        place(1),
        write(1, 1, "Kept"),
        receive(2, 7),
        category("Cooking", 1),
        settings("Kettles", 0),
    ]);
    assert_eq!(shop.names(), ["Kept"]);
    assert_eq!(shop.reads.levels.get(&sku(1)).reserved, 1);
    assert_eq!(shop.reads.levels.get(&sku(2)).on_hand, 7);
    assert_eq!(shop.seq(), 8);
    assert_eq!(
        shop.picture(),
        picture(&Reads::load(shop.store.clone(), &vault(&shop.store)).unwrap())
    );
}

#[test]
fn a_gap_in_the_numbers_is_filled_from_the_store() {
    let shop = Shop::new();
    shop.take(vec![write(1, 0, "Kettle"), receive(1, 5)]);
    // Nobody heard of this one.
    shop.commit(vec![write(2, 0, "Cup"), place(1), receive(2, 7)]);
    shop.take(vec![receive(3, 1), write(2, 1, "Mug")]);
    assert_eq!(shop.names(), ["Kettle", "Mug"]);
    assert_eq!(shop.reads.levels.get(&sku(2)).on_hand, 7);
    assert_eq!(shop.reads.orders.len(), 1);
    assert_eq!(
        shop.picture(),
        picture(&Reads::load(shop.store.clone(), &vault(&shop.store)).unwrap())
    );
}

#[test]
fn a_commit_that_is_lost_leaves_no_trace() {
    let shop = Shop::new();
    shop.take(vec![write(1, 0, "Kettle")]);
    let before = shop.picture();
    shop.store.inject([Fault::Lost]);
    shop.take(vec![write(1, 1, "Lost"), place(1)]);
    assert_eq!(shop.picture(), before);
    shop.take(vec![write(1, 1, "Next")]);
    assert_eq!((shop.names(), shop.seq()), (vec!["Next".to_owned()], 2));
}

#[test]
fn whoever_waits_for_events_hears_of_them_after_the_models() {
    let shop = Shop::new();
    let mut news = shop.reads.last_seq();
    news.mark_unchanged();
    shop.take(vec![]);
    assert!(!news.has_changed().unwrap());
    shop.take(vec![write(1, 0, "Kettle"), receive(1, 1)]);
    assert!(news.has_changed().unwrap());
    assert_eq!(*news.borrow(), Seq(2));
    assert_eq!(shop.reads.events_after(Seq(1), 10).unwrap().len(), 1);
    assert_eq!(shop.reads.events_after(Seq(2), 10).unwrap().len(), 0);
}

/// The store is ahead of the models between a commit and the moment in which they take it in.
#[test]
fn whoever_looks_into_the_models_too_hears_only_of_what_they_have_taken_in() {
    let shop = Shop::new();
    shop.take(vec![write(1, 0, "Kettle")]);
    let settled = shop.commit(vec![write(2, 0, "Lamp")]);
    assert_eq!(shop.reads.events_after(Seq(0), 10).unwrap().len(), 2);
    let seqs = || -> Vec<Seq> {
        let events = shop.reads.events_taken_in(Seq(0), 10).unwrap();
        events.into_iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs(), [Seq(1)]);
    shop.reads.project(&settled);
    assert_eq!(seqs(), [Seq(1), Seq(2)]);
}

#[test]
fn histories_come_in_pages_with_a_true_count() {
    let shop = Shop::new();
    shop.take(vec![receive(1, 5), receive(1, 6), receive(2, 1), place(1)]);
    let (total, events) = shop.reads.movements(&sku(1), page(1, 1)).unwrap();
    assert_eq!((total, events[0].seq), (3, Seq(2)));
    let (total, events) = shop.reads.order_events(OrderId::from_bytes([1; 16]), ALL).unwrap();
    assert_eq!((total, events[0].fact.type_name()), (1, "order.created"));
    assert!(shop.reads.order(OrderId::from_bytes([9; 16])).unwrap().is_none());
    assert_eq!(shop.reads.order(OrderId::from_bytes([1; 16])).unwrap().unwrap().0, 1);
    let (total, levels) = shop.reads.levels.page(page(1, 5));
    assert_eq!((total, levels[0].0.clone()), (2, sku(2)));
}

/// Those that are sold and those that were counted in, whichever of them changed last.
#[test]
fn every_sku_is_listed_once_and_in_order() {
    let shop = Shop::new();
    shop.take(vec![receive(2, 5)]);
    assert_eq!(*shop.reads.skus(), [sku(2)]);
    shop.take(vec![write(1, 0, "Kettle")]);
    let sold: Vec<Sku> = shop.reads.catalog.load().skus().cloned().collect();
    let mut expected: Vec<Sku> = sold.into_iter().chain([sku(2)]).collect();
    expected.sort_unstable();
    expected.dedup();
    assert!(expected.len() > 1);
    assert_eq!(*shop.reads.skus(), *expected);
    shop.take(vec![receive(7, 1), receive(2, 1)]);
    expected.push(sku(7));
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(*shop.reads.skus(), *expected);
}

#[test]
fn a_handle_and_a_sku_that_change_hands_in_one_group_stay_with_the_new_owner() {
    let mut catalog = Catalog::default();
    let sketch = |created| Sketch {
        price: 1,
        name: 0,
        category: 0,
        brand: 0,
        tags: vec![],
        status: 0,
        created,
        updated: 0,
    };
    let (one, mut two) = (product(1, &sketch(1)), product(2, &sketch(2)));
    catalog.put_product(&one, 1);
    two.content.handle = one.content.handle.clone();
    two.content.variants = one.content.variants.clone();
    catalog.put_product(&two, 1);
    let mut moved = product(3, &sketch(1));
    moved.id = one.id.clone();
    catalog.put_product(&moved, 2);
    assert_eq!(catalog.by_handle(&two.content.handle).unwrap().id, two.id);
    assert_eq!(catalog.variant(&sku(1)).unwrap().0.id, two.id);
}

#[test]
fn collections_show_public_products_by_hand_or_by_rule() {
    let mut catalog = Catalog::default();
    let sketch = |status, created| Sketch {
        price: 1,
        name: 0,
        category: 0,
        brand: 0,
        tags: vec![0],
        status,
        created,
        updated: 0,
    };
    for (n, sketch) in [(1, sketch(0, 1)), (2, sketch(1, 2)), (3, sketch(0, 3))] {
        catalog.put_product(&product(n, &sketch), 1);
    }
    let members = |members| Collection {
        handle: "gifts".into(),
        name: "Gifts".into(),
        description: String::new(),
        members,
        created_at: NOON,
        updated_at: NOON,
    };
    let levels = Levels::default();
    let by_hand = members(Members::ByHand(vec![product_id(1), product_id(2), product_id(3)]));
    let (total, shown) = catalog.members(&by_hand, page(0, 9), &levels);
    assert_eq!((total, ids(&shown)), (2, vec![product_id(1), product_id(3)]));
    let by_rule = members(Members::ByRule(Rule { tag: Some("GIFT".into()), ..Rule::default() }));
    let (total, shown) = catalog.members(&by_rule, page(0, 1), &levels);
    assert_eq!((total, ids(&shown)), (2, vec![product_id(3)]));
}
