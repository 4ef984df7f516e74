//! A pool of five models on synthetic queries. Model m answers a query of difficulty d (uniform on
//! 0 to 1) and topic t with probability σ(6 (s_m - d + b_mt)); its skill s_m is solved so that its
//! mean quality without topics is the stated one, b_mt ~ N(0, specialisation²).

use super::super::config::{Config, Estimate, QueryRule};
use super::super::rules::gate;
use super::super::rules::models::carrot;
use crate::core::Arrange as _;
use crate::core::rng::{Stream, StreamId};
use crate::core::{num, stats};

/// Cost of an answer, dearest 1, and the quality each model is to have on average.
pub(super) const COSTS: [f64; 5] = [0.02, 0.05, 0.15, 0.5, 1.0];
pub(super) const QUALITIES: [f64; 5] = [0.44, 0.55, 0.66, 0.75, 0.83];
/// Age of each model, in years: what a wish for recent models counts.
const AGES: [f64; 5] = [0.0, 2.0, 1.0, 2.0, 1.0];
const MODELS: usize = COSTS.len();
/// Sharpness of the quality around a model's skill.
pub(super) const SHARPNESS: f64 = 6.0;
pub(super) const TOPICS: usize = 4;
/// Name of the points of fixed models.
pub(super) const FIXED: &str = "always the same model";
/// Steps of the weight of cost.
pub(super) const STEPS: usize = 40;

/// One query.
#[derive(Debug, Clone, Copy)]
struct Query {
    difficulty: f64,
    topic: usize,
    quality: [f64; MODELS],
}

/// The pool and its queries, with what a router knows of them.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    queries: Vec<Query>,
    estimates: Vec<[f64; MODELS]>,
    recency: f64,
}

/// Mean of σ(6 (s - d)) over d uniform on 0 to 1.
fn mean_quality(skill: f64) -> f64 {
    let part = |x: f64| num::ln_1p(num::exp(SHARPNESS * x));
    (part(skill) - part(skill - 1.0)) / SHARPNESS
}

/// Skill of a model with this mean quality, by bisection.
pub(super) fn skill(quality: f64) -> f64 {
    let (mut low, mut high) = (-2.0, 3.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if mean_quality(middle) < quality {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

fn draw(config: &Config, replicate: u32, count: usize) -> Vec<Query> {
    let skills = QUALITIES.map(skill);
    let mut talent = Stream::new(config.seed, StreamId::Weights).replicate(60);
    let bonus: Vec<f64> = (0..MODELS * TOPICS)
        .map(|_| config.specialisation * talent.normal())
        .collect();
    let mut stream = Stream::new(config.seed, StreamId::Data).replicate(replicate);
    (0..count)
        .map(|_| {
            let difficulty = stream.uniform();
            let topic = stream.below(TOPICS as u32) as usize;
            let mut quality = [0.0; MODELS];
            for (m, q) in quality.iter_mut().enumerate() {
                let gap = skills[m] - difficulty + bonus[m * TOPICS + topic];
                *q = num::sigmoid(SHARPNESS * gap);
            }
            Query {
                difficulty,
                topic,
                quality,
            }
        })
        .collect()
}

impl Pool {
    pub(super) fn new(config: &Config) -> Self {
        let queries = draw(config, 61, config.queries as usize);
        let estimates = match config.estimate {
            Estimate::Perfect => queries.iter().map(|q| q.quality).collect(),
            Estimate::Noisy => {
                let mut noise = Stream::new(config.seed, StreamId::Noise).replicate(62);
                let blur = |q: &Query| {
                    q.quality
                        .map(|v| v + config.estimate_noise * noise.normal())
                };
                queries.iter().map(blur).collect()
            }
            Estimate::Neighbours => neighbours(config, &queries),
        };
        Self {
            queries,
            estimates,
            recency: config.recency,
        }
    }

    /// Difficulty of each query.
    pub(super) fn positions(&self) -> Vec<f32> {
        self.queries.iter().map(|q| q.difficulty as f32).collect()
    }

    /// True quality of every model on a query.
    pub(super) fn quality(&self, query: usize) -> &[f64] {
        &self.queries[query].quality
    }

    /// The model chosen at a weight of cost, by the truth or by the estimates.
    fn choice(&self, rule: QueryRule, scores: &[f64; MODELS], weight: f64) -> usize {
        if rule == QueryRule::Tryage {
            // Predicted loss plus weighted goals: size and age.
            let lambda = weight / (1.0 - weight).max(1e-9);
            let goals = |m: usize| (1.0 - scores[m]) + lambda * COSTS[m] + self.recency * AGES[m];
            let worth: Vec<f64> = (0..MODELS).map(|m| -goals(m)).collect();
            return gate::argmax(&worth);
        }
        carrot(scores, &COSTS, weight)
    }

    /// Choices of all queries.
    pub(super) fn choices(&self, rule: QueryRule, weight: f64) -> Vec<u8> {
        let all = self.estimates.iter();
        all.map(|e| self.choice(rule, e, weight) as u8).collect()
    }

    /// What a router that knows the true qualities would choose.
    pub(super) fn best(&self, rule: QueryRule, weight: f64) -> Vec<u8> {
        let all = self.queries.iter();
        all.map(|q| self.choice(rule, &q.quality, weight) as u8)
            .collect()
    }

    /// Mean cost and quality of choices.
    pub(super) fn outcome(&self, choices: &[u8]) -> [f64; 2] {
        let n = self.queries.len() as f64;
        let mut out = [0.0; 2];
        for (q, &m) in self.queries.iter().zip(choices) {
            out[0] += COSTS[usize::from(m)] / n;
            out[1] += q.quality[usize::from(m)] / n;
        }
        out
    }

    /// (1 - μ) quality - μ cost that choices lose against the best ones, mean over queries.
    pub(super) fn regret(&self, rule: QueryRule, weight: f64) -> f64 {
        let worth = |choices: &[u8]| {
            let [cost, quality] = self.outcome(choices);
            (1.0 - weight) * quality - weight * cost
        };
        worth(&self.best(QueryRule::Carrot, weight)) - worth(&self.choices(rule, weight))
    }

    /// Share of queries whose truly best model is chosen when cost does not count.
    pub(super) fn hits(&self, rule: QueryRule) -> f64 {
        let (a, b) = (self.choices(rule, 0.0), self.best(QueryRule::Carrot, 0.0));
        let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
        same as f64 / a.len() as f64
    }

    /// The largest share of queries for which one and the same model is best.
    pub(super) fn commonest(&self) -> f64 {
        let mut counts = [0.0; MODELS];
        for m in self.best(QueryRule::Carrot, 0.0) {
            counts[usize::from(m)] += 1.0;
        }
        counts.into_iter().fold(0.0, f64::max) / self.queries.len() as f64
    }
}

/// Estimates from answered queries of the same topic: share of right answers among the nearest in
/// difficulty, n^(2/3) of them.
fn neighbours(config: &Config, queries: &[Query]) -> Vec<[f64; MODELS]> {
    let known = draw(config, 63, config.training_queries as usize);
    let mut coin = Stream::new(config.seed, StreamId::Policy).replicate(64);
    let mut topics: Vec<Vec<(f64, [f64; MODELS])>> = vec![Vec::new(); TOPICS];
    for q in &known {
        let right = q.quality.map(|p| f64::from(u8::from(coin.uniform() < p)));
        topics[q.topic].push((q.difficulty, right));
    }
    for list in &mut topics {
        list.arrange_by(|a, b| a.0.total_cmp(&b.0));
    }
    queries
        .iter()
        .map(|q| nearest(&topics[q.topic], q.difficulty))
        .collect()
}

/// Mean of the nearest of a list sorted by difficulty.
fn nearest(list: &[(f64, [f64; MODELS])], at: f64) -> [f64; MODELS] {
    if list.is_empty() {
        // Nothing is known of this topic.
        return [0.5; MODELS];
    }
    let count = (num::pow(list.len() as f64, 2.0 / 3.0).ceil() as usize).clamp(1, list.len());
    let middle = list.partition_point(|(d, _)| *d < at);
    let (mut from, mut to) = (middle, middle);
    while to - from < count {
        let below = from.checked_sub(1).map(|i| at - list[i].0);
        let above = list.get(to).map(|(d, _)| d - at);
        match (below, above) {
            (Some(b), Some(a)) if b <= a => from -= 1,
            (Some(_), None) => from -= 1,
            _ => to += 1,
        }
    }
    let mut out = [0.0; MODELS];
    for (_, right) in &list[from..to] {
        for (o, r) in out.iter_mut().zip(right) {
            *o += r / count as f64;
        }
    }
    out
}

/// Mean of the regret over the weights of cost.
pub(super) fn mean_regret(pool: &Pool, rule: QueryRule) -> f64 {
    let all: Vec<f64> = (0..=STEPS)
        .map(|i| pool.regret(rule, i as f64 / STEPS as f64))
        .collect();
    stats::mean(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_give_the_stated_qualities() {
        for q in QUALITIES {
            assert!((mean_quality(skill(q)) - q).abs() < 1e-12);
        }
        let config = Config {
            specialisation: 0.0,
            queries: 4000,
            ..Config::default()
        };
        let pool = Pool::new(&config);
        for m in 0..MODELS {
            let [cost, quality] = pool.outcome(&vec![m as u8; 4000]);
            assert!((cost - COSTS[m]).abs() < 1e-12);
            assert!((quality - QUALITIES[m]).abs() < 0.02, "{m}: {quality}");
        }
    }

    #[test]
    fn perfect_estimates_have_no_regret_and_cheap_models_win_when_only_cost_counts() {
        let config = Config {
            estimate: Estimate::Perfect,
            ..Config::default()
        };
        let pool = Pool::new(&config);
        assert_eq!(mean_regret(&pool, QueryRule::Carrot), 0.0);
        assert!(pool.choices(QueryRule::Carrot, 1.0).iter().all(|m| *m == 0));
        let noisy = Pool::new(&Config {
            estimate: Estimate::Noisy,
            estimate_noise: 0.3,
            ..config
        });
        assert!(mean_regret(&noisy, QueryRule::Carrot) > 0.005);
    }

    #[test]
    fn the_nearest_answers_are_found_on_both_sides() {
        let list: Vec<(f64, [f64; MODELS])> = (0..8)
            .map(|i| (f64::from(i), [f64::from(i); MODELS]))
            .collect();
        // 8^(2/3) = 4 nearest of 2.9: 1, 2, 3, 4.
        assert_eq!(nearest(&list, 2.9), [2.5; MODELS]);
        assert_eq!(nearest(&list, -5.0), [1.5; MODELS]);
        assert_eq!(nearest(&list, 50.0), [5.5; MODELS]);
    }
}
