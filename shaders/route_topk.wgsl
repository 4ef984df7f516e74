// Router of one token per invocation: its k largest logits (ties to the lower expert), their softmax
// probabilities, and the entropy of the whole distribution.
// #include "lib/grid.wgsl"

struct Params {
    tokens: u32,
    experts: u32,
    k: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// As words: comparing them must not depend on how a device treats subnormal numbers.
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;
@group(0) @binding(3) var<storage, read_write> gates: array<f32>;
@group(0) @binding(4) var<storage, read_write> entropy: array<f32>;

// Larger number, larger key; both zeros are equal.
fn ordered(word: u32) -> u32 {
    let bits = select(word, 0u, word == 0x80000000u);
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let t = linear_index(id, groups, 64u);
    if (t >= params.tokens) {
        return;
    }
    let row = t * params.experts;
    var last_key = 0u;
    var last = 0u;
    for (var j = 0u; j < params.k; j++) {
        var best_key = 0u;
        var best = 0u;
        var found = false;
        for (var e = 0u; e < params.experts; e++) {
            let key = ordered(logits[row + e]);
            let left = j == 0u || key < last_key || (key == last_key && e > last);
            if (left && (!found || key > best_key)) {
                found = true;
                best_key = key;
                best = e;
            }
        }
        chosen[t * params.k + j] = best;
        last_key = best_key;
        last = best;
    }
    let top = bitcast<f32>(logits[row + chosen[t * params.k]]);
    var total = 0.0;
    var moment = 0.0;
    for (var e = 0u; e < params.experts; e++) {
        let x = bitcast<f32>(logits[row + e]) - top;
        let weight = exp(x);
        total += weight;
        moment += weight * x;
    }
    for (var j = 0u; j < params.k; j++) {
        let at = t * params.k + j;
        gates[at] = exp(bitcast<f32>(logits[row + chosen[at]]) - top) / total;
    }
    entropy[t] = log(total) - moment / total;
}
