//! What the kernels are given to be timed: inputs of a realistic size, without an answer to
//! compare with.

use super::super::kernel::{Kernel, KernelSpec};
use super::super::kernels::{
    Axpb, AxpbParams, CountParams, CsrTimes, CsrTimesParams, Denoise, DenoiseParams, DenseTimes,
    DenseTimesParams, FIRST_ORDER, ImageDenoise, ImageDenoiseParams, MLP_MAX_BATCH, MLP_MAX_STEPS,
    MLP_PARAMS, MlpTrain, MlpTrainParams, Normals, PhiloxWords, PositionParams, RadixHistogram,
    RadixParams, RouteCounts, RoutePositions, RouteTopk, SelectMask, SelectState, StatsParams,
    StreamParams, TensorStats, TileParams, TopkParams, denoise_level,
};
use crate::core::rng::{Stream, StreamId, normal_table};
use crate::labs::pruning::statistics::STATS_BINS;
use bytemuck::Pod;

/// Content of one buffer.
pub(super) enum Fill {
    /// Words written before the first dispatch.
    Words(Vec<u32>),
    /// So many words of zeros.
    Zeros(usize),
}

/// One kernel with its inputs.
pub(super) struct Load {
    pub(super) spec: KernelSpec,
    pub(super) params: Vec<u8>,
    pub(super) invocations: u32,
    pub(super) buffers: Vec<Fill>,
    /// What it is given, in words.
    pub(super) size: String,
    /// Bytes that must be read or written at least once.
    pub(super) bytes: f64,
    /// Multiplications, additions and comparisons of floats; an exponential counts once. 0 for
    /// kernels of integers.
    pub(super) flops: f64,
}

impl Load {
    fn of<K: Kernel>(params: &K::Params, invocations: u32, size: String) -> Self {
        Self {
            spec: KernelSpec::of::<K>(),
            params: bytemuck::bytes_of(params).to_vec(),
            invocations,
            buffers: Vec::new(),
            size,
            bytes: 0.0,
            flops: 0.0,
        }
    }

    /// A buffer that is read.
    fn read<T: Pod>(mut self, values: &[T]) -> Self {
        self.bytes += size_of_val(values) as f64;
        self.buffers
            .push(Fill::Words(super::super::twin::words(values)));
        self
    }

    /// A buffer that is read and written.
    fn update<T: Pod>(self, values: &[T]) -> Self {
        let mut out = self.read(values);
        out.bytes += size_of_val(values) as f64;
        out
    }

    /// A buffer of so many words that is written.
    fn write(mut self, words: u32) -> Self {
        self.bytes += 4.0 * f64::from(words);
        self.buffers.push(Fill::Zeros(words as usize));
        self
    }

    fn flops(self, flops: f64) -> Self {
        Self { flops, ..self }
    }
}

/// Makes the load for `n` elements, a power of two.
pub(super) type Make = fn(n: u32) -> Load;

/// Every kernel that does work in proportion to its data.
pub(super) const LOADS: &[Make] = &[
    axpb, words, normals, denoise, images, training, histogram, mask, statistics, topk, counts,
    positions, dense, csr,
];

/// Random words.
fn scattered(n: u32) -> Vec<u32> {
    let mut stream = Stream::new(1, StreamId::Test);
    (0..n).map(|_| stream.word()).collect()
}

/// Floats from -1 to 1.
fn floats(n: u32) -> Vec<f32> {
    let scale = 1.0 / f64::from(1_u32 << 31);
    scattered(n)
        .into_iter()
        .map(|w| (f64::from(w) * scale - 1.0) as f32)
        .collect()
}

fn axpb(n: u32) -> Load {
    let params = AxpbParams {
        a: 0.5,
        b: 0.25,
        quads: n / 4,
        pad0: 0,
    };
    Load::of::<Axpb>(&params, n / 4, format!("{n} floats"))
        .read(&floats(n))
        .write(n)
        .flops(2.0 * f64::from(n))
}

fn words(n: u32) -> Load {
    let params = StreamParams::new(1, 10, 0, 0, n / 4);
    Load::of::<PhiloxWords>(&params, n / 4, format!("{n} words")).write(n)
}

fn normals(n: u32) -> Load {
    let params = StreamParams::new(1, 10, 0, 0, n / 4);
    Load::of::<Normals>(&params, n / 4, format!("{n} draws"))
        .read(normal_table())
        .write(n)
}

fn denoise(n: u32) -> Load {
    const COMPONENTS: u32 = 8;
    let particles = n / 8;
    let equal = |v: f64| vec![v; COMPONENTS as usize];
    let params = DenoiseParams {
        count: particles,
        components: COMPONENTS,
        second: FIRST_ORDER,
        ratio: 0.9,
        noise: 0.1,
        ..DenoiseParams::default()
    };
    // Twice a squared distance and its scaling, then exponential, weights and sums.
    let each = f64::from(COMPONENTS) * (2.0 * 7.0 + 12.0) + 10.0;
    Load::of::<Denoise>(
        &params,
        particles,
        format!("{particles} particles, 8 modes"),
    )
    .read(normal_table())
    .read(&floats(2 * COMPONENTS))
    .read(&denoise_level(0.7, &equal(0.125), &equal(0.01)))
    .update(&floats(2 * particles))
    .write(2 * particles)
    .flops(f64::from(particles) * each)
}

fn images(n: u32) -> Load {
    const ROWS: u32 = 256;
    const WIDTH: u32 = 64;
    let queries = n / 64;
    let params = ImageDenoiseParams {
        queries,
        quads: WIDTH / 4,
        rows: ROWS,
        fresh: 1,
        half_inverse: 0.5,
        ..ImageDenoiseParams::default()
    };
    let each = f64::from(ROWS) * (3.0 * f64::from(WIDTH) + 2.0 * f64::from(WIDTH) + 6.0);
    let size = format!("{queries} images of 64 pixels, {ROWS} rows");
    Load::of::<ImageDenoise>(&params, queries, size)
        .read(&floats(ROWS * WIDTH))
        .read(&floats(queries * WIDTH))
        .write(4 * queries)
        .write(WIDTH * queries)
        .flops(f64::from(queries) * each)
}

fn training(n: u32) -> Load {
    let runs = (n >> 13).max(1);
    let count = MLP_PARAMS as u32;
    let (steps, batch) = (MLP_MAX_STEPS, MLP_MAX_BATCH);
    let params = MlpTrainParams {
        runs,
        lanes: runs,
        sets: 1,
        steps,
        batch,
        // AdamW.
        rule: 1,
        beta1: 0.9,
        beta2: 0.95,
        weight_decay: 0.1,
        ..MlpTrainParams::default()
    };
    let weights: Vec<f32> = floats(runs * count).iter().map(|w| 0.1 * w).collect();
    let labels: Vec<u32> = scattered(steps * batch).iter().map(|w| w % 10).collect();
    let rates = vec![1e-3_f32; (steps * runs) as usize];
    let corrections = vec![1.0_f32; 2 * steps as usize];
    // Forward, both gradients, and no gradient of the inputs: 2 operations a product.
    let products = f64::from(3 * count - 64 * 32) * f64::from(batch);
    let updates = f64::from(runs * steps);
    let size = format!("{runs} networks, {steps} updates");
    Load::of::<MlpTrain>(&params, 64 * runs, size)
        .read(&floats(steps * batch * 64))
        .read(&labels)
        .read(&rates)
        .read(&corrections)
        .update(&weights)
        .update(&vec![0.0_f32; 2 * (runs * count) as usize])
        .write(2 * steps * runs)
        .flops(updates * 2.0 * products)
}

/// The state of a select that has fixed nothing yet.
fn fresh(n: u32) -> SelectState {
    SelectState {
        k: n / 2,
        ..SelectState::default()
    }
}

fn histogram(n: u32) -> Load {
    let params = RadixParams {
        n,
        bits: 0x7fff_ffff,
        shift: 24,
        pad0: 0,
    };
    Load::of::<RadixHistogram>(&params, n / RadixHistogram::KEYS, format!("{n} weights"))
        .read(&scattered(n))
        .read(&[fresh(n)])
        .update(&[0_u32; 256])
}

fn mask(n: u32) -> Load {
    let params = TileParams::new(n, 0x7fff_ffff);
    let state = SelectState {
        prefix: 0x4000_0000,
        ..fresh(n)
    };
    Load::of::<SelectMask>(&params, n / 32, format!("{n} weights"))
        .read(&scattered(n))
        .read(&[state])
        .read(&vec![0_u32; params.tiles as usize])
        .write(n / 32)
}

fn statistics(n: u32) -> Load {
    let params = StatsParams::new(n);
    Load::of::<TensorStats>(&params, params.invocations(), format!("{n} weights"))
        .read(&floats(n))
        .write(4 * params.tiles)
        .write(2 * params.tiles)
        .update(&[0_u32; STATS_BINS])
}

fn topk(n: u32) -> Load {
    let tokens = n / 256;
    let params = TopkParams {
        tokens,
        experts: 256,
        k: 8,
        pad0: 0,
    };
    let size = format!("{tokens} tokens, top 8 of 256");
    Load::of::<RouteTopk>(&params, tokens, size)
        .read(&floats(tokens * 256))
        .write(8 * tokens)
        .write(8 * tokens)
        .write(tokens)
}

/// Pairs spread evenly over 64 experts.
fn pairs(n: u32) -> (CountParams, Vec<u32>) {
    let params = CountParams::new([n / 8, 64, 2], 64);
    let chosen = scattered(n / 4).iter().map(|w| w % 64).collect();
    (params, chosen)
}

fn counts(n: u32) -> Load {
    let (params, chosen) = pairs(n);
    let size = format!("{} pairs, 64 experts", params.pairs);
    Load::of::<RouteCounts>(&params, params.pairs, size)
        .read(&chosen)
        .write(params.tiles() * params.experts)
}

fn positions(n: u32) -> Load {
    let (sizes, chosen) = pairs(n);
    let params = PositionParams::new(&sizes, sizes.pairs / 64);
    let size = format!("{} pairs, 64 experts", sizes.pairs);
    Load::of::<RoutePositions>(&params, sizes.pairs, size)
        .read(&chosen)
        .read(&vec![0_u32; (sizes.tiles() * sizes.experts) as usize])
        .write(sizes.pairs)
        .write(sizes.pairs)
}

/// Sides of a square matrix with about n / 4 weights.
fn side(n: u32) -> u32 {
    1 << (n.trailing_zeros() / 2 - 1)
}

fn dense(n: u32) -> Load {
    let side = side(n);
    let params = DenseTimesParams::new(side, side);
    let size = format!("{side} × {side} weights");
    Load::of::<DenseTimes>(&params, params.invocations(), size)
        .read(&floats(side * side))
        .read(&floats(side))
        .write(side)
        .flops(2.0 * f64::from(side) * f64::from(side))
}

fn csr(n: u32) -> Load {
    let side = side(n);
    let params = CsrTimesParams::new(side);
    // A tenth of the weights, evenly spread.
    let kept = side.div_ceil(10);
    let starts: Vec<u32> = (0..=side).map(|r| r * kept).collect();
    let columns: Vec<u32> = (0..side)
        .flat_map(|r| (0..kept).map(move |i| (10 * i + r % 10).min(side - 1)))
        .collect();
    let size = format!("{side} × {side} weights, 10 % kept");
    Load::of::<CsrTimes>(&params, params.invocations(), size)
        .read(&starts)
        .read(&columns)
        .read(&floats(side * kept))
        .read(&floats(side))
        .write(side)
        .flops(2.0 * f64::from(side * kept))
}
