//! Stored forms of stock: levels, movements, reservations, and what else happens to a SKU.

use super::value::TimeV1;
use crate::domain::stock::{Change, Level, Movement, StockEvent};
use crate::domain::{OrderId, Timestamp};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

/// Units of one SKU that are promised to one order; SKU and order are its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub units: u32,
    pub expires_at: Timestamp,
}

impl Stored for Reservation {
    const NAME: &'static str = "reservation";
    const VERSION: u8 = 1;
    type Latest<'a> = ReservationV1;
}

impl Stored for Level {
    const NAME: &'static str = "stock level";
    const VERSION: u8 = 1;
    type Latest<'a> = LevelV1;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ReservationV1 {
    units: u32,
    expires_at: TimeV1,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LevelV1 {
    on_hand: i64,
    reserved: i64,
    received: i64,
    sold: i64,
    backorder: bool,
    low_stock_at: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct MovementV1<'a> {
    sku: &'a str,
    change: ChangeV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum ChangeV1 {
    Reserve { order: [u8; 16], units: u32, expires_at: TimeV1 },
    Release { order: [u8; 16], units: u32 },
    Sell { order: [u8; 16], units: u32 },
    Return { order: [u8; 16], units: u32 },
    Adjust { delta: i64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StockEventV1<'a> {
    Adjusted {
        delta: i64,
        reason: &'a str,
        #[serde(borrow)]
        note: Option<&'a str>,
    },
    Configured {
        backorder: bool,
        low_stock_at: Option<u32>,
    },
    RanLow {
        available: i64,
    },
}

impl From<&Reservation> for ReservationV1 {
    fn from(reservation: &Reservation) -> ReservationV1 {
        ReservationV1 { units: reservation.units, expires_at: reservation.expires_at.into() }
    }
}

impl From<ReservationV1> for Reservation {
    fn from(stored: ReservationV1) -> Reservation {
        Reservation { units: stored.units, expires_at: stored.expires_at.into() }
    }
}

impl From<&Level> for LevelV1 {
    fn from(level: &Level) -> LevelV1 {
        LevelV1 {
            on_hand: level.on_hand,
            reserved: level.reserved,
            received: level.received,
            sold: level.sold,
            backorder: level.backorder,
            low_stock_at: level.low_stock_at,
        }
    }
}

impl From<LevelV1> for Level {
    fn from(stored: LevelV1) -> Level {
        Level {
            on_hand: stored.on_hand,
            reserved: stored.reserved,
            received: stored.received,
            sold: stored.sold,
            backorder: stored.backorder,
            low_stock_at: stored.low_stock_at,
        }
    }
}

impl<'a> From<&'a Movement> for MovementV1<'a> {
    fn from(movement: &'a Movement) -> MovementV1<'a> {
        MovementV1 { sku: movement.sku.as_str(), change: (&movement.change).into() }
    }
}

impl TryFrom<MovementV1<'_>> for Movement {
    type Error = ValueError;

    fn try_from(stored: MovementV1<'_>) -> Result<Movement, ValueError> {
        Ok(Movement { sku: stored.sku.parse()?, change: stored.change.into() })
    }
}

impl From<&Change> for ChangeV1 {
    fn from(change: &Change) -> ChangeV1 {
        match *change {
            Change::Reserve { order, units, expires_at } => {
                ChangeV1::Reserve { order: *order.as_bytes(), units, expires_at: expires_at.into() }
            }
            Change::Release { order, units } => {
                ChangeV1::Release { order: *order.as_bytes(), units }
            }
            Change::Sell { order, units } => ChangeV1::Sell { order: *order.as_bytes(), units },
            Change::Return { order, units } => ChangeV1::Return { order: *order.as_bytes(), units },
            Change::Adjust { delta } => ChangeV1::Adjust { delta },
        }
    }
}

impl From<ChangeV1> for Change {
    fn from(stored: ChangeV1) -> Change {
        match stored {
            ChangeV1::Reserve { order, units, expires_at } => Change::Reserve {
                order: OrderId::from_bytes(order),
                units,
                expires_at: expires_at.into(),
            },
            ChangeV1::Release { order, units } => {
                Change::Release { order: OrderId::from_bytes(order), units }
            }
            ChangeV1::Sell { order, units } => {
                Change::Sell { order: OrderId::from_bytes(order), units }
            }
            ChangeV1::Return { order, units } => {
                Change::Return { order: OrderId::from_bytes(order), units }
            }
            ChangeV1::Adjust { delta } => Change::Adjust { delta },
        }
    }
}

impl<'a> From<&'a StockEvent> for StockEventV1<'a> {
    fn from(event: &'a StockEvent) -> StockEventV1<'a> {
        match event {
            StockEvent::Adjusted { delta, reason, note } => {
                StockEventV1::Adjusted { delta: *delta, reason, note: note.as_deref() }
            }
            StockEvent::Configured { backorder, low_stock_at } => {
                StockEventV1::Configured { backorder: *backorder, low_stock_at: *low_stock_at }
            }
            StockEvent::RanLow { available } => StockEventV1::RanLow { available: *available },
        }
    }
}

impl From<StockEventV1<'_>> for StockEvent {
    fn from(stored: StockEventV1<'_>) -> StockEvent {
        match stored {
            StockEventV1::Adjusted { delta, reason, note } => {
                StockEvent::Adjusted { delta, reason: reason.into(), note: note.map(Into::into) }
            }
            StockEventV1::Configured { backorder, low_stock_at } => {
                StockEvent::Configured { backorder, low_stock_at }
            }
            StockEventV1::RanLow { available } => StockEvent::RanLow { available },
        }
    }
}
