//! `schedlab simulate`: LLM serving without a screen.

use super::{OK, SimulateArgs, files, run, say};
use crate::core::{Error, Result};
use crate::labs::serving::{Config, Serving};
use crate::labs::{DataKey, Dataset, Lab as _, LabKind, Library, Setup, outcome_of};
use serde_json::Value;
use std::path::Path;

/// Most requests one simulation takes from a trace: the upper end of the parameter's range.
const MOST: u64 = 50_000;

pub(super) fn simulate(args: &SimulateArgs) -> Result<u8> {
    let (mut setup, written) = match &args.config {
        None => (Setup::default_of(LabKind::Serving), Value::Null),
        Some(path) => read(path).map_err(|e| files::named(path, e))?,
    };
    let mut library = Library::default();
    if let Some(path) = &args.trace {
        let (key, data) = files::open_data(path, &mut library)?;
        if let Setup::Serving(config) = &mut setup {
            *config = with_trace(config, &written, &key, &data)?;
        }
    }
    let outcome = outcome_of(&setup, &library).map_err(|e| match &args.config {
        Some(path) => files::named(path, e),
        None => e,
    })?;
    if let Some(path) = &args.requests {
        let table = outcome
            .tables
            .first()
            .map(|(_, table)| table.to_csv())
            .ok_or_else(|| Error::Unsupported("a table of requests for this setup".to_owned()))?;
        files::write(path, &table)?;
    }
    let report = run::pretty(&run::as_json(&setup, &outcome));
    match &args.out {
        Some(path) => {
            files::write(path, &report)?;
            say(&format!("{}\n", outcome.summary));
        }
        None => say(&report),
    }
    Ok(OK)
}

/// The config serving a trace: the whole of it, and with room for its longest request, unless the
/// config file says otherwise.
fn with_trace(config: &Config, written: &Value, key: &DataKey, data: &Dataset) -> Result<Config> {
    let adapted = Serving::use_data(config, key, data)?;
    let says = |field: &str| written.get(field).is_some();
    let requests = match data {
        Dataset::Trace(trace) => (trace.len() as u64).min(MOST),
        Dataset::Tensors(_) => adapted.requests,
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
        ..adapted
    })
}

/// A serving setup, or the config inside of one; with the config's fields as written.
fn read(path: &Path) -> Result<(Setup, Value)> {
    let text = files::text(path)?;
    let value: Value =
        serde_json::from_str(&text).map_err(|e| Error::malformed("config", e.to_string()))?;
    if value.get("lab").is_none() {
        return serde_json::from_str(&text)
            .map(|config| (Setup::Serving(config), value))
            .map_err(|e| Error::malformed("config", e.to_string()));
    }
    let setup = Setup::from_json(&text)?;
    let written = value.get("config").cloned().unwrap_or_default();
    if setup.lab() == LabKind::Serving {
        Ok((setup, written))
    } else {
        Err(Error::out_of_range(
            "lab",
            setup.lab().id(),
            "serving (use `schedlab run` for others)",
        ))
    }
}
