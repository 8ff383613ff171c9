//! `mercat bench`: how fast a shop is on this machine, and whether it stayed right meanwhile.

use super::serve::Ending;
use crate::bench::plan::{Payment, Plan, Subject, Where};
use crate::bench::report::compare::Comparison;
use crate::bench::report::{Http, Report, html};
use crate::bench::{Progress, Staff, machine, run, table};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// What visitors do
    #[arg(value_enum, default_value = "checkout")]
    scenario: Subject,
    /// A shop that runs already, as http://host:port; default is one of its own in a fresh folder
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Somebody of that shop's staff, who sees its books; the password is MERCAT_BENCH_PASSWORD. Or
    /// MERCAT_BENCH_TOKEN is a token or an API key
    #[arg(long, value_name = "EMAIL", requires = "url")]
    staff: Option<String>,
    /// Requests a second that are due whatever becomes of them (open loop), a run for each; without it,
    /// every connection goes on as soon as it is answered (closed loop)
    #[arg(long, visible_alias = "rates", value_name = "R,…", value_delimiter = ',')]
    rate: Vec<f64>,
    /// Connections at once; default 64, for a drop 256, for a flood 1,024
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: Option<u32>,
    /// Seconds that are measured; default 10, for a soak 600
    #[arg(long, short, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    duration: Option<u64>,
    /// Seconds before that
    #[arg(long, value_name = "S", default_value_t = 2)]
    warm_up: u64,
    /// Products in the catalog of its own shop
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    products: u64,
    /// What every chance follows from: the same seed sends the same requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// HTTP/2 without TLS, as known beforehand
    #[arg(long)]
    http2: bool,
    /// Requests at once over each connection of HTTP/2
    #[arg(long, value_name = "N", default_value_t = 1, requires = "http2", value_parser = clap::value_parser!(u32).range(1..=200))]
    streams: u32,
    /// Threads of the load generator; default is as many as the machine has cores, at most four
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// How orders are paid
    #[arg(long, value_enum, default_value_t)]
    payment: Payment,
    /// SKUs that a flash sale is of
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    skus: u32,
    /// Units of the one SKU of a sale; default is plenty, for a drop 1,000
    #[arg(long, value_name = "N")]
    units: Option<u64>,
    /// Carts that are filled before a flash sale begins; default is as many as may be needed
    #[arg(long, value_name = "N")]
    carts: Option<u64>,
    /// Multiples of a drop's usual rate, a run for each
    #[arg(long, value_name = "F,…", value_delimiter = ',', default_values_t = [1.0, 10.0, 100.0])]
    factors: Vec<f64>,
    /// Products in the catalogs of size
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    sizes: Vec<u64>,
    /// Connections of size
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [10, 100, 1_000])]
    widths: Vec<usize>,
    /// What size and flood send; default browse, search and checkout, for a flood checkout
    #[arg(long, value_enum, value_name = "SCENARIO,…", value_delimiter = ',')]
    of: Vec<Subject>,
    /// The folder that its own shop's folder is made in; default /var/tmp, or else here
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    folder: Option<PathBuf>,
    /// Go on where that folder is memory
    #[arg(long)]
    memory: bool,
    /// Settings of its own shop, as for serve
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Also measure what bounds it on this machine: the disk, a bare server, the bare store
    #[arg(long)]
    limits: bool,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as one HTML page, with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What is done with reports instead of making one.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Hold two reports against each other, and say which differences are beyond noise
    Compare {
        /// A report of an earlier run, as --json wrote it
        #[arg(value_name = "A.json")]
        a: PathBuf,
        /// The later one
        #[arg(value_name = "B.json")]
        b: PathBuf,
        /// Fail where B is slower beyond noise, or wrong
        #[arg(long)]
        strict: bool,
    },
}

/// Requests a second that nobody can send.
const MOST: f64 = 1e7;

impl BenchArgs {
    fn plan(&self) -> anyhow::Result<Plan> {
        let is_none = |rate: &&f64| rate.is_nan() || **rate <= 0.0 || **rate > MOST;
        if let Some(rate) = self.rate.iter().chain(&self.factors).find(is_none) {
            bail!("{rate} is no rate: it must be above 0 and at most {MOST}");
        }
        let is_series = |of: &&Subject| {
            matches!(of, Subject::Size | Subject::Flood | Subject::Drop | Subject::Soak)
        };
        if let Some(series) = self.of.iter().find(is_series) {
            bail!("--of takes single scenarios, and {} is a series of them", series.name());
        }
        let usual = [Subject::Browse, Subject::Search, Subject::Checkout];
        let of = match (self.of.is_empty(), self.scenario) {
            (true, Subject::Size) => usual.to_vec(),
            (true, _) => vec![Subject::Checkout],
            (false, _) => self.of.clone(),
        };
        let at = match &self.url {
            None => Where::Own {
                folder: self.folder.clone().unwrap_or_else(usual_folder),
                config: self.config.clone(),
                allow_memory: self.memory,
            },
            Some(url) => Where::There { authority: authority(url)?, staff: self.staff()? },
        };
        Ok(Plan {
            subject: self.scenario,
            at,
            rates: self.rate.clone(),
            connections: self.connections.map(|connections| connections as usize),
            http: if self.http2 { Http::Two } else { Http::One },
            streams: self.streams as usize,
            threads: self.threads.map_or_else(threads, |given| given as usize),
            warm_up: Duration::from_secs(self.warm_up),
            duration: self.duration.map(Duration::from_secs),
            products: self.products,
            seed: self.seed,
            payment: self.payment,
            skus: self.skus as usize,
            units: self.units,
            carts: self.carts,
            factors: self.factors.clone(),
            sizes: self.sizes.clone(),
            widths: self.widths.clone(),
            of,
            limits: self.limits,
        })
    }

    fn staff(&self) -> anyhow::Result<Option<Staff>> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(token) = set("MERCAT_BENCH_TOKEN") {
            return Ok(Some(Staff::Token(token)));
        }
        let Some(email) = self.staff.clone() else { return Ok(None) };
        let password = set("MERCAT_BENCH_PASSWORD")
            .context("MERCAT_BENCH_PASSWORD must be the password of --staff")?;
        Ok(Some(Staff::Login { email, password }))
    }
}

/// Enough that a machine's other cores do not wait for the load generator, whose share of the work is
/// the smaller one.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from).min(4)
}

/// Of the folders where things may stay for a while, the first that is no memory.
fn usual_folder() -> PathBuf {
    let places = [PathBuf::from("/var/tmp"), PathBuf::from(".")];
    let is_disk =
        |place: &&PathBuf| machine::filesystem(place).is_ok_and(|kind| !machine::is_memory(&kind));
    places.iter().find(is_disk).unwrap_or(&places[1]).clone()
}

/// Host and port of an address.
fn authority(url: &str) -> anyhow::Result<String> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url} is not http://host:port; a load without TLS is what is measured");
    };
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '@', '?', '#']) {
        bail!("{url} must be http://host:port and nothing else");
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { authority.to_owned() } else { format!("{authority}:80") })
}

pub(super) async fn bench(args: BenchArgs) -> anyhow::Result<()> {
    if let Some(Instead::Compare { a, b, strict }) = &args.instead {
        return compare(a, b, *strict);
    }
    let plan = args.plan()?;
    let command: Vec<String> =
        env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let progress = Progress::new(false);
    let measured = run(&plan, format!("mercat {}", command.join(" ")), &progress);
    let mut ending = Ending::heard_from_now_on()?;
    let report = tokio::select! {
        report = measured => report?,
        () = ending.asked_for() => bail!("interrupted; nothing was reported"),
    };
    let mut text = String::new();
    table::write(&report, &mut text)?;
    print!("{text}");
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    if let Some(path) = &args.html {
        let page = html::page(&report)?;
        fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let wrong = report.runs.iter().flat_map(|run| run.books.iter().map(move |one| (run, one)));
    let wrong: Vec<String> = wrong
        .filter(|(_, finding)| !finding.holds)
        .map(|(run, finding)| format!("{}: not so: {}", run.name(), finding.rule))
        .collect();
    match wrong.first() {
        None => Ok(()),
        Some(first) if wrong.len() == 1 => bail!("{first}"),
        Some(first) => bail!("{first}; and {} more", wrong.len() - 1),
    }
}

fn compare(a: &Path, b: &Path, strict: bool) -> anyhow::Result<()> {
    let comparison = Comparison::of(&Report::read(a)?, &Report::read(b)?);
    print!("{comparison}");
    if strict && comparison.is_worse() {
        bail!("{} is worse than {}", b.display(), a.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(authority("http://127.0.0.1:8080/").unwrap(), "127.0.0.1:8080");
        assert_eq!(authority("http://shop.example").unwrap(), "shop.example:80");
        for url in
            ["https://shop.example", "127.0.0.1:8080", "http://", "http://a@b", "http://a/v1"]
        {
            authority(url).expect_err(url);
        }
    }
}
