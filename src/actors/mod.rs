//! Virtual actors and the services beside them.

pub mod reads;
