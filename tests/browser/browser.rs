//! A browser, and what a person does with it.

use crate::demo::Demo;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use thirtyfour::prelude::*;

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// How long something on a page is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(100);

/// The process that drives browsers, which ends with all of them.
struct Driver {
    process: Child,
    /// Kept open, for a process that cannot write ends.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

impl Driver {
    /// `None` where there is none to start.
    fn start() -> Option<Driver> {
        let Ok(command) = env::var("MERCAT_TEST_BROWSER") else {
            eprintln!("SKIPPED: MERCAT_TEST_BROWSER does not say how to start a WebDriver");
            return None;
        };
        let mut process = Command::new(command)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the command of MERCAT_TEST_BROWSER can be started");
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let port = output.by_ref().lines().find_map(|line| {
            let line = line.expect("readable output");
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let address = format!("http://127.0.0.1:{}", port.expect("it says its port"));
        Some(Driver { process, _output: output, address })
    }
}

/// A window on a demo shop.
pub struct Browser {
    pub driver: WebDriver,
    pub shop: Demo,
    _process: Driver,
}

impl Browser {
    /// `None` where there is no browser.
    pub async fn open(scripts: Scripts) -> Option<Browser> {
        let process = Driver::start()?;
        let shop = Demo::open().await;
        let mut wishes = DesiredCapabilities::chrome();
        for argument in
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]
        {
            wishes.add_arg(argument).expect("an argument");
        }
        if scripts == Scripts::Off {
            let blocked =
                serde_json::json!({ "profile.managed_default_content_settings.javascript": 2 });
            wishes.add_experimental_option("prefs", blocked).expect("settings");
        }
        let driver = WebDriver::new(&process.address, wishes).await.expect("a browser");
        Some(Browser { driver, shop, _process: process })
    }

    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.shop.base)).await.expect("a page");
    }

    /// The one thing on the page that this selects, as soon as it is there.
    pub async fn find(&self, css: &str) -> WebElement {
        let found = self.driver.query(By::Css(css)).wait(PATIENCE, BETWEEN).first().await;
        match found {
            Ok(element) => element,
            Err(error) => {
                panic!("{css} is not at {}: {error}\n{}", self.path().await, self.text().await)
            }
        }
    }

    /// The link or button that says this, as soon as it is there.
    pub async fn named(&self, words: &str) -> WebElement {
        let path = format!(
            "//*[(self::a or self::button or self::summary or self::label) and contains(normalize-space(.), \"{words}\")]"
        );
        let found = self.driver.query(By::XPath(path)).and_displayed().wait(PATIENCE, BETWEEN);
        match found.first().await {
            Ok(element) => element,
            Err(error) => {
                panic!("“{words}” is not at {}: {error}\n{}", self.path().await, self.text().await)
            }
        }
    }

    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.expect("a click");
    }

    pub async fn press(&self, words: &str) {
        self.named(words).await.click().await.expect("a click");
    }

    /// Types into a field in place of what is in it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("a filled field");
    }

    /// Chooses what a list has under this value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value='{value}']")).await;
    }

    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.expect("a property").unwrap_or_default()
    }

    /// What can be read on the page.
    pub async fn text(&self) -> String {
        let body = self.driver.find(By::Tag("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the page says this.
    pub async fn says(&self, words: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "“{words}” is not said at {}:\n{text}",
                self.path().await
            );
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Path and query of the page.
    pub async fn path(&self) -> String {
        let url = self.driver.current_url().await.expect("an address");
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// Waits until the page is at a path that begins like this.
    pub async fn is_at(&self, start: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.path().await.starts_with(start) {
            let text = self.text().await;
            assert!(tokio::time::Instant::now() < until, "still at {}:\n{text}", self.path().await);
            tokio::time::sleep(BETWEEN).await;
        }
    }

    pub async fn close(self) {
        let Browser { driver, .. } = self;
        driver.quit().await.expect("the browser ends");
    }
}
