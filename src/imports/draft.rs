//! A product in the making: rows go in, a whole product comes out or the reasons why not.
//!
//! Shopify's form: a product's first row says what it is, and each row with the same handle may
//! add a variant, a picture, or both. Other rows are pictures alone, or say nothing that counts.

use super::cells::{Cells, MOST_CHARS, one_line};
use super::columns::{Column, OPTIONS};
use super::{ImportedProduct, ImportedStock, RowError, html, sku};
use crate::domain::catalog::{
    Image, MOST_VARIANTS, ProductContent, ProductOption, ProductRejection, ProductStatus, Variant,
};
use crate::domain::{Currency, Money, Sku};
use std::collections::{HashMap, HashSet};

/// Bytes of clean HTML that a description may have.
const MOST_DESCRIPTION_BYTES: usize = 64 * 1024;
/// Bytes of HTML that are worth cleaning: word processors write a lot that falls away.
const MOST_HTML_BYTES: usize = 4 * MOST_DESCRIPTION_BYTES;
/// Tags of a product; Shopify's limit.
const MOST_TAGS: usize = 250;
/// Pictures of a product; Shopify's limit.
const MOST_IMAGES: usize = 250;
const MOST_ATTRIBUTES: usize = 250;
/// Grams of one unit: a thousand tonnes.
const MOST_GRAMS: u32 = 1_000_000_000;

/// How Shopify writes a product without options: the option `Title` with this one value.
pub(super) const NO_OPTION: (&str, &str) = ("Title", "Default Title");
/// The title of the one variant of a product without options.
const DEFAULT_TITLE: &str = "Default";
const UNCATEGORIZED: &str = "Uncategorized";

/// Columns of which one with text makes a row a variant. Not among them: what some programs fill
/// in on every row.
const OF_A_VARIANT: [Column; 9] = [
    Column::Option1Value,
    Column::Option2Value,
    Column::Option3Value,
    Column::VariantSku,
    Column::VariantPrice,
    Column::VariantCompareAtPrice,
    Column::VariantBarcode,
    Column::VariantQuantity,
    Column::VariantImage,
];

/// How a variant is called that says nothing else.
pub(super) fn default_title<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let title = values.collect::<Vec<_>>().join(" / ");
    if title.is_empty() { DEFAULT_TITLE.to_owned() } else { title }
}

pub(super) struct Draft {
    line: u64,
    content: ProductContent,
    option_names: [String; OPTIONS.len()],
    variants: Vec<DraftVariant>,
    images: Vec<DraftImage>,
    /// The lines that use each SKU and each choice, for neither may be there twice.
    lines_of_skus: HashMap<Sku, u64>,
    lines_of_choices: HashMap<[String; OPTIONS.len()], u64>,
}

struct DraftVariant {
    sku: Option<Sku>,
    values: [String; OPTIONS.len()],
    title: String,
    price: Money,
    compare_at_price: Option<Money>,
    barcode: Option<String>,
    weight_grams: Option<u32>,
    image: Option<String>,
    quantity: Option<u32>,
    backorder: bool,
}

struct DraftImage {
    /// Pictures without a position come last, in the file's order.
    position: u32,
    image: Image,
}

impl Draft {
    /// Starts a product from its first row.
    pub fn begin(handle: String, currency: Currency, cells: &mut Cells) -> Draft {
        let name = cells.text(Column::Title);
        if cells.is_empty(Column::Title) {
            cells.fault(Column::Title, "must not be empty in a product's first row");
        }
        let mut draft = Draft {
            line: cells.line,
            content: ProductContent {
                handle,
                name,
                description: description(cells),
                category: category(cells),
                brand: cells.text(Column::Vendor),
                images: Vec::new(),
                tags: tags(cells),
                attributes: attributes(cells),
                status: status(cells),
                options: Vec::new(),
                variants: Vec::new(),
                currency,
            },
            option_names: OPTIONS.map(|(name, _)| cells.text(name)),
            variants: Vec::new(),
            images: Vec::new(),
            lines_of_skus: HashMap::new(),
            lines_of_choices: HashMap::new(),
        };
        draft.check_option_names(cells);
        draft.take_variant(cells);
        draft.take_image(cells);
        draft
    }

    /// Takes in one more row of the same product.
    pub fn add(&mut self, cells: &mut Cells) {
        for ((column, _), known) in OPTIONS.into_iter().zip(&self.option_names) {
            let name = one_line(cells.raw(column));
            if !name.is_empty() && name != *known {
                cells.fault(column, "must be as in the product's first row, or empty");
            }
        }
        if OF_A_VARIANT.into_iter().any(|column| !cells.is_empty(column)) {
            self.take_variant(cells);
        }
        self.take_image(cells);
    }

    fn check_option_names(&self, cells: &mut Cells) {
        for (i, (column, _)) in OPTIONS.into_iter().enumerate() {
            let name = &self.option_names[i];
            if !name.is_empty() && self.option_names[..i].contains(name) {
                cells.fault(column, "names the same option twice");
            }
        }
    }

    fn take_variant(&mut self, cells: &mut Cells) {
        let currency = self.content.currency;
        if self.variants.len() == MOST_VARIANTS {
            let detail = format!("a product has at most {MOST_VARIANTS} variants");
            return cells.fault(Column::Handle, detail);
        }
        let faults_before = cells.faults.len();
        let values = self.option_values(cells);
        if cells.faults.len() == faults_before
            && let Some(line) = self.lines_of_choices.insert(values.clone(), cells.line)
        {
            let detail = format!("makes the same choice as the variant in line {line}");
            cells.fault(Column::Option1Value, detail);
        }
        let sku = sku_of(cells);
        if let Some(sku) = &sku
            && let Some(line) = self.lines_of_skus.insert(sku.clone(), cells.line)
        {
            let detail = format!("is the SKU of the variant in line {line}, too");
            cells.fault(Column::VariantSku, detail);
        }
        let price = cells.money(Column::VariantPrice, currency);
        if cells.is_empty(Column::VariantPrice) {
            cells.fault(Column::VariantPrice, "must be given for a variant");
        }
        let compare_at_price = cells.money(Column::VariantCompareAtPrice, currency);
        let backorder = backorder(cells);
        self.variants.push(DraftVariant {
            sku,
            values,
            title: cells.text(Column::VariantTitle),
            // Where it is not known, the row has a fault and the product is left out.
            price: price.unwrap_or(Money::zero(currency)),
            compare_at_price: compare_at_price.filter(|price| !price.is_zero()),
            barcode: barcode(cells),
            weight_grams: weight_grams(cells),
            image: cells.url(Column::VariantImage),
            quantity: quantity(cells, backorder),
            backorder,
        });
    }

    fn option_values(&self, cells: &mut Cells) -> [String; OPTIONS.len()] {
        let mut values = OPTIONS.map(|(_, value)| cells.text(value));
        for (i, (name_column, column)) in OPTIONS.into_iter().enumerate() {
            match (self.option_names[i].is_empty(), cells.is_empty(column)) {
                (false, true) => {
                    let detail = format!("must say the variant's {}", self.option_names[i]);
                    cells.fault(column, detail);
                }
                (true, false) if values[i] == NO_OPTION.1 => values[i].clear(),
                (true, false) => {
                    cells.fault(name_column, "must name the option in the product's first row");
                }
                (true, true) | (false, false) => {}
            }
        }
        values
    }

    fn take_image(&mut self, cells: &mut Cells) {
        let position = cells.number(Column::ImagePosition, u32::MAX - 1).unwrap_or(u32::MAX);
        let alt = cells.bounded(Column::ImageAlt, 2 * MOST_CHARS);
        let width = cells.number(Column::ImageWidth, u32::MAX);
        let height = cells.number(Column::ImageHeight, u32::MAX);
        let Some(url) = cells.url(Column::ImageSrc) else { return };
        if let Some(known) = self.images.iter_mut().find(|known| known.image.url == url) {
            known.position = known.position.min(position);
            if known.image.alt.is_empty() {
                known.image.alt = alt;
            }
            return;
        }
        if self.images.len() == MOST_IMAGES {
            let detail = format!("a product has at most {MOST_IMAGES} pictures");
            return cells.fault(Column::ImageSrc, detail);
        }
        self.images.push(DraftImage { position, image: Image { url, alt, width, height } });
    }

    /// The whole product, unless the domain knows of a fault that no row showed.
    pub fn finish(mut self) -> Result<ImportedProduct, Vec<RowError>> {
        let named: Vec<usize> =
            (0..OPTIONS.len()).filter(|&i| !self.option_names[i].is_empty()).collect();
        let is_plain = |i: usize| {
            self.option_names[i] == NO_OPTION.0
                && self.variants.iter().all(|variant| variant.values[i] == NO_OPTION.1)
        };
        let named = if matches!(named[..], [only] if is_plain(only)) { vec![] } else { named };

        let skus = self.skus(&named);
        self.images.sort_by_key(|image| image.position);
        let mut content = self.content;
        content.images = self.images.into_iter().map(|image| image.image).collect();
        for &i in &named {
            let mut seen = HashSet::new();
            let values = self.variants.iter().map(|variant| &variant.values[i]);
            let values = values.filter(|value| seen.insert(*value)).cloned().collect();
            content.options.push(ProductOption { name: self.option_names[i].clone(), values });
        }
        let mut stock = Vec::with_capacity(skus.len());
        for (draft, sku) in self.variants.into_iter().zip(skus) {
            let (quantity, backorder) = (draft.quantity, draft.backorder);
            stock.push(ImportedStock { sku: sku.clone(), quantity, backorder });
            content.variants.push(draft.finish(sku, &self.option_names, &named));
        }
        match content.check() {
            Ok(()) => Ok(ImportedProduct { line: self.line, content, stock }),
            Err(rejection) => Err(as_errors(self.line, rejection)),
        }
    }

    /// Each variant's SKU, made where the file has none.
    fn skus(&self, named: &[usize]) -> Vec<Sku> {
        let mut made = HashSet::new();
        let mut skus = Vec::with_capacity(self.variants.len());
        for variant in &self.variants {
            if let Some(sku) = &variant.sku {
                skus.push(sku.clone());
                continue;
            }
            let values: Vec<String> = named.iter().map(|&i| variant.values[i].clone()).collect();
            let mut sku = sku::make(&self.content.handle, &values, sku::Hash::WhereNeeded);
            if self.lines_of_skus.contains_key(&sku) || made.contains(&sku) {
                sku = sku::make(&self.content.handle, &values, sku::Hash::Always);
            }
            made.insert(sku.clone());
            skus.push(sku);
        }
        skus
    }
}

impl DraftVariant {
    /// The variant, with those options that are `named`.
    fn finish(self, sku: Sku, names: &[String], named: &[usize]) -> Variant {
        let options: Vec<(String, String)> =
            named.iter().map(|&i| (names[i].clone(), self.values[i].clone())).collect();
        let plain_title = || default_title(options.iter().map(|(_, value)| value.as_str()));
        Variant {
            sku,
            title: if self.title.is_empty() { plain_title() } else { self.title },
            options,
            price: self.price,
            compare_at_price: self.compare_at_price,
            barcode: self.barcode,
            weight_grams: self.weight_grams,
            image: self.image,
        }
    }
}

/// The domain has the last word, in its own terms.
fn as_errors(line: u64, rejection: ProductRejection) -> Vec<RowError> {
    match rejection {
        ProductRejection::Invalid(faults) => faults
            .into_iter()
            .map(|fault| RowError { line, column: fault.pointer, detail: fault.detail })
            .collect(),
        ProductRejection::Unknown | ProductRejection::Exists => {
            vec![RowError { line, column: String::new(), detail: rejection.to_string() }]
        }
    }
}

fn description(cells: &mut Cells) -> String {
    let body = cells.raw(Column::Body);
    if body.is_empty() {
        return String::new();
    }
    let clean = if body.len() <= MOST_HTML_BYTES { html::sanitize(body) } else { String::new() };
    if body.len() > MOST_HTML_BYTES || clean.len() > MOST_DESCRIPTION_BYTES {
        cells.fault(Column::Body, "must have at most 64 KiB");
    }
    clean
}

/// `Type` is the merchant's own word; Shopify's category is a path of which the last part counts.
fn category(cells: &mut Cells) -> String {
    let own = cells.text(Column::Type);
    if !cells.is_empty(Column::Type) {
        return own;
    }
    let path = cells.bounded(Column::ProductCategory, 4 * MOST_CHARS);
    let last = path.rsplit('>').map(str::trim).find(|part| !part.is_empty());
    let last = last.unwrap_or(UNCATEGORIZED);
    if last.chars().count() > MOST_CHARS {
        cells.fault(Column::ProductCategory, "must have at most 255 characters a part");
    }
    last.to_owned()
}

fn tags(cells: &mut Cells) -> Vec<String> {
    let mut seen = HashSet::new();
    let tags = cells.raw(Column::Tags).split(',').map(one_line);
    let tags: Vec<String> =
        tags.filter(|tag| !tag.is_empty() && seen.insert(tag.clone())).collect();
    if tags.len() > MOST_TAGS {
        cells.fault(Column::Tags, format_args!("a product has at most {MOST_TAGS} tags"));
    }
    if tags.iter().any(|tag| tag.chars().count() > MOST_CHARS) {
        cells.fault(Column::Tags, "a tag must have at most 255 characters");
    }
    tags
}

/// The cell is a small CSV of its own: a line for each attribute, `Material,Oak`.
fn attributes(cells: &mut Cells) -> Vec<(String, String)> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    let text = cells.raw(Column::Attributes);
    if text.is_empty() {
        return attributes;
    }
    let mut lines =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    for line in lines.records() {
        let pair = line.ok().filter(|line| line.len() == 2);
        let pair = pair.map(|line| (one_line(&line[0]), one_line(&line[1])));
        let Some((name, value)) = pair.filter(|(name, _)| !name.is_empty()) else {
            cells.fault(Column::Attributes, "must be lines of a name, a comma and a value");
            return attributes;
        };
        if name.chars().count() > MOST_CHARS || value.chars().count() > 4 * MOST_CHARS {
            cells.fault(Column::Attributes, "names have at most 255 characters, values 1020");
        }
        if attributes.iter().any(|(known, _)| *known == name) {
            cells.fault(Column::Attributes, format_args!("says {name} twice"));
        }
        if attributes.len() == MOST_ATTRIBUTES {
            let detail = format!("a product has at most {MOST_ATTRIBUTES} attributes");
            cells.fault(Column::Attributes, detail);
            return attributes;
        }
        attributes.push((name, value));
    }
    attributes
}

/// `Status` wins over the older `Published`; with neither, a product is shown.
fn status(cells: &mut Cells) -> ProductStatus {
    let published = match cells.raw(Column::Published).to_ascii_lowercase().as_str() {
        "true" | "" => ProductStatus::Active,
        "false" => ProductStatus::Draft,
        _ => {
            cells.fault(Column::Published, "must be true or false");
            ProductStatus::Draft
        }
    };
    match cells.raw(Column::Status).to_ascii_lowercase().as_str() {
        "" => published,
        "active" => ProductStatus::Active,
        "draft" => ProductStatus::Draft,
        "archived" => ProductStatus::Archived,
        _ => {
            cells.fault(Column::Status, "must be active, draft or archived");
            ProductStatus::Draft
        }
    }
}

fn sku_of(cells: &mut Cells) -> Option<Sku> {
    let text = cells.raw(Column::VariantSku);
    if text.is_empty() {
        return None;
    }
    let sku = text.parse().ok();
    if sku.is_none() {
        cells.fault(Column::VariantSku, "must be 1 to 64 printable characters");
    }
    sku
}

fn backorder(cells: &mut Cells) -> bool {
    match cells.raw(Column::VariantPolicy).to_ascii_lowercase().as_str() {
        "continue" => true,
        "deny" | "" => false,
        _ => {
            cells.fault(Column::VariantPolicy, "must be deny or continue");
            false
        }
    }
}

/// Shopify counts below zero what was sold before it arrived. With backorder that is nothing to
/// sell; without, the file contradicts itself.
fn quantity(cells: &mut Cells, backorder: bool) -> Option<u32> {
    let text = cells.raw(Column::VariantQuantity);
    match text.parse::<i64>() {
        Ok(..0) if backorder => Some(0),
        Ok(..0) => {
            let detail = "must not be negative unless Variant Inventory Policy is continue";
            cells.fault(Column::VariantQuantity, detail);
            None
        }
        Ok(_) | Err(_) => cells.number(Column::VariantQuantity, u32::MAX),
    }
}

/// Programs put an apostrophe before a barcode so that spreadsheets keep its zeros.
fn barcode(cells: &mut Cells) -> Option<String> {
    let text = cells.text(Column::VariantBarcode);
    let text = text.strip_prefix('\'').unwrap_or(&text).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whole grams, rounded half up: Shopify converts from pounds and writes what comes out.
fn weight_grams(cells: &mut Cells) -> Option<u32> {
    let text = cells.raw(Column::VariantGrams);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() {
        return None;
    }
    let grams = whole
        .parse::<u32>()
        .ok()
        .filter(|&grams| digits(whole) && digits(fraction) && grams < MOST_GRAMS);
    if grams.is_none() {
        cells.fault(Column::VariantGrams, "must be a weight in grams");
    }
    grams.map(|grams| grams + u32::from(fraction.as_bytes()[0] >= b'5'))
}
