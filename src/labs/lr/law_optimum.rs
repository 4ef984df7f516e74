//! The schedule that minimises the final loss of the multi-power law (arXiv 2503.12811): rates
//! that never rise after the warmup, a line between nodes that lie closer towards the end, found by
//! L-BFGS. The warmup's own increments count (the reference optimiser leaves them out).

use super::config::Config;
use super::law::{Law, LawChoice};
use super::laws::MultiPower;
use super::minimise::Lbfgs;
use super::schedule::{Factors, Shape};
use super::work;
use crate::core::{Error, Result, num};

/// Blocks of equal rate after the warmup.
const BLOCKS: usize = 400;
/// Nodes whose rates are sought.
const NODES: usize = 40;
/// Neighbouring changes of the past merged at most.
const MERGE: usize = 32;
/// Lowest rate the law can be asked about.
const SMALLEST: f64 = 1e-10;

/// The objective: everything the law's final loss depends on but the rates sought.
#[derive(Debug, Clone)]
pub(super) struct Objective {
    law: MultiPower,
    peak: f64,
    floor: f64,
    /// Updates per block, as a real number, so that blocks fill the run exactly.
    length: f64,
    blocks: usize,
    /// Sum of the rates before the first block.
    before: f64,
    /// Rate changes before the first block: (change, C η^-γ, sum of rates from there on).
    changes: Vec<(f64, f64, f64)>,
}

impl Objective {
    /// For a run that used `past` so far and has `updates` more, starting at `peak`.
    pub(super) fn new(
        law: MultiPower,
        past: &[f64],
        updates: usize,
        peak: f64,
        floor: f64,
    ) -> Self {
        let blocks = updates.clamp(1, BLOCKS);
        let mut sums = vec![0.0];
        for rate in past {
            sums.push(sums[sums.len() - 1] + rate);
        }
        let before = sums[past.len()];
        let mut changes = Vec::new();
        // Neighbouring changes of the same sign are merged, as in drawn predictions.
        let mut k = 1;
        while k < past.len() {
            let mut end = k;
            let gap = past[k] - past[k - 1];
            while gap != 0.0
                && end + 1 < past.len()
                && end + 1 - k < MERGE
                && (past[end + 1] - past[end]) * gap > 0.0
            {
                end += 1;
            }
            if gap != 0.0 {
                let middle = k.midpoint(end);
                changes.push((
                    past[end] - past[k - 1],
                    law.c * num::pow(past[middle].max(SMALLEST), -law.gamma),
                    before - sums[middle],
                ));
            }
            k = end + 1;
        }
        Self {
            law,
            peak,
            floor: floor.max(SMALLEST),
            length: updates as f64 / blocks as f64,
            blocks,
            before,
            changes,
        }
    }

    /// The node before the middle of a block, and the share of the next one.
    fn place(&self, block: usize) -> (usize, f64) {
        let t = (block as f64 + 0.5) / self.blocks as f64;
        // Node k lies at 1 - (1 - k / n)^1.5.
        let at = (1.0 - num::pow(1.0 - t, 2.0 / 3.0)) * (NODES - 1) as f64;
        let low = (at as usize).min(NODES - 2);
        (low, at - low as f64)
    }

    /// What every node keeps of the range from floor to peak: each falls by e to the -e^x. Never
    /// rising is essential: the law would raise the rate in the last updates, where the price has
    /// not come due yet.
    fn shares(x: &[f64]) -> Vec<f64> {
        let mut fallen = 0.0;
        x.iter()
            .map(|v| {
                fallen += num::exp(*v);
                num::exp(-fallen)
            })
            .collect()
    }

    /// Rates of the blocks: a line between the nodes, each between the floor and the peak.
    fn rates(&self, x: &[f64]) -> Vec<f64> {
        let shares = Self::shares(x);
        (0..self.blocks)
            .map(|j| {
                let (k, t) = self.place(j);
                let share = shares[k] + (shares[k + 1] - shares[k]) * t;
                self.floor + (self.peak - self.floor) * share
            })
            .collect()
    }

    /// The final loss of block rates and its gradient by them.
    fn loss(&self, eta: &[f64], grad: &mut [f64]) -> f64 {
        let (law, m, n) = (&self.law, self.length, eta.len());
        let future = m * num::sum(eta.iter().copied());
        let s = self.before + future;
        // From the past: terms that see the future only through its sum.
        let (mut drop, mut pull) = (0.0, 0.0);
        for &(gap, speed, rest) in &self.changes {
            let u = 1.0 + speed * (rest + future);
            let left = num::exp(-law.beta * num::ln(u));
            drop += gap * (1.0 - left);
            pull += gap * law.beta * left / u * speed;
        }
        // Block by block, from the last: the sum of the rates from there on.
        let mut tail = vec![0.0; n];
        let mut sum = 0.0;
        for j in (0..n).rev() {
            sum += m * eta[j];
            tail[j] = sum;
        }
        let common = -law.alpha * law.a * num::pow(s, -law.alpha - 1.0) * m;
        let mut running = pull;
        let mut gained = vec![0.0; n + 1];
        for j in 0..n {
            let speed = law.c * num::pow(eta[j], -law.gamma);
            let u = 1.0 + speed * tail[j];
            let left = num::exp(-law.beta * num::ln(u));
            let gap = eta[j] - if j == 0 { self.peak } else { eta[j - 1] };
            let slope = law.beta * left / u;
            gained[j] = 1.0 - left;
            drop += gap * gained[j];
            running += gap * slope * speed;
            grad[j] =
                common + law.b * (m * running - gap * slope * law.gamma * speed * tail[j] / eta[j]);
        }
        for j in 0..n {
            grad[j] += law.b * (gained[j] - gained[j + 1]);
        }
        law.l0 + law.a * num::pow(s, -law.alpha) + law.b * drop
    }

    /// The loss and its gradient by the nodes.
    fn value(&self, x: &[f64], grad: &mut [f64]) -> f64 {
        let eta = self.rates(x);
        let mut by_rate = vec![0.0; eta.len()];
        let loss = self.loss(&eta, &mut by_rate);
        grad.fill(0.0);
        for (j, g) in by_rate.iter().enumerate() {
            let (k, t) = self.place(j);
            grad[k] += g * (1.0 - t);
            grad[k + 1] += g * t;
        }
        let shares = Self::shares(x);
        let mut after = 0.0;
        for k in (0..x.len()).rev() {
            after += grad[k] * shares[k];
            grad[k] = -(self.peak - self.floor) * num::exp(x[k]) * after;
        }
        loss
    }

    /// Nodes of a straight cooldown over the last fifth.
    fn start() -> Vec<f64> {
        let mut before = 1.0;
        (0..NODES)
            .map(|k| {
                let left = num::pow(1.0 - k as f64 / (NODES - 1) as f64, 1.5);
                let share = (left / 0.2).clamp(2e-3, 1.0).min(before);
                let fall = num::ln(before / share).max(2e-3);
                before = share;
                num::ln(fall)
            })
            .collect()
    }
}

/// The search, an iteration at a time.
#[derive(Debug, Clone)]
pub(super) struct Search {
    objective: Objective,
    state: Lbfgs,
}

impl Search {
    /// At a straight cooldown.
    pub(super) fn new(objective: Objective) -> Self {
        let state = Lbfgs::new(|x, g| objective.value(x, g), Objective::start());
        Self { objective, state }
    }

    /// One iteration; `false` when it is done.
    pub(super) fn iterate(&mut self) -> bool {
        let objective = &self.objective;
        self.state.iterate(|x, g| objective.value(x, g), 1e-9, 3000)
    }

    /// The best rates so far, for `updates` updates, interpolated between the blocks.
    pub(super) fn rates(&self, updates: usize) -> Vec<f64> {
        let eta = self.objective.rates(&self.state.x);
        (0..updates)
            .map(|i| {
                let at = ((i as f64 + 0.5) / self.objective.length - 0.5).max(0.0);
                let low = (at as usize).min(eta.len() - 1);
                let high = (low + 1).min(eta.len() - 1);
                eta[low] + (eta[high] - eta[low]) * (at - low as f64).min(1.0)
            })
            .collect()
    }
}

/// Rates of the next `updates` updates, after `past`, with the lowest predicted final loss: they
/// start at `peak`, never rise and stay above `floor`.
pub fn optimised_rates(
    law: MultiPower,
    past: &[f64],
    updates: usize,
    peak: f64,
    floor: f64,
) -> Vec<f64> {
    let mut search = Search::new(Objective::new(law, past, updates, peak, floor));
    let mut left = 400;
    while left > 0 && search.iterate() {
        left -= 1;
    }
    search.rates(updates)
}

/// Why there is no optimum under the annealing law: S2 grows without bound the earlier the rate
/// drops, so its optimum is a cliff.
pub(super) fn no_annealing_optimum() -> Error {
    Error::out_of_range(
        "law",
        LawChoice::Annealing.name(),
        "a multi-power law: the annealing law has no optimum but a cliff",
    )
}

/// The search for a config's schedule.
#[derive(Debug)]
pub(super) struct LawOptimum {
    search: Search,
    past: Vec<f64>,
    peak: f64,
    updates: usize,
}

impl LawOptimum {
    /// # Errors
    /// Under the annealing law.
    pub(super) fn new(config: &Config) -> Result<Self> {
        let Law::MultiPower(law) = work::law_of(config) else {
            return Err(no_annealing_optimum());
        };
        let plain = Config {
            shape: Shape::Constant,
            ..config.clone()
        }
        .chosen();
        let past: Vec<f64> = (0..plain.warmup).map(|i| plain.rate(i)).collect();
        let updates = plain.updates - plain.warmup;
        let objective = Objective::new(
            law,
            &past,
            updates.max(1),
            config.peak,
            config.floor * config.peak,
        );
        Ok(Self {
            search: Search::new(objective),
            past,
            peak: config.peak,
            updates,
        })
    }

    pub(super) fn iterate(&mut self) -> bool {
        self.search.iterate()
    }

    pub(super) fn factors(&self) -> Factors {
        let mut values: Vec<f64> = self.past.iter().map(|r| r / self.peak).collect();
        let rates = self.search.rates(self.updates);
        values.extend(rates.into_iter().map(|r| r / self.peak));
        Factors {
            values: values.into(),
            rule: "the minimiser of the multi-power law".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::curves::{MPL_PEAK, MPL_WARMUP, mpl_curve};
    use super::super::laws::{PUBLISHED, Prepared};
    use super::*;

    fn objective(size: usize, floor: f64) -> (Objective, Vec<f64>) {
        let past = mpl_curve("constant_24000").unwrap().unwrap()[..MPL_WARMUP].to_vec();
        let law = PUBLISHED[size].1;
        let updates = 24_000 - MPL_WARMUP;
        (Objective::new(law, &past, updates, MPL_PEAK, floor), past)
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let (objective, _) = objective(1, 1e-6);
        let mut x = Objective::start();
        for (k, v) in x.iter_mut().enumerate() {
            *v += 0.2 - 0.03 * (k % 11) as f64;
        }
        let mut grad = vec![0.0; x.len()];
        objective.value(&x, &mut grad);
        let mut scratch = grad.clone();
        for k in [0, 7, 20, 38, 39] {
            let mut at = |h: f64| {
                let mut y = x.clone();
                y[k] += h;
                objective.value(&y, &mut scratch)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - grad[k]).abs() < 1e-7 + 1e-4 * grad[k].abs(),
                "{k}: {slope} {}",
                grad[k]
            );
        }
    }

    /// The reference optimiser's losses, the warmup's increments included; a schedule that goes
    /// straight to almost zero is at 3.2595, 2.9265 and 2.6908.
    #[test]
    fn the_optimum_is_as_low_as_the_references() {
        for (size, want) in [(0, 3.2580), (1, 2.9247), (2, 2.6891)] {
            let (objective, mut rates) = objective(size, 0.0);
            let mut search = Search::new(objective);
            let mut iterations = 0;
            while search.iterate() && iterations < 400 {
                iterations += 1;
            }
            rates.extend(search.rates(24_000 - MPL_WARMUP));
            let exact = Prepared::new(PUBLISHED[size].1, &rates, 1)
                .at(23_999)
                .loss();
            assert!(
                exact < want + 2e-4,
                "{size}: {exact} after {iterations} iterations"
            );
            assert!(exact > want - 2e-3, "{size}: {exact}");
        }
    }
}
