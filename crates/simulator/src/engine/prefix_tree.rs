//! The cached blocks of an instance as a tree, for lookers-on: what continues what.

use super::prefix::{NONE, PrefixCache};
use std::collections::BTreeMap;

/// Blocks one after the other with the same number of holders and no fork between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// The branch it continues.
    pub parent: Option<usize>,
    /// Blocks before it.
    pub depth: u32,
    /// Its blocks.
    pub blocks: u32,
    /// Requests that hold it; 0 for blocks that are only kept.
    pub holders: u32,
    /// The first of the ends of the tree that lie behind it, and how many there are.
    pub ends: [u32; 2],
}

/// All branches, each after the one it continues.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrefixTree {
    /// The branches.
    pub branches: Vec<Branch>,
    /// Ends of the tree.
    pub ends: u32,
    /// Blocks of the longest path.
    pub depth: u32,
    /// The last branch of each request that holds one.
    last: BTreeMap<u32, usize>,
}

impl PrefixCache {
    /// The tree of all cached blocks. Branches from the same fork stand in the order of their keys.
    pub fn tree(&self) -> PrefixTree {
        // Children of a block: a stretch of this list.
        let mut children: Vec<(u32, u64, u32)> = self
            .live()
            .map(|(node, parent, key)| (parent, key, node))
            .collect();
        children.sort_unstable();
        let of = |parent: u32| {
            let from = children.partition_point(|c| c.0 < parent);
            let to = from + children[from..].partition_point(|c| c.0 == parent);
            &children[from..to]
        };
        let mut tree = PrefixTree::default();
        // The branch of each cached block.
        let mut place = vec![0; self.capacity()];
        // The roots have no parent, which sorts last: they go in reverse onto the stack.
        let mut open: Vec<(u32, Option<usize>, u32)> =
            of(NONE).iter().rev().map(|c| (c.2, None, 0)).collect();
        while let Some((first, parent, depth)) = open.pop() {
            let index = tree.branches.len();
            let holders = self.holders(first);
            let (mut node, mut blocks) = (first, 1);
            place[node as usize] = index;
            let next = loop {
                match of(node) {
                    [only] if self.holders(only.2) == holders => {
                        node = only.2;
                        blocks += 1;
                        place[node as usize] = index;
                    }
                    others => break others,
                }
            };
            tree.branches.push(Branch {
                parent,
                depth,
                blocks,
                holders,
                ends: [tree.ends, 0],
            });
            tree.depth = tree.depth.max(depth + blocks);
            if next.is_empty() {
                tree.ends += 1;
                let mut at = Some(index);
                while let Some(i) = at {
                    tree.branches[i].ends[1] += 1;
                    at = tree.branches[i].parent;
                }
            }
            open.extend(
                next.iter()
                    .rev()
                    .map(|c| (c.2, Some(index), depth + blocks)),
            );
        }
        tree.last = (self.lasts())
            .map(|(r, node)| (r, place[node as usize]))
            .collect();
        tree
    }
}

impl PrefixTree {
    /// The branches that a request holds, from its last to the root.
    pub fn path(&self, r: u32) -> Vec<usize> {
        let mut at = self.last.get(&r).copied();
        let mut out = Vec::new();
        while let Some(i) = at {
            out.push(i);
            at = self.branches[i].parent;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Piece, Tags};
    use super::*;

    #[test]
    fn what_is_shared_stands_once_and_forks_where_requests_part() {
        let mut tags = Tags::default();
        for own in 1..=3 {
            tags.push_pieces([(0, 8), (own, 100)].map(|(stream, tokens)| Piece { stream, tokens }));
        }
        let mut cache = PrefixCache::new(4);
        for (r, tokens) in [(0, 16), (1, 24), (2, 8)] {
            let (found, _) = cache.matched(&tags, r, tokens);
            cache.hold(&tags, r, found, tokens);
            cache.computed(&tags, r, tokens);
        }
        cache.let_go(1);
        let tree = cache.tree();
        let mut all: Vec<_> = (tree.branches.iter())
            .map(|b| (b.depth, b.blocks, b.holders, b.parent))
            .collect();
        all.sort_unstable();
        // Two blocks of the system prompt, held by 0 and 2; two more of 0; four kept of 1.
        assert_eq!(
            all,
            [(0, 2, 2, None), (2, 2, 1, Some(0)), (2, 4, 0, Some(0))]
        );
        assert_eq!((tree.ends, tree.depth), (2, 6));
        assert_eq!(tree.branches[0].ends, [0, 2]);
        assert_eq!(tree.path(2), [0]);
        assert_eq!(tree.path(0).len(), 2);
        assert!(tree.path(1).is_empty(), "it has let go");
        assert_eq!(PrefixCache::new(4).tree(), PrefixTree::default());
    }
}
