//! What a bench runs on: processors, memory, kernel, and the disk under a folder.
//!
//! Read from `/proc`; elsewhere than on Linux most of it is unknown, and says so.

use super::limits::disk;
use super::report::Machine;
use std::fs;
use std::io;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

const UNKNOWN: &str = "unknown";

/// Looks at the machine, and for a moment at how fast the disk under `folder` syncs. Blocks.
pub fn look(folder: &Path) -> io::Result<Machine> {
    let fsyncs = disk::fsyncs(folder, Duration::from_millis(400))?;
    Ok(Machine {
        cores: available_parallelism().map_or(1, |cores| cores.get() as u32),
        processor: field("/proc/cpuinfo", "model name")
            .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        memory_bytes: field("/proc/meminfo", "MemTotal").as_deref().map_or(0, kilobytes),
        kernel: kernel(),
        filesystem: filesystem(folder)?,
        fsyncs_per_second: fsyncs.rate,
    })
}

/// The kind of file system that a folder is on, as the kernel names it: `ext4`, `tmpfs`.
pub fn filesystem(folder: &Path) -> io::Result<String> {
    let folder = folder.canonicalize()?;
    let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else { return Ok(UNKNOWN.into()) };
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (place, kind) = (words.nth(1)?, words.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    // The deepest mount wins, and of those the last one.
    Ok(mounts.max_by_key(|(length, _)| *length).map_or(UNKNOWN, |(_, kind)| kind).to_owned())
}

/// Whether a file system of that kind is memory, on which nothing is durable.
pub fn is_memory(filesystem: &str) -> bool {
    matches!(filesystem, "tmpfs" | "ramfs")
}

fn kernel() -> String {
    let word = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    match (word("ostype"), word("osrelease")) {
        (Ok(kind), Ok(release)) => format!("{} {}", kind.trim(), release.trim()),
        _ => std::env::consts::OS.to_owned(),
    }
}

/// What stands behind `name:` in a file of `/proc`, on its first line.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

/// Bytes of `24567890 kB`.
fn kilobytes(text: &str) -> u64 {
    let number = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_not_taken_for_a_disk() {
        assert!(is_memory("tmpfs") && is_memory("ramfs"));
        assert!(!is_memory("ext4"));
    }

    #[test]
    fn the_kernel_counts_memory_in_kilobytes() {
        assert_eq!(kilobytes("2048 kB"), 2 << 20);
        assert_eq!(kilobytes("plenty"), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let machine = look(folder.path()).unwrap();
        assert!(machine.cores > 0 && machine.memory_bytes > 0, "{machine:?}");
        assert!(machine.fsyncs_per_second > 0.0, "{machine:?}");
        assert!(machine.kernel.starts_with("Linux "), "{machine:?}");
        assert_ne!(filesystem(Path::new("/proc")).unwrap(), UNKNOWN);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
