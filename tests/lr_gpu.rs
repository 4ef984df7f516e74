//! The learning-rate lab on a device against the same setups on the CPU. `ALLOW_NO_GPU=1` skips,
//! visibly.
#![cfg(feature = "gpu")]

#[path = "../src/gpu/test_device.rs"]
mod device;

use device::test_device;
use schedlab::core::finish;
use schedlab::gpu::{Gpu, GpuLab, finish_gpu};
use schedlab::labs::lr::schedule::Shape;
use schedlab::labs::lr::{Config, Lr, Problem, Rule};
use schedlab::labs::{Lab, LabRun, Library};

fn close(a: f64, b: f64, share: f64) -> bool {
    (a - b).abs() <= share * b.abs()
}

#[test]
fn another_beta2_in_the_cooldown_is_left_to_the_cpu() {
    let Some(gpu) = test_device() else { return };
    let data = Library::default();
    let plain = Config {
        shape: Shape::Wsd,
        horizon: 20,
        ..Config::default()
    };
    let raised = Config {
        cooldown_beta2: 0.999,
        ..plain.clone()
    };
    let starts = |config: &Config| Lr::start_gpu(&gpu, config, &data).unwrap().is_some();
    assert!(starts(&plain) && !starts(&raised));
}

#[test]
fn a_sweep_on_the_device_ends_at_the_losses_of_the_cpu() {
    let Some(gpu) = test_device() else { return };
    let data = Library::default();
    for (rule, peak, weight_decay, batch) in
        [(Rule::AdamW, 1e-2, 0.1, 32), (Rule::Sgd, 0.05, 1e-4, 13)]
    {
        let config = Config {
            rule,
            peak,
            weight_decay,
            batch,
            shape: Shape::Linear,
            rivals: false,
            grid: 1,
            seeds: 2,
            horizon: 150,
            ..Config::default()
        };
        let cpu = finish(&mut *Lr::start(&config, &data).unwrap()).unwrap();
        let mut job = Lr::start_gpu(&gpu, &config, &data).unwrap().unwrap();
        let device = finish_gpu(&mut *job, &gpu).unwrap();
        assert!((job.progress() - 1.0).abs() < 1e-9);
        assert_eq!((cpu.cells.len(), device.cells.len()), (3, 3));
        let mut computed = 0;
        for (a, b) in device.cells.iter().zip(cpu.cells.iter()) {
            assert_eq!((a.offset, a.curves.len()), (b.offset, b.curves.len()));
            for (k, (a, b)) in a.curves.iter().zip(&b.curves).enumerate() {
                let what = format!("{rule:?}, seed {k}: {} for {}", a.final_loss, b.final_loss);
                println!("{what}");
                assert_eq!((a.seed, a.diverged), (b.seed, b.diverged), "{what}");
                assert!(close(a.final_loss, b.final_loss, 0.01), "{what}");
                assert!((a.accuracy - b.accuracy).abs() < 0.01, "{what}");
                let [start, first] = [b.loss[0][1], a.loss[0][1]];
                assert!(close(first, start, 1e-4), "{what}: {first} for {start}");
                assert!(
                    b.final_loss < start - 0.1,
                    "{what}: it learned from {start}"
                );
                let steps = |c: &[[f64; 2]]| c.iter().map(|p| p[0]).collect::<Vec<_>>();
                assert_eq!(steps(&a.loss), steps(&b.loss), "{what}");
                assert_eq!(steps(&a.gradient), steps(&b.gradient), "{what}");
                computed += usize::from(a.final_loss.to_bits() != b.final_loss.to_bits());
            }
        }
        assert!(computed > 0, "not one run came from the device");
        // The run that can be visited is the one on the CPU, to the bit.
        let [a, b] = [&device, &cpu].map(|run| {
            let last = run.recording.as_ref().unwrap().at(config.horizon);
            (last.net, run.chosen().unwrap().curves[0].final_loss)
        });
        assert_eq!(a, b);
        assert_eq!(device.metrics().len(), cpu.metrics().len());
    }
}

#[test]
fn schedule_free_on_the_device_ends_at_the_losses_of_the_cpu() {
    let Some(gpu) = test_device() else { return };
    let data = Library::default();
    for (rule, peak, weight_decay, seeds) in
        [(Rule::AdamW, 1e-2, 0.1, 2), (Rule::Sgd, 0.1, 1e-4, 1)]
    {
        let config = Config {
            rule,
            peak,
            weight_decay,
            momentum: 0.5,
            batch: 16,
            shape: Shape::ScheduleFree,
            rivals: rule == Rule::Sgd,
            grid: 1,
            seeds,
            horizon: 100,
            ..Config::default()
        };
        let cpu = finish(&mut *Lr::start(&config, &data).unwrap()).unwrap();
        let mut job = Lr::start_gpu(&gpu, &config, &data).unwrap().unwrap();
        let device = finish_gpu(&mut *job, &gpu).unwrap();
        assert!((job.progress() - 1.0).abs() < 1e-9);
        assert_eq!(device.cells.len(), cpu.cells.len());
        assert_eq!(device.cells.len(), 3 * config.shapes().len());
        let mut computed = 0;
        for (a, b) in device.cells.iter().zip(cpu.cells.iter()) {
            assert_eq!((a.shape(), a.offset), (b.shape(), b.offset));
            assert_eq!([a.curves.len(), b.curves.len()], [seeds as usize; 2]);
            for (a, b) in a.curves.iter().zip(&b.curves) {
                let what = format!("{rule:?}: {} for {}", a.final_loss, b.final_loss);
                assert_eq!((a.seed, a.diverged), (b.seed, b.diverged), "{what}");
                assert!(close(a.final_loss, b.final_loss, 0.01), "{what}");
                assert!(close(a.loss[0][1], b.loss[0][1], 1e-4), "{what}");
                assert!(b.final_loss < b.loss[0][1] - 0.1, "{what}: it learned");
                computed += usize::from(a.final_loss.to_bits() != b.final_loss.to_bits());
            }
        }
        assert!(computed > 3, "{computed} runs came from the device");
        // The watched run is the one of the CPU, with the losses of x, y and z.
        let [a, b] = [&device, &cpu].map(|run| &run.chosen().unwrap().curves[0]);
        assert_eq!((a.final_loss, &a.traces), (b.final_loss, &b.traces));
        assert_eq!(a.traces.len(), 3);
    }
}

#[test]
fn problems_without_a_kernel_stay_on_the_cpu() {
    let Some(gpu) = test_device() else { return };
    let large = Config {
        batch: 33,
        ..Config::default()
    };
    let exact = Config::default().with_problem(Problem::Quadratic);
    let law = Config::default().with_problem(Problem::Law);
    for config in [large, exact, law] {
        let job = Lr::start_gpu(&gpu, &config, &Library::default()).unwrap();
        assert!(job.is_none(), "{config:?}");
    }
}
