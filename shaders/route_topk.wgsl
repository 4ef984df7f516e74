// Router of one token per invocation: its k <= 8 largest logits (ties to the lower expert), their
// softmax probabilities, and the entropy of the whole distribution. Two passes over a row: the best
// are kept in order in registers, then the exponentials are added.
// #include "lib/grid.wgsl"
// #include "lib/width.wgsl"

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

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let t = linear_index(id, groups, WIDTH);
    if (t >= params.tokens) {
        return;
    }
    let row = t * params.experts;
    // Best first; 0 is below the key of any number.
    var keys: array<u32, 8>;
    var best: array<u32, 8>;
    for (var e = 0u; e < params.experts; e++) {
        var key = ordered(logits[row + e]);
        if (key > keys[7]) {
            var expert = e;
            // From the place it takes on, everything moves down one: equal keys keep their order.
            var moves = false;
            for (var j = 0u; j < 8u; j++) {
                moves = moves || key > keys[j];
                if (moves) {
                    let key_there = keys[j];
                    let expert_there = best[j];
                    keys[j] = key;
                    best[j] = expert;
                    key = key_there;
                    expert = expert_there;
                }
            }
        }
    }
    for (var j = 0u; j < params.k; j++) {
        chosen[t * params.k + j] = best[j];
    }
    let top = bitcast<f32>(logits[row + best[0]]);
    var total = 0.0;
    var moment = 0.0;
    for (var e = 0u; e < params.experts; e++) {
        let x = bitcast<f32>(logits[row + e]) - top;
        let weight = exp(x);
        total += weight;
        moment += weight * x;
    }
    for (var j = 0u; j < params.k; j++) {
        gates[t * params.k + j] = exp(bitcast<f32>(logits[row + best[j]]) - top) / total;
    }
    entropy[t] = log(total) - moment / total;
}
