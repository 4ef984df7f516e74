//! Where the copies of the experts lie, and which experts the tokens choose.

use super::config::ExpertsConfig;
use crate::core::Arrange as _;
use crate::core::rng::{Stream, StreamId};

/// Servers of every expert: copies from the largest expected load down, each to a server with the
/// fewest copies that has none of that expert, and that shares the fewest experts with those that
/// have one: what a dead server did is then done by many.
pub(super) fn place(config: &ExpertsConfig, servers: &[u16]) -> Vec<Vec<u16>> {
    let shares = config.shares();
    let most = servers.len();
    let mut counts = vec![(config.copies as usize).clamp(1, most.max(1)); shares.len()];
    for _ in 0..config.extra {
        let load = |e: &usize| shares[*e] / counts[*e] as f64;
        let open = (0..counts.len()).filter(|e| counts[*e] < most);
        // The first of equals.
        let Some(hot) = open.max_by(|a, b| load(a).total_cmp(&load(b)).then(b.cmp(a))) else {
            break;
        };
        counts[hot] += 1;
    }
    let mut order: Vec<usize> = (0..counts.len()).collect();
    let load = |e: usize| shares[e] / counts[e] as f64;
    order.arrange_by(|a, b| load(*b).total_cmp(&load(*a)).then(a.cmp(b)));
    let mut loads = vec![0.0; most];
    let mut held = vec![0_u32; most];
    // Experts that two servers have in common.
    let mut together = vec![vec![0_u32; most]; most];
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); counts.len()];
    for e in order {
        for _ in 0..counts[e] {
            let own = &holders[e];
            let free = (0..most).filter(|s| !own.contains(s));
            let shared = |s: usize| own.iter().map(|o| together[s][*o]).sum::<u32>();
            let least = free.min_by(|a, b| {
                (held[*a].cmp(&held[*b]))
                    .then_with(|| shared(*a).cmp(&shared(*b)))
                    .then(f64::total_cmp(&loads[*a], &loads[*b]))
                    .then(a.cmp(b))
            });
            if let Some(s) = least {
                loads[s] += load(e);
                held[s] += 1;
                for &o in &holders[e] {
                    together[s][o] += 1;
                    together[o][s] += 1;
                }
                holders[e].push(s);
            }
        }
    }
    let named = |own: Vec<usize>| own.into_iter().map(|s| servers[s]).collect();
    holders.into_iter().map(named).collect()
}

/// Choices of the tokens, the same whoever serves them.
pub(super) struct Choices {
    /// Sums of the shares.
    sums: Vec<f64>,
    seed: u64,
    batch: u64,
    topk: u64,
    rounds: u32,
}

impl Choices {
    pub(super) fn new(config: &ExpertsConfig, seed: u64) -> Self {
        let mut sum = 0.0;
        let sums = config.shares().into_iter().map(|s| {
            sum += s;
            sum
        });
        Self {
            sums: sums.collect(),
            seed,
            batch: config.batch,
            topk: config.topk,
            rounds: config.rounds.max(1) as u32,
        }
    }

    /// Tokens of a client's step for each expert in a round: every token takes different experts.
    pub(super) fn tokens(&self, client: usize, step: u32, round: u32) -> Vec<u32> {
        let stream = Stream::new(self.seed, StreamId::Logits).step(step);
        let mut stream = stream.replicate(client as u32 * self.rounds + round);
        let mut tokens = vec![0; self.sums.len()];
        let mut taken: Vec<usize> = Vec::with_capacity(self.topk as usize);
        for _ in 0..self.batch {
            taken.clear();
            while taken.len() < self.topk as usize {
                let u = stream.uniform();
                let e = self.sums.partition_point(|s| *s <= u);
                let e = e.min(self.sums.len() - 1);
                if !taken.contains(&e) {
                    taken.push(e);
                    tokens[e] += 1;
                }
            }
        }
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_an_expert_lie_apart_and_servers_hold_equally_many() {
        let config = ExpertsConfig {
            extra: 8,
            ..ExpertsConfig::default()
        };
        let servers: Vec<u16> = (0..8).collect();
        let holders = place(&config, &servers);
        let mut held = [0; 8];
        for own in &holders {
            let mut apart = own.clone();
            apart.sort_unstable();
            apart.dedup();
            assert_eq!(apart.len(), own.len(), "{own:?}");
            for s in own {
                held[usize::from(*s)] += 1;
            }
        }
        assert_eq!(held, [9; 8], "2 × 32 + 8 copies");
        let counts: Vec<usize> = holders.iter().map(Vec::len).collect();
        let pair = |a, b| {
            holders
                .iter()
                .filter(|o| o.contains(&a) && o.contains(&b))
                .count()
        };
        for a in 0..8 {
            for b in 0..a {
                assert!(pair(a, b) <= 4, "{a} and {b} share {}", pair(a, b));
            }
        }
        assert!(counts[0] > counts[31], "the hot ones have more: {counts:?}");
    }

    #[test]
    fn every_token_takes_its_experts_and_hot_ones_have_more() {
        let config = ExpertsConfig {
            skew: 1.0,
            ..ExpertsConfig::default()
        };
        let choices = Choices::new(&config, 1);
        let mut all = [0; 32];
        for step in 0..50 {
            let tokens = choices.tokens(1, step, 2);
            assert_eq!(tokens.iter().sum::<u32>(), 32 * 4);
            assert!(tokens.iter().all(|t| *t <= 32), "one token, one place");
            for (t, sum) in tokens.iter().zip(&mut all) {
                *sum += t;
            }
        }
        assert!(all[0] > 3 * all[31], "{all:?}");
    }
}
