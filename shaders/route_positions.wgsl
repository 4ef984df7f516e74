// Position of each pair inside its bin (an expert, or a device of several), in buffer order, and
// whether it has a place: the pairs of earlier tiles, and those of its own tile before it (a stable
// counting sort; no atomics, so the order never depends on the device).
// #include "lib/grid.wgsl"

struct Params {
    pairs: u32,
    experts: u32,
    tokens: u32,
    k: u32,
    bins: u32,
    capacity: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> positions: array<u32>;
@group(0) @binding(4) var<storage, read_write> kept: array<u32>;

var<workgroup> bins_here: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = linear_index(id, groups, 64u);
    var bin = 0xffffffffu;
    if (i < params.pairs) {
        let expert = chosen[(i % params.tokens) * params.k + i / params.tokens];
        bin = expert * params.bins / params.experts;
    }
    bins_here[local] = bin;
    workgroupBarrier();
    if (i < params.pairs) {
        var position = offsets[(i / 64u) * params.bins + bin];
        for (var other = 0u; other < local; other++) {
            if (bins_here[other] == bin) {
                position += 1u;
            }
        }
        positions[i] = position;
        kept[i] = select(0u, 1u, position < params.capacity);
    }
}
