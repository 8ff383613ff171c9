//! A disk that tells the worst truth that a real one may: whatever was not synced can be lost, can
//! be there in part, and in any order, after a power cut; a failed sync leaves pages that look
//! written and never are.
//!
//! The rules are those of a write-back cache over sectors of 512 bytes, each of which is written
//! whole or not at all. What Linux does after a failed fsync (pages marked clean) is from Rebello
//! et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.

use super::dice::Dice;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: usize = 512;

/// One disk with one file on it. Cheap to clone: each is the same disk.
#[derive(Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

struct State {
    /// What whoever reads sees.
    cached: Vec<u8>,
    /// What is there after a power cut, come what may.
    synced: Vec<u8>,
    /// What was written since the last sync, in order.
    pending: Vec<Change>,
    /// How many more operations succeed before the power goes off.
    fuse: Option<usize>,
    is_off: bool,
    fault: Option<Fault>,
    dice: Dice,
}

enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// What goes wrong with the operations to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The next write fails, some of its sectors written.
    TornWrite,
    /// A sync fails, after so many that succeed.
    FailedSync { after: usize },
    /// The file cannot grow, until there is room again.
    Full,
}

impl Disk {
    pub fn new(dice: Dice) -> Disk {
        Disk(Arc::new(Mutex::new(State {
            cached: Vec::new(),
            synced: Vec::new(),
            pending: Vec::new(),
            fuse: None,
            is_off: false,
            fault: None,
            dice,
        })))
    }

    pub fn plant(&self, fault: Fault) {
        self.lock().fault = Some(fault);
    }

    /// Takes away whatever fault was planted; a full disk has room again.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// The power goes off after so many more operations.
    pub fn cut_after(&self, operations: usize) {
        self.lock().fuse = Some(operations);
    }

    pub fn cut(&self) {
        self.lock().is_off = true;
    }

    pub fn is_off(&self) -> bool {
        self.lock().is_off
    }

    /// The power is back: of what was not synced, some is there, some in part, some not.
    pub fn power_on(&self) {
        let mut own = self.lock();
        let pending = std::mem::take(&mut own.pending);
        // Often all or nothing, so that the rare mixtures do not hide the plain cases.
        let chance = *own.dice.pick(&[0, 20, 50, 80, 100]);
        let mut synced = std::mem::take(&mut own.synced);
        for change in pending {
            own.dice.reach(&change, chance, &mut synced);
        }
        own.cached.clone_from(&synced);
        own.synced = synced;
        own.is_off = false;
        own.fuse = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dice {
    /// Lets each sector of a change reach the plates with this chance.
    fn reach(&mut self, change: &Change, percent: usize, plates: &mut Vec<u8>) {
        match change {
            Change::Resize(len) if self.percent(percent) => plates.resize(*len, 0),
            Change::Resize(_) => {}
            Change::Write { offset, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + SECTOR - (offset + from) % SECTOR).min(bytes.len());
                    if self.percent(percent) {
                        write(plates, offset + from, &bytes[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl State {
    /// Every operation begins here.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => self.is_off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn change(&mut self, change: Change) {
        match &change {
            Change::Write { offset, bytes } => write(&mut self.cached, *offset, bytes),
            Change::Resize(len) => self.cached.resize(*len, 0),
        }
        self.pending.push(change);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated disk")
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        let mut own = self.lock();
        own.operate()?;
        Ok(own.cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let mut own = self.lock();
        own.operate()?;
        let offset = offset as usize;
        let there = own.cached.get(offset..offset + out.len());
        let there = there.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(there);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut own = self.lock();
        own.operate()?;
        if own.fault == Some(Fault::Full) && len as usize > own.cached.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        own.change(Change::Resize(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut own = self.lock();
        own.operate()?;
        let pending = std::mem::take(&mut own.pending);
        let State { synced, dice, fault, .. } = &mut *own;
        if let Some(Fault::FailedSync { after: after @ 1.. }) = fault {
            *after -= 1;
        } else if fault.take_if(|fault| matches!(fault, Fault::FailedSync { .. })).is_some() {
            // Some of it is on the plates. The rest is in the cache alone, and will not be tried again.
            for change in &pending {
                match change {
                    Change::Resize(len) => synced.resize(*len, 0),
                    Change::Write { .. } => dice.reach(change, 50, synced),
                }
            }
            return Err(io::Error::other("the disk could not write"));
        }
        for change in pending {
            match change {
                Change::Write { offset, bytes } => write(synced, offset, &bytes),
                Change::Resize(len) => synced.resize(len, 0),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut own = self.lock();
        own.operate()?;
        let change = Change::Write { offset: offset as usize, bytes: data.to_vec() };
        let State { cached, dice, fault, pending, .. } = &mut *own;
        if fault.take_if(|fault| *fault == Fault::TornWrite).is_some() {
            let mut torn = cached.clone();
            dice.reach(&change, 50, &mut torn);
            let end = (offset as usize + data.len()).min(torn.len());
            let bytes = torn.get(offset as usize..end).unwrap_or_default().to_vec();
            pending.push(Change::Write { offset: offset as usize, bytes });
            *cached = torn;
            return Err(io::Error::other("the disk could not write"));
        }
        own.change(change);
        Ok(())
    }
}
