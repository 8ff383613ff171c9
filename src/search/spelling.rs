//! Known words that a mistyped word can stand for.

use super::SearchError;
use super::document::can_be_misspelt;
use std::collections::HashMap;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

/// A known word, and how many typing errors it is away: a letter more, less, or another, or two
/// neighbours exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub word: String,
    pub typos: u8,
}

/// How many readings a word is given; the closest and most frequent ones.
const MOST_READINGS: usize = 8;

/// How many close words are looked at in one segment's dictionary.
const MOST_EXAMINED: usize = 5_000;

/// Words of so many letters may have one typing error, and of so many two.
const ONE_TYPO_FROM: usize = 4;
const TWO_TYPOS_FROM: usize = 8;

/// Whether the word has all its letters, or may be the beginning of a longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Beginning,
}

/// Known words near `word`, the closest first and among them the most frequent. Beginnings are
/// read as longer words only where no whole word is near.
pub(super) fn readings(
    searcher: &Searcher,
    spelling: Field,
    word: &str,
    extent: Extent,
) -> Result<Vec<Reading>, SearchError> {
    let letters = word.chars().count();
    if letters < ONE_TYPO_FROM || !can_be_misspelt(word) {
        return Ok(vec![]);
    }
    let most_typos = if letters >= TWO_TYPOS_FROM { 2 } else { 1 };
    let whole = near(searcher, spelling, word, most_typos, Extent::Whole)?;
    if extent == Extent::Whole || !whole.is_empty() {
        return Ok(whole);
    }
    near(searcher, spelling, word, most_typos, Extent::Beginning)
}

fn near(
    searcher: &Searcher,
    spelling: Field,
    word: &str,
    most_typos: u8,
    extent: Extent,
) -> Result<Vec<Reading>, SearchError> {
    // By known word: typing errors, and in how many products it is.
    let mut known: HashMap<String, (u8, u64)> = HashMap::new();
    for typos in 1..=most_typos {
        let term = Term::from_field_text(spelling, word);
        let fuzzy = match extent {
            Extent::Whole => FuzzyTermQuery::new(term, typos, true),
            Extent::Beginning => FuzzyTermQuery::new_prefix(term, typos, true),
        };
        let mut round: HashMap<String, u64> = HashMap::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(spelling)?;
            let mut stream = index.terms().search(fuzzy.automaton()?).into_stream()?;
            let mut examined = 0;
            while examined < MOST_EXAMINED && stream.advance() {
                examined += 1;
                let products = u64::from(stream.value().doc_freq);
                let text = String::from_utf8_lossy(stream.key()).into_owned();
                *round.entry(text).or_default() += products;
            }
        }
        for (text, products) in round {
            known.entry(text).or_insert((typos, products));
        }
    }
    known.remove(word);
    let mut known: Vec<(String, (u8, u64))> = known.into_iter().collect();
    known.sort_by(|(a, (a_typos, a_products)), (b, (b_typos, b_products))| {
        (a_typos, b_products, a).cmp(&(b_typos, a_products, b))
    });
    known.truncate(MOST_READINGS);
    Ok(known.into_iter().map(|(word, (typos, _))| Reading { word, typos }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::shop;

    #[test]
    fn a_known_word_is_no_reading_of_itself() {
        let shop = shop(&["Lamp", "Lamb"]);
        let found = readings(&shop.reader.searcher(), shop.fields.spelling, "lamp", Extent::Whole);
        assert_eq!(found.unwrap(), [Reading { word: "lamb".into(), typos: 1 }]);
    }

    #[test]
    fn readings_are_few_however_many_words_are_near() {
        let names: Vec<String> = ('a'..='z').map(|letter| format!("lamp{letter}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shop = shop(&names);
        let found = readings(&shop.reader.searcher(), shop.fields.spelling, "lamp", Extent::Whole);
        assert_eq!(found.unwrap().len(), MOST_READINGS);
    }
}
