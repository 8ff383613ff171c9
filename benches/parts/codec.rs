//! Records to bytes and back: each write encodes its rows, each waking entity decodes one.

use super::{goods, ground};
use divan::{Bencher, black_box};
use ground::recording::Recording;
use mercat::domain::Currency;
use mercat::domain::cart::{Cart, CartCommand};
use mercat::domain::catalog::Product;
use mercat::domain::event::EntityKey;
use mercat::domain::order::Order;
use mercat::storage::Stored;
use std::sync::LazyLock;

/// As the engine wrote it.
static ORDER: LazyLock<Order> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let recording = runtime.block_on(Recording::make(1)).expect("an order is placed");
    let (id, batch) = &recording.orders[0];
    let (_, row) = batch
        .written()
        .find(|(key, _)| **key == EntityKey::Order(*id))
        .expect("the batch writes the order");
    let (_, record) = row.expect("it is put");
    Order::from_bytes(record).expect("it can be read")
});

fn product() -> Product {
    // Every seventh has three variants.
    goods::products(7).remove(6)
}

fn cart() -> Cart {
    let catalog = mercat::storage::memory::MemoryStore::new();
    ground::stock_up(&catalog, 10).expect("memory takes every write");
    let key = mercat::secrets::ShopKey::from_bytes([7; 32]);
    let vault = mercat::secrets::Vault::with_key(&catalog, key).expect("a fresh vault");
    let reads = mercat::actors::reads::Reads::load(std::sync::Arc::new(catalog), &vault);
    let reads = reads.expect("a small catalog");
    let offer = reads.catalog.load().offer(&ground::sku()).expect("it is for sale");
    let create = CartCommand::Create { currency: Currency::USD, items: vec![(offer, 1)] };
    let events = Cart::decide(None, create, goods::now()).expect("a cart of one line");
    events.iter().fold(None, Cart::apply).expect("a cart")
}

fn encode(bencher: Bencher, record: &impl StoredSync) {
    bencher.bench(|| black_box(record).to_bytes());
}

fn decode<T: StoredSync>(bencher: Bencher, record: &T) {
    let bytes = record.to_bytes();
    bencher.bench(|| T::from_bytes(black_box(&bytes)).expect("it was just written"));
}

/// What a bench may share between samples.
trait StoredSync: Stored + Sync {}
impl<T: Stored + Sync> StoredSync for T {}

#[divan::bench]
fn codec_encode_cart(bencher: Bencher) {
    encode(bencher, &cart());
}

#[divan::bench]
fn codec_decode_cart(bencher: Bencher) {
    decode(bencher, &cart());
}

#[divan::bench]
fn codec_encode_order(bencher: Bencher) {
    encode(bencher, &*ORDER);
}

#[divan::bench]
fn codec_decode_order(bencher: Bencher) {
    decode(bencher, &*ORDER);
}

#[divan::bench]
fn codec_encode_product(bencher: Bencher) {
    encode(bencher, &product());
}

#[divan::bench]
fn codec_decode_product(bencher: Bencher) {
    decode(bencher, &product());
}
