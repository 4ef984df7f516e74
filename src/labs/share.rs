//! What a link, an exported setup file and `schedlab run` hold: one to four setups of one lab and
//! how they are looked at. A link is `#<lab>/<version>/<base64url(deflate(json))>`; the part after
//! `#` never reaches a server.

use super::setup::dispatch;
use super::{Lab, LabKind, Setup, lr, noise, pruning, routing, serving};
use crate::core::{EntityId, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Version written into links and files.
pub(super) const VERSION: u32 = 1;

/// Largest number of setups compared on one screen.
pub const MAX_SETUPS: usize = 4;

/// Inflated links above this size are refused: no honest setup is as large.
const MAX_JSON_BYTES: usize = 1 << 20;

/// How several setups are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareMode {
    /// Pictures side by side, charts overlaid.
    #[default]
    Side,
    /// One picture at a time, charts overlaid.
    Overlay,
    /// Charts show each setup minus A.
    Difference,
    /// Metrics by setups.
    Table,
}

impl CompareMode {
    /// All modes in the order `V` cycles through them.
    pub const ALL: [Self; 4] = [Self::Side, Self::Overlay, Self::Difference, Self::Table];

    /// Its name on screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Side => "Side by side",
            Self::Overlay => "Overlay",
            Self::Difference => "Difference",
            Self::Table => "Table",
        }
    }

    /// The next mode.
    pub fn next(self) -> Self {
        let i = Self::ALL.iter().position(|m| *m == self).unwrap_or(0);
        Self::ALL[(i + 1) % Self::ALL.len()]
    }
}

/// Everything that changes a number or the view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// [`VERSION`] at the time of writing.
    pub version: u32,
    /// One to four setups of the same lab: A, B, …
    pub setups: Vec<Setup>,
    /// Moment on the timeline.
    #[serde(default)]
    pub playhead: f64,
    /// Pinned entity.
    #[serde(default)]
    pub selected: Option<EntityId>,
    /// How the setups are compared.
    #[serde(default)]
    pub mode: CompareMode,
}

impl Shared {
    /// One setup, from its start.
    pub fn single(setup: Setup) -> Self {
        Self {
            version: VERSION,
            setups: vec![setup],
            playhead: 0.0,
            selected: None,
            mode: CompareMode::default(),
        }
    }

    /// The lab of all setups.
    pub fn lab(&self) -> LabKind {
        self.setups.first().map_or(LabKind::Serving, Setup::lab)
    }

    /// Reads a shared state, or a single setup `{"lab": …, "config": …}`.
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| Error::malformed("setup", e.to_string()))?;
        if value.get("setups").is_none() {
            return Setup::from_json(text).map(Self::single);
        }
        if let Some(version) = value.get("version").and_then(serde_json::Value::as_u64)
            && version > u64::from(VERSION)
        {
            return Err(Error::malformed(
                "version",
                format!(
                    "{version} is newer than this program ({VERSION}); reload the page or update"
                ),
            ));
        }
        let shared: Self =
            serde_json::from_str(text).map_err(|e| Error::malformed("setup", e.to_string()))?;
        shared.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.setups.is_empty() || self.setups.len() > MAX_SETUPS {
            return Err(Error::out_of_range(
                "setups",
                self.setups.len(),
                format!("1 to {MAX_SETUPS}"),
            ));
        }
        if self.setups.iter().any(|s| s.lab() != self.lab()) {
            return Err(Error::malformed("setups", "belong to different labs"));
        }
        Ok(self)
    }

    /// The state as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The state as the part of a link from `#` on.
    pub fn to_hash(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let setups = value.get_mut("setups").and_then(|s| s.as_array_mut());
        for (setup, json) in self.setups.iter().zip(setups.into_iter().flatten()) {
            leave_out_idle_fields(setup, json);
        }
        let json = serde_json::to_vec(&value).unwrap_or_default();
        let packed = miniz_oxide::deflate::compress_to_vec(&json, 9);
        format!(
            "#{}/{VERSION}/{}",
            self.lab().id(),
            URL_SAFE_NO_PAD.encode(packed)
        )
    }

    /// Reads the part of a link after `#lab/version/`.
    ///
    /// # Errors
    /// What is wrong with the link.
    pub fn from_packed(packed: &str) -> Result<Self> {
        let bad = |problem: &str| Error::malformed("link", problem);
        let bytes = URL_SAFE_NO_PAD
            .decode(packed)
            .map_err(|e| bad(&format!("is damaged ({e})")))?;
        let json = miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes, MAX_JSON_BYTES)
            .map_err(|e| bad(&format!("is damaged or cut off ({:?})", e.status)))?;
        let text = String::from_utf8(json).map_err(|e| bad(&format!("is damaged ({e})")))?;
        Self::from_json(&text)
    }
}

/// Takes out what has no effect in this setup and is what a reader puts in its place: it would more
/// than double the length of a link. What has an effect is always written, so that a link keeps its
/// meaning when a default changes.
fn leave_out_idle_fields(setup: &Setup, json: &mut serde_json::Value) {
    // The default of the type, which fills the gaps; the lab's first preset may differ from it.
    let (idle, default): (Vec<&str>, _) = dispatch!(setup, L, config => (
        L::params().iter().filter(|p| !p.is_active(config)).map(|p| p.id).collect(),
        serde_json::to_value(<L as Lab>::Config::default()).unwrap_or_default()
    ));
    let Some(config) = json.get_mut("config").and_then(|c| c.as_object_mut()) else {
        return;
    };
    // Whole parts belong to worlds beside the first one.
    let first = config.get("world") == default.get("world");
    config.retain(|name, value| {
        let idle = idle.contains(&name.as_str()) || (first && value.is_object());
        !idle || default.get(name) != Some(&*value)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ParamKind;
    use crate::labs::DataKey;

    fn sample() -> Shared {
        Shared {
            setups: vec![
                Setup::default_of(LabKind::Serving),
                Setup::default_of(LabKind::Serving),
            ],
            playhead: 12.5,
            selected: Some(EntityId(17)),
            mode: CompareMode::Difference,
            version: VERSION,
        }
    }

    fn packed(hash: &str) -> &str {
        hash.rsplit('/').next().expect("a link has slashes")
    }

    #[test]
    fn a_link_brings_back_the_same_state() {
        let shared = sample();
        let hash = shared.to_hash();
        assert!(hash.starts_with("#serving/1/"), "{hash}");
        assert!(hash.len() < 2000, "a link of {} characters", hash.len());
        assert_eq!(Shared::from_packed(packed(&hash)), Ok(shared.clone()));
        // What was changed stays, whether its world is on screen or not.
        for fields in [
            &[("cache.threshold", "0.7")][..],
            &[("world", "cache")],
            &[("world", "cache"), ("cache.threshold", "0.7")],
        ] {
            let mut other = shared.clone();
            for setup in &mut other.setups {
                for (field, text) in fields {
                    *setup = setup.with_field(field, text).unwrap();
                }
            }
            assert_eq!(Shared::from_packed(packed(&other.to_hash())), Ok(other));
        }
    }

    #[test]
    fn the_link_of_every_system_brings_its_setup_back() {
        for exhibit in crate::labs::exhibits() {
            let shared = Shared::single((exhibit.setup)());
            let hash = shared.to_hash();
            assert!(
                hash.len() < 2000,
                "{}: {} characters",
                exhibit.id,
                hash.len()
            );
            assert_eq!(
                Shared::from_packed(packed(&hash)),
                Ok(shared),
                "{}",
                exhibit.id
            );
        }
    }

    fn comes_back(setup: Setup, words: &str) {
        let shared = Shared::single(setup);
        let back = Shared::from_packed(packed(&shared.to_hash()));
        assert_eq!(back, Ok(shared), "{words}");
    }

    #[test]
    fn a_link_keeps_what_a_switch_makes_idle() {
        for kind in LabKind::ALL {
            dispatch!(&Setup::default_of(kind), L, _config => {
                for preset in L::presets() {
                    for param in L::params() {
                        let ParamKind::Choice { options, set, .. } = param.kind else {
                            continue;
                        };
                        for (i, option) in options.iter().enumerate() {
                            let mut config = (preset.config)();
                            set(&mut config, i);
                            comes_back(config.into(), &format!("{}: {} {option}", preset.name, param.id));
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn a_link_keeps_what_an_imported_file_makes_idle() {
        let mut config = (routing::Routing::presets()[0].config)();
        config.data = Some(DataKey::of("logits.npy", b"dump"));
        comes_back(config.into(), "a dump");
    }

    #[test]
    fn damaged_links_are_refused_in_words() {
        let hash = sample().to_hash();
        let packed = packed(&hash);
        for bad in ["", "!!!", &packed[..packed.len() / 2], "AAAA"] {
            let error = Shared::from_packed(bad).expect_err("must be refused");
            assert!(
                error.to_string().starts_with("link:") || error.to_string().starts_with("setup:"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_newer_version_says_so() {
        let text = sample()
            .to_json()
            .replace("\"version\": 1", "\"version\": 9");
        let error = Shared::from_json(&text).expect_err("must be refused");
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[test]
    fn setups_of_different_labs_cannot_be_compared() {
        let mut shared = sample();
        shared.setups.push(Setup::default_of(LabKind::Noise));
        assert!(Shared::from_json(&shared.to_json()).is_err());
    }
}
