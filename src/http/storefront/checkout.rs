//! The checkout: one page from the cart to the order.
//!
//! The form holds the idempotency key of its visit, and an order is placed under it as one by the API is:
//! sent again by a double click, a reload, the way back or after a cut connection, it is the same attempt
//! with the same answer. What two tabs send has two keys, and then the cart decides, which becomes one
//! order at most. Whoever comes with a cart that was ordered is led to that order.
//!
//! Nothing is bought but what was seen: at another total, or where anything changed, the page comes back
//! and says what. Each try that was refused is over, so the page comes back with a new key.

mod changes;
mod outcome;
mod page;
mod typed;

use super::answer::{private, see_other, told};
use super::cart_cookie;
use super::lists::Asked;
use super::visitor::Visitor;
use super::{addresses, order};
use crate::actors::accounts::CustomerView;
use crate::actors::cart::{CartRequest, CartView};
use crate::domain::cart::CartStatus;
use crate::domain::recipient::Contact;
use crate::domain::{CartId, Money, OrderId, Region};
use crate::http::access::{Caller, Shopper};
use crate::http::api::carts::{self, ShownCheckout};
use crate::http::app::App;
use crate::http::body::raw_body;
use crate::http::idempotency::IdempotencyKey;
use crate::http::problem::ApiError;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use changes::{Note, Short};
use outcome::{FIRST_PAUSE, Outcome, patiently};
use page::{CheckoutPage, Quote, Said, Till, served};
use typed::Typed;

/// How far the visitor's cart is.
enum At {
    /// There is nothing to buy.
    Nothing,
    Ordered(OrderId),
    Open(Box<CartView>),
}

impl At {
    async fn of(app: &App, visitor: &mut Visitor) -> Result<At, ApiError> {
        let Some(cart) = visitor.cart else { return Ok(At::Nothing) };
        let view = match carts::asked(app, Some(cart), CartRequest::Show).await {
            Err(ApiError::NotFound { .. }) => return Ok(At::Nothing),
            answered => answered?,
        };
        Ok(match view.cart.status {
            CartStatus::Ordered(order) => At::Ordered(order),
            CartStatus::Open if !view.cart.lines.is_empty() => {
                visitor.units = view.cart.lines.iter().map(|line| u64::from(line.quantity)).sum();
                At::Open(Box::new(view))
            }
            CartStatus::Open | CartStatus::Abandoned | CartStatus::Merged(_) => At::Nothing,
        })
    }
}

/// The page, with what is known already.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let mut visitor = Visitor::of(&app, headers);
    visitor.give_cookie();
    let view = match At::of(&app, &mut visitor).await? {
        At::Nothing => return see_other(&app, &visitor, "/cart"),
        At::Ordered(order) => return to_order(&app, &visitor, order),
        At::Open(view) => view,
    };
    if !changes::short(&app, &view).is_empty() {
        // Its page says what, and offers the way out.
        return see_other(&app, &visitor, "/cart");
    }
    let customer = customer(&app, &caller)?;
    let before = before(&app, &Asked::of(request.uri().query()))?;
    let mut typed = Typed::known(before.as_ref(), customer.as_ref(), view.address.as_ref());
    if let Some(option) = &view.cart.shipping_option {
        typed.shipping_option = option.to_string();
    }
    let quote = quote(&app, &view, customer.as_ref(), &mut typed)?;
    let till = Till {
        app: &app,
        visitor: &visitor,
        view: &view,
        customer: customer.as_ref(),
        typed: &typed,
        quote: &quote,
    };
    let page = CheckoutPage::new(&till, IdempotencyKey::fresh(), Said::default());
    let mut response = private(&app, &visitor, headers, &page)?;
    cart_cookie::keep(response.headers_mut(), &app.public_url, view.id);
    Ok(response)
}

/// Buys, or follows what was chosen.
pub async fn send(
    State(app): State<App>,
    caller: Caller,
    shopper: Shopper,
    request: Request,
) -> Result<Response, ApiError> {
    let mut visitor = Visitor::of(&app, request.headers());
    visitor.give_cookie();
    let form = raw_body(request, &app).await?;
    let form = Asked::of(Some(&String::from_utf8_lossy(&form)));
    let typed = Typed::of(&form);
    let view = match At::of(&app, &mut visitor).await? {
        At::Nothing => return see_other(&app, &visitor, "/cart"),
        At::Ordered(order) => return to_order(&app, &visitor, order),
        At::Open(view) => view,
    };
    let customer = customer(&app, &caller)?;
    let mut desk = Desk { app, visitor, customer, typed };
    if desk.typed.refreshes { desk.refresh(&view) } else { desk.buy(&shopper, *view).await }
}

/// The customer who is logged in.
fn customer(app: &App, caller: &Caller) -> Result<Option<CustomerView>, ApiError> {
    let Caller::Customer(customer) = caller else { return Ok(None) };
    let found = app.shop.accounts.customer(customer.customer);
    found.map_err(|error| ApiError::fault(&error))
}

/// Who placed the order whose key is shown: a shopper comes back after a payment that came to nothing.
fn before(app: &App, asked: &Asked) -> Result<Option<Contact>, ApiError> {
    let shown = asked.get("order").zip(asked.get("key"));
    let Some((Ok(id), key)) = shown.map(|(id, key)| (id.parse(), key)) else { return Ok(None) };
    Ok(order::find(app, id, key)?.and_then(|view| view.contact))
}

/// What it costs where it was typed; in a form that says no country, where the shop is.
fn quote(
    app: &App,
    view: &CartView,
    customer: Option<&CustomerView>,
    typed: &mut Typed,
) -> Result<Quote, ApiError> {
    if typed.place.country.is_empty() {
        let (served, home) = (served(app, &view.cart), &app.shop.env.settings.rules.tax.home);
        let at_home = served.iter().find(|code| **code == home.country);
        let first = at_home.or(served.first()).map_or(home.country.as_str(), |code| code);
        first.clone_into(&mut typed.place.country);
    }
    let place = match typed.saved(customer) {
        Some(address) => address.region(),
        None => Region {
            country: typed.place.country.clone(),
            region: Some(typed.place.region.clone()).filter(|region| !region.is_empty()),
        },
    };
    Ok(Quote::of(app, &view.cart, place, &typed.shipping_option)?)
}

/// The page of an order, for the browser in which it was placed.
fn to_order(app: &App, visitor: &Visitor, order: OrderId) -> Result<Response, ApiError> {
    see_other(app, visitor, &addresses::order(order, &app.shop.vault.order_key(order)))
}

/// Where a form is carried out.
struct Desk {
    app: App,
    visitor: Visitor,
    customer: Option<CustomerView>,
    typed: Typed,
}

impl Desk {
    /// The page again, as it follows from what was typed. Nothing is bought.
    fn refresh(&mut self, view: &CartView) -> Result<Response, ApiError> {
        let notes = self.since(view);
        self.page(StatusCode::OK, view, self.same_key(), Said { notes, ..Said::default() })
    }

    async fn buy(&mut self, shopper: &Shopper, view: CartView) -> Result<Response, ApiError> {
        let mut notes = self.since(&view);
        let shorts = changes::short(&self.app, &view);
        let Some((view, short)) = changes::take_out(&self.app, view, &shorts).await? else {
            return see_other(&self.app, &self.visitor, "/cart");
        };
        notes.extend(short);
        let quote = self.quote(&view)?;
        let option = quote.option.as_ref().map(|own| own.id.as_str());
        let served = served(&self.app, &view.cart);
        let body = self.typed.body(self.customer.as_ref(), &served, option);
        let key = IdempotencyKey::of_form(&self.typed.key);
        let agreed = Money::from_decimal(&self.typed.shown, view.cart.currency);
        let outcome = match (body, key, agreed) {
            (Err(faults), ..) => {
                let key = self.same_key();
                let said = Said { faults, notes, was_refused: true, ..Said::default() };
                return self.page(StatusCode::UNPROCESSABLE_ENTITY, &view, key, said);
            }
            (Ok(_), ..) if !notes.is_empty() => {
                return self.come_back(&view, StatusCode::CONFLICT, notes);
            }
            (Ok(_), _, Err(_)) => Outcome::Changed,
            (Ok(_), None, _) => Outcome::KeyUsed,
            (Ok(body), Some(key), Ok(agreed)) => {
                self.place(shopper, view.id, &body, agreed, key).await?
            }
        };
        match outcome {
            Outcome::Placed { order, next } => self.placed(view.id, order, next),
            refused => self.refused(refused).await,
        }
    }

    /// Places the order under the form's key.
    async fn place(
        &self,
        shopper: &Shopper,
        cart: CartId,
        body: &[u8],
        agreed: Money,
        key: IdempotencyKey,
    ) -> Result<Outcome, ApiError> {
        let attempt = |key: IdempotencyKey| async move {
            let checkout = ShownCheckout { cart, body, agreed, key: &key };
            Outcome::of(carts::buy_shown(&self.app, shopper, checkout).await).await
        };
        patiently(key, FIRST_PAUSE, attempt).await
    }

    /// The shopper goes on to their order. Their browser keeps the cart for a while, so that whatever
    /// it sends again leads there, too; what is put in next goes into a new one.
    fn placed(
        &self,
        cart: CartId,
        order: OrderId,
        next: Option<String>,
    ) -> Result<Response, ApiError> {
        let key = self.app.shop.vault.order_key(order);
        let path = match next {
            Some(url) => order::at_home(&self.app, &url),
            None => addresses::placed(order, &key),
        };
        let mut response = see_other(&self.app, &self.visitor, &path)?;
        cart_cookie::keep_ordered(response.headers_mut(), &self.app.public_url, cart);
        Ok(response)
    }

    /// Nothing was bought: the page comes back and says why, unless the cart has become an order.
    async fn refused(&mut self, outcome: Outcome) -> Result<Response, ApiError> {
        let view = match At::of(&self.app, &mut self.visitor).await? {
            At::Nothing => return see_other(&self.app, &self.visitor, "/cart"),
            At::Ordered(order) => return to_order(&self.app, &self.visitor, order),
            At::Open(view) => *view,
        };
        let one =
            |what: &str, then: &str| vec![Note { what: what.to_owned(), then: then.to_owned() }];
        let conflict = StatusCode::CONFLICT;
        match outcome {
            Outcome::Refused(error) => Err(error),
            Outcome::Wrong(faults) => {
                let said = Said { faults, was_refused: true, ..Said::default() };
                let key = IdempotencyKey::fresh();
                self.page(StatusCode::UNPROCESSABLE_ENTITY, &view, key, said)
            }
            Outcome::Declined => {
                let said = Said { declined: true, was_refused: true, ..Said::default() };
                self.page(StatusCode::PAYMENT_REQUIRED, &view, IdempotencyKey::fresh(), said)
            }
            Outcome::KeyUsed => {
                let then = "It had something else in it then.";
                self.come_back(&view, conflict, one("This page was sent once before", then))
            }
            Outcome::UnderWay => {
                let then = "Wait a moment, and look again.";
                let what = "The order is being placed in another window";
                self.come_back(&view, conflict, one(what, then))
            }
            Outcome::Short(shorts) => self.without(view, shorts).await,
            Outcome::Changed | Outcome::Placed { .. } => {
                let shorts = changes::short(&self.app, &view);
                self.without(view, shorts).await
            }
        }
    }

    /// The page comes back without what is not there, and says all that is otherwise.
    async fn without(&mut self, view: CartView, shorts: Vec<Short>) -> Result<Response, ApiError> {
        let mut notes = self.since(&view);
        let Some((view, short)) = changes::take_out(&self.app, view, &shorts).await? else {
            return see_other(&self.app, &self.visitor, "/cart");
        };
        notes.extend(short);
        if notes.is_empty() {
            let look = self.app.look();
            let total = self.quote(&view)?.totals.total;
            let was = Money::from_decimal(&self.typed.shown, view.cart.currency);
            let then = match was {
                Ok(was) if was != total => {
                    format!("It was {} when you came to this page.", look.price(was))
                }
                _ => "Something changed while you looked.".to_owned(),
            };
            notes.push(Note { what: format!("The total is {} now", look.price(total)), then });
        }
        self.come_back(&view, StatusCode::CONFLICT, notes)
    }

    /// That of the form, under which nothing was tried yet.
    fn same_key(&self) -> String {
        let known = IdempotencyKey::of_form(&self.typed.key);
        known.map_or_else(IdempotencyKey::fresh, |_| self.typed.key.clone())
    }

    fn since(&self, view: &CartView) -> Vec<Note> {
        let catalog = self.app.shop.reads.catalog.load();
        changes::since(&self.typed.seen, view, &catalog, &self.app.look())
    }

    fn quote(&mut self, view: &CartView) -> Result<Quote, ApiError> {
        quote(&self.app, view, self.customer.as_ref(), &mut self.typed)
    }

    fn come_back(
        &mut self,
        view: &CartView,
        status: StatusCode,
        notes: Vec<Note>,
    ) -> Result<Response, ApiError> {
        let said = Said { notes, was_refused: true, ..Said::default() };
        self.page(status, view, IdempotencyKey::fresh(), said)
    }

    fn page(
        &mut self,
        status: StatusCode,
        view: &CartView,
        key: String,
        said: Said,
    ) -> Result<Response, ApiError> {
        self.visitor.units = view.cart.lines.iter().map(|line| u64::from(line.quantity)).sum();
        let quote = self.quote(view)?;
        let till = Till {
            app: &self.app,
            visitor: &self.visitor,
            view,
            customer: self.customer.as_ref(),
            typed: &self.typed,
            quote: &quote,
        };
        told(&self.app, &self.visitor, status, &CheckoutPage::new(&till, key, said))
    }
}
