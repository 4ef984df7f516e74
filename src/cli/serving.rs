//! The serving setup of `simulate`, `sweep` and `capacity`: config file, trace and single fields.

use super::files;
use crate::core::{Error, Result};
use crate::labs::serving::{Config, Serving};
use crate::labs::{DataKey, Dataset, Lab as _, LabKind, Library, Setup};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where a setup comes from.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// The setup: what a share link or "Save setup as a file" holds, or a serving config alone
    /// [default: the lab's first preset]
    #[arg(long, value_name = "FILE.json")]
    pub(super) config: Option<PathBuf>,
    /// Requests to serve: Azure, Vidur, Mooncake, BurstGPT or plain columns are recognised. A
    /// profile of iteration times is fitted and becomes the cost model
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

impl Source {
    /// Reads setup and trace; `set` are fields to write, `name=value`.
    pub(super) fn load(&self, set: &[String]) -> Result<(Setup, Library)> {
        let (mut setup, mut written) = match &self.config {
            None => (Setup::default_of(LabKind::Serving), Value::Null),
            Some(path) => read(path).map_err(|e| files::named(path, e))?,
        };
        let mut fields = Vec::new();
        for one in set {
            let (name, value) = one.split_once('=').ok_or_else(|| {
                Error::malformed("--set", format!("found {one:?}, want FIELD=VALUE"))
            })?;
            setup = setup.with_field(name, value)?;
            fields.push(name);
        }
        if let Some(object) = written.as_object_mut() {
            object.extend(fields.iter().map(|f| ((*f).to_owned(), Value::Null)));
        } else {
            written = fields.iter().map(|f| (*f, Value::Null)).collect();
        }
        let mut library = Library::default();
        if let Some(path) = &self.trace {
            let Setup::Serving(config) = &mut setup else {
                return Err(Error::Unsupported(format!(
                    "a request trace in the {} lab",
                    setup.lab().id()
                )));
            };
            let (key, data) = files::open_data(path, &mut library)?;
            *config = with_trace(config, &written, &key, &data)?;
        }
        Ok((setup, library))
    }

    /// The same, but only the serving lab will do.
    pub(super) fn load_serving(&self, set: &[String]) -> Result<(Config, Library)> {
        let (setup, library) = self.load(set)?;
        match setup {
            Setup::Serving(config) => Ok((config, library)),
            other => {
                let error = Error::out_of_range(
                    "lab",
                    other.lab().id(),
                    "serving (use `schedlab run` for others)",
                );
                Err(self.named(error))
            }
        }
    }

    /// Adds the config file's name to an error.
    pub(super) fn named(&self, error: Error) -> Error {
        match &self.config {
            Some(path) => files::named(path, error),
            None => error,
        }
    }
}

/// The config serving a trace: the whole of it, and with room for its longest request, unless the
/// config file or `--set` says otherwise.
fn with_trace(config: &Config, written: &Value, key: &DataKey, data: &Dataset) -> Result<Config> {
    let adapted = Serving::use_data(config, key, data)?;
    if matches!(data, Dataset::Profile(_)) {
        return Ok(adapted);
    }
    let says = |field: &str| written.get(field).is_some();
    let most = Serving::params()
        .iter()
        .find(|p| p.id == "requests")
        .and_then(crate::core::Param::range)
        .map_or(u64::MAX, |([_, max], _)| max as u64);
    let requests = match data {
        Dataset::Trace(trace) => (trace.len() as u64).min(most),
        Dataset::Tensors(_)
        | Dataset::Profile(_)
        | Dataset::LossLog(_)
        | Dataset::Schedule(_)
        | Dataset::Images(_) => adapted.requests,
    };
    let pick = |field: &str, own: u64, other: u64| if says(field) { own } else { other };
    Ok(Config {
        requests: pick("requests", config.requests, requests),
        max_tokens_per_sequence: pick(
            "max_tokens_per_sequence",
            config.max_tokens_per_sequence,
            adapted.max_tokens_per_sequence,
        ),
        max_tokens_in_batch: pick(
            "max_tokens_in_batch",
            config.max_tokens_in_batch,
            adapted.max_tokens_in_batch,
        ),
        rate_scale: if says("rate_scale") {
            config.rate_scale
        } else {
            adapted.rate_scale
        },
        arrivals: if says("arrivals") {
            config.arrivals
        } else {
            adapted.arrivals
        },
        ..adapted
    })
}

/// A setup of any lab, or the config inside of a serving setup; with the config's fields as
/// written.
fn read(path: &Path) -> Result<(Setup, Value)> {
    let text = files::text(path)?;
    let mut value: Value =
        serde_json::from_str(&text).map_err(|e| Error::malformed("config", e.to_string()))?;
    if let Some(first) = value.pointer_mut("/setups/0") {
        value = first.take();
    }
    if value.get("lab").is_none() {
        return serde_json::from_value(value.clone())
            .map(|config| (Setup::Serving(config), value))
            .map_err(|e| Error::malformed("config", e.to_string()));
    }
    let written = value.get("config").cloned().unwrap_or_default();
    let setup =
        serde_json::from_value(value).map_err(|e| Error::malformed("setup", e.to_string()))?;
    Ok((setup, written))
}
