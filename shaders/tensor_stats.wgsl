// Statistics of a tensor in tiles of 4,096 values: zeros, values that are not finite, the smallest
// and the largest finite one as ordered keys, sum and sum of squares of the finite ones, and a
// histogram of all finite magnitudes above 0 by their upper 11 bits.
// #include "lib/tile.wgsl"
// #include "lib/pool.wgsl"

struct Params {
    n: u32,
    tiles: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// The values, as words.
@group(0) @binding(1) var<storage, read> values: array<u32>;
// Per tile: zeros, not finite, smallest key, largest key.
@group(0) @binding(2) var<storage, read_write> counts: array<vec4<u32>>;
// Per tile: sum, sum of squares.
@group(0) @binding(3) var<storage, read_write> sums: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> histogram: array<atomic<u32>>;

var<workgroup> bins: array<atomic<u32>, 2048>;
var<workgroup> zeros: atomic<u32>;
var<workgroup> wild: atomic<u32>;
var<workgroup> lowest: atomic<u32>;
var<workgroup> highest: atomic<u32>;
var<workgroup> partial: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tile = tile_index(group, groups);
    if (lane == 0u) {
        atomicStore(&lowest, 0xffffffffu);
    }
    var sum = vec2<f32>(0.0, 0.0);
    // As in `counts`.
    var here = vec4<u32>(0u, 0u, 0xffffffffu, 0u);
    for (var j = 0u; j < 64u; j += 1u) {
        let i = tile * 4096u + j * 64u + lane;
        if (i >= params.n) {
            break;
        }
        let bits = values[i];
        let magnitude = bits & 0x7fffffffu;
        if (magnitude >= 0x7f800000u) {
            here.y += 1u;
            continue;
        }
        let key = bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
        here.z = min(here.z, key);
        here.w = max(here.w, key);
        if (magnitude == 0u) {
            here.x += 1u;
            continue;
        }
        atomicAdd(&bins[magnitude >> 20u], 1u);
        let x = bitcast<f32>(bits);
        sum += vec2<f32>(x, x * x);
    }
    partial[lane] = sum;
    workgroupBarrier();
    let pooled = vec4<u32>(pool_sum(here.x), pool_sum(here.y), pool_min(here.z), pool_max(here.w));
    if (speaks()) {
        atomicAdd(&zeros, pooled.x);
        atomicAdd(&wild, pooled.y);
        atomicMin(&lowest, pooled.z);
        atomicMax(&highest, pooled.w);
    }
    for (var half = 32u; half > 0u; half = half >> 1u) {
        if (lane < half) {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    for (var b = lane; b < 2048u; b += 64u) {
        let count = atomicLoad(&bins[b]);
        if (count > 0u) {
            atomicAdd(&histogram[b], count);
        }
    }
    if (lane == 0u && tile < params.tiles) {
        counts[tile] = vec4<u32>(
            atomicLoad(&zeros),
            atomicLoad(&wild),
            atomicLoad(&lowest),
            atomicLoad(&highest),
        );
        sums[tile] = partial[0];
    }
}
