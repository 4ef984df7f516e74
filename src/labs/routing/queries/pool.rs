//! A pool of five models on synthetic queries. Model m answers a query of difficulty d (uniform on
//! 0 to 1) and topic t with probability σ(6 (s_m - d + b_mt)); its skill s_m is solved so that its
//! mean quality without topics is the stated one, b_mt ~ N(0, specialisation²).

use super::super::config::{Config, Estimate, QueryRule};
use super::super::fill::slice;
use super::super::rules::models::carrot;
use super::Asking;
use super::run::{Curve, Facts, Scene};
use crate::core::gate;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Arrange as _, Result, num, stats};

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

/// Draws queries one by one.
#[derive(Debug, Clone)]
struct Source {
    skills: [f64; MODELS],
    bonus: Vec<f64>,
    stream: Stream,
}

impl Source {
    fn new(config: &Config, replicate: u32) -> Self {
        let mut talent = Stream::new(config.seed, StreamId::Weights).replicate(60);
        Self {
            skills: QUALITIES.map(skill),
            bonus: (0..MODELS * TOPICS)
                .map(|_| config.specialisation * talent.normal())
                .collect(),
            stream: Stream::new(config.seed, StreamId::Data).replicate(replicate),
        }
    }

    fn draw(&mut self) -> Query {
        let difficulty = self.stream.uniform();
        let topic = self.stream.below(TOPICS as u32) as usize;
        let mut quality = [0.0; MODELS];
        for (m, q) in quality.iter_mut().enumerate() {
            let gap = self.skills[m] - difficulty + self.bonus[m * TOPICS + topic];
            *q = num::sigmoid(SHARPNESS * gap);
        }
        Query {
            difficulty,
            topic,
            quality,
        }
    }
}

/// A query that was answered: its difficulty, and which models were right.
type Answered = (f64, [f64; MODELS]);

/// Queries drawn or estimated in a step.
const QUERIES: usize = 500;

/// Makes a [`Pool`] in short steps.
pub(super) struct Gathering {
    config: Config,
    queries: Source,
    known: Source,
    /// Noise on the estimates, and whether an answer is right.
    noise: Stream,
    coin: Stream,
    pool: Pool,
    answered: usize,
    /// Answers by topic, and how many topics are sorted.
    topics: Vec<Vec<Answered>>,
    sorted: usize,
    /// Items of a step.
    most: usize,
}

impl Gathering {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            queries: Source::new(config, 61),
            known: Source::new(config, 63),
            noise: Stream::new(config.seed, StreamId::Noise).replicate(62),
            coin: Stream::new(config.seed, StreamId::Policy).replicate(64),
            pool: Pool {
                queries: Vec::new(),
                estimates: Vec::new(),
                recency: config.recency,
            },
            answered: 0,
            topics: vec![Vec::new(); TOPICS],
            sorted: 0,
            most: QUERIES,
            config: config.clone(),
        }
    }

    /// A slice of work; the pool when it is done.
    pub(super) fn step(&mut self) -> Option<Pool> {
        let all = self.config.queries as usize;
        let neighbours = self.config.estimate == Estimate::Neighbours;
        let known = self.config.training_queries as usize;
        if self.pool.queries.len() < all {
            let mut at = self.pool.queries.len();
            for _ in slice(&mut at, all, self.most) {
                self.pool.queries.push(self.queries.draw());
            }
        } else if neighbours && self.answered < known {
            for _ in slice(&mut self.answered, known, self.most) {
                let q = self.known.draw();
                let coin = &mut self.coin;
                let right = q.quality.map(|p| f64::from(u8::from(coin.uniform() < p)));
                self.topics[q.topic].push((q.difficulty, right));
            }
        } else if neighbours && self.sorted < TOPICS {
            self.topics[self.sorted].arrange_by(|a, b| a.0.total_cmp(&b.0));
            self.sorted += 1;
        } else {
            let mut at = self.pool.estimates.len();
            // Many known answers make many neighbours.
            let most = if neighbours { self.most / 5 } else { self.most };
            for i in slice(&mut at, all, most) {
                let estimate = self.estimate(i);
                self.pool.estimates.push(estimate);
            }
            if at == all {
                return Some(self.pool.clone());
            }
        }
        None
    }

    fn estimate(&mut self, i: usize) -> [f64; MODELS] {
        let q = &self.pool.queries[i];
        match self.config.estimate {
            Estimate::Perfect => q.quality,
            Estimate::Noisy => {
                let (noise, size) = (&mut self.noise, self.config.estimate_noise);
                q.quality.map(|v| v + size * noise.normal())
            }
            Estimate::Neighbours => nearest(&self.topics[q.topic], q.difficulty),
        }
    }
}

impl Pool {
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
}

/// What choices are worth at a weight of cost: (1 - μ) quality - μ cost.
fn worth([cost, quality]: [f64; 2], weight: f64) -> f64 {
    (1.0 - weight) * quality - weight * cost
}

/// Share of queries whose truly best model is chosen.
fn hits(choices: &[u8], best: &[u8]) -> f64 {
    let same = choices.iter().zip(best).filter(|(a, b)| a == b).count();
    same as f64 / choices.len() as f64
}

/// The largest share of queries for which one and the same model is best.
fn commonest(best: &[u8]) -> f64 {
    let mut counts = [0.0; MODELS];
    for &m in best {
        counts[usize::from(m)] += 1.0;
    }
    counts.into_iter().fold(0.0, f64::max) / best.len() as f64
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

/// The sweep over weights of cost, in short steps: the pool first, then one weight after the other.
pub(super) struct PoolWork {
    config: Config,
    gathering: Gathering,
    pool: Option<Pool>,
    scenes: Vec<Scene>,
    /// Cost and quality of the rule's choices, and of the best ones.
    swept: [Vec<[f64; 2]>; 2],
}

impl PoolWork {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            gathering: Gathering::new(config),
            pool: None,
            scenes: Vec::new(),
            swept: Default::default(),
            config: config.clone(),
        }
    }

    fn facts(&mut self, pool: &Pool) -> Facts {
        let n = self.config.queries as usize;
        let fixed = (0..MODELS).map(|m| pool.outcome(&vec![m as u8; n]));
        let name = if self.config.query_rule == QueryRule::Tryage {
            "Tryage on estimates"
        } else {
            "CARROT on estimates"
        };
        let scenes = std::mem::take(&mut self.scenes);
        let [own, best] = std::mem::take(&mut self.swept);
        let regrets: Vec<f64> = scenes.iter().map(|s| s.regret).collect();
        // The first weight: cost does not count.
        let free = scenes.first();
        Facts {
            models: COSTS
                .iter()
                .enumerate()
                .map(|(m, c)| (format!("model {m}"), *c))
                .collect(),
            positions: pool.positions(),
            quality: (0..n).flat_map(|i| pool.quality(i).to_vec()).collect(),
            hits: free.map_or([f64::NAN; 2], |s| {
                [hits(&s.choices, &s.best), commonest(&s.best)]
            }),
            curves: vec![
                Curve::line("with true qualities", best),
                Curve::line(name, own),
                Curve::line(FIXED, fixed.collect()),
            ],
            regret: stats::mean(&regrets),
            scenes,
            ..Facts::default()
        }
    }
}

impl Asking for PoolWork {
    fn step(&mut self) -> Result<Option<Facts>> {
        let Some(pool) = self.pool.take() else {
            self.pool = self.gathering.step();
            return Ok(None);
        };
        let rule = self.config.query_rule;
        if self.scenes.len() <= STEPS {
            let weight = self.scenes.len() as f64 / STEPS as f64;
            let choices = pool.choices(rule, weight);
            let best = pool.best(QueryRule::Carrot, weight);
            let [own, bound] = [&choices, &best].map(|c| pool.outcome(c));
            self.scenes.push(Scene {
                at: weight,
                choices: choices.into(),
                best: best.into(),
                regret: worth(bound, weight) - worth(own, weight),
            });
            self.swept[0].push(own);
            self.swept[1].push(bound);
            self.pool = Some(pool);
            return Ok(None);
        }
        Ok(Some(self.facts(&pool)))
    }

    fn progress(&self) -> f64 {
        self.scenes.len() as f64 / (STEPS + 2) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts_of;
    use super::*;

    fn pool(config: &Config) -> Pool {
        let mut work = Gathering::new(config);
        loop {
            if let Some(pool) = work.step() {
                return pool;
            }
        }
    }

    fn mean_regret(config: &Config) -> f64 {
        facts_of(&mut PoolWork::new(config)).regret
    }

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
        let pool = pool(&config);
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
        let pool = pool(&config);
        assert_eq!(mean_regret(&config), 0.0);
        assert!(pool.choices(QueryRule::Carrot, 1.0).iter().all(|m| *m == 0));
        let noisy = Config {
            estimate: Estimate::Noisy,
            estimate_noise: 0.3,
            ..config
        };
        assert!(mean_regret(&noisy) > 0.005);
    }

    #[test]
    fn a_step_draws_only_so_many_and_slices_change_no_bit() {
        for estimate in [Estimate::Perfect, Estimate::Noisy, Estimate::Neighbours] {
            let config = Config {
                estimate,
                queries: 1300,
                training_queries: 3000,
                ..Config::default()
            };
            let gathered = |most: usize| {
                let mut work = Gathering {
                    most,
                    ..Gathering::new(&config)
                };
                let mut before = 0;
                loop {
                    if let Some(pool) = work.step() {
                        break format!("{pool:?}");
                    }
                    let pool = &work.pool;
                    let done = pool.queries.len() + work.answered + pool.estimates.len();
                    assert!(done - before <= most, "{estimate:?}: {}", done - before);
                    before = done;
                }
            };
            let whole = gathered(usize::MAX);
            assert_eq!(whole, gathered(QUERIES), "{estimate:?}");
            assert_eq!(whole, gathered(7), "{estimate:?}");
        }
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
