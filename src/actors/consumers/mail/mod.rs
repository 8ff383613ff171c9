//! Has mails sent: the first consumer of the log that talks to the outside.
//!
//! A mail is wanted by a fact of its own ([`MailEvent::Wanted`]) or follows from one: an order is
//! confirmed when it is paid, or, where the merchant takes the money by hand, when it is placed. An
//! order that was declined never is, and so is not confirmed; nor is one that was called off before
//! its mail could go. Whoever is invited to the staff hears of that.
//!
//! What has been read of the log and what waits to be sent are written in one commit, so nothing is
//! forgotten; and what an event wants has one name, so nothing is taken in twice, even by a cursor
//! that was set back. That a mail was sent is a fact too. Between the mail
//! server's answer and that fact being durable there is a moment in which a crash has the mail sent
//! again: no program can close it, since the server and this log do not commit together. The repeat
//! has the same Message-ID, by which mail programs recognise it. The same holds for a connection
//! that is lost before the server's answer.
//!
//! A server that is down, or will not let us in, is asked ever more rarely and costs no mail its
//! turn; a mail that is put off (4xx) is tried again ever more rarely for as long as it is worth
//! sending; one that is refused (5xx) is given up. All of it runs beside everything else: nobody
//! waits for a mail server, and at the end of the shop it gets a few seconds.

mod compose;
mod waiting;

use super::super::accounts::Accounts;
use super::super::address::Address;
use super::super::ask::Reply;
use super::super::clock::{Clock, Ids};
use super::super::engine::Service;
use super::super::reads::Reads;
use super::super::settle::Ticket;
use crate::domain::event::{EntityKey, Event, Fact};
use crate::domain::mail::{Addressee, GiveUp, Mail, MailEvent, MailKind, MailState as Stage};
use crate::domain::order::{Collected, OrderEvent};
use crate::domain::staff::StaffEvent;
use crate::domain::{MailId, OrderId, Seq, Timestamp};
use crate::notify::letter::Letterhead;
use crate::notify::{DeliveryError, Notifier};
use crate::secrets::Vault;
use crate::storage::records::WaitingMail;
use crate::storage::table::{seq_key, seq_of};
use crate::storage::{Batch, Committer, StoreError, Stored, Table};
use compose::{Composed, Composer};
use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use waiting::{Door, Waiting};

/// The name of its cursor.
pub const CURSOR: &[u8] = b"mail";

/// How many events are read at once.
const PAGE: usize = 500;

/// How many mails may wait in memory. Beyond them the log is read no further: it is the queue.
const MOST_WAITING: usize = 10_000;

/// Mails that are handed over at the same time.
const MOST_OUT: usize = 4;

/// After how many events the cursor is moved on although none of them wanted a mail.
const STRIDE: u64 = 20_000;

/// The least time between two looks at a log that keeps growing.
const PAUSE: Duration = Duration::from_millis(100);

/// How often it looks whether a mail's time has come.
const TICK: Duration = Duration::from_secs(1);

/// How long a notifier may take; each has shorter limits of its own.
const PATIENCE: Duration = Duration::from_secs(300);

/// What mails under way get at the end of the shop.
const GRACE: Duration = Duration::from_secs(5);

enum MailMessage {
    /// The log has grown, a delivery has ended, or a mail's time may have come.
    Look,
    /// Send everything that is due; `done` is told when nothing is under way any more.
    Round { done: oneshot::Sender<()> },
}

struct MailConsumer;

#[derive(Clone)]
pub struct MailParts {
    pub reads: Arc<Reads>,
    pub accounts: Accounts,
    pub vault: Vault,
    pub committer: Committer<Ticket>,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub notifier: Arc<dyn Notifier>,
    pub letterhead: Letterhead,
}

/// What mails are like at this moment. Cheap to clone.
#[derive(Clone, Default)]
pub struct MailGauge(Arc<Gauge>);

#[derive(Default)]
struct Gauge {
    waiting: AtomicUsize,
    sent: AtomicU64,
    given_up: AtomicU64,
    shut: AtomicBool,
}

/// Figures of [`MailGauge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailFigures {
    /// Mails that wait to be sent.
    pub waiting: usize,
    /// Since the start of the program.
    pub sent: u64,
    /// Since the start of the program.
    pub given_up: u64,
    /// Whether the last try met a server that cannot be used.
    pub is_down: bool,
}

impl MailGauge {
    pub fn figures(&self) -> MailFigures {
        let Gauge { waiting, sent, given_up, shut } = &*self.0;
        MailFigures {
            waiting: waiting.load(Ordering::Relaxed),
            sent: sent.load(Ordering::Relaxed),
            given_up: given_up.load(Ordering::Relaxed),
            is_down: shut.load(Ordering::Relaxed),
        }
    }
}

/// Asks for a round out of turn.
#[derive(Clone)]
pub struct MailHandle(Address<MailMessage>);

impl MailHandle {
    /// Has everything that the log wants by now, and that is due, handed over once; returns when
    /// nothing is under way any more.
    pub async fn round(&self) {
        let (done, ended) = oneshot::channel();
        self.0.send(MailMessage::Round { done });
        let _ = ended.await;
    }
}

/// The consumer, how to ask it for a round, and its figures.
pub fn mail_service(parts: MailParts) -> (MailHandle, MailGauge, Service) {
    let (address, gauge) = (Address::vacant(), MailGauge::default());
    let handle = MailHandle(address.clone());
    let service = Service::new(
        "mails",
        || MailConsumer,
        (parts, gauge.clone()),
        move |mailbox| {
            address.install(mailbox);
        },
    );
    (handle, gauge, service)
}

/// What became of a mail that was taken up.
enum Ended {
    Delivered(Result<(), DeliveryError>),
    /// It is not worth sending.
    Pointless(GiveUp),
    /// It could not be written.
    NotNow,
}

struct MailState {
    parts: MailParts,
    gauge: MailGauge,
    composer: Composer,
    mailbox: ActorRef<MailMessage>,
    /// The last event that was looked at.
    seen: Seq,
    /// The last event that the cursor on disk stands for.
    committed: Seq,
    waiting: Waiting,
    door: Door,
    out: JoinSet<(MailId, Ended)>,
    /// Over, and not yet written down.
    ended: Vec<(MailId, Ended)>,
}

impl Actor for MailConsumer {
    type Msg = MailMessage;
    type State = MailState;
    type Arguments = (MailParts, MailGauge);

    async fn pre_start(
        &self,
        myself: ActorRef<MailMessage>,
        (parts, gauge): (MailParts, MailGauge),
    ) -> Result<MailState, ActorProcessingErr> {
        let snapshot = parts.reads.snapshot()?;
        let cursor = snapshot.get(Table::Cursors, CURSOR)?;
        let cursor = cursor.as_deref().and_then(seq_of).unwrap_or_default();
        let waiting = Waiting::load(&*snapshot)?;
        drop(snapshot);
        let mut news = parts.reads.last_seq();
        news.mark_changed();
        let mailbox = myself.clone();
        tokio::spawn(async move {
            while news.changed().await.is_ok() && mailbox.cast(MailMessage::Look).is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
        });
        myself.send_interval(TICK, || MailMessage::Look);
        let composer = Composer::new(&parts);
        Ok(MailState {
            parts,
            gauge,
            composer,
            mailbox: myself,
            seen: cursor,
            committed: cursor,
            waiting,
            door: Door::default(),
            out: JoinSet::new(),
            ended: Vec::new(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<MailMessage>,
        message: MailMessage,
        state: &mut MailState,
    ) -> Result<(), ActorProcessingErr> {
        state.look().await;
        if let MailMessage::Round { done } = message {
            while let Some(ended) = state.out.join_next().await {
                state.ended.extend(ended.ok());
                state.look().await;
            }
            let _ = done.send(());
        }
        Ok(())
    }

    /// What is under way has a moment to be over and written down.
    async fn post_stop(
        &self,
        _myself: ActorRef<MailMessage>,
        state: &mut MailState,
    ) -> Result<(), ActorProcessingErr> {
        let MailState { out, ended, .. } = state;
        let all_ended = async {
            while let Some(one) = out.join_next().await {
                ended.extend(one.ok());
            }
        };
        if timeout(GRACE, all_ended).await.is_err() {
            tracing::warn!(mails = state.out.len(), "still under way; they may be sent again");
        }
        state.write_down().await;
        Ok(())
    }
}

impl MailState {
    /// Writes down what is over, reads on in the log, and hands over what is due. What the store
    /// does not take now is left for the next look.
    async fn look(&mut self) {
        while let Some(ended) = self.out.try_join_next() {
            self.ended.extend(ended.ok());
        }
        self.write_down().await;
        if let Err(error) = self.take_in().await {
            warn(&error);
        }
        self.hand_over().await;
        // What turned out to be pointless on the way.
        self.write_down().await;
        self.gauge.0.waiting.store(self.waiting.len(), Ordering::Relaxed);
        self.gauge.0.shut.store(self.door.is_shut(), Ordering::Relaxed);
    }

    /// Takes in what the log wants mailed, with the cursor that says so.
    async fn take_in(&mut self) -> Result<(), StoreError> {
        while self.waiting.len() < MOST_WAITING {
            if *self.parts.reads.last_seq().borrow() <= self.seen {
                return Ok(());
            }
            let events = self.parts.reads.events_after(self.seen, PAGE)?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            let now = self.parts.clock.now();
            let mut batch = Batch::new();
            let mut new = Vec::new();
            for event in &events {
                if let Some(id) = self.wanted(event, now, &mut batch)? {
                    let waiting = WaitingMail { tries: 0, next_at: now };
                    batch.row(Table::MailsWaiting, id.as_bytes().into(), Some(waiting.to_bytes()));
                    new.push((id, waiting));
                }
            }
            if !new.is_empty() || last.0 - self.committed.0 >= STRIDE {
                batch.row(Table::Cursors, CURSOR.to_vec(), Some(seq_key(last).to_vec()));
                if !self.commit(batch).await {
                    return Ok(());
                }
                #[cfg(debug_assertions)]
                crate::failpoints::pass("mail-taken-in");
                self.committed = last;
                new.into_iter().for_each(|(id, mail)| self.waiting.put(id, mail));
            }
            self.seen = last;
        }
        Ok(())
    }

    /// The mail that an event wants, if it does. One that nobody wrote down as wanted yet is, with
    /// `batch`.
    fn wanted(
        &self,
        event: &Event,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<Option<MailId>, StoreError> {
        let (kind, to, token) = match &event.fact {
            // Of mails that follow from other facts it is taken in what comes here, below.
            Fact::Mail(id, MailEvent::Wanted { to, .. }) => {
                let is_asked_for = matches!(to, Addressee::Customer(_) | Addressee::Staff(_));
                let is_over = |(_, mail): (u64, Mail)| mail.state != Stage::Waiting;
                if !is_asked_for || self.waiting.has(*id) || self.known(*id)?.is_none_or(is_over) {
                    return Ok(None);
                }
                return Ok(Some(*id));
            }
            Fact::Order(id, OrderEvent::Placed(placed))
                if placed.collected == Collected::ByHand =>
            {
                (MailKind::OrderPlaced, Addressee::Order(*id), None)
            }
            Fact::Order(id, OrderEvent::Paid { .. }) if self.is_paid_online(*id)? => {
                (MailKind::OrderPlaced, Addressee::Order(*id), None)
            }
            Fact::Staff(_, StaffEvent::Invited { invitation, token, .. }) => {
                let to = Addressee::Invitation(*invitation);
                (MailKind::StaffInvitation, to, Some(token.clone()))
            }
            _ => return Ok(None),
        };
        if event.at.plus(kind.worth_sending_for()) <= now {
            return Ok(None);
        }
        let id = MailId::of_event(event.seq, event.at);
        if self.known(id)?.is_some() {
            return Ok(None);
        }
        let wanted = MailEvent::Wanted { kind, to, token, at: event.at };
        let mail = Mail::apply(None, &wanted).expect("a mail begins with being wanted");
        batch.put(EntityKey::Mail(id), 0, &mail);
        batch.fact(now, Fact::Mail(id, wanted), vec![]);
        Ok(Some(id))
    }

    fn known(&self, id: MailId) -> Result<Option<(u64, Mail)>, StoreError> {
        self.parts.reads.snapshot()?.load(&EntityKey::Mail(id))
    }

    fn is_paid_online(&self, order: OrderId) -> Result<bool, StoreError> {
        let order = self.parts.reads.order(order)?;
        Ok(order.is_some_and(|(_, order)| order.placed.collected == Collected::Online))
    }

    /// Hands over what is due, as far as there is room.
    async fn hand_over(&mut self) {
        let now = self.parts.clock.now();
        while self.out.len() < self.door.room(now, MOST_OUT) {
            let Some(id) = self.waiting.next_due(now) else { return };
            match self.composer.compose(id, now).await {
                Composed::NotNow => self.ended.push((id, Ended::NotNow)),
                Composed::Pointless(why) => self.ended.push((id, Ended::Pointless(why))),
                Composed::Ready(message) => {
                    let notifier = Arc::clone(&self.parts.notifier);
                    let mailbox = self.mailbox.clone();
                    self.out.spawn(async move {
                        #[cfg(debug_assertions)]
                        crate::failpoints::pass("mail-to-be-sent");
                        let delivery = timeout(PATIENCE, notifier.deliver(&message));
                        // A notifier that panics has said nothing either.
                        let said = AssertUnwindSafe(delivery).catch_unwind().await;
                        let said = said.ok().and_then(Result::ok);
                        let said = said.unwrap_or(Err(DeliveryError::UnknownOutcome));
                        #[cfg(debug_assertions)]
                        crate::failpoints::pass("mail-sent");
                        // It is looked at when this task is over, or with the next tick.
                        let _ = mailbox.cast(MailMessage::Look);
                        (id, Ended::Delivered(said))
                    });
                }
            }
            self.waiting.take_out(id);
        }
    }

    /// Makes durable what became of the mails that are over. Until that worked they are neither
    /// sent again nor forgotten.
    async fn write_down(&mut self) {
        if self.ended.is_empty() {
            return;
        }
        let now = self.parts.clock.now();
        let (mut batch, mut news) = (Batch::new(), Vec::with_capacity(self.ended.len()));
        let mut delivered = Vec::new();
        let put_off = |id| News::PutOff(self.waiting.next_try(id, now, self.parts.ids.random()));
        for (id, ended) in &self.ended {
            let said = match ended {
                Ended::Delivered(said) => said,
                Ended::NotNow => {
                    news.push((*id, put_off(*id)));
                    continue;
                }
                Ended::Pointless(why) => {
                    news.push((*id, News::GivenUp(*why)));
                    continue;
                }
            };
            delivered.push(said);
            news.push((
                *id,
                match said {
                    Ok(()) => News::Sent,
                    Err(DeliveryError::Unreachable { .. }) => News::AsBefore,
                    Err(DeliveryError::Later { .. } | DeliveryError::UnknownOutcome) => {
                        put_off(*id)
                    }
                    Err(DeliveryError::Refused { code }) => {
                        News::GivenUp(GiveUp::Refused { code: *code })
                    }
                    Err(DeliveryError::Unaddressable) => News::GivenUp(GiveUp::Unaddressable),
                },
            ));
        }
        for (id, news) in &news {
            if let Err(error) = self.note(*id, news, now, &mut batch) {
                return warn(&error);
            }
        }
        if !batch.is_empty() && !self.commit(batch).await {
            return;
        }
        for said in delivered {
            match said {
                Err(DeliveryError::Unreachable { why }) => {
                    if !self.door.is_shut() {
                        let place = self.parts.notifier.place();
                        tracing::warn!(place, why, "mails wait: they cannot be handed over");
                    }
                    self.door.shut(now, self.parts.ids.random());
                }
                _ => self.door.open(),
            }
        }
        self.ended.clear();
        for (id, news) in news {
            self.take_news(id, news);
        }
    }

    /// Puts into `batch` what became of one mail.
    fn note(
        &self,
        id: MailId,
        news: &News,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let row_key = id.as_bytes().to_vec();
        let event = match news {
            News::AsBefore => return Ok(()),
            News::PutOff(mail) => {
                batch.row(Table::MailsWaiting, row_key, Some(mail.to_bytes()));
                return Ok(());
            }
            News::Sent => MailEvent::Sent { at: now },
            News::GivenUp(reason) => MailEvent::GivenUp { reason: *reason, at: now },
        };
        let key = EntityKey::Mail(id);
        if let Some((version, mail)) = self.known(id)?
            && mail.state == Stage::Waiting
            && let Some(mail) = Mail::apply(Some(mail), &event)
        {
            batch.put(key, version, &mail);
            batch.fact(now, Fact::Mail(id, event), vec![]);
        }
        batch.row(Table::MailsWaiting, row_key, None);
        Ok(())
    }

    /// Takes in what is durable now.
    fn take_news(&mut self, id: MailId, news: News) {
        match news {
            News::AsBefore => self.waiting.put_back(id),
            News::PutOff(mail) => {
                tracing::info!(mail.id = %id, tries = mail.tries, "a mail is tried again later");
                self.waiting.put(id, mail);
            }
            News::Sent => {
                self.waiting.remove(id);
                self.gauge.0.sent.fetch_add(1, Ordering::Relaxed);
            }
            News::GivenUp(why) => {
                match why {
                    GiveUp::Refused { .. } | GiveUp::Unaddressable => {
                        tracing::error!(mail.id = %id, %why, "a mail is given up");
                    }
                    GiveUp::Overtaken => {
                        tracing::debug!(mail.id = %id, %why, "a mail is not sent");
                    }
                    GiveUp::TooLate | GiveUp::NoRecipient => {
                        tracing::info!(mail.id = %id, %why, "a mail is not sent");
                    }
                }
                self.waiting.remove(id);
                self.gauge.0.given_up.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether the batch is durable.
    async fn commit(&self, batch: Batch) -> bool {
        let (done, settled) = oneshot::channel();
        let reply = Reply::new(move |outcome| {
            let _ = done.send(outcome.map_err(Clone::clone));
        });
        self.parts.committer.submit(batch, Ticket::of_service(reply));
        match settled.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "mails wait for the store"
                );
                false
            }
            Err(_ended) => false,
        }
    }
}

/// What is to be written down of one mail.
enum News {
    /// It was not even looked at.
    AsBefore,
    PutOff(WaitingMail),
    Sent,
    GivenUp(GiveUp),
}

fn warn(error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "mails wait for the store");
}
