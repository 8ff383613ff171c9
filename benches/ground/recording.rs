//! Batches as the engine makes them, kept so that a bench can hand them over again.

use super::{Outcome, SPARE, Shop, address, folder, keyed, render, sku, stock_up};
use futures_util::future::join_all;
use mercat::actors::cart::CartRequest;
use mercat::actors::order::CheckoutRequest;
use mercat::domain::event::EntityKey;
use mercat::domain::order::Collected;
use mercat::domain::{CartId, OrderId};
use mercat::storage::{Batch, RedbStore, Settled, Store};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How an order is paid: decides how many batches it takes.
#[derive(Clone, Copy)]
pub enum Payment {
    /// By hand, later: one batch.
    Manual,
    /// By the `test` provider at once: one batch to place it, one to record that it is paid.
    Test,
}

/// Counts commits and batches.
#[derive(Default)]
pub struct Counted {
    commits: AtomicUsize,
    batches: AtomicUsize,
}

impl Counted {
    pub fn add<T>(&self, group: &[Settled<T>]) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(group.len(), Ordering::Relaxed);
    }

    pub fn so_far(&self) -> (usize, usize) {
        (self.commits.load(Ordering::Relaxed), self.batches.load(Ordering::Relaxed))
    }
}

/// The batches of a run of the engine: those that made carts, and those that made orders of them.
pub struct Recording {
    pub carts: Vec<Batch>,
    pub orders: Vec<(OrderId, Batch)>,
}

impl Recording {
    /// Has the engine place `orders` orders, paid by hand, and keeps its batches.
    pub async fn make(orders: usize) -> Outcome<Recording> {
        let folder = folder()?;
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), 64 << 20)?);
        stock_up(&*store, (orders + SPARE) as i64)?;
        let kept = Arc::new(Mutex::new(Vec::with_capacity(2 * orders)));
        let keep = Arc::clone(&kept);
        let witness = move |group: &[Settled<_>]| {
            let batches = group.iter().map(|settled| settled.batch.clone());
            keep.lock().unwrap_or_else(PoisonError::into_inner).extend(batches);
        };
        let shop = Shop::open(store, Box::new(witness)).await?;
        let render = render();
        for some in fill_carts(&shop, orders).await?.chunks(1_000) {
            let asked = some.iter().map(|cart| {
                let request = checkout(*cart, Payment::Manual);
                shop.engine
                    .desk
                    .checkout(request, Some(keyed(shop.clock.now(), &render, &shop.vault)))
            });
            for order in join_all(asked).await {
                order?;
            }
        }
        shop.close().await;
        let mut recording = Recording { carts: vec![], orders: Vec::with_capacity(orders) };
        for batch in kept.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let order = batch.written().find_map(|(key, _)| match key {
                EntityKey::Order(id) => Some(*id),
                _ => None,
            });
            match order {
                Some(order) => recording.orders.push((order, batch)),
                None => recording.carts.push(batch),
            }
        }
        Ok(recording)
    }

    /// Opens a store in which the stock and the carts are, and no order.
    pub fn ready(&self, store: &dyn Store) -> Outcome<()> {
        stock_up(store, (self.orders.len() + SPARE) as i64)?;
        for some in self.carts.chunks(4_096) {
            for outcome in store.commit(some)? {
                outcome?;
            }
        }
        Ok(())
    }
}

/// Carts with one unit of the SKU each, durable.
pub async fn fill_carts(shop: &Shop, carts: usize) -> Outcome<Vec<CartId>> {
    let mut filled = Vec::with_capacity(carts);
    while filled.len() < carts {
        let some = (carts - filled.len()).min(1_000);
        let asked = (0..some).map(|_| {
            let request = CartRequest::Create { currency: None, items: vec![(sku(), 1)] };
            shop.engine.desk.create_cart(request, None)
        });
        for cart in join_all(asked).await {
            filled.push(cart?.value.id);
        }
    }
    Ok(filled)
}

pub fn checkout(cart: CartId, payment: Payment) -> CheckoutRequest {
    let (provider, collected, token) = match payment {
        Payment::Manual => ("manual", Collected::ByHand, None),
        Payment::Test => ("test", Collected::Online, Some("tok_visa".into())),
    };
    CheckoutRequest {
        cart,
        person: None,
        email: "ada@example.com".into(),
        shipping_address: Some(address()),
        billing_address: None,
        shipping_option: None,
        provider: provider.into(),
        collected,
        token,
        note: None,
        agreed: None,
    }
}
