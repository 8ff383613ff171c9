//! Stock levels, adjustments and the ledger behind them.

use crate::domain::Sku;
use crate::domain::event::{Event, Fact};
use crate::domain::stock::{Change, Level, StockCommand, StockEvent};
use crate::http::body::Input;
use crate::http::json::{Time, given};
use crate::http::schema::Faults;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How many units of one SKU there are. Always `available = onHand - reserved`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InventoryLevel)]
pub struct InventoryJson {
    pub sku: String,
    /// Units counted in the house.
    pub on_hand: i64,
    /// Units promised to orders that are not paid yet.
    pub reserved: i64,
    /// Units that may be sold; below zero only with `backorder`.
    pub available: i64,
    /// Tell the merchant when `available` comes down to this many.
    pub low_stock_at: Option<u32>,
    /// Whether it may be sold beyond what is on hand.
    pub backorder: bool,
}

impl InventoryJson {
    pub fn new(sku: &Sku, level: &Level) -> InventoryJson {
        InventoryJson {
            sku: sku.to_string(),
            on_hand: level.on_hand,
            reserved: level.reserved,
            available: level.available(),
            low_stock_at: level.low_stock_at,
            backorder: level.backorder,
        }
    }
}

/// How one SKU is kept: what is named is changed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventoryUpdate {
    /// Whether it may be sold beyond what is on hand.
    #[schema(nullable = false)]
    pub backorder: Option<bool>,
    /// Tell the merchant when `available` comes down to this many; null is never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000_000, example = 5)]
    pub low_stock_at: Option<Option<u32>>,
}

impl Input for InventoryUpdate {}

impl From<InventoryUpdate> for StockCommand {
    fn from(given: InventoryUpdate) -> StockCommand {
        let InventoryUpdate { backorder, low_stock_at } = given;
        StockCommand::Configure { backorder, low_stock_at }
    }
}

/// Units counted in or out by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adjustment {
    /// Above zero: units that came in; below: units that went.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = -3)]
    pub delta: i64,
    #[schema(min_length = 1, max_length = 64, format = "not-blank", example = "damaged")]
    pub reason: String,
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

impl Input for Adjustment {
    fn check(body: &Value, faults: &mut Faults) {
        if body["delta"].as_i64() == Some(0) {
            faults.rule("/delta", "must not be zero");
        }
    }
}

impl From<Adjustment> for StockCommand {
    fn from(given: Adjustment) -> StockCommand {
        let Adjustment { delta, reason, note } = given;
        StockCommand::Adjust { delta, reason, note }
    }
}

/// What an entry of the ledger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementType {
    Reserve,
    Release,
    Sell,
    Return,
    Adjust,
    /// How the SKU is kept was changed; no unit moved.
    Configure,
    /// It came down to its low-stock mark; no unit moved.
    Low,
}

/// One entry of a SKU's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InventoryMovement)]
pub struct MovementJson {
    /// The event that it was booked with.
    pub event_id: String,
    pub created_at: Time,
    pub r#type: MovementType,
    pub on_hand_delta: i64,
    pub reserved_delta: i64,
    pub order_id: Option<String>,
    pub reason: Option<String>,
    pub note: Option<String>,
}

impl MovementJson {
    /// The entries for `sku` that were booked with `event`; one that moved no unit is an entry too,
    /// so that every event in the history of a SKU is shown.
    pub fn of(event: &Event, sku: &Sku) -> Vec<MovementJson> {
        let own = event.movements.iter().filter(|movement| movement.sku == *sku);
        let mut entries: Vec<MovementJson> =
            own.map(|movement| MovementJson::new(event, effect(&movement.change))).collect();
        let without_units = match &event.fact {
            Fact::Stock(_, StockEvent::Configured { .. }) => Some(MovementType::Configure),
            Fact::Stock(_, StockEvent::RanLow { .. }) => Some(MovementType::Low),
            _ => None,
        };
        entries.extend(without_units.map(|kind| MovementJson::new(event, (kind, 0, 0, None))));
        entries
    }

    fn new(
        event: &Event,
        (kind, on_hand_delta, reserved_delta, order): (MovementType, i64, i64, Option<String>),
    ) -> MovementJson {
        let (reason, note) = match &event.fact {
            Fact::Stock(_, StockEvent::Adjusted { reason, note, .. }) => {
                (Some(reason.clone()), note.clone())
            }
            _ => (None, None),
        };
        MovementJson {
            event_id: event.seq.to_string(),
            created_at: event.at.into(),
            r#type: kind,
            on_hand_delta,
            reserved_delta,
            order_id: order,
            reason,
            note,
        }
    }
}

/// Its name, what it does to the units on hand and to those reserved, and for which order.
pub fn effect(change: &Change) -> (MovementType, i64, i64, Option<String>) {
    match *change {
        Change::Reserve { order, units, .. } => {
            (MovementType::Reserve, 0, units.into(), Some(order.to_string()))
        }
        Change::Release { order, units } => {
            (MovementType::Release, 0, -i64::from(units), Some(order.to_string()))
        }
        Change::Sell { order, units } => {
            let units = i64::from(units);
            (MovementType::Sell, -units, -units, Some(order.to_string()))
        }
        Change::Return { order, units } => {
            (MovementType::Return, units.into(), 0, Some(order.to_string()))
        }
        Change::Adjust { delta } => (MovementType::Adjust, delta, 0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stock::Movement;
    use crate::domain::{OrderId, Seq, Timestamp};
    use crate::http::body::read;
    use proptest::prelude::*;

    #[test]
    fn an_adjustment_is_never_of_zero_units() {
        assert!(read::<Adjustment>(br#"{"delta":-3,"reason":"damaged"}"#).is_ok());
        assert!(read::<Adjustment>(br#"{"delta":0,"reason":"x"}"#).is_err());
        assert!(read::<Adjustment>(br#"{"delta":0.0,"reason":"x"}"#).is_err());
        assert!(read::<Adjustment>(br#"{"delta":1,"reason":" "}"#).is_err());
        assert!(read::<Adjustment>(br#"{"delta":1}"#).is_err());
    }

    #[test]
    fn a_movement_says_why() {
        let sku: Sku = "A".parse().unwrap();
        let adjusted = StockEvent::Adjusted { delta: -3, reason: "damaged".into(), note: None };
        let movement = |name: &str| Movement {
            sku: name.parse().unwrap(),
            change: Change::Adjust { delta: -3 },
        };
        let event = Event {
            seq: Seq(9),
            at: Timestamp::default(),
            fact: Fact::Stock(sku.clone(), adjusted),
            movements: vec![movement("A"), movement("B")],
        };
        let shown = MovementJson::of(&event, &sku);
        assert_eq!(shown.len(), 1);
        assert_eq!((shown[0].on_hand_delta, shown[0].reason.as_deref()), (-3, Some("damaged")));
    }

    proptest! {
        #[test]
        fn shown_effects_are_those_of_the_books(units in 1u32..1000, which in 0usize..5) {
            let order = OrderId::from_bytes([1; 16]);
            let changes = [
                Change::Reserve { order, units, expires_at: Timestamp::default() },
                Change::Release { order, units },
                Change::Sell { order, units },
                Change::Return { order, units },
                Change::Adjust { delta: units.into() },
            ];
            let full = Level { on_hand: 5_000, reserved: 2_000, received: 9_000, sold: 4_000, ..Level::default() };
            let after = full.after(&changes[which]).unwrap();
            let (_, on_hand, reserved, _) = effect(&changes[which]);
            prop_assert_eq!((after.on_hand, after.reserved), (full.on_hand + on_hand, full.reserved + reserved));
        }
    }
}
