//! The countries of the world by name, for forms and addresses.

use crate::domain::address::is_country;
use iso_currency::Country;
use std::sync::LazyLock;

/// What people call those for which the standard has a longer name.
const SHORT: [(&str, &str); 9] = [
    ("GB", "United Kingdom"),
    ("KP", "North Korea"),
    ("KR", "South Korea"),
    ("LA", "Laos"),
    ("MD", "Moldova"),
    ("SY", "Syria"),
    ("TW", "Taiwan"),
    ("TZ", "Tanzania"),
    ("US", "United States"),
];

/// All of them by name, each with its code (ISO 3166-1 alpha-2).
pub static ALL: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let pairs = (b'A'..=b'Z').flat_map(|first| (b'A'..=b'Z').map(move |second| [first, second]));
    let codes = pairs.map(|pair| pair.iter().map(|byte| char::from(*byte)).collect::<String>());
    let named = codes.filter(|code| is_country(code)).map(|code| (name(&code), code));
    let mut all: Vec<(String, String)> = named.filter(|(name, _)| !name.is_empty()).collect();
    all.sort();
    all
});

/// What a country is called; of one that is not known, the code.
pub fn name(code: &str) -> String {
    if let Some((_, short)) = SHORT.iter().find(|(own, _)| *own == code) {
        return (*short).to_owned();
    }
    let Ok(country) = code.parse::<Country>() else { return code.to_owned() };
    let name = country.name();
    name.split([',', '(', '[']).next().unwrap_or(name).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_called_what_people_call_them() {
        assert!(ALL.len() > 240, "{}", ALL.len());
        for (code, expected) in [
            ("US", "United States"),
            ("DE", "Germany"),
            ("BO", "Bolivia"),
            ("TW", "Taiwan"),
            ("XX", "XX"),
        ] {
            assert_eq!(name(code), expected);
        }
        assert!(ALL.iter().all(|(name, code)| !name.is_empty() && code.len() == 2));
    }
}
