//! What a request brings: its JSON body, its query, the ids in its path. All are read strictly, and
//! every fault is named at once.

use super::parse::parse;
use super::problem::ApiError;
use super::schema::{Faults, Place, Rule};
use crate::domain::catalog::Fault;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::any::TypeId;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

/// A body that the API takes. Its schema says what each field must be.
pub trait Input: DeserializeOwned + ToSchema + 'static {
    /// Rules that span several fields, which no schema can say. It is asked whatever the schema
    /// found, so that all faults come together; `body` may therefore look any way.
    fn check(_body: &Value, _faults: &mut Faults) {}
}

/// A JSON body, checked against the schema of `T` and read. `raw` are its bytes as they came.
pub struct Body<T> {
    pub value: T,
    pub raw: Bytes,
}

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, ApiError> {
        must_be_json(request.headers())?;
        let raw = raw_body(request, state).await?;
        Ok(Body { value: read(&raw)?, raw })
    }
}

/// As [`Body`], where a request may come without any: then it is `T`'s own default.
pub struct MaybeBody<T> {
    pub value: T,
    pub raw: Bytes,
}

impl<T: Input + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<MaybeBody<T>, ApiError> {
        let media_type = must_be_json(request.headers());
        let raw = raw_body(request, state).await?;
        if raw.is_empty() {
            return Ok(MaybeBody { value: T::default(), raw });
        }
        media_type?;
        Ok(MaybeBody { value: read(&raw)?, raw })
    }
}

/// The bytes of a body, up to the limit that is set for the route.
pub async fn raw_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge,
            _ => ApiError::MalformedJson("the body ended early".into()),
        }
    })
}

fn must_be_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::UnsupportedMediaType { expected: "application/json" })
}

/// Reads a body that is already in memory.
pub fn read<T: Input>(raw: &[u8]) -> Result<T, ApiError> {
    let mut body = parse(raw).map_err(|error| ApiError::MalformedJson(error.to_string()))?;
    let mut faults = Faults::default();
    body_rule::<T>().check(&mut body, Place::Root, &mut faults);
    T::check(&body, &mut faults);
    faults.into_body_result()?;
    // What the schema lets through and the type does not is against a rule that only the type has.
    serde_json::from_value(body).map_err(|error| ApiError::invalid("", error.to_string()))
}

type Cache<T> = LazyLock<RwLock<HashMap<TypeId, Arc<T>>>>;

/// The compiled rules by type: each is made once.
fn cached<T>(cache: &'static Cache<T>, id: TypeId, make: impl FnOnce() -> T) -> Arc<T> {
    let known = cache.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    known.unwrap_or_else(|| {
        let made = Arc::new(make());
        let mut cache = cache.write().unwrap_or_else(PoisonError::into_inner);
        cache.entry(id).or_insert(made).clone()
    })
}

fn body_rule<T: Input>() -> Arc<Rule> {
    static RULES: Cache<Rule> = LazyLock::new(RwLock::default);
    cached(&RULES, TypeId::of::<T>(), || {
        Rule::of::<T>().expect("every body's schema is enforced; a test compiles them all")
    })
}

/// The query string as `T`, each parameter checked against its schema. `T` says
/// `#[into_params(parameter_in = Query)]`, for the document cannot guess it from this extractor, and
/// `#[param(inline)]` where a field has a type of its own.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + IntoParams + 'static, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, ApiError> {
        read_query(parts.uri.query().unwrap_or_default()).map(Params)
    }
}

/// One parameter that a query may have.
struct Parameter {
    name: String,
    rule: Rule,
    required: bool,
}

fn parameters<T: IntoParams + 'static>() -> Arc<Vec<Parameter>> {
    static PARAMETERS: Cache<Vec<Parameter>> = LazyLock::new(RwLock::default);
    cached(&PARAMETERS, TypeId::of::<T>(), || {
        let of = |parameter: utoipa::openapi::path::Parameter| {
            let schema = parameter.schema.expect("a query parameter has a schema");
            let rule = Rule::from_openapi(&schema, &[]);
            Parameter {
                rule: rule.expect("a query parameter's schema is inline and enforced"),
                required: matches!(parameter.required, utoipa::openapi::Required::True),
                name: parameter.name,
            }
        };
        T::into_params(|| Some(ParameterIn::Query)).into_iter().map(of).collect()
    })
}

/// Reads a query string; every fault is a 400.
pub fn read_query<T: DeserializeOwned + IntoParams + 'static>(query: &str) -> Result<T, ApiError> {
    let known = parameters::<T>();
    let mut faults = Faults::default();
    let mut values = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(text)) = (decoded(name), decoded(text)) else {
            faults.shape("", "must be percent-encoded UTF-8");
            continue;
        };
        let place = Place::Member(&Place::Root, &name).to_string();
        let Some(parameter) = known.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            faults.shape(place, format!("is not a known parameter; known: {names}"));
            continue;
        };
        if values.contains_key(&name) {
            faults.shape(place, "is given twice");
            continue;
        }
        let mut value = parameter.rule.value_of_text(&text).unwrap_or(Value::String(text));
        parameter.rule.check(&mut value, Place::Member(&Place::Root, &name), &mut faults);
        values.insert(name, value);
    }
    for parameter in known.iter().filter(|known| known.required) {
        if !values.contains_key(&parameter.name) {
            faults.shape(Place::Member(&Place::Root, &parameter.name).to_string(), "is required");
        }
    }
    faults.into_query_result()?;
    serde_json::from_value(Value::Object(values)).map_err(|error| {
        ApiError::InvalidQuery(vec![Fault { pointer: String::new(), detail: error.to_string() }])
    })
}

/// `application/x-www-form-urlencoded`, one part of it.
pub fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

/// The parameters in the path, in their order. What does not read as an id names nothing: 404.
pub struct Named<T>(pub T);

/// One or several ids, read from the path.
pub trait FromPath: Sized {
    fn from_path(parts: &[&str]) -> Option<Self>;
}

/// One id of any kind.
impl<A: FromStr> FromPath for A {
    fn from_path(parts: &[&str]) -> Option<A> {
        match parts {
            [one] => one.parse().ok(),
            _ => None,
        }
    }
}

/// Two ids, the outer one first.
pub struct Pair<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr> FromPath for Pair<A, B> {
    fn from_path(parts: &[&str]) -> Option<Pair<A, B>> {
        match parts {
            [outer, inner] => Some(Pair(outer.parse().ok()?, inner.parse().ok()?)),
            _ => None,
        }
    }
}

impl<T: FromPath, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named<T>, ApiError> {
        let nothing = ApiError::NotFound { what: "thing" };
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| nothing.clone())?;
        let texts: Vec<&str> = params.iter().map(|(_, text)| text).collect();
        T::from_path(&texts).map(Named).ok_or(nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CartId, Sku};
    use crate::http::json::DecimalText;
    use crate::http::list::{PageLimit, PageNumber, Paging, Sort, SortField};
    use crate::http::problem::with_fallbacks;
    use axum::Router;
    use axum::http::Method;
    use axum::routing::{get, post};
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;
    use tower::ServiceExt;

    #[derive(Debug, Default, PartialEq, Deserialize, ToSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Pick {
        #[schema(format = "sku", min_length = 1, max_length = 64)]
        sku: String,
        #[schema(minimum = 1, maximum = 9)]
        quantity: u32,
        #[schema(max_length = 3)]
        note: Option<String>,
        price: Option<DecimalText>,
        parts: Option<Vec<Part>>,
    }

    #[derive(Debug, PartialEq, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Part {
        color: Color,
    }

    #[derive(Debug, PartialEq, Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Color {
        Red,
        DarkBlue,
    }

    impl Input for Pick {
        fn check(body: &Value, faults: &mut Faults) {
            if body["sku"] == "GIFT" && body["quantity"] != 1 {
                faults.rule("/quantity", "of a gift must be 1");
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum By {
        Price,
        CreatedAt,
    }

    type PickSort = Sort<By>;

    impl SortField for By {
        const ALL: &'static [(&'static str, By)] =
            &[("price", By::Price), ("createdAt", By::CreatedAt)];
    }

    #[derive(Debug, PartialEq, Deserialize, IntoParams)]
    #[serde(rename_all = "camelCase")]
    #[into_params(parameter_in = Query)]
    struct Query {
        q: Option<String>,
        #[param(inline)]
        min_price: Option<DecimalText>,
        in_stock: Option<bool>,
        #[param(inline)]
        sort: Option<PickSort>,
        #[serde(default)]
        #[param(inline)]
        page: PageNumber,
        #[serde(default)]
        #[param(inline)]
        limit: PageLimit,
    }

    fn router() -> Router {
        let take = |body: Body<Pick>| async move { format!("{:?}", body.value) };
        let maybe = |body: MaybeBody<Pick>| async move { format!("{:?}", body.value) };
        let list = |Params(query): Params<Query>| async move { format!("{query:?}") };
        let named = |Named(Pair(cart, sku)): Named<Pair<CartId, Sku>>| async move {
            format!("{cart} {sku}")
        };
        with_fallbacks(
            Router::new()
                .route("/picks", post(take).get(list))
                .route("/maybe", post(maybe))
                .route("/carts/{cart}/items/{sku}", get(named)),
        )
    }
    async fn send(method: Method, path: &str, media_type: &str, body: &[u8]) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, media_type);
        let request = request.body(axum::body::Body::from(body.to_vec())).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Status, code and the places of all faults.
    #[track_caller]
    fn refused(answer: (u16, String)) -> (u16, String, Vec<String>) {
        let (status, text) = answer;
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(body["status"], status);
        let faults = body["errors"].as_array().cloned().unwrap_or_default();
        let place = |fault: &Value| fault["pointer"].as_str().unwrap().to_owned();
        (status, body["code"].as_str().unwrap().to_owned(), faults.iter().map(place).collect())
    }

    async fn pick(body: &str) -> (u16, String) {
        send(Method::POST, "/picks", "application/json; charset=utf-8", body.as_bytes()).await
    }

    #[tokio::test]
    async fn a_good_body_is_read_with_its_numbers_to_the_letter() {
        let (status, text) =
            pick(r#"{"sku":"A","quantity":2.0,"price":1.50,"parts":[{"color":"dark_blue"}]}"#)
                .await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("quantity: 2") && text.contains("DecimalText(\"1.50\")"), "{text}");
    }

    #[tokio::test]
    async fn shape_is_400_and_rules_are_422_and_all_faults_come_at_once() {
        let bad_shape = refused(
            pick(r#"{"quantity":"2","note":"long","parts":[{"color":"green","x":1}],"y":1}"#).await,
        );
        let places = ["/sku", "/quantity", "/note", "/parts/0/color", "/parts/0/x", "/y"];
        assert_eq!((bad_shape.0, bad_shape.1.as_str()), (400, "invalid_body"));
        let mut sorted = bad_shape.2;
        sorted.sort();
        let mut expected = places.map(String::from).to_vec();
        expected.sort();
        assert_eq!(sorted, expected);
        let bad_values = refused(pick(r#"{"sku":" ","quantity":10,"price":"1e3"}"#).await);
        assert_eq!((bad_values.0, bad_values.1.as_str()), (422, "invalid_value"));
        assert_eq!(bad_values.2.len(), 3);
        let across = refused(pick(r#"{"sku":"GIFT","quantity":2,"note":"long"}"#).await);
        assert_eq!(across.0, 422);
        assert_eq!(across.2.len(), 2);
    }

    #[tokio::test]
    async fn what_is_not_json_is_400_or_415() {
        for text in
            ["", "{", "{\"sku\":\"A\",\"sku\":\"B\",\"quantity\":1}", "[".repeat(99).as_str()]
        {
            assert_eq!(refused(pick(text).await).1, "malformed_json", "{text}");
        }
        let post = |media_type: &'static str, body: &'static [u8]| {
            send(Method::POST, "/picks", media_type, body)
        };
        assert_eq!(refused(post("application/json", b"{\"sku\":\"\xff\"}").await).0, 400);
        for media_type in
            ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
        {
            assert_eq!(refused(post(media_type, b"{}").await).0, 415, "{media_type}");
        }
        assert_eq!(refused(post("application/json", b"[]").await).1, "invalid_body");
    }

    #[tokio::test]
    async fn a_body_that_may_be_missing_is_its_default() {
        let (status, text) = send(Method::POST, "/maybe", "", b"").await;
        assert_eq!((status, text), (200, format!("{:?}", Pick::default())));
        assert_eq!(send(Method::POST, "/maybe", "", b"{}").await.0, 415);
        assert_eq!(send(Method::POST, "/maybe", "application/json", b"{}").await.0, 400);
    }

    async fn list(query: &str) -> (u16, String) {
        send(Method::GET, &format!("/picks?{query}"), "", b"").await
    }

    #[tokio::test]
    async fn a_good_query_is_read_and_defaults_hold() {
        let (status, text) =
            list("q=a+b%20%C3%B6&minPrice=1.50&inStock=true&sort=price:desc").await;
        assert_eq!(status, 200, "{text}");
        for part in
            ["\"a b ö\"", "\"1.50\"", "Some(true)", "by: Price", "Descending", "PageLimit(20)"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        let paging = Paging { page: PageNumber(3), limit: PageLimit(10) };
        assert_eq!((paging.skip(), paging.take()), (20, 10));
        assert_eq!(list("").await.0, 200);
    }

    #[tokio::test]
    async fn every_fault_of_a_query_is_400_and_named_at_once() {
        let answer = list("colour=red&page=0&limit=101&inStock=yes&sort=size:asc&q=1&q=2").await;
        let text = answer.1.clone();
        let (status, code, mut places) = refused(answer);
        assert_eq!((status, code.as_str()), (400, "invalid_query"));
        places.sort();
        assert_eq!(places, ["/colour", "/inStock", "/limit", "/page", "/q", "/sort"]);
        assert!(text.contains("known: q, minPrice, inStock, sort, page, limit"), "{text}");
        assert!(text.contains("price:asc, price:desc, createdAt:asc, createdAt:desc"), "{text}");
        for query in [
            "page=1.5",
            "page=",
            "page=x",
            "page=99999999999999999999",
            "page=%201",
            "limit=-1",
            "minPrice=-1",
            "minPrice=1e3",
            "minPrice=%22",
            "q=%ff",
            "inStock=",
            "page=1&page=1",
            "sort=price",
        ] {
            assert_eq!(refused(list(query).await).0, 400, "{query}");
        }
    }

    #[tokio::test]
    async fn a_path_that_names_nothing_is_404() {
        let cart = CartId::from_bytes([7; 22]);
        let path = |cart: &str, sku: &str| format!("/carts/{cart}/items/{sku}");
        let good = send(Method::GET, &path(&cart.to_string(), "a%2Fb%20%C3%B6"), "", b"").await;
        assert_eq!(good, (200, format!("{cart} a/b ö")));
        for (cart, sku) in
            [("cart-1", "a"), (&cart.to_string(), "%20a"), (&cart.to_string(), "%ff")]
        {
            assert_eq!(refused(send(Method::GET, &path(cart, sku), "", b"").await).0, 404);
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in "[ -~]{0,60}") {
            let _ = read_query::<Query>(&query);
        }

        #[test]
        fn no_body_makes_it_panic_and_only_what_the_schema_takes_is_read(sku in ".{0,70}", quantity: i64, note in prop::option::of(".{0,5}")) {
            let body = json!({ "sku": sku, "quantity": quantity, "note": note });
            let read = read::<Pick>(body.to_string().as_bytes());
            let good = sku.parse::<Sku>().is_ok() && (1..=9).contains(&quantity)
                && note.as_ref().is_none_or(|note| note.chars().count() <= 3 && !note.contains('\0'));
            prop_assert_eq!(read.is_ok(), good, "{:?}", read);
        }
    }
}
