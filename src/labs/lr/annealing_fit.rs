//! Fit of the annealing law ("Scaling Law with Learning Rate Annealing", arXiv 2408.11029): four
//! parameters by Huber loss of the logarithms for every momentum λ of a grid, the best λ kept.

use super::law::{Law, warmed};
use super::law_fit::{FitResult, Measured};
use super::laws::{Annealing, annealing_sums};
use super::minimise::Lbfgs;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Error, Result, Step, num};

/// Decays of the annealing momentum that are tried.
const LAMBDAS: [f64; 4] = [0.99, 0.995, 0.999, 0.9995];

/// Starts as (share of the smallest loss, A, α, C), A and C relative to the loss.
const STARTS: [[f64; 4]; 6] = [
    [0.8, 0.3, 0.5, 0.3],
    [0.9, 0.1, 0.5, 0.3],
    [0.95, 0.3, 0.3, 1.0],
    [0.7, 0.5, 0.3, 1.0],
    [0.9, 0.3, 0.8, 0.1],
    [0.5, 1.0, 0.2, 3.0],
];
/// Neighbouring residuals that a bootstrap sample keeps together.
const BLOCK: usize = 8;

/// S1, S2 and ln loss of a row.
type Row = [f64; 3];

/// The fit, one start or bootstrap refit at a time.
#[derive(Debug)]
pub(super) struct AnnealingFit {
    runs: Vec<Measured>,
    /// Which λ and start come next.
    next: usize,
    /// The rows of every run at the λ under way.
    rows: Vec<Vec<Row>>,
    best: Option<(f64, Annealing)>,
    starts: Vec<f64>,
    evaluations: usize,
    wanted: usize,
    replicates: Vec<Law>,
    seed: u64,
}

impl AnnealingFit {
    pub(super) fn new(runs: &[Measured], replicates: usize, seed: u64) -> Self {
        Self {
            runs: runs.to_vec(),
            next: 0,
            rows: Vec::new(),
            best: None,
            starts: Vec::new(),
            evaluations: 0,
            wanted: replicates,
            replicates: Vec::new(),
            seed,
        }
    }

    fn rows(&self, lambda: f64) -> Vec<Vec<Row>> {
        let of = |run: &Measured| {
            let (s1, s2) = annealing_sums(&warmed(&run.rates), lambda);
            run.steps
                .iter()
                .zip(&run.losses)
                .filter_map(|(s, y)| Some([*s1.get(*s)?, *s2.get(*s)?, num::ln(*y)]))
                .filter(|row| row[0] > 0.0)
                .collect()
        };
        self.runs.iter().map(of).collect()
    }

    /// # Errors
    /// When the law is defined on all rows at none of the starts.
    pub(super) fn step(&mut self) -> Result<Step<FitResult>> {
        let per = STARTS.len();
        let round = LAMBDAS.len() * per;
        if self.next < round || self.best.is_none() && self.next < 2 * round {
            let place = self.next % round;
            let lambda = LAMBDAS[place / per];
            if place.is_multiple_of(per) {
                self.rows = self.rows(lambda);
            }
            let start = start(&self.rows, STARTS[place % per], self.next >= round);
            self.next += 1;
            let (value, found, evaluations) = minimise(&self.rows, start);
            self.evaluations += evaluations;
            self.starts.push(value);
            if value.is_finite() && self.best.is_none_or(|(b, _)| value < b) {
                self.best = Some((value, Annealing { lambda, ..found }));
            }
            return Ok(Step::Working);
        }
        let Some((objective, law)) = self.best else {
            return Err(Error::malformed(
                "log",
                "the annealing law predicts a positive loss for all of its rows from no start",
            ));
        };
        if self.replicates.len() == self.wanted {
            return Ok(Step::Done(self.result(objective, law)));
        }
        if self.replicates.is_empty() {
            self.rows = self.rows(law.lambda);
        }
        let sample = self.resampled(&law);
        let (_, found, _) = minimise(&sample, [law.l0, law.a, law.alpha, law.c]);
        self.replicates.push(Law::Annealing(Annealing {
            lambda: law.lambda,
            ..found
        }));
        Ok(Step::Working)
    }

    fn result(&mut self, objective: f64, law: Annealing) -> FitResult {
        FitResult {
            law: Law::Annealing(law),
            objective,
            evaluations: self.evaluations,
            starts: std::mem::take(&mut self.starts),
            replicates: std::mem::take(&mut self.replicates),
            remarks: Vec::new(),
        }
    }

    /// What the law predicts plus residuals of each run drawn in blocks.
    fn resampled(&self, law: &Annealing) -> Vec<Vec<Row>> {
        let replicate = self.replicates.len() as u32;
        let mut stream = Stream::new(self.seed, StreamId::Bootstrap).replicate(replicate);
        let fitted = |row: &Row| num::ln(law.at(row[0], row[1]));
        self.rows
            .iter()
            .map(|rows| {
                let residuals: Vec<f64> = rows.iter().map(|r| r[2] - fitted(r)).collect();
                let mut drawn = Vec::with_capacity(rows.len() + BLOCK);
                while drawn.len() < rows.len() {
                    let from = stream.below(rows.len() as u32) as usize;
                    drawn.extend((0..BLOCK).map(|k| residuals[(from + k) % rows.len()]));
                }
                (rows.iter().zip(drawn))
                    .map(|(r, e)| [r[0], r[1], fitted(r) + e])
                    .collect()
            })
            .collect()
    }

    pub(super) fn progress(&self) -> f64 {
        let all = LAMBDAS.len() * STARTS.len() + self.wanted;
        // A second round of starts may have been needed.
        ((self.next + self.replicates.len()) as f64 / all as f64).min(1.0)
    }
}

/// A start (L0, A, α, C) for these rows. The plain ones are relative to the smallest loss alone, for
/// rates of some 1e-3; with `scaled` also to the largest S1 and S2 of the log, so that the law is
/// positive on every row whatever the rates are.
fn start(rows: &[Vec<Row>], [share, a, alpha, c]: [f64; 4], scaled: bool) -> [f64; 4] {
    let all = || rows.iter().flatten();
    let least = all().map(|r| num::exp(r[2])).fold(f64::INFINITY, f64::min);
    if !scaled {
        return [share * least, a * least, alpha, c * least];
    }
    let s1 = all().map(|r| r[0]).fold(0.0, f64::max);
    let s2 = all().map(|r| r[1].abs()).fold(f64::MIN_POSITIVE, f64::max);
    let floor = share * least;
    [
        floor,
        a * least * num::pow(s1, alpha),
        alpha,
        0.5 * c.min(1.0) * floor / s2,
    ]
}

/// The lowest objective found from a start (L0, A, α, C), the law there (λ unset) and the
/// evaluations it took.
fn minimise(rows: &[Vec<Row>], start: [f64; 4]) -> (f64, Annealing, usize) {
    let f = |x: &[f64], g: &mut [f64]| value(rows, x, g);
    let mut state = Lbfgs::new(f, start.iter().map(|p| num::ln(*p)).collect());
    while state.iterate(f, 1e-10, 200) {}
    let p: Vec<f64> = state.x.iter().map(|v| num::exp(*v)).collect();
    let law = Annealing::from_array([p[0], p[1], p[2], p[3]]);
    (state.value, law, state.evaluations)
}

/// Huber objective by the logarithms of L0, A, α and C.
fn value(rows: &[Vec<Row>], x: &[f64], grad: &mut [f64]) -> f64 {
    let p: Vec<f64> = x.iter().map(|v| num::exp(*v)).collect();
    grad.fill(0.0);
    let mut loss = 0.0;
    for [s1, s2, ln_y] in rows.iter().flatten() {
        let ln_s = num::ln(*s1);
        let falling = num::exp(-p[2] * ln_s);
        let pred = p[0] + p[1] * falling - p[3] * s2;
        if pred.is_nan() || pred <= 0.0 {
            return f64::NAN;
        }
        let (h, slope) = super::fit::huber(ln_y - num::ln(pred));
        loss += h;
        let k = -slope / pred;
        let by = [1.0, falling, -p[1] * falling * ln_s, -s2];
        for ((g, d), p) in grad.iter_mut().zip(by).zip(&p) {
            *g += k * d * p;
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses of a noisy quadratic under a linear decay from a rate a thousand times that of a
    /// language model.
    fn large_rates() -> Measured {
        let rates: Vec<f64> = (0..400)
            .map(|t| 0.3 * (1.0 - f64::from(t) / 400.0))
            .collect();
        let mut spread = [1.0_f64; 8];
        let losses = rates.iter().map(|rate| {
            let mut loss = 0.0;
            for (k, v) in spread.iter_mut().enumerate() {
                let h = 1.0 / (k as f64 + 1.0);
                *v = (1.0 - rate * h) * (1.0 - rate * h) * *v + 0.01 * rate * rate * h * h;
                loss += 0.5 * h * *v;
            }
            loss
        });
        Measured {
            steps: (0..400).collect(),
            losses: losses.collect(),
            rates: rates.clone(),
            name: "large rates".to_owned(),
        }
    }

    #[test]
    fn rates_far_from_a_language_models_are_fitted_too() {
        let mut fit = AnnealingFit::new(&[large_rates()], 0, 1);
        let found = loop {
            if let Step::Done(found) = fit.step().unwrap() {
                break found;
            }
        };
        assert!(found.objective.is_finite(), "{}", found.objective);
        assert!(
            found.starts.iter().any(|v| v.is_nan()),
            "the plain starts do not do"
        );
    }

    #[test]
    fn a_log_that_no_start_fits_is_refused_with_the_reason() {
        let mut run = large_rates();
        run.losses.fill(f64::NAN);
        let mut fit = AnnealingFit::new(&[run], 0, 1);
        let error = loop {
            match fit.step() {
                Ok(Step::Working) => {}
                Ok(Step::Done(found)) => panic!("{found:?}"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("annealing law"), "{error}");
    }
}
