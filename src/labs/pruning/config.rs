//! Config of the lab.

use super::kinds::{Aid, Choosing, Fusion, Pattern, Surgery, Transfer};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

/// Where the weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A network trained here on the built-in digits.
    #[default]
    Trained,
    /// A file the user opened.
    Imported,
}

/// How weights are ranked, and how the removals are spread over layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Smallest |w| first.
    #[default]
    Magnitude,
    /// In random order.
    Random,
    /// Layer-adaptive magnitude scores.
    Lamp,
    /// Erdős-Rényi-kernel densities, smallest |w| first within a layer.
    Erk,
    /// N of every M weights of a row are kept, the largest.
    NOfM,
    /// Magnitude times the norm of the input, inside a layer.
    Wanda,
    /// Optimal brain damage with the empirical Fisher diagonal.
    Obd,
    /// Whole hidden units, by the norm of their weights.
    Units,
    /// Magnitude, layer rates by dynamic programming over output distortions.
    JointDp,
    /// Mean share of a weight's term in the input of its unit.
    Contribution,
    /// Whole blocks of the matrix, by the mean square of their weights.
    Block,
    /// Magnitude inside each layer, at rates of one's own.
    Manual,
    /// What training moves away from zero: the sum of -w ∂L/∂w over its steps.
    Movement,
    /// Signal over noise of an evolution strategy's search distribution.
    Snr,
    /// Whole hidden units, by what their removal does to the loss to first and second order.
    Saap,
    /// At initialisation: weight times norm of its input.
    Sketch,
    /// At initialisation: weight times gradient.
    Snip,
    /// At initialisation: weight times Hessian times gradient.
    Grasp,
    /// At initialisation: flow of path products, in rounds, without data.
    SynFlow,
}

impl Method {
    /// All methods in the order of the menu.
    pub const ALL: [Self; 19] = [
        Self::Magnitude,
        Self::Random,
        Self::Lamp,
        Self::Erk,
        Self::NOfM,
        Self::Wanda,
        Self::Obd,
        Self::Units,
        Self::JointDp,
        Self::Contribution,
        Self::Block,
        Self::Manual,
        Self::Movement,
        Self::Snr,
        Self::Saap,
        Self::Sketch,
        Self::Snip,
        Self::Grasp,
        Self::SynFlow,
    ];

    /// Whether weights are chosen before the network is trained; it is trained afterwards.
    pub fn at_init(self) -> bool {
        matches!(
            self,
            Self::Sketch | Self::Snip | Self::Grasp | Self::SynFlow
        )
    }

    /// Whether the weights alone say what goes: such methods work on an opened file.
    pub fn from_weights(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Random | Self::Lamp | Self::Erk | Self::NOfM | Self::Manual
        )
    }

    /// Whether the order inside a layer is that of the magnitudes.
    pub fn by_magnitude(self) -> bool {
        matches!(
            self,
            Self::Magnitude | Self::Lamp | Self::Erk | Self::NOfM | Self::JointDp | Self::Manual
        )
    }

    /// Whether one ranking runs over all layers whatever the granularity.
    pub fn always_global(self) -> bool {
        matches!(self, Self::Obd | Self::Movement | Self::Snr) || self.at_init()
    }
}

/// When and how the network becomes sparse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// In one cut after (or, for methods at the start, before) the training, at every sparsity.
    #[default]
    Cut,
    /// While it trains, along a sparsity schedule.
    Gradual,
    /// Sparse from the start; weights are exchanged while it trains.
    Exchange,
    /// In rounds: train, cut, go back to the first weights, train again.
    Ticket,
    /// In rounds as well; the PQ index says how much goes.
    Sap,
    /// After a dense training pruned weights keep flickering, ever less.
    Flicker,
    /// After a dense training a growing pressure bends small weights to zero before the cut.
    HyperSparse,
    /// After a dense training layers are pruned one by one against calibration inputs.
    Surgery,
    /// After a dense training one cut, then the survivors are tuned.
    Tune,
    /// After training on the digits, the same network on the digits turned over their diagonal.
    Transfer,
    /// After a dense training every image chooses its own hidden units.
    Dynamic,
}

impl Regime {
    /// All regimes in the order of the menu.
    pub const ALL: [Self; 11] = [
        Self::Cut,
        Self::Gradual,
        Self::Exchange,
        Self::Ticket,
        Self::Sap,
        Self::Flicker,
        Self::HyperSparse,
        Self::Surgery,
        Self::Tune,
        Self::Transfer,
        Self::Dynamic,
    ];
}

/// Shape of the sparsity schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// All at once, at the begin.
    OneShot,
    /// In a straight line.
    Linear,
    /// Fast, then slow: (1 - u) to a power.
    #[default]
    Cubic,
    /// The density falls by the same factor in equal times.
    Exponential,
    /// Half a cosine.
    Cosine,
    /// Exponential in a few jumps.
    Iterative,
    /// Touches the final sparsity early and reopens, ever less.
    Harmonic,
}

impl Shape {
    /// All shapes in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::OneShot,
        Self::Linear,
        Self::Cubic,
        Self::Exponential,
        Self::Cosine,
        Self::Iterative,
        Self::Harmonic,
    ];

    /// Its name.
    pub fn words(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot",
            Self::Linear => "linear",
            Self::Cubic => "cubic",
            Self::Exponential => "exponential",
            Self::Cosine => "cosine",
            Self::Iterative => "iterative",
            Self::Harmonic => "harmonic",
        }
    }
}

/// Shape of the learning rate over the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateShape {
    /// Falls to 0 along half a cosine.
    #[default]
    Cosine,
    /// Stays.
    Constant,
}

/// How weights are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// Those with the largest gradients grow (`RigL`).
    #[default]
    Gradient,
    /// Random ones grow (SET).
    Random,
    /// None are: a fixed mask.
    Never,
}

/// How the gradient of pruned weights fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fade {
    /// Pruned weights get no gradient at all.
    #[default]
    Hard,
    /// A share of it that falls along half a cosine.
    Cosine,
    /// A share of it that falls in a straight line.
    Linear,
    /// A share of it that stays.
    Constant,
}

/// How often a pruned weight is still on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switching {
    /// With probability 1 - t/A.
    #[default]
    Random,
    /// With probability (1 + cos πt/A)/4.
    Temperature,
}

/// Over which weights one ranking runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// One ranking over all layers.
    #[default]
    Global,
    /// Every layer loses the same share.
    Layer,
}

/// What to do with a tensor that holds values that are not numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NanPolicy {
    /// Do not run.
    #[default]
    Refuse,
    /// Take them for 0: they go first.
    Zero,
    /// Leave the tensor as it is.
    Exclude,
}

/// Every input that changes a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the weights come from.
    pub source: Source,
    /// The opened file, for [`Source::Imported`].
    pub file: Option<DataKey>,
    /// Units of the first hidden layer.
    pub hidden1: u64,
    /// Units of the second hidden layer; 0 leaves it out.
    pub hidden2: u64,
    /// Optimizer steps of the training.
    pub train_steps: u64,
    /// How weights are ranked.
    pub method: Method,
    /// Over which weights one ranking runs.
    pub granularity: Granularity,
    /// Share of the weights to prune, in per cent.
    pub sparsity: f64,
    /// Weights kept of every group.
    pub keep_n: u64,
    /// Weights in a group.
    pub group_m: u64,
    /// Rounds of SynFlow.
    pub rounds: u64,
    /// Rows of a block.
    pub block_rows: u64,
    /// Columns of a block.
    pub block_cols: u64,
    /// Sparsity of the first layer, in per cent.
    pub rate1: f64,
    /// Sparsity of the second layer, in per cent.
    pub rate2: f64,
    /// Sparsity of the third layer, in per cent.
    pub rate3: f64,
    /// Standard deviations of the contribution added to its mean.
    pub spread: f64,
    /// Curvature of the search distribution where the loss has none.
    pub damping: f64,
    /// Which importances of a unit count.
    pub fusion: Fusion,
    /// How the weights of a sketch are chosen.
    pub choosing: Choosing,
    /// What to do with values that are not numbers.
    pub nan_policy: NanPolicy,
    /// When and how the network becomes sparse.
    pub regime: Regime,
    /// Shape of the sparsity schedule.
    pub shape: Shape,
    /// Sparsity at the begin of the schedule, in per cent.
    pub initial: f64,
    /// Begin of the schedule, in per cent of the training.
    pub begin: f64,
    /// End of the schedule, in per cent of the training.
    pub finish: f64,
    /// Optimizer steps between changes of the mask.
    pub every: u64,
    /// Exponent of the cubic and of the harmonic schedule.
    pub power: f64,
    /// Cycles of the harmonic schedule.
    pub cycles: u64,
    /// Jumps of the iterative schedule.
    pub jumps: u64,
    /// Gradient of pruned weights.
    pub fade: Fade,
    /// Its share at the start.
    pub alpha: f64,
    /// How weights are exchanged.
    pub exchange: Exchange,
    /// Share of the kept weights exchanged at first, in per cent.
    pub drop: f64,
    /// Share of the survivors that go in a round of a lottery ticket, in per cent.
    pub per_round: f64,
    /// Step whose weights a round starts from.
    pub rewind: u64,
    /// Scales the cut that the PQ index proposes.
    pub gamma: f64,
    /// Optimizer steps after the dense training.
    pub tune_steps: u64,
    /// How often a pruned weight is still on.
    pub switching: Switching,
    /// Share of the later training in which pruned weights may be on, in per cent.
    pub settle: f64,
    /// Weight of the `HyperSparse` term at first.
    pub pressure: f64,
    /// Its growth in a step, in per cent.
    pub growth: f64,
    /// How layers are pruned against calibration inputs.
    pub surgery: Surgery,
    /// Which weights of a row may go together there.
    pub pattern: Pattern,
    /// Columns whose weights are chosen together there.
    pub columns: u64,
    /// Share of the budget of a low-rank form that goes to its directions, in per cent.
    pub directions: f64,
    /// Share of the activation that an image's own units make up, in per cent.
    pub mass: f64,
    /// Whether the unit that crosses that share is kept.
    pub crossing: bool,
    /// Sparsities of tensors of an opened file that are not the common one, in per cent.
    pub own_rates: Vec<(String, f64)>,
    /// What helps the training to become sparse.
    pub aid: Aid,
    /// How far uphill the gradient is taken.
    pub radius: f64,
    /// Weight of the extra decay, of the pull between layers, or step of the class weights.
    pub strength: f64,
    /// Slope at 0 of the function that weights pass through.
    pub slope: f64,
    /// What becomes of the network on the second task.
    pub transfer: Transfer,
    /// Share of the weights that stay as they are on the second task, in per cent.
    pub frozen: f64,
    /// Images of the second task; 0 for all.
    pub examples: u64,
    /// Peak learning rate.
    pub rate: f64,
    /// Shape of the learning rate.
    pub rate_shape: RateShape,
    /// Seed of every random draw.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: Source::Trained,
            file: None,
            hidden1: 128,
            hidden2: 64,
            train_steps: 400,
            method: Method::Magnitude,
            granularity: Granularity::Global,
            sparsity: 90.0,
            keep_n: 2,
            group_m: 4,
            rounds: 100,
            block_rows: 4,
            block_cols: 4,
            rate1: 95.0,
            rate2: 90.0,
            rate3: 50.0,
            spread: 0.0,
            damping: 1e-3,
            fusion: Fusion::Both,
            choosing: Choosing::Top,
            nan_policy: NanPolicy::Refuse,
            regime: Regime::Cut,
            shape: Shape::Cubic,
            initial: 0.0,
            begin: 0.0,
            finish: 75.0,
            every: 10,
            power: 3.0,
            cycles: 3,
            jumps: 5,
            fade: Fade::Hard,
            alpha: 0.75,
            exchange: Exchange::Gradient,
            drop: 30.0,
            per_round: 30.0,
            rewind: 0,
            gamma: 1.0,
            tune_steps: 300,
            switching: Switching::Random,
            settle: 67.0,
            pressure: 1e-4,
            growth: 1.5,
            surgery: Surgery::SparseGpt,
            pattern: Pattern::Free,
            columns: 128,
            directions: 50.0,
            mass: 80.0,
            crossing: true,
            own_rates: Vec::new(),
            aid: Aid::Plain,
            radius: 0.3,
            strength: 0.1,
            slope: 2.0,
            transfer: Transfer::Mask,
            frozen: 50.0,
            examples: 0,
            rate: 0.1,
            rate_shape: RateShape::Cosine,
            seed: 0,
        }
    }
}

impl Config {
    /// Sizes of the trained network, input first.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![crate::core::digits::PIXELS, self.hidden1 as usize];
        if self.hidden2 > 0 {
            sizes.push(self.hidden2 as usize);
        }
        sizes.push(crate::core::digits::CLASSES);
        sizes
    }

    /// Sparsities of one's own, in per cent, one a layer of the trained network.
    pub fn rates(&self) -> Vec<f64> {
        let mut rates = vec![self.rate1, self.rate2, self.rate3];
        rates.truncate(self.sizes().len() - 1);
        rates
    }

    /// Sparsity of a tensor of an opened file, in per cent.
    pub fn rate_of(&self, name: &str) -> f64 {
        let own = self.own_rates.iter().find(|(tensor, _)| tensor == name);
        own.map_or(self.sparsity, |(_, rate)| *rate)
    }

    /// Gives a tensor of an opened file a sparsity of its own, in per cent.
    pub fn set_rate(&mut self, name: &str, rate: f64) {
        self.own_rates.retain(|(tensor, _)| tensor != name);
        if rate != self.sparsity {
            self.own_rates.push((name.to_owned(), rate));
        }
    }

    /// Sparsity of the whole network, in per cent: that of the config, or what one's own rates come
    /// to, counted in weights.
    pub fn total_sparsity(&self) -> f64 {
        let by_hand = self.regime == Regime::Cut && self.method == Method::Manual;
        if !by_hand || self.source == Source::Imported {
            return self.sparsity;
        }
        let sizes = self.sizes();
        let (mut gone, mut all) = (0, 0);
        for (pair, rate) in sizes.windows(2).zip(self.rates()) {
            let n = pair[0] * pair[1];
            gone += super::select::count_rule(rate / 100.0, n);
            all += n;
        }
        100.0 * gone as f64 / all.max(1) as f64
    }

    /// What the config runs, in a few words.
    pub fn label(&self) -> String {
        let how = match self.regime {
            Regime::Cut => return self.cut_words(),
            Regime::Gradual => {
                let window = format!("{} to {} %", self.begin, self.finish);
                let words = match self.shape {
                    Shape::OneShot => format!("one-shot at {} %", self.begin),
                    shape => format!("{} {window}", shape.words()),
                };
                let by = match self.method {
                    Method::Magnitude if self.granularity == Granularity::Global => String::new(),
                    _ => format!(" by {}", self.cut_words().split(", ").next().unwrap_or("")),
                };
                let fade = match self.fade {
                    Fade::Hard => "",
                    _ => ", annealed gradients",
                };
                format!("{words}{by}{fade}{}", self.aid_words())
            }
            Regime::Exchange => match self.exchange {
                Exchange::Gradient => "RigL".to_owned(),
                Exchange::Random => "SET".to_owned(),
                Exchange::Never => "fixed random mask".to_owned(),
            },
            Regime::Ticket => "lottery ticket".to_owned(),
            Regime::Sap => "SAP".to_owned(),
            Regime::Flicker => match self.switching {
                Switching::Random => "subnetwork annealing, random".to_owned(),
                Switching::Temperature => "subnetwork annealing, temperature".to_owned(),
            },
            Regime::HyperSparse => "HyperSparse".to_owned(),
            Regime::Surgery => {
                let how = match self.surgery {
                    Surgery::SparseGpt => "SparseGPT",
                    Surgery::Surgeon => "optimal brain surgeon",
                    Surgery::Wanda => "Wanda by row",
                    Surgery::Magnitude => "magnitude by row",
                    Surgery::LowRank if self.directions == 100.0 => "low rank",
                    Surgery::LowRank => "low rank with columns",
                };
                if self.surgery == Surgery::LowRank {
                    return format!("{how}, {} % fewer numbers", self.sparsity);
                }
                if self.pattern == Pattern::Groups {
                    return format!("{how}, {}:{}", self.keep_n, self.group_m);
                }
                how.to_owned()
            }
            Regime::Tune => {
                let cut = self.cut_words();
                let cut = cut.split(", ").next().unwrap_or("").to_owned();
                format!("{cut} and fine-tuning{}", self.aid_words())
            }
            Regime::Dynamic => {
                return format!("units by image, {} % of the activation", self.mass);
            }
            Regime::Transfer => match self.transfer {
                Transfer::Mask => return "mask tuning, weights stay".to_owned(),
                Transfer::Half => return format!("fine-tuning, {} % frozen", self.frozen),
                Transfer::Open => "sparse pre-training with dense tuning".to_owned(),
                Transfer::Shut => "sparse pre-training with sparse tuning".to_owned(),
            },
        };
        format!("{how}, {} %", self.sparsity)
    }

    fn aid_words(&self) -> &'static str {
        match self.aid {
            Aid::Plain => "",
            Aid::Sharpness => " with sharpness-aware steps",
            Aid::AdaSap => " with AdaSAP",
            Aid::Shrink => " with regularised shrinking",
            Aid::Compander => " with a weight compander",
            Aid::Flow => " with feature flow",
            Aid::Balance => " with class weights",
        }
    }

    /// The method of one cut, with its sparsity.
    pub(super) fn cut_words(&self) -> String {
        let scope = match self.granularity {
            Granularity::Global => "global",
            Granularity::Layer => "per-layer",
        };
        let method = match self.method {
            Method::Magnitude => format!("{scope} magnitude"),
            Method::Random => format!("{scope} random"),
            Method::Lamp => "LAMP".to_owned(),
            Method::Erk => "ERK magnitude".to_owned(),
            Method::Wanda => "Wanda".to_owned(),
            Method::Obd => "OBD (Fisher)".to_owned(),
            Method::Units => "hidden units, L2 norm".to_owned(),
            Method::JointDp => "joint DP".to_owned(),
            Method::Contribution => "relative contribution".to_owned(),
            Method::Block => format!("blocks {} × {}", self.block_rows, self.block_cols),
            Method::Manual if self.source == Source::Imported => {
                let own = self.own_rates.len();
                return format!("own rates ({own} of one's own), {} % else", self.sparsity);
            }
            Method::Manual => {
                let rates: Vec<String> = self.rates().iter().map(f64::to_string).collect();
                return format!("own rates {} %", rates.join(" / "));
            }
            Method::Movement => "movement".to_owned(),
            Method::Snr => "signal to noise".to_owned(),
            Method::Saap => match self.fusion {
                Fusion::Both => "hidden units, SAAP".to_owned(),
                Fusion::Vector => "hidden units, vector-wise Taylor".to_owned(),
                Fusion::Element => "hidden units, element-wise Taylor".to_owned(),
            },
            Method::Sketch => match self.choosing {
                Choosing::Top => "norm sketch".to_owned(),
                Choosing::Free => "data-free sketch".to_owned(),
                Choosing::Drawn => "sampled sketch".to_owned(),
            },
            Method::Snip => "SNIP".to_owned(),
            Method::Grasp => "GraSP".to_owned(),
            Method::SynFlow => format!("SynFlow {} rounds", self.rounds),
            Method::NOfM => return format!("{}:{} magnitude", self.keep_n, self.group_m),
        };
        format!("{method}, {} %", self.sparsity)
    }
}
