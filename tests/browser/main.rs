//! Shoppers' ways through the shop, in a real browser: with scripts, without, and by keyboard alone.
//!
//! They run where `MERCAT_TEST_BROWSER` holds the command of a WebDriver for Chromium, as in `.ci/run`
//! (Debian's packages `chromium` and `chromium-driver`); elsewhere they say that they were skipped.
//! Each has a demo shop of its own.

mod browser;
mod buying;
mod demo;
mod keys;
mod looking;
mod members;
mod once;
mod stock;
