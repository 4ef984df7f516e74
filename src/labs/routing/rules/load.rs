//! How evenly experts are loaded, and how uneven perfectly random routing already is.
//!
//! The floor. A router that sends every token to k distinct experts uniformly at random still
//! gives unequal loads. The load of one expert is Binomial(N, k/E), exactly. For k = 1 the loads
//! are multinomial, and the largest one has
//! `P(max ≤ m) = P(Poisson(λ) ≤ m)^E · P(Σ of E truncated Poissons = N) / P(Poisson(Eλ) = N)`
//! with λ = N/E (conditioning independent Poissons on their sum), which is computed here without
//! sampling. For k > 1 the choices of a token exclude each other and no such product exists: the
//! distribution of the largest load is then taken from 400 random balanced draws.

use crate::core::gate::entropy;
use crate::core::rng::{Stream, StreamId};
use crate::core::{num, stats};

/// Population coefficient of variation of the loads; 0 when nothing is loaded.
pub fn cv(loads: &[f64]) -> f64 {
    let mean = stats::mean(loads);
    if mean.is_nan() || mean == 0.0 {
        return 0.0;
    }
    let var = loads.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>() / loads.len() as f64;
    var.sqrt() / mean
}

/// Largest load over the mean, minus 1 (MaxVio, arXiv 2408.15664).
pub fn max_violation(loads: &[f64]) -> f64 {
    let mean = stats::mean(loads);
    if mean == 0.0 {
        return 0.0;
    }
    loads.iter().copied().fold(0.0, f64::max) / mean - 1.0
}

/// 1 minus the smallest load over the mean.
pub fn min_violation(loads: &[f64]) -> f64 {
    let mean = stats::mean(loads);
    if mean == 0.0 {
        return 0.0;
    }
    1.0 - loads.iter().copied().fold(f64::INFINITY, f64::min) / mean
}

/// Gini coefficient Σ|f_i - f_j| / (2 E² mean).
pub fn gini(loads: &[f64]) -> f64 {
    let mean = stats::mean(loads);
    if mean == 0.0 {
        return 0.0;
    }
    let total: f64 = loads
        .iter()
        .flat_map(|a| loads.iter().map(move |b| (a - b).abs()))
        .sum();
    total / (2.0 * (loads.len() * loads.len()) as f64 * mean)
}

/// Entropy of the load shares over ln E: 1 is even. 1 for a single expert.
pub fn load_entropy(loads: &[f64]) -> f64 {
    if loads.len() < 2 {
        return 1.0;
    }
    let total: f64 = loads.iter().sum();
    let shares: Vec<f64> = loads.iter().map(|f| f / total).collect();
    entropy(&shares) / num::ln(loads.len() as f64)
}

/// Mutual information of a table of joint counts, in nats.
pub fn mutual_information(joint: &[Vec<f64>]) -> f64 {
    let total: f64 = joint.iter().flatten().sum();
    let columns = joint.first().map_or(0, Vec::len);
    let column: Vec<f64> = (0..columns)
        .map(|j| joint.iter().map(|row| row[j]).sum())
        .collect();
    let mut out = 0.0;
    for row in joint {
        let sum: f64 = row.iter().sum();
        for (&n, &c) in row.iter().zip(&column) {
            if n > 0.0 {
                out += n / total * num::ln(n * total / (sum * c));
            }
        }
    }
    out
}

/// What uniformly random routing gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    /// 5 %, 50 % and 95 % quantile of one expert's load (exact, binomial).
    pub load: [f64; 3],
    /// Root of the mean squared coefficient of variation (exact).
    pub cv: f64,
    /// Mean, 5 % and 95 % quantile of MaxVio.
    pub max_violation: [f64; 3],
    /// Whether the distribution of MaxVio is exact (k = 1, up to 4,096 tokens) or from random draws.
    pub exact: bool,
}

/// Most tokens for which the exact distribution is computed.
const MOST_EXACT: usize = 4096;
/// Number of random balanced draws where no exact form exists, or it would take too long.
pub const DRAWS: u32 = 400;

/// Computes a [`Floor`] in short steps.
#[derive(Debug, Clone)]
pub struct FloorWork {
    tokens: usize,
    experts: usize,
    k: usize,
    /// Draws done, or the next m of the exact distribution.
    next: u32,
    /// Sorted later: MaxVio of each draw; or P(max ≤ m) from the smallest possible m on.
    seen: Vec<f64>,
    /// The next of these, begun.
    draw: Option<Draw>,
    chance: Option<LargestLoad>,
}

/// Choices drawn in a step.
pub(super) const DRAWN: usize = 50_000;
/// Multiplications of a step of the exact distribution.
const MULTIPLIED: usize = 400_000;

impl FloorWork {
    /// Starts for N tokens that choose k of E experts.
    pub fn new(tokens: usize, experts: usize, k: usize) -> Self {
        Self {
            tokens,
            experts,
            k,
            next: 0,
            seen: Vec::new(),
            draw: None,
            chance: None,
        }
    }

    fn mean_load(&self) -> f64 {
        (self.tokens * self.k) as f64 / self.experts as f64
    }

    /// One slice of work; the floor when it is done.
    pub fn step(&mut self) -> Option<Floor> {
        if self.k == 1 && self.tokens <= MOST_EXACT {
            let first = self.tokens.div_ceil(self.experts);
            let m = first + self.next as usize;
            let start = || LargestLoad::new(self.tokens, self.experts, m);
            let mut chance = self.chance.take().unwrap_or_else(start);
            let Some(p) = chance.step() else {
                self.chance = Some(chance);
                return None;
            };
            self.next += 1;
            self.seen.push(p);
            return (p >= 1.0 - 1e-9).then(|| self.finish_exact(first));
        }
        let mut left = (DRAWN / self.k).max(1);
        while left > 0 {
            let start = || Draw::new(self.experts, self.next);
            let mut draw = self.draw.take().unwrap_or_else(start);
            let tokens = left.min(self.tokens - draw.tokens);
            draw.advance(tokens, self.k);
            left -= tokens;
            if draw.tokens < self.tokens {
                self.draw = Some(draw);
                continue;
            }
            self.seen.push(max_violation(&draw.loads));
            self.next += 1;
            if self.next == DRAWS {
                return Some(self.finish_drawn());
            }
        }
        None
    }

    fn finish_exact(&self, first: usize) -> Floor {
        let mean_load = self.mean_load();
        // E[max] = Σ_m P(max > m), every m below `first` counts fully.
        let mean = first as f64 + self.seen.iter().map(|p| 1.0 - p).sum::<f64>();
        let quantile = |q: f64| {
            let m = self
                .seen
                .iter()
                .position(|&p| p >= q)
                .unwrap_or(self.seen.len() - 1);
            (first + m) as f64 / mean_load - 1.0
        };
        self.floor(
            [mean / mean_load - 1.0, quantile(0.05), quantile(0.95)],
            true,
        )
    }

    fn finish_drawn(&mut self) -> Floor {
        self.seen.sort_by(f64::total_cmp);
        let q = |p| stats::percentile_sorted(&self.seen, p);
        self.floor([stats::mean(&self.seen), q(5.0), q(95.0)], false)
    }

    fn floor(&self, max_violation: [f64; 3], exact: bool) -> Floor {
        let share = self.k as f64 / self.experts as f64;
        Floor {
            load: [0.05, 0.5, 0.95].map(|q| stats::binomial_quantile(self.tokens, share, q) as f64),
            cv: ((1.0 - share) / self.mean_load()).sqrt(),
            max_violation,
            exact,
        }
    }
}

/// A draw of random balanced routing. The seed is fixed: the floor depends on N, k and E alone.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    stream: Stream,
    deck: Vec<usize>,
    /// Pairs by expert so far.
    pub(super) loads: Vec<f64>,
    /// Tokens so far.
    pub(super) tokens: usize,
}

impl Draw {
    /// Starts the draw of this number.
    pub(super) fn new(experts: usize, draw: u32) -> Self {
        Self {
            stream: Stream::new(0, StreamId::Bootstrap).step(draw),
            deck: (0..experts).collect(),
            loads: vec![0.0; experts],
            tokens: 0,
        }
    }

    /// The choices of so many more tokens.
    pub(super) fn advance(&mut self, tokens: usize, k: usize) {
        let experts = self.deck.len();
        for _ in 0..tokens {
            for j in 0..k {
                let other = j + self.stream.below((experts - j) as u32) as usize;
                self.deck.swap(j, other);
                self.loads[self.deck[j]] += 1.0;
            }
        }
        self.tokens += tokens;
    }
}

/// P(largest of E multinomial loads of N tokens ≤ m), exact up to rounding, in short steps.
#[derive(Debug, Clone)]
pub struct LargestLoad {
    tokens: usize,
    /// The probability where it is plain.
    plain: Option<f64>,
    power: Power,
}

impl LargestLoad {
    /// Starts for N tokens over E experts.
    pub fn new(tokens: usize, experts: usize, m: usize) -> Self {
        let plain = if m >= tokens {
            Some(1.0)
        } else {
            (m * experts < tokens).then_some(0.0)
        };
        let rate = tokens as f64 / experts as f64;
        let mut truncated = Vec::new();
        let mut ln_factorial = 0.0;
        for j in (0..=m).filter(|_| plain.is_none()) {
            if j > 0 {
                ln_factorial += num::ln(j as f64);
            }
            truncated.push(num::exp(j as f64 * num::ln(rate) - rate - ln_factorial));
        }
        Self {
            tokens,
            plain,
            power: Power::new(truncated, experts, tokens),
        }
    }

    /// A slice of the work; the probability when it is done.
    pub fn step(&mut self) -> Option<f64> {
        if self.plain.is_some() {
            return self.plain;
        }
        let hit = self.power.step()?;
        let n = self.tokens as f64;
        let ln_n_factorial: f64 = (1..=self.tokens).map(|j| num::ln(j as f64)).sum();
        let all = num::exp(n * num::ln(n) - n - ln_n_factorial);
        Some((hit / all).min(1.0))
    }
}

/// Coefficient of x^n in (Σ a_j x^j)^power, by squaring.
#[derive(Debug, Clone)]
struct Power {
    n: usize,
    result: Vec<f64>,
    square: Vec<f64>,
    left: usize,
    product: Option<Product>,
}

/// A product of two polynomials under way.
#[derive(Debug, Clone)]
struct Product {
    /// Whether it becomes the next square; else the next result.
    squares: bool,
    /// Coefficients of the first factor that are done.
    done: usize,
    out: Vec<f64>,
}

impl Power {
    fn new(a: Vec<f64>, power: usize, n: usize) -> Self {
        let mut out = Self {
            n,
            result: vec![1.0],
            square: a,
            left: power,
            product: None,
        };
        out.product = out.begin(power.is_multiple_of(2));
        out
    }

    /// Begins the next product; none is needed when the last factor is reached.
    fn begin(&self, squares: bool) -> Option<Product> {
        let first = if squares { &self.square } else { &self.result };
        let len = (first.len() + self.square.len()).saturating_sub(1);
        (self.left > 1).then(|| Product {
            squares,
            done: 0,
            out: vec![0.0; len.min(self.n + 1)],
        })
    }

    /// A slice of the work; the coefficient when it is done.
    fn step(&mut self) -> Option<f64> {
        let n = self.n;
        let mut left = MULTIPLIED;
        while let Some(product) = &mut self.product {
            let (a, b) = if product.squares {
                (&self.square, &self.square)
            } else {
                (&self.result, &self.square)
            };
            while product.done < a.len().min(n + 1) {
                if left == 0 {
                    return None;
                }
                let (i, x) = (product.done, a[product.done]);
                product.done += 1;
                // Terms this small cannot change a probability.
                if x < 1e-300 {
                    continue;
                }
                for (o, &y) in product.out[i..].iter_mut().zip(b) {
                    *o += x * y;
                }
                left = left.saturating_sub(b.len());
            }
            let out = std::mem::take(&mut product.out);
            let next = if product.squares {
                self.square = out;
                self.left /= 2;
                self.left.is_multiple_of(2)
            } else {
                self.result = out;
                true
            };
            self.product = self.begin(next);
        }
        let last = 0..self.square.len().min(n + 1);
        Some(
            last.filter_map(|i| self.result.get(n - i).map(|r| r * self.square[i]))
                .sum(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(tokens: usize, experts: usize, k: usize) -> Floor {
        let mut work = FloorWork::new(tokens, experts, k);
        loop {
            if let Some(floor) = work.step() {
                return floor;
            }
        }
    }

    fn max_load_cdf(tokens: usize, experts: usize, m: usize) -> f64 {
        let mut work = LargestLoad::new(tokens, experts, m);
        loop {
            if let Some(p) = work.step() {
                return p;
            }
        }
    }

    /// The power as it is written down: squares, and the product of those that the exponent names.
    fn plain_power(a: &[f64], power: usize, n: usize) -> f64 {
        let product = |a: &[f64], b: &[f64]| {
            let mut out = vec![0.0; (a.len() + b.len() - 1).min(n + 1)];
            for (i, &x) in a
                .iter()
                .enumerate()
                .filter(|(i, x)| **x >= 1e-300 && *i <= n)
            {
                for (o, &y) in out[i..].iter_mut().zip(b) {
                    *o += x * y;
                }
            }
            out
        };
        let (mut result, mut square, mut left) = (vec![1.0], a.to_vec(), power);
        while left > 1 {
            if left % 2 == 1 {
                result = product(&result, &square);
            }
            square = product(&square, &square);
            left /= 2;
        }
        let last = 0..square.len().min(n + 1);
        last.filter_map(|i| result.get(n - i).map(|r| r * square[i]))
            .sum()
    }

    #[test]
    fn slices_of_the_exact_distribution_and_of_a_draw_change_no_bit() {
        let mut draw = Stream::new(6, StreamId::Test);
        for (len, power, n) in [(3, 1, 2), (5, 2, 9), (40, 511, 3000), (60, 192, 4096)] {
            let a: Vec<f64> = (0..len).map(|_| draw.uniform() / f64::from(len)).collect();
            let mut work = Power::new(a.clone(), power, n);
            let mut steps = 1;
            let got = loop {
                if let Some(got) = work.step() {
                    break got;
                }
                steps += 1;
            };
            assert_eq!(
                got.to_bits(),
                plain_power(&a, power, n).to_bits(),
                "{power}"
            );
            assert!(
                power < 10 || steps > 5,
                "{steps} steps for the power {power}"
            );
        }
        let (mut whole, mut parts) = (Draw::new(7, 3), Draw::new(7, 3));
        whole.advance(100, 3);
        for tokens in [1, 50, 0, 49] {
            parts.advance(tokens, 3);
        }
        assert_eq!(whole.loads, parts.loads);
    }

    #[test]
    fn the_exact_largest_load_agrees_with_counting_every_outcome() {
        let (tokens, experts) = (7_usize, 3_usize);
        let mut at_most = [0.0; 8];
        let outcomes = experts.pow(tokens as u32);
        for code in 0..outcomes {
            let mut loads = [0; 3];
            let mut rest = code;
            for _ in 0..tokens {
                loads[rest % 3] += 1;
                rest /= 3;
            }
            let top = loads.iter().copied().max().unwrap();
            for slot in &mut at_most[top..] {
                *slot += 1.0 / outcomes as f64;
            }
        }
        for (m, want) in at_most.iter().enumerate() {
            let got = max_load_cdf(tokens, experts, m);
            assert!((got - want).abs() < 1e-12, "m {m}: {got} {want}");
        }
    }

    #[test]
    fn the_floor_is_close_to_the_published_trial() {
        // B = 256, E = 8, k = 2: 0.165.
        let f = floor(256, 8, 2);
        assert!((f.max_violation[0] - 0.165).abs() < 0.01, "{f:?}");
        assert!((f.cv - (0.75_f64 / 64.0).sqrt()).abs() < 1e-15, "{f:?}");
    }

    #[test]
    fn exact_and_drawn_floors_agree_for_one_choice() {
        let exact = floor(128, 8, 1);
        let violation = |d| {
            let mut draw = Draw::new(8, d);
            draw.advance(128, 1);
            max_violation(&draw.loads)
        };
        let drawn: Vec<f64> = (0..DRAWS).map(violation).collect();
        let (mean, half) = (stats::mean(&drawn), 4.0 * stats::std_dev(&drawn) / 20.0);
        assert!(
            (exact.max_violation[0] - mean).abs() < half,
            "{exact:?} {mean} ± {half}"
        );
        assert!(exact.exact, "k = 1 needs no draws");
    }

    #[test]
    fn one_expert_has_no_spread() {
        let f = floor(50, 1, 1);
        assert_eq!((f.max_violation, f.cv), ([0.0; 3], 0.0));
    }
}
