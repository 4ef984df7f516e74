//! What requests are promised: every token in time, or the last one before a deadline, alone or
//! together with other calls.

use super::Workload;
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::Config;
use crate::labs::serving::engine::Promise;
use std::sync::Arc;

/// Draws what each request is promised. The calls of a compound request come together: they take
/// the arrival of the first.
pub(super) fn promise(workload: &mut Workload, config: &Config) {
    if !config.promises() {
        return;
    }
    let n = workload.arrival.len();
    let mut stream = Stream::new(config.seed, StreamId::Promises);
    let tags = Arc::make_mut(&mut workload.tags);
    tags.promise = vec![Promise::Streaming; n];
    tags.deadline = vec![f64::INFINITY; n];
    tags.peers = (0..n as u32).map(|r| [r, r + 1]).collect();
    // A request of several calls takes their number of places: the share counts calls.
    let calls = config.compound_calls.max(1) as usize;
    let (single, job) = (config.deadline_share, config.compound_share / calls as f64);
    let all = 1.0 - config.compound_share + job;
    let mut r = 0;
    while r < n {
        let u = stream.uniform() * all;
        if u < job {
            let to = (r + calls).min(n);
            for i in r..to {
                tags.promise[i] = Promise::Compound;
                tags.deadline[i] = config.compound_secs;
                tags.peers[i] = [r as u32, to as u32];
                workload.arrival[i] = workload.arrival[r];
            }
            r = to;
            continue;
        }
        if u < job + single {
            tags.promise[r] = Promise::Deadline;
            tags.deadline[r] = config.deadline_secs;
        }
        r += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload;
    use super::*;
    use crate::labs::Library;

    #[test]
    fn calls_that_belong_together_arrive_together_and_shares_count_requests() {
        let config = Config {
            requests: 4000,
            deadline_share: 0.3,
            compound_share: 0.2,
            compound_calls: 4,
            ..Config::default()
        };
        let w = workload(&config, &Library::default()).unwrap();
        let share =
            |what: Promise| w.tags.promise.iter().filter(|&&p| p == what).count() as f64 / 4000.0;
        assert!((share(Promise::Deadline) - 0.3).abs() < 0.03);
        assert!((share(Promise::Compound) - 0.2).abs() < 0.03);
        for r in 0..4000 {
            let peers = w.tags.peers(r);
            assert!(peers.contains(&r) && peers.len() <= 4);
            assert_eq!(w.arrival[r as usize], w.arrival[peers.start as usize]);
        }
        assert!(w.arrival.is_sorted());
    }
}
