//! Claim experiments: two setups at the same number of denoiser calls, on the same data and noise,
//! over several seeds and data sets. The verdict follows from the interval of the mean, never from
//! a stored text.

use super::config::Config;
use super::data::DataSet;
use super::model::Start;
use super::run::Headline;
use crate::core::{ClaimResult, Job, Result, Step, Verdict, num, stats};
use crate::labs::Effort;

/// Data sets every comparison runs on.
const DATA: [DataSet; 3] = [DataSet::Grid9, DataSet::Ring8, DataSet::Spiral];

/// What is compared, and how it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    /// What is measured, in words.
    pub(super) quantity: &'static str,
    /// The setup the paper proposes.
    pub(super) proposed: fn() -> Config,
    /// What it is compared with.
    pub(super) baseline: fn() -> Config,
    /// The number compared; smaller is better.
    pub(super) value: fn(&Headline) -> f64,
    /// The ratio below which the size of the claim holds as well as its direction.
    pub(super) size: f64,
    /// The condition under which the verdict holds.
    pub(super) condition: &'static str,
}

impl Comparison {
    /// The experiment as a job.
    pub(super) fn start(self, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
        let (seeds, particles) = match effort {
            Effort::Quick => (5, 400),
            Effort::Full => (20, 4000),
        };
        let plan = (1..=seeds)
            .flat_map(|seed| DATA.map(|data| (seed, data)))
            .flat_map(|(seed, data)| {
                [(self.proposed)(), (self.baseline)()].map(|c| (c, seed, data))
            })
            .map(|(config, seed, data)| Config {
                seed,
                data,
                particles,
                mode_sd: match data {
                    _ if config.mode_sd != Config::default().mode_sd => config.mode_sd,
                    DataSet::Spiral => 0.03,
                    _ => 0.05,
                },
                ..config
            })
            .collect();
        Box::new(Experiment {
            comparison: self,
            plan,
            seeds,
            work: None,
            values: Vec::new(),
        })
    }

    fn conclude(self, seeds: u64, values: &[f64]) -> ClaimResult {
        // Values come in pairs (proposed, baseline), data set by data set, seed by seed.
        let ratios: Vec<f64> = values
            .chunks(2 * DATA.len())
            .map(|seed| {
                let logs: Vec<f64> = seed.chunks(2).map(|p| num::ln(p[0] / p[1])).collect();
                num::exp(stats::mean(&logs))
            })
            .collect();
        let (measured, interval) = stats::mean_interval(&ratios);
        let condition = format!(
            "Geometric mean over grid, ring and spiral. {}",
            self.condition
        );
        let (verdict, why) = ratio_verdict(measured, interval, self.size, &condition);
        ClaimResult {
            quantity: self.quantity.to_owned(),
            unit: "×".to_owned(),
            measured,
            interval,
            seeds: (1..=seeds).collect(),
            verdict,
            why,
        }
    }
}

/// The verdict on a ratio that should lie below 1, and below `size` for the whole claim.
pub(super) fn ratio_verdict(
    mean: f64,
    [low, high]: [f64; 2],
    size: f64,
    condition: &str,
) -> (Verdict, String) {
    let (verdict, reading) = if high < size {
        (
            Verdict::Reproduced,
            format!("all of the interval lies below {size}"),
        )
    } else if high < 1.0 {
        let words = format!("the interval lies below 1, but reaches above {size}");
        (Verdict::Partly, words)
    } else if low > 1.0 {
        let words = "the interval lies above 1: the opposite holds here".to_owned();
        (Verdict::NotReproduced, words)
    } else {
        let words = "the interval contains 1: no clear difference".to_owned();
        (Verdict::NotReproduced, words)
    };
    (
        verdict,
        format!("Ratio {mean:.3} ({low:.3} to {high:.3}): {reading}. {condition}"),
    )
}

/// One number per seed, and how it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerSeed {
    /// What is measured, in words.
    pub(super) quantity: &'static str,
    /// Its unit, `"×"` for ratios.
    pub(super) unit: &'static str,
    /// The number of one seed, quickly found.
    pub(super) value: fn(u64) -> Result<f64>,
    /// Verdict and words from the mean and its interval.
    pub(super) judge: Judge,
}

/// Verdict and words from a mean and its interval.
type Judge = fn(f64, [f64; 2]) -> (Verdict, String);

/// A number under way.
pub(super) type Number = Box<dyn Job<Out = f64>>;

/// One number per seed that takes a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct JobPerSeed {
    /// What is measured, in words.
    pub(super) quantity: &'static str,
    /// Its unit, `"×"` for ratios.
    pub(super) unit: &'static str,
    /// Starts the computation of one seed.
    pub(super) start: fn(u64) -> Result<Number>,
    /// Verdict and words from the mean and its interval.
    pub(super) judge: Judge,
}

impl PerSeed {
    /// The experiment as a job: one seed a step.
    pub(super) fn start(self, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
        let begin = move |seed| {
            let number: Number = Box::new(Known((self.value)(seed)?));
            Ok(number)
        };
        seeds(self.quantity, self.unit, self.judge, effort, begin)
    }
}

impl JobPerSeed {
    /// The experiment as a job, in short steps.
    pub(super) fn start(self, effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
        seeds(self.quantity, self.unit, self.judge, effort, self.start)
    }
}

fn seeds(
    quantity: &'static str,
    unit: &'static str,
    judge: Judge,
    effort: Effort,
    begin: impl Fn(u64) -> Result<Number> + 'static,
) -> Box<dyn Job<Out = ClaimResult>> {
    Box::new(Seeds {
        quantity,
        unit,
        judge,
        begin: Box::new(begin),
        count: match effort {
            Effort::Quick => 5,
            Effort::Full => 20,
        },
        work: None,
        values: Vec::new(),
    })
}

/// A number that is there.
struct Known(f64);

impl Job for Known {
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        Ok(Step::Done(self.0))
    }

    fn progress(&self) -> f64 {
        1.0
    }
}

struct Seeds {
    quantity: &'static str,
    unit: &'static str,
    judge: Judge,
    begin: Box<dyn Fn(u64) -> Result<Number>>,
    count: u64,
    work: Option<Number>,
    values: Vec<f64>,
}

impl Job for Seeds {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let done = self.values.len() as u64;
        if done < self.count {
            let work = match &mut self.work {
                Some(work) => work,
                None => self.work.insert((self.begin)(done + 1)?),
            };
            if let Step::Done(value) = work.step()? {
                self.values.push(value);
                self.work = None;
            }
            return Ok(Step::Working);
        }
        let (measured, interval) = stats::mean_interval(&self.values);
        let (verdict, why) = (self.judge)(measured, interval);
        Ok(Step::Done(ClaimResult {
            quantity: self.quantity.to_owned(),
            unit: self.unit.to_owned(),
            measured,
            interval,
            seeds: (1..=self.count).collect(),
            verdict,
            why,
        }))
    }

    fn progress(&self) -> f64 {
        let part = self.work.as_ref().map_or(0.0, |w| w.progress());
        (self.values.len() as f64 + part) / self.count.max(1) as f64
    }
}

/// A number of one setup over the same of another, both run to their ends without pictures.
pub(super) fn ratio_of(configs: [Config; 2], value: fn(&Headline) -> f64) -> Number {
    Box::new(Ratio {
        configs,
        value,
        work: None,
        values: Vec::new(),
    })
}

struct Ratio {
    configs: [Config; 2],
    value: fn(&Headline) -> f64,
    work: Option<Start>,
    values: Vec<f64>,
}

impl Job for Ratio {
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        let Some(config) = self.configs.get(self.values.len()) else {
            return Ok(Step::Done(self.values[0] / self.values[1]));
        };
        let work = match &mut self.work {
            Some(work) => work,
            None => self.work.insert(Start::new(config, false)?),
        };
        if let Step::Done(run) = work.step()? {
            self.values.push((self.value)(run.headline()));
            self.work = None;
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let part = self.work.as_ref().map_or(0.0, Job::progress);
        0.5 * (self.values.len() as f64 + part)
    }
}

struct Experiment {
    comparison: Comparison,
    plan: Vec<Config>,
    seeds: u64,
    work: Option<Start>,
    values: Vec<f64>,
}

impl Job for Experiment {
    type Out = ClaimResult;

    fn step(&mut self) -> Result<Step<ClaimResult>> {
        let Some(config) = self.plan.get(self.values.len()) else {
            return Ok(Step::Done(
                self.comparison.conclude(self.seeds, &self.values),
            ));
        };
        let work = match &mut self.work {
            Some(work) => work,
            None => self.work.insert(Start::new(config, false)?),
        };
        if let Step::Done(run) = work.step()? {
            self.values.push((self.comparison.value)(run.headline()));
            self.work = None;
        }
        Ok(Step::Working)
    }

    fn progress(&self) -> f64 {
        let part = self.work.as_ref().map_or(0.0, Job::progress);
        (self.values.len() as f64 + part) / self.plan.len().max(1) as f64
    }
}

/// Error to the exact flow: the number without sampling noise, for deterministic samplers.
pub(super) fn paired(h: &Headline) -> f64 {
    h.paired
}

/// Sliced Wasserstein distance to the truth.
pub(super) fn sliced(h: &Headline) -> f64 {
    h.sliced
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Comparison = Comparison {
        quantity: "error",
        proposed: Config::default,
        baseline: Config::default,
        value: paired,
        size: 0.9,
        condition: "",
    };

    #[test]
    fn the_verdict_follows_from_the_values_alone() {
        let verdict = |ratios: &[f64]| {
            let values: Vec<f64> = ratios
                .iter()
                .flat_map(|r| [*r, 1.0, *r, 1.0, *r, 1.0])
                .collect();
            SAME.conclude(ratios.len() as u64, &values).verdict
        };
        assert_eq!(verdict(&[0.5, 0.51, 0.49, 0.5]), Verdict::Reproduced);
        assert_eq!(verdict(&[0.95, 0.94, 0.96, 0.95]), Verdict::Partly);
        assert_eq!(verdict(&[0.9, 1.1, 0.95, 1.2]), Verdict::NotReproduced);
        assert_eq!(verdict(&[2.0, 2.1, 2.0, 1.9]), Verdict::NotReproduced);
    }

    #[test]
    fn a_setup_is_as_good_as_itself() {
        let mut job = SAME.start(Effort::Quick);
        let result = crate::core::finish(&mut *job).unwrap();
        assert!((result.measured - 1.0).abs() < 1e-12, "{result:?}");
        assert_eq!(result.verdict, Verdict::NotReproduced);
        assert_eq!(result.seeds.len(), 5);
    }
}
