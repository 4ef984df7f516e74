//! What scripts, stories and tests can read of a screen.

use crate::core::{EntityId, Metric};
use crate::labs::{CompareMode, Setup};
use serde_json::{Map, Value, json};

/// A setup and what is known of it.
pub(super) struct SetupTold<'a> {
    pub(super) label: String,
    pub(super) setup: Setup,
    /// Headline numbers; none before the first run.
    pub(super) metrics: Option<&'a [Metric]>,
    pub(super) summary: Option<String>,
    pub(super) error: Option<String>,
    pub(super) is_stale: bool,
    pub(super) is_running: bool,
    pub(super) on_gpu: bool,
}

impl SetupTold<'_> {
    fn json(self) -> Value {
        let results: Option<Map<String, Value>> = self.metrics.map(|metrics| {
            let told = metrics.iter();
            told.map(|m| (m.id.to_owned(), json!(m.value))).collect()
        });
        json!({
            "label": self.label,
            "setup": self.setup,
            "results": results,
            "summary": self.summary,
            "stale": self.is_stale,
            "running": self.is_running,
            "error": self.error,
            "path": if self.on_gpu { "gpu" } else { "cpu" },
        })
    }
}

/// The screen around the setups.
pub(super) struct ScreenTold {
    pub(super) lab: &'static str,
    pub(super) exhibit: Option<&'static str>,
    pub(super) focus: usize,
    pub(super) mode: CompareMode,
    pub(super) playhead: f64,
    /// End of the timeline, and its number of steps.
    pub(super) end: f64,
    pub(super) steps: usize,
    pub(super) playing: bool,
    pub(super) selected: Option<EntityId>,
    /// Runs done and wanted, of many seeds and of a sweep.
    pub(super) seeds: Option<(usize, usize)>,
    pub(super) sweep: Option<(usize, usize)>,
}

impl ScreenTold {
    /// All of it.
    pub(super) fn json(self, setups: Vec<SetupTold<'_>>) -> Value {
        let setups: Vec<Value> = setups.into_iter().map(SetupTold::json).collect();
        let progress = |(done, wanted): (usize, usize)| json!({"done": done, "wanted": wanted});
        json!({
            "lab": self.lab,
            "exhibit": self.exhibit,
            "setups": setups,
            "focus": self.focus,
            "mode": self.mode,
            "playhead": self.playhead,
            "end": self.end,
            "steps": self.steps,
            "playing": self.playing,
            "selected": self.selected,
            "seeds": self.seeds.map(progress),
            "sweep": self.sweep.map(progress),
        })
    }
}
