//! Backups, restores and damaged data, with the real program on real folders.

mod damage;
mod drill;
mod program;
mod rows;
mod settings;
mod through_time;
