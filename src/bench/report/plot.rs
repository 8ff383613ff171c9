//! Plots as SVG paths: where a value lies, where the lines of the grid are, what they are called.
//!
//! A plot's area is a thousand units wide and high and is stretched to whatever room there is; its
//! words stand around it as text, so that they can be read on a telephone as well.

use std::fmt::Write;

/// Both sides of the area.
const SIDE: f64 = 1_000.0;

/// A plot, ready for the template.
pub struct Plot {
    pub title: &'static str,
    /// What it shows, for those who do not see it.
    pub about: String,
    pub legend: Vec<Key>,
    pub x: Vec<Tick>,
    pub y: Vec<Tick>,
    pub shapes: Vec<Shape>,
    pub marks: Vec<Marking>,
    /// What a pointer is told.
    pub columns: Vec<Column>,
}

/// One line of the legend. The class gives the colour.
pub struct Key {
    pub class: &'static str,
    pub name: String,
}

/// A name at a place along an axis, in hundredths of it.
pub struct Tick {
    pub place: String,
    pub name: String,
}

/// A line across the plot at something that happened.
pub struct Marking {
    pub place: String,
    pub name: String,
    /// On which side of the line its name has room.
    pub side: &'static str,
}

pub struct Shape {
    pub class: String,
    /// SVG path data.
    pub path: String,
}

/// A part of the width, in units of the area.
pub struct Column {
    pub from: String,
    pub width: String,
    pub title: String,
}

impl Plot {
    pub fn new(title: &'static str, about: String) -> Plot {
        let (legend, x, y, shapes) = (vec![], vec![], vec![], vec![]);
        Plot { title, about, legend, x, y, shapes, marks: vec![], columns: vec![] }
    }

    /// A line through points in hundredths of both axes' lengths; where a value is missing there is
    /// a gap.
    pub fn line(&mut self, class: &'static str, name: &str, points: &[(f64, Option<f64>)]) {
        self.legend.push(Key { class, name: name.into() });
        self.shapes.push(Shape { class: format!("line {class}"), path: path(points, Fill::No) });
    }

    /// A line, and what is below it tinted.
    pub fn area(&mut self, class: &'static str, name: &str, points: &[(f64, Option<f64>)]) {
        self.shapes.push(Shape { class: format!("area {class}"), path: path(points, Fill::Below) });
        self.line(class, name, points);
    }

    pub fn mark(&mut self, place: f64, name: String) {
        let side = if place > 0.6 { "before" } else { "after" };
        let Tick { place, name } = tick(place, name);
        self.marks.push(Marking { place, name, side });
    }

    pub fn column(&mut self, from: f64, to: f64, title: String) {
        let (from, width) = (number(from * SIDE), number((to - from) * SIDE));
        self.columns.push(Column { from, width, title });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    No,
    Below,
}

fn path(points: &[(f64, Option<f64>)], fill: Fill) -> String {
    let mut path = String::new();
    let known = |point: &(f64, Option<f64>)| point.1.is_some();
    for part in points.split(|point| !known(point)).filter(|part| !part.is_empty()) {
        let place = |(x, y): &(f64, Option<f64>)| {
            let y = y.unwrap_or_default().clamp(0.0, 1.0);
            (number(x * SIDE), number((1.0 - y) * SIDE))
        };
        for (i, point) in part.iter().enumerate() {
            let (x, y) = place(point);
            let letter = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{x} {y}");
        }
        let (first, last) = (place(&part[0]).0, place(&part[part.len() - 1]).0);
        match fill {
            Fill::Below => {
                let _ = write!(path, "V{SIDE}H{first}Z");
            }
            // A single point would be nothing: with round ends, a line of no length is a dot.
            Fill::No if part.len() == 1 => {
                let _ = write!(path, "H{last}");
            }
            Fill::No => {}
        }
    }
    path
}

/// With as many digits as can be seen.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// From values to places between 0 and 1.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Even,
    /// Each tenfold takes as much room: for what differs in kind, as a median and a maximum do.
    /// Lines of the grid are at these parts of each.
    Logarithmic(&'static [f64]),
}

impl Scale {
    /// From nothing to a round figure above all of them.
    pub fn even(values: impl IntoIterator<Item = f64>) -> Scale {
        let most = values.into_iter().fold(0.0, f64::max);
        let high = if most > 0.0 { most } else { 1.0 };
        let step = round_step(high / 4.0);
        Scale { low: 0.0, high: (high / step).ceil() * step, kind: Kind::Even }
    }

    /// From a figure to another, without more room.
    pub fn between(low: f64, high: f64) -> Scale {
        let high = if high > low { high } else { low + 1.0 };
        Scale { low, high, kind: Kind::Even }
    }

    /// From a line of the grid below all values to one above them.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>) -> Scale {
        let values = values.into_iter().filter(|value| *value > 0.0);
        let (low, high) = values.fold((f64::INFINITY, 0.0), |(low, high), value| {
            (f64::min(low, value), f64::max(high, value))
        });
        let (low, high) = if high > 0.0 { (low, high) } else { (1.0, 10.0) };
        let parts = parts(low, high);
        let (low, mut high) = (round_below(low, parts), round_above(high, parts));
        if high <= low {
            high = low * 10.0;
        }
        Scale { low, high, kind: Kind::Logarithmic(parts) }
    }

    pub fn place(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Even => (value - self.low) / (self.high - self.low),
            Kind::Logarithmic(_) => {
                (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
            }
        }
    }

    pub fn point(&self, value: f64) -> Option<f64> {
        Some(self.place(value))
    }

    /// Where lines of the grid are.
    fn values(&self) -> Vec<f64> {
        match self.kind {
            Kind::Even => {
                let step = round_step((self.high - self.low) / 4.0);
                let lines = ((self.high - self.low) / step).round() as u32;
                (0..=lines).map(|line| self.low + f64::from(line) * step).collect()
            }
            Kind::Logarithmic(parts) => {
                let first = self.low.log10().floor() as i32;
                let last = self.high.log10().ceil() as i32;
                let all = (first..=last)
                    .flat_map(|tenfold| parts.iter().map(move |part| part * 10f64.powi(tenfold)));
                let slack = 1.0 + 1e-9;
                all.filter(|value| *value * slack >= self.low && *value <= self.high * slack)
                    .collect()
            }
        }
    }

    pub fn ticks(&self, name: impl Fn(f64) -> String) -> Vec<Tick> {
        self.values().into_iter().map(|value| tick(self.place(value), name(value))).collect()
    }
}

pub fn tick(place: f64, name: String) -> Tick {
    Tick { place: number(place * 100.0), name }
}

/// 1, 2, 2.5 or 5 of some tenfold, at least as much.
fn round_step(at_least: f64) -> f64 {
    let tenfold = 10f64.powf(at_least.log10().floor());
    let parts = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = parts.into_iter().map(|part| part * tenfold).find(|step| *step >= at_least * 0.999);
    fits.unwrap_or(10.0 * tenfold)
}

/// How fine the grid of a logarithmic scale is, so that it has some four lines.
fn parts(low: f64, high: f64) -> &'static [f64] {
    match (high / low).log10() {
        few if few <= 1.0 => &[1.0, 2.0, 5.0],
        some if some <= 2.2 => &[1.0, 3.0],
        _ => &[1.0],
    }
}

fn round_above(value: f64, parts: &[f64]) -> f64 {
    let tenfold = 10f64.powf(value.log10().floor());
    let all = parts.iter().copied().chain([10.0]).map(|part| part * tenfold);
    let fits = all.into_iter().find(|round| *round >= value * 0.999);
    fits.unwrap_or(10.0 * tenfold)
}

fn round_below(value: f64, parts: &[f64]) -> f64 {
    let tenfold = 10f64.powf(value.log10().floor());
    let all = parts.iter().rev().map(|part| part * tenfold);
    let fits = all.into_iter().find(|round| *round <= value * 1.001);
    fits.unwrap_or(tenfold)
}

/// Seconds along the bottom: as many names as a telephone has room for.
pub fn seconds(from: f64, to: f64) -> Vec<Tick> {
    const STEPS: [f64; 16] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0, 14_400.0, 43_200.0,
    ];
    let scale = Scale::between(from, to);
    let fits = |step: &&f64| (to - from) / **step <= 5.0;
    let step = STEPS.iter().find(fits).copied().unwrap_or(86_400.0);
    let name = |at: f64| match at as u64 {
        0 => "0".to_owned(),
        at if step < 60.0 => format!("{at} s"),
        at if step < 3_600.0 => format!("{} min", at / 60),
        at => format!("{} h", at / 3_600),
    };
    let first = (from / step).ceil() as u64;
    let last = (to / step).floor() as u64;
    (first..=last).map(|i| i as f64 * step).map(|at| tick(scale.place(at), name(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ticks: &[Tick]) -> Vec<String> {
        ticks.iter().map(|tick| format!("{} at {}", tick.name, tick.place)).collect()
    }

    #[test]
    fn grids_have_few_round_lines() {
        let even = Scale::even([3.0, 9_213.0]).ticks(|value| format!("{value}"));
        assert_eq!(
            names(&even),
            ["0 at 0", "2500 at 25", "5000 at 50", "7500 at 75", "10000 at 100"]
        );
        let narrow = Scale::logarithmic([130.0, 940.0]).ticks(|value| format!("{value}"));
        assert_eq!(names(&narrow), ["100 at 0", "200 at 30.1", "500 at 69.9", "1000 at 100"]);
        let wide = Scale::logarithmic([1.0, 1_000_000.0]).ticks(|value| format!("{value}"));
        assert_eq!(wide.len(), 7);
    }

    #[test]
    fn nothing_at_all_still_has_an_axis() {
        assert_eq!(Scale::even([]).ticks(|value| format!("{value}")).len(), 5);
        assert!(Scale::logarithmic([0.0]).place(0.0).abs() < 1e-9);
        assert!(Scale::between(3.0, 3.0).place(3.0).is_finite());
    }

    #[test]
    fn what_is_not_known_is_a_gap() {
        let points = [(0.0, Some(0.0)), (0.25, Some(0.5)), (0.5, None), (0.75, Some(1.0))];
        assert_eq!(path(&points, Fill::No), "M0 1000L250 500M750 0H750");
        assert_eq!(path(&points[..2], Fill::Below), "M0 1000L250 500V1000H0Z");
    }

    #[test]
    fn time_is_named_in_what_fits() {
        assert_eq!(names(&seconds(0.0, 4.0)).len(), 5);
        assert_eq!(names(&seconds(0.0, 60.0)).last().unwrap(), "60 s at 100");
        assert_eq!(names(&seconds(0.0, 3_600.0)).last().unwrap(), "60 min at 100");
    }
}
