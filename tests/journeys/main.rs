//! Journeys through the shop, over HTTP: one file per area, each against a whole shop of its own.

mod catalog;
mod front;
mod imports;
mod search;
mod testshop;
mod retail;
