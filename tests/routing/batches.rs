//! What holds for every batch of every setup.

use super::{configs, run};
use proptest::prelude::*;
use schedlab::labs::routing::{Batch, Config, Fate, Overflow, Router};
use std::collections::BTreeSet;

/// Positions inside each expert are 0, 1, 2, … without gaps, and exactly those below the capacity
/// are kept.
fn check_places(batch: &Batch) -> Result<(), TestCaseError> {
    for e in 0..batch.demand.len() {
        let mut positions = Vec::new();
        for p in batch
            .pairs
            .iter()
            .filter(|p| usize::from(p.expert) == e && p.fate != Fate::NotSent && p.asked())
        {
            positions.push(p.position);
            prop_assert_eq!(p.kept(), p.position < batch.capacity, "{:?}", p);
        }
        positions.sort_unstable();
        let all: Vec<u32> = (0..batch.demand[e]).collect();
        prop_assert_eq!(positions, all);
        let extra = batch
            .pairs
            .iter()
            .filter(|p| usize::from(p.expert) == e && !p.asked())
            .count() as u32;
        let own = batch.demand[e].min(batch.capacity);
        prop_assert_eq!(batch.carried[e], own + extra);
        prop_assert!(batch.carried[e] <= batch.capacity, "over the capacity");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_batch_obeys_its_capacity_and_conserves_pairs(config in configs()) {
        let run = run(&config);
        for batch in run.batches() {
            check_places(batch)?;
            let sent = batch.pairs.iter().filter(|p| p.fate != Fate::NotSent && p.asked()).count() as u32;
            prop_assert_eq!(sent, batch.demand.iter().sum::<u32>());
            for t in 0..config.tokens as usize {
                let kept = || batch.of_token(t).iter().filter(|p| p.kept());
                let experts: BTreeSet<u16> = kept().map(|p| p.expert).collect();
                prop_assert_eq!(experts.len(), kept().count(), "an expert twice");
            }
        }
    }

    #[test]
    fn weights_of_renormalised_routers_sum_to_one_when_nothing_is_dropped(config in configs()) {
        let config = Config { limited: false, ..config };
        prop_assume!(matches!(config.router, Router::Mixtral | Router::Granite | Router::Gshard | Router::LossFree | Router::Cosine | Router::Hash | Router::SoftMoe | Router::TokenGraph));
        for batch in run(&config).batches() {
            for t in 0..config.tokens as usize {
                let total: f64 = batch.of_token(t).iter().map(|p| p.weight).sum();
                prop_assert!((total - 1.0).abs() < 1e-12, "{}", total);
            }
        }
    }

    #[test]
    fn a_second_chance_never_loses_a_pair_and_only_uses_idle_places(config in configs()) {
        prop_assume!(config.router.is_local() || config.router == Router::Sinkhorn);
        let dropping = run(&Config { limited: true, overflow: Overflow::Drop, ..config.clone() });
        for overflow in [Overflow::Reroute, Overflow::Expand] {
            let other = run(&Config { limited: true, overflow, ..config.clone() });
            for (a, b) in dropping.batches().iter().zip(other.batches()).take(1) {
                prop_assert_eq!(&a.demand, &b.demand);
                prop_assert!(a.carried.iter().zip(b.carried.iter()).all(|(a, b)| a <= b));
                let moved = b.pairs.iter().filter(|p| p.fate == Fate::Rerouted).count();
                let full = b.pairs.iter().filter(|p| p.fate == Fate::OverCapacity).count();
                prop_assert!(moved <= full, "{} moved of {}", moved, full);
            }
        }
    }

    #[test]
    fn balanced_rules_balance(config in configs()) {
        let config = Config { limited: false, router_skew: 1.0, ..config };
        let base = run(&Config { router: Router::Base, ..config.clone() });
        for batch in base.batches() {
            let most = config.tokens.div_ceil(config.experts) as u32;
            prop_assert!(batch.demand.iter().all(|&d| d <= most), "{:?}", batch.demand);
        }
        let sparse = run(&Config { router: Router::SparseTransport, ..config });
        for batch in sparse.batches() {
            prop_assert!(batch.carried.iter().all(|&c| c <= batch.capacity), "{:?}", batch.carried);
        }
    }

    #[test]
    fn a_grouped_router_stays_in_its_groups(seed in 0..500_u64, kept in 1..4_u64) {
        let config = Config {
            seed, router: Router::DeepseekV3, experts: 16, groups: 4, topk_group: kept, k: 4,
            tokens: 40, batches: 2, limited: false, ..Config::default()
        };
        for batch in run(&config).batches() {
            for t in 0..40 {
                let groups: BTreeSet<u16> = batch.of_token(t).iter().map(|p| p.expert / 4).collect();
                prop_assert!(groups.len() as u64 <= kept, "{:?}", groups);
                let total: f64 = batch.of_token(t).iter().map(|p| p.weight).sum();
                prop_assert!((total - 2.5).abs() < 1e-9, "{}", total);
            }
        }
    }

    #[test]
    fn expert_choice_fills_every_expert(config in configs()) {
        let config = Config { router: Router::ExpertChoice, ..config };
        for batch in run(&config).batches() {
            prop_assert!(batch.carried.iter().all(|&c| c == batch.capacity), "{:?}", batch.carried);
            prop_assert!(u64::from(batch.capacity) <= config.tokens);
        }
    }

    #[test]
    fn at_the_end_of_a_batch_the_scene_shows_its_final_loads(config in configs()) {
        let run = run(&config);
        for (i, batch) in run.batches().iter().enumerate() {
            let scene = run.scene((i + 1) as f64);
            prop_assert_eq!(scene.batch, i);
            prop_assert_eq!(&scene.inside[..], &batch.carried[..]);
            let lost: Vec<u32> = batch.demand.iter().map(|d| d.saturating_sub(batch.capacity)).collect();
            prop_assert_eq!(scene.dropped, lost);
            prop_assert_eq!(scene.flows.iter().sum::<u32>(), batch.carried.iter().sum::<u32>());
        }
        prop_assert_eq!(run.scene(0.0).inside.iter().sum::<u32>(), 0);
    }

    #[test]
    fn no_bin_is_ever_over_its_capacity_during_a_batch(config in configs(), at in 0.0..2.0_f64) {
        let run = run(&config);
        let scene = run.scene(at);
        let capacity = run.batches()[scene.batch].capacity;
        prop_assert!(scene.inside.iter().all(|&n| n <= capacity), "{:?} over {}", scene.inside, capacity);
    }
}
