//! The layers of a file side by side: how each loads its experts by its own choices.

use super::charts::floor_band;
use super::config::{Config, Router};
use super::dump::{Content, Layer};
use super::fill::slice;
use super::multiples::{Along, Counted, PanelsWork, Shape};
use super::rules::load::{Floor, max_violation};
use crate::core::gate::top_k;
use crate::core::{Axis, Chart, Mark, Series, stats};

/// Entries of a file that a step looks at, about.
const ENTRIES: usize = 50_000;

/// Loads of every layer, batch after batch, in short steps.
#[derive(Debug, Default)]
pub(super) struct FileLayers {
    layers: Vec<Layer>,
    /// Layer and token that it has got to.
    at: (usize, usize),
    /// Loads of the batch at hand.
    loads: Vec<f64>,
    /// `MaxVio` of the layer's batches so far.
    seen: Vec<f64>,
    /// Of each layer done: mean `MaxVio` of its batches, and `MaxVio` of all of them together.
    done: Vec<[f64; 2]>,
    /// Loads of the layer's batches so far together.
    total: Vec<f64>,
    /// Of each layer done: those of all its batches.
    counted: Vec<Counted>,
}

impl FileLayers {
    /// Starts on the layers of a file.
    pub(super) fn new(layers: Vec<Layer>) -> Self {
        Self {
            layers,
            ..Self::default()
        }
    }

    /// Whether there are layers to compare.
    pub(super) fn several(&self) -> bool {
        self.layers.len() > 1
    }

    /// The loads of every layer, for their panels; once no step is left.
    pub(super) fn panels(&mut self) -> PanelsWork {
        PanelsWork::new(Along::Layers, std::mem::take(&mut self.counted))
    }

    /// The next tokens; `false` when there is none left, or only one layer.
    pub(super) fn step(&mut self, config: &Config) -> bool {
        let (layer, token) = &mut self.at;
        let Some(own) = self.layers.get(*layer).filter(|_| self.layers.len() > 1) else {
            return false;
        };
        let recorded = own.content == Content::Choices;
        // Not every layer of recorded choices happens to name the last expert.
        let named = if config.router == Router::Recorded && recorded {
            config.experts as usize
        } else {
            0
        };
        let (experts, k) = match own.content {
            Content::Choices => (own.experts.max(named), own.width),
            Content::Logits | Content::Probabilities => (own.experts, config.choices()),
        };
        let batch = config.tokens as usize;
        let tokens = own.tokens.min(batch * config.batches as usize);
        self.loads.resize(experts, 0.0);
        self.total.resize(experts, 0.0);
        for t in slice(token, tokens, ENTRIES / own.width.max(1)) {
            let chosen = match own.content {
                Content::Choices => own.choices(t),
                Content::Logits | Content::Probabilities => top_k(&own.logits(t), k),
            };
            for e in chosen {
                self.loads[e] += 1.0;
                self.total[e] += 1.0;
            }
            if (t + 1) % batch == 0 || t + 1 == tokens {
                self.seen.push(max_violation(&self.loads));
                self.loads.fill(0.0);
            }
        }
        if *token == tokens {
            let all = max_violation(&self.total);
            self.done.push([stats::mean(&self.seen), all]);
            self.counted.push(Counted {
                number: *layer,
                loads: self.total.as_slice().into(),
                random: Some([tokens, k.min(experts)]),
                shape: Some(Shape {
                    experts: own.experts,
                    recorded: recorded.then_some(own.width),
                    tokens: own.tokens,
                }),
            });
            self.at = (*layer + 1, 0);
            for list in [&mut self.loads, &mut self.seen, &mut self.total] {
                list.clear();
            }
        }
        true
    }

    /// Imbalance by layer; none where there is one layer only.
    pub(super) fn chart(&self, config: &Config, floor: &Floor) -> Option<Chart> {
        let line = |name, which: usize| {
            let points = self.done.iter().enumerate();
            let points: Vec<[f64; 2]> = points.map(|(l, v)| [l as f64, v[which]]).collect();
            Series::line(name, points)
        };
        let ends = [-0.5, self.done.len() as f64 - 0.5];
        let [_, low, high] = floor.max_violation;
        (!self.done.is_empty()).then(|| Chart {
            id: "layers",
            title: "Imbalance by layer of the file",
            doc: "MaxVio of every layer of the file by its own choices (the best by its scores, or the experts it names), on as many tokens as this run takes: mean over the batches, and of all of them together. The mark is the layer of this run; the band is random routing of a batch.",
            x: Axis::linear("layer", ""),
            y: Axis::zero_based("MaxVio", ""),
            series: vec![
                line("in a batch", 0),
                line("over all batches", 1),
                floor_band("random routing of a batch, 5-95 %", ends, [low, high]),
            ],
            marks: vec![Mark {
                x: config.layer as f64,
                label: "this run".to_owned(),
            }],
            on_timeline: false,
        })
    }
}
