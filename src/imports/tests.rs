//! Whole files in, whole products out.

use super::*;
use crate::domain::catalog::{Image, Product, ProductOption, ProductStatus, Variant};
use crate::domain::{Currency, Money, ProductId, Timestamp};
use proptest::prelude::*;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;

const PRODUCTS: &str = include_str!("../../tests/fixtures/shopify-products.csv");
const FAULTY: &str = include_str!("../../tests/fixtures/shopify-products-faulty.csv");

struct Outcome {
    products: Vec<ImportedProduct>,
    errors: Vec<RowError>,
    progress: Progress,
}

impl Outcome {
    #[track_caller]
    fn product(&self, handle: &str) -> &ImportedProduct {
        let found = self.products.iter().find(|product| product.content.handle == handle);
        found.unwrap_or_else(|| panic!("no {handle}; errors: {:?}", self.errors))
    }

    fn faults(&self) -> Vec<(u64, &str)> {
        self.errors.iter().map(|error| (error.line, error.column.as_str())).collect()
    }
}

fn import(input: impl Read) -> Outcome {
    let mut reader = ProductReader::new(input, Currency::USD);
    let (mut products, mut errors) = (Vec::new(), Vec::new());
    for item in reader.by_ref() {
        match item {
            Ok(product) => {
                product.content.check().expect("every product given out may be stored");
                let skus: Vec<_> = product.content.variants.iter().map(|v| &v.sku).collect();
                assert_eq!(product.stock.iter().map(|stock| &stock.sku).collect::<Vec<_>>(), skus);
                products.push(product);
            }
            Err(error) => errors.push(error),
        }
    }
    assert!(reader.next().is_none(), "the end is the end");
    let progress = reader.progress();
    assert_eq!(progress.products, products.len() as u64);
    assert_eq!(progress.failed == 0, errors.is_empty() || progress.rows == 0);
    Outcome { products, errors, progress }
}

/// One product's row with a few columns, and what became of it.
fn import_cells(cells: &[(&str, &str)]) -> Outcome {
    let mut all = HashMap::from([("Handle", "mug"), ("Title", "Mug"), ("Variant Price", "9.50")]);
    all.extend(cells.iter().copied());
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(all.keys()).unwrap();
    csv.write_record(all.values()).unwrap();
    import(&csv.into_inner().unwrap()[..])
}

fn usd(text: &str) -> Money {
    Money::from_decimal(text, Currency::USD).unwrap()
}

#[test]
fn rows_of_one_handle_make_one_product() {
    let outcome = import(PRODUCTS.as_bytes());
    assert_eq!(outcome.errors, []);
    assert_eq!((outcome.progress.rows, outcome.products.len()), (9, 4));
    let lines: Vec<u64> = outcome.products.iter().map(|product| product.line).collect();
    assert_eq!(lines, [2, 7, 9, 13]);

    let jug = &outcome.product("stone-jug").content;
    assert_eq!((jug.name.as_str(), jug.brand.as_str()), ("Stone Jug", "Hollow & Hill"));
    assert_eq!((jug.category.as_str(), jug.status), ("Kitchen", ProductStatus::Active));
    assert_eq!(jug.tags, ["jug", "stone", "kitchen"]);
    assert_eq!(jug.description, "<p>Fired <em>twice</em>.</p>");
    let sizes = vec!["Small".to_owned(), "Large".to_owned()];
    let colors = vec!["Sand".to_owned(), "Sea, deep".to_owned()];
    let option = |name: &str, values| ProductOption { name: name.into(), values };
    assert_eq!(jug.options, [option("Size", sizes), option("Color", colors)]);
    let variants: Vec<_> = jug
        .variants
        .iter()
        .map(|variant| (variant.sku.as_str(), variant.title.as_str(), variant.price))
        .collect();
    assert_eq!(
        variants,
        [
            ("JUG-S-SAND", "Small / Sand", usd("24.90")),
            ("stone-jug.large.sand", "Large / Sand", usd("39")),
            ("stone-jug.large.sea-deep-5b0300d44f4b", "Large / Sea, deep", usd("39")),
        ]
    );
    assert_eq!(jug.variants[1].compare_at_price, Some(usd("45.00")));
    assert_eq!(jug.variants[2].compare_at_price, None, "a compare-at price of 0 is none");
    let images: Vec<_> =
        jug.images.iter().map(|image| (image.url.as_str(), image.alt.as_str())).collect();
    assert_eq!(
        images,
        [
            ("https://img.example/jug-1.jpg", "From the side"),
            ("https://img.example/jug-2.jpg", ""),
            ("https://img.example/jug-3.jpg", "In use"),
        ]
    );
    assert_eq!(jug.variants[1].image.as_deref(), Some("https://img.example/jug-2.jpg"));
    let stock: Vec<_> =
        outcome.product("stone-jug").stock.iter().map(|s| (s.quantity, s.backorder)).collect();
    assert_eq!(stock, [(Some(4), false), (Some(0), true), (None, false)]);

    let lamp = &outcome.product("reading-lamp").content;
    assert_eq!((lamp.options.len(), lamp.variants.len(), lamp.images.len()), (0, 1, 2));
    let variant = &lamp.variants[0];
    assert_eq!((variant.sku.as_str(), variant.title.as_str()), ("reading-lamp", "Default"));
    assert_eq!((variant.weight_grams, variant.barcode.as_deref()), (Some(1_251), Some("0042")));
    assert_eq!(lamp.category, "Uncategorized");
    assert_eq!(outcome.product("wool-throw").content.description, "Two\nlines, &amp; \"quoted\".");
    assert_eq!(outcome.product("wool-throw").content.status, ProductStatus::Archived);
    let hidden = &outcome.product("old-chair-no-2").content;
    assert_eq!((hidden.status, hidden.category.as_str()), (ProductStatus::Draft, "Chairs"));
}

#[test]
fn marks_line_ends_and_the_order_of_columns_do_not_matter() {
    let plain = import(PRODUCTS.as_bytes());
    let windows = format!("\u{feff}{}", PRODUCTS.replace('\n', "\r\n"));
    let windows = import(windows.as_bytes());
    assert_eq!((&windows.products, windows.errors.len()), (&plain.products, 0));

    let mut reader = csv::Reader::from_reader(PRODUCTS.as_bytes());
    let mut turned = csv::Writer::from_writer(Vec::new());
    let header: Vec<_> = reader.headers().unwrap().iter().rev().map(str::to_lowercase).collect();
    turned.write_record(header.iter().map(String::as_str).chain(["Nobody's"])).unwrap();
    for record in reader.records() {
        turned.write_record(record.unwrap().iter().rev().chain(["x"])).unwrap();
    }
    let turned = import(&turned.into_inner().unwrap()[..]);
    let contents = |outcome: &Outcome| {
        outcome.products.iter().map(|product| product.content.clone()).collect::<Vec<_>>()
    };
    assert_eq!(contents(&turned), contents(&plain));
}

#[test]
fn a_bad_row_costs_its_product_and_no_other() {
    let outcome = import(FAULTY.as_bytes());
    let handles: Vec<_> =
        outcome.products.iter().map(|product| product.content.handle.as_str()).collect();
    assert_eq!(handles, ["good-one", "good-two", "good-three", "good-four"]);
    assert_eq!(
        outcome.faults(),
        [
            (3, "Variant Price"),
            (3, "Variant Inventory Qty"),
            (5, "Variant Price"),
            (8, "Body (HTML)"),
            (10, ""),
            (12, "Handle"),
            (13, "Handle"),
            (14, "Title"),
            (16, "Variant SKU"),
            (18, "Option1 Value"),
            (19, "Handle"),
            (20, "Published"),
            (20, "Variant Inventory Policy"),
            (20, "Image Src"),
        ]
    );
    assert_eq!((outcome.progress.rows, outcome.progress.failed), (19, 11));
}

#[test]
fn a_file_without_its_columns_is_one_error() {
    for input in [
        "",
        "\n\n",
        "Handle;Title\na;b\n",
        "Title,Body (HTML)\na,b\n",
        "Handle\na\n",
        "Handle,Title,handle\n",
    ] {
        let outcome = import(input.as_bytes());
        assert_eq!((outcome.errors.len(), outcome.products.len()), (1, 0), "{input:?}");
    }
    let nothing = import("Handle,Title\n".as_bytes());
    assert_eq!((nothing.errors.len(), nothing.progress.rows), (0, 0));
}

#[test]
fn bytes_that_are_not_text_cost_their_row() {
    let mut input = b"Handle,Title,Variant Price\na,A,1\nb,\xff\xfe,1\nb,,2\nc,C,3\n".to_vec();
    let outcome = import(&input[..]);
    assert_eq!(outcome.faults(), [(3, "Title")]);
    assert_eq!((outcome.products.len(), outcome.progress.failed), (2, 1));
    input.splice(0..1, *b"\xff\xfe");
    assert_eq!(import(&input[..]).faults(), [(1, "Handle")]);
}

#[test]
fn a_file_that_breaks_off_gives_no_half_product() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("gone")),
                count => Ok(count),
            }
        }
    }
    let outcome = import(Broken(b"Handle,Title,Variant Price\na,A,1\n"));
    assert_eq!((outcome.products.len(), outcome.faults()), (0, vec![(1, "")]));
    let outcome = import(&b"Handle,Title,Variant Price\na,A,1\nb,\"B"[..]);
    assert_eq!((outcome.products.len(), outcome.faults()), (1, vec![(3, "Title")]));
}

#[test]
fn cells_are_taken_as_merchants_mean_them() {
    let one = |cells: &[(&str, &str)]| {
        let mut outcome = import_cells(cells);
        assert_eq!(outcome.errors, [], "{cells:?}");
        outcome.products.remove(0)
    };
    let price = |cells: &[(&str, &str)]| one(cells).content.variants[0].price;
    assert_eq!(price(&[("Variant Price", " 1999.98 ")]), usd("1999.98"));
    assert_eq!(one(&[("Title", "'=SUM(A1)")]).content.name, "=SUM(A1)");
    assert_eq!(one(&[("Title", "=SUM(A1)")]).content.name, "=SUM(A1)");
    assert_eq!(one(&[("Title", "'t is")]).content.name, "'t is");
    assert_eq!(one(&[("Title", "Two\nlines")]).content.name, "Two lines");
    assert_eq!(one(&[("Handle", "Süße Äpfel!")]).content.handle, "süße-äpfel");
    assert_eq!(one(&[("Published", "FALSE")]).content.status, ProductStatus::Draft);
    let status = one(&[("Published", "false"), ("Status", "Active")]).content.status;
    assert_eq!(status, ProductStatus::Active);
    let oversold =
        one(&[("Variant Inventory Qty", "-3"), ("Variant Inventory Policy", "continue")]);
    assert_eq!((oversold.stock[0].quantity, oversold.stock[0].backorder), (Some(0), true));
    assert_eq!(one(&[("Product Category", "Home > Kitchen > Mugs")]).content.category, "Mugs");
    assert_eq!(one(&[("Tags", "a, b,,a , c")]).content.tags, ["a", "b", "c"]);
    let attributes =
        one(&[("Attributes", "Material,Oak\n\"Finish, outer\",\"\"")]).content.attributes;
    assert_eq!(
        attributes,
        [("Material".into(), "Oak".into()), ("Finish, outer".into(), "".into())]
    );
}

#[test]
fn what_is_out_of_bounds_is_named() {
    let long = "x".repeat(256);
    let tags = (0..251).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let html = format!("<p>{}</p>", "word ".repeat(14_000));
    for (column, text) in [
        ("Title", long.as_str()),
        ("Title", " "),
        ("Handle", &long),
        ("Handle", "!?"),
        ("Vendor", &long),
        ("Tags", &tags),
        ("Tags", &long),
        ("Body (HTML)", &html),
        ("Variant SKU", &long),
        ("Variant Price", ""),
        ("Variant Price", "1,50"),
        ("Variant Price", "1.505"),
        ("Variant Price", "-1"),
        ("Variant Compare At Price", "$5"),
        ("Variant Grams", "heavy"),
        ("Variant Grams", "1.5kg"),
        ("Variant Inventory Qty", "-1"),
        ("Variant Inventory Qty", "4294967296"),
        ("Variant Inventory Qty", "+1"),
        ("Variant Image", "javascript:alert(1)"),
        ("Image Src", "//elsewhere.example/x.png"),
        ("Image Position", "first"),
        ("Status", "hidden"),
        ("Attributes", "Oak"),
    ] {
        assert_eq!(import_cells(&[(column, text)]).faults(), [(2, column)], "{column}: {text:.20}");
    }
    let names = import_cells(&[("Option1 Value", "Red")]);
    assert_eq!(names.faults(), [(2, "Option1 Name")]);
}

#[test]
fn a_product_has_at_most_2048_variants() {
    let file = |variants: usize| {
        let mut text = "Handle,Title,Option1 Name,Option1 Value,Variant Price\n".to_owned();
        for i in 0..variants {
            text += &if i == 0 { "big,Big,No,0,1\n".into() } else { format!("big,,,{i},1\n") };
        }
        import(text.as_bytes())
    };
    assert_eq!(file(2_048).products[0].content.variants.len(), 2_048);
    assert_eq!(file(2_050).faults(), [(2_050, "Handle"), (2_051, "Handle")]);
}

/// The memory of a reader does not show from outside; what it holds is one row and one product, so
/// the file is made as it is read and nothing of it is kept.
#[test]
fn a_hundred_thousand_rows_flow_through() {
    struct Made {
        row: u64,
        line: Vec<u8>,
    }
    impl Read for Made {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.line.is_empty() && self.row <= 100_000 {
                let (product, variant) =
                    (self.row.saturating_sub(1) / 4, self.row.saturating_sub(1) % 4);
                self.line = match (self.row, variant) {
                    (0, _) => b"Handle,Title,Option1 Name,Option1 Value,Variant Price\n".to_vec(),
                    (_, 0) => format!("thing-{product},Thing {product},Size,0,1.00\n").into_bytes(),
                    _ => format!("thing-{product},,,{variant},1.00\n").into_bytes(),
                };
                self.row += 1;
            }
            let count = self.line.len().min(into.len());
            into[..count].copy_from_slice(&self.line[..count]);
            self.line.drain(..count);
            Ok(count)
        }
    }
    let mut reader = ProductReader::new(Made { row: 0, line: Vec::new() }, Currency::USD);
    let variants: usize =
        reader.by_ref().map(|product| product.unwrap().content.variants.len()).sum();
    assert_eq!(variants, 100_000);
    let progress = reader.progress();
    assert_eq!((progress.rows, progress.products, progress.failed), (100_000, 25_000, 0));
}

/// Real files of other people stay where they are: they are read where they can be, and their
/// absence is said. Expected figures were counted with another program.
#[test]
fn shopifys_own_files_import_whole() {
    let folder = std::env::var_os("MERCAT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    // Products, variants, pictures, units, and the sum of all prices.
    for (name, products, variants, images, units, prices) in [
        ("apparel.csv", 20, 22, 20, 22, "1295.00"),
        ("home-and-garden.csv", 20, 21, 21, 65, "2345.84"),
        ("jewelery.csv", 20, 23, 41, 20, "980.74"),
    ] {
        let path = folder.join("shopify").join(name);
        let Ok(text) = std::fs::read(&path) else {
            eprintln!("skipped: {} is not here", path.display());
            continue;
        };
        let outcome = import(&text[..]);
        assert_eq!(outcome.errors, [], "{name}");
        let contents = || outcome.products.iter().map(|product| &product.content);
        assert_eq!(contents().count(), products, "{name}");
        assert_eq!(
            contents().map(|content| content.variants.len()).sum::<usize>(),
            variants,
            "{name}"
        );
        assert_eq!(contents().map(|content| content.images.len()).sum::<usize>(), images, "{name}");
        let stock = outcome.products.iter().flat_map(|product| &product.stock);
        assert_eq!(stock.filter_map(|stock| stock.quantity).sum::<u32>(), units, "{name}");
        let all = contents().flat_map(|content| &content.variants).map(|variant| variant.price);
        assert_eq!(Money::sum(all, Currency::USD).unwrap(), usd(prices), "{name}");
        assert_eq!(import(&text[..]).products, outcome.products, "{name}: the same on every run");
        assert_same_again(&outcome.products);
    }
}

fn product(content: ProductContent) -> Product {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let id = ProductId::new(now, [7; 10]);
    Product { id, content, former_handles: vec![], created_at: now, updated_at: now }
}

fn export(products: &[ImportedProduct]) -> Vec<u8> {
    let mut writer = ProductWriter::new(Vec::new()).unwrap();
    for imported in products {
        let stock = |sku: &Sku| {
            let stock = imported.stock.iter().find(|stock| stock.sku == *sku).unwrap();
            ExportedStock { quantity: stock.quantity, backorder: stock.backorder }
        };
        writer.write(&product(imported.content.clone()), stock).unwrap();
    }
    writer.finish().unwrap()
}

#[track_caller]
fn assert_same_again(products: &[ImportedProduct]) {
    let file = export(products);
    let again = import(&file[..]);
    assert_eq!(again.errors, [], "{}", String::from_utf8_lossy(&file));
    let bare = |products: &[ImportedProduct]| -> Vec<_> {
        products.iter().map(|product| (product.content.clone(), product.stock.clone())).collect()
    };
    assert_eq!(bare(&again.products), bare(products));
}

#[test]
fn an_export_holds_no_formula() {
    let mut imported = import(PRODUCTS.as_bytes()).products.remove(1);
    imported.content.name = "=HYPERLINK(\"https://evil.example\")".into();
    imported.content.brand = "@SUM(1)".into();
    imported.content.tags = vec!["+1".into(), "-2".into()];
    imported.content.variants[0].barcode = Some("'-1".into());
    let file = export(std::slice::from_ref(&imported));
    let mut cells = csv::Reader::from_reader(&file[..]);
    for record in cells.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
    assert_same_again(&[imported]);
}

#[test]
fn a_fourth_option_is_refused_rather_than_lost() {
    let mut content = import(PRODUCTS.as_bytes()).products.remove(0).content;
    for i in 0..2 {
        content.options.push(ProductOption { name: i.to_string(), values: vec![] });
    }
    let mut writer = ProductWriter::new(Vec::new()).unwrap();
    let refused = writer.write(&product(content), |_| ExportedStock::default());
    assert!(matches!(refused, Err(ExportError::TooManyOptions { count: 4, .. })));
    let lines = writer.finish().unwrap().iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines, 1);
}

/// One line of text as the reader leaves it: anything, but trimmed and without control characters.
fn line(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        "['=+@a,\"é -]{0,8}".prop_map(|text| text.trim().to_owned()),
        any::<String>().prop_map(move |text| {
            let text: String = text.chars().filter(|c| !c.is_control()).take(most).collect();
            text.trim().to_owned()
        }),
    ]
}

fn said(most: usize) -> impl Strategy<Value = String> {
    line(most).prop_filter("must say something", |text| !text.is_empty())
}

fn url() -> impl Strategy<Value = String> {
    "(https?://|/)[a-z]{1,5}\\.example/[a-z0-9,=%&'\"]{0,8}"
}

fn amount() -> impl Strategy<Value = Money> {
    (0..1_000_000_i64).prop_map(|minor| Money::from_minor(minor, Currency::USD))
}

fn variants(options: Vec<String>) -> impl Strategy<Value = Vec<(Variant, ImportedStock)>> {
    let most = if options.is_empty() { 1 } else { 6 };
    let variant = (
        said(64),
        prop::collection::vec(said(40), options.len()),
        prop::option::of(said(40)),
        (amount(), prop::option::of(amount())),
        (prop::option::of(said(20)), prop::option::of(0..5_000_u32), prop::option::of(url())),
        (prop::option::of(any::<u32>()), any::<bool>()),
    );
    prop::collection::vec(variant, 1..=most).prop_map(move |made| {
        let (mut skus, mut choices, mut all) = (HashMap::new(), HashMap::new(), Vec::new());
        for (sku, values, title, (price, compare), (barcode, weight_grams, image), stock) in made {
            let Ok(sku) = sku.parse::<Sku>() else { continue };
            let is_new = skus.insert(sku.clone(), ()).is_none();
            if !(choices.insert(values.clone(), ()).is_none() && is_new) {
                continue;
            }
            let plain = draft::default_title(values.iter().map(String::as_str));
            let variant = Variant {
                sku: sku.clone(),
                title: title.unwrap_or(plain),
                options: options.iter().cloned().zip(values).collect(),
                price,
                compare_at_price: compare.filter(|price| !price.is_zero()),
                barcode,
                weight_grams,
                image,
            };
            all.push((variant, ImportedStock { sku, quantity: stock.0, backorder: stock.1 }));
        }
        all
    })
}

fn imported_product() -> impl Strategy<Value = ImportedProduct> {
    let options = prop::collection::hash_set(said(20), 0..=3)
        .prop_map(|names| names.into_iter().collect::<Vec<_>>());
    let texts = (said(255), any::<String>(), said(255), line(255));
    let tag = said(30).prop_filter("commas part tags", |tag| !tag.contains(','));
    let lists = (
        prop::collection::hash_set(tag, 0..5),
        prop::collection::hash_map(
            url(),
            (line(255), any::<Option<u32>>(), any::<Option<u32>>()),
            0..8,
        ),
        prop::collection::hash_map(said(50), line(90), 0..4),
    );
    let status = prop::sample::select(vec![
        ProductStatus::Active,
        ProductStatus::Draft,
        ProductStatus::Archived,
    ]);
    let variants = options.prop_flat_map(|names| (Just(names.clone()), variants(names)));
    (texts, lists, status, variants).prop_filter_map(
        "a product needs a variant",
        |((name, body, category, brand), (tags, images, attributes), status, (names, made))| {
            if made.is_empty() {
                return None;
            }
            let (variants, stock): (Vec<Variant>, Vec<_>) = made.into_iter().unzip();
            let options = names.into_iter().enumerate().map(|(i, name)| {
                let mut values: Vec<String> = Vec::new();
                for variant in &variants {
                    let value = &variant.options[i].1;
                    if !values.contains(value) {
                        values.push(value.clone());
                    }
                }
                ProductOption { name, values }
            });
            let images = images.into_iter().map(|(url, (alt, width, height))| Image {
                url,
                alt,
                width,
                height,
            });
            let content = ProductContent {
                handle: "thing".into(),
                name,
                description: sanitize(&body),
                category,
                brand,
                images: images.collect(),
                tags: tags.into_iter().collect(),
                attributes: attributes.into_iter().collect(),
                status,
                options: options.collect(),
                variants,
                currency: Currency::USD,
            };
            Some(ImportedProduct { line: 2, content, stock })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_exported_comes_back_the_same(products in prop::collection::vec(imported_product(), 1..4)) {
        let mut products = products;
        for (i, product) in products.iter_mut().enumerate() {
            product.content.handle = format!("thing-{i}");
        }
        assert_same_again(&products);
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        import(&bytes[..]);
        let mut file = b"Handle,Title,Variant Price\n".to_vec();
        file.extend(bytes);
        import(&file[..]);
    }

    #[test]
    fn no_damage_to_a_file_stops_the_reader(
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\",\n\r'=-\xff0".to_vec())), 1..12),
    ) {
        let mut file = PRODUCTS.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        import(&file[..]);
    }
}
