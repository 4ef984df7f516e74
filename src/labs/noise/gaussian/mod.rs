//! Correlated Gaussian fields as pictures: independent Gaussian modes in the cosine basis, so that
//! the best denoiser is a Wiener filter per mode, `D = c^2 / (c^2 + s^2) X`, and what a solver makes
//! of the whole distribution is exact at every level.
//!
//! The same field is shown at three sides. A mode that is seen by n x n pixels has n^2 times its
//! power in the orthonormal basis of the pixels while the noise of a pixel stays the same, so its
//! power SNR is n^2 c^2 / s^2: level s at side n is level s n0 / n at side n0 (Hoogeboom, Heek,
//! Salimans: "simple diffusion", arXiv 2301.11093; Chen, arXiv 2301.10972).

mod cosine;
mod report;
mod response;
mod run;
mod spectrum;
mod work;

pub use response::{Moment, moments};
pub use run::{FieldRun, Panel};
pub use spectrum::{Field, Spectrum};
pub(super) use work::Work;

/// Sides of the three pictures, as multiples of the smallest.
pub const SIDES: [usize; 3] = [1, 2, 4];

#[cfg(test)]
mod tests;
