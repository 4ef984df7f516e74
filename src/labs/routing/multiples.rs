//! Small multiples: the load of every expert, once for each layer of a file, batch, or measurement
//! of a training, in times the fair share so that they compare.

use super::config::{Config, Router};
use super::fill::slice;
use super::route::Batch;
use super::rules::load::max_violation;
use super::rules::ranks::{Chance, ChanceWork};
use crate::core::Table;
use crate::core::gate;
use std::sync::Arc;

/// What the panels stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Layers of a file.
    Layers,
    /// Batches of a run.
    Batches,
    /// Measurements of a training.
    Updates,
}

impl Along {
    /// What one of them is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Layers => "layer",
            Self::Batches => "batch",
            Self::Updates => "update",
        }
    }
}

/// A layer's own sizes, which a run on it has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Number of experts.
    pub(super) experts: usize,
    /// Experts per token where choices are recorded; none where the layer has scores.
    pub(super) recorded: Option<usize>,
    /// Number of tokens.
    pub(super) tokens: usize,
}

/// Pairs counted for one panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    /// Number of the layer, batch or update.
    pub(super) number: usize,
    /// Pairs by expert.
    pub(super) loads: Arc<[f64]>,
    /// Tokens, and experts per token, of as many random choices; none where chance has no say.
    pub(super) random: Option<[usize; 2]>,
    /// Sizes of the layer, where the panel is one.
    pub(super) shape: Option<Shape>,
}

/// Loads of one layer, batch or measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPanel {
    /// What was counted.
    counted: Counted,
    /// Its name.
    pub title: String,
    /// Its figures in a few letters, and the first of them alone.
    pub notes: [String; 2],
    /// Name and figures in words.
    pub words: String,
    /// Load by expert, over the fair share.
    pub loads: Arc<[f64]>,
    /// Experts, the busiest first.
    pub order: Arc<[usize]>,
    /// Their loads in this order.
    pub sorted: Arc<[f64]>,
    /// What a perfectly balanced router shows.
    pub chance: Option<Arc<Chance>>,
}

impl LoadPanel {
    fn new(along: Along, counted: &Counted, chance: Option<Arc<Chance>>) -> Self {
        let experts = counted.loads.len();
        let total: f64 = counted.loads.iter().sum();
        let fair = total / experts as f64;
        let over = |load: &f64| if total > 0.0 { load / fair } else { 0.0 };
        let loads: Vec<f64> = counted.loads.iter().map(over).collect();
        let order = gate::descending(&loads);
        let sorted: Vec<f64> = order.iter().map(|&e| loads[e]).collect();
        let idle = loads.iter().filter(|l| **l == 0.0).count();
        let violation = max_violation(&counted.loads);
        let word = along.word();
        let (first, rest) = word.split_at(1);
        let title = format!("{}{rest} {}", first.to_uppercase(), counted.number);
        let [most, least] = [sorted.first(), sorted.last()].map(|l| l.copied().unwrap_or(0.0));
        let busiest = order.first().copied().unwrap_or(0);
        let noise = chance.as_ref().map_or_else(String::new, |c| {
            let [low, high] = c.ranks.first().copied().unwrap_or_default();
            format!("; by chance the busiest has {low:.2} to {high:.2} times")
        });
        Self {
            words: format!(
                "{title}: {total:.0} pairs over {experts} experts, MaxVio {violation:.2}, busiest expert {busiest} with {most:.2} times the fair share, least busy {least:.2} times, {idle} idle{noise}"
            ),
            notes: if idle > 0 {
                [
                    format!("MaxVio {violation:.2}, {idle} idle"),
                    format!("MaxVio {violation:.2}"),
                ]
            } else {
                [0, 1].map(|_| format!("MaxVio {violation:.2}"))
            },
            title,
            loads: loads.into(),
            order: order.into(),
            sorted: sorted.into(),
            chance,
            counted: counted.clone(),
        }
    }

    /// Number of the layer, batch or update.
    pub fn number(&self) -> usize {
        self.counted.number
    }

    /// Pairs by expert.
    pub fn pairs(&self) -> &[f64] {
        &self.counted.loads
    }

    /// Puts a setup on this layer: sizes that the layer sets are changed with it, and tokens that it
    /// has not got are left out.
    pub fn select(&self, config: &mut Config) {
        let Some(shape) = self.counted.shape else {
            return;
        };
        config.layer = self.counted.number as u64;
        let experts = shape.experts as u64;
        if let Some(width) = shape.recorded {
            config.router = Router::Recorded;
            config.k = width as u64;
            config.experts = config.experts.max(experts);
        } else {
            if config.router == Router::Recorded {
                config.router = Router::Mixtral;
            }
            config.experts = experts;
            config.k = config.k.min(experts);
        }
        let tokens = shape.tokens as u64;
        config.tokens = config.tokens.min(tokens);
        config.batches = config.batches.min(tokens / config.tokens.max(1)).max(1);
    }
}

/// The panels of a run on one scale.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPanels {
    /// What they stand for.
    pub along: Along,
    /// One after the other.
    pub panels: Vec<LoadPanel>,
    /// Upper end of the common scale, over the fair share: it may cut the tallest bars off.
    pub top: f64,
}

impl LoadPanels {
    /// The panels as a table: one row for each of their experts.
    pub(super) fn table(&self) -> Table {
        let columns = [self.along.word(), "expert", "pairs", "times_fair_share"];
        let rows = self.panels.iter().flat_map(|p| {
            let all = p.pairs().iter().zip(p.loads.iter()).enumerate();
            all.map(|(e, (&pairs, &load))| vec![p.number() as f64, e as f64, pairs, load])
        });
        Table {
            rows: rows.collect(),
            columns: columns.map(str::to_owned).to_vec(),
        }
    }
}

/// Least upper end of the scale, and how far it may lie over the middle panel's tallest bar.
const TOP: f64 = 2.0;
const OVER_MIDDLE: f64 = 2.0;

/// Upper end of the scale: the tallest bar, unless a few panels would flatten all others.
fn top(panels: &[LoadPanel]) -> f64 {
    let tallest = |p: &LoadPanel| {
        let noise = p.chance.as_ref().and_then(|c| c.ranks.first());
        let noise = noise.map_or(0.0, |[_, high]| *high);
        p.sorted.first().copied().unwrap_or(0.0).max(noise)
    };
    let mut all: Vec<f64> = panels.iter().map(tallest).collect();
    all.sort_by(f64::total_cmp);
    let middle = all.get(all.len() / 2).copied().unwrap_or(TOP);
    let most = all.last().copied().unwrap_or(TOP);
    1.05 * most.min(OVER_MIDDLE * middle).max(TOP)
}

/// Experts of a step of making panels, about.
const EXPERTS: usize = 4096;

/// Makes [`LoadPanels`] in short steps.
#[derive(Debug)]
pub(super) struct PanelsWork {
    along: Along,
    counted: Vec<Counted>,
    /// Panels made, and the noise of every size met so far.
    panels: Vec<LoadPanel>,
    noise: Vec<([usize; 3], Arc<Chance>)>,
    current: Option<ChanceWork>,
}

impl PanelsWork {
    /// Starts on what was counted.
    pub(super) fn new(along: Along, counted: Vec<Counted>) -> Self {
        Self {
            along,
            counted,
            panels: Vec::new(),
            noise: Vec::new(),
            current: None,
        }
    }

    /// The batches of a run.
    pub(super) fn of_batches(config: &Config, batches: &[Batch]) -> Self {
        // Where experts choose, or scores say how many, chance has no say.
        let random = (!config.router.is_variable()).then(|| config.choices());
        let all = batches.iter().enumerate().map(|(i, b)| Counted {
            number: i + 1,
            loads: b.demand.iter().map(|&d| f64::from(d)).collect(),
            random: random.map(|k| [b.clusters.len(), k]),
            shape: None,
        });
        Self::new(Along::Batches, all.collect())
    }

    /// A slice of work; the panels when it is done.
    pub(super) fn step(&mut self) -> Option<LoadPanels> {
        let experts = self.counted.first().map_or(1, |c| c.loads.len().max(1));
        let mut at = self.panels.len();
        for i in slice(&mut at, self.counted.len(), EXPERTS / experts) {
            let chance = match self.counted[i].random {
                None => None,
                Some([tokens, k]) => Some(self.chance([tokens, self.counted[i].loads.len(), k])?),
            };
            self.panels
                .push(LoadPanel::new(self.along, &self.counted[i], chance));
        }
        (self.panels.len() == self.counted.len()).then(|| {
            let panels = std::mem::take(&mut self.panels);
            LoadPanels {
                along: self.along,
                top: top(&panels),
                panels,
            }
        })
    }

    /// The noise of a size; none while it is worked out.
    fn chance(&mut self, size: [usize; 3]) -> Option<Arc<Chance>> {
        if let Some((_, known)) = self.noise.iter().find(|(s, _)| *s == size) {
            return Some(Arc::clone(known));
        }
        let [tokens, experts, k] = size;
        let start = || ChanceWork::new(tokens, experts, k);
        let chance = self.current.get_or_insert_with(start).step()?;
        self.current = None;
        let chance = Arc::new(chance);
        self.noise.push((size, Arc::clone(&chance)));
        Some(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(number: usize, loads: &[f64], random: Option<[usize; 2]>) -> Counted {
        Counted {
            number,
            loads: loads.into(),
            random,
            shape: None,
        }
    }

    fn made(counted: Vec<Counted>) -> LoadPanels {
        let mut work = PanelsWork::new(Along::Layers, counted);
        loop {
            if let Some(panels) = work.step() {
                return panels;
            }
        }
    }

    #[test]
    fn loads_are_over_the_fair_share_and_sorted_with_their_experts() {
        let all = made(vec![counted(3, &[2.0, 6.0, 0.0, 4.0], Some([6, 2]))]);
        let panel = &all.panels[0];
        assert_eq!(panel.loads[..], [2.0 / 3.0, 2.0, 0.0, 4.0 / 3.0]);
        assert_eq!(panel.order[..], [1, 3, 0, 2]);
        assert_eq!(panel.sorted[..], [2.0, 4.0 / 3.0, 2.0 / 3.0, 0.0]);
        assert_eq!((panel.title.as_str(), panel.number()), ("Layer 3", 3));
        assert_eq!(panel.notes, ["MaxVio 1.00, 1 idle", "MaxVio 1.00"]);
        assert!(panel.words.contains("12 pairs over 4 experts"), "{panel:?}");
        assert!(panel.words.contains("busiest expert 1 with 2.00 times"));
        assert_eq!(all.table().rows[1], [3.0, 1.0, 6.0, 2.0]);
    }

    #[test]
    fn one_collapsed_panel_does_not_flatten_the_others() {
        let even = [10.0; 16];
        let mut collapsed = [0.0; 16];
        collapsed[5] = 160.0;
        let mut layers: Vec<Counted> = (0..9).map(|i| counted(i, &even, None)).collect();
        layers.push(counted(9, &collapsed, None));
        let all = made(layers);
        assert_eq!(all.panels[9].sorted[0], 16.0);
        assert!(all.top < 4.0, "{}", all.top);
        let alone = made(vec![counted(0, &collapsed, None)]);
        assert!(alone.top > 16.0, "nothing is cut where all are alike");
    }

    #[test]
    fn a_step_makes_so_many_panels_at_most_and_the_noise_is_worked_out_once_a_size() {
        let loads = vec![1.0; 512];
        let layers = (0..40)
            .map(|i| counted(i, &loads, Some([256, 2])))
            .collect();
        let mut work = PanelsWork::new(Along::Layers, layers);
        let mut before = 0;
        let all = loop {
            if let Some(all) = work.step() {
                break all;
            }
            assert!(work.panels.len() - before <= EXPERTS / 512, "a short step");
            before = work.panels.len();
        };
        assert_eq!(work.noise.len(), 1, "one size");
        assert_eq!(all.panels.len(), 40);
    }

    #[test]
    fn a_layer_is_selected_with_the_sizes_that_it_sets() {
        let on = |shape| {
            let counted = Counted {
                shape: Some(shape),
                ..counted(7, &[1.0; 4], None)
            };
            let mut config = Config::default();
            made(vec![counted]).panels[0].select(&mut config);
            config
        };
        let scores = on(Shape {
            experts: 4,
            recorded: None,
            tokens: 100,
        });
        assert_eq!((scores.layer, scores.experts, scores.k), (7, 4, 2));
        assert_eq!((scores.tokens, scores.batches), (100, 1));
        let choices = on(Shape {
            experts: 30,
            recorded: Some(6),
            tokens: 600,
        });
        assert_eq!(choices.router, Router::Recorded);
        assert_eq!((choices.experts, choices.k), (30, 6));
        assert_eq!((choices.tokens, choices.batches), (256, 2));
    }
}
