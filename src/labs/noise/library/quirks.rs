//! What the library does differently from the papers: the same config as the papers define it, and
//! the differences in words (huggingface/diffusers 0.42; its issues 13243, 12633 and 11347).

use super::{Class, LibraryConfig, table_sigmas};
use crate::core::{Error, Result, num};
use crate::labs::noise::schedule::{Spacing, sigmas_from_flow};
use crate::labs::noise::tables::Table;
use crate::labs::noise::{families, grids};

/// Levels of a config for `n` steps as the papers define them, with the final 0: exact tables, laws
/// over the whole table, beta quantiles of the time, one flow shift.
///
/// # Errors
/// A number of steps out of range, or a bad table.
pub fn paper_levels(
    class: Class,
    config: &LibraryConfig,
    n: usize,
    mu: Option<f64>,
) -> Result<Vec<f64>> {
    if n == 0 || n > config.num_train_timesteps {
        return Err(Error::out_of_range(
            "num_inference_steps",
            n,
            format!("1 to {}", config.num_train_timesteps),
        ));
    }
    if class == Class::EdmEuler {
        return Ok(super::grid(class, config, n, mu)?
            .sigmas
            .unwrap_or_default());
    }
    if class == Class::FlowEuler || config.use_flow_sigmas {
        let shift = match mu.filter(|_| config.use_dynamic_shifting) {
            Some(mu) => num::exp(mu),
            None if class == Class::FlowEuler => config.shift,
            None => config.flow_shift,
        };
        let last = 1.0 / config.num_train_timesteps as f64;
        let times: Vec<f64> = num::linspace(1.0, last, n)
            .into_iter()
            .map(|u| families::flow_shift(u, shift))
            .chain([0.0])
            .collect();
        return Ok(sigmas_from_flow(&times));
    }
    let table = Table::exact(&config.table_spec())?;
    let mut sigmas = table.sigmas();
    if config.rescale_betas_zero_snr {
        // Infinite noise has no level: the library's stand-in.
        sigmas = table_sigmas(config)?;
    }
    let ends = (sigmas[0], sigmas[sigmas.len() - 1]);
    if config.use_beta_sigmas {
        return Ok(grids::beta_time_space(n, &table));
    }
    let mut list = if config.use_karras_sigmas {
        grids::karras(n, ends.0, ends.1, 7.0)
    } else if config.use_exponential_sigmas || config.use_lu_lambdas {
        grids::exponential(n, ends.0, ends.1)
    } else {
        let usual = match class {
            Class::Ddim | Class::Ddpm => Spacing::Leading,
            _ => Spacing::Linspace,
        };
        let spacing = config.timestep_spacing.unwrap_or(usual);
        config
            .times(spacing, n)
            .into_iter()
            .map(|t| sigmas[t.min(sigmas.len() - 1)])
            .collect()
    };
    list.push(0.0);
    Ok(list)
}

/// In words, where the library departs from the papers with this config.
pub fn oddities(class: Class, config: &LibraryConfig, n: usize) -> Vec<String> {
    let spacing = config.timestep_spacing;
    let law = config.law().is_some();
    let visits = matches!(class, Class::Euler | Class::Heun | Class::Lms);
    let plain = matches!(class, Class::Ddim | Class::Ddpm);
    let divides = config.num_train_timesteps.is_multiple_of(n.max(1));
    let skips =
        spacing == Some(Spacing::Linspace) || spacing == Some(Spacing::Trailing) && !divides;
    [
        (
            class == Class::FlowEuler && !config.use_dynamic_shifting && config.shift != 1.0,
            "the library applies the static shift twice: at construction and again to the grid",
        ),
        (
            config.use_beta_sigmas,
            "'beta' means quantiles of sigma here, of the time in the paper and in ComfyUI",
        ),
        (
            config.use_lu_lambdas,
            "Lu's lambdas are the exponential law, the same numbers",
        ),
        (
            visits && law && spacing == Some(Spacing::Leading),
            "the law spans the visited grid only, which starts below the largest level",
        ),
        (
            class == Class::Heun,
            "Heun's list holds every level but the first twice: the calls are 2 n - 1",
        ),
        (
            plain && skips,
            "the step goes to t - T // n and not to the next time of the list",
        ),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, words)| words.to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> LibraryConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_flow_shift_is_applied_once_in_the_paper_and_twice_in_the_library() {
        let c = config(r#"{"shift": 3.0}"#);
        let paper = paper_levels(Class::FlowEuler, &c, 10, None).unwrap();
        let library = super::super::grid(Class::FlowEuler, &c, 10, None).unwrap();
        let u = |s: f64| s / (1.0 + s);
        // Spec values: the library's grid ends at 0.0089 instead of 0.003.
        assert!((u(paper[9]) - 0.002_994).abs() < 1e-5, "{}", u(paper[9]));
        let theirs = library.sigmas.unwrap()[9];
        assert!((theirs - 0.0089).abs() < 1e-4, "{theirs}");
        assert_eq!(oddities(Class::FlowEuler, &c, 10).len(), 1);
    }

    #[test]
    fn laws_span_the_whole_table_and_oddities_are_named() {
        let c = config(
            r#"{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
                "use_karras_sigmas": true, "timestep_spacing": "leading", "steps_offset": 1}"#,
        );
        let paper = paper_levels(Class::Euler, &c, 10, None).unwrap();
        assert!((paper[0] - 14.6146).abs() < 1e-3, "{}", paper[0]);
        assert!(oddities(Class::Euler, &c, 10)[0].contains("visited grid"));
        let plain = config("{}");
        assert!(oddities(Class::DpmSolver, &plain, 10).is_empty());
        assert!(paper_levels(Class::Euler, &plain, 0, None).is_err());
        let beta = config(r#"{"use_beta_sigmas": true}"#);
        let list = paper_levels(Class::Euler, &beta, 10, None).unwrap();
        assert!(list.windows(2).all(|w| w[0] > w[1]) && list.last() == Some(&0.0));
    }
}
