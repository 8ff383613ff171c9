//! What reading the catalog over HTTP costs, as a share of a bare server that answers the same bytes.
//!
//! In each round the real program and a bare hyper server take turns, each a process of its own, under
//! the same connections that ask again as soon as they are answered. The bare server knows
//! every answer beforehand, its head as well, and looks it up by its path. Both rates and processor
//! time for each request are shown: the second holds where others use the machine.
//!
//! `cargo bench --bench reads -- --products 10000 --rounds 5 --connections 32 --millis 1500`

mod ground;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use ground::asking::{Run, ask, field, load};
use ground::large::{Size, copy_of, large_shop};
use ground::program::Program;
use ground::{Outcome, median, option};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("bare") {
        let answers = words.next().ok_or("a file of answers")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(serve_bare(Path::new(&answers)));
    }
    let size = Size { products: option("products", 10_000), orders: option("orders", 0) };
    let plan = Plan {
        rounds: option("rounds", 5).max(1),
        connections: option("connections", 32).max(1),
        span: Duration::from_millis(option("millis", 1_500) as u64),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let kept = runtime.block_on(large_shop(size))?;
    drop(runtime);
    let copy = copy_of(&kept)?;
    // One thread is enough to ask, and leaves the other core to who is asked.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(copy.path(), plan))
}

#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    connections: usize,
    span: Duration,
}

/// The kinds of requests, each with those that are asked in turn.
struct Kind {
    name: &'static str,
    /// The least share of the bare server's rate that is aimed at.
    aim: f64,
    requests: Vec<Arc<str>>,
}

async fn run(folder: &Path, plan: Plan) -> Outcome<()> {
    let data = folder.to_str().ok_or("an odd path")?;
    let mercat = Program::start(&["serve", "--data", data])?;
    let kinds = kinds(&mercat.address).await?;
    let answers = folder.join("answers.json");
    keep_answers(&mercat.address, &kinds, &answers).await?;
    let bare = Program::bare(answers.to_str().ok_or("an odd path")?)?;
    println!(
        "{} connections, {} rounds of {:.1} s, medians\n",
        plan.connections,
        plan.rounds,
        plan.span.as_secs_f64()
    );
    println!(
        "{:<28} {:>8} {:>10} {:>10} {:>7} {:>7} {:>9} {:>9} {:>7}",
        "", "bytes", "bare/s", "mercat/s", "share", "aim", "bare us", "mercat us", "share"
    );
    for kind in &kinds {
        let (mut bares, mut mercats) = (vec![], vec![]);
        let mut bytes = 0;
        for _ in 0..plan.rounds {
            bares.push(load(&bare, &kind.requests, plan.connections, plan.span).await?);
            mercats.push(load(&mercat, &kind.requests, plan.connections, plan.span).await?);
            bytes = mercats.last().map_or(0, |run| run.bytes);
        }
        let ratio = |figure: &dyn Fn(&Run) -> f64| {
            median(mercats.iter().zip(&bares).map(|(own, bare)| figure(own) / figure(bare)))
        };
        let middle = |runs: &[Run], figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure));
        let (rate, work) = (|run: &Run| run.rate, |run: &Run| run.work_us);
        println!(
            "{:<28} {:>8} {:>10.0} {:>10.0} {:>6.0}% {:>6.0}% {:>9.1} {:>9.1} {:>6.0}%",
            kind.name,
            bytes,
            middle(&bares, &rate),
            middle(&mercats, &rate),
            ratio(&rate) * 100.0,
            kind.aim * 100.0,
            middle(&bares, &work),
            middle(&mercats, &work),
            100.0 / ratio(&work),
        );
    }
    bare.end("-KILL")?;
    mercat.end("-TERM")
}

async fn kinds(address: &str) -> Outcome<Vec<Kind>> {
    const PRODUCTS: usize = 100;
    let mut asking = TcpStream::connect(address).await?;
    let (_, _, body) = ask(&mut asking, &get("/v1/products?limit=100", None)).await?;
    let list: serde_json::Value = serde_json::from_slice(&body)?;
    let products = list["data"].as_array().ok_or("a list")?;
    let ids = products.iter().filter_map(|product| product["productId"].as_str());
    let paths: Vec<String> = ids.take(PRODUCTS).map(|id| format!("/v1/products/{id}")).collect();
    let pages: Vec<String> = (1..=20).map(|page| format!("/v1/products?page={page}")).collect();
    let plain = |paths: &[String]| -> Vec<Arc<str>> {
        paths.iter().map(|path| get(path, None).into()).collect()
    };
    let mut kinds = vec![
        Kind { name: "a product", aim: 0.7, requests: plain(&paths) },
        Kind { name: "a page of 20 products", aim: 0.6, requests: plain(&pages) },
    ];
    for (name, paths) in [("a product, 304", &paths), ("a page of 20, 304", &pages)] {
        let mut requests: Vec<Arc<str>> = Vec::new();
        for path in paths {
            let (_, head, _) = ask(&mut asking, &get(path, None)).await?;
            let tag = field(&head, "etag").ok_or("an ETag")?;
            requests.push(get(path, Some(tag)).into());
        }
        kinds.push(Kind { name, aim: 0.8, requests });
    }
    Ok(kinds)
}

fn get(path: &str, tag: Option<&str>) -> String {
    let condition = tag.map(|tag| format!("If-None-Match: {tag}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n{condition}\r\n")
}

/// Keeps what the program answers, for the bare server.
async fn keep_answers(address: &str, kinds: &[Kind], file: &Path) -> Outcome<()> {
    let mut asking = TcpStream::connect(address).await?;
    let mut kept = Vec::new();
    for request in kinds.iter().flat_map(|kind| &kind.requests) {
        let (status, head, body) = ask(&mut asking, request).await?;
        if status != 200 && status != 304 {
            return Err(format!("{status} for {request}").into());
        }
        kept.push((request.to_string(), head, String::from_utf8(body)?));
    }
    Ok(std::fs::write(file, serde_json::to_vec(&kept)?)?)
}

type Answers = HashMap<String, [Option<(HeaderMap, Bytes)>; 2]>;

/// A server that knows every answer beforehand.
async fn serve_bare(file: &Path) -> Outcome<()> {
    let kept: Vec<(String, String, String)> = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut answers = Answers::new();
    for (request, head, body) in kept {
        let path = request.split(' ').nth(1).ok_or("a path")?;
        let is_304 = usize::from(head.starts_with("HTTP/1.1 304"));
        let mut headers = HeaderMap::new();
        for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
            // hyper writes these itself.
            if name != "content-length" && name != "date" {
                headers.append(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
            }
        }
        answers.entry(path.to_owned()).or_default()[is_304] = Some((headers, body.into()));
    }
    let answers = Arc::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    loop {
        let (line, _) = listener.accept().await?;
        line.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = bare_answer(&answers, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(line), service).await;
        });
    }
}

fn bare_answer(answers: &Answers, request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let is_conditional = request.headers().contains_key("if-none-match");
    let found = answers.get(path).and_then(|kept| kept[usize::from(is_conditional)].as_ref());
    let Some((headers, body)) = found else {
        let mut response = Response::new(Body::empty());
        let known = path == "/readyz";
        *response.status_mut() = if known { StatusCode::OK } else { StatusCode::NOT_FOUND };
        return response;
    };
    let mut response = Response::new(Body::from(body.clone()));
    if is_conditional {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    *response.headers_mut() = headers.clone();
    response
}
