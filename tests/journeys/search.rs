//! Search and suggestions, fed from the log.

use crate::testshop::{TestShop, amount};
use serde_json::{Value, json};

async fn make(shop: &TestShop, name: &str, brand: &str, price: &str) -> String {
    let body = json!({ "name": name, "description": "", "price": amount(price), "currency": "USD",
        "category": "Kitchen", "brand": brand, "imageUrl": "https://img.example/x.jpg",
        "stockQuantity": 5, "attributes": { "Material": "Steel" } });
    let made = shop.post("/v1/products").staff().json(body).send().await.expect(201);
    made.header("location").to_owned()
}

fn total(page: &Value) -> u64 {
    page["meta"]["totalItems"].as_u64().unwrap()
}

fn first(page: &Value) -> &str {
    page["data"][0]["name"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_soon_found_and_what_is_archived_is_not() {
    let shop = TestShop::open().await;
    let kettle = make(&shop, "Stovetop Kettle", "Alder", "40.00").await;
    shop.eventually("/v1/search?q=kettle", |page| total(page) == 1).await;
    // The words of handle and SKU are searched, too.
    let rename = json!({ "name": "Moka Pot", "handle": "moka-pot", "sku": "MOKA" });
    shop.put(&kettle).staff().json(rename).send().await.expect(200);
    shop.eventually("/v1/search?q=moka", |page| first(page) == "Moka Pot").await;
    shop.eventually("/v1/search?q=kettle", |page| total(page) == 0).await;
    shop.delete(&kettle).staff().send().await.expect(204);
    shop.eventually("/v1/search?q=moka", |page| total(page) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_forgives_counts_filters_and_sorts() {
    let shop = TestShop::open().await;
    make(&shop, "Stovetop Kettle", "Alder", "40.00").await;
    make(&shop, "Kettle Stand", "Birch", "10.00").await;
    make(&shop, "Oak Tray", "Birch", "15.00").await;
    let page = shop.eventually("/v1/search", |page| total(page) == 3).await;
    assert_eq!(page["facets"]["category"], json!([{ "value": "Kitchen", "count": 3 }]));
    assert_eq!(page["facets"]["attributes"][0]["name"], "Material");
    assert!(!page["facets"]["price"].as_array().unwrap().is_empty());
    let get = async |path: &str| shop.get(path).send().await.expect(200).json();
    let guessed = get("/v1/search?q=ketle").await;
    assert_eq!(total(&guessed), 2);
    assert_eq!(guessed["corrections"], json!([{ "given": "ketle", "meant": "kettle" }]));
    assert_eq!(guessed["facets"]["brand"].as_array().unwrap().len(), 2);
    assert_eq!(first(&get("/v1/search?q=kettle&sort=price:asc").await), "Kettle Stand");
    assert_eq!(first(&get("/v1/search?q=kettle&brand=ALDER").await), "Stovetop Kettle");
    assert_eq!(total(&get("/v1/search?q=kettle&maxPrice=10").await), 1);
    let listed = get("/v1/products?q=kettle&sort=price:desc&limit=1").await;
    assert_eq!((first(&listed), total(&listed)), ("Stovetop Kettle", 2));
    assert!(listed.get("facets").is_none());
    let suggested = get("/v1/search/suggest?q=ket").await;
    assert_eq!(suggested["data"][0]["kind"], "product");
    assert!(suggested["data"][0]["handle"].is_string());
    assert_eq!(get("/v1/search/suggest?q=birc").await["data"][0]["kind"], "brand");
    for bad in ["/v1/search?q=x&oops=1", "/v1/search/suggest", "/v1/search?minPrice=2&maxPrice=1"] {
        shop.get(bad).send().await.problem(400, "invalid_query");
    }
}
