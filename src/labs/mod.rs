//! The five labs and the registry of systems in them.

pub mod bench;
mod data;
pub mod evidence;
mod exhibit;
mod fields;
pub mod golden;
mod object;
mod setup;
mod share;
mod stored;

/// Implements [`LabRun`] for an enum of runs by asking the run inside.
macro_rules! either_run {
    ($run:ident: $($arm:ident),+) => {
        impl $crate::labs::LabRun for $run {
            fn metrics(&self) -> Vec<$crate::core::Metric> {
                match self { $(Self::$arm(run) => run.metrics(),)+ }
            }

            fn timeline(&self) -> &$crate::core::Timeline {
                match self { $(Self::$arm(run) => run.timeline(),)+ }
            }

            fn charts(&self) -> &[$crate::core::Chart] {
                match self { $(Self::$arm(run) => run.charts(),)+ }
            }

            fn tables(&self) -> Vec<(&'static str, $crate::core::Table)> {
                match self { $(Self::$arm(run) => run.tables(),)+ }
            }

            fn story(&self, entity: $crate::core::EntityId, at: f64) -> Option<$crate::core::Story> {
                match self { $(Self::$arm(run) => run.story(entity, at),)+ }
            }

            fn notable(&self) -> Vec<($crate::core::EntityId, String)> {
                match self { $(Self::$arm(run) => run.notable(),)+ }
            }

            fn summary(&self) -> String {
                match self { $(Self::$arm(run) => run.summary(),)+ }
            }

            fn files(&self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$arm(run) => run.files(),)+ }
            }

            fn file(&self, place: usize) -> Vec<u8> {
                match self { $(Self::$arm(run) => run.file(place),)+ }
            }
        }
    };
}

pub mod lr;
pub mod noise;
pub mod pruning;
pub mod routing;
pub mod serving;

pub use data::{DataKey, Dataset, Library, Opening, reading, sniff};
pub use exhibit::{Basis, Claim, Effort, Exhibit, Paper, exhibit, exhibits};
pub use fields::metrics_of;
pub use setup::{Outcome, Setup, outcome_of};
pub use share::{CompareMode, MAX_SETUPS, Shared};
pub use stored::{StoredClaim, parse_stored, stored_claim, stored_claims};

use crate::core::{
    Chart, EntityId, Error, Job, Metric, Param, Result, Story, Table, Timeline, validate,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// The labs, in the order of the home page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabKind {
    /// LLM-serving schedulers.
    Serving,
    /// Learning-rate schedules.
    Lr,
    /// Diffusion noise and sampling schedules.
    Noise,
    /// Mixture-of-experts routing.
    Routing,
    /// Pruning masks and sparsity schedules.
    Pruning,
}

impl LabKind {
    /// All labs.
    pub const ALL: [Self; 5] = [
        Self::Serving,
        Self::Lr,
        Self::Noise,
        Self::Routing,
        Self::Pruning,
    ];

    /// Key in links, configs and reference files.
    pub fn id(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Lr => "lr",
            Self::Noise => "noise",
            Self::Routing => "routing",
            Self::Pruning => "pruning",
        }
    }

    /// The lab with this key.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }
}

/// Words about a lab.
#[derive(Debug, Clone, Copy)]
pub struct LabInfo {
    /// Name on the tile.
    pub title: &'static str,
    /// Its question in one line.
    pub question: &'static str,
    /// What an entity is called: "request".
    pub entity: &'static str,
    /// What the main picture shows, for the accessible mirror.
    pub picture: &'static str,
}

/// A named starting point.
#[derive(Debug, Clone, Copy)]
pub struct Preset<C> {
    /// Name in the menu.
    pub name: &'static str,
    /// What to look at.
    pub doc: &'static str,
    /// Builds the config.
    pub config: fn() -> C,
}

/// A lab: a pure function from config to run, with everything a screen, a link, a test and the
/// command line need to know about it.
pub trait Lab: Sized + 'static {
    /// Every input that changes a number.
    type Config: Clone
        + PartialEq
        + Debug
        + Default
        + Serialize
        + DeserializeOwned
        + Into<Setup>
        + TryFrom<Setup, Error = Error>
        + 'static;
    /// Everything computed.
    type Run: LabRun;

    /// Which lab.
    const KIND: LabKind;
    /// Words about it.
    const INFO: LabInfo;

    /// What a run can be saved as, beside tables and pictures: "Save the pruned checkpoint".
    const PRODUCT: Option<&'static str> = None;

    /// The parameters of a config.
    fn params() -> &'static [Param<Self::Config>];

    /// Starting points; the first is the one the lab opens with.
    fn presets() -> &'static [Preset<Self::Config>];

    /// The exhibits of this lab.
    fn exhibits() -> &'static [&'static Exhibit];

    /// Short name of what a config runs, for legends: "Sarathi-Serve, chunk 512".
    fn label(config: &Self::Config) -> String;

    /// The exhibit whose system a config runs, if it is one of them.
    fn exhibit(config: &Self::Config) -> Option<&'static Exhibit>;

    /// Whether the config can run.
    ///
    /// # Errors
    /// The first parameter out of range.
    fn check(config: &Self::Config) -> Result<()> {
        validate(Self::params(), config)
    }

    /// Starts the computation on the CPU. Checks the config first.
    ///
    /// # Errors
    /// A bad parameter, or data that is not loaded.
    fn start(config: &Self::Config, data: &Library) -> Result<Box<dyn Job<Out = Self::Run>>>;

    /// The config's seed.
    fn seed(config: &Self::Config) -> u64;

    /// Sets the seed.
    fn set_seed(config: &mut Self::Config, seed: u64);

    /// Uses an imported data set in a config, if this lab can.
    ///
    /// # Errors
    /// Why the data cannot be used here.
    fn use_data(config: &Self::Config, key: &DataKey, data: &Dataset) -> Result<Self::Config>;
}

/// A file in the making.
pub struct Product {
    /// Its name.
    pub name: String,
    /// Makes its bytes.
    pub job: Box<dyn Job<Out = Vec<u8>>>,
}

/// What every run can tell. Cheap to clone (big parts behind `Arc`).
pub trait LabRun: Clone + 'static {
    /// Headline numbers, the most important first.
    fn metrics(&self) -> Vec<Metric>;

    /// The time axis.
    fn timeline(&self) -> &Timeline;

    /// Linked charts, the most important first. Computed when the run ends, not per frame.
    fn charts(&self) -> &[Chart];

    /// Named tables for export; the first is the per-entity table.
    fn tables(&self) -> Vec<(&'static str, Table)>;

    /// The story of an entity at a moment of the timeline.
    fn story(&self, entity: EntityId, at: f64) -> Option<Story>;

    /// Entities worth a click, for the inspector's empty state and keyboard users.
    fn notable(&self) -> Vec<(EntityId, String)>;

    /// One sentence with the result in words, for screen readers.
    fn summary(&self) -> String;

    /// Files for other programs: what each is, and its name.
    fn files(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Bytes of the file at a place of [`LabRun::files`].
    fn file(&self, _place: usize) -> Vec<u8> {
        Vec::new()
    }

    /// The file a run makes at a moment of the timeline, for labs with a [`Lab::PRODUCT`].
    ///
    /// # Errors
    /// Why there is none.
    fn product(&self, at: f64) -> Result<Product> {
        let _ = at;
        Err(Error::Unsupported("saving a file of this run".to_owned()))
    }
}
