//! Laws of the noise lab that must hold for any setup.

use proptest::prelude::*;
use proptest::test_runner::Config as Runner;
use schedlab::core::{Step, finish};
use schedlab::labs::noise::exchange::{self, Brought};
use schedlab::labs::noise::schedule::{ScheduleKind, Visit, levels};
use schedlab::labs::noise::solver::SolverKind;
use schedlab::labs::noise::{Config, Direction, Noise, PlaneRun, data::DataSet, families, search};
use schedlab::labs::{Effort, Lab, LabRun, Library, stored_claims};

fn run(config: &Config) -> PlaneRun {
    let run = Noise::start(config, &Library::default())
        .and_then(|mut job| finish(&mut *job))
        .unwrap_or_else(|e| panic!("{e}"));
    run.plane()
        .unwrap_or_else(|| panic!("a run of points"))
        .clone()
}

fn small() -> Config {
    Config {
        particles: 300,
        steps: 8,
        ..Config::default()
    }
}

fn runner() -> Runner {
    Runner {
        cases: 48,
        failure_persistence: None,
        ..Runner::default()
    }
}

proptest! {
    #![proptest_config(runner())]

    #[test]
    fn log_snr_falls_in_every_family(a in 0.001..0.999_f64, b in 0.001..0.999_f64, scale in 0.2..3.0_f64) {
        prop_assume!(b - a > 1e-6);
        let laws: [&dyn Fn(f64) -> f64; 8] = [
            &families::chen_linear,
            &|t| families::chen_cosine(t, 0.2, 1.0, scale),
            &|t| families::chen_sigmoid(t, -3.0, 3.0, scale),
            &families::hang_cosine,
            &|t| families::hang_laplace(t, 0.0, scale),
            &|t| families::hang_cauchy(t, 0.0, scale),
            &|t| families::simple_diffusion_shift(t, 256.0, 64.0),
            &|t| families::logistic(t * 1000.0, 0.015, 600.0),
        ];
        for (i, law) in laws.iter().enumerate() {
            let (x, y) = (law(a), law(b));
            prop_assert!(y < x || (y <= x && x <= 1e-9), "law {}: {} at {}, {} at {}", i, x, a, y, b);
        }
    }

    #[test]
    fn a_flow_shift_multiplies_the_noise_level(u in 0.001..0.999_f64, a in 0.05..20.0_f64) {
        let s = |u: f64| u / (1.0 - u);
        prop_assert!((s(families::flow_shift(u, a)) / (a * s(u)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn any_valid_setup_has_falling_levels_and_a_finite_run(
        seed in any::<u64>(),
        schedule in 0..28_usize,
        solver in 0..15_usize,
        data in 0..6_usize,
        direction in 0..3_usize,
        steps in 1..12_u64,
        shift in 0.1..10.0_f64,
        eta in 0.0..=1.0_f64,
    ) {
        let config = Config {
            seed,
            schedule: ScheduleKind::ALL[schedule],
            solver: SolverKind::ALL[solver],
            data: DataSet::ALL[data],
            direction: [Direction::ThereAndBack, Direction::Generate, Direction::Invert][direction],
            steps,
            shift,
            eta,
            particles: 60,
            ..Config::default()
        };
        // OLSS chooses among the levels of a schedule with a formula.
        prop_assume!(config.solver != SolverKind::Olss || !(config.schedule.is_searched() || config.schedule == ScheduleKind::Custom));
        prop_assert_eq!(Noise::check(&config), Ok(()));
        let list = search::levels(&config).unwrap();
        prop_assert!(list.windows(2).all(|w| w[0] > w[1]), "{:?}", list);
        let run = run(&config);
        prop_assert_eq!(run.frames().len(), run.timeline().steps.len());
        for frame in run.frames() {
            prop_assert!(frame.points.iter().all(|v| v.is_finite()), "a particle is lost");
            prop_assert_eq!(frame.points.len(), 120);
        }
        let shares: f64 = run.modes().iter().map(|m| m.share).sum();
        prop_assert!((shares - 1.0).abs() < 1e-12, "particles are lost: {}", shares);
        prop_assert!(run.story(schedlab::core::EntityId(7), 3.0).is_some());
    }
}

#[test]
fn the_same_config_gives_the_same_run_and_another_seed_another() {
    let (a, b) = (run(&small()), run(&small()));
    for (x, y) in a.frames().iter().zip(b.frames()) {
        assert_eq!(x.points, y.points, "level {}", x.level);
    }
    let other = run(&Config { seed: 2, ..small() });
    assert_ne!(a.frames()[0].points, other.frames()[0].points);
}

#[test]
fn a_particle_does_not_depend_on_how_many_there_are() {
    let few = run(&Config {
        particles: 60,
        ..small()
    });
    let many = run(&Config {
        particles: 900,
        ..small()
    });
    for (a, b) in few.frames().iter().zip(many.frames()) {
        assert_eq!(a.points[..], b.points[..120], "level {}", a.level);
    }
}

#[test]
fn ddim_without_noise_is_euler() {
    let a = run(&Config {
        solver: SolverKind::Ddim,
        ..small()
    });
    let b = run(&Config {
        solver: SolverKind::Euler,
        ..small()
    });
    assert_eq!(
        a.frames().last().unwrap().points,
        b.frames().last().unwrap().points
    );
}

#[test]
fn many_steps_bring_the_particles_to_the_truth() {
    for data in DataSet::ALL {
        let config = Config {
            data,
            steps: 80,
            particles: 1000,
            ..Config::default()
        };
        let run = run(&config);
        let h = run.headline();
        assert!(
            h.sliced < 2.0 * h.floor,
            "{data:?}: {} against {}",
            h.sliced,
            h.floor
        );
        // One of the 128 followed particles may sit on a watershed and change its mode.
        assert!(h.paired < 0.1, "{data:?}: paired error {}", h.paired);
        assert!(h.astray < 0.01, "{data:?}: {} astray", h.astray);
    }
}

#[test]
fn too_few_steps_are_seen_by_the_distance() {
    let good = run(&Config {
        steps: 40,
        ..small()
    });
    let bad = run(&Config {
        steps: 4,
        rho: 1.0,
        solver: SolverKind::Euler,
        ..small()
    });
    assert!(
        bad.headline().sliced > 2.0 * good.headline().sliced,
        "{} against {}",
        bad.headline().sliced,
        good.headline().sliced
    );
    assert!(
        bad.headline().paired > 5.0 * good.headline().paired,
        "paired error"
    );
}

#[test]
fn noising_there_and_back_starts_and_ends_at_data() {
    let r = run(&Config {
        steps: 60,
        ..small()
    });
    let first = &r.frames()[0];
    assert_eq!(first.level, r.problem().steps(), "clean");
    let noisy = &r.frames()[r.problem().forward_steps()];
    assert_eq!(noisy.level, 0, "noisiest in the middle");
    // The same noise carried along the exact flow ends elsewhere, but on the data again.
    let radius = |p: &[f32]| (p[0] * p[0] + p[1] * p[1]).sqrt();
    let end = r.frames().last().unwrap();
    for p in end.points.chunks_exact(2) {
        assert!((radius(p) - 1.0).abs() < 0.4, "{p:?} is off the ring");
    }
}

#[test]
fn table_spacings_differ_where_they_should() {
    let top = |spacing| {
        let config = Config {
            schedule: ScheduleKind::ScaledLinear,
            spacing,
            steps: 10,
            ..small()
        };
        levels(&config).unwrap()[0]
    };
    assert!(top(Visit::Leading) < top(Visit::Trailing));
    assert_eq!(top(Visit::Linspace), top(Visit::Trailing));
}

#[test]
fn a_job_reports_progress_that_never_falls() {
    let mut job = Noise::start(&small(), &Library::default()).unwrap();
    let mut before = 0.0;
    while let Step::Working = job.step().unwrap() {
        let now = job.progress();
        assert!(now >= before && now <= 1.0, "{before} then {now}");
        before = now;
    }
    assert!(before > 0.9, "{before}");
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let refused = |config: &Config, field: &str| {
        let error = Noise::start(config, &Library::default()).err().unwrap();
        assert_eq!(error.field(), Some(field), "{error}");
    };
    refused(
        &Config {
            steps: 0,
            ..Config::default()
        },
        "steps",
    );
    refused(
        &Config {
            sigma_min: 2.0,
            ..Config::default()
        },
        "sigma_min",
    );
    refused(
        &Config {
            rho: 0.0,
            ..Config::default()
        },
        "rho",
    );
    refused(
        &Config {
            mode_sd: f64::NAN,
            ..Config::default()
        },
        "mode_sd",
    );
    refused(
        &Config {
            custom: vec![0.0, 1.0],
            ..Config::default()
        },
        "custom",
    );
}

#[test]
fn every_claim_is_stored_with_its_measurement_and_quick_ones_come_out_again() {
    const QUICK: [&str; 3] = ["schedule-your-edit", "rodinhd-triplane", "cvdm"];
    for exhibit in Noise::exhibits() {
        let Some(claim) = exhibit.claim else { continue };
        let stored = stored_claims().iter().find(|c| c.id == exhibit.id);
        let result = &stored.unwrap_or_else(|| panic!("{}", exhibit.id)).result;
        assert!(result.seeds.len() >= 5, "{}", exhibit.id);
        assert!(
            result.measured.is_finite() && result.measured > 0.0,
            "{}",
            exhibit.id
        );
        assert!(
            result.interval[0] <= result.measured && result.measured <= result.interval[1],
            "{}: {:?}",
            exhibit.id,
            result.interval
        );
        if QUICK.contains(&exhibit.id) {
            let again = finish(&mut *(claim.start)(Effort::Quick)).unwrap();
            assert_eq!(again.in_six_digits(), *result, "{}", exhibit.id);
        }
    }
}

#[test]
fn a_run_is_saved_in_forms_that_other_programs_read() {
    let config = Config {
        schedule: ScheduleKind::Cosine,
        steps: 7,
        particles: 50,
        ..Config::default()
    };
    let plane = run(&config);
    let names: Vec<&str> = plane.files().iter().map(|f| f.1).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    let bytes = |name: &str| plane.file(names.iter().position(|n| *n == name).unwrap());
    let text = |name: &str| String::from_utf8(bytes(name)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text("sigmas.json")).unwrap();
    for (field, count) in [
        ("sigmas", 8),
        ("alphas", 8),
        ("alphas_cumprod", 8),
        ("timesteps", 7),
    ] {
        assert_eq!(json[field].as_array().unwrap().len(), count, "{field}");
    }
    // Trailing times of a thousand in sevenths, on the setup's own table.
    let first = json["timesteps"][0].as_f64().unwrap();
    assert!((first - 999.0).abs() < 1e-6, "{first}");
    for form in [
        "sigmas.json",
        "sigmas.py",
        "sigmas.txt",
        "scheduler_config.json",
    ] {
        let brought = Brought::recognise(&text(form)).unwrap_or_else(|| panic!("{form}"));
        let back = brought.levels(7).unwrap().sigmas;
        let part = exchange::first_difference(&plane.problem().levels, &back, 2e-4);
        assert_eq!(part, None, "{form}: {back:?}");
    }
    assert_eq!(text("sigmas.csv").lines().count(), 9);
    assert_eq!(bytes("strip.png")[..4], *b"\x89PNG");
    let drawn = run(&Config {
        schedule: ScheduleKind::Custom,
        ..config
    });
    assert_eq!(
        drawn.files().len(),
        6,
        "no library config of a drawn schedule"
    );
}

#[test]
fn a_list_that_is_brought_becomes_the_setup_exactly() {
    let list: Vec<f64> = (0..50).map(|i| 80.0 * 0.8_f64.powi(i)).collect();
    let text = format!("{list:?}");
    let data = schedlab::labs::sniff("list.txt", text.as_bytes()).unwrap();
    let key = schedlab::labs::DataKey::of("list.txt", text.as_bytes());
    let config = Noise::use_data(&Config::default(), &key, &data).unwrap();
    assert_eq!(Noise::check(&config), Ok(()));
    let levels = search::levels(&config).unwrap();
    assert_eq!(exchange::first_difference(&levels[..50], &list, 1e-9), None);
}
