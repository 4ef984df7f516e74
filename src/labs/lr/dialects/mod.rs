//! The schedules of four libraries and a few papers, value by value: entry i is what update i
//! uses. Read in PyTorch 2.15, optax 0.2.8, transformers 5.23 and timm 1.0.31.

mod code;
mod hf;
mod lookup;
mod named;
mod optax;
mod plan;
mod published;
mod timm;
mod torch;

pub use code::code;
pub use lookup::{knots, lookup_code};
pub use named::{Call, Dialect, Named, Settings, first_difference};
pub use plan::named;

use crate::core::golden::float;
use crate::core::{Error, Result};
use serde_json::Value;

/// Values of a library schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Learning rates.
    pub rates: Vec<f64>,
    /// Momenta, where the schedule also drives them.
    pub momentum: Option<Vec<f64>>,
}

/// Named parameters of a library call, as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a>(pub &'a Value);

impl<'a> Params<'a> {
    /// A parameter that is present and not null.
    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    fn missing(name: &str) -> Error {
        Error::malformed(name, "is missing and has no default")
    }

    /// A finite number.
    fn number(self, name: &str) -> Result<f64> {
        let v = float(self.get(name).ok_or_else(|| Self::missing(name))?)
            .map_err(|e| Error::malformed(name, e.to_string()))?;
        if v.is_finite() {
            Ok(v)
        } else {
            Err(Error::out_of_range(name, v, "a finite number"))
        }
    }

    fn number_or(self, name: &str, default: f64) -> Result<f64> {
        self.get(name).map_or(Ok(default), |_| self.number(name))
    }

    /// A learning rate: finite, not negative.
    fn rate(self, name: &str) -> Result<f64> {
        let v = self.number(name)?;
        if v >= 0.0 {
            Ok(v)
        } else {
            Err(Error::out_of_range(name, v, "0 or more"))
        }
    }

    fn rate_or(self, name: &str, default: f64) -> Result<f64> {
        self.get(name).map_or(Ok(default), |_| self.rate(name))
    }

    /// A number above 0.
    fn positive(self, name: &str) -> Result<f64> {
        let v = self.number(name)?;
        if v > 0.0 {
            Ok(v)
        } else {
            Err(Error::out_of_range(name, v, "above 0"))
        }
    }

    /// A whole number, not negative.
    fn count(self, name: &str) -> Result<usize> {
        let v = self.number(name)?;
        if v >= 0.0 && v.fract() == 0.0 && v < 1e9 {
            Ok(v as usize)
        } else {
            Err(Error::out_of_range(name, v, "a whole number, 0 or more"))
        }
    }

    fn count_or(self, name: &str, default: usize) -> Result<usize> {
        self.get(name).map_or(Ok(default), |_| self.count(name))
    }

    /// A whole number, at least 1.
    fn steps(self, name: &str) -> Result<usize> {
        match self.count(name)? {
            0 => Err(Error::out_of_range(name, 0, "at least 1")),
            v => Ok(v),
        }
    }

    /// A number of values to compute.
    fn length(self, name: &str) -> Result<usize> {
        length(name, self.steps(name)?)
    }

    fn flag(self, name: &str) -> Result<bool> {
        self.get(name)
            .ok_or_else(|| Self::missing(name))?
            .as_bool()
            .ok_or_else(|| Error::malformed(name, "is not true or false"))
    }

    fn word(self, name: &str) -> Result<&'a str> {
        self.get(name)
            .ok_or_else(|| Self::missing(name))?
            .as_str()
            .ok_or_else(|| Error::malformed(name, "is not text"))
    }
}

/// Longest schedule that is computed as a whole, in updates.
const LONGEST: usize = 10_000_000;

/// A number of values that memory has room for.
fn length(name: &str, n: usize) -> Result<usize> {
    if (1..=LONGEST).contains(&n) {
        Ok(n)
    } else {
        Err(Error::out_of_range(name, n, format!("1 to {LONGEST}")))
    }
}

/// An unknown word of a parameter.
fn unknown(name: &str, word: &str, allowed: &str) -> Error {
    Error::out_of_range(name, word, allowed)
}

/// The first `n` values of the schedule called `name` in its library; `None` when the name is not
/// known. `metric` is what ReduceLROnPlateau is fed.
///
/// # Errors
/// A parameter that is missing or out of range.
pub fn library_schedule(
    name: &str,
    params: Params<'_>,
    n: usize,
    metric: Option<&[f64]>,
) -> Result<Option<Values>> {
    length("n", n)?;
    if name == "OneCycleLR" {
        return torch::one_cycle(params, n).map(Some);
    }
    let rates = if name == "ReduceLROnPlateau" {
        let metric = metric.ok_or_else(|| Error::malformed("metric", "is missing"))?;
        Some(torch::plateau(params, n, metric)?)
    } else if let Some(v) = torch::schedule(name, params, n)? {
        Some(v)
    } else if let Some(v) = optax::schedule(name, params, n)? {
        Some(v)
    } else if let Some(v) = hf::schedule(name, params, n)? {
        Some(v)
    } else if let Some(v) = timm::schedule(name, params, n)? {
        Some(v)
    } else {
        published::rex(name, params, n)?
    };
    Ok(rates.map(|rates| Values {
        rates,
        momentum: None,
    }))
}

/// All values of a formula from a paper (`uba`, `cooldown`, `power`); `None` when not known.
///
/// # Errors
/// A parameter that is missing or out of range.
pub fn formula_schedule(name: &str, params: Params<'_>) -> Result<Option<Vec<f64>>> {
    published::formula(name, params)
}

/// Values at 0..n of a function of the index.
fn each(n: usize, f: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..n).map(f).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn try_it(name: &str, params: &Value) -> Result<Option<Values>> {
        library_schedule(name, Params(params), 10, None)
    }

    #[test]
    fn missing_and_bad_parameters_are_refused_by_name() {
        let e = try_it("StepLR", &json!({"lr": 0.1, "gamma": 0.5})).unwrap_err();
        assert!(e.to_string().contains("step_size"), "{e}");
        let e = try_it("StepLR", &json!({"lr": -0.1, "gamma": 0.5, "step_size": 3})).unwrap_err();
        assert_eq!(e.field(), Some("lr"));
        let e = try_it(
            "MultiStepLR",
            &json!({"lr": 0.1, "milestones": [5, 3], "gamma": 0.5}),
        );
        assert_eq!(e.unwrap_err().field(), Some("milestones"));
        let e = try_it(
            "get_linear_schedule_with_warmup",
            &json!({"lr": 0.1, "num_warmup_steps": 30, "num_training_steps": 20}),
        );
        assert_eq!(e.unwrap_err().field(), Some("num_warmup_steps"));
        assert_eq!(try_it("MagicLR", &json!({})), Ok(None));
    }

    #[test]
    fn a_length_beyond_memory_is_refused() {
        let constant = json!({"lr": 0.1, "factor": 0.5, "total_iters": 2});
        for n in [0, LONGEST + 1, usize::MAX] {
            let e = library_schedule("ConstantLR", Params(&constant), n, None).unwrap_err();
            assert_eq!(e.field(), Some("n"));
        }
        let uba = json!({"eta_max": 1.0, "eta_min": 0.0, "phi": 1.0, "T": 900_000_000});
        let e = formula_schedule("uba", Params(&uba)).unwrap_err();
        assert_eq!(e.field(), Some("T"));
    }

    #[test]
    fn one_cycle_cannot_be_asked_for_more_steps_than_it_has() {
        let params = json!({"max_lr": 0.1, "total_steps": 9, "pct_start": 0.3,
            "anneal_strategy": "cos", "div_factor": 25.0, "final_div_factor": 1e4,
            "three_phase": false});
        assert_eq!(
            try_it("OneCycleLR", &params).unwrap_err().field(),
            Some("n")
        );
    }

    #[test]
    fn the_libraries_disagree_about_the_first_update() {
        let hf = json!({"lr": 1.0, "num_warmup_steps": 4, "num_training_steps": 10});
        let first = |v: Result<Option<Values>>| v.unwrap().unwrap().rates[0];
        assert_eq!(first(try_it("get_linear_schedule_with_warmup", &hf)), 0.0);
        let timm = json!({"lr": 1.0, "t_initial": 10, "lb": -7.0, "ub": 3.0});
        assert_eq!(first(try_it("TanhLRScheduler", &timm)), 1.0);
    }
}
