//! A real shop's order lines, relived: its stock codes become a catalog by import, each invoice a
//! cart and a checkout through HTTP, and afterwards stock, orders and totals agree with the file to
//! the cent and the unit.
//!
//! A stock code that was sold at several prices becomes a product with a variant for each. Lines
//! with a quantity or price of zero or less (returns, write-offs) are counted and left out.

use crate::testshop::{TestShop, shared_data};
use futures_util::{StreamExt, stream};
use mercat::config::{ShippingRow, Zone};
use mercat::domain::{Currency, Money};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Checkouts under way at once.
const AT_ONCE: usize = 32;

/// What the file says.
struct Books {
    /// By stock code, then price in pence: SKU and units sold.
    codes: BTreeMap<String, BTreeMap<i64, (String, u32)>>,
    names: HashMap<String, String>,
    invoices: BTreeMap<String, Invoice>,
    left_out: usize,
}

struct Invoice {
    customer: Option<String>,
    country: &'static str,
    /// SKU → units.
    lines: BTreeMap<String, u32>,
    pence: i64,
}

fn read(path: &Path) -> Books {
    let mut books = Books {
        codes: BTreeMap::new(),
        names: HashMap::new(),
        invoices: BTreeMap::new(),
        left_out: 0,
    };
    let mut kept = Vec::new();
    for row in csv::Reader::from_path(path).unwrap().records() {
        let row = row.unwrap();
        let quantity: i64 = row[3].parse().unwrap();
        let pence = Money::from_decimal(&row[5], Currency::GBP).unwrap().minor();
        if quantity <= 0 || pence <= 0 {
            books.left_out += 1;
            continue;
        }
        let units = books.codes.entry(row[1].to_owned()).or_default().entry(pence).or_default();
        units.1 += quantity as u32;
        if !row[2].trim().is_empty() {
            books.names.entry(row[1].to_owned()).or_insert_with(|| row[2].trim().to_owned());
        }
        kept.push((row, quantity as u32, pence));
    }
    for (code, prices) in &mut books.codes {
        let several = prices.len() > 1;
        for (pence, (sku, _)) in prices {
            *sku = if several { format!("{code}@{pence}") } else { code.clone() };
        }
    }
    for (row, quantity, pence) in kept {
        let sku = books.codes[&row[1]][&pence].0.clone();
        let invoice = books.invoices.entry(row[0].to_owned()).or_insert_with(|| Invoice {
            customer: row[6].split('.').next().filter(|id| !id.is_empty()).map(str::to_owned),
            country: country(&row[7]),
            lines: BTreeMap::new(),
            pence: 0,
        });
        *invoice.lines.entry(sku).or_default() += quantity;
        invoice.pence += pence * i64::from(quantity);
    }
    books
}

/// ISO 3166 for the names in the file; where it names no country, the shop's own.
fn country(name: &str) -> &'static str {
    match name {
        "Australia" => "AU",
        "Austria" => "AT",
        "Bahrain" => "BH",
        "Belgium" | "European Community" => "BE",
        "Brazil" => "BR",
        "Canada" => "CA",
        "Channel Islands" => "JE",
        "Cyprus" => "CY",
        "Czech Republic" => "CZ",
        "Denmark" => "DK",
        "EIRE" => "IE",
        "Finland" => "FI",
        "France" => "FR",
        "Germany" => "DE",
        "Greece" => "GR",
        "Hong Kong" => "HK",
        "Iceland" => "IS",
        "Israel" => "IL",
        "Italy" => "IT",
        "Japan" => "JP",
        "Lebanon" => "LB",
        "Lithuania" => "LT",
        "Malta" => "MT",
        "Netherlands" => "NL",
        "Norway" => "NO",
        "Poland" => "PL",
        "Portugal" => "PT",
        "RSA" => "ZA",
        "Saudi Arabia" => "SA",
        "Singapore" => "SG",
        "Spain" => "ES",
        "Sweden" => "SE",
        "Switzerland" => "CH",
        "USA" => "US",
        "United Arab Emirates" => "AE",
        "United Kingdom" | "Unspecified" => "GB",
        other => panic!("{other:?} is a country that the test does not know"),
    }
}

/// The stock codes as a product CSV with Shopify's columns. Codes that differ in case alone keep
/// apart: the handle of a later one is numbered.
fn catalog(books: &Books) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "Handle",
        "Title",
        "Vendor",
        "Type",
        "Published",
        "Option1 Name",
        "Option1 Value",
        "Variant SKU",
        "Variant Inventory Qty",
        "Variant Inventory Policy",
        "Variant Price",
    ])
    .unwrap();
    let mut handles: HashMap<String, u32> = HashMap::new();
    for (code, prices) in &books.codes {
        let base = mercat::domain::catalog::handle_from(code);
        let turn = handles.entry(base.clone()).or_insert(0);
        *turn += 1;
        let handle = if *turn == 1 { base } else { format!("{base}-{turn}") };
        let name = books.names.get(code).unwrap_or(code);
        for (i, (pence, (sku, units))) in prices.iter().enumerate() {
            let price = Money::from_minor(*pence, Currency::GBP).to_decimal();
            let (option, value) = if prices.len() > 1 {
                ("Price", price.as_str())
            } else {
                ("Title", "Default Title")
            };
            let units = units.to_string();
            let of_first = |text| if i == 0 { text } else { "" };
            out.write_record([
                handle.as_str(),
                of_first(name),
                of_first("Sample"),
                of_first("Gifts"),
                of_first("true"),
                of_first(option),
                value,
                sku,
                &units,
                "deny",
                &price,
            ])
            .unwrap();
        }
    }
    out.into_inner().unwrap()
}

async fn gbp_shop() -> TestShop {
    TestShop::with(|config| {
        config.currency = "GBP".into();
        config.tax.home_country = Some("GB".into());
        let free = ShippingRow {
            id: "standard".into(),
            name: "Free".into(),
            price: "0".into(),
            free_over: None,
            currency: None,
            min_days: 1,
            max_days: 9,
        };
        config.shipping.zones = vec![Zone { countries: vec![], rates: vec![free] }];
    })
    .await
}

/// One invoice as a guest's purchase; gives the order.
async fn buy(shop: &TestShop, number: &str, invoice: &Invoice) -> Value {
    let items =
        invoice.lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }));
    let cart = json!({ "items": items.collect::<Vec<Value>>() });
    let cart = shop.post("/v1/carts").json(cart).send().await.expect(201).json();
    let customer = invoice.customer.as_deref().unwrap_or(number);
    let body = json!({
        "email": format!("customer-{customer}@example.com"),
        "shippingAddress": { "name": format!("Customer {customer}"), "line1": "1 High Street", "city": "Town", "country": invoice.country },
        "shippingOption": "standard",
        "payment": { "provider": "test", "token": "tok_visa" },
        "note": format!("invoice {number}"),
    });
    let checkout = format!("/v1/carts/{}/checkout", cart["cartId"].as_str().unwrap());
    shop.post(&checkout)
        .key(&format!("invoice-{number}"))
        .json(body)
        .send()
        .await
        .expect(201)
        .json()
}

fn pence(amount: &Value) -> i64 {
    Money::from_decimal(&amount.to_string(), Currency::GBP).unwrap().minor()
}

/// Relives the file and compares; gives how many invoices and lines left out there were.
async fn relive(path: &Path) -> (usize, usize, usize) {
    let books = read(path);
    let shop = gbp_shop().await;
    let csv = catalog(&books);
    let import = shop
        .post("/v1/imports/products")
        .staff()
        .body("text/csv", csv)
        .send()
        .await
        .expect(202)
        .json();
    let report = format!("/v1/imports/{}", import["importId"].as_str().unwrap());
    let report = shop.eventually(&report, |report| report["status"] != "running").await;
    assert_eq!(report["failed"], 0, "{report:#}");
    assert_eq!(report["created"], books.codes.len(), "{report:#}");

    let orders: Vec<(&String, Value)> = stream::iter(&books.invoices)
        .map(|(number, invoice)| {
            let shop = &shop;
            async move { (number, buy(shop, number, invoice).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;

    assert_eq!(orders.len(), books.invoices.len());
    let mut sum = 0;
    for (number, order) in &orders {
        assert_eq!(order["status"], "paid", "invoice {number}");
        assert_eq!(pence(&order["total"]), books.invoices[*number].pence, "invoice {number}");
        assert_eq!(order["items"].as_array().unwrap().len(), books.invoices[*number].lines.len());
        sum += pence(&order["total"]);
    }
    assert_eq!(sum, books.invoices.values().map(|invoice| invoice.pence).sum::<i64>());
    let listed = shop.get("/v1/orders?status=paid&limit=1").staff().send().await.expect(200).json();
    assert_eq!(listed["meta"]["totalItems"], books.invoices.len());
    for (sku, units) in books.codes.values().flat_map(BTreeMap::values) {
        let level = shop.shop.reads.levels.get(&sku.parse().unwrap());
        let (sold, received) = (level.sold, level.received);
        assert_eq!((sold, received), (i64::from(*units), i64::from(*units)), "{sku}");
        assert_eq!((level.on_hand, level.reserved), (0, 0), "{sku}");
    }
    (books.invoices.len(), books.codes.len(), books.left_out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_few_invoices_of_every_shape_agree_to_the_cent() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/retail-lines.csv");
    assert_eq!(relive(&own).await, (4, 7, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_thousand_lines_of_a_real_shop_agree_to_the_cent() {
    let Some(folder) = shared_data() else { return };
    let (invoices, codes, left_out) = relive(&folder.join("online-retail-sample.csv")).await;
    println!("relived {invoices} invoices of {codes} stock codes; {left_out} lines were left out");
    assert!(invoices > 11_000 && left_out == 657);
}
