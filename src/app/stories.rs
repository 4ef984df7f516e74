//! The stories: what is said and asked in each. Figures are never in the words; they are on the
//! screen, where they are computed.

use super::story::{Step, Story};
use crate::core::{Error, Result};
use crate::labs::{CompareMode, LabKind, Setup, Shared, exhibit};
use serde_json::Value;

/// All stories, the first ones first on the home page.
pub(crate) const STORIES: &[&Story] = &[
    &DECODE_STALLS,
    &THREE_COOLDOWNS,
    &EIGHT_STEPS,
    &COLLAPSED_ROUTER,
    &NINETY_FIVE,
    &A_MILLION,
];

/// An exhibit's setup with some parameters set.
fn setup(id: &str, values: &[(&str, f64)]) -> Result<Setup> {
    let exhibit =
        exhibit(id).ok_or_else(|| Error::malformed("story", format!("there is no {id:?}")))?;
    values
        .iter()
        .try_fold((exhibit.setup)(), |setup, (id, value)| {
            setup.with(id, *value)
        })
}

/// Setups side by side, paused at their start.
fn scene(setups: Vec<Setup>) -> Result<Shared> {
    let mut setups = setups.into_iter();
    let first = setups
        .next()
        .ok_or_else(|| Error::Stuck("a scene without a setup".to_owned()))?;
    let mut shared = Shared::single(first);
    shared.setups.extend(setups);
    shared.mode = CompareMode::Side;
    Ok(shared)
}

fn config<'a>(snapshot: &'a Value, slot: usize, field: &str) -> &'a Value {
    &snapshot["setups"][slot]["setup"]["config"][field]
}

fn setups(snapshot: &Value) -> usize {
    snapshot["setups"].as_array().map_or(0, Vec::len)
}

/// Whether a field of any setup differs from what it was.
fn changed(start: &Value, now: &Value, field: &str) -> bool {
    (0..setups(now)).any(|slot| config(start, slot, field) != config(now, slot, field))
}

fn moved(start: &Value, now: &Value) -> bool {
    start["playhead"] != now["playhead"]
}

fn selected(_: &Value, now: &Value) -> bool {
    !now["selected"].is_null()
}

fn swept(_: &Value, now: &Value) -> bool {
    now["sweep"]["done"] == now["sweep"]["wanted"] && !now["sweep"]["done"].is_null()
}

fn many_seeds(_: &Value, now: &Value) -> bool {
    now["seeds"]["done"] == now["seeds"]["wanted"] && !now["seeds"]["done"].is_null()
}

static DECODE_STALLS: Story = Story {
    id: "decode-stalls",
    title: "Why decode stalls, and how chunking fixes it",
    lab: LabKind::Serving,
    steps: &[
        Step {
            words: "One GPU serves chat requests. Each row is a request: it waits (grey), reads its \
                    prompt (light), then writes its answer token by token (dark).",
            ask: "Press Space and watch the rows grow.",
            open: Some(|| scene(vec![setup("vllm", &[])?])),
            done: moved,
        },
        Step {
            words: "The pale stretches are stalls. A newcomer's whole prompt runs alone, and every \
                    answer under way stands still.",
            ask: "Click a row with a pale stretch and read its story in the inspector.",
            open: None,
            done: selected,
        },
        Step {
            words: "Sarathi-Serve cuts prompts into chunks that ride along with the decodes. Here \
                    both serve the same requests on the same clock.",
            ask: "Move the playhead and compare the pale stretches.",
            open: Some(|| scene(vec![setup("vllm", &[])?, with_same_load("sarathi-serve")?])),
            done: moved,
        },
        Step {
            words: "The chunk is a dial. Small chunks leave short gaps between tokens, but a prompt \
                    then needs more iterations to be read.",
            ask: "Change Sarathi's token budget (setup B) and look at TBT and TTFT.",
            open: None,
            done: |start, now| changed(start, now, "chunk_size"),
        },
        Step {
            words: "One workload may be luck. Twenty seeds give twenty workloads, the same for both \
                    schedulers.",
            ask: "Run 20 seeds (Shift+S) and read the interval of each difference.",
            open: None,
            done: many_seeds,
        },
    ],
};

/// A scheduler on the workload and hardware of the vLLM exhibit.
fn with_same_load(id: &str) -> Result<Setup> {
    let (Setup::Serving(vllm), Setup::Serving(other)) = (setup("vllm", &[])?, setup(id, &[])?)
    else {
        return Err(Error::malformed("story", format!("{id:?} serves nothing")));
    };
    Ok(Setup::Serving(crate::labs::serving::Config {
        scheduler: other.scheduler,
        chunk_size: other.chunk_size,
        ..vllm
    }))
}

static THREE_COOLDOWNS: Story = Story {
    id: "three-cooldowns",
    title: "The same loss, three cooldowns",
    lab: LabKind::Lr,
    steps: &[
        Step {
            words: "Above, the learning rate: up, flat, down. Below, the loss that a law fitted to \
                    real pre-training runs predicts for it.",
            ask: "Play it and watch what the cooldown does to the loss.",
            open: Some(|| scene(vec![setup("wsd", &[])?])),
            done: moved,
        },
        Step {
            words: "Three ways down from the same plateau: a straight line, one minus a square \
                    root, a square. Nothing else differs.",
            ask: "Move the playhead through the cooldown and compare the final losses.",
            open: Some(|| {
                scene(vec![
                    setup("wsd", &[("cooldown_shape", 0.0)])?,
                    setup("wsd", &[("cooldown_shape", 1.0)])?,
                    setup("wsd", &[("cooldown_shape", 4.0)])?,
                ])
            }),
            done: moved,
        },
        Step {
            words: "When should it start? A long cooldown gives up progress at a high rate, a short \
                    one leaves noise in the weights.",
            ask: "Drag the point where the rate begins to fall, or change the cooldown's length.",
            open: None,
            done: |start, now| changed(start, now, "cooldown"),
        },
        Step {
            words: "Shapes only compare fairly at the peak rate that suits each of them.",
            ask: "Press W and sweep the peak rate for all three.",
            open: None,
            done: swept,
        },
    ],
};

static EIGHT_STEPS: Story = Story {
    id: "eight-steps",
    title: "Eight steps, well chosen",
    lab: LabKind::Noise,
    steps: &[
        Step {
            words: "Points drawn from noise move step by step to where the data live. The denoiser \
                    is exact, so every error left comes from the steps.",
            ask: "Play the eight steps.",
            open: Some(|| scene(vec![setup("edm", &[("steps", 8.0)])?])),
            done: moved,
        },
        Step {
            words: "The same eight calls, but the noise levels are spaced by another rule: a \
                    different exponent crowds them elsewhere.",
            ask: "Compare the distance to the truth in both.",
            open: Some(|| {
                scene(vec![
                    setup("edm", &[("steps", 8.0)])?,
                    setup("edm", &[("steps", 8.0), ("rho", 1.0)])?,
                ])
            }),
            done: moved,
        },
        Step {
            words: "Where a step lands matters as much as how many there are.",
            ask: "Change rho of setup B until it does as well as A.",
            open: None,
            done: |start, now| changed(start, now, "rho"),
        },
        Step {
            words: "How many steps would make the choice irrelevant?",
            ask: "Press W, choose Steps, and sweep both setups.",
            open: None,
            done: swept,
        },
    ],
};

static COLLAPSED_ROUTER: Story = Story {
    id: "collapsed-router",
    title: "The router that collapsed",
    lab: LabKind::Routing,
    steps: &[
        Step {
            words: "Tokens on the left choose experts on the right. Each expert has room for only \
                    so many; who comes too late is dropped (hatched).",
            ask: "Play, and watch where the tokens go.",
            open: Some(|| scene(vec![setup("switch", &[("router_skew", 0.0)])?])),
            done: moved,
        },
        Step {
            words: "This router has favourites. A few experts overflow while others idle, and more \
                    capacity would only be wasted on the idle ones.",
            ask: "Click a full expert and read why tokens were dropped.",
            open: Some(|| scene(vec![setup("switch", &[("router_skew", 2.0)])?])),
            done: selected,
        },
        Step {
            words: "Loss-free balancing adds a bias to each expert's score and nudges it after \
                    every batch, against the load.",
            ask: "Play both and compare the loads towards the end.",
            open: Some(|| {
                scene(vec![
                    setup("loss-free-balancing", &[("bias_rate", 0.0001)])?,
                    setup("loss-free-balancing", &[])?,
                ])
            }),
            done: moved,
        },
        Step {
            words: "Even perfect routing is uneven by chance. The grey band is what a router \
                    without any preference shows at this batch size.",
            ask: "Change the tokens per batch and see the band move.",
            open: None,
            done: |start, now| changed(start, now, "tokens"),
        },
    ],
};

static NINETY_FIVE: Story = Story {
    id: "ninety-five",
    title: "Where the weights go at 95 %",
    lab: LabKind::Pruning,
    steps: &[
        Step {
            words: "A small network that reads digits, trained here a moment ago. The playhead \
                    prunes its smallest weights first.",
            ask: "Drag the playhead to the right and watch the accuracy.",
            open: Some(|| scene(vec![setup("global-magnitude", &[("sparsity", 95.0)])?])),
            done: moved,
        },
        Step {
            words: "One threshold for the whole network, or the same share from every layer? The \
                    layers do not carry the same load.",
            ask: "Compare both at 95 %: which layer keeps what?",
            open: Some(|| {
                scene(vec![
                    setup("global-magnitude", &[("sparsity", 95.0)])?,
                    setup("layer-magnitude", &[("sparsity", 95.0)])?,
                ])
            }),
            done: moved,
        },
        Step {
            words: "A unit without any weight left on one side is dead: its other weights are kept \
                    for nothing. Effective sparsity counts them.",
            ask: "Click a layer and read its story.",
            open: None,
            done: selected,
        },
        Step {
            words: "Is the difference there at every sparsity, or only here?",
            ask: "Change the sparsity in both setups and look at the accuracies again.",
            open: None,
            done: |start, now| changed(start, now, "sparsity"),
        },
    ],
};

static A_MILLION: Story = Story {
    id: "a-million",
    title: "A million requests",
    lab: LabKind::Serving,
    steps: &[
        Step {
            words: "One GPU serves a thousand chat requests in chunks. Most first tokens come at \
                    once; some do not.",
            ask: "Play it, and read the p50 and the p99 of the first token.",
            open: Some(|| scene(vec![chat()?])),
            done: moved,
        },
        Step {
            words: "Ten of a thousand requests lie beyond the p99: too few to trust. Another seed \
                    moves the tail more than the middle.",
            ask: "Press S for a new seed a few times and watch both.",
            open: None,
            done: |start, now| changed(start, now, "seed"),
        },
        Step {
            words: "A simulator makes more requests cheap. Every one of them is computed, none is \
                    sampled.",
            ask: "Open the further parameters and set Requests, under Workload, to 100,000.",
            open: None,
            done: |_, now| simulated(now, 1e5),
        },
        Step {
            words: "Now a million: hours of traffic. The page goes on while they run, and every \
                    request keeps its own story.",
            ask: "Set Requests to 1,000,000.",
            open: None,
            done: |_, now| simulated(now, 1e6),
        },
        Step {
            words: "Each lane stands for many requests now. Zooming brings single ones back, down \
                    to the iteration.",
            ask: "Zoom in with + above the picture, and click a request.",
            open: None,
            done: selected,
        },
    ],
};

/// Chat-like requests on a GPU that is busy but keeps up.
fn chat() -> Result<Setup> {
    let Setup::Serving(config) = setup("sarathi-serve", &[])? else {
        return Err(Error::malformed("story", "sarathi-serve serves nothing"));
    };
    Ok(Setup::Serving(crate::labs::serving::Config {
        requests: 1000,
        rate: 60.0,
        chunk_size: 2048,
        batch_size_cap: 256,
        num_blocks: 16_384,
        prompt_median: 120.0,
        prompt_sigma: 1.0,
        prompt_max: 4000,
        output_median: 150.0,
        output_sigma: 0.8,
        output_max: 1000,
        max_tokens_per_sequence: 8192,
        cost: crate::labs::serving::CostPreset::Llama3_8bH100,
        time_limit_secs: 1e6,
        ..config
    }))
}

/// Whether a run of at least so many requests is finished.
fn simulated(now: &Value, requests: f64) -> bool {
    let setup = &now["setups"][0];
    let asked = config(now, 0, "requests").as_f64().unwrap_or(0.0);
    asked >= requests && setup["running"] == false && setup["stale"] == false
}
