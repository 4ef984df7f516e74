//! Whole runs of every problem.

use super::*;

/// Runs a short setup of a problem, and looks at everything it tells.
fn told(problem: Problem, rivals: bool) {
    let config = Config {
        seeds: 2,
        batch: 8,
        local_steps: 1,
        task_length: 10,
        copies: 2,
        rivals,
        ..Config::default().with_problem(problem)
    };
    let config = Config {
        horizon: 12,
        grid: 0,
        ..config
    };
    assert_eq!(config.check(), Ok(()), "{problem:?}");
    let run = run(&config);
    let own = if problem == Problem::League { 6 } else { 5 };
    assert_eq!(run.cells.len(), if rivals { own } else { 1 }, "{problem:?}");
    for cell in run.cells.iter() {
        let seeds = if problem.is_exact() { 1 } else { 2 };
        assert_eq!(cell.curves.len(), seeds, "{problem:?}");
        assert!(cell.final_loss().is_finite(), "{problem:?} {}", cell.name());
    }
    let story = run.story(run.cells[0].entity(), 6.0).unwrap();
    assert!(story.why.len() >= 2, "{problem:?}: {story:?}");
    for chart in run.charts() {
        let filled = chart.series.iter().any(|s| !s.points.is_empty());
        assert!(filled, "{problem:?} {}", chart.id);
    }
    let watched = run.charts().iter().any(|c| c.id == "sharpness");
    let curved = !matches!(problem, Problem::Branches | Problem::Absolute);
    let norms = problem.has_optimizer() && curved;
    assert_eq!(watched, norms, "{problem:?}");
}

#[test]
fn streamed_problems_run_and_tell_norms_and_sharpness() {
    for problem in [
        Problem::Logistic,
        Problem::Absolute,
        Problem::Bigram,
        Problem::Transformer,
        Problem::Masking,
        Problem::Robust,
        Problem::Domains,
        Problem::Modules,
        Problem::Branches,
        Problem::Denoiser,
    ] {
        told(problem, false);
    }
}

#[test]
fn schedules_out_of_the_run_train_streamed_problems_too() {
    for shape in [Shape::ScheduleFree, Shape::Plateau, Shape::Hypergradient] {
        let config = Config {
            shape,
            rivals: false,
            grid: 0,
            seeds: 1,
            ..Config::default().with_problem(Problem::Bigram)
        };
        let config = Config {
            horizon: 200,
            ..config
        };
        let cell = run(&config).chosen().unwrap().clone();
        // The uniform guess is 1.09 nats above the entropy.
        assert!(cell.final_loss() < 1.0, "{shape:?} {}", cell.final_loss());
    }
}

#[test]
fn problems_of_their_own_run_every_schedule_they_allow() {
    for problem in [
        Problem::Valley,
        Problem::Drift,
        Problem::Sparse,
        Problem::Federated,
        Problem::Relabel,
        Problem::Growing,
        Problem::League,
    ] {
        told(problem, true);
    }
    for config in [
        Config {
            shape: Shape::DriftOptimal,
            ..Config::default().with_problem(Problem::Drift)
        },
        Config {
            shape: Shape::FedHyper,
            ..Config::default().with_problem(Problem::Federated)
        },
    ] {
        let config = Config {
            horizon: 12,
            grid: 0,
            rivals: false,
            ..config
        };
        let cell = run(&config).chosen().unwrap().clone();
        assert!(cell.final_loss().is_finite(), "{:?}", config.shape);
    }
}
