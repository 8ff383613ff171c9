//! Search: the index says which products, in which order; what is shown of them is the catalog's.

use super::dto::search::{FacetsJson, SearchJson, SuggestionJson, SuggestionsJson};
use super::products::{ProductQuery, ProductSortField, json};
use crate::actors::reads::Listed;
use crate::domain::Money;
use crate::domain::catalog::Product;
use crate::http::access::Caller;
use crate::http::app::{App, Call};
use crate::http::body::Params;
use crate::http::etag::{answer, versioned};
use crate::http::list::{self, Meta};
use crate::http::problem::ApiError;
use crate::search::{
    Correction, Direction, Facets, SearchError, SearchPage, SearchQuery, Searcher, Sort, SortBy,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How many suggestions are given.
const SUGGESTIONS: usize = 8;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search)).routes(routes!(suggest))
}

/// A page of what was found.
pub(super) struct Found {
    pub total: u64,
    pub products: Vec<Arc<Listed>>,
    pub facets: Facets,
    pub corrections: Vec<Correction>,
}

/// Asks the index. What it has and the catalog shows no more is left out.
pub(super) async fn find(
    app: &App,
    query: &ProductQuery,
    with_facets: bool,
) -> Result<Found, ApiError> {
    let currency = app.shop.env.settings.currency;
    let prices = query.prices(currency)?;
    let paging = query.paging();
    let asked = SearchQuery {
        text: query.words().unwrap_or_default().to_owned(),
        category: query.category.clone(),
        brand: query.brand.clone(),
        tag: query.tag.clone(),
        min_price: prices.min.map(Money::minor),
        max_price: prices.max.map(Money::minor),
        currency: Some(currency),
        in_stock: query.in_stock,
        attributes: vec![],
        sort: order(query),
        offset: paging.skip(),
        limit: paging.take(),
        facets: with_facets,
    };
    let page = in_index(app, move |searcher| searcher.search(&asked)).await?;
    let SearchPage { total, hits, facets, corrections } = page;
    let catalog = app.shop.reads.catalog.load();
    let products = hits.iter().filter_map(|id| catalog.product(id).cloned());
    let products = products.filter(|listed| listed.is_public()).collect();
    Ok(Found { total, products, facets, corrections })
}

fn order(query: &ProductQuery) -> Sort {
    use ProductSortField as F;
    let newest = Sort { by: SortBy::CreatedAt, direction: Direction::Descending };
    let Some(sort) = query.sort else {
        return if query.words().is_some() { Sort::default() } else { newest };
    };
    let by = match sort.by {
        F::Relevance if query.words().is_none() => return newest,
        F::Relevance => SortBy::Relevance,
        F::Price => SortBy::Price,
        F::Name => SortBy::Name,
        F::CreatedAt => SortBy::CreatedAt,
        F::UpdatedAt => SortBy::UpdatedAt,
        F::Bestselling => SortBy::Bestselling,
    };
    let direction = match sort.direction {
        list::Direction::Ascending => Direction::Ascending,
        list::Direction::Descending => Direction::Descending,
    };
    Sort { by, direction }
}

/// Reads the index on a thread that may be kept busy for some milliseconds.
pub(in crate::http) async fn in_index<T: Send + 'static>(
    app: &App,
    read: impl FnOnce(&Searcher) -> Result<T, SearchError> + Send + 'static,
) -> Result<T, ApiError> {
    let searcher = app.shop.search.load_full();
    let read = tokio::task::spawn_blocking(move || read(&searcher)).await;
    let read = read.map_err(|error| ApiError::fault(&error))?;
    read.map_err(|error| ApiError::fault(&error))
}

/// Search products.
///
/// As a list of products, with counts by category, brand, price and attribute over all that was
/// found, and with the words that were read otherwise than given.
#[utoipa::path(get, path = "/v1/search", tag = "Catalog", params(ProductQuery),
    responses((status = 200, body = SearchJson), (status = 304)))]
async fn search(
    State(app): State<App>,
    _caller: Caller,
    call: Call,
    Params(query): Params<ProductQuery>,
) -> Result<Response, ApiError> {
    let found = find(&app, &query, true).await?;
    let meta = Meta::new(found.total, query.paging());
    let products: Vec<Product> = found.products.iter().map(|listed| listed.product()).collect();
    let answer = SearchJson {
        data: products.iter().map(|product| json(&app, product)).collect(),
        meta,
        facets: FacetsJson::new(found.facets, app.shop.env.settings.currency),
        corrections: found.corrections.into_iter().map(Into::into).collect(),
    };
    let mut response = versioned(&call.headers, StatusCode::OK, None, &answer);
    meta.link(&app.public_url, &call.uri, response.headers_mut());
    Ok(response)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SuggestQuery {
    /// What was typed so far.
    #[param(max_length = 500)]
    q: String,
}

/// Suggest products, categories and brands while somebody types.
#[utoipa::path(get, path = "/v1/search/suggest", tag = "Catalog", params(SuggestQuery),
    responses((status = 200, body = SuggestionsJson)))]
async fn suggest(
    State(app): State<App>,
    _caller: Caller,
    Params(query): Params<SuggestQuery>,
) -> Result<Response, ApiError> {
    let found = in_index(&app, move |searcher| searcher.suggest(&query.q, SUGGESTIONS)).await?;
    let data = found.into_iter().map(SuggestionJson::from).collect();
    Ok(answer(StatusCode::OK, &SuggestionsJson { data }))
}
