//! How often what shoppers are shown has changed: whoever keeps something made of the read models
//! sees by one number whether it still holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of catalog and stock as of a change; it grows with each of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Moment(Arc<AtomicU64>);

impl Moment {
    /// The state that stands now. What is kept must be noted with the number from *before* the
    /// models were read: a change meanwhile then makes it stale.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// The models have taken a change in. To be called before anybody is told of it.
    pub fn pass(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
