//! Carts. Whoever knows a cart's id may use it: the id is the guest's key.

use super::dto::address::AddressJson;
use super::dto::cart::{
    CartCreate, CartJson, Checkout, DiscountCode, ItemAdd, QuantitySet, ShippingOptionChoice,
    ShippingOptionJson, ShippingOptions,
};
use super::users::private;
use crate::actors::ask::{Refusal, Render, RenderedAnswer};
use crate::actors::cart::{self as actors, CartRefusal, CartRequest, CartView};
use crate::actors::order::{CheckoutRefusal, CheckoutRequest, OrderView, Short};
use crate::domain::order::Attempt;
use crate::domain::pricing::PricingError;
use crate::domain::{Address, CartId, Currency, Money, PersonId, Sku};
use crate::http::access::Shopper;
use crate::http::app::{App, Call};
use crate::http::body::{Body, MaybeBody, Named, Pair, read};
use crate::http::etag::{answer, versioned};
use crate::http::idempotency::IdempotencyKey;
use crate::http::keyed::{carry_out, refused, rendered};
use crate::http::layers::detached;
use crate::http::problem::{ApiError, PriceChange, Shortage};
use crate::secrets::Forgotten;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(show, delete))
        .routes(routes!(add_item))
        .routes(routes!(set_quantity, remove_item))
        .routes(routes!(set_shipping_address))
        .routes(routes!(shipping_options))
        .routes(routes!(set_shipping_option))
        .routes(routes!(add_discount_code, remove_discount_code))
        .routes(routes!(checkout))
}

/// Make a cart.
///
/// An empty body makes an empty cart in the shop's currency.
#[utoipa::path(post, path = "/v1/carts", tag = "Carts", request_body = CartCreate,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; a retry with it gets the first answer")),
    responses((status = 201, body = CartJson)))]
async fn create(
    State(app): State<App>,
    shopper: Shopper,
    call: Call,
    body: MaybeBody<CartCreate>,
) -> Result<Response, ApiError> {
    let CartCreate { currency, items } = body.value;
    // The schema has checked it.
    let currency = currency.as_deref().and_then(Currency::from_code);
    let items = items.iter().map(|item| Ok((sku("/items", &item.sku)?, item.quantity)));
    let request = CartRequest::Create { currency, items: items.collect::<Result<_, ApiError>>()? };
    let attempt = call.attempt(&shopper.scope, &body.raw)?;
    let desk = app.shop.engine.desk.clone();
    let render = render(&app, &call, StatusCode::CREATED);
    carry_out(
        &app,
        attempt,
        render,
        move |keyed| async move { desk.create_cart(request, keyed).await },
    )
    .await
}

/// See a cart.
///
/// Prices are the catalog's of this moment, and are what a checkout will charge.
#[utoipa::path(get, path = "/v1/carts/{cartId}", tag = "Carts", params(("cartId" = String, Path)),
    responses((status = 200, body = CartJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    call: Call,
    Named(id): Named<CartId>,
) -> Result<Response, ApiError> {
    let view = asked(&app, Some(id), CartRequest::Show).await?;
    let json = json(&app, &view)?;
    // It tells where somebody lives, and whoever has its address needs no credentials.
    Ok(private(versioned(&call.headers, StatusCode::OK, Some(view.version), &json)))
}

/// Delete a cart.
#[utoipa::path(delete, path = "/v1/carts/{cartId}", tag = "Carts", params(("cartId" = String, Path)),
    responses((status = 204)))]
async fn delete(
    State(app): State<App>,
    call: Call,
    Named(id): Named<CartId>,
) -> Result<Response, ApiError> {
    let expected = expected(&app, &call, id)?;
    let desk = app.shop.engine.desk.clone();
    let path = call.path().to_owned();
    let render: Render<CartView, CartRefusal> = Arc::new(move |outcome| match outcome {
        Ok(_) => RenderedAnswer { status: 204, headers: vec![], body: vec![], about: None },
        Err(refusal) => refused(problem(refusal), &path),
    });
    carry_out(&app, None, render, move |keyed| async move {
        desk.cart(id, CartRequest::Delete, expected, keyed).await
    })
    .await
}

/// Put a variant into a cart.
#[utoipa::path(post, path = "/v1/carts/{cartId}/items", tag = "Carts", request_body = ItemAdd,
    params(("cartId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = CartJson)))]
async fn add_item(
    State(app): State<App>,
    shopper: Shopper,
    call: Call,
    Named(id): Named<CartId>,
    body: Body<ItemAdd>,
) -> Result<Response, ApiError> {
    let sku = sku("/sku", &body.value.sku)?;
    let request = CartRequest::AddItem { sku, quantity: body.value.quantity };
    let attempt = call.attempt(&shopper.scope, &body.raw)?;
    ask(&app, &call, id, request, attempt).await
}

/// Change a line's quantity.
#[utoipa::path(patch, path = "/v1/carts/{cartId}/items/{sku}", tag = "Carts", request_body = QuantitySet,
    params(("cartId" = String, Path), ("sku" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn set_quantity(
    State(app): State<App>,
    call: Call,
    Named(Pair(id, sku)): Named<Pair<CartId, Sku>>,
    body: Body<QuantitySet>,
) -> Result<Response, ApiError> {
    let request = CartRequest::SetQuantity { sku, quantity: body.value.quantity };
    ask(&app, &call, id, request, None).await
}

/// Take a line out of a cart.
#[utoipa::path(delete, path = "/v1/carts/{cartId}/items/{sku}", tag = "Carts",
    params(("cartId" = String, Path), ("sku" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn remove_item(
    State(app): State<App>,
    call: Call,
    Named(Pair(id, sku)): Named<Pair<CartId, Sku>>,
) -> Result<Response, ApiError> {
    ask(&app, &call, id, CartRequest::RemoveItem { sku }, None).await
}

/// Say where the goods go.
#[utoipa::path(put, path = "/v1/carts/{cartId}/shipping-address", tag = "Carts", request_body = AddressJson,
    params(("cartId" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn set_shipping_address(
    State(app): State<App>,
    shopper: Shopper,
    call: Call,
    Named(id): Named<CartId>,
    body: Body<AddressJson>,
) -> Result<Response, ApiError> {
    let (address, person) = (Box::new(body.value.into()), shopper.person);
    let request = CartRequest::SetShippingAddress { address, person };
    ask(&app, &call, id, request, None).await
}

/// What can be chosen to send this cart.
///
/// Without an address, the options for the shop's own country.
#[utoipa::path(get, path = "/v1/carts/{cartId}/shipping-options", tag = "Carts", params(("cartId" = String, Path)),
    responses((status = 200, body = ShippingOptions)))]
async fn shipping_options(
    State(app): State<App>,
    Named(id): Named<CartId>,
) -> Result<Response, ApiError> {
    let found = app.shop.reads.cart(id).map_err(|error| ApiError::fault(&error))?;
    let cart = found.map(|(_, cart)| cart).filter(|cart| !cart.is_gone());
    let cart = cart.ok_or(ApiError::NotFound { what: "cart" })?;
    let rules = &app.shop.env.settings.rules;
    let totals = cart.totals(rules)?;
    let goods = totals.subtotal.minus(totals.discount)?;
    let home = rules.tax.home.country.as_str();
    let country = cart.recipient.as_deref().map_or(home, |to| &to.region.country);
    let options = rules.shipping.options(country, goods);
    let data = options.iter().map(ShippingOptionJson::from).collect();
    Ok(answer(StatusCode::OK, &ShippingOptions { data }))
}

/// Choose how the goods are sent.
#[utoipa::path(put, path = "/v1/carts/{cartId}/shipping-option", tag = "Carts", request_body = ShippingOptionChoice,
    params(("cartId" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn set_shipping_option(
    State(app): State<App>,
    call: Call,
    Named(id): Named<CartId>,
    body: Body<ShippingOptionChoice>,
) -> Result<Response, ApiError> {
    let option = body.value.shipping_option.into_boxed_str();
    ask(&app, &call, id, CartRequest::SetShippingOption(option), None).await
}

/// Give a discount code.
///
/// This shop has no promotions yet, so that every code is unknown (422).
#[utoipa::path(post, path = "/v1/carts/{cartId}/discount-codes", tag = "Carts", request_body = DiscountCode,
    params(("cartId" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn add_discount_code(
    State(app): State<App>,
    Named(id): Named<CartId>,
    body: Body<DiscountCode>,
) -> Result<Response, ApiError> {
    must_be_there(&app, id)?;
    let detail = format!("{:?} is not a discount code of this shop", body.value.code);
    Err(ApiError::Rule { code: "discount_code_unknown", detail })
}

/// Take a discount code back.
#[utoipa::path(delete, path = "/v1/carts/{cartId}/discount-codes", tag = "Carts", request_body = DiscountCode,
    params(("cartId" = String, Path)),
    responses((status = 200, body = CartJson)))]
async fn remove_discount_code(
    State(app): State<App>,
    Named(id): Named<CartId>,
    _body: Body<DiscountCode>,
) -> Result<Response, ApiError> {
    must_be_there(&app, id)?;
    Err(ApiError::NotFound { what: "discount code in this cart" })
}

/// Buy a cart.
///
/// What a customer buys who is logged in is among their orders. All lines or none. 409 `out_of_stock` names each short SKU and leaves the cart open; 402
/// `payment_declined` gives the stock back and leaves the cart open.
#[utoipa::path(post, path = "/v1/carts/{cartId}/checkout", tag = "Orders", request_body = Checkout,
    params(("cartId" = String, Path), ("Idempotency-Key" = String, Header, description = "Required: names this attempt, however often it is sent")),
    responses((status = 201, body = super::dto::order::OrderJson), (status = 402, description = "`payment_declined`", body = crate::http::problem::ProblemSchema, content_type = "application/problem+json")))]
async fn checkout(
    State(app): State<App>,
    shopper: Shopper,
    call: Call,
    Named(cart): Named<CartId>,
    body: Body<Checkout>,
) -> Result<Response, ApiError> {
    let attempt = call.required_attempt(&shopper.scope, &body.raw)?;
    let request = checkout_request(&app, shopper.person, cart, body.value, None)?;
    buy(&app, request, attempt, call.path()).await
}

/// Carries a checkout out, or says again what came of it. Whoever buys does it here.
async fn buy(
    app: &App,
    request: CheckoutRequest,
    attempt: Attempt,
    path: &str,
) -> Result<Response, ApiError> {
    let desk = app.shop.engine.desk.clone();
    let render = checkout_render(path.to_owned());
    carry_out(app, Some(attempt), render, move |keyed| async move {
        desk.checkout(request, keyed).await
    })
    .await
}

/// A checkout by somebody who is shown a page of it.
pub(in crate::http) struct ShownCheckout<'a> {
    pub cart: CartId,
    /// As the API's body has it.
    pub body: &'a [u8],
    /// The total that was shown.
    pub agreed: Money,
    pub key: &'a IdempotencyKey,
}

/// Buys a cart at the total that was shown, for those who show what came of it in their own way: the answer
/// is the API's.
pub(in crate::http) async fn buy_shown(
    app: &App,
    shopper: &Shopper,
    checkout: ShownCheckout<'_>,
) -> Result<Response, ApiError> {
    let ShownCheckout { cart, body, agreed, key } = checkout;
    let request = checkout_request(app, shopper.person, cart, read(body)?, Some(agreed))?;
    let path = format!("/v1/carts/{cart}/checkout");
    // Of another total, it is another request.
    let whole = [agreed.to_decimal().as_bytes(), b" ", body].concat();
    let attempt = key.attempt(&shopper.scope, "/checkout", &Method::POST, &path, &whole);
    buy(app, request, attempt, &path).await
}

fn checkout_request(
    app: &App,
    person: Option<PersonId>,
    cart: CartId,
    body: Checkout,
    agreed: Option<Money>,
) -> Result<CheckoutRequest, ApiError> {
    let name = &body.payment.provider;
    let providers = &app.shop.env.providers;
    let provider = providers.get(name).ok_or_else(|| {
        let known = providers.names().join(", ");
        ApiError::invalid("/payment/provider", format!("must be one of: {known}"))
    })?;
    if !provider.accepts(body.payment.token.as_deref()) {
        return Err(ApiError::invalid(
            "/payment/token",
            format!("is not a token of provider {name}"),
        ));
    }
    Ok(CheckoutRequest {
        cart,
        person,
        email: body.email,
        shipping_address: body.shipping_address.map(Address::from),
        billing_address: body.billing_address.map(Address::from),
        shipping_option: body.shipping_option,
        provider: name.clone(),
        collected: provider.collected(),
        token: body.payment.token,
        note: body.note,
        agreed,
    })
}

/// How a checkout's outcome looks; `path` is the request's.
pub fn checkout_render(path: String) -> Render<OrderView, CheckoutRefusal> {
    Arc::new(move |outcome| match outcome {
        Ok(view) => super::orders::rendered_order(StatusCode::CREATED, view),
        Err(refusal) => refused(checkout_problem(refusal), &path),
    })
}

fn checkout_problem(refusal: &CheckoutRefusal) -> ApiError {
    match refusal.clone() {
        CheckoutRefusal::Cart(rejection) => rejection.into(),
        CheckoutRefusal::PriceChanged(changes) => {
            let change = |change: actors::PriceChange| PriceChange {
                sku: change.sku,
                was: change.shown,
                now: change.now,
            };
            ApiError::PriceChanged(changes.into_iter().map(change).collect())
        }
        CheckoutRefusal::NotForSale(skus) => {
            let skus: Vec<String> = skus.iter().map(Sku::to_string).collect();
            let detail =
                format!("no longer for sale: {}; take it out of the cart", skus.join(", "));
            ApiError::Conflict { code: "not_for_sale", detail }
        }
        CheckoutRefusal::OutOfStock(shorts) => {
            let shortage = |short: Short| Shortage {
                sku: short.sku,
                requested: short.wanted.into(),
                available: short.available.into(),
            };
            ApiError::OutOfStock(shorts.into_iter().map(shortage).collect())
        }
        CheckoutRefusal::NoShippingAddress => ApiError::invalid(
            "/shippingAddress",
            "is needed: neither the request nor the cart has one",
        ),
        CheckoutRefusal::NoShippingTo { country } => ApiError::invalid(
            "/shippingAddress/country",
            format!("nothing can be shipped to {country}"),
        ),
        CheckoutRefusal::NoSuchShipping { .. } => {
            ApiError::from(PricingError::NoSuchShipping(String::new()))
        }
        CheckoutRefusal::TotalChanged { now, .. } => ApiError::Conflict {
            code: "total_changed",
            detail: format!("the total is {now} now; look at it and try again"),
        },
        CheckoutRefusal::CartChanged => ApiError::Conflict {
            code: "cart_changed",
            detail: "the cart was changed meanwhile; look at it and try again".into(),
        },
        CheckoutRefusal::Declined { reason, .. } => ApiError::PaymentDeclined { reason },
        CheckoutRefusal::Pricing(error) => error.into(),
        CheckoutRefusal::Order(rejection) => rejection.into(),
        CheckoutRefusal::Forgotten(forgotten) => erased(forgotten),
    }
}

/// Asks a cart, or makes one where there is none yet; for those who show it in their own way. A change
/// is carried out whoever hangs up.
pub(in crate::http) async fn asked(
    app: &App,
    cart: Option<CartId>,
    request: CartRequest,
) -> Result<CartView, ApiError> {
    let desk = app.shop.engine.desk.clone();
    let answered = detached(async move {
        match cart {
            Some(id) => desk.cart(id, request, None, None).await,
            None => desk.create_cart(request, None).await,
        }
    });
    match answered.await {
        Ok(answered) => Ok(answered.value),
        Err(Refusal::Rejected(refusal)) => Err(problem(&refusal)),
        Err(Refusal::Unavailable) => Err(ApiError::Unavailable { what: "the shop" }),
    }
}

/// Asks a cart and answers with the whole of it; `attempt` is that of a POST with a key.
async fn ask(
    app: &App,
    call: &Call,
    id: CartId,
    request: CartRequest,
    attempt: Option<Attempt>,
) -> Result<Response, ApiError> {
    let expected = expected(app, call, id)?;
    let desk = app.shop.engine.desk.clone();
    let render = render(app, call, StatusCode::OK);
    carry_out(app, attempt, render, move |keyed| async move {
        desk.cart(id, request, expected, keyed).await
    })
    .await
}

/// The version that `If-Match` asks for.
fn expected(app: &App, call: &Call, id: CartId) -> Result<Option<u64>, ApiError> {
    if !call.headers.contains_key("if-match") {
        return Ok(None);
    }
    let found = app.shop.reads.cart(id).map_err(|error| ApiError::fault(&error))?;
    call.expected(found.map(|(version, _)| version))
}

fn must_be_there(app: &App, id: CartId) -> Result<(), ApiError> {
    let found = app.shop.reads.cart(id).map_err(|error| ApiError::fault(&error))?;
    let there = found.is_some_and(|(_, cart)| !cart.is_gone());
    if there { Ok(()) } else { Err(ApiError::NotFound { what: "cart" }) }
}

/// How a cart's answer looks.
fn render(app: &App, call: &Call, status: StatusCode) -> Render<CartView, CartRefusal> {
    let (app, path) = (app.clone(), call.path().to_owned());
    Arc::new(move |outcome| {
        let shown = outcome.map_err(problem).and_then(|view| Ok((view, json(&app, view)?)));
        match shown {
            Err(error) => refused(error, &path),
            Ok((view, json)) => {
                let location =
                    (status == StatusCode::CREATED).then(|| format!("/v1/carts/{}", view.id));
                let about = view.about();
                RenderedAnswer { about, ..rendered(status, view.version, location, &json) }
            }
        }
    })
}

/// A cart as it is on disk, if it can still be filled.
pub(super) fn open_cart(app: &App, id: CartId) -> Result<Option<CartJson>, ApiError> {
    let found = app.shop.reads.cart(id).map_err(|error| ApiError::fault(&error))?;
    let Some((version, cart)) = found.filter(|(_, cart)| cart.must_be_open().is_ok()) else {
        return Ok(None);
    };
    json(app, &CartView::new(id, version, cart, &app.shop.vault)).map(Some)
}

fn json(app: &App, view: &CartView) -> Result<CartJson, ApiError> {
    let (reads, rules) = (&app.shop.reads, &app.shop.env.settings.rules);
    let totals = view.cart.totals(rules)?;
    let catalog = reads.catalog.load();
    Ok(CartJson::new(view.id, &view.cart, view.address.as_ref(), &totals, |sku, units| {
        let level = reads.levels.get(sku);
        let enough = level.backorder || level.available() >= i64::from(units);
        enough && catalog.price(sku).is_some()
    }))
}

fn problem(refusal: &CartRefusal) -> ApiError {
    match refusal.clone() {
        CartRefusal::Rejected(rejection) => rejection.into(),
        CartRefusal::NotForSale { sku } => ApiError::Rule {
            code: "sku_unknown",
            detail: format!("{sku} is not for sale in this shop"),
        },
        CartRefusal::NoSuchShipping { option } => {
            ApiError::invalid("/shippingOption", format!("{option:?} is not offered for this cart"))
        }
        CartRefusal::Forgotten(forgotten) => erased(forgotten),
        CartRefusal::VersionMismatch { .. } => ApiError::PreconditionFailed,
    }
}

/// The account that asks was erased while it asked.
fn erased(_: Forgotten) -> ApiError {
    let detail = "the account was erased; go on as a guest".into();
    ApiError::Conflict { code: "account_erased", detail }
}

fn sku(pointer: &str, text: &str) -> Result<Sku, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(pointer, "is not a SKU"))
}
