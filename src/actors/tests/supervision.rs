//! What dies is started again, and what sleeps wakes as it was.

use super::*;

#[tokio::test]
async fn a_shard_that_dies_is_found_again_under_its_old_address() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    for place in 0..world.shards {
        shop.engine.directory.send_to(place, ShardMessage::Panic);
    }
    while shop.engine.restarts() < world.shards as u64 {
        tokio::task::yield_now().await;
    }
    shop.engine.settle().await;
    let view = loop {
        // Whoever asks during the restart is told so, and asks again.
        match shop.checkout(cart, "tok_visa").await {
            Err(Refusal::Unavailable) => world.later(HOLD_FOR),
            outcome => break outcome.expect("a paid order"),
        }
    };
    assert_eq!(view.order.status(), OrderStatus::Paid);
    world.check_at_rest();
    assert_eq!(shop.promisable("A").await, 4);
    shop.close().await;
}

#[tokio::test]
async fn a_shard_that_dies_in_the_middle_of_checkouts_loses_none_that_was_placed() {
    let world = given_stock(&[("A", 50), ("B", 50)]);
    let shop = world.open().await;
    let mut carts = Vec::new();
    for _ in 0..12 {
        carts.push(shop.cart(&[("A", 1), ("B", 1)]).await);
    }
    shop.provider.gate.shut();
    let checkouts: Vec<_> =
        carts.iter().map(|cart| shop.checking_out(*cart, "tok_visa", None)).collect();
    shop.provider.gate.arrived(12).await;
    for place in 0..world.shards {
        shop.engine.directory.send_to(place, ShardMessage::Panic);
    }
    while shop.engine.restarts() < world.shards as u64 {
        tokio::task::yield_now().await;
    }
    shop.provider.gate.open();
    for checkout in checkouts {
        // The answer went down with the shard, but the order did not.
        let _ = checkout.await.unwrap();
    }
    shop.rest().await;
    world.check_at_rest();
    assert!(world.orders().iter().all(|(_, order)| order.status() == OrderStatus::Paid));
    assert_eq!((world.stock("A"), world.orders().len()), ((38, 0, 12), 12));
    shop.close().await;
}

#[tokio::test]
async fn a_service_that_dies_is_found_again_under_its_old_address() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    let view = shop.checkout(cart, "tok_action").await.unwrap();
    world.later(PAY_WITHIN);
    shop.sweeper.die();
    while shop.engine.restarts() == 0 {
        tokio::task::yield_now().await;
    }
    while shop.sweeper.sweep().await == 0 {
        tokio::task::yield_now().await;
    }
    shop.rest().await;
    assert_eq!(world.order(view.id).status(), OrderStatus::Cancelled);
    shop.close().await;
}

#[tokio::test]
async fn nothing_is_started_again_while_the_shop_closes() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2)]).await;
    shop.expect_paid(cart).await;
    let engine = shop.engine.clone();
    shop.close().await;
    assert_eq!(engine.restarts(), 0);
}

#[tokio::test]
async fn memory_stays_inside_its_bound_and_carts_come_back_as_they_were() {
    const BOUND: usize = 64 << 10;
    let world = given_stock(&[("A", 5)]).with(|settings| settings.entity_bytes = BOUND);
    let shop = world.open().await;
    let mut made = Vec::new();
    for n in 0..600u32 {
        let items = [("A", n % 7 + 1)];
        made.push(shop.try_cart(&items).await.unwrap());
        if n % 20 == 0 {
            let census = shop.engine.desk.census().await;
            assert!(census.bytes <= BOUND, "{census:?}");
        }
    }
    let census = shop.engine.desk.census().await;
    assert!(census.carts < 400, "{census:?}");
    for view in made {
        assert_eq!(shop.ask_cart(view.id, CartRequest::Show).await, Ok(view));
    }
    shop.quiet().await;
    assert!(shop.engine.desk.census().await.bytes <= BOUND);
    shop.close().await;
}

#[tokio::test]
async fn what_waits_behind_a_message_that_panics_is_served() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    // Both wait while the SKU is loaded; the first one panics.
    shop.store.loads.shut();
    shop.send_sku("A", SkuMessage::Panic);
    let checkout = shop.checking_out(cart, "tok_visa", None);
    shop.store.loads.arrived(1).await;
    for _ in 0..20 {
        shop.engine.desk.census().await;
    }
    shop.store.loads.open();
    checkout.await.unwrap().expect("paid");
    shop.close().await;
}

#[tokio::test]
async fn a_question_to_an_entity_that_cannot_be_loaded_is_answered() {
    let world = given_stock(&[("A", 5), ("B", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1), ("B", 1)]).await;
    let row = world.disk.snapshot().unwrap().get(Table::Skus, b"B").unwrap().unwrap();
    world.memory.plant(Table::Skus, b"B", Some(b"not a row"));
    let refused = shop.checkout(cart, "tok_visa").await;
    assert_eq!(refused, Err(Refusal::Unavailable));
    world.memory.plant(Table::Skus, b"B", Some(&row));
    assert_eq!(shop.promisable("A").await, 5, "what was held is free again");
    shop.expect_paid(cart).await;
    shop.close().await;
}

/// What loses its memory, and what the checkout is doing meanwhile.
#[tokio::test]
async fn a_panic_of_any_entity_at_any_step_leaves_a_shop_that_goes_on() {
    for who in ["cart", "sku", "order"] {
        for token in ["tok_visa", "tok_declined", "tok_action"] {
            for commits in 0..4usize {
                let world = given_stock(&[("A", 5)])
                    .with(|settings| settings.provider_retry = Span::millis(0));
                let shop = world.open().await;
                let cart = shop.cart(&[("A", 2)]).await;
                shop.provider.gate.shut();
                shop.store.gate.shut();
                let checkout = shop.checking_out(cart, token, Some(1));
                shop.store.gate.arrived(1).await;
                if commits >= 1 {
                    shop.store.gate.admit(1);
                    shop.provider.gate.arrived(1).await;
                }
                if commits >= 2 {
                    shop.provider.gate.open();
                    shop.store.gate.arrived(1).await;
                }
                if commits >= 3 {
                    shop.store.gate.open();
                    let _ = shop.quiet().await;
                }
                let id = world.orders().first().map(|(id, _)| *id);
                match (who, id) {
                    ("cart", _) => shop
                        .engine
                        .directory
                        .send(ShardMessage::Cart(cart, super::super::cart::CartMessage::Panic)),
                    ("sku", _) => shop.send_sku("A", SkuMessage::Panic),
                    (_, Some(id)) => shop.send_order(id, OrderMessage::Panic),
                    // Its id is not known yet.
                    (_, None) => {}
                }
                for _ in 0..5 {
                    shop.engine.desk.census().await;
                }
                shop.provider.gate.open();
                shop.store.gate.open();
                let outcome = checkout.await.unwrap();
                shop.rest().await;
                world.check_at_rest();
                if let Ok(view) = &outcome {
                    assert_eq!(world.order(view.id), view.order);
                }
                let level = world.level("A");
                assert_eq!(
                    shop.promisable("A").await,
                    level.available(),
                    "{who} {token} {commits}"
                );
                let order = world.orders().pop().expect("the order was handed over").1;
                let expected = match token {
                    "tok_visa" => OrderStatus::Paid,
                    "tok_declined" => OrderStatus::Cancelled,
                    _ => OrderStatus::PendingPayment,
                };
                assert_eq!(order.status(), expected, "{who} {token} {commits}");
                shop.close().await;
            }
        }
    }
}

#[tokio::test]
async fn what_a_sku_forgot_it_does_not_count_twice_when_its_batch_settles() {
    // Two orders hold units; the batch of one fails, which resets the SKU, and the other one is
    // handed over after that.
    let world = given_stock(&[("A", 5), ("C", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 2), ("C", 1)]).await;
    assert_eq!(shop.promisable("A").await, 5);
    shop.store.loads.shut();
    let checkout = shop.checking_out(cart, "tok_visa", None);
    shop.store.loads.arrived(1).await;
    shop.send_sku("A", SkuMessage::Panic);
    shop.store.loads.open();
    checkout.await.unwrap().expect("paid");
    shop.quiet().await;
    assert_eq!(world.stock("A"), (3, 0, 2));
    assert_eq!(shop.promisable("A").await, 3);
    shop.close().await;
}
