//! Training of 64-32-10 networks side by side: one workgroup a run, a few updates a dispatch, the
//! batches shared by the runs of a seed and the rates their own. Hidden layer ReLU, softmax
//! cross-entropy, SGD with momentum (rule 0) or AdamW (rule 1).
//!
//! Against the CPU ([`crate::core::mlp`]) the first three updates agree: losses and squared norms
//! of the gradients within 1e-4 relative, moments within 1e-4 of the largest of their kind, weights
//! within 1e-4 relative (1e-5 for those below 0.1). AdamW divides a gradient by its own size, so a
//! weight whose gradients are rounding noise may be off by as much as its updates; the bound grows
//! with that noise's share. Later on the trajectories part, because rounding grows: only the loss
//! after a whole run is comparable, within 1 %.

use crate::core::mlp::{Mlp, Optimizer, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
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
    /// 0: SGD with momentum; 1: AdamW.
    pub rule: u32,
    /// Momentum of SGD, decay of AdamW's first moment.
    pub beta1: f32,
    /// Decay of AdamW's second moment.
    pub beta2: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// Unused.
    pub pad0: u32,
    /// Unused.
    pub pad1: u32,
}

impl MlpTrainParams {
    /// The parameters of an update rule; the sizes are still zero.
    pub fn of(rule: Optimizer) -> Self {
        let (rule, beta1, beta2, weight_decay) = match rule {
            Optimizer::Sgd {
                momentum,
                weight_decay,
            } => (0, momentum, 0.0, weight_decay),
            Optimizer::AdamW {
                beta1,
                beta2,
                weight_decay,
            } => (1, beta1, beta2, weight_decay),
        };
        Self {
            rule,
            beta1,
            beta2,
            weight_decay,
            ..Self::default()
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
    /// First moments, then second moments (zero for SGD).
    pub moments: Vec<f32>,
}

/// The same updates on the CPU, from zero moments: changes the network and gives the loss before
/// and the squared gradient norm of every update.
pub fn mlp_train_cpu(
    rule: Optimizer,
    net: &mut Mlp,
    rates: &[f32],
    batches: &[(Vec<f32>, Vec<u8>)],
) -> (MlpState, Vec<[f64; 2]>) {
    let count = net.params().len();
    let mut state = rule.state(count);
    let (mut grad, mut work) = (vec![0.0; count], Workspace::default());
    let mut trace = Vec::new();
    for (rate, (x, labels)) in rates.iter().zip(batches) {
        let loss = net.gradient(x, labels, None, &mut grad, &mut work);
        let square = grad.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        rule.update(&mut state, net.params_mut(), &grad, *rate);
        trace.push([loss, square]);
    }
    let mut moments = state.first;
    moments.extend(state.second);
    moments.resize(2 * count, 0.0);
    let weights = net.params().to_vec();
    (MlpState { weights, moments }, trace)
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
fn wanted(
    rule: Optimizer,
    state: &MlpState,
    moved: f64,
    weights: &mut Wanted,
    moments: &mut Wanted,
) {
    let (first, second) = state.moments.split_at(MLP_PARAMS);
    for kind in [first, second] {
        let bound = 1e-4 * largest(kind);
        for v in kind {
            moments.push(f64::from(*v), bound);
        }
    }
    let top = largest(second).sqrt();
    for (w, v) in state.weights.iter().zip(second) {
        let noise = match rule {
            Optimizer::Sgd { .. } => 0.0,
            Optimizer::AdamW { .. } => (1e-5 * top / f64::from(*v).sqrt().max(1e-30)).min(1.0),
        };
        let w = f64::from(*w);
        weights.push(w, 1e-4 * w.abs().max(0.1) + 2.0 * moved * noise);
    }
}

impl Twin for MlpTrain {
    const FOLDS: bool = false;

    fn sizes() -> Vec<u32> {
        vec![0, 1, 2, 7]
    }

    /// `n` networks in pairs of the same data, three updates; SGD for even seeds, AdamW for odd.
    fn case(n: u32, seed: u64) -> Case {
        let (steps, lanes, sets) = (3, 2, n.div_ceil(2).max(1));
        let batch = if n == 2 { 5 } else { MLP_MAX_BATCH };
        let rule = if seed.is_multiple_of(2) {
            Optimizer::Sgd {
                momentum: 0.9,
                weight_decay: 1e-3,
            }
        } else {
            Optimizer::AdamW {
                beta1: 0.9,
                beta2: 0.95,
                weight_decay: 0.1,
            }
        };
        let mut stream = Stream::new(seed, StreamId::Test);
        let batches: Vec<(Vec<f32>, Vec<u8>)> = (0..steps * sets)
            .map(|_| {
                let x = (0..batch * 64).map(|_| stream.normal_f32()).collect();
                (x, (0..batch).map(|_| stream.below(10) as u8).collect())
            })
            .collect();
        let (mut before, mut rates) = (Vec::new(), vec![0.0; (steps * n) as usize]);
        let mut traces = vec![[0.0; 2]; (steps * n) as usize];
        let (mut weights, mut moments) = (Wanted::default(), Wanted::default());
        for run in 0..n {
            let mut draws = Stream::new(seed, StreamId::Weights).replicate(run);
            let Ok(mut net) = Mlp::new(&MLP_SIZES, &mut draws) else {
                continue;
            };
            before.extend_from_slice(net.params());
            let own = [0.01 + 0.002 * run as f32; 3];
            let seen: Vec<_> = (0..steps)
                .map(|s| batches[(s * sets + run / lanes) as usize].clone())
                .collect();
            let (state, trace) = mlp_train_cpu(rule, &mut net, &own, &seen);
            wanted(
                rule,
                &state,
                3.0 * f64::from(own[0]),
                &mut weights,
                &mut moments,
            );
            for (s, (rate, at)) in own.into_iter().zip(trace).enumerate() {
                let index = s * n as usize + run as usize;
                (rates[index], traces[index]) = (rate, at);
            }
        }
        let corrections: Vec<[f32; 2]> = (1..=steps).map(|t| rule.corrections(t).into()).collect();
        let params = MlpTrainParams {
            runs: n,
            lanes,
            sets,
            steps,
            batch,
            ..MlpTrainParams::of(rule)
        };
        let (x, labels): (Vec<_>, Vec<_>) = batches.into_iter().unzip();
        let labels: Vec<u32> = labels.concat().into_iter().map(u32::from).collect();
        Case::new(&params, n * Self::WORKGROUP)
            .input(&x.concat())
            .input(&labels)
            .input(&rates)
            .input(&corrections)
            .update(&before, weights.want())
            .update(&vec![0.0_f32; 2 * before.len()], moments.want())
            .output(Want::near(traces.as_flattened(), |_, v| {
                1e-4 * v.abs() + 1e-6
            }))
    }
}
