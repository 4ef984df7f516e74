//! The one way a system enters the app: an [`Exhibit`] in its own file, and one line in its lab's
//! registry.

use super::{LabKind, Setup, lr, noise, pruning, routing, serving};
use crate::core::{ClaimResult, Job};
use serde::{Deserialize, Serialize};

/// Where our knowledge of an algorithm comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Read in the authors' or a reference implementation.
    Code,
    /// From the paper's text.
    Paper,
    /// Restated by others, or remembered.
    Secondary,
    /// Only the abstract was available; the rest is our design.
    AbstractOnly,
    /// Textbook material.
    Standard,
}

impl Basis {
    /// The words on the badge.
    pub fn words(self) -> &'static str {
        match self {
            Self::Code => "from reference code",
            Self::Paper => "from the paper",
            Self::Secondary => "from secondary sources",
            Self::AbstractOnly => "from the abstract only",
            Self::Standard => "textbook",
        }
    }
}

/// A publication.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paper {
    /// Its title.
    pub title: &'static str,
    /// First author and others, as in a citation.
    pub authors: &'static str,
    /// Year of publication.
    pub year: u16,
    /// arXiv id, empty where there is none.
    pub arxiv: &'static str,
}

/// How much work a claim experiment may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Seconds: for tests and a first look.
    Quick,
    /// More seeds and longer runs: minutes.
    Full,
}

/// A paper's claim and the experiment that tests it.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// What the paper says, with its figure.
    pub statement: &'static str,
    /// What we run to test it.
    pub experiment: &'static str,
    /// Starts the experiment.
    pub start: fn(Effort) -> Box<dyn Job<Out = ClaimResult>>,
}

/// A published system (or a textbook baseline) as it stands in the gallery.
#[derive(Debug, Clone, Copy)]
pub struct Exhibit {
    /// Key in links: `sarathi-serve`.
    pub id: &'static str,
    /// Its lab.
    pub lab: LabKind,
    /// Its name as in the paper.
    pub title: &'static str,
    /// The idea in one or two sentences of ours.
    pub idea: &'static str,
    /// Where it was published.
    pub paper: Paper,
    /// Where our knowledge of it comes from.
    pub basis: Basis,
    /// What we chose ourselves or left out; empty if nothing.
    pub deviations: &'static str,
    /// Its equation or rule in plain text.
    pub equation: &'static str,
    /// The symbols of the equation and their meaning.
    pub symbols: &'static [(&'static str, &'static str)],
    /// A setup in which its effect is visible.
    pub setup: fn() -> Setup,
    /// Its claim and the experiment that tests it.
    pub claim: Option<Claim>,
}

/// Every exhibit, lab by lab.
pub fn exhibits() -> impl Iterator<Item = &'static Exhibit> {
    [
        serving::EXHIBITS,
        lr::EXHIBITS,
        noise::EXHIBITS,
        routing::EXHIBITS,
        pruning::EXHIBITS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The exhibit with this key.
pub fn exhibit(id: &str) -> Option<&'static Exhibit> {
    exhibits().find(|e| e.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_exhibit_is_complete_and_its_setup_belongs_to_its_lab() {
        let mut ids = BTreeSet::new();
        for e in exhibits() {
            assert!(ids.insert(e.id), "{} is registered twice", e.id);
            assert!(
                !e.title.is_empty() && !e.idea.is_empty() && !e.equation.is_empty(),
                "{} lacks words",
                e.id
            );
            assert_eq!((e.setup)().lab(), e.lab, "{}", e.id);
            assert_eq!((e.setup)().check(), Ok(()), "{}", e.id);
            assert!(e.paper.year > 1900, "{}", e.id);
        }
    }

    #[test]
    fn the_setup_of_an_exhibit_is_recognised_as_its_system() {
        for e in exhibits() {
            assert_eq!(
                (e.setup)().exhibit().map(|found| found.id),
                Some(e.id),
                "{}",
                (e.setup)().label()
            );
        }
    }
}
