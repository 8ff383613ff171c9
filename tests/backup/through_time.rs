//! Data folders of earlier programs open in this one, and those of later ones are left alone.
//!
//! `tests/fixtures/data` has a folder of a shop for each layout of the data file that was released,
//! with its key and what the shop said of one order. The program that brings a new layout adds its own:
//!
//! ```sh
//! cargo test --test backup -- --ignored keep_a_data_folder_of_this_layout
//! ```

use crate::program::{Program, back_up, refused_to_serve, run, run_well};
use crate::rows::order_rows;
use mercat::storage::redb_store::{FILE_NAME, SCHEMA};
use redb::{Database, TableDefinition};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data")
}

fn kept_of(schema: u32) -> PathBuf {
    kept().join(format!("schema-{schema}"))
}

/// A folder that may be worked on.
fn copy_of(from: &Path, place: &Path) -> PathBuf {
    let to = place.join("shop");
    fs::create_dir(&to).unwrap();
    for name in [FILE_NAME, "mercat.key"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
        fs::set_permissions(to.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_folders_of_every_layout_open_today() {
    for schema in 1..=SCHEMA {
        let from = kept_of(schema);
        assert!(from.is_dir(), "keep a folder of layout {schema}: see the top of this file");
        let expected: Value =
            serde_json::from_slice(&fs::read(from.join("order.json")).unwrap()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = copy_of(&from, place.path());
        run_well(&["verify"], &folder);
        let program = Program::start(&folder, "");
        let id = expected["orderId"].as_str().unwrap();
        let order = program.order(id).await;
        // Whatever was said then is said still; more may be said today.
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(order[name], *value, "{name}");
        }
        program.buy().await.expect("it sells on");
        program.stop();
        run_well(&["verify"], &folder);
        assert!(order_rows(&folder).contains(id) && order_rows(&folder).len() > 1);
    }
}

#[test]
fn a_newer_data_folder_is_refused_and_stays_as_it_is() {
    for left_by_a_crash in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let folder = copy_of(&kept_of(SCHEMA), place.path());
        let file = folder.join(FILE_NAME);
        let database = Database::open(&file).unwrap();
        let mut transaction = database.begin_write().unwrap();
        transaction.set_quick_repair(true);
        {
            let meta: TableDefinition<&[u8], &[u8]> = TableDefinition::new("meta");
            let mut meta = transaction.open_table(meta).unwrap();
            meta.insert(&b"schema"[..], &(SCHEMA + 1).to_be_bytes()[..]).unwrap();
        }
        transaction.commit().unwrap();
        let open = fs::read(&file).unwrap();
        drop(database);
        if left_by_a_crash {
            fs::write(&file, open).unwrap();
        }
        let before = fs::read(&file).unwrap();
        let to = place.path().join("backups");
        let said = [
            refused_to_serve(&folder),
            run(&["verify"], &folder).err,
            run(&["backup", "--to", to.to_str().unwrap()], &folder).err,
            run(&["key", "rotate"], &folder).err,
        ];
        for said in said {
            assert!(said.contains("was written by a newer program"), "{said}");
        }
        assert!(fs::read(&file).unwrap() == before, "not a byte has changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes into the sources: only when the layout of the data file has changed"]
async fn keep_a_data_folder_of_this_layout() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("shop");
    let program = Program::start(&data, "");
    program.shelve(100).await;
    let id = program.buy().await.expect("an order");
    let order = program.order(&id).await;
    program.stop();
    // A backup is the same data without the room that a file has for what is to come.
    let backup = back_up(&data, &place.path().join("backups"));
    let to = kept_of(SCHEMA);
    fs::create_dir_all(&to).unwrap();
    fs::copy(backup.join(FILE_NAME), to.join(FILE_NAME)).unwrap();
    fs::copy(data.join("mercat.key"), to.join("mercat.key")).unwrap();
    fs::write(to.join("order.json"), serde_json::to_vec_pretty(&order).unwrap()).unwrap();
}
