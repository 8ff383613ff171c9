//! Two hundred past orders: who bought what, when, and what became of it.
//!
//! All of it follows from one fixed row of numbers, so that every demo shop has the same past.

use super::catalog::{Catalog, Product};
use crate::actors::cart::CartRequest;
use crate::actors::clock::{Clock, SystemClock, TravelClock};
use crate::actors::order::{CheckoutRequest, OrderChange};
use crate::domain::order::Collected;
use crate::domain::{Address, Sku, Span};
use crate::shop::Shop;
use anyhow::anyhow;
use futures_util::future::join_all;
use std::collections::HashMap;

const ORDERS: u32 = 200;

/// The oldest order is this many days old.
const DAYS: i64 = 60;

/// Name, mail address, street, city, region and postal code; all invented.
const CUSTOMERS: [(&str, &str, &str, &str, &str, &str); 24] = [
    ("Marta Lindqvist", "marta.lindqvist", "18 Alder Street", "Portland", "OR", "97205"),
    ("Joel Okafor", "joel.okafor", "402 Pine Avenue", "Seattle", "WA", "98101"),
    ("Priya Raman", "priya.raman", "77 Harbor View", "Oakland", "CA", "94607"),
    ("Tomás Herrera", "tomas.herrera", "1250 Mission Road", "San Diego", "CA", "92101"),
    ("Ingrid Solberg", "ingrid.solberg", "9 Fern Hollow", "Eugene", "OR", "97401"),
    ("Caleb Whitmore", "caleb.whitmore", "315 Elm Street", "Austin", "TX", "78701"),
    ("Noor Haddad", "noor.haddad", "64 Court Street", "Brooklyn", "NY", "11201"),
    ("Bea Castellano", "bea.castellano", "220 Mulberry Lane", "Albany", "NY", "12207"),
    ("Felix Brandt", "felix.brandt", "5 Quarry Road", "Bend", "OR", "97701"),
    ("Yuki Tanabe", "yuki.tanabe", "830 Cedar Court", "Sacramento", "CA", "95814"),
    ("Ruth Abernathy", "ruth.abernathy", "41 Orchard Way", "Salem", "OR", "97301"),
    ("Dmitri Volkov", "dmitri.volkov", "1702 Lake Drive", "Tacoma", "WA", "98402"),
    ("Amara Nwosu", "amara.nwosu", "12 Magnolia Place", "Houston", "TX", "77002"),
    ("Gwen Parry", "gwen.parry", "56 Mill Lane", "Astoria", "OR", "97103"),
    ("Luca Ferraro", "luca.ferraro", "908 Vine Street", "Los Angeles", "CA", "90028"),
    ("Hannah Weiss", "hannah.weiss", "33 Prospect Street", "Ithaca", "NY", "14850"),
    ("Owen Tully", "owen.tully", "701 Bluff Street", "Boulder", "CO", "80302"),
    ("Salma Idrissi", "salma.idrissi", "19 Garden Terrace", "Dallas", "TX", "75201"),
    ("Petra Novak", "petra.novak", "88 Station Road", "Spokane", "WA", "99201"),
    ("Elliot Marsh", "elliot.marsh", "4 Lantern Court", "Ashland", "OR", "97520"),
    ("Camille Roux", "camille.roux", "260 Bay Street", "San Francisco", "CA", "94133"),
    ("Jonas Eklund", "jonas.eklund", "1419 Summit Avenue", "Seattle", "WA", "98122"),
    ("Delia Fontaine", "delia.fontaine", "73 Willow Bend", "Rochester", "NY", "14604"),
    ("Kofi Mensah", "kofi.mensah", "511 Congress Avenue", "Austin", "TX", "78701"),
];

/// One past order, as planned.
struct Plan {
    days_ago: i64,
    customer: usize,
    lines: Vec<(String, u32)>,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Paid,
    /// Paid, then cancelled and refunded.
    Cancelled,
    /// Waits for a bank transfer.
    Pending,
}

/// How many units the past keeps of each SKU: what was cancelled came back.
pub(super) fn units_sold(catalog: &Catalog) -> HashMap<String, u32> {
    let mut sold = HashMap::new();
    for plan in plans(catalog).iter().filter(|plan| plan.end != End::Cancelled) {
        for (sku, quantity) in &plan.lines {
            *sold.entry(sku.clone()).or_insert(0) += quantity;
        }
    }
    sold
}

/// Lives the past: day by day, every order a cart and a checkout.
pub(super) async fn relive(
    shop: &Shop,
    catalog: &Catalog,
    clock: &TravelClock,
) -> anyhow::Result<()> {
    let mut by_day: HashMap<i64, Vec<Plan>> = HashMap::new();
    for plan in plans(catalog) {
        by_day.entry(plan.days_ago).or_default().push(plan);
    }
    let today = SystemClock.now();
    for day in (0..=DAYS).rev() {
        let Some(plans) = by_day.remove(&day) else { continue };
        clock.set(today.minus(Span::days(day)).minus(Span::minutes(50 + day % 7 * 41)));
        for done in join_all(plans.iter().map(|plan| buy(shop, plan))).await {
            done?;
        }
    }
    Ok(())
}

async fn buy(shop: &Shop, plan: &Plan) -> anyhow::Result<()> {
    let desk = &shop.engine.desk;
    let items = plan.lines.iter().map(|(sku, quantity)| Ok((sku.parse::<Sku>()?, *quantity)));
    let items = items.collect::<anyhow::Result<Vec<_>>>()?;
    let create = CartRequest::Create { currency: None, items };
    let cart = desk.create_cart(create, None).await.map_err(|refusal| anyhow!("{refusal}"))?.value;
    let (name, mail, line1, city, region, postal_code) = CUSTOMERS[plan.customer];
    let (provider, collected) = match plan.end {
        End::Pending => ("manual", Collected::ByHand),
        End::Paid | End::Cancelled => ("test", Collected::Online),
    };
    let address = Address {
        name: name.into(),
        line1: line1.into(),
        line2: None,
        city: city.into(),
        region: Some(region.into()),
        postal_code: Some(postal_code.into()),
        country: "US".into(),
        phone: None,
    };
    let request = CheckoutRequest {
        cart: cart.id,
        person: None,
        email: format!("{mail}@example.com"),
        shipping_address: Some(address),
        billing_address: None,
        shipping_option: None,
        provider: provider.into(),
        collected,
        token: (collected == Collected::Online).then(|| "tok_visa".into()),
        note: None,
        agreed: None,
    };
    let order = desk.checkout(request, None).await.map_err(|refusal| anyhow!("{refusal}"))?.value;
    if plan.end == End::Cancelled {
        let cancel = OrderChange::Cancel { reason: Some("changed their mind".into()) };
        let cancelled = desk.change_order(order.id, cancel, None, None).await;
        cancelled.map_err(|refusal| anyhow!("{refusal}"))?;
    }
    Ok(())
}

fn plans(catalog: &Catalog) -> Vec<Plan> {
    let mut numbers = Numbers(20_250_611);
    (0..ORDERS).map(|n| plan(n, catalog, &mut numbers)).collect()
}

fn plan(n: u32, catalog: &Catalog, numbers: &mut Numbers) -> Plan {
    // More orders lately: the square of an even spread.
    let spread = i64::from(numbers.below(1_000));
    let days_ago = spread * spread * DAYS / 1_000_000;
    let end = match n % 20 {
        7 => End::Cancelled,
        13 if days_ago < 5 => End::Pending,
        _ => End::Paid,
    };
    // What is in the range by then and can be bought today.
    let there = |product: &&Product| {
        product.days_old > days_ago + 1 && product.variants.iter().any(|variant| variant.stock > 2)
    };
    let products: Vec<&Product> = catalog.products.iter().filter(there).collect();
    let mut lines: Vec<(String, u32)> = Vec::new();
    for _ in 0..1 + numbers.below(3) {
        let product = products[numbers.below(products.len() as u32) as usize];
        let variants: Vec<_> =
            product.variants.iter().filter(|variant| variant.stock > 2).collect();
        let sku = &variants[numbers.below(variants.len() as u32) as usize].sku;
        if lines.iter().all(|(own, _)| own != sku) {
            lines.push((sku.clone(), 1 + numbers.below(8) / 6));
        }
    }
    let customer = numbers.below(CUSTOMERS.len() as u32) as usize;
    Plan { days_ago, customer, lines, end }
}

/// A fixed row of numbers (Lehmer's generator with the constants of Park and Miller, 1988).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        (self.0 % u64::from(bound.max(1))) as u32
    }
}
