//! One loss curve read off another ("Loss-to-Loss Prediction: Scaling Laws for All Datasets", arXiv
//! 2411.12925; the form recalled): `L1 = K (L0 - E0)^κ + E1` over two runs at equal steps, a straight
//! line when both are drawn above their floors on logarithmic axes.
//!
//! The fit is ours: for given E0 and κ the other two are a linear regression, so two numbers are
//! searched by nested golden sections.

use super::continuation::Facing;
use super::law::LawChoice;
use crate::core::Arrange as _;
use crate::core::{Axis, Chart, Series, SeriesKind, num};

/// Most pairs that are fitted.
const MOST: usize = 96;
/// Fewest pairs that can be.
const LEAST: usize = 12;
/// Intervals of the first floor's grid, and halvings (by the golden ratio) of an interval.
const GRID: usize = 8;
const HALVINGS: usize = 24;
/// Exponents tried.
const EXPONENTS: [f64; 2] = [0.2, 5.0];

/// Minimum of a function with one valley between two ends, by golden section.
fn golden([mut low, mut high]: [f64; 2], mut f: impl FnMut(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    for _ in 0..HALVINGS {
        if fa < fb {
            (high, b, fb) = (b, a, fa);
            a = high - ratio * (high - low);
            fa = f(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + ratio * (high - low);
            fb = f(b);
        }
    }
    if fa < fb { a } else { b }
}

/// The curve between two losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LossToLoss {
    pub(super) scale: f64,
    pub(super) kappa: f64,
    pub(super) floors: [f64; 2],
}

impl LossToLoss {
    /// The second loss that belongs to a first one.
    fn at(&self, first: f64) -> f64 {
        let above = (first - self.floors[0]).max(0.0);
        self.scale * num::pow(above, self.kappa) + self.floors[1]
    }

    /// Scale and second floor by regression, with the sum of squares left; the floor is not negative.
    fn regressed(points: &[[f64; 2]], floor: f64, kappa: f64) -> (Self, f64) {
        let z: Vec<f64> = (points.iter())
            .map(|p| num::pow((p[0] - floor).max(0.0), kappa))
            .collect();
        let n = points.len() as f64;
        let mean = |f: &dyn Fn(usize) -> f64| num::sum((0..z.len()).map(f)) / n;
        let (mz, my) = (mean(&|i| z[i]), mean(&|i| points[i][1]));
        let across = mean(&|i| (z[i] - mz) * (points[i][1] - my));
        let along = mean(&|i| (z[i] - mz) * (z[i] - mz));
        let mut scale = (across / along.max(1e-300)).max(1e-12);
        let mut second = my - scale * mz;
        if second < 0.0 {
            second = 0.0;
            let square = mean(&|i| z[i] * z[i]).max(1e-300);
            scale = mean(&|i| z[i] * points[i][1]) / square;
        }
        let law = Self {
            scale,
            kappa,
            floors: [floor, second],
        };
        let misses = (z.iter().zip(points)).map(|(z, p)| p[1] - second - scale * z);
        (law, num::sum(misses.map(|r| r * r)))
    }

    /// The least-squares fit.
    fn fit(points: &[[f64; 2]]) -> Self {
        let lowest = points.iter().map(|p| p[0]).fold(f64::INFINITY, f64::min);
        let ends = EXPONENTS.map(num::ln);
        let at = |u: f64, v: f64| {
            let kappa = num::exp(ends[0] + (ends[1] - ends[0]) * v);
            Self::regressed(points, 0.999 * lowest * u, kappa)
        };
        // The best exponent for a floor, then the best floor; both are shares from 0 to 1.
        let inner = |u: f64| at(u, golden([0.0, 1.0], |v| at(u, v).1));
        let places = (0..=GRID).map(|i| i as f64 / GRID as f64);
        let coarse = places.min_by(|a, b| inner(*a).1.total_cmp(&inner(*b).1));
        let u = coarse.unwrap_or(0.0);
        let near = [-1.0, 1.0].map(|d| (u + d / GRID as f64).clamp(0.0, 1.0));
        let fine = golden(near, |u| inner(u).1);
        let best = [u, fine].map(inner);
        if best[1].1 < best[0].1 {
            best[1].0
        } else {
            best[0].0
        }
    }
}

/// Two runs side by side, and the curve between them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pairing {
    pub(super) names: [String; 2],
    /// Whether both were measured; otherwise a law made them.
    pub(super) measured: bool,
    /// Losses at equal steps, in the order of the training.
    pub(super) points: Vec<[f64; 2]>,
    /// Fitted on the first two thirds.
    pub(super) fit: LossToLoss,
    /// Mean absolute error there and on the rest, nats.
    pub(super) error: f64,
    pub(super) ahead: f64,
}

impl Pairing {
    /// Fits pairs; `None` when there are too few or they hardly fall.
    pub(super) fn new(names: [String; 2], measured: bool, points: &[[f64; 2]]) -> Option<Self> {
        let every = points.len().div_ceil(MOST).max(1);
        let points: Vec<[f64; 2]> = (points.iter().step_by(every))
            .filter(|p| p.iter().all(|v| v.is_finite() && *v > 0.0))
            .copied()
            .collect();
        if points.len() < LEAST {
            return None;
        }
        let (seen, rest) = points.split_at(2 * points.len() / 3);
        let fit = LossToLoss::fit(seen);
        let error = |of: &[[f64; 2]]| {
            num::sum(of.iter().map(|p| (p[1] - fit.at(p[0])).abs())) / of.len() as f64
        };
        let (error, ahead) = (error(seen), error(rest));
        Some(Self {
            names,
            measured,
            points,
            fit,
            error,
            ahead,
        })
    }

    /// Of two model sizes (places 0 to 2) that a law predicts under the same rates.
    pub(super) fn predicted(
        law: LawChoice,
        sizes: [usize; 2],
        rates: &[f64],
        steps: &[usize],
    ) -> Option<Self> {
        let losses = sizes.map(|s| law.of_model(s).predict(rates, steps, 64));
        let points: Vec<[f64; 2]> = (losses[0].iter().zip(&losses[1]))
            .map(|(a, b)| [*a, *b])
            .collect();
        let names = sizes.map(|s| format!("{} M parameters", [25, 100, 400][s.min(2)]));
        Self::new(names, false, &points)
    }

    /// Of two logged runs.
    pub(super) fn logged(facing: &Facing) -> Option<Self> {
        Self::new(facing.names.clone(), true, &facing.points)
    }

    fn source(&self) -> &'static str {
        if self.measured {
            "logged"
        } else {
            "generated from the published laws, not measured"
        }
    }
}

/// The pairs above both floors, and what the fit misses.
pub(super) fn charts(pairing: &Pairing) -> Vec<Chart> {
    let fit = pairing.fit;
    let seen = 2 * pairing.points.len() / 3;
    let above = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
        (points.iter())
            .map(|p| [p[0] - fit.floors[0], p[1] - fit.floors[1]])
            .filter(|p| p.iter().all(|v| *v > 0.0))
            .collect()
    };
    let mut line: Vec<[f64; 2]> = (pairing.points.iter())
        .map(|p| [p[0] - fit.floors[0], fit.at(p[0]) - fit.floors[1]])
        .filter(|p| p.iter().all(|v| *v > 0.0))
        .collect();
    line.arrange_by(|a, b| a[0].total_cmp(&b[0]));
    let residuals: Vec<[f64; 2]> = (pairing.points.iter())
        .map(|p| [p[0], p[1] - fit.at(p[0])])
        .collect();
    let dots = |name: String, points: Vec<[f64; 2]>| Series::new(name, SeriesKind::Points, points);
    let source = pairing.source();
    vec![
        Chart {
            id: "loss_pairs",
            title: if pairing.measured {
                "One loss from another, logged"
            } else {
                "One loss from another, generated"
            },
            doc: "Losses of two runs at equal steps, each above the floor that the fit found, on logarithmic axes: the curve between them is a straight line whose slope is κ. The last third was not fitted. The legend says whether the pairs were logged or come from a law.",
            x: Axis::log("first loss above its floor", "nats"),
            y: Axis::log("second loss above its floor", "nats"),
            series: vec![
                dots(
                    format!(
                        "{} against {}, fitted; {source}",
                        pairing.names[1], pairing.names[0]
                    ),
                    above(&pairing.points[..seen]),
                ),
                dots(
                    "the last third, predicted".to_owned(),
                    above(&pairing.points[seen..]),
                ),
                Series::line(format!("K (L0 - E0)^{:.3}", fit.kappa), line).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: false,
        },
        Chart {
            id: "pair_residuals",
            title: "What the pair misses",
            doc: "Second loss minus what the fit makes of the first one; training goes from right to left.",
            x: Axis::linear("first loss", "nats"),
            y: Axis::linear("residual", "nats"),
            series: vec![dots(format!("second minus fit; {source}"), residuals)],
            marks: Vec::new(),
            on_timeline: false,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_the_form_is_found_again_and_predicted_ahead() {
        let truth = LossToLoss {
            scale: 0.8,
            kappa: 1.3,
            floors: [1.7, 1.5],
        };
        let points: Vec<[f64; 2]> = (0..60)
            .map(|i| 1.8 + 2.0 * num::exp(-0.08 * f64::from(i)))
            .map(|x| [x, truth.at(x)])
            .collect();
        let found = Pairing::new(["a", "b"].map(str::to_owned), true, &points).unwrap();
        assert!((found.fit.kappa - 1.3).abs() < 0.05, "{found:?}");
        assert!((found.fit.floors[1] - 1.5).abs() < 0.05, "{found:?}");
        assert!(found.error < 1e-4 && found.ahead < 2e-3, "{found:?}");
        assert!(found.source() == "logged" && charts(&found).len() == 2);
    }

    #[test]
    fn few_or_broken_pairs_are_no_pairing() {
        let names = || ["a", "b"].map(str::to_owned);
        assert!(Pairing::new(names(), true, &[[2.0, 1.0]; 5]).is_none());
        assert!(Pairing::new(names(), true, &[[f64::NAN, 1.0]; 50]).is_none());
        let flat = Pairing::new(names(), true, &[[2.0, 1.0]; 50]).unwrap();
        assert!(flat.error < 1e-6, "{flat:?}");
    }

    #[test]
    fn two_sizes_of_a_law_make_a_pair_that_says_where_it_is_from() {
        let rates = vec![3e-4; 4000];
        let steps: Vec<usize> = (100..4000).step_by(100).collect();
        let pair = Pairing::predicted(LawChoice::MultiPower, [1, 2], &rates, &steps).unwrap();
        assert!(!pair.measured && pair.source().contains("not measured"));
        assert!(
            pair.points.iter().all(|p| p[1] < p[0]),
            "the larger model is better"
        );
        // Under a constant rate both are a power law of the same sum, so the form is exact.
        assert!(pair.error < 2e-3, "{}", pair.error);
    }
}
