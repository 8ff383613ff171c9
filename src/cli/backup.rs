//! `mercat backup` and `mercat restore`.

use super::RestoreArgs;
use super::control::{self, Answer, BackupRequest};
use super::house;
use crate::actors::clock::{Clock, SystemClock};
use crate::backup::{
    self, BackupError, Order, Progress, Restored, Source, Taken, Until, keep, restore, take,
};
use crate::config::Memory;
use crate::domain::{Seq, Timestamp};
use crate::secrets::KeySource;
use crate::storage::ReadOnlyStore;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Takes a backup: by asking the shop where it is running, or else of the folder itself.
pub(super) async fn take_one(data: &Path, to: &Path, with_key: bool) -> anyhow::Result<()> {
    let to = std::path::absolute(to).with_context(|| format!("{}", to.display()))?;
    let bar = progress_bar();
    let request = BackupRequest { to: to.clone(), with_key };
    let taken =
        match control::ask_for_backup(data, &request, |progress| show(&bar, &progress)).await? {
            Some(Answer::Taken { folder, manifest }) => Taken { folder, manifest },
            Some(Answer::Failed { why }) => bail!("{why}"),
            Some(Answer::Progress { .. }) => bail!("the shop ended before the backup was whole"),
            None => take_at_rest(data, &to, with_key, &bar)?,
        };
    bar.finish_and_clear();
    for line in describe(&taken) {
        println!("{line}");
    }
    Ok(())
}

/// Of a shop that is not running.
fn take_at_rest(
    data: &Path,
    to: &Path,
    with_key: bool,
    bar: &ProgressBar,
) -> anyhow::Result<Taken> {
    let now = SystemClock.now();
    let key = match house::key_source(data)? {
        KeySource::File(file) => Some(file.path().to_owned()),
        KeySource::Given(_) => None,
    };
    let key = match (with_key, &key) {
        (false, _) => None,
        (true, Some(key)) => Some(&**key),
        (true, None) => return Err(BackupError::NoKey.into()),
    };
    let made = || -> Result<Taken, BackupError> {
        let store = ReadOnlyStore::open(data, Memory::default().cache_mb << 20)?;
        let snapshot = store.snapshot()?;
        let source = Source { snapshot: &*snapshot, data, key };
        take(&source, to, now, &mut |progress| show(bar, &progress))
    };
    let taken = made().map_err(|error| house::with_advice(data, error.into()))?;
    keep::note(data, &taken)?;
    Ok(taken)
}

fn describe(taken: &Taken) -> Vec<String> {
    let Taken { folder, manifest } = taken;
    let megabytes = manifest.bytes() as f64 / 1e6;
    let (files, sequence) = (manifest.files.len(), manifest.sequence);
    let mut lines = vec![
        format!("The backup is {}", folder.display()),
        format!("It has everything up to event {sequence}: {files} files, {megabytes:.1} MB"),
    ];
    lines.push(if manifest.key_included {
        "The shop's key is in it: whoever has the backup can read all that it holds of persons"
            .to_owned()
    } else {
        "The shop's key (mercat.key) is NOT in it: without that key the backup cannot be used, so keep a copy of it in another place"
            .to_owned()
    });
    lines
}

/// Restores a backup.
pub(super) fn restore_one(args: &RestoreArgs) -> anyhow::Result<()> {
    let until = args.until.as_deref().map(moment).transpose()?;
    let order =
        Order { from: &args.from, data: &args.data, archive: args.archive.as_deref(), until };
    let bar = progress_bar();
    let restored = restore(&order, &mut |progress| show(&bar, &progress))?;
    bar.finish_and_clear();
    for line in report(&args.data, &restored) {
        println!("{line}");
    }
    Ok(())
}

fn report(data: &Path, restored: &Restored) -> Vec<String> {
    let Restored { manifest, sequence, newest_event_at, batches, archive_ended } = restored;
    let newest = newest_event_at.as_deref().unwrap_or("no time: the shop was empty");
    let mut lines = vec![
        format!("The shop is restored in {}", data.display()),
        format!("It has everything up to event {sequence} of {newest}"),
        format!("The backup is of {} (event {})", manifest.taken_at, manifest.sequence),
    ];
    if *batches > 0 {
        lines.push(format!("{batches} later changes came from the archive"));
    }
    if *archive_ended {
        lines.push("The archive ends there: what came later, if anything, is not in it".to_owned());
    }
    if !manifest.key_included {
        let key = data.join("mercat.key");
        lines.push(format!(
            "Before it starts, put your copy of the shop's key to {} (chmod 600)",
            key.display()
        ));
    }
    lines.push("The search index is made anew at the next start".to_owned());
    lines
}

/// An event's number, its id, or a time.
fn moment(text: &str) -> anyhow::Result<Until> {
    let number = text.strip_prefix("evt-").unwrap_or(text);
    if let Ok(seq) = number.parse() {
        return Ok(Until::Seq(Seq(seq)));
    }
    let time: Result<jiff::Timestamp, _> = text.parse();
    match time {
        Ok(time) => Ok(Until::Time(Timestamp::from_millis(time.as_millisecond()))),
        Err(_) => bail!(
            "--until takes the number of an event, such as 4711, or a time, such as 2026-11-23T10:00:00Z"
        ),
    }
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:16} {wide_bar} {pos}/{len}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_message(progress.what);
    bar.set_length(progress.total.max(progress.done));
    bar.set_position(progress.done);
}

/// Checks the files of a backup before its data are looked at.
pub(super) fn check_files(folder: &Path) -> anyhow::Result<Option<String>> {
    if !folder.join(backup::MANIFEST).exists() {
        return Ok(None);
    }
    let bar = progress_bar();
    let manifest = backup::check(folder, &mut |progress| show(&bar, &progress))?;
    bar.finish_and_clear();
    Ok(Some(format!(
        "A backup of {}, up to event {}: all {} files are what was written",
        manifest.taken_at,
        manifest.sequence,
        manifest.files.len()
    )))
}

/// The folder of a shop, which no backup is.
pub(super) fn refuse_backup(folder: &Path) -> anyhow::Result<()> {
    if !folder.join(backup::MANIFEST).exists() {
        return Ok(());
    }
    let folder: PathBuf = folder.to_owned();
    let folder = folder.display();
    bail!(
        "{folder} is a backup, which stays as it is: make a shop of it with mercat restore --from {folder} --data NEWDIR"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_event_or_a_time() {
        assert_eq!(moment("4711").unwrap(), Until::Seq(Seq(4711)));
        assert_eq!(moment("evt-0000000004711").unwrap(), Until::Seq(Seq(4711)));
        let time = moment("2026-11-23T10:00:00+01:00").unwrap();
        assert_eq!(time, Until::Time(Timestamp::from_millis(1_795_424_400_000)));
        assert!(moment("yesterday").unwrap_err().to_string().contains("2026-11-23T10:00:00Z"));
    }
}
