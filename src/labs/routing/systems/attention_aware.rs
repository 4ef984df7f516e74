//! Graph of tokens by attention (arXiv 2505.00792): scores follow the attention between tokens.

use super::super::claims::Plan;
use super::super::config::{Config, Graph};
use super::graph_of_tokens::{self, judge, measure};
use crate::core::{ClaimResult, Job};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Scores averaged over the tokens attended to.
pub(super) static ATTENTION_AWARE: Exhibit = Exhibit {
    id: "attention-aware-routing",
    lab: LabKind::Routing,
    title: "Graph of tokens (attention-aware)",
    idea: "A transformer has already computed which tokens belong together: the attention of the layer before. Each token's scores are averaged over those it attends to, only backwards, so that a decoder may use it.",
    paper: Paper {
        title: "Improving Routing in Sparse Mixture of Experts with Graph of Tokens",
        authors: "Nguyen et al.",
        year: 2025,
        arxiv: "2505.00792",
    },
    basis: Basis::AbstractOnly,
    deviations: "The exact form is ours: the attention matrix averaged over four heads, causal. There is no trained attention here: a head is a random projection of a quarter of the width, the same for query and key, so that it attends to what resembles the token in its directions.",
    equation: "A_tu = mean_h softmax over u <= t of (h_t · h_u / (√d τ)), h = P_h x; p'_t = Σ_u A_tu p_u; top-k of p'",
    symbols: &[
        ("P_h", "projection of head h, d × D"),
        ("A", "attention of tokens, rows sum to 1"),
        ("p", "probabilities of each token alone"),
        ("τ", "temperature; 1 is plain attention"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "Routing fluctuates less, and its entropy is lower.",
        experiment: "The same tokens with fresh noise: share whose first expert changes, with averaging over without; and the change of the mean routing entropy.",
        start,
    }),
};

fn config() -> Config {
    Config {
        graph: Graph::Attention,
        temperature: 1.0,
        ..graph_of_tokens::config()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("tokens that change their expert, averaged over plain", "×")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config {
        seed,
        batches: 1,
        ..config()
    }]
}
