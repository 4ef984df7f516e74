//! What happened to clients and expert servers.

use super::super::fault::ServerFault;
use super::config::ExpertsConfig;

/// Windows of a run in which work is summed up.
pub(super) const WINDOWS: usize = 200;

/// A step of a client: a token for each of its sequences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stepped {
    pub(super) client: u16,
    pub(super) span: [f64; 2],
    /// Seconds of the longest wait for experts among its rounds, where, and when.
    pub(super) slowest: f64,
    pub(super) server: u16,
    pub(super) round: u32,
    /// Calls sent again because their server was gone.
    pub(super) again: u32,
}

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutageKind {
    Dead,
    Slow,
    SlowLink,
    Loading,
    Stopped,
}

/// A time at which something is wrong with a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) server: u16,
    pub(super) kind: OutageKind,
    pub(super) span: [f64; 2],
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) steps: Vec<Stepped>,
    /// Busy seconds of each server in each window.
    pub(super) busy: Vec<Vec<f64>>,
    pub(super) outages: Vec<Outage>,
    /// Calls sent, and sent again.
    pub(super) calls: [u64; 2],
    secs: f64,
}

impl Served {
    pub(super) fn new(config: &ExpertsConfig) -> Self {
        Self {
            steps: Vec::new(),
            busy: vec![vec![0.0; WINDOWS]; config.servers as usize],
            outages: Vec::new(),
            calls: [0; 2],
            secs: config.secs,
        }
    }

    /// Notes the fault itself.
    pub(super) fn ill(&mut self, config: &ExpertsConfig) {
        let kind = match config.fault.what {
            ServerFault::None => return,
            ServerFault::Dies => OutageKind::Dead,
            ServerFault::Slows => OutageKind::Slow,
            ServerFault::LinkSlows => OutageKind::SlowLink,
        };
        self.outages.push(Outage {
            server: config.fault.server as u16,
            kind,
            span: config.fault.span(),
        });
    }

    /// Notes a step that is over in time.
    pub(super) fn stepped(&mut self, step: Stepped) {
        if step.span[1] <= self.secs {
            self.steps.push(step);
        }
    }

    /// Notes work of a server.
    pub(super) fn worked(&mut self, server: usize, [from, to]: [f64; 2]) {
        let width = self.secs / WINDOWS as f64;
        let mut at = from;
        while at < to.min(self.secs) {
            let window = ((at / width) as usize).min(WINDOWS - 1);
            // At least a step forward, whatever rounding does.
            let end = ((window + 1) as f64 * width).max(at + 1e-12).min(to);
            self.busy[server][window] += end - at;
            at = end;
        }
    }

    /// Steps over per second in every window.
    pub(super) fn rates(&self) -> Vec<f64> {
        let width = self.secs / WINDOWS as f64;
        let mut out = vec![0.0; WINDOWS];
        for step in &self.steps {
            let window = (step.span[1] / width) as usize;
            out[window.min(WINDOWS - 1)] += 1.0 / width;
        }
        out
    }

    /// Steps that were over in a time.
    pub(super) fn count(&self, [from, to]: [f64; 2]) -> usize {
        let inside = |s: &&Stepped| from < s.span[1] && s.span[1] <= to;
        self.steps.iter().filter(inside).count()
    }
}
