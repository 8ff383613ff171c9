//! The pictures of the demo shop, in the program itself.

use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "data/pictures"]
struct Samples;

/// One of the demo shop's drawings.
pub struct Sample {
    /// SVG.
    pub bytes: Cow<'static, [u8]>,
    /// The SHA-256 of the bytes.
    pub digest: [u8; 32],
}

/// The drawing with this file name.
pub fn sample(file: &str) -> Option<Sample> {
    let found = Samples::get(file)?;
    Some(Sample { digest: found.metadata.sha256_hash(), bytes: found.data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_found_by_their_file_names_and_nothing_else_is() {
        let drawing = sample("jar-candle.svg").unwrap();
        assert!(drawing.bytes.starts_with(b"<svg"));
        for bad in ["", "jar-candle", "../catalog.json", "../../Cargo.toml", "/etc/passwd"] {
            assert!(sample(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn no_drawing_can_run_anything() {
        for file in Samples::iter() {
            let drawing = String::from_utf8(sample(&file).unwrap().bytes.to_vec()).unwrap();
            let drawing = drawing.to_lowercase();
            for bad in ["<script", " onload", "href=\"http", "javascript:", "<foreignobject"] {
                assert!(!drawing.contains(bad), "{file}: {bad}");
            }
        }
    }
}
