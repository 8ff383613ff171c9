//! Uploads become pictures: decoded under limits, turned the right way up, encoded anew.
//!
//! Encoding anew leaves behind whatever a file carried beside its pixels: the camera's position, a
//! name, a script for a careless viewer.

use super::MediaName;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Limits,
};
use std::io::Cursor;

/// The most pixels that a picture may be wide or high.
pub const MOST_PIXELS_A_SIDE: u32 = 12_000;

/// The most memory that decoding may take, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Of JPEG: hardly to be told from the original, at a third of its size.
const QUALITY: u8 = 82;

/// The kinds of pictures that are taken and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    Jpeg,
    Png,
    Webp,
}

impl PictureKind {
    pub const ALL: [PictureKind; 3] = [PictureKind::Jpeg, PictureKind::Png, PictureKind::Webp];

    pub fn media_type(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "image/jpeg",
            PictureKind::Png => "image/png",
            PictureKind::Webp => "image/webp",
        }
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "jpg",
            PictureKind::Png => "png",
            PictureKind::Webp => "webp",
        }
    }
}

/// A picture as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub name: MediaName,
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

/// Why an upload makes no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("pictures are taken as JPEG, PNG or WebP")]
    WrongKind,
    #[error("a picture is at most {MOST_PIXELS_A_SIDE} pixels wide and high")]
    TooLarge,
    #[error("the file is not a picture, or it is damaged")]
    Unreadable,
}

impl From<ImageError> for PictureError {
    fn from(error: ImageError) -> PictureError {
        match error {
            ImageError::Limits(_) => PictureError::TooLarge,
            ImageError::Unsupported(_)
            | ImageError::Decoding(_)
            | ImageError::Encoding(_)
            | ImageError::Parameter(_)
            | ImageError::IoError(_) => PictureError::Unreadable,
        }
    }
}

/// Reads an upload, whatever it says it is, and encodes its pixels anew in the same format. Takes
/// as long as it takes: this belongs to a pool of threads.
pub fn renewed(upload: &[u8]) -> Result<Picture, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(upload))
        .with_guessed_format()
        .map_err(|_| PictureError::Unreadable)?;
    let kind = match reader.format() {
        Some(ImageFormat::Jpeg) => PictureKind::Jpeg,
        Some(ImageFormat::Png) => PictureKind::Png,
        Some(ImageFormat::WebP) => PictureKind::Webp,
        Some(_) => return Err(PictureError::WrongKind),
        None => return Err(PictureError::Unreadable),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS_A_SIDE);
    limits.max_image_height = Some(MOST_PIXELS_A_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // A strange orientation is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut pixels = DynamicImage::from_decoder(decoder)?;
    pixels.apply_orientation(orientation);
    let mut bytes = Vec::new();
    match kind {
        PictureKind::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            pixels.to_rgb8().write_with_encoder(encoder)?;
        }
        PictureKind::Png => pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?,
        PictureKind::Webp => {
            let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
            let rgba = pixels.to_rgba8();
            let color = image::ExtendedColorType::Rgba8;
            encoder.write_image(&rgba, rgba.width(), rgba.height(), color)?;
        }
    }
    let name = MediaName::of(&bytes, kind);
    Ok(Picture { name, bytes, width: pixels.width(), height: pixels.height() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99]));
        let mut bytes = Vec::new();
        DynamicImage::from(pixels).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    /// A JPEG with an EXIF block after its start: orientation 6 (turn right) and a text in it.
    fn with_exif(jpeg: &[u8]) -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]);
        exif.extend(b"GPS 52.5200 N 13.4050 E");
        let length = (exif.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
    }

    #[test]
    fn each_kind_is_kept_as_what_it_is_with_its_size() {
        let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];
        for (format, kind) in formats.into_iter().zip(PictureKind::ALL) {
            let picture = renewed(&encoded(7, 5, format)).unwrap();
            assert_eq!((picture.width, picture.height, picture.name.kind()), (7, 5, kind));
            assert_eq!(image::guess_format(&picture.bytes).unwrap(), format);
            assert_eq!(MediaName::of(&picture.bytes, kind), picture.name);
        }
    }

    #[test]
    fn a_photo_is_turned_upright_and_forgets_where_it_was_taken() {
        let upload = with_exif(&encoded(8, 4, ImageFormat::Jpeg));
        let picture = renewed(&upload).unwrap();
        assert_eq!((picture.width, picture.height), (4, 8));
        assert!(upload.windows(3).any(|part| part == b"GPS"));
        assert!(!picture.bytes.windows(3).any(|part| part == b"GPS"));
    }

    #[test]
    fn other_kinds_and_what_is_no_picture_are_refused() {
        assert!(matches!(renewed(b"GIF89a\x01\0\x01\0"), Err(PictureError::WrongKind)));
        assert!(matches!(renewed(b"<svg/>"), Err(PictureError::Unreadable)));
        assert!(matches!(renewed(b""), Err(PictureError::Unreadable)));
        let whole = encoded(50, 50, ImageFormat::Png);
        assert!(matches!(renewed(&whole[..whole.len() / 2]), Err(PictureError::Unreadable)));
    }

    #[test]
    fn a_picture_that_is_too_wide_is_refused_before_its_pixels_are_read() {
        let wide = encoded(MOST_PIXELS_A_SIDE + 1, 1, ImageFormat::Png);
        assert!(matches!(renewed(&wide), Err(PictureError::TooLarge)));
        assert!(renewed(&encoded(MOST_PIXELS_A_SIDE, 1, ImageFormat::Png)).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic(start in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"RIFF\x20\0\0\0WEBP", b"",
        ]), rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = renewed(&[start, &rest].concat());
        }
    }
}
