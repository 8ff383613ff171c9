//! Uploads become pictures: decoded under limits, turned the right way up, encoded anew.
//!
//! Encoding anew leaves behind whatever a file carried beside its pixels: the camera's position, a
//! name, a script for a careless viewer.

use super::{MediaName, widths};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// The most pixels that a picture may be wide or high.
pub const MOST_PIXELS_A_SIDE: u32 = 12_000;

/// The most pixels that a picture may have: as many as 8 192 by 8 192.
pub const MOST_PIXELS: u64 = 1 << 26;

/// The most memory that a decoded picture may take, in bytes: that of all these pixels.
const MOST_BYTES: u64 = MOST_PIXELS * 4;

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
    /// The same in smaller widths.
    pub copies: Vec<(MediaName, Vec<u8>)>,
}

/// Why an upload makes no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("pictures are taken as JPEG, PNG or WebP")]
    WrongKind,
    #[error(
        "a picture is at most {MOST_PIXELS_A_SIDE} pixels wide and high, and has at most {MOST_PIXELS} of them"
    )]
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

/// Reads an upload, whatever it says it is, and encodes its pixels anew. Takes as long as it takes:
/// this belongs to a pool of threads.
///
/// JPEG stays JPEG, and what lets the ground shine through stays what it is. Other PNG and WebP may
/// be a drawing or a photograph; the smaller of its own kind and JPEG shows which.
pub fn renewed(upload: &[u8]) -> Result<Picture, PictureError> {
    let (uploaded, pixels) = read(upload)?;
    let mut kind = uploaded;
    let mut bytes = pixels.encoded(kind)?;
    if kind != PictureKind::Jpeg && !pixels.is_translucent() {
        let photograph = pixels.encoded(PictureKind::Jpeg)?;
        if photograph.len() < bytes.len() {
            (kind, bytes) = (PictureKind::Jpeg, photograph);
        }
    }
    let name = MediaName::of(&bytes, kind, pixels.0.width(), pixels.0.height());
    let copies = widths::copies(&name, pixels)?;
    Ok(Picture { name, bytes, copies })
}

/// A file's kind and its pixels, the right way up.
pub(super) fn read(file: &[u8]) -> Result<(PictureKind, Pixels), PictureError> {
    let mut reader = ImageReader::new(Cursor::new(file))
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
    // The limits above are for what a decoder needs beside the pixels: these it writes into memory
    // that is asked for here.
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS || decoder.total_bytes() > MOST_BYTES {
        return Err(PictureError::TooLarge);
    }
    // A strange orientation is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut pixels = DynamicImage::from_decoder(decoder)?;
    pixels.apply_orientation(orientation);
    Ok((kind, Pixels::of(pixels)))
}

/// Pixels of 8 bits a channel: RGB, or RGBA where some let the ground shine through.
pub(super) struct Pixels(pub DynamicImage);

impl Pixels {
    fn of(pixels: DynamicImage) -> Pixels {
        if !pixels.color().has_alpha() {
            return Pixels(pixels.into_rgb8().into());
        }
        let pixels = pixels.into_rgba8();
        if pixels.pixels().all(|pixel| pixel[3] == u8::MAX) {
            return Pixels(DynamicImage::from(pixels).into_rgb8().into());
        }
        Pixels(pixels.into())
    }

    fn is_translucent(&self) -> bool {
        self.0.color().has_alpha()
    }

    pub fn encoded(&self, kind: PictureKind) -> Result<Vec<u8>, PictureError> {
        let mut bytes = Vec::new();
        let pixels = &self.0;
        match kind {
            PictureKind::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
                pixels.write_with_encoder(encoder)?;
            }
            PictureKind::Png => {
                let (how, filter) = (CompressionType::Default, FilterType::Adaptive);
                pixels.write_with_encoder(PngEncoder::new_with_quality(&mut bytes, how, filter))?;
            }
            PictureKind::Webp => {
                pixels.write_with_encoder(WebPEncoder::new_lossless(&mut bytes))?;
            }
        }
        Ok(bytes)
    }

    /// Each colour weighed by how much of it is seen, so that the mean of several pixels is that of
    /// what is seen of them.
    pub fn multiplied(self) -> Pixels {
        let DynamicImage::ImageRgba8(mut pixels) = self.0 else { return self };
        for pixel in pixels.pixels_mut() {
            let [colors @ .., alpha] = &mut pixel.0;
            let alpha = u32::from(*alpha);
            for color in colors {
                *color = ((u32::from(*color) * alpha + 127) / 255) as u8;
            }
        }
        Pixels(pixels.into())
    }

    /// What was [`multiplied`](Pixels::multiplied), as pictures are kept.
    pub fn divided(&self) -> Pixels {
        let DynamicImage::ImageRgba8(mut pixels) = self.0.clone() else {
            return Pixels(self.0.clone());
        };
        for pixel in pixels.pixels_mut() {
            let [colors @ .., alpha] = &mut pixel.0;
            let alpha = u32::from(*alpha);
            for color in colors {
                let whole = (u32::from(*color) * 255 + alpha / 2).checked_div(alpha);
                *color = whole.unwrap_or_default().min(255) as u8;
            }
        }
        Pixels(pixels.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage, Rgba, RgbaImage};
    use proptest::prelude::*;

    fn bytes_of(pixels: DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        pixels.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99]));
        bytes_of(pixels.into(), format)
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
            assert_eq!(picture.name.kind(), kind);
            assert_eq!(image::guess_format(&picture.bytes).unwrap(), format);
            assert_eq!(MediaName::of(&picture.bytes, kind, 7, 5), picture.name);
        }
    }

    #[test]
    fn a_photo_is_turned_upright_and_forgets_where_it_was_taken() {
        let upload = with_exif(&encoded(8, 4, ImageFormat::Jpeg));
        let picture = renewed(&upload).unwrap();
        assert_eq!((picture.name.width(), picture.name.height()), (4, 8));
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
    fn a_photograph_is_kept_as_jpeg_and_what_is_translucent_is_not() {
        // Noise, as film has it: what no lossless kind makes small (the end of MurmurHash3).
        let noise = |x: u32, y: u32| {
            let mixed = (x << 16 ^ y).wrapping_mul(0x85eb_ca6b);
            let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
            mixed ^ mixed >> 16
        };
        let photograph = RgbImage::from_fn(90, 90, |x, y| Rgb([noise(x, y) as u8; 3]));
        let seen_through = RgbaImage::from_fn(90, 90, |x, y| {
            let grey = noise(x, y) as u8;
            Rgba([grey, grey, grey, if x < 9 { 80 } else { 255 }])
        });
        let opaque = DynamicImage::from(photograph.clone()).into_rgba8();
        for (format, kind) in
            [(ImageFormat::Png, PictureKind::Png), (ImageFormat::WebP, PictureKind::Webp)]
        {
            for photograph in [photograph.clone().into(), DynamicImage::from(opaque.clone())] {
                let kept = renewed(&bytes_of(photograph, format)).unwrap();
                assert_eq!(kept.name.kind(), PictureKind::Jpeg, "{format:?}");
                assert_eq!(image::guess_format(&kept.bytes).unwrap(), ImageFormat::Jpeg);
            }
            let kept = renewed(&bytes_of(seen_through.clone().into(), format)).unwrap();
            assert_eq!(kept.name.kind(), kind);
            let pixels = image::load_from_memory(&kept.bytes).unwrap().into_rgba8();
            assert_eq!(pixels, seen_through, "to the last bit");
        }
    }

    #[test]
    fn a_picture_of_16_bits_a_channel_is_kept_with_8() {
        let deep = image::ImageBuffer::from_pixel(3, 3, Rgb([0xabcd_u16, 0x1234, 0]));
        let kept = renewed(&bytes_of(DynamicImage::ImageRgb16(deep), ImageFormat::Png)).unwrap();
        let pixels = image::load_from_memory(&kept.bytes).unwrap();
        assert_eq!(pixels.color(), image::ColorType::Rgb8);
        assert_eq!(pixels.to_rgb8()[(1, 1)], Rgb([0xab, 0x12, 0]));
    }

    #[test]
    fn a_picture_that_is_too_wide_is_refused_before_its_pixels_are_read() {
        let wide = encoded(MOST_PIXELS_A_SIDE + 1, 1, ImageFormat::Png);
        assert!(matches!(renewed(&wide), Err(PictureError::TooLarge)));
        assert!(renewed(&encoded(MOST_PIXELS_A_SIDE, 1, ImageFormat::Png)).is_ok());
    }

    /// A file of a few bytes that says it has `width` by `height` pixels.
    fn bomb(format: ImageFormat, width: u16, height: u16) -> Vec<u8> {
        let mut bytes = encoded(16, 16, format);
        let at = |mark: &[u8]| {
            let found = bytes.windows(mark.len()).position(|part| part == mark);
            found.unwrap() + mark.len()
        };
        match format {
            ImageFormat::Png => {
                let start = at(b"IHDR");
                bytes[start..start + 4].copy_from_slice(&u32::from(width).to_be_bytes());
                bytes[start + 4..start + 8].copy_from_slice(&u32::from(height).to_be_bytes());
                let sum = crc32fast::hash(&bytes[start - 4..start + 13]);
                bytes[start + 13..start + 17].copy_from_slice(&sum.to_be_bytes());
            }
            ImageFormat::Jpeg => {
                // The start of the frame: its length, the bits of a sample, height and width.
                let start = at(&[0xff, 0xc0]) + 3;
                bytes[start..start + 2].copy_from_slice(&height.to_be_bytes());
                bytes[start + 2..start + 4].copy_from_slice(&width.to_be_bytes());
            }
            _ => {
                // Behind the signature of VP8L, 14 bits each of width and height less one.
                let start = at(b"VP8L") + 5;
                let size = u32::from(width - 1) | u32::from(height - 1) << 14;
                bytes[start..start + 4].copy_from_slice(&size.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn a_small_file_of_a_huge_picture_is_refused_before_memory_is_taken_for_it() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let refused = renewed(&bomb(format, 11_999, 11_999)).err();
            assert!(matches!(refused, Some(PictureError::TooLarge)), "{format:?}: {refused:?}");
            // The file itself is well made: as large as it says, it is a picture.
            assert!(renewed(&bomb(format, 16, 16)).is_ok(), "{format:?}");
        }
    }

    #[test]
    fn a_file_that_ends_early_is_refused_or_shows_what_came() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let whole = encoded(200, 200, format);
            // What follows the pixels may be missing.
            for length in (0..whole.len() * 9 / 10).step_by(whole.len() / 40) {
                match renewed(&whole[..length]) {
                    Err(error) => assert!(matches!(error, PictureError::Unreadable), "{error:?}"),
                    Ok(picture) => assert_eq!(format, ImageFormat::Jpeg, "{}", picture.name),
                }
            }
        }
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
