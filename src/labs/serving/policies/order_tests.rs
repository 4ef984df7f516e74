//! Rules of the queue orders, worked out by hand. Every iteration takes one second, so times are
//! counts.

use super::ordered::Ordered;
use super::tests::{limits, run_tagged};
use super::*;
use crate::core::rng::{Stream, StreamId};
use crate::labs::serving::config::SglangOrder;
use crate::labs::serving::engine::{Engine, NoSink, Piece, Quirks, Tags};
use crate::labs::serving::routers::Routing;

fn firsts(engine: &Engine) -> Vec<u32> {
    let scheduled = &engine.requests().scheduled_at;
    let mut order: Vec<u32> = (0..scheduled.len() as u32).collect();
    order.sort_by(|&a, &b| scheduled[a as usize].total_cmp(&scheduled[b as usize]));
    order
}

#[test]
fn sjf_admits_the_shortest_prediction_and_leaves_the_running_alone() {
    let limits = Limits {
        batch_cap: 1,
        ..limits()
    };
    let tags = Tags {
        predicted: vec![9.0, 5.0, 2.0, 7.0],
        ..Tags::default()
    };
    let (_, engine) = run_tagged(
        &Ordered(Sjf),
        limits,
        &[(4, 9), (4, 5), (4, 2), (4, 7)],
        tags,
    );
    assert_eq!(
        firsts(&engine),
        [0, 2, 1, 3],
        "the first one ran before the others came"
    );
    assert_eq!(engine.requests().restarts, [0; 4]);
}

#[test]
fn a_preempting_ranking_with_predictions_lets_the_shorter_run() {
    let limits = Limits {
        batch_cap: 1,
        ..limits()
    };
    let tags = Tags {
        predicted: vec![90.0, 5.0],
        ..Tags::default()
    };
    let (batches, _) = run_tagged(&Srpt::new(true), limits, &[(4, 9), (4, 5)], tags);
    let order: Vec<u32> = batches.iter().map(|b| b.1[0].0).collect();
    assert_eq!(order, [0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn waiting_for_tau_seconds_outweighs_one_level() {
    // Requests 1 and 2 arrive with request 0; 3 arrives later with the better priority.
    let arrivals = [0.0, 0.0, 0.0, 2.0];
    let order = |aging_secs: f64| {
        let tags = Tags {
            priority: vec![1, 1, 1, 0],
            ..Tags::default()
        };
        let requests = Requests::new(arrivals.into(), &[4; 4], &[4; 4]).with_tags(tags.into());
        let policy = Priority {
            aging_secs,
            preemptive: false,
        };
        let limits = Limits {
            batch_cap: 1,
            ..limits()
        };
        let mut engine =
            Engine::new(limits, requests, &Ordered(policy), 1, Routing::RoundRobin).unwrap();
        while engine.advance_with(&mut NoSink) {}
        firsts(&engine)
    };
    assert_eq!(order(100.0), [0, 3, 1, 2], "nearly strict");
    assert_eq!(
        order(1.0),
        [0, 1, 2, 3],
        "two seconds of age are two levels"
    );
}

#[test]
fn a_preemptive_priority_takes_the_place_of_a_running_one() {
    let tags = Tags {
        priority: vec![1, 0],
        ..Tags::default()
    };
    let policy = Priority {
        aging_secs: 100.0,
        preemptive: true,
    };
    let limits = Limits {
        batch_cap: 1,
        ..limits()
    };
    let (batches, engine) = run_tagged(&Ordered(policy), limits, &[(4, 3), (4, 2)], tags);
    let order: Vec<(u32, u32)> = batches.iter().map(|b| b.1[0]).collect();
    assert_eq!(order, [(0, 4), (1, 4), (1, 1), (0, 5), (0, 1)]);
    assert_eq!(engine.requests().restarts, [1, 0]);
}

#[test]
fn non_preemptive_priorities_wait_as_long_as_cobham_says() {
    // Exponential service of mean 1 s in steps of 1/1000 s, ρ = 0.35 in each of two classes.
    let n = 40_000;
    let mut stream = Stream::new(11, StreamId::Test);
    let (mut arrivals, mut prompts, mut priority, mut at) = (vec![], vec![], vec![], 0.0);
    for _ in 0..n {
        at += stream.exponential() / 0.7;
        arrivals.push(at);
        prompts.push((stream.exponential() * 1000.0).round().max(1.0) as u32);
        priority.push((stream.word() % 2) as i32);
    }
    let tags = Tags {
        priority: priority.clone(),
        ..Tags::default()
    };
    let requests = Requests::new(arrivals.into(), &prompts, &vec![1; n]).with_tags(tags.into());
    let policy = Priority {
        aging_secs: 1e12,
        preemptive: false,
    };
    let limits = Limits {
        num_blocks: 100_000,
        token_budget: 100_000,
        batch_cap: 1,
        cost: [0.0, 1e-3, 0.0, 0.0, 0.0].into(),
        quirks: Quirks::NONE,
        ..limits()
    };
    let mut engine =
        Engine::new(limits, requests, &Ordered(policy), 1, Routing::RoundRobin).unwrap();
    while engine.advance_with(&mut NoSink) {}
    let r = engine.requests();
    // W₀ = ρ·s; high W₀/(1 − ρ_h), low W₀/((1 − ρ_h)(1 − ρ)).
    for (class, want) in [(0, 0.7 / 0.65), (1, 0.7 / (0.65 * 0.3))] {
        let waits: Vec<f64> = (0..n)
            .filter(|&i| priority[i] == class)
            .map(|i| r.scheduled_at[i] - r.arrival[i])
            .collect();
        let mean = crate::core::stats::mean(&waits);
        // Four standard errors from 40 batch means.
        let batches: Vec<f64> = (waits.chunks(waits.len() / 40))
            .map(crate::core::stats::mean)
            .collect();
        let error = crate::core::stats::std_dev(&batches) / (batches.len() as f64).sqrt();
        assert!(
            (mean - want).abs() < 4.0 * error,
            "class {class}: {mean} against {want}, error {error}"
        );
    }
}

#[test]
fn the_user_with_the_lowest_counter_goes_next_and_absence_earns_nothing() {
    // User 0 has four requests at once, user 1 two: they alternate after the first.
    let tags = Tags {
        user: vec![0, 0, 0, 0, 1, 1],
        ..Tags::default()
    };
    let limits = Limits {
        batch_cap: 1,
        ..limits()
    };
    let vtc = Vtc::new(1.0, 2.0);
    let (_, engine) = run_tagged(&vtc, limits.clone(), &[(4, 1); 6], tags);
    assert_eq!(firsts(&engine), [0, 4, 1, 5, 2, 3]);
    // User 1 comes late and is lifted to the counter of user 0: from then on they take turns.
    let arrivals = [0.0, 0.0, 0.0, 0.0, 0.0, 2.5, 2.5];
    let tags = Tags {
        user: vec![0, 0, 0, 0, 0, 1, 1],
        ..Tags::default()
    };
    let requests = Requests::new(arrivals.into(), &[4; 7], &[1; 7]).with_tags(tags.into());
    let mut engine = Engine::new(limits, requests, &vtc, 1, Routing::RoundRobin).unwrap();
    while engine.advance_with(&mut NoSink) {}
    assert_eq!(firsts(&engine), [0, 1, 2, 5, 3, 6, 4]);
}

#[test]
fn a_job_sinks_a_level_when_its_quantum_is_used_up() {
    // Quanta 1, 2, 4, … s; iterations of 1 s; the prompt of the second takes one quantum too.
    let limits = Limits {
        batch_cap: 1,
        ..limits()
    };
    let (batches, _) = run_tagged(&Mlfq::new(1.0), limits, &[(4, 6), (4, 2)], Tags::default());
    let order: Vec<u32> = batches.iter().map(|b| b.1[0].0).collect();
    // Request 0 sinks after two iterations (2 s > 1 s), request 1 runs to its end before it.
    assert_eq!(order, [0, 0, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn admission_by_the_whole_prompt_waits_for_its_blocks() {
    // Two prompts of 60 tokens: by chunks both start, by prompts only one fits.
    let requests = [(60, 2), (60, 2)];
    let limits = |whole_prompt| Limits {
        num_blocks: 100,
        token_budget: 40,
        whole_prompt,
        watermark_blocks: 1,
        quirks: Quirks::NONE,
        ..limits()
    };
    let (by_chunk, _) = run_tagged(&VllmV1, limits(false), &requests, Tags::default());
    let (by_prompt, engine) = run_tagged(&VllmV1, limits(true), &requests, Tags::default());
    assert_eq!(by_chunk[1].1, [(0, 20), (1, 20)], "40 blocks are free");
    assert_eq!(by_prompt[1].1, [(0, 20)], "60 are asked for");
    assert_eq!(engine.requests().restarts, [0, 0]);
}

/// Requests that share their first 40 tokens.
fn shared(n: u32) -> Tags {
    let mut tags = Tags::default();
    for r in 1..=n {
        let piece = |stream, tokens| Piece { stream, tokens };
        tags.push_pieces([piece(0, 40), piece(r, 1000)]);
    }
    tags
}

fn cached(batch_cap: u32) -> Limits {
    Limits {
        block_size: 4,
        num_blocks: 100,
        batch_cap,
        prefix_caching: true,
        max_new_tokens: 10,
        quirks: Quirks::NONE,
        ..limits()
    }
}

#[test]
fn a_cached_prefix_is_not_computed_again() {
    let (batches, engine) = run_tagged(&VllmV1, cached(1), &[(60, 2), (60, 2)], shared(2));
    let first: Vec<(u32, u32)> = batches.iter().map(|b| b.1[0]).collect();
    assert_eq!(first, [(0, 60), (0, 1), (1, 20), (1, 1)]);
    let desk = engine.desk(0);
    assert_eq!((desk.used, desk.holders), (0, 0));
    let cache = desk.cache.as_ref().unwrap();
    assert_eq!(cache.hits(), (40, 120));
    // 15 full blocks each (61 tokens with KV), 10 of them shared.
    assert_eq!(cache.unused(), 20);
}

#[test]
fn a_whole_prompt_in_memory_leaves_at_least_one_token_to_compute() {
    let mut tags = Tags::default();
    for _ in 0..2 {
        tags.push_pieces([Piece {
            stream: 5,
            tokens: 1000,
        }]);
    }
    let (batches, _) = run_tagged(&VllmV1, cached(1), &[(40, 1), (40, 1)], tags);
    assert_eq!(batches[1].1, [(1, 4)], "9 of 10 blocks are found");
}

#[test]
fn sglang_serves_the_longest_cached_prefix_first_and_lets_one_of_equals_lead() {
    // 0 runs alone; 1, 2 and 3 wait: 2 shares nothing, 1 and 3 share 40 tokens with 0.
    let mut tags = Tags::default();
    let piece = |stream, tokens| Piece { stream, tokens };
    tags.push_pieces([piece(0, 40), piece(1, 1000)]);
    tags.push_pieces([piece(9, 1000)]);
    tags.push_pieces([piece(0, 40), piece(2, 1000)]);
    tags.push_pieces([piece(9, 1000)]);
    let sglang = Sglang::new(SglangOrder::LongestPrefix);
    let (batches, engine) = run_tagged(&sglang, cached(1), &[(60, 2); 4], tags);
    assert_eq!(firsts(&engine), [0, 2, 1, 3]);
    let prompts: Vec<(u32, u32)> = (batches.iter())
        .map(|b| b.1[0])
        .filter(|&(_, tokens)| tokens > 1)
        .collect();
    assert_eq!(prompts, [(0, 60), (2, 20), (1, 60), (3, 4)]);
}

#[test]
fn sglang_leaves_room_for_outputs_to_come() {
    // 100 blocks of 4 tokens; each request asks for 100 + 150 tokens, so that one fits and a
    // second does not although its prompt would.
    let limits = Limits {
        max_new_tokens: 150,
        token_budget: 1000,
        ..cached(8)
    };
    let sglang = Sglang::new(SglangOrder::Fcfs);
    let (batches, engine) = run_tagged(&sglang, limits, &[(100, 3); 2], Tags::default());
    let first: Vec<(u32, u32)> = batches.iter().map(|b| b.1[0]).collect();
    // 400 − 100 tokens are free; 100 + 150 and 0.7 of 149 to come do not fit.
    assert_eq!(first[..3], [(0, 100), (0, 1), (0, 1)]);
    assert_eq!(firsts(&engine), [0, 1]);
}
