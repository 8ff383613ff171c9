//! What went wrong, as callers see it: one enum, one `match`, one shape (RFC 9457).
//!
//! Types and codes are a promise to clients; titles and details are for people. Nothing internal
//! gets out: a fault is logged here, once, and answered as `internal_error`.

use super::json::{MoneyJson, money_text};
use crate::actors::accounts::throttle::TooManyTries;
use crate::domain::cart::{CartRejection, MOST_UNITS_PER_LINE};
use crate::domain::catalog::{Fault, ProductRejection};
use crate::domain::identity::IdentityRejection;
use crate::domain::order::OrderRejection;
use crate::domain::pricing::PricingError;
use crate::domain::stock::StockRejection;
use crate::domain::{Money, OrderId, Sku, money::MoneyError};
use crate::storage::StoreError;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use utoipa::ToSchema;

/// Every answer that is not the one that was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// What HTTP itself does not allow, or allows to be read in two ways.
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("the path and query are longer than {most} bytes")]
    UrlTooLong { most: usize },
    #[error("the body came too slowly and was not waited for; send it again")]
    BodyTooSlow,
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// Its shape is wrong: unknown or missing fields, wrong types.
    #[error("the body does not have the expected shape")]
    InvalidBody(Vec<Fault>),
    #[error("the query has parameters that are unknown or cannot be read")]
    InvalidQuery(Vec<Fault>),
    #[error("the header {name} {detail}")]
    InvalidHeader { name: &'static str, detail: String },
    #[error("this request moves money: send an Idempotency-Key")]
    IdempotencyKeyRequired,
    #[error("this needs a bearer token")]
    Unauthenticated,
    #[error("the token is not valid, or no longer")]
    InvalidToken,
    #[error("the e-mail address or the password is wrong")]
    BadCredentials,
    /// Nobody was signed in by an identity provider; the word is the stable code.
    #[error("{detail}")]
    SignInFailed { code: &'static str, detail: String },
    #[error("send the code of the second factor in totp, or a recoveryCode")]
    TotpRequired,
    #[error("the code of the second factor is wrong, or was used already")]
    TotpInvalid,
    #[error("the payment was declined: {reason}")]
    PaymentDeclined { reason: String },
    /// Nothing shows that a page of this shop sent it.
    #[error("{detail}")]
    Csrf { detail: &'static str },
    #[error("{needs}")]
    Forbidden { needs: Cow<'static, str> },
    #[error("there is no such {what}")]
    NotFound { what: &'static str },
    #[error("nothing is here under that method")]
    MethodNotAllowed,
    #[error("{}", shortage_text(.0))]
    OutOfStock(Vec<Shortage>),
    #[error("prices changed since they were shown: {}", price_text(.0))]
    PriceChanged(Vec<PriceChange>),
    #[error("the cart became order {0}")]
    CartOrdered(OrderId),
    /// Another state conflict; the word is the stable code.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    #[error("it was changed meanwhile: read it again, then send the new ETag in If-Match")]
    PreconditionFailed,
    #[error("the body is larger than this endpoint takes")]
    BodyTooLarge,
    #[error("send the body as {expected}")]
    UnsupportedMediaType { expected: &'static str },
    /// Well-formed, but against a rule.
    #[error("the body breaks a rule")]
    InvalidValue(Vec<Fault>),
    /// Another rule; the word is the stable code.
    #[error("{detail}")]
    Rule { code: &'static str, detail: String },
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    #[error("the answer told of a person who was forgotten since; nothing was done again")]
    AnswerErased,
    #[error("send the current ETag in If-Match")]
    PreconditionRequired,
    #[error("too many requests; try again in {retry_after_s} s")]
    RateLimited { retry_after_s: u32 },
    #[error("something went wrong on our side; it was logged")]
    Internal,
    #[error("the shop is busy; try again in a moment")]
    Overloaded,
    #[error("the answer took too long; a change may still be carried out")]
    TimedOut,
    /// A part that the request needs is not there now.
    #[error("{what} is not available now; try again in a moment")]
    Unavailable { what: &'static str },
}

/// One SKU of which there is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub sku: Sku,
    pub requested: i64,
    pub available: i64,
}

/// One SKU whose price is no longer the one that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    pub sku: Sku,
    pub was: Money,
    pub now: Money,
}

/// Status, `code` (also the last part of `type`) and title of one kind of problem.
struct Kind(StatusCode, &'static str, &'static str);

/// Whether the data file is shut: its disk fails, and it is opened again as soon as it can be.
fn is_shut(error: &(dyn std::error::Error + 'static)) -> bool {
    let store = error.downcast_ref::<StoreError>();
    matches!(store, Some(StoreError::Stopped | StoreError::Redb(_) | StoreError::Io(_)))
}

impl ApiError {
    /// Logs a fault with its chain of causes and hides it from the caller, who hears at most that the
    /// store cannot be read at this moment.
    pub fn fault(error: &(dyn std::error::Error + 'static)) -> ApiError {
        let mut chain = error.to_string();
        let mut is_shut = is_shut(error);
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            is_shut |= self::is_shut(cause);
            source = cause.source();
        }
        tracing::error!(error = %chain, "a request failed");
        if is_shut { ApiError::Unavailable { what: "the shop's data" } } else { ApiError::Internal }
    }

    /// One broken rule at one place of the body.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> ApiError {
        ApiError::InvalidValue(vec![Fault { pointer: pointer.into(), detail: detail.into() }])
    }

    /// Why stock of `sku` could not change.
    pub fn stock(sku: &Sku, rejection: StockRejection) -> ApiError {
        match rejection {
            StockRejection::OutOfStock { wanted, available } => {
                let shortage = Shortage { sku: sku.clone(), requested: wanted, available };
                ApiError::OutOfStock(vec![shortage])
            }
            StockRejection::DoesNotAddUp => {
                ApiError::Rule { code: "stock_out_of_range", detail: rejection.to_string() }
            }
            StockRejection::Nothing => ApiError::invalid("/delta", "must not be zero"),
            StockRejection::Oversold { .. } => {
                ApiError::Conflict { code: "oversold", detail: rejection.to_string() }
            }
        }
    }

    /// The stable word for it.
    pub fn code(&self) -> &'static str {
        self.kind().1
    }

    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    fn kind(&self) -> Kind {
        use StatusCode as S;
        match self {
            ApiError::BadRequest(_) => Kind(S::BAD_REQUEST, "bad_request", "Not valid HTTP"),
            ApiError::UrlTooLong { .. } => Kind(S::URI_TOO_LONG, "url_too_long", "URL too long"),
            ApiError::BodyTooSlow => Kind(S::REQUEST_TIMEOUT, "body_too_slow", "Body too slow"),
            ApiError::MalformedJson(_) => Kind(S::BAD_REQUEST, "malformed_json", "Not JSON"),
            ApiError::InvalidBody(_) => Kind(S::BAD_REQUEST, "invalid_body", "Invalid body"),
            ApiError::InvalidQuery(_) => Kind(S::BAD_REQUEST, "invalid_query", "Invalid query"),
            ApiError::InvalidHeader { .. } => {
                Kind(S::BAD_REQUEST, "invalid_header", "Invalid header")
            }
            ApiError::IdempotencyKeyRequired => {
                Kind(S::BAD_REQUEST, "idempotency_key_required", "Idempotency-Key required")
            }
            ApiError::Unauthenticated => {
                Kind(S::UNAUTHORIZED, "unauthenticated", "Credentials required")
            }
            ApiError::InvalidToken => Kind(S::UNAUTHORIZED, "invalid_token", "Invalid token"),
            ApiError::BadCredentials => {
                Kind(S::UNAUTHORIZED, "bad_credentials", "Wrong e-mail address or password")
            }
            ApiError::SignInFailed { code, .. } => Kind(S::FORBIDDEN, code, "Not signed in"),
            ApiError::TotpRequired => {
                Kind(S::UNAUTHORIZED, "totp_required", "Second factor required")
            }
            ApiError::TotpInvalid => Kind(S::UNAUTHORIZED, "totp_invalid", "Wrong second factor"),
            ApiError::PaymentDeclined { .. } => {
                Kind(S::PAYMENT_REQUIRED, "payment_declined", "Payment declined")
            }
            ApiError::Csrf { .. } => Kind(S::FORBIDDEN, "csrf", "Not from a page of this shop"),
            ApiError::Forbidden { .. } => Kind(S::FORBIDDEN, "forbidden", "Not allowed"),
            ApiError::NotFound { .. } => Kind(S::NOT_FOUND, "not_found", "Not found"),
            ApiError::MethodNotAllowed => {
                Kind(S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
            }
            ApiError::OutOfStock(_) => Kind(S::CONFLICT, "out_of_stock", "Out of stock"),
            ApiError::PriceChanged(_) => Kind(S::CONFLICT, "price_changed", "Prices changed"),
            ApiError::CartOrdered(_) => Kind(S::CONFLICT, "cart_ordered", "Already ordered"),
            ApiError::Conflict { code, .. } => Kind(S::CONFLICT, code, "Conflict"),
            ApiError::PreconditionFailed => {
                Kind(S::PRECONDITION_FAILED, "precondition_failed", "Changed meanwhile")
            }
            ApiError::BodyTooLarge => {
                Kind(S::PAYLOAD_TOO_LARGE, "body_too_large", "Body too large")
            }
            ApiError::UnsupportedMediaType { .. } => {
                Kind(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type")
            }
            ApiError::InvalidValue(_) => {
                Kind(S::UNPROCESSABLE_ENTITY, "invalid_value", "Invalid value")
            }
            ApiError::Rule { code, .. } => Kind(S::UNPROCESSABLE_ENTITY, code, "Against a rule"),
            ApiError::IdempotencyKeyReused => {
                Kind(S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "Idempotency-Key reused")
            }
            ApiError::AnswerErased => Kind(S::GONE, "answer_erased", "The answer was erased"),
            ApiError::PreconditionRequired => {
                Kind(S::PRECONDITION_REQUIRED, "precondition_required", "If-Match required")
            }
            ApiError::RateLimited { .. } => {
                Kind(S::TOO_MANY_REQUESTS, "rate_limited", "Too many requests")
            }
            ApiError::Internal => {
                Kind(S::INTERNAL_SERVER_ERROR, "internal_error", "Internal error")
            }
            ApiError::Overloaded => Kind(S::SERVICE_UNAVAILABLE, "overloaded", "Busy"),
            ApiError::TimedOut => Kind(S::SERVICE_UNAVAILABLE, "timed_out", "Took too long"),
            ApiError::Unavailable { .. } => {
                Kind(S::SERVICE_UNAVAILABLE, "unavailable", "Not available")
            }
        }
    }

    /// Everything that the answer will say.
    pub fn problem(&self) -> Problem {
        let Kind(status, code, title) = self.kind();
        let mut members = Map::new();
        let mut headers = Vec::new();
        let mut header = |name, value: &str| {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        };
        let errors = match self {
            ApiError::InvalidBody(faults)
            | ApiError::InvalidQuery(faults)
            | ApiError::InvalidValue(faults) => faults.clone(),
            ApiError::OutOfStock(shortages) => {
                members.insert("items".into(), shortages.iter().map(Shortage::to_json).collect());
                vec![]
            }
            ApiError::PriceChanged(changes) => {
                members.insert("items".into(), changes.iter().map(PriceChange::to_json).collect());
                vec![]
            }
            ApiError::CartOrdered(order) => {
                members.insert("orderId".into(), order.to_string().into());
                vec![]
            }
            ApiError::PaymentDeclined { reason } => {
                members.insert("reason".into(), reason.as_str().into());
                vec![]
            }
            ApiError::Unauthenticated
            | ApiError::BadCredentials
            | ApiError::TotpRequired
            | ApiError::TotpInvalid => {
                header(WWW_AUTHENTICATE, "Bearer realm=\"mercat\"");
                vec![]
            }
            ApiError::InvalidToken => {
                header(WWW_AUTHENTICATE, "Bearer realm=\"mercat\", error=\"invalid_token\"");
                vec![]
            }
            ApiError::Forbidden { .. } => {
                header(WWW_AUTHENTICATE, "Bearer realm=\"mercat\", error=\"insufficient_scope\"");
                vec![]
            }
            ApiError::RateLimited { retry_after_s } => {
                header(RETRY_AFTER, &retry_after_s.to_string());
                vec![]
            }
            ApiError::Overloaded | ApiError::TimedOut | ApiError::Unavailable { .. } => {
                header(RETRY_AFTER, "1");
                vec![]
            }
            _ => vec![],
        };
        Problem { status, code, title, detail: self.to_string(), errors, members, headers }
    }
}

impl Shortage {
    fn to_json(&self) -> Value {
        json!({ "sku": self.sku.as_str(), "requested": self.requested, "available": self.available.max(0) })
    }
}

impl PriceChange {
    fn to_json(&self) -> Value {
        json!({ "sku": self.sku.as_str(), "was": MoneyJson(self.was), "now": MoneyJson(self.now),
                "currency": self.now.currency().code() })
    }
}

fn shortage_text(shortages: &[Shortage]) -> String {
    let texts: Vec<String> = shortages
        .iter()
        .map(|s| format!("{} of {} wanted, {} available", s.requested, s.sku, s.available.max(0)))
        .collect();
    texts.join("; ")
}

fn price_text(changes: &[PriceChange]) -> String {
    let texts: Vec<String> = changes
        .iter()
        .map(|c| format!("{} is now {} {}", c.sku, money_text(c.now), c.now.currency()))
        .collect();
    texts.join("; ")
}

/// A problem ready to be written. It also travels in a response's extensions, so that the outermost
/// layer can add the `instance` that only it knows.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Fault>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl Problem {
    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn title(&self) -> &'static str {
        self.title
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The JSON text; `instance` is the path of the request that met the problem.
    pub fn body(&self, instance: Option<&str>) -> Vec<u8> {
        let mut body = json!({
            "type": format!("/problems/{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        if let Value::Object(members) = &mut body {
            if let Some(instance) = instance {
                members.insert("instance".into(), instance.into());
            }
            if !self.errors.is_empty() {
                let fault = |f: &Fault| json!({ "pointer": f.pointer, "detail": f.detail });
                members.insert("errors".into(), self.errors.iter().map(fault).collect());
            }
            members.extend(self.members.clone());
        }
        body.to_string().into_bytes()
    }

    /// All headers of the answer, its media type first.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.headers.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        std::iter::once((CONTENT_TYPE.as_str(), PROBLEM_JSON)).chain(own)
    }

    /// The whole answer, with what cannot be said in the body in headers.
    pub fn response(self, instance: Option<&str>) -> Response {
        let mut response = Response::new(Body::from(self.body(instance)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.problem().response(None)
    }
}

/// A page's form that cannot be read.
impl From<FormRejection> for ApiError {
    fn from(refused: FormRejection) -> ApiError {
        match refused.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ApiError::UnsupportedMediaType { expected: "application/x-www-form-urlencoded" }
            }
            _ => ApiError::invalid("", "must be what the form of this page sends"),
        }
    }
}

impl From<TooManyTries> for ApiError {
    fn from(refused: TooManyTries) -> ApiError {
        ApiError::RateLimited { retry_after_s: refused.retry_after_s() }
    }
}

impl From<CartRejection> for ApiError {
    fn from(rejection: CartRejection) -> ApiError {
        let conflict = |code| ApiError::Conflict { code, detail: rejection.to_string() };
        let rule = |code| ApiError::Rule { code, detail: rejection.to_string() };
        match &rejection {
            CartRejection::Unknown | CartRejection::Abandoned | CartRejection::Merged => {
                ApiError::NotFound { what: "cart" }
            }
            CartRejection::Exists => conflict("cart_exists"),
            CartRejection::Ordered { order } => ApiError::CartOrdered(*order),
            CartRejection::BeingCheckedOut => conflict("checkout_under_way"),
            CartRejection::Empty => conflict("cart_empty"),
            CartRejection::NoSuchLine { .. } => ApiError::NotFound { what: "item in this cart" },
            CartRejection::TooManyLines { .. } => rule("too_many_lines"),
            CartRejection::QuantityOutOfRange { .. } => ApiError::invalid(
                "/quantity",
                format!("a line holds 1 to {MOST_UNITS_PER_LINE} units"),
            ),
            CartRejection::CurrencyMismatch { .. } => rule("currency_mismatch"),
        }
    }
}

impl From<IdentityRejection> for ApiError {
    fn from(rejection: IdentityRejection) -> ApiError {
        let code = match rejection {
            IdentityRejection::NoEmail => "email_missing",
            IdentityRejection::UnverifiedEmail => "email_not_verified",
            IdentityRejection::ForeignDomain => "email_domain_not_allowed",
            IdentityRejection::NotInvited => "not_invited",
            IdentityRejection::OtherDoor => "other_sign_in",
            IdentityRejection::UnprovenAccount => "account_not_verified",
            IdentityRejection::OtherIdentity => {
                let detail = rejection.to_string();
                return ApiError::Conflict { code: "identity_conflict", detail };
            }
        };
        ApiError::SignInFailed { code, detail: rejection.to_string() }
    }
}

impl From<OrderRejection> for ApiError {
    fn from(rejection: OrderRejection) -> ApiError {
        let conflict = |code| ApiError::Conflict { code, detail: rejection.to_string() };
        match &rejection {
            OrderRejection::Unknown => ApiError::NotFound { what: "order" },
            OrderRejection::NoSuchRefund => ApiError::NotFound { what: "refund" },
            OrderRejection::Exists => conflict("order_exists"),
            OrderRejection::DoesNotAddUp => ApiError::fault(&rejection),
            OrderRejection::PaymentUnderWay => conflict("payment_under_way"),
            OrderRejection::Cancelled => conflict("order_cancelled"),
            OrderRejection::Payment(_) => conflict("payment_state"),
        }
    }
}

impl From<ProductRejection> for ApiError {
    fn from(rejection: ProductRejection) -> ApiError {
        match rejection {
            ProductRejection::Unknown => ApiError::NotFound { what: "product" },
            ProductRejection::Exists => {
                ApiError::Conflict { code: "product_exists", detail: rejection.to_string() }
            }
            ProductRejection::Invalid(faults) => ApiError::InvalidValue(faults),
        }
    }
}

impl From<MoneyError> for ApiError {
    fn from(error: MoneyError) -> ApiError {
        let code = match error {
            MoneyError::CurrencyMismatch(..) => "currency_mismatch",
            MoneyError::Overflow => "amount_too_large",
            MoneyError::Malformed | MoneyError::TooManyDecimals { .. } => "invalid_amount",
        };
        ApiError::Rule { code, detail: error.to_string() }
    }
}

impl From<PricingError> for ApiError {
    fn from(error: PricingError) -> ApiError {
        match error {
            PricingError::Money(error) => error.into(),
            PricingError::NoSuchShipping(_) => {
                ApiError::invalid("/shippingOption", "is not offered for this address")
            }
        }
    }
}

/// The body of every problem, for the document.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its schema is used; problems are written by hand")]
pub struct ProblemSchema {
    /// Says what kind of problem it is; `code` is its last part.
    #[schema(example = "/problems/out_of_stock")]
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    /// The path of the request.
    instance: Option<String>,
    /// A stable word to branch on.
    #[schema(example = "out_of_stock")]
    code: String,
    /// Everything that is wrong with the input, each with a JSON pointer into it.
    errors: Option<Vec<FaultSchema>>,
    /// With `out_of_stock` and `price_changed`: which SKUs, with their figures.
    #[schema(value_type = Option<Vec<Object>>)]
    items: Option<Vec<Value>>,
    /// With `cart_ordered`: the order that the cart became.
    #[schema(rename = "orderId")]
    order_id: Option<String>,
    /// With `payment_declined`: the provider's word for why.
    reason: Option<String>,
}

/// One fault in the input.
#[derive(ToSchema)]
#[schema(as = InputFault)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct FaultSchema {
    /// A JSON pointer into the body; for a query, `/` and the parameter's name.
    #[schema(example = "/quantity")]
    pointer: String,
    detail: String,
}

/// Gives every route of `router` a problem where a path or a method is not there. A 405 names in
/// `Allow` what the route does take, whatever the method was called.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(|| async { ApiError::NotFound { what: "page or endpoint" } })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
}

/// `Allow` for a resource whose methods are decided in a handler.
pub fn not_allowed(allowed: &[Method]) -> Response {
    let mut response = ApiError::MethodNotAllowed.into_response();
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&names.join(",")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;
    use std::collections::HashSet;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::USD)
    }

    fn body(error: &ApiError) -> Value {
        serde_json::from_slice(&error.problem().body(Some("/v1/x"))).unwrap()
    }

    /// One of each, so that a new kind without a test does not go unnoticed by its reader.
    fn all() -> Vec<ApiError> {
        let fault = || vec![Fault { pointer: "/a".into(), detail: "is b".into() }];
        let code = "cart_empty";
        vec![
            ApiError::BadRequest("x"),
            ApiError::UrlTooLong { most: 1 },
            ApiError::BodyTooSlow,
            ApiError::MalformedJson("x".into()),
            ApiError::InvalidBody(fault()),
            ApiError::InvalidQuery(fault()),
            ApiError::InvalidHeader { name: "If-Match", detail: "x".into() },
            ApiError::IdempotencyKeyRequired,
            ApiError::Unauthenticated,
            ApiError::InvalidToken,
            ApiError::BadCredentials,
            ApiError::TotpRequired,
            ApiError::TotpInvalid,
            ApiError::PaymentDeclined { reason: "card_declined".into() },
            ApiError::Csrf { detail: "send the token" },
            ApiError::Forbidden { needs: "staff".into() },
            ApiError::NotFound { what: "cart" },
            ApiError::MethodNotAllowed,
            ApiError::OutOfStock(vec![]),
            ApiError::PriceChanged(vec![]),
            ApiError::CartOrdered(OrderId::from_bytes([1; 16])),
            ApiError::Conflict { code, detail: "x".into() },
            ApiError::PreconditionFailed,
            ApiError::BodyTooLarge,
            ApiError::UnsupportedMediaType { expected: "application/json" },
            ApiError::InvalidValue(fault()),
            ApiError::Rule { code: "too_many_lines", detail: "x".into() },
            ApiError::IdempotencyKeyReused,
            ApiError::AnswerErased,
            ApiError::PreconditionRequired,
            ApiError::RateLimited { retry_after_s: 7 },
            ApiError::Internal,
            ApiError::Overloaded,
            ApiError::TimedOut,
            ApiError::Unavailable { what: "the store" },
        ]
    }

    #[test]
    fn every_problem_has_all_its_members_and_a_code_of_its_own() {
        let mut codes = HashSet::new();
        for error in all() {
            let body = body(&error);
            assert_eq!(body["status"], error.status().as_u16());
            assert_eq!(body["type"], format!("/problems/{}", error.code()));
            assert_eq!(body["instance"], "/v1/x");
            assert!(body["title"].is_string() && body["detail"].is_string());
            assert!(codes.insert(error.code()), "{}", error.code());
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(error.code().chars().all(snake));
        }
    }

    #[test]
    fn headers_say_what_bodies_cannot() {
        for error in all() {
            let response = error.clone().into_response();
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            let has = |name| response.headers().contains_key(name);
            // Other credentials would not help against what came from another site.
            let asks = matches!(error.status().as_u16(), 401 | 403);
            let asks = asks && !matches!(error, ApiError::Csrf { .. });
            assert_eq!(has(WWW_AUTHENTICATE), asks);
            assert_eq!(has(RETRY_AFTER), matches!(error.status().as_u16(), 429 | 503));
        }
    }

    #[test]
    fn out_of_stock_names_each_short_sku_with_what_is_available() {
        let short =
            |name: &str, requested, available| Shortage { sku: sku(name), requested, available };
        let error = ApiError::OutOfStock(vec![short("A", 3, 1), short("B", 2, -4)]);
        assert_eq!(
            body(&error)["items"],
            json!([{ "sku": "A", "requested": 3, "available": 1 }, { "sku": "B", "requested": 2, "available": 0 }])
        );
        assert_eq!(
            body(&error)["detail"],
            "3 of A wanted, 1 available; 2 of B wanted, 0 available"
        );
    }

    #[test]
    fn a_changed_price_is_shown_exactly() {
        let change = PriceChange { sku: sku("A"), was: usd(1_000), now: usd(1_010) };
        let text = String::from_utf8(ApiError::PriceChanged(vec![change]).problem().body(None));
        assert!(text.unwrap().contains("\"now\":10.10"));
    }

    #[test]
    fn rejections_of_the_rules_become_problems() {
        let code = |error: ApiError| (error.status().as_u16(), error.code());
        let order = OrderId::from_bytes([1; 16]);
        assert_eq!(code(CartRejection::Ordered { order }.into()), (409, "cart_ordered"));
        assert_eq!(code(CartRejection::Abandoned.into()), (404, "not_found"));
        assert_eq!(code(CartRejection::Empty.into()), (409, "cart_empty"));
        assert_eq!(code(CartRejection::TooManyLines { most: 1 }.into()), (422, "too_many_lines"));
        assert_eq!(code(OrderRejection::PaymentUnderWay.into()), (409, "payment_under_way"));
        assert_eq!(code(OrderRejection::DoesNotAddUp.into()), (500, "internal_error"));
        assert_eq!(code(MoneyError::Overflow.into()), (422, "amount_too_large"));
        assert_eq!(code(PricingError::NoSuchShipping("x".into()).into()), (422, "invalid_value"));
        let oversold = ApiError::stock(&sku("A"), StockRejection::Oversold { by: 2 });
        assert_eq!(code(oversold), (409, "oversold"));
        let short = StockRejection::OutOfStock { wanted: 2, available: 1 };
        assert_eq!(code(ApiError::stock(&sku("A"), short)), (409, "out_of_stock"));
        let faults = vec![Fault { pointer: "/name".into(), detail: "must not be empty".into() }];
        let invalid = ApiError::from(ProductRejection::Invalid(faults));
        assert_eq!(body(&invalid)["errors"][0]["pointer"], "/name");
        assert_eq!(invalid.status(), 422);
    }

    #[test]
    fn a_fault_tells_the_caller_nothing() {
        let error = ApiError::fault(&std::io::Error::other("/secret/path"));
        assert!(!body(&error).to_string().contains("secret"));
    }
}
