//! How often a second a disk makes a block durable: nothing that waits for it can be faster alone.

use super::{Counted, histogram, note};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// As much as a page of redb's.
pub const BLOCK: usize = 4_096;

/// Blocks that are overwritten in turns, so that no cache of one block answers for the disk.
const BLOCKS: u64 = 256;

/// Overwrites blocks in place and syncs each, by one thread. The file is gone afterwards.
pub fn fsyncs(folder: &Path, duration: Duration) -> io::Result<Counted> {
    let block = [7; BLOCK];
    let file = tempfile::Builder::new().prefix("fsyncs-").tempfile_in(folder)?;
    let file: &File = file.as_file();
    let place = |block: u64| block % BLOCKS * BLOCK as u64;
    for i in 0..BLOCKS {
        file.write_all_at(&block, place(i))?;
    }
    file.sync_all()?;
    let mut took = histogram();
    let began = Instant::now();
    while took.is_empty() || began.elapsed() < duration {
        let asked = Instant::now();
        file.write_all_at(&block, place(took.len()))?;
        file.sync_data()?;
        note(&mut took, asked.elapsed());
    }
    Ok(Counted::of(&took, began.elapsed()))
}
