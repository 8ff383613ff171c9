//! The best rows of each segment, and from them one page in one order.
//!
//! A row's place is a number (smaller is earlier) and then its product's id, which makes the order
//! total: pages neither overlap nor leave gaps. Within a segment, ids and names are compared by
//! their ordinals; text is read only for rows that can be on the page.

use super::SearchError;
use super::query::{Direction, Sort, SortBy};
use super::schema::column;
use std::cmp::Ordering;
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Score, SegmentReader, i64_to_u64};

/// Where a row stands: by the sort, and by its id's ordinal where the sort says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: u64,
    id: u64,
}

/// What the sort reads.
enum Key {
    Score,
    Number(Column<i64>),
    /// Ordinals of folded names.
    Name(StrColumn),
}

/// Keeps the first rows of one segment.
pub(super) struct Ranking {
    key: Key,
    direction: Direction,
    ids: StrColumn,
    places: Vec<Place>,
    /// How many rows can be on the page or before it.
    wanted: usize,
    /// Rows from here on are too late.
    limit: Option<Place>,
}

/// A row that may be on the page, comparable across segments.
#[derive(Debug)]
pub(super) struct Candidate {
    key: u64,
    /// The folded name, where the sort is by name.
    name: String,
    pub id: String,
}

impl Ranking {
    pub fn new(
        segment: &SegmentReader,
        sort: Sort,
        wanted: usize,
    ) -> Result<Option<Ranking>, SearchError> {
        let fast = segment.fast_fields();
        let Some(ids) = fast.str(column::ID)? else { return Ok(None) };
        let number = |name: &str| fast.i64(name).map(Key::Number);
        let key = match sort.by {
            SortBy::Relevance => Key::Score,
            SortBy::Price => number(column::PRICE)?,
            SortBy::CreatedAt => number(column::CREATED_AT)?,
            SortBy::UpdatedAt => number(column::UPDATED_AT)?,
            SortBy::Bestselling => number(column::SOLD)?,
            SortBy::Name => match fast.str(column::SORT_NAME)? {
                Some(names) => Key::Name(names),
                None => return Ok(None),
            },
        };
        let wanted = wanted.min(segment.max_doc() as usize);
        let direction = sort.direction;
        Ok(Some(Ranking { key, direction, ids, places: Vec::new(), wanted, limit: None }))
    }

    pub fn add(&mut self, row: DocId, score: Score) {
        if self.wanted == 0 {
            return;
        }
        let key = match &self.key {
            Key::Score => score_key(score),
            Key::Number(column) => i64_to_u64(column.first(row).unwrap_or_default()),
            Key::Name(names) => names.ords().first(row).unwrap_or_default(),
        };
        let key = match self.direction {
            Direction::Ascending => key,
            Direction::Descending => !key,
        };
        if self.limit.is_some_and(|limit| key > limit.key) {
            return;
        }
        let place = Place { key, id: self.ids.ords().first(row).unwrap_or_default() };
        if self.limit.is_some_and(|limit| place >= limit) {
            return;
        }
        self.places.push(place);
        if self.places.len() >= 2 * self.wanted {
            self.cut();
        }
    }

    /// Drops what cannot be on the page any more.
    fn cut(&mut self) {
        if self.places.len() > self.wanted {
            let (_, last, _) = self.places.select_nth_unstable(self.wanted - 1);
            self.limit = Some(*last);
            self.places.truncate(self.wanted);
        }
    }

    /// Reads the text of the rows that are left.
    pub fn finish(mut self, out: &mut Vec<Candidate>) -> Result<(), SearchError> {
        self.cut();
        let mut places = self.places;
        places.sort_unstable_by_key(|place| place.id);
        let ids: Vec<u64> = places.iter().map(|place| place.id).collect();
        let ids = read(&self.ids, &ids)?;
        let names = match &self.key {
            Key::Score | Key::Number(_) => None,
            Key::Name(column) => {
                let ordinal = |place: &Place| match self.direction {
                    Direction::Ascending => place.key,
                    Direction::Descending => !place.key,
                };
                let mut ordinals: Vec<u64> = places.iter().map(ordinal).collect();
                ordinals.sort_unstable();
                ordinals.dedup();
                let texts = read(column, &ordinals)?;
                let name_of = |place: &Place| {
                    let at = ordinals.binary_search(&ordinal(place)).ok()?;
                    texts.get(at).cloned()
                };
                Some(places.iter().map(|place| name_of(place).unwrap_or_default()).collect())
            }
        };
        let by_number = names.is_none();
        let names: Vec<String> = names.unwrap_or_else(|| vec![String::new(); places.len()]);
        for ((place, id), name) in places.into_iter().zip(ids).zip(names) {
            out.push(Candidate { key: if by_number { place.key } else { 0 }, name, id });
        }
        Ok(())
    }
}

/// Puts the candidates of all segments in order and cuts the page out.
pub(super) fn page(
    mut candidates: Vec<Candidate>,
    direction: Direction,
    offset: usize,
    limit: usize,
) -> impl Iterator<Item = Candidate> {
    candidates.sort_unstable_by(|a, b| {
        let by_name = match direction {
            Direction::Ascending => a.name.cmp(&b.name),
            Direction::Descending => b.name.cmp(&a.name),
        };
        a.key.cmp(&b.key).then(by_name).then_with(|| a.id.cmp(&b.id))
    });
    candidates.into_iter().skip(offset).take(limit)
}

/// A number that orders as the score does. Scores are finite and not negative.
fn score_key(score: Score) -> u64 {
    match score.partial_cmp(&0.0) {
        Some(Ordering::Greater) => u64::from(score.to_bits()),
        Some(Ordering::Less | Ordering::Equal) | None => 0,
    }
}

/// The texts of ordinals that ascend.
pub(super) fn read(column: &StrColumn, ordinals: &[u64]) -> Result<Vec<String>, SearchError> {
    let mut texts = Vec::with_capacity(ordinals.len());
    column.dictionary().sorted_ords_to_term_cb(ordinals, |bytes| {
        texts.push(String::from_utf8_lossy(bytes).into_owned());
    })?;
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::Product;
    use crate::domain::{Currency, Money, Seq, Timestamp};
    use crate::search::testing::*;
    use crate::search::{SearchQuery, Searcher, Standing, open_in_memory};
    use proptest::prelude::*;

    const SORTS: [SortBy; 6] = [
        SortBy::Relevance,
        SortBy::Price,
        SortBy::Name,
        SortBy::CreatedAt,
        SortBy::UpdatedAt,
        SortBy::Bestselling,
    ];

    fn sorted(by: SortBy, direction: Direction) -> SearchQuery {
        SearchQuery { sort: Sort { by, direction }, ..asking("") }
    }

    /// A product with few different values, so that ties are common.
    fn made(number: usize, trait_: u8) -> (Product, i64) {
        let mut made = product(number, |content| {
            content.name =
                ["Lamp", "lamp", "Élan lamp", "Zoo lamp"][usize::from(trait_ % 4)].into();
            content.variants[0].price = Money::from_minor((trait_ % 5).into(), Currency::USD);
        });
        made.created_at = Timestamp::from_millis(i64::from(trait_ % 3) - 1);
        made.updated_at = Timestamp::from_millis((trait_ % 2).into());
        (made, i64::from(trait_ % 7) - 3)
    }

    fn shop_of(traits: &[u8], commits: usize) -> Searcher {
        let (searcher, mut indexer) = open_in_memory().unwrap();
        for (i, chunk) in traits.chunks(traits.len().div_ceil(commits)).enumerate() {
            for (j, trait_) in chunk.iter().enumerate() {
                let number = i * traits.len().div_ceil(commits) + j;
                // Ids that do not ascend with the rows.
                let (product, sold) = made((number * 7_919) % 9_973, *trait_);
                indexer.put(&product, Standing { in_stock: true, sold }).unwrap();
            }
            indexer.commit(Seq(i as u64)).unwrap();
        }
        searcher
    }

    #[test]
    fn names_sort_without_regard_to_case_and_accents() {
        let searcher = shop(&["banana", "Élan", "apple", "Cherry"]);
        assert_eq!(find(&searcher, &sorted(SortBy::Name, Direction::Ascending)), [2, 0, 3, 1]);
        assert_eq!(find(&searcher, &sorted(SortBy::Name, Direction::Descending)), [1, 3, 0, 2]);
    }

    #[test]
    fn ties_are_broken_by_id_in_either_direction() {
        for direction in [Direction::Ascending, Direction::Descending] {
            let searcher = shop(&["Lamp", "Lamp", "Lamp"]);
            assert_eq!(find(&searcher, &sorted(SortBy::Price, direction)), [0, 1, 2]);
            assert_eq!(find(&searcher, &sorted(SortBy::Name, direction)), [0, 1, 2]);
            assert_eq!(find(&searcher, &sorted(SortBy::Relevance, direction)), [0, 1, 2]);
        }
    }

    #[test]
    fn a_page_past_the_end_is_empty_and_says_the_total() {
        let page = shop(&["Lamp"]).search(&SearchQuery { offset: 5, ..asking("") }).unwrap();
        assert_eq!((page.total, page.hits.len()), (1, 0));
        let page = shop(&["Lamp"]).search(&SearchQuery { limit: 0, ..asking("") }).unwrap();
        assert_eq!((page.total, page.hits.len()), (1, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn pages_in_a_row_are_the_whole_list_in_its_order(
            traits in prop::collection::vec(any::<u8>(), 1..80),
            commits in 1..4usize,
            limit in 1..12usize,
        ) {
            let searcher = shop_of(&traits, commits);
            let mut products: Vec<(Product, i64)> = traits
                .iter()
                .enumerate()
                .map(|(i, trait_)| made((i * 7_919) % 9_973, *trait_))
                .collect();
            for by in SORTS {
                for direction in [Direction::Ascending, Direction::Descending] {
                    let key = |(product, sold): &(Product, i64)| match by {
                        SortBy::Relevance => (0, String::new()),
                        SortBy::Price => (product.cheapest().price.minor(), String::new()),
                        SortBy::Name => (0, product.content.name.to_lowercase().replace('é', "e")),
                        SortBy::CreatedAt => (product.created_at.as_millis(), String::new()),
                        SortBy::UpdatedAt => (product.updated_at.as_millis(), String::new()),
                        SortBy::Bestselling => (*sold, String::new()),
                    };
                    products.sort_by(|a, b| {
                        let order = match direction {
                            Direction::Ascending => key(a).cmp(&key(b)),
                            Direction::Descending => key(b).cmp(&key(a)),
                        };
                        order.then_with(|| a.0.id.cmp(&b.0.id))
                    });
                    let mut paged = Vec::new();
                    for offset in (0..traits.len() + limit).step_by(limit) {
                        let asked = SearchQuery { offset, limit, ..sorted(by, direction) };
                        paged.extend(searcher.search(&asked).unwrap().hits);
                    }
                    let expected: Vec<_> = products.iter().map(|(p, _)| p.id.clone()).collect();
                    prop_assert_eq!(paged, expected, "{:?} {:?}", by, direction);
                }
            }
            let whole = searcher.search(&SearchQuery { limit: 1_000, ..asking("lamp") }).unwrap().hits;
            let mut paged = Vec::new();
            for offset in (0..traits.len()).step_by(limit) {
                paged.extend(searcher.search(&SearchQuery { offset, limit, ..asking("lamp") }).unwrap().hits);
            }
            prop_assert_eq!(paged, whole, "by relevance");
        }
    }
}
