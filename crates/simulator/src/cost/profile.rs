//! Measured iterations of the user's own, fitted when they are read.

use super::{Fit, Measured, fit, fit_hinge, read_profile};
use crate::core::{Error, Result};

/// Measured iterations with both fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The rows.
    pub rows: Vec<Measured>,
    /// The linear fit.
    pub linear: Fit,
    /// The bend and the fit with it.
    pub hinge: (f64, Fit),
}

impl Profile {
    /// Reads and fits `prefill_tokens, prefill_quad, decode_seqs, kv_tokens_read, iter_ms`.
    ///
    /// # Errors
    /// A bad cell, fewer than 20 rows, or a term that the rows cannot tell apart.
    pub fn read(file: &str, text: &str) -> Result<Self> {
        let rows = read_profile(file, text)?;
        let whole = |e: Error| Error::import(file, format!("{} rows", rows.len()), e.to_string());
        Ok(Self {
            linear: fit(&rows).map_err(whole)?,
            hinge: fit_hinge(&rows).map_err(whole)?,
            rows,
        })
    }

    /// What it is, with its size.
    pub fn words(&self) -> String {
        format!(
            "profile of {} iterations; the linear model fits to {:.1} % (95th percentile {:.1} %), with a bend to {:.1} %",
            self.rows.len(),
            100.0 * self.linear.mape,
            100.0 * self.linear.p95_ape,
            100.0 * self.hinge.1.mape,
        )
    }

    /// Both fits, term by term, then the errors.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let columns = ["term", "linear", "with a bend"];
        let (bend, hinge) = &self.hinge;
        let mut rows: Vec<Vec<String>> =
            ["c0, s", "c1, s/tok", "c2, s/tok²", "c3, s/seq", "c4, s/tok"]
                .iter()
                .zip(self.linear.c.iter().zip(&hinge.c))
                .map(|(name, (a, b))| {
                    vec![(*name).to_owned(), format!("{a:.4e}"), format!("{b:.4e}")]
                })
                .collect();
        rows.push(vec![
            "bend, tok".to_owned(),
            String::new(),
            format!("{bend:.0}"),
        ]);
        for (name, of) in [
            ("mean error", (|f: &Fit| f.mape) as fn(&Fit) -> f64),
            ("95th percentile", |f| f.p95_ape),
            ("largest error", |f| f.max_ape),
        ] {
            let percent = |f: &Fit| format!("{:.1} %", 100.0 * of(f));
            rows.push(vec![name.to_owned(), percent(&self.linear), percent(hinge)]);
        }
        (columns.map(str::to_owned).to_vec(), rows)
    }
}
