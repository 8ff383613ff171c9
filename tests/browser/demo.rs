//! A demo shop in a process of its own, as everybody gets it, and its staff's hands.

use mail_parser::MessageParser;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a mail is waited for, in steps of [`PAUSE`].
const TRIES: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

pub struct Demo {
    process: Child,
    /// Kept open, for a process that cannot write ends.
    _output: BufReader<ChildStdout>,
    /// All that it leaves behind is in here.
    _folder: TempDir,
    mails: PathBuf,
    client: Client,
    staff: String,
    pub base: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    pub async fn open() -> Demo {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_mercat"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", folder.path())
            .env("MERCAT_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let (mut base, mut mails, mut admin) = (None, None, None);
        for line in output.by_ref().lines() {
            let line = line.expect("readable output");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["Shop", address] => base = Some(address.trim_end_matches('/').to_owned()),
                ["Mails", path] => mails = Some(PathBuf::from(path)),
                ["admin", email, password] => {
                    admin = Some(json!({ "email": email, "password": password }));
                }
                ["Stop", ..] => break,
                _ => {}
            }
        }
        let base = base.expect("it says where it is open");
        // A client with TLS asks for one; it is there already where another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().expect("a client");
        let login = client.post(format!("{base}/v1/auth/login")).json(&admin.expect("an admin"));
        let login: Value = login.send().await.expect("an answer").json().await.expect("JSON");
        Demo {
            process,
            _output: output,
            _folder: folder,
            mails: mails.expect("it says where mails go"),
            client,
            staff: login["accessToken"].as_str().expect("a token").to_owned(),
            base,
        }
    }

    /// What the staff can read at a path.
    pub async fn get_as_staff(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base));
        answer(request.bearer_auth(&self.staff)).await
    }

    /// How many orders there are.
    pub async fn orders(&self) -> u64 {
        let orders = self.get_as_staff("/v1/orders?limit=1").await;
        orders["meta"]["totalItems"].as_u64().expect("a count")
    }

    /// Sees to it that so many units are on hand.
    pub async fn have(&self, sku: &str, units: i64) {
        let path = format!("{}/v1/inventory/{sku}", self.base);
        let level: Value = answer(self.client.get(&path).bearer_auth(&self.staff)).await;
        let delta = units - level["onHand"].as_i64().expect("units on hand");
        let change = json!({ "delta": delta, "reason": "counted" });
        let request = self.client.post(format!("{path}/adjustments")).json(&change);
        let key = format!("{sku}-{units}");
        answer(request.bearer_auth(&self.staff).header("idempotency-key", key)).await;
    }

    /// Posts for a shopper who is nobody in particular.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        answer(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// The first link into the shop whose path begins like this, in a mail to this address.
    pub async fn mailed_link(&self, to: &str, path: &str) -> String {
        let start = format!("{}{path}", self.base);
        for _ in 0..TRIES {
            if let Some(link) = texts(&self.mails, to).iter().find_map(|text| link(text, &start)) {
                return link;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("no mail to {to} has a link to {path}");
    }
}

fn texts(mails: &Path, to: &str) -> Vec<String> {
    let files = fs::read_dir(mails).into_iter().flatten().flatten();
    let raw = files.filter_map(|entry| fs::read(entry.path()).ok());
    let text = |raw: Vec<u8>| {
        let message = MessageParser::default().parse(&raw)?;
        let addressee = message.to()?.first()?.address()?;
        (addressee == to).then(|| message.body_text(0).unwrap_or_default().into_owned())
    };
    raw.filter_map(text).collect()
}

fn link(text: &str, start: &str) -> Option<String> {
    let rest = &text[text.find(start)?..];
    rest.split_whitespace().next().map(str::to_owned)
}

async fn answer(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("an answer");
    let (status, text) = (response.status(), response.text().await.expect("a text"));
    assert!(status.is_success(), "{status}: {text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
}
