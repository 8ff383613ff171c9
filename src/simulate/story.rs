//! What happened, line by line, and a digest of it by which two runs are compared.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

pub(super) struct Story {
    pub step: usize,
    lines: Option<Vec<String>>,
    digest: DefaultHasher,
}

impl Story {
    /// `is_told`: whether lines are kept; without, there is the digest alone.
    pub fn new(is_told: bool) -> Story {
        Story { step: 0, lines: is_told.then(Vec::new), digest: DefaultHasher::new() }
    }

    /// Something that goes into the digest, in every run.
    pub fn count(&mut self, what: impl Hash) {
        what.hash(&mut self.digest);
    }

    /// A line for people.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>6}  {}", self.step, line()));
        }
    }

    pub fn end(self) -> (u64, Vec<String>) {
        (self.digest.finish(), self.lines.unwrap_or_default())
    }
}
