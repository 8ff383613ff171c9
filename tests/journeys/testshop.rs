//! A whole shop for one test: a redb file in a folder of its own, a clock that stands still until
//! it is moved, the `test` payment provider, an administrator, and a server on a port of its own.
//!
//! At the end of every test the shop's books are verified, whatever the test was about.

use crate::faults::{Bank, Faults, FaultyProvider, FaultyStore};
use mercat::actors::accounts::LoginWith;
use mercat::actors::clock::{Clock, ManualClock};
use mercat::actors::pictures::Pictures;
use mercat::actors::pools::Password;
use mercat::config::Config;
use mercat::domain::staff::Role;
use mercat::domain::{Span, Timestamp};
use mercat::http::api::checkout_render;
use mercat::http::api::oidc::callback_path;
use mercat::http::app::App;
use mercat::http::kept::Answers;
use mercat::http::list::PublicUrl;
use mercat::http::router::front;
use mercat::http::server::{Server, Stopper};
use mercat::http::texts::Texts;
use mercat::http::tls::Tls;
use mercat::identity::SignIns;
use mercat::media::Folder;
use mercat::notify::Notifier;
use mercat::notify::letter::Letterhead;
use mercat::payments::manual::ManualProvider;
use mercat::payments::test::{TestProvider, TestSettings};
use mercat::payments::{PaymentProvider, Providers};
use mercat::secrets::{KeySource, Vault};
use mercat::shop::{Post, Shop, ShopParts};
use mercat::storage::{RedbStore, Store, StoreError, Table};
use mercat::verify::verify;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Number, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// When every test shop's clock starts: 2023-11-14T22:13:20Z.
pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What the shop is called on its pages, its letters and everywhere else.
const NAME: &str = "Acme & Daughters";

const ADMIN: &str = "admin@shop.example";
const PASSWORD: &str = "correct horse battery staple";

/// How late the provider's answer to `tok_timeout` is.
const LATE: Duration = Duration::from_millis(200);

/// How long something that happens in the background is waited for, in steps of [`PAUSE`].
const TRIES: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

pub struct TestShop {
    pub shop: Arc<Shop>,
    pub clock: Arc<ManualClock>,
    /// The `test` provider's own books.
    pub payments: Arc<TestProvider>,
    pub bank: Arc<Bank>,
    /// What can be done to this life of the shop.
    pub faults: Arc<Faults>,
    books: Books,
    pub folder: TempDir,
    config: Config,
    /// The way of mails; without one they wait.
    notifier: Option<Arc<dyn Notifier>>,
    base: String,
    client: reqwest::Client,
    staff: String,
    stopper: Stopper,
    serving: JoinHandle<()>,
}

impl TestShop {
    /// A shop with the default settings.
    pub async fn open() -> TestShop {
        TestShop::with(|_| {}).await
    }

    /// A shop whose settings `change` has changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestShop {
        let mut config = Config::default();
        // Only tests of the limits are counted.
        config.rates.on = false;
        // However slow the machine is, nobody is turned away who does not ask for it.
        config.limits.write_wait_ms = 0;
        change(&mut config);
        let folder = tempfile::tempdir().unwrap();
        let settings = TestSettings { late: LATE, ..TestSettings::new("http://shop.example") };
        let payments = TestProvider::in_memory(settings);
        let bank = Arc::new(Bank::new(Arc::new(payments)));
        let clock = Arc::new(ManualClock::at(START));
        TestShop::start(config, folder, clock, bank, None).await
    }

    /// A shop that sends mails this way.
    pub async fn mailing(notifier: Arc<dyn Notifier>) -> TestShop {
        TestShop::open().await.now_mailing(notifier).await
    }

    /// The same shop after a new start, from which on it sends mails this way.
    pub async fn now_mailing(self, notifier: Arc<dyn Notifier>) -> TestShop {
        let Closed { folder, clock, bank, config, .. } = self.closed().await;
        TestShop::start(config, folder, clock, bank, Some(notifier)).await
    }

    /// Another shop, on what is in `folder` and by this one's clock, provider and way of mails: what
    /// this one would be after a crash that left just that.
    pub async fn twin(&self, folder: TempDir) -> TestShop {
        let (clock, bank) = (self.clock.clone(), self.bank.clone());
        TestShop::start(self.config.clone(), folder, clock, bank, self.notifier.clone()).await
    }

    /// The same shop after a clean end and a new start.
    pub async fn restarted(self) -> TestShop {
        let Closed { folder, clock, bank, config, notifier } = self.closed().await;
        TestShop::start(config, folder, clock, bank, notifier).await
    }

    /// Ends cleanly, and gives what the next start takes.
    pub async fn closed(self) -> Closed {
        let TestShop { shop, clock, bank, folder, config, notifier, .. } = self;
        drop(self.client);
        shop.begin_closing();
        self.stopper.stop();
        self.serving.await.unwrap();
        shop.close().await;
        Closed { folder, clock, bank, config, notifier }
    }

    async fn start(
        config: Config,
        folder: TempDir,
        clock: Arc<ManualClock>,
        bank: Arc<Bank>,
        notifier: Option<Arc<dyn Notifier>>,
    ) -> TestShop {
        let (payments, faults) = (bank.provider.clone(), Arc::<Faults>::default());
        let test = FaultyProvider { bank: bank.clone(), faults: faults.clone() };
        let test: Arc<dyn PaymentProvider> = Arc::new(test);
        let disk = Arc::new(open_store(&folder).await);
        let books = Books { disk: disk.clone(), clock: clock.clone() };
        let store = Arc::new(FaultyStore { disk, faults: faults.clone() });
        let key = KeySource::choose(folder.path(), None, None).unwrap();
        let parts = ShopParts {
            vault: Vault::unlock(&*store, &key).unwrap(),
            store,
            settings: {
                let mut settings = config.settings().unwrap();
                if config.shop.name.is_none() {
                    settings.shop.name = NAME.into();
                }
                settings
            },
            clock: clock.clone(),
            providers: Providers::new([Arc::new(ManualProvider), test]),
            index_folder: Some(folder.path().join("search")),
            checkout_answer: checkout_render("/v1/carts".into()),
            post: notifier.clone().map(|notifier| Post { notifier, letterhead: letterhead() }),
            backups: None,
        };
        let shop = Arc::new(Shop::open(parts).await.unwrap());
        if !shop.accounts.has_staff() {
            let password = Password::from(PASSWORD.to_owned());
            shop.accounts.create_staff(ADMIN, password, Role::Admin).await.unwrap();
        }
        // Clients of reqwest want to be told which library of cryptography they use.
        #[cfg(feature = "oidc")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let login = shop
            .accounts
            .login(ADMIN, Password::from(PASSWORD.to_owned()), LoginWith::default())
            .await;
        let staff = login.unwrap().access.expose().to_owned();
        let mut server = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        if let Some(tls) = config.tls.settings(folder.path()).unwrap() {
            server = server.with_tls(Tls::open(tls).await.unwrap());
        }
        let base = format!("http://{}", server.address().unwrap());
        let media = Folder::open(&folder.path().join("media")).unwrap();
        // Only a shop with identity providers is come back to, and so must be where it says.
        let known_as = match &config.public_url {
            Some(url) => url,
            None if config.identity.is_empty() => "http://shop.example",
            None => &base,
        };
        let public_url: PublicUrl = known_as.parse().unwrap();
        let callback = |id: &str| public_url.join(&callback_path(id));
        let app = App {
            looks: Arc::default(),
            shop: shop.clone(),
            sign_ins: SignIns::open(&config.identity, callback).unwrap(),
            public_url,
            pictures: Pictures::new(Arc::new(media), shop.blocking.clone()),
            texts: Texts::default(),
            answers: Answers::new(shop.reads.moment.clone()),
            test: Some(payments.clone()),
            upload_bytes: config.limits.upload_bytes,
        };
        let (front, stopper) = (front(app, config.door().unwrap()).unwrap(), server.stopper());
        let serving = tokio::spawn(async move { server.serve(front).await.unwrap() });
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        TestShop {
            shop,
            clock,
            payments,
            bank,
            faults,
            books,
            folder,
            config,
            notifier,
            base,
            client,
            staff,
            stopper,
            serving,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().unwrap()
    }

    /// The full address of a path.
    #[cfg(feature = "oidc")]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// How many rows a table has.
    pub fn rows(&self, table: Table) -> u64 {
        self.books.disk.snapshot().unwrap().count(table).unwrap()
    }

    /// Moves the clock on.
    pub fn pass(&self, span: Span) {
        self.clock.set(self.clock.now().plus(span));
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Any request; nobody in particular sends it.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let label = format!("{method} {path}");
        let builder = self.client.request(method, format!("{}{path}", self.base));
        Request { builder, label, staff: self.staff.clone() }
    }

    /// Asks again and again until `is_there` finds what the background has to do first.
    pub async fn eventually(&self, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..TRIES {
            last = self.get(path).staff().send().await.expect(200).json();
            if is_there(&last) {
                return last;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{path} never showed what was waited for; at last: {last:#}");
    }
}

/// What is left of a shop that was closed.
pub struct Closed {
    pub folder: TempDir,
    clock: Arc<ManualClock>,
    bank: Arc<Bank>,
    config: Config,
    notifier: Option<Arc<dyn Notifier>>,
}

/// The shop's books, which are right at every moment, and above all at the end.
struct Books {
    disk: Arc<RedbStore>,
    clock: Arc<ManualClock>,
}

impl Drop for Books {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let snapshot = self.disk.snapshot().expect("the books can be read");
        let report = verify(&*snapshot, None, self.clock.now(), &mut |_| {}).unwrap();
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(report.is_clean(), "the books are wrong:\n{}", findings.join("\n"));
    }
}

fn letterhead() -> Letterhead {
    Letterhead { shop: NAME.into(), public_url: "http://shop.example".into() }
}

/// Opens the store. The threads of a shop that was closed let go of its file a moment later.
async fn open_store(folder: &TempDir) -> RedbStore {
    for _ in 0..TRIES {
        match RedbStore::open(folder.path(), 8 << 20) {
            Err(StoreError::InUse { .. }) => tokio::time::sleep(PAUSE).await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the store is still in use");
}

/// Where other people's data is, for tests that run only where it may be used. It stays where it is.
pub fn shared_data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let folder =
        std::env::var_os("MERCAT_SHARED_DATA").map_or_else(|| beside.into(), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there is no real data at {}", folder.display());
    None
}

/// A request in the making.
pub struct Request {
    builder: RequestBuilder,
    label: String,
    staff: String,
}

impl Request {
    /// Sent by the administrator.
    pub fn staff(self) -> Request {
        let token = self.staff.clone();
        self.bearer(&token)
    }

    pub fn bearer(self, token: &str) -> Request {
        Request { builder: self.builder.bearer_auth(token), ..self }
    }

    pub fn header(self, name: &str, value: &str) -> Request {
        Request { builder: self.builder.header(name, value), ..self }
    }

    /// Under an idempotency key.
    pub fn key(self, key: &str) -> Request {
        self.header("idempotency-key", key)
    }

    pub fn json(self, body: Value) -> Request {
        self.body("application/json", body.to_string())
    }

    pub fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Request {
        let builder = self.builder.header("content-type", media_type).body(body);
        Request { builder, ..self }
    }

    pub fn multipart(self, form: reqwest::multipart::Form) -> Request {
        Request { builder: self.builder.multipart(form), ..self }
    }

    /// Its bytes as they go over a connection of HTTP/1.1.
    pub fn bytes(self) -> Vec<u8> {
        let request = self.builder.build().unwrap();
        let (url, body) = (request.url(), request.body().and_then(reqwest::Body::as_bytes));
        let body = body.unwrap_or_default();
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: shop.example\r\n", request.method(), url.path());
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [head.as_bytes(), body].concat()
    }

    /// Its method and path.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Sends it and leaves the answer's body to be read as it comes.
    pub async fn open(self) -> reqwest::Response {
        self.builder.send().await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let response = self.builder.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { label: self.label, status, headers, bytes: response.bytes().await.unwrap().into() }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    label: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        let Answer { label, status: given, .. } = &self;
        assert_eq!(*given, status, "{label} answered {}", self.text());
        self
    }

    /// A problem with this status and code; gives its body.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.label);
        let body = answer.json();
        assert_eq!(body["code"], code, "{} answered {body:#}", answer.label);
        assert_eq!(body["status"], Value::from(status));
        body
    }

    /// The places of all faults in a problem, sorted.
    #[track_caller]
    pub fn faults(self, status: u16) -> Vec<String> {
        let body = self.expect(status).json();
        let faults = body["errors"].as_array().cloned().unwrap_or_default();
        let mut places: Vec<String> =
            faults.iter().map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect();
        places.sort();
        places
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.label, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// A header's value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn etag(&self) -> &str {
        self.header("etag")
    }
}

/// A JSON number to the letter, such as `12.50`.
pub fn amount(text: &str) -> Value {
    Value::Number(Number::from_string_unchecked(text.to_owned()))
}
