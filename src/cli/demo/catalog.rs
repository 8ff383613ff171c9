//! The sample catalog: read from the binary, and brought into a shop as if over the past year.

use crate::actors::catalog::{CategoryInput, CollectionInput, Saving};
use crate::actors::clock::{Clock, SystemClock, TravelClock};
use crate::domain::catalog::{Image, ProductContent, ProductOption, ProductStatus, Variant};
use crate::domain::grouping::{Members, Rule};
use crate::domain::stock::StockCommand;
use crate::domain::{Currency, Money, ProductId, Sku, Span};
use crate::imports::{ImportedProduct, ImportedStock};
use crate::shop::Shop;
use anyhow::{Context, anyhow};
use futures_util::future::join_all;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

const FILE: &str = include_str!("../../../data/catalog.json");

#[derive(Deserialize)]
pub(super) struct Catalog {
    pub shop: About,
    categories: Vec<Category>,
    collections: Vec<Collection>,
    pub products: Vec<Product>,
}

#[derive(Deserialize)]
pub(super) struct About {
    pub name: String,
    pub tagline: String,
    pub currency: String,
}

#[derive(Deserialize)]
struct Category {
    name: String,
    description: String,
    parent: Option<String>,
}

#[derive(Deserialize)]
struct Collection {
    handle: String,
    name: String,
    description: String,
    #[serde(default)]
    products: Vec<String>,
    rule: Option<Tagged>,
}

#[derive(Deserialize)]
struct Tagged {
    tag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Product {
    handle: String,
    name: String,
    description: String,
    category: String,
    brand: String,
    tags: Vec<String>,
    attributes: BTreeMap<String, String>,
    options: Vec<Choice>,
    pub variants: Vec<Choosable>,
    pictures: Vec<Picture>,
    pub days_old: i64,
}

#[derive(Deserialize)]
struct Choice {
    name: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choosable {
    pub sku: String,
    title: String,
    options: BTreeMap<String, String>,
    price: String,
    compare_at_price: Option<String>,
    pub stock: u32,
    barcode: Option<String>,
    weight_grams: Option<u32>,
    low_stock_at: Option<u32>,
}

#[derive(Deserialize)]
struct Picture {
    file: String,
    alt: String,
}

pub(super) fn read() -> anyhow::Result<Catalog> {
    serde_json::from_str(FILE).context("the sample catalog cannot be read")
}

impl Catalog {
    /// How many days ago the first product came.
    pub fn oldest(&self) -> i64 {
        self.products.iter().map(|product| product.days_old).max().unwrap_or(0)
    }
}

/// Brings categories, products and collections in, oldest first. `sold` are the units that the past
/// will sell; they are received on top, so that the stock of the catalog is what is left today.
pub(super) async fn fill(
    shop: &Shop,
    catalog: &Catalog,
    clock: &TravelClock,
    sold: &HashMap<String, u32>,
) -> anyhow::Result<()> {
    let currency = Currency::from_code(&catalog.shop.currency).context("the sample's currency")?;
    for category in &catalog.categories {
        let parent = category.parent.as_deref().map(crate::domain::catalog::handle_from);
        let input = CategoryInput {
            handle: String::new(),
            name: category.name.clone(),
            description: category.description.clone(),
            parent,
        };
        let saved = shop.catalog.save_category(Saving::New, input, None).await;
        saved.map_err(|refusal| anyhow!("category {}: {refusal}", category.name))?;
    }
    let mut by_age: BTreeMap<i64, Vec<&Product>> = BTreeMap::new();
    for product in &catalog.products {
        by_age.entry(-product.days_old).or_default().push(product);
    }
    let today = SystemClock.now();
    for (age, products) in by_age {
        clock.set(today.minus(Span::days(-age)).minus(Span::hours(3)));
        let imported = products.iter().map(|product| product.imported(currency, sold));
        let imported = imported.collect::<anyhow::Result<Vec<ImportedProduct>>>()?;
        let chunk =
            shop.catalog.import_chunk(imported).await.map_err(|refusal| anyhow!("{refusal}"))?;
        for done in chunk.value {
            done.result.context("a product of the sample catalog was refused")?;
        }
    }
    watch_stock(shop, catalog).await?;
    for collection in &catalog.collections {
        let saved = shop.catalog.save_collection(Saving::New, collection.input(shop)?, None).await;
        saved.map_err(|refusal| anyhow!("collection {}: {refusal}", collection.name))?;
    }
    Ok(())
}

/// Sets the marks at which the merchant is told that stock runs low.
async fn watch_stock(shop: &Shop, catalog: &Catalog) -> anyhow::Result<()> {
    let variants = catalog.products.iter().flat_map(|product| &product.variants);
    let marks = variants
        .filter_map(|variant| Some((variant.sku.parse::<Sku>().ok()?, variant.low_stock_at?)));
    let set = marks.map(|(sku, mark)| {
        let command = StockCommand::Configure { backorder: None, low_stock_at: Some(Some(mark)) };
        shop.engine.desk.stock(sku, command, None)
    });
    for done in join_all(set).await {
        done.map_err(|refusal| anyhow!("{refusal}"))?;
    }
    Ok(())
}

impl Product {
    fn imported(
        &self,
        currency: Currency,
        sold: &HashMap<String, u32>,
    ) -> anyhow::Result<ImportedProduct> {
        let variants = self.variants.iter().map(|variant| variant.variant(self, currency));
        let option = |choice: &Choice| ProductOption {
            name: choice.name.clone(),
            values: choice.values.clone(),
        };
        let image = |picture: &Picture| Image {
            url: format!("/media/demo/{}", picture.file),
            alt: picture.alt.clone(),
            width: Some(800),
            height: Some(800),
        };
        let stock = self.variants.iter().map(|variant| {
            let sold = sold.get(&variant.sku).copied().unwrap_or(0);
            Ok(ImportedStock {
                sku: variant.sku.parse()?,
                quantity: Some(variant.stock + sold),
                backorder: false,
            })
        });
        Ok(ImportedProduct {
            line: 0,
            content: ProductContent {
                handle: self.handle.clone(),
                name: self.name.clone(),
                description: self.description.clone(),
                category: self.category.clone(),
                brand: self.brand.clone(),
                images: self.pictures.iter().map(image).collect(),
                tags: self.tags.clone(),
                attributes: self.attributes.clone().into_iter().collect(),
                status: ProductStatus::Active,
                options: self.options.iter().map(option).collect(),
                variants: variants.collect::<anyhow::Result<_>>()?,
                currency,
            },
            stock: stock.collect::<anyhow::Result<_>>()?,
        })
    }
}

impl Choosable {
    fn variant(&self, product: &Product, currency: Currency) -> anyhow::Result<Variant> {
        let money = |text: &String| Money::from_decimal(text, currency);
        let chosen = product.options.iter().filter_map(|option| {
            Some((option.name.clone(), self.options.get(&option.name)?.clone()))
        });
        Ok(Variant {
            sku: self.sku.parse()?,
            title: self.title.clone(),
            options: chosen.collect(),
            price: money(&self.price)?,
            compare_at_price: self.compare_at_price.as_ref().map(money).transpose()?,
            barcode: self.barcode.clone(),
            weight_grams: self.weight_grams,
            image: None,
        })
    }
}

impl Collection {
    fn input(&self, shop: &Shop) -> anyhow::Result<CollectionInput> {
        let catalog = shop.reads.catalog.load();
        let id = |handle: &String| -> anyhow::Result<ProductId> {
            let listed = catalog.by_handle(handle);
            Ok(listed.with_context(|| format!("no sample product {handle}"))?.id.clone())
        };
        let members = match &self.rule {
            Some(rule) => Members::ByRule(Rule { tag: Some(rule.tag.clone()), ..Rule::default() }),
            None => Members::ByHand(self.products.iter().map(id).collect::<anyhow::Result<_>>()?),
        };
        Ok(CollectionInput {
            handle: self.handle.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            members,
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sample_catalog_is_whole() {
        let catalog = super::read().unwrap();
        assert!(catalog.products.len() >= 120 && catalog.categories.len() >= 8);
        let several = catalog.products.iter().filter(|product| product.variants.len() > 1).count();
        assert!(several > 30, "{several} products with variants");
    }
}
