//! Preemption within an iteration: "Priority-aware preemptive scheduling for mixed-priority
//! workloads in MoE inference" (QLLM, arXiv 2503.09304). Prompts of the first class do not wait for
//! the iteration that runs: it stands still from the end of a layer, or of one of its parts, on,
//! with everything it has in memory, and goes on afterwards.

use super::semi_pd::{decodes, prompts};
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{Desk, Lane, Limits, Requests, Stop};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "QLLM (preempts layers)",
    exhibit: "qllm",
    features: &[Feature::PrefillLimit, Feature::Watermark, Feature::Urgent],
    make: |_| Box::new(Qllm),
};

/// The policy has no state of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Qllm;

fn urgent(requests: &Requests, r: u32) -> bool {
    requests.tags.class(r) == 0
}

/// Frees memory for the first urgent prompt that waits: best-effort holders that do not run now
/// give theirs back, the youngest first.
fn make_room(desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
    let Some(&head) = desk.queue.iter().find(|&&r| urgent(requests, r)) else {
        return;
    };
    let need = limits.blocks_for(requests.prefill[head as usize]) + limits.watermark_blocks;
    let holds: u32 = (desk.held.iter())
        .filter(|&&r| !urgent(requests, r))
        .map(|&r| requests.blocks[r as usize])
        .sum();
    if desk.free(limits) + holds < need {
        return;
    }
    desk.sort_held(requests);
    while desk.free(limits) < need {
        let Some(place) = desk.held.iter().rposition(|&r| !urgent(requests, r)) else {
            return;
        };
        if let Some(victim) = desk.held.remove(place) {
            desk.evict(requests, limits, victim);
        }
    }
}

impl Policy for Qllm {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if desk.lane != Some(Lane::Rest) {
            make_room(desk, requests, limits);
            prompts(desk, requests, limits, urgent);
            if desk.lane.is_some() || !desk.batch.is_empty() {
                return;
            }
        }
        // Iterations of prompts or of decodes, as in vLLM: best-effort prompts go first.
        if !desk.queue.iter().any(|&r| urgent(requests, r)) {
            prompts(desk, requests, limits, |requests, r| !urgent(requests, r));
        }
        if desk.batch.is_empty() {
            decodes(desk, requests, limits, |requests, r| !urgent(requests, r));
        }
        if desk.batch.is_empty() {
            // A lone request that gave its own memory back would wait for ever.
            prompts(desk, requests, limits, |_, _| true);
        }
    }

    fn why(&self, desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        if urgent(requests, r) || desk.stop != Stop::None || !desk.queue.contains(&r) {
            return Vec::new();
        }
        let before = desk.queue.iter().filter(|&&q| urgent(requests, q)).count();
        vec![format!(
            "Class: best-effort prompts begin where no latency-sensitive one waits; {before} do."
        )]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::{Engine, LanePlan, NoSink, Quirks, Tags};
    use crate::labs::serving::policies::tests::limits;
    use crate::labs::serving::routers::Routing;

    /// Best effort: 40 tokens from 0 s on, 4 s; urgent: 10 tokens at 2.5 s, 1 s. First tokens.
    fn first_tokens(pieces: Option<u32>) -> [f64; 2] {
        let limits = Limits {
            quirks: Quirks::NONE,
            cost: [0.0, 0.1, 0.0, 0.5, 0.0].into(),
            ..limits()
        };
        let tags = Tags {
            class: vec![1, 0],
            ..Tags::default()
        };
        let requests = Requests::new([0.0, 2.5].into(), &[40, 10], &[2, 2]).with_tags(tags.into());
        let mut engine = Engine::new(limits, requests, &Qllm, 1, Routing::RoundRobin)
            .unwrap()
            .with_lanes(pieces.map(LanePlan::Preempt));
        while engine.advance_with(&mut NoSink) {}
        let r = engine.requests();
        assert_eq!(engine.finished(), 2);
        assert!(r.restarts.iter().all(|&n| n == 0), "kept in place");
        [r.first_at[0], r.first_at[1]]
    }

    #[test]
    fn an_urgent_prompt_waits_for_the_layer_and_the_iteration_goes_on_where_it_stood() {
        let near =
            |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9;
        // Four layers of 1 s each: it starts at 3 s.
        let layers = first_tokens(Some(4));
        assert!(near(layers, [5.0, 4.0]), "{layers:?}");
        let fine = first_tokens(Some(4000));
        assert!(near(fine, [5.0, 3.5]), "{fine:?}");
        for whole in [Some(1), None] {
            let whole = first_tokens(whole);
            assert!(near(whole, [4.0, 5.0]), "{whole:?}");
        }
    }
}
