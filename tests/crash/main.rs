//! Pulls the plug, fills the disk and stops the clock on the real program, and compares its books with
//! what it had promised to the outside.
//!
//! Everything in here runs `mercat serve` as a merchant does and talks to it over HTTP. What it
//! acknowledged is kept by the test ([`ledger`]), so a shop that lost something cannot agree with
//! itself about it. `docs/reliability.md` says what is promised and how to run more of it.

mod chance;
mod program;
mod buyers;
mod ledger;
mod kills;
mod disk;
mod power;
#[cfg(debug_assertions)]
mod failpoints;
mod faults;
mod system;
