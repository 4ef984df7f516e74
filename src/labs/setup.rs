//! A setup: the config of any lab, as it stands in links, files and the undo history.

use super::{Lab, LabKind, LabRun as _, Library, lr, noise, object, pruning, routing, serving};
use crate::core::{Error, Metric, Result, Table, finish};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The config of one lab. As JSON: `{"lab": "serving", "config": {…}}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Setup {
    /// LLM serving.
    Serving(serving::Config),
    /// Learning rates.
    Lr(lr::Config),
    /// Diffusion noise.
    Noise(noise::Config),
    /// Routing.
    Routing(routing::Config),
    /// Pruning.
    Pruning(pruning::Config),
}

/// Calls `$body` with `$L` bound to the lab's type and `$config` to its config.
macro_rules! dispatch {
    ($setup:expr, $L:ident, $config:ident => $body:expr) => {
        match $setup {
            Setup::Serving($config) => {
                type $L = serving::Serving;
                $body
            }
            Setup::Lr($config) => {
                type $L = lr::Lr;
                $body
            }
            Setup::Noise($config) => {
                type $L = noise::Noise;
                $body
            }
            Setup::Routing($config) => {
                type $L = routing::Routing;
                $body
            }
            Setup::Pruning($config) => {
                type $L = pruning::Pruning;
                $body
            }
        }
    };
}

pub(super) use dispatch;

macro_rules! conversions {
    ($($variant:ident($config:ty)),* $(,)?) => {$(
        impl From<$config> for Setup {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        }

        impl TryFrom<Setup> for $config {
            type Error = Error;

            fn try_from(setup: Setup) -> Result<Self> {
                match setup {
                    Setup::$variant(config) => Ok(config),
                    other => Err(Error::malformed(
                        "setup",
                        format!("belongs to the {} lab", other.lab().id()),
                    )),
                }
            }
        }
    )*};
}

conversions!(
    Serving(serving::Config),
    Lr(lr::Config),
    Noise(noise::Config),
    Routing(routing::Config),
    Pruning(pruning::Config),
);

/// A setup as it is written. Configs pass through a JSON value, so that each is compiled for one
/// source and one target instead of every kind of text and writer, which made the page's module
/// larger.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    lab: LabKind,
    config: Value,
}

impl Serialize for Setup {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let (lab, config) =
            dispatch!(self, L, config => (<L as Lab>::KIND, serde_json::to_value(config)));
        let config = config.map_err(serde::ser::Error::custom)?;
        Written { lab, config }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Setup {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let Written { lab, config } = Written::deserialize(from)?;
        let setup = match lab {
            LabKind::Serving => object::read(config).map(Self::Serving),
            LabKind::Lr => object::read(config).map(Self::Lr),
            LabKind::Noise => object::read(config).map(Self::Noise),
            LabKind::Routing => object::read(config).map(Self::Routing),
            LabKind::Pruning => object::read(config).map(Self::Pruning),
        };
        setup.map_err(D::Error::custom)
    }
}

/// What the command line prints of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The setup in words.
    pub label: String,
    /// Headline numbers.
    pub metrics: Vec<Metric>,
    /// Named tables, the per-entity table first.
    pub tables: Vec<(&'static str, Table)>,
    /// The result in a sentence.
    pub summary: String,
}

impl Setup {
    /// The default setup of a lab: its first preset.
    pub fn default_of(kind: LabKind) -> Self {
        match kind {
            LabKind::Serving => Self::Serving((serving::Serving::presets()[0].config)()),
            LabKind::Lr => Self::Lr((lr::Lr::presets()[0].config)()),
            LabKind::Noise => Self::Noise((noise::Noise::presets()[0].config)()),
            LabKind::Routing => Self::Routing((routing::Routing::presets()[0].config)()),
            LabKind::Pruning => Self::Pruning((pruning::Pruning::presets()[0].config)()),
        }
    }

    /// Its lab.
    pub fn lab(&self) -> LabKind {
        dispatch!(self, L, _config => L::KIND)
    }

    /// Short name for legends.
    pub fn label(&self) -> String {
        dispatch!(self, L, config => L::label(config))
    }

    /// The system it runs, if it is one of the exhibits.
    pub fn exhibit(&self) -> Option<&'static super::Exhibit> {
        dispatch!(self, L, config => L::exhibit(config))
    }

    /// The same setup with one parameter changed: numbers as they are, choices by index, toggles by
    /// 0 or 1.
    ///
    /// # Errors
    /// A parameter the lab does not have, or a value out of its range.
    pub fn with(mut self, id: &str, value: f64) -> Result<Self> {
        dispatch!(&mut self, L, config => {
            let param = L::params()
                .iter()
                .find(|p| p.id == id)
                .ok_or_else(|| Error::malformed("parameter", format!("there is no {id:?}")))?;
            param.set_value(config, value);
            param.check(config)?;
        });
        Ok(self)
    }

    /// Whether it can run.
    ///
    /// # Errors
    /// The first parameter out of range.
    pub fn check(&self) -> Result<()> {
        dispatch!(self, L, config => L::check(config))
    }

    /// Whether it refers to data the user brought.
    pub fn needs_data(&self) -> bool {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.contains("\"hash\":\"")
    }

    /// Reads a setup from JSON.
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|e| Error::malformed("setup", e.to_string()))
    }

    /// The setup as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Runs a setup to its end on the CPU.
///
/// # Errors
/// A bad parameter, missing data, or a run that cannot go on.
pub fn outcome_of(setup: &Setup, data: &Library) -> Result<Outcome> {
    dispatch!(setup, L, config => {
        let run = finish(&mut *L::start(config, data)?)?;
        Ok(Outcome {
            label: L::label(config),
            metrics: run.metrics(),
            tables: run.tables(),
            summary: run.summary(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_setup_survives_json_and_runs() {
        for kind in LabKind::ALL {
            let setup = Setup::default_of(kind);
            assert_eq!(
                Setup::from_json(&setup.to_json()).as_ref(),
                Ok(&setup),
                "{kind:?}"
            );
            assert_eq!(setup.check(), Ok(()), "{kind:?}");
        }
    }

    #[test]
    fn a_parameter_is_set_by_its_name_within_its_range() {
        let setup = Setup::default_of(LabKind::Serving);
        let faster = setup.clone().with("rate", 9.0).unwrap();
        assert!(
            faster.to_json().contains("\"rate\": 9.0"),
            "{}",
            faster.to_json()
        );
        assert_eq!(
            setup.clone().with("rate", -1.0).unwrap_err().field(),
            Some("rate")
        );
        assert!(setup.with("speed", 1.0).is_err(), "no such parameter");
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let error = Setup::from_json(r#"{"lab":"serving","config":{"sede":1}}"#).unwrap_err();
        assert!(error.to_string().contains("sede"), "{error}");
    }
}
