//! A long text for machines, kept zipped: of a large catalog it is tens of megabytes long, and nearly
//! everybody who fetches it takes it zipped.

use crate::http::etag::{EntityTag, is_known};
use crate::http::kept::{ZIPPED_FROM_BYTES, takes_gzip};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures_util::stream;
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Cursor, Read, Write};

/// For who takes it unzipped, it is unzipped in pieces of so many bytes, each while it is sent.
const PIECE: usize = 64 << 10;

/// How long a cache may give it without asking: long enough for a crowd, and too short for anybody to
/// be misled.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// A text as it stands at one moment.
pub struct Document {
    media_type: &'static str,
    tag: EntityTag,
    zipped: Bytes,
    /// Bytes of the text itself.
    length: usize,
}

/// Zips what is written, and notes what it was.
struct Press {
    zip: GzEncoder<Vec<u8>>,
    digest: Sha256,
    length: usize,
}

impl Write for Press {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.zip.write_all(text)?;
        self.digest.update(text);
        self.length += text.len();
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Document {
    /// Keeps what `write` writes. No error but its own comes of this.
    pub fn of(
        media_type: &'static str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Document> {
        let zip = GzEncoder::new(Vec::new(), Compression::default());
        let mut press =
            BufWriter::with_capacity(PIECE, Press { zip, digest: Sha256::new(), length: 0 });
        write(&mut press)?;
        let Press { zip, digest, length } =
            press.into_inner().map_err(|error| error.into_error())?;
        let zipped = zip.finish()?.into();
        Ok(Document { media_type, tag: EntityTag::of_bytes(&digest.finalize()), zipped, length })
    }

    /// What a request with these headers is answered.
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let zips = self.length >= ZIPPED_FROM_BYTES && takes_gzip(asked);
        let is_known = is_known(asked, &self.tag);
        let mut response = Response::new(match (is_known, zips) {
            (true, _) => Body::empty(),
            (false, true) => self.zipped.clone().into(),
            (false, false) => self.unzipped(),
        });
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.value());
        headers.insert(CACHE_CONTROL, CACHING);
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        if zips {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    fn unzipped(&self) -> Body {
        let mut text = GzDecoder::new(Cursor::new(self.zipped.clone()));
        if self.length <= PIECE {
            let mut whole = Vec::with_capacity(self.length);
            let read = text.read_to_end(&mut whole);
            read.expect("what was zipped in memory is unzipped");
            return whole.into();
        }
        Body::from_stream(stream::try_unfold(text, |mut text| async move {
            let mut piece = Vec::with_capacity(PIECE);
            text.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            Ok::<_, io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), text)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    fn document(length: usize) -> Document {
        let text: String = (0..length).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
        Document::of("text/plain", |out| out.write_all(text.as_bytes())).unwrap()
    }

    async fn bytes(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().into()
    }

    #[tokio::test]
    async fn a_text_comes_zipped_to_those_who_take_it_and_whole_to_all() {
        for length in [0, 10, ZIPPED_FROM_BYTES, PIECE, PIECE + 1, 5 * PIECE] {
            let document = document(length);
            let plain = bytes(document.answer(&HeaderMap::new())).await;
            assert_eq!((plain.len(), document.length), (length, length));
            let zips = [(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))].into_iter().collect();
            let response = document.answer(&zips);
            let is_zipped = response.headers().contains_key(CONTENT_ENCODING);
            assert_eq!(is_zipped, length >= ZIPPED_FROM_BYTES);
            let mut text = bytes(response).await;
            if is_zipped {
                let zipped = std::mem::take(&mut text);
                GzDecoder::new(&*zipped).read_to_end(&mut text).unwrap();
            }
            assert!(text == plain, "{length}");
        }
    }

    #[tokio::test]
    async fn who_has_it_is_told_so_and_a_new_text_has_a_new_tag() {
        let one = document(10);
        let known = [(IF_NONE_MATCH, one.tag.value())].into_iter().collect();
        let answer = one.answer(&known);
        assert_eq!(
            (answer.status(), answer.headers()[ETAG].clone()),
            (StatusCode::NOT_MODIFIED, one.tag.value())
        );
        assert!(bytes(answer).await.is_empty());
        assert_eq!(document(11).answer(&known).status(), StatusCode::OK);
        assert_eq!(document(10).answer(&known).status(), StatusCode::NOT_MODIFIED);
    }
}
