//! Connections, before any request on them is looked at: how many there may be, how long they may
//! stay silent, and how they frame what they send.
//!
//! hyper reads the requests; what it does not bound, or reads more kindly than the shop wants, is
//! kept here. What a request asks for is no concern of this part.

mod framing;
mod places;
mod watched;

pub use framing::{Framing, Seen};
pub use places::{Place, Places};
pub use watched::{Connection, UnderWay, Watched};
