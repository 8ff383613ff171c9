//! Two carts become one, whatever happens meanwhile: wholly or not at all, and once.

use super::*;
use crate::actors::order::MergeRefusal;
use crate::domain::cart::CartRejection;

type Merged = Result<CartView, Refusal<MergeRefusal>>;

fn merging(shop: &Shop, from: CartId, into: CartId) -> JoinHandle<Merged> {
    let desk = shop.engine.desk.clone();
    tokio::spawn(async move { desk.merge_carts(from, into).await.map(|answered| answered.value) })
}

async fn merged(shop: &Shop, from: CartId, into: CartId) -> Merged {
    merging(shop, from, into).await.unwrap()
}

fn rejected(rejection: CartRejection) -> Merged {
    Err(Refusal::Rejected(rejection.into()))
}

#[track_caller]
fn holds(cart: &Cart, lines: &[(&str, u32)]) {
    let own: Vec<_> = cart.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
    assert_eq!(own, lines);
}

#[tokio::test]
async fn a_crash_anywhere_in_a_merge_leaves_two_carts_or_one() {
    let mut fuse = 0;
    loop {
        let world = given_stock(&[("A", 5), ("B", 5)]);
        let shop = world.open().await;
        let (from, into) = (shop.cart(&[("A", 2), ("B", 1)]).await, shop.cart(&[("A", 1)]).await);
        shop.power.fuse.store(fuse, Ordering::SeqCst);
        let answered = merged(&shop, from, into).await;
        let went_off = shop.power.is_off();
        let world = shop.crash().await;
        match world.cart(from).status {
            CartStatus::Open => {
                assert!(answered.is_err(), "what was acknowledged is gone at point {fuse}");
                holds(&world.cart(from), &[("A", 2), ("B", 1)]);
                holds(&world.cart(into), &[("A", 1)]);
            }
            status => {
                assert_eq!(status, CartStatus::Merged(into));
                holds(&world.cart(into), &[("A", 3), ("B", 1)]);
            }
        }
        // Asked again, it is done or stays done.
        let shop = world.open().await;
        let again = merged(&shop, from, into).await;
        assert!(again.is_ok() || again == rejected(CartRejection::Unknown), "{again:?}");
        assert_eq!(merged(&shop, from, into).await, rejected(CartRejection::Unknown));
        shop.quiet().await;
        holds(&world.cart(into), &[("A", 3), ("B", 1)]);
        let shown = shop.ask_cart(into, CartRequest::Show).await.unwrap();
        holds(&shown.cart, &[("A", 3), ("B", 1)]);
        let gone = shop.ask_cart(from, CartRequest::Show).await;
        assert_eq!(gone, Err(Refusal::Rejected(CartRejection::Unknown.into())));
        world.check_books();
        shop.close().await;
        if !went_off {
            break;
        }
        fuse += 1;
    }
    assert!(fuse >= 2, "{fuse} points");
}

#[tokio::test]
async fn many_who_merge_the_same_cart_at_once_merge_it_once() {
    let world = given_stock(&[("A", 50)]);
    let shop = world.open().await;
    let (from, into) = (shop.cart(&[("A", 2)]).await, shop.cart(&[("A", 1)]).await);
    let all: Vec<_> = (0..8).map(|_| merging(&shop, from, into)).collect();
    let mut done = 0;
    for one in all {
        done += usize::from(one.await.unwrap().is_ok());
    }
    assert_eq!(done, 1);
    shop.quiet().await;
    holds(&world.cart(into), &[("A", 3)]);
    // What is added meanwhile is lost in neither.
    let other = shop.cart(&[("A", 4)]).await;
    let merge = merging(&shop, other, into);
    let add = shop.asking_cart(into, CartRequest::AddItem { sku: sku("A"), quantity: 1 });
    let added = add.await.unwrap();
    merge.await.unwrap().unwrap();
    let expected = if added.is_ok() { 8 } else { 7 };
    shop.quiet().await;
    holds(&world.cart(into), &[("A", expected)]);
    shop.close().await;
}

#[tokio::test]
async fn a_cart_that_is_being_bought_is_not_merged_and_the_other_goes_on() {
    let world = given_stock(&[("A", 9)]);
    let shop = world.open().await;
    let (bought, other) = (shop.cart(&[("A", 1)]).await, shop.cart(&[("A", 2)]).await);
    shop.provider.gate.shut();
    let checkout = shop.checking_out(bought, "tok_visa", None);
    shop.provider.gate.arrived(1).await;
    for (from, into) in [(bought, other), (other, bought)] {
        assert!(merged(&shop, from, into).await.is_err());
    }
    shop.provider.gate.open();
    let order = checkout.await.unwrap().unwrap().id;
    for (from, into) in [(bought, other), (other, bought)] {
        assert_eq!(merged(&shop, from, into).await, rejected(CartRejection::Ordered { order }));
    }
    assert!(merged(&shop, other, other).await.is_err());
    // Whatever was lent for it came back.
    let add = CartRequest::AddItem { sku: sku("A"), quantity: 1 };
    holds(&shop.ask_cart(other, add).await.unwrap().cart, &[("A", 3)]);
    shop.expect_paid(other).await;
    world.check_books();
    shop.close().await;
}

#[tokio::test]
async fn a_merged_cart_does_not_expire_and_the_other_does() {
    let world = given_stock(&[("A", 9)]);
    let shop = world.open().await;
    let (from, into) = (shop.cart(&[("A", 1)]).await, shop.cart(&[]).await);
    merged(&shop, from, into).await.unwrap();
    let batches: usize = shop.store.groups.lock().unwrap().iter().sum();
    assert_eq!(batches, 3, "two carts, and one batch that makes one of them");
    world.later(Span::days(30));
    while shop.sweeper.sweep().await > 0 {
        shop.quiet().await;
    }
    shop.quiet().await;
    assert_eq!(world.cart(from).status, CartStatus::Merged(into));
    assert_eq!(world.cart(into).status, CartStatus::Abandoned);
    world.check_books();
    shop.close().await;
}
