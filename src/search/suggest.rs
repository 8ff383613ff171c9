//! What a shopper may be about to type: names of products, categories and brands.

use super::facets::count_labels;
use super::filter::Filters;
use super::matching::{all_of, constant, one_of};
use super::query::{Direction, SearchQuery, Sort, SortBy};
use super::scan::scan;
use super::schema::column;
use super::spelling::{self, Extent};
use super::text::{self, LONGEST_EDGE};
use super::{SearchError, Searcher};
use crate::domain::ProductId;
use tantivy::collector::TopDocs;
use tantivy::query::{Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Value};
use tantivy::{TantivyDocument, Term};

/// One line below the search box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub text: String,
    pub kind: Kind,
}

/// What a suggestion leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Product { id: ProductId, handle: String },
    Category,
    Brand,
}

/// What is read of a text that is being typed; the rest is ignored.
const LONGEST_TEXT: usize = 100;
const MOST_WORDS: usize = 6;

/// How many suggestions are given at most, whatever is asked for.
const MOST_SUGGESTIONS: usize = 50;

/// One in so many suggestions is kept free for categories and brands, where there are any.
const LABELS_SHARE: usize = 4;

/// For each word that was typed, the words one of which must begin so.
type Ways = Vec<Vec<String>>;

impl Searcher {
    /// Suggests what has words that begin with those of `typed`, in any order: products (the best
    /// selling first), then categories and brands (those with most products first). Where nothing
    /// does, typing errors are allowed for.
    pub fn suggest(&self, typed: &str, limit: usize) -> Result<Vec<Suggestion>, SearchError> {
        let typed: String = typed.chars().take(LONGEST_TEXT).collect();
        let mut words = text::words(&typed);
        words.truncate(MOST_WORDS);
        let limit = limit.min(MOST_SUGGESTIONS);
        if words.is_empty() || limit == 0 {
            return Ok(vec![]);
        }
        let searcher = self.reader.searcher();
        let given: Ways = words.iter().map(|word| vec![word.clone()]).collect();
        let suggestions = self.beginning_with(&searcher, &given, limit)?;
        if !suggestions.is_empty() {
            return Ok(suggestions);
        }
        let mut ways = given;
        for (word, ways) in words.iter().zip(&mut ways) {
            let near =
                spelling::readings(&searcher, self.fields.spelling, word, Extent::Beginning)?;
            ways.extend(near.into_iter().map(|reading| reading.word));
        }
        self.beginning_with(&searcher, &ways, limit)
    }

    fn beginning_with(
        &self,
        searcher: &tantivy::Searcher,
        ways: &Ways,
        limit: usize,
    ) -> Result<Vec<Suggestion>, SearchError> {
        let mut labels = Vec::new();
        for (edges, name, kind) in [
            (self.fields.category_edges, column::CATEGORY, Kind::Category),
            (self.fields.brand_edges, column::BRAND, Kind::Brand),
        ] {
            let found = count_labels(searcher, &*all_begin(edges, ways), name)?;
            labels
                .extend(found.into_iter().map(|(text, _)| Suggestion { text, kind: kind.clone() }));
        }
        let products = limit - labels.len().min(limit / LABELS_SHARE);
        let mut suggestions =
            self.products(searcher, &*all_begin(self.fields.name_edges, ways), products)?;
        suggestions.extend(labels);
        suggestions.truncate(limit);
        Ok(suggestions)
    }

    fn products(
        &self,
        searcher: &tantivy::Searcher,
        query: &dyn Query,
        limit: usize,
    ) -> Result<Vec<Suggestion>, SearchError> {
        let sort = Sort { by: SortBy::Bestselling, direction: Direction::Descending };
        let asked = SearchQuery { sort, limit, ..SearchQuery::default() };
        let found = scan(searcher, query, &Filters::of(&asked), &asked)?;
        let mut suggestions = Vec::new();
        for id in found.hits {
            let term = Term::from_field_text(self.fields.id, id.as_str());
            let same_id = TermQuery::new(term, IndexRecordOption::Basic);
            let rows = searcher.search(&same_id, &TopDocs::with_limit(1).order_by_score())?;
            for (_, row) in rows {
                let stored: TantivyDocument = searcher.doc(row)?;
                let read = |field| {
                    let text = stored.get_first(field).and_then(|value| value.as_str());
                    text.unwrap_or_default().to_owned()
                };
                let (text, handle) = (read(self.fields.title), read(self.fields.handle));
                suggestions
                    .push(Suggestion { text, kind: Kind::Product { id: id.clone(), handle } });
            }
        }
        Ok(suggestions)
    }
}

fn all_begin(edges: Field, ways: &Ways) -> Box<dyn Query> {
    let words = ways.iter().map(|ways| {
        let beginnings = ways.iter().map(|word| {
            let edge: String = word.chars().take(LONGEST_EDGE).collect();
            constant(edges, &edge, 1.0)
        });
        one_of(beginnings.collect())
    });
    all_of(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Seq;
    use crate::search::testing::*;
    use crate::search::{Standing, open_in_memory};

    fn texts(searcher: &Searcher, typed: &str) -> Vec<String> {
        let suggestions = searcher.suggest(typed, 8).unwrap();
        suggestions.into_iter().map(|suggestion| suggestion.text).collect()
    }

    #[test]
    fn the_beginning_of_any_word_is_enough() {
        let searcher = shop(&["Solid oak table", "Lamp"]);
        assert_eq!(texts(&searcher, "ta"), ["Solid oak table"]);
        assert_eq!(texts(&searcher, "TABLE oa"), ["Solid oak table"]);
        assert_eq!(texts(&searcher, "ta la"), [] as [&str; 0]);
        assert_eq!(texts(&searcher, "  "), [] as [&str; 0]);
    }

    #[test]
    fn names_come_before_categories_and_brands_and_say_where_they_lead() {
        let kettle = product(3, |content| {
            content.name = "Kitten kettle".into();
            content.brand = "Kitsch".into();
        });
        let (searcher, _indexer) = index_of(&[kettle]);
        let found = searcher.suggest("kit", 8).unwrap();
        let product = Kind::Product { id: id(3), handle: "p-3".into() };
        let expected =
            [("Kitten kettle", product), ("Kitchen", Kind::Category), ("Kitsch", Kind::Brand)];
        let expected = expected.map(|(text, kind)| Suggestion { text: text.into(), kind });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_best_selling_come_first_and_leave_room_for_a_category() {
        let (searcher, mut indexer) = open_in_memory().unwrap();
        for number in 0..6 {
            let made = product(number, |content| content.name = format!("Kitten {number}"));
            indexer.put(&made, Standing { in_stock: true, sold: number as i64 }).unwrap();
        }
        indexer.commit(Seq(1)).unwrap();
        let texts: Vec<String> =
            searcher.suggest("kit", 4).unwrap().into_iter().map(|found| found.text).collect();
        assert_eq!(texts, ["Kitten 5", "Kitten 4", "Kitten 3", "Kitchen"]);
    }

    #[test]
    fn typing_errors_are_allowed_for_when_nothing_else_is_found() {
        let searcher = shop(&["Smartphone", "Smart lamp"]);
        assert_eq!(texts(&searcher, "smrtpho"), ["Smartphone"]);
        assert_eq!(texts(&searcher, "smart"), ["Smartphone", "Smart lamp"]);
        assert_eq!(texts(&shop(&["Smart lamp", "Start lamp"]), "smart"), ["Smart lamp"]);
    }

    #[test]
    fn what_is_gone_is_not_suggested() {
        let other = product(1, |content| content.category = "Garden".into());
        let (searcher, mut indexer) = index_of(&[named(0, "Lamp"), other]);
        assert_eq!(texts(&searcher, "kitch"), ["Kitchen"]);
        indexer.remove(&id(0));
        indexer.commit(Seq(2)).unwrap();
        assert_eq!(texts(&searcher, "lam"), [] as [&str; 0]);
        assert_eq!(texts(&searcher, "kitch"), [] as [&str; 0]);
    }
}
