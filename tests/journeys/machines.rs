//! What machines read: health, figures, and the log in pages and live.

use crate::goods::{paid_order, shelve, text};
use crate::testshop::{Request, TestShop};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_says_that_it_is_alive_and_ready() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    paid_order(&shop, "MUG").await;
    let alive = shop.get("/healthz").send().await.expect(200).json();
    assert_eq!(alive, json!({ "status": "alive" }));
    let ready = shop.get("/readyz").send().await.expect(200);
    assert_eq!(ready.header("cache-control"), "no-store");
    let ready = ready.json();
    let states = ["store", "actors", "search"].map(|part| text(&ready[part], "state").to_owned());
    assert_eq!((text(&ready, "status"), states), ("ready", ["up", "up", "up"].map(String::from)));
    assert_eq!((&ready["actors"]["orders"], &ready["actors"]["restarts"]), (&json!(1), &json!(0)));
    // Before its door closes it says so, and machines send nobody any more.
    shop.shop.begin_closing();
    let closing = shop.get("/readyz").send().await.expect(503);
    assert_eq!((closing.header("retry-after"), text(&closing.json(), "status")), ("1", "closing"));
    shop.get("/healthz").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_by_route_and_name_nobody() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let order = paid_order(&shop, "MUG").await;
    shop.get(&format!("/v1/orders/{}", text(&order, "orderId"))).staff().send().await.expect(200);
    shop.get("/v1/carts/cart-1").send().await.expect(404);
    shop.get("/nowhere").send().await.expect(404);
    shop.request(reqwest::Method::from_bytes(b"MADEUP").unwrap(), "/v1/carts")
        .send()
        .await
        .expect(405);
    let answer = shop.get("/metrics").send().await.expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let figures = answer.text();
    let requests = |method: &str, route: &str, status: &str| {
        format!(
            "mercat_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} 1\n"
        )
    };
    for line in [
        requests("POST", "/v1/carts/{cartId}/checkout", "2xx"),
        requests("GET", "/v1/orders/{orderId}", "2xx"),
        requests("GET", "/v1/carts/{cartId}", "4xx"),
        requests("GET", "none", "4xx"),
        requests("other", "/v1/carts", "4xx"),
        "mercat_entities{kind=\"order\"} 1\n".into(),
        "mercat_batches_waiting 0\n".into(),
        "mercat_actor_restarts_total 0\n".into(),
        "mercat_store_healthy 1\n".into(),
    ] {
        assert!(figures.contains(&line), "{line} is not in {figures}");
    }
    let last = shop.shop.reads.last_seq().borrow().0;
    assert!(figures.contains(&format!("mercat_events_total {last}\n")));
    for secret in ["cart-", "order-", "ada@", "MADEUP", "MUG"] {
        assert!(!figures.contains(secret), "{secret}");
    }
}

/// Every event of the log, read in parts of `limit`.
async fn whole_log(shop: &TestShop, limit: usize) -> Vec<Value> {
    let (mut log, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/events?limit={limit}{after}");
        let part = shop.get(&path).staff().send().await.expect(200).json();
        let data = part["data"].as_array().unwrap();
        assert!(data.len() == limit || part["meta"]["hasMore"] == false);
        log.extend(data.iter().cloned());
        if part["meta"]["hasMore"] == false {
            return log;
        }
        after = format!("&after={}", text(&part["meta"], "next"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_part_by_part_without_a_gap() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    paid_order(&shop, "MUG").await;
    let log = whole_log(&shop, 100).await;
    let ids: Vec<String> = (1..=log.len()).map(|place| format!("evt-{place:013}")).collect();
    assert_eq!(log.iter().map(|event| text(event, "eventId")).collect::<Vec<_>>(), ids);
    assert_eq!(whole_log(&shop, 3).await, log);
    for wanted in
        ["staff.created", "product.created", "cart.updated", "order.created", "order.paid"]
    {
        assert!(log.iter().any(|event| event["type"] == wanted), "{wanted}");
    }
    let end = format!("/v1/events?after={}", ids.last().unwrap());
    let nothing = shop.get(&end).staff().send().await.expect(200);
    let meta = json!({ "next": ids.last().unwrap(), "hasMore": false, "itemsPerPage": 20 });
    assert_eq!(nothing.json(), json!({ "data": [], "meta": meta }));
    let same = shop.get(&end).staff().header("if-none-match", nothing.etag()).send().await;
    same.expect(304);
    for query in ["after=12", "after=evt-1", "page=1", "limit=101"] {
        let refused = shop.get(&format!("/v1/events?{query}")).staff().send().await;
        refused.problem(400, "invalid_query");
    }
    let text = Value::from(log).to_string();
    for secret in ["argon2", "correct horse", "tok_visa", "test-pay-"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// The media type of a live stream (HTML, server-sent events).
pub const EVENT_STREAM: &str = "text/event-stream";

/// A live stream as its reader sees it.
pub struct Reader {
    response: reqwest::Response,
    text: String,
}

impl Reader {
    pub async fn open(request: Request) -> Reader {
        let response = request.open().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], EVENT_STREAM);
        Reader { response, text: String::new() }
    }

    /// The next message: its id and its data. `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let line = message.lines().find(|line| line.starts_with(name))?;
                    Some(line[name.len()..].trim().to_owned())
                };
                if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                    return Some((id, serde_json::from_str(&data).unwrap()));
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            let (id, event) = self.next().await.unwrap();
            assert_eq!(id, text(&event, "eventId"));
            events.push(event);
        }
        events
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_goes_on_where_its_reader_was() {
    let shop = TestShop::open().await;
    let mut fresh = Reader::open(shop.get("/v1/events/stream").staff()).await;
    let mut all = Reader::open(shop.get("/v1/events/stream?after=evt-0000000000000").staff()).await;
    let before = whole_log(&shop, 100).await;
    assert_eq!(all.take(before.len()).await, before);
    shelve(&shop, &[("MUG", 100, 5)]).await;
    paid_order(&shop, "MUG").await;
    let log = whole_log(&shop, 100).await;
    let news = &log[before.len()..];
    // One that begins now hears only what happens from now on.
    assert_eq!(fresh.take(news.len()).await, news);
    let (first, rest) = news.split_at(2);
    assert_eq!(all.take(2).await, first);
    drop(all);
    let mut back = Reader::open(
        shop.get("/v1/events/stream?after=evt-0000000000000")
            .staff()
            .header("last-event-id", text(&first[1], "eventId")),
    )
    .await;
    assert_eq!(back.take(rest.len()).await, rest);
    paid_order(&shop, "MUG").await;
    let log = whole_log(&shop, 100).await;
    let newest = &log[before.len() + news.len()..];
    assert_eq!(back.take(newest.len()).await, newest);
    assert_eq!(fresh.take(newest.len()).await, newest);
    // The shop closes: every reader is let go.
    shop.shop.begin_closing();
    assert_eq!(back.next().await, None);
    assert_eq!(fresh.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_are_bounded_and_end_with_their_token() {
    let shop = TestShop::open().await;
    let last = || shop.get("/v1/events/stream").staff().header("last-event-id", "42");
    last().send().await.problem(400, "invalid_header");
    let body = json!({ "email": "admin@shop.example", "password": "correct horse battery staple" });
    let tokens = shop.post("/v1/auth/login").json(body).send().await.expect(200).json();
    let token = text(&tokens, "accessToken");
    let mut reader = Reader::open(shop.get("/v1/events/stream").bearer(token)).await;
    shop.post("/v1/auth/logout").bearer(token).send().await.expect(204);
    shelve(&shop, &[("MUG", 100, 5)]).await;
    assert_eq!(reader.next().await, None);
    let places = shop.shop.streams.available_permits() as u32;
    let taken = shop.shop.streams.clone().acquire_many_owned(places).await.unwrap();
    let full = shop.get("/v1/events/stream").staff().send().await;
    assert_eq!(full.header("retry-after"), "1");
    full.problem(503, "unavailable");
    drop(taken);
    drop(Reader::open(shop.get("/v1/events/stream").staff()).await);
}
