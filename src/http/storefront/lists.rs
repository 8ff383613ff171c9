//! What lists of products have in common: their orders, their pages, and the links to both.

use super::addresses;
use super::words;
use crate::actors::reads::{Direction, Page, Sort, SortBy};

/// Products on a page of a list.
pub const PER_PAGE: usize = 24;

/// The last page that can be asked for; no list has as many.
const LAST_PAGE: usize = 1_000_000;

/// An order that a list can be shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// As it stands in the address, in the API's words.
    pub name: &'static str,
    pub text: &'static str,
}

/// The list's own order.
pub const OWN: Order = Order { name: "", text: "In our order" };
/// How well a product fits what was searched for.
pub const RELEVANCE: Order = Order { name: "relevance:desc", text: "Best match" };

pub const ORDERS: [Order; 5] = [
    Order { name: "createdAt:desc", text: "Newest" },
    Order { name: "bestselling:desc", text: "Best selling" },
    Order { name: "price:asc", text: "Price, low to high" },
    Order { name: "price:desc", text: "Price, high to low" },
    Order { name: "name:asc", text: "Name" },
];

impl Order {
    /// The same to the read models; the newest first where they have none of that name.
    pub fn sort(self) -> Sort {
        let (by, direction) = match self.name {
            "bestselling:desc" => (SortBy::Bestselling, Direction::Descending),
            "price:asc" => (SortBy::Price, Direction::Ascending),
            "price:desc" => (SortBy::Price, Direction::Descending),
            "name:asc" => (SortBy::Name, Direction::Ascending),
            _ => (SortBy::CreatedAt, Direction::Descending),
        };
        Sort { by, direction }
    }
}

/// The parameters of an address, as browsers send them. Those that nobody here knows are left alone:
/// mails and advertisements add their own.
pub struct Asked(Vec<(String, String)>);

impl Asked {
    pub fn of(query: Option<&str>) -> Asked {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        Asked(pairs.map(pair).collect())
    }

    /// The first value of that name that is not blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of that name that are not blank.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let own: Vec<&str> =
            self.pairs().filter(|(own, _)| *own == name).map(|(_, value)| value).collect();
        own.into_iter().filter(|value| !value.is_empty())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.trim()))
    }

    /// One of these orders, by default the first.
    pub fn order(&self, known: &[Order]) -> Order {
        let asked = self.get("sort");
        let found = known.iter().find(|order| Some(order.name) == asked);
        *found.unwrap_or(&known[0])
    }

    pub fn page(&self) -> usize {
        let page = self.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        usize::clamp(page, 1, LAST_PAGE)
    }
}

/// Which part of a list a page shows.
pub fn part(page: usize) -> Page {
    Page { offset: (page - 1) * PER_PAGE, limit: PER_PAGE }
}

/// A link to a page or an order of a list.
pub struct Choice {
    pub text: String,
    pub href: String,
    pub is_current: bool,
}

/// The links below and above a list.
#[derive(Default)]
pub struct Ways {
    /// How many there are, on all pages.
    pub total: String,
    pub sorted: &'static str,
    pub sorts: Vec<Choice>,
    pub previous: Option<String>,
    /// First, last and those around; a gap is one without an address.
    pub pages: Vec<Choice>,
    pub next: Option<String>,
    /// The last page, where this one is past it: what was on it sold or went meanwhile.
    pub back: Option<String>,
}

impl Ways {
    /// Of a list at `path` with these parameters beside order and page.
    pub fn new(
        path: &str,
        kept: &[(String, String)],
        orders: &[Order],
        order: Order,
        page: usize,
        total: usize,
    ) -> Ways {
        let last = total.div_ceil(PER_PAGE).max(1);
        let default = orders[0];
        let href = |order: Order, page: usize| {
            let mut all: Vec<(&str, String)> =
                kept.iter().map(|(name, value)| (&**name, value.clone())).collect();
            if order != default {
                all.push(("sort", order.name.into()));
            }
            if page > 1 {
                all.push(("page", page.to_string()));
            }
            address(path, all)
        };
        let sorts = orders.iter().map(|own| Choice {
            text: own.text.to_owned(),
            href: href(*own, 1),
            is_current: *own == order,
        });
        Ways {
            total: words::count(total as u64, "product"),
            sorted: order.text,
            sorts: sorts.collect(),
            ..Ways::among(last, page, |page| href(order, page))
        }
    }

    /// Of a list in an order of its own, with so many on a page.
    pub fn plain(path: &str, page: usize, total: usize, per_page: usize) -> Ways {
        let last = total.div_ceil(per_page).max(1);
        Ways::among(last, page, |page| {
            let number = (page > 1).then(|| ("page", page.to_string()));
            address(path, number)
        })
    }

    /// The links from a page to others, as far as `last`.
    fn among(last: usize, page: usize, href: impl Fn(usize) -> String) -> Ways {
        let shown = |n: &usize| *n == 1 || *n == last || n.abs_diff(page) <= 2;
        let (mut pages, mut before) = (Vec::new(), 0);
        for n in (1..=last.min(3)).chain(page.saturating_sub(2)..=page + 2).chain([last]) {
            if n <= before || n > last || !shown(&n) {
                continue;
            }
            if n > before + 1 {
                pages.push(Choice { text: "…".into(), href: String::new(), is_current: false });
            }
            pages.push(Choice { text: n.to_string(), href: href(n), is_current: n == page });
            before = n;
        }
        Ways {
            previous: (page > 1).then(|| href(page - 1)),
            pages: if last > 1 { pages } else { Vec::new() },
            next: (page < last).then(|| href(page + 1)),
            back: (page > last).then(|| href(last)),
            ..Ways::default()
        }
    }
}

/// A path with parameters.
pub fn address<N: AsRef<str>, V: AsRef<str>>(
    path: &str,
    parameters: impl IntoIterator<Item = (N, V)>,
) -> String {
    let pair = |(name, value): (N, V)| {
        format!("{}={}", addresses::encoded(name.as_ref()), addresses::encoded(value.as_ref()))
    };
    let query: Vec<String> = parameters.into_iter().map(pair).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(page: usize, total: usize) -> String {
        let ways = Ways::new("/c/x", &[], &ORDERS, ORDERS[0], page, total);
        ways.pages.iter().map(|page| page.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_many_pages_the_first_the_last_and_those_around_are_linked() {
        assert_eq!(pages(1, 24), "");
        assert_eq!(pages(1, 25), "1 2");
        assert_eq!(pages(1, 24 * 9), "1 2 3 … 9");
        assert_eq!(pages(5, 24 * 9), "1 … 3 4 5 6 7 … 9");
        assert_eq!(pages(9, 24 * 9), "1 … 7 8 9");
        let past = |page, total| Ways::new("/c/x", &[], &ORDERS, ORDERS[2], page, total).back;
        assert_eq!(past(40, 24 * 3).as_deref(), Some("/c/x?sort=price%3Aasc&page=3"));
        assert_eq!((past(2, 0).as_deref(), past(3, 24 * 3)), (Some("/c/x?sort=price%3Aasc"), None));
    }

    #[test]
    fn links_keep_what_was_asked_for() {
        let kept = [("q".to_owned(), "oak & ash".to_owned())];
        let ways = Ways::new("/search", &kept, &ORDERS, ORDERS[2], 2, 100);
        assert_eq!(ways.next.unwrap(), "/search?q=oak%20%26%20ash&sort=price%3Aasc&page=3");
        assert_eq!(ways.previous.unwrap(), "/search?q=oak%20%26%20ash&sort=price%3Aasc");
        assert_eq!(ways.sorts[0].href, "/search?q=oak%20%26%20ash");
        assert!(ways.sorts[2].is_current);
    }

    #[test]
    fn what_is_asked_is_read_as_forms_send_it() {
        let asked = Asked::of(Some("q=oak+%26%20ash&brand=&brand=A&utm_source=x&page=0&sort=up"));
        assert_eq!(asked.get("q"), Some("oak & ash"));
        assert_eq!(asked.all("brand").collect::<Vec<_>>(), ["A"]);
        assert_eq!((asked.page(), asked.order(&ORDERS)), (1, ORDERS[0]));
        assert_eq!(Asked::of(Some("page=-1&sort=name:asc")).page(), 1);
        assert_eq!(Asked::of(Some("page=7000000")).page(), LAST_PAGE);
        assert_eq!(Asked::of(None).get("q"), None);
    }
}
