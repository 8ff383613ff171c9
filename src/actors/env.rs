//! What every shard has at hand: the shop's settings, clock, ids, catalog, and the ways out.

use super::accounts::SessionSettings;
use super::ask::Render;
use super::clock::{Clock, Ids};
use super::order::{CheckoutRefusal, OrderView};
use super::reads::CatalogCell;
use crate::domain::Span;
use crate::domain::pricing::PriceRules;
use crate::domain::settings::ShopSettings;
use crate::domain::{Currency, Timestamp};
use crate::payments::{CaptureMode, Providers};
use crate::secrets::Vault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Settings that the actors go by. Times are those of design and configuration, in one place.
#[derive(Clone, Debug)]
pub struct Settings {
    pub currency: Currency,
    pub rules: PriceRules,
    pub capture: CaptureMode,
    /// How long a checkout may hold units before its order is written.
    pub hold_for: Span,
    /// How long an order paid online may stay unpaid.
    pub pay_within: Span,
    /// How long an order paid by hand (bank transfer) may stay unpaid.
    pub pay_by_hand_within: Span,
    /// How long one call of a payment provider may take.
    pub provider_timeout: Span,
    /// How long the shop waits before it asks a silent provider again; doubled each time.
    pub provider_retry: Span,
    /// The most bytes of entities kept in memory, over all shards.
    pub entity_bytes: usize,
    /// How long the sessions of browsers live.
    pub sessions: SessionSettings,
    /// What the pages are made with until the merchant saves something else.
    pub shop: ShopSettings,
}

/// Shared by all shards; nothing in it blocks.
pub struct Env {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub vault: Vault,
    pub catalog: Arc<CatalogCell>,
    pub providers: Providers,
    pub order_numbers: OrderNumbers,
    /// How a checkout's outcome is rendered where nobody waits for it any more.
    pub checkout_answer: Render<OrderView, CheckoutRefusal>,
}

impl Env {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Counts orders up for people. A number is drawn when an order is about to be written; one whose
/// batch fails leaves a gap, never a double.
pub struct OrderNumbers(AtomicU64);

impl OrderNumbers {
    /// The first number of a new shop.
    pub const FIRST: u64 = 1_001;

    /// Goes on after the highest number in the books.
    pub fn after(highest: Option<u64>) -> OrderNumbers {
        OrderNumbers(AtomicU64::new(highest.map_or(Self::FIRST, |highest| highest + 1)))
    }

    pub fn draw(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
