// Standard normal draws that agree bit for bit on every device.
// #include "lib/grid.wgsl"
// #include "lib/width.wgsl"
// #include "lib/philox.wgsl"
// #include "lib/normal.wgsl"

struct Params {
    key0: u32,
    key1: u32,
    step: u32,
    stream: u32,
    replicate: u32,
    blocks: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> normal_table: array<u32>;
@group(0) @binding(2) var<storage, read_write> draws: array<vec4<f32>>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups, WIDTH);
    if (i >= params.blocks) {
        return;
    }
    let w = philox(
        vec4<u32>(i, params.step, params.stream, params.replicate),
        vec2<u32>(params.key0, params.key1),
    );
    draws[i] = vec4<f32>(
        integer_normal(w.x),
        integer_normal(w.y),
        integer_normal(w.z),
        integer_normal(w.w),
    );
}
