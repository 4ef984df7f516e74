//! Two batches at once on one instance, which share its memory: prompts in one lane, everything
//! else in the other. Either both go on, each with its share of the processors, or the first lane
//! makes the second one stand still. Whenever a batch begins or ends in one lane, the end of the
//! other one is moved.
//!
//! After "semi-PD: towards efficient LLM serving via phase-wise disaggregated computation and
//! unified storage" (arXiv 2504.19867, repository infinigence/Semi-PD) and "Priority-aware
//! preemptive scheduling for mixed-priority workloads in MoE inference" (arXiv 2503.09304).

use super::desk::Entry;
use super::event_loop::{Engine, Stage};
use super::events::{Dated, StageEnd};
use super::requests::Requests;
use super::sink::Sink;
use crate::cost::Demand;
use std::cmp::Reverse;

/// One of two batches of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Prompts; under preemption the urgent ones.
    Prompts,
    /// All others.
    Rest,
}

impl Lane {
    fn other(self) -> usize {
        1 - self as usize
    }
}

/// How two batches get along.
#[derive(Debug, Clone, PartialEq)]
pub enum LanePlan {
    /// Both go on.
    Split(Split),
    /// The second stands still while the first runs, from the end of one of so many pieces of an
    /// iteration on: its layers, or their parts.
    Preempt(u32),
}

/// Shares of the processors.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Of prompts and of decodes. Where they add up to more than 1 and both run, each gets its part
    /// of the sum.
    pub shares: [f64; 2],
    /// How they follow the load, if they do.
    pub tuning: Option<Tuning>,
}

/// Shares moved by the latencies seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Seconds between two decisions, at least.
    pub period_secs: f64,
    /// By class: targets for the first token and per further token.
    pub targets: [[f64; 2]; 2],
}

/// How far a decision moves the shares, and their bounds.
const STEP: f64 = 0.1;
const BOUNDS: [f64; 2] = [0.1, 0.9];

/// What a batch asks for: seconds of computing with all processors, seconds of reading memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// Seconds of computing.
    pub compute: f64,
    /// Seconds of reading memory, with what is fixed.
    pub memory: f64,
    /// Its share of the processors.
    pub share: f64,
}

impl Ask {
    fn new(demand: &Demand, share: f64, slowdown: f64) -> Self {
        Self {
            compute: demand.compute * slowdown,
            memory: (demand.kv + demand.weights + demand.fixed) * slowdown,
            share,
        }
    }

    /// Seconds of this batch beside another one: computing takes 1/share as long; where both
    /// together would read more than there is bandwidth, reading is stretched for both.
    pub fn seconds_beside(&self, other: Option<&Self>) -> f64 {
        let Some(other) = other else {
            return self.compute / self.share + self.memory;
        };
        let sum = (self.share + other.share).max(1.0);
        let alone = |ask: &Self| ask.compute * sum / ask.share + ask.memory;
        let used = |ask: &Self| ask.memory / alone(ask).max(f64::MIN_POSITIVE);
        let stretch = (used(self) + used(other)).max(1.0);
        self.compute * sum / self.share + self.memory * stretch
    }
}

/// A batch in its lane.
#[derive(Debug, Clone, Copy)]
struct Running {
    flight: u32,
    ask: Ask,
    /// The part still to do at `since`.
    left: f64,
    since: f64,
    /// Seconds of the whole batch as things are; none while it stands still.
    whole: Option<f64>,
}

/// What was seen since the last decision: late ones and all, of first tokens and of further ones.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    late: [u64; 2],
    all: [u64; 2],
}

/// The two lanes of an instance.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    plan: LanePlan,
    shares: [f64; 2],
    running: [Option<Running>; 2],
    seen: Seen,
    decided_at: f64,
}

impl Lanes {
    fn new(plan: LanePlan) -> Self {
        let shares = match &plan {
            LanePlan::Split(split) => split.shares,
            LanePlan::Preempt(_) => [1.0; 2],
        };
        Self {
            plan,
            shares,
            running: [None; 2],
            seen: Seen::default(),
            decided_at: 0.0,
        }
    }

    /// As new; returns the batch that stood still, of which no end was to come.
    pub(super) fn reset(&mut self) -> Option<u32> {
        let still = self.running[1].filter(|r| r.whole.is_none());
        *self = Self::new(self.plan.clone());
        still.map(|r| r.flight)
    }

    /// The part of the processors that a lane has while both run.
    pub(super) fn part(&self, lane: Lane) -> f64 {
        match self.plan {
            LanePlan::Split(_) => {
                self.shares[lane as usize] / (self.shares[0] + self.shares[1]).max(1.0)
            }
            LanePlan::Preempt(_) => 1.0,
        }
    }

    /// What a batch of a lane asks for.
    pub(super) fn ask(&self, lane: Lane, demand: &Demand, slowdown: f64) -> Ask {
        Ask::new(demand, self.shares[lane as usize], slowdown)
    }

    /// Seconds of a batch of a lane as things are.
    pub(super) fn seconds(&self, lane: Lane, ask: &Ask) -> f64 {
        let beside = match self.plan {
            LanePlan::Split(_) => self.running[lane.other()].as_ref().map(|r| &r.ask),
            LanePlan::Preempt(_) => None,
        };
        ask.seconds_beside(beside)
    }

    fn may_start(&self, lane: Lane) -> bool {
        let free = self.running[lane as usize].is_none();
        free && (matches!(self.plan, LanePlan::Split(_))
            || lane == Lane::Prompts
            || self.running[0].is_none())
    }

    /// Moves the share towards the side that misses its targets more often.
    fn decide(&mut self, waiting_late: u64) -> bool {
        let mut seen = std::mem::take(&mut self.seen);
        seen.late[0] += waiting_late;
        seen.all[0] += waiting_late;
        let share = |side: usize| seen.late[side] as f64 / (seen.all[side] as f64).max(1.0);
        let by = match share(0).total_cmp(&share(1)) {
            std::cmp::Ordering::Greater => STEP,
            std::cmp::Ordering::Less => -STEP,
            std::cmp::Ordering::Equal => return false,
        };
        let before = self.shares;
        let prompts = (self.shares[0] + by).clamp(BOUNDS[0], BOUNDS[1]);
        self.shares = [prompts, 1.0 - prompts];
        self.shares != before
    }
}

impl Engine {
    /// The same run with two lanes on every instance. Requests are then looked at one by one.
    pub fn with_lanes(mut self, plan: Option<LanePlan>) -> Self {
        let Some(plan) = plan else {
            return self;
        };
        for replica in &mut self.replicas {
            replica.rule = None;
            replica.stages = vec![Stage::default(); 2];
            replica.lanes = Some(Box::new(Lanes::new(plan.clone())));
        }
        self
    }

    /// Forms a batch in every lane that is free.
    pub(super) fn form_lanes(&mut self, index: usize, sink: &mut dyn Sink) {
        let may = |engine: &Self, lane: Lane| {
            let lanes = engine.replicas[index].lanes.as_ref();
            lanes.is_some_and(|l| l.may_start(lane))
        };
        let preempts = self.replicas[index]
            .lanes
            .as_ref()
            .is_some_and(|l| matches!(l.plan, LanePlan::Preempt(_)));
        let order = if preempts {
            [Lane::Prompts, Lane::Rest]
        } else {
            // Who decodes may have to give memory back, which the queue then finds free.
            [Lane::Rest, Lane::Prompts]
        };
        for lane in order {
            if lane == Lane::Rest {
                self.go_on(index);
            }
            if may(self, lane) {
                self.form_one(index, Some(lane), sink);
            }
        }
    }

    /// Starts a batch in its lane and moves the end of the other one.
    pub(super) fn start_in_lane(
        &mut self,
        index: usize,
        lane: Lane,
        flight: u32,
        ask: Ask,
        sink: &mut dyn Sink,
    ) {
        let now = self.now;
        let iteration = self.flights[flight as usize].iteration;
        let whole = self.flights[flight as usize].stage_secs;
        let replica = &mut self.replicas[index];
        replica.stages[lane as usize].busy = true;
        let Some(lanes) = &mut replica.lanes else {
            return;
        };
        let mut start = now;
        let mut still = None;
        if let (LanePlan::Preempt(pieces), Lane::Prompts, Some(other)) =
            (&lanes.plan, lane, &mut lanes.running[1])
            && let Some(secs) = other.whole
        {
            let left = (other.left - (now - other.since) / secs).max(0.0);
            let pieces = f64::from((*pieces).max(1));
            // The piece that runs is finished first, at least one of each batch.
            let after = (left * pieces).floor().min(pieces - 1.0) / pieces;
            start = now + (left - after) * secs;
            if after > 0.0 {
                (other.left, other.since, other.whole) = (after, start, None);
                still = Some(other.flight);
            }
            sink.paused(now, index as u32, start - now);
        }
        lanes.running[lane as usize] = Some(Running {
            flight,
            ask,
            left: 1.0,
            since: start,
            whole: Some(whole),
        });
        if let Some(flight) = still {
            self.drop_end(flight);
        }
        self.plan_end(index, lane as usize, flight, start + whole);
        self.retime(index, lane.other());
        sink.started(iteration, start);
    }

    /// A batch left its lane.
    pub(super) fn end_in_lane(&mut self, index: usize, lane: usize) {
        if let Some(lanes) = &mut self.replicas[index].lanes {
            lanes.running[lane] = None;
            self.retime(index, 1 - lane);
        }
    }

    /// Moves the end of a batch to where it is as things are now.
    fn retime(&mut self, index: usize, lane: usize) {
        let now = self.now;
        let Some(lanes) = &mut self.replicas[index].lanes else {
            return;
        };
        let beside = lanes.running[1 - lane].map(|r| r.ask);
        let (LanePlan::Split(_), Some(running)) = (&lanes.plan, &mut lanes.running[lane]) else {
            return;
        };
        let Some(was) = running.whole else { return };
        let whole = running.ask.seconds_beside(beside.as_ref());
        running.left = (running.left - (now - running.since) / was).max(0.0);
        (running.since, running.whole) = (now, Some(whole));
        let (flight, at) = (running.flight, now + running.left * whole);
        self.drop_end(flight);
        self.plan_end(index, lane, flight, at);
    }

    /// A batch that stood still goes on, unless there is something more urgent.
    fn go_on(&mut self, index: usize) {
        let now = self.now;
        let Some(lanes) = &mut self.replicas[index].lanes else {
            return;
        };
        let (None, Some(running)) = (lanes.running[0], &mut lanes.running[1]) else {
            return;
        };
        if running.whole.is_some() {
            return;
        }
        let whole = running.ask.seconds_beside(None);
        (running.since, running.whole) = (now, Some(whole));
        let (flight, at) = (running.flight, now + running.left * whole);
        self.plan_end(index, Lane::Rest as usize, flight, at);
    }

    fn drop_end(&mut self, flight: u32) {
        self.ends.retain(|Reverse(e)| e.what.flight != flight);
    }

    fn plan_end(&mut self, index: usize, lane: usize, flight: u32, at: f64) {
        self.ends.push(Reverse(Dated {
            at,
            created: self.created,
            what: StageEnd {
                replica: index as u32,
                stage: lane as u32,
                flight,
            },
        }));
        self.created += 1;
    }

    /// After a batch: counts who met the targets, and now and then moves the shares.
    pub(super) fn tune_shares(&mut self, index: usize, batch: &[Entry], sink: &mut dyn Sink) {
        let now = self.now;
        let replica = &mut self.replicas[index];
        let Some(lanes) = &mut replica.lanes else {
            return;
        };
        let LanePlan::Split(Split {
            tuning: Some(tuning),
            ..
        }) = &lanes.plan
        else {
            return;
        };
        let requests = &self.requests;
        let target = |r: u32| tuning.targets[usize::from(requests.tags.class(r) > 0)];
        for entry in batch {
            let Some((side, secs)) = latency(requests, entry, now) else {
                continue;
            };
            lanes.seen.all[side] += 1;
            lanes.seen.late[side] += u64::from(secs > target(entry.request)[side]);
        }
        if now - lanes.decided_at < tuning.period_secs {
            return;
        }
        let late = |r: &&u32| {
            let r = **r;
            requests.produced(r) == 0 && now - requests.arrival[r as usize] > target(r)[0]
        };
        let waiting_late = replica.desk.queue.iter().filter(late).count() as u64;
        lanes.decided_at = now;
        if lanes.decide(waiting_late) {
            sink.shared(now, index as u32, lanes.shares[0]);
        }
    }

    /// Share of the processors of an instance that prompts have, where two lanes share them.
    pub fn prompt_share(&self, instance: usize) -> Option<f64> {
        let lanes = self.replicas[instance].lanes.as_ref()?;
        matches!(lanes.plan, LanePlan::Split(_)).then_some(lanes.shares[0])
    }
}

/// Seconds to the first token (side 0), or mean seconds per further token so far (side 1), for an
/// entry of a batch that ends now.
fn latency(requests: &Requests, entry: &Entry, now: f64) -> Option<(usize, f64)> {
    let i = entry.request as usize;
    let first = requests.first_at[i];
    if first == now {
        return Some((0, now - requests.arrival[i]));
    }
    let further = requests.produced(entry.request).checked_sub(1)?;
    (further > 0 && !entry.prefill).then(|| (1, (now - first) / f64::from(further)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(compute: f64, memory: f64, share: f64) -> Ask {
        Ask {
            compute,
            memory,
            share,
        }
    }

    #[test]
    fn computing_takes_one_over_the_share_and_reading_is_stretched_where_both_want_too_much() {
        let prompts = ask(0.08, 0.0, 0.8);
        assert!((prompts.seconds_beside(None) - 0.1).abs() < 1e-12);
        // 0.8 + 1.0 is more than there is: 4/9 and 5/9 while both run.
        let decodes = ask(0.005, 0.0, 1.0);
        assert!((prompts.seconds_beside(Some(&decodes)) - 0.18).abs() < 1e-12);
        assert!((decodes.seconds_beside(Some(&prompts)) - 0.009).abs() < 1e-12);
        // Two that only read take twice as long each, as if one after the other.
        let reads = ask(0.0, 0.03, 0.5);
        assert!((reads.seconds_beside(Some(&reads)) - 0.06).abs() < 1e-12);
        // Half of the bandwidth and a quarter of it: nobody waits.
        let half = ask(0.5, 1.0, 0.5);
        let quarter = ask(1.5, 1.0, 0.5);
        assert_eq!(half.seconds_beside(Some(&quarter)), 2.0);
    }

    #[test]
    fn the_share_follows_the_side_that_misses_more_within_bounds() {
        let mut lanes = Lanes::new(LanePlan::Split(Split {
            shares: [0.5, 0.5],
            tuning: None,
        }));
        lanes.seen = Seen {
            late: [3, 1],
            all: [4, 10],
        };
        assert!(lanes.decide(0));
        assert!((lanes.shares[0] - 0.6).abs() < 1e-12);
        for _ in 0..20 {
            lanes.seen.late[1] = 5;
            lanes.seen.all[1] = 5;
            lanes.decide(0);
        }
        assert!((lanes.shares[0] - 0.1).abs() < 1e-12, "{:?}", lanes.shares);
        assert!(!lanes.decide(0), "nothing seen, nothing moved");
        assert!(lanes.decide(7), "seven wait for too long");
    }
}
