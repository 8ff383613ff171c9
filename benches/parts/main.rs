//! The parts that a request is made of, each alone: what one call of it costs in processor time.
//!
//! Nothing in here touches a disk or a socket, so the figures are steady and small; they say where
//! the time of a request goes, and which change moved it. One thread each, as a shard or a handler
//! runs them.
//!
//! `cargo bench --bench parts`, or some of them: `cargo bench --bench parts -- pricing codec`.
//! `search` builds an index of 100,000 products first, which takes a minute.

#[path = "../ground/mod.rs"]
mod ground;

mod checkout;
mod codec;
mod goods;
mod imports;
mod json;
mod money;
mod search;

fn main() {
    divan::main();
}
