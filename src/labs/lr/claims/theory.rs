//! What the theory and the laws say about schedules, tested against exact results.

use super::{
    Arm, Config, Experiment, Measure, Problem, Shape, as_good, beside, measured, quadratic, result,
    seeds_of,
};
use crate::core::{ClaimResult, Job, Result, Step, Verdict, stats};
use crate::labs::Effort;
use crate::labs::lr::bound::{Bound, unit_schedule};
use crate::labs::lr::extension::{Extension, compared};

/// One schedule under the bound.
fn bound_of(shape: Shape, updates: u64) -> Config {
    Config {
        shape,
        horizon: updates,
        rivals: false,
        warmup: 0.02,
        cooldown: 0.2,
        ..Config::default().with_problem(Problem::Bound)
    }
}

/// The schedules that are ranked.
const RANKED: [Shape; 9] = [
    Shape::Constant,
    Shape::Linear,
    Shape::Cosine,
    Shape::Wsd,
    Shape::Rex,
    Shape::Step,
    Shape::Exponential,
    Shape::Polynomial,
    Shape::InverseSqrt,
];

/// The bound beside real runs, where their table is at hand, and beside an exact problem.
pub(crate) fn bound(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Both {
        exact: bound_exact(effort),
        real: measured::on_runs(),
        found: None,
    })
}

struct Both {
    exact: Box<dyn Job<Out = ClaimResult>>,
    real: Box<dyn Job<Out = ClaimResult>>,
    found: Option<ClaimResult>,
}

impl Job for Both {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(exact) = &self.found else {
            if let Step::Done(result) = self.exact.step()? {
                self.found = Some(result);
            }
            return Ok(Step::Working);
        };
        let Step::Done(real) = self.real.step()? else {
            return Ok(Step::Working);
        };
        Ok(Step::Done(if real.measured.is_nan() {
            ClaimResult {
                why: format!(
                    "{}. The comparison with real runs was skipped ({})",
                    exact.why, real.why
                ),
                ..exact.clone()
            }
        } else {
            ClaimResult {
                why: format!(
                    "{}. Against the exact quadratic the correlation is {:.2} {}",
                    real.why, exact.measured, exact.why
                ),
                ..real
            }
        }))
    }

    fn progress(&self) -> f64 {
        self.exact.progress()
    }
}

/// The bound ranks tuned schedules as an exact problem does.
fn bound_exact(_effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let mut arms: Vec<Config> = RANKED.iter().map(|s| bound_of(*s, 400)).collect();
    arms.extend(RANKED.iter().map(|s| Config {
        cooldown: 0.2,
        ..quadratic(*s, 500, 0.0)
    }));
    Experiment::boxed(arms, 1, Measure::Loss, |arms, seeds| {
        let (theory, exact) = arms.split_at(RANKED.len());
        let means = |arms: &[Arm]| arms.iter().map(Arm::mean).collect::<Vec<f64>>();
        let measured = stats::spearman(&means(theory), &means(exact));
        let base = |name: &str| {
            unit_schedule(name, 400, Some(0.2))
                .ok()
                .flatten()
                .and_then(|eta| Bound::new(&eta, &[1.0; 400], 1.0).ok())
                .map_or(f64::NAN, |b| b.best_base())
        };
        let constant = base("constant");
        let (linear, wsd) = (base("linear") / constant, base("wsd_linear") / constant);
        let moves = linear > wsd && wsd > 1.0;
        ClaimResult {
            quantity: "Rank correlation of tuned losses, bound against the exact quadratic"
                .to_owned(),
            unit: String::new(),
            measured,
            interval: [measured; 2],
            seeds,
            verdict: if measured > 0.8 && moves {
                Verdict::Reproduced
            } else if measured > 0.5 {
                Verdict::Partly
            } else {
                Verdict::NotReproduced
            },
            why: format!(
                "over {} schedules, both sides exact and without seeds; the bound's best base rates stand as linear : WSD 20 % : constant = {linear:.2} : {wsd:.2} : 1",
                RANKED.len()
            ),
        }
    })
}

/// Linear decay against the optimum of the bound.
pub(crate) fn near_optimal(_effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let arm = |shape: Shape| Config {
        warmup: 0.0,
        ..bound_of(shape, 100)
    };
    let arms = vec![arm(Shape::Linear), arm(Shape::BoundOptimal)];
    Experiment::boxed(arms, 1, Measure::Loss, |arms, seeds| {
        let measured = 100.0 * (arms[0].mean() / arms[1].mean() - 1.0);
        ClaimResult {
            quantity: "Bound of tuned linear decay above the optimum, 100 updates".to_owned(),
            unit: "%".to_owned(),
            measured,
            interval: [measured; 2],
            seeds,
            verdict: if (0.0..3.0).contains(&measured) {
                Verdict::Reproduced
            } else {
                Verdict::NotReproduced
            },
            why: format!(
                "linear {:.5} against {:.5}, both at their best base rate; nearly optimal is taken as within 3 %",
                arms[0].mean(),
                arms[1].mean()
            ),
        }
    })
}

/// Refined against linear.
pub(crate) fn refined(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Experiment::boxed(
        beside(Shape::Refined, Shape::Linear, |c| c),
        seeds_of(effort, true),
        Measure::Loss,
        |arms, seeds| as_good(arms, seeds, 1.0),
    )
}

/// The law's optimum against WSD and cosine, all the way down and within the fitted rates.
pub(crate) fn law_optimum(_effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let mut arms = Vec::new();
    for model_size in super::super::config::ModelSize::ALL {
        for (shape, floor) in [
            (Shape::LawOptimal, 0.0),
            (Shape::Wsd, 0.0033),
            (Shape::Cosine, 0.1),
            (Shape::LawOptimal, 0.1),
            (Shape::Wsd, 0.1),
        ] {
            arms.push(Config {
                shape,
                model_size,
                floor,
                horizon: 24_000,
                warmup: 0.09,
                cooldown: 1.0 / 6.0,
                rivals: false,
                ..Config::default().with_problem(Problem::Law)
            });
        }
    }
    // The rate is the one that was fitted: nothing to tune.
    for arm in &mut arms {
        arm.grid = 0;
    }
    Experiment::boxed(arms, 1, Measure::Loss, |arms, seeds| {
        let gains = |over: usize, own: usize| -> Vec<f64> {
            arms.chunks(5)
                .map(|a| a[over].mean() - a[own].mean())
                .collect()
        };
        let range = |v: &[f64]| {
            v.iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], x| {
                    [l.min(*x), h.max(*x)]
                })
        };
        let gain = gains(1, 0);
        let (interval, cosine, inside) = (range(&gain), range(&gains(2, 0)), range(&gains(4, 3)));
        result(
            "Predicted final loss, WSD minus the optimum, mean of three sizes",
            (stats::mean(&gain), interval),
            seeds,
            if interval[0] > 0.0 {
                Verdict::Reproduced
            } else {
                Verdict::NotReproduced
            },
            format!(
                "the interval is the range over 25, 100 and 400 million parameters; against cosine to a tenth the gain is {:.4} to {:.4}. The optimum ends near 1e-6 while no fitted curve goes below 3e-5: within the fitted rates its gain over WSD is {:.4} to {:.4}. All of these count the warmup, which the authors' optimiser leaves out. The gain over WSD is smaller than the law's own errors at the end of a run (0.01 to 0.02) and than the difference of two runs of the same schedule (up to 0.023)",
                cosine[0], cosine[1], inside[0], inside[1]
            ),
        )
    })
}

/// Going on at a lower rate against keeping it.
pub(crate) fn extension(_effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Extended)
}

struct Extended;

impl Job for Extended {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let mut excess = Vec::new();
        for updates in [400, 800, 1600] {
            let whole = Extension {
                short: 200,
                updates,
                cooldown: 0.2,
                floor: 0.0,
                norm_decay: 0.0,
            };
            let [with, without, tuned] = compared(&whole)?;
            let percent = |v: f64| 100.0 * (v / tuned - 1.0);
            excess.push([percent(with), percent(without), whole.rho()?]);
        }
        let better = excess.iter().all(|e| e[0] < e[1]);
        let words: Vec<String> = (excess.iter().zip([2, 4, 8]))
            .map(|(e, times)| {
                format!(
                    "{times} times as long: ρ = {:.2}, {:.1} % above a run tuned anew, {:.1} % without lowering",
                    e[2], e[0], e[1]
                )
            })
            .collect();
        Ok(Step::Done(ClaimResult {
            quantity:
                "Bound of an extended WSD run above one tuned for the whole length, 4 times as long"
                    .to_owned(),
            unit: "%".to_owned(),
            measured: excess[1][0],
            interval: excess
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], e| {
                    [l.min(e[0]), h.max(e[0])]
                }),
            seeds: Vec::new(),
            verdict: if better && excess[1][0] < 5.0 {
                Verdict::Reproduced
            } else if better {
                Verdict::Partly
            } else {
                Verdict::NotReproduced
            },
            why: format!(
                "exact, no seeds, constant gradient norms, from 200 updates with 20 % cooldown at their best rate; the interval is the range over lengths. {}. Close is taken as within 5 %; the bound is no loss predictor",
                words.join("; ")
            ),
        }))
    }

    fn progress(&self) -> f64 {
        0.0
    }
}
