//! Who runs the shop: invitations, roles, API keys, and the log of who changed what.

use crate::goods::{shelve, text};
use crate::testshop::{Answer, TestShop};
use mercat::domain::Span;
use mercat::domain::permission::Permission;
use mercat::domain::staff::Role;
use serde_json::{Value, json};

const ADMIN: &str = "admin@shop.example";
const ADMINS_PASSWORD: &str = "correct horse battery staple";
const GRACE: &str = "grace@shop.example";
const PASSWORD: &str = "a long enough password";

async fn login(shop: &TestShop, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    shop.post("/v1/auth/login").json(body).send().await
}

async fn token_of(shop: &TestShop, email: &str, password: &str) -> String {
    text(&login(shop, email, password).await.expect(200).json(), "accessToken").to_owned()
}

async fn invite(shop: &TestShop, role: &str) -> Value {
    let token = token_of(shop, ADMIN, ADMINS_PASSWORD).await;
    let body = json!({ "email": GRACE, "role": role });
    shop.post("/v1/staff/invitations").bearer(&token).json(body).send().await.expect(201).json()
}

async fn accept(shop: &TestShop, token: &str) -> Answer {
    let body = json!({ "token": token, "password": PASSWORD });
    shop.post("/v1/staff/invitations/accept").json(body).send().await
}

/// Grace comes to the shop; gives her id.
async fn hire(shop: &TestShop, role: &str) -> String {
    let invitation = invite(shop, role).await;
    accept(shop, text(&invitation, "token")).await.expect(204);
    id_of(shop, GRACE).await
}

async fn id_of(shop: &TestShop, email: &str) -> String {
    let token = token_of(shop, ADMIN, ADMINS_PASSWORD).await;
    let members = shop.get("/v1/staff").bearer(&token).send().await.expect(200).json();
    let members = members["data"].as_array().unwrap();
    let member = members.iter().find(|own| own["email"] == email).unwrap();
    text(member, "staffId").to_owned()
}

async fn make_key(shop: &TestShop, body: Value) -> Value {
    let token = token_of(shop, ADMIN, ADMINS_PASSWORD).await;
    shop.post("/v1/api-keys").bearer(&token).json(body).send().await.expect(201).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_once_and_in_time() {
    let shop = TestShop::open().await;
    let invitation = invite(&shop, "staff").await;
    let open = shop.get("/v1/staff/invitations").staff().send().await.expect(200).json();
    assert_eq!(open["data"][0]["email"], GRACE);
    assert_eq!(open["data"][0]["token"], Value::Null);
    let late = text(&invitation, "token").to_owned();
    shop.pass(Span::days(7));
    accept(&shop, &late).await.problem(401, "invalid_token");
    let fresh = invite(&shop, "staff").await;
    let shop = shop.restarted().await;
    accept(&shop, text(&fresh, "token")).await.expect(204);
    accept(&shop, text(&fresh, "token")).await.problem(401, "invalid_token");
    let token = token_of(&shop, GRACE, PASSWORD).await;
    shop.get("/v1/orders").bearer(&token).send().await.expect(200);
    shop.get("/v1/staff").bearer(&token).send().await.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_ends_every_login() {
    let shop = TestShop::open().await;
    let id = hire(&shop, "staff").await;
    let tokens = login(&shop, GRACE, PASSWORD).await.expect(200).json();
    let path = format!("/v1/staff/{id}");
    let same = shop.put(&path).staff().json(json!({ "role": "staff" })).send().await.expect(200);
    assert_eq!(same.json()["role"], "staff");
    let access = text(&tokens, "accessToken");
    shop.get("/v1/orders").bearer(access).send().await.expect(200);
    shop.put(&path).staff().json(json!({ "role": "admin" })).send().await.expect(200);
    shop.get("/v1/orders").bearer(access).send().await.problem(401, "invalid_token");
    let body = json!({ "refreshToken": tokens["refreshToken"] });
    shop.post("/v1/auth/refresh").json(body).send().await.problem(401, "invalid_token");
    let shop = shop.restarted().await;
    shop.get("/v1/orders").bearer(access).send().await.problem(401, "invalid_token");
    let token = token_of(&shop, GRACE, PASSWORD).await;
    shop.get("/v1/staff").bearer(&token).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_always_an_administrator() {
    let shop = TestShop::open().await;
    let me = format!("/v1/staff/{}", id_of(&shop, ADMIN).await);
    let demote = || shop.put(&me).staff().json(json!({ "role": "staff" })).send();
    demote().await.problem(409, "last_admin");
    shop.delete(&me).staff().send().await.problem(409, "last_admin");
    hire(&shop, "admin").await;
    shop.delete(&me).staff().send().await.expect(204);
    login(&shop, ADMIN, ADMINS_PASSWORD).await.problem(401, "bad_credentials");
    let token = token_of(&shop, GRACE, PASSWORD).await;
    shop.get(&me).bearer(&token).send().await.problem(405, "method_not_allowed");
    let again = shop.delete(&me).bearer(&token).send().await;
    again.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_takes_their_keys_and_invitations_along() {
    let shop = TestShop::open().await;
    let id = hire(&shop, "admin").await;
    let token = token_of(&shop, GRACE, PASSWORD).await;
    let body = json!({ "name": "hers", "scopes": ["orders:read", "audit:read"] });
    let key = shop.post("/v1/api-keys").bearer(&token).json(body).send().await.expect(201).json();
    let key = text(&key, "token");
    let body = json!({ "email": "eve@shop.example", "role": "admin" });
    let invited = shop.post("/v1/staff/invitations").bearer(&token).json(body).send().await;
    let invited = invited.expect(201).json();
    shop.get("/v1/orders").bearer(key).send().await.expect(200);
    shop.get("/v1/audit").bearer(key).send().await.expect(200);
    // A key may do no more than who made it.
    shop.put(&format!("/v1/staff/{id}")).staff().json(json!({ "role": "staff" })).send().await;
    shop.get("/v1/orders").bearer(key).send().await.expect(200);
    shop.get("/v1/audit").bearer(key).send().await.problem(403, "forbidden");
    shop.delete(&format!("/v1/staff/{id}")).staff().send().await.expect(204);
    shop.get("/v1/orders").bearer(key).send().await.problem(401, "invalid_token");
    accept(&shop, text(&invited, "token")).await.problem(401, "invalid_token");
    let shop = shop.restarted().await;
    shop.get("/v1/orders").bearer(key).send().await.problem(401, "invalid_token");
    assert_eq!(shop.get("/v1/api-keys").staff().send().await.json()["data"], json!([]));
    login(&shop, GRACE, PASSWORD).await.problem(401, "bad_credentials");
    // Her address is free for her return.
    hire(&shop, "staff").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_invite_nobody_any_more_has_invited_nobody() {
    let shop = TestShop::open().await;
    let path = format!("/v1/staff/{}", hire(&shop, "admin").await);
    let token = token_of(&shop, GRACE, PASSWORD).await;
    let body = json!({ "email": "eve@shop.example", "role": "admin" });
    let invited = shop.post("/v1/staff/invitations").bearer(&token).json(body).send().await;
    let invited = invited.expect(201).json();
    shop.put(&path).staff().json(json!({ "role": "staff" })).send().await.expect(200);
    accept(&shop, text(&invited, "token")).await.problem(401, "invalid_token");
    let shop = shop.restarted().await;
    accept(&shop, text(&invited, "token")).await.problem(401, "invalid_token");
    let open = shop.get("/v1/staff/invitations").staff().send().await.expect(200).json();
    assert_eq!(open["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_nobody_who_may_do_more_than_it() {
    let shop = TestShop::open().await;
    let path = format!("/v1/staff/{}", hire(&shop, "staff").await);
    let key = make_key(&shop, json!({ "name": "people", "scopes": ["staff:write"] })).await;
    let key = text(&key, "token");
    let invite = async |key: &str, role: &str| {
        let body = json!({ "email": "eve@shop.example", "role": role });
        shop.post("/v1/staff/invitations").bearer(key).json(body).send().await
    };
    for role in ["staff", "admin"] {
        invite(key, role).await.problem(403, "forbidden");
    }
    let promote = shop.put(&path).bearer(key).json(json!({ "role": "admin" })).send().await;
    promote.problem(403, "forbidden");
    // One that may do all that staff may, and manage them, makes staff and no administrators.
    let scopes: Vec<&str> = Permission::all()
        .filter(|one| Role::Staff.may(*one) || *one == Permission::StaffWrite)
        .map(Permission::name)
        .collect();
    let key = make_key(&shop, json!({ "name": "staff", "scopes": scopes })).await;
    let key = text(&key, "token");
    invite(key, "admin").await.problem(403, "forbidden");
    invite(key, "staff").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_its_scopes_say_until_it_ends() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let body = json!({ "name": "till", "scopes": ["inventory:read", "keys:write"],
        "expiresAt": "2023-11-15T22:13:20Z" });
    let key = make_key(&shop, body).await;
    let token = text(&key, "token").to_owned();
    assert!(token.starts_with("mct_"));
    let listed = shop.get("/v1/api-keys").staff().send().await.expect(200).json();
    assert_eq!(
        (&listed["data"][0]["token"], &listed["data"][0]["lastUsedAt"]),
        (&Value::Null, &Value::Null)
    );
    shop.get("/v1/inventory/MUG").bearer(&token).send().await.expect(200);
    let refused = shop.get("/v1/orders").bearer(&token).send().await;
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    assert!(refused.problem(403, "forbidden")["detail"].as_str().unwrap().contains("orders:read"));
    shop.patch("/v1/inventory/MUG").bearer(&token).send().await.problem(403, "forbidden");
    // It cannot give what it does not have, nor log out.
    let wider = json!({ "name": "wider", "scopes": ["orders:refund"] });
    let wider = shop.post("/v1/api-keys").bearer(&token).json(wider).send().await;
    wider.problem(403, "forbidden");
    shop.post("/v1/auth/logout").bearer(&token).send().await.problem(403, "forbidden");
    let listed = shop.get("/v1/api-keys").staff().send().await.expect(200).json();
    assert_eq!(listed["data"][0]["lastUsedAt"], "2023-11-14T22:13:00Z");
    shop.pass(Span::days(1));
    shop.get("/v1/inventory/MUG").bearer(&token).send().await.problem(401, "invalid_token");

    let key = make_key(&shop, json!({ "name": "lasting", "scopes": ["inventory:read"] })).await;
    let shop = shop.restarted().await;
    let token = text(&key, "token");
    shop.get("/v1/inventory/MUG").bearer(token).send().await.expect(200);
    let path = format!("/v1/api-keys/{}", text(&key, "keyId"));
    shop.delete(&path).staff().send().await.expect(204);
    shop.get("/v1/inventory/MUG").bearer(token).send().await.problem(401, "invalid_token");
    shop.delete(&path).staff().send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_who_changed_what() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 100, 5)]).await;
    let key = make_key(&shop, json!({ "name": "till", "scopes": ["inventory:write"] })).await;
    let adjust = |delta: i64| {
        let body = json!({ "delta": delta, "reason": "counted" });
        shop.post("/v1/inventory/MUG/adjustments").header("x-request-id", "my-request").json(body)
    };
    adjust(1).bearer(text(&key, "token")).send().await.expect(200);
    shop.pass(Span::seconds(5));
    adjust(2).staff().send().await.expect(200);
    // What is refused, and what is only read, changes nothing.
    adjust(-100).staff().send().await.expect(409);
    shop.get("/v1/orders").staff().send().await.expect(200);

    let read = async |query: &str| {
        let path = format!("/v1/audit?{query}");
        shop.get(&path).staff().send().await.expect(200).json()
    };
    let all = read("").await;
    let routes: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|entry| text(entry, "route")).collect();
    let adjustments = "/v1/inventory/{sku}/adjustments";
    assert_eq!(routes, [adjustments, adjustments, "/v1/api-keys"]);
    let [mine, keys] = [&all["data"][0], &all["data"][1]];
    assert_eq!((text(mine, "email"), &mine["keyId"]), (ADMIN, &Value::Null));
    assert_eq!(mine["at"], "2023-11-14T22:13:25Z");
    assert_eq!(
        (text(mine, "path"), text(mine, "address")),
        ("/v1/inventory/MUG/adjustments", "127.0.0.1")
    );
    assert_eq!((&mine["status"], &mine["requestId"]), (&json!(200), &json!("my-request")));
    assert_eq!(keys["keyId"], key["keyId"]);
    assert_eq!(keys["staffId"], mine["staffId"]);
    assert!(!all.to_string().contains(text(&key, "token")));

    let of_key = read(&format!("keyId={}", text(&key, "keyId"))).await;
    assert_eq!(of_key["data"], json!([keys]));
    assert_eq!(read("path=/v1/api-keys").await["data"][0]["method"], "POST");
    assert_eq!(read("to=2023-11-14T22:13:25Z").await["data"].as_array().unwrap().len(), 2);
    assert_eq!(read("keyId=nonsense").await["data"], json!([]));
    assert_eq!(read("staffId=nobody").await["data"], json!([]));
    // Part by part it is the same.
    let first = read("limit=2").await;
    let rest = read(&format!("limit=2&before={}", text(&first["meta"], "next"))).await;
    assert_eq!(rest["meta"]["next"], Value::Null);
    let parts =
        [first["data"].as_array().unwrap().clone(), rest["data"].as_array().unwrap().clone()];
    assert_eq!(json!(parts.concat()), all["data"]);
}
