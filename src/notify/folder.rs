//! Messages as files: for the demo, and for a shop that has no mail server yet.
//!
//! A message's file has its name, so one that is handed over again replaces itself. Files hold what
//! is in the message, links that open accounts among it, so they are their owner's alone to read.
//! Nothing is flushed to the disk: after a power cut the newest files may be missing.

use super::rfc5322::{Sender, render};
use super::{Delivery, DeliveryError, Message, Notifier};
use futures_util::FutureExt;
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

/// Keeps each message as an `.eml` file.
pub struct Folder {
    path: PathBuf,
    sender: Sender,
}

impl Folder {
    /// Opens the folder, which is made if it is not there.
    pub fn open(path: &Path, sender: Sender) -> io::Result<Folder> {
        std::fs::create_dir_all(path)?;
        Ok(Folder { path: path.to_owned(), sender })
    }

    async fn keep(&self, message: &Message) -> Result<(), DeliveryError> {
        let rendered = render(message, &self.sender).map_err(|_| DeliveryError::Unaddressable)?;
        let path = self.path.join(format!("{}.eml", message.id));
        let beside = path.with_extension("part");
        let unreachable = |error: io::Error| DeliveryError::Unreachable { why: error.to_string() };
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let kept = async {
            let mut file = options.open(&beside).await?;
            file.write_all(&rendered.formatted()).await?;
            file.flush().await?;
            tokio::fs::rename(&beside, &path).await
        };
        kept.await.map_err(unreachable)
    }
}

impl Notifier for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> Delivery<'a> {
        self.keep(message).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rfc5322::tests::message;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_message_handed_over_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail");
        let sender = Sender::new("shop@shop.example", None).unwrap();
        let notifier = Folder::open(&path, sender).unwrap();
        for _ in 0..2 {
            notifier.deliver(&message()).await.unwrap();
        }
        let files = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().file_name());
        assert_eq!(files.collect::<Vec<_>>(), ["mail-1.eml"]);
        let mode = std::fs::metadata(path.join("mail-1.eml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let bytes = std::fs::read(path.join("mail-1.eml")).unwrap();
        let parsed = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.subject(), Some("Your order 1001"));

        std::fs::remove_dir_all(&path).unwrap();
        let lost = notifier.deliver(&message()).await.unwrap_err();
        assert!(matches!(lost, DeliveryError::Unreachable { .. }), "{lost}");
        let nobody = Message { email: "nobody".into(), ..message() };
        assert_eq!(notifier.deliver(&nobody).await, Err(DeliveryError::Unaddressable));
    }
}
