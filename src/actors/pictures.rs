//! Pictures between the front door and where they are kept: decoding and files take their time, so
//! both are done in the pool of threads for what blocks.

use super::pools::{Blocking, PoolError};
use crate::media::{self, MediaStore};
use std::io;
use std::sync::Arc;

pub use crate::media::{
    MediaName, PATH, Picture, PictureError, PictureKind, Sample, Srcset, sample, srcset,
};

/// Keeps and gives pictures. Cheap to clone.
#[derive(Clone)]
pub struct Pictures {
    store: Arc<dyn MediaStore>,
    pool: Blocking,
}

/// Why a picture was not kept or not given.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("the pictures' folder cannot be used")]
    Store(#[from] io::Error),
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Pictures {
    pub fn new(store: Arc<dyn MediaStore>, pool: Blocking) -> Pictures {
        Pictures { store, pool }
    }

    /// Makes a picture of an upload and keeps it in all its widths; durable when this returns.
    pub async fn keep(&self, upload: Vec<u8>) -> Result<Picture, PicturesError> {
        let store = Arc::clone(&self.store);
        let kept = self.pool.run(move || {
            let picture = media::renewed(&upload)?;
            for (name, bytes) in &picture.copies {
                store.put(name, bytes)?;
            }
            store.put(&picture.name, &picture.bytes)?;
            Ok(picture)
        });
        kept.await?
    }

    /// A picture's bytes. A narrower copy that is missing is made of its original and kept.
    pub async fn find(&self, name: MediaName) -> Result<Option<Vec<u8>>, PicturesError> {
        let store = Arc::clone(&self.store);
        let found = self.pool.run(move || {
            if let Some(bytes) = store.get(&name)? {
                return Ok(Some(bytes));
            }
            let original = name.original().map(|original| store.get(&original));
            let Some(original) = original.transpose()?.flatten() else { return Ok(None) };
            let copy = media::narrowed(&original, &name)?;
            store.put(&name, &copy)?;
            Ok(Some(copy))
        });
        found.await?
    }
}
