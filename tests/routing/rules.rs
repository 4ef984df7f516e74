//! The rules themselves, and how they break ties.

use super::run;
use proptest::prelude::*;
use schedlab::core::gate::{softmax, top_k};
use schedlab::core::matrix::Matrix;
use schedlab::labs::routing::rules::assignment::base;
use schedlab::labs::routing::rules::capacity::choice_major_positions;
use schedlab::labs::routing::rules::choice::{expert_choice, keep_best, mask_of};
use schedlab::labs::routing::rules::families;
use schedlab::labs::routing::{Config, DropOrder};
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_exact_assignment_is_the_best_of_all(z in prop::collection::vec(-3.0..3.0_f64, 18), room in 2..4_usize) {
        let scores = Matrix { rows: 6, cols: 3, data: z };
        let total = |a: &[usize]| a.iter().enumerate().map(|(t, &e)| scores.at(t, e)).sum::<f64>();
        let got = base(&scores, room).unwrap();
        let mut best = f64::NEG_INFINITY;
        for code in 0..729_usize {
            let a: Vec<usize> = (0..6).map(|t| code / 3_usize.pow(t) % 3).collect();
            if (0..3).all(|e| a.iter().filter(|&&x| x == e).count() <= room) {
                best = best.max(total(&a));
            }
        }
        prop_assert!((total(&got) - best).abs() < 1e-12, "{} {}", total(&got), best);
    }

    #[test]
    fn renaming_experts_renames_the_choice(z in prop::collection::vec(-5.0..5.0_f64, 2..12), shift in 1..11_usize) {
        let n = z.len();
        let distinct: BTreeSet<u64> = z.iter().map(|v| v.to_bits()).collect();
        prop_assume!(distinct.len() == n);
        let renamed: Vec<f64> = (0..n).map(|e| z[(e + shift) % n]).collect();
        for (a, b) in [(families::mixtral(&z, 2), families::mixtral(&renamed, 2)), (families::granite(&z, 2), families::granite(&renamed, 2))] {
            let back: Vec<usize> = b.0.iter().map(|e| (e + shift) % n).collect();
            prop_assert_eq!(a.0, back);
            for (x, y) in a.1.iter().zip(&b.1) {
                prop_assert!((x - y).abs() < 1e-12, "{} {}", x, y);
            }
        }
    }

    #[test]
    fn top_k_agrees_with_a_full_stable_sort(z in prop::collection::vec(-2..3_i32, 1..20), k in 1..8_usize) {
        let scores: Vec<f64> = z.iter().map(|&v| f64::from(v)).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.truncate(k);
        prop_assert_eq!(top_k(&scores, k), order, "ties go to the lower index");
    }

    #[test]
    fn keeping_by_arrival_equals_choice_major_positions_for_one_choice(z in prop::collection::vec(0..5_usize, 1..60), places in 1..10_usize) {
        let chosen: Vec<Vec<usize>> = z.iter().map(|&e| vec![e]).collect();
        let kept = keep_best(&mask_of(&chosen, 5), |t, _| -(t as f64), places);
        for (t, position) in choice_major_positions(&chosen, 5).into_iter().enumerate() {
            prop_assert_eq!(kept[t][z[t]], position[0] < places);
        }
    }

    #[test]
    fn adding_a_constant_to_a_tokens_logits_changes_nothing(z in prop::collection::vec(-4.0..4.0_f64, 1..10), shift in -50.0..50.0_f64) {
        let moved: Vec<f64> = z.iter().map(|v| v + shift).collect();
        for (a, b) in softmax(&z).iter().zip(softmax(&moved)) {
            prop_assert!((a - b).abs() < 1e-12, "{} {}", a, b);
        }
    }
}

#[test]
fn equal_scores_go_to_the_lower_expert_and_the_lower_token() {
    // A router without any signal: all logits are equal.
    let config = Config {
        logit_scale: 0.0,
        router_skew: 0.0,
        tokens: 10,
        k: 2,
        experts: 5,
        capacity_factor: 1.0,
        batches: 1,
        ..Config::default()
    };
    for order in [DropOrder::Token, DropOrder::Score] {
        let run = run(&Config {
            drop_order: order,
            ..config.clone()
        });
        let batch = &run.batches()[0];
        assert_eq!(&batch.demand[..], [10, 10, 0, 0, 0]);
        let kept: Vec<u32> = batch
            .pairs
            .iter()
            .filter(|p| p.kept())
            .map(|p| p.token)
            .collect();
        assert_eq!(
            kept,
            [0, 0, 1, 1, 2, 2, 3, 3],
            "C = 4: the first four tokens of both experts"
        );
    }
    let p = Matrix::from_fn(6, 3, |_, _| 1.0 / 3.0);
    assert_eq!(expert_choice(&p, 2), [[0, 1], [0, 1], [0, 1]]);
}
