//! The real program on a folder of its own, and what is told to it in confidence.

use reqwest::header::LOCATION;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

pub const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");

/// What is told to the shop on the way, and is nobody's business.
pub const TOLD: [&str; 8] = [
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
pub struct Program {
    child: Child,
    pub base: String,
    pub client: Client,
    log: JoinHandle<String>,
}

impl Program {
    pub fn start(folder: &Path) -> Program {
        Program::configured(folder, &[])
    }

    /// As [`Program::start`], with more arguments.
    pub fn configured(folder: &Path, arguments: &[&str]) -> Program {
        let mut child =
            mercat(&["serve", "--listen", "127.0.0.1:0", "--test-payments", "1"], folder)
                .args(arguments)
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
    pub fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success() && self.child.wait().expect("it ends").success());
        self.log.join().expect("the log was read")
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).json(body)
    }

    pub fn get(&self, path: &str, bearer: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(bearer)
    }

    pub async fn login(&self) -> Value {
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        answer(self.post("/v1/auth/login", &body), StatusCode::OK).await
    }

    /// Logs in with a browser, asks for something, and gives the secret of its session and the token
    /// of its page.
    pub async fn browse(&self) -> (String, String) {
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

    /// Kettles on the shelf.
    pub async fn shelve(&self, staff: &str) {
        let product = json!({
            "name": "Kettle", "description": "Whistles.", "price": 19.99, "currency": "USD",
            "category": "Kitchen", "brand": "Alder", "imageUrl": "https://example.com/kettle.jpg",
            "sku": "KETTLE", "stockQuantity": 10,
        });
        answer(self.post("/v1/products", &product).bearer_auth(staff), StatusCode::CREATED).await;
    }

    pub async fn cart(&self) -> String {
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

    pub async fn checkout(&self, cart: &str, token: &str, status: StatusCode) -> Value {
        answer(self.checking_out(cart, token), status).await
    }

    /// As [`Program::checkout`], by whoever has this access token.
    pub async fn checkout_as(
        &self,
        access: &str,
        cart: &str,
        token: &str,
        status: StatusCode,
    ) -> Value {
        answer(self.checking_out(cart, token).bearer_auth(access), status).await
    }

    fn checking_out(&self, cart: &str, token: &str) -> RequestBuilder {
        let body = json!({
            "email": TOLD[1], "shippingOption": "standard", "note": TOLD[4],
            "billingAddress": { "name": TOLD[0], "line1": TOLD[5], "city": TOLD[3], "country": "US" },
            "payment": { "provider": "test", "token": token },
        });
        let request = self.post(&format!("/v1/carts/{cart}/checkout"), &body);
        request.header("idempotency-key", format!("{cart}-{token}"))
    }
}

fn mercat(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
    command.args(arguments).arg("--data").arg(folder);
    command.env_remove("MERCAT_KEY").env_remove("MERCAT_KEY_FILE");
    command
}

pub fn run(arguments: &[&str], folder: &Path) -> Output {
    mercat(arguments, folder).output().expect("the program runs")
}

pub async fn answer(request: RequestBuilder, status: StatusCode) -> Value {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), status, "{:?}", answer.headers().get(LOCATION));
    answer.json().await.expect("JSON")
}

pub fn address() -> Value {
    json!({ "name": TOLD[0], "line1": TOLD[2], "city": TOLD[3], "region": "OR", "country": "US" })
}

/// Which of the texts are in any file below the folder, without regard to case, and in which.
pub fn found_below(folder: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(found_below(&path, texts));
            continue;
        }
        // The door for backups is no file.
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("a readable file").to_ascii_lowercase();
        let there = texts.iter().filter(|text| holds(&bytes, text.to_ascii_lowercase().as_bytes()));
        found.extend(there.map(|text| format!("{text} in {}", path.display())));
    }
    found
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}
