//! The guards that hold the invariants, by name.
//!
//! Each stands in the code where a promise would be broken without it. Outside of tests they always
//! stand, and asking costs nothing. A test may take one out, for its own thread, to show that
//! somebody notices (`simulate/tests.rs`): a guard that nobody misses guards nothing.

/// One guard; where it stands is said by its name's only use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A SKU's actor promises no more than is left (I2).
    StockInActor,
    /// The store books no more than is left, whoever promised it (I2).
    StockInStore,
    /// A promise is made once, and kept or taken back once (I8).
    ReservationOnce,
    /// A row is written only over the version that it follows (I6).
    NextVersion,
    /// An entity is loaded only when everything handed over for it is settled (I9).
    SettleBeforeLoad,
    /// A lost shard's successor begins when all that was handed over is settled (I9).
    SettleBeforeSuccessor,
    /// A row that was asked for before something was settled is asked for again (I9).
    FreshRow,
    /// What was built on a failed batch is forgotten (I6).
    ForgetAfterFailure,
    /// An entity stays in memory until all of it is settled (I9).
    SettleBeforePassivation,
    /// An answer goes out when what it says is durable (I1).
    AnswerWhenDurable,
    /// What changed nothing is answered behind the write it rests on (I1).
    AnswerBehindWrite,
    /// A commit is on the disk before it is told of (I1).
    Sync,
    /// One at a time runs under an idempotency key (I4).
    OneTurn,
    /// The answer under a key is durable with its effect (I4).
    AnswerWithEffect,
    /// After a doubt, the store is asked what was done under a key (I4).
    LookAfterDoubt,
    /// A key belongs to one request (I4).
    OneRequest,
    /// A cart that is being bought stands still (I3).
    CartStandsStill,
    /// A cart is sold at the prices of the moment or not at all (I5).
    PriceOfTheMoment,
    /// A hold whose order never came is dropped (I8).
    HoldsLapse,
    /// What ran out is looked for (I8).
    Sweeping,
    /// A payment of which nothing is known is made impossible before its order ends (I5).
    VoidBeforeEnd,
    /// Money for an order that was called off goes back (I5).
    LateMoneyBack,
    /// No more goes back than came (I5).
    RefundWithinCapture,
}

impl Guard {
    #[cfg(test)]
    pub const ALL: [Guard; 23] = [
        Guard::StockInActor,
        Guard::StockInStore,
        Guard::ReservationOnce,
        Guard::NextVersion,
        Guard::SettleBeforeLoad,
        Guard::SettleBeforeSuccessor,
        Guard::FreshRow,
        Guard::ForgetAfterFailure,
        Guard::SettleBeforePassivation,
        Guard::AnswerWhenDurable,
        Guard::AnswerBehindWrite,
        Guard::Sync,
        Guard::OneTurn,
        Guard::AnswerWithEffect,
        Guard::LookAfterDoubt,
        Guard::OneRequest,
        Guard::CartStandsStill,
        Guard::PriceOfTheMoment,
        Guard::HoldsLapse,
        Guard::Sweeping,
        Guard::VoidBeforeEnd,
        Guard::LateMoneyBack,
        Guard::RefundWithinCapture,
    ];

    /// Whether it stands.
    #[cfg(not(test))]
    #[inline(always)]
    pub const fn stands(self) -> bool {
        true
    }
}

#[cfg(test)]
mod taken_out {
    use super::Guard;
    use std::cell::Cell;

    thread_local! {
        static TAKEN_OUT: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    impl Guard {
        pub fn stands(self) -> bool {
            TAKEN_OUT.get() != Some(self)
        }

        /// Takes the guard out of what this thread does, for as long as `run` takes.
        pub fn without<T>(self, run: impl FnOnce() -> T) -> T {
            struct PutBack;
            impl Drop for PutBack {
                fn drop(&mut self) {
                    TAKEN_OUT.set(None);
                }
            }
            TAKEN_OUT.set(Some(self));
            let _put_back = PutBack;
            run()
        }
    }
}
