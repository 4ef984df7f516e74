//! How busy the two sides of the GPUs are: computing, and reading memory.

/// Most rows; even, so that neighbours can always be joined in pairs.
const ROWS: usize = 4096;

/// Iterations that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stretches {
    /// When the first was formed.
    pub from: f64,
    /// Seconds of all of them.
    pub secs: f64,
    /// Seconds in which they compute, and in which they read memory.
    pub busy: [f64; 2],
}

/// Rows of as many iterations each as keep their number bounded.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    rows: Vec<Stretches>,
    /// Iterations in a row, and in the last one.
    per_row: u64,
    in_last: u64,
    total: [f64; 2],
}

impl Sides {
    /// Writes an iteration down.
    pub(super) fn push(&mut self, from: f64, secs: f64, busy: [f64; 2]) {
        self.total = [self.total[0] + busy[0], self.total[1] + busy[1]];
        if self.in_last >= self.per_row.max(1) || self.rows.is_empty() {
            if self.rows.len() == ROWS {
                self.coarsen();
            }
            self.rows.push(Stretches {
                from,
                ..Stretches::default()
            });
            self.in_last = 0;
        }
        self.in_last += 1;
        if let Some(row) = self.rows.last_mut() {
            row.secs += secs;
            row.busy = [row.busy[0] + busy[0], row.busy[1] + busy[1]];
        }
    }

    /// Joins neighbours in pairs.
    fn coarsen(&mut self) {
        let joined = |pair: &[Stretches]| {
            let (a, b) = (pair[0], pair[1]);
            Stretches {
                from: a.from,
                secs: a.secs + b.secs,
                busy: [a.busy[0] + b.busy[0], a.busy[1] + b.busy[1]],
            }
        };
        self.rows = self.rows.chunks_exact(2).map(joined).collect();
        self.per_row = 2 * self.per_row.max(1);
    }

    /// The rows in order of time.
    pub fn rows(&self) -> &[Stretches] {
        &self.rows
    }

    /// Seconds in which all iterations compute, and in which they read memory.
    pub fn total(&self) -> [f64; 2] {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_bounded_and_lose_no_second() {
        let mut sides = Sides::default();
        for i in 0..3 * ROWS as u32 {
            sides.push(f64::from(i), 1.0, [0.25, 0.5]);
        }
        let n = 3.0 * ROWS as f64;
        assert_eq!(sides.total(), [0.25 * n, 0.5 * n]);
        assert!(sides.rows().len() <= ROWS, "{}", sides.rows().len());
        let secs: f64 = sides.rows().iter().map(|r| r.secs).sum();
        assert_eq!(secs, n);
        assert_eq!(sides.rows()[1].from, 4.0, "four iterations to a row");
    }
}
