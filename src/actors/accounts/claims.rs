//! Claims: whoever proves that they read mail to an address owns what guests bought under it.

use super::customers::CustomerView;
use super::owner::Parts;
use super::{AccountError, Accounts};
use crate::domain::customer::CustomerCommand;
use crate::domain::{CustomerId, PersonId};
use crate::storage::Batch;

impl Accounts {
    /// Makes what these guests bought the customer's own: for good, and erased with them. The caller
    /// has seen to it that all of it was bought under the customer's address, and that it is proven.
    /// Says how many guests were new.
    pub async fn claim(
        &self,
        customer: CustomerId,
        guests: Vec<PersonId>,
    ) -> Result<usize, AccountError> {
        self.write(move |parts| async move { parts.claim(customer, guests).await }).await
    }
}

impl Parts {
    async fn claim(&self, id: CustomerId, guests: Vec<PersonId>) -> Result<usize, AccountError> {
        let loaded = self.loaded(id, None)?;
        // One at a time comes here, so nobody is claimed by two.
        let guests = guests.into_iter().filter(|guest| self.shared.vault.is_guest(*guest));
        let guests: Vec<PersonId> = guests.collect();
        if guests.is_empty() {
            return Ok(0);
        }
        let (mut batch, count) = (Batch::new(), guests.len());
        for guest in &guests {
            self.shared.vault.adopt(*guest, &mut batch);
        }
        let CustomerView { version, .. } =
            self.write(id, loaded, CustomerCommand::Claim(guests), batch).await?;
        tracing::info!(customer.id = %id, version, count, "orders of guests were claimed");
        Ok(count)
    }
}
