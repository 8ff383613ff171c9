//! One walk through a shop that carries out every operation of the OpenAPI document, and holds each
//! answer against it: status, media type, body. An operation that this walk does not know fails it.

use crate::browser::Browser;
use crate::goods::{address, by_hand, fill, paid_order, shelve, text, with_token};
use crate::machines::{EVENT_STREAM, Reader};
use crate::openapi::Document;
use crate::people::{PASSWORD, mailbox};
use crate::testshop::{Answer, Request, TestShop};
use crate::totp::code;
use mercat::domain::mail::MailKind;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What this shop never carries out: it has no promotions, so every code is an unknown one, and no
/// identity provider, which `oidc.rs` has.
const ALWAYS_REFUSED: [&str; 4] = [
    "POST /v1/carts/{cartId}/discount-codes",
    "DELETE /v1/carts/{cartId}/discount-codes",
    "GET /v1/auth/oidc/{provider}",
    "GET /v1/auth/oidc/{provider}/callback",
];

/// One walk through the shop that meets every operation, each answer held against the document.
struct Walk<'a> {
    shop: &'a TestShop,
    document: &'a Document,
    /// What was carried out, as method and template.
    met: BTreeSet<String>,
}

impl Walk<'_> {
    /// Sends the request, expects the status, and checks the answer.
    async fn step(&mut self, operation: &str, request: Request, status: u16) -> Answer {
        self.is_asked(operation, &request);
        let (method, template) = operation.split_once(' ').unwrap();
        let answer = request.send().await.expect(status);
        self.document.describes(&method.to_lowercase(), template, &answer);
        if (200..300).contains(&status) || ALWAYS_REFUSED.contains(&operation) {
            self.met.insert(operation.to_owned());
        }
        answer
    }

    /// Panics unless the request is one for this operation.
    #[track_caller]
    fn is_asked(&self, operation: &str, request: &Request) {
        let (asked, _) = request.label().split_once('?').unwrap_or((request.label(), ""));
        let (asked, named) = (asked.split('/'), operation.split('/'));
        let is_same = asked.clone().count() == named.clone().count()
            && asked.zip(named).all(|(own, part)| own == part || part.starts_with('{'));
        assert!(is_same, "{} is not {operation}", request.label());
    }

    /// The shelf: products with what belongs to them, made, changed, found and taken away.
    async fn catalog(&mut self) {
        self.groups().await;
        self.products().await;
        self.says().await;
        self.files().await;
        self.finds().await;
    }

    async fn groups(&mut self) {
        let shop = self.shop;
        let (all, one) = ("/v1/categories", "/v1/categories/{handle}");
        let make = |body: Value| shop.post(all).staff().json(body);
        self.step(&format!("POST {all}"), make(json!({ "name": "Home" })), 201).await;
        let below = make(json!({ "name": "Lamps", "parent": "home" }));
        self.step(&format!("POST {all}"), below, 201).await;
        self.step(&format!("POST {all}"), make(json!({ "name": "Home" })), 409).await;
        self.step(&format!("GET {all}"), shop.get(all), 200).await;
        let home = self.step(&format!("GET {one}"), shop.get("/v1/categories/home"), 200).await;
        assert_eq!(home.json()["children"][0]["name"], "Lamps");
        let rename = json!({ "name": "Lights" });
        let rename = shop.put("/v1/categories/lamps").staff().json(rename);
        self.step(&format!("PUT {one}"), rename, 200).await;
        let delete = |handle: &str| shop.delete(&format!("{all}/{handle}")).staff();
        self.step(&format!("DELETE {one}"), delete("home"), 409).await;
        self.step(&format!("DELETE {one}"), delete("lamps"), 204).await;
    }

    async fn products(&mut self) {
        let shop = self.shop;
        let (all, one) = ("/v1/products", "/v1/products/{productId}");
        let body = json!({
            "name": "Oak Lamp", "description": "<p>Warm light.</p>", "currency": "USD",
            "category": "Home", "brand": "Alder", "tags": ["light"],
            "imageUrl": "https://img.example/lamp.jpg", "attributes": { "Material": "Oak" },
            "variants": [
                { "sku": "LAMP-S", "options": { "Size": "S" }, "price": 20, "compareAtPrice": 25,
                  "stockQuantity": 5, "barcode": "4006381333931", "weightGrams": 900 },
                { "sku": "LAMP-M", "options": { "Size": "M" }, "price": 30, "stockQuantity": 0 },
            ],
        });
        let make = || shop.post(all).staff().json(body.clone());
        let made = self.step(&format!("POST {all}"), make().key("lamp"), 201).await;
        self.step(&format!("POST {all}"), make(), 409).await;
        let lamp = made.header("location").to_owned();
        self.step(&format!("GET {one}"), shop.get(&lamp), 200).await;
        let by_handle = shop.get("/v1/products/by-handle/oak-lamp");
        self.step("GET /v1/products/by-handle/{handle}", by_handle, 200).await;
        self.step(&format!("GET {all}"), shop.get("/v1/products?inStock=true"), 200).await;
        let known = shop.get(&lamp).header("if-none-match", made.etag());
        self.step(&format!("GET {one}"), known, 304).await;
        let picture = || Form::new().part("file", png()).text("alt", "A lamp, lit");
        let add = shop.post(&format!("{lamp}/images")).staff().multipart(picture());
        let shown = self.step(&format!("POST {one}/images"), add, 201).await.json();
        assert_eq!(shown["images"][1]["width"], 3);
        let change = |body: Value| shop.put(&lamp).staff().json(body);
        let calm = change(json!({ "description": "<p>Calm light.</p>" }));
        self.step(&format!("PUT {one}"), calm, 200).await;
        self.step(&format!("PUT {one}"), change(json!({ "name": "" })), 422).await;
        let (collections, handle) = ("/v1/collections", "/v1/collections/{handle}");
        let make = |body: Value| shop.post(collections).staff().json(body);
        let by_hand = json!({ "name": "Gifts", "productIds": [shown["productId"]] });
        self.step(&format!("POST {collections}"), make(by_hand), 201).await;
        let rule = json!({ "category": "home", "brand": "alder", "tag": "light", "minPrice": 1,
            "maxPrice": 90, "currency": "USD" });
        let by_rule = json!({ "name": "Light", "rule": rule });
        self.step(&format!("POST {collections}"), make(by_rule), 201).await;
        self.step(&format!("GET {collections}"), shop.get(collections), 200).await;
        for name in ["gifts", "light"] {
            let path = format!("{collections}/{name}");
            let seen = self.step(&format!("GET {handle}"), shop.get(&path), 200).await.json();
            assert_eq!(seen["products"][0]["name"], "Oak Lamp");
        }
        let gifts = format!("{collections}/gifts");
        let empty = shop.put(&gifts).staff().json(json!({ "productIds": [] }));
        self.step(&format!("PUT {handle}"), empty, 200).await;
        self.step(&format!("DELETE {handle}"), shop.delete(&gifts).staff(), 204).await;
        let other = old_lamp(shop).await;
        self.step(&format!("DELETE {one}"), shop.delete(&other).staff(), 204).await;
    }

    /// What the merchant says.
    async fn says(&mut self) {
        let shop = self.shop;
        let put = |body: Value| shop.put("/v1/settings").staff().json(body);
        self.step("GET /v1/settings", shop.get("/v1/settings"), 200).await;
        let change = json!({ "name": "Lamps", "accent": "#0e5a46", "contactEmail": null,
            "footerLinks": [{ "label": "Terms", "address": "/pages/terms" }],
            "formats": { "language": "en", "numbers": "1,234.56" } });
        let saved = self.step("PUT /v1/settings", put(change), 200).await;
        let known = shop.get("/v1/settings").header("if-none-match", saved.etag());
        self.step("GET /v1/settings", known, 304).await;
        self.step("PUT /v1/settings", put(json!({ "accent": "green" })), 422).await;
        let (all, one) = ("/v1/pages", "/v1/pages/{handle}");
        self.step(&format!("GET {all}"), shop.get(all), 200).await;
        self.step(&format!("GET {one}"), shop.get("/v1/pages/about"), 200).await;
        self.step(&format!("GET {one}"), shop.get("/v1/pages/sizes"), 404).await;
        let put = |handle: &str| {
            let body = json!({ "title": "Ours", "markdown": "# We\n\nMake *lamps*." });
            shop.put(&format!("{all}/{handle}")).staff().json(body)
        };
        self.step(&format!("PUT {one}"), put("about"), 200).await;
        self.step(&format!("PUT {one}"), put("sizes"), 201).await;
        self.step(&format!("PUT {one}"), put("Not-one"), 422).await;
        for handle in ["about", "sizes"] {
            let delete = shop.delete(&format!("{all}/{handle}")).staff();
            self.step(&format!("DELETE {one}"), delete, 204).await;
        }
    }

    /// Products as files.
    async fn files(&mut self) {
        let shop = self.shop;
        let export = shop.get("/v1/exports/products.csv").staff();
        let csv = self.step("GET /v1/exports/products.csv", export, 200).await.text();
        assert!(csv.starts_with("Handle,") && csv.contains("LAMP-M"), "{csv}");
        let faulty = include_str!("../fixtures/shopify-products-faulty.csv");
        for csv in [csv, faulty.to_owned(), "no,columns\n".to_owned()] {
            let import = shop.post("/v1/imports/products").staff().body("text/csv", csv);
            let started = self.step("POST /v1/imports/products", import, 202).await;
            let path = started.header("location").to_owned();
            shop.eventually(&path, |report| report["status"] != "running").await;
            let report = shop.get(&path).staff();
            self.step("GET /v1/imports/{importId}", report, 200).await;
        }
    }

    async fn finds(&mut self) {
        let shop = self.shop;
        let path = "/v1/search?q=lmap";
        shop.eventually(path, |page| page["meta"]["totalItems"] == 1).await;
        let found = self.step("GET /v1/search", shop.get(path), 200).await.json();
        for place in ["/corrections/0", "/facets/attributes/0/values/0", "/facets/price/0"] {
            assert!(found.pointer(place).is_some(), "no {place} in {found:#}");
        }
        self.step("GET /v1/products", shop.get("/v1/products?q=lamp"), 200).await;
        for (begun, kind) in [("oak", "product"), ("alde", "brand"), ("hom", "category")] {
            let suggest = shop.get(&format!("/v1/search/suggest?q={begun}"));
            let lines = self.step("GET /v1/search/suggest", suggest, 200).await.json();
            let lines = lines["data"].as_array().unwrap();
            assert!(lines.iter().any(|line| line["kind"] == kind), "{kind}: {lines:?}");
        }
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
        self.staff().await;
        self.sign_in().await;
        self.browser().await;
        self.own_logins().await;
        self.step("GET /healthz", shop.get("/healthz"), 200).await;
        self.step("GET /readyz", shop.get("/readyz"), 200).await;
        self.step("GET /metrics", shop.get("/metrics"), 200).await;
    }

    /// Who runs the shop, and the programs that act for them.
    async fn staff(&mut self) {
        let shop = self.shop;
        let invitations = "/v1/staff/invitations";
        let invite = || {
            let body = json!({ "email": "grace@shop.example", "role": "staff" });
            shop.post("/v1/staff/invitations").staff().json(body)
        };
        let first = self.step(&format!("POST {invitations}"), invite(), 201).await.json();
        self.step(&format!("GET {invitations}"), shop.get(invitations).staff(), 200).await;
        let withdraw = format!("DELETE {invitations}/{{invitationId}}");
        let path = format!("{invitations}/{}", text(&first, "invitationId"));
        self.step(&withdraw, shop.delete(&path).staff(), 204).await;
        self.step(&withdraw, shop.delete(&path).staff(), 404).await;
        let second = self.step(&format!("POST {invitations}"), invite(), 201).await.json();
        let accept = |token: &str| {
            let body = json!({ "token": token, "password": "correct horse battery" });
            shop.post("/v1/staff/invitations/accept").json(body)
        };
        let accepting = format!("POST {invitations}/accept");
        self.step(&accepting, accept(text(&first, "token")), 401).await;
        self.step(&accepting, accept(text(&second, "token")), 204).await;
        self.step(&format!("POST {invitations}"), invite(), 409).await;
        let members = self.step("GET /v1/staff", shop.get("/v1/staff").staff(), 200).await.json();
        let is_grace = |own: &&Value| own["email"] == "grace@shop.example";
        let grace = members["data"].as_array().unwrap().iter().find(is_grace).unwrap();
        let path = format!("/v1/staff/{}", text(grace, "staffId"));
        let login = json!({ "email": "grace@shop.example", "password": "correct horse battery" });
        let login = shop.post("/v1/auth/login").json(login).send().await.json();
        let begin = json!({ "password": "correct horse battery" });
        let begin = shop.post("/v1/users/me/totp").bearer(text(&login, "accessToken")).json(begin);
        begin.send().await.expect(201);
        let (reset, of_hers) = ("DELETE /v1/staff/{staffId}/totp", format!("{path}/totp"));
        self.step(reset, shop.delete(&of_hers).staff(), 204).await;
        self.step(reset, shop.delete(&of_hers).staff(), 409).await;
        let end = shop.delete(&format!("{path}/sessions")).staff();
        self.step("DELETE /v1/staff/{staffId}/sessions", end, 204).await;
        let promote = shop.put(&path).staff().json(json!({ "role": "admin" }));
        self.step("PUT /v1/staff/{staffId}", promote, 200).await;
        self.step("DELETE /v1/staff/{staffId}", shop.delete(&path).staff(), 204).await;
        self.step("DELETE /v1/staff/{staffId}", shop.delete(&path).staff(), 404).await;

        let make = |scope: &str| {
            let body = json!({ "name": "warehouse", "scopes": [scope],
                "expiresAt": "2030-01-01T00:00:00Z" });
            shop.post("/v1/api-keys").staff().json(body)
        };
        self.step("POST /v1/api-keys", make("everything"), 422).await;
        let key = self.step("POST /v1/api-keys", make("inventory:read"), 201).await.json();
        self.step("GET /v1/api-keys", shop.get("/v1/api-keys").staff(), 200).await;
        let path = format!("/v1/api-keys/{}", text(&key, "keyId"));
        self.step("DELETE /v1/api-keys/{keyId}", shop.delete(&path).staff(), 204).await;
        self.step("GET /v1/audit", shop.get("/v1/audit?limit=100").staff(), 200).await;
    }

    /// Without a provider there is nowhere to go; `oidc.rs` goes there and comes back.
    async fn sign_in(&mut self) {
        let shop = self.shop;
        let (all, one) = ("/v1/auth/oidc", "/v1/auth/oidc/{provider}");
        self.step(&format!("GET {all}"), shop.get(all), 200).await;
        let start = shop.get(&format!("{all}/none"));
        self.step(&format!("GET {one}"), start, 404).await;
        let back = shop.get(&format!("{all}/none/callback?state=x"));
        self.step(&format!("GET {one}/callback"), back, 404).await;
    }

    /// Who logs in and out with a browser.
    async fn browser(&mut self) {
        let (shop, session) = (self.shop, "/v1/auth/session");
        let login =
            json!({ "email": "admin@shop.example", "password": "correct horse battery staple" });
        self.step(&format!("GET {session}"), shop.get(session), 200).await;
        let mut browser = Browser::open(shop).await;
        let bare = shop.post(session).json(login.clone());
        self.step(&format!("POST {session}"), bare, 403).await;
        let wrong = json!({ "email": "admin@shop.example", "password": "wrong" });
        let wrong = browser.ask(Method::POST, session).json(wrong);
        self.step(&format!("POST {session}"), wrong, 401).await;
        let log_in = browser.ask(Method::POST, session).json(login);
        let answer = self.step(&format!("POST {session}"), log_in, 200).await;
        browser.take(&answer);
        self.step(&format!("GET {session}"), browser.get(session), 200).await;
        let out = browser.ask(Method::DELETE, session);
        self.step(&format!("DELETE {session}"), out, 204).await;
    }

    /// Customers: they come, look after themselves, are looked after, and go.
    async fn people(&mut self) {
        let (shop, email) = (self.shop, "walker@example.com");
        let login = json!({ "email": email, "password": PASSWORD });
        let register = || shop.post("/v1/auth/register").json(login.clone());
        self.step("POST /v1/auth/register", register(), 202).await;
        let access =
            self.step("POST /v1/auth/login", shop.post("/v1/auth/login").json(login.clone()), 200);
        let access = text(&access.await.json(), "accessToken").to_owned();
        let again = "/v1/users/me/verification";
        self.step(&format!("POST {again}"), shop.post(again).bearer(&access), 202).await;
        let token = mailbox(shop, email).await.token(MailKind::Verification);
        let verify = json!({ "token": token, "password": PASSWORD });
        let verify = shop.post("/v1/auth/verify").json(verify);
        let bad = shop.post("/v1/auth/verify").json(json!({ "token": "x", "password": PASSWORD }));
        self.step("POST /v1/auth/verify", bad, 401).await;
        self.step("POST /v1/auth/verify", verify, 204).await;
        let forgot = shop.post("/v1/auth/password/forgot").json(json!({ "email": email }));
        self.step("POST /v1/auth/password/forgot", forgot, 202).await;
        let token = mailbox(shop, email).await.token(MailKind::PasswordReset);
        let reset = json!({ "token": token, "password": PASSWORD });
        let reset = || shop.post("/v1/auth/password/reset").json(reset.clone());
        self.step("POST /v1/auth/password/reset", reset(), 204).await;
        self.step("POST /v1/auth/password/reset", reset(), 401).await;
        let access =
            self.step("POST /v1/auth/login", shop.post("/v1/auth/login").json(login.clone()), 200);
        let access = text(&access.await.json(), "accessToken").to_owned();
        self.own_account(&access).await;
        let (claims, export) = ("/v1/users/me/claims", "/v1/users/me/export");
        self.step(&format!("POST {claims}"), shop.post(claims).bearer(&access), 200).await;
        self.step(&format!("GET {export}"), shop.get(export).bearer(&access), 200).await;
        self.looked_after(email).await;
        let erase = shop.delete("/v1/users/me").bearer(&access);
        self.step("DELETE /v1/users/me", erase.json(json!({ "password": PASSWORD })), 204).await;
        self.step("POST /v1/auth/register", register(), 202).await;
        let found = shop.get(&format!("/v1/users?email={email}")).staff();
        let found = self.step("GET /v1/users", found, 200).await.json();
        let path = format!("/v1/users/{}", text(&found["data"][0], "userId"));
        self.step("DELETE /v1/users/{userId}", shop.delete(&path).staff(), 204).await;
    }

    async fn own_account(&mut self, access: &str) {
        let (shop, me, book) = (self.shop, "/v1/users/me", "/v1/users/me/addresses");
        let seen = self.step(&format!("GET {me}"), shop.get(me).bearer(access), 200).await;
        let known = shop.get(me).bearer(access).header("if-none-match", seen.etag());
        self.step(&format!("GET {me}"), known, 304).await;
        let change = |body: Value| shop.put(me).bearer(access).json(body);
        self.step(&format!("PUT {me}"), change(json!({ "name": "Walker" })), 200).await;
        self.step(&format!("PUT {me}"), change(json!({ "password": "12345678" })), 422).await;
        let add = shop.post(book).bearer(access).json(address());
        let made = self.step(&format!("POST {book}"), add, 201).await;
        self.step(&format!("GET {book}"), shop.get(book).bearer(access), 200).await;
        let (one, path) = (format!("{book}/{{addressId}}"), made.header("location"));
        self.step(&format!("GET {one}"), shop.get(path).bearer(access), 200).await;
        let replace = shop.put(path).bearer(access).json(address());
        self.step(&format!("PUT {one}"), replace, 200).await;
        self.step(&format!("DELETE {one}"), shop.delete(path).bearer(access), 204).await;
    }

    async fn looked_after(&mut self, email: &str) {
        let (shop, one) = (self.shop, "/v1/users/{userId}");
        let all = shop.get(&format!("/v1/users?email={email}")).staff();
        let found = self.step("GET /v1/users", all, 200).await.json();
        let path = format!("/v1/users/{}", text(&found["data"][0], "userId"));
        self.step(&format!("GET {one}"), shop.get(&path).staff(), 200).await;
        let correct = shop.put(&path).staff().json(json!({ "phone": "+1 555 0100" }));
        self.step(&format!("PUT {one}"), correct, 200).await;
        let erase = shop.delete(&path).staff().header("if-match", "\"nothing\"");
        self.step(&format!("DELETE {one}"), erase, 412).await;
    }

    /// What members of staff have of their own: second factor and logins.
    async fn own_logins(&mut self) {
        let shop = self.shop;
        let password = json!({ "password": "correct horse battery staple" });
        let begin = shop.post("/v1/users/me/totp").staff().json(password);
        let begun = self.step("POST /v1/users/me/totp", begin, 201).await.json();
        let (confirm, remove) = ("/v1/users/me/totp/confirm", "/v1/users/me/totp/remove");
        let first = |code: &str| shop.post(confirm).staff().json(json!({ "totp": code }));
        self.step(&format!("POST {confirm}"), first("no code"), 401).await;
        let code = code(shop, text(&begun, "secret"));
        let confirmed = self.step(&format!("POST {confirm}"), first(&code), 200).await.json();
        let off = |password: &str| {
            let body =
                json!({ "password": password, "recoveryCode": confirmed["recoveryCodes"][0] });
            shop.post(remove).staff().json(body)
        };
        self.step(&format!("POST {remove}"), off("wrong"), 401).await;
        self.step(&format!("POST {remove}"), off("correct horse battery staple"), 204).await;
        let state = "/v1/users/me/totp";
        self.step(&format!("GET {state}"), shop.get(state).staff(), 200).await;
        let login =
            json!({ "email": "admin@shop.example", "password": "correct horse battery staple" });
        shop.post("/v1/auth/login").json(login).send().await.expect(200);
        let sessions = "/v1/users/me/sessions";
        let list = format!("GET {sessions}");
        let listed = self.step(&list, shop.get(sessions).staff(), 200).await.json();
        let other = listed["data"].as_array().unwrap().iter().find(|own| own["current"] == false);
        let path = format!("{sessions}/{}", text(other.unwrap(), "sessionId"));
        let end = shop.delete(&path).staff();
        self.step(&format!("DELETE {sessions}/{{sessionId}}"), end, 204).await;
    }

    /// All that this walk has done, in parts and live.
    async fn log(&mut self) {
        let shop = self.shop;
        let events = self.step("GET /v1/events", shop.get("/v1/events?limit=100").staff(), 200);
        let events = events.await.json()["data"].as_array().unwrap().clone();
        let stream = "GET /v1/events/stream";
        let bad = shop.get("/v1/events/stream").staff().header("last-event-id", "42");
        self.step(stream, bad, 400).await;
        let live = shop.get("/v1/events/stream?after=evt-0000000000000").staff();
        self.is_asked(stream, &live);
        // It has no end, so what came is looked at message by message.
        let mut reader = Reader::open(live).await;
        let text_of_it = self.document.content("get", "/v1/events/stream", 200, EVENT_STREAM);
        assert_eq!(text_of_it, Some(&json!({ "type": "string" })));
        for event in &events {
            let (id, message) = reader.next().await.unwrap();
            self.document.is_a("Event", &message);
            assert_eq!((id.as_str(), &message), (text(event, "eventId"), event));
        }
        self.met.insert(stream.to_owned());
    }
}

/// A picture of a few grey pixels.
fn png() -> Part {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(3, 2).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    Part::bytes(bytes.into_inner()).file_name("lamp.png").mime_str("image/png").unwrap()
}

/// One more product; gives its path.
async fn old_lamp(shop: &TestShop) -> String {
    let body = json!({ "name": "Old Lamp", "description": "", "price": 1, "currency": "USD",
        "category": "Home", "brand": "Birch", "imageUrl": "https://img.example/old.jpg",
        "stockQuantity": 1 });
    let made = shop.post("/v1/products").staff().json(body).send().await.expect(201);
    made.header("location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_look_as_the_document_says() {
    let shop = TestShop::open().await;
    let document = Document::of(&shop).await;
    let mut walk = Walk { shop: &shop, document: &document, met: BTreeSet::new() };
    walk.catalog().await;
    let cart = walk.carts().await;
    walk.orders(&cart).await;
    walk.house().await;
    walk.people().await;
    walk.log().await;
    let operations = document.operations();
    let named = operations.iter().map(|(method, path, _)| format!("{method} {path}"));
    let unknown: Vec<String> = named.filter(|operation| !walk.met.contains(operation)).collect();
    assert!(unknown.is_empty(), "documented, and not known to this walk: {unknown:?}");
    let mug = &shop.get("/v1/inventory/MUG").staff().send().await.expect(200).json();
    assert_eq!(mug["reserved"], 0);
}
