//! One planted fault of each kind: it is found, under its own invariant, and nothing else is.

use super::books::{RUBBISH, Town, answer, attempt, sku};
use super::{assert_finds, report};
use crate::domain::cart::{Cart, CartStatus};
use crate::domain::catalog::Product;
use crate::domain::customer::Customer;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::grouping::{Category, Collection};
use crate::domain::mail::{Mail, MailState};
use crate::domain::order::{Order, OrderEvent, RefundState};
use crate::domain::pricing::tests::usd;
use crate::domain::settings::SavedSettings;
use crate::domain::staff::{Role, Staff};
use crate::domain::stock::{Change, Level, Movement, StockEvent};
use crate::domain::text_page::TextPage;
use crate::domain::{CartId, OrderId, PaymentId, Sealed, Seq, Span, Timestamp};
use crate::storage::records::{
    CustomerRow, FactorState, KeyRow, Reservation, SecondFactorRow, SessionRow,
};
use crate::storage::table::{
    entity_prefix, expiry_key, reservation_key, row_key, seq_key, timed_key,
};
use crate::storage::{Store, Stored, Table};
use crate::verify::Invariant::{self, *};

/// Plants a fault into a shop that is in order, and has exactly these invariants reported.
#[track_caller]
fn check(plant: impl FnOnce(&mut Town), expected: &[Invariant]) {
    let mut town = Town::new();
    plant(&mut town);
    assert_finds(&report(&town.books.store, town.books.now), expected);
}

fn a() -> EntityKey {
    EntityKey::Sku(sku("A"))
}

fn product(name: &str) -> EntityKey {
    EntityKey::Product(format!("prod-{name}").parse().unwrap())
}

fn nobody() -> OrderId {
    OrderId::from_bytes([9; 16])
}

impl Town {
    fn plant(&self, table: Table, key: &[u8], value: Option<&[u8]>) {
        self.books.store.plant(table, key, value);
    }

    fn placed(&self, id: OrderId) -> crate::domain::order::Placed {
        let (_, order) = self.books.row::<Order>(&EntityKey::Order(id)).unwrap();
        *order.placed
    }

    fn reserve(&self, order: OrderId, name: &str, change: impl FnOnce(&mut Reservation)) {
        let expires_at = self.placed(self.pending).expires_at;
        let mut reservation = Reservation { units: 2, expires_at };
        change(&mut reservation);
        let key = reservation_key(order, &sku(name));
        self.plant(Table::Reservations, &key, Some(&reservation.to_bytes()));
    }

    /// Rewrites what an order was placed with, in its row and in its event alike.
    fn rewrite(&self, id: OrderId, change: impl Fn(&mut Order)) {
        self.books.alter(&EntityKey::Order(id), &change);
        let (_, order) = self.books.row::<Order>(&EntityKey::Order(id)).unwrap();
        self.books.alter_event(|logged| match &mut logged.fact {
            Fact::Order(own, OrderEvent::Placed(placed)) if *own == id => {
                *placed = order.placed.clone();
                true
            }
            _ => false,
        });
    }

    fn key_row(&self, id: OrderId) -> Vec<u8> {
        let placed = self.placed(id);
        timed_key(placed.placed_at, &placed.attempt.unwrap().key)
    }

    /// The number of the last event of an entity.
    fn last_event(&self, entity: &EntityKey) -> Seq {
        let snapshot = self.books.store.snapshot().unwrap();
        let direction = crate::storage::Direction::Backward;
        snapshot.events_of(entity, direction, 0, 1).unwrap()[0].seq
    }

    fn entry(&self, entity: &EntityKey, seq: Seq) -> Vec<u8> {
        [entity_prefix(entity).as_slice(), &seq_key(seq)].concat()
    }
}

#[test]
fn a_level_that_does_not_add_up_is_found() {
    check(|town| town.books.alter::<Level>(&a(), |level| level.on_hand += 1), &[I2]);
    check(|town| town.books.alter::<Level>(&a(), |level| level.sold -= 1), &[I2]);
}

#[test]
fn a_level_that_adds_up_but_not_from_its_ledger_is_found() {
    let plant = |level: &mut Level| {
        level.on_hand += 1;
        level.received += 1;
    };
    check(|town| town.books.alter::<Level>(&a(), plant), &[I2]);
    check(|town| town.books.alter::<Level>(&a(), |level| level.backorder = true), &[I2]);
}

#[test]
fn units_reserved_for_nobody_are_found() {
    check(|town| town.books.alter::<Level>(&a(), |level| level.reserved += 1), &[I2]);
}

#[test]
fn more_promised_than_there_is_is_found() {
    check(|town| town.books.alter::<Level>(&a(), |level| level.reserved += 100), &[I2]);
}

#[test]
fn movements_without_a_level_are_found() {
    check(|town| town.books.remove_row(&a()), &[I2]);
}

#[test]
fn a_level_that_cannot_be_read_is_found() {
    check(|town| town.plant(Table::Skus, row_key(&a()), Some(RUBBISH)), &[I2]);
}

#[test]
fn an_adjustment_that_moved_something_else_is_found() {
    let plant = |town: &mut Town| {
        town.books.alter_event(|logged| match &mut logged.movements[..] {
            [Movement { change: Change::Adjust { delta }, .. }] => {
                *delta += 5;
                true
            }
            _ => false,
        });
    };
    check(plant, &[I2]);
}

#[test]
fn stock_moved_by_what_moves_no_stock_is_found() {
    let plant = |town: &mut Town| {
        town.books.alter_event(|logged| {
            let is_it = matches!(logged.fact, Fact::Stock(_, StockEvent::RanLow { .. }));
            if is_it {
                let change = Change::Adjust { delta: 1 };
                logged.movements.push(Movement { sku: sku("C"), change });
            }
            is_it
        });
    };
    check(plant, &[I2]);
}

#[test]
fn an_order_that_is_gone_is_found() {
    check(|town| town.books.remove_row(&EntityKey::Order(town.by_hand)), &[I3]);
    check(|town| town.books.remove_row(&EntityKey::Order(town.refunded)), &[I3]);
}

#[test]
fn an_order_that_cannot_be_read_is_found() {
    let plant = |town: &mut Town| {
        town.plant(Table::Orders, town.pending.as_bytes(), Some(RUBBISH));
    };
    check(plant, &[I3]);
}

#[test]
fn an_order_that_was_never_placed_is_found() {
    let plant = |town: &mut Town| {
        let (version, order) = town.books.row::<Order>(&EntityKey::Order(town.declined)).unwrap();
        town.books.plant_row(&EntityKey::Order(nobody()), version, &order);
        town.books.alter::<Order>(&EntityKey::Order(nobody()), |order| order.placed.number = 1);
    };
    check(plant, &[I3]);
}

#[test]
fn an_order_whose_placing_is_gone_is_found() {
    let plant = |town: &mut Town| {
        let declined = town.declined;
        town.books.alter_event(|logged| match &mut logged.fact {
            Fact::Order(id, event @ OrderEvent::Placed(_)) if *id == declined => {
                *event = OrderEvent::CaptureWanted { at: logged.at };
                true
            }
            _ => false,
        });
    };
    check(plant, &[I3, I6]);
}

#[test]
fn a_line_that_is_not_reserved_is_found() {
    let plant = |town: &mut Town| {
        let key = reservation_key(town.pending, &sku("B"));
        town.plant(Table::Reservations, &key, None);
    };
    check(plant, &[I2, I3]);
}

#[test]
fn a_line_reserved_in_other_units_is_found() {
    check(|town| town.reserve(town.pending, "A", |own| own.units = 1), &[I2, I3]);
}

#[test]
fn a_reservation_of_what_was_not_ordered_is_found() {
    check(|town| town.reserve(town.pending, "C", |_| {}), &[I2, I3]);
}

#[test]
fn a_reservation_without_its_order_is_found() {
    check(|town| town.reserve(nobody(), "A", |_| {}), &[I2, I3]);
}

#[test]
fn an_order_that_moved_other_units_than_its_lines_is_found() {
    // Level and reservations are what the movements say; only the order's lines disagree.
    let plant = |town: &mut Town| {
        let paid = town.paid;
        town.books.alter_event(|logged| match &logged.fact {
            Fact::Order(id, OrderEvent::Paid { .. }) if *id == paid => {
                let change = Change::Sell { order: paid, units: 2 };
                logged.movements = vec![Movement { sku: sku("A"), change }];
                true
            }
            _ => false,
        });
        town.reserve(paid, "A", |own| own.units = 1);
        town.books.alter::<Level>(&a(), |level| {
            level.reserved += 1;
            level.sold -= 1;
            level.on_hand += 1;
        });
    };
    check(plant, &[I3, I8]);
}

#[test]
fn an_unfinished_order_that_nobody_comes_back_to_is_found() {
    // One has a step that is not done, the other units to release.
    let step =
        |town: &Town| (town.pending, town.placed(town.pending).placed_at.plus(Span::minutes(1)));
    let units = |town: &Town| (town.by_hand, town.placed(town.by_hand).expires_at);
    for unfinished in [step as fn(&Town) -> _, units] {
        let plant = |town: &mut Town| {
            let (order, at) = unfinished(town);
            let key = expiry_key(at, &EntityKey::Order(order));
            assert!(
                town.books.store.snapshot().unwrap().get(Table::Expiries, &key).unwrap().is_some()
            );
            town.plant(Table::Expiries, &key, None);
        };
        check(plant, &[I3]);
    }
}

#[test]
fn a_deadline_that_nobody_needs_is_found() {
    for who in [
        |town: &Town| EntityKey::Order(town.paid),
        |_: &Town| EntityKey::Order(nobody()),
        |_: &Town| EntityKey::Cart(CartId::from_bytes([8; 22])),
        |_: &Town| a(),
    ] {
        let plant = |town: &mut Town| {
            let key = expiry_key(town.books.now, &who(town));
            town.plant(Table::Expiries, &key, Some(&[]));
        };
        check(plant, &[I3]);
    }
    check(|town| town.plant(Table::Expiries, b"rubbish", Some(&[])), &[I3]);
}

#[test]
fn a_cart_that_does_not_know_its_order_is_found() {
    let plant = |town: &mut Town| {
        let cart = EntityKey::Cart(town.placed(town.paid).cart);
        town.books.alter::<Cart>(&cart, |cart| cart.status = CartStatus::Open);
    };
    check(plant, &[I3, I6]);
    let plant = |town: &mut Town| {
        town.books.remove_row(&EntityKey::Cart(town.placed(town.paid).cart));
    };
    check(plant, &[I3, I6]);
}

#[test]
fn a_cart_that_became_an_order_of_another_cart_is_found() {
    for order in [|town: &Town| town.paid, |_: &Town| nobody()] {
        let plant = |town: &mut Town| {
            let (cart, order) = (EntityKey::Cart(town.open_cart), order(town));
            town.books.alter::<Cart>(&cart, |cart| cart.status = CartStatus::Ordered(order));
        };
        check(plant, &[I3, I6]);
    }
}

#[test]
fn an_order_of_other_lines_than_its_cart_is_found() {
    let plant = |town: &mut Town| {
        let cart = EntityKey::Cart(town.placed(town.paid).cart);
        town.books.alter::<Cart>(&cart, |cart| cart.lines[0].quantity += 1);
    };
    check(plant, &[I3, I6]);
}

#[test]
fn a_payment_that_is_not_the_orders_is_found() {
    let plant = |town: &mut Town| {
        let paid = EntityKey::Order(town.paid);
        town.books.alter::<Order>(&paid, |order| order.payment.id = PaymentId::from_bytes([5; 16]));
    };
    check(plant, &[I3, I6]);
}

#[test]
fn two_answers_under_one_key_are_found() {
    let plant = |town: &mut Town| {
        let at = town.books.now.plus(Span::hours(23));
        let key = timed_key(at, &attempt(2).key);
        town.plant(Table::Idempotency, &key, Some(&answer(attempt(2), at).to_bytes()));
    };
    check(plant, &[I4]);
}

#[test]
fn a_key_that_is_used_again_after_its_day_is_no_finding() {
    let plant = |town: &mut Town| {
        let at = town.books.now.plus(Span::hours(25));
        let key = timed_key(at, &attempt(2).key);
        town.plant(Table::Idempotency, &key, Some(&answer(attempt(2), at).to_bytes()));
    };
    check(plant, &[]);
}

#[test]
fn a_key_that_waits_for_nobody_is_found() {
    for row in [
        KeyRow::Order { order: nobody(), fingerprint: [101; 16] },
        KeyRow::Order { order: nobody(), fingerprint: [1; 16] },
    ] {
        let plant = |town: &mut Town| {
            let row = match row {
                KeyRow::Order { fingerprint, .. } if fingerprint == [1; 16] => {
                    KeyRow::Order { order: town.pending, fingerprint }
                }
                row => row,
            };
            let key = town.key_row(town.pending);
            town.plant(Table::Idempotency, &key, Some(&row.to_bytes()));
        };
        check(plant, &[I4]);
    }
}

#[test]
fn a_key_that_cannot_be_read_is_found() {
    let plant = |town: &mut Town| {
        town.plant(Table::Idempotency, &town.key_row(town.paid), Some(RUBBISH));
    };
    check(plant, &[I4]);
    check(|town| town.plant(Table::Idempotency, b"rubbish", Some(RUBBISH)), &[I4]);
}

#[test]
fn an_order_whose_answer_was_lost_is_found() {
    let plant = |town: &mut Town| {
        town.plant(Table::Idempotency, &town.key_row(town.paid), None);
    };
    check(plant, &[I4]);
}

#[test]
fn two_orders_of_one_number_are_found() {
    let plant = |town: &mut Town| {
        let number = town.placed(town.paid).number;
        town.rewrite(town.by_hand, |order| order.placed.number = number);
    };
    check(plant, &[I4]);
}

#[test]
fn two_orders_of_one_attempt_are_found() {
    let plant = |town: &mut Town| {
        town.rewrite(town.by_hand, |order| order.placed.attempt = Some(attempt(2)));
    };
    check(plant, &[I4]);
}

#[test]
fn totals_that_are_off_by_a_cent_are_found() {
    let plant = |town: &mut Town| {
        town.rewrite(town.paid, |order| {
            order.placed.total = order.placed.total.plus(usd(1)).unwrap();
            order.payment.amount = order.placed.total;
        });
    };
    check(plant, &[I5]);
    let plant = |town: &mut Town| {
        town.rewrite(town.paid, |order| {
            let totals = &mut order.placed.lines[0].totals;
            totals.tax = totals.tax.plus(usd(1)).unwrap();
        });
    };
    check(plant, &[I5]);
}

#[test]
fn more_given_back_than_taken_is_found() {
    let plant = |town: &mut Town| {
        let refunded = town.refunded;
        let more = town.placed(refunded).total.plus(usd(1)).unwrap();
        town.books.alter::<Order>(&EntityKey::Order(refunded), |order| {
            assert_eq!(order.refunds[0].state, RefundState::Settled);
            order.refunds[0].amount = more;
        });
        town.books.alter_event(|logged| match &mut logged.fact {
            Fact::Order(id, OrderEvent::RefundStarted { amount, .. }) if *id == refunded => {
                *amount = more;
                true
            }
            _ => false,
        });
    };
    check(plant, &[I5]);
}

#[test]
fn a_gap_in_the_log_is_found() {
    check(|town| town.plant(Table::Events, &seq_key(Seq(1)), None), &[I6]);
    let plant = |town: &mut Town| {
        let seq = town.last_event(&EntityKey::Order(town.by_hand));
        town.plant(Table::Events, &seq_key(seq), None);
    };
    check(plant, &[I6]);
    check(|town| town.plant(Table::Events, &seq_key(Seq(0)), Some(RUBBISH)), &[I6]);
}

#[test]
fn a_log_that_lost_its_end_is_found() {
    let plant = |town: &mut Town| {
        let last = town.books.store.snapshot().unwrap().last_seq().unwrap();
        town.plant(Table::Events, &seq_key(last), None);
    };
    check(plant, &[I6]);
}

#[test]
fn an_event_that_cannot_be_read_is_found() {
    let plant = |town: &mut Town| {
        let seq = town.last_event(&EntityKey::Order(town.paid));
        town.plant(Table::Events, &seq_key(seq), Some(RUBBISH));
    };
    check(plant, &[I6]);
    check(|town| town.plant(Table::Events, b"rubbish", Some(RUBBISH)), &[I6]);
}

#[test]
fn a_row_that_is_not_the_replay_of_its_events_is_found() {
    check(
        |town| {
            let key = EntityKey::Cart(town.open_cart);
            town.books.alter::<Cart>(&key, |cart| cart.lines[0].quantity += 1);
        },
        &[I6],
    );
    check(
        |town| town.books.alter::<Product>(&product("b"), |product| product.content.brand.clear()),
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Category("kitchen".into());
            town.books.alter::<Category>(&key, |category| category.name.push('s'));
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Collection("gifts".into());
            town.books.alter::<Collection>(&key, |collection| collection.name.push('s'));
        },
        &[I6],
    );
    check(
        |town| {
            town.books.alter::<SavedSettings>(&EntityKey::Settings, |saved| {
                saved.settings.name.push('s');
            });
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::TextPage("about".into());
            town.books.alter::<TextPage>(&key, |page| page.markdown.push('!'));
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Staff(town.staff);
            town.books.alter::<Staff>(&key, |staff| staff.role = Role::Staff);
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Customer(town.customer);
            town.books.alter::<CustomerRow>(&key, |row| {
                if let Customer::Active(account) = &mut row.customer {
                    account.verified_at = None;
                }
            });
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Mail(town.mail);
            town.books.alter::<Mail>(&key, |mail| mail.state = MailState::Waiting);
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Customer(town.erased);
            town.books.alter::<CustomerRow>(&key, |row| row.password_hash = Some("$".into()));
        },
        &[I6],
    );
    check(
        |town| {
            let key = EntityKey::Order(town.paid);
            town.books.alter::<Order>(&key, |order| order.paid_at = None);
        },
        &[I6],
    );
}

#[test]
fn a_row_that_is_gone_is_found() {
    for key in [product("a"), EntityKey::Category("kitchen".into())] {
        check(|town| town.books.remove_row(&key), &[I6]);
    }
    check(|town| town.books.remove_row(&EntityKey::Settings), &[I6]);
    check(|town| town.books.remove_row(&EntityKey::TextPage("about".into())), &[I6]);
    check(|town| town.books.remove_row(&EntityKey::Staff(town.staff)), &[I6]);
    check(|town| town.books.remove_row(&EntityKey::Customer(town.customer)), &[I6]);
    check(|town| town.books.remove_row(&EntityKey::Mail(town.mail)), &[I6]);
    check(|town| town.books.remove_row(&EntityKey::Collection("gifts".into())), &[I6]);
}

#[test]
fn a_row_that_no_event_made_is_found() {
    let plant = |town: &mut Town| {
        let key = |handle: &str| EntityKey::Category(handle.into());
        let (version, category) = town.books.row::<Category>(&key("kitchen")).unwrap();
        town.books.plant_row(&key("garden"), version, &category);
    };
    check(plant, &[I6]);
    let plant = |town: &mut Town| {
        let (version, cart) = town.books.row::<Cart>(&EntityKey::Cart(town.open_cart)).unwrap();
        town.books.plant_row(&EntityKey::Cart(CartId::from_bytes([8; 22])), version, &cart);
    };
    check(plant, &[I6]);
}

#[test]
fn a_second_factor_of_nobody_is_found_and_so_is_a_login_without_a_name() {
    let seed = Sealed::from_bytes((*b"sealed").into());
    let factor = SecondFactorRow { seed: seed.clone(), state: FactorState::Pending }.to_bytes();
    let of =
        |town: &Town, member: [u8; 16]| town.plant(Table::SecondFactors, &member, Some(&factor));
    check(|town| of(town, *town.staff.as_bytes()), &[]);
    check(|town| of(town, [9; 16]), &[I6]);
    check(|town| town.plant(Table::SecondFactors, b"rubbish", Some(&factor)), &[I6]);
    let row = SessionRow { origin: seed, used_at: Timestamp::from_millis(0) }.to_bytes();
    let key = |length| timed_key(Timestamp::from_millis(0), &vec![7; length]);
    check(|town| town.plant(Table::Sessions, &key(16), Some(&row)), &[]);
    check(|town| town.plant(Table::Sessions, &key(15), Some(&row)), &[I6]);
}

#[test]
fn a_row_that_cannot_be_read_is_found() {
    for (table, key) in [
        (Table::Products, product("a")),
        (Table::Categories, EntityKey::Category("kitchen".into())),
        (Table::Collections, EntityKey::Collection("gifts".into())),
        (Table::Settings, EntityKey::Settings),
        (Table::TextPages, EntityKey::TextPage("about".into())),
    ] {
        check(|town| town.plant(table, row_key(&key), Some(RUBBISH)), &[I6]);
    }
    check(|town| town.plant(Table::Carts, town.open_cart.as_bytes(), Some(RUBBISH)), &[I6]);
    check(|town| town.plant(Table::Staff, town.staff.as_bytes(), Some(RUBBISH)), &[I6]);
    check(|town| town.plant(Table::Customers, town.erased.as_bytes(), Some(RUBBISH)), &[I6]);
    check(|town| town.plant(Table::Tokens, b"token", Some(RUBBISH)), &[I6]);
    check(|town| town.plant(Table::Identities, b"identity", Some(RUBBISH)), &[I6]);
    let session = |length| timed_key(Timestamp::from_millis(0), &vec![7; length]);
    check(|town| town.plant(Table::Sessions, &session(16), Some(RUBBISH)), &[I6]);
    let member = |town: &Town| town.staff.as_bytes().to_vec();
    check(|town| town.plant(Table::SecondFactors, &member(town), Some(RUBBISH)), &[I6]);
    for table in [Table::Carts, Table::Staff, Table::Customers, Table::Mails, Table::Settings] {
        check(|town| town.plant(table, b"rubbish", Some(RUBBISH)), &[I6]);
    }
}

#[test]
fn a_row_of_a_newer_program_is_found_and_says_so() {
    let town = Town::new();
    let row = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[99, 1, 2, 3]].concat();
    town.plant(Table::Products, row_key(&product("a")), Some(&row));
    let report = report(&town.books.store, town.books.now);
    assert_finds(&report, &[I6]);
    assert!(report.findings[0].detail.contains("a newer mercat wrote it"), "{report:?}");
}

#[test]
fn a_version_that_its_events_do_not_make_is_found() {
    for version in [0, 99] {
        let plant = |town: &mut Town| {
            let (_, product_row) = town.books.row::<Product>(&product("a")).unwrap();
            town.books.plant_row(&product("a"), version, &product_row);
        };
        check(plant, &[I6]);
        let plant = |town: &mut Town| {
            let (_, level) = town.books.row::<Level>(&a()).unwrap();
            town.books.plant_row(&a(), version, &level);
        };
        check(plant, &[I6]);
    }
}

#[test]
fn an_event_that_its_history_lacks_is_found() {
    let plant = |town: &mut Town| {
        let entry = town.entry(&product("b"), town.last_event(&product("b")));
        town.plant(Table::EventsByEntity, &entry, None);
    };
    check(plant, &[I6]);
}

#[test]
fn a_history_that_says_too_much_is_found() {
    let plant = |town: &mut Town| {
        let entry = town.entry(&product("b"), Seq(1));
        town.plant(Table::EventsByEntity, &entry, Some(&[]));
    };
    check(plant, &[I6]);
    check(
        |town| {
            let entry = town.entry(&product("b"), Seq(1_000_000));
            town.plant(Table::EventsByEntity, &entry, Some(&[]));
        },
        &[I6],
    );
    check(|town| town.plant(Table::EventsByEntity, b"rubbish-rubbish", Some(&[])), &[I6]);
}

#[test]
fn an_entry_lost_and_another_too_many_are_both_found() {
    let town = Town::new();
    let lost = town.entry(&product("b"), town.last_event(&product("b")));
    town.plant(Table::EventsByEntity, &lost, None);
    let extra = town.entry(&product("a"), Seq(1));
    town.plant(Table::EventsByEntity, &extra, Some(&[]));
    let report = report(&town.books.store, town.books.now);
    assert_finds(&report, &[I6]);
    for name in ["product prod-a", "product prod-b"] {
        let about = |finding: &&crate::verify::Finding| finding.entity.as_deref() == Some(name);
        assert!(report.findings.iter().any(|finding| about(&finding)), "{name}: {report:?}");
    }
}

#[test]
fn a_consumer_ahead_of_the_log_is_found() {
    let cursor = |seq: u64| {
        move |town: &mut Town| {
            town.plant(Table::Cursors, b"webhooks", Some(&seq_key(Seq(seq))));
        }
    };
    check(cursor(3), &[]);
    check(cursor(1_000_000), &[I7]);
    check(|town| town.plant(Table::Cursors, b"webhooks", Some(b"12")), &[I7]);
}

#[test]
fn a_reservation_that_outlives_its_order_is_found() {
    // The SKU's row is right, so the sum of its reservations is wrong too.
    check(|town| town.reserve(town.declined, "A", |_| {}), &[I2, I8]);
    check(|town| town.reserve(town.paid, "A", |_| {}), &[I2, I8]);
}

#[test]
fn a_reservation_with_a_deadline_of_its_own_is_found() {
    let plant = |town: &mut Town| {
        town.reserve(town.pending, "A", |own| own.expires_at = own.expires_at.plus(Span::days(1)));
    };
    check(plant, &[I8]);
}

#[test]
fn a_reservation_that_cannot_be_read_is_found() {
    let plant = |town: &mut Town| {
        let key = reservation_key(town.pending, &sku("A"));
        town.plant(Table::Reservations, &key, Some(RUBBISH));
    };
    check(plant, &[I2, I8]);
    check(|town| town.plant(Table::Reservations, b"rubbish", Some(RUBBISH)), &[I8]);
}

#[test]
fn units_that_nothing_will_release_are_found() {
    let plant = |town: &mut Town| {
        let at = town.placed(town.by_hand).expires_at;
        town.plant(Table::Expiries, &expiry_key(at, &EntityKey::Order(town.by_hand)), None);
        town.books.now = town.books.now.plus(Span::hours(3));
    };
    check(plant, &[I3, I8]);
}

#[test]
fn a_flood_of_findings_is_bounded() {
    let town = Town::new();
    for n in 0..2_000u32 {
        town.plant(Table::Cursors, &n.to_be_bytes(), Some(b"12"));
    }
    let report = report(&town.books.store, town.books.now);
    assert_eq!((report.findings.len(), report.more), (crate::verify::MOST_FINDINGS, 1_000));
}

#[test]
fn keys_of_persons_are_there_for_all_that_is_sealed() {
    let town = Town::new();
    let person = town.placed(town.paid).recipient.person;
    town.plant(Table::People, person.as_bytes(), None);
    let report = report(&town.books.store, town.books.now);
    let missing = report.findings.iter().filter(|finding| {
        finding.invariant == Invariant::I6 && finding.detail.contains(&person.to_string())
    });
    assert!(missing.count() > 0, "{:?}", report.findings);
    assert!(report.findings.iter().all(|finding| finding.invariant == Invariant::I6));
}

#[test]
fn keys_that_cannot_be_read_and_a_lost_ring_are_found() {
    for (table, key) in
        [(Table::People, &[1; 16][..]), (Table::People, b"short"), (Table::Meta, b"keys")]
    {
        let town = Town::new();
        town.plant(table, key, Some(b"damaged"));
        assert_eq!(report(&town.books.store, town.books.now).findings.len(), 1, "{key:?}");
    }
    let town = Town::new();
    town.plant(Table::Meta, b"keys", None);
    assert_eq!(report(&town.books.store, town.books.now).findings.len(), 1);
}
