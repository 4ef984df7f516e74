//! BlendServe: "BlendServe: optimizing offline inference for auto-regressive large models with
//! resource-aware batching" (arXiv 2411.16102). The waiting requests of an offline batch stand in
//! a tree of shared prefixes, sorted by compute density; two scanners admit from both ends of it,
//! so that requests that compute and requests that read memory run side by side.

use super::blend_tree::{Load, Plan, plan};
use super::ordered::{self, Order};
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::core::sort_ids;
use crate::labs::serving::config::BlendOrder;
use crate::labs::serving::engine::{
    Beside, CohortRule, Desk, Entry, Limits, Note, Phase, Requests,
};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "BlendServe",
    exhibit: "blendserve",
    features: &[
        Feature::Budget,
        Feature::Allocation,
        Feature::PrefixCache,
        Feature::Predicted,
    ],
    make: |config| Box::new(BlendServe::new(config.blend_order)),
};

/// The planned queue is only planned anew when this many times fewer requests came since.
const REPLAN_PART: usize = 8;

/// Which end of the plan a request was admitted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

/// What is known about a request in the plan.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its place from the left; behind all others while it is not planned.
    rank: f64,
    load: Load,
    /// Tokens it holds on average: the prompt and half of the output.
    held: u64,
    /// Where it was admitted.
    end: Option<End>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            rank: f64::INFINITY,
            load: Load::default(),
            held: 0,
            end: None,
        }
    }
}

/// The plan and what runs of it.
#[derive(Debug, Clone)]
pub struct BlendServe {
    order: BlendOrder,
    /// By request.
    places: Vec<Place>,
    /// Waiting requests that are planned: the first ones of the queue.
    planned: usize,
    /// Density of the whole plan.
    density: f64,
    /// Mean tokens held by those admitted from the left and from the right.
    held: [u64; 2],
}

impl BlendServe {
    /// With an order of the batch.
    pub fn new(order: BlendOrder) -> Self {
        Self {
            order,
            places: Vec::new(),
            planned: 0,
            density: 0.0,
            held: [0; 2],
        }
    }

    fn place(&self, r: u32) -> Place {
        self.places.get(r as usize).copied().unwrap_or_default()
    }

    /// Plans the queue where enough has come since the last time.
    fn plan(&mut self, desk: &mut Desk, requests: &Requests, limits: &Limits) {
        self.planned = desk
            .queue
            .partition_point(|&r| self.place(r).rank.is_finite());
        let fresh = desk.queue.len() - self.planned;
        if fresh == 0 || fresh * REPLAN_PART < self.planned {
            return;
        }
        let waiting: Vec<(u32, u32)> = (desk.queue.iter())
            .map(|&r| (r, expected(requests, limits, r)))
            .collect();
        let by_density = self.order == BlendOrder::DualScan;
        let Plan { order, load, .. } = plan(&limits.cost, requests, &waiting, by_density);
        self.density = load.density();
        if self.places.len() < requests.len() {
            self.places.resize(requests.len(), Place::default());
        }
        for &(r, output) in &waiting {
            let prompt = u64::from(requests.prefill[r as usize]);
            self.places[r as usize].held = prompt + u64::from(output) / 2;
        }
        for (rank, &(r, load)) in order.iter().enumerate() {
            let place = &mut self.places[r as usize];
            place.load = load;
            place.rank = match self.order {
                BlendOrder::Arrival => f64::from(r),
                BlendOrder::DualScan | BlendOrder::DepthFirst => rank as f64,
            };
        }
        let mut queue: Vec<u32> = desk.queue.drain(..).collect();
        sort_ids(&mut queue, &mut |a, b| {
            let rank = |r: u32| self.places[r as usize].rank;
            rank(a).total_cmp(&rank(b)).then(a.cmp(&b))
        });
        desk.queue.extend(queue);
        self.planned = desk.queue.len();
    }

    /// Share of the memory that requests from the left should hold, so that all together ask for
    /// computing and reading as the whole plan does: ρ = w·ρ_left + (1 − w)·ρ_right.
    fn left_share(&self, left: Load, right: Load) -> f64 {
        let (dense, sparse) = (left.density(), right.density());
        if dense <= sparse {
            return 0.5;
        }
        ((self.density - sparse) / (dense - sparse)).clamp(0.0, 1.0)
    }

    /// The end whose turn it is.
    fn turn(&self, left: Load, right: Load) -> End {
        let all = (self.held[0] + self.held[1]) as f64;
        if self.held[0] as f64 <= self.left_share(left, right) * all {
            End::Left
        } else {
            End::Right
        }
    }

    /// A request holds its memory no more.
    fn gone(&mut self, r: u32) {
        let Some(place) = self.places.get_mut(r as usize) else {
            return;
        };
        if let Some(end) = place.end.take() {
            self.held[end as usize] -= place.held;
        }
    }

    /// Accounts for those who were preempted in this step.
    fn preempted(&mut self, desk: &Desk) {
        for note in &desk.notes {
            if let Note::Evicted { request, .. } = note {
                self.gone(*request);
            }
        }
    }
}

/// Output tokens expected of a request from now on.
fn expected(requests: &Requests, limits: &Limits, r: u32) -> u32 {
    let all = requests.tags.predicted(r).round();
    let left = all - f64::from(requests.produced(r));
    (left.clamp(1.0, f64::from(limits.max_new_tokens.max(1)))) as u32
}

impl Order for BlendServe {
    fn key(&self, _requests: &Requests, r: u32) -> f64 {
        self.place(r).rank
    }

    fn pick(&self, desk: &Desk, _requests: &Requests) -> Option<usize> {
        let last = match self.order {
            // Whoever is not planned yet waits behind the plan.
            BlendOrder::DualScan => self.planned.min(desk.queue.len()).checked_sub(1),
            BlendOrder::DepthFirst | BlendOrder::Arrival => None,
        };
        let Some(last) = last else {
            return (!desk.queue.is_empty()).then_some(0);
        };
        let load = |place: usize| self.place(desk.queue[place]).load;
        Some(match self.turn(load(0), load(last)) {
            End::Left => 0,
            End::Right => last,
        })
    }

    fn admitted(&mut self, _requests: &Requests, r: u32) {
        self.planned = self.planned.saturating_sub(1);
        let dense = self.place(r).load.density() > self.density;
        if let Some(place) = self.places.get_mut(r as usize) {
            let end = if dense { End::Left } else { End::Right };
            place.end = Some(end);
            self.held[end as usize] += place.held;
        }
    }
}

impl Policy for BlendServe {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.plan(desk, requests, limits);
        ordered::step(self, desk, requests, limits);
        self.preempted(desk);
    }

    fn arrived(&mut self, desk: &mut Desk, requests: &Requests, _limits: &Limits, r: u32) {
        if let Some(place) = self.places.get_mut(r as usize) {
            *place = Place::default();
        }
        ordered::enqueue(self, desk, requests, r);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        for entry in batch {
            if requests.phase[entry.request as usize] == Phase::Done {
                self.gone(entry.request);
            }
        }
        retire(desk, requests, batch);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(ordered::COHORT)
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        self.plan(desk, requests, limits);
        ordered::beside(self, desk, requests, limits)
    }

    fn why(&self, desk: &Desk, _requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let Some(at) = desk.queue.iter().position(|&q| q == r) else {
            return Vec::new();
        };
        let place = self.place(r);
        if !place.rank.is_finite() {
            return vec!["Order: it came after the batch was planned.".to_owned()];
        }
        let mut lines = vec![format!(
            "Density: it computes {:.2} times as long as it reads memory, the whole batch {:.2} times.",
            place.load.density(),
            self.density
        )];
        lines.push(match self.order {
            BlendOrder::DualScan => format!(
                "Order: {at} waiting stand to its left, which are admitted from the left, and {} to its right.",
                desk.queue.len() - 1 - at
            ),
            BlendOrder::DepthFirst => format!("Order: {at} stand before it in the prefix tree."),
            BlendOrder::Arrival => format!("Order: {at} came before it."),
        });
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
    use crate::labs::serving::policies::tests::{Batches, limits, run_tagged};

    #[test]
    fn requests_are_admitted_from_both_ends_in_the_ratio_of_the_whole_batch() {
        let limits = Limits {
            num_blocks: 10_000,
            token_budget: 60,
            quirks: Quirks::NONE,
            cost: [1.0, 1e-2, 0.0, 1e-3, 1e-4].into(),
            ..limits()
        };
        // Three that compute, three that read; nobody shares.
        let requests = [(1, 1), (50, 2), (5, 40), (50, 2), (5, 40), (50, 2), (5, 40)];
        let tags = Tags {
            predicted: requests.iter().map(|r| f64::from(r.1)).collect(),
            ..Tags::default()
        };
        let policy = BlendServe::new(BlendOrder::DualScan);
        let (batches, engine) = run_tagged(&policy, limits.clone(), &requests, tags.clone());
        // The first runs alone; then the densest and the least dense.
        let second: Vec<u32> = batches[1].1.iter().map(|e| e.0).collect();
        assert_eq!(second, [1, 6, 4], "{batches:?}");
        assert_eq!(engine.finished(), 7);
        let depth = BlendServe::new(BlendOrder::DepthFirst);
        let (batches, _) = run_tagged(&depth, limits, &requests, tags);
        let want: Batches = vec![(0.0, vec![(0, 1)]), (1.01, vec![(1, 50), (2, 5), (3, 5)])];
        assert_eq!(batches[..2], want);
    }
}
