//! How the shop looks now: what the merchant says of it, with the files of its colour.
//!
//! Pages learn it from [`App::look`](crate::http::app::App::look) alone. It is made when it is first
//! asked for after a change of the settings; the files are zipped anew only for another colour.

use super::assets::Assets;
use crate::actors::reads::Versioned;
use crate::domain::formats::Direction;
use crate::domain::settings::{SavedSettings, ShopSettings};
use crate::domain::{Currency, Money, Timestamp};
use arc_swap::ArcSwapOption;
use std::sync::Arc;

/// One moment's look.
pub struct Look {
    saved: Arc<Versioned<SavedSettings>>,
    pub assets: Arc<Assets>,
}

impl Look {
    /// What the merchant says of the shop.
    pub fn shop(&self) -> &ShopSettings {
        &self.saved.value.settings
    }

    /// The shop in one line, on its sign.
    pub fn tagline(&self) -> String {
        let ShopSettings { name, tagline, .. } = self.shop();
        if tagline.is_empty() { format!("Welcome to {name}") } else { tagline.clone() }
    }

    /// Which way text runs, as HTML names it.
    pub fn direction(&self) -> &'static str {
        match self.shop().formats.direction() {
            Direction::LeftToRight => "ltr",
            Direction::RightToLeft => "rtl",
        }
    }

    /// An amount as the merchant writes it.
    pub fn price(&self, amount: Money) -> String {
        self.shop().formats.price(amount)
    }

    /// The day of an instant as the merchant writes it.
    pub fn date(&self, at: Timestamp) -> String {
        self.shop().formats.date(at)
    }

    /// What stands for a currency.
    pub fn symbol(&self, currency: Currency) -> String {
        currency.symbol().unwrap_or_else(|| currency.code().to_owned())
    }
}

/// The look that was made last.
#[derive(Default)]
pub struct Looks(ArcSwapOption<Look>);

impl Looks {
    /// The look of a shop with these settings.
    pub fn of(&self, saved: &Arc<Versioned<SavedSettings>>) -> Arc<Look> {
        let made = self.0.load_full();
        if let Some(made) = made.as_ref().filter(|made| Arc::ptr_eq(&made.saved, saved)) {
            return Arc::clone(made);
        }
        let accent = saved.value.settings.accent;
        let same = made.filter(|made| made.shop().accent == accent);
        let assets = match same {
            Some(made) => Arc::clone(&made.assets),
            None => Arc::new(Assets::new(&accent.to_string())),
        };
        let look = Arc::new(Look { saved: Arc::clone(saved), assets });
        self.0.store(Some(Arc::clone(&look)));
        look
    }
}
