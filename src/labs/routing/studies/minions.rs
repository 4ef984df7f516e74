//! Minions (arXiv 2502.15964): a small model on the device reads a long document, a remote one is paid
//! for by the token. They chat, or the remote one cuts the work into short jobs over chunks of the
//! document and reads only what the jobs report. A calculator on stated assumptions, checked by
//! draws: no language model runs.

use super::super::config::Config;
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, SeriesKind, num, stats};

/// Numbers of chunks compared.
const CHUNKS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Queries drawn for each.
const QUERIES: usize = 1000;
/// Queries drawn in a step.
const SLICE: usize = 50;
/// Facts that an answer needs, each somewhere in the document.
const NEEDS: usize = 2;
/// Chance of the device's model to find a fact in a very short text.
const SHORT: f64 = 0.95;
/// Chance that it reports something where nothing is to be found.
const FALSE_ALARM: f64 = 0.1;
/// Chance that such a report misleads the remote model.
const MISLED: f64 = 0.01;
/// Tokens of a report, and of what else the remote model reads and writes in a round.
const REPORT: f64 = 100.0;
const ROUND: f64 = 500.0;
/// Rounds of the chat.
const ROUNDS: usize = 3;
/// Queries drawn in the picture.
const SHOWN: usize = 4;

/// What the device reads and how well.
#[derive(Clone, Copy)]
struct Device {
    /// Tokens of the document.
    document: f64,
    /// Tokens of text at which its chance has halved.
    half: f64,
    /// Samples of each job.
    samples: usize,
}

impl Device {
    /// Chance to find a fact in a text of so many tokens.
    fn finds(self, tokens: f64) -> f64 {
        SHORT / (1.0 + tokens / self.half)
    }

    /// Expected share of right answers over those of the remote model alone, and tokens it handles:
    /// n chunks, s samples. ((1 - (1 - p)^s) (1 - f m)^((n - 1) s))^needs, and
    /// round + needs · report · s (p + f (n - 1)).
    fn jobs(self, chunks: usize) -> [f64; 2] {
        let (p, s) = (
            self.finds(self.document / chunks as f64),
            self.samples as f64,
        );
        let others = (chunks - 1) as f64;
        let covered = 1.0 - num::pow(1.0 - p, s);
        let trusted = num::pow(1.0 - FALSE_ALARM * MISLED, others * s);
        let reports = s * (p + FALSE_ALARM * others);
        [
            num::pow(covered * trusted, NEEDS as f64),
            ROUND + NEEDS as f64 * REPORT * reports,
        ]
    }

    /// The same of a chat, in which the device reads the whole document in every round.
    fn chat(self) -> [f64; 2] {
        let missed = num::pow(1.0 - self.finds(self.document), ROUNDS as f64);
        let rounds = ROUNDS as f64 * (ROUND + NEEDS as f64 * REPORT);
        [num::pow(1.0 - missed, NEEDS as f64), rounds]
    }

    /// Tokens of the remote model alone.
    fn alone(self) -> f64 {
        self.document + ROUND
    }
}

/// What became of a query: of each fact its chunk, and the samples that report something by chunk.
struct Drawn {
    facts: Vec<(usize, Vec<usize>)>,
    right: bool,
    tokens: f64,
}

fn draw(device: Device, chunks: usize, stream: &mut Stream) -> Drawn {
    let p = device.finds(device.document / chunks as f64);
    let (mut right, mut reports) = (true, 0);
    let facts = (0..NEEDS)
        .map(|_| {
            let own = stream.below(chunks as u32) as usize;
            let mut by_chunk = vec![0; chunks];
            for (chunk, count) in by_chunk.iter_mut().enumerate() {
                let chance = if chunk == own { p } else { FALSE_ALARM };
                for _ in 0..device.samples {
                    let says = stream.uniform() < chance;
                    *count += usize::from(says);
                    // What is not to be found there may be believed.
                    right &= !(says && chunk != own && stream.uniform() < MISLED);
                }
            }
            right &= by_chunk[own] > 0;
            reports += by_chunk.iter().sum::<usize>();
            (own, by_chunk)
        })
        .collect();
    Drawn {
        facts,
        right,
        tokens: ROUND + REPORT * reports as f64,
    }
}

pub(super) struct Minions {
    device: Device,
    stream: Stream,
    /// Right answers and tokens of the queries drawn, by the number of chunks.
    drawn: Vec<[f64; 2]>,
    queries: usize,
    scenes: Vec<Scene>,
}

impl Minions {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            device: Device {
                document: config.document_tokens as f64,
                half: config.half_length as f64,
                samples: config.samples as usize,
            },
            stream: Stream::new(config.seed, StreamId::Data).replicate(144),
            drawn: vec![[0.0; 2]],
            queries: 0,
            scenes: Vec::new(),
        }
    }

    fn scene(&mut self, chunks: usize) -> Scene {
        let columns = CHUNKS[CHUNKS.len() - 1];
        let wide = columns / chunks;
        let samples = self.device.samples as f32;
        let mut rows = Vec::new();
        for query in 0..SHOWN {
            let drawn = draw(self.device, chunks, &mut self.stream);
            for (i, (own, by_chunk)) in drawn.facts.iter().enumerate() {
                rows.push(Row {
                    name: format!("query {}, fact {}", query + 1, i + 1),
                    cells: (0..columns)
                        .map(|c| by_chunk[c / wide] as f32 / samples)
                        .collect(),
                    right: (own * wide..(own + 1) * wide).map(|c| c as u16).collect(),
                    value: by_chunk.iter().sum::<usize>() as f64,
                });
            }
        }
        Scene {
            at: chunks as f64,
            rows,
        }
    }

    /// Share of right answers and tokens, drawn, for each number of chunks.
    fn measured(&self) -> Vec<[f64; 2]> {
        let mean = |d: &[f64; 2]| d.map(|v| v / QUERIES as f64);
        self.drawn.iter().take(CHUNKS.len()).map(mean).collect()
    }
}

impl Slices for Minions {
    fn slice(&mut self) -> bool {
        let at = self.drawn.len() - 1;
        let chunks = CHUNKS[at];
        if self.queries == 0 {
            let scene = self.scene(chunks);
            self.scenes.push(scene);
        }
        for _ in 0..SLICE {
            let drawn = draw(self.device, chunks, &mut self.stream);
            self.drawn[at][0] += f64::from(u8::from(drawn.right));
            self.drawn[at][1] += drawn.tokens;
        }
        self.queries += SLICE;
        if self.queries < QUERIES {
            return false;
        }
        self.queries = 0;
        if at + 1 == CHUNKS.len() {
            return true;
        }
        self.drawn.push([0.0; 2]);
        false
    }

    fn progress(&self) -> f64 {
        let done = (self.drawn.len() - 1) * QUERIES + self.queries;
        done as f64 / (CHUNKS.len() * QUERIES) as f64
    }

    fn findings(&mut self) -> Findings {
        let (device, measured) = (self.device, self.measured());
        let qualities: Vec<f64> = measured.iter().map(|m| m[0]).collect();
        let best = stats::descending(&qualities).first().copied().unwrap_or(0);
        let [quality, tokens] = measured[best];
        let chat = device.chat();
        let alone = device.alone();
        let off = measured
            .iter()
            .zip(CHUNKS)
            .map(|(m, n)| (m[0] - device.jobs(n)[0]).abs());
        let off = 100.0 * off.fold(0.0, f64::max);
        Findings {
            axis: ["chunks", "twice as many chunks"],
            summary: format!(
                "With {} chunks the jobs answer {:.1} % of what the remote model alone does for 1/{:.1} of its tokens; the chat {:.1} % for 1/{:.1}.",
                CHUNKS[best],
                100.0 * quality,
                alone / tokens,
                100.0 * chat[0],
                alone / chat[1],
            ),
            metrics: metrics(
                [quality, chat[0]].map(|q| 100.0 * q),
                [alone / tokens, alone / chat[1]],
                CHUNKS[best] as f64,
                off,
            ),
            charts: charts(device, &measured),
            sheet: Sheet {
                name: "Jobs over the chunks of a document",
                caption: "left to right: the document; dark: samples that report the fact there; framed: the chunk that holds it; bar: reports the remote model reads",
                columns: (0..CHUNKS[CHUNKS.len() - 1])
                    .map(|c| format!("{} %", 100 * c / CHUNKS[CHUNKS.len() - 1]))
                    .collect(),
                group: 0,
                value: "reports",
                unit: "",
                scenes: std::mem::take(&mut self.scenes),
            },
        }
    }
}

fn metrics(quality: [f64; 2], cheaper: [f64; 2], chunks: f64, off: f64) -> Vec<Metric> {
    let new = Metric::new;
    vec![
        new(
            "jobs_quality",
            "Quality of jobs",
            "%",
            quality[0],
            Better::Higher,
            "Right answers with jobs over chunks, over those of the remote model alone, at the number of chunks that is best; drawn.",
        ),
        new(
            "jobs_cheaper",
            "Jobs are cheaper",
            "×",
            cheaper[0],
            Better::Higher,
            "Tokens that the remote model alone handles over those it handles with jobs, at the same number of chunks.",
        ),
        new(
            "best_chunks",
            "Best number of chunks",
            "",
            chunks,
            Better::Neither,
            "Where most answers are right: short texts are read well, but every chunk can report something false.",
        ),
        new(
            "chat_quality",
            "Quality of the chat",
            "%",
            quality[1],
            Better::Higher,
            "Right answers when the device reads the whole document in each of three rounds.",
        ),
        new(
            "chat_cheaper",
            "The chat is cheaper",
            "×",
            cheaper[1],
            Better::Higher,
            "Tokens that the remote model alone handles over those of the chat.",
        ),
        new(
            "formula_off",
            "Draws against the formula",
            "points",
            off,
            Better::Lower,
            "Largest difference of the share of right answers between 1,000 drawn queries and the formula.",
        ),
    ]
}

fn charts(device: Device, measured: &[[f64; 2]]) -> Vec<Chart> {
    let ends = [CHUNKS[0], CHUNKS[CHUNKS.len() - 1]].map(|c| c as f64);
    let over = |get: &dyn Fn(usize) -> f64| -> Vec<[f64; 2]> {
        let all = CHUNKS.iter().enumerate();
        all.map(|(i, &n)| [n as f64, get(i)]).collect()
    };
    let flat = |value: f64| ends.map(|x| [x, value]).to_vec();
    let (chat, alone) = (device.chat(), device.alone());
    let line = |samples: usize| -> Vec<[f64; 2]> {
        let own = Device { samples, ..device };
        let point = |n: &usize| {
            let [quality, tokens] = own.jobs(*n);
            [100.0 * tokens / alone, 100.0 * quality]
        };
        CHUNKS.iter().map(point).collect()
    };
    let mut frontier: Vec<Series> = [1, 2, 4]
        .map(|s| {
            let plural = if s == 1 { "" } else { "s" };
            Series::line(format!("jobs, {s} sample{plural}"), line(s))
        })
        .into();
    let dot = vec![[100.0 * chat[1] / alone, 100.0 * chat[0]]];
    frontier.push(Series::new("chat", SeriesKind::Points, dot));
    let dot = vec![[100.0, 100.0]];
    frontier.push(Series::new("remote model alone", SeriesKind::Points, dot).as_reference());
    vec![
        Chart {
            id: "quality",
            title: "Right answers",
            doc: "Right answers over those of the remote model alone, by the number of chunks: drawn queries, and the formula. More chunks are shorter and read better, until false reports mislead.",
            x: Axis::log("chunks", ""),
            y: Axis::zero_based("right answers", "%"),
            series: vec![
                Series::new(
                    "jobs, drawn",
                    SeriesKind::Points,
                    over(&|i| 100.0 * measured[i][0]),
                ),
                Series::line(
                    "jobs, formula",
                    over(&|i| 100.0 * device.jobs(CHUNKS[i])[0]),
                ),
                Series::line("chat", flat(100.0 * chat[0])),
                Series::line("remote model alone", flat(100.0)).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: true,
        },
        Chart {
            id: "tokens",
            title: "Tokens of the remote model",
            doc: "What the remote model reads and writes for a query: the whole document when alone, the reports of the jobs, or the messages of the chat.",
            x: Axis::log("chunks", ""),
            y: Axis::log("tokens", "per query"),
            series: vec![
                Series::new("jobs, drawn", SeriesKind::Points, over(&|i| measured[i][1])),
                Series::line("jobs, formula", over(&|i| device.jobs(CHUNKS[i])[1])),
                Series::line("chat", flat(chat[1])),
                Series::line("remote model alone", flat(alone)).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: true,
        },
        Chart {
            id: "frontier",
            title: "Quality against cost",
            doc: "Right answers against tokens, both over those of the remote model alone, along the numbers of chunks; with one, two and four samples a job.",
            x: Axis::log("tokens over the remote model's", "%"),
            y: Axis::zero_based("right answers", "%"),
            series: frontier,
            marks: Vec::new(),
            on_timeline: false,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Device = Device {
        document: 32_000.0,
        half: 16_000.0,
        samples: 2,
    };

    #[test]
    fn the_formula_at_one_chunk_is_two_looks_at_the_whole_document() {
        // p = 0.95 / (1 + 2), found in one of two looks, twice; no other chunk reports anything.
        let p = 0.95 / 3.0_f64;
        let found = 1.0 - (1.0 - p) * (1.0 - p);
        let [quality, tokens] = DEVICE.jobs(1);
        assert!((quality - found * found).abs() < 1e-12, "{quality}");
        assert!(
            (tokens - (500.0 + 200.0 * 2.0 * p)).abs() < 1e-9,
            "{tokens}"
        );
    }

    #[test]
    fn drawn_queries_agree_with_the_formula() {
        let mut stream = Stream::new(3, StreamId::Test);
        for chunks in [1, 8, 64] {
            let drawn: Vec<Drawn> = (0..4000)
                .map(|_| draw(DEVICE, chunks, &mut stream))
                .collect();
            let share =
                |of: &dyn Fn(&Drawn) -> f64| drawn.iter().map(of).sum::<f64>() / drawn.len() as f64;
            let [quality, tokens] = DEVICE.jobs(chunks);
            let right = share(&|d| f64::from(u8::from(d.right)));
            let error = (quality * (1.0 - quality) / 4000.0).sqrt();
            assert!(
                (right - quality).abs() < 4.0 * error,
                "{chunks}: {right} {quality}"
            );
            let found = share(&|d| d.tokens);
            assert!(
                (found / tokens - 1.0).abs() < 0.02,
                "{chunks}: {found} {tokens}"
            );
        }
    }
}
