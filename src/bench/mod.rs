//! Proof of speed: the load tester behind `mercat bench`, what bounds it, and the report of both.
//!
//! A figure is worth what stands beside it: the machine, the disk's own rate, the command, and
//! whether the books agreed afterwards. All of it is one [`report::Report`], which the terminal's
//! table, the JSON file, the HTML page and `mercat bench compare` read alike.

pub mod limits;
pub mod machine;
pub mod report;
