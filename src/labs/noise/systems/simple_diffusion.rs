//! Schedules shifted by the resolution. Hoogeboom, Heek, Salimans: "simple diffusion: End-to-end
//! diffusion for high resolution images" (arXiv 2301.11093).

use crate::core::rng::{Stream, StreamId};
use crate::core::{Job, Result, Step, Verdict};
use crate::labs::noise::claims::{JobPerSeed, Number, ratio_verdict};
use crate::labs::noise::gaussian::Work;
use crate::labs::noise::{Config, Noise, World, schedule::ScheduleKind, solver::SolverKind};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

/// The cosine schedule on a field, tuned at the smallest side.
fn cosine() -> Config {
    Config {
        world: World::Fields,
        schedule: ScheduleKind::LogSnrCosine,
        solver: SolverKind::Ddim,
        steps: 20,
        ..Config::default()
    }
}

/// A field of one seed: its exponent is drawn from 2 to 3.
fn drawn(seed: u64) -> Result<Number> {
    let exponent = 2.0 + Stream::new(seed, StreamId::Data).uniform();
    let config = Config {
        seed,
        exponent,
        ..cosine()
    };
    Ok(Box::new(MovedOverPlain(Work::new(&config)?)))
}

/// Exact distance at the largest side with moved levels over that with the levels as they are.
struct MovedOverPlain(Work);

impl Job for MovedOverPlain {
    type Out = f64;

    fn step(&mut self) -> Result<Step<f64>> {
        Ok(match self.0.step()? {
            Step::Working => Step::Working,
            Step::Done(run) => {
                let [_, plain, moved] = run.ends();
                Step::Done(moved.w2 / plain.w2)
            }
        })
    }

    fn progress(&self) -> f64 {
        self.0.progress()
    }
}

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "Gaussian fields of 64 x 64 pixels with spectra frequency^-a, a from 2 to 3, cosine schedule, 20 DDIM calls of the exact denoiser; the shift is the paper's 2 ln(16 / 64). A closed form, so the interval is that over fields. Networks and images are not tested.",
    )
}

const MOVED: JobPerSeed = JobPerSeed {
    quantity: "exact W2 to the field at side 64, cosine schedule shifted from side 16 over unshifted, 20 calls",
    unit: "×",
    start: drawn,
    judge,
};

/// The exhibit.
pub(super) static SIMPLE_DIFFUSION: Exhibit = Exhibit {
    id: "simple-diffusion",
    lab: Noise::KIND,
    title: "Resolution shift (simple diffusion)",
    idea: "Neighbouring pixels of a large image repeat each other, so the same noise per pixel hides less of the picture. Lower the log-SNR by 2 ln of the ratio of the sides.",
    paper: Paper {
        title: "simple diffusion: End-to-end diffusion for high resolution images",
        authors: "Hoogeboom, Heek, Salimans",
        year: 2023,
        arxiv: "2301.11093",
    },
    basis: Basis::Code,
    deviations: "Formula as in k-diffusion. The field is Gaussian with a known spectrum, so that the best denoiser is a Wiener filter and the law of the samples is exact; the paper's other parts (architecture, dropout, multiscale loss) are not part of this.",
    equation: "lambda_d(t) = lambda(t) + 2 ln(d0 / d), that is s' = s d / d0;  D = n^2 c^2 / (n^2 c^2 + s^2) X for every mode",
    symbols: &[
        (
            "d, d0",
            "side of the image, and the side the schedule was tuned at",
        ),
        ("lambda", "power log-SNR of a pixel"),
        ("c^2", "power of a mode; n x n pixels see n^2 times as much"),
    ],
    setup: || Setup::Noise(cosine()),
    claim: Some(Claim {
        statement: "For high resolution images the noise schedule should be shifted by the resolution: without it generation suffers.",
        experiment: "Gaussian fields at side 64 (one exponent per seed): exact distance of the sampler's law from the field's with the cosine schedule shifted from side 16, over that without the shift, at the same calls.",
        start: |effort| MOVED.start(effort),
    }),
};
