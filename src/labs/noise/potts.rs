//! The Potts model on a 3 x 3 lattice with free boundary, by enumeration of its q^9 states.

use super::masked::{Lattice, Oracle};
use crate::core::{Error, Result, num};

/// Side of the lattice.
pub const POTTS_SIDE: usize = 3;
const SITES: usize = POTTS_SIDE * POTTS_SIDE;

/// Values on the lattice; neighbours like to be equal: p = exp(J sum over neighbours [x_i = x_j]) / Z.
#[derive(Debug, Clone, PartialEq)]
pub struct Potts {
    q: usize,
    /// By state; site i is digit i of the state in base q.
    probabilities: Vec<f64>,
    /// Logarithm of the partition function.
    pub log_z: f64,
}

impl Potts {
    /// The model with `q` values and coupling `j`.
    ///
    /// # Errors
    /// Values or a coupling out of range.
    pub fn new(q: usize, j: f64) -> Result<Self> {
        if !(2..=4).contains(&q) {
            return Err(Error::out_of_range("states", q, "2 to 4"));
        }
        if !(-20.0..=20.0).contains(&j) {
            return Err(Error::out_of_range("J", j, "-20 to 20"));
        }
        let mut energies = Vec::with_capacity(q.pow(SITES as u32));
        Odometer::over(q, (0..SITES).collect(), [0; SITES]).each(|digits, _| {
            energies.push(j * f64::from(equal_neighbours(digits)));
        });
        let top = energies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_z = top + num::ln(num::sum(energies.iter().map(|e| num::exp(e - top))));
        Ok(Self {
            q,
            probabilities: energies.iter().map(|e| num::exp(e - log_z)).collect(),
            log_z,
        })
    }

    fn matching(&self, known: &[Option<usize>]) -> Odometer {
        let mut start = [0; SITES];
        for (digit, value) in start.iter_mut().zip(known) {
            *digit = value.unwrap_or(0).min(self.q - 1);
        }
        let free = (0..SITES).filter(|i| known[*i].is_none()).collect();
        Odometer::over(self.q, free, start)
    }
}

/// Goes through all values of the free sites, the first one fastest.
struct Odometer {
    q: usize,
    free: Vec<usize>,
    digits: [usize; SITES],
}

impl Odometer {
    fn over(q: usize, free: Vec<usize>, digits: [usize; SITES]) -> Self {
        Self { q, free, digits }
    }

    fn each(mut self, mut visit: impl FnMut(&[usize; SITES], usize)) {
        let place = |site: usize| self.q.pow(site as u32);
        let mut state = (0..SITES).map(|i| self.digits[i] * place(i)).sum();
        loop {
            visit(&self.digits, state);
            let mut carried = true;
            for &site in &self.free {
                if self.digits[site] + 1 < self.q {
                    self.digits[site] += 1;
                    state += place(site);
                    carried = false;
                    break;
                }
                state -= self.digits[site] * place(site);
                self.digits[site] = 0;
            }
            if carried {
                return;
            }
        }
    }
}

fn equal_neighbours(digits: &[usize; SITES]) -> u32 {
    let at = |r: usize, c: usize| digits[POTTS_SIDE * r + c];
    let mut equal = 0;
    for r in 0..POTTS_SIDE {
        for c in 0..POTTS_SIDE {
            equal += u32::from(c + 1 < POTTS_SIDE && at(r, c) == at(r, (c + 1) % POTTS_SIDE));
            equal += u32::from(r + 1 < POTTS_SIDE && at(r, c) == at((r + 1) % POTTS_SIDE, c));
        }
    }
    equal
}

impl Oracle for Potts {
    fn positions(&self) -> usize {
        SITES
    }

    fn values(&self) -> usize {
        self.q
    }

    /// At a known site the law is the given value itself: no policy asks for it.
    fn marginals(&self, known: &[Option<usize>]) -> (f64, Vec<Vec<f64>>) {
        let mut laws = vec![vec![0.0; self.q]; SITES];
        let mut total = 0.0;
        self.matching(known).each(|digits, state| {
            let p = self.probabilities[state];
            total += p;
            for (law, digit) in laws.iter_mut().zip(digits) {
                law[*digit] += p;
            }
        });
        for p in laws.iter_mut().flatten() {
            *p /= total;
        }
        (total, laws)
    }
}

impl Lattice for Potts {
    fn joint(&self, known: &[Option<usize>], set: &[usize]) -> Vec<f64> {
        let mut out = vec![0.0; self.q.pow(set.len() as u32)];
        self.matching(known).each(|digits, state| {
            let key = set.iter().rev().fold(0, |k, i| k * self.q + digits[*i]);
            out[key] += self.probabilities[state];
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::noise::masked::{Policy, divergence, entropy};

    #[test]
    fn a_pair_of_neighbours_agrees_as_often_as_counted_by_hand() {
        // Without coupling every value is as likely and every site on its own.
        let free = Potts::new(3, 0.0).unwrap();
        assert!((free.log_z - 9.0 * num::ln(3.0)).abs() < 1e-12);
        let (p, laws) = free.marginals(&[None; 9]);
        assert!((p - 1.0).abs() < 1e-12);
        assert!(laws.iter().flatten().all(|p| (p - 1.0 / 3.0).abs() < 1e-12));
        // With it, a known neighbour pulls.
        let bound = Potts::new(3, 0.8).unwrap();
        let mut known = [None; 9];
        known[4] = Some(2);
        let law = &bound.marginals(&known).1[1];
        assert!(law[2] > 0.5 && (law[0] - law[1]).abs() < 1e-12, "{law:?}");
    }

    #[test]
    fn two_values_are_the_ising_lattice_of_half_the_coupling() {
        // [x = y] = (1 + s t) / 2: J of Potts is twice J of Ising, up to a constant.
        let potts = Potts::new(2, 0.8).unwrap();
        let mut probability = 0.0;
        Odometer::over(2, (0..9).collect(), [0; 9]).each(|d, state| {
            let sum = 2.0 * f64::from(equal_neighbours(d)) - 12.0;
            probability += num::exp(0.4 * sum) * f64::from(u8::from(state == 0b111));
        });
        let whole: f64 = {
            let mut total = 0.0;
            Odometer::over(2, (0..9).collect(), [0; 9]).each(|d, _| {
                total += num::exp(0.4 * (2.0 * f64::from(equal_neighbours(d)) - 12.0));
            });
            total
        };
        assert!((potts.probabilities[0b111] - probability / whole).abs() < 1e-14);
    }

    #[test]
    fn the_joint_law_sums_to_the_marginals_and_one_by_one_costs_nothing() {
        let potts = Potts::new(3, 0.6).unwrap();
        let mut known = [None; 9];
        known[0] = Some(1);
        let joint = potts.joint(&known, &[3, 8]);
        let (p, laws) = potts.marginals(&known);
        for v in 0..3 {
            let first: f64 = (0..3).map(|w| joint[3 * w + v]).sum();
            assert!((first - p * laws[3][v]).abs() < 1e-14);
        }
        let h = entropy(&potts).unwrap();
        let singly = Policy::Fixed((0..9).map(|i| vec![i]).collect());
        assert!(divergence(&potts, &singly, h).unwrap().abs() < 1e-10);
        let at_once = divergence(&potts, &Policy::Fixed(vec![(0..9).collect()]), h).unwrap();
        assert!((at_once - (9.0 * num::ln(3.0) - h)).abs() < 1e-10);
        assert!(Potts::new(7, 0.1).is_err() && Potts::new(3, f64::NAN).is_err());
    }
}
