//! What pages load: the style sheet, the scripts and the icons, from within the program.
//!
//! They lie below a folder whose name is a hash of all of them, so that a browser keeps them for good
//! and scripts can still name each other. The merchant's colour is one line of the style sheet; with
//! it, the hash changes. Each is zipped once, when the look is made.

use crate::http::app::App;
use crate::http::body::{Named, Pair};
use crate::http::kept::{takes_gzip, zip};
use crate::http::problem::ApiError;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(RustEmbed)]
#[folder = "assets/storefront"]
struct Files;

/// The colour that the files have.
pub const ACCENT: &str = "#0e5a46";

const NO_FILE: ApiError = ApiError::NotFound { what: "file" };

/// All files, ready to be sent.
pub struct Assets {
    folder: String,
    files: BTreeMap<String, File>,
}

struct File {
    media_type: &'static str,
    text: Bytes,
    zipped: Bytes,
}

impl Assets {
    /// The files in a shop of this colour, `#` and six hex digits.
    pub fn new(accent: &str) -> Assets {
        let mut files = BTreeMap::new();
        let mut hash = Sha256::new();
        for name in Files::iter() {
            let bytes = Files::get(&name).map(|file| file.data).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).replace(ACCENT, accent);
            hash.update(name.as_bytes());
            hash.update(Sha256::digest(&text));
            let zipped = zip(text.as_bytes(), Compression::best());
            let file = File { media_type: media_type(&name), text: text.into(), zipped };
            files.insert(name.into_owned(), file);
        }
        let digest = hash.finalize();
        let folder = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Assets { folder, files }
    }

    /// The address of the folder that they all lie in, without a slash at its end.
    pub fn address(&self) -> String {
        format!("/assets/{}", self.folder)
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/speculationrules+json",
    }
}

/// A file below the folder of this moment's look. What an earlier look had is gone.
pub(super) async fn file(
    State(app): State<App>,
    Named(Pair(folder, name)): Named<Pair<String, String>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let look = app.look();
    let file = look.assets.files.get(&name).filter(|_| folder == look.assets.folder);
    Ok(answer(file.ok_or(NO_FILE)?, &headers, "public, max-age=31536000, immutable"))
}

/// The sign of the shop where nobody said where it is.
pub(super) async fn favicon(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let look = app.look();
    let file = look.assets.files.get("favicon.svg").ok_or(NO_FILE)?;
    Ok(answer(file, &headers, "public, max-age=3600"))
}

fn answer(file: &File, asked: &HeaderMap, caching: &'static str) -> Response {
    let zips = takes_gzip(asked);
    let mut response =
        Response::new(Body::from(if zips { &file.zipped } else { &file.text }.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if zips {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_colour_is_another_folder() {
        let (own, other) = (Assets::new(ACCENT), Assets::new("#aa0000"));
        assert_ne!(own.folder, other.folder);
        assert_eq!(own.folder, Assets::new(ACCENT).folder);
        let css = |assets: &Assets| {
            String::from_utf8(assets.files["storefront.css"].text.to_vec()).unwrap()
        };
        assert!(css(&own).contains(":root { --accent: #0e5a46; }"));
        assert!(css(&other).contains(":root { --accent: #aa0000; }"));
        assert!(!css(&other).contains(ACCENT));
    }

    #[test]
    fn scripts_are_small_and_name_only_files_that_are_there() {
        let assets = Assets::new(ACCENT);
        let scripts = assets.files.iter().filter(|(name, _)| name.ends_with(".js"));
        let bytes: usize = scripts.clone().map(|(_, file)| file.text.len()).sum();
        assert!(bytes < 15 << 10, "{bytes} bytes of scripts");
        let named = regex::Regex::new(r#"from "\./([a-z]+\.js)""#).unwrap();
        for (name, file) in scripts {
            let text = std::str::from_utf8(&file.text).unwrap();
            for found in named.captures_iter(text) {
                assert!(assets.files.contains_key(&format!("js/{}", &found[1])), "{name}");
            }
        }
        assert!(assets.files.values().all(|file| file.zipped.len() < file.text.len()));
    }
}
