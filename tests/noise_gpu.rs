//! The noise lab on a device against the same setups on the CPU. `ALLOW_NO_GPU=1` skips, visibly.
#![cfg(feature = "gpu")]

use schedlab::core::finish;
use schedlab::gpu::{Gpu, GpuLab, finish_gpu};
use schedlab::labs::noise::solver::SolverKind;
use schedlab::labs::noise::{Config, Noise};
use schedlab::labs::{Lab, LabRun, Library};

fn gpu() -> Option<Gpu> {
    match Gpu::headless() {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var("ALLOW_NO_GPU").is_ok_and(|v| v == "1") => {
            println!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}; install a Vulkan driver or set ALLOW_NO_GPU=1"),
    }
}

#[test]
fn particles_stepped_on_the_device_follow_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let data = Library::default();
    for (solver, eta) in [
        (SolverKind::Euler, 0.0),
        (SolverKind::Ddim, 0.7),
        (SolverKind::Heun, 0.0),
    ] {
        let config = Config {
            solver,
            eta,
            steps: 12,
            particles: 700,
            ..Config::default()
        };
        let cpu = finish(&mut *Noise::start(&config, &data).unwrap()).unwrap();
        let mut job = Noise::start_gpu(&gpu, &config, &data).unwrap().unwrap();
        let device = finish_gpu(&mut *job, &gpu).unwrap();
        let (cpu, device) = (cpu.plane().unwrap(), device.plane().unwrap());
        assert_eq!(cpu.frames().len(), device.frames().len());
        for (k, (a, b)) in cpu.frames().iter().zip(device.frames()).enumerate() {
            let mut off: Vec<f32> = a
                .points
                .iter()
                .zip(b.points.iter())
                .map(|(a, b)| (a - b).abs())
                .collect();
            off.sort_by(f32::total_cmp);
            // A particle on a watershed may fall the other way; all others agree closely.
            let most = off[off.len() * 99 / 100];
            assert!(most < 2e-3, "{solver:?}, frame {k}: 99 % within {most}");
        }
        assert_eq!(cpu.headline().calls, device.headline().calls, "{solver:?}");
        let (a, b) = (cpu.headline().sliced, device.headline().sliced);
        assert!((a - b).abs() < 0.02, "{solver:?}: distance {a} against {b}");
        assert_eq!(cpu.metrics().len(), device.metrics().len());
    }
}

#[test]
fn solvers_without_a_kernel_stay_on_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let config = Config {
        solver: SolverKind::UniPc,
        ..Config::default()
    };
    let job = Noise::start_gpu(&gpu, &config, &Library::default()).unwrap();
    assert!(job.is_none());
}
