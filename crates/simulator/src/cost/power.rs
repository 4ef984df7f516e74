//! Power: a share of the thermal design power that depends on what runs.
//!
//! p = p_idle + (0.44 − p_idle)·[any work] + 0.56·√min(1, P/2048), drawn by eye through the
//! measurements of Mutinifni/splitwise-sim (Llama-2-70B on eight A100: decode 0.43 to 0.46, prompts
//! 0.46 at 128 tokens to 1.00 at 4096). The idle share is our own choice, and so is the exponent by
//! which dynamic power follows the clock.

/// Idle share of the thermal design power.
pub const IDLE_SHARE: f64 = 0.15;
/// Share while anything runs.
pub const WORK_SHARE: f64 = 0.44;
/// Share that a large prefill adds.
pub const PREFILL_SHARE: f64 = 0.56;
/// Prefill tokens at which that share is reached.
const FULL_PREFILL: f64 = 2048.0;

/// How much of the prefill share an iteration with `prefill` prompt tokens draws.
pub fn prefill_draw(prefill: u64) -> f64 {
    (prefill as f64 / FULL_PREFILL).min(1.0).sqrt()
}

/// Share that a batch draws above the idle one, at the highest clock.
pub fn dynamic_draw(prefill: u64) -> f64 {
    WORK_SHARE - IDLE_SHARE + PREFILL_SHARE * prefill_draw(prefill)
}
