//! Whoever means harm: each gets a 4xx or a closed connection, and the shop goes on.

use crate::goods::{fill, shelve};
use crate::raw::{Raw, status, told};
use crate::testshop::TestShop;
use mercat::config::Config;
use serde_json::{Value, json};

/// Time limits that a test can wait for.
fn hasty(config: &mut Config) {
    config.limits.header_ms = 100;
    config.limits.body_ms = 100;
    config.limits.idle_ms = 100;
    config.limits.write_ms = 100;
}

/// All is well with the shop: others are served.
async fn sells_on(shop: &TestShop) {
    shop.get("/v1/products").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_and_the_connection_closed() {
    let shop = TestShop::open().await;
    let long_name = "x".repeat(20_000);
    let many = "X-Many: 1\r\n".repeat(101);
    let requests: Vec<(&str, String, &[u16])> = vec![
        ("no host", "GET /v1/products HTTP/1.1\r\n\r\n".into(), &[400]),
        ("two hosts", "GET /v1/products HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into(), &[400]),
        ("an odd host", "GET /v1/products HTTP/1.1\r\nHost: a/../b\r\n\r\n".into(), &[400]),
        ("no version", "GET /v1/products\r\nHost: a\r\n\r\n".into(), &[400]),
        ("version 9", "GET /v1/products HTTP/9.0\r\nHost: a\r\n\r\n".into(), &[400, 505]),
        ("a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n".into(), &[400]),
        ("a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n".into(), &[400]),
        ("a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n".into(), &[400]),
        ("NUL in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n".into(), &[400]),
        ("NUL in the path", "GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[400]),
        ("a method of odd bytes", "G@T\x01 / HTTP/1.1\r\nHost: a\r\n\r\n".into(), &[400]),
        ("a large head", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long_name}\r\n\r\n"), &[431]),
        ("many fields", format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), &[431]),
        (
            "a long address",
            format!("GET /v1/products?q={} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9_000)),
            &[414],
        ),
        (
            "a length and chunks",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".into(),
            &[400],
        ),
        (
            "chunks and a length",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n".into(),
            &[400],
        ),
        (
            "two lengths",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}".into(),
            &[400],
        ),
        (
            "two lengths that differ",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".into(),
            &[400],
        ),
        (
            "a negative length",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n{}".into(),
            &[400],
        ),
        (
            "a huge length",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n{}".into(),
            &[400],
        ),
        (
            "chunks that are not the last coding",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n".into(),
            &[400],
        ),
        (
            "chunks in HTTP/1.0",
            "POST /v1/carts HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            &[400],
        ),
        (
            "a chunk of odd length",
            "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".into(),
            &[400],
        ),
        ("not HTTP at all", "\u{16}\u{3}\u{1}\0hello there\r\n\r\n".into(), &[400]),
    ];
    for (what, request, expected) in requests {
        let answer = told(&shop, &request).await;
        match status(&answer) {
            Some(status) => assert!(expected.contains(&status), "{what}: {answer}"),
            None => assert!(answer.is_empty(), "{what}: {answer}"),
        }
    }
    sells_on(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hides_behind_a_good_one_is_found() {
    let shop = TestShop::open().await;
    let good = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let bad = "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answers = told(&shop, format!("{good}{bad}{good}")).await;
    assert!(!answers.contains("201 Created"), "{answers}");
    assert!(answers.contains("HTTP/1.1 400"), "{answers}");
    let mut raw = Raw::open(&shop).await;
    raw.send(good).await;
    assert_eq!(status(&raw.answer().await), Some(200));
    raw.send(bad).await;
    let refused = raw.rest().await;
    assert_eq!(status(&refused), Some(400));
    assert!(
        refused.contains("\"bad_request\"") && refused.contains("connection: close"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_targets_that_lead_nowhere_are_refused() {
    let shop = TestShop::open().await;
    for (line, expected) in [
        ("BREW /v1/products", 405),
        ("TRACE /v1/products", 405),
        ("get /v1/products", 405),
        ("OPTIONS *", 404),
        ("CONNECT shop.example:443", 404),
        ("GET /v1/products/../../etc/passwd", 404),
        ("GET /v1/products/%00", 404),
        ("GET /v1/products/%ff%fe", 404),
        ("GET /v1/products?q=%ff", 400),
        ("GET /v1/products?page=99999999999999999999999999", 400),
        ("GET /v1/inventory/%00", 401),
        ("GET http://elsewhere.example/v1/nothing", 404),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = told(&shop, request).await;
        assert_eq!(status(&answer), Some(expected), "{line}: {answer}");
    }
    let mut raw = Raw::open(&shop).await;
    raw.send(b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(status(&raw.rest().await), Some(400 | 404)));
    sells_on(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_meant_to_hurt_are_refused() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let path = format!("/v1/carts/{}/items", fill(&shop, &[]).await);
    let send = |bytes: Vec<u8>| shop.post(&path).body("application/json", bytes).send();
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("deep arrays", deep("[", "]").into()),
        ("deep objects", format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000)).into()),
        ("a name twice", b"{\"sku\":\"MUG\",\"quantity\":1,\"quantity\":2}".into()),
        (
            "a name twice, once escaped",
            b"{\"sku\":\"MUG\",\"quantity\":1,\"\\u0071uantity\":2}".into(),
        ),
        ("bad UTF-8", b"{\"sku\":\"\xc3\x28\",\"quantity\":1}".into()),
        ("an overlong form", b"{\"sku\":\"\xc0\xaf\",\"quantity\":1}".into()),
        ("a surrogate", b"{\"sku\":\"\\ud800\",\"quantity\":1}".into()),
        ("a raw NUL", b"{\"sku\":\"M\0G\",\"quantity\":1}".into()),
        ("an escaped NUL", b"{\"sku\":\"M\\u0000G\",\"quantity\":1}".into()),
        (
            "a number without end",
            format!("{{\"sku\":\"MUG\",\"quantity\":{}}}", "9".repeat(100_000)).into(),
        ),
        ("a huge exponent", b"{\"sku\":\"MUG\",\"quantity\":1e999999999}".into()),
        ("a tiny exponent", b"{\"sku\":\"MUG\",\"quantity\":1e-999999999}".into()),
        ("infinity", b"{\"sku\":\"MUG\",\"quantity\":Infinity}".into()),
        ("a negative", b"{\"sku\":\"MUG\",\"quantity\":-1}".into()),
        ("half of one", b"{\"sku\":\"MUG\",\"quantity\":0.5}".into()),
        ("more than a line holds", b"{\"sku\":\"MUG\",\"quantity\":4294967297}".into()),
        ("a byte order mark", b"\xef\xbb\xbf{\"sku\":\"MUG\",\"quantity\":1}".into()),
        ("a comment", b"{\"sku\":\"MUG\",/* */\"quantity\":1}".into()),
        ("two values", b"{\"sku\":\"MUG\",\"quantity\":1}{}".into()),
        ("a name of its own kind", b"{\"sku\":\"MUG\",\"quantity\":1,\"__proto__\":{}}".into()),
    ];
    for (what, body) in bodies {
        let refused = send(body).await;
        assert!(matches!(refused.status, 400 | 422), "{what}: {}", refused.status);
        assert_eq!(refused.header("content-type"), "application/problem+json", "{what}");
    }
    for amount in ["1e999999999", "1e-999999999", "99999999999999999999999.99", "-1", "1.2345678"] {
        let price: Value = serde_json::from_str(amount).unwrap();
        let body = json!({ "name": "x", "description": "", "price": price, "currency": "USD",
            "category": "x", "brand": "x", "imageUrl": "https://a.example/a.png", "stockQuantity": 1 });
        let refused = shop.post("/v1/products").staff().json(body).send().await;
        assert!(matches!(refused.status, 400 | 422), "{amount}: {}", refused.status);
    }
    sells_on(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_a_hundred_megabytes_is_not_taken() {
    const PARTS: usize = 1_600;
    let shop = TestShop::open().await;
    let head = "POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let (part, size) = (vec![b' '; 1 << 16], format!("{:x}\r\n", 1 << 16));
    let chunk = [size.as_bytes(), &part, b"\r\n"].concat();
    for (framing, part) in
        [("Content-Length: 104857600", &part), ("Transfer-Encoding: chunked", &chunk)]
    {
        let mut raw = Raw::open(&shop).await;
        raw.send(format!("{head}{framing}\r\n\r\n")).await;
        let mut sent = 0;
        while sent < PARTS && raw.send(part).await {
            sent += 1;
        }
        assert!(sent < PARTS, "{framing}: all of it was taken");
        let answer = raw.rest().await;
        assert!(matches!(status(&answer), Some(413) | None), "{framing}: {answer}");
    }
    sells_on(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_are_cut_off() {
    let shop = TestShop::with(hasty).await;
    // Nothing at all.
    assert_eq!(told(&shop, "").await, "");
    // A head that trickles.
    let mut raw = Raw::open(&shop).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\n").await;
    while raw.send("x").await {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(raw.rest().await, "");
    // A body that trickles: whoever sends it hears why.
    let mut raw = Raw::open(&shop).await;
    raw.send("POST /v1/carts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{").await;
    let answer = raw.answer().await;
    assert_eq!(status(&answer), Some(408), "{answer}");
    assert!(
        answer.contains("\"body_too_slow\"") && answer.contains("connection: close"),
        "{answer}"
    );
    assert_eq!(raw.rest().await, "");
    // A beginning of HTTP/2, and no more of it.
    assert_eq!(told(&shop, "PRI * HTTP/2.0\r\n").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_asked_is_closed() {
    let shop = TestShop::with(hasty).await;
    let mut raw = Raw::open(&shop).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&raw.answer().await), Some(200));
    assert_eq!(raw.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_outlasts_the_time_of_idle_connections() {
    let shop = TestShop::with(|config| config.limits.idle_ms = 20).await;
    let live = shop.get("/v1/events/stream").staff().open().await;
    assert_eq!(live.status().as_u16(), 200);
    // Many times the idle time; the stream says nothing meanwhile.
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let mut live = live;
    let first = live.chunk().await.unwrap().expect("the stream goes on");
    assert!(first.starts_with(b"id:") || first.starts_with(b"event:"), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_for_each_address_and_in_all() {
    let bounded: [fn(&mut Config); 2] = [
        |config| {
            config.rates.on = true;
            config.limits.connections_per_address = 3;
        },
        |config| config.limits.connections = 3,
    ];
    for change in bounded {
        let shop = TestShop::with(change).await;
        let mut inside = Vec::new();
        for _ in 0..3 {
            let mut raw = Raw::open(&shop).await;
            raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(status(&raw.answer().await), Some(200));
            inside.push(raw);
        }
        assert_eq!(told(&shop, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await, "");
        // One leaves, and there is a place again.
        drop(inside.pop());
        loop {
            let mut raw = Raw::open(&shop).await;
            raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
            if status(&raw.answer().await) == Some(200) {
                break;
            }
        }
    }
}

/// Memory of this process in bytes, as Linux tells it.
fn memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? << 10)
}

/// In a process of its own, for other tests would be measured with it.
#[test]
fn ten_thousand_idle_connections_cost_little() {
    let measured = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::idle_connections_alone", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&measured.stdout);
    assert!(measured.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above"]
async fn idle_connections_alone() {
    // Both ends are in this process, and the shop has files of its own.
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let files = files.maximum.unwrap_or(u64::MAX) as usize;
    let wanted = 10_000.min(files.saturating_sub(2_000).max(files / 2) / 2);
    let shop = TestShop::with(|config| config.limits.header_ms = 600_000).await;
    let before = memory();
    let mut idle = Vec::with_capacity(wanted);
    while idle.len() < wanted {
        let mut raw = Raw::open(&shop).await;
        raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX: ").await;
        idle.push(raw);
    }
    sells_on(&shop).await;
    if let (Some(before), Some(after)) = (before, memory()) {
        let each = after.saturating_sub(before) / wanted;
        println!("{wanted} idle connections took {each} bytes each, both ends together");
        assert!(each < 40 << 10, "{wanted} connections took {each} bytes each");
    }
}
