//! Fields of a setup by name: how the command line writes to a config of any lab.

use super::setup::dispatch;
use super::{Lab, Library, Setup, lr, noise, pruning, routing, serving};
use crate::core::{Error, Metric, Result, finish, parse_number};
use crate::labs::LabRun as _;
use serde_json::Value;

impl Setup {
    /// The same setup with one field of its config written, as text: `rate`, `2.5`. A dot leads into
    /// a part of the config: `cache.threshold`.
    ///
    /// # Errors
    /// An unknown field (the known ones are listed), or a value of another kind.
    pub fn with_field(&self, field: &str, text: &str) -> Result<Self> {
        let mut json =
            serde_json::to_value(self).map_err(|e| Error::malformed("setup", e.to_string()))?;
        let Some(config) = json.get_mut("config").and_then(Value::as_object_mut) else {
            return Err(Error::malformed("setup", "has no config"));
        };
        let (part, name) = field.rsplit_once('.').unwrap_or(("", field));
        let mut parts = part.split('.').filter(|p| !p.is_empty());
        let place = parts.try_fold(&mut *config, |at, p| at.get_mut(p)?.as_object_mut());
        let Some(place) = place.filter(|at| at.contains_key(name)) else {
            let known: Vec<&str> = config.keys().map(String::as_str).collect();
            return Err(Error::malformed(
                field,
                format!(
                    "the {} lab has no such field; it has {}",
                    self.lab().id(),
                    known.join(", ")
                ),
            ));
        };
        place.insert(name.to_owned(), value_of(text));
        serde_json::from_value(json).map_err(|e| Error::malformed(field, format!("{text:?}: {e}")))
    }

    /// `count` values of a field from `low` to `high`, evenly spaced on its slider.
    ///
    /// # Errors
    /// A field that is no number, or a range outside of what it allows.
    pub fn field_grid(&self, field: &str, [low, high]: [f64; 2], count: usize) -> Result<Vec<f64>> {
        dispatch!(self, L, _config => {
            let param = L::params().iter().find(|p| p.id == field);
            let Some((param, ([min, max], _))) = param.and_then(|p| Some((p, p.range()?))) else {
                return Err(Error::malformed(
                    field,
                    "a range needs a number with a slider; write the values one by one",
                ));
            };
            if !(low >= min && high <= max && low <= high) {
                return Err(Error::out_of_range(
                    field,
                    format!("{low}:{high}"),
                    format!("a range inside {min} to {max}"),
                ));
            }
            Ok(param.field().grid([low, high], count))
        })
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        dispatch!(self, L, config => L::seed(config))
    }

    /// The same setup with another seed.
    pub fn with_seed(&self, seed: u64) -> Self {
        dispatch!(self, L, config => {
            let mut config = config.clone();
            L::set_seed(&mut config, seed);
            config.into()
        })
    }
}

/// Runs a setup to its end on the CPU and keeps its headline numbers only.
///
/// # Errors
/// A bad parameter, missing data, or a run that cannot go on.
pub fn metrics_of(setup: &Setup, data: &Library) -> Result<Vec<Metric>> {
    dispatch!(setup, L, config => Ok(finish(&mut *L::start(config, data)?)?.metrics()))
}

/// A JSON value as people type it: `true`, `2k`, `1/3`, `"words"`, or words without quotes.
fn value_of(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    match parse_number(text) {
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => Value::from(number as i64),
        Some(number) => Value::from(number),
        None => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::LabKind;

    #[test]
    fn fields_are_written_by_name_as_people_type_them() {
        let setup = Setup::default_of(LabKind::Serving);
        let Setup::Serving(config) = setup
            .with_field("num_blocks", "2k")
            .and_then(|s| s.with_field("scheduler", "sarathi"))
            .and_then(|s| s.with_field("rate", "1/4"))
            .unwrap()
        else {
            panic!("another lab");
        };
        assert_eq!((config.num_blocks, config.rate), (2000, 0.25));
        assert_eq!(config.scheduler, serving::Scheduler::Sarathi);
        let error = setup.with_field("blocks", "1").unwrap_err().to_string();
        assert!(error.contains("num_blocks"), "{error}");
        let error = setup
            .with_field("scheduler", "vlm")
            .unwrap_err()
            .to_string();
        assert!(error.contains("sarathi"), "{error}");
    }

    #[test]
    fn grids_are_spaced_like_the_slider_and_stay_inside_its_range() {
        let setup = Setup::default_of(LabKind::Serving);
        assert_eq!(
            setup.field_grid("rate", [1.0, 4.0], 3).unwrap(),
            [1.0, 2.0, 4.0]
        );
        assert!(
            setup.field_grid("rate", [0.0, 4.0], 3).is_err(),
            "below the range"
        );
        assert!(
            setup.field_grid("scheduler", [0.0, 1.0], 2).is_err(),
            "no number"
        );
        assert_eq!(setup.with_seed(7).seed(), 7);
    }
}
