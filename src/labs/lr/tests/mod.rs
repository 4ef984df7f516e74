//! Whole runs.

mod problems;

use super::schedule::Shape;
use super::*;
use crate::core::{Simulation as _, finish};
use crate::labs::LabRun as _;

fn run(config: &Config) -> Run {
    finish(&mut *Lr::start(config, &Library::default()).unwrap()).unwrap()
}

fn small_digits() -> Config {
    Config {
        horizon: 60,
        grid: 1,
        batch: 16,
        ..Config::default()
    }
}

#[test]
fn a_digits_run_holds_every_schedule_rate_and_seed() {
    let config = small_digits();
    let run = run(&config);
    assert_eq!(run.cells.len(), 5 * 3);
    for cell in run.cells.iter() {
        assert_eq!(cell.curves.len(), 2, "{}", cell.name());
        for curve in &cell.curves {
            assert!(
                curve.final_loss.is_finite() && curve.accuracy > 0.2,
                "{}",
                cell.name()
            );
            assert_eq!(curve.loss.last().map(|p| p[0]), Some(60.0));
        }
    }
    assert_eq!(run.timeline().end(), 60.0);
    assert!(
        run.timeline()
            .moments
            .iter()
            .any(|m| m.label == "warmup ends" && m.at == 6.0)
    );
    assert!(
        run.metrics()
            .iter()
            .any(|m| m.id == "test_accuracy" && m.value > 20.0)
    );
    let recording = run.recording.as_ref().unwrap();
    assert_eq!(recording.total_steps(), 60);
    assert_eq!(recording.at(17).steps(), 17);
}

#[test]
fn the_recorded_run_ends_where_its_curve_ends() {
    let run = run(&small_digits());
    let mut last = run.recording.as_ref().unwrap().last().clone();
    assert_eq!(
        last.evaluate().loss,
        run.chosen().unwrap().curves[0].final_loss
    );
}

#[test]
fn the_same_config_gives_the_same_run_and_another_seed_does_not() {
    let config = Config {
        rivals: false,
        grid: 0,
        ..small_digits()
    };
    let finals = |c: &Config| run(c).chosen().unwrap().finals();
    assert_eq!(finals(&config), finals(&config));
    assert_ne!(
        finals(&config),
        finals(&Config {
            seed: 9,
            ..config.clone()
        })
    );
}

#[test]
fn rivals_do_not_change_the_chosen_run() {
    let alone = Config {
        rivals: false,
        grid: 0,
        ..small_digits()
    };
    let together = small_digits();
    assert_eq!(
        run(&alone).chosen().unwrap().finals(),
        run(&together).chosen().unwrap().finals()
    );
}

#[test]
fn the_law_predicts_that_decay_lowers_the_loss() {
    let config = Config {
        horizon: 24_000,
        ..Config::default().with_problem(Problem::Law)
    };
    let run = run(&config);
    let constant = run
        .of_shape(Shape::Constant)
        .find(|c| c.offset == 0)
        .unwrap()
        .final_loss();
    let wsd = run
        .of_shape(Shape::Wsd)
        .find(|c| c.offset == 0)
        .unwrap()
        .final_loss();
    assert!(wsd < constant - 0.03, "{wsd} against {constant}");
    let story = run.story(run.chosen().unwrap().entity(), 5000.0).unwrap();
    assert!(story.why.iter().any(|w| w.contains("L0 + A")), "{story:?}");
}

#[test]
fn a_quadratic_beyond_its_limit_is_marked_diverged_and_never_blank() {
    let config = Config {
        shape: Shape::Constant,
        warmup: 0.0,
        peak: 2.5,
        grid: 1,
        dims: 32,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let run = run(&config);
    let cell = run.chosen().unwrap();
    let (step, loss) = cell.first_divergence().unwrap();
    assert!(step > 0 && loss > 1e5, "{step} {loss}");
    assert!(cell.curves[0].loss.len() > 1, "the curve up to there stays");
    assert!(cell.final_loss().is_nan());
    assert!(
        run.summary().contains(&format!("diverged at step {step}")),
        "{}",
        run.summary()
    );
    assert!(
        run.timeline()
            .moments
            .iter()
            .any(|m| m.label.contains("diverges"))
    );
    let diverged = run
        .metrics()
        .into_iter()
        .find(|m| m.id == "diverged_runs")
        .unwrap();
    assert!(diverged.value >= 1.0);
}

#[test]
fn the_quadratic_run_agrees_with_the_plain_recursion() {
    let config = Config {
        rivals: false,
        grid: 0,
        dims: 40,
        horizon: 120,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let problem = quadratic::Problem::new(40, 1.0, 0.6, 0.05);
    let losses = quadratic::sgd_losses(&problem, &config.chosen().rates().unwrap());
    assert_eq!(run(&config).chosen().unwrap().final_loss(), losses[120]);
}

#[test]
fn every_preset_is_valid_and_its_charts_hold_data() {
    for preset in Lr::presets() {
        let mut config = (preset.config)();
        assert_eq!(Lr::check(&config), Ok(()), "{}", preset.name);
        config.horizon = config.horizon.min(80);
        config.seeds = 1;
        config.grid = config.grid.min(1);
        let run = run(&config);
        for chart in run.charts() {
            assert!(!chart.series.is_empty(), "{}, {}", preset.name, chart.id);
            let finite = chart
                .series
                .iter()
                .flat_map(|s| s.points.iter())
                .any(|p| p[0].is_finite() && p[1].is_finite());
            assert!(finite, "{}, {}", preset.name, chart.id);
        }
        for (name, table) in run.tables() {
            assert!(
                table.rows.iter().all(|r| r.len() == table.columns.len()),
                "{name}"
            );
        }
        for (entity, _) in run.notable() {
            assert!(run.story(entity, 40.0).is_some(), "{}", preset.name);
        }
    }
}

#[test]
fn a_run_is_saved_as_code_and_numbers() {
    use crate::labs::lr::dialects::Dialect;
    let config = Config {
        shape: Shape::Drawn,
        horizon: 40,
        rivals: false,
        ..Config::default().with_problem(Problem::Law)
    };
    let drawn = run(&config);
    let texts: Vec<String> = (0..drawn.files().len())
        .map(|place| String::from_utf8(drawn.file(place)).unwrap())
        .collect();
    assert!(
        texts[0].contains("LambdaLR(optimizer, share)"),
        "{}",
        texts[0]
    );
    assert!(texts[1].contains("jnp.interp"), "{}", texts[1]);
    assert!(texts[2].contains("Trainer("), "{}", texts[2]);
    // The table comes back to within 1e-12 of the peak.
    let rates = config.chosen().rates().unwrap();
    for (i, line) in texts[3].lines().skip(1).enumerate() {
        let (step, rate) = line.split_once(',').unwrap();
        assert_eq!(step.parse(), Ok(i));
        let error = (rate.parse::<f64>().unwrap() - rates[i]).abs();
        assert!(error <= 1e-12 * config.peak, "{line}");
    }
    let read: serde_json::Value = serde_json::from_str(&texts[4]).unwrap();
    assert_eq!(read["rates"].as_array().map(Vec::len), Some(40));
    // In a library's convention its own calls are saved.
    let config = Config {
        shape: Shape::Cosine,
        dialect: Dialect::Pytorch,
        ..config
    };
    let text = String::from_utf8(run(&config).file(0)).unwrap();
    assert!(text.contains("CosineAnnealingLR"), "{text}");
}

#[test]
fn rivals_of_a_guided_schedule_run_once_per_seed() {
    for problem in [Problem::Quadratic, Problem::Digits] {
        let config = Config {
            shape: Shape::ScheduleFree,
            horizon: 30,
            dims: 16,
            batch: 4,
            seeds: 2,
            grid: 1,
            ..Config::default().with_problem(problem)
        };
        let run = run(&config);
        assert_eq!(run.cells.len(), 3 * run.config.shapes().len());
        for cell in run.cells.iter() {
            let seeds: Vec<u64> = cell.curves.iter().map(|c| c.seed).collect();
            let wanted = &[1, 2][..run.config.seeds_run() as usize];
            assert_eq!(seeds, wanted, "{problem:?}, {}", cell.name());
        }
    }
}

#[test]
fn standings_are_sorted_and_their_differences_paired() {
    let config = Config {
        horizon: 40,
        seeds: 3,
        grid: 1,
        batch: 8,
        ..Config::default()
    };
    let run = run(&config);
    let rows = super::report::standings(&run);
    assert_eq!(rows.len(), config.shapes().len());
    assert!(rows.windows(2).all(|w| w[0].loss <= w[1].loss), "{rows:?}");
    assert_eq!((rows[0].gap, rows[0].gap_interval), (0.0, None));
    for row in &rows {
        let best = run.best(row.shape).unwrap();
        assert_eq!((row.peak, row.runs), (best.schedule.peak, 3));
        let [low, high] = row.interval.unwrap();
        assert!(low < row.loss && row.loss < high, "{row:?}");
        assert!((row.gap - (row.loss - rows[0].loss)).abs() < 1e-12);
    }
    // The interval of a difference is that of its pairs, not of two means.
    let (a, b) = (&rows[1], &rows[0]);
    let [a, b] = [a.shape, b.shape].map(|s| run.best(s).unwrap().finals());
    let pairs: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let (_, interval) = crate::core::stats::mean_interval(&pairs);
    assert_eq!(rows[1].gap_interval, Some(interval));
    let (_, table) = run.tables().swap_remove(1);
    assert_eq!(table.rows[1][7..], [rows[1].gap, interval[0], interval[1]]);
}

#[test]
fn a_schedule_that_diverges_everywhere_stands_last() {
    let config = Config {
        shape: Shape::Constant,
        warmup: 0.0,
        peak: 8.0,
        grid: 0,
        horizon: 60,
        dims: 16,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let rows = super::report::standings(&run(&config));
    let last = rows.last().unwrap();
    assert!(
        last.loss.is_nan() && last.peak.is_nan() && last.diverged > 0,
        "{last:?}"
    );
    assert!(rows.iter().all(|r| r.interval.is_none()));
}

#[test]
fn a_claim_reports_what_it_measured_with_its_seeds() {
    let claim = EXHIBITS
        .iter()
        .find(|e| e.id == "wsd")
        .and_then(|e| e.claim)
        .unwrap();
    let mut job = (claim.start)(crate::labs::Effort::Quick);
    let mut last = 0.0;
    for _ in 0..50 {
        assert_eq!(job.step(), Ok(crate::core::Step::Working));
        assert!(job.progress() >= last && job.progress() <= 1.0);
        last = job.progress();
    }
    assert!(last > 0.0);
}

#[test]
fn every_shape_runs_on_the_exact_quadratic_and_tells_its_rule() {
    let mut refused = Vec::new();
    for shape in Shape::ALL {
        let config = Config {
            shape,
            rivals: false,
            dims: 24,
            horizon: 90,
            grid: 1,
            stage: 20,
            ..Config::default().with_problem(Problem::Quadratic)
        };
        if let Err(error) = config.check() {
            assert_eq!(error.field(), Some("shape"), "{shape:?}");
            refused.push(shape);
            continue;
        }
        let run = run(&config);
        let cell = run.chosen().unwrap();
        assert!(cell.final_loss() < 0.5, "{shape:?}: {}", cell.final_loss());
        let story = run.story(cell.entity(), 45.0).unwrap();
        let rate = format!("{:.3e}", cell.schedule.rate(45));
        assert!(story.why[0].contains(&rate), "{shape:?}: {story:?}");
        assert_eq!(
            Lr::exhibit(&config).map(|e| (e.setup)().lab()),
            // The optimum of this very problem is no paper's.
            (shape != Shape::ExactOptimal).then_some(LabKind::Lr),
            "{shape:?}"
        );
    }
    // Another problem has what these need: a law, an accuracy, clients, a drift.
    let elsewhere = [
        Shape::LawOptimal,
        Shape::VolSched,
        Shape::FedHyper,
        Shape::DriftOptimal,
    ];
    assert_eq!(refused, elsewhere);
}

#[test]
fn guided_schedules_train_the_digits_and_show_the_rates_they_used() {
    for shape in Shape::ALL.into_iter().filter(|s| s.is_guided()) {
        let config = Config {
            shape,
            seeds: 1,
            grid: 0,
            stage: 10,
            looks: 20,
            gamma: 0.5,
            patience: 0,
            rivals: shape == Shape::Plateau,
            ..small_digits()
        };
        if config.check().is_err() {
            continue;
        }
        let run = run(&config);
        let cell = run.chosen().unwrap();
        assert!(cell.final_loss() < 2.3, "{shape:?} {}", cell.final_loss());
        let rates: Vec<f64> = (0..60).map(|i| cell.schedule.rate(i)).collect();
        assert!(
            rates.iter().all(|r| *r > 0.0 && *r <= config.peak),
            "{shape:?} {rates:?}"
        );
        let last = cell.schedule.warmup.max(1);
        let moves = rates[last..].iter().any(|r| *r != rates[last]);
        assert_eq!(moves, shape != Shape::ScheduleFree, "{shape:?} {rates:?}");
        let chart = |id: &str| run.charts().iter().any(|c| c.id == id);
        assert_eq!(chart("probes"), shape == Shape::AutoLrs);
        assert_eq!(chart("iterates"), shape == Shape::ScheduleFree);
        assert_eq!(run.cells.len(), if config.rivals { 6 } else { 1 });
    }
}

#[test]
fn schedule_free_on_the_quadratic_is_the_plain_recursion() {
    let config = Config {
        shape: Shape::ScheduleFree,
        rivals: false,
        dims: 40,
        warmup: 0.1,
        beta: 0.7,
        grid: 0,
        horizon: 200,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let run = run(&config);
    let problem = quadratic::Problem::new(40, 1.0, 0.6, 0.05);
    let want = quadratic::schedule_free_losses(&problem, 200, 0.5, 20, 0.7);
    let curve = &run.chosen().unwrap().curves[0];
    for p in &curve.loss {
        assert_eq!(p[1], want[p[0] as usize], "after {}", p[0]);
    }
    assert_eq!(curve.final_loss, want[200]);
}

#[test]
fn a_search_counts_what_it_throws_away() {
    let config = Config {
        shape: Shape::AutoLrs,
        rivals: false,
        dims: 24,
        grid: 0,
        horizon: 70,
        stage: 10,
        probes: 4,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let run = run(&config);
    // Stages of 10, 20 and 40 updates, four probes of a tenth of each, at least two updates.
    assert_eq!(run.chosen().unwrap().curves[0].rewound, 4 * (2 + 2 + 4));
    assert_eq!(run.probes.iter().filter(|p| p.won).count(), 3);
}

#[test]
fn a_drawn_schedule_goes_through_its_points() {
    let config = Config {
        shape: Shape::Drawn,
        knots: vec![[0.0, 0.2], [0.5, 1.0], [1.0, 0.0]],
        horizon: 101,
        peak: 2.0,
        ..Config::default().with_problem(Problem::Quadratic)
    };
    let config = Config {
        horizon: 101,
        peak: 2.0,
        ..config
    };
    let s = config.chosen();
    assert_eq!((s.rate(0), s.rate(50), s.rate(100)), (0.4, 2.0, 0.0));
    assert!((s.rate(25) - 1.2).abs() < 1e-12);
    let bad = Config {
        knots: vec![[0.5, 0.2], [0.1, 1.0]],
        ..config
    };
    assert_eq!(bad.check().unwrap_err().field(), Some("knots"));
}

/// A log of two runs that the published law of 100 million parameters made.
fn made_log() -> (DataKey, Dataset) {
    use std::fmt::Write as _;
    let mut text = "run,step,lr,loss\n".to_owned();
    for (name, cooled) in [("cooled", true), ("flat", false)] {
        let rates: Vec<f64> = (0..3000)
            .map(|i| {
                let up = (f64::from(i) / 200.0).min(1.0);
                let left = if cooled {
                    (f64::from(3000 - i) / 800.0).clamp(0.05, 1.0)
                } else {
                    1.0
                };
                3e-4 * up * left
            })
            .collect();
        let law = laws::Prepared::new(laws::PUBLISHED[1].1, &rates, 1);
        for s in (200..3000).step_by(40) {
            writeln!(text, "{name},{s},{},{}", rates[s], law.at(s).loss()).unwrap();
        }
    }
    let key = DataKey::of("made.csv", text.as_bytes());
    (
        key,
        crate::labs::sniff("made.csv", text.as_bytes()).unwrap(),
    )
}

#[test]
fn an_imported_log_is_fitted_and_continued() {
    let (key, data) = made_log();
    let mut library = Library::default();
    library.insert(key.clone(), data.clone());
    let config = Lr::use_data(&Config::default(), &key, &data).unwrap();
    assert_eq!(config.horizon, 2961 + 740);
    let start = |c: &Config| finish(&mut *Lr::start(c, &library).unwrap()).unwrap();
    let first = start(&config);
    let facts = first.log.as_ref().unwrap();
    assert!(
        facts.errors.iter().all(|e| e.1 < 0.01),
        "{:?}",
        facts.errors
    );
    let cell = first.chosen().unwrap();
    assert_eq!(cell.curves.len(), 9, "the fit and its refits");
    // The past is the logged one, to the last step.
    assert!((cell.schedule.rate(2000) - cell.schedule.rate(1999)).abs() < 1e-18);
    let flat = first.best(Shape::Constant).unwrap().final_loss();
    assert!(
        cell.final_loss() < flat - 0.01,
        "{} {flat}",
        cell.final_loss()
    );
    assert!(first.story(cell.entity(), 3300.0).is_some());
    // The optimum is at least as low as the best of the standard schedules in its range.
    let best = start(&Config {
        shape: Shape::LawOptimal,
        floor: 0.05,
        ..config.clone()
    });
    let optimum = best.chosen().unwrap().final_loss();
    let wsd = best.best(Shape::Wsd).unwrap().final_loss();
    assert!(optimum < wsd + 1e-3, "{optimum} {wsd}");
    let short = Config {
        horizon: 2000,
        ..config
    };
    let error = Lr::start(&short, &library).err().unwrap();
    assert_eq!(error.field(), Some("horizon"));
    let missing = Lr::start(
        &Config {
            horizon: 3700,
            ..short
        },
        &Library::default(),
    )
    .err()
    .unwrap();
    assert!(missing.to_string().contains("made.csv"), "{missing}");
}
