//! Places that the experts of a device share.

use super::run;
use schedlab::labs::routing::{Batch, BatchRun, CapacityScope, Config, DropOrder, Router};

#[test]
fn devices_that_share_places_drop_no_more_and_end_in_the_same_time() {
    for (router, k) in [
        (Router::Mixtral, 2),
        (Router::LossFree, 4),
        (Router::Switch, 1),
    ] {
        for drop_order in [DropOrder::Token, DropOrder::Score] {
            let own = Config {
                router,
                k,
                experts: 16,
                devices: 4,
                router_skew: 0.8,
                drop_order,
                protected: 0.0,
                ..Config::default()
            };
            let shared = Config {
                capacity_scope: CapacityScope::Device,
                ..own.clone()
            };
            let all = Config {
                protected: 1.0,
                ..shared.clone()
            };
            let runs = [&own, &shared, &all].map(run);
            let per_device =
                |b: &Batch| -> Vec<u32> { b.carried.chunks(4).map(|c| c.iter().sum()).collect() };
            for (i, b) in runs[1].batches().iter().enumerate() {
                // 1.25 · 256 k / 4, four times the places of an expert.
                assert_eq!(u64::from(b.capacity), 80 * k, "{router:?}");
                assert!(per_device(b).iter().all(|l| *l <= b.capacity), "{b:?}");
                assert!(
                    !runs[2].batches()[i].pairs.iter().any(|p| !p.kept()),
                    "protected"
                );
                // A bias follows what is asked for, which is the same.
                let single = &runs[0].batches()[i];
                assert_eq!(single.demand, b.demand, "{router:?}");
                assert!(b.stats.drop_rate <= single.stats.drop_rate, "{router:?}");
            }
            let drops = |r: &BatchRun| r.batches().iter().map(|b| b.stats.drop_rate).sum::<f64>();
            assert!(
                drops(&runs[1]) < drops(&runs[0]),
                "{router:?} {drop_order:?}"
            );
        }
    }
}

#[test]
fn an_expert_may_use_what_its_neighbour_on_the_device_leaves() {
    let config = Config {
        experts: 8,
        devices: 2,
        router_skew: 1.5,
        capacity_scope: CapacityScope::Device,
        protected: 0.0,
        batches: 1,
        ..Config::default()
    };
    let run = run(&config);
    let b = &run.batches()[0];
    let even = b.capacity / 4;
    assert!(
        b.carried.iter().any(|c| *c > even),
        "{:?} of {even}",
        b.carried
    );
}
