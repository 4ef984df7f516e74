//! Choices among named alternatives.

use serde::{Deserialize, Serialize};

/// Order of SGLang's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SglangOrder {
    /// Longest cached prefix first; by arrival where more than 128 wait.
    #[default]
    LongestPrefix,
    /// By arrival.
    Fcfs,
    /// Fewest prompt tokens to compute first.
    ShortestPrefill,
}

/// What happens to the KV of a preempted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Preemption {
    /// It is lost, and computed again.
    #[default]
    Recompute,
    /// It is copied to the host and back.
    Swap,
}

/// Blocks that admission under a token budget asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// Those of the first chunk, without a watermark.
    #[default]
    PerChunk,
    /// Those of the whole prompt, above the watermark.
    WholePrompt,
}

/// How Past-Future estimates whether a request fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// By the peak of memory to come, with output lengths drawn from the past.
    #[default]
    PastFuture,
    /// By the tokens of now.
    Aggressive,
    /// By the peak of memory to come, with every output as long as allowed.
    Conservative,
}

/// Whether requests move between instances while they decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// They stay where they are.
    #[default]
    Off,
    /// They move where that brings loads closer.
    Balance,
    /// They move to make room for the first who waits.
    Defragment,
}

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FaultChoice {
    /// Nothing.
    #[default]
    None,
    /// An instance dies with its memory and comes back empty.
    Dies,
    /// The iterations of an instance take longer.
    Slows,
    /// The link of an instance gets slower.
    LinkSlows,
}

/// What makes an instance start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ScaleBy {
    /// Too little free memory per request.
    #[default]
    Memory,
    /// An arrival that is foretold to end late.
    Prediction,
}

/// Order in which an offline batch is worked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum BlendOrder {
    /// From both ends of the prefix tree sorted by compute density.
    #[default]
    DualScan,
    /// The prefix tree from left to right, as it comes.
    DepthFirst,
    /// By arrival.
    Arrival,
}

/// Where an iteration can be made to stand still for urgent prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum PreemptAt {
    /// At the end of every expert of a layer, and of its attention.
    #[default]
    Expert,
    /// At the end of every layer.
    Layer,
    /// At its end only.
    Iteration,
}

/// What ranks requests under JITServe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum JitOrder {
    /// Reward that can still be earned over the time it takes.
    #[default]
    Margin,
    /// The earliest deadline.
    Deadline,
    /// The least service so far.
    LeastService,
}
