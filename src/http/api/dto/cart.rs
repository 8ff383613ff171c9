//! Carts and checkout.

use super::address::AddressJson;
use crate::domain::cart::{Cart, CartStatus, MOST_LINES, MOST_UNITS_PER_LINE};
use crate::domain::pricing::Totals;
use crate::domain::shipping::ShippingOption;
use crate::domain::tax::Prices;
use crate::domain::{Address, CartId, Sku};
use crate::http::body::Input;
use crate::http::json::{MoneyJson, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// The schemas below repeat these bounds as literals, for attributes take no constants.
const _: () = assert!(MOST_LINES == 200 && MOST_UNITS_PER_LINE == 100_000);

/// A cart. Whoever knows its id may use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cart)]
pub struct CartJson {
    pub cart_id: String,
    #[schema(example = "USD")]
    pub currency: &'static str,
    pub status: CartStatusJson,
    pub items: Vec<CartItemJson>,
    pub discount_codes: Vec<String>,
    pub shipping_address: Option<AddressJson>,
    /// The id of the option that was chosen.
    pub shipping_option: Option<String>,
    /// The items before discounts, shipping and tax.
    pub subtotal: MoneyJson,
    pub discount_total: MoneyJson,
    pub shipping_total: MoneyJson,
    pub tax_total: MoneyJson,
    pub total: MoneyJson,
    /// Whether prices contain the tax, so that it is shown and not added.
    pub prices_include_tax: bool,
    /// The order that it became.
    pub order_id: Option<String>,
    /// When it counts as left behind unless it is touched again.
    pub expires_at: Time,
    pub created_at: Time,
    pub updated_at: Time,
}

/// How far a cart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CartStatus)]
pub enum CartStatusJson {
    Open,
    Ordered,
    Abandoned,
}

/// A line of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CartItem)]
pub struct CartItemJson {
    pub sku: String,
    pub product_id: String,
    pub name: String,
    pub title: String,
    pub quantity: u32,
    pub unit_price: MoneyJson,
    pub subtotal: MoneyJson,
    pub discount: MoneyJson,
    pub tax: MoneyJson,
    pub total: MoneyJson,
    /// Whether that many units could be bought now. A cart promises nothing; a checkout does.
    pub available: bool,
}

impl CartJson {
    /// `address` is where the goods go; `totals` are those of the cart's lines; `has_enough` says whether so many units of a SKU
    /// could be bought now.
    pub fn new(
        id: CartId,
        cart: &Cart,
        address: Option<&Address>,
        totals: &Totals,
        has_enough: impl Fn(&Sku, u32) -> bool,
    ) -> CartJson {
        let item = |(line, priced): (
            &crate::domain::cart::CartLine,
            &crate::domain::pricing::LineTotals,
        )| {
            CartItemJson {
                sku: line.sku.to_string(),
                product_id: line.product_id.to_string(),
                name: line.name.to_string(),
                title: line.title.to_string(),
                quantity: line.quantity,
                unit_price: line.unit_price.into(),
                subtotal: priced.subtotal.into(),
                discount: priced.discount.into(),
                tax: priced.tax.into(),
                total: priced.total.into(),
                available: has_enough(&line.sku, line.quantity),
            }
        };
        let (status, order_id) = match cart.status {
            CartStatus::Open => (CartStatusJson::Open, None),
            CartStatus::Ordered(order) => (CartStatusJson::Ordered, Some(order.to_string())),
            // Nobody is shown either.
            CartStatus::Abandoned | CartStatus::Merged(_) => (CartStatusJson::Abandoned, None),
        };
        CartJson {
            cart_id: id.to_string(),
            currency: cart.currency.code(),
            status,
            items: cart.lines.iter().zip(&totals.lines).map(item).collect(),
            discount_codes: Vec::new(),
            shipping_address: address.map(AddressJson::from),
            shipping_option: cart.shipping_option.as_deref().map(str::to_owned),
            subtotal: totals.subtotal.into(),
            discount_total: totals.discount.into(),
            shipping_total: totals.shipping.into(),
            tax_total: totals.tax.into(),
            total: totals.total.into(),
            prices_include_tax: totals.prices == Prices::IncludeTax,
            order_id,
            expires_at: cart.expires_at().into(),
            created_at: cart.created_at.into(),
            updated_at: cart.updated_at.into(),
        }
    }
}

/// A way of sending, as offered for one cart or chosen for one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShippingOption)]
pub struct ShippingOptionJson {
    #[schema(example = "standard")]
    pub id: String,
    pub name: String,
    pub price: MoneyJson,
    pub currency: &'static str,
    pub min_days: u32,
    pub max_days: u32,
}

impl From<&ShippingOption> for ShippingOptionJson {
    fn from(option: &ShippingOption) -> ShippingOptionJson {
        ShippingOptionJson {
            id: option.id.clone(),
            name: option.name.clone(),
            price: option.price.into(),
            currency: option.price.currency().code(),
            min_days: option.min_days,
            max_days: option.max_days,
        }
    }
}

/// All that can be chosen for one cart, cheapest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShippingOptions {
    pub data: Vec<ShippingOptionJson>,
}

/// A new cart; an empty body makes an empty one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CartCreate {
    /// The shop's own where it is not given. An empty cart takes that of its first item.
    #[schema(format = "currency-code", nullable = false, example = "USD")]
    pub currency: Option<String>,
    #[serde(default)]
    #[schema(max_items = 200)]
    pub items: Vec<ItemAdd>,
}

impl Input for CartCreate {}

/// One variant to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemAdd {
    #[schema(format = "sku", example = "SMX-128")]
    pub sku: String,
    #[schema(minimum = 1, maximum = 100_000, example = 1)]
    pub quantity: u32,
}

impl Input for ItemAdd {}

/// A line's new quantity; zero removes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuantitySet {
    #[schema(minimum = 0, maximum = 100_000, example = 3)]
    pub quantity: u32,
}

impl Input for QuantitySet {}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShippingOptionChoice {
    /// The id of one of the cart's shipping options.
    #[schema(min_length = 1, max_length = 64, example = "standard")]
    pub shipping_option: String,
}

impl Input for ShippingOptionChoice {}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscountCode {
    #[schema(min_length = 1, max_length = 64, format = "not-blank", example = "SPRING")]
    pub code: String,
}

impl Input for DiscountCode {}

/// The way from a cart to an order. What the cart knows already may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checkout {
    #[schema(format = "email", max_length = 254, example = "ada@example.com")]
    pub email: String,
    /// The cart's own where it is not given.
    pub shipping_address: Option<AddressJson>,
    /// The shipping address where it is not given.
    pub billing_address: Option<AddressJson>,
    /// The cart's own where it is not given.
    #[schema(min_length = 1, max_length = 64, example = "standard")]
    pub shipping_option: Option<String>,
    pub payment: PaymentChoice,
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
}

impl Input for Checkout {}

/// Who takes the money, and the provider's token for the shopper's means of payment.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaymentChoice {
    #[schema(pattern = "^[a-z][a-z0-9_]{0,31}$", example = "test")]
    pub provider: String,
    /// Never stored.
    #[schema(min_length = 1, max_length = 255, example = "tok_visa")]
    pub token: Option<String>,
}

/// A token is as good as money: it does not get into logs.
impl std::fmt::Debug for PaymentChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentChoice").field("provider", &self.provider).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cart::{CartCommand, Offer};
    use crate::domain::pricing::{Item, PriceRules};
    use crate::domain::shipping::ShippingTable;
    use crate::domain::tax::{Rate, TaxRate, TaxTable};
    use crate::domain::{Currency, Money, Region, Timestamp};
    use crate::http::body::read;
    use serde_json::{Value, json};

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn cart() -> (Cart, Totals) {
        let offer = Offer {
            sku: "SMX-128".parse().unwrap(),
            product_id: "prod-1".parse().unwrap(),
            name: "Smartphone X".into(),
            title: "128 GB".into(),
            unit_price: Money::from_minor(99_999, Currency::USD),
        };
        let create = CartCommand::Create { currency: Currency::USD, items: vec![(offer, 2)] };
        let events = Cart::decide(None, create, NOON).unwrap();
        let cart = events.iter().fold(None, Cart::apply).unwrap();
        let home = Region { country: "US".into(), region: None };
        let rate = Rate::from_millionths(80_000).unwrap();
        let rules = PriceRules {
            tax: TaxTable {
                prices: Prices::ExcludeTax,
                rates: vec![TaxRate { country: "US".into(), region: None, rate }],
                home,
                shipping_is_taxed: false,
            },
            shipping: ShippingTable::default(),
        };
        let line = &cart.lines[0];
        let item = Item { sku: line.sku.clone(), quantity: 2, unit_price: line.unit_price };
        let totals = rules.totals(Currency::USD, &[item], None, None).unwrap();
        (cart, totals)
    }

    #[test]
    fn a_cart_looks_as_the_contract_shows() {
        let (cart, totals) = cart();
        let id = CartId::from_bytes([1; 22]);
        let text =
            serde_json::to_string(&CartJson::new(id, &cart, None, &totals, |_, n| n <= 2)).unwrap();
        let shown: Value = crate::http::parse::parse(text.as_bytes()).unwrap();
        for (name, number) in [
            ("unitPrice", "999.99"),
            ("subtotal", "1999.98"),
            ("discount", "0.00"),
            ("tax", "160.00"),
            ("total", "2159.98"),
        ] {
            assert_eq!(shown["items"][0][name].to_string(), number, "{name}");
        }
        assert_eq!(shown["items"][0]["available"], true);
        assert_eq!(shown["status"], "open");
        assert_eq!(shown["shippingAddress"], Value::Null);
        assert_eq!(shown["discountCodes"], json!([]));
        assert_eq!(shown["total"].to_string(), "2159.98");
        assert_eq!(shown["expiresAt"], "2023-12-14T22:13:20Z");
    }

    #[test]
    fn quantities_have_bounds() {
        let add = |quantity: &str| {
            read::<ItemAdd>(format!(r#"{{"sku":"A","quantity":{quantity}}}"#).as_bytes())
        };
        assert_eq!(add("100000").unwrap().quantity, 100_000);
        for (quantity, status) in [
            ("0", 422),
            ("100001", 422),
            ("-1", 422),
            ("1e99", 422),
            ("1.5", 400),
            ("\"1\"", 400),
            ("null", 400),
        ] {
            assert_eq!(add(quantity).unwrap_err().status().as_u16(), status, "{quantity}");
        }
        assert_eq!(read::<QuantitySet>(br#"{"quantity":0}"#).unwrap().quantity, 0);
    }

    #[test]
    fn the_contracts_checkout_is_taken() {
        let body = json!({
            "email": "ada@example.com",
            "shippingAddress": { "name": "Ada", "line1": "1 Road", "line2": null, "city": "Austin",
                "region": "TX", "postalCode": "78701", "country": "US", "phone": null },
            "billingAddress": null, "shippingOption": "standard",
            "payment": { "provider": "test", "token": "tok_visa" }, "note": null,
        });
        let checkout: Checkout = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(checkout.payment.token.as_deref(), Some("tok_visa"));
        assert!(!format!("{checkout:?}").contains("tok_visa"));
        let error =
            read::<Checkout>(br#"{"email":"ada","payment":{"provider":"Test!"}}"#).unwrap_err();
        assert_eq!(error.status(), 422);
    }
}
