//! What can be done with a keyboard alone.

use crate::browser::Browser;
use thirtyfour::prelude::*;

/// The most keys that somebody presses to come to a place.
const MOST: usize = 300;

pub struct Keys<'a>(&'a Browser);

impl<'a> Keys<'a> {
    pub fn of(browser: &'a Browser) -> Keys<'a> {
        Keys(browser)
    }

    async fn press(&self, key: Key) {
        let keys = self.0.driver.action_chain().send_keys(char::from(key).to_string());
        keys.perform().await.expect("a key");
    }

    /// Whether what has the focus is selected by this; what has it can be seen to have it.
    async fn is_on(&self, css: &str) -> bool {
        let script = "const own = document.activeElement;
            return Boolean(own) && own.matches(arguments[0]);";
        let answer = self.0.driver.execute(script, vec![css.into()]).await;
        answer.expect("an answer").json().as_bool().unwrap_or_default()
    }

    async fn words(&self) -> String {
        let script = "return document.activeElement?.innerText ?? '';";
        let answer = self.0.driver.execute(script, vec![]).await.expect("an answer");
        answer.json().as_str().unwrap_or_default().to_owned()
    }

    /// What has the focus has an outline, or is marked through its label.
    async fn is_seen(&self) {
        let script = "const own = document.activeElement, near = own.closest('.card, label, .field, form') ?? own;
            const marked = (it) => { const style = getComputedStyle(it);
                return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'; };
            return marked(own) || marked(near) || [...near.querySelectorAll('*')].some(marked);";
        let answer = self.0.driver.execute(script, vec![]).await.expect("an answer");
        assert_eq!(answer.json().as_bool(), Some(true), "it is seen what has the focus");
    }

    /// Goes on until something that this selects has the focus.
    pub async fn tab_to(&self, css: &str) {
        for _ in 0..MOST {
            self.press(Key::Tab).await;
            if self.is_on(css).await {
                return self.is_seen().await;
            }
        }
        panic!("{css} cannot be reached by keyboard at {}", self.0.path().await);
    }

    /// Goes on until a link or a button that says this has the focus.
    pub async fn tab_to_words(&self, words: &str) {
        for _ in 0..MOST {
            self.press(Key::Tab).await;
            if self.words().await.contains(words) && self.is_on("a, button").await {
                return self.is_seen().await;
            }
        }
        panic!("“{words}” cannot be reached by keyboard at {}", self.0.path().await);
    }

    /// Presses an arrow until something that this selects is chosen.
    pub async fn press_until(&self, arrow: &str, css: &str) {
        let key = if arrow == "ArrowRight" { Key::Right } else { Key::Down };
        for _ in 0..MOST {
            if self.is_on(css).await && self.is_on(":checked").await {
                return;
            }
            self.press(key.clone()).await;
        }
        panic!("{css} cannot be chosen by keyboard at {}", self.0.path().await);
    }

    pub async fn enter(&self) {
        self.press(Key::Enter).await;
    }

    pub async fn write(&self, text: &str) {
        let keys = self
            .0
            .driver
            .action_chain()
            .send_keys(text.replace('\n', &char::from(Key::Enter).to_string()));
        keys.perform().await.expect("keys");
    }
}
