//! Products, categories, collections and pictures.

use crate::testshop::{Answer, TestShop, amount};
use mercat::domain::Span;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// The eight fields of the smallest product.
fn eight(name: &str, price: &str) -> Value {
    json!({ "name": name, "description": "<p>Good.</p><script>x()</script>", "price": amount(price),
        "currency": "USD", "category": "Electronics", "brand": "TechCorp",
        "imageUrl": "https://img.example/x.jpg", "stockQuantity": 150 })
}

fn with(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn make(shop: &TestShop, body: Value) -> Answer {
    shop.post("/v1/products").staff().json(body).send().await.expect(201)
}

/// The names on a page of products, in order.
async fn names(shop: &TestShop, query: &str) -> Vec<String> {
    let page = shop.get(&format!("/v1/products{query}")).send().await.expect(200).json();
    let names = page["data"].as_array().unwrap().iter();
    names.map(|product| product["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_fields_make_a_product_that_everybody_sees() {
    let shop = TestShop::open().await;
    let made = make(&shop, eight("Smartphone X", "999.99")).await;
    let product = made.json();
    let id = product["productId"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/v1/products/{id}"));
    assert!(made.text().contains("\"price\":999.99"), "{}", made.text());
    assert_eq!(product["handle"], "smartphone-x");
    assert_eq!(product["description"], "<p>Good.</p>");
    assert_eq!(product["stockQuantity"], 150);
    assert_eq!(product["status"], "active");
    assert_eq!(product["variants"][0]["sku"], "smartphone-x");
    assert_eq!(product["createdAt"], "2023-11-14T22:13:20Z");
    let seen = shop.get(made.header("location")).send().await.expect(200);
    assert_eq!(seen.json(), product);
    assert_eq!(seen.etag(), made.etag());
    let by_handle = shop.get("/v1/products/by-handle/smartphone-x").send().await.expect(200);
    assert_eq!(by_handle.json(), product);
    let known = shop.get(made.header("location")).header("if-none-match", seen.etag());
    assert!(known.send().await.expect(304).bytes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_staff_write_and_that_comes_before_everything_else() {
    let shop = TestShop::open().await;
    let cart = shop.post("/v1/carts").send().await.expect(201).json();
    let cart = cart["cartId"].as_str().unwrap();
    let places = [
        ("POST", "/v1/products"),
        ("PUT", "/v1/products/nothing"),
        ("DELETE", "/v1/products/prod-1"),
        ("POST", "/v1/products/prod-1/images"),
        ("POST", "/v1/categories"),
        ("PUT", "/v1/categories/x"),
        ("DELETE", "/v1/categories/x"),
        ("POST", "/v1/collections"),
        ("PUT", "/v1/collections/x"),
        ("DELETE", "/v1/collections/x"),
        ("POST", "/v1/imports/products?oops=1"),
        ("GET", "/v1/imports/x"),
        ("GET", "/v1/exports/products.csv"),
    ];
    for (method, path) in places {
        let ask = || shop.request(method.parse().unwrap(), path).body("text/plain", "{");
        ask().send().await.problem(401, "unauthenticated");
        ask().bearer("mct_nobody").send().await.problem(401, "invalid_token");
        ask().bearer(cart).send().await.problem(403, "forbidden");
    }
    shop.put("/v1/products/prod-1").staff().json(json!({})).send().await.problem(404, "not_found");
    shop.delete("/v1/products/prod-1").staff().send().await.problem(404, "not_found");
    shop.get("/v1/products/prod-1").send().await.problem(404, "not_found");
    shop.get("/v1/products/nothing").send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_product_is_named_at_once() {
    let shop = TestShop::open().await;
    let post = |body: Value| shop.post("/v1/products").staff().json(body).send();
    let shape = post(json!({ "name": 7, "color": "red" })).await.faults(400);
    for place in ["/brand", "/category", "/color", "/name", "/price", "/stockQuantity"] {
        assert!(shape.contains(&place.to_owned()), "{place} in {shape:?}");
    }
    let values = with(eight("X", "1.001"), json!({ "name": " ", "stockQuantity": -1 }));
    assert_eq!(post(values).await.faults(422), ["/name", "/price", "/stockQuantity"]);
    let text = shop.post("/v1/products").staff().body("text/plain", "{}");
    text.send().await.problem(415, "unsupported_media_type");
    let page = shop.get("/v1/products").send().await.expect(200).json();
    assert_eq!(page["meta"]["totalItems"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_product() {
    let shop = TestShop::open().await;
    let post = |key: &'static str, name: &'static str| {
        shop.post("/v1/products").staff().key(key).json(eight(name, "1.00")).send()
    };
    let first = post("k1", "Lamp").await.expect(201);
    let again = post("k1", "Lamp").await.expect(201);
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.etag(), first.etag());
    post("k1", "Chair").await.problem(422, "idempotency_key_reused");
    assert_eq!(names(&shop, "").await, ["Lamp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_may_be_shared_but_handles_and_skus_may_not() {
    let shop = TestShop::open().await;
    make(&shop, eight("Lamp", "1.00")).await;
    let second = make(&shop, eight("Lamp", "2.00")).await.json();
    assert_eq!(
        (&second["handle"], &second["variants"][0]["sku"]),
        (&json!("lamp-2"), &json!("lamp-2"))
    );
    assert_eq!(second["stockQuantity"], 150);
    let post = |changes: Value| {
        shop.post("/v1/products").staff().json(with(eight("Lamp", "3.00"), changes)).send()
    };
    post(json!({ "handle": "lamp" })).await.problem(409, "handle_taken");
    post(json!({ "sku": "lamp" })).await.problem(409, "sku_taken");
    let first = shop.get("/v1/products/by-handle/lamp").send().await.expect(200).json();
    let path = format!("/v1/products/{}", first["productId"].as_str().unwrap());
    let rename = shop.put(&path).staff().json(json!({ "handle": "lamp-2" }));
    rename.send().await.problem(409, "handle_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_changes_what_it_names_and_nothing_else() {
    let shop = TestShop::open().await;
    let made = make(&shop, eight("Lamp", "10.00")).await;
    let path = made.header("location").to_owned();
    shop.pass(Span::minutes(30));
    let changed = shop.put(&path).staff().json(json!({ "price": "12.5" })).send().await.expect(200);
    let expected =
        with(made.json(), json!({ "price": amount("12.50"), "updatedAt": "2023-11-14T22:43:20Z" }));
    let mut shown = changed.json();
    assert_eq!(shown["variants"][0]["price"], amount("12.50"));
    shown["variants"][0]["price"] = amount("10.00");
    assert_eq!(shown, expected);
    assert_eq!(shop.get(&path).send().await.expect(200).etag(), changed.etag());
    // Nothing named, nothing changed.
    let same = shop.put(&path).staff().json(json!({})).send().await.expect(200);
    assert_eq!(same.etag(), changed.etag());
    let old = shop.put(&path).staff().header("if-match", made.etag()).json(json!({ "name": "X" }));
    old.send().await.problem(412, "precondition_failed");
    let new = shop.put(&path).staff().header("if-match", changed.etag());
    new.json(json!({ "name": "X" })).send().await.expect(200);
    let bad = shop.put(&path).staff().json(json!({ "price": -1, "colour": 1 })).send().await;
    assert!(bad.faults(400).contains(&"/colour".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_set_by_the_sku_itself_and_only_when_all_is_well() {
    let shop = TestShop::open().await;
    let path = make(&shop, eight("Lamp", "10.00")).await.header("location").to_owned();
    let put = |body: Value| shop.put(&path).staff().json(body).send();
    let changed = put(json!({ "stockQuantity": 40 })).await.expect(200).json();
    assert_eq!(
        (&changed["stockQuantity"], &changed["variants"][0]["stockQuantity"]),
        (&json!(40), &json!(40))
    );
    let movements =
        shop.get("/v1/inventory/lamp/movements").staff().send().await.expect(200).text();
    assert!(movements.contains("set by staff"), "{movements}");
    put(json!({ "stockQuantity": 7, "price": "1.001" })).await.expect(422);
    assert_eq!(shop.get(&path).send().await.expect(200).json()["stockQuantity"], 40);
    let level = |sku: &str| shop.get(&format!("/v1/inventory/{sku}")).staff().send();
    put(json!({ "backorder": true, "lowStockAt": 5 })).await.expect(200);
    let level = level("lamp").await.expect(200).json();
    assert_eq!((&level["backorder"], &level["lowStockAt"]), (&json!(true), &json!(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_with_several_variants_takes_stock_per_variant() {
    let shop = TestShop::open().await;
    let variants = json!([
        { "sku": "S/1", "options": { "Size": "S" }, "price": 5, "stockQuantity": 1 },
        { "sku": "M 1", "options": { "Size": "M" }, "price": 4, "stockQuantity": 2 },
    ]);
    let mut body = with(eight("Shirt", "9"), json!({ "variants": variants }));
    for name in ["price", "stockQuantity"] {
        body.as_object_mut().unwrap().remove(name);
    }
    let made = make(&shop, body).await;
    let product = made.json();
    assert_eq!((&product["price"], &product["stockQuantity"]), (&amount("4.00"), &json!(3)));
    assert_eq!(product["options"], json!([{ "name": "Size", "values": ["S", "M"] }]));
    let put = |body: Value| shop.put(made.header("location")).staff().json(body).send();
    assert_eq!(put(json!({ "stockQuantity": 9 })).await.faults(422), ["/stockQuantity"]);
    let variants = json!([
        { "sku": "S/1", "stockQuantity": 10 },
        { "sku": "M 1" },
        { "sku": "L", "options": { "Size": "L" }, "price": 6, "stockQuantity": 20 },
    ]);
    let changed = put(json!({ "variants": variants })).await.expect(200).json();
    let stock = changed["variants"].as_array().unwrap().iter().map(|v| v["stockQuantity"].clone());
    assert_eq!(stock.collect::<Vec<_>>(), [json!(10), json!(2), json!(20)]);
    assert_eq!(changed["stockQuantity"], 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_product_is_gone_for_shoppers_and_archived_for_staff() {
    let shop = TestShop::open().await;
    let made = make(&shop, eight("Lamp", "10.00")).await;
    let path = made.header("location").to_owned();
    let stale = shop.delete(&path).staff().header("if-match", "\"99\"");
    stale.send().await.problem(412, "precondition_failed");
    let gone = shop.delete(&path).staff().send().await.expect(204);
    assert!(gone.bytes.is_empty());
    shop.get(&path).send().await.problem(404, "not_found");
    shop.get("/v1/products/by-handle/lamp").send().await.problem(404, "not_found");
    assert!(names(&shop, "").await.is_empty());
    let archived = shop.get(&path).staff().send().await.expect(200).json();
    assert_eq!(archived["status"], "archived");
    shop.delete(&path).staff().send().await.expect(204);
    shop.put(&path).staff().json(json!({ "status": "draft" })).send().await.expect(200);
    shop.get(&path).send().await.problem(404, "not_found");
    shop.put(&path).staff().json(json!({ "status": "active" })).send().await.expect(200);
    assert_eq!(names(&shop, "").await, ["Lamp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_sorted_and_paged_exactly_and_at_once() {
    let shop = TestShop::open().await;
    let rows =
        [("Ada", "30.00", "Tea", "A"), ("bob", "10.00", "tea", "b"), ("Cyd", "20.00", "Pots", "B")];
    for (name, price, category, brand) in rows {
        shop.pass(Span::seconds(1));
        let changes = json!({ "category": category, "brand": brand, "tags": [name] });
        make(&shop, with(eight(name, price), changes)).await;
    }
    let out = json!({ "category": "Pots", "stockQuantity": 0 });
    shop.pass(Span::seconds(1));
    make(&shop, with(eight("Dan", "20.00"), out)).await;
    for (query, expected) in [
        ("", "Dan Cyd bob Ada"),
        ("?sort=createdAt:asc", "Ada bob Cyd Dan"),
        ("?sort=name:desc", "Dan Cyd bob Ada"),
        ("?sort=price:asc&limit=1", "bob"),
        ("?sort=price:desc&limit=1", "Ada"),
        ("?sort=relevance:desc", "Dan Cyd bob Ada"),
        ("?category=TEA&sort=name:asc", "Ada bob"),
        ("?brand=B&sort=name:asc", "bob Cyd"),
        ("?tag=ADA", "Ada"),
        ("?minPrice=20&maxPrice=30.00&sort=name:asc", "Ada Cyd Dan"),
        ("?inStock=false", "Dan"),
        ("?inStock=true&category=pots", "Cyd"),
        ("?category=none", ""),
        ("?page=9", ""),
        ("?page=2&limit=3", "Ada"),
    ] {
        let found = names(&shop, query).await.join(" ");
        assert_eq!(found, expected, "{query}");
    }
    let page = shop.get("/v1/products?limit=3&page=2&sort=name:asc").send().await.expect(200);
    let meta = json!({ "totalItems": 4, "currentPage": 2, "totalPages": 2, "itemsPerPage": 3 });
    assert_eq!(page.json()["meta"], meta);
    let link = page.header("link");
    assert!(
        link.contains(
            "<http://shop.example/v1/products?limit=3&sort=name:asc&page=1>; rel=\"prev\""
        ),
        "{link}"
    );
    let known = shop.get("/v1/products").send().await.expect(200);
    let again = shop.get("/v1/products").header("if-none-match", known.etag());
    again.send().await.expect(304);
    for bad in [
        "status=draft",
        "sort=size:asc",
        "sort=price",
        "page=0",
        "limit=101",
        "minPrice=x",
        "minPrice=2&maxPrice=1",
        "minPrice=1.001",
        "inStock=perhaps",
        "page=1&page=2",
    ] {
        shop.get(&format!("/v1/products?{bad}")).send().await.problem(400, "invalid_query");
    }
    let sorts = shop.get("/v1/products?sort=size:asc").send().await.expect(400).text();
    assert!(sorts.contains("bestselling:desc"), "{sorts}");
}

/// What is read again and again is given from memory until anything changes.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_seen_by_the_next_reader_and_drafts_by_staff_alone() {
    let shop = TestShop::open().await;
    let product = make(&shop, eight("Smartphone X", "999.99")).await.json();
    let path = format!("/v1/products/{}", product["productId"].as_str().unwrap());
    let paths = [&path, "/v1/products", "/v1/products/by-handle/smartphone-x"];
    let figures = |answer: &Answer| {
        let body = answer.json();
        let shown = body["data"].get(0).unwrap_or(&body);
        (shown["price"].to_string(), shown["stockQuantity"].as_i64().unwrap())
    };
    let read = async |expected: (&str, i64)| {
        let mut tags = Vec::new();
        for path in paths {
            let first = shop.get(path).send().await.expect(200);
            assert_eq!(figures(&first), (expected.0.to_owned(), expected.1), "{path}");
            let again = shop.get(path).send().await.expect(200);
            assert_eq!((again.bytes.as_slice(), again.etag()), (&*first.bytes, first.etag()));
            let known = shop.get(path).header("if-none-match", first.etag()).send().await;
            assert!(known.expect(304).bytes.is_empty());
            let zipped = shop.get(path).header("accept-encoding", "gzip").send().await.expect(200);
            assert_eq!(zipped.etag(), first.etag());
            tags.push(first.etag().to_owned());
        }
        tags
    };
    let before = read(("999.99", 150)).await;
    shop.put(&path).staff().json(json!({ "price": amount("900") })).send().await.expect(200);
    let repriced = read(("900.00", 150)).await;
    let adjustment = json!({ "delta": -3, "reason": "damaged" });
    let adjust = shop.post("/v1/inventory/smartphone-x/adjustments").staff().json(adjustment);
    adjust.send().await.expect(200);
    let adjusted = read(("900.00", 147)).await;
    for path in 0..paths.len() {
        assert!(before[path] != repriced[path] && repriced[path] != adjusted[path]);
    }
    shop.put(&path).staff().json(json!({ "status": "draft" })).send().await.expect(200);
    shop.get(&path).staff().send().await.expect(200);
    shop.get(&path).send().await.problem(404, "not_found");
    shop.get(&path).staff().send().await.expect(200);
    assert!(names(&shop, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn categories_are_a_tree_and_take_their_products_along() {
    let shop = TestShop::open().await;
    let post = |body: Value| shop.post("/v1/categories").staff().json(body).send();
    let home = post(json!({ "name": "Home" })).await.expect(201);
    assert_eq!(home.header("location"), "/v1/categories/home");
    post(json!({ "name": "Lamps", "parent": "home" })).await.expect(201);
    post(json!({ "name": "home" })).await.problem(409, "category_exists");
    post(json!({ "name": "Home", "handle": "other" })).await.problem(409, "category_name_taken");
    assert_eq!(post(json!({ "name": "X", "parent": "nowhere" })).await.faults(422), ["/parent"]);
    let made = make(&shop, with(eight("Lamp", "1"), json!({ "category": "lamps" }))).await;
    assert_eq!(made.json()["category"], "Lamps");
    let tree = shop.get("/v1/categories").send().await.expect(200).json();
    assert_eq!(tree["data"][0]["handle"], "home");
    assert_eq!(tree["data"][0]["children"][0]["productCount"], 1);
    let put = |path: &str, body: Value| shop.put(path).staff().json(body).send();
    let cycle = put("/v1/categories/home", json!({ "parent": "lamps" })).await;
    assert_eq!(cycle.faults(422), ["/parent"]);
    put("/v1/categories/lamps", json!({ "name": "Lights" })).await.expect(200);
    assert_eq!(names(&shop, "?category=lights").await, ["Lamp"]);
    let delete = |path: &str| shop.delete(path).staff().send();
    delete("/v1/categories/home").await.problem(409, "category_in_use");
    delete("/v1/categories/lamps").await.problem(409, "category_in_use");
    shop.delete(made.header("location")).staff().send().await.expect(204);
    let stale = shop.delete("/v1/categories/lamps").staff().header("if-match", "\"77\"");
    stale.send().await.problem(412, "precondition_failed");
    delete("/v1/categories/lamps").await.expect(204);
    delete("/v1/categories/home").await.expect(204);
    shop.get("/v1/categories/home").send().await.problem(404, "not_found");
    put("/v1/categories/home", json!({})).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_are_by_hand_or_by_rule() {
    let shop = TestShop::open().await;
    let mut ids = Vec::new();
    for (name, price) in [("Ada", "30.00"), ("Bob", "10.00"), ("Cyd", "20.00")] {
        shop.pass(Span::seconds(1));
        ids.push(make(&shop, eight(name, price)).await.json()["productId"].clone());
    }
    let post = |body: Value| shop.post("/v1/collections").staff().json(body).send();
    let by_hand = json!({ "name": "Gifts", "productIds": [ids[2], ids[0]] });
    let made = post(by_hand).await.expect(201);
    assert_eq!(made.header("location"), "/v1/collections/gifts");
    let shown = shop.get("/v1/collections/gifts").send().await.expect(200);
    assert_eq!(shown.json()["productIds"], json!([ids[2], ids[0]]));
    assert_eq!(shown.json()["products"][0]["name"], "Cyd");
    let rule = json!({ "name": "Cheap", "rule": { "maxPrice": 20, "currency": "USD" } });
    post(rule).await.expect(201);
    let shown = shop.get("/v1/collections/cheap").send().await.expect(200).json();
    assert_eq!(shown["productIds"], json!([ids[2], ids[1]]));
    let list = shop.get("/v1/collections?limit=1").send().await.expect(200).json();
    assert_eq!(
        (&list["data"][0]["handle"], &list["meta"]["totalItems"]),
        (&json!("cheap"), &json!(2))
    );
    assert_eq!(
        post(json!({ "name": "X", "productIds": ["prod-none"] })).await.faults(422),
        ["/productIds"]
    );
    post(json!({ "name": "Gifts" })).await.problem(409, "collection_exists");
    let put = shop.put("/v1/collections/gifts").staff().header("if-match", made.etag());
    put.json(json!({ "productIds": [] })).send().await.expect(200);
    let stale = shop.put("/v1/collections/gifts").staff().header("if-match", made.etag());
    stale.json(json!({ "name": "X" })).send().await.problem(412, "precondition_failed");
    shop.delete("/v1/collections/gifts").staff().send().await.expect(204);
    shop.get("/v1/collections/gifts").send().await.problem(404, "not_found");
}

/// A PNG of one grey pixel.
fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let pixel = image::DynamicImage::new_luma8(3, 2);
    pixel.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn form(bytes: Vec<u8>, media_type: &str) -> Form {
    let part = Part::bytes(bytes).file_name("x").mime_str(media_type).unwrap();
    Form::new().part("file", part).text("alt", "A lamp, lit")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_picture_becomes_the_products_and_is_served_for_ever() {
    let shop = TestShop::with(|config| config.limits.upload_bytes = 100_000).await;
    let path = make(&shop, eight("Lamp", "1")).await.header("location").to_owned() + "/images";
    let send = |form: Form| shop.post(&path).staff().key("k").multipart(form).send();
    let added = send(form(png(), "image/png")).await.expect(201);
    let again = send(form(png(), "image/png")).await.expect(201);
    assert_eq!(again.bytes, added.bytes);
    let image = added.json()["images"][1].clone();
    assert_eq!(
        (&image["width"], &image["height"], &image["alt"]),
        (&json!(3), &json!(2), &json!("A lamp, lit"))
    );
    let url = image["url"].as_str().unwrap();
    assert_eq!(url, format!("http://shop.example{}", added.header("location")));
    let served = shop.get(added.header("location")).send().await.expect(200);
    assert_eq!(image::guess_format(&served.bytes).unwrap(), image::ImageFormat::Png);
    assert!(served.header("cache-control").contains("immutable"));
    assert_eq!(served.header("x-content-type-options"), "nosniff");
    let known = shop.get(added.header("location")).header("if-none-match", served.etag());
    known.send().await.expect(304);
    let post = |form: Form| shop.post(&path).staff().multipart(form).send();
    post(form(b"no picture".to_vec(), "image/png")).await.problem(422, "invalid_value");
    post(form(b"GIF89a\x01\0\x01\0".to_vec(), "image/gif"))
        .await
        .problem(415, "unsupported_media_type");
    post(form(b"<svg/>".to_vec(), "text/html")).await.problem(415, "unsupported_media_type");
    post(form(vec![0; 100_001], "image/png")).await.problem(413, "body_too_large");
    post(Form::new().text("alt", "x")).await.problem(400, "invalid_body");
    let json = shop.post(&path).staff().json(json!({}));
    json.send().await.problem(415, "unsupported_media_type");
    for nothing in ["/media/x.png", "/media/..%2Fmercat.redb", "/media/demo/none.svg"] {
        shop.get(nothing).send().await.problem(404, "not_found");
    }
    let drawing = shop.get("/media/demo/jar-candle.svg").send().await.expect(200);
    assert!(drawing.header("content-security-policy").starts_with("default-src 'none'"));
}
