//! A product's page: its pictures, its choices with price and stock each, and the form that puts one
//! into the cart.
//!
//! Every variant is one radio button, so nothing has to be sent to see what it costs or whether it is
//! there, and nothing but the form is needed to buy.

use super::addresses;
use super::answer::{Source, moved, page};
use super::category::way_to_product;
use super::goods::{Card, Picture, cards, prices_differ};
use super::lists::Asked;
use super::shell::{Crumb, Head, Shell, crumbs_data, json_ld};
use super::visitor::Visitor;
use super::words::{self, Stock};
use crate::actors::reads::{Direction, Page, ProductFilter, Sort, SortBy};
use crate::domain::catalog::{Product, ProductOption, Variant};
use crate::domain::{Money, Sku};
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use crate::imports::to_text;
use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};

/// Choices that are shown as buttons; more than these are a list to choose from.
const MOST_BUTTONS: usize = 40;

/// Variants that machines are told of one by one.
const MOST_OFFERS: usize = 40;

const RELATED: usize = 4;

#[derive(Template)]
#[template(path = "storefront/product.html")]
pub(super) struct ProductPage {
    shell: Shell,
    head: Head,
    crumbs: Vec<Crumb>,
    name: String,
    brand: String,
    brand_href: String,
    pictures: Vec<Picture>,
    price: String,
    was: Option<String>,
    /// The only variant.
    only: Option<Choice>,
    groups: Vec<Group>,
    is_sold_out: bool,
    /// Name and address.
    category: Option<(String, String)>,
    delivery: Option<String>,
    ways: Vec<(String, String)>,
    /// HTML without anything that could run: it was sanitized when it was written.
    description: String,
    attributes: Vec<(String, String)>,
    related: Vec<Card>,
    added: Option<String>,
    fault: Option<String>,
    /// The beginning of what the merchant says of returns.
    returns: Option<String>,
    quantity: String,
    /// Whether the choices are a list.
    is_long: bool,
}

/// Choices below one heading.
struct Group {
    legend: String,
    choices: Vec<Choice>,
}

/// A variant to choose.
struct Choice {
    sku: String,
    /// Below its heading.
    name: String,
    /// By itself.
    title: String,
    price: String,
    /// Where others cost something else.
    shows_price: bool,
    was: Option<String>,
    stock: Stock,
    is_chosen: bool,
}

/// What a page says beside the product.
#[derive(Default)]
pub(super) struct Said {
    /// The variant that is chosen.
    pub variant: Option<Sku>,
    /// What was put into the cart.
    pub added: Option<String>,
    /// Why nothing was.
    pub fault: Option<String>,
    pub quantity: Option<String>,
}

pub async fn show(
    State(app): State<App>,
    Named(handle): Named<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let catalog = app.shop.reads.catalog.load();
    let listed = catalog.by_handle(&handle).filter(|listed| listed.is_public());
    let Some(product) = listed.map(|listed| listed.product()) else {
        let now = catalog.moved(&handle).ok_or(ApiError::NotFound { what: "product" })?;
        return moved(&addresses::product(&now), request.uri().query());
    };
    let visitor = Visitor::of(&app, request.headers());
    let asked = Asked::of(request.uri().query());
    let variant = asked.get("variant").and_then(|sku| sku.parse().ok());
    let added = variant.as_ref().filter(|_| asked.get("added").is_some());
    let added = added.and_then(|sku| super::cart::told_of(&app, &visitor, sku));
    let said = Said { variant, added, ..Said::default() };
    let shown = ProductPage::new(&app, &visitor, &product, said);
    page(&app, &visitor, made_at, &request, Source::Models, &shown)
}

impl ProductPage {
    pub fn new(app: &App, visitor: &Visitor, product: &Product, said: Said) -> ProductPage {
        let catalog = app.shop.reads.catalog.load();
        let look = app.look();
        let formats = &look.shop().formats;
        let (content, levels) = (&product.content, &app.shop.reads.levels);
        let stock = |variant: &Variant| Stock::of(&levels.get(&variant.sku));
        let is_there = |variant: &&Variant| !stock(variant).is_out();
        let named = said.variant.as_ref().and_then(|sku| product.variant(sku)).filter(is_there);
        let first = content.variants.iter().find(is_there);
        let is_sold_out = first.is_none();
        let chosen = named.or(first).unwrap_or_else(|| product.cheapest());
        let shows_price = prices_differ(&content.variants);
        let choice = |variant: &Variant, name: String| Choice {
            sku: variant.sku.to_string(),
            name,
            title: variant.title.clone(),
            price: look.price(variant.price),
            shows_price,
            was: variant.compare_at_price.map(|was| look.price(was)),
            stock: stock(variant),
            is_chosen: !is_sold_out && variant.sku == chosen.sku,
        };
        let only = (content.variants.len() == 1).then(|| choice(chosen, name(chosen)));
        let groups = if only.is_some() { Vec::new() } else { groups(product, choice) };
        let (crumbs, category) = way_to_product(&catalog, &content.category, &content.name);
        let returns = app.shop.reads.merchant.load().page("returns");
        let settings = &app.shop.env.settings;
        let rate = words::cheapest_rate(&settings.rules, content.currency);
        let home = &settings.rules.tax.home.country;
        let goods = Money::zero(content.currency);
        let ways = settings.rules.shipping.options(home, goods).into_iter().map(|option| {
            let days = words::days(option.min_days, option.max_days);
            (option.name.clone(), format!("{}, in {days}", words::option_price(&option, formats)))
        });
        let description = words::brief(&to_text(&content.description));
        let path = addresses::product(&content.handle);
        let address = app.public_url.join(&path);
        let pictures: Vec<Picture> = content.images.iter().map(Picture::of).collect();
        let full: Vec<String> =
            pictures.iter().map(|picture| app.picture_url(&picture.src).into_owned()).collect();
        let data = data(product, &address, &description, &full, &stock);
        let head = Head {
            title: match said.fault {
                Some(_) => format!("Error: {}", content.name),
                None => content.name.clone(),
            },
            description,
            canonical: Some(address),
            kind: "product",
            picture: full.first().cloned(),
            data: vec![json_ld(&data), crumbs_data(app, &crumbs)],
        };
        ProductPage {
            shell: Shell::new(app, visitor, &catalog)
                .within(category.as_deref().unwrap_or_default()),
            head,
            crumbs,
            name: content.name.clone(),
            brand: content.brand.clone(),
            brand_href: super::lists::address("/search", [("brand", &content.brand)]),
            pictures,
            price: look.price(chosen.price),
            was: chosen.compare_at_price.map(|was| look.price(was)),
            only,
            is_long: content.variants.len() > MOST_BUTTONS,
            groups,
            is_sold_out,
            category: category.map(|path| (content.category.clone(), path)),
            delivery: rate.map(|rate| words::delivery(rate, formats)),
            ways: ways.collect(),
            returns: returns.map(|page| words::brief(&page.text())),
            description: content.description.clone(),
            attributes: content.attributes.clone(),
            related: related(app, product),
            added: said.added,
            fault: said.fault,
            quantity: said.quantity.unwrap_or_else(|| "1".into()),
        }
    }
}

/// What else is in its category, the best selling first.
fn related(app: &App, product: &Product) -> Vec<Card> {
    if product.content.category.is_empty() {
        return Vec::new();
    }
    let filter =
        ProductFilter { category: Some(product.content.category.clone()), ..Default::default() };
    let sort = Sort { by: SortBy::Bestselling, direction: Direction::Descending };
    let some = Page { offset: 0, limit: RELATED + 1 };
    let levels = &app.shop.reads.levels;
    let (_, mut found) = app.shop.reads.catalog.load().list(&filter, sort, some, levels);
    found.retain(|listed| listed.id != product.id);
    found.truncate(RELATED);
    cards(&found, levels, &app.look(), 0)
}

/// What a choice is called: the values that the variant stands for, or else its title.
fn name(variant: &Variant) -> String {
    if variant.options.is_empty() {
        return variant.title.clone();
    }
    variant.options.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
}

/// The option with the fewest values makes the headings, and the others name the choices.
fn groups(product: &Product, choice: impl Fn(&Variant, String) -> Choice) -> Vec<Group> {
    let content = &product.content;
    let all = |legend: &str| {
        let choices = content.variants.iter().map(|variant| choice(variant, name(variant)));
        vec![Group { legend: legend.to_owned(), choices: choices.collect() }]
    };
    let (by, rest): (&ProductOption, _) = match &content.options[..] {
        [] => return all("Choice"),
        [only] => return all(&only.name),
        several => {
            let by = several.iter().min_by_key(|option| option.values.len());
            let by = by.expect("several are more than none");
            (by, several.iter().filter(|option| option.name != by.name))
        }
    };
    let rest: Vec<&str> = rest.map(|option| option.name.as_str()).collect();
    let value = |variant: &Variant, name: &str| {
        let own = variant.options.iter().find(|(own, _)| own == name);
        own.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let group = |heading: &String| {
        let own = content.variants.iter().filter(|own| value(own, &by.name) == *heading);
        let others =
            |own: &Variant| rest.iter().map(|name| value(own, name)).collect::<Vec<_>>().join(", ");
        let choices = own.map(|own| choice(own, others(own))).collect();
        Group { legend: format!("{}: {heading}", by.name), choices }
    };
    let groups: Vec<Group> =
        by.values.iter().map(group).filter(|group| !group.choices.is_empty()).collect();
    // A variant that lacks the option would be in none of them.
    let grouped: usize = groups.iter().map(|group| group.choices.len()).sum();
    if grouped == content.variants.len() { groups } else { all("Choice") }
}

/// The product with its offers, in the words of schema.org.
fn data(
    product: &Product,
    address: &str,
    description: &str,
    pictures: &[String],
    stock: &impl Fn(&Variant) -> Stock,
) -> Value {
    let content = &product.content;
    let availability = |is_out: bool| match is_out {
        true => "https://schema.org/OutOfStock",
        false => "https://schema.org/InStock",
    };
    let offer = |variant: &Variant| {
        let mut offer = json!({ "@type": "Offer", "sku": variant.sku.as_str(),
            "url": format!("{address}?variant={}", addresses::encoded(variant.sku.as_str())),
            "price": variant.price.to_decimal(), "priceCurrency": content.currency.code(),
            "availability": availability(stock(variant).is_out()),
            "itemCondition": "https://schema.org/NewCondition" });
        if let Some(barcode) = &variant.barcode {
            offer["gtin"] = barcode.as_str().into();
        }
        offer
    };
    let variants = &content.variants;
    let offers = if variants.len() <= MOST_OFFERS {
        variants.iter().map(offer).collect()
    } else {
        let dearest = variants.iter().max_by_key(|variant| variant.price.minor());
        json!({ "@type": "AggregateOffer", "priceCurrency": content.currency.code(),
            "lowPrice": product.cheapest().price.to_decimal(),
            "highPrice": dearest.map(|variant| variant.price.to_decimal()),
            "offerCount": variants.len(),
            "availability": availability(variants.iter().all(|own| stock(own).is_out())) })
    };
    let mut data = json!({ "@context": "https://schema.org", "@type": "Product",
        "name": content.name, "url": address, "sku": product.cheapest().sku.as_str(), "offers": offers });
    for (name, text) in [("description", description), ("category", &content.category)] {
        if !text.is_empty() {
            data[name] = text.into();
        }
    }
    if !content.brand.is_empty() {
        data["brand"] = json!({ "@type": "Brand", "name": content.brand });
    }
    if !pictures.is_empty() {
        data["image"] = pictures.into();
    }
    data
}
