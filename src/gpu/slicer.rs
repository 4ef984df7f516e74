//! Cutting long work into dispatches. A shader cannot be cancelled and drivers reset a device that
//! is busy for about two seconds, so work is handed over in chunks whose size follows what the
//! last chunks took. Only pacing depends on the clock, never a result.

/// Chooses how many units (steps, rows, batches) the next dispatch may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Slicer {
    budget_ms: f64,
    chunk: f64,
    limit: u32,
    /// What the shortest chunk took: the way there and back, if it held little work.
    trip_ms: f64,
}

impl Slicer {
    /// Milliseconds of one dispatch while something moves on the screen.
    pub const INTERACTIVE_MS: f64 = 4.0;
    /// Milliseconds of one dispatch behind a progress bar.
    pub const BATCH_MS: f64 = 50.0;
    /// A trip takes at most this long: a frame until a screen looks, and the browser's delay.
    const TRIP_MS: f64 = 30.0;

    /// Starts at a sixteenth of `guess`, the units believed to fit the budget; a chunk never holds
    /// more than `limit` units (loop bounds, memory).
    pub fn new(budget_ms: f64, guess: u32, limit: u32) -> Self {
        Self {
            budget_ms,
            chunk: (f64::from(guess) / 16.0).max(1.0),
            limit: limit.max(1),
            trip_ms: Self::TRIP_MS,
        }
    }

    /// Units of the next chunk: at least 1 unless nothing is left.
    pub fn next(&self, left: u32) -> u32 {
        (self.chunk as u32).clamp(1, self.limit).min(left)
    }

    /// Learns from a chunk of `units` that took `ms` until it was noticed: at most doubles, shrinks
    /// at once. What the shortest chunk took is no work: a screen that looks once a frame would
    /// otherwise find every chunk too long.
    pub fn record(&mut self, units: u32, ms: f64) {
        if units == 0 || ms.is_nan() || ms < 0.0 {
            return;
        }
        self.trip_ms = self.trip_ms.min(ms);
        let fits = f64::from(units) * self.budget_ms / (ms - self.trip_ms).max(1e-3);
        self.chunk = fits.clamp(1.0, 2.0 * self.chunk.max(f64::from(units)));
        self.chunk = self.chunk.min(f64::from(self.limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_to_the_budget_and_shrink_at_once() {
        let mut slicer = Slicer::new(50.0, 160, 10_000);
        assert_eq!(slicer.next(1000), 10, "a sixteenth of the guess");
        // A device that takes 0.1 ms a unit, and 2 ms there and back.
        for _ in 0..12 {
            let units = slicer.next(100_000);
            slicer.record(units, 2.0 + f64::from(units) * 0.1);
        }
        // The first chunk's ten units count as the trip: half as many again at most.
        let fits = slicer.next(100_000);
        assert!((500..=520).contains(&fits), "{fits}");
        slicer.record(500, 503.0);
        assert_eq!(slicer.next(100_000), 50, "ten times slower");
        assert_eq!(slicer.next(7), 7, "never more than is left");
        slicer.record(50, 1e9);
        assert_eq!(slicer.next(7), 1, "always some progress");
    }

    #[test]
    fn a_screen_that_looks_once_a_frame_does_not_make_chunks_small() {
        let mut slicer = Slicer::new(4.0, 4096, 1 << 20);
        // A thousandth of a millisecond a unit, noticed at the next frame.
        let noticed = |units: u32| (f64::from(units) * 1e-3 / 16.6).ceil() * 16.6;
        let mut done = 0.0;
        for _ in 0..60 {
            let units = slicer.next(u32::MAX);
            slicer.record(units, noticed(units));
            done += f64::from(units);
        }
        assert!(done / 60.0 > 4000.0, "{} units a frame", done / 60.0);
        // A slow device still gets small chunks.
        let mut slicer = Slicer::new(4.0, 4096, 1 << 20);
        for _ in 0..20 {
            let units = slicer.next(u32::MAX);
            slicer.record(units, f64::from(units) * 0.5);
        }
        assert!(slicer.next(u32::MAX) <= 32, "{}", slicer.next(u32::MAX));
    }

    #[test]
    fn a_chunk_respects_its_limit_and_ignores_bad_times() {
        let mut slicer = Slicer::new(4.0, 1 << 20, 16);
        assert_eq!(slicer.next(100), 16);
        slicer.record(16, f64::NAN);
        slicer.record(16, -1.0);
        slicer.record(16, 0.0);
        assert_eq!(slicer.next(100), 16);
    }
}
