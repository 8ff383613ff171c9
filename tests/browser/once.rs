//! An order that was placed is placed once, whatever a shopper does with their browser.

use crate::browser::{Browser, Scripts};
use crate::buying::{EMAIL, fill_in, put};

/// A browser at a checkout that is ready to be sent, and how many orders there were.
async fn ready(scripts: Scripts) -> Option<(Browser, u64)> {
    let browser = Browser::open(scripts).await?;
    let before = browser.shop.orders().await;
    put(&browser, "/p/electric-kettle").await;
    browser.go("/checkout").await;
    fill_in(&browser, EMAIL, "test:tok_visa").await;
    Some((browser, before))
}

async fn double_click(scripts: Scripts) {
    let Some((browser, before)) = ready(scripts).await else { return };
    let button = browser.named("Place the order").await;
    button.scroll_into_view().await.expect("a button");
    let twice = browser.driver.action_chain().double_click_element(&button);
    twice.perform().await.expect("two clicks");
    browser.is_at("/orders/").await;
    browser.says("Set-Point Electric Kettle").await;
    assert_eq!(browser.shop.orders().await, before + 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one_order() {
    double_click(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one_order_without_scripts() {
    double_click(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_and_the_way_back_are_no_second_order() {
    let Some((browser, before)) = ready(Scripts::On).await else { return };
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    let order = browser.path().await;
    browser.driver.refresh().await.expect("a reload");
    browser.says("Thank you").await;
    browser.driver.back().await.expect("the way back");
    // The form may still be there as it was, or the shop has led on already: neither buys again.
    if browser.path().await.starts_with("/checkout") {
        browser.press("Place the order").await;
        browser.is_at("/orders/").await;
        let (one, other) = (order.split('?').next(), browser.path().await);
        assert_eq!(one, other.split('?').next(), "it is the same order");
    }
    browser.go("/checkout").await;
    assert_eq!(browser.shop.orders().await, before + 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_are_one_order() {
    let Some((browser, before)) = ready(Scripts::On).await else { return };
    let first = browser.driver.window().await.expect("a window");
    let second = browser.driver.new_tab().await.expect("another window");
    browser.driver.switch_to_window(second).await.expect("another window");
    browser.go("/checkout").await;
    fill_in(&browser, EMAIL, "test:tok_visa").await;
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    let order = browser.path().await;
    browser.driver.switch_to_window(first).await.expect("the first window");
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    let (one, other) = (order.split('?').next(), browser.path().await);
    assert_eq!(one, other.split('?').next(), "it is the same order");
    assert_eq!(browser.shop.orders().await, before + 1);
    browser.close().await;
}
