//! From a shopper's text to queries of the index.
//!
//! Nothing in the text is an operator, so no text is an error. Every word must match somewhere in
//! the product (`the` and its like need not); the last word also matches as the beginning of one.
//! A product also matches by the whole text being one of its SKUs or barcodes.

use super::schema::Fields;
use super::spelling::{Extent, Reading};
use super::text;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur, Query,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Score, Searcher, Term};

use super::SearchError;

/// What is read of a text; the rest is ignored.
const LONGEST_TEXT: usize = 200;
const MOST_WORDS: usize = 12;

// How much a match in a field is worth, beside one anywhere in the product.
const IN_NAME: Score = 6.0;
const IN_NAME_STEMMED: Score = 4.0;
const IN_LABELS: Score = 3.0;
const IN_LABELS_STEMMED: Score = 2.0;
const BEGINS_NAME_WORD: Score = 0.5;
const BEGINS_LABEL_WORD: Score = 0.1;

/// Above what all words of a text can add up to.
const BY_CODE: Score = 100_000.0;

// When words are guessed, only how and where they match counts. The steps are so far apart that no
// number of lower ones makes up for a higher one.
const AS_GIVEN: Score = 10_000.0;
const ONE_TYPO: Score = 100.0;
const TWO_TYPOS: Score = 0.0;
const GUESSED_IN_NAME: Score = 8.0;
const GUESSED_IN_LABELS: Score = 4.0;
const GUESSED_ANYWHERE: Score = 1.0;

/// A text as the index understands it.
#[derive(Debug)]
pub(super) struct Text {
    pub words: Vec<Word>,
    /// Words that need not match.
    optional: Vec<Word>,
    /// The whole text in lower case, as a SKU or barcode would be.
    code: String,
}

/// One word that was given.
#[derive(Debug)]
pub(super) struct Word {
    pub text: String,
    stem: String,
    pub extent: Extent,
}

/// How a given word is understood in a search: as it is, and perhaps as others.
pub(super) type Readings = Vec<Vec<Reading>>;

impl Text {
    /// `None` for a text without anything in it.
    pub fn read(given: &str) -> Option<Text> {
        let given: String = given.chars().take(LONGEST_TEXT).collect();
        if given.trim().is_empty() {
            return None;
        }
        let mut words = text::words(&given);
        words.truncate(MOST_WORDS);
        let last = words.len().saturating_sub(1);
        let words = words.into_iter().enumerate().map(|(i, text)| Word {
            stem: text::stem(&text),
            extent: if i == last { Extent::Beginning } else { Extent::Whole },
            text,
        });
        let (optional, words): (Vec<Word>, Vec<Word>) =
            words.partition(|word| text::is_stop_word(&word.text));
        let code = text::key(&given);
        Some(if words.is_empty() {
            Text { words: optional, optional: vec![], code }
        } else {
            Text { words, optional, code }
        })
    }

    /// All words as they were given.
    pub fn exactly(&self, fields: &Fields) -> Box<dyn Query> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in &self.words {
            let mut anywhere = vec![term(fields.everything, &word.stem)];
            let boosts = [
                (fields.name, &word.text, IN_NAME),
                (fields.name_stems, &word.stem, IN_NAME_STEMMED),
                (fields.labels, &word.text, IN_LABELS),
                (fields.label_stems, &word.stem, IN_LABELS_STEMMED),
            ];
            for (field, text, boost) in boosts {
                let boosted = Box::new(BoostQuery::new(term(field, text), boost));
                clauses.push((Occur::Should, boosted));
            }
            if word.extent == Extent::Beginning {
                anywhere.push(constant(fields.name_edges, &word.text, BEGINS_NAME_WORD));
                anywhere.push(constant(fields.label_edges, &word.text, BEGINS_LABEL_WORD));
            }
            clauses.push((Occur::Must, one_of(anywhere)));
        }
        for word in &self.optional {
            clauses.push((Occur::Should, term(fields.everything, &word.stem)));
        }
        let code = constant(fields.codes, &self.code, BY_CODE);
        if self.words.is_empty() {
            return code;
        }
        one_of(vec![Box::new(BooleanQuery::new(clauses)), code])
    }

    /// All words, each as given or as one of its readings.
    pub fn guessed(&self, fields: &Fields, readings: &Readings) -> Box<dyn Query> {
        all_of(self.guesses(fields, readings))
    }

    /// At least half of the words, each as given or as one of its readings; more are better.
    pub fn partly(&self, fields: &Fields, readings: &Readings) -> Box<dyn Query> {
        let needed = self.words.len().div_ceil(2);
        let words = self.guesses(fields, readings);
        Box::new(BooleanQuery::union_with_minimum_required_clauses(words, needed))
    }

    fn guesses(&self, fields: &Fields, readings: &Readings) -> Vec<Box<dyn Query>> {
        let pairs = self.words.iter().zip(readings);
        pairs.map(|(word, readings)| word.guessed(fields, readings)).collect()
    }
}

impl Word {
    /// Whether any product has the word, or had it until lately.
    pub fn is_known(&self, searcher: &Searcher, fields: &Fields) -> Result<bool, SearchError> {
        let in_field = |field, text: &str| searcher.doc_freq(&Term::from_field_text(field, text));
        Ok(in_field(fields.everything, &self.stem)? > 0
            || (self.extent == Extent::Beginning
                && (in_field(fields.name_edges, &self.text)? > 0
                    || in_field(fields.label_edges, &self.text)? > 0)))
    }

    /// The word as given or as one of its readings. A reading without typing errors says that the
    /// word may stand as it is; without readings at all it must.
    pub fn guessed(&self, fields: &Fields, readings: &[Reading]) -> Box<dyn Query> {
        let mut ways = Vec::new();
        if readings.is_empty() || readings.iter().any(|reading| reading.typos == 0) {
            ways.extend(places(fields, &self.text, &self.stem, AS_GIVEN));
            if self.extent == Extent::Beginning {
                ways.push(constant(fields.name_edges, &self.text, AS_GIVEN));
                ways.push(constant(fields.label_edges, &self.text, AS_GIVEN));
            }
        }
        for reading in readings.iter().filter(|reading| reading.typos > 0) {
            let score = if reading.typos == 1 { ONE_TYPO } else { TWO_TYPOS };
            ways.extend(places(fields, &reading.word, &text::stem(&reading.word), score));
        }
        Box::new(DisjunctionMaxQuery::new(ways))
    }

    /// The word itself, as one of its own readings.
    pub fn as_given(&self) -> Reading {
        Reading { word: self.text.clone(), typos: 0 }
    }
}

fn places(fields: &Fields, word: &str, stem: &str, score: Score) -> [Box<dyn Query>; 3] {
    [
        constant(fields.name, word, score + GUESSED_IN_NAME),
        constant(fields.labels, word, score + GUESSED_IN_LABELS),
        constant(fields.everything, stem, score + GUESSED_ANYWHERE),
    ]
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

pub(super) fn constant(field: Field, text: &str, score: Score) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(term(field, text), score))
}

pub(super) fn one_of(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::union(queries))
}

/// All of the queries; nothing where there are none.
pub(super) fn all_of(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    if queries.is_empty() {
        return Box::new(EmptyQuery);
    }
    Box::new(BooleanQuery::intersection(queries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_read_in_part() {
        let text = Text::read(&"ab ".repeat(5_000)).unwrap();
        assert_eq!(text.words.len(), MOST_WORDS);
        assert!(text.code.chars().count() <= LONGEST_TEXT);
        assert_eq!(Text::read(&"x".repeat(5_000)).unwrap().words[0].text.len(), 64);
    }
}
