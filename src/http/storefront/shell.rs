//! What is around every page: the shop's name and look, the way through it, the cart's count, and what
//! machines read of a page.

use super::addresses;
use super::look::Look;
use super::visitor::Visitor;
use super::words;
use crate::actors::reads::Catalog;
use crate::http::app::App;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

/// How many categories stand in the menu; the front page has all of them.
const MOST_IN_MENU: usize = 14;

/// Stands where a CSRF token goes. Nobody outside knows it, so nothing that people wrote can hold it.
pub(super) static CSRF_PLACE: LazyLock<String> = LazyLock::new(|| {
    let random: [u8; 16] = rand::random();
    random.iter().fold("csrf-".to_owned(), |mut place, byte| {
        let _ = write!(place, "{byte:02x}");
        place
    })
});

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub text: String,
    pub href: String,
}

/// What a page stands in.
pub(super) struct Shell {
    pub look: Arc<Look>,
    /// The folder of style sheet, scripts and icons.
    pub assets: String,
    pub home: String,
    pub menu: Vec<Link>,
    /// The address of the category that the page is in.
    pub current: String,
    /// What was searched for.
    pub words: String,
    /// Units in the cart.
    pub units: u64,
    /// Where forms show their token, of a browser that has a cookie for it.
    pub csrf: Option<&'static str>,
    pub small_print: String,
    pub year: i16,
}

impl Shell {
    pub fn new(app: &App, visitor: &Visitor, catalog: &Catalog) -> Shell {
        let look = app.look();
        let top = catalog.categories().filter(|category| category.parent.is_none());
        let link = |name: &str, handle: &str| Link {
            text: name.to_owned(),
            href: addresses::category(handle),
        };
        let settings = &app.shop.env.settings;
        Shell {
            assets: look.assets.address(),
            look,
            home: app.public_url.join("/"),
            menu: top.take(MOST_IN_MENU).map(|own| link(&own.name, &own.handle)).collect(),
            current: String::new(),
            words: String::new(),
            units: visitor.units,
            csrf: visitor.cookie.as_ref().map(|_| CSRF_PLACE.as_str()),
            small_print: words::small_print(&settings.rules, settings.currency),
            year: words::year(app.shop.env.now()),
        }
    }

    /// On a page of the category at this address.
    pub fn within(mut self, category: &str) -> Shell {
        category.clone_into(&mut self.current);
        self
    }

    /// What screen readers say of the cart.
    pub fn units_in_words(&self) -> String {
        words::count(self.units, "item")
    }
}

/// What machines read of a page.
#[derive(Default)]
pub(super) struct Head {
    pub title: String,
    pub description: String,
    /// Its one address; a page without one is not to be found by search engines.
    pub canonical: Option<String>,
    /// The Open Graph type.
    pub kind: &'static str,
    /// Full address of the picture that stands for it.
    pub picture: Option<String>,
    /// JSON-LD, as [`json_ld`] makes it.
    pub data: Vec<String>,
}

impl Head {
    /// A page that is somebody's own, or one of too many to be found.
    pub fn unlisted(title: impl Into<String>) -> Head {
        Head { title: title.into(), kind: "website", ..Head::default() }
    }
}

/// A step on the way to a page; the last is the page itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crumb {
    pub name: String,
    pub href: Option<String>,
}

/// The way from the front page.
pub(super) fn crumbs(steps: impl IntoIterator<Item = (String, Option<String>)>) -> Vec<Crumb> {
    let home = Crumb { name: "Home".into(), href: Some("/".into()) };
    let steps = steps.into_iter().map(|(name, href)| Crumb { name, href });
    std::iter::once(home).chain(steps).collect()
}

/// The same for machines.
pub(super) fn crumbs_data(app: &App, crumbs: &[Crumb]) -> String {
    let item = |(n, crumb): (usize, &Crumb)| {
        let mut item = json!({ "@type": "ListItem", "position": n + 1, "name": crumb.name });
        if let Some(href) = &crumb.href {
            item["item"] = app.public_url.join(href).into();
        }
        item
    };
    let items: Vec<Value> = crumbs.iter().enumerate().map(item).collect();
    json_ld(
        &json!({ "@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": items }),
    )
}

/// JSON that can stand in a script element: nothing in it can end that.
pub(super) fn json_ld(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_json_ends_its_element() {
        let hostile = json!({ "name": "</script><script>alert(1)//<!--" });
        let text = json_ld(&hostile);
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }
}
