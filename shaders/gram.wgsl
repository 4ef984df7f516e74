// G += XᵀX for some rows of X, in tiles of 32 × 32 of the lower half of G, one workgroup each; an
// invocation adds up 4 × 4 entries.
// #include "lib/tile.wgsl"

struct Params {
    // Columns of X.
    side: u32,
    // Tiles along a side.
    tiles: u32,
    // First row, and how many.
    first: u32,
    rows: u32,
}

const TILE: u32 = 32u;
const DEPTH: u32 = 16u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> gram: array<f32>;

var<workgroup> left: array<f32, 512>;
var<workgroup> right: array<f32, 512>;

fn entry(row: u32, column: u32) -> f32 {
    if (row >= params.rows || column >= params.side) {
        return 0.0;
    }
    return x[(params.first + row) * params.side + column];
}

fn four(a: u32, lane: u32) -> vec4<f32> {
    return vec4<f32>(left[a + lane], left[a + lane + 1u], left[a + lane + 2u], left[a + lane + 3u]);
}

fn other(a: u32, lane: u32) -> vec4<f32> {
    return vec4<f32>(right[a + lane], right[a + lane + 1u], right[a + lane + 2u], right[a + lane + 3u]);
}

fn add(row: u32, column: u32, sums: vec4<f32>) {
    if (row >= params.side) {
        return;
    }
    for (var c = 0u; c < 4u; c += 1u) {
        if (column + c < params.side) {
            gram[row * params.side + column + c] += sums[c];
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tile = tile_index(group, groups);
    if (tile >= params.tiles * (params.tiles + 1u) / 2u) {
        return;
    }
    // Tiles of the lower half, row after row.
    var down = 0u;
    var before = 0u;
    while (before + down + 1u <= tile) {
        down += 1u;
        before += down;
    }
    let top = TILE * down;
    let start = TILE * (tile - before);
    let y = 4u * (lane / 8u);
    let across = 4u * (lane % 8u);
    var sums = array<vec4<f32>, 4>();
    for (var k = 0u; k < params.rows; k += DEPTH) {
        for (var e = lane; e < 512u; e += 64u) {
            left[e] = entry(k + e / TILE, top + e % TILE);
            right[e] = entry(k + e / TILE, start + e % TILE);
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d += 1u) {
            let a = four(TILE * d, y);
            let b = other(TILE * d, across);
            sums[0] += a.x * b;
            sums[1] += a.y * b;
            sums[2] += a.z * b;
            sums[3] += a.w * b;
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r += 1u) {
        add(top + y + r, start + across, sums[r]);
    }
}
