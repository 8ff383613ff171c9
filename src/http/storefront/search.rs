//! Search: what was found, narrowed by what the index counts, and a way on where nothing was.
//!
//! The filters are a form that is sent by `GET`, so a search is an address. Values of one attribute are
//! alternatives; category and brand are one each.

use super::answer::{Source, page, see_other};
use super::goods::{Card, cards};
use super::lists::{Asked, Choice, ORDERS, Order, PER_PAGE, RELEVANCE, Ways, address, part};
use super::look::Look;
use super::shell::{Head, Shell};
use super::visitor::Visitor;
use crate::actors::reads::{self, Page, ProductFilter};
use crate::domain::{Currency, Money};
use crate::http::api::search::in_index;
use crate::http::app::App;
use crate::http::problem::ApiError;
use crate::search::{Direction, Facets, SearchPage, SearchQuery, Sort, SortBy};
use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use std::sync::Arc;

/// The longest text that is searched for, in characters; the field takes no more.
const LONGEST: usize = 200;

/// What the name of an attribute's field begins with.
const ATTRIBUTE: &str = "a.";

/// Values of a filter that stand open; the others are folded away.
const OPEN: usize = 8;

/// The most filters that one address can name.
const MOST_FILTERS: usize = 50;

/// Products that are shown where nothing was found.
const CONSOLATION: usize = 4;

#[derive(Template)]
#[template(path = "storefront/search.html")]
struct Results {
    shell: Shell,
    head: Head,
    heading: String,
    /// How words were read: as given, as meant.
    corrections: Vec<(String, String)>,
    chips: Vec<Choice>,
    all: String,
    facets: Vec<Facet>,
    price: PriceRange,
    in_stock: bool,
    /// What the form of filters gives along.
    hidden: Vec<(String, String)>,
    ways: Ways,
    cards: Vec<Card>,
}

#[derive(Template)]
#[template(path = "storefront/nothing.html")]
struct Nothing {
    shell: Shell,
    head: Head,
    words: String,
    chips: Vec<Choice>,
    cards: Vec<Card>,
}

/// The bounds as they were sent.
struct PriceRange {
    mark: String,
    min: String,
    max: String,
}

/// One filter with its values.
struct Facet {
    legend: String,
    name: String,
    /// `radio` or `checkbox`.
    kind: &'static str,
    open: Vec<Value>,
    folded: Vec<Value>,
}

struct Value {
    value: String,
    text: String,
    count: String,
    is_chosen: bool,
}

/// What is searched for.
struct Wanted {
    words: String,
    category: Option<String>,
    brand: Option<String>,
    min: Option<String>,
    max: Option<String>,
    in_stock: bool,
    attributes: Vec<(String, String)>,
}

impl Wanted {
    fn of(asked: &Asked) -> Wanted {
        let text = |name| asked.get(name).map(str::to_owned);
        let attributes = asked.pairs().filter_map(|(name, value)| {
            let name = name.strip_prefix(ATTRIBUTE).filter(|name| !name.is_empty())?;
            (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        });
        Wanted {
            words: asked.get("q").unwrap_or_default().chars().take(LONGEST).collect(),
            category: text("category"),
            brand: text("brand"),
            min: text("minPrice"),
            max: text("maxPrice"),
            in_stock: asked.get("inStock") == Some("true"),
            attributes: attributes.take(MOST_FILTERS).collect(),
        }
    }

    /// As parameters of an address.
    fn pairs(&self) -> Vec<(String, String)> {
        let words = Some(&self.words).filter(|words| !words.is_empty());
        let named = [
            ("q", words),
            ("category", self.category.as_ref()),
            ("brand", self.brand.as_ref()),
            ("minPrice", self.min.as_ref()),
            ("maxPrice", self.max.as_ref()),
        ];
        let named =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
        let stock = self.in_stock.then(|| ("inStock".to_owned(), "true".to_owned()));
        let attributes = self.attributes.iter();
        let attributes =
            attributes.map(|(name, value)| (format!("{ATTRIBUTE}{name}"), value.clone()));
        named.chain(stock).chain(attributes).collect()
    }

    fn query(&self, currency: Currency, order: Order, page: usize) -> SearchQuery {
        let bound = |text: &Option<String>| {
            let money = text.as_deref().and_then(|text| Money::from_decimal(text, currency).ok());
            money.map(Money::minor)
        };
        let Page { offset, limit } = part(page);
        SearchQuery {
            text: self.words.clone(),
            category: self.category.clone(),
            brand: self.brand.clone(),
            tag: None,
            min_price: bound(&self.min),
            max_price: bound(&self.max),
            currency: Some(currency),
            in_stock: self.in_stock.then_some(true),
            attributes: self.attributes.clone(),
            sort: sort(order),
            offset,
            limit,
            facets: true,
        }
    }
}

fn sort(order: Order) -> Sort {
    if order == RELEVANCE {
        return Sort::default();
    }
    let reads::Sort { by, direction } = order.sort();
    let by = match by {
        reads::SortBy::Price => SortBy::Price,
        reads::SortBy::Name => SortBy::Name,
        reads::SortBy::CreatedAt => SortBy::CreatedAt,
        reads::SortBy::UpdatedAt => SortBy::UpdatedAt,
        reads::SortBy::Bestselling => SortBy::Bestselling,
    };
    let direction = match direction {
        reads::Direction::Ascending => Direction::Ascending,
        reads::Direction::Descending => Direction::Descending,
    };
    Sort { by, direction }
}

pub async fn show(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let asked = Asked::of(request.uri().query());
    let wanted = Wanted::of(&asked);
    let has_words = !wanted.words.trim().is_empty();
    let orders = if has_words { [&[RELEVANCE][..], &ORDERS].concat() } else { ORDERS.to_vec() };
    let (order, number) = (asked.order(&orders), asked.page());
    let currency = app.shop.env.settings.currency;
    let query = wanted.query(currency, order, number);
    let found = in_index(&app, move |searcher| searcher.search(&query)).await?;
    let visitor = Visitor::of(&app, request.headers());
    let catalog = app.shop.reads.catalog.load();
    let mut shell = Shell::new(&app, &visitor, &catalog);
    let look = Arc::clone(&shell.look);
    shell.words.clone_from(&wanted.words);
    let levels = &app.shop.reads.levels;
    if found.total == 0 && wanted.pairs().len() == usize::from(has_words) {
        let best =
            reads::Sort { by: reads::SortBy::Bestselling, direction: reads::Direction::Descending };
        let some = Page { offset: 0, limit: CONSOLATION };
        let (_, best) = catalog.list(&ProductFilter::default(), best, some, levels);
        let chips = shell.menu.iter().take(CONSOLATION).map(|link| Choice {
            text: link.text.clone(),
            href: link.href.clone(),
            is_current: false,
        });
        let nothing = Nothing {
            head: Head::unlisted("Nothing found"),
            chips: chips.collect(),
            cards: cards(&best, levels, &look, 0),
            words: wanted.words,
            shell,
        };
        return page(&app, &visitor, made_at, &request, Source::Index, &nothing);
    }
    let SearchPage { total, hits, facets, corrections } = found;
    let hits = hits.iter().filter_map(|id| catalog.product(id).cloned());
    let listed: Vec<_> = hits.filter(|listed| listed.is_public()).take(PER_PAGE).collect();
    let heading = match (has_words, &wanted.brand, &wanted.category) {
        (true, ..) => format!("Results for “{}”", wanted.words),
        (false, Some(brand), _) => brand.clone(),
        (false, None, Some(category)) => category.clone(),
        (false, None, None) => "Everything".to_owned(),
    };
    let pairs = wanted.pairs();
    let words = pairs.iter().filter(|(name, _)| name == "q");
    let mut hidden: Vec<(String, String)> = words.cloned().collect();
    let all = address("/search", hidden.iter().map(|(name, value)| (name, value)));
    if order != orders[0] {
        hidden.push(("sort".into(), order.name.into()));
    }
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let ways = Ways::new("/search", &pairs, &orders, order, number, total);
    if let Some(last) = &ways.back {
        return see_other(&app, &visitor, last);
    }
    let results = Results {
        head: Head::unlisted(heading.clone()),
        heading,
        corrections: corrections.into_iter().map(|own| (own.given, own.meant)).collect(),
        chips: chips(&pairs, &look, currency),
        all,
        facets: filters(facets, &wanted),
        in_stock: wanted.in_stock,
        hidden,
        ways,
        cards: cards(&listed, levels, &look, 3),
        price: PriceRange {
            mark: look.symbol(currency),
            min: wanted.min.unwrap_or_default(),
            max: wanted.max.unwrap_or_default(),
        },
        shell,
    };
    page(&app, &visitor, made_at, &request, Source::Index, &results)
}

/// The filters in use, each with the address that is without it.
fn chips(pairs: &[(String, String)], look: &Look, currency: Currency) -> Vec<Choice> {
    let price = |text: &str| {
        Money::from_decimal(text, currency).map_or_else(|_| text.to_owned(), |own| look.price(own))
    };
    let used = pairs.iter().filter(|(name, _)| name != "q");
    let chip = |pair: &(String, String)| {
        let (name, value) = pair;
        let text = match name.as_str() {
            "minPrice" => format!("From {}", price(value)),
            "maxPrice" => format!("Up to {}", price(value)),
            "inStock" => "Ready to ship".to_owned(),
            _ => value.clone(),
        };
        let rest = pairs.iter().filter(|own| *own != pair).map(|(name, value)| (name, value));
        Choice { text, href: address("/search", rest), is_current: false }
    };
    used.map(chip).collect()
}

fn filters(facets: Facets, wanted: &Wanted) -> Vec<Facet> {
    let category = facet("Category", "category", "radio", facets.category, wanted.category.iter());
    let brand = facet("Brand", "brand", "radio", facets.brand, wanted.brand.iter());
    let attributes = facets.attributes.into_iter().map(|(name, values)| {
        let own = wanted.attributes.iter().filter(|(own, _)| same(own, &name));
        let own: Vec<&String> = own.map(|(_, value)| value).collect();
        facet(&name, &format!("{ATTRIBUTE}{name}"), "checkbox", values, own.into_iter())
    });
    // A choice of one is none.
    let is_choice = |facet: &Facet| {
        let all = || facet.open.iter().chain(&facet.folded).filter(|own| !own.value.is_empty());
        all().count() > 1 || all().any(|own| own.is_chosen)
    };
    [category, brand].into_iter().chain(attributes).filter(is_choice).collect()
}

fn facet<'a>(
    legend: &str,
    name: &str,
    kind: &'static str,
    counts: Vec<(String, u64)>,
    chosen: impl Iterator<Item = &'a String> + Clone,
) -> Facet {
    let is_chosen = |value: &str| chosen.clone().any(|own| same(own, value));
    let mut values: Vec<Value> = counts
        .into_iter()
        .map(|(value, count)| Value {
            is_chosen: is_chosen(&value),
            text: value.clone(),
            value,
            count: count.to_string(),
        })
        .collect();
    for own in chosen
        .clone()
        .filter(|own| !values.iter().any(|value| same(&value.value, own)))
        .collect::<Vec<_>>()
    {
        let (value, text) = (own.clone(), own.clone());
        values.insert(0, Value { value, text, count: "0".into(), is_chosen: true });
    }
    if kind == "radio" {
        let is_chosen = chosen.clone().next().is_none();
        let any =
            Value { value: String::new(), text: "Any".into(), count: String::new(), is_chosen };
        values.insert(0, any);
    }
    // What is chosen stays in sight.
    let open = values.iter().rposition(|value| value.is_chosen).map_or(OPEN, |n| (n + 1).max(OPEN));
    let folded = values.split_off(open.min(values.len()));
    Facet { legend: legend.to_owned(), name: name.to_owned(), kind, open: values, folded }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
