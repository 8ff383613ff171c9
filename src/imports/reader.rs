//! Reading: one pass over a file, one product in memory at a time.
//!
//! A row with a fault never stops the file, and never lets half a product through: its product is
//! left out whole, and so is the product around a row so broken that nobody can say whose it is.

use super::cells::{Cells, unguard};
use super::columns::{Column, Columns};
use super::draft::Draft;
use super::rows::{Row, Rows};
use super::{ImportedProduct, RowError};
use crate::domain::Currency;
use crate::domain::catalog::{handle_from, is_handle};
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::io::{self, Read};

/// Characters that a handle may have before it is made fit for an address.
const MOST_HANDLE_CHARS: usize = 255;

/// How far a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows below the first, without empty ones.
    pub rows: u64,
    /// Products given out.
    pub products: u64,
    /// Products left out because of a fault.
    pub failed: u64,
    pub bytes: u64,
}

/// Reads products from a Shopify product CSV as they come. Memory holds one product, and 16 bytes
/// for each handle that was seen.
///
/// Columns are found by name, in any order; those that are not known are skipped. A row's faults
/// come one by one, before the next product. After an error of reading, or without the columns
/// `Handle` and `Title`, there is one error and then the end.
///
/// Where Shopify's form leaves it open: a variant without SKU gets one made from the handle and
/// its options, the same on every run; a negative quantity is 0 with policy `continue` and else a
/// fault; a compare-at price of 0 is none; text is trimmed; one apostrophe before `=`, `+`, `-` or
/// `@` is taken as a spreadsheet's guard and goes; `Status` wins over `Published`.
pub struct ProductReader<R> {
    rows: Rows<R>,
    currency: Currency,
    columns: Option<Columns>,
    group: Option<Group>,
    /// Hashes of the handles that had their turn.
    seen: HashSet<[u8; 16]>,
    ready: VecDeque<Result<ImportedProduct, RowError>>,
    progress: Progress,
    ended: bool,
}

/// Rows of one product, as long as they come one after the other.
struct Group {
    /// The handle as the file has it; `None` where it could not be read.
    key: Option<String>,
    /// `None` once a fault has shown that the product must be left out before it was begun.
    draft: Option<Draft>,
    faulty: bool,
}

impl<R: Read> ProductReader<R> {
    /// Reads from `input`, which need not be buffered; prices are taken to be in `currency`.
    pub fn new(input: R, currency: Currency) -> ProductReader<R> {
        ProductReader {
            rows: Rows::new(input),
            currency,
            columns: None,
            group: None,
            seen: HashSet::new(),
            ready: VecDeque::new(),
            progress: Progress::default(),
            ended: false,
        }
    }

    /// What was read so far; after the end, of the whole file.
    pub fn progress(&self) -> Progress {
        Progress { bytes: self.rows.bytes(), ..self.progress }
    }

    fn step(&mut self, row: &mut Row) -> io::Result<()> {
        let Some(columns) = self.columns.take() else {
            return self.read_columns(row);
        };
        if self.rows.read(row)? {
            self.take_row(row, &columns);
            self.columns = Some(columns);
        } else {
            self.close_group();
            self.ended = true;
        }
        Ok(())
    }

    fn read_columns(&mut self, row: &mut Row) -> io::Result<()> {
        self.rows.skip_mark()?;
        self.rows.read(row)?;
        match Columns::from_row(row) {
            Ok(columns) => self.columns = Some(columns),
            Err(error) => {
                self.ready.push_back(Err(error));
                self.ended = true;
            }
        }
        Ok(())
    }

    fn take_row(&mut self, row: &Row, columns: &Columns) {
        if row.fault.is_none() && columns.are_empty_in(row) {
            return;
        }
        self.progress.rows += 1;
        let handle = columns.place(Column::Handle).and_then(|place| row.field(place));
        let handle = handle.and_then(|text| std::str::from_utf8(text).ok());
        let key = handle.map(|text| unguard(text.trim()).to_owned());
        match readable(row, columns) {
            Ok(texts) => {
                let key = key.unwrap_or_default();
                self.take_cells(key, Cells::new(row.line, texts, columns));
            }
            Err(faults) => {
                // The text of a broken cell, taken for rows, has no handles in this place.
                let key = key.filter(|key| is_handle(key) || self.is_of_group(key));
                self.leave_out(key, faults);
            }
        }
    }

    fn take_cells(&mut self, key: String, mut cells: Cells) {
        if key.is_empty() {
            if !cells.is_empty(Column::Title) {
                // A product of its own, so the one before it is whole.
                self.close_group();
            }
            cells.fault(Column::Handle, "must not be empty");
            return self.leave_out(None, cells.faults);
        }
        if !self.is_of_group(&key) {
            self.close_group();
            let draft = match self.new_handle(&key) {
                Ok(handle) => Some(Draft::begin(handle, self.currency, &mut cells)),
                Err(detail) => {
                    cells.fault(Column::Handle, detail);
                    None
                }
            };
            self.group = Some(Group { key: Some(key), draft, faulty: false });
        } else if let Some(draft) = self.group.as_mut().and_then(|group| group.draft.as_mut()) {
            draft.add(&mut cells);
        }
        if let Some(group) = &mut self.group {
            group.faulty |= group.draft.is_none() || !cells.faults.is_empty();
        }
        self.ready.extend(cells.faults.into_iter().map(Err));
    }

    /// Notes that a row cannot be used. Without a key it may belong to the group that is open.
    fn leave_out(&mut self, key: Option<String>, faults: Vec<RowError>) {
        if key.as_ref().is_some_and(|key| !self.is_of_group(key)) {
            self.close_group();
        }
        match &mut self.group {
            Some(group) => group.faulty = true,
            None => self.group = Some(Group { key, draft: None, faulty: true }),
        }
        self.ready.extend(faults.into_iter().map(Err));
    }

    fn is_of_group(&self, key: &str) -> bool {
        self.group.as_ref().is_some_and(|group| group.key.as_deref() == Some(key))
    }

    fn close_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        if let Some(handle) = group.key.as_deref().and_then(fit) {
            // Also one that was left out at its first row: should it come back, that is said.
            self.seen.insert(hash(&handle));
        }
        let finished = match group.draft.filter(|_| !group.faulty) {
            Some(draft) => draft.finish(),
            None => Err(Vec::new()),
        };
        match finished {
            Ok(product) => {
                self.progress.products += 1;
                self.ready.push_back(Ok(product));
            }
            Err(faults) => {
                self.progress.failed += 1;
                self.ready.extend(faults.into_iter().map(Err));
            }
        }
    }

    /// The handle of a product that begins here, fit for an address and not seen before.
    fn new_handle(&self, key: &str) -> Result<String, String> {
        if key.chars().count() > MOST_HANDLE_CHARS {
            return Err(format!("must have at most {MOST_HANDLE_CHARS} characters"));
        }
        let Some(handle) = fit(key) else {
            return Err("must have a letter or a digit".to_owned());
        };
        if self.seen.contains(&hash(&handle)) {
            return Err(format!("{handle} had its rows before; they must follow each other"));
        }
        Ok(handle)
    }
}

impl<R: Read> Iterator for ProductReader<R> {
    type Item = Result<ImportedProduct, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = Row::default();
        while self.ready.is_empty() && !self.ended {
            if let Err(error) = self.step(&mut row) {
                // Nobody knows what would have followed: the product that is open is not whole.
                self.progress.failed += u64::from(self.group.take().is_some());
                let (line, detail) = (self.rows.line(), format!("reading failed: {error}"));
                self.ready.push_back(Err(RowError { line, column: String::new(), detail }));
                self.ended = true;
            }
        }
        self.ready.pop_front()
    }
}

impl<R: Read> std::iter::FusedIterator for ProductReader<R> {}

/// The row's texts, or why it cannot be read as a row of this file.
fn readable<'a>(row: &'a Row, columns: &Columns) -> Result<Vec<&'a str>, Vec<RowError>> {
    let error = |column: &str, detail: String| RowError {
        line: row.line,
        column: column.to_owned(),
        detail,
    };
    if let Some(fault) = row.fault {
        let column = columns.names().get(row.len()).map_or("", String::as_str);
        return Err(vec![error(column, format!("the row {fault}"))]);
    }
    let (mut texts, mut faults) = (Vec::with_capacity(row.len()), Vec::new());
    for (i, field) in row.fields().enumerate() {
        match std::str::from_utf8(field) {
            Ok(text) => texts.push(text),
            Err(_) => {
                let column = columns.names().get(i).map_or("", String::as_str);
                faults.push(error(column, "is not valid UTF-8".to_owned()));
            }
        }
    }
    let width = columns.names().len();
    if row.len() != width {
        faults.push(error("", format!("has {} cells where the first row has {width}", row.len())));
    }
    if faults.is_empty() { Ok(texts) } else { Err(faults) }
}

/// A handle fit for an address, made from the one in the file where that is not.
fn fit(key: &str) -> Option<String> {
    if is_handle(key) {
        return Some(key.to_owned());
    }
    // Text without a letter or digit adds nothing to a handle.
    let says_nothing = handle_from(&format!("x{key}")) == "x";
    (!says_nothing).then(|| handle_from(key)).filter(|handle| is_handle(handle))
}

fn hash(handle: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(handle)[..16]);
    short
}
