//! How requests follow one another on a connection: whatever pieces the bytes come in, the same is
//! found in them.
//!
//! The first byte says how long the pieces are.

use mercat::http::conn::Framing;

const HEAD_LIMIT: usize = 512;

pub fn check(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let mut whole = Framing::new(HEAD_LIMIT);
    let at_once = whole.follow(bytes).ambiguous;
    let mut pieces = Framing::new(HEAD_LIMIT);
    let mut in_pieces = false;
    for piece in bytes.chunks(usize::from(*size).max(1)) {
        in_pieces |= pieces.follow(piece).ambiguous;
    }
    assert_eq!(in_pieces, at_once);
    assert_eq!(pieces.is_http1(), whole.is_http1());
    assert_eq!(pieces.in_head(), whole.in_head());
}
