//! Training tables: beta and alpha-bar over T discrete times, as the DDPM family defines them
//! (linear: Ho et al. 2020; cosine: Nichol and Dhariwal 2021; scaled linear: latent diffusion;
//! zero terminal SNR: arXiv 2305.08891), in two precisions: exact, and as a library in single
//! precision stores them.

use crate::core::{Error, Result, num};
use serde::{Deserialize, Serialize};

/// Law of the per-step noise beta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaLaw {
    /// beta from start to end in equal steps.
    Linear,
    /// The square root of beta in equal steps.
    ScaledLinear,
    /// beta from the ratio of a squared cosine, at most 0.999.
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
    /// beta along a logistic curve over [-6, 6].
    Sigmoid,
}

/// Inputs of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// The law.
    pub law: BetaLaw,
    /// Number of times T.
    pub times: usize,
    /// First beta (not for the cosine).
    pub beta_start: f64,
    /// Last beta (not for the cosine).
    pub beta_end: f64,
    /// Whether the table is moved and stretched so that the last alpha-bar is exactly 0.
    pub zero_terminal_snr: bool,
}

impl Default for TableSpec {
    fn default() -> Self {
        Self {
            law: BetaLaw::Linear,
            times: 1000,
            beta_start: 1e-4,
            beta_end: 0.02,
            zero_terminal_snr: false,
        }
    }
}

impl TableSpec {
    /// The table of Stable Diffusion 1.5.
    pub fn stable_diffusion() -> Self {
        Self {
            law: BetaLaw::ScaledLinear,
            beta_start: 0.00085,
            beta_end: 0.012,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<()> {
        if self.times == 0 || self.times > 100_000 {
            return Err(Error::out_of_range(
                "num_train_timesteps",
                self.times,
                "1 to 100000",
            ));
        }
        if self.law == BetaLaw::SquaredCosine {
            return Ok(());
        }
        for (field, v) in [("beta_start", self.beta_start), ("beta_end", self.beta_end)] {
            if !(v > 0.0 && v < 1.0) {
                return Err(Error::out_of_range(field, v, "above 0 and below 1"));
            }
        }
        Ok(())
    }
}

/// A table of T times.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// beta_t.
    pub betas: Vec<f64>,
    /// Product of 1 - beta up to t.
    pub alpha_bars: Vec<f64>,
}

impl Table {
    /// The table in double precision.
    ///
    /// # Errors
    /// Times or betas out of range.
    pub fn exact(spec: &TableSpec) -> Result<Self> {
        spec.check()?;
        let betas = raw_betas(spec);
        let mut product = 1.0;
        let alpha_bars = betas
            .iter()
            .map(|b| {
                product *= 1.0 - b;
                product
            })
            .collect();
        let table = Self { betas, alpha_bars };
        Ok(if spec.zero_terminal_snr {
            table.rescaled()
        } else {
            table
        })
    }

    /// The table as a library in single precision stores it: beta and 1 - beta in single precision,
    /// the product accumulated in double and rounded at every time.
    ///
    /// # Errors
    /// Times or betas out of range.
    pub fn single(spec: &TableSpec) -> Result<Self> {
        spec.check()?;
        let mut betas = single_betas(spec);
        let alpha_bars = cumulative(&betas);
        if spec.zero_terminal_snr {
            betas = rescaled_single(&alpha_bars);
        }
        let alpha_bars = cumulative(&betas);
        Ok(Self {
            betas: betas.into_iter().map(f64::from).collect(),
            alpha_bars: alpha_bars.into_iter().map(f64::from).collect(),
        })
    }

    fn rescaled(&self) -> Self {
        let roots: Vec<f64> = self.alpha_bars.iter().map(|a| a.sqrt()).collect();
        let (first, last) = (roots[0], roots[roots.len() - 1]);
        let alpha_bars: Vec<f64> = roots
            .iter()
            .map(|r| {
                let r = (r - last) * (first / (first - last));
                r * r
            })
            .collect();
        let mut before = 1.0;
        let betas = alpha_bars
            .iter()
            .map(|a| {
                let beta = 1.0 - a / before;
                before = *a;
                beta
            })
            .collect();
        Self { betas, alpha_bars }
    }

    /// Noise levels s_t = sqrt((1 - alpha_bar) / alpha_bar), ascending with t.
    pub fn sigmas(&self) -> Vec<f64> {
        self.alpha_bars
            .iter()
            .map(|a| sigma_from_alpha_bar(*a))
            .collect()
    }
}

fn cumulative(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0_f64;
    betas
        .iter()
        .map(|b| {
            product *= f64::from(1.0 - b);
            product as f32
        })
        .collect()
}

fn rescaled_single(alpha_bars: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = alpha_bars.iter().map(|a| a.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    for r in &mut roots {
        *r -= last;
        *r *= first / (first - last);
    }
    let squares: Vec<f32> = roots.iter().map(|r| r * r).collect();
    let mut before = 1.0;
    squares
        .iter()
        .map(|&a| {
            let beta = 1.0 - a / before;
            before = a;
            beta
        })
        .collect()
}

fn raw_betas(spec: &TableSpec) -> Vec<f64> {
    let (a, b, n) = (spec.beta_start, spec.beta_end, spec.times);
    match spec.law {
        BetaLaw::Linear => num::linspace(a, b, n),
        BetaLaw::ScaledLinear => num::linspace(a.sqrt(), b.sqrt(), n)
            .into_iter()
            .map(|r| r * r)
            .collect(),
        BetaLaw::SquaredCosine => (0..n)
            .map(|i| {
                let t = n as f64;
                let ratio = squared_cosine((i + 1) as f64 / t) / squared_cosine(i as f64 / t);
                (1.0 - ratio).min(0.999)
            })
            .collect(),
        BetaLaw::Sigmoid => num::linspace(-6.0, 6.0, n)
            .into_iter()
            .map(|v| num::sigmoid(v) * (b - a) + a)
            .collect(),
    }
}

/// Betas as torch computes them: its equally spaced grids are in single precision, from the nearer
/// end and with a fused multiply-add, which moves alpha-bar by several units in the last place.
fn single_betas(spec: &TableSpec) -> Vec<f32> {
    let (a, b, n) = (spec.beta_start, spec.beta_end, spec.times);
    match spec.law {
        BetaLaw::Linear => linspace_single(a, b, n),
        BetaLaw::ScaledLinear => linspace_single(a.sqrt(), b.sqrt(), n)
            .into_iter()
            .map(|r| r * r)
            .collect(),
        BetaLaw::SquaredCosine => raw_betas(spec).into_iter().map(|b| b as f32).collect(),
        BetaLaw::Sigmoid => linspace_single(-6.0, 6.0, n)
            .into_iter()
            .map(|v| num::sigmoid(f64::from(v)) as f32 * (b - a) as f32 + a as f32)
            .collect(),
    }
}

fn linspace_single(a: f64, b: f64, n: usize) -> Vec<f32> {
    let (a, b) = (a as f32, b as f32);
    let step = (b - a) / n.saturating_sub(1).max(1) as f32;
    (0..n)
        .map(|i| {
            if i < n / 2 || n == 1 {
                step.mul_add(i as f32, a)
            } else {
                (-step).mul_add((n - 1 - i) as f32, b)
            }
        })
        .collect()
}

fn squared_cosine(t: f64) -> f64 {
    let c = num::cos((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2);
    c * c
}

/// Noise level of an alpha-bar; infinite at 0.
pub fn sigma_from_alpha_bar(alpha_bar: f64) -> f64 {
    ((1.0 - alpha_bar) / alpha_bar).sqrt()
}

/// alpha-bar of a noise level.
pub fn alpha_bar_from_sigma(sigma: f64) -> f64 {
    1.0 / (1.0 + sigma * sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(law: BetaLaw) -> TableSpec {
        TableSpec {
            law,
            ..TableSpec::stable_diffusion()
        }
    }

    #[test]
    fn alpha_bar_falls_and_stays_a_probability_in_every_law() {
        for law in [
            BetaLaw::Linear,
            BetaLaw::ScaledLinear,
            BetaLaw::SquaredCosine,
            BetaLaw::Sigmoid,
        ] {
            let table = Table::exact(&spec(law)).unwrap();
            let mut before = 1.0;
            for (t, a) in table.alpha_bars.iter().enumerate() {
                assert!(
                    *a > 0.0 && *a < before,
                    "{law:?} at {t}: {a} after {before}"
                );
                before = *a;
            }
        }
    }

    #[test]
    fn the_stable_diffusion_range_is_the_published_one() {
        let s = Table::exact(&TableSpec::stable_diffusion())
            .unwrap()
            .sigmas();
        assert!((s[0] - 0.029_167_158_2).abs() < 1e-9, "{}", s[0]);
        assert!((s[999] - 14.614_641_229_3).abs() < 1e-9, "{}", s[999]);
    }

    #[test]
    fn rescaling_ends_at_exactly_no_signal_and_keeps_the_start() {
        let plain = TableSpec::stable_diffusion();
        let zero = TableSpec {
            zero_terminal_snr: true,
            ..plain.clone()
        };
        let (a, b) = (Table::exact(&plain).unwrap(), Table::exact(&zero).unwrap());
        assert_eq!(b.alpha_bars[999], 0.0);
        assert!(
            (a.alpha_bars[0] - b.alpha_bars[0]).abs() < 1e-15,
            "start moved"
        );
        assert_eq!(Table::single(&zero).unwrap().alpha_bars[999], 0.0);
    }

    #[test]
    fn betas_out_of_range_are_refused_by_name() {
        let bad = TableSpec {
            beta_start: 0.0,
            ..TableSpec::default()
        };
        assert_eq!(Table::exact(&bad).unwrap_err().field(), Some("beta_start"));
        let bad = TableSpec {
            times: 0,
            ..TableSpec::default()
        };
        assert_eq!(
            Table::exact(&bad).unwrap_err().field(),
            Some("num_train_timesteps")
        );
    }
}
