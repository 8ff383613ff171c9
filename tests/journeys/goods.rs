//! What journeys begin with: goods on the shelf, carts with goods in them, and orders.

use crate::testshop::{Answer, TestShop};
use mercat::actors::catalog::{ChangedProduct, NewProduct, StockInput};
use mercat::domain::catalog::{ProductContent, ProductStatus, Variant};
use mercat::domain::{Currency, Money, Sku};
use serde_json::{Value, json};

/// Puts products on the shelf, each with one variant: SKU, price in cents, units.
pub async fn shelve(shop: &TestShop, goods: &[(&str, i64, u32)]) {
    for &(sku, cents, units) in goods {
        let stock = StockInput {
            sku: sku.parse().unwrap(),
            available: Some(units),
            backorder: None,
            low_stock_at: None,
        };
        let new = NewProduct {
            id: None,
            content: content(sku, cents),
            sku_from_handle: false,
            stock: vec![stock],
        };
        shop.shop.catalog.create_product(new, None).await.unwrap();
    }
}

/// The merchant changes a price.
pub async fn reprice(shop: &TestShop, sku: &str, cents: i64) {
    let id = {
        let catalog = shop.shop.reads.catalog.load();
        let (listed, _) = catalog.variant(&sku.parse().unwrap()).unwrap();
        listed.id.clone()
    };
    let changed =
        ChangedProduct { id, expected: None, content: content(sku, cents), stock: vec![] };
    shop.shop.catalog.update_product(changed, None).await.unwrap();
}

fn content(sku: &str, cents: i64) -> ProductContent {
    let variant = Variant {
        sku: sku.parse::<Sku>().unwrap(),
        title: "Default".into(),
        options: vec![],
        price: Money::from_minor(cents, Currency::USD),
        compare_at_price: None,
        barcode: None,
        weight_grams: None,
        image: None,
    };
    ProductContent {
        handle: sku.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), ""),
        name: format!("The {sku}"),
        description: String::new(),
        category: "Things".into(),
        brand: "Acme".into(),
        images: vec![],
        tags: vec![],
        attributes: vec![],
        status: ProductStatus::Active,
        options: vec![],
        variants: vec![variant],
        currency: Currency::USD,
    }
}

/// A cart with these SKUs and quantities; gives its id.
pub async fn fill(shop: &TestShop, items: &[(&str, u32)]) -> String {
    let items: Vec<Value> =
        items.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
    let made = shop.post("/v1/carts").json(json!({ "items": items })).send().await.expect(201);
    made.json()["cartId"].as_str().unwrap().to_owned()
}

pub fn address() -> Value {
    json!({ "name": "Ada Lovelace", "line1": "12 Market Street", "city": "Springfield",
            "region": "IL", "postalCode": "62701", "country": "US" })
}

/// The body of a checkout with the `test` provider.
pub fn with_token(token: &str) -> Value {
    json!({ "email": "ada@example.com", "shippingAddress": address(), "shippingOption": "standard",
            "payment": { "provider": "test", "token": token } })
}

/// The body of a checkout that is paid by bank transfer.
pub fn by_hand() -> Value {
    json!({ "email": "Grace@Example.com", "shippingAddress": address(),
            "shippingOption": "standard", "payment": { "provider": "manual" } })
}

/// Checks a cart out under a key that is the cart's own.
pub async fn buy(shop: &TestShop, cart: &str, body: Value) -> Answer {
    let path = format!("/v1/carts/{cart}/checkout");
    shop.post(&path).key(&format!("buy-{cart}")).json(body).send().await
}

/// A paid order of one unit of `sku`.
pub async fn paid_order(shop: &TestShop, sku: &str) -> Value {
    let cart = fill(shop, &[(sku, 1)]).await;
    buy(shop, &cart, with_token("tok_visa")).await.expect(201).json()
}

/// Units on hand, reserved and available.
pub async fn level(shop: &TestShop, sku: &str) -> [i64; 3] {
    let level = shop.get(&format!("/v1/inventory/{sku}")).staff().send().await.expect(200).json();
    ["onHand", "reserved", "available"].map(|name| level[name].as_i64().unwrap())
}

/// The value under a name, as text.
#[track_caller]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value:#}"))
}
