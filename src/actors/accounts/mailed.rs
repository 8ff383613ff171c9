//! What is mailed to somebody so that they prove that they read it: tokens to verify an address and
//! to set a new password. Each is random, kept as a hash, good once and for a short time.
//!
//! Whether an address is known shows in no answer, and in no time that an answer takes: an unknown
//! one waits for a commit as well.

use super::book::write_token;
use super::customers::recipient;
use super::invitations::token_context;
use super::owner::{Message, Parts};
use super::passwords::checked;
use super::token::{Token, TokenHash, hash_of};
use super::{AccountError, Accounts};
use crate::actors::pools::Password;
use crate::domain::customer::CustomerCommand;
use crate::domain::event::{EntityKey, Fact};
use crate::domain::mail::{Addressee, Mail, MailEvent, MailKind};
use crate::domain::{CustomerId, MailId, Sealed, Span};
use crate::storage::Batch;
use crate::storage::records::{TokenHolder, TokenKind, TokenRow};

/// How long a token that verifies an address is good for.
pub(super) const VERIFIES_FOR: Span = Span::hours(24);

/// How long a token that sets a new password is good for.
const RESETS_FOR: Span = Span::hours(1);

/// How many live tokens of one kind somebody has in their mailbox; who asks for more gets none, so
/// that nobody's mailbox is flooded and no token that was mailed before dies of it.
const MOST_MAILED: usize = 3;

/// Somebody has proven that they read mail to this address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub customer: CustomerId,
    pub email: String,
}

/// As what a mail's token is sealed.
fn context(mail: MailId) -> String {
    format!("token of {mail}")
}

/// What whoever sends a mail needs to know beside its kind.
#[derive(Debug)]
pub struct Letter {
    pub address: String,
    /// What its link carries.
    pub token: Option<Token>,
}

impl Accounts {
    /// Takes a token that was mailed to verify an address, once, from whoever knows the account's
    /// password too. A mailbox alone is no consent: somebody else may have opened the account with
    /// this address, and its owner, who follows the link, would hand them what is theirs.
    pub async fn verify(&self, token: &str, password: Password) -> Result<Proven, AccountError> {
        let hash = hash_of(token).ok_or(AccountError::InvalidToken)?;
        let holder = {
            let (book, now) = (self.shared.book(), self.shared.clock.now());
            book.mailed_to(&hash, TokenKind::Verification, now)
        };
        self.confirmed(holder.ok_or(AccountError::InvalidToken)?, Some(password)).await?;
        self.ask(|reply| Message::Verify { hash, reply }).await
    }

    /// Mails another token to verify an address that is not verified, or that is wanted instead.
    pub async fn verify_again(&self, customer: CustomerId) -> Result<(), AccountError> {
        self.ask(|reply| Message::WantVerification { customer, reply }).await
    }

    /// Mails a token to set a new password, if the address has an account.
    pub async fn forgot(&self, email: &str) -> Result<(), AccountError> {
        let email = super::address(email)?;
        self.ask(|reply| Message::WantReset { email, reply }).await
    }

    /// Sets a new password with a token that was mailed for it, once, and ends all logins. The mail
    /// was read, so this verifies a customer's address as well.
    pub async fn reset(
        &self,
        token: &str,
        password: Password,
    ) -> Result<Option<Proven>, AccountError> {
        let hash = hash_of(token).ok_or(AccountError::InvalidToken)?;
        let email = {
            let (book, now) = (self.shared.book(), self.shared.clock.now());
            let holder = book.mailed_to(&hash, TokenKind::PasswordReset, now);
            let caller = holder.and_then(|holder| book.member(holder));
            caller.map(|caller| caller.email().to_owned()).ok_or(AccountError::InvalidToken)?
        };
        let password = checked(password, &email)?;
        let password_hash = self.shared.secrets.hash(password).await?;
        self.ask(|reply| Message::Reset { hash, password_hash, reply }).await
    }

    /// Where a mail goes and what it brings; `None` where its recipient is gone, or its token is
    /// worth nothing any more.
    ///
    /// A mail is durable a moment before memory knows what it is about. So nothing is said to be gone
    /// before the one writer was asked, who is done by then with whatever wanted the mail.
    pub async fn letter(&self, id: MailId, mail: &Mail) -> Result<Option<Letter>, AccountError> {
        if let Some(letter) = self.letter_in_memory(id, mail)? {
            return Ok(Some(letter));
        }
        self.write(|_| async { Ok(()) }).await?;
        self.letter_in_memory(id, mail)
    }

    fn letter_in_memory(&self, id: MailId, mail: &Mail) -> Result<Option<Letter>, AccountError> {
        let context = match mail.to {
            Addressee::Invitation(invitation) => token_context(invitation),
            Addressee::Customer(_) | Addressee::Staff(_) | Addressee::Order(_) => context(id),
        };
        let opened = |sealed| self.opened_token(id, sealed, &context);
        let token = mail.token.as_ref().map(opened).transpose()?;
        let is_in_the_book = !matches!(mail.to, Addressee::Invitation(_));
        if let Some(token) = token.as_ref().filter(|_| is_in_the_book)
            && !self.shared.book().is_live(&token.hash(), self.shared.clock.now())
        {
            return Ok(None);
        }
        let address = match mail.to {
            Addressee::Staff(id) => {
                let book = self.shared.book();
                book.member(TokenHolder::Staff(id)).map(|member| member.email().to_owned())
            }
            Addressee::Customer(id) => {
                let found = self.shared.customer(id)?;
                found.and_then(|loaded| match mail.kind {
                    MailKind::EmailChange => loaded.profile.wanted_email,
                    MailKind::Verification
                    | MailKind::EmailChangeRequested
                    | MailKind::AlreadyRegistered
                    | MailKind::PasswordReset
                    | MailKind::PasswordChanged
                    | MailKind::StaffInvitation
                    | MailKind::OrderPlaced => Some(loaded.profile.email),
                })
            }
            // Those that were accepted, withdrawn, replaced or have run out are not among them.
            Addressee::Invitation(id) => {
                let open = self.invitations().into_iter();
                open.filter(|own| own.id == id).map(|own| own.email).next()
            }
            // An order's mail goes to whoever placed it.
            Addressee::Order(_) => return Ok(None),
        };
        Ok(address.map(|address| Letter { address, token }))
    }

    fn opened_token(
        &self,
        id: MailId,
        sealed: &Sealed,
        context: &str,
    ) -> Result<Token, AccountError> {
        let plain = self.shared.vault.open_for_shop(sealed, context);
        let text = plain.ok().and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        text.map(|text| Token::from_text(&text)).ok_or_else(|| {
            tracing::error!(mail.id = %id, "the token of a mail does not open");
            AccountError::Unavailable
        })
    }
}

impl Parts {
    pub(super) async fn verify(&self, hash: TokenHash) -> Result<Proven, AccountError> {
        let holder = self.shared.book().mailed_to(&hash, TokenKind::Verification, self.now());
        let Some(TokenHolder::Customer(id)) = holder else {
            return Err(AccountError::InvalidToken);
        };
        let holder = TokenHolder::Customer(id);
        let mut spent = self.shared.book().tokens_of_kind(holder, TokenKind::Verification);
        let mut loaded = self.loaded(id, None).map_err(|_| AccountError::InvalidToken)?;
        let mut batch = Batch::new();
        if let Some(wanted) = loaded.profile.wanted_email.take() {
            if self.shared.book().holder_of(&wanted).is_some() {
                // Somebody else registered it meanwhile.
                return Err(AccountError::InvalidToken);
            }
            loaded.profile.email = wanted;
            let sealed = self.seal(loaded.person, &loaded.profile)?;
            let change = CustomerCommand::ChangeProfile(sealed);
            loaded.row.customer =
                self.decided(id, Some(loaded.row.customer), change, &mut batch)?;
            // Whoever reads mail to the address before sets no password of this account any more.
            spent.extend(self.shared.book().tokens_of_kind(holder, TokenKind::PasswordReset));
        }
        self.shared.book().write_removal(&spent, &mut batch);
        let view = self.write(id, loaded, CustomerCommand::Verify, batch).await?;
        self.shared.change(|book| book.remove_tokens(&spent));
        Ok(Proven { customer: id, email: view.profile.email })
    }

    pub(super) async fn want_verification(&self, id: CustomerId) -> Result<(), AccountError> {
        let loaded = self.loaded(id, None)?;
        let kind = match &loaded.profile.wanted_email {
            Some(_) => MailKind::EmailChange,
            None if loaded.is_verified() => return Ok(()),
            None => MailKind::Verification,
        };
        let holder = TokenHolder::Customer(id);
        self.mail_one(holder, kind, TokenKind::Verification, VERIFIES_FOR).await
    }

    pub(super) async fn want_reset(&self, email: String) -> Result<(), AccountError> {
        let holder = self.shared.book().holder_of(&email);
        match holder {
            Some(holder) => {
                let (mail, token) = (MailKind::PasswordReset, TokenKind::PasswordReset);
                self.mail_one(holder, mail, token, RESETS_FOR).await
            }
            None => self.commit(Batch::new()).await,
        }
    }

    /// Tells whoever has the address of a newcomer that it has an account, and gives them a way in.
    pub(super) async fn tell_owner(&self, holder: TokenHolder) -> Result<(), AccountError> {
        let (mail, token) = (MailKind::AlreadyRegistered, TokenKind::PasswordReset);
        self.mail_one(holder, mail, token, RESETS_FOR).await
    }

    pub(super) async fn reset(
        &self,
        hash: TokenHash,
        password_hash: String,
    ) -> Result<Option<Proven>, AccountError> {
        let holder = self.shared.book().mailed_to(&hash, TokenKind::PasswordReset, self.now());
        let holder = holder.ok_or(AccountError::InvalidToken)?;
        let TokenHolder::Customer(customer) = holder else {
            self.set_password(holder, password_hash, None, None).await?;
            return Ok(None);
        };
        let email = self.loaded(customer, None)?.profile.email;
        self.set_password(holder, password_hash, None, Some(CustomerCommand::Verify)).await?;
        Ok(Some(Proven { customer, email }))
    }

    /// Commits one mail with a token, unless enough of them are under way.
    async fn mail_one(
        &self,
        holder: TokenHolder,
        mail: MailKind,
        kind: TokenKind,
        good_for: Span,
    ) -> Result<(), AccountError> {
        let (now, mut batch) = (self.now(), Batch::new());
        let live = {
            let book = self.shared.book();
            let mailed = book.tokens_of_kind(holder, kind);
            mailed.iter().filter(|hash| book.mailed_to(hash, kind, now).is_some()).count()
        };
        if live >= MOST_MAILED {
            return self.commit(batch).await;
        }
        let (token, row) = self.mail_token(holder, kind, good_for, &mut batch);
        self.want_mail(mail, recipient(holder), Some(&token), &mut batch);
        self.commit(batch).await?;
        self.shared.change(|book| book.add_token(token.hash(), row));
        Ok(())
    }

    /// A new token that is to be mailed.
    pub(super) fn mail_token(
        &self,
        holder: TokenHolder,
        kind: TokenKind,
        good_for: Span,
        batch: &mut Batch,
    ) -> (Token, TokenRow) {
        let token = Token::new(self.shared.ids.secret());
        let (expires_at, family) = (self.now().plus(good_for), self.new_family());
        let row = TokenRow { holder, kind, expires_at, family };
        write_token(&token.hash(), &row, batch);
        (token, row)
    }

    /// Puts a mail into `batch`; it is sent once that is durable.
    pub(super) fn want_mail(
        &self,
        kind: MailKind,
        to: Addressee,
        token: Option<&Token>,
        batch: &mut Batch,
    ) {
        let (id, at) = (self.shared.ids.mail(), self.now());
        let seal = |token: &Token| {
            self.shared.vault.seal_for_shop(token.expose().as_bytes(), &context(id))
        };
        let wanted = MailEvent::Wanted { kind, to, token: token.map(seal), at };
        if let Some(mail) = Mail::apply(None, &wanted) {
            batch.put(EntityKey::Mail(id), 0, &mail);
        }
        batch.fact(at, Fact::Mail(id, wanted), vec![]);
    }
}
