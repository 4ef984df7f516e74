//! Parameters of queries and models.

use super::super::config::{Config, Estimate, QueryRule};
use super::{asks, index_of, nth};
use crate::core::Param;

const ESTIMATES: [Estimate; 3] = [Estimate::Perfect, Estimate::Noisy, Estimate::Neighbours];

/// Whether one of a pool of models is chosen.
fn pools(c: &Config) -> bool {
    asks(c) && c.query_rule.is_pool()
}

/// Whether prompts go to codes.
fn codes(c: &Config) -> bool {
    asks(c) && c.query_rule.is_codes()
}

/// Whether queries go to agents.
fn agents(c: &Config) -> bool {
    asks(c) && c.query_rule == QueryRule::Agents
}

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "query_rule",
        "Rule",
        QueryRule::NAMES,
        |c: &Config| index_of(&QueryRule::ALL, &c.query_rule),
        |c, v| c.query_rule = nth(&QueryRule::ALL, v),
    )
    .group("Queries")
    .when(asks)
    .doc("CARROT and Tryage choose one of five models before any answers. In a cascade a weak network answers digits first, and a strong one is asked where a signal says so. GlimpRouter's models write steps of a Markov chain, APTP's codes answer prompts of words, TCAndon's agents know some topics each."),
    Param::int("queries", "Queries", [50, 2000], |c: &Config| c.queries, |c, v| c.queries = v)
        .log()
        .group("Queries")
        .when(|c| asks(c) && !c.query_rule.is_cascade())
        .doc("Queries, steps or prompts that are routed."),
    Param::choice(
        "estimate",
        "Estimates",
        &["true qualities", "with noise", "from similar queries"],
        |c: &Config| index_of(&ESTIMATES, &c.estimate),
        |c, v| c.estimate = nth(&ESTIMATES, v),
    )
    .group("Queries")
    .when(pools)
    .doc("What the router knows of each model's chance to answer right."),
    Param::float(
        "estimate_noise",
        "Noise of estimates",
        [0.0, 1.0],
        |c: &Config| c.estimate_noise,
        |c, v| c.estimate_noise = v,
    )
    .group("Queries")
    .when(|c| (pools(c) && c.estimate == Estimate::Noisy) || agents(c))
    .doc("Standard deviation of the noise on the true qualities; of every coordinate of a query's embedding, for agents."),
    Param::int(
        "training_queries",
        "Answered queries",
        [16, 16_384],
        |c: &Config| c.training_queries,
        |c, v| c.training_queries = v,
    )
    .log()
    .group("Queries")
    .when(|c| pools(c) && c.estimate == Estimate::Neighbours)
    .doc("Queries that all models have answered; the estimate is the share of right answers among the n^(2/3) nearest of the same topic."),
    Param::float(
        "specialisation",
        "Specialisation",
        [0.0, 0.6],
        |c: &Config| c.specialisation,
        |c, v| c.specialisation = v,
    )
    .group("Queries")
    .when(|c| pools(c) || codes(c))
    .doc("Standard deviation of a model's bonus for each topic, in units of difficulty: with 0 the dearest model is best at everything. For codes, the bonus on a topic of a code that is trained on this topic alone."),
    Param::float("recency", "Weight of age", [0.0, 0.5], |c: &Config| c.recency, |c, v| c.recency = v)
        .group("Queries")
        .when(|c| asks(c) && c.query_rule == QueryRule::Tryage)
        .doc("What a year of a model's age counts against its predicted loss (a flag of the user's)."),
    Param::int(
        "step_tokens",
        "Tokens of a step",
        [1, 16],
        |c: &Config| c.step_tokens,
        |c, v| c.step_tokens = v,
    )
    .group("Queries")
    .when(|c| asks(c) && c.query_rule == QueryRule::Glimpse)
    .doc("Tokens that one model writes before the next is chosen; the first is a glimpse by the small one."),
];
