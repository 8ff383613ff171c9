//! Follows how an HTTP/1 connection frames its requests, to find those that two readers could
//! understand differently: a length and chunks at once, or several lengths (RFC 9112, sections 6.1
//! and 6.3). hyper takes the chunks and drops the length without a word, so nobody behind it can tell.
//!
//! Nothing is changed and nothing is refused here. After a body in chunks nothing more is followed:
//! the front door answers such a request as the last of its connection. HTTP/2 frames without
//! ambiguity and is left alone.

/// Where the sender is.
#[derive(Debug)]
pub struct Framing {
    at: At,
    head_limit: usize,
    /// The part of a head that came in earlier pieces.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    Body {
        left: u64,
    },
    /// HTTP/2, or past the last request of the connection.
    Beyond,
}

/// What a piece of input showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// A request's length can be read in two ways.
    pub ambiguous: bool,
}

impl Framing {
    /// A head longer than `head_limit` is not followed; hyper refuses it.
    pub fn new(head_limit: usize) -> Framing {
        Framing { at: At::Head, head_limit, partial: Vec::new() }
    }

    /// Whether part of a head has come, and not yet all of it.
    pub fn in_head(&self) -> bool {
        self.at == At::Head && !self.partial.is_empty()
    }

    /// Whether bytes alone say that something is asked. In HTTP/2 they do not: pings keep coming.
    pub fn is_http1(&self) -> bool {
        self.at != At::Beyond
    }

    /// Takes in the next bytes.
    pub fn follow(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            match &mut self.at {
                At::Beyond => break,
                At::Body { left } => {
                    let here = usize::try_from(*left).map_or(bytes.len(), |n| n.min(bytes.len()));
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        self.at = At::Head;
                    }
                }
                At::Head => bytes = self.follow_head(bytes, &mut seen),
            }
        }
        seen
    }

    /// Gives what is left after the head.
    fn follow_head<'a>(&mut self, bytes: &'a [u8], seen: &mut Seen) -> &'a [u8] {
        // Empty lines before a request are skipped (RFC 9112, section 2.2).
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let bytes = if self.partial.is_empty() { &bytes[blank..] } else { bytes };
        let before = self.partial.len();
        if before == 0
            && let Some(end) = end_of_head(bytes, 0)
        {
            // As it would be if it came in pieces.
            if end > self.head_limit + 1 {
                self.give_up();
                return &[];
            }
            self.read_head(&bytes[..end], seen);
            return &bytes[end..];
        }
        let room = self.head_limit.saturating_sub(before);
        let taken = &bytes[..bytes.len().min(room + 1)];
        self.partial.extend_from_slice(taken);
        let Some(end) = end_of_head(&self.partial, before.saturating_sub(3)) else {
            if self.partial.len() > self.head_limit {
                self.give_up();
            }
            return &[];
        };
        let head = std::mem::take(&mut self.partial);
        self.read_head(&head[..end], seen);
        &bytes[end - before..]
    }

    fn read_head(&mut self, head: &[u8], seen: &mut Seen) {
        let (mut lengths, mut length, mut chunked) = (0, Some(0), false);
        for line in head.split(|&byte| byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name.eq_ignore_ascii_case(b"content-length") {
                lengths += 1;
                length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = true;
            }
        }
        seen.ambiguous |= lengths > 1 || (chunked && lengths > 0);
        self.at = match length {
            // What is no length is refused by hyper, which closes the connection.
            None => At::Beyond,
            Some(_) if chunked || head.starts_with(b"PRI * HTTP/2.0") => At::Beyond,
            Some(0) => At::Head,
            Some(left) => At::Body { left },
        };
    }

    fn give_up(&mut self) {
        self.at = At::Beyond;
        self.partial = Vec::new();
    }
}

/// Where the empty line after a head ends, looking for it from `from` on. Lines may end without a
/// carriage return, as hyper takes them.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        match bytes.get(at + 1..)? {
            [b'\n', ..] => return Some(at + 2),
            [b'\r', b'\n', ..] => return Some(at + 3),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const SIZED: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12\n\n5";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn ambiguous(parts: &[&str]) -> bool {
        let mut framing = Framing::new(1_000);
        parts.iter().any(|part| framing.follow(part.as_bytes()).ambiguous)
    }

    #[test]
    fn one_length_or_chunks_are_clear() {
        assert!(!ambiguous(&[PLAIN, SIZED, PLAIN, CHUNKED]));
        let talk = "POST / HTTP/1.1\r\nContent-Length: 60\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!ambiguous(&[talk]));
    }

    #[test]
    fn both_or_two_lengths_are_not() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding: chunked\r\nX: y\r\nCONTENT-LENGTH: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\nTransfer-Encoding: chunked\n",
        ] {
            let bad = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            assert!(ambiguous(&[&bad]), "{fields}");
            assert!(ambiguous(&[PLAIN, SIZED, &bad]), "behind others: {fields}");
            let joined = format!("\r\n{PLAIN}{SIZED}{bad}");
            let bytes: Vec<&str> = joined.split("").filter(|part| !part.is_empty()).collect();
            assert!(ambiguous(&bytes), "byte by byte: {fields}");
        }
    }

    #[test]
    fn a_head_over_its_limit_is_not_kept() {
        let mut framing = Framing::new(1_000);
        for _ in 0..100 {
            framing.follow(&[b'x'; 100]);
            assert!(framing.partial.len() <= 1_001);
        }
        assert!(!framing.is_http1());
        let mut at_once = Framing::new(1_000);
        at_once.follow(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000)).as_bytes());
        assert!(!at_once.is_http1(), "nor is one that comes in one piece");
    }

    #[test]
    fn http_2_is_left_alone() {
        let mut framing = Framing::new(1_000);
        framing.follow(b"PRI * HTTP/2.0\r\n");
        assert!(framing.in_head() && framing.is_http1());
        framing.follow(b"\r\nSM\r\n\r\n");
        assert!(!framing.in_head() && !framing.is_http1());
    }

    proptest! {
        #[test]
        fn pieces_are_followed_as_the_whole(requests in prop::collection::vec(0..4_usize, 1..6), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let bad = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1";
            let text: String = requests.iter().map(|&i| [PLAIN, SIZED, "\n", bad][i]).collect();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let parts: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(ambiguous(&parts), requests.contains(&3));
        }
    }
}
