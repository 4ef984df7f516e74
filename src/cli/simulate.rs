//! `schedlab simulate`: LLM serving without a screen.

use super::serving::Source;
use super::{OK, files, run, say};
use crate::core::{Error, Result};
use crate::labs::{Setup, outcome_of};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct SimulateArgs {
    #[command(flatten)]
    source: Source,
    /// A field of the config to write; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Write one row a request
    #[arg(long, value_name = "FILE.csv")]
    requests: Option<PathBuf>,
    /// Write one row an iteration
    #[arg(long, value_name = "FILE.csv")]
    iterations: Option<PathBuf>,
    /// Write the metrics there instead of printing them
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<u8> {
    let (config, library) = args.source.load_serving(&args.set)?;
    let setup = Setup::Serving(config);
    let outcome = outcome_of(&setup, &library).map_err(|e| args.source.named(e))?;
    for (path, name) in [
        (&args.requests, "requests"),
        (&args.iterations, "iterations"),
    ] {
        if let Some(path) = path {
            let table = outcome
                .tables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, table)| table.to_csv())
                .ok_or_else(|| Error::Unsupported(format!("a table of {name} for this setup")))?;
            files::write(path, &table)?;
        }
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
