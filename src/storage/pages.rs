//! A check of every page of a data file against its checksum, by all cores and in one walk.
//!
//! redb's own check walks the file three times on one core and keeps what it reads in its cache, for it
//! also rebuilds what it knows of free pages: 1.6 µs for each KB, which is a second for a shop with
//! 100,000 orders, before its door opens. This one only compares: the header names the roots
//! with their checksums, and each page those of the pages below it, so that no page in use can change
//! unnoticed. It knows redb's file format 3 as far as this program writes it, and can say of a file that it is whole.
//! Whatever else it meets, be it damage or a shape that it does not know, is left to redb's own check, which has the
//! last word.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use twox_hash::XxHash3_128;

/// One commit, as the header names it.
pub(super) type Slot = [u8; SLOT_BYTES];

// The header: what is where, all numbers in little-endian order.
pub(super) const HEADER_BYTES: usize = 320;
pub(super) const FLAGS: usize = 9;
pub(super) const SECOND_IS_PRIMARY: u8 = 1;
pub(super) const LEFT_BY_A_CRASH: u8 = 2;
const TWO_PHASES: u8 = 4;
const PAGE_SIZE: usize = 12;
const REGION_HEADER_PAGES: usize = 16;
const REGION_PAGES: usize = 20;
const SLOTS: [usize; 2] = [64, 64 + SLOT_BYTES];
const SLOT_BYTES: usize = 128;
/// In a slot: its version, whether there are tables and system tables, their roots, its checksum.
const FORMAT: u8 = 3;
const HAS_ROOTS: [usize; 2] = [1, 2];
const ROOTS: [usize; 2] = [8, 40];
const SLOT_SUM: usize = SLOT_BYTES - 16;

/// The last commit that a header names.
pub(super) fn primary(header: &[u8; HEADER_BYTES]) -> &Slot {
    let at = SLOTS[usize::from(header[FLAGS] & SECOND_IS_PRIMARY != 0)];
    header[at..at + SLOT_BYTES].try_into().expect("a slot's length")
}

const LEAF: u8 = 1;
const BRANCH: u8 = 2;

/// The only page size that this program's files have.
const PAGE: u64 = 4_096;

/// Pages of at most 2^20 times that size (redb's own bound).
const LARGEST_ORDER: u8 = 20;

/// No tree is deeper; a circle of pages would be.
const DEEPEST: usize = 128;

/// Pages that lie together are read at once, up to this many bytes.
const READ_AT_ONCE: u64 = 256 << 10;

/// How many parts the work is divided into before threads share it.
const PARTS: usize = 512;

/// The last commit that the header names, if every page of it is as it was written.
pub(super) fn whole(file: &File, header: &[u8; HEADER_BYTES]) -> Option<Slot> {
    let number =
        |at: usize| header[at..].first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    let (slot, flags) = (primary(header), header[FLAGS]);
    // Only what was committed in two phases is sure to be the last commit, also after a crash.
    let is_familiar = flags & TWO_PHASES != 0
        && flags & !(SECOND_IS_PRIMARY | LEFT_BY_A_CRASH | TWO_PHASES) == 0
        && number(PAGE_SIZE) == Some(PAGE)
        && slot[0] == FORMAT
        && checksum_at(slot, SLOT_SUM) == Some(XxHash3_128::oneshot(&slot[..SLOT_SUM]));
    if !is_familiar {
        return None;
    }
    let region_header = number(REGION_HEADER_PAGES)? * PAGE;
    let look = Look {
        file,
        length: file.metadata().ok()?.len(),
        region_header,
        region: region_header + number(REGION_PAGES)? * PAGE,
    };
    let mut trees = Vec::new();
    for (has_root, root) in HAS_ROOTS.into_iter().zip(ROOTS) {
        if slot[has_root] != 0 {
            look.tables(Node::root(slot, root)?, &mut trees)?;
        }
    }
    look.trees(trees)?;
    Some(*slot)
}

/// A page as the one above it names it.
#[derive(Clone, Debug)]
struct Node {
    place: u64,
    checksum: u128,
    depth: usize,
    /// Of a key and a value, where all of a tree are of one length.
    widths: [Option<usize>; 2],
}

impl Node {
    /// The root that stands in a header of a tree: its page, its checksum, and its length.
    fn root(bytes: &[u8], at: usize) -> Option<Node> {
        let (place, checksum) = (number_at(bytes, at)?, checksum_at(bytes, at + 8)?);
        Some(Node { place, checksum, depth: 0, widths: [None; 2] })
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

fn checksum_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// How many entries a page says that it has.
fn count(page: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(*page.get(2..)?.first_chunk()?)))
}

/// Where keys and values of a leaf end, by their number.
struct Leaf<'a> {
    page: &'a [u8],
    pairs: usize,
    widths: [Option<usize>; 2],
}

impl<'a> Leaf<'a> {
    fn of(page: &'a [u8], widths: [Option<usize>; 2]) -> Option<Leaf<'a>> {
        Some(Leaf { page, pairs: count(page)?, widths })
    }

    fn key_end(&self, n: usize) -> Option<usize> {
        let tables = self.widths.iter().filter(|width| width.is_none()).count();
        match self.widths[0] {
            Some(width) => Some(4 + 4 * self.pairs * tables + width * (n + 1)),
            None => length_at(self.page, 4 + 4 * n),
        }
    }

    fn value_end(&self, n: usize) -> Option<usize> {
        match self.widths {
            [_, Some(width)] => Some(self.key_end(self.pairs.checked_sub(1)?)? + width * (n + 1)),
            [None, None] => length_at(self.page, 4 + 4 * self.pairs + 4 * n),
            [Some(_), None] => length_at(self.page, 4 + 4 * n),
        }
    }

    fn end(&self) -> Option<usize> {
        self.value_end(self.pairs.checked_sub(1)?)
    }

    fn value(&self, n: usize) -> Option<&'a [u8]> {
        let before = n.checked_sub(1);
        let start = before.map_or_else(|| self.key_end(self.pairs - 1), |n| self.value_end(n))?;
        self.page.get(start..self.value_end(n)?)
    }
}

/// Where the children of a branch are named: checksums first, then pages.
fn branch_end(page: &[u8], widths: [Option<usize>; 2]) -> Option<usize> {
    let keys = count(page)?;
    let names = 8 + 24 * (keys + 1);
    match widths[0] {
        Some(width) => Some(names + width * keys),
        None => length_at(page, names + 4 * keys.checked_sub(1)?),
    }
}

struct Look<'a> {
    file: &'a File,
    length: u64,
    region_header: u64,
    region: u64,
}

impl Look<'_> {
    /// Where in the file a page is.
    fn range(&self, node: &Node) -> Option<Range<u64>> {
        let order = (node.place >> 59) as u8;
        if order > LARGEST_ORDER {
            return None;
        }
        let (index, region) = (node.place & (0xF_FFFF >> order), node.place >> 20 & 0xF_FFFF);
        let size = PAGE << order;
        let start = PAGE + region * self.region + self.region_header + index * size;
        let end = start + size;
        (end <= self.length).then_some(start..end)
    }

    fn read(&self, node: &Node) -> Option<Vec<u8>> {
        let range = self.range(node)?;
        let mut page = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut page, range.start).ok()?;
        Some(page)
    }

    /// Checks a page; gives those below it.
    fn check(&self, node: &Node, page: &[u8], below: &mut Vec<Node>) -> Option<()> {
        let end = match page[0] {
            LEAF => Leaf::of(page, node.widths).and_then(|leaf| leaf.end()),
            BRANCH => branch_end(page, node.widths),
            _ => None,
        };
        let written = end.and_then(|end| page.get(..end));
        if written.map(XxHash3_128::oneshot) != Some(node.checksum) {
            return None;
        }
        if page[0] == BRANCH {
            let children = count(page)? + 1;
            for child in 0..children {
                let checksum = checksum_at(page, 8 + 16 * child)?;
                let place = number_at(page, 8 + 16 * children + 8 * child)?;
                below.push(Node { place, checksum, depth: node.depth + 1, ..*node });
            }
        }
        (node.depth <= DEEPEST).then_some(())
    }

    /// Checks the tree that names tables, and gives the roots of those.
    fn tables(&self, root: Node, trees: &mut Vec<Node>) -> Option<()> {
        /// Of the kinds of tables, the only one that this program makes.
        const PLAIN: u8 = 3;
        let mut nodes = vec![root];
        while let Some(node) = nodes.pop() {
            let page = self.read(&node)?;
            self.check(&node, &page, &mut nodes)?;
            if page[0] == BRANCH {
                continue;
            }
            let leaf = Leaf::of(&page, node.widths)?;
            for n in 0..leaf.pairs {
                // Its kind, its length, whether it has a root and that, both widths.
                let table = leaf.value(n)?;
                let width = |at: usize| match table.get(at)? {
                    0 => Some(None),
                    _ => length_at(table, at + 1).map(Some),
                };
                let widths = [width(42)?, width(47)?];
                if table[0] != PLAIN {
                    return None;
                }
                if table[9] != 0 {
                    trees.push(Node { widths, ..Node::root(table, 10)? });
                }
            }
        }
        Some(())
    }

    /// Checks trees: first from the top, until there is enough to be divided, then all at once.
    fn trees(&self, roots: Vec<Node>) -> Option<()> {
        let mut parts = roots;
        while !parts.is_empty() && parts.len() < PARTS {
            let mut below = Vec::new();
            for node in &parts {
                self.check(node, &self.read(node)?, &mut below)?;
            }
            parts = below;
        }
        let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut buffer = Vec::new();
            while let Some(node) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_over.load(Ordering::Relaxed)
                    || self.level(vec![node.clone()], &mut buffer).is_none()
                {
                    is_over.store(true, Ordering::Relaxed);
                    return None;
                }
            }
            Some(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let ends = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ends.fold(own, Option::and)
        })
    }

    /// Checks pages of one level, and all that is below them.
    fn level(&self, mut nodes: Vec<Node>, buffer: &mut Vec<u8>) -> Option<()> {
        let mut ranges = Vec::with_capacity(nodes.len());
        nodes.sort_unstable_by_key(|node| node.place & ((1 << 59) - 1));
        for node in &nodes {
            ranges.push(self.range(node)?);
        }
        let mut first = 0;
        let mut below = Vec::new();
        while first < nodes.len() {
            let start = ranges[first].start;
            let mut last = first;
            while ranges.get(last + 1).is_some_and(|next| {
                next.start == ranges[last].end && next.end - start <= READ_AT_ONCE
            }) {
                last += 1;
            }
            buffer.resize((ranges[last].end - start) as usize, 0);
            self.file.read_exact_at(buffer, start).ok()?;
            for n in first..=last {
                let page = (ranges[n].start - start) as usize..(ranges[n].end - start) as usize;
                self.check(&nodes[n], &buffer[page], &mut below)?;
            }
            first = last + 1;
        }
        if below.is_empty() { Some(()) } else { self.level(below, buffer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::redb_store::{FILE_NAME, RedbStore};
    use crate::storage::{Batch, Store, Table};
    use std::fs::OpenOptions;
    use std::path::Path;

    fn looked_at(path: &Path) -> Option<Slot> {
        let file = File::open(path).unwrap();
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).unwrap();
        whole(&file, &header)
    }

    /// Rows of many lengths, some of them longer than a page, in several commits.
    fn fill(store: &RedbStore) {
        for n in 0..40u32 {
            let mut batch = Batch::new();
            for m in 0..60u32 {
                let length = if (n + m) % 50 == 0 { 20_000 } else { 300 };
                let key = (m * 40 + n).to_be_bytes().to_vec();
                batch.row(Table::Cursors, key, Some(vec![n as u8; length]));
            }
            store.commit(&[batch]).unwrap();
        }
    }

    #[test]
    fn a_file_is_whole_while_it_is_written_after_a_crash_and_when_it_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = RedbStore::open(folder.path(), 1 << 20).unwrap();
        let path = folder.path().join(FILE_NAME);
        fill(&store);
        // What a crash would leave now.
        let left = folder.path().join("left");
        std::fs::copy(&path, &left).unwrap();
        assert_ne!(std::fs::read(&left).unwrap()[FLAGS] & LEFT_BY_A_CRASH, 0);
        assert!(looked_at(&left).is_some());
        drop(store);
        assert!(looked_at(&path).is_some());
    }

    #[test]
    fn a_page_that_changed_is_noticed_wherever_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        fill(&RedbStore::open(folder.path(), 1 << 20).unwrap());
        let path = folder.path().join(FILE_NAME);
        let bytes = std::fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let (mut noticed, mut pages) = (0, 0);
        let places = (4_096..bytes.len()).step_by(4_096).filter(|page| bytes[*page] != 0);
        for page in places.step_by(9) {
            pages += 1;
            // Its kind, how many entries it has, where they are, and what they are.
            let hits = [0, 2, 4, 100, 600].map(|at| page + at);
            let all = hits.iter().filter(|at| {
                file.write_all_at(&[bytes[**at] ^ 4], **at as u64).unwrap();
                let is_noticed = looked_at(&path).is_none();
                file.write_all_at(&[bytes[**at]], **at as u64).unwrap();
                is_noticed
            });
            noticed += usize::from(all.count() >= 3);
        }
        assert!(looked_at(&path).is_some());
        assert!(noticed * 3 > pages && noticed > 10, "{noticed} of {pages}");
    }
}
