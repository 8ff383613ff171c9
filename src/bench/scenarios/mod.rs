//! What visitors do: one file for each way to use a shop.
//!
//! A scenario is data that is prepared before the load, and a journey that is made of it again and
//! again. What a journey chooses follows from the seed and its number, so the same seed sends the
//! same requests, whoever sends them and however fast they are answered.

mod browse;
pub mod buying;
mod cart;
mod checkout;
mod mixed;
mod sale;
mod search;

pub use browse::Reading;
pub use sale::Waiting;

use super::goods::Goods;
use super::load::{Fate, Kind, Visitor};
use buying::Counter;
use std::sync::Arc;

/// What of a scenario all its visitors share.
pub struct Scenario {
    pub journey: Journey,
    pub goods: Arc<Goods>,
    pub counter: Arc<Counter>,
}

/// One way to use the shop.
pub enum Journey {
    /// Reads of one kind, or of all.
    Read(Reading),
    Search,
    Cart,
    /// A guest finds a product, fills a cart and pays.
    Checkout,
    /// Carts are filled before it begins; all that is left is to pay.
    FlashSale(Waiting),
    /// Everybody comes for one product.
    Drop,
    Mixed,
    /// Makes the carts of a flash sale.
    FillCarts(Waiting),
}

impl Journey {
    /// Whether it ever takes something off the shelf.
    pub fn sells(&self) -> bool {
        match self {
            Journey::Checkout | Journey::FlashSale(_) | Journey::Drop | Journey::Mixed => true,
            Journey::Read(_) | Journey::Search | Journey::Cart | Journey::FillCarts(_) => false,
        }
    }
}

impl Scenario {
    /// The requests that it sends, in the order in which its journeys name them.
    pub fn kinds(&self) -> &'static [Kind] {
        match &self.journey {
            Journey::Read(_) => browse::KINDS,
            Journey::Search => search::KINDS,
            Journey::Cart => cart::KINDS,
            Journey::Checkout => checkout::KINDS,
            Journey::FlashSale(_) | Journey::FillCarts(_) => sale::FLASH,
            Journey::Drop => sale::DROP,
            Journey::Mixed => mixed::KINDS,
        }
    }

    /// One journey to its end, or to the first request that came to nothing.
    pub async fn visit(&self, visitor: &mut Visitor) {
        // What became of each request is noted where it is sent.
        let _: Result<(), Fate> = match &self.journey {
            Journey::Read(reading) => browse::visit(self, *reading, visitor).await,
            Journey::Search => search::visit(self, visitor, 0).await,
            Journey::Cart => cart::visit(self, visitor, 0).await,
            Journey::Checkout => checkout::visit(self, visitor, 0).await,
            Journey::FlashSale(waiting) => sale::pay(self, waiting, visitor).await,
            Journey::FillCarts(waiting) => sale::fill(self, waiting, visitor).await,
            Journey::Drop => sale::drop(self, visitor).await,
            Journey::Mixed => mixed::visit(self, visitor).await,
        };
    }
}
