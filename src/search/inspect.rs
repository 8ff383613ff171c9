//! Looking at an index without using it: what `mercat verify` asks.
//!
//! No lock is taken, no file is made or touched; whoever asks sees to it that no shop runs.

use super::SearchError;
use super::indexer::{Flaw, whole};
use super::scan::is_alive;
use super::schema::column;
use crate::domain::{ProductId, Seq};
use std::collections::HashSet;
use std::path::Path;
use tantivy::directory::MmapDirectory;
use tantivy::{SegmentReader, TantivyError};

/// What is in a directory for an index.
#[derive(Debug)]
pub enum Inspected {
    /// There is none; the shop makes one when it starts.
    Missing,
    /// It is damaged or of another format, as the text says; the shop makes it anew when it starts.
    Unusable(String),
    /// All events up to `cursor` are in it, and these are its products.
    Whole { cursor: Seq, products: HashSet<ProductId> },
}

/// Reads the whole index, once for damage and once for its products.
pub fn inspect(dir: &Path) -> Result<Inspected, SearchError> {
    if !dir.is_dir() {
        return Ok(Inspected::Missing);
    }
    let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
    let (index, cursor) = match whole(&directory) {
        Ok(opened) => opened,
        Err(Flaw::Missing) => return Ok(Inspected::Missing),
        Err(flaw) => return Ok(Inspected::Unusable(flaw.to_string())),
    };
    let mut products = HashSet::new();
    for segment in index.searchable_segments()? {
        // Opens every file, and so finds out which are missing.
        let segment = match SegmentReader::open(&segment) {
            Ok(segment) => segment,
            Err(error) => return Ok(Inspected::Unusable(error.to_string())),
        };
        let Some(ids) = segment.fast_fields().str(column::ID)? else { continue };
        let mut id = String::new();
        for row in (0..segment.max_doc()).filter(|row| is_alive(&segment, *row)) {
            for ord in ids.term_ords(row) {
                id.clear();
                ids.ord_to_str(ord, &mut id)?;
                products.insert(id.parse()?);
            }
        }
    }
    Ok(Inspected::Whole { cursor, products })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::open;
    use crate::search::testing::{id, named, put_all};
    use std::fs;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_index_is_read_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (_, mut indexer) = open(dir.path()).unwrap();
        // Few enough are removed that nothing is merged behind the test's back.
        put_all(&mut indexer, &[0, 1, 2, 3, 4, 5].map(|number| named(number, "Lamp")));
        indexer.commit(Seq(3)).unwrap();
        indexer.remove(&id(1));
        indexer.commit(Seq(4)).unwrap();
        drop(indexer);
        for name in names(dir.path()).iter().filter(|name| name.ends_with(".lock")) {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        let before = names(dir.path());
        let Inspected::Whole { cursor, products } = inspect(dir.path()).unwrap() else {
            panic!("not whole")
        };
        assert_eq!((cursor, products), (Seq(4), HashSet::from([0, 2, 3, 4, 5].map(id))));
        assert_eq!(names(dir.path()), before);
    }

    #[test]
    fn what_the_shop_would_make_anew_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(inspect(dir.path()).unwrap(), Inspected::Missing));
        assert!(matches!(inspect(&dir.path().join("none")).unwrap(), Inspected::Missing));
        drop(open(dir.path()).unwrap());
        fs::write(dir.path().join("meta.json"), b"x").unwrap();
        assert!(matches!(inspect(dir.path()).unwrap(), Inspected::Unusable(_)));
    }
}
