//! Laws of what follows a dense training: repair, tuning, a second task.

use super::super::config::{Config, Method, Regime};
use super::super::kinds::{Aid, Pattern, Surgery, Transfer};
use super::super::results::Run;
use super::*;
use crate::core::finish;
use crate::core::mlp::Mlp;
use crate::labs::LabRun as _;

fn small(regime: Regime) -> Config {
    Config {
        regime,
        hidden1: 12,
        hidden2: 12,
        train_steps: 60,
        tune_steps: 30,
        sparsity: 50.0,
        ..Config::default()
    }
}

fn film(config: &Config) -> Run {
    finish(&mut Filming::new(config).unwrap()).unwrap()
}

fn course(config: &Config) -> Course {
    let mut course = Course::new(config).unwrap();
    while course.advance().unwrap() != Event::Done {}
    course
}

/// The network at the end of the first stretch.
fn after_first(config: &Config) -> Mlp {
    let mut course = Course::new(config).unwrap();
    loop {
        if course.advance().unwrap() == (Event::Look { last: true }) {
            return course.network().clone();
        }
    }
}

#[test]
fn every_row_loses_its_share_and_every_group_its_pattern() {
    for surgery in [Surgery::Surgeon, Surgery::Wanda, Surgery::Magnitude] {
        let config = Config {
            surgery,
            ..small(Regime::Surgery)
        };
        let done = course(&config);
        for (l, cols) in [64_usize, 12, 12].into_iter().enumerate() {
            let mask = done.mask(l);
            for r in 0..mask.len() / cols {
                let kept = (0..cols).filter(|c| mask.kept(r * cols + c)).count();
                assert_eq!(kept, cols - cols / 2, "{surgery:?} layer {l} row {r}");
            }
        }
    }
    for surgery in [
        Surgery::SparseGpt,
        Surgery::Surgeon,
        Surgery::Wanda,
        Surgery::Magnitude,
    ] {
        let config = Config {
            surgery,
            pattern: Pattern::Groups,
            ..small(Regime::Surgery)
        };
        let done = course(&config);
        for (l, cols) in [64_usize, 12, 12].into_iter().enumerate() {
            let mask = done.mask(l);
            for group in 0..mask.len() / 4 {
                let kept = (0..4).filter(|c| mask.kept(group * 4 + c)).count();
                assert_eq!(kept, 2, "{surgery:?} layer {l} of {cols}, group {group}");
            }
        }
    }
}

#[test]
fn repairs_lower_the_error_of_the_outputs() {
    let error = |surgery| {
        let config = Config {
            surgery,
            sparsity: 70.0,
            ..small(Regime::Surgery)
        };
        let run = film(&config);
        let film = run.results().film.clone().unwrap();
        assert_eq!(film.errors.len(), 3);
        assert!(run.charts().iter().any(|c| c.id == "output_error"));
        // Later layers see other inputs: the first one is the fair comparison.
        film.errors[0]
    };
    let [gpt, surgeon, wanda, magnitude, _] = Surgery::ALL.map(error);
    assert!(surgeon < wanda && gpt < wanda, "{surgeon} {gpt} {wanda}");
    assert!(wanda < magnitude, "{wanda} {magnitude}");
}

#[test]
fn a_repair_changes_no_weight_of_the_layers_before_and_nothing_without_a_cut() {
    let config = Config {
        surgery: Surgery::Surgeon,
        sparsity: 0.0,
        ..small(Regime::Surgery)
    };
    let (dense, repaired) = (after_first(&config), course(&config));
    for (a, b) in dense.params().iter().zip(repaired.network().params()) {
        assert_eq!(a, b);
    }
}

#[test]
fn one_cut_and_tuning_ends_at_its_sparsity_with_every_help() {
    let mut ends = Vec::new();
    for aid in Aid::ALL {
        let config = Config {
            aid,
            sparsity: 80.0,
            ..small(Regime::Tune)
        };
        let run = film(&config);
        let r = run.results();
        let n = r.total as usize;
        let want = crate::core::select::count_rule(0.8, n) as u64;
        assert_eq!(r.points.last().unwrap().pruned, want, "{aid:?}");
        assert_eq!(r.points[0].pruned, 0, "{aid:?}");
        let net = r.net.clone().unwrap();
        assert!(
            net.params().iter().all(|w| w.is_finite()),
            "{aid:?} diverges"
        );
        let film = r.film.as_ref().unwrap();
        assert_eq!(film.classes.len(), 2, "{aid:?}: before and after");
        assert!(film.frames.iter().all(|f| f.second.is_some()), "{aid:?}");
        assert!(run.charts().iter().any(|c| c.id == "classes"), "{aid:?}");
        ends.push(net);
    }
    for (i, net) in ends.iter().enumerate().skip(1) {
        assert_ne!(**net, *ends[0], "{:?} does something", Aid::ALL[i]);
    }
}

#[test]
fn companded_weights_are_bounded() {
    let config = Config {
        aid: Aid::Compander,
        slope: 8.0,
        rate: 1.0,
        ..small(Regime::Gradual)
    };
    let done = course(&config);
    for l in 0..3 {
        let top = done
            .network()
            .weights(l)
            .iter()
            .fold(0.0_f32, |m, w| m.max(w.abs()));
        assert!(f64::from(top) <= std::f64::consts::FRAC_PI_2, "{top}");
    }
}

#[test]
fn a_learnt_mask_changes_no_weight() {
    let config = Config {
        transfer: Transfer::Mask,
        tune_steps: 100,
        rate: 1.0,
        ..small(Regime::Transfer)
    };
    let (before, after) = (after_first(&config), course(&config));
    assert_eq!(before.params(), after.shadow().params());
    assert!(after.kept() < after.size(), "some weights are left out");
}

#[test]
fn frozen_weights_stay_and_open_ones_grow_from_zero() {
    let config = Config {
        transfer: Transfer::Half,
        ..small(Regime::Transfer)
    };
    let (before, after) = (after_first(&config), course(&config));
    let (mut same, mut moved) = (0, 0);
    for l in 0..3 {
        let mask = after.mask(l);
        for (i, (a, b)) in before
            .weights(l)
            .iter()
            .zip(after.network().weights(l))
            .enumerate()
        {
            if mask.kept(i) {
                moved += usize::from(a != b);
            } else {
                assert_eq!(a, b, "layer {l} weight {i} is frozen");
                same += 1;
            }
        }
    }
    assert!(same > 300 && moved > 300, "{same} {moved}");
    let open = Config {
        transfer: Transfer::Open,
        examples: 100,
        ..config
    };
    let (before, after) = (after_first(&open), course(&open));
    // Weights of pixels that are always 0, and of units that never fire, do not move.
    let zeros = |net: &Mlp| net.weights(0).iter().filter(|w| **w == 0.0).count();
    let (old, new) = (zeros(&before), zeros(after.network()));
    assert!(new + 100 < old, "{old} zeros before, {new} after");
    assert_eq!(after.kept(), after.size());
}

#[test]
fn a_second_task_is_judged_beside_the_first() {
    let run = film(&small(Regime::Transfer));
    let frames = &run.results().film.as_ref().unwrap().frames;
    assert!(frames.iter().all(|f| f.second.is_some()));
    let first_done = frames.iter().rposition(|f| f.step <= 60).unwrap();
    let (new, old) = (
        run.results().points[first_done].judged.unwrap(),
        frames[first_done].second.unwrap(),
    );
    assert!(old.accuracy() > new.accuracy() + 0.2, "{old:?} {new:?}");
    assert!(run.metrics().iter().any(|m| m.id == "first_task_percent"));
    assert_eq!(run.results().config.method, Method::Magnitude);
}

#[test]
fn a_low_rank_form_stays_within_its_numbers_and_whole_columns_are_stored() {
    let config = Config {
        surgery: Surgery::LowRank,
        ..small(Regime::Surgery)
    };
    let (dense, done) = (after_first(&config), course(&config));
    for (l, [rows, cols]) in [[12, 64], [12, 12], [10, 12]].into_iter().enumerate() {
        let [rank, columns] = course::budget(&config, [rows, cols]);
        assert!(rank >= 1, "layer {l}");
        assert!(rank * (rows + cols) + columns * rows <= rows * cols / 2 + rows + cols);
        let mask = done.mask(l);
        for c in 0..cols {
            let stored = (0..rows).filter(|r| mask.kept(r * cols + c)).count();
            assert!(stored == 0 || stored == rows, "layer {l} column {c}");
            for r in (0..rows).filter(|_| stored > 0) {
                let i = r * cols + c;
                assert_eq!(dense.weights(l)[i], done.network().weights(l)[i]);
            }
        }
        let stored = (0..cols).filter(|c| mask.kept(*c)).count();
        assert_eq!(stored, columns, "layer {l}");
    }
    let worse = course(&Config {
        directions: 100.0,
        ..config
    });
    assert_eq!(worse.kept(), 0, "no column is stored");
    assert!(worse.network().weights(0).iter().any(|w| *w != 0.0));
}

#[test]
fn every_image_is_answered_by_its_own_units() {
    let config = Config {
        mass: 60.0,
        ..small(Regime::Dynamic)
    };
    let run = film(&config);
    let r = run.results();
    let film = r.film.as_ref().unwrap();
    let images: Vec<usize> = (0..film.frames.len())
        .filter(|&i| film.frames[i].step > 60)
        .collect();
    assert_eq!(film.frames.last().unwrap().step, 560, "500 images");
    let counts: Vec<usize> = images
        .iter()
        .map(|&i| film.frames[i].masks[0].count())
        .collect();
    assert!(counts.iter().any(|c| *c != counts[0]), "{counts:?}");
    for (&i, &count) in images.iter().zip(&counts) {
        assert!(count > 0 && count % 64 == 0, "whole units: {count}");
        let judged = r.points[i].judged.unwrap();
        assert_eq!(judged.count as u64, film.frames[i].step - 60);
    }
}

#[test]
fn the_second_network_sees_the_images_that_stay_and_no_other() {
    use super::super::criteria::difficulty::margin;
    use super::super::kinds::Pick;
    use super::super::network::{self, Batches, DECAY, MOMENTUM, falling};
    use crate::core::mlp::{Optimizer, Workspace};
    use crate::core::rng::{Stream, StreamId};

    for (pick, images) in [(Pick::Hard, 40), (Pick::Easy, 40), (Pick::Random, 40)] {
        let config = Config {
            pick,
            pool: 160,
            images_cut: 75.0,
            ..small(Regime::Data)
        };
        let run = film(&config);
        let chosen = &run.results().film.as_ref().unwrap().images;
        assert_eq!((chosen.pool.len(), chosen.count()), (160, images));
        // Margins are those of the first network.
        let first = after_first(&config);
        let (train, mut work) = (&network::data().0, Workspace::default());
        for (&i, &m) in chosen.pool.iter().zip(&chosen.margins) {
            let logits = first.logits(train.image(i), None, &mut work);
            assert_eq!(margin(logits, usize::from(train.labels[i])), m);
        }
        let mask = chosen.kept.as_ref().unwrap();
        let of = |want: bool| {
            let pairs = chosen.margins.iter().zip(mask.iter());
            let mut own: Vec<f64> = pairs.filter(|p| p.1 == want).map(|p| *p.0).collect();
            own.sort_by(f64::total_cmp);
            [own[0], own[own.len() - 1]]
        };
        match pick {
            Pick::Hard => assert!(of(true)[1] <= of(false)[0]),
            Pick::Easy => assert!(of(false)[1] <= of(true)[0]),
            Pick::Random => assert!(of(true)[0] < of(false)[1] && of(false)[0] < of(true)[1]),
        }
        // The second network, trained by hand.
        let mut stream = Stream::new(config.seed, StreamId::Weights).replicate(1);
        let mut net = Mlp::new(&config.sizes(), &mut stream).unwrap();
        let mut batches = Batches::among(config.seed, chosen.left());
        let rule = Optimizer::Sgd {
            momentum: MOMENTUM,
            weight_decay: DECAY,
        };
        let n = net.params().len();
        let (mut state, mut grad) = (rule.state(n), vec![0.0; n]);
        for t in 0..config.train_steps {
            let (x, y) = batches.at(t);
            net.gradient(&x, &y, None, &mut grad, &mut work);
            let rate = config.rate * falling(t as f64 / config.train_steps as f64);
            rule.update(&mut state, net.params_mut(), &grad, rate as f32);
        }
        assert_eq!(*run.results().net.clone().unwrap(), net);
    }
}

/// Entropy of the weights of a layer in bits, all together.
fn entropy_of(weights: &[f32]) -> f64 {
    let mut bits: Vec<u32> = weights.iter().map(|w| (w + 0.0).to_bits()).collect();
    bits.sort_unstable();
    let counts: Vec<u64> = bits
        .chunk_by(|a, b| a == b)
        .map(|c| c.len() as u64)
        .collect();
    super::super::measure::entropy(&counts) * weights.len() as f64
}

#[test]
fn rounded_weights_meet_the_budget_on_few_values() {
    use super::super::kinds::Coder;
    for bit_budget in [3.0, 0.8] {
        let config = Config {
            coder: Coder::Rounded,
            bit_budget,
            grid_bits: 5,
            ..small(Regime::Bits)
        };
        let run = film(&config);
        let r = run.results();
        let net = r.net.clone().unwrap();
        let frame = r.film.as_ref().unwrap().frames.last().unwrap();
        let mut all = 0.0;
        for (l, layer) in r.layers.iter().enumerate() {
            let bits = entropy_of(net.weights(l));
            all += bits;
            let n = layer.values.len() as f64;
            assert!((frame.bits[l] - bits / n).abs() < 1e-9, "layer {l}");
            let mut values: Vec<u32> = net.weights(l).iter().map(|w| w.to_bits()).collect();
            values.sort_unstable();
            values.dedup();
            assert!(values.len() <= 32, "{} values", values.len());
        }
        assert!(all <= bit_budget * r.total as f64, "{all}");
        let metrics = run.metrics();
        let of = |key: &str| metrics.iter().find(|m| m.id == key).unwrap().value;
        assert!((of("bits_per_weight") - all / r.total as f64).abs() < 1e-9);
    }
}

#[test]
fn learnt_bits_fall_with_their_price_and_weights_fit_in_them() {
    let run_at = |bit_price| {
        film(&Config {
            bit_price,
            train_steps: 120,
            ..small(Regime::Bits)
        })
    };
    let (cheap, dear) = (run_at(1e-4), run_at(3.0));
    let bits = |run: &Run| {
        let metrics = run.metrics();
        metrics
            .iter()
            .find(|m| m.id == "bits_per_weight")
            .unwrap()
            .value
    };
    assert!(
        bits(&dear) < bits(&cheap),
        "{} {}",
        bits(&dear),
        bits(&cheap)
    );
    for run in [&cheap, &dear] {
        let r = run.results();
        let film = r.film.as_ref().unwrap();
        let net = r.net.clone().unwrap();
        for (l, units) in film.unit_bits.iter().enumerate() {
            let cols = net.sizes()[l];
            for (row, &b) in net.weights(l).chunks(cols).zip(units) {
                let mut values: Vec<u32> = row.iter().map(|w| (w + 0.0).to_bits()).collect();
                values.sort_unstable();
                values.dedup();
                assert!(
                    values.len() <= 1 << b,
                    "{} values in {b} bits",
                    values.len()
                );
            }
        }
    }
}
