//! Laws that predict a loss curve from its schedule.
//!
//! Multi-power law ("A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules",
//! arXiv 2503.12811; thu-yao-01-luo/MultiPowerLaw):
//! L(s) = L0 + A S1(s)^-α + B Σ_{k=1..s} (η_k - η_{k-1}) (1 - (1 + C η_k^-γ X_k)^-β),
//! S1 = running sum of the rates, X_k = η_k + … + η_s. A falling rate lowers the loss, a rising one
//! (warmup) raises it.
//!
//! Annealing law ("Scaling Law with Learning Rate Annealing", arXiv 2408.11029):
//! L(s) = L0 + A S1^-α - C S2, where S2 sums the momentum m_i = λ m_{i-1} + (η_{i-1} - η_i).

use crate::core::num;

/// Parameters of the multi-power law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiPower {
    /// Irreducible loss, nats.
    pub l0: f64,
    /// Size of the power-law term.
    pub a: f64,
    /// Its exponent.
    pub alpha: f64,
    /// Size of the loss drop.
    pub b: f64,
    /// Its time scale.
    pub c: f64,
    /// Its exponent.
    pub beta: f64,
    /// Exponent of the rate.
    pub gamma: f64,
}

impl MultiPower {
    /// From the order of the reference: L0, A, α, B, C, β, γ.
    pub const fn from_array(p: [f64; 7]) -> Self {
        let [l0, a, alpha, b, c, beta, gamma] = p;
        Self {
            l0,
            a,
            alpha,
            b,
            c,
            beta,
            gamma,
        }
    }

    /// As an array, in the order of the reference.
    pub const fn to_array(self) -> [f64; 7] {
        [
            self.l0, self.a, self.alpha, self.b, self.c, self.beta, self.gamma,
        ]
    }
}

/// The published parameters for models of 25, 100 and 400 million parameters
/// (thu-yao-01-luo/MultiPowerLaw, `src/config.py`, commit 8da9f19).
pub const PUBLISHED: [(u32, MultiPower); 3] = [
    (
        25,
        MultiPower::from_array([
            3.04045406,
            0.52468604,
            0.50786857,
            363.78751622,
            2.06560812,
            0.58279013,
            0.64142257,
        ]),
    ),
    (
        100,
        MultiPower::from_array([
            2.6514477,
            0.60115152,
            0.45295811,
            437.9464276,
            2.13245612,
            0.59785199,
            0.65523644,
        ]),
    ),
    (
        400,
        MultiPower::from_array([
            2.37474466,
            0.65421216,
            0.42878731,
            523.42464371,
            2.02462735,
            0.59350493,
            0.63472457,
        ]),
    ),
];

/// The multi-power law of the same models, fitted to the same three curves until the fit
/// converges: 2 to 13 times lower training error, a higher error on the six other curves (mean
/// absolute error 0.0046, 0.0050 and 0.0060 against 0.0038, 0.0044 and 0.0048).
pub const CONVERGED: [(u32, MultiPower); 3] = [
    (
        25,
        MultiPower::from_array([
            2.987_666_411_447_787_3,
            0.562_739_504_091_105_2,
            0.491_125_193_188_086_8,
            745.863_792_243_396_7,
            0.363_425_589_908_135_45,
            0.113_245_613_917_087_04,
            0.898_896_155_274_327_8,
        ]),
    ),
    (
        100,
        MultiPower::from_array([
            2.607_178_589_020_740_4,
            0.630_436_592_397_193,
            0.449_197_611_185_611_97,
            636.814_594_170_273_2,
            0.001_904_040_737_677_887_2,
            0.245_076_479_027_669_13,
            1.359_696_262_762_063_7,
        ]),
    ),
    (
        400,
        MultiPower::from_array([
            2.302_499_771_067_331_4,
            0.703_141_744_589_335_1,
            0.416_515_599_550_794_37,
            771.361_884_593_265_4,
            0.485_798_939_382_681_6,
            0.272_179_582_431_457_1,
            0.658_180_257_665_034,
        ]),
    ),
];

/// The annealing law of the same models, fitted to the same three curves with λ = 0.999.
pub const ANNEALING: [(u32, Annealing); 3] = [
    (
        25,
        Annealing::from_array([
            3.246_672_851_062_680_6,
            0.542_675_688_374_270_5,
            0.825_559_504_232_299_4,
            0.391_675_920_964_501_2,
        ]),
    ),
    (
        100,
        Annealing::from_array([
            2.912_188_592_940_234,
            0.588_591_175_696_294_3,
            0.771_723_667_408_520_8,
            0.467_781_415_596_277_2,
        ]),
    ),
    (
        400,
        Annealing::from_array([
            2.670_075_574_939_032,
            0.630_080_621_321_707_7,
            0.727_615_836_322_494_8,
            0.556_024_857_017_057_6,
        ]),
    ),
];

/// A loss taken apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// L0 + A S1^-α: what the sum of the rates buys.
    pub power: f64,
    /// The sum over rate changes, or -C S2; negative when decay lowers the loss.
    pub drop: f64,
}

impl Parts {
    /// No prediction.
    pub const UNKNOWN: Self = Self {
        power: f64::NAN,
        drop: f64::NAN,
    };

    /// The predicted loss.
    pub fn loss(&self) -> f64 {
        self.power + self.drop
    }
}

/// A run of neighbouring changes of the rate, taken as one at its middle.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// First and last step of the run.
    first: usize,
    last: usize,
    /// η_last - η_{first-1}.
    gap: f64,
    /// C η_k^-γ at the middle.
    speed: f64,
    /// S1(k - 1) at the middle.
    before: f64,
}

/// A schedule prepared for the multi-power law.
#[derive(Debug, Clone)]
pub struct Prepared {
    law: MultiPower,
    rates: Vec<f64>,
    changes: Vec<Change>,
    s1: Vec<f64>,
}

impl Prepared {
    /// Prepares `rates`. `merge` = 1 is exact; up to 128 neighbouring changes of equal sign may be
    /// merged at their middle with an error below 7e-5 (for drawing; never for reference values).
    pub fn new(law: MultiPower, rates: &[f64], merge: usize) -> Self {
        let mut s1 = Vec::with_capacity(rates.len());
        let mut total = 0.0;
        for r in rates {
            total += r;
            s1.push(total);
        }
        let mut out = Self {
            law,
            rates: rates.to_vec(),
            changes: Vec::new(),
            s1,
        };
        let mut k = 1;
        while k < rates.len() {
            let gap = rates[k] - rates[k - 1];
            let mut end = k;
            while gap != 0.0
                && end + 1 < rates.len()
                && end + 1 - k < merge.max(1)
                && (rates[end + 1] - rates[end]) * gap > 0.0
            {
                end += 1;
            }
            if gap != 0.0 {
                out.changes.push(out.change(k, end));
            }
            k = end + 1;
        }
        out
    }

    fn change(&self, first: usize, last: usize) -> Change {
        let middle = first.midpoint(last);
        Change {
            first,
            last,
            gap: self.rates[last] - self.rates[first - 1],
            speed: self.law.c * num::pow(self.rates[middle], -self.law.gamma),
            before: self.s1[middle - 1],
        }
    }

    /// The prediction at step `s` (an index into the rates); NaN past the end or while the sum of
    /// rates is 0.
    pub fn at(&self, s: usize) -> Parts {
        let law = &self.law;
        let s1 = self.s1.get(s).copied().unwrap_or(f64::NAN);
        if s1.is_nan() || s1 <= 0.0 {
            return Parts::UNKNOWN;
        }
        let mut drop = 0.0;
        for (c, gone) in self.until(s, s1) {
            drop += c.gap * gone;
        }
        Parts {
            power: law.l0 + law.a * num::pow(s1, -law.alpha),
            drop: law.b * drop,
        }
    }

    /// The changes up to step `s`, where the sum of the rates is `s1`, each with the share of its effect
    /// that has come by then.
    fn until(&self, s: usize, s1: f64) -> impl Iterator<Item = (Change, f64)> {
        let beta = self.law.beta;
        let changes = self.changes.iter().take_while(move |c| c.first <= s);
        changes.map(move |&change| {
            // A run that reaches past s counts with its part up to s.
            let c = if change.last <= s {
                change
            } else {
                self.change(change.first, s)
            };
            // u^-β; u >= 1, so this is as exact as `pow` and twice as fast.
            let left = num::exp(-beta * num::ln(1.0 + c.speed * (s1 - c.before)));
            (c, 1.0 - left)
        })
    }

    /// What the changes of the rate take off the loss at step `s`, and what they would in the end, by
    /// equal parts of the run until then: (middle of the part, taken, whole). All that is taken is minus
    /// [`Parts::drop`].
    pub fn released(&self, s: usize, parts: usize) -> Vec<[f64; 3]> {
        let (n, s1) = (s + 1, self.s1.get(s).copied().unwrap_or(f64::NAN));
        let mut out: Vec<[f64; 3]> = (0..parts)
            .map(|i| [(i as f64 + 0.5) * n as f64 / parts as f64, 0.0, 0.0])
            .collect();
        for (c, gone) in self.until(s, s1) {
            let part = &mut out[c.first.midpoint(c.last) * parts / n];
            part[1] -= self.law.b * (c.gap * gone);
            part[2] -= self.law.b * c.gap;
        }
        out
    }
}

/// Parameters of the annealing law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annealing {
    /// Irreducible loss, nats.
    pub l0: f64,
    /// Size of the power-law term.
    pub a: f64,
    /// Its exponent.
    pub alpha: f64,
    /// Size of the annealing term.
    pub c: f64,
    /// Decay of the annealing momentum, 0.99 to 0.9995.
    pub lambda: f64,
}

/// The two sums of the annealing law for a schedule: S1 and S2 at every step.
pub fn annealing_sums(rates: &[f64], lambda: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut s1, mut s2) = (Vec::new(), Vec::new());
    let (mut sum, mut area, mut m, mut previous) = (0.0, 0.0, 0.0, None);
    for &rate in rates {
        sum += rate;
        if let Some(before) = previous {
            m = lambda * m + (before - rate);
        }
        area += m;
        previous = Some(rate);
        s1.push(sum);
        s2.push(area);
    }
    (s1, s2)
}

impl Annealing {
    /// From L0, A, α and C, with the usual momentum λ = 0.999.
    pub const fn from_array([l0, a, alpha, c]: [f64; 4]) -> Self {
        Self {
            l0,
            a,
            alpha,
            c,
            lambda: 0.999,
        }
    }

    /// The prediction from the two sums, taken apart; unknown while S1 is 0 and where the loss
    /// would not be positive.
    pub fn parts(&self, s1: f64, s2: f64) -> Parts {
        let parts = Parts {
            power: self.l0 + self.a * num::pow(s1, -self.alpha),
            drop: -self.c * s2,
        };
        if s1 > 0.0 && parts.loss() > 0.0 {
            parts
        } else {
            Parts::UNKNOWN
        }
    }

    /// The prediction from the two sums; NaN where it would not be positive.
    pub fn at(&self, s1: f64, s2: f64) -> f64 {
        self.parts(s1, s2).loss()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked values of the specification of the curve names.
    #[test]
    fn worked_values_are_reproduced() {
        let law = PUBLISHED[1].1;
        let rates = super::super::curves::mpl_curve("cosine_9000_w700_3.5e-4_to_2e-5")
            .unwrap()
            .unwrap();
        let got = Prepared::new(law, &rates, 1).at(8999).loss();
        assert!((got - 3.143_036_672_729_518).abs() < 1e-12, "{got}");
        let rates = super::super::curves::mpl_curve("wsd_lin_7000_dec5000_w300_6e-4_0")
            .unwrap()
            .unwrap();
        let got = Prepared::new(law, &rates, 1).at(6999).loss();
        assert!((got - 3.024_468_739_422_109_5).abs() < 1e-12, "{got}");
    }

    #[test]
    fn merging_changes_the_prediction_by_less_than_it_says() {
        let rates: Vec<f64> = (0..8000)
            .map(|i| 3e-4 * (0.1 + 0.9 * super::super::schedule::half_cosine(f64::from(i) / 8e3)))
            .collect();
        let (exact, merged) = (
            Prepared::new(PUBLISHED[0].1, &rates, 1),
            Prepared::new(PUBLISHED[0].1, &rates, 64),
        );
        for s in [500, 4000, 7999] {
            let error = (exact.at(s).loss() - merged.at(s).loss()).abs();
            assert!(error < 7e-5, "{error} at {s}");
        }
    }

    #[test]
    fn what_every_change_releases_adds_up_to_the_drop() {
        let law = PUBLISHED[0].1;
        let rates: Vec<f64> = (0..6000)
            .map(|i| {
                if i < 3000 {
                    3e-4
                } else {
                    3e-4 - 9e-8 * f64::from(i - 3000)
                }
            })
            .collect();
        let prepared = Prepared::new(law, &rates, 1);
        let parts = prepared.released(4999, 50);
        let taken: f64 = parts.iter().map(|p| p[1]).sum();
        assert!((taken + prepared.at(4999).drop).abs() < 1e-12, "{taken}");
        for [at, taken, whole] in parts {
            // Nothing before the cooldown; after it every part releases less than it holds.
            if at < 3000.0 {
                assert_eq!([taken, whole], [0.0; 2], "{at}");
            } else {
                assert!(taken > 0.0 && taken < whole, "{at}: {taken} {whole}");
            }
        }
        // A single cut releases more the longer one waits, and never more than B times its size.
        let cut: Vec<f64> = (0..6000)
            .map(|i| if i < 1000 { 3e-4 } else { 1e-4 })
            .collect();
        let prepared = Prepared::new(law, &cut, 1);
        let after = |s: usize| prepared.released(s, 1)[0];
        let [early, late] = [after(1100), after(5999)];
        assert!(early[1] < late[1] && late[1] < late[2]);
        assert!((late[2] - law.b * 2e-4).abs() < 1e-12);
    }

    #[test]
    fn a_constant_rate_has_no_drop_and_no_annealing() {
        let rates = [3e-4; 50];
        assert_eq!(Prepared::new(PUBLISHED[0].1, &rates, 1).at(49).drop, 0.0);
        let (s1, s2) = annealing_sums(&rates, 0.999);
        assert!((s1[49] - 0.015).abs() < 1e-15 && s2[49] == 0.0);
    }

    #[test]
    fn no_prediction_while_the_sum_of_rates_is_zero() {
        let p = Prepared::new(PUBLISHED[0].1, &[0.0, 1e-4], 1);
        assert!(p.at(0).loss().is_nan() && p.at(1).loss().is_finite());
        assert!(p.at(2).loss().is_nan());
    }
}
