//! A PostgreSQL of this bench's own: found, started in a fresh folder, asked, ended.

use super::ground::Outcome;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SCHEMA: &str = include_str!("schema.sql");
const CHECKOUT: &str = include_str!("checkout.sql");

/// The database, and who owns it.
const NAME: &str = "bench";

/// How long a server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it is told: room for all clients, memory as on a machine of this size, and no checkpoint
/// while it is timed. What makes a commit durable stays on.
const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=200",
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
];

/// The programs of one PostgreSQL.
pub struct Installation {
    programs: PathBuf,
    owner: Option<Owner>,
}

/// Whom the server runs as: it refuses to be root.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Installation {
    /// The newest one that is complete.
    pub fn find() -> Option<Installation> {
        let named = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
        let mut places: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .collect();
        let version = |place: &PathBuf| -> u32 {
            let name = place.parent().and_then(Path::file_name);
            name.and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
        };
        places.sort_by_key(|place| std::cmp::Reverse(version(place)));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = named.into_iter().chain(places).chain(std::env::split_paths(&path));
        let is_complete = |place: &PathBuf| {
            ["initdb", "postgres", "psql", "pgbench"].iter().all(|name| place.join(name).is_file())
        };
        let programs = all.into_iter().find(is_complete)?;
        Some(Installation { programs, owner: Owner::needed() })
    }

    pub fn version(&self) -> Outcome<String> {
        let told = self.program("postgres").arg("--version").output()?;
        Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
    }

    /// One of its programs, as its owner, with nothing of this process's PostgreSQL settings.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        for setting in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGOPTIONS"] {
            command.env_remove(setting);
        }
        command.stdin(Stdio::null()).current_dir("/");
        if let Some(Owner { user, group }) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// A folder of its owner's.
    fn own(&self, folder: &Path) -> io::Result<()> {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        match self.owner {
            Some(Owner { user, group }) => chown(folder, Some(user), Some(group)),
            None => Ok(()),
        }
    }
}

impl Owner {
    /// Somebody without rights, where this process is root.
    fn needed() -> Option<Owner> {
        if !geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name: &str| {
            users.lines().find_map(|line| {
                let mut fields = line.split(':');
                let is_it = fields.next()? == name;
                let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
                is_it.then_some(Owner { user, group })
            })
        };
        find("postgres").or_else(|| find("nobody"))
    }
}

/// A server that runs on a fresh folder, with the schema and the stock in it.
pub struct Server<'a> {
    installed: &'a Installation,
    process: Child,
    /// Where its socket and the scripts are: a path that is short enough for a socket.
    socket: TempDir,
    /// Ended before its folder goes.
    data: TempDir,
    skus: usize,
}

impl<'a> Server<'a> {
    pub fn start(installed: &'a Installation, folder: &Path, skus: usize) -> Outcome<Server<'a>> {
        // The way to the data must be open to its owner.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let data = tempfile::Builder::new().prefix("postgres-").tempdir_in(folder)?;
        let socket = tempfile::Builder::new().prefix("mercat-pg-").tempdir()?;
        for (name, script) in [("schema.sql", SCHEMA), ("checkout.sql", CHECKOUT)] {
            let path = socket.path().join(name);
            fs::write(&path, script)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
        }
        installed.own(data.path())?;
        installed.own(socket.path())?;
        let mut initdb = installed.program("initdb");
        initdb.args(["--auth=trust", "--username", NAME, "--encoding=UTF8", "--locale=C", "-D"]);
        checked(initdb.arg(data.path()).output()?, "initdb")?;
        let mut postgres = installed.program("postgres");
        postgres.arg("-D").arg(data.path()).arg("-k").arg(socket.path());
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        let process = postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Server { installed, process, socket, data, skus };
        server.wait_until_ready()?;
        checked(server.psql("postgres", &["-c", &format!("create database {NAME}")])?, "psql")?;
        let schema = server.socket.path().join("schema.sql").display().to_string();
        checked(server.psql(NAME, &["-v", &format!("skus={skus}"), "-f", &schema])?, "psql")?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Outcome<()> {
        let began = Instant::now();
        loop {
            if self.psql("postgres", &["-c", "select 1"])?.status.success() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("postgres ended at once: {status}").into());
            }
            if began.elapsed() > PATIENCE {
                return Err("postgres did not become ready".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn psql(&self, database: &str, arguments: &[&str]) -> io::Result<Output> {
        let mut psql = self.installed.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", NAME, "-d", database]);
        psql.arg("-h").arg(self.socket.path()).args(arguments).output()
    }

    /// Checkouts a second from so many clients. Every one that was acknowledged must be there.
    pub fn checkouts(&self, clients: usize, seconds: usize) -> Outcome<f64> {
        let before = self.counted()?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut pgbench = self.installed.program("pgbench");
        pgbench
            .args(["--no-vacuum", "--protocol=prepared", "-U", NAME, "-h"])
            .arg(self.socket.path())
            .args(["-c", &clients.to_string(), "-j", &clients.min(cores).to_string()])
            .args(["-T", &seconds.to_string(), "-D", &format!("skus={}", self.skus), "-f"])
            .arg(self.socket.path().join("checkout.sql"))
            .arg(NAME);
        let told = checked(pgbench.output()?, "pgbench")?;
        let figure = |name: &str| -> Outcome<f64> {
            let line = told.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            let found = word.and_then(|word| word.parse().ok());
            found.ok_or_else(|| format!("pgbench did not say {name:?}:\n{told}").into())
        };
        let acknowledged = figure("number of transactions actually processed:")?;
        let made = self.counted()? - before;
        if made as f64 != acknowledged || acknowledged == 0.0 {
            return Err(format!("{acknowledged} acknowledged, {made} stored").into());
        }
        figure("tps =")
    }

    /// Orders that are stored, if the stock, the events and the answers agree with them.
    fn counted(&self) -> Outcome<i64> {
        let query = "select (select count(*) from orders), (select count(*) from order_lines), \
                     (select sum(reserved) from stock), (select count(*) / 2 from events), \
                     (select count(*) from idempotency)";
        let told = checked(self.psql(NAME, &["-c", query])?, "psql")?;
        let figures: Result<Vec<i64>, _> = told.trim().split('|').map(str::parse).collect();
        match &*figures? {
            [orders, rest @ ..] if rest.iter().all(|figure| figure == orders) => Ok(*orders),
            _ => Err(format!("PostgreSQL's books disagree: {told}").into()),
        }
    }

    /// Ends it in order, and waits.
    pub fn stop(mut self) -> Outcome<()> {
        self.end()?;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.process.try_wait()?.is_none() {
            // A fast shutdown: clients are sent away, what is under way is undone.
            let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
            pid.map_or(Ok(()), |pid| kill_process(pid, Signal::INT))?;
            self.process.wait()?;
        }
        Ok(())
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            let data = self.data.path().display();
            eprintln!("postgres on {data} could not be ended: {error}");
        }
    }
}

/// What a program said, if it went well.
fn checked(output: Output, name: &str) -> Outcome<String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{name} failed: {}", said.trim()).into())
        }
    }
}
