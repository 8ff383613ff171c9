//! Stored forms of products and of what happens to them.

use super::value::{CurrencyV1, MoneyV1, TimeV1, each, owned_pairs, owned_texts, pairs, texts};
use crate::domain::Money;
use crate::domain::catalog::{
    FormerHandle, Image, Product, ProductContent, ProductEvent, ProductOption, ProductStatus,
    Variant,
};
use crate::storage::codec::{Stored, ValueError};
use serde::{Deserialize, Serialize};

impl Stored for Product {
    const NAME: &'static str = "product";
    const VERSION: u8 = 1;
    type Latest<'a> = ProductV1<'a>;
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ProductV1<'a> {
    id: &'a str,
    #[serde(borrow)]
    content: ProductContentV1<'a>,
    created_at: TimeV1,
    updated_at: TimeV1,
    /// Each with the time when it was left.
    #[serde(borrow)]
    former_handles: Vec<(&'a str, TimeV1)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ProductContentV1<'a> {
    handle: &'a str,
    name: &'a str,
    description: &'a str,
    category: &'a str,
    brand: &'a str,
    #[serde(borrow)]
    images: Vec<ImageV1<'a>>,
    #[serde(borrow)]
    tags: Vec<&'a str>,
    #[serde(borrow)]
    attributes: Vec<(&'a str, &'a str)>,
    status: ProductStatusV1,
    #[serde(borrow)]
    options: Vec<ProductOptionV1<'a>>,
    #[serde(borrow)]
    variants: Vec<VariantV1<'a>>,
    currency: CurrencyV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum ProductStatusV1 {
    Draft,
    Active,
    Archived,
}

#[derive(Debug, Serialize, Deserialize)]
struct ImageV1<'a> {
    url: &'a str,
    alt: &'a str,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProductOptionV1<'a> {
    name: &'a str,
    #[serde(borrow)]
    values: Vec<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct VariantV1<'a> {
    sku: &'a str,
    title: &'a str,
    #[serde(borrow)]
    options: Vec<(&'a str, &'a str)>,
    price: MoneyV1,
    compare_at_price: Option<MoneyV1>,
    #[serde(borrow)]
    barcode: Option<&'a str>,
    weight_grams: Option<u32>,
    #[serde(borrow)]
    image: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum ProductEventV1<'a> {
    Created {
        #[serde(borrow)]
        content: Box<ProductContentV1<'a>>,
        at: TimeV1,
    },
    Updated {
        #[serde(borrow)]
        content: Box<ProductContentV1<'a>>,
        at: TimeV1,
    },
    Archived {
        at: TimeV1,
    },
}

impl<'a> ProductV1<'a> {
    /// The product's name and the title of the variant at this place.
    pub fn names(&self, place: usize) -> Option<(&'a str, &'a str)> {
        Some((self.content.name, self.content.variants.get(place)?.title))
    }
}

impl<'a> From<&'a Product> for ProductV1<'a> {
    fn from(product: &'a Product) -> ProductV1<'a> {
        ProductV1 {
            id: product.id.as_str(),
            content: (&product.content).into(),
            created_at: product.created_at.into(),
            updated_at: product.updated_at.into(),
            former_handles: product
                .former_handles
                .iter()
                .map(|former| (former.handle.as_str(), former.left_at.into()))
                .collect(),
        }
    }
}

impl TryFrom<ProductV1<'_>> for Product {
    type Error = ValueError;

    fn try_from(stored: ProductV1<'_>) -> Result<Product, ValueError> {
        Ok(Product {
            id: stored.id.parse()?,
            content: stored.content.try_into()?,
            former_handles: stored
                .former_handles
                .into_iter()
                .map(|(handle, left_at)| FormerHandle {
                    handle: handle.to_owned(),
                    left_at: left_at.into(),
                })
                .collect(),
            created_at: stored.created_at.into(),
            updated_at: stored.updated_at.into(),
        })
    }
}

impl<'a> From<&'a ProductContent> for ProductContentV1<'a> {
    fn from(content: &'a ProductContent) -> ProductContentV1<'a> {
        ProductContentV1 {
            handle: &content.handle,
            name: &content.name,
            description: &content.description,
            category: &content.category,
            brand: &content.brand,
            images: content.images.iter().map(ImageV1::from).collect(),
            tags: texts(&content.tags),
            attributes: pairs(&content.attributes),
            status: match content.status {
                ProductStatus::Draft => ProductStatusV1::Draft,
                ProductStatus::Active => ProductStatusV1::Active,
                ProductStatus::Archived => ProductStatusV1::Archived,
            },
            options: content.options.iter().map(ProductOptionV1::from).collect(),
            variants: content.variants.iter().map(VariantV1::from).collect(),
            currency: content.currency.into(),
        }
    }
}

impl TryFrom<ProductContentV1<'_>> for ProductContent {
    type Error = ValueError;

    fn try_from(stored: ProductContentV1<'_>) -> Result<ProductContent, ValueError> {
        // The domain relies on it wherever it asks for the cheapest variant.
        if stored.variants.is_empty() {
            return Err(ValueError("product: it has no variant"));
        }
        Ok(ProductContent {
            handle: stored.handle.into(),
            name: stored.name.into(),
            description: stored.description.into(),
            category: stored.category.into(),
            brand: stored.brand.into(),
            images: stored.images.into_iter().map(Image::from).collect(),
            tags: owned_texts(stored.tags),
            attributes: owned_pairs(stored.attributes),
            status: match stored.status {
                ProductStatusV1::Draft => ProductStatus::Draft,
                ProductStatusV1::Active => ProductStatus::Active,
                ProductStatusV1::Archived => ProductStatus::Archived,
            },
            options: stored.options.into_iter().map(ProductOption::from).collect(),
            variants: each(stored.variants)?,
            currency: stored.currency.try_into()?,
        })
    }
}

impl<'a> From<&'a Image> for ImageV1<'a> {
    fn from(image: &'a Image) -> ImageV1<'a> {
        ImageV1 { url: &image.url, alt: &image.alt, width: image.width, height: image.height }
    }
}

impl From<ImageV1<'_>> for Image {
    fn from(stored: ImageV1<'_>) -> Image {
        Image {
            url: stored.url.into(),
            alt: stored.alt.into(),
            width: stored.width,
            height: stored.height,
        }
    }
}

impl<'a> From<&'a ProductOption> for ProductOptionV1<'a> {
    fn from(option: &'a ProductOption) -> ProductOptionV1<'a> {
        ProductOptionV1 { name: &option.name, values: texts(&option.values) }
    }
}

impl From<ProductOptionV1<'_>> for ProductOption {
    fn from(stored: ProductOptionV1<'_>) -> ProductOption {
        ProductOption { name: stored.name.into(), values: owned_texts(stored.values) }
    }
}

impl<'a> From<&'a Variant> for VariantV1<'a> {
    fn from(variant: &'a Variant) -> VariantV1<'a> {
        VariantV1 {
            sku: variant.sku.as_str(),
            title: &variant.title,
            options: pairs(&variant.options),
            price: variant.price.into(),
            compare_at_price: variant.compare_at_price.map(Into::into),
            barcode: variant.barcode.as_deref(),
            weight_grams: variant.weight_grams,
            image: variant.image.as_deref(),
        }
    }
}

impl TryFrom<VariantV1<'_>> for Variant {
    type Error = ValueError;

    fn try_from(stored: VariantV1<'_>) -> Result<Variant, ValueError> {
        Ok(Variant {
            sku: stored.sku.parse()?,
            title: stored.title.into(),
            options: owned_pairs(stored.options),
            price: stored.price.try_into()?,
            compare_at_price: stored.compare_at_price.map(Money::try_from).transpose()?,
            barcode: stored.barcode.map(Into::into),
            weight_grams: stored.weight_grams,
            image: stored.image.map(Into::into),
        })
    }
}

impl<'a> From<&'a ProductEvent> for ProductEventV1<'a> {
    fn from(event: &'a ProductEvent) -> ProductEventV1<'a> {
        match event {
            ProductEvent::Created { content, at } => {
                ProductEventV1::Created { content: Box::new((&**content).into()), at: (*at).into() }
            }
            ProductEvent::Updated { content, at } => {
                ProductEventV1::Updated { content: Box::new((&**content).into()), at: (*at).into() }
            }
            ProductEvent::Archived { at } => ProductEventV1::Archived { at: (*at).into() },
        }
    }
}

impl TryFrom<ProductEventV1<'_>> for ProductEvent {
    type Error = ValueError;

    fn try_from(stored: ProductEventV1<'_>) -> Result<ProductEvent, ValueError> {
        Ok(match stored {
            ProductEventV1::Created { content, at } => {
                ProductEvent::Created { content: Box::new((*content).try_into()?), at: at.into() }
            }
            ProductEventV1::Updated { content, at } => {
                ProductEvent::Updated { content: Box::new((*content).try_into()?), at: at.into() }
            }
            ProductEventV1::Archived { at } => ProductEvent::Archived { at: at.into() },
        })
    }
}
