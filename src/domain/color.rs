//! Colours, and whether text in them can be read.
//!
//! A merchant names any colour as the shop's accent. What it is used for must stay readable, so what
//! follows from it is computed here, by the formula of the Web Content Accessibility Guidelines
//! (WCAG 2.2, definitions of "relative luminance" and "contrast ratio").

use std::fmt;
use std::str::FromStr;

/// An opaque colour of sRGB: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color(pub [u8; 3]);

/// The text is not a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour such as #0e5a46")]
pub struct ColorError;

/// The least contrast of text to what it stands on (WCAG 2.2, success criterion 1.4.3, level AA).
pub const LEAST_CONTRAST: f64 = 4.5;

/// What text stands on in the pages' light scheme: page, panels, foot. The tokens `--ground`,
/// `--raised` and `--sunk` of the storefront's style sheet.
pub const LIGHT_GROUNDS: [Color; 3] =
    [Color([0xf5, 0xf5, 0xef]), Color([0xfd, 0xfd, 0xfa]), Color([0xe9, 0xea, 0xe1])];

/// As [`LIGHT_GROUNDS`], in the dark scheme.
pub const DARK_GROUNDS: [Color; 3] =
    [Color([0x14, 0x19, 0x17]), Color([0x1d, 0x24, 0x21]), Color([0x0e, 0x12, 0x10])];

impl Color {
    pub const BLACK: Color = Color([0; 3]);
    pub const WHITE: Color = Color([255; 3]);

    /// 0 for black to 1 for white: each channel `c` of 0 to 1 is made linear, `c / 12.92` up to
    /// 0.04045 and `((c + 0.055) / 1.055) ^ 2.4` above, and weighed 0.2126, 0.7152 and 0.0722.
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// 1 for the same luminance to 21 for black and white: `(lighter + 0.05) / (darker + 0.05)`.
    pub fn contrast(self, other: Color) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Black or white, whichever is read better on this colour: never below 4.58, for at the
    /// luminance where both are equal each has the square root of 21.
    pub fn text_on(self) -> Color {
        let is_dark = self.contrast(Color::WHITE) >= self.contrast(Color::BLACK);
        if is_dark { Color::WHITE } else { Color::BLACK }
    }

    /// This colour as text on any of `grounds`: itself where it has [`LEAST_CONTRAST`] to all of
    /// them, or else with as little black (on light grounds) or white (on dark ones) in it as
    /// gives it that. Grounds are all light or all dark.
    pub fn readable_on(self, grounds: &[Color]) -> Color {
        let is_readable =
            |color: Color| grounds.iter().all(|own| color.contrast(*own) >= LEAST_CONTRAST);
        let end = grounds.first().map_or(self, |ground| ground.text_on());
        let mut steps = (0..=255).map(|parts| self.mixed(end, parts));
        steps.find(|color| is_readable(*color)).unwrap_or(end)
    }

    /// With `parts` of 255 of another colour in it.
    fn mixed(self, other: Color, parts: u16) -> Color {
        let mut channels = self.0;
        for (own, other) in channels.iter_mut().zip(other.0) {
            let sum = u16::from(*own) * (255 - parts) + u16::from(other) * parts;
            // Both are at most 255, and so is what lies between them.
            *own = u8::try_from(sum / 255).unwrap_or(u8::MAX);
        }
        Color(channels)
    }
}

/// `#0e5a46`.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// `#rrggbb` in either case, and nothing else.
impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Color, ColorError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(ColorError)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(ColorError)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Color([red, green, blue]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn color(text: &str) -> Color {
        text.parse().unwrap()
    }

    #[test]
    fn contrast_is_what_others_compute() {
        let pairs = [
            ("#000000", "#ffffff", 21.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#0000ff", "#ffffff", 8.59),
            ("#ff0000", "#ffffff", 4.00),
            ("#0e5a46", "#f5f5ef", 7.47),
        ];
        for (one, two, expected) in pairs {
            let found = color(one).contrast(color(two));
            assert!((found - expected).abs() < 0.01, "{one} on {two}: {found}");
            assert_eq!(found, color(two).contrast(color(one)));
        }
    }

    #[test]
    fn a_readable_accent_stays_as_it_is() {
        let green = color("#0e5a46");
        assert_eq!(green.readable_on(&LIGHT_GROUNDS), green);
        assert_ne!(green.readable_on(&DARK_GROUNDS), green);
        assert_eq!(green.text_on(), Color::WHITE);
        assert_eq!(color("#ffd400").text_on(), Color::BLACK);
    }

    #[test]
    fn nothing_else_is_a_color() {
        for bad in
            ["", "#", "#fff", "0e5a46", "#0e5a4", "#0e5a466", "#+e5a46", "#0e5a4g", "red", "#é5a4"]
        {
            assert!(bad.parse::<Color>().is_err(), "{bad:?}");
        }
        assert_eq!(color("#AbCdEf").to_string(), "#abcdef");
    }

    proptest! {
        #[test]
        fn whatever_the_accent_is_text_can_be_read(channels: [u8; 3]) {
            let accent = Color(channels);
            prop_assert!(accent.text_on().contrast(accent) >= LEAST_CONTRAST);
            for grounds in [LIGHT_GROUNDS, DARK_GROUNDS] {
                let text = accent.readable_on(&grounds);
                for ground in grounds {
                    prop_assert!(text.contrast(ground) >= LEAST_CONTRAST, "{} on {}", text, ground);
                }
                // As little is changed as must be: what is readable already stays.
                prop_assert_eq!(text.readable_on(&grounds), text);
            }
            prop_assert_eq!(accent.to_string().parse(), Ok(accent));
        }
    }
}
