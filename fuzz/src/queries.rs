//! Query strings, as lists take them: pages, and the faults that are named.

use mercat::http::body::read_query;
use mercat::http::list::Paging;

pub fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    match read_query::<Paging>(query) {
        Ok(paging) => {
            assert!((1..=100).contains(&paging.take()), "{}", paging.take());
            // A page beyond all ends is empty, and not the first one again.
            assert!(paging.skip() >= paging.take() || paging.page.0 == 1);
        }
        Err(error) => assert_eq!(error.problem().status().as_u16(), 400),
    }
}
