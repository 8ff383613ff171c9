//! Load: connections that send one journey after another, by a clock or as fast as they are answered.
//!
//! It shares a machine with the shop that it measures, so it does little: threads with a runtime of
//! their own each, requests that are ready but for a few bytes, answers that are read and not
//! parsed. In **open-loop** load a journey is due at a moment that does not depend on the shop; its
//! first request's latency counts from then, also where every connection was busy and it had to
//! wait here (no coordinated omission). In **closed-loop** load each connection goes on as soon as it
//! is answered, which finds the ceiling and says nothing about waiting.
//!
//! Where it is starved of the machine's processors, answers wait here until they are looked at. How long
//! that may be is noted beside them: each thread looks at how late it comes to what is due.

mod arrivals;
mod drive;
mod recorder;
mod visitor;
mod wire;

pub use arrivals::{Arrivals, Shape};
pub use drive::{Drive, Driven, Lateness, LoadError, Slice, drive};
#[cfg(test)]
pub use recorder::Verdict;
pub use recorder::{Kind, Noted, Recorder, Tally};
pub use visitor::{Fate, Visitor};
pub use wire::{Answer, Target, Whole, Wire};
