//! Lists, page by page: the envelope, where a page is cut, how it is sorted, and the links to its
//! neighbours. Links are built from the configured address, never from what a client sent as host.

use super::problem::ApiError;
use axum::http::header::LINK;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The shop's own address as the world knows it, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

/// The configured address cannot stand in links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a public URL is http:// or https://, a host, and perhaps a path")]
pub struct PublicUrlError;

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        // Whoever was named before an @ would stand in every link, password and all.
        let is_place = |own: &Authority| !own.host().is_empty() && !own.as_str().contains('@');
        if !web || !uri.authority().is_some_and(is_place) || uri.query().is_some() {
            return Err(PublicUrlError);
        }
        Ok(PublicUrl(text.trim_end_matches('/').into()))
    }
}

impl PublicUrl {
    /// Whether the shop is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Its host, without a port.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        if self.is_https() { "https" } else { "http" }
    }

    /// The host, and the port where there is one.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// The full address of `path`, which starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A page's number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PageNumber(pub u64);

impl Default for PageNumber {
    fn default() -> PageNumber {
        PageNumber(1)
    }
}

/// How far a list can be paged: beyond any shop, and no product of page and limit overflows.
const LAST_PAGE: u64 = 1_000_000_000;

impl PartialSchema for PageNumber {
    fn schema() -> RefOr<Schema> {
        counted(1, LAST_PAGE, 1).into()
    }
}

impl ToSchema for PageNumber {}

/// How many items a page has, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PageLimit(pub u64);

impl Default for PageLimit {
    fn default() -> PageLimit {
        PageLimit(20)
    }
}

impl PartialSchema for PageLimit {
    fn schema() -> RefOr<Schema> {
        counted(1, 100, 20).into()
    }
}

impl ToSchema for PageLimit {}

fn counted(least: u64, most: u64, default: u64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least as f64))
        .maximum(Some(most as f64))
        .default(Some(default.into()))
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    #[serde(default)]
    #[param(inline)]
    pub page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    pub limit: PageLimit,
}

impl Paging {
    /// How many items come before the page.
    pub fn skip(self) -> usize {
        ((self.page.0 - 1) * self.limit.0) as usize
    }

    /// How many items it holds at most.
    pub fn take(self) -> usize {
        self.limit.0 as usize
    }
}

/// The fields that a list can be sorted by.
pub trait SortField: Copy + PartialEq + 'static {
    /// Each field by the contract's word for it.
    const ALL: &'static [(&'static str, Self)];
}

/// Which way a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// A choice such as `price:asc`. Its schema names every choice, so a bad one is answered with them.
/// A query takes it by an alias without parameters, for utoipa's derive looks into those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<F> {
    pub by: F,
    pub direction: Direction,
}

impl<F: SortField> FromStr for Sort<F> {
    type Err = ();

    fn from_str(text: &str) -> Result<Sort<F>, ()> {
        let (name, direction) = text.split_once(':').ok_or(())?;
        let direction = match direction {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            _ => return Err(()),
        };
        let (_, by) = F::ALL.iter().find(|(own, _)| *own == name).ok_or(())?;
        Ok(Sort { by: *by, direction })
    }
}

impl<'de, F: SortField> Deserialize<'de> for Sort<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sort<F>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| de::Error::custom("expected a sort such as name:asc"))
    }
}

impl<F: SortField> PartialSchema for Sort<F> {
    fn schema() -> RefOr<Schema> {
        let both = |(name, _): &(&str, F)| [format!("{name}:asc"), format!("{name}:desc")];
        let choices: Vec<Value> = F::ALL.iter().flat_map(both).map(Value::from).collect();
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(choices)).into()
    }
}

impl<F: SortField> ToSchema for Sort<F> {}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub data: Vec<T>,
    pub meta: Meta,
}

/// Where the page stands in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub total_items: u64,
    pub current_page: u64,
    pub total_pages: u64,
    pub items_per_page: u64,
}

impl<T> List<T> {
    pub fn new(data: Vec<T>, total_items: u64, paging: Paging) -> List<T> {
        List { data, meta: Meta::new(total_items, paging) }
    }

    /// Cuts the page out of a list that is whole in memory.
    pub fn cut<I>(all: I, paging: Paging) -> List<T>
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator,
    {
        let all = all.into_iter();
        let total = all.len() as u64;
        List::new(all.skip(paging.skip()).take(paging.take()).collect(), total, paging)
    }
}

impl Meta {
    pub fn new(total_items: u64, paging: Paging) -> Meta {
        Meta {
            total_items,
            current_page: paging.page.0,
            total_pages: total_items.div_ceil(paging.limit.0),
            items_per_page: paging.limit.0,
        }
    }

    /// Adds `Link`, as [`Meta::links`] makes it.
    pub fn link(&self, public_url: &PublicUrl, uri: &Uri, headers: &mut HeaderMap) {
        headers.extend(self.links(public_url, uri).map(|links| (LINK, links)));
    }

    /// `first`, `prev`, `next` and `last` (RFC 8288): the request's own query with another page. Past
    /// the end, `prev` is the last page there is.
    pub fn links(&self, public_url: &PublicUrl, uri: &Uri) -> Option<HeaderValue> {
        let last = self.total_pages.max(1);
        let mut links = vec![("first", 1)];
        if self.current_page > 1 {
            links.push(("prev", (self.current_page - 1).min(last)));
        }
        if self.current_page < last {
            links.push(("next", self.current_page + 1));
        }
        links.push(("last", last));
        let query = other_than_page(uri);
        let (base, path) = (public_url.as_str(), uri.path());
        let mut text = String::with_capacity(links.len() * (base.len() + path.len() + 48));
        for (rel, page) in links {
            let comma = if text.is_empty() { "" } else { ", " };
            // Text takes every write.
            let _ = write!(text, "{comma}<{base}{path}?{query}page={page}>; rel=\"{rel}\"");
        }
        HeaderValue::try_from(text).ok()
    }
}

/// The query of `uri` as it came, without `page`; what follows may be put behind it. What could end a
/// link early is encoded.
fn other_than_page(uri: &Uri) -> String {
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("page"));
    let mut query = String::new();
    for pair in kept {
        for letter in pair.chars() {
            match letter {
                '<' => query.push_str("%3C"),
                '>' => query.push_str("%3E"),
                '"' => query.push_str("%22"),
                other => query.push(other),
            }
        }
        query.push('&');
    }
    query
}

/// A range of prices whose ends are the wrong way round.
pub fn range_fault(least: &str, most: &str) -> ApiError {
    let detail = format!("must not be more than {most}");
    let pointer = format!("/{least}");
    ApiError::InvalidQuery(vec![crate::domain::catalog::Fault { pointer, detail }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(path: &str, total: u64, page: u64, limit: u64) -> String {
        let url: PublicUrl = "https://shop.example/".parse().unwrap();
        let mut headers = HeaderMap::new();
        let paging = Paging { page: PageNumber(page), limit: PageLimit(limit) };
        Meta::new(total, paging).link(&url, &path.parse().unwrap(), &mut headers);
        headers[LINK].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_page_links_to_its_neighbours_with_its_own_query() {
        let link = link("/v1/products?page=2&category=a%20b&limit=10", 35, 2, 10);
        let page =
            |n| format!("<https://shop.example/v1/products?category=a%20b&limit=10&page={n}>");
        let expected = [(1, "first"), (1, "prev"), (3, "next"), (4, "last")]
            .map(|(n, rel)| format!("{}; rel=\"{rel}\"", page(n)));
        assert_eq!(link, expected.join(", "));
    }

    #[test]
    fn an_empty_list_and_a_page_past_the_end_are_true() {
        let past = Paging { page: PageNumber(9), limit: PageLimit(20) };
        let list = List::cut(vec![1, 2, 3], past);
        assert!(list.data.is_empty());
        assert_eq!((list.meta.total_items, list.meta.total_pages), (3, 1));
        assert!(link("/v1/x", 3, 9, 20).contains("page=1>; rel=\"prev\""));
        assert_eq!(Meta::new(0, Paging::default()).total_pages, 0);
        assert!(!link("/v1/x", 0, 1, 20).contains("next"));
    }

    #[test]
    fn a_public_url_is_an_address_of_the_web() {
        let join = |text: &str| text.parse::<PublicUrl>().map(|url| url.join("/v1"));
        assert_eq!(join("https://a.example/shop/").unwrap(), "https://a.example/shop/v1");
        for url in ["https://a.example/shop/", "http://a.example:80", "https://a.example"] {
            assert_eq!(url.parse::<PublicUrl>().unwrap().host(), "a.example");
        }
        assert_eq!("http://[::1]:8080".parse::<PublicUrl>().unwrap().host(), "[::1]");
        for bad in [
            "",
            "a.example",
            "/x",
            "ftp://a.example",
            "https://a.example?x=1",
            "https://@:26/3",
            "https://ada:secret@a.example",
        ] {
            assert!(join(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn pages_put_together_are_the_list(total in 0usize..300, limit in 1u64..100) {
            let all: Vec<usize> = (0..total).collect();
            let pages = Meta::new(total as u64, Paging { page: PageNumber(1), limit: PageLimit(limit) }).total_pages;
            let mut seen = Vec::new();
            for page in 1..=pages {
                let paging = Paging { page: PageNumber(page), limit: PageLimit(limit) };
                let list = List::cut(all.clone(), paging);
                prop_assert!(!list.data.is_empty());
                seen.extend(list.data);
            }
            prop_assert_eq!(seen, all);
        }
    }
}
