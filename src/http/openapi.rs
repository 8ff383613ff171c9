//! The OpenAPI 3.1 document: what is the same for every endpoint, before and after the routes are
//! collected. Each endpoint says the rest itself, beside its handler.

use super::list::PublicUrl;
use super::problem::{FaultSchema, PROBLEM_JSON, ProblemSchema};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Server};

/// Everything of the document that is not an endpoint.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Mercat",
        description = "The HTTP API of a Mercat shop.\n\nAmounts are exact decimal numbers in major units. Lists are paged; errors are `application/problem+json` with a stable `code`. Unknown fields and parameters are refused, and every fault in the input is named at once. `POST`s that create or move money take an `Idempotency-Key`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "Catalog", description = "Products, categories, collections, search and imports."),
        (name = "Storefront", description = "What the merchant says about the shop: settings and text pages."),
        (name = "Inventory", description = "Stock by SKU: levels, adjustments and the ledger."),
        (name = "Carts", description = "What is being picked. A cart's id is its guest's key."),
        (name = "Orders", description = "Checkout, orders and their money."),
        (name = "Access", description = "Who may do what."),
        (name = "Users", description = "Customers, and what they keep of themselves."),
        (name = "Events", description = "The shop's one ordered log."),
        (name = "Machines", description = "Health, metrics and this document.")
    ),
    components(schemas(ProblemSchema, FaultSchema))
)]
struct Base;

/// The names of the security schemes; endpoints give the first, and the others go with it.
pub const BEARER: &str = "bearer";
const COOKIE: &str = "cookie";
const CSRF: &str = "csrf";

/// What routes are added to.
pub fn base(public_url: &PublicUrl) -> OpenApi {
    let mut document = <Base as utoipa::OpenApi>::openapi();
    document.servers = Some(vec![Server::new(public_url.to_string())]);
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token from `POST /v1/auth/login`, or an API key."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let cookie = "A browser's session, from `POST /v1/auth/session`. (By plain HTTP on a loopback it is named `mercat`.)";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-mercat", cookie));
    components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(cookie));
    let token = "Belongs to the cookie, and is given by `GET /v1/auth/session`. Needed by all writes that are allowed for a cookie.";
    let token = ApiKey::Header(ApiKeyValue::with_description("X-CSRF-Token", token));
    components.add_security_scheme(CSRF, SecurityScheme::ApiKey(token));
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new()
        .description("A problem; `code` says which.")
        .content(PROBLEM_JSON, problem)
        .build();
    components.responses.insert("Problem".into(), response.into());
    document
}

/// Adds to every endpoint that takes a token that it takes a session's cookie, too, and the problems
/// that its shape lets it meet, where it did not say more itself: one with a body can be malformed, one behind a token can be refused, and so on.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
        for operation in [get, head, options, trace].into_iter().flatten() {
            add_cookie(operation, Kind::Reads);
            add_problems(path, operation, Kind::Reads);
        }
        for operation in [put, post, delete, patch].into_iter().flatten() {
            add_cookie(operation, Kind::Writes);
            add_problems(path, operation, Kind::Writes);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
}

fn add_cookie(operation: &mut Operation, kind: Kind) {
    let Some(ways) = operation.security.as_mut().filter(|ways| !ways.is_empty()) else { return };
    let cookie = SecurityRequirement::new(COOKIE, [""; 0]);
    ways.push(match kind {
        Kind::Reads => cookie,
        Kind::Writes => cookie.add(CSRF, [""; 0]),
    });
}

fn add_problems(path: &str, operation: &mut Operation, kind: Kind) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |place: ParameterIn| {
        parameters.iter().any(|own| matches!(own, RefOr::T(own) if own.parameter_in == place))
    };
    let mut met = vec!["503"];
    // Machines that look after the shop are not counted.
    if path.starts_with("/v1/") {
        met.push("429");
    }
    if has(ParameterIn::Query) || has(ParameterIn::Header) {
        met.push("400");
    }
    let keyed =
        |own: &RefOr<Parameter>| matches!(own, RefOr::T(own) if own.name == "Idempotency-Key");
    if parameters.iter().any(keyed) {
        // The key is in use, or was used for something else.
        met.extend(["409", "422"]);
    }
    if path.contains('{') {
        met.push("404");
        if kind == Kind::Writes {
            // What is there is in another state, or not the version that `If-Match` names.
            met.extend(["409", "412"]);
        }
    }
    if operation.request_body.is_some() {
        met.extend(["400", "413", "415", "422"]);
    }
    if operation.security.as_ref().is_some_and(|own| !own.is_empty()) {
        met.extend(["401", "403"]);
    }
    let problem = || RefOr::<Response>::Ref(Ref::new("#/components/responses/Problem"));
    let responses = &mut operation.responses.responses;
    for status in met {
        responses.entry(status.to_owned()).or_insert_with(problem);
    }
    // An endpoint that names a refusal by its status alone means a problem, too.
    for (status, response) in responses {
        let is_refusal = status.starts_with(['4', '5']);
        if is_refusal && matches!(response, RefOr::T(own) if own.content.is_empty()) {
            *response = problem();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::http::api::dto::cart::{CartJson, ItemAdd};
    use crate::http::body::{Body, Params};
    use crate::http::list::{List, PageLimit, PageNumber};
    use serde::Deserialize;
    use utoipa::IntoParams;
    use utoipa_axum::router::OpenApiRouter;
    use utoipa_axum::routes;

    #[derive(Deserialize, IntoParams)]
    #[into_params(parameter_in = Query)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct CartsQuery {
        /// Which page of the list.
        #[serde(default)]
        #[param(inline)]
        page: PageNumber,
        #[serde(default)]
        #[param(inline)]
        limit: PageLimit,
    }

    /// Lists carts <b>.
    #[utoipa::path(
        get, path = "/v1/carts", tag = "Carts", params(CartsQuery),
        security(("bearer" = [])),
        responses((status = 200, description = "A page of `carts`", body = List<CartJson>)),
    )]
    async fn list_carts(Params(_query): Params<CartsQuery>) {}

    /// Adds a variant.
    ///
    /// The cart is repriced.
    #[utoipa::path(
        post, path = "/v1/carts/{cartId}/items", tag = "Carts",
        params(("cartId" = String, Path, description = "The cart's id"),
               ("Idempotency-Key" = Option<String>, Header, description = "One attempt's name")),
        request_body = ItemAdd,
        responses((status = 200, description = "The whole cart", body = CartJson)),
    )]
    async fn add_item(body: Body<ItemAdd>) {
        drop(body);
    }

    pub(crate) fn document() -> OpenApi {
        let url = "https://shop.example".parse().unwrap();
        let routes = OpenApiRouter::<()>::with_openapi(base(&url));
        let routes = routes.routes(routes!(list_carts)).routes(routes!(add_item));
        let (_, mut document) = routes.split_for_parts();
        complete(&mut document);
        document
    }

    #[test]
    fn every_endpoint_names_the_problems_it_can_meet() {
        let document = serde_json::to_value(document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        assert_eq!(document["servers"][0]["url"], "https://shop.example");
        let statuses = |path: &str, method: &str| {
            let responses = document["paths"][path][method]["responses"].as_object().unwrap();
            let mut statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
            statuses.sort();
            statuses.join(" ")
        };
        assert_eq!(statuses("/v1/carts", "get"), "200 400 401 403 429 503");
        assert_eq!(
            statuses("/v1/carts/{cartId}/items", "post"),
            "200 400 404 409 412 413 415 422 429 503"
        );
        assert!(document["components"]["responses"]["Problem"]["content"].is_object());
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        let text = document.to_string();
        for (at, _) in text.match_indices("\"$ref\":\"#") {
            let target = text[at + 9..].split('"').next().unwrap();
            assert!(document.pointer(&target[0..]).is_some(), "{target}");
        }
        assert!(text.contains("\"Problem\"") && text.contains("\"Cart\""));
    }
}
