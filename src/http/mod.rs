//! The front door: HTTP in, typed commands to the actors, answers out.
//!
//! Input is read strictly and refused with every fault at once; the OpenAPI document that describes
//! it is the very thing that checks it. Bodies (`api::dto`) belong here alone: `domain` knows no
//! JSON, so a change of an answer never moves a stored byte.

pub mod api;
pub mod storefront;
pub mod body;
pub mod docs;
pub mod etag;
pub mod idempotency;
pub mod json;
pub mod layers;
pub mod limits;
pub mod list;
pub mod openapi;
pub mod parse;
pub mod problem;
pub mod schema;
pub mod access;
pub mod app;
pub mod texts;
pub mod kept;
pub mod keyed;
pub mod router;
pub mod server;
pub mod tls;
pub mod settings;
pub mod door;
pub mod conn;
pub mod client;
pub mod rates;
pub mod admission;
pub mod pace;
pub mod headers;
pub mod cors;
pub mod cookie;
pub mod csrf;
