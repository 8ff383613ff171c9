//! Where goods go: postal addresses, and the country and region that tax and shipping look at.

use std::sync::LazyLock;

/// A country (ISO 3166-1 alpha-2) and, where the sender knows it, a part of it (ISO 3166-2 without
/// the country: `CA`, `NY`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Region {
    pub country: String,
    pub region: Option<String>,
}

/// A postal address as a person wrote it; only the country is ever interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: String,
    pub phone: Option<String>,
}

impl Address {
    pub fn region(&self) -> Region {
        Region { country: self.country.clone(), region: self.region.clone() }
    }
}

/// Whether `code` is a country of ISO 3166-1 (alpha-2, upper case).
pub fn is_country(code: &str) -> bool {
    code.len() == 2
        && code.bytes().all(|byte| byte.is_ascii_uppercase())
        && code.parse::<iso_currency::Country>().is_ok()
}

/// A country's name in English, as short as people say it; empty where there is none of that code.
/// Source: ISO 3166-1, and Unicode CLDR 48 where that has a shorter one or a newer.
pub fn country_name(code: &str) -> &'static str {
    match code {
        "BO" => "Bolivia",
        "CD" => "Congo, Democratic Republic",
        "CZ" => "Czechia",
        "FM" => "Micronesia",
        "GB" => "United Kingdom",
        "IR" => "Iran",
        "KP" => "Korea, North",
        "KR" => "Korea, South",
        "LA" => "Laos",
        "MD" => "Moldova",
        "MF" => "Saint Martin",
        "MK" => "North Macedonia",
        "RU" => "Russia",
        "SX" => "Sint Maarten",
        "SY" => "Syria",
        "SZ" => "Eswatini",
        "TW" => "Taiwan",
        "TZ" => "Tanzania",
        "US" => "United States",
        "VE" => "Venezuela",
        "VG" => "Virgin Islands, British",
        "VI" => "Virgin Islands, U.S.",
        "VN" => "Vietnam",
        _ if !is_country(code) => "",
        _ => code.parse::<iso_currency::Country>().map_or("", |country| country.name()),
    }
}

/// All countries by their names, each with its code.
pub fn countries() -> &'static [(String, &'static str)] {
    static ALL: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(|one| letters().map(move |two| format!("{one}{two}")));
        let named = codes.map(|code| {
            let name = country_name(&code);
            (code, name)
        });
        let mut all: Vec<_> = named.filter(|(_, name)| !name.is_empty()).collect();
        all.sort_by_key(|(_, name)| name.replace('Å', "A"));
        all
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_those_of_iso_3166() {
        assert!(["US", "DE", "JP", "GB"].iter().all(|code| is_country(code)));
        assert!(["us", "XX", "USA", "", "U1"].iter().all(|code| !is_country(code)));
    }

    #[test]
    fn countries_are_listed_by_their_short_names() {
        let all = countries();
        assert!(all.len() > 240 && all.iter().all(|(code, _)| is_country(code)));
        assert!(all.contains(&("US".into(), "United States")));
        assert_eq!(all[0].1, "Afghanistan");
        for (code, name) in all {
            assert!(!name.contains(['(', '[']) || code == "CC", "{code} is called {name}");
        }
        assert_eq!((country_name("XX"), country_name("us")), ("", ""));
    }
}
