//! What jobs cost the device while they run, alone and together.

use super::test_device;
use super::test_looks::steady_looks;
use schedlab::core::Step;
use schedlab::gpu::kernels::{ALL, Axpb, AxpbParams};
use schedlab::gpu::{Dispatch, Gpu, GpuJob, GpuLab, WarmUp, finish_gpu};
use schedlab::labs::lr::schedule::Shape;
use schedlab::labs::{LabRun, Library, lr, noise, pruning, routing};

type Job<L> = Box<dyn GpuJob<Out = <L as schedlab::labs::Lab>::Run>>;

fn start<L: GpuLab>(gpu: &Gpu, config: &L::Config) -> Job<L> {
    let job = L::start_gpu(gpu, config, &Library::default()).expect("a config");
    job.expect("kernels for this config")
}

fn plane() -> noise::Config {
    noise::Config {
        particles: 12_000,
        steps: 12,
        ..noise::Config::default()
    }
}

fn images() -> noise::Config {
    noise::Config {
        world: noise::World::Images,
        solver: noise::solver::SolverKind::Ddim,
        training_images: 150,
        steps: 6,
        ..noise::Config::default()
    }
}

fn digits(shape: Shape) -> lr::Config {
    lr::Config {
        shape,
        rivals: false,
        grid: 1,
        seeds: 2,
        horizon: 60,
        ..lr::Config::default()
    }
}

fn tokens() -> routing::Config {
    routing::Config {
        tokens: 256,
        batches: 6,
        ..routing::Config::default()
    }
}

fn masks() -> pruning::Config {
    pruning::Config {
        hidden1: 20,
        hidden2: 12,
        train_steps: 30,
        ..pruning::Config::default()
    }
}

/// The second run of a config; the first one compiles, and fills the pool of staging buffers.
fn steady<L: GpuLab>(gpu: &Gpu, name: &str, config: &L::Config) {
    finish_gpu(&mut *start::<L>(gpu, config), gpu).expect("a run");
    let mut job = start::<L>(gpu, config);
    steady_looks(gpu, name, || {
        matches!(job.poll(gpu).expect("a run"), Step::Done(_))
    });
}

#[test]
fn a_look_at_a_run_on_the_device_hands_over_once_and_makes_no_buffers() {
    let Some(gpu) = test_device() else { return };
    steady::<noise::Noise>(&gpu, "particles", &plane());
    steady::<noise::Noise>(&gpu, "images", &images());
    steady::<lr::Lr>(&gpu, "schedules", &digits(Shape::Linear));
    steady::<lr::Lr>(&gpu, "Schedule-Free", &digits(Shape::ScheduleFree));
    steady::<routing::Routing>(&gpu, "routing", &tokens());
    steady::<pruning::Pruning>(&gpu, "masks", &masks());
}

/// A job of any lab, and its run.
struct Any<L: GpuLab>(Job<L>, Option<L::Run>);

trait Look {
    fn look(&mut self, gpu: &Gpu) -> bool;
}

impl<L: GpuLab> Look for Any<L> {
    fn look(&mut self, gpu: &Gpu) -> bool {
        if self.1.is_none()
            && let Step::Done(run) = self.0.poll(gpu).expect("a run")
        {
            self.1 = Some(run);
        }
        self.1.is_some()
    }
}

/// Runs of four labs, the jobs of which are looked at so many times a frame; the most submissions of
/// a frame.
fn together(gpu: &Gpu, looks: usize) -> (noise::Run, [String; 3], u64) {
    let mut plane = Any::<noise::Noise>(start::<noise::Noise>(gpu, &plane()), None);
    let mut digits = Any::<lr::Lr>(start::<lr::Lr>(gpu, &digits(Shape::Linear)), None);
    let mut tokens = Any::<routing::Routing>(start::<routing::Routing>(gpu, &tokens()), None);
    let mut masks = Any::<pruning::Pruning>(start::<pruning::Pruning>(gpu, &masks()), None);
    let mut most = 0;
    let mut done = false;
    while !done {
        let before = gpu.made().submissions;
        let frame = gpu.frame();
        for _ in 0..looks {
            let jobs: [&mut dyn Look; 4] = [&mut plane, &mut digits, &mut tokens, &mut masks];
            done = true;
            for job in jobs {
                done &= job.look(gpu);
            }
        }
        drop(frame);
        most = most.max(gpu.made().submissions - before);
        gpu.wait().expect("a device");
    }
    let words = |metrics: Vec<schedlab::core::Metric>| format!("{metrics:?}");
    (
        plane.1.expect("a run"),
        [
            words(digits.1.expect("a run").metrics()),
            words(tokens.1.expect("a run").metrics()),
            words(masks.1.expect("a run").metrics()),
        ],
        most,
    )
}

#[test]
fn jobs_of_a_frame_share_a_submission_and_no_bit_depends_on_it() {
    let Some(gpu) = test_device() else { return };
    let alone = finish_gpu(&mut *start::<noise::Noise>(&gpu, &plane()), &gpu).expect("a run");
    let (first, words, most) = together(&gpu, 1);
    assert_eq!(most, 1, "submissions of a frame");
    // What is written before commands that wait have run hands them over first.
    let (again, same, _) = together(&gpu, 5);
    assert_eq!(words, same, "five looks a frame");
    for run in [&first, &again] {
        let (a, b) = (
            alone.plane().expect("a plane"),
            run.plane().expect("a plane"),
        );
        assert_eq!(a.frames().len(), b.frames().len());
        for (k, (a, b)) in a.frames().iter().zip(b.frames()).enumerate() {
            assert!(a.points == b.points, "frame {k} differs");
        }
    }
}

#[test]
fn a_write_comes_after_the_commands_that_wait_for_the_end_of_a_frame() {
    let Some(gpu) = test_device() else { return };
    let params = |a: f32| AxpbParams {
        a,
        b: 1.0,
        quads: 1,
        pad0: 0,
    };
    let buffer = |name, v: f32| gpu.storage(name, &[v; 4]).expect("a buffer");
    let (x, y, other) = (buffer("x", 1.0), buffer("y", 0.0), buffer("other", 0.0));
    let dispatch = Dispatch::<Axpb>::new(&gpu, &params(2.0), 1, &[&x, &y]).expect("a dispatch");
    let submit = || {
        let mut batch = gpu.batch("test");
        let ticket = batch.add(&dispatch).read::<f32>(&y, 0..4).expect("a range");
        batch.submit().expect("a device");
        ticket
    };
    let before = gpu.made().submissions;
    let frame = gpu.frame();
    let first = submit();
    gpu.write(&other, &[7.0_f32; 4]);
    assert_eq!(gpu.made().submissions, before, "nobody uses that buffer");
    dispatch.set_params(&gpu, &params(3.0));
    assert_eq!(gpu.made().submissions, before + 1, "the first goes out");
    let second = submit();
    gpu.write(&x, &[2.0_f32; 4]);
    let third = submit();
    drop(frame);
    assert_eq!(gpu.made().submissions, before + 3);
    let values = [first, second, third].map(|ticket| ticket.wait().expect("values"));
    assert_eq!(values, [[3.0; 4], [4.0; 4], [7.0; 4]]);
    // Outside of a frame nothing waits.
    assert_eq!(submit().wait().expect("values"), [7.0; 4]);
    assert_eq!(gpu.made().submissions, before + 4);
}

#[test]
fn a_device_that_is_lost_within_a_frame_ends_it_quietly() {
    let Some(gpu) = test_device() else { return };
    let x = gpu.storage("x", &[1.0_f32; 4]).expect("a buffer");
    let frame = gpu.frame();
    let mut batch = gpu.batch("test");
    let ticket = batch.read::<f32>(&x, 0..4).expect("a range");
    batch.submit().expect("it waits");
    gpu.device().destroy();
    gpu.device().poll(wgpu::PollType::Poll).ok();
    drop(frame);
    assert!(gpu.lost(), "the callback came");
    let error = ticket.wait().expect_err("no values").to_string();
    assert!(error.contains("lost"), "{error}");
}

#[test]
fn kernels_that_were_warmed_up_are_not_compiled_again() {
    let Some(gpu) = test_device() else { return };
    let mut warm_up = WarmUp::default();
    let mut looks = 0;
    loop {
        let before = gpu.made();
        let frame = gpu.frame();
        let more = warm_up.poll(&gpu).expect("every kernel takes zeros");
        drop(frame);
        let after = gpu.made();
        assert!(after.submissions - before.submissions <= 1);
        assert!(after.pipelines - before.pipelines <= 1, "one a look");
        if !more {
            break;
        }
        looks += 1;
        gpu.wait().expect("a device");
    }
    assert_eq!(looks, ALL.len());
    assert_eq!(gpu.made().pipelines, ALL.len() as u64);
    assert!(gpu.fault().is_none(), "{:?}", gpu.fault());
    let run = finish_gpu(&mut *start::<noise::Noise>(&gpu, &plane()), &gpu).expect("a run");
    assert!(!run.metrics().is_empty());
    finish_gpu(&mut *start::<pruning::Pruning>(&gpu, &masks()), &gpu).expect("a run");
    assert_eq!(gpu.made().pipelines, ALL.len() as u64, "all were there");
}
