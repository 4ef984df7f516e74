// Prunes 64-32-10 networks between updates, one workgroup each: where more weights are to go, those
// with the smallest magnitudes (biases never go; a pruned weight comes back with its old value where
// that is asked for, and never else; among equals the first goes first); then everything pruned and
// its momentum is set to zero.
// #include "lib/mlp_choose.wgsl"

struct Params {
    runs: u32,
    // Row of the table of counts.
    row: u32,
    pad0: u32,
    pad1: u32,
}

// "As many as before."
const KEEP: u32 = 0xffffffffu;
// Added to a count: pruned weights rank by what they were and may come back.
const REOPENS: u32 = 0x80000000u;

@group(0) @binding(0) var<uniform> params: Params;
// rows × runs: weights that are gone from here on.
@group(0) @binding(1) var<storage, read> gone: array<u32>;
// runs × parameters.
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
// Per run: first moments, second moments.
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;
// runs × weights: 1 where a weight is kept.
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;
// runs × weights: what pruned weights were.
@group(0) @binding(5) var<storage, read_write> resting: array<f32>;

fn cut(run: u32, wanted: u32, reopens: bool, thread: u32) {
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let at = run * WEIGHTS + weight;
        let kept = mask[at] != 0u;
        let value = select(resting[at], weights[run * COUNT + place(weight)], kept);
        let size = (bitcast<u32>(value) & 0x7fffffffu) + 1u;
        keys[weight] = select(0u, size, kept || reopens);
    }
    if (wanted > 0u) {
        choose(wanted, thread);
    }
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        let at = run * WEIGHTS + weight;
        let parameter = run * COUNT + place(weight);
        let goes = wanted > 0u && keys[weight] == 1u;
        let kept = mask[at] != 0u;
        if (kept && goes) {
            resting[at] = weights[parameter];
            mask[at] = 0u;
        } else if (!kept && reopens && !goes) {
            mask[at] = 1u;
            weights[parameter] = resting[at];
            moments[2u * run * COUNT + place(weight)] = 0.0;
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
    let entry = gone[params.row * params.runs + run];
    if (entry != KEEP && entry != 0u) {
        cut(run, entry & ~REOPENS, (entry & REOPENS) != 0u, thread);
    }
    for (var i = 0u; i < EACH; i += 1u) {
        let weight = thread * EACH + i;
        if (mask[run * WEIGHTS + weight] == 0u) {
            weights[run * COUNT + place(weight)] = 0.0;
            moments[2u * run * COUNT + place(weight)] = 0.0;
        }
    }
}
