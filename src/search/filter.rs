//! Which rows of a segment meet the filters of a search, and which they miss.
//!
//! Filters are tested on columns, row by row of what the text matches, because a facet is counted
//! without the filter on itself: a row that misses exactly one filter still counts there.

use super::SearchError;
use super::document::attribute_key;
use super::query::SearchQuery;
use super::schema::{SEPARATOR, column};
use super::text;
use std::ops::{Bound, Range};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, SegmentReader};

/// The filters of one search, ready to be looked up in any segment.
#[derive(Debug)]
pub(super) struct Filters {
    category: Option<String>,
    brand: Option<String>,
    tag: Option<String>,
    prices: Option<(i64, i64)>,
    currency: Option<&'static str>,
    in_stock: Option<bool>,
    /// By attribute name: the beginning of all its values, and those that are wanted.
    attributes: Vec<(String, Vec<String>)>,
}

/// How many attribute names one search can filter by; further ones are ignored.
const MOST_ATTRIBUTE_FILTERS: usize = 32;

impl Filters {
    pub fn of(query: &SearchQuery) -> Filters {
        let key = |wanted: &Option<String>| wanted.as_deref().map(text::key);
        let labelled = |wanted| key(wanted).map(|key| format!("{key}{SEPARATOR}"));
        let bounded = query.min_price.is_some() || query.max_price.is_some();
        let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &query.attributes {
            let group = format!("{}{SEPARATOR}", text::key(name));
            let wanted = attribute_key(name, value);
            match attributes.iter_mut().find(|(known, _)| *known == group) {
                Some((_, values)) => values.push(wanted),
                None => attributes.push((group, vec![wanted])),
            }
        }
        attributes.truncate(MOST_ATTRIBUTE_FILTERS);
        Filters {
            category: labelled(&query.category),
            brand: labelled(&query.brand),
            tag: key(&query.tag),
            prices: bounded.then(|| {
                (query.min_price.unwrap_or(i64::MIN), query.max_price.unwrap_or(i64::MAX))
            }),
            currency: query.currency.map(|currency| currency.code()),
            in_stock: query.in_stock,
            attributes,
        }
    }
}

/// The one filter that a row misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    Category,
    Brand,
    Price,
    /// By its place among [`SegmentFilters::attributes`].
    Attribute(usize),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Hit,
    /// Still counts for the facet of that filter.
    MissedOnly(Missed),
    Out,
}

/// Ordinals of labels whose key is the wanted one, in any spelling.
type Ordinals = Range<u64>;

/// The filters as columns and ordinals of one segment.
pub(super) struct SegmentFilters {
    category: Option<(Column<u64>, Ordinals)>,
    brand: Option<(Column<u64>, Ordinals)>,
    tag: Option<(Column<u64>, Ordinals)>,
    prices: Option<(Column<i64>, (i64, i64))>,
    currency: Option<(Column<u64>, Ordinals)>,
    in_stock: Option<(Column<bool>, bool)>,
    attribute_column: Option<Column<u64>>,
    /// By attribute name: the ordinals of all its values, and those that are wanted.
    pub attributes: Vec<(Ordinals, Vec<Ordinals>)>,
}

impl SegmentFilters {
    pub fn new(filters: &Filters, segment: &SegmentReader) -> Result<SegmentFilters, SearchError> {
        let fast = segment.fast_fields();
        let wanted = |name: &str, key: Option<&str>, ending: Ending| {
            key.map(|key| looked_up(segment, name, key, ending)).transpose()
        };
        let attributes = fast.str(column::ATTRIBUTES)?;
        let mut groups = Vec::new();
        for (group, values) in &filters.attributes {
            let in_column = |prefix: &String| match &attributes {
                Some(column) => ordinals(column, prefix, Ending::Open),
                None => Ok(0..0),
            };
            let values: Result<Vec<Ordinals>, SearchError> = values.iter().map(in_column).collect();
            groups.push((in_column(group)?, values?));
        }
        Ok(SegmentFilters {
            category: wanted(column::CATEGORY, filters.category.as_deref(), Ending::Open)?,
            brand: wanted(column::BRAND, filters.brand.as_deref(), Ending::Open)?,
            tag: wanted(column::TAGS, filters.tag.as_deref(), Ending::Exact)?,
            prices: match filters.prices {
                None => None,
                Some(bounds) => Some((fast.i64(column::PRICE)?, bounds)),
            },
            currency: wanted(column::CURRENCY, filters.currency, Ending::Exact)?,
            in_stock: match filters.in_stock {
                None => None,
                Some(wanted) => Some((fast.bool(column::IN_STOCK)?, wanted)),
            },
            attribute_column: attributes.map(|column| column.ords().clone()),
            attributes: groups,
        })
    }

    pub fn judge(&self, row: DocId) -> Verdict {
        if !meets(&self.tag, row) {
            return Verdict::Out;
        }
        if let Some((column, wanted)) = &self.in_stock
            && column.first(row) != Some(*wanted)
        {
            return Verdict::Out;
        }
        let mut missed = None;
        let mut misses = 0;
        let mut miss = |what: Missed| {
            missed = Some(what);
            misses += 1;
        };
        if !meets(&self.category, row) {
            miss(Missed::Category);
        }
        if !meets(&self.brand, row) {
            miss(Missed::Brand);
        }
        if !self.price_is_within(row) {
            miss(Missed::Price);
        }
        for (i, (_, wanted)) in self.attributes.iter().enumerate() {
            let met = self.attribute_column.as_ref().is_some_and(|column| {
                let mut values = column.values_for_doc(row);
                values.any(|value| wanted.iter().any(|ordinals| ordinals.contains(&value)))
            });
            if !met {
                miss(Missed::Attribute(i));
            }
        }
        match (missed, misses) {
            (None, _) => Verdict::Hit,
            (Some(missed), 1) => Verdict::MissedOnly(missed),
            (Some(_), _) => Verdict::Out,
        }
    }

    fn price_is_within(&self, row: DocId) -> bool {
        self.prices.as_ref().is_none_or(|(column, (min, max))| {
            let within = column.first(row).is_some_and(|price| *min <= price && price <= *max);
            within && self.counts_in_prices(row)
        })
    }

    /// Whether the row's price is in the currency that was asked for, if one was.
    pub fn counts_in_prices(&self, row: DocId) -> bool {
        meets(&self.currency, row)
    }
}

fn meets(filter: &Option<(Column<u64>, Ordinals)>, row: DocId) -> bool {
    filter.as_ref().is_none_or(|(column, wanted)| {
        column.values_for_doc(row).any(|ordinal| wanted.contains(&ordinal))
    })
}

fn looked_up(
    segment: &SegmentReader,
    name: &str,
    key: &str,
    ending: Ending,
) -> Result<(Column<u64>, Ordinals), SearchError> {
    Ok(match segment.fast_fields().str(name)? {
        Some(column) => (column.ords().clone(), ordinals(&column, key, ending)?),
        // No product of this segment has any.
        None => (Column::build_empty_column(segment.max_doc()), 0..0),
    })
}

/// What may follow the text that is looked up.
#[derive(Clone, Copy)]
enum Ending {
    Exact,
    /// Anything: the text ends with a separator.
    Open,
}

fn ordinals(column: &StrColumn, text: &str, ending: Ending) -> Result<Ordinals, SearchError> {
    let dictionary = column.dictionary();
    match ending {
        Ending::Exact => Ok(match dictionary.term_ord(text)? {
            Some(ordinal) => ordinal..ordinal + 1,
            None => 0..0,
        }),
        Ending::Open => {
            let mut successor = text.as_bytes().to_vec();
            // The text ends with the separator, NUL; the next byte follows all that begin with it.
            successor.pop();
            successor.push(SEPARATOR as u8 + 1);
            let lower = Bound::Included(text.as_bytes().to_vec());
            let (lower, upper) =
                dictionary.term_bounds_to_ord(lower, Bound::Excluded(successor))?;
            let edge = |bound| match bound {
                Bound::Included(ordinal) | Bound::Excluded(ordinal) => ordinal,
                Bound::Unbounded => 0,
            };
            Ok(edge(lower)..edge(upper))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::catalog::Product;
    use crate::domain::{Currency, Money};
    use crate::search::SearchQuery;
    use crate::search::testing::*;

    fn in_category(number: usize, category: &str) -> Product {
        product(number, |content| content.category = category.into())
    }

    #[test]
    fn a_category_is_matched_whole_and_without_regard_to_case() {
        let names = ["Home", "HOME", "Home Office", "Ho", "Homé"];
        let products: Vec<Product> =
            names.iter().enumerate().map(|(i, name)| in_category(i, name)).collect();
        let (searcher, _indexer) = index_of(&products);
        let asked = SearchQuery { category: Some("hoME".into()), ..asking("") };
        assert_eq!(find(&searcher, &asked), [0, 1]);
        let unknown = SearchQuery { category: Some("Attic".into()), ..asking("") };
        assert_eq!(find(&searcher, &unknown), [] as [usize; 0]);
    }

    #[test]
    fn any_of_its_tags_brings_a_product_in() {
        let tagged = product(0, |content| content.tags = vec!["Gift".into(), "New".into()]);
        let (searcher, _indexer) = index_of(&[tagged, named(1, "Gift")]);
        for tag in ["gift", "NEW"] {
            assert_eq!(find(&searcher, &SearchQuery { tag: Some(tag.into()), ..asking("") }), [0]);
        }
    }

    #[test]
    fn price_bounds_are_inclusive_and_in_one_currency_if_it_is_given() {
        let priced = |number, minor, currency: Currency| {
            product(number, |content| {
                content.currency = currency;
                content.variants[0].price = Money::from_minor(minor, currency);
            })
        };
        let products = [
            priced(0, 100, Currency::USD),
            priced(1, 200, Currency::EUR),
            priced(2, 201, Currency::USD),
        ];
        let (searcher, _indexer) = index_of(&products);
        let asked = SearchQuery { min_price: Some(100), max_price: Some(200), ..asking("") };
        assert_eq!(find(&searcher, &asked), [0, 1]);
        let euros = SearchQuery { currency: Some(Currency::EUR), ..asked };
        assert_eq!(find(&searcher, &euros), [1]);
        let unbounded = SearchQuery { currency: Some(Currency::EUR), ..asking("") };
        assert_eq!(find(&searcher, &unbounded), [0, 1, 2]);
    }

    #[test]
    fn values_of_one_attribute_are_alternatives_and_attributes_add_up() {
        let made = |number, colour: &str, size: &str| {
            product(number, |content| {
                content.attributes = vec![("Colour".into(), colour.into())];
                content.variants[0].options = vec![("Size".into(), size.into())];
            })
        };
        let (searcher, _indexer) =
            index_of(&[made(0, "Red", "S"), made(1, "Blue", "S"), made(2, "Red", "M")]);
        let asked = |pairs: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
            let attributes = pairs.iter().map(pair).collect();
            find(&searcher, &SearchQuery { attributes, ..asking("") })
        };
        assert_eq!(asked(&[("colour", "red")]), [0, 2]);
        assert_eq!(asked(&[("colour", "red"), ("Colour", "Blue")]), [0, 1, 2]);
        assert_eq!(asked(&[("colour", "red"), ("size", "s")]), [0]);
        assert_eq!(asked(&[("colour", "red"), ("height", "9")]), [] as [usize; 0]);
    }
}
