//! `schedlab noise`: noise schedules, sampling, optimised schedules and unmasking orders without a
//! screen.

#[path = "noise_speed.rs"]
mod speed;

use super::{OK, files, run, say};
use crate::core::{Error, Result, num};
use crate::labs::noise::exchange::{self, Form, Levels};
use crate::labs::noise::mmse::Builder;
use crate::labs::noise::schedule::ScheduleKind;
use crate::labs::noise::tokens::{self, Order, OrderKind, Source};
use crate::labs::noise::{Config, Noise, World, lint, search};
use crate::labs::{Lab as _, Library, Setup, outcome_of};
use clap::ValueEnum;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct NoiseArgs {
    #[command(subcommand)]
    command: NoiseCommand,
}

#[derive(Debug, clap::Subcommand)]
enum NoiseCommand {
    /// The noise levels of a schedule, in any form; compares two of them
    #[command(after_long_help = "\
        SOURCE is a noise setup (JSON), a diffusers scheduler_config.json (read as the library \
        reads it), or a list of sigmas or timesteps in any notation. Without it the default setup \
        is used. Remarks on the list go to the standard error.\n\n\
        Examples:\n  \
          schedlab noise schedule --set schedule=edm --steps 8 --format python\n  \
          schedlab noise schedule scheduler_config.json --steps 20 --format csv\n  \
          schedlab noise schedule a.json --against b.json --steps 10")]
    Schedule(ScheduleArgs),
    /// Sample with the exact denoiser: headline metrics as JSON, particles as CSV
    #[command(after_long_help = "\
        Example: schedlab noise sample --set data=grid9 --set solver=uni_pc --steps 10 --seeds 5")]
    Sample(SampleArgs),
    /// The best schedule for a data set, solver-free or against a teacher
    #[command(after_long_help = "\
        dp: exact dynamic program on the denoising error with the weight s^p (--p 0 is the path \
        divergence of Align Your Steps, 2 is like a Wasserstein distance); ays: the coordinate \
        search of Align Your Steps; oss: Optimal Stepsize Distillation.\n\n\
        Example: schedlab noise optimise --set data=grid9 --method dp --p 2 --steps 10")]
    Optimise(OptimiseArgs),
    /// The exact cost of unmasking orders on a discrete world
    #[command(after_long_help = "\
        Example: schedlab noise order --source field --rounds 4,8,16 --format csv\n\n\
        Without --order every order is measured. Costs are KL(p || q) in nats.")]
    Order(OrderArgs),
    /// Time the particles and the image denoiser, on the CPU and by kernels where there is a device
    #[command(after_long_help = "\
        One core of the CPU, and the kernels with --gpu. Work is counted in particles times calls \
        of the denoiser, and in images times training images, per second; the best of --repeat \
        runs. scripts/noise_reference.py does the same work with NumPy beside it.")]
    Speed(SpeedArgs),
}

#[derive(Debug, clap::Args)]
struct SpeedArgs {
    /// Particles
    #[arg(long, default_value_t = 100_000)]
    particles: u64,
    /// Solver steps
    #[arg(long, default_value_t = 20)]
    steps: u64,
    /// Images denoised together
    #[arg(long, default_value_t = 64)]
    images: usize,
    /// Runs of which the fastest counts
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Time the kernels as well
    #[arg(long)]
    gpu: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Levels, alpha-bar, log-SNR
    Json,
    /// The same as rows
    Csv,
    /// A Python list
    Python,
    /// Numbers for ComfyUI's ManualSigmas
    Comfy,
    /// A diffusers scheduler_config.json
    Diffusers,
    /// A constant of a WGSL shader
    Wgsl,
}

impl Format {
    fn form(self) -> Form {
        match self {
            Self::Json => Form::Json,
            Self::Csv => Form::Csv,
            Self::Python => Form::Python,
            Self::Comfy => Form::Comfy,
            Self::Diffusers => Form::Diffusers,
            Self::Wgsl => Form::Wgsl,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rows {
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// Exact dynamic program
    Dp,
    /// Align Your Steps' coordinate search
    Ays,
    /// Optimal Stepsize Distillation
    Oss,
}

/// Where a config comes from, in every subcommand.
#[derive(Debug, clap::Args)]
struct Fields {
    /// Sets a field of the config, as in its JSON; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Denoising steps
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Write there instead of printing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ScheduleArgs {
    /// Setup, scheduler_config.json or list
    #[arg(value_name = "SOURCE")]
    source: Option<PathBuf>,
    #[command(flatten)]
    fields: Fields,
    /// Shift exponent of a flow scheduler with dynamic shifting
    #[arg(long, value_name = "MU")]
    mu: Option<f64>,
    /// A second source: prints both lists and where they part
    #[arg(long, value_name = "SOURCE")]
    against: Option<PathBuf>,
    /// Relative difference at which two levels count as different
    #[arg(long, default_value_t = 1e-3, value_name = "X")]
    tolerance: f64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct SampleArgs {
    /// Setup, scheduler_config.json or list
    #[arg(value_name = "SOURCE")]
    source: Option<PathBuf>,
    #[command(flatten)]
    fields: Fields,
    /// Seeds, counted up from the config's
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: u64,
    /// Write the particles of the last seed
    #[arg(long, value_name = "FILE.csv")]
    particles: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct OptimiseArgs {
    #[command(flatten)]
    fields: Fields,
    /// How
    #[arg(long, value_enum, default_value_t = Method::Dp)]
    method: Method,
    /// Weight s^p of the dynamic program, 0 to 2.5
    #[arg(long, default_value_t = 2.0, value_name = "P")]
    p: f64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct OrderArgs {
    #[command(flatten)]
    fields: Fields,
    /// markov, hidden, cyclic, field, ising or potts
    #[arg(long, default_value = "field", value_name = "WORLD")]
    source: String,
    /// random, confidence, halton, dilated, left_to_right, blocks, dilated_blocks,
    /// sliding_annealing, block_annealing or hybrid_annealing (--set block=W --set levels=TAU)
    #[arg(long, value_name = "ORDER")]
    order: Option<String>,
    /// Numbers of calls
    #[arg(long, value_delimiter = ',', default_value = "8", value_name = "N,N,…")]
    rounds: Vec<u64>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Rows::Json)]
    format: Rows,
}

pub(super) fn noise(args: &NoiseArgs) -> Result<u8> {
    match &args.command {
        NoiseCommand::Schedule(args) => schedule(args),
        NoiseCommand::Sample(args) => sample(args),
        NoiseCommand::Optimise(args) => optimise(args),
        NoiseCommand::Order(args) => order(args),
        NoiseCommand::Speed(args) => speed::speed(args),
    }
}

/// Puts `FIELD=VALUE` pairs over a config.
fn changed(config: &Config, fields: &Fields) -> Result<Config> {
    let mut value =
        serde_json::to_value(config).map_err(|e| Error::malformed("config", e.to_string()))?;
    for pair in &fields.set {
        let (field, text) = pair.split_once('=').ok_or_else(|| {
            Error::malformed("set", format!("'{pair}' is not of the form FIELD=VALUE"))
        })?;
        if value.get(field).is_none() {
            return Err(Error::malformed(
                "set",
                format!("there is no field '{field}'"),
            ));
        }
        // What is no number, list or truth value is a word.
        value[field] = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    }
    if let Some(steps) = fields.steps {
        value["steps"] = json!(steps);
    }
    let config: Config =
        serde_json::from_value(value).map_err(|e| Error::malformed("config", e.to_string()))?;
    Noise::check(&config)?;
    Ok(config)
}

/// A source of either kind: a setup of the lab, or levels brought from elsewhere.
fn open(path: &Path, fields: &Fields, mu: Option<f64>) -> Result<(Config, Option<Levels>)> {
    let text = files::text(path)?;
    let steps = fields.steps.unwrap_or(Config::default().steps);
    if exchange::looks_like(&text) {
        let levels = exchange::read(&text, steps as usize, mu)?;
        let config = changed(
            &levels.config(&Config::default()),
            &Fields {
                set: fields.set.clone(),
                steps: None,
                out: None,
            },
        )?;
        return Ok((config, Some(levels)));
    }
    let value: Value =
        serde_json::from_str(&text).map_err(|e| Error::malformed("schedule", e.to_string()))?;
    let config = if value.get("lab").is_some() {
        Config::try_from(Setup::from_json(&text)?)?
    } else {
        serde_json::from_value(value).map_err(|e| Error::malformed("config", e.to_string()))?
    };
    Ok((changed(&config, fields)?, None))
}

fn source(
    path: Option<&Path>,
    fields: &Fields,
    mu: Option<f64>,
) -> Result<(Config, Option<Levels>)> {
    match path {
        Some(path) => open(path, fields, mu).map_err(|e| files::named(path, e)),
        None => Ok((changed(&Config::default(), fields)?, None)),
    }
}

fn put(text: &str, out: Option<&Path>) -> Result<()> {
    if let Some(path) = out {
        return files::write(path, text);
    }
    say(text);
    Ok(())
}

fn levels_of(config: &Config, brought: Option<&Levels>) -> Result<Vec<f64>> {
    match brought {
        Some(levels) => Ok(levels.sigmas.clone()),
        None => search::levels(config),
    }
}

fn schedule(args: &ScheduleArgs) -> Result<u8> {
    let (config, brought) = source(args.source.as_deref(), &args.fields, args.mu)?;
    let levels = levels_of(&config, brought.as_ref())?;
    for remark in brought.iter().flat_map(|l| &l.remarks) {
        super::complain(remark);
    }
    for note in lint::levels(&levels) {
        super::complain(&format!("step {}: {}", note.index, note.text));
    }
    let Some(other) = &args.against else {
        let text = exchange::write(args.format.form(), &config, &levels)?;
        put(&text, args.fields.out.as_deref())?;
        return Ok(OK);
    };
    let (theirs_config, theirs) =
        open(other, &args.fields, args.mu).map_err(|e| files::named(other, e))?;
    let theirs = levels_of(&theirs_config, theirs.as_ref())?;
    let part = exchange::first_difference(&levels, &theirs, args.tolerance);
    let text = match args.format {
        Format::Csv => side_by_side(&levels, &theirs),
        _ => run::pretty(&json!({
            "schema": "schedlab-levels-diff/1",
            "a": levels,
            "b": theirs,
            "first_difference": part,
        })),
    };
    put(&text, args.fields.out.as_deref())?;
    super::complain(&match part {
        None => "the lists agree".to_owned(),
        Some(i) => {
            let value = |l: &[f64]| l.get(i).map_or("nothing".to_owned(), f64::to_string);
            format!(
                "the lists part at step {i}: {} against {}",
                value(&levels),
                value(&theirs)
            )
        }
    });
    Ok(OK)
}

fn side_by_side(a: &[f64], b: &[f64]) -> String {
    let cell = |l: &[f64], i: usize| l.get(i).map(f64::to_string).unwrap_or_default();
    let rows = (0..a.len().max(b.len())).map(|i| format!("{i},{},{}\n", cell(a, i), cell(b, i)));
    std::iter::once("index,a,b\n".to_owned())
        .chain(rows)
        .collect()
}

fn sample(args: &SampleArgs) -> Result<u8> {
    let (config, brought) = source(args.source.as_deref(), &args.fields, None)?;
    for remark in brought.iter().flat_map(|l| &l.remarks) {
        super::complain(remark);
    }
    let mut results = Vec::new();
    for k in 0..args.seeds.max(1) {
        let setup = Setup::Noise(Config {
            seed: config.seed.wrapping_add(k),
            ..config.clone()
        });
        let outcome = outcome_of(&setup, &Library::default())?;
        if k + 1 == args.seeds.max(1)
            && let Some(path) = &args.particles
        {
            let table = outcome.tables.first().map(|(_, t)| t.to_csv());
            files::write(path, &table.unwrap_or_default())?;
        }
        results.push(run::as_json(&setup, &outcome));
    }
    let whole = if results.len() == 1 {
        results.remove(0)
    } else {
        json!({ "results": results })
    };
    put(&run::pretty(&whole), args.fields.out.as_deref())?;
    Ok(OK)
}

fn optimise(args: &OptimiseArgs) -> Result<u8> {
    let base = Config {
        schedule: match args.method {
            Method::Dp => ScheduleKind::Optimal,
            Method::Ays => ScheduleKind::AlignYourSteps,
            Method::Oss => ScheduleKind::StepsizeDistillation,
        },
        objective_p: args.p,
        steps: 10,
        ..Config::default()
    };
    let config = changed(&base, &args.fields)?;
    let levels = search::levels(&config)?;
    let mixture = Arc::new(config.mixture()?);
    let range = [config.sigma_min.min(0.002), config.sigma_max.max(80.0)];
    let curve = Builder::new(mixture, config.seed, range, 240, 512).finish();
    super::complain(&format!(
        "{} steps on {}: path divergence {:.4} nats",
        levels.len() - 1,
        config.data.name(),
        curve.klub(&levels)
    ));
    let text = exchange::write(args.format.form(), &config, &levels)?;
    put(&text, args.fields.out.as_deref())?;
    Ok(OK)
}

/// A name as it stands in the JSON config.
fn named<T: DeserializeOwned>(field: &'static str, name: &str, allowed: &str) -> Result<T> {
    serde_json::from_value(Value::from(name))
        .ok()
        .ok_or_else(|| Error::out_of_range(field, name, allowed))
}

fn order(args: &OrderArgs) -> Result<u8> {
    let source: Source = named(
        "source",
        &args.source,
        "markov, hidden, cyclic, field, ising or potts",
    )?;
    let orders = match &args.order {
        Some(name) => vec![named(
            "order",
            name,
            "random, confidence, halton, dilated, left_to_right, blocks, dilated_blocks, sliding_annealing, block_annealing or hybrid_annealing",
        )?],
        None => OrderKind::ALL.to_vec(),
    };
    let mut rows = Vec::new();
    for kind in orders {
        // Noise indices decide how many calls a hyperschedule has.
        let own = if kind.is_annealed() { 1 } else { usize::MAX };
        for rounds in args.rounds.iter().take(own) {
            let config = changed(
                &Config {
                    world: World::Tokens,
                    source,
                    order: kind,
                    rounds: *rounds,
                    ..Config::default()
                },
                &args.fields,
            )?;
            let world = tokens::World::new(&config)?;
            let cost = tokens::cost(&world, Order::of(&config), config.seed)?;
            rows.push((kind, cost));
        }
    }
    let text = match args.format {
        Rows::Csv => rows
            .iter()
            .map(|(kind, c)| {
                let (calls, total) = (c.rounds.len(), c.total());
                format!("{},{calls},{total},{}\n", word(*kind), c.error)
            })
            .fold("order,calls,kl_nats,standard_error\n".to_owned(), |a, b| {
                a + &b
            }),
        Rows::Json => run::pretty(&json!({
            "schema": "schedlab-orders/1",
            "source": args.source,
            "orders": rows.iter().map(|(kind, c)| json!({
                "order": kind,
                "calls": c.rounds.len(),
                "kl_nats": c.total(),
                "standard_error": c.error,
                "rounds_nats": c.rounds,
                "cumulative_nats": (1..=c.rounds.len())
                    .map(|r| num::sum(c.rounds[..r].iter().copied()))
                    .collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })),
    };
    put(&text, args.fields.out.as_deref())?;
    Ok(OK)
}

/// The order's name in the JSON config.
fn word(kind: OrderKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
