//! What is left is said as it is, while a page is looked at and at the till.

use crate::browser::{Browser, Scripts};
use crate::buying::{EMAIL, fill_in, put};

const SKU: &str = "TAR-2039-250G-FIL";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_followed_while_a_page_is_looked_at() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    browser.go("/p/kiln-house-espresso").await;
    let own = format!("[data-stock='{SKU}']");
    browser.find(&own).await;
    browser.shop.have(SKU, 2).await;
    browser.find(&format!("{own}[data-state='low']")).await;
    browser.says("2 left").await;
    browser.shop.have(SKU, 0).await;
    browser.find(&format!("input[value='{SKU}']:disabled")).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sold_out_on_the_way_to_the_till_is_said_and_not_bought() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    let before = browser.shop.orders().await;
    put(&browser, &format!("/p/kiln-house-espresso?variant={SKU}")).await;
    put(&browser, "/p/electric-kettle").await;
    browser.go("/checkout").await;
    fill_in(&browser, EMAIL, "test:tok_visa").await;
    browser.shop.have(SKU, 0).await;
    browser.press("Place the order").await;
    browser.says("sold out").await;
    browser.says("Kiln House Coffee Beans").await;
    assert_eq!(browser.shop.orders().await, before);
    // What is left can be bought, with all that was typed.
    assert_eq!(browser.value("#line1").await, "12 Main Street");
    if !browser.find("#terms").await.is_selected().await.expect("a field") {
        browser.click("#terms").await;
    }
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    browser.says("Thank you").await;
    assert!(!browser.text().await.contains("Kiln House Coffee Beans"));
    assert_eq!(browser.shop.orders().await, before + 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_changed_without_leaving_the_place() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    put(&browser, "/p/kiln-house-espresso").await;
    browser.go("/cart").await;
    browser.fill("#quantity-1", "3").await;
    browser.press("Update").await;
    browser.says("$40.50").await;
    browser.fill("#quantity-1", "0").await;
    browser.press("Update").await;
    browser.says("Your cart is empty").await;
    browser.close().await;
}
