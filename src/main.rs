//! The `mercat` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    mercat::cli::run()
}
