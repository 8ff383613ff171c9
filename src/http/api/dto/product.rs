//! Products: as they are shown, and as they are written.
//!
//! A product that is sold in one form alone may be written flat (`price`, `sku`, `stockQuantity` at
//! the top); these then belong to its only variant. With several variants they belong to each.

use super::Pairs;
use crate::domain::catalog::{
    Fault, Image, MOST_VARIANTS, Product, ProductContent, ProductOption, ProductStatus, Variant,
    handle_from,
};
use crate::domain::{Currency, Sku};
use crate::http::body::Input;
use crate::http::json::{DecimalText, MoneyJson, Time, given};
use crate::http::problem::ApiError;
use crate::http::schema::Faults;
use crate::imports::{sanitize, sku_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use utoipa::ToSchema;

// The schemas below repeat this bound as a literal, for attributes take no constants.
const _: () = assert!(MOST_VARIANTS == 2_048);

/// A product with its variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub struct ProductJson<'a> {
    #[schema(example = "prod-123")]
    pub product_id: &'a str,
    /// The product's name in addresses.
    #[schema(example = "smartphone-x")]
    pub handle: &'a str,
    pub name: &'a str,
    /// Sanitized HTML.
    pub description: &'a str,
    /// The lowest price of its variants.
    pub price: MoneyJson,
    /// The price before a reduction, of that same variant.
    pub compare_at_price: Option<MoneyJson>,
    #[schema(example = "USD")]
    pub currency: &'static str,
    pub category: &'a str,
    pub brand: &'a str,
    /// The first of its images.
    #[schema(value_type = Option<String>)]
    pub image_url: Option<Cow<'a, str>>,
    pub images: Vec<ImageJson>,
    pub tags: &'a [String],
    pub attributes: Pairs,
    pub status: ProductStatusJson,
    /// Units that can be sold, over all variants.
    pub stock_quantity: i64,
    pub options: Vec<OptionJson>,
    pub variants: Vec<VariantJson<'a>>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Whether a product is shown; only `active` is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProductStatus)]
pub enum ProductStatusJson {
    Draft,
    Active,
    Archived,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Image)]
pub struct ImageJson {
    #[schema(format = "uri-reference", max_length = 2_000)]
    pub url: String,
    /// What the picture shows, for those who do not see it.
    #[serde(default)]
    #[schema(max_length = 1_000)]
    pub alt: String,
    #[schema(minimum = 1, maximum = 100_000)]
    pub width: Option<u32>,
    #[schema(minimum = 1, maximum = 100_000)]
    pub height: Option<u32>,
}

/// A dimension of choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ProductOption)]
pub struct OptionJson {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", example = "Size")]
    pub name: String,
    /// In the order of display.
    #[schema(min_items = 1, max_items = 2_048)]
    pub values: Vec<String>,
}

/// One choice that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Variant)]
pub struct VariantJson<'a> {
    pub sku: &'a str,
    pub title: &'a str,
    pub options: Pairs,
    pub price: MoneyJson,
    pub compare_at_price: Option<MoneyJson>,
    /// Units that can be sold.
    pub stock_quantity: i64,
    pub barcode: Option<&'a str>,
    pub weight_grams: Option<u32>,
    #[schema(value_type = Option<String>)]
    pub image_url: Option<Cow<'a, str>>,
}

impl<'a> ProductJson<'a> {
    /// `available` says how many units of a SKU can be promised, `url` the full address of a
    /// picture.
    pub fn new(
        product: &'a Product,
        url: impl Fn(&'a str) -> Cow<'a, str>,
        available: impl Fn(&Sku) -> i64,
    ) -> ProductJson<'a> {
        let content = &product.content;
        let cheapest = product.cheapest();
        let variants: Vec<VariantJson<'a>> = content
            .variants
            .iter()
            .map(|variant| VariantJson::new(variant, &url, available(&variant.sku)))
            .collect();
        ProductJson {
            product_id: product.id.as_str(),
            handle: &content.handle,
            name: &content.name,
            description: &content.description,
            price: cheapest.price.into(),
            compare_at_price: cheapest.compare_at_price.map(MoneyJson),
            currency: content.currency.code(),
            category: &content.category,
            brand: &content.brand,
            image_url: content.images.first().map(|image| url(&image.url)),
            images: content
                .images
                .iter()
                .map(|image| ImageJson { url: url(&image.url).into_owned(), ..image.into() })
                .collect(),
            tags: &content.tags,
            attributes: Pairs(content.attributes.clone()),
            status: content.status.into(),
            stock_quantity: variants.iter().map(|variant| variant.stock_quantity).sum(),
            options: content.options.iter().map(OptionJson::from).collect(),
            variants,
            created_at: product.created_at.into(),
            updated_at: product.updated_at.into(),
        }
    }
}

impl<'a> VariantJson<'a> {
    fn new(
        variant: &'a Variant,
        url: impl Fn(&'a str) -> Cow<'a, str>,
        available: i64,
    ) -> VariantJson<'a> {
        VariantJson {
            sku: variant.sku.as_str(),
            title: &variant.title,
            options: Pairs(variant.options.clone()),
            price: variant.price.into(),
            compare_at_price: variant.compare_at_price.map(MoneyJson),
            stock_quantity: available.max(0),
            barcode: variant.barcode.as_deref(),
            weight_grams: variant.weight_grams,
            image_url: variant.image.as_deref().map(url),
        }
    }
}

impl From<&Image> for ImageJson {
    fn from(image: &Image) -> ImageJson {
        let Image { url, alt, width, height } = image.clone();
        ImageJson { url, alt, width, height }
    }
}

impl From<ImageJson> for Image {
    fn from(given: ImageJson) -> Image {
        let ImageJson { url, alt, width, height } = given;
        Image { url, alt, width, height }
    }
}

impl From<&ProductOption> for OptionJson {
    fn from(option: &ProductOption) -> OptionJson {
        OptionJson { name: option.name.clone(), values: option.values.clone() }
    }
}

impl From<ProductStatus> for ProductStatusJson {
    fn from(status: ProductStatus) -> ProductStatusJson {
        match status {
            ProductStatus::Draft => ProductStatusJson::Draft,
            ProductStatus::Active => ProductStatusJson::Active,
            ProductStatus::Archived => ProductStatusJson::Archived,
        }
    }
}

impl From<ProductStatusJson> for ProductStatus {
    fn from(status: ProductStatusJson) -> ProductStatus {
        match status {
            ProductStatusJson::Draft => ProductStatus::Draft,
            ProductStatusJson::Active => ProductStatus::Active,
            ProductStatusJson::Archived => ProductStatus::Archived,
        }
    }
}

/// One variant as it is written. A SKU that the product has already keeps what is not named.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VariantWrite {
    /// Made from the handle and the options where it is not given.
    #[schema(format = "sku", nullable = false, example = "SMX-128")]
    pub sku: Option<String>,
    /// Made from the options where it is not given.
    #[schema(min_length = 1, max_length = 255, nullable = false)]
    pub title: Option<String>,
    /// Option name and value.
    #[schema(nullable = false)]
    pub options: Option<Pairs>,
    #[schema(nullable = false)]
    pub price: Option<DecimalText>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DecimalText>)]
    pub compare_at_price: Option<Option<DecimalText>>,
    /// Units to be available.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    pub stock_quantity: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub barcode: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000_000)]
    pub weight_grams: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "uri-reference", max_length = 2_000)]
    pub image_url: Option<Option<String>>,
}

/// A new product. `price` and `stockQuantity` may be left out where `variants` have them, and
/// `imageUrl` where `images` are given.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductCreate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", example = "Smartphone X")]
    pub name: String,
    /// HTML; what is not harmless is taken out.
    #[schema(max_length = 100_000)]
    pub description: String,
    #[schema(format = "currency-code", example = "USD")]
    pub currency: String,
    #[schema(max_length = 255, example = "Electronics")]
    pub category: String,
    #[schema(max_length = 255, example = "TechCorp")]
    pub brand: String,
    #[schema(nullable = false)]
    pub price: Option<DecimalText>,
    /// Units to be available.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false, example = 150)]
    pub stock_quantity: Option<u32>,
    /// The first image.
    #[schema(format = "uri-reference", max_length = 2_000, nullable = false)]
    pub image_url: Option<String>,
    /// Made from the name where it is not given.
    #[schema(format = "handle", nullable = false)]
    pub handle: Option<String>,
    /// Of the only variant; made from the handle where it is not given.
    #[schema(format = "sku", nullable = false)]
    pub sku: Option<String>,
    pub compare_at_price: Option<DecimalText>,
    #[schema(max_items = 250, nullable = false)]
    pub images: Option<Vec<ImageJson>>,
    #[schema(max_items = 250, nullable = false)]
    pub tags: Option<Vec<String>>,
    #[schema(nullable = false)]
    pub attributes: Option<Pairs>,
    #[schema(nullable = false)]
    pub status: Option<ProductStatusJson>,
    /// Made from the variants' options where it is not given.
    #[schema(max_items = 10, nullable = false)]
    pub options: Option<Vec<OptionJson>>,
    #[schema(min_items = 1, max_items = 2_048, nullable = false)]
    pub variants: Option<Vec<VariantWrite>>,
    /// Whether its variants may be sold beyond what is on hand.
    #[schema(nullable = false)]
    pub backorder: Option<bool>,
    /// Tell the merchant when a variant's available units come down to this many.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub low_stock_at: Option<u32>,
}

/// Changes of a product: what is named is changed, null empties what may be empty.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductUpdate {
    #[schema(min_length = 1, max_length = 255, format = "not-blank", nullable = false)]
    pub name: Option<String>,
    /// HTML; what is not harmless is taken out.
    #[schema(max_length = 100_000, nullable = false)]
    pub description: Option<String>,
    #[schema(format = "currency-code", nullable = false)]
    pub currency: Option<String>,
    #[schema(max_length = 255, nullable = false)]
    pub category: Option<String>,
    #[schema(max_length = 255, nullable = false)]
    pub brand: Option<String>,
    /// Of the only variant.
    #[schema(nullable = false)]
    pub price: Option<DecimalText>,
    /// Of the only variant: an adjustment to that many available units. It never overwrites a hold
    /// or a sale under way.
    #[schema(minimum = 0, maximum = 1_000_000_000, nullable = false)]
    pub stock_quantity: Option<u32>,
    /// Takes the place of the first image; null removes that.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "uri-reference", max_length = 2_000)]
    pub image_url: Option<Option<String>>,
    #[schema(format = "handle", nullable = false)]
    pub handle: Option<String>,
    /// Of the only variant.
    #[schema(format = "sku", nullable = false)]
    pub sku: Option<String>,
    /// Of the only variant.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DecimalText>)]
    pub compare_at_price: Option<Option<DecimalText>>,
    #[schema(max_items = 250, nullable = false)]
    pub images: Option<Vec<ImageJson>>,
    #[schema(max_items = 250, nullable = false)]
    pub tags: Option<Vec<String>>,
    #[schema(nullable = false)]
    pub attributes: Option<Pairs>,
    #[schema(nullable = false)]
    pub status: Option<ProductStatusJson>,
    #[schema(max_items = 10, nullable = false)]
    pub options: Option<Vec<OptionJson>>,
    /// All variants that it is to have. Known SKUs keep what is not named.
    #[schema(min_items = 1, max_items = 2_048, nullable = false)]
    pub variants: Option<Vec<VariantWrite>>,
    /// Whether its variants may be sold beyond what is on hand.
    #[schema(nullable = false)]
    pub backorder: Option<bool>,
    /// Tell the merchant when a variant's available units come down to this many; null is never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000_000)]
    pub low_stock_at: Option<Option<u32>>,
}

/// A product as it is to be, and what that asks of its SKUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductPlan {
    pub content: ProductContent,
    /// Units that are to be available, where any were named.
    pub stock: Vec<(Sku, u32)>,
    pub backorder: Option<bool>,
    pub low_stock_at: Option<Option<u32>>,
}

impl Input for ProductCreate {
    fn check(body: &Value, faults: &mut Faults) {
        let missing = |name: &str| body[name].is_null();
        let variants = body["variants"].as_array().map(Vec::as_slice).unwrap_or_default();
        if variants.is_empty() {
            for name in ["price", "stockQuantity"] {
                if missing(name) {
                    faults.shape(format!("/{name}"), "is required");
                }
            }
        }
        if missing("imageUrl") && missing("images") {
            faults.shape("/imageUrl", "is required");
        }
        for (i, variant) in variants.iter().enumerate() {
            if variant.is_object() && variant["price"].is_null() && missing("price") {
                faults.shape(format!("/variants/{i}/price"), "is required");
            }
        }
        check_decimals(body, faults);
    }
}

impl Input for ProductUpdate {
    fn check(body: &Value, faults: &mut Faults) {
        check_decimals(body, faults);
    }
}

/// Amounts against the currency beside them, if there is one.
fn check_decimals(body: &Value, faults: &mut Faults) {
    let Some(currency) = body["currency"].as_str().and_then(Currency::from_code) else { return };
    let mut check = |pointer: String, value: &Value| {
        let number = DecimalText::peek(value).filter(|text| !text.0.starts_with('-'));
        // What is no plain decimal at all is named by the schema.
        let plain = number.filter(|text| !text.0.contains(['e', 'E']));
        if let Some(Err(fault)) = plain.map(|text| text.money_at(&pointer, currency))
            && (value.is_number() || !fault.detail.contains("not a decimal"))
        {
            faults.rule(fault.pointer, fault.detail);
        }
    };
    for name in ["price", "compareAtPrice"] {
        check(format!("/{name}"), &body[name]);
    }
    for (i, variant) in body["variants"].as_array().into_iter().flatten().enumerate() {
        for name in ["price", "compareAtPrice"] {
            check(format!("/variants/{i}/{name}"), &variant[name]);
        }
    }
}

impl ProductCreate {
    /// The product to be made; whether its handle and SKUs are free is the catalog's to say.
    pub fn into_plan(self) -> Result<ProductPlan, ApiError> {
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| ApiError::invalid("/currency", "must be a currency of ISO 4217"))?;
        let content = ProductContent {
            handle: self.handle.clone().unwrap_or_else(|| handle_from(&self.name)),
            name: String::new(),
            description: String::new(),
            category: String::new(),
            brand: String::new(),
            images: vec![],
            tags: vec![],
            attributes: vec![],
            status: ProductStatus::Active,
            options: vec![],
            variants: vec![],
            currency,
        };
        let mut variants = self.variants;
        // A default price is that of every variant that has none of its own.
        let price = if let Some(variants) = &mut variants {
            for variant in variants.iter_mut().filter(|variant| variant.price.is_none()) {
                variant.price = self.price.clone();
            }
            None
        } else {
            self.price
        };
        let update = ProductUpdate {
            name: Some(self.name),
            description: Some(self.description),
            currency: None,
            category: Some(self.category),
            brand: Some(self.brand),
            price,
            stock_quantity: self.stock_quantity,
            image_url: self.image_url.map(Some),
            handle: None,
            sku: self.sku,
            compare_at_price: self.compare_at_price.map(Some),
            images: self.images,
            tags: self.tags,
            attributes: self.attributes,
            status: self.status,
            options: self.options,
            variants: Some(variants.unwrap_or_else(|| vec![VariantWrite::default()])),
            backorder: self.backorder,
            low_stock_at: self.low_stock_at.map(Some),
        };
        update.apply_to(content)
    }
}

impl ProductUpdate {
    /// The product as it is to be after these changes to `content`.
    pub fn apply_to(self, content: ProductContent) -> Result<ProductPlan, ApiError> {
        let mut next = content;
        let mut faults = Vec::new();
        let before = std::mem::take(&mut next.variants);
        if let Some(handle) = self.handle {
            next.handle = handle;
        }
        if let Some(name) = self.name {
            next.name = name.trim().to_owned();
        }
        if let Some(description) = self.description {
            next.description = sanitize(&description);
        }
        if let Some(currency) = self.currency.as_deref().and_then(Currency::from_code) {
            next.currency = currency;
        }
        if let Some(category) = self.category {
            next.category = category.trim().to_owned();
        }
        if let Some(brand) = self.brand {
            next.brand = brand.trim().to_owned();
        }
        if let Some(images) = self.images {
            next.images = images.into_iter().map(Image::from).collect();
        }
        if let Some(url) = self.image_url {
            set_first_image(&mut next.images, url, &next.name);
        }
        if let Some(tags) = self.tags {
            next.tags = tidy_tags(tags);
        }
        if let Some(Pairs(attributes)) = self.attributes {
            next.attributes = attributes;
        }
        if let Some(status) = self.status {
            next.status = status.into();
        }
        let options_given = self.options.is_some();
        if let Some(options) = self.options {
            next.options = options
                .into_iter()
                .map(|option| ProductOption { name: option.name, values: option.values })
                .collect();
        }
        let mut stock = Vec::new();
        let variants_given = self.variants.is_some();
        match self.variants {
            None => next.variants = before,
            Some(written) => {
                let flat_price = self.price.as_ref().filter(|_| written.len() == 1);
                for (i, write) in written.into_iter().enumerate() {
                    let pointer = format!("/variants/{i}");
                    match write.over(&before, &next, flat_price, &pointer) {
                        Ok((variant, units)) => {
                            stock.extend(units.map(|units| (variant.sku.clone(), units)));
                            next.variants.push(variant);
                        }
                        Err(fault) => faults.push(fault),
                    }
                }
            }
        }
        let flat = VariantWrite {
            sku: self.sku,
            price: self.price,
            compare_at_price: self.compare_at_price,
            stock_quantity: self.stock_quantity,
            ..VariantWrite::default()
        };
        flat.onto_only_variant(&mut next, &mut stock, &mut faults);
        if variants_given || options_given {
            fit_options(&mut next, options_given, &mut faults);
        }
        if !faults.is_empty() {
            return Err(ApiError::InvalidValue(faults));
        }
        next.check()?;
        let (backorder, low_stock_at) = (self.backorder, self.low_stock_at);
        Ok(ProductPlan { content: next, stock, backorder, low_stock_at })
    }
}

impl VariantWrite {
    /// The variant that is meant, on top of the one that has its SKU already, and the units that
    /// are to be available. `flat_price` is that at the top, where this is the only variant.
    fn over(
        self,
        before: &[Variant],
        product: &ProductContent,
        flat_price: Option<&DecimalText>,
        pointer: &str,
    ) -> Result<(Variant, Option<u32>), Fault> {
        let fault = |name: &str, detail: &str| Fault {
            pointer: format!("{pointer}/{name}"),
            detail: detail.into(),
        };
        let sku = match &self.sku {
            Some(sku) => Some(sku.parse::<Sku>().map_err(|e| fault("sku", &e.to_string()))?),
            None => None,
        };
        let known = sku.as_ref().and_then(|sku| before.iter().find(|own| own.sku == *sku));
        let mut options = match (self.options, known) {
            (Some(Pairs(options)), _) => options,
            (None, Some(known)) => known.options.clone(),
            (None, None) => vec![],
        };
        let place = |name: &str| product.options.iter().position(|option| option.name == name);
        options.sort_by_key(|(name, _)| place(name));
        let sku = sku.unwrap_or_else(|| made_sku(&product.handle, &options));
        let currency = product.currency;
        let price = match (self.price, known, flat_price) {
            (Some(price), _, _) => price.money_at(&format!("{pointer}/price"), currency)?,
            (None, Some(known), _) => known.price,
            (None, None, Some(price)) => price.money_at("/price", currency)?,
            (None, None, None) => return Err(fault("price", "is required for a new variant")),
        };
        let compare_at_price = match self.compare_at_price {
            Some(Some(price)) => {
                Some(price.money_at(&format!("{pointer}/compareAtPrice"), currency)?)
            }
            Some(None) => None,
            None => known.and_then(|known| known.compare_at_price),
        };
        let title = match (self.title, known) {
            (Some(title), _) => title,
            (None, Some(known)) => known.title.clone(),
            (None, None) => made_title(&options),
        };
        let kept = |given: Option<Option<String>>, own: Option<Option<String>>| {
            given.unwrap_or_else(|| own.flatten())
        };
        let variant = Variant {
            sku,
            title,
            options,
            price,
            compare_at_price,
            barcode: kept(self.barcode, known.map(|known| known.barcode.clone())),
            weight_grams: self
                .weight_grams
                .unwrap_or_else(|| known.and_then(|known| known.weight_grams)),
            image: kept(self.image_url, known.map(|known| known.image.clone())),
        };
        Ok((variant, self.stock_quantity))
    }

    /// What was written at the top belongs to the only variant; with several it is a fault.
    fn onto_only_variant(
        self,
        product: &mut ProductContent,
        stock: &mut Vec<(Sku, u32)>,
        faults: &mut Vec<Fault>,
    ) {
        let currency = product.currency;
        let [only] = product.variants.as_mut_slice() else {
            let given = [
                ("sku", self.sku.is_some()),
                ("price", self.price.is_some()),
                ("compareAtPrice", self.compare_at_price.is_some()),
                ("stockQuantity", self.stock_quantity.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, given)| *given) {
                let detail = "the product has several variants: name it for each of them".into();
                faults.push(Fault { pointer: format!("/{name}"), detail });
            }
            return;
        };
        let mut money = |price: DecimalText, pointer: &str| {
            price.money_at(pointer, currency).map_err(|fault| faults.push(fault)).ok()
        };
        if let Some(price) = self.price.and_then(|price| money(price, "/price")) {
            only.price = price;
        }
        match self.compare_at_price {
            Some(Some(price)) => only.compare_at_price = money(price, "/compareAtPrice"),
            Some(None) => only.compare_at_price = None,
            None => {}
        }
        if let Some(sku) = self.sku.and_then(|sku| sku.parse::<Sku>().ok()) {
            for (own, _) in stock.iter_mut().filter(|(own, _)| *own == only.sku) {
                *own = sku.clone();
            }
            only.sku = sku;
        }
        if let Some(units) = self.stock_quantity {
            stock.retain(|(own, _)| *own != only.sku);
            stock.push((only.sku.clone(), units));
        }
    }
}

/// Puts `url` in the place of the first image, or takes that away.
fn set_first_image(images: &mut Vec<Image>, url: Option<String>, alt: &str) {
    match (url, images.first_mut()) {
        (Some(url), Some(first)) if first.url == url => {}
        (Some(url), Some(first)) => {
            *first = Image { url, alt: alt.to_owned(), width: None, height: None };
        }
        (Some(url), None) => {
            images.push(Image { url, alt: alt.to_owned(), width: None, height: None });
        }
        (None, Some(_)) => {
            images.remove(0);
        }
        (None, None) => {}
    }
}

/// Without blanks around, without empty ones, each once.
fn tidy_tags(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if !tag.is_empty() && !kept.iter().any(|own| own == tag) {
            kept.push(tag.to_owned());
        }
    }
    kept
}

/// Makes options and variants agree: options that were given must know every choice, others grow
/// by what the variants name.
fn fit_options(product: &mut ProductContent, given: bool, faults: &mut Vec<Fault>) {
    if !given {
        product.options.clear();
    }
    for (i, variant) in product.variants.iter_mut().enumerate() {
        for (name, value) in &variant.options {
            let option = product.options.iter_mut().find(|option| option.name == *name);
            match option {
                Some(option) if option.values.contains(value) => {}
                None | Some(_) if given => {
                    let detail = format!("{name}: {value} is not among the product's options");
                    faults.push(Fault { pointer: format!("/variants/{i}/options"), detail });
                }
                Some(option) => option.values.push(value.clone()),
                None => product
                    .options
                    .push(ProductOption { name: name.clone(), values: vec![value.clone()] }),
            }
        }
        let place = |name: &str| product.options.iter().position(|option| option.name == name);
        variant.options.sort_by_key(|(name, _)| place(name));
    }
}

/// `Large / Blue`, or `Default` for the only choice there is.
fn made_title(options: &[(String, String)]) -> String {
    let values: Vec<&str> = options.iter().map(|(_, value)| value.as_str()).collect();
    if values.is_empty() { "Default".to_owned() } else { values.join(" / ") }
}

/// The SKU of a variant that came without one, the same that an import would make.
fn made_sku(handle: &str, options: &[(String, String)]) -> Sku {
    let values: Vec<String> = options.iter().map(|(_, value)| value.clone()).collect();
    sku_for(handle, &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::http::body::read;
    use proptest::prelude::*;
    use serde_json::json;

    fn eight() -> Value {
        json!({ "name": "Smartphone X", "description": "<p>New</p><script>x()</script>", "price": 999.99,
            "currency": "USD", "category": "Electronics", "brand": "TechCorp",
            "imageUrl": "https://example.com/x.jpg", "stockQuantity": 150 })
    }

    fn with(changes: Value) -> Value {
        let mut body = eight();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    fn create(body: &Value) -> Result<ProductPlan, ApiError> {
        read::<ProductCreate>(body.to_string().as_bytes())?.into_plan()
    }

    fn update(content: &ProductContent, body: Value) -> Result<ProductPlan, ApiError> {
        read::<ProductUpdate>(body.to_string().as_bytes())?.apply_to(content.clone())
    }

    #[track_caller]
    fn places(error: ApiError, status: u16) -> Vec<String> {
        assert_eq!(error.status().as_u16(), status, "{error:?}");
        let (ApiError::InvalidBody(faults) | ApiError::InvalidValue(faults)) = error else {
            panic!("{error}")
        };
        let mut places: Vec<String> = faults.into_iter().map(|fault| fault.pointer).collect();
        places.sort();
        places
    }

    #[test]
    fn eight_fields_make_a_product_with_one_variant() {
        let plan = create(&eight()).unwrap();
        let content = &plan.content;
        assert_eq!((content.handle.as_str(), content.variants.len()), ("smartphone-x", 1));
        assert_eq!(content.description, "<p>New</p>");
        let only = &content.variants[0];
        assert_eq!((only.sku.as_str(), only.price.minor()), ("smartphone-x", 99_999));
        assert_eq!(plan.stock, [("smartphone-x".parse().unwrap(), 150)]);
    }

    #[test]
    fn each_of_the_eight_fields_is_needed() {
        for name in eight().as_object().unwrap().keys() {
            let mut body = eight();
            body.as_object_mut().unwrap().remove(name);
            assert_eq!(places(create(&body).unwrap_err(), 400), [format!("/{name}")]);
        }
    }

    #[test]
    fn every_fault_comes_at_once() {
        let bad =
            with(json!({ "name": " ", "price": 9.999, "currency": "USD", "stockQuantity": -1,
            "imageUrl": "ftp://x", "variants": [] }));
        let expected = ["/imageUrl", "/name", "/price", "/stockQuantity", "/variants"];
        assert_eq!(places(create(&bad).unwrap_err(), 422), expected);
        let yen = with(json!({ "currency": "JPY" }));
        assert_eq!(places(create(&yen).unwrap_err(), 422), ["/price"]);
        for price in [json!("1e3"), json!("abc"), json!(-1), json!("1.999")] {
            assert_eq!(
                places(create(&with(json!({ "price": price }))).unwrap_err(), 422),
                ["/price"]
            );
        }
        assert_eq!(places(create(&with(json!({ "price": true }))).unwrap_err(), 400), ["/price"]);
    }

    #[test]
    fn variants_name_the_options_and_get_skus_of_their_own() {
        let body = with(json!({ "stockQuantity": null, "variants": [
            { "options": { "Size": "S" }, "price": "10.00", "stockQuantity": 3 },
            { "options": { "Size": "M" }, "sku": "X-M" },
        ]}));
        assert_eq!(places(create(&body).unwrap_err(), 400), ["/stockQuantity"]);
        let mut body = body;
        body.as_object_mut().unwrap().remove("stockQuantity");
        let plan = create(&body).unwrap();
        let shown: Vec<_> = plan
            .content
            .variants
            .iter()
            .map(|own| (own.sku.as_str(), own.title.as_str(), own.price.minor()))
            .collect();
        assert_eq!(shown, [("smartphone-x.s", "S", 1_000), ("X-M", "M", 99_999)]);
        assert_eq!(plan.content.options[0].values, ["S", "M"]);
        assert_eq!(plan.stock, [("smartphone-x.s".parse().unwrap(), 3)]);
        body["stockQuantity"] = json!(5);
        assert_eq!(places(create(&body).unwrap_err(), 422), ["/stockQuantity"]);
        body["stockQuantity"].take();
        body.as_object_mut().unwrap().remove("stockQuantity");
        body["options"] = json!([{ "name": "Size", "values": ["S"] }]);
        assert_eq!(places(create(&body).unwrap_err(), 422), ["/variants/1/options"]);
    }

    #[test]
    fn an_update_changes_just_what_it_names() {
        let before = create(&with(json!({ "compareAtPrice": 1099 }))).unwrap().content;
        let same = update(&before, json!({})).unwrap();
        assert_eq!((&same.content, same.stock.len()), (&before, 0));
        let plan = update(
            &before,
            json!({ "price": "899.00", "compareAtPrice": null, "stockQuantity": 7 }),
        );
        let plan = plan.unwrap();
        let only = &plan.content.variants[0];
        assert_eq!((only.price.minor(), only.compare_at_price), (89_900, None));
        assert_eq!(plan.stock, [(only.sku.clone(), 7)]);
        assert_eq!(plan.content.images, before.images);
        assert_eq!(places(update(&before, json!({ "name": null })).unwrap_err(), 400), ["/name"]);
        assert_eq!(
            places(update(&before, json!({ "price": 1.001 })).unwrap_err(), 422),
            ["/price"]
        );
        assert_eq!(
            places(update(&before, json!({ "productId": "prod-1" })).unwrap_err(), 400),
            ["/productId"]
        );
    }

    #[test]
    fn a_known_sku_keeps_what_is_not_named_and_a_new_one_needs_a_price() {
        let before = create(&eight()).unwrap().content;
        let body =
            json!({ "variants": [{ "sku": "smartphone-x", "barcode": "123" }, { "sku": "NEW" }] });
        assert_eq!(places(update(&before, body).unwrap_err(), 422), ["/variants/1/price"]);
        let body = json!({ "variants": [{ "sku": "smartphone-x", "barcode": "123" }, { "sku": "NEW", "price": 5 }] });
        let after = update(&before, body).unwrap().content;
        assert_eq!(after.variants[0].price, before.variants[0].price);
        assert_eq!(after.variants[0].barcode.as_deref(), Some("123"));
        let flat = update(&after, json!({ "price": 1, "stockQuantity": 1 })).unwrap_err();
        assert_eq!(places(flat, 422), ["/price", "/stockQuantity"]);
        let twice = json!({ "variants": [{ "sku": "A", "price": 1 }, { "sku": "A", "price": 1 }] });
        assert_eq!(places(update(&before, twice).unwrap_err(), 422), ["/variants/1/sku"]);
    }

    #[test]
    fn a_new_currency_needs_new_prices() {
        let before = create(&eight()).unwrap().content;
        let error = update(&before, json!({ "currency": "EUR" })).unwrap_err();
        assert_eq!(places(error, 422), ["/variants/0/price"]);
        let after = update(&before, json!({ "currency": "EUR", "price": 5 })).unwrap();
        assert_eq!(after.content.variants[0].price.to_string(), "5.00 EUR");
    }

    #[test]
    fn a_product_shows_its_lowest_price_and_what_can_be_sold() {
        let mut body = with(json!({ "attributes": { "Material": "Oak" }, "variants": [
            { "sku": "B", "price": 20 }, { "sku": "A", "price": "10.5", "weightGrams": 180 } ] }));
        body.as_object_mut().unwrap().remove("stockQuantity");
        let product = Product {
            id: "prod-1".parse().unwrap(),
            content: create(&body).unwrap().content,
            former_handles: vec![],
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(1),
        };
        let shown =
            ProductJson::new(&product, Cow::from, |sku| if sku.as_str() == "A" { 5 } else { -2 });
        let text = serde_json::to_string(&shown).unwrap();
        for part in [
            r#""productId":"prod-1""#,
            r#""price":10.50,"compareAtPrice":null,"currency":"USD""#,
            r#""imageUrl":"https://example.com/x.jpg""#,
            r#""stockQuantity":5,"options""#,
            r#""attributes":{"Material":"Oak"}"#,
            r#""status":"active""#,
            r#""createdAt":"1970-01-01T00:00:00Z","updatedAt":"1970-01-01T00:00:00.001Z""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_a_product_that_can_be_shown(
            name in ".{0,30}",
            values in prop::collection::vec("\\PC{0,8}", 0..6),
            price in "[0-9]{1,4}(\\.[0-9]{1,3})?",
        ) {
            let variants: Vec<Value> = values.iter()
                .map(|value| json!({ "options": { "Kind": value }, "price": price })).collect();
            let mut body = with(json!({ "name": name, "variants": variants }));
            if variants.len() != 1 { body.as_object_mut().unwrap().remove("stockQuantity"); }
            if let Ok(plan) = create(&body) {
                prop_assert!(plan.content.check().is_ok());
                prop_assert!(plan.content.variants.iter().all(|own| !own.price.is_negative()));
                for variant in &plan.content.variants {
                    for (name, value) in &variant.options {
                        let option = plan.content.options.iter().find(|option| option.name == *name);
                        prop_assert!(option.is_some_and(|option| option.values.contains(value)));
                    }
                }
            }
        }
    }
}
