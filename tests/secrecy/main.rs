//! Looks into what a shop leaves behind: after a whole journey, no name, no address, no e-mail, no
//! password, no token and nothing of a payment is to be found in its data folder or in its log; and
//! after an erasure, nothing that the shop itself could still read.

mod erasure;
mod program;

use program::{ADMIN, Program, TOLD, answer, found_below, run};
use reqwest::StatusCode;
use serde_json::json;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_in_confidence_is_left_lying_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    let login = program.login().await;
    let staff = login["accessToken"].as_str().expect("a token").to_owned();
    program.shelve(&staff).await;

    let cart = program.cart().await;
    program.checkout(&cart, "tok_declined", StatusCode::PAYMENT_REQUIRED).await;
    let order = program.checkout(&cart, "tok_visa", StatusCode::CREATED).await;
    assert_eq!((&order["email"], &order["note"]), (&json!(TOLD[1]), &json!(TOLD[4])));
    let id = order["orderId"].as_str().expect("an id").to_owned();
    let again = program.checkout(&cart, "tok_visa", StatusCode::CREATED).await;
    assert_eq!(again, order, "a retry hears the same");
    let listed = format!("{}/v1/orders?email={}", program.base, TOLD[1].to_uppercase());
    let listed = answer(program.client.get(listed).bearer_auth(&staff), StatusCode::OK).await;
    assert_eq!(listed["meta"]["totalItems"], 2);
    for path in ["/v1/events".to_owned(), format!("/v1/orders/{id}/events")] {
        let events = program.client.get(format!("{}{path}", program.base)).bearer_auth(&staff);
        let events = answer(events, StatusCode::OK).await.to_string();
        let told = TOLD.iter().find(|text| events.contains(**text));
        assert_eq!(told, None, "{path}");
    }
    let wrong = json!({ "email": ADMIN.0, "password": "not the right password" });
    answer(program.post("/v1/auth/login", &wrong), StatusCode::UNAUTHORIZED).await;
    let (session, page) = program.browse().await;
    let log = program.stop();
    assert!(log.lines().count() > 20, "there is a log to look into: {log}");
    // What the shop says of test payments at its start names a token as an example.
    let lines = log.lines().filter(|line| !line.contains("TEST PAYMENTS ARE ON"));
    let log: String = lines.collect::<Vec<_>>().join("\n");

    let tokens = ["accessToken", "refreshToken"].map(|name| login[name].as_str().expect("a token"));
    let tokens = tokens.map(|token| token.trim_start_matches("mct_").to_owned());
    let passwords = [ADMIN.1, "not the right password"].map(str::to_owned);
    let key = fs::read_to_string(folder.path().join("mercat.key")).expect("a key");
    let told = TOLD.map(str::to_owned).into_iter().chain(tokens).chain(passwords);
    let told = told.chain([session, page]);
    let mut secrets: Vec<String> = told.collect();
    let found = found_below(folder.path(), &secrets);
    // The test provider is a bank of its own: its books say how it was paid.
    let found: Vec<_> = found.iter().filter(|place| !place.contains("test-payments")).collect();
    assert!(found.is_empty(), "{found:#?}");
    secrets.push(key.trim().to_owned());
    secrets.push(cart);
    let logged: Vec<_> = secrets.iter().filter(|secret| log.contains(secret.as_str())).collect();
    assert!(logged.is_empty(), "{logged:?} in the log");

    let verified = run(&["verify"], folder.path());
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_goes_on_with_another_key_and_stops_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mercat.key");
    let program = Program::start(folder.path());
    let staff = program.login().await["accessToken"].as_str().expect("a token").to_owned();
    program.shelve(&staff).await;
    let cart = program.cart().await;
    let order = program.checkout(&cart, "tok_visa", StatusCode::CREATED).await;
    program.stop();

    let before = fs::read(&path).expect("a key");
    assert!(run(&["key", "rotate"], folder.path()).status.success());
    assert_ne!(fs::read(&path).expect("a key"), before);
    let program = Program::start(folder.path());
    let id = order["orderId"].as_str().expect("an id");
    let shown = program.client.get(format!("{}/v1/orders/{id}", program.base)).bearer_auth(&cart);
    assert_eq!(answer(shown, StatusCode::OK).await["shippingAddress"], order["shippingAddress"]);
    program.stop();

    fs::write(&path, before).expect("the old key");
    let refused = run(&["serve", "--listen", "127.0.0.1:0"], folder.path());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("sealed with another key"), "{said}");
}
