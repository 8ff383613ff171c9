//! How large a picture is, by the head of its file alone.

use image::ImageReader;
use std::io::Cursor;

/// Width and height in pixels; `None` where the bytes are no picture.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_dimensions().ok()
}

#[cfg(test)]
mod tests {
    use super::size;
    use image::{DynamicImage, ImageFormat};
    use std::io::Cursor;

    #[test]
    fn a_picture_has_a_size_and_other_bytes_have_none() {
        let mut bytes = Vec::new();
        let picture = DynamicImage::new_rgb8(3, 2);
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        assert_eq!(size(&bytes), Some((3, 2)));
        assert_eq!(size(b"no picture"), None);
    }
}
