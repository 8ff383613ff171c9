//! One row's cells: read by column, cleaned, bounded, with every fault noted.

use super::RowError;
use super::columns::{Column, Columns};
use crate::domain::{Currency, Money};
use std::borrow::Cow;
use std::fmt::Display;

/// Characters that one line of text may have: a name, a tag, an option's value.
pub(super) const MOST_CHARS: usize = 255;
/// Characters that the address of a picture may have.
pub(super) const MOST_URL_CHARS: usize = 2_048;

/// Characters with which a cell becomes a formula in a spreadsheet.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether `text` would be a formula, or looks as if an apostrophe had been put before one.
fn is_formula_like(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA_STARTS)
}

/// Makes a cell that no spreadsheet takes for a formula: `=1+1` becomes `'=1+1`. Text that begins
/// with apostrophes and a formula gets one more, so that [`unguard`] always finds the way back.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if is_formula_like(text) { format!("'{text}").into() } else { text.into() }
}

/// Takes back the one apostrophe that [`guard`] put there.
pub(super) fn unguard(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula_like(rest)).unwrap_or(text)
}

/// Text on one line: control characters become blanks, and there are none at the ends.
pub(super) fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// The cells of one row, and what is wrong with them.
pub(super) struct Cells<'a> {
    pub line: u64,
    pub faults: Vec<RowError>,
    texts: Vec<&'a str>,
    columns: &'a Columns,
}

impl<'a> Cells<'a> {
    pub fn new(line: u64, texts: Vec<&'a str>, columns: &'a Columns) -> Cells<'a> {
        Cells { line, faults: Vec::new(), texts, columns }
    }

    pub fn fault(&mut self, column: Column, detail: impl Display) {
        let (line, column) = (self.line, column.name().to_owned());
        self.faults.push(RowError { line, column, detail: detail.to_string() });
    }

    /// The cell without blanks around it and without a spreadsheet's guard; empty where the file
    /// lacks the column.
    pub fn raw(&self, column: Column) -> &'a str {
        let text = self.columns.place(column).and_then(|place| self.texts.get(place));
        let blank = |c: char| c.is_whitespace() || c.is_control();
        unguard(text.copied().unwrap_or_default().trim_matches(blank))
    }

    pub fn is_empty(&self, column: Column) -> bool {
        self.raw(column).is_empty()
    }

    /// A line of text of at most 255 characters.
    pub fn text(&mut self, column: Column) -> String {
        self.bounded(column, MOST_CHARS)
    }

    pub fn bounded(&mut self, column: Column, most_chars: usize) -> String {
        let text = one_line(self.raw(column));
        if text.chars().count() <= most_chars {
            return text;
        }
        self.fault(column, format_args!("must have at most {most_chars} characters"));
        String::new()
    }

    /// A whole number of at most `most`; `None` where the cell is empty or at fault.
    pub fn number(&mut self, column: Column, most: u32) -> Option<u32> {
        let text = self.raw(column);
        if text.is_empty() {
            return None;
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|&number| digits && number <= most);
        if number.is_none() {
            self.fault(column, format_args!("must be a whole number from 0 to {most}"));
        }
        number
    }

    /// An amount, read exactly; `None` where the cell is empty or at fault.
    pub fn money(&mut self, column: Column, currency: Currency) -> Option<Money> {
        let text = self.raw(column);
        if text.is_empty() {
            return None;
        }
        match Money::from_decimal(text, currency) {
            Ok(money) if money.is_negative() => {
                self.fault(column, "must not be negative");
                None
            }
            Ok(money) => Some(money),
            Err(error) => {
                self.fault(column, error);
                None
            }
        }
    }

    /// The address of a picture: `http`, `https`, or a path in the shop itself.
    pub fn url(&mut self, column: Column) -> Option<String> {
        if self.is_empty(column) {
            return None;
        }
        let url = self.bounded(column, MOST_URL_CHARS);
        if url.is_empty() {
            return None;
        }
        let lower = url.to_ascii_lowercase();
        let web = lower.starts_with("https://") || lower.starts_with("http://");
        let own = url.starts_with('/') && !url.starts_with("//");
        if !(web || own) || url.contains(char::is_whitespace) {
            self.fault(column, "must be an address that begins with https:// or http://");
            return None;
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_formula_is_kept_as_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-5", "'-5"),
            ("'=1", "''=1"),
            ("'quoted'", "'quoted'"),
            ("1-2", "1-2"),
            ("", ""),
        ] {
            assert_eq!((guard(text).as_ref(), unguard(cell)), (cell, text));
        }
        assert_eq!(unguard("=1+1"), "=1+1", "what was never guarded stays");
    }

    proptest! {
        #[test]
        fn a_guard_is_taken_back_exactly(text in "['=+@a\t\r-]{0,6}") {
            let cell = guard(&text);
            prop_assert!(!cell.starts_with(FORMULA_STARTS));
            prop_assert_eq!(unguard(&cell), text.as_str());
        }
    }
}
