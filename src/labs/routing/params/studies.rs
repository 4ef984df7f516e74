//! Parameters of the small experiments.

use super::super::config::{Config, Study};
use super::{index_of, nth, studies};
use crate::core::Param;

/// Whether a study is shown.
const fn shows(study: Study) -> fn(&Config) -> bool {
    match study {
        Study::Glider => |c| studies(c) && matches!(c.study, Study::Glider),
        Study::Heads => |c| studies(c) && matches!(c.study, Study::Heads),
        Study::Rewire => |c| studies(c) && matches!(c.study, Study::Rewire),
        Study::Manifold => |c| studies(c) && matches!(c.study, Study::Manifold),
        Study::Lookup => |c| studies(c) && matches!(c.study, Study::Lookup),
        Study::Pipeline => |c| studies(c) && matches!(c.study, Study::Pipeline),
        Study::Minions => |c| studies(c) && matches!(c.study, Study::Minions),
    }
}

pub(super) static PARAMS: &[Param<Config>] = &[
    Param::choice(
        "study",
        "Study",
        Study::NAMES,
        |c: &Config| index_of(&Study::ALL, &c.study),
        |c, v| c.study = nth(&Study::ALL, v),
    )
    .group("Study")
    .when(studies)
    .doc("Which small experiment runs. Each is the paper's rule on a problem whose right answer is known."),
    Param::float(
        "global_weight",
        "Weight of the global router",
        [0.0, 1.0],
        |c: &Config| c.global_weight,
        |c, v| c.global_weight = v,
    )
    .group("Study")
    .when(shows(Study::Glider))
    .doc("β of β · (query and expert) + (1 - β) · (token and gate): 0 routes every token alone, 1 all tokens of a query alike."),
    Param::float(
        "token_noise",
        "Noise of tokens",
        [0.0, 6.0],
        |c: &Config| c.token_noise,
        |c, v| c.token_noise = v,
    )
    .group("Study")
    .when(shows(Study::Glider))
    .doc("Size of a token's noise over that of its task's mean: how little a token says of its task."),
    Param::int("stock", "Adapters", [1, 8], |c: &Config| c.stock, |c, v| c.stock = v)
        .group("Study")
        .when(shows(Study::Heads))
        .doc("Adapters of the inventory S. One head gets more of them, so that both have as many parameters."),
    Param::int("heads", "Blocks of an adapter", [1, 8], |c: &Config| c.heads, |c, v| c.heads = v)
        .group("Study")
        .when(shows(Study::Heads))
        .doc("Blocks H in which adapters are mixed by a softmax of their own: 1, 2, 4 or 8. The tasks share parts in four."),
    Param::float(
        "gate_shift",
        "Shift of the gate",
        [0.0, 6.0],
        |c: &Config| c.gate_shift,
        |c, v| c.gate_shift = v,
    )
    .group("Study")
    .when(shows(Study::Rewire))
    .doc("Standard deviation of the constant that deployment adds to every expert's logit; the right expert's is 3 above the others before. 0 is the control: only the noise of the gate is left."),
    Param::int("interval", "Interval", [8, 256], |c: &Config| c.interval, |c, v| c.interval = v)
        .log()
        .unit("items")
        .group("Study")
        .when(shows(Study::Rewire))
        .doc("Items between two searches for the added vector."),
    Param::int(
        "switch_every",
        "Source changes every",
        [0, 512],
        |c: &Config| c.switch_every,
        |c, v| c.switch_every = v,
    )
    .unit("items")
    .group("Study")
    .when(shows(Study::Rewire))
    .doc("Items after which a sequence follows another map; 0 for never. What was found for the old one is then wrong until the next search."),
    Param::float(
        "gate_error",
        "Error of the gates",
        [0.0, 4.0],
        |c: &Config| c.gate_error,
        |c, v| c.gate_error = v,
    )
    .group("Study")
    .when(shows(Study::Manifold))
    .doc("Size of a random matrix added to the gates, over the size of their rows."),
    Param::int(
        "neighbours",
        "Neighbours",
        [1, 16],
        |c: &Config| c.neighbours,
        |c, v| c.neighbours = v,
    )
    .group("Study")
    .when(shows(Study::Manifold))
    .doc("Nearest successful samples k whose routing a sample is pulled to."),
    Param::float(
        "embedding_noise",
        "Noise of the embedding",
        [0.0, 3.0],
        |c: &Config| c.embedding_noise,
        |c, v| c.embedding_noise = v,
    )
    .group("Study")
    .when(shows(Study::Manifold))
    .doc("Standard deviation of every coordinate of the task embedding; tasks are about 1.4 apart."),
    Param::int(
        "edited_word",
        "Word edited",
        [0, 100],
        |c: &Config| c.edited_word,
        |c, v| c.edited_word = v,
    )
    .group("Study")
    .when(shows(Study::Lookup))
    .doc("Which word's row is edited, by its rank among the passage's most frequent, from 0."),
    Param::int("rows_held", "Rows held", [1, 512], |c: &Config| c.rows_held, |c, v| c.rows_held = v)
        .log()
        .group("Study")
        .when(shows(Study::Lookup))
        .doc("Rows of the table in a cache of the least recently used."),
    Param::float("traffic", "Traffic over computation", [0.05, 10.0], |c: &Config| c.traffic, |c, v| {
        c.traffic = v;
    })
    .log()
    .unit("×")
    .group("Study")
    .when(shows(Study::Pipeline))
    .doc("Time of the all-to-all between nodes over that of the experts (10 ms); the links within a node take half as long, the AllReduce of the gradients too."),
    Param::float("startup_ms", "Start-up", [0.0, 5.0], |c: &Config| c.startup_ms, |c, v| {
        c.startup_ms = v;
    })
    .unit("ms")
    .group("Study")
    .when(shows(Study::Pipeline))
    .doc("Time that every task between nodes takes whatever its size; half of it within a node, a fifth for the experts. It is what chunks cost."),
    Param::int(
        "document_tokens",
        "Document",
        [1000, 1_000_000],
        |c: &Config| c.document_tokens,
        |c, v| c.document_tokens = v,
    )
    .log()
    .unit("tokens")
    .group("Study")
    .when(shows(Study::Minions))
    .doc("Length D of the document a question is about: what the remote model alone reads."),
    Param::int(
        "half_length",
        "Half-length of the device",
        [100, 1_000_000],
        |c: &Config| c.half_length,
        |c, v| c.half_length = v,
    )
    .log()
    .unit("tokens")
    .group("Study")
    .when(shows(Study::Minions))
    .doc("Length h of a text at which the device's model finds a fact half as often as in a very short one."),
    Param::int("samples", "Samples of a job", [1, 16], |c: &Config| c.samples, |c, v| c.samples = v)
        .group("Study")
        .when(shows(Study::Minions))
        .doc("Times s that every job runs on every chunk; one success in s is enough."),
];
