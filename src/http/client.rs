//! Whose request it is: the address of the client itself, also where it comes through proxies.
//!
//! A header about the way of a request is believed only where it was written by a proxy that is
//! configured, and only the one header that those proxies write: any other may have been written by
//! the client. Ports are left out; a client's address is for limits and the audit log.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client that sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    /// Every request that came through the front door has one; one that did not is nobody's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Client, Infallible> {
        let known = parts.extensions.get::<Client>().copied();
        Ok(known.unwrap_or(Client(Ipv4Addr::UNSPECIFIED.into())))
    }
}

/// The header that the shop's proxies write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// The proxies whose word is taken for where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    pub networks: Vec<IpNet>,
    pub header: ProxyHeader,
}

impl Proxies {
    /// Whether this is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`: of the hops that the header names, the last one that is no proxy
    /// of ours. Where a hop cannot be read, the proxy that wrote it stands in for its client.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let name = match self.header {
            ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeader::Forwarded => FORWARDED,
        };
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { return client };
            for hop in line.rsplit(',') {
                let address = match self.header {
                    ProxyHeader::XForwardedFor => address_of(hop.trim()),
                    ProxyHeader::Forwarded => forwarded_for(hop).and_then(address_of),
                };
                let Some(address) = address else { return client };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// The value of `for` in one element of `Forwarded`, without its quotes.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value))
}

/// An address with or without a port; IPv6 with or without its brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|with| with.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(header: ProxyHeader) -> Proxies {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        Proxies { networks: networks.into(), header }
    }

    #[track_caller]
    fn seen(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, line.parse().unwrap());
        }
        proxies(header).client(peer.parse().unwrap(), &headers).to_string()
    }

    fn x(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        seen(ProxyHeader::XForwardedFor, peer, &lines)
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_says() {
        assert_eq!(x("192.0.2.9", &["203.0.113.1"]), "192.0.2.9");
        assert_eq!(x("::ffff:192.0.2.9", &["203.0.113.1"]), "192.0.2.9");
        let none = Proxies::default();
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "203.0.113.1".parse().unwrap());
        assert_eq!(none.client([127, 0, 0, 1].into(), &headers).to_string(), "127.0.0.1");
    }

    #[test]
    fn behind_proxies_it_is_the_last_hop_that_is_none_of_them() {
        assert_eq!(x("10.0.0.1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(x("::ffff:10.0.0.1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(x("10.0.0.1", &["1.1.1.1, 203.0.113.1, 10.9.9.9"]), "203.0.113.1");
        assert_eq!(x("10.0.0.1", &["1.1.1.1", "203.0.113.1", "10.9.9.9, 10.8.8.8"]), "203.0.113.1");
        assert_eq!(x("10.0.0.1", &["203.0.113.1:4711"]), "203.0.113.1");
        assert_eq!(x("10.0.0.1", &["[2001:dead::1]:4711"]), "2001:dead::1");
        assert_eq!(x("2001:db8::7", &["2001:dead::1"]), "2001:dead::1");
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        assert_eq!(x("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(x("10.0.0.1", &["203.0.113.1, unknown, 10.9.9.9"]), "10.9.9.9");
        assert_eq!(x("10.0.0.1", &["203.0.113.1, "]), "10.0.0.1");
        assert_eq!(x("10.0.0.1", &["10.2.2.2, 10.1.1.1"]), "10.2.2.2");
    }

    #[test]
    fn only_the_header_that_the_proxies_write_counts() {
        let forwarded = |line| {
            let lines = [("forwarded", line), ("x-forwarded-for", "1.1.1.1")];
            seen(ProxyHeader::Forwarded, "10.0.0.1", &lines)
        };
        assert_eq!(forwarded("for=203.0.113.1;proto=https;by=10.0.0.1"), "203.0.113.1");
        assert_eq!(forwarded("for=8.8.8.8, FOR=\"203.0.113.1:99\", for=10.1.1.1"), "203.0.113.1");
        assert_eq!(forwarded("proto=https; for=\"[2001:dead::1]:99\""), "2001:dead::1");
        assert_eq!(forwarded("for=203.0.113.1, for=_hidden"), "10.0.0.1");
        let lines = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.1")];
        assert_eq!(seen(ProxyHeader::XForwardedFor, "10.0.0.1", &lines), "203.0.113.1");
    }
}
