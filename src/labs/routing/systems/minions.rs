//! Minions (arXiv 2502.15964): a device that reads, a remote model that is paid by the token.

use super::super::claims::{Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Jobs over chunks.
pub(super) static MINIONS: Exhibit = Exhibit {
    id: "minions",
    lab: LabKind::Routing,
    title: "Minions: device and cloud",
    idea: "A question about a long document need not send the document to a remote model. The remote model cuts the work into short jobs, a small model on the device runs them over chunks, several times each, and only the reports travel. Play the number of chunks: short ones are read better, many report more that is false.",
    paper: Paper {
        title: "Minions: Cost-efficient Collaboration Between On-device and Cloud Language Models",
        authors: "Narayan, Biderman, Eyuboglu et al.",
        year: 2025,
        arxiv: "2502.15964",
    },
    basis: Basis::AbstractOnly,
    deviations: "A calculator on assumptions of ours, checked by drawn queries; no language model runs. An answer needs two facts at random places. The device finds a fact in c tokens with 0.95 / (1 + c / h), reports something false elsewhere with 0.1, and each such report misleads the remote model with 0.01. A report has 100 tokens, a round 500 beside them; the chat has three rounds in which the device reads everything. The remote model alone is always right; tokens read and written cost the same. Which of the two hands over fewer tokens depends on these numbers.",
    equation: "p = 0.95 / (1 + D / (n h)); right = ((1 - (1 - p)^s) (1 - f m)^((n - 1) s))^2; tokens = 500 + 2 · 100 · s (p + f (n - 1)); alone: D + 500",
    symbols: &[
        ("D, n", "tokens of the document, chunks"),
        ("h", "tokens at which the device's chance has halved"),
        ("s", "samples of a job"),
        ("f, m", "chance of a false report, that it misleads"),
    ],
    setup: || Setup::Routing(config()),
    claim: Some(Claim {
        statement: "A chat between the two costs 30.4 times less than the remote model alone and keeps 87 % of its quality; jobs over chunks cost 5.7 times less and keep 97.9 %.",
        experiment: "A document of 100,000 tokens, two samples a job: quality of the jobs at their best number of chunks minus that of the chat; beside it tokens of the jobs over those of the chat. Both must be cheaper than the remote model alone.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Minions,
        ..Config::default()
    }
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Plan::new(setups, measure, judge)
        .of("right answers, jobs minus chat", "points")
        .start(effort)
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        let [jobs, chat] = ["jobs_cheaper", "chat_cheaper"].map(|id| run.value(id));
        let gain = run.value("jobs_quality") - run.value("chat_quality");
        // A way that is dearer than the remote model alone saves nothing.
        [
            gain,
            if jobs.min(chat) > 1.0 {
                chat / jobs
            } else {
                f64::NAN
            },
        ]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let dearer = m.side_interval();
    let verdict = if m.interval[0] > 0.0 && dearer[0] > 1.0 {
        Verdict::Partly
    } else {
        Verdict::NotReproduced
    };
    (
        verdict,
        format!(
            "Jobs answer {:+.1} points more than the chat ({:.1} to {:.1}) and hand the remote model {:.2} times as many tokens ({:.2} to {:.2}). The order of the two is what the assumptions can show; the paper's figures need its models.",
            m.mean,
            m.interval[0],
            m.interval[1],
            m.side_mean(),
            dearer[0],
            dearer[1]
        ),
    )
}
