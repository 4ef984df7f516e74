//! `schedlab sweep`: a grid of setups over seeds, on all cores, one row a run.

use super::serving::Source;
use super::{OK, complain, files, parallel, run, say};
use crate::core::{Error, Metric, Result};
use crate::labs::{Library, Setup, metrics_of};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// Most runs of one sweep.
const MOST_RUNS: usize = 10_000_000;

#[derive(Debug, clap::Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    source: Source,
    /// A parameter and its values: rate=1,2,4 or rate=1:8:15 (15 values from 1 to 8, spaced like
    /// the slider); may be repeated, the grid is the product
    #[arg(long = "vary", value_name = "FIELD=VALUES")]
    vary: Vec<String>,
    /// A field that stays the same in all runs; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Runs per point, with consecutive seeds from the setup's own
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u64,
    /// Only these metrics, by id
    #[arg(long, value_name = "ID,ID,…", value_delimiter = ',')]
    metrics: Vec<String>,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Write rows there instead of printing them
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on where FILE ends; rows it already has are not run again
    #[arg(long, requires = "out")]
    resume: bool,
    /// Only every n-th run, from the i-th: 1/4, 2/4, 3/4 and 4/4 make the whole
    #[arg(long, value_name = "i/n", default_value = "1/1")]
    shard: String,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object per line
    Jsonl,
    /// A table with a header
    Csv,
}

/// One run of the sweep.
struct Place {
    point: usize,
    seed: u64,
    /// Values of the varied fields, as written.
    values: Vec<String>,
    setup: Setup,
}

pub(super) fn sweep(args: &SweepArgs) -> Result<u8> {
    let (base, library) = args.source.load(&args.set)?;
    let axes = args
        .vary
        .iter()
        .map(|text| axis(&base, text))
        .collect::<Result<Vec<_>>>()?;
    let shard = shard(&args.shard)?;
    let names: Vec<&str> = axes.iter().map(|(name, _)| name.as_str()).collect();
    let places = places(&base, &axes, args.seeds)?;
    for place in &places {
        place.setup.check().map_err(|e| {
            Error::malformed(format!("point {}", words(&names, place)), e.to_string())
        })?;
    }
    let columns = columns(args, &base, &places, &library)?;
    let mine: Vec<&Place> = places.iter().skip(shard.0 - 1).step_by(shard.1).collect();
    let rows = Rows {
        format: args.format,
        names: &names,
        columns: &columns,
    };
    let done = match &args.out {
        Some(path) => already(path, args.resume, &rows, &mine)?,
        None => 0,
    };
    let mut target = Target::open(args.out.as_deref())?;
    if args.format == Format::Csv && done == 0 {
        target.write(&rows.header())?;
    }
    let watch = std::io::stderr().is_terminal();
    let left = &mine[done..];
    parallel::in_order(
        left,
        parallel::threads(args.jobs),
        |place| metrics_of(&place.setup, &library),
        |i, result| {
            if watch {
                let mut err = std::io::stderr();
                write!(err, "\r{} of {} runs", done + i + 1, mine.len()).ok();
            }
            target.write(&rows.row(left[i], &result))
        },
    )?;
    if watch {
        complain("");
    }
    Ok(OK)
}

/// A field and its values.
fn axis(base: &Setup, text: &str) -> Result<(String, Vec<String>)> {
    let bad = |problem: &str| Error::malformed("--vary", format!("found {text:?}, {problem}"));
    let (name, values) = text
        .split_once('=')
        .ok_or_else(|| bad("want FIELD=VALUES"))?;
    let parts: Vec<&str> = values.split(':').collect();
    let values = if let [low, high, count] = parts[..] {
        let number = |t: &str| {
            crate::core::parse_number(t).ok_or_else(|| bad("want numbers LOW:HIGH:COUNT"))
        };
        let count = number(count)?;
        if !((1.0..=1e6).contains(&count) && count.fract() == 0.0) {
            return Err(bad("want a whole COUNT from 1 to 1000000"));
        }
        base.field_grid(name, [number(low)?, number(high)?], count as usize)?
            .iter()
            .map(f64::to_string)
            .collect()
    } else {
        values.split(',').map(|v| v.trim().to_owned()).collect()
    };
    Ok((name.to_owned(), values))
}

fn shard(text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once('/').and_then(|(i, n)| {
        let (i, n): (usize, usize) = (i.parse().ok()?, n.parse().ok()?);
        (1..=n).contains(&i).then_some((i, n))
    });
    parts.ok_or_else(|| Error::out_of_range("--shard", text, "i/n with i from 1 to n"))
}

/// All runs of the grid: the last parameter changes first, seeds before it.
fn places(base: &Setup, axes: &[(String, Vec<String>)], seeds: u64) -> Result<Vec<Place>> {
    let points: usize = axes.iter().map(|(_, values)| values.len()).product();
    let runs = points.saturating_mul(seeds as usize);
    if !(1..=MOST_RUNS).contains(&runs) {
        return Err(Error::out_of_range(
            "runs of the sweep",
            runs,
            format!("1 to {MOST_RUNS}"),
        ));
    }
    let mut out = Vec::with_capacity(runs);
    for point in 0..points {
        let mut setup = base.clone();
        let mut values = vec![String::new(); axes.len()];
        let mut rest = point;
        for (k, (name, choices)) in axes.iter().enumerate().rev() {
            values[k].clone_from(&choices[rest % choices.len()]);
            rest /= choices.len();
            setup = setup.with_field(name, &values[k])?;
        }
        let first = setup.seed();
        for s in 0..seeds {
            let seed = first.wrapping_add(s);
            out.push(Place {
                point,
                seed,
                values: values.clone(),
                setup: setup.with_seed(seed),
            });
        }
    }
    Ok(out)
}

/// Ids of the metrics to write. A table needs them before its first row, the same in every shard:
/// there the first run of the whole sweep tells.
fn columns(
    args: &SweepArgs,
    base: &Setup,
    places: &[Place],
    library: &Library,
) -> Result<Vec<String>> {
    if args.format == Format::Jsonl && args.metrics.is_empty() {
        return Ok(Vec::new());
    }
    let known = metrics_of(places.first().map_or(base, |p| &p.setup), library)
        .map_err(|e| args.source.named(e))?;
    if args.metrics.is_empty() {
        return Ok(known.iter().map(|m| m.id.to_owned()).collect());
    }
    for id in &args.metrics {
        if !known.iter().any(|m| m.id == id) {
            let known: Vec<&str> = known.iter().map(|m| m.id).collect();
            return Err(Error::out_of_range("--metrics", id, known.join(", ")));
        }
    }
    Ok(args.metrics.clone())
}

fn words(names: &[&str], place: &Place) -> String {
    let values: Vec<String> = names
        .iter()
        .zip(&place.values)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if values.is_empty() {
        "(the only one)".to_owned()
    } else {
        values.join(" ")
    }
}

/// How rows look.
struct Rows<'a> {
    format: Format,
    names: &'a [&'a str],
    columns: &'a [String],
}

impl Rows<'_> {
    fn header(&self) -> String {
        let mut cells = vec!["point"];
        cells.extend(self.names);
        cells.push("seed");
        cells.extend(self.columns.iter().map(String::as_str));
        cells.push("error");
        cells.join(",") + "\n"
    }

    /// The part of a row that is known before the run.
    fn start(&self, place: &Place) -> String {
        match self.format {
            Format::Csv => {
                let mut cells = vec![place.point.to_string()];
                cells.extend(place.values.iter().map(|v| cell(v)));
                cells.push(place.seed.to_string());
                cells.join(",") + ","
            }
            Format::Jsonl => {
                let values: Map<String, Value> = self
                    .names
                    .iter()
                    .zip(&place.values)
                    .map(|(name, value)| ((*name).to_owned(), typed(value)))
                    .collect();
                format!(
                    "{{\"point\":{},\"values\":{},\"seed\":{},",
                    place.point,
                    Value::Object(values),
                    place.seed
                )
            }
        }
    }

    fn row(&self, place: &Place, result: &Result<Vec<Metric>>) -> String {
        let mut line = self.start(place);
        let (metrics, error) = match result {
            Ok(metrics) => (metrics.as_slice(), None),
            Err(error) => (&[][..], Some(error.to_string())),
        };
        let value = |id: &str| metrics.iter().find(|m| m.id == id).map(|m| m.value);
        match self.format {
            Format::Csv => {
                for id in self.columns {
                    let value = value(id).filter(|v| !v.is_nan());
                    line.push_str(&value.map_or_else(String::new, |v| v.to_string()));
                    line.push(',');
                }
                line.push_str(&error.map_or_else(String::new, |e| cell(&e)));
            }
            Format::Jsonl => {
                let kept: Map<String, Value> = metrics
                    .iter()
                    .filter(|m| self.columns.is_empty() || self.columns.iter().any(|c| c == m.id))
                    .map(|m| (m.id.to_owned(), run::float(m.value)))
                    .collect();
                let (name, value) = match error {
                    None => ("metrics", Value::Object(kept)),
                    Some(error) => ("error", json!(error)),
                };
                write!(line, "\"{name}\":{value}}}").ok();
            }
        }
        line.push('\n');
        line
    }
}

/// A cell of a table, quoted where it must be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A value of a field, as a number where it is one.
fn typed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_e| Value::from(text))
}

/// Rows that a file already holds; a last line without its end is cut off.
fn already(path: &Path, resume: bool, rows: &Rows<'_>, mine: &[&Place]) -> Result<usize> {
    if !path.exists() {
        return Ok(0);
    }
    let refuse = |problem: String| Error::Io {
        path: path.display().to_string(),
        problem,
    };
    if !resume {
        return Err(refuse(
            "exists already; --resume goes on where it ends".to_owned(),
        ));
    }
    let text = files::text(path)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines();
    if rows.format == Format::Csv
        && let Some(header) = lines.next()
        && header != rows.header().trim_end()
    {
        return Err(refuse(format!(
            "holds another table: its header is {header:?}"
        )));
    }
    let mut done = 0;
    for line in lines {
        let expected = mine.get(done).map(|place| rows.start(place));
        if !expected.is_some_and(|start| line.starts_with(&start)) {
            return Err(refuse(format!(
                "holds another sweep: row {} does not belong to this one",
                done + 1
            )));
        }
        done += 1;
    }
    if whole < text.len() {
        files::write(path, &text[..whole])?;
    }
    Ok(done)
}

/// Where rows go.
enum Target {
    Screen,
    File(PathBuf, std::fs::File),
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Screen);
        };
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(|file| Self::File(path.to_owned(), file))
            .map_err(|e| files::io(path, &e))
    }

    /// Writes whole lines, so that what stands in a file is always of use.
    fn write(&mut self, lines: &str) -> Result<()> {
        match self {
            Self::Screen => {
                say(lines);
                Ok(())
            }
            Self::File(path, file) => file
                .write_all(lines.as_bytes())
                .map_err(|e| files::io(path, &e)),
        }
    }
}
