//! The cookies of the shop: which there are, how they are read, and what keeps them where they
//! belong.
//!
//! A cookie of ours is for this very host and all of its paths, is sent over TLS alone, is out of
//! the reach of scripts, and stays at home when another site sends a form (`Lax`: it comes along
//! when somebody follows a link to us). The prefix `__Host-` has the browser hold to that, whoever
//! else may set cookies for the host (RFC 6265bis, section 4.1.3.2). It asks for TLS, so where the
//! shop is reached by plain HTTP on a loopback, and only there, cookies have neither.

use super::list::PublicUrl;
use crate::identity::settings::is_loopback;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

/// One of the shop's cookies, by its two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    hosted: &'static str,
    plain: &'static str,
}

/// Who a browser is logged in as, or what binds forms to a browser in which nobody is.
pub const SESSION: Cookie = Cookie { hosted: "__Host-mercat", plain: "mercat" };

/// Who has shown a password and has a second factor to show.
pub const HALF_WAY: Cookie = Cookie { hosted: "__Host-mercat-step", plain: "mercat-step" };

/// Which browser went to an identity provider.
pub const SIGN_IN: Cookie = Cookie { hosted: "__Host-mercat-sign-in", plain: "mercat-sign-in" };

/// The cart that is filled in a browser: its id is the guest's key.
pub const CART: Cookie = Cookie { hosted: "__Host-mercat-cart", plain: "mercat-cart" };

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Seconds(u64),
    UntilItCloses,
}

impl Cookie {
    /// Its value in a request. Of two, neither is believed: one of them is somebody else's.
    pub fn read<'a>(self, headers: &'a HeaderMap, url: &PublicUrl) -> Option<&'a str> {
        let name = self.name(url);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut own = pairs.filter(|(own, _)| own.trim() == name).map(|(_, value)| value.trim());
        own.next().filter(|_| own.next().is_none())
    }

    /// Has the browser keep a value, in place of what it has. The answer goes into no cache.
    pub fn set(self, headers: &mut HeaderMap, url: &PublicUrl, value: &str, kept: Kept) {
        let age = match kept {
            Kept::Seconds(seconds) => format!("; Max-Age={seconds}"),
            Kept::UntilItCloses => String::new(),
        };
        let (name, secure) = (self.name(url), if is_secure(url) { "; Secure" } else { "" });
        let text = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(text) = HeaderValue::from_str(&text) {
            headers.append(SET_COOKIE, text);
        }
        super::headers::keep_out_of_caches(headers);
    }

    /// Has the browser forget it.
    pub fn clear(self, headers: &mut HeaderMap, url: &PublicUrl) {
        self.set(headers, url, "", Kept::Seconds(0));
    }

    fn name(self, url: &PublicUrl) -> &'static str {
        if is_secure(url) { self.hosted } else { self.plain }
    }
}

fn is_secure(url: &PublicUrl) -> bool {
    !is_loopback(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(url: &str, kept: Kept) -> String {
        let mut headers = HeaderMap::new();
        SESSION.set(&mut headers, &url.parse().unwrap(), "secret", kept);
        assert_eq!(headers["cache-control"], "no-store");
        headers[SET_COOKIE].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_is_for_this_host_over_tls_and_no_script() {
        let rest = "Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
        // Where plain HTTP is seen by a network, no cookie of ours goes over it.
        for url in ["https://shop.example", "https://127.0.0.1", "http://shop.example"] {
            let expected = format!("__Host-mercat=secret; {rest}; Secure");
            assert_eq!(set(url, Kept::Seconds(600)), expected, "{url}");
        }
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"] {
            assert_eq!(set(url, Kept::Seconds(600)), format!("mercat=secret; {rest}"), "{url}");
        }
        let brief = set("https://shop.example", Kept::UntilItCloses);
        assert_eq!(brief, "__Host-mercat=secret; Path=/; HttpOnly; SameSite=Lax; Secure");
    }

    #[test]
    fn a_cookie_is_read_by_its_own_name_and_only_where_there_is_one() {
        let plain: PublicUrl = "http://127.0.0.1".parse().unwrap();
        let secure: PublicUrl = "https://shop.example".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; mercat=one; x-mercat=two"));
        headers.append(COOKIE, HeaderValue::from_static("mercat-sign-in=three"));
        assert_eq!(SESSION.read(&headers, &plain), Some("one"));
        assert_eq!(SIGN_IN.read(&headers, &plain), Some("three"));
        // What somebody could set who is not us is not looked at where there is a better one.
        assert_eq!(SESSION.read(&headers, &secure), None);
        headers.append(COOKIE, HeaderValue::from_static("mercat=four"));
        assert_eq!(SESSION.read(&headers, &plain), None);
    }
}
