//! All that the front door goes by, as the shop's settings say it.

use super::client::Proxies;
use super::cors::Cors;
use super::limits::Limits;
use super::rates::RateSettings;

#[derive(Clone, Debug)]
pub struct DoorSettings {
    pub limits: Limits,
    /// Whose word is taken for where a request comes from.
    pub proxies: Proxies,
    /// None where nobody is counted.
    pub rates: Option<RateSettings>,
    pub cors: Cors,
    /// How long a browser keeps to HTTPS once it came that way, in seconds; 0 for not at all.
    pub hsts_seconds: u32,
    /// Whether the shop is reached by HTTPS, wherever that ends.
    pub is_https: bool,
}

impl Default for DoorSettings {
    fn default() -> DoorSettings {
        DoorSettings {
            limits: Limits::default(),
            proxies: Proxies::default(),
            rates: Some(RateSettings::default()),
            cors: Cors::default(),
            hsts_seconds: 365 * 24 * 60 * 60,
            is_https: false,
        }
    }
}
