//! I6 for who runs the shop, who has an account, and what they are written. The log says who was hired and when a password changed, never what it
//! is; so of a row, that much can be compared.

use super::check::{Check, Row, explain};
use super::replay::{compare, replay};
use super::{CheckError, Invariant};
use crate::domain::customer::Customer;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::mail::Mail;
use crate::domain::staff::{Staff, StaffEvent};
use crate::domain::{CustomerId, MailId, StaffId};
use crate::storage::codec::CodecError;
use crate::storage::records::{
    ApiKeyRow, CustomerRow, IdentityRow, InvitationRow, SecondFactorRow, SessionRow, TokenRow,
};
use crate::storage::table::parse_timed_key;
use crate::storage::{StoreError, Stored, Table};

pub(super) fn check_staff(check: &mut Check<'_>) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Staff(StaffId::from_bytes(key.try_into().ok()?)));
    check.entities(Table::Staff, "staff", Invariant::I6, key_of, |check, key, version, row| {
        let row: Staff = row;
        let replayed = replay(check, key, |staff: Option<Staff>, fact| match fact {
            Fact::Staff(_, StaffEvent::Created { email, role, at }) => Some(Staff {
                email: email.clone(),
                role: *role,
                password_hash: row.password_hash.clone(),
                removed_at: None,
                created_at: *at,
                updated_at: row.updated_at,
            }),
            Fact::Staff(_, StaffEvent::RoleChanged { role, .. }) => {
                staff.map(|staff| Staff { role: *role, ..staff })
            }
            Fact::Staff(_, StaffEvent::Removed { at }) => {
                staff.map(|staff| Staff { removed_at: Some(*at), ..staff })
            }
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

/// API keys and invitations: each can be read, and belongs to a member who is still there.
pub(super) fn check_ways_in(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::ApiKeys, "API keys", |check, _, bytes| {
        let row = ApiKeyRow::from_bytes(bytes).map(|row| row.key.made_by);
        check_maker(check, row)
    })?;
    check.rows(Table::Invitations, "invitations", |check, _, bytes| {
        let row = InvitationRow::from_bytes(bytes).map(|row| row.invitation.made_by);
        check_maker(check, row)
    })
}

/// Second factors belong to members who are there; where logins came from can be read.
pub(super) fn check_logins(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::SecondFactors, "second factors", |check, key, bytes| {
        let Ok(id) = key.try_into() else {
            check.unreadable_key(Invariant::I6, "second factors", key);
            return Ok(());
        };
        let member = StaffId::from_bytes(id);
        check_maker(check, SecondFactorRow::from_bytes(bytes).map(|_| member))
    })?;
    check.rows(Table::Sessions, "sessions", |check, key, bytes| {
        if parse_timed_key(key).is_none_or(|(_, family)| family.len() != 16) {
            check.unreadable_key(Invariant::I6, "sessions", key);
        } else if let Err(error) = SessionRow::from_bytes(bytes) {
            check.find(Invariant::I6, None, explain(&error));
        }
        Ok(())
    })
}

fn check_maker(
    check: &mut Check<'_>,
    made_by: Result<StaffId, CodecError>,
) -> Result<(), StoreError> {
    let made_by = match made_by {
        Ok(made_by) => EntityKey::Staff(made_by),
        Err(error) => {
            check.find(Invariant::I6, None, explain(&error));
            return Ok(());
        }
    };
    if let Row::There(Staff { removed_at: None, .. }) = check.load(&made_by)? {
        return Ok(());
    }
    check.find(Invariant::I6, Some(&made_by), "it opens a door, and its maker is not there");
    Ok(())
}

pub(super) fn check_mails(check: &mut Check<'_>) -> Result<(), CheckError> {
    let key_of = |key: &[u8]| Some(EntityKey::Mail(MailId::from_bytes(key.try_into().ok()?)));
    check.entities(Table::Mails, "mails", Invariant::I6, key_of, |check, key, version, mail| {
        let replayed = replay(check, key, |mail: Option<Mail>, fact| match fact {
            Fact::Mail(_, event) => Mail::apply(mail, event),
            _ => mail,
        })?;
        compare(check, Invariant::I6, key, (version, &mail), replayed);
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

/// Which identity opens which account is in no event; each can be read.
pub(super) fn check_identities(check: &mut Check<'_>) -> Result<(), CheckError> {
    check.rows(Table::Identities, "identities", |check, _, bytes| {
        if let Err(error) = IdentityRow::from_bytes(bytes) {
            check.find(Invariant::I6, None, explain(&error));
        }
        Ok(())
    })
}
