//! The step of vLLM v1 with another order of the queue: one token budget, running requests first,
//! then waiting ones in the order of a policy.

use super::Policy;
use super::vllm_v1::{admit, missing_blocks, retire, wanted_tokens};
use crate::core::sort_ids;
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Place, Requests, Stop,
};

/// Which requests go first.
pub(super) trait Order {
    /// Requests with a lower key stand further ahead in the queue; equal keys stand by arrival.
    fn key(&self, requests: &Requests, r: u32) -> f64;

    /// Place in the queue of the request to admit next.
    fn pick(&self, desk: &Desk, _requests: &Requests) -> Option<usize> {
        (!desk.queue.is_empty()).then_some(0)
    }

    /// A request was admitted.
    fn admitted(&mut self, _requests: &Requests, _r: u32) {}

    /// Place in the running list of the request that gives its memory back first: the last to
    /// join, unless the order says otherwise.
    fn victim(&self, desk: &Desk, _requests: &Requests) -> Option<usize> {
        desk.held.len().checked_sub(1)
    }

    /// Whether a waiting request may take the place of a running one with a higher key.
    fn preemptive(&self) -> bool {
        false
    }

    /// Why a request waits where it does.
    fn why(&self, _desk: &Desk, _requests: &Requests, _limits: &Limits, _r: u32) -> Vec<String> {
        Vec::new()
    }
}

/// A policy that is its order and nothing more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ordered<O>(pub(super) O);

impl<O: Order + Copy + std::fmt::Debug + Send + Sync + 'static> Policy for Ordered<O> {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        step(&mut self.0, desk, requests, limits);
    }

    fn arrived(&mut self, desk: &mut Desk, requests: &Requests, _limits: &Limits, r: u32) {
        enqueue(&self.0, desk, requests, r);
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

    fn cohort(&self) -> Option<CohortRule> {
        Some(COHORT)
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        beside(&mut self.0, desk, requests, limits)
    }

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        self.0.why(desk, requests, limits, r)
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(*self)
    }
}

/// Puts a request into a queue that is sorted by key.
pub(super) fn enqueue(order: &impl Order, desk: &mut Desk, requests: &Requests, r: u32) {
    let key = (order.key(requests, r), r);
    let place = desk
        .queue
        .partition_point(|&q| before((order.key(requests, q), q), key));
    desk.queue.insert(place, r);
}

fn before(a: (f64, u32), b: (f64, u32)) -> bool {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).is_lt()
}

/// Running requests stay where they are, so those that decode may be kept together.
pub(super) const COHORT: CohortRule = CohortRule {
    place: Place::Front,
    grows: true,
    by_arrival: false,
};

/// One step beside the cohort. Wherever somebody might have to give memory back, the plain rules
/// decide: the victim may be a member.
pub(super) fn beside(
    order: &mut impl Order,
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
) -> Beside {
    let size = desk.cohort.len() as u32;
    if size > limits.token_budget || order.preemptive() && !desk.queue.is_empty() {
        return Beside::Plain;
    }
    let due = desk.cohort.blocks_due();
    let mut need = due;
    for &r in &desk.held {
        let q = wanted_tokens(requests, r, limits.token_budget - size);
        need += missing_blocks(requests, limits, r, q);
    }
    if desk.free(limits) < need {
        return Beside::Plain;
    }
    desk.run_cohort(due);
    step_within(order, desk, requests, limits, limits.token_budget - size);
    Beside::Formed
}

/// One step.
pub(super) fn step(
    order: &mut impl Order,
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
) {
    step_within(order, desk, requests, limits, limits.token_budget);
}

fn step_within(
    order: &mut impl Order,
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    budget: u32,
) {
    let before = desk.evictions;
    let budget = running(order, desk, requests, limits, budget);
    let preempted = desk.evictions > before;
    if preempted {
        sort(order, desk, requests);
        desk.stop = Stop::Preempted;
    }
    // A lone request that preempted itself would otherwise wait for an event that may never come.
    if !preempted || desk.batch_len() == 0 {
        waiting(order, desk, requests, limits, budget);
    }
}

fn sort(order: &impl Order, desk: &mut Desk, requests: &Requests) {
    sort_ids(desk.queue.make_contiguous(), &mut |a, b| {
        (order.key(requests, a).total_cmp(&order.key(requests, b))).then(a.cmp(&b))
    });
}

/// Evicts the running request at `place`; if it was chosen in this step, its tokens go back to
/// the budget.
fn evict(
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    place: usize,
    budget: &mut u32,
) -> Option<u32> {
    let victim = desk.held.remove(place)?;
    if let Some(at) = desk.batch.iter().position(|e| e.request == victim) {
        *budget += desk.batch.remove(at).tokens;
    }
    desk.evict(requests, limits, victim);
    Some(victim)
}

fn running(
    order: &impl Order,
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    mut budget: u32,
) -> u32 {
    let mut i = 0;
    'next: while budget > 0 && i < desk.held.len() {
        let r = desk.held[i];
        let q = wanted_tokens(requests, r, budget);
        let need = missing_blocks(requests, limits, r, q);
        while q > 0 && desk.free(limits) < need {
            let Some(place) = order.victim(desk, requests) else {
                return budget;
            };
            let victim = evict(desk, requests, limits, place, &mut budget);
            if victim == Some(r) {
                // Those behind it go on: an order may choose its victim from the middle.
                continue 'next;
            }
            i -= usize::from(place < i);
        }
        if q > 0 {
            desk.allocate(requests, r, need);
            desk.run(requests, r, q);
            budget -= q;
        }
        i += 1;
    }
    budget
}

fn waiting(
    order: &mut impl Order,
    desk: &mut Desk,
    requests: &mut Requests,
    limits: &Limits,
    mut budget: u32,
) {
    desk.stop = match desk.stop {
        Stop::Preempted => Stop::Preempted,
        _ => Stop::None,
    };
    while let Some(place) = order.pick(desk, requests) {
        let r = desk.queue[place];
        let admitted = if budget == 0 {
            Err(Stop::Budget(limits.token_budget))
        } else if desk.cohort.len() + desk.held.len() >= limits.batch_cap as usize {
            Err(Stop::Holders(limits.batch_cap))
        } else {
            admit(desk, requests, limits, r, budget)
        };
        let stop = match admitted {
            Ok(q) => {
                desk.queue.remove(place);
                budget -= q;
                order.admitted(requests, r);
                continue;
            }
            Err(stop) => stop,
        };
        desk.stop = stop;
        let worse = order.preemptive()
            && order.victim(desk, requests).is_some_and(|v| {
                let victim = desk.held[v];
                before(
                    (order.key(requests, r), r),
                    (order.key(requests, victim), victim),
                )
            });
        let Some(victim) = worse.then(|| order.victim(desk, requests)).flatten() else {
            return;
        };
        evict(desk, requests, limits, victim, &mut budget);
        sort(order, desk, requests);
    }
}
