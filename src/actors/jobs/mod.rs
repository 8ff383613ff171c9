//! What the shop does by itself from time to time; one file a job.

pub mod sweeper;
pub mod janitor;
pub mod keeper;
pub mod archiver;
