//! What reacts to the log, each at its own pace from its own durable cursor; one file a consumer.
//!
//! Each sees every event at least once and in order, so what it does must be idempotent.

pub mod mail;
pub mod search;
