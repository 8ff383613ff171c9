//! What an address has in each country: which fields, what they are called there, and what a postal
//! code looks like.
//!
//! It is for forms that people fill in, where a missing state or a mistyped code is asked about while
//! they are still there. What programs send is taken as it is (`Address`): they may know better.
//!
//! Sources: the postal addressing systems of the Universal Postal Union, country by country; codes of
//! regions: ISO 3166-2, without the country.

mod regions;

use self::regions::{AUSTRALIA, BRAZIL, CANADA, Choices, INDIA, MEXICO, UNITED_STATES};

/// The fields of an address in one country, beside the name and the lines of the street.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressForm {
    /// What the first line of the street is called.
    pub line1: &'static str,
    pub city: &'static str,
    pub region: Option<RegionField>,
    /// `None` where post is delivered without.
    pub postal_code: Option<PostalField>,
    /// Whether the code stands before the city, as it is written there.
    pub is_code_first: bool,
}

/// The part of a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionField {
    pub label: &'static str,
    pub is_required: bool,
    /// Code and name of each; none where it is written freely.
    pub choices: Choices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostalField {
    pub label: &'static str,
    pub is_required: bool,
    pub example: &'static str,
    /// What it may look like without blanks and hyphens: `N` is a digit, `A` a letter, `X` either, and
    /// small letters themselves. Anything, where there is none.
    shapes: &'static [&'static str],
}

/// Where post is delivered without a code.
const WITHOUT_CODE: &[&str] = &[
    "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK",
    "CM", "DJ", "DM", "ER", "FJ", "GD", "GH", "GM", "GQ", "GY", "HK", "KI", "KM", "KP", "KN", "LY",
    "ML", "MO", "MR", "MW", "NR", "NU", "QA", "RW", "SB", "SC", "SL", "SR", "ST", "SY", "TD", "TF",
    "TG", "TK", "TL", "TO", "TV", "UG", "VU", "YE", "ZW", "BV", "GN", "SO", "JM",
];

const fn code(example: &'static str, shapes: &'static [&'static str]) -> Option<PostalField> {
    Some(PostalField { label: "Postal code", is_required: true, example, shapes })
}

const fn called(label: &'static str, field: Option<PostalField>) -> Option<PostalField> {
    match field {
        Some(field) => Some(PostalField { label, ..field }),
        None => None,
    }
}

const fn part(label: &'static str, choices: Choices) -> Option<RegionField> {
    Some(RegionField { label, is_required: true, choices })
}

const fn part_if_any(label: &'static str) -> Option<RegionField> {
    Some(RegionField { label, is_required: false, choices: &[] })
}

/// As most of the world writes it.
const PLAIN: AddressForm = AddressForm {
    line1: "Address",
    city: "City",
    region: None,
    postal_code: None,
    is_code_first: false,
};

/// As the continent of Europe does: the code, and then the city.
const fn european(postal_code: Option<PostalField>) -> AddressForm {
    AddressForm { line1: "Street and number", postal_code, is_code_first: true, ..PLAIN }
}

impl AddressForm {
    /// The form for a country (ISO 3166-1 alpha-2).
    pub fn of(country: &str) -> AddressForm {
        let region = |region, postal_code| AddressForm { region, postal_code, ..PLAIN };
        match country {
            "US" => region(
                part("State", UNITED_STATES),
                called("ZIP code", code("97301", &["NNNNN", "NNNNNNNNN"])),
            ),
            "CA" => region(part("Province or territory", CANADA), code("K1A 0B1", &["ANANAN"])),
            "AU" => AddressForm {
                city: "Suburb",
                ..region(
                    part("State or territory", AUSTRALIA),
                    called("Postcode", code("2000", &["NNNN"])),
                )
            },
            "BR" => region(part("State", BRAZIL), called("CEP", code("01310-100", &["NNNNNNNN"]))),
            "MX" => region(part("State", MEXICO), code("06000", &["NNNNN"])),
            "IN" => region(part("State", INDIA), called("PIN code", code("110001", &["NNNNNN"]))),
            "JP" => region(part("Prefecture", &[]), code("100-0001", &["NNNNNNN"])),
            "CN" => region(part("Province", &[]), code("100000", &["NNNNNN"])),
            "KR" => region(part_if_any("Province"), code("03187", &["NNNNN"])),
            "TH" => region(part("Province", &[]), code("10200", &["NNNNN"])),
            "ID" => region(part("Province", &[]), code("10110", &["NNNNN"])),
            "TW" => region(part_if_any("County"), code("100", &["NNN", "NNNNN", "NNNNNN"])),
            "GB" | "GG" | "IM" | "JE" => AddressForm {
                city: "Town or city",
                postal_code: called("Postcode", code("SW1A 1AA", BRITISH)),
                ..PLAIN
            },
            "IE" => AddressForm {
                city: "Town or city",
                region: part_if_any("County"),
                postal_code: Some(PostalField {
                    label: "Eircode",
                    is_required: false,
                    example: "D02 X285",
                    shapes: &["ANXXXXX"],
                }),
                ..PLAIN
            },
            "NZ" => AddressForm {
                city: "Town or city",
                postal_code: called("Postcode", code("6011", &["NNNN"])),
                ..PLAIN
            },
            "ZA" => region(None, code("8001", &["NNNN"])),
            "SG" => region(None, code("018956", &["NNNNNN"])),
            "IL" => region(None, code("6100001", &["NNNNN", "NNNNNNN"])),
            "IT" | "SM" | "VA" => {
                AddressForm { region: part("Province", &[]), ..european(code("00184", &["NNNNN"])) }
            }
            "ES" => {
                AddressForm { region: part("Province", &[]), ..european(code("28013", &["NNNNN"])) }
            }
            "FR" | "MC" => AddressForm { line1: "Address", ..european(code("75001", &["NNNNN"])) },
            "DE" => european(code("10115", &["NNNNN"])),
            "AT" => european(code("1010", &["NNNN"])),
            "CH" | "LI" => european(code("3001", &["NNNN"])),
            "NL" => european(code("1012 JS", &["NNNNAA"])),
            "BE" => european(code("1000", &["NNNN"])),
            "LU" => european(code("1009", &["NNNN", "lNNNN"])),
            "DK" => european(code("1050", &["NNNN"])),
            "NO" => european(code("0150", &["NNNN"])),
            "SE" => european(code("111 22", &["NNNNN", "seNNNNN"])),
            "FI" | "AX" => european(code("00100", &["NNNNN"])),
            "IS" => european(code("101", &["NNN"])),
            "PT" => european(code("1100-148", &["NNNNNNN"])),
            "PL" => european(code("00-001", &["NNNNN"])),
            "CZ" => european(code("110 00", &["NNNNN"])),
            "SK" => european(code("811 01", &["NNNNN"])),
            "HU" => european(code("1011", &["NNNN"])),
            "SI" => european(code("1000", &["NNNN", "siNNNN"])),
            "HR" => european(code("10000", &["NNNNN"])),
            "RO" => european(code("010011", &["NNNNNN"])),
            "BG" => european(code("1000", &["NNNN"])),
            "GR" => european(code("105 57", &["NNNNN"])),
            "EE" => european(code("10111", &["NNNNN"])),
            "LV" => european(code("LV-1010", &["NNNN", "lvNNNN"])),
            "LT" => european(code("LT-01100", &["NNNNN", "ltNNNNN"])),
            "TR" => european(code("34000", &["NNNNN"])),
            "UA" => european(code("01001", &["NNNNN"])),
            other if WITHOUT_CODE.contains(&other) => region(part_if_any("Region"), None),
            _ => {
                let any = PostalField {
                    label: "Postal code",
                    is_required: false,
                    example: "",
                    shapes: &[],
                };
                region(part_if_any("Region"), Some(any))
            }
        }
    }
}

/// Of the United Kingdom: the six shapes of BS 7666, and that of the Girobank.
const BRITISH: &[&str] = &["ANNAA", "ANNNAA", "AANNAA", "AANNNAA", "ANANAA", "AANANAA", "girNAA"];

impl PostalField {
    /// Whether it is all digits.
    pub fn is_digits(&self) -> bool {
        !self.shapes.is_empty() && self.shapes.iter().all(|shape| shape.bytes().all(|c| c == b'N'))
    }

    /// Whether a code looks like one, however it is spaced and in capitals or not.
    pub fn takes(&self, code: &str) -> bool {
        let code: Vec<char> = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let fits = |shape: &&str| {
            shape.len() == code.len()
                && shape.chars().zip(&code).all(|(shape, c)| match shape {
                    'N' => c.is_ascii_digit(),
                    'A' => c.is_ascii_alphabetic(),
                    'X' => c.is_ascii_alphanumeric(),
                    own => c.to_ascii_lowercase() == own,
                })
        };
        self.shapes.is_empty() || self.shapes.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::countries;

    #[test]
    fn each_country_has_its_own_fields() {
        let us = AddressForm::of("US");
        let state = us.region.unwrap();
        assert!(state.is_required && state.choices.contains(&("NY", "New York")));
        assert_eq!((state.label, us.postal_code.unwrap().label), ("State", "ZIP code"));
        let de = AddressForm::of("DE");
        assert_eq!((de.line1, de.region, de.is_code_first), ("Street and number", None, true));
        assert_eq!(AddressForm::of("HK").postal_code, None);
        assert!(!AddressForm::of("IE").postal_code.unwrap().is_required);
    }

    #[test]
    fn a_code_is_taken_however_it_is_spaced() {
        let takes =
            |country: &str, code: &str| AddressForm::of(country).postal_code.unwrap().takes(code);
        for (country, good) in [
            ("US", "97301"),
            ("US", "97301-1234"),
            ("CA", "k1a0b1"),
            ("GB", "SW1A 1AA"),
            ("GB", "m11ae"),
            ("NL", "1012 js"),
            ("PL", "00001"),
            ("LV", "1010"),
            ("LV", "lv-1010"),
            ("KZ", "whatever they write"),
        ] {
            assert!(takes(country, good), "{country} {good}");
        }
        for (country, bad) in [
            ("US", "9730"),
            ("US", "K1A 0B1"),
            ("CA", "97301"),
            ("DE", "1011"),
            ("GB", "SW1A"),
            ("LV", "lt-1010"),
            ("DE", "１０１１５"),
        ] {
            assert!(!takes(country, bad), "{country} {bad}");
        }
    }

    #[test]
    fn every_example_is_a_good_one_and_every_code_once_in_its_list() {
        for (country, _) in countries() {
            let form = AddressForm::of(country);
            if let Some(field) = form.postal_code {
                assert!(field.takes(field.example), "{country}");
                assert!(!field.is_required || !field.example.is_empty(), "{country}");
            }
            let choices = form.region.map(|field| field.choices).unwrap_or_default();
            for (n, (code, name)) in choices.iter().enumerate() {
                assert!(!choices[..n].iter().any(|other| other.0 == *code), "{country} {code}");
                assert!(code.len() <= 3 && !name.is_empty(), "{country} {code}");
            }
            assert!(choices.is_sorted_by_key(|(_, name)| *name), "{country}");
        }
    }
}
