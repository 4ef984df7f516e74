//! Softmax and top-k of a router, one token an invocation: the k largest logits in order (equal
//! ones by the lower expert), their softmax probabilities and the entropy of the distribution.
//! k ≤ 8, E ≤ 256. The choices are equal to the CPU's, by keys that order the bits of a float;
//! |gate - cpu| ≤ (16 + 4|z - max| + E)·2^-23 of the gate, |entropy - cpu| ≤ (E + 64)·2^-20.

use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use crate::gpu::{Binding, Case, Kernel, Twin, Want, kernel_fields};
use bytemuck::{Pod, Zeroable};

/// Parameters of [`RouteTopk`].
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TopkParams {
    /// Tokens N.
    pub tokens: u32,
    /// Experts E.
    pub experts: u32,
    /// Experts per token, at most E.
    pub k: u32,
    /// Unused.
    pub pad0: u32,
}

/// Chooses experts from `logits` (N × E).
#[derive(Debug)]
pub struct RouteTopk;

impl Kernel for RouteTopk {
    const NAME: &'static str = "route_topk";
    const WGSL: &'static str = include_str!("../../../shaders/route_topk.wgsl");
    const WORKGROUP: u32 = 64;
    type Params = TopkParams;
    const BINDINGS: &'static [Binding] = &[
        Binding::read("logits"),
        Binding::write("chosen"),
        Binding::write("gates"),
        Binding::write("entropy"),
    ];
    const FIELDS: &'static [(&'static str, usize)] =
        kernel_fields!(TopkParams: tokens, experts, k, pad0);
}

/// What the kernel computes, in double precision.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopkOut {
    /// Experts by token, best first (N × k).
    pub chosen: Vec<u32>,
    /// Their softmax probabilities (N × k).
    pub gates: Vec<f64>,
    /// Entropy of each token's distribution, nats.
    pub entropy: Vec<f64>,
}

/// The same on the CPU.
pub fn route_topk_cpu(params: &TopkParams, logits: &[f32]) -> TopkOut {
    let (experts, k) = (params.experts as usize, params.k as usize);
    let mut out = TopkOut::default();
    for row in logits
        .chunks_exact(experts.max(1))
        .take(params.tokens as usize)
    {
        let mut order: Vec<u32> = (0..params.experts).collect();
        // Adding zero makes both zeros equal; the sort is stable, so ties keep the lower expert.
        let value = |e: u32| row[e as usize] + 0.0;
        order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
        let top = f64::from(row[order[0] as usize]);
        let weights: Vec<f64> = row.iter().map(|&z| num::exp(f64::from(z) - top)).collect();
        let total: f64 = weights.iter().sum();
        let moment: f64 = row
            .iter()
            .zip(&weights)
            .map(|(&z, w)| w * (f64::from(z) - top))
            .sum();
        out.entropy.push(num::ln(total) - moment / total);
        out.gates
            .extend(order[..k].iter().map(|&e| weights[e as usize] / total));
        out.chosen.extend(&order[..k]);
    }
    out
}

impl Twin for RouteTopk {
    // The grid folds as everywhere; four million tokens would only cost time.
    const FOLDS: bool = false;

    fn case(n: u32, seed: u64) -> Case {
        let (experts, k) = [(8, 2), (5, 5), (1, 1), (64, 8), (256, 4)][seed as usize % 5];
        let params = TopkParams {
            tokens: n,
            experts,
            k,
            pad0: 0,
        };
        let mut stream = Stream::new(seed, StreamId::Test);
        // Few distinct values, so that ties and both zeros are frequent; some rows are spread wide.
        let logits: Vec<f32> = (0..n * experts)
            .map(|i| {
                let v = stream.below(33) as f32 / 4.0 - 4.0;
                let wide = if (i / experts) % 7 == 3 { 12.0 } else { 1.0 };
                if v == 0.0 && stream.below(2) == 0 {
                    -0.0
                } else {
                    v * wide
                }
            })
            .collect();
        let want = route_topk_cpu(&params, &logits);
        let ulp = f64::from(f32::EPSILON);
        let gate = |_: usize, g: f64| {
            let spread = -num::ln(g.max(1e-300));
            (16.0 + 4.0 * spread + f64::from(experts)) * ulp * g + 1e-37
        };
        let entropy = |_: usize, _: f64| (f64::from(experts) + 64.0) * 8.0 * ulp;
        Case::new(&params, n)
            .input(&logits)
            .output(Want::equal(&want.chosen))
            .output(Want::near(&want.gates, gate))
            .output(Want::near(&want.entropy, entropy))
    }
}
