//! `mercat serve`: the shop, until it is told to stop.

use super::ServeArgs;
use super::house::{self, House, Mails};
use crate::actors::pictures::Pictures;
use crate::actors::pools::Password;
use crate::http::api::oidc::callback_path;
use crate::http::app::App;
use crate::http::router::front;
use crate::http::server::Server;
use crate::http::tls::Tls;
use crate::identity::SignIns;
use anyhow::Context;
use std::env;
use tokio::signal::unix::{SignalKind, signal};

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let config = house::config(&args.settings)?;
    let mut server = bind(args.listen)?;
    let tls = config.tls.settings(&args.data.data)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://{}", server.address()?);
    if let Some(tls) = tls {
        server = server.with_tls(Tls::open(tls).await.context("setting tls")?);
    }
    if config.payments.test {
        tracing::warn!("TEST PAYMENTS ARE ON: orders can be paid with play money such as tok_visa");
    }
    let house = house::open(&args.data.data, config, &address, Mails::Send).await?;
    if house.shop.mails.is_none() {
        tracing::warn!("no mail server is set (mail.smtp): mails wait until one is");
    }
    first_admin(&house).await?;
    println!("The shop is open at {}", house.public_url);
    open_door(house, server).await
}

pub(super) fn bind(address: std::net::SocketAddr) -> anyhow::Result<Server> {
    Server::bind(address)
        .with_context(|| format!("cannot listen on {address}; choose another with --listen"))
}

/// Serves until the process is told to stop, then closes the shop.
pub(super) async fn open_door(house: House, server: Server) -> anyhow::Result<()> {
    let House { shop, config, test, public_url, media } = house;
    let settings = config.door()?;
    if settings.rates.is_none() {
        tracing::warn!("RATE LIMITS ARE OFF: anybody may ask as often as they like");
    }
    let pictures = Pictures::new(media, shop.blocking.clone());
    let upload_bytes = config.limits.upload_bytes;
    let sign_ins = SignIns::open(&config.identity, |id| public_url.join(&callback_path(id)))?;
    let app = App { shop: shop.clone(), public_url, pictures, test, upload_bytes, sign_ins };
    let front = front(app, settings)?;
    let stopper = server.stopper();
    let mut terminate = signal(SignalKind::terminate())?;
    let closing = shop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("closing: requests under way are finished");
        closing.begin_closing();
        stopper.stop();
    });
    server.serve(front).await?;
    shop.close().await;
    Ok(())
}

/// Makes the first administrator from the environment, where there is no staff yet.
async fn first_admin(house: &House) -> anyhow::Result<()> {
    let given = (env::var("MERCAT_ADMIN_EMAIL"), env::var("MERCAT_ADMIN_PASSWORD"));
    if let (Ok(email), Ok(password)) = given {
        let made = house.shop.accounts.first_admin(&email, Password::from(password)).await;
        made.context("MERCAT_ADMIN_EMAIL and MERCAT_ADMIN_PASSWORD")?;
    } else if !house.shop.accounts.has_staff() {
        tracing::warn!(
            "there is no administrator yet: set MERCAT_ADMIN_EMAIL and MERCAT_ADMIN_PASSWORD, or run mercat admin create"
        );
    }
    Ok(())
}
