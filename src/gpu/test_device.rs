//! A device for tests. Tests outside the crate include this file by its path.

use super::Gpu;

/// A device without a window. None, with a visible line, where there is no adapter and
/// `ALLOW_NO_GPU=1` says that this is known.
///
/// # Panics
/// Without an adapter otherwise.
pub(crate) fn test_device() -> Option<Gpu> {
    match Gpu::headless() {
        Ok(gpu) => Some(gpu),
        Err(error) if std::env::var("ALLOW_NO_GPU").is_ok_and(|v| v == "1") => {
            println!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}; install a Vulkan driver or set ALLOW_NO_GPU=1"),
    }
}
