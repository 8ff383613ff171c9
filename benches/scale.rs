//! A shop with 100,000 products and 100,000 orders: how long it takes until it is ready, clean and
//! after `kill -9`, what it takes in memory, and how fast its search answers.
//!
//! The real program runs on a copy of one shop, which is made at the first run (some minutes) and
//! kept in `target/tmp`. Processor time stands beside the clock's, for it holds where other
//! work moves the clock.
//!
//! `cargo bench --bench scale -- --products 100000 --orders 100000 --rounds 5 --searches 2000`

mod ground;

use ground::large::{Generator, Size, copy_of, large_shop};
use ground::program::{Program, get};
use ground::{Outcome, median, option};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

fn main() -> Outcome<()> {
    let size = Size { products: option("products", 100_000), orders: option("orders", 100_000) };
    let rounds = option("rounds", 5).max(1);
    let searches = option("searches", 2_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let kept = runtime.block_on(large_shop(size))?;
    drop(runtime);
    let copy = copy_of(&kept)?;
    println!(
        "{} products, {} orders: {} MB on disk\n",
        size.products,
        size.orders,
        megabytes(copy.path())?
    );
    start_ups(copy.path(), rounds)?;
    demo(rounds)?;
    if searches > 0 {
        search(copy.path(), searches)?;
    }
    Ok(())
}

fn start_ups(folder: &Path, rounds: usize) -> Outcome<()> {
    println!(
        "{:<22} {:>8} {:>9} {:>11} {:>8} {:>8} {:>14}",
        "start", "open ms", "ready ms", "CPU ms", "rss MB", "peak MB", "rss after 5 s"
    );
    let data = folder.to_str().ok_or("an odd path")?;
    for (name, how) in [("clean", "-TERM"), ("after kill -9", "-KILL")] {
        let mut runs: Vec<[f64; 6]> = Vec::new();
        for round in 0..=rounds {
            let program = Program::start(&["serve", "--data", data])?;
            let (worked, memory) = (program.worked()?, program.memory()?);
            let later = if round == rounds {
                std::thread::sleep(Duration::from_secs(5));
                program.memory()?.now as f64
            } else {
                f64::NAN
            };
            let milliseconds = |span: Duration| span.as_secs_f64() * 1e3;
            let run = [program.open, program.ready, worked].map(milliseconds);
            // The first one ends what came before it, in whatever way that had ended.
            if round > 0 {
                let (now, most) = (memory.now as f64, memory.most as f64);
                runs.push([run[0], run[1], run[2], now, most, later]);
            }
            program.end(how)?;
        }
        let figure = |at: usize| median(runs.iter().map(|run| run[at]).filter(|own| !own.is_nan()));
        println!(
            "{name:<22} {:>8.0} {:>9.0} {:>11.0} {:>8.0} {:>8.0} {:>14.0}",
            figure(0),
            figure(1),
            figure(2),
            figure(3),
            figure(4),
            figure(5)
        );
    }
    Ok(())
}

/// From the start of `mercat demo` to its first page.
fn demo(rounds: usize) -> Outcome<()> {
    let (mut times, mut work, mut memory) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let program = Program::start(&["demo"])?;
        if !get(&program.address, "/v1/products")?.starts_with("HTTP/1.1 200") {
            return Err("the demo has no products".into());
        }
        times.push(program.ready.as_secs_f64() * 1e3);
        work.push(program.worked()?.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_secs(1));
        memory.push(program.memory()?.now as f64);
        program.end("-TERM")?;
    }
    println!(
        "\nmercat demo: first page after {:.0} ms ({:.0} ms of CPU), {:.0} MB at rest",
        median(times),
        median(work),
        median(memory)
    );
    Ok(())
}

/// Searches at 200 a second, latency from when each was due.
fn search(folder: &Path, searches: usize) -> Outcome<()> {
    const RATE: f64 = 200.0;
    const LINES: usize = 16;
    let data = folder.to_str().ok_or("an odd path")?;
    let program = Program::start(&["serve", "--data", data])?;
    std::thread::sleep(Duration::from_secs(2));
    println!(
        "\n{:<30} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "search at 200/s", "found", "p50 ms", "p99 ms", "max ms", "CPU ms each"
    );
    for kind in ["two words with facets", "one typo", "one word", "suggestions"] {
        let mut words = Generator::new(7);
        let mut texts = (0..searches).map(|_| {
            let (one, other) = (words.word().to_owned(), words.word().to_owned());
            match kind {
                "one typo" => format!("/v1/search?q={}%20{other}", mistyped(&one)),
                "one word" => format!("/v1/search?q={one}"),
                "suggestions" => format!("/v1/search/suggest?q={}", &one[..3]),
                _ => format!("/v1/search?q={one}%20{other}"),
            }
        });
        let texts: Vec<String> = texts.by_ref().collect();
        let before = program.worked()?;
        let began = Instant::now() + Duration::from_millis(20);
        let mut latencies: Vec<f64> = Vec::new();
        let mut found = 0usize;
        std::thread::scope(|scope| -> Outcome<()> {
            let lines: Vec<_> = (0..LINES)
                .map(|line| {
                    let (texts, address) = (&texts, &program.address);
                    scope.spawn(move || -> Result<(Vec<f64>, usize), String> {
                        let fail = |error: std::io::Error| error.to_string();
                        let stream = TcpStream::connect(address).map_err(fail)?;
                        stream.set_nodelay(true).map_err(fail)?;
                        let mut stream = BufReader::new(stream);
                        let (mut own, mut found) = (vec![], 0);
                        for (n, text) in texts.iter().enumerate().skip(line).step_by(LINES) {
                            let due = began + Duration::from_secs_f64(n as f64 / RATE);
                            std::thread::sleep(due.saturating_duration_since(Instant::now()));
                            let body = ask(&mut stream, text).map_err(fail)?;
                            own.push(due.elapsed().as_secs_f64() * 1e3);
                            found += usize::from(!body.contains("\"totalItems\":0"));
                        }
                        Ok((own, found))
                    })
                })
                .collect();
            for line in lines {
                let (own, some) = line.join().map_err(|_| "a line panicked")??;
                latencies.extend(own);
                found += some;
            }
            Ok(())
        })?;
        latencies.sort_by(f64::total_cmp);
        let worked = program.worked()? - before;
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        println!(
            "{kind:<30} {:>7.0}% {:>8.2} {:>8.2} {:>8.2} {:>12.2}",
            found as f64 * 100.0 / searches as f64,
            at(0.5),
            at(0.99),
            at(1.0),
            worked.as_secs_f64() * 1e3 / searches as f64
        );
    }
    program.end("-TERM")
}

fn mistyped(word: &str) -> String {
    // Two letters of the middle change places, or the last one is another.
    let mut letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    letters.swap(middle, middle - 1);
    letters.into_iter().collect()
}

/// One request on a connection that stays; gives its body.
fn ask(line: &mut BufReader<TcpStream>, path: &str) -> std::io::Result<String> {
    write!(line.get_mut(), "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut length = 0;
    loop {
        let mut head = String::new();
        line.read_line(&mut head)?;
        if let Some(value) = head.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap_or(0);
        }
        if head.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    line.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn megabytes(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.file_type()?.is_dir() {
            true => megabytes(&entry.path())? << 20,
            false => entry.metadata()?.len(),
        };
    }
    Ok(sum >> 20)
}
