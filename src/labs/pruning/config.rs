//! Config of the lab.

pub use super::choices::{
    Exchange, Fade, Granularity, Method, NanPolicy, RateShape, Regime, Shape, Source, Switching,
};
use super::kinds::{Aid, Choosing, Coder, Fusion, Pattern, Pick, Surgery, Transfer};
use crate::labs::DataKey;
use serde::{Deserialize, Serialize};

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
    /// Training images to choose from; 0 for all.
    pub pool: u64,
    /// Share of these images that go, in per cent.
    pub images_cut: f64,
    /// Which of them stay.
    pub pick: Pick,
    /// How weights lose bits.
    pub coder: Coder,
    /// Price of a bit a weight in the loss, in nats.
    pub bit_price: f64,
    /// Bits of a weight at first.
    pub first_bits: f64,
    /// Bits of the grid that weights are rounded to.
    pub grid_bits: u64,
    /// Entropy that the rounded weights may have, in bits a weight.
    pub bit_budget: f64,
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
            pool: 0,
            images_cut: 75.0,
            pick: Pick::Hard,
            coder: Coder::Learnt,
            bit_price: 0.3,
            first_bits: 8.0,
            grid_bits: 6,
            bit_budget: 3.2,
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

    /// Gives a tensor of an opened file a sparsity of its own, in per cent. Where all others have
    /// the common one, that needs no entry.
    pub fn set_rate(&mut self, name: &str, rate: f64) {
        self.clear_rate(name);
        if rate != self.sparsity || self.method != Method::Manual {
            self.own_rates.push((name.to_owned(), rate));
        }
    }

    /// Takes the sparsity of its own from a tensor.
    pub fn clear_rate(&mut self, name: &str) {
        self.own_rates.retain(|(tensor, _)| tensor != name);
    }

    /// Whether tensors of an opened file may have rates of their own beside this method.
    pub fn takes_rates(&self) -> bool {
        let method = matches!(
            self.method,
            Method::Manual | Method::Magnitude | Method::Lamp | Method::Erk
        );
        method && self.source == Source::Imported && self.regime == Regime::Cut
    }

    /// Whether some tensors have rates of their own and the method spreads the rest.
    pub fn mixes(&self) -> bool {
        self.takes_rates() && self.method != Method::Manual && !self.own_rates.is_empty()
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
            gone += crate::core::select::count_rule(rate / 100.0, n);
            all += n;
        }
        100.0 * gone as f64 / all.max(1) as f64
    }
}
