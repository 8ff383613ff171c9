//! Virtual actors and the services beside them.

pub mod ask;
pub mod clock;
pub mod pools;
pub mod reads;
