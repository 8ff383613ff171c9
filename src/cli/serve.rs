//! `mercat serve`: the shop, until it is told to stop.

use super::house::{self, House, Mails};
use super::{ServeArgs, control};
use crate::actors::pictures::Pictures;
use crate::actors::pools::Password;
use crate::http::api::oidc::callback_path;
use crate::http::app::App;
use crate::http::kept::Answers;
use crate::http::router::front;
use crate::http::server::Server;
use crate::http::texts::Texts;
use crate::http::tls::Tls;
use crate::identity::SignIns;
use anyhow::{Context, bail};
use rustix::process::{Resource, getrlimit};
use std::env;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    enough_files()?;
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
    if let Err(error) = control::listen(&args.data.data, house.backups.clone()) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "no backup can be asked for while the shop runs (mercat backup): the socket in the data folder cannot be made; a shorter path may help"
        );
    }
    let ending = Ending::heard_from_now_on()?;
    println!("The shop is open at {}", house.public_url);
    open_door(house, server, ending).await
}

/// The fewest files that a shop opens at once with some visitors in it.
const LEAST_FILES: u64 = 64;

/// Said at the start, where it is one clear line, and not by whichever part finds no file first.
fn enough_files() -> anyhow::Result<()> {
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < LEAST_FILES => bail!(
            "no more than {most} files may be open at once, and a shop needs {LEAST_FILES}; raise the limit (ulimit -n, or LimitNOFILE= of a service)"
        ),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn bind(address: std::net::SocketAddr) -> anyhow::Result<Server> {
    Server::bind(address)
        .with_context(|| format!("cannot listen on {address}; choose another with --listen"))
}

/// The system's ways to tell the program to end. Whoever reads that the shop is open may use one at
/// once, so they are listened to before that is said.
pub(super) struct Ending {
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    pub(super) fn heard_from_now_on() -> io::Result<Ending> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Ending { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn asked_for(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until the process is told to stop, then closes the shop.
pub(super) async fn open_door(
    house: House,
    server: Server,
    mut ending: Ending,
) -> anyhow::Result<()> {
    let House { shop, config, test, public_url, media, backups } = house;
    let settings = config.door()?;
    if settings.rates.is_none() {
        tracing::warn!("RATE LIMITS ARE OFF: anybody may ask as often as they like");
    }
    let pictures = Pictures::new(media, shop.blocking.clone());
    let upload_bytes = config.limits.upload_bytes;
    let sign_ins = SignIns::open(&config.identity, |id| public_url.join(&callback_path(id)))?;
    let app = App {
        looks: Arc::default(),
        shop: shop.clone(),
        public_url,
        pictures,
        texts: Texts::default(),
        answers: Answers::new(shop.reads.moment.clone()),
        test,
        upload_bytes,
        sign_ins,
    };
    let front = front(app, settings)?;
    let stopper = server.stopper();
    let closing = shop.clone();
    tokio::spawn(async move {
        ending.asked_for().await;
        tracing::info!("closing: requests under way are finished");
        closing.begin_closing();
        stopper.stop();
    });
    server.serve(front).await?;
    shop.close().await;
    let finished = tokio::task::spawn_blocking(move || backups.finish()).await?;
    finished.context("the archive lacks what came last, which waits in the data file")
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
