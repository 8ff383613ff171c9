//! Customers: they register, prove their address, look after themselves, and forget passwords.

use crate::goods::{address, text};
use crate::people::{PASSWORD, customer, login, mailbox, me, register, unverified, verify};
use crate::testshop::{Answer, TestShop};
use mercat::domain::Span;
use mercat::domain::mail::MailKind;
use serde_json::{Value, json};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";
const OTHER: &str = "marble lantern quarry";

async fn forgot(shop: &TestShop, email: &str) -> Answer {
    shop.post("/v1/auth/password/forgot").json(json!({ "email": email })).send().await
}

async fn reset(shop: &TestShop, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    shop.post("/v1/auth/password/reset").json(body).send().await
}

async fn change(shop: &TestShop, access: &str, body: Value) -> Answer {
    shop.put("/v1/users/me").bearer(access).json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_registers_proves_the_address_and_is_there_after_a_restart() {
    let shop = TestShop::open().await;
    let access = unverified(&shop, "Ada@Example.com").await;
    let seen = me(&shop, &access).await;
    assert_eq!((&seen["email"], &seen["emailVerified"]), (&json!(ADA), &json!(false)));
    assert_eq!((&seen["role"], &seen["name"]), (&json!("customer"), &json!("Ada Lovelace")));
    let token = mailbox(&shop, ADA).await.token(MailKind::Verification);
    // The mailbox alone is not enough: its owner may not be who opened the account.
    let body = json!({ "token": token, "password": OTHER });
    let stranger = shop.post("/v1/auth/verify").json(body).send().await;
    stranger.problem(401, "bad_credentials");
    verify(&shop, &token).await.expect(204);
    verify(&shop, &token).await.problem(401, "invalid_token");
    assert_eq!(me(&shop, &access).await["emailVerified"], true);
    // A token that was mailed is no access token, and the other way round.
    shop.get("/v1/users/me").bearer(&token).send().await.problem(401, "invalid_token");
    verify(&shop, &access).await.problem(401, "invalid_token");

    let shop = shop.restarted().await;
    assert_eq!(me(&shop, &access).await["emailVerified"], true);
    login(&shop, ADA, PASSWORD).await.expect(200);
    verify(&shop, &token).await.problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_registers_hears_the_same_whether_the_address_is_known_or_not() {
    let shop = TestShop::open().await;
    let (first, again) = (register(&shop, ADA).await, register(&shop, " ADA@example.com").await);
    assert_eq!(again.faults(422), ["/email"], "blanks are no address");
    let again = register(&shop, "ADA@example.com").await;
    assert_eq!((first.status, &first.bytes), (202, &again.bytes));
    assert_eq!(first.status, again.status);
    let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&again));
    // The owner of the address is told, and the account stays as it was.
    let mails = mailbox(&shop, ADA).await;
    assert_eq!((mails.total(), mails.count(MailKind::AlreadyRegistered)), (2, 1));
    login(&shop, ADA, PASSWORD).await.expect(200);
    // The same for a member of staff.
    let staff = register(&shop, "admin@shop.example").await;
    assert_eq!((staff.status, &staff.bytes), (202, &first.bytes));
    login(&shop, "admin@shop.example", PASSWORD).await.problem(401, "bad_credentials");
    let (known, unknown) = (forgot(&shop, ADA).await, forgot(&shop, "nobody@example.com").await);
    assert_eq!((known.status, &known.bytes), (202, &unknown.bytes));
    assert_eq!(unknown.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_anybody_would_try_is_refused() {
    let shop = TestShop::open().await;
    for password in ["Password123!", "äöüßéèñ", "ada@example.com"] {
        let body = json!({ "email": ADA, "password": password });
        let refused = shop.post("/v1/auth/register").json(body).send().await;
        assert_eq!(refused.faults(422), ["/password"], "{password}");
    }
    // Typed on another keyboard, it is the same password.
    let body = json!({ "email": ADA, "password": "vi\u{6f}\u{308}let kettle" });
    shop.post("/v1/auth/register").json(body).send().await.expect(202);
    login(&shop, ADA, "vi\u{f6}let\u{a0}kettle").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_once_and_ends_every_login() {
    let shop = TestShop::open().await;
    let access = unverified(&shop, ADA).await;
    forgot(&shop, ADA).await.expect(202);
    let token = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    assert_eq!(reset(&shop, &token, "12345678").await.faults(422), ["/password"]);
    reset(&shop, &token, OTHER).await.expect(204);
    reset(&shop, &token, PASSWORD).await.problem(401, "invalid_token");
    shop.get("/v1/users/me").bearer(&access).send().await.problem(401, "invalid_token");
    login(&shop, ADA, PASSWORD).await.problem(401, "bad_credentials");
    let tokens = login(&shop, ADA, OTHER).await.expect(200).json();
    // The mail was read, so the address is proven.
    assert_eq!(me(&shop, text(&tokens, "accessToken")).await["emailVerified"], true);
    assert_eq!(mailbox(&shop, ADA).await.count(MailKind::PasswordChanged), 1);

    // Short lived, and no more than a few at a time.
    forgot(&shop, ADA).await.expect(202);
    let late = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    shop.pass(Span::hours(1));
    reset(&shop, &late, PASSWORD).await.problem(401, "invalid_token");
    let before = mailbox(&shop, ADA).await.count(MailKind::PasswordReset);
    for _ in 0..5 {
        forgot(&shop, ADA).await.expect(202);
    }
    assert_eq!(mailbox(&shop, ADA).await.count(MailKind::PasswordReset), before + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_asks_for_the_old_one_and_ends_the_other_logins() {
    let shop = TestShop::open().await;
    let access = unverified(&shop, ADA).await;
    let other = login(&shop, ADA, PASSWORD).await.expect(200).json();
    forgot(&shop, ADA).await.expect(202);
    let mailed = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    let missing = change(&shop, &access, json!({ "password": OTHER })).await;
    assert_eq!(missing.faults(422), ["/currentPassword"]);
    let wrong = json!({ "password": OTHER, "currentPassword": OTHER });
    assert_eq!(change(&shop, &access, wrong).await.faults(422), ["/currentPassword"]);
    let right = json!({ "password": OTHER, "currentPassword": PASSWORD });
    change(&shop, &access, right).await.expect(200);
    me(&shop, &access).await;
    let ended = text(&other, "accessToken");
    shop.get("/v1/users/me").bearer(ended).send().await.problem(401, "invalid_token");
    let refresh = json!({ "refreshToken": other["refreshToken"] });
    shop.post("/v1/auth/refresh").json(refresh).send().await.problem(401, "invalid_token");
    reset(&shop, &mailed, PASSWORD).await.problem(401, "invalid_token");
    login(&shop, ADA, PASSWORD).await.problem(401, "bad_credentials");
    login(&shop, ADA, OTHER).await.expect(200);
    assert_eq!(mailbox(&shop, ADA).await.count(MailKind::PasswordChanged), 1);
    // Staff change theirs in the same way.
    let body = json!({ "password": OTHER, "currentPassword": "correct horse battery staple" });
    shop.put("/v1/users/me").staff().json(body).send().await.expect(200);
    login(&shop, "admin@shop.example", OTHER).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_counts_once_it_is_proven_and_only_if_nobody_has_it() {
    let shop = TestShop::open().await;
    let access = customer(&shop, ADA).await;
    let wanted = |email: &str| json!({ "email": email, "currentPassword": PASSWORD });
    let bare = change(&shop, &access, json!({ "email": EVE })).await;
    assert_eq!(bare.faults(422), ["/currentPassword"]);
    let seen = change(&shop, &access, wanted("Ada@Example.org")).await.expect(200).json();
    assert_eq!((&seen["email"], &seen["pendingEmail"]), (&json!(ADA), &json!("ada@example.org")));
    assert_eq!(mailbox(&shop, ADA).await.count(MailKind::EmailChangeRequested), 1);
    let token = mailbox(&shop, "ada@example.org").await.token(MailKind::EmailChange);
    // A second wish: what the first one mailed is worth nothing any more.
    change(&shop, &access, wanted("countess@example.org")).await.expect(200);
    verify(&shop, &token).await.problem(401, "invalid_token");
    let token = mailbox(&shop, "countess@example.org").await.token(MailKind::EmailChange);
    verify(&shop, &token).await.expect(204);
    let seen = me(&shop, &access).await;
    assert_eq!(
        (&seen["email"], &seen["pendingEmail"]),
        (&json!("countess@example.org"), &Value::Null)
    );
    login(&shop, ADA, PASSWORD).await.problem(401, "bad_credentials");
    login(&shop, "countess@example.org", PASSWORD).await.expect(200);

    // An address that has an account: the same answer, and its owner is told.
    customer(&shop, EVE).await;
    let seen = change(&shop, &access, wanted(EVE)).await.expect(200).json();
    assert_eq!(seen["pendingEmail"], EVE);
    let mails = mailbox(&shop, EVE).await;
    assert_eq!(mails.count(MailKind::EmailChange), 0);
    assert_eq!(mails.count(MailKind::AlreadyRegistered), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_a_new_password_dies_with_the_address_that_it_was_mailed_to() {
    let shop = TestShop::open().await;
    let access = customer(&shop, ADA).await;
    forgot(&shop, ADA).await.expect(202);
    let mailed = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    let wanted = json!({ "email": EVE, "currentPassword": PASSWORD });
    change(&shop, &access, wanted).await.expect(200);
    verify(&shop, &mailbox(&shop, EVE).await.token(MailKind::EmailChange)).await.expect(204);
    reset(&shop, &mailed, OTHER).await.problem(401, "invalid_token");
    let shop = shop.restarted().await;
    reset(&shop, &mailed, OTHER).await.problem(401, "invalid_token");
    login(&shop, EVE, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_locked_out_by_a_new_password_gets_no_mail_that_lets_them_in() {
    let shop = TestShop::open().await;
    // Somebody registers with an address that is not theirs, and wishes for one that is.
    let squatter = unverified(&shop, ADA).await;
    let wanted = json!({ "email": EVE, "currentPassword": PASSWORD });
    change(&shop, &squatter, wanted).await.expect(200);
    forgot(&shop, ADA).await.expect(202);
    let mailed = mailbox(&shop, ADA).await.token(MailKind::PasswordReset);
    reset(&shop, &mailed, OTHER).await.expect(204);
    let owner = login(&shop, ADA, OTHER).await.expect(200).json();
    let owner = text(&owner, "accessToken");
    assert_eq!(me(&shop, owner).await["pendingEmail"], Value::Null);
    shop.post("/v1/users/me/verification").bearer(owner).send().await.expect(202);
    assert_eq!(mailbox(&shop, EVE).await.count(MailKind::EmailChange), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_the_shop_flood_mailboxes() {
    let shop = TestShop::open().await;
    let access = customer(&shop, ADA).await;
    let wish = |email: &str| {
        change(&shop, &access, json!({ "email": email, "currentPassword": PASSWORD }))
    };
    for n in 0..5 {
        wish(&format!("{n}@example.org")).await.expect(200);
    }
    wish(EVE).await.problem(429, "rate_limited");
    assert_eq!(mailbox(&shop, EVE).await.total(), 0);
    assert_eq!(me(&shop, &access).await["pendingEmail"], "4@example.org");
    shop.pass(Span::seconds(1));
    wish(EVE).await.expect(200);
    assert_eq!(mailbox(&shop, EVE).await.total(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_changed_by_its_etag_and_nobody_elses() {
    let shop = TestShop::open().await;
    let (ada, eve) = (customer(&shop, ADA).await, customer(&shop, EVE).await);
    let seen = shop.get("/v1/users/me").bearer(&ada).send().await.expect(200);
    assert_eq!(seen.header("cache-control"), "no-store");
    let named = change(&shop, &ada, json!({ "name": " Countess ", "phone": "+44 1" })).await;
    let named = named.expect(200).json();
    assert_eq!((&named["name"], &named["phone"]), (&json!("Countess"), &json!("+44 1")));
    let late = shop.put("/v1/users/me").bearer(&ada).header("if-match", seen.etag());
    late.json(json!({ "name": "Late" })).send().await.problem(412, "precondition_failed");
    let bare = change(&shop, &ada, json!({ "phone": null })).await.expect(200).json();
    assert_eq!((&bare["name"], &bare["phone"]), (&json!("Countess"), &Value::Null));
    assert_eq!(me(&shop, &eve).await["name"], "Ada Lovelace");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_book_has_a_default_and_is_its_customers_alone() {
    let shop = TestShop::open().await;
    let (ada, eve) = (customer(&shop, ADA).await, customer(&shop, EVE).await);
    let book = "/v1/users/me/addresses";
    let add = |body: Value| shop.post(book).bearer(&ada).json(body).send();
    let first = add(address()).await.expect(201);
    assert_eq!(first.json()["isDefault"], true, "the first one is");
    let mut second = address();
    (second["name"], second["isDefault"]) = (json!("Byron"), json!(true));
    let second = add(second).await.expect(201);
    let list = shop.get(book).bearer(&ada).send().await.expect(200).json();
    assert_eq!(list["meta"]["totalItems"], 2);
    assert_eq!(
        (&list["data"][0]["isDefault"], &list["data"][1]["isDefault"]),
        (&json!(false), &json!(true))
    );
    let path = second.header("location").to_owned();
    shop.get(&path).bearer(&ada).send().await.expect(200);
    shop.get(&path).bearer(&eve).send().await.problem(404, "not_found");
    shop.delete(&path).bearer(&eve).send().await.problem(404, "not_found");
    let stale = shop.put(&path).bearer(&ada).header("if-match", first.etag()).json(address());
    stale.send().await.problem(412, "precondition_failed");
    let moved = shop.put(&path).bearer(&ada).json(address()).send().await.expect(200).json();
    assert_eq!((&moved["name"], &moved["isDefault"]), (&json!("Ada Lovelace"), &json!(true)));
    shop.delete(&path).bearer(&ada).send().await.expect(204);
    let left = shop.get(first.header("location")).bearer(&ada).send().await.expect(200).json();
    assert_eq!(left["isDefault"], true);
    // Sent twice, it is added once.
    let twice = || shop.post(book).bearer(&ada).key("once").json(address()).send();
    let (one, again) = (twice().await.expect(201), twice().await.expect(201));
    assert_eq!((&one.bytes, again.header("idempotency-replayed")), (&again.bytes, "true"));
    assert_eq!(again.header("cache-control"), "no-store");
    let list = shop.get(book).bearer(&ada).send().await.expect(200).json();
    assert_eq!(list["meta"]["totalItems"], 2);
    let mut nowhere = address();
    nowhere["country"] = json!("XX");
    assert_eq!(add(nowhere).await.faults(422), ["/country"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_see_and_correct_customers_and_only_admins_see_staff() {
    let shop = TestShop::open().await;
    let ada = customer(&shop, ADA).await;
    customer(&shop, EVE).await;
    let id = text(&me(&shop, &ada).await, "userId").to_owned();
    let list = |query: &str| shop.get(&format!("/v1/users{query}")).staff().send();
    let all = list("").await.expect(200).json();
    assert_eq!(all["meta"]["totalItems"], 3, "two customers and an admin");
    let customers = list("?role=customer&limit=1").await.expect(200).json();
    assert_eq!(customers["meta"]["totalItems"], 2);
    assert_eq!(list("?email=ADA@example.com").await.expect(200).json()["data"][0]["userId"], *id);
    let path = format!("/v1/users/{id}");
    let named = shop.put(&path).staff().json(json!({ "name": "Countess" })).send().await;
    assert_eq!(named.expect(200).json()["name"], "Countess");
    assert_eq!(me(&shop, &ada).await["name"], "Countess");
    shop.get("/v1/users/cus-00000000000000000000000000")
        .staff()
        .send()
        .await
        .problem(404, "not_found");
    shop.get(&path).bearer(&ada).send().await.problem(403, "forbidden");
    shop.get(&path).send().await.problem(401, "unauthenticated");
    let admin = shop.get("/v1/users/me").staff().send().await.expect(200).json();
    assert_eq!(admin["role"], "admin");
    let body = json!({ "name": "x" });
    let profile = shop.put("/v1/users/me").staff().json(body).send().await;
    profile.problem(409, "no_profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_login_and_no_password_cannot_guess_it() {
    let shop = TestShop::open().await;
    let access = customer(&shop, ADA).await;
    let guess = |n: usize| {
        let body = json!({ "password": OTHER, "currentPassword": format!("guess number {n}") });
        change(&shop, &access, body)
    };
    let mut refused = None;
    for n in 0..10 {
        let answer = guess(n).await;
        match answer.status {
            422 => assert_eq!(answer.faults(422), ["/currentPassword"]),
            _ => refused = Some(answer),
        }
        if refused.is_some() {
            break;
        }
    }
    refused.expect("there is an end to guessing").problem(429, "rate_limited");
    let erase = shop.delete("/v1/users/me").bearer(&access).json(json!({ "password": PASSWORD }));
    erase.send().await.problem(429, "rate_limited");
    shop.pass(Span::minutes(5));
    login(&shop, ADA, PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_customer_is_gone_and_may_come_again() {
    let shop = TestShop::open().await;
    let access = customer(&shop, ADA).await;
    let id = text(&me(&shop, &access).await, "userId").to_owned();
    let erase = |body: Value| shop.delete("/v1/users/me").bearer(&access).json(body).send();
    assert_eq!(erase(json!({})).await.faults(422), ["/password"]);
    assert_eq!(erase(json!({ "password": OTHER })).await.faults(422), ["/password"]);
    erase(json!({ "password": PASSWORD })).await.expect(204);
    shop.get("/v1/users/me").bearer(&access).send().await.problem(401, "invalid_token");
    login(&shop, ADA, PASSWORD).await.problem(401, "bad_credentials");
    shop.get(&format!("/v1/users/{id}")).staff().send().await.problem(404, "not_found");
    let shop = shop.restarted().await;
    login(&shop, ADA, PASSWORD).await.problem(401, "bad_credentials");
    let access = customer(&shop, ADA).await;
    assert_ne!(me(&shop, &access).await["userId"], *id);
}
