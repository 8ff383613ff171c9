//! What a process takes of the machine, as Linux tells it in `/proc`; nothing is known elsewhere.

use std::fs;
use std::time::Duration;

/// A process that is looked at now and then.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    pub fn this() -> Process {
        Process(std::process::id())
    }

    /// How long processors have worked for it so far, all its threads together.
    pub fn worked(self) -> Option<Duration> {
        /// Linux counts in hundredths of a second.
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The name, in brackets, may contain blanks. Behind it, user and system time are words 12
        // and 13.
        let (_, words) = stat.rsplit_once(')')?;
        let ticks = words.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Some(TICK * ticks.sum::<Result<u32, _>>().ok()?)
    }

    /// Memory that is resident, in bytes.
    pub fn resident(self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let this = Process::this();
        assert!(this.resident() > Some(1 << 20), "{:?}", this.resident());
        let before = this.worked().unwrap();
        while this.worked().unwrap() == before {
            std::hint::black_box((0..100_000u64).sum::<u64>());
        }
        assert_eq!(Process(u32::MAX).resident(), None);
    }
}
