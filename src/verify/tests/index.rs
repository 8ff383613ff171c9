//! The search index against the catalog.

use super::books::Town;
use super::{assert_clean, assert_finds};
use crate::domain::Seq;
use crate::domain::catalog::Product;
use crate::domain::event::EntityKey;
use crate::search::{self, Standing};
use crate::storage::Store;
use crate::verify::Invariant::I7;
use crate::verify::{Report, verify};
use std::path::Path;

impl Town {
    fn last(&self) -> Seq {
        self.books.store.snapshot().unwrap().last_seq().unwrap()
    }

    fn stored(&self, name: &str) -> Product {
        let key = EntityKey::Product(format!("prod-{name}").parse().unwrap());
        self.books.row(&key).unwrap().1
    }

    /// Makes an index of these products that stands at `cursor`.
    fn index(&self, dir: &Path, products: &[Product], cursor: Seq) {
        let (_, mut indexer) = search::open(dir).unwrap();
        for product in products {
            indexer.put(product, Standing::default()).unwrap();
        }
        indexer.commit(cursor).unwrap();
    }

    fn check_with(&self, dir: &Path) -> Report {
        let snapshot = self.books.store.snapshot().unwrap();
        verify(&*snapshot, Some(dir), self.books.now, &mut |_| {}).unwrap()
    }
}

#[test]
fn an_index_of_the_public_products_is_clean() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    town.index(dir.path(), &[town.stored("a"), town.stored("b")], town.last());
    let report = town.check_with(dir.path());
    assert_clean(&report);
    assert_eq!(report.notes, Vec::<String>::new());
}

#[test]
fn a_missing_or_damaged_index_is_no_finding_but_is_told() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    let report = town.check_with(&dir.path().join("none"));
    assert_clean(&report);
    assert_eq!(report.notes.len(), 1);
    town.index(dir.path(), &[], Seq(1));
    std::fs::write(dir.path().join("meta.json"), b"x").unwrap();
    let report = town.check_with(dir.path());
    assert_clean(&report);
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn an_index_ahead_of_the_log_is_found() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    town.index(dir.path(), &[town.stored("a"), town.stored("b")], Seq(town.last().0 + 1));
    assert_finds(&town.check_with(dir.path()), &[I7]);
}

#[test]
fn a_public_product_that_search_lacks_is_found() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    town.index(dir.path(), &[town.stored("a")], town.last());
    assert_finds(&town.check_with(dir.path()), &[I7]);
}

#[test]
fn a_product_that_search_must_not_have_is_found() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    let public = |name: &str, id: &str| {
        let mut product = town.stored(name);
        product.id = id.parse().unwrap();
        product
    };
    // Of what was archived or never there, it holds what was public once.
    for id in ["prod-c", "prod-never"] {
        let products = [town.stored("a"), town.stored("b"), public("a", id)];
        town.index(dir.path(), &products, town.last());
        assert_finds(&town.check_with(dir.path()), &[I7]);
        std::fs::remove_dir_all(dir.path()).unwrap();
    }
}

#[test]
fn what_changed_since_the_index_read_the_log_is_left_to_it() {
    let (town, dir) = (Town::new(), tempfile::tempdir().unwrap());
    town.index(dir.path(), &[], Seq(1));
    assert_clean(&town.check_with(dir.path()));
}
