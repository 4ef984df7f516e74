//! A schedule by its common name, as each library would be asked for it: the calls, their values,
//! and where two libraries first part.

use super::{Params, library_schedule};
use crate::core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose convention a schedule follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// This lab: the first update uses peak / W, the floor is reached one past the last update.
    Lab,
    /// `torch.optim.lr_scheduler`.
    Pytorch,
    /// `optax`.
    Optax,
    /// Hugging Face `transformers`.
    Transformers,
    /// `timm`.
    Timm,
}

impl Dialect {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Lab,
        Self::Pytorch,
        Self::Optax,
        Self::Transformers,
        Self::Timm,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 5] = ["this lab", "PyTorch", "optax", "transformers", "timm"];

    /// Its place in [`Dialect::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|d| *d == self).unwrap_or(0)
    }

    /// The dialect at a place of [`Dialect::ALL`]; the lab's own for places past the end.
    pub fn from_index(i: usize) -> Self {
        Self::ALL.get(i).copied().unwrap_or(Self::Lab)
    }

    /// Its name on screen.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// Settings of the shapes that libraries define; counts are updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Factor of every drop (step, multistep).
    pub gamma: f64,
    /// Drops over the run, equally spaced (step).
    pub drops: usize,
    /// Updates at which the rate drops (multistep).
    pub milestones: [usize; 2],
    /// Share of the peak at the end (exponential).
    pub decay_to: f64,
    /// Exponent (polynomial).
    pub power: f64,
    /// Length of the first cycle (SGDR) or of every cycle (cyclic), as a share of the run.
    pub cycle: f64,
    /// Growth of the cycles (SGDR).
    pub cycle_mul: usize,
    /// Lower rate as a share of the peak (cyclic).
    pub base: f64,
    /// Share of the run until the peak (1cycle).
    pub rise: f64,
    /// Peak over the first rate (1cycle).
    pub div: f64,
    /// First rate over the last (1cycle).
    pub final_div: f64,
}

/// One library call and the update from which its values count, its own index starting at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// First update.
    pub start: usize,
    /// Name in the library.
    pub name: &'static str,
    /// Its parameters.
    pub params: Value,
}

/// A schedule in one library: its calls one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The library.
    pub dialect: Dialect,
    /// The calls, by their first update.
    pub calls: Vec<Call>,
}

impl Named {
    /// The values of updates 0 to n - 1.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn values(&self, n: usize) -> Result<Vec<f64>> {
        let mut out = Vec::with_capacity(n);
        for (k, call) in self.calls.iter().enumerate() {
            let end = self.calls.get(k + 1).map_or(n, |next| next.start.min(n));
            if end <= call.start {
                continue;
            }
            let values = library_schedule(call.name, Params(&call.params), end - call.start, None)?
                .ok_or_else(|| Error::Unsupported(call.name.to_owned()))?;
            out.extend(values.rates);
        }
        Ok(out)
    }

    /// The calls in words: "LinearLR, then CosineAnnealingLR".
    pub fn words(&self) -> String {
        let names: Vec<&str> = self.calls.iter().map(|c| c.name).collect();
        names.join(", then ")
    }
}

/// The first update at which two lists part by more than a 10⁻⁹th of the largest value.
pub fn first_difference(a: &[f64], b: &[f64]) -> Option<usize> {
    let largest = a.iter().chain(b).fold(0.0_f64, |m, v| m.max(v.abs()));
    a.iter()
        .zip(b)
        .position(|(x, y)| (x - y).abs() > 1e-9 * largest)
        .or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

#[cfg(test)]
mod tests {
    use super::super::super::Config;
    use super::super::named;
    use super::*;
    use crate::labs::lr::schedule::Shape;

    fn values(config: &Config, dialect: Dialect) -> Vec<f64> {
        named(&config.chosen(), &config.settings(), dialect)
            .unwrap()
            .values(config.horizon as usize)
            .unwrap()
    }

    fn config(shape: Shape) -> Config {
        Config {
            shape,
            horizon: 100,
            peak: 1.0,
            ..Config::default()
        }
    }

    #[test]
    fn the_first_update_is_wasted_where_the_library_says_so() {
        for shape in [Shape::Linear, Shape::Cosine, Shape::Wsd] {
            let c = config(shape);
            assert_eq!(values(&c, Dialect::Transformers)[0], 0.0, "{shape:?}");
            assert!((c.chosen().rate(0) - 0.1).abs() < 1e-15, "{shape:?}");
        }
        assert_eq!(values(&config(Shape::Cosine), Dialect::Optax)[0], 0.0);
        assert_eq!(values(&config(Shape::Cosine), Dialect::Timm)[0], 0.0);
    }

    #[test]
    fn without_warmup_cosine_is_the_same_everywhere() {
        let c = Config {
            warmup: 0.0,
            ..config(Shape::Cosine)
        };
        let lab = c.chosen().rates().unwrap();
        for dialect in &Dialect::ALL[1..] {
            assert_eq!(
                first_difference(&values(&c, *dialect), &lab),
                None,
                "{dialect:?}"
            );
        }
    }

    #[test]
    fn timm_lays_its_warmup_over_the_curve_and_optax_counts_it_in() {
        let c = config(Shape::Cosine);
        let (timm, optax) = (values(&c, Dialect::Timm), values(&c, Dialect::Optax));
        assert!((timm[10] - crate::labs::lr::schedule::half_cosine(0.1)).abs() < 1e-12);
        assert_eq!(optax[10], 1.0);
        assert_eq!(first_difference(&timm, &optax), Some(10));
    }

    #[test]
    fn one_cycle_peaks_one_update_earlier_in_pytorch_than_in_optax() {
        let c = config(Shape::OneCycle);
        let peak = |v: &[f64]| (0..v.len()).max_by(|a, b| v[*a].total_cmp(&v[*b])).unwrap();
        assert_eq!(peak(&values(&c, Dialect::Pytorch)), 29);
        assert_eq!(peak(&values(&c, Dialect::Optax)), 30);
    }

    #[test]
    fn calling_step_twice_an_update_halves_the_run_and_cosine_rises_again() {
        let c = Config {
            dialect: Dialect::Transformers,
            calls: 2,
            warmup: 0.0,
            ..config(Shape::Cosine)
        };
        let rates = c.chosen().rates().unwrap();
        assert_eq!(rates.len(), 100);
        assert!(
            rates[50] < 1e-12 && rates[99] > 0.99,
            "{} {}",
            rates[50],
            rates[99]
        );
    }

    #[test]
    fn a_library_without_the_schedule_is_refused_by_name() {
        let c = Config {
            dialect: Dialect::Timm,
            ..config(Shape::Rex)
        };
        let error = c.check().unwrap_err();
        assert_eq!(error.field(), Some("dialect"));
    }

    #[test]
    fn every_named_schedule_gives_finite_rates_in_every_library() {
        let mut found = 0;
        for shape in Shape::ALL {
            for dialect in Dialect::ALL {
                let c = Config {
                    dialect,
                    cycle_mul: 1,
                    ..config(shape)
                };
                let Some(named) = named(&c.chosen(), &c.settings(), dialect) else {
                    continue;
                };
                let rates = named.values(100).unwrap();
                assert_eq!(rates.len(), 100, "{shape:?} {dialect:?}");
                assert!(
                    rates
                        .iter()
                        .all(|r| r.is_finite() && *r >= 0.0 && *r <= 1.0 + 1e-12),
                    "{shape:?} {dialect:?}: {rates:?}"
                );
                found += 1;
            }
        }
        assert!(found > 35, "{found}");
    }
}
