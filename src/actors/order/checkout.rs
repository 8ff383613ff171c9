//! The first half of a checkout: from a cart to a durable order, or to a clean no.
//!
//! Nothing in here is durable until everything is: prices are those of the cart, units are held on
//! all lines or on none, and one batch makes it all true at once.

use super::super::ask::{Ask, Refusal, Reply};
use super::super::cart::{CartMessage, Loan, LoanRefusal, PriceChange, Purpose};
use super::super::entity::Step;
use super::super::shard::ShardMessage;
use super::super::sku::SkuMessage;
use super::process::Waiter;
use super::{OrderActor, OrderMessage, OrderView};
use crate::domain::cart::{Cart, CartCommand, CartRejection, CartStatus};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::order::{
    Collected, Order, OrderCommand, OrderEvent, OrderLine, OrderRejection, Placed,
};
use crate::domain::pricing::PricingError;
use crate::domain::recipient::{Contact, Recipient};
use crate::domain::shipping::ShippingOption;
use crate::domain::stock::StockRejection;
use crate::domain::{Address, CartId, Money, OrderId, PersonId, Sealed, Sku, Timestamp};
use crate::secrets::Forgotten;
use crate::storage::{Batch, CommitError, Conflict};

/// What a shopper sends to buy a cart. What is left out is taken from the cart.
pub struct CheckoutRequest {
    pub cart: CartId,
    /// Under whose key it is kept who bought this: a customer's. Without one, a guest's.
    pub person: Option<PersonId>,
    pub email: String,
    pub shipping_address: Option<Address>,
    pub billing_address: Option<Address>,
    pub shipping_option: Option<String>,
    pub provider: String,
    pub collected: Collected,
    pub token: Option<String>,
    pub note: Option<String>,
    /// The total that the shopper was shown, where the shop showed it to them: at another one nothing is
    /// bought.
    pub agreed: Option<Money>,
}

/// Why a checkout came to nothing. The cart is open again, and no unit is held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutRefusal {
    #[error(transparent)]
    Cart(#[from] CartRejection),
    #[error("prices have changed since the cart was last shown")]
    PriceChanged(Vec<PriceChange>),
    #[error("some of it is no longer for sale")]
    NotForSale(Vec<Sku>),
    #[error("some of it is out of stock")]
    OutOfStock(Vec<Short>),
    #[error("no shipping address was given")]
    NoShippingAddress,
    #[error("nothing can be shipped to {country}")]
    NoShippingTo { country: String },
    #[error("there is no shipping option {option:?} there")]
    NoSuchShipping { option: String },
    #[error("the total is {now} and not {agreed}")]
    TotalChanged { agreed: Money, now: Money },
    #[error("the cart was changed meanwhile")]
    CartChanged,
    #[error("the payment was declined: {reason}")]
    Declined { order: OrderId, reason: String },
    #[error("the total cannot be computed")]
    Pricing(#[from] PricingError),
    #[error(transparent)]
    Order(#[from] OrderRejection),
    #[error(transparent)]
    Forgotten(#[from] Forgotten),
}

/// A line that cannot be served in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    pub sku: Sku,
    pub wanted: u32,
    pub available: u32,
}

/// A checkout under way, before its order is written.
pub(super) struct Checkout {
    request: Box<CheckoutRequest>,
    ask: Ask<OrderView, CheckoutRefusal>,
    hold_until: Timestamp,
    holding: Option<Holding>,
}

/// The cart is borrowed and priced; units are being held.
struct Holding {
    loan: Loan,
    placed: Box<Placed>,
    contact: Contact,
    unanswered: usize,
    shorts: Vec<Short>,
    /// Whether a SKU could not say.
    unavailable: bool,
}

impl OrderActor {
    pub(super) fn place(
        &mut self,
        request: Box<CheckoutRequest>,
        ask: Ask<OrderView, CheckoutRefusal>,
        step: &mut Step<'_>,
    ) {
        if self.order.is_some() || self.checkout.is_some() {
            return ask.reject(OrderRejection::Exists.into());
        }
        let cart = request.cart;
        let hold_until = step.now.plus(step.env.settings.hold_for);
        self.checkout = Some(Box::new(Checkout { request, ask, hold_until, holding: None }));
        self.borrow(cart, Purpose::CheckOut, step);
    }

    pub(super) fn borrow(&self, cart: CartId, purpose: Purpose, step: &mut Step<'_>) {
        let answer = step.owed(self.id, OrderMessage::CartLent(Err(Refusal::Unavailable)));
        let lend = CartMessage::Lend { order: self.id, purpose, answer };
        step.send(ShardMessage::Cart(cart, lend));
    }

    pub(super) fn cart_lent(
        &mut self,
        lent: Result<Loan, Refusal<LoanRefusal>>,
        step: &mut Step<'_>,
    ) {
        let Some(mut checkout) = self.checkout.take() else { return };
        let loan = match lent {
            Ok(loan) => loan,
            Err(Refusal::Rejected(refusal)) => return checkout.ask.reject(refusal.into()),
            Err(Refusal::Unavailable) => return checkout.ask.send(Err(Refusal::Unavailable)),
        };
        let (placed, contact) = match self.quote(&checkout, &loan.cart, step) {
            Ok(quote) => quote,
            Err(refusal) => return self.call_off(*checkout, Refusal::Rejected(refusal), step),
        };
        for line in &placed.lines {
            let (order, units, expires_at) = (self.id, line.quantity, checkout.hold_until);
            let lost =
                OrderMessage::Held { sku: line.sku.clone(), held: Err(Refusal::Unavailable) };
            let answer = step.owed(order, lost);
            let hold = SkuMessage::Hold { order, units, expires_at, answer };
            step.send(ShardMessage::Sku(line.sku.clone(), hold));
        }
        let unanswered = placed.lines.len();
        let (shorts, unavailable) = (Vec::new(), false);
        checkout.holding = Some(Holding { loan, placed, contact, unanswered, shorts, unavailable });
        self.checkout = Some(checkout);
    }

    pub(super) fn held(
        &mut self,
        sku: Sku,
        held: Result<(), Refusal<StockRejection>>,
        step: &mut Step<'_>,
    ) {
        let holding = self.checkout.as_mut().and_then(|checkout| checkout.holding.as_mut());
        let Some(holding) = holding else {
            // The checkout that asked is gone; nobody needs the units.
            let forget = SkuMessage::Forget { order: self.id };
            return step.send(ShardMessage::Sku(sku, forget));
        };
        match held {
            Ok(()) => {}
            Err(Refusal::Unavailable) => holding.unavailable = true,
            Err(Refusal::Rejected(rejection)) => {
                let lines = &holding.placed.lines;
                let wanted = lines.iter().find(|line| line.sku == sku);
                let wanted = wanted.map_or(0, |line| line.quantity);
                holding.shorts.push(Short { sku, wanted, available: left(&rejection) });
            }
        }
        holding.unanswered -= 1;
        if holding.unanswered > 0 {
            return;
        }
        let Some(checkout) = self.checkout.take() else { return };
        let Some(holding) = &checkout.holding else { return };
        let refusal = if !holding.shorts.is_empty() {
            Refusal::Rejected(CheckoutRefusal::OutOfStock(holding.shorts.clone()))
        } else if holding.unavailable {
            Refusal::Unavailable
        } else if step.now >= checkout.hold_until {
            // The holds lapsed while the answers were on their way; the shopper tries again.
            Refusal::Rejected(CheckoutRefusal::CartChanged)
        } else {
            return self.write(*checkout, step);
        };
        self.call_off(*checkout, refusal, step);
    }

    /// Prices the cart as the order will have it.
    fn quote(
        &self,
        checkout: &Checkout,
        cart: &Cart,
        step: &Step<'_>,
    ) -> Result<(Box<Placed>, Contact), CheckoutRefusal> {
        let (request, settings) = (&checkout.request, &step.env.settings);
        let vault = &step.env.vault;
        let of_cart =
            || cart.recipient.as_deref().and_then(|to| vault.known(to.person, &to.sealed));
        let address = request.shipping_address.clone().or_else(of_cart);
        let address = address.ok_or(CheckoutRefusal::NoShippingAddress)?;
        let items = cart.items();
        let goods = items
            .iter()
            .map(|item| item.unit_price.times(item.quantity).map_err(PricingError::from));
        let goods = goods.collect::<Result<Vec<Money>, _>>()?;
        let goods = Money::sum(goods, cart.currency).map_err(PricingError::from)?;
        let wanted = request.shipping_option.as_deref().or(cart.shipping_option.as_deref());
        let shipping = choose_shipping(step, &address.country, goods, wanted)?;
        let totals = settings.rules.totals(
            cart.currency,
            &items,
            Some(&address.region()),
            Some(&shipping.id),
        )?;
        if let Some(agreed) = request.agreed.filter(|agreed| *agreed != totals.total) {
            return Err(CheckoutRefusal::TotalChanged { agreed, now: totals.total });
        }
        let lines = cart.lines.iter().zip(totals.lines).map(|(line, totals)| OrderLine {
            sku: line.sku.clone(),
            product_id: line.product_id.clone(),
            name: line.name.to_string(),
            title: line.title.to_string(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            totals,
        });
        let pay_within = match request.collected {
            Collected::Online => settings.pay_within,
            Collected::ByHand => settings.pay_by_hand_within,
        };
        let contact = Contact {
            email: request.email.clone(),
            billing_address: request.billing_address.clone(),
            note: request.note.clone(),
            shipping_address: address,
        };
        let placed = Placed {
            // Drawn when the order is written, and then the contact is sealed.
            number: 0,
            cart: request.cart,
            recipient: Recipient {
                person: PersonId::from_bytes([0; PersonId::BYTES]),
                region: contact.shipping_address.region(),
                sealed: Sealed::from_bytes(vec![]),
            },
            currency: cart.currency,
            lines: lines.collect(),
            subtotal: totals.subtotal,
            discount: totals.discount,
            shipping_price: totals.shipping,
            tax: totals.tax,
            total: totals.total,
            prices: totals.prices,
            shipping: Some(shipping),
            payment: step.env.ids.payment(),
            provider: request.provider.clone(),
            collected: request.collected,
            expires_at: step.now.plus(pay_within),
            placed_at: step.now,
            attempt: checkout.ask.attempt(),
        };
        Ok((Box::new(placed), contact))
    }

    /// All units are held: order, reservations, cart, events and key go into one batch.
    fn write(&mut self, checkout: Checkout, step: &mut Step<'_>) {
        let Checkout { mut request, ask, holding, .. } = checkout;
        let Some(Holding { loan, mut placed, contact, .. }) = holding else { return };
        placed.number = step.env.order_numbers.draw();
        let lines: Vec<(Sku, u32)> =
            placed.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
        let mut batch = Batch::new();
        let decide = || {
            let person = seal_contact(&request, &loan, &contact, &mut placed, &mut batch, step)?;
            let events = Order::decide(None, OrderCommand::Place(placed), step.now)?;
            check_out(&loan, self.id, person, &mut batch, request.cart, step)?;
            Ok(events)
        };
        let events: Result<Vec<OrderEvent>, CheckoutRefusal> = decide();
        let events = match events {
            Ok(events) => events,
            Err(refusal) => {
                step.env.vault.take_back(&batch);
                self.give_back(request.cart, lines, step);
                return refuse(ask, Refusal::Rejected(refusal), step);
            }
        };
        step.send(ShardMessage::Cart(request.cart, CartMessage::HandedOver { order: self.id }));
        for (sku, units) in lines {
            let handed_over = SkuMessage::HandedOver { order: self.id, units: Some(units) };
            step.send(ShardMessage::Sku(sku, handed_over));
        }
        self.token = request.token.take();
        self.waiting.push(Waiter::Checkout(ask));
        self.hand_over(events, batch, step);
    }

    fn call_off(&self, checkout: Checkout, refusal: Refusal<CheckoutRefusal>, step: &mut Step<'_>) {
        let held = checkout.holding.iter().flat_map(|holding| &holding.placed.lines);
        let lines = held.map(|line| (line.sku.clone(), line.quantity)).collect();
        self.give_back(checkout.request.cart, lines, step);
        refuse(checkout.ask, refusal, step);
    }

    fn give_back(&self, cart: CartId, lines: Vec<(Sku, u32)>, step: &mut Step<'_>) {
        step.send(ShardMessage::Cart(cart, CartMessage::Return { order: self.id }));
        for (sku, _) in lines {
            step.send(ShardMessage::Sku(sku, SkuMessage::Forget { order: self.id }));
        }
    }
}

/// Says no after what was borrowed is on its way back, so that the next try finds it there.
fn refuse(
    ask: Ask<OrderView, CheckoutRefusal>,
    refusal: Refusal<CheckoutRefusal>,
    step: &mut Step<'_>,
) {
    step.out.replies.push(Reply::new(move |_| ask.send(Err(refusal))));
}

/// Seals what is known of the shopper under the key of the customer whom the request names, of the
/// guest whom the cart knows, or of a new guest. Nobody buys in a customer's name by knowing their
/// cart alone.
fn seal_contact(
    request: &CheckoutRequest,
    loan: &Loan,
    contact: &Contact,
    placed: &mut Placed,
    batch: &mut Batch,
    step: &Step<'_>,
) -> Result<PersonId, Forgotten> {
    let vault = &step.env.vault;
    let of_cart = loan.cart.recipient.as_deref().map(|to| to.person);
    let person = request.person.or(of_cart.filter(|person| vault.is_guest(*person)));
    let person = person.unwrap_or_else(|| vault.new_guest(step.env.ids.person(), batch));
    placed.recipient.person = person;
    placed.recipient.sealed = vault.seal_record(person, contact)?;
    Ok(person)
}

/// Puts the cart's turn into an ordered one into the batch. If it was a guest's and becomes the
/// order of somebody else, what it knows of the guest becomes theirs.
fn check_out(
    loan: &Loan,
    order: OrderId,
    person: PersonId,
    batch: &mut Batch,
    id: CartId,
    step: &Step<'_>,
) -> Result<(), CheckoutRefusal> {
    let (cart, vault) = (&loan.cart, &step.env.vault);
    let mut events = Vec::new();
    if let Some(to) = cart.recipient.as_deref().filter(|to| to.person != person) {
        if let Some(address) = vault.known::<Address>(to.person, &to.sealed) {
            let sealed = vault.seal_record(person, &address)?;
            let recipient = Box::new(Recipient { person, region: to.region.clone(), sealed });
            events = Cart::decide(Some(cart), CartCommand::SetRecipient(recipient), step.now)?;
        }
        vault.pass_on(to.person, person, batch, step.now);
    }
    events.extend(Cart::decide(Some(cart), CartCommand::CheckOut { order }, step.now)?);
    write_cart(loan, events, batch, id, step);
    Ok(())
}

/// Writes a borrowed cart's row and events into the borrower's batch.
pub(super) fn write_cart(
    loan: &Loan,
    events: Vec<crate::domain::cart::CartEvent>,
    batch: &mut Batch,
    id: CartId,
    step: &Step<'_>,
) {
    let cart = events.iter().fold(Some((*loan.cart).clone()), Cart::apply);
    let Some(cart) = cart.filter(|_| !events.is_empty()) else { return };
    for event in events {
        batch.fact(step.now, Fact::Cart(id, event), vec![]);
    }
    let key = EntityKey::Cart(id);
    if cart.status == CartStatus::Open {
        // Reopened: its own row may have come due, and gone, while it was ordered.
        batch.expire_at(cart.expires_at(), &key);
    }
    batch.put(key, loan.version, &cart);
}

/// The option that was asked for, or else the cheapest.
fn choose_shipping(
    step: &Step<'_>,
    country: &str,
    goods: Money,
    wanted: Option<&str>,
) -> Result<ShippingOption, CheckoutRefusal> {
    let rules = &step.env.settings.rules;
    match wanted {
        Some(id) => rules.shipping_option(country, goods, id).map_err(|error| match error {
            PricingError::NoSuchShipping(option) => CheckoutRefusal::NoSuchShipping { option },
            PricingError::Money(_) => CheckoutRefusal::Pricing(error),
        }),
        None => {
            let cheapest = rules.shipping.options(country, goods).into_iter().next();
            cheapest.ok_or_else(|| CheckoutRefusal::NoShippingTo { country: country.to_owned() })
        }
    }
}

fn left(rejection: &StockRejection) -> u32 {
    match rejection {
        StockRejection::OutOfStock { available, .. } => u32::try_from(*available).unwrap_or(0),
        StockRejection::DoesNotAddUp
        | StockRejection::Nothing
        | StockRejection::Oversold { .. } => 0,
    }
}

impl From<LoanRefusal> for CheckoutRefusal {
    fn from(refusal: LoanRefusal) -> CheckoutRefusal {
        match refusal {
            LoanRefusal::Rejected(rejection) => CheckoutRefusal::Cart(rejection),
            LoanRefusal::PriceChanged(changes) => CheckoutRefusal::PriceChanged(changes),
            LoanRefusal::NotForSale(skus) => CheckoutRefusal::NotForSale(skus),
        }
    }
}

impl CheckoutRefusal {
    /// What a refused batch means to the shopper: somebody else was faster, at the shelf or at the
    /// cart. `None` where nothing can be said.
    pub(super) fn of_commit(error: &CommitError) -> Option<CheckoutRefusal> {
        let CommitError::Conflict(conflict) = error else { return None };
        match conflict {
            Conflict::Stock {
                sku,
                rejection: StockRejection::OutOfStock { wanted, available },
            } => {
                let wanted = u32::try_from(*wanted).unwrap_or(u32::MAX);
                let available = u32::try_from(*available).unwrap_or(0);
                let short = Short { sku: sku.clone(), wanted, available };
                Some(CheckoutRefusal::OutOfStock(vec![short]))
            }
            Conflict::Version { entity: EntityKey::Cart(_), .. } => {
                Some(CheckoutRefusal::CartChanged)
            }
            Conflict::Stock { .. } | Conflict::Version { .. } | Conflict::Reservation { .. } => {
                None
            }
        }
    }
}
