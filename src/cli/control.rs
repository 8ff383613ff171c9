//! How commands ask a shop that is running: a socket in its data folder.
//!
//! The data file is locked by the shop, so a backup is the shop's own work. Whoever may open the
//! socket (mode 0600, and the same user or root by the kernel's word) could read the data folder
//! anyway, so nothing else is asked of them. A request is one line of JSON, and so is each answer;
//! the last one says how it ended.

use crate::actors::clock::{Clock, SystemClock};
use crate::backup::desk::BackupDesk;
use crate::backup::{Manifest, Progress};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// The socket's name inside the data folder.
pub(super) const SOCKET: &str = "mercat.sock";

/// The longest request: a path and a few words.
const MOST_BYTES: u64 = 16 << 10;

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BackupRequest {
    pub to: PathBuf,
    pub with_key: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    Progress { what: String, done: u64, total: u64 },
    Taken { folder: PathBuf, manifest: Manifest },
    Failed { why: String },
}

/// Listens in the data folder for as long as the program runs.
pub(super) fn listen(data: &Path, desk: BackupDesk) -> io::Result<()> {
    // In a folder of its own until nobody else may open it.
    let place = tempfile::Builder::new()
        .prefix(".mercat-socket-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(data)?;
    let made = place.path().join("s");
    let listener = UnixListener::bind(&made)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
    fs::rename(&made, data.join(SOCKET))?;
    let owner = fs::metadata(data.join(SOCKET))?.uid();
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let is_allowed =
                        stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == owner);
                    if is_allowed {
                        tokio::spawn(serve(stream, desk.clone()));
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the socket for commands"
                    );
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
    Ok(())
}

async fn serve(stream: UnixStream, desk: BackupDesk) {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reading = BufReader::new(reading.take(MOST_BYTES));
    let read = tokio::time::timeout(PATIENCE, reading.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    let request: BackupRequest = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            let _ = say(&mut writing, &Answer::Failed { why: error.to_string() }).await;
            return;
        }
    };
    let (send, mut told) = mpsc::channel(16);
    let work = tokio::task::spawn_blocking(move || {
        let mut progress = |Progress { what, done, total }| {
            // Who reads too slowly misses a step of the progress, never the end.
            let _ = send.try_send(Answer::Progress { what: what.to_owned(), done, total });
        };
        desk.take(&request.to, request.with_key, SystemClock.now(), &mut progress)
    });
    while let Some(answer) = told.recv().await {
        // The backup is made also for somebody who went away.
        let _ = say(&mut writing, &answer).await;
    }
    let answer = match work.await {
        Ok(Ok(taken)) => {
            let folder = taken.folder.display();
            tracing::info!(sequence = taken.manifest.sequence, "took the backup {folder}");
            Answer::Taken { folder: taken.folder, manifest: taken.manifest }
        }
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no backup was taken");
            Answer::Failed { why: format!("{:#}", anyhow::Error::new(error)) }
        }
        Err(_) => Answer::Failed { why: "the backup broke off; see the shop's log".to_owned() },
    };
    let _ = say(&mut writing, &answer).await;
}

async fn say(writing: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

/// Asks the shop that runs on this data folder for a backup; nothing where none runs.
pub(super) async fn ask_for_backup(
    data: &Path,
    request: &BackupRequest,
    mut progress: impl FnMut(Progress),
) -> anyhow::Result<Option<Answer>> {
    let Ok(mut stream) = UnixStream::connect(data.join(SOCKET)).await else { return Ok(None) };
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await.context("the shop cannot be asked")?;
    let mut lines = BufReader::new(stream).lines();
    let mut last = None;
    while let Some(line) = lines.next_line().await.context("the shop cannot be heard")? {
        let answer: Answer =
            serde_json::from_str(&line).context("the shop cannot be understood")?;
        if let Answer::Progress { done, total, .. } = answer {
            progress(Progress { what: "rows and pictures", done, total });
        }
        last = Some(answer);
    }
    let ended = || Answer::Failed { why: "the shop ended before it answered".to_owned() };
    Ok(Some(last.unwrap_or_else(ended)))
}
