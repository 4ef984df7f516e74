//! STEM (arXiv 2601.10639): rows of a table in place of a projection.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Looked up, not routed.
pub(super) static STEM: Exhibit = Exhibit {
    id: "stem",
    lab: LabKind::Routing,
    title: "STEM: rows by token id",
    idea: "The router that cannot be wrong: every token id has a row of its own in place of the up-projection. What is read is known with the text and can be fetched ahead, longer texts use more rows, and editing a row changes one word and nothing else. Read on and watch the edited word.",
    paper: Paper {
        title: "STEM: Scaling Transformers with Embedding Modules",
        authors: "Sadhukhan, Cao, Dong et al.",
        year: 2026,
        arxiv: "2601.10639",
    },
    basis: Basis::AbstractOnly,
    deviations: "One layer with random weights (width 32, 64 hidden units) on the words of a real text, each with half of the word before it; nothing is trained, so neither accuracy nor stability is shown. The dense layer beside it has a projection of the same shape.",
    equation: "y = W_d (silu(W_g x) ⊙ U[id]) in place of W_d (silu(W_g x) ⊙ W_u x)",
    symbols: &[
        ("x, id", "input of the layer, id of the token"),
        ("W_g, W_d", "gate and down-projection"),
        ("U", "table with a row for every id"),
        ("W_u", "up-projection that it replaces"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "A layer looked up by token id needs no routing at run time, reads about a third fewer parameters, uses more distinct parameters as the text grows, and can be edited word by word.",
        experiment: "Exponent of the growth of distinct rows over 3,000 words of a real text, another passage for each seed; and the largest change at any other word when one row is edited.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Lookup,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("exponent of distinct rows over words", "")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first()
        .map_or([f64::NAN; 2], |run| [run.value("heaps"), run.value("leak")])
}

fn judge(m: &Measured) -> (Verdict, String) {
    let local = m.side.iter().all(|leak| *leak == 0.0);
    let verdict = match (m.interval[0] > 0.0, local) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    let edit = if local {
        "an edited row changes no other word"
    } else {
        "an edited row changes other words too"
    };
    (
        verdict,
        format!(
            "Distinct rows grow as the power {:.2} of the words; {edit}. The share of parameters read follows from the shapes. What this buys in accuracy needs training and is not shown.",
            m.mean
        ),
    )
}
