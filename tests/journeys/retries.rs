//! Retries as clients make them: every step of a purchase fails, is repeated, and is raced.
//!
//! The table is [`steps!`]: each step gets a test per column, and says in one `match` each what was
//! there before, what it asks, and what is there afterwards. What is there is counted in [`Books`]:
//! by the shop's own answers, and by the provider's books, which no mistake of the shop can touch.

use crate::faults::{CallFault, CommitFault, PATIENCE};
use crate::goods::{address, buy, by_hand, fill, level, shelve, text, with_token};
use crate::raw::Raw;
use crate::testshop::{Answer, Request, TestShop};
use futures_util::future::join_all;
use mercat::config::Capture;
use mercat::domain::Span;
use mercat::storage::Table;
use serde_json::{Value, json};
use std::time::Duration;

/// Names the steps, and gives each its tests. A step without a cell of the table does not compile.
macro_rules! steps {
    ($($test:ident: $step:ident,)*) => {
        /// What a client may have to send twice.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Step { $($step,)* }
        $(mod $test {
            use super::{Step, fail, lose_power, race, repeat};

            #[tokio::test(flavor = "multi_thread")]
            async fn leaves_a_clean_slate_or_is_done_whatever_fails() {
                fail(Step::$step).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn is_whole_or_nothing_wherever_the_power_goes() {
                lose_power(Step::$step).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn has_one_effect_and_one_answer_however_often_it_is_sent() {
                repeat(Step::$step).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn has_one_winner_however_many_send_it_at_once() {
                race(Step::$step).await;
            }
        })*
    };
}

steps! {
    making_a_cart: MakeCart,
    adding_an_item: AddItem,
    setting_a_quantity: SetQuantity,
    removing_an_item: RemoveItem,
    saying_where_to: SetAddress,
    choosing_shipping: ChooseShipping,
    deleting_a_cart: DeleteCart,
    paying_at_once: PayAtOnce,
    setting_money_aside: SetAside,
    paying_by_hand: PayByHand,
    paying_with_a_further_step: PayWithAction,
    approving: Approve,
    declining: Decline,
    capturing_by_hand: CaptureByHand,
    capturing_what_was_set_aside: CaptureCard,
    cancelling_what_is_unpaid: CancelUnpaid,
    cancelling_what_was_set_aside: CancelSetAside,
    cancelling_what_was_paid: Refund,
    counting_in: CountIn,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The client is gone while the first write is on its way.
    HungUpAtWrite,
    /// The client is gone while the provider is asked.
    HungUpAtCall,
    /// The connection breaks while the answer is on its way.
    AnswerCut,
    /// The first write fails, before or after it happened.
    FirstWriteLost,
    FirstWriteKept,
    SecondWriteLost,
    SecondWriteKept,
    /// A call of the provider fails: it never got there, it never got there and nobody says so, or
    /// it was carried out and nobody says so.
    CallUnreachable,
    CallUnheard,
    CallUnanswered,
    /// The provider stays away for longer than an order may wait.
    Outage,
}

impl Fault {
    const ALL: [Fault; 11] = [
        Fault::HungUpAtWrite,
        Fault::HungUpAtCall,
        Fault::AnswerCut,
        Fault::FirstWriteLost,
        Fault::FirstWriteKept,
        Fault::SecondWriteLost,
        Fault::SecondWriteKept,
        Fault::CallUnreachable,
        Fault::CallUnheard,
        Fault::CallUnanswered,
        Fault::Outage,
    ];
}

/// What is there once nothing is under way any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// This step does not meet this fault.
    Unmet,
    /// As if nothing had been sent.
    Clean,
    /// As if nothing had failed.
    Done,
    /// As if nothing had been sent, and the attempt is answered with a no for good.
    Refused,
    /// There is an order that ended: nothing is reserved for it, and no money came.
    Ended,
}

/// What becomes of several requests for the same thing that are not repeats of one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// One wins; the others are told no, with one of these codes.
    Lose(&'static [&'static str]),
    /// Each has its own effect.
    Add,
    /// All have the same effect, once.
    Agree,
    /// One does it; the others find that there is nothing left to do it to.
    FindNothing,
}

/// All that a step may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Books {
    /// How many carts came.
    carts: u64,
    /// The cart: its status, units, city and shipping option.
    cart: String,
    /// The orders that did not come to nothing: status, payment status, what was given back.
    orders: Vec<String>,
    /// Units on hand, reserved and available.
    level: [i64; 3],
    /// At the provider: the money that it has, and how many payments are open there.
    taken: i64,
    set_aside: usize,
}

const UNTOUCHED: &str = "open: 2 to nowhere by nothing";

impl Step {
    fn keeps_for_later(self) -> bool {
        use Step::{CancelSetAside, CaptureCard, SetAside};
        matches!(self, SetAside | CaptureCard | CancelSetAside)
    }

    /// Whether the provider is told, and the shop hears it from there.
    fn is_said_to_the_bank(self) -> bool {
        matches!(self, Step::Approve | Step::Decline)
    }

    /// What was bought before, and how, for steps that come after a checkout.
    fn bought(self) -> Option<Value> {
        match self {
            Step::MakeCart
            | Step::AddItem
            | Step::SetQuantity
            | Step::RemoveItem
            | Step::SetAddress
            | Step::ChooseShipping
            | Step::DeleteCart
            | Step::PayAtOnce
            | Step::SetAside
            | Step::PayByHand
            | Step::PayWithAction
            | Step::CountIn => None,
            Step::Approve | Step::Decline => Some(with_token("tok_action")),
            Step::CaptureByHand | Step::CancelUnpaid => Some(by_hand()),
            Step::CaptureCard | Step::CancelSetAside | Step::Refund => Some(with_token("tok_visa")),
        }
    }

    /// The request without a key.
    fn request(self, shop: &TestShop, cell: &Cell) -> Request {
        let cart = format!("/v1/carts/{}", cell.cart);
        let items = format!("{cart}/items");
        let line = format!("{items}/{}", cell.sku);
        let checkout = |body| shop.post(&format!("{cart}/checkout")).json(body);
        let order = |name: &str| {
            let id = text(cell.order.as_ref().unwrap(), "orderId");
            shop.post(&format!("/v1/orders/{id}/{name}")).staff()
        };
        let payment = || text(&cell.order.as_ref().unwrap()["payment"], "paymentId").to_owned();
        let decide = |outcome: &str| {
            let path = format!("/v1/test-payments/{}", payment());
            shop.post(&path).json(json!({ "outcome": outcome }))
        };
        match self {
            Step::MakeCart => shop
                .post("/v1/carts")
                .json(json!({ "items": [{ "sku": cell.sku, "quantity": 1 }] })),
            Step::AddItem => shop.post(&items).json(json!({ "sku": cell.sku, "quantity": 1 })),
            Step::SetQuantity => shop.patch(&line).json(json!({ "quantity": 5 })),
            Step::RemoveItem => shop.delete(&line),
            Step::SetAddress => shop.put(&format!("{cart}/shipping-address")).json(address()),
            Step::ChooseShipping => shop
                .put(&format!("{cart}/shipping-option"))
                .json(json!({ "shippingOption": "standard" })),
            Step::DeleteCart => shop.delete(&cart),
            Step::PayAtOnce | Step::SetAside => checkout(with_token("tok_visa")),
            Step::PayByHand => checkout(by_hand()),
            Step::PayWithAction => checkout(with_token("tok_action")),
            Step::Approve => decide("approve"),
            Step::Decline => decide("decline"),
            Step::CaptureByHand | Step::CaptureCard => {
                order(&format!("payments/{}/capture", payment()))
            }
            Step::CancelUnpaid | Step::CancelSetAside | Step::Refund => {
                order("cancel").json(json!({ "reason": "ordered twice" }))
            }
            Step::CountIn => shop
                .post(&format!("/v1/inventory/{}/adjustments", cell.sku))
                .staff()
                .json(json!({ "delta": 5, "reason": "received" })),
        }
    }

    /// Whether it takes an idempotency key. What takes none says where things are to be, not how
    /// they are to change.
    fn is_keyed(self) -> bool {
        match self {
            Step::SetQuantity
            | Step::RemoveItem
            | Step::SetAddress
            | Step::ChooseShipping
            | Step::DeleteCart
            | Step::Approve
            | Step::Decline => false,
            Step::MakeCart
            | Step::AddItem
            | Step::PayAtOnce
            | Step::SetAside
            | Step::PayByHand
            | Step::PayWithAction
            | Step::CaptureByHand
            | Step::CaptureCard
            | Step::CancelUnpaid
            | Step::CancelSetAside
            | Step::Refund
            | Step::CountIn => true,
        }
    }

    /// What is there after it was done `times` times over by those who may.
    fn after(self, times: i64, before: &Books) -> Books {
        let before = before.clone();
        let ordered = |orders: &str, level| Books {
            cart: "ordered: 2 to nowhere by nothing".into(),
            orders: vec![orders.into()],
            level,
            ..before.clone()
        };
        let cart = |cart: &str| Books { cart: cart.into(), ..before.clone() };
        match self {
            Step::MakeCart => Books { carts: times.unsigned_abs(), ..before },
            Step::AddItem => cart(&format!("open: {} to nowhere by nothing", 2 + times)),
            Step::SetQuantity => cart("open: 5 to nowhere by nothing"),
            Step::RemoveItem => cart("open: 0 to nowhere by nothing"),
            Step::SetAddress => cart("open: 2 to Springfield by nothing"),
            Step::ChooseShipping => cart("open: 2 to nowhere by standard"),
            Step::DeleteCart => cart("gone"),
            Step::PayAtOnce => Books { taken: 3_000, ..ordered("paid captured 0.00", [8, 0, 8]) },
            Step::SetAside => Books { set_aside: 1, ..ordered("paid authorized 0.00", [8, 0, 8]) },
            Step::PayByHand => ordered("pending_payment pending 0.00", [10, 2, 8]),
            Step::PayWithAction => {
                Books { set_aside: 1, ..ordered("pending_payment pending 0.00", [10, 2, 8]) }
            }
            Step::Approve | Step::CaptureCard => {
                Books { taken: 3_000, set_aside: 0, ..ordered("paid captured 0.00", [8, 0, 8]) }
            }
            Step::Decline => Books {
                cart: UNTOUCHED.into(),
                orders: vec![],
                level: [10, 0, 10],
                set_aside: 0,
                ..before
            },
            Step::CaptureByHand => ordered("paid captured 0.00", [8, 0, 8]),
            Step::CancelUnpaid => ordered("cancelled voided 0.00", [10, 0, 10]),
            Step::CancelSetAside => {
                Books { set_aside: 0, ..ordered("cancelled voided 0.00", [10, 0, 10]) }
            }
            Step::Refund => Books { taken: 0, ..ordered("cancelled refunded 30.00", [10, 0, 10]) },
            Step::CountIn => {
                let units = 10 + 5 * times;
                Books { level: [units, 0, units], ..before }
            }
        }
    }

    /// What another request for the same thing hears.
    fn others(self) -> Others {
        match self {
            Step::MakeCart | Step::AddItem | Step::CountIn => Others::Add,
            Step::SetQuantity
            | Step::SetAddress
            | Step::ChooseShipping
            | Step::Approve
            | Step::Decline
            | Step::CaptureByHand
            | Step::CaptureCard
            | Step::CancelUnpaid
            | Step::CancelSetAside
            | Step::Refund => Others::Agree,
            Step::RemoveItem | Step::DeleteCart => Others::FindNothing,
            Step::PayAtOnce | Step::SetAside | Step::PayByHand | Step::PayWithAction => {
                Others::Lose(&["cart_ordered", "checkout_under_way"])
            }
        }
    }

    /// How many writes and how many calls of the provider it takes when all goes well.
    fn costs(self) -> (i64, i64) {
        match self {
            Step::MakeCart
            | Step::AddItem
            | Step::SetQuantity
            | Step::RemoveItem
            | Step::SetAddress
            | Step::ChooseShipping
            | Step::DeleteCart
            | Step::PayByHand => (1, 0),
            Step::Approve | Step::Decline => (1, 1),
            Step::PayAtOnce | Step::SetAside | Step::PayWithAction => (2, 1),
            // The last write of what staff do says who did it.
            Step::CaptureByHand | Step::CancelUnpaid | Step::CountIn => (2, 0),
            Step::CaptureCard | Step::CancelSetAside | Step::Refund => (3, 1),
        }
    }

    fn verdict(self, fault: Fault) -> Verdict {
        let (writes, calls) = self.costs();
        let met = |is_met: bool, verdict| if is_met { verdict } else { Verdict::Unmet };
        // Without the token, an attempt that never arrived is not made again.
        let forgets = matches!(self, Step::PayAtOnce | Step::SetAside | Step::PayWithAction);
        match fault {
            Fault::HungUpAtWrite | Fault::AnswerCut => Verdict::Done,
            // The provider knows what the shopper said, and is asked again.
            Fault::FirstWriteLost if self.is_said_to_the_bank() => Verdict::Done,
            Fault::FirstWriteLost => Verdict::Clean,
            Fault::FirstWriteKept if forgets => Verdict::Refused,
            Fault::FirstWriteKept => Verdict::Done,
            Fault::SecondWriteLost | Fault::SecondWriteKept => met(writes > 1, Verdict::Done),
            Fault::HungUpAtCall
            | Fault::CallUnreachable
            | Fault::CallUnheard
            | Fault::CallUnanswered => met(calls > 0, Verdict::Done),
            Fault::Outage if forgets || self.is_said_to_the_bank() => Verdict::Ended,
            Fault::Outage => met(calls > 0, Verdict::Done),
        }
    }
}

/// One try: goods and a cart of its own, and an order where the step needs one.
struct Cell {
    sku: String,
    cart: String,
    order: Option<Value>,
    /// What was there before: carts, and payments that the bank had seen.
    carts: u64,
    payments: usize,
}

impl Cell {
    async fn prepare(shop: &TestShop, step: Step, name: &str) -> Cell {
        let sku = format!("MUG-{name}");
        let payments = shop.bank.seen();
        shelve(shop, &[(&sku, 1_250, 10)]).await;
        let cart = fill(shop, &[(&sku, 2)]).await;
        let order = match step.bought() {
            None => None,
            Some(body) => Some(buy(shop, &cart, body).await.expect(201).json()),
        };
        Cell { sku, cart, order, carts: shop.rows(Table::Carts), payments }
    }

    async fn books(&self, shop: &TestShop) -> Books {
        let cart = shop.get(&format!("/v1/carts/{}", self.cart)).send().await;
        let path = format!("/v1/orders?sku={}", self.sku);
        let orders = shop.get(&path).staff().send().await.expect(200).json();
        let live = orders["data"].as_array().unwrap().iter().filter(|order| {
            !matches!(order["cancelReason"].as_str(), Some("payment_failed" | "expired"))
        });
        let said = |order: &Value| {
            let (status, payment) = (text(order, "status"), text(order, "paymentStatus"));
            format!("{status} {payment} {}", order["refundedTotal"])
        };
        let (taken, set_aside) = shop.bank.holds(self.payments);
        Books {
            carts: shop.rows(Table::Carts) - self.carts,
            cart: if cart.status == 404 { "gone".into() } else { cart_line(&cart.json()) },
            orders: live.map(said).collect(),
            level: level(shop, &self.sku).await,
            taken,
            set_aside,
        }
    }

    /// Waits until things are like this.
    #[track_caller]
    fn rests<'a>(
        &'a self,
        shop: &'a TestShop,
        wanted: &'a Books,
        what: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let mut seen = self.books(shop).await;
            let wait = async {
                while seen != *wanted {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    shop.shop.engine.settle().await;
                    seen = self.books(shop).await;
                }
            };
            if tokio::time::timeout(PATIENCE, wait).await.is_err() {
                panic!("{caller}: {what}: wanted {wanted:#?}, and there is {seen:#?}");
            }
        }
    }

    fn send(&self, shop: &TestShop, step: Step, key: &str) -> Request {
        let request = step.request(shop, self);
        if step.is_keyed() { request.key(&format!("{key}-{}", self.sku)) } else { request }
    }
}

fn cart_line(cart: &Value) -> String {
    let items = cart["items"].as_array().unwrap();
    let units: i64 = items.iter().map(|item| item["quantity"].as_i64().unwrap()).sum();
    let city = cart["shippingAddress"]["city"].as_str().unwrap_or("nowhere");
    let option = cart["shippingOption"].as_str().unwrap_or("nothing");
    format!("{}: {units} to {city} by {option}", text(cart, "status"))
}

async fn shop_for(step: Step) -> TestShop {
    TestShop::with(|config| {
        config.payments.retry_ms = 20;
        if step.keeps_for_later() {
            config.payments.capture = Capture::Later;
        }
    })
    .await
}

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// The first column: it fails, and then it is sent once more.
async fn fail(step: Step) {
    let shop = shop_for(step).await;
    for fault in Fault::ALL {
        let what = format!("{step:?} with {fault:?}");
        let cell = Cell::prepare(&shop, step, &format!("{fault:?}")).await;
        let before = cell.books(&shop).await;
        let after = step.after(1, &before);
        let verdict = step.verdict(fault);
        let heard = send_into(&shop, step, &cell, fault, verdict).await;
        let is_write = !step.is_said_to_the_bank()
            && matches!(
                fault,
                Fault::FirstWriteLost
                    | Fault::FirstWriteKept
                    | Fault::SecondWriteLost
                    | Fault::SecondWriteKept
            );
        if let Some(heard) = &heard {
            let wanted = if is_write && verdict != Verdict::Unmet { 503 } else { heard.status };
            assert_eq!(heard.status, wanted, "{what}: {}", heard.text());
            assert!(wanted == 503 || is_good(heard), "{what}: {}", heard.text());
        }
        assert_eq!(shop.faults.take_back(), verdict == Verdict::Unmet && heard_of(fault), "{what}");
        let ended = Books {
            carts: 0,
            cart: "ordered: 2 to nowhere by nothing".into(),
            orders: vec![],
            level: [10, 0, 10],
            taken: 0,
            set_aside: 0,
        };
        let left = match verdict {
            Verdict::Unmet | Verdict::Done => &after,
            Verdict::Clean | Verdict::Refused => &before,
            Verdict::Ended => &ended,
        };
        cell.rests(&shop, left, &what).await;
        let again = cell.send(&shop, step, "first").send().await;
        if let Some(heard) = heard.filter(|heard| step.is_keyed() && is_good(heard)) {
            assert_eq!(again.text(), heard.text(), "{what}: another answer than was heard");
        }
        match verdict {
            Verdict::Refused => {
                again.clone().problem(402, "payment_declined");
                assert_eq!(cell.books(&shop).await, before, "{what}");
                let other = cell.send(&shop, step, "second").send().await;
                assert!(is_good(&other), "{what}: {}", other.text());
            }
            Verdict::Ended => assert!(is_good(&again), "{what}: {}", again.text()),
            Verdict::Unmet | Verdict::Clean | Verdict::Done => {
                assert!(is_done(step, verdict, &again), "{what}: {}", again.text());
            }
        }
        let left = if verdict == Verdict::Ended { &ended } else { &after };
        cell.rests(&shop, left, &what).await;
        same_again(&shop, step, &cell, &again, &what).await;
        assert_eq!(cell.books(&shop).await, *left, "{what}");
    }
}

/// Whether a fault is planted as one that waits to be met.
fn heard_of(fault: Fault) -> bool {
    !matches!(fault, Fault::HungUpAtWrite | Fault::HungUpAtCall | Fault::AnswerCut | Fault::Outage)
}

/// Whether this is the answer of a step that was not refused.
fn is_done(step: Step, verdict: Verdict, answer: &Answer) -> bool {
    let is_second = verdict != Verdict::Clean;
    let finds_nothing = is_second && step.others() == Others::FindNothing && answer.status == 404;
    is_good(answer) || finds_nothing
}

/// Sends the step into the fault; gives the answer, where anybody was left to hear one.
async fn send_into(
    shop: &TestShop,
    step: Step,
    cell: &Cell,
    fault: Fault,
    verdict: Verdict,
) -> Option<Answer> {
    let faults = &shop.faults;
    let request = cell.send(shop, step, "first");
    let gate = match fault {
        Fault::HungUpAtWrite => &faults.commits,
        Fault::HungUpAtCall => &faults.calls,
        Fault::AnswerCut => {
            let mut raw = Raw::open(shop).await;
            raw.send(request.bytes()).await;
            raw.first_byte().await;
            return None;
        }
        Fault::FirstWriteLost => return planted(shop, request, [CommitFault::Lost], []).await,
        Fault::FirstWriteKept => return planted(shop, request, [CommitFault::Kept], []).await,
        Fault::SecondWriteLost => {
            return planted(shop, request, [CommitFault::None, CommitFault::Lost], []).await;
        }
        Fault::SecondWriteKept => {
            return planted(shop, request, [CommitFault::None, CommitFault::Kept], []).await;
        }
        Fault::CallUnreachable => {
            return planted(shop, request, [], [CallFault::Unreachable]).await;
        }
        Fault::CallUnheard => return planted(shop, request, [], [CallFault::Unheard]).await,
        Fault::CallUnanswered => return planted(shop, request, [], [CallFault::Unanswered]).await,
        Fault::Outage => {
            faults.outage(Some(CallFault::Unreachable));
            let heard = request.send().await;
            shop.pass(Span::minutes(31));
            shop.shop.sweeper.sweep().await;
            shop.shop.engine.settle().await;
            faults.outage(None);
            return Some(heard);
        }
    };
    let shut = gate.shut();
    if verdict == Verdict::Unmet {
        let heard = request.send().await;
        drop(shut);
        return Some(heard);
    }
    let mut raw = Raw::open(shop).await;
    raw.send(request.bytes()).await;
    gate.arrived(1).await;
    drop(raw);
    // Whoever comes next finds that the shop has noticed.
    shop.get("/healthz").send().await.expect(200);
    drop(shut);
    None
}

async fn planted<const C: usize, const P: usize>(
    shop: &TestShop,
    request: Request,
    commits: [CommitFault; C],
    calls: [CallFault; P],
) -> Option<Answer> {
    shop.faults.fail_commits(commits);
    shop.faults.fail_calls(calls);
    Some(request.send().await)
}

/// Under its key, whatever was answered is answered again, byte for byte; and another request under
/// that key is refused.
async fn same_again(shop: &TestShop, step: Step, cell: &Cell, first: &Answer, what: &str) {
    if !step.is_keyed() {
        return;
    }
    let again = cell.send(shop, step, "first").send().await;
    assert_eq!((again.status, again.text()), (first.status, first.text()), "{what}");
    for name in ["idempotency-replayed", "idempotent-replayed"] {
        assert_eq!(again.header(name), "true", "{what}");
    }
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{what}: {name}");
    }
    // What is captured has nothing more to say than its path.
    if matches!(step, Step::CaptureByHand | Step::CaptureCard) {
        return;
    }
    let key = format!("first-{}", cell.sku);
    let other = step.request(shop, cell).key(&key).json(json!({ "other": true })).send().await;
    // A body that the schema refuses is refused before its key is looked at.
    assert!(matches!(other.status, 400 | 422), "{what}: {}", other.text());
}

/// The second column: the power goes at every point in turn, and the shop starts again.
async fn lose_power(step: Step) {
    let mut shop = shop_for(step).await;
    let (writes, calls) = step.costs();
    for point in 0.. {
        let what = format!("{step:?} when the power goes at point {point}");
        let cell = Cell::prepare(&shop, step, &point.to_string()).await;
        let before = cell.books(&shop).await;
        let after = step.after(1, &before);
        shop.faults.cut_power_after(point);
        let heard = cell.send(&shop, step, "first").send().await;
        if !shop.faults.is_dark() {
            shop.faults.cut_power_after(-1);
            assert!(is_good(&heard), "{what}: {}", heard.text());
            assert_eq!(point, 2 * (writes + calls), "{step:?} costs something else");
            return;
        }
        shop = shop.restarted().await;
        // What was under way was brought to its end before the door opened.
        let left = cell.books(&shop).await;
        let is_whole = left == after;
        assert!(is_whole || left == before, "{what}: {left:#?}");
        assert!(is_whole || !is_good(&heard), "{what}: what was acknowledged is gone");
        let again = cell.send(&shop, step, "first").send().await;
        if again.status == 402 {
            assert!(!is_whole, "{what}: {}", again.text());
            let other = cell.send(&shop, step, "second").send().await;
            assert!(is_good(&other), "{what}: {}", other.text());
        } else {
            let verdict = if is_whole { Verdict::Done } else { Verdict::Clean };
            assert!(is_done(step, verdict, &again), "{what}: {}", again.text());
        }
        cell.rests(&shop, &after, &what).await;
        same_again(&shop, step, &cell, &again, &what).await;
        assert_eq!(cell.books(&shop).await, after, "{what}");
    }
}

/// The third column: all is well, and it is sent again: at once, quoted, after a restart, and under
/// another key.
async fn repeat(step: Step) {
    let what = format!("{step:?} again");
    let shop = shop_for(step).await;
    let cell = Cell::prepare(&shop, step, "1").await;
    let before = cell.books(&shop).await;
    let after = step.after(1, &before);
    let first = cell.send(&shop, step, "first").send().await;
    assert!(is_good(&first), "{what}: {}", first.text());
    assert_eq!(first.header("idempotency-replayed"), "", "{what}");
    assert_eq!(cell.books(&shop).await, after, "{what}");
    same_again(&shop, step, &cell, &first, &what).await;
    let shop = shop.restarted().await;
    same_again(&shop, step, &cell, &first, &what).await;
    assert_eq!(cell.books(&shop).await, after, "{what}");
    let other = cell.send(&shop, step, "second").send().await;
    let left = match step.others() {
        Others::Lose(codes) => {
            other.problem(409, codes[0]);
            after
        }
        Others::Add => {
            assert!(is_good(&other), "{what}: {}", other.text());
            step.after(2, &before)
        }
        Others::Agree => {
            assert!(is_good(&other), "{what}: {}", other.text());
            after
        }
        Others::FindNothing => {
            other.problem(404, "not_found");
            after
        }
    };
    assert_eq!(cell.books(&shop).await, left, "{what}");
}

/// The fourth column: two and twenty at once, under one key and under one each.
async fn race(step: Step) {
    let shop = shop_for(step).await;
    for many in [2, 20] {
        let what = format!("{step:?}, {many} at once");
        let cell = Cell::prepare(&shop, step, &format!("same-{many}")).await;
        let before = cell.books(&shop).await;
        let sent = (0..many).map(|_| cell.send(&shop, step, "first").send());
        let answers = join_all(sent).await;
        if step.is_keyed() {
            for answer in &answers {
                assert!(is_good(answer), "{what}: {}", answer.text());
                assert_eq!(answer.text(), answers[0].text(), "{what}");
            }
            let replayed =
                answers.iter().filter(|own| own.header("idempotency-replayed") == "true");
            assert_eq!(replayed.count(), many - 1, "{what}");
            assert_eq!(cell.books(&shop).await, step.after(1, &before), "{what}");
        } else {
            outcome(step, &answers, &what);
            assert_eq!(cell.books(&shop).await, step.after(1, &before), "{what}");
        }
        let cell = Cell::prepare(&shop, step, &format!("each-{many}")).await;
        let before = cell.books(&shop).await;
        let sent = (0..many).map(|i| cell.send(&shop, step, &i.to_string()).send());
        let answers = join_all(sent).await;
        let times = outcome(step, &answers, &what);
        assert_eq!(cell.books(&shop).await, step.after(times, &before), "{what}");
    }
}

/// Checks what requests of one kind were told that are no repeats; gives how often it was done.
fn outcome(step: Step, answers: &[Answer], what: &str) -> i64 {
    let good = answers.iter().filter(|answer| is_good(answer)).count();
    let (wanted, codes): (usize, &[&str]) = match step.others() {
        Others::Lose(codes) => (1, codes),
        Others::Add | Others::Agree => (answers.len(), &[]),
        Others::FindNothing => (1, &["not_found"]),
    };
    for answer in answers.iter().filter(|answer| !is_good(answer)) {
        let body = answer.json();
        assert!(codes.contains(&text(&body, "code")), "{what}: {body:#}");
    }
    assert_eq!(good, wanted, "{what}");
    if step.others() == Others::Add { good as i64 } else { 1 }
}
