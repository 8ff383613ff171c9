//! Who has an account finds again what they had put aside.

use crate::browser::{Browser, Scripts};
use crate::buying::put;
use serde_json::json;

const EMAIL: &str = "grace@example.com";
const PASSWORD: &str = "violet kettle orchard";

/// Registers, as the shop's own pages do it, up to the link in the mail.
async fn register(browser: &Browser) {
    browser.go("/account/register").await;
    browser.fill("#email", EMAIL).await;
    browser.fill("#password", PASSWORD).await;
    browser.press("Make the account").await;
    browser.says("Look in your mail").await;
    let link = browser.shop.mailed_link(EMAIL, "/account/confirm").await;
    let (_, token) = link.split_once("token=").expect("a token");
    let confirmed = json!({ "token": token, "password": PASSWORD });
    browser.shop.post("/v1/auth/verify", &confirmed).await;
}

async fn log_in(browser: &Browser) {
    browser.go("/account/login").await;
    browser.fill("#email", EMAIL).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("main form button").await;
    browser.is_at("/account/orders").await;
}

async fn carts_become_one(scripts: Scripts) {
    let Some(browser) = Browser::open(scripts).await else { return };
    register(&browser).await;
    log_in(&browser).await;
    put(&browser, "/p/electric-kettle").await;
    browser.go("/account").await;
    browser.press("Log out").await;
    browser.says("Just in").await;
    browser.go("/cart").await;
    browser.says("Your cart is empty").await;
    put(&browser, "/p/french-press").await;
    log_in(&browser).await;
    browser.go("/cart").await;
    browser.says("Set-Point Electric Kettle").await;
    browser.says("Double-Wall French Press").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_aside_before_and_after_is_one_cart_on_login() {
    carts_become_one(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_become_one_without_scripts() {
    carts_become_one(Scripts::Off).await;
}
