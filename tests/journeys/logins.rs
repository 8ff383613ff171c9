//! Logins as their holder sees them: where they came from, and an end to each.

use crate::goods::text;
use crate::people::{mailbox, unverified};
use crate::testshop::TestShop;
use crate::totp::{hire, token};
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use serde_json::{Value, json};

async fn sessions(shop: &TestShop, token: &str) -> Vec<Value> {
    let listed = shop.get("/v1/users/me/sessions").bearer(token).send().await.expect(200);
    assert_eq!(listed.header("cache-control"), "no-store");
    listed.json()["data"].as_array().unwrap().clone()
}

fn path(session: &Value) -> String {
    format!("/v1/users/me/sessions/{}", text(session, "sessionId"))
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_listed_and_ended_one_by_one() {
    let shop = TestShop::open().await;
    hire(&shop).await;
    let (mine, other) = (token(&shop, json!({})).await, token(&shop, json!({})).await);
    let shop = shop.restarted().await;
    shop.pass(Span::minutes(10));
    let listed = sessions(&shop, &mine).await;
    assert_eq!(listed.len(), 2);
    let [first, second] = [&listed[0], &listed[1]];
    assert_eq!((&first["current"], &second["current"]), (&json!(true), &json!(false)));
    assert_eq!((text(first, "userAgent"), text(first, "address")), ("a browser", "127.0.0.1"));
    assert_eq!(first["createdAt"], "2023-11-14T22:13:20Z");
    assert_eq!(second["lastUsedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(first["lastUsedAt"], "2023-11-14T22:23:00Z");
    assert_eq!(first["expiresAt"], "2023-12-14T22:13:20Z");

    // Somebody else's is not there, whoever asks.
    shop.delete(&path(second)).staff().send().await.problem(404, "not_found");
    let customer = unverified(&shop, "ada@example.com").await;
    shop.delete(&path(second)).bearer(&customer).send().await.problem(404, "not_found");
    shop.delete("/v1/users/me/sessions/sess-x").bearer(&mine).send().await.expect(404);
    shop.delete(&path(second)).send().await.problem(401, "unauthenticated");
    assert_eq!(sessions(&shop, &mine).await.len(), 2);

    shop.delete(&path(second)).bearer(&mine).send().await.expect(204);
    shop.get("/v1/orders").bearer(&other).send().await.problem(401, "invalid_token");
    assert_eq!(sessions(&shop, &mine).await.len(), 1);
    shop.delete(&path(second)).bearer(&mine).send().await.problem(404, "not_found");
    shop.delete(&path(first)).bearer(&mine).send().await.expect(204);
    shop.get("/v1/orders").bearer(&mine).send().await.problem(401, "invalid_token");
    // Who ended what is in the audit log.
    let audit = shop.get("/v1/audit?method=DELETE").staff().send().await.expect(200).json();
    let paths: Vec<&str> =
        audit["data"].as_array().unwrap().iter().map(|entry| text(entry, "path")).collect();
    assert_eq!(paths, [path(first), path(second)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_their_logins_and_no_mail_among_them() {
    let shop = TestShop::open().await;
    let email = "ada@example.com";
    let first = unverified(&shop, email).await;
    let forgot = shop.post("/v1/auth/password/forgot").json(json!({ "email": email }));
    forgot.send().await.expect(202);
    assert_eq!(mailbox(&shop, email).await.count(MailKind::PasswordReset), 1);
    let listed = sessions(&shop, &first).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((text(&listed[0], "address"), &listed[0]["current"]), ("127.0.0.1", &json!(true)));
    shop.delete(&path(&listed[0])).bearer(&first).send().await.expect(204);
    shop.get("/v1/users/me").bearer(&first).send().await.problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_ends_all_logins_of_a_member() {
    let shop = TestShop::open().await;
    let id = hire(&shop).await;
    let tokens = [token(&shop, json!({})).await, token(&shop, json!({})).await];
    let all = format!("/v1/staff/{id}/sessions");
    shop.delete(&all).bearer(&tokens[0]).send().await.problem(403, "forbidden");
    shop.delete(&all).staff().send().await.expect(204);
    for token in &tokens {
        shop.get("/v1/orders").bearer(token).send().await.problem(401, "invalid_token");
    }
    shop.get("/v1/orders").staff().send().await.expect(200);
    token(&shop, json!({})).await;
    let audit = shop.get("/v1/audit?method=DELETE").staff().send().await.expect(200).json();
    assert_eq!(text(&audit["data"][0], "path"), all);
    let nobody = all.replace(&id, &format!("{}{}", &id[..id.len() - 4], "zzzz"));
    shop.delete(&nobody).staff().send().await.problem(404, "not_found");
}
