//! The parts of the picture: lanes, tokens and memory over time, the pool at the playhead.

pub(super) mod board;
pub(super) mod capacity;
pub(super) mod flying;
pub(super) mod frame;
pub(super) mod gantt;
mod phase;
mod placement;
pub(super) mod pool;
mod prefixes;
pub(super) mod strips;

use super::log::Stretch;
use crate::ui::theme::{Palette, mix};
use egui::Color32;

/// Colour of a stretch of a request's life.
pub(super) fn color_of(what: Stretch, palette: &Palette) -> Color32 {
    match what {
        Stretch::Waiting => palette.states[0],
        Stretch::Prefill => palette.states[1],
        Stretch::Decode => palette.states[2],
        Stretch::Stalled => mix(palette.background, palette.states[2], 0.28),
        Stretch::Preempted => palette.states[3],
        // Paler than preempted: nothing is lost.
        Stretch::Swapped => mix(palette.background, palette.states[3], 0.5),
        Stretch::Transfer => palette.series[3],
        Stretch::Tail => mix(palette.background, palette.states[0], 0.45),
    }
}

/// Name of a stretch in the legend.
pub(super) fn name_of(what: Stretch) -> &'static str {
    match what {
        Stretch::Waiting => "waiting",
        Stretch::Prefill => "prefill",
        Stretch::Decode => "decode",
        Stretch::Stalled => "stalled",
        Stretch::Preempted => "preempted",
        Stretch::Swapped => "swapped out",
        Stretch::Transfer => "KV transfer",
        Stretch::Tail => "done, slot kept",
    }
}
