//! `mercat demo`: a full shop with sample data, one command and no network.
//!
//! The sample catalog and its pictures are part of the binary; the past is made by driving the real
//! shop through it: products come into the range day by day, and every order is a cart and a
//! checkout by the shop's own rules, with the clock set back.

mod catalog;
mod past;

use self::catalog::About;
use super::house::{self, Mails};
use super::serve::{Ending, bind, open_door};
use crate::actors::clock::{Clock, SystemClock, TravelClock};
use crate::actors::pools::Password;
use crate::config::{Capture, Config, Payments, Rates, RatesRow, Storefront, Tax, TaxRow};
use crate::domain::Span;
use crate::domain::staff::Role;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

const ADMIN: (&str, &str) = ("admin@example.com", "demo-admin-password");
const STAFF: (&str, &str) = ("staff@example.com", "demo-staff-password");

pub(super) async fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let server = bind(listen)?;
    let address = format!("http://{}", server.address()?);
    let folder = tempfile::Builder::new().prefix("mercat-demo-").tempdir();
    let folder = folder.context("no temporary folder can be made")?;
    let catalog = catalog::read()?;
    let clock =
        Arc::new(TravelClock::at(SystemClock.now().minus(Span::days(catalog.oldest() + 1))));
    let mut config = config(&catalog.shop);
    config.rates.on = house::rate_limits(config.rates.on)?;
    let mails = folder.path().join("mail");
    config.mail.folder = Some(mails.clone());
    let house = house::open_at(folder.path(), config, &address, clock.clone(), Mails::Send).await?;
    let staff = hire(&house);
    let stocked = past::units_sold(&catalog);
    catalog::fill(&house.shop, &catalog, &clock, &stocked).await?;
    past::relive(&house.shop, &catalog, &clock).await?;
    clock.come_home();
    staff.await??;
    let ending = Ending::heard_from_now_on()?;
    let reads = &house.shop.reads;
    println!(
        "{name}, a demo shop: {products} products, {orders} past orders\n\
         \n  Shop          {address}/\
         \n  API           {address}/v1/products\
         \n  API reference {address}/docs\
         \n  Health        {address}/readyz\
         \n\
         \n  admin  {admin}  {admin_password}\
         \n  staff  {staff}  {staff_password}\
         \n\
         \n  Cards  tok_visa  tok_declined  tok_timeout  tok_action\
         \n  Mails  {mails}\
         \n  Data   {folder} (removed at the end)\
         \n\
         \nStop it with Ctrl-C.",
        name = catalog.shop.name,
        products = reads.catalog.load().len(),
        orders = reads.orders.len(),
        admin = ADMIN.0,
        admin_password = ADMIN.1,
        staff = STAFF.0,
        staff_password = STAFF.1,
        mails = mails.display(),
        folder = folder.path().display(),
    );
    open_door(house, server, ending).await
}

/// Hashing takes its time, so the staff is hired while the catalog is filled.
fn hire(house: &house::House) -> JoinHandle<anyhow::Result<()>> {
    let accounts = house.shop.accounts.clone();
    tokio::spawn(async move {
        for ((email, password), role) in [(ADMIN, Role::Admin), (STAFF, Role::Staff)] {
            let password = Password::from(password.to_owned());
            accounts.create_staff(email, password, role).await?;
        }
        Ok(())
    })
}

/// Collections on the front page.
const FEATURED: [&str; 3] = ["winter-warmers", "coffee-corner", "one-night-out"];

/// A shop in Oregon (which has no sales tax) that sends to places that have one.
fn config(shop: &About) -> Config {
    let rate = |country: &str, region: Option<&str>, percent: &str| TaxRow {
        country: country.into(),
        region: region.map(Into::into),
        percent: percent.into(),
    };
    Config {
        shop: Storefront {
            name: Some(shop.name.clone()),
            tagline: shop.tagline.clone(),
            announcement: Some("Free delivery on orders over $50".into()),
            featured_collections: FEATURED.map(String::from).to_vec(),
            contact_email: Some("hello@example.com".into()),
            ..Storefront::default()
        },
        currency: shop.currency.clone(),
        tax: Tax {
            home_country: Some("US".into()),
            home_region: Some("OR".into()),
            rates: vec![
                rate("US", Some("CA"), "7.25"),
                rate("US", Some("NY"), "4"),
                rate("US", Some("WA"), "6.5"),
                rate("US", Some("TX"), "6.25"),
            ],
            ..Tax::default()
        },
        // Enough for scripts and storefronts in the making, on the machine of whoever tries it.
        rates: Rates {
            address: RatesRow {
                read: Some(12_000),
                write: Some(6_000),
                auth: Some(120),
                checkout: Some(1_200),
            },
            ..Rates::default()
        },
        payments: Payments { test: true, capture: Capture::AtOnce, ..Payments::default() },
        ..Config::default()
    }
}
