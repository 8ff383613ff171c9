//! What happened, in one type: the log holds these, in order, and nothing else is published.

use super::cart::CartEvent;
use super::catalog::ProductEvent;
use super::customer::CustomerEvent;
use super::grouping::GroupingEvent;
use super::ids::{CartId, CustomerId, MailId, OrderId, ProductId, Seq, Sku, StaffId};
use super::mail::MailEvent;
use super::order::OrderEvent;
use super::payment::PaymentEvent;
use super::settings::SettingsEvent;
use super::staff::StaffEvent;
use super::stock::{Movement, StockEvent};
use super::text_page::TextPageEvent;
use super::time::Timestamp;
use std::fmt;

/// The address of one entity: whose row it is, whose actor, and whose events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKey {
    Cart(CartId),
    Order(OrderId),
    Sku(Sku),
    Product(ProductId),
    /// By handle.
    Category(String),
    /// By handle.
    Collection(String),
    /// There is one.
    Settings,
    /// By handle.
    TextPage(String),
    Staff(StaffId),
    Customer(CustomerId),
    Mail(MailId),
}

/// One fact about one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Cart(CartId, CartEvent),
    Order(OrderId, OrderEvent),
    Stock(Sku, StockEvent),
    Product(ProductId, ProductEvent),
    Grouping(GroupingEvent),
    Staff(StaffId, StaffEvent),
    Customer(CustomerId, CustomerEvent),
    Mail(MailId, MailEvent),
    Settings(SettingsEvent),
    TextPage(TextPageEvent),
}

/// A fact in the log, with the stock movements that were booked with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub seq: Seq,
    pub at: Timestamp,
    pub fact: Fact,
    pub movements: Vec<Movement>,
}

impl Fact {
    pub fn entity(&self) -> EntityKey {
        match self {
            Fact::Cart(id, _) => EntityKey::Cart(*id),
            Fact::Order(id, _) => EntityKey::Order(*id),
            Fact::Stock(sku, _) => EntityKey::Sku(sku.clone()),
            Fact::Product(id, _) => EntityKey::Product(id.clone()),
            Fact::Grouping(GroupingEvent::CategorySaved(category)) => {
                EntityKey::Category(category.handle.clone())
            }
            Fact::Grouping(GroupingEvent::CategoryDeleted { handle }) => {
                EntityKey::Category(handle.clone())
            }
            Fact::Grouping(GroupingEvent::CollectionSaved(collection)) => {
                EntityKey::Collection(collection.handle.clone())
            }
            Fact::Grouping(GroupingEvent::CollectionDeleted { handle }) => {
                EntityKey::Collection(handle.clone())
            }
            Fact::Staff(id, _) => EntityKey::Staff(*id),
            Fact::Customer(id, _) => EntityKey::Customer(*id),
            Fact::Mail(id, _) => EntityKey::Mail(*id),
            Fact::Settings(_) => EntityKey::Settings,
            Fact::TextPage(TextPageEvent::Saved(page)) => EntityKey::TextPage(page.handle.clone()),
            Fact::TextPage(TextPageEvent::Deleted { handle }) => {
                EntityKey::TextPage(handle.clone())
            }
        }
    }

    /// The public name of what happened; a promise to clients.
    pub fn type_name(&self) -> &'static str {
        match self {
            Fact::Cart(_, CartEvent::Abandoned { .. }) => "cart.abandoned",
            Fact::Cart(
                _,
                CartEvent::Created { .. }
                | CartEvent::ItemAdded { .. }
                | CartEvent::QuantitySet { .. }
                | CartEvent::ItemRemoved { .. }
                | CartEvent::RecipientSet { .. }
                | CartEvent::ShippingOptionSet { .. }
                | CartEvent::Repriced { .. }
                | CartEvent::CheckedOut { .. }
                | CartEvent::Reopened { .. }
                | CartEvent::MergedInto { .. },
            ) => "cart.updated",
            Fact::Order(_, event) => order_type(event),
            Fact::Stock(_, StockEvent::RanLow { .. }) => "inventory.low",
            Fact::Stock(_, StockEvent::Adjusted { .. } | StockEvent::Configured { .. }) => {
                "inventory.adjusted"
            }
            Fact::Product(_, ProductEvent::Created { .. }) => "product.created",
            Fact::Product(_, ProductEvent::Updated { .. }) => "product.updated",
            Fact::Product(_, ProductEvent::Archived { .. }) => "product.archived",
            Fact::Grouping(GroupingEvent::CategorySaved(_)) => "category.updated",
            Fact::Grouping(GroupingEvent::CategoryDeleted { .. }) => "category.deleted",
            Fact::Grouping(GroupingEvent::CollectionSaved(_)) => "collection.updated",
            Fact::Grouping(GroupingEvent::CollectionDeleted { .. }) => "collection.deleted",
            Fact::Staff(_, StaffEvent::Created { .. }) => "staff.created",
            Fact::Staff(
                _,
                StaffEvent::PasswordChanged { .. }
                | StaffEvent::RoleChanged { .. }
                | StaffEvent::SecondFactorSet { .. }
                | StaffEvent::SecondFactorRemoved { .. }
                | StaffEvent::RecoveryCodeUsed { .. },
            ) => "staff.updated",
            Fact::Staff(_, StaffEvent::Removed { .. }) => "staff.removed",
            Fact::Staff(_, StaffEvent::Invited { .. }) => "staff.invited",
            Fact::Staff(_, StaffEvent::InvitationWithdrawn { .. }) => "staff.invitation_withdrawn",
            Fact::Staff(_, StaffEvent::KeyMade { .. }) => "api_key.created",
            Fact::Staff(_, StaffEvent::KeyRevoked { .. }) => "api_key.revoked",
            Fact::Staff(_, StaffEvent::Acted(_)) => "staff.acted",
            Fact::Customer(_, CustomerEvent::Registered { .. }) => "customer.registered",
            Fact::Customer(
                _,
                CustomerEvent::Verified { .. }
                | CustomerEvent::PasswordChanged { .. }
                | CustomerEvent::ProfileChanged { .. }
                | CustomerEvent::AddressesChanged { .. }
                | CustomerEvent::Claimed { .. }
                | CustomerEvent::CartKept { .. },
            ) => "customer.updated",
            Fact::Customer(_, CustomerEvent::Erased { .. }) => "customer.erased",
            Fact::Mail(_, MailEvent::Wanted { .. }) => "mail.wanted",
            Fact::Mail(_, MailEvent::Sent { .. }) => "mail.sent",
            Fact::Mail(_, MailEvent::GivenUp { .. }) => "mail.given_up",
            Fact::Settings(SettingsEvent::Updated { .. }) => "settings.updated",
            Fact::TextPage(TextPageEvent::Saved(_)) => "page.updated",
            Fact::TextPage(TextPageEvent::Deleted { .. }) => "page.deleted",
        }
    }
}

fn order_type(event: &OrderEvent) -> &'static str {
    match event {
        OrderEvent::Placed(_) => "order.created",
        OrderEvent::Payment { event: PaymentEvent::ActionNeeded { .. }, .. } => {
            "payment.action_needed"
        }
        OrderEvent::Payment { event: PaymentEvent::Declined { .. }, .. } => "payment.failed",
        OrderEvent::Payment { event: PaymentEvent::Voided, .. } => "payment.voided",
        OrderEvent::Payment {
            event: PaymentEvent::Authorized { .. } | PaymentEvent::Captured { .. },
            ..
        } => "payment.processed",
        OrderEvent::Paid { .. } => "order.paid",
        OrderEvent::CaptureWanted { .. } => "payment.capture_requested",
        OrderEvent::Closing { .. } => "order.closing",
        OrderEvent::RefundStarted { .. } => "payment.refund_started",
        OrderEvent::RefundSettled { .. } => "payment.refunded",
        OrderEvent::RefundFailed { .. } => "payment.refund_failed",
        OrderEvent::Cancelled { .. } => "order.cancelled",
    }
}

/// For logs: `order order-…`.
impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntityKey::Cart(_) => f.write_str("cart"),
            EntityKey::Order(id) => write!(f, "order {id}"),
            EntityKey::Sku(sku) => write!(f, "SKU {sku}"),
            EntityKey::Product(id) => write!(f, "product {id}"),
            EntityKey::Category(handle) => write!(f, "category {handle}"),
            EntityKey::Collection(handle) => write!(f, "collection {handle}"),
            EntityKey::Staff(id) => write!(f, "staff {id}"),
            EntityKey::Customer(id) => write!(f, "customer {id}"),
            EntityKey::Mail(id) => write!(f, "mail {id}"),
            EntityKey::Settings => f.write_str("settings"),
            EntityKey::TextPage(handle) => write!(f, "page {handle}"),
        }
    }
}
