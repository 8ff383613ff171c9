//! What running ahead of the disk demands, one test or more for each of the six obligations.

use super::*;

/// How often a race is tried.
const TRIES: usize = 60;

/// Two shoppers at the last unit, one before and one after the SKU's actor lost its memory while the
/// first one's batch waits for the disk.
async fn last_unit_with_amnesia(world: &World, amnesia: impl AsyncFn(&Shop)) -> usize {
    let shop = world.open().await;
    let (first, second) = (shop.cart(&[("A", 1)]).await, shop.cart(&[("A", 1)]).await);
    shop.store.gate.shut();
    let first = shop.checking_out(first, "tok_visa", None);
    shop.store.gate.arrived(1).await;
    amnesia(&shop).await;
    let second = shop.checking_out(second, "tok_visa", None);
    shop.engine.desk.census().await;
    let promised = shop.engine.committer.waiting();
    shop.store.gate.open();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first.is_ok(), "{first:?}");
    assert!(is_out_of_stock(&second), "{second:?}");
    shop.quiet().await;
    world.check_at_rest();
    shop.close().await;
    promised
}

#[tokio::test]
async fn the_last_unit_is_promised_once_though_the_sku_panics_in_between() {
    for _ in 0..TRIES {
        let world = given_stock(&[("A", 1)]);
        let waiting = last_unit_with_amnesia(&world, async |shop| {
            shop.send_sku("A", SkuMessage::Panic);
        })
        .await;
        assert_eq!(waiting, 1, "the second order is not even handed over");
        assert_eq!(world.stock("A"), (0, 0, 1));
    }
}

#[tokio::test]
async fn a_sku_is_loaded_only_when_all_its_batches_are_settled() {
    // The store alone would refuse the second order too; here is seen that it is not asked.
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let carts = [shop.cart(&[("A", 3)]).await, shop.cart(&[("A", 3)]).await];
    shop.store.gate.shut();
    let first = shop.checking_out(carts[0], "tok_visa", None);
    shop.store.gate.arrived(1).await;
    shop.send_sku("A", SkuMessage::Panic);
    let second = shop.checking_out(carts[1], "tok_visa", None);
    for _ in 0..50 {
        shop.engine.desk.census().await;
    }
    assert_eq!(shop.engine.committer.waiting(), 1);
    shop.store.gate.open();
    first.await.unwrap().expect("paid");
    let Err(Refusal::Rejected(CheckoutRefusal::OutOfStock(shorts))) = second.await.unwrap() else {
        panic!("was promised")
    };
    assert_eq!(shorts, vec![Short { sku: sku("A"), wanted: 3, available: 2 }]);
    shop.close().await;
}

#[tokio::test]
async fn a_sku_that_was_passivated_or_reset_promises_no_unit_twice() {
    for _ in 0..TRIES / 6 {
        // No room at all: whatever is idle is dropped at once.
        let world = given_stock(&[("A", 1)]).with(|settings| settings.entity_bytes = 0);
        last_unit_with_amnesia(&world, async |shop| {
            shop.engine.desk.census().await;
        })
        .await;
        assert_eq!(world.stock("A"), (0, 0, 1));
    }
}

#[tokio::test]
async fn after_a_failed_batch_the_sku_is_what_the_store_says() {
    for fault in [Fault::Lost, Fault::Kept] {
        let world = given_stock(&[("A", 1)]);
        let shop = world.open().await;
        let (first, second) = (shop.cart(&[("A", 1)]).await, shop.cart(&[("A", 1)]).await);
        shop.store.gate.shut();
        let first = shop.checking_out(first, "tok_visa", None);
        shop.store.gate.arrived(1).await;
        let second = shop.checking_out(second, "tok_visa", None);
        for _ in 0..5 {
            shop.engine.desk.census().await;
        }
        world.memory.inject([fault]);
        shop.store.gate.open();
        assert_eq!(first.await.unwrap(), Err(Refusal::Unavailable));
        assert!(is_out_of_stock(&second.await.unwrap()), "it was promised to the first");
        shop.quiet().await;
        world.check_books();
        let promisable = shop.promisable("A").await;
        assert_eq!(promisable, i64::from(fault == Fault::Lost));
        shop.rest().await;
        world.check_at_rest();
        shop.close().await;
    }
}

#[tokio::test]
async fn what_does_not_follow_is_refused_and_what_was_built_on_it_fails_with_it() {
    let world = given_stock(&[("A", 9)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    shop.store.gate.shut();
    let add = || CartRequest::AddItem { sku: sku("A"), quantity: 1 };
    let first = shop.asking_cart(cart, add());
    shop.store.gate.arrived(1).await;
    let built_on_it = shop.asking_cart(cart, add());
    shop.engine.desk.census().await;
    world.memory.inject([Fault::Lost]);
    shop.store.gate.open();
    assert_eq!(first.await.unwrap(), Err(Refusal::Unavailable));
    assert_eq!(built_on_it.await.unwrap(), Err(Refusal::Unavailable));
    let view = shop.ask_cart(cart, CartRequest::Show).await.unwrap();
    assert_eq!((view.version, view.cart.lines[0].quantity), (1, 1));
    let view = shop.ask_cart(cart, add()).await.unwrap();
    assert_eq!((view.version, view.cart.lines[0].quantity), (2, 2));
    world.check_books();
    shop.close().await;
}

#[tokio::test]
async fn a_count_built_on_a_failed_one_is_not_answered_as_done() {
    for second in [12, 10] {
        let world = given_stock(&[("A", 5)]);
        let shop = world.open().await;
        let make = |units| StockCommand::SetAvailable { units, reason: "count".into() };
        shop.store.gate.shut();
        let first = shop.adjusting("A", make(10));
        shop.store.gate.arrived(1).await;
        let second_answer = shop.adjusting("A", make(second));
        shop.engine.desk.census().await;
        world.memory.inject([Fault::Lost]);
        shop.store.gate.open();
        assert_eq!(first.await.unwrap(), Err(Refusal::Unavailable));
        if let Ok(level) = second_answer.await.unwrap() {
            assert_eq!(level, world.level("A"), "what was answered is durable");
            assert_eq!(level.available(), i64::from(second));
        }
        world.check_books();
        shop.close().await;
    }
}

#[tokio::test]
async fn a_hold_lapses_unless_its_order_is_handed_over() {
    let world = given_stock(&[("A", 1)]);
    let shop = world.open().await;
    let nobody = OrderId::from_bytes([9; 16]);
    assert_eq!(shop.promisable("A").await, 1);
    // The order that holds is never there to give the unit back.
    shop.store.loads.shut();
    shop.hold("A", nobody, 1);
    assert_eq!(shop.promisable("A").await, 0);
    world.later(HOLD_FOR);
    let cart = shop.cart(&[("A", 1)]).await;
    shop.expect_paid(cart).await;
    shop.store.loads.open();
    shop.close().await;
}

#[tokio::test]
async fn a_sku_that_lost_its_memory_forgets_holds_and_the_store_decides() {
    let world = given_stock(&[("A", 1), ("B", 1), ("C", 5)]);
    let shop = world.open().await;
    let nobody = OrderId::from_bytes([9; 16]);
    shop.hold("A", nobody, 1);
    shop.send_sku("A", SkuMessage::Panic);
    let cart = shop.cart(&[("A", 1)]).await;
    shop.expect_paid(cart).await;

    // Two orders hold the last unit of B, for the hold of the first lapsed before it was handed over.
    let first = shop.cart(&[("B", 1), ("C", 1)]).await;
    let second = shop.cart(&[("B", 1)]).await;
    assert_eq!(shop.promisable("B").await, 1);
    shop.store.loads.shut();
    let first = shop.checking_out(first, "tok_visa", None);
    shop.store.loads.arrived(1).await;
    world.later(HOLD_FOR);
    shop.store.gate.shut();
    let second = shop.checking_out(second, "tok_visa", None);
    shop.store.gate.arrived(1).await;
    world.clock.set(NOON);
    shop.store.loads.open();
    while shop.engine.committer.waiting() < 2 {
        shop.engine.desk.census().await;
    }
    shop.store.gate.open();
    second.await.unwrap().expect("the first in the store gets it");
    let lost = first.await.unwrap();
    assert!(is_out_of_stock(&lost), "{lost:?}");
    shop.quiet().await;
    world.check_at_rest();
    assert_eq!((shop.promisable("B").await, shop.promisable("C").await), (0, 5));
    shop.close().await;
}

#[tokio::test]
async fn a_command_that_changes_nothing_is_answered_behind_the_write_it_repeats() {
    let world = given_stock(&[("A", 9)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    let set = || CartRequest::SetQuantity { sku: sku("A"), quantity: 4 };
    for fault in [Fault::Lost, Fault::None] {
        shop.store.gate.shut();
        let first = shop.asking_cart(cart, set());
        shop.store.gate.arrived(1).await;
        let again = shop.asking_cart(cart, set());
        let shown = shop.asking_cart(cart, CartRequest::Show);
        for _ in 0..20 {
            shop.engine.desk.census().await;
        }
        assert!(!again.is_finished() && !shown.is_finished(), "nothing is durable yet");
        world.memory.inject([fault]);
        shop.store.gate.open();
        let answers = [first.await.unwrap(), again.await.unwrap(), shown.await.unwrap()];
        for answer in answers {
            match fault {
                Fault::None => assert_eq!(answer.unwrap().cart.lines[0].quantity, 4),
                Fault::Lost | Fault::Kept => assert_eq!(answer, Err(Refusal::Unavailable)),
            }
        }
    }
    shop.close().await;
}

#[tokio::test]
async fn a_change_of_an_order_that_is_done_already_is_answered_behind_what_did_it() {
    let world = given_stock(&[("A", 9)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    let placed = shop.checkout(cart, "manual").await.unwrap();
    shop.store.gate.shut();
    let (desk, id) = (shop.engine.desk.clone(), placed.id);
    let capture = move || {
        let desk = desk.clone();
        tokio::spawn(async move { desk.change_order(id, OrderChange::Capture, None, None).await })
    };
    let first = capture();
    shop.store.gate.arrived(1).await;
    let again = capture();
    for _ in 0..20 {
        shop.engine.desk.census().await;
    }
    assert!(!again.is_finished());
    world.memory.inject([Fault::Lost]);
    shop.store.gate.open();
    assert!(matches!(first.await.unwrap(), Err(Refusal::Unavailable)));
    assert!(matches!(again.await.unwrap(), Err(Refusal::Unavailable)));
    assert_eq!(world.order(id).status(), OrderStatus::PendingPayment);
    let view = shop.change(id, OrderChange::Capture).await.unwrap();
    assert_eq!(view.order.status(), OrderStatus::Paid);
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn lists_and_pages_show_what_is_durable_and_nothing_else() {
    let world = given_stock(&[("A", 3)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.store.gate.shut();
    let checkout = shop.checking_out(cart, "tok_visa", None);
    shop.store.gate.arrived(1).await;
    let available = || shop.reads.levels.get(&sku("A")).available();
    assert_eq!(available(), 3);
    assert_eq!(shop.reads.orders.highest_number(), None);
    assert_eq!(shop.reads.cart(cart).unwrap().unwrap().1.status, CartStatus::Open);
    shop.store.gate.open();
    let view = checkout.await.unwrap().unwrap();
    // Whoever was answered finds what the answer said.
    assert_eq!(available(), 1);
    assert_eq!(shop.reads.order(view.id).unwrap().unwrap().1, view.order);
    assert_eq!(shop.reads.orders.highest_number(), Some(view.order.placed.number));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crosswise_carts_never_wait_for_each_other() {
    let names: Vec<String> = (0..8).map(|n| format!("S{n}")).collect();
    let stock: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 40)).collect();
    let world = given_stock(&stock);
    let shop = world.open().await;
    let mut carts = Vec::new();
    for n in 0..64usize {
        let mut items: Vec<(&str, u32)> =
            (0..8).map(|i| (names[(n + i) % 8].as_str(), 1)).collect();
        if n % 2 == 1 {
            items.reverse();
        }
        carts.push(shop.cart(&items).await);
    }
    let checkouts: Vec<_> =
        carts.iter().map(|cart| shop.checking_out(*cart, "tok_visa", None)).collect();
    let mut paid = 0;
    for checkout in checkouts {
        match checkout.await.unwrap() {
            Ok(_) => paid += 1,
            Err(refusal) => assert!(is_out_of_stock(&Err(refusal))),
        }
    }
    shop.quiet().await;
    world.check_at_rest();
    assert!(paid <= 40);
    for name in &names {
        assert_eq!(world.stock(name), (40 - paid, 0, paid));
        assert_eq!(shop.promisable(name).await, 40 - paid, "no hold is left behind");
    }
    shop.close().await;
}
