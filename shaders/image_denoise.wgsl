// Posterior mean of noisy images over a data set, in the streaming form of attention: one invocation
// per query, the rows of the data staged tile by tile in workgroup memory, so that every row is read
// once per tile of 64 queries. Largest logit, sum of weights, sum of weight times logit and the
// likeliest row run along; a chunk of rows per dispatch, continued from where the last one ended.
// #include "lib/grid.wgsl"

struct Params {
    // Number of queries.
    queries: u32,
    // Values of a row, in fours.
    quads: u32,
    // First row and number of rows of this dispatch.
    first: u32,
    rows: u32,
    // Which 16 quads of the weighted sum this dispatch adds up.
    slice: u32,
    // 1 to start from nothing.
    fresh: u32,
    // 1 / (2 variance) of the noise around a row.
    half_inverse: f32,
    pad0: u32,
}

const GROUP: u32 = 64u;
// Quads in workgroup memory: 8 KiB.
const TILE: u32 = 512u;
// Quads that an invocation adds up.
const WIDE: u32 = 16u;
const NOTHING: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
// Row after row.
@group(0) @binding(1) var<storage, read> data: array<vec4<f32>>;
// Quad after quad, all queries of a quad together.
@group(0) @binding(2) var<storage, read> points: array<vec4<f32>>;
// Per slice and query: largest logit, sum of weights, sum of weight times logit, likeliest row.
@group(0) @binding(3) var<storage, read_write> running: array<vec4<f32>>;
// Weighted sums, quad after quad.
@group(0) @binding(4) var<storage, read_write> sums: array<vec4<f32>>;

var<workgroup> tile: array<vec4<f32>, TILE>;

@compute @workgroup_size(64)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let query = linear_index(id, groups, GROUP);
    let inside = query < params.queries;
    let begin = params.slice * WIDE;
    let width = min(WIDE, params.quads - min(params.quads, begin));
    let place = params.slice * params.queries + query;
    var state = vec4<f32>(NOTHING, 0.0, 0.0, 0.0);
    var sum: array<vec4<f32>, WIDE>;
    if (inside && params.fresh == 0u) {
        state = running[place];
        for (var c = 0u; c < width; c++) {
            sum[c] = sums[(begin + c) * params.queries + query];
        }
    }
    let held = max(TILE / max(params.quads, 1u), 1u);
    let end = params.first + params.rows;
    for (var base = params.first; base < end; base += held) {
        let rows = min(held, end - base);
        workgroupBarrier();
        for (var i = local; i < rows * params.quads; i += GROUP) {
            tile[i] = data[base * params.quads + i];
        }
        workgroupBarrier();
        if (inside) {
            for (var r = 0u; r < rows; r++) {
                let row = r * params.quads;
                var square = 0.0;
                for (var c = 0u; c < params.quads; c++) {
                    let away = points[c * params.queries + query] - tile[row + c];
                    square += dot(away, away);
                }
                let logit = -params.half_inverse * square;
                if (logit > state.x) {
                    let shrink = exp(max(state.x - logit, -80.0));
                    let kept = select(shrink, 0.0, state.y == 0.0);
                    let lag = select(state.x - logit, 0.0, state.y == 0.0);
                    state.z = (state.z + state.y * lag) * kept;
                    state.y = state.y * kept + 1.0;
                    state.x = logit;
                    state.w = f32(base + r);
                    for (var c = 0u; c < width; c++) {
                        sum[c] = sum[c] * kept + tile[row + begin + c];
                    }
                } else {
                    let lag = max(logit - state.x, -80.0);
                    let weight = exp(lag);
                    state.y += weight;
                    state.z += weight * lag;
                    for (var c = 0u; c < width; c++) {
                        sum[c] += weight * tile[row + begin + c];
                    }
                }
            }
        }
    }
    if (inside) {
        running[place] = state;
        for (var c = 0u; c < width; c++) {
            sums[(begin + c) * params.queries + query] = sum[c];
        }
    }
}
