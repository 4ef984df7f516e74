// Number of keys equal to the threshold in each tile of 2,048 keys; none is counted where all of them
// go, because their order does not matter then.
// #include "lib/tile.wgsl"

struct Params {
    n: u32,
    bits: u32,
    tiles: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
// k, prefix (the threshold), fixed bits, below, equal, ties.
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;

var<workgroup> total: atomic<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tile = tile_index(group, groups);
    var found = 0u;
    if (state[4] != state[5]) {
        for (var j = 0u; j < 32u; j++) {
            let i = tile * 2048u + j * 64u + lane;
            if (i < params.n && (keys[i] & params.bits) == state[1]) {
                found += 1u;
            }
        }
    }
    if (found > 0u) {
        atomicAdd(&total, found);
    }
    workgroupBarrier();
    if (lane == 0u && tile < params.tiles) {
        counts[tile] = atomicLoad(&total);
    }
}
