//! Journeys through the shop, over HTTP: one file per area, each against a whole shop of its own.

mod front;
mod testshop;
