//! The routed batches on a system: devices that share the experts, traffic between them, and a cache
//! for a device that cannot hold them all.

use super::config::Config;
use super::fill::{SLICE, slice};
use super::route::{Batch, Pair};
use super::rules::placement::{self, Cluster};
use super::rules::prefetch::{self, Predicting, Traffic};
use super::rules::stall::Link;
use super::rules::{cache, losses};
use crate::core::rng::{Stream, StreamId};

/// What the system sees.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Deployment {
    /// Load of each device with experts in their order, pairs per batch.
    pub(super) contiguous: Vec<f64>,
    /// Load of each device with experts packed (and replicated) by load.
    pub(super) packed: Vec<f64>,
    /// Copies of experts that are not where their order would put them.
    pub(super) moved: usize,
    /// Of each device, if it fails: share of the pairs without an expert, in order and packed.
    pub(super) lost: [Vec<f64>; 2],
    /// Load of the busiest device left over that of the busiest before, in the worst failure,
    /// packed.
    pub(super) slower: f64,
    /// Pairs that leave their device, per batch.
    pub(super) cross_pairs: f64,
    /// Distinct copies of tokens that leave their device, per batch.
    pub(super) copies: f64,
    /// Cache sizes compared, in experts.
    pub(super) sizes: Vec<usize>,
    /// What each policy does with the reads, by size.
    pub(super) traffic: [Vec<Traffic>; 6],
    /// Expert reads replayed.
    pub(super) reads: usize,
    /// Tokens whose reads these are.
    pub(super) tokens: usize,
    /// Distinct experts of a micro-batch: tokens in their order, and regrouped by their experts.
    pub(super) distinct: [f64; 2],
}

/// Names of the cache policies, in the order of their traffic.
pub(super) const POLICIES: [&str; 6] = [
    "least recently used",
    "least often used",
    "best fixed set (oracle)",
    "farthest next use (Belady, oracle)",
    "predicted path (ExpertFlow)",
    "fixed, over all devices by load",
];

/// Tokens of a micro-batch whose distinct experts are counted.
pub(super) const MICRO: usize = 8;

/// Random numbers of the predictor.
pub(super) fn predictor(config: &Config) -> Stream {
    Stream::new(config.seed, StreamId::Predictions).replicate(131)
}

/// What experts come over.
pub(super) fn link(config: &Config) -> Link {
    Link {
        expert_bytes: config.expert_mib * f64::from(1 << 20),
        token_bytes: config.token_kib * 1024.0,
        bandwidth: 1e9 * config.link_gbs,
        layer_secs: 1e-3 * config.layer_ms,
        lookahead: config.lookahead as f64,
    }
}

impl Deployment {
    /// Share of the reads that found their expert, in per cent.
    pub(super) fn hits(&self, traffic: &Traffic) -> f64 {
        100.0 * traffic.hits as f64 / self.reads as f64
    }

    /// What a policy moves, in GiB per token: experts, and tokens there and back.
    pub(super) fn moved(&self, config: &Config, traffic: &Traffic) -> f64 {
        let Link {
            expert_bytes,
            token_bytes,
            ..
        } = link(config);
        let bytes =
            traffic.moved as f64 * expert_bytes + traffic.elsewhere as f64 * 2.0 * token_bytes;
        bytes / f64::from(1 << 30) / self.tokens as f64
    }

    /// Seconds in which a policy's tokens wait for experts, per 1,000 tokens.
    pub(super) fn stall(&self, config: &Config, traffic: &Traffic) -> f64 {
        1e3 * link(config).stall_secs(traffic) / self.tokens as f64
    }

    /// Which of the sizes is the first that holds a quarter of the experts.
    pub(super) fn quarter(&self, config: &Config) -> Option<usize> {
        self.sizes
            .iter()
            .position(|s| 4 * s >= config.experts as usize)
    }
}

/// Reads replayed at most.
const READS: usize = 8192;
/// Tokens whose reads are predicted in a step.
const PREDICTED: usize = 256;

/// Computes a [`Deployment`] in short steps.
pub(super) struct DeployWork {
    out: Deployment,
    reads: Vec<cache::Key>,
    /// Reads of each token.
    rows: Vec<Vec<usize>>,
    /// Load of each expert in the first batch, from which a placement is made.
    expected: Vec<f64>,
    stage: Stage,
    /// Batch and token that the traffic has got to.
    at: (usize, usize),
    leaving: losses::Traffic,
    /// The predictive policy at a size of the cache.
    predicting: Option<Predicting>,
}

/// What is computed.
enum Stage {
    Traffic,
    Devices,
    Trace,
    Caches,
}

impl DeployWork {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            out: Deployment::default(),
            reads: Vec::new(),
            rows: Vec::new(),
            expected: Vec::new(),
            stage: Stage::Traffic,
            at: (0, 0),
            leaving: losses::Traffic::none(config.devices as usize),
            predicting: None,
        }
    }

    /// One slice of work; the deployment when it is done.
    pub(super) fn step(&mut self, config: &Config, batches: &[Batch]) -> Option<Deployment> {
        match self.stage {
            Stage::Traffic => self.traffic(config, batches),
            Stage::Devices => self.devices(config, batches),
            Stage::Trace => self.trace(config, batches),
            Stage::Caches => return self.caches(config).then(|| self.out.clone()),
        }
        None
    }

    /// The next policy at a size of the cache, or a part of it; `true` when there is none left.
    fn caches(&mut self, config: &Config) -> bool {
        let [.., last] = &self.out.traffic;
        let Some(&size) = self.out.sizes.get(last.len()) else {
            return true;
        };
        let policies = self.out.traffic.iter();
        let policy = policies.filter(|t| t.len() > last.len()).count();
        let on_demand = |policy: fn(&[cache::Key], usize) -> usize| {
            Traffic::on_demand(self.reads.len(), policy(&self.reads, size))
        };
        let traffic = match policy {
            0 => on_demand(cache::lru),
            1 => on_demand(cache::lfu),
            2 => on_demand(cache::static_top),
            3 => on_demand(cache::belady),
            4 => {
                let experts = config.experts as usize;
                let start = || Predicting::new(experts, size, predictor(config));
                let mut work = self.predicting.take().unwrap_or_else(start);
                let rows = &self.rows[work.done()..];
                let next = &rows[..rows.len().min(PREDICTED)];
                let out = work.advance(next, config.accuracy, link(config).hidden());
                if next.len() < rows.len() {
                    self.predicting = Some(work);
                    return false;
                }
                out
            }
            _ => prefetch::placed(&self.rows, &self.expected, config.devices as usize, size),
        };
        self.out.traffic[policy].push(traffic);
        false
    }

    /// Pairs and copies of the next tokens that leave their device.
    fn traffic(&mut self, config: &Config, batches: &[Batch]) {
        let (experts, devices) = (config.experts as usize, config.devices as usize);
        let count = batches.len().max(1) as f64;
        let (batch, token) = &mut self.at;
        let Some(b) = batches.get(*batch) else {
            self.stage = Stage::Devices;
            return;
        };
        let tokens = b.clusters.len();
        for t in slice(token, tokens, SLICE * tokens / b.pairs.len().max(1)) {
            self.leaving.add(t * devices / tokens, &kept(b, t), experts);
        }
        if *token == tokens {
            let none = losses::Traffic::none(devices);
            let of_batch = std::mem::replace(&mut self.leaving, none);
            self.out.cross_pairs += of_batch.cross_pairs as f64 / count;
            self.out.copies += of_batch.unique_rank_copies as f64 / count;
            self.at = (*batch + 1, 0);
        }
    }

    fn devices(&mut self, config: &Config, batches: &[Batch]) {
        self.stage = Stage::Trace;
        let (experts, devices) = (config.experts as usize, config.devices as usize);
        let count = batches.len().max(1) as f64;
        let mut loads = vec![0.0; experts];
        for b in batches {
            for (l, &c) in loads.iter_mut().zip(b.carried.iter()) {
                *l += f64::from(c) / count;
            }
        }
        self.out.contiguous = vec![0.0; devices];
        for (e, l) in loads.iter().enumerate() {
            self.out.contiguous[e * devices / experts] += l;
        }
        let cluster = Cluster {
            groups: 1,
            nodes: 1,
            gpus: devices,
            physical: (experts + config.spare_slots as usize).next_multiple_of(devices),
        };
        let placed = placement::global(&loads, cluster);
        let slots = cluster.physical / devices;
        self.out.moved = placed
            .physical_to_logical
            .iter()
            .enumerate()
            .filter(|&(slot, &e)| slot / slots != e * devices / experts)
            .count();
        self.out.packed = placed.gpu_load;
        let in_order: Vec<usize> = (0..experts).map(|e| e * devices / experts).collect();
        let ordered: Vec<(usize, usize)> = in_order.into_iter().zip(0..experts).collect();
        let copies: Vec<(usize, usize)> = placed
            .physical_to_logical
            .iter()
            .enumerate()
            .map(|(slot, &e)| (slot / slots, e))
            .collect();
        let fail = |all: &[(usize, usize)]| -> Vec<[f64; 2]> {
            let each = 0..devices;
            each.map(|dead| failure(all, &loads, devices, dead))
                .collect()
        };
        let packed = fail(&copies);
        self.out.lost =
            [fail(&ordered), packed.clone()].map(|all| all.iter().map(|f| f[0]).collect());
        self.out.slower = packed.iter().map(|f| f[1]).fold(0.0, f64::max);
    }

    /// Reads of a device that runs the tokens one by one, experts ascending.
    fn trace(&mut self, config: &Config, batches: &[Batch]) {
        self.stage = Stage::Caches;
        let experts = config.experts as usize;
        'all: for b in batches {
            for t in 0..b.clusters.len() {
                let mut row = kept(b, t);
                if self.reads.len() + row.len() > READS {
                    break 'all;
                }
                row.sort_unstable();
                self.reads.extend(row.iter().map(|&e| (0, e as i64)));
                self.rows.push(row);
                self.out.tokens += 1;
            }
        }
        let first = batches.first().map_or(&[][..], |b| &b.carried);
        self.expected = first.iter().map(|&c| f64::from(c)).collect();
        self.expected.resize(experts, 0.0);
        self.out.distinct = [
            prefetch::distinct(&self.rows, MICRO),
            prefetch::distinct(&prefetch::regrouped(&self.rows), MICRO),
        ];
        self.out.reads = self.reads.len();
        self.out.sizes = (1..=8).map(|i| (i * experts).div_ceil(8)).collect();
        self.out.sizes.dedup();
    }
}

/// What the failure of a device does, given the copies of experts on devices: the share of the load
/// whose expert has no copy left, and the load of the busiest device left over that of the busiest
/// before. Copies of an expert share its load evenly.
fn failure(copies: &[(usize, usize)], loads: &[f64], devices: usize, dead: usize) -> [f64; 2] {
    let busiest = |alive: &dyn Fn(usize) -> bool| -> (f64, f64) {
        let mut count = vec![0.0; loads.len()];
        for &(device, e) in copies.iter().filter(|c| alive(c.0)) {
            debug_assert!(device < devices, "copies are on devices");
            count[e] += 1.0;
        }
        let mut on = vec![0.0; devices];
        for &(device, e) in copies.iter().filter(|c| alive(c.0)) {
            on[device] += loads[e] / count[e];
        }
        let lost = loads.iter().zip(&count).filter(|(_, n)| **n == 0.0);
        (
            on.into_iter().fold(0.0, f64::max),
            lost.map(|(l, _)| l).sum(),
        )
    };
    let (before, _) = busiest(&|_| true);
    let (after, lost) = busiest(&|device| device != dead);
    let total: f64 = loads.iter().sum();
    if total > 0.0 {
        [lost / total, after / before]
    } else {
        [0.0, 1.0]
    }
}

/// Experts that keep a token.
fn kept(b: &Batch, token: usize) -> Vec<usize> {
    let kept = b.of_token(token).iter().filter(|p| Pair::kept(p));
    kept.map(|p| usize::from(p.expert)).collect()
}

/// Experts that keep each token.
pub(super) fn kept_by_token(b: &Batch) -> Vec<Vec<usize>> {
    (0..b.clusters.len()).map(|t| kept(b, t)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_device_loses_what_has_no_copy_and_slows_the_others() {
        // Expert 0 on both devices, 1 on the first, 2 on the second.
        let copies = [(0, 0), (0, 1), (1, 0), (1, 2)];
        let loads = [4.0, 1.0, 3.0];
        // Before: 2 + 1 and 2 + 3. The first fails: expert 1 is lost, the second carries 4 + 3.
        assert_eq!(failure(&copies, &loads, 2, 0), [1.0 / 8.0, 7.0 / 5.0]);
        assert_eq!(failure(&copies, &loads, 2, 1), [3.0 / 8.0, 1.0]);
        assert_eq!(failure(&[(0, 0)], &[0.0], 1, 0), [0.0, 1.0]);
    }
}
