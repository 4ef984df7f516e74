//! What a search found, and what follows from it for a rate or a number of GPUs.

use crate::labs::serving::capacity::Load;
use crate::labs::serving::config::Config;

/// A degree of tensor and of pipeline parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// GPUs that share every layer.
    pub tensor: u64,
    /// Stages of layers.
    pub pipeline: u64,
}

impl Placement {
    /// GPUs of an instance.
    pub fn gpus(self) -> u64 {
        self.tensor * self.pipeline
    }

    /// In words: `TP 2 × PP 1`.
    pub fn words(self) -> String {
        format!("TP {} × PP {}", self.tensor, self.pipeline)
    }

    /// All powers of two with at most `most` GPUs and `stages` stages, by stages, then by tensor
    /// parallelism.
    pub fn all(most: u64, stages: u64) -> Vec<Self> {
        let powers = |most: u64| (0..7).map(|k| 1_u64 << k).filter(move |n| *n <= most);
        powers(most.min(stages))
            .flat_map(|pipeline| {
                powers(most / pipeline).map(move |tensor| Self { tensor, pipeline })
            })
            .collect()
    }
}

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Prompts only; the target is that for the first token.
    Prefill,
    /// Everything after the first token, transfer included; the target is that per further token.
    Decode,
    /// Both, under both targets.
    Together,
}

impl Part {
    /// All of them, in the order of [`Placements::cells`].
    pub const ALL: [Self; 3] = [Self::Prefill, Self::Decode, Self::Together];
    /// Their names in that order.
    pub const NAMES: [&'static str; 3] = ["Prefill alone", "Decode alone", "Both together"];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Why a placement serves nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unfit {
    /// The weights do not fit: GB needed, GB there.
    Weights {
        /// GB of the weights.
        need: f64,
        /// GB of all its GPUs together, less the margin.
        have: f64,
    },
    /// Beside the weights there is no room for the KV of the longest request: tokens needed,
    /// tokens there.
    Kv {
        /// Tokens of the longest request in this phase.
        need: u64,
        /// Tokens that the memory left holds.
        have: u64,
    },
    /// Even the lowest rate misses the target.
    Targets {
        /// The lowest rate tried.
        rate: f64,
        /// Share of the requests within the target there, 0 to 1.
        share: f64,
    },
}

impl Unfit {
    /// In a word, for a cell.
    pub fn short(&self) -> &'static str {
        match self {
            Self::Weights { .. } => "no memory",
            Self::Kv { .. } => "no KV",
            Self::Targets { .. } => "too slow",
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Weights { need, have } => {
                format!("does not fit in memory: weights of {need:.0} GB, GPUs with {have:.0} GB")
            }
            Self::Kv { need, have } => format!(
                "does not fit in memory: the longest request has {need} tokens of KV, beside the weights there is room for {have}"
            ),
            Self::Targets { rate, share } => format!(
                "misses the target at any rate: {:.0} % keep it at {rate} req/s",
                100.0 * share
            ),
        }
    }

    /// Whether memory is the reason.
    pub fn is_memory(&self) -> bool {
        !matches!(self, Self::Targets { .. })
    }
}

/// The goodput of an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Highest load found within the targets.
    pub load: f64,
    /// Share of the requests within the targets there, 0 to 1.
    pub share: f64,
    /// Whether even the largest load allowed does.
    pub at_limit: bool,
}

/// What one placement serves in one part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The placement.
    pub placement: Placement,
    /// Its goodput, or why it has none.
    pub found: Result<Rate, Unfit>,
}

impl Cell {
    /// Goodput of an instance; 0 where it has none.
    pub fn load(&self) -> f64 {
        self.found.map_or(0.0, |rate| rate.load)
    }

    /// Goodput per GPU.
    pub fn per_gpu(&self) -> f64 {
        self.load() / self.placement.gpus() as f64
    }
}

/// Copies of an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instances {
    /// The placement of each.
    pub placement: Placement,
    /// How many.
    pub count: u64,
    /// Load that all of them serve, by their goodput.
    pub load: f64,
}

impl Instances {
    fn of(cell: &Cell, count: u64) -> Self {
        Self {
            placement: cell.placement,
            count,
            load: count as f64 * cell.load(),
        }
    }

    /// As many copies as a load needs.
    fn serving(cell: &Cell, load: f64) -> Self {
        Self::of(cell, (load / cell.load()).ceil().max(1.0) as u64)
    }

    /// GPUs of all.
    pub fn gpus(&self) -> u64 {
        self.count * self.placement.gpus()
    }
}

/// Instances for prompts and instances that decode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apart {
    /// For prompts.
    pub prefill: Instances,
    /// For further tokens.
    pub decode: Instances,
}

impl Apart {
    /// GPUs of all.
    pub fn gpus(&self) -> u64 {
        self.prefill.gpus() + self.decode.gpus()
    }

    /// Load that both sides serve.
    pub fn load(&self) -> f64 {
        self.prefill.load.min(self.decode.load)
    }
}

/// What was run as a whole, within a number of GPUs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Whole<P> {
    /// What was planned.
    pub plan: P,
    /// Highest load at which enough requests keep both targets, with all instances and transfers
    /// at once; nothing if no load does.
    pub found: Option<Rate>,
}

/// Everything that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Placements {
    /// The setup, with its cost as a roofline.
    pub config: Config,
    /// What grows.
    pub load: Load,
    /// Share of the requests that have to keep their targets, 0 to 1.
    pub share: f64,
    /// GPUs that the wholes have.
    pub gpus: u64,
    /// By part, in the order of [`Part::ALL`]: every placement.
    pub cells: [Vec<Cell>; 3],
    /// Prefill and decode apart, run as a whole; nothing where no plan fits into the GPUs.
    pub apart: Option<Whole<Apart>>,
    /// The same GPUs with instances that do both.
    pub together: Option<Whole<Instances>>,
}

/// The place of the cell with the highest goodput per GPU; of equal ones that with fewer GPUs, then
/// the first.
pub(super) fn best(cells: &[Cell]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, cell) in cells.iter().enumerate() {
        let better = best.is_none_or(|b| {
            let (new, old) = (cell.per_gpu(), cells[b].per_gpu());
            new > old || (new == old && cell.placement.gpus() < cells[b].placement.gpus())
        });
        if cell.load() > 0.0 && better {
            best = Some(i);
        }
    }
    best
}

impl Placements {
    /// The place of the chosen placement of a part: that with the highest goodput per GPU.
    pub fn best(&self, part: Part) -> Option<usize> {
        best(&self.cells[part as usize])
    }

    /// The chosen placement of a part.
    pub fn chosen(&self, part: Part) -> Option<&Cell> {
        Some(&self.cells[part as usize][self.best(part)?])
    }

    /// Why placements serve nothing, each reason once.
    pub fn reasons(&self) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for cell in self.cells.iter().flatten() {
            let Err(unfit) = &cell.found else { continue };
            let words = format!("{}: {}", cell.placement.words(), unfit.words());
            if unfit.is_memory() && !said.contains(&words) {
                said.push(words);
            }
        }
        for part in Part::ALL {
            let slow = self.cells[part as usize].iter();
            let slow = slow.filter(|c| c.found.is_err_and(|unfit| !unfit.is_memory()));
            let slow: Vec<String> = slow.map(|c| c.placement.words()).collect();
            if !slow.is_empty() {
                let (part, slow) = (part.name(), slow.join(", "));
                said.push(format!("{part}: too slow at any load are {slow}"));
            }
        }
        said
    }

    /// The chosen placements of both phases, copied for a load.
    pub fn apart_for(&self, load: f64) -> Option<Apart> {
        Some(Apart {
            prefill: Instances::serving(self.chosen(Part::Prefill)?, load),
            decode: Instances::serving(self.chosen(Part::Decode)?, load),
        })
    }

    /// The chosen placement that does both, copied for a load.
    pub fn together_for(&self, load: f64) -> Option<Instances> {
        Some(Instances::serving(self.chosen(Part::Together)?, load))
    }
}

/// The pair of placements and the numbers of instances that serve most within a number of GPUs; of
/// equal ones those with fewer GPUs, then the first.
pub(super) fn apart_within(prefill: &[Cell], decode: &[Cell], gpus: u64) -> Option<Apart> {
    let mut best: Option<Apart> = None;
    for p in prefill.iter().filter(|c| c.load() > 0.0) {
        for d in decode.iter().filter(|c| c.load() > 0.0) {
            for count in 1..=gpus / p.placement.gpus() {
                let left = gpus - count * p.placement.gpus();
                let most = left / d.placement.gpus();
                if most == 0 {
                    break;
                }
                let prefill = Instances::of(p, count);
                let decode = Instances::serving(d, prefill.load);
                let decode = Instances::of(d, decode.count.min(most));
                let new = Apart { prefill, decode };
                if best.is_none_or(|b| {
                    new.load() > b.load() || (new.load() == b.load() && new.gpus() < b.gpus())
                }) {
                    best = Some(new);
                }
            }
        }
    }
    best
}

/// The placement and the number of instances that serve most within a number of GPUs; of equal ones
/// those with fewer GPUs, then the first.
pub(super) fn together_within(cells: &[Cell], gpus: u64) -> Option<Instances> {
    let mut best: Option<Instances> = None;
    for cell in cells.iter().filter(|c| c.load() > 0.0) {
        let count = gpus / cell.placement.gpus();
        if count == 0 {
            continue;
        }
        let new = Instances::of(cell, count);
        if best.is_none_or(|b| new.load > b.load || (new.load == b.load && new.gpus() < b.gpus())) {
            best = Some(new);
        }
    }
    best
}
