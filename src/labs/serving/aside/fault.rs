//! What goes wrong with a server of an experiment.

use crate::core::{Error, Moment, MomentKind, Result};
use serde::{Deserialize, Serialize};

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ServerFault {
    /// Nothing.
    #[default]
    None,
    /// It dies with all it has, and comes back empty.
    Dies,
    /// It takes longer for everything.
    Slows,
    /// What travels to it or from it takes longer.
    LinkSlows,
}

impl ServerFault {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 4] = [Self::None, Self::Dies, Self::Slows, Self::LinkSlows];
    /// Their names in that order.
    pub const NAMES: [&'static str; 4] = ["none", "dies", "slows", "link slows"];
    /// The names of those that an experiment without links has.
    pub const LINKLESS: [&'static str; 3] = ["none", "dies", "slows"];
}

/// A fault of one server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub what: ServerFault,
    /// To which server, counted from 0.
    pub server: u64,
    /// When, in seconds.
    pub at_secs: f64,
    /// For how long, in seconds.
    pub secs: f64,
    /// How many times as long a slow server takes.
    pub factor: f64,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            what: ServerFault::None,
            server: 0,
            at_secs: 60.0,
            secs: 60.0,
            factor: 4.0,
        }
    }
}

impl Fault {
    /// Whether something goes wrong.
    pub fn any(&self) -> bool {
        self.what != ServerFault::None
    }

    /// Whether the server dies.
    pub fn dies(&self) -> bool {
        self.what == ServerFault::Dies
    }

    /// First and last moment; never without a fault.
    pub(super) fn span(&self) -> [f64; 2] {
        if self.any() {
            [self.at_secs, self.at_secs + self.secs]
        } else {
            [f64::INFINITY; 2]
        }
    }

    /// Whether something takes longer: the server or its link.
    pub fn slows(&self) -> bool {
        matches!(self.what, ServerFault::Slows | ServerFault::LinkSlows)
    }

    /// What the server is while it lasts, in a word or two.
    pub(super) fn condition(&self) -> &'static str {
        match self.what {
            ServerFault::Dies => "dead",
            ServerFault::LinkSlows => "slow link",
            ServerFault::None | ServerFault::Slows => "slow",
        }
    }

    fn factor_of(&self, what: ServerFault, server: usize, at: f64) -> f64 {
        let [from, to] = self.span();
        let slow = self.what == what && server as u64 == self.server;
        if slow && from <= at && at < to {
            self.factor
        } else {
            1.0
        }
    }

    /// How many times as long a server takes for what it begins at a moment.
    pub(super) fn factor(&self, server: usize, at: f64) -> f64 {
        self.factor_of(ServerFault::Slows, server, at)
    }

    /// How many times as long what begins to travel to or from a server at a moment takes.
    pub(super) fn link_factor(&self, server: usize, at: f64) -> f64 {
        self.factor_of(ServerFault::LinkSlows, server, at)
    }

    /// Refuses a slow link where nothing travels.
    pub(super) fn check_linkless(&self, field: &'static str) -> Result<()> {
        if self.what == ServerFault::LinkSlows {
            return Err(Error::out_of_range(
                field,
                "link slows",
                "none, dies or slows: nothing travels over links in this experiment",
            ));
        }
        Ok(())
    }

    /// Refuses a server that is not there.
    pub(super) fn check(&self, field: &'static str, servers: u64) -> Result<()> {
        if self.any() && self.server >= servers {
            return Err(Error::out_of_range(
                field,
                self.server,
                format!("below their number, {servers}"),
            ));
        }
        Ok(())
    }

    /// Its beginning and end before a moment, named for the timeline.
    pub(super) fn moments(&self, name: &str, end: f64) -> Vec<Moment> {
        let [from, to] = self.span();
        let [what, over] = match self.what {
            ServerFault::Dies => ["dies", "is back"],
            ServerFault::LinkSlows => ["has a slow link", "has a sound link again"],
            ServerFault::None | ServerFault::Slows => ["slows down", "is sound again"],
        };
        [(from, what, MomentKind::Bad), (to, over, MomentKind::Phase)]
            .into_iter()
            .filter(|m| m.0 < end)
            .map(|(at, words, kind)| Moment {
                at,
                label: format!("{name} {words}"),
                kind,
            })
            .collect()
    }
}
