//! Parameters of schedules that come out of the run or of another run, and of the problems made
//! for them.

use super::params::{SCHEDULE, TASK};
use super::{Config, Fed, Growth, Hyper, Night, Problem, Proximity, Scaling};
use crate::core::Param;
use crate::labs::lr::schedule::Shape;

fn drifts(c: &Config) -> bool {
    c.problem == Problem::Drift
}

fn masks(c: &Config) -> bool {
    c.problem == Problem::Masking
}

/// Scales, mixtures and pulls in the order of their menus.
const SCALINGS: [Scaling; 3] = [Scaling::Adaptive, Scaling::Wide, Scaling::Narrow];
const NIGHTS: [Night; 3] = [Night::Ramped, Night::Even, Night::Never];
const NEARNESS: [Proximity; 3] = [Proximity::Free, Proximity::Uniform, Proximity::Modules];

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::float(
        "short",
        "Extended from",
        [0.05, 1.0],
        |c: &Config| c.short,
        |c, v| c.short = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Extended)
    .doc("Length of the shorter run, whose rate was tuned. Its stable rate is kept for 0.8 of that; then the convex bound says how much lower the run goes on."),
    Param::int(
        "looks",
        "Observations",
        [2, 1000],
        |c: &Config| c.looks,
        |c, v| c.looks = v,
    )
    .log()
    .group(SCHEDULE)
    .when(|c| matches!(c.shape, Shape::Plateau | Shape::VolSched))
    .doc("How often over the run the rule is shown the mean training loss, or accuracy, since the last time. The data never repeat, so this is as good as held-out data."),
    Param::int(
        "patience",
        "Patience",
        [0, 100],
        |c: &Config| c.patience,
        |c, v| c.patience = v,
    )
    .unit("observations")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Plateau)
    .doc("Observations without a new best that are borne; the next one drops the rate."),
    Param::float(
        "first_rate",
        "First rate",
        [1e-4, 1.0],
        |c: &Config| c.first_rate,
        |c, v| c.first_rate = v,
    )
    .log()
    .unit("of the peak")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Hypergradient)
    .doc("Where the rate starts. It stays between a thousandth of the peak and the peak."),
    Param::choice(
        "hyper",
        "Rule",
        &["multiplicative", "additive"],
        |c: &Config| match c.hyper {
            Hyper::Multiplicative => 0,
            Hyper::Additive => 1,
        },
        |c, v| c.hyper = [Hyper::Multiplicative, Hyper::Additive][v.min(1)],
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Hypergradient)
    .doc("Multiplicative: η ← η (1 + κ cos(g_t, g_(t-1))). Additive: η ← η + κ g_t · g_(t-1)."),
    Param::float(
        "kappa",
        "κ",
        [1e-5, 1.0],
        |c: &Config| c.kappa,
        |c, v| c.kappa = v,
    )
    .log()
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Hypergradient)
    .doc("How far one pair of gradients moves the rate."),
    Param::int(
        "stage",
        "First stage",
        [10, 10_000],
        |c: &Config| c.stage,
        |c, v| c.stage = v,
    )
    .log()
    .unit("updates")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::AutoLrs)
    .doc("τ: updates trained at the first rate found. Every stage is twice as long, up to 8 τ; a probe lasts a tenth of its stage."),
    Param::int(
        "probes",
        "Probes per stage",
        [2, 20],
        |c: &Config| c.probes,
        |c, v| c.probes = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::AutoLrs)
    .doc("Rates tried before every stage; each trains a copy of the model that is thrown away. Ten probes cost as many updates as the stage."),
    Param::float(
        "lowest",
        "Lowest rate",
        [1e-5, 0.9],
        |c: &Config| c.lowest,
        |c, v| c.lowest = v,
    )
    .log()
    .unit("of the peak")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::AutoLrs)
    .doc("Rates between this and the peak are searched."),
    Param::float(
        "explore",
        "Exploration",
        [0.0, 100.0],
        |c: &Config| c.explore,
        |c, v| c.explore = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::AutoLrs)
    .advanced()
    .doc("κ of the lower confidence bound μ - κ σ that picks the next probe. The authors' code uses 1e6, which only fills space."),
    Param::float(
        "beta",
        "β",
        [0.01, 0.999],
        |c: &Config| c.beta,
        |c, v| c.beta = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::ScheduleFree)
    .doc("Gradients are taken at (1 - β) z + β x. What Schedule-Free reaches depends on it: sweep it."),
    Param::choice(
        "fed",
        "Acts on",
        &[
            "the server's step (G)",
            "the server's step with momentum (GM)",
            "the clients' rate, by the server (SL)",
            "each client's rate (CL)",
        ],
        |c: &Config| c.fed.index(),
        |c, v| c.fed = Fed::ALL[v.min(3)],
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::FedHyper)
    .doc("What the products of neighbouring updates set."),
    Param::int(
        "local_steps",
        "Local updates",
        [1, 50],
        |c: &Config| c.local_steps,
        |c, v| c.local_steps = v,
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Federated)
    .doc("SGD updates of every client between two averages; one update of the run is a round of ten clients."),
    Param::int(
        "task_length",
        "Labels change after",
        [10, 100_000],
        |c: &Config| c.task_length,
        |c, v| c.task_length = v,
    )
    .log()
    .unit("updates")
    .group(TASK)
    .when(|c| c.problem == Problem::Relabel)
    .doc("Updates until the ten classes get new labels."),
    Param::toggle(
        "project",
        "Project to the first norm",
        |c: &Config| c.project,
        |c, v| c.project = v,
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Relabel)
    .doc("NaP: after every update the hidden weights are scaled back to the norm they started with."),
    Param::choice(
        "growth",
        "Batch grows by",
        &Growth::NAMES,
        |c: &Config| c.growth.index(),
        |c, v| c.growth = Growth::ALL[v.min(3)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Growing)
    .doc("What decides the next batch: the spread of the gradients against their mean, its part along the mean alone, or that and the part at right angles to it. An update of the run is the samples of one base batch; a larger batch waits for several."),
    Param::float(
        "tolerance",
        "Tolerated noise",
        [0.01, 100.0],
        |c: &Config| c.tolerance,
        |c, v| c.tolerance = v,
    )
    .log()
    .group(TASK)
    .when(|c| c.problem == Problem::Growing && c.growth != Growth::Fixed)
    .doc("θ: deviation of the mean gradient over its norm that is tolerated. The authors use 0.1, with which these small gradients need the largest batch at once."),
    Param::float(
        "across",
        "Tolerated noise across",
        [0.01, 100.0],
        |c: &Config| c.across,
        |c, v| c.across = v,
    )
    .log()
    .group(TASK)
    .when(|c| c.problem == Problem::Growing && c.growth == Growth::Augmented)
    .doc("ν: deviation of the mean gradient at right angles to itself, over its norm, that is tolerated. The authors use 0.1."),
    Param::float(
        "mask_from",
        "Masking rate, first",
        [0.01, 0.9],
        |c: &Config| c.mask_from,
        |c, v| c.mask_from = v,
    )
    .group(TASK)
    .when(masks)
    .doc("Share of letters that are hidden and predicted at the first update; it changes in a straight line."),
    Param::float(
        "mask_to",
        "Masking rate, last",
        [0.01, 0.9],
        |c: &Config| c.mask_to,
        |c, v| c.mask_to = v,
    )
    .group(TASK)
    .when(masks)
    .doc("Share of letters that are hidden at the last update. The same as the first one keeps it fixed."),
    Param::choice(
        "scaling",
        "Scale c",
        &["shrinks with the steps", "wide, as at 10 steps", "narrow, as at 640 steps"],
        |c: &Config| SCALINGS.iter().position(|s| *s == c.scaling).unwrap_or(0),
        |c, v| c.scaling = SCALINGS[v.min(2)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Robust)
    .doc("c of the loss ln(1 + d² / (2 c²)): residuals far beyond it lose their pull."),
    Param::choice(
        "night",
        "Night samples",
        &["ramped up", "evenly mixed", "never"],
        |c: &Config| NIGHTS.iter().position(|n| *n == c.night).unwrap_or(0),
        |c, v| c.night = NIGHTS[v.min(2)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Domains)
    .doc("How the samples of the night enter the batches. Ramped and even spend the same number on the night."),
    Param::float(
        "night_ratio",
        "Weight of the night",
        [0.05, 20.0],
        |c: &Config| c.night_ratio,
        |c, v| c.night_ratio = v,
    )
    .log()
    .group(TASK)
    .when(|c| c.problem == Problem::Domains && c.night != Night::Never)
    .doc("Sampling weight of the night at the end of the run, over that of the day."),
    Param::choice(
        "proximity",
        "Held near the start",
        &["not", "all modules alike", "less along the modules"],
        |c: &Config| NEARNESS.iter().position(|p| *p == c.proximity).unwrap_or(0),
        |c, v| c.proximity = NEARNESS[v.min(2)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Modules)
    .doc("Which modules are pulled back to their pretrained weights, and how strongly."),
    Param::float(
        "pull",
        "Strength of the pull",
        [1e-5, 10.0],
        |c: &Config| c.pull,
        |c, v| c.pull = v,
    )
    .log()
    .group(TASK)
    .when(|c| c.problem == Problem::Modules && c.proximity != Proximity::Free)
    .doc("μ of μ ‖θ - θ⁰‖² on the first module; all modules alike get half of it, the mean."),
    Param::int(
        "copies",
        "Copies",
        [2, 16],
        |c: &Config| c.copies,
        |c, v| c.copies = v,
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Branches)
    .doc("Copies of the checkpoint that cool down under the same rates on different data."),
    Param::toggle(
        "contest",
        "Run the other optimizers",
        |c: &Config| c.contest,
        |c, v| c.contest = v,
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Denoiser)
    .doc("Trains the same network under the chosen schedule by SGD with momentum, AdamW, Muon and SOAP; the grid of every other one moves until its best peak rate lies inside."),
    Param::float(
        "drift",
        "Drift",
        [0.0, 10.0],
        |c: &Config| c.drift,
        |c, v| c.drift = v,
    )
    .group(TASK)
    .when(drifts)
    .doc("Mean squared distance the optimum moves per update once it drifts."),
    Param::float(
        "drift_from",
        "Drift starts",
        [0.0, 1.0],
        |c: &Config| c.drift_from,
        |c, v| c.drift_from = v,
    )
    .unit("of the run")
    .group(TASK)
    .when(drifts)
    .doc("Share of the run after which the optimum drifts; it stands still before."),
    Param::float(
        "drift_until",
        "Drift ends",
        [0.0, 1.0],
        |c: &Config| c.drift_until,
        |c, v| c.drift_until = v,
    )
    .unit("of the run")
    .group(TASK)
    .when(drifts)
    .doc("Share of the run after which the optimum stands still again; 1 lets it drift to the end. A short drift is an event: the best rate jumps and falls back."),
];
