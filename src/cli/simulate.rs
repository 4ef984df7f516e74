//! `schedlab simulate`: LLM serving without a screen.

use super::serving::Source;
use super::{OK, files, run, say};
use crate::core::{Result, finish};
use crate::labs::serving::Serving;
use crate::labs::serving::files::{by_class, chrome_trace, requests_csv, sglang_flags, vllm_flags};
use crate::labs::{Lab as _, LabRun as _, Outcome, Setup};
use serde_json::json;
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
    /// Write all iterations and the lives of all requests as trace events, for Perfetto
    #[arg(long, value_name = "FILE.json")]
    chrome_trace: Option<PathBuf>,
    /// Write the requests as a plain trace that --trace reads back
    #[arg(long, value_name = "FILE.csv")]
    workload: Option<PathBuf>,
    /// Write the metrics there instead of printing them
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<u8> {
    let (config, library) = args.source.load_serving(&args.set)?;
    let run = Serving::simulate(&config, &library)
        .and_then(|mut job| finish(&mut *job))
        .map_err(|e| args.source.named(e))?;
    let tables = run.tables();
    for (path, name) in [
        (&args.requests, "requests"),
        (&args.iterations, "iterations"),
    ] {
        let table = tables.iter().find(|(known, _)| *known == name);
        if let (Some(path), Some((_, table))) = (path, table) {
            files::write(path, &table.to_csv())?;
        }
    }
    if let Some(path) = &args.chrome_trace {
        files::write(path, &chrome_trace(&run))?;
    }
    if let Some(path) = &args.workload {
        files::write(path, &requests_csv(&run))?;
    }
    let mut report = run::as_json(
        &Setup::Serving(config.clone()),
        &Outcome {
            label: Serving::label(&config),
            metrics: run.metrics(),
            tables: Vec::new(),
            summary: run.summary(),
        },
    );
    if let Some(report) = report.as_object_mut() {
        let classes = by_class(&run);
        if !classes.is_empty() {
            report.insert("classes".to_owned(), classes.into());
        }
        let flags = json!({"vllm": vllm_flags(&config), "sglang": sglang_flags(&config)});
        report.insert("flags".to_owned(), flags);
    }
    let report = run::pretty(&report);
    match &args.out {
        Some(path) => {
            files::write(path, &report)?;
            say(&format!("{}\n", run.summary()));
        }
        None => say(&report),
    }
    Ok(OK)
}
