//! Parameters of the semantic cache.

use super::super::aside::cache::CachePolicy;
use super::super::config::Config;
use super::choose;
use crate::core::Param;

const POLICIES: [CachePolicy; 2] = [CachePolicy::Uniform, CachePolicy::ByCategory];

fn uniform(c: &Config) -> bool {
    c.cache.policy == CachePolicy::Uniform
}

fn by_category(c: &Config) -> bool {
    !uniform(c)
}

/// The parameters of one category.
macro_rules! category {
    ($field:ident, $group:literal) => {
        [
            Param::float(
                concat!("cache.", stringify!($field), ".threshold"),
                concat!("Threshold θ, ", stringify!($field)),
                [0.0, 1.0],
                |c: &Config| c.cache.$field.threshold,
                |c, v| c.cache.$field.threshold = v,
            )
            .doc("Least cosine between two questions of this category that counts as the same.")
            .group($group)
            .when(by_category),
            Param::float(
                concat!("cache.", stringify!($field), ".ttl_secs"),
                concat!("Time to live, ", stringify!($field)),
                [0.1, 100_000.0],
                |c: &Config| c.cache.$field.ttl_secs,
                |c, v| c.cache.$field.ttl_secs = v,
            )
            .log()
            .unit("s")
            .doc("Age up to which an answer of this category is used.")
            .group($group)
            .when(by_category),
            Param::float(
                concat!("cache.", stringify!($field), ".quota"),
                concat!("Quota, ", stringify!($field)),
                [0.0, 10.0],
                |c: &Config| c.cache.$field.quota,
                |c, v| c.cache.$field.quota = v,
            )
            .doc("Part of the cache for this category, relative to the others; at least one place.")
            .group($group)
            .when(by_category),
            Param::float(
                concat!("cache.", stringify!($field), ".share"),
                concat!("Traffic, ", stringify!($field)),
                [0.0, 10.0],
                |c: &Config| c.cache.$field.share,
                |c, v| c.cache.$field.share = v,
            )
            .doc("Part of the queries that belong to this category, relative to the others.")
            .group($group)
            .advanced(),
            Param::int(
                concat!("cache.", stringify!($field), ".intents"),
                concat!("Intents, ", stringify!($field)),
                [1, 2000],
                |c: &Config| c.cache.$field.intents,
                |c, v| c.cache.$field.intents = v,
            )
            .log()
            .doc("How many different things are asked.")
            .group($group)
            .advanced(),
            Param::float(
                concat!("cache.", stringify!($field), ".popularity"),
                concat!("Skew, ", stringify!($field)),
                [0.0, 3.0],
                |c: &Config| c.cache.$field.popularity,
                |c, v| c.cache.$field.popularity = v,
            )
            .doc("Exponent of Zipf's law of the intents: 0 for all alike.")
            .group($group)
            .advanced(),
            Param::float(
                concat!("cache.", stringify!($field), ".density"),
                concat!("Density κ, ", stringify!($field)),
                [1.0, 5000.0],
                |c: &Config| c.cache.$field.density,
                |c, v| c.cache.$field.density = v,
            )
            .log()
            .doc("Concentration of the intents around the direction of the category (von Mises–Fisher in 33 dimensions): the larger, the closer different questions lie.")
            .group($group)
            .advanced(),
            Param::float(
                concat!("cache.", stringify!($field), ".wording"),
                concat!("Wording κ, ", stringify!($field)),
                [1.0, 5000.0],
                |c: &Config| c.cache.$field.wording,
                |c, v| c.cache.$field.wording = v,
            )
            .log()
            .doc("Concentration of the wordings around their intent: the larger, the more alike the same question is asked.")
            .group($group)
            .advanced(),
            Param::float(
                concat!("cache.", stringify!($field), ".stale_secs"),
                concat!("Answers hold, ", stringify!($field)),
                [1.0, 1_000_000.0],
                |c: &Config| c.cache.$field.stale_secs,
                |c, v| c.cache.$field.stale_secs = v,
            )
            .log()
            .unit("s")
            .doc("Mean time until the right answer changes.")
            .group($group)
            .advanced(),
            Param::float(
                concat!("cache.", stringify!($field), ".model_millis"),
                concat!("Model, ", stringify!($field)),
                [1.0, 100_000.0],
                |c: &Config| c.cache.$field.model_millis,
                |c, v| c.cache.$field.model_millis = v,
            )
            .log()
            .unit("ms")
            .doc("Mean time of the model for an answer, without waiting; times are exponential.")
            .group($group)
            .advanced(),
        ]
    };
}

const CODE: [Param<Config>; 10] = category!(code, "Category: code");
const SUPPORT: [Param<Config>; 10] = category!(support, "Category: support");
const NEWS: [Param<Config>; 10] = category!(news, "Category: news");
const CHAT: [Param<Config>; 10] = category!(chat, "Category: chat");

const SHARED: [Param<Config>; 10] = [
    Param::choice(
        "cache.policy",
        "Policy",
        &["one for all", "by category"],
        |c: &Config| POLICIES.iter().position(|p| *p == c.cache.policy).unwrap_or(0),
        |c, i| {
            if let Some(v) = choose(&POLICIES, i) {
                c.cache.policy = v;
            }
        },
    )
    .doc("One threshold, time to live and cache for all queries, or each category's own.")
    .group("Cache"),
    Param::float(
        "cache.threshold",
        "Threshold θ",
        [0.0, 1.0],
        |c: &Config| c.cache.threshold,
        |c, v| c.cache.threshold = v,
    )
    .doc("Least cosine between two questions that counts as the same.")
    .group("Cache")
    .when(uniform),
    Param::float(
        "cache.ttl_secs",
        "Time to live",
        [0.1, 100_000.0],
        |c: &Config| c.cache.ttl_secs,
        |c, v| c.cache.ttl_secs = v,
    )
    .log()
    .unit("s")
    .doc("Age up to which an answer is used.")
    .group("Cache")
    .when(uniform),
    Param::int(
        "cache.entries",
        "Places",
        [4, 2000],
        |c: &Config| c.cache.entries,
        |c, v| c.cache.entries = v,
    )
    .log()
    .unit("answers")
    .doc("Answers that fit into the cache; the one not used for longest makes room.")
    .group("Cache"),
    Param::float(
        "cache.search_millis",
        "Search",
        [0.0, 1000.0],
        |c: &Config| c.cache.search_millis,
        |c, v| c.cache.search_millis = v,
    )
    .unit("ms")
    .doc("Time to find the nearest question, paid by every query: about 30 ms in a remote vector database, 2 ms in memory.")
    .group("Cache"),
    Param::float(
        "cache.fetch_millis",
        "Fetch",
        [0.0, 1000.0],
        |c: &Config| c.cache.fetch_millis,
        |c, v| c.cache.fetch_millis = v,
    )
    .unit("ms")
    .doc("Time to fetch the answer, paid by a hit.")
    .group("Cache"),
    Param::float(
        "cache.load_gain",
        "Lower under load β",
        [0.0, 1.0],
        |c: &Config| c.cache.load_gain,
        |c, v| c.cache.load_gain = v,
    )
    .doc("θ falls by β times the share of the model's servers that are busy: more answers from the cache, and more wrong ones, when the model is short.")
    .group("Cache"),
    Param::int(
        "cache.queries",
        "Queries",
        [20, 5000],
        |c: &Config| c.cache.queries,
        |c, v| c.cache.queries = v,
    )
    .log()
    .doc("Queries asked.")
    .group("Traffic"),
    Param::float(
        "cache.rate",
        "Arrival rate",
        [0.5, 1000.0],
        |c: &Config| c.cache.rate,
        |c, v| c.cache.rate = v,
    )
    .log()
    .unit("1/s")
    .doc("Mean queries per second; arrivals are Poisson.")
    .group("Traffic"),
    Param::int(
        "cache.servers",
        "Model servers",
        [1, 256],
        |c: &Config| c.cache.servers,
        |c, v| c.cache.servers = v,
    )
    .log()
    .doc("Queries that the model answers at once; others wait for the first that is free.")
    .group("Traffic"),
];

pub(super) const PARAMS: [&[Param<Config>]; 5] = [&SHARED, &CODE, &SUPPORT, &NEWS, &CHAT];
