// Histogram of eight key bits over the keys that agree with the prefix found so far.
// #include "lib/tile.wgsl"

struct Params {
    n: u32,
    bits: u32,
    shift: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
// k, prefix, fixed bits, below, equal, ties.
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> histogram: array<atomic<u32>>;

// Weights crowd into few exponents: four copies keep their counters from colliding.
var<workgroup> counters: array<atomic<u32>, 1024>;

@compute @workgroup_size(256)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    // Workgroup memory starts at zero.
    let tile = tile_index(group, groups);
    let mine = (lane & 3u) * 256u;
    for (var j = 0u; j < 16u; j++) {
        let i = tile * 4096u + j * 256u + lane;
        if (i < params.n) {
            let key = keys[i] & params.bits;
            if ((key & state[2]) == state[1]) {
                atomicAdd(&counters[mine + ((key >> params.shift) & 255u)], 1u);
            }
        }
    }
    workgroupBarrier();
    let count = atomicLoad(&counters[lane]) + atomicLoad(&counters[256u + lane])
        + atomicLoad(&counters[512u + lane]) + atomicLoad(&counters[768u + lane]);
    if (count > 0u) {
        atomicAdd(&histogram[lane], count);
    }
}
