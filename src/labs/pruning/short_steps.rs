//! No step of any exhibit does more than a screen can wait for: counted, not timed.

use super::{EXHIBITS, Pruning};
use crate::core::Step;
use crate::core::mlp::products_done;
use crate::labs::{Lab as _, Library, Setup};

/// Products of a weight and a number in a step: 64 images forward and back through the largest
/// network of the exhibits take 10 million, within 2 ms on a core of a server.
const MOST: u64 = 10_500_000;

/// Every kind of step happens in a short training too.
#[test]
fn no_step_of_an_exhibit_does_more_work_than_its_share() {
    let mut worst: Vec<(u64, &str)> = Vec::new();
    for exhibit in EXHIBITS {
        let Setup::Pruning(mut config) = (exhibit.setup)() else {
            continue;
        };
        config.train_steps = config.train_steps.min(20);
        config.tune_steps = config.tune_steps.min(20);
        config.every = config.every.min(2);
        config.rounds = config.rounds.min(2);
        config.rewind = 0;
        let mut job = Pruning::start(&config, &Library::default()).expect(exhibit.id);
        let mut most = 0;
        // Everything of the cuts, and several rounds of what goes on for long.
        for _ in 0..90 {
            let before = products_done();
            let step = job.step().expect(exhibit.id);
            most = most.max(products_done() - before);
            if matches!(step, Step::Done(_)) {
                break;
            }
        }
        worst.push((most, exhibit.id));
    }
    worst.sort_unstable();
    for (products, id) in worst.iter().rev().take(5) {
        println!("{id}: {products} products in a step");
    }
    let (products, id) = worst.last().expect("exhibits");
    assert!(*products <= MOST, "{id}: {products} products in one step");
    assert!(*products > 0, "nothing was counted");
}
