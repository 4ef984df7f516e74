//! APTP ("Not All Prompts Are Made Equal", arXiv 2406.12042): a router sends prompts to architecture
//! codes of different cost. Codes are pulled to the prompts assigned to them; optimal transport
//! assigns them so that every code gets its share, and the shares keep to a budget. Beside it the
//! same with every prompt assigned to its nearest code.

use super::super::config::{Config, QueryRule};
use super::super::rules::gate;
use super::super::rules::load::mutual_information;
use super::super::rules::matrix::{Matrix, dot};
use super::super::rules::sinkhorn::LogDomain;
use super::pool::{COSTS, QUALITIES, SHARPNESS, TOPICS, skill};
use super::run::{Curve, Facts, Scene};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Better, Metric, num, stats};

const CODES: usize = COSTS.len();
/// Buckets of hashed character trigrams.
const WIDTH: usize = 64;
/// Prompts from which codes learn.
const LEARNT: usize = 320;
/// Rounds of assigning and pulling, and the rate of the pull.
const ROUNDS: usize = 24;
const RATE: f64 = 2.0;
/// Temperature of the similarity, and of the transport.
const TAU: f64 = 0.1;
const EPSILON: f64 = 0.05;
/// Passes of the transport, and what a right answer counts beside the similarity.
const PASSES: usize = 12;
const RIGHT: f64 = 0.5;
/// Budgets swept: in eighths of the codes' mean cost.
const BUDGETS: usize = 22;
/// Share of the prompts below which a code counts as unused.
const UNUSED: f64 = 0.02;

/// Nouns by topic, and other words.
const NOUNS: [[&str; 6]; TOPICS] = [
    ["fox", "bird", "horse", "tiger", "rabbit", "whale"],
    ["castle", "tower", "bridge", "temple", "harbour", "market"],
    [
        "teacup", "lantern", "violin", "clock", "bicycle", "umbrella",
    ],
    ["mountain", "forest", "river", "desert", "glacier", "meadow"],
];
const ADJECTIVES: [&str; 8] = [
    "red", "ancient", "golden", "tiny", "misty", "broken", "silver", "quiet",
];
const STYLES: [&str; 4] = ["oil painting", "photograph", "ink drawing", "pixel art"];

/// A prompt, what it is about, and what every code makes of it.
#[derive(Debug, Clone)]
struct Prompt {
    text: String,
    topic: usize,
    /// Things to draw, from 0 for one to 1 for five.
    difficulty: f64,
    embedding: Vec<f64>,
}

/// Text of so many things of a topic.
fn words(topic: usize, things: usize, draw: &mut Stream) -> String {
    let nouns = NOUNS[topic];
    let mut pick = |list: &[&'static str]| list[draw.below(list.len() as u32) as usize];
    let parts: Vec<String> = (0..things)
        .map(|_| format!("a {} {}", pick(&ADJECTIVES), pick(&nouns)))
        .collect();
    format!("{}, {}", parts.join(" and "), pick(&STYLES))
}

/// Hashed character trigrams, of unit length (FNV-1a modulo the width).
fn embed(text: &str) -> Vec<f64> {
    let mut out = vec![0.0; WIDTH];
    for gram in text.as_bytes().windows(3) {
        let hash = gram.iter().fold(0x811c_9dc5_u32, |h, b| {
            (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        });
        out[hash as usize % WIDTH] += 1.0;
    }
    let norm = dot(&out, &out).sqrt().max(1e-12);
    out.iter().map(|v| v / norm).collect()
}

fn draw(config: &Config, replicate: u32, count: usize) -> Vec<Prompt> {
    let mut stream = Stream::new(config.seed, StreamId::Data).replicate(replicate);
    (0..count)
        .map(|_| {
            let topic = stream.below(TOPICS as u32) as usize;
            let things = 1 + stream.below(5) as usize;
            let text = words(topic, things, &mut stream);
            Prompt {
                embedding: embed(&text),
                difficulty: (things - 1) as f64 / 4.0,
                topic,
                text,
            }
        })
        .collect()
}

/// Shares of the codes that keep to a mean cost: proportional to exp(-λ cost), λ by bisection.
/// Returns them with the price λ.
fn shares(budget: f64) -> ([f64; CODES], f64) {
    let at = |price: f64| -> [f64; CODES] {
        let weights = gate::softmax(&COSTS.map(|c| -price * c));
        let mut out = [0.0; CODES];
        out.copy_from_slice(&weights);
        out
    };
    let (mut low, mut high) = (-200.0, 200.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if dot(&at(middle), &COSTS) > budget {
            low = middle;
        } else {
            high = middle;
        }
    }
    let price = 0.5 * (low + high);
    (at(price), price)
}

/// Prototypes of the codes with a bias each.
#[derive(Debug, Clone)]
struct Codebook {
    rows: Vec<Vec<f64>>,
    bias: [f64; CODES],
}

impl Codebook {
    fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed, StreamId::Weights).replicate(74);
        let row = |stream: &mut Stream| -> Vec<f64> {
            let row: Vec<f64> = (0..WIDTH).map(|_| stream.normal()).collect();
            let norm = dot(&row, &row).sqrt();
            row.iter().map(|v| v / norm).collect()
        };
        Self {
            rows: (0..CODES).map(|_| row(&mut stream)).collect(),
            bias: [0.0; CODES],
        }
    }

    fn logits(&self, x: &[f64]) -> Vec<f64> {
        let all = self.rows.iter().zip(self.bias);
        all.map(|(row, b)| dot(row, x) / TAU + b).collect()
    }

    fn nearest(&self, x: &[f64]) -> usize {
        gate::argmax(&self.logits(x))
    }

    /// One step down the cross-entropy between an assignment (rows of sum 1) and the softmax of the
    /// logits; the step of a prototype leaves out the factor 1/τ.
    fn pull(&mut self, prompts: &[Prompt], assigned: &Matrix) {
        let n = prompts.len() as f64;
        let mut step = vec![vec![0.0; WIDTH]; CODES];
        let mut by_bias = [0.0; CODES];
        for (i, prompt) in prompts.iter().enumerate() {
            let p = gate::softmax(&self.logits(&prompt.embedding));
            for m in 0..CODES {
                let gap = (assigned.at(i, m) - p[m]) / n;
                by_bias[m] += gap;
                for (s, v) in step[m].iter_mut().zip(&prompt.embedding) {
                    *s += gap * v;
                }
            }
        }
        for ((row, bias), (step, gap)) in self
            .rows
            .iter_mut()
            .zip(&mut self.bias)
            .zip(step.iter().zip(by_bias))
        {
            for (w, s) in row.iter_mut().zip(step) {
                *w += RATE * s;
            }
            *bias += RATE * gap;
        }
    }
}

/// Codes in training, one budget after the other.
pub(super) struct Codes {
    config: Config,
    skills: [f64; CODES],
    known: Vec<Prompt>,
    asked: Vec<Prompt>,
    /// Whether each code answers each known prompt right.
    right: Vec<[f64; CODES]>,
    /// By transport, and by the nearest.
    books: [Codebook; 2],
    round: usize,
    scenes: Vec<[Trained; 2]>,
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
        let known = draw(config, 75, LEARNT);
        let skills = QUALITIES.map(skill);
        let mut coin = Stream::new(config.seed, StreamId::Policy).replicate(76);
        let right = known
            .iter()
            .map(|p| quality(&skills, p, None).map(|q| f64::from(u8::from(coin.uniform() < q))))
            .collect();
        Self {
            asked: draw(config, 77, config.queries as usize),
            config: config.clone(),
            skills,
            known,
            right,
            books: [Codebook::new(config.seed), Codebook::new(config.seed)],
            round: 0,
            scenes: Vec::new(),
        }
    }

    /// What a known prompt is worth to each code: similarity, and whether its answer is right.
    fn values(&self, book: &Codebook, price: f64) -> Matrix {
        Matrix::from_fn(self.known.len(), CODES, |i, m| {
            let near = dot(&book.rows[m], &self.known[i].embedding);
            near + RIGHT * self.right[i][m] - EPSILON * price * COSTS[m]
        })
    }

    /// One round of assigning and pulling of both codebooks; `true` when all budgets are done.
    pub(super) fn step(&mut self) -> bool {
        let (wanted, price) = shares(budget(self.scenes.len()));
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
            let trained = [0, 1].map(|b| self.trained(&self.books[b]));
            self.scenes.push(trained);
            self.round = 0;
            let seed = self.config.seed;
            self.books = [Codebook::new(seed), Codebook::new(seed)];
        }
        self.scenes.len() == BUDGETS
    }

    fn trained(&self, book: &Codebook) -> Trained {
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

    pub(super) fn progress(&self) -> f64 {
        let done = self.scenes.len() * ROUNDS + self.round;
        done as f64 / (BUDGETS * ROUNDS) as f64
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

    /// With hindsight: the codes of largest quality less price × cost, the price such that the mean
    /// cost is not above `cost`.
    fn hindsight(&self, trained: &Trained, cost: f64) -> Vec<u8> {
        let at = |price: f64| -> Vec<u8> {
            let all = self.asked.iter().map(|p| {
                let q = self.quality(p, trained);
                let worth: Vec<f64> = (0..CODES).map(|m| q[m] - price * COSTS[m]).collect();
                gate::argmax(&worth) as u8
            });
            all.collect()
        };
        let (mut low, mut high) = (0.0, 64.0);
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if self.outcome(trained, &at(middle))[0] > cost {
                low = middle;
            } else {
                high = middle;
            }
        }
        at(high)
    }

    /// Everything measured.
    pub(super) fn facts(&self) -> Facts {
        let shown = usize::from(self.config.query_rule == QueryRule::CodesNearest);
        let n = self.asked.len();
        let swept = |b: usize| -> Vec<[f64; 2]> {
            let all = self.scenes.iter();
            all.map(|s| self.outcome(&s[b], &s[b].choices)).collect()
        };
        let mut scenes = Vec::with_capacity(BUDGETS);
        let mut best = Vec::with_capacity(BUDGETS);
        for (i, scene) in self.scenes.iter().enumerate() {
            let trained = &scene[shown];
            let own = self.outcome(trained, &trained.choices);
            let hindsight = self.hindsight(trained, own[0]);
            let bound = self.outcome(trained, &hindsight);
            best.push(bound);
            scenes.push(Scene {
                at: budget(i),
                choices: trained.choices.clone().into(),
                best: hindsight.into(),
                regret: bound[1] - own[1],
            });
        }
        // The same shares of the codes, dealt out at random.
        let random = self.scenes.iter().enumerate().map(|(i, s)| {
            let mut dealt = s[0].choices.clone();
            Stream::new(self.config.seed, StreamId::Policy)
                .step(i as u32)
                .replicate(78)
                .shuffle(&mut dealt);
            self.outcome(&s[0], &dealt)
        });
        let curves = vec![
            Curve::line("with true qualities", best),
            Curve::line("codes by transport", swept(0)),
            Curve::line("nearest code", swept(1)),
            Curve::line("the same shares at random", random.collect()),
        ];
        // Qualities as at the middle budget, where every code is to get the same share.
        let middle = &self.scenes[EVEN][shown];
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
            for &m in &self.scenes[EVEN][b].choices {
                counts[usize::from(m)] += 1.0 / n;
            }
            counts.iter().filter(|s| **s >= UNUSED).count() as f64
        };
        let told = |b: usize| {
            let mut joint = vec![vec![0.0; CODES]; TOPICS];
            for (p, &m) in self.asked.iter().zip(&self.scenes[EVEN][b].choices) {
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

/// Index of the budget at which all codes get the same share.
const EVEN: usize = 7;

/// σ(6 (s_m - d + bonus)), as in the pool; a code trained on topics has a bonus for them, in
/// proportion to their share beyond an even one.
fn quality(
    skills: &[f64; CODES],
    prompt: &Prompt,
    trained: Option<(&Vec<Vec<f64>>, f64)>,
) -> [f64; CODES] {
    let mut out = [0.0; CODES];
    for (m, q) in out.iter_mut().enumerate() {
        let bonus = trained.map_or(0.0, |(topics, full)| {
            let share = topics[m].get(prompt.topic).copied();
            let even = 1.0 / TOPICS as f64;
            share.map_or(0.0, |s| full * (s - even) / (1.0 - even))
        });
        *q = num::sigmoid(SHARPNESS * (skills[m] - prompt.difficulty + bonus));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_prompt_is_its_trigrams() {
        let x = embed("a red fox");
        assert!((dot(&x, &x) - 1.0).abs() < 1e-12);
        assert_eq!(x, embed("a red fox"));
        let near = dot(&x, &embed("a red bird"));
        assert!(near > dot(&x, &embed("golden lantern")), "{near}");
    }

    #[test]
    fn transport_fills_the_shares_where_the_nearest_does_not() {
        let config = Config {
            queries: 100,
            query_rule: QueryRule::Codes,
            ..Config::default()
        };
        let codes = Codes::new(&config);
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
        let mut codes = Codes::new(&config);
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
