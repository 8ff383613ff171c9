//! The mails that wait: whose turn it is, when another try is worth it, and whether the mail server
//! is to be left alone for now.

use crate::domain::{MailId, Span, Timestamp};
use crate::storage::records::WaitingMail;
use crate::storage::{Snapshot, StoreError, Table};
use std::collections::{BTreeSet, HashMap};

/// The pause before the second try of one mail; each further one is twice as long. Servers that put
/// off whom they do not know take a mail after one to five minutes.
const FIRST_PAUSE: Span = Span::minutes(1);
const LONGEST_PAUSE: Span = Span::hours(1);

/// The pause before a server that cannot be used is asked again, likewise.
const FIRST_REST: Span = Span::seconds(1);
const LONGEST_REST: Span = Span::minutes(1);

/// The mails in the table of those that wait, in memory.
#[derive(Default)]
pub(super) struct Waiting {
    mails: HashMap<MailId, WaitingMail>,
    /// Those of them that are not under way.
    due: BTreeSet<(Timestamp, MailId)>,
}

impl Waiting {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        snapshot.load_records(Table::MailsWaiting, &[], |key, mail: WaitingMail| {
            if let Ok(id) = key.try_into() {
                waiting.put(MailId::from_bytes(id), mail);
            }
        })?;
        Ok(waiting)
    }

    pub fn len(&self) -> usize {
        self.mails.len()
    }

    pub fn has(&self, id: MailId) -> bool {
        self.mails.contains_key(&id)
    }

    /// Waits from now on, or again, as `mail` says.
    pub fn put(&mut self, id: MailId, mail: WaitingMail) {
        self.remove(id);
        self.due.insert((mail.next_at, id));
        self.mails.insert(id, mail);
    }

    /// Waits on as before.
    pub fn put_back(&mut self, id: MailId) {
        self.due.extend(self.mails.get(&id).map(|mail| (mail.next_at, id)));
    }

    /// It is under way now.
    pub fn take_out(&mut self, id: MailId) {
        if let Some(mail) = self.mails.get(&id) {
            self.due.remove(&(mail.next_at, id));
        }
    }

    /// It waits no longer.
    pub fn remove(&mut self, id: MailId) {
        self.take_out(id);
        self.mails.remove(&id);
    }

    /// The one that has been due for longest.
    pub fn next_due(&self, now: Timestamp) -> Option<MailId> {
        self.due.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// How it is to wait after another try in vain.
    pub fn next_try(&self, id: MailId, now: Timestamp, random: u64) -> WaitingMail {
        let before = self.mails.get(&id).map_or(0, |mail| mail.tries);
        let pause = pause(FIRST_PAUSE, LONGEST_PAUSE, before, random);
        WaitingMail { tries: before.saturating_add(1), next_at: now.plus(pause) }
    }
}

/// Whether the mail server is asked at all. While it cannot be used, one mail at a time tries, after
/// ever longer rests.
#[derive(Default)]
pub(super) struct Door {
    failures: u32,
    shut_until: Timestamp,
}

impl Door {
    /// How many mails may be under way at `now`.
    pub fn room(&self, now: Timestamp, most: usize) -> usize {
        match self.failures {
            0 => most,
            _ => usize::from(self.shut_until <= now),
        }
    }

    pub fn is_shut(&self) -> bool {
        self.failures > 0
    }

    pub fn open(&mut self) {
        *self = Door::default();
    }

    /// The server could not be used. Of several that found that out together, one counts.
    pub fn shut(&mut self, now: Timestamp, random: u64) {
        if self.failures == 0 || self.shut_until <= now {
            let rest = pause(FIRST_REST, LONGEST_REST, self.failures, random);
            self.failures = self.failures.saturating_add(1);
            self.shut_until = now.plus(rest);
        }
    }
}

/// `first`, doubled for each failure before, at most `longest`; a quarter longer or shorter by
/// chance, so that what failed together does not try again together.
fn pause(first: Span, longest: Span, failures: u32, random: u64) -> Span {
    let doubled = first.as_millis().saturating_mul(1 << failures.min(30));
    let pause = doubled.min(longest.as_millis());
    let jitter = (random % 1_001) as i64 - 500;
    Span::millis(pause + pause * jitter / 2_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn id(n: u8) -> MailId {
        MailId::from_bytes([n; 16])
    }

    fn due_at(at: Timestamp) -> WaitingMail {
        WaitingMail { tries: 0, next_at: at }
    }

    #[test]
    fn the_longest_due_goes_first_and_what_is_under_way_does_not_go_twice() {
        let mut waiting = Waiting::default();
        let later = NOON.plus(Span::minutes(5));
        waiting.put(id(1), due_at(later));
        waiting.put(id(3), due_at(NOON));
        waiting.put(id(2), due_at(NOON.minus(Span::minutes(1))));
        let mut order = vec![];
        while let Some(next) = waiting.next_due(NOON) {
            waiting.take_out(next);
            order.push(next);
        }
        assert_eq!((order, waiting.len()), (vec![id(2), id(3)], 3));
        waiting.put_back(id(2));
        assert_eq!(waiting.next_due(NOON), Some(id(2)));
        let put_off = waiting.next_try(id(2), NOON, 0);
        waiting.put(id(2), put_off);
        assert_eq!((waiting.next_due(NOON), waiting.len()), (None, 3));
        waiting.remove(id(1));
        assert_eq!((waiting.next_due(later), waiting.len()), (Some(id(2)), 2));
    }

    #[test]
    fn a_server_that_is_down_is_asked_by_one_mail_at_a_time_and_ever_more_rarely() {
        let mut door = Door::default();
        assert_eq!((door.room(NOON, 4), door.is_shut()), (4, false));
        for random in [0, 1_000, 500, 0] {
            door.shut(NOON, random);
        }
        assert!(door.shut_until <= NOON.plus(Span::millis(1_250)), "four found out together");
        assert_eq!((door.room(NOON, 4), door.is_shut()), (0, true));
        let again = door.shut_until;
        assert_eq!(door.room(again, 4), 1);
        door.shut(again, 500);
        assert_eq!(door.shut_until, again.plus(Span::seconds(2)));
        door.open();
        assert_eq!((door.room(NOON, 4), door.is_shut()), (4, false));
    }

    proptest! {
        #[test]
        fn pauses_grow_and_have_bounds(failures: u32, random: u64) {
            let pause = pause(FIRST_PAUSE, LONGEST_PAUSE, failures, random).as_millis();
            let expected = (60_000i64 << failures.min(6)).min(3_600_000);
            prop_assert!(pause >= expected * 3 / 4 && pause <= expected * 5 / 4);
        }
    }
}
