//! The cart: its page, and the forms that fill and change it.
//!
//! Whatever happened to a line since it was put there is said beside it: another price, fewer units
//! left, nothing left. What it cost then is in the cart's history, so it is said until the line is put
//! in anew, however often the page is opened.

mod items;

use self::items::{Item, Note, Remark, items};
use super::account;
use super::addresses;
use super::answer::{private, see_other, told};
use super::cart_cookie;
use super::goods::Picture;
use super::lists::{Asked, address};
use super::product::{ProductPage, Said};
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use super::words;
use crate::actors::cart::CartRequest;
use crate::domain::cart::{Cart, CartStatus};
use crate::domain::formats::Formats;
use crate::domain::pricing::PriceRules;
use crate::domain::tax::Prices;
use crate::domain::{CartId, Money, Sku};
use crate::http::api::carts;
use crate::http::app::App;
use crate::http::body::Named;
use crate::http::problem::ApiError;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

/// What the scripts of a page send to be given a part of it.
const FRAGMENT: &str = "x-fragment";

/// The most units that the forms offer; a shop that sells thousands at once does so by the API.
const MOST: u32 = 999;

#[derive(Template)]
#[template(path = "storefront/cart.html")]
struct CartPage {
    shell: Shell,
    head: Head,
    items: Vec<Item>,
    /// How many things changed, in words.
    changed: Option<String>,
    things: String,
    goods: String,
    delivery: Option<String>,
    tax: Option<&'static str>,
    total_of: &'static str,
    is_blocked: bool,
}

/// What is said below the line where something was added.
#[derive(Template)]
#[template(path = "storefront/added.html")]
struct Added {
    assets: String,
    units: u64,
    picture: Option<Picture>,
    name: String,
    title: String,
    price: String,
}

#[derive(Template)]
#[template(source = r#"<p data-fragment="fault">{{ text }}</p>"#, ext = "html")]
struct Fault<'a> {
    text: &'a str,
}

pub async fn show(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let mut visitor = Visitor::of(&app, &parts.headers);
    visitor.give_cookie();
    let asked = Asked::of(parts.uri.query());
    let remark = asked.get("line").zip(asked.get("asked")).and_then(|(sku, asked)| {
        let (sku, asked) = (sku.parse().ok()?, asked.parse().ok()?);
        Some(Remark { sku, note: Note::Fewer { asked, left: 0 } })
    });
    let page = cart_page(&app, &mut visitor, remark).await?;
    private(&app, &visitor, &parts.headers, &page)
}

#[derive(Deserialize)]
pub struct Adding {
    sku: String,
    #[serde(default)]
    quantity: String,
}

/// Puts a variant into the visitor's cart, or into a new one.
pub async fn add(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Adding>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let mut visitor = Visitor::of(&app, &headers);
    visitor.give_cookie();
    let catalog = app.shop.reads.catalog.load();
    let sku: Option<Sku> = form.sku.parse().ok();
    let found = sku.and_then(|sku| Some((catalog.variant(&sku)?.0.clone(), sku)));
    let Some((listed, sku)) = found.filter(|(listed, _)| listed.is_public()) else {
        return Err(ApiError::NotFound { what: "product" });
    };
    let is_fragment = headers.contains_key(FRAGMENT);
    let product = listed.product();
    let refuse = |visitor: &Visitor, text: String| {
        if is_fragment {
            return told(&app, visitor, StatusCode::CONFLICT, &Fault { text: &text });
        }
        let said = Said {
            variant: Some(sku.clone()),
            fault: Some(text),
            quantity: Some(form.quantity.clone()),
            ..Said::default()
        };
        let page = ProductPage::new(&app, visitor, &product, said);
        told(&app, visitor, StatusCode::CONFLICT, &page)
    };
    let Some(quantity) = read_quantity(&form.quantity).filter(|quantity| *quantity > 0) else {
        return refuse(&visitor, format!("Say how many: a number from 1 to {MOST}."));
    };
    let open = visitor.cart.and_then(|id| Some((id, open_cart(&app, id)?)));
    let there = open.as_ref().and_then(|(_, cart)| cart.line(&sku)).map_or(0, |line| line.quantity);
    let level = app.shop.reads.levels.get(&sku);
    let left = level.available().max(0);
    if !level.backorder && i64::from(there) + i64::from(quantity) > left {
        return refuse(&visitor, too_many(left, there));
    }
    let create = || CartRequest::Create { currency: None, items: vec![(sku.clone(), quantity)] };
    let view = match open {
        None => carts::asked(&app, None, create()).await?,
        Some((id, _)) => {
            let add = CartRequest::AddItem { sku: sku.clone(), quantity };
            match carts::asked(&app, Some(id), add).await {
                // It was bought or left behind meanwhile.
                Err(ApiError::NotFound { .. } | ApiError::CartOrdered(_)) => {
                    carts::asked(&app, None, create()).await?
                }
                answered => answered?,
            }
        }
    };
    visitor.cart = Some(view.id);
    if let Some(customer) = &visitor.customer {
        account::keep(&app, customer, view.id).await;
    }
    visitor.units = units(&view.cart);
    let variant = product.variant(&sku);
    let mut response = if is_fragment {
        let added = Added {
            assets: app.look().assets.address(),
            units: visitor.units,
            picture: Picture::first_of(&product),
            name: product.content.name.clone(),
            title: variant
                .map(|variant| variant.title.clone())
                .filter(|_| product.content.variants.len() > 1)
                .unwrap_or_default(),
            price: variant.map(|variant| app.look().price(variant.price)).unwrap_or_default(),
        };
        told(&app, &visitor, StatusCode::OK, &added)?
    } else {
        let path = addresses::product(&product.content.handle);
        see_other(&app, &visitor, &address(&path, [("variant", sku.as_str()), ("added", "1")]))?
    };
    cart_cookie::keep(response.headers_mut(), &app.public_url, view.id);
    Ok(response)
}

#[derive(Deserialize)]
pub struct Changing {
    #[serde(default)]
    quantity: String,
}

/// Changes a line's quantity; zero removes it.
pub async fn change(
    State(app): State<App>,
    Named(sku): Named<Sku>,
    headers: HeaderMap,
    form: Result<Form<Changing>, FormRejection>,
) -> Result<Response, ApiError> {
    let Form(form) = form?;
    let Some(asked) = read_quantity(&form.quantity) else {
        let text = format!("Say how many: a number from 0 to {MOST}.");
        let mut visitor = Visitor::of(&app, &headers);
        let remark = Remark { sku, note: Note::Fault(text) };
        let page = cart_page(&app, &mut visitor, Some(remark)).await?;
        return told(&app, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let level = app.shop.reads.levels.get(&sku);
    let left = u32::try_from(level.available().max(0)).unwrap_or(u32::MAX);
    let quantity = if level.backorder || left == 0 { asked } else { asked.min(left) };
    let remark =
        (quantity < asked).then(|| Remark { sku: sku.clone(), note: Note::Fewer { asked, left } });
    carry_out(&app, &headers, CartRequest::SetQuantity { sku, quantity }, remark).await
}

/// Takes a line out.
pub async fn remove(
    State(app): State<App>,
    Named(sku): Named<Sku>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    carry_out(&app, &headers, CartRequest::RemoveItem { sku }, None).await
}

/// Changes the visitor's cart and shows it. What is gone already needs no change.
async fn carry_out(
    app: &App,
    headers: &HeaderMap,
    request: CartRequest,
    remark: Option<Remark>,
) -> Result<Response, ApiError> {
    let mut visitor = Visitor::of(app, headers);
    if let Some(cart) = visitor.cart {
        match carts::asked(app, Some(cart), request).await {
            Ok(_) | Err(ApiError::NotFound { .. } | ApiError::CartOrdered(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut response = if headers.contains_key(FRAGMENT) {
        let page = cart_page(app, &mut visitor, remark).await?;
        told(app, &visitor, StatusCode::OK, &page)?
    } else {
        let said = remark.as_ref().and_then(|remark| match remark.note {
            Note::Fewer { asked, .. } => {
                Some([("line", remark.sku.to_string()), ("asked", asked.to_string())])
            }
            _ => None,
        });
        see_other(app, &visitor, &address("/cart", said.into_iter().flatten()))?
    };
    if let Some(cart) = visitor.cart {
        cart_cookie::keep(response.headers_mut(), &app.public_url, cart);
    }
    Ok(response)
}

fn read_quantity(text: &str) -> Option<u32> {
    let text = if text.trim().is_empty() { "1" } else { text.trim() };
    text.parse().ok().filter(|quantity| *quantity <= MOST)
}

fn too_many(left: i64, there: u32) -> String {
    let is_are = if left == 1 { "is" } else { "are" };
    match (left, there) {
        (0, _) => "This has just sold out.".to_owned(),
        (_, 0) => format!("Only {left} {is_are} left."),
        _ => format!("Only {left} {is_are} left, and {there} of them in your cart already."),
    }
}

fn units(cart: &Cart) -> u64 {
    cart.lines.iter().map(|line| u64::from(line.quantity)).sum()
}

/// A cart that can still be filled, as it is on disk.
fn open_cart(app: &App, id: CartId) -> Option<Cart> {
    let (_, cart) = app.shop.reads.cart(id).ok().flatten()?;
    (cart.status == CartStatus::Open).then_some(cart)
}

/// What is said of a variant that was put into the visitor's cart, as long as it is there.
pub(super) fn told_of(app: &App, visitor: &Visitor, sku: &Sku) -> Option<String> {
    let cart = open_cart(app, visitor.cart?)?;
    let line = cart.line(sku)?;
    let catalog = app.shop.reads.catalog.load();
    let several = catalog.variant(sku).is_some_and(|(listed, _)| listed.variants.len() > 1);
    let title = if several { format!(", {}", line.title) } else { String::new() };
    Some(format!("{} × {}{title}", line.quantity, line.name))
}

/// The page of the visitor's cart, at the prices of this moment.
async fn cart_page(
    app: &App,
    visitor: &mut Visitor,
    remark: Option<Remark>,
) -> Result<CartPage, ApiError> {
    let view = match visitor.cart {
        None => None,
        Some(cart) => match carts::asked(app, Some(cart), CartRequest::Show).await {
            Ok(view) => Some(view).filter(|view| view.cart.status == CartStatus::Open),
            Err(ApiError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        },
    };
    visitor.units = view.as_ref().map_or(0, |view| units(&view.cart));
    let look = app.look();
    let is_refused = matches!(&remark, Some(Remark { note: Note::Fault(_), .. }));
    let items = view.as_ref().map(|view| items(app, view, remark)).transpose()?;
    let items = items.unwrap_or_default();
    let rules = &app.shop.env.settings.rules;
    let currency = view.as_ref().map_or(app.shop.env.settings.currency, |view| view.cart.currency);
    let kept = items.iter().filter(|(item, _)| !item.is_gone);
    let goods = Money::sum(kept.clone().map(|(_, total)| *total), currency)?;
    let things = kept.map(|(item, _)| u64::from(item.quantity)).sum();
    let delivery = delivery(rules, &look.shop().formats, goods);
    let tax = match rules.tax.prices {
        Prices::IncludeTax => Some("included"),
        Prices::ExcludeTax if rules.tax.rates.is_empty() => None,
        Prices::ExcludeTax => Some("at checkout"),
    };
    let is_blocked = items.iter().any(|(item, _)| {
        item.is_gone || item.notes.iter().any(|note| matches!(note, Note::Short { .. }))
    });
    let is_whole = delivery.as_deref() == Some("Free") && tax != Some("at checkout");
    let changed = items.iter().filter(|(item, _)| !item.notes.is_empty()).count();
    let catalog = app.shop.reads.catalog.load();
    Ok(CartPage {
        shell: Shell::new(app, visitor, &catalog),
        head: Head {
            description: "What you have put into your cart, at the prices of today.".into(),
            ..Head::unlisted(if is_refused { "Error: Your cart" } else { "Your cart" })
        },
        items: items.into_iter().map(|(item, _)| item).collect(),
        changed: match changed {
            0 => None,
            1 => Some("One thing changed".into()),
            n => Some(format!("{n} things changed")),
        },
        things: words::count(things, "thing"),
        goods: look.price(goods),
        delivery,
        tax,
        total_of: if is_whole { "Total" } else { "Before delivery and tax" },
        is_blocked,
    })
}

/// The least that delivery costs at home.
fn delivery(rules: &PriceRules, formats: &Formats, goods: Money) -> Option<String> {
    let options = rules.shipping.options(&rules.tax.home.country, goods);
    let cheapest = options.first()?;
    let price = words::option_price(cheapest, formats);
    Some(if cheapest.price.is_zero() { price } else { format!("from {price}") })
}
