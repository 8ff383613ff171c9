//! The document against the running server: what it names is there, what is there it names, and
//! answers look as it says.

use crate::goods::{address, by_hand, fill, paid_order, shelve, text, with_token};
use crate::testshop::{Answer, Request, TestShop};
use regex::Regex;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The OpenAPI document, asked like a client would.
struct Document(Value);

impl Document {
    async fn of(shop: &TestShop) -> Document {
        Document(shop.get("/openapi.json").send().await.expect(200).json())
    }

    /// Every operation: method, template and what is said of it.
    fn operations(&self) -> Vec<(Method, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let mut all = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                all.push((method, path.clone(), operation));
            }
        }
        all
    }

    /// What `value` or what it refers to says.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => {
                let pointer = target.strip_prefix('#').unwrap();
                self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("{target}")))
            }
            None => value,
        }
    }

    /// Panics unless the answer is one that the document describes for the operation.
    #[track_caller]
    fn describes(&self, method: &str, template: &str, answer: &Answer) {
        let operation = &self.0["paths"][template][method];
        assert!(operation.is_object(), "{method} {template} is not documented");
        let response = self.resolve(&operation["responses"][answer.status.to_string()]);
        let place = format!("{method} {template} {}", answer.status);
        assert!(response.is_object(), "{place} is not documented: {}", answer.text());
        let given = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        match response["content"].as_object() {
            None => assert!(answer.bytes.is_empty(), "{place}: {}", answer.text()),
            Some(content) => {
                let schema = content.get(given).unwrap_or_else(|| panic!("{place}: {given}"));
                if given.ends_with("json") {
                    let faults = self.faults(&schema["schema"], &answer.json(), "");
                    assert!(faults.is_empty(), "{place}: {faults:#?}\n{:#}", answer.json());
                }
            }
        }
    }

    /// Where `value` is not what `schema` says. Members that are not named are faults, unless any
    /// are allowed.
    fn faults(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        let mut faults = Vec::new();
        let mut fault = |what: String| faults.push(format!("{place}: {what}"));
        for kind in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[kind].as_array() {
                let fits = |choice: &&Value| self.faults(choice, value, place).is_empty();
                let fitting = choices.iter().filter(fits).count();
                if fitting == 0 || (kind == "oneOf" && fitting > 1) {
                    fault(format!("{fitting} of {kind} fit {value}"));
                }
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        let is = |name: &&str| match *name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("{place}: the type {other}"),
        };
        if !types.is_empty() && !types.iter().any(is) {
            fault(format!("{value} is none of {types:?}"));
            return faults;
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.contains(value)
        {
            fault(format!("{value} is none of {choices:?}"));
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !Regex::new(pattern).unwrap().is_match(text)
        {
            fault(format!("{text} does not match {pattern}"));
        }
        if let (Some(items), Some("date-time")) = (value.as_str(), schema["format"].as_str())
            && !(items.ends_with('Z') && items.parse::<jiff::Timestamp>().is_ok())
        {
            fault(format!("{items} is no time in UTC"));
        }
        if let Some(items) = value.as_array().filter(|_| schema["items"].is_object()) {
            for (place_in, item) in items.iter().enumerate() {
                faults.extend(self.faults(&schema["items"], item, &format!("{place}/{place_in}")));
            }
        }
        if let Some(members) = value.as_object() {
            faults.extend(self.member_faults(schema, members, place));
        }
        faults
    }

    fn member_faults(
        &self,
        schema: &Value,
        members: &Map<String, Value>,
        place: &str,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{place}/{name} is required and not there"));
            }
        }
        let Some(known) = schema["properties"].as_object() else { return faults };
        for (name, value) in members {
            let place = format!("{place}/{name}");
            match (known.get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => faults.extend(self.faults(schema, value, &place)),
                (None, Value::Null | Value::Bool(false)) => {
                    faults.push(format!("{place} is not documented"));
                }
                (None, Value::Bool(true)) => {}
                (None, schema) => faults.extend(self.faults(schema, value, &place)),
            }
        }
        faults
    }
}

/// The template with something in place of its parameters that names nothing.
fn probe(template: &str) -> String {
    let segment = |part: &str| if part.starts_with('{') { "nothing" } else { part }.to_owned();
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_there_and_takes_no_other_method() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    assert!(text(&document.0, "openapi").starts_with("3.1"));
    let operations = document.operations();
    for (method, template, operation) in &operations {
        let path = probe(template);
        let answer = shop.request(method.clone(), &path).send().await;
        assert_ne!(answer.status, 405, "{method} {template}");
        assert!(answer.status < 500, "{method} {template}: {}", answer.text());
        if answer.status == 404 {
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(!detail.contains("page or endpoint"), "{method} {template} is not routed");
        }
        let ways = operation["security"].as_array().map(Vec::as_slice).unwrap_or_default();
        // An empty way in is one without a token.
        let secured = !ways.is_empty() && !ways.contains(&json!({}));
        assert_eq!(answer.status == 401, secured, "{method} {template}: {}", answer.text());
        let kind = method.as_str().to_lowercase();
        document.describes(&kind, template, &answer);
        let mut methods: BTreeSet<String> = operations
            .iter()
            .filter(|(_, other, _)| other == template)
            .map(|(method, ..)| method.to_string())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let made_up = Method::from_bytes(b"MADEUP").unwrap();
        let refused = shop.request(made_up, &path).send().await.expect(405);
        let allowed = refused.header("allow").split(',').map(|name| name.trim().to_owned());
        assert_eq!(allowed.collect::<BTreeSet<_>>(), methods, "{template}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_explained() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let tags: Vec<&str> =
        document.0["tags"].as_array().unwrap().iter().map(|tag| text(tag, "name")).collect();
    let mut ids = BTreeSet::new();
    for (method, template, operation) in document.operations() {
        let place = format!("{method} {template}");
        assert!(!text(operation, "summary").is_empty(), "{place}");
        assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{place}");
        assert!(ids.insert((text(operation, "operationId").to_owned(), place.clone())), "{place}");
        let named: BTreeSet<&str> = template
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let given = parameters.iter().filter(|own| own["in"] == "path");
        assert_eq!(given.map(|own| text(own, "name")).collect::<BTreeSet<_>>(), named, "{place}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
        for response in responses.values() {
            let response = document.resolve(response);
            for content in response["content"].as_object().into_iter().flat_map(Map::values) {
                assert!(document.resolve(&content["schema"]).is_object(), "{place}");
            }
        }
    }
    // Every reference leads somewhere.
    let whole = document.0.to_string();
    for (at, _) in whole.match_indices("\"$ref\":\"#") {
        let target = whole[at + 9..].split('"').next().unwrap();
        assert!(document.0.pointer(target).is_some(), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_what_its_schema_says() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let mut examples = 0;
    let mut check = |schema: &Value, place: &str| {
        let named = schema["examples"].as_array().cloned().unwrap_or_default();
        let single = schema.get("example").cloned();
        for example in named.into_iter().chain(single) {
            let faults = document.faults(schema, &example, place);
            assert!(faults.is_empty(), "{faults:#?}");
            examples += 1;
        }
    };
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        check(schema, name);
        for (field, own) in schema["properties"].as_object().into_iter().flatten() {
            check(own, &format!("{name}.{field}"));
        }
    }
    for (method, template, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            check(&parameter["schema"], &format!("{method} {template}"));
        }
    }
    assert!(examples > 20, "{examples}");
}

/// One walk through the shop that meets every operation, each answer held against the document.
struct Walk<'a> {
    shop: &'a TestShop,
    document: &'a Document,
    met: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    /// Sends the request, expects the status, and checks the answer.
    async fn step(&mut self, operation: &str, request: Request, status: u16) -> Answer {
        let (method, template) = operation.split_once(' ').unwrap();
        let answer = request.send().await.expect(status);
        self.document.describes(&method.to_lowercase(), template, &answer);
        self.met.insert((method.to_owned(), template.to_owned()));
        answer
    }

    async fn carts(&mut self) -> String {
        let shop = self.shop;
        shelve(shop, &[("MUG", 1_250, 100), ("TEA", 499, 100)]).await;
        let body = json!({ "currency": "USD", "items": [{ "sku": "MUG", "quantity": 2 }] });
        let made = self.step("POST /v1/carts", shop.post("/v1/carts").json(body), 201).await;
        let id = text(&made.json(), "cartId").to_owned();
        let path = format!("/v1/carts/{id}");
        let cart = "/v1/carts/{cartId}";
        self.step(&format!("GET {cart}"), shop.get(&path), 200).await;
        let known = shop.get(&path).header("if-none-match", "*");
        self.step(&format!("GET {cart}"), known, 304).await;
        let (items, line) = (format!("{path}/items"), format!("{path}/items/TEA"));
        let tea = |quantity: u32| json!({ "sku": "TEA", "quantity": quantity });
        self.step(&format!("POST {cart}/items"), shop.post(&items).json(tea(1)), 200).await;
        self.step(&format!("POST {cart}/items"), shop.post(&items).json(tea(0)), 422).await;
        self.step(&format!("POST {cart}/items"), shop.post(&items).json(json!({})), 400).await;
        let more = shop.patch(&line).json(json!({ "quantity": 3 }));
        self.step(&format!("PATCH {cart}/items/{{sku}}"), more, 200).await;
        let stale = shop.patch(&line).header("if-match", "\"1\"").json(json!({ "quantity": 3 }));
        self.step(&format!("PATCH {cart}/items/{{sku}}"), stale, 412).await;
        self.step(&format!("DELETE {cart}/items/{{sku}}"), shop.delete(&line), 200).await;
        let to = shop.put(&format!("{path}/shipping-address")).json(address());
        self.step(&format!("PUT {cart}/shipping-address"), to, 200).await;
        let options = shop.get(&format!("{path}/shipping-options"));
        self.step(&format!("GET {cart}/shipping-options"), options, 200).await;
        let by = json!({ "shippingOption": "standard" });
        let by = shop.put(&format!("{path}/shipping-option")).json(by);
        self.step(&format!("PUT {cart}/shipping-option"), by, 200).await;
        let (codes, code) = (format!("{path}/discount-codes"), json!({ "code": "SPRING" }));
        let give = shop.post(&codes).json(code.clone());
        self.step(&format!("POST {cart}/discount-codes"), give, 422).await;
        let take = shop.delete(&codes).json(code);
        self.step(&format!("DELETE {cart}/discount-codes"), take, 404).await;
        let other = fill(shop, &[]).await;
        let gone = shop.delete(&format!("/v1/carts/{other}"));
        self.step(&format!("DELETE {cart}"), gone, 204).await;
        id
    }

    async fn orders(&mut self, cart: &str) {
        let shop = self.shop;
        let checkout = "POST /v1/carts/{cartId}/checkout";
        let buy = |cart: &str, key: &str, body: Value| {
            shop.post(&format!("/v1/carts/{cart}/checkout")).key(key).json(body)
        };
        self.step(checkout, buy(cart, "1", with_token("tok_declined")), 402).await;
        self.step(checkout, buy(cart, "2", with_token("tok_none")), 422).await;
        let waiting =
            self.step(checkout, buy(cart, "3", with_token("tok_action")), 201).await.json();
        let decide = format!("/v1/test-payments/{}", text(&waiting["payment"], "paymentId"));
        let approve = shop.post(&decide).json(json!({ "outcome": "approve" }));
        self.step("POST /v1/test-payments/{paymentId}", approve, 200).await;
        self.step(checkout, buy(cart, "4", with_token("tok_visa")), 409).await;
        let short = fill(shop, &[("MUG", 99_999)]).await;
        self.step(checkout, buy(&short, "5", with_token("tok_visa")), 409).await;
        let by_bank = fill(shop, &[("TEA", 1)]).await;
        let unpaid = self.step(checkout, buy(&by_bank, "6", by_hand()), 201).await.json();
        let path = format!("/v1/orders/{}", text(&unpaid, "orderId"));
        let payment = text(&unpaid["payment"], "paymentId").to_owned();
        let capture = || shop.post(&format!("{path}/payments/{payment}/capture")).staff();
        let template = "POST /v1/orders/{orderId}/payments/{paymentId}/capture";
        self.step(template, capture(), 400).await;
        self.step(template, capture().key("7"), 200).await;
        self.step("GET /v1/orders/{orderId}", shop.get(&path).staff(), 200).await;
        let events = shop.get(&format!("{path}/events?limit=2")).staff();
        self.step("GET /v1/orders/{orderId}/events", events, 200).await;
        let paid = paid_order(shop, "MUG").await;
        let cancel = format!("/v1/orders/{}/cancel", text(&paid, "orderId"));
        let body = json!({ "reason": "as a test" });
        let off = shop.post(&cancel).staff().json(body);
        self.step("POST /v1/orders/{orderId}/cancel", off, 200).await;
        self.step("GET /v1/orders", shop.get("/v1/orders").staff(), 200).await;
        self.step("GET /v1/orders", shop.get("/v1/orders?page=0").staff(), 400).await;
    }

    async fn house(&mut self) {
        let shop = self.shop;
        self.step("GET /v1/inventory", shop.get("/v1/inventory").staff(), 200).await;
        let (mug, sku) = ("/v1/inventory/MUG", "/v1/inventory/{sku}");
        self.step(&format!("GET {sku}"), shop.get(mug).staff(), 200).await;
        let keep = shop.patch(mug).staff().json(json!({ "lowStockAt": 1_000 }));
        self.step(&format!("PATCH {sku}"), keep, 200).await;
        let adjust = |delta: i64| {
            let body = json!({ "delta": delta, "reason": "counted" });
            shop.post("/v1/inventory/MUG/adjustments").staff().json(body)
        };
        self.step(&format!("POST {sku}/adjustments"), adjust(5), 200).await;
        self.step(&format!("POST {sku}/adjustments"), adjust(-5_000), 409).await;
        let ledger = shop.get("/v1/inventory/MUG/movements").staff();
        self.step(&format!("GET {sku}/movements"), ledger, 200).await;
        let login =
            json!({ "email": "admin@shop.example", "password": "correct horse battery staple" });
        let login = shop.post("/v1/auth/login").json(login);
        let tokens = self.step("POST /v1/auth/login", login, 200).await.json();
        let wrong = json!({ "email": "admin@shop.example", "password": "wrong" });
        self.step("POST /v1/auth/login", shop.post("/v1/auth/login").json(wrong), 401).await;
        let again = json!({ "refreshToken": tokens["refreshToken"] });
        let again = shop.post("/v1/auth/refresh").json(again);
        let tokens = self.step("POST /v1/auth/refresh", again, 200).await.json();
        let out = shop.post("/v1/auth/logout").bearer(text(&tokens, "accessToken"));
        self.step("POST /v1/auth/logout", out, 204).await;
        // Events of every kind that this walk has made.
        let log = shop.get("/v1/events?limit=100").staff();
        self.step("GET /v1/events", log, 200).await;
        self.step("GET /healthz", shop.get("/healthz"), 200).await;
        self.step("GET /readyz", shop.get("/readyz"), 200).await;
        self.step("GET /metrics", shop.get("/metrics"), 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_look_as_the_document_says() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let mut walk = Walk { shop: &shop, document: &document, met: BTreeSet::new() };
    let cart = walk.carts().await;
    walk.orders(&cart).await;
    walk.house().await;
    let missed: Vec<String> = document
        .operations()
        .into_iter()
        .filter(|(method, path, operation)| {
            let met = walk.met.contains(&(method.to_string(), path.clone()));
            // The catalog has its own journeys; a live stream never ends.
            !met && operation["tags"][0] != "Catalog" && path != "/v1/events/stream"
        })
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert!(missed.is_empty(), "not met: {missed:?}");
    let mug = &shop.get("/v1/inventory/MUG").staff().send().await.expect(200).json();
    assert_eq!(mug["reserved"], 0);
}
