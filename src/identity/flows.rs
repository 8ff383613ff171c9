//! Journeys to a provider that have begun: what was sent along, kept until the browser comes back.
//!
//! Each is bound to one browser by a secret in its cookie, is good for one return, and lapses. All
//! are in memory and bounded: whoever starts journeys by the thousand pushes out the oldest, and a
//! shop that is started again asks people to start again.

use crate::domain::{Span, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// How long somebody may take at the provider.
pub const FLOW_FOR: Span = Span::minutes(10);

/// Journeys under way at once, of less than a kilobyte each.
const MOST_FLOWS: usize = 16_384;

/// What a journey is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    pub gives: Gives,
    /// Where the browser goes in the end: a path of the shop.
    pub return_to: Option<String>,
}

/// What whoever comes back is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gives {
    /// As JSON.
    #[default]
    Tokens,
    /// In a cookie, and is sent on.
    Session,
}

/// What is remembered of one journey.
pub struct Flow {
    pub provider: String,
    /// What the ID token must hold.
    pub nonce: String,
    /// What proves that the code was asked for here (PKCE).
    pub verifier: String,
    pub aim: Aim,
    browser: Hash,
    expires_at: Timestamp,
}

type Hash = [u8; 32];

#[derive(Default)]
pub struct Flows(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the hash of the state, so that looking one up tells nothing by its time.
    by_state: HashMap<Hash, Flow>,
    /// In the order in which they began, also those that have come back.
    begun: VecDeque<Hash>,
}

impl Flow {
    pub fn new(
        provider: &str,
        nonce: String,
        verifier: String,
        aim: Aim,
        (browser, now): (&str, Timestamp),
    ) -> Flow {
        let provider = provider.to_owned();
        let expires_at = now.plus(FLOW_FOR);
        Flow { provider, nonce, verifier, aim, browser: hash(browser), expires_at }
    }
}

impl Flows {
    pub fn keep(&self, state: &str, flow: Flow) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { by_state, begun } = &mut *kept;
        while begun.len() >= MOST_FLOWS {
            if let Some(oldest) = begun.pop_front() {
                by_state.remove(&oldest);
            }
        }
        let state = hash(state);
        by_state.insert(state, flow);
        begun.push_back(state);
    }

    /// The journey of this state, if it began in this browser and has not lapsed. Whatever is asked,
    /// a state is good once.
    pub fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Flow> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let flow = kept.by_state.remove(&hash(state))?;
        let is_same = bool::from(flow.browser.ct_eq(&hash(browser)));
        (is_same && now < flow.expires_at).then_some(flow)
    }
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn flow(browser: &str) -> Flow {
        Flow::new("house", "n".into(), "v".into(), Aim::default(), (browser, NOON))
    }

    #[test]
    fn a_state_is_good_once_and_in_one_browser() {
        let flows = Flows::default();
        flows.keep("one", flow("mine"));
        assert!(flows.take("other", "mine", NOON).is_none());
        assert!(flows.take("one", "mine", NOON).is_some());
        assert!(flows.take("one", "mine", NOON).is_none());
        flows.keep("two", flow("mine"));
        assert!(flows.take("two", "theirs", NOON).is_none());
        assert!(flows.take("two", "mine", NOON).is_none(), "it was shown once");
    }

    #[test]
    fn a_journey_lapses() {
        let flows = Flows::default();
        flows.keep("one", flow("mine"));
        flows.keep("two", flow("mine"));
        let late = NOON.plus(FLOW_FOR);
        assert!(flows.take("one", "mine", late).is_none());
        assert!(flows.take("two", "mine", late.minus(Span::millis(1))).is_some());
    }

    #[test]
    fn the_oldest_make_room() {
        let flows = Flows::default();
        for i in 0..=MOST_FLOWS {
            flows.keep(&i.to_string(), flow("mine"));
        }
        assert!(flows.take("0", "mine", NOON).is_none());
        assert!(flows.take("1", "mine", NOON).is_some());
        assert!(flows.take(&MOST_FLOWS.to_string(), "mine", NOON).is_some());
        assert!(flows.0.lock().unwrap().begun.len() <= MOST_FLOWS);
    }
}
