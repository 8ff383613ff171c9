//! The widths in which pictures can be had, so that a phone is not sent what a large screen needs.
//!
//! A picture is never made wider than it is. Its copies are of its own kind. They are made with it
//! when it is uploaded; one that is missing is made of the original when it is first asked for.

use super::picture::{Pixels, read};
use super::{MediaName, PATH, PictureError};
use image::imageops::FilterType;
use std::fmt::Write;

/// In pixels: from a card on a small phone to a product's page on a large screen.
pub const WIDTHS: [u32; 5] = [320, 640, 960, 1_280, 1_920];

/// What a page needs to know of a picture of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srcset {
    /// The value of `srcset`: paths with their widths.
    pub srcset: String,
    /// Of the original, for the picture's place on the page.
    pub width: u32,
    pub height: u32,
}

/// The widths of the picture at this address; `None` where it is no picture of ours, such as one of
/// another site or a drawing, which is as sharp in every width. All of it follows from the address.
pub fn srcset(url: &str) -> Option<Srcset> {
    let name: MediaName = url.strip_prefix(PATH)?.parse().ok()?;
    let name = name.original().unwrap_or(name);
    let mut srcset = String::with_capacity(512);
    for narrower in name.narrower() {
        let width = narrower.narrowed.unwrap_or_default();
        let _ = write!(srcset, "{PATH}{narrower} {width}w, ");
    }
    let (width, height) = (name.width(), name.height());
    if width <= WIDTHS[WIDTHS.len() - 1] {
        let _ = write!(srcset, "{PATH}{name} {width}w");
    }
    srcset.truncate(srcset.trim_end_matches(", ").len());
    Some(Srcset { srcset, width, height })
}

impl MediaName {
    /// The copy that is so wide; `None` where there is none.
    pub fn at(&self, width: u32) -> Option<MediaName> {
        let is_one = WIDTHS.contains(&width) && width < self.width;
        is_one.then(|| MediaName { narrowed: Some(width), ..self.clone() })
    }

    /// All copies, the narrowest first.
    pub fn narrower(&self) -> impl DoubleEndedIterator<Item = MediaName> + '_ {
        WIDTHS.into_iter().filter_map(|width| self.at(width))
    }

    /// Width and height of the picture that bears this name, in pixels.
    pub fn size(&self) -> (u32, u32) {
        let Some(width) = self.narrowed else { return (self.width, self.height) };
        let height = u64::from(self.height) * u64::from(width) * 2 / u64::from(self.width);
        // Half a pixel counts as one, and there is at least one.
        (width, u32::try_from(height.div_ceil(2)).unwrap_or(u32::MAX).max(1))
    }
}

/// Every copy of a picture, the widest first: each is made of the one before, which has fewer pixels
/// to look at than the original.
pub(super) fn copies(
    original: &MediaName,
    pixels: Pixels,
) -> Result<Vec<(MediaName, Vec<u8>)>, PictureError> {
    let mut copies = Vec::new();
    let mut pixels = pixels.multiplied();
    for name in original.narrower().rev() {
        pixels = scaled(&pixels, &name);
        copies.push((name.clone(), pixels.divided().encoded(name.kind())?));
    }
    Ok(copies)
}

/// The copy of that name, of the original's bytes.
pub fn narrowed(original: &[u8], name: &MediaName) -> Result<Vec<u8>, PictureError> {
    let (_, pixels) = read(original)?;
    scaled(&pixels.multiplied(), name).divided().encoded(name.kind())
}

fn scaled(pixels: &Pixels, name: &MediaName) -> Pixels {
    let (width, height) = name.size();
    // Far fewer pixels: their mean first, which is quick, and the sharp filter for the rest.
    let halfway = (pixels.0.width() > 2 * width)
        .then(|| pixels.0.thumbnail_exact(2 * width, (2 * height).min(pixels.0.height())));
    let near = halfway.as_ref().unwrap_or(&pixels.0);
    Pixels(near.resize_exact(width, height, FilterType::CatmullRom))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{PictureKind, renewed};
    use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
    use std::io::Cursor;

    fn name(width: u32, height: u32) -> MediaName {
        MediaName::of(b"x", PictureKind::Jpeg, width, height)
    }

    fn widths(name: &MediaName) -> Vec<u32> {
        name.narrower().filter_map(|name| name.narrowed).collect()
    }

    fn encoded(pixels: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        pixels.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn a_picture_is_never_made_wider() {
        assert_eq!(widths(&name(320, 10)), [0; 0]);
        assert_eq!(widths(&name(1_280, 10)), [320, 640, 960]);
        assert_eq!(widths(&name(12_000, 10)), WIDTHS);
        assert_eq!(name(1_600, 1_200).at(640).unwrap().size(), (640, 480));
        assert_eq!(name(961, 3).at(640).unwrap().size(), (640, 2));
        assert_eq!(name(12_000, 1).at(320).unwrap().size(), (320, 1));
        assert_eq!(name(321, 12_000).at(320).unwrap().size(), (320, 11_963));
    }

    #[test]
    fn a_srcset_follows_from_the_address_alone() {
        let own = name(700, 350);
        let set = srcset(&own.path()).unwrap();
        let (small, middle) = (own.at(320).unwrap(), own.at(640).unwrap());
        let expected =
            format!("{} 320w, {} 640w, {} 700w", small.path(), middle.path(), own.path());
        assert_eq!(set, Srcset { srcset: expected, width: 700, height: 350 });
        assert_eq!(srcset(&small.path()), Some(set));
        let tiny = name(9, 9);
        assert_eq!(srcset(&tiny.path()).unwrap().srcset, format!("{} 9w", tiny.path()));
        // Of one that is wider than all of them, the original is for looking at closely.
        let set = srcset(&name(4_000, 3_000).path()).unwrap();
        assert!(set.srcset.ends_with("-4000x3000-1920.jpg 1920w"), "{set:?}");
        for foreign in ["/media/demo/jar-candle.svg", "https://example.com/x.jpg", "", "/media/"] {
            assert_eq!(srcset(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_upload_comes_in_every_width_below_its_own() {
        let pixels = RgbImage::from_fn(1_300, 650, |x, y| Rgb([(x / 6) as u8, (y / 3) as u8, 99]));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let picture = renewed(&encoded(pixels.clone(), format)).unwrap();
            let sizes: Vec<_> = picture
                .copies
                .iter()
                .map(|(name, bytes)| {
                    let copy = image::load_from_memory(bytes).unwrap();
                    assert_eq!((copy.width(), copy.height()), name.size());
                    // A copy shows what its original does.
                    let [red, green, _] = copy.to_rgb8()[(copy.width() / 2, copy.height() / 2)].0;
                    assert!(red.abs_diff(108) < 6 && green.abs_diff(108) < 6, "{red} {green}");
                    name.size()
                })
                .collect();
            assert_eq!(sizes, [(1_280, 640), (960, 480), (640, 320), (320, 160)], "{format:?}");
        }
    }

    #[test]
    fn a_copy_that_is_missing_is_made_of_its_original() {
        let pixels = RgbImage::from_pixel(400, 100, Rgb([200, 40, 40]));
        let picture = renewed(&encoded(pixels, ImageFormat::Jpeg)).unwrap();
        let copy = picture.name.at(320).unwrap();
        let made = image::load_from_memory(&narrowed(&picture.bytes, &copy).unwrap()).unwrap();
        assert_eq!((made.width(), made.height()), (320, 80));
        assert!(matches!(narrowed(b"no picture", &copy), Err(PictureError::Unreadable)));
    }

    /// The colour of what cannot be seen would stand as a dark fringe around what can.
    #[test]
    fn what_is_transparent_lends_its_colour_to_nobody() {
        let pixels = RgbaImage::from_fn(640, 64, |x, _| match x / 5 % 2 {
            0 => Rgba([250, 250, 250, 255]),
            _ => Rgba([0, 0, 0, 0]),
        });
        let picture = renewed(&encoded(pixels, ImageFormat::Png)).unwrap();
        assert_eq!(picture.name.kind(), PictureKind::Png);
        let (_, copy) = &picture.copies[0];
        let copy = image::load_from_memory(copy).unwrap().to_rgba8();
        let seen: Vec<_> = copy.pixels().filter(|pixel| pixel[3] > 8).collect();
        assert!(seen.iter().any(|pixel| pixel[3] < 250), "some are between");
        assert!(seen.iter().all(|pixel| pixel[0] > 220), "and none is dark");
    }
}
