//! What is remembered between visits: never a number of a result.

use crate::labs::{LabKind, Shared};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where kernels run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KernelChoice {
    /// Measured at start.
    #[default]
    Auto,
    /// Always on the GPU, where there is one.
    Gpu,
    /// Always on the CPU.
    Cpu,
}

/// Preferences and the last setups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Prefs {
    /// Light, dark, or the system's choice.
    pub(crate) theme: Option<egui::Theme>,
    /// Where kernels run.
    pub(crate) kernels: KernelChoice,
    /// Whether side panels are hidden.
    pub(crate) panels_hidden: bool,
    /// No motion other than the data's own.
    pub(crate) reduce_motion: bool,
    /// The last setup of each lab.
    pub(crate) last: BTreeMap<LabKind, Shared>,
    /// Labs in order of the last visit, newest first.
    pub(crate) recent: Vec<LabKind>,
    /// The story left, and its step.
    pub(crate) story: Option<(String, usize)>,
}

impl Prefs {
    /// Notes a visit.
    pub(crate) fn visit(&mut self, kind: LabKind) {
        self.recent.retain(|k| *k != kind);
        self.recent.insert(0, kind);
    }
}
