//! The laws where the truth is exact: fitted on three runs of the noisy quadratic, they predict six
//! others.

use crate::core::finish;
use crate::labs::lr::law::LawKind;
use crate::labs::lr::law_fit::{LawFit, Measured};
use crate::labs::lr::quadratic::{Problem, sgd_losses};
use crate::labs::lr::schedule::half_cosine;

/// A run under rates that are `shape` (of the share done) times a peak.
fn measured(name: &str, updates: usize, shape: impl Fn(f64) -> f64) -> Measured {
    let problem = Problem::new(512, 1.0, 0.6, 0.05);
    let rates: Vec<f64> = (0..updates)
        .map(|i| 0.3 * shape(i as f64 / updates as f64))
        .collect();
    let losses = sgd_losses(&problem, &rates);
    let steps: Vec<usize> = (100..updates).step_by(20).collect();
    Measured {
        name: name.to_owned(),
        // Step s has made s + 1 updates.
        losses: steps.iter().map(|s| losses[s + 1]).collect(),
        rates,
        steps,
    }
}

fn wsd(share: f64) -> impl Fn(f64) -> f64 {
    move |q| ((1.0 - q) / share).min(1.0)
}

#[test]
fn the_multi_power_law_predicts_unseen_runs_better_than_the_annealing_law() {
    let train = [
        measured("cosine", 3000, |q| 0.1 + 0.9 * half_cosine(q)),
        measured("constant", 3000, |_| 1.0),
        measured("two stages", 3000, |q| if q < 0.5 { 1.0 } else { 0.3 }),
    ];
    let others = [
        measured("linear", 3000, |q| 1.0 - 0.9 * q),
        measured("linear, short", 1500, |q| 1.0 - 0.9 * q),
        measured("cosine, short", 1500, |q| 0.1 + 0.9 * half_cosine(q)),
        measured("WSD", 3000, |q| wsd(0.2)(q).max(0.1)),
        measured("WSD, long cooldown", 3000, |q| wsd(0.5)(q).max(0.1)),
        measured("another stage", 3000, |q| if q < 0.5 { 1.0 } else { 0.1 }),
    ];
    let [multi, annealing] = [LawKind::MultiPower, LawKind::Annealing].map(|kind| {
        let fit = finish(&mut LawFit::new(&train, kind, 0, 1).unwrap()).unwrap();
        let errors = others.each_ref().map(|o| o.errors(&fit.law));
        let mean = |f: fn(&crate::labs::lr::fit::Errors) -> f64| {
            errors.iter().map(f).sum::<f64>() / errors.len() as f64
        };
        [mean(|e| e.mae), mean(|e| e.r2)]
    });
    println!("MAE and R2: multi-power {multi:?}, annealing {annealing:?}");
    assert!(multi[0] < 1e-3 && multi[1] > 0.99, "{multi:?}");
    assert!(annealing[0] > 1.2 * multi[0], "{annealing:?} {multi:?}");
}
