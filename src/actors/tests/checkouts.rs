//! The ways of a checkout, with everybody alive.

use super::*;

#[tokio::test]
async fn a_paid_checkout_sells_the_units_and_turns_the_cart_into_the_order() {
    let world = given_stock(&[("A", 5), ("B", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2), ("B", 1)]).await;
    let view = shop.expect_paid(cart).await;
    assert_eq!((view.order.placed.number, view.version), (OrderNumbers::FIRST, 2));
    assert_eq!(view.order, world.order(view.id));
    assert_eq!((world.stock("A"), world.stock("B")), ((3, 0, 2), (4, 0, 1)));
    assert_eq!(world.cart(cart).status, CartStatus::Ordered(view.id));
    assert_eq!(shop.provider.asked(), 1);
    let again = shop.checkout(cart, "tok_visa").await;
    assert!(matches!(again, Err(Refusal::Rejected(CheckoutRefusal::Cart(_)))), "{again:?}");
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn what_costs_nothing_is_paid_at_once() {
    let world = given_stock(&[("A", 5)]).with(|settings| {
        settings.rules.shipping.zones[0].rates[0].price = usd(0);
    });
    let mut batch = Batch::new();
    put_product(&mut batch, "A", 1, product("A", 0));
    world.disk.commit(&[batch]).unwrap().pop().unwrap().unwrap();
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.expect_paid(cart).await;
    assert!(view.order.placed.total.is_zero());
    assert_eq!((world.stock("A"), shop.provider.asked()), ((3, 0, 2), 0));
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_declined_checkout_gives_the_units_back_and_reopens_the_cart_in_the_same_batch() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let declined = shop.checkout_once(cart, "tok_declined", 1).await;
    assert!(matches!(
        declined,
        Err(Refusal::Rejected(CheckoutRefusal::Declined { reason, .. })) if reason == "card_declined"
    ));
    assert_eq!(world.kept_answer(1).unwrap(), "declined");
    assert_eq!((world.stock("A"), world.cart(cart).status), ((5, 0, 0), CartStatus::Open));
    let facts: Vec<&str> =
        world.events().iter().rev().take(3).map(|event| event.fact.type_name()).collect();
    assert_eq!(facts, ["order.cancelled", "payment.failed", "cart.updated"]);
    assert_eq!(*shop.store.groups.lock().unwrap(), [1, 1, 1], "cart, order, end");
    let view = shop.expect_paid(cart).await;
    assert_eq!(view.order.placed.number, OrderNumbers::FIRST + 1);
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_shopper_who_must_act_is_waited_for_and_then_paid_or_not() {
    for approve in [true, false] {
        let world = given_stock(&[("A", 5)]);
        let shop = world.open().await;
        let cart = shop.cart(&[("A", 2)]).await;
        let view = shop.checkout(cart, "tok_action").await.unwrap();
        assert_eq!(view.order.status(), OrderStatus::PendingPayment);
        assert!(matches!(view.order.payment.state, PaymentState::ActionNeeded { .. }));
        assert_eq!(world.stock("A"), (5, 2, 0));
        shop.engine.desk.refresh_payment(view.id).await;
        assert_eq!(world.order(view.id), view.order, "nothing new");
        world.bank.complete(view.order.payment.id, approve).unwrap();
        shop.engine.desk.refresh_payment(view.id).await;
        let (stock, status) = match approve {
            true => ((3, 0, 2), OrderStatus::Paid),
            false => ((5, 0, 0), OrderStatus::Cancelled),
        };
        assert_eq!((world.stock("A"), world.order(view.id).status()), (stock, status));
        world.check_at_rest();
        shop.close().await;
    }
}

#[tokio::test]
async fn news_of_a_payment_are_asked_for_until_they_are_heard() {
    for opens_again in [false, true] {
        let world =
            given_stock(&[("A", 5)]).with(|settings| settings.provider_retry = Span::millis(0));
        let shop = world.open().await;
        let cart = shop.cart(&[("A", 2)]).await;
        let view = shop.checkout(cart, "tok_action").await.unwrap();
        world.bank.complete(view.order.payment.id, true).unwrap();
        let shop = if opens_again {
            shop.crash().await;
            world.open().await
        } else {
            world.bank.inject([ProviderFault::Unreachable; 3]);
            shop.engine.desk.refresh_payment(view.id).await;
            shop
        };
        while world.order(view.id).status() != OrderStatus::Paid {
            shop.quiet().await;
        }
        world.check_at_rest();
        shop.close().await;
    }
}

#[tokio::test]
async fn a_shopper_who_never_acts_loses_the_units_at_the_deadline() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    assert_eq!(shop.sweeper.sweep().await, 0);
    world.later(PAY_WITHIN);
    assert_eq!(shop.sweeper.sweep().await, 1);
    shop.drive(view.id).await;
    shop.quiet().await;
    let order = world.order(view.id);
    assert!(matches!(order.ending, Ending::Cancelled { reason: CancelReason::Expired, .. }));
    assert_eq!(world.stock("A"), (5, 0, 0));
    world.check_at_rest();
    assert_eq!(shop.sweeper.sweep().await, 0, "nothing is left to come back to");
    shop.close().await;
}

#[tokio::test]
async fn money_that_comes_after_the_deadline_goes_back() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    world.bank.complete(view.order.payment.id, true).unwrap();
    world.later(PAY_WITHIN);
    shop.sweeper.sweep().await;
    shop.drive(view.id).await;
    shop.quiet().await;
    let order = world.order(view.id);
    assert_eq!((order.status(), order.refunds.len()), (OrderStatus::Cancelled, 1));
    assert_eq!(world.stock("A"), (5, 0, 0));
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_provider_out_of_reach_is_asked_again_with_the_same_attempt() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    world.bank.inject([ProviderFault::Unreachable]);
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout_once(cart, "tok_visa", 1).await.unwrap();
    assert_eq!(view.order.status(), OrderStatus::PendingPayment);
    shop.drive(view.id).await;
    assert_eq!((world.stock("A"), world.order(view.id).status()), ((3, 0, 2), OrderStatus::Paid));
    assert!(world.kept_answer(1).unwrap().ends_with("pending_payment"), "as it was answered");
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_payment_of_unknown_outcome_is_looked_up_and_never_taken_twice() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    world.bank.inject([ProviderFault::AnswerLost, ProviderFault::Unreachable]);
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_visa").await.unwrap();
    assert_eq!(view.order.status(), OrderStatus::PendingPayment);
    shop.drive(view.id).await;
    assert_eq!(world.order(view.id).status(), OrderStatus::PendingPayment);
    shop.drive(view.id).await;
    assert_eq!(world.order(view.id).status(), OrderStatus::Paid);
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_silent_provider_is_not_asked_again_with_every_round_of_the_sweeper() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    world.later(PAY_WITHIN);
    world.bank.inject([ProviderFault::Unreachable; 9]);
    let before = shop.provider.asked();
    for _ in 0..5 {
        shop.sweeper.sweep().await;
        shop.quiet().await;
    }
    assert_eq!(shop.provider.asked() - before, 1, "the next time is when its pause is over");
    assert_eq!(world.stock("A"), (5, 0, 0), "the units are free all the same");
    assert!(world.order(view.id).next().is_some());
    shop.close().await;
}

#[tokio::test]
async fn more_orders_than_one_round_takes_do_not_hide_those_behind_them() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    // So many rows stand before it, and their keepers never take them away.
    for n in 0..1_500u32 {
        let mut batch = Batch::new();
        let key = EntityKey::Category(format!("nobody-{n}"));
        batch.expire_at(NOON.minus(Span::hours(1)), &key);
        world.disk.commit(&[batch]).unwrap().pop().unwrap().unwrap();
    }
    world.later(PAY_WITHIN);
    for _ in 0..3 {
        shop.sweeper.sweep().await;
        shop.quiet().await;
    }
    assert_eq!(world.order(view.id).status(), OrderStatus::Cancelled);
    shop.close().await;
}

#[tokio::test]
async fn a_provider_that_panics_is_one_that_did_not_answer() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.provider.panics.store(1, Ordering::SeqCst);
    let view = shop.checkout(cart, "tok_visa").await.unwrap();
    assert_eq!(view.order.status(), OrderStatus::PendingPayment);
    shop.drive(view.id).await;
    assert_eq!(world.order(view.id).status(), OrderStatus::Paid);
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn money_set_aside_is_taken_when_staff_say_so() {
    let world = given_stock(&[("A", 5)]).with(|settings| settings.capture = CaptureMode::Later);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.expect_paid(cart).await;
    assert_eq!((view.order.payment_status(), world.stock("A")), ("authorized", (3, 0, 2)));
    world.bank.inject([ProviderFault::AnswerLost]);
    let view = shop.change(view.id, OrderChange::Capture).await.unwrap();
    assert_eq!(view.order.payment_status(), "authorized");
    let view = shop.change(view.id, OrderChange::Capture).await.unwrap();
    assert_eq!(view.order.payment_status(), "captured");
    world.check_at_rest();

    let cart = shop.cart(&[("A", 1)]).await;
    let view = shop.expect_paid(cart).await;
    let view = shop.cancel(view.id).await.unwrap();
    assert_eq!((view.order.payment_status(), view.order.status().name()), ("voided", "cancelled"));
    assert_eq!(world.stock("A"), (3, 0, 2));
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn cancelling_gives_money_and_units_back_whatever_was_paid() {
    for token in ["tok_visa", "tok_action", "manual"] {
        let world = given_stock(&[("A", 5)]);
        let shop = world.open().await;
        let cart = shop.cart(&[("A", 2)]).await;
        let view = shop.checkout(cart, token).await.unwrap();
        let view = shop.cancel(view.id).await.unwrap();
        assert_eq!(view.order.status(), OrderStatus::Cancelled, "{token}");
        let again = shop.cancel(view.id).await.unwrap();
        assert_eq!(again, view, "asked again, the same");
        assert_eq!(world.stock("A"), (5, 0, 0));
        world.check_at_rest();
        shop.close().await;
    }
}

#[tokio::test]
async fn a_payment_under_way_cannot_be_cancelled_under_its_feet() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.provider.gate.shut();
    let checkout = shop.checking_out(cart, "tok_visa", None);
    shop.provider.gate.arrived(1).await;
    let (id, _) = world.only_order();
    let refused = shop.cancel(id).await;
    assert!(matches!(refused, Err(Refusal::Rejected(ChangeRefusal::Rejected(_)))), "{refused:?}");
    world.later(PAY_WITHIN);
    shop.sweeper.sweep().await;
    shop.quiet().await;
    assert_eq!(world.stock("A"), (5, 0, 0), "but it runs out");
    shop.provider.gate.open();
    let view = checkout.await.unwrap().expect("an answer");
    assert_eq!(view.order.status(), OrderStatus::Cancelled);
    shop.quiet().await;
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_refused_refund_leaves_the_order_paid_and_is_said_of_the_cancelling_alone() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.expect_paid(cart).await;
    // The bank has given the money back already, so it refuses to do so twice.
    let refund = RefundId::from_bytes([9; 16]);
    let total = view.order.placed.total;
    world.bank.refund(refund, view.order.payment.id, total).await.unwrap();
    let refused = shop.cancel(view.id).await;
    assert!(
        matches!(refused, Err(Refusal::Rejected(ChangeRefusal::RefundRefused { .. }))),
        "{refused:?}"
    );
    let order = world.order(view.id);
    assert_eq!((order.status(), world.stock("A")), (OrderStatus::Paid, (3, 0, 2)));
    let captured = shop.change(view.id, OrderChange::Capture).await;
    assert_eq!(captured.expect("it is captured").order, order);
    world.check_books();
    shop.close().await;
}

#[tokio::test]
async fn of_two_checkouts_of_one_cart_one_becomes_an_order() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let both = [
        shop.checking_out(cart, "tok_visa", Some(1)),
        shop.checking_out(cart, "tok_visa", Some(2)),
    ];
    let mut orders = 0;
    for checkout in both {
        match checkout.await.unwrap() {
            Ok(_) => orders += 1,
            Err(refusal) => assert!(
                matches!(refusal, Refusal::Rejected(CheckoutRefusal::Cart(_))),
                "{refusal:?}"
            ),
        }
    }
    assert_eq!((orders, world.orders().len(), world.stock("A")), (1, 1, (3, 0, 2)));
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_cart_being_checked_out_stands_still_and_can_be_looked_at() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    for fault in [Fault::Lost, Fault::None] {
        shop.store.gate.shut();
        let checkout = shop.checking_out(cart, "tok_visa", None);
        shop.store.gate.arrived(1).await;
        let edited = shop.ask_cart(cart, CartRequest::AddItem { sku: sku("A"), quantity: 1 }).await;
        assert!(matches!(edited, Err(Refusal::Rejected(CartRefusal::Rejected(_)))), "{edited:?}");
        let shown = shop.asking_cart(cart, CartRequest::Show);
        shop.engine.desk.census().await;
        world.memory.inject([fault]);
        shop.store.gate.open();
        let outcome = checkout.await.unwrap();
        let shown = shown.await.unwrap().expect("a cart that can be looked at");
        let kept = world.cart(cart);
        assert_eq!((shown.cart.status, shown.cart.lines), (kept.status, kept.lines));
        assert_eq!(outcome.is_ok(), fault == Fault::None);
    }
    shop.quiet().await;
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_price_that_changed_is_shown_before_it_is_charged() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let mut batch = Batch::new();
    put_product(&mut batch, "A", 1, product("A", 1_099));
    commit(&shop, batch).await;
    let Err(Refusal::Rejected(CheckoutRefusal::PriceChanged(changes))) =
        shop.checkout(cart, "tok_visa").await
    else {
        panic!("was charged")
    };
    assert_eq!((changes[0].shown, changes[0].now), (usd(999), usd(1_099)));
    let view = shop.expect_paid(cart).await;
    assert_eq!(view.order.placed.subtotal, usd(2_198));
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn what_left_the_catalog_is_not_sold() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let mut batch = Batch::new();
    let mut archived = product("A", 999);
    archived.status = ProductStatus::Archived;
    put_product(&mut batch, "A", 1, archived);
    commit(&shop, batch).await;
    let refused = shop.checkout(cart, "tok_visa").await;
    let not_for_sale = CheckoutRefusal::NotForSale(vec![sku("A")]);
    assert_eq!(refused, Err(Refusal::Rejected(not_for_sale)));
    assert_eq!(world.cart(cart).status, CartStatus::Open);
    shop.close().await;
}

/// As a service does.
async fn commit(shop: &Shop, batch: Batch) {
    let (done, durable) = oneshot::channel();
    let reply = super::super::ask::Reply::new(move |outcome| {
        done.send(outcome.is_ok()).unwrap();
    });
    shop.engine.committer.submit(batch, super::super::settle::Ticket::of_service(reply));
    assert!(durable.await.unwrap());
}

#[tokio::test]
async fn one_short_line_of_three_frees_the_other_two_and_leaves_the_cart_open() {
    let world = given_stock(&[("A", 5), ("B", 1), ("C", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 5), ("B", 2), ("C", 5)]).await;
    let Err(Refusal::Rejected(CheckoutRefusal::OutOfStock(shorts))) =
        shop.checkout(cart, "tok_visa").await
    else {
        panic!("was sold")
    };
    assert_eq!(shorts, vec![Short { sku: sku("B"), wanted: 2, available: 1 }]);
    for (name, units) in [("A", 5), ("B", 1), ("C", 5)] {
        assert_eq!(shop.promisable(name).await, units);
    }
    let set = CartRequest::SetQuantity { sku: sku("B"), quantity: 1 };
    shop.ask_cart(cart, set).await.expect("the cart is open");
    shop.expect_paid(cart).await;
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_batch_that_fails_at_any_step_of_a_checkout_leaves_books_that_add_up() {
    for token in ["tok_visa", "tok_declined", "tok_action", "manual"] {
        for fault in [Fault::Lost, Fault::Kept] {
            for step in 0..2 {
                let world = given_stock(&[("A", 5)])
                    .with(|settings| settings.provider_retry = Span::millis(0));
                let shop = world.open().await;
                let cart = shop.cart(&[("A", 2)]).await;
                shop.store.gate.shut();
                let checkout = shop.checking_out(cart, token, Some(1));
                shop.store.gate.arrived(1).await;
                world.memory.inject((0..step).map(|_| Fault::None).chain([fault]));
                shop.store.gate.open();
                let outcome = checkout.await.unwrap();
                // The order goes on by itself, without a restart and without its shopper.
                shop.rest().await;
                world.check_at_rest();
                if let Ok(view) = &outcome {
                    assert_eq!(world.order(view.id), view.order, "what was said is durable");
                }
                let orders = world.orders();
                if fault == Fault::Kept || step == 1 {
                    assert_eq!(orders.len(), 1, "{token} {fault:?} {step}");
                    while world.kept_answer(1).is_none() {
                        shop.quiet().await;
                    }
                    let unpaid = orders[0].1.status() == OrderStatus::PendingPayment;
                    assert_eq!(unpaid, token == "manual" || (token == "tok_action" && step == 1));
                } else {
                    assert_eq!((orders.len(), world.key_row(1)), (0, None));
                }
                let again = shop.promisable("A").await;
                assert_eq!(again, world.level("A").available(), "no hold is left behind");
                shop.close().await;
            }
        }
    }
}

#[tokio::test]
async fn an_expiry_whose_batch_fails_is_tried_again() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    world.later(PAY_WITHIN);
    for fault in [Fault::Lost, Fault::Kept] {
        world.memory.inject([fault]);
        shop.sweeper.sweep().await;
        shop.quiet().await;
        world.check_books();
    }
    shop.rest().await;
    assert_eq!(world.order(view.id).status(), OrderStatus::Cancelled);
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn an_abandoned_cart_expires_and_one_that_is_used_does_not() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let (left, used) = (shop.cart(&[("A", 2)]).await, shop.cart(&[("A", 2)]).await);
    world.later(Span::days(20));
    let add = CartRequest::AddItem { sku: sku("A"), quantity: 1 };
    shop.ask_cart(used, add).await.unwrap();
    world.later(Span::days(10));
    assert_eq!(shop.sweeper.sweep().await, 2);
    shop.quiet().await;
    assert_eq!(world.cart(left).status, CartStatus::Abandoned);
    assert_eq!(world.cart(used).status, CartStatus::Open);
    world.later(Span::days(20));
    assert_eq!(shop.sweeper.sweep().await, 1);
    shop.quiet().await;
    assert_eq!(world.cart(used).status, CartStatus::Abandoned);
    world.check_books();
    shop.close().await;
}

#[tokio::test]
async fn a_cart_whose_time_came_while_it_was_ordered_has_a_deadline_again_when_it_reopens() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    let key = EntityKey::Cart(cart);
    let own = world.deadlines(&key);
    assert_eq!(own, [NOON.plus(Span::days(30))]);
    // Bought in its last seconds; the provider takes longer than that.
    world.clock.set(own[0].minus(Span::seconds(5)));
    shop.provider.gate.shut();
    let checkout = shop.checking_out(cart, "tok_declined", None);
    shop.provider.gate.arrived(1).await;
    // The provider hears of the order before the cart has its receipt.
    shop.quiet().await;
    world.clock.set(own[0]);
    assert_eq!(shop.sweeper.sweep().await, 1);
    shop.quiet().await;
    assert_eq!(world.deadlines(&key), [], "what is ordered does not expire");
    shop.provider.gate.open();
    let declined = checkout.await.unwrap();
    assert!(matches!(declined, Err(Refusal::Rejected(CheckoutRefusal::Declined { .. }))));
    let reopened = world.cart(cart);
    assert_eq!(reopened.status, CartStatus::Open);
    assert_eq!(world.deadlines(&key), [reopened.expires_at()]);
    world.clock.set(reopened.expires_at());
    shop.sweeper.sweep().await;
    shop.quiet().await;
    assert_eq!(world.cart(cart).status, CartStatus::Abandoned);
    shop.close().await;
}

#[tokio::test]
async fn two_settings_of_one_sku_made_at_once_both_hold() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let configure = |backorder, low_stock_at| StockCommand::Configure { backorder, low_stock_at };
    shop.store.gate.shut();
    let first = shop.adjusting("A", configure(Some(true), None));
    shop.store.gate.arrived(1).await;
    let second = shop.adjusting("A", configure(None, Some(Some(2))));
    shop.engine.desk.census().await;
    shop.store.gate.open();
    first.await.unwrap().unwrap();
    let level = second.await.unwrap().unwrap();
    assert_eq!((level.backorder, level.low_stock_at), (true, Some(2)));
    assert_eq!(world.level("A"), level);
    shop.close().await;
}

#[tokio::test]
async fn units_received_by_a_service_are_counted_once() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    assert_eq!(shop.promisable("A").await, 5);
    let mut batch = Batch::new();
    receive(&mut batch, "A", 7);
    commit(&shop, batch).await;
    assert_eq!(shop.promisable("A").await, 12);
    let made = shop.stock("A", StockCommand::SetAvailable { units: 3, reason: "count".into() });
    assert_eq!(made.await.unwrap().available(), 3);
    assert_eq!(world.level("A").available(), 3);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_declined_before_its_cart_heard_of_it_reopens_the_cart_all_the_same() {
    let world = World { shards: 16, ..given_stock(&[("A", 5)]) };
    let shop = world.open().await;
    for _ in 0..200 {
        let cart = shop.cart(&[("A", 1)]).await;
        let declined = shop.checkout(cart, "tok_declined").await;
        assert!(matches!(declined, Err(Refusal::Rejected(CheckoutRefusal::Declined { .. }))));
        let shown = shop.ask_cart(cart, CartRequest::Show).await.unwrap();
        assert_eq!(shown.cart.status, CartStatus::Open);
    }
    world.check_at_rest();
    shop.close().await;
}
