//! From the front page to the order's page, and what is said when a card is declined.

use crate::browser::{Browser, Scripts};
use crate::keys::Keys;
use thirtyfour::By;

pub const EMAIL: &str = "ada@example.com";

/// The address of a parcel to Oregon, where no tax is added.
pub const ADDRESS: [(&str, &str); 4] = [
    ("#name", "Ada Lovelace"),
    ("#line1", "12 Main Street"),
    ("#city", "Portland"),
    ("#postalCode", "97201"),
];

/// What is asked of a guest at the checkout, and the card.
pub async fn fill_in(browser: &Browser, email: &str, card: &str) {
    browser.fill("#email", email).await;
    for (field, text) in ADDRESS {
        browser.fill(field, text).await;
    }
    browser.choose("#region", "OR").await;
    browser.click(&format!("input[name='payment'][value='{card}']")).await;
    browser.click("#terms").await;
}

/// Puts something into the cart from its page.
pub async fn put(browser: &Browser, product: &str) {
    browser.go(product).await;
    browser.press("Add to cart").await;
    browser.says("In your cart").await;
}

async fn search_narrow_choose_and_buy(scripts: Scripts) {
    let Some(browser) = Browser::open(scripts).await else { return };
    let before = browser.shop.orders().await;
    browser.go("/").await;
    browser.says("Just in").await;
    browser.fill("#q", "cofee").await;
    browser.click(".find button").await;
    browser.says("We read “cofee” as coffee").await;
    browser.click("input[name='category'][value='Pantry']").await;
    browser.press("Show results").await;
    browser.says("Clear all").await;
    let cards = browser.driver.find_all(By::Css("main .card h3 a")).await.expect("cards");
    assert_eq!(cards.len(), 1, "one thing in the pantry is of coffee");
    cards[0].click().await.expect("a click");

    browser.is_at("/p/kiln-house-espresso").await;
    let sold_out = browser.find("input[value='TAR-2039-1KG-ESP']").await;
    assert!(!sold_out.is_enabled().await.expect("a field"), "what is sold out cannot be chosen");
    browser.click("input[value='TAR-2039-1KG-FIL']").await;
    browser.fill("#quantity", "2").await;
    browser.press("Add to cart").await;
    browser.says("In your cart").await;
    browser.press("See the cart").await;
    browser.is_at("/cart").await;
    browser.says("$92.00").await;
    browser.says("1 kg / Filter").await;
    browser.press("Check out").await;

    browser.is_at("/checkout").await;
    fill_in(&browser, EMAIL, "test:tok_visa").await;
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    browser.says("Thank you").await;
    browser.says("$92.00").await;
    assert_eq!(browser.shop.orders().await, before + 1);
    browser.go("/cart").await;
    browser.says("Your cart is empty").await;

    let link = browser.shop.mailed_link(EMAIL, "/orders/").await;
    browser.driver.goto(&link).await.expect("a page");
    browser.says("Kiln House Coffee Beans").await;
    browser.says("Ada Lovelace").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_searches_with_an_error_narrows_chooses_and_buys() {
    search_narrow_choose_and_buy(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_goes_without_scripts() {
    search_narrow_choose_and_buy(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_goes_by_keyboard_alone() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    let keys = Keys::of(&browser);
    browser.go("/").await;
    keys.tab_to("a.skip").await;
    keys.tab_to("#q").await;
    keys.write("cofee\n").await;
    browser.is_at("/search").await;
    keys.tab_to("input[name='category'][value='']").await;
    keys.press_until("ArrowDown", "input[name='category'][value='Pantry']").await;
    keys.tab_to_words("Show results").await;
    keys.enter().await;
    browser.says("Clear all").await;
    keys.tab_to("main .card h3 a").await;
    keys.enter().await;
    browser.is_at("/p/").await;
    keys.tab_to("input[name='sku']").await;
    keys.press_until("ArrowRight", "input[value='TAR-2039-1KG-FIL']").await;
    keys.tab_to_words("Add to cart").await;
    keys.enter().await;
    browser.says("In your cart").await;
    keys.tab_to_words("See the cart").await;
    keys.enter().await;
    browser.is_at("/cart").await;
    keys.tab_to_words("Check out").await;
    keys.enter().await;
    browser.is_at("/checkout").await;
    keys.tab_to("#email").await;
    keys.write(EMAIL).await;
    for (field, text) in ADDRESS {
        if field == "#postalCode" {
            keys.tab_to("#region").await;
            keys.write("Ore").await;
        }
        keys.tab_to(field).await;
        keys.write(text).await;
    }
    keys.tab_to("input[name='payment']").await;
    keys.press_until("ArrowDown", "input[value='test:tok_visa']").await;
    keys.tab_to("#terms").await;
    keys.write(" ").await;
    keys.tab_to_words("Place the order").await;
    keys.enter().await;
    browser.is_at("/orders/").await;
    browser.says("Thank you").await;
    browser.says("$46.00").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_is_said_so_and_another_one_pays() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    let before = browser.shop.orders().await;
    put(&browser, "/p/electric-kettle").await;
    browser.go("/checkout").await;
    fill_in(&browser, EMAIL, "test:tok_declined").await;
    browser.press("Place the order").await;
    browser.says("Your card was declined").await;
    assert!(browser.path().await.starts_with("/checkout"));
    assert_eq!(browser.value("#line1").await, "12 Main Street", "what was typed is kept");
    browser.click("input[name='payment'][value='test:tok_visa']").await;
    browser.press("Place the order").await;
    browser.is_at("/orders/").await;
    browser.says("Thank you").await;
    let orders = browser.shop.orders().await;
    assert!(orders > before, "it was bought");
    browser.close().await;
}
