//! Looks at the power of a row of servers.

use crate::engine::Metered;

/// Looks that are kept one by one.
const MOST: usize = 1 << 15;

/// Power of the row and of its servers, look by look.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// When the stretch began that a look is about.
    pub from: Vec<f64>,
    /// Power of the row over its budget.
    pub row: Vec<f64>,
    /// Shares of their thermal design power that the servers drew, server by server in each look.
    pub servers: Vec<f32>,
    /// Highest power of the row over its budget.
    pub highest: f64,
    /// Seconds looked at, and those spent under caps of each step or a higher one.
    pub secs: [f64; 4],
}

impl Meter {
    pub(super) fn push(&mut self, metered: &Metered<'_>) {
        let secs = metered.at - metered.from;
        self.highest = self.highest.max(metered.share);
        for seen in &mut self.secs[..=usize::from(metered.step.min(3))] {
            *seen += secs;
        }
        if self.from.len() < MOST {
            self.from.push(metered.from);
            self.row.push(metered.share);
            self.servers
                .extend(metered.servers.iter().map(|s| *s as f32));
        }
    }

    /// Power of one of `n` servers, look by look.
    pub fn server(&self, index: usize, n: usize) -> impl Iterator<Item = f64> + '_ {
        self.servers
            .iter()
            .skip(index)
            .step_by(n.max(1))
            .map(|s| f64::from(*s))
    }
}
