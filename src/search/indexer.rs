//! Opening the index and writing to it.
//!
//! The index is derived from the log and holds nothing of its own: one that is missing, damaged or
//! of another format is made anew, and its cursor then says that the log is to be read from the
//! beginning. Only an index that another process is writing to is an error.

use super::document::{Standing, document};
use super::schema::{self, Fields};
use super::{SearchError, Searcher};
use crate::domain::catalog::Product;
use crate::domain::{ProductId, Seq};
use std::path::Path;
use std::{fs, io};
use tantivy::directory::error::LockError;
use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::query::AllQuery;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError, Term};
use tracing::warn;

/// What the writer collects in memory before it writes a segment of its own accord.
const WRITER_BYTES: usize = 32_000_000;

/// A segment with this share of removed rows is rewritten, so that changes do not slow searches.
const REMOVED_SHARE: f32 = 0.25;

/// Where tantivy keeps the list of files it made.
const FILE_LIST: &str = ".managed.json";

/// Opens the index in `dir`, or makes it, or makes it anew.
///
/// Reads the whole index once to find damage.
pub fn open(dir: &Path) -> Result<(Searcher, Indexer), SearchError> {
    let failed = |error: io::Error| SearchError::Directory { dir: dir.to_owned(), error };
    fs::create_dir_all(dir).map_err(failed)?;
    let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
    // Held while looking, so that an index in use is never taken for a damaged one.
    let lock = directory.acquire_lock(&INDEX_WRITER_LOCK).map_err(|error| match error {
        LockError::LockBusy => SearchError::InUse { dir: dir.to_owned() },
        LockError::IoError(_) => TantivyError::LockFailure(error, None).into(),
    })?;
    let (index, cursor) = match usable(&directory) {
        Ok(opened) => opened,
        Err(flaw) => {
            let removed = remove_index_files(dir).map_err(failed)?;
            if removed > 0 {
                warn!(search.dir = %dir.display(), "the search index is made anew: {flaw}");
            }
            // Opened again, for an open directory remembers the files it had.
            let directory = MmapDirectory::open(dir).map_err(TantivyError::from)?;
            (create(directory)?, Seq::default())
        }
    };
    drop(lock);
    start(index, cursor)
}

/// An empty index that lives in memory.
pub fn open_in_memory() -> Result<(Searcher, Indexer), SearchError> {
    start(create(tantivy::directory::RamDirectory::create())?, Seq::default())
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    #[error("there is none")]
    Missing,
    #[error("it is of another format")]
    Format,
    #[error("it is damaged ({0})")]
    Damaged(String),
}

/// The index and how far it has read the log, if it can be searched.
fn usable(directory: &MmapDirectory) -> Result<(Index, Seq), Flaw> {
    let (mut index, cursor) = whole(directory)?;
    index.set_tokenizers(schema::tokenizers());
    // Opens every file, and so finds out which are missing.
    reader(&index).map_err(|error| Flaw::Damaged(error.to_string()))?;
    Ok((index, cursor))
}

/// The index and how far it has read the log, if no file that is there is damaged; changes nothing,
/// and makes no file for a lock either.
pub(super) fn whole(directory: &MmapDirectory) -> Result<(Index, Seq), Flaw> {
    let damaged = |error: TantivyError| Flaw::Damaged(error.to_string());
    if !Index::exists(directory).map_err(|error| damaged(error.into()))? {
        return Err(Flaw::Missing);
    }
    // Without the list of its files, tantivy would never remove one.
    if !directory.exists(Path::new(FILE_LIST)).map_err(|error| damaged(error.into()))? {
        return Err(Flaw::Damaged(format!("{FILE_LIST} is missing")));
    }
    let index = Index::open(directory.clone()).map_err(damaged)?;
    if index.schema() != schema::build().0 {
        return Err(Flaw::Format);
    }
    let metas = index.load_metas().map_err(damaged)?;
    let cursor = match &metas.payload {
        None => Seq::default(),
        Some(payload) => read_payload(payload).ok_or(Flaw::Format)?,
    };
    // Not `validate_checksum` of the index, which trusts the list of files to be whole.
    for file in metas.list_segment_files() {
        let there = directory.exists(&file).map_err(|error| damaged(error.into()))?;
        let intact = || index.directory().validate_checksum(&file);
        if there && !intact().map_err(|error| damaged(error.into()))? {
            return Err(Flaw::Damaged(format!("{} has changed", file.display())));
        }
    }
    Ok((index, cursor))
}

fn create(directory: impl Into<Box<dyn Directory>>) -> Result<Index, SearchError> {
    let builder = Index::builder().schema(schema::build().0).tokenizers(schema::tokenizers());
    Ok(builder.open_or_create(directory)?)
}

fn reader(index: &Index) -> tantivy::Result<IndexReader> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()
}

fn start(index: Index, cursor: Seq) -> Result<(Searcher, Indexer), SearchError> {
    let (_, fields) = schema::build();
    let reader = reader(&index)?;
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .memory_budget_per_thread(WRITER_BYTES)
        .build();
    let writer: IndexWriter = index.writer_with_options(options)?;
    let mut merging = LogMergePolicy::default();
    merging.set_del_docs_ratio_before_merge(REMOVED_SHARE);
    writer.set_merge_policy(Box::new(merging));
    let searcher = Searcher { reader: reader.clone(), fields };
    Ok((searcher, Indexer { writer, reader, fields, cursor }))
}

/// Removes what tantivy made and nothing else: should the directory ever be the wrong one, whatever
/// is in it stays. The lock stays too, for it is being held. Says how many files it removed.
fn remove_index_files(dir: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_index_file) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// `meta.json`, `.managed.json`, and segments' files: 32 hexadecimal digits and an ending.
fn is_index_file(name: &str) -> bool {
    let segment = name.split('.').next().unwrap_or_default();
    matches!(name, "meta.json" | FILE_LIST)
        || (segment.len() == 32 && segment.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn payload(cursor: Seq) -> String {
    format!("{} {}", schema::FORMAT, cursor.0)
}

/// `None` for a payload of another format.
fn read_payload(payload: &str) -> Option<Seq> {
    let (format, cursor) = payload.split_once(' ')?;
    (format.parse() == Ok(schema::FORMAT)).then_some(Seq(cursor.parse().ok()?))
}

/// The one writer of an index. Blocks: it belongs on a thread of its own.
///
/// After an error it may have lost what was not committed. Whoever feeds it then drops it, opens the
/// index again, and goes on from the new one's cursor.
pub struct Indexer {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    cursor: Seq,
}

impl std::fmt::Debug for Indexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexer").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Indexer {
    /// The last event that is in the index for good; zero for a new index.
    pub fn cursor(&self) -> Seq {
        self.cursor
    }

    /// Takes a product in as it now is. One that is not public is taken out.
    pub fn put(&mut self, product: &Product, standing: Standing) -> Result<(), SearchError> {
        self.remove(&product.id);
        if product.is_public() {
            self.writer.add_document(document(&self.fields, product, standing))?;
        }
        Ok(())
    }

    pub fn remove(&mut self, id: &ProductId) {
        self.writer.delete_term(Term::from_field_text(self.fields.id, id.as_str()));
    }

    /// Takes everything out. With the commit that follows, the index stands at the cursor given
    /// there; for a log that turns out to be shorter than the cursor, as after a restored backup.
    pub fn clear(&mut self) -> Result<(), SearchError> {
        // Not `delete_all_documents`, which leaves what was put since the last commit.
        self.writer.delete_query(Box::new(AllQuery))?;
        Ok(())
    }

    /// Makes everything so far durable and visible to searches, and notes that all events up to
    /// `upto` are in it.
    pub fn commit(&mut self, upto: Seq) -> Result<(), SearchError> {
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&payload(upto));
        #[cfg(debug_assertions)]
        crate::failpoints::pass("index-to-be-committed");
        commit.commit()?;
        #[cfg(debug_assertions)]
        crate::failpoints::pass("index-committed");
        self.cursor = upto;
        self.reader.reload()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::ProductStatus;
    use crate::search::testing::{asking, find, named, product, put_all};
    use std::path::PathBuf;
    use tempfile::TempDir;

    const NOTHING: [usize; 0] = [];

    /// A closed index of two lamps, read up to event 7.
    fn lamps() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let (_, mut indexer) = open(dir.path()).unwrap();
        put_all(&mut indexer, &[named(0, "Lamp"), named(1, "Red lamp")]);
        indexer.commit(Seq(7)).unwrap();
        indexer.writer.wait_merging_threads().unwrap();
        dir
    }

    fn files(dir: &TempDir, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
    }

    /// Opens what should be found unusable, and uses it.
    #[track_caller]
    fn is_made_anew(dir: &TempDir) {
        let (searcher, mut indexer) = open(dir.path()).unwrap();
        assert_eq!(indexer.cursor(), Seq(0));
        assert_eq!(searcher.len(), 0);
        put_all(&mut indexer, &[named(2, "New lamp")]);
        indexer.commit(Seq(8)).unwrap();
        assert_eq!(find(&searcher, &asking("lamp")), [2]);
        drop(indexer);
        assert_eq!(open(dir.path()).unwrap().1.cursor(), Seq(8));
    }

    #[test]
    fn products_and_cursor_survive_a_restart() {
        let dir = lamps();
        let (searcher, indexer) = open(dir.path()).unwrap();
        assert_eq!(indexer.cursor(), Seq(7));
        assert_eq!(find(&searcher, &asking("lamp")), [0, 1]);
    }

    #[test]
    fn what_was_not_committed_is_not_there() {
        let dir = lamps();
        let (_, mut indexer) = open(dir.path()).unwrap();
        put_all(&mut indexer, &[named(2, "New lamp")]);
        drop(indexer);
        let (searcher, indexer) = open(dir.path()).unwrap();
        assert_eq!((indexer.cursor(), searcher.len()), (Seq(7), 2));
    }

    #[test]
    fn a_commit_is_seen_at_once_and_a_put_replaces() {
        let (searcher, mut indexer) = open_in_memory().unwrap();
        put_all(&mut indexer, &[named(0, "Lamp"), named(0, "Kettle"), named(0, "Chair")]);
        assert_eq!(find(&searcher, &asking("chair")), NOTHING);
        indexer.commit(Seq(1)).unwrap();
        assert_eq!(find(&searcher, &asking("")), [0]);
        assert_eq!(find(&searcher, &asking("chair")), [0]);
        assert_eq!(find(&searcher, &asking("kettle")), NOTHING);
    }

    #[test]
    fn a_product_that_is_not_public_leaves_the_index() {
        let (searcher, mut indexer) = open_in_memory().unwrap();
        put_all(&mut indexer, &[named(0, "Lamp"), named(1, "Lamp")]);
        indexer.commit(Seq(1)).unwrap();
        put_all(&mut indexer, &[product(0, |content| content.status = ProductStatus::Archived)]);
        indexer.commit(Seq(2)).unwrap();
        assert_eq!(find(&searcher, &asking("")), [1]);
        put_all(&mut indexer, &[product(1, |content| content.status = ProductStatus::Draft)]);
        indexer.commit(Seq(3)).unwrap();
        assert!(searcher.is_empty());
    }

    #[test]
    fn a_cleared_index_starts_over() {
        let dir = lamps();
        let (searcher, mut indexer) = open(dir.path()).unwrap();
        put_all(&mut indexer, &[named(2, "Lamp")]);
        indexer.clear().unwrap();
        put_all(&mut indexer, &[named(3, "Lamp")]);
        indexer.commit(Seq(0)).unwrap();
        assert_eq!(find(&searcher, &asking("lamp")), [3]);
        drop(indexer);
        assert_eq!(open(dir.path()).unwrap().1.cursor(), Seq(0));
    }

    #[test]
    fn a_file_with_one_wrong_byte_is_found_out() {
        for ending in [".term", ".idx", ".fast", ".store", ".fieldnorm"] {
            let dir = lamps();
            let path = &files(&dir, ending)[0];
            let mut bytes = fs::read(path).unwrap();
            bytes[3] ^= 0xff;
            fs::write(path, bytes).unwrap();
            is_made_anew(&dir);
        }
    }

    #[test]
    fn an_incomplete_list_of_files_hides_no_damage() {
        let dir = lamps();
        fs::write(dir.path().join(FILE_LIST), b"[]").unwrap();
        let path = &files(&dir, ".term")[0];
        let mut bytes = fs::read(path).unwrap();
        bytes[3] ^= 0xff;
        fs::write(path, bytes).unwrap();
        is_made_anew(&dir);
    }

    #[test]
    fn the_cursor_survives_merging() {
        let dir = tempfile::tempdir().unwrap();
        let (_, mut indexer) = open(dir.path()).unwrap();
        for number in 0..20 {
            put_all(&mut indexer, &[named(number, "Lamp")]);
            indexer.commit(Seq(number as u64)).unwrap();
        }
        let segments = indexer.reader.searcher().segment_readers().len();
        indexer.writer.wait_merging_threads().unwrap();
        assert!(segments < 20, "nothing was merged");
        let (searcher, indexer) = open(dir.path()).unwrap();
        assert_eq!((indexer.cursor(), searcher.len()), (Seq(19), 20));
    }

    #[test]
    fn a_short_or_missing_file_is_found_out() {
        for ending in [".term", ".fast", "meta.json", ".managed.json"] {
            let dir = lamps();
            fs::write(&files(&dir, ending)[0], b"x").unwrap();
            is_made_anew(&dir);
            let dir = lamps();
            fs::remove_file(&files(&dir, ending)[0]).unwrap();
            is_made_anew(&dir);
        }
    }

    #[test]
    fn an_index_of_another_format_is_made_anew() {
        let dir = lamps();
        let meta = dir.path().join("meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        fs::write(&meta, text.replace("\"1 7\"", "\"0 7\"")).unwrap();
        is_made_anew(&dir);
        let dir = lamps();
        let meta = dir.path().join("meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        fs::write(&meta, text.replace("\"title\"", "\"other\"")).unwrap();
        is_made_anew(&dir);
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let dir = lamps();
        fs::write(dir.path().join("shop.redb"), b"orders").unwrap();
        fs::write(dir.path().join("meta.json"), b"{").unwrap();
        is_made_anew(&dir);
        assert_eq!(fs::read(dir.path().join("shop.redb")).unwrap(), b"orders");
    }

    #[test]
    fn an_index_in_use_is_neither_opened_nor_removed() {
        let dir = lamps();
        let (searcher, _indexer) = open(dir.path()).unwrap();
        fs::write(dir.path().join(".managed.json"), b"x").unwrap();
        assert!(matches!(open(dir.path()), Err(SearchError::InUse { .. })));
        assert_eq!(find(&searcher, &asking("lamp")), [0, 1]);
    }
}
