//! More writes at once than the shop lets in, while its disk stands still.

use crate::faults::PATIENCE;
use crate::goods::{fill, shelve};
use crate::testshop::TestShop;
use mercat::storage::Table;
use serde_json::json;

/// Returns when so many writes are under way.
async fn under_way(shop: &TestShop, count: usize) {
    let line = format!("\nmercat_http_writes_under_way {count}\n");
    let counted = async {
        while !shop.get("/metrics").send().await.expect(200).text().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.expect("they are not under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_writes_is_turned_away_at_once_and_who_is_in_is_served() {
    let shop = TestShop::with(|config| {
        config.limits.write_wait_ms = 15;
        config.limits.writes = 8;
    });
    let shop = shop.await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let carts = shop.rows(Table::Carts);
    let begin = || shop.post("/v1/carts").json(json!({}));
    let go_on = || {
        let line = json!({ "sku": "MUG", "quantity": 1 });
        shop.post(&format!("/v1/carts/{cart}/items")).json(line)
    };
    let disk = shop.faults.commits.shut();
    let mut let_in = Vec::new();
    for count in 1..=4 {
        let_in.push(tokio::spawn(begin().send()));
        under_way(&shop, count).await;
    }
    // Half is for those who began before.
    let refused = begin().send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(503, "overloaded");
    for count in 5..=8 {
        let_in.push(tokio::spawn(go_on().send()));
        under_way(&shop, count).await;
    }
    for refused in [begin(), go_on()] {
        let refused = refused.send().await;
        assert_eq!(refused.header("retry-after"), "1");
        refused.problem(503, "overloaded");
    }
    // Reads wait for no disk, and logins for a pool of their own.
    shop.get("/v1/products").send().await.expect(200);
    let login = json!({ "email": "nobody@shop.example", "password": "whatever it was" });
    shop.post("/v1/auth/login").json(login).send().await.problem(401, "bad_credentials");
    let figures = shop.get("/metrics").send().await.expect(200).text();
    assert!(figures.contains("\nmercat_http_writes_bound 8\n"), "{figures}");
    assert!(figures.contains("route=\"turned away\",status=\"5xx\"} 3\n"), "{figures}");
    drop(disk);
    for answer in let_in {
        let answer = answer.await.unwrap();
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
    begin().send().await.expect(201);
    under_way(&shop, 0).await;
    // What was let in is there, and what was turned away is not.
    assert_eq!(shop.rows(Table::Carts), carts + 5);
    let cart = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!(cart["items"][0]["quantity"], 5, "{cart:#}");
}
