//! Virtual actors: every cart, order and SKU is an address with its own state, one message at a
//! time, woken by its first message and asleep when idle.
//!
//! They live in a few shards; services beside them own what is one of a kind. Actors run ahead of
//! the disk, replies do not: see [`ask`] and [`slots`] for how that is kept.

pub mod ask;
pub mod clock;
pub mod env;
mod entity;
mod slots;
pub(crate) mod address;
pub mod shard;
pub mod directory;
pub mod settle;
pub(crate) mod providers;
pub(crate) mod outside;
pub mod cart;
pub mod sku;
pub mod order;
pub mod desk;
pub mod catalog;
mod supervisor;
pub mod engine;
pub mod keys;
pub mod merchant;
pub mod turn;
pub mod accounts;
mod password;
mod hashing;
pub mod pools;
pub mod reads;
pub mod jobs;
pub mod consumers;
pub mod recovery;
pub mod pictures;

#[cfg(test)]
pub(crate) mod tests;
