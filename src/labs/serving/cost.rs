//! The linear cost model of an iteration and its fit to measured times.
//!
//! t = c0 + c1·P + c2·Q + c3·D + c4·K with P prefill tokens, Q = Σ(q² + 2·q·past) over prefill
//! chunks, D decodes, K tokens of KV read. Coefficients are fitted to operator medians published
//! with microsoft/vidur and ai-dynamo/aiconfigurator; two independent tables for the same GPU
//! differ by 20 %, so more than two digits of a latency mean nothing.

use crate::core::stats::percentile;
use crate::core::{Error, Result, num};
use serde::{Deserialize, Serialize};

/// A model on a GPU, with fitted coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CostPreset {
    /// Llama-3-8B on one A100.
    #[default]
    Llama3_8bA100,
    /// Llama-3-70B on four A100.
    Llama3_70bA100Tp4,
    /// Llama-2-70B on four H100.
    Llama2_70bH100Tp4,
    /// Llama-3-8B on one H100.
    Llama3_8bH100,
    /// Llama-3-8B on one H200.
    Llama3_8bH200,
    /// Llama-3-8B on one B200.
    Llama3_8bB200,
    /// Llama-3-8B on one L40S.
    Llama3_8bL40s,
}

impl CostPreset {
    /// All presets, in the order of the menu.
    pub const ALL: [Self; 7] = [
        Self::Llama3_8bA100,
        Self::Llama3_70bA100Tp4,
        Self::Llama2_70bH100Tp4,
        Self::Llama3_8bH100,
        Self::Llama3_8bH200,
        Self::Llama3_8bB200,
        Self::Llama3_8bL40s,
    ];

    /// Names in the menu, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 7] = [
        "Llama-3-8B, A100",
        "Llama-3-70B, 4 × A100",
        "Llama-2-70B, 4 × H100",
        "Llama-3-8B, H100",
        "Llama-3-8B, H200",
        "Llama-3-8B, B200",
        "Llama-3-8B, L40S",
    ];

    /// GPUs of one pipeline stage: the tensor-parallel degree.
    pub fn gpus(self) -> u64 {
        match self {
            Self::Llama3_70bA100Tp4 | Self::Llama2_70bH100Tp4 => 4,
            _ => 1,
        }
    }

    /// c0 to c4 in seconds.
    pub fn coefficients(self) -> [f64; 5] {
        match self {
            Self::Llama3_8bA100 => [8.839e-3, 6.302e-5, 2.736e-9, 5.323e-5, 8.213e-8],
            Self::Llama3_70bA100Tp4 => [3.073e-2, 1.792e-4, 3.838e-9, 1.587e-4, 6.050e-8],
            Self::Llama2_70bH100Tp4 => [2.230e-2, 6.024e-5, 6.13e-10, 3.945e-5, 2.827e-8],
            Self::Llama3_8bH100 => [5.968e-3, 1.553e-5, 7.75e-10, 1.435e-5, 4.026e-8],
            Self::Llama3_8bH200 => [4.408e-3, 1.691e-5, 4.20e-10, 1.660e-5, 2.910e-8],
            Self::Llama3_8bB200 => [3.358e-3, 8.374e-6, 3.70e-10, 7.016e-6, 1.654e-8],
            Self::Llama3_8bL40s => [2.217e-2, 4.104e-5, 2.941e-9, 4.931e-5, 9.982e-8],
        }
    }
}

/// One measured iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// P, Q, D, K.
    pub features: [f64; 4],
    /// Seconds.
    pub secs: f64,
}

/// Coefficients and how well they fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// c0 to c4.
    pub c: [f64; 5],
    /// Sum of squared relative errors.
    pub objective: f64,
    /// Mean absolute relative error.
    pub mape: f64,
    /// 95th percentile of it.
    pub p95_ape: f64,
    /// Largest of it.
    pub max_ape: f64,
}

impl Fit {
    /// Errors of given coefficients on rows.
    pub fn of(c: [f64; 5], rows: &[Measured]) -> Self {
        let errors: Vec<f64> = rows
            .iter()
            .map(|row| {
                let [p, q, d, k] = row.features;
                let predicted = c[0] + c[1] * p + c[2] * q + c[3] * d + c[4] * k;
                (predicted - row.secs).abs() / row.secs
            })
            .collect();
        Self {
            c,
            objective: num::sum(errors.iter().map(|e| e * e)),
            mape: num::sum(errors.iter().copied()) / errors.len() as f64,
            p95_ape: percentile(&errors, 95.0),
            max_ape: errors.iter().copied().fold(0.0, f64::max),
        }
    }
}

const COLUMNS: [&str; 5] = [
    "prefill_tokens",
    "prefill_quad",
    "decode_seqs",
    "kv_tokens_read",
    "iter_ms",
];

/// Reads a profile with the columns `prefill_tokens, prefill_quad, decode_seqs, kv_tokens_read,
/// iter_ms`.
///
/// # Errors
/// A missing column, or a cell that is not a usable number.
pub fn read_profile(file: &str, text: &str) -> Result<Vec<Measured>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| Error::import(file, "line 1", e.to_string()))?
        .clone();
    let mut places = [0; 5];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = header
            .iter()
            .position(|h| h == name)
            .ok_or_else(|| Error::import(file, "line 1", format!("column {name} is missing")))?;
    }
    let mut rows = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let place = format!("line {}", i + 2);
        let record = record.map_err(|e| Error::import(file, &place, e.to_string()))?;
        let mut values = [0.0; 5];
        for ((value, &column), name) in values.iter_mut().zip(&places).zip(COLUMNS) {
            let cell = record.get(column).unwrap_or_default();
            *value = cell
                .parse()
                .ok()
                .filter(|v: &f64| v.is_finite() && *v >= 0.0)
                .ok_or_else(|| {
                    Error::import(
                        file,
                        &place,
                        format!("{name} is {cell:?}, want a number from 0"),
                    )
                })?;
        }
        let [p, q, d, k, ms] = values;
        if ms <= 0.0 {
            return Err(Error::import(file, &place, "iter_ms is 0, want more"));
        }
        rows.push(Measured {
            features: [p, q, d, k],
            secs: ms / 1000.0,
        });
    }
    Ok(rows)
}

/// Minimises Σ((t̂ − t)/t)² over non-negative coefficients (Lawson and Hanson's active sets on the
/// normal equations of scaled columns).
///
/// # Errors
/// Fewer than 20 rows, or a term that the rows cannot tell apart from the others.
pub fn fit(rows: &[Measured]) -> Result<Fit> {
    if rows.len() < 20 {
        return Err(Error::out_of_range("rows", rows.len(), "at least 20"));
    }
    let design: Vec<[f64; 5]> = rows
        .iter()
        .map(|row| {
            let [p, q, d, k] = row.features;
            [1.0, p, q, d, k].map(|v| v / row.secs)
        })
        .collect();
    let mut scale = [0.0; 5];
    for (j, s) in scale.iter_mut().enumerate() {
        *s = num::sum(design.iter().map(|row| row[j] * row[j])).sqrt();
        if *s == 0.0 {
            return Err(Error::malformed("fit", format!("c{j} has no data")));
        }
    }
    let scaled: Vec<[f64; 5]> = design
        .iter()
        .map(|row| std::array::from_fn(|j| row[j] / scale[j]))
        .collect();
    let mut c = nnls(&scaled)?;
    for (c_j, s) in c.iter_mut().zip(scale) {
        *c_j /= s;
    }
    Ok(Fit::of(c, rows))
}

/// Non-negative least squares against a right side of ones; five columns of norm one.
fn nnls(rows: &[[f64; 5]]) -> Result<[f64; 5]> {
    let mut gram = [[0.0; 5]; 5];
    let mut right = [0.0; 5];
    for i in 0..5 {
        right[i] = num::sum(rows.iter().map(|row| row[i]));
        for j in 0..5 {
            gram[i][j] = num::sum(rows.iter().map(|row| row[i] * row[j]));
        }
    }
    solve_active(&gram, &right, [true; 5])?;
    let mut active = [false; 5];
    let mut x = [0.0; 5];
    // Each round adds a term or removes some; with five terms few rounds are needed.
    for _ in 0..64 {
        let gradient: [f64; 5] =
            std::array::from_fn(|i| right[i] - num::sum((0..5).map(|j| gram[i][j] * x[j])));
        let entering = (0..5)
            .filter(|&i| !active[i] && gradient[i] > 1e-10)
            .max_by(|&a, &b| gradient[a].total_cmp(&gradient[b]));
        let Some(entering) = entering else {
            break;
        };
        active[entering] = true;
        loop {
            let trial = solve_active(&gram, &right, active)?;
            let blocking = (0..5)
                .filter(|&i| active[i] && trial[i] <= 0.0)
                .map(|i| (i, x[i] / (x[i] - trial[i])))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((_, step)) = blocking else {
                x = trial;
                break;
            };
            for i in 0..5 {
                x[i] += step * (trial[i] - x[i]);
                if active[i] && x[i] <= 1e-14 {
                    active[i] = false;
                    x[i] = 0.0;
                }
            }
        }
    }
    Ok(x)
}

/// Least squares over the active columns, by Gaussian elimination with pivoting.
fn solve_active(gram: &[[f64; 5]; 5], right: &[f64; 5], active: [bool; 5]) -> Result<[f64; 5]> {
    let places: Vec<usize> = (0..5).filter(|&i| active[i]).collect();
    let n = places.len();
    let mut a: Vec<Vec<f64>> = places
        .iter()
        .map(|&i| {
            let mut row: Vec<f64> = places.iter().map(|&j| gram[i][j]).collect();
            row.push(right[i]);
            row
        })
        .collect();
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))
            .unwrap_or(k);
        if a[pivot][k].abs() < 1e-12 {
            return Err(Error::malformed(
                "fit",
                format!("the rows cannot tell c{} from the other terms", places[k]),
            ));
        }
        a.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            for j in k..=n {
                a[i][j] -= factor * a[k][j];
            }
        }
    }
    let mut solution = [0.0; 5];
    let mut values = vec![0.0; n];
    for k in (0..n).rev() {
        let known = num::sum((k + 1..n).map(|j| a[k][j] * values[j]));
        values[k] = (a[k][n] - known) / a[k][k];
        solution[places[k]] = values[k];
    }
    Ok(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(c: [f64; 5]) -> Vec<Measured> {
        (0..40)
            .map(|i| {
                let v = f64::from(i);
                let features = [v * 7.0 % 100.0, v * v, v * 3.0 % 17.0, v * 31.0 % 1000.0];
                let [p, q, d, k] = features;
                Measured {
                    features,
                    secs: c[0] + c[1] * p + c[2] * q + c[3] * d + c[4] * k,
                }
            })
            .collect()
    }

    #[test]
    fn exact_data_gives_its_coefficients_back() {
        let c = [9e-3, 6e-5, 3e-9, 5e-5, 8e-8];
        let fit = fit(&rows(c)).unwrap();
        for (got, want) in fit.c.iter().zip(c) {
            assert!((got / want - 1.0).abs() < 1e-6, "{fit:?}");
        }
        assert!(fit.max_ape < 1e-9, "{fit:?}");
    }

    #[test]
    fn a_term_that_wants_to_be_negative_is_zero() {
        let fit = fit(&rows([9e-3, 6e-5, 3e-9, -1e-4, 8e-8])).unwrap();
        assert_eq!(fit.c[3], 0.0, "{fit:?}");
        assert!(fit.c.iter().all(|c| *c >= 0.0), "{fit:?}");
    }

    #[test]
    fn too_few_rows_and_indistinguishable_terms_are_refused() {
        let all = rows([1e-2, 1e-5, 1e-9, 1e-5, 1e-8]);
        assert!(fit(&all[..19]).is_err());
        let mut same = all;
        for row in &mut same {
            row.features[3] = 2.0 * row.features[2];
        }
        let error = fit(&same).unwrap_err().to_string();
        assert!(error.contains("cannot tell c"), "{error}");
    }
}
