// One step of a sampler on a two-dimensional Gaussian mixture, one particle an invocation: the exact
// denoised estimate, then a first-order step (with noise) or a Heun step.
// #include "lib/grid.wgsl"
// #include "lib/width.wgsl"
// #include "lib/philox.wgsl"
// #include "lib/normal.wgsl"

struct Params {
    key0: u32,
    key1: u32,
    step: u32,
    stream: u32,
    count: u32,
    components: u32,
    base: u32,
    second: u32,
    ratio: f32,
    noise: f32,
    first_share: f32,
    second_share: f32,
}

const FIRST_ORDER: u32 = 0xffffffffu;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> normal_table: array<u32>;
// Centre of every component.
@group(0) @binding(2) var<storage, read> centres: array<vec2<f32>>;
// Per level and component: logit offset, 1 / (2 variance), gain, unused.
@group(0) @binding(3) var<storage, read> levels: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> states: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> estimates: array<vec2<f32>>;

fn logit(x: vec2<f32>, k: u32, base: u32) -> f32 {
    let away = x - centres[k];
    let level = levels[base + k];
    return level.x - dot(away, away) * level.y;
}

fn denoise(x: vec2<f32>, base: u32) -> vec2<f32> {
    var top = -3.0e38;
    for (var k = 0u; k < params.components; k++) {
        top = max(top, logit(x, k, base));
    }
    var total = 0.0;
    var sum = vec2<f32>(0.0, 0.0);
    for (var k = 0u; k < params.components; k++) {
        let weight = exp(logit(x, k, base) - top);
        let centre = centres[k];
        sum += weight * (centre + levels[base + k].z * (x - centre));
        total += weight;
    }
    return sum / total;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups, WIDTH);
    if (i >= params.count) {
        return;
    }
    let x = states[i];
    let d = denoise(x, params.base);
    estimates[i] = d;
    let first = d + params.ratio * (x - d);
    if (params.second == FIRST_ORDER) {
        let words = philox(
            vec4<u32>(i >> 1u, params.step, params.stream, 0u),
            vec2<u32>(params.key0, params.key1),
        );
        let pair = select(words.xy, words.zw, (i & 1u) == 1u);
        let z = vec2<f32>(integer_normal(pair.x), integer_normal(pair.y));
        states[i] = first + params.noise * z;
    } else {
        let far = denoise(first, params.second);
        states[i] = x + params.first_share * (x - d) + params.second_share * (first - far);
    }
}
