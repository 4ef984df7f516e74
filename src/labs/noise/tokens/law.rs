//! The exact law of a sampler that draws revealed tokens again, on worlds whose states can be
//! listed. A call draws every position of it at once, each given the tokens from before the call; the
//! law over the revealed positions is carried from call to call.

use super::super::masked::{Chain, Oracle as _};
use super::World;
use super::order::Plan;
use crate::core::rng::Stream;
use crate::core::{Result, num};
use std::borrow::Cow;
use std::sync::Arc;

/// Most states of a world that are listed.
const MOST_LISTED: usize = 1 << 18;
/// Most states of a world whose law is carried through corrections.
pub(super) const MOST_STATES: usize = 1 << 16;
/// Terms one slice adds up.
const TERMS: usize = 1 << 15;
/// Sweeps of corrections that are followed.
const SWEEPS: usize = 8;
/// Tokens drawn at once in a sweep, one curve each.
pub(super) const TOGETHER: [usize; 3] = [1, 2, 4];
/// Courses behind the curves.
const FOLLOWED: u32 = 3;

/// Probability of every state; digit i of a state, in base `values`, is the token at position i.
pub(super) struct Joint {
    values: usize,
    positions: usize,
    p: Vec<f64>,
}

impl Joint {
    /// The law of a world, if its states can be listed.
    pub(super) fn of(world: &World) -> Option<Self> {
        let (values, positions) = (world.values(), world.positions());
        if values == 0 || states(values, positions) > MOST_LISTED {
            return None;
        }
        let p = match (world, world.lattice()) {
            (World::Chain(chain), _) => sequences(chain),
            (_, Some(lattice)) => {
                let all: Vec<usize> = (0..positions).collect();
                lattice.joint(&vec![None; positions], &all)
            }
            _ => return None,
        };
        Some(Self {
            values,
            positions,
            p,
        })
    }

    /// Law of the positions for which `kept` holds, the lowest as the lowest digit.
    fn rising(&self, kept: impl Fn(usize) -> bool) -> Cow<'_, [f64]> {
        let mut table = Cow::Borrowed(&self.p[..]);
        // The highest first: what is added up lies far apart and shrinks fast.
        for place in (0..self.positions).rev().filter(|i| !kept(*i)) {
            let stride = self.values.pow(place as u32);
            let mut sums = Vec::with_capacity(table.len() / self.values);
            for block in table.chunks(stride * self.values) {
                let from = sums.len();
                sums.extend_from_slice(&block[..stride]);
                for more in block[stride..].chunks(stride) {
                    for (sum, p) in sums[from..].iter_mut().zip(more) {
                        *sum += p;
                    }
                }
            }
            table = Cow::Owned(sums);
        }
        table
    }

    /// Entropy of the positions for which `kept` holds, nats.
    fn entropy(&self, kept: impl Fn(usize) -> bool) -> f64 {
        let law = self.rising(kept);
        -num::sum(law.iter().filter(|p| **p > 0.0).map(|p| p * num::ln(*p)))
    }

    /// Law of the positions in `set`, in this order.
    fn marginal(&self, set: &[usize]) -> Vec<f64> {
        let law = self.rising(|i| set.contains(&i));
        // What a digit of the rising order is worth in the order of the set.
        let mut worth: Vec<(usize, usize)> = set
            .iter()
            .enumerate()
            .map(|(b, i)| (*i, self.values.pow(b as u32)))
            .collect();
        worth.sort_unstable();
        let mut out = vec![0.0; law.len()];
        for (state, p) in law.iter().enumerate() {
            let (mut left, mut to) = (state, 0);
            for (_, worth) in &worth {
                to += left % self.values * worth;
                left /= self.values;
            }
            out[to] = *p;
        }
        out
    }
}

/// The cost of one course without corrections, from entropies of sets of positions alone:
/// `sum_i (H(K, i) - H(K)) - (H(K, S) - H(K))` for every call that reveals S where K is known.
pub(super) struct EntropyMeter {
    plan: Plan,
    known: Vec<bool>,
    before: f64,
    /// Positions of the call under way that are still to be measured.
    pending: Vec<usize>,
    open: f64,
    costs: Vec<f64>,
}

impl EntropyMeter {
    pub(super) fn new(plan: Plan, joint: &Joint) -> Self {
        let mut meter = Self {
            plan,
            known: vec![false; joint.positions],
            before: 0.0,
            pending: Vec::new(),
            open: 0.0,
            costs: Vec::new(),
        };
        meter.take();
        meter
    }

    fn reveals(&self) -> Vec<usize> {
        if self.costs.len() < self.plan.rounds() {
            self.plan.choose(self.costs.len(), Vec::new)
        } else {
            Vec::new()
        }
    }

    fn take(&mut self) {
        self.pending = self.reveals();
        self.open = 0.0;
    }

    /// A slice; the cost of every call at the end.
    pub(super) fn advance(&mut self, joint: &Joint) -> Option<Vec<f64>> {
        if self.costs.len() == self.plan.rounds() {
            return Some(std::mem::take(&mut self.costs));
        }
        if let Some(position) = self.pending.pop() {
            let with = joint.entropy(|i| self.known[i] || i == position);
            self.open += with - self.before;
            return None;
        }
        let reveals = self.reveals();
        for i in &reveals {
            self.known[*i] = true;
        }
        // One position alone costs nothing, and its entropy is known already.
        let after = match reveals.len() {
            0 => self.before,
            1 => self.before + self.open,
            _ => joint.entropy(|i| self.known[i]),
        };
        self.costs.push(self.open - (after - self.before));
        self.before = after;
        self.take();
        None
    }
}

/// Number of states; the largest number if that is more than fits.
pub(super) fn states(values: usize, positions: usize) -> usize {
    values.checked_pow(positions as u32).unwrap_or(usize::MAX)
}

/// Probabilities of all sequences of a chain, the first token as the lowest digit.
fn sequences(chain: &Chain) -> Vec<f64> {
    let values = chain.values();
    // Weights of the hidden states given each beginning of a sequence.
    let mut beginnings = vec![chain.pi.clone()];
    for place in 0..chain.length {
        let mut next = Vec::with_capacity(beginnings.len() * values);
        for token in 0..values {
            for before in &beginnings {
                let seen = before.iter().enumerate();
                let seen: Vec<f64> = seen.map(|(s, w)| w * chain.emission[s][token]).collect();
                next.push(if place + 1 == chain.length {
                    seen
                } else {
                    chain.step_on(&seen)
                });
            }
        }
        beginnings = next;
    }
    beginnings
        .iter()
        .map(|w| num::sum(w.iter().copied()))
        .collect()
}

/// The world's and the sampler's law of the revealed positions; digit b of a state is the token at
/// `known[b]`.
#[derive(Clone)]
struct Law {
    values: usize,
    known: Vec<usize>,
    p: Vec<f64>,
    q: Vec<f64>,
}

/// A call under way.
struct Change {
    reveals: usize,
    /// Digits that are drawn again.
    corrected: Vec<usize>,
    p: Vec<f64>,
    q: Vec<f64>,
    next: usize,
}

impl Law {
    fn new(values: usize) -> Self {
        Self {
            values,
            known: Vec::new(),
            p: vec![1.0],
            q: vec![1.0],
        }
    }

    /// KL of the world from the sampler, nats.
    fn divergence(&self) -> f64 {
        let terms = self.p.iter().zip(&self.q);
        num::sum(
            terms
                .filter(|(p, _)| **p > 0.0)
                .map(|(p, q)| p * num::ln(p / q)),
        )
    }

    /// Begins a call that reveals some positions and draws some revealed ones again.
    fn begin(&mut self, joint: &Joint, reveals: &[usize], corrections: &[usize]) -> Change {
        let digit = |i: &usize| self.known.iter().position(|k| k == i);
        let corrected = corrections.iter().filter_map(digit).collect();
        self.known.extend(reveals);
        let p = if reveals.is_empty() {
            self.p.clone()
        } else {
            joint.marginal(&self.known)
        };
        Change {
            reveals: reveals.len(),
            corrected,
            q: vec![0.0; p.len()],
            p,
            next: 0,
        }
    }

    /// A slice of a call; whether it is done.
    fn advance(&mut self, change: &mut Change) -> bool {
        let each = self
            .values
            .pow((change.reveals + change.corrected.len()) as u32);
        let end = (change.next + (TERMS / each).max(1)).min(self.q.len());
        let mut terms = Vec::with_capacity(each);
        for state in change.next..end {
            self.spread(change, state, &mut terms);
            for (to, weight) in terms.drain(..) {
                change.q[to] += weight;
            }
        }
        change.next = end;
        if end < self.q.len() {
            return false;
        }
        self.p = std::mem::take(&mut change.p);
        self.q = std::mem::take(&mut change.q);
        true
    }

    /// Where the probability of a state goes: every drawn position by its own law.
    fn spread(&self, change: &Change, state: usize, terms: &mut Vec<(usize, f64)>) {
        let (v, size) = (self.values, self.q.len());
        terms.push((state, self.q[state]));
        let mut draw = |stride: usize, had: usize, law: &[f64]| {
            let total = num::sum(law.iter().copied());
            for k in 0..terms.len() {
                let (at, weight) = terms[k];
                let base = at - had * stride;
                terms[k] = (base, weight * law[0] / total);
                for (value, p) in law.iter().enumerate().skip(1) {
                    terms.push((base + value * stride, weight * p / total));
                }
            }
        };
        for digit in &change.corrected {
            let stride = v.pow(*digit as u32);
            let had = state / stride % v;
            let base = state - had * stride;
            let law: Vec<f64> = (0..v).map(|k| self.p[base + k * stride]).collect();
            draw(stride, had, &law);
        }
        for place in 0..change.reveals {
            let below = v.pow(place as u32);
            let mut law = vec![0.0; v];
            for (pattern, p) in change.p.iter().skip(state).step_by(size).enumerate() {
                law[pattern / below % v] += p;
            }
            draw(size * below, 0, &law);
        }
    }
}

/// The divergence of one course, call by call.
pub(super) struct LawMeter {
    plan: Plan,
    law: Law,
    change: Option<Change>,
    /// After every call.
    divergences: Vec<f64>,
}

impl LawMeter {
    pub(super) fn new(plan: Plan, joint: &Joint) -> Self {
        Self {
            plan,
            law: Law::new(joint.values),
            change: None,
            divergences: vec![0.0],
        }
    }

    /// A slice; at the end what every call adds to the divergence, which corrections make negative.
    pub(super) fn advance(&mut self, joint: &Joint) -> Option<Vec<f64>> {
        let call = self.divergences.len() - 1;
        if call == self.plan.rounds() {
            return Some(self.divergences.windows(2).map(|w| w[1] - w[0]).collect());
        }
        let change = if let Some(change) = &mut self.change {
            change
        } else {
            let reveals = self.plan.choose(call, Vec::new);
            let corrections = self.plan.corrections(call);
            let begun = self.law.begin(joint, &reveals, corrections);
            self.change.insert(begun)
        };
        if self.law.advance(change) {
            self.change = None;
            self.divergences.push(self.law.divergence());
        }
        None
    }
}

/// What sweeps of corrections do to the law that a schedule has generated.
pub(super) struct Sweeps {
    joint: Arc<Joint>,
    stream: Stream,
    course: LawMeter,
    generated: bool,
    courses: u32,
    /// The law under correction, what is still to be drawn in this sweep, and how many sweeps.
    law: Option<(Law, Vec<Vec<usize>>, usize)>,
    change: Option<Change>,
    together: usize,
    /// Sums of divergences by number together, then sweep.
    sums: Vec<Vec<f64>>,
}

impl Sweeps {
    /// `plan` gives the course with a number.
    pub(super) fn new(joint: Arc<Joint>, stream: Stream, plan: Plan) -> Self {
        Self {
            course: LawMeter::new(plan, &joint),
            joint,
            stream,
            generated: false,
            courses: 0,
            law: None,
            change: None,
            together: 0,
            sums: vec![vec![0.0; SWEEPS + 1]; TOGETHER.len()],
        }
    }

    /// A slice; at the end the divergences for every number of tokens drawn together, before any
    /// sweep and after each. `plan` gives the course of a number.
    pub(super) fn advance(
        &mut self,
        plan: impl FnOnce(u32) -> Result<Plan>,
    ) -> Result<Option<Vec<Vec<f64>>>> {
        if !self.generated {
            self.generated = self.course.advance(&self.joint).is_some();
            return Ok(None);
        }
        if self.together == TOGETHER.len() {
            self.courses += 1;
            if self.courses == FOLLOWED {
                let n = f64::from(FOLLOWED);
                let means = self.sums.iter().map(|s| s.iter().map(|v| v / n).collect());
                return Ok(Some(means.collect()));
            }
            self.course = LawMeter::new(plan(self.courses)?, &self.joint);
            (self.generated, self.together) = (false, 0);
            return Ok(None);
        }
        self.correct();
        Ok(None)
    }

    /// A slice of the sweeps with one number of tokens together.
    fn correct(&mut self) {
        let Some((law, left, sweeps)) = &mut self.law else {
            let law = self.course.law.clone();
            self.sums[self.together][0] += law.divergence();
            self.law = Some((law, Vec::new(), 0));
            return;
        };
        if let Some(change) = &mut self.change {
            if !law.advance(change) {
                return;
            }
            self.change = None;
            if !left.is_empty() {
                return;
            }
            *sweeps += 1;
            self.sums[self.together][*sweeps] += law.divergence();
            if *sweeps == SWEEPS {
                self.law = None;
                self.together += 1;
            }
            return;
        }
        if left.is_empty() {
            let mut all: Vec<usize> = (0..self.joint.positions).collect();
            self.stream.shuffle(&mut all);
            *left = all
                .chunks(TOGETHER[self.together])
                .map(<[usize]>::to_vec)
                .collect();
        }
        if let Some(set) = left.pop() {
            self.change = Some(law.begin(&self.joint, &[], &set));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hyper::Call;
    use super::super::{Source, World};
    use super::*;
    use crate::core::rng::StreamId;
    use crate::labs::noise::Config;
    use crate::labs::noise::masked::{Policy, divergence, entropy};

    fn chain(length: u64) -> World {
        World::new(&Config {
            source: Source::Hidden,
            length,
            ..Config::default()
        })
        .unwrap()
    }

    fn course(world: &World, calls: Vec<Call>) -> Vec<f64> {
        let joint = Joint::of(world).unwrap();
        let mut meter = LawMeter::new(Plan::Annealed(calls), &joint);
        loop {
            if let Some(costs) = meter.advance(&joint) {
                return costs;
            }
        }
    }

    fn reveals(sets: &[&[usize]]) -> Vec<Call> {
        sets.iter()
            .map(|s| Call {
                reveals: s.to_vec(),
                corrections: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn without_corrections_the_law_agrees_with_the_sum_over_rounds() {
        let world = chain(5);
        let World::Chain(hidden) = &world else { return };
        let joint = Joint::of(&world).unwrap();
        assert!((num::sum(joint.p.iter().copied()) - 1.0).abs() < 1e-12);
        let sets: [&[usize]; 3] = [&[3, 0], &[1, 4], &[2]];
        let fixed = sets.iter().map(|s| s.to_vec()).collect();
        let h = entropy(hidden).unwrap();
        let want = divergence(hidden, &Policy::Fixed(fixed), h).unwrap();
        let by_law = course(&world, reveals(&sets));
        let got = num::sum(by_law.iter().copied());
        assert!(want > 0.01 && (got - want).abs() < 1e-10, "{got} {want}");
        let mut meter = EntropyMeter::new(Plan::Annealed(reveals(&sets)), &joint);
        let by_entropy = loop {
            if let Some(costs) = meter.advance(&joint) {
                break costs;
            }
        };
        for (a, b) in by_law.iter().zip(&by_entropy) {
            assert!((a - b).abs() < 1e-10, "{by_law:?} {by_entropy:?}");
        }
    }

    #[test]
    fn a_single_correction_never_raises_the_divergence_and_pairs_leave_a_bias() {
        let world = World::new(&Config {
            source: Source::Potts,
            coupling: 0.8,
            states: 2,
            ..Config::default()
        })
        .unwrap();
        let at_once: Vec<usize> = (0..9).collect();
        let with = |together: usize, sweeps: usize| {
            let mut calls = reveals(&[&at_once]);
            for _ in 0..sweeps {
                calls.extend(at_once.chunks(together).map(|set| Call {
                    reveals: Vec::new(),
                    corrections: set.to_vec(),
                }));
            }
            course(&world, calls)
        };
        let single = with(1, 30);
        assert!(single[1..].iter().all(|c| *c < 1e-12), "{single:?}");
        assert!(num::sum(single.iter().copied()) < 1e-3 * single[0]);
        let pairs = |sweeps| num::sum(with(2, sweeps));
        let (early, late) = (pairs(20), pairs(40));
        assert!((early - late).abs() < 1e-9, "settled: {early} {late}");
        assert!(late > 1e-4 && late < single[0], "a bias: {late}");
    }

    #[test]
    fn sweeps_start_at_the_generated_law_and_single_ones_end_at_the_data() {
        let world = chain(5);
        let plan = |_: u32| Ok(Plan::Annealed(reveals(&[&[0, 1, 2, 3, 4]])));
        let stream = Stream::new(1, StreamId::Data);
        let first = plan(0).unwrap();
        let mut sweeps = Sweeps::new(Arc::new(Joint::of(&world).unwrap()), stream, first);
        let curves = loop {
            if let Some(curves) = sweeps.advance(plan).unwrap() {
                break curves;
            }
        };
        let start = num::sum(course(&world, reveals(&[&[0, 1, 2, 3, 4]])));
        assert!(curves.iter().all(|c| (c[0] - start).abs() < 1e-12));
        assert!(curves[0].windows(2).all(|w| w[1] <= w[0] + 1e-12));
        assert!(curves[0][SWEEPS] < curves[2][SWEEPS], "{curves:?}");
    }
}
