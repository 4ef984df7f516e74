//! `schedlab noise speed`: the two hot loops of the noise lab against the clock.

use super::super::{OK, run, say};
use super::SpeedArgs;
use crate::core::Result;
use crate::labs::noise::data::DataSet;
use crate::labs::noise::images::ImageSet;
use crate::labs::noise::solver::SolverKind;
use crate::labs::noise::{Config, Direction, speed};
use crate::platform::now_secs;
use serde_json::{Value, json};

/// Noise level of the timed image denoiser.
const LEVEL: f64 = 0.5;

/// Seconds of the fastest of several runs.
fn fastest(repeat: usize, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..repeat.max(1) {
        let begun = now_secs();
        work()?;
        best = best.min(now_secs() - begun);
    }
    Ok(best)
}

pub(super) fn speed(args: &SpeedArgs) -> Result<u8> {
    let config = Config {
        data: DataSet::Grid9,
        solver: SolverKind::Ddim,
        direction: Direction::Generate,
        particles: args.particles,
        steps: args.steps,
        ..Config::default()
    };
    let sets = [
        ("digits", ImageSet::digits(1797, 0.0)?),
        ("shapes", ImageSet::shapes(1, 2000, 0.0)?),
    ];
    let rates = |work: f64, secs: f64| json!({ "seconds": secs, "per_second": work / secs });
    let steps = (args.particles * args.steps) as f64;
    let mut calls = 0;
    let secs = fastest(args.repeat, || {
        calls = speed::particles(&config)?.1;
        Ok(())
    })?;
    let mut out = json!({
        "particles": args.particles,
        "steps": args.steps,
        "calls": calls,
        "components": 9,
        "cpu": { "particle_steps": rates(steps, secs) },
    });
    for (name, set) in &sets {
        let queries = speed::queries(set, args.images, LEVEL);
        let secs = fastest(args.repeat, || {
            std::hint::black_box(speed::denoise(set, &queries, LEVEL));
            Ok(())
        })?;
        out["cpu"][name] = rates((args.images * set.len()) as f64, secs);
    }
    if args.gpu {
        out["gpu"] = on_device(args, &config, &sets)?;
    }
    say(&run::pretty(&out));
    Ok(OK)
}

#[cfg(not(feature = "gpu"))]
fn on_device(_: &SpeedArgs, _: &Config, _: &[(&str, ImageSet)]) -> Result<Value> {
    Ok(Value::Null)
}

#[cfg(feature = "gpu")]
fn on_device(args: &SpeedArgs, config: &Config, sets: &[(&str, ImageSet)]) -> Result<Value> {
    use crate::gpu::{Gpu, ImageDenoiser};
    use crate::labs::noise::gpu::{denoise_on_device, particles_on_device};

    let gpu = Gpu::headless()?;
    let rates = |work: f64, secs: f64| json!({ "seconds": secs, "per_second": work / secs });
    let steps = (args.particles * args.steps) as f64;
    let secs = fastest(args.repeat, || {
        particles_on_device(&gpu, config).map(|_| ())
    })?;
    let mut out = json!({ "particle_steps": rates(steps, secs) });
    for (name, set) in sets {
        let queries: Vec<f32> = speed::queries(set, args.images, LEVEL)
            .iter()
            .map(|v| *v as f32)
            .collect();
        let rows: Vec<f32> = (0..set.len())
            .flat_map(|i| set.image(i).iter().map(|v| *v as f32))
            .collect();
        let mut denoiser = ImageDenoiser::new(&gpu, &rows, set.pixels())?;
        let secs = fastest(args.repeat, || {
            denoise_on_device(&gpu, &mut denoiser, &queries, LEVEL).map(|_| ())
        })?;
        out[name] = rates((args.images * set.len()) as f64, secs);
    }
    Ok(out)
}
