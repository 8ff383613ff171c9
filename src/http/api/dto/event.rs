//! The log as callers see it: what happened, to what, and the numbers that go with it. Secrets stay
//! out: no password's hash, no idempotency key, no provider's reference, no cart's id in an order.

use super::inventory::effect;
use super::order::requested_reason;
use crate::domain::cart::CartEvent;
use crate::domain::catalog::{ProductContent, ProductEvent};
use crate::domain::customer::CustomerEvent;
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::grouping::{GroupingEvent, Members};
use crate::domain::mail::{Addressee, MailEvent};
use crate::domain::order::{CancelReason, OrderEvent, Placed};
use crate::domain::payment::PaymentEvent;
use crate::domain::permission::Permission;
use crate::domain::settings::SettingsEvent;
use crate::domain::staff::StaffEvent;
use crate::domain::stock::StockEvent;
use crate::domain::text_page::TextPageEvent;
use crate::http::json::{MoneyJson, Time};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// One event of the shop's one ordered log.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventJson {
    /// Its place in the log; ask for what comes after it.
    #[schema(example = "evt-0000000000042")]
    pub event_id: String,
    #[schema(example = "order.created")]
    pub r#type: &'static str,
    pub created_at: Time,
    pub entity: EntityJson,
    /// What goes with this type of event.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// A part of the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventList {
    pub data: Vec<EventJson>,
    pub meta: EventsMeta,
}

/// Where a part of the log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsMeta {
    /// Give this as `after` to read on.
    #[schema(example = "evt-0000000000042")]
    pub next: String,
    /// Whether there is more already.
    pub has_more: bool,
    pub items_per_page: u64,
}

/// Whose event it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventEntity)]
pub struct EntityJson {
    /// `cart`, `order`, `sku`, `product`, `category`, `collection`, `staff`, `customer`, `mail`,
    /// `settings` or `page`.
    #[schema(example = "order")]
    pub kind: &'static str,
    pub id: String,
}

impl From<&Event> for EventJson {
    fn from(event: &Event) -> EventJson {
        let mut data = match &event.fact {
            Fact::Cart(_, fact) => cart(fact),
            Fact::Order(_, fact) => order(fact),
            Fact::Stock(_, fact) => stock(fact),
            Fact::Product(_, fact) => product(fact),
            Fact::Grouping(fact) => grouping(fact),
            Fact::Staff(_, fact) => staff(fact),
            Fact::Customer(_, fact) => customer(fact),
            Fact::Mail(_, fact) => mail(fact),
            Fact::Settings(SettingsEvent::Updated { settings, .. }) => {
                json!({ "name": settings.name })
            }
            Fact::TextPage(TextPageEvent::Saved(page)) => json!({ "title": page.title }),
            Fact::TextPage(TextPageEvent::Deleted { .. }) => json!({}),
        };
        if !event.movements.is_empty() {
            let movement = |movement: &crate::domain::stock::Movement| {
                let (kind, on_hand, reserved, _) = effect(&movement.change);
                json!({ "sku": movement.sku.as_str(), "type": kind, "onHandDelta": on_hand, "reservedDelta": reserved })
            };
            data["movements"] = event.movements.iter().map(movement).collect();
        }
        EventJson {
            event_id: event.seq.to_string(),
            r#type: event.fact.type_name(),
            created_at: event.at.into(),
            entity: EntityJson::from(event.fact.entity()),
            data,
        }
    }
}

impl From<EntityKey> for EntityJson {
    fn from(key: EntityKey) -> EntityJson {
        let (kind, id) = match key {
            EntityKey::Cart(id) => ("cart", id.to_string()),
            EntityKey::Order(id) => ("order", id.to_string()),
            EntityKey::Sku(sku) => ("sku", sku.to_string()),
            EntityKey::Product(id) => ("product", id.to_string()),
            EntityKey::Category(handle) => ("category", handle),
            EntityKey::Collection(handle) => ("collection", handle),
            EntityKey::Staff(id) => ("staff", id.to_string()),
            EntityKey::Customer(id) => ("customer", id.to_string()),
            EntityKey::Mail(id) => ("mail", id.to_string()),
            EntityKey::Settings => ("settings", "shop".to_owned()),
            EntityKey::TextPage(handle) => ("page", handle),
        };
        EntityJson { kind, id }
    }
}

fn cart(fact: &CartEvent) -> Value {
    match fact {
        CartEvent::Created { currency, .. } => {
            json!({ "change": "created", "currency": currency.code() })
        }
        CartEvent::ItemAdded { offer, quantity, .. } => json!({
            "change": "item_added", "sku": offer.sku.as_str(), "productId": offer.product_id.as_str(),
            "quantity": quantity, "unitPrice": MoneyJson(offer.unit_price),
            "currency": offer.unit_price.currency().code(),
        }),
        CartEvent::QuantitySet { sku, quantity, .. } => {
            json!({ "change": "quantity_set", "sku": sku.as_str(), "quantity": quantity })
        }
        CartEvent::ItemRemoved { sku, .. } => {
            json!({ "change": "item_removed", "sku": sku.as_str() })
        }
        CartEvent::RecipientSet { recipient, .. } => {
            json!({ "change": "shipping_address_set", "country": recipient.region.country })
        }
        CartEvent::ShippingOptionSet { option, .. } => {
            json!({ "change": "shipping_option_set", "shippingOption": option })
        }
        CartEvent::Repriced { prices, .. } => {
            let price = |(sku, price): &(crate::domain::Sku, crate::domain::Money)| json!({ "sku": sku.as_str(), "unitPrice": MoneyJson(*price), "currency": price.currency().code() });
            json!({ "change": "repriced", "items": prices.iter().map(price).collect::<Value>() })
        }
        CartEvent::CheckedOut { order, .. } => {
            json!({ "change": "checked_out", "orderId": order.to_string() })
        }
        CartEvent::Reopened { order, .. } => {
            json!({ "change": "reopened", "orderId": order.to_string() })
        }
        CartEvent::Abandoned { .. } => json!({ "change": "abandoned" }),
        // Whoever knows a cart's id has it.
        CartEvent::MergedInto { .. } => json!({ "change": "merged" }),
    }
}

fn order(fact: &OrderEvent) -> Value {
    match fact {
        OrderEvent::Placed(placed) => placed_data(placed),
        OrderEvent::Payment { event, .. } => payment(event),
        OrderEvent::Paid { .. } | OrderEvent::CaptureWanted { .. } => json!({}),
        OrderEvent::Closing { reason, .. } | OrderEvent::Cancelled { reason, .. } => {
            called_off(reason)
        }
        OrderEvent::RefundStarted { refund, amount, reason, .. } => json!({
            "refundId": refund.to_string(), "amount": MoneyJson(*amount),
            "currency": amount.currency().code(), "reason": reason,
        }),
        OrderEvent::RefundSettled { refund, .. } => json!({ "refundId": refund.to_string() }),
        OrderEvent::RefundFailed { refund, reason, .. } => {
            json!({ "refundId": refund.to_string(), "reason": reason })
        }
    }
}

fn placed_data(placed: &Placed) -> Value {
    let item = |line: &crate::domain::order::OrderLine| {
        json!({ "sku": line.sku.as_str(), "productId": line.product_id.as_str(), "name": line.name,
                "quantity": line.quantity, "unitPrice": MoneyJson(line.unit_price),
                "total": MoneyJson(line.totals.total) })
    };
    json!({
        "number": placed.number, "currency": placed.currency.code(),
        "items": placed.lines.iter().map(item).collect::<Value>(),
        "subtotal": MoneyJson(placed.subtotal), "discountTotal": MoneyJson(placed.discount),
        "shippingTotal": MoneyJson(placed.shipping_price), "taxTotal": MoneyJson(placed.tax),
        "total": MoneyJson(placed.total), "paymentId": placed.payment.to_string(),
        "provider": placed.provider, "country": placed.recipient.region.country,
    })
}

fn payment(fact: &PaymentEvent) -> Value {
    match fact {
        PaymentEvent::ActionNeeded { .. } => json!({ "paymentStatus": "pending" }),
        PaymentEvent::Authorized { .. } => json!({ "paymentStatus": "authorized" }),
        PaymentEvent::Captured { .. } => json!({ "paymentStatus": "captured" }),
        PaymentEvent::Declined { reason } => {
            json!({ "paymentStatus": "failed", "reason": reason })
        }
        PaymentEvent::Voided => json!({ "paymentStatus": "voided" }),
    }
}

fn called_off(reason: &CancelReason) -> Value {
    json!({ "cancelReason": reason.name(), "reason": requested_reason(reason) })
}

fn stock(fact: &StockEvent) -> Value {
    match fact {
        StockEvent::Adjusted { delta, reason, note } => {
            json!({ "delta": delta, "reason": reason, "note": note })
        }
        StockEvent::Configured { backorder, low_stock_at } => {
            json!({ "backorder": backorder, "lowStockAt": low_stock_at })
        }
        StockEvent::RanLow { available } => json!({ "available": available }),
    }
}

fn product(fact: &ProductEvent) -> Value {
    let shown = |content: &ProductContent| {
        let skus: Vec<&str> = content.variants.iter().map(|variant| variant.sku.as_str()).collect();
        json!({ "handle": content.handle, "name": content.name, "category": content.category,
                "brand": content.brand, "skus": skus })
    };
    match fact {
        ProductEvent::Created { content, .. } | ProductEvent::Updated { content, .. } => {
            shown(content)
        }
        ProductEvent::Archived { .. } => json!({}),
    }
}

fn grouping(fact: &GroupingEvent) -> Value {
    match fact {
        GroupingEvent::CategorySaved(category) => {
            json!({ "name": category.name, "parent": category.parent })
        }
        GroupingEvent::CollectionSaved(collection) => {
            let by = match collection.members {
                Members::ByHand(_) => "hand",
                Members::ByRule(_) => "rule",
            };
            json!({ "name": collection.name, "by": by })
        }
        GroupingEvent::CategoryDeleted { .. } | GroupingEvent::CollectionDeleted { .. } => {
            json!({})
        }
    }
}

fn staff(fact: &StaffEvent) -> Value {
    match fact {
        StaffEvent::Created { email, role, .. } => json!({ "email": email, "role": role.name() }),
        StaffEvent::PasswordChanged { .. } => json!({ "change": "password_changed" }),
        StaffEvent::RoleChanged { role, .. } => {
            json!({ "change": "role_changed", "role": role.name() })
        }
        StaffEvent::SecondFactorSet { .. } => json!({ "change": "second_factor_set" }),
        StaffEvent::SecondFactorRemoved { .. } => json!({ "change": "second_factor_removed" }),
        StaffEvent::RecoveryCodeUsed { left, .. } => {
            json!({ "change": "recovery_code_used", "left": left })
        }
        StaffEvent::Invited { invitation, email, role, .. } => {
            json!({ "invitationId": invitation.to_string(), "email": email, "role": role.name() })
        }
        StaffEvent::InvitationWithdrawn { invitation, .. } => {
            json!({ "invitationId": invitation.to_string() })
        }
        StaffEvent::KeyMade { key, name, scopes, .. } => json!({
            "keyId": key.to_string(), "name": name,
            "scopes": scopes.iter().map(Permission::name).collect::<Vec<_>>(),
        }),
        StaffEvent::KeyRevoked { key, .. } => json!({ "keyId": key.to_string() }),
        // From where is for those who may read the audit log.
        StaffEvent::Removed { .. } | StaffEvent::Acted(_) => json!({}),
    }
}

/// What changed and never to what: a customer's data stays with the customer.
fn customer(fact: &CustomerEvent) -> Value {
    match fact {
        CustomerEvent::Registered { .. } | CustomerEvent::Erased { .. } => json!({}),
        CustomerEvent::Verified { .. } => json!({ "change": "email_verified" }),
        CustomerEvent::PasswordChanged { .. } => json!({ "change": "password_changed" }),
        CustomerEvent::ProfileChanged { .. } => json!({ "change": "profile_changed" }),
        CustomerEvent::AddressesChanged { .. } => json!({ "change": "addresses_changed" }),
        CustomerEvent::Claimed { people, .. } => {
            json!({ "change": "orders_claimed", "guests": people.len() })
        }
        CustomerEvent::CartKept { .. } => json!({ "change": "cart_kept" }),
    }
}

fn mail(fact: &MailEvent) -> Value {
    match fact {
        MailEvent::Wanted { kind, to, .. } => {
            let to = match to {
                Addressee::Customer(id) => id.to_string(),
                Addressee::Staff(id) => id.to_string(),
                Addressee::Order(id) => id.to_string(),
                Addressee::Invitation(id) => id.to_string(),
            };
            json!({ "mail": kind.name(), "to": to })
        }
        MailEvent::Sent { .. } => json!({}),
        MailEvent::GivenUp { reason, .. } => json!({ "reason": reason.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cart::tests::offer;
    use crate::domain::catalog::tests::content;
    use crate::domain::grouping::Category;
    use crate::domain::order::tests::{NOON, id, placed};
    use crate::domain::order::{Attempt, Collected};
    use crate::domain::staff::Role;
    use crate::domain::stock::{Change, Movement};
    use crate::domain::{CartId, Currency, RefundId, Seq, StaffId, Timestamp};

    fn at() -> Timestamp {
        NOON
    }

    /// Facts of every kind, with something secret wherever the domain has one.
    fn facts() -> Vec<Fact> {
        let (cart, order) = (CartId::from_bytes([5; 22]), id());
        let refund = RefundId::from_bytes([4; 16]);
        let reason = CancelReason::Requested(Some("twice".into()));
        let mut agreed = placed(Collected::Online, 2);
        agreed.attempt = Some(Attempt { key: [0xaa; 16], fingerprint: [0xbb; 16] });
        let paid = |event| OrderEvent::Payment { event, at: NOON };
        let reference = || "hidden-reference".to_owned();
        let cart_facts = [
            CartEvent::Created { currency: Currency::USD, at: at() },
            CartEvent::ItemAdded { offer: offer("A", 150), quantity: 2, at: at() },
            CartEvent::QuantitySet { sku: "A".parse().unwrap(), quantity: 3, at: at() },
            CartEvent::ItemRemoved { sku: "A".parse().unwrap(), at: at() },
            CartEvent::RecipientSet { recipient: Box::new(agreed.recipient.clone()), at: at() },
            CartEvent::ShippingOptionSet { option: "standard".into(), at: at() },
            CartEvent::Repriced { prices: vec![], at: at() },
            CartEvent::CheckedOut { order, at: at() },
            CartEvent::Reopened { order, at: at() },
            CartEvent::Abandoned { at: at() },
            CartEvent::MergedInto { cart, at: at() },
        ];
        let order_facts = [
            OrderEvent::Placed(agreed),
            paid(PaymentEvent::ActionNeeded { reference: reference(), url: "https://x".into() }),
            paid(PaymentEvent::Authorized { reference: reference() }),
            paid(PaymentEvent::Captured { reference: reference() }),
            paid(PaymentEvent::Declined { reason: "no funds".into() }),
            paid(PaymentEvent::Voided),
            OrderEvent::Paid { at: at() },
            OrderEvent::CaptureWanted { at: at() },
            OrderEvent::Closing { reason: reason.clone(), at: at() },
            OrderEvent::RefundStarted {
                refund,
                amount: crate::domain::Money::from_minor(150, Currency::USD),
                reason: "twice".into(),
                at: at(),
            },
            OrderEvent::RefundSettled { refund, at: at() },
            OrderEvent::RefundFailed { refund, reason: "closed".into(), at: at() },
            OrderEvent::Cancelled { reason, at: at() },
        ];
        let sku = || "A".parse().unwrap();
        let product = || "prod-1".parse().unwrap();
        let category = Category {
            handle: "kitchen".into(),
            name: "Kitchen".into(),
            description: String::new(),
            parent: None,
            created_at: at(),
            updated_at: at(),
        };
        let staff = StaffId::from_bytes([6; 16]);
        let key = crate::domain::ApiKeyId::from_bytes([8; 16]);
        let created = StaffEvent::Created { email: "a@b".into(), role: Role::Admin, at: at() };
        let content = Box::new(content("kettle", "A", 100));
        let mut facts: Vec<Fact> = vec![
            Fact::Stock(sku(), StockEvent::Adjusted { delta: -3, reason: "x".into(), note: None }),
            Fact::Stock(sku(), StockEvent::Configured { backorder: true, low_stock_at: None }),
            Fact::Stock(sku(), StockEvent::RanLow { available: 2 }),
            Fact::Product(product(), ProductEvent::Created { content: content.clone(), at: at() }),
            Fact::Product(product(), ProductEvent::Updated { content, at: at() }),
            Fact::Product(product(), ProductEvent::Archived { at: at() }),
            Fact::Grouping(GroupingEvent::CategorySaved(category)),
            Fact::Grouping(GroupingEvent::CategoryDeleted { handle: "kitchen".into() }),
            Fact::Settings(SettingsEvent::Updated { settings: Box::default(), at: at() }),
            Fact::TextPage(TextPageEvent::Deleted { handle: "about".into() }),
            Fact::Staff(staff, created),
            Fact::Staff(staff, StaffEvent::PasswordChanged { at: at() }),
            Fact::Staff(staff, StaffEvent::RoleChanged { role: Role::Staff, at: at() }),
            Fact::Staff(staff, StaffEvent::Removed { at: at() }),
            Fact::Staff(staff, StaffEvent::KeyRevoked { key, at: at() }),
            Fact::Staff(staff, StaffEvent::SecondFactorSet { at: at() }),
            Fact::Staff(staff, StaffEvent::SecondFactorRemoved { at: at() }),
            Fact::Staff(staff, StaffEvent::RecoveryCodeUsed { left: 3, at: at() }),
        ];
        facts.extend(cart_facts.map(|fact| Fact::Cart(cart, fact)));
        facts.extend(order_facts.map(|fact| Fact::Order(order, fact)));
        facts
    }

    fn event(fact: Fact, movements: Vec<Movement>) -> Event {
        Event { seq: Seq(42), at: NOON, fact, movements }
    }

    #[test]
    fn no_event_tells_a_secret() {
        let carts_key = CartId::from_bytes([1; 22]).to_string();
        for fact in facts() {
            let name = fact.type_name();
            let text = serde_json::to_string(&EventJson::from(&event(fact, vec![]))).unwrap();
            assert!(text.starts_with(r#"{"eventId":"evt-0000000000042","type":""#), "{text}");
            for secret in ["hidden-reference", "1 Main St", "170", "187", carts_key.as_str()] {
                let shown = text.replace("1700000000", "");
                assert!(!shown.contains(secret), "{name} shows {secret}: {text}");
            }
        }
    }

    #[test]
    fn an_event_shows_its_movements_and_exact_amounts() {
        let order = id();
        let change = Change::Reserve { order, units: 2, expires_at: NOON };
        let movement = Movement { sku: "A".parse().unwrap(), change };
        let fact = Fact::Order(order, OrderEvent::Placed(placed(Collected::Online, 2)));
        let shown = EventJson::from(&event(fact, vec![movement]));
        assert_eq!((shown.r#type, shown.entity.kind), ("order.created", "order"));
        assert_eq!(shown.data["total"].to_string(), "21.58");
        assert_eq!(
            shown.data["movements"],
            json!([{ "sku": "A", "type": "reserve", "onHandDelta": 0, "reservedDelta": 2 }])
        );
    }
}
