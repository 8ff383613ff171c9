//! What is fuzzed: everything that reads bytes from outside, or from a disk that may be damaged.
//!
//! Each target is a plain function over bytes, `check`, that panics where something that must always
//! hold does not. The binaries in `fuzz_targets` hand them to libFuzzer; `tests/fuzz.rs` of the shop
//! runs the same functions over the kept corpora and some thousands of mutations, on stable and with
//! nothing to install. All of it goes through what the shop's crate shows anyway, so nothing is opened
//! for fuzzing's sake.

pub mod bodies;
pub mod csv;
pub mod framing;
pub mod headers;
pub mod html;
pub mod ids;
pub mod money;
pub mod queries;
pub mod records;
pub mod search;

/// A target: its name, which is that of its corpus, what it does, and how many mutations of the
/// corpus are tried on stable: about a second's worth without optimization.
pub struct Target {
    pub name: &'static str,
    pub check: fn(&[u8]),
    pub tries: usize,
}

pub const TARGETS: &[Target] = &[
    Target { name: "bodies", check: bodies::check, tries: 10_000 },
    Target { name: "csv", check: csv::check, tries: 1_000 },
    Target { name: "framing", check: framing::check, tries: 20_000 },
    Target { name: "headers", check: headers::check, tries: 10_000 },
    Target { name: "html", check: html::check, tries: 1_000 },
    Target { name: "ids", check: ids::check, tries: 20_000 },
    Target { name: "money", check: money::check, tries: 20_000 },
    Target { name: "queries", check: queries::check, tries: 5_000 },
    Target { name: "records", check: records::check, tries: 20_000 },
    Target { name: "search", check: search::check, tries: 1_000 },
];
