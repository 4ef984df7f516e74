// Finds the bin that holds the k-th key and narrows the prefix; one invocation works.

struct Params {
    shift: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> histogram: array<u32>;
// k, prefix, fixed bits, below, equal, ties.
@group(0) @binding(2) var<storage, read_write> state: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x != 0u || state[0] == 0u) {
        return;
    }
    let k = state[0];
    var below = state[3];
    var digit = 0u;
    var found = false;
    for (var bin = 0u; bin < 256u; bin++) {
        let count = histogram[bin];
        if (!found) {
            if (below + count >= k) {
                found = true;
                digit = bin;
                state[4] = count;
            } else {
                below += count;
            }
        }
    }
    state[1] |= digit << params.shift;
    state[2] |= 255u << params.shift;
    state[3] = below;
    state[5] = k - below;
}
