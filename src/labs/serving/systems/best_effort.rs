//! Learned best-effort serving: smaller models when the load is high (arXiv 2401.07886).

use crate::core::{ClaimResult, Job};
use crate::labs::serving::aside::World;
use crate::labs::serving::aside::claim::{Trial, start};
use crate::labs::serving::config::Config;
use crate::labs::{Basis, Claim, Effort, Exhibit, LabKind, Paper, Setup};

/// The exhibit.
pub(super) static BEST_EFFORT: Exhibit = Exhibit {
    id: "learned-best-effort",
    lab: LabKind::Serving,
    title: "Learned best-effort serving",
    idea: "A large model answers best while there is time, and not at all in time when everybody comes at once. Keep models of several sizes on one pool and learn, from what every choice earned and what came after it, which to ask at which load.",
    paper: Paper {
        title: "Learned best-effort LLM serving",
        authors: "Jha, Hooper, Liu, et al.",
        year: 2024,
        arxiv: "2401.07886",
    },
    basis: Basis::AbstractOnly,
    deviations: "The paper trains a deep Q-network; here a table holds one value for every model and situation (requests per server and recent rate in coarse steps), learned in the page over a few runs of the same kind of traffic. Qualities, times, traffic and the windows of 10 s that are judged are our choice. Requests are served first come first, and those whose deadline is over leave. They travel in no time.",
    equation: "Q(s, m) ← Q(s, m) + 0.05·(r + γ·max Q(s′, ·) − Q(s, m)); r = quality of m if the deadline is met, else 0; m = argmax Q(s, ·)",
    symbols: &[
        ("s, s′", "situation at a request, and at the next one"),
        ("m", "model: small, middle or large"),
        ("γ", "weight of what follows"),
    ],
    setup: || Setup::Serving(config()),
    claim: Some(Claim {
        statement: "Above 96 % of peak performance 4.1 times as often as static serving, above 98 % 2.3 times as often, under unpredictable load.",
        experiment: "Models of quality 0.8, 0.93 and 1 that take 0.25, 0.8 and 2.5 s on 16 servers, four requests per second and five times as many in busy phases, a deadline of 6 s: share of windows of 10 s above 96 % of the best quality, learned over the best single model.",
        start: above,
    }),
};

fn config() -> Config {
    Config {
        world: World::Quality,
        ..Config::default()
    }
}

fn above(effort: Effort) -> Box<dyn Job<Out = ClaimResult>> {
    let mut config = config();
    if effort == Effort::Full {
        config.quality.requests = 5000;
        config.quality.episodes = 100;
    }
    let trial = Trial {
        quantity: "time above 96 % of the best quality, learned over the best single model",
        sides: vec![config],
        ratio: |runs| runs[0].value("above_96_percent") / runs[0].value("static_above_96_percent"),
        claimed: [4.1, f64::INFINITY],
        claimed_where: "in the abstract",
        conditions: "The single model to beat is the large one: in quiet phases it is at its peak already, so the gain is bounded by the share of time that it loses in busy phases and while its queue drains. Traffic that overloads it for most of the time would raise the factor; traffic that never does leaves nothing to gain.",
    };
    start(trial, effort)
}
