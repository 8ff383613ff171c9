//! The command line: what each command takes, and one line that says why when it fails.
//!
//! Exit codes: 0 fine, 1 failed, 2 wrong usage.

mod first_start;
mod house;
mod log;
mod serve;
mod admin;
mod backup;
mod control;
mod demo;
mod import;
mod key;
mod verify;
mod simulate;
mod bench;

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// A whole shop in one binary.
#[derive(Debug, Parser)]
#[command(name = "mercat", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A full shop with sample data in a fresh temporary folder
    Demo {
        /// Where to listen
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "MERCAT_LISTEN")]
        listen: SocketAddr,
    },
    /// The shop
    Serve(ServeArgs),
    /// Members of staff
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Read products into a shop that is not running
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// The key that the shop's secrets and personal data are sealed with
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Take a backup, also of a shop that is running
    Backup {
        #[command(flatten)]
        data: DataArgs,
        /// The folder for backups; each gets a folder of its own in it
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// Put the shop's key into the backup: whoever has it can then read all that it holds
        #[arg(long)]
        with_key: bool,
    },
    /// Make a shop of a backup, in a new folder
    Restore(RestoreArgs),
    /// Check everything in a data folder or a backup against everything else
    Verify {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Play shops in which everything goes wrong, and look for a broken promise
    Simulate(SimulateArgs),
    /// Measure how fast a shop is on this machine, and whether it stays right meanwhile
    Bench(Box<bench::BenchArgs>),
}

#[derive(Debug, Args)]
struct SimulateArgs {
    /// The first run's seed; each further run has the next. The same seed tells the same story
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many runs
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Steps of each run, before it comes to rest
    #[arg(long, value_name = "M", default_value_t = 1_000)]
    steps: usize,
    /// Tell a run that breaks a promise as it was, without looking for its shortest form
    #[arg(long)]
    whole: bool,
}

#[derive(Debug, Args)]
struct DataArgs {
    /// The folder with the shop's data
    #[arg(long, value_name = "DIR", env = "MERCAT_DATA")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "MERCAT_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "BACKUP")]
    from: PathBuf,
    /// The new data folder
    #[arg(long, value_name = "NEWDIR")]
    data: PathBuf,
    /// The folder of the archive, to go on from the backup
    #[arg(long, value_name = "FOLDER")]
    archive: Option<PathBuf>,
    /// How far to go on: an event's number, or a time such as 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME|EVENT", requires = "archive")]
    until: Option<String>,
}

/// Settings that come from a file, each of the common ones also from the environment.
#[derive(Debug, Default, Args)]
struct SettingsArgs {
    /// Settings in TOML
    #[arg(long, value_name = "FILE", env = "MERCAT_CONFIG")]
    config: Option<PathBuf>,
    /// The address under which the shop is reached from outside
    #[arg(long, value_name = "URL", env = "MERCAT_PUBLIC_URL")]
    public_url: Option<String>,
    /// The shop's currency (ISO 4217)
    #[arg(long, value_name = "CODE", env = "MERCAT_CURRENCY")]
    currency: Option<String>,
    /// Take play money: tokens such as tok_visa (1 or true)
    #[arg(long, env = "MERCAT_TEST_PAYMENTS", value_parser = switch, num_args = 0..=1, default_missing_value = "1")]
    test_payments: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make an administrator
    Create {
        #[command(flatten)]
        data: DataArgs,
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// A product CSV with Shopify's columns
    Products {
        file: PathBuf,
        #[command(flatten)]
        data: DataArgs,
        #[command(flatten)]
        settings: SettingsArgs,
        /// Say what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Give a shop that is not running another key
    Rotate {
        #[command(flatten)]
        data: DataArgs,
    },
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" | "" => Ok(false),
        _ => Err("must be 1 or 0".into()),
    }
}

/// Runs the program as its arguments say.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors: they go to standard output with code 0.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    let log = log::start();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(&anyhow::Error::new(error).context("threads cannot be started"));
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Demo { listen } => demo::run(listen).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Admin { command: AdminCommand::Create { data, email, .. } } => {
                admin::create(&data.data, &email).await
            }
            Command::Import {
                command: ImportCommand::Products { file, data, settings, dry_run },
            } => import::products(&file, &data.data, &settings, dry_run).await,
            Command::Key { command: KeyCommand::Rotate { data } } => key::run(&data.data),
            Command::Backup { data, to, with_key } => {
                backup::take_one(&data.data, &to, with_key).await
            }
            Command::Restore(args) => backup::restore_one(&args),
            Command::Verify { data } => verify::run(&data.data),
            Command::Simulate(args) => simulate::run_all(&args),
            Command::Bench(args) => bench::bench(*args).await,
        }
    });
    runtime.shutdown_background();
    log.flush();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Threads for everything that waits.
///
/// A thread that has work takes in few new requests at once; the others wait in the system. Else a
/// thousand connections that are ready stand in line before each of the steps by which a checkout
/// that is let in goes from actor to actor, and it waits for all of them at every step.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    /// Also of a thread that has none: whatever is taken in, is.
    const EVENTS: usize = 64;
    const EVENTS_AT_WORK: usize = 8;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_io_events_per_tick(EVENTS)
        .max_io_events_per_busy_tick(EVENTS_AT_WORK)
        .build()
}

/// One line that says why, and what to do where it is the system that refuses.
fn failed(error: &anyhow::Error) -> ExitCode {
    let why = format!("{error:#}");
    let advice = ADVICE.iter().find(|(number, _)| why.contains(number));
    eprintln!("mercat: {why}{}", advice.map_or("", |(_, advice)| advice));
    ExitCode::from(1)
}

/// What a person does about an error of the system, by its number, which stays in the text whatever
/// is put around it (errno(3)).
const ADVICE: [(&str, &str); 5] = [
    ("(os error 13)", "; let the user that mercat runs as read and write there"),
    ("(os error 24)", "; raise the limit of open files (ulimit -n, or LimitNOFILE= of a service)"),
    ("(os error 28)", "; make room on that disk and start again: what was acknowledged is there"),
    ("(os error 30)", "; mount that disk for writing, or name a folder on another one with --data"),
    (
        "(os error 122)",
        "; make room, or raise the quota, and start again: what was acknowledged is there",
    ),
];
