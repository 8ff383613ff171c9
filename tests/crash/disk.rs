//! A disk that can be looked at: what reached it and when, with `disk.c` between the program and it.

use super::program::Shop;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The stand-in for a payment company's own computer, which a power cut here does not reach.
const ANOTHER_COMPANY: &str = "test-payments.jsonl";

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What `disk.c` reads while the program runs, in its order.
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// Bytes until the disk is full.
    Room,
    /// Syncs until some fail.
    SyncsLeft,
    /// How many fail then.
    Failures,
    /// How long each sync takes, in microseconds.
    SyncDelay,
    /// How wrong the clock is, in seconds.
    ClockShift,
    /// Not 0: syncs are answered and not made.
    Lie,
}

const SETTINGS: usize = 6;

/// The disk under one shop.
pub struct Watched {
    control: File,
    journal: PathBuf,
    folder: PathBuf,
    _home: TempDir,
}

impl Watched {
    /// Puts a disk under a shop; whatever it does from its next start on is written down.
    pub fn under(shop: &mut Shop) -> Watched {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (control, journal) = (home.path().join("control"), home.path().join("journal"));
        fs::write(&control, [0; SETTINGS * 8]).expect("a file");
        fs::write(&journal, []).expect("a file");
        shop.variables.extend([
            ("LD_PRELOAD", library().display().to_string()),
            ("MERCAT_DISK_FOLDER", shop.folder.display().to_string()),
            ("MERCAT_DISK_CONTROL", control.display().to_string()),
            ("MERCAT_DISK_JOURNAL", journal.display().to_string()),
        ]);
        let control = File::options().write(true).open(control).expect("it was made");
        let folder = shop.folder.clone();
        let watched = Watched { control, journal, folder, _home: home };
        watched.set(Setting::Room, u64::MAX);
        watched.set(Setting::SyncsLeft, u64::MAX);
        watched
    }

    pub fn set(&self, setting: Setting, value: u64) {
        let place = setting as u64 * 8;
        self.control.write_all_at(&value.to_ne_bytes(), place).expect("it can be written");
    }

    /// How far the journal goes by now. Whoever has an answer knows that all it rests on is before.
    pub fn clock(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let journal = self.journal.clone();
        move || fs::metadata(&journal).expect("there is a journal").len()
    }

    pub fn journal(&self) -> Journal {
        Journal::read(&self.journal, self.folder.clone()).expect("the journal can be read")
    }
}

/// `disk.c`, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/disk.c");
        let made =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made).args([source, "-ldl"]);
        let done = compiler.output().expect("there is a C compiler, as Rust needs one to link");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        made
    })
}

/// Everything that was done to a folder, in order.
pub struct Journal {
    bytes: Vec<u8>,
    records: Vec<Record>,
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    kind: u8,
    inode: u64,
    offset: u64,
    data: (usize, usize),
}

/// The length of a record's head, as in `disk.c`.
const HEAD: usize = 24;

impl Journal {
    fn read(path: &Path, folder: PathBuf) -> io::Result<Journal> {
        let bytes = fs::read(path)?;
        let (mut records, mut at) = (Vec::new(), 0);
        // What was killed may have left half a record at the end.
        while let Some(head) = bytes.get(at..at + HEAD) {
            let word =
                |from: usize| u64::from_ne_bytes(head[from..from + 8].try_into().expect("8"));
            let length = u32::from_ne_bytes(head[4..8].try_into().expect("4")) as usize;
            let data = (at + HEAD, at + HEAD + length);
            if data.1 > bytes.len() {
                break;
            }
            records.push(Record { kind: head[0], inode: word(8), offset: word(16), data });
            at = data.1;
        }
        Ok(Journal { bytes, records, folder })
    }

    /// The moments between two records, by [`Watched::clock`].
    pub fn moments(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.data.1 as u64).collect()
    }

    pub fn syncs(&self) -> usize {
        self.records.iter().filter(|record| record.kind == b'S').count()
    }

    /// What the disk knows at a moment, if it was `disk` when the journal began.
    pub fn replay(&self, mut disk: Disk, until: u64, choose: &mut dyn FnMut() -> bool) -> Disk {
        for record in self.records.iter().filter(|record| record.data.1 as u64 <= until) {
            self.take_in(&mut disk, record, choose);
        }
        disk
    }

    fn take_in(&self, disk: &mut Disk, record: &Record, choose: &mut dyn FnMut() -> bool) {
        let data = &self.bytes[record.data.0..record.data.1];
        match record.kind {
            b'C' => {
                let content = disk.fresh(record.inode);
                let (folder, name) = self.split(data);
                disk.folder(&folder).pending.push(Naming::Set(name, Node::File(content)));
            }
            b'M' => {
                let (folder, name) = self.split(data);
                let own = if name.is_empty() { folder.clone() } else { folder.join(&name) };
                disk.places.insert(record.inode, own.clone());
                disk.folder(&own);
                if !name.is_empty() {
                    disk.folder(&folder).pending.push(Naming::Set(name, Node::Folder));
                }
            }
            b'U' => {
                let (folder, name) = self.split(data);
                disk.folder(&folder).pending.push(Naming::Remove(name));
            }
            b'R' => {
                let middle = data.iter().position(|byte| *byte == 0).expect("two names");
                let (folder, from) = self.split(&data[..middle]);
                let (target, to) = self.split(&data[middle + 1..]);
                if folder == target {
                    disk.folder(&folder).pending.push(Naming::Rename(from, to));
                } else {
                    let node = disk.folder(&folder).now().get(&from).copied();
                    // The socket of the shop is no file, and nothing of it is on the disk.
                    assert!(node.is_some() || to == "mercat.sock", "what is renamed was there");
                    let Some(node) = node else { return };
                    disk.folder(&folder).pending.push(Naming::Remove(from));
                    let set = Naming::Set(to, node);
                    disk.folder(&target).pending.push(set);
                }
            }
            b'D' => {
                let Some(place) = disk.places.get(&record.inode).cloned() else { return };
                let names = listing(data)
                    .map(|(inode, name)| {
                        let node = match disk.places.get(&inode) {
                            Some(_) => Node::Folder,
                            None => Node::File(disk.content(inode)),
                        };
                        (name, node)
                    })
                    .collect();
                *disk.folder(&place) = Folder { durable: names, pending: vec![] };
            }
            b'W' => {
                let change = Change::Write(record.offset as usize, data.to_vec());
                disk.file(record.inode).pending.push(change);
            }
            b'T' => {
                let change = Change::Length(record.offset as usize);
                disk.file(record.inode).pending.push(change);
            }
            b'S' => {
                let file = disk.file(record.inode);
                for change in std::mem::take(&mut file.pending) {
                    change.apply(&mut file.durable, &mut |_| true);
                }
            }
            // Linux forgets after a failed sync what it could not write: some of it is on the disk,
            // and the rest will never be.
            b'F' => {
                if let Some(file) = disk.current.get(&record.inode).copied() {
                    let file = &mut disk.files[file];
                    for change in std::mem::take(&mut file.pending) {
                        change.apply(&mut file.durable, &mut |_| choose());
                    }
                }
            }
            kind => panic!("the journal has a record of kind {kind}"),
        }
    }

    /// The folder and the name of a path, as seen from the data folder.
    fn split(&self, path: &[u8]) -> (PathBuf, String) {
        let path = Path::new(std::str::from_utf8(path).expect("names are UTF-8"));
        let inside = path.strip_prefix(&self.folder).expect("it is in the folder");
        let name = inside.file_name().unwrap_or_default().to_str().expect("UTF-8").to_owned();
        (inside.parent().unwrap_or(Path::new("")).to_owned(), name)
    }
}

fn listing(mut data: &[u8]) -> impl Iterator<Item = (u64, String)> {
    std::iter::from_fn(move || {
        let (head, rest) = data.split_at_checked(12)?;
        let inode = u64::from_ne_bytes(head[..8].try_into().expect("8"));
        let length = u32::from_ne_bytes(head[8..].try_into().expect("4")) as usize;
        let (name, rest) = rest.split_at(length);
        data = rest;
        Some((inode, String::from_utf8(name.to_vec()).expect("names are UTF-8")))
    })
}

/// What is certainly on a disk, and what may or may not be.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<Content>,
    /// Which of them an inode is at this moment.
    current: HashMap<u64, usize>,
    folders: HashMap<PathBuf, Folder>,
    /// Which folder an inode is.
    places: HashMap<u64, PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    /// Applies the sectors that `keep` says yes to; a write that falls into none of them is lost.
    fn apply(&self, content: &mut Vec<u8>, keep: &mut dyn FnMut(usize) -> bool) {
        match self {
            Change::Length(length) => {
                if keep(0) {
                    content.resize(*length, 0);
                }
            }
            Change::Write(offset, data) => {
                let mut from = 0;
                while from < data.len() {
                    let place = offset + from;
                    let to = data.len().min(from + SECTOR - place % SECTOR);
                    if keep(place / SECTOR) {
                        let end = offset + to;
                        if content.len() < end {
                            content.resize(end, 0);
                        }
                        content[place..end].copy_from_slice(&data[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Folder {
    durable: HashMap<String, Node>,
    pending: Vec<Naming>,
}

impl Folder {
    /// The names that a program sees in it.
    fn now(&self) -> HashMap<String, Node> {
        let mut names = self.durable.clone();
        self.pending.iter().for_each(|naming| naming.apply(&mut names));
        names
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug)]
enum Naming {
    Set(String, Node),
    Rename(String, String),
    Remove(String),
}

/// How much of what was not synced reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    Nothing,
    Everything,
    /// Some writes whole, some in part, some not at all; names up to some moment.
    Some,
}

impl Disk {
    /// A folder that has been there for long: all of it is on the disk.
    pub fn of(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.read(folder, Path::new(""));
        disk
    }

    fn read(&mut self, folder: &Path, place: &Path) {
        let Ok(about) = fs::metadata(folder) else { return };
        self.places.insert(about.ino(), place.to_owned());
        self.folder(place);
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            if entry.file_type().expect("a kind").is_socket() {
                continue;
            }
            let node = if entry.file_type().expect("a kind").is_dir() {
                self.read(&entry.path(), &place.join(&name));
                Node::Folder
            } else {
                let content = self.fresh(entry.metadata().expect("about it").ino());
                self.files[content].durable = fs::read(entry.path()).expect("a file");
                Node::File(content)
            };
            self.folder(place).durable.insert(name, node);
        }
    }

    fn fresh(&mut self, inode: u64) -> usize {
        // It may have been that of a folder which is gone.
        self.places.remove(&inode);
        self.files.push(Content::default());
        self.current.insert(inode, self.files.len() - 1);
        self.files.len() - 1
    }

    fn content(&mut self, inode: u64) -> usize {
        match self.current.get(&inode) {
            Some(content) => *content,
            None => self.fresh(inode),
        }
    }

    fn file(&mut self, inode: u64) -> &mut Content {
        let content = self.content(inode);
        &mut self.files[content]
    }

    fn folder(&mut self, place: &Path) -> &mut Folder {
        self.folders.entry(place.to_owned()).or_default()
    }

    /// Writes down in `target` what is there when the current comes back.
    pub fn after_power_cut(&self, target: &Path, luck: Luck, choose: &mut dyn FnMut() -> bool) {
        self.restore(Path::new(""), target, luck, choose);
    }

    fn restore(&self, place: &Path, target: &Path, luck: Luck, choose: &mut dyn FnMut() -> bool) {
        fs::create_dir_all(target).expect("a folder");
        let Some(folder) = self.folders.get(place) else { return };
        let mut names = folder.durable.clone();
        // A file system keeps the order of changes to the names in a folder.
        let mut goes_on = luck != Luck::Nothing;
        for naming in &folder.pending {
            goes_on = goes_on && (luck == Luck::Everything || choose() || choose() || choose());
            let of_another = matches!(naming, Naming::Set(name, _) if name == ANOTHER_COMPANY);
            if goes_on || of_another {
                naming.apply(&mut names);
            }
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, node) in names {
            match node {
                Node::Folder => self.restore(&place.join(&name), &target.join(&name), luck, choose),
                Node::File(content) => {
                    let luck = if name == ANOTHER_COMPANY { Luck::Everything } else { luck };
                    let bytes = self.files[content].after_power_cut(luck, choose);
                    write_private(&target.join(&name), &bytes).expect("a file");
                }
            }
        }
    }
}

/// For its owner alone, as the key file must be.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

impl Naming {
    fn apply(&self, names: &mut HashMap<String, Node>) {
        match self {
            Naming::Set(name, node) => {
                names.insert(name.clone(), *node);
            }
            Naming::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Naming::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn after_power_cut(&self, luck: Luck, choose: &mut dyn FnMut() -> bool) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.pending {
            match luck {
                Luck::Nothing => {}
                Luck::Everything => change.apply(&mut content, &mut |_| true),
                Luck::Some if choose() => change.apply(&mut content, &mut |_| true),
                Luck::Some if choose() => change.apply(&mut content, &mut |_| choose()),
                Luck::Some => {}
            }
        }
        content
    }
}
