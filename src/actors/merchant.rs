//! The merchant's owner: the one writer of what is said about the shop as a whole.
//!
//! As the catalog's owner does, it takes one command at a time, decides on what is committed, hands
//! over one batch and waits until that is durable. It is asked a few times a year.

use super::address::Address;
use super::ask::{Ask, AskResult, Refusal};
use super::catalog::OwnerParts;
use super::engine::Service;
use super::reads::{ShownPage, Versioned};
use crate::domain::event::{EntityKey, Fact};
use crate::domain::settings::{SavedSettings, SettingsRejection, ShopSettings};
use crate::domain::text_page::{MOST_PAGES, TextPage, TextPageCommand, TextPageRejection};
use crate::storage::Batch;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;

/// The settings after a command.
pub type SettingsOutcome = Arc<Versioned<SavedSettings>>;

/// A page after a command.
pub type PageOutcome = Arc<ShownPage>;

/// Why the owner says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MerchantRejection {
    #[error(transparent)]
    Settings(#[from] SettingsRejection),
    #[error(transparent)]
    Page(#[from] TextPageRejection),
    #[error("a shop has at most {MOST_PAGES} text pages of its own")]
    TooManyPages,
    /// `If-Match` named another version than the one that is there.
    #[error("it was changed meanwhile: it is at version {found}, not at {expected}")]
    Changed { expected: u64, found: u64 },
}

/// The question and who asks it.
type To<V> = Ask<V, MerchantRejection>;

/// All that the owner is ever asked. `expected` is the version that an `If-Match` names.
pub enum MerchantMessage {
    SaveSettings {
        settings: Box<ShopSettings>,
        expected: Option<u64>,
        ask: To<SettingsOutcome>,
    },
    SavePage {
        handle: String,
        title: String,
        markdown: String,
        expected: Option<u64>,
        ask: To<PageOutcome>,
    },
    DeletePage {
        handle: String,
        expected: Option<u64>,
        ask: To<()>,
    },
}

/// The actor. Its state is all in the store; a restarted one goes on where the last one was.
struct MerchantOwner;

impl Actor for MerchantOwner {
    type Msg = MerchantMessage;
    type State = OwnerParts;
    type Arguments = OwnerParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<MerchantMessage>,
        parts: OwnerParts,
    ) -> Result<OwnerParts, ActorProcessingErr> {
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<MerchantMessage>,
        message: MerchantMessage,
        parts: &mut OwnerParts,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MerchantMessage::SaveSettings { settings, expected, ask } => {
                let mut batch = Batch::new();
                let decided = save_settings(parts, &mut batch, *settings, expected);
                settle(parts, batch, ask, decided).await;
            }
            MerchantMessage::SavePage { handle, title, markdown, expected, ask } => {
                let mut batch = Batch::new();
                let command = TextPageCommand::Save { title, markdown };
                let decided = save_page(parts, &mut batch, &handle, command, expected);
                settle(parts, batch, ask, decided).await;
            }
            MerchantMessage::DeletePage { handle, expected, ask } => {
                let mut batch = Batch::new();
                let decided = delete_page(parts, &mut batch, &handle, expected);
                settle(parts, batch, ask, decided).await;
            }
        }
        Ok(())
    }
}

/// Answers once what was decided is durable, or at once where nothing is to be written.
async fn settle<V: Send + 'static>(
    parts: &OwnerParts,
    mut batch: Batch,
    ask: To<V>,
    decided: Result<V, MerchantRejection>,
) {
    let value = match decided {
        Ok(value) => value,
        Err(rejection) => return ask.reject(rejection),
    };
    let reply = ask.record(value, &mut batch, parts.clock.now()).into_reply();
    if batch.is_empty() {
        // Nothing changes, and what the answer rests on is committed.
        return reply.settle(Ok(()));
    }
    parts.write((batch, reply)).await;
}

fn save_settings(
    parts: &OwnerParts,
    batch: &mut Batch,
    next: ShopSettings,
    expected: Option<u64>,
) -> Result<SettingsOutcome, MerchantRejection> {
    let merchant = parts.reads.merchant.load();
    let current = &merchant.settings;
    check_version(expected, current.version)?;
    let now = parts.clock.now();
    let events = SavedSettings::decide(merchant.saved(), next, now)?;
    let Some(event) = events.into_iter().next() else { return Ok(Arc::clone(current)) };
    let saved = SavedSettings::apply(&event);
    batch.put(EntityKey::Settings, current.version, &saved);
    batch.fact(now, Fact::Settings(event), vec![]);
    Ok(Arc::new(Versioned { value: saved, version: current.version + 1 }))
}

fn save_page(
    parts: &OwnerParts,
    batch: &mut Batch,
    handle: &str,
    command: TextPageCommand,
    expected: Option<u64>,
) -> Result<PageOutcome, MerchantRejection> {
    let merchant = parts.reads.merchant.load();
    let current = merchant.page(handle);
    let version = current.as_ref().map_or(0, |current| current.version);
    check_version(expected, version)?;
    let saved = current.filter(|current| !current.is_default());
    if saved.is_none() && merchant.saved_pages() >= MOST_PAGES {
        return Err(MerchantRejection::TooManyPages);
    }
    let now = parts.clock.now();
    let before = saved.as_ref().map(|saved| &saved.page);
    for event in TextPage::decide(before, handle, command, now)? {
        let Some(page) = TextPage::apply(&event) else { continue };
        batch.put(EntityKey::TextPage(handle.to_owned()), version, &page);
        batch.fact(now, Fact::TextPage(event), vec![]);
        return Ok(Arc::new(ShownPage::new(page, version + 1)));
    }
    // It says so already.
    saved.ok_or(MerchantRejection::Page(TextPageRejection::Unknown))
}

fn delete_page(
    parts: &OwnerParts,
    batch: &mut Batch,
    handle: &str,
    expected: Option<u64>,
) -> Result<(), MerchantRejection> {
    let saved = parts.reads.merchant.load().page(handle).filter(|own| !own.is_default());
    let version = saved.as_ref().map_or(0, |saved| saved.version);
    check_version(expected, version)?;
    let now = parts.clock.now();
    let before = saved.as_ref().map(|saved| &saved.page);
    for event in TextPage::decide(before, handle, TextPageCommand::Delete, now)? {
        batch.remove(EntityKey::TextPage(handle.to_owned()), version);
        batch.fact(now, Fact::TextPage(event), vec![]);
    }
    Ok(())
}

/// What an `If-Match` asks.
fn check_version(expected: Option<u64>, found: u64) -> Result<(), MerchantRejection> {
    match expected.filter(|&expected| expected != found) {
        Some(expected) => Err(MerchantRejection::Changed { expected, found }),
        None => Ok(()),
    }
}

/// Where the front door asks the owner: one method per question. Cheap to clone.
#[derive(Clone)]
pub struct MerchantDesk {
    owner: Address<MerchantMessage>,
}

/// The owner as a service of the supervision tree, and the desk where it is asked.
pub(crate) fn merchant_service(parts: OwnerParts) -> (MerchantDesk, Service) {
    let owner = Address::vacant();
    let desk = MerchantDesk { owner: owner.clone() };
    let started = move |mailbox| owner.install(mailbox);
    (desk, Service::new("merchant's owner", || MerchantOwner, parts, started))
}

impl MerchantDesk {
    pub async fn save_settings(
        &self,
        settings: ShopSettings,
        expected: Option<u64>,
    ) -> AskResult<SettingsOutcome, MerchantRejection> {
        let settings = Box::new(settings);
        self.ask(|ask| MerchantMessage::SaveSettings { settings, expected, ask }).await
    }

    /// Writes a text page; `expected` is the version that an `If-Match` names.
    pub async fn save_page(
        &self,
        handle: String,
        title: String,
        markdown: String,
        expected: Option<u64>,
    ) -> AskResult<PageOutcome, MerchantRejection> {
        self.ask(|ask| MerchantMessage::SavePage { handle, title, markdown, expected, ask }).await
    }

    /// Deletes a text page that was saved.
    pub async fn delete_page(
        &self,
        handle: String,
        expected: Option<u64>,
    ) -> AskResult<(), MerchantRejection> {
        self.ask(|ask| MerchantMessage::DeletePage { handle, expected, ask }).await
    }

    async fn ask<V>(
        &self,
        message: impl FnOnce(To<V>) -> MerchantMessage,
    ) -> AskResult<V, MerchantRejection> {
        let (ask, answer) = Ask::new(None);
        self.owner.send(message(ask));
        answer.await.unwrap_or(Err(Refusal::Unavailable))
    }
}
