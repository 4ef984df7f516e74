use super::super::optimal::euler_std_ratio;
use super::super::schedule::ScheduleKind;
use super::super::solver::SolverKind;
use super::super::{Config, World};
use super::response::Response;
use super::*;
use crate::core::{finish, num};
use crate::labs::LabRun as _;
use std::sync::Arc;

fn small() -> Config {
    Config {
        world: World::Fields,
        field_side: 8,
        solver: SolverKind::Ddim,
        steps: 10,
        ..Config::default()
    }
}

fn run(config: &Config) -> FieldRun {
    finish(&mut Work::new(config).unwrap()).unwrap()
}

#[test]
fn pixels_have_variance_one_and_all_modes_are_counted() {
    for spectrum in Spectrum::ALL {
        for field_detail in [false, true] {
            let field = Field::new(&Config {
                spectrum,
                field_detail,
                ..small()
            });
            assert!((field.variance(8) - 1.0).abs() < 1e-12);
            let more = field.variance(32) - 1.0;
            assert_eq!(more > 1e-3, field_detail, "{spectrum:?}: {more}");
            for side in [8, 16] {
                let kinds = field.kinds(side);
                let count: f64 = kinds.iter().map(|k| k.count).sum();
                assert_eq!(count, (side * side) as f64);
                let power: f64 = kinds.iter().map(|k| k.count * k.deviation.powi(2)).sum();
                let all: f64 = field.deviations(side).iter().map(|d| d * d).sum();
                assert!((power / all - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn without_new_detail_the_deciding_level_moves_by_the_side_exactly() {
    let config = Config {
        field_detail: false,
        ..small()
    };
    let smooth = run(&config);
    assert!((smooth.moved() - 2.0 * num::ln(4.0)).abs() < 1e-9);
    let rough = run(&small());
    assert!(rough.moved() < smooth.moved() - 0.05, "{}", rough.moved());
    // The moved schedule at a larger side does to the shared modes what the schedule does at the
    // smallest, whatever the detail.
    for r in [&smooth, &rough] {
        let [a, b] = [0, 5].map(|p| &r.panels()[p].arrived);
        for x in a.iter().filter(|x| x[0] < 7.0) {
            let y = b.iter().find(|y| y[0] == x[0] && y[1] > 0.0).unwrap();
            assert!((x[2] / y[2] - 1.0).abs() < 1e-9, "{x:?} {y:?}");
        }
    }
}

#[test]
fn euler_on_a_mode_is_the_product_of_its_factors() {
    let field = Field::new(&small());
    let levels: Arc<[f64]> = super::super::grids::karras(10, 0.05, 40.0, 7.0).into();
    let kinds = field.kinds(8);
    let mut r = Response::new(SolverKind::Euler, 0.0, levels.clone(), kinds.clone());
    while r.advance() {}
    let (ends, _) = r.finish();
    for (kind, v) in kinds.iter().zip(&ends) {
        let c2 = kind.deviation.powi(2);
        // The closed form starts from N(0, c^2 + s^2), the sampler from N(0, s^2).
        let start = levels[0].powi(2) / (c2 + levels[0].powi(2));
        let want =
            euler_std_ratio(kind.deviation, &levels).powi(2) * (c2 + levels[9].powi(2)) * start;
        assert!((v / want - 1.0).abs() < 1e-10, "{kind:?}: {v} {want}");
    }
}

#[test]
fn ancestral_sampling_has_the_variance_of_its_recursion() {
    let field = Field::new(&small());
    let levels: Arc<[f64]> = super::super::grids::exponential(12, 0.05, 40.0).into();
    let kinds = field.kinds(8);
    let mut r = Response::new(SolverKind::Ddim, 1.0, levels.clone(), kinds.clone());
    while r.advance() {}
    let (ends, _) = r.finish();
    for (kind, got) in kinds.iter().zip(&ends) {
        let c2 = kind.deviation.powi(2);
        let mut v = levels[0].powi(2);
        for w in levels.windows(2) {
            let q = (w[1] / w[0]).powi(2);
            let gain = q + (1.0 - q) * c2 / (c2 + w[0] * w[0]);
            v = gain * gain * v + w[1] * w[1] * (1.0 - q);
        }
        assert!((got / v - 1.0).abs() < 1e-10, "{kind:?}: {got} {v}");
    }
}

#[test]
fn every_solver_comes_near_the_field_with_many_steps_and_is_finite_with_few() {
    for solver in SolverKind::ALL {
        if solver == SolverKind::Olss {
            continue;
        }
        for (steps, near) in [(1, f64::INFINITY), (60, 0.12)] {
            let config = Config {
                solver,
                steps,
                eta: 0.5,
                sigma_max: 200.0,
                field_side: 4,
                ..small()
            };
            let run = run(&config);
            for moment in run.ends() {
                assert!(moment.kl.is_finite(), "{solver:?} {steps}");
                assert!(moment.w2 < near, "{solver:?} {steps}: {moment:?}");
            }
            assert!(run.story(crate::core::EntityId(5), 1.0).is_some());
        }
    }
}

#[test]
fn the_optimal_schedule_is_searched_on_the_field() {
    let at = |schedule| {
        let config = Config {
            schedule,
            sigma_min: 0.02,
            objective_p: 2.0,
            ..small()
        };
        run(&config).ends()[0].w2
    };
    let (best, karras) = (at(ScheduleKind::Optimal), at(ScheduleKind::Edm));
    assert!(best < karras, "{best} {karras}");
    for schedule in [ScheduleKind::StepsizeDistillation, ScheduleKind::Optimal] {
        let config = Config {
            schedule,
            ..small()
        };
        let refused = schedule == ScheduleKind::StepsizeDistillation;
        assert_eq!(config.check().is_err(), refused, "{schedule:?}");
    }
}
