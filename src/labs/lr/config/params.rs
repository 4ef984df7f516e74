//! The parameters: name, unit, range, when each has an effect, and one sentence.

use super::{Config, ModelSize, Problem, Resume, Rule};
use crate::core::Param;
use crate::labs::lr::dialects::Dialect;
use crate::labs::lr::law::LawChoice;
use crate::labs::lr::schedule::{Cooldown, Shape, Warmup};
use std::sync::OnceLock;

fn netted(c: &Config) -> bool {
    c.problem.has_optimizer()
}

fn quadratic(c: &Config) -> bool {
    c.problem == Problem::Quadratic
}

pub(super) const SCHEDULE: &str = "Schedule";
const RUNS: &str = "Runs";
pub(super) const TASK: &str = "Problem";

/// All parameters.
pub(in crate::labs::lr) fn params() -> &'static [Param<Config>] {
    static ALL: OnceLock<Vec<Param<Config>>> = OnceLock::new();
    ALL.get_or_init(|| {
        COMMON
            .iter()
            .chain(super::guided::PARAMS)
            .chain(super::cards::PARAMS)
            .copied()
            .collect()
    })
}

/// The parameters of schedules that are known before a run, and of the common problems.
const COMMON: &[Param<Config>] = &[
    Param::choice(
        "problem",
        "Problem",
        &Problem::NAMES,
        |c: &Config| c.problem.index(),
        |c, v| {
            let problem = Problem::ALL[v.min(Problem::ALL.len() - 1)];
            if problem != c.problem {
                *c = c.clone().with_problem(problem);
            }
        },
    )
    .group(TASK)
    .doc("What the schedule is tried on. A change also sets a horizon and a peak rate that suit it."),
    Param::choice(
        "shape",
        "Schedule",
        &Shape::NAMES,
        |c: &Config| c.shape.index(),
        |c, v| {
            c.shape = Shape::from_index(v);
            c.forget_foreign_dialect();
        },
    )
    .group(SCHEDULE)
    .doc("Shape of the learning rate after its warmup."),
    Param::float(
        "gamma",
        "Factor of a drop",
        [0.0, 1.0],
        |c: &Config| c.gamma,
        |c, v| c.gamma = v,
    )
    .group(SCHEDULE)
    .when(|c| matches!(c.shape, Shape::Step | Shape::MultiStep | Shape::Plateau))
    .doc("What every drop multiplies the rate with."),
    Param::int(
        "drops",
        "Drops",
        [1, 50],
        |c: &Config| c.drops,
        |c, v| c.drops = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Step)
    .doc("Drops over the run, equally spaced after the warmup."),
    Param::float(
        "first_drop",
        "First drop",
        [0.0, 1.0],
        |c: &Config| c.first_drop,
        |c, v| c.first_drop = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::MultiStep)
    .doc("Share of the run after which the rate drops first."),
    Param::float(
        "second_drop",
        "Second drop",
        [0.0, 1.0],
        |c: &Config| c.second_drop,
        |c, v| c.second_drop = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::MultiStep)
    .doc("Share of the run after which it drops again; the same share drops twice at once."),
    Param::float(
        "decay_to",
        "Decay to",
        [1e-6, 1.0],
        |c: &Config| c.decay_to,
        |c, v| c.decay_to = v,
    )
    .log()
    .unit("of the peak")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Exponential)
    .doc("Share of the peak one past the last update; it sets the factor per update."),
    Param::float(
        "power",
        "Power",
        [0.0, 10.0],
        |c: &Config| c.power,
        |c, v| c.power = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Polynomial)
    .doc("Exponent p of (1 - q)^p; 1 is a straight line."),
    Param::float(
        "cycle",
        "Cycle",
        [0.01, 1.0],
        |c: &Config| c.cycle,
        |c, v| c.cycle = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| matches!(c.shape, Shape::Restarts | Shape::Cyclic))
    .doc("Length of the first cycle (SGDR) or of every cycle (cyclic)."),
    Param::int(
        "cycle_mul",
        "Growth of the cycles",
        [1, 4],
        |c: &Config| c.cycle_mul,
        |c, v| c.cycle_mul = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Restarts)
    .doc("Each cycle is this many times longer than the one before."),
    Param::float(
        "base",
        "Lower rate",
        [0.0, 1.0],
        |c: &Config| c.base,
        |c, v| c.base = v,
    )
    .unit("of the peak")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Cyclic)
    .doc("Rate at the foot of every triangle."),
    Param::float(
        "rise",
        "Rise",
        [0.01, 0.99],
        |c: &Config| c.rise,
        |c, v| c.rise = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::OneCycle)
    .doc("Share of the run until the peak (pct_start)."),
    Param::float(
        "div",
        "Peak over first rate",
        [1.0, 1e6],
        |c: &Config| c.div,
        |c, v| c.div = v,
    )
    .log()
    .advanced()
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::OneCycle)
    .doc("div_factor: the run starts at the peak divided by this."),
    Param::float(
        "final_div",
        "First over last rate",
        [1.0, 1e9],
        |c: &Config| c.final_div,
        |c, v| c.final_div = v,
    )
    .log()
    .advanced()
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::OneCycle)
    .doc("final_div_factor: the run ends at the first rate divided by this."),
    Param::float(
        "phi",
        "φ",
        [0.1, 10.0],
        |c: &Config| c.phi,
        |c, v| c.phi = v,
    )
    .log()
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Uba)
    .doc("Shape of UBA: 2 is the cosine, small values stay high and drop late, large ones decay early. The default of 1 is our choice."),
    Param::int(
        "knee",
        "Capped until update",
        [1, 80_000],
        |c: &Config| c.knee,
        |c, v| c.knee = v,
    )
    .log()
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Power)
    .doc("The power law of the tokens seen meets the peak here. It does not depend on the length of the run."),
    Param::float(
        "exponent",
        "Exponent",
        [-2.0, -0.01],
        |c: &Config| c.exponent,
        |c, v| c.exponent = v,
    )
    .group(SCHEDULE)
    .when(|c| c.shape == Shape::Power)
    .doc("Exponent b of the tokens seen; -0.51 is published."),
    Param::float(
        "peak",
        "Peak rate",
        [1e-6, 100.0],
        |c: &Config| c.peak,
        |c, v| c.peak = v,
    )
    .log()
    .group(SCHEDULE)
    .doc("The largest learning rate, reached at the end of the warmup. Drag the curve's top."),
    Param::int(
        "horizon",
        "Updates",
        [10, 1_000_000],
        |c: &Config| c.horizon,
        |c, v| c.horizon = v,
    )
    .log()
    .group(SCHEDULE)
    .doc("Number of optimizer updates, T; for a log of your own those already made count."),
    Param::int("run", "Run of the log", [0, 999], |c: &Config| c.run, |c, v| c.run = v)
        .group(TASK)
        .when(|c| c.problem == Problem::Log)
        .doc("Which run of the file goes on, counted from 0. All runs of the file are fitted."),
    Param::float(
        "warmup",
        "Warmup",
        [0.0, 1.0],
        |c: &Config| c.warmup,
        |c, v| c.warmup = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(Config::warms)
    .doc("Share of the updates in which the rate rises to its peak."),
    Param::float(
        "cooldown",
        "Cooldown",
        [0.0, 1.0],
        |c: &Config| c.cooldown,
        |c, v| c.cooldown = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(Config::wsd)
    .doc("Share of the updates at the end in which the rate of WSD, trapezoid or power falls."),
    Param::choice(
        "cooldown_shape",
        "Cooldown shape",
        &Cooldown::NAMES,
        |c: &Config| c.cooldown_shape.index(),
        |c, v| c.cooldown_shape = Cooldown::from_index(v),
    )
    .group(SCHEDULE)
    .when(Config::wsd)
    .doc("How the rate of WSD falls. The exponential one needs a floor above 0."),
    Param::float(
        "floor",
        "Floor",
        [0.0, 1.0],
        |c: &Config| c.floor,
        |c, v| c.floor = v,
    )
    .unit("of the peak")
    .group(SCHEDULE)
    .when(|c| c.shape.has_floor() || c.rivals)
    .doc("Final rate as a share of the peak; 0 decays to zero."),
    Param::choice(
        "dialect",
        "Convention",
        &Dialect::NAMES,
        |c: &Config| c.dialect.index(),
        |c, v| c.dialect = Dialect::from_index(v),
    )
    .group(SCHEDULE)
    .doc("Whose code counts the updates: the same named schedule differs between libraries in its first and last updates. The chart \"Same name, other rates\" shows where."),
    Param::int(
        "calls",
        "Scheduler calls per update",
        [1, 64],
        |c: &Config| c.calls,
        |c, v| c.calls = v,
    )
    .group(SCHEDULE)
    .when(|c| c.dialect != Dialect::Lab)
    .advanced()
    .doc("A trainer that calls step() once per process or per accumulated batch moves the schedule faster than the updates; this shows the rates the run then uses."),
    Param::int(
        "hold",
        "Rate held for",
        [1, 100_000],
        |c: &Config| c.hold,
        |c, v| c.hold = v,
    )
    .log()
    .unit("updates")
    .group(SCHEDULE)
    .when(|c| !c.shape.is_computed() && !c.shape.is_guided() && c.problem != Problem::Log)
    .advanced()
    .doc("The schedule is sampled once in so many updates and held between, as by a scheduler that steps once per epoch. REX names this sampling rate as part of a schedule."),
    Param::float(
        "resume_at",
        "Resumed at",
        [0.0, 1.0],
        |c: &Config| c.resume_at,
        |c, v| c.resume_at = v,
    )
    .unit("of the run")
    .group(SCHEDULE)
    .when(|c| c.dialect != Dialect::Lab)
    .advanced()
    .doc("Share of the run after which it is stopped and resumed; 0 means never. The seam shows what a scheduler whose state was lost does to the rates."),
    Param::choice(
        "resume",
        "The scheduler then",
        &Resume::NAMES,
        |c: &Config| c.resume.index(),
        |c, v| c.resume = Resume::ALL[v.min(3)],
    )
    .group(SCHEDULE)
    .when(|c| c.dialect != Dialect::Lab && c.resume_at > 0.0)
    .advanced()
    .doc("Without its saved state a scheduler starts anew, warmup included; a step count that is one off repeats or skips a rate."),
    Param::choice(
        "warmup_shape",
        "Warmup shape",
        &Warmup::NAMES,
        |c: &Config| c.warmup_shape.index(),
        |c, v| c.warmup_shape = Warmup::from_index(v),
    )
    .group(SCHEDULE)
    .when(Config::warms)
    .advanced()
    .doc("How the rate rises in the warmup."),
    Param::toggle(
        "rivals",
        "Run five standard schedules",
        |c: &Config| c.rivals,
        |c, v| c.rivals = v,
    )
    .group(RUNS)
    .doc("Runs constant, linear, cosine, WSD and REX with the same settings as well. Each is judged at its own best peak rate."),
    Param::int(
        "grid",
        "Peak rates on each side",
        [0, 12],
        |c: &Config| c.grid,
        |c, v| c.grid = v,
    )
    .group(RUNS)
    .when(|c| c.problem != Problem::League)
    .doc("Further peak rates below and above the set one, a factor √2 apart. The best rate differs from schedule to schedule."),
    Param::int(
        "seeds",
        "Seeds",
        [1, 64],
        |c: &Config| c.seeds,
        |c, v| c.seeds = v,
    )
    .group(RUNS)
    .when(Config::sampled)
    .doc("Training runs of every schedule and rate, each with its own weights and data; of the benchmark groups of five."),
    Param::choice(
        "law",
        "Law",
        &LawChoice::NAMES,
        |c: &Config| c.law.index(),
        |c, v| c.law = LawChoice::ALL[v.min(2)],
    )
    .group(TASK)
    .when(|c| matches!(c.problem, Problem::Law | Problem::Log))
    .doc("What predicts the loss. The published parameters of the multi-power law are an early-stopped point: the converged fit has a lower training error and a higher error on curves left out. A log of your own is always fitted until it converges."),
    Param::choice(
        "model_size",
        "Model",
        &["25 M parameters", "100 M parameters", "400 M parameters"],
        |c: &Config| match c.model_size {
            ModelSize::M25 => 0,
            ModelSize::M100 => 1,
            ModelSize::M400 => 2,
        },
        |c, v| c.model_size = ModelSize::ALL[v.min(2)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Law)
    .doc("Language model whose published law is used (peak 3e-4, rates 3e-5 to 3e-4, 24,000 to 72,000 steps were fitted)."),
    Param::choice(
        "rule",
        "Optimizer",
        &Rule::NAMES,
        |c: &Config| c.rule.index(),
        |c, v| {
            let rule = Rule::ALL[v.min(Rule::ALL.len() - 1)];
            if rule != c.rule {
                (c.peak, c.weight_decay) = c.problem.suits(rule);
            }
            c.rule = rule;
        },
    )
    .group(TASK)
    .when(netted)
    .doc("Update rule. A change also sets a peak rate and weight decay that suit it. Muon and SOAP train the denoiser alone."),
    Param::float(
        "cooldown_beta2",
        "β₂ in the cooldown",
        [0.9, 0.9999],
        |c: &Config| c.cooldown_beta2,
        |c, v| c.cooldown_beta2 = v,
    )
    .group(TASK)
    .when(Config::may_raise_beta2)
    .doc("Decay of AdamW's second moment once WSD, trapezoid or power cool down; 0.95 leaves it unchanged. The kernels keep one β₂ over a run, so with another value all runs are trained on the CPU. Copies of a cooldown are then also trained without the change, and a chart compares both."),
    Param::float(
        "momentum",
        "Momentum",
        [0.0, 0.999],
        |c: &Config| c.momentum,
        |c, v| c.momentum = v,
    )
    .group(TASK)
    .when(|c| netted(c) && c.rule == Rule::Sgd)
    .doc("Share of the last step kept in the next."),
    Param::float(
        "weight_decay",
        "Weight decay",
        [0.0, 1.0],
        |c: &Config| c.weight_decay,
        |c, v| c.weight_decay = v,
    )
    .group(TASK)
    .when(netted)
    .advanced()
    .doc("Pull of the weights towards 0; decoupled from the gradient in AdamW."),
    Param::int(
        "batch",
        "Batch",
        [1, 512],
        |c: &Config| c.batch,
        |c, v| c.batch = v,
    )
    .log()
    .unit("samples")
    .group(TASK)
    .when(|c| {
        (netted(c) && !matches!(c.problem, Problem::Transformer | Problem::Masking))
            || matches!(c.problem, Problem::Relabel | Problem::Growing)
    })
    .advanced()
    .doc("Samples per update."),
    Param::float(
        "norm_decay",
        "Fall of gradient norms",
        [-0.5, 0.5],
        |c: &Config| c.norm_decay,
        |c, v| c.norm_decay = v,
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Bound || c.shape == Shape::BoundOptimal)
    .doc("p in G_t = t^-p. The optimum of the bound is a straight line for 0, has a warmup when norms fall (p > 0) and drops early when they rise."),
    Param::int(
        "dims",
        "Modes",
        [1, 4096],
        |c: &Config| c.dims,
        |c, v| c.dims = v,
    )
    .log()
    .group(TASK)
    .when(quadratic)
    .advanced()
    .doc("Number of independent directions."),
    Param::float(
        "curvature",
        "Curvature decay",
        [0.0, 3.0],
        |c: &Config| c.curvature,
        |c, v| c.curvature = v,
    )
    .group(TASK)
    .when(quadratic)
    .doc("a in λᵢ = i^-a: larger means more slow directions."),
    Param::float(
        "start_decay",
        "Start decay",
        [0.0, 3.0],
        |c: &Config| c.start_decay,
        |c, v| c.start_decay = v,
    )
    .group(TASK)
    .when(quadratic)
    .advanced()
    .doc("b in E wᵢ(0)² = i^-b."),
    Param::float(
        "noise",
        "Gradient noise",
        [0.0, 10.0],
        |c: &Config| c.noise,
        |c, v| c.noise = v,
    )
    .group(TASK)
    .when(|c| quadratic(c) || c.problem == Problem::Valley)
    .doc("Quadratic: the gradient of mode i has variance s2 λᵢ, and a batch b times larger divides s2 by b. Valley: variance of the gradient across it."),
];
