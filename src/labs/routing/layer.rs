//! The layers of a file that was brought.

use super::config::{Config, Router};
use super::dump::{self, Content, Layer, Scan};
use crate::core::{Error, Result};
use crate::labs::pruning::checkpoint::Checkpoint;
use crate::labs::{DataKey, Dataset, Library};

/// The layers of a file, and the one of the config, checked against it.
#[cfg(feature = "gpu")]
pub(super) fn layer_of(
    config: &Config,
    key: &DataKey,
    data: &Library,
) -> Result<(Vec<Layer>, Layer)> {
    let layers = layers_of(key, data.get(key)?)?;
    checked(config, key, layers)
}

/// A file that is read for a run, in short steps.
pub(super) struct Opening {
    key: DataKey,
    scan: Scan,
}

impl Opening {
    /// Starts on a data set.
    ///
    /// # Errors
    /// It is not there, or holds no routing.
    pub(super) fn new(key: &DataKey, data: &Library) -> Result<Self> {
        Ok(Self {
            scan: Scan::new(&key.name, tensors(key, data.get(key)?)?)?,
            key: key.clone(),
        })
    }

    /// A slice of work; the layers and the one of the config, checked against it, when it is done.
    ///
    /// # Errors
    /// What cannot be read, or does not fit the config.
    pub(super) fn step(&mut self, config: &Config) -> Result<Option<(Vec<Layer>, Layer)>> {
        let layers = self.scan.step()?;
        layers
            .map(|layers| checked(config, &self.key, layers))
            .transpose()
    }
}

fn checked(config: &Config, key: &DataKey, layers: Vec<Layer>) -> Result<(Vec<Layer>, Layer)> {
    let count = layers.len();
    let layer = layers.get(config.layer as usize).cloned();
    let layer = layer.ok_or_else(|| {
        let allowed = format!("0 to {} ({} has {count} layers)", count - 1, key.name);
        Error::out_of_range("layer", config.layer, allowed)
    })?;
    let recorded = config.router == Router::Recorded;
    if recorded != (layer.content == Content::Choices) {
        let allowed = if recorded {
            "any other: the file holds scores, not choices"
        } else {
            "as recorded: the file holds choices, not scores"
        };
        return Err(Error::out_of_range(
            "router",
            Router::name(config.router),
            allowed,
        ));
    }
    if layer.experts > config.experts as usize
        || (!recorded && layer.experts != config.experts as usize)
    {
        let allowed = format!("{}, as in the file", layer.experts);
        return Err(Error::out_of_range("experts", config.experts, allowed));
    }
    if recorded && layer.width != config.choices() {
        let allowed = format!("{}, as in the file", layer.width);
        return Err(Error::out_of_range("k", config.k, allowed));
    }
    if config.tokens * config.batches > layer.tokens as u64 {
        let allowed = format!(
            "tokens x batches up to the {} tokens of the layer, here {}",
            layer.tokens,
            config.tokens * config.batches
        );
        return Err(Error::out_of_range("batches", config.batches, allowed));
    }
    Ok((layers, layer))
}

/// The layers of a data set.
pub(super) fn layers_of(key: &DataKey, data: &Dataset) -> Result<Vec<Layer>> {
    dump::layers(&key.name, tensors(key, data)?)
}

fn tensors<'a>(key: &DataKey, data: &'a Dataset) -> Result<&'a Checkpoint> {
    match data {
        Dataset::Tensors(checkpoint) => Ok(checkpoint),
        other @ (Dataset::Trace(_)
        | Dataset::Profile(_)
        | Dataset::LossLog(_)
        | Dataset::Schedule(_)
        | Dataset::Images(_)) => Err(Error::Unsupported(format!(
            "{} ({}) in this lab",
            key.name,
            other.words()
        ))),
    }
}
