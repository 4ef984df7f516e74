//! Optimizers for diffusion models.

use super::super::claims::optimizers;
use super::super::schedule::Shape;
use super::super::{Config, Problem};
use crate::labs::{Basis, Claim, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static DIFFUSION_OPTIMIZERS: Exhibit = Exhibit {
    id: "diffusion-optimizers",
    lab: LabKind::Lr,
    title: "Optimizers for diffusion models",
    idea: "What trains language models best need not train denoisers best. One denoiser, one schedule, four optimizers: SGD with momentum, AdamW, Muon, which turns the momentum of every hidden matrix into a step of equal size in all directions, and SOAP, which runs Adam along the directions in which the gradients of a matrix vary most.",
    paper: Paper {
        title: "Optimization Benchmark for Diffusion Models on Dynamical Systems",
        authors: "Schaipp",
        year: 2025,
        arxiv: "2510.19376",
    },
    basis: Basis::Secondary,
    deviations: "From the abstract and secondary sources. The network is this app's small denoiser of a spiral in the plane instead of a U-Net on flow fields. Muon after its authors' code, with the scale of AdamW's update (arXiv 2502.16982), so that one rate serves its matrices and the AdamW on everything else. SOAP (arXiv 2409.11321) after its authors' code with its settings, on all four matrices, new bases every 10 updates. Prodigy and gradient clipping are not here.",
    equation: "B ← μ B + (1 - μ) g; X = NS₅((1 - μ) g + μ B); W ← W - η 0.2 √max(rows, columns) X; NS: X ← a X + (b A + c A²) X, A = X Xᵀ. SOAP: G' = Q_Lᵀ G Q_R; W ← W - η Q_L Adam(G') Q_Rᵀ; L ← 0.95 L + 0.05 G Gᵀ, R with Gᵀ G",
    symbols: &[
        ("B", "momentum of a hidden matrix W, μ = 0.95"),
        ("NS₅", "five steps of Newton-Schulz from X / ‖X‖"),
        ("a, b, c", "3.4445, -4.7750, 2.0315"),
        (
            "Q_L, Q_R",
            "eigenvectors of L and R, by one QR step from the last ones",
        ),
    ],
    setup: || {
        Setup::Lr(Config {
            shape: Shape::Linear,
            rivals: false,
            ..Config::default().with_problem(Problem::Denoiser)
        })
    },
    claim: Some(Claim {
        statement: "Muon and SOAP end 18 % below AdamW in final loss, and SGD stays well behind Adam.",
        experiment: "Denoiser of a spiral, 600 updates under linear decay: held-out loss of Muon, SOAP and SGD with momentum against AdamW's, each at its own tuned peak rate over paired seeds.",
        start: optimizers::diffusion,
    }),
};
