//! The parameters: one line each gives widget, range, unit, words, and checks.

mod fleet;
mod hardware;
mod memory;
mod people;
mod power;
mod scheduler;
mod targets;
mod workload;

use super::config::{Arrivals, Config};
use super::cost::CostKind;
use crate::core::Param;

fn choose<T: Copy>(all: &[T], index: usize) -> Option<T> {
    all.get(index).copied()
}

fn generated(c: &Config) -> bool {
    c.arrivals != Arrivals::Trace
}

fn own(c: &Config) -> bool {
    matches!(c.cost_kind, CostKind::Linear | CostKind::Hinge)
}

fn roofline(c: &Config) -> bool {
    c.cost_kind == CostKind::Roofline
}

fn typical(c: &Config) -> bool {
    generated(c) && c.lengths.has_typical()
}

fn classes(c: &Config) -> bool {
    c.batch_share > 0.0
}

/// The groups in the order of the panel.
const GROUPS: [&[Param<Config>]; 8] = [
    scheduler::PARAMS,
    memory::PARAMS,
    hardware::PARAMS,
    fleet::PARAMS,
    power::PARAMS,
    workload::PARAMS,
    people::PARAMS,
    targets::PARAMS,
];

const COUNT: usize = {
    let (mut count, mut i) = (0, 0);
    while i < GROUPS.len() {
        count += GROUPS[i].len();
        i += 1;
    }
    count
};

static ALL: [Param<Config>; COUNT] = {
    let mut all = [scheduler::PARAMS[0]; COUNT];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[group].len() {
            all[at] = GROUPS[group][i];
            at += 1;
            i += 1;
        }
        group += 1;
    }
    all
};

/// Every parameter of a config, in the order of the panel.
pub(super) static PARAMS: &[Param<Config>] = &ALL;
