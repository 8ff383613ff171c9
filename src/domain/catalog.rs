//! Products and their variants: what is shown, and the choices that are bought.
//!
//! A product says nothing of stock; units are counted per SKU in [`super::stock`], so that a change
//! of text or price never waits behind a sale. Uniqueness of handles and SKUs across products is a
//! matter of the whole catalog and is checked by its owner, not here.

use super::ids::{ProductId, Sku};
use super::money::{Currency, Money};
use super::time::Timestamp;
use std::collections::HashSet;

/// Whether a product is shown. Only `Active` is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProductStatus {
    Draft,
    Active,
    Archived,
}

/// A picture of a product, by address. Width and height are pixels, where known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub url: String,
    pub alt: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// A dimension of choice, such as `Size` with its values in display order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductOption {
    pub name: String,
    pub values: Vec<String>,
}

/// One choice that can be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    pub sku: Sku,
    pub title: String,
    /// Option name and value, in the product's order of options.
    pub options: Vec<(String, String)>,
    pub price: Money,
    /// The price before a reduction, to be shown struck through.
    pub compare_at_price: Option<Money>,
    pub barcode: Option<String>,
    pub weight_grams: Option<u32>,
    pub image: Option<String>,
}

/// Everything about a product that a merchant writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductContent {
    /// The product's name in addresses: lower-case letters, digits and single hyphens.
    pub handle: String,
    pub name: String,
    /// HTML that was sanitized on its way in.
    pub description: String,
    pub category: String,
    pub brand: String,
    pub images: Vec<Image>,
    pub tags: Vec<String>,
    pub attributes: Vec<(String, String)>,
    pub status: ProductStatus,
    pub options: Vec<ProductOption>,
    pub variants: Vec<Variant>,
    pub currency: Currency,
}

/// A product as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub content: ProductContent,
    /// Under which it was found before, in the order in which it left them; links and search engines
    /// remember them longer than merchants do. At most [`MOST_FORMER_HANDLES`].
    pub former_handles: Vec<FormerHandle>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A handle that a product had until `left_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerHandle {
    pub handle: String,
    pub left_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductCommand {
    Create(Box<ProductContent>),
    Update(Box<ProductContent>),
    Archive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductEvent {
    Created { content: Box<ProductContent>, at: Timestamp },
    Updated { content: Box<ProductContent>, at: Timestamp },
    Archived { at: Timestamp },
}

/// Why a product may not look like this. `field` is the path in the contract's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProductRejection {
    #[error("there is no such product")]
    Unknown,
    #[error("the product is there already")]
    Exists,
    #[error("{}", list(.0))]
    Invalid(Vec<Fault>),
}

/// One thing wrong with a product, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the product, such as `/variants/0/price`.
    pub pointer: String,
    pub detail: String,
}

fn list(faults: &[Fault]) -> String {
    let texts: Vec<String> =
        faults.iter().map(|f| format!("{}: {}", f.pointer, f.detail)).collect();
    texts.join("; ")
}

/// How many variants one product may have (Shopify's limit, so that every import fits).
pub const MOST_VARIANTS: usize = 2_048;

/// How many handles of its past a product is found by; of more, the oldest are forgotten.
pub const MOST_FORMER_HANDLES: usize = 16;

impl Product {
    /// Says which events follow from `command`; `current` is `None` for a product not yet made.
    pub fn decide(
        current: Option<&Product>,
        command: ProductCommand,
        now: Timestamp,
    ) -> Result<Vec<ProductEvent>, ProductRejection> {
        match (current, command) {
            (None, ProductCommand::Create(content)) => {
                content.check()?;
                Ok(vec![ProductEvent::Created { content, at: now }])
            }
            (Some(_), ProductCommand::Create(_)) => Err(ProductRejection::Exists),
            (None, ProductCommand::Update(_) | ProductCommand::Archive) => {
                Err(ProductRejection::Unknown)
            }
            (Some(product), ProductCommand::Update(content)) => {
                content.check()?;
                if product.content == *content {
                    return Ok(vec![]);
                }
                Ok(vec![ProductEvent::Updated { content, at: now }])
            }
            (Some(product), ProductCommand::Archive) => match product.content.status {
                ProductStatus::Archived => Ok(vec![]),
                ProductStatus::Draft | ProductStatus::Active => {
                    Ok(vec![ProductEvent::Archived { at: now }])
                }
            },
        }
    }

    /// Takes in a fact; the first one makes the product.
    pub fn apply(
        current: Option<Product>,
        id: &ProductId,
        event: &ProductEvent,
    ) -> Option<Product> {
        match (current, event) {
            (_, ProductEvent::Created { content, at }) => Some(Product {
                id: id.clone(),
                content: (**content).clone(),
                former_handles: vec![],
                created_at: *at,
                updated_at: *at,
            }),
            (Some(mut product), ProductEvent::Updated { content, at }) => {
                product.take_handle(&content.handle, *at);
                Some(Product { content: (**content).clone(), updated_at: *at, ..product })
            }
            (Some(mut product), ProductEvent::Archived { at }) => {
                product.content.status = ProductStatus::Archived;
                product.updated_at = *at;
                Some(product)
            }
            (None, ProductEvent::Updated { .. } | ProductEvent::Archived { .. }) => None,
        }
    }

    /// Remembers the handle that it leaves for `next`, if it does. One that it comes back to is no
    /// former one any more.
    fn take_handle(&mut self, next: &str, now: Timestamp) {
        if self.content.handle == next {
            return;
        }
        let left = self.content.handle.clone();
        self.former_handles.retain(|former| former.handle != left && former.handle != next);
        self.former_handles.push(FormerHandle { handle: left, left_at: now });
        let surplus = self.former_handles.len().saturating_sub(MOST_FORMER_HANDLES);
        self.former_handles.drain(..surplus);
    }

    /// Whether shoppers may see and buy it.
    pub fn is_public(&self) -> bool {
        self.content.status == ProductStatus::Active
    }

    pub fn variant(&self, sku: &Sku) -> Option<&Variant> {
        self.content.variants.iter().find(|variant| variant.sku == *sku)
    }

    /// The variant with the lowest price; a product has at least one.
    pub fn cheapest(&self) -> &Variant {
        let cheapest = self.content.variants.iter().min_by_key(|variant| variant.price.minor());
        cheapest.expect("a checked product has a variant")
    }
}

impl ProductContent {
    /// Names every fault at once, so that a form is corrected in one go.
    pub fn check(&self) -> Result<(), ProductRejection> {
        let mut faults = Vec::new();
        let mut fault = |pointer: String, detail: &str| {
            faults.push(Fault { pointer, detail: detail.to_owned() });
        };
        if !is_handle(&self.handle) {
            fault(
                "/handle".into(),
                "must be 1 to 255 lower-case letters, digits and single hyphens",
            );
        }
        if self.name.trim().is_empty() {
            fault("/name".into(), "must not be empty");
        }
        if self.variants.is_empty() {
            fault("/variants".into(), "a product needs at least one variant");
        }
        if self.variants.len() > MOST_VARIANTS {
            fault("/variants".into(), "a product has at most 2048 variants");
        }
        let mut seen = HashSet::new();
        for (i, variant) in self.variants.iter().enumerate() {
            if !seen.insert(&variant.sku) {
                fault(format!("/variants/{i}/sku"), "is used by another variant of this product");
            }
            let prices =
                [("price", Some(variant.price)), ("compareAtPrice", variant.compare_at_price)];
            for (name, price) in prices {
                if price.is_some_and(Money::is_negative) {
                    fault(format!("/variants/{i}/{name}"), "must not be negative");
                }
                if price.is_some_and(|price| price.currency() != self.currency) {
                    fault(format!("/variants/{i}/{name}"), "must be in the product's currency");
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(ProductRejection::Invalid(faults)) }
    }
}

/// Whether `text` can stand in an address: `oak-table-2`.
pub fn is_handle(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.chars().all(|c| is_lower_alphanumeric(c) || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// Some capitals, such as ℨ, have no lower case and stay out.
fn is_lower_alphanumeric(c: char) -> bool {
    c.is_alphanumeric() && !c.is_uppercase()
}

/// The handle that a name makes: `Oak Table, 2 m` becomes `oak-table-2-m`. A name without any
/// letter or digit makes `item`.
pub fn handle_from(name: &str) -> String {
    let mut handle = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if is_lower_alphanumeric(c) {
            handle.push(c);
        } else if !handle.is_empty() && !handle.ends_with('-') {
            handle.push('-');
        }
        if handle.len() >= 200 {
            break;
        }
    }
    let handle = handle.trim_end_matches('-');
    if handle.is_empty() { "item".to_owned() } else { handle.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn content(handle: &str, sku: &str, minor: i64) -> ProductContent {
        ProductContent {
            handle: handle.into(),
            name: "Kettle".into(),
            description: String::new(),
            category: "Kitchen".into(),
            brand: "Alder".into(),
            images: vec![],
            tags: vec![],
            attributes: vec![],
            status: ProductStatus::Active,
            options: vec![],
            variants: vec![Variant {
                sku: sku.parse().unwrap(),
                title: "Default".into(),
                options: vec![],
                price: Money::from_minor(minor, Currency::USD),
                compare_at_price: None,
                barcode: None,
                weight_grams: None,
                image: None,
            }],
            currency: Currency::USD,
        }
    }

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn every_fault_is_named_at_once() {
        let mut bad = content("Not A Handle", "A", -1);
        bad.name = " ".into();
        bad.variants.push(bad.variants[0].clone());
        let Err(ProductRejection::Invalid(faults)) = bad.check() else { panic!("was taken") };
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/handle", "/name", "/variants/0/price", "/variants/1/sku", "/variants/1/price"]
        );
    }

    #[test]
    fn an_update_that_changes_nothing_makes_no_event() {
        let id: ProductId = "prod-1".parse().unwrap();
        let created =
            Product::decide(None, ProductCommand::Create(Box::new(content("a", "A", 1))), NOON)
                .unwrap();
        let product = Product::apply(None, &id, &created[0]).unwrap();
        let same = ProductCommand::Update(Box::new(content("a", "A", 1)));
        assert_eq!(Product::decide(Some(&product), same, NOON), Ok(vec![]));
        assert_eq!(
            Product::decide(None, ProductCommand::Archive, NOON),
            Err(ProductRejection::Unknown)
        );
    }

    /// A product that had these handles, one after the other.
    fn renamed(handles: &[String]) -> Product {
        let id: ProductId = "prod-1".parse().unwrap();
        let mut product: Option<Product> = None;
        for (i, handle) in handles.iter().enumerate() {
            let content = Box::new(content(handle, "A", 1));
            let command = match i {
                0 => ProductCommand::Create(content),
                _ => ProductCommand::Update(content),
            };
            let now = Timestamp::from_millis(i as i64);
            for event in Product::decide(product.as_ref(), command, now).unwrap() {
                product = Product::apply(product, &id, &event);
            }
        }
        product.unwrap()
    }

    #[test]
    fn a_handle_that_a_product_comes_back_to_is_no_former_one() {
        let product = renamed(&["a", "b", "c", "a", "a"].map(String::from));
        let former: Vec<_> = product
            .former_handles
            .iter()
            .map(|former| (former.handle.as_str(), former.left_at.as_millis()))
            .collect();
        assert_eq!(former, [("b", 2), ("c", 3)]);
    }

    proptest! {
        #[test]
        fn former_handles_are_the_last_ones_that_differ(picks in prop::collection::vec(0u8..24, 1..80)) {
            let handles: Vec<String> = picks.iter().map(|pick| format!("h{pick}")).collect();
            let product = renamed(&handles);
            let mut expected: Vec<String> = Vec::new();
            for handle in handles[..handles.len() - 1].iter().rev() {
                if *handle != product.content.handle && !expected.contains(handle) {
                    expected.insert(0, handle.clone());
                }
            }
            let found: Vec<String> =
                product.former_handles.into_iter().map(|former| former.handle).collect();
            prop_assert!(found.len() <= MOST_FORMER_HANDLES);
            prop_assert!(expected.ends_with(&found), "{:?} of {:?}", found, expected);
            if picks.len() <= MOST_FORMER_HANDLES {
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn a_name_makes_a_valid_handle(name in "\\PC{0,300}") {
            prop_assert!(is_handle(&handle_from(&name)), "{:?}", handle_from(&name));
        }

        #[test]
        fn replay_gives_the_product_that_was_decided(prices in prop::collection::vec(0i64..1000, 1..20)) {
            let id: ProductId = "prod-1".parse().unwrap();
            let mut product: Option<Product> = None;
            let mut log = Vec::new();
            for (i, price) in prices.iter().enumerate() {
                let command = match (i % 5, &product) {
                    (_, None) => ProductCommand::Create(Box::new(content("a", "A", *price))),
                    (4, Some(_)) => ProductCommand::Archive,
                    _ => ProductCommand::Update(Box::new(content("a", "A", *price))),
                };
                for event in Product::decide(product.as_ref(), command, NOON).unwrap() {
                    product = Product::apply(product, &id, &event);
                    log.push(event);
                }
            }
            let replayed = log.iter().fold(None, |product, event| Product::apply(product, &id, event));
            prop_assert_eq!(replayed, product);
        }
    }
}
