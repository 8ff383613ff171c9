//! What a flood of logins does to the rest of the shop: 200 wrong passwords a second against one
//! account, from one address and from everywhere, while somebody looks at products.
//!
//! The shop is the program itself with its default limits, in a process of its own, behind a proxy
//! that says where each request comes from. Products are asked for at a fixed rate over connections
//! that stay open, each by a thread of its own; a request's time counts from the moment at which it
//! was due, so one that had to wait for another is as slow as its client finds it. Quiet and flood
//! take turns within each round. Meanwhile the owner of the account logs in, from where they did
//! before and from where nobody knows them. It fails where p99 under the flood is more than twice
//! that of the quiet, where the owner does not get in, or where anybody else does.
//!
//! `cargo bench --bench login_flood -- --rounds 5 --seconds 8 --logins 200 --reads 400`

mod ground;

use ground::{Outcome, folder, median, option};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");
const OWNER: (&str, &str) = ("ada@example.com", "violet kettle orchard");

/// Where the owner logged in before.
const HOME: &str = "198.51.100.7";

/// Connections over which products are asked for.
const READERS: usize = 4;

/// The most that p99 may grow.
const MOST: f64 = 2.0;

/// How long the owner, somewhere new, goes on trying.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<()> {
    let plan = Plan {
        rounds: option("rounds", 5).max(1),
        seconds: option("seconds", 8).max(1) as u64,
        logins: option("logins", 200).max(1),
        reads: option("reads", 400).max(READERS),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(plan))
}

#[derive(Clone, Copy)]
struct Plan {
    rounds: usize,
    /// Of each turn.
    seconds: u64,
    /// A second.
    logins: usize,
    /// A second, over all readers.
    reads: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Quiet,
    FromOne,
    FromEverywhere,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Turn::Quiet => "quiet",
            Turn::FromOne => "flood from one address",
            Turn::FromEverywhere => "flood from everywhere",
        })
    }
}

/// What one turn showed.
struct Figures {
    turn: Turn,
    /// Of every read, sorted.
    reads: Vec<Duration>,
    /// How the flood was answered.
    answers: BTreeMap<u16, usize>,
    /// How long the owner's logins took: at home, and elsewhere with all tries.
    at_home: Vec<Duration>,
    elsewhere: Vec<Duration>,
}

async fn run(plan: Plan) -> Outcome<()> {
    let folder = folder()?;
    let shop = Program::start(folder.path())?;
    let product = shop.stock_up().await?;
    let mut figures = Vec::new();
    for round in 0..plan.rounds {
        for turn in [Turn::Quiet, Turn::FromOne, Turn::FromEverywhere] {
            figures.push(take(&shop, &product, turn, round, plan).await?);
        }
    }
    shop.stop()?;
    report(&figures, plan)
}

/// One turn.
async fn take(
    shop: &Program,
    product: &str,
    turn: Turn,
    round: usize,
    plan: Plan,
) -> Outcome<Figures> {
    let takes = Duration::from_secs(plan.seconds);
    let flood = tokio::spawn(flood(shop.clone_door(), turn, round, plan));
    // The flood has risen when reading begins.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let readers = Readers::start(&shop.address, product, plan.reads, takes);
    let (mut at_home, mut elsewhere) = (Vec::new(), Vec::new());
    if turn != Turn::Quiet {
        let place = 2 * round + usize::from(turn == Turn::FromOne);
        let new = format!("203.0.113.{}", place % 256);
        let comes_home = async {
            let until = Instant::now() + takes;
            while Instant::now() < until {
                at_home.push(shop.get_in(HOME).await?);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Ok::<(), Box<dyn Error>>(())
        };
        let (home, there) = tokio::join!(comes_home, shop.get_in(&new));
        home?;
        elsewhere.push(there?);
    }
    let reads = tokio::task::spawn_blocking(move || readers.finish()).await??;
    let answers = flood.await?;
    Ok(Figures { turn, reads, answers, at_home, elsewhere })
}

fn report(figures: &[Figures], plan: Plan) -> Outcome<()> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{} logins a second against one account, {} products a second asked for; turns of {} s, medians of {} rounds, {cores} cores.\n",
        plan.logins, plan.reads, plan.seconds, plan.rounds
    );
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>8}  {:<34} {:>12} {:>14}",
        "", "p50 ms", "p90 ms", "p99 ms", "ratio", "the flood was told", "owner ms", "elsewhere ms"
    );
    let of = |turn: Turn| figures.iter().filter(move |own| own.turn == turn);
    let at = |turn: Turn, share: f64| median(of(turn).map(|own| quantile(&own.reads, share)));
    let quiet = at(Turn::Quiet, 0.99);
    let mut failures = Vec::new();
    for turn in [Turn::Quiet, Turn::FromOne, Turn::FromEverywhere] {
        let (p99, mut told) = (at(turn, 0.99), BTreeMap::new());
        for (status, count) in of(turn).flat_map(|own| &own.answers) {
            *told.entry(*status).or_insert(0) += count;
        }
        let text: Vec<String> =
            told.iter().map(|(status, count)| format!("{count} × {status}")).collect();
        let longest = |times: Vec<&Duration>| {
            times.into_iter().max().map_or("-".into(), |most| format!("{:.0}", millis(*most)))
        };
        println!(
            "{turn:<24} {:>8.2} {:>8.2} {:>8.2} {:>8.2}  {:<34} {:>12} {:>14}",
            at(turn, 0.5),
            at(turn, 0.9),
            p99,
            p99 / quiet,
            text.join(", "),
            longest(of(turn).flat_map(|own| &own.at_home).collect()),
            longest(of(turn).flat_map(|own| &own.elsewhere).collect()),
        );
        if p99 > MOST * quiet {
            failures.push(format!("{turn}: p99 is {:.2} times that of the quiet", p99 / quiet));
        }
        if told.contains_key(&200) {
            failures.push(format!("{turn}: a wrong password opened the account"));
        }
        let expected = if turn == Turn::Quiet { 0 } else { plan.logins * plan.seconds as usize };
        if told.values().sum::<usize>() < expected {
            failures.push(format!("{turn}: the flood did not flow"));
        }
    }
    println!(
        "\nThe owner was let in each time; given is the longest that it took, with all tries."
    );
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |time| millis(*time))
}

/// Sends wrong passwords at their rate for as long as a turn takes, whatever is answered, and
/// counts the answers.
async fn flood(door: Door, turn: Turn, round: usize, plan: Plan) -> BTreeMap<u16, usize> {
    let mut answers = BTreeMap::new();
    if turn == Turn::Quiet {
        return answers;
    }
    // It begins before the readers do, and goes on until they have finished.
    let tries = plan.logins * (plan.seconds as usize + 2);
    let (began, told) = (Instant::now(), Arc::new(Mutex::new(Vec::with_capacity(tries))));
    let mut under_way = Vec::with_capacity(tries);
    for i in 0..tries {
        let due = began + Duration::from_secs_f64(i as f64 / plan.logins as f64);
        tokio::time::sleep_until(due.into()).await;
        let from = match turn {
            Turn::FromEverywhere => {
                // A network of its own for each try of each round.
                let n = round * tries + i;
                format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
            }
            Turn::FromOne | Turn::Quiet => "192.0.2.66".to_owned(),
        };
        let (door, told) = (door.clone(), Arc::clone(&told));
        under_way.push(tokio::spawn(async move {
            let status = door.login(&from, OWNER.0, "a wrong password").await;
            // No answer at all counts as none.
            let status = status.map_or(0, |answer| answer.status().as_u16());
            told.lock().unwrap_or_else(PoisonError::into_inner).push(status);
        }));
    }
    for one in under_way {
        let _ = one.await;
    }
    for status in told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        *answers.entry(*status).or_insert(0) += 1;
    }
    answers
}

/// Where requests are sent.
#[derive(Clone)]
struct Door {
    base: String,
    client: Client,
}

impl Door {
    async fn login(
        &self,
        from: &str,
        email: &str,
        password: &str,
    ) -> reqwest::Result<reqwest::Response> {
        let body = json!({ "email": email, "password": password });
        let request = self.client.post(format!("{}/v1/auth/login", self.base));
        request.header("x-forwarded-for", from).json(&body).send().await
    }
}

/// The shop at work.
struct Program {
    child: Child,
    address: String,
    door: Door,
}

impl Program {
    fn start(folder: &Path) -> Outcome<Program> {
        let config = folder.join("shop.toml");
        std::fs::write(&config, "[proxies]\ntrusted = ['127.0.0.1']\n")?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_mercat"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--config")
            .arg(config)
            .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
            .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
            .env("MERCAT_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("its output is piped")?;
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let open =
            lines.into_iter().find_map(|line| Some(line.split_once("http://")?.1.to_owned()));
        let address = open.ok_or("the shop did not open")?.trim().to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let door = Door { base: format!("http://{address}"), client };
        Ok(Program { child, address, door })
    }

    fn clone_door(&self) -> Door {
        self.door.clone()
    }

    /// One product, and the owner of an account; gives the product's path.
    async fn stock_up(&self) -> Outcome<String> {
        let Door { base, client } = &self.door;
        let login = self.door.login(HOME, ADMIN.0, ADMIN.1).await?.error_for_status()?;
        let tokens: Value = login.json().await?;
        let token = tokens["accessToken"].as_str().ok_or("no token")?;
        let body = json!({
            "name": "Pocket computer, second edition", "description": "Fits a pocket.",
            "price": 499, "currency": "USD", "category": "Computers", "brand": "Mercat",
            "imageUrl": "https://example.com/hot.jpg", "stockQuantity": 100,
        });
        let made = client.post(format!("{base}/v1/products")).bearer_auth(token).json(&body);
        let made: Value = made.send().await?.error_for_status()?.json().await?;
        let register = json!({ "email": OWNER.0, "password": OWNER.1 });
        let register = client.post(format!("{base}/v1/auth/register")).json(&register);
        register.send().await?.error_for_status()?;
        self.get_in(HOME).await?;
        let id = made["productId"].as_str().ok_or("no id")?;
        Ok(format!("/v1/products/{id}"))
    }

    /// The owner logs in, as often as they are asked to come again; gives how long it took.
    async fn get_in(&self, from: &str) -> Outcome<Duration> {
        let began = Instant::now();
        loop {
            let answer = self.door.login(from, OWNER.0, OWNER.1).await?;
            let status = answer.status();
            if status == StatusCode::OK {
                return Ok(began.elapsed());
            }
            let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
            let wait = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
            let Some(wait) = wait.filter(|_| began.elapsed() < PATIENCE) else {
                let tried = began.elapsed().as_secs();
                return Err(format!("the owner at {from} is told {status} after {tried} s").into());
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn stop(mut self) -> Outcome<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let ended = self.child.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("the shop ended with {ended}").into()) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where the bench failed, the shop must not go on; where it did not, it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Threads that ask for a product at their rate.
struct Readers {
    threads: Vec<JoinHandle<std::io::Result<Vec<Duration>>>>,
}

impl Readers {
    fn start(address: &str, path: &str, rate: usize, takes: Duration) -> Readers {
        let began = Instant::now() + Duration::from_millis(100);
        let pause = Duration::from_secs_f64(READERS as f64 / rate as f64);
        let failed = Arc::new(AtomicBool::new(false));
        let threads = (0..READERS).map(|reader| {
            let (address, path, failed) = (address.to_owned(), path.to_owned(), failed.clone());
            let first = began + pause.mul_f64(reader as f64 / READERS as f64);
            std::thread::spawn(move || {
                let read = read(&address, &path, reader, (first, pause, takes), &failed);
                failed.fetch_or(read.is_err(), Ordering::Relaxed);
                read
            })
        });
        Readers { threads: threads.collect() }
    }

    /// How long each read took, sorted.
    fn finish(self) -> std::io::Result<Vec<Duration>> {
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().map_err(|_| std::io::Error::other("a reader panicked"))??);
        }
        all.sort_unstable();
        Ok(all)
    }
}

fn read(
    address: &str,
    path: &str,
    reader: usize,
    (first, pause, takes): (Instant, Duration, Duration),
    failed: &AtomicBool,
) -> std::io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let mut due = first;
    while due < first + takes && !failed.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // As many visitors as it takes for none to be one too many.
        let visitor = times.len() % 64;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nx-forwarded-for: 198.18.{reader}.{visitor}\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        answered(&mut stream, &mut buffer)?;
        times.push(due.elapsed());
        due += pause;
    }
    Ok(times)
}

/// Reads one answer to its end.
fn answered(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    let strange = |what: &str| std::io::Error::other(format!("a read was answered {what}"));
    let mut filled = 0;
    loop {
        let got = stream.read(&mut buffer[filled..])?;
        if got == 0 {
            return Err(strange("with an end"));
        }
        filled += got;
        let text = String::from_utf8_lossy(&buffer[..filled]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if !head.starts_with("HTTP/1.1 200") {
            return Err(strange(head.lines().next().unwrap_or_default()));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            length.and_then(|length| length.parse().ok()).ok_or_else(|| strange("endlessly"))?;
        if body.len() >= length {
            return Ok(());
        }
    }
}
