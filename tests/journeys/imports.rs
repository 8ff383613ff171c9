//! Products in and out as files.

use crate::testshop::TestShop;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Imports a file and gives the report at its end.
async fn import(shop: &TestShop, csv: String, query: &str) -> Value {
    let path = format!("/v1/imports/products{query}");
    let started = shop.post(&path).staff().body("text/csv", csv).send().await.expect(202);
    assert_eq!(started.json()["status"], "running");
    let at = started.header("location").to_owned();
    assert_eq!(at, format!("/v1/imports/{}", started.json()["importId"].as_str().unwrap()));
    shop.eventually(&at, |report| report["status"] != "running").await
}

async fn total(shop: &TestShop) -> Value {
    shop.get("/v1/products").send().await.expect(200).json()["meta"]["totalItems"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_tried_imported_and_imported_again_without_effect() {
    let shop = TestShop::open().await;
    let csv = fixture("shopify-products.csv");
    let dry = import(&shop, csv.clone(), "?dryRun=true").await;
    assert_eq!(total(&shop).await, 0);
    let real = import(&shop, csv.clone(), "").await;
    assert_eq!((&real["status"], &real["failed"]), (&"completed".into(), &0.into()), "{real:#}");
    assert_eq!(dry["created"], real["created"]);
    assert!(real["created"].as_u64().unwrap() > 0);
    let again = import(&shop, csv, "").await;
    assert_eq!(
        (&again["unchanged"], &again["updated"]),
        (&real["created"], &0.into()),
        "{again:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_named_by_line_and_the_others_are_taken() {
    let shop = TestShop::open().await;
    let report = import(&shop, fixture("shopify-products-faulty.csv"), "").await;
    assert_eq!(report["status"], "completed");
    assert!(report["failed"].as_u64().unwrap() > 0 && report["created"].as_u64().unwrap() > 0);
    let errors = report["errors"].as_array().unwrap();
    let price = errors.iter().find(|error| error["line"] == 3).unwrap();
    assert_eq!(price["column"], "Variant Price", "{price:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_taken_back_by_another_shop_as_it_was() {
    let shop = TestShop::open().await;
    import(&shop, fixture("shopify-products.csv"), "").await;
    let csv = shop.get("/v1/exports/products.csv").staff().send().await.expect(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let again = import(&shop, csv.text(), "").await;
    assert_eq!(
        (&again["created"], &again["updated"], &again["failed"]),
        (&0.into(), &0.into(), &0.into()),
        "{again:#}"
    );
    let other = TestShop::open().await;
    import(&other, csv.text(), "").await;
    let copy = other.get("/v1/exports/products.csv").staff().send().await.expect(200);
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(copy.text()), sorted(csv.text()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_products_is_refused() {
    let shop = TestShop::with(|config| config.limits.upload_bytes = 1_000).await;
    let post = |media_type: &str, body: String| {
        shop.post("/v1/imports/products").staff().key("k").body(media_type, body).send()
    };
    post("application/json", "{}".into()).await.problem(415, "unsupported_media_type");
    post("text/csv", "x".repeat(1_001)).await.problem(413, "body_too_large");
    let first = post("text/csv; charset=utf-8", "no,columns\n".into()).await.expect(202);
    let again = post("text/csv", "no,columns\n".into()).await.expect(202);
    assert_eq!(again.bytes, first.bytes);
    post("text/csv", "other\n".into()).await.problem(422, "idempotency_key_reused");
    let report = shop.eventually(first.header("location"), |report| report["status"] != "running");
    assert_eq!(report.await["status"], "failed");
    let unknown = shop.post("/v1/imports/products?dry=1").staff().body("text/csv", "");
    unknown.send().await.problem(400, "invalid_query");
    let nothing = "/v1/imports/imp-00000000000000000000000000";
    shop.get(nothing).staff().send().await.problem(404, "not_found");
}

/// Where other people's files are, if they are here.
fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("MERCAT_SHARED_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = given.unwrap_or(beside).join("shopify");
    folder.is_dir().then_some(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn shopifys_own_files_are_imported_whole() {
    let Some(folder) = shared() else {
        eprintln!("SKIPPED: shopify's files are not here (MERCAT_SHARED_DATA, ../shared/data)");
        return;
    };
    let shop = TestShop::open().await;
    for name in ["apparel.csv", "home-and-garden.csv", "jewelery.csv"] {
        let csv = std::fs::read_to_string(folder.join(name)).unwrap();
        let report = import(&shop, csv.clone(), "").await;
        assert_eq!(report["failed"], 0, "{name}: {report:#}");
        assert!(report["created"].as_u64().unwrap() > 0, "{name}");
        let again = import(&shop, csv, "").await;
        assert_eq!(
            (&again["updated"], &again["created"]),
            (&0.into(), &0.into()),
            "{name}: {again:#}"
        );
    }
}
