//! What revealing several tokens at once costs, exactly: the Kullback-Leibler divergence between
//! the data p and the sampler's law q, the product over rounds of the marginals given what earlier
//! rounds revealed. For any order, also one that depends on the tokens,
//! `KL = E sum_i H(x_i | known when i is revealed) - H(x)`.

pub use super::masked_field::{Field, FieldOrder, field_divergence};
use super::orders;
use crate::core::{Error, Result, num};

/// A small discrete distribution whose conditional marginals are known exactly.
pub trait Oracle {
    /// Number of positions.
    fn positions(&self) -> usize;

    /// Number of values a position can take.
    fn values(&self) -> usize;

    /// Probability of the known tokens, and for every position the law of its token given the
    /// other known ones.
    fn marginals(&self, known: &[Option<usize>]) -> (f64, Vec<Vec<f64>>);
}

/// A small lattice whose states are enumerated.
pub trait Lattice: Oracle {
    /// Probability of the known values together with every pattern of the sites in `set`; digit b
    /// of the pattern, in base [`Oracle::values`], is the value of `set[b]`.
    fn joint(&self, known: &[Option<usize>], set: &[usize]) -> Vec<f64>;
}

/// In which order positions are revealed.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// Fixed rounds.
    Fixed(Vec<Vec<usize>>),
    /// In each round, as many positions as given here: those whose best value is most likely.
    Confidence(Vec<usize>),
}

impl Policy {
    fn rounds(&self) -> usize {
        match self {
            Self::Fixed(rounds) => rounds.len(),
            Self::Confidence(sizes) => sizes.len(),
        }
    }

    fn choose(&self, round: usize, known: &[Option<usize>], laws: &[Vec<f64>]) -> Vec<usize> {
        match self {
            Self::Fixed(rounds) => rounds[round].clone(),
            Self::Confidence(sizes) => {
                let scores: Vec<(usize, f64)> = (0..known.len())
                    .filter(|i| known[*i].is_none())
                    .map(|i| (i, laws[i].iter().copied().fold(0.0, f64::max)))
                    .collect();
                orders::highest(&scores, sizes[round], 12)
            }
        }
    }
}

/// Largest number of partial sequences one evaluation may visit.
const VISITS: u64 = 20_000_000;

/// Entropy of the whole sequence, nats.
///
/// # Errors
/// Too many sequences to enumerate.
pub fn entropy(oracle: &dyn Oracle) -> Result<f64> {
    let rounds = (0..oracle.positions()).map(|i| vec![i]).collect();
    expected_entropies(oracle, &Policy::Fixed(rounds))
}

/// KL(p || q) of a policy, nats, given the entropy of p.
///
/// # Errors
/// Too many sequences to enumerate, or rounds that do not cover every position once.
pub fn divergence(oracle: &dyn Oracle, policy: &Policy, entropy: f64) -> Result<f64> {
    let covered = match policy {
        Policy::Fixed(rounds) => {
            let mut all = rounds.concat();
            all.sort_unstable();
            all == (0..oracle.positions()).collect::<Vec<_>>()
        }
        Policy::Confidence(sizes) => sizes.iter().sum::<usize>() == oracle.positions(),
    };
    if !covered {
        return Err(Error::malformed(
            "rounds",
            "do not reveal every position exactly once",
        ));
    }
    Ok(expected_entropies(oracle, policy)? - entropy)
}

fn expected_entropies(oracle: &dyn Oracle, policy: &Policy) -> Result<f64> {
    let mut walk = Walk {
        oracle,
        policy,
        left: VISITS,
        total: 0.0,
    };
    let mut known = vec![None; oracle.positions()];
    walk.visit(0, &mut known)?;
    Ok(walk.total)
}

struct Walk<'a> {
    oracle: &'a dyn Oracle,
    policy: &'a Policy,
    left: u64,
    total: f64,
}

impl Walk<'_> {
    fn visit(&mut self, round: usize, known: &mut Vec<Option<usize>>) -> Result<()> {
        if round == self.policy.rounds() || known.iter().all(Option::is_some) {
            return Ok(());
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            Error::Unsupported(format!(
                "an exact sum over more than {VISITS} partial sequences"
            ))
        })?;
        let (probability, laws) = self.oracle.marginals(known);
        if probability == 0.0 {
            return Ok(());
        }
        let set = self.policy.choose(round, known, &laws);
        for i in &set {
            self.total += probability * law_entropy(&laws[*i]);
        }
        self.reveal(round, &set, known)
    }

    /// Goes through every value of the positions in `set`, then on to the next round.
    fn reveal(
        &mut self,
        round: usize,
        set: &[usize],
        known: &mut Vec<Option<usize>>,
    ) -> Result<()> {
        // The last round's values are not needed: nothing is revealed after them.
        if round + 1 == self.policy.rounds() {
            return Ok(());
        }
        let Some((&first, rest)) = set.split_first() else {
            return self.visit(round + 1, known);
        };
        for value in 0..self.oracle.values() {
            known[first] = Some(value);
            self.reveal(round, rest, known)?;
        }
        known[first] = None;
        Ok(())
    }
}

fn law_entropy(law: &[f64]) -> f64 {
    -num::sum(law.iter().filter(|p| **p > 0.0).map(|p| p * num::ln(*p)))
}

/// A hidden Markov chain: hidden states with start law `pi` and transitions, tokens by emission.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// Law of the first hidden state.
    pub pi: Vec<f64>,
    /// Transition probabilities, from row to column.
    pub transition: Vec<Vec<f64>>,
    /// Token probabilities, hidden state by token.
    pub emission: Vec<Vec<f64>>,
    /// Number of positions.
    pub length: usize,
}

impl Chain {
    /// Checks shapes and that every law sums to one (within 1e-6; normalised then).
    ///
    /// # Errors
    /// What does not fit.
    pub fn new(
        pi: Vec<f64>,
        transition: Vec<Vec<f64>>,
        emission: Vec<Vec<f64>>,
        length: usize,
    ) -> Result<Self> {
        let states = pi.len();
        let tokens = emission.first().map_or(0, Vec::len);
        let square = transition.len() == states && transition.iter().all(|r| r.len() == states);
        let fits = emission.len() == states && emission.iter().all(|r| r.len() == tokens);
        if states == 0 || tokens == 0 || !square || !fits || length == 0 {
            return Err(Error::malformed(
                "chain",
                "pi, P and E do not fit each other",
            ));
        }
        let mut chain = Self {
            pi,
            transition,
            emission,
            length,
        };
        let rows = std::iter::once(&mut chain.pi)
            .chain(&mut chain.transition)
            .chain(&mut chain.emission);
        for (i, row) in rows.enumerate() {
            let total = num::sum(row.iter().copied());
            if row.iter().any(|p| p.is_nan() || *p < 0.0) || (total - 1.0).abs() > 1e-6 {
                return Err(Error::malformed(
                    "chain",
                    format!("law {i} (pi, then P, then E) sums to {total}"),
                ));
            }
        }
        Ok(chain)
    }

    fn likelihood(&self, state: usize, token: Option<usize>) -> f64 {
        token.map_or(1.0, |t| self.emission[state].get(t).copied().unwrap_or(0.0))
    }

    fn step_back(&self, weights: &[f64]) -> Vec<f64> {
        self.transition
            .iter()
            .map(|row| row.iter().zip(weights).map(|(p, w)| p * w).sum())
            .collect()
    }

    /// Weights of the hidden states one position on.
    pub(super) fn step_on(&self, weights: &[f64]) -> Vec<f64> {
        (0..self.pi.len())
            .map(|to| {
                weights
                    .iter()
                    .zip(&self.transition)
                    .map(|(w, row)| w * row[to])
                    .sum()
            })
            .collect()
    }
}

impl Oracle for Chain {
    fn positions(&self) -> usize {
        self.length
    }

    fn values(&self) -> usize {
        self.emission.first().map_or(0, Vec::len)
    }

    fn marginals(&self, known: &[Option<usize>]) -> (f64, Vec<Vec<f64>>) {
        let h = self.pi.len();
        let (mut scale_total, n) = (0.0, self.length);
        // before[i]: law of hidden state i given the tokens before i.
        let mut before = vec![self.pi.clone()];
        for i in 0..n {
            let mut w: Vec<f64> = (0..h)
                .map(|s| before[i][s] * self.likelihood(s, known[i]))
                .collect();
            let total: f64 = w.iter().sum();
            if total == 0.0 {
                return (0.0, Vec::new());
            }
            scale_total += num::ln(total);
            for v in &mut w {
                *v /= total;
            }
            before.push(self.step_on(&w));
        }
        let mut after = vec![vec![1.0; h]; n];
        for i in (0..n - 1).rev() {
            let w: Vec<f64> = (0..h)
                .map(|s| after[i + 1][s] * self.likelihood(s, known[i + 1]))
                .collect();
            let mut w = self.step_back(&w);
            let top = w.iter().copied().fold(0.0, f64::max);
            for v in &mut w {
                *v /= top;
            }
            after[i] = w;
        }
        let laws = (0..n)
            .map(|i| {
                let hidden: Vec<f64> = (0..h).map(|s| before[i][s] * after[i][s]).collect();
                let total: f64 = hidden.iter().sum();
                (0..self.values())
                    .map(|t| (0..h).map(|s| hidden[s] * self.emission[s][t]).sum::<f64>() / total)
                    .collect()
            })
            .collect();
        (num::exp(scale_total), laws)
    }
}

/// The Ising model on a 4 x 4 lattice with free boundary, by enumeration of its 65,536 states.
#[derive(Debug, Clone, PartialEq)]
pub struct Ising {
    probabilities: Vec<f64>,
    /// Logarithm of the partition function.
    pub log_z: f64,
}

const SIDE: usize = 4;
const SITES: usize = SIDE * SIDE;

impl Ising {
    /// The model with coupling `j`.
    ///
    /// # Errors
    /// A coupling that is not a moderate number.
    pub fn new(j: f64) -> Result<Self> {
        if !(-20.0..=20.0).contains(&j) {
            return Err(Error::out_of_range("J", j, "-20 to 20"));
        }
        let energies: Vec<f64> = (0..1_usize << SITES)
            .map(|s| j * f64::from(neighbour_sum(s)))
            .collect();
        let top = energies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_z = top + num::ln(num::sum(energies.iter().map(|e| num::exp(e - top))));
        Ok(Self {
            probabilities: energies.iter().map(|e| num::exp(e - log_z)).collect(),
            log_z,
        })
    }
}

impl Ising {
    /// Bits of the known spins, and the sites that are free.
    fn constrained(known: &[Option<usize>]) -> (usize, Vec<usize>) {
        let want = known
            .iter()
            .enumerate()
            .fold(0, |w, (i, k)| w | (k.unwrap_or(0) & 1) << i);
        (want, (0..SITES).filter(|i| known[*i].is_none()).collect())
    }
}

impl Lattice for Ising {
    fn joint(&self, known: &[Option<usize>], set: &[usize]) -> Vec<f64> {
        let (want, free) = Self::constrained(known);
        let mut out = vec![0.0; 1 << set.len()];
        for pattern in 0..1_usize << free.len() {
            let state = spread(want, pattern, &free);
            let key = set
                .iter()
                .enumerate()
                .fold(0, |k, (b, i)| k | (state >> i & 1) << b);
            out[key] += self.probabilities[state];
        }
        out
    }
}

/// The bits of `pattern` put on the sites in `free`.
fn spread(want: usize, pattern: usize, free: &[usize]) -> usize {
    free.iter()
        .enumerate()
        .fold(want, |s, (b, i)| s | (pattern >> b & 1) << i)
}

fn neighbour_sum(state: usize) -> i32 {
    let spin = |r: usize, c: usize| 2 * (state >> (SIDE * r + c) & 1) as i32 - 1;
    let mut sum = 0;
    for r in 0..SIDE {
        for c in 0..SIDE {
            if c + 1 < SIDE {
                sum += spin(r, c) * spin(r, c + 1);
            }
            if r + 1 < SIDE {
                sum += spin(r, c) * spin(r + 1, c);
            }
        }
    }
    sum
}

impl Oracle for Ising {
    fn positions(&self) -> usize {
        SITES
    }

    fn values(&self) -> usize {
        2
    }

    /// At a known site the law is the given value itself: no policy asks for it.
    fn marginals(&self, known: &[Option<usize>]) -> (f64, Vec<Vec<f64>>) {
        let (want, free) = Self::constrained(known);
        let (mut total, mut up) = (0.0, vec![0.0; SITES]);
        for pattern in 0..1_usize << free.len() {
            let state = spread(want, pattern, &free);
            let p = self.probabilities[state];
            total += p;
            for i in &free {
                if state >> i & 1 == 1 {
                    up[*i] += p;
                }
            }
        }
        let laws = (0..SITES)
            .map(|i| match known[i] {
                Some(v) => vec![f64::from(u8::from(v == 0)), f64::from(u8::from(v == 1))],
                None => vec![1.0 - up[i] / total, up[i] / total],
            })
            .collect();
        (total, laws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sticky(stay: f64, length: usize) -> Chain {
        let row = |i: usize| {
            (0..3)
                .map(|j| if i == j { stay } else { 0.5 * (1.0 - stay) })
                .collect()
        };
        let unit = |i: usize| (0..3).map(|j| f64::from(u8::from(i == j))).collect();
        Chain::new(
            vec![1.0 / 3.0; 3],
            (0..3).map(row).collect(),
            (0..3).map(unit).collect(),
            length,
        )
        .unwrap()
    }

    #[test]
    fn one_token_at_a_time_is_exact_and_all_at_once_costs_the_total_correlation() {
        let chain = sticky(0.8, 6);
        let h = entropy(&chain).unwrap();
        let backwards = Policy::Fixed((0..6).rev().map(|i| vec![i]).collect());
        assert!(
            divergence(&chain, &backwards, h).unwrap().abs() < 1e-12,
            "one by one"
        );
        let all = divergence(&chain, &Policy::Fixed(vec![(0..6).collect()]), h).unwrap();
        assert!((all - (6.0 * num::ln(3.0) - h)).abs() < 1e-12, "{all}");
    }

    #[test]
    fn every_policy_costs_at_least_nothing() {
        let ising = Ising::new(0.4).unwrap();
        let h = entropy(&ising).unwrap();
        for sizes in [vec![16], vec![2, 3, 4, 7], vec![8, 8]] {
            let v = divergence(&ising, &Policy::Confidence(sizes.clone()), h).unwrap();
            assert!(v >= -1e-12, "{sizes:?}: {v}");
        }
        assert!(
            divergence(&ising, &Policy::Confidence(vec![3]), h).is_err(),
            "too few"
        );
    }

    #[test]
    fn chains_that_are_no_laws_are_refused() {
        let bad = Chain::new(vec![0.5, 0.4], vec![vec![0.5; 2]; 2], vec![vec![1.0]; 2], 4);
        assert!(bad.unwrap_err().to_string().contains("sums to"));
        assert!(
            Chain::new(vec![1.0], vec![vec![1.0]], vec![], 4).is_err(),
            "no emission"
        );
    }
}
