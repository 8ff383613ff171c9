//! What the merchant says about the shop: everybody reads it, and few may change it.

use crate::testshop::TestShop;
use mercat::config::Config;
use mercat::storage::Table;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

const PATH: &str = "/v1/settings";

fn named(config: &mut Config) {
    config.shop.name = Some("Kettles".into());
    config.shop.announcement = Some("Free delivery".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_file_holds_until_somebody_saves_something() {
    let shop = TestShop::with(named).await;
    let seen = shop.get(PATH).send().await.expect(200);
    let first = seen.json();
    assert_eq!((&first["name"], &first["updatedAt"]), (&json!("Kettles"), &Value::Null));
    assert_eq!(
        first["announcement"],
        json!({ "text": "Free delivery", "link": null, "shown": true })
    );
    assert_eq!((&first["accent"], &first["currency"]), (&json!("#0e5a46"), &json!("USD")));
    assert_eq!(shop.rows(Table::Settings), 0);
    let known = shop.get(PATH).header("if-none-match", seen.etag());
    known.send().await.expect(304);
    let change = json!({ "tagline": " Warm since 1902 ", "accent": "#FFD400",
        "announcement": { "shown": false },
        "featuredCollections": ["gifts", "not-there-yet"],
        "footerLinks": [{ "label": "Returns", "address": "/pages/returns" }],
        "contactEmail": "hello@shop.example",
        "formats": { "language": "ar", "numbers": "1.234,56", "dates": "26.10.2026" } });
    let change = shop.put(PATH).staff().header("if-match", seen.etag()).json(change);
    let saved = change.send().await.expect(200);
    let shown = saved.json();
    assert_eq!((&shown["name"], &shown["tagline"]), (&json!("Kettles"), &json!("Warm since 1902")));
    assert_eq!(shown["announcement"]["text"], "Free delivery");
    assert_eq!(shown["announcement"]["shown"], false);
    assert_eq!(shown["featuredCollections"], json!(["gifts", "not-there-yet"]));
    assert_eq!(
        shown["formats"],
        json!({ "language": "ar", "direction": "rtl", "numbers": "1.234,56",
            "currencyPosition": "before", "dates": "26.10.2026" })
    );
    // Yellow stays yellow, and is not what text is written in on a light page.
    assert_eq!(
        (&shown["accent"], &shown["palette"]["onAccent"]),
        (&json!("#ffd400"), &json!("#000000"))
    );
    assert_eq!(shown["palette"]["onDark"], "#ffd400");
    assert_ne!(shown["palette"]["onLight"], "#ffd400");
    assert_eq!(shown["updatedAt"], "2023-11-14T22:13:20Z");
    let again = shop.get(PATH).send().await.expect(200);
    assert_eq!((again.json(), again.etag()), (shown.clone(), saved.etag()));
    // What was saved outlives the shop, and what the file says no longer counts.
    let shop = shop.restarted().await;
    assert_eq!(shop.get(PATH).send().await.expect(200).json(), shown);
    let events = shop.get("/v1/events").staff().send().await.expect(200).json();
    let told: Vec<&Value> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "settings.updated")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["entity"], json!({ "kind": "settings", "id": "shop" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_builds_on_what_its_writer_saw() {
    let shop = TestShop::open().await;
    let stale = shop.get(PATH).send().await.expect(200);
    let put = |body: Value| shop.put(PATH).staff().json(body);
    let first = put(json!({ "name": "First" })).header("if-match", stale.etag());
    let first = first.send().await.expect(200);
    let second = put(json!({ "name": "Second" })).header("if-match", stale.etag());
    second.send().await.problem(412, "precondition_failed");
    // The same again is no change.
    let same = put(json!({ "name": "First" })).send().await.expect(200);
    assert_eq!(same.etag(), first.etag());
    // Who does not say on what they build changes only what they name.
    let changes = (0..8).map(|i| put(json!({ "tagline": format!("Tagline {i}") })).send());
    for answer in futures_util::future::join_all(changes).await {
        assert_eq!(answer.expect(200).json()["name"], "First");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_settings_is_named_at_once() {
    let shop = TestShop::open().await;
    let put = |body: Value| shop.put(PATH).staff().json(body).send();
    let shape = put(json!({ "nam": "x", "announcement": { "text": 7 } })).await.faults(400);
    assert_eq!(shape, ["/announcement/text", "/nam"]);
    let values = json!({ "name": " ", "accent": "red", "contactEmail": "nobody",
        "footerLinks": [{ "label": "x", "address": "javascript:x" }],
        "formats": { "numbers": "1_000" } });
    let values = put(values).await.faults(422);
    let places =
        ["/accent", "/contactEmail", "/footerLinks/0/address", "/formats/numbers", "/name"];
    assert_eq!(values, places);
    // What no schema says.
    let values = json!({ "announcement": { "shown": true, "link": "/\\evil.example" },
        "featuredCollections": ["a", "a"], "formats": { "language": "English" } });
    let places =
        ["/announcement/link", "/announcement/text", "/featuredCollections/1", "/formats/language"];
    assert_eq!(put(values).await.faults(422), places);
    assert_eq!(shop.rows(Table::Settings), 0);
}

fn png() -> Part {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(3, 2).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    Part::bytes(bytes.into_inner()).mime_str("image/png").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_is_a_picture_that_is_there() {
    let shop = TestShop::open().await;
    let put = |logo: Value| shop.put(PATH).staff().json(json!({ "logo": logo })).send();
    for unknown in
        ["/media/00000000000000000000000000000000.png", "/elsewhere.png", "https://a.example/b.png"]
    {
        assert_eq!(put(json!(unknown)).await.faults(422), ["/logo"], "{unknown}");
    }
    let product = json!({ "name": "Lamp", "description": "", "price": 1, "currency": "USD",
        "category": "Home", "brand": "Alder", "imageUrl": "https://img.example/x.jpg", "stockQuantity": 1 });
    let product = shop.post("/v1/products").staff().json(product).send().await.expect(201);
    let path = format!("{}/images", product.header("location"));
    let form = Form::new().part("file", png());
    let kept = shop.post(&path).staff().multipart(form).send().await.expect(201);
    let logo = kept.header("location").to_owned();
    let shown = put(json!(logo)).await.expect(200).json();
    let url = format!("http://shop.example{logo}");
    assert_eq!(shown["logo"], json!({ "url": url, "width": 3, "height": 2 }));
    assert_eq!(put(Value::Null).await.expect(200).json()["logo"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_makes_kept_answers_stale_and_no_change_does_not() {
    let shop = TestShop::open().await;
    let before = shop.shop.reads.moment.now();
    let put = |body: Value| shop.put(PATH).staff().json(body).send();
    put(json!({ "name": "Kettles" })).await.expect(200);
    let after = shop.shop.reads.moment.now();
    assert!(after > before);
    assert_eq!(shop.shop.reads.merchant.load().shop().name, "Kettles");
    put(json!({ "name": "Kettles" })).await.expect(200);
    assert_eq!(shop.shop.reads.moment.now(), after);
}
