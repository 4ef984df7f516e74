//! Sparsity schedules: how the share of pruned weights grows over training steps.
//!
//! s is 0 before the start, updated at start, start + every, … and always at the end, held
//! otherwise; u = (t - start) / (end - start). Cubic is "To prune, or not to prune",
//! arXiv 1710.01878; harmonic is our own reading of "periodic regrowth" (arXiv 2503.15172,
//! abstract only).

use crate::core::{Error, Result, num};

/// Shape of a schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// All at once, at the start.
    OneShot,
    /// s_i + (s_f - s_i) u.
    Linear,
    /// s_f + (s_i - s_f)(1 - u)^p; 3 is the cubic of Zhu and Gupta.
    Polynomial {
        /// p.
        power: f64,
    },
    /// 1 - (1 - s_i)((1 - s_f)/(1 - s_i))^u.
    Exponential,
    /// s_f + (s_i - s_f)(1 + cos πu)/2.
    Cosine,
    /// Exponential at ⌊uR⌋/R.
    Iterative {
        /// R.
        rounds: u64,
    },
    /// s_f + (s_i - s_f)(1 - u)^p (1 + cos 2πcu)/2: reopens weights between touches of s_f.
    Harmonic {
        /// c.
        cycles: f64,
        /// p.
        power: f64,
    },
}

/// A sparsity schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Its shape.
    pub shape: Shape,
    /// Sparsity at the start.
    pub initial: f64,
    /// Sparsity at the end.
    pub last: f64,
    /// First step that prunes.
    pub start: u64,
    /// Step at which the final sparsity is reached.
    pub end: u64,
    /// Steps between updates.
    pub every: u64,
}

impl Schedule {
    /// Checks the fields against each other and a run of `steps`.
    ///
    /// # Errors
    /// The field at fault.
    pub fn check(&self, steps: u64) -> Result<()> {
        let range = |field: &str, ok: bool, got: f64, allowed: &str| {
            if ok {
                Ok(())
            } else {
                Err(Error::out_of_range(field, got, allowed))
            }
        };
        range(
            "s_final",
            (0.0..1.0).contains(&self.last),
            self.last,
            "0 up to below 1",
        )?;
        range(
            "s_initial",
            self.initial >= 0.0 && self.initial <= self.last,
            self.initial,
            "0 to s_final",
        )?;
        range(
            "start",
            self.start < self.end,
            self.start as f64,
            "below end",
        )?;
        range(
            "end",
            self.end <= steps,
            self.end as f64,
            "at most the number of steps",
        )?;
        range("every", self.every >= 1, self.every as f64, "at least 1")
    }

    /// Sparsity at step `t`.
    pub fn at(&self, t: u64) -> f64 {
        if t < self.start {
            return 0.0;
        }
        let every = self.every.max(1);
        let t = if t >= self.end {
            self.end
        } else {
            self.start + (t - self.start) / every * every
        };
        let (passed, span) = (t - self.start, (self.end - self.start).max(1));
        let u = passed as f64 / span as f64;
        let (from, to) = (self.initial, self.last);
        let exponential = |u: f64| 1.0 - (1.0 - from) * num::pow((1.0 - to) / (1.0 - from), u);
        match self.shape {
            Shape::OneShot => to,
            Shape::Linear => from + (to - from) * u,
            Shape::Polynomial { power } => to + (from - to) * num::pow(1.0 - u, power),
            Shape::Exponential => exponential(u),
            Shape::Cosine => to + (from - to) * (1.0 + num::cos(std::f64::consts::PI * u)) / 2.0,
            Shape::Iterative { rounds } => {
                exponential((passed * rounds / span) as f64 / rounds.max(1) as f64)
            }
            Shape::Harmonic { cycles, power } => {
                let wave = 1.0 + num::cos(2.0 * std::f64::consts::PI * cycles * u);
                to + (from - to) * num::pow(1.0 - u, power) * wave / 2.0
            }
        }
    }
}

/// The cubic schedule of torch.ao: not held between updates, not clipped in u.
pub fn torch_ao_cubic(from: f64, to: f64, t: f64, start: f64, every: f64, updates: f64) -> f64 {
    let left = 1.0 - (t - start) / (every * updates);
    (to + (from - to) * left * left * left).clamp(from.min(to), to.max(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_starts_late_holds_between_updates_and_always_ends_exactly() {
        let schedule = Schedule {
            shape: Shape::Linear,
            initial: 0.2,
            last: 0.8,
            start: 10,
            end: 25,
            every: 10,
        };
        assert_eq!([0, 9, 10, 19].map(|t| schedule.at(t)), [0.0, 0.0, 0.2, 0.2]);
        assert_eq!(schedule.at(20), schedule.at(24));
        assert_eq!(schedule.at(25), 0.8);
        assert_eq!(schedule.check(20).unwrap_err().field(), Some("end"));
        assert_eq!(schedule.check(25), Ok(()));
    }
}
