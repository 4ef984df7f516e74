//! Many seeds of every setup: the answer to "is the difference real?".

use crate::core::{Error, Job, Metric, Result, Step, stats};
use crate::labs::{Lab, LabRun as _, Library};

/// Number of seeds of a batch.
pub(crate) const SEEDS: usize = 20;

/// A batch of seeds under way or done: the same seeds for every setup.
pub(crate) struct SeedBatch<L: Lab> {
    configs: Vec<L::Config>,
    job: Option<Box<dyn Job<Out = L::Run>>>,
    /// `[seed][setup]`: metrics of one run.
    done: Vec<Vec<Vec<Metric>>>,
}

/// One metric over all seeds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeedRow {
    /// Which metric.
    pub(crate) metric: Metric,
    /// Mean and 10 to 90 % range per setup.
    pub(crate) setups: Vec<(f64, [f64; 2])>,
    /// 95 % interval of the paired difference to A, for the setups after A.
    pub(crate) differences: Vec<[f64; 2]>,
}

impl<L: Lab> SeedBatch<L> {
    /// Starts with the setups' own seed and goes on with the following ones.
    pub(crate) fn new(configs: Vec<L::Config>) -> Self {
        Self {
            configs,
            job: None,
            done: Vec::new(),
        }
    }

    /// Number of runs finished and wanted.
    pub(crate) fn progress(&self) -> (usize, usize) {
        (
            self.done.iter().map(Vec::len).sum(),
            SEEDS * self.configs.len(),
        )
    }

    /// Whether all runs are finished.
    pub(crate) fn is_done(&self) -> bool {
        let (done, wanted) = self.progress();
        done >= wanted
    }

    /// Takes one step.
    ///
    /// # Errors
    /// Why a run failed; the batch is then of no use.
    pub(crate) fn step(&mut self, data: &Library) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let setups = self.configs.len();
        let (done, _) = self.progress();
        let (seed, setup) = (done / setups, done % setups);
        if self.job.is_none() {
            let mut config = self.configs[setup].clone();
            let first = L::seed(&config);
            L::set_seed(&mut config, first.wrapping_add(seed as u64));
            self.job = Some(L::start(&config, data)?);
        }
        let Some(job) = &mut self.job else {
            return Err(Error::Stuck("no run to step".to_owned()));
        };
        if let Step::Done(run) = job.step()? {
            self.job = None;
            if setup == 0 {
                self.done.push(Vec::new());
            }
            if let Some(row) = self.done.last_mut() {
                row.push(run.metrics());
            }
        }
        Ok(())
    }

    /// The rows of the table, from the seeds finished for every setup.
    pub(crate) fn rows(&self) -> Vec<SeedRow> {
        rows(&self.done, self.configs.len())
    }
}

/// The rows of so many setups: `done` is `[seed][setup]`.
fn rows(done: &[Vec<Vec<Metric>>], setups: usize) -> Vec<SeedRow> {
    let complete: Vec<_> = done.iter().filter(|row| row.len() == setups).collect();
    let Some(first) = complete.first().and_then(|row| row.first()) else {
        return Vec::new();
    };
    let value = |seed: &[Vec<Metric>], setup: usize, id: &str| {
        seed[setup]
            .iter()
            .find(|m| m.id == id)
            .map_or(f64::NAN, |m| m.value)
    };
    first
        .iter()
        .map(|metric| {
            let column = |setup: usize| -> Vec<f64> {
                complete
                    .iter()
                    .map(|seed| value(seed, setup, metric.id))
                    .collect()
            };
            let a = column(0);
            SeedRow {
                metric: metric.clone(),
                setups: (0..setups)
                    .map(|setup| {
                        let values = column(setup);
                        let range = [
                            stats::percentile(&values, 10.0),
                            stats::percentile(&values, 90.0),
                        ];
                        (stats::mean(&values), range)
                    })
                    .collect(),
                differences: (1..setups)
                    .map(|setup| {
                        let paired: Vec<f64> =
                            column(setup).iter().zip(&a).map(|(b, a)| b - a).collect();
                        stats::mean_interval(&paired).1
                    })
                    .collect(),
            }
        })
        .collect()
}
