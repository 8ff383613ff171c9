//! Products in order: what a list of products is read from, whatever it is sorted and filtered by.
//!
//! A shelf is persistent: a changed product costs a few tree nodes, and whoever reads the shelf as
//! it was before keeps it. Lists without a filter walk one index and stop at the end of the page;
//! lists of one category, brand, tag or range of prices look at its members alone.

use super::full;
use super::levels::Levels;
use super::listed::{Group, Labels, Listed, fold};
use crate::domain::catalog::ProductStatus;
use crate::domain::grouping::Rule;
use crate::domain::{Money, ProductId, Timestamp};
use imbl::{HashMap, OrdSet};
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

/// Which products a list is of. All that is given must hold; text matches without regard to case,
/// prices are inclusive and those of the cheapest variant, in the currency of the bound.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    pub category: Option<String>,
    pub brand: Option<String>,
    pub tag: Option<String>,
    pub min_price: Option<Money>,
    pub max_price: Option<Money>,
    pub in_stock: Option<bool>,
    /// For staff: products that shoppers do not see, too.
    pub include_unpublished: bool,
    pub status: Option<ProductStatus>,
}

impl From<&Rule> for ProductFilter {
    fn from(rule: &Rule) -> ProductFilter {
        ProductFilter {
            category: rule.category.clone(),
            brand: rule.brand.clone(),
            tag: rule.tag.clone(),
            min_price: rule.min_price,
            max_price: rule.max_price,
            ..ProductFilter::default()
        }
    }
}

impl ProductFilter {
    /// Whether it names a group or a price.
    fn is_narrow(&self) -> bool {
        let groups = [&self.category, &self.brand, &self.tag];
        let has_price = self.min_price.is_some() || self.max_price.is_some();
        has_price || groups.iter().any(|group| group.is_some())
    }

    /// What is asked of each product by itself; groups are looked up in their indexes.
    fn holds_for(&self, listed: &Listed, levels: &Levels) -> bool {
        let price = listed.price;
        let comparable = |bound: Money| bound.currency() == price.currency();
        let min = |min: Money| comparable(min) && min.minor() <= price.minor();
        let max = |max: Money| comparable(max) && price.minor() <= max.minor();
        self.min_price.is_none_or(min)
            && self.max_price.is_none_or(max)
            && self.status.is_none_or(|status| listed.status == status)
            && self.in_stock.is_none_or(|wanted| listed.in_stock(levels) == wanted)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    Price,
    Name,
    CreatedAt,
    UpdatedAt,
    /// Units sold.
    Bestselling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// The order of a list. Ties are broken by product id, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub direction: Direction,
}

impl Sort {
    fn directed(self, order: Ordering) -> Ordering {
        match self.direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }

    /// By what products say of themselves: units sold are not among it.
    fn compare(self, a: &Listed, b: &Listed) -> Ordering {
        let order = match self.by {
            SortBy::Price => a.price.minor().cmp(&b.price.minor()),
            SortBy::Name => a.name.cmp(&b.name),
            SortBy::CreatedAt => a.created_at.cmp(&b.created_at),
            SortBy::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            SortBy::Bestselling => Ordering::Equal,
        };
        self.directed(order).then_with(|| a.id.cmp(&b.id))
    }
}

impl Default for Sort {
    fn default() -> Sort {
        Sort { by: SortBy::CreatedAt, direction: Direction::Descending }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub offset: usize,
    pub limit: usize,
}

#[derive(Clone, Default)]
pub(super) struct Shelf {
    by_created: OrdSet<Entry<Timestamp>>,
    by_updated: OrdSet<Entry<Timestamp>>,
    by_name: OrdSet<Entry<Arc<str>>>,
    by_price: OrdSet<Entry<i64>>,
    groups: HashMap<Group, OrdSet<Entry<()>>>,
}

/// A product's place in one index.
#[derive(Clone)]
struct Entry<K> {
    key: K,
    product: Arc<Listed>,
}

impl<K> Entry<K> {
    fn id(&self) -> &ProductId {
        &self.product.id
    }
}

impl<K: Ord> PartialEq for Entry<K> {
    fn eq(&self, other: &Entry<K>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K: Ord> Eq for Entry<K> {}

impl<K: Ord> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Entry<K>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> Ord for Entry<K> {
    fn cmp(&self, other: &Entry<K>) -> Ordering {
        self.key.cmp(&other.key).then_with(|| self.id().cmp(other.id()))
    }
}

/// The edge of a range of prices: before or behind every product of that price.
enum Edge {
    Before(i64),
    Behind(i64),
}

impl equivalent::Equivalent<Entry<i64>> for Edge {
    fn equivalent(&self, _: &Entry<i64>) -> bool {
        false
    }
}

impl equivalent::Comparable<Entry<i64>> for Edge {
    fn compare(&self, entry: &Entry<i64>) -> Ordering {
        match self {
            Edge::Before(price) => price.cmp(&entry.key).then(Ordering::Less),
            Edge::Behind(price) => price.cmp(&entry.key).then(Ordering::Greater),
        }
    }
}

impl Shelf {
    /// A shelf of all of these, which are in order of id and each of them once. Put in one by one, every
    /// index would be walked down for each product, and in no order.
    pub fn of(products: &[&(Arc<Listed>, Labels)]) -> Shelf {
        fn index<K: Ord + Clone>(
            products: &[&(Arc<Listed>, Labels)],
            key: impl Fn(&Listed) -> K,
        ) -> OrdSet<Entry<K>> {
            let entry = |(product, _): &&(Arc<Listed>, Labels)| Entry {
                key: key(product),
                product: product.clone(),
            };
            let mut entries: Vec<_> = products.iter().map(entry).collect();
            // By key alone, for what has the same one is in order of id already.
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            full::set(entries)
        }
        let mut members: std::collections::HashMap<&Group, Vec<Entry<()>>> = Default::default();
        for (product, labels) in products {
            for group in &labels.groups {
                let own = members.entry(group).or_default();
                // A product may name a tag twice.
                if own.last().is_none_or(|last| !Arc::ptr_eq(&last.product, product)) {
                    own.push(Entry { key: (), product: Arc::clone(product) });
                }
            }
        }
        Shelf {
            by_created: index(products, |product| product.created_at),
            by_updated: index(products, |product| product.updated_at),
            by_name: index(products, |product| Arc::clone(&product.name)),
            by_price: index(products, |product| product.price.minor()),
            groups: members
                .into_iter()
                .map(|(group, own)| (group.clone(), full::set(own)))
                .collect(),
        }
    }

    fn len(&self) -> usize {
        self.by_created.len()
    }

    pub fn in_category(&self, name: &str) -> usize {
        self.groups.get(&Group::Category(fold(name))).map_or(0, OrdSet::len)
    }

    /// The products of a category, in order of id.
    pub fn members_of(&self, category: &str) -> impl Iterator<Item = &Arc<Listed>> {
        let members = self.groups.get(&Group::Category(fold(category)));
        members.into_iter().flatten().map(|entry| &entry.product)
    }

    pub fn insert(&mut self, product: &Arc<Listed>, labels: Labels) {
        fn entry<K>(key: K, product: &Arc<Listed>) -> Entry<K> {
            Entry { key, product: Arc::clone(product) }
        }
        self.by_created.insert(entry(product.created_at, product));
        self.by_updated.insert(entry(product.updated_at, product));
        self.by_name.insert(entry(Arc::clone(&product.name), product));
        self.by_price.insert(entry(product.price.minor(), product));
        for group in labels.groups {
            self.groups.entry(group).or_default().insert(entry((), product));
        }
    }

    pub fn remove(&mut self, product: &Arc<Listed>, labels: &Labels) {
        fn entry<K>(key: K, product: &Arc<Listed>) -> Entry<K> {
            Entry { key, product: Arc::clone(product) }
        }
        self.by_created.remove(&entry(product.created_at, product));
        self.by_updated.remove(&entry(product.updated_at, product));
        self.by_name.remove(&entry(Arc::clone(&product.name), product));
        self.by_price.remove(&entry(product.price.minor(), product));
        for group in &labels.groups {
            let Some(members) = self.groups.get_mut(group) else { continue };
            members.remove(&entry((), product));
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }

    /// The members of every group that is asked for, the smallest group first; `None` where one of
    /// them has none.
    fn groups_of<'a>(&'a self, filter: &ProductFilter) -> Option<Vec<&'a OrdSet<Entry<()>>>> {
        let wanted = [
            filter.category.as_deref().map(|text| Group::Category(fold(text))),
            filter.brand.as_deref().map(|text| Group::Brand(fold(text))),
            filter.tag.as_deref().map(|text| Group::Tag(fold(text))),
        ];
        let mut groups = Vec::new();
        for group in wanted.into_iter().flatten() {
            groups.push(self.groups.get(&group)?);
        }
        groups.sort_by_key(|members| members.len());
        Some(groups)
    }

    /// The whole shelf in order, where there is an index of that order.
    fn walk(&self, sort: Sort) -> Option<Walk<'_>> {
        Some(match sort.by {
            SortBy::CreatedAt => in_order(&self.by_created, sort.direction),
            SortBy::UpdatedAt => in_order(&self.by_updated, sort.direction),
            SortBy::Name => in_order(&self.by_name, sort.direction),
            SortBy::Price => in_order(&self.by_price, sort.direction),
            SortBy::Bestselling => return None,
        })
    }

    /// The members of all groups that the filter names, or else those of its range of prices.
    fn narrowed<'a>(&'a self, filter: &ProductFilter) -> Walk<'a> {
        let Some(groups) = self.groups_of(filter) else { return Box::new(std::iter::empty()) };
        match groups.split_first() {
            Some((narrowest, others)) => {
                let others = others.to_vec();
                let is_in_all =
                    move |entry: &&Entry<()>| others.iter().all(|other| other.contains(*entry));
                Box::new(narrowest.iter().filter(is_in_all).map(|entry| &entry.product))
            }
            None => Box::new(self.between(filter).map(|entry| &entry.product)),
        }
    }

    fn between<'a>(
        &'a self,
        filter: &ProductFilter,
    ) -> impl Iterator<Item = &'a Entry<i64>> + use<'a> {
        let from = filter.min_price.map_or(i64::MIN, Money::minor);
        let to = filter.max_price.map_or(i64::MAX, Money::minor).max(from);
        self.by_price
            .range((Bound::Included(Edge::Before(from)), Bound::Included(Edge::Behind(to))))
    }
}

/// Products, one after the other.
type Walk<'a> = Box<dyn Iterator<Item = &'a Arc<Listed>> + 'a>;

/// How many products of some shelves the filter holds for, and the page of them.
pub(super) fn list(
    shelves: &[&Shelf],
    filter: &ProductFilter,
    sort: Sort,
    page: Page,
    levels: &Levels,
) -> (usize, Vec<Arc<Listed>>) {
    if !filter.is_narrow()
        && let Some(walk) = merged(shelves, sort)
    {
        if filter.in_stock.is_none() && filter.status.is_none() {
            let total = shelves.iter().map(|shelf| shelf.len()).sum();
            return (total, walk.skip(page.offset).take(page.limit).cloned().collect());
        }
        return pick(walk.filter(|product| filter.holds_for(product, levels)), page);
    }
    let candidates = shelves.iter().flat_map(|shelf| shelf.narrowed(filter));
    let found = candidates.filter(|product| filter.holds_for(product, levels));
    sorted(found, sort, page, levels)
}

/// All shelves in one order, where each has an index of it.
fn merged<'a>(shelves: &[&'a Shelf], sort: Sort) -> Option<Walk<'a>> {
    let walks = shelves.iter().map(|shelf| shelf.walk(sort));
    let mut walks = walks.collect::<Option<Vec<_>>>()?;
    if walks.len() == 1 {
        return walks.pop();
    }
    let mut walks: Vec<_> = walks.into_iter().map(Iterator::peekable).collect();
    let next = move || {
        let heads = walks.iter_mut().enumerate();
        let heads = heads.filter_map(|(n, walk)| Some((n, *walk.peek()?)));
        let first = heads.min_by(|(_, one), (_, other)| sort.compare(one, other));
        let (n, _) = first?;
        walks[n].next()
    };
    Some(Box::new(std::iter::from_fn(next)))
}

fn in_order<K: Ord + Clone>(index: &OrdSet<Entry<K>>, direction: Direction) -> Walk<'_> {
    match direction {
        Direction::Ascending => Box::new(index.iter().map(|entry| &entry.product)),
        Direction::Descending => {
            let backwards = index.iter().rev();
            Box::new(Descending { backwards, run: Vec::new(), ahead: None })
        }
    }
}

/// An index from its end, with what has the same key in order of id all the same.
struct Descending<'a, K, I> {
    backwards: I,
    /// Entries of one key, the next one last.
    run: Vec<&'a Entry<K>>,
    ahead: Option<&'a Entry<K>>,
}

impl<'a, K: Ord, I: Iterator<Item = &'a Entry<K>>> Iterator for Descending<'a, K, I> {
    type Item = &'a Arc<Listed>;

    fn next(&mut self) -> Option<&'a Arc<Listed>> {
        if self.run.is_empty() {
            let first = self.ahead.take().or_else(|| self.backwards.next())?;
            self.run.push(first);
            for entry in self.backwards.by_ref() {
                if entry.key != first.key {
                    self.ahead = Some(entry);
                    break;
                }
                self.run.push(entry);
            }
        }
        self.run.pop().map(|entry| &entry.product)
    }
}

/// Counts all and keeps the page.
fn pick<'a>(found: impl Iterator<Item = &'a Arc<Listed>>, page: Page) -> (usize, Vec<Arc<Listed>>) {
    let mut total = 0;
    let mut kept = Vec::with_capacity(page.limit.min(128));
    for product in found {
        if total >= page.offset && kept.len() < page.limit {
            kept.push(Arc::clone(product));
        }
        total += 1;
    }
    (total, kept)
}

/// Puts what was found in order, no further than to the end of the page.
pub(super) fn sorted<'a>(
    found: impl Iterator<Item = &'a Arc<Listed>>,
    sort: Sort,
    page: Page,
    levels: &Levels,
) -> (usize, Vec<Arc<Listed>>) {
    let sold = |product: &Listed| match sort.by {
        SortBy::Bestselling => product.sold(levels),
        SortBy::Price | SortBy::Name | SortBy::CreatedAt | SortBy::UpdatedAt => 0,
    };
    let compare = |(sold_a, a): &(i64, &Arc<Listed>), (sold_b, b): &(i64, &Arc<Listed>)| {
        sort.directed(sold_a.cmp(sold_b)).then_with(|| sort.compare(a, b))
    };
    let mut found: Vec<_> = found.map(|product| (sold(product), product)).collect();
    let total = found.len();
    let end = page.offset.saturating_add(page.limit);
    if end < total {
        found.select_nth_unstable_by(end, compare);
        found.truncate(end);
    }
    found.sort_unstable_by(compare);
    let page = found.into_iter().skip(page.offset).map(|(_, product)| Arc::clone(product));
    (total, page.collect())
}
