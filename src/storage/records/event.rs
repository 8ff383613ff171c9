//! The stored form of what the log holds. An event's number is its key and not in its row.

use super::cart::CartEventV1;
use super::catalog::ProductEventV1;
use super::customer::CustomerEventV1;
use super::grouping::GroupingEventV1;
use super::mail::MailEventV1;
use super::order::OrderEventV1;
use super::settings::SettingsEventV1;
use super::staff::StaffEventV1;
use super::stock::{MovementV1, StockEventV1};
use super::text_page::TextPageEventV1;
use super::value::{TimeV1, each};
use crate::domain::event::Fact;
use crate::domain::stock::Movement;
use crate::domain::{CartId, CustomerId, MailId, OrderId, StaffId, Timestamp};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

/// An event as its row has it: without the number, which the log gives it when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedFact {
    pub at: Timestamp,
    pub fact: Fact,
    pub movements: Vec<Movement>,
}

impl Stored for LoggedFact {
    const NAME: &'static str = "event";
    const VERSION: u8 = 1;
    type Latest<'a> = LoggedFactV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LoggedFactV1<'a> {
    at: TimeV1,
    #[serde(borrow)]
    fact: FactV1<'a>,
    #[serde(borrow)]
    movements: Vec<MovementV1<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum FactV1<'a> {
    Cart([u8; 22], #[serde(borrow)] CartEventV1<'a>),
    Order([u8; 16], #[serde(borrow)] OrderEventV1<'a>),
    Stock(&'a str, #[serde(borrow)] StockEventV1<'a>),
    Product(&'a str, #[serde(borrow)] ProductEventV1<'a>),
    Grouping(#[serde(borrow)] GroupingEventV1<'a>),
    Staff([u8; 16], #[serde(borrow)] StaffEventV1<'a>),
    Customer([u8; 16], #[serde(borrow)] CustomerEventV1<'a>),
    Mail([u8; 16], #[serde(borrow)] MailEventV1<'a>),
    Settings(#[serde(borrow)] SettingsEventV1<'a>),
    TextPage(#[serde(borrow)] TextPageEventV1<'a>),
}

impl<'a> From<&'a LoggedFact> for LoggedFactV1<'a> {
    fn from(logged: &'a LoggedFact) -> LoggedFactV1<'a> {
        LoggedFactV1 {
            at: logged.at.into(),
            fact: (&logged.fact).into(),
            movements: logged.movements.iter().map(MovementV1::from).collect(),
        }
    }
}

impl TryFrom<LoggedFactV1<'_>> for LoggedFact {
    type Error = ValueError;

    fn try_from(stored: LoggedFactV1<'_>) -> Result<LoggedFact, ValueError> {
        Ok(LoggedFact {
            at: stored.at.into(),
            fact: stored.fact.try_into()?,
            movements: each(stored.movements)?,
        })
    }
}

impl<'a> From<&'a Fact> for FactV1<'a> {
    fn from(fact: &'a Fact) -> FactV1<'a> {
        match fact {
            Fact::Cart(id, event) => FactV1::Cart(*id.as_bytes(), event.into()),
            Fact::Order(id, event) => FactV1::Order(*id.as_bytes(), event.into()),
            Fact::Stock(sku, event) => FactV1::Stock(sku.as_str(), event.into()),
            Fact::Product(id, event) => FactV1::Product(id.as_str(), event.into()),
            Fact::Grouping(event) => FactV1::Grouping(event.into()),
            Fact::Staff(id, event) => FactV1::Staff(*id.as_bytes(), event.into()),
            Fact::Customer(id, event) => FactV1::Customer(*id.as_bytes(), event.into()),
            Fact::Mail(id, event) => FactV1::Mail(*id.as_bytes(), event.into()),
            Fact::Settings(event) => FactV1::Settings(event.into()),
            Fact::TextPage(event) => FactV1::TextPage(event.into()),
        }
    }
}

impl TryFrom<FactV1<'_>> for Fact {
    type Error = ValueError;

    fn try_from(stored: FactV1<'_>) -> Result<Fact, ValueError> {
        Ok(match stored {
            FactV1::Cart(id, event) => Fact::Cart(CartId::from_bytes(id), event.try_into()?),
            FactV1::Order(id, event) => Fact::Order(OrderId::from_bytes(id), event.try_into()?),
            FactV1::Stock(sku, event) => Fact::Stock(sku.parse()?, event.into()),
            FactV1::Product(id, event) => Fact::Product(id.parse()?, event.try_into()?),
            FactV1::Grouping(event) => Fact::Grouping(event.try_into()?),
            FactV1::Staff(id, event) => Fact::Staff(StaffId::from_bytes(id), event.into()),
            FactV1::Customer(id, event) => Fact::Customer(CustomerId::from_bytes(id), event.into()),
            FactV1::Mail(id, event) => Fact::Mail(MailId::from_bytes(id), event.into()),
            FactV1::Settings(event) => Fact::Settings(event.into()),
            FactV1::TextPage(event) => Fact::TextPage(event.into()),
        })
    }
}
