//! A shop of the bench's own: a process of the same program on a fresh folder, so that its processor
//! time and memory are its own, filled by its own import.

use super::clerk::Staff;
use super::{BenchError, fill, machine};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const ADMIN: &str = "bench@shop.example";

/// How a shop of one's own is made.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder that the shop's own folder is made in.
    pub below: PathBuf,
    pub config: Option<PathBuf>,
    pub allow_memory: bool,
    pub products: u64,
    pub seed: u64,
    /// Whether it bounds no writes but by the number of all requests.
    pub lets_all_in: bool,
}

/// A running shop. It ends and its folder goes when it is dropped.
pub struct OwnShop {
    /// Until it is told to end.
    child: Option<Child>,
    pid: u32,
    pub address: SocketAddr,
    password: String,
    home: TempDir,
    /// From the process's start until it was open, with the catalog on disk.
    pub opened_in: Duration,
}

impl OwnShop {
    /// Fills a fresh folder and opens a shop on it.
    pub async fn open(site: Site) -> Result<OwnShop, BenchError> {
        let no_folder = |source| BenchError::Folder { path: site.below.clone(), source };
        let home = tempfile::Builder::new().prefix("mercat-bench-").tempdir_in(&site.below);
        let home = home.map_err(no_folder)?;
        let kind = machine::filesystem(home.path()).map_err(no_folder)?;
        if machine::is_memory(&kind) && !site.allow_memory {
            return Err(BenchError::Memory { path: site.below.clone(), kind });
        }
        let password = format!("{:032x}", rand::random::<u128>());
        let (place, secret) = (home.path().to_owned(), password.clone());
        // The folder stays out here: if nobody waits any more, it goes.
        let opened = spawn_blocking(move || OwnShop::start(&place, &secret, &site)).await;
        let (child, address, opened_in) = opened.map_err(|_| BenchError::Panicked)??;
        let pid = child.id();
        Ok(OwnShop { child: Some(child), pid, address, password, home, opened_in })
    }

    fn start(
        home: &Path,
        password: &str,
        site: &Site,
    ) -> Result<(Child, SocketAddr, Duration), BenchError> {
        if site.products > 0 {
            import(site, home)?;
        }
        let began = Instant::now();
        let mut command = command(home, site, &["serve", "--listen", "127.0.0.1:0"])?;
        command
            .args(["--test-payments", "1"])
            .env("MERCAT_RATE_LIMITS", "off")
            .env("MERCAT_ADMIN_EMAIL", ADMIN)
            .env("MERCAT_ADMIN_PASSWORD", password);
        if site.lets_all_in {
            command.env("MERCAT_WRITE_WAIT_MS", "0");
        }
        let mut child = command.spawn().map_err(BenchError::Program)?;
        let output = child.stdout.take();
        let address = output.and_then(|output| {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.into_iter().find_map(|line| line.split_once("http://")?.1.trim().parse().ok())
        });
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(BenchError::Unopened { said: said(home) });
        };
        Ok((child, address, began.elapsed()))
    }

    pub fn staff(&self) -> Staff {
        Staff::Login { email: ADMIN.to_owned(), password: self.password.clone() }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells it to end, and has the program check everything in its folder against everything else.
    /// Gives what that said, and an error where it is not well.
    pub async fn close(&mut self, site: Site) -> Result<Result<String, String>, BenchError> {
        let Some(child) = self.child.take() else { return Ok(Err("it was closed before".into())) };
        let place = self.home.path().to_owned();
        let closed = spawn_blocking(move || OwnShop::end(child, &place, &site)).await;
        closed.map_err(|_| BenchError::Panicked)?
    }

    fn end(
        mut child: Child,
        home: &Path,
        site: &Site,
    ) -> Result<Result<String, String>, BenchError> {
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            // It may have ended by itself; how, is seen below.
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = child.wait().map_err(BenchError::Program)?;
        if !ended.success() {
            return Ok(Err(format!("the shop ended with {ended}: {}", said(home))));
        }
        let mut verify = command(home, site, &["verify"])?;
        let verified = verify.output().map_err(BenchError::Program)?;
        let words = String::from_utf8_lossy(&verified.stdout);
        let words: Vec<&str> = words.lines().map(str::trim).collect();
        if verified.status.success() {
            return Ok(Ok(words.last().copied().unwrap_or_default().to_owned()));
        }
        let words = words.join("; ");
        Ok(Err(format!("{words}: {}", said(home))))
    }

    /// Leaves the folder where it is when the shop is gone.
    pub fn keep(&mut self) -> PathBuf {
        self.home.disable_cleanup(true);
        self.home.path().to_owned()
    }
}

impl Drop for OwnShop {
    fn drop(&mut self) {
        // Where the bench was interrupted, the shop must not go on; else it is gone already.
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn import(site: &Site, home: &Path) -> Result<(), BenchError> {
    let path = home.join("catalog.csv");
    let not_there = |source| BenchError::Folder { path: home.to_owned(), source };
    let file = File::create(&path).map_err(not_there)?;
    fill::write(site.products, site.seed, BufWriter::new(file)).map_err(not_there)?;
    let mut command = command(home, site, &["import", "products"])?;
    let done = command.arg(&path).output().map_err(BenchError::Program)?;
    if !done.status.success() {
        return Err(BenchError::Unfilled { said: said(home) });
    }
    fs::remove_file(path).map_err(not_there)
}

/// The program itself with a command for the shop's folder. What is set for another shop in the
/// environment does not reach it.
fn command(home: &Path, site: &Site, arguments: &[&str]) -> Result<Command, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::Program)?;
    let log = File::options().create(true).append(true).open(home.join("log"));
    let log = log.map_err(|source| BenchError::Folder { path: home.to_owned(), source })?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MERCAT_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).arg("--data").arg(home.join("shop"));
    if let Some(config) = site.config.as_ref().filter(|_| arguments != ["verify"]) {
        command.arg("--config").arg(config);
    }
    command.env("MERCAT_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    Ok(command)
}

/// The end of what the program said in that folder.
fn said(home: &Path) -> String {
    const LINES: usize = 5;
    let log = fs::read_to_string(home.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}
