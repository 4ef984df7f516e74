//! Where requests go, worked out by hand.

use super::*;
use crate::labs::serving::engine::{Engine, Limits, NoSink, Quirks, Requests, Tags};
use crate::labs::serving::policies::VllmV1;
use std::sync::Arc;

fn routed(routing: Routing, replicas: u32, requests: Requests) -> Vec<u32> {
    let limits = Limits {
        block_size: 1,
        num_blocks: 10_000,
        batch_cap: 4,
        max_tokens_in_batch: 10_000,
        token_budget: 10_000,
        watermark_blocks: 0,
        whole_prompt: false,
        prefix_caching: false,
        max_new_tokens: u32::MAX,
        slot_blocks: 10,
        max_waiting_iters: 0,
        stages: 1,
        cost: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
        swap: None,
        quirks: Quirks::NONE,
        padded: true,
        ignore_misfits: true,
    };
    let mut engine = Engine::new(limits, requests, &VllmV1, replicas, routing).unwrap();
    while engine.advance_with(&mut NoSink) {}
    engine.requests().replica.to_vec()
}

fn burst(prompts: &[u32]) -> Requests {
    let n = prompts.len();
    Requests::new(vec![0.0; n].into(), prompts, &vec![3; n])
}

#[test]
fn turns_loads_and_tokens_decide() {
    let prompts = [9, 1, 1, 1, 1, 1];
    assert_eq!(
        routed(Routing::RoundRobin, 3, burst(&prompts)),
        [0, 1, 2, 0, 1, 2]
    );
    assert_eq!(
        routed(Routing::LeastOutstanding, 3, burst(&prompts)),
        [0, 1, 2, 0, 1, 2]
    );
    assert_eq!(
        routed(Routing::ShortestTokens, 2, burst(&prompts)),
        [0, 1, 1, 1, 1, 1]
    );
    // At each instance the first arrival holds memory at once, the others wait.
    assert_eq!(
        routed(Routing::LeastKv, 2, burst(&[9, 4, 1, 1])),
        [0, 1, 1, 1]
    );
}

#[test]
fn the_freest_instance_has_most_blocks_per_request() {
    // 10,000 blocks of one token, at most four running: after the first arrivals the free blocks
    // per request are 9,000 against 4,997.5 and so on.
    let prompts = [1000, 10, 10, 10, 10];
    assert_eq!(
        routed(Routing::Freest, 2, burst(&prompts)),
        [0, 1, 1, 0, 1],
        "(9,990 − 10)/2 > (9,000 − 10)/2; (9,980 − 10)/3 < 8,990/2"
    );
}

#[test]
fn a_conversation_stays_where_it_began() {
    let tags = Tags {
        session: vec![7, 8, 8, 8, 7],
        ..Tags::default()
    };
    let requests = burst(&[1; 5]).with_tags(Arc::new(tags));
    assert_eq!(
        routed(Routing::SessionAffinity, 2, requests),
        [0, 1, 1, 1, 0]
    );
}

#[test]
fn random_routers_use_every_instance_and_two_choices_balance_better() {
    let spread = |routing| {
        let mut count = [0_i64; 8];
        for i in routed(routing, 8, burst(&[1; 800])) {
            count[i as usize] += 1;
        }
        (count.iter().max().copied(), count.iter().min().copied())
    };
    let (most, least) = spread(Routing::Random);
    assert!(most > Some(110) && least > Some(60), "{most:?} {least:?}");
    let (most, least) = spread(Routing::PowerOfTwo);
    assert!(most < Some(105) && least > Some(95), "{most:?} {least:?}");
    assert_eq!(routed(Routing::PowerOfTwo, 1, burst(&[1; 3])), [0; 3]);
}
