//! GlimpRouter (arXiv 2601.05110): a small and a large model write a text step by step. The small
//! one drafts the first token of a step; where its entropy there is large, the large one writes the
//! step. The text is a Markov chain of second order: the large model knows it, the small one sees
//! only the last symbol.

use super::super::config::Config;
use super::super::rules::gate;
use super::pool::STEPS;
use super::run::{Curve, Facts, Scene};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric, stats};

/// Symbols of the chain.
const SYMBOLS: usize = 24;
/// Cost of a step written by each model.
pub(super) const COSTS: [f64; 2] = [0.1, 1.0];
/// Text from which the small model has learnt, in tokens.
const TEXT: usize = 20_000;
/// Largest standard deviations of the logits: of those that the last symbol gives alone, and of
/// those that the symbol before it adds.
const SHARP: f64 = 4.0;
const CONTEXT: f64 = 3.0;

/// The chain and what the small model has learnt of it.
struct World {
    /// Probability of c after a, b, at ((a S) + b) S + c.
    truth: Vec<f64>,
    /// The same after b alone.
    small: Vec<f64>,
}

/// A step to write, as both models see it.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Small model's entropy before the first token, and its mean before every token of its draft.
    entropy: [f64; 2],
    /// Whether its draft is what the true chain holds most likely, token by token.
    right: bool,
}

fn row(table: &[f64], at: usize) -> &[f64] {
    &table[at * SYMBOLS..(at + 1) * SYMBOLS]
}

fn sample(p: &[f64], u: f64) -> usize {
    let mut total = 0.0;
    for (i, v) in p.iter().enumerate() {
        total += v;
        if u < total {
            return i;
        }
    }
    p.len() - 1
}

impl World {
    fn new(seed: u64) -> Self {
        let mut draw = Stream::new(seed, StreamId::Weights).replicate(67);
        let mut own = Vec::with_capacity(SYMBOLS);
        for _ in 0..SYMBOLS {
            let (sharp, context) = (SHARP * draw.uniform(), CONTEXT * draw.uniform());
            let base: Vec<f64> = (0..SYMBOLS).map(|_| sharp * draw.normal()).collect();
            own.push((base, context));
        }
        let mut truth = Vec::with_capacity(SYMBOLS * SYMBOLS * SYMBOLS);
        for _ in 0..SYMBOLS {
            for (base, context) in &own {
                let z: Vec<f64> = base.iter().map(|b| b + context * draw.normal()).collect();
                truth.extend(gate::softmax(&z));
            }
        }
        let mut out = Self {
            truth,
            small: Vec::new(),
        };
        let mut stream = Stream::new(seed, StreamId::Data).replicate(68);
        let mut counts = vec![0.5; SYMBOLS * SYMBOLS];
        let (mut a, mut b) = (0, 0);
        for _ in 0..TEXT {
            let c = sample(row(&out.truth, a * SYMBOLS + b), stream.uniform());
            counts[b * SYMBOLS + c] += 1.0;
            (a, b) = (b, c);
        }
        out.small = counts
            .chunks_exact(SYMBOLS)
            .flat_map(gate::normalised)
            .collect();
        out
    }

    /// What the small model writes after a, b.
    fn write(&self, mut a: usize, mut b: usize, tokens: usize) -> Written {
        let mut entropies = Vec::with_capacity(tokens);
        let mut right = true;
        for _ in 0..tokens {
            let small = row(&self.small, b);
            entropies.push(gate::entropy(small));
            let c = gate::argmax(small);
            right &= c == gate::argmax(row(&self.truth, a * SYMBOLS + b));
            (a, b) = (b, c);
        }
        Written {
            entropy: [entropies[0], stats::mean(&entropies)],
            right,
        }
    }

    /// Steps at places of a text of the chain, each written anew.
    fn steps(&self, config: &Config) -> Vec<Written> {
        let mut stream = Stream::new(config.seed, StreamId::Data).replicate(69);
        let (mut a, mut b) = (0, 0);
        let mut out = Vec::new();
        for _ in 0..config.queries {
            for _ in 0..config.step_tokens {
                let c = sample(row(&self.truth, a * SYMBOLS + b), stream.uniform());
                (a, b) = (b, c);
            }
            out.push(self.write(a, b, config.step_tokens as usize));
        }
        out
    }
}

/// Area under the curve: the chance that a signal is larger for an error than for a right step;
/// equal signals count one half. NaN when one of the two never happens.
fn auc(signal: &[f64], errors: &[bool]) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (s, _) in signal.iter().zip(errors).filter(|(_, e)| **e) {
        for (t, _) in signal.iter().zip(errors).filter(|(_, e)| !**e) {
            pairs += 1.0;
            wins += if s > t {
                1.0
            } else if s == t {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / pairs
}

/// A rule's order of escalation and what it costs before it can decide.
struct Rule {
    name: &'static str,
    signal: Vec<f64>,
    before: f64,
}

/// Everything measured.
pub(super) fn facts(config: &Config) -> Facts {
    let steps = World::new(config.seed).steps(config);
    let n = steps.len();
    let first = COSTS[0] / config.step_tokens as f64;
    let mut draw = Stream::new(config.seed, StreamId::Policy).replicate(70);
    let of = |get: &dyn Fn(&Written) -> f64| -> Vec<f64> { steps.iter().map(get).collect() };
    let wrong: Vec<bool> = steps.iter().map(|s| !s.right).collect();
    let rules = [
        Rule {
            name: GLIMPSE,
            signal: of(&|s| s.entropy[0]),
            before: first,
        },
        Rule {
            name: "entropy of the whole draft",
            signal: of(&|s| s.entropy[1]),
            before: COSTS[0],
        },
        Rule {
            name: RANDOM,
            signal: (0..n).map(|_| draw.uniform()).collect(),
            before: 0.0,
        },
        Rule {
            name: "hindsight",
            signal: of(&|s| f64::from(u8::from(!s.right))),
            before: 0.0,
        },
    ];
    let shares: Vec<f64> = (0..=STEPS).map(|i| i as f64 / STEPS as f64).collect();
    let count = |share: f64| (share * n as f64).round() as usize;
    let orders: Vec<Vec<usize>> = rules.iter().map(|r| gate::descending(&r.signal)).collect();
    // Quality, and the share escalated in vain.
    let outcome = |order: &[usize], given: usize| {
        let kept = order[given..].iter().filter(|i| steps[**i].right).count();
        let vain = order[..given].iter().filter(|i| steps[**i].right).count();
        let vain = vain as f64 / given as f64;
        ((given + kept) as f64 / n as f64, vain)
    };
    let curves = rules.iter().zip(&orders).map(|(rule, order)| {
        let points = shares.iter().map(|&s| {
            let (quality, vain) = outcome(order, count(s));
            let escalated = count(s) as f64 / n as f64;
            let cost = (1.0 - escalated) * COSTS[0] + escalated * (COSTS[1] + rule.before);
            ([cost, quality], [s, vain])
        });
        let (points, wasted) = points.unzip();
        Curve {
            wasted,
            ..Curve::line(rule.name, points)
        }
    });
    let curves: Vec<Curve> = curves.collect();
    let escalated = |order: &[usize], share: f64| -> Vec<u8> {
        let mut out = vec![0; n];
        for &i in &order[..count(share)] {
            out[i] = 1;
        }
        out
    };
    let lost = |s: f64| outcome(&orders[3], count(s)).0 - outcome(&orders[0], count(s)).0;
    let scenes: Vec<Scene> = shares
        .iter()
        .map(|&s| Scene {
            at: s,
            choices: escalated(&orders[0], s).into(),
            best: escalated(&orders[3], s).into(),
            regret: lost(s),
        })
        .collect();
    let mut positions = vec![0.0; n];
    for (place, &i) in orders[0].iter().enumerate() {
        positions[i] = place as f32 / n as f32;
    }
    Facts {
        models: vec![
            ("small".to_owned(), COSTS[0]),
            ("large".to_owned(), COSTS[1]),
        ],
        positions,
        quality: steps
            .iter()
            .flat_map(|s| [f64::from(u8::from(s.right)), 1.0])
            .collect(),
        regret: stats::mean(&scenes.iter().map(|s| s.regret).collect::<Vec<_>>()),
        scenes,
        curves,
        wasted: outcome(&orders[0], count(0.2)).1,
        glimpse: first,
        shown: 0,
        place: "order in which steps are escalated, first left",
        extra: vec![Metric::new(
            "auc",
            "Errors told from right steps",
            "",
            auc(&rules[0].signal, &wrong),
            Better::Higher,
            "Area under the curve of the first token's entropy as a predictor of the small model's errors: the chance that it is larger for a wrong step than for a right one; 0.5 is chance.",
        )],
        ..Facts::default()
    }
}

/// Names of the curves that a claim compares.
pub(in crate::labs::routing) const GLIMPSE: &str = "entropy of the first token";
pub(in crate::labs::routing) const RANDOM: &str = "random steps";

#[cfg(test)]
mod tests {
    use super::super::super::config::QueryRule;
    use super::*;

    #[test]
    fn the_area_counts_ordered_pairs() {
        let errors = [true, true, false, false];
        assert_eq!(auc(&[2.0, 3.0, 1.0, 0.0], &errors), 1.0);
        assert_eq!(auc(&[0.0, 3.0, 1.0, 0.0], &errors), (0.5 + 2.0) / 4.0);
    }

    #[test]
    fn the_small_model_learns_the_chain_of_its_last_symbol() {
        let world = World::new(3);
        for table in [&world.truth, &world.small] {
            for p in table.chunks_exact(SYMBOLS) {
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            }
        }
        // A draft of one token is right where both agree on the most likely symbol.
        for (a, b) in [(0, 1), (5, 7), (23, 2)] {
            let small = gate::argmax(row(&world.small, b));
            let large = gate::argmax(row(&world.truth, a * SYMBOLS + b));
            assert_eq!(world.write(a, b, 1).right, small == large);
        }
    }

    #[test]
    fn escalating_everything_costs_the_glimpse_more_and_makes_no_error() {
        let config = Config {
            queries: 200,
            step_tokens: 4,
            query_rule: QueryRule::Glimpse,
            ..Config::default()
        };
        let facts = facts(&config);
        let last = |i: usize| facts.curves[i].points[STEPS];
        assert_eq!(last(0), [1.0 + 0.1 / 4.0, 1.0]);
        assert_eq!(last(1), [1.1, 1.0]);
        assert_eq!(last(2), [1.0, 1.0]);
        // No order is better than hindsight.
        for (p, best) in facts.curves[0].points.iter().zip(&facts.curves[3].points) {
            assert!(p[1] <= best[1] + 1e-12);
        }
    }
}
