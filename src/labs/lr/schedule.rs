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
//! UBA (arXiv 2505.24452) and inverse square root follow their formulas, the power scheduler
//! (arXiv 2408.13359) is capped at the peak and ends in a cooldown. All other shapes, and every
//! shape in the convention of a library, are a table of factors made by `dialects`.

pub use super::shape::{Cooldown, Shape, Warmup, half_cosine, rex, uba};
use crate::core::{Error, Result, num};
use std::sync::Arc;

/// A schedule given by its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// The share of the peak that every update uses.
    pub values: Arc<[f64]>,
    /// Where the values come from, in words.
    pub rule: Arc<str>,
}

/// Numbers that only one shape uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knobs {
    /// φ of UBA.
    pub phi: f64,
    /// Update after which the power law falls below the peak (power).
    pub knee: usize,
    /// Exponent of the power law, below 0 (power).
    pub exponent: f64,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            phi: 1.0,
            knee: 100,
            exponent: -0.51,
        }
    }
}

/// Everything a schedule depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Shape after the warmup.
    pub shape: Shape,
    /// Number of updates T, at least 1.
    pub updates: usize,
    /// Largest rate, not negative.
    pub peak: f64,
    /// Warmup updates W.
    pub warmup: usize,
    /// How the rate rises in the warmup.
    pub warmup_shape: Warmup,
    /// Cooldown updates D (shapes that end in one).
    pub cooldown: usize,
    /// Shape of the cooldown; a trapezoid's is linear.
    pub cooldown_shape: Cooldown,
    /// Final rate as a share of the peak, 0 to 1.
    pub floor: f64,
    /// Numbers that only one shape uses.
    pub knobs: Knobs,
    /// The values, where they do not follow from the fields above.
    pub factors: Option<Factors>,
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
        if self.shape.cools() {
            let room = self.updates - self.warmup;
            if self.cooldown > room {
                return Err(Error::out_of_range(
                    "cooldown",
                    self.cooldown,
                    format!("at most the {room} updates after the warmup"),
                ));
            }
            if self.cooldown_form() == Cooldown::Exponential && self.floor <= 0.0 {
                return Err(Error::out_of_range(
                    "floor",
                    self.floor,
                    "above 0 for an exponential cooldown",
                ));
            }
        }
        Ok(())
    }

    /// Shape of the cooldown.
    fn cooldown_form(&self) -> Cooldown {
        if self.shape == Shape::Trapezoid {
            Cooldown::Linear
        } else {
            self.cooldown_shape
        }
    }

    /// First update of the decay: T for a constant rate, T - D with a cooldown, W otherwise.
    pub fn decay_start(&self) -> usize {
        match self.shape {
            shape if shape == Shape::Constant || shape.is_guided() => self.updates,
            shape if shape.cools() => self.updates - self.cooldown.min(self.updates),
            _ => self.warmup,
        }
    }

    /// The power law of update `i`, capped at the peak.
    fn power_law(&self, i: usize) -> f64 {
        if i <= self.knobs.knee {
            1.0
        } else {
            num::pow(i as f64 / self.knobs.knee as f64, self.knobs.exponent)
        }
    }

    /// The shape's factor (1 at the peak) for update `i`, without warmup.
    pub fn factor(&self, i: usize) -> f64 {
        if let Some(factors) = &self.factors {
            return factors.values.get(i).copied().unwrap_or(f64::NAN);
        }
        let start = self.decay_start();
        let x = || (i - start) as f64 / (self.updates - start) as f64;
        let f = match self.shape {
            // The cooldown starts from where the law stands, not from the peak.
            Shape::Power if i >= start => {
                return self.power_law(start) * self.cooldown_form().factor(x(), self.floor);
            }
            Shape::Power => return self.power_law(i),
            Shape::InverseSqrt => {
                return (self.warmup.max(1) as f64 / (i + 1) as f64).sqrt();
            }
            _ if i < start => return 1.0,
            Shape::Linear => 1.0 - x(),
            Shape::Cosine => half_cosine(x()),
            Shape::Rex => rex(x()),
            Shape::Uba => uba(x(), self.knobs.phi),
            Shape::Wsd | Shape::Trapezoid => {
                return self.cooldown_form().factor(x(), self.floor);
            }
            // The others always have a table.
            _ => 1.0,
        };
        self.floor + (1.0 - self.floor) * f
    }

    /// The rate that update `i` uses.
    pub fn rate(&self, i: usize) -> f64 {
        if self.factors.is_none() && i < self.warmup {
            let x = (i + 1) as f64 / self.warmup as f64;
            self.peak * self.warmup_shape.factor(x) * self.warmup_top()
        } else {
            self.peak * self.factor(i)
        }
    }

    /// What the warmup rises to: the power law may already have fallen where it ends.
    fn warmup_top(&self) -> f64 {
        if self.shape == Shape::Power {
            self.power_law(self.warmup)
        } else {
            1.0
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
        let now = rate(self.rate(i));
        if let Some(factors) = &self.factors {
            return format!(
                "{}: {} × {:.4} = {now}",
                factors.rule,
                rate(self.peak),
                self.factor(i)
            );
        }
        if i < self.warmup {
            let form = match self.warmup_shape {
                Warmup::Linear => "",
                other => other.name(),
            };
            return format!(
                "warmup {form}: {} at ({i} + 1) / {} = {now}",
                rate(self.peak * self.warmup_top()),
                self.warmup,
            );
        }
        let start = self.decay_start();
        match self.shape {
            Shape::InverseSqrt => {
                return format!(
                    "{} × √({} / ({i} + 1)) = {now}",
                    rate(self.peak),
                    self.warmup.max(1)
                );
            }
            Shape::Power if i < start => {
                return format!(
                    "min(1, ({i} / {})^{}) × {} = {now}",
                    self.knobs.knee,
                    self.knobs.exponent,
                    rate(self.peak)
                );
            }
            _ if i < start || self.shape == Shape::Constant => {
                return format!("the rate stays at its peak, {}", rate(self.peak));
            }
            _ => {}
        }
        let x = (i - start) as f64 / (self.updates - start) as f64;
        let top = if self.shape == Shape::Power {
            self.peak * self.power_law(start)
        } else {
            self.peak
        };
        let formula = match (self.shape, self.cooldown_form()) {
            (Shape::Linear, _) => format!("1 - {x:.3}"),
            (Shape::Cosine, _) => format!("(1 + cos(π × {x:.3})) / 2"),
            (Shape::Rex, _) => format!("(1 - {x:.3}) / (1/2 + (1 - {x:.3}) / 2)"),
            (Shape::Uba, _) => format!(
                "2 c / (2 × {phi} + (2 - {phi}) c), c = 1 + cos(π × {x:.3})",
                phi = self.knobs.phi
            ),
            (_, Cooldown::Exponential) => {
                return format!("cooldown: {} × {}^{x:.3} = {now}", rate(top), self.floor);
            }
            (_, form) => form.formula(x),
        };
        let factor = if self.floor > 0.0 {
            format!("({r} + {} × ({formula}))", 1.0 - self.floor, r = self.floor)
        } else {
            format!("({formula})")
        };
        format!(
            "q = ({i} - {start}) / {} = {x:.3}; {} × {factor} = {now}",
            self.updates - start,
            rate(top)
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
            warmup_shape: Warmup::Linear,
            cooldown: 0,
            cooldown_shape: Cooldown::Linear,
            floor: 0.0,
            knobs: Knobs::default(),
            factors: None,
        }
    }

    /// Shapes that need no table.
    const CLOSED: [Shape; 9] = [
        Shape::Constant,
        Shape::Linear,
        Shape::Cosine,
        Shape::Wsd,
        Shape::Rex,
        Shape::Trapezoid,
        Shape::InverseSqrt,
        Shape::Uba,
        Shape::Power,
    ];

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        (
            0..9_usize,
            1..400_usize,
            0.0..10.0_f64,
            0.0..1.0_f64,
            0.0..1.0_f64,
            0..7_usize,
            1e-6..1.0_f64,
        )
            .prop_map(|(shape, updates, peak, w, d, c, floor)| {
                let warmup = (w * updates as f64) as usize;
                Schedule {
                    shape: CLOSED[shape],
                    updates,
                    peak,
                    warmup,
                    warmup_shape: Warmup::Linear,
                    cooldown: (d * (updates - warmup) as f64) as usize,
                    cooldown_shape: Cooldown::from_index(c),
                    floor,
                    knobs: Knobs {
                        phi: 0.1 + 4.0 * d,
                        knee: 1 + updates / 3,
                        exponent: -0.51,
                    },
                    factors: None,
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
                let top = s.peak * s.warmup_top();
                prop_assert!((rates[s.warmup - 1] - top).abs() <= 1e-12 * top);
            }
        }

        #[test]
        fn after_the_warmup_rates_never_rise_and_stay_above_the_floor(s in any_schedule()) {
            let rates = s.rates().unwrap();
            for pair in rates[s.warmup..].windows(2) {
                prop_assert!(pair[1] <= pair[0] * (1.0 + 1e-12));
            }
            for r in rates[s.warmup..].iter().filter(|_| s.shape.has_floor() && s.shape != Shape::Power) {
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
            let scaled = Schedule { peak: s.peak * k, ..s.clone() }.rates().unwrap();
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
        for shape in &Cooldown::ALL[..6] {
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
                ..base.clone()
            }),
            "peak"
        );
        assert_eq!(
            field(Schedule {
                warmup: 11,
                ..base.clone()
            }),
            "warmup"
        );
        assert_eq!(
            field(Schedule {
                warmup: 6,
                cooldown: 5,
                ..base.clone()
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
