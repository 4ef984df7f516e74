//! Pure tools shared by the labs: no screens, no GPU, no files, no clock.

mod alice;
mod chart;
mod claim;
pub mod digits;
mod error;
pub mod golden;
mod job;
pub mod jpeg;
mod metric;
pub mod mlp;
pub mod num;
mod param;
pub mod png;
mod reading;
mod replay;
pub mod rng;
mod sort;
pub mod stats;
mod timeline;

pub use alice::ALICE;
pub use chart::{Axis, Chart, Mark, Scale, Series, SeriesKind};
pub use claim::{ClaimResult, Verdict};
pub use error::{Error, Result};
pub use job::{Job, Step, finish};
pub use metric::{Better, EntityId, Fact, Metric, Story, Table};
pub use param::{Field, Form, Group, Param, ParamKind, parse_number, validate};
pub use reading::Reading;
pub use replay::{Recorder, Recording, Simulation};
pub use sort::{Arrange, Sorter, sort_ids};
pub use timeline::{Moment, MomentKind, Timeline};
