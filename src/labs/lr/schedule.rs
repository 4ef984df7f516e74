//! Schedules in the lab's one internal form: a list of rates, entry i used by update i.
//!
//! With T updates, W of them warmup and peak η: entry i is η (i + 1) / W for i < W (so the peak is
//! used first by update W - 1), then η (r + (1 - r) f), where r is the floor as a share of the
//! peak and f the shape. Decays run over q = (i - W) / (T - W); the floor would be reached at
//! i = T, one past the last update, as in PyTorch and optax.
//!
//! Shapes: constant 1; linear 1 - q; cosine (1 + cos πq) / 2; REX (1 - q) / (1/2 + (1 - q) / 2)
//! (Chen, Wolfe, Kyrillidis, arXiv 2107.04197); WSD (MiniCPM, arXiv 2404.06395): 1, then a
//! cooldown over the last D updates with x = (i - T + D) / D. Cooldown shapes as in "Training
//! Dynamics of the Cooldown Stage in WSD" (arXiv 2508.01483; epfml/llm-optimizer-benchmark).

use crate::core::{Error, Result, num};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The shape of a schedule after its warmup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Stays at the peak.
    Constant,
    /// Straight line to the floor.
    Linear,
    /// Half a cosine to the floor.
    Cosine,
    /// Warmup, stable, decay: the peak, then a cooldown.
    Wsd,
    /// Reflected exponential.
    Rex,
}

impl Shape {
    /// All shapes, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Constant,
        Self::Linear,
        Self::Cosine,
        Self::Wsd,
        Self::Rex,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 5] = ["constant", "linear", "cosine", "WSD", "REX"];

    /// Its place in [`Shape::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }

    /// The shape at a place of [`Shape::ALL`]; the first for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Constant)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// The shape of a WSD cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooldown {
    /// 1 - x.
    Linear,
    /// 1 - √x: falls fast, then slowly.
    OneMinusSqrt,
    /// (1 + cos πx) / 2.
    Cosine,
    /// 2 (1 - x) - (1 + cos πx) / 2: the cosine mirrored at the line.
    MirrorCosine,
    /// 1 - x²: stays high, then falls.
    Square,
    /// Floor to the power x; needs a floor above 0.
    Exponential,
}

impl Cooldown {
    /// All shapes, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Linear,
        Self::OneMinusSqrt,
        Self::Cosine,
        Self::MirrorCosine,
        Self::Square,
        Self::Exponential,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 6] = [
        "linear",
        "1-sqrt",
        "cosine",
        "mirror cosine",
        "square",
        "exponential",
    ];

    /// Its place in [`Cooldown::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }

    /// The shape at a place of [`Cooldown::ALL`]; the first for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Linear)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The factor at share `x` of the cooldown, from 1 to `floor`.
    pub fn factor(self, x: f64, floor: f64) -> f64 {
        let f = match self {
            Self::Linear => 1.0 - x,
            Self::OneMinusSqrt => 1.0 - x.sqrt(),
            Self::Cosine => half_cosine(x),
            Self::MirrorCosine => 2.0 * (1.0 - x) - half_cosine(x),
            Self::Square => 1.0 - x * x,
            Self::Exponential => return num::pow(floor, x),
        };
        floor + (1.0 - floor) * f
    }
}

/// (1 + cos πq) / 2.
pub fn half_cosine(q: f64) -> f64 {
    0.5 * (1.0 + num::cos(PI * q))
}

/// REX profile (1 - q) / (1/2 + (1 - q) / 2).
pub fn rex(q: f64) -> f64 {
    (1.0 - q) / (0.5 + 0.5 * (1.0 - q))
}

/// Everything a schedule depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Shape after the warmup.
    pub shape: Shape,
    /// Number of updates T, at least 1.
    pub updates: usize,
    /// Largest rate, not negative.
    pub peak: f64,
    /// Warmup updates W.
    pub warmup: usize,
    /// Cooldown updates D (WSD only).
    pub cooldown: usize,
    /// Shape of the cooldown (WSD only).
    pub cooldown_shape: Cooldown,
    /// Final rate as a share of the peak, 0 to 1.
    pub floor: f64,
}

impl Schedule {
    /// Whether the schedule is well formed.
    ///
    /// # Errors
    /// The field at fault and its range.
    pub fn check(&self) -> Result<()> {
        if self.updates == 0 {
            return Err(Error::out_of_range("horizon", 0, "at least 1 update"));
        }
        if !(self.peak >= 0.0 && self.peak.is_finite()) {
            return Err(Error::out_of_range("peak", self.peak, "0 or more, finite"));
        }
        if self.warmup > self.updates {
            return Err(Error::out_of_range(
                "warmup",
                self.warmup,
                format!("at most the {} updates of the run", self.updates),
            ));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(Error::out_of_range("floor", self.floor, "0 to 1"));
        }
        if self.shape == Shape::Wsd {
            let room = self.updates - self.warmup;
            if self.cooldown > room {
                return Err(Error::out_of_range(
                    "cooldown",
                    self.cooldown,
                    format!("at most the {room} updates after the warmup"),
                ));
            }
            if self.cooldown_shape == Cooldown::Exponential && self.floor <= 0.0 {
                return Err(Error::out_of_range(
                    "floor",
                    self.floor,
                    "above 0 for an exponential cooldown",
                ));
            }
        }
        Ok(())
    }

    /// First update of the decay: T for a constant rate, T - D for WSD, W otherwise.
    pub fn decay_start(&self) -> usize {
        match self.shape {
            Shape::Constant => self.updates,
            Shape::Wsd => self.updates - self.cooldown.min(self.updates),
            Shape::Linear | Shape::Cosine | Shape::Rex => self.warmup,
        }
    }

    /// The shape's factor (1 at the peak) for update `i`, without warmup.
    pub fn factor(&self, i: usize) -> f64 {
        let start = self.decay_start();
        if i < start || self.shape == Shape::Constant {
            return 1.0;
        }
        let x = (i - start) as f64 / (self.updates - start) as f64;
        let f = match self.shape {
            Shape::Constant => 1.0,
            Shape::Linear => 1.0 - x,
            Shape::Cosine => half_cosine(x),
            Shape::Rex => rex(x),
            Shape::Wsd => return self.cooldown_shape.factor(x, self.floor),
        };
        self.floor + (1.0 - self.floor) * f
    }

    /// The rate that update `i` uses.
    pub fn rate(&self, i: usize) -> f64 {
        if i < self.warmup {
            self.peak * ((i + 1) as f64 / self.warmup as f64)
        } else {
            self.peak * self.factor(i)
        }
    }

    /// The rates of all updates.
    ///
    /// # Errors
    /// As [`Schedule::check`].
    pub fn rates(&self) -> Result<Vec<f64>> {
        self.check()?;
        Ok((0..self.updates).map(|i| self.rate(i)).collect())
    }

    /// The rule for update `i` with the numbers put in.
    pub fn why(&self, i: usize) -> String {
        let rate = |v: f64| format!("{v:.3e}");
        if i < self.warmup {
            return format!(
                "warmup: {} × ({i} + 1) / {} = {}",
                rate(self.peak),
                self.warmup,
                rate(self.rate(i))
            );
        }
        let start = self.decay_start();
        if i < start || self.shape == Shape::Constant {
            return format!("the rate stays at its peak, {}", rate(self.peak));
        }
        let x = (i - start) as f64 / (self.updates - start) as f64;
        let formula = match (self.shape, self.cooldown_shape) {
            (Shape::Cosine, _) | (Shape::Wsd, Cooldown::Cosine) => {
                format!("(1 + cos(π × {x:.3})) / 2")
            }
            (Shape::Rex, _) => format!("(1 - {x:.3}) / (1/2 + (1 - {x:.3}) / 2)"),
            (Shape::Wsd, Cooldown::OneMinusSqrt) => format!("1 - √{x:.3}"),
            (Shape::Wsd, Cooldown::MirrorCosine) => {
                format!("2 (1 - {x:.3}) - (1 + cos(π × {x:.3})) / 2")
            }
            (Shape::Wsd, Cooldown::Square) => format!("1 - {x:.3}²"),
            (Shape::Wsd, Cooldown::Exponential) => {
                return format!(
                    "cooldown: {} × {}^{x:.3} = {}",
                    rate(self.peak),
                    self.floor,
                    rate(self.rate(i))
                );
            }
            _ => format!("1 - {x:.3}"),
        };
        let factor = if self.floor > 0.0 {
            format!("({r} + {} × ({formula}))", 1.0 - self.floor, r = self.floor)
        } else {
            format!("({formula})")
        };
        format!(
            "q = ({i} - {start}) / {} = {x:.3}; {} × {factor} = {}",
            self.updates - start,
            rate(self.peak),
            rate(self.rate(i))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(shape: Shape, updates: usize) -> Schedule {
        Schedule {
            shape,
            updates,
            peak: 1.0,
            warmup: 0,
            cooldown: 0,
            cooldown_shape: Cooldown::Linear,
            floor: 0.0,
        }
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        (
            0..5_usize,
            1..400_usize,
            0.0..10.0_f64,
            0.0..1.0_f64,
            0.0..1.0_f64,
            0..6_usize,
            1e-6..1.0_f64,
        )
            .prop_map(|(shape, updates, peak, w, d, c, floor)| {
                let warmup = (w * updates as f64) as usize;
                Schedule {
                    shape: Shape::from_index(shape),
                    updates,
                    peak,
                    warmup,
                    cooldown: (d * (updates - warmup) as f64) as usize,
                    cooldown_shape: Cooldown::from_index(c),
                    floor,
                }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rates_are_finite_and_lie_between_zero_and_the_peak(s in any_schedule()) {
            let rates = s.rates().unwrap();
            prop_assert_eq!(rates.len(), s.updates);
            for (i, r) in rates.iter().enumerate() {
                prop_assert!(r.is_finite() && *r >= 0.0 && *r <= s.peak * (1.0 + 1e-12), "{} at {}", r, i);
            }
        }

        #[test]
        fn the_warmup_rises_and_reaches_the_peak_exactly(s in any_schedule()) {
            let rates = s.rates().unwrap();
            for pair in rates[..s.warmup].windows(2) {
                prop_assert!(pair[0] < pair[1] || s.peak == 0.0);
            }
            if s.warmup > 0 {
                prop_assert_eq!(rates[s.warmup - 1], s.peak);
            }
        }

        #[test]
        fn after_the_warmup_rates_never_rise_and_stay_above_the_floor(s in any_schedule()) {
            let rates = s.rates().unwrap();
            for pair in rates[s.warmup..].windows(2) {
                prop_assert!(pair[1] <= pair[0] * (1.0 + 1e-12));
            }
            for r in &rates[s.warmup..] {
                prop_assert!(*r >= s.peak * s.floor * (1.0 - 1e-12));
            }
        }

        #[test]
        fn the_flat_part_of_wsd_is_exactly_the_peak(s in any_schedule()) {
            let s = Schedule { shape: Shape::Wsd, ..s };
            let rates = s.rates().unwrap();
            prop_assert!(rates[s.warmup..s.decay_start()].iter().all(|r| *r == s.peak));
        }

        #[test]
        fn scaling_the_peak_scales_every_rate(s in any_schedule(), k in 0.01..100.0_f64) {
            let scaled = Schedule { peak: s.peak * k, ..s }.rates().unwrap();
            for (a, b) in s.rates().unwrap().iter().zip(&scaled) {
                prop_assert!((a * k - b).abs() <= 1e-12 * (s.peak * k).max(1e-300));
            }
        }
    }

    #[test]
    fn the_cosine_is_symmetric_about_its_middle() {
        let r = plain(Shape::Cosine, 1000).rates().unwrap();
        for i in 1..1000 {
            assert!((r[i] + r[1000 - i] - 1.0).abs() < 1e-12, "{i}");
        }
    }

    #[test]
    fn rex_lies_above_linear_and_ends_with_it() {
        let (rex, linear) = (plain(Shape::Rex, 100), plain(Shape::Linear, 100));
        for i in 1..100 {
            assert!(rex.rate(i) > linear.rate(i), "{i}");
        }
        assert_eq!(rex.rate(0), 1.0);
        assert!((rex.rate(50) - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn cooldown_shapes_run_from_one_to_the_floor_in_the_published_order() {
        for shape in Cooldown::ALL {
            assert!((shape.factor(0.0, 0.1) - 1.0).abs() < 1e-15, "{shape:?}");
            assert!((shape.factor(1.0, 0.1) - 0.1).abs() < 1e-15, "{shape:?}");
        }
        let at = |s: Cooldown| s.factor(0.3, 0.0);
        assert!(at(Cooldown::OneMinusSqrt) < at(Cooldown::MirrorCosine));
        assert!(at(Cooldown::MirrorCosine) < at(Cooldown::Linear));
        assert!(at(Cooldown::Linear) < at(Cooldown::Cosine));
        assert!(at(Cooldown::Cosine) < at(Cooldown::Square));
    }

    #[test]
    fn bad_schedules_name_the_field() {
        let field = |s: Schedule| s.check().unwrap_err().field().unwrap().to_owned();
        assert_eq!(field(plain(Shape::Linear, 0)), "horizon");
        let base = plain(Shape::Wsd, 10);
        assert_eq!(
            field(Schedule {
                peak: f64::NAN,
                ..base
            }),
            "peak"
        );
        assert_eq!(field(Schedule { warmup: 11, ..base }), "warmup");
        assert_eq!(
            field(Schedule {
                warmup: 6,
                cooldown: 5,
                ..base
            }),
            "cooldown"
        );
        assert_eq!(
            field(Schedule {
                cooldown_shape: Cooldown::Exponential,
                ..base
            }),
            "floor"
        );
    }

    #[test]
    fn the_reason_contains_the_rate() {
        let s = Schedule {
            warmup: 10,
            peak: 0.02,
            ..plain(Shape::Cosine, 100)
        };
        for i in [0, 9, 10, 55, 99] {
            assert!(
                s.why(i).contains(&format!("{:.3e}", s.rate(i))),
                "{}",
                s.why(i)
            );
        }
    }
}
