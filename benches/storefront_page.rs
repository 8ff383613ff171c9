//! What a page of the shop costs: a product's, and one of a category.
//!
//! First in process, through the whole front but without a connection: for somebody whose cart is in a
//! cookie, so that each page is made anew. Then over HTTP, the real program: what everybody is shown
//! (kept until something changes), what somebody with a cart is shown (made anew), and a file that the
//! same server gives from its memory, the one whose answer is nearest in size. They take turns in
//! each round. It ends with an error where a product's page that everybody is shown has less than half
//! the file's rate.
//!
//! `cargo bench --bench storefront_page -- --products 1000 --rounds 5 --connections 64 --millis 1500`

mod ground;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::COOKIE;
use futures_util::StreamExt;
use ground::asking::{Run, ask, field, load};
use ground::large::{Size, copy_of, large_shop, open_shop};
use ground::program::Program;
use ground::{Outcome, median, option};
use mercat::actors::pictures::Pictures;
use mercat::config::{Config, Rates};
use mercat::http::app::App;
use mercat::http::kept::Answers;
use mercat::http::layers::{Arrival, Front};
use mercat::http::list::PublicUrl;
use mercat::http::router::front;
use mercat::http::texts::Texts;
use mercat::identity::SignIns;
use mercat::media::Folder;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// The least share of the file's rate that a product's page has.
const AIM: f64 = 0.5;

/// Products whose pages are asked for in turn.
const PRODUCTS: usize = 50;

/// Pages made in process in each round.
const MADE: usize = 2_000;

/// A cart that is not there: its visitor is somebody, and is shown pages made for them.
const CART: &str = "mercat-cart=cart-00000000000000000000000000";

fn main() -> Outcome<()> {
    let plan = Plan {
        rounds: option("rounds", 5).max(1),
        connections: option("connections", 64).max(1),
        span: Duration::from_millis(option("millis", 1_500) as u64),
    };
    let size = Size { products: option("products", 1_000), orders: 0 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let copy = copy_of(&runtime.block_on(large_shop(size))?)?;
    runtime.block_on(in_process(copy.path(), plan))?;
    // One thread is enough to ask, and leaves the other core to who is asked.
    drop(runtime);
    let asking = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    asking.block_on(over_http(plan))
}

#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    connections: usize,
    span: Duration,
}

/// Makes pages one after the other.
async fn in_process(folder: &Path, plan: Plan) -> Outcome<()> {
    let shop = Arc::new(open_shop(folder).await?);
    let config = Config { rates: Rates { on: false, ..Rates::default() }, ..Config::default() };
    let public_url: PublicUrl = "http://localhost".parse()?;
    let app = App {
        looks: Arc::default(),
        shop: Arc::clone(&shop),
        public_url: public_url.clone(),
        pictures: Pictures::new(
            Arc::new(Folder::open(&folder.join("media"))?),
            shop.blocking.clone(),
        ),
        texts: Texts::default(),
        answers: Answers::new(shop.reads.moment.clone()),
        test: None,
        upload_bytes: config.limits.upload_bytes,
        sign_ins: SignIns::open(&config.identity, |id| public_url.join(id))?,
    };
    let catalog = shop.reads.catalog.load();
    let handles =
        catalog.products().into_iter().take(PRODUCTS).map(|listed| listed.product().content.handle);
    let products: Vec<String> = handles.map(|handle| format!("/p/{handle}")).collect();
    let tree = catalog.category_tree();
    let largest = tree.iter().max_by_key(|node| node.products).ok_or("a category")?;
    let categories = vec![format!("/c/{}", largest.category.handle)];
    let mut front = front(app, config.door()?)?;
    println!(
        "{} products; made one after the other, medians of {} rounds\n",
        catalog.len(),
        plan.rounds
    );
    println!("{:<40} {:>8} {:>12}", "", "bytes", "us");
    for (name, paths) in [("a product's page", &products), ("a page of a category", &categories)] {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..plan.rounds {
            let began = Instant::now();
            for path in paths.iter().cycle().take(MADE) {
                bytes = made(&mut front, path).await?;
            }
            times.push(began.elapsed().as_secs_f64() * 1e6 / MADE as f64);
        }
        println!("{name:<40} {bytes:>8} {:>12.1}", median(times));
    }
    drop((front, catalog));
    shop.begin_closing();
    shop.close().await;
    Ok(())
}

/// Makes one page for somebody; gives its size.
async fn made(front: &mut Front, path: &str) -> Outcome<usize> {
    let request = Request::get(path).header(COOKIE, CART).body(Body::empty())?;
    let Ok(answer) = front.answer(request, Arrival::nowhere()).await;
    if !answer.status().is_success() {
        return Err(format!("{path} was answered {}", answer.status()).into());
    }
    let mut body = answer.into_body().into_data_stream();
    let mut bytes = 0;
    while let Some(part) = body.next().await {
        bytes += part?.len();
    }
    Ok(bytes)
}

/// Pages and a file of the real program, as everybody asks for them.
async fn over_http(plan: Plan) -> Outcome<()> {
    let shop = Program::start(&["demo"])?;
    let mut line = TcpStream::connect(&shop.address).await?;
    let (_, _, list) = ask(&mut line, &get("/v1/products?limit=50", "")).await?;
    let list: serde_json::Value = serde_json::from_slice(&list)?;
    let products = list["data"].as_array().ok_or("a list")?;
    let handles = products.iter().filter_map(|product| product["handle"].as_str());
    let pages: Vec<String> = handles.take(PRODUCTS).map(|handle| format!("/p/{handle}")).collect();
    let (_, _, page) = ask(&mut line, &get(pages.first().ok_or("a product")?, ZIPPED)).await?;
    let file = nearest_file(&mut line, page.len()).await?;
    let as_guest: Vec<Arc<str>> = pages.iter().map(|path| get(path, ZIPPED).into()).collect();
    let cookie = format!("{ZIPPED}Cookie: {CART}\r\n");
    let as_visitor: Vec<Arc<str>> = pages.iter().map(|path| get(path, &cookie).into()).collect();
    let category: Arc<str> = get("/c/kitchen", ZIPPED).into();
    let own_category: Arc<str> = get("/c/kitchen", &cookie).into();
    let kinds: [(&str, Vec<Arc<str>>); 5] = [
        ("a file from memory", vec![file.into()]),
        ("a product's page, as everybody has it", as_guest),
        ("a product's page, made for a visitor", as_visitor),
        ("a category's page, as everybody has it", vec![category]),
        ("a category's page, made for a visitor", vec![own_category]),
    ];
    let mut runs: Vec<Vec<Run>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..plan.rounds {
        for ((_, requests), runs) in kinds.iter().zip(&mut runs) {
            runs.push(load(&shop, requests, plan.connections, plan.span).await?);
        }
    }
    shop.end("-TERM")?;
    println!("\nover HTTP, {} connections, medians of {} rounds\n", plan.connections, plan.rounds);
    println!("{:<40} {:>8} {:>10} {:>9} {:>13}", "", "bytes", "a second", "us", "of the file's");
    let mut shares = Vec::new();
    for ((name, _), own) in kinds.iter().zip(&runs) {
        let share = median(own.iter().zip(&runs[0]).map(|(own, file)| own.rate / file.rate));
        let bytes = own.last().map_or(0, |run| run.bytes);
        let rate = median(own.iter().map(|run| run.rate));
        let work = median(own.iter().map(|run| run.work_us));
        println!("{name:<40} {bytes:>8} {rate:>10.0} {work:>9.1} {:>12.0}%", share * 100.0);
        shares.push(share);
    }
    match shares.get(1) {
        Some(share) if *share >= AIM => Ok(()),
        _ => Err("a product's page has less than half the rate of a file".into()),
    }
}

const ZIPPED: &str = "Accept-Encoding: gzip\r\n";

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n{more}\r\n")
}

/// The request for the file of the shop whose answer is nearest to so many bytes.
async fn nearest_file(line: &mut TcpStream, bytes: usize) -> Outcome<String> {
    let (_, _, front) = ask(line, &get("/", "")).await?;
    let front = String::from_utf8(front)?;
    let (_, from) = front.split_once("href=\"/assets/").ok_or("the files' folder")?;
    let (folder, _) = from.split_once('/').ok_or("the files' folder")?;
    let mut nearest = None;
    for name in ["storefront.css", "icons.svg", "js/main.js", "js/cart.js", "js/suggest.js"] {
        for encoding in ["", ZIPPED] {
            let request = get(&format!("/assets/{folder}/{name}"), encoding);
            let (status, head, body) = ask(line, &request).await?;
            if status != 200 || field(&head, "cache-control").is_none() {
                return Err(format!("{name} was answered {status}").into());
            }
            let far = body.len().abs_diff(bytes);
            if nearest.as_ref().is_none_or(|(least, _)| far < *least) {
                nearest = Some((far, request));
            }
        }
    }
    Ok(nearest.ok_or("a file")?.1)
}
