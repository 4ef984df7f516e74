//! Iterations in order of forming, one row each, or several to a row where there are too many.

use super::super::engine::Formed;

/// Most rows; even, so that a full list always ends with a whole row of twice the size.
const ROWS: usize = 1 << 19;

/// Iterations in order of forming. Up to half a million there is a row for each; beyond,
/// neighbours share a row that keeps the largest batch and the largest counts.
#[derive(Debug, Clone)]
pub struct Iterations {
    /// When each was formed.
    pub formed: Vec<f64>,
    /// When it started on the first stage.
    pub started: Vec<f64>,
    /// When it left the last stage; NaN if the run stopped before.
    pub ended: Vec<f64>,
    /// Instance.
    pub replica: Vec<u32>,
    /// Requests in the batch.
    pub requests: Vec<u32>,
    /// Prompt tokens.
    pub prefill: Vec<u32>,
    /// Decodes.
    pub decodes: Vec<u32>,
    /// Waiting requests after forming, all instances.
    pub waiting: Vec<u32>,
    /// Requests that hold blocks after forming, all instances.
    pub holders: Vec<u32>,
    /// Blocks in use after forming, all instances.
    pub kv_used: Vec<u32>,
    /// Tokens that live in those blocks, all instances.
    pub kv_tokens: Vec<u64>,
    total: u64,
    stride: u64,
    most: usize,
}

impl Default for Iterations {
    fn default() -> Self {
        Self::keeping(ROWS)
    }
}

/// Counts over all instances after forming.
pub(super) struct Counts {
    pub(super) waiting: u32,
    pub(super) holders: u32,
    pub(super) kv_used: u32,
    pub(super) kv_tokens: u64,
}

impl Iterations {
    fn keeping(most: usize) -> Self {
        Self {
            formed: Vec::new(),
            started: Vec::new(),
            ended: Vec::new(),
            replica: Vec::new(),
            requests: Vec::new(),
            prefill: Vec::new(),
            decodes: Vec::new(),
            waiting: Vec::new(),
            holders: Vec::new(),
            kv_used: Vec::new(),
            kv_tokens: Vec::new(),
            total: 0,
            stride: 1,
            most,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.formed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.formed.is_empty()
    }

    /// Number of iterations.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Iterations per row (the last one may have fewer).
    pub fn per_row(&self) -> u64 {
        self.stride
    }

    /// Number of requests in the (largest) batch of row `i`.
    pub fn batch_len(&self, i: usize) -> usize {
        self.requests.get(i).map_or(0, |&n| n as usize)
    }

    pub(super) fn push(&mut self, batch: &Formed<'_>, counts: &Counts) {
        let fresh = self.total.is_multiple_of(self.stride);
        self.total += 1;
        let requests = batch.entries.len() as u32 + batch.cohort;
        let (prefill, decodes) = (batch.work.prefill as u32, batch.work.decodes as u32);
        if !fresh {
            let i = self.len() - 1;
            if prefill + decodes >= self.prefill[i] + self.decodes[i] {
                self.requests[i] = requests;
                self.prefill[i] = prefill;
                self.decodes[i] = decodes;
            }
            raise(&mut self.waiting[i], counts.waiting);
            raise(&mut self.holders[i], counts.holders);
            raise(&mut self.kv_used[i], counts.kv_used);
            self.kv_tokens[i] = self.kv_tokens[i].max(counts.kv_tokens);
            return;
        }
        if self.len() >= self.most {
            self.coarsen();
        }
        self.formed.push(batch.at);
        self.started.push(f64::NAN);
        self.ended.push(f64::NAN);
        self.replica.push(batch.replica);
        self.requests.push(requests);
        self.prefill.push(prefill);
        self.decodes.push(decodes);
        self.waiting.push(counts.waiting);
        self.holders.push(counts.holders);
        self.kv_used.push(counts.kv_used);
        self.kv_tokens.push(counts.kv_tokens);
    }

    /// An iteration starts: the first of its row counts.
    pub(super) fn start(&mut self, iteration: u64, at: f64) {
        let started = &mut self.started[(iteration / self.stride) as usize];
        if started.is_nan() {
            *started = at;
        }
    }

    /// An iteration ends: the last of its row counts.
    pub(super) fn end(&mut self, iteration: u64, at: f64) {
        self.ended[(iteration / self.stride) as usize] = at;
    }

    /// An iteration is cut short, perhaps before it started.
    pub(super) fn cut(&mut self, iteration: u64, at: f64) {
        self.start(iteration, at);
        self.end(iteration, at);
    }

    /// Merges neighbours: half as many rows.
    fn coarsen(&mut self) {
        self.stride *= 2;
        let n = self.len();
        for from in (0..n).step_by(2) {
            let (to, other) = (from / 2, (from + 1).min(n - 1));
            let size = |i: usize| self.prefill[i] + self.decodes[i];
            let larger = if size(other) >= size(from) {
                other
            } else {
                from
            };
            self.requests[to] = self.requests[larger];
            (self.prefill[to], self.decodes[to]) = (self.prefill[larger], self.decodes[larger]);
            self.formed[to] = self.formed[from];
            self.started[to] = self.started[from];
            self.ended[to] = self.ended[other];
            self.replica[to] = self.replica[from];
            self.waiting[to] = self.waiting[from].max(self.waiting[other]);
            self.holders[to] = self.holders[from].max(self.holders[other]);
            self.kv_used[to] = self.kv_used[from].max(self.kv_used[other]);
            self.kv_tokens[to] = self.kv_tokens[from].max(self.kv_tokens[other]);
        }
        let n = n.div_ceil(2);
        for column in [&mut self.formed, &mut self.started, &mut self.ended] {
            column.truncate(n);
        }
        for column in [
            &mut self.replica,
            &mut self.requests,
            &mut self.prefill,
            &mut self.decodes,
            &mut self.waiting,
            &mut self.holders,
            &mut self.kv_used,
        ] {
            column.truncate(n);
        }
        self.kv_tokens.truncate(n);
    }
}

fn raise(value: &mut u32, to: u32) {
    *value = (*value).max(to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Desk, Work};

    #[test]
    fn rows_stay_bounded_and_keep_what_is_largest() {
        let mut rows = Iterations::keeping(8);
        let desk = Desk::default();
        for i in 0..100_u32 {
            let batch = Formed {
                iteration: u64::from(i),
                replica: 0,
                at: f64::from(i),
                stage_secs: 1.0,
                swap_secs: 0.0,
                entries: &[],
                cohort: i,
                expert_loads: 0.0,
                busy: [0.0; 2],
                dynamic: 1.0,
                work: Work {
                    decodes: u64::from(i % 7),
                    ..Work::default()
                },
                desk: &desk,
            };
            let counts = Counts {
                waiting: u32::from(i == 37),
                holders: i,
                kv_used: 0,
                kv_tokens: u64::from(i),
            };
            rows.push(&batch, &counts);
            rows.start(u64::from(i), f64::from(i));
            rows.end(u64::from(i), f64::from(i + 1));
        }
        assert_eq!((rows.total(), rows.per_row(), rows.len()), (100, 16, 7));
        assert_eq!(rows.formed, [0.0, 16.0, 32.0, 48.0, 64.0, 80.0, 96.0]);
        assert_eq!(rows.started, rows.formed);
        assert_eq!(rows.ended, [16.0, 32.0, 48.0, 64.0, 80.0, 96.0, 100.0]);
        assert_eq!(rows.waiting, [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(rows.decodes[..6], [6; 6]);
        assert_eq!(rows.kv_tokens.last(), Some(&99));
    }
}
