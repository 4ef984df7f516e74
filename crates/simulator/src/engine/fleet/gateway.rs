//! Forwarding on demand and a changing split of the instances.
//!
//! After "P/D-Serve: serving disaggregated large language model at scale" (arXiv 2408.08147):
//! requests wait at the gateway, which tries the prefill instances in order; one that is not idle
//! refuses. From time to time the split is chosen anew so that both sides can serve equally many
//! requests.

use super::super::event_loop::Engine;
use super::super::requests::{Phase, Requests};
use super::super::sink::{Incident, Sink, Turn};
use super::super::{Entry, Limits};
use super::Standing;

/// What both sides did since the split was last looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worked {
    /// Seconds of batches on the prefill side.
    prefill_secs: f64,
    /// Prompts done there.
    prompts: u32,
    /// Seconds of batches on the decode side times their requests: residence.
    residence: f64,
    /// The same times blocks in use.
    block_secs: f64,
    /// Requests that ended there.
    ended: u32,
}

impl Worked {
    /// Seconds that a request costs an instance of each side. On the decode side that is its
    /// residence over the batch that memory would hold, not over the one of now: a half-empty
    /// instance could take more in the same time.
    fn costs(&self, limits: &Limits) -> Option<[f64; 2]> {
        if self.prompts == 0 || self.ended == 0 {
            return None;
        }
        let fit = f64::from(limits.num_blocks) * self.residence / self.block_secs;
        let batch = fit.clamp(1.0, f64::from(limits.batch_cap));
        Some([
            self.prefill_secs / f64::from(self.prompts),
            self.residence / f64::from(self.ended) / batch,
        ])
    }
}

impl Engine {
    /// The first prefill instance that is idle and has room for the prompt.
    fn idle_instance(&self, r: u32) -> Option<u32> {
        let need = self.limits.blocks_for(self.requests.prefill[r as usize]);
        let need = need.saturating_add(self.limits.watermark_blocks);
        (self.open.iter().copied()).find(|&i| {
            let place = &self.replicas[i as usize];
            place.outstanding == 0 && place.desk.free(&self.limits) >= need
        })
    }

    /// Whether requests wait at the gateway for an idle instance.
    pub(in super::super) fn forwards(&self) -> bool {
        let asked = self.fleet.as_ref().is_some_and(|f| f.plan.on_demand);
        asked && self.between.is_some()
    }

    /// Where a request goes under forwarding on demand: to an idle instance, else it stays at the
    /// gateway. Those who came before it go first.
    pub(in super::super) fn forwarded(&mut self, r: u32) -> Option<u32> {
        let first = (self.fleet.as_ref()).is_some_and(|f| f.nowhere.is_empty());
        first.then(|| self.idle_instance(r)).flatten()
    }

    /// Sends those at the gateway on, as far as instances are idle.
    pub(super) fn forward_waiting(&mut self, sink: &mut dyn Sink) {
        while let Some(&r) = self.fleet.as_ref().and_then(|f| f.nowhere.front()) {
            let Some(to) = self.idle_instance(r) else {
                return;
            };
            if let Some(fleet) = &mut self.fleet {
                fleet.nowhere.pop_front();
            }
            self.seat(r, to, sink);
        }
    }

    /// How many wait at the gateway before this request, if it waits there.
    pub fn at_gateway(&self, r: u32) -> Option<usize> {
        let fleet = self.fleet.as_ref()?;
        fleet.nowhere.iter().position(|&n| n == r)
    }

    /// Requests at the gateway, in order.
    pub fn gateway(&self) -> impl Iterator<Item = u32> + '_ {
        let fleet = self.fleet.iter();
        fleet.flat_map(|f| f.nowhere.iter().copied())
    }

    /// Counts a batch for the split.
    pub(in super::super) fn count_work(&mut self, index: usize, secs: f64, batch: &[Entry]) {
        let Some(between) = &self.between else { return };
        let decodes = index >= between.prefill();
        let requests: &Requests = &self.requests;
        let done = (batch.iter()).filter(|e| {
            let phase = requests.phase[e.request as usize];
            phase == Phase::Done || (!decodes && phase == Phase::Transfer)
        });
        let done = done.count() as u32;
        let used = f64::from(self.replicas[index].desk.used);
        let Some(fleet) = &mut self.fleet else { return };
        let worked = &mut fleet.worked;
        if decodes {
            worked.residence += secs * batch.len() as f64;
            worked.block_secs += secs * used;
            worked.ended += done;
        } else {
            worked.prefill_secs += secs;
            worked.prompts += done;
        }
    }

    /// Chooses the split anew when it is due: instances of both sides in proportion to the seconds
    /// that a request costs there, one instance at a time.
    pub(super) fn tune_split(&mut self) {
        let (Some(fleet), Some(between)) = (&mut self.fleet, &self.between) else {
            return;
        };
        let Some(every) = fleet.plan.split_secs else {
            return;
        };
        let settled = fleet.standing.iter().all(|s| *s == Standing::Serving);
        if self.now < fleet.split_at + every || !settled {
            return;
        }
        fleet.split_at = self.now;
        let Some(cost) = std::mem::take(&mut fleet.worked).costs(&self.limits) else {
            return;
        };
        let n = self.replicas.len();
        let gap = |p: usize| (p as f64 / cost[0] - (n - p) as f64 / cost[1]).abs();
        let now = between.prefill();
        let best = (1..n).min_by(|&a, &b| gap(a).total_cmp(&gap(b)));
        let turning = match best {
            Some(best) if best < now => now - 1,
            Some(best) if best > now => now,
            _ => return,
        };
        fleet.turning = Some(turning as u32);
    }

    /// Closes the instance that is to change sides.
    pub(super) fn begin_turn(&mut self, sink: &mut dyn Sink) {
        let Some(i) = self.fleet.as_ref().and_then(|f| f.turning) else {
            return;
        };
        if self.standing(i as usize) != Standing::Serving {
            return;
        }
        self.stand(i as usize, Standing::Draining, sink);
        let waiting = std::mem::take(&mut self.replicas[i as usize].desk.queue);
        let decodes = self
            .between
            .as_ref()
            .is_some_and(|b| i as usize >= b.prefill());
        if decodes {
            // Preempted here: their tokens are computed again where they are.
            self.replicas[i as usize].desk.queue = waiting;
            let line =
                (self.between.as_mut()).map(|b| std::mem::take(&mut b.held_back[i as usize]));
            for r in line.into_iter().flatten() {
                self.replicas[i as usize].leaves(&self.requests, r);
                self.hold_back(r);
            }
            for to in 0..self.replicas.len() {
                self.let_in(to, sink);
            }
        } else {
            for r in waiting {
                self.replicas[i as usize].leaves(&self.requests, r);
                self.route(r, sink);
            }
        }
    }

    /// An instance that has run dry changes sides.
    pub(super) fn change_sides(&mut self, instance: usize, sink: &mut dyn Sink) {
        let (Some(fleet), Some(between)) = (&mut self.fleet, &mut self.between) else {
            return;
        };
        fleet.turning = None;
        fleet.standing[instance] = Standing::Serving;
        let decodes = instance >= between.prefill();
        between.pools.prefill = (instance + usize::from(decodes)) as u32;
        sink.turned(&Incident {
            at: self.now,
            instance: instance as u32,
            what: if decodes {
                Turn::Prefills
            } else {
                Turn::Decodes
            },
        });
        self.reopen();
        self.welcome(instance, sink);
    }
}
