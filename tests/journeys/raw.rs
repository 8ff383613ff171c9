//! HTTP as no well-behaved client speaks it: bytes over a connection, and what came back.

use crate::faults::PATIENCE;
use crate::testshop::TestShop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection to the shop.
pub struct Raw(TcpStream);

impl Raw {
    pub async fn open(shop: &TestShop) -> Raw {
        Raw(TcpStream::connect(shop.address()).await.unwrap())
    }

    /// Sends as much as the other side takes; it may have hung up meanwhile.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The first byte of an answer.
    pub async fn first_byte(&mut self) -> u8 {
        let byte = tokio::time::timeout(PATIENCE, self.0.read_u8()).await;
        byte.expect("an answer comes").expect("an answer comes before the end")
    }

    /// Everything that comes until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset after the answer closes it as well as an end.
        let _ = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes))
            .await
            .expect("the shop closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next answer's head, and its body as far as its length says.
    pub async fn answer(&mut self) -> String {
        let mut bytes = Vec::new();
        while !is_whole(&bytes) {
            let mut part = [0; 4_096];
            let read = tokio::time::timeout(PATIENCE, self.0.read(&mut part)).await;
            let read = read.expect("an answer comes").unwrap_or(0);
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(&part[..read]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

pub fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

/// The status of an answer; none where there is no answer.
pub fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Sends one request and gives all that comes until the shop closes the connection.
pub async fn told(shop: &TestShop, request: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::open(shop).await;
    raw.send(request).await;
    raw.rest().await
}
