//! Hyperschedules: a noise index for every position and call, from tau (masked, "worthless") to 0
//! (settled). Sliding, block and hybrid annealing as in ServiceNow/hdlm `metaschedule.py`
//! (arXiv 2504.06416).

use super::order::OrderKind;
use crate::core::rng::Stream;
use crate::core::{Error, Result};

/// Most calls of a schedule.
const MOST_CALLS: usize = 2000;
/// Most revealed tokens that one call corrects: the exact law of the sampler needs every
/// combination of their values.
pub(super) const MOST_CORRECTED: usize = 4;

/// Noise indices of all positions after every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hyperschedule {
    positions: usize,
    tau: u8,
    /// By call, then position; the first row is before any call.
    indices: Vec<u8>,
}

/// What one call does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Masked positions it reveals.
    pub reveals: Vec<usize>,
    /// Revealed positions it draws again.
    pub corrections: Vec<usize>,
}

impl Hyperschedule {
    /// The schedule of a family for `positions` tokens, with windows or blocks of `width` and `tau`
    /// noise levels. Calls in which no index falls are left out.
    ///
    /// # Errors
    /// A sliding window of one position with several levels, which never settles; more calls than
    /// can be shown; an order that has no indices.
    pub fn new(kind: OrderKind, width: usize, tau: u8, positions: usize) -> Result<Self> {
        let width = width.clamp(1, positions);
        let most = tau.max(1);
        let mut schedule = Self {
            positions,
            tau: most,
            indices: vec![most; positions],
        };
        match kind {
            OrderKind::SlidingAnnealing => schedule.slide(width)?,
            OrderKind::BlockAnnealing => schedule.blocks(width, |_, call| call)?,
            OrderKind::HybridAnnealing => {
                schedule.blocks(width, |place, call| call.saturating_sub(1 + place) + 1)?;
            }
            _ => {
                return Err(Error::Unsupported(format!(
                    "noise indices of the order {}",
                    kind.name()
                )));
            }
        }
        Ok(schedule)
    }

    /// Number of calls.
    pub fn calls(&self) -> usize {
        self.indices.len() / self.positions - 1
    }

    /// Number of noise levels.
    pub fn tau(&self) -> u8 {
        self.tau
    }

    /// Noise index of every position after `call` calls.
    pub fn after(&self, call: usize) -> &[u8] {
        &self.indices[call * self.positions..][..self.positions]
    }

    /// A window of indices from 0 to tau - 1 that moves right by its settled positions; it enters
    /// by its tail.
    fn slide(&mut self, width: usize) -> Result<()> {
        let steps = u32::from(self.tau) - 1;
        let window: Vec<u8> = (0..width)
            .map(|i| match width - 1 {
                0 => self.tau - 1,
                last => halves_to_even(i as u32 * steps, last as u32) as u8,
            })
            .collect();
        let settled = window.iter().take_while(|v| **v == 0).count();
        if settled == 0 {
            return Err(Error::out_of_range(
                "levels",
                self.tau,
                "1 where the sliding window is one position wide",
            ));
        }
        for entered in 1..width {
            self.push(&window[width - entered..], 0)?;
        }
        let mut start = 0;
        while self.after(self.calls()).iter().any(|v| *v > 0) {
            self.push(&window, start)?;
            start += settled;
        }
        Ok(())
    }

    /// Block after block; `fallen` says by how much a place of a block has fallen from tau at a
    /// call, both from 0 and 1 on.
    fn blocks(&mut self, width: usize, fallen: impl Fn(usize, usize) -> usize) -> Result<()> {
        let tau = usize::from(self.tau);
        for start in (0..self.positions).step_by(width) {
            let end = (start + width).min(self.positions);
            let mut call = 1;
            while self.after(self.calls())[start..end].iter().any(|v| *v > 0) {
                let values: Vec<u8> = (0..end - start)
                    .map(|place| tau.saturating_sub(fallen(place, call)) as u8)
                    .collect();
                self.push(&values, start)?;
                call += 1;
            }
        }
        Ok(())
    }

    /// A row: everything before `start` settled, then `values`, the rest masked. Left out if it
    /// changes nothing.
    fn push(&mut self, values: &[u8], start: usize) -> Result<()> {
        let mut row = vec![self.tau; self.positions];
        row[..start.min(self.positions)].fill(0);
        for (to, value) in row.iter_mut().skip(start).zip(values) {
            *to = *value;
        }
        if row == self.after(self.calls()) {
            return Ok(());
        }
        if self.calls() == MOST_CALLS {
            return Err(Error::out_of_range(
                "levels",
                self.tau,
                format!("few enough for at most {MOST_CALLS} calls; or a wider block"),
            ));
        }
        self.indices.extend(row);
        Ok(())
    }

    /// One random course: a masked token whose index falls from a to b is revealed with probability
    /// 1 - b / a, and a revealed one on its way down is drawn again with probability eta b / a (the
    /// adaptive correction sampler), at most four in a call.
    pub fn draw(&self, eta: f64, stream: &mut Stream) -> Vec<Call> {
        let mut masked = vec![true; self.positions];
        (1..=self.calls())
            .map(|call| {
                let mut out = Call::default();
                let rows = self.after(call - 1).iter().zip(self.after(call));
                for (i, (from, to)) in rows.enumerate() {
                    if to >= from {
                        continue;
                    }
                    let stays = f64::from(*to) / f64::from(*from);
                    let u = stream.uniform();
                    if masked[i] {
                        if u >= stays {
                            out.reveals.push(i);
                            masked[i] = false;
                        }
                    } else if u < eta * stays && out.corrections.len() < MOST_CORRECTED {
                        out.corrections.push(i);
                    }
                }
                out
            })
            .collect()
    }
}

/// a / b, halves to the even neighbour, as Python rounds.
fn halves_to_even(a: u32, b: u32) -> u32 {
    let (whole, twice) = (a / b, 2 * (a % b));
    whole + u32::from(twice > b || (twice == b && whole % 2 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::StreamId;

    fn rows(kind: OrderKind, width: usize, tau: u8, positions: usize) -> Vec<Vec<u8>> {
        let schedule = Hyperschedule::new(kind, width, tau, positions).unwrap();
        (0..=schedule.calls())
            .map(|c| schedule.after(c).to_vec())
            .collect()
    }

    #[test]
    fn the_windows_are_those_of_the_reference() {
        let kind = OrderKind::SlidingAnnealing;
        let last = |width, tau| {
            let rows = rows(kind, width, tau, 16);
            rows[width][..width].to_vec()
        };
        // Examples of `make_simple_annealing`.
        assert_eq!(last(4, 4), [0, 1, 2, 3]);
        assert_eq!(last(4, 8), [0, 2, 5, 7]);
        assert_eq!(last(4, 2), [0, 0, 1, 1]);
        assert_eq!(
            rows(kind, 3, 3, 4),
            [
                [3, 3, 3, 3],
                [2, 3, 3, 3],
                [1, 2, 3, 3],
                [0, 1, 2, 3],
                [0, 0, 1, 2],
                [0, 0, 0, 1],
                [0, 0, 0, 0],
            ]
        );
        assert!(Hyperschedule::new(kind, 1, 2, 8).is_err(), "never settles");
        assert_eq!(rows(kind, 1, 1, 8).len(), 9, "one token a call");
    }

    #[test]
    fn blocks_fall_together_and_hybrid_ones_in_a_staircase() {
        assert_eq!(
            rows(OrderKind::BlockAnnealing, 2, 2, 3),
            [[2, 2, 2], [1, 1, 2], [0, 0, 2], [0, 0, 1], [0, 0, 0]]
        );
        // max(0, tau - 1 - max(0, s - j)), s from 0.
        assert_eq!(
            rows(OrderKind::HybridAnnealing, 3, 2, 4),
            [
                [2, 2, 2, 2],
                [1, 1, 1, 2],
                [0, 1, 1, 2],
                [0, 0, 1, 2],
                [0, 0, 0, 2],
                [0, 0, 0, 1],
                [0, 0, 0, 0],
            ]
        );
        let schedule = Hyperschedule::new(OrderKind::BlockAnnealing, 8, 4, 30).unwrap();
        assert_eq!(schedule.calls(), 4 * 4, "tau times the number of blocks");
        assert!(Hyperschedule::new(OrderKind::BlockAnnealing, 1, 64, 400).is_err());
    }

    #[test]
    fn every_course_reveals_every_position_once_by_the_time_it_is_due() {
        for kind in OrderKind::ALL.into_iter().filter(|k| k.is_annealed()) {
            for (width, tau) in [(1, 1), (4, 3), (7, 9), (20, 5)] {
                let schedule = Hyperschedule::new(kind, width, tau, 20).unwrap();
                let mut stream = Stream::new(3, StreamId::Data);
                let mut known = [false; 20];
                for (k, call) in schedule.draw(0.5, &mut stream).iter().enumerate() {
                    assert!(call.corrections.iter().all(|i| known[*i]), "{kind:?}");
                    for i in &call.reveals {
                        assert!(!std::mem::replace(&mut known[*i], true), "{kind:?} {i}");
                    }
                    let due = schedule.after(k + 1).iter().zip(known);
                    assert!(due.clone().all(|(v, k)| *v > 0 || k), "{kind:?} call {k}");
                    assert!(
                        due.clone().all(|(v, k)| *v < tau || !k),
                        "{kind:?} call {k}"
                    );
                }
                assert!(known.iter().all(|k| *k), "{kind:?} {width} {tau}");
            }
        }
    }

    #[test]
    fn half_of_the_tokens_are_revealed_half_way() {
        let schedule = Hyperschedule::new(OrderKind::BlockAnnealing, 64, 8, 64).unwrap();
        let mut revealed = 0;
        for k in 0..50 {
            let mut stream = Stream::new(1, StreamId::Data).step(k);
            let calls = schedule.draw(0.0, &mut stream);
            revealed += calls[..4].iter().map(|c| c.reveals.len()).sum::<usize>();
            assert!(calls.iter().all(|c| c.corrections.is_empty()));
        }
        let share = revealed as f64 / (50.0 * 64.0);
        assert!((share - 0.5).abs() < 0.03, "{share}");
    }
}
