//! Parameters of the laws that stand beside the fitted ones.

use super::params::TASK;
use super::{Card, Config, ModelSize, Problem};
use crate::core::Param;

fn shows(c: &Config, card: Card) -> bool {
    c.problem.has_cards() && c.card == card
}

pub(super) const PARAMS: &[Param<Config>] = &[
    Param::choice(
        "card",
        "Law beside it",
        &Card::NAMES,
        |c: &Config| c.card.index(),
        |c, v| c.card = Card::ALL[v.min(3)],
    )
    .group(TASK)
    .when(|c| c.problem.has_cards())
    .doc("A formula with its sliders and its picture beside the law that predicts. None of them is fitted or tested here, but for the curve between two losses."),
    Param::float(
        "card_params",
        "Parameters",
        [1e5, 1e13],
        |c: &Config| c.card_params,
        |c, v| c.card_params = v,
    )
    .log()
    .group(TASK)
    .when(|c| shows(c, Card::Kaplan) || shows(c, Card::Quantised))
    .doc("Number of parameters of the model, N."),
    Param::float(
        "kaplan_exponent",
        "αS",
        [0.1, 2.0],
        |c: &Config| c.kaplan_exponent,
        |c, v| c.kaplan_exponent = v,
    )
    .group(TASK)
    .when(|c| shows(c, Card::Kaplan))
    .doc("Exponent of the term for the updates; 0.76 is recalled."),
    Param::float(
        "kaplan_scale",
        "Sc",
        [1.0, 1e6],
        |c: &Config| c.kaplan_scale,
        |c, v| c.kaplan_scale = v,
    )
    .log()
    .unit("updates")
    .group(TASK)
    .when(|c| shows(c, Card::Kaplan))
    .doc("Updates at which that term is 1 nat; 2,100 is recalled."),
    Param::choice(
        "other_size",
        "Second model",
        &["25 M parameters", "100 M parameters", "400 M parameters"],
        |c: &Config| ModelSize::ALL.iter().position(|s| *s == c.other_size).unwrap_or(0),
        |c, v| c.other_size = ModelSize::ALL[v.min(2)],
    )
    .group(TASK)
    .when(|c| c.problem == Problem::Law && shows(c, Card::LossToLoss))
    .doc("Model whose loss is read off that of the first one, under the same rates. A log of your own pairs its runs instead."),
    Param::float(
        "qat_share",
        "Quantised part",
        [0.01, 0.99],
        |c: &Config| c.qat_share,
        |c, v| c.qat_share = v,
    )
    .unit("of the run")
    .group(TASK)
    .when(|c| shows(c, Card::Quantised))
    .doc("Share of the updates at the end that train with quantised weights."),
    Param::int(
        "qat_bits",
        "Bits per weight",
        [1, 8],
        |c: &Config| c.qat_bits,
        |c, v| c.qat_bits = v,
    )
    .group(TASK)
    .when(|c| shows(c, Card::Quantised))
    .doc("Bits of a quantised weight."),
    Param::float(
        "card_tokens",
        "Tokens per update",
        [1.0, 1e8],
        |c: &Config| c.card_tokens,
        |c, v| c.card_tokens = v,
    )
    .log()
    .unit("tokens")
    .group(TASK)
    .when(|c| shows(c, Card::Quantised))
    .doc("Tokens in the batch of an update."),
];
