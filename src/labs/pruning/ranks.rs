//! Many cuts at once: the thresholds of a whole sweep of sparsities from the same three passes
//! over the data that one radix select takes.

use crate::core::select::Cut;

/// Shift and number of bins of the three passes, as in the single select.
const PASSES: [(u32, usize); 3] = [(21, 1 << 11), (10, 1 << 11), (0, 1 << 10)];
const NONE: u32 = u32::MAX;

/// The digits seen so far on the way to some of the thresholds.
#[derive(Debug, Clone)]
struct Node {
    histogram: Vec<u64>,
    children: Vec<u32>,
}

impl Node {
    fn new(bins: usize) -> Self {
        Self {
            histogram: vec![0; bins],
            children: vec![NONE; bins],
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rank {
    node: u32,
    cut: Cut,
}

/// A select for many ranks. Feed it all keys three times with [`Ranks::count`], calling
/// [`Ranks::narrow`] after each time.
#[derive(Debug, Clone)]
pub struct Ranks {
    nodes: Vec<Node>,
    wanted: Vec<Rank>,
    pass: usize,
}

impl Ranks {
    /// Starts a select for the `ks` smallest keys, for each k.
    pub fn new(ks: &[u64]) -> Self {
        let start = |&k: &u64| Rank {
            node: 0,
            cut: Cut {
                k,
                ..Cut::default()
            },
        };
        Self {
            nodes: vec![Node::new(PASSES[0].1)],
            wanted: ks.iter().map(start).collect(),
            pass: 0,
        }
    }

    /// Whether no key was counted yet.
    pub fn untouched(&self) -> bool {
        self.pass == 0 && self.nodes[0].histogram.iter().all(|&c| c == 0)
    }

    /// Whether all three passes are done.
    pub fn done(&self) -> bool {
        self.pass >= PASSES.len()
    }

    /// Takes some of the keys of this pass.
    pub fn count(&mut self, keys: impl Iterator<Item = u32>) {
        let digit = |key: u32, p: usize| (key >> PASSES[p].0) as usize & (PASSES[p].1 - 1);
        match self.pass {
            0 => {
                for key in keys {
                    self.nodes[0].histogram[digit(key, 0)] += 1;
                }
            }
            1 | 2 => {
                for key in keys {
                    let mut node = 0;
                    for p in 0..self.pass {
                        node = self.nodes[node as usize].children[digit(key, p)];
                        if node == NONE {
                            break;
                        }
                    }
                    if node != NONE {
                        self.nodes[node as usize].histogram[digit(key, self.pass)] += 1;
                    }
                }
            }
            _ => {}
        }
    }

    /// Ends a pass: every rank picks its digit.
    pub fn narrow(&mut self) {
        let Some(&(shift, bins)) = PASSES.get(self.pass) else {
            return;
        };
        let next_bins = PASSES.get(self.pass + 1).map_or(0, |p| p.1);
        for rank in &mut self.wanted {
            let node = rank.node as usize;
            for digit in 0..bins {
                let count = self.nodes[node].histogram[digit];
                if rank.cut.below + count < rank.cut.k.max(1) {
                    rank.cut.below += count;
                    continue;
                }
                rank.cut.key |= (digit as u32) << shift;
                rank.cut.equal = count;
                if self.nodes[node].children[digit] == NONE {
                    self.nodes[node].children[digit] = self.nodes.len() as u32;
                    self.nodes.push(Node::new(next_bins));
                }
                rank.node = self.nodes[node].children[digit];
                break;
            }
        }
        self.pass += 1;
    }

    /// The cuts, one for each k asked for.
    pub fn cuts(&self) -> Vec<Cut> {
        let finished = |rank: &Rank| match rank.cut.k {
            0 => Cut::default(),
            k => Cut {
                ties: k - rank.cut.below,
                ..rank.cut
            },
        };
        self.wanted.iter().map(finished).collect()
    }
}

/// Turns keys, fed in flat order, into the first of a series of growing cuts that prunes them.
#[derive(Debug, Clone)]
pub struct Assign {
    cuts: Vec<Cut>,
    equal_seen: Vec<u64>,
}

/// Step of a weight that no cut prunes.
pub const NEVER: u8 = u8::MAX;

impl Assign {
    /// `cuts` in order of growing k.
    pub fn new(cuts: Vec<Cut>) -> Self {
        Self {
            equal_seen: vec![0; cuts.len()],
            cuts,
        }
    }

    /// The cuts.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Index of the first cut that prunes the next key, [`NEVER`] if none does.
    pub fn next(&mut self, key: u32) -> u8 {
        let first = self.cuts.partition_point(|c| c.k == 0 || c.key < key);
        let Some(cut) = self.cuts.get(first) else {
            return NEVER;
        };
        if cut.key > key {
            return first as u8;
        }
        // The key equals a threshold: its place among its equals decides.
        let before = self.equal_seen[first];
        self.equal_seen[first] += 1;
        let later = self.cuts[first..].partition_point(|c| c.keeps(key, before));
        if first + later < self.cuts.len() {
            (first + later) as u8
        } else {
            NEVER
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::{Stream, StreamId};
    use crate::core::select::{masks, radix_select};

    #[test]
    fn a_whole_sweep_equals_one_select_for_each_sparsity() {
        let mut stream = Stream::new(5, StreamId::Test);
        let words: Vec<u32> = (0..500)
            .map(|_| stream.below(40).wrapping_mul(0x0622_4921))
            .collect();
        let ks: Vec<u64> = vec![0, 0, 1, 2, 50, 51, 52, 53, 200, 400, 499, 500];
        let mut ranks = Ranks::new(&ks);
        while !ranks.done() {
            ranks.count(words[..77].iter().copied());
            ranks.count(words[77..].iter().copied());
            ranks.narrow();
        }
        let cuts = ranks.cuts();
        let mut assign = Assign::new(cuts.clone());
        let steps: Vec<u8> = words.iter().map(|&w| assign.next(w)).collect();
        for (i, &k) in ks.iter().enumerate() {
            let single = radix_select(&[&words], u32::MAX, k);
            assert_eq!(cuts[i], single, "k {k}");
            let mask = &masks(&[&words], u32::MAX, &single)[0];
            for (j, &step) in steps.iter().enumerate() {
                assert_eq!(mask.kept(j), usize::from(step) > i, "k {k}, weight {j}");
            }
        }
    }
}
