//! The API, version 1.

pub mod dto;
mod carts;
mod orders;
pub use carts::checkout_render;
