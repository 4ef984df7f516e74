//! semi-PD: "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and
//! unified storage" (arXiv 2504.19867, repository infinigence/Semi-PD). Prompts and decodes of one
//! instance form their own batches, at the same time, over one pool of KV blocks: who has a first
//! token decodes with the next batch of decodes, and nothing is copied.

use super::{Card, Feature, Policy, whole_prompt_blocks};
use crate::core::sort_ids;
use crate::labs::serving::engine::{Desk, Lane, Limits, Requests, Stop};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "semi-PD",
    exhibit: "semi-pd",
    features: &[
        Feature::PrefillLimit,
        Feature::Watermark,
        Feature::InOrder,
        Feature::Shares,
    ],
    make: |_| Box::new(SemiPd),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct SemiPd;

impl Policy for SemiPd {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if desk.lane != Some(Lane::Prompts) {
            decodes(desk, requests, limits, |_, _| false);
        }
        if desk.lane != Some(Lane::Rest) {
            prompts(desk, requests, limits, |_, _| true);
        }
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

/// One token for each holder, those of lower rank first and the oldest first among equals; the last
/// gives its memory back where there is none.
pub(super) fn decodes(
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    rank: impl Fn(&Requests, u32) -> bool,
) {
    desk.sort_held(requests);
    sort_ids(desk.held.make_contiguous(), &mut |a, b| {
        rank(requests, a).cmp(&rank(requests, b))
    });
    while desk.batch_len() < limits.micro_batch() as usize {
        let Some(r) = desk.held.pop_front() else {
            break;
        };
        if desk.make_room_for_token(requests, limits, r) {
            desk.run(requests, r, 1);
        }
    }
}

/// Whole prompts of waiting requests that `takes` lets run, in their order, under the limit of
/// tokens.
pub(super) fn prompts(
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    takes: impl Fn(&Requests, u32) -> bool,
) {
    let mut tokens = 0;
    let mut place = 0;
    while let Some(&r) = desk.queue.get(place) {
        if !takes(requests, r) {
            place += 1;
            continue;
        }
        let prompt = requests.prefill[r as usize];
        let with = tokens + u64::from(prompt);
        if with > limits.max_tokens_in_batch {
            desk.stop = Stop::Tokens {
                with,
                limit: limits.max_tokens_in_batch,
            };
            break;
        }
        if desk.holders == limits.batch_cap {
            desk.stop = Stop::Holders(limits.batch_cap);
            break;
        }
        if desk.batch_len() >= limits.micro_batch() as usize {
            desk.stop = Stop::BatchFull(limits.micro_batch());
            break;
        }
        let Some(need) = whole_prompt_blocks(desk, requests, limits, r) else {
            break;
        };
        desk.queue.remove(place);
        desk.allocate(requests, r, need);
        desk.run(requests, r, prompt);
        tokens = with;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::{Engine, Formed, LanePlan, Quirks, Sink, Split, Tags};
    use crate::labs::serving::policies::tests::{limits, start};

    /// Batches as (time, requests), and when each request was done.
    #[derive(Default)]
    struct Keep(Vec<(f64, Vec<u32>)>);

    impl Sink for Keep {
        fn formed(&mut self, batch: &Formed<'_>) {
            let ids = batch.entries.iter().map(|e| e.request).collect();
            self.0.push((batch.at, ids));
        }
    }

    #[test]
    fn a_prompt_runs_beside_the_decodes_and_the_ends_of_both_move() {
        let limits = Limits {
            quirks: Quirks::NONE,
            // A prompt token computes for 10 ms, a decode for 100 ms; nothing is read.
            cost: [0.0, 0.01, 0.0, 0.1, 0.0].into(),
            max_tokens_in_batch: 100,
            ..limits()
        };
        let engine = start(&SemiPd, limits, &[(50, 3), (100, 1)], Tags::default());
        let mut engine: Engine = engine.with_lanes(Some(LanePlan::Split(Split {
            shares: [0.5, 0.5],
            tuning: None,
        })));
        let mut keep = Keep::default();
        while engine.advance_with(&mut keep) {}
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let r = engine.requests();
        // 50 tokens at half of the processors: 1 s. Then 100 tokens take 2 s, and beside them the
        // two decodes of 0.2 s each.
        assert!(near(r.first_at[0], 1.0), "{:?}", r.first_at);
        assert!(near(r.completed_at[0], 1.4), "{:?}", r.completed_at);
        assert!(near(r.first_at[1], 3.0), "{:?}", r.first_at);
        let ids: Vec<&[u32]> = keep.0.iter().map(|b| b.1.as_slice()).collect();
        assert_eq!(ids, [&[0][..], &[0], &[1], &[0]]);
    }

    #[test]
    fn shares_above_one_are_full_speed_for_whoever_runs_alone() {
        let limits = Limits {
            quirks: Quirks::NONE,
            cost: [0.0, 0.01, 0.0, 0.1, 0.0].into(),
            max_tokens_in_batch: 100,
            ..limits()
        };
        let engine = start(&SemiPd, limits, &[(50, 2), (100, 1)], Tags::default());
        let mut engine = engine.with_lanes(Some(LanePlan::Split(Split {
            shares: [1.0, 1.0],
            tuning: None,
        })));
        while engine.advance_with(&mut crate::labs::serving::engine::NoSink) {}
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let r = engine.requests();
        assert!(near(r.first_at[0], 0.5), "{:?}", r.first_at);
        // Both run at half speed for 0.2 s, then the prompt alone: 0.1 s of its 1 s are done.
        assert!(near(r.completed_at[0], 0.7), "{:?}", r.completed_at);
        assert!(near(r.first_at[1], 0.7 + 0.9), "{:?}", r.first_at);
    }
}
