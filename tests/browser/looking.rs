//! What scripts add while somebody looks around.

use crate::browser::{Browser, Scripts};
use crate::keys::Keys;
use thirtyfour::prelude::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_completed_and_leads_on() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    let keys = Keys::of(&browser);
    browser.go("/").await;
    keys.tab_to("#q").await;
    keys.write("gooseneck").await;
    let first = browser.find("#hits:not([hidden]) [role='option']").await;
    assert_eq!(first.text().await.expect("a text"), "Slowpour Gooseneck Kettle");
    keys.write(&char::from(Key::Down).to_string()).await;
    browser.find("#q[aria-activedescendant='hit-0']").await;
    keys.enter().await;
    browser.is_at("/p/gooseneck-kettle").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_opens_large_and_closes_again() {
    let Some(browser) = Browser::open(Scripts::On).await else { return };
    let keys = Keys::of(&browser);
    browser.go("/p/gooseneck-kettle").await;
    browser.find("dialog.zoom, [data-gallery] [data-zoom]").await;
    keys.tab_to("[data-zoom]").await;
    keys.enter().await;
    browser.find("dialog.zoom[open] img").await;
    keys.write(&char::from(Key::Escape).to_string()).await;
    browser.find("dialog.zoom:not([open])").await;
    assert_eq!(browser.path().await, "/p/gooseneck-kettle");
    browser.close().await;
}
