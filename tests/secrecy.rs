//! Looks into what a shop leaves behind: after a whole journey, no name, no address, no e-mail, no
//! password, no token and nothing of a payment is to be found in its data folder or in its log.

use reqwest::header::LOCATION;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");

/// What is told to the shop on the way, and is nobody's business.
const TOLD: [&str; 8] = [
    "Quentilla",
    "quentilla@secret.example",
    "77 Hideaway Lane",
    "Obscureville",
    "under the flowerpot",
    "12 Billing Burrow",
    "tok_visa",
    "tok_declined",
];

/// The program at work on a folder, with all that it logs.
struct Program {
    child: Child,
    base: String,
    client: Client,
    log: JoinHandle<String>,
}

impl Program {
    fn start(folder: &Path) -> Program {
        let mut child =
            mercat(&["serve", "--listen", "127.0.0.1:0", "--test-payments", "1"], folder)
                .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
                .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
                .env("MERCAT_LOG", "trace")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
        let mut errors = child.stderr.take().expect("its log is piped");
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            errors.read_to_end(&mut log).expect("a readable log");
            String::from_utf8_lossy(&log).into_owned()
        });
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut lines = output.lines().map(|line| line.expect("readable output"));
        let open = lines.find(|line| line.contains("http://")).expect("it says where it is open");
        let base = open[open.find("http://").expect("an address")..].trim().to_owned();
        // A client with TLS asks for one; it is there already where another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("a client");
        Program { child, base, client, log }
    }

    /// Asks it to end, and gives its log.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success() && self.child.wait().expect("it ends").success());
        self.log.join().expect("the log was read")
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }

    async fn login(&self) -> Value {
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        answer(self.post("/v1/auth/login", &body), StatusCode::OK).await
    }

    /// Logs in with a browser, asks for something, and gives the secret of its session and the token
    /// of its page.
    async fn browse(&self) -> (String, String) {
        let path = format!("{}/v1/auth/session", self.base);
        let cookie = |answer: &Response| {
            let set = answer.headers()["set-cookie"].to_str().expect("a cookie");
            set.split(';').next().expect("a value").to_owned()
        };
        let page = self.client.get(&path).send().await.expect("an answer");
        let (anonymous, page) = (cookie(&page), page.json::<Value>().await.expect("JSON"));
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        let login = self.post("/v1/auth/session", &body).header("cookie", anonymous);
        let login = login.header("x-csrf-token", page["csrfToken"].as_str().expect("a token"));
        let login = login.send().await.expect("an answer");
        let (session, page) = (cookie(&login), login.json::<Value>().await.expect("JSON"));
        let orders = self.client.get(format!("{}/v1/orders", self.base));
        answer(orders.header("cookie", &session), StatusCode::OK).await;
        let secret = session.strip_prefix("mercat=mct_").expect("a session").to_owned();
        (secret, page["csrfToken"].as_str().expect("a token").to_owned())
    }

    async fn cart(&self) -> String {
        let body = json!({ "items": [{ "sku": "KETTLE", "quantity": 1 }] });
        let cart = answer(self.post("/v1/carts", &body), StatusCode::CREATED).await;
        let id = cart["cartId"].as_str().expect("an id").to_owned();
        let path = format!("{}/v1/carts/{id}/shipping-address", self.base);
        let shown = answer(self.client.put(path).json(&address()), StatusCode::OK).await;
        assert_eq!(shown["shippingAddress"]["city"], TOLD[3]);
        let more = json!({ "sku": "KETTLE", "quantity": 1 });
        let more =
            self.post(&format!("/v1/carts/{id}/items"), &more).header("idempotency-key", &id);
        answer(more, StatusCode::OK).await;
        id
    }

    async fn checkout(&self, cart: &str, token: &str, status: StatusCode) -> Value {
        let body = json!({
            "email": TOLD[1], "shippingOption": "standard", "note": TOLD[4],
            "billingAddress": { "name": TOLD[0], "line1": TOLD[5], "city": TOLD[3], "country": "US" },
            "payment": { "provider": "test", "token": token },
        });
        let request = self.post(&format!("/v1/carts/{cart}/checkout"), &body);
        answer(request.header("idempotency-key", format!("{cart}-{token}")), status).await
    }
}

fn mercat(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
    command.args(arguments).arg("--data").arg(folder);
    command.env_remove("MERCAT_KEY").env_remove("MERCAT_KEY_FILE");
    command
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    mercat(arguments, folder).output().expect("the program runs")
}

async fn answer(request: RequestBuilder, status: StatusCode) -> Value {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), status, "{:?}", answer.headers().get(LOCATION));
    answer.json().await.expect("JSON")
}

fn address() -> Value {
    json!({ "name": TOLD[0], "line1": TOLD[2], "city": TOLD[3], "region": "OR", "country": "US" })
}

/// Which of the texts are in any file below the folder, and in which.
fn found_below(folder: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(found_below(&path, texts));
            continue;
        }
        let bytes = fs::read(&path).expect("a readable file");
        let there = texts.iter().filter(|text| holds(&bytes, text.as_bytes()));
        found.extend(there.map(|text| format!("{text} in {}", path.display())));
    }
    found
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_in_confidence_is_left_lying_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    let login = program.login().await;
    let staff = login["accessToken"].as_str().expect("a token").to_owned();
    let product = json!({
        "name": "Kettle", "description": "Whistles.", "price": 19.99, "currency": "USD",
        "category": "Kitchen", "brand": "Alder", "imageUrl": "https://example.com/kettle.jpg",
        "sku": "KETTLE", "stockQuantity": 10,
    });
    let made = program.post("/v1/products", &product).bearer_auth(&staff);
    answer(made, StatusCode::CREATED).await;

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
    let product = json!({
        "name": "Kettle", "description": "Whistles.", "price": 19.99, "currency": "USD",
        "category": "Kitchen", "brand": "Alder", "imageUrl": "https://example.com/kettle.jpg",
        "sku": "KETTLE", "stockQuantity": 10,
    });
    let made = program.post("/v1/products", &product).bearer_auth(&staff);
    answer(made, StatusCode::CREATED).await;
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
