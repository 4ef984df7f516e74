//! TCAndon-Router (multi-label agent routing with a refiner): agents know some topics each, and
//! overlap; a query needs one to three. Every agent whose score passes a threshold answers, and the
//! answers are merged.

use super::super::config::Config;
use super::super::fill::slice;
use super::Asking;
use super::pool::STEPS;
use super::run::{Curve, Facts, Scene};
use crate::core::gate;
use crate::core::matrix::dot;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric, Result, num, stats};
use std::sync::Arc;

const TOPICS: usize = 8;
const AGENTS: usize = 5;
/// Topics that an agent knows.
const KNOWN: usize = 3;
const WIDTH: usize = 16;
/// Chance that an agent answers a need right: of a topic it knows, and of another.
const ABLE: [f64; 2] = [0.9, 0.15];
/// Chances of one, two and three needs, cumulated.
const NEEDS: [f64; 3] = [0.5, 0.85, 1.0];
/// Cost of an answer, and of merging a further one.
const COST: f64 = 0.2;
const MERGE: f64 = 0.04;
/// Price of cost at which rules are compared with hindsight.
const PRICE: f64 = 0.3;
/// The agent that joins last.
const NEW: usize = AGENTS - 1;

/// Whether agent `m` knows a topic: three neighbours on a ring of eight, so that agents overlap.
fn knows(m: usize, topic: usize) -> bool {
    let start = m * TOPICS / AGENTS;
    (topic + TOPICS - start) % TOPICS < KNOWN
}

struct Query {
    needs: Vec<usize>,
    scores: [f64; AGENTS],
}

fn unit(v: &[f64]) -> Vec<f64> {
    let norm = dot(v, v).sqrt();
    v.iter().map(|x| x / norm).collect()
}

fn mean(rows: &[&Vec<f64>]) -> Vec<f64> {
    (0..WIDTH)
        .map(|d| rows.iter().map(|r| r[d]).sum::<f64>() / rows.len() as f64)
        .collect()
}

/// Draws queries one by one.
struct Source {
    topics: Vec<Vec<f64>>,
    /// What each agent is described by: the mean of its topics.
    prototypes: Vec<Vec<f64>>,
    pick: Stream,
    noise: Stream,
    size: f64,
}

impl Source {
    fn new(config: &Config) -> Self {
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(71);
        let topics: Vec<Vec<f64>> = (0..TOPICS)
            .map(|_| unit(&(0..WIDTH).map(|_| draw.normal()).collect::<Vec<_>>()))
            .collect();
        let prototype = |m: usize| {
            let own = (0..TOPICS).filter(|&t| knows(m, t)).map(|t| &topics[t]);
            unit(&mean(&own.collect::<Vec<_>>()))
        };
        Self {
            prototypes: (0..AGENTS).map(prototype).collect(),
            topics,
            pick: Stream::new(config.seed, StreamId::Data).replicate(72),
            noise: Stream::new(config.seed, StreamId::Noise).replicate(73),
            size: config.estimate_noise,
        }
    }

    fn draw(&mut self) -> Query {
        let u = self.pick.uniform();
        let count = 1 + NEEDS.iter().filter(|c| u >= **c).count();
        let mut all: Vec<usize> = (0..TOPICS).collect();
        self.pick.shuffle(&mut all);
        let mut needs = all[..count].to_vec();
        needs.sort_unstable();
        let own: Vec<&Vec<f64>> = needs.iter().map(|&t| &self.topics[t]).collect();
        let mut x = mean(&own);
        for v in &mut x {
            *v += self.size * self.noise.normal();
        }
        let x = unit(&x);
        let mut scores = [0.0; AGENTS];
        for (s, p) in scores.iter_mut().zip(&self.prototypes) {
            *s = dot(&x, p);
        }
        Query { needs, scores }
    }
}

fn members(mask: u8) -> impl Iterator<Item = usize> + Clone {
    (0..AGENTS).filter(move |m| mask >> m & 1 == 1)
}

impl Query {
    /// Agents whose score passes a threshold; the best when none does.
    fn fitting(&self, threshold: f64, agents: usize) -> u8 {
        let all = (0..agents).filter(|&m| self.scores[m] >= threshold);
        let mask = all.fold(0, |mask, m| mask | 1 << m);
        if mask == 0 {
            1 << gate::argmax(&self.scores[..agents])
        } else {
            mask
        }
    }

    /// Chance that a need is answered right by the merged answers of a set: that one is right.
    fn merged(&self, mask: u8) -> f64 {
        let right = |need: &usize| {
            let wrong: f64 = members(mask)
                .map(|m| 1.0 - ABLE[usize::from(!knows(m, *need))])
                .product();
            1.0 - wrong
        };
        self.needs.iter().map(right).sum::<f64>() / self.needs.len() as f64
    }

    /// The same when one of the answers is taken at random.
    fn unmerged(&self, mask: u8) -> f64 {
        let right = |need: &usize| {
            let all: Vec<f64> = members(mask)
                .map(|m| ABLE[usize::from(!knows(m, *need))])
                .collect();
            stats::mean(&all)
        };
        self.needs.iter().map(right).sum::<f64>() / self.needs.len() as f64
    }

    /// Whether two agents of a set know the same need.
    fn conflicts(&self, mask: u8) -> bool {
        let knowing = |need: &usize| members(mask).filter(|&m| knows(m, *need)).count();
        self.needs.iter().any(|need| knowing(need) > 1)
    }

    /// The set of largest quality less price × cost.
    fn best(&self, price: f64) -> u8 {
        let worth: Vec<f64> = (1..1_u8 << AGENTS)
            .map(|mask| self.merged(mask) - price * cost(mask, true))
            .collect();
        gate::argmax(&worth) as u8 + 1
    }
}

/// Cost of a set's answers, and of merging them.
fn cost(mask: u8, merges: bool) -> f64 {
    let asked = f64::from(mask.count_ones());
    asked * COST + if merges { (asked - 1.0) * MERGE } else { 0.0 }
}

/// Mean cost and quality of the sets chosen.
fn outcome(
    queries: &[Query],
    choices: &[u8],
    quality: fn(&Query, u8) -> f64,
    merges: bool,
) -> [f64; 2] {
    let n = queries.len() as f64;
    let mut out = [0.0; 2];
    for (q, &mask) in queries.iter().zip(choices) {
        out[0] += cost(mask, merges) / n;
        out[1] += quality(q, mask) / n;
    }
    out
}

/// Queries drawn in a step, or for which the best set is looked for.
const QUERIES: usize = 200;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Draw,
    /// The best sets at one price.
    Best,
    /// One threshold after the other.
    Thresholds,
    /// The best sets at one price after the other.
    Prices,
    /// What every set makes of every query.
    Sets,
}

/// Everything measured, in short steps.
pub(super) struct AgentsWork {
    config: Config,
    source: Source,
    queries: Vec<Query>,
    stage: Stage,
    /// Best sets so far of the price at hand, and those of [`PRICE`].
    sets: Vec<u8>,
    best: Arc<[u8]>,
    /// What the best are worth at [`PRICE`].
    bound: f64,
    scenes: Vec<Scene>,
    /// Cost and quality along the thresholds, merged and not; along the prices with hindsight.
    merged: Vec<[f64; 2]>,
    unmerged: Vec<[f64; 2]>,
    hindsight: Vec<[f64; 2]>,
    quality: Vec<f64>,
    /// Items of a step.
    most: usize,
}

impl AgentsWork {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            source: Source::new(config),
            queries: Vec::new(),
            stage: Stage::Draw,
            sets: Vec::new(),
            best: Arc::from([]),
            bound: 0.0,
            scenes: Vec::new(),
            merged: Vec::new(),
            unmerged: Vec::new(),
            hindsight: Vec::new(),
            quality: Vec::new(),
            most: QUERIES,
            config: config.clone(),
        }
    }

    fn chosen(&self, threshold: f64, agents: usize) -> Vec<u8> {
        let all = self.queries.iter();
        all.map(|q| q.fitting(threshold, agents)).collect()
    }

    /// The best sets of the next queries at a price; all of them when none is left.
    fn look(&mut self, price: f64) -> Option<Vec<u8>> {
        let mut at = self.sets.len();
        for i in slice(&mut at, self.queries.len(), self.most) {
            self.sets.push(self.queries[i].best(price));
        }
        (at == self.queries.len()).then(|| std::mem::take(&mut self.sets))
    }

    /// The next threshold.
    fn cut(&mut self) {
        let i = self.scenes.len();
        let at = -0.2 + 1.2 * i as f64 / STEPS as f64;
        let choices = self.chosen(at, AGENTS);
        let own = outcome(&self.queries, &choices, Query::merged, true);
        let one = outcome(&self.queries, &choices, Query::unmerged, false);
        self.merged.push(own);
        self.unmerged.push(one);
        self.scenes.push(Scene {
            at,
            regret: self.bound - worth(own),
            choices: choices.into(),
            best: Arc::clone(&self.best),
        });
    }

    fn facts(&mut self) -> Facts {
        let queries = &self.queries;
        let scenes = std::mem::take(&mut self.scenes);
        let least = scenes
            .iter()
            .min_by(|a, b| a.regret.total_cmp(&b.regret))
            .map_or(0.0, |s| s.at);
        let alone = self.chosen(f64::INFINITY, AGENTS);
        let everyone = vec![(1 << AGENTS) - 1; queries.len()];
        let point = |choices: &[u8]| vec![outcome(queries, choices, Query::merged, true)];
        let curves = vec![
            Curve::line("hindsight", std::mem::take(&mut self.hindsight)),
            Curve::line("several agents, merged", std::mem::take(&mut self.merged)),
            Curve::line(
                "several agents, one answer taken",
                std::mem::take(&mut self.unmerged),
            ),
            Curve::line("the best agent alone", point(&alone)),
            Curve::line("every agent", point(&everyone)),
        ];
        let positions = queries.iter().enumerate().map(|(i, q)| {
            let centre: f64 = q.needs.iter().map(|&t| t as f64).sum::<f64>() / q.needs.len() as f64;
            // A fixed scatter within each topic's strip.
            let scatter = (i as f32 * 0.754_877_7).fract();
            (centre as f32 + scatter) / TOPICS as f32
        });
        let names = |q: &Query| -> String {
            let all: Vec<String> = q.needs.iter().map(|t| format!("topic {t}")).collect();
            all.join(", ")
        };
        Facts {
            models: (0..AGENTS).map(|m| (format!("agent {m}"), COST)).collect(),
            positions: positions.collect(),
            regret: stats::mean(&scenes.iter().map(|s| s.regret).collect::<Vec<_>>()),
            extra: numbers(
                queries,
                &self.chosen(least, AGENTS),
                &alone,
                &self.chosen(least, NEW),
                least,
            ),
            scenes,
            curves,
            shown: 1,
            sets: true,
            merge: MERGE,
            place: "mean number of the topics needed, 0 to 7",
            texts: queries.iter().map(names).collect(),
            quality: std::mem::take(&mut self.quality),
            ..Facts::default()
        }
    }
}

/// What an outcome is worth at [`PRICE`].
fn worth([cost, quality]: [f64; 2]) -> f64 {
    quality - PRICE * cost
}

impl Asking for AgentsWork {
    fn step(&mut self) -> Result<Option<Facts>> {
        let all = self.config.queries as usize;
        match self.stage {
            Stage::Draw => {
                let mut at = self.queries.len();
                for _ in slice(&mut at, all, self.most) {
                    self.queries.push(self.source.draw());
                }
                if at == all {
                    self.stage = Stage::Best;
                }
            }
            Stage::Best => {
                if let Some(best) = self.look(PRICE) {
                    self.bound = worth(outcome(&self.queries, &best, Query::merged, true));
                    self.best = best.into();
                    self.stage = Stage::Thresholds;
                }
            }
            Stage::Thresholds => {
                self.cut();
                if self.scenes.len() > STEPS {
                    self.stage = Stage::Prices;
                }
            }
            Stage::Prices => {
                let i = self.hindsight.len();
                if let Some(sets) = self.look(num::pow(2.0, 0.2 * i as f64 - 4.0)) {
                    self.hindsight
                        .push(outcome(&self.queries, &sets, Query::merged, true));
                    if i == STEPS {
                        self.stage = Stage::Sets;
                    }
                }
            }
            Stage::Sets => {
                let mut at = self.quality.len() >> AGENTS;
                for i in slice(&mut at, all, self.most) {
                    let q = &self.queries[i];
                    let sets = 0..1_u8 << AGENTS;
                    let right = |mask| if mask == 0 { 0.0 } else { q.merged(mask) };
                    self.quality.extend(sets.map(right));
                }
                if at == all {
                    return Ok(Some(self.facts()));
                }
            }
        }
        Ok(None)
    }

    fn progress(&self) -> f64 {
        let done = self.scenes.len() + self.hindsight.len();
        done as f64 / (2 * STEPS + 3) as f64
    }
}

/// What the choices at the best threshold say, beside the best agent alone and the agents before
/// the new one joined.
fn numbers(
    queries: &[Query],
    several: &[u8],
    alone: &[u8],
    before: &[u8],
    threshold: f64,
) -> Vec<Metric> {
    let quality = |choices: &[u8]| 100.0 * outcome(queries, choices, Query::merged, true)[1];
    let conflicts = queries
        .iter()
        .zip(several)
        .filter(|(q, mask)| q.conflicts(**mask))
        .count();
    // Needs that only the new agent knows.
    let only: Vec<usize> = (0..TOPICS)
        .filter(|&t| knows(NEW, t) && (0..NEW).all(|m| !knows(m, t)))
        .collect();
    let served = |choices: &[u8]| {
        let all = queries.iter().zip(choices);
        let its = all.filter(|(q, _)| q.needs.iter().any(|t| only.contains(t)));
        let right: Vec<f64> = its.map(|(q, &mask)| q.merged(mask)).collect();
        100.0 * stats::mean(&right)
    };
    vec![
        Metric::new(
            "best_threshold",
            "Best threshold",
            "",
            threshold,
            Better::Neither,
            "Threshold of the score with the least regret at a price of 0.3 per unit of cost.",
        ),
        Metric::new(
            "several",
            "Needs answered, several agents",
            "%",
            quality(several),
            Better::Higher,
            "Needs answered right at the best threshold, answers merged.",
        ),
        Metric::new(
            "alone",
            "Needs answered, one agent",
            "%",
            quality(alone),
            Better::Neither,
            "Needs answered right when only the agent with the largest score is asked.",
        ),
        Metric::new(
            "conflicts",
            "Conflicts",
            "%",
            100.0 * conflicts as f64 / queries.len() as f64,
            Better::Neither,
            "Queries at the best threshold of which two agents asked know the same need: their answers must be reconciled.",
        ),
        Metric::new(
            "joined",
            "Its needs after an agent joins",
            "%",
            served(several),
            Better::Higher,
            "Needs answered right in queries that need what only the fifth agent knows: with its row added, nothing trained.",
        ),
        Metric::new(
            "before",
            "Its needs before",
            "%",
            served(before),
            Better::Neither,
            "The same queries before the fifth agent's row was added.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::config::QueryRule;
    use super::super::facts_of;
    use super::*;

    #[test]
    fn every_topic_is_known_and_some_by_two() {
        let counts: Vec<usize> = (0..TOPICS)
            .map(|t| (0..AGENTS).filter(|&m| knows(m, t)).count())
            .collect();
        assert!(counts.iter().all(|c| *c >= 1), "{counts:?}");
        assert!(counts.contains(&2), "{counts:?}");
        assert!((0..TOPICS).any(|t| knows(NEW, t) && (0..NEW).all(|m| !knows(m, t))));
    }

    #[test]
    fn a_merged_set_is_right_where_one_of_its_agents_is() {
        let shared = (0..TOPICS)
            .find(|&t| (0..AGENTS).filter(|&m| knows(m, t)).count() == 2)
            .expect("a shared topic");
        let mask = (0..AGENTS)
            .filter(|&m| knows(m, shared))
            .fold(0, |mask, m| mask | 1 << m);
        let query = Query {
            needs: vec![shared],
            scores: [0.0; AGENTS],
        };
        assert!((query.merged(mask) - (1.0 - 0.1 * 0.1)).abs() < 1e-12);
        assert!((query.unmerged(mask) - 0.9).abs() < 1e-12);
        assert!(query.conflicts(mask));
        assert!((cost(mask, true) - 0.44).abs() < 1e-12);
        // Free answers: all are asked; dear ones: one that knows the need.
        assert_eq!(query.best(0.0), (1 << AGENTS) - 1);
        let alone = query.best(10.0);
        assert_eq!(alone.count_ones(), 1);
        assert_eq!(alone & mask, alone);
    }

    #[test]
    fn the_threshold_moves_from_every_agent_to_the_best_alone() {
        let config = Config {
            queries: 100,
            query_rule: QueryRule::Agents,
            ..Config::default()
        };
        let facts = facts_of(&mut AgentsWork::new(&config));
        let asked = |s: &Scene| s.choices.iter().map(|c| c.count_ones()).sum::<u32>();
        assert!(
            facts
                .scenes
                .windows(2)
                .all(|w| asked(&w[0]) >= asked(&w[1]))
        );
        let last = facts.scenes.last().expect("scenes");
        assert_eq!(asked(last), 100, "no score is above 1");
        assert!(facts.scenes.iter().all(|s| s.regret >= -1e-12));
    }

    #[test]
    fn a_step_looks_at_only_so_many_queries_and_slices_change_no_bit() {
        let config = Config {
            queries: 450,
            ..Config::default()
        };
        let measured = |most: usize| {
            let mut work = AgentsWork {
                most,
                ..AgentsWork::new(&config)
            };
            let mut before = [0; 4];
            loop {
                if let Some(facts) = work.step().expect("no error") {
                    break format!("{facts:?}");
                }
                let now = [
                    work.queries.len(),
                    work.sets.len(),
                    work.scenes.len() * most,
                    work.quality.len() >> AGENTS,
                ];
                for (a, b) in now.iter().zip(before) {
                    assert!(a.saturating_sub(b) <= most, "{now:?} after {before:?}");
                }
                before = now;
            }
        };
        let whole = measured(1 << 20);
        assert_eq!(whole, measured(QUERIES));
        assert_eq!(whole, measured(13));
    }
}
