//! Mercat: a whole shop in one binary. `ARCHITECTURE.md` has the map.

pub mod actors;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod imports;
pub mod media;
pub mod payments;
pub mod search;
pub mod shop;
pub mod storage;
pub mod telemetry;
pub mod verify;
