//! Federated training of the digits network: ten clients whose classes follow a Dirichlet
//! distribution (0.3), a few local SGD steps each, averaged by the server; and `FedHyper` ("FedHyper:
//! A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient
//! Descent", arXiv 2310.03156; ATP-1010/FedHyper), which lets the products of neighbouring updates
//! set the server's step or the clients' rates.

use super::super::config::{Config, Fed};
use super::super::schedule::Shape;
use super::super::training::{SIZES, augment, evaluate};
use super::task::Task;
use crate::core::digits::{CLASSES, LR_TRAIN, digits};
use crate::core::mlp::{Mlp, Workspace};
use crate::core::rng::{Stream, StreamId};
use crate::core::{Result, num};
use std::sync::Arc;

/// Clients.
pub(in crate::labs::lr) const CLIENTS: usize = 10;
/// Concentration of their classes: small is uneven.
const CONCENTRATION: f64 = 0.3;
/// Images of a client, and samples of a local step.
const IMAGES: usize = 140;
const BATCH: usize = 16;
/// Bounds of the summed hypergradient: server, and server with momentum.
const BOUNDS: [[f64; 2]; 2] = [[-0.8, 4.0], [-0.2, 4.0]];
/// Bounds of the clients' rate set by the server.
const CLIENT_RATES: [f64; 2] = [0.001, 0.1];
/// Share of the past in the server's momentum.
const MOMENTUM: f64 = 0.9;

/// Names of the traces.
pub(in crate::labs::lr) const TRACES: [&str; 2] = ["server's step", "clients' mean rate"];

/// A gamma variate of shape `a` below 1 (Marsaglia and Tsang, boosted).
fn gamma(stream: &mut Stream, a: f64) -> f64 {
    let d = a + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = stream.normal();
        let v = (1.0 + c * z) * (1.0 + c * z) * (1.0 + c * z);
        let u = stream.open_uniform();
        if v > 0.0 && num::ln(u) < 0.5 * z * z + d * (1.0 - v + num::ln(v)) {
            return d * v * num::pow(stream.open_uniform(), 1.0 / a);
        }
    }
}

/// The images of every client.
fn clients(seed: u64) -> Vec<Vec<usize>> {
    let (train, _) = digits().split(LR_TRAIN);
    let mut of_class = vec![Vec::new(); CLASSES];
    for i in train {
        of_class[usize::from(digits().labels()[*i])].push(*i);
    }
    (0..CLIENTS as u32)
        .map(|client| {
            let mut stream = Stream::new(seed, StreamId::Users).replicate(client);
            let shares: Vec<f64> = (0..CLASSES)
                .map(|_| gamma(&mut stream, CONCENTRATION))
                .collect();
            let total: f64 = shares.iter().sum();
            (0..IMAGES)
                .map(|_| {
                    let mut left = stream.uniform() * total;
                    let class = shares.iter().position(|s| {
                        left -= s;
                        left < 0.0
                    });
                    let images = &of_class[class.unwrap_or(CLASSES - 1)];
                    images[stream.below(images.len() as u32) as usize]
                })
                .collect()
        })
        .collect()
}

/// The server with its clients; one update is a round.
#[derive(Clone)]
pub(super) struct Federated {
    net: Mlp,
    clients: Arc<[Vec<usize>]>,
    seed: u64,
    local_steps: u32,
    method: Option<Fed>,
    round: u32,
    /// Sum of the products of neighbouring updates, within its bounds.
    summed: f64,
    /// The last update of the server, and with its momentum.
    last: Vec<f32>,
    past: Vec<f32>,
    client_rate: f64,
    loss: f64,
    norm: f64,
    work: Workspace,
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(x, y)| f64::from(*x) * f64::from(*y))
        .sum()
}

impl Federated {
    pub(super) fn new(config: &Config, shape: Shape, seed: u64) -> Result<Self> {
        let net = Mlp::new(&SIZES, &mut Stream::new(seed, StreamId::Weights))?;
        Ok(Self {
            last: vec![0.0; net.params().len()],
            past: vec![0.0; net.params().len()],
            net,
            clients: clients(seed).into(),
            seed,
            local_steps: config.local_steps as u32,
            method: (shape == Shape::FedHyper).then_some(config.fed),
            round: 0,
            summed: 0.0,
            client_rate: f64::NAN,
            loss: f64::NAN,
            norm: f64::NAN,
            work: Workspace::default(),
        })
    }

    /// Local steps of one client: the change of its weights, its mean loss and mean rate.
    fn client(&mut self, client: usize, rate: f64) -> (Vec<f32>, [f64; 2]) {
        let mut net = self.net.clone();
        let n = net.params().len();
        let (mut grad, mut before) = (vec![0.0; n], self.last.clone());
        let (mut loss, mut rates, mut share) = (0.0, 0.0, 1.0_f64);
        let seed = self
            .seed
            .wrapping_add(1 + client as u64)
            .wrapping_mul(0x9E37_79B9);
        for k in 0..self.local_steps {
            let step = self.round * self.local_steps + k;
            let batch = augment(&self.clients[client], BATCH, seed, step);
            loss += net.gradient(&batch.x, &batch.labels, None, &mut grad, &mut self.work);
            let used = rate * share;
            rates += used;
            for (w, g) in net.params_mut().iter_mut().zip(&grad) {
                *w -= used as f32 * g;
            }
            if self.method == Some(Fed::Client) {
                let moved: Vec<f32> = grad.iter().map(|g| -(used as f32) * g).collect();
                if k > 0 {
                    let global = 0.1 * product(&moved, &self.last) / CLIENTS as f64;
                    let factor = 1.0 + global + product(&moved, &before);
                    share = (share * factor.min(1.1)).clamp(0.1, 10.0);
                    before = moved;
                }
            }
        }
        let moved = (net.params().iter().zip(self.net.params()))
            .map(|(a, b)| a - b)
            .collect();
        let steps = f64::from(self.local_steps);
        (moved, [loss / steps, rates / steps])
    }
}

impl Task for Federated {
    fn update(&mut self, rate: f64) {
        let rate = match self.method {
            Some(Fed::ClientsByServer) => {
                (rate * (1.0 + self.summed)).clamp(CLIENT_RATES[0], CLIENT_RATES[1])
            }
            _ => rate,
        };
        let n = self.net.params().len();
        let (mut change, mut loss, mut rates) = (vec![0.0_f32; n], 0.0, 0.0);
        for client in 0..CLIENTS {
            let (moved, [l, r]) = self.client(client, rate);
            for (c, m) in change.iter_mut().zip(&moved) {
                *c += m / CLIENTS as f32;
            }
            loss += l / CLIENTS as f64;
            rates += r / CLIENTS as f64;
        }
        let bounds = BOUNDS[usize::from(self.method == Some(Fed::ServerMomentum))];
        if self.round > 0 {
            let against = match self.method {
                Some(Fed::ServerMomentum) => &self.past,
                _ => &self.last,
            };
            self.summed = (self.summed + product(against, &change)).clamp(bounds[0], bounds[1]);
        }
        let own = match self.method {
            Some(Fed::Server | Fed::ServerMomentum) => self.summed as f32,
            _ => 0.0,
        };
        let pull = match self.method {
            Some(Fed::ServerMomentum) => MOMENTUM as f32 * own,
            _ => 0.0,
        };
        let weights = self.net.params_mut().iter_mut();
        for ((w, c), p) in weights.zip(&change).zip(&mut self.past) {
            *w += c + own * c + pull * *p;
            *p = c + MOMENTUM as f32 * *p;
        }
        self.norm = product(&change, &change).sqrt();
        self.last = change;
        self.client_rate = rates;
        self.loss = loss;
        self.round += 1;
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn gradient(&self) -> f64 {
        self.norm
    }

    fn traces(&mut self) -> Vec<(&'static str, f64)> {
        let server = match self.method {
            Some(Fed::Server | Fed::ServerMomentum) => 1.0 + self.summed,
            _ => 1.0,
        };
        TRACES.into_iter().zip([server, self.client_rate]).collect()
    }

    fn finish(&mut self) -> [f64; 2] {
        let result = evaluate(&self.net, &mut self.work);
        [result.loss, result.accuracy()]
    }

    fn copy(&self) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn slice(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_hold_uneven_classes_and_the_same_ones_every_time() {
        let found = clients(3);
        assert_eq!(found, clients(3));
        assert!(found.iter().all(|c| c.len() == IMAGES));
        let most = |images: &[usize]| {
            let mut count = [0; CLASSES];
            for i in images {
                count[usize::from(digits().labels()[*i])] += 1;
            }
            count.into_iter().max().unwrap_or(0)
        };
        let mean = found.iter().map(|c| most(c)).sum::<usize>() / CLIENTS;
        assert!(
            mean > IMAGES / 4,
            "{mean}: even shares would be {}",
            IMAGES / CLASSES
        );
    }

    #[test]
    fn a_gamma_variate_has_its_mean() {
        let mut stream = Stream::new(1, StreamId::Test);
        let n = 20_000;
        let mean = (0..n).map(|_| gamma(&mut stream, 0.3)).sum::<f64>() / f64::from(n);
        assert!((mean - 0.3).abs() < 0.02, "{mean}");
    }

    #[test]
    fn the_first_round_is_plain_averaging_for_every_method() {
        let config = Config::default();
        let after = |shape: Shape, fed: Fed| {
            let config = Config {
                fed,
                local_steps: 1,
                ..config.clone()
            };
            let mut run = Federated::new(&config, shape, 1).unwrap();
            run.update(0.05);
            run.net
        };
        let plain = after(Shape::Constant, Fed::Server);
        for fed in Fed::ALL {
            assert_eq!(after(Shape::FedHyper, fed), plain, "{fed:?}");
        }
    }
}
