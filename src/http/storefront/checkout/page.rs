//! The checkout as it is shown: every part follows from what was typed, the cart of this moment and the
//! shop's tables.

use super::changes::Note;
use super::typed::{NEW, Seen, Typed};
use crate::actors::accounts::CustomerView;
use crate::actors::cart::CartView;
use crate::domain::address::{countries, country_name};
use crate::domain::address_form::AddressForm;
use crate::domain::cart::Cart;
use crate::domain::pricing::{PricingError, Totals};
use crate::domain::shipping::ShippingOption;
use crate::domain::tax::Rate;
use crate::domain::{Address, Region, Span};
use crate::http::app::App;
use crate::http::storefront::bought::{Mini, Row, delivery, percent, tax};
use crate::http::storefront::form::{Faults, Field};
use crate::http::storefront::look::Look;
use crate::http::storefront::place::{Form, Place};
use crate::http::storefront::shell::{Head, Shell};
use crate::http::storefront::visitor::Visitor;
use crate::http::storefront::words;
use askama::Template;

#[derive(Template)]
#[template(path = "storefront/checkout/page.html")]
pub struct CheckoutPage {
    shell: Shell,
    head: Head,
    /// The e-mail address of whoever is logged in.
    customer: Option<String>,
    faults: Faults,
    notes: Vec<Note>,
    /// Whether the button was pressed, and nothing was bought.
    was_refused: bool,
    key: String,
    email: Field,
    saved: Vec<Pick>,
    address_fault: Option<String>,
    country: Field,
    address: Vec<Vec<Field>>,
    bills_elsewhere: bool,
    bill: Vec<Vec<Field>>,
    ways: Vec<Pick>,
    no_way: Option<String>,
    takes_play_money: bool,
    declined: bool,
    payment_fault: Option<String>,
    cards: Vec<Pick>,
    by_hand: Option<Pick>,
    things: String,
    minis: Vec<Mini>,
    rows: Vec<Row>,
    sum: Row,
    shown: String,
    seen: Vec<String>,
    note: Field,
    agrees: bool,
    terms_fault: Option<String>,
}

/// One of some radio buttons.
struct Pick {
    value: String,
    name: String,
    hint: String,
    amount: String,
    is_chosen: bool,
}

/// Where everything stands when the page is made.
pub struct Till<'a> {
    pub app: &'a App,
    pub visitor: &'a Visitor,
    pub view: &'a CartView,
    pub customer: Option<&'a CustomerView>,
    pub typed: &'a Typed,
    /// What it costs to send it where it was typed.
    pub quote: &'a Quote,
}

/// What is to be said beside.
#[derive(Default)]
pub struct Said {
    pub faults: Faults,
    pub notes: Vec<Note>,
    pub declined: bool,
    pub was_refused: bool,
}

/// A cart, priced for a place.
pub struct Quote {
    pub region: Region,
    pub options: Vec<ShippingOption>,
    pub option: Option<ShippingOption>,
    pub totals: Totals,
    rate: Rate,
}

impl Quote {
    /// With the way of sending that was chosen, if it is offered there, or else the cheapest.
    pub fn of(app: &App, cart: &Cart, place: Region, wanted: &str) -> Result<Quote, PricingError> {
        let rules = &app.shop.env.settings.rules;
        let items = cart.items();
        let goods = rules.totals(cart.currency, &items, Some(&place), None)?;
        let goods = goods.subtotal.minus(goods.discount)?;
        let options = rules.shipping.options(&place.country, goods);
        let chosen = options.iter().find(|own| own.id == wanted);
        let chosen = chosen.or_else(|| {
            let of_cart = cart.shipping_option.as_deref();
            options.iter().find(|own| Some(&*own.id) == of_cart)
        });
        let option = chosen.or(options.first()).cloned();
        let id = option.as_ref().map(|own| &*own.id);
        let totals = rules.totals(cart.currency, &items, Some(&place), id)?;
        Ok(Quote { rate: rules.tax.rate_at(&place), options, option, totals, region: place })
    }
}

/// The countries that something in this currency is sent to, by name.
pub fn served(app: &App, cart: &Cart) -> Vec<&'static str> {
    let shipping = &app.shop.env.settings.rules.shipping;
    let nothing = crate::domain::Money::zero(cart.currency);
    let is_served = |code: &str| !shipping.options(code, nothing).is_empty();
    countries().iter().map(|(code, _)| code.as_str()).filter(|code| is_served(code)).collect()
}

impl CheckoutPage {
    pub fn new(till: &Till<'_>, key: String, said: Said) -> CheckoutPage {
        let Till { app, visitor, view, customer, typed, quote } = *till;
        let (look, catalog) = (app.look(), app.shop.reads.catalog.load());
        let Said { faults, notes, declined, was_refused } = said;
        let shell = Shell::new(app, visitor, &catalog);
        let fault = |field: &str| faults.at(field).map(str::to_owned);
        let title = if was_refused { "Error: Checkout" } else { "Checkout" };
        let lines = view.cart.lines.iter();
        let minis = lines
            .clone()
            .zip(&quote.totals.lines)
            .map(|(line, totals)| Mini::of_cart(line, totals.subtotal, &catalog, &look));
        let seen = lines.map(|line| Seen::new(line.unit_price, line.quantity, &line.sku).text());
        let things = view.cart.lines.iter().map(|line| u64::from(line.quantity)).sum();
        let things = words::count(things, "thing");
        let no_way = quote.options.is_empty().then(|| {
            let country = country_name(&quote.region.country);
            format!("We cannot send this to {country}. Choose another country.")
        });
        let shown_place = if typed.saved(customer).is_some() {
            Place { country: quote.region.country.clone(), ..typed.place.clone() }
        } else {
            typed.place.clone()
        };
        let total = quote.totals.total;
        let email = Field { autocomplete: "email", ..Field::email(&typed.email) };
        let email =
            email.hinting("Your receipt and the link to your order go there. Nothing else does.");
        let note = Field { most: 500, ..Field::text("note", "A note for us", "").optional() };
        // Where the tax depends on the part of the country, the sum does.
        let taxes = &app.shop.env.settings.rules.tax.rates;
        let follows_region =
            taxes.iter().any(|rate| rate.country == shown_place.country && rate.region.is_some());
        let form = Form { faults: &faults, assets: &shell.assets, follows_region };
        CheckoutPage {
            head: Head::unlisted(title),
            customer: customer.map(|own| own.profile.email.clone()),
            notes,
            was_refused,
            key,
            email: email.on(&shell.assets, &faults),
            saved: saved(typed, customer),
            address_fault: fault("address"),
            country: shown_place.country_field(&served(app, &view.cart), form),
            address: shown_place.fields(form),
            bills_elsewhere: typed.bills_elsewhere,
            bill: bill(&shown_place.country, &typed.bill, form),
            ways: ways(app, quote, &look),
            no_way,
            takes_play_money: app.shop.env.providers.get("test").is_some(),
            declined,
            payment_fault: fault("payment"),
            cards: cards(app, typed),
            by_hand: by_hand(app, typed),
            minis: minis.collect(),
            rows: rows(app, &things, quote, &look),
            things,
            sum: Row::new("Total", look.price(total)),
            shown: total.to_decimal(),
            seen: seen.collect(),
            note: note.holding(&typed.note).on(&shell.assets, &faults),
            agrees: typed.agrees,
            terms_fault: fault("terms"),
            shell,
            faults,
        }
    }
}

/// What it comes to, line by line.
fn rows(app: &App, things: &str, quote: &Quote, look: &Look) -> Vec<Row> {
    let totals = &quote.totals;
    let mut rows = vec![Row::new(things, look.price(totals.subtotal))];
    if !totals.discount.is_zero() {
        rows.push(Row::new("Discount", format!("−{}", look.price(totals.discount))));
    }
    if quote.option.is_some() {
        rows.push(delivery(None, totals.shipping, look));
    }
    let Region { country, region } = &quote.region;
    let place = region.as_deref().unwrap_or(country);
    let of = format!(", {place} {}%", percent(quote.rate));
    let is_levied = !app.shop.env.settings.rules.tax.rates.is_empty();
    rows.extend(tax(&of, totals.tax, totals.prices, is_levied, look));
    rows
}

/// The customer's address book, and the way to another address.
fn saved(typed: &Typed, customer: Option<&CustomerView>) -> Vec<Pick> {
    let Some(book) = customer.map(|own| &own.profile.addresses) else { return Vec::new() };
    if book.entries().is_empty() {
        return Vec::new();
    }
    let chosen = typed.saved(customer);
    let pick = |(id, address): &(crate::domain::AddressId, Address)| Pick {
        value: id.to_string(),
        name: address.line1.clone(),
        hint: words::address_line(address),
        amount: String::new(),
        is_chosen: chosen.is_some_and(|own| std::ptr::eq(own, address)),
    };
    let another = Pick {
        value: NEW.into(),
        name: "Another address".into(),
        hint: "To be typed here".into(),
        amount: String::new(),
        is_chosen: chosen.is_none(),
    };
    book.entries().iter().map(pick).chain([another]).collect()
}

/// Where the bill goes, in the same country.
fn bill(country: &str, bill: &Place, form: Form<'_>) -> Vec<Vec<Field>> {
    let own = AddressForm::of(country);
    // Not required by the browser: it cannot know whether they are asked for.
    let text = |id, label, autocomplete, value: &str| Field {
        is_required: false,
        ..Field::text(id, label, autocomplete).holding(value).on(form.assets, form.faults)
    };
    let city =
        Field { most: 120, ..text("billCity", own.city, "billing address-level2", &bill.city) };
    let code = own.postal_code.map(|code| Field {
        most: 20,
        ..text("billPostalCode", code.label, "billing postal-code", &bill.postal_code)
    });
    let last = if own.is_code_first {
        code.into_iter().chain([city]).collect()
    } else {
        [city].into_iter().chain(code).collect()
    };
    vec![
        vec![text("billName", "Name on the bill", "billing name", &bill.name)],
        vec![text("billLine1", own.line1, "billing address-line1", &bill.line1)],
        last,
    ]
}

/// The ways of sending it there.
fn ways(app: &App, quote: &Quote, look: &Look) -> Vec<Pick> {
    let now = app.shop.env.now();
    let chosen = quote.option.as_ref().map(|own| &own.id);
    let way = |own: &ShippingOption| Pick {
        value: own.id.clone(),
        name: own.name.clone(),
        hint: words::arrives(now, own.min_days, own.max_days),
        amount: words::option_price(own, &look.shop().formats),
        is_chosen: chosen == Some(&own.id),
    };
    quote.options.iter().map(way).collect()
}

/// The cards of the provider that takes play money.
fn cards(app: &App, typed: &Typed) -> Vec<Pick> {
    let cards = [
        ("test:tok_visa", "Test card", "Approved at once"),
        ("test:tok_declined", "Test card that is declined", "To see what happens then"),
        ("test:tok_action", "Test card that asks you", "One more step, as banks like them"),
    ];
    let is_there = app.shop.env.providers.get("test").is_some();
    let cards = cards.into_iter().filter(|_| is_there);
    let is_known = PAYMENTS.contains(&typed.payment.as_str());
    cards
        .enumerate()
        .map(|(n, (value, name, hint))| Pick {
            value: value.into(),
            name: name.into(),
            hint: hint.into(),
            amount: String::new(),
            is_chosen: if is_known { typed.payment == value } else { n == 0 },
        })
        .collect()
}

/// What can be chosen; anything else is as if nothing was.
const PAYMENTS: [&str; 4] = ["test:tok_visa", "test:tok_declined", "test:tok_action", BY_HAND];

/// The provider that asks nobody.
const BY_HAND: &str = "manual";

fn by_hand(app: &App, typed: &Typed) -> Option<Pick> {
    let providers = &app.shop.env.providers;
    providers.get(BY_HAND)?;
    let within = app.shop.env.settings.pay_by_hand_within;
    let days = within.as_millis() / Span::days(1).as_millis();
    let days = words::count(days.max(1).unsigned_abs(), "day");
    Some(Pick {
        value: BY_HAND.into(),
        name: "Bank transfer".into(),
        hint: format!("Pay within {days}"),
        amount: String::new(),
        is_chosen: typed.payment == BY_HAND || providers.get("test").is_none(),
    })
}
