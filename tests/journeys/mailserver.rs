//! A mail server (RFC 5321) of a test's own, that does with each message what the test wants.

use mercat::notify::rfc5322::Sender;
use mercat::notify::smtp::{Encryption, Smtp, SmtpSettings};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// What happens to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Its recipient gets this answer, and nothing is taken.
    Answer(u16),
    /// It is taken, and the connection is lost before the answer.
    LostBefore,
    /// It is taken, and the connection is lost after the answer.
    LostAfter,
}

pub struct MailServer {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    inbox: watch::Sender<Vec<String>>,
    turns: Mutex<VecDeque<Turn>>,
    /// Connections are closed without a word.
    is_down: AtomicBool,
    /// Connections are taken, and nothing is said.
    is_silent: watch::Sender<bool>,
    /// Connections so far.
    knocks: watch::Sender<usize>,
    /// All that clients said, messages apart.
    heard: Mutex<Vec<String>>,
    /// Passed before a message is answered.
    gate: Semaphore,
    /// Messages that were sent in full and wait at the gate.
    held: watch::Sender<usize>,
    most_held: watch::Sender<usize>,
}

impl MailServer {
    pub async fn open() -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            inbox: watch::Sender::default(),
            turns: Mutex::default(),
            is_down: AtomicBool::default(),
            is_silent: watch::Sender::default(),
            knocks: watch::Sender::default(),
            heard: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            held: watch::Sender::default(),
            most_held: watch::Sender::default(),
        });
        let own = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&own);
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        MailServer { address, state }
    }

    /// The way to it.
    pub fn notifier(&self) -> Arc<Smtp> {
        Arc::new(Smtp::new(self.settings()).unwrap())
    }

    pub fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".into(),
            port: self.address.port(),
            encryption: Encryption::None,
            login: None,
            authority: None,
            patience: Duration::from_secs(120),
            sender: Sender::new("Acme <shop@shop.example>", None).unwrap(),
        }
    }

    /// What happens to the next messages; those after them are taken.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        self.state.turns.lock().unwrap().extend(turns);
    }

    pub fn go_down(&self) {
        self.state.is_down.store(true, Ordering::Relaxed);
    }

    pub fn come_back(&self) {
        self.state.is_down.store(false, Ordering::Relaxed);
    }

    /// Takes connections, and says nothing.
    pub fn go_silent(&self) {
        self.state.is_silent.send_replace(true);
    }

    /// Says to everybody who waits what it owes them.
    pub fn speak(&self) {
        self.state.is_silent.send_replace(false);
    }

    /// Returns when it was connected to so often.
    pub async fn is_knocked(&self, count: usize) {
        self.state.knocks.subscribe().wait_for(|knocks| *knocks >= count).await.unwrap();
    }

    /// All lines that clients said, messages apart.
    pub fn heard(&self) -> Vec<String> {
        self.state.heard.lock().unwrap().clone()
    }

    /// Has messages wait for their answers.
    pub fn hold(&self) {
        self.state.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn release(&self) {
        self.state.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Returns when so many messages wait for their answers.
    pub async fn holds(&self, count: usize) {
        self.state.held.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    /// The most messages that ever waited at once.
    pub fn most_held(&self) -> usize {
        *self.state.most_held.borrow()
    }

    /// The messages that were taken, as they came.
    pub fn inbox(&self) -> Vec<String> {
        self.state.inbox.borrow().clone()
    }

    /// Returns when so many messages were taken.
    pub async fn takes(&self, count: usize) -> Vec<String> {
        let mut inbox = self.state.inbox.subscribe();
        inbox.wait_for(|inbox| inbox.len() >= count).await.unwrap().clone()
    }
}

impl State {
    /// One connection, to its end.
    async fn serve(&self, stream: TcpStream) {
        if self.is_down.load(Ordering::Relaxed) {
            return;
        }
        self.knocks.send_modify(|knocks| *knocks += 1);
        let _ = self.is_silent.subscribe().wait_for(|is_silent| !is_silent).await;
        let mut talk = Talk { stream: BufReader::new(stream) };
        let _ = self.converse(&mut talk).await;
    }

    /// `None` where the connection ends.
    async fn converse(&self, talk: &mut Talk) -> Option<()> {
        talk.say("220 mail.example ready").await?;
        let mut turn = None;
        loop {
            let line = talk.line().await?;
            self.heard.lock().unwrap().push(line.trim_end().to_owned());
            let verb = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => talk.say("250-mail.example\r\n250-AUTH PLAIN\r\n250 8BITMIME").await?,
                // As some servers do, it repeats what it was told.
                "AUTH" => talk.say(&format!("535 5.7.8 not you: {}", line.trim_end())).await?,
                "MAIL" => {
                    turn = self.turns.lock().unwrap().pop_front();
                    talk.say("250 go on").await?;
                }
                "RCPT" => match turn {
                    Some(Turn::Answer(code)) => talk.say(&format!("{code} no")).await?,
                    _ => talk.say("250 go on").await?,
                },
                "DATA" => {
                    talk.say("354 go on").await?;
                    let message = talk.message().await?;
                    self.pass().await;
                    self.inbox.send_modify(|inbox| inbox.push(message));
                    if turn == Some(Turn::LostBefore) {
                        return None;
                    }
                    talk.say("250 taken").await?;
                    if turn == Some(Turn::LostAfter) {
                        return None;
                    }
                }
                "NOOP" | "RSET" if self.is_down.load(Ordering::Relaxed) => return None,
                "NOOP" | "RSET" => talk.say("250 fine").await?,
                "QUIT" => return talk.say("221 bye").await,
                _ => talk.say("502 what?").await?,
            }
        }
    }

    async fn pass(&self) {
        self.held.send_modify(|held| *held += 1);
        let now = *self.held.borrow();
        self.most_held.send_modify(|most| *most = now.max(*most));
        let permit = self.gate.acquire().await;
        drop(permit);
        self.held.send_modify(|held| *held -= 1);
    }
}

struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    async fn say(&mut self, line: &str) -> Option<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then_some(line)
    }

    /// Up to the line with a dot alone; dots that were doubled are single again.
    async fn message(&mut self) -> Option<String> {
        let mut message = String::new();
        loop {
            match self.line().await?.as_str() {
                ".\r\n" => return Some(message),
                line => message.push_str(line.strip_prefix('.').unwrap_or(line)),
            }
        }
    }
}
