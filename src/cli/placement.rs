//! `schedlab placement`: which parallelism serves most per GPU in each phase, and how many
//! instances follow from it.

use super::serving::Source;
use super::{OK, files, run, say};
use crate::core::{Result, finish};
use crate::labs::Setup;
use crate::labs::serving::capacity::placement::{
    Apart, Cell, Instances, Part, Placements, Placing, Rate, Wish,
};
use crate::labs::serving::cost::{Gpu, Model};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct PlacementArgs {
    #[command(flatten)]
    source: Source,
    /// A field of the config to write; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Share of the requests that have to keep the setup's targets, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0)]
    attainment: f64,
    /// Most GPUs of an instance
    #[arg(long, value_name = "N", default_value_t = 8)]
    per_instance: u64,
    /// GPUs of the whole
    #[arg(long, value_name = "N", default_value_t = 16)]
    gpus: u64,
    /// Seeds, pooled
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u64,
    /// Halvings: 8 find a goodput to 0.3 %
    #[arg(long, value_name = "N", default_value_t = 6)]
    steps: u32,
    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn placement(args: &PlacementArgs) -> Result<u8> {
    let (config, library) = args.source.load_serving(&args.set)?;
    let wish = Wish {
        share: args.attainment / 100.0,
        per_instance: args.per_instance,
        gpus: args.gpus,
        seeds: args.seeds,
        steps: args.steps,
    };
    let job = Placing::new(&config, wish, &library);
    let found = finish(&mut job.map_err(|e| args.source.named(e))?)?;
    say(&in_words(&found));
    if let Some(path) = &args.out {
        files::write(path, &run::pretty(&as_json(&found)))?;
    }
    Ok(OK)
}

fn in_words(found: &Placements) -> String {
    let config = &found.config;
    let mut out = format!(
        "{} on {} (roofline), {}: highest {} per GPU at which {} % of {} requests a GPU keep the targets\n\
         TTFT {} s for prefill, TPOT {} s with the transfer of KV for decode, both for both\n",
        Model::NAMES[config.model as usize],
        Gpu::NAMES[config.roofline_gpu as usize],
        config.scheduler.name(),
        found.load.words(),
        run::number(100.0 * found.share),
        config.requests,
        config.slo_ttft_secs,
        config.slo_tpot_secs,
    );
    write!(out, "\n{:<15}{:>5}", "", "GPUs").ok();
    for part in Part::ALL {
        write!(out, "{:>16}", part.name()).ok();
    }
    out.push('\n');
    for (i, first) in found.cells[0].iter().enumerate() {
        let placement = first.placement;
        write!(out, "{:<15}{:>5}", placement.words(), placement.gpus()).ok();
        for part in Part::ALL {
            let cell = &found.cells[part as usize][i];
            let word = match &cell.found {
                Ok(rate) => format!("{}{}", at_least(rate), run::number(cell.per_gpu())),
                Err(unfit) => unfit.short().to_owned(),
            };
            let mark = if found.best(part) == Some(i) {
                "* "
            } else {
                ""
            };
            write!(out, "{:>16}", format!("{mark}{word}")).ok();
        }
        out.push('\n');
    }
    out.push_str("* chosen\n");
    for words in found.reasons() {
        writeln!(out, "{words}").ok();
    }
    outcome(found, &mut out);
    out
}

fn at_least(rate: &Rate) -> &'static str {
    if rate.at_limit { "≥" } else { "" }
}

fn outcome(found: &Placements, out: &mut String) {
    let load = found.load.get(&found.config);
    writeln!(out, "\nFor {} {}", found.load.words(), run::number(load)).ok();
    match found.apart_for(load) {
        Some(apart) => writeln!(out, "  apart     {}", apart_words(&apart)).ok(),
        None => writeln!(out, "  apart     no placement keeps the targets").ok(),
    };
    match found.together_for(load) {
        Some(both) => writeln!(out, "  together  {}", instances_words(&both)).ok(),
        None => writeln!(out, "  together  no placement keeps the targets").ok(),
    };
    writeln!(out, "Within {} GPUs, run as a whole", found.gpus).ok();
    let measured = |rate: Option<Rate>, gpus: u64| match rate {
        Some(rate) => format!(
            "measured {}{}, {} per GPU",
            at_least(&rate),
            run::number(rate.load),
            run::number(rate.load / gpus as f64)
        ),
        None => "no load keeps both targets".to_owned(),
    };
    match &found.apart {
        Some(whole) => writeln!(
            out,
            "  apart     {}; planned {}, {}",
            apart_words(&whole.plan),
            run::number(whole.plan.load()),
            measured(whole.found, whole.plan.gpus())
        )
        .ok(),
        None => writeln!(out, "  apart     no pair of placements fits").ok(),
    };
    match &found.together {
        Some(whole) => writeln!(
            out,
            "  together  {}; planned {}, {}",
            instances_words(&whole.plan),
            run::number(whole.plan.load),
            measured(whole.found, whole.plan.gpus())
        )
        .ok(),
        None => writeln!(out, "  together  no placement fits").ok(),
    };
}

fn instances_words(instances: &Instances) -> String {
    let (count, gpus) = (instances.count, instances.gpus());
    format!("{count} × {} on {gpus} GPUs", instances.placement.words())
}

fn apart_words(apart: &Apart) -> String {
    format!(
        "{}:{} – prefill {}, decode {}",
        apart.prefill.count,
        apart.decode.count,
        instances_words(&apart.prefill),
        instances_words(&apart.decode)
    )
}

fn as_json(found: &Placements) -> Value {
    let rate = |rate: &Rate| {
        json!({
            "load": rate.load,
            "attainment_percent": run::float(100.0 * rate.share),
            "at_limit": rate.at_limit,
        })
    };
    let cell = |part: Part, i: usize, cell: &Cell| {
        json!({
            "tensor_parallel": cell.placement.tensor,
            "pipeline_stages": cell.placement.pipeline,
            "gpus": cell.placement.gpus(),
            "goodput": cell.found.ok().as_ref().map(rate),
            "goodput_per_gpu": cell.per_gpu(),
            "why_not": cell.found.err().map(|unfit| unfit.words()),
            "chosen": found.best(part) == Some(i),
        })
    };
    let instances = |i: &Instances| {
        json!({
            "tensor_parallel": i.placement.tensor,
            "pipeline_stages": i.placement.pipeline,
            "instances": i.count,
            "gpus": i.gpus(),
            "planned_load": i.load,
        })
    };
    let apart = |a: &Apart| {
        json!({
            "prefill": instances(&a.prefill),
            "decode": instances(&a.decode),
            "gpus": a.gpus(),
            "planned_load": a.load(),
        })
    };
    let load = found.load.get(&found.config);
    let keys = ["prefill", "decode", "together"];
    let parts = Part::ALL.into_iter().zip(keys).map(|(part, key)| {
        let cells = found.cells[part as usize].iter().enumerate();
        let cells: Vec<Value> = cells.map(|(i, c)| cell(part, i, c)).collect();
        (key.to_owned(), Value::from(cells))
    });
    json!({
        "schema": "schedlab-placement/1",
        "setup": Setup::Serving(found.config.clone()),
        "load": found.load.field(),
        "attainment_percent": run::float(100.0 * found.share),
        "placements": parts.collect::<serde_json::Map<String, Value>>(),
        "for_load": {
            "load": load,
            "apart": found.apart_for(load).as_ref().map(apart),
            "together": found.together_for(load).as_ref().map(instances),
        },
        "within": {
            "gpus": found.gpus,
            "apart": found.apart.as_ref().map(|w| json!({
                "plan": apart(&w.plan),
                "measured": w.found.as_ref().map(rate),
            })),
            "together": found.together.as_ref().map(|w| json!({
                "plan": instances(&w.plan),
                "measured": w.found.as_ref().map(rate),
            })),
        },
    })
}
