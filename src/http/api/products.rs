//! Products. Everybody sees what is active; staff see and write everything.

use super::dto::product::{ProductCreate, ProductJson, ProductPlan, ProductUpdate};
use super::search::find;
use crate::actors::ask::{Answered, Keyed, Refusal, Render, RenderedAnswer};
use crate::actors::catalog::{
    CatalogRejection, ChangedProduct, NewProduct, ProductOutcome, StockInput, set_stock,
};
use crate::actors::reads::{self, Catalog, Listed, Page, ProductFilter};
use crate::domain::catalog::{Fault, Product, ProductContent, ProductRejection, handle_from};
use crate::domain::permission::Permission;
use crate::domain::stock::StockRejection;
use crate::domain::{Currency, Money, ProductId, Sku};
use crate::http::access::{Caller, Staff};
use crate::http::app::{App, Call};
use crate::http::body::{Body, Named, Params};
use crate::http::etag::EntityTag;
use crate::http::json::DecimalText;
use crate::http::kept::Shown;
use crate::http::keyed::{carry_out, refused, rendered, send};
use crate::http::layers::detached;
use crate::http::list::{
    Direction, List, Meta, PageLimit, PageNumber, Paging, Sort, SortField, range_fault,
};
use crate::http::problem::ApiError;
use crate::http::texts::Text;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::try_join_all;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Why stock changes where a member of staff wrote a figure.
const REASON: &str = "set by staff";

/// How often a change is made again on top of somebody else's.
const TRIES: usize = 8;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, archive))
        .routes(routes!(show_by_handle))
}

/// What a list of products can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProductSortField {
    Price,
    Name,
    CreatedAt,
    UpdatedAt,
    Relevance,
    Bestselling,
}

impl SortField for ProductSortField {
    const ALL: &'static [(&'static str, ProductSortField)] = &[
        ("price", ProductSortField::Price),
        ("name", ProductSortField::Name),
        ("createdAt", ProductSortField::CreatedAt),
        ("updatedAt", ProductSortField::UpdatedAt),
        ("relevance", ProductSortField::Relevance),
        ("bestselling", ProductSortField::Bestselling),
    ];
}

pub(super) type ProductSort = Sort<ProductSortField>;

/// Which products. Text matches without regard to case.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProductQuery {
    #[param(max_length = 255)]
    pub category: Option<String>,
    #[param(max_length = 255)]
    pub brand: Option<String>,
    /// Inclusive, in the shop's currency; products in another are left out.
    #[param(inline)]
    pub min_price: Option<DecimalText>,
    #[param(inline)]
    pub max_price: Option<DecimalText>,
    /// Words to search for; typing errors are forgiven.
    #[param(max_length = 500)]
    pub q: Option<String>,
    #[param(max_length = 255)]
    pub tag: Option<String>,
    /// Whether any of its variants can be bought now.
    pub in_stock: Option<bool>,
    #[serde(default)]
    #[param(inline)]
    pub page: PageNumber,
    #[serde(default)]
    #[param(inline)]
    pub limit: PageLimit,
    /// By default `relevance:desc` where words are searched for, else `createdAt:desc`. Relevance
    /// without words is the default order, too.
    #[param(inline)]
    pub sort: Option<ProductSort>,
}

/// The bounds of a price, both inclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PriceRange {
    pub min: Option<Money>,
    pub max: Option<Money>,
}

impl ProductQuery {
    pub fn paging(&self) -> Paging {
        Paging { page: self.page, limit: self.limit }
    }

    /// The words to search for, if there are any.
    pub fn words(&self) -> Option<&str> {
        self.q.as_deref().filter(|words| !words.trim().is_empty())
    }

    /// The bounds in the shop's currency; every fault of them is a 400.
    pub fn prices(&self, currency: Currency) -> Result<PriceRange, ApiError> {
        let mut faults: Vec<Fault> = Vec::new();
        let mut bound = |text: &Option<DecimalText>, pointer: &str| {
            let money = text.as_ref().map(|text| text.money_at(pointer, currency)).transpose();
            money.unwrap_or_else(|fault| {
                faults.push(fault);
                None
            })
        };
        let range = PriceRange {
            min: bound(&self.min_price, "/minPrice"),
            max: bound(&self.max_price, "/maxPrice"),
        };
        if !faults.is_empty() {
            return Err(ApiError::InvalidQuery(faults));
        }
        match range {
            PriceRange { min: Some(min), max: Some(max) } if min.minor() > max.minor() => {
                Err(range_fault("minPrice", "maxPrice"))
            }
            range => Ok(range),
        }
    }

    /// How a list without words is sorted.
    fn order(&self) -> reads::Sort {
        use ProductSortField as F;
        let Some(sort) = self.sort else { return reads::Sort::default() };
        let by = match sort.by {
            F::Relevance => return reads::Sort::default(),
            F::Price => reads::SortBy::Price,
            F::Name => reads::SortBy::Name,
            F::CreatedAt => reads::SortBy::CreatedAt,
            F::UpdatedAt => reads::SortBy::UpdatedAt,
            F::Bestselling => reads::SortBy::Bestselling,
        };
        let direction = match sort.direction {
            Direction::Ascending => reads::Direction::Ascending,
            Direction::Descending => reads::Direction::Descending,
        };
        reads::Sort { by, direction }
    }
}

/// List products.
///
/// What is active, to everybody. A list is exact and shows every change at once; with words to
/// search for, a change is seen within a second.
#[utoipa::path(get, path = "/v1/products", tag = "Catalog", params(ProductQuery),
    responses((status = 200, body = List<ProductJson>), (status = 304)))]
async fn list(
    State(app): State<App>,
    _caller: Caller,
    Params(query): Params<ProductQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let paging = query.paging();
    // The index is behind the models by up to a second, and does not say by how much.
    let is_exact = query.words().is_none();
    let (total, products) = match query.words() {
        Some(_) => {
            let found = find(&app, &query, false).await?;
            (found.total, found.products)
        }
        None => {
            let prices = query.prices(app.shop.env.settings.currency)?;
            let order = query.order();
            let ProductQuery { category, brand, tag, in_stock, .. } = query;
            let filter = ProductFilter {
                category,
                brand,
                tag,
                min_price: prices.min,
                max_price: prices.max,
                in_stock,
                include_unpublished: false,
                status: None,
            };
            let page = Page { offset: paging.skip(), limit: paging.take() };
            let catalog = app.shop.reads.catalog.load();
            let (total, products) = catalog.list(&filter, order, page, &app.shop.reads.levels);
            (total as u64, products)
        }
    };
    let texts = products.iter().map(|listed| app.texts.of(&app, listed));
    let texts = texts.collect::<Result<Vec<_>, ApiError>>()?;
    let meta = Meta::new(total, paging);
    let shown = listed(&texts, meta)?.linked(meta.links(&app.public_url, request.uri()));
    Ok(match is_exact {
        true => app.answers.give(made_at, &request, shown),
        false => shown.answer(request.headers()),
    })
}

/// A list put together of texts that are ready; its tag is one of theirs and of the list's figures.
fn listed(texts: &[Arc<Text>], meta: Meta) -> Result<Shown, ApiError> {
    let meta = serde_json::to_string(&meta).map_err(|error| ApiError::fault(&error))?;
    let tags: Vec<&str> = texts.iter().map(|text| text.tag.as_str()).chain([&*meta]).collect();
    let tag = EntityTag::of_bytes(tags.concat().as_bytes());
    let bytes: usize = texts.iter().map(|text| text.json.len() + 1).sum();
    let mut list = Vec::with_capacity(bytes + meta.len() + 32);
    list.extend_from_slice(b"{\"data\":[");
    for (n, text) in texts.iter().enumerate() {
        if n > 0 {
            list.push(b',');
        }
        list.extend_from_slice(&text.json);
    }
    list.extend_from_slice(b"],\"meta\":");
    list.extend_from_slice(meta.as_bytes());
    list.push(b'}');
    Ok(Shown::new(tag, list.into()))
}

/// See a product.
///
/// Drafts and archived products are there for staff alone.
#[utoipa::path(get, path = "/v1/products/{productId}", tag = "Catalog",
    params(("productId" = String, Path)), security((), ("bearer" = [])),
    responses((status = 200, body = ProductJson), (status = 304)))]
async fn show(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<ProductId>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let found = app.shop.reads.catalog.load().product(&id).cloned();
    one(&app, &caller, made_at, &request, found)
}

/// See a product by its name in addresses.
#[utoipa::path(get, path = "/v1/products/by-handle/{handle}", tag = "Catalog",
    params(("handle" = String, Path)), security((), ("bearer" = [])),
    responses((status = 200, body = ProductJson), (status = 304)))]
async fn show_by_handle(
    State(app): State<App>,
    caller: Caller,
    Named(handle): Named<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let made_at = app.answers.moment();
    let found = app.shop.reads.catalog.load().by_handle(&handle).cloned();
    one(&app, &caller, made_at, &request, found)
}

fn one(
    app: &App,
    caller: &Caller,
    made_at: u64,
    request: &Request,
    found: Option<Arc<Listed>>,
) -> Result<Response, ApiError> {
    let listed = found.filter(|listed| listed.is_public() || caller.may(Permission::ProductsRead));
    let text = app.texts.of(app, &listed.ok_or(NO_PRODUCT)?)?;
    let shown = Shown::new(text.tag.clone(), text.json.clone());
    Ok(app.answers.give(made_at, request, shown))
}

/// Make a product.
///
/// Eight fields are enough: they make a product with one variant. A handle that is not given is
/// made from the name, and a SKU from the handle.
#[utoipa::path(post, path = "/v1/products", tag = "Catalog", request_body = ProductCreate,
    params(("Idempotency-Key" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 201, body = ProductJson), (status = 409)))]
async fn create(
    State(app): State<App>,
    staff: Staff,
    call: Call,
    body: Body<ProductCreate>,
) -> Result<Response, ApiError> {
    let attempt = call.attempt(&staff.scope, &body.raw)?;
    let new = new_product(&app.shop.reads.catalog.load(), body.value)?;
    let desks = (app.shop.catalog.clone(), app.shop.engine.desk.clone());
    carry_out(&app, attempt, created(&app, &call), move |keyed| async move {
        let (owner, desk) = desks;
        let made = owner.create_product(new, keyed).await?;
        // A SKU that had stock before it had this product.
        for input in made.value.set_stock.iter().cloned() {
            if let Err(refusal) = set_stock(&desk, input, REASON).await {
                tracing::warn!(product = %made.value.product.id, %refusal, "stock was not set");
            }
        }
        Ok(made)
    })
    .await
}

/// What is asked of the owner. The names that it finds taken it numbers itself, so those that were
/// not given are left to it.
fn new_product(catalog: &Catalog, mut body: ProductCreate) -> Result<NewProduct, ApiError> {
    let sku_given =
        body.sku.is_some() || body.variants.iter().flatten().any(|variant| variant.sku.is_some());
    let handle_given = body.handle.is_some();
    if !handle_given {
        body.handle = Some(free_handle(catalog, &body.name));
    }
    let mut plan = body.into_plan()?;
    let stock = stock_inputs(&plan);
    if !handle_given {
        plan.content.handle.clear();
    }
    let sku_from_handle = !sku_given && plan.content.variants.len() == 1;
    Ok(NewProduct { id: None, content: plan.content, sku_from_handle, stock })
}

/// The handle that the owner will most likely choose; SKUs of several variants are made from it.
fn free_handle(catalog: &Catalog, name: &str) -> String {
    let wanted = handle_from(name);
    let numbers = (2u32..).map(|n| format!("{wanted}-{n}"));
    let mut all = std::iter::once(wanted.clone()).chain(numbers);
    let free = all.find(|handle| catalog.by_handle(handle).is_none());
    free.unwrap_or(wanted)
}

/// How a new product's answer looks.
fn created(app: &App, call: &Call) -> Render<ProductOutcome, CatalogRejection> {
    let (app, path) = (app.clone(), call.path().to_owned());
    Arc::new(move |outcome| match outcome {
        Ok(outcome) => {
            let location = format!("/v1/products/{}", outcome.product.id);
            rendered_outcome(&app, outcome, Some(location))
        }
        Err(rejection) => refused(problem(rejection), &path),
    })
}

/// A product as its owner has just written it, which the read models may not show yet.
pub(super) fn rendered_outcome(
    app: &App,
    outcome: &ProductOutcome,
    location: Option<String>,
) -> RenderedAnswer {
    let product = outcome.product.product();
    let skus = product.content.variants.iter().map(|variant| &variant.sku);
    let levels: Vec<_> = skus.zip(&outcome.levels).collect();
    let available = |sku: &Sku| {
        let asked = outcome.set_stock.iter().find(|input| input.sku == *sku);
        let asked = asked.and_then(|input| input.available).map(i64::from);
        let booked = levels.iter().find(|(own, _)| *own == sku).map(|(_, level)| level.available());
        asked.or(booked).unwrap_or_default()
    };
    let json = ProductJson::new(&product, |url| app.picture_url(url), available);
    let status = if location.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    rendered(status, outcome.product.version, location, &json)
}

/// Change a product.
///
/// Only what is named is changed. `stockQuantity` is an adjustment to that many available units,
/// carried out by the SKU itself; a product with several variants takes it per variant.
#[utoipa::path(put, path = "/v1/products/{productId}", tag = "Catalog", request_body = ProductUpdate,
    params(("productId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 200, body = ProductJson), (status = 409), (status = 412)))]
async fn update(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(id): Named<ProductId>,
    body: Body<ProductUpdate>,
) -> Result<Response, ApiError> {
    detached(async move {
        let body = body.value;
        let levels = &app.shop.reads.levels;
        let mut counted = Vec::new();
        let changed = change(&app, &id, None, |current| {
            call.expected(Some(current.version))?;
            let plan = body.clone().apply_to(current.product().content)?;
            let stock = stock_inputs(&plan);
            check_stock(&app, &stock)?;
            counted.clone_from(&stock);
            counted.retain(|input| levels.row(&input.sku).is_some());
            Ok::<_, ApiError>(Edited { content: plan.content, stock })
        });
        // New SKUs are booked in with the product; of the others each counts for itself, because
        // it alone knows what is promised this moment.
        changed.await?;
        let desk = &app.shop.engine.desk;
        let counting = counted.into_iter().map(|input| async {
            let sku = input.sku.clone();
            let done = set_stock(desk, input, REASON).await;
            done.map_err(|refusal| stock_problem(&sku, refusal))
        });
        try_join_all(counting).await?;
        let catalog = app.shop.reads.catalog.load();
        let listed = catalog.product(&id).ok_or(NO_PRODUCT)?;
        Ok(send(rendered(StatusCode::OK, listed.version, None, &json(&app, &listed.product()))))
    })
    .await
}

/// Takes a product off the shelf.
///
/// It is archived: orders keep their copy, and staff can make it active again.
#[utoipa::path(delete, path = "/v1/products/{productId}", tag = "Catalog",
    params(("productId" = String, Path), ("If-Match" = Option<String>, Header)), security(("bearer" = [])),
    responses((status = 204), (status = 412)))]
async fn archive(
    State(app): State<App>,
    _staff: Staff,
    call: Call,
    Named(id): Named<ProductId>,
) -> Result<Response, ApiError> {
    let current = current(&app, &id)?;
    let expected = call.expected(Some(current.version))?;
    let owner = app.shop.catalog.clone();
    let path = call.path().to_owned();
    let render: Render<ProductOutcome, CatalogRejection> = Arc::new(move |outcome| match outcome {
        Ok(_) => RenderedAnswer { status: 204, headers: vec![], body: vec![], about: None },
        Err(rejection) => refused(problem(rejection), &path),
    });
    carry_out(&app, None, render, move |_| async move { owner.archive_product(id, expected).await })
        .await
}

const NO_PRODUCT: ApiError = ApiError::NotFound { what: "product" };

/// The product as it is shown, with its stock of this moment.
pub(super) fn json<'a>(app: &App, product: &'a Product) -> ProductJson<'a> {
    let levels = &app.shop.reads.levels;
    ProductJson::new(product, |url| app.picture_url(url), |sku| levels.get(sku).available())
}

pub(super) fn current(app: &App, id: &ProductId) -> Result<Arc<Listed>, ApiError> {
    app.shop.reads.catalog.load().product(id).cloned().ok_or(NO_PRODUCT)
}

/// A product's new content, and what that says of its stock.
pub(super) struct Edited {
    pub content: ProductContent,
    pub stock: Vec<StockInput>,
}

/// Has the owner change a product: `edit` makes the new content of the one that stands. Where
/// somebody else was faster, it is made again on top of theirs.
pub(super) async fn change<E: From<Refusal<CatalogRejection>>>(
    app: &App,
    id: &ProductId,
    keyed: Option<Keyed<ProductOutcome, CatalogRejection>>,
    mut edit: impl FnMut(&Listed) -> Result<Edited, E>,
) -> Result<Answered<ProductOutcome>, E> {
    for _ in 0..TRIES {
        let found = app.shop.reads.catalog.load().product(id).cloned();
        let unknown = CatalogRejection::Product(ProductRejection::Unknown);
        let current = found.ok_or(Refusal::Rejected(unknown))?;
        let Edited { content, stock } = edit(&current)?;
        let (id, expected) = (id.clone(), Some(current.version));
        let changed = ChangedProduct { id, expected, content, stock };
        let again = keyed.as_ref().map(|keyed| Keyed {
            attempt: keyed.attempt,
            first_used: keyed.first_used,
            render: Arc::clone(&keyed.render),
            vault: keyed.vault.clone(),
        });
        match app.shop.catalog.update_product(changed, again).await {
            Err(Refusal::Rejected(CatalogRejection::Changed { .. })) => {}
            answered => return Ok(answered?),
        }
    }
    Err(Refusal::Unavailable.into())
}

/// What a plan asks of each of its SKUs.
fn stock_inputs(plan: &ProductPlan) -> Vec<StockInput> {
    let variants = plan.content.variants.iter().map(|variant| {
        let units = plan.stock.iter().find(|(sku, _)| *sku == variant.sku);
        StockInput {
            sku: variant.sku.clone(),
            available: units.map(|(_, units)| *units),
            backorder: plan.backorder,
            low_stock_at: plan.low_stock_at,
        }
    });
    let asks = |input: &StockInput| {
        input.available.is_some() || input.backorder.is_some() || input.low_stock_at.is_some()
    };
    variants.filter(asks).collect()
}

/// Says no to what the SKUs would refuse, before anything is written.
fn check_stock(app: &App, stock: &[StockInput]) -> Result<(), ApiError> {
    for input in stock {
        let level = app.shop.reads.levels.get(&input.sku);
        let oversold = -level.available();
        if input.backorder == Some(false) && input.available.is_none() && oversold > 0 {
            return Err(ApiError::stock(&input.sku, StockRejection::Oversold { by: oversold }));
        }
    }
    Ok(())
}

fn stock_problem(sku: &Sku, refusal: Refusal<StockRejection>) -> ApiError {
    match refusal {
        Refusal::Rejected(rejection) => ApiError::stock(sku, rejection),
        Refusal::Unavailable => ApiError::Unavailable { what: "the shop" },
    }
}

impl From<Refusal<CatalogRejection>> for ApiError {
    fn from(refusal: Refusal<CatalogRejection>) -> ApiError {
        match refusal {
            Refusal::Rejected(rejection) => problem(&rejection),
            Refusal::Unavailable => ApiError::Unavailable { what: "the shop" },
        }
    }
}

/// How the owner's no looks.
pub(super) fn problem(rejection: &CatalogRejection) -> ApiError {
    use CatalogRejection as R;
    let conflict = |code| ApiError::Conflict { code, detail: rejection.to_string() };
    match rejection.clone() {
        R::Product(ProductRejection::Unknown) => NO_PRODUCT,
        R::Product(rejection) => rejection.into(),
        R::Changed { .. } => ApiError::PreconditionFailed,
        R::HandleTaken { .. } => conflict("handle_taken"),
        R::SkuTaken { .. } => conflict("sku_taken"),
        R::NoSuchCategory { .. } => ApiError::NotFound { what: "category" },
        R::CategoryExists { .. } => conflict("category_exists"),
        R::CategoryNameTaken { .. } => conflict("category_name_taken"),
        R::NoSuchParent { .. } | R::ParentCycle => {
            ApiError::invalid("/parent", rejection.to_string())
        }
        R::CategoryInUse { .. } => conflict("category_in_use"),
        R::NoSuchCollection { .. } => ApiError::NotFound { what: "collection" },
        R::CollectionExists { .. } => conflict("collection_exists"),
        R::NoSuchMember { .. } => ApiError::invalid("/productIds", rejection.to_string()),
    }
}
