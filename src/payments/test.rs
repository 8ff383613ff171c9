//! The `test` provider: pretends to be a payment company, for demos, tests and load.
//!
//! Like a real one it has a ledger of its own that a crash of the shop does not touch: each change
//! is a line of JSON at the end of a file before anything is answered. It is handed to the operating
//! system and not forced to the disk, since what it stands in for is another company's computer,
//! which a power cut here does not reach. Tokens are absent on purpose, as everywhere. No real money
//! can be taken, so a shop that serves customers does not have this provider unless told to.

use super::{Answer, Attempt, CaptureMode, PaymentProvider, ProviderError};
use crate::domain::order::{Collected, RefundAnswer};
use crate::domain::payment::PaymentAnswer;
use crate::domain::{Currency, Money, PaymentId, RefundId};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of the ledger in the data folder.
pub const LEDGER_FILE: &str = "test-payments.jsonl";

const APPROVED: &str = "tok_visa";
const DECLINED: &str = "tok_declined";
const LATE: &str = "tok_timeout";
const ACTION: &str = "tok_action";

/// How the provider behaves.
#[derive(Clone, Debug)]
pub struct TestSettings {
    /// How long the answer to a `tok_timeout` takes. The money moves when the attempt arrives.
    pub late: Duration,
    /// Where the shop's own pages are, without a slash at the end.
    pub public_url: String,
}

impl TestSettings {
    pub fn new(public_url: impl Into<String>) -> TestSettings {
        TestSettings { late: Duration::from_secs(3), public_url: public_url.into() }
    }
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The call never arrives.
    Unreachable,
    /// What was asked is done, but the answer gets lost.
    AnswerLost,
}

/// The `test` provider.
pub struct TestProvider {
    settings: TestSettings,
    ledger: Mutex<Ledger>,
    faults: Mutex<VecDeque<Fault>>,
}

impl TestProvider {
    /// Opens the ledger in `folder`, or starts one.
    pub fn open(folder: &Path, settings: TestSettings) -> io::Result<TestProvider> {
        Ok(Self::with(Ledger::open(&folder.join(LEDGER_FILE))?, settings))
    }

    /// A provider that forgets everything at the end: for tests and benches.
    pub fn in_memory(settings: TestSettings) -> TestProvider {
        Self::with(Ledger::default(), settings)
    }

    fn with(ledger: Ledger, settings: TestSettings) -> TestProvider {
        TestProvider { settings, ledger: Mutex::new(ledger), faults: Mutex::default() }
    }

    /// What the next calls meet, one entry each; afterwards they succeed again.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.faults).extend(faults);
    }

    /// The shopper has decided on the page that an [`PaymentAnswer::ActionNeeded`] led to. Says what
    /// the payment is then; one that waits for no decision stays as it is. `None`: no such payment.
    pub fn complete(
        &self,
        payment: PaymentId,
        approve: bool,
    ) -> Result<Option<PaymentAnswer>, ProviderError> {
        let mut ledger = lock(&self.ledger);
        let Some(mut entry) = ledger.payments.get(&payment).copied() else { return Ok(None) };
        if entry.state == State::ActionNeeded {
            entry.state = if approve { entry.approved() } else { State::Refused };
            ledger.write(payment, entry)?;
        }
        Ok(Some(self.answer(payment, entry.state)))
    }

    /// The money that a payment brought in and that was not given back; `None` where none was taken.
    /// For tests that count it.
    pub fn taken(&self, payment: PaymentId) -> Option<Money> {
        let ledger = lock(&self.ledger);
        let entry = ledger.payments.get(&payment)?;
        let amount = entry.amount.filter(|_| entry.state == State::Captured)?;
        ledger.refunded(payment, amount.currency()).and_then(|back| amount.minus(back).ok())
    }

    /// Runs one call, through whatever fault comes next.
    fn call<T>(
        &self,
        run: impl FnOnce(&mut Ledger) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let fault = lock(&self.faults).pop_front().unwrap_or(Fault::None);
        if fault == Fault::Unreachable {
            return Err(ProviderError::Unreachable);
        }
        let answer = run(&mut lock(&self.ledger))?;
        if fault == Fault::AnswerLost { Err(ProviderError::UnknownOutcome) } else { Ok(answer) }
    }

    fn answer(&self, payment: PaymentId, state: State) -> PaymentAnswer {
        let reference = format!("test-{payment}");
        match state {
            State::ActionNeeded => {
                let url = format!("{}/test-payments/{payment}", self.settings.public_url);
                PaymentAnswer::ActionNeeded { reference, url }
            }
            State::Authorized => PaymentAnswer::Authorized { reference },
            State::Captured => PaymentAnswer::Captured { reference },
            State::Declined => PaymentAnswer::Declined { reason: "card_declined".into() },
            State::Refused => PaymentAnswer::Declined { reason: "not_confirmed".into() },
            State::Voided => PaymentAnswer::Voided,
        }
    }

    fn take(&self, attempt: &Attempt) -> Result<PaymentAnswer, ProviderError> {
        self.call(|ledger| {
            let payment = attempt.payment;
            // Known, so this is a retry, or the payment was voided before it could arrive.
            if let Some(entry) = ledger.payments.get(&payment) {
                return Ok(self.answer(payment, entry.state));
            }
            let mut entry = Entry {
                amount: Some(attempt.amount),
                at_once: attempt.capture == CaptureMode::AtOnce,
                state: State::Declined,
            };
            match attempt.token.as_str() {
                APPROVED | LATE => entry.state = entry.approved(),
                ACTION => entry.state = State::ActionNeeded,
                _ => {}
            }
            ledger.write(payment, entry)?;
            Ok(self.answer(payment, entry.state))
        })
    }
}

impl PaymentProvider for TestProvider {
    fn name(&self) -> &'static str {
        "test"
    }

    fn collected(&self) -> Collected {
        Collected::Online
    }

    fn accepts(&self, token: Option<&str>) -> bool {
        matches!(token, Some(APPROVED | DECLINED | LATE | ACTION))
    }

    fn authorize(&self, attempt: Attempt) -> Answer<'_, PaymentAnswer> {
        Box::pin(async move {
            let answer = self.take(&attempt);
            if attempt.token == LATE {
                tokio::time::sleep(self.settings.late).await;
            }
            answer
        })
    }

    fn capture(&self, payment: PaymentId, _reference: &str) -> Answer<'_, PaymentAnswer> {
        Box::pin(async move {
            self.call(|ledger| {
                let Some(mut entry) = ledger.payments.get(&payment).copied() else {
                    return Ok(PaymentAnswer::Declined { reason: "no_such_payment".into() });
                };
                if entry.state == State::Authorized {
                    entry.state = State::Captured;
                    ledger.write(payment, entry)?;
                }
                Ok(self.answer(payment, entry.state))
            })
        })
    }

    fn void(&self, payment: PaymentId) -> Answer<'_, PaymentAnswer> {
        Box::pin(async move {
            self.call(|ledger| {
                let unknown = Entry { amount: None, at_once: false, state: State::Voided };
                let known = ledger.payments.get(&payment).copied();
                let mut entry = known.unwrap_or(unknown);
                if matches!(entry.state, State::Authorized | State::ActionNeeded) {
                    entry.state = State::Voided;
                }
                if known != Some(entry) {
                    ledger.write(payment, entry)?;
                }
                Ok(self.answer(payment, entry.state))
            })
        })
    }

    fn refund(
        &self,
        refund: RefundId,
        payment: PaymentId,
        amount: Money,
    ) -> Answer<'_, RefundAnswer> {
        Box::pin(async move {
            self.call(|ledger| {
                if let Some(known) = ledger.refunds.get(&refund) {
                    return Ok(known.answer());
                }
                let refund_row =
                    RefundEntry { payment, amount, settled: ledger.may_refund(payment, amount) };
                ledger.write_refund(refund, refund_row)?;
                Ok(refund_row.answer())
            })
        })
    }

    fn look_up(&self, payment: PaymentId) -> Answer<'_, Option<PaymentAnswer>> {
        Box::pin(async move {
            self.call(|ledger| {
                let entry = ledger.payments.get(&payment);
                Ok(entry.map(|entry| self.answer(payment, entry.state)))
            })
        })
    }
}

/// What the provider knows.
#[derive(Default)]
struct Ledger {
    payments: HashMap<PaymentId, Entry>,
    refunds: HashMap<RefundId, RefundEntry>,
    /// The settled refunds of a payment, added up.
    given_back: HashMap<PaymentId, Money>,
    file: Option<LedgerFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// `None` where the payment was voided before it arrived.
    amount: Option<Money>,
    at_once: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    ActionNeeded,
    Authorized,
    Captured,
    Declined,
    /// The shopper said no.
    Refused,
    Voided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RefundEntry {
    payment: PaymentId,
    amount: Money,
    settled: bool,
}

impl Entry {
    /// What it becomes when the shopper's bank says yes.
    fn approved(&self) -> State {
        if self.at_once { State::Captured } else { State::Authorized }
    }
}

impl RefundEntry {
    fn answer(&self) -> RefundAnswer {
        if self.settled {
            RefundAnswer::Settled
        } else {
            RefundAnswer::Refused { reason: "more_than_was_taken".into() }
        }
    }
}

impl Ledger {
    fn open(path: &Path) -> io::Result<Ledger> {
        let (file, lines) = LedgerFile::open(path)?;
        let mut ledger = Ledger::default();
        for (number, line) in lines.lines().enumerate() {
            let known = serde_json::from_str(line).ok().and_then(|line| ledger.take_in(line));
            known.ok_or_else(|| {
                let number = number + 1;
                let what = format!("line {number} of {} cannot be read", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?;
        }
        ledger.file = Some(file);
        Ok(ledger)
    }

    fn write(&mut self, payment: PaymentId, entry: Entry) -> Result<(), ProviderError> {
        let line = Line::Payment {
            payment: payment.to_string(),
            amount: entry.amount.map(AmountLine::from),
            at_once: entry.at_once,
            state: entry.state,
        };
        self.append(&line)?;
        self.payments.insert(payment, entry);
        Ok(())
    }

    fn write_refund(&mut self, refund: RefundId, entry: RefundEntry) -> Result<(), ProviderError> {
        let RefundEntry { payment, amount, settled } = entry;
        let (refund_text, payment_text) = (refund.to_string(), payment.to_string());
        self.append(&Line::Refund {
            refund: refund_text,
            payment: payment_text,
            amount: amount.into(),
            settled,
        })?;
        self.note_refund(refund, entry);
        Ok(())
    }

    /// What cannot be written has not happened.
    fn append(&mut self, line: &Line) -> Result<(), ProviderError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.append(line).map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the ledger of the test payments cannot be written");
            ProviderError::Unreachable
        })
    }

    fn note_refund(&mut self, refund: RefundId, entry: RefundEntry) {
        if entry.settled {
            let back = self.refunded(entry.payment, entry.amount.currency());
            let back = back.and_then(|back| back.plus(entry.amount).ok());
            self.given_back.insert(entry.payment, back.unwrap_or(entry.amount));
        }
        self.refunds.insert(refund, entry);
    }

    fn refunded(&self, payment: PaymentId, currency: Currency) -> Option<Money> {
        let back = self.given_back.get(&payment).copied().unwrap_or(Money::zero(currency));
        (back.currency() == currency).then_some(back)
    }

    /// Whether so much of the payment is still there to be given back.
    fn may_refund(&self, payment: PaymentId, amount: Money) -> bool {
        let captured = self.payments.get(&payment).filter(|entry| entry.state == State::Captured);
        let Some(captured) = captured.and_then(|entry| entry.amount) else { return false };
        let left = self
            .refunded(payment, amount.currency())
            .and_then(|back| captured.minus(back).ok())
            .and_then(|left| left.minus(amount).ok());
        !amount.is_zero() && !amount.is_negative() && left.is_some_and(|left| !left.is_negative())
    }

    /// Takes in a line of the file; `None` where it makes no sense.
    fn take_in(&mut self, line: Line) -> Option<()> {
        match line {
            Line::Payment { payment, amount, at_once, state } => {
                let amount = match amount {
                    Some(amount) => Some(amount.money()?),
                    None => None,
                };
                let payment = PaymentId::from_str(&payment).ok()?;
                self.payments.insert(payment, Entry { amount, at_once, state });
            }
            Line::Refund { refund, payment, amount, settled } => {
                let payment = PaymentId::from_str(&payment).ok()?;
                let entry = RefundEntry { payment, amount: amount.money()?, settled };
                self.note_refund(RefundId::from_str(&refund).ok()?, entry);
            }
        }
        Some(())
    }
}

/// One line of the file: the newest of a payment or refund is what holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Payment { payment: String, amount: Option<AmountLine>, at_once: bool, state: State },
    Refund { refund: String, payment: String, amount: AmountLine, settled: bool },
}

#[derive(Serialize, Deserialize)]
struct AmountLine {
    minor: i64,
    currency: String,
}

impl From<Money> for AmountLine {
    fn from(money: Money) -> AmountLine {
        AmountLine { minor: money.minor(), currency: money.currency().code().to_owned() }
    }
}

impl AmountLine {
    fn money(&self) -> Option<Money> {
        Some(Money::from_minor(self.minor, Currency::from_code(&self.currency)?))
    }
}

/// The file, and how much of it is whole lines.
struct LedgerFile {
    file: File,
    length: u64,
}

impl LedgerFile {
    /// Opens the file and gives its whole lines; a last one that a crash cut short is dropped.
    fn open(path: &Path) -> io::Result<(LedgerFile, String)> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
        let lines = String::from_utf8(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut ledger = LedgerFile { file, length: lines.len() as u64 };
        ledger.rewind()?;
        Ok((ledger, lines))
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            // Half a line must not stand before the next.
            self.rewind()?;
            return Err(error);
        }
        self.length += text.len() as u64;
        Ok(())
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pricing::tests::usd;
    use PaymentAnswer as A;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    fn provider() -> TestProvider {
        TestProvider::in_memory(settings())
    }

    fn settings() -> TestSettings {
        TestSettings::new("http://shop.example")
    }

    fn payment(number: u8) -> PaymentId {
        PaymentId::from_bytes([number; 16])
    }

    fn refund(number: u8) -> RefundId {
        RefundId::from_bytes([number; 16])
    }

    fn attempt(number: u8, token: &str, capture: CaptureMode) -> Attempt {
        Attempt { payment: payment(number), amount: usd(10), token: token.into(), capture }
    }

    fn at_once(number: u8, token: &str) -> Attempt {
        attempt(number, token, CaptureMode::AtOnce)
    }

    /// The answer of a call that has nothing to wait for.
    #[track_caller]
    fn now<T>(answer: Answer<'_, T>) -> Result<T, ProviderError> {
        answer.now_or_never().expect("an answer at once")
    }

    fn captured(number: u8) -> PaymentAnswer {
        A::Captured { reference: format!("test-{}", payment(number)) }
    }

    fn authorized(number: u8) -> PaymentAnswer {
        A::Authorized { reference: format!("test-{}", payment(number)) }
    }

    #[test]
    fn only_its_own_tokens_are_worth_an_attempt() {
        let test = provider();
        for good in ["tok_visa", "tok_declined", "tok_timeout", "tok_action"] {
            assert!(test.accepts(Some(good)), "{good}");
        }
        for bad in [None, Some(""), Some("tok_Visa"), Some("4242424242424242")] {
            assert!(!test.accepts(bad), "{bad:?}");
        }
        assert!(matches!(now(test.authorize(at_once(1, "tok_other"))), Ok(A::Declined { .. })));
    }

    #[test]
    fn an_approved_payment_is_taken_at_once_or_set_aside_and_taken_later() {
        let test = provider();
        assert_eq!(now(test.authorize(at_once(1, "tok_visa"))), Ok(captured(1)));
        let later = attempt(2, "tok_visa", CaptureMode::Later);
        assert_eq!(now(test.authorize(later.clone())), Ok(authorized(2)));
        assert_eq!(test.taken(payment(2)), None);
        for _ in 0..2 {
            assert_eq!(now(test.capture(payment(2), "test-2")), Ok(captured(2)));
        }
        assert_eq!(now(test.authorize(later)), Ok(captured(2)), "a late repeat of the attempt");
        assert_eq!(test.taken(payment(2)), Some(usd(10)));
        let unknown = now(test.capture(payment(9), "?"));
        assert_eq!(unknown, Ok(A::Declined { reason: "no_such_payment".into() }));
    }

    #[test]
    fn the_same_attempt_twice_moves_money_once_whatever_its_token_says_then() {
        let test = provider();
        assert!(matches!(now(test.authorize(at_once(1, "tok_declined"))), Ok(A::Declined { .. })));
        assert!(matches!(now(test.authorize(at_once(1, "tok_visa"))), Ok(A::Declined { .. })));
        assert_eq!(test.taken(payment(1)), None);
    }

    #[tokio::test]
    async fn a_late_answer_comes_after_the_money_has_moved() {
        let late = Duration::from_secs(3_600);
        let test = TestProvider::in_memory(TestSettings { late, ..settings() });
        assert_eq!(test.authorize(at_once(1, "tok_timeout")).now_or_never(), None);
        assert_eq!(now(test.look_up(payment(1))), Ok(Some(captured(1))));
        let test = TestProvider::in_memory(TestSettings { late: Duration::ZERO, ..settings() });
        assert_eq!(test.authorize(at_once(2, "tok_timeout")).await, Ok(captured(2)));
    }

    #[test]
    fn a_payment_that_needs_the_shopper_waits_for_the_shopper() {
        let test = provider();
        let Ok(A::ActionNeeded { url, .. }) = now(test.authorize(at_once(1, "tok_action"))) else {
            panic!("no action needed")
        };
        assert_eq!(url, format!("http://shop.example/test-payments/{}", payment(1)));
        let waits = now(test.capture(payment(1), "test-1"));
        assert!(matches!(waits, Ok(A::ActionNeeded { .. })));
        assert_eq!(test.complete(payment(1), true), Ok(Some(captured(1))));
        assert_eq!(test.complete(payment(1), false), Ok(Some(captured(1))), "decided once");

        now(test.authorize(attempt(2, "tok_action", CaptureMode::Later))).unwrap();
        assert_eq!(test.complete(payment(2), true), Ok(Some(authorized(2))));

        now(test.authorize(at_once(3, "tok_action"))).unwrap();
        let refused = A::Declined { reason: "not_confirmed".into() };
        assert_eq!(test.complete(payment(3), false), Ok(Some(refused.clone())));
        assert_eq!(now(test.look_up(payment(3))), Ok(Some(refused)));
        assert_eq!(test.complete(payment(9), true), Ok(None));
    }

    #[test]
    fn a_void_before_the_attempt_arrives_has_it_refused() {
        let test = provider();
        assert_eq!(now(test.look_up(payment(1))), Ok(None));
        assert_eq!(now(test.void(payment(1))), Ok(A::Voided));
        assert_eq!(now(test.authorize(at_once(1, "tok_visa"))), Ok(A::Voided));
        assert_eq!(test.taken(payment(1)), None);
    }

    #[test]
    fn a_void_lets_reserved_money_go_and_says_where_it_is_taken() {
        let test = provider();
        now(test.authorize(attempt(1, "tok_visa", CaptureMode::Later))).unwrap();
        assert_eq!(now(test.void(payment(1))), Ok(A::Voided));
        assert_eq!(now(test.capture(payment(1), "test-1")), Ok(A::Voided));
        now(test.authorize(at_once(2, "tok_visa"))).unwrap();
        assert_eq!(now(test.void(payment(2))), Ok(captured(2)));
        now(test.authorize(at_once(3, "tok_action"))).unwrap();
        assert_eq!(now(test.void(payment(3))), Ok(A::Voided));
        assert_eq!(test.complete(payment(3), true), Ok(Some(A::Voided)));
        now(test.authorize(at_once(4, "tok_declined"))).unwrap();
        assert!(matches!(now(test.void(payment(4))), Ok(A::Declined { .. })));
    }

    #[test]
    fn no_more_is_given_back_than_was_taken() {
        let test = provider();
        let give = |number, amount| now(test.refund(refund(number), payment(1), amount)).unwrap();
        let is_refused = |answer| matches!(answer, RefundAnswer::Refused { .. });
        assert!(is_refused(give(1, usd(1))), "nothing was taken yet");
        now(test.authorize(at_once(1, "tok_visa"))).unwrap();
        assert!(is_refused(give(1, usd(1))), "the same refund hears the same again");
        assert_eq!(give(2, usd(6)), RefundAnswer::Settled);
        assert_eq!(give(2, usd(6)), RefundAnswer::Settled);
        assert_eq!(test.taken(payment(1)), Some(usd(4)));
        assert!(is_refused(give(3, usd(5))));
        assert!(is_refused(give(4, usd(0))));
        assert!(is_refused(give(5, usd(-1))));
        assert!(is_refused(give(6, Money::from_minor(1, Currency::EUR))));
        assert_eq!(give(7, usd(4)), RefundAnswer::Settled);
        assert_eq!(test.taken(payment(1)), Some(usd(0)));
        now(test.authorize(attempt(8, "tok_visa", CaptureMode::Later))).unwrap();
        assert!(is_refused(now(test.refund(refund(8), payment(8), usd(1))).unwrap()));
    }

    #[test]
    fn a_planted_fault_loses_the_call_or_the_answer() {
        let test = provider();
        test.inject([Fault::Unreachable, Fault::AnswerLost, Fault::None, Fault::Unreachable]);
        let attempt = at_once(1, "tok_visa");
        assert_eq!(now(test.authorize(attempt.clone())), Err(ProviderError::Unreachable));
        assert_eq!(test.taken(payment(1)), None);
        assert_eq!(now(test.authorize(attempt)), Err(ProviderError::UnknownOutcome));
        assert_eq!(test.taken(payment(1)), Some(usd(10)));
        assert_eq!(now(test.look_up(payment(1))), Ok(Some(captured(1))));
        assert_eq!(now(test.void(payment(1))), Err(ProviderError::Unreachable));
    }

    fn everything(test: &TestProvider) -> Vec<(Option<PaymentAnswer>, Option<Money>)> {
        (0..10).map(|n| (now(test.look_up(payment(n))).unwrap(), test.taken(payment(n)))).collect()
    }

    #[test]
    fn the_ledger_survives_a_crash_without_the_line_it_cut_and_without_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let open = || TestProvider::open(folder.path(), settings()).unwrap();
        let test = open();
        now(test.authorize(at_once(1, "tok_visa"))).unwrap();
        now(test.authorize(attempt(2, "tok_visa", CaptureMode::Later))).unwrap();
        now(test.authorize(at_once(3, "tok_action"))).unwrap();
        now(test.authorize(at_once(4, "tok_declined"))).unwrap();
        now(test.void(payment(5))).unwrap();
        now(test.capture(payment(2), "test-2")).unwrap();
        now(test.refund(refund(1), payment(1), usd(6))).unwrap();
        let before = everything(&test);
        drop(test);

        let path = folder.path().join(LEDGER_FILE);
        let whole = std::fs::read_to_string(&path).unwrap();
        assert!(!whole.contains("tok_"));
        std::fs::write(&path, format!("{whole}{{\"payment\":{{\"payment\":\"pay-0")).unwrap();
        let test = open();
        assert_eq!(everything(&test), before);
        let more = now(test.refund(refund(2), payment(1), usd(6))).unwrap();
        assert!(matches!(more, RefundAnswer::Refused { .. }));
        let again = now(test.refund(refund(1), payment(1), usd(6)));
        assert_eq!(again, Ok(RefundAnswer::Settled));
        assert_eq!(now(test.authorize(at_once(5, "tok_visa"))), Ok(A::Voided));
        now(test.authorize(at_once(6, "tok_visa"))).unwrap();
        let before = everything(&test);
        drop(test);
        assert_eq!(everything(&open()), before, "what follows a cut line can be read");
    }

    #[test]
    fn a_damaged_ledger_is_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LEDGER_FILE), "{}\n").unwrap();
        let error = TestProvider::open(folder.path(), settings()).err().unwrap();
        assert!(error.to_string().starts_with("line 1 of "), "{error}");
    }

    #[derive(Clone, Copy, Debug)]
    enum Call {
        Authorize(u8, &'static str, CaptureMode),
        Capture(u8),
        Void(u8),
        Refund(u8, u8, i64),
        Complete(u8, bool),
    }

    fn calls() -> impl Strategy<Value = Call> {
        let token = prop::sample::select(vec![APPROVED, DECLINED, ACTION]);
        let mode = prop::sample::select(vec![CaptureMode::AtOnce, CaptureMode::Later]);
        prop_oneof![
            (0u8..3, token, mode).prop_map(|(id, token, mode)| Call::Authorize(id, token, mode)),
            (0u8..3).prop_map(Call::Capture),
            (0u8..3).prop_map(Call::Void),
            (0u8..6, 0u8..3, 1i64..12)
                .prop_map(|(refund, id, amount)| Call::Refund(refund, id, amount)),
            (0u8..3, any::<bool>()).prop_map(|(id, yes)| Call::Complete(id, yes)),
        ]
    }

    fn carry_out(test: &TestProvider, call: Call) {
        match call {
            Call::Authorize(id, token, mode) => drop(now(test.authorize(attempt(id, token, mode)))),
            Call::Capture(id) => drop(now(test.capture(payment(id), ""))),
            Call::Void(id) => drop(now(test.void(payment(id)))),
            Call::Refund(number, id, amount) => {
                drop(now(test.refund(refund(number), payment(id), usd(amount))));
            }
            Call::Complete(id, yes) => drop(test.complete(payment(id), yes)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_call_twice_is_as_good_as_once_and_a_restart_forgets_nothing(
            calls in prop::collection::vec(calls(), 1..40),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (once, twice) = (provider(), TestProvider::open(folder.path(), settings()).unwrap());
            for call in calls {
                carry_out(&once, call);
                carry_out(&twice, call);
                carry_out(&twice, call);
                prop_assert_eq!(everything(&once), everything(&twice));
                for left in everything(&once).into_iter().filter_map(|(_, left)| left) {
                    prop_assert!(!left.is_negative() && left.minor() <= usd(10).minor());
                }
            }
            drop(twice);
            let reopened = TestProvider::open(folder.path(), settings()).unwrap();
            prop_assert_eq!(everything(&once), everything(&reopened));
        }
    }
}
