//! Somebody who looks around with a browser that runs no scripts.

use crate::testshop::{Answer, Request, TestShop};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use std::collections::BTreeMap;

/// Somebody with a browser: it keeps cookies, and its forms hold what the page before gave them.
pub struct Visitor<'a> {
    pub shop: &'a TestShop,
    pub cookies: BTreeMap<String, String>,
    pub token: Option<String>,
}

impl<'a> Visitor<'a> {
    pub fn new(shop: &'a TestShop) -> Visitor<'a> {
        Visitor { shop, cookies: BTreeMap::new(), token: None }
    }

    pub fn dressed(&self, request: Request) -> Request {
        let request = request.header("accept", "text/html,*/*;q=0.8");
        if self.cookies.is_empty() {
            return request;
        }
        let pairs: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", &pairs.join("; "))
    }

    pub fn take(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if line.to_str().unwrap().contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(token) = field(&answer.text(), "csrf") {
            self.token = Some(token);
        }
    }

    pub async fn open(&mut self, path: &str) -> Answer {
        let answer = self.dressed(self.shop.get(path)).send().await;
        self.take(&answer);
        answer
    }

    /// Sends a form as its page does.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        let token = self.token.as_deref().map(|token| ("csrf", token));
        let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let token = token.map(|(name, value)| format!("{name}={value}"));
        let pairs = token.into_iter().chain(fields);
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = self.dressed(self.shop.post(path)).header("origin", "http://shop.example");
        request.body("application/x-www-form-urlencoded", body)
    }

    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.form(path, fields).send().await;
        self.take(&answer);
        answer
    }

    /// Sends a form and goes where the answer leads.
    pub async fn follow(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.send(path, fields).await.expect(303);
        let next = answer.header("location").to_owned();
        self.open(&next).await.expect(200)
    }
}

/// The value of a hidden field.
pub fn field(html: &str, name: &str) -> Option<String> {
    let pattern = format!(r#"name="{name}" value="([^"]*)""#);
    Some(Regex::new(&pattern).unwrap().captures(html)?[1].to_owned())
}
