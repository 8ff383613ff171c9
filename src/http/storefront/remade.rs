//! What is made of the whole catalog, and made anew when that has changed.
//!
//! It is made in the pool of threads for long work, one after the other however many ask, and whoever
//! asked before it was begun is given it. Where it takes long, as in a large shop, and the shop sells
//! all the time, it would be made all the time: so it is then given for ten times as long as it took,
//! and making it takes a tenth of one core at most.

use crate::http::app::App;
use crate::http::layers::detached;
use crate::http::problem::ApiError;
use arc_swap::ArcSwapOption;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What is made faster than this is never older than the catalog.
const LONG: Duration = Duration::from_millis(100);

/// How many times as long as it took something that takes long is given.
const RESTS: u32 = 10;

/// One such thing. Cheap to clone.
pub struct Remade<T>(Arc<Held<T>>);

struct Held<T> {
    make: fn(&App) -> io::Result<T>,
    last: ArcSwapOption<Made<T>>,
    /// Held by whoever makes it.
    turn: Mutex<()>,
}

struct Made<T> {
    value: Arc<T>,
    /// The state of the models from before they were read.
    at: u64,
    age: Age,
}

#[derive(Clone, Copy)]
struct Age {
    took: Duration,
    finished: Instant,
}

impl Age {
    /// Whether it may be given although something has changed.
    fn is_excused(self, now: Instant) -> bool {
        self.took > LONG && now.saturating_duration_since(self.finished) < self.took * RESTS
    }
}

impl<T> Clone for Remade<T> {
    fn clone(&self) -> Remade<T> {
        Remade(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync + 'static> Remade<T> {
    pub fn by(make: fn(&App) -> io::Result<T>) -> Remade<T> {
        Remade(Arc::new(Held { make, last: ArcSwapOption::empty(), turn: Mutex::new(()) }))
    }

    /// As the catalog stands now.
    pub async fn now(&self, app: &App) -> Result<Arc<T>, ApiError> {
        let asked_at = app.shop.reads.moment.now();
        if let Some(value) = self.at_least(asked_at) {
            return Ok(value);
        }
        let (own, app) = (self.clone(), app.clone());
        // To its end, even where whoever asked first has gone: others wait for it.
        detached(async move {
            let _turn = own.0.turn.lock().await;
            match own.at_least(asked_at) {
                Some(value) => Ok(value),
                None => own.make(app).await,
            }
        })
        .await
    }

    /// What was made last, if it shows all that had happened by that moment.
    fn at_least(&self, moment: u64) -> Option<Arc<T>> {
        let last = self.0.last.load();
        let good = |made: &&Arc<Made<T>>| made.at >= moment || made.age.is_excused(Instant::now());
        last.as_ref().filter(good).map(|made| Arc::clone(&made.value))
    }

    async fn make(&self, app: App) -> Result<Arc<T>, ApiError> {
        let (make, pool) = (self.0.make, app.shop.blocking.clone());
        let made = pool.run(move || {
            let (at, began) = (app.shop.reads.moment.now(), Instant::now());
            let value = Arc::new(make(&app)?);
            Ok((value, at, Age { took: began.elapsed(), finished: Instant::now() }))
        });
        let made: io::Result<_> =
            made.await.map_err(|_| ApiError::Unavailable { what: "the list of everything" })?;
        let (value, at, age) = made.map_err(|error| ApiError::fault(&error))?;
        self.0.last.store(Some(Arc::new(Made { value: Arc::clone(&value), at, age })));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_took_long_is_given_when_it_is_old_and_not_for_ever() {
        let finished = Instant::now();
        let excused = |took, after| Age { took, finished }.is_excused(finished + after);
        let second = Duration::from_secs(1);
        assert!(!excused(LONG, Duration::ZERO));
        assert!(excused(second, Duration::ZERO) && excused(second, 9 * second));
        assert!(!excused(second, 10 * second));
    }
}
