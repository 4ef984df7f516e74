//! The kernels, one file each. What is listed in [`ALL`] is validated and compared with its CPU
//! twin by `tests/kernels.rs`, by `schedlab gpu` and by the page.

mod axpb;
mod csr_times;
mod denoise;
mod dense_times;
mod gram;
mod image_denoise;
mod mlp_exchange;
mod mlp_masks;
mod mlp_prune;
mod mlp_train;
mod normals;
mod philox_words;
mod radix_choose;
mod radix_histogram;
mod route_counts;
mod route_offsets;
mod route_positions;
mod route_topk;
mod select_mask;
mod select_scan;
mod select_ties;
mod tensor_stats;

pub use axpb::{Axpb, AxpbParams, axpb_cpu};
pub use csr_times::{CsrTimes, CsrTimesParams, csr_times_cpu};
pub use denoise::{Denoise, DenoiseParams, FIRST_ORDER, denoise_cpu, denoise_level};
pub use dense_times::{DenseTimes, DenseTimesParams, dense_times_cpu, product_bound};
pub use gram::{GRAM_TILE, Gram, GramParams, gram_cpu};
pub use image_denoise::{
    IMAGE_MOST, IMAGE_SLICE, ImageDenoise, ImageDenoiseParams, ImageState, image_chunk,
    image_denoise_cpu, image_points,
};
pub use mlp_exchange::{MlpExchange, mlp_exchange_cpu, mlp_exchange_entry};
pub use mlp_masks::MlpRowParams;
pub use mlp_prune::{MLP_KEEP, MLP_REOPENS, MLP_WEIGHTS, MlpPrune, mlp_prune_cpu};
pub use mlp_train::{
    MLP_MAX_BATCH, MLP_MAX_STEPS, MLP_PARAMS, MLP_SIZES, MlpRule, MlpState, MlpTrain,
    MlpTrainParams, mlp_train_cpu,
};
pub use normals::{Normals, normals_cpu};
pub use philox_words::{PhiloxWords, StreamParams, philox_words_cpu};
pub use radix_choose::{ChooseParams, RadixChoose, SelectState, radix_choose_cpu};
pub use radix_histogram::{RadixHistogram, RadixParams, radix_histogram_cpu};
pub use route_counts::{CountParams, ROUTE_TILE, RouteCounts, route_counts_cpu};
pub use route_offsets::{OffsetParams, RouteOffsets, route_offsets_cpu};
pub use route_positions::{PositionParams, RoutePositions, route_positions_cpu};
pub use route_topk::{RouteTopk, TopkOut, TopkParams, route_topk_cpu};
pub use select_mask::{SelectMask, select_mask_cpu};
pub use select_scan::{ScanParams, SelectScan, select_scan_cpu};
pub use select_ties::{SelectTies, TILE, TileParams, select_ties_cpu};
pub use tensor_stats::{StatsParams, TensorStats, tensor_stats_cpu};

use super::twin::Listed;

/// Every kernel.
pub static ALL: &[Listed] = &[
    Listed::of::<PhiloxWords>(),
    Listed::of::<Normals>(),
    Listed::of::<Axpb>(),
    Listed::of::<Denoise>(),
    Listed::of::<ImageDenoise>(),
    Listed::of::<MlpTrain>(),
    Listed::of::<MlpPrune>(),
    Listed::of::<MlpExchange>(),
    Listed::of::<RadixHistogram>(),
    Listed::of::<RadixChoose>(),
    Listed::of::<SelectTies>(),
    Listed::of::<SelectScan>(),
    Listed::of::<SelectMask>(),
    Listed::of::<RouteTopk>(),
    Listed::of::<RouteCounts>(),
    Listed::of::<RouteOffsets>(),
    Listed::of::<RoutePositions>(),
    Listed::of::<DenseTimes>(),
    Listed::of::<CsrTimes>(),
    Listed::of::<TensorStats>(),
    Listed::of::<Gram>(),
];
