//! Users and classes of service.

use super::super::config::{Arrivals, Config};
use super::{classes, generated, typical};
use crate::core::Param;

/// Whether requests can begin with tokens of their class or user.
fn prefixed(c: &Config) -> bool {
    generated(c) && c.arrivals != Arrivals::Sessions
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::int(
        "users",
        "Users",
        [1, 10_000],
        |c: &Config| c.users,
        |c, v| c.users = v,
    )
    .log()
    .doc("Users that the requests belong to; each request draws one.")
    .group("Users and classes")
    .advanced()
    .when(|c| c.arrivals != Arrivals::ClosedLoop),
    Param::float(
        "user_skew",
        "Skew of users",
        [0.0, 3.0],
        |c: &Config| c.user_skew,
        |c, v| c.user_skew = v,
    )
    .doc("0: all users send alike; s: the k-th user sends in proportion to k^−s.")
    .group("Users and classes")
    .advanced()
    .when(|c| c.users > 1 && c.arrivals != Arrivals::ClosedLoop),
    Param::int(
        "user_prompt",
        "Prompt of a user",
        [0, 100_000],
        |c: &Config| c.user_prompt,
        |c, v| c.user_prompt = v,
    )
    .unit("tok")
    .doc("Tokens that all prompts of a user in a class begin with, behind those that more requests share; prefix caching can reuse them.")
    .group("Users and classes")
    .advanced()
    .when(|c| prefixed(c) && (c.users > 1 || c.arrivals == Arrivals::ClosedLoop)),
    Param::float(
        "batch_share",
        "Batch class",
        [0.0, 1.0],
        |c: &Config| c.batch_share,
        |c, v| c.batch_share = v,
    )
    .doc("Share of requests in a second class, with its own lengths, targets and priority.")
    .group("Users and classes")
    .advanced(),
    Param::int(
        "class_prompt",
        "Prompt of a class",
        [0, 100_000],
        |c: &Config| c.class_prompt,
        |c, v| c.class_prompt = v,
    )
    .unit("tok")
    .doc("Tokens that all prompts of a class begin with, behind those that all requests share: two data sets, each with its own instructions.")
    .group("Users and classes")
    .advanced()
    .when(|c| prefixed(c) && classes(c)),
    Param::int(
        "batch_priority",
        "Batch, priority",
        [0, 100],
        |c: &Config| c.batch_priority,
        |c, v| c.batch_priority = v,
    )
    .doc("Priority of the batch class; the other class has 0, and lower is sooner. Only schedulers with priorities look at it.")
    .group("Users and classes")
    .advanced()
    .when(classes),
    Param::float(
        "batch_prompt_median",
        "Batch, prompt",
        [1.0, 200_000.0],
        |c: &Config| c.batch_prompt_median,
        |c, v| c.batch_prompt_median = v,
    )
    .log()
    .unit("tok")
    .doc("Typical prompt length of the batch class.")
    .group("Users and classes")
    .advanced()
    .when(|c| classes(c) && typical(c)),
    Param::float(
        "batch_output_median",
        "Batch, output",
        [1.0, 100_000.0],
        |c: &Config| c.batch_output_median,
        |c, v| c.batch_output_median = v,
    )
    .log()
    .unit("tok")
    .doc("Typical output length of the batch class.")
    .group("Users and classes")
    .advanced()
    .when(|c| classes(c) && typical(c)),
    Param::float(
        "batch_slo_ttft_secs",
        "Batch, target TTFT",
        [0.001, 100_000.0],
        |c: &Config| c.batch_slo_ttft_secs,
        |c, v| c.batch_slo_ttft_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target of the batch class for the time to the first token.")
    .group("Users and classes")
    .advanced()
    .when(classes),
    Param::float(
        "batch_slo_tpot_secs",
        "Batch, target TPOT",
        [0.001, 1000.0],
        |c: &Config| c.batch_slo_tpot_secs,
        |c, v| c.batch_slo_tpot_secs = v,
    )
    .log()
    .unit("s")
    .doc("Target of the batch class for the mean time per output token after the first.")
    .group("Users and classes")
    .advanced()
    .when(classes),
];
