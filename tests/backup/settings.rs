//! Backups that the shop takes by itself, as its settings say.

use crate::program::{Program, back_up, refused_to_serve, run, run_well};
use mercat::backup::Manifest;
use mercat::backup::keep;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn backups(folder: &Path) -> Vec<PathBuf> {
    let listed = keep::list(folder).unwrap_or_default();
    listed.into_iter().map(|listed| listed.folder).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planned_backups_are_taken_and_old_ones_go() {
    let place = tempfile::tempdir().unwrap();
    let (data, folder) = (place.path().join("shop"), place.path().join("backups"));
    let settings =
        format!("[backup]\nfolder = '{}'\nkeep_last = 1\nkeep_daily = 0\n", folder.display());
    let program = Program::start(&data, &settings);
    program.shelve(5).await;
    // There is none yet, so one is due at once.
    while backups(&folder).is_empty() {
        program.get("/readyz").await;
    }
    let first = backups(&folder);
    program.stop();
    run_well(&["verify"], &first[0]);

    // Not due again: the next start takes none. With an archive that it knows nothing of, it is.
    let archive = place.path().join("archive");
    let settings = format!("{settings}[archive]\nfolder = '{}'\n", archive.display());
    let program = Program::start(&data, &settings);
    while backups(&folder) == first {
        program.get("/readyz").await;
    }
    // The old one goes right after the new one is there.
    for _ in 0..10_000 {
        if backups(&folder).len() == 1 {
            break;
        }
        program.get("/readyz").await;
    }
    program.stop();
    let second = backups(&folder);
    assert_eq!(second.len(), 1, "the old one went: {second:?}");
    assert!(Manifest::read(&second[0]).unwrap().archive.is_some());
    assert_eq!(keep::last_good(&data).map(|last| last.folder), second.first().cloned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_backup_that_fails_is_said_and_the_shop_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("shop");
    // A file where the folder should be.
    let folder = place.path().join("backups");
    fs::write(&folder, "in the way").unwrap();
    let settings = format!("[backup]\nfolder = '{}'\n", folder.display());
    let program = Program::start(&data, &settings);
    while program.get("/readyz").await["backup"]["state"] != "failing" {}
    let readiness = program.get("/readyz").await;
    assert_eq!(readiness["status"], "ready", "{readiness}");
    program.shelve(5).await;
    assert!(program.buy().await.is_some());
    let log = program.stop();
    assert!(log.contains("THERE IS NO NEW BACKUP"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_is_in_a_backup_only_where_that_is_wanted() {
    let place = tempfile::tempdir().unwrap();
    let (data, to) = (place.path().join("shop"), place.path().join("backups"));
    let program = Program::start(&data, "");
    program.shelve(5).await;
    let order = program.buy().await.expect("an order");
    let socket = fs::metadata(data.join("mercat.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let without = back_up(&data, &to);
    program.stop();
    // At rest, as well.
    let said = run_well(&["backup", "--with-key", "--to", to.to_str().unwrap()], &data);
    assert!(said.contains("The shop's key is in it"), "{said}");
    let with = keep::list(&to).unwrap().remove(0).folder;
    assert!(!without.join("mercat.key").exists() && with.join("mercat.key").exists());
    assert_eq!(fs::metadata(&with).unwrap().permissions().mode() & 0o777, 0o700);

    // A backup is no shop, and stays as it is.
    assert!(refused_to_serve(&with).contains("mercat restore"));

    let one = place.path().join("one");
    let said = run_well(&["restore", "--from", without.to_str().unwrap()], &one);
    assert!(said.contains("put your copy of the shop's key"), "{said}");
    assert!(refused_to_serve(&one).contains("mercat.key"));
    fs::copy(data.join("mercat.key"), one.join("mercat.key")).unwrap();
    let two = place.path().join("two");
    run_well(&["restore", "--from", with.to_str().unwrap()], &two);
    for folder in [one, two] {
        let program = Program::start(&folder, "");
        assert_eq!(program.order(&order).await["email"], "ada@example.com");
        program.stop();
    }

    // A backup that is not what was written is not restored.
    let file = with.join("mercat.redb");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&file, bytes).unwrap();
    let never = place.path().join("never");
    let said = run(&["restore", "--from", with.to_str().unwrap()], &never);
    assert!(!said.is_fine && said.err.contains("mercat.redb is not what was written"), "{said:?}");
    assert!(!never.exists());
    let said = run(&["restore", "--from", to.to_str().unwrap()], &never);
    assert!(!said.is_fine && said.err.contains("did you mean"), "{said:?}");
}
