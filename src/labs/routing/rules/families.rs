//! The top-k families of published models: what is chosen, and with which weights.
//!
//! Read from the transformers modules named at each function. Ties go to the lower index.

use crate::core::gate::{normalised, pick, softmax, top_k};
use crate::core::num;

/// Chosen experts, best first, and their weights.
pub type Routed = (Vec<usize>, Vec<f64>);

/// Mixtral: softmax, top-k, weights renormalised over the k.
pub fn mixtral(z: &[f64], k: usize) -> Routed {
    let (chosen, weights) = qwen2_moe(z, k);
    let weights = normalised(&weights);
    (chosen, weights)
}

/// Qwen2-MoE, OLMoE: softmax, top-k, weights as they are.
pub fn qwen2_moe(z: &[f64], k: usize) -> Routed {
    let p = softmax(z);
    let chosen = top_k(&p, k);
    let weights = pick(&p, &chosen);
    (chosen, weights)
}

/// Granite: top-k of the logits, softmax over the k.
pub fn granite(z: &[f64], k: usize) -> Routed {
    let chosen = top_k(z, k);
    let weights = softmax(&pick(z, &chosen));
    (chosen, weights)
}

/// GPT-OSS: as Granite, on logits with the gate's bias.
pub fn gpt_oss(z: &[f64], bias: &[f64], k: usize) -> Routed {
    granite(&biased(z, bias), k)
}

/// Llama 4: top-1 (in general top-k) of the logits, weight is the sigmoid.
pub fn llama4(z: &[f64], k: usize) -> Routed {
    let chosen = top_k(z, k);
    let weights = pick(z, &chosen).into_iter().map(num::sigmoid).collect();
    (chosen, weights)
}

/// Phi-MoE's sparse mixer in evaluation: take the best, leave out experts far below it, softmax over
/// the rest; then the same without the expert taken.
pub fn phimoe(z: &[f64], k: usize, jitter_eps: f64) -> Routed {
    let mut v = z.to_vec();
    let (mut chosen, mut weights) = (Vec::new(), Vec::new());
    for _ in 0..k {
        let e = crate::core::gate::argmax(&v);
        let m = v[e];
        let left: Vec<f64> = v
            .iter()
            .zip(z)
            .map(|(&vi, &zi)| {
                let far = (m - zi) / zi.abs().max(m) > 2.0 * jitter_eps;
                if far { f64::NEG_INFINITY } else { vi }
            })
            .collect();
        chosen.push(e);
        weights.push(softmax(&left)[e]);
        v[e] = f64::NEG_INFINITY;
    }
    (chosen, weights)
}

/// Entry by entry z + b.
pub fn biased(z: &[f64], bias: &[f64]) -> Vec<f64> {
    z.iter().zip(bias).map(|(z, b)| z + b).collect()
}

/// A choice restricted to the best groups of experts.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouped {
    /// Score of each group.
    pub group_scores: Vec<f64>,
    /// Groups kept, best first.
    pub groups: Vec<usize>,
    /// Selecting scores, -infinity outside the groups kept.
    pub masked: Vec<f64>,
    /// Experts and weights.
    pub routed: Routed,
}

/// Sizes of a grouped router.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Groups {
    /// Number of groups, a divisor of the number of experts.
    pub groups: usize,
    /// Groups kept.
    pub topk_group: usize,
    /// Experts chosen.
    pub k: usize,
    /// Factor on the weights.
    pub scale: f64,
}

fn masked(
    scores: &[f64],
    shape: Groups,
    group_score: fn(&[f64]) -> f64,
) -> (Vec<f64>, Vec<usize>, Vec<f64>) {
    let size = scores.len() / shape.groups;
    let group_scores: Vec<f64> = scores.chunks(size).map(group_score).collect();
    let groups = top_k(&group_scores, shape.topk_group);
    let masked = scores
        .iter()
        .enumerate()
        .map(|(e, &s)| {
            if groups.contains(&(e / size)) {
                s
            } else {
                f64::NEG_INFINITY
            }
        })
        .collect();
    (group_scores, groups, masked)
}

/// DeepSeek-V3: sigmoid scores; chosen by score + bias, group score = sum of the two largest;
/// weights from the scores without bias, renormalised, times the scale.
pub fn deepseek_v3(z: &[f64], bias: &[f64], shape: Groups) -> Grouped {
    let s: Vec<f64> = z.iter().map(|&z| num::sigmoid(z)).collect();
    let (group_scores, groups, masked) = masked(&biased(&s, bias), shape, |group| {
        top_k(group, 2).iter().map(|&i| group[i]).sum()
    });
    let chosen = top_k(&masked, shape.k);
    let weights = renormalised(&pick(&s, &chosen), shape.scale);
    Grouped {
        group_scores,
        groups,
        masked,
        routed: (chosen, weights),
    }
}

/// DeepSeek-V2: softmax, group score = max, weights not renormalised, scale 1.
pub fn deepseek_v2(z: &[f64], shape: Groups) -> Grouped {
    let p = softmax(z);
    let (group_scores, groups, masked) = masked(&p, shape, |group| {
        group.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    });
    let chosen = top_k(&masked, shape.k);
    let weights = pick(&p, &chosen);
    Grouped {
        group_scores,
        groups,
        masked,
        routed: (chosen, weights),
    }
}

/// DeepSeek-V4's score: sqrt(softplus(z)).
pub fn v4_scores(z: &[f64]) -> Vec<f64> {
    z.iter()
        .map(|&z| (z.max(0.0) + num::ln_1p(num::exp(-z.abs()))).sqrt())
        .collect()
}

/// DeepSeek-V4: chosen by score + bias, weights from the scores, renormalised, scaled.
pub fn deepseek_v4(z: &[f64], bias: &[f64], k: usize, scale: f64) -> Routed {
    let s = v4_scores(z);
    let chosen = top_k(&biased(&s, bias), k);
    let weights = renormalised(&pick(&s, &chosen), scale);
    (chosen, weights)
}

/// Weights of DeepSeek-V4 for experts given by a token-id table.
pub fn v4_hash_weights(z: &[f64], chosen: &[usize], scale: f64) -> Vec<f64> {
    renormalised(&pick(&v4_scores(z), chosen), scale)
}

/// LongCat-Flash: softmax, chosen by p + bias, weights p times the scale.
pub fn longcat_flash(z: &[f64], bias: &[f64], k: usize, scale: f64) -> Routed {
    let p = softmax(z);
    let chosen = top_k(&biased(&p, bias), k);
    let weights = pick(&p, &chosen).iter().map(|w| w * scale).collect();
    (chosen, weights)
}

/// ERNIE 4.5: softmax, chosen by p + bias, weights p renormalised.
pub fn ernie4_5(z: &[f64], bias: &[f64], k: usize) -> Routed {
    let p = softmax(z);
    let chosen = top_k(&biased(&p, bias), k);
    let weights = normalised(&pick(&p, &chosen));
    (chosen, weights)
}

fn renormalised(s: &[f64], scale: f64) -> Vec<f64> {
    let total: f64 = s.iter().sum::<f64>() + 1e-20;
    s.iter().map(|v| v / total * scale).collect()
}
