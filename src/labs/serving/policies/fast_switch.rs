//! Fairness by changing priorities, and its context switches: "FastSwitch: optimizing context
//! switching efficiency in fairness-aware large language model serving" (arXiv 2411.18424). From
//! time to time all priorities are drawn anew; those at the top whose memory fits together run, and
//! whoever is in the way of one of them is swapped out, in the middle of its prompt too. What a
//! switch costs is up to the [`SwapSpace`](crate::labs::serving::engine::SwapSpace): groups of
//! blocks, copies beside the batches, copies that the host keeps.

use super::vllm_v1::{missing_blocks, retire, wanted_tokens};
use super::{Card, Feature, Policy};
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::engine::{Desk, Entry, Limits, Phase, Requests, Stop};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "FastSwitch",
    exhibit: "fastswitch",
    features: &[Feature::Budget, Feature::Switch],
    make: |config| Box::new(FastSwitch::new(config.switch_every as u32, config.seed)),
};

/// Runs whoever has a high priority now.
#[derive(Debug, Clone)]
pub struct FastSwitch {
    /// Iterations between two draws.
    every: u32,
    stream: Stream,
    /// Draws so far.
    epoch: u32,
    /// Iterations left before the next one.
    left: u32,
    /// Everybody, highest priority first; working space.
    order: Vec<u32>,
    /// Those that are to have memory; working space.
    chosen: Vec<u32>,
}

impl FastSwitch {
    /// With priorities that are drawn anew every so many iterations.
    pub fn new(every: u32, seed: u64) -> Self {
        let every = every.max(1);
        Self {
            every,
            stream: Stream::new(seed, StreamId::Policy),
            epoch: 0,
            left: every,
            order: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Everybody in the order of the priorities of now, but for those on their way out. Whoever
    /// lost its KV often enough, the host being full, stands by arrival before all others.
    fn rank(&mut self, desk: &Desk, requests: &Requests) {
        self.order.clear();
        let swapped = desk.swapped.iter().map(|s| s.request);
        let coming = desk.copying.iter().filter(|c| !c.out);
        self.order.extend(desk.held.iter().chain(&desk.queue));
        self.order
            .extend(swapped.chain(coming.map(|c| c.swapped.request)));
        let stream = self.stream.clone().step(self.epoch);
        self.order.sort_by_cached_key(|&r| {
            let patient = requests.restarts[r as usize] < super::MOST_RESTARTS;
            let draw = if patient { stream.at(u64::from(r)) } else { 0 };
            (patient, draw, r)
        });
    }

    /// Who is to have memory: from the top, as long as all of them fit together. Those on their
    /// way back have it already.
    fn choose(&mut self, desk: &Desk, requests: &Requests, limits: &Limits) {
        self.chosen.clear();
        let coming = |r: u32| desk.copying.iter().any(|c| c.swapped.request == r);
        let mut room = limits.num_blocks;
        let mut places = limits.batch_cap as usize;
        for &r in self.order.iter().filter(|&&r| coming(r)) {
            room = room.saturating_sub(blocks_to_be(requests, limits, r));
            places = places.saturating_sub(1);
        }
        for &r in self.order.iter().filter(|&&r| !coming(r)) {
            let need = blocks_to_be(requests, limits, r);
            if places > 0 && need <= room {
                self.chosen.push(r);
                room -= need;
                places -= 1;
            }
        }
    }

    /// Frees blocks for a chosen request, from the lowest priority up. With copies beside the
    /// batches they may come later.
    fn make_room(&self, desk: &mut Desk, requests: &mut Requests, limits: &Limits, need: u32) {
        for &victim in self.order.iter().rev() {
            if desk.free(limits) + desk.leaving() >= need {
                return;
            }
            let here = requests.blocks[victim as usize] > 0 && !desk.is_copying(victim);
            if !here || self.chosen.contains(&victim) {
                continue;
            }
            desk.held.retain(|&h| h != victim);
            if !desk.swap_out(requests, limits, victim) {
                desk.evict(requests, limits, victim);
            }
        }
    }

    /// Gives a chosen request its memory and puts it into the batch.
    fn place(
        &self,
        desk: &mut Desk,
        requests: &mut Requests,
        limits: &Limits,
        r: u32,
        budget: &mut u32,
    ) {
        let swapped = desk.swapped.iter().position(|s| s.request == r);
        let need = if let Some(place) = swapped {
            desk.swapped[place]
                .blocks
                .max(blocks_to_be(requests, limits, r))
        } else {
            let q = wanted_tokens(requests, r, u32::MAX);
            missing_blocks(requests, limits, r, q)
        };
        let waits = requests.phase[r as usize] == Phase::Waiting;
        if waits && *budget == 0 {
            return;
        }
        if desk.free(limits) < need {
            self.make_room(desk, requests, limits, need);
        }
        let free = desk.free(limits);
        if free < need {
            desk.stop = Stop::Blocks {
                need,
                free,
                reserve: 0,
            };
            return;
        }
        // Those who made room may stand before it now.
        match desk.swapped.iter().position(|s| s.request == r) {
            Some(place) => {
                desk.swap_in(requests, limits, place);
                if desk.is_copying(r) {
                    return;
                }
                desk.held.push_back(r);
            }
            None if waits => {
                desk.queue.retain(|&w| w != r);
                desk.held.push_back(r);
            }
            None => {}
        }
        let q = wanted_tokens(requests, r, *budget).min(*budget);
        // The whole prompt has its blocks from the beginning.
        let whole = wanted_tokens(requests, r, u32::MAX);
        let missing = missing_blocks(requests, limits, r, whole);
        desk.allocate(requests, r, missing);
        if q > 0 {
            desk.run(requests, r, q);
            *budget -= q;
        }
    }
}

/// Blocks of a request in its next iteration, its whole prompt included.
fn blocks_to_be(requests: &Requests, limits: &Limits, r: u32) -> u32 {
    let i = r as usize;
    limits
        .blocks_for(requests.processed[i].max(requests.prefill[i]))
        .max(requests.blocks[i])
}

impl Policy for FastSwitch {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        if self.left == 0 {
            self.epoch += 1;
            self.left = self.every;
        }
        self.rank(desk, requests);
        self.choose(desk, requests, limits);
        let mut budget = limits.token_budget;
        for r in self.chosen.clone() {
            self.place(desk, requests, limits, r, &mut budget);
        }
        if desk.stop == Stop::None && !(desk.queue.is_empty() && desk.swapped.is_empty()) {
            desk.stop = Stop::Rank;
        }
        self.left -= u32::from(!desk.batch.is_empty());
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
                desk.forget_copies(entry.request);
            }
        }
    }

    fn why(&self, desk: &Desk, requests: &Requests, limits: &Limits, r: u32) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(place) = self.order.iter().position(|&o| o == r) {
            lines.push(format!(
                "Priority: place {} of {} until priorities are drawn anew in {} iterations; those at the top run whose memory fits together, {} at most.",
                place + 1,
                self.order.len(),
                self.left,
                limits.batch_cap
            ));
        }
        if requests.restarts[r as usize] >= super::MOST_RESTARTS {
            lines.push(format!(
                "It had to start again {} times, the host being full: it goes before all priorities now.",
                requests.restarts[r as usize]
            ));
        }
        if let Some(copying) = desk.copying.iter().find(|c| c.swapped.request == r) {
            lines.push(format!(
                "Copy: {} of its {} blocks are on their way {}, {:.1} ms to go.",
                copying.swapped.copied,
                copying.swapped.blocks,
                if copying.out { "to the host" } else { "back" },
                (copying.until - desk.now).max(0.0) * 1e3
            ));
        } else if requests.phase[r as usize] == Phase::Swapped {
            lines.push(format!(
                "Swapped out: the KV of {} tokens lies in the memory of the host.",
                requests.kv_tokens(r)
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
    use crate::labs::serving::engine::{Engine, Note, Quirks, Sink, SwapSpace, Swapped};
    use crate::labs::serving::policies::tests::{limits, start};

    /// Copies with their times: out or back, and how many blocks.
    #[derive(Default)]
    struct Copies(Vec<(f64, bool, Swapped)>);

    impl Sink for Copies {
        fn noted(&mut self, at: f64, note: Note) {
            match note {
                Note::SwappedOut(s) => self.0.push((at, true, s)),
                Note::SwappedIn(s) => self.0.push((at, false, s)),
                _ => {}
            }
        }
    }

    /// Two requests of which one fits at a time, blocks of one token, a second per iteration.
    fn run(space: SwapSpace) -> (Engine, Vec<(f64, bool, Swapped)>) {
        let limits = Limits {
            num_blocks: 24,
            swap: Some(space),
            quirks: Quirks::NONE,
            ..limits()
        };
        let policy = FastSwitch::new(2, 1);
        let mut engine = start(
            &policy,
            limits,
            &[(10, 12); 2],
            crate::labs::serving::engine::Tags::default(),
        );
        let mut copies = Copies::default();
        while engine.advance_with(&mut copies) {}
        assert_eq!(engine.finished(), 2);
        assert_eq!(engine.desk(0).used + engine.desk(0).kept.blocks(), 0);
        (engine, copies.0)
    }

    const SPACE: SwapSpace = SwapSpace {
        blocks: 100,
        secs_per_block: 0.01,
        group: 4,
        secs_per_group: 0.1,
        beside: false,
        keeps: false,
    };

    #[test]
    fn a_switch_costs_its_blocks_and_its_groups() {
        // 10 blocks are three groups.
        assert!((SPACE.seconds(10) - 0.4).abs() < 1e-12);
        let (engine, copies) = run(SPACE);
        let outs = copies.iter().filter(|c| c.1).count();
        assert!(outs > 2 && engine.desk(0).evictions == 0, "{copies:?}");
        let copying: f64 = copies.iter().map(|c| SPACE.seconds(c.2.copied)).sum();
        let iterations = engine.iterations() as f64;
        assert!((engine.now() - iterations - copying).abs() < 1e-9);
    }

    #[test]
    fn all_end_where_the_host_is_full_and_priorities_change_faster_than_prompts_are_computed() {
        for every in [1, 3, 10] {
            let limits = Limits {
                num_blocks: 40,
                token_budget: 1,
                swap: Some(SwapSpace { blocks: 5, ..SPACE }),
                quirks: Quirks::NONE,
                ..limits()
            };
            let policy = FastSwitch::new(every, 1);
            let tags = crate::labs::serving::engine::Tags::default();
            let mut engine = start(&policy, limits, &[(18, 12); 12], tags);
            engine.advance_all(20_000, &mut Copies::default());
            assert_eq!(engine.finished(), 12, "priorities change every {every}");
            assert!(engine.desk(0).evictions > 3, "the host is full");
        }
    }

    #[test]
    fn what_the_host_has_kept_is_not_copied_again() {
        let (_, copies) = run(SwapSpace {
            keeps: true,
            ..SPACE
        });
        let outs: Vec<Swapped> = copies.iter().filter(|c| c.1).map(|c| c.2).collect();
        let mut last = std::collections::BTreeMap::new();
        let mut again = 0;
        for s in outs {
            if let Some(before) = last.insert(s.request, s.blocks) {
                assert_eq!(s.copied, s.blocks - before, "only what is new: {s:?}");
                again += 1;
            }
        }
        assert!(again > 1, "{again}");
    }

    #[test]
    fn beside_the_batches_nobody_waits_but_those_who_are_copied() {
        let (engine, copies) = run(SwapSpace {
            beside: true,
            ..SPACE
        });
        let outs = copies.iter().filter(|c| c.1).count();
        assert!(outs > 1, "{copies:?}");
        assert!(engine.desk(0).copying.is_empty());
        for pair in copies.windows(2) {
            assert!(pair[0].0 <= pair[1].0, "{copies:?}");
        }
    }
}
