//! Journeys through the shop, over HTTP: one file per area, each against a whole shop of its own.

mod access;
mod account;
mod attacks;
mod auth;
mod browser;
mod carts;
mod catalog;
mod checkout;
mod checkout_page;
mod faults;
mod feeds;
mod flood;
mod front;
mod goods;
mod imports;
mod inventory;
mod letters;
mod machines;
mod mail;
mod mailserver;
mod realmail;
mod manner;
mod merge;
mod hostile;
mod limits;
mod live;
mod logins;
mod openapi;
#[cfg(feature = "oidc")]
mod oidc;
#[cfg(feature = "oidc")]
mod oidc_provider;
mod orders;
mod order_page;
#[cfg(feature = "oidc")]
mod real_oidc;
mod own;
mod own_pages;
mod people;
mod pictures;
mod search;
mod settings;
mod text_pages;
mod raw;
mod retries;
mod staff;
mod storefront;
mod testshop;
mod totp;
mod tokens;
mod retail;
mod timing;
mod users;
mod visitor;
mod tls;
mod walk;
