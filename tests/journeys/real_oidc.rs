//! The same journey with a real provider, the npm package `oidc-provider` in a process of its own.
//!
//! It runs where `MERCAT_TEST_OIDC` holds the command that starts the provider, from the folder of
//! the project; `.ci/run` sets it to `node tests/oidc-provider/server.mjs`. The tests of `oidc.rs`
//! run everywhere.

use crate::goods::text;
use crate::oidc::row;
use crate::testshop::TestShop;
use mercat::actors::clock::{Clock, SystemClock};
use mercat::identity::settings::For;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A provider's process, which ends with this.
struct RealProvider {
    process: Child,
    /// Kept open, for a process that cannot write ends.
    _output: BufReader<ChildStdout>,
    issuer: String,
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl RealProvider {
    /// Starts one that knows these people; `None` where there is none to start.
    fn start(people: &Value) -> Option<RealProvider> {
        let Ok(command) = env::var("MERCAT_TEST_OIDC") else {
            eprintln!("SKIPPED: MERCAT_TEST_OIDC does not say how to start a real OpenID provider");
            return None;
        };
        let mut words = command.split_whitespace();
        let mut process = Command::new(words.next().expect("a command"))
            .args(words)
            .arg(people.to_string())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command of MERCAT_TEST_OIDC can be started");
        let mut issuer = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        lines.read_line(&mut issuer).unwrap();
        let issuer = issuer.trim().to_owned();
        let provider = RealProvider { process, _output: lines, issuer };
        assert!(provider.issuer.starts_with("http://127.0.0.1:"), "{}", provider.issuer);
        Some(provider)
    }
}

/// A browser without a screen: it keeps cookies, follows redirects and fills forms.
struct Browser(Client);

impl Browser {
    fn new() -> Browser {
        let builder = Client::builder().no_proxy().cookie_store(true).redirect(Policy::none());
        // The provider ends idle connections at a time of its own.
        Browser(builder.pool_max_idle_per_host(0).build().unwrap())
    }

    /// Asks, and goes wherever it is sent; gives the page and its address.
    async fn go(&self, url: &str) -> (String, Response) {
        let response = self.0.get(url).send().await.unwrap();
        self.follow(url.to_owned(), response).await
    }

    async fn follow(&self, mut url: String, mut response: Response) -> (String, Response) {
        for _ in 0..10 {
            let Some(next) = response.headers().get("location") else { return (url, response) };
            let next = next.to_str().unwrap();
            url = if next.starts_with('/') {
                let origin: Vec<&str> = url.splitn(4, '/').take(3).collect();
                format!("{}{next}", origin.join("/"))
            } else {
                next.to_owned()
            };
            response = self.0.get(&url).send().await.unwrap();
        }
        panic!("sent on and on, at last to {url}");
    }

    /// Sends the one form of a page.
    async fn submit(
        &self,
        page: (String, Response),
        fields: &[(&str, &str)],
    ) -> (String, Response) {
        let (url, response) = page;
        assert_eq!(response.status(), 200, "{url}");
        let html = response.text().await.unwrap();
        let action = html.split("action=\"").nth(1).unwrap_or_else(|| panic!("no form: {html}"));
        let action = action.split('"').next().unwrap().to_owned();
        let answer = self.0.post(&action).form(fields).send().await.unwrap();
        self.follow(action, answer).await
    }

    /// From the shop to the provider, through its two forms, and back.
    async fn sign_in(&self, shop: &TestShop, login: &str) -> (u16, Value) {
        let page = self.go(&shop.url("/v1/auth/oidc/house?returnTo=/account")).await;
        let login = [("prompt", "login"), ("login", login), ("password", "any")];
        let page = self.submit(page, &login).await;
        let (url, answer) = self.submit(page, &[("prompt", "consent")]).await;
        assert!(url.starts_with(&shop.url("/v1/auth/oidc/house/callback?")), "{url}");
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_sign_in_with_a_real_provider() {
    let people = json!({
        "admin": { "email": "admin@shop.example", "email_verified": true, "name": "Ada",
            "updated_at": 1_700_000_000 },
        "twin": { "email": "admin@shop.example", "email_verified": true },
        "eve": { "email": "eve@shop.example", "email_verified": false },
        "stranger": { "email": "stranger@shop.example", "email_verified": true },
    });
    let Some(provider) = RealProvider::start(&people) else { return };
    let staff = row("house", &provider.issuer, For::Staff);
    let shop = TestShop::with(|config| config.identity = vec![staff]).await;
    // The provider's tokens are of today.
    shop.clock.set(SystemClock.now());
    let browser = Browser::new();
    let (status, tokens) = browser.sign_in(&shop, "admin").await;
    assert_eq!(status, 200, "{tokens}");
    let access = text(&tokens, "accessToken");
    shop.get("/v1/orders").bearer(access).send().await.expect(200);
    // The provider still knows this browser, and asks for consent alone.
    let page = browser.go(&shop.url("/v1/auth/oidc/house")).await;
    let (url, answer) = browser.submit(page, &[("prompt", "consent")]).await;
    assert_eq!(answer.status(), 200, "{url}");
    let (path, _) = url.split_once('?').unwrap();
    assert_eq!(path, shop.url("/v1/auth/oidc/house/callback"));
    // The same address again, with the cookie that is left: the journey is over.
    let again = browser.0.get(&url).send().await.unwrap();
    assert_eq!(again.status(), 403);
    assert_eq!(again.json::<Value>().await.unwrap()["code"], "sign_in_not_started");
    for (login, status, code) in [
        ("twin", 409, "identity_conflict"),
        ("eve", 403, "email_not_verified"),
        ("stranger", 403, "not_invited"),
    ] {
        let (given, problem) = Browser::new().sign_in(&shop, login).await;
        assert_eq!((given, text(&problem, "code")), (status, code), "{login}: {problem}");
    }
    // Somebody who thinks better of it.
    let browser = Browser::new();
    let (page, _) = browser.go(&shop.url("/v1/auth/oidc/house")).await;
    let (url, answer) = browser.go(&format!("{page}/abort")).await;
    assert_eq!(answer.status(), 403, "{url}");
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "sign_in_refused");
}
