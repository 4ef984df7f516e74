//! The principle behind the Laplace density, with the centre where these data are decided. Hang et
//! al.: "Improved Noise Schedule for Diffusion Training" (arXiv 2407.03297).

use crate::core::Verdict;
use crate::labs::noise::claims::{JobPerSeed, ratio_verdict};
use crate::labs::noise::training::{Contest, Density};
use crate::labs::noise::{Config, Noise, data::DataSet};
use crate::labs::{Basis, Claim, Exhibit, Lab, Paper, Setup};

/// Centre and width of the density.
const CENTRE: [f64; 2] = [3.0, 2.0];

fn judge(mean: f64, interval: [f64; 2]) -> (Verdict, String) {
    ratio_verdict(
        mean,
        interval,
        0.9,
        "The networks, data and updates of the experiment with the published density; only centre and width differ. Points in the plane of unit size with narrow modes are decided at a log-SNR near 3; images, scaled as usual, nearer 0. One width for all three data sets, not searched for each.",
    )
}

const TRAINED: JobPerSeed = JobPerSeed {
    quantity: "divergence that a trained network adds (excess error over the exact denoiser, integrated over s^-2 dln s), Laplace(3, 2) over cosine density of its training levels",
    unit: "×",
    start: |seed| {
        Ok(Box::new(Contest::new(
            [Density::Laplace(CENTRE[0], CENTRE[1]), Density::Cosine],
            seed,
        )))
    },
    judge,
};

/// The exhibit.
pub(super) static LAPLACE_CENTRED: Exhibit = Exhibit {
    id: "laplace-centred",
    lab: Noise::KIND,
    title: "Laplace density, centred on the data",
    idea: "The principle without the constant: the peak of the density belongs where the posterior decides, which depends on the scale of the data; wide tails keep the extremes trained.",
    paper: Paper {
        title: "Improved Noise Schedule for Diffusion Training",
        authors: "Hang, Gu, Geng, Guo",
        year: 2024,
        arxiv: "2407.03297",
    },
    basis: Basis::Secondary,
    deviations: "Centre 3 and width 2 are ours, for mixtures in the plane; the paper has 0 and 0.5 for images. Scaling the data by e^(mu / 2) and leaving the centre at 0 is the same density.",
    equation: "p(lambda) = e^(-|lambda - mu| / b) / (2 b), mu where d mmse / d lambda is largest",
    symbols: &[
        ("lambda", "power log-SNR"),
        ("mu, b", "centre and width"),
        (
            "mmse",
            "smallest mean squared error of any denoiser at that level",
        ),
    ],
    setup: || {
        Setup::Noise(Config {
            data: DataSet::Spiral,
            mode_sd: 0.03,
            ..super::hang::laplace(CENTRE[0], CENTRE[1])
        })
    },
    claim: Some(Claim {
        statement: "Training levels concentrated where the data are decided train better than the cosine schedule.",
        experiment: "A small network is trained to denoise each of three mixtures with levels drawn from Laplace(3, 2) or from the cosine density, at equal updates (one start per seed); what it still errs against the exact denoiser, integrated over the levels as the divergence it adds to sampling, as a ratio.",
        start: |effort| TRAINED.start(effort),
    }),
};
