//! Closed forms of queueing theory: Pollaczek-Khinchine, Erlang B and C, Cobham's priorities,
//! Schrage and Miller's shortest remaining processing time, Lindley's recursion. With a batch cap
//! of one and one output token the simulator is such a queue, so they test it.

use crate::core::num;

/// First two moments of a service time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Service {
    /// E[S].
    pub mean: f64,
    /// Var[S].
    pub variance: f64,
}

impl Service {
    /// Always the same.
    pub fn constant(s: f64) -> Self {
        Self {
            mean: s,
            variance: 0.0,
        }
    }

    /// c0 + c1·p with p geometric on 1, 2, … with mean `m`.
    pub fn geometric(c0: f64, c1: f64, m: f64) -> Self {
        Self {
            mean: c0 + c1 * m,
            variance: c1 * c1 * (m * m - m),
        }
    }

    /// Values with probabilities.
    pub fn discrete(values: &[(f64, f64)]) -> Self {
        let mean = num::sum(values.iter().map(|(s, w)| s * w));
        Self {
            mean,
            variance: num::sum(values.iter().map(|(s, w)| w * (s - mean) * (s - mean))),
        }
    }

    /// Exponential.
    pub fn exponential(mean: f64) -> Self {
        Self {
            mean,
            variance: mean * mean,
        }
    }

    /// E[S²].
    pub fn second_moment(&self) -> f64 {
        self.variance + self.mean * self.mean
    }
}

/// Means of a queue with one server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    /// ρ.
    pub utilisation: f64,
    /// Mean wait.
    pub wait: f64,
    /// Mean wait and service.
    pub response: f64,
    /// Mean number waiting.
    pub queue_length: f64,
    /// Mean number waiting or served.
    pub in_system: f64,
}

/// M/G/1 (Pollaczek-Khinchine): W = λ·E[S²] / (2(1 − ρ)).
pub fn mg1(arrival_rate: f64, service: Service) -> Queue {
    let utilisation = arrival_rate * service.mean;
    let wait = arrival_rate * service.second_moment() / (2.0 * (1.0 - utilisation));
    Queue {
        utilisation,
        wait,
        response: wait + service.mean,
        queue_length: arrival_rate * wait,
        in_system: arrival_rate * (wait + service.mean),
    }
}

/// Means of a queue with k servers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// λ = k·ρ·μ.
    pub arrival_rate: f64,
    /// Erlang B.
    pub blocking: f64,
    /// Erlang C.
    pub prob_wait: f64,
    /// Mean wait.
    pub wait: f64,
    /// Mean wait and service.
    pub response: f64,
}

/// M/M/k with utilisation ρ and service rate μ per server.
pub fn mmk(k: usize, rho: f64, mu: f64) -> Pool {
    let servers = k as f64;
    let load = servers * rho;
    let blocking = (1..=k).fold(1.0, |b, i| load * b / (i as f64 + load * b));
    let prob_wait = blocking / (1.0 - rho * (1.0 - blocking));
    let wait = prob_wait / (servers * mu * (1.0 - rho));
    Pool {
        arrival_rate: servers * rho * mu,
        blocking,
        prob_wait,
        wait,
        response: wait + 1.0 / mu,
    }
}

/// Waits of the high class, the low class, and everybody under first come first served (Cobham;
/// non-preemptive, both classes exponential with the same mean).
pub fn two_classes(rho_high: f64, rho_low: f64, mean_service: f64) -> [f64; 3] {
    let rho = rho_high + rho_low;
    let residual = rho * mean_service;
    [
        residual / (1.0 - rho_high),
        residual / ((1.0 - rho_high) * (1.0 - rho)),
        residual / (1.0 - rho),
    ]
}

/// Mean response of M/M/1 under preemptive shortest remaining processing time (Schrage and
/// Miller), integrated by 16-point Gauss-Legendre on 80 equal pieces of [0, 80 s].
pub fn srpt_mm1(rho: f64, s: f64) -> f64 {
    const PIECES: usize = 80;
    let rate = rho / s;
    let nodes = gauss_legendre_16();
    let integrand = |x: f64| {
        let tail = num::exp(-x / s);
        let density = tail / s;
        let load = rate * (s - tail * (x + s));
        let second = rate * (2.0 * s * s - tail * (x * x + 2.0 * s * x + 2.0 * s * s));
        let free = 1.0 - load;
        density * (second + rate * x * x * tail) / (2.0 * free * free) + tail / free
    };
    let half = s / 2.0;
    num::sum(
        (0..PIECES)
            .flat_map(|piece| {
                let middle = (piece as f64 + 0.5) * s;
                nodes
                    .iter()
                    .map(move |&(x, w)| (middle + half * x, half * w))
                    .collect::<Vec<_>>()
            })
            .map(|(x, w)| w * integrand(x)),
    )
}

/// Nodes and weights of the 16-point rule on [-1, 1], by Newton's method on the Legendre
/// polynomial.
fn gauss_legendre_16() -> Vec<(f64, f64)> {
    const N: usize = 16;
    (1..=N)
        .map(|i| {
            let mut x = num::cos(std::f64::consts::PI * (i as f64 - 0.25) / (N as f64 + 0.5));
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=N {
                    let k = k as f64;
                    (before, value) = (
                        value,
                        ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
                    );
                }
                slope = N as f64 * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-16 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// Latency of a request that has the machine for itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alone {
    /// Time to the first token.
    pub ttft: f64,
    /// Time to the last token, summed step by step.
    pub e2e: f64,
    /// The same in closed form.
    pub e2e_closed_form: f64,
}

/// TTFT = c0 + c1·P + c2·P²; then D − 1 decodes with past P+1, P+2, …
pub fn request_alone(c: &[f64; 5], prompt: u64, output: u64) -> Alone {
    let (p, d) = (prompt as f64, output as f64);
    let ttft = c[0] + c[1] * p + c[2] * (p * p);
    let mut e2e = ttft;
    for j in 1..output {
        e2e += c[0] + c[3] + c[4] * (p + j as f64);
    }
    Alone {
        ttft,
        e2e,
        e2e_closed_form: ttft
            + (d - 1.0) * (c[0] + c[3])
            + c[4] * ((d - 1.0) * p + d * (d - 1.0) / 2.0),
    }
}

/// Waits in a first-come-first-served queue with one server (Lindley).
pub fn lindley(arrival: &[f64], service: &[f64]) -> Vec<f64> {
    let mut waits: Vec<f64> = Vec::with_capacity(arrival.len());
    for i in 0..arrival.len() {
        let wait = if i == 0 {
            0.0
        } else {
            (waits[i - 1] + service[i - 1] - (arrival[i] - arrival[i - 1])).max(0.0)
        };
        waits.push(wait);
    }
    waits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quadrature_rule_is_exact_for_polynomials_of_degree_31() {
        let rule = gauss_legendre_16();
        for degree in [0, 2, 10, 30] {
            let got: f64 = rule
                .iter()
                .map(|(x, w)| w * num::pow(x.abs(), f64::from(degree)))
                .sum();
            let want = 2.0 / f64::from(degree + 1);
            assert!((got - want).abs() < 1e-14, "degree {degree}: {got} {want}");
        }
    }

    #[test]
    fn one_server_of_many_is_the_single_server_queue() {
        let pool = mmk(1, 0.7, 2.0);
        let queue = mg1(1.4, Service::exponential(0.5));
        assert!((pool.wait - queue.wait).abs() < 1e-14, "{pool:?} {queue:?}");
    }
}
