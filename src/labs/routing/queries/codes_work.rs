//! Codes in training at one budget after the other, and what they are worth beside hindsight.

use super::super::config::{Config, QueryRule};
use super::super::fill::slice;
use super::super::rules::load::mutual_information;
use super::super::rules::sinkhorn::LogDomain;
use super::Asking;
use super::codes::{CODES, Codebook, LEARNT, Prompt, draw, quality, shares};
use super::pool::{COSTS, QUALITIES, TOPICS, skill};
use super::run::{Curve, Facts, Scene};
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric, Result, num, stats};

/// Rounds of assigning and pulling.
const ROUNDS: usize = 24;
/// Temperature and passes of the transport, and what a right answer counts beside the similarity.
const EPSILON: f64 = 0.05;
const PASSES: usize = 12;
const RIGHT: f64 = 0.5;
/// Budgets swept: in eighths of the codes' mean cost.
const BUDGETS: usize = 22;
/// Index of the budget at which all codes get the same share.
const EVEN: usize = 7;
/// Share of the prompts below which a code counts as unused.
const UNUSED: f64 = 0.02;
/// Prompts drawn in a step.
const PROMPTS: usize = 200;
/// Halvings of the interval in which the price of hindsight is looked for.
const HALVINGS: usize = 24;

/// Codes in training, one budget after the other, then what they are worth.
pub(super) struct Codes {
    config: Config,
    skills: [f64; CODES],
    known: Vec<Prompt>,
    asked: Vec<Prompt>,
    /// From which the two are drawn, and whether a code answers a known prompt right.
    streams: [Stream; 2],
    coin: Stream,
    /// Whether each code answers each known prompt right.
    right: Vec<[f64; CODES]>,
    /// By transport, and by the nearest.
    books: [Codebook; 2],
    round: usize,
    trained: Vec<[Trained; 2]>,
    search: Option<Search>,
    scenes: Vec<Scene>,
    /// Cost and quality by transport, by the nearest, of the same shares at random, and with
    /// hindsight.
    swept: [Vec<[f64; 2]>; 4],
    /// Prompts drawn in a step.
    most: usize,
}

/// The search for the price at which hindsight costs no more than the codes, by bisection.
struct Search {
    low: f64,
    high: f64,
    halved: usize,
    /// Quality of every code on every prompt asked.
    qualities: Vec<[f64; CODES]>,
    /// Cost and quality of the codes.
    own: [f64; 2],
}

impl Search {
    /// The codes of largest quality less price × cost.
    fn at(&self, price: f64) -> Vec<u8> {
        let all = self.qualities.iter().map(|q| {
            let worth: Vec<f64> = (0..CODES).map(|m| q[m] - price * COSTS[m]).collect();
            gate::argmax(&worth) as u8
        });
        all.collect()
    }

    /// Halves the interval once; `true` when it is small enough.
    fn halve(&mut self) -> bool {
        if self.halved < HALVINGS {
            let middle = 0.5 * (self.low + self.high);
            let n = self.qualities.len() as f64;
            let costs = self.at(middle).into_iter().map(|m| COSTS[usize::from(m)]);
            let cost = costs.fold(0.0, |sum, c| sum + c / n);
            if cost > self.own[0] {
                self.low = middle;
            } else {
                self.high = middle;
            }
            self.halved += 1;
        }
        self.halved == HALVINGS
    }
}

/// A codebook at a budget, and where it sends the prompts asked.
#[derive(Debug, Clone)]
struct Trained {
    choices: Vec<u8>,
    /// Share of each topic among the known prompts of each code; empty for a code without any.
    topics: Vec<Vec<f64>>,
}

fn budget(i: usize) -> f64 {
    stats::mean(&COSTS) * (i + 1) as f64 / 8.0
}

impl Codes {
    pub(super) fn new(config: &Config) -> Self {
        let stream = |replicate| Stream::new(config.seed, StreamId::Data).replicate(replicate);
        Self {
            skills: QUALITIES.map(skill),
            known: Vec::with_capacity(LEARNT),
            asked: Vec::new(),
            streams: [stream(75), stream(77)],
            coin: Stream::new(config.seed, StreamId::Policy).replicate(76),
            right: Vec::new(),
            books: [Codebook::new(config.seed), Codebook::new(config.seed)],
            round: 0,
            trained: Vec::new(),
            search: None,
            scenes: Vec::new(),
            swept: Default::default(),
            most: PROMPTS,
            config: config.clone(),
        }
    }

    /// Draws the next prompts.
    fn gather(&mut self) {
        let mut at = self.known.len();
        if at < LEARNT {
            for _ in slice(&mut at, LEARNT, self.most) {
                let prompt = draw(&mut self.streams[0]);
                let coin = &mut self.coin;
                let right = quality(&self.skills, &prompt, None);
                self.right
                    .push(right.map(|q| f64::from(u8::from(coin.uniform() < q))));
                self.known.push(prompt);
            }
            return;
        }
        let (mut at, all) = (self.asked.len(), self.config.queries as usize);
        for _ in slice(&mut at, all, self.most) {
            self.asked.push(draw(&mut self.streams[1]));
        }
    }

    /// What a known prompt is worth to each code: similarity, and whether its answer is right.
    fn values(&self, book: &Codebook, price: f64) -> Matrix {
        Matrix::from_fn(self.known.len(), CODES, |i, m| {
            let near = dot(&book.rows[m], &self.known[i].embedding);
            near + RIGHT * self.right[i][m] - EPSILON * price * COSTS[m]
        })
    }

    /// One round of assigning and pulling of both codebooks.
    fn round(&mut self) {
        let (wanted, price) = shares(budget(self.trained.len()));
        let values = self.values(&self.books[0], 0.0);
        let mut transport = LogDomain::new(&values, EPSILON).with_columns(&wanted);
        for _ in 0..PASSES {
            transport.pass();
        }
        let n = self.known.len();
        let by_plan = transport.plan().map_rows(gate::normalised);
        let values = self.values(&self.books[1], price);
        let mut nearest = Matrix::zeros(n, CODES);
        for i in 0..n {
            nearest.data[i * CODES + gate::argmax(values.row(i))] = 1.0;
        }
        self.books[0].pull(&self.known, &by_plan);
        self.books[1].pull(&self.known, &nearest);
        self.round += 1;
        if self.round == ROUNDS {
            let trained = [0, 1].map(|b| self.send(&self.books[b]));
            self.trained.push(trained);
            self.round = 0;
            let seed = self.config.seed;
            self.books = [Codebook::new(seed), Codebook::new(seed)];
        }
    }

    /// Where a codebook sends the prompts asked.
    fn send(&self, book: &Codebook) -> Trained {
        let mut topics = vec![vec![0.0; TOPICS]; CODES];
        for p in &self.known {
            topics[book.nearest(&p.embedding)][p.topic] += 1.0;
        }
        for counts in &mut topics {
            let total: f64 = counts.iter().sum();
            if total < UNUSED * self.known.len() as f64 {
                counts.clear();
            } else {
                for c in counts.iter_mut() {
                    *c /= total;
                }
            }
        }
        Trained {
            choices: self
                .asked
                .iter()
                .map(|p| book.nearest(&p.embedding) as u8)
                .collect(),
            topics,
        }
    }

    /// Quality of every code on a prompt asked, after the training of a scene.
    fn quality(&self, prompt: &Prompt, trained: &Trained) -> [f64; CODES] {
        let full = self.config.specialisation;
        quality(&self.skills, prompt, Some((&trained.topics, full)))
    }

    fn outcome(&self, trained: &Trained, choices: &[u8]) -> [f64; 2] {
        let n = self.asked.len() as f64;
        let mut out = [0.0; 2];
        for (p, &m) in self.asked.iter().zip(choices) {
            out[0] += COSTS[usize::from(m)] / n;
            out[1] += self.quality(p, trained)[usize::from(m)] / n;
        }
        out
    }

    fn shown(&self) -> usize {
        usize::from(self.config.query_rule == QueryRule::CodesNearest)
    }

    /// What the codes of the next budget are worth, and the beginning of the search for hindsight.
    fn weigh(&mut self, i: usize) -> Search {
        let scene = &self.trained[i];
        // The same shares of the codes, dealt out at random.
        let mut dealt = scene[0].choices.clone();
        Stream::new(self.config.seed, StreamId::Policy)
            .step(i as u32)
            .replicate(78)
            .shuffle(&mut dealt);
        let outcomes = [
            self.outcome(&scene[0], &scene[0].choices),
            self.outcome(&scene[1], &scene[1].choices),
            self.outcome(&scene[0], &dealt),
        ];
        let shown = self.shown();
        let all = self.asked.iter();
        let search = Search {
            low: 0.0,
            high: 64.0,
            halved: 0,
            qualities: all.map(|p| self.quality(p, &scene[shown])).collect(),
            own: outcomes[shown],
        };
        for (list, own) in self.swept.iter_mut().zip(outcomes) {
            list.push(own);
        }
        search
    }

    /// Adds what the search found.
    fn adopt(&mut self, i: usize, search: &Search) {
        let trained = &self.trained[i][self.shown()];
        let hindsight = search.at(search.high);
        let bound = self.outcome(trained, &hindsight);
        self.scenes.push(Scene {
            at: budget(i),
            choices: trained.choices.clone().into(),
            best: hindsight.into(),
            regret: bound[1] - search.own[1],
        });
        self.swept[3].push(bound);
    }

    /// Everything measured.
    fn facts(&mut self) -> Facts {
        let (shown, n) = (self.shown(), self.asked.len());
        let scenes = std::mem::take(&mut self.scenes);
        let [transport, nearest, random, best] = std::mem::take(&mut self.swept);
        let curves = vec![
            Curve::line("with true qualities", best),
            Curve::line("codes by transport", transport),
            Curve::line("nearest code", nearest),
            Curve::line("the same shares at random", random),
        ];
        // Qualities as at the middle budget, where every code is to get the same share.
        let middle = &self.trained[EVEN][shown];
        Facts {
            models: (0..CODES)
                .map(|m| (format!("code {m}"), COSTS[m]))
                .collect(),
            positions: (0..n)
                .map(|i| {
                    // Five steps of difficulty; a fixed scatter within each.
                    let scatter = (i as f32 * 0.754_877_7).fract();
                    (self.asked[i].difficulty as f32 * 4.0 + scatter) / 5.0
                })
                .collect(),
            quality: self
                .asked
                .iter()
                .flat_map(|p| self.quality(p, middle))
                .collect(),
            regret: stats::mean(&scenes.iter().map(|s| s.regret).collect::<Vec<_>>()),
            scenes,
            curves,
            shown: 1 + shown,
            place: "things in the prompt, one to five",
            texts: self.asked.iter().map(|p| p.text.clone()).collect(),
            extra: self.numbers(),
            ..Facts::default()
        }
    }

    /// Codes in use, and what the code tells of the topic, at even shares.
    fn numbers(&self) -> Vec<Metric> {
        let n = self.asked.len() as f64;
        let used = |b: usize| {
            let mut counts = [0.0; CODES];
            for &m in &self.trained[EVEN][b].choices {
                counts[usize::from(m)] += 1.0 / n;
            }
            counts.iter().filter(|s| **s >= UNUSED).count() as f64
        };
        let told = |b: usize| {
            let mut joint = vec![vec![0.0; CODES]; TOPICS];
            for (p, &m) in self.asked.iter().zip(&self.trained[EVEN][b].choices) {
                joint[p.topic][usize::from(m)] += 1.0;
            }
            mutual_information(&joint) / num::ln(TOPICS as f64)
        };
        let doc = "Codes that get at least 2 % of the prompts where all are to get the same share.";
        let told_doc = "Mutual information of a prompt's topic and its code over the entropy of topics, at the same budget: 1 when the code tells the topic.";
        vec![
            Metric::new(
                "codes_used",
                "Codes used, transport",
                "",
                used(0),
                Better::Higher,
                doc,
            ),
            Metric::new(
                "codes_nearest",
                "Codes used, nearest",
                "",
                used(1),
                Better::Neither,
                doc,
            ),
            Metric::new(
                "topic_told",
                "Topic told, transport",
                "",
                told(0),
                Better::Higher,
                told_doc,
            ),
            Metric::new(
                "topic_nearest",
                "Topic told, nearest",
                "",
                told(1),
                Better::Neither,
                told_doc,
            ),
        ]
    }
}

impl Asking for Codes {
    fn step(&mut self) -> Result<Option<Facts>> {
        if self.known.len() < LEARNT || self.asked.len() < self.config.queries as usize {
            self.gather();
        } else if self.trained.len() < BUDGETS {
            self.round();
        } else if let Some(mut search) = self.search.take() {
            if search.halve() {
                self.adopt(self.scenes.len(), &search);
            } else {
                self.search = Some(search);
            }
        } else if self.scenes.len() < BUDGETS {
            self.search = Some(self.weigh(self.scenes.len()));
        } else {
            return Ok(Some(self.facts()));
        }
        Ok(None)
    }

    fn progress(&self) -> f64 {
        let rounds = self.trained.len() * ROUNDS + self.round;
        let trained = rounds as f64 / (BUDGETS * ROUNDS) as f64;
        0.9 * trained + 0.1 * self.scenes.len() as f64 / BUDGETS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(config: &Config) -> Codes {
        let mut codes = Codes::new(config);
        while codes.asked.len() < config.queries as usize {
            let before = codes.known.len() + codes.asked.len();
            codes.gather();
            let drawn = codes.known.len() + codes.asked.len() - before;
            assert!(drawn <= PROMPTS, "{drawn} prompts in a step");
        }
        codes
    }

    #[test]
    fn hindsight_is_looked_for_one_halving_a_step() {
        let config = Config {
            queries: 60,
            query_rule: QueryRule::Codes,
            ..Config::default()
        };
        let mut codes = gathered(&config);
        while codes.trained.is_empty() {
            codes.round();
        }
        let mut search = codes.weigh(0);
        let mut steps = 1;
        while !search.halve() {
            assert_eq!(search.halved, steps, "one at a time");
            steps += 1;
        }
        codes.adopt(0, &search);
        // As a plain search does it, every quality worked out anew.
        let trained = &codes.trained[0][0];
        let at = |price: f64| -> Vec<u8> {
            let all = codes.asked.iter().map(|p| {
                let q = codes.quality(p, trained);
                let worth: Vec<f64> = (0..CODES).map(|m| q[m] - price * COSTS[m]).collect();
                gate::argmax(&worth) as u8
            });
            all.collect()
        };
        let (mut low, mut high) = (0.0, 64.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if codes.outcome(trained, &at(middle))[0] > codes.swept[0][0][0] {
                low = middle;
            } else {
                high = middle;
            }
        }
        assert_eq!(codes.scenes[0].best[..], at(high)[..]);
        assert_eq!(codes.swept[3][0], codes.outcome(trained, &at(high)));
    }

    #[test]
    fn shares_keep_to_the_budget() {
        for i in 0..BUDGETS {
            let (shares, _) = shares(budget(i));
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((dot(&shares, &COSTS) - budget(i)).abs() < 1e-9, "{i}");
        }
        let (even, price) = shares(budget(EVEN));
        assert!(even.iter().all(|s| (s - 0.2).abs() < 1e-9) && price.abs() < 1e-6);
    }

    #[test]
    fn transport_fills_the_shares_where_the_nearest_does_not() {
        let config = Config {
            queries: 100,
            query_rule: QueryRule::Codes,
            ..Config::default()
        };
        let codes = gathered(&config);
        let values = codes.values(&codes.books[0], 0.0);
        let (wanted, _) = shares(budget(3));
        let mut transport = LogDomain::new(&values, EPSILON).with_columns(&wanted);
        for _ in 0..200 {
            transport.pass();
        }
        let plan = transport.plan();
        for (m, want) in wanted.iter().enumerate() {
            let sum: f64 = (0..LEARNT).map(|i| plan.at(i, m)).sum();
            assert!((sum - want).abs() < 1e-9, "{m}");
        }
    }

    #[test]
    fn pulling_moves_the_softmax_towards_the_assignment() {
        let config = Config {
            queries: 50,
            query_rule: QueryRule::Codes,
            ..Config::default()
        };
        let mut codes = gathered(&config);
        let mut assigned = Matrix::zeros(LEARNT, CODES);
        for i in 0..LEARNT {
            assigned.data[i * CODES + codes.known[i].topic] = 1.0;
        }
        let agree = |book: &Codebook, known: &[Prompt]| {
            known
                .iter()
                .filter(|p| book.nearest(&p.embedding) == p.topic)
                .count()
        };
        let known = codes.known.clone();
        let before = agree(&codes.books[0], &known);
        for _ in 0..60 {
            codes.books[0].pull(&known, &assigned);
        }
        let after = agree(&codes.books[0], &known);
        assert!(after > before && after > LEARNT / 2, "{before} {after}");
    }
}
