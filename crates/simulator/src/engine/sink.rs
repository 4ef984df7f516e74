//! Who writes down what happens, and what is told.

use super::Work;
use super::desk::{Desk, Entry, Note};
use super::requests::{Emitted, Phase};

/// A batch as it was formed.
#[derive(Debug)]
pub struct Formed<'a> {
    /// Number of the iteration, from 0, over all instances.
    pub iteration: u64,
    /// Instance.
    pub replica: u32,
    /// When it was formed.
    pub at: f64,
    /// Seconds of one stage.
    pub stage_secs: f64,
    /// The part of them in which swapped blocks are copied.
    pub swap_secs: f64,
    /// Its requests in order; for a sink that takes lumps, those outside the cohort.
    pub entries: &'a [Entry],
    /// Members of the cohort that run before `entries`, for a sink that takes lumps, else 0.
    pub cohort: u32,
    /// What it asks of the hardware.
    pub work: Work,
    /// Experts whose weights are read, summed over layers; 0 without experts.
    pub expert_loads: f64,
    /// Seconds of one stage in which it computes and in which it reads memory, where the two
    /// overlap; 0 elsewhere.
    pub busy: [f64; 2],
    /// Dynamic power of the instance over that outside any cap.
    pub dynamic: f64,
    /// The instance after forming.
    pub desk: &'a Desk,
}

/// A request whose KV has arrived on the instance that decodes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landed {
    /// When.
    pub at: f64,
    /// When the transfer began; before, the request waited for room or for the link.
    pub started: f64,
    /// The request.
    pub request: u32,
    /// Tokens of KV that were sent.
    pub tokens: u32,
}

/// A request that went on decoding on another instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// When the copy began.
    pub began: f64,
    /// When the request stopped for the last piece.
    pub stopped: f64,
    /// When it could go on.
    pub at: f64,
    /// The request.
    pub request: u32,
    /// Where it was.
    pub from: u32,
    /// Where it is.
    pub to: u32,
    /// Tokens of KV that were sent.
    pub tokens: u32,
    /// Rounds of copying, the last piece included.
    pub rounds: u32,
}

/// What became of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It died.
    Died,
    /// It is back, empty.
    Revived,
    /// Its iterations take longer.
    Slowed,
    /// They take as long as before.
    Sound,
    /// Its link is slower.
    LinkSlowed,
    /// Its link is as before.
    LinkSound,
    /// It was started and is not ready yet.
    Starts,
    /// It takes requests.
    Ready,
    /// It takes no more requests.
    Drains,
    /// It was switched off.
    Off,
    /// It computes prompts from now on.
    Prefills,
    /// It decodes from now on.
    Decodes,
}

/// Something that happened to an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incident {
    /// When.
    pub at: f64,
    /// Which instance.
    pub instance: u32,
    /// What became of it.
    pub what: Turn,
}

/// A look at the power of a row of servers.
#[derive(Debug, Clone, Copy)]
pub struct Metered<'a> {
    /// When the stretch began that it is about.
    pub from: f64,
    /// When.
    pub at: f64,
    /// Mean power of the row over its budget.
    pub share: f64,
    /// Mean shares of their thermal design power that the servers drew.
    pub servers: &'a [f64],
    /// The step of the caps from now on: 0 none, 1 and 2 caps, 3 brake.
    pub step: u8,
}

/// Someone who writes down what happens. Every method may be left out.
pub trait Sink {
    /// Whether requests that decode together are reported as one lump ([`Self::joined`],
    /// [`Self::left`], [`Self::cohort_ran`]) instead of one by one in [`Formed::entries`] and
    /// [`Self::ran`].
    fn lumps(&self) -> bool {
        false
    }
    /// A request that has just decoded joined the cohort of its instance.
    fn joined(&mut self, _at: f64, _replica: u32, _request: u32) {}
    /// All `count` members of the cohort decoded one token.
    fn cohort_ran(&mut self, _iteration: u64, _at: f64, _replica: u32, _count: u32) {}
    /// A request left the cohort after `ran` iterations in it, with its last token or without.
    fn left(&mut self, _at: f64, _replica: u32, _request: u32, _ran: u64, _emitted: Emitted) {}
    /// A request arrived.
    fn arrived(&mut self, _at: f64, _request: u32, _phase: Phase) {}
    /// A batch was formed.
    fn formed(&mut self, _batch: &Formed<'_>) {}
    /// A batch started on the first stage.
    fn started(&mut self, _iteration: u64, _at: f64) {}
    /// A request of a batch that ended: what it gained.
    fn ran(&mut self, _iteration: u64, _at: f64, _entry: Entry, _emitted: Emitted) {}
    /// A batch left the last stage, after `ran` for each of its requests.
    fn ended(&mut self, _iteration: u64, _at: f64, _replica: u32, _desk: &Desk) {}
    /// The KV of a request arrived on another instance.
    fn landed(&mut self, _landed: &Landed) {}
    /// A request decodes on another instance now.
    fn moved(&mut self, _moved: &Moved) {}
    /// Something happened to an instance.
    fn turned(&mut self, _incident: &Incident) {}
    /// An arrival is foretold to have its last token in so many seconds.
    fn foretold(&mut self, _at: f64, _request: u32, _secs: f64) {}
    /// A request that had begun lost its memory with its instance and starts again.
    fn lost(&mut self, _at: f64, _request: u32) {}
    /// A batch died with its instance: no `ran` and no `ended` follows.
    fn cut(&mut self, _iteration: u64, _at: f64) {}
    /// Blocks in use on an instance changed between its batches.
    fn resized(&mut self, _at: f64, _replica: u32, _desk: &Desk) {}
    /// The power of the row was looked at.
    fn metered(&mut self, _metered: &Metered<'_>) {}
    /// Prompts of an instance have another share of its processors from now on.
    fn shared(&mut self, _at: f64, _replica: u32, _share: f64) {}
    /// A batch makes another one stand still, and waits so many seconds for the end of the piece
    /// that runs.
    fn paused(&mut self, _at: f64, _replica: u32, _secs: f64) {}
    /// A policy did something else.
    fn noted(&mut self, _at: f64, _note: Note) {}
}

/// Writes nothing down.
#[derive(Debug, Clone, Copy)]
pub struct NoSink;

impl Sink for NoSink {
    fn lumps(&self) -> bool {
        true
    }
}
