//! The shop: builds every part once, in an order that leaves nothing half open, and takes it down
//! again.
//!
//! A shop that was opened is ready: unfinished orders have been driven on, so the door may open.

use crate::actors::accounts::throttle::Throttle;
use crate::actors::accounts::{AccountSettings, Accounts};
use crate::actors::ask::Render;
use crate::actors::catalog::{CatalogDesk, Imports, OwnerParts, catalog_service};
use crate::actors::clock::{Clock, Ids};
use crate::actors::consumers::mail::{MailGauge, MailHandle, MailParts, mail_service};
use crate::actors::consumers::search::{Indexed, SearchCell, search_service};
use crate::actors::desk::Desk;
use crate::actors::engine::{Engine, EngineError, EngineParts, Service};
use crate::actors::env::{Env, OrderNumbers, Settings};
use crate::actors::jobs::archiver::archiver_service;
use crate::actors::jobs::janitor::janitor_service;
use crate::actors::jobs::keeper::keeper_service;
use crate::actors::jobs::sweeper::{SweeperHandle, sweeper_service};
use crate::actors::keys::Keys;
use crate::actors::merchant::{MerchantDesk, merchant_service};
use crate::actors::order::{CheckoutRefusal, OrderView};
use crate::actors::pools::{Blocking, PoolError, PoolSizes, Pools};
use crate::actors::reads::Reads;
use crate::actors::recovery::{Recovered, recover};
use crate::actors::shard::Census;
use crate::backup::BackupDesk;
use crate::notify::Notifier;
use crate::notify::letter::Letterhead;
use crate::payments::Providers;
use crate::search::SearchError;
use crate::secrets::Vault;
use crate::storage::{Store, StoreError};
use crate::telemetry::{Figures, KeepingFigures, Telemetry};
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, available_parallelism};
use tokio::sync::{Semaphore, watch};

/// Live streams of events at once: each keeps a connection and up to a page of events.
const MOST_STREAMS: usize = 256;

/// What a shop is made of; the rest it builds itself.
pub struct ShopParts {
    pub store: Arc<dyn Store>,
    /// The keys that belong to that store.
    pub vault: Vault,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub providers: Providers,
    /// Where the search index is kept; without one it is in memory.
    pub index_folder: Option<PathBuf>,
    /// How a checkout's outcome looks to its client.
    pub checkout_answer: Render<OrderView, CheckoutRefusal>,
    /// Without a way, mails wait for the next shop on this store that has one.
    pub post: Option<Post>,
    /// Who takes backups and keeps the archive, if anybody does.
    pub backups: Option<BackupDesk>,
}

/// How mails leave the shop.
pub struct Post {
    pub notifier: Arc<dyn Notifier>,
    pub letterhead: Letterhead,
}

/// Why a shop cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the search index cannot be opened")]
    Search(#[from] SearchError),
    #[error("threads cannot be started")]
    Threads(#[from] io::Error),
    #[error("a pool of threads cannot be used")]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An open shop.
pub struct Shop {
    pub env: Arc<Env>,
    pub reads: Arc<Reads>,
    pub engine: Engine,
    pub keys: Keys,
    pub accounts: Accounts,
    pub vault: Vault,
    /// Slows whoever guesses passwords or codes.
    pub throttle: Throttle,
    pub search: Arc<SearchCell>,
    pub catalog: CatalogDesk,
    pub merchant: MerchantDesk,
    pub imports: Imports,
    pub sweeper: SweeperHandle,
    /// Where mails leave the shop, if they do.
    pub mails: Option<MailHandle>,
    /// Who takes backups and keeps the archive, if anybody does.
    pub backups: Option<BackupDesk>,
    /// Threads for what blocks or computes for long.
    pub blocking: Blocking,
    pub recovered: Recovered,
    pub telemetry: Arc<Telemetry>,
    /// Places for live streams of events; each that is open holds one.
    pub streams: Arc<Semaphore>,
    /// The last event that the search index has looked at.
    indexed: Indexed,
    mail_gauge: MailGauge,
    closing: watch::Sender<bool>,
    /// Empty once the shop is closed.
    pools: Mutex<Option<Pools>>,
}

impl Shop {
    /// Opens the shop on its store and brings what was under way to an end.
    pub async fn open(parts: ShopParts) -> Result<Shop, ShopError> {
        let ShopParts {
            store,
            vault,
            settings,
            clock,
            providers,
            index_folder,
            checkout_answer,
            post,
            backups,
        } = parts;
        let cores = available_parallelism().map_or(2, usize::from);
        let (own, now) = (Arc::clone(&store), clock.now());
        let keys = thread::spawn(move || Keys::load(own, now));
        let reads =
            Arc::new(Reads::load(Arc::clone(&store), &vault)?.with_defaults(settings.shop.clone()));
        let keys = keys.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        #[cfg(debug_assertions)]
        crate::failpoints::pass("models-loaded");
        let mut pools = Pools::start(PoolSizes::for_cores(cores), Arc::clone(&store))?;
        let env = Arc::new(Env {
            settings,
            ids: Ids::new(Arc::clone(&clock)),
            vault: vault.clone(),
            clock: Arc::clone(&clock),
            catalog: Arc::clone(&reads.catalog),
            providers,
            order_numbers: OrderNumbers::after(reads.orders.highest_number()),
            checkout_answer: checkout_answer.clone(),
        });
        let (owed, witness) = (keys.owed(), keys.clone());
        let (search, indexed, indexing) =
            search_service(&mut pools, Arc::clone(&reads), index_folder)?;
        let engine_parts = EngineParts {
            env: Arc::clone(&env),
            store: Arc::clone(&store),
            reads: Arc::clone(&reads),
            readers: pools.readers(),
            witness: Box::new(move |group| witness.settled_with(group)),
            shards: cores,
        };
        let throttle = Throttle::new(Arc::clone(&clock));
        let account_settings =
            AccountSettings { sessions: env.settings.sessions, ..AccountSettings::default() };
        let accounts = Accounts::new(
            Arc::clone(&store),
            pools.secrets(),
            vault.clone(),
            Arc::clone(&clock),
            account_settings,
        );
        let (own_env, own_reads, own_keys) = (Arc::clone(&env), Arc::clone(&reads), keys.clone());
        let own_vault = vault.clone();
        let own_backups = backups.clone();
        let (engine, (sweeper, catalog, merchant, imports, (mails, mail_gauge))) =
            Engine::start(engine_parts, |committer, directory| {
                let ids = own_env.ids.clone();
                let desk = Desk::new(directory.clone(), ids.clone());
                let parts = OwnerParts {
                    reads: own_reads,
                    clock: Arc::clone(&clock),
                    ids: ids.clone(),
                    committer: committer.clone(),
                };
                let posting = post.map(|Post { notifier, letterhead }| {
                    mail_service(MailParts {
                        reads: Arc::clone(&parts.reads),
                        accounts: accounts.clone(),
                        vault: own_vault,
                        committer: committer.clone(),
                        clock: Arc::clone(&clock),
                        ids,
                        notifier,
                        letterhead,
                    })
                });
                let (catalog, owning) = catalog_service(parts.clone());
                let (merchant, saying) = merchant_service(parts.clone());
                let imports = Imports::new(catalog.clone(), desk, &parts);
                let (sweeper, sweeping) =
                    sweeper_service(Arc::clone(&store), directory.clone(), Arc::clone(&clock));
                let tidying = janitor_service(own_keys, Arc::clone(&clock), committer.clone());
                let keeping = own_backups.into_iter().flat_map(|desk| {
                    let archiving = archiver_service(desk.clone(), committer.clone());
                    [keeper_service(desk, Arc::clone(&clock)), archiving]
                });
                let keeping: Vec<Service> = keeping.collect();
                let accounts = accounts.service(committer);
                let mut services = vec![indexing, sweeping, tidying, owning, saying, accounts];
                services.extend(keeping);
                let (mails, mail_gauge, posting) = match posting {
                    Some((mails, gauge, posting)) => (Some(mails), gauge, Some(posting)),
                    None => (None, MailGauge::default(), None),
                };
                services.extend(posting);
                ((sweeper, catalog, merchant, imports, (mails, mail_gauge)), services)
            })
            .await?;
        let recovered = recover(&*store, &engine.directory, owed, checkout_answer, &vault).await?;
        let own = Arc::clone(&reads);
        tokio::task::spawn_blocking(move || own.orders.mark_all());
        Ok(Shop {
            env,
            reads,
            engine,
            keys,
            accounts,
            vault,
            throttle,
            search,
            catalog,
            merchant,
            imports,
            sweeper,
            mails,
            backups,
            blocking: pools.blocking(),
            recovered,
            telemetry: Arc::default(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            indexed,
            mail_gauge,
            closing: watch::Sender::new(false),
            pools: Mutex::new(Some(pools)),
        })
    }

    /// The shop's figures of this moment, with what its shards reported.
    pub fn figures(&self, census: Census) -> Figures {
        let last_event = self.reads.last_seq().borrow().0;
        let mails = self.mail_gauge.figures();
        Figures {
            waiting: self.engine.committer.waiting(),
            carts: census.carts,
            orders: census.orders,
            skus: census.skus,
            entity_bytes: census.bytes,
            restarts: self.engine.restarts(),
            last_event,
            index_lag: last_event.saturating_sub(self.indexed.last().0),
            mails_waiting: mails.waiting,
            mails_sent: mails.sent,
            mails_given_up: mails.given_up,
            mails_held_up: mails.is_down,
            streams: MOST_STREAMS - self.streams.available_permits(),
            keeping: self.backups.as_ref().map(keeping_figures).unwrap_or_default(),
            healthy: self.engine.committer.is_healthy(),
        }
    }

    /// Tells whoever waits for news (live streams) that the shop is about to close.
    pub fn begin_closing(&self) {
        self.closing.send_replace(true);
    }

    /// Whether the shop is about to close; changes once.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Takes no more work, brings what is under way to the disk, and ends every part.
    pub async fn close(&self) {
        self.engine.clone().stop().await;
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pools) = pools else { return };
        if tokio::task::spawn_blocking(move || pools.stop()).await.is_err() {
            tracing::error!("the pools of threads did not end cleanly");
        }
    }
}

fn keeping_figures(desk: &BackupDesk) -> KeepingFigures {
    let standing = desk.standing();
    KeepingFigures {
        is_planned: standing.is_planned,
        backup_taken_at_ms: standing.taken_at.map(|at| at.as_millis()),
        backup_failing: standing.is_failing,
        is_archiving: standing.is_archiving,
        archive_failing: standing.archive_is_failing,
        archive_waiting: standing.archive_waiting,
        damage_found: standing.is_damaged,
    }
}
