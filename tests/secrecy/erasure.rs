//! Somebody buys as a guest and as a customer, takes their data along, and is erased: nothing of who
//! they were is left in any table, index or log line, and the books still add up.

use crate::program::{Program, TOLD, answer, found_below, run};
use mail_parser::MessageParser;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

const PASSWORD: &str = "violet kettle orchard";

/// What is known of the customer alone, beside what [`TOLD`] has.
const KNOWN: [&str; 3] = ["Quentilla Peregrine Ashdown", "+44 20 7946 0958", "Wayfarer/7.7"];

/// How long a mail is waited for, in steps of [`PAUSE`].
const TRIES: usize = 400;
const PAUSE: Duration = Duration::from_millis(50);

/// The token in the mail that has the customer confirm the address.
async fn mailed_token(mails: &Path) -> String {
    for _ in 0..TRIES {
        let read = fs::read_dir(mails).into_iter().flatten().flatten();
        let raw = read.filter_map(|entry| fs::read(entry.path()).ok());
        for raw in raw.collect::<Vec<_>>() {
            let message = MessageParser::default().parse(&raw).expect("a message");
            let text = message.body_text(0).unwrap_or_default().into_owned();
            if let Some((_, rest)) = text.split_once("/account/confirm?token=") {
                return rest.split_whitespace().next().expect("a token").to_owned();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("no mail came to {}", mails.display());
}

/// What everybody who may ask is told of everything there is.
async fn everything(program: &Program, staff: &str, orders: &[&str], cart: &str) -> String {
    let mut paths = vec![
        "/v1/orders?limit=100".to_owned(),
        "/v1/users?limit=100".to_owned(),
        "/v1/audit?limit=100".to_owned(),
        "/v1/events?limit=100".to_owned(),
        "/v1/inventory/KETTLE/movements".to_owned(),
        format!("/v1/carts/{cart}"),
    ];
    for id in orders {
        paths.push(format!("/v1/orders/{id}"));
        paths.push(format!("/v1/orders/{id}/events"));
    }
    let mut told = String::new();
    for path in paths {
        let part = answer(program.get(&path, staff), StatusCode::OK).await;
        told.push_str(&part.to_string());
    }
    told.to_lowercase()
}

/// The sum of all orders, in cents, and how many there are.
async fn books(program: &Program, staff: &str) -> (i64, usize) {
    let list = answer(program.get("/v1/orders?limit=100", staff), StatusCode::OK).await;
    let orders = list["data"].as_array().expect("a list");
    let cents = |order: &Value| (order["total"].as_f64().expect("a sum") * 100.0).round() as i64;
    (orders.iter().map(cents).sum(), orders.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_customer_no_table_index_or_log_line_tells() {
    let (folder, mails) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir());
    let mails = mails.expect("a folder");
    let config = mails.path().join("mercat.toml");
    let inbox = mails.path().join("mails");
    let text = format!("[mail]\nfolder = {:?}\n", inbox.display().to_string());
    fs::write(&config, text).expect("settings");
    let arguments = ["--config", config.to_str().expect("a path")];
    let program = Program::configured(folder.path(), &arguments);
    let staff = program.login().await["accessToken"].as_str().expect("a token").to_owned();
    program.shelve(&staff).await;

    let guests_cart = program.cart().await;
    let guests = program.checkout(&guests_cart, "tok_visa", StatusCode::CREATED).await;
    let register = json!({ "email": TOLD[1], "password": PASSWORD, "name": KNOWN[0] });
    answer(program.post("/v1/auth/register", &register), StatusCode::ACCEPTED).await;
    let verify = json!({ "token": mailed_token(&inbox).await, "password": PASSWORD });
    let verified = program.post("/v1/auth/verify", &verify).send().await.expect("an answer");
    assert_eq!(verified.status(), StatusCode::NO_CONTENT);
    let login = json!({ "email": TOLD[1], "password": PASSWORD });
    let login = program.post("/v1/auth/login", &login).header("user-agent", KNOWN[2]);
    let access = answer(login, StatusCode::OK).await["accessToken"].as_str().unwrap().to_owned();
    let phone = program.client.put(format!("{}/v1/users/me", program.base)).bearer_auth(&access);
    answer(phone.json(&json!({ "phone": KNOWN[1] })), StatusCode::OK).await;
    let saved = json!({ "name": KNOWN[0], "line1": TOLD[2], "city": TOLD[3], "country": "US" });
    let save = program.post("/v1/users/me/addresses", &saved).bearer_auth(&access);
    answer(save.header("idempotency-key", "an-address"), StatusCode::CREATED).await;
    let cart = program.cart().await;
    let order = program.checkout_as(&access, &cart, "tok_visa", StatusCode::CREATED).await;

    let export = answer(program.get("/v1/users/me/export", &access), StatusCode::OK).await;
    let export_text = export.to_string();
    for known in KNOWN.iter().chain(&TOLD[..6]) {
        assert!(export_text.contains(known), "{known} is taken along");
    }
    assert_eq!(export["orders"].as_array().map(Vec::len), Some(2));
    let ids = [&order, &guests].map(|order| order["orderId"].as_str().expect("an id"));
    let secrets = || TOLD[..6].iter().chain(&KNOWN).map(|text| text.to_lowercase());
    let before = everything(&program, &staff, &ids, &cart).await;
    assert!(before.contains(TOLD[1]), "there is something to be erased");
    let sums = books(&program, &staff).await;

    let erase = program.client.delete(format!("{}/v1/users/me", program.base));
    let erase = erase.bearer_auth(&access).json(&json!({ "password": PASSWORD }));
    assert_eq!(erase.send().await.expect("an answer").status(), StatusCode::NO_CONTENT);
    let log = program.stop();
    let program = Program::configured(folder.path(), &arguments);
    let after = everything(&program, &staff, &ids, &cart).await;
    let told: Vec<_> = secrets().filter(|text| after.contains(text)).collect();
    assert!(told.is_empty(), "the shop still tells {told:?}");
    assert_eq!(books(&program, &staff).await, sums);
    let log = (log + &program.stop()).to_lowercase();

    let logged: Vec<_> = secrets().filter(|text| log.contains(text)).collect();
    assert!(logged.is_empty(), "{logged:?} in the log");
    let found = found_below(folder.path(), &secrets().collect::<Vec<_>>());
    assert!(found.is_empty(), "{found:#?}");
    let verified = run(&["verify"], folder.path());
    assert!(verified.status.success(), "{verified:?}");
}
