//! The `[[identity]]` part of the settings: which providers there are and whom each signs in.

use crate::domain::identity::{Audience, StaffDoor};
use crate::domain::staff::Role;
use serde::Deserialize;
use std::fmt;

/// One provider, as it is written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    /// Its name in addresses: small letters, digits and dashes.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its address, to the letter as the provider writes it; `https`, or `http` on a loopback.
    pub issuer: String,
    pub client_id: String,
    /// Also from `MERCAT_OIDC_<ID>_SECRET`, where dashes of the id are underscores.
    pub client_secret: Option<ClientSecret>,
    /// Beside `openid`; default `email` and `profile`.
    pub scopes: Option<Vec<String>>,
    pub r#for: For,
    /// Domains of the e-mail addresses of staff; default any.
    #[serde(default)]
    pub allow_domains: Vec<String>,
    /// What somebody from these domains becomes who is not staff yet. Default: nothing, staff must
    /// be there before.
    pub role: Option<RoleName>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum For {
    Staff,
    Customers,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    Staff,
    Admin,
}

/// What the shop proves itself with to a provider; never printed.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct ClientSecret(String);

impl ClientSecret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClientSecret {
    fn from(text: String) -> ClientSecret {
        ClientSecret(text)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// The longest id, name or scope.
const MOST_CHARACTERS: usize = 64;

/// The scopes that are asked for beside `openid` where none are named.
const SCOPES: [&str; 2] = ["email", "profile"];

impl ProviderRow {
    /// The variable that may hold its secret.
    pub fn secret_variable(&self) -> String {
        format!("MERCAT_OIDC_{}_SECRET", self.id.replace('-', "_").to_uppercase())
    }

    /// What is asked of the provider beside `openid`.
    pub fn asked_scopes(&self) -> Vec<String> {
        match &self.scopes {
            Some(scopes) => scopes.iter().filter(|scope| *scope != "openid").cloned().collect(),
            None => SCOPES.map(str::to_owned).to_vec(),
        }
    }

    /// Whom it signs in.
    pub fn audience(&self) -> Audience {
        match self.r#for {
            For::Customers => Audience::Customers,
            For::Staff => Audience::Staff(StaffDoor {
                domains: self.allow_domains.iter().map(|domain| domain.to_lowercase()).collect(),
                hires_as: self.role.map(|role| match role {
                    RoleName::Staff => Role::Staff,
                    RoleName::Admin => Role::Admin,
                }),
            }),
        }
    }

    /// Whether it runs on this machine, where plain `http` shows nothing to a network.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.issuer)
    }

    /// The first key that makes no sense, and why.
    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = |text: &str| (1..=MOST_CHARACTERS).contains(&text.chars().count());
        let is_domain = |domain: &String| {
            fits(domain) && !domain.contains(['@', '*', ' ', '/']) && !domain.starts_with('.')
        };
        if !fits(&self.id) || !self.id.chars().all(plain) {
            return Some(("id", "has small letters, digits and dashes, 64 at most"));
        }
        if !fits(&self.name) {
            return Some(("name", "must have 1 to 64 characters"));
        }
        if !(self.issuer.starts_with("https://") || self.is_local()) {
            return Some(("issuer", "must be https, or http on a loopback address"));
        }
        if self.issuer.contains(['?', '#', ' ']) {
            return Some(("issuer", "is an address without query and fragment"));
        }
        if self.client_id.is_empty() {
            return Some(("client_id", "must not be empty"));
        }
        let is_scope = |scope: &String| fits(scope) && !scope.contains([' ', '"', '\\']);
        if !self.scopes.iter().flatten().all(is_scope) {
            return Some(("scopes", "are words without blanks"));
        }
        if self.r#for == For::Customers && !(self.allow_domains.is_empty() && self.role.is_none()) {
            return Some(("for", "allow_domains and role are for staff"));
        }
        if !self.allow_domains.iter().all(is_domain) {
            return Some(("allow_domains", "are domains such as example.com"));
        }
        // Without, whoever has an account at the provider would run the shop.
        if self.role.is_some() && self.allow_domains.is_empty() {
            return Some(("role", "goes with allow_domains: else anybody would become staff"));
        }
        None
    }
}

/// The first setting of these providers that makes no sense, as key and reason.
pub fn fault(rows: &[ProviderRow]) -> Option<(String, &'static str)> {
    for (i, row) in rows.iter().enumerate() {
        if let Some((key, why)) = row.fault() {
            return Some((format!("identity[{i}].{key}"), why));
        }
        if rows[..i].iter().any(|other| other.id == row.id) {
            return Some((format!("identity[{i}].id"), "is another provider's, too"));
        }
    }
    None
}

/// Whether `url` is plain `http` to this very machine.
pub fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // `http://127.0.0.1:80@elsewhere` has a password and leads elsewhere.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = "id = 'house-1'\nname = 'House'\nissuer = 'https://id.example'\nclient_id = 'shop'\nclient_secret = 'hush'\nfor = 'staff'\n";

    fn row(text: &str) -> ProviderRow {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_provider_is_written_down_in_a_few_lines() {
        let house = row(HOUSE);
        assert_eq!(house.secret_variable(), "MERCAT_OIDC_HOUSE_1_SECRET");
        assert_eq!(house.asked_scopes(), ["email", "profile"]);
        assert_eq!(house.audience(), Audience::Staff(StaffDoor::default()));
        assert!(!format!("{house:?}").contains("hush"));
        assert_eq!(fault(&[house]), None);
        let hiring = row(&format!("{HOUSE}allow_domains = ['Example.com']\nrole = 'admin'"));
        let door = StaffDoor { domains: vec!["example.com".into()], hires_as: Some(Role::Admin) };
        assert_eq!(hiring.audience(), Audience::Staff(door));
        let scopes = row(&format!("{HOUSE}scopes = ['openid', 'email']"));
        assert_eq!(scopes.asked_scopes(), ["email"]);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let with = |key: &str, value: &str| {
            let line = format!("{key} = {value}\n");
            let kept = HOUSE.lines().filter(|own| !own.starts_with(&format!("{key} ")));
            row(&(kept.collect::<Vec<_>>().join("\n") + "\n" + &line))
        };
        for (key, value) in [
            ("id", "'My House'"),
            ("id", "''"),
            ("name", "''"),
            ("issuer", "'http://id.example'"),
            ("issuer", "'http://localhost.evil.example'"),
            ("issuer", "'https://id.example/?tenant=1'"),
            ("client_id", "''"),
            ("scopes", "['email profile']"),
            ("allow_domains", "['@example.com']"),
            ("allow_domains", "['*.example.com']"),
            ("role", "'staff'"),
        ] {
            let (named, _) = fault(&[with(key, value)]).unwrap_or_else(|| panic!("{key} {value}"));
            assert_eq!(named, format!("identity[0].{key}"), "{value}");
        }
        let customers = with("for", "'customers'\nallow_domains = ['example.com']");
        assert_eq!(fault(&[customers]).unwrap().0, "identity[0].for");
        assert_eq!(fault(&[row(HOUSE), row(HOUSE)]).unwrap().0, "identity[1].id");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for local in ["http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:80"] {
            assert!(is_loopback(local), "{local}");
        }
        for far in [
            "https://127.0.0.1",
            "http://127.0.0.1.example",
            "http://shop.example",
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1:80@evil.example",
            "http://[::2]",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
