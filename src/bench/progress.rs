//! What is under way, for who waits: on standard error, and a line that is written over every second
//! only where that is a terminal.

use super::books::thousands;
use super::report::{Second, words};
use std::io::{IsTerminal, Write};

pub struct Progress {
    is_terminal: bool,
    is_silent: bool,
}

impl Progress {
    pub fn new(is_silent: bool) -> Progress {
        Progress { is_terminal: std::io::stderr().is_terminal(), is_silent }
    }

    /// A new thing is under way.
    pub fn tell(&self, what: &str) {
        if !self.is_silent {
            let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
            // Nobody may be there to read it any more.
            let _ = writeln!(std::io::stderr(), "{clear}{what}");
        }
    }

    /// One more second of a load.
    pub fn second(&self, name: &str, second: &Second) {
        if !self.is_silent && self.is_terminal {
            let mut out = std::io::stderr();
            let _ = write!(out, "\r\x1b[K{}", line(name, second)).and_then(|()| out.flush());
        }
    }

    /// The line that is written over is done.
    pub fn clear(&self) {
        if !self.is_silent && self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(name: &str, second: &Second) -> String {
    let mut line = format!(
        "{name}  {} s  {}/s  p50 {}  p99 {}",
        second.at + 1,
        thousands(second.ok),
        time(second.p50_us),
        time(second.p99_us)
    );
    for (count, what) in
        [(second.refused, "refused"), (second.shed, "shed"), (second.errors, "errors")]
    {
        if count > 0 {
            line += &format!("  {} {what}", thousands(count));
        }
    }
    if let Some(cores) = second.server_cpu {
        line += &format!("  shop {cores:.2} cores");
    }
    if let Some(bytes) = second.server_memory_bytes {
        line += &format!(" {} MB", bytes >> 20);
    }
    line
}

/// Microseconds, for people.
pub fn time(us: u64) -> String {
    words::time(us as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_one_line() {
        let second = Second {
            at: 3,
            ok: 10_400,
            shed: 7,
            p50_us: 870,
            p99_us: 5_800,
            server_cpu: Some(1.4),
            server_memory_bytes: Some(71 << 20),
            ..Second::default()
        };
        let expected =
            "cart  4 s  10,400/s  p50 870 µs  p99 5.80 ms  7 shed  shop 1.40 cores 71 MB";
        assert_eq!(line("cart", &second), expected);
    }
}
