//! Counting what is found by label and by price.
//!
//! Labels are counted by ordinal, one array per column and segment, and only the most frequent are
//! read as text. Spellings that differ in case are one value, shown in its most frequent form.

use super::SearchError;
use super::filter::{Missed, SegmentFilters, Verdict};
use super::query::{Facets, MOST_NAMES, MOST_VALUES, PriceBucket};
use super::ranking::read;
use super::scan::is_alive;
use super::schema::{SEPARATOR, column};
use std::cmp::Reverse;
use std::collections::HashMap;
use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{EnableScoring, Query};
use tantivy::{DocId, Searcher, SegmentReader};

/// How many labels of a segment are read as text. Counts are exact where the matches of a segment
/// have no more labels than this; where they have, rare labels may be counted short.
const MOST_READ: usize = 1_000;

/// The counts of one segment while its rows go by.
pub(super) struct SegmentCounts {
    category: LabelCounts,
    brand: LabelCounts,
    attributes: LabelCounts,
    price: Column<i64>,
    prices: Vec<i64>,
}

struct LabelCounts {
    column: Option<(StrColumn, Vec<u32>)>,
}

impl LabelCounts {
    fn new(segment: &SegmentReader, name: &str) -> Result<LabelCounts, SearchError> {
        let column = segment.fast_fields().str(name)?;
        Ok(LabelCounts {
            column: column.map(|column| {
                let counts = vec![0; column.num_terms()];
                (column, counts)
            }),
        })
    }

    fn add(&mut self, row: DocId, counted: impl Fn(u64) -> bool) {
        if let Some((column, counts)) = &mut self.column {
            for ordinal in column.ords().values_for_doc(row).filter(|ordinal| counted(*ordinal)) {
                counts[ordinal as usize] += 1;
            }
        }
    }

    /// The most frequent labels as text, with their counts.
    fn labels(self) -> Result<Vec<(String, u64)>, SearchError> {
        let Some((column, counts)) = self.column else { return Ok(vec![]) };
        let mut found: Vec<(u64, u32)> =
            (0u64..).zip(counts).filter(|(_, count)| *count > 0).collect();
        if found.len() > MOST_READ {
            found.select_nth_unstable_by_key(MOST_READ, |(ordinal, count)| {
                (Reverse(*count), *ordinal)
            });
            found.truncate(MOST_READ);
        }
        found.sort_unstable();
        let ordinals: Vec<u64> = found.iter().map(|(ordinal, _)| *ordinal).collect();
        let texts = read(&column, &ordinals)?;
        Ok(texts.into_iter().zip(found).map(|(text, (_, count))| (text, count.into())).collect())
    }
}

impl SegmentCounts {
    pub fn new(segment: &SegmentReader) -> Result<SegmentCounts, SearchError> {
        Ok(SegmentCounts {
            category: LabelCounts::new(segment, column::CATEGORY)?,
            brand: LabelCounts::new(segment, column::BRAND)?,
            attributes: LabelCounts::new(segment, column::ATTRIBUTES)?,
            price: segment.fast_fields().i64(column::PRICE)?,
            prices: Vec::new(),
        })
    }

    /// Counts a row where it meets all filters but the facet's own.
    pub fn add(&mut self, row: DocId, verdict: Verdict, filters: &SegmentFilters) {
        let all = |_| true;
        match verdict {
            Verdict::Out => {}
            Verdict::MissedOnly(Missed::Category) => self.category.add(row, all),
            Verdict::MissedOnly(Missed::Brand) => self.brand.add(row, all),
            Verdict::MissedOnly(Missed::Price) => self.add_price(row, filters),
            Verdict::MissedOnly(Missed::Attribute(which)) => {
                let (values, _) = &filters.attributes[which];
                self.attributes.add(row, |ordinal| values.contains(&ordinal));
            }
            Verdict::Hit => {
                self.category.add(row, all);
                self.brand.add(row, all);
                self.attributes.add(row, all);
                self.add_price(row, filters);
            }
        }
    }

    fn add_price(&mut self, row: DocId, filters: &SegmentFilters) {
        if filters.counts_in_prices(row) {
            self.prices.extend(self.price.first(row));
        }
    }
}

/// The labels in one column of all that `query` matches, the most frequent first.
pub(super) fn count_labels(
    searcher: &Searcher,
    query: &dyn Query,
    name: &str,
) -> Result<Vec<(String, u64)>, SearchError> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut tallies = HashMap::new();
    for segment in searcher.segment_readers() {
        let mut counts = LabelCounts::new(segment, name)?;
        weight.for_each_no_score(segment, &mut |rows| {
            for row in rows.iter().filter(|row| is_alive(segment, **row)) {
                counts.add(*row, |_| true);
            }
        })?;
        add_labels(&mut tallies, counts)?;
    }
    Ok(most_frequent(tallies))
}

fn add_labels(
    tallies: &mut HashMap<String, Tally>,
    counts: LabelCounts,
) -> Result<(), SearchError> {
    for (text, count) in counts.labels()? {
        if let Some((key, shown)) = text.split_once(SEPARATOR) {
            tallies.entry(key.to_owned()).or_default().add(shown, count);
        }
    }
    Ok(())
}

/// Counts of one label over all segments, by the spellings it has.
#[derive(Default)]
struct Tally {
    count: u64,
    spellings: HashMap<String, u64>,
}

impl Tally {
    fn add(&mut self, spelling: &str, count: u64) {
        self.count += count;
        *self.spellings.entry(spelling.to_owned()).or_default() += count;
    }

    fn shown(&self) -> String {
        let most = self.spellings.iter().max_by_key(|(text, count)| (**count, Reverse(*text)));
        most.map(|(text, _)| text.clone()).unwrap_or_default()
    }
}

/// The counts of all segments.
#[derive(Default)]
pub(super) struct Counts {
    category: HashMap<String, Tally>,
    brand: HashMap<String, Tally>,
    /// By key of the name: the name's own spellings, and its values by key.
    attributes: HashMap<String, (Tally, HashMap<String, Tally>)>,
    prices: Vec<i64>,
}

impl Counts {
    pub fn add(&mut self, segment: SegmentCounts) -> Result<(), SearchError> {
        add_labels(&mut self.category, segment.category)?;
        add_labels(&mut self.brand, segment.brand)?;
        for (text, count) in segment.attributes.labels()? {
            let parts: Vec<&str> = text.splitn(4, SEPARATOR).collect();
            if let [name_key, value_key, name, value] = parts[..] {
                let (names, values) = self.attributes.entry(name_key.to_owned()).or_default();
                names.add(name, count);
                values.entry(value_key.to_owned()).or_default().add(value, count);
            }
        }
        self.prices.extend(segment.prices);
        Ok(())
    }

    pub fn finish(self) -> Facets {
        let mut attributes: Vec<(Reverse<u64>, String, HashMap<String, Tally>)> = self
            .attributes
            .into_values()
            .map(|(names, values)| (Reverse(names.count), names.shown(), values))
            .collect();
        attributes.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        attributes.truncate(MOST_NAMES);
        Facets {
            category: most_frequent(self.category),
            brand: most_frequent(self.brand),
            price: price_buckets(self.prices),
            attributes: attributes
                .into_iter()
                .map(|(_, name, values)| (name, most_frequent(values)))
                .collect(),
        }
    }
}

fn most_frequent(tallies: HashMap<String, Tally>) -> Vec<(String, u64)> {
    let mut values: Vec<(String, Tally)> = tallies.into_iter().collect();
    values.sort_by(|(a_key, a), (b_key, b)| (b.count, a_key).cmp(&(a.count, b_key)));
    values.truncate(MOST_VALUES);
    values.into_iter().map(|(_, tally)| (tally.shown(), tally.count)).collect()
}

/// How many ranges prices are parted into, at most.
const MOST_BUCKETS: usize = 5;

/// Fewer ranges than this are tried again with less round limits.
const FEW_BUCKETS: usize = 4;

/// Parts prices into ranges with about as many products each and with limits as round as they can
/// be: of one digit (1, 2, 5) where that tells prices apart, of two or more where it does not.
fn price_buckets(mut prices: Vec<i64>) -> Vec<PriceBucket> {
    if prices.is_empty() {
        return vec![];
    }
    let mut limits = Vec::new();
    for part in 1..MOST_BUCKETS {
        let at = prices.len() * part / MOST_BUCKETS;
        limits.push(*prices.select_nth_unstable(at).1);
    }
    let tries = [Roundness::OneTwoFive, Roundness::Digits(1), Roundness::Digits(2)];
    let mut best = Vec::new();
    for roundness in tries.into_iter().chain([Roundness::Digits(3), Roundness::Exact]) {
        let buckets = counted(&prices, limits.iter().map(|limit| roundness.round(*limit)));
        if buckets.len() > best.len() {
            best = buckets;
        }
        if best.len() >= FEW_BUCKETS {
            break;
        }
    }
    best
}

/// Counts prices between the limits; ranges without any are joined to the next.
fn counted(prices: &[i64], limits: impl Iterator<Item = i64>) -> Vec<PriceBucket> {
    let mut limits: Vec<i64> = limits.filter(|limit| *limit > 0).collect();
    limits.sort_unstable();
    let mut counts = vec![0u64; limits.len() + 1];
    for price in prices {
        counts[limits.partition_point(|limit| limit <= price)] += 1;
    }
    let mut buckets: Vec<PriceBucket> = Vec::new();
    let mut from = 0;
    for (i, count) in counts.into_iter().enumerate() {
        let to = limits.get(i).copied();
        match (count, buckets.last_mut()) {
            (0, Some(last)) if to.is_none() => last.to = None,
            (0, _) => {}
            (_, _) => {
                buckets.push(PriceBucket { from, to, count });
                from = to.unwrap_or(from);
            }
        }
    }
    buckets
}

/// How round a limit of a price range is.
#[derive(Clone, Copy)]
enum Roundness {
    /// 1, 2 or 5 and zeros.
    OneTwoFive,
    /// So many digits and zeros.
    Digits(u32),
    Exact,
}

impl Roundness {
    fn round(self, price: i64) -> i64 {
        if price <= 0 {
            return price;
        }
        let digits = price.ilog10() + 1;
        match self {
            Roundness::Exact => price,
            Roundness::Digits(kept) => {
                let unit = 10i64.pow(digits.saturating_sub(kept));
                price.saturating_add(unit / 2) / unit * unit
            }
            Roundness::OneTwoFive => {
                let unit = 10i64.pow(digits - 1);
                let steps = [1, 2, 5, 10].map(|step: i64| step.saturating_mul(unit));
                let nearest = steps.into_iter().min_by_key(|step| step.abs_diff(price));
                nearest.unwrap_or(price)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;
    use crate::domain::catalog::Product;
    use crate::domain::{Money, Seq};
    use crate::search::testing::*;
    use crate::search::{SearchQuery, Standing, open_in_memory};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn spellings_of_one_label_are_counted_together_under_the_most_frequent() {
        let brands = ["ACME", "Acme", "Acme", "Bolt"];
        let products: Vec<Product> =
            (0..4).map(|i| product(i, |content| content.brand = brands[i].into())).collect();
        let (searcher, _indexer) = index_of(&products);
        let facets = searcher.search(&asking("")).unwrap().facets;
        assert_eq!(facets.brand, [("Acme".to_owned(), 3), ("Bolt".to_owned(), 1)]);
    }

    #[test]
    fn values_are_bounded_and_the_most_frequent_first() {
        let products: Vec<Product> = (0..MOST_VALUES * 2 + 1)
            .map(|i| product(i, |content| content.brand = format!("Brand {}", i / 2)))
            .collect();
        let (searcher, _indexer) = index_of(&products);
        let facets = searcher.search(&asking("")).unwrap().facets;
        assert_eq!(facets.brand.len(), MOST_VALUES);
        assert_eq!(facets.brand[0], ("Brand 0".to_owned(), 2));
        assert!(facets.brand.iter().all(|(_, count)| *count == 2));
    }

    #[test]
    fn facets_cost_nothing_unless_asked_for() {
        let searcher = shop(&["Lamp"]);
        let asked = SearchQuery { facets: false, ..asking("lamp") };
        assert_eq!(searcher.search(&asked).unwrap().facets, Facets::default());
    }

    #[test]
    fn a_chosen_value_keeps_its_alternatives_countable_and_nothing_else() {
        let made = |number, colour: &str, size: &str| {
            product(number, |content| {
                content.attributes =
                    vec![("Colour".into(), colour.into()), ("Size".into(), size.into())];
            })
        };
        let (searcher, _indexer) = index_of(&[made(0, "Red", "S"), made(1, "Blue", "M")]);
        let attributes = vec![("colour".into(), "red".into())];
        let facets =
            searcher.search(&SearchQuery { attributes, ..asking("") }).unwrap().facets.attributes;
        let one = |value: &str| (value.to_owned(), 1);
        assert_eq!(
            facets,
            [
                ("Colour".to_owned(), vec![one("Blue"), one("Red")]),
                ("Size".to_owned(), vec![one("S")]),
            ]
        );
    }

    #[test]
    fn price_ranges_are_round() {
        let ranges = |prices: Vec<i64>| -> Vec<(i64, Option<i64>)> {
            price_buckets(prices).into_iter().map(|bucket| (bucket.from, bucket.to)).collect()
        };
        let spread: Vec<i64> = (1..=100).map(|i| i * i * 10).collect();
        assert_eq!(
            ranges(spread),
            [(0, Some(5_000)), (5_000, Some(20_000)), (20_000, Some(50_000)), (50_000, None)]
        );
        let close: Vec<i64> = (1_000..1_100).collect();
        assert_eq!(ranges(close).len(), 5);
        assert_eq!(ranges(vec![500; 9]), [(0, None)]);
        assert_eq!(ranges(vec![]), []);
    }

    const CATEGORIES: [&str; 4] = ["Kitchen", "KITCHEN", "Garden", ""];
    const BRANDS: [&str; 3] = ["Alder", "Birch", "Cedar"];
    const COLOURS: [&str; 3] = ["Red", "red", "Blue"];
    const NAMES: [&str; 4] = ["oak table", "oak chair", "pine table", "lamp"];

    /// Indexes into the lists above, and a price.
    type Traits = (usize, usize, usize, usize, i64, bool, bool);

    fn traits() -> impl Strategy<Value = Traits> {
        (0..4usize, 0..3usize, 0..3usize, 0..4usize, 0..5_000i64, any::<bool>(), any::<bool>())
    }

    fn made(number: usize, (category, brand, colour, name, price, euros, _): Traits) -> Product {
        product(number, |content| {
            content.category = CATEGORIES[category].into();
            content.brand = BRANDS[brand].into();
            content.name = NAMES[name].into();
            content.tags = vec![format!("Tag{}", number % 3)];
            content.attributes = vec![("Colour".into(), COLOURS[colour].into())];
            content.currency = if euros { Currency::EUR } else { Currency::USD };
            content.variants[0].price = Money::from_minor(price, content.currency);
        })
    }

    fn asked() -> impl Strategy<Value = SearchQuery> {
        let pick = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|text| text.to_uppercase()).collect();
            prop::option::of(prop::sample::select(list))
        };
        (
            prop::sample::select(vec!["", "oak", "table", "oak table", "lamp"]),
            pick(&["kitchen", "garden"]),
            pick(&BRANDS),
            pick(&["tag1"]),
            prop::option::of(0..5_000i64),
            prop::option::of(0..5_000i64),
            prop::option::of(Just(Currency::EUR)),
            prop::option::of(any::<bool>()),
            prop::collection::vec(prop::sample::select(vec!["RED", "blue"]), 0..3),
        )
            .prop_map(
                |(text, category, brand, tag, min, max, currency, in_stock, colours)| SearchQuery {
                    category,
                    brand,
                    tag,
                    min_price: min,
                    max_price: max,
                    currency,
                    in_stock,
                    attributes: colours
                        .into_iter()
                        .map(|colour| ("COLOUR".into(), colour.into()))
                        .collect(),
                    limit: 1_000,
                    ..asking(text)
                },
            )
    }

    /// The filters that a product misses, in plain words.
    fn misses(query: &SearchQuery, product: &Product, in_stock: bool) -> BTreeSet<&'static str> {
        let content = &product.content;
        let other = |wanted: &Option<String>, own: &str| {
            wanted.as_ref().is_some_and(|wanted| wanted.to_lowercase() != own.to_lowercase())
        };
        let mut misses = BTreeSet::new();
        let mut miss = |what, missed: bool| missed.then(|| misses.insert(what));
        miss("text", !query.text.split(' ').all(|word| content.name.contains(word)));
        miss("tag", other(&query.tag, &content.tags[0]));
        miss("stock", query.in_stock.is_some_and(|wanted| wanted != in_stock));
        miss("category", other(&query.category, &content.category));
        miss("brand", other(&query.brand, &content.brand));
        let price = product.cheapest().price;
        let bounded = query.min_price.is_some() || query.max_price.is_some();
        let below = query.min_price.is_some_and(|min| price.minor() < min);
        let above = query.max_price.is_some_and(|max| price.minor() > max);
        let foreign = query.currency.is_some_and(|currency| currency != content.currency);
        miss("price", below || above || (bounded && foreign));
        let own = content.attributes[0].1.to_lowercase();
        let wanted = |(_, value): &(String, String)| value.to_lowercase() == own;
        miss("colour", !query.attributes.is_empty() && !query.attributes.iter().any(wanted));
        misses
    }

    fn lower(values: &[(String, u64)]) -> BTreeMap<String, u64> {
        values.iter().map(|(value, count)| (value.to_lowercase(), *count)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn hits_and_counts_are_those_of_a_plain_count(
            catalog in prop::collection::vec(traits(), 1..60),
            queries in prop::collection::vec(asked(), 12),
            commits in 1..4usize,
        ) {
            let products: Vec<(Product, bool)> =
                catalog.iter().enumerate().map(|(i, t)| (made(i, *t), t.6)).collect();
            let (searcher, mut indexer) = open_in_memory().unwrap();
            // In several segments, with every third product written twice.
            for (i, chunk) in products.chunks(products.len().div_ceil(commits)).enumerate() {
                for (j, (product, _)) in products.iter().enumerate().filter(|(j, _)| j % 3 == 0) {
                    if j < i * 7 {
                        indexer.put(product, Standing { in_stock: products[j].1, sold: 0 }).unwrap();
                    }
                }
                for (product, in_stock) in chunk {
                    indexer.put(product, Standing { in_stock: *in_stock, sold: 0 }).unwrap();
                }
                indexer.commit(Seq(i as u64)).unwrap();
            }
            for query in queries {
                let page = searcher.search(&query).unwrap();
                let judged: Vec<_> =
                    products.iter().map(|(p, stock)| (p, misses(&query, p, *stock))).collect();
                // Without a match of the text, guessing begins, which is not counted here.
                if judged.iter().all(|(_, misses)| misses.contains("text")) {
                    continue;
                }
                let count = |facet: &'static str, value: &dyn Fn(&Product) -> String| {
                    let mut counts = BTreeMap::<String, u64>::new();
                    for (product, misses) in &judged {
                        if misses.iter().all(|miss| *miss == facet) && !value(product).is_empty() {
                            *counts.entry(value(product).to_lowercase()).or_default() += 1;
                        }
                    }
                    counts
                };
                let hits: BTreeSet<_> = judged
                    .iter()
                    .filter(|(_, misses)| misses.is_empty())
                    .map(|(product, _)| product.id.clone())
                    .collect();
                prop_assert_eq!(page.total, hits.len() as u64);
                prop_assert_eq!(page.hits.iter().cloned().collect::<BTreeSet<_>>(), hits);
                let facets = &page.facets;
                prop_assert_eq!(lower(&facets.category), count("category", &|p| p.content.category.clone()));
                prop_assert_eq!(lower(&facets.brand), count("brand", &|p| p.content.brand.clone()));
                let colours = facets.attributes.first().map(|(_, values)| lower(values));
                prop_assert_eq!(colours.unwrap_or_default(), count("colour", &|p| p.content.attributes[0].1.clone()));
                let priced = |(product, misses): &&(&Product, BTreeSet<&str>)| {
                    misses.iter().all(|miss| *miss == "price")
                        && query.currency.is_none_or(|currency| currency == product.content.currency)
                };
                let prices: Vec<i64> = judged
                    .iter()
                    .filter(priced)
                    .map(|(product, _)| product.cheapest().price.minor())
                    .collect();
                prop_assert!(facets.price.len() <= MOST_BUCKETS);
                prop_assert_eq!(facets.price.iter().map(|b| b.count).sum::<u64>(), prices.len() as u64);
                for bucket in &facets.price {
                    let within = |price: &&i64| bucket.from <= **price && bucket.to.is_none_or(|to| **price < to);
                    prop_assert_eq!(prices.iter().filter(within).count() as u64, bucket.count);
                }
            }
        }

        #[test]
        fn price_ranges_adjoin_and_cover_all_prices(prices in prop_oneof![
                prop::collection::vec(0..i64::MAX, 1..200),
                prop::collection::vec(0..3_000i64, 1..8),
            ]) {
            let buckets = price_buckets(prices.clone());
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), prices.len() as u64);
            prop_assert_eq!((buckets[0].from, buckets.last().unwrap().to), (0, None));
            prop_assert!(buckets.windows(2).all(|pair| pair[0].to == Some(pair[1].from)));
            prop_assert!(buckets.iter().all(|bucket| bucket.count > 0));
        }
    }
}
