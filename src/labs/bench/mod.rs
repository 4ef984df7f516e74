//! The hot paths of the labs, timed beside a yardstick in the same run: the same list in the page,
//! in the window and on the command line, so that the three can be compared.
//!
//! Nothing here reads a clock: whoever measures brings one.

mod paths;

pub use paths::{PATHS, YARDSTICK};

use crate::core::{Result, stats};

/// Does a slice of work, natively at most some 10 ms, and says how many units were completed.
pub type Slice = Box<dyn FnMut() -> Result<f64>>;

/// One hot path.
#[derive(Debug, Clone, Copy)]
pub struct HotPath {
    /// Key in tables and JSON.
    pub id: &'static str,
    /// What is done.
    pub title: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// Makes the inputs, which is not timed.
    pub start: fn() -> Result<Slice>,
}

/// What was measured of one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// [`HotPath::id`].
    pub id: &'static str,
    /// [`HotPath::title`].
    pub title: &'static str,
    /// [`HotPath::unit`].
    pub unit: &'static str,
    /// Units a second over all slices.
    pub per_second: f64,
    /// Lower and upper quartile of the rates of single slices.
    pub quartiles: [f64; 2],
    /// Multiplications with addition that the yardstick does in the time of one unit: comparable
    /// between machines, as seconds are not.
    pub cost: f64,
}

impl Timing {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "title": self.title,
            "unit": self.unit,
            "per_second": self.per_second,
            "quartiles": self.quartiles,
            "cost_multiply_adds": self.cost,
        })
    }
}

/// Seconds of slices that a path is measured for, after one that is not counted.
const SECONDS: f64 = 0.4;
/// Fewest slices.
const SLICES: usize = 5;

/// One measurement under way: a slice at each call, path after path.
pub struct Benching {
    next: usize,
    work: Option<Slice>,
    warm: bool,
    /// Units and seconds of the slices of the path under way.
    slices: Vec<[f64; 2]>,
    yardstick: f64,
    done: Vec<Timing>,
}

impl Default for Benching {
    fn default() -> Self {
        Self {
            next: 0,
            work: None,
            warm: false,
            slices: Vec::new(),
            yardstick: f64::NAN,
            done: Vec::new(),
        }
    }
}

impl Benching {
    fn path(&self) -> Option<&'static HotPath> {
        std::iter::once(&YARDSTICK).chain(PATHS).nth(self.next)
    }

    /// What is measured so far, the yardstick first.
    pub fn timings(&self) -> &[Timing] {
        &self.done
    }

    /// Title of the path under way; `None` at the end.
    pub fn current(&self) -> Option<&'static str> {
        self.path().map(|path| path.title)
    }

    /// Share of the paths that are done.
    pub fn progress(&self) -> f64 {
        self.next as f64 / (PATHS.len() + 1) as f64
    }

    /// Does one slice with a clock that gives seconds; `false` when all is measured.
    ///
    /// # Errors
    /// That of the path under way; a further call goes on with the next.
    pub fn advance(&mut self, clock: &dyn Fn() -> f64) -> Result<bool> {
        let Some(path) = self.path() else {
            return Ok(false);
        };
        let outcome = self.slice(path, clock);
        if outcome.is_err() {
            self.leave();
        }
        outcome.map(|()| true)
    }

    fn leave(&mut self) {
        self.next += 1;
        self.work = None;
        self.warm = false;
        self.slices.clear();
    }

    fn slice(&mut self, path: &'static HotPath, clock: &dyn Fn() -> f64) -> Result<()> {
        let Some(work) = &mut self.work else {
            self.work = Some((path.start)()?);
            return Ok(());
        };
        let began = clock();
        let units = work()?;
        let seconds = clock() - began;
        if !self.warm {
            self.warm = true;
            return Ok(());
        }
        // A clock that is coarse on purpose shows no time for a short slice: the next one counts
        // for both.
        match self.slices.last_mut() {
            Some(last) if last[1] <= 0.0 || last[0] <= 0.0 => {
                *last = [last[0] + units, last[1] + seconds];
            }
            _ => self.slices.push([units, seconds]),
        }
        let total = |i: usize| -> f64 { self.slices.iter().map(|s| s[i]).sum() };
        let (units, seconds) = (total(0), total(1));
        if seconds < SECONDS || units <= 0.0 || self.slices.len() < SLICES {
            return Ok(());
        }
        let rates: Vec<f64> = self
            .slices
            .iter()
            .filter(|s| s[0] > 0.0 && s[1] > 0.0)
            .map(|s| s[0] / s[1])
            .collect();
        let per_second = units / seconds;
        if self.next == 0 {
            self.yardstick = per_second;
        }
        self.done.push(Timing {
            id: path.id,
            title: path.title,
            unit: path.unit,
            per_second,
            quartiles: [25.0, 75.0].map(|p| stats::percentile(&rates, p)),
            cost: self.yardstick / per_second,
        });
        self.leave();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn every_path_does_its_work_and_counts_it() {
        let mut ids: Vec<&str> = Vec::new();
        for path in std::iter::once(&YARDSTICK).chain(PATHS) {
            assert!(!ids.contains(&path.id), "{} twice", path.id);
            ids.push(path.id);
            let mut work = (path.start)().unwrap_or_else(|e| panic!("{}: {e}", path.id));
            let mut units = 0.0;
            for _ in 0..2_000 {
                units += work().unwrap_or_else(|e| panic!("{}: {e}", path.id));
                if units > 0.0 {
                    break;
                }
            }
            assert!(units > 0.0, "{}: nothing was completed", path.id);
        }
    }

    #[test]
    fn a_rate_is_units_over_seconds_of_the_given_clock() {
        // Every look at this clock takes a quarter of a second: a slice lasts that long.
        let time = Cell::new(0.0);
        let clock = || {
            time.set(time.get() + 0.25);
            time.get()
        };
        let mut bench = Benching::default();
        while bench.timings().is_empty() {
            assert_eq!(bench.advance(&clock), Ok(true));
        }
        let yardstick = &bench.timings()[0];
        let per_slice = yardstick.per_second * 0.25;
        assert!(
            (per_slice - paths::YARD).abs() < 1e-6 * per_slice,
            "{yardstick:?}"
        );
        assert!((yardstick.cost - 1.0).abs() < 1e-12, "{yardstick:?}");
        assert_eq!(yardstick.quartiles, [yardstick.per_second; 2]);
    }
}
