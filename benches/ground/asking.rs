//! Connections that ask again as soon as they are answered, and what the server worked meanwhile.

use super::Outcome;
use super::program::Program;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The value of a field in a head.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Sends one request; gives the status, the head and the body of the answer.
pub async fn ask(line: &mut TcpStream, request: &str) -> Outcome<(u16, String, Vec<u8>)> {
    line.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = end_of_head(&bytes) {
            let head = String::from_utf8(bytes[..end].to_vec())?;
            let length = field(&head, "content-length").map_or(Ok(0), str::parse::<usize>)?;
            let status = head.get(9..12).ok_or("a status")?.parse()?;
            if bytes.len() >= end + length {
                return Ok((status, head, bytes.split_off(end)));
            }
        }
        if line.read_buf(&mut bytes).await? == 0 {
            return Err("the connection ended".into());
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        from += at + 1;
        if bytes[from..].starts_with(b"\r\n") {
            return Some(from + 2);
        }
    }
    None
}

/// What a server did in one round.
pub struct Run {
    pub rate: f64,
    /// Processor time of the server for each request, in microseconds.
    pub work_us: f64,
    /// Of one answer, head and body.
    pub bytes: usize,
}

/// Asks these in turn over so many connections, each as soon as it is answered.
pub async fn load(
    server: &Program,
    requests: &[Arc<str>],
    connections: usize,
    span: Duration,
) -> Outcome<Run> {
    let requests: Arc<[Arc<str>]> = requests.into();
    let mut lines = Vec::new();
    for _ in 0..connections {
        let line = TcpStream::connect(&server.address).await?;
        line.set_nodelay(true)?;
        lines.push(line);
    }
    let (began, before) = (Instant::now(), server.worked()?);
    let end = began + span;
    let asking: Vec<_> = lines
        .into_iter()
        .enumerate()
        .map(|(n, line)| tokio::spawn(ask_until(line, Arc::clone(&requests), n, end)))
        .collect();
    let (mut answers, mut bytes) = (0, 0);
    for line in asking {
        let (some, size) = line.await?.map_err(|error| error.to_string())?;
        answers += some;
        bytes = size;
    }
    let took = began.elapsed().as_secs_f64();
    let worked = (server.worked()? - before).as_secs_f64();
    let answers = answers as f64;
    Ok(Run { rate: answers / took, work_us: worked * 1e6 / answers, bytes })
}

/// Asks until the time is over; gives how many answers came, and the size of the last one.
async fn ask_until(
    mut line: TcpStream,
    requests: Arc<[Arc<str>]>,
    first: usize,
    end: Instant,
) -> Result<(usize, usize), std::io::Error> {
    let mut buffer = vec![0; 256 << 10];
    let (mut answers, mut size) = (0, 0);
    while Instant::now() < end {
        let request = &requests[(first * 7 + answers) % requests.len()];
        line.write_all(request.as_bytes()).await?;
        let mut filled = 0;
        size = loop {
            let came = line.read(&mut buffer[filled..]).await?;
            if came == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += came;
            if let Some(whole) = whole_answer(&buffer[..filled]) {
                break whole;
            }
        };
        answers += 1;
    }
    Ok((answers, size))
}

/// The size of an answer, where all of it has come.
fn whole_answer(bytes: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let end = end_of_head(bytes)?;
    let head = &bytes[..end];
    let at = head.windows(NAME.len()).position(|window| window == NAME);
    let digits = at.map_or(&b""[..], |at| &head[at + NAME.len()..]);
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (bytes.len() >= end + length).then_some(end + length)
}
