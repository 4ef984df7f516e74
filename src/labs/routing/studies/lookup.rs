//! STEM (arXiv 2601.10639): the up-projection of a gated feed-forward layer is replaced by a table
//! with a row for every token id, y = W_d (silu(W_g x) ⊙ U[id]). Nothing is routed: which row is read
//! is known with the text, so it can be fetched ahead. The text is a real one, word by word.

use super::super::config::Config;
use super::super::rules::cache;
use super::draw::{add, apply, distance, matrix, normals};
use super::run::Findings;
use super::sheet::{Row, Scene, Sheet};
use super::work::Slices;
use crate::core::matrix::{Matrix, dot};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Axis, Better, Chart, Metric, Series, num, stats};
use std::collections::BTreeMap;

/// Width of a token, hidden units of the layer.
const WIDTH: usize = 32;
const HIDDEN: usize = 64;
/// Hidden units drawn.
const DRAWN: usize = 24;
/// Words read, and words seen at once.
const WORDS: usize = 3000;
const SEEN: usize = 20;
/// Moments shown.
const SCENES: usize = 60;
/// Share of a word that comes from the one before it.
const CONTEXT: f64 = 0.5;
/// Moments at which distinct rows are counted.
const COUNTS: usize = 24;

/// "Alice's Adventures in Wonderland", first chapters: words as ids in order of first use.
fn words() -> (Vec<&'static str>, Vec<usize>) {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut names, mut text) = (Vec::new(), Vec::new());
    for word in crate::core::ALICE.split_whitespace() {
        let id = *ids.entry(word).or_insert_with(|| {
            names.push(word);
            names.len() - 1
        });
        text.push(id);
    }
    (names, text)
}

/// A layer with both kinds of up-projection.
struct Layer {
    gate: Matrix,
    down: Matrix,
    table: Matrix,
    dense: Matrix,
}

impl Layer {
    fn gated(&self, x: &[f64]) -> Vec<f64> {
        let g = apply(&self.gate, x);
        g.into_iter().map(|g| g * num::sigmoid(g)).collect()
    }

    /// silu(W_g x) ⊙ U[id].
    fn hidden(&self, x: &[f64], row: &[f64]) -> Vec<f64> {
        let gated = self.gated(x);
        gated.iter().zip(row).map(|(g, u)| g * u).collect()
    }

    fn output(&self, x: &[f64], row: &[f64]) -> Vec<f64> {
        apply(&self.down, &self.hidden(x, row))
    }
}

pub(super) struct Lookup {
    config: Config,
    names: Vec<&'static str>,
    /// Ids of the words read.
    text: Vec<usize>,
    layer: Layer,
    embeddings: Matrix,
    edited: usize,
    change: Vec<f64>,
    /// Relative change of each word's output: a row of the table edited, a row of the dense matrix.
    moved: Vec<[f64; 2]>,
}

impl Lookup {
    pub(super) fn new(config: &Config) -> Self {
        let (names, all) = words();
        let mut draw = Stream::new(config.seed, StreamId::Weights).replicate(120);
        let scale = |n: usize| 1.0 / (n as f64).sqrt();
        let layer = Layer {
            gate: matrix(HIDDEN, WIDTH, 1.5 * scale(WIDTH), &mut draw),
            down: matrix(WIDTH, HIDDEN, scale(HIDDEN), &mut draw),
            table: matrix(names.len(), HIDDEN, 1.0, &mut draw),
            dense: matrix(HIDDEN, WIDTH, scale(WIDTH), &mut draw),
        };
        let embeddings = matrix(names.len(), WIDTH, 1.0, &mut draw);
        let change = normals(HIDDEN, 1.0, &mut draw);
        // Another passage for every seed, round the end if need be.
        let from = Stream::new(config.seed, StreamId::Data)
            .replicate(121)
            .below(all.len() as u32) as usize;
        let text: Vec<usize> = (0..WORDS).map(|i| all[(from + i) % all.len()]).collect();
        let mut counts = vec![0.0; names.len()];
        for &id in &text {
            counts[id] += 1.0;
        }
        let order = stats::descending(&counts);
        Self {
            edited: order[(config.edited_word as usize).min(order.len() - 1)],
            config: config.clone(),
            names,
            text,
            layer,
            embeddings,
            change,
            moved: Vec::new(),
        }
    }

    /// What the layer gets at a word: the word and what was before it.
    fn input(&self, at: usize) -> Vec<f64> {
        let mut x = self.embeddings.row(self.text[at]).to_vec();
        if at > 0 {
            add(&mut x, CONTEXT, self.embeddings.row(self.text[at - 1]));
        }
        x
    }

    /// Change of the output at a word, over its size, when one row is edited: the table's row of the
    /// edited word, or the first of the dense matrix.
    fn edit(&self, at: usize) -> [f64; 2] {
        let (x, id) = (self.input(at), self.text[at]);
        let relative = |a: &[f64], b: &[f64]| (distance(a, b) / dot(a, a).max(1e-300)).sqrt();
        let row = self.layer.table.row(id);
        let mut other = row.to_vec();
        if id == self.edited {
            add(&mut other, 1.0, &self.change);
        }
        let looked_up = [row, &other].map(|u| self.layer.output(&x, u));
        let up = apply(&self.layer.dense, &x);
        let mut changed = up.clone();
        changed[0] += dot(&self.change[..WIDTH], &x);
        let dense = [&up, &changed].map(|u| self.layer.output(&x, u));
        [
            relative(&looked_up[0], &looked_up[1]),
            relative(&dense[0], &dense[1]),
        ]
    }

    /// Distinct rows after so many words.
    fn distinct(&self, words: usize) -> usize {
        let mut seen = vec![false; self.names.len()];
        for &id in &self.text[..words] {
            seen[id] = true;
        }
        seen.into_iter().filter(|s| *s).count()
    }

    /// Words and distinct rows, at moments evenly spread on a logarithmic axis.
    fn growth(&self) -> Vec<[f64; 2]> {
        let mut at: Vec<usize> = num::logspace(20.0, WORDS as f64, COUNTS)
            .into_iter()
            .map(|n| (n.round() as usize).min(WORDS))
            .collect();
        at.dedup();
        at.into_iter()
            .map(|n| [n as f64, self.distinct(n) as f64])
            .collect()
    }

    fn scene(&self, end: usize) -> Scene {
        let rows = (end - SEEN..end).map(|at| {
            let id = self.text[at];
            let hidden = self.layer.hidden(&self.input(at), self.layer.table.row(id));
            let top = hidden.iter().fold(1e-300_f64, |t, h| t.max(h.abs()));
            Row {
                name: self.names[id].to_owned(),
                cells: hidden[..DRAWN]
                    .iter()
                    .map(|h| (h.abs() / top) as f32)
                    .collect(),
                right: Vec::new(),
                value: 100.0 * self.moved[at][0],
            }
        });
        Scene {
            at: end as f64,
            rows: rows.collect(),
        }
    }

    /// Hits of a cache of table rows by its size, rows fetched when they are asked for.
    fn hits(&self, sizes: &[usize]) -> Vec<[f64; 2]> {
        let reads: Vec<cache::Key> = self.text.iter().map(|&id| (0, id as i64)).collect();
        sizes
            .iter()
            .map(|&size| {
                let hits = cache::lru(&reads, size);
                [size as f64, 100.0 * hits as f64 / reads.len() as f64]
            })
            .collect()
    }

    fn charts(&self, growth: Vec<[f64; 2]>, fit: [f64; 2]) -> Vec<Chart> {
        let sizes = [4, 8, 16, 32, 64, 128, 256, 512];
        let fitted: Vec<[f64; 2]> = growth
            .iter()
            .map(|[n, _]| [*n, fit[0] * num::pow(*n, fit[1])])
            .collect();
        let of = |way: usize| -> Vec<[f64; 2]> {
            let all = self.moved.iter().enumerate();
            all.map(|(i, m)| [(i + 1) as f64, 100.0 * m[way]]).collect()
        };
        let hits = self.hits(&sizes);
        let ahead: Vec<[f64; 2]> = hits.iter().map(|p| [p[0], 100.0]).collect();
        vec![
            Chart {
                id: "rows",
                title: "Rows read so far",
                doc: "Distinct rows of the table that the text has used: longer texts use more parameters. The line is Heaps' law, fitted on logarithms.",
                x: Axis::log("words", ""),
                y: Axis::log("distinct rows", ""),
                series: vec![
                    Series::line("rows", growth),
                    Series::line("Heaps' law", fitted).as_reference(),
                ],
                marks: Vec::new(),
                on_timeline: true,
            },
            Chart {
                id: "edit",
                title: "What an edit changes",
                doc: "Relative change of the layer's output, word by word, after one row is edited: the edited word's row of the table, or one row of a dense up-projection, which every word reads.",
                x: Axis::linear("words", ""),
                y: Axis::zero_based("change", "%"),
                series: vec![
                    Series::line("row of the dense matrix", of(1)),
                    Series::line("row of the table", of(0)),
                ],
                marks: Vec::new(),
                on_timeline: true,
            },
            Chart {
                id: "cache",
                title: "Rows held nearby",
                doc: "Reads found in a cache of rows: by the least recently used rule when a row is fetched as it is needed; with the text known ahead every row is there in time, and only the misses of the rule cross the link.",
                x: Axis::log("rows held", ""),
                y: Axis::zero_based("found", "%"),
                series: vec![
                    Series::line("fetched when needed", hits),
                    Series::line("fetched ahead", ahead),
                ],
                marks: Vec::new(),
                on_timeline: false,
            },
        ]
    }
}

/// Factor and exponent of a power law by least squares on logarithms.
fn power_law(points: &[[f64; 2]]) -> [f64; 2] {
    let logs: Vec<[f64; 2]> = points.iter().map(|p| p.map(num::ln)).collect();
    let mean = |i: usize| stats::mean(&logs.iter().map(|p| p[i]).collect::<Vec<_>>());
    let (x, y) = (mean(0), mean(1));
    let cross: f64 = logs.iter().map(|p| (p[0] - x) * (p[1] - y)).sum();
    let square: f64 = logs.iter().map(|p| (p[0] - x) * (p[0] - x)).sum();
    let slope = cross / square;
    [num::exp(y - slope * x), slope]
}

impl Slices for Lookup {
    fn slice(&mut self) -> bool {
        let until = (self.moved.len() + 50).min(WORDS);
        for at in self.moved.len()..until {
            self.moved.push(self.edit(at));
        }
        self.moved.len() == WORDS
    }

    fn progress(&self) -> f64 {
        self.moved.len() as f64 / WORDS as f64
    }

    fn findings(&mut self) -> Findings {
        let growth = self.growth();
        let fit = power_law(&growth);
        let rows = self.distinct(WORDS);
        let edited = self.text.iter().filter(|&&id| id == self.edited).count();
        let touched = |way: usize| {
            let changed = self.moved.iter().filter(|m| m[way] > 0.0).count();
            100.0 * changed as f64 / WORDS as f64
        };
        let others = self.text.iter().zip(&self.moved);
        let leak = others
            .filter(|(id, _)| **id != self.edited)
            .map(|(_, m)| m[0])
            .fold(0.0, f64::max);
        // Gate and down-projection, and one row of HIDDEN in place of HIDDEN × WIDTH.
        let read = (2 * WIDTH + 1) as f64 / (3 * WIDTH) as f64;
        let cache = self.config.rows_held as usize;
        let held = self.hits(&[cache])[0][1];
        let new = Metric::new;
        let metrics = vec![
            new(
                "read",
                "Parameters read per word",
                "%",
                100.0 * read,
                Better::Lower,
                "Gate, down-projection and one row of the table over a gated layer with a dense up-projection: (2 d + 1) / 3 d.",
            ),
            new(
                "rows",
                "Distinct rows",
                "",
                rows as f64,
                Better::Neither,
                "Rows of the table that the passage of 3,000 words uses.",
            ),
            new(
                "heaps",
                "Heaps exponent",
                "",
                fit[1],
                Better::Neither,
                "Exponent of the growth of distinct rows with the number of words, by least squares on logarithms: 1 when every word is new, 0 when none is.",
            ),
            new(
                "edited",
                "Words changed by an edit",
                "%",
                touched(0),
                Better::Lower,
                "Words whose output changes when the edited word's row changes: its occurrences.",
            ),
            new(
                "edited_dense",
                "Changed by a dense edit",
                "%",
                touched(1),
                Better::Neither,
                "The same for one row of a dense up-projection.",
            ),
            new(
                "leak",
                "Largest change elsewhere",
                "%",
                100.0 * leak,
                Better::Lower,
                "Largest relative change of the output at any other word when the edited word's row changes.",
            ),
            new(
                "hits",
                "Rows found without looking ahead",
                "%",
                held,
                Better::Higher,
                "Reads found in a cache of least recently used rows, each fetched when it is needed. With the text known ahead all are found.",
            ),
        ];
        let scenes = (0..SCENES).map(|i| {
            let span = WORDS - SEEN;
            self.scene(SEEN + i * span / (SCENES - 1))
        });
        Findings {
            axis: ["word", "about 50 words"],
            summary: format!(
                "{WORDS} words use {rows} rows of the table, growing with exponent {:.2}; editing the row of \"{}\" changes its {edited} occurrences and nothing else ({:.1} % of the words); one dense row changes {:.1} %. {:.0} % of the parameters of a dense layer are read per word.",
                fit[1],
                self.names[self.edited],
                touched(0),
                touched(1),
                100.0 * read
            ),
            charts: self.charts(growth, fit),
            sheet: Sheet {
                name: "Words and hidden units",
                caption: "dark: size of the hidden unit, over the word's largest; bar: change of the output after the edit",
                columns: (0..DRAWN).map(|h| format!("unit {h}")).collect(),
                group: 0,
                value: "change",
                unit: "%",
                scenes: scenes.collect(),
            },
            metrics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_row_changes_its_word_alone() {
        let mut lookup = Lookup::new(&Config::default());
        while !lookup.slice() {}
        for (id, moved) in lookup.text.iter().zip(&lookup.moved) {
            assert_eq!(moved[0] > 0.0, *id == lookup.edited);
            assert!(moved[1] > 0.0);
        }
    }

    #[test]
    fn the_layer_is_the_gate_times_the_row() {
        let one = |v: f64| Matrix {
            rows: 1,
            cols: 1,
            data: vec![v],
        };
        let layer = Layer {
            gate: one(2.0),
            down: one(3.0),
            table: one(5.0),
            dense: one(0.0),
        };
        let gate = 2.0 * num::sigmoid(2.0);
        let y = layer.output(&[1.0], layer.table.row(0));
        assert!((y[0] - 3.0 * gate * 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_power_law_is_found_again() {
        let points: Vec<[f64; 2]> = [1.0, 3.0, 9.0, 50.0]
            .map(|x| [x, 4.0 * num::pow(x, 0.6)])
            .to_vec();
        let [factor, slope] = power_law(&points);
        assert!((factor - 4.0).abs() < 1e-9 && (slope - 0.6).abs() < 1e-9);
    }
}
