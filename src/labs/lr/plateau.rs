//! PyTorch's `ReduceLROnPlateau`: the rate drops when a metric stops getting better.

/// The rule and its state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plateau {
    /// The rate now.
    pub(super) lr: f64,
    /// What a drop multiplies it with, below 1.
    pub(super) factor: f64,
    /// Bad observations that are borne before a drop.
    pub(super) patience: usize,
    /// How much better counts as better.
    pub(super) threshold: f64,
    /// Whether the threshold is a share of the best value.
    pub(super) relative: bool,
    /// Whether smaller is better.
    pub(super) min: bool,
    /// Observations after a drop that do not count.
    pub(super) cooldown: usize,
    /// The rate never falls below this.
    pub(super) min_lr: f64,
    /// Drops of at most this are not made.
    pub(super) eps: f64,
    /// Best value so far, bad observations since it, and observations that do not count yet.
    pub(super) best: Option<f64>,
    pub(super) bad: usize,
    pub(super) cooling: usize,
}

impl Default for Plateau {
    /// PyTorch's defaults, at rate 1.
    fn default() -> Self {
        Self {
            lr: 1.0,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            relative: true,
            min: true,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }
}

impl Plateau {
    /// Takes an observation in; the rate it leaves acts from the next update on. A NaN is never
    /// better.
    pub(super) fn observe(&mut self, metric: f64) {
        let best = self.best.unwrap_or(if self.min {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        });
        let better = match (self.min, self.relative) {
            (true, true) => metric < best * (1.0 - self.threshold),
            (true, false) => metric < best - self.threshold,
            (false, true) => metric > best * (1.0 + self.threshold),
            (false, false) => metric > best + self.threshold,
        };
        if better {
            (self.best, self.bad) = (Some(metric), 0);
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > self.patience {
            let new = (self.lr * self.factor).max(self.min_lr);
            if self.lr - new > self.eps {
                self.lr = new;
            }
            self.cooling = self.cooldown;
            self.bad = 0;
        }
    }
}
