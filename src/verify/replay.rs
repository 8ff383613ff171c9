//! I6, the entities: replaying what happened to one gives the row that is there.

use super::check::{Check, Row, Walk, counted, difference};
use super::people::check_person;
use super::{CheckError, Invariant};
use crate::domain::cart::{Cart, CartStatus};
use crate::domain::catalog::Product;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::{Category, Collection, GroupingEvent};
use crate::domain::order::Order;
use crate::domain::settings::SavedSettings;
use crate::domain::text_page::TextPage;
use crate::domain::{CartId, ProductId};
use crate::storage::table::row_key;
use crate::storage::{StoreError, Table};
use std::fmt::Debug;

/// What an entity's events make of it.
pub(super) struct Replayed<T> {
    pub state: Option<T>,
    pub walk: Walk,
    /// How many events there were since it was made, or made again after it was deleted.
    pub since_made: u64,
}

/// Folds an entity's events.
pub(super) fn replay<T>(
    check: &mut Check<'_>,
    entity: &EntityKey,
    mut apply: impl FnMut(Option<T>, &Fact) -> Option<T>,
) -> Result<Replayed<T>, StoreError> {
    let (mut state, mut since_made) = (None, 0);
    let walk = check.history(entity, |_, event| {
        state = apply(state.take(), &event.fact);
        since_made = if state.is_some() { since_made + 1 } else { 0 };
    })?;
    Ok(Replayed { state, walk, since_made })
}

/// Compares a row with its replay, and its version with the number of its events: each version took
/// at least one.
pub(super) fn compare<T: PartialEq + Debug>(
    check: &mut Check<'_>,
    invariant: Invariant,
    entity: &EntityKey,
    (version, row): (u64, &T),
    replayed: Replayed<T>,
) {
    let Replayed { state, walk, since_made } = replayed;
    if !walk.whole {
        return;
    }
    let events = counted(walk.events, "event");
    let Some(state) = state else {
        let detail = format!("it has a row, but its {events} do not make it");
        return check.find(invariant, Some(entity), detail);
    };
    if state != *row {
        let detail =
            format!("its row differs from the replay of its {events}: {}", difference(row, &state));
        check.find(invariant, Some(entity), detail);
    }
    check_version(check, entity, version, since_made);
}

pub(super) fn check_version(check: &mut Check<'_>, entity: &EntityKey, version: u64, most: u64) {
    if version == 0 || version > most {
        let events = counted(most, "event");
        let detail = format!("it is at version {version}, and its {events} make 1 to {most}");
        check.find(Invariant::I6, Some(entity), detail);
    }
}

pub(super) fn check_carts(check: &mut Check<'_>) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Cart(CartId::from_bytes(key.try_into().ok()?)));
    check.entities(Table::Carts, "carts", Invariant::I6, key_of, |check, key, version, cart| {
        let replayed = replay(check, key, |cart, fact| match fact {
            Fact::Cart(_, event) => Cart::apply(cart, event),
            _ => cart,
        })?;
        compare(check, Invariant::I6, key, (version, &cart), replayed);
        if let Some(to) = &cart.recipient {
            check_person(check, Some(key), to.person)?;
        }
        check_its_order(check, key, &cart)
    })
}

/// A cart that became an order became one that is there and says so.
fn check_its_order(check: &mut Check<'_>, key: &EntityKey, cart: &Cart) -> Result<(), StoreError> {
    let CartStatus::Ordered(order) = cart.status else { return Ok(()) };
    let detail = match check.load::<Order>(&EntityKey::Order(order))? {
        Row::Missing => format!("it became {order}, and there is no such order"),
        Row::There(order_row) if EntityKey::Cart(order_row.placed.cart) != *key => {
            format!("it became {order}, which was made of {}", order_row.placed.cart)
        }
        Row::There(..) | Row::Unreadable => return Ok(()),
    };
    check.find(Invariant::I3, Some(key), detail);
    Ok(())
}

pub(super) fn check_products(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.entities(
        Table::Products,
        "products",
        Invariant::I6,
        |key| Some(EntityKey::Product(product_id(key)?)),
        |check, key, version, product: Product| {
            if EntityKey::Product(product.id.clone()) != *key {
                let detail = format!("its row is that of {}", product.id);
                check.find(Invariant::I6, Some(key), detail);
            }
            let replayed = replay(check, key, |product, fact| match fact {
                Fact::Product(id, event) => Product::apply(product, id, event),
                _ => product,
            })?;
            compare(check, Invariant::I6, key, (version, &product), replayed);
            Ok(())
        },
    )
}

pub(super) fn product_id(key: &[u8]) -> Option<ProductId> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

pub(super) fn check_groupings(check: &mut Check<'_>) -> Result<(), CheckError> {
    let text = |key: &[u8]| std::str::from_utf8(key).ok().map(str::to_owned);
    check.entities(
        Table::Categories,
        "categories",
        Invariant::I6,
        |key| Some(EntityKey::Category(text(key)?)),
        |check, key, version, category: Category| {
            let replayed = replay(check, key, |category, fact| match fact {
                Fact::Grouping(GroupingEvent::CategorySaved(saved)) => Some(saved.clone()),
                Fact::Grouping(GroupingEvent::CategoryDeleted { .. }) => None,
                _ => category,
            })?;
            compare(check, Invariant::I6, key, (version, &category), replayed);
            Ok(())
        },
    )?;
    check.entities(
        Table::Collections,
        "collections",
        Invariant::I6,
        |key| Some(EntityKey::Collection(text(key)?)),
        |check, key, version, collection: Collection| {
            let replayed = replay(check, key, |collection, fact| match fact {
                Fact::Grouping(GroupingEvent::CollectionSaved(saved)) => Some(saved.clone()),
                Fact::Grouping(GroupingEvent::CollectionDeleted { .. }) => None,
                _ => collection,
            })?;
            compare(check, Invariant::I6, key, (version, &collection), replayed);
            Ok(())
        },
    )
}

pub(super) fn check_settings(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.entities(
        Table::Settings,
        "settings",
        Invariant::I6,
        |key| (key == row_key(&EntityKey::Settings)).then_some(EntityKey::Settings),
        |check, key, version, settings: SavedSettings| {
            let replayed = replay(check, key, |settings, fact| match fact {
                Fact::Settings(event) => Some(SavedSettings::apply(event)),
                _ => settings,
            })?;
            compare(check, Invariant::I6, key, (version, &settings), replayed);
            Ok(())
        },
    )
}

pub(super) fn check_text_pages(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.entities(
        Table::TextPages,
        "pages",
        Invariant::I6,
        |key| Some(EntityKey::TextPage(std::str::from_utf8(key).ok()?.to_owned())),
        |check, key, version, page: TextPage| {
            let replayed = replay(check, key, |page, fact| match fact {
                Fact::TextPage(event) => TextPage::apply(event),
                _ => page,
            })?;
            compare(check, Invariant::I6, key, (version, &page), replayed);
            Ok(())
        },
    )
}
