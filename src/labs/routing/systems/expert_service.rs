//! Expert-as-a-Service (arXiv 2509.17863): experts behind servers of their own.

use super::super::claims::{Experiment, Measured, Plan};
use super::super::config::{Config, Study, World};
use super::super::studies::StudyRun;
use crate::core::{ClaimResult, Job, Verdict};
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// Experts that may fail and scale.
pub(super) static EXPERT_SERVICE: Exhibit = Exhibit {
    id: "expert-as-a-service",
    lab: LabKind::Routing,
    title: "Expert-as-a-Service",
    idea: "One large model on many devices halts when one of them does. If experts are stateless services, each on several servers, a client simply asks another one, and servers come and go with the traffic. Play the day: framed hours had a failure.",
    paper: Paper {
        title: "Expert-as-a-Service: Towards Efficient, Scalable, and Robust Large-scale MoE Serving",
        authors: "Liu, Tian, Wang et al.",
        year: 2025,
        arxiv: "2509.17863",
    },
    basis: Basis::AbstractOnly,
    deviations: "A fluid model: four experts a server by first home, copies on random others, popularity by Zipf with exponent 0.3, load sent in sixteenths to the least loaded live server, no more than a server can do is served. Traffic swings by half over a day with 5 % noise; repairs take an hour. Communication is free.",
    equation: "throughput = (1/M) Σ_s min(load_s, 1); servers(t) = ceil(traffic(t) M / peak share)",
    symbols: &[
        ("M", "servers"),
        ("load_s", "what server s is sent, over what it can do"),
    ],
    setup,
    claim: Some(Claim {
        statement: "A failure costs less than 2 % of the throughput where monolithic systems halt, and scaling with the traffic saves up to 37.5 % of the resources.",
        experiment: "64 servers, two for each expert, all of them busy: throughput lost when one fails, mean over the servers; and the servers that scaling with the traffic of a day saves.",
        start,
    }),
};

fn config() -> Config {
    Config {
        world: World::Studies,
        study: Study::Service,
        ..Config::default()
    }
}

fn setup() -> Setup {
    Setup::Routing(config())
}

fn start(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    Experiment::start(
        "throughput lost when one of 64 busy servers fails",
        "%",
        effort,
        Plan {
            setups,
            measure,
            judge,
        },
    )
}

fn setups(seed: u64, _effort: Effort) -> Vec<Config> {
    vec![Config { seed, ..config() }]
}

fn measure(runs: &[StudyRun]) -> [f64; 2] {
    runs.first().map_or([f64::NAN; 2], |run| {
        [run.value("lost_saturated"), run.value("saved")]
    })
}

fn judge(m: &Measured) -> (Verdict, String) {
    let saved = m.side_interval();
    let verdict = match (m.interval[1] < 2.0, saved[0] > 0.0) {
        (true, true) => Verdict::Reproduced,
        (true, false) | (false, true) => Verdict::Partly,
        (false, false) => Verdict::NotReproduced,
    };
    (
        verdict,
        format!(
            "A failure costs {:.2} % of the throughput; one server of 64 is 1.56 %, so with fewer servers the figure is another one. Scaling saves {:.0} % of the servers ({:.0} to {:.0}), which is what the swing of the traffic allows.",
            m.mean,
            m.side_mean(),
            saved[0],
            saved[1]
        ),
    )
}
