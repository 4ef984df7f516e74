//! `schedlab phase`: which setup serves most per GPU, for every pair of targets.

use super::capacity::{Side, sides};
use super::serving::Source;
use super::{OK, files, parallel, run, say};
use crate::core::{Error, Result, num, parse_number};
use crate::labs::Setup;
use crate::labs::serving::Config;
use crate::labs::serving::capacity::{Grid, Ladder, Load, latencies, usual_loads, winner};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct PhaseArgs {
    #[command(flatten)]
    source: Source,
    /// A field of the config to write; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// What is compared: prefill_instances=0,1,2; may be repeated
    #[arg(long = "vary", value_name = "FIELD=VALUE,…", required = true)]
    vary: Vec<String>,
    /// Targets for the first token in seconds: lowest, highest, how many
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "0.25:8:6")]
    ttft: String,
    /// Targets for the mean time per further token in seconds
    #[arg(long, value_name = "LOW:HIGH:N", default_value = "0.02:0.2:8")]
    tpot: String,
    /// Loads to simulate [default: 12 from a tenth of the setup's load to three times it]
    #[arg(long, value_name = "LOW:HIGH:N")]
    loads: Option<String>,
    /// Share of the requests that have to keep both targets, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0)]
    attainment: f64,
    /// Seeds per load, pooled; the same for all setups
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// `LOW:HIGH:N`, spread by equal factors.
fn ladder(name: &str, text: &str) -> Result<Vec<f64>> {
    let parts: Vec<&str> = text.split(':').collect();
    let numbers: Option<Vec<f64>> = parts.iter().map(|p| parse_number(p)).collect();
    match numbers.as_deref() {
        Some(&[low, high, n])
            if low > 0.0 && high >= low && high.is_finite() && (1.0..=64.0).contains(&n) =>
        {
            Ok(num::logspace(low, high, n as usize))
        }
        _ => Err(Error::malformed(
            name,
            format!("found {text:?}, want LOW:HIGH:N with 0 < LOW ≤ HIGH and at most 64 steps"),
        )),
    }
}

pub(super) fn phase(args: &PhaseArgs) -> Result<u8> {
    let (base, library) = args.source.load_serving(&args.set)?;
    let sides = sides(&base, &args.vary)?;
    let load = Load::of(&base)?;
    let (ttft, tpot) = (ladder("--ttft", &args.ttft)?, ladder("--tpot", &args.tpot)?);
    if !(args.attainment > 0.0 && args.attainment <= 100.0) {
        let allowed = "above 0, at most 100 %";
        return Err(Error::out_of_range(
            "--attainment",
            args.attainment,
            allowed,
        ));
    }
    let loads = match &args.loads {
        Some(text) => ladder("--loads", text)?,
        None => usual_loads(&base, 12)?,
    };
    let mut items: Vec<(Config, f64)> = Vec::new();
    for side in &sides {
        for &at in &loads {
            for seed in 0..args.seeds.max(1) {
                let mut config = side.config.clone();
                config.seed = base.seed.wrapping_add(seed);
                items.push((config, at));
            }
        }
    }
    let mut runs: Vec<Vec<[f64; 2]>> = Vec::with_capacity(items.len());
    parallel::in_order(
        &items,
        parallel::threads(args.jobs),
        |(config, at)| latencies(config, load, *at, &library),
        |_, result: Result<_>| {
            runs.push(result.map_err(|e| args.source.named(e))?);
            Ok(())
        },
    )?;
    let mut pooled = runs.chunks(args.seeds.max(1) as usize).map(<[_]>::concat);
    let ladders: Vec<Ladder> = (sides.iter())
        .map(|_| loads.iter().copied().zip(pooled.by_ref()).collect())
        .collect();
    let grid = Grid {
        ttft: ttft.clone(),
        tpot: tpot.clone(),
        share: args.attainment / 100.0,
    };
    let gpus: Vec<u64> = sides.iter().map(|s| s.config.gpus()).collect();
    // Per GPU, by row of TTFT, column of TPOT, setup.
    let cells = grid.per_gpu(&ladders, &gpus);
    say(&in_words(args, load, &sides, (&ttft, &tpot), &cells));
    if let Some(path) = &args.out {
        let report = json!({
            "schema": "schedlab-phase/1",
            "load": load.field(),
            "loads": loads,
            "attainment_percent": args.attainment,
            "ttft_secs": ttft,
            "tpot_secs": tpot,
            "setups": sides.iter().map(|s| json!({
                "label": s.label,
                "gpus": s.config.gpus(),
                "setup": Setup::Serving(s.config.clone()),
            })).collect::<Vec<_>>(),
            "load_per_gpu": cells,
        });
        files::write(path, &run::pretty(&report))?;
    }
    Ok(OK)
}

fn letter(i: usize) -> char {
    (b'A' + (i % 26) as u8) as char
}

fn in_words(
    args: &PhaseArgs,
    load: Load,
    sides: &[Side],
    (ttft, tpot): (&[f64], &[f64]),
    cells: &[Vec<Vec<f64>>],
) -> String {
    let mut out = format!(
        "Setup with the highest {} per GPU at which {} % of the requests keep both targets, and that load\n",
        load.words(),
        args.attainment
    );
    for (i, side) in sides.iter().enumerate() {
        writeln!(out, "  {} {}", letter(i), side.label).ok();
    }
    out.push_str("  = within 5 % of each other, · none\n\n");
    write!(out, "{:>9}", "TTFT\\TPOT").ok();
    for target in tpot {
        write!(out, "{:>10}", format!("{target:.3} s")).ok();
    }
    out.push('\n');
    for (first, row) in ttft.iter().zip(cells) {
        write!(out, "{:>9}", format!("{first:.2} s")).ok();
        for values in row {
            let best = values.iter().copied().fold(0.0, f64::max);
            let mark = match winner(values) {
                Some(i) => letter(i),
                None if best > 0.0 => '=',
                None => '·',
            };
            let words = if best > 0.0 {
                format!("{mark} {best:.2}")
            } else {
                mark.to_string()
            };
            write!(out, "{words:>10}").ok();
        }
        out.push('\n');
    }
    out
}
