//! I6 for who runs the shop and who has an account. The log says who was hired and when a password changed, never what it
//! is; so of a row, that much can be compared.

use super::check::{Check, explain};
use super::replay::{compare, replay};
use super::{CheckError, Invariant};
use crate::domain::customer::Customer;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::staff::{Staff, StaffEvent};
use crate::domain::{CustomerId, StaffId};
use crate::storage::records::{CustomerRow, TokenRow};
use crate::storage::{Stored, Table};

pub(super) fn check_staff(check: &mut Check<'_>) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Staff(StaffId::from_bytes(key.try_into().ok()?)));
    check.entities(Table::Staff, "staff", Invariant::I6, key_of, |check, key, version, row| {
        let row: Staff = row;
        let replayed = replay(check, key, |staff: Option<Staff>, fact| match fact {
            Fact::Staff(_, StaffEvent::Created { email, role, at }) => Some(Staff {
                email: email.clone(),
                role: *role,
                password_hash: row.password_hash.clone(),
                created_at: *at,
                updated_at: row.updated_at,
            }),
            _ => staff,
        })?;
        compare(check, Invariant::I6, key, (version, &row), replayed);
        Ok(())
    })
}

pub(super) fn check_customers(check: &mut Check<'_>) -> Result<(), CheckError> {
    let key_of =
        |key: &[u8]| Some(EntityKey::Customer(CustomerId::from_bytes(key.try_into().ok()?)));
    let (table, what) = (Table::Customers, "customers");
    check.entities(table, what, Invariant::I6, key_of, |check, key, version, row| {
        let CustomerRow { customer, password_hash } = row;
        let replayed = replay(check, key, |customer: Option<Customer>, fact| match fact {
            Fact::Customer(_, event) => Customer::apply(customer, event),
            _ => customer,
        })?;
        if password_hash.is_some() && customer.account().is_none() {
            check.find(Invariant::I6, Some(key), "it was erased, and its password still stands");
        }
        compare(check, Invariant::I6, key, (version, &customer), replayed);
        Ok(())
    })
}

/// Tokens are in no event; each can be read.
pub(super) fn check_tokens(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::Tokens, "tokens", |check, _, bytes| {
        if let Err(error) = TokenRow::from_bytes(bytes) {
            check.find(Invariant::I6, None, explain(&error));
        }
        Ok(())
    })
}
