//! Measured data behind some claim experiments that does not ship with the program: the caller
//! provides the files it has, an experiment whose files are missing says so and measures nothing.

use crate::core::{ClaimResult, Job, Result, Step, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

static FILES: Mutex<BTreeMap<String, Arc<str>>> = Mutex::new(BTreeMap::new());

/// Makes a text file available to the experiments under its name (`lr/mpl_curves_25M.csv`).
pub fn provide(name: &str, text: &str) {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files.insert(name.to_owned(), text.into());
}

/// A file that was provided.
pub(super) fn evidence(name: &str) -> Option<Arc<str>> {
    let files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files.get(name).cloned()
}

/// The experiment that is skipped because a file is missing.
pub(super) fn skipped(file: &str) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Skipped(file.to_owned()))
}

struct Skipped(String);

impl Job for Skipped {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        Ok(Step::Done(ClaimResult {
            quantity: format!("SKIPPED: needs {}", self.0),
            unit: String::new(),
            measured: f64::NAN,
            interval: [f64::NEG_INFINITY, f64::INFINITY],
            seeds: Vec::new(),
            verdict: Verdict::NotTestable,
            why: format!(
                "the measured curves do not ship with the program; `schedlab claims --data FOLDER` reads {} below that folder",
                self.0
            ),
        }))
    }

    fn progress(&self) -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::finish;

    #[test]
    fn a_missing_file_is_named_and_nothing_is_measured() {
        assert_eq!(evidence("lr/none.csv"), None);
        let result = finish(&mut *skipped("lr/none.csv")).unwrap();
        assert_eq!(result.verdict, Verdict::NotTestable);
        assert!(result.quantity.contains("lr/none.csv") && result.measured.is_nan());
        provide("lr/some.csv", "step,loss");
        assert_eq!(evidence("lr/some.csv").as_deref(), Some("step,loss"));
    }
}
