//! From text to words, the same way for what is indexed and for what is asked.
//!
//! A word is a run of letters and digits without regard to case and accents (`Café` is `cafe`).
//! Apostrophes vanish (`men's` is `mens`), everything else parts words. Stemming is English, and is
//! done beside the exact words, never instead of them. Scripts written without blanks are not
//! segmented: a run of them is one word, found by its beginning.

use std::collections::HashSet;
use std::sync::LazyLock;
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
    WhitespaceTokenizer,
};

/// Longer words are cut, so that no text makes a monstrous term.
const LONGEST_WORD: usize = 64;

/// How many letters of a word are indexed as its beginning; whoever has typed more has typed it all.
pub(super) const LONGEST_EDGE: usize = 20;

/// Words beyond this many are not indexed from one text.
const MOST_WORDS: usize = 20_000;

/// Names, categories and the like are compared and shown up to this many characters.
const LONGEST_LABEL: usize = 200;

/// Splits text that [`words`] has prepared: exact words, and their stems.
pub(super) const EXACT: &str = "mercat_exact";
pub(super) const STEMMED: &str = "mercat_stemmed";

static FOLDING: LazyLock<TextAnalyzer> = LazyLock::new(|| {
    TextAnalyzer::builder(SimpleTokenizer::default()).filter(AsciiFoldingFilter).build()
});

static STEMMING: LazyLock<TextAnalyzer> = LazyLock::new(stemmed);

static STOP_WORDS: LazyLock<Option<TextAnalyzer>> = LazyLock::new(|| {
    let filter = StopWordFilter::new(Language::English)?;
    Some(TextAnalyzer::builder(WhitespaceTokenizer::default()).filter(filter).build())
});

pub(super) fn exact() -> TextAnalyzer {
    TextAnalyzer::builder(WhitespaceTokenizer::default()).build()
}

pub(super) fn stemmed() -> TextAnalyzer {
    TextAnalyzer::builder(WhitespaceTokenizer::default())
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The words of a text in their order, folded.
pub(super) fn words(text: &str) -> Vec<String> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\'' | '’' | 'ʼ' | '\u{ad}'))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining(*c))
        .collect();
    tokens(&FOLDING, &plain).into_iter().map(cut_word).collect()
}

/// As [`words`], and hyphenated words also in one, so that `tshirt` finds `T-Shirt`.
pub(super) fn words_to_index(text: &str) -> Vec<String> {
    let mut all = words(text);
    for chunk in text.split_whitespace().filter(|chunk| chunk.contains('-')) {
        all.extend(words(&chunk.replace('-', "")));
    }
    all
}

/// Accents that follow their letter as a character of their own.
fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn cut_word(word: String) -> String {
    match word.char_indices().nth(LONGEST_WORD) {
        Some((end, _)) => word[..end].to_owned(),
        None => word,
    }
}

fn tokens(analyzer: &TextAnalyzer, text: &str) -> Vec<String> {
    let mut analyzer = analyzer.clone();
    let mut stream = analyzer.token_stream(text);
    let mut tokens = Vec::new();
    while tokens.len() < MOST_WORDS && stream.advance() {
        tokens.push(stream.token().text.clone());
    }
    tokens
}

/// The English stem of a folded word.
pub(super) fn stem(word: &str) -> String {
    tokens(&STEMMING, word).pop().unwrap_or_else(|| word.to_owned())
}

/// Whether a folded word says nothing about a product, such as `the`.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.as_ref().is_some_and(|analyzer| tokens(analyzer, word).is_empty())
}

/// Every beginning of every word, each once.
pub(super) fn edges(words: &[String]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let mut edges = Vec::new();
    for word in words {
        let ends = word.char_indices().map(|(at, c)| at + c.len_utf8()).take(LONGEST_EDGE);
        edges.extend(ends.map(|end| &word[..end]).filter(|edge| seen.insert(*edge)));
    }
    edges
}

/// A name as it is shown and stored in facets.
pub(super) fn label(text: &str) -> String {
    text.trim().chars().filter(|c| *c != '\0').take(LONGEST_LABEL).collect()
}

/// What a name is compared by: without regard to case.
pub(super) fn key(text: &str) -> String {
    label(text).to_lowercase()
}

/// The words of an HTML text: tags part words, entities are read, comments are left out.
pub(super) fn without_html(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("<!--") {
            rest.find("-->").map(|end| end + 3)
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            rest.find('>').map(|end| end + 1)
        } else {
            plain.push('<');
            Some(1)
        };
        plain.push(' ');
        rest = end.map_or("", |end| &rest[end..]);
    }
    plain.push_str(rest);
    read_entities(&plain)
}

fn read_entities(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        read.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                read.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                read.push('&');
                rest = &rest[1..];
            }
        }
    }
    read.push_str(rest);
    read
}

/// The entities that shops' descriptions hold; an unknown name stays as it is written.
fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return code.ok().and_then(char::from_u32);
    }
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" => ' ',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "ccedil" => 'ç',
        "ntilde" => 'ñ',
        _ => return None,
    };
    Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_accents_make_no_difference() {
        assert_eq!(words("CAFÉ Crème"), ["cafe", "creme"]);
        // The same accents as characters of their own, as macOS writes them.
        assert_eq!(words("Cafe\u{301} Cre\u{300}me"), ["cafe", "creme"]);
        assert_eq!(words("Straße"), ["strasse"]);
    }

    #[test]
    fn apostrophes_vanish_and_hyphens_part_and_join() {
        assert_eq!(words("Men's T-Shirt"), ["mens", "t", "shirt"]);
        assert_eq!(words_to_index("Men's T-Shirt"), ["mens", "t", "shirt", "tshirt"]);
    }

    #[test]
    fn stems_and_stop_words_are_english() {
        assert_eq!(stem("tables"), stem("table"));
        assert!(is_stop_word("the") && !is_stop_word("oak"));
    }

    #[test]
    fn html_leaves_only_its_words() {
        assert_eq!(words(&without_html("<p>Solid<b>oak</b></p>")), ["solid", "oak"]);
        assert_eq!(
            words(&without_html("a &lt; b &amp; caf&eacute; &#x41;&#66; &huh;")),
            ["a", "b", "cafe", "ab", "huh"]
        );
        assert_eq!(
            words(&without_html("2 < 3 <!-- <p>hidden</p> --> shown <unclosed")),
            ["2", "3", "shown"]
        );
    }

    #[test]
    fn every_beginning_is_given_once() {
        assert_eq!(edges(&["oak".into(), "oat".into()]), ["o", "oa", "oak", "oat"]);
        assert_eq!(edges(&["x".repeat(LONGEST_WORD)]).len(), LONGEST_EDGE);
    }

    #[test]
    fn labels_hold_no_separator_and_have_an_end() {
        assert_eq!(label(" Oak\0 "), "Oak");
        assert_eq!(key(&"É".repeat(1_000)), "é".repeat(LONGEST_LABEL));
    }

    proptest! {
        #[test]
        fn any_text_makes_bounded_words_without_blanks(text in "\\PC{0,300}|[\u{0}-\u{ff}<&;#x]{0,300}") {
            for word in words(&without_html(&text)) {
                prop_assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{word:?}");
                prop_assert!(word.chars().count() <= LONGEST_WORD);
                prop_assert!(!stem(&word).is_empty());
            }
        }
    }
}
