//! Which cart a customer fills: noted in their row, so that they find it wherever they log in.
//!
//! A cart knows nobody: its id is all that is needed to use it. That it is a customer's is known here alone,
//! and it keeps a cart that somebody left in a browser from becoming the next customer's.

use super::owner::Parts;
use super::{AccountError, Accounts};
use crate::domain::customer::CustomerCommand;
use crate::domain::{CartId, CustomerId};
use crate::storage::Batch;

impl Accounts {
    /// Notes that a customer fills this cart, in place of another one. A cart that is another customer's
    /// stays theirs.
    pub async fn keep_cart(&self, customer: CustomerId, cart: CartId) -> Result<(), AccountError> {
        self.write(move |parts| async move { parts.keep_cart(customer, cart).await }).await
    }

    /// Whose cart it is, if it is a customer's. Looks into memory only.
    pub fn owner_of_cart(&self, cart: CartId) -> Option<CustomerId> {
        self.shared.book().owner_of_cart(cart)
    }
}

impl Parts {
    async fn keep_cart(&self, id: CustomerId, cart: CartId) -> Result<(), AccountError> {
        let owner = self.shared.book().owner_of_cart(cart);
        if let Some(owner) = owner {
            return if owner == id { Ok(()) } else { Err(AccountError::NoSuch) };
        }
        let loaded = self.loaded(id, None)?;
        self.write(id, loaded, CustomerCommand::KeepCart(cart), Batch::new()).await?;
        Ok(())
    }
}
