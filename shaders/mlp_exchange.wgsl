// Exchanges weights of 64-32-10 networks after an update, one workgroup each: in each layer some of the
// smallest go, and as many of those that were pruned before come, at 0: those with the largest
// gradients or random ones. What goes is zeroed by `mlp_prune`, which follows.
// #include "lib/mlp_choose.wgsl"

struct Params {
    runs: u32,
    // Row of the table.
    row: u32,
    pad0: u32,
    pad1: u32,
}

// A weight that takes no part.
const OUT: u32 = 0xffffffffu;
// Values of the third entry of the table.
const NOTHING: u32 = 0u;
const GRADIENT: u32 = 1u;

@group(0) @binding(0) var<uniform> params: Params;
// rows × runs: how many of either layer, by what, seed.
@group(0) @binding(1) var<storage, read> exchanges: array<vec4<u32>>;
// runs × parameters.
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
// Per run: first moments, second moments; after an update the first moment of a pruned weight is its
// gradient.
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;
// runs × weights: 1 where a weight is kept.
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

fn pcg(x: u32) -> u32 {
    let s = x * 747796405u + 2891336453u;
    let t = ((s >> ((s >> 28u) + 4u)) ^ s) * 277803737u;
    return (t >> 22u) ^ t;
}

fn inside(weight: u32, layer: u32) -> bool {
    return (weight >= B1) == (layer == 1u);
}

fn exchange(run: u32, layer: u32, wanted: u32, by: u32, seed: u32, thread: u32) {
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let size = bitcast<u32>(weights[run * COUNT + place(weight)]) & 0x7fffffffu;
        let takes_part = inside(weight, layer) && mask[run * WEIGHTS + weight] == 1u;
        keys[weight] = select(OUT, size, takes_part);
    }
    choose(wanted, thread);
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let at = run * WEIGHTS + weight;
        if (keys[weight] == 1u && inside(weight, layer) && mask[at] == 1u) {
            // On its way out.
            mask[at] = 2u;
        }
        var gain = pcg(weight ^ pcg(seed)) >> 1u;
        if (by == GRADIENT) {
            let g = bitcast<u32>(moments[2u * run * COUNT + place(weight)]) & 0x7fffffffu;
            gain = 0x7fffffffu - g;
        }
        keys[weight] = select(OUT, gain, inside(weight, layer) && mask[at] == 0u);
    }
    choose(wanted, thread);
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let at = run * WEIGHTS + weight;
        if (keys[weight] == 1u && inside(weight, layer) && mask[at] == 0u) {
            mask[at] = 1u;
            weights[run * COUNT + place(weight)] = 0.0;
            moments[2u * run * COUNT + place(weight)] = 0.0;
        }
        if (mask[at] == 2u) {
            mask[at] = 0u;
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let run = group.y * groups.x + group.x;
    if (run >= params.runs) {
        return;
    }
    let entry = exchanges[params.row * params.runs + run];
    if (entry.z == NOTHING) {
        return;
    }
    for (var layer = 0u; layer < 2u; layer += 1u) {
        let wanted = select(entry.x, entry.y, layer == 1u);
        if (wanted > 0u) {
            exchange(run, layer, wanted, entry.z, entry.w, thread);
        }
    }
}
