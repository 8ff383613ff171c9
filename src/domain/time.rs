//! Instants and spans, as values. The domain never asks a clock: every time comes in as an argument.

use std::fmt;

/// An instant in UTC: whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn plus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }

    pub const fn minus(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    pub const fn millis(millis: i64) -> Span {
        Span(millis)
    }

    pub const fn seconds(seconds: i64) -> Span {
        Span(seconds * 1_000)
    }

    pub const fn minutes(minutes: i64) -> Span {
        Span::seconds(minutes * 60)
    }

    pub const fn hours(hours: i64) -> Span {
        Span::minutes(hours * 60)
    }

    pub const fn days(days: i64) -> Span {
        Span::hours(days * 24)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
