//! GlimpRouter (arXiv 2601.05110): a small and a large model write a text step by step. The small
//! one drafts the first token of a step; where its entropy there is large, the large one writes the
//! step. The text is a Markov chain of second order: the large model knows it, the small one sees
//! only the last symbol.

use super::super::config::Config;
use super::super::fill::slice;
use super::Asking;
use super::pool::STEPS;
use super::run::{Curve, Facts, Scene};
use crate::core::gate;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric, Result, stats};

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

/// What a symbol alone says of the next, and how much the one before it adds.
struct Own {
    base: Vec<f64>,
    context: f64,
}

/// Makes a [`World`] in short steps.
struct Making {
    draw: Stream,
    own: Vec<Own>,
    truth: Vec<f64>,
    stream: Stream,
    counts: Vec<f64>,
    /// The last two symbols of the text, and its length.
    last: [usize; 2],
    read: usize,
}

/// Rows of the chain made in a step, and tokens of text read.
const ROWS: usize = 96;
const READ: usize = 4096;

impl Making {
    fn new(seed: u64) -> Self {
        let mut draw = Stream::new(seed, StreamId::Weights).replicate(67);
        let mut own = Vec::with_capacity(SYMBOLS);
        for _ in 0..SYMBOLS {
            let (sharp, context) = (SHARP * draw.uniform(), CONTEXT * draw.uniform());
            let base = (0..SYMBOLS).map(|_| sharp * draw.normal()).collect();
            own.push(Own { base, context });
        }
        Self {
            draw,
            own,
            truth: Vec::with_capacity(SYMBOLS * SYMBOLS * SYMBOLS),
            stream: Stream::new(seed, StreamId::Data).replicate(68),
            counts: vec![0.5; SYMBOLS * SYMBOLS],
            last: [0; 2],
            read: 0,
        }
    }

    /// A slice of work: so many rows, or so many tokens; the world when it is done.
    fn step(&mut self, rows: usize, tokens: usize) -> Option<World> {
        let mut at = self.truth.len() / SYMBOLS;
        if at < SYMBOLS * SYMBOLS {
            for i in slice(&mut at, SYMBOLS * SYMBOLS, rows) {
                let Own { base, context } = &self.own[i % SYMBOLS];
                let add = |b: &f64| b + context * self.draw.normal();
                let z: Vec<f64> = base.iter().map(add).collect();
                self.truth.extend(gate::softmax(&z));
            }
            return None;
        }
        for _ in slice(&mut self.read, TEXT, tokens) {
            let [a, b] = self.last;
            let c = sample(row(&self.truth, a * SYMBOLS + b), self.stream.uniform());
            self.counts[b * SYMBOLS + c] += 1.0;
            self.last = [b, c];
        }
        (self.read == TEXT).then(|| World {
            truth: std::mem::take(&mut self.truth),
            small: self
                .counts
                .chunks_exact(SYMBOLS)
                .flat_map(gate::normalised)
                .collect(),
        })
    }
}

impl World {
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
}

/// Area under the curve, in short steps: the chance that a signal is larger for an error than for a
/// right step; equal signals count one half. NaN when one of the two never happens.
#[derive(Debug, Default)]
struct Area {
    at: usize,
    wins: f64,
    pairs: f64,
}

impl Area {
    /// Compares the next `most` signals with all others; the area when none is left.
    fn step(&mut self, signal: &[f64], errors: &[bool], most: usize) -> Option<f64> {
        for i in slice(&mut self.at, signal.len(), most) {
            if !errors[i] {
                continue;
            }
            let s = signal[i];
            for (&t, _) in signal.iter().zip(errors).filter(|(_, e)| !**e) {
                self.pairs += 1.0;
                self.wins += if s > t {
                    1.0
                } else if s == t {
                    0.5
                } else {
                    0.0
                };
            }
        }
        (self.at == signal.len()).then_some(self.wins / self.pairs)
    }
}

/// A rule's order of escalation and what it costs before it can decide.
struct Rule {
    name: &'static str,
    signal: Vec<f64>,
    order: Vec<usize>,
    before: f64,
    /// Cost and quality along the shares, and what is escalated in vain.
    points: Vec<[f64; 2]>,
    wasted: Vec<[f64; 2]>,
}

/// Work of a step: tokens written.
const TOKENS: usize = 500;
/// Signals compared with all others in a step.
const SIGNALS: usize = 100;

/// Everything measured, in short steps.
pub(super) struct GlimpseWork {
    config: Config,
    making: Making,
    world: Option<World>,
    /// The text at whose places steps are written: its symbols are drawn from this.
    text: Stream,
    last: [usize; 2],
    steps: Vec<Written>,
    rules: Vec<Rule>,
    area: Area,
    auc: Option<f64>,
    scenes: Vec<Scene>,
    /// Rows, tokens read, tokens written and signals of a step.
    most: [usize; 4],
}

impl GlimpseWork {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            making: Making::new(config.seed),
            world: None,
            text: Stream::new(config.seed, StreamId::Data).replicate(69),
            last: [0; 2],
            steps: Vec::new(),
            rules: Vec::new(),
            area: Area::default(),
            auc: None,
            scenes: Vec::new(),
            most: [ROWS, READ, TOKENS, SIGNALS],
            config: config.clone(),
        }
    }

    /// Steps at the next places of a text of the chain, each written anew.
    fn write(&mut self, world: &World) {
        let tokens = self.config.step_tokens as usize;
        let mut at = self.steps.len();
        for _ in slice(&mut at, self.config.queries as usize, self.most[2] / tokens) {
            for _ in 0..tokens {
                let [a, b] = self.last;
                let c = sample(row(&world.truth, a * SYMBOLS + b), self.text.uniform());
                self.last = [b, c];
            }
            let [a, b] = self.last;
            self.steps.push(world.write(a, b, tokens));
        }
    }

    /// The next rule with its order.
    fn rule(&mut self) {
        let first = COSTS[0] / self.config.step_tokens as f64;
        let of = |get: fn(&Written) -> f64| -> Vec<f64> { self.steps.iter().map(get).collect() };
        let (name, signal, before) = match self.rules.len() {
            0 => (GLIMPSE, of(|s| s.entropy[0]), first),
            1 => ("entropy of the whole draft", of(|s| s.entropy[1]), COSTS[0]),
            2 => {
                let mut draw = Stream::new(self.config.seed, StreamId::Policy).replicate(70);
                let all = self.steps.iter().map(|_| draw.uniform());
                (RANDOM, all.collect(), 0.0)
            }
            _ => ("hindsight", of(|s| f64::from(u8::from(!s.right))), 0.0),
        };
        self.rules.push(Rule {
            name,
            order: gate::descending(&signal),
            signal,
            before,
            points: Vec::new(),
            wasted: Vec::new(),
        });
    }

    /// Steps escalated at a share.
    fn count(&self, share: f64) -> usize {
        (share * self.steps.len() as f64).round() as usize
    }

    /// Quality, and the share escalated in vain.
    fn outcome(&self, rule: usize, given: usize) -> (f64, f64) {
        let right = |i: &&usize| self.steps[**i].right;
        let (first, last) = self.rules[rule].order.split_at(given);
        let (kept, vain) = (
            last.iter().filter(right).count(),
            first.iter().filter(right).count(),
        );
        let vain = vain as f64 / given as f64;
        ((given + kept) as f64 / self.steps.len() as f64, vain)
    }

    /// The next share escalated, by every rule.
    fn escalate(&mut self) {
        let (n, share) = (self.steps.len(), self.scenes.len() as f64 / STEPS as f64);
        let given = self.count(share);
        let outcomes = [0, 1, 2, 3].map(|r| self.outcome(r, given));
        for (rule, (quality, vain)) in self.rules.iter_mut().zip(outcomes) {
            let escalated = given as f64 / n as f64;
            let cost = (1.0 - escalated) * COSTS[0] + escalated * (COSTS[1] + rule.before);
            rule.points.push([cost, quality]);
            rule.wasted.push([share, vain]);
        }
        let escalated = |rule: &Rule| -> Vec<u8> {
            let mut out = vec![0; n];
            for &i in &rule.order[..given] {
                out[i] = 1;
            }
            out
        };
        self.scenes.push(Scene {
            at: share,
            choices: escalated(&self.rules[0]).into(),
            best: escalated(&self.rules[3]).into(),
            regret: outcomes[3].0 - outcomes[0].0,
        });
    }

    fn facts(&mut self, auc: f64) -> Facts {
        let n = self.steps.len();
        let wasted = self.outcome(0, self.count(0.2)).1;
        let mut positions = vec![0.0; n];
        for (place, &i) in self.rules[0].order.iter().enumerate() {
            positions[i] = place as f32 / n as f32;
        }
        let curves = self.rules.drain(..).map(|rule| Curve {
            wasted: rule.wasted,
            ..Curve::line(rule.name, rule.points)
        });
        let scenes = std::mem::take(&mut self.scenes);
        Facts {
            models: vec![
                ("small".to_owned(), COSTS[0]),
                ("large".to_owned(), COSTS[1]),
            ],
            positions,
            quality: self
                .steps
                .iter()
                .flat_map(|s| [f64::from(u8::from(s.right)), 1.0])
                .collect(),
            regret: stats::mean(&scenes.iter().map(|s| s.regret).collect::<Vec<_>>()),
            scenes,
            curves: curves.collect(),
            wasted,
            glimpse: COSTS[0] / self.config.step_tokens as f64,
            shown: 0,
            place: "order in which steps are escalated, first left",
            extra: vec![Metric::new(
                "auc",
                "Errors told from right steps",
                "",
                auc,
                Better::Higher,
                "Area under the curve of the first token's entropy as a predictor of the small model's errors: the chance that it is larger for a wrong step than for a right one; 0.5 is chance.",
            )],
            ..Facts::default()
        }
    }
}

impl Asking for GlimpseWork {
    fn step(&mut self) -> Result<Option<Facts>> {
        let Some(world) = self.world.take() else {
            self.world = self.making.step(self.most[0], self.most[1]);
            return Ok(None);
        };
        if self.steps.len() < self.config.queries as usize {
            self.write(&world);
        } else if self.rules.len() < 4 {
            self.rule();
        } else if self.auc.is_none() {
            let wrong: Vec<bool> = self.steps.iter().map(|s| !s.right).collect();
            self.auc = self.area.step(&self.rules[0].signal, &wrong, self.most[3]);
        } else if self.scenes.len() <= STEPS {
            self.escalate();
        } else if let Some(auc) = self.auc {
            return Ok(Some(self.facts(auc)));
        }
        self.world = Some(world);
        Ok(None)
    }

    fn progress(&self) -> f64 {
        let written = self.steps.len() as f64 / self.config.queries as f64;
        0.7 * written + 0.3 * self.scenes.len() as f64 / (STEPS + 1) as f64
    }
}

/// Names of the curves that a claim compares.
pub(in crate::labs::routing) const GLIMPSE: &str = "entropy of the first token";
pub(in crate::labs::routing) const RANDOM: &str = "random steps";

#[cfg(test)]
mod tests {
    use super::super::super::config::QueryRule;
    use super::super::facts_of;
    use super::*;

    fn auc(signal: &[f64], errors: &[bool]) -> f64 {
        let mut area = Area::default();
        loop {
            if let Some(auc) = area.step(signal, errors, 1) {
                return auc;
            }
        }
    }

    #[test]
    fn the_area_counts_ordered_pairs() {
        let errors = [true, true, false, false];
        assert_eq!(auc(&[2.0, 3.0, 1.0, 0.0], &errors), 1.0);
        assert_eq!(auc(&[0.0, 3.0, 1.0, 0.0], &errors), (0.5 + 2.0) / 4.0);
    }

    #[test]
    fn the_small_model_learns_the_chain_of_its_last_symbol() {
        let mut making = Making::new(3);
        let world = loop {
            if let Some(world) = making.step(ROWS, READ) {
                break world;
            }
        };
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
        let facts = facts_of(&mut GlimpseWork::new(&config));
        let last = |i: usize| facts.curves[i].points[STEPS];
        assert_eq!(last(0), [1.0 + 0.1 / 4.0, 1.0]);
        assert_eq!(last(1), [1.1, 1.0]);
        assert_eq!(last(2), [1.0, 1.0]);
        // No order is better than hindsight.
        for (p, best) in facts.curves[0].points.iter().zip(&facts.curves[3].points) {
            assert!(p[1] <= best[1] + 1e-12);
        }
    }

    #[test]
    fn a_step_does_only_so_much_and_slices_change_no_bit() {
        let config = Config {
            queries: 300,
            step_tokens: 5,
            ..Config::default()
        };
        let measured = |most: [usize; 4]| {
            let mut work = GlimpseWork {
                most,
                ..GlimpseWork::new(&config)
            };
            let mut before = [0; 4];
            loop {
                if let Some(facts) = work.step().expect("no error") {
                    break format!("{facts:?}");
                }
                let made = work.making.truth.len() / SYMBOLS;
                let now = [made, work.making.read, work.steps.len() * 5, work.area.at];
                for ((a, b), most) in now.iter().zip(before).zip(most) {
                    assert!(
                        a.saturating_sub(b) <= most.max(5),
                        "{now:?} after {before:?}"
                    );
                }
                before = now;
            }
        };
        let whole = measured([1 << 20; 4]);
        assert_eq!(whole, measured([ROWS, READ, TOKENS, SIGNALS]));
        assert_eq!(whole, measured([5, 700, 11, 3]));
    }
}
