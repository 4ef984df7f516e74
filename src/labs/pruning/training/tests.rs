//! Laws of training under a changing mask.

use super::super::config::{Config, Exchange, Fade, Method, Regime, Shape, Switching};
use super::super::network::{Recipe, Training};
use super::super::results::{Cell, Run};
use super::*;
use crate::core::finish;
use crate::core::select::count_rule;
use crate::labs::LabRun as _;

fn small(regime: Regime) -> Config {
    Config {
        regime,
        hidden1: 12,
        hidden2: 8,
        train_steps: 60,
        tune_steps: 60,
        sparsity: 80.0,
        ..Config::default()
    }
}

fn film(config: &Config) -> Run {
    finish(&mut Filming::new(config).unwrap()).unwrap()
}

fn frames(run: &Run) -> &[film::Frame] {
    &run.results().film.as_ref().unwrap().frames
}

#[test]
fn without_pruning_it_is_the_plain_training_bit_for_bit() {
    let config = Config {
        sparsity: 0.0,
        ..small(Regime::Gradual)
    };
    let recipe = Recipe {
        sizes: config.sizes(),
        steps: config.train_steps,
        seed: config.seed,
    };
    let mut plain = Training::new(recipe).unwrap();
    let plain = loop {
        if let Some(net) = plain.step() {
            break net;
        }
    };
    let run = film(&config);
    let filmed = run.results().net.clone().unwrap();
    assert_eq!(*plain, *filmed);
}

#[test]
fn every_schedule_meets_its_sparsity_at_every_frame_and_ends_exactly() {
    for shape in Shape::ALL {
        let config = Config {
            shape,
            begin: 10.0,
            every: 4,
            ..small(Regime::Gradual)
        };
        let run = film(&config);
        let r = run.results();
        for (f, p) in frames(&run).iter().zip(&r.points) {
            let schedule = schedule_of(&config, shape, 60);
            assert_eq!(f.target, schedule.at(f.step), "{shape:?} {}", f.step);
            let want = count_rule(f.target, r.total as usize) as u64;
            assert_eq!(p.pruned, want, "{shape:?} at step {}", f.step);
        }
        let back: u64 = frames(&run).iter().map(|f| f.grown).sum();
        assert_eq!(back > 0, shape == Shape::Harmonic, "{shape:?}: {back}");
        assert_eq!(frames(&run).last().unwrap().step, 60);
        assert!(run.charts().iter().all(|c| !c.series.is_empty()));
        assert_eq!(run.tables()[1].1.rows.len(), frames(&run).len());
    }
}

#[test]
fn a_weight_that_comes_back_has_its_old_value() {
    let config = Config {
        shape: Shape::Harmonic,
        every: 1,
        cycles: 2,
        finish: 100.0,
        ..small(Regime::Gradual)
    };
    let mut course = Course::new(&config).unwrap();
    let mut at_cut: Vec<Option<f32>> = vec![None; course.shadow().weights(0).len()];
    let mut returned = 0;
    loop {
        match course.advance().unwrap() {
            Event::Done => break,
            Event::Working => {}
            Event::Look { .. } => {
                let mask = course.mask(0);
                for (i, w) in course.shadow().weights(0).iter().enumerate() {
                    match (mask.kept(i), at_cut[i]) {
                        (false, None) => at_cut[i] = Some(*w),
                        (false, Some(old)) => assert_eq!(old, *w, "weight {i} waits"),
                        (true, Some(old)) => {
                            // Seen at every step: the mask opens before the update.
                            assert_eq!(old, *w, "weight {i} comes back");
                            at_cut[i] = None;
                            returned += 1;
                        }
                        (true, None) => {}
                    }
                    if !mask.kept(i) {
                        assert_eq!(course.network().weights(0)[i], 0.0, "forward, {i}");
                    }
                }
            }
        }
    }
    assert!(returned > 20, "{returned}");
}

#[test]
fn exchanges_keep_the_number_of_weights_of_every_layer() {
    for exchange in [Exchange::Gradient, Exchange::Random, Exchange::Never] {
        let config = Config {
            exchange,
            every: 5,
            ..small(Regime::Exchange)
        };
        let run = film(&config);
        let r = run.results();
        for kept in &r.plan.kept {
            assert!(
                kept.windows(2).all(|w| w[0] == w[1]),
                "{exchange:?} {kept:?}"
            );
        }
        let back: u64 = frames(&run).iter().map(|f| f.grown).sum();
        assert_eq!(back > 0, exchange != Exchange::Never, "{exchange:?}");
        let late = frames(&run).iter().filter(|f| f.step > 45);
        assert!(late.clone().all(|f| f.grown == 0), "none after 75 %");
        assert!(r.points[0].pruned > 0, "sparse from the start");
    }
}

#[test]
fn a_ticket_starts_every_round_from_the_first_weights() {
    let config = Config {
        sparsity: 60.0,
        ..small(Regime::Ticket)
    };
    let mut course = Course::new(&config).unwrap();
    let first = course.shadow().clone();
    let (mut rounds, mut kept) = (0, Vec::new());
    loop {
        match course.advance().unwrap() {
            Event::Done => break,
            Event::Look { last: true } => {
                kept.push(course.kept());
                // The next step ends the leg, the one after it begins the next.
                course.advance().unwrap();
                if course.advance().unwrap() == Event::Done {
                    break;
                }
                if let Some(Leg::Round(_)) = course.leg() {
                    rounds += 1;
                    let mask = course.mask(1);
                    for (i, w) in course.shadow().weights(1).iter().enumerate() {
                        let want = if mask.kept(i) {
                            first.weights(1)[i]
                        } else {
                            0.0
                        };
                        assert_eq!(*w, want, "round {rounds}, weight {i}");
                    }
                }
            }
            _ => {}
        }
    }
    // 0.7³ < 0.4 < 0.7²: the third cut is smaller and meets 60 % exactly.
    let n = first.weights(0).len() + first.weights(1).len() + first.weights(2).len();
    let cut = |kept: usize| kept - count_rule(0.3, kept);
    let goal = n - count_rule(0.6, n);
    assert_eq!(
        kept,
        [n, cut(n), cut(cut(n)), goal, goal],
        "and the control"
    );
    assert_eq!(rounds, 3);
    let run = film(&config);
    let film = run.results().film.as_ref().unwrap();
    assert!(film.control.is_some());
    assert_eq!(
        run.results().points[run.results().chosen].pruned as usize,
        n - goal
    );
}

#[test]
fn sap_cuts_what_the_index_proposes() {
    let config = Config {
        gamma: 2.0,
        ..small(Regime::Sap)
    };
    let run = film(&config);
    let rounds = &run.results().film.as_ref().unwrap().rounds;
    assert!(rounds.len() > 1, "{rounds:?}");
    for pair in rounds.windows(2) {
        let d = pair[0].kept as f64;
        let m = (d * (1.0 - pair[0].index)).ceil();
        let cut = (d * (2.0 * (1.0 - m / d)).clamp(0.0, 0.9)).floor();
        assert_eq!(pair[0].cut as f64, cut);
        assert_eq!(pair[1].kept, pair[0].kept - pair[0].cut);
    }
}

#[test]
fn flickering_weights_settle_and_one_cut_does_not_flicker() {
    let config = Config {
        switching: Switching::Temperature,
        settle: 50.0,
        ..small(Regime::Flicker)
    };
    let run = film(&config);
    let r = run.results();
    let last = r.points.last().unwrap();
    assert_eq!(last.pruned, count_rule(0.8, r.total as usize) as u64);
    let shadow = |settle: f64| {
        let mut course = Course::new(&Config {
            settle,
            ..config.clone()
        })
        .unwrap();
        while course.advance().unwrap() != Event::Done {}
        let mask = course.mask(0);
        let moved = course.shadow().weights(0).to_vec();
        (mask, moved)
    };
    let ((mask, annealed), (same, cut)) = (shadow(50.0), shadow(0.0));
    assert_eq!(mask, same, "the mask is fixed");
    let pruned = (0..mask.len()).filter(|&i| !mask.kept(i));
    let differing = pruned.filter(|&i| annealed[i] != cut[i]).count();
    assert!(
        differing > mask.len() / 2,
        "pruned weights learn: {differing}"
    );
}

#[test]
fn the_pressure_sends_small_weights_to_zero_before_the_cut() {
    let config = Config {
        pressure: 1e-2,
        growth: 3.0,
        tune_steps: 100,
        ..small(Regime::HyperSparse)
    };
    let run = film(&config);
    let film = run.results().film.as_ref().unwrap();
    let cut = film.frames.iter().position(|f| f.pruned > 0).unwrap();
    // Share of weights below a tenth of the largest: the pressed ones.
    let small = |frame: &film::Frame| {
        let shades = frame.shades.iter().flat_map(|s| s.iter());
        shades.filter(|&&s| s < 12).count()
    };
    let dense_end = film.frames.iter().position(|f| f.step >= 60).unwrap();
    assert!(
        small(&film.frames[cut - 1]) > small(&film.frames[dense_end]) + 50,
        "{} after, {} before",
        small(&film.frames[cut - 1]),
        small(&film.frames[dense_end])
    );
    assert!(run.charts().iter().any(|c| c.id == "pressure"));
}

#[test]
fn annealed_gradients_bring_weights_back_and_hard_masks_do_not() {
    for (fade, back) in [
        (Fade::Hard, false),
        (Fade::Cosine, true),
        (Fade::Constant, true),
    ] {
        let config = Config {
            fade,
            every: 3,
            ..small(Regime::Gradual)
        };
        let run = film(&config);
        let grown: u64 = frames(&run).iter().map(|f| f.grown).sum();
        assert_eq!(grown > 0, back, "{fade:?}: {grown}");
    }
}

#[test]
fn movement_ranks_by_the_accumulated_move() {
    let config = Config {
        method: Method::Movement,
        shape: Shape::OneShot,
        begin: 50.0,
        ..small(Regime::Gradual)
    };
    let by_move = film(&config);
    let by_size = film(&Config {
        method: Method::Magnitude,
        ..config
    });
    let mask = |run: &Run| frames(run).last().unwrap().masks.clone();
    assert_ne!(mask(&by_move), mask(&by_size));
    let (r, step) = (by_move.results(), by_move.results().points.len() - 1);
    let n = r.layers[0].values.len();
    let kept = (0..n).filter(|&i| matches!(r.cell(0, i, step), Cell::Kept(_) | Cell::Back(_)));
    assert_eq!(kept.count() as u64, r.plan.kept[0][step]);
}

#[test]
fn a_run_and_its_previews_say_the_same_of_the_moments_they_share() {
    let config = small(Regime::Gradual);
    let mut job = Filming::new(&config).unwrap();
    let mut looks = Vec::new();
    let ended = loop {
        use crate::core::{Job as _, Step};
        match job.step().unwrap() {
            Step::Done(run) => break run,
            Step::Working => looks.extend(job.preview()),
        }
    };
    assert!(looks.len() > 3, "{}", looks.len());
    for look in &looks {
        let count = look.results().points.len();
        assert_eq!(look.results().points, ended.results().points[..count]);
        assert!(!look.summary().is_empty() && look.metrics().len() > 5);
    }
}
