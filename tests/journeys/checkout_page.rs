//! The checkout's page, from the cart to the order, as a browser without any script goes that way.

use crate::goods::{buy, fill, level, reprice, shelve, with_token};
use crate::people::{self, PASSWORD};
use crate::testshop::{Answer, TestShop};
use crate::visitor::Visitor;
use futures_util::future::join_all;
use mercat::config::{ShippingRow, TaxRow, Zone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What browsers leave as it is in a form.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

/// A form as a browser has it: what the page holds, and what somebody types over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The checkout's form on a page.
    #[track_caller]
    fn of(page: &Answer) -> Form {
        let html = page.text();
        let (_, rest) = html.split_once("data-parts novalidate>").expect("a form");
        let (form, _) = rest.split_once("</form>").unwrap();
        let part = Regex::new(r"(?s)<input ([^>]*)>|<select ([^>]*)>(.*?)</select>").unwrap();
        let mut fields = Vec::new();
        for found in part.captures_iter(form) {
            let own = found.get(1).or(found.get(2)).unwrap().as_str();
            let name = attribute(own, "name").unwrap();
            let kind = attribute(own, "type").unwrap_or_default();
            let value = match found.get(3) {
                Some(options) => chosen(options.as_str()),
                None => attribute(own, "value").unwrap_or_default(),
            };
            let is_there = !["radio", "checkbox"].contains(&&*kind) || own.contains(" checked");
            fields.extend(is_there.then_some((name, value)));
        }
        Form(fields)
    }

    fn with(mut self, name: &str, value: &str) -> Form {
        self.0.retain(|(own, _)| own != name);
        self.0.push((name.into(), value.into()));
        self
    }

    #[track_caller]
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| &**value).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Somebody in New York, with a card that is approved.
    fn filled(self) -> Form {
        [
            ("email", "ada@example.com"),
            ("name", "Ada Lovelace"),
            ("line1", "12 Main Street"),
            ("city", "Hudson"),
            ("region", "NY"),
            ("postalCode", "12534"),
            ("note", "Ring twice & wait"),
            ("terms", "yes"),
        ]
        .into_iter()
        .fold(self, |form, (name, value)| form.with(name, value))
    }

    fn body(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let pattern = format!(r#"(?:^|\s){name}="([^"]*)""#);
    let found = Regex::new(&pattern).unwrap().captures(tag)?[1].to_owned();
    let unescaped = found.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<");
    Some(unescaped.replace("&#62;", ">").replace("&#38;", "&"))
}

/// The value of a list: what is selected, or else its first.
fn chosen(options: &str) -> String {
    let tags: Vec<&str> = options.split("<option ").skip(1).collect();
    let selected = tags.iter().find(|tag| tag.contains(" selected>")).or(tags.first());
    attribute(selected.unwrap(), "value").unwrap()
}

/// A shop in the United States that sends to Germany, too, and knows the tax of New York.
async fn open() -> TestShop {
    let rate = |id: &str, name: &str, price: &str| ShippingRow {
        id: id.into(),
        name: name.into(),
        price: price.into(),
        free_over: None,
        currency: None,
        min_days: 2,
        max_days: 5,
    };
    let rates = vec![rate("standard", "Standard", "5"), rate("express", "Express", "15")];
    let zone = |country: &str, rates| Zone { countries: vec![country.into()], rates };
    let shop = TestShop::with(|config| {
        config.shipping.zones =
            vec![zone("US", rates), zone("DE", vec![rate("parcel", "Parcel abroad", "22")])];
        config.tax.home_country = Some("US".into());
        let (country, region, percent) = ("US".into(), Some("NY".into()), "8.875".into());
        config.tax.rates = vec![TaxRow { country, region, percent }];
    });
    let shop = shop.await;
    shelve(&shop, &[("MUG", 1_250, 50), ("POT", 4_000, 3)]).await;
    shop
}

/// Somebody with two mugs in their cart.
async fn shopper(shop: &TestShop) -> Visitor<'_> {
    let mut visitor = Visitor::new(shop);
    visitor.send("/cart/lines", &[("sku", "MUG"), ("quantity", "2")]).await.expect(303);
    visitor
}

/// Sends the checkout's form.
async fn press(visitor: &mut Visitor<'_>, form: &Form) -> Answer {
    let request = visitor.dressed(visitor.shop.post("/checkout"));
    let request = request.header("origin", "http://shop.example");
    let answer = request.body("application/x-www-form-urlencoded", form.body()).send().await;
    visitor.take(&answer);
    answer
}

/// A form that is filled in and shows what it comes to.
async fn ready(visitor: &mut Visitor<'_>) -> Form {
    let form = Form::of(&visitor.open("/checkout").await.expect(200)).filled();
    Form::of(&press(visitor, &form.with("refresh", "1")).await.expect(200))
}

/// All orders, newest first.
async fn orders(shop: &TestShop) -> Vec<Value> {
    let list = shop.get("/v1/orders").staff().send().await.expect(200).json();
    list["data"].as_array().unwrap().clone()
}

/// The one order that there is.
#[track_caller]
fn only(orders: &[Value]) -> &Value {
    assert_eq!(orders.len(), 1, "{orders:#?}");
    &orders[0]
}

/// Where an answer leads, without what is only for the moment.
#[track_caller]
fn leads_to(answer: Answer) -> String {
    answer.expect(303).header("location").replace("&placed=1", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_buys_and_goes_on_shopping() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    assert!(visitor.open("/cart").await.text().contains("href=\"/checkout\""));
    let page = visitor.open("/checkout").await.expect(200);
    let html = page.text();
    assert!(html.contains("<title>Checkout ·") && html.contains("content=\"noindex\""));
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!html.contains(&visitor.cookies["__Host-mercat-cart"]), "the cart's key is on a page");
    for part in ["The MUG", "2 pieces", "Thursday 16 to Sunday 19 November", "No account needed"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let form = ready(&mut visitor).await;
    // 2 × 12.50, 5.00 for sending it, 8.875 % of 25.00.
    assert_eq!((form.get("shown"), form.get("seen")), ("32.22", "1250:2:MUG"));
    let placed = press(&mut visitor, &form).await.expect(303);
    let cookie = placed.headers.get_all("set-cookie").iter();
    let cookie = cookie.map(|line| line.to_str().unwrap()).find(|line| line.contains("-cart="));
    assert!(cookie.unwrap().contains("Max-Age=3600;"), "{cookie:?}");
    let thanks = visitor.open(placed.header("location")).await.expect(200);
    let html = thanks.text();
    for part in ["Thank you, Ada.", "1001", "$32.22", "ada@example.com", "Hudson, NY 12534"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(html.contains("data-count><"), "the cart is counted still");
    let orders = orders(&shop).await;
    let order = only(&orders);
    assert_eq!((&order["status"], &order["total"].to_string()), (&json!("paid"), &"32.22".into()));
    assert_eq!(
        (&order["email"], &order["note"]),
        (&json!("ada@example.com"), &json!("Ring twice & wait"))
    );
    assert_eq!(level(&shop, "MUG").await, [48, 0, 48]);
    // The browser that bought is led to its order, and fills another cart.
    let follow = attribute(html.split("<a class=\"button\" ").nth(1).unwrap(), "href").unwrap();
    assert_eq!(leads_to(visitor.open("/checkout").await), follow);
    let status = visitor.open(&follow).await.expect(200).text();
    assert!(status.contains("Being packed") && status.contains("<h1>Order 1001</h1>"), "{status}");
    let before = visitor.cookies["__Host-mercat-cart"].clone();
    assert!(visitor.open("/cart").await.text().contains("Your cart is empty"));
    visitor.send("/cart/lines", &[("sku", "MUG")]).await.expect(303);
    assert_ne!(visitor.cookies["__Host-mercat-cart"], before);
    assert_eq!(Form::of(&visitor.open("/checkout").await.expect(200)).get("seen"), "1250:1:MUG");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_stands_at_its_field_and_what_was_typed_stays() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let long = "x".repeat(201);
    for (field, value, text) in [
        ("email", "", "Enter an e-mail address"),
        ("email", "ada", "Enter an e-mail address"),
        ("name", "", "Enter the full name."),
        ("name", &long, "This is longer than it may be."),
        ("line1", " ", "Enter the address."),
        ("city", "", "Enter the city."),
        ("region", "", "Choose the state."),
        ("region", "XX", "Choose the state."),
        ("postalCode", "", "Enter the ZIP code, such as 97301."),
        ("postalCode", "K1A 0B1", "A ZIP code there looks like 97301."),
        ("country", "FR", "We do not deliver to that country."),
        ("payment", "", "Choose how you pay."),
        ("payment", "test:tok_gold", "Choose how you pay."),
        ("payment", "gold", "Choose how you pay."),
        ("terms", "", "Please agree to the terms"),
    ] {
        let wrong = form.clone().with(field, value);
        let page = press(&mut visitor, &wrong).await.expect(422);
        let html = page.text();
        let place = format!("{field}: {html}");
        assert!(html.contains("<title>Error: Checkout ·"), "{place}");
        assert!(html.contains(&format!("href=\"#{field}\"")), "{place}");
        let (_, at) = html.split_once(&format!("id=\"{field}-error\"")).expect(&place);
        assert!(at.split_once("</p>").unwrap().0.contains(text), "{place}");
        if !["payment", "country"].contains(&field) {
            let tag = html.split('<').find(|tag| tag.contains(&format!(" id=\"{field}\"")));
            assert!(tag.unwrap().contains("aria-invalid=\"true\""), "{place}");
        }
        // Whatever else was typed is there still, and the key with it if nothing was tried under it.
        let back = Form::of(&page);
        assert!(field == "payment" || back.get("key") == form.get("key"), "{place}");
        for (name, value) in &form.0 {
            let kept = name == field
                || ["csrf", "key", "shown", "region", "shippingOption"].contains(&&**name);
            assert!(kept || back.get(name) == value, "{name} after {place}");
        }
    }
    let all = ["email", "name", "line1", "city", "region", "postalCode", "terms"];
    let empty = all.into_iter().fold(form.clone(), |form, name| form.with(name, ""));
    let page = press(&mut visitor, &empty).await.expect(422).text();
    assert!(page.contains("Seven things are missing or not right"), "{page}");
    let places = all.map(|name| page.find(&format!("href=\"#{name}\"")).unwrap());
    assert!(places.is_sorted(), "as they stand on the page");
    let bill = form.clone().with("billOther", "yes").with("billName", "Analytical Engines");
    let page = press(&mut visitor, &bill).await.expect(422);
    assert!(page.text().contains("Enter the address of the bill."), "{}", page.text());
    assert_eq!(Form::of(&page).get("billName"), "Analytical Engines");
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    // The same key is good: nothing was tried under it.
    let bill = bill.with("billLine1", "1 Mill Road").with("billCity", "Salem");
    press(&mut visitor, &bill).await.expect(303);
    let orders = orders(&shop).await;
    assert_eq!(only(&orders)["billingAddress"]["line1"], "1 Mill Road");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_country_brings_its_own_fields_ways_and_sums() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let page = press(&mut visitor, &form.clone().with("country", "DE").with("refresh", "1")).await;
    let html = page.expect(200).text();
    for part in ["Street and number", "Postal code", "Parcel abroad", "$22.00", "$47.00"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("name=\"region\"") && !html.contains("ZIP code"), "{html}");
    assert!(!html.contains("value=\"express\""), "{html}");
    assert_eq!(html.matches("<option value=\"").count(), 2, "only what is served: {html}");
    let express = form.clone().with("shippingOption", "express").with("refresh", "1");
    let express = Form::of(&press(&mut visitor, &express).await.expect(200));
    assert_eq!((express.get("shown"), express.get("shippingOption")), ("42.22", "express"));
    assert_eq!(express.get("key"), form.get("key"));
    assert_eq!(orders(&shop).await, [Value::Null; 0], "nothing is bought by looking");
    // Without having looked, nobody buys at a total that they were not shown.
    let page = press(&mut visitor, &form.with("country", "DE")).await.expect(409);
    let html = page.text();
    assert!(html.contains("The total is $47.00 now"), "{html}");
    assert!(html.contains("It was $32.22") && html.contains("Nothing was bought."), "{html}");
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    press(&mut visitor, &Form::of(&page)).await.expect(303);
    let orders = orders(&shop).await;
    assert_eq!(only(&orders)["total"].to_string(), "47.00");
    assert_eq!(only(&orders)["shippingAddress"]["region"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_bought_at_a_total_that_was_not_shown() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let mut form = ready(&mut visitor).await;
    for shown in ["32.21", "0.00", "", "32.22.1", "-32.22"] {
        let page = press(&mut visitor, &form.clone().with("shown", shown)).await.expect(409);
        assert!(page.text().contains("The total is $32.22 now"), "{shown}: {}", page.text());
        assert_ne!(Form::of(&page).get("key"), form.get("key"));
        form = Form::of(&page);
    }
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    assert_eq!(level(&shop, "MUG").await, [50, 0, 50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_declined_and_another_one_pays() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await.with("payment", "test:tok_declined");
    let page = press(&mut visitor, &form).await.expect(402);
    let html = page.text();
    assert!(html.contains("<title>Error: Checkout ·"), "{html}");
    let (_, payment) = html.split_once("<fieldset id=\"payment\"").unwrap();
    assert!(payment.contains("Your card was declined.</strong> Nothing was taken."), "{html}");
    let back = Form::of(&page);
    assert_ne!(back.get("key"), form.get("key"));
    for (name, value) in &form.0 {
        assert!(["key", "csrf"].contains(&&**name) || back.get(name) == value, "{name}: {back:?}");
    }
    assert_eq!(level(&shop, "MUG").await, [50, 0, 50]);
    // The same once more, under the old key: declined, and not tried again.
    press(&mut visitor, &form).await.expect(402);
    assert_eq!(orders(&shop).await.len(), 1);
    // The old key with another card: it is over, and the page says so.
    let other = press(&mut visitor, &form.clone().with("payment", "test:tok_visa")).await;
    assert!(other.expect(409).text().contains("This page was sent once before"));
    let paid = press(&mut visitor, &back.with("payment", "test:tok_visa")).await.expect(303);
    let page = visitor.open(paid.header("location")).await.expect(200);
    assert!(page.text().contains("Thank you, Ada."));
    let all = orders(&shop).await;
    let count = |status: &str| all.iter().filter(|order| order["status"] == status).count();
    assert_eq!((all.len(), count("paid"), count("cancelled")), (2, 1, 1));
    assert_eq!(level(&shop, "MUG").await, [48, 0, 48]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sold_out_meanwhile_is_said_and_the_rest_can_be_bought() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    visitor.send("/cart/lines", &[("sku", "POT"), ("quantity", "3")]).await.expect(303);
    let form = ready(&mut visitor).await;
    assert_eq!(form.get("shown"), "162.87");
    let sell = async |units| {
        let others = fill(&shop, &[("POT", units)]).await;
        let body = with_token("tok_visa");
        buy(&shop, &others, body).await.expect(201);
    };
    sell(1).await;
    let page = press(&mut visitor, &form).await.expect(409);
    let html = page.text();
    assert!(html.contains("Only 2 of The POT are left"), "{html}");
    assert!(html.contains("You asked for 3, so we made it 2"), "{html}");
    let form = Form::of(&page);
    assert_eq!(form.get("shown"), "119.32");
    sell(2).await;
    let page = press(&mut visitor, &form).await.expect(409);
    let html = page.text();
    assert!(
        html.contains("The POT is sold out") && html.contains("no longer in the order"),
        "{html}"
    );
    let form = Form::of(&page);
    assert_eq!((form.get("shown"), form.get("seen")), ("32.22", "1250:2:MUG"));
    assert_eq!(orders(&shop).await.len(), 2, "nothing was bought but by others");
    press(&mut visitor, &form).await.expect(303);
    assert_eq!(orders(&shop).await.len(), 3);
    // Where nothing is left, the cart's page says why.
    let mut late = Visitor::new(&shop);
    late.send("/cart/lines", &[("sku", "MUG"), ("quantity", "48")]).await.expect(303);
    let form = ready(&mut late).await;
    let others = fill(&shop, &[("MUG", 48)]).await;
    buy(&shop, &others, with_token("tok_visa")).await.expect(201);
    assert_eq!(leads_to(press(&mut late, &form).await), "/cart");
    assert!(late.open("/cart").await.text().contains("<strong>Sold out</strong> since"));
    assert_eq!(leads_to(late.open("/checkout").await), "/cart");
    assert_eq!(orders(&shop).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_being_held_for_others_is_not_there_either() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    visitor.send("/cart/lines", &[("sku", "POT"), ("quantity", "3")]).await.expect(303);
    let form = ready(&mut visitor).await;
    let others = fill(&shop, &[("POT", 3)]).await;
    // Their order is on its way to the disk, and no page knows of it.
    let shut = shop.faults.commits.shut();
    let (theirs, own) = tokio::join!(buy(&shop, &others, with_token("tok_visa")), async {
        shop.faults.commits.arrived(1).await;
        let own = tokio::spawn(visitor_post(&visitor, &form));
        // What it changes of the cart waits as well.
        tokio::task::yield_now().await;
        drop(shut);
        own.await.unwrap()
    });
    theirs.expect(201);
    let html = own.expect(409).text();
    assert!(html.contains("The POT is sold out"), "{html}");
    assert_eq!(orders(&shop).await.len(), 1);
}

/// The form's request on its own, for somebody who sends more than one at once.
fn visitor_post(visitor: &Visitor<'_>, form: &Form) -> impl Future<Output = Answer> + use<> {
    let request = visitor.dressed(visitor.shop.post("/checkout"));
    let request = request.header("origin", "http://shop.example");
    request.body("application/x-www-form-urlencoded", form.body()).send()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_or_a_cart_that_changed_meanwhile_is_said_line_by_line() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    reprice(&shop, "MUG", 1_300).await;
    let page = press(&mut visitor, &form).await.expect(409);
    let html = page.text();
    assert!(html.contains("The MUG now costs $13.00"), "{html}");
    assert!(html.contains("It cost $12.50 when you came") && html.contains("Nothing was bought."));
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    // Two prices whose changes cancel out are two changes still.
    visitor.send("/cart/lines", &[("sku", "POT"), ("quantity", "2")]).await.expect(303);
    let page = press(&mut visitor, &Form::of(&page)).await.expect(409);
    assert!(page.text().contains("The POT was put into your cart"), "{}", page.text());
    let form = Form::of(&page);
    reprice(&shop, "MUG", 1_400).await;
    reprice(&shop, "POT", 3_900).await;
    let page = press(&mut visitor, &form).await.expect(409);
    let html = page.text();
    assert!(html.contains("The MUG now costs $14.00") && html.contains("The POT now costs $39.00"));
    // In another window.
    visitor.send("/cart/lines/POT", &[("quantity", "1")]).await.expect(303);
    visitor.send("/cart/lines/MUG/remove", &[]).await.expect(303);
    let page = press(&mut visitor, &Form::of(&page)).await.expect(409);
    let html = page.text();
    assert!(html.contains("The number of The POT is another"), "{html}");
    assert!(html.contains("The MUG was taken out of your cart"), "{html}");
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    // What is looked at once more says it, too.
    reprice(&shop, "POT", 3_800).await;
    let page = press(&mut visitor, &Form::of(&page).with("refresh", "1")).await.expect(200);
    assert!(page.text().contains("The POT now costs $38.00"), "{}", page.text());
    press(&mut visitor, &Form::of(&page)).await.expect(303);
    let orders = orders(&shop).await;
    // 38.00, 5.00 for sending it and 3.37 of tax.
    assert_eq!(only(&orders)["total"].to_string(), "46.37");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_buys_once() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let shut = shop.faults.calls.shut();
    let (first, second) = tokio::join!(visitor_post(&visitor, &form), async {
        // While the bank is being asked.
        shop.faults.calls.arrived(1).await;
        let again = tokio::spawn(visitor_post(&visitor, &form));
        tokio::task::yield_now().await;
        drop(shut);
        again.await.unwrap()
    });
    let (first, second) = (leads_to(first), leads_to(second));
    assert_eq!(first, second);
    assert!(first.contains(only(&orders(&shop).await)["orderId"].as_str().unwrap()));
    assert_eq!(level(&shop, "MUG").await, [48, 0, 48]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_and_the_way_back_lead_to_the_order_that_was_placed() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let first = leads_to(press(&mut visitor, &form).await);
    // The same bytes again, then with another note, then as if the page had a key of its own.
    let changed = form.clone().with("note", "No hurry").with("payment", "manual");
    let anew = form.clone().with("key", &"a".repeat(32));
    for again in [&form, &changed, &anew, &form.clone().with("refresh", "1")] {
        assert_eq!(leads_to(press(&mut visitor, again).await), first);
    }
    assert_eq!(leads_to(visitor.open("/checkout").await), first);
    // Long after, with something else in the cart: it is another cart, and the old form buys nothing.
    visitor.send("/cart/lines", &[("sku", "MUG"), ("quantity", "2")]).await.expect(303);
    let page = press(&mut visitor, &form).await.expect(409);
    assert!(page.text().contains("This page was sent once before"), "{}", page.text());
    only(&orders(&shop).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_cost_nobody_a_second_order() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let request = visitor.dressed(shop.post("/checkout")).header("origin", "http://shop.example");
    let bytes = request.body("application/x-www-form-urlencoded", form.body()).bytes();
    let shut = shop.faults.calls.shut();
    let mut wire = TcpStream::connect(shop.address()).await.unwrap();
    wire.write_all(&bytes).await.unwrap();
    shop.faults.calls.arrived(1).await;
    drop(wire);
    drop(shut);
    let order = leads_to(press(&mut visitor, &form).await);
    let paid = |list: &Value| list["data"][0]["status"] == "paid";
    shop.eventually("/v1/orders", paid).await;
    let orders = orders(&shop).await;
    assert!(order.contains(only(&orders)["orderId"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_buy_one_order_whichever_is_first() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let (one, other) = (ready(&mut visitor).await, ready(&mut visitor).await);
    assert_ne!(one.get("key"), other.get("key"));
    // The second is pressed while the first is on its way to the disk.
    let shut = shop.faults.commits.shut();
    let (first, second) = tokio::join!(visitor_post(&visitor, &one), async {
        shop.faults.commits.arrived(1).await;
        let again = tokio::spawn(visitor_post(&visitor, &other));
        tokio::task::yield_now().await;
        drop(shut);
        again.await.unwrap()
    });
    assert_eq!(leads_to(first), leads_to(second));
    only(&orders(&shop).await);
    // And while the bank is being asked.
    let mut visitor = shopper(&shop).await;
    let (one, other) = (ready(&mut visitor).await, ready(&mut visitor).await);
    let shut = shop.faults.calls.shut();
    let (first, second) = tokio::join!(visitor_post(&visitor, &one), async {
        shop.faults.calls.arrived(1).await;
        let second = visitor_post(&visitor, &other).await;
        drop(shut);
        second
    });
    assert_eq!(leads_to(first), leads_to(second));
    assert_eq!(orders(&shop).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_windows_at_once_buy_one_order() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    visitor.send("/cart/lines", &[("sku", "POT")]).await.expect(303);
    let mut forms = Vec::new();
    for _ in 0..8 {
        forms.push(ready(&mut visitor).await);
    }
    // After a new start no stock is in memory: the order that comes first waits for it, and all others
    // find the cart in its hands.
    let cookies = visitor.cookies;
    let shop = shop.restarted().await;
    let visitor = Visitor { cookies, ..Visitor::new(&shop) };
    let answers = join_all(forms.iter().map(|form| visitor_post(&visitor, form))).await;
    let places: Vec<String> = answers.into_iter().map(leads_to).collect();
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    only(&orders(&shop).await);
    assert_eq!(level(&shop, "MUG").await, [48, 0, 48]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_asks_is_gone_to_and_come_back_from() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await.with("payment", "test:tok_action");
    let bank = leads_to(press(&mut visitor, &form).await);
    assert!(bank.starts_with("/test-payments/pay-"), "{bank}");
    visitor.open(&bank).await.expect(200);
    // Whoever looks at the order first is led to the bank.
    let order = leads_to(visitor.open("/checkout").await);
    let page = visitor.open(&order).await.expect(200).text();
    assert!(
        page.contains("Waiting for you") && page.contains(&format!("href=\"{bank}\"")),
        "{page}"
    );
    // The shopper says no, and nothing of what they typed is lost.
    assert_eq!(
        visitor.send(&bank, &[("outcome", "decline")]).await.expect(303).header("location"),
        order
    );
    let page = visitor.open(&order).await.expect(200).text();
    assert!(page.contains("Not paid") && page.contains("Your cart is as it was"), "{page}");
    let again =
        attribute(page.split("Your cart is as it was. <a ").nth(1).unwrap(), "href").unwrap();
    let back = Form::of(&visitor.open(&again).await.expect(200));
    for name in ["email", "name", "line1", "city", "region", "postalCode", "note", "shown"] {
        assert_eq!(back.get(name), form.get(name), "{name}");
    }
    // The old form again is the old attempt.
    assert_eq!(leads_to(press(&mut visitor, &form).await), bank);
    let back = back.with("payment", "test:tok_action").with("terms", "yes");
    let bank = leads_to(press(&mut visitor, &back).await);
    let order = visitor.follow(&bank, &[("outcome", "approve")]).await.text();
    assert!(order.contains("Being packed") && order.contains("<h1>Order 1002</h1>"), "{order}");
    assert_eq!(level(&shop, "MUG").await, [48, 0, 48]);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_can_be_sent_later() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await.with("payment", "manual");
    let placed = press(&mut visitor, &form).await.expect(303);
    let html = visitor.open(placed.header("location")).await.expect(200).text();
    for part in
        ["One thing is left to do.", "Tuesday 21 November", "<dt>Reference</dt><dd>1001</dd>"]
    {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let status = visitor.open(&leads_to(visitor_post(&visitor, &form).await)).await.text();
    assert!(status.contains("Waiting for your payment") && status.contains("$32.22, not yet here"));
    let orders = orders(&shop).await;
    assert_eq!(only(&orders)["status"], "pending_payment");
    let path = |order: &Value| {
        let payment = order["payment"]["paymentId"].as_str().unwrap();
        format!("/v1/orders/{}/payments/{payment}/capture", order["orderId"].as_str().unwrap())
    };
    shop.post(&path(only(&orders))).staff().key("take").send().await.expect(200);
    let status = visitor.open(&leads_to(visitor_post(&visitor, &form).await)).await.text();
    assert!(status.contains("Being packed") && status.contains("taken in full"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_finds_their_addresses_and_the_order_among_theirs() {
    let shop = open().await;
    let access = people::customer(&shop, "ada@example.com").await;
    let address = |line1: &str, country: &str| {
        json!({ "name": "Ada Lovelace", "line1": line1, "city": "Hudson", "region": "NY",
                "postalCode": "12534", "country": country })
    };
    for (line1, country) in
        [("12 Main Street", "US"), ("1 Rue de Rivoli", "FR"), ("7 Mill Road", "US")]
    {
        let add = shop.post("/v1/users/me/addresses").bearer(&access);
        add.json(address(line1, country)).send().await.expect(201);
    }
    let mut visitor = shopper(&shop).await;
    visitor.open("/cart").await;
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let token = visitor.token.clone().unwrap();
    let session = visitor.dressed(shop.post("/v1/auth/session")).header("x-csrf-token", &token);
    visitor.take(&session.json(login).send().await.expect(200));
    let page = visitor.open("/checkout").await.expect(200);
    let html = page.text();
    assert!(
        html.contains("You are logged in as ada@example.com.") && !html.contains("/account/login?")
    );
    assert!(html.contains("<strong>7 Mill Road</strong>"), "{html}");
    let form = Form::of(&page);
    // The default address is chosen, and its tax is counted at once.
    assert_eq!((form.get("email"), form.get("shown")), ("ada@example.com", "32.22"));
    let form = form.with("terms", "yes");
    let ids = Regex::new(r#"name="address" value="([^"]*)""#).unwrap();
    let ids: Vec<String> = ids.captures_iter(&html).map(|found| found[1].to_owned()).collect();
    assert_eq!((ids.len(), form.get("address"), &*ids[3]), (4, &*ids[0], "new"));
    let page = press(&mut visitor, &form.clone().with("address", &ids[1])).await.expect(422).text();
    assert!(page.contains("We do not deliver to that country."), "{page}");
    // Whoever's address that is, it is not theirs.
    let other = form.clone().with("address", "addr-06evdaz9vw000g40r40m30e209");
    press(&mut visitor, &other).await.expect(422);
    press(&mut visitor, &form.with("address", &ids[2])).await.expect(303);
    let own = shop.get("/v1/orders").bearer(&access).send().await.expect(200).json();
    let own = own["data"].as_array().unwrap();
    assert_eq!(only(own)["shippingAddress"]["line1"], "7 Mill Road");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_buys_in_a_visitors_name() {
    let shop = open().await;
    let mut visitor = shopper(&shop).await;
    let form = ready(&mut visitor).await;
    let post = |headers: &[(&str, &str)], form: &Form| {
        let request = visitor.dressed(shop.post("/checkout"));
        let request = headers.iter().fold(request, |own, (name, value)| own.header(name, value));
        request.body("application/x-www-form-urlencoded", form.body()).send()
    };
    post(&[("origin", "https://evil.example")], &form).await.expect(403);
    let without = Form(form.0.iter().filter(|(name, _)| name != "csrf").cloned().collect());
    post(&[("origin", "http://shop.example")], &without).await.expect(403);
    post(&[], &form.clone().with("csrf", "AAAA")).await.expect(403);
    assert_eq!(orders(&shop).await, [Value::Null; 0]);
    // Who has no cart has nothing to buy, and what is typed gets out of no field.
    let mut nobody = Visitor::new(&shop);
    assert_eq!(leads_to(nobody.open("/checkout").await), "/cart");
    let hostile = "\"><script>alert(1)</script>";
    let names = ["key", "shown", "seen", "email", "name", "country", "region", "payment", "note"];
    let bad = names.into_iter().fold(form, |form, name| form.with(name, hostile));
    let page = press(&mut visitor, &bad).await.expect(422).text();
    assert!(!page.contains("<script>alert"), "{page}");
}
