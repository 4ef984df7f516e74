//! Hash layers (arXiv 2106.04426): a fixed table from token id to expert.

use super::super::claims::{Measured, Plan, metric};
use super::super::config::{Config, HashTable, Router};
use super::super::model::BatchRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Hash routing.
pub(super) static HASH_LAYERS: Exhibit = Exhibit {
    id: "hash-layers",
    lab: LabKind::Routing,
    title: "Hash layers",
    idea: "No router at all: a table sends every token id to one expert, once and for all. Frequent words make its loads uneven, unless the table spreads them by frequency.",
    paper: Paper {
        title: "Hash Layers For Large Sparse Models",
        authors: "Roller et al.",
        year: 2021,
        arxiv: "2106.04426",
    },
    basis: Basis::Paper,
    deviations: "Token ids are synthetic: 32 words per cluster with Zipf frequencies. The balanced table uses the true frequencies.",
    equation: "e = table[id]; y = f_e(x); balanced: ids by descending frequency, each to the expert with the least expected load",
    symbols: &[
        ("id", "token id"),
        ("table", "expert of each id, drawn before training"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "A table balanced by frequency spreads the load more evenly than a random one.",
        experiment: "The same tokens through both tables: MaxVio of the balanced table over that of the random one.",
        start,
    }),
};

fn config() -> Config {
    Config {
        router: Router::Hash,
        hash_table: HashTable::Balanced,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("MaxVio, balanced over random table", "×")
        .start(effort)
}

fn setups(seed: u64, effort: Effort) -> Vec<Config> {
    let batches = if effort == Effort::Quick { 8 } else { 32 };
    [HashTable::Balanced, HashTable::Random]
        .map(|hash_table| Config {
            seed,
            hash_table,
            batches,
            ..config()
        })
        .to_vec()
}

fn measure(runs: &[BatchRun]) -> [f64; 2] {
    let violation = |i| metric(runs, i, "max_violation");
    [
        violation(0) / violation(1),
        violation(0) / metric(runs, 0, "max_violation_floor"),
    ]
}

fn judge(m: &Measured) -> (Verdict, String) {
    let verdict = if m.interval[1] < 1.0 {
        Verdict::Reproduced
    } else if m.mean < 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "MaxVio falls to {:.2} of the random table's and stands at {:.2} times the floor of random routing of independent tokens.",
            m.mean,
            m.side_mean()
        ),
    )
}
