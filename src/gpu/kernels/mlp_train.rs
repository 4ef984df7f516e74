//! Training of 64-32-10 networks side by side: one workgroup a run, a few updates a dispatch, the
//! batches shared by the runs of a seed and the rates their own. Hidden layer ReLU, softmax
//! cross-entropy; SGD with momentum (rule 0), AdamW (rule 1), Schedule-Free SGD (rule 2) or
//! Schedule-Free AdamW (rule 3).
//!
//! Against the CPU ([`crate::core::mlp`], [`crate::labs::lr::optimizers`]) the first three updates agree: losses and squared norms
//! of the gradients within 1e-4 relative, moments within 1e-4 of the largest of their kind, weights
//! within 1e-4 relative (1e-5 for those below 0.1). AdamW divides a gradient by its own size, so a
//! weight whose gradients are rounding noise may be off by as much as its updates; the bound grows
//! with that noise's share. Later on the trajectories part, because rounding grows: only the loss
//! after a whole run is comparable, within 1 %.

use crate::core::mlp::{Mlp, Optimizer, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Error, Result, num};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use crate::labs::lr::optimizers::{Averaging, FreeConfig, FreeKind, ScheduleFree};
use bytemuck::{Pod, Zeroable};

/// Layer sizes the kernel is made for.
pub const MLP_SIZES: [usize; 3] = [64, 32, 10];
/// Parameters of such a network.
pub const MLP_PARAMS: usize = 2410;
/// Largest batch.
pub const MLP_MAX_BATCH: u32 = 32;
/// Most updates in one dispatch: more would come near the loop limits of some drivers.
pub const MLP_MAX_STEPS: u32 = 8;

/// Parameters of [`MlpTrain`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct MlpTrainParams {
    /// Networks.
    pub runs: u32,
    /// Networks in a row that share their batches, at least 1.
    pub lanes: u32,
    /// Sets of batches: runs over lanes, rounded up.
    pub sets: u32,
    /// First update of this dispatch within the tables of batches, rates and corrections.
    pub first: u32,
    /// Updates in this dispatch, at most [`MLP_MAX_STEPS`].
    pub steps: u32,
    /// Samples per update, 1 to [`MLP_MAX_BATCH`].
    pub batch: u32,
    /// 0: SGD with momentum; 1: AdamW; 2: Schedule-Free SGD; 3: Schedule-Free AdamW.
    pub rule: u32,
    /// Momentum of SGD, decay of AdamW's first moment, interpolation β of Schedule-Free.
    pub beta1: f32,
    /// Decay of the second moment (AdamW, Schedule-Free AdamW).
    pub beta2: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

/// How the kernel moves a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MlpRule {
    /// SGD with momentum or AdamW, from zero moments.
    Plain(Optimizer),
    /// Schedule-Free SGD or AdamW: the weights are y, the first moments z, equal at the start.
    Free(FreeConfig),
}

impl MlpRule {
    /// The uniform parameters; the sizes are still zero.
    ///
    /// # Errors
    /// Schedule-Free RAdam, for which there is no kernel.
    pub fn params(&self) -> Result<MlpTrainParams> {
        let (rule, beta1, beta2, weight_decay) = match *self {
            Self::Plain(Optimizer::Sgd {
                momentum,
                weight_decay,
            }) => (0, momentum, 0.0, weight_decay),
            Self::Plain(Optimizer::AdamW {
                beta1,
                beta2,
                weight_decay,
            }) => (1, beta1, beta2, weight_decay),
            Self::Free(c) => {
                let rule = match c.kind {
                    FreeKind::Sgd => 2,
                    FreeKind::AdamW => 3,
                    FreeKind::RAdam => {
                        let what = "Schedule-Free RAdam on a device".to_owned();
                        return Err(Error::Unsupported(what));
                    }
                };
                (rule, c.beta as f32, c.beta2 as f32, c.weight_decay as f32)
            }
        };
        Ok(MlpTrainParams {
            rule,
            beta1,
            beta2,
            weight_decay,
            ..MlpTrainParams::default()
        })
    }

    /// The corrections of every update made at these rates.
    pub fn corrections(&self, rates: &[f64]) -> Vec<[f32; 2]> {
        match self {
            Self::Plain(rule) => (1..=rates.len() as u32)
                .map(|t| rule.corrections(t).into())
                .collect(),
            Self::Free(config) => {
                let mut averaging = Averaging::new(config);
                let divisor = |t: u32| match config.kind {
                    FreeKind::Sgd => 1.0,
                    _ => 1.0 / (1.0 - num::pow(config.beta2, f64::from(t))).sqrt(),
                };
                (1..)
                    .zip(rates)
                    .map(|(t, rate)| [averaging.next(*rate) as f32, divisor(t) as f32])
                    .collect()
            }
        }
    }

    /// The first moments that a network starts with.
    pub fn first_moments(&self, weights: &[f32]) -> Vec<f32> {
        match self {
            Self::Plain(_) => vec![0.0; weights.len()],
            Self::Free(_) => weights.to_vec(),
        }
    }

    /// The correction of an update at rate 0 that leaves the weights where the network is
    /// evaluated; `None` where they already are there. (Schedule-Free: x = y + (1 - 1/β)(z - y).)
    pub fn closing(&self) -> Option<[f32; 2]> {
        match self {
            Self::Plain(_) => None,
            Self::Free(config) => Some([(1.0 - 1.0 / config.beta) as f32, 1.0]),
        }
    }
}

/// Training of small networks.
#[derive(Debug)]
pub struct MlpTrain;

impl Kernel for MlpTrain {
    const NAME: &'static str = "mlp_train";
    const WGSL: &'static str = include_str!("../../../shaders/mlp_train.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = MlpTrainParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("x"),
        Binding::read("labels"),
        Binding::read("rates"),
        Binding::read("corrections"),
        Binding::write("weights"),
        Binding::write("moments"),
        Binding::write("trace"),
    ];
    const FIELDS: &'static [(&'static str, usize)] = kernel_fields!(
        MlpTrainParams: runs, lanes, sets, first, steps, batch, rule, beta1, beta2, weight_decay,
        pad0, pad1
    );
}

/// One network in training.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpState {
    /// Parameters.
    pub weights: Vec<f32>,
    /// First moments (Schedule-Free: z), then second moments (zero for SGD).
    pub moments: Vec<f32>,
}

/// The same updates on the CPU, from the start of the rule: changes the network and gives the loss
/// before and the squared gradient norm of every update.
///
/// # Errors
/// A Schedule-Free β outside (0, 1).
pub fn mlp_train_cpu(
    rule: MlpRule,
    net: &mut Mlp,
    rates: &[f32],
    batches: &[(Vec<f32>, Vec<u8>)],
) -> Result<(MlpState, Vec<[f64; 2]>)> {
    let count = net.params().len();
    let (mut grad, mut work) = (vec![0.0; count], Workspace::default());
    let mut trace = Vec::new();
    let mut gradient = |net: &Mlp, (x, labels): &(Vec<f32>, Vec<u8>), grad: &mut Vec<f32>| {
        let loss = net.gradient(x, labels, None, grad, &mut work);
        let square = grad.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        trace.push([loss, square]);
    };
    let [mut moments, second] = match rule {
        MlpRule::Plain(rule) => {
            let mut state = rule.state(count);
            for (rate, batch) in rates.iter().zip(batches) {
                gradient(net, batch, &mut grad);
                rule.update(&mut state, net.params_mut(), &grad, *rate);
            }
            [state.first, state.second]
        }
        MlpRule::Free(config) => {
            let wide = |v: &[f32]| -> Vec<f64> { v.iter().map(|w| f64::from(*w)).collect() };
            let narrow = |v: &[f64]| -> Vec<f32> { v.iter().map(|w| *w as f32).collect() };
            let mut run = ScheduleFree::new(config, &wide(net.params()))?;
            for (rate, batch) in rates.iter().zip(batches) {
                gradient(net, batch, &mut grad);
                run.update_at(&wide(&grad), f64::from(*rate), false);
                net.params_mut().copy_from_slice(&narrow(&run.y));
            }
            [narrow(&run.z), narrow(&run.second)]
        }
    };
    moments.extend(second);
    moments.resize(2 * count, 0.0);
    let weights = net.params().to_vec();
    Ok((MlpState { weights, moments }, trace))
}

/// What a comparison wants of floats: the values and how far each may be off.
#[derive(Default)]
struct Wanted {
    values: Vec<f64>,
    bounds: Vec<f64>,
}

impl Wanted {
    fn push(&mut self, value: f64, bound: f64) {
        self.values.push(value);
        self.bounds.push(bound);
    }

    fn want(self) -> Want {
        Want::near(&self.values, |i, _| self.bounds[i])
    }
}

fn largest(values: &[f32]) -> f64 {
    values
        .iter()
        .fold(0.0, |top, v| top.max(f64::from(v.abs())))
}

/// Bounds of one network's state after updates with rates that add up to `moved`.
fn wanted(rule: MlpRule, state: &MlpState, moved: f64, weights: &mut Wanted, moments: &mut Wanted) {
    let (first, second) = state.moments.split_at(MLP_PARAMS);
    let divided = match rule {
        MlpRule::Plain(rule) => matches!(rule, Optimizer::AdamW { .. }),
        MlpRule::Free(config) => config.kind != FreeKind::Sgd,
    };
    let top = largest(second).sqrt();
    // Where the rounding noise of a gradient is divided by its own size.
    let noise = |v: f32| {
        if divided {
            (1e-5 * top / f64::from(v).sqrt().max(1e-30)).min(1.0)
        } else {
            0.0
        }
    };
    let iterates = |values: &[f32], out: &mut Wanted| {
        for (w, v) in values.iter().zip(second) {
            let w = f64::from(*w);
            out.push(w, 1e-4 * w.abs().max(0.1) + 2.0 * moved * noise(*v));
        }
    };
    let sums = |values: &[f32], out: &mut Wanted| {
        let bound = 1e-4 * largest(values);
        for v in values {
            out.push(f64::from(*v), bound);
        }
    };
    match rule {
        MlpRule::Plain(_) => sums(first, moments),
        MlpRule::Free(_) => iterates(first, moments),
    }
    sums(second, moments);
    iterates(&state.weights, weights);
}

/// The four rules in turn.
fn rule_of(seed: u64) -> MlpRule {
    let free = |kind, weight_decay| {
        MlpRule::Free(FreeConfig {
            kind,
            lr: 1.0,
            beta: 0.9,
            beta2: 0.999,
            warmup: 0,
            weight_decay,
            r: 0.0,
            weight_lr_power: 2.0,
            silent_sgd_phase: true,
        })
    };
    match seed % 4 {
        0 => MlpRule::Plain(Optimizer::Sgd {
            momentum: 0.9,
            weight_decay: 1e-3,
        }),
        1 => MlpRule::Plain(Optimizer::AdamW {
            beta1: 0.9,
            beta2: 0.95,
            weight_decay: 0.1,
        }),
        2 => free(FreeKind::Sgd, 1e-3),
        _ => free(FreeKind::AdamW, 0.1),
    }
}

impl Twin for MlpTrain {
    const FOLDS: bool = false;

    fn sizes() -> Vec<u32> {
        vec![0, 1, 2, 7, 3, 5, 6, 4]
    }

    /// `n` networks in pairs of the same data, three updates; the rule by the seed.
    fn case(n: u32, seed: u64) -> Case {
        let (steps, lanes, sets) = (3, 2, n.div_ceil(2).max(1));
        let batch = if n == 2 { 5 } else { MLP_MAX_BATCH };
        let rule = rule_of(seed);
        let mut stream = Stream::new(seed, StreamId::Test);
        let batches: Vec<(Vec<f32>, Vec<u8>)> = (0..steps * sets)
            .map(|_| {
                let x = (0..batch * 64).map(|_| stream.normal_f32()).collect();
                (x, (0..batch).map(|_| stream.below(10) as u8).collect())
            })
            .collect();
        // A rate that rises and falls, so that averaging weights differ from 1/t.
        let shape = [0.5_f32, 1.0, 0.75];
        let (mut before, mut moved) = (Vec::new(), Vec::new());
        let mut rates = vec![0.0; (steps * n) as usize];
        let mut traces = vec![[0.0; 2]; (steps * n) as usize];
        let (mut weights, mut moments) = (Wanted::default(), Wanted::default());
        for run in 0..n {
            let mut draws = Stream::new(seed, StreamId::Weights).replicate(run);
            let Ok(mut net) = Mlp::new(&MLP_SIZES, &mut draws) else {
                continue;
            };
            before.extend_from_slice(net.params());
            for start in [rule.first_moments(net.params()), vec![0.0; MLP_PARAMS]] {
                moved.extend(start);
            }
            let own = shape.map(|s| s * (0.01 + 0.002 * run as f32));
            let seen: Vec<_> = (0..steps)
                .map(|s| batches[(s * sets + run / lanes) as usize].clone())
                .collect();
            let Ok((state, trace)) = mlp_train_cpu(rule, &mut net, &own, &seen) else {
                continue;
            };
            let distance = own.iter().map(|r| f64::from(*r)).sum();
            wanted(rule, &state, distance, &mut weights, &mut moments);
            for (s, (rate, at)) in own.into_iter().zip(trace).enumerate() {
                let index = s * n as usize + run as usize;
                (rates[index], traces[index]) = (rate, at);
            }
        }
        let corrections = rule.corrections(&shape.map(f64::from));
        let params = MlpTrainParams {
            runs: n,
            lanes,
            sets,
            steps,
            batch,
            ..rule.params().unwrap_or_default()
        };
        let (x, labels): (Vec<_>, Vec<_>) = batches.into_iter().unzip();
        let labels: Vec<u32> = labels.concat().into_iter().map(u32::from).collect();
        Case::new(&params, n * Self::WORKGROUP)
            .input(&x.concat())
            .input(&labels)
            .input(&rates)
            .input(&corrections)
            .update(&before, weights.want())
            .update(&moved, moments.want())
            .output(Want::near(traces.as_flattened(), |_, v| {
                1e-4 * v.abs() + 1e-6
            }))
    }
}
