//! To the instance on which the request would end first, found by running a copy of each instance
//! on: "Block: balancing load in LLM serving with context, knowledge and predictive scheduling"
//! (arXiv 2508.03611, repository AKafakA/Block). Where instances start by what is foretold, the
//! router tells the end that it found.

use super::{Card, Route};
use crate::labs::serving::engine::Cluster;

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "Predicted end (Block)",
    exhibit: "block",
    make: |config| {
        Box::new(Block {
            tells: config.provisions(),
            last: f64::NAN,
        })
    },
};

#[derive(Debug, Clone, Copy)]
struct Block {
    /// Whether somebody wants to know the end that it found.
    tells: bool,
    /// That of the last request.
    last: f64,
}

impl Route for Block {
    fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
        if cluster.len() < 2 && !self.tells {
            return 0;
        }
        let ends = (0..cluster.len()).map(|i| (cluster.seconds_to_end(i, r), i));
        let first = ends.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (secs, place) = first.unwrap_or((f64::INFINITY, 0));
        self.last = secs;
        place
    }

    fn foretold(&self) -> Option<f64> {
        self.tells.then_some(self.last)
    }

    fn boxed(&self) -> Box<dyn Route> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use crate::labs::Library;
    use crate::labs::serving::engine::{Cluster, Engine, NoSink, Requests};
    use crate::labs::serving::routers::Route;
    use crate::labs::serving::{Config, Scheduler, workload};
    use std::sync::{Arc, Mutex};

    /// In turns; writes down what is foretold of the instance taken.
    #[derive(Debug, Clone)]
    struct Spy(Arc<Mutex<Vec<f64>>>);

    impl Route for Spy {
        fn pick(&mut self, cluster: &Cluster<'_>, r: u32) -> usize {
            let place = r as usize % cluster.len();
            self.0
                .lock()
                .unwrap()
                .push(cluster.seconds_to_end(place, r));
            place
        }

        fn boxed(&self) -> Box<dyn Route> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn with_true_lengths_the_last_arrival_ends_when_foretold_under_every_scheduler() {
        for &scheduler in Scheduler::ALL {
            for (num_blocks, stages, seed) in [(400, 1, 1), (90, 1, 2), (400, 2, 3)] {
                let config = Config {
                    scheduler,
                    num_blocks,
                    pipeline_stages: stages,
                    block_size: 8,
                    rate: 30.0,
                    requests: 30,
                    prompt_median: 100.0,
                    prompt_max: 250,
                    output_median: 40.0,
                    output_max: 120,
                    max_tokens_per_sequence: 370,
                    max_tokens_in_batch: 700,
                    replicas: 3,
                    seed,
                    ..Config::default()
                };
                let w = workload(&config, &Library::default()).unwrap();
                let mut tags = (*w.tags).clone();
                tags.predicted = w.decode.iter().map(|&d| f64::from(d)).collect();
                let requests = Requests::new(w.arrival.as_slice().into(), &w.prefill, &w.decode)
                    .with_tags(Arc::new(tags));
                let told = Spy(Arc::default());
                let router: Box<dyn Route> = Box::new(told.clone());
                let mut engine =
                    Engine::new(config.limits(), requests, &*config.policy(), 3, router).unwrap();
                engine.advance_all(100_000, &mut NoSink);
                let last = engine.requests().len() - 1;
                let end = engine.requests().completed_at[last] - w.arrival[last];
                let foretold = told.0.lock().unwrap().last().copied();
                assert_eq!(foretold, Some(end), "{scheduler:?}, {num_blocks} blocks");
            }
        }
    }
}
