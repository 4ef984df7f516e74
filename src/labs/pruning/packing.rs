//! How well the masks of a sweep pack into formats with a structure: blocks of 4 × 4, and at most two
//! of every four neighbours.

use super::ranks::NEVER;

/// Side of a block.
pub(super) const SIDE: usize = 4;

/// Follows the weights of a layer in flat order.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    cols: usize,
    row: usize,
    col: usize,
    /// Per block, the last step before which one of its weights is there.
    last: Vec<u8>,
    /// Steps at which the weights of the group under way go.
    group: [u8; SIDE],
    filled: usize,
    /// Groups by the first step at which they keep at most two weights.
    fits: Vec<u64>,
}

/// What a sweep packs into, per step.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Packed {
    /// Blocks of 4 × 4 with a weight in them.
    pub(super) blocks: Vec<u64>,
    /// Share of the groups of four neighbours with at most two weights in them.
    pub(super) two_four: Vec<f64>,
}

impl Packing {
    /// A layer of `rows × cols`.
    pub(super) fn new([rows, cols]: [usize; 2]) -> Self {
        Self {
            cols: cols.max(1),
            row: 0,
            col: 0,
            last: vec![0; rows.div_ceil(SIDE) * cols.div_ceil(SIDE)],
            group: [0; SIDE],
            filled: 0,
            fits: vec![0; usize::from(NEVER) + 1],
        }
    }

    /// The next weight goes at this step ([`NEVER`] if it stays).
    pub(super) fn push(&mut self, gone: u8) {
        let block = self.row / SIDE * self.cols.div_ceil(SIDE) + self.col / SIDE;
        if let Some(last) = self.last.get_mut(block) {
            *last = (*last).max(gone);
        }
        self.group[self.filled] = gone;
        self.filled += 1;
        self.col += 1;
        let row_ends = self.col == self.cols;
        if self.filled == SIDE || row_ends {
            let mut group = self.group;
            group[self.filled..].fill(0);
            group.sort_unstable();
            // Once the third largest is gone, two are left.
            self.fits[usize::from(group[1])] += 1;
            self.filled = 0;
        }
        if row_ends {
            (self.row, self.col) = (self.row + 1, 0);
        }
    }

    /// Adds up over the steps of the sweep.
    pub(super) fn finish(&self, steps: usize) -> Packed {
        let mut ends = vec![0_u64; usize::from(NEVER) + 1];
        for &last in &self.last {
            ends[usize::from(last)] += 1;
        }
        let groups: u64 = self.fits.iter().sum();
        let mut out = Packed::default();
        let (mut blocks, mut fitting) = (self.last.len() as u64, 0);
        for step in 0..steps.min(usize::from(NEVER)) {
            blocks -= ends[step];
            fitting += self.fits[step];
            out.blocks.push(blocks);
            out.two_four.push(fitting as f64 / groups.max(1) as f64);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};

    #[test]
    fn blocks_and_groups_agree_with_counting_at_every_step() {
        for [rows, cols] in [[8, 8], [5, 7], [3, 4], [1, 1], [9, 2]] {
            let mut luck = Stream::new(3, StreamId::Test);
            let steps = 12;
            let draw = |luck: &mut Stream| match luck.below(14) {
                s if s < 12 => s as u8,
                _ => NEVER,
            };
            let at: Vec<u8> = (0..rows * cols).map(|_| draw(&mut luck)).collect();
            let mut packing = Packing::new([rows, cols]);
            for &a in &at {
                packing.push(a);
            }
            let packed = packing.finish(steps);
            for step in 0..steps {
                let kept = |r: usize, c: usize| {
                    r < rows && c < cols && usize::from(at[r * cols + c]) > step
                };
                let (mut blocks, mut fit, mut groups) = (0, 0, 0);
                for r in (0..rows).step_by(SIDE) {
                    for c in (0..cols).step_by(SIDE) {
                        let any = (0..SIDE).any(|i| (0..SIDE).any(|j| kept(r + i, c + j)));
                        blocks += u64::from(any);
                    }
                }
                for r in 0..rows {
                    for c in (0..cols).step_by(SIDE) {
                        let left = (0..SIDE).filter(|&j| kept(r, c + j)).count();
                        fit += u32::from(left <= 2);
                        groups += 1;
                    }
                }
                assert_eq!(packed.blocks[step], blocks, "{rows} × {cols}, step {step}");
                let share = f64::from(fit) / f64::from(groups);
                assert_eq!(packed.two_four[step], share, "{rows} × {cols}, step {step}");
            }
        }
    }
}
