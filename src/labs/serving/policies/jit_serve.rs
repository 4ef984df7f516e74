//! JITServe: "JITServe: SLO-aware LLM serving with imprecise request information"
//! (arXiv 2504.20068, repository UIUC-MLSys/JITServe, jitserve/scheduler/policy.py). Every few
//! steps, requests are ranked by the reward that they can still earn over the time that they take;
//! the time is reckoned with an upper quantile of the output length, which sharpens as tokens
//! come. Calls of a compound request share a priority.

use super::ranked::Ranked;
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::core::Arrange as _;
use crate::core::num;
use crate::labs::serving::config::{Config, JitOrder};
use crate::labs::serving::engine::{Desk, Entry, Limits, Promise, Requests};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "JITServe",
    exhibit: "jitserve",
    features: &[Feature::Budget, Feature::Predicted],
    make: |config| Box::new(JitServe::new(config)),
};

/// Weight of an output token beside a prompt token in the reward.
const OUTPUT_WEIGHT: f64 = 8.0;
/// Share of the newest step in the mean time of a step.
const NEWEST: f64 = 0.1;
/// Requests of the top of the ranking among which a group of similar length is sought, over the
/// places in a batch.
const WINDOW: f64 = 1.5;

/// Cumulative distribution of the standard normal.
fn normal_cdf(z: f64) -> f64 {
    0.5 * (1.0 + num::erf(z / std::f64::consts::SQRT_2))
}

/// Its inverse, by bisection.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        if normal_cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Quantile of an output length that was predicted with a lognormal error σ and is longer than the
/// tokens that are out: D̂ = p·exp(σ·Φ⁻¹(1 − (1 − q)·(1 − Φ(ln(out/p)/σ)))).
pub(in crate::labs::serving) fn length_quantile(
    predicted: f64,
    sigma: f64,
    quantile: f64,
    out: f64,
) -> f64 {
    let least = out + 1.0;
    if sigma <= 0.0 {
        return predicted.max(least);
    }
    let behind = if out > 0.0 {
        normal_cdf(num::ln(out / predicted) / sigma)
    } else {
        0.0
    };
    let p = 1.0 - (1.0 - quantile) * (1.0 - behind);
    if p >= 1.0 - 1e-12 {
        // So far beyond the prediction that the law says nothing.
        return least.max(1.1 * out);
    }
    (predicted * num::exp(sigma * normal_quantile(p))).max(least)
}

/// What the ranking knows about the promises of a run.
#[derive(Debug, Clone, Copy)]
struct Terms {
    order: JitOrder,
    sigma: f64,
    quantile: f64,
    /// Targets of streams by class: first token, further tokens.
    targets: [[f64; 2]; 2],
    every: u64,
}

/// Ranks, and what they are made of.
#[derive(Debug, Clone)]
pub struct JitServe {
    terms: Terms,
    ranked: Ranked,
    /// Place in the last ranking, by request; none for those that came since.
    ranks: Vec<f64>,
    step: u64,
    /// Mean seconds of a step, and when the last one was formed.
    step_secs: f64,
    last: f64,
}

impl JitServe {
    /// With the terms of a config.
    pub fn new(config: &Config) -> Self {
        Self {
            terms: Terms {
                order: config.jit_order,
                sigma: config.prediction_sigma,
                quantile: config.jit_quantile,
                targets: [config.targets(0), config.targets(1)],
                every: config.jit_steps,
            },
            ranked: Ranked::default(),
            ranks: Vec::new(),
            step: 0,
            step_secs: 0.02,
            last: f64::NAN,
        }
    }

    /// Seconds that a request still takes: its prompt in chunks, then one step per token.
    fn remaining(&self, requests: &Requests, limits: &Limits, r: u32) -> [f64; 2] {
        let i = r as usize;
        let out = f64::from(requests.produced(r));
        let terms = &self.terms;
        let length = length_quantile(
            requests.tags.predicted(r).max(1.0),
            terms.sigma,
            terms.quantile,
            out,
        );
        let prompt = requests.prefill[i].saturating_sub(requests.processed[i]);
        let chunks = f64::from(prompt.div_ceil(limits.token_budget.max(1)));
        let tokens = (length - out - 1.0).max(0.0);
        [chunks * self.step_secs, tokens * self.step_secs]
    }

    /// What a request can still earn: its tokens, less where what it was promised cannot be kept.
    fn reward(&self, requests: &Requests, r: u32, [prefill, decode]: [f64; 2], now: f64) -> f64 {
        let i = r as usize;
        let tags = &requests.tags;
        let arrival = requests.arrival[i];
        let input = f64::from(requests.prompt[i]);
        let output = OUTPUT_WEIGHT * tags.predicted(r).max(1.0);
        // min(1, time left / time needed), with the exponent γ = 1.
        let kept = |due: f64, needs: f64| {
            if needs <= 0.0 {
                return f64::from(u8::from(due >= now));
            }
            ((due - now) / needs).clamp(0.0, 1.0)
        };
        match tags.promise(r) {
            Promise::Streaming => {
                let [first, further] = self.terms.targets[usize::from(tags.class(r) > 0)];
                let out = f64::from(requests.produced(r));
                let tokens = decode / self.step_secs + out;
                let started = if out > 0.0 {
                    1.0
                } else {
                    kept(arrival + first, prefill + self.step_secs)
                };
                let due = arrival + first + further * tokens;
                input * started + output * kept(due, prefill + decode)
            }
            Promise::Deadline | Promise::Compound => {
                (input + output) * kept(arrival + tags.deadline(r), prefill + decode)
            }
        }
    }

    /// Higher runs sooner.
    fn priority(&self, requests: &Requests, limits: &Limits, r: u32, now: f64) -> f64 {
        let tags = &requests.tags;
        match self.terms.order {
            JitOrder::Margin => {
                // Calls that belong together: the sum of their rewards over the longest of them.
                let (mut reward, mut longest) = (0.0, self.step_secs);
                for peer in tags.peers(r) {
                    if requests.completed_at[peer as usize].is_finite() {
                        continue;
                    }
                    let secs = self.remaining(requests, limits, peer);
                    reward += self.reward(requests, peer, secs, now);
                    longest = longest.max(secs[0] + secs[1]);
                }
                reward / longest
            }
            JitOrder::Deadline => {
                let [first, further] = self.terms.targets[usize::from(tags.class(r) > 0)];
                let secs = match tags.promise(r) {
                    Promise::Streaming => first + further * f64::from(requests.produced(r)),
                    Promise::Deadline | Promise::Compound => tags.deadline(r),
                };
                -(requests.arrival[r as usize] + secs)
            }
            JitOrder::LeastService => {
                let done = requests.processed[r as usize] + requests.produced(r);
                -f64::from(done)
            }
        }
    }

    /// Ranks everybody in `ranked.order` anew.
    fn rank(&mut self, requests: &Requests, limits: &Limits, now: f64) {
        let mut all: Vec<(u32, f64)> = (self.ranked.order.iter())
            .map(|&r| (r, self.priority(requests, limits, r, now)))
            .collect();
        all.arrange_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let places = limits.batch_cap as usize;
        if self.terms.order == JitOrder::Margin && all.len() > places {
            let window = ((WINDOW * places as f64) as usize).clamp(places, all.len());
            let length = |r: u32| {
                let [prefill, decode] = self.remaining(requests, limits, r);
                prefill + decode
            };
            group(&mut all[..window], places, length);
        }
        if self.ranks.len() < requests.len() {
            self.ranks.resize(requests.len(), f64::INFINITY);
        }
        self.ranks.fill(f64::INFINITY);
        for (rank, (r, _)) in all.iter().enumerate() {
            self.ranks[*r as usize] = rank as f64;
        }
    }
}

/// Puts `places` requests of similar length first: of all stretches of that many in the order of
/// length, the one with the highest priorities together. Both parts keep the order of priority.
fn group(window: &mut [(u32, f64)], places: usize, length: impl Fn(u32) -> f64) {
    let mut by_length: Vec<(f64, u32, f64)> =
        window.iter().map(|&(r, p)| (length(r), r, p)).collect();
    by_length.arrange_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let worth = |stretch: &[(f64, u32, f64)]| num::sum(stretch.iter().map(|s| s.2));
    let mut best = &by_length[..places];
    for stretch in by_length.windows(places) {
        if worth(stretch) > worth(best) {
            best = stretch;
        }
    }
    let mut chosen: Vec<u32> = best.iter().map(|s| s.1).collect();
    chosen.sort_unstable();
    window.arrange_by_key(|(r, _)| chosen.binary_search(r).is_err());
}

impl Policy for JitServe {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.ranked.gather(desk);
        if self.ranked.order.is_empty() {
            self.last = f64::NAN;
            return;
        }
        let secs = desk.now - self.last;
        if secs > 0.0 {
            self.step_secs += NEWEST * (secs - self.step_secs);
        }
        self.last = desk.now;
        if self.step.is_multiple_of(self.terms.every) {
            self.rank(requests, limits, desk.now);
        }
        self.step += 1;
        let mut order = std::mem::take(&mut self.ranked.order);
        let key = |r: u32| self.ranks.get(r as usize).copied().unwrap_or(f64::INFINITY);
        // Whoever was thrown out often enough ranks by arrival before all others, or some would
        // throw each other out for ever.
        let patient = |r: u32| requests.restarts[r as usize] < super::MOST_RESTARTS;
        let key = |r: u32| if patient(r) { key(r) } else { -1.0 };
        order.arrange_by(|&a, &b| {
            (key(a).total_cmp(&key(b)))
                .then_with(|| {
                    let at = |r: u32| requests.arrival[r as usize];
                    at(a).total_cmp(&at(b))
                })
                .then(a.cmp(&b))
        });
        // Of those at the top whoever decodes goes first, then prompts in chunks: none stalls for
        // a prompt that ranks before it.
        let top = order.len().min(limits.batch_cap as usize);
        order[..top].arrange_by_key(|&r| (patient(r), patient(r) && !requests.decoding(r)));
        self.ranked.order = order;
        self.ranked.step(desk, requests, limits);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        retire(desk, requests, batch);
    }

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some((place, all)) = self.ranked.place_of(r) else {
            return Vec::new();
        };
        let mut lines = vec![format!(
            "Rank: place {place} of {all}; the first {} that fit into {} tokens run.",
            limits.batch_cap, limits.token_budget
        )];
        if self.terms.order == JitOrder::Margin {
            let secs = self.remaining(requests, limits, r);
            lines.push(format!(
                "Margin: it can still earn {:.0} weighted tokens and takes {:.2} s more, reckoned with the {:.0} % quantile of its length.",
                self.reward(requests, r, secs, desk.now),
                secs[0] + secs[1],
                100.0 * self.terms.quantile
            ));
        }
        lines
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::{Quirks, Tags};
    use crate::labs::serving::policies::tests::{limits, run_tagged};

    #[test]
    fn the_estimate_starts_as_the_quantile_of_the_error_and_sharpens_with_every_token() {
        // Φ⁻¹(0.9) = 1.2815515655…
        let start = length_quantile(100.0, 0.5, 0.9, 0.0);
        let exact = 100.0 * num::exp(0.5 * 1.281_551_565_544_6);
        assert!((start - exact).abs() < 1e-6, "{start} {exact}");
        // At the median of the law: a tenth of the upper half lies above Φ⁻¹(0.95).
        let half = length_quantile(100.0, 0.5, 0.9, 100.0);
        let exact = 100.0 * num::exp(0.5 * 1.644_853_626_951_5);
        assert!((half - exact).abs() < 1e-5, "{half} {exact}");
        assert_eq!(length_quantile(100.0, 0.0, 0.9, 3.0), 100.0);
        assert_eq!(length_quantile(100.0, 0.0, 0.9, 120.0), 121.0);
        // What is left above the tokens that are out shrinks in proportion.
        let over = |out: f64| length_quantile(100.0, 0.5, 0.9, out) / out;
        assert!(over(50.0) > over(100.0) && over(100.0) > over(400.0));
        assert!(over(1e6) > 1.0);
    }

    #[test]
    fn a_group_of_similar_length_with_the_most_priority_stands_first() {
        let mut window = [(0, 9.0), (1, 8.0), (2, 7.0), (3, 6.5), (4, 1.0)];
        let length = |r: u32| [10.0, 500.0, 11.0, 12.0, 600.0][r as usize];
        group(&mut window, 3, length);
        assert_eq!(window.map(|w| w.0), [0, 2, 3, 1, 4]);
    }

    #[test]
    fn who_can_still_earn_something_runs_before_who_cannot() {
        let limits = Limits {
            batch_cap: 1,
            quirks: Quirks::NONE,
            ..limits()
        };
        let config = Config {
            jit_steps: 1,
            ..Config::default()
        };
        // The second can never meet its deadline; the third can, although it is longer.
        let requests = [(4, 1), (4, 4), (4, 6)];
        let tags = Tags {
            predicted: vec![1.0, 4.0, 6.0],
            promise: vec![Promise::Deadline; 3],
            deadline: vec![100.0, 0.5, 100.0],
            ..Tags::default()
        };
        let policy = JitServe::new(&config);
        let (batches, engine) = run_tagged(&policy, limits.clone(), &requests, tags.clone());
        let order: Vec<u32> = batches.iter().map(|b| b.1[0].0).collect();
        assert_eq!(order, [0, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]);
        assert_eq!(engine.finished(), 3);
        let earliest = JitServe::new(&Config {
            jit_order: JitOrder::Deadline,
            ..config
        });
        let (batches, _) = run_tagged(&earliest, limits, &requests, tags);
        assert_eq!(batches[1].1[0].0, 1);
    }
}
