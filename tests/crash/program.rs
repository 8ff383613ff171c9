//! The program at work on a folder: started, killed, told to stop, and asked over HTTP.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const ADMIN: (&str, &str) = ("admin@shop.example", "correct horse battery staple");

/// How long anything may take before it counts as hanging. Reached by no machine that works.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A shop's data folder, and how the program is started on it.
pub struct Shop {
    pub folder: PathBuf,
    /// What the program says to its person, all starts one after the other.
    pub log: PathBuf,
    pub variables: Vec<(&'static str, String)>,
    /// What is put before the program's name, such as a shell that takes rights away.
    pub wrapper: Vec<String>,
    _home: TempDir,
}

impl Shop {
    /// A folder that is not there yet, as before the first start.
    pub fn new() -> Shop {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (folder, log) = (home.path().join("shop"), home.path().join("log"));
        Shop { folder, log, variables: vec![], wrapper: vec![], _home: home }
    }

    pub fn with(mut self, variable: &'static str, value: impl Into<String>) -> Shop {
        self.set(variable, value);
        self
    }

    pub fn set(&mut self, variable: &'static str, value: impl Into<String>) {
        self.unset(variable);
        self.variables.push((variable, value.into()));
    }

    pub fn unset(&mut self, variable: &str) {
        self.variables.retain(|(name, _)| *name != variable);
    }

    /// Another shop that has all that this one has by now.
    pub fn copied(&self) -> Shop {
        let mut shop = Shop::new();
        copy(&self.folder, &shop.folder);
        shop.variables.clone_from(&self.variables);
        shop
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_mercat");
        let mut command = match self.wrapper.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(arguments).arg("--data").arg(&self.folder);
        command
            .env("MERCAT_ADMIN_EMAIL", ADMIN.0)
            .env("MERCAT_ADMIN_PASSWORD", ADMIN.1)
            .env("MERCAT_LOG", "warn")
            // All buyers come from one address.
            .env("MERCAT_RATE_LIMITS", "off")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.log_file());
        command
    }

    fn log_file(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.log).expect("a log")
    }

    /// What the program has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Starts the program and does not wait for it.
    pub fn launch(&self) -> Process {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--test-payments", "1"];
        Process { child: Some(self.command(&arguments).spawn().expect("the program starts")) }
    }

    /// Starts the program and waits until it is open.
    #[track_caller]
    pub fn start(&self) -> Program {
        match self.try_start() {
            Ok(program) => program,
            Err(status) => panic!("the shop did not open ({status}); it said\n{}", self.said()),
        }
    }

    /// As [`Shop::start`], or how the program ended instead.
    #[track_caller]
    pub fn try_start(&self) -> Result<Program, ExitStatus> {
        let mut process = self.launch();
        let output = process.child().stdout.take().expect("its output is piped");
        let (say, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains("http://") && say.send(line).is_err() {
                    return;
                }
            }
        });
        let line = match heard.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return Err(process.wait()),
            Err(RecvTimeoutError::Timeout) => panic!("it hangs at start; it said\n{}", self.said()),
        };
        let base = line[line.find("http://").expect("an address")..].trim().to_owned();
        // A client with TLS asks for one; it is there already where another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let pid = process.id();
        Ok(Program { process: Mutex::new(process), pid, base, client })
    }

    /// Runs another command of the program on the folder to its end: whether it succeeded, and all
    /// that it said.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> (ExitStatus, String) {
        let mut command = self.command(arguments);
        let done = command.stderr(Stdio::piped()).output().expect("the program starts");
        let said = [done.stdout, done.stderr].concat();
        (done.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// Whether everything in the folder agrees with everything else.
    pub fn verify(&self) -> Result<(), String> {
        match self.run(&["verify"]) {
            (status, _) if status.success() => Ok(()),
            (_, said) => Err(format!("mercat verify: {said}")),
        }
    }

    /// The payments that the provider knows, each with its newest state and its amount.
    pub fn payments(&self) -> Vec<(String, i64)> {
        let path = self.folder.join("test-payments.jsonl");
        let mut payments = std::collections::HashMap::new();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let line: Value = serde_json::from_str(line).expect("the provider writes JSON");
            let payment = &line["payment"];
            if let Some(id) = payment["payment"].as_str() {
                let state = payment["state"].as_str().expect("a state").to_owned();
                let amount = payment["amount"]["minor"].as_i64().unwrap_or(0);
                payments.insert(id.to_owned(), (state, amount));
            }
        }
        payments.into_values().collect()
    }
}

/// A running process that ends with the test.
pub struct Process {
    child: Option<Child>,
}

impl Process {
    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it was not waited for")
    }

    pub fn id(&mut self) -> u32 {
        self.child().id()
    }

    /// No warning, no last words.
    pub fn kill(&mut self) {
        let child = self.child();
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child().try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An open shop.
pub struct Program {
    process: Mutex<Process>,
    pub pid: u32,
    pub base: String,
    client: Client,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The problem's code, or nothing.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Program {
    pub fn kill(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    pub fn signal(&self, name: &str) {
        signal(self.pid, name);
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&self) -> ExitStatus {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).wait()
    }

    /// Asks it to end, as a service manager does, and says how it did.
    #[track_caller]
    pub fn end(&self) -> ExitStatus {
        // It may have ended by itself, and then nobody is there who could be told.
        let _ = Command::new("kill").args(["-TERM", &self.pid.to_string()]).output();
        self.wait()
    }

    /// As [`Program::end`], of one that must end well.
    #[track_caller]
    pub fn stop(&self) {
        let status = self.end();
        assert!(status.success(), "{status}");
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    /// The answer, or `None` where none came because the shop was gone.
    #[track_caller]
    pub fn send(&self, request: RequestBuilder) -> impl Future<Output = Option<Answer>> + use<> {
        async move {
            let in_time =
                |error: &reqwest::Error| assert!(!error.is_timeout(), "no answer: {error}");
            let answer = request.send().await.inspect_err(in_time).ok()?;
            let status = answer.status().as_u16();
            let body = answer.text().await.inspect_err(in_time).ok()?;
            Some(Answer { status, body })
        }
    }

    pub async fn staff_token(&self) -> String {
        let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
        let answer = self.send(self.post("/v1/auth/login").json(&body)).await.expect("an answer");
        answer.json()["accessToken"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// What staff see there, or the answer that was no success.
    pub async fn look(&self, path: &str, token: &str) -> Result<Value, String> {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(token);
        match self.send(request).await {
            Some(answer) if answer.status == 200 => Ok(answer.json()),
            Some(answer) => Err(format!("GET {path}: {} {}", answer.status, answer.body)),
            None => Err(format!("GET {path}: no answer")),
        }
    }

    /// Waits until all that follows from the log has been done, or nobody is there any more.
    pub async fn at_rest(&self) {
        let since = Instant::now();
        while let Some(answer) = self.readiness().await {
            let ready = answer.json();
            let follows = [&ready["search"]["eventsBehind"], &ready["mail"]["waiting"]];
            if follows.iter().all(|behind| behind.as_u64() == Some(0)) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "what follows from the log is not done: {ready}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How the shop is, as its service manager sees it; `None` where it is gone.
    pub async fn readiness(&self) -> Option<Answer> {
        self.send(self.client.get(format!("{}/readyz", self.base))).await
    }
}

pub fn signal(pid: u32, name: &str) {
    let signal = format!("-{name}");
    let sent = Command::new("kill").args([&signal, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// Copies a folder of plain files.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("a kind");
        // The socket of a shop that was killed.
        if kind.is_socket() {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
