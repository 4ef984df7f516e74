//! The requests of a run, one array per field, and their token accounting.

use super::Chains;
use super::column::Column;
use super::tags::Tags;
use std::sync::Arc;

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not arrived yet.
    Future,
    /// In a waiting queue, also after a preemption.
    Waiting,
    /// Its prompt is being processed (also a second time, after a preemption).
    Prefill,
    /// It produces one token per iteration.
    Decode,
    /// It was preempted while decoding; its blocks lie in the memory of the host.
    Swapped,
    /// It has its first token; its KV waits for room on a decode instance, or is on its way there.
    Transfer,
    /// All tokens are out.
    Done,
    /// It can never fit and was set aside at arrival.
    Ignored,
}

/// What a request gained by an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// No token: part of a prompt.
    Nothing,
    /// One token.
    Token,
    /// The last token.
    Last,
}

/// The right to look at true output lengths. A server does not know them before the last token is
/// out; a policy that asks for this is an oracle and has to say so in its name or its exhibit.
#[derive(Debug, Clone, Copy)]
pub struct Oracle(());

impl Oracle {
    /// Declares an oracle, or someone who only looks on.
    pub fn declare() -> Self {
        Self(())
    }
}

/// Static and dynamic fields of all requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Requests {
    /// Arrival times in seconds: ascending where arrivals come by the clock; NaN until the
    /// predecessor has ended for the others (see [`Chains::next`]).
    pub arrival: Arc<[f64]>,
    /// Which requests arrive after the end of others.
    pub chains: Arc<Chains>,
    /// What is known about each beside its lengths.
    pub tags: Arc<Tags>,
    /// Prompt tokens as they came.
    pub prompt: Arc<[u32]>,
    /// Prompt tokens; a preemption moves produced tokens here.
    pub prefill: Column<u32>,
    /// Output tokens still counted as such: hidden, see [`Oracle`].
    pub(super) decode: Column<u32>,
    /// Tokens counted as processed.
    pub processed: Column<u32>,
    /// Where each request is.
    pub phase: Column<Phase>,
    /// Blocks held.
    pub blocks: Column<u32>,
    /// Preemptions suffered.
    pub restarts: Column<u32>,
    /// Instance it was routed to.
    pub replica: Column<u32>,
    /// When the first batch with it was formed; NaN before.
    pub scheduled_at: Column<f64>,
    /// When its first token was out; NaN before.
    pub first_at: Column<f64>,
    /// When its last token was out; NaN before.
    pub completed_at: Column<f64>,
}

impl Requests {
    /// Requests that have not arrived yet. The three slices have equal length.
    pub fn new(arrival: Arc<[f64]>, prefill: &[u32], decode: &[u32]) -> Self {
        let n = arrival.len();
        Self {
            arrival,
            chains: Arc::default(),
            tags: Arc::default(),
            prompt: prefill.into(),
            prefill: prefill.into(),
            decode: decode.into(),
            processed: Column::filled(0, n),
            phase: Column::filled(Phase::Future, n),
            blocks: Column::filled(0, n),
            restarts: Column::filled(0, n),
            replica: Column::filled(0, n),
            scheduled_at: Column::filled(f64::NAN, n),
            first_at: Column::filled(f64::NAN, n),
            completed_at: Column::filled(f64::NAN, n),
        }
    }

    /// The same requests, some of which arrive after the end of others.
    pub fn with_chains(mut self, chains: Arc<Chains>) -> Self {
        self.chains = chains;
        self
    }

    /// The same requests with their tags.
    pub fn with_tags(mut self, tags: Arc<Tags>) -> Self {
        self.tags = tags;
        self
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.arrival.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.arrival.is_empty()
    }

    /// Whether the prompt is processed, so that each iteration gives a token.
    pub fn decoding(&self, r: u32) -> bool {
        self.phase[r as usize] == Phase::Decode
    }

    /// The phase of a request once it is back from the host: its own for those that are here.
    pub fn unswapped(&self, r: u32) -> Phase {
        let i = r as usize;
        match self.phase[i] {
            // While decoding, the token to feed is counted too.
            Phase::Swapped if self.processed[i] > self.prefill[i] => Phase::Decode,
            Phase::Swapped => Phase::Prefill,
            phase => phase,
        }
    }

    /// Tokens of a request whose KV exists.
    pub fn kv_tokens(&self, r: u32) -> u32 {
        let decoding = matches!(self.unswapped(r), Phase::Decode | Phase::Transfer);
        self.processed[r as usize].saturating_sub(u32::from(decoding))
    }

    /// Output tokens out so far.
    pub fn produced(&self, r: u32) -> u32 {
        let i = r as usize;
        self.processed[i]
            .max(self.prefill[i])
            .saturating_sub(self.prompt[i])
    }

    /// Prompt tokens not processed yet.
    pub fn prompt_left(&self, r: u32) -> u32 {
        self.prefill[r as usize] - self.processed[r as usize]
    }

    /// Tokens not processed yet, prompt and output.
    pub fn remaining(&self, _oracle: Oracle, r: u32) -> u32 {
        self.left(r)
    }

    /// Output tokens still counted as such: all of them before the first restart.
    pub fn output(&self, _oracle: Oracle, r: u32) -> u32 {
        self.decode[r as usize]
    }

    pub(super) fn left(&self, r: u32) -> u32 {
        let i = r as usize;
        self.prefill[i] + self.decode[i] - self.processed[i]
    }

    /// Tokens whose KV is needed after the request ran with `q` tokens: while decoding,
    /// `processed` counts the token being fed.
    pub fn kv_after(&self, r: u32, q: u32) -> u32 {
        let done = self.processed[r as usize];
        if self.decoding(r) { done } else { done + q }
    }

    /// Accounts for `q` processed tokens at time `now`.
    pub(super) fn process(&mut self, r: u32, q: u32, now: f64) -> Emitted {
        let i = r as usize;
        self.processed[i] += q;
        let mut emitted = Emitted::Nothing;
        if self.phase[i] == Phase::Decode {
            emitted = Emitted::Token;
        } else if self.processed[i] == self.prefill[i] {
            self.phase[i] = Phase::Decode;
            self.processed[i] += 1;
            if self.first_at[i].is_nan() {
                self.first_at[i] = now;
            }
            emitted = Emitted::Token;
        }
        if self.phase[i] == Phase::Decode && self.processed[i] == self.prefill[i] + self.decode[i] {
            self.phase[i] = Phase::Done;
            self.completed_at[i] = now;
            emitted = Emitted::Last;
        }
        emitted
    }

    /// The last token of a request whose tokens are counted already.
    pub(super) fn finish(&mut self, r: u32, now: f64) {
        self.phase[r as usize] = Phase::Done;
        self.completed_at[r as usize] = now;
    }

    /// Restart by recomputation: produced tokens become prompt. A request whose prompt is not done
    /// keeps its lengths, unless it is treated as if it had been decoding. Returns whether the prompt was not done.
    pub(super) fn restart(&mut self, r: u32, as_decoding: bool) -> bool {
        let i = r as usize;
        let partly = self.phase[i] != Phase::Decode;
        if !partly || as_decoding {
            let total = self.prefill[i] + self.decode[i];
            self.prefill[i] = self.processed[i];
            self.decode[i] = total - self.processed[i];
        }
        self.processed[i] = 0;
        self.phase[i] = Phase::Waiting;
        self.restarts[i] += 1;
        partly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(prefill: u32, decode: u32) -> Requests {
        let mut requests = Requests::new([0.0].into(), &[prefill], &[decode]);
        requests.phase[0] = Phase::Prefill;
        requests
    }

    #[test]
    fn d_tokens_cost_one_prefill_and_d_minus_one_decodes() {
        let mut r = one(10, 3);
        assert_eq!(r.process(0, 6, 1.0), Emitted::Nothing);
        assert_eq!(r.process(0, 4, 2.0), Emitted::Token);
        assert_eq!(r.process(0, 1, 3.0), Emitted::Token);
        assert_eq!(r.process(0, 1, 4.0), Emitted::Last);
        assert_eq!((r.first_at[0], r.completed_at[0]), (2.0, 4.0));
    }

    #[test]
    fn a_single_token_ends_with_the_prefill() {
        let mut r = one(10, 1);
        assert_eq!(r.process(0, 10, 1.0), Emitted::Last);
    }

    #[test]
    fn a_restart_keeps_the_total_and_the_first_token_time() {
        let mut r = one(10, 5);
        r.process(0, 10, 1.0);
        r.process(0, 1, 2.0);
        assert!(!r.restart(0, false), "was decoding");
        assert_eq!((r.prefill[0], r.decode[0], r.processed[0]), (12, 3, 0));
        r.phase[0] = Phase::Prefill;
        assert_eq!(r.process(0, 12, 3.0), Emitted::Token, "the next token");
        assert_eq!(r.first_at[0], 1.0);
    }

    #[test]
    fn a_partly_prefilled_victim_keeps_its_lengths_unless_the_quirk_is_on() {
        let mut r = one(10, 5);
        r.process(0, 4, 1.0);
        let mut odd = r.clone();
        assert!(r.restart(0, false), "partly prefilled");
        assert_eq!((r.prefill[0], r.decode[0]), (10, 5));
        odd.restart(0, true);
        assert_eq!((odd.prefill[0], odd.decode[0]), (4, 11));
    }
}
