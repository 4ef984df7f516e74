//! Parameters of the eviction of KV entries.

use super::super::aside::eviction::Aggregation;
use super::super::config::Config;
use super::choose;
use crate::core::Param;

const RULES: [Aggregation; 3] = [Aggregation::Mean, Aggregation::Max, Aggregation::Defensive];

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "eviction.aggregation",
        "Scores",
        &["mean", "maximum", "maximum with floor"],
        |c: &Config| {
            let own = c.eviction.aggregation;
            RULES.iter().position(|a| *a == own).unwrap_or(0)
        },
        |c, i| {
            if let Some(v) = choose(&RULES, i) {
                c.eviction.aggregation = v;
            }
        },
    )
    .doc("How a key's weights in the window become its score: their mean (SnapKV), their maximum over queries and heads, or that with the mean of all maxima as a floor (DefensiveKV).")
    .group("Eviction"),
    Param::float(
        "eviction.keep",
        "Cache kept",
        [0.05, 0.95],
        |c: &Config| c.eviction.keep,
        |c, v| c.eviction.keep = v,
    )
    .doc("Share of the entries that stay, the window's own included.")
    .group("Eviction"),
    Param::int(
        "eviction.pooling",
        "Pooling",
        [1, 15],
        |c: &Config| c.eviction.pooling,
        |c, v| c.eviction.pooling = v,
    )
    .unit("tok")
    .doc("Neighbours that a weight of the window is averaged with, itself included; even numbers count as the next odd one, 1 is none.")
    .group("Eviction")
    .advanced(),
    Param::toggle(
        "eviction.two_stages",
        "Two stages",
        |c: &Config| c.eviction.two_stages,
        |c, v| c.eviction.two_stages = v,
    )
    .doc("First the keys that cover 90 % of the mean attention, up to the budget, then the rest by score times the norm of the value (CriticalKV), as the repository does. Where 90 % need more keys than there is room, the first stage decides alone, and the scores no longer matter.")
    .group("Eviction"),
    Param::toggle(
        "eviction.shared_budget",
        "Heads share the budget",
        |c: &Config| c.eviction.shared_budget,
        |c, v| c.eviction.shared_budget = v,
    )
    .doc("Keys of all heads compete for the same places; off: every head keeps as many.")
    .group("Eviction"),
    Param::int(
        "eviction.keys",
        "Keys",
        [64, 4096],
        |c: &Config| c.eviction.keys,
        |c, v| c.eviction.keys = v,
    )
    .log()
    .doc("Tokens of the prompt, the window included.")
    .group("Attention"),
    Param::int(
        "eviction.window",
        "Window",
        [1, 128],
        |c: &Config| c.eviction.window,
        |c, v| c.eviction.window = v,
    )
    .log()
    .unit("queries")
    .doc("Last queries of the prompt, whose attention gives the scores.")
    .group("Attention"),
    Param::int(
        "eviction.later",
        "Later queries",
        [10, 1000],
        |c: &Config| c.eviction.later,
        |c, v| c.eviction.later = v,
    )
    .log()
    .doc("Queries after the cut, on which the choice is judged.")
    .group("Attention"),
    Param::int(
        "eviction.heads",
        "KV heads",
        [1, 32],
        |c: &Config| c.eviction.heads,
        |c, v| c.eviction.heads = v,
    )
    .log()
    .doc("Heads with keys of their own.")
    .group("Attention")
    .advanced(),
    Param::int(
        "eviction.group",
        "Query heads each",
        [1, 16],
        |c: &Config| c.eviction.group,
        |c, v| c.eviction.group = v,
    )
    .log()
    .doc("Query heads that share the keys of a KV head.")
    .group("Attention")
    .advanced(),
    Param::float(
        "eviction.spread",
        "Lasting importance",
        [0.0, 6.0],
        |c: &Config| c.eviction.spread,
        |c, v| c.eviction.spread = v,
    )
    .doc("Standard deviation of the keys' logits that all queries have in common.")
    .group("Attention"),
    Param::float(
        "eviction.locality",
        "Locality",
        [0.0, 50.0],
        |c: &Config| c.eviction.locality,
        |c, v| c.eviction.locality = v,
    )
    .unit("tok")
    .doc("Tokens over which the likeness of the importance of two keys falls to a third: neighbours matter together, which is what pooling counts on.")
    .group("Attention"),
    Param::float(
        "eviction.noise",
        "Noise",
        [0.0, 6.0],
        |c: &Config| c.eviction.noise,
        |c, v| c.eviction.noise = v,
    )
    .doc("Standard deviation of every query's own part of the logits.")
    .group("Attention"),
    Param::float(
        "eviction.intermittent",
        "Intermittent keys",
        [0.0, 1.0],
        |c: &Config| c.eviction.intermittent,
        |c, v| c.eviction.intermittent = v,
    )
    .doc("Share of the keys that matter for some queries only.")
    .group("Attention"),
    Param::float(
        "eviction.active",
        "Active",
        [0.0, 1.0],
        |c: &Config| c.eviction.active,
        |c, v| c.eviction.active = v,
    )
    .doc("Share of the queries for which such a key matters.")
    .group("Attention"),
    Param::float(
        "eviction.boost",
        "Boost",
        [0.0, 20.0],
        |c: &Config| c.eviction.boost,
        |c, v| c.eviction.boost = v,
    )
    .doc("What is added to its logit then.")
    .group("Attention"),
    Param::float(
        "eviction.shift",
        "Topic shift",
        [0.0, 1.0],
        |c: &Config| c.eviction.shift,
        |c, v| c.eviction.shift = v,
    )
    .doc("How much of the lasting importance is new after the window, as the sine of an angle: 0 nothing, 1 all.")
    .group("Attention"),
    Param::float(
        "eviction.values",
        "Spread of values",
        [0.0, 3.0],
        |c: &Config| c.eviction.values,
        |c, v| c.eviction.values = v,
    )
    .doc("Standard deviation of the logarithm of the norms of values, which the second stage looks at.")
    .group("Attention")
    .advanced(),
];
