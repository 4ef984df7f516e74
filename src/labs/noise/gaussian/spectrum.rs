//! The power of every mode of a field, at any number of pixels.

use super::super::config::Config;
use crate::core::num;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the power of a field falls with the frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spectrum {
    /// Power falls as frequency^-a, as in natural images for a near 2.
    #[default]
    PowerLaw,
    /// Spectrum of the covariance exp(-d / ell) in the plane: (1 + (ell k)^2)^(-3/2).
    Exponential,
}

impl Spectrum {
    /// All, in the order of the menu.
    pub const ALL: [Self; 2] = [Self::PowerLaw, Self::Exponential];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerLaw => "power law",
            Self::Exponential => "exponential covariance",
        }
    }
}

/// A field on the unit square: what its modes have of the variance, whatever the pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    spectrum: Spectrum,
    exponent: f64,
    length: f64,
    detail: bool,
    base: usize,
    /// Makes the variance of a pixel 1 at the smallest side.
    scale: f64,
}

impl Field {
    /// The field of a config.
    pub fn new(config: &Config) -> Self {
        let mut field = Self {
            spectrum: config.spectrum,
            exponent: config.exponent,
            length: config.field_length,
            detail: config.field_detail,
            base: config.field_side as usize,
            scale: 1.0,
        };
        let base = field.base;
        let all = (0..base * base).map(|m| field.power(m / base, m % base));
        field.scale = 1.0 / num::sum(all);
        field
    }

    /// Side of the smallest picture.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Power at a squared number of half waves, before scaling. The constant mode has the power of
    /// one half wave.
    fn shape(&self, square: f64) -> f64 {
        let square = square.max(1.0);
        match self.spectrum {
            Spectrum::PowerLaw => num::pow(square, -0.5 * self.exponent),
            Spectrum::Exponential => {
                let k = std::f64::consts::PI * self.length;
                num::pow(1.0 + k * k * square, -1.5)
            }
        }
    }

    /// Whether the mode with `i` and `j` half waves across the square is part of the field.
    fn holds(&self, i: usize, j: usize) -> bool {
        self.detail || i.max(j) < self.base
    }

    /// Variance of a mode; these add up to the variance of a pixel.
    pub fn power(&self, i: usize, j: usize) -> f64 {
        if self.holds(i, j) {
            self.scale * self.shape((i * i + j * j) as f64)
        } else {
            0.0
        }
    }

    /// Standard deviations of all modes in the orthonormal basis of `side` x `side` pixels, row by
    /// row.
    pub fn deviations(&self, side: usize) -> Vec<f64> {
        (0..side * side)
            .map(|m| side as f64 * self.power(m / side, m % side).sqrt())
            .collect()
    }

    /// The different deviations among them, by frequency.
    pub fn kinds(&self, side: usize) -> Vec<Kind> {
        let mut found: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        for m in 0..side * side {
            let (i, j) = (m / side, m % side);
            *found.entry((i * i + j * j, self.holds(i, j))).or_insert(0) += 1;
        }
        found
            .into_iter()
            .map(|((square, inside), count)| {
                let power = self.scale * self.shape(square as f64);
                Kind {
                    deviation: if inside {
                        side as f64 * power.sqrt()
                    } else {
                        0.0
                    },
                    count: count as f64,
                    frequency: (square as f64).sqrt(),
                }
            })
            .collect()
    }

    /// Variance of a pixel at a side.
    pub fn variance(&self, side: usize) -> f64 {
        num::sum((0..side * side).map(|m| self.power(m / side, m % side)))
    }

    /// Mean squared error of the best denoiser, per pixel.
    pub fn mmse(&self, side: usize, s: f64) -> f64 {
        let total = num::sum(self.kinds(side).iter().map(|k| {
            let v = k.deviation * k.deviation;
            k.count * v * s * s / (v + s * s)
        }));
        total / (side * side) as f64
    }
}

/// Modes that share one deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// Standard deviation in the orthonormal basis of the pixels.
    pub deviation: f64,
    /// How many there are.
    pub count: f64,
    /// Half waves across the square.
    pub frequency: f64,
}
