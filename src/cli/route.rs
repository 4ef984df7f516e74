//! `schedlab route`: the tokens of a router dump under any policy.

use super::{OK, RouteArgs, files, run, say};
use crate::core::{Error, Metric, Result, Table};
use crate::labs::pruning::npy;
use crate::labs::routing::{Config, Routing, dump};
use crate::labs::{DataKey, Dataset, Lab as _, LabKind, Library, Outcome, Setup, outcome_of};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

pub(super) const HELP: &str = "\
Shapes: tokens × experts (logits or probabilities), tokens × k (expert numbers), or layers × tokens × \
either. CSV: columns layer,expert with one row per activation, a token ends where the layer falls; or \
token,layer,expert. What was understood is printed first.

Files of choices can only be analysed as recorded (--router recorded is implied); files of scores can \
be routed by every rule that needs no embeddings.

Examples:
  schedlab route logits.npy
  schedlab route logits.npy --router mixtral,loss_free,sinkhorn,base --set k=1 --set limited=false
  schedlab route dump.safetensors --layer all --router mixtral --set k=8 --set capacity_factor=1.25
  schedlab route logits.npy --set overflow=reroute --assignments pairs.csv --out metrics.json
  schedlab route moe-trace.csv --layer 3 --loads loads.csv
  schedlab route logits.npy --set capacity_scope=device --set devices=4 --mask served.npy

Capacity counts within a batch: --set tokens=N sets its size. Full experts drop by default at \
capacity factor 1.25; --set limited=false routes without a capacity.

The fields of --set are those of a setup file (schedlab run); a bad value names what is allowed.";

/// Headline numbers of the table, by id, with short titles.
const COLUMNS: [(&str, &str); 7] = [
    ("max_violation", "MaxVio"),
    ("max_violation_floor", "floor"),
    ("load_cv", "load CV"),
    ("drop_rate", "drop %"),
    ("retained_gate_mass", "gate kept %"),
    ("straggler", "straggler"),
    ("per_token", "experts/token"),
];

pub(super) fn route(args: &RouteArgs) -> Result<u8> {
    let mut library = Library::default();
    let (key, data) = files::open_data(&args.file, &mut library)?;
    let layers = layers(&key, &data)?;
    describe(&key, &data, &layers);
    let base = match &args.config {
        Some(path) => read(path).map_err(|e| files::named(path, e))?,
        None => Config::default(),
    };
    let base = Routing::use_data(&base, &key, &data)?;
    let mut results = Vec::new();
    for layer in chosen_layers(&args.layer, layers.len())? {
        for router in routers(args.router.as_deref()) {
            let config = configured(&base, layer, &layers[layer], router, &args.set)?;
            let setup = Setup::Routing(config);
            let outcome = outcome_of(&setup, &library)?;
            results.push((layer, setup, outcome));
        }
    }
    if let Some((_, Setup::Routing(c), _)) = results.first() {
        say(&format!(
            "routed as {} batches of {} tokens\n",
            c.batches, c.tokens
        ));
    }
    say(&table(&results));
    write_csv(args.assignments.as_deref(), "tokens", &results)?;
    write_csv(args.loads.as_deref(), "experts", &results)?;
    if let Some(path) = &args.mask {
        files::write_bytes(path, &mask(&results)?)?;
    }
    if let Some(path) = &args.out {
        let all: Vec<Value> = results.iter().map(|(_, s, o)| run::as_json(s, o)).collect();
        files::write(path, &run::pretty(&json!({ "results": all })))?;
    }
    Ok(OK)
}

fn layers(key: &DataKey, data: &Dataset) -> Result<Vec<dump::Layer>> {
    match data {
        Dataset::Tensors(checkpoint) => dump::layers(&key.name, checkpoint),
        other @ (Dataset::Trace(_)
        | Dataset::Profile(_)
        | Dataset::LossLog(_)
        | Dataset::Schedule(_)
        | Dataset::Images(_)) => Err(Error::import(
            &key.name,
            "content",
            format!("{}; want router logits or chosen experts", other.words()),
        )),
    }
}

/// What was understood of the file.
fn describe(key: &DataKey, data: &Dataset, layers: &[dump::Layer]) {
    let mut out = format!("{}: {} layers\n", key.name, layers.len());
    for layer in layers.iter().take(8) {
        writeln!(out, "  {}", layer.words()).ok();
    }
    if layers.len() > 8 {
        writeln!(out, "  … {} more", layers.len() - 8).ok();
    }
    for remark in data.remarks().iter().filter(|r| !r.contains("pruned")) {
        writeln!(out, "  note: {remark}").ok();
    }
    say(&out);
}

fn chosen_layers(words: &str, count: usize) -> Result<Vec<usize>> {
    if words == "all" {
        return Ok((0..count).collect());
    }
    words
        .split(',')
        .map(|w| {
            w.trim().parse().ok().filter(|&l| l < count).ok_or_else(|| {
                Error::out_of_range("--layer", w, format!("0 to {}, or all", count - 1))
            })
        })
        .collect()
}

/// Routers asked for; none keeps what fits the file.
fn routers(words: Option<&str>) -> Vec<Option<&str>> {
    words.map_or_else(
        || vec![None],
        |w| w.split(',').map(|r| Some(r.trim())).collect(),
    )
}

/// The config with the fields given on the command line.
fn configured(
    base: &Config,
    layer: usize,
    content: &dump::Layer,
    router: Option<&str>,
    set: &[String],
) -> Result<Config> {
    let mut value =
        serde_json::to_value(base).map_err(|e| Error::malformed("setup", e.to_string()))?;
    value["layer"] = json!(layer);
    if let Some(router) = router {
        value["router"] = json!(router);
    }
    for pair in set {
        let Some((field, text)) = pair.split_once('=') else {
            return Err(Error::malformed(
                "--set",
                format!("{pair:?}; want FIELD=VALUE"),
            ));
        };
        if value.get(field).is_none() {
            let known: Vec<&str> = Routing::params().iter().map(|p| p.id).collect();
            return Err(Error::out_of_range("--set", field, known.join(", ")));
        }
        // Other batches: as many as the layer fills.
        if field == "tokens"
            && let Ok(tokens) = text.parse::<u64>()
        {
            value["batches"] = json!((content.tokens as u64 / tokens.max(1)).clamp(1, 400));
        }
        // Numbers and true/false as such, anything else is a word.
        value[field] = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    }
    serde_json::from_value(value).map_err(|e| Error::malformed("--router or --set", e.to_string()))
}

fn metric<'a>(outcome: &'a Outcome, id: &str) -> Option<&'a Metric> {
    outcome.metrics.iter().find(|m| m.id == id)
}

/// The policies under each other, the headline numbers beside each other.
fn table(results: &[(usize, Setup, Outcome)]) -> String {
    let name = |(layer, setup, outcome): &(usize, Setup, Outcome)| {
        let policy = match setup {
            Setup::Routing(c) => Routing::label(&Config {
                data: None,
                ..c.clone()
            }),
            _ => outcome.label.clone(),
        };
        format!("layer {layer}  {policy}")
    };
    let names: Vec<String> = results.iter().map(name).collect();
    let wide = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let mut out = " ".repeat(wide);
    for (_, title) in COLUMNS {
        write!(out, "  {title:>13}").ok();
    }
    out.push('\n');
    for (name, (_, _, outcome)) in names.iter().zip(results) {
        write!(out, "{name:<wide$}").ok();
        for (id, _) in COLUMNS {
            let value = metric(outcome, id).map_or(f64::NAN, |m| m.value);
            let text = if value.is_nan() {
                "–".to_owned()
            } else {
                run::number(value)
            };
            write!(out, "  {text:>13}").ok();
        }
        out.push('\n');
    }
    out
}

/// One of the tables of all results, with the layer and the policy in front of each row.
fn write_csv(path: Option<&Path>, id: &str, results: &[(usize, Setup, Outcome)]) -> Result<()> {
    let Some(path) = path else {
        return Ok(());
    };
    let mut out = String::new();
    for (layer, setup, outcome) in results {
        let found: Option<&Table> = outcome
            .tables
            .iter()
            .find(|(name, _)| *name == id)
            .map(|(_, t)| t);
        let Some(table) = found else { continue };
        let router = match setup {
            Setup::Routing(c) => serde_json::to_value(c.router).unwrap_or_default(),
            _ => Value::Null,
        };
        let router = router.as_str().unwrap_or_default();
        let text = table.to_csv();
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        if out.is_empty() {
            writeln!(out, "layer,router,{header}").ok();
        }
        for line in lines {
            writeln!(out, "{layer},{router},{line}").ok();
        }
    }
    files::write(path, &out)
}

/// Who is served, result by result: tokens × experts of 0 and 1, as an .npy file.
fn mask(results: &[(usize, Setup, Outcome)]) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    let mut common = None;
    for (_, setup, outcome) in results {
        let (Setup::Routing(c), Some((_, table))) = (
            setup,
            outcome.tables.iter().find(|(name, _)| *name == "tokens"),
        ) else {
            continue;
        };
        let size = [c.tokens * c.batches, c.experts];
        if *common.get_or_insert(size) != size {
            let [tokens, experts] = size;
            return Err(Error::out_of_range(
                "--mask",
                format!("{tokens} tokens over {experts} experts"),
                "results that all have as many",
            ));
        }
        let start = data.len();
        data.resize(start + (size[0] * size[1]) as usize, 0_u8);
        let column = |name: &str| table.columns.iter().position(|c| c == name).unwrap_or(0);
        let [batch, token, expert, kept] = ["batch", "token", "expert", "kept"].map(column);
        for row in table.rows.iter().filter(|row| row[kept] > 0.5) {
            let at = (row[batch] as u64 * c.tokens + row[token] as u64) * c.experts;
            data[start + at as usize + row[expert] as usize] = 1;
        }
    }
    let [tokens, experts] = common.unwrap_or_default();
    let shape = [results.len() as u64, tokens, experts];
    Ok(npy::write("|u1", &shape, &data))
}

/// A routing setup, or the config inside of one.
fn read(path: &Path) -> Result<Config> {
    let text = files::text(path)?;
    let value: Value =
        serde_json::from_str(&text).map_err(|e| Error::malformed("config", e.to_string()))?;
    if value.get("lab").is_none() {
        return serde_json::from_value(value)
            .map_err(|e| Error::malformed("config", e.to_string()));
    }
    match Setup::from_json(&text)? {
        Setup::Routing(config) => Ok(config),
        other => Err(Error::out_of_range(
            "lab",
            other.lab().id(),
            LabKind::Routing.id(),
        )),
    }
}
