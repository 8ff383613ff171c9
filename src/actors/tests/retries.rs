//! Retries with the same idempotency key, when whoever was to answer the first one is gone.

use super::super::turn::{Turn, give_up, turn};
use super::*;

const KEY: Key = Key { key: [1; 16], fingerprint: [1; 16] };

impl Shop {
    async fn turn(&self) -> Turn {
        turn(&self.keys, &self.engine.desk, &self.env, KEY).await.unwrap()
    }

    /// A turn that goes on while the test does something else.
    fn taking_turn(&self) -> JoinHandle<Turn> {
        let (keys, desk, env) = (self.keys.clone(), self.engine.desk.clone(), self.env.clone());
        tokio::spawn(async move { turn(&keys, &desk, &env, KEY).await.unwrap() })
    }

    #[track_caller]
    fn replayed(&self, turn: Turn) -> String {
        match turn {
            Turn::Replay(answer) => {
                let kept = RenderedAnswer::of_kept(*answer, &self.env.vault).unwrap();
                String::from_utf8(kept.body).unwrap()
            }
            Turn::Fresh(_) => panic!("it was done, and would be done again"),
            Turn::Reused => panic!("it is the same request"),
            Turn::Lost => panic!("the order is well"),
        }
    }
}

/// A checkout whose order's actor panics while it owes the answer; gives the order.
async fn panicked(shop: &Shop, token: &str) -> OrderId {
    let cart = shop.cart(&[("A", 1)]).await;
    let Turn::Fresh(running) = shop.turn().await else { panic!("a new key") };
    shop.provider.gate.shut();
    let checkout = shop.checking_out(cart, token, Some(1));
    shop.provider.gate.arrived(1).await;
    let (id, _) = shop.world.only_order();
    shop.send_order(id, OrderMessage::Panic);
    assert_eq!(checkout.await.unwrap(), Err(Refusal::Unavailable));
    give_up(running, &shop.engine.committer).await;
    assert!(matches!(shop.world.key_row(1), Some(KeyRow::Order { .. })), "the answer is owed");
    id
}

#[tokio::test]
async fn a_retry_hears_the_order_whose_actor_panicked_while_it_owed_the_answer() {
    for (token, said) in [("tok_visa", "paid"), ("tok_declined", "")] {
        let world = given_stock(&[("A", 5)]);
        let shop = world.open().await;
        let id = panicked(&shop, token).await;
        shop.provider.gate.open();
        let retry = shop.taking_turn();
        shop.quiet().await;
        assert!(retry.is_finished(), "nobody told the order that an answer is owed");
        let answer = shop.replayed(retry.await.unwrap());
        match token {
            "tok_visa" => assert_eq!(answer, format!("order {id}: {said}")),
            _ => assert_eq!(answer, "declined"),
        }
        assert_eq!(shop.replayed(shop.turn().await), answer);
        shop.quiet().await;
        world.check_at_rest();
        shop.close().await;
    }
}

#[tokio::test]
async fn a_retry_is_told_when_the_order_loses_its_memory_once_more() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let id = panicked(&shop, "tok_visa").await;
    let retry = shop.taking_turn();
    shop.provider.gate.arrived(2).await;
    shop.send_order(id, OrderMessage::Panic);
    assert!(matches!(retry.await.unwrap(), Turn::Lost), "it would wait for ever");
    shop.provider.gate.open();
    assert_eq!(shop.replayed(shop.turn().await), format!("order {id}: paid"));
    shop.quiet().await;
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn however_many_retry_the_first_answer_stays() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let id = panicked(&shop, "tok_action").await;
    shop.provider.gate.open();
    shop.store.gate.shut();
    let retries: Vec<_> = (0..20).map(|_| shop.taking_turn()).collect();
    // Some come after the answer was handed over, and before it is durable.
    shop.store.gate.arrived(1).await;
    for _ in 0..20 {
        shop.engine.desk.census().await;
    }
    let late: Vec<_> = (0..20).map(|_| shop.taking_turn()).collect();
    for _ in 0..20 {
        shop.engine.desk.census().await;
    }
    shop.store.gate.open();
    let mut answers = Vec::new();
    for retry in retries.into_iter().chain(late) {
        answers.push(shop.replayed(retry.await.unwrap()));
    }
    assert_eq!(answers, vec![format!("order {id}: pending_payment"); 40]);
    // The order goes on; asked for the answer once more, it does not give another one.
    shop.cancel(id).await.unwrap();
    let (render, vault) = (checkout_answer(), shop.env.vault.clone());
    let owed = Keyed { attempt: KEY, first_used: NOON, render, vault };
    shop.engine.desk.go_on(id, owed);
    shop.quiet().await;
    assert_eq!(world.kept_answer(1).as_ref(), answers.first());
    world.check_at_rest();
    shop.close().await;
}

#[tokio::test]
async fn a_retry_finds_what_was_still_on_its_way_to_the_disk() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    let Turn::Fresh(running) = shop.turn().await else { panic!("a new key") };
    shop.store.gate.shut();
    let checkout = shop.checking_out(cart, "manual", Some(1));
    shop.store.gate.arrived(1).await;
    // Whoever was to answer is gone, and the order is on its way.
    checkout.abort();
    let engine = shop.engine.clone();
    let giving_up = tokio::spawn(async move { give_up(running, &engine.committer).await });
    let retry = shop.taking_turn();
    for _ in 0..20 {
        shop.engine.desk.census().await;
    }
    assert!(!retry.is_finished(), "nothing is known yet");
    shop.store.gate.open();
    giving_up.await.unwrap();
    let (id, _) = world.only_order();
    assert_eq!(shop.replayed(retry.await.unwrap()), format!("order {id}: pending_payment"));
    shop.close().await;
}
