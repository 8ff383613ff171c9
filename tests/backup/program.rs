//! The real program at work on a folder, and its commands.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

pub const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");

pub struct Program {
    child: Child,
    base: String,
    client: Client,
    log: JoinHandle<String>,
}

/// What a command said, and whether it was content.
#[derive(Debug)]
pub struct Said {
    pub is_fine: bool,
    pub out: String,
    pub err: String,
}

fn mercat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
    command.env("MERCAT_LOG", "info").env("RUST_BACKTRACE", "0");
    command
}

/// Runs a command of the program to its end.
pub fn run(arguments: &[&str], folder: &Path) -> Said {
    let output = mercat().args(arguments).arg("--data").arg(folder).output().expect("it runs");
    Said {
        is_fine: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Has the program serve a folder that it is to refuse, and gives what it says.
#[track_caller]
pub fn refused_to_serve(folder: &Path) -> String {
    let mut child = mercat()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    let opened = output.lines().map_while(Result::ok).any(|line| line.contains("http://"));
    if opened {
        child.kill().expect("it can be killed");
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(!opened, "{} was served", folder.display());
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub fn run_well(arguments: &[&str], folder: &Path) -> String {
    let said = run(arguments, folder);
    assert!(said.is_fine, "{arguments:?}: {}{}", said.out, said.err);
    said.out
}

/// Takes a backup and gives its folder.
#[track_caller]
pub fn back_up(data: &Path, to: &Path) -> PathBuf {
    let out = run_well(&["backup", "--to", to.to_str().expect("a plain path")], data);
    let line = out.lines().find_map(|line| line.strip_prefix("The backup is "));
    PathBuf::from(line.expect("it says where it is"))
}

impl Program {
    /// Opens the shop; `settings` is TOML.
    pub fn start(folder: &Path, settings: &str) -> Program {
        let config = folder.with_extension("toml");
        std::fs::write(&config, settings).unwrap();
        let mut child = mercat()
            .args(["serve", "--listen", "127.0.0.1:0", "--test-payments", "1", "--config"])
            .arg(config)
            .arg("--data")
            .arg(folder)
            .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
            .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
            .env("MERCAT_RATE_LIMITS", "off")
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
        let Some(open) = lines.find(|line| line.contains("http://")) else {
            let _ = child.wait();
            panic!("it did not open: {}", log.join().expect("the log was read"));
        };
        let base = open[open.find("http://").expect("an address")..].trim().to_owned();
        // A client with TLS asks for one; it is there already where another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("a client");
        Program { child, base, client, log }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    /// No warning, no last words.
    pub fn kill(self) {
        self.kill_now();
        self.reap();
    }

    /// As [`Program::kill`], while others are still talking to it.
    pub fn kill_now(&self) {
        self.signal("-KILL");
    }

    pub fn reap(mut self) {
        self.child.wait().expect("it ends");
    }

    /// Asks it to end, and gives its log.
    pub fn stop(mut self) -> String {
        self.signal("-TERM");
        let ended = self.child.wait().expect("it ends");
        let log = self.log.join().expect("the log was read");
        assert!(ended.success(), "{ended}: {log}");
        log
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn token(&self) -> String {
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        let sent = self.client.post(format!("{}/v1/auth/login", self.base)).json(&body).send();
        let tokens: Value = sent.await.unwrap().json().await.unwrap();
        tokens["accessToken"].as_str().expect("a token").to_owned()
    }

    pub async fn order(&self, id: &str) -> Value {
        let request = self.client.get(format!("{}/v1/orders/{id}", self.base));
        let answer = request.bearer_auth(self.token().await).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
        answer.json().await.unwrap()
    }

    pub async fn shelve(&self, stock: u32) {
        let product = json!({
            "name": "Kettle", "description": "Whistles.", "price": 19.99, "currency": "USD",
            "category": "Kitchen", "brand": "Alder", "imageUrl": "https://example.com/kettle.jpg",
            "sku": "KETTLE", "stockQuantity": stock,
        });
        let request = self.client.post(format!("{}/v1/products", self.base)).json(&product);
        let answer = request.bearer_auth(self.token().await).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    /// Somebody buys a kettle; gives the order's id, or nothing where no good answer came.
    pub async fn buy(&self) -> Option<String> {
        let cart = json!({ "items": [{ "sku": "KETTLE", "quantity": 1 }] });
        let sent = self.client.post(format!("{}/v1/carts", self.base)).json(&cart).send();
        let cart: Value = sent.await.ok()?.json().await.ok()?;
        let cart = cart["cartId"].as_str()?;
        let body = json!({
            "email": "ada@example.com",
            "shippingAddress": { "name": "Ada", "line1": "1 Main St", "city": "Salem", "postalCode": "97301", "country": "US" },
            "shippingOption": "standard",
            "payment": { "provider": "test", "token": "tok_visa" },
        });
        let request = self.client.post(format!("{}/v1/carts/{cart}/checkout", self.base));
        let request = request.header("idempotency-key", cart).json(&body);
        let answer = request.send().await.ok()?;
        if answer.status() != StatusCode::CREATED {
            return None;
        }
        let order: Value = answer.json().await.ok()?;
        Some(order["orderId"].as_str()?.to_owned())
    }
}
