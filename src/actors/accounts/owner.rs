//! The one writer of accounts. Each subject adds what it writes to [`Parts`] in its own file.

use super::customers::{CustomerView, Erasure, NewCustomer, ProfileChange};
use super::mailed::Proven;
use super::passwords::NewPassword;
use super::sessions::{Grant, LoginWith};
use super::staff::NewStaff;
use super::token::TokenHash;
use super::where_from::Origin;
use super::{AccountError, Shared};
use crate::actors::ask::Reply;
use crate::actors::settle::Ticket;
use crate::domain::identity::{Audience, Identity};
use crate::domain::{CustomerId, StaffId, Timestamp};
use crate::storage::records::TokenHolder;
use crate::storage::{Batch, CommitError, Committer};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often tokens that have run out are removed.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);

pub(super) type Answer<T> = oneshot::Sender<Result<T, AccountError>>;

pub(super) enum Message {
    CreateStaff(NewStaff, Answer<Option<StaffId>>),
    Register(NewCustomer, Answer<()>),
    ChangeProfile {
        id: CustomerId,
        change: ProfileChange,
        expected: Option<u64>,
        reply: Answer<CustomerView>,
    },
    ChangePassword(NewPassword, Answer<()>),
    Erase(Erasure, Answer<()>),
    WantVerification {
        customer: CustomerId,
        reply: Answer<()>,
    },
    Verify {
        hash: TokenHash,
        reply: Answer<Proven>,
    },
    WantReset {
        /// In lower case.
        email: String,
        reply: Answer<()>,
    },
    Reset {
        hash: TokenHash,
        password_hash: String,
        reply: Answer<Option<Proven>>,
    },
    /// The password was found to be right for this hash.
    Login {
        holder: TokenHolder,
        password_hash: String,
        with: LoginWith,
        reply: Answer<Grant>,
    },
    /// A provider vouches for the identity.
    SignIn {
        identity: Identity,
        audience: Arc<Audience>,
        /// Of a password that nobody knows, for an account that may have to be made.
        spare_hash: Option<String>,
        origin: Origin,
        reply: Answer<Grant>,
    },
    Refresh {
        hash: TokenHash,
        reply: Answer<Grant>,
    },
    Logout {
        hash: TokenHash,
        reply: Answer<()>,
    },
    Job(Job),
    /// Removes what has run out.
    Sweep,
}

/// Something that only the one writer may do; it answers by itself, and says whether memory may have
/// parted from the store.
pub(super) type Job = Box<dyn FnOnce(Parts) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send>;

/// The one writer of accounts.
pub(super) struct Owner;

#[derive(Clone)]
pub(super) struct Parts {
    pub shared: Arc<Shared>,
    pub committer: Committer<Ticket>,
}

impl Actor for Owner {
    type Msg = Message;
    type State = Parts;
    type Arguments = Parts;

    /// Forgets what a predecessor may have left half done: what is durable is in the store.
    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        parts: Parts,
    ) -> Result<Parts, ActorProcessingErr> {
        parts.shared.load()?;
        myself.send_interval(SWEEP_PAUSE, || Message::Sweep);
        Ok(parts)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        parts: &mut Parts,
    ) -> Result<(), ActorProcessingErr> {
        // Whoever asked may be gone; what was done stays done.
        let failed = match message {
            Message::CreateStaff(new, reply) => answer(parts.create_staff(new).await, reply),
            Message::Register(new, reply) => answer(parts.register(new).await, reply),
            Message::ChangeProfile { id, change, expected, reply } => {
                answer(parts.change_profile(id, change, expected).await, reply)
            }
            Message::ChangePassword(new, reply) => answer(parts.change_password(new).await, reply),
            Message::Erase(erasure, reply) => answer(parts.erase(erasure).await, reply),
            Message::WantVerification { customer, reply } => {
                answer(parts.want_verification(customer).await, reply)
            }
            Message::Verify { hash, reply } => answer(parts.verify(hash).await, reply),
            Message::WantReset { email, reply } => answer(parts.want_reset(email).await, reply),
            Message::Reset { hash, password_hash, reply } => {
                answer(parts.reset(hash, password_hash).await, reply)
            }
            Message::Login { holder, password_hash, with, reply } => {
                answer(parts.login(holder, &password_hash, with).await, reply)
            }
            Message::SignIn { identity, audience, spare_hash, origin, reply } => {
                answer(parts.sign_in(&identity, &audience, spare_hash, &origin).await, reply)
            }
            Message::Refresh { hash, reply } => answer(parts.refresh(hash).await, reply),
            Message::Logout { hash, reply } => answer(parts.logout(hash).await, reply),
            Message::Job(job) => job(parts.clone()).await,
            Message::Sweep => {
                let (swept, tidied) = (parts.sweep().await, parts.tidy_register().await);
                [swept, tidied, parts.tidy_sessions().await]
                    .contains(&Err(AccountError::Unavailable))
            }
        };
        if failed {
            // A commit of which nothing is known: the store says what became of it.
            parts.shared.load()?;
        }
        Ok(())
    }
}

/// Sends the answer; says whether memory may have parted from the store.
pub(super) fn answer<T>(result: Result<T, AccountError>, reply: Answer<T>) -> bool {
    let failed = matches!(result, Err(AccountError::Unavailable));
    let _ = reply.send(result);
    failed
}

impl Parts {
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), AccountError> {
        let (done, settled) = oneshot::channel();
        let reply = Reply::new(move |outcome| {
            let _ = done.send(outcome.map_err(CommitError::clone));
        });
        self.committer.submit(batch, Ticket::of_service(reply));
        match settled.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "a change of accounts is not durable");
                Err(AccountError::Unavailable)
            }
            Err(_) => Err(AccountError::Unavailable),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}
