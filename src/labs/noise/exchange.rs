//! Schedules in and out: lists of noise levels or times as people paste them, diffusers'
//! `scheduler_config.json` read as the library reads it, and the forms other tools take.

mod write;

pub use write::{Form, write};

use super::config::{Config, MOST_POINTS, World};
use super::library::{self, Class, LibraryConfig, Time};
use super::lint;
use super::schedule::{self, ScheduleKind, TRAIN_TIMES};
use super::tables::{Table, TableSpec, sigma_from_alpha_bar};
use crate::core::{Error, Result, num};
use serde_json::Value;

/// Longest list that is read.
const MOST: usize = 1001;

/// A list that was brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Noise levels s = sigma / alpha, falling; a final 0 is kept.
    pub sigmas: Vec<f64>,
    /// Training times of the calls, where the source lists them.
    pub times: Vec<f64>,
    /// What was made of the source.
    pub remarks: Vec<String>,
}

impl Levels {
    /// In a few words.
    pub fn words(&self) -> String {
        let calls = self.sigmas.iter().filter(|s| **s > 0.0).count();
        let top = self.sigmas.first().copied().unwrap_or(f64::NAN);
        format!("noise schedule, {calls} levels from {top:.4}")
    }

    /// The setup that samples along the list: a drawn schedule through its points.
    pub fn config(&self, base: &Config) -> Config {
        let ln: Vec<f64> = self
            .sigmas
            .iter()
            .filter(|s| **s > 0.0)
            .map(|s| num::ln(*s).clamp(-10.0, 10.0))
            .collect();
        let points = ln.len().clamp(2, MOST_POINTS);
        let custom = if ln.len() == points {
            ln.clone()
        } else {
            (0..points)
                .map(|i| schedule::along(&ln, i as f64 / (points - 1) as f64))
                .collect::<Vec<_>>()
        };
        // Levels beyond e^10 are cut, which may leave equal points; a lone level gets a second.
        let mut falling = custom;
        for i in 1..falling.len() {
            falling[i] = falling[i].min(falling[i - 1] - 1e-3);
        }
        Config {
            world: match base.world {
                World::Tokens => World::Plane,
                denoised => denoised,
            },
            schedule: ScheduleKind::Custom,
            custom: falling,
            shift: 1.0,
            steps: (ln.len() as u64).clamp(1, 200),
            ..base.clone()
        }
    }
}

/// Whether a text looks like one of the forms that are read here.
pub fn looks_like(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with('{') {
        return serde_json::from_str::<Value>(text)
            .is_ok_and(|v| class_name(&v).is_some() || list_field(&v).is_some());
    }
    !text.is_empty() && bare_list(text).is_ok()
}

/// Reads a list (JSON, Python, commas, spaces or lines), an object with `sigmas` or `timesteps`, or
/// a `scheduler_config.json` for `steps` calls.
///
/// # Errors
/// What is wrong and where.
pub fn read(text: &str, steps: usize, mu: Option<f64>) -> Result<Levels> {
    read_as(text, steps, mu, Reading::Library)
}

/// Whose word counts where a library departs from the papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The library's grid, oddities included.
    Library,
    /// The grid as the papers define it.
    Paper,
}

/// As [`read`], with a library's config read in either way.
///
/// # Errors
/// What is wrong and where.
pub fn read_as(text: &str, steps: usize, mu: Option<f64>, reading: Reading) -> Result<Levels> {
    let text = text.trim();
    if !text.starts_with('{') {
        return from_list(&bare_list(text)?);
    }
    let value: Value =
        serde_json::from_str(text).map_err(|e| Error::malformed("schedule", e.to_string()))?;
    if class_name(&value).is_some() {
        return from_library(&value, steps, mu, reading);
    }
    match list_field(&value) {
        Some(("timesteps", list)) => from_times(&list),
        Some((_, list)) => from_list(&list),
        None => Err(Error::malformed(
            "schedule",
            "needs a field sigmas, timesteps or _class_name",
        )),
    }
}

fn class_name(value: &Value) -> Option<&str> {
    value.get("_class_name").and_then(Value::as_str)
}

fn list_field(value: &Value) -> Option<(&'static str, Vec<f64>)> {
    ["sigmas", "levels", "timesteps"].into_iter().find_map(|f| {
        let list = value.get(f)?.as_array()?;
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        numbers.map(|n| (f, n))
    })
}

/// Numbers between commas, spaces, semicolons or line ends, with or without brackets.
fn bare_list(text: &str) -> Result<Vec<f64>> {
    let inner = text.trim_start_matches(|c| "[( ".contains(c));
    let inner = inner.trim_end_matches(|c| "]) ,;".contains(c));
    let mut out = Vec::new();
    let words = inner.split(|c: char| c.is_whitespace() || ",;".contains(c));
    for word in words.filter(|w| !w.is_empty()) {
        let number = word.parse::<f64>().ok().ok_or_else(|| {
            Error::malformed(
                "schedule",
                format!("'{word}' at position {} is no number", out.len()),
            )
        })?;
        out.push(number);
        if out.len() > MOST {
            return Err(Error::out_of_range(
                "schedule",
                "a longer list",
                format!("at most {MOST} numbers"),
            ));
        }
    }
    if out.is_empty() {
        return Err(Error::malformed("schedule", "holds no number"));
    }
    Ok(out)
}

/// A list of falling noise levels; whole numbers from 2 upwards without a fraction are read as
/// training times of Stable Diffusion's table.
fn from_list(list: &[f64]) -> Result<Levels> {
    let whole = list.iter().all(|v| v.fract() == 0.0 && *v >= 0.0);
    let largest = list.iter().copied().fold(0.0, f64::max);
    if whole && largest >= 100.0 && largest < TRAIN_TIMES as f64 {
        return from_times(list);
    }
    for (i, v) in list.iter().enumerate() {
        if !v.is_finite() || *v < 0.0 {
            return Err(Error::out_of_range(
                "schedule",
                format!("{v} at position {i}"),
                "finite levels, 0 or more",
            ));
        }
        if i > 0 && *v >= list[i - 1] {
            return Err(Error::out_of_range(
                "schedule",
                format!("{v} at position {i}, after {}", list[i - 1]),
                "falling levels without repeats",
            ));
        }
    }
    if list[0] <= 0.0 {
        return Err(Error::out_of_range("schedule", list[0], "a level above 0"));
    }
    Ok(Levels {
        sigmas: list.to_vec(),
        times: Vec::new(),
        remarks: Vec::new(),
    })
}

fn from_times(times: &[f64]) -> Result<Levels> {
    let sigmas = Table::exact(&TableSpec::stable_diffusion())?.sigmas();
    let mut out = Vec::with_capacity(times.len() + 1);
    for (i, t) in times.iter().enumerate() {
        if !(0.0..TRAIN_TIMES as f64).contains(t) {
            return Err(Error::out_of_range(
                "timesteps",
                format!("{t} at position {i}"),
                format!("0 to {}", TRAIN_TIMES - 1),
            ));
        }
        let low = (t.floor() as usize).min(TRAIN_TIMES - 2);
        let (a, b) = (num::ln(sigmas[low]), num::ln(sigmas[low + 1]));
        out.push(num::exp(a + (b - a) * (t - low as f64)));
    }
    out.push(0.0);
    let mut levels = from_list(&out)?;
    levels.times = times.to_vec();
    levels.remarks = vec![
        "read as times of Stable Diffusion's table (scaled linear, 0.00085 to 0.012)".to_owned(),
    ];
    Ok(levels)
}

/// The grid of a diffusers scheduler as the library makes it.
fn from_library(value: &Value, steps: usize, mu: Option<f64>, reading: Reading) -> Result<Levels> {
    let name = class_name(value).unwrap_or_default().to_owned();
    let class: Class =
        serde_json::from_value(Value::String(name.clone())).ok().ok_or_else(|| {
            Error::Unsupported(format!(
                "the scheduler class {name} (known are DDIM, DDPM, EulerDiscrete, HeunDiscrete, LMSDiscrete, DPMSolverMultistep, UniPCMultistep, FlowMatchEulerDiscrete and EDMEuler)"
            ))
        })?;
    // The library writes null for options that are not set.
    let set: serde_json::Map<String, Value> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, v)| !v.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let config: LibraryConfig = serde_json::from_value(Value::Object(set))
        .map_err(|e| Error::malformed("scheduler_config", e.to_string()))?;
    if reading == Reading::Paper {
        return Ok(Levels {
            sigmas: library::paper_levels(class, &config, steps, mu)?,
            times: Vec::new(),
            remarks: vec![format!(
                "{name} with {steps} steps, as the papers define it"
            )],
        });
    }
    let grid = library::grid(class, &config, steps, mu)?;
    let times: Vec<f64> = grid
        .times
        .iter()
        .map(|t| match t {
            Time::Whole(t) | Time::Fractional(t) => *t,
            Time::Truncated(t) => t.trunc(),
        })
        .collect();
    let mut remarks = vec![format!("{name} with {steps} steps, as diffusers makes it")];
    remarks.extend(library::oddities(class, &config, steps));
    let flow = class == Class::FlowEuler || config.is_flow();
    let table = || -> Result<Vec<f64>> {
        let bars = Table::single(&config.table_spec())?.alpha_bars;
        Ok(bars.into_iter().map(sigma_from_alpha_bar).collect())
    };
    let mut sigmas = if let Some(sigmas) = grid.sigmas {
        if !flow && class != Class::EdmEuler {
            let note = lint::rounded_times(&sigmas, &times, &table()?);
            remarks.extend(note.map(|n| format!("step {}: {}", n.index, n.text)));
        }
        sigmas
    } else {
        let table = table()?;
        let level = |t: &f64| table[(*t as usize).min(table.len() - 1)];
        times.iter().map(level).chain([0.0]).collect()
    };
    if flow {
        remarks.push("its sigmas are flow times u; shown as s = u / (1 - u)".to_owned());
        sigmas = schedule::sigmas_from_flow(&sigmas);
    }
    // Heun's list has every inner level twice.
    let before = sigmas.len();
    sigmas.dedup();
    if sigmas.len() < before {
        remarks.push(format!(
            "{} repeated levels are listed once",
            before - sigmas.len()
        ));
    }
    Ok(Levels {
        sigmas,
        times,
        remarks,
    })
}

/// A schedule as it was brought: its text, read for as many steps as are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    text: String,
}

/// Largest text that is read as a schedule, in bytes.
const LARGEST: usize = 1 << 16;

impl Brought {
    /// The text, if it is a schedule: a list that falls, or a config of a known scheduler.
    pub fn recognise(text: &str) -> Option<Self> {
        let fits = text.len() <= LARGEST && looks_like(text);
        let known = fits && read(text, 10, None).is_ok_and(|l| l.sigmas.len() > 2);
        known.then(|| Self {
            text: text.to_owned(),
        })
    }

    /// Its levels for a number of steps, which a list has by itself.
    ///
    /// # Errors
    /// A number of steps that the scheduler cannot make.
    pub fn levels(&self, steps: usize) -> Result<Levels> {
        read(&self.text, steps, None)
    }

    /// In a few words.
    pub fn words(&self) -> String {
        self.levels(10)
            .map_or_else(|e| e.to_string(), |l| l.words())
    }

    /// What was made of it.
    pub fn remarks(&self) -> Vec<String> {
        self.levels(10).map_or_else(|_| Vec::new(), |l| l.remarks)
    }

    /// Levels of ten steps, or of the list.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let rows = self.levels(10).map_or_else(
            |_| Vec::new(),
            |l| {
                let row = |(i, s): (usize, &f64)| vec![i.to_string(), format!("{s:.6}")];
                l.sigmas.iter().enumerate().map(row).collect()
            },
        );
        (vec!["step".to_owned(), "sigma".to_owned()], rows)
    }
}

/// Where two lists part: the first index at which they differ by more than `relative`.
pub fn first_difference(a: &[f64], b: &[f64], relative: f64) -> Option<usize> {
    let differ = |x: f64, y: f64| (x - y).abs() > relative * x.abs().max(y.abs());
    (0..a.len().max(b.len())).find(|i| match (a.get(*i), b.get(*i)) {
        (Some(x), Some(y)) => differ(*x, *y),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_every_common_form() {
        let want = vec![14.6, 6.5, 0.03, 0.0];
        for text in [
            "14.6, 6.5, 0.03, 0",
            "[14.6, 6.5, 0.03, 0.0]",
            "14.6\n6.5\n0.03\n0\n",
            "(14.6; 6.5; 0.03; 0)",
            r#"{"sigmas": [14.6, 6.5, 0.03, 0.0]}"#,
        ] {
            assert!(looks_like(text), "{text}");
            assert_eq!(read(text, 10, None).unwrap().sigmas, want, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_times_and_the_published_ones_give_the_published_levels() {
        let levels = read("999, 850, 736, 645, 545, 455, 343, 233, 124, 24", 10, None).unwrap();
        assert_eq!(levels.times.len(), 10);
        assert!((levels.sigmas[0] - 14.614_641_229_3).abs() < 1e-9);
        assert!(
            (levels.sigmas[1] / 6.474_576_095_6 - 1.0).abs() < 1e-6,
            "{:?}",
            levels.sigmas
        );
        assert!(!levels.remarks.is_empty());
    }

    #[test]
    fn bad_lists_are_refused_at_their_place() {
        let words = |text| read(text, 10, None).unwrap_err().to_string();
        assert!(
            words("3, 2, 2, 1").contains("position 2"),
            "{}",
            words("3, 2, 2, 1")
        );
        assert!(words("3, two, 1").contains("'two'"));
        assert!(words("3, -1.5").contains("position 1"));
        assert!(words("").contains("no number"));
        assert!(words(r#"{"_class_name": "MagicScheduler"}"#).contains("MagicScheduler"));
        assert!(!looks_like("a,b\n1,2\n"));
    }

    #[test]
    fn a_scheduler_config_gives_the_librarys_grid_and_null_is_its_default() {
        let text = r#"{"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear",
            "beta_start": 0.00085, "beta_end": 0.012, "use_karras_sigmas": true,
            "sigma_min": null, "timestep_spacing": "leading", "steps_offset": 1}"#;
        assert!(looks_like(text));
        let levels = read(text, 10, None).unwrap();
        // Karras between the ends of the leading grid, which starts at time 901.
        assert_eq!(levels.sigmas.len(), 11);
        assert!(
            levels.sigmas[0] < 14.6 && levels.sigmas[0] > 5.0,
            "{:?}",
            levels.sigmas
        );
        assert_eq!(levels.sigmas[10], 0.0);
        assert!(levels.sigmas.windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn a_rounded_time_is_remarked_on() {
        let text = |karras: bool| {
            format!(
                r#"{{"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear",
                "beta_start": 0.00085, "beta_end": 0.012, "use_karras_sigmas": {karras}}}"#
            )
        };
        let rounded = |karras| {
            let levels = read(&text(karras), 20, None).unwrap();
            levels.remarks.iter().any(|r| r.contains("rounded to"))
        };
        assert!(rounded(true), "near the data the table is coarse");
        assert!(!rounded(false), "its levels are the table's");
    }

    #[test]
    fn what_is_exported_to_diffusers_comes_back_as_the_same_levels() {
        for schedule in [
            ScheduleKind::ScaledLinear,
            ScheduleKind::Cosine,
            ScheduleKind::Edm,
        ] {
            let config = Config {
                schedule,
                beta_start: 0.00085,
                beta_end: 0.012,
                steps: 12,
                ..Config::default()
            };
            let levels = schedule::levels(&config).unwrap();
            let text = write(Form::Diffusers, &config, &levels).unwrap();
            let back = read(&text, 12, None).unwrap();
            let part = first_difference(&levels, &back.sigmas, 2e-4);
            assert_eq!(part, None, "{schedule:?}: {levels:?} {:?}", back.sigmas);
        }
        let drawn = Config {
            schedule: ScheduleKind::Custom,
            ..Config::default()
        };
        assert!(write(Form::Diffusers, &drawn, &[1.0, 0.0]).is_err());
    }

    #[test]
    fn lists_written_are_read_back() {
        let levels = [80.0, 1.5, 0.002, 0.0];
        for form in [Form::Json, Form::Python, Form::Comfy] {
            let text = write(form, &Config::default(), &levels).unwrap();
            assert_eq!(read(&text, 1, None).unwrap().sigmas, levels, "{form:?}");
        }
        let wgsl = write(Form::Wgsl, &Config::default(), &levels).unwrap();
        assert_eq!(
            wgsl,
            "const SIGMAS = array<f32, 4>(80.0, 1.5, 0.002, 0.0);\n"
        );
        let csv = write(Form::Csv, &Config::default(), &levels).unwrap();
        assert_eq!(csv.lines().count(), 5);
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(first_difference(&[3.0, 2.0], &[3.0, 2.0], 1e-9), None);
        assert_eq!(first_difference(&[3.0, 2.0], &[3.0, 2.1], 1e-3), Some(1));
        assert_eq!(first_difference(&[3.0, 2.0], &[3.0], 1e-3), Some(1));
    }

    #[test]
    fn a_brought_list_becomes_a_setup_that_visits_it() {
        let levels = read("10, 3, 1, 0.2, 0", 4, None).unwrap();
        let config = levels.config(&Config::default());
        assert_eq!(config.steps, 4);
        let got = schedule::levels(&config).unwrap();
        assert_eq!(
            first_difference(&got, &levels.sigmas, 1e-9),
            None,
            "{got:?}"
        );
        assert_eq!(config.check(), Ok(()));
    }
}
