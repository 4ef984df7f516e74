//! Laws of the loss that stand beside the fitted ones as cards: a formula, its sliders and its
//! picture. None of them is tested here.
//!
//! Kaplan ("Scaling Laws for Neural Language Models", arXiv 2001.08361; constants recalled):
//! `L(N, S) = (Nc / N)^αN + (Sc / S)^αS`, for a schedule that the law does not know.
//!
//! Quantisation in the cooldown ("Compute-Optimal Quantization-Aware Training", arXiv 2509.22935; from
//! the abstract alone): training with quantised weights takes the place of the cooldown, instead of
//! following a full-precision run that had one of its own.

use super::config::{Card, Config};
use super::loss_pairs;
use super::model::Run;
use super::report::phase_marks;
use super::schedule::Shape;
use crate::core::{Axis, Better, Chart, Metric, Series, num};

/// Exponent and scale of Kaplan's term for the parameters.
const KAPLAN_SIZE: [f64; 2] = [0.077, 6.5e13];
/// Points of a drawn schedule.
const POINTS: usize = 300;

/// Kaplan's two terms, nats: what the size leaves, and what `updates` leave.
pub(super) fn kaplan(config: &Config, updates: f64) -> [f64; 2] {
    let [exponent, scale] = KAPLAN_SIZE;
    [
        num::pow(scale / config.card_params, exponent),
        num::pow(config.kaplan_scale / updates, config.kaplan_exponent),
    ]
}

/// A run whose last part trains quantised, as shares of its length and of the peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantised {
    /// Where the quantised part begins, as a share of the run.
    from: f64,
    /// Warmup and cooldown as shares of a run.
    warmup: f64,
    cooldown: f64,
}

impl Quantised {
    /// Of a config.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            from: 1.0 - config.qat_share,
            warmup: config.warmup,
            cooldown: config.cooldown,
        }
    }

    /// Rate over the peak at a share of the run when both parts have a warmup and a cooldown.
    fn apart(&self, q: f64) -> f64 {
        let within = |start: f64, end: f64| {
            let x = ((q - start) / (end - start).max(1e-12)).clamp(0.0, 1.0);
            let up = if self.warmup > 0.0 {
                x / self.warmup
            } else {
                1.0
            };
            let down = if self.cooldown > 0.0 {
                (1.0 - x) / self.cooldown
            } else {
                1.0
            };
            up.min(down).clamp(0.0, 1.0)
        };
        if q < self.from {
            within(0.0, self.from)
        } else {
            within(self.from, 1.0)
        }
    }

    /// Rate over the peak when the quantised part is the cooldown.
    fn fused(&self, q: f64) -> f64 {
        let up = if self.warmup > 0.0 {
            q / self.warmup
        } else {
            1.0
        };
        let down = (1.0 - q) / (1.0 - self.from).max(1e-12);
        up.min(down).clamp(0.0, 1.0)
    }

    /// Share of the run that the full-precision cooldown takes when the parts stand apart: updates
    /// whose rate the quantised part raises again.
    fn redundant(&self) -> f64 {
        self.cooldown.min(1.0) * self.from
    }
}

/// Tokens seen over the bytes of the quantised parameters.
fn tokens_per_byte(config: &Config) -> f64 {
    let tokens = config.horizon as f64 * config.card_tokens;
    tokens / (config.card_params * config.qat_bits as f64 / 8.0)
}

fn kaplan_chart(run: &Run) -> Option<Chart> {
    let cell = run.chosen()?;
    let curve = cell.curves.first()?;
    let law = |f: &dyn Fn([f64; 2]) -> f64| -> Vec<[f64; 2]> {
        (curve.loss.iter())
            .filter(|p| p[0] >= 1.0)
            .map(|p| [p[0], f(kaplan(&run.config, p[0]))])
            .collect()
    };
    let mut series = vec![
        Series::line(
            "Kaplan, whatever the schedule",
            law(&|[size, time]| size + time),
        ),
        Series::line("what the size leaves, (Nc / N)^αN", law(&|[size, _]| size)).as_reference(),
    ];
    if !curve.travel.is_empty() {
        let name = "chosen law, sum of the rates alone";
        series.push(Series::line(name, curve.travel.clone()).as_reference());
    }
    series.push(Series::line("chosen law, with the schedule", cell.mean_curve()).of(cell.entity()));
    Some(Chart {
        id: "kaplan",
        title: "A loss curve without a schedule",
        doc: "Kaplan's curve knows the number of updates and nothing of their rates; the chosen law does. Compare shapes, not heights: data and tokens differ, and the constants are recalled.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::log("loss", "nats"),
        series,
        marks: phase_marks(run),
        on_timeline: true,
    })
}

fn quantised_chart(run: &Run) -> Chart {
    let plan = Quantised::of(&run.config);
    let updates = run.config.horizon as f64;
    let line = |f: &dyn Fn(f64) -> f64| -> Vec<[f64; 2]> {
        (0..=POINTS)
            .map(|i| i as f64 / POINTS as f64)
            .map(|q| [q * updates, f(q)])
            .collect()
    };
    let band = |name: &str, ends: [f64; 2]| {
        let floor: Vec<[f64; 2]> = ends.iter().map(|q| [q * updates, 0.0]).collect();
        Series::band(name, floor, vec![1.0; 2])
    };
    Chart {
        id: "quantised",
        title: "Where the weights are quantised",
        doc: "Two bands, full precision and quantised, with the rates of two plans of the same length: parts that follow each other with a warmup and a cooldown each, and the quantised part as the only cooldown.",
        x: Axis::linear("optimizer step", ""),
        y: Axis::zero_based("rate over the peak", ""),
        series: vec![
            band("full precision", [0.0, plan.from]),
            band("quantised", [plan.from, 1.0]),
            Series::line("one after the other", line(&|q| plan.apart(q))).as_reference(),
            Series::line("quantised cooldown", line(&|q| plan.fused(q))),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// The card that is open.
fn open(config: &Config) -> Card {
    if config.problem.has_cards() {
        config.card
    } else {
        Card::None
    }
}

/// The pictures of the card that is open.
pub(super) fn charts(run: &Run) -> Vec<Chart> {
    match open(&run.config) {
        Card::None => Vec::new(),
        Card::Kaplan => kaplan_chart(run).into_iter().collect(),
        Card::LossToLoss => run
            .pairing
            .iter()
            .flat_map(|p| loss_pairs::charts(p))
            .collect(),
        Card::Quantised => vec![quantised_chart(run)],
    }
}

/// The read-outs of the card that is open.
pub(super) fn metrics(run: &Run) -> Vec<Metric> {
    let config = &run.config;
    let metric = |id, name, unit, value, doc| Metric {
        id,
        name,
        unit,
        value,
        better: Better::Neither,
        doc,
    };
    match open(config) {
        Card::None => Vec::new(),
        Card::Kaplan => {
            let [size, time] = kaplan(config, config.horizon as f64);
            vec![metric(
                "kaplan_loss",
                "Kaplan's loss",
                "nats",
                size + time,
                "(Nc / N)^αN + (Sc / S)^αS at the number of updates that is set, with recalled constants.",
            )]
        }
        Card::LossToLoss => run.pairing.as_ref().map_or_else(Vec::new, |p| {
            vec![
                metric(
                    "pair_exponent",
                    "Exponent of the pair",
                    "",
                    p.fit.kappa,
                    "κ of L1 = K (L0 - E0)^κ + E1, fitted on the first two thirds of the pairs.",
                ),
                metric(
                    "pair_error",
                    "Error on the last third",
                    "nats",
                    p.ahead,
                    "Mean absolute error of that fit on the pairs that it did not see, the last third of the training.",
                ),
            ]
        }),
        Card::Quantised => vec![
            metric(
                "tokens_per_byte",
                "Tokens per parameter byte",
                "",
                tokens_per_byte(config),
                "Tokens seen over the bytes of the quantised parameters: what the best share of quantised training is said to depend on.",
            ),
            metric(
                "redundant_updates",
                "Redundant updates",
                "updates",
                Quantised::of(config).redundant() * config.horizon as f64,
                "Updates of the full-precision cooldown, which the fused plan does without.",
            ),
        ],
    }
}

/// The exhibit of the card that is open.
pub(super) fn exhibit(config: &Config) -> Option<&'static str> {
    if config.shape == Shape::LawOptimal {
        return None;
    }
    match open(config) {
        Card::None => None,
        Card::Kaplan => Some("kaplan-law"),
        Card::LossToLoss => Some("loss-to-loss"),
        Card::Quantised => Some("quantised-cooldown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kaplans_terms_are_the_published_ones() {
        let config = Config {
            card_params: 6.5e13,
            kaplan_scale: 2.1e3,
            kaplan_exponent: 0.76,
            ..Config::default()
        };
        assert_eq!(kaplan(&config, 2.1e3), [1.0, 1.0]);
        let smaller = Config {
            card_params: 6.5e12,
            ..config
        };
        let [size, time] = kaplan(&smaller, 2.1e4);
        assert!((size - num::pow(10.0, 0.077)).abs() < 1e-12, "{size}");
        assert!((time - num::pow(0.1, 0.76)).abs() < 1e-12, "{time}");
    }

    #[test]
    fn the_fused_plan_cools_down_once() {
        let plan = Quantised {
            from: 0.6,
            warmup: 0.1,
            cooldown: 0.5,
        };
        assert_eq!(plan.fused(0.05), 0.5);
        assert_eq!(plan.fused(0.5), 1.0);
        assert!((plan.fused(0.8) - 0.5).abs() < 1e-12);
        assert_eq!(plan.fused(1.0), 0.0);
        // Apart: down to 0 at 0.6, up again within a tenth of the rest.
        assert!(plan.apart(0.599) < 0.01);
        assert!((plan.apart(0.64) - 1.0).abs() < 1e-9);
        assert!((plan.redundant() - 0.3).abs() < 1e-12);
        let config = Config {
            horizon: 1000,
            card_tokens: 1e6,
            card_params: 1e9,
            qat_bits: 4,
            ..Config::default()
        };
        assert_eq!(tokens_per_byte(&config), 2.0);
    }
}
