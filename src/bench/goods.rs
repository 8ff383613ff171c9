//! What a load asks for: products, pages, words and SKUs of the shop, prepared as requests need them.
//!
//! Of a large catalog it is a part, from all over it, taken from what the shop itself shows; so the
//! same code drives a shop that somebody else has filled.

use super::clerk::{Clerk, ClerkError, List};
use super::load::Target;
use hyper::Uri;
use hyper::header::{ETAG, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::json;

/// Products that are asked for, at the most.
const PRODUCTS: u64 = 10_000;

/// Products whose versions are known beforehand.
const KNOWN: usize = 500;

/// Searches that are made again and again.
const QUERIES: usize = 1_000;

const PAGE: u64 = 100;

/// What is there to be asked for.
pub struct Goods {
    pub products: Vec<Product>,
    /// Lists of twenty, by several orders and categories.
    pub pages: Vec<Uri>,
    pub queries: Queries,
    /// Products with the version that they have.
    pub known: Vec<(Uri, HeaderValue)>,
    /// What can be bought; the ledger names SKUs by their place here.
    for_sale: Vec<ForSale>,
    /// Where carts are made.
    pub carts: Uri,
    /// How many products the shop has in all.
    pub in_catalog: u64,
}

pub struct Product {
    pub uri: Uri,
}

#[derive(Clone)]
pub struct ForSale {
    sku: String,
    /// As it stands in a path.
    path: String,
    product: Uri,
}

#[derive(Default)]
pub struct Queries {
    pub two_words: Vec<Uri>,
    pub typing_errors: Vec<Uri>,
    pub suggestions: Vec<Uri>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductJson {
    product_id: String,
    name: String,
    category: String,
    variants: Vec<VariantJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariantJson {
    sku: String,
    stock_quantity: i64,
}

/// Why a load has nothing to ask for.
#[derive(Debug, thiserror::Error)]
pub enum GoodsError {
    #[error(transparent)]
    Clerk(#[from] ClerkError),
    #[error("the list of products cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("the shop shows no products; fill it first, such as with mercat import products")]
    Empty,
    #[error("nothing can be bought: no product of the shop is in stock")]
    SoldOut,
}

impl Goods {
    /// Looks around in the shop.
    pub async fn gather(clerk: &mut Clerk, seed: u64) -> Result<Goods, GoodsError> {
        let first = list(clerk, 1).await?;
        let in_catalog = first.meta.total_items;
        // Every so-many-th page, so that what is asked for comes from all over the catalog.
        let (pages, wanted) = (in_catalog.div_ceil(PAGE), PRODUCTS / PAGE);
        let step = pages.div_ceil(wanted).max(1);
        let mut listed = first.data;
        let mut page = 1 + step;
        while page <= pages {
            listed.extend(list(clerk, page).await?.data);
            page += step;
        }
        if listed.is_empty() {
            return Err(GoodsError::Empty);
        }
        let target = clerk.target().clone();
        let uri =
            |product: &ProductJson| target.uri(&format!("/v1/products/{}", product.product_id));
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let for_sale = listed.iter().filter_map(|product| {
            let in_stock = |variant: &&VariantJson| variant.stock_quantity > 0;
            let variant = product.variants.iter().find(in_stock)?;
            Some(ForSale::new(&variant.sku, uri(product)))
        });
        Ok(Goods {
            for_sale: for_sale.collect(),
            pages: page_uris(&target, &listed, in_catalog, &mut chance),
            queries: Queries::of(&target, &listed, &mut chance),
            products: listed.iter().map(|product| Product { uri: uri(product) }).collect(),
            known: vec![],
            carts: target.uri("/v1/carts"),
            in_catalog,
        })
    }

    /// Learns the versions of some products.
    pub async fn with_versions(mut self, clerk: &mut Clerk) -> Result<Goods, GoodsError> {
        let step = self.products.len().div_ceil(KNOWN).max(1);
        for product in self.products.iter().step_by(step) {
            let answer = clerk.fetch(product.uri.path()).await?;
            let tag = answer.headers.get(ETAG).cloned();
            self.known.extend(tag.map(|tag| (product.uri.clone(), tag)));
        }
        Ok(self)
    }

    /// Has `units` of one new product for sale, and nothing else. Only staff can.
    pub async fn with_one(
        mut self,
        clerk: &mut Clerk,
        name: &str,
        units: u64,
    ) -> Result<Goods, GoodsError> {
        let body = json!({
            "name": format!("Pocket computer, {name}"), "description": "Fits a pocket.",
            "price": 499, "currency": currency(clerk).await?, "category": "Computers",
            "brand": "Mercat", "imageUrl": "https://example.com/hot.jpg",
            "sku": name, "stockQuantity": units,
        });
        let made = clerk.post("/v1/products", &body).await?;
        let id = made["productId"].as_str().unwrap_or_default();
        let uri = clerk.target().uri(&format!("/v1/products/{id}"));
        self.for_sale = vec![ForSale::new(name, uri)];
        Ok(self)
    }

    /// Keeps the first `count` SKUs for sale.
    pub fn only(mut self, count: usize) -> Goods {
        self.for_sale.truncate(count.max(1));
        self
    }

    /// Says so where nothing can be bought.
    pub fn in_stock(self) -> Result<Goods, GoodsError> {
        if self.for_sale.is_empty() { Err(GoodsError::SoldOut) } else { Ok(self) }
    }

    /// One of all SKUs, each as likely as the next.
    pub fn any_sku(&self, chance: &mut ChaCha8Rng) -> u32 {
        chance.random_range(0..self.for_sale.len().max(1)) as u32
    }

    pub fn sku(&self, place: u32) -> &str {
        &self.for_sale[place as usize].sku
    }

    /// The SKU as it stands in a path.
    pub fn path_of(&self, place: u32) -> &str {
        &self.for_sale[place as usize].path
    }

    pub fn product_of(&self, place: u32) -> Uri {
        self.for_sale[place as usize].product.clone()
    }

    pub fn skus(&self) -> impl Iterator<Item = &String> {
        self.for_sale.iter().map(|one| &one.sku)
    }
}

impl ForSale {
    fn new(sku: &str, product: Uri) -> ForSale {
        let path = utf8_percent_encode(sku, NON_ALPHANUMERIC).to_string();
        ForSale { sku: sku.to_owned(), path, product }
    }
}

async fn list(clerk: &mut Clerk, page: u64) -> Result<List<ProductJson>, GoodsError> {
    let path = format!("/v1/products?limit={PAGE}&page={page}&sort=createdAt:asc");
    let answer = clerk.fetch(&path).await?;
    Ok(serde_json::from_slice(&answer.body)?)
}

/// What the shop sells in.
async fn currency(clerk: &mut Clerk) -> Result<String, GoodsError> {
    let list = clerk.get("/v1/products?limit=1").await?;
    Ok(list["data"][0]["currency"].as_str().unwrap_or("USD").to_owned())
}

/// The first pages of lists, as people open them: the newest, the cheapest, and by category.
fn page_uris(
    target: &Target,
    listed: &[ProductJson],
    in_catalog: u64,
    chance: &mut ChaCha8Rng,
) -> Vec<Uri> {
    let mut categories: Vec<&str> =
        listed.iter().map(|product| &*product.category).filter(|name| !name.is_empty()).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut uris = Vec::new();
    let pages = in_catalog.div_ceil(20).min(50);
    for page in 1..=pages.max(1) {
        for sort in ["createdAt:desc", "price:asc", "name:asc"] {
            uris.push(target.uri(&format!("/v1/products?limit=20&page={page}&sort={sort}")));
        }
        if let Some(category) = categories.choose(chance) {
            let category = encoded(category);
            uris.push(target.uri(&format!("/v1/products?limit=20&category={category}")));
        }
    }
    uris
}

impl Queries {
    /// Of words that stand together in names, so that there is something to be found.
    fn of(target: &Target, listed: &[ProductJson], chance: &mut ChaCha8Rng) -> Queries {
        let mut queries = Queries::default();
        let names: Vec<Vec<&str>> = listed
            .iter()
            .map(|product| {
                let words = product.name.split(|c: char| !c.is_alphabetic());
                words.filter(|word| word.chars().count() >= 4).collect()
            })
            .filter(|words: &Vec<&str>| !words.is_empty())
            .collect();
        for _ in 0..QUERIES {
            let Some(words) = names.choose(chance) else { break };
            let one = words[chance.random_range(0..words.len())];
            let other = words[chance.random_range(0..words.len())];
            let two = if one == other { one.to_owned() } else { format!("{one} {other}") };
            let search =
                |query: &str| target.uri(&format!("/v1/search?limit=20&q={}", encoded(query)));
            queries.two_words.push(search(&two));
            queries.typing_errors.push(search(&mistyped(one, chance)));
            let begun: String = one.chars().take(chance.random_range(2..4)).collect();
            let path = format!("/v1/search/suggest?q={}", encoded(&begun));
            queries.suggestions.push(target.uri(&path));
        }
        // A catalog of names without words is searched for nothing in particular.
        for list in [&mut queries.two_words, &mut queries.typing_errors, &mut queries.suggestions] {
            if list.is_empty() {
                list.push(target.uri("/v1/search?limit=20&q=a"));
            }
        }
        queries
    }
}

/// The word with two neighbouring letters in each other's place.
fn mistyped(word: &str, chance: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() > 2 {
        // The first letter is rarely wrong.
        let place = chance.random_range(1..letters.len() - 1);
        letters.swap(place, place + 1);
    }
    letters.into_iter().collect()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
impl Goods {
    /// A shop with one product.
    pub fn of_one(target: &Target) -> Goods {
        Goods {
            products: vec![Product { uri: target.uri("/v1/products/prod-1") }],
            pages: vec![],
            queries: Queries::default(),
            known: vec![],
            for_sale: vec![],
            carts: target.uri("/v1/carts"),
            in_catalog: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_made_of_the_same_letters() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        for word in ["Walnut", "Lamp", "Größe", "ab"] {
            let wrong = mistyped(word, &mut chance);
            let sorted = |word: &str| {
                let mut letters: Vec<char> = word.chars().collect();
                letters.sort_unstable();
                letters
            };
            assert_eq!(sorted(&wrong), sorted(word));
            assert_eq!(wrong.chars().next(), word.chars().next());
        }
    }
}
