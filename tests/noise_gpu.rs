//! The noise lab on a device against the same setups on the CPU. `ALLOW_NO_GPU=1` skips, visibly.
#![cfg(feature = "gpu")]

#[path = "../src/gpu/test_device.rs"]
mod device;

use device::test_device;
use schedlab::core::finish;
use schedlab::gpu::{Gpu, GpuLab, finish_gpu};
use schedlab::labs::noise::solver::SolverKind;
use schedlab::labs::noise::{Config, Noise};
use schedlab::labs::{Lab, LabRun, Library};

#[test]
fn particles_stepped_on_the_device_follow_those_of_the_cpu() {
    let Some(gpu) = test_device() else { return };
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
    let Some(gpu) = test_device() else { return };
    let config = Config {
        solver: SolverKind::UniPc,
        ..Config::default()
    };
    let job = Noise::start_gpu(&gpu, &config, &Library::default()).unwrap();
    assert!(job.is_none());
}

#[test]
fn wide_images_in_chunks_and_slices_equal_the_twin() {
    use schedlab::core::rng::{Stream, StreamId};
    use schedlab::gpu::ImageDenoiser;
    use schedlab::gpu::kernels::image_denoise_cpu;
    let Some(gpu) = test_device() else { return };
    let mut draws = Stream::new(3, StreamId::Test);
    let mut values = |n: usize| -> Vec<f32> { (0..n).map(|_| 0.5 * draws.normal_f32()).collect() };
    for (width, rows, queries) in [(256, 203, 70), (64, 500, 3), (100, 1, 65), (64, 40, 0)] {
        let (data, points) = (values(width * rows), values(width * queries));
        let want = image_denoise_cpu(&data, width, &points, 0.1);
        for chunk in [7, 64, 1000] {
            let mut denoiser = ImageDenoiser::new(&gpu, &data, width).unwrap();
            denoiser.limit_rows(chunk);
            let got = denoiser.denoise(&gpu, &points, 0.1).unwrap();
            assert_eq!(got.len(), queries);
            for (g, w) in got.iter().zip(&want) {
                assert_eq!(g.best, w.best, "width {width}, chunks of {chunk}");
                assert!((g.weight - w.weight).abs() < 1e-3 * w.weight);
                for (a, b) in g.sum.iter().zip(&w.sum) {
                    let (a, b) = (a / g.weight, b / w.weight);
                    assert!((a - b).abs() < 5e-4, "width {width}: {a} {b}");
                }
            }
        }
    }
    assert!(ImageDenoiser::new(&gpu, &[0.0; 6], 6).is_err(), "no fours");
}

#[test]
fn images_denoised_on_the_device_are_those_of_the_cpu() {
    use schedlab::labs::noise::{Run, World};
    let Some(gpu) = test_device() else { return };
    let data = Library::default();
    for bandwidth in [0.0, 0.3] {
        let config = Config {
            world: World::Images,
            solver: SolverKind::Ddim,
            training_images: 150,
            steps: 10,
            bandwidth,
            ..Config::default()
        };
        let cpu = finish(&mut *Noise::start(&config, &data).unwrap()).unwrap();
        let mut job = Noise::start_gpu(&gpu, &config, &data).unwrap().unwrap();
        let device = finish_gpu(&mut *job, &gpu).unwrap();
        let (Run::Images(cpu), Run::Images(device)) = (cpu, device) else {
            panic!("runs of images");
        };
        let mut same = 0;
        for (a, b) in cpu.images().iter().zip(device.images()) {
            assert_eq!(a.frames.len(), b.frames.len());
            assert_eq!(a.beliefs.len(), b.beliefs.len());
            same += usize::from(a.nearest == b.nearest);
        }
        // A sample on a watershed may fall the other way.
        assert!(same + 1 >= cpu.images().len(), "{same} samples agree");
        assert!((cpu.distance() - device.distance()).abs() < 5e-3);
    }
}
