//! Writing: products as the CSV that the reader, Shopify and spreadsheets take.
//!
//! What is written comes back the same: content as the reader gives it, and stock as it was told.
//! Cells that a spreadsheet would run as formulas get an apostrophe, which the reader takes off.

use super::cells::guard;
use super::columns::{Column, OPTIONS};
use super::draft::{NO_OPTION, default_title};
use crate::domain::Sku;
use crate::domain::catalog::{Image, Product, ProductContent, ProductStatus, Variant};
use std::borrow::Cow;
use std::io::{self, Write};

/// What an export says about the stock of one SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportedStock {
    /// Units available to sell; `None` leaves it open.
    pub quantity: Option<u32>,
    pub backorder: bool,
}

/// Why a product was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the file could not be written")]
    Write(#[source] io::Error),
    /// Nothing of the product was written; others may follow.
    #[error("{handle} has {count} options, and the format has room for three")]
    TooManyOptions { handle: String, count: usize },
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> ExportError {
        ExportError::Write(error.into())
    }
}

/// Writes products to `W`, each as one row for a variant and more for further pictures.
pub struct ProductWriter<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> ProductWriter<W> {
    /// Writes the first row. Output is buffered: nothing is complete before [`Self::finish`].
    pub fn new(output: W) -> Result<ProductWriter<W>, ExportError> {
        let mut csv = csv::Writer::from_writer(output);
        csv.write_record(Column::ALL.iter().map(|column| column.name()))?;
        Ok(ProductWriter { csv })
    }

    /// Writes one product; `stock` is asked for each of its SKUs in turn.
    pub fn write(
        &mut self,
        product: &Product,
        mut stock: impl FnMut(&Sku) -> ExportedStock,
    ) -> Result<(), ExportError> {
        let content = &product.content;
        if content.options.len() > OPTIONS.len() {
            let (handle, count) = (content.handle.clone(), content.options.len());
            return Err(ExportError::TooManyOptions { handle, count });
        }
        for i in 0..content.variants.len().max(content.images.len()) {
            let mut line = Line::new(content);
            if i == 0 {
                line.say_product(content);
            }
            if let Some(variant) = content.variants.get(i) {
                line.say_variant(content, variant, stock(&variant.sku));
            }
            if let Some(image) = content.images.get(i) {
                line.say_image(i + 1, image);
            }
            self.csv.write_record(line.cells.iter().map(|cell| cell.as_bytes()))?;
        }
        Ok(())
    }

    /// Hands everything to the output and gives it back.
    pub fn finish(self) -> Result<W, ExportError> {
        self.csv.into_inner().map_err(|error| ExportError::Write(error.into_error()))
    }
}

/// One row in the making.
struct Line<'a> {
    cells: Vec<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    fn new(content: &'a ProductContent) -> Line<'a> {
        let mut line = Line { cells: vec![Cow::Borrowed(""); Column::ALL.len()] };
        line.set(Column::Handle, &content.handle);
        line
    }

    fn set(&mut self, column: Column, text: &'a str) {
        self.cells[column as usize] = guard(text);
    }

    fn set_made(&mut self, column: Column, text: String) {
        self.cells[column as usize] = guard(&text).into_owned().into();
    }

    fn say_product(&mut self, content: &'a ProductContent) {
        self.set(Column::Title, &content.name);
        self.set(Column::Body, &content.description);
        self.set(Column::Vendor, &content.brand);
        self.set(Column::Type, &content.category);
        self.set_made(Column::Tags, content.tags.join(", "));
        let (published, status) = match content.status {
            ProductStatus::Active => ("true", "active"),
            ProductStatus::Draft => ("false", "draft"),
            ProductStatus::Archived => ("false", "archived"),
        };
        self.set(Column::Published, published);
        self.set(Column::Status, status);
        self.set(Column::GiftCard, "false");
        for (option, (name, _)) in content.options.iter().zip(OPTIONS) {
            self.set(name, &option.name);
        }
        if content.options.is_empty() {
            self.set(Column::Option1Name, NO_OPTION.0);
        }
        self.set_made(Column::Attributes, attributes(content));
    }

    fn say_variant(
        &mut self,
        content: &'a ProductContent,
        variant: &'a Variant,
        stock: ExportedStock,
    ) {
        let value = |name: &str| {
            let found = variant.options.iter().find(|(option, _)| option == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        for (option, (_, column)) in content.options.iter().zip(OPTIONS) {
            self.set(column, value(&option.name));
        }
        if content.options.is_empty() {
            self.set(Column::Option1Value, NO_OPTION.1);
        }
        let values = content.options.iter().map(|option| value(&option.name));
        if variant.title != default_title(values) {
            self.set(Column::VariantTitle, &variant.title);
        }
        self.set(Column::VariantSku, variant.sku.as_str());
        self.set_made(Column::VariantPrice, variant.price.to_decimal());
        if let Some(price) = variant.compare_at_price {
            self.set_made(Column::VariantCompareAtPrice, price.to_decimal());
        }
        if let Some(barcode) = &variant.barcode {
            // The reader takes any one apostrophe off a barcode, as other programs put them there.
            let apostrophe = if barcode.starts_with('\'') { "'" } else { "" };
            self.set_made(Column::VariantBarcode, format!("{apostrophe}{barcode}"));
        }
        if let Some(grams) = variant.weight_grams {
            self.set_made(Column::VariantGrams, grams.to_string());
        }
        self.set(Column::VariantWeightUnit, "g");
        self.set(Column::VariantImage, variant.image.as_deref().unwrap_or_default());
        if let Some(quantity) = stock.quantity {
            self.set(Column::VariantTracker, "shopify");
            self.set_made(Column::VariantQuantity, quantity.to_string());
        }
        self.set(Column::VariantPolicy, if stock.backorder { "continue" } else { "deny" });
        self.set(Column::VariantFulfillment, "manual");
        self.set(Column::VariantShipping, "true");
        self.set(Column::VariantTaxable, "true");
    }

    fn say_image(&mut self, position: usize, image: &'a Image) {
        self.set(Column::ImageSrc, &image.url);
        self.set_made(Column::ImagePosition, position.to_string());
        self.set(Column::ImageAlt, &image.alt);
        for (column, pixels) in
            [(Column::ImageWidth, image.width), (Column::ImageHeight, image.height)]
        {
            if let Some(pixels) = pixels {
                self.set_made(column, pixels.to_string());
            }
        }
    }
}

/// Attributes as a small CSV of their own.
fn attributes(content: &ProductContent) -> String {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let written: Result<(), csv::Error> =
        content.attributes.iter().try_for_each(|(name, value)| csv.write_record([name, value]));
    written.expect("writing to memory does not fail, and each record has two fields");
    let text = csv.into_inner().expect("writing to memory does not fail");
    let text = String::from_utf8(text).expect("text in, text out");
    text.trim_end_matches('\n').to_owned()
}
