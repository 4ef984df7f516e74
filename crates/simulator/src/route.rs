//! What chooses an instance for an arrival.

use crate::engine::Cluster;
use std::fmt::Debug;

/// Chooses an instance for every arrival.
pub trait Route: Debug + Send + Sync {
    /// The instance that request `r` goes to.
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize;

    /// Seconds that the last request picked for is foretold to take to its last token, where that
    /// is known and of use.
    fn foretold(&self) -> Option<f64> {
        None
    }

    /// A copy with its state.
    fn boxed(&self) -> Box<dyn Route>;
}

impl Clone for Box<dyn Route> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
