//! The columns that count, by name. Shopify's files have many more; those are skipped.

use super::RowError;
use super::rows::Row;

/// Defines the columns in the order in which they are written.
macro_rules! columns {
    ($($column:ident $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($column,)* }

        impl Column {
            pub const ALL: &[Column] = &[$(Column::$column,)*];

            /// The name in a file's first row.
            pub fn name(self) -> &'static str {
                match self { $(Column::$column => $name,)* }
            }
        }
    };
}

columns! {
    Handle "Handle",
    Title "Title",
    Body "Body (HTML)",
    Vendor "Vendor",
    ProductCategory "Product Category",
    Type "Type",
    Tags "Tags",
    Published "Published",
    Option1Name "Option1 Name",
    Option1Value "Option1 Value",
    Option2Name "Option2 Name",
    Option2Value "Option2 Value",
    Option3Name "Option3 Name",
    Option3Value "Option3 Value",
    VariantSku "Variant SKU",
    VariantGrams "Variant Grams",
    VariantTracker "Variant Inventory Tracker",
    VariantQuantity "Variant Inventory Qty",
    VariantPolicy "Variant Inventory Policy",
    VariantFulfillment "Variant Fulfillment Service",
    VariantPrice "Variant Price",
    VariantCompareAtPrice "Variant Compare At Price",
    VariantShipping "Variant Requires Shipping",
    VariantTaxable "Variant Taxable",
    VariantBarcode "Variant Barcode",
    ImageSrc "Image Src",
    ImagePosition "Image Position",
    ImageAlt "Image Alt Text",
    GiftCard "Gift Card",
    VariantImage "Variant Image",
    VariantWeightUnit "Variant Weight Unit",
    Status "Status",
    // What follows is not Shopify's, which skips it; without it an export would lose something.
    VariantTitle "Variant Title",
    Attributes "Attributes",
    ImageWidth "Image Width",
    ImageHeight "Image Height",
}

/// Names and values of a product's options, in order.
pub(super) const OPTIONS: [(Column, Column); 3] = [
    (Column::Option1Name, Column::Option1Value),
    (Column::Option2Name, Column::Option2Value),
    (Column::Option3Name, Column::Option3Value),
];

/// Where each column stands in one file.
#[derive(Debug)]
pub(super) struct Columns {
    places: Vec<Option<usize>>,
    names: Vec<String>,
}

impl Columns {
    /// Reads the first row. Without the columns that every product needs, there is nothing to read.
    pub fn from_row(row: &Row) -> Result<Columns, RowError> {
        let refuse = |column: &str, detail: String| {
            Err(RowError { line: row.line, column: column.to_owned(), detail })
        };
        if let Some(fault) = row.fault {
            return refuse("", format!("the first row {fault}"));
        }
        let names: Vec<String> =
            row.fields().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let mut places = Vec::with_capacity(Column::ALL.len());
        for column in Column::ALL {
            let mut found =
                (0..names.len()).filter(|&i| names[i].eq_ignore_ascii_case(column.name()));
            places.push(found.next());
            if found.next().is_some() {
                return refuse(column.name(), "the column is there twice".to_owned());
            }
        }
        let columns = Columns { places, names };
        let required = [Column::Handle, Column::Title];
        if let Some(missing) = required.into_iter().find(|&column| columns.place(column).is_none())
        {
            let detail = "the first row does not name this column; a product CSV of Shopify's, \
                          separated by commas and in UTF-8, is needed";
            return refuse(missing.name(), detail.to_owned());
        }
        Ok(columns)
    }

    pub fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// Whether none of the columns that count has text in this row, as in the empty rows that
    /// spreadsheets leave behind.
    pub fn are_empty_in(&self, row: &Row) -> bool {
        let mut fields = self.places.iter().flatten().filter_map(|&place| row.field(place));
        fields.all(|field| field.trim_ascii().is_empty())
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }
}
