//! The catalog in memory: every product, category and collection, by each name that it has.
//!
//! A [`Catalog`] never changes: the committer's thread makes the next one out of it, sharing all
//! that stays, and publishes it in a [`CatalogCell`]. Whoever holds one sees one moment throughout.

use super::levels::Levels;
use super::listed::{Labels, Listed, Priced, fold};
use super::names::Names;
use super::shelf::{self, Page, ProductFilter, Shelf, Sort};
use crate::domain::cart::Offer;
use crate::domain::catalog::Product;
use crate::domain::grouping::{Category, Collection, Members};
use crate::domain::{Money, ProductId, Sku, Timestamp};
use arc_swap::ArcSwap;
use imbl::OrdMap;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

/// Where the newest catalog is found.
#[derive(Default)]
pub struct CatalogCell(ArcSwap<Catalog>);

impl CatalogCell {
    /// The catalog as of the last durable change.
    pub fn load(&self) -> Arc<Catalog> {
        self.0.load_full()
    }

    /// Publishes what `change` makes of it. One thread alone may call this: the committer's.
    pub(super) fn update(&self, change: impl FnOnce(&mut Catalog)) {
        let mut next = Catalog::clone(&self.0.load());
        change(&mut next);
        self.0.store(Arc::new(next));
    }
}

/// A category or collection with the version of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub version: u64,
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A category in the tree, with what is below it.
#[derive(Clone, Debug)]
pub struct CategoryNode {
    pub category: Arc<Versioned<Category>>,
    /// Public products of this category itself.
    pub products: usize,
    pub children: Vec<CategoryNode>,
}

#[derive(Clone, Default)]
pub struct Catalog {
    products: Names<ProductId, Arc<Listed>>,
    handles: Names<Arc<str>, Arc<Listed>>,
    /// Who had a handle before, and until when: in order of that.
    former: Names<Arc<str>, Arc<[(Timestamp, ProductId)]>>,
    /// The product and which of its variants it is.
    skus: Names<Sku, (Arc<Listed>, u32)>,
    public: Shelf,
    /// What shoppers do not see.
    hidden: Shelf,
    categories: OrdMap<Arc<str>, Arc<Versioned<Category>>>,
    /// Folded name to handle.
    category_names: imbl::HashMap<Arc<str>, Arc<str>>,
    collections: OrdMap<Arc<str>, Arc<Versioned<Collection>>>,
}

impl Catalog {
    /// What a cart takes over of a variant; `None` unless it is for sale.
    pub fn offer(&self, sku: &Sku) -> Option<Offer> {
        let (product, place) = self.skus.get(sku)?;
        if !product.is_public() {
            return None;
        }
        let place = *place as usize;
        let (name, title) = product.names(place)?;
        Some(Offer {
            sku: sku.clone(),
            product_id: product.id.clone(),
            name: name.into(),
            title: title.into(),
            unit_price: product.variants.get(place)?.price,
        })
    }

    /// What a variant costs; `None` unless it is for sale.
    pub fn price(&self, sku: &Sku) -> Option<Money> {
        let (product, variant) = self.variant(sku)?;
        product.is_public().then_some(variant.price)
    }

    /// The variant with this SKU and its product, whether public or not.
    pub fn variant(&self, sku: &Sku) -> Option<(&Arc<Listed>, &Priced)> {
        let (product, place) = self.skus.get(sku)?;
        Some((product, product.variants.get(*place as usize)?))
    }

    /// The SKU of every variant, in no order.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.skus.keys()
    }

    pub fn product(&self, id: &ProductId) -> Option<&Arc<Listed>> {
        self.products.get(id)
    }

    pub fn by_handle(&self, handle: &str) -> Option<&Arc<Listed>> {
        self.handles.get(handle)
    }

    /// The handle under which shoppers find today what had this one before: of several products, the
    /// one that had it last. `None` where a product has it now.
    ///
    /// Handles of categories and collections never change, so nothing of them moves.
    pub fn moved(&self, handle: &str) -> Option<String> {
        if self.handles.get(handle).is_some() {
            return None;
        }
        let had = self.former.get(handle)?.iter().rev();
        let mut public = had.filter_map(|(_, id)| self.product(id)).filter(|own| own.is_public());
        public.next().map(|listed| listed.product().content.handle)
    }

    /// How many products there are, whether public or not.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many products the filter holds for, and the page of them.
    pub fn list(
        &self,
        filter: &ProductFilter,
        sort: Sort,
        page: Page,
        levels: &Levels,
    ) -> (usize, Vec<Arc<Listed>>) {
        let shelves = [&self.public, &self.hidden];
        let shelves = if filter.include_unpublished { &shelves[..] } else { &shelves[..1] };
        shelf::list(shelves, filter, sort, page, levels)
    }

    /// Every product, in order of id, whether public or not.
    pub fn products(&self) -> Vec<Arc<Listed>> {
        let mut products: Vec<_> = self.products.values().cloned().collect();
        products.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        products
    }

    pub fn category(&self, handle: &str) -> Option<&Arc<Versioned<Category>>> {
        self.categories.get(handle)
    }

    /// The category that products call by this name.
    pub fn category_named(&self, name: &str) -> Option<&Arc<Versioned<Category>>> {
        self.categories.get(self.category_names.get(&fold(name))?)
    }

    /// Every category, in order of handle.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &Arc<Versioned<Category>>> {
        self.categories.values()
    }

    /// Every product of a category, in order of id, whether public or not.
    pub fn in_category(&self, name: &str) -> Vec<Arc<Listed>> {
        let shelves = [&self.public, &self.hidden];
        let members = shelves.iter().flat_map(|shelf| shelf.members_of(name));
        let mut members: Vec<_> = members.cloned().collect();
        members.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        members
    }

    /// How many public products are in the category of this name itself.
    pub fn public_in_category(&self, name: &str) -> usize {
        self.public.in_category(name)
    }

    /// A page of the public products of some categories, each named once.
    pub fn in_categories<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        sort: Sort,
        page: Page,
        levels: &Levels,
    ) -> (usize, Vec<Arc<Listed>>) {
        let members = names.into_iter().flat_map(|name| self.public.members_of(name));
        shelf::sorted(members, sort, page, levels)
    }

    /// The categories as a tree, those of one level by name.
    pub fn category_tree(&self) -> Vec<CategoryNode> {
        let mut below: std::collections::HashMap<Option<&str>, Vec<&Arc<Versioned<Category>>>> =
            std::collections::HashMap::new();
        for category in self.categories.values() {
            below.entry(category.parent.as_deref()).or_default().push(category);
        }
        for level in below.values_mut() {
            level.sort_by_cached_key(|category| (fold(&category.name), category.handle.clone()));
        }
        self.nodes(None, &mut below)
    }

    /// Takes each level out of `below`, so that no planted circle can go round for ever.
    fn nodes<'a>(
        &'a self,
        parent: Option<&'a str>,
        below: &mut std::collections::HashMap<Option<&'a str>, Vec<&'a Arc<Versioned<Category>>>>,
    ) -> Vec<CategoryNode> {
        let level = below.remove(&parent).unwrap_or_default();
        let node = |category: &'a Arc<Versioned<Category>>| CategoryNode {
            category: Arc::clone(category),
            products: self.public.in_category(&category.name),
            children: self.nodes(Some(&category.handle), below),
        };
        level.into_iter().map(node).collect()
    }

    pub fn collection(&self, handle: &str) -> Option<&Arc<Versioned<Collection>>> {
        self.collections.get(handle)
    }

    /// Every collection, in order of handle.
    pub fn collections(&self) -> impl ExactSizeIterator<Item = &Arc<Versioned<Collection>>> {
        self.collections.values()
    }

    /// A page of the public products of a collection: as they were put by hand, or those of the
    /// rule with the newest first.
    pub fn members(
        &self,
        collection: &Collection,
        page: Page,
        levels: &Levels,
    ) -> (usize, Vec<Arc<Listed>>) {
        match &collection.members {
            Members::ByHand(ids) => {
                let all = ids.iter().filter_map(|id| self.product(id));
                let public: Vec<_> = all.filter(|product| product.is_public()).collect();
                let total = public.len();
                let page = public.into_iter().skip(page.offset).take(page.limit);
                (total, page.cloned().collect())
            }
            Members::ByRule(rule) => {
                let filter = ProductFilter::from(rule);
                shelf::list(&[&self.public], &filter, Sort::default(), page, levels)
            }
        }
    }

    /// As [`Catalog::members`], in another order.
    pub fn members_in_order(
        &self,
        collection: &Collection,
        sort: Sort,
        page: Page,
        levels: &Levels,
    ) -> (usize, Vec<Arc<Listed>>) {
        match &collection.members {
            Members::ByHand(ids) => {
                let all = ids.iter().filter_map(|id| self.product(id));
                shelf::sorted(all.filter(|own| own.is_public()), sort, page, levels)
            }
            Members::ByRule(rule) => {
                shelf::list(&[&self.public], &ProductFilter::from(rule), sort, page, levels)
            }
        }
    }

    /// Puts a product's row in place of the one before.
    pub(in crate::actors) fn put_product(
        &mut self,
        product: &Product,
        version: u64,
    ) -> Arc<Listed> {
        self.remove_product(&product.id);
        let (listed, labels) = (Arc::new(Listed::new(product, version)), Labels::of(product));
        self.name(&listed, &labels);
        self.shelf_of(&listed).insert(&listed, labels);
        listed
    }

    /// Fills an empty catalog with all products there are, in order of id.
    pub(super) fn fill(&mut self, products: &[(Arc<Listed>, Labels)]) {
        let (public, hidden): (Vec<_>, Vec<_>) =
            products.iter().partition(|(listed, _)| listed.is_public());
        thread::scope(|scope| {
            let shelves = scope.spawn(|| (Shelf::of(&public), Shelf::of(&hidden)));
            for (listed, labels) in products {
                self.name(listed, labels);
            }
            let shelves = shelves.join();
            (self.public, self.hidden) = shelves.unwrap_or_else(|panic| resume_unwind(panic));
        });
    }

    /// Has a product found by each name that it has.
    fn name(&mut self, listed: &Arc<Listed>, labels: &Labels) {
        self.products.insert(listed.id.clone(), Arc::clone(listed));
        self.handles.insert(Arc::clone(&labels.handle), Arc::clone(listed));
        for (handle, left_at) in &labels.former {
            let had = self.former.get(handle).map_or(&[][..], |had| &had[..]);
            let own = (*left_at, listed.id.clone());
            let place = had.partition_point(|other| *other < own);
            let had = [&had[..place], &[own], &had[place..]].concat();
            self.former.insert(Arc::clone(handle), had.into());
        }
        for (place, variant) in listed.variants.iter().enumerate() {
            self.skus.insert(variant.sku.clone(), (Arc::clone(listed), place as u32));
        }
    }

    fn shelf_of(&mut self, listed: &Listed) -> &mut Shelf {
        if listed.is_public() { &mut self.public } else { &mut self.hidden }
    }

    pub(super) fn remove_product(&mut self, id: &ProductId) {
        let Some(listed) = self.products.remove(id) else { return };
        // In one batch, another product may have taken over its handle or a SKU already.
        let labels = Labels::of(&listed.product());
        if self.handles.get(&labels.handle).is_some_and(|owner| owner.id == *id) {
            self.handles.remove(&labels.handle);
        }
        for (handle, _) in &labels.former {
            let had = self.former.remove(handle);
            let others: Vec<_> = had
                .iter()
                .flat_map(|had| had.iter())
                .filter(|(_, own)| own != id)
                .cloned()
                .collect();
            if !others.is_empty() {
                self.former.insert(Arc::clone(handle), others.into());
            }
        }
        for variant in &listed.variants {
            if self.skus.get(&variant.sku).is_some_and(|(owner, _)| owner.id == *id) {
                self.skus.remove(&variant.sku);
            }
        }
        self.shelf_of(&listed).remove(&listed, &labels);
    }

    pub(in crate::actors) fn put_category(&mut self, category: Category, version: u64) {
        self.remove_category(&category.handle);
        let handle: Arc<str> = category.handle.as_str().into();
        self.category_names.insert(fold(&category.name), Arc::clone(&handle));
        self.categories.insert(handle, Arc::new(Versioned { value: category, version }));
    }

    pub(in crate::actors) fn remove_category(&mut self, handle: &str) {
        let Some(category) = self.categories.remove(handle) else { return };
        let name = fold(&category.name);
        if self.category_names.get(&name).is_some_and(|owner| **owner == *handle) {
            self.category_names.remove(&name);
        }
    }

    pub(in crate::actors) fn put_collection(&mut self, collection: Collection, version: u64) {
        let handle = collection.handle.as_str().into();
        self.collections.insert(handle, Arc::new(Versioned { value: collection, version }));
    }

    pub(in crate::actors) fn remove_collection(&mut self, handle: &str) {
        self.collections.remove(handle);
    }
}
