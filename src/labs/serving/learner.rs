//! Learning by table: one value for every situation, moved a little towards what is seen there.

use crate::core::num;

/// Values by situation.
#[derive(Debug, Clone)]
pub(super) struct Table {
    values: Vec<f64>,
    rate: f64,
}

impl Table {
    /// As many situations, all with the same value; `rate` is the weight of what is new.
    pub(super) fn new(situations: usize, value: f64, rate: f64) -> Self {
        Self {
            values: vec![value; situations],
            rate,
        }
    }

    /// The value of a situation.
    pub(super) fn get(&self, situation: usize) -> f64 {
        self.values.get(situation).copied().unwrap_or(0.0)
    }

    /// Moves the value of a situation towards a target.
    pub(super) fn learn(&mut self, situation: usize, target: f64) {
        if let Some(value) = self.values.get_mut(situation) {
            *value += self.rate * (target - *value);
        }
    }
}

/// A number in coarse steps that double, so that they are finest where differences matter: below 2
/// is step 0, below 4 step 1, and so on up to `steps − 1`.
pub(super) fn doubling(value: f64, steps: usize) -> usize {
    (num::log2(value).max(0.0) as usize).min(steps - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_approach_what_is_seen_and_steps_double() {
        let mut table = Table::new(3, 0.0, 0.1);
        for _ in 0..200 {
            table.learn(1, 5.0);
        }
        assert!((table.get(1) - 5.0).abs() < 1e-6);
        assert_eq!((table.get(0), table.get(9)), (0.0, 0.0));
        let steps = [0.0, 1.9, 2.0, 4.0, 1e9].map(|v| doubling(v, 4));
        assert_eq!(steps, [0, 0, 1, 2, 3]);
    }
}
