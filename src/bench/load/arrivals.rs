//! When journeys are due: at random and independent of each other, as people come who do not know of
//! each other (a Poisson process), at a steady rate or at one that follows a sale.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// How the rate changes while time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Always the same.
    Steady,
    /// As a sale that was announced: from nothing to its peak within a tenth of the time, then ever
    /// less, to a twentieth of the peak at the end.
    Sale,
    /// A flood: in the middle third its peak, before and after it a twentieth.
    Flood,
}

impl Shape {
    /// The share of the peak when `part` (0 to 1) of the time has passed.
    pub fn at(self, part: f64) -> f64 {
        const RISE: f64 = 0.1;
        match self {
            Shape::Steady => 1.0,
            Shape::Sale if part < RISE => part / RISE,
            Shape::Flood if (1.0 / 3.0..2.0 / 3.0).contains(&part) => 1.0,
            Shape::Flood => 0.05,
            Shape::Sale => (-3.0 * (part - RISE) / (1.0 - RISE)).exp(),
        }
    }
}

/// Moments, as time since the beginning, until the end.
pub struct Arrivals {
    chance: ChaCha8Rng,
    /// A second, at the most.
    peak: f64,
    shape: Shape,
    length: Duration,
    /// Seconds.
    last: f64,
}

impl Arrivals {
    /// The same seed gives the same moments. No rate, no arrivals.
    pub fn new(peak: f64, shape: Shape, length: Duration, seed: u64) -> Arrivals {
        Arrivals { chance: ChaCha8Rng::seed_from_u64(seed), peak, shape, length, last: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    /// By thinning (Lewis and Shedler, 1979): candidates come at the peak's rate, and each counts
    /// with the chance that the rate of its moment is of the peak's.
    fn next(&mut self) -> Option<Duration> {
        let length = self.length.as_secs_f64();
        loop {
            // From an even number in (0, 1]; the logarithm of nothing is endless.
            let even: f64 = 1.0 - self.chance.random::<f64>();
            self.last += -even.ln() / self.peak;
            if self.last.is_nan() || self.last >= length {
                return None;
            }
            if self.chance.random::<f64>() < self.shape.at(self.last / length) {
                return Some(Duration::from_secs_f64(self.last));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(shape: Shape, seed: u64) -> Vec<Duration> {
        Arrivals::new(1_000.0, shape, Duration::from_secs(20), seed).collect()
    }

    #[test]
    fn they_come_at_their_rate_and_not_in_step() {
        let moments = moments(Shape::Steady, 7);
        assert!((19_400..20_600).contains(&moments.len()), "{}", moments.len());
        assert!(moments.is_sorted() && moments.last() < Some(&Duration::from_secs(20)));
        let gaps = moments.windows(2).map(|pair| pair[1] - pair[0]);
        let long = gaps.filter(|gap| *gap > Duration::from_millis(2)).count();
        // e^-2 of all gaps are longer than twice the mean.
        assert!((2_300..3_100).contains(&long), "{long}");
    }

    #[test]
    fn the_same_seed_gives_the_same_moments() {
        assert_eq!(moments(Shape::Sale, 3), moments(Shape::Sale, 3));
        assert_ne!(moments(Shape::Sale, 3), moments(Shape::Sale, 4));
    }

    #[test]
    fn a_sale_peaks_early_and_fades() {
        let moments = moments(Shape::Sale, 1);
        let within = |from: u64, to: u64| {
            let range = Duration::from_secs(from)..Duration::from_secs(to);
            moments.iter().filter(|moment| range.contains(*moment)).count()
        };
        assert!(within(2, 3) > within(0, 1) && within(2, 3) > 3 * within(12, 13));
        assert!(within(19, 20) < within(12, 13));
    }

    #[test]
    fn a_flood_rises_at_once_and_is_over_at_once() {
        let moments = moments(Shape::Flood, 1);
        let third = Duration::from_secs(20) / 3;
        let within = |from: Duration, to: Duration| {
            moments.iter().filter(|moment| (from..to).contains(*moment)).count()
        };
        let (before, after) = (within(Duration::ZERO, third), within(2 * third, 3 * third));
        assert!((260..410).contains(&before) && (260..410).contains(&after), "{before} {after}");
        assert!((6_300..7_100).contains(&within(third, 2 * third)));
    }

    #[test]
    fn without_a_rate_nobody_comes() {
        assert_eq!(Arrivals::new(0.0, Shape::Steady, Duration::from_secs(9), 1).count(), 0);
    }
}
