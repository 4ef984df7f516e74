//! The exact denoiser of a finite image set, `D(x) = sum_n w_n y_n`,
//! `w = softmax_n(-|x - y_n|^2 / (2 v))`, in the streaming form of attention: running maximum, sum
//! of weights and weighted sum, rescaled when the maximum rises. Every row of the data is read once
//! per tile of 64 queries. A dispatch takes a chunk of rows and goes on from the last one, so that
//! long work can be sliced and given up; rows wider than 64 values are added up in slices.
//!
//! |gpu - cpu| of an estimate stays below 5e-4 of the data's size, from distances that are summed
//! in single precision.

use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Values that one dispatch adds up.
pub const IMAGE_SLICE: usize = 64;
/// Widest row: one tile of workgroup memory.
pub const IMAGE_MOST: usize = 2048;
/// Loop iterations of an invocation that stay far from what drivers allow.
const ITERATIONS: usize = 30_000;
/// Weights below e^-80 of the largest count as this.
const LEAST: f64 = -80.0;

/// Parameters of one chunk.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Pod, Zeroable)]
pub struct ImageDenoiseParams {
    /// Number of queries.
    pub queries: u32,
    /// Values of a row, in fours.
    pub quads: u32,
    /// First row of the chunk.
    pub first: u32,
    /// Rows of the chunk.
    pub rows: u32,
    /// Which [`IMAGE_SLICE`] values are added up.
    pub slice: u32,
    /// 1 to start from nothing.
    pub fresh: u32,
    /// 1 / (2 variance) of the noise around a row.
    pub half_inverse: f32,
    /// Unused.
    pub pad0: u32,
}

/// Rows that one dispatch may take for rows of this many fours.
pub fn image_chunk(quads: usize) -> u32 {
    // Distances, sum and its rescaling, and a share of loading the tile.
    (ITERATIONS / (quads + 2 * IMAGE_SLICE / 4 + quads / 16 + 2)).max(1) as u32
}

/// Adds a chunk of rows to the running state of every query.
#[derive(Debug)]
pub struct ImageDenoise;

impl Kernel for ImageDenoise {
    const NAME: &'static str = "image_denoise";
    const WGSL: &'static str = include_str!("../../../shaders/image_denoise.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = ImageDenoiseParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("data"),
        Binding::read("points"),
        Binding::write("running"),
        Binding::write("sums"),
    ];
    const FIELDS: &'static [(&'static str, usize)] = kernel_fields!(
        ImageDenoiseParams: queries, quads, first, rows, slice, fresh, half_inverse, pad0
    );
}

/// Running state of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageState {
    /// Largest logit so far.
    pub top: f64,
    /// Sum of the weights relative to it.
    pub weight: f64,
    /// Sum of weight times logit relative to it.
    pub lag: f64,
    /// Row of the largest logit.
    pub best: usize,
    /// Weighted sum of the rows.
    pub sum: Vec<f64>,
}

/// The same in double precision: `rows` of `width` values and one query after the other.
pub fn image_denoise_cpu(
    data: &[f32],
    width: usize,
    points: &[f32],
    half_inverse: f64,
) -> Vec<ImageState> {
    let one = |x: &[f32]| {
        let logit = |y: &[f32]| {
            let square = x.iter().zip(y).map(|(x, y)| {
                let away = f64::from(*x) - f64::from(*y);
                away * away
            });
            -half_inverse * num::sum(square)
        };
        let mut state = ImageState {
            top: f64::NEG_INFINITY,
            weight: 0.0,
            lag: 0.0,
            best: 0,
            sum: vec![0.0; width],
        };
        for (n, y) in data.chunks_exact(width).enumerate() {
            let z = logit(y);
            if z > state.top {
                (state.top, state.best) = (z, n);
            }
        }
        for y in data.chunks_exact(width) {
            let lag = (logit(y) - state.top).max(LEAST);
            let weight = num::exp(lag);
            state.weight += weight;
            state.lag += weight * lag;
            for (s, y) in state.sum.iter_mut().zip(y) {
                *s += weight * f64::from(*y);
            }
        }
        state
    };
    points.chunks_exact(width).map(one).collect()
}

/// Queries as the kernel takes them: fours after fours, all queries of a four together.
pub fn image_points(points: &[f32], width: usize) -> Vec<[f32; 4]> {
    let four = |x: &[f32], c: usize| [x[4 * c], x[4 * c + 1], x[4 * c + 2], x[4 * c + 3]];
    (0..width / 4)
        .flat_map(|c| points.chunks_exact(width).map(move |x| four(x, c)))
        .collect()
}

impl Twin for ImageDenoise {
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let mut draws = Stream::new(seed, StreamId::Test);
        let width = [4, 20, 64, 48][(seed % 4) as usize];
        let rows = [1, 7, 33, 130][(seed / 4 % 4) as usize];
        let mut values =
            |count: usize| -> Vec<f32> { (0..count).map(|_| 0.6 * draws.normal_f32()).collect() };
        let (data, points) = (values(rows * width), values(n as usize * width));
        let half_inverse = [0.02, 0.5, 3.0][(seed % 3) as usize];
        let states = image_denoise_cpu(&data, width, &points, f64::from(half_inverse));
        let running: Vec<f64> = states
            .iter()
            .flat_map(|s| [s.top, s.weight, s.lag, s.best as f64])
            .collect();
        let sums: Vec<f64> = (0..width / 4)
            .flat_map(|c| {
                states
                    .iter()
                    .flat_map(move |s| s.sum[4 * c..4 * c + 4].to_vec())
            })
            .collect();
        let size = |i: usize| states[i].weight;
        let queries = states.len().max(1);
        let params = ImageDenoiseParams {
            queries: n,
            quads: width as u32 / 4,
            rows: rows as u32,
            fresh: 1,
            half_inverse,
            ..ImageDenoiseParams::default()
        };
        Case::new(&params, n)
            .input(&data)
            .input(&image_points(&points, width))
            .output(Want::near(&running, |i, v| match i % 4 {
                0 => 1e-5 * (1.0 + v.abs()),
                3 => 0.25,
                _ => 5e-4 * (1.0 + size(i / 4)),
            }))
            .output(Want::near(&sums, |i, _| {
                5e-4 * (1.0 + size(i / 4 % queries))
            }))
    }
}
