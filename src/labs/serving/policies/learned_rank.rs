//! Learning to rank: "Efficient LLM scheduling by learning to rank" (arXiv 2408.15792, repository
//! hao-ai-lab/vllm-ltr). Every step, waiting and running requests stand in the order of a score
//! that a model gave them at arrival, shorter outputs first; they are selected from the top, and
//! those at the end give their memory back. The score never changes with what is out already.
//!
//! Guard against starvation: whoever has not run for `threshold` steps in a row stands before all
//! others until it has decoded `period` times. (Counting prompt chunks too could give it so few
//! steps that it gains no token and starts again for ever.)

use super::ranked::Ranked;
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::core::sort_ids;
use crate::labs::serving::engine::{Desk, Entry, Limits, Phase, Requests};
use std::collections::BTreeMap;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Learning to rank",
    exhibit: "learning-to-rank",
    features: &[Feature::Budget, Feature::Scored],
    make: |config| {
        Box::new(LearnedRank::new(
            config.starvation_steps as u32,
            config.promotion_steps as u32,
        ))
    },
};

/// How a request fares with the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Guard {
    /// Steps in a row without running.
    idle: u32,
    /// Decodes for which it still stands before all others.
    promoted: u32,
}

/// Ranks by score.
#[derive(Debug, Clone, Default)]
pub struct LearnedRank {
    threshold: u32,
    period: u32,
    guards: BTreeMap<u32, Guard>,
    ranked: Ranked,
}

impl LearnedRank {
    /// With a guard after `threshold` steps (0: none) for `period` steps.
    pub fn new(threshold: u32, period: u32) -> Self {
        Self {
            threshold,
            period,
            ..Self::default()
        }
    }

    fn guard(&self, r: u32) -> Guard {
        self.guards.get(&r).copied().unwrap_or_default()
    }

    /// Counts who ran and who did not.
    fn watch(&mut self, desk: &Desk) {
        if self.threshold == 0 {
            return;
        }
        for &r in &self.ranked.order {
            self.guards.entry(r).or_default().idle += 1;
        }
        for entry in &desk.batch {
            let guard = self.guards.entry(entry.request).or_default();
            guard.idle = 0;
            guard.promoted -= u32::from(!entry.prefill && guard.promoted > 0);
        }
        for guard in self.guards.values_mut() {
            if guard.idle >= self.threshold {
                *guard = Guard {
                    idle: 0,
                    promoted: self.period,
                };
            }
        }
    }
}

impl Policy for LearnedRank {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.ranked.gather(desk);
        let mut order = std::mem::take(&mut self.ranked.order);
        let key = |r: u32| (self.guard(r).promoted == 0, requests.tags.predicted(r));
        sort_ids(&mut order, &mut |a, b| {
            let (a, b) = (key(a), key(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        self.ranked.order = order;
        self.ranked.step(desk, requests, limits);
        self.watch(desk);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        retire(desk, requests, batch);
        for entry in batch {
            if requests.phase[entry.request as usize] == Phase::Done {
                self.guards.remove(&entry.request);
            }
        }
    }

    fn why(&self, _desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let Some((place, all)) = self.ranked.place_of(r) else {
            return Vec::new();
        };
        let Guard { idle, promoted } = self.guard(r);
        let mut lines = vec![format!(
            "Rank: score {:.2}, place {place} of {all} in the last ranking; the first {} that fit into {} tokens run.",
            requests.tags.predicted(r),
            limits.batch_cap,
            limits.token_budget
        )];
        if promoted > 0 {
            lines.push(format!(
                "Guard: it had starved, so it stands before all others for {promoted} more tokens."
            ));
        } else if self.threshold > 0 && idle > 0 {
            lines.push(format!(
                "Guard: it has not run for {idle} steps; after {} it goes before all others.",
                self.threshold
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

    /// One request at a time; the scores put the last first.
    fn run(threshold: u32, outputs: [u32; 3]) -> (Vec<Vec<u32>>, u64) {
        let limits = Limits {
            batch_cap: 1,
            quirks: Quirks::NONE,
            ..limits()
        };
        let tags = Tags {
            predicted: vec![3.0, 2.0, 1.0],
            ..Tags::default()
        };
        let requests = outputs.map(|d| (4, d));
        let policy = LearnedRank::new(threshold, 2);
        let (batches, engine) = run_tagged(&policy, limits, &requests, tags);
        assert_eq!(engine.finished(), 3);
        let order = batches
            .iter()
            .map(|b| b.1.iter().map(|e| e.0).collect())
            .collect();
        (order, engine.desk(0).evictions)
    }

    #[test]
    fn the_lowest_score_runs_and_progress_does_not_count() {
        let (order, evictions) = run(0, [2, 2, 3]);
        // The first runs alone before the others have arrived.
        let want = [0, 2, 2, 2, 1, 1, 0].map(|r| vec![r]);
        assert_eq!(order, want);
        assert_eq!(evictions, 0, "nobody needs its memory");
    }

    #[test]
    fn whoever_starves_runs_before_all_others_for_a_while() {
        let (order, _) = run(3, [9, 2, 20]);
        // 0 runs once, then 2 runs until 0 and 1 have been idle for three steps. Of these the
        // lower score, 1, runs its two steps and is done; then 0 has one, and 2 has starved.
        let want = [0, 2, 2, 2, 1, 1, 0, 2];
        assert_eq!(order[..8], want.map(|r| vec![r]));
    }
}
