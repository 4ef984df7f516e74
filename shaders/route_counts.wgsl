// How many pairs of each tile of 64 ask for each bin: an expert, or a device of several. Pairs stand
// in buffer order: all first choices by token, then all second choices.
// #include "lib/grid.wgsl"

struct Params {
    pairs: u32,
    experts: u32,
    tokens: u32,
    k: u32,
    bins: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

var<workgroup> asked: array<atomic<u32>, 256>;

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = linear_index(id, groups, 64u);
    for (var e = local; e < 256u; e += 64u) {
        atomicStore(&asked[e], 0u);
    }
    workgroupBarrier();
    if (i < params.pairs) {
        let expert = chosen[(i % params.tokens) * params.k + i / params.tokens];
        atomicAdd(&asked[expert * params.bins / params.experts], 1u);
    }
    workgroupBarrier();
    let tile = i / 64u;
    if (tile * 64u < params.pairs) {
        for (var e = local; e < params.bins; e += 64u) {
            counts[tile * params.bins + e] = atomicLoad(&asked[e]);
        }
    }
}
