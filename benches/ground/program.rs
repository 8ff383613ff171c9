//! The real program, as a process of its own.

use super::Outcome;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Program {
    child: Child,
    pub address: String,
    /// From its start until it said that it is open, and until `/readyz` said so.
    pub open: Duration,
    pub ready: Duration,
}

/// Resident memory in MB.
pub struct Memory {
    pub now: u64,
    pub most: u64,
}

impl Program {
    /// Mercat, without limits of rate and with play money.
    pub fn start(arguments: &[&str]) -> Outcome<Program> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mercat"));
        command.args(arguments).args(["--listen", "127.0.0.1:0"]);
        Program::run(&mut command)
    }

    /// This very program, as a server that knows the answers in a file.
    pub fn bare(answers: &str) -> Outcome<Program> {
        Program::run(Command::new(std::env::current_exe()?).args(["bare", answers]))
    }

    fn run(command: &mut Command) -> Outcome<Program> {
        let began = Instant::now();
        let mut child = command
            .env("MERCAT_RATE_LIMITS", "off")
            .env("MERCAT_TEST_PAYMENTS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let address = loop {
            let line = lines.next().ok_or("it ended before it was open")??;
            if let Some((_, address)) = line.split_once("http://") {
                break address.split(['/', ' ']).next().unwrap_or_default().to_owned();
            }
        };
        let open = began.elapsed();
        while !get(&address, "/readyz")?.starts_with("HTTP/1.1 200") {
            std::thread::sleep(Duration::from_millis(1));
        }
        let ready = began.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Program { child, address, open, ready })
    }

    /// Processor time so far, of all its threads.
    pub fn worked(&self) -> Outcome<Duration> {
        super::worked_by(&self.child.id().to_string())
    }

    pub fn memory(&self) -> Outcome<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            number.unwrap_or_default() / 1_024
        };
        Ok(Memory { now: megabytes("VmRSS:"), most: megabytes("VmHWM:") })
    }

    /// Ends it by a signal such as `-TERM`.
    pub fn end(mut self, signal: &str) -> Outcome<()> {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Whoever fails leaves nothing running.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own.
pub fn get(address: &str, path: &str) -> Outcome<String> {
    let mut line = TcpStream::connect(address)?;
    write!(line, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    line.read_to_string(&mut answer)?;
    Ok(answer)
}
