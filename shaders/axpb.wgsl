// y = a x + b, four values an invocation.
// #include "lib/grid.wgsl"
// #include "lib/width.wgsl"

struct Params {
    a: f32,
    b: f32,
    quads: u32,
    pad0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = linear_index(id, groups, WIDTH);
    if (i >= params.quads) {
        return;
    }
    y[i] = params.a * x[i] + params.b;
}
