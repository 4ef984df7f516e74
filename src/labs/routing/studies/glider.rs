//! Glider (arXiv 2410.07172): a global router that knows what the whole query is about, and a local
//! one that looks at each token. Queries are sequences of noisy tokens; a token's task is hardly
//! visible in the token, but plain in the mean of the sequence. Held-in queries have one task, the
//! others mix two that no single expert was trained for.

use super::super::config::Config;
use super::draw::{add, apply, distance, matrix, normals, unit};
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::gate;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Mark, Metric, Series, stats};

/// Experts, one for each held-in task.
const TASKS: usize = 8;
/// Width of a token, of an expert's output, tokens of a query, queries of a task or mixture.
const WIDTH: usize = 16;
const OUTPUT: usize = 4;
const TOKENS: usize = 32;
const QUERIES: usize = 6;
/// Experts that a token uses.
const CHOSEN: usize = 2;
/// Sharpness of the softmax over the chosen experts; scores are cosines.
const SHARPNESS: f64 = 8.0;
/// Steps of the weight of the global router.
const STEPS: usize = 20;

/// A token, the task it belongs to, and its right output.
struct Token {
    x: Vec<f64>,
    task: usize,
    y: Vec<f64>,
    /// Cosines with the gates of the experts.
    local: Vec<f64>,
}

struct Query {
    /// Row of the sheet: a held-in task, or a mixture.
    row: usize,
    tokens: Vec<Token>,
    /// Cosines of the query's embedding with those of the experts.
    global: Vec<f64>,
}

/// What a row got at a weight.
#[derive(Debug, Clone, Default)]
struct Outcome {
    weights: Vec<f64>,
    lost: f64,
    scale: f64,
    right: f64,
    tokens: f64,
}

pub(super) struct Glider {
    weight: f64,
    experts: Vec<Matrix>,
    queries: Vec<Query>,
    /// Outcomes of every row at each weight.
    swept: Vec<Vec<Outcome>>,
}

/// The second task of a mixture.
fn partner(task: usize) -> usize {
    (task + 3) % TASKS
}

/// Weights over the experts: the best few of β · global + (1 - β) · local, softmax over them.
fn weights(beta: f64, global: &[f64], local: &[f64]) -> Vec<f64> {
    let scores: Vec<f64> = (global.iter().zip(local))
        .map(|(g, l)| beta * g + (1.0 - beta) * l)
        .collect();
    let chosen = gate::top_k(&scores, CHOSEN);
    let sharp: Vec<f64> = chosen.iter().map(|&e| SHARPNESS * scores[e]).collect();
    let mut out = vec![0.0; scores.len()];
    for (&e, w) in chosen.iter().zip(gate::softmax(&sharp)) {
        out[e] = w;
    }
    out
}

impl Glider {
    pub(super) fn new(config: &Config) -> Self {
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(81);
        let scale = 1.0 / (WIDTH as f64).sqrt();
        let experts: Vec<Matrix> = (0..TASKS)
            .map(|_| matrix(OUTPUT, WIDTH, scale, &mut draw))
            .collect();
        // A task's mean is its instruction: the embedding of the expert trained on it, and the
        // direction that a gate learns to tell its tokens by.
        let means: Vec<Vec<f64>> = (0..TASKS)
            .map(|_| unit(&normals(WIDTH, 1.0, &mut draw)))
            .collect();
        let mut noise = Stream::new(config.seed, StreamId::Noise).replicate(82);
        let spread = config.token_noise * scale;
        let queries = (0..2 * TASKS * QUERIES).map(|q| {
            let row = q / QUERIES;
            let task = row % TASKS;
            let tokens: Vec<Token> = (0..TOKENS)
                .map(|t| {
                    let mixed = row >= TASKS && t % 2 == 1;
                    let task = if mixed { partner(task) } else { task };
                    let mut x = normals(WIDTH, spread, &mut noise);
                    add(&mut x, 1.0, &means[task]);
                    let direction = unit(&x);
                    Token {
                        y: apply(&experts[task], &x),
                        local: means.iter().map(|m| dot(m, &direction)).collect(),
                        task,
                        x,
                    }
                })
                .collect();
            let mut mean = vec![0.0; WIDTH];
            for t in &tokens {
                add(&mut mean, 1.0 / TOKENS as f64, &t.x);
            }
            let mean = unit(&mean);
            Query {
                row,
                global: means.iter().map(|m| dot(m, &mean)).collect(),
                tokens,
            }
        });
        Self {
            weight: config.global_weight,
            queries: queries.collect(),
            experts,
            swept: Vec::new(),
        }
    }

    /// What every row gets at a weight of the global router.
    fn at(&self, beta: f64) -> Vec<Outcome> {
        let mut out = vec![
            Outcome {
                weights: vec![0.0; TASKS],
                ..Outcome::default()
            };
            2 * TASKS
        ];
        for q in &self.queries {
            let row = &mut out[q.row];
            for token in &q.tokens {
                let w = weights(beta, &q.global, &token.local);
                let mut made = vec![0.0; OUTPUT];
                for (expert, &w) in self.experts.iter().zip(&w).filter(|(_, w)| **w > 0.0) {
                    add(&mut made, w, &apply(expert, &token.x));
                }
                row.lost += distance(&made, &token.y);
                row.scale += dot(&token.y, &token.y);
                row.right += f64::from(u8::from(gate::argmax(&w) == token.task));
                row.tokens += 1.0;
                add(&mut row.weights, 1.0, &w);
            }
        }
        out
    }

    fn rows(outcomes: &[Outcome]) -> Vec<Row> {
        let rows = outcomes.iter().enumerate();
        rows.map(|(i, o)| {
            let task = i % TASKS;
            let held_in = i < TASKS;
            Row {
                name: if held_in {
                    format!("task {task}")
                } else {
                    format!("tasks {task} and {}", partner(task))
                },
                cells: o.weights.iter().map(|w| (w / o.tokens) as f32).collect(),
                right: if held_in {
                    vec![task as u16]
                } else {
                    vec![task as u16, partner(task) as u16]
                },
                value: error(std::slice::from_ref(o)),
            }
        })
        .collect()
    }
}

/// Squared error over the squared size of what is right, in per cent.
fn error(of: &[Outcome]) -> f64 {
    let sum = |f: fn(&Outcome) -> f64| of.iter().map(f).sum::<f64>();
    let (lost, scale) = (sum(|o| o.lost), sum(|o| o.scale));
    100.0 * lost / scale
}

/// Share of the tokens whose first expert is the right one, in per cent.
fn right(of: &[Outcome]) -> f64 {
    let shares: Vec<f64> = of.iter().map(|o| o.right / o.tokens).collect();
    100.0 * stats::mean(&shares)
}

fn beta(step: usize) -> f64 {
    step as f64 / STEPS as f64
}

impl Slices for Glider {
    fn slice(&mut self) -> bool {
        if self.swept.len() <= STEPS {
            self.swept.push(self.at(beta(self.swept.len())));
        }
        self.swept.len() > STEPS
    }

    fn progress(&self) -> f64 {
        self.swept.len() as f64 / (STEPS + 1) as f64
    }

    fn findings(&mut self) -> Findings {
        let own = self.at(self.weight);
        let swept = |of: fn(&[Outcome]) -> f64, rows: std::ops::Range<usize>| -> Vec<[f64; 2]> {
            let all = self.swept.iter().enumerate();
            all.map(|(i, o)| [beta(i), of(&o[rows.clone()])]).collect()
        };
        let (held_in, mixed) = (0..TASKS, TASKS..2 * TASKS);
        let chart = |id, title, doc, y: &'static str, of: fn(&[Outcome]) -> f64| Chart {
            id,
            title,
            doc,
            x: Axis::linear("weight of the global router β", ""),
            y: Axis::zero_based(y, "%"),
            series: vec![
                Series::line("held-in tasks", swept(of, held_in.clone())),
                Series::line("mixtures of two", swept(of, mixed.clone())),
            ],
            marks: vec![Mark {
                x: self.weight,
                label: "this setup".to_owned(),
            }],
            on_timeline: true,
        };
        let (none, all) = (&self.swept[0], &self.swept[STEPS]);
        let new = Metric::new;
        let metrics = vec![
            new(
                "held_in_error",
                "Error on held-in tasks",
                "%",
                error(&own[held_in.clone()]),
                Better::Lower,
                "Squared error over the squared size of the right output, on queries of one task, at the setup's weight of the global router.",
            ),
            new(
                "mixture_error",
                "Error on mixtures",
                "%",
                error(&own[mixed.clone()]),
                Better::Lower,
                "The same on queries that mix two tasks.",
            ),
            new(
                "held_in_error_local",
                "Held-in error, tokens alone",
                "%",
                error(&none[held_in.clone()]),
                Better::Neither,
                "Held-in tasks routed token by token (β = 0).",
            ),
            new(
                "mixture_error_local",
                "Mixture error, tokens alone",
                "%",
                error(&none[mixed.clone()]),
                Better::Neither,
                "Mixtures routed token by token (β = 0).",
            ),
            new(
                "held_in_error_global",
                "Held-in error, query alone",
                "%",
                error(&all[held_in.clone()]),
                Better::Neither,
                "Held-in tasks routed by the query's embedding alone (β = 1).",
            ),
            new(
                "mixture_error_global",
                "Mixture error, query alone",
                "%",
                error(&all[mixed.clone()]),
                Better::Neither,
                "Mixtures routed by the query's embedding alone (β = 1).",
            ),
            new(
                "held_in_right",
                "Right expert, held-in",
                "%",
                right(&own[held_in.clone()]),
                Better::Higher,
                "Tokens of held-in tasks whose first expert is the one trained on their task.",
            ),
            new(
                "mixture_right",
                "Right expert, mixtures",
                "%",
                right(&own[mixed.clone()]),
                Better::Higher,
                "Tokens of mixtures whose first expert is the one trained on their task.",
            ),
        ];
        let charts = vec![
            chart(
                "error",
                "Error by weight of the global router",
                "Relative squared error of the outputs as the weight moves from each token's own score (0) to the query's (1).",
                "error",
                error,
            ),
            chart(
                "right",
                "Right expert",
                "Tokens whose first expert is the one trained on their task.",
                "tokens",
                right,
            ),
        ];
        let scenes = self.swept.iter().enumerate().map(|(i, o)| Scene {
            at: beta(i),
            rows: Self::rows(o),
        });
        Findings {
            axis: ["weight of the global router β", "0.05 of the weight"],
            summary: format!(
                "At β {}: error {:.1} % on held-in tasks and {:.1} % on mixtures, against {:.1} % and {:.1} % token by token.",
                self.weight, metrics[0].value, metrics[1].value, metrics[2].value, metrics[3].value
            ),
            sheet: Sheet {
                name: "Tasks and their experts",
                caption: "dark: weight of the expert; framed: trained on the task; bar: error",
                columns: (0..TASKS).map(|e| format!("expert {e}")).collect(),
                group: 0,
                value: "error",
                unit: "%",
                scenes: scenes.collect(),
            },
            metrics,
            charts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_blends_the_query_with_the_token() {
        let (global, local) = ([0.9, 0.1, 0.0], [0.0, 0.2, 0.6]);
        assert_eq!(gate::argmax(&weights(1.0, &global, &local)), 0);
        assert_eq!(gate::argmax(&weights(0.0, &global, &local)), 2);
        let w = weights(0.5, &global, &local);
        // Scores 0.45, 0.15, 0.3: the first and third, e^(8 · 0.15) to 1.
        let ratio = crate::core::num::exp(SHARPNESS * 0.15);
        assert!((w[0] - ratio / (1.0 + ratio)).abs() < 1e-12, "{w:?}");
        assert_eq!(w[1], 0.0);
    }

    #[test]
    fn without_noise_tokens_alone_find_their_expert_and_the_query_cannot_split_a_mixture() {
        let config = Config {
            token_noise: 0.0,
            ..Config::default()
        };
        let glider = Glider::new(&config);
        let [none, all] = [0.0, 1.0].map(|beta| glider.at(beta));
        assert_eq!(right(&none), 100.0);
        assert_eq!(right(&all[..TASKS]), 100.0);
        assert!(right(&all[TASKS..]) < 60.0, "{}", right(&all[TASKS..]));
        assert!(error(&none[TASKS..]) < error(&all[TASKS..]));
    }
}
