//! Decisions about products: the catalog as it will be, and the batch that makes it so.
//!
//! A draft starts from the committed catalog and takes in each decision as it is made, so that a
//! later one in the same batch sees the names that an earlier one has taken. Dropping a draft
//! drops the decisions; nothing else has happened.

use super::rejection::CatalogRejection;
use crate::actors::clock::Ids;
use crate::actors::reads::{Catalog, Levels, Listed};
use crate::domain::catalog::{
    Fault, Product, ProductCommand, ProductContent, ProductEvent, ProductRejection, handle_from,
};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::{Category, GroupingEvent};
use crate::domain::stock::{Change, Level, Movement, StockEvent};
use crate::domain::{ProductId, Sku, Timestamp};
use crate::imports;
use crate::storage::Batch;
use std::collections::HashMap;
use std::sync::Arc;

/// The most bytes of text in one product, all of it counted; far above any product, and far below
/// what a record can hold.
const MOST_BYTES: usize = 1 << 20;

/// What a product's writer says about the stock of one of its SKUs; `None` leaves it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockInput {
    pub sku: Sku,
    /// Units available to sell.
    pub available: Option<u32>,
    pub backorder: Option<bool>,
    /// `Some(None)` takes the mark away.
    pub low_stock_at: Option<Option<u32>>,
}

/// A product to be made.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// The id that it brings along, if any.
    pub id: Option<ProductId>,
    /// Without a handle, one is made from the name, and numbered until it is free.
    pub content: ProductContent,
    /// The SKU of the one variant is made from the handle, in place of the one that stands there.
    pub sku_from_handle: bool,
    pub stock: Vec<StockInput>,
}

/// A product with new content.
#[derive(Clone, Debug)]
pub struct ChangedProduct {
    pub id: ProductId,
    /// The version that an `If-Match` names.
    pub expected: Option<u64>,
    /// Without a handle, it keeps the one that it has.
    pub content: ProductContent,
    pub stock: Vec<StockInput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    Archived,
    Unchanged,
}

/// A product after a command.
#[derive(Clone, Debug)]
pub struct ProductOutcome {
    pub product: Arc<Listed>,
    pub effect: Effect,
    /// One for each variant: what the books say now, or will say of a new SKU.
    pub levels: Vec<Level>,
    /// What the asker still has to ask of SKUs that have an actor of their own.
    pub set_stock: Vec<StockInput>,
}

/// Decisions that are not durable yet.
pub(super) struct Draft<'a> {
    pub catalog: Catalog,
    pub batch: Batch,
    pub now: Timestamp,
    levels: &'a Levels,
    ids: &'a Ids,
    /// Levels of SKUs that this draft books in.
    booked: HashMap<Sku, Level>,
}

impl<'a> Draft<'a> {
    pub fn new(catalog: &Catalog, levels: &'a Levels, ids: &'a Ids, now: Timestamp) -> Draft<'a> {
        let (catalog, batch) = (catalog.clone(), Batch::new());
        Draft { catalog, batch, now, levels, ids, booked: HashMap::new() }
    }

    pub fn create(&mut self, new: NewProduct) -> Result<ProductOutcome, CatalogRejection> {
        let NewProduct { id, mut content, sku_from_handle, mut stock } = new;
        let id = id.unwrap_or_else(|| self.ids.product());
        let current = self.catalog.product(&id).cloned();
        if current.is_some() {
            return Err(ProductRejection::Exists.into());
        }
        if content.handle.is_empty() {
            content.handle = self.free_handle(&content.name);
        }
        if sku_from_handle && let [variant] = &mut *content.variants {
            let sku = self.free_sku(&content.handle);
            for own in stock.iter_mut().filter(|own| own.sku == variant.sku) {
                own.sku = sku.clone();
            }
            variant.sku = sku;
        }
        self.save(None, id, content, &stock)
    }

    pub fn update(&mut self, changed: ChangedProduct) -> Result<ProductOutcome, CatalogRejection> {
        let ChangedProduct { id, expected, mut content, stock } = changed;
        let current = self.current(&id, expected)?;
        if content.handle.is_empty() {
            content.handle = current.product().content.handle;
        }
        self.save(Some(current), id, content, &stock)
    }

    pub fn archive(
        &mut self,
        id: &ProductId,
        expected: Option<u64>,
    ) -> Result<ProductOutcome, CatalogRejection> {
        let current = self.current(id, expected)?;
        let events = Product::decide(Some(&current.product()), ProductCommand::Archive, self.now)?;
        let effect = if events.is_empty() { Effect::Unchanged } else { Effect::Archived };
        let product = self.take_in(Some(current), id, events);
        Ok(self.outcome(product, effect, &[]))
    }

    /// Gives every product of a category its new name; they are in the batch of the renaming.
    pub fn move_products(&mut self, from: &str, to: &str) -> Result<(), CatalogRejection> {
        for listed in self.catalog.in_category(from) {
            let product = listed.product();
            let content = ProductContent { category: to.to_owned(), ..product.content.clone() };
            let command = ProductCommand::Update(Box::new(content));
            let events = Product::decide(Some(&product), command, self.now)?;
            let id = listed.id.clone();
            self.take_in(Some(listed), &id, events);
        }
        Ok(())
    }

    fn current(
        &self,
        id: &ProductId,
        expected: Option<u64>,
    ) -> Result<Arc<Listed>, CatalogRejection> {
        let current = self.catalog.product(id).cloned().ok_or(ProductRejection::Unknown)?;
        check_version(expected, current.version)?;
        Ok(current)
    }

    fn save(
        &mut self,
        current: Option<Arc<Listed>>,
        id: ProductId,
        mut content: ProductContent,
        stock: &[StockInput],
    ) -> Result<ProductOutcome, CatalogRejection> {
        content.description = imports::sanitize(&content.description);
        content.category = content.category.trim().to_owned();
        if let Some(category) = self.catalog.category_named(&content.category) {
            content.category.clone_from(&category.name);
        }
        let effect = if current.is_some() { Effect::Updated } else { Effect::Created };
        check_size(&content)?;
        let category = content.category.clone();
        let handle = content.handle.clone();
        let skus: Vec<Sku> = content.variants.iter().map(|own| own.sku.clone()).collect();
        let command = match current {
            Some(_) => ProductCommand::Update(Box::new(content)),
            None => ProductCommand::Create(Box::new(content)),
        };
        let before = current.as_ref().map(|listed| listed.product());
        let events = Product::decide(before.as_ref(), command, self.now)?;
        let effect = if events.is_empty() { Effect::Unchanged } else { effect };
        if let Some(owner) = self.catalog.by_handle(&handle).filter(|owner| owner.id != id) {
            return Err(CatalogRejection::HandleTaken { handle, by: owner.id.clone() });
        }
        for sku in &skus {
            if let Some((owner, _)) = self.catalog.variant(sku).filter(|own| own.0.id != id) {
                return Err(CatalogRejection::SkuTaken { sku: sku.clone(), by: owner.id.clone() });
            }
        }
        self.make_category(&category);
        let product = self.take_in(current, &id, events);
        Ok(self.outcome(product, effect, stock))
    }

    /// Puts what was decided into the batch and the draft.
    fn take_in(
        &mut self,
        current: Option<Arc<Listed>>,
        id: &ProductId,
        events: Vec<ProductEvent>,
    ) -> Arc<Listed> {
        if events.is_empty()
            && let Some(current) = current
        {
            return current;
        }
        let version = current.as_ref().map_or(0, |listed| listed.version);
        let before = current.map(|listed| listed.product());
        let after = events.iter().fold(before, |product, event| Product::apply(product, id, event));
        let after = after.expect("the first event makes the product");
        self.batch.put(EntityKey::Product(id.clone()), version, &after);
        for event in events {
            self.batch.fact(self.now, Fact::Product(id.clone(), event), vec![]);
        }
        self.catalog.put_product(&after, version + 1)
    }

    /// Books new SKUs in, and says what is left to do for the others.
    fn outcome(
        &mut self,
        product: Arc<Listed>,
        effect: Effect,
        stock: &[StockInput],
    ) -> ProductOutcome {
        let mut outcome =
            ProductOutcome { product, effect, levels: Vec::new(), set_stock: Vec::new() };
        for variant in &outcome.product.variants {
            let sku = &variant.sku;
            let input = stock.iter().find(|input| input.sku == *sku);
            let known = self.booked.get(sku).copied();
            let level = match known.or_else(|| Some(self.levels.row(sku)?.1)) {
                Some(level) => {
                    outcome.set_stock.extend(input.and_then(|input| input.differing(&level)));
                    level
                }
                None => self.book_in(sku, input),
            };
            outcome.levels.push(level);
        }
        outcome
    }

    /// The first entries of a SKU's ledger. It has no actor yet that could make them.
    fn book_in(&mut self, sku: &Sku, input: Option<&StockInput>) -> Level {
        let configured = StockEvent::Configured {
            backorder: input.and_then(|input| input.backorder).unwrap_or(false),
            low_stock_at: input.and_then(|input| input.low_stock_at).flatten(),
        };
        let mut level = Level::default();
        level.apply(&configured);
        self.batch.fact(self.now, Fact::Stock(sku.clone(), configured), vec![]);
        let delta = i64::from(input.and_then(|input| input.available).unwrap_or(0));
        let change = Change::Adjust { delta };
        if delta > 0
            && let Ok(received) = level.after(&change)
        {
            level = received;
            let event = StockEvent::Adjusted { delta, reason: "received".to_owned(), note: None };
            let movement = Movement { sku: sku.clone(), change };
            self.batch.fact(self.now, Fact::Stock(sku.clone(), event), vec![movement]);
        }
        self.booked.insert(sku.clone(), level);
        level
    }

    /// Makes the category that a product names, unless it is there or none is named.
    fn make_category(&mut self, name: &str) {
        if name.is_empty() || self.catalog.category_named(name).is_some() {
            return;
        }
        let wanted = handle_from(name);
        let handle = numbered(&wanted, |handle| self.catalog.category(handle).is_none());
        let category = Category {
            handle,
            name: name.to_owned(),
            description: String::new(),
            parent: None,
            created_at: self.now,
            updated_at: self.now,
        };
        self.put_category(category, 0);
    }

    /// Writes a category over its version `expected`.
    pub fn put_category(&mut self, category: Category, expected: u64) {
        self.batch.put(EntityKey::Category(category.handle.clone()), expected, &category);
        let fact = Fact::Grouping(GroupingEvent::CategorySaved(category.clone()));
        self.batch.fact(self.now, fact, vec![]);
        self.catalog.put_category(category, expected + 1);
    }

    fn free_handle(&self, name: &str) -> String {
        numbered(&handle_from(name), |handle| self.catalog.by_handle(handle).is_none())
    }

    fn free_sku(&self, handle: &str) -> Sku {
        // Room for a number, within the 64 characters of a SKU.
        let short: String = handle.chars().take(56).collect();
        let sku = |text: &str| text.parse::<Sku>().ok();
        let free = |text: &str| {
            sku(text).is_some_and(|sku| {
                // One without a product may still have stock, which must not turn up elsewhere.
                self.catalog.variant(&sku).is_none() && self.levels.row(&sku).is_none()
            })
        };
        let wanted = short.trim_end_matches('-');
        let wanted = if sku(wanted).is_some() { wanted } else { "item" };
        sku(&numbered(wanted, free)).expect("only what parses is free")
    }
}

impl StockInput {
    /// What of it is not so already; `None` where all of it is.
    fn differing(&self, level: &Level) -> Option<StockInput> {
        let new = StockInput {
            sku: self.sku.clone(),
            available: self.available.filter(|&units| i64::from(units) != level.available()),
            backorder: self.backorder.filter(|&on| on != level.backorder),
            low_stock_at: self.low_stock_at.filter(|&mark| mark != level.low_stock_at),
        };
        let differs =
            new.available.is_some() || new.backorder.is_some() || new.low_stock_at.is_some();
        differs.then_some(new)
    }
}

/// `wanted`, or with the first number from 2 that makes it free.
pub(super) fn numbered(wanted: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbers = (2u64..).map(|n| format!("{wanted}-{n}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbers);
    all.find(|name| is_free(name)).expect("names do not run out")
}

/// What an `If-Match` asks.
pub(super) fn check_version(expected: Option<u64>, found: u64) -> Result<(), CatalogRejection> {
    match expected.filter(|&expected| expected != found) {
        Some(expected) => Err(CatalogRejection::Changed { expected, found }),
        None => Ok(()),
    }
}

fn check_size(content: &ProductContent) -> Result<(), ProductRejection> {
    let pairs = |pairs: &[(String, String)]| -> usize {
        pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    let texts = |texts: &[String]| -> usize { texts.iter().map(String::len).sum() };
    let variants = content.variants.iter().map(|variant| {
        let code = variant.barcode.as_ref().map_or(0, String::len);
        let image = variant.image.as_ref().map_or(0, String::len);
        variant.title.len() + pairs(&variant.options) + code + image
    });
    let images = content.images.iter().map(|image| image.url.len() + image.alt.len());
    let options = content.options.iter().map(|option| option.name.len() + texts(&option.values));
    let sum = content.name.len()
        + content.description.len()
        + content.category.len()
        + content.brand.len()
        + texts(&content.tags)
        + pairs(&content.attributes)
        + variants.chain(images).chain(options).sum::<usize>();
    if sum <= MOST_BYTES {
        return Ok(());
    }
    let detail = format!("the product has {sum} bytes of text; {MOST_BYTES} are taken");
    Err(ProductRejection::Invalid(vec![Fault { pointer: String::new(), detail }]))
}
