//! The plan of an offline batch: requests as leaves of a tree of shared prefixes whose nodes know
//! what their requests ask of the GPU, sorted by compute density from left to right.
//!
//! After "BlendServe: optimizing offline inference for auto-regressive large models with
//! resource-aware batching" (arXiv 2411.16102).

use crate::core::Arrange as _;
use crate::labs::serving::cost::{CostModel, Demand};
use crate::labs::serving::engine::{Piece, Requests, Work};

/// What a request or a subtree asks of the GPU, in seconds of computing and of reading KV.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Load {
    pub(super) compute: f64,
    pub(super) memory: f64,
}

impl Load {
    fn of(demand: Demand) -> Self {
        Self {
            compute: demand.compute,
            memory: demand.kv,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            compute: self.compute + other.compute,
            memory: self.memory + other.memory,
        }
    }

    /// Compute density ρ: seconds of computing over seconds of reading KV.
    pub(super) fn density(self) -> f64 {
        self.compute / self.memory.max(f64::MIN_POSITIVE)
    }

    /// Seconds of computing beyond what `density` would give its reading.
    fn excess(self, density: f64) -> f64 {
        self.compute - density * self.memory
    }
}

/// Work of prompt tokens `from..to`, in one piece.
fn prompt_work(from: u64, to: u64) -> Work {
    let q = to - from;
    Work {
        prefill: q,
        quad: q * q + 2 * q * from,
        kv_read: from,
        prefill_past: from,
        ..Work::default()
    }
}

/// What a request asks beyond the `shared` tokens of its prompt, with `output` tokens to come:
/// C = c1·P + c2·Q + c3·D and M = c4·Σ context.
pub(super) fn request_load(cost: &CostModel, prompt: u32, shared: u32, output: u32) -> Load {
    let (p, steps) = (u64::from(prompt), u64::from(output.saturating_sub(1)));
    let decodes = Work {
        decodes: steps,
        kv_read: steps * p + steps * (steps + 1) / 2,
        ..Work::default()
    };
    let prompt = cost.demand(&prompt_work(u64::from(shared), p));
    Load::of(prompt).plus(Load::of(cost.demand(&decodes)))
}

/// A leaf or an inner node; children in order from left to right.
#[derive(Debug, Clone)]
enum Node {
    Leaf(u32, Load),
    Inner {
        /// What computing its own tokens asks, once.
        prefix: Load,
        children: Vec<Self>,
    },
}

impl Node {
    fn load(&self) -> Load {
        match self {
            Self::Leaf(_, load) => *load,
            Self::Inner { prefix, children } => {
                (children.iter()).fold(*prefix, |sum, child| sum.plus(child.load()))
            }
        }
    }
}

/// An ordered plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// Requests from left to right.
    pub(super) order: Vec<(u32, Load)>,
    /// What all of them ask together.
    pub(super) load: Load,
    /// Nodes that were cut in two.
    pub(super) splits: u32,
}

/// The tokens a request begins with and may share: neighbours of one stream joined, no longer than
/// its prompt.
fn path(requests: &Requests, r: u32) -> Vec<Piece> {
    let mut left = requests.prefill[r as usize].saturating_sub(1);
    let mut out: Vec<Piece> = Vec::new();
    for piece in requests.tags.pieces(r) {
        let tokens = piece.tokens.min(left);
        left -= tokens;
        match out.last_mut() {
            _ if tokens == 0 => {}
            Some(last) if last.stream == piece.stream => last.tokens += tokens,
            _ => out.push(Piece { tokens, ..*piece }),
        }
    }
    out
}

/// Tokens that two paths have in common.
fn common(a: &[Piece], b: &[Piece]) -> u32 {
    let mut tokens = 0;
    for (x, y) in a.iter().zip(b) {
        if x.stream != y.stream {
            break;
        }
        tokens += x.tokens.min(y.tokens);
        if x.tokens != y.tokens {
            break;
        }
    }
    tokens
}

/// The tree of waiting requests with their expected outputs, depth first: requests that share more
/// stand closer together.
struct Builder<'a> {
    cost: &'a CostModel,
    requests: &'a Requests,
    /// Requests with expected outputs, and tokens that each shares with the one before.
    leaves: Vec<(u32, u32, u32)>,
}

impl Builder<'_> {
    /// The leaves from `from` to `to`, which all share `depth` tokens.
    fn node(&self, from: usize, to: usize, depth: u32) -> Vec<Node> {
        let mut children = Vec::new();
        let mut at = from;
        while at < to {
            // Those that share more than `depth` with their neighbour belong together.
            let mut end = at + 1;
            while end < to && self.leaves[end].2 > depth {
                end += 1;
            }
            let (r, output, _) = self.leaves[at];
            if end == at + 1 {
                let prompt = self.requests.prefill[r as usize];
                let load = request_load(self.cost, prompt, depth, output);
                children.push(Node::Leaf(r, load));
            } else {
                let deeper = self.leaves[at + 1..end].iter().map(|l| l.2).min();
                let deeper = deeper.unwrap_or(depth);
                let prefix = prompt_work(u64::from(depth), u64::from(deeper));
                children.push(Node::Inner {
                    prefix: Load::of(self.cost.demand(&prefix)),
                    children: self.node(at, end, deeper),
                });
            }
            at = end;
        }
        children
    }
}

/// Cuts nodes in two whose requests stand on both sides of `density`, deepest first, where the
/// seconds out of balance are more than those of computing the prefix a second time; then sorts by
/// density, the densest first.
fn balance(children: Vec<Node>, density: f64, splits: &mut u32) -> Vec<Node> {
    let mut out = Vec::with_capacity(children.len());
    for child in children {
        let Node::Inner { prefix, children } = child else {
            out.push(child);
            continue;
        };
        let children = balance(children, density, splits);
        let (dense, sparse): (Vec<Node>, Vec<Node>) =
            (children.into_iter()).partition(|c| c.load().density() > density);
        let off = |side: &[Node]| -> f64 {
            let excess: f64 = side.iter().map(|c| c.load().excess(density)).sum();
            excess.abs()
        };
        if off(&dense).min(off(&sparse)) > prefix.compute {
            *splits += 1;
            for children in [dense, sparse] {
                out.push(Node::Inner { prefix, children });
            }
        } else {
            let children = dense.into_iter().chain(sparse).collect();
            out.push(Node::Inner { prefix, children });
        }
    }
    let mut keyed: Vec<(f64, Node)> = (out.into_iter())
        .map(|node| (node.load().density(), node))
        .collect();
    keyed.arrange_by(|a, b| b.0.total_cmp(&a.0));
    keyed.into_iter().map(|(_, node)| node).collect()
}

fn flatten(nodes: &[Node], out: &mut Vec<(u32, Load)>) {
    for node in nodes {
        match node {
            Node::Leaf(r, load) => out.push((*r, *load)),
            Node::Inner { children, .. } => flatten(children, out),
        }
    }
}

/// Plans requests given with the outputs expected of them: depth first as the tree comes, or sorted
/// by density.
pub(super) fn plan(
    cost: &CostModel,
    requests: &Requests,
    waiting: &[(u32, u32)],
    by_density: bool,
) -> Plan {
    let mut paths: Vec<(Vec<Piece>, u32, u32)> = (waiting.iter())
        .map(|&(r, output)| (path(requests, r), r, output))
        .collect();
    let key = |p: &Piece| (p.stream, p.tokens);
    paths.arrange_by(|a, b| {
        (a.0.iter().map(key))
            .cmp(b.0.iter().map(key))
            .then(a.1.cmp(&b.1))
    });
    let mut builder = Builder {
        cost,
        requests,
        leaves: Vec::with_capacity(paths.len()),
    };
    for (i, (path, r, output)) in paths.iter().enumerate() {
        let shared = match i.checked_sub(1) {
            Some(before) => common(&paths[before].0, path),
            None => 0,
        };
        builder.leaves.push((*r, *output, shared));
    }
    let mut roots = builder.node(0, builder.leaves.len(), 0);
    let load = (roots.iter()).fold(Load::default(), |sum, node| sum.plus(node.load()));
    let mut plan = Plan {
        load,
        ..Plan::default()
    };
    if by_density {
        roots = balance(roots, load.density(), &mut plan.splits);
    }
    flatten(&roots, &mut plan.order);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::engine::Tags;

    fn requests(of: &[(u32, &[(u32, u32)])]) -> Requests {
        let prompts: Vec<u32> = of.iter().map(|r| r.0).collect();
        let outputs = vec![1; of.len()];
        let mut tags = Tags::default();
        for (_, pieces) in of {
            tags.push_pieces((pieces.iter()).map(|&(stream, tokens)| Piece { stream, tokens }));
        }
        Requests::new(vec![0.0; of.len()].into(), &prompts, &outputs).with_tags(tags.into())
    }

    /// The published example of the specification: Llama-3-8B on an A100.
    fn cost() -> CostModel {
        [8.839e-3, 6.302e-5, 2.736e-9, 5.323e-5, 8.213e-8].into()
    }

    #[test]
    fn two_kinds_of_requests_bound_what_blending_gains() {
        let long = request_load(&cost(), 4000, 0, 50);
        let chatty = request_load(&cost(), 100, 0, 4000);
        let all = |f: fn(&Load) -> f64| 100.0 * (f(&long) + f(&chatty));
        let apart = 100.0 * (long.compute.max(long.memory) + chatty.compute.max(chatty.memory));
        let together = all(|l| l.compute).max(all(|l| l.memory));
        assert!((apart - 98.8).abs() < 0.1, "{apart}");
        assert!((together - 70.6).abs() < 0.1, "{together}");
        assert!((apart / together - 1.40).abs() < 0.005);
        let shorter = request_load(&cost(), 100, 0, 1500);
        let gain = (long.compute + shorter.memory.max(shorter.compute))
            / (long.compute + shorter.compute).max(long.memory + shorter.memory);
        assert!((gain - 1.05).abs() < 0.01, "{gain}");
    }

    #[test]
    fn the_tree_counts_a_shared_prefix_once_and_sorts_by_density() {
        // Two share 800 tokens; the third shares nothing.
        let requests = requests(&[
            (1000, &[(1, 800)]),
            (50, &[]),
            (1000, &[(1, 800), (2, 100)]),
        ]);
        let waiting = [(0, 10), (1, 2000), (2, 10)];
        let plan = plan(&cost(), &requests, &waiting, true);
        let order: Vec<u32> = plan.order.iter().map(|o| o.0).collect();
        assert_eq!(order, [0, 2, 1], "computing first, reading last");
        let alone: f64 = [(1000, 10), (50, 2000), (1000, 10)]
            .map(|(p, d)| request_load(&cost(), p, 0, d).compute)
            .iter()
            .sum();
        let prefix = cost().demand(&prompt_work(0, 800)).compute;
        assert!((plan.load.compute + prefix - alone).abs() < 1e-9);
    }

    #[test]
    fn a_node_is_cut_in_two_where_balance_is_worth_more_than_sharing() {
        // All share a prefix; half of them compute, half read.
        let of = |shared: u32| {
            let pieces: &[(u32, u32)] = &[(1, shared)];
            let requests = requests(&[(shared + 500, pieces); 6]);
            let waiting: Vec<(u32, u32)> = (0..6)
                .map(|r| (r, if r % 2 == 0 { 2 } else { 3000 }))
                .collect();
            let plan = plan(&cost(), &requests, &waiting, true);
            let order: Vec<u32> = plan.order.iter().map(|o| o.0).collect();
            (plan.splits, order)
        };
        let sorted = vec![0, 2, 4, 1, 3, 5];
        assert_eq!(of(10), (1, sorted.clone()));
        assert_eq!(of(10_000), (0, sorted), "too long to be computed twice");
    }

    #[test]
    fn depth_first_keeps_together_what_shares() {
        let requests = requests(&[
            (100, &[(7, 40)]),
            (100, &[(3, 40)]),
            (100, &[(7, 40)]),
            (100, &[(3, 20)]),
        ]);
        let waiting = [(0, 5), (1, 5), (2, 5), (3, 5)];
        let plan = plan(&cost(), &requests, &waiting, false);
        let order: Vec<u32> = plan.order.iter().map(|o| o.0).collect();
        assert_eq!(order, [3, 1, 0, 2]);
    }
}
