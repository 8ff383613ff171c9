//! The program as it is started here: a bench to its end, and a shop for it to drive.

use mercat::bench::report::Report;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");

/// A `mercat bench` that is about to be run.
pub struct Bench {
    words: Vec<String>,
    home: TempDir,
    folder: PathBuf,
}

/// What came of it.
pub struct Done {
    pub code: i32,
    /// All that it said, to whomever.
    pub said: String,
}

impl Bench {
    /// On a small shop of its own, for a second.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Bench {
        let words: Vec<&str> = words.into_iter().collect();
        let mut bench = Bench::bare(&words);
        bench.add(&["--memory", "--warm-up", "0", "--products", "40"]);
        if !words.contains(&"--duration") {
            bench.add(&["--duration", "1"]);
        }
        bench
    }

    /// With these words alone.
    pub fn bare(words: &[&str]) -> Bench {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().to_owned();
        let words = ["bench"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        Bench { words, home, folder }
    }

    /// On a shop that runs already, for a second.
    pub fn of_url(mut self) -> Bench {
        self.add(&["--duration", "1", "--warm-up", "0"]);
        self
    }

    pub fn in_folder(mut self, folder: &Path) -> Bench {
        self.folder = folder.to_owned();
        self
    }

    pub fn without(mut self, word: &str) -> Bench {
        self.words.retain(|own| own != word);
        self
    }

    fn add(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    pub fn run(mut self) -> Done {
        if !self.words.iter().any(|word| word == "--url") {
            let folder = self.folder.to_string_lossy().into_owned();
            self.add(&["--folder", &folder]);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
        let command = command.args(&self.words).env("MERCAT_BENCH_PASSWORD", ADMIN.1);
        let done = command.stdin(Stdio::null()).output().expect("the program starts");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let left = self.home.path().read_dir().expect("its folder").count();
        assert!(left == 0 || !done.status.success(), "nothing is left behind: {said}");
        Done { code: done.status.code().expect("it ends by itself"), said }
    }

    /// With its words as they are: where no load is made, there is no shop and no folder.
    pub fn alone(self) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
        let done = command.args(&self.words).stdin(Stdio::null()).output();
        let done = done.expect("the program starts");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        Done { code: done.status.code().expect("it ends by itself"), said }
    }

    /// The report of one that goes well.
    #[track_caller]
    pub fn report(self) -> Report {
        let (done, report) = self.reported();
        assert_eq!(done.code, 0, "{}", done.said);
        report
    }

    /// The report of one, however it goes.
    #[track_caller]
    pub fn any_report(self) -> Report {
        self.reported().1
    }

    #[track_caller]
    fn reported(mut self) -> (Done, Report) {
        // The folder goes with the bench; what is in the report is read before.
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("report.json");
        self.add(&["--json", &path.to_string_lossy()]);
        let done = self.run();
        let report = Report::read(&path);
        let report = report.unwrap_or_else(|error| panic!("{error}: {}", done.said));
        (done, report)
    }
}

/// A shop that somebody else runs.
pub struct Shop {
    child: Child,
    pub base: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    _home: TempDir,
}

impl Shop {
    pub fn open() -> Shop {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--test-payments", "1", "--data"])
            .arg(home.path().join("shop"))
            .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
            .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
            .env("MERCAT_LOG", "error")
            .env("MERCAT_RATE_LIMITS", "off")
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        let open = lines.find_map(|line| Some(line[line.find("http://")?..].trim().to_owned()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        Shop {
            child,
            base: open.expect("the shop opens"),
            runtime: tokio::runtime::Runtime::new().expect("threads"),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            _home: home,
        }
    }

    /// What is answered to a request that must succeed.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value, header: Option<(&str, &str)>) -> Value {
        let mut request = self.client.post(format!("{}{path}", self.base)).json(body);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let text = self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            let is_good = answer.status().is_success();
            let text = answer.text().await.expect("a body");
            assert!(is_good, "{path}: {text}");
            text
        });
        serde_json::from_str(&text).expect("JSON")
    }

    /// A product with plenty of units.
    #[track_caller]
    pub fn stock_up(&self, sku: &str) {
        let login = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        let login = self.post("/v1/auth/login", &login, None);
        let token = format!("Bearer {}", login["accessToken"].as_str().expect("a token"));
        let product = json!({
            "name": format!("The last {sku}"), "description": "One of few.", "price": 19.99,
            "currency": "USD", "category": "Kitchen", "brand": "Alder", "sku": sku,
            "imageUrl": "https://example.com/picture.jpg", "stockQuantity": 100_000,
        });
        self.post("/v1/products", &product, Some(("authorization", &token)));
    }

    /// One unit, under a key of its own.
    #[track_caller]
    pub fn buy(&self, sku: &str, number: usize) {
        let items = json!({ "items": [{ "sku": sku, "quantity": 1 }] });
        let cart = self.post("/v1/carts", &items, None);
        let path = format!("/v1/carts/{}/checkout", cart["cartId"].as_str().expect("an id"));
        let address = json!({ "name": "Grace Hopper", "line1": "1 Bay Street", "city": "Salem",
            "region": "OR", "postalCode": "97301", "country": "US" });
        let body = json!({ "email": "grace@example.com", "shippingAddress": address,
            "payment": { "provider": "test", "token": "tok_visa" } });
        self.post(&path, &body, Some(("idempotency-key", &format!("stranger-{number}"))));
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
