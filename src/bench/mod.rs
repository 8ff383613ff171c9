//! Proof of speed: the load tester behind `mercat bench`, what bounds it, and the report of both.
//!
//! A figure is worth what stands beside it: the machine, the disk's own rate, the command, and
//! whether the books agreed afterwards. All of it is one [`report::Report`], which the terminal's
//! table, the JSON file, the HTML page and `mercat bench compare` read alike.
//!
//! The shop is a process of its own and is seen through its API alone, as by anybody outside; who
//! wants to know how it works inside does not learn it here.

pub mod books;
mod clerk;
pub mod fill;
mod goods;
mod inspect;
mod ledger;
pub mod limits;
mod load;
pub mod machine;
pub mod plan;
mod process;
mod progress;
pub mod report;
mod scenarios;
mod series;
mod session;
mod shop;
pub mod table;

pub use clerk::Staff;
pub use progress::Progress;

use load::Target;
use plan::{Plan, Where};
use process::Process;
use report::{Finding, Machine, Report, Run};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use session::Session;
use shop::{OwnShop, Site};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}")]
    Usage(String),
    #[error("the folder {path} cannot be used; name another one with --folder")]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "{path} is memory ({kind}), and what is written there is as fast as it is gone: name a folder on a disk with --folder, or say --memory"
    )]
    Memory { path: PathBuf, kind: String },
    #[error("the program cannot be started again for a shop of its own")]
    Program(#[source] io::Error),
    #[error("the catalog cannot be imported: {said}")]
    Unfilled { said: String },
    #[error("the shop did not open: {said}")]
    Unopened { said: String },
    #[error("no carts can be filled: {said}")]
    Carts { said: String },
    #[error("no shop is found at {authority}")]
    NotFound { authority: String, source: io::Error },
    #[error(transparent)]
    Clerk(#[from] clerk::ClerkError),
    #[error(transparent)]
    Goods(#[from] goods::GoodsError),
    #[error(transparent)]
    Load(#[from] load::LoadError),
    #[error("what bounds the shop cannot be measured")]
    Limits(#[from] limits::LimitError),
    #[error("the bench itself failed")]
    Panicked,
}

/// Measures what the plan says. `command` stands in the report.
pub async fn run(plan: &Plan, command: String, progress: &Progress) -> Result<Report, BenchError> {
    raise_files();
    let folder = match &plan.at {
        Where::Own { folder, .. } => Some(folder.clone()),
        Where::There { .. } => None,
    };
    let machine = match folder.clone() {
        Some(path) => {
            let look =
                move || machine::look(&path).map_err(|source| BenchError::Folder { path, source });
            tokio::task::spawn_blocking(look).await.map_err(|_| BenchError::Panicked)??
        }
        None => Machine { filesystem: "unknown".into(), ..elsewhere()? },
    };
    let mut report = Report {
        format: report::model::FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        began_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: if plan.lets_all_in() {
            format!("{command} (its shop with write_wait_ms = 0)")
        } else {
            command
        },
        seed: plan.seed,
        machine,
        runs: series::all(plan, progress).await?,
        limits: vec![],
    };
    if plan.limits {
        let below = folder.unwrap_or_else(std::env::temp_dir);
        let duration = plan.duration().min(Duration::from_secs(5));
        let threads = plan.threads;
        let told = |what: &str| Progress::new(false).tell(&format!("  limit: {what}"));
        let measured = tokio::task::spawn_blocking(move || {
            let asking = limits::asking(threads);
            limits::measure(&mut report, &below, duration, &asking, &mut { told }).map(|()| report)
        });
        report = measured.await.map_err(|_| BenchError::Panicked)??;
    }
    Ok(report)
}

/// What is known of this machine where the shop's disk is another one's.
fn elsewhere() -> Result<Machine, BenchError> {
    let path = std::env::temp_dir();
    let looked = machine::look(&path);
    let machine = looked.map_err(|source| BenchError::Folder { path, source })?;
    Ok(Machine { fsyncs_per_second: 0.0, ..machine })
}

/// Asks the system for as many files as it gives: each connection takes one.
fn raise_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it refuses, there are as many as there were.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Opens the shop that the plan names, with so many products where it is the bench's own, has `runs`
/// made against it, and closes it.
async fn with_shop<F>(
    plan: &Plan,
    progress: &Progress,
    products: u64,
    runs: F,
) -> Result<Vec<Run>, BenchError>
where
    F: AsyncFnOnce(&mut Session<'_>) -> Result<Vec<Run>, BenchError>,
{
    let http = plan.http;
    match &plan.at {
        Where::There { authority, staff } => {
            let missing = |source| BenchError::NotFound { authority: authority.clone(), source };
            let mut found = tokio::net::lookup_host(authority).await.map_err(missing)?;
            let address = found.next().ok_or_else(|| missing(io::ErrorKind::NotFound.into()))?;
            let target = Target { address, authority: authority.clone(), http };
            let mut clerk = clerk::Clerk::new(&target);
            match staff {
                Some(staff) => clerk.log_in(staff).await?,
                None => progress.tell(
                    "the books stay closed: name somebody of the staff (see --staff), and they are checked",
                ),
            }
            let mut session = Session { plan, progress, target, clerk, process: None };
            runs(&mut session).await
        }
        Where::Own { folder, config, allow_memory } => {
            let site = Site {
                below: folder.clone(),
                config: config.clone(),
                allow_memory: *allow_memory,
                products,
                seed: plan.seed,
                lets_all_in: plan.lets_all_in(),
            };
            progress.tell(&format!("a shop with {} products", books::thousands(products)));
            let mut shop = OwnShop::open(site.clone()).await?;
            progress.tell(&format!("  open after {:.2} s", shop.opened_in.as_secs_f64()));
            let address = shop.address;
            let target = Target { address, authority: address.to_string(), http };
            let mut clerk = clerk::Clerk::new(&target);
            clerk.log_in(&shop.staff()).await?;
            let process = Some(Process(shop.pid()));
            let mut session = Session { plan, progress, target, clerk, process };
            let mut runs = runs(&mut session).await?;
            drop(session);
            let is_well = runs.iter().all(Run::is_correct);
            let kept = (!is_well).then(|| shop.keep());
            progress.tell("  closing the shop and verifying its folder");
            let verified = shop.close(site).await?;
            let finding = Finding {
                rule: "mercat verify finds no fault in the folder".into(),
                holds: verified.is_ok(),
                detail: match (verified, kept) {
                    (Ok(words) | Err(words), None) => words,
                    (Ok(words) | Err(words), Some(kept)) => {
                        format!("{words}; the folder is kept: {}", kept.display())
                    }
                },
            };
            for run in &mut runs {
                run.books.push(finding.clone());
            }
            Ok(runs)
        }
    }
}
