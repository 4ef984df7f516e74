//! `schedlab simulate`: LLM serving without a screen.

use super::{OK, SimulateArgs, files, run, say};
use crate::core::{Error, Result};
use crate::labs::serving::Serving;
use crate::labs::{Lab as _, LabKind, Library, Setup, outcome_of};
use serde_json::Value;
use std::path::Path;

pub(super) fn simulate(args: &SimulateArgs) -> Result<u8> {
    let mut setup = match &args.config {
        None => Setup::default_of(LabKind::Serving),
        Some(path) => read(path).map_err(|e| files::named(path, e))?,
    };
    let mut library = Library::default();
    if let Some(path) = &args.trace {
        let (key, data) = files::open_data(path, &mut library)?;
        if let Setup::Serving(config) = &mut setup {
            *config = Serving::use_data(config, &key, &data)?;
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

/// A serving setup, or the config inside of one.
fn read(path: &Path) -> Result<Setup> {
    let text = files::text(path)?;
    let value: Value =
        serde_json::from_str(&text).map_err(|e| Error::malformed("config", e.to_string()))?;
    if value.get("lab").is_none() {
        return serde_json::from_str(&text)
            .map(Setup::Serving)
            .map_err(|e| Error::malformed("config", e.to_string()));
    }
    let setup = Setup::from_json(&text)?;
    if setup.lab() == LabKind::Serving {
        Ok(setup)
    } else {
        Err(Error::out_of_range(
            "lab",
            setup.lab().id(),
            "serving (use `schedlab run` for others)",
        ))
    }
}
