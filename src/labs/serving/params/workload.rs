//! Requests: when they come and how long they are.

use super::super::config::{Arrivals, Config, Lengths};
use super::{choose, generated, typical};
use crate::core::Param;

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "arrivals",
        "Arrivals",
        &Arrivals::NAMES,
        |c: &Config| c.arrivals as usize,
        |c, i| {
            if let Some(v) = choose(&Arrivals::ALL, i) {
                c.arrivals = v;
            }
        },
    )
    .doc("How requests arrive.")
    .group("Workload"),
    Param::float(
        "rate",
        "Arrival rate",
        [0.01, 1000.0],
        |c: &Config| c.rate,
        |c, v| c.rate = v,
    )
    .log()
    .unit("req/s")
    .doc("Mean arrivals per second. With conversations, all their turns are counted.")
    .group("Workload")
    .when(|c| c.arrivals.has_rate()),
    Param::float(
        "gap_cv",
        "Burstiness",
        [0.1, 20.0],
        |c: &Config| c.gap_cv,
        |c, v| c.gap_cv = v,
    )
    .log()
    .doc("Coefficient of variation of the gaps between arrivals: 1 is Poisson, the Azure code trace has 13.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Gamma),
    Param::float(
        "busy_factor",
        "Busy over quiet",
        [1.0, 100.0],
        |c: &Config| c.busy_factor,
        |c, v| c.busy_factor = v,
    )
    .log()
    .unit("×")
    .doc("Rate of the busy phases over the rate of the quiet ones; the mean stays the arrival rate.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "quiet_secs",
        "Quiet phase",
        [0.01, 100_000.0],
        |c: &Config| c.quiet_secs,
        |c, v| c.quiet_secs = v,
    )
    .log()
    .unit("s")
    .doc("Mean length of the quiet phases; lengths are exponential.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "busy_secs",
        "Busy phase",
        [0.01, 100_000.0],
        |c: &Config| c.busy_secs,
        |c, v| c.busy_secs = v,
    )
    .log()
    .unit("s")
    .doc("Mean length of the busy phases; lengths are exponential.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Mmpp),
    Param::float(
        "swing",
        "Swing",
        [0.0, 0.99],
        |c: &Config| c.swing,
        |c, v| c.swing = v,
    )
    .doc("How far the rate moves from its mean, as a share of it: by day and night as a sine from its lowest, in a ramp from low to high.")
    .group("Workload")
    .when(|c| c.arrivals.has_period()),
    Param::float(
        "period_secs",
        "Period",
        [0.1, 1_000_000.0],
        |c: &Config| c.period_secs,
        |c, v| c.period_secs = v,
    )
    .log()
    .unit("s")
    .doc("Length of a day and a night, or of the ramp.")
    .group("Workload")
    .when(|c| c.arrivals.has_period()),
    Param::int(
        "clients",
        "Clients",
        [1, 50_000],
        |c: &Config| c.clients,
        |c, v| c.clients = v,
    )
    .log()
    .doc("Clients that each have one request on its way or think about the next: slower answers slow the arrivals too.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::ClosedLoop),
    Param::float(
        "think_secs",
        "Thinking time",
        [0.0, 10_000.0],
        |c: &Config| c.think_secs,
        |c, v| c.think_secs = v,
    )
    .unit("s")
    .doc("Mean time between the end of an answer and the next request of the same client or conversation; exponential.")
    .group("Workload")
    .when(|c| c.arrivals.has_thinking()),
    Param::float(
        "turns_mean",
        "Turns",
        [1.0, 100.0],
        |c: &Config| c.turns_mean,
        |c, v| c.turns_mean = v,
    )
    .log()
    .doc("Mean number of turns of a conversation; geometric.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Sessions),
    Param::float(
        "rate_scale",
        "Rate scale",
        [0.01, 100.0],
        |c: &Config| c.rate_scale,
        |c, v| c.rate_scale = v,
    )
    .log()
    .unit("×")
    .doc("Arrival times of the trace are divided by this.")
    .group("Workload")
    .when(|c| c.arrivals == Arrivals::Trace),
    Param::toggle(
        "spread_ticks",
        "Spread coarse times",
        |c: &Config| c.spread_ticks,
        |c, v| c.spread_ticks = v,
    )
    .doc("Where many requests of a trace share a tick of a coarse clock (Mooncake's conversations tick every 3 s), they are spread evenly up to the next tick.")
    .group("Workload")
    .advanced()
    .when(|c| c.arrivals == Arrivals::Trace),
    Param::int(
        "requests",
        "Requests",
        [1, 1_000_000],
        |c: &Config| c.requests,
        |c, v| c.requests = v,
    )
    .log()
    .unit("requests")
    .doc("How many requests are generated, or the most that are taken from a trace.")
    .group("Workload"),
    Param::choice(
        "lengths",
        "Lengths",
        &Lengths::NAMES,
        |c: &Config| c.lengths as usize,
        |c, i| {
            if let Some(v) = choose(&Lengths::ALL, i) {
                c.lengths = v;
            }
        },
    )
    .doc("Distribution of prompt and output lengths. In conversations it is what each turn adds.")
    .group("Workload")
    .when(generated),
    Param::float(
        "zipf_exponent",
        "Zipf exponent",
        [0.0, 5.0],
        |c: &Config| c.zipf_exponent,
        |c, v| c.zipf_exponent = v,
    )
    .doc("The probability of a length falls with this power of it.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths == Lengths::Zipf),
    Param::float(
        "prompt_median",
        "Prompt, typical",
        [1.0, 200_000.0],
        |c: &Config| c.prompt_median,
        |c, v| c.prompt_median = v,
    )
    .log()
    .unit("tok")
    .doc("Prompt length: median of the lognormal, mean of the geometric distribution, or the length itself.")
    .group("Workload")
    .when(typical),
    Param::float(
        "prompt_sigma",
        "Prompt, spread",
        [0.0, 3.0],
        |c: &Config| c.prompt_sigma,
        |c, v| c.prompt_sigma = v,
    )
    .doc("Standard deviation of the logarithm of the prompt length.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths == Lengths::Lognormal),
    Param::int(
        "prompt_min",
        "Prompt, shortest",
        [1, 500_000],
        |c: &Config| c.prompt_min,
        |c, v| c.prompt_min = v,
    )
    .log()
    .unit("tok")
    .doc("Shortest prompt.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths.has_shortest()),
    Param::int(
        "prompt_max",
        "Prompt, longest",
        [1, 500_000],
        |c: &Config| c.prompt_max,
        |c, v| c.prompt_max = v,
    )
    .log()
    .unit("tok")
    .doc("Longer prompts are cut to this.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths.has_longest()),
    Param::float(
        "output_median",
        "Output, typical",
        [1.0, 100_000.0],
        |c: &Config| c.output_median,
        |c, v| c.output_median = v,
    )
    .log()
    .unit("tok")
    .doc("Output length: median of the lognormal, mean of the geometric distribution, or the length itself.")
    .group("Workload")
    .when(typical),
    Param::float(
        "output_sigma",
        "Output, spread",
        [0.0, 3.0],
        |c: &Config| c.output_sigma,
        |c, v| c.output_sigma = v,
    )
    .doc("Standard deviation of the logarithm of the output length.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths == Lengths::Lognormal),
    Param::int(
        "output_min",
        "Output, shortest",
        [1, 100_000],
        |c: &Config| c.output_min,
        |c, v| c.output_min = v,
    )
    .log()
    .unit("tok")
    .doc("Shortest output.")
    .group("Workload")
    .when(|c| generated(c) && c.lengths.has_shortest()),
    Param::int(
        "output_max",
        "Output, longest",
        [1, 100_000],
        |c: &Config| c.output_max,
        |c, v| c.output_max = v,
    )
    .log()
    .unit("tok")
    .doc("Longer outputs are cut to this.")
    .group("Workload")
    .advanced()
    .when(|c| generated(c) && c.lengths.has_longest()),
    Param::int(
        "system_prompt",
        "Shared prompt",
        [0, 100_000],
        |c: &Config| c.system_prompt,
        |c, v| c.system_prompt = v,
    )
    .unit("tok")
    .doc("Tokens in front of every prompt that all requests share, such as a system prompt; prefix caching can reuse them.")
    .group("Workload")
    .advanced()
    .when(generated),
];
