//! The log: lines to standard error, as text or as JSON, each with the request that it was written for.
//!
//! Lines are gathered for some milliseconds and written together, because a write for each request
//! costs as much as the answer to a small one. Warnings and errors are written at once, and all that
//! came before them; whoever kills the process from outside loses the last moment of the rest.

use crate::telemetry::request::{self, Redacted, Request};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// For how long lines are gathered.
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// With so many bytes they are written at once.
const MOST_GATHERED: usize = 64 << 10;

/// Starts the log; `MERCAT_LOG` chooses what it says, `MERCAT_LOG_FORMAT=json` how.
pub(super) fn start() -> Log {
    let filter =
        std::env::var("MERCAT_LOG").unwrap_or_else(|_| "info,ractor=warn,tantivy=warn".into());
    let filter = EnvFilter::try_new(&filter)
        .unwrap_or_else(|_| EnvFilter::new("info,ractor=warn,tantivy=warn"));
    let log = Log::default();
    let own = log.clone();
    // Without the thread, lines are written when enough of them have come, and at the end.
    let _ = thread::Builder::new().name("log".into()).spawn(move || own.write_now_and_then());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone());
    if std::env::var("MERCAT_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.json().map_event_format(InJson).init();
    } else {
        builder.event_format(AsText).init();
    }
    log
}

/// Lines on their way. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Gathered>);

#[derive(Default)]
struct Gathered {
    lines: Mutex<Vec<u8>>,
    some_came: Condvar,
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was gathered. Nobody can be told where standard error does not take it.
    pub fn flush(&self) {
        write_out(&mut self.lines());
    }

    fn write_now_and_then(&self) {
        loop {
            let lines = self.0.some_came.wait_while(self.lines(), |lines| lines.is_empty());
            drop(lines);
            thread::sleep(GATHERED_FOR);
            self.flush();
        }
    }
}

fn write_out(lines: &mut Vec<u8>) {
    let _ = io::stderr().write_all(lines);
    lines.clear();
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { log: self, is_urgent: true }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { log: self, is_urgent: *about.level() <= Level::WARN }
    }
}

/// Where one line is written.
pub(super) struct Line<'a> {
    log: &'a Log,
    is_urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.log.lines();
        let is_first = lines.is_empty();
        lines.extend_from_slice(bytes);
        if self.is_urgent || lines.len() > MOST_GATHERED {
            write_out(&mut lines);
        } else if is_first {
            self.log.0.some_came.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line for people: time, level, request, and what happened.
struct AsText;

impl<S, N> FormatEvent<S, N> for AsText
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        SystemTime.format_time(&mut line)?;
        let level = *event.metadata().level();
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        if line.has_ansi_escapes() {
            write!(line, " \x1b[{colour}m{level:>5}\x1b[0m ")?;
        } else {
            write!(line, " {level:>5} ")?;
        }
        if let Some(request) = request::current() {
            write!(line, "{request}: ")?;
        }
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

/// A line for programs.
struct InJson(Format<Json>);

impl<S> FormatEvent<S, JsonFields> for InJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(request) = request::current() else {
            return self.0.format_event(context, line, event);
        };
        let mut object = String::new();
        self.0.format_event(context, Writer::new(&mut object), event)?;
        let rest = object.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        writeln!(line, "{rest},\"span\":{}}}", span(&request))
    }
}

/// A request as an object of JSON.
fn span(request: &Request) -> serde_json::Value {
    let Request { id, method, path, holds: _ } = request;
    let path = Redacted(path).to_string();
    serde_json::json!({ "name": "request", "request.id": id, "method": method, "path": path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tracing::subscriber::with_default;

    /// Lines in memory.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// One line that belongs to a request, and one that belongs to none.
    fn two_lines() {
        let (id, method, path) = ("7".into(), "GET".into(), "/v1/carts/cart-1".into());
        let line = async { tracing::info!(status = 200, "answered") };
        let request = Request { id, method, path, holds: None };
        let _ = request::on_behalf_of(Arc::new(request), line).now_or_never();
        tracing::warn!("by itself");
    }

    #[test]
    fn a_line_for_people_names_its_request() {
        let kept = Kept::default();
        let (writer, builder) = (kept.clone(), tracing_subscriber::fmt().with_ansi(false));
        let log = builder.event_format(AsText).with_writer(move || writer.clone()).finish();
        with_default(log, two_lines);
        let text = kept.text();
        let lines: Vec<&str> = text.lines().collect();
        let asked =
            " INFO request{request.id=\"7\" method=GET path=/v1/carts/cart-…}: answered status=200";
        assert!(lines[0].ends_with(asked), "{}", lines[0]);
        assert!(lines[1].ends_with(" WARN by itself"), "{}", lines[1]);
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_for_programs_is_json_with_its_request() {
        let kept = Kept::default();
        let (writer, builder) = (kept.clone(), tracing_subscriber::fmt().json());
        let log = builder.map_event_format(InJson).with_writer(move || writer.clone()).finish();
        with_default(log, two_lines);
        let text = kept.text();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["fields"]["message"], "answered");
        assert_eq!(lines[0]["span"]["request.id"], "7");
        assert_eq!(lines[0]["span"]["path"], "/v1/carts/cart-…");
        assert_eq!(lines[1]["level"], "WARN");
        assert!(lines[1].get("span").is_none());
    }

    #[test]
    fn quiet_lines_are_gathered_and_loud_ones_bring_them_along() {
        let log = Log::default();
        Line { log: &log, is_urgent: false }.write_all(b"").unwrap();
        assert!(log.lines().is_empty());
        Line { log: &log, is_urgent: false }.write_all(b"quiet\n").unwrap();
        assert_eq!(*log.lines(), b"quiet\n");
        Line { log: &log, is_urgent: true }.write_all(b"loud\n").unwrap();
        assert!(log.lines().is_empty(), "both were written");
    }
}
