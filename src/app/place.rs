//! Places in the app and their links.

use super::story::{Story, story};
use crate::core::{Error, Result};
use crate::labs::{LabKind, Shared, exhibit};

/// What a link opens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// The home page.
    Home,
    /// The claims page.
    Claims,
    /// The page that measures this machine.
    Bench,
    /// A lab as it was left, or its default.
    Lab(LabKind),
    /// A step of a story, counted from 0.
    Story(&'static Story, usize),
    /// An exhibit's own setup.
    Exhibit(&'static str),
    /// A whole shared state.
    Shared(Box<Shared>),
}

impl Target {
    /// Reads the part of an address from `#` on: empty, `#home`, `#claims`, `#bench`, `#serving`,
    /// `#exhibit/<id>`, `#story/<id>/<step>` or `#serving/1/<state>`.
    pub(crate) fn from_hash(hash: &str) -> Result<Self> {
        let path = hash.trim_start_matches('#');
        let mut parts = path.splitn(3, '/');
        let (first, second, third) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        match (first, second, third) {
            ("" | "home", "", _) => Ok(Self::Home),
            ("claims", "", _) => Ok(Self::Claims),
            ("bench", "", _) => Ok(Self::Bench),
            ("story", id, step) => story(id)
                .map(|s| Self::Story(s, step.parse::<usize>().unwrap_or(1).saturating_sub(1)))
                .ok_or_else(|| Error::malformed("link", format!("there is no story {id:?}"))),
            ("exhibit", id, _) => exhibit(id)
                .map(|e| Self::Exhibit(e.id))
                .ok_or_else(|| Error::malformed("link", format!("there is no system {id:?}"))),
            (lab, version, packed) => {
                let kind = LabKind::from_id(lab)
                    .ok_or_else(|| Error::malformed("link", format!("there is no lab {lab:?}")))?;
                if version.is_empty() {
                    return Ok(Self::Lab(kind));
                }
                Shared::from_packed(packed).map(|s| Self::Shared(Box::new(s)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::Setup;

    #[test]
    fn every_form_of_link_is_understood() {
        assert_eq!(Target::from_hash(""), Ok(Target::Home));
        assert_eq!(Target::from_hash("#home"), Ok(Target::Home));
        assert_eq!(Target::from_hash("#claims"), Ok(Target::Claims));
        assert_eq!(Target::from_hash("#bench"), Ok(Target::Bench));
        assert_eq!(Target::from_hash("#noise"), Ok(Target::Lab(LabKind::Noise)));
        let shared = Shared::single(Setup::default_of(LabKind::Lr));
        assert_eq!(
            Target::from_hash(&shared.to_hash()),
            Ok(Target::Shared(Box::new(shared)))
        );
    }

    #[test]
    fn unknown_places_are_named() {
        for (hash, word) in [
            ("#cooking", "cooking"),
            ("#exhibit/none", "none"),
            ("#story/long", "long"),
        ] {
            let error = Target::from_hash(hash).expect_err("must be refused");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
