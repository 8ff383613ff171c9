//! The current goes off at every point of a checkout; the next start brings it to its end.

use super::*;

/// Everything between a shopper's click and the answer, with the current going off at point `fuse`:
/// before and after each commit and each call of the provider. Says whether it went off at all.
async fn crash_at(fuse: i64, token: &str, follow_up: FollowUp) -> bool {
    let world = given_stock(&[("A", 5), ("B", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2), ("B", 1)]).await;
    let placed = match follow_up {
        FollowUp::None => None,
        FollowUp::Cancel => Some(shop.checkout(cart, token).await.unwrap().id),
    };
    shop.power.fuse.store(fuse, Ordering::SeqCst);
    let answered = match placed {
        None => shop.checkout_once(cart, token, 1).await.map(|view| view.order),
        Some(id) => shop.cancel(id).await.map(|view| view.order).map_err(|_| Refusal::Unavailable),
    };
    let went_off = shop.power.is_off();
    if !went_off {
        shop.quiet().await;
    }
    let world = shop.crash().await;
    world.check_books();
    let shop = world.open().await;
    let what = format!("{token} {follow_up:?} at point {fuse}");
    world.check_at_rest();
    let orders = world.orders();
    match (&answered, orders.as_slice()) {
        (Ok(order), [(_, kept)]) => assert_eq!(order.placed, kept.placed, "{what}"),
        (Ok(_), _) => panic!("an acknowledged order is gone: {what}"),
        (Err(_), []) => assert_eq!(world.key_row(1), None, "{what}"),
        (Err(_), [_]) => {}
        (Err(_), _) => panic!("more than one order: {what}"),
    }
    if let (FollowUp::None, [(id, order)]) = (follow_up, orders.as_slice()) {
        let said = world.kept_answer(1).expect("the answer that was owed is kept");
        let status = order.status();
        match status {
            OrderStatus::Cancelled => assert_eq!(said, "declined", "{what}"),
            _ => assert_eq!(said, format!("order {id}: {}", status.name()), "{what}"),
        }
        if status == OrderStatus::Cancelled {
            shop.expect_paid(cart).await;
        }
    }
    if orders.is_empty() {
        shop.expect_paid(cart).await;
    }
    assert_eq!(shop.recovered.owed, usize::from(shop.recovered.owed > 0));
    shop.quiet().await;
    world.check_at_rest();
    let world = shop.close().await;
    // And once more: nothing is left to be recovered.
    let shop = world.open().await;
    assert_eq!(shop.recovered, Recovered::default());
    shop.close().await;
    went_off
}

#[derive(Clone, Copy, Debug)]
enum FollowUp {
    None,
    Cancel,
}

async fn crash_everywhere(token: &str, follow_up: FollowUp, least: i64) {
    let mut fuse = 0;
    while crash_at(fuse, token, follow_up).await {
        fuse += 1;
        assert!(fuse < 50, "never comes to an end");
    }
    assert!(fuse >= least, "{fuse} points");
}

#[tokio::test]
async fn a_crash_anywhere_in_a_paid_checkout_charges_once_or_not_at_all() {
    crash_everywhere("tok_visa", FollowUp::None, 6).await;
}

#[tokio::test]
async fn a_crash_anywhere_in_a_declined_checkout_leaves_the_cart_open() {
    crash_everywhere("tok_declined", FollowUp::None, 6).await;
}

#[tokio::test]
async fn a_crash_anywhere_in_a_checkout_that_needs_the_shopper_keeps_it_waiting_or_undone() {
    crash_everywhere("tok_action", FollowUp::None, 6).await;
}

#[tokio::test]
async fn a_crash_anywhere_in_a_checkout_paid_by_hand_keeps_it_whole() {
    crash_everywhere("manual", FollowUp::None, 2).await;
}

#[tokio::test]
async fn a_crash_anywhere_in_a_cancellation_gives_the_money_back_once_or_not_at_all() {
    crash_everywhere("tok_visa", FollowUp::Cancel, 6).await;
    crash_everywhere("tok_action", FollowUp::Cancel, 6).await;
}

#[tokio::test]
async fn money_that_is_still_on_its_way_when_the_shop_recovers_is_not_taken_for_nothing() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.provider.gate.shut();
    let checkout = shop.checking_out(cart, "tok_visa", None);
    shop.provider.gate.arrived(1).await;
    let (id, order) = world.only_order();
    let payment = order.payment.id;
    // The attempt left the house, the house falls, and the attempt is slow.
    let world = shop.crash().await;
    drop(checkout);
    let shop = world.open().await;
    assert_eq!(world.order(id).status(), OrderStatus::Cancelled);
    let late = Attempt {
        payment,
        amount: order.placed.total,
        token: "tok_visa".into(),
        capture: CaptureMode::AtOnce,
    };
    let answer = world.bank.authorize(late).await;
    assert_eq!(answer, Ok(PaymentAnswer::Voided), "the bank was told to refuse it");
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_second_crash_after_the_bank_was_told_to_refuse_the_money_leaves_the_cart_open_too() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.power.fuse.store(2, Ordering::SeqCst);
    assert!(shop.checkout_once(cart, "tok_visa", 1).await.is_err());
    let world = shop.crash().await;
    let (_, order) = world.only_order();
    // The first start told the bank, and fell before it wrote down what the bank said.
    assert_eq!(world.bank.void(order.payment.id).await, Ok(PaymentAnswer::Voided));
    let shop = world.open().await;
    assert_eq!(world.kept_answer(1).unwrap(), "declined");
    world.check_at_rest();
    shop.expect_paid(cart).await;
    shop.close().await;
}

#[tokio::test]
async fn a_provider_that_is_silent_at_the_start_does_not_keep_the_door_shut() {
    let world = given_stock(&[("A", 5)]).with(|settings| settings.provider_retry = Span::millis(0));
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.power.fuse.store(2, Ordering::SeqCst);
    assert!(shop.checkout_once(cart, "tok_visa", 1).await.is_err());
    let world = shop.crash().await;
    world.bank.inject([ProviderFault::Unreachable; 2]);
    let shop = world.open().await;
    assert_eq!((shop.recovered.unfinished, shop.recovered.owed), (1, 1));
    let (id, order) = world.only_order();
    assert_eq!(order.status(), OrderStatus::PendingPayment);
    assert_eq!(world.kept_answer(1).unwrap(), format!("order {id}: pending_payment"));
    shop.rest().await;
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_crash_while_time_runs_out_leaves_the_expiry_to_the_next_start() {
    let world = given_stock(&[("A", 5)]);
    for fuse in 0..8 {
        let shop = world.open().await;
        let cart = shop.cart(&[("A", 2)]).await;
        let view = shop.checkout(cart, "tok_action").await.unwrap();
        world.later(PAY_WITHIN);
        shop.power.fuse.store(fuse, Ordering::SeqCst);
        shop.sweeper.sweep().await;
        shop.quiet().await;
        shop.crash().await;
        let shop = world.open().await;
        shop.sweeper.sweep().await;
        shop.rest().await;
        assert_eq!(world.order(view.id).status(), OrderStatus::Cancelled);
        world.check_at_rest();
        shop.close().await;
    }
}
