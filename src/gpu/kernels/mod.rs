//! The kernels, one file each. What is listed in [`ALL`] is validated and compared with its CPU
//! twin by `tests/kernels.rs`, by `schedlab gpu` and by the page.

mod axpb;
mod normals;
mod philox_words;

pub use axpb::{Axpb, AxpbParams, axpb_cpu};
pub use normals::{Normals, normals_cpu};
pub use philox_words::{PhiloxWords, StreamParams, philox_words_cpu};

use super::twin::Listed;

/// Every kernel.
pub static ALL: &[Listed] = &[
    Listed::of::<PhiloxWords>(),
    Listed::of::<Normals>(),
    Listed::of::<Axpb>(),
];
