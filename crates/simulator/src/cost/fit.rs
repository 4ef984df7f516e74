//! Fit of the linear and the hinge model to measured iteration times.

use crate::core::stats::percentile;
use crate::core::{Error, Result, num};

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

/// The terms in words, for errors.
const TERMS: [&str; 5] = [
    "c0 (the constant)",
    "c1 (prefill_tokens)",
    "c2 (prefill_quad)",
    "c3 (decode_seqs)",
    "c4 (kv_tokens_read)",
];

/// Whether a table is a profile: its header has the columns of one.
pub fn looks_like_profile(text: &str) -> bool {
    let header = text.lines().next().unwrap_or_default();
    let has = |name: &str| header.split(',').any(|h| h.trim() == name);
    has("prefill_tokens") && has("iter_ms")
}

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

/// Fit of the hinge model: for every bend θ the model is linear in its coefficients, with the
/// column max(θ, P + D) in the place of P; the bend is the best of 64 quantiles of P + D.
///
/// # Errors
/// As [`fit`].
pub fn fit_hinge(rows: &[Measured]) -> Result<(f64, Fit)> {
    let linear = fit(rows)?;
    let mut tokens: Vec<f64> = rows.iter().map(|r| r.features[0] + r.features[2]).collect();
    tokens.sort_by(f64::total_cmp);
    let mut best: Option<(f64, Fit)> = None;
    for k in 0..64 {
        let bend = crate::core::stats::percentile_sorted(&tokens, f64::from(k) * 99.0 / 63.0);
        let bent: Vec<Measured> = rows
            .iter()
            .map(|row| {
                let [p, q, d, k] = row.features;
                Measured {
                    features: [bend.max(p + d), q, d, k],
                    secs: row.secs,
                }
            })
            .collect();
        // A bend above nearly all rows leaves no term to fit; others still do.
        let Ok(fit) = fit(&bent) else { continue };
        if best
            .as_ref()
            .is_none_or(|(_, b)| fit.objective < b.objective)
        {
            best = Some((bend, fit));
        }
    }
    best.ok_or_else(|| {
        Error::malformed(
            "fit",
            format!(
                "no bend fits; the linear model has {:.1} %",
                100.0 * linear.mape
            ),
        )
    })
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
            return Err(Error::malformed("fit", format!("{} has no data", TERMS[j])));
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
                format!(
                    "the rows cannot tell {} from the other terms",
                    TERMS[places[k]]
                ),
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
    fn a_bend_is_found() {
        let all: Vec<Measured> = (0..80)
            .map(|i| {
                let v = f64::from(i);
                let features = [v * 7.0, v * v, v * 3.0 % 17.0, v * 31.0 % 1000.0];
                let [p, q, d, k] = features;
                Measured {
                    features,
                    secs: 5e-3 + 6e-5 * (p + d).max(200.0) + 3e-9 * q + 2e-5 * d + 8e-8 * k,
                }
            })
            .collect();
        let (bend, hinge) = fit_hinge(&all).unwrap();
        let linear = fit(&all).unwrap();
        assert!((150.0..250.0).contains(&bend), "{bend}");
        assert!(hinge.mape < 0.2 * linear.mape, "{hinge:?} {linear:?}");
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
