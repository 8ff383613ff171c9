//! Sealing, forgetting, and changing the shop's key at any bad moment.

use super::rotation::{Between, rotate_by};
use super::*;
use crate::domain::{PersonId, Sealed, Timestamp};
use crate::storage::memory::{Fault, MemoryStore};
use crate::storage::{Batch, CommitError, Conflict, RedbStore, Store, Table};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const KEY: [u8; 32] = [7; 32];

fn vault(store: &dyn Store) -> Vault {
    Vault::with_key(store, ShopKey::from_bytes(KEY)).unwrap()
}

/// Commits, and tells the vault of it, as the engine does.
fn commit(vault: &Vault, store: &dyn Store, batch: Batch) {
    let outcome = store.commit(std::slice::from_ref(&batch)).unwrap().remove(0);
    vault.settled(&batch, &outcome.map_err(CommitError::from));
}

fn somebody() -> PersonId {
    PersonId::new(NOON, rand::random())
}

fn person(vault: &Vault, store: &dyn Store) -> PersonId {
    let mut batch = Batch::new();
    let person = vault.new_person(somebody(), &mut batch);
    commit(vault, store, batch);
    person
}

#[test]
fn what_is_sealed_opens_for_its_person_and_purpose_alone() {
    let store = MemoryStore::new();
    let vault = vault(&store);
    let (ada, bob) = (person(&vault, &store), person(&vault, &store));
    let sealed = vault.seal(ada, "note", b"ada@example.com").unwrap();
    assert_eq!(vault.open(ada, "note", &sealed).unwrap().as_slice(), b"ada@example.com");
    assert_eq!(vault.open(bob, "note", &sealed), Err(OpenError::Damaged));
    assert_eq!(vault.open(ada, "mail", &sealed), Err(OpenError::Damaged));
    assert_ne!(vault.seal(ada, "note", b"ada@example.com").unwrap(), sealed);
    let bytes = sealed.as_bytes();
    for length in 0..bytes.len() {
        let cut = Sealed::from_bytes(bytes[..length].to_vec());
        assert_eq!(vault.open(ada, "note", &cut), Err(OpenError::Damaged), "{length}");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1;
        let changed = Sealed::from_bytes(changed);
        assert_eq!(vault.open(ada, "note", &changed), Err(OpenError::Damaged), "{place}");
    }
}

#[test]
fn the_shops_secrets_open_after_a_restart_and_in_their_context_alone() {
    let store = MemoryStore::new();
    let sealed = vault(&store).seal_for_shop(b"seed", "totp staff-1");
    let again = vault(&store);
    assert_eq!(again.open_for_shop(&sealed, "totp staff-1").unwrap().as_slice(), b"seed");
    assert_eq!(again.open_for_shop(&sealed, "totp staff-2"), Err(OpenError::Damaged));
    let nothing = Sealed::from_bytes(vec![]);
    assert_eq!(again.open_for_shop(&nothing, "totp staff-1"), Err(OpenError::Damaged));
}

#[test]
fn a_person_is_known_after_a_restart_and_forgotten_for_good() {
    let store = MemoryStore::new();
    let first = vault(&store);
    let ada = person(&first, &store);
    let sealed = first.seal(ada, "note", b"x").unwrap();
    let second = vault(&store);
    assert_eq!(second.open(ada, "note", &sealed).unwrap().as_slice(), b"x");

    let mut batch = Batch::new();
    second.forget(ada, &mut batch, NOON);
    assert!(second.knows(ada), "the key stays until its end is durable");
    commit(&second, &store, batch);
    for vault in [second, vault(&store)] {
        assert_eq!(vault.open(ada, "note", &sealed), Err(OpenError::Forgotten));
        assert_eq!(vault.seal(ada, "note", b"y"), Err(Forgotten));
    }
}

#[test]
fn a_person_whose_batch_was_refused_leaves_no_key() {
    let store = MemoryStore::new();
    let vault = vault(&store);
    let mut batch = Batch::new();
    let (ada, bob) = (vault.new_person(somebody(), &mut batch), person(&vault, &store));
    let refused = Conflict::Reservation {
        order: crate::domain::OrderId::from_bytes([1; 16]),
        sku: "A".parse().unwrap(),
    };
    vault.settled(&batch, &Err(CommitError::Unavailable));
    assert!(vault.knows(ada), "nobody knows whether it was written");
    vault.settled(&batch, &Err(refused.clone().into()));
    assert!(!vault.knows(ada));
    let mut batch = Batch::new();
    vault.forget(bob, &mut batch, NOON);
    vault.settled(&batch, &Err(refused.into()));
    assert!(vault.knows(bob));
}

#[test]
fn another_shops_key_is_refused() {
    let store = MemoryStore::new();
    vault(&store);
    let refused = Vault::with_key(&store, ShopKey::from_bytes([8; 32])).unwrap_err();
    assert!(matches!(refused, SecretsError::OtherKey { .. }), "{refused}");
}

#[test]
fn no_key_is_in_the_store_or_in_print() {
    let store = MemoryStore::new();
    let vault = vault(&store);
    person(&vault, &store);
    for table in [Table::Meta, Table::People] {
        let snapshot = store.snapshot().unwrap();
        let mut visit = |_: &[u8], row: &[u8]| {
            assert!(!row.windows(32).any(|part| part == KEY));
            std::ops::ControlFlow::Continue(())
        };
        snapshot.scan(table, &[], None, crate::storage::Direction::Forward, &mut visit).unwrap();
        assert_eq!(snapshot.count(table).unwrap(), 1);
    }
    assert_eq!(format!("{vault:?}"), "Vault(…)");
}

fn in_folder(folder: &Path) -> KeySource {
    KeySource::choose(folder, None, None).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_makes_a_key_file_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = (MemoryStore::new(), folder.path().join(FILE_NAME));
    let sealed = Vault::unlock(&store, &in_folder(folder.path())).unwrap().seal_for_shop(b"x", "c");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = Vault::unlock(&store, &in_folder(folder.path())).unwrap();
    assert_eq!(again.open_for_shop(&sealed, "c").unwrap().as_slice(), b"x");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Vault::unlock(&store, &in_folder(folder.path())).unwrap_err();
    assert!(matches!(refused, SecretsError::Exposed { mode: 0o640, .. }), "{refused}");
    assert!(refused.to_string().contains("chmod 600"));

    fs::remove_file(&path).unwrap();
    let refused = Vault::unlock(&store, &in_folder(folder.path())).unwrap_err();
    assert!(matches!(refused, SecretsError::Missing { .. }), "{refused}");
    assert!(!path.exists(), "a new key would open nothing");
    fs::write(&path, "no key").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = Vault::unlock(&store, &in_folder(folder.path())).unwrap_err();
    assert!(matches!(refused, SecretsError::Malformed { .. }), "{refused}");
}

#[test]
fn the_key_may_come_from_elsewhere_but_from_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let (store, text) = (MemoryStore::new(), "07".repeat(32));
    let given = KeySource::choose(folder.path(), Some(&text), None).unwrap();
    Vault::unlock(&store, &given).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    Vault::with_key(&store, ShopKey::from_bytes(KEY)).unwrap();
    let refused = rotate(&store, &given).unwrap_err();
    assert!(matches!(refused, SecretsError::NotInAFile));

    let elsewhere = folder.path().join("shop.key");
    let named = KeySource::choose(folder.path(), None, Some(&elsewhere)).unwrap();
    Vault::unlock(&MemoryStore::new(), &named).unwrap();
    assert_eq!(mode(&elsewhere), 0o600);
    let both = KeySource::choose(folder.path(), Some(&text), Some(&elsewhere));
    assert!(matches!(both, Err(SecretsError::GivenTwice)));
    let refused = KeySource::choose(folder.path(), Some("short"), None).unwrap_err();
    assert!(!refused.to_string().contains("short"), "{refused}");
}

/// A shop in a folder, with something sealed in it.
struct Sample {
    folder: tempfile::TempDir,
    ada: PersonId,
    note: Sealed,
    secret: Sealed,
    gone: PersonId,
}

impl Sample {
    fn new() -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let vault = Vault::unlock(&store, &in_folder(folder.path())).unwrap();
        let (ada, gone) = (person(&vault, &store), person(&vault, &store));
        let note = vault.seal(ada, "note", b"hello").unwrap();
        let secret = vault.seal_for_shop(b"seed", "totp");
        let mut batch = Batch::new();
        vault.forget(gone, &mut batch, NOON);
        commit(&vault, &store, batch);
        Sample { folder, ada, note, secret, gone }
    }

    /// Opens the shop with what lies there, and looks at all of it.
    #[track_caller]
    fn check(&self) {
        let store = open(self.folder.path());
        let vault = Vault::unlock(&store, &in_folder(self.folder.path())).unwrap();
        assert_eq!(vault.open(self.ada, "note", &self.note).unwrap().as_slice(), b"hello");
        assert_eq!(vault.open_for_shop(&self.secret, "totp").unwrap().as_slice(), b"seed");
        assert!(!vault.knows(self.gone));
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(mode(&self.path()), 0o600);
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(FILE_NAME)
    }
}

fn open(folder: &Path) -> RedbStore {
    RedbStore::open(folder, 1 << 20).unwrap()
}

#[test]
fn after_a_rotation_the_old_key_opens_nothing_and_the_new_one_all() {
    let sample = Sample::new();
    let old: ShopKey = fs::read_to_string(sample.path()).unwrap().parse().unwrap();
    let store = open(sample.folder.path());
    let rotated = rotate(&store, &in_folder(sample.folder.path())).unwrap();
    assert_eq!(rotated, Rotated { people: 1 });
    let refused = Vault::with_key(&store, old).unwrap_err();
    assert!(matches!(refused, SecretsError::OtherKey { .. }));
    drop(store);
    sample.check();
    rotate(&open(sample.folder.path()), &in_folder(sample.folder.path())).unwrap();
    sample.check();
}

#[test]
fn a_copy_from_before_does_not_open_with_the_new_key() {
    let sample = Sample::new();
    let copy = tempfile::tempdir().unwrap();
    let data = crate::storage::redb_store::FILE_NAME;
    fs::copy(sample.folder.path().join(data), copy.path().join(data)).unwrap();
    rotate(&open(sample.folder.path()), &in_folder(sample.folder.path())).unwrap();
    let new = fs::read_to_string(sample.path()).unwrap().parse().unwrap();
    let refused = Vault::with_key(&open(copy.path()), new).unwrap_err();
    assert!(matches!(refused, SecretsError::OtherKey { .. }));
}

#[test]
fn a_rotation_may_be_broken_off_anywhere() {
    for point in [Between::Start, Between::Written, Between::Committed, Between::End] {
        let sample = Sample::new();
        let store = open(sample.folder.path());
        let source = in_folder(sample.folder.path());
        let broken = rotate_by(&store, &source, &mut |passed| match passed == point {
            true => Err(StoreError::Injected.into()),
            false => Ok(()),
        });
        assert!(broken.is_err(), "{point:?}");
        drop(store);
        sample.check();
        rotate(&open(sample.folder.path()), &in_folder(sample.folder.path())).unwrap();
        sample.check();
    }
}

#[test]
fn a_next_key_that_was_half_written_is_left_behind() {
    let sample = Sample::new();
    fs::write(sample.folder.path().join("mercat.key.new"), "0707").unwrap();
    sample.check();
}

#[test]
fn a_rotation_whose_commit_fails_may_have_happened_or_not() {
    for fault in [Fault::Lost, Fault::Kept] {
        let folder = tempfile::tempdir().unwrap();
        let (store, source) = (MemoryStore::new(), in_folder(folder.path()));
        let vault = Vault::unlock(&store, &source).unwrap();
        let ada = person(&vault, &store);
        let note = vault.seal(ada, "note", b"hello").unwrap();
        store.inject([fault]);
        assert!(rotate(&store, &source).is_err());
        store.reopen().unwrap();
        let vault = Vault::unlock(&store, &source).unwrap();
        assert_eq!(vault.open(ada, "note", &note).unwrap().as_slice(), b"hello", "{fault:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
