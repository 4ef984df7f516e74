// Trains 64-32-10 networks side by side, one workgroup each, for a few updates. Every `lanes` networks
// in a row share their batches. At most 32 samples a batch and 8 updates a dispatch: 22,000 loop
// iterations an invocation, where some drivers cut loops at 65,535.
// #include "lib/mlp.wgsl"

struct Params {
    runs: u32,
    lanes: u32,
    sets: u32,
    first: u32,
    steps: u32,
    batch: u32,
    rule: u32,
    beta1: f32,
    beta2: f32,
    weight_decay: f32,
    pad0: u32,
    pad1: u32,
}

const INPUTS: u32 = 64u;
const HIDDEN: u32 = 32u;
const CLASSES: u32 = 10u;

@group(0) @binding(0) var<uniform> params: Params;
// updates × sets × batch × 64 pixels.
@group(0) @binding(1) var<storage, read> x: array<f32>;
// updates × sets × batch.
@group(0) @binding(2) var<storage, read> labels: array<u32>;
// updates × runs.
@group(0) @binding(3) var<storage, read> rates: array<f32>;
// Per update: 1 / (1 - beta1^t) (Schedule-Free: the averaging weight c), 1 / sqrt(1 - beta2^t).
@group(0) @binding(4) var<storage, read> corrections: array<vec2<f32>>;
// runs × parameters (Schedule-Free: y, where gradients are taken).
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;
// Per run: first moments (Schedule-Free: the base iterate z), second moments.
@group(0) @binding(6) var<storage, read_write> moments: array<f32>;
// updates × runs: loss before the update, squared norm of its gradient.
@group(0) @binding(7) var<storage, read_write> trace: array<vec2<f32>>;

var<workgroup> hidden: array<f32, 1024>;
var<workgroup> delta1: array<f32, 1024>;
var<workgroup> delta2: array<f32, 320>;
var<workgroup> losses: array<f32, 32>;
var<workgroup> squares: array<f32, 64>;

fn forward_hidden(base: u32, first: u32, thread: u32) {
    for (var k = thread; k < params.batch * HIDDEN; k += THREADS) {
        let b = k / HIDDEN;
        let o = k % HIDDEN;
        var z = 0.0;
        for (var i = 0u; i < INPUTS; i += 1u) {
            z += weights[base + o * INPUTS + i] * x[first + b * INPUTS + i];
        }
        let sum = z + weights[base + B1 + o];
        // Unlike max, this lets a NaN through.
        hidden[k] = select(sum, 0.0, sum < 0.0);
    }
}

fn forward_logits(base: u32, thread: u32) {
    for (var k = thread; k < params.batch * CLASSES; k += THREADS) {
        let b = k / CLASSES;
        let c = k % CLASSES;
        var z = 0.0;
        for (var i = 0u; i < HIDDEN; i += 1u) {
            z += weights[base + W2 + c * HIDDEN + i] * hidden[b * HIDDEN + i];
        }
        delta2[k] = z + weights[base + B2 + c];
    }
}

// Turns the logits of sample b into (softmax - one-hot) / batch and keeps its loss.
fn softmax(b: u32, label: u32) {
    let row = b * CLASSES;
    var top = delta2[row];
    for (var c = 1u; c < CLASSES; c += 1u) {
        top = max(top, delta2[row + c]);
    }
    let own = delta2[row + label] - top;
    var total = 0.0;
    for (var c = 0u; c < CLASSES; c += 1u) {
        let e = exp(delta2[row + c] - top);
        delta2[row + c] = e;
        total += e;
    }
    losses[b] = log(total) - own;
    let scale = 1.0 / f32(params.batch);
    for (var c = 0u; c < CLASSES; c += 1u) {
        let hot = select(0.0, 1.0, c == label);
        delta2[row + c] = (delta2[row + c] / total - hot) * scale;
    }
}

fn backward_hidden(base: u32, thread: u32) {
    for (var k = thread; k < params.batch * HIDDEN; k += THREADS) {
        let b = k / HIDDEN;
        let o = k % HIDDEN;
        var d = 0.0;
        for (var c = 0u; c < CLASSES; c += 1u) {
            d += delta2[b * CLASSES + c] * weights[base + W2 + c * HIDDEN + o];
        }
        delta1[k] = select(d, 0.0, hidden[k] <= 0.0);
    }
}

fn gradient(p: u32, first: u32) -> f32 {
    var g = 0.0;
    for (var b = 0u; b < params.batch; b += 1u) {
        if (p < B1) {
            g += delta1[b * HIDDEN + p / INPUTS] * x[first + b * INPUTS + p % INPUTS];
        } else if (p < W2) {
            g += delta1[b * HIDDEN + p - B1];
        } else if (p < B2) {
            let q = p - W2;
            g += delta2[b * CLASSES + q / HIDDEN] * hidden[b * HIDDEN + q % HIDDEN];
        } else {
            g += delta2[b * CLASSES + p - B2];
        }
    }
    return g;
}

// Schedule-Free SGD (rule 2) and AdamW (rule 3).
fn update_free(at: u32, first: u32, g: f32, rate: f32, correction: vec2<f32>) {
    let y = weights[at];
    let z = moments[first];
    let c = correction.x;
    var step = g;
    if (params.rule == 3u) {
        let v = params.beta2 * moments[first + COUNT] + (1.0 - params.beta2) * (g * g);
        moments[first + COUNT] = v;
        step = g / (sqrt(v) * correction.y + 1e-8);
    }
    step += params.weight_decay * y;
    weights[at] = y + c * (z - y) + rate * (params.beta1 * (1.0 - c) - 1.0) * step;
    moments[first] = z - rate * step;
}

fn update(run: u32, p: u32, g: f32, rate: f32, correction: vec2<f32>) {
    let at = run * COUNT + p;
    let first = 2u * run * COUNT + p;
    if (params.rule >= 2u) {
        update_free(at, first, g, rate, correction);
        return;
    }
    let w = weights[at];
    if (params.rule == 0u) {
        let v = params.beta1 * moments[first] + (g + params.weight_decay * w);
        moments[first] = v;
        weights[at] = w - rate * v;
        return;
    }
    let m = params.beta1 * moments[first] + (1.0 - params.beta1) * g;
    let v = params.beta2 * moments[first + COUNT] + (1.0 - params.beta2) * (g * g);
    moments[first] = m;
    moments[first + COUNT] = v;
    let keep = 1.0 - rate * params.weight_decay;
    weights[at] = w * keep - rate * (correction.x * m) / (sqrt(v) * correction.y + 1e-8);
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
    let base = run * COUNT;
    let data = run / params.lanes;
    for (var s = 0u; s < params.steps; s += 1u) {
        let update_index = params.first + s;
        let sample = (update_index * params.sets + data) * params.batch;
        let first = sample * INPUTS;
        forward_hidden(base, first, thread);
        workgroupBarrier();
        forward_logits(base, thread);
        workgroupBarrier();
        if (thread < params.batch) {
            softmax(thread, min(labels[sample + thread], CLASSES - 1u));
        }
        workgroupBarrier();
        backward_hidden(base, thread);
        workgroupBarrier();
        let rate = rates[update_index * params.runs + run];
        var square = 0.0;
        for (var p = thread; p < COUNT; p += THREADS) {
            let g = gradient(p, first);
            square += g * g;
            update(run, p, g, rate, corrections[update_index]);
        }
        squares[thread] = square;
        storageBarrier();
        workgroupBarrier();
        if (thread == 0u) {
            var loss = 0.0;
            for (var b = 0u; b < params.batch; b += 1u) {
                loss += losses[b];
            }
            var norm = 0.0;
            for (var t = 0u; t < THREADS; t += 1u) {
                norm += squares[t];
            }
            trace[update_index * params.runs + run] = vec2<f32>(loss / f32(params.batch), norm);
        }
        workgroupBarrier();
    }
}
