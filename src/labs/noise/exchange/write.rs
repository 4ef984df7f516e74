//! The forms in which schedules leave for other tools.

use super::super::config::Config;
use super::super::schedule::{self, ScheduleKind, TRAIN_TIMES, Visit};
use super::super::tables::{Table, TableSpec, sigma_from_alpha_bar};
use crate::core::{Error, Result, num};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A form for other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Levels, log-SNR and alpha-bar as JSON.
    Json,
    /// The same as CSV.
    Csv,
    /// A Python list of sigmas.
    Python,
    /// ComfyUI's ManualSigmas: numbers and commas.
    Comfy,
    /// A diffusers `scheduler_config.json`.
    Diffusers,
    /// A constant of a WGSL shader.
    Wgsl,
}

/// A schedule in a form for other tools.
///
/// # Errors
/// A schedule that the form cannot hold.
pub fn write(form: Form, config: &Config, levels: &[f64]) -> Result<String> {
    let list = || {
        let numbers: Vec<String> = levels.iter().map(f64::to_string).collect();
        numbers.join(", ")
    };
    Ok(match form {
        Form::Python => format!("[{}]\n", list()),
        Form::Comfy => format!("{}\n", list()),
        Form::Wgsl => {
            // A shader's numbers have single precision, and a whole one needs its point.
            let numbers: Vec<String> = levels.iter().map(|s| format!("{:?}", *s as f32)).collect();
            format!(
                "const SIGMAS = array<f32, {}>({});\n",
                numbers.len(),
                numbers.join(", ")
            )
        }
        Form::Json => {
            let value = json!({
                "schema": "schedlab-levels/1",
                "sigmas": levels,
                "timesteps": times(config, levels)?,
                "alphas": levels.iter().map(|s| 1.0 / (1.0 + s * s).sqrt()).collect::<Vec<_>>(),
                "alphas_cumprod": levels.iter().map(|s| 1.0 / (1.0 + s * s)).collect::<Vec<_>>(),
                "log_snr": levels.iter().map(|s| (*s > 0.0).then(|| -2.0 * num::ln(*s))).collect::<Vec<_>>(),
            });
            format!(
                "{}\n",
                serde_json::to_string_pretty(&value).unwrap_or_default()
            )
        }
        Form::Csv => {
            let mut out = "index,sigma,alpha_bar,log_snr,flow_time,timestep\n".to_owned();
            let times = times(config, levels)?;
            for (i, s) in levels.iter().enumerate() {
                let log_snr = if *s > 0.0 {
                    (-2.0 * num::ln(*s)).to_string()
                } else {
                    String::new()
                };
                let (bar, u) = (1.0 / (1.0 + s * s), s / (1.0 + s));
                let t = times.get(i).map(f64::to_string).unwrap_or_default();
                writeln!(out, "{i},{s},{bar},{log_snr},{u},{t}").ok();
            }
            out
        }
        Form::Diffusers => {
            let text = serde_json::to_string_pretty(&diffusers(config)?).unwrap_or_default();
            format!("{text}\n")
        }
    })
}

/// Training times of the levels above 0, between whole times along ln s: on the setup's own table,
/// or on Stable Diffusion's where it has none; cut to the table.
fn times(config: &Config, levels: &[f64]) -> Result<Vec<f64>> {
    let sigmas = match schedule::alpha_bars(config)? {
        Some(bars) => {
            let shift = schedule::shift_of(config);
            bars.into_iter()
                .map(|a| shift * sigma_from_alpha_bar(a))
                .collect()
        }
        None => Table::exact(&TableSpec::stable_diffusion())?.sigmas(),
    };
    let time = |s: &f64| {
        let i = sigmas
            .partition_point(|v| v <= s)
            .clamp(1, sigmas.len() - 1)
            - 1;
        let (low, high) = (num::ln(sigmas[i]), num::ln(sigmas[i + 1]));
        i as f64 + ((num::ln(*s) - low) / (high - low)).clamp(0.0, 1.0)
    };
    Ok(levels.iter().filter(|s| **s > 0.0).map(time).collect())
}

/// The library's config that makes this schedule.
fn diffusers(c: &Config) -> Result<Value> {
    let table = |name: &str, ends: bool| {
        let spacing = match c.spacing {
            Visit::Leading => "leading",
            Visit::Linspace => "linspace",
            Visit::Trailing => "trailing",
            _ => {
                return Err(Error::Unsupported(
                    "this time spacing in a diffusers config (leading, linspace and trailing are)"
                        .to_owned(),
                ));
            }
        };
        let mut value = json!({
            "_class_name": "DDIMScheduler",
            "num_train_timesteps": TRAIN_TIMES,
            "beta_schedule": name,
            "timestep_spacing": spacing,
            "rescale_betas_zero_snr": c.zero_terminal_snr,
            "clip_sample": false,
            "prediction_type": "v_prediction",
            "steps_offset": 0,
        });
        if ends {
            value["beta_start"] = json!(c.beta_start);
            value["beta_end"] = json!(c.beta_end);
        }
        Ok(value)
    };
    if c.shift != 1.0 && c.schedule != ScheduleKind::Flow {
        return Err(Error::Unsupported(
            "a shifted table in a diffusers config; export the sigmas as a list".to_owned(),
        ));
    }
    match c.schedule {
        ScheduleKind::Linear => table("linear", true),
        ScheduleKind::ScaledLinear => table("scaled_linear", true),
        ScheduleKind::BetaSigmoid => table("sigmoid", true),
        ScheduleKind::Cosine => table("squaredcos_cap_v2", false),
        ScheduleKind::Edm | ScheduleKind::Exponential => Ok(json!({
            "_class_name": "EDMEulerScheduler",
            "num_train_timesteps": TRAIN_TIMES,
            "sigma_min": c.sigma_min,
            "sigma_max": c.sigma_max,
            "rho": c.rho,
            "sigma_schedule": if c.schedule == ScheduleKind::Edm { "karras" } else { "exponential" },
        })),
        ScheduleKind::Flow => Ok(json!({
            "_class_name": "FlowMatchEulerDiscreteScheduler",
            "num_train_timesteps": TRAIN_TIMES,
            "shift": c.shift,
            "use_dynamic_shifting": c.dynamic_shift,
            "base_shift": 0.5,
            "max_shift": 1.15,
            "base_image_seq_len": 256,
            "max_image_seq_len": 4096,
        })),
        other => Err(Error::Unsupported(format!(
            "the schedule '{}' in a diffusers config; export the sigmas as a list",
            other.name()
        ))),
    }
}
