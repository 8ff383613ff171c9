//! Carts: filled, changed, priced, and refused what makes no sense.

use crate::goods::{address, buy, fill, shelve, text, with_token};
use crate::testshop::{TestShop, amount};
use mercat::config::TaxRow;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_filled_changed_and_deleted() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10), ("TEA", 499, 10)]).await;
    let made = shop.post("/v1/carts").send().await.expect(201);
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("/v1/carts/{}", text(&made.json(), "cartId")));
    assert_eq!((&made.json()["status"], &made.json()["items"]), (&json!("open"), &json!([])));
    let items = format!("{path}/items");
    let mug = json!({ "sku": "MUG", "quantity": 2 });
    shop.post(&items).json(mug).send().await.expect(200);
    let tea = json!({ "sku": "TEA", "quantity": 1 });
    let cart = shop.post(&items).json(tea).send().await.expect(200).json();
    assert_eq!(cart["subtotal"], amount("29.99"));
    let line = &cart["items"][0];
    assert_eq!((&line["unitPrice"], &line["subtotal"]), (&amount("12.50"), &amount("25.00")));
    assert_eq!((&line["name"], &line["available"]), (&json!("The MUG"), &json!(true)));
    // The same SKU again adds up.
    let more = json!({ "sku": "MUG", "quantity": 1 });
    let cart = shop.post(&items).json(more).send().await.expect(200).json();
    assert_eq!(cart["items"][0]["quantity"], 3);
    let fewer = shop.patch(&format!("{items}/MUG")).json(json!({ "quantity": 1 })).send().await;
    assert_eq!(fewer.expect(200).json()["subtotal"], amount("17.49"));
    let without = shop.delete(&format!("{items}/TEA")).send().await.expect(200).json();
    assert_eq!(without["items"].as_array().unwrap().len(), 1);
    let none = shop.patch(&format!("{items}/MUG")).json(json!({ "quantity": 0 })).send().await;
    assert_eq!(none.expect(200).json()["items"], json!([]));
    let gone = shop.delete(&path).send().await.expect(204);
    assert!(gone.bytes.is_empty());
    shop.get(&path).send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_priced_to_the_cent_for_where_it_goes() {
    let shop = TestShop::with(|config| {
        let row = |country: &str, percent: &str| TaxRow {
            country: country.into(),
            region: None,
            percent: percent.into(),
        };
        config.tax.rates = vec![row("US", "8.875"), row("DE", "19")];
    })
    .await;
    shelve(&shop, &[("MUG", 1_299, 10)]).await;
    let cart = fill(&shop, &[("MUG", 3)]).await;
    let path = format!("/v1/carts/{cart}");
    let berlin = json!({ "name": "Grace", "line1": "Markt 1", "city": "Berlin", "country": "DE" });
    let put = |path: String, body| shop.put(&path).json(body).send();
    let cart = put(format!("{path}/shipping-address"), berlin).await.expect(200).json();
    assert_eq!(cart["subtotal"], amount("38.97"));
    assert_eq!(cart["taxTotal"], amount("7.40"));
    assert_eq!(text(&cart["shippingAddress"], "city"), "Berlin");
    let options = shop.get(&format!("{path}/shipping-options")).send().await.expect(200).json();
    let standard = json!({ "id": "standard", "name": "Standard", "price": amount("5.00"),
                           "currency": "USD", "minDays": 2, "maxDays": 5 });
    assert_eq!(options, json!({ "data": [standard] }));
    let choice = json!({ "shippingOption": "standard" });
    let cart = put(format!("{path}/shipping-option"), choice).await.expect(200).json();
    assert_eq!(cart["shippingTotal"], amount("5.00"));
    assert_eq!(cart["total"], amount("51.37"));
    let springfield = put(format!("{path}/shipping-address"), address()).await.expect(200).json();
    assert_eq!(springfield["taxTotal"], amount("3.46"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_says_which_lines_could_be_bought_now() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 2)]).await;
    let enough = fill(&shop, &[("MUG", 2)]).await;
    let path = format!("/v1/carts/{enough}/items/MUG");
    let short = shop.patch(&path).json(json!({ "quantity": 3 })).send().await.expect(200).json();
    assert_eq!(short["items"][0]["available"], false);
    let fine = shop.patch(&path).json(json!({ "quantity": 2 })).send().await.expect(200).json();
    assert_eq!(fine["items"][0]["available"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let path = format!("/v1/carts/{cart}");
    let items = format!("{path}/items");
    let add = |body| shop.post(&items).json(body).send();
    add(json!({ "sku": "NONE", "quantity": 1 })).await.problem(422, "sku_unknown");
    assert_eq!(add(json!({ "sku": "MUG", "quantity": 0 })).await.faults(422), ["/quantity"]);
    assert_eq!(add(json!({ "sku": "MUG", "quantity": 1.5 })).await.faults(400), ["/quantity"]);
    add(json!({ "sku": "MUG", "quantity": 100_000 })).await.expect(422);
    let missing = shop.patch(&format!("{items}/TEA")).json(json!({ "quantity": 1 })).send().await;
    missing.problem(404, "not_found");
    shop.delete(&format!("{items}/TEA")).send().await.problem(404, "not_found");
    let option = json!({ "shippingOption": "drone" });
    let refused = shop.put(&format!("{path}/shipping-option")).json(option).send().await;
    assert_eq!(refused.faults(422), ["/shippingOption"]);
    let nowhere = json!({ "name": " ", "line1": "x", "city": "y", "country": "XX" });
    let refused = shop.put(&format!("{path}/shipping-address")).json(nowhere).send().await;
    assert_eq!(refused.faults(422), ["/country", "/name"]);
    let code = json!({ "code": "SPRING" });
    let codes = format!("{path}/discount-codes");
    shop.post(&codes).json(code.clone()).send().await.problem(422, "discount_code_unknown");
    shop.delete(&codes).json(code).send().await.problem(404, "not_found");
    let euros = json!({ "currency": "EUR", "items": [{ "sku": "MUG", "quantity": 1 }] });
    shop.post("/v1/carts").json(euros).send().await.problem(422, "currency_mismatch");
    // Nothing of all this has changed it.
    let kept = shop.get(&path).send().await.expect(200).json();
    assert_eq!(
        (&kept["items"][0]["quantity"], kept["items"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_is_not_there_is_not_found_by_any_road() {
    let shop = TestShop::open().await;
    let other = fill(&shop, &[]).await;
    shop.delete(&format!("/v1/carts/{other}")).send().await.expect(204);
    for id in ["cart-1", "order-1", other.as_str(), "%00", "cart-%2F"] {
        let path = format!("/v1/carts/{id}");
        shop.get(&path).send().await.problem(404, "not_found");
        shop.delete(&path).send().await.problem(404, "not_found");
        shop.get(&format!("{path}/shipping-options")).send().await.problem(404, "not_found");
        let item = json!({ "sku": "MUG", "quantity": 1 });
        shop.post(&format!("{path}/items")).json(item).send().await.expect(404);
        shop.delete(&format!("{path}/items/MUG")).send().await.problem(404, "not_found");
        let body = with_token("tok_visa");
        let checkout = shop.post(&format!("{path}/checkout")).key("k").json(body).send().await;
        checkout.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_became_an_order_changes_no_more() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let cart = fill(&shop, &[("MUG", 1)]).await;
    let order = buy(&shop, &cart, with_token("tok_visa")).await.expect(201).json();
    let item = json!({ "sku": "MUG", "quantity": 1 });
    let refused = shop.post(&format!("/v1/carts/{cart}/items")).json(item).send().await;
    assert_eq!(refused.problem(409, "cart_ordered")["orderId"], order["orderId"]);
    shop.delete(&format!("/v1/carts/{cart}")).send().await.problem(409, "cart_ordered");
    let kept = shop.get(&format!("/v1/carts/{cart}")).send().await.expect(200).json();
    assert_eq!((&kept["status"], &kept["orderId"]), (&json!("ordered"), &order["orderId"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_made_once_under_one_key() {
    let shop = TestShop::open().await;
    shelve(&shop, &[("MUG", 1_250, 10)]).await;
    let body = json!({ "items": [{ "sku": "MUG", "quantity": 1 }] });
    let make = |body| shop.post("/v1/carts").key("a-cart").json(body).send();
    let first = make(body.clone()).await.expect(201);
    let again = make(body).await.expect(201);
    assert_eq!((&first.bytes, first.etag()), (&again.bytes, again.etag()));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    make(json!({})).await.problem(422, "idempotency_key_reused");
    // The same key on another route is another attempt; for another cart of that route it is not.
    let item = json!({ "sku": "MUG", "quantity": 1 });
    let add = |cart: String| {
        shop.post(&format!("/v1/carts/{cart}/items")).key("a-cart").json(item.clone()).send()
    };
    let cart = add(text(&first.json(), "cartId").to_owned()).await.expect(200).json();
    assert_eq!(cart["items"][0]["quantity"], 2);
    let replayed = add(text(&cart, "cartId").to_owned()).await.expect(200).json();
    assert_eq!(replayed["items"][0]["quantity"], 2);
    let other = fill(&shop, &[]).await;
    add(other).await.problem(422, "idempotency_key_reused");
}
