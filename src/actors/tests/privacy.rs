//! What is known of people: sealed wherever it is written, and gone when they are forgotten.

use super::*;
use crate::actors::ask::Reply;
use crate::actors::reads::{OrderFilter, Page};
use crate::actors::settle::Ticket;
use crate::domain::PersonId;
use crate::secrets::OpenError;
use crate::storage::records::{Answer, Body};

/// What nobody may find in the store.
const PLAIN: [&str; 3] = ["ada@example.com", "1 Main St", "leave it at the door"];

impl Shop {
    async fn commit(&self, batch: Batch) {
        let (done, settled) = oneshot::channel();
        let reply = Reply::new(move |outcome| {
            done.send(outcome.is_ok()).unwrap();
        });
        self.engine.committer.submit(batch, Ticket::of_service(reply));
        assert!(settled.await.unwrap());
    }

    async fn forget(&self, person: PersonId) {
        let mut batch = Batch::new();
        self.env.vault.forget(person, &mut batch, self.world.now());
        self.commit(batch).await;
    }

    async fn customer(&self) -> PersonId {
        let mut batch = Batch::new();
        let person = self.env.vault.new_person(self.env.ids.person(), &mut batch);
        self.commit(batch).await;
        person
    }

    async fn buy_as(&self, cart: CartId, person: Option<PersonId>) -> OrderView {
        let request = CheckoutRequest {
            person,
            shipping_address: None,
            note: Some(PLAIN[2].into()),
            ..request(cart, "tok_visa")
        };
        self.engine.desk.checkout(request, None).await.unwrap().value
    }

    async fn send_to(&self, cart: CartId, person: Option<PersonId>) -> CartView {
        let address = Box::new(address());
        let request = CartRequest::SetShippingAddress { address, person };
        self.ask_cart(cart, request).await.unwrap()
    }

    fn found(&self, email: &str) -> usize {
        let filter = OrderFilter { email: Some(email.into()), ..OrderFilter::default() };
        self.reads.orders.list(&filter, Page { offset: 0, limit: 10 }).0
    }
}

impl World {
    /// Which of these texts are anywhere in the store, as they are.
    fn found(&self, texts: &[&'static str]) -> Vec<&'static str> {
        let mut found = Vec::new();
        let snapshot = self.disk.snapshot().unwrap();
        for table in Table::ALL {
            let mut visit = |key: &[u8], row: &[u8]| {
                for text in texts {
                    let holds = |bytes: &[u8]| {
                        bytes.windows(text.len()).any(|part| part == text.as_bytes())
                    };
                    if holds(key) || holds(row) {
                        found.push(*text);
                    }
                }
                ControlFlow::Continue(())
            };
            snapshot.scan(table, &[], None, Direction::Forward, &mut visit).unwrap();
        }
        found
    }

    fn people(&self) -> u64 {
        self.disk.snapshot().unwrap().count(Table::People).unwrap()
    }

    fn recipient(&self, cart: CartId) -> PersonId {
        self.cart(cart).recipient.unwrap().person
    }
}

#[tokio::test]
async fn who_buys_is_shown_and_never_written_in_the_open() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    assert_eq!(shop.send_to(cart, None).await.address, Some(address()));
    let bought = shop.buy_as(cart, None).await;
    let contact = bought.contact.unwrap();
    assert_eq!((contact.email.as_str(), &contact.shipping_address), (PLAIN[0], &address()));
    assert_eq!(contact.note.as_deref(), Some(PLAIN[2]));
    let recipient = &bought.order.placed.recipient;
    assert_eq!(recipient.region, address().region());
    assert_eq!((recipient.person, world.people()), (world.recipient(cart), 1));
    assert_eq!(world.found(&PLAIN), [""; 0]);
    shop.close().await;

    let shop = world.open().await;
    let shown = shop.ask_cart(cart, CartRequest::Show).await.unwrap();
    assert_eq!(shown.address, Some(address()));
    assert_eq!(shop.found("ADA@example.com"), 1);
    shop.close().await;
}

#[tokio::test]
async fn of_somebody_forgotten_nothing_is_left_and_the_books_stay() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    shop.send_to(cart, None).await;
    let view = shop.checkout_once(cart, "tok_visa", 1).await.unwrap();
    assert!(world.kept_answer(1).is_some());
    let Some(KeyRow::Done(answer)) = world.key_row(1) else { panic!("it was answered") };
    assert!(matches!(answer.body, Body::Sealed { .. }), "an answer tells of its person");
    let person = view.order.placed.recipient.person;
    shop.forget(person).await;

    let kept: Answer = answer;
    assert_eq!(RenderedAnswer::of_kept(kept, &shop.env.vault), Err(OpenError::Forgotten));
    assert_eq!(shop.found("ada@example.com"), 0);
    let shown = shop.ask_cart(cart, CartRequest::Show).await.unwrap();
    assert_eq!(shown.address, None);
    let after = shop.cancel(view.id).await.unwrap();
    assert_eq!((&after.contact, after.order.status()), (&None, OrderStatus::Cancelled));
    assert_eq!(after.order.placed, view.order.placed);
    world.check_at_rest();
    shop.close().await;

    let shop = world.open().await;
    assert_eq!(shop.found("ada@example.com"), 0);
    assert!(!shop.env.vault.knows(person));
    shop.close().await;
}

#[tokio::test]
async fn the_same_address_again_changes_nothing() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    let first = shop.send_to(cart, None).await;
    assert_eq!(shop.send_to(cart, None).await, first);
    let other = crate::domain::Address { city: "Portland".into(), ..address() };
    let address = Box::new(other.clone());
    let moved = CartRequest::SetShippingAddress { address, person: None };
    let moved = shop.ask_cart(cart, moved).await.unwrap();
    assert_eq!((moved.version, moved.address), (first.version + 1, Some(other)));
    assert_eq!(world.people(), 1, "the cart's person stays the same");
    shop.close().await;
}

#[tokio::test]
async fn a_guests_cart_that_a_customer_buys_becomes_theirs_altogether() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let cart = shop.cart(&[("A", 1)]).await;
    shop.send_to(cart, None).await;
    let guest = world.recipient(cart);
    let customer = shop.customer().await;
    let bought = shop.buy_as(cart, Some(customer)).await;
    assert_eq!(bought.order.placed.recipient.person, customer);
    assert_eq!(bought.contact.unwrap().shipping_address, address());
    assert_eq!(world.recipient(cart), customer);
    assert!(!shop.env.vault.knows(guest), "who is forgotten with the customer is in one place");
    shop.close().await;
}

#[tokio::test]
async fn a_cart_that_passes_on_takes_nobody_elses_account_along() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let (ada, bob) = (shop.customer().await, shop.customer().await);
    let cart = shop.cart(&[("A", 1)]).await;
    shop.send_to(cart, Some(ada)).await;
    shop.send_to(cart, Some(bob)).await;
    shop.send_to(cart, Some(ada)).await;
    shop.buy_as(cart, Some(bob)).await;
    assert!(shop.env.vault.knows(ada) && shop.env.vault.knows(bob));
    shop.close().await;
}

#[tokio::test]
async fn who_was_forgotten_cannot_buy_and_leaves_the_cart_open() {
    let world = given_stock(&[("A", 5)]);
    let shop = world.open().await;
    let customer = shop.customer().await;
    let cart = shop.cart(&[("A", 1)]).await;
    shop.send_to(cart, None).await;
    shop.forget(customer).await;
    let request = CheckoutRequest { person: Some(customer), ..request(cart, "tok_visa") };
    let refused = shop.engine.desk.checkout(request, None).await.map(|answered| answered.value);
    let forgotten = matches!(refused, Err(Refusal::Rejected(CheckoutRefusal::Forgotten(_))));
    assert!(forgotten, "{refused:?}");
    assert_eq!(shop.promisable("A").await, 5);
    shop.expect_paid(cart).await;
    shop.close().await;
}
