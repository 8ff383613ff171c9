//! Shoppers and staff, and the network between them and the shop: requests that never arrive,
//! answers that nobody hears, and clients who try again.

use super::dice::Dice;
use super::life::Front;
use super::model::{Checked, Model, must};
use super::script::{Errand, Good, Habit, Task, Then};
use super::story::Story;
use super::tasks::{Owner, Spawner};
use crate::actors::ask::{Ask, AskResult, Keyed, Refusal, RenderedAnswer};
use crate::actors::cart::{CartRefusal, CartRequest, CartView};
use crate::actors::catalog::{CatalogMessage, ChangedProduct, NewProduct, StockInput};
use crate::actors::order::{CheckoutRefusal, CheckoutRequest, OrderChange};
use crate::actors::turn::{Turn, conclude, outcome, turn};
use crate::domain::cart::MOST_UNITS_PER_LINE;
use crate::domain::catalog::{ProductContent, ProductStatus, Variant};
use crate::domain::order::{Attempt, Collected};
use crate::domain::stock::StockCommand;
use crate::domain::{Address, CartId, Currency, Money, OrderId, ProductId, Sku, Span, Timestamp};
use crate::payments::test::TestProvider;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What every client has in common: the way to the shop, and who writes down what it says.
pub(super) struct Clients {
    /// The shop, while its door is open.
    pub shop: RefCell<Option<Front>>,
    pub spawner: Spawner,
    pub dice: RefCell<Dice>,
    pub model: RefCell<Model>,
    pub story: RefCell<Story>,
    /// Whether nothing has gone wrong so far but at the bank.
    pub is_faultless: Cell<bool>,
    /// The first promise that was broken towards a client.
    pub broken: RefCell<Option<super::model::Violation>>,
    /// Who waits, and for how long.
    pub pauses: RefCell<Vec<(Span, oneshot::Sender<()>)>>,
    pub bank: Arc<TestProvider>,
    pub goods: Vec<Good>,
}

/// How often a client tries before it goes away.
const TRIES: usize = 12;

impl Clients {
    /// Sends one request; `None` where no answer came, whatever became of the request.
    async fn send<V, F>(&self, serve: impl FnOnce(Front) -> F) -> Option<V>
    where
        V: 'static,
        F: Future<Output = V> + 'static,
    {
        let front = self.shop.borrow().clone()?;
        let fate = self.dice.borrow_mut().below(100);
        if fate < 3 {
            return None;
        }
        let (answer, heard) = oneshot::channel();
        let life = front.life;
        let served = serve(front);
        // The shop carries a request out to its end whoever hangs up.
        self.spawner.spawn(Owner::Shop(life), async move {
            let _ = answer.send(served.await);
        });
        if fate < 8 {
            return None;
        }
        heard.await.ok()
    }

    async fn pause(&self, span: Span) {
        let (over, waited) = oneshot::channel();
        self.pauses.borrow_mut().push((span, over));
        let _ = waited.await;
    }

    fn check(&self, checked: Checked) {
        if let Err(violation) = checked {
            self.broken.borrow_mut().get_or_insert(violation);
        }
    }

    fn tell(&self, line: impl FnOnce() -> String) {
        self.story.borrow_mut().tell(line);
    }

    fn step(&self) -> usize {
        self.story.borrow().step
    }

    /// Asks a cart, until there is an answer.
    async fn cart(
        self: &Rc<Clients>,
        who: usize,
        ask: impl Fn() -> (Option<CartId>, CartRequest),
    ) -> Option<Result<CartView, CartRefusal>> {
        for _ in 0..TRIES {
            let (id, request) = ask();
            let clients = Rc::clone(self);
            let answer = self.send(async move |front: Front| {
                let asked = match id {
                    Some(id) => front.desk.cart(id, request, None, None).await,
                    None => front.desk.create_cart(request, None).await,
                };
                clients.heard_of_cart(&front, &asked);
                asked
            });
            match answer.await {
                Some(Ok(answered)) => return Some(Ok(answered.value)),
                Some(Err(Refusal::Rejected(refusal))) => {
                    self.tell(|| format!("{who} is refused at the cart: {refusal}"));
                    return Some(Err(refusal));
                }
                Some(Err(Refusal::Unavailable)) | None => {
                    self.pause(Span::millis(700)).await;
                }
            }
        }
        None
    }

    fn heard_of_cart(&self, front: &Front, asked: &AskResult<CartView, CartRefusal>) {
        if let Ok(answered) = asked {
            let CartView { id, version, .. } = answered.value;
            self.check(self.model.borrow_mut().told_of_cart(id, version, &*front.store));
        }
    }

    /// Sends a checkout until there is an answer, always under the same key.
    async fn check_out(
        self: &Rc<Clients>,
        who: usize,
        cart: CartId,
        token: &'static str,
        key: Option<[u8; 16]>,
    ) -> Option<RenderedAnswer> {
        let since = self.step();
        let tries = if key.is_some() { TRIES } else { 1 };
        for _ in 0..tries {
            let clients = Rc::clone(self);
            let answer = self.send(async move |front: Front| {
                if let Some(key) = key {
                    clients.model.borrow_mut().sent(key, front.env.now(), since);
                }
                let answer = checkout(&front, request(cart, token), key).await;
                match &answer {
                    Some(answer) => {
                        clients.heard_of_checkout(key, answer, since, front.env.now());
                    }
                    None => clients.check(clients.no_answer()),
                }
                answer
            });
            if let Some(Some(answer)) = answer.await {
                self.tell(|| {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    format!("{who} hears {}: {text}", answer.status)
                });
                return Some(answer);
            }
            self.tell(|| format!("{who} hears nothing of the checkout"));
            self.pause(Span::seconds(1)).await;
        }
        None
    }

    /// The shop could not say: only where something went wrong.
    fn no_answer(&self) -> Checked {
        must!(!self.is_faultless.get(), "I9", "the shop could not answer, and nothing was wrong");
        Ok(())
    }

    fn heard_of_checkout(
        &self,
        key: Option<[u8; 16]>,
        answer: &RenderedAnswer,
        since: usize,
        now: Timestamp,
    ) {
        let mut model = self.model.borrow_mut();
        if let Some(key) = key {
            let checked = model.answered(key, answer, now);
            self.check(checked);
        }
        if let Some(order) = order_in(answer) {
            let since = key.and_then(|key| model.first_step(key)).unwrap_or(since);
            let checked = model.was_sold_as_offered(order, since);
            self.check(checked);
        }
    }

    async fn change(self: &Rc<Clients>, order: OrderId, change: OrderChange) {
        for _ in 0..TRIES {
            let (clients, wish) = (Rc::clone(self), change.clone());
            let answer = self.send(async move |front: Front| {
                let asked = front.desk.change_order(order, wish, None, None).await;
                if let Ok(answered) = &asked {
                    let checked =
                        clients.model.borrow().told_of_order(order, &answered.value.order);
                    clients.check(checked);
                }
                asked.map(|_| ()).map_err(|refusal| refusal.to_string())
            });
            match answer.await {
                Some(said) => {
                    self.tell(|| format!("{order} was to change ({change:?}): {said:?}"));
                    if said.is_ok() {
                        return;
                    }
                }
                None => self.tell(|| format!("nothing is heard of {change:?} of {order}")),
            }
            self.pause(Span::seconds(2)).await;
        }
    }

    /// A shopper goes their way.
    pub async fn shop(self: Rc<Clients>, errand: Errand) {
        let who = errand.name;
        let items: Vec<(Sku, u32)> =
            errand.lines.iter().map(|(good, units)| (self.sku(*good), *units)).collect();
        let create = || (None, CartRequest::Create { currency: None, items: items.clone() });
        let Some(Ok(cart)) = self.cart(who, create).await else { return };
        let cart = cart.id;
        self.tell(|| format!("{who} has {cart}"));
        if let Some((good, quantity)) = errand.second_thoughts {
            let sku = self.sku(good);
            let ask = || {
                let sku = sku.clone();
                let is_there = errand.lines.iter().any(|(own, _)| *own == good);
                let request = match is_there {
                    true => CartRequest::SetQuantity { sku, quantity },
                    false => CartRequest::AddItem { sku, quantity: quantity.max(1) },
                };
                (Some(cart), request)
            };
            let _ = self.cart(who, ask).await;
        }
        let key = key(who, 0);
        let answer = match errand.habit {
            Habit::Plain => self.check_out(who, cart, errand.token, None).await,
            Habit::Patient => self.check_out(who, cart, errand.token, Some(key)).await,
            Habit::DoubleClick => {
                let one = self.check_out(who, cart, errand.token, Some(key));
                let two = self.check_out(who, cart, errand.token, Some(key));
                futures_util::future::join(one, two).await.0
            }
            Habit::TwoTabs => {
                let one = self.check_out(who, cart, errand.token, Some(key));
                let two = self.check_out(who, cart, errand.token, Some(self::key(who, 1)));
                let (one, two) = futures_util::future::join(one, two).await;
                self.check(one_of_two(&one, &two, errand.token));
                one.filter(|answer| answer.status == 201).or(two)
            }
            Habit::Hasty => {
                let sku = self.sku(errand.lines[0].0);
                let set = |quantity| {
                    let sku = sku.clone();
                    move || (Some(cart), CartRequest::SetQuantity { sku: sku.clone(), quantity })
                };
                let (one, two, three) = (set(2), set(1), set(1));
                let (one, two) = (self.cart(who, one), self.cart(who, two));
                futures_util::future::join3(one, two, self.cart(who, three)).await;
                self.check_out(who, cart, errand.token, Some(key)).await
            }
            Habit::ReusesKey => {
                let answer = self.check_out(who, cart, errand.token, Some(key)).await;
                self.borrow_key(who, cart, key).await;
                answer
            }
            Habit::Fiddles => {
                let sku = self.sku(errand.lines[0].0);
                let ask = || (Some(cart), CartRequest::AddItem { sku: sku.clone(), quantity: 1 });
                let buying = self.check_out(who, cart, errand.token, Some(key));
                futures_util::future::join(buying, self.cart(who, ask)).await.0
            }
        };
        let Some(answer) = answer else { return };
        let order = order_in(&answer);
        match (errand.then, order) {
            (Then::Repeats, _) if errand.habit != Habit::Plain => {
                self.pause(Span::minutes(3)).await;
                let _ = self.check_out(who, cart, errand.token, Some(key)).await;
            }
            (Then::Confirms(yes), Some(order)) => self.confirm(order, yes).await,
            (Then::Cancelled { twice }, Some(order)) => {
                let cancel = || self.change(order, OrderChange::Cancel { reason: None });
                match twice {
                    true => _ = futures_util::future::join(cancel(), cancel()).await,
                    false => cancel().await,
                }
            }
            (Then::Captured, Some(order)) => self.change(order, OrderChange::Capture).await,
            (Then::Looks, _) => {
                let _ = self.cart(who, || (Some(cart), CartRequest::Show)).await;
            }
            (Then::Nothing | Then::Repeats, _) | (_, None) => {}
        }
    }

    /// Sends another request under a key that was used: it is refused, whatever became of the first.
    async fn borrow_key(self: &Rc<Clients>, who: usize, cart: CartId, key: [u8; 16]) {
        let clients = Rc::clone(self);
        let refused = self.send(async move |front: Front| {
            let attempt = Attempt { key, fingerprint: [2; 16] };
            let now = front.env.now();
            let is_known = clients.model.borrow().knows(key, now);
            let turn = turn(&front.keys, &front.desk, &front.env, attempt).await;
            let is_refused = matches!(turn, Ok(Turn::Reused | Turn::Lost) | Err(_));
            if is_known {
                clients.check(belongs_to_one(cart, is_refused));
            }
            is_refused
        });
        let refused = refused.await;
        self.tell(|| format!("{who} uses a key for something else, and is refused: {refused:?}"));
    }

    /// The shopper decides at the bank, and the shop is told to ask there.
    async fn confirm(self: &Rc<Clients>, order: OrderId, yes: bool) {
        let payment = self.model.borrow().orders.get(&order).map(|order| order.payment);
        let Some(payment) = payment else { return };
        let _ = self.bank.complete(payment, yes);
        self.tell(|| format!("the shopper of {order} says {yes} at the bank"));
        if self.dice.borrow_mut().percent(40) {
            // Never comes back: the shop has to find out by itself.
            return;
        }
        let refreshed =
            self.send(async move |front: Front| front.desk.refresh_payment(order).await);
        let _ = refreshed.await;
    }

    /// A member of staff does something.
    pub async fn work(self: Rc<Clients>, task: Task) {
        let adjust = |delta| StockCommand::Adjust { delta, reason: "count".into(), note: None };
        let (good, command) = match task {
            Task::Receive { good, units } => (good, adjust(i64::from(units))),
            Task::TakeOut { good, units } => (good, adjust(-i64::from(units))),
            Task::SetAvailable { good, units } => {
                (good, StockCommand::SetAvailable { units, reason: "count".into() })
            }
            Task::Backorder { good, allowed } => {
                (good, StockCommand::Configure { backorder: Some(allowed), low_stock_at: None })
            }
            Task::Price { good, minor } => return self.reprice(good, minor).await,
        };
        let sku = self.sku(good);
        let at = sku.clone();
        let answer = self.send(async move |front: Front| {
            let asked = front.desk.stock(sku, command, None).await;
            asked.map(|answered| answered.value).map_err(|refusal| refusal.to_string())
        });
        let answer = answer.await;
        self.tell(|| format!("{task:?} of {at}: {answer:?}"));
    }

    async fn reprice(self: &Rc<Clients>, good: usize, minor: i64) {
        let (id, content) = (product_id(good), self.content(good, minor));
        let answer = self.send(async move |front: Front| {
            let (ask, answer) = Ask::new(None);
            let changed = ChangedProduct { id, expected: None, content, stock: vec![] };
            let _ = front.owner.send(CatalogMessage::UpdateProduct(Box::new(changed), ask));
            matches!(answer.await, Ok(Ok(_)))
        });
        let answer = answer.await;
        self.tell(|| format!("the price of good {good} is to be {minor}: {answer:?}"));
    }

    /// The shop, as soon as its door is open.
    async fn open_shop(&self) -> Front {
        loop {
            let open = self.shop.borrow().clone();
            if let Some(front) = open {
                return front;
            }
            self.pause(Span::millis(100)).await;
        }
    }

    /// Stocks the shop before anything else happens.
    pub async fn stock_up(self: Rc<Clients>) {
        for (place, good) in self.goods.iter().enumerate() {
            let content = self.content(place, good.price);
            let stock = StockInput {
                sku: good.sku.clone(),
                available: Some(good.units),
                backorder: Some(good.backorder),
                low_stock_at: Some(Some(2)),
            };
            let id = Some(product_id(place));
            let new = NewProduct { id, content, sku_from_handle: false, stock: vec![stock] };
            let front = self.open_shop().await;
            let (ask, answer) = Ask::new(None);
            let _ = front.owner.send(CatalogMessage::CreateProduct(Box::new(new), ask));
            let created = answer.await;
            self.check(is_stocked(&good.sku, matches!(created, Ok(Ok(_)))));
        }
    }

    /// Asks for far too much of everything: what is said to be left is what is left.
    pub async fn count_shelves(self: Rc<Clients>) {
        for good in &self.goods {
            let (sku, front) = (good.sku.clone(), self.open_shop().await);
            let items = vec![(sku.clone(), MOST_UNITS_PER_LINE)];
            let create = CartRequest::Create { currency: None, items };
            let Ok(cart) = front.desk.create_cart(create, None).await else { continue };
            let asked = front.desk.checkout(request(cart.value.id, "manual"), None).await;
            let Err(Refusal::Rejected(CheckoutRefusal::OutOfStock(shorts))) = asked else {
                continue;
            };
            let said = i64::from(shorts[0].available);
            let left = self.model.borrow().shelves.get(&sku).map_or(0, |shelf| shelf.available());
            self.check(says_what_is_left(&sku, said, left.max(0)));
        }
    }

    fn sku(&self, good: usize) -> Sku {
        self.goods[good].sku.clone()
    }

    fn content(&self, good: usize, minor: i64) -> ProductContent {
        let sku = self.sku(good);
        let name = format!("Good {good}");
        let variant = Variant {
            sku,
            title: name.clone(),
            options: vec![],
            price: Money::from_minor(minor, Currency::USD),
            compare_at_price: None,
            barcode: None,
            weight_grams: None,
            image: None,
        };
        ProductContent {
            handle: format!("good-{good}"),
            name,
            description: String::new(),
            category: "Goods".into(),
            brand: "Alder".into(),
            images: vec![],
            tags: vec![],
            attributes: vec![],
            status: ProductStatus::Active,
            options: vec![],
            variants: vec![variant],
            currency: Currency::USD,
        }
    }
}

fn says_what_is_left(sku: &Sku, said: i64, left: i64) -> Checked {
    must!(said == left, "I8", "{said} of {sku} are said to be left, and {left} are");
    Ok(())
}

fn belongs_to_one(cart: CartId, is_refused: bool) -> Checked {
    must!(is_refused, "I4", "the key of {cart} served another request");
    Ok(())
}

fn is_stocked(sku: &Sku, is_there: bool) -> Checked {
    must!(is_there, "I9", "{sku} could not be put on the shelf, and nothing was wrong");
    Ok(())
}

/// Of two tabs that bought one cart at once, one did.
fn one_of_two(one: &Option<RenderedAnswer>, two: &Option<RenderedAnswer>, token: &str) -> Checked {
    let both = [one, two].map(|own| own.as_ref().is_some_and(|answer| answer.status == 201));
    must!(both != [true, true], "I3", "one cart was bought twice with {token}");
    Ok(())
}

fn product_id(good: usize) -> ProductId {
    format!("prod-{good}").parse().expect("a product id")
}

fn key(who: usize, which: u8) -> [u8; 16] {
    let mut key = [which; 16];
    key[..8].copy_from_slice(&(who as u64).to_be_bytes());
    key
}

fn order_in(answer: &RenderedAnswer) -> Option<OrderId> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    text.split(' ').next().filter(|_| answer.status == 201)?.parse().ok()
}

/// A checkout as the front door carries it out.
async fn checkout(
    front: &Front,
    request: CheckoutRequest,
    key: Option<[u8; 16]>,
) -> Option<RenderedAnswer> {
    let render = front.env.checkout_answer.clone();
    let Some(key) = key else {
        return outcome(front.desk.checkout(request, None).await, &render);
    };
    let attempt = Attempt { key, fingerprint: [1; 16] };
    match turn(&front.keys, &front.desk, &front.env, attempt).await.ok()? {
        Turn::Fresh(running) => {
            let (first_used, vault) = (running.first_used(), front.env.vault.clone());
            let keyed = Keyed { attempt, first_used, render: render.clone(), vault };
            let answer = outcome(front.desk.checkout(request, Some(keyed)).await, &render);
            conclude(running, answer, &front.env, &front.committer).await
        }
        Turn::Replay(answer) => RenderedAnswer::of_kept(*answer, &front.env.vault).ok(),
        Turn::Reused | Turn::Lost => None,
    }
}

fn request(cart: CartId, token: &'static str) -> CheckoutRequest {
    let by_hand = token == "manual";
    CheckoutRequest {
        cart,
        person: None,
        email: "ada@example.com".into(),
        shipping_address: Some(Address {
            name: "Ada Lovelace".into(),
            line1: "12 Main Street".into(),
            line2: None,
            city: "Salem".into(),
            region: Some("OR".into()),
            postal_code: Some("97301".into()),
            country: "US".into(),
            phone: None,
        }),
        billing_address: None,
        shipping_option: None,
        provider: if by_hand { "manual" } else { "test" }.into(),
        collected: if by_hand { Collected::ByHand } else { Collected::Online },
        token: (!by_hand).then(|| token.to_owned()),
        note: None,
        agreed: None,
    }
}
