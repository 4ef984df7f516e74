//! Instances that start when free memory per request is short on average, and stop when there is
//! plenty (Llumnix, section 4.4.3); or that start when an arrival is foretold to end late (Block,
//! arXiv 2508.03611).

use super::super::event_loop::Engine;
use super::super::events::Side;
use super::super::sink::Sink;
use super::Standing;

/// When an instance starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StartRule {
    /// When the mean of free blocks per request is below this, at a look over the instances.
    Memory(f64),
    /// When an arrival is foretold to end in so many seconds or more, wherever it goes.
    Foretold(f64),
}

/// When instances start and stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Instances that are on at the start and always.
    pub least: u32,
    /// When one more starts.
    pub start: StartRule,
    /// Free blocks per request above which one stops: the mean over the instances, or under
    /// [`StartRule::Foretold`] that of all together.
    pub stop_above: f64,
    /// Seconds between the decision and its first request.
    pub start_secs: f64,
}

impl Engine {
    /// Decides once about starting or stopping an instance; not while another one changes.
    pub(super) fn scale(&mut self, sink: &mut dyn Sink) {
        let Some(scale) = self.fleet.as_ref().and_then(|f| f.plan.scale) else {
            return;
        };
        let all = 0..self.replicas.len();
        let standing = |i: &usize| self.standing(*i);
        if (all.clone()).any(|i| matches!(standing(&i), Standing::Starting | Standing::Draining)) {
            return;
        }
        let serving: Vec<usize> = (all.clone())
            .filter(|i| standing(i) == Standing::Serving)
            .collect();
        let each = serving.iter().map(|&i| {
            let place = &self.replicas[i];
            let waiting = place.waiting_blocks(&self.requests, &self.limits, usize::MAX);
            let free = place.virtually_free(&self.limits) - waiting as f64;
            (free, f64::from(place.outstanding))
        });
        let mean = match scale.start {
            StartRule::Memory(_) => {
                each.map(|(free, n)| free / n.max(1.0)).sum::<f64>() / serving.len() as f64
            }
            // Nobody moves to a new instance: one that is still empty does not mean that all have
            // room.
            StartRule::Foretold(_) => {
                let [free, n] = each.fold([0.0; 2], |sum, own| [sum[0] + own.0, sum[1] + own.1]);
                free / n.max(1.0)
            }
        };
        let short = matches!(scale.start, StartRule::Memory(below) if mean < below);
        if serving.is_empty() || short {
            self.start_one(scale.start_secs, sink);
        } else if mean > scale.stop_above && serving.len() > scale.least as usize {
            let least = |i: &&usize| (self.replicas[**i].outstanding, std::cmp::Reverse(**i));
            if let Some(&i) = serving.iter().min_by_key(least) {
                self.drain(i, sink);
            }
        }
    }

    /// Starts an instance that is off, if there is one.
    fn start_one(&mut self, secs: f64, sink: &mut dyn Sink) {
        let mut all = 0..self.replicas.len();
        if let Some(i) = all.find(|&i| self.standing(i) == Standing::Off) {
            self.stand(i, Standing::Starting, sink);
            self.plan(self.now + secs, Side::Ready(i as u32));
        }
    }

    /// An arrival is foretold to end in so many seconds where that is soonest: where that is too
    /// late an instance starts, unless one does already.
    pub(in super::super) fn provision(&mut self, secs: f64, sink: &mut dyn Sink) {
        let Some(scale) = self.fleet.as_ref().and_then(|f| f.plan.scale) else {
            return;
        };
        let starting = |i| self.standing(i) == Standing::Starting;
        let late = matches!(scale.start, StartRule::Foretold(most) if secs >= most);
        if late && !(0..self.replicas.len()).any(starting) {
            self.start_one(scale.start_secs, sink);
        }
    }

    /// Closes an instance; who waits there goes elsewhere.
    fn drain(&mut self, instance: usize, sink: &mut dyn Sink) {
        self.stand(instance, Standing::Draining, sink);
        let waiting = std::mem::take(&mut self.replicas[instance].desk.queue);
        for r in waiting {
            self.replicas[instance].leaves(&self.requests, r);
            self.route(r, sink);
        }
    }

    /// An instance that was started takes arrivals.
    pub(in super::super) fn ready(&mut self, instance: usize, at: f64, sink: &mut dyn Sink) {
        if self.standing(instance) == Standing::Starting {
            self.now = at;
            self.stand(instance, Standing::Serving, sink);
            self.welcome(instance, sink);
        }
    }
}
