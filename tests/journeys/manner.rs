//! What every endpoint has in common: how it refuses, how it pages, how it is bounded.

use crate::goods::{fill, level, shelve, text};
use crate::testshop::TestShop;
use axum::body::Bytes;
use futures_util::stream;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_route_lacks_is_refused_with_those_it_has() {
    let shop = TestShop::open().await;
    let cart = fill(&shop, &[]).await;
    let routes = [
        (format!("/v1/carts/{cart}"), "DELETE,GET,HEAD"),
        (format!("/v1/carts/{cart}/items"), "POST"),
        ("/v1/inventory/MUG".into(), "GET,HEAD,PATCH"),
        ("/v1/auth/login".into(), "POST"),
        ("/healthz".into(), "GET,HEAD"),
        ("/openapi.json".into(), "GET,HEAD"),
    ];
    for (path, allowed) in &routes {
        for method in ["PUT", "OPTIONS", "TRACE", "PROPFIND", "MADEUP"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let refused = shop.request(method, path).send().await;
            let mut names: Vec<&str> = refused.header("allow").split(',').map(str::trim).collect();
            names.sort();
            assert_eq!(names.join(","), *allowed, "{path}");
            refused.problem(405, "method_not_allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nowhere_is_a_problem_whoever_asks() {
    let shop = TestShop::open().await;
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/carts/", "/v2/carts", "/v1/orders/x/y/z"] {
        let problem = shop.get(path).send().await.problem(404, "not_found");
        assert_eq!(
            (text(&problem, "instance"), text(&problem, "type")),
            (path, "/problems/not_found")
        );
        for name in ["title", "detail"] {
            assert!(!text(&problem, name).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_or_it_is_refused() {
    let shop = TestShop::with(|config| config.limits.body_bytes = 1_000).await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = fill(&shop, &[]).await;
    let path = format!("/v1/carts/{cart}/items");
    let good = r#"{"sku":"MUG","quantity":1}"#;
    let send =
        |media_type: &str, body: &str| shop.post(&path).body(media_type, body.to_owned()).send();
    send("text/plain", good).await.problem(415, "unsupported_media_type");
    send("application/x-www-form-urlencoded", "sku=MUG")
        .await
        .problem(415, "unsupported_media_type");
    shop.post(&path).send().await.problem(415, "unsupported_media_type");
    for bad in [
        "",
        "{",
        "[1",
        "{\"sku\":\"MUG\",}",
        "{'sku':1}",
        "\u{0}",
        "{\"sku\":\"MUG\",\"sku\":\"TEA\",\"quantity\":1}",
    ] {
        send("application/json", bad).await.problem(400, "malformed_json");
    }
    let long = format!("{{\"sku\":\"{}\"}}", "x".repeat(1_000));
    send("application/json", &long).await.problem(413, "body_too_large");
    send("application/json", "[]").await.problem(400, "invalid_body");
    let added = send("Application/JSON; charset=utf-8", good).await.expect(200).json();
    assert_eq!(added["items"][0]["quantity"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_named_at_once() {
    let shop = TestShop::open().await;
    let cart = fill(&shop, &[]).await;
    let body = json!({ "name": "", "line1": 7, "city": " ", "country": "usa", "phone": "1".repeat(41), "zip": "1" });
    let refused = shop.put(&format!("/v1/carts/{cart}/shipping-address")).json(body).send().await;
    assert_eq!(refused.faults(400), ["/city", "/country", "/line1", "/name", "/phone", "/zip"]);
    let query = "/v1/orders?page=0&limit=1000&colour=red&from=now&status=odd";
    let refused = shop.get(query).staff().send().await;
    assert_eq!(refused.faults(400), ["/colour", "/from", "/limit", "/page", "/status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_known_is_not_sent_again_and_an_old_one_changes_nothing() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let (path, line) = (format!("/v1/carts/{cart}"), format!("/v1/carts/{cart}/items/MUG"));
    let first = shop.get(&path).send().await.expect(200);
    for tag in [
        first.etag().to_owned(),
        format!("W/{}", first.etag()),
        format!("\"x\", {}", first.etag()),
        "*".into(),
    ] {
        let known = shop.get(&path).header("if-none-match", &tag).send().await.expect(304);
        assert!(known.bytes.is_empty());
        assert_eq!(known.etag(), first.etag());
    }
    let set = |quantity: u32, tag: &str| {
        shop.patch(&line).header("if-match", tag).json(json!({ "quantity": quantity })).send()
    };
    let second = set(2, first.etag()).await.expect(200);
    assert_ne!(second.etag(), first.etag());
    set(3, first.etag()).await.problem(412, "precondition_failed");
    set(3, "\"nonsense\"").await.problem(412, "precondition_failed");
    set(3, "nonsense").await.problem(400, "invalid_header");
    shop.delete(&path)
        .header("if-match", first.etag())
        .send()
        .await
        .problem(412, "precondition_failed");
    let kept = shop.get(&path).header("if-none-match", first.etag()).send().await.expect(200);
    assert_eq!(kept.json()["items"][0]["quantity"], 2);
    set(4, "*").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_an_id_of_its_callers_or_of_ours() {
    let shop = TestShop::open().await;
    let with = |id: &str| shop.get("/v1/nothing").header("x-request-id", id).send();
    assert_eq!(with("trace-1.a_B").await.header("x-request-id"), "trace-1.a_B");
    let odd = with("a b; drop").await;
    assert!(odd.header("x-request-id").starts_with("req-"));
    let [one, other] = [shop.get("/healthz").send().await, shop.get("/healthz").send().await];
    assert!(one.header("x-request-id").starts_with("req-"));
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    assert_eq!(one.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leads_to_its_neighbours_and_ends_in_peace() {
    let shop = TestShop::open().await;
    let goods: Vec<String> = (0..5).map(|i| format!("SKU-{i}")).collect();
    for sku in &goods {
        shelve(&shop, &[(sku.as_str(), 100, 1)]).await;
    }
    let list = |query: &'static str| shop.get(&format!("/v1/inventory?{query}")).staff().send();
    let middle = list("page=2&limit=2").await.expect(200);
    let link = |page: u32, rel: &str| {
        format!("<http://shop.example/v1/inventory?limit=2&page={page}>; rel=\"{rel}\"")
    };
    let all = [link(1, "first"), link(1, "prev"), link(3, "next"), link(3, "last")].join(", ");
    assert_eq!(middle.header("link"), all);
    let past = list("page=9&limit=2").await.expect(200);
    let meta = json!({ "totalItems": 5, "currentPage": 9, "totalPages": 3, "itemsPerPage": 2 });
    assert_eq!(past.json(), json!({ "data": [], "meta": meta }));
    assert_eq!(
        past.header("link"),
        [link(1, "first"), link(3, "prev"), link(3, "last")].join(", ")
    );
    let mut seen = Vec::new();
    for page in ["page=1&limit=2", "page=2&limit=2", "page=3&limit=2"] {
        let data = list(page).await.expect(200).json()["data"].as_array().unwrap().clone();
        seen.extend(data.iter().map(|own| text(own, "sku").to_owned()));
    }
    assert_eq!(seen, goods);
    // Whatever a client claims as host stays out of links.
    let faked = shop.get("/v1/inventory").staff().header("x-forwarded-host", "evil.example");
    assert!(!faked.send().await.header("link").contains("evil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_turns_requests_away_at_once() {
    let shop = TestShop::with(|config| config.limits.requests = 1).await;
    // A request whose body takes its time is under way until the last byte is there.
    let (bytes, body) = mpsc::unbounded_channel::<Bytes>();
    let body = stream::unfold(body, |mut body| async move {
        let bytes = body.recv().await?;
        Some((Ok::<_, Infallible>(bytes), body))
    });
    let slow = shop.post("/v1/carts").body("application/json", Body::wrap_stream(body));
    bytes.send(Bytes::from_static(b"{")).unwrap();
    let slow = tokio::spawn(slow.send());
    let refused = loop {
        let answer = shop.get("/v1/nothing").send().await;
        if answer.status == 503 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.header("retry-after"), "1");
    assert!(!refused.header("x-request-id").is_empty());
    refused.problem(503, "overloaded");
    for path in ["/healthz", "/readyz", "/metrics"] {
        shop.get(path).send().await.expect(200);
    }
    bytes.send(Bytes::from_static(b"}")).unwrap();
    drop(bytes);
    slow.await.unwrap().expect(201);
    shop.get("/v1/nothing").send().await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_internal_gets_out() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let odd: Vec<(String, Value)> = vec![
        (format!("/v1/carts/{cart}/items"), json!({ "sku": "\u{0}", "quantity": 1 })),
        (format!("/v1/carts/{cart}/items"), json!({ "sku": "MUG", "quantity": 9_999_999_999_u64 })),
        ("/v1/carts".into(), json!({ "currency": "usd" })),
        ("/v1/carts".into(), json!({ "items": [{}] })),
        ("/v1/auth/login".into(), json!(null)),
    ];
    for (path, body) in odd {
        let answer = shop.post(&path).json(body).send().await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        let told = answer.text();
        for word in ["serde", "panicked", "src/", "Error(", "Some("] {
            assert!(!told.contains(word), "{path}: {told}");
        }
    }
    assert_eq!(level(&shop, "MUG").await, [5, 0, 5]);
}
