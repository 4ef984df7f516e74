//! The masks of a course: ranking, exchange, and the cut between two rounds.

use super::{Course, Leg, MOST_ROUNDS, Round};
use crate::core::mask::Mask;
use crate::core::mlp::Mlp;
use crate::core::rng::{Stream, StreamId};
use crate::core::select::{count_rule, masks, prune_by_score, radix_select};
use crate::labs::pruning::config::{Exchange, Fade, Granularity, Method, Regime, Shape};
use crate::labs::pruning::criteria::pqi::{Sap, pqi};
use crate::labs::pruning::criteria::regrow::{drop_fraction, rigl};
use crate::labs::pruning::model::layers_of;
use crate::labs::pruning::plan::{Known, Layer, Rule, plan};
use crate::labs::pruning::score::score_key;
use crate::labs::pruning::systems::erk::{Kind, densities};
use crate::labs::pruning::systems::random;
use std::sync::Arc;

/// p and q of the PQ index, and the largest share cut at once.
const P: f64 = 0.5;
const Q: f64 = 1.0;
const BETA: f64 = 0.9;

impl Course {
    /// Whether pruned weights may come back with their old values.
    pub(super) fn reopens(&self) -> bool {
        let c = &self.config;
        match c.regime {
            Regime::Gradual => {
                c.shape == Shape::Harmonic || c.fade != Fade::Hard || c.method == Method::Movement
            }
            Regime::Flicker => true,
            _ => false,
        }
    }

    /// Ranks the weights by the config's method and keeps a share of 1 - `sparsity`.
    pub(super) fn rank(&mut self, sparsity: f64) {
        let reopens = self.reopens();
        let mut ranked = self.net.clone();
        if !reopens {
            for (w, open) in ranked.params_mut().iter_mut().zip(&self.open) {
                *w *= open;
            }
        }
        let c = &self.config;
        let rule = Rule {
            method: match c.regime {
                Regime::Gradual | Regime::Flicker | Regime::Tune => c.method,
                _ => Method::Magnitude,
            },
            ..Rule::of(c)
        };
        let movement = |l: usize| -> Arc<[u32]> {
            let moved = self.moved[self.net.weight_range(l)].iter();
            moved.map(|&s| score_key(s)).collect()
        };
        let known = Known {
            keys: (rule.method == Method::Movement)
                .then(|| (0..self.net.layers()).map(movement).collect()),
            distortion: None,
        };
        let layers: Arc<[Layer]> = layers_of(&ranked).into();
        let found = plan(&layers, rule, known, &[100.0 * sparsity]);
        for (l, at) in found.pruned_at.iter().enumerate() {
            let range = self.net.weight_range(l);
            for (open, &gone) in self.open[range].iter_mut().zip(at.iter()) {
                let keep = gone > 0 && (reopens || *open != 0.0);
                *open = f32::from(u8::from(keep));
            }
        }
        if !reopens {
            self.zero_pruned();
        }
    }

    pub(super) fn zero_pruned(&mut self) {
        for (w, open) in self.net.params_mut().iter_mut().zip(&self.open) {
            if *open == 0.0 {
                *w = 0.0;
            }
        }
    }

    /// What the network would be if it were cut now.
    pub(super) fn pruned_copy(&mut self) -> Mlp {
        let (open, net) = (self.open.clone(), self.net.clone());
        self.rank(self.config.sparsity / 100.0);
        self.open = open;
        std::mem::replace(&mut self.net, net)
    }

    /// A random mask with Erdős-Rényi-kernel densities.
    pub(super) fn scatter(&mut self) {
        let layers = layers_of(&self.net);
        let shapes: Vec<Vec<u64>> = layers.iter().map(|l| l.shape.clone()).collect();
        let d = densities(&shapes, self.config.sparsity / 100.0, Kind::Erk);
        let seed = random::fold(self.config.seed);
        for (l, layer) in layers.iter().enumerate() {
            let n = layer.values.len();
            let key = |i: usize| random::key(seed, (layer.start + i as u64) as u32);
            let keys: Vec<u32> = (0..n).map(key).collect();
            let cut = radix_select(&[&keys], u32::MAX, count_rule(1.0 - d.density[l], n) as u64);
            let mask = &masks(&[&keys], u32::MAX, &cut)[0];
            self.take(l, mask);
        }
        self.zero_pruned();
    }

    pub(super) fn take(&mut self, layer: usize, mask: &Mask) {
        let range = self.net.weight_range(layer);
        for (i, open) in self.open[range].iter_mut().enumerate() {
            *open = f32::from(u8::from(mask.kept(i)));
        }
    }

    /// Last step of the leg at which weights are exchanged.
    pub(super) fn last_exchange(&self) -> f64 {
        self.config.finish / 100.0 * self.leg_steps as f64
    }

    pub(super) fn exchange_due(&self) -> bool {
        let c = &self.config;
        self.leg == Some(Leg::Exchange)
            && c.regime == Regime::Exchange
            && c.exchange != Exchange::Never
            && self.t > 0
            && self.t.is_multiple_of(c.every)
            && (self.t as f64) < self.last_exchange()
    }

    /// Exchanges weights of every layer, instead of an update of the weights.
    pub(super) fn exchange(&mut self) {
        let alpha = self.config.drop / 100.0;
        let fraction = drop_fraction(alpha, self.t as f64, self.last_exchange());
        let mut luck = Stream::new(self.config.seed, StreamId::Policy).step(self.t as u32);
        for l in 0..self.net.layers() {
            let range = self.net.weight_range(l);
            let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let gain = match self.config.exchange {
                Exchange::Random => range.clone().map(|_| luck.uniform()).collect(),
                _ => wide(&self.grad[range.clone()]),
            };
            let done = rigl(&wide(self.net.weights(l)), &gain, &self.mask(l), fraction);
            for (i, at) in range.enumerate() {
                // New weights start at 0 and without momentum; so do those that went.
                if done.grown.kept(i) || !done.mask.kept(i) {
                    self.velocity[at] = 0.0;
                }
                self.net.params_mut()[at] = done.weights[i] as f32;
            }
            self.take(l, &done.mask);
        }
    }

    /// The surviving weights of some layers.
    pub(super) fn survivors(&self, layers: std::ops::Range<usize>) -> Vec<f64> {
        let places = layers.flat_map(|l| self.net.weight_range(l));
        let kept = places.filter(|&i| self.open[i] != 0.0);
        kept.map(|i| f64::from(self.net.params()[i])).collect()
    }

    /// PQ index of the surviving weights of all layers.
    pub(crate) fn index(&self) -> f64 {
        pqi(&self.survivors(0..self.net.layers()), P, Q)
    }

    /// Cuts after a round; the leg that follows.
    pub(super) fn cut_round(&mut self, round: usize) -> Option<Leg> {
        let (kept, layers) = (self.kept(), self.net.layers());
        let goal = self.size() - count_rule(self.config.sparsity / 100.0, self.size());
        let index = self.index();
        let cuts: Vec<(std::ops::Range<usize>, usize)> = if self.config.regime == Regime::Ticket {
            let share = count_rule(self.config.per_round / 100.0, kept).max(1);
            vec![(0..layers, share.min(kept.saturating_sub(goal)))]
        } else {
            let sap = Sap {
                p: P,
                q: Q,
                eta: 0.0,
                gamma: self.config.gamma,
                beta: BETA,
            };
            let scopes: Vec<std::ops::Range<usize>> = match self.config.granularity {
                Granularity::Global => std::iter::once(0..layers).collect(),
                Granularity::Layer => (0..layers).map(|l| l..l + 1).collect(),
            };
            let propose = |scope: std::ops::Range<usize>| {
                let proposal = sap.propose(&self.survivors(scope.clone()));
                (scope, proposal.map_or(0, |p| p.prune))
            };
            scopes.into_iter().map(propose).collect()
        };
        let cut: usize = cuts.iter().map(|c| c.1).sum();
        self.rounds.push(Round {
            kept,
            pqi: index,
            cut,
        });
        let ended = cut == 0 || kept <= goal || round + 1 >= MOST_ROUNDS;
        if ended {
            let control = self.config.regime == Regime::Ticket && kept < self.size();
            return control.then_some(Leg::Control);
        }
        for (scope, k) in cuts {
            self.cut(scope, k);
        }
        Some(Leg::Round(round + 1))
    }

    /// Prunes the `k` smallest survivors of some layers.
    pub(super) fn cut(&mut self, layers: std::ops::Range<usize>, k: usize) {
        let places: Vec<usize> = layers.flat_map(|l| self.net.weight_range(l)).collect();
        let alive = Mask::from_fn(places.len(), |i| self.open[places[i]] != 0.0);
        let scores: Vec<f64> = places
            .iter()
            .map(|&i| f64::from(self.net.params()[i].abs()))
            .collect();
        let left = prune_by_score(&scores, Some(&alive), k);
        for (i, &at) in places.iter().enumerate() {
            self.open[at] = f32::from(u8::from(left.kept(i)));
        }
    }

    /// Sets the survivors back to their first values.
    pub(super) fn go_back(&mut self) {
        self.net = self.start.clone();
        self.zero_pruned();
    }
}
