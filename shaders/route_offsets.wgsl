// For each expert, the pairs that ask for it in earlier tiles, and in all. One expert per invocation.
// #include "lib/grid.wgsl"
// #include "lib/width.wgsl"

struct Params {
    experts: u32,
    tiles: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> counts: array<u32>;
@group(0) @binding(2) var<storage, read_write> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> demand: array<u32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = linear_index(id, groups, WIDTH);
    if (e >= params.experts) {
        return;
    }
    var before = 0u;
    for (var tile = 0u; tile < params.tiles; tile++) {
        let at = tile * params.experts + e;
        offsets[at] = before;
        before += counts[at];
    }
    demand[e] = before;
}
