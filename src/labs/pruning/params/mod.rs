//! Parameters of the lab.

mod cut;
mod later;
mod network;
mod schedule;

use super::config::{Config, Exchange, Method, Regime, Shape, Source};
use super::kinds::{Coder, Pattern, Surgery, Transfer};
use crate::core::Param;
use std::sync::LazyLock;

/// The parameters, in the order of the panel.
pub(super) static PARAMS: LazyLock<Vec<Param<Config>>> = LazyLock::new(|| {
    [
        cut::PARAMS,
        schedule::PARAMS,
        later::PARAMS,
        network::PARAMS,
    ]
    .concat()
});

fn trained(c: &Config) -> bool {
    c.source == Source::Trained
}

/// Whether the sparsity is a free number.
fn not_grouped(c: &Config) -> bool {
    match c.regime {
        Regime::Cut => c.method != Method::NOfM && !by_hand(c),
        Regime::Surgery => c.pattern == Pattern::Free || c.surgery == Surgery::LowRank,
        Regime::Dynamic | Regime::Data | Regime::Bits => false,
        Regime::Transfer => matches!(c.transfer, Transfer::Open | Transfer::Shut),
        _ => true,
    }
}

fn grouped(c: &Config) -> bool {
    match c.regime {
        Regime::Cut => c.method == Method::NOfM,
        Regime::Surgery => c.pattern == Pattern::Groups && c.surgery != Surgery::LowRank,
        _ => false,
    }
}

fn by_hand(c: &Config) -> bool {
    c.regime == Regime::Cut && c.method == Method::Manual && trained(c)
}

fn in_blocks(c: &Config) -> bool {
    c.regime == Regime::Cut && c.method == Method::Block
}

fn ranked(c: &Config) -> bool {
    matches!(
        c.regime,
        Regime::Cut | Regime::Gradual | Regime::Flicker | Regime::Tune
    )
}

fn scheduled(c: &Config) -> bool {
    c.regime == Regime::Gradual
}

fn windowed(c: &Config) -> bool {
    scheduled(c) && c.shape != Shape::OneShot
}

fn exchanged(c: &Config) -> bool {
    c.regime == Regime::Exchange && c.exchange != Exchange::Never
}

fn in_rounds(c: &Config) -> bool {
    matches!(c.regime, Regime::Ticket | Regime::Sap)
}

fn tuned(c: &Config) -> bool {
    matches!(
        c.regime,
        Regime::Flicker | Regime::HyperSparse | Regime::Tune | Regime::Transfer
    ) || rounded(c)
}

fn rounded(c: &Config) -> bool {
    c.regime == Regime::Bits && c.coder == Coder::Rounded
}

fn aided(c: &Config) -> bool {
    matches!(c.regime, Regime::Gradual | Regime::Tune)
}

fn while_training(c: &Config) -> bool {
    c.regime != Regime::Cut
}
