//! Where goods go: postal addresses, and the country and region that tax and shipping look at.

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

#[cfg(test)]
mod tests {
    use super::is_country;

    #[test]
    fn countries_are_those_of_iso_3166() {
        assert!(["US", "DE", "JP", "GB"].iter().all(|code| is_country(code)));
        assert!(["us", "XX", "USA", "", "U1"].iter().all(|code| !is_country(code)));
    }
}
