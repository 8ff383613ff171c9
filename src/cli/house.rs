//! Opening a shop from a data folder and its settings, as every command does.

use super::SettingsArgs;
use super::first_start::make_data_file;
use crate::actors::clock::{Clock, SystemClock};
use crate::backup::{BackupDesk, BackupError, advice, desk::switch_archive};
use crate::config::{Config, MailWay};
use crate::domain::settings::LONGEST_NAME;
use crate::http::api::checkout_render;
use crate::http::list::PublicUrl;
use crate::media::{Folder, MediaStore};
use crate::notify::Notifier;
use crate::notify::folder::Folder as MailFolder;
use crate::notify::letter::Letterhead;
use crate::notify::smtp::{Password as SmtpPassword, Smtp};
use crate::payments::manual::ManualProvider;
use crate::payments::test::{TestProvider, TestSettings};
use crate::payments::{PaymentProvider, Providers};
use crate::secrets::{KeySource, SecretsError, Vault};
use crate::shop::{Post, Shop, ShopParts};
use crate::storage::{RedbStore, Store, StoreError};
use crate::verify::VerifyError;
use anyhow::Context;
use std::env;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// An open shop with what is around it.
pub(super) struct House {
    pub shop: Arc<Shop>,
    pub config: Config,
    /// The `test` provider, where it takes play money.
    pub test: Option<Arc<TestProvider>>,
    pub public_url: PublicUrl,
    pub media: Arc<dyn MediaStore>,
    pub backups: BackupDesk,
}

/// Whether a command sends the mails that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mails {
    Send,
    /// They wait for `serve`, which knows how.
    Leave,
}

/// The settings of a file, with those of the command line and the environment over them.
pub(super) fn config(args: &SettingsArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    config.public_url = args.public_url.clone().or(config.public_url);
    if let Some(currency) = &args.currency {
        config.currency.clone_from(currency);
    }
    config.payments.test = args.test_payments.unwrap_or(config.payments.test);
    config.rates.on = rate_limits(config.rates.on)?;
    config.limits.write_wait_ms = write_wait_ms(config.limits.write_wait_ms)?;
    for provider in &mut config.identity {
        let secret = env::var(provider.secret_variable()).ok().filter(|secret| !secret.is_empty());
        provider.client_secret = secret.map(Into::into).or(provider.client_secret.take());
    }
    if let Some(server) = &mut config.mail.smtp {
        let password = env::var("MERCAT_SMTP_PASSWORD").ok().filter(|set| !set.is_empty());
        server.password = password.map(SmtpPassword::new).or(server.password.take());
    }
    Ok(config)
}

/// Where the key of the shop in `folder` is, as the environment says.
pub(super) fn key_source(folder: &Path) -> Result<KeySource, SecretsError> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let key = set("MERCAT_KEY").map(|key| key.to_string_lossy().into_owned());
    let file = set("MERCAT_KEY_FILE");
    KeySource::choose(folder, key.as_deref(), file.as_deref().map(Path::new))
}

/// `MERCAT_RATE_LIMITS`, or else what the settings say.
pub(super) fn rate_limits(configured: bool) -> anyhow::Result<bool> {
    match std::env::var("MERCAT_RATE_LIMITS").as_deref() {
        Err(_) | Ok("") => Ok(configured),
        Ok("on") => Ok(true),
        Ok("off") => Ok(false),
        Ok(_) => anyhow::bail!("MERCAT_RATE_LIMITS must be on or off"),
    }
}

/// `MERCAT_WRITE_WAIT_MS`, or else what the settings say.
fn write_wait_ms(configured: u32) -> anyhow::Result<u32> {
    match std::env::var("MERCAT_WRITE_WAIT_MS").as_deref() {
        Err(_) | Ok("") => Ok(configured),
        Ok(set) => set.parse().context("MERCAT_WRITE_WAIT_MS must be a number of milliseconds"),
    }
}

/// Opens the shop in `folder`; `fallback_url` is its address where none is configured.
pub(super) async fn open(
    folder: &Path,
    config: Config,
    fallback_url: &str,
    mails: Mails,
) -> anyhow::Result<House> {
    open_at(folder, config, fallback_url, Arc::new(SystemClock), mails).await
}

/// As [`open`], by another clock.
pub(super) async fn open_at(
    folder: &Path,
    config: Config,
    fallback_url: &str,
    clock: Arc<dyn Clock>,
    mails: Mails,
) -> anyhow::Result<House> {
    let mut settings = config.settings()?;
    let public_url = config.public_url.clone().unwrap_or_else(|| fallback_url.to_owned());
    let public_url: PublicUrl = public_url.parse().context("setting public_url")?;
    if config.shop.name.is_none() {
        settings.shop.name = public_url.host().chars().take(LONGEST_NAME).collect();
    }
    super::backup::refuse_backup(folder)?;
    let plan = config.keeping()?;
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let unopened = || format!("the shop in {} cannot be opened", folder.display());
    fs::create_dir_all(folder).with_context(unopened)?;
    make_data_file(folder).with_context(unopened)?;
    let store = RedbStore::open(folder, config.memory.cache_mb << 20)
        .with_context(unopened)
        .map_err(|error| with_advice(folder, error))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let key = key_source(folder)?;
    let vault = Vault::unlock(&*store, &key)?;
    #[cfg(debug_assertions)]
    crate::failpoints::pass("vault-opened");
    // Only the shop itself begins or ends an archive; every command goes on with it.
    if mails == Mails::Send {
        switch_archive(&*store, plan.archive.is_some())?;
    }
    let key_file = match &key {
        KeySource::File(file) => Some(file.path().to_owned()),
        KeySource::Given(_) => None,
    };
    let backups = BackupDesk::new(Arc::clone(&store), folder, key_file, plan);
    let mut providers: Vec<Arc<dyn PaymentProvider>> = vec![Arc::new(ManualProvider)];
    let mut test = None;
    if config.payments.test {
        let settings = TestSettings::new(public_url.to_string());
        let provider =
            Arc::new(TestProvider::open(folder, settings).context("the test provider's ledger")?);
        providers.push(Arc::clone(&provider) as Arc<dyn PaymentProvider>);
        test = Some(provider);
    }
    let media = Folder::open(&folder.join("media")).context("the folder of pictures")?;
    keep_names(folder, &missing).context("the data folder cannot be written to the disk")?;
    let post = match mails {
        Mails::Send => post(&config, &settings.shop.name, &public_url)?,
        Mails::Leave => None,
    };
    let parts = ShopParts {
        store,
        vault,
        settings,
        clock,
        providers: Providers::new(providers),
        index_folder: Some(folder.join("search")),
        checkout_answer: checkout_render("/v1/carts".into()),
        post,
        backups: (mails == Mails::Send).then(|| backups.clone()),
    };
    let opened = Shop::open(parts).await;
    let shop = Arc::new(opened.map_err(|error| with_advice(folder, error.into()))?);
    Ok(House { shop, config, test, public_url, media: Arc::new(media), backups })
}

/// An error about the data in `folder`, with what to do where they are damaged.
pub(super) fn with_advice(folder: &Path, error: anyhow::Error) -> anyhow::Error {
    let is_damage = |error: &StoreError| {
        matches!(
            error,
            StoreError::Damaged { .. } | StoreError::DamagedRow { .. } | StoreError::Codec(_)
        )
    };
    let is_damaged = error.chain().any(|cause| {
        let of_verify = cause.downcast_ref::<VerifyError>();
        let of_backup = cause.downcast_ref::<BackupError>();
        cause.downcast_ref::<StoreError>().is_some_and(is_damage)
            || matches!(of_verify, Some(VerifyError::Damaged { .. }))
            || matches!(of_backup, Some(BackupError::Store(error)) if is_damage(error))
    });
    if is_damaged { anyhow::anyhow!("{error:#}; {}", advice(folder)) } else { error }
}

/// Makes the names of what was made in `folder` durable, and those of the folders that were missing:
/// a power cut takes what is in a synced file all the same where it takes the file's name.
fn keep_names(folder: &Path, missing: &[&Path]) -> io::Result<()> {
    let parents = missing.iter().filter_map(|made| made.parent());
    for folder in parents.chain([folder]) {
        let here = folder.as_os_str().is_empty();
        File::open(if here { Path::new(".") } else { folder })?.sync_all()?;
    }
    Ok(())
}

/// How mails leave the shop, if they do.
fn post(config: &Config, shop: &str, public_url: &PublicUrl) -> anyhow::Result<Option<Post>> {
    let Some(way) = config.mail.way(shop, public_url.host())? else { return Ok(None) };
    let notifier: Arc<dyn Notifier> = match way {
        MailWay::Smtp(settings) => Arc::new(Smtp::new(settings).context("setting mail.smtp")?),
        MailWay::Folder { path, sender } => {
            Arc::new(MailFolder::open(&path, sender).context("setting mail.folder")?)
        }
    };
    let letterhead = Letterhead { shop: shop.to_owned(), public_url: public_url.to_string() };
    Ok(Some(Post { notifier, letterhead }))
}
