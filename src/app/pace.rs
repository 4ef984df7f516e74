//! How long computing may take in a frame, so that the frames stay smooth and results come soon.

/// Least and most seconds of computing in a frame while something moves: leaves room for drawing at
/// 60 frames a second, or at 20 where drawing is slow.
const MOVING: [f64; 2] = [0.008, 0.04];

/// The same while the user waits for a first result and nothing moves.
const WAITING: [f64; 2] = [0.03, 0.1];

/// Least while what is on screen is out of date and has been for [`LONG`] seconds: 30 frames a second.
const OUT_OF_DATE: f64 = 0.024;
const LONG: f64 = 0.5;

/// Weight of a frame in the mean.
const NEWS: f64 = 0.2;

/// What the frames before this one say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// Seconds of computing in the last frame.
    worked: f64,
    /// Seconds of a frame without them, as a moving mean: frames drawn in software come in bursts,
    /// and a single one that took long says nothing.
    rest: f64,
    /// Since when something is computed.
    since: Option<f64>,
    now: f64,
}

impl Pace {
    /// A frame begins `secs` after the last one, which left something to compute or not.
    pub(crate) fn frame(&mut self, now: f64, secs: f64, busy: bool) {
        // A frame that nobody asked for says nothing about the one before.
        if busy {
            self.rest += NEWS * ((secs - self.worked).max(0.0) - self.rest);
        }
        self.now = now;
        self.since = self.since.or(Some(now)).filter(|_| busy);
    }

    /// So many seconds were computed in this frame.
    pub(crate) fn worked(&mut self, secs: f64) {
        self.worked = secs;
    }

    /// Seconds of computing in this frame while other things move. Where drawing is slow (a software
    /// renderer) a longer slice costs no smoothness.
    pub(crate) fn moving(&self) -> f64 {
        self.rest.clamp(MOVING[0], MOVING[1])
    }

    /// The same while nothing is on screen yet.
    pub(crate) fn waiting(&self) -> f64 {
        self.rest.clamp(WAITING[0], WAITING[1])
    }

    /// The same while what is on screen is out of date.
    pub(crate) fn out_of_date(&self) -> f64 {
        let is_long = self.since.is_some_and(|since| self.now - since > LONG);
        let least = if is_long { OUT_OF_DATE } else { 0.0 };
        self.moving().max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After frames of so many seconds, half of them computing.
    fn after(frames: &[f64]) -> Pace {
        let (mut pace, mut now) = (Pace::default(), 0.0);
        for secs in frames {
            now += secs;
            pace.frame(now, *secs, true);
            pace.worked(0.5 * secs);
        }
        pace
    }

    #[test]
    fn slow_drawing_leaves_more_time_for_computing() {
        assert_eq!(after(&[0.016; 9]).moving(), 0.008);
        assert!((after(&[0.06; 60]).moving() - 0.03).abs() < 1e-6);
        let bursts = after(&[0.12, 0.0].repeat(30)).moving();
        assert!(bursts > 0.025, "{bursts}");
        assert_eq!(after(&[1.0; 9]).moving(), 0.04);
        assert_eq!(after(&[0.016; 9]).waiting(), 0.03);
        let once = after(&[0.01, 0.01, 0.01, 0.01, 0.06]).moving();
        assert!(once < 0.02, "one long frame: {once}");
        let mut idle = after(&[0.016; 9]);
        idle.frame(1.0, 0.8, false);
        idle.frame(2.0, 0.8, false);
        assert_eq!(idle.moving(), 0.008, "nothing was to be done");
    }

    #[test]
    fn a_long_run_takes_more_of_a_frame() {
        assert_eq!(after(&[0.016; 20]).out_of_date(), 0.008);
        let mut pace = after(&[0.016; 40]);
        assert_eq!(pace.out_of_date(), 0.024);
        pace.frame(1.0, 0.016, false);
        pace.frame(1.1, 0.016, true);
        assert_eq!(pace.out_of_date(), 0.008, "a new one");
    }
}
