//! The gate behind which all routes are: it finds out who asks and what the table says of it, and
//! only then lets a request through to its handler, which gets its caller from here and nowhere else.

use super::audit::Asked;
use super::rules::{Found, ROWS, Rule, Rules};
use super::{Admitted, Caller};
use crate::actors::accounts::Credential;
use crate::http::app::App;
use crate::http::cookie;
use crate::http::cors::Cors;
use crate::http::csrf::{self, Shown};
use crate::http::headers::keep_private;
use crate::http::layers::detached;
use crate::http::problem::{ApiError, not_allowed};
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, Either};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{Layer, Service};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};

/// Puts the gate before every route of a router.
#[derive(Clone)]
pub struct Gate {
    app: App,
    /// Other sites, of which some may be trusted with cookies.
    sites: Cors,
    rules: Arc<Rules>,
}

/// Somebody who may come in.
struct Entry {
    admitted: Admitted,
    /// The cookie to which a token in the request's form must belong.
    form_of: Option<String>,
}

impl Entry {
    /// Whether the answer is made for whoever a cookie names.
    fn is_by_cookie(&self) -> bool {
        matches!(self.admitted.shown, Some(Credential::Session(_)))
    }
}

impl Gate {
    pub fn new(app: App, sites: Cors) -> Gate {
        Gate { app, sites, rules: Arc::new(Rules::of(ROWS)) }
    }

    /// Who asks, if they may come in, or else the answer.
    fn admit(&self, request: &Request<Body>) -> Result<Entry, Box<Response>> {
        let refuse = |error: ApiError| Box::new(error.into_response());
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let rule = match self.rules.find(request.method().as_str(), path.unwrap_or_default()) {
            Found::Rule(rule) => rule,
            Found::Methods(methods) => {
                let methods: Vec<Method> =
                    methods.iter().filter_map(|name| name.parse().ok()).collect();
                return Err(Box::new(not_allowed(&methods)));
            }
            Found::Nothing => {
                tracing::error!(route = path, "a route has no row in the table of access");
                return Err(refuse(ApiError::Forbidden { needs: "nobody may do this".into() }));
            }
        };
        let headers = request.headers();
        let (caller, shown) = match rule {
            Rule::Open => (Caller::Nobody, None),
            Rule::Page | Rule::Form => Caller::of_cookie(&self.app, headers),
            _ => Caller::of(&self.app, headers).map_err(refuse)?,
        };
        rule.admits(&caller).map_err(refuse)?;
        let mut entry = Entry { admitted: Admitted { caller, shown, rule }, form_of: None };
        let is_asked = (matches!(rule, Rule::Page | Rule::Form) || entry.is_by_cookie())
            && !csrf::is_read(request.method());
        if is_asked {
            let url = &self.app.public_url;
            let own = cookie::SESSION.read(headers, url);
            let is_guests = rule == Rule::Form && !entry.is_by_cookie();
            if is_guests && csrf::is_said_to_be_ours(request, url, &self.sites) {
                return Ok(entry);
            }
            match csrf::check(request, own, url, &self.sites).map_err(refuse)? {
                Shown::Good => {}
                Shown::InForm => entry.form_of = own.map(str::to_owned),
            }
        }
        Ok(entry)
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }
}

/// A route behind the gate.
#[derive(Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

type Answer = Result<Response, Infallible>;

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Either<Ready<Answer>, S::Future>, BoxFuture<'static, Answer>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let entry = match self.gate.admit(&request) {
            Ok(entry) => entry,
            Err(refusal) => return Either::Left(Either::Left(ready(Ok(*refusal)))),
        };
        let route = request.extensions().get::<MatchedPath>().cloned();
        let route = route.as_ref().map(MatchedPath::as_str).unwrap_or_default();
        let asked = Asked::of(&entry.admitted.caller, &request, route, &self.gate.app);
        request.extensions_mut().insert(entry.admitted.clone());
        let answer = if entry.is_by_cookie() || entry.form_of.is_some() {
            // The service that is ready goes along, and its like stays for the next request.
            let next = self.inner.clone();
            let inner = std::mem::replace(&mut self.inner, next);
            Either::Right(for_browser(inner, request, entry))
        } else {
            Either::Left(self.inner.call(request))
        };
        let (asked, answer) = match (asked, answer) {
            (None, Either::Left(answer)) => return Either::Left(Either::Right(answer)),
            (None, Either::Right(answer)) => return Either::Right(Box::pin(answer)),
            (Some(asked), answer) => (asked, answer),
        };
        // Whoever hangs up, what is changed is noted.
        let app = self.gate.app.clone();
        Either::Right(Box::pin(detached(async move {
            let response = answer.await.unwrap_or_else(|never| match never {});
            Ok(asked.answered(response, &app).await)
        })))
    }
}

/// Looks into the form, where that is left to do, and keeps the answer to its owner.
async fn for_browser<S>(mut inner: S, mut request: Request<Body>, entry: Entry) -> Answer
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    if let Some(cookie) = &entry.form_of {
        request = match csrf::check_form(request, cookie).await {
            Ok(request) => request,
            Err(error) => return Ok(error.into_response()),
        };
    }
    let mut response = inner.call(request).await?;
    if entry.is_by_cookie() {
        keep_private(response.headers_mut());
    }
    Ok(response)
}

/// What the routes and the table say differently of each other.
pub fn differences(document: &OpenApi, pages: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: Vec<(&str, &str)> = Vec::new();
    let rules = Rules::of(ROWS);
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            known.push((method, path));
            match rules.find(method, path) {
                Found::Rule(rule) if !agrees(operation, rule) => {
                    found.push(format!("{method} {path} is documented otherwise than {rule:?}"));
                }
                Found::Rule(_) => {}
                Found::Methods(_) | Found::Nothing => {
                    found.push(format!("{method} {path} has no row in the table of access"));
                }
            }
        }
    }
    for row in ROWS {
        let is_there = known.contains(&(row.method, row.path)) || pages.contains(&row.path);
        if !is_there {
            found.push(format!("{} {} has a row and no route", row.method, row.path));
        }
        let same = ROWS.iter().filter(|own| (own.method, own.path) == (row.method, row.path));
        if same.count() > 1 {
            found.push(format!("{} {} has two rows", row.method, row.path));
        }
    }
    for page in pages {
        if rules.find("", page) == Found::Nothing {
            found.push(format!("{page} has no row in the table of access"));
        }
    }
    found
}

/// Whether the document asks for a token exactly where the rule does.
fn agrees(operation: &Operation, rule: Rule) -> bool {
    let ways = operation.security.as_deref().unwrap_or_default();
    // An empty way in is one without a token.
    let none = serde_json::json!({});
    let is_optional = ways.iter().any(|way| serde_json::to_value(way).is_ok_and(|way| way == none));
    let is_closed = !ways.is_empty() && !is_optional;
    is_closed == rule.is_closed()
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    let all = [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("OPTIONS", options),
        ("HEAD", head),
        ("PATCH", patch),
        ("TRACE", trace),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_nobody_decided_about_is_found() {
        let mut document = crate::http::openapi::tests::document();
        let found = differences(&document, &["/docs", "/secret"]);
        let has = |what: &str| found.iter().any(|line| line.contains(what));
        assert!(has("GET /v1/carts has no row"), "{found:?}");
        assert!(has("/secret has no row"), "{found:?}");
        assert!(has("GET /v1/orders has a row and no route"), "{found:?}");
        assert!(!has("/v1/carts/{cartId}/items has no row") && !has("/docs"), "{found:?}");
        // A document that promises more than the table lets in.
        let item = document.paths.paths.remove("/v1/carts").unwrap();
        document.paths.paths.insert("/v1/products".into(), item);
        let found = differences(&document, &[]);
        assert!(found.iter().any(|line| line.contains("GET /v1/products is documented otherwise")));
    }
}
