//! A clock for pacing and for choosing a path. No result depends on it.

/// Milliseconds since some fixed moment.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn now_ms() -> f64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "native only; paces dispatches, never enters a result"
    )]
    let now = Instant::now();
    now.duration_since(*START.get_or_init(|| now)).as_secs_f64() * 1e3
}

/// Milliseconds since the page was opened.
#[cfg(target_arch = "wasm32")]
pub(super) fn now_ms() -> f64 {
    web_sys::window()
        .and_then(|window| window.performance())
        .map_or(0.0, |performance| performance.now())
}
