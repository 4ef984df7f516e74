//! Prefix cache of one instance: full blocks of finished and running requests, found again by the
//! hash of all tokens up to their end. Blocks that nobody uses stay, and count as free, until
//! their memory is needed; the longest unused goes first, a prefix never before what continues it.
//!
//! As in vLLM (vllm-project/vllm, vllm/v1/core/kv_cache_manager.py). Two requests that computed
//! the same block at the same time keep one of the two, as the tree of SGLang does.

use super::tags::Tags;
use std::collections::{BTreeMap, HashMap};

/// No block.
pub(super) const NONE: u32 = u32::MAX;

/// A cached block.
#[derive(Debug, Clone)]
struct Node {
    key: u64,
    parent: u32,
    /// Requests that hold it.
    refs: u32,
    /// Neighbours among the unused blocks, by time of release.
    older: u32,
    newer: u32,
}

/// The cached blocks that a request holds: a chain that ends in `last`.
#[derive(Debug, Clone, Copy)]
struct Chain {
    last: u32,
    blocks: u32,
    /// Blocks that were there at admission.
    found: u32,
}

/// Cached blocks of one instance.
#[derive(Debug, Clone)]
pub struct PrefixCache {
    block_size: u32,
    index: HashMap<u64, u32>,
    nodes: Vec<Node>,
    spare: Vec<u32>,
    oldest: u32,
    newest: u32,
    unused: u32,
    chains: BTreeMap<u32, Chain>,
    hit_tokens: u64,
    asked_tokens: u64,
}

impl PrefixCache {
    /// An empty cache of blocks of `block_size` tokens.
    pub fn new(block_size: u32) -> Self {
        Self {
            block_size: block_size.max(1),
            index: HashMap::new(),
            nodes: Vec::new(),
            spare: Vec::new(),
            oldest: NONE,
            newest: NONE,
            unused: 0,
            chains: BTreeMap::new(),
            hit_tokens: 0,
            asked_tokens: 0,
        }
    }

    /// Tokens of a block.
    pub fn block_size(&self) -> u32 {
        self.block_size
    }

    /// Cached blocks that nobody holds.
    pub fn unused(&self) -> u32 {
        self.unused
    }

    /// Prompt tokens found at admission, and prompt tokens of all admissions.
    pub fn hits(&self) -> (u64, u64) {
        (self.hit_tokens, self.asked_tokens)
    }

    /// Leading blocks of the first `tokens` tokens of a request that are cached, and how many of
    /// them nobody holds.
    pub fn matched(&self, tags: &Tags, r: u32, tokens: u32) -> (u32, u32) {
        let (mut blocks, mut unused) = (0, 0);
        for key in tags.block_keys(r, self.block_size, tokens) {
            let Some(&node) = self.index.get(&key) else {
                break;
            };
            blocks += 1;
            unused += u32::from(self.nodes[node as usize].refs == 0);
        }
        (blocks, unused)
    }

    /// Blocks a request found in memory when it was admitted.
    pub fn found(&self, r: u32) -> u32 {
        self.chains.get(&r).map_or(0, |c| c.found)
    }

    /// Marks the cached blocks of a request in `seen`, indexed by block; returns how many were not
    /// marked before, and how many the request shares with those that marked them.
    pub fn mark(&self, r: u32, seen: &mut Vec<bool>) -> (u32, u32) {
        seen.resize(self.nodes.len(), false);
        let (mut new, mut shared) = (0, 0);
        let mut node = self.chains.get(&r).map_or(NONE, |c| c.last);
        while node != NONE {
            let was = std::mem::replace(&mut seen[node as usize], true);
            if was {
                shared += 1;
            } else {
                new += 1;
            }
            node = self.nodes[node as usize].parent;
        }
        (new, shared)
    }

    /// Cached blocks as (place, the one before it, key), in no order that matters.
    pub(super) fn live(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        (self.nodes.iter().zip(0..))
            .filter(|(n, place)| self.index.get(&n.key) == Some(place))
            .map(|(n, place)| (place, n.parent, n.key))
    }

    /// Places for blocks, used or not.
    pub(super) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    /// Requests that hold the block at a place.
    pub(super) fn holders(&self, place: u32) -> u32 {
        self.nodes[place as usize].refs
    }

    /// Requests that hold cached blocks, with the last of them.
    pub(super) fn lasts(&self) -> impl Iterator<Item = (u32, u32)> {
        (self.chains.iter().map(|(r, c)| (*r, c.last))).filter(|(_, last)| *last != NONE)
    }

    /// Blocks of the request's chain.
    pub(super) fn chain_blocks(&self, r: u32) -> u32 {
        self.chains.get(&r).map_or(0, |c| c.blocks)
    }

    /// Takes hold of the first `blocks` cached blocks of a request, which were matched.
    pub(super) fn hold(&mut self, tags: &Tags, r: u32, blocks: u32, prompt: u32) {
        self.asked_tokens += u64::from(prompt);
        self.hit_tokens += u64::from(blocks * self.block_size);
        let mut last = NONE;
        for key in tags.block_keys(r, self.block_size, blocks * self.block_size) {
            let Some(&node) = self.index.get(&key) else {
                break;
            };
            self.take(node);
            last = node;
        }
        let chain = Chain {
            last,
            blocks,
            found: blocks,
        };
        self.chains.insert(r, chain);
    }

    /// Notes that the first `tokens` tokens of a request are computed: full blocks can be found
    /// from now on. Returns the change of blocks in use: a block that was there already is shared
    /// and the request's own copy given up.
    pub(super) fn computed(&mut self, tags: &Tags, r: u32, tokens: u32) -> i64 {
        let full = tokens / self.block_size;
        let Some(&Chain {
            mut last,
            blocks,
            found,
        }) = self.chains.get(&r)
        else {
            return 0;
        };
        if full <= blocks {
            return 0;
        }
        let mut change = 0;
        for key in tags
            .block_keys(r, self.block_size, full * self.block_size)
            .skip(blocks as usize)
        {
            last = if let Some(&node) = self.index.get(&key) {
                let was_unused = self.nodes[node as usize].refs == 0;
                self.take(node);
                change += i64::from(was_unused) - 1;
                node
            } else {
                self.insert(key, last)
            };
        }
        let chain = Chain {
            last,
            blocks: full,
            found,
        };
        self.chains.insert(r, chain);
        change
    }

    /// Lets go of a request's cached blocks; returns how many are in use by nobody now.
    pub(super) fn let_go(&mut self, r: u32) -> u32 {
        let Some(Chain { mut last, .. }) = self.chains.remove(&r) else {
            return 0;
        };
        let mut freed = 0;
        while last != NONE {
            let node = &mut self.nodes[last as usize];
            node.refs -= 1;
            let parent = node.parent;
            if node.refs == 0 {
                self.append_unused(last);
                freed += 1;
            }
            last = parent;
        }
        freed
    }

    /// Forgets the blocks that have not been used for longest.
    pub(super) fn forget(&mut self, blocks: u32) {
        for _ in 0..blocks.min(self.unused) {
            let node = self.oldest;
            self.unlink(node);
            self.index.remove(&self.nodes[node as usize].key);
            self.spare.push(node);
        }
    }

    fn insert(&mut self, key: u64, parent: u32) -> u32 {
        let node = Node {
            key,
            parent,
            refs: 1,
            older: NONE,
            newer: NONE,
        };
        let place = if let Some(place) = self.spare.pop() {
            self.nodes[place as usize] = node;
            place
        } else {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        };
        self.index.insert(key, place);
        place
    }

    fn take(&mut self, node: u32) {
        if self.nodes[node as usize].refs == 0 {
            self.unlink(node);
        }
        self.nodes[node as usize].refs += 1;
    }

    fn append_unused(&mut self, node: u32) {
        self.nodes[node as usize].older = self.newest;
        self.nodes[node as usize].newer = NONE;
        match self.nodes.get_mut(self.newest as usize) {
            Some(newest) => newest.newer = node,
            None => self.oldest = node,
        }
        self.newest = node;
        self.unused += 1;
    }

    fn unlink(&mut self, node: u32) {
        let Node { older, newer, .. } = self.nodes[node as usize];
        match self.nodes.get_mut(older as usize) {
            Some(n) => n.newer = newer,
            None => self.oldest = newer,
        }
        match self.nodes.get_mut(newer as usize) {
            Some(n) => n.older = older,
            None => self.newest = older,
        }
        self.unused -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Piece;
    use super::*;

    fn tags() -> Tags {
        let mut tags = Tags::default();
        for own in 1..=3 {
            tags.push_pieces([
                Piece {
                    stream: 0,
                    tokens: 8,
                },
                Piece {
                    stream: own,
                    tokens: 100,
                },
            ]);
        }
        tags
    }

    #[test]
    fn a_prefix_is_shared_counted_once_and_forgotten_from_its_end() {
        let tags = tags();
        let mut cache = PrefixCache::new(4);
        cache.hold(&tags, 0, 0, 16);
        assert_eq!(cache.computed(&tags, 0, 16), 0, "four new blocks");
        assert_eq!(
            cache.matched(&tags, 1, 16),
            (2, 0),
            "two are shared and held"
        );
        cache.hold(&tags, 1, 2, 16);
        assert_eq!(cache.computed(&tags, 1, 16), 0);
        assert_eq!(
            cache.let_go(0),
            2,
            "two of four are still held by request 1"
        );
        assert_eq!(cache.let_go(1), 4);
        assert_eq!((cache.unused(), cache.hits()), (6, (8, 32)));
        // The ends of both conversations go before what they share.
        cache.forget(4);
        assert_eq!(cache.matched(&tags, 0, 16), (2, 2));
        cache.forget(2);
        assert_eq!(cache.matched(&tags, 0, 16), (0, 0));
    }

    #[test]
    fn a_block_computed_twice_is_kept_once() {
        let tags = tags();
        let mut cache = PrefixCache::new(4);
        cache.hold(&tags, 0, 0, 8);
        cache.hold(&tags, 1, 0, 8);
        assert_eq!(cache.computed(&tags, 0, 8), 0);
        assert_eq!(cache.computed(&tags, 1, 8), -2, "its own two copies");
        assert_eq!((cache.let_go(0), cache.let_go(1)), (0, 2));
    }
}
