//! Every path through the blocks: each is skipped, run, or run twice. All 3^L paths of a sample are
//! followed at once along the tree, so that common beginnings are computed once.

use super::net::{Net, cross_entropy};
use crate::core::gate;

/// What is done with a block.
pub(super) const ACTIONS: usize = 3;

/// Number of paths.
pub(super) fn count(blocks: usize) -> usize {
    ACTIONS.pow(blocks as u32)
}

/// What a path does with block `l`: the first block is the most significant digit.
pub(super) fn action(path: usize, l: usize, blocks: usize) -> usize {
    path / ACTIONS.pow((blocks - 1 - l) as u32) % ACTIONS
}

/// Blocks that a path runs.
pub(super) fn cost(path: usize, blocks: usize) -> usize {
    (0..blocks).map(|l| action(path, l, blocks)).sum()
}

/// The path that runs every block once.
pub(super) fn full(blocks: usize) -> usize {
    (0..blocks).fold(0, |p, _| p * ACTIONS + 1)
}

/// What every path makes of a sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcomes {
    /// Cross-entropy of the label.
    pub(super) loss: Vec<f32>,
    /// Class with the largest logit.
    pub(super) class: Vec<u8>,
}

/// Follows all paths of an image.
pub(super) fn follow(net: &Net, x: &[f64], label: usize) -> Outcomes {
    let mut out = Outcomes {
        loss: Vec::with_capacity(count(net.blocks)),
        class: Vec::with_capacity(count(net.blocks)),
    };
    descend(net, 0, &net.start(x), label, &mut out);
    out
}

fn descend(net: &Net, l: usize, h: &[f64], label: usize, out: &mut Outcomes) {
    if l == net.blocks {
        let logits = net.output(h);
        out.loss.push(cross_entropy(&logits, label) as f32);
        out.class.push(gate::argmax(&logits) as u8);
        return;
    }
    descend(net, l + 1, h, label, out);
    let once = net.after(l, h);
    descend(net, l + 1, &once, label, out);
    let twice = net.after(l, &once);
    descend(net, l + 1, &twice, label, out);
}

/// Cheapest path that gives the label; among equally cheap ones that of least loss.
pub(super) fn cheapest(outcomes: &Outcomes, label: u8, blocks: usize) -> Option<usize> {
    (0..outcomes.class.len())
        .filter(|&p| outcomes.class[p] == label)
        .min_by(|&a, &b| {
            let key = |p: usize| cost(p, blocks);
            key(a)
                .cmp(&key(b))
                .then(outcomes.loss[a].total_cmp(&outcomes.loss[b]))
                .then(a.cmp(&b))
        })
}

#[cfg(test)]
mod tests {
    use super::super::net::samples;
    use super::*;
    use crate::core::digits::PIXELS;

    #[test]
    fn paths_are_numbers_in_base_three() {
        assert_eq!(count(6), 729);
        assert_eq!(full(3), 9 + 3 + 1);
        assert_eq!(cost(full(5), 5), 5);
        let path = 2 * 9 + 3;
        let actions: Vec<usize> = (0..3).map(|l| action(path, l, 3)).collect();
        assert_eq!(actions, [2, 1, 0]);
        assert_eq!(cost(path, 3), 3);
    }

    #[test]
    fn the_tree_gives_what_each_path_gives_alone() {
        let net = Net::new(3, 2);
        let data = samples(2, true, 0.5, 0, 1);
        let (x, label) = (&data.x[..PIXELS], usize::from(data.labels[0]));
        let all = follow(&net, x, label);
        for path in 0..count(3) {
            let mut h = net.start(x);
            for l in 0..3 {
                for _ in 0..action(path, l, 3) {
                    h = net.after(l, &h);
                }
            }
            let z = net.output(&h);
            assert_eq!(all.loss[path], cross_entropy(&z, label) as f32);
            assert_eq!(usize::from(all.class[path]), gate::argmax(&z));
        }
    }
}
