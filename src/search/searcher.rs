//! Searching: as given first, then ever more freely until something is found.

use super::SearchError;
use super::filter::Filters;
use super::matching::{Readings, Text};
use super::query::{Correction, SearchPage, SearchQuery};
use super::scan::{Found, exists, scan};
use super::schema::Fields;
use super::spelling;
use tantivy::IndexReader;
use tantivy::query::{AllQuery, Query};

/// How many words of one text are guessed; a text with more unknown words is no text.
const MOST_GUESSED: usize = 5;

/// Answers searches from what is committed. Cheap to clone and to share; a search takes
/// milliseconds of the calling thread and waits for nobody.
#[derive(Clone)]
pub struct Searcher {
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher").field("products", &self.len()).finish()
    }
}

impl Searcher {
    /// How many products are in the index.
    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds products. No text is an error, however odd; only a fault of the index is.
    ///
    /// A text is taken as given if that matches any product at all, whatever the filters then leave
    /// of it. Otherwise words that no product has are read as known words nearby, then all words
    /// are, and at last half of the words are enough. So what matches exactly never comes after,
    /// nor together with, what was guessed for the same words.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchPage, SearchError> {
        let searcher = self.reader.searcher();
        let filters = Filters::of(query);
        let try_out = |text: &dyn Query| scan(&searcher, text, &filters, query);
        let Some(text) = Text::read(&query.text) else {
            return Ok(answer(try_out(&AllQuery)?, vec![]));
        };
        let found = try_out(&*text.exactly(&self.fields))?;
        if found.matched > 0 || text.words.is_empty() {
            return Ok(answer(found, vec![]));
        }
        let mut known = Vec::new();
        for word in &text.words {
            known.push(word.is_known(&searcher, &self.fields)?);
        }
        let mut readings: Readings = text.words.iter().map(|word| vec![word.as_given()]).collect();
        let mut unknown = Readings::new();
        let mut guesses_left = MOST_GUESSED;
        for guess_known in [false, true] {
            for (i, word) in text.words.iter().enumerate() {
                if known[i] == guess_known && guesses_left > 0 {
                    let dictionary = self.fields.spelling;
                    let near = spelling::readings(&searcher, dictionary, &word.text, word.extent)?;
                    readings[i].extend(near);
                    guesses_left -= 1;
                }
            }
            let found = try_out(&*text.guessed(&self.fields, &readings))?;
            if found.matched > 0 {
                let corrections = self.corrections(&searcher, &text, &readings)?;
                return Ok(answer(found, corrections));
            }
            if !guess_known {
                unknown = readings.clone();
            }
        }
        let found = try_out(&*text.partly(&self.fields, &unknown))?;
        let mut corrections = Vec::new();
        for (word, readings) in text.words.iter().zip(&unknown) {
            for reading in readings {
                let alone = word.guessed(&self.fields, std::slice::from_ref(reading));
                if exists(&searcher, &*alone)? {
                    corrections.extend(correction(&word.text, reading));
                    break;
                }
            }
        }
        Ok(answer(found, corrections))
    }

    /// For each word the first reading with which something is still found.
    fn corrections(
        &self,
        searcher: &tantivy::Searcher,
        text: &Text,
        readings: &Readings,
    ) -> Result<Vec<Correction>, SearchError> {
        let mut settled = readings.clone();
        let mut corrections = Vec::new();
        for (i, word) in text.words.iter().enumerate() {
            for reading in &readings[i] {
                settled[i] = vec![reading.clone()];
                if exists(searcher, &*text.guessed(&self.fields, &settled))? {
                    corrections.extend(correction(&word.text, reading));
                    break;
                }
            }
        }
        Ok(corrections)
    }
}

fn correction(given: &str, reading: &spelling::Reading) -> Option<Correction> {
    let (given, meant) = (given.to_owned(), reading.word.clone());
    (reading.typos > 0).then_some(Correction { given, meant })
}

fn answer(found: Found, corrections: Vec<Correction>) -> SearchPage {
    SearchPage { total: found.total, hits: found.hits, facets: found.facets, corrections }
}

#[cfg(test)]
mod tests {
    use crate::search::testing::*;
    use crate::search::{Correction, Direction, SearchQuery, Sort, SortBy};
    use proptest::prelude::*;

    #[track_caller]
    fn check(names: &[&str], text: &str, expected: &[usize]) {
        assert_eq!(find(&shop(names), &asking(text)), expected, "{text:?}");
    }

    #[track_caller]
    fn check_correction(names: &[&str], text: &str, expected: &[(&str, &str)]) {
        let page = shop(names).search(&asking(text)).unwrap();
        let pair = |(given, meant): &(&str, &str)| Correction {
            given: (*given).into(),
            meant: (*meant).into(),
        };
        assert_eq!(page.corrections, expected.iter().map(pair).collect::<Vec<_>>(), "{text:?}");
        assert_eq!(page.hits.is_empty(), expected.is_empty());
    }

    #[test]
    fn blank_text_finds_everything_and_signs_alone_nothing() {
        check(&["Oak table", "Lamp"], " \t ", &[0, 1]);
        check(&["Oak table", "Lamp"], "?! 🎉", &[]);
    }

    #[test]
    fn every_word_must_match() {
        check(&["Oak table", "Oak chair", "Pine table"], "table oak", &[0]);
        check(&["Oak table", "Oak chair", "Pine table"], "the oak table", &[0]);
        check(&["Oak table", "Oak chair", "Pine table"], "of the oak", &[0, 1]);
    }

    #[test]
    fn case_and_accents_are_ignored_either_way() {
        check(&["Café cup", "Tea cup"], "CAFE", &[0]);
        check(&["Cafe cup", "Tea cup"], "cafe\u{301}", &[0]);
    }

    #[test]
    fn the_last_word_matches_as_a_beginning_and_no_other_does() {
        check(&["Smartphone stand", "Lamp"], "smar", &[0]);
        check(&["Smartphone stand", "Lamp stand"], "stand sm", &[0]);
        // "sm" is no word, so what has the other word is all there is.
        check(&["Smartphone", "Smartphone stand"], "sm stand", &[1]);
        check(&["Smart stand", "Sm stand"], "sm stand", &[1]);
    }

    #[test]
    fn words_are_found_in_other_forms_and_the_given_form_comes_first() {
        check(&["Running shoe", "Run shoes"], "run", &[1, 0]);
        check(&["Running shoe", "Run shoes"], "runs", &[0, 1]);
        check(&["Tables of oak", "Table of oak"], "table", &[1, 0]);
    }

    #[test]
    fn a_name_counts_more_than_labels_and_those_more_than_the_description() {
        let described = product(0, |content| content.description = "<p>walnut</p>".into());
        let tagged = product(1, |content| content.tags = vec!["walnut".into()]);
        let (searcher, _indexer) = index_of(&[described, tagged, named(2, "Walnut")]);
        assert_eq!(find(&searcher, &asking("walnut")), [2, 1, 0]);
    }

    #[test]
    fn a_sku_is_found_whole_and_before_everything_else() {
        let (searcher, _indexer) = index_of(&[named(0, "SKU 1 SKU-1"), named(1, "Lamp")]);
        assert_eq!(find(&searcher, &asking("sku-1"))[0], 1);
        assert_eq!(find(&searcher, &asking("SKU-0")), [0]);
    }

    #[test]
    fn one_typing_error_in_four_letters_and_two_in_eight_are_read() {
        check_correction(&["Lamp", "Kettle"], "lammp", &[("lammp", "lamp")]);
        check_correction(&["Lamp", "Kettle"], "lomp", &[("lomp", "lamp")]);
        check_correction(&["Smartphone"], "smratphnoe", &[("smratphnoe", "smartphone")]);
        check_correction(&["Smartphone"], "smxrxpxone", &[]);
        check_correction(&["Lamp"], "lxxp", &[]);
    }

    #[test]
    fn exchanged_neighbours_are_one_error() {
        check_correction(&["Lamp", "Chair"], "lapm", &[("lapm", "lamp")]);
    }

    #[test]
    fn short_words_and_codes_are_not_guessed_at() {
        check_correction(&["Cup"], "cop", &[]);
        check_correction(&["Part 85123a"], "85123b", &[]);
        check_correction(&["Lamp1"], "lampx", &[]);
    }

    #[test]
    fn a_beginning_with_an_error_is_read_too() {
        check_correction(&["Smartphone"], "smrat", &[("smrat", "smartphone")]);
    }

    #[test]
    fn the_most_frequent_of_equally_close_words_is_meant() {
        let names = ["Lamb", "Lamp", "Lamp oil", "Lamp shade"];
        check_correction(&names, "lamd", &[("lamd", "lamp")]);
    }

    #[test]
    fn a_closer_word_is_meant_before_a_more_frequent_one() {
        let names = ["Notebook", "Notebooks", "Notebooks A4", "Notebooks A5"];
        check_correction(&names, "notebock", &[("notebock", "notebook")]);
        check(&["Notebooks", "Notebook"], "notebock", &[1, 0]);
    }

    #[test]
    fn only_the_unknown_word_is_corrected() {
        let names = ["Oaken table", "Oaken chair", "Baken table"];
        let page = shop(&names).search(&asking("oaken tabel")).unwrap();
        assert_eq!(numbers(&page), [0]);
        assert_eq!(page.corrections, [Correction { given: "tabel".into(), meant: "table".into() }]);
    }

    #[test]
    fn known_words_that_never_meet_are_guessed_and_exact_ones_rank_first() {
        let names = ["Cable blue", "Table green", "Table greet"];
        let page = shop(&names).search(&asking("cable green")).unwrap();
        assert_eq!(numbers(&page)[0], 1, "one error instead of two");
        assert_eq!(page.corrections, [Correction { given: "cable".into(), meant: "table".into() }]);
    }

    #[test]
    fn what_matches_exactly_keeps_guesses_out() {
        check(&["Lamb", "Lamp", "Lamps"], "lamp", &[1, 2]);
    }

    #[test]
    fn gibberish_beside_a_good_word_still_finds_something() {
        check(&["Oak table", "Lamp"], "table qqqxxxzzz", &[0]);
        check(&["Oak table", "Lamp"], "qqqxxxzzz", &[]);
    }

    #[test]
    fn filters_never_make_a_word_be_guessed() {
        let kitchen = product(0, |content| content.name = "Lamp".into());
        let other = product(1, |content| {
            content.name = "Lamb".into();
            content.category = "Food".into();
        });
        let (searcher, _indexer) = index_of(&[kitchen, other]);
        let asked = SearchQuery { category: Some("food".into()), ..asking("lamp") };
        let page = searcher.search(&asked).unwrap();
        assert_eq!((page.total, page.corrections.len()), (0, 0));
    }

    #[test]
    fn html_is_searched_for_its_text_alone() {
        let html = "<p class=\"fancy\">Warm&nbsp;wool</p>";
        let (searcher, _indexer) =
            index_of(&[product(0, |content| content.description = html.into())]);
        assert_eq!(find(&searcher, &asking("warm wool")), [0]);
        assert_eq!(find(&searcher, &asking("fancy")), [] as [usize; 0]);
    }

    #[test]
    fn options_and_attributes_are_words_too() {
        let shirt = product(0, |content| {
            content.attributes = vec![("Material".into(), "Linen".into())];
            content.variants[0].options = vec![("Colour".into(), "Turquoise".into())];
        });
        let (searcher, _indexer) = index_of(&[shirt, named(1, "Lamp")]);
        assert_eq!(find(&searcher, &asking("linen turquoise")), [0]);
    }

    #[test]
    fn the_title_of_an_only_variant_is_no_word() {
        check(&["Lamp"], "default", &[]);
    }

    #[test]
    fn a_removed_product_is_neither_found_nor_suggested_as_a_correction() {
        let (searcher, mut indexer) = index_of(&[named(0, "Lamp"), named(1, "Kettle")]);
        indexer.remove(&id(0));
        indexer.commit(crate::domain::Seq(2)).unwrap();
        let page = searcher.search(&asking("lapm")).unwrap();
        assert_eq!((page.total, page.corrections.len()), (0, 0));
        assert_eq!(find(&searcher, &asking("lamp")), [] as [usize; 0]);
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,40}",
            "[\"'+:()\\[\\]{}*?~^/\\\\ANDORT-]{0,40}",
            "[\u{0}-\u{20}a-c🎉\u{300}\u{202e}]{0,40}",
            "(oak |tabel |zz ){0,40}",
        ]
    }

    #[test]
    fn readers_are_shared_between_threads() {
        fn shared<T: Clone + Send + Sync>() {}
        fn sent<T: Send>() {}
        shared::<crate::search::Searcher>();
        sent::<crate::search::Indexer>();
    }

    #[test]
    fn long_and_hostile_texts_are_answered() {
        let searcher = shop(&["Oak table", "Lamp"]);
        let odd = ["\0", "name:oak", "\"oak", "oak AND (", "[a TO", "*", "-oak", "oak^9", "~2"];
        let long = ["oak ".repeat(2_500), "o".repeat(10_000), "🎉".repeat(3_000), "\0".repeat(9)];
        for text in odd.into_iter().map(String::from).chain(long) {
            searcher.search(&asking(&text)).unwrap();
            searcher.suggest(&text, 10).unwrap();
        }
        let huge = SearchQuery { offset: usize::MAX, limit: usize::MAX, ..asking("oak") };
        assert_eq!(searcher.search(&huge).unwrap().total, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn no_text_is_an_error(text in hostile(), label in hostile()) {
            thread_local! {
                static SHOP: crate::search::Searcher = shop(&["Oak table", "Lamp", "Zz top"]);
            }
            SHOP.with(|searcher| {
                let by = [SortBy::Relevance, SortBy::Name][text.len() % 2];
                let asked = SearchQuery {
                    category: Some(label.clone()),
                    tag: Some(label.clone()),
                    attributes: vec![(label.clone(), text.clone())],
                    sort: Sort { by, direction: Direction::Ascending },
                    ..asking(&text)
                };
                prop_assert!(searcher.search(&asked).is_ok());
                prop_assert!(searcher.search(&asking(&text)).is_ok());
                prop_assert!(searcher.suggest(&text, 10).is_ok());
                Ok(())
            })?;
        }
    }
}
