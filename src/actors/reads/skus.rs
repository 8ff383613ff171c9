//! Every SKU that is sold or was ever counted in, in order: what staff page through.
//!
//! Found anew for each page it would cost a look at every SKU there is. It changes when products or
//! new SKUs do, and not with a sale, so it is kept until then.

use super::catalog::Catalog;
use crate::domain::Sku;
use arc_swap::ArcSwapOption;
use imbl::OrdSet;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Skus(ArcSwapOption<Made>);

/// The list, and what it was made of.
struct Made {
    catalog: Arc<Catalog>,
    booked: Arc<OrdSet<Sku>>,
    skus: Arc<[Sku]>,
}

impl Skus {
    /// Those of the catalog, and those that are `booked`.
    pub fn of(&self, catalog: Arc<Catalog>, booked: Arc<OrdSet<Sku>>) -> Arc<[Sku]> {
        if let Some(made) = &*self.0.load()
            && Arc::ptr_eq(&made.catalog, &catalog)
            && Arc::ptr_eq(&made.booked, &booked)
        {
            return Arc::clone(&made.skus);
        }
        let mut skus: Vec<Sku> = booked.iter().cloned().collect();
        skus.extend(catalog.skus().filter(|sku| !booked.contains(*sku)).cloned());
        skus.sort_unstable();
        let skus: Arc<[Sku]> = skus.into();
        self.0.store(Some(Arc::new(Made { catalog, booked, skus: Arc::clone(&skus) })));
        skus
    }
}
