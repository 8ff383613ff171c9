//! Many shoppers, staff, faults and crashes in any order, against what must hold in the end.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    /// A new cart is checked out; others may be under way.
    CheckOut {
        items: Vec<(usize, u32)>,
        token: usize,
        key: bool,
    },
    /// A cart that was checked out before is checked out again.
    Again {
        cart: usize,
        token: usize,
    },
    Edit {
        cart: usize,
        quantity: u32,
    },
    Cancel {
        order: usize,
    },
    Complete {
        order: usize,
        approve: bool,
    },
    Receive {
        sku: usize,
        units: i64,
    },
    StoreFault(bool),
    ProviderFaults(bool, usize),
    Panic {
        sku: usize,
    },
    ShardDies(usize),
    Wait {
        minutes: i64,
    },
    /// Everybody under way is waited for.
    Rest,
    Crash,
}

fn adjust(delta: i64) -> StockCommand {
    StockCommand::Adjust { delta, reason: "count".into(), note: None }
}

const SKUS: [&str; 3] = ["A", "B", "C"];
const TOKENS: [&str; 4] = ["tok_visa", "tok_declined", "tok_action", "manual"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let items = prop::collection::btree_map(0..SKUS.len(), 1u32..4, 1..=SKUS.len())
        .prop_map(|items| items.into_iter().collect());
    let act = prop_oneof![
        8 => (items, 0..TOKENS.len(), any::<bool>())
            .prop_map(|(items, token, key)| Act::CheckOut { items, token, key }),
        2 => (0usize..20, 0..TOKENS.len()).prop_map(|(cart, token)| Act::Again { cart, token }),
        2 => (0usize..20, 0u32..4).prop_map(|(cart, quantity)| Act::Edit { cart, quantity }),
        2 => (0usize..20).prop_map(|order| Act::Cancel { order }),
        2 => (0usize..20, any::<bool>())
            .prop_map(|(order, approve)| Act::Complete { order, approve }),
        2 => (0..SKUS.len(), -3i64..9).prop_map(|(sku, units)| Act::Receive { sku, units }),
        2 => any::<bool>().prop_map(Act::StoreFault),
        2 => (any::<bool>(), 1usize..4).prop_map(|(lost, n)| Act::ProviderFaults(lost, n)),
        1 => (0..SKUS.len()).prop_map(|sku| Act::Panic { sku }),
        1 => (0usize..3).prop_map(Act::ShardDies),
        1 => (0i64..20).prop_map(|minutes| Act::Wait { minutes }),
        2 => Just(Act::Rest),
        1 => Just(Act::Crash),
    ];
    prop::collection::vec(act, 1..40)
}

/// What the world was told, to be held against the books.
#[derive(Default)]
struct Told {
    carts: Vec<CartId>,
    orders: Vec<OrderView>,
    under_way: Vec<JoinHandle<CheckoutResult>>,
    received: HashMap<usize, i64>,
    keys: u8,
}

impl Told {
    async fn rest(&mut self) {
        for checkout in self.under_way.drain(..) {
            self.orders.extend(checkout.await.unwrap());
        }
    }
}

async fn run(acts: Vec<Act>) {
    let stock = [("A", 4), ("B", 6), ("C", 9)];
    let world = given_stock(&stock).with(|settings| settings.provider_retry = Span::millis(0));
    let mut told = Told::default();
    for (i, (_, units)) in stock.iter().enumerate() {
        told.received.insert(i, i64::from(*units));
    }
    let mut shop = world.open().await;
    for act in acts {
        match act {
            Act::CheckOut { items, token, key } => {
                let items: Vec<(&str, u32)> =
                    items.iter().map(|&(sku, units)| (SKUS[sku], units)).collect();
                let Ok(cart) = shop.try_cart(&items).await else { continue };
                told.carts.push(cart.id);
                told.keys += u8::from(key);
                let key = key.then_some(told.keys);
                told.under_way.push(shop.checking_out(cart.id, TOKENS[token], key));
            }
            Act::Again { cart, token } => {
                let Some(cart) = told.carts.get(cart) else { continue };
                told.under_way.push(shop.checking_out(*cart, TOKENS[token], None));
            }
            Act::Edit { cart, quantity } => {
                let Some(cart) = told.carts.get(cart) else { continue };
                let edit = CartRequest::SetQuantity { sku: sku("A"), quantity };
                if let Ok(view) = shop.ask_cart(*cart, edit).await {
                    let units = view.cart.line(&sku("A")).map_or(0, |line| line.quantity);
                    assert_eq!(units, quantity);
                }
            }
            Act::Cancel { order } => {
                let Some((id, _)) = world.orders().get(order).cloned() else { continue };
                let _ = shop.cancel(id).await;
            }
            Act::Complete { order, approve } => {
                let Some((id, order)) = world.orders().get(order).cloned() else { continue };
                world.bank.complete(order.payment.id, approve).unwrap();
                shop.engine.desk.refresh_payment(id).await;
            }
            Act::Receive { sku, units } => {
                let before = world.level(SKUS[sku]).received;
                match shop.stock(SKUS[sku], adjust(units)).await {
                    Ok(_) => *told.received.entry(sku).or_default() += units,
                    // It may have become durable all the same.
                    Err(Refusal::Unavailable) => {
                        shop.quiet().await;
                        let after = world.level(SKUS[sku]).received;
                        assert!(after == before || after == before + units);
                        *told.received.entry(sku).or_default() += after - before;
                    }
                    Err(Refusal::Rejected(_)) => {}
                }
            }
            Act::StoreFault(kept) => {
                world.memory.inject([if kept { Fault::Kept } else { Fault::Lost }]);
            }
            Act::ProviderFaults(lost, n) => {
                let fault =
                    if lost { ProviderFault::AnswerLost } else { ProviderFault::Unreachable };
                world.bank.inject(vec![fault; n]);
            }
            Act::Panic { sku } => shop.send_sku(SKUS[sku], SkuMessage::Panic),
            Act::ShardDies(place) => {
                let restarts = shop.engine.restarts();
                shop.engine.directory.send_to(place, ShardMessage::Panic);
                while shop.engine.restarts() == restarts {
                    tokio::task::yield_now().await;
                }
                shop.engine.settle().await;
            }
            Act::Wait { minutes } => {
                world.later(Span::minutes(minutes));
                shop.sweeper.sweep().await;
            }
            Act::Rest => told.rest().await,
            Act::Crash => {
                shop.crash().await;
                told.rest().await;
                world.check_books();
                shop = world.open().await;
            }
        }
    }
    told.rest().await;
    world.memory.clear_faults();
    // Whoever had to act and did comes back to the shop's page, whatever became of it before.
    for (id, order) in world.orders() {
        // The provider may still be silent a few times.
        for _ in 0..200 {
            shop.engine.desk.refresh_payment(id).await;
            shop.quiet().await;
            let is_heard = world.order(id).payment.is_captured();
            if is_heard || world.bank.taken(order.payment.id).is_none() {
                break;
            }
        }
    }
    shop.rest().await;
    for view in &told.orders {
        assert_eq!(world.order(view.id).placed, view.order.placed, "acknowledged, so it is there");
    }
    for (i, name) in SKUS.iter().enumerate() {
        let level = world.level(name);
        assert_eq!(level.received, told.received[&i], "{name}");
        assert_eq!(level.sold + level.on_hand, level.received, "{name}");
    }
    world.check_at_rest();
    // Holds that were left behind are over by now, and no unit is lost to anybody.
    world.later(HOLD_FOR);
    for name in SKUS {
        assert_eq!(shop.promisable(name).await, world.level(name).available(), "{name}");
    }
    // The models that lists are read from say the same as the books.
    for name in SKUS {
        assert_eq!(shop.reads.levels.get(&sku(name)), world.level(name));
    }
    shop.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_shop_adds_up(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(acts));
    }
}
