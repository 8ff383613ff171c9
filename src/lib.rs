//! Mercat: a whole shop in one binary. `ARCHITECTURE.md` has the map.

pub mod actors;
pub mod backup;
pub mod bench;
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(debug_assertions)]
pub mod failpoints;
pub mod http;
pub mod identity;
pub mod imports;
pub mod media;
pub mod notify;
pub mod payments;
pub mod search;
pub mod secrets;
pub mod shop;
pub mod simulate;
pub mod storage;
pub mod telemetry;
pub mod verify;

/// What an order is made of is allocated by one thread and freed by another, which is where the C
/// library's allocator spends its time: see `benches/README.md` for the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
