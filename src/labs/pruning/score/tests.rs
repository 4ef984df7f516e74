//! Scores found in steps are those of the reference forms.

use super::*;
use crate::core::select::prune_by_score;

fn net() -> Arc<Mlp> {
    let mut stream = Stream::new(3, StreamId::Weights);
    Arc::new(Mlp::new(&[64, 6, 5, 10], &mut stream).unwrap())
}

fn rule(method: Method, rounds: usize) -> Rule {
    let config = crate::labs::pruning::Config {
        method,
        rounds: rounds as u64,
        ..Default::default()
    };
    Rule::of(&config)
}

fn keys(method: Method, rounds: usize) -> Vec<u32> {
    let known = known(&net(), &rule(method, rounds));
    known
        .keys
        .unwrap()
        .iter()
        .flat_map(|k| k.to_vec())
        .collect()
}

fn wide() -> (Net, Vec<f64>, Vec<usize>) {
    let mlp = net();
    let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let train = &network::data().0;
    let labels = train.labels.iter().take(CALIBRATION);
    let net = Net {
        dims: mlp.sizes().to_vec(),
        weights: (0..3).map(|l| wide(mlp.weights(l))).collect(),
        biases: (0..3).map(|l| wide(mlp.biases(l))).collect(),
    };
    let x = wide(&train.x[..CALIBRATION * PIXELS]);
    (net, x, labels.map(|&l| usize::from(l)).collect())
}

#[test]
fn keys_have_the_order_of_scores_of_both_signs() {
    let scores = [-3.0, -1e-20, 0.0, 1e-30, 0.5, 2.0];
    let keys = scores.map(score_key);
    assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    assert_eq!(score_key(-0.0), score_key(0.0));
    assert_eq!(key_score(score_key(0.25)), 0.25);
    assert_eq!(key_score(score_key(-2.5)), -2.5);
}

/// Scores found image by image choose the weights that the reference forms choose.
#[test]
fn stepwise_scores_agree_with_those_of_all_images_at_once() {
    let (net, x, y) = wide();
    let fisher = |w: &PerWeight, f: &PerWeight| -> PerWeight {
        let both = |(w, f): (&Vec<f64>, &Vec<f64>)| {
            w.iter().zip(f).map(|(w, f)| 0.5 * f * w * w).collect()
        };
        w.iter().zip(f).map(both).collect()
    };
    for (method, want) in [
        (Method::Snip, net.snip(&x, &y)),
        (Method::Grasp, net.grasp(&x, &y)),
        (Method::Obd, fisher(&net.weights, &net.fisher(&x, &y))),
    ] {
        let want: Vec<f64> = want.into_iter().flatten().collect();
        let got: Vec<f64> = keys(method, 1).iter().map(|&k| f64::from(k)).collect();
        let k = want.len() / 2;
        let (a, b) = (
            prune_by_score(&want, None, k),
            prune_by_score(&got, None, k),
        );
        // Rounding to single precision may swap neighbours in the order.
        assert!(a.hamming(&b) <= 2, "{method:?}: {} differ", a.hamming(&b));
    }
}

#[test]
fn rounds_of_synflow_leave_what_the_reference_form_leaves() {
    let (net, ..) = wide();
    let rounds = 12;
    let keys = known(&super::tests::net(), &rule(Method::SynFlow, rounds))
        .keys
        .unwrap();
    let n: usize = keys.iter().map(|k| k.len()).sum();
    let wanted = net.synflow_rounds(LAST_DENSITY, rounds);
    for (r, want) in wanted.iter().enumerate().take(rounds - 1) {
        let gone = n - want.iter().sum::<usize>();
        let kept = |k: &Arc<[u32]>| k.iter().filter(|&&key| key as usize >= gone).count();
        let got: Vec<usize> = keys.iter().map(kept).collect();
        assert_eq!(&got, want, "round {}", r + 1);
    }
    let mut places: Vec<u32> = keys.iter().flat_map(|k| k.to_vec()).collect();
    places.sort_unstable();
    assert!(
        places.iter().enumerate().all(|(i, &p)| i == p as usize),
        "every place once"
    );
}

#[test]
fn distortion_grows_from_zero_and_units_go_whole() {
    let d = known(&net(), &rule(Method::JointDp, 1)).distortion.unwrap();
    for change in &d.change {
        assert_eq!((change.len(), change[0]), (GRID + 1, 0.0));
        assert!(change[GRID] > change[4], "{change:?}");
    }
    let units = keys(Method::Units, 1);
    assert!(
        units[..64 * 6]
            .chunks(64)
            .all(|row| row.iter().all(|k| *k == row[0]))
    );
    assert_ne!(units[0], units[64], "rows differ");
}
