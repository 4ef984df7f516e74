//! Rules of the schedulers that no reference file exercises, worked out by hand. Every iteration
//! takes one second, so times are counts.

use super::*;
use crate::core::Simulation as _;
use crate::labs::serving::engine::{
    Chains, Engine, Formed, NO_REQUEST, NoSink, Quirks, Requests, Sink, SwapSpace, Tags,
};
use crate::labs::serving::routers::Routing;

/// Batches as (time of forming, [(request, tokens)]).
pub(super) type Batches = Vec<(f64, Vec<(u32, u32)>)>;

#[derive(Default)]
struct Keep(Batches);

impl Sink for Keep {
    fn formed(&mut self, batch: &Formed<'_>) {
        let entries = batch.entries.iter().map(|e| (e.request, e.tokens));
        self.0.push((batch.at, entries.collect()));
    }
}

pub(super) fn limits() -> Limits {
    Limits {
        block_size: 1,
        num_blocks: 1000,
        batch_cap: 8,
        max_tokens_in_batch: 1000,
        token_budget: 100,
        watermark_blocks: 0,
        whole_prompt: false,
        prefix_caching: false,
        max_new_tokens: u32::MAX,
        slot_blocks: 10,
        max_waiting_iters: 2,
        stages: 1,
        cost: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
        swap: None,
        quirks: Quirks::ALL,
        padded: true,
        ignore_misfits: false,
    }
}

pub(super) fn start(
    policy: &dyn Policy,
    limits: Limits,
    requests: &[(u32, u32)],
    tags: Tags,
) -> Engine {
    let (prompts, outputs): (Vec<u32>, Vec<u32>) = requests.iter().copied().unzip();
    let arrival = vec![0.0; requests.len()];
    let requests = Requests::new(arrival.into(), &prompts, &outputs).with_tags(tags.into());
    Engine::new(limits, requests, policy, 1, Routing::RoundRobin).unwrap()
}

/// Runs requests that all arrive at time 0, given as (prompt, output).
pub(super) fn run(
    policy: &dyn Policy,
    limits: Limits,
    requests: &[(u32, u32)],
) -> (Batches, Engine) {
    run_tagged(policy, limits, requests, Tags::default())
}

/// The same with tags.
pub(super) fn run_tagged(
    policy: &dyn Policy,
    limits: Limits,
    requests: &[(u32, u32)],
    tags: Tags,
) -> (Batches, Engine) {
    let mut engine = start(policy, limits, requests, tags);
    let mut keep = Keep::default();
    while engine.advance_with(&mut keep) {}
    (keep.0, engine)
}

#[test]
fn vllm_stops_admitting_when_the_cap_of_holders_is_reached() {
    let limits = Limits {
        batch_cap: 2,
        ..limits()
    };
    let (batches, _) = run(&Vllm, limits, &[(4, 3); 3]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (1.0, vec![(1, 4)]),
        (2.0, vec![(0, 1), (1, 1)]),
        (3.0, vec![(0, 1), (1, 1)]),
        (4.0, vec![(2, 4)]),
        (5.0, vec![(2, 1)]),
        (6.0, vec![(2, 1)]),
    ];
    assert_eq!(batches, want);
}

#[test]
fn vllm_micro_batches_of_two_stages_hold_half_of_the_cap() {
    let limits = Limits {
        batch_cap: 5,
        stages: 2,
        ..limits()
    };
    let (batches, _) = run(&Vllm, limits, &[(4, 2); 5]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (0.0, vec![(1, 4)]),
        (1.0, vec![(2, 4), (3, 4)]),
        (1.5, vec![(4, 4)]),
        (2.0, vec![(0, 1), (1, 1)]),
        (2.5, vec![(2, 1), (3, 1)]),
    ];
    assert_eq!(batches[..6], want);
}

#[test]
fn sarathi_micro_batches_and_holders_are_limited() {
    let two_stages = Limits {
        batch_cap: 4,
        stages: 2,
        ..limits()
    };
    let (batches, _) = run(&Sarathi::default(), two_stages, &[(4, 2); 5]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (0.0, vec![(1, 4)]),
        (1.0, vec![(0, 1), (2, 4)]),
        (1.5, vec![(1, 1), (3, 4)]),
        (2.0, vec![(2, 1), (4, 4)]),
    ];
    assert_eq!(batches[..5], want);
    let capped = Limits {
        batch_cap: 2,
        ..limits()
    };
    let (batches, _) = run(&Sarathi::default(), capped, &[(4, 3); 3]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (1.0, vec![(0, 1), (1, 4)]),
        (2.0, vec![(0, 1), (1, 1)]),
        (3.0, vec![(1, 1), (2, 4)]),
    ];
    assert_eq!(batches[..4], want);
}

#[test]
fn orca_waits_for_a_free_slot() {
    let limits = Limits {
        num_blocks: 25,
        ..limits()
    };
    let (batches, engine) = run(&Orca, limits, &[(4, 2); 3]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (1.0, vec![(0, 1), (1, 4)]),
        (2.0, vec![(1, 1), (2, 4)]),
        (3.0, vec![(2, 1)]),
    ];
    assert_eq!(batches, want);
    assert_eq!(engine.desk(0).peak, 20);
}

#[test]
fn orca_fills_batches_to_the_cap_with_two_stages_as_well() {
    let limits = Limits {
        batch_cap: 2,
        stages: 2,
        ..limits()
    };
    let (batches, _) = run(&Orca, limits, &[(4, 2); 4]);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (0.0, vec![(1, 4)]),
        (1.0, vec![(0, 1), (2, 4)]),
        (1.5, vec![(1, 1), (3, 4)]),
    ];
    assert_eq!(batches[..4], want);
}

#[test]
fn nobody_joins_a_static_batch_and_the_quirk_keeps_early_slots() {
    let requests = [(4, 2), (4, 1), (4, 3)];
    let (batches, odd) = run(&StaticBatching::default(), limits(), &requests);
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (1.0, vec![(0, 1)]),
        (2.0, vec![(1, 4), (2, 4)]),
        (3.0, vec![(2, 1)]),
        (4.0, vec![(2, 1)]),
    ];
    assert_eq!(batches, want);
    assert_eq!(odd.desk(0).used, 10, "the slot of request 1 is never freed");
    let clean = Limits {
        quirks: Quirks::NONE,
        ..limits()
    };
    let (same, engine) = run(&StaticBatching::default(), clean, &requests);
    assert_eq!(same, batches);
    assert_eq!(engine.desk(0).used, 0);
}

#[test]
fn static_batches_alternate_on_two_stages() {
    let limits = Limits {
        stages: 2,
        ..limits()
    };
    let (batches, _) = run(
        &StaticBatching::default(),
        limits,
        &[(4, 2), (4, 2), (4, 1)],
    );
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (0.0, vec![(1, 4)]),
        (1.0, vec![(0, 1)]),
        (1.5, vec![(1, 1)]),
        (2.0, vec![(2, 4)]),
    ];
    assert_eq!(batches, want);
}

#[test]
fn lightllm_admits_every_few_iterations_while_the_peak_stays_below_the_pool() {
    let pool = |num_blocks| Limits {
        num_blocks,
        max_tokens_in_batch: 8,
        ..limits()
    };
    let decode = |t: f64| (t, vec![(0, 1)]);
    let (roomy, _) = run(&LightLlm::default(), pool(15), &[(5, 4); 2]);
    let want: Batches = vec![
        (0.0, vec![(0, 5)]),
        decode(1.0),
        decode(2.0),
        (3.0, vec![(1, 5)]),
        (4.0, vec![(0, 1), (1, 1)]),
    ];
    assert_eq!(roomy[..5], want);
    // The peak would be 14 tokens: not below a pool of 14.
    let (tight, _) = run(&LightLlm::default(), pool(14), &[(5, 4); 2]);
    let want: Batches = vec![
        (0.0, vec![(0, 5)]),
        decode(1.0),
        decode(2.0),
        decode(3.0),
        (4.0, vec![(1, 5)]),
    ];
    assert_eq!(tight[..5], want);
}

#[test]
fn lightllm_limits_prompt_tokens_and_holders() {
    for (tokens, cap, pairs) in [
        (9, 8, false),
        (10, 8, true),
        (1000, 1, false),
        (1000, 2, true),
    ] {
        let limits = Limits {
            max_tokens_in_batch: tokens,
            batch_cap: cap,
            ..limits()
        };
        let (batches, _) = run(&LightLlm::default(), limits, &[(5, 1); 3]);
        let second = if pairs {
            vec![(1, 5), (2, 5)]
        } else {
            vec![(1, 5)]
        };
        assert_eq!(batches[1], (1.0, second), "{tokens} tokens, cap {cap}");
    }
}

#[test]
fn a_lone_request_that_evicts_itself_goes_on_unless_the_quirk_is_on() {
    let pool = |quirks| Limits {
        block_size: 4,
        num_blocks: 2,
        quirks,
        ..limits()
    };
    let (_, odd) = run(&Vllm, pool(Quirks::ALL), &[(4, 4)]);
    let stuck = odd.deadlock().map(|e| e.to_string()).unwrap_or_default();
    assert!(
        stuck.starts_with("deadlock: request 0 needs 2 blocks, pool has 2"),
        "{stuck:?}"
    );
    let (batches, engine) = run(&Vllm, pool(Quirks::NONE), &[(4, 4)]);
    let tokens: Vec<u32> = batches.iter().map(|b| b.1[0].1).collect();
    assert_eq!(tokens, [4, 1, 6, 7], "two re-prefills");
    assert_eq!(engine.finished(), 1);
    assert_eq!(engine.requests().restarts, [2]);
}

#[test]
fn a_swapped_request_keeps_its_tokens_and_comes_back_before_anybody_is_admitted() {
    // Blocks of two tokens: two prompts of 4 fill 4 of 5 blocks.
    let space = |blocks| {
        Some(SwapSpace {
            blocks,
            secs_per_block: 0.25,
            group: 1,
            secs_per_group: 0.0,
            beside: false,
            keeps: false,
        })
    };
    let pool = |swap| Limits {
        block_size: 2,
        num_blocks: 5,
        quirks: Quirks::NONE,
        swap,
        ..limits()
    };
    let requests = [(4, 4), (4, 3), (4, 1)];
    let (batches, engine) = run(&Vllm, pool(space(8)), &requests);
    let decode = |t: f64, ids: &[u32]| (t, ids.iter().map(|&r| (r, 1)).collect::<Vec<_>>());
    let want: Batches = vec![
        (0.0, vec![(0, 4)]),
        (1.0, vec![(1, 4)]),
        // Request 0 takes the last block; request 1 has none and goes out: two blocks copied.
        decode(2.0, &[0]),
        // Two blocks and one more are not free before request 0 has ended.
        decode(3.5, &[0]),
        decode(4.5, &[0]),
        decode(5.5, &[1]),
        // Nobody is swapped out any more: prompts go first again.
        (7.0, vec![(2, 4)]),
        decode(8.0, &[1]),
    ];
    assert_eq!(batches, want);
    assert_eq!((engine.desk(0).swaps, engine.desk(0).evictions), (1, 0));
    assert_eq!(engine.requests().restarts, [0; 3]);
    // Without room on the host the same victim starts again.
    let (_, engine) = run(&Vllm, pool(space(1)), &requests);
    assert_eq!((engine.desk(0).swaps, engine.desk(0).evictions), (0, 1));
}

#[test]
fn a_lone_request_that_swaps_itself_out_comes_back_at_once() {
    let limits = Limits {
        block_size: 4,
        num_blocks: 2,
        quirks: Quirks::NONE,
        swap: Some(SwapSpace {
            blocks: 2,
            secs_per_block: 0.5,
            group: 1,
            secs_per_group: 0.0,
            beside: false,
            keeps: false,
        }),
        ..limits()
    };
    let (batches, engine) = run(&Vllm, limits, &[(4, 4)]);
    let starts: Vec<f64> = batches.iter().map(|b| b.0).collect();
    // The pool is full at the second and the third token: two blocks out and back each time.
    assert_eq!(starts, [0.0, 1.0, 2.0, 5.0]);
    assert_eq!((engine.finished(), engine.desk(0).swaps), (1, 2));
}

#[test]
fn zero_capacities_and_bad_requests_are_refused_by_name() {
    let refused = |limits: Limits, requests: Requests| {
        Engine::new(limits, requests, &Vllm, 1, Routing::RoundRobin)
            .map(|e| e.steps())
            .unwrap_err()
            .to_string()
    };
    let one = || Requests::new([0.0].into(), &[4], &[4]);
    let none = Limits {
        num_blocks: 0,
        ..limits()
    };
    assert!(refused(none, one()).starts_with("num_blocks is 0"), "pool");
    let few = Limits {
        batch_cap: 1,
        stages: 2,
        ..limits()
    };
    assert!(
        refused(few, one()).contains("2 pipeline stages"),
        "cap below stages"
    );
    let empty = Requests::new([0.0].into(), &[0], &[4]);
    assert!(
        refused(limits(), empty).contains("prompt tokens of request 0"),
        "P = 0"
    );
    let nan = Requests::new([f64::NAN].into(), &[4], &[4]);
    assert!(
        refused(limits(), nan).contains("arrival time of request 0"),
        "NaN"
    );
}

#[test]
fn the_peak_of_memory_to_come_is_exact() {
    // Two requests: 10 tokens and 3 to come, 4 and 8: after 3 steps the first is done.
    let mut ahead = [(10, 3), (4, 8)];
    assert_eq!(super::lightllm::peak_tokens(&mut ahead), 20);
    assert_eq!(super::lightllm::peak_tokens(&mut []), 0);
}

#[test]
fn a_request_with_a_predecessor_arrives_after_its_end_and_the_thinking_time() {
    let chains = Chains {
        next: vec![2, 3, NO_REQUEST, NO_REQUEST],
        think: vec![0.0, 0.0, 1.5, 0.0],
        roots: 2,
    };
    let requests = Requests::new(
        [0.0, 0.25, f64::NAN, f64::NAN].into(),
        &[40, 30, 20, 10],
        &[5, 3, 4, 1],
    )
    .with_chains(chains.into());
    let mut engine = Engine::new(limits(), requests, &Vllm, 1, Routing::RoundRobin).unwrap();
    while engine.advance() {}
    let r = engine.requests();
    assert_eq!(engine.finished(), 4);
    assert_eq!(r.arrival[2], r.completed_at[0] + 1.5);
    assert_eq!(r.arrival[3], r.completed_at[1]);
    assert!(r.completed_at[3] > r.arrival[3], "{:?}", r.completed_at);
}

#[test]
fn chains_that_do_not_make_sense_are_refused() {
    let start = |chains: Chains| {
        let requests =
            Requests::new([0.0, f64::NAN].into(), &[4, 4], &[4, 4]).with_chains(chains.into());
        Engine::new(limits(), requests, &Vllm, 1, Routing::RoundRobin)
    };
    let chain = |next: [u32; 2], think: [f64; 2]| Chains {
        next: next.to_vec(),
        think: think.to_vec(),
        roots: 1,
    };
    assert!(
        start(chain([1, NO_REQUEST], [0.0, 1.0])).is_ok(),
        "a chain of two"
    );
    assert!(
        start(chain([NO_REQUEST; 2], [0.0, 1.0])).is_err(),
        "nobody before the second"
    );
    assert!(start(chain([1, 0], [0.0, 1.0])).is_err(), "a circle");
    assert!(
        start(chain([1, NO_REQUEST], [0.0, f64::NAN])).is_err(),
        "no thinking time"
    );
}

#[test]
fn prompts_count_padded_or_as_they_are() {
    let limits = |padded| Limits {
        max_tokens_in_batch: 20,
        padded,
        ..limits()
    };
    // The first runs alone; then 12 and 4 are 24 padded and 16 in fact.
    let requests = [(1, 1), (12, 1), (4, 1)];
    let second = |padded| run(&Vllm, limits(padded), &requests).0[1].1.clone();
    assert_eq!(second(true), [(1, 12)]);
    assert_eq!(second(false), [(1, 12), (2, 4)]);
}

#[test]
fn requests_that_do_not_fit_beside_each_other_still_end_under_mlfq() {
    // Every prompt takes 300 iterations and nearly all memory. Four that sink while they compute it
    // again would be lifted back to the top before any of them has a quantum that is long enough.
    let limits = Limits {
        num_blocks: 3100,
        token_budget: 10,
        quirks: Quirks::NONE,
        ..limits()
    };
    let requests = [(3000, 30); 4];
    let mut engine = start(&Mlfq::new(0.01), limits, &requests, Tags::default());
    while engine.now() < 20_000.0 && engine.advance_with(&mut NoSink) {}
    assert_eq!(engine.finished(), 4);
}
