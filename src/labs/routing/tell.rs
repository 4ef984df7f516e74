//! What a run tells: metrics and tables.

use super::config::{Config, Router};
use super::entity::Entity;
use super::model::BatchRun;
use super::multiples::Along;
use super::route::{Batch, BatchStats, Fate, Pair};
use super::rules::load;
use super::source::TokenSource;
use super::story::{expert_story, token_story};
use super::utilise;
use super::variants;
use crate::core::{Better, Chart, EntityId, Metric, Story, Table, Timeline, num, stats};
use crate::labs::LabRun;

fn mean_of(batches: &[Batch], get: impl Fn(&BatchStats) -> f64) -> f64 {
    stats::mean(&batches.iter().map(|b| get(&b.stats)).collect::<Vec<_>>())
}

/// The floor says what k random experts per token give: it does not describe rules in which the
/// experts choose, or in which the number of experts follows from the scores.
pub(super) fn has_floor(config: &Config) -> bool {
    !config.router.is_variable()
}

/// Normalised mutual information between a token's cluster, word or digit and its best expert.
fn specialisation(run: &BatchRun) -> f64 {
    if run.config().data.is_some() {
        // A file says nothing about what its tokens are.
        return f64::NAN;
    }
    let experts = run.config().experts as usize;
    let words = run.config().source() == TokenSource::Text;
    let mut joint = vec![vec![0.0; experts]; run.config().cluster_count()];
    for (b, batch) in run.batches().iter().enumerate() {
        for (t, &cluster) in batch.clusters.iter().enumerate() {
            let label = if words {
                run.token_id(b, t)
            } else {
                usize::from(cluster)
            };
            if label >= joint.len() {
                joint.resize(label + 1, vec![0.0; experts]);
            }
            if let Some(best) = batch.of_token(t).first() {
                joint[label][usize::from(best.expert)] += 1.0;
            }
        }
    }
    let labels = joint
        .iter()
        .filter(|row| row.iter().sum::<f64>() > 0.0)
        .count();
    if labels < 2 {
        return f64::NAN;
    }
    load::mutual_information(&joint) / num::ln(labels as f64)
}

/// Largest over mean.
fn busiest(loads: &[f64]) -> f64 {
    let mean = stats::mean(loads);
    if mean > 0.0 {
        loads.iter().copied().fold(0.0, f64::max) / mean
    } else {
        f64::NAN
    }
}

/// Seconds that a policy's tokens wait with a quarter of the experts held.
fn stall(run: &BatchRun, policy: usize) -> f64 {
    let config = run.config();
    run.deployment().map_or(f64::NAN, |d| {
        let at = d.quarter(config).filter(|_| d.reads > 0);
        let traffic = at.and_then(|at| d.traffic[policy].get(at));
        traffic.map_or(f64::NAN, |t| d.stall(config, t))
    })
}

fn system_metrics(run: &BatchRun) -> Vec<Metric> {
    let d = run.deployment();
    let get = |f: &dyn Fn(&super::deploy::Deployment) -> f64| d.map_or(f64::NAN, f);
    // Out and back.
    let mib = 2.0 * run.config().token_kib / 1024.0;
    vec![
        Metric::new(
            "device_straggler",
            "Device straggler",
            "×",
            get(&|d| busiest(&d.contiguous)),
            Better::Lower,
            "Largest load of a device over the mean, experts placed in their order.",
        ),
        Metric::new(
            "device_straggler_packed",
            "Device straggler, packed",
            "×",
            get(&|d| busiest(&d.packed)),
            Better::Lower,
            "The same with experts packed by load, and busy ones copied into the spare slots (EPLB's global policy).",
        ),
        Metric::new(
            "failure_lost",
            "Lost when a device fails",
            "%",
            get(&|d| 100.0 * d.lost[1].iter().copied().fold(0.0, f64::max)),
            Better::Lower,
            "Pairs without an expert in the worst failure of one device, experts packed with copies in the spare slots.",
        ),
        Metric::new(
            "failure_slower",
            "Slowest device after a failure",
            "×",
            get(&|d| d.slower),
            Better::Lower,
            "Load of the busiest device left over that of the busiest before, in the worst failure of one device.",
        ),
        Metric::new(
            "all_to_all",
            "All-to-all per batch",
            "MiB",
            get(&|d| d.cross_pairs * mib),
            Better::Lower,
            "Bytes of the pairs whose expert lives on another device, there and back.",
        ),
        Metric::new(
            "all_to_all_once",
            "All-to-all, once per device",
            "MiB",
            get(&|d| d.copies * mib),
            Better::Lower,
            "The same when a token travels once to every device that needs it.",
        ),
        Metric::new(
            "micro_batch_experts",
            "Experts per 8 tokens",
            "",
            get(&|d| d.distinct[0]),
            Better::Lower,
            "Distinct experts that 8 consecutive tokens read, mean.",
        ),
        Metric::new(
            "micro_batch_regrouped",
            "Experts per 8 tokens, regrouped",
            "",
            get(&|d| d.distinct[1]),
            Better::Lower,
            "The same when tokens of the same experts stand together (ExpertFlow's regrouping, with the path known).",
        ),
        Metric::new(
            "stall_recent",
            "Stall, least recently used",
            "s/1,000 tokens",
            stall(run, 0),
            Better::Lower,
            "Time in which a layer waits for its experts, a quarter of them held, the least recently used going first: misses times an expert's time on the link (System).",
        ),
        Metric::new(
            "stall_predicted",
            "Stall, predicted path",
            "s/1,000 tokens",
            stall(run, 4),
            Better::Lower,
            "The same with a predictor: only what it fetches later than the computing before it ends, and what it did not name, is waited for.",
        ),
    ]
}

fn metrics(run: &BatchRun) -> Vec<Metric> {
    let mut out = routing_metrics(run);
    if run.config().counts_ties() {
        out.push(ties(run.batches()));
    }
    out.extend(system_metrics(run));
    if run.deployment().is_some() && run.config().router != Router::SoftMoe {
        out.extend(utilise::metrics(run));
    }
    out
}

fn ties(batches: &[Batch]) -> Metric {
    Metric::new(
        "tied",
        "Decided by a tie",
        "%",
        100.0 * mean_of(batches, |s| s.tied),
        Better::Neither,
        "Tokens whose last expert and the best one left out have equal scores: how ties are broken decides about them.",
    )
}

fn routing_metrics(run: &BatchRun) -> Vec<Metric> {
    let (batches, config) = (run.batches(), run.config());
    let floor = |v: f64| if has_floor(config) { v } else { f64::NAN };
    let tokens = config.tokens as f64;
    let last = batches.last().map_or(f64::NAN, |b| b.stats.max_violation);
    vec![
        Metric::new(
            "drop_rate",
            "Dropped pairs",
            "%",
            100.0 * mean_of(batches, |s| s.drop_rate),
            Better::Lower,
            "Share of the (token, expert) pairs sent that found no place, mean over batches.",
        ),
        Metric::new(
            "max_violation",
            "MaxVio",
            "",
            mean_of(batches, |s| s.max_violation),
            Better::Lower,
            "Largest load asked of an expert over the mean load, minus 1; mean over batches.",
        ),
        Metric::new(
            "max_violation_floor",
            "MaxVio floor",
            "",
            floor(run.floor().max_violation[0]),
            Better::Neither,
            "Mean MaxVio of uniformly random routing with the same N, k and E: no balanced router does better on average. Exact for k = 1, from 400 balanced draws otherwise.",
        ),
        Metric::new(
            "max_violation_last",
            "MaxVio, last batch",
            "",
            last,
            Better::Lower,
            "MaxVio of the last batch: where a balancing rule has got to.",
        ),
        Metric::new(
            "load_cv",
            "Load CV",
            "",
            mean_of(batches, |s| s.cv),
            Better::Lower,
            "Standard deviation of the loads asked for over their mean, mean over batches.",
        ),
        Metric::new(
            "load_cv_floor",
            "Load CV floor",
            "",
            floor(run.floor().cv),
            Better::Neither,
            "Root mean square load CV of uniformly random routing, exact: sqrt((1 - k/E) E / (N k)).",
        ),
        Metric::new(
            "straggler",
            "Straggler",
            "×",
            mean_of(batches, |s| s.straggler),
            Better::Lower,
            "Largest load carried over the balanced load N k / E: how much longer the layer takes when time follows the busiest expert.",
        ),
        Metric::new(
            "retained_gate_mass",
            "Gate mass kept",
            "%",
            100.0 * mean_of(batches, |s| s.retained),
            Better::Higher,
            "Gate mass of the pairs kept over that of the pairs sent.",
        ),
        Metric::new(
            "rerouted",
            "Re-routed pairs",
            "%",
            if config.has_second_chance() {
                100.0 * mean_of(batches, |s| s.rerouted)
            } else {
                f64::NAN
            },
            Better::Neither,
            "Share of the pairs sent that found their expert full and a place with another one.",
        ),
        Metric::new(
            "added",
            "Added pairs",
            "%",
            if config.has_second_chance() {
                100.0 * mean_of(batches, |s| s.added)
            } else {
                f64::NAN
            },
            Better::Neither,
            "Pairs nobody asked for that fill idle places, over the pairs sent: extra work in the same time.",
        ),
        Metric::new(
            "per_token",
            "Experts per token",
            "",
            mean_of(batches, |s| s.per_token),
            Better::Neither,
            "Experts that process a token, mean over tokens and batches: what the layer costs.",
        ),
        Metric::new(
            "unrouted",
            "Tokens without expert",
            "%",
            100.0 * mean_of(batches, |s| f64::from(s.unrouted) / tokens),
            Better::Lower,
            "Tokens that no expert processes: only the residual path is left to them.",
        ),
        Metric::new(
            "router_entropy",
            "Router entropy",
            "nats",
            mean_of(batches, |s| s.router_entropy),
            Better::Neither,
            "Mean entropy of a token's distribution over experts; ln E when the router is undecided.",
        ),
        Metric::new(
            "load_entropy",
            "Load entropy",
            "",
            mean_of(batches, |s| s.load_entropy),
            Better::Higher,
            "Entropy of the load shares over ln E: 1 is perfectly even.",
        ),
        Metric::new(
            "specialisation",
            "Specialisation",
            "",
            specialisation(run),
            Better::Neither,
            "Mutual information of a token's cluster (or word, or digit) and its best expert over ln of the number of clusters seen (NMI). Words that are seen once tell their expert by chance alone.",
        ),
        Metric::new(
            "chunk_sparsity",
            "Idle experts, 8 tokens",
            "%",
            100.0 * mean_of(batches, |s| s.idle_in_window),
            Better::Neither,
            "Share of experts that a window of 8 consecutive tokens leaves idle (chunk-level sparsity): weights that need not be read for it.",
        ),
        Metric::new(
            "row_error",
            "Row error",
            "",
            if matches!(config.router, Router::Sinkhorn | Router::SparseTransport) {
                mean_of(batches, |s| s.residual)
            } else {
                f64::NAN
            },
            Better::Lower,
            "How far the solver is from giving every token its mass: largest relative error of a row sum (Sinkhorn), mean error (sparse transport). Shown, never repaired.",
        ),
        Metric::new(
            "dead_experts",
            "Dead experts",
            "",
            mean_of(batches, |s| f64::from(s.dead)),
            Better::Lower,
            "Experts asked for by less than 2 % of the mean load, mean over batches.",
        ),
    ]
}

fn token_table(run: &BatchRun) -> Table {
    let columns = [
        "batch", "token", "cluster", "choice", "expert", "gate", "weight", "position", "kept",
    ];
    let rows = run.batches().iter().enumerate().flat_map(|(b, batch)| {
        batch.pairs.iter().map(move |p| {
            vec![
                b as f64,
                f64::from(p.token),
                f64::from(batch.clusters[p.token as usize]),
                f64::from(p.choice),
                f64::from(p.expert),
                p.gate,
                p.weight,
                if p.fate == Fate::NotSent {
                    f64::NAN
                } else {
                    f64::from(p.position)
                },
                f64::from(u8::from(p.kept())),
            ]
        })
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn expert_table(run: &BatchRun) -> Table {
    let columns = [
        "batch",
        "expert",
        "load_asked",
        "load_carried",
        "capacity",
        "bias",
    ];
    let limited = run.config().has_capacity();
    let rows = run.batches().iter().enumerate().flat_map(|(b, batch)| {
        (0..batch.demand.len()).map(move |e| {
            vec![
                b as f64,
                e as f64,
                f64::from(batch.demand[e]),
                f64::from(batch.carried[e]),
                if limited {
                    f64::from(batch.capacity)
                } else {
                    f64::NAN
                },
                batch.bias[e],
            ]
        })
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn batch_table(run: &BatchRun) -> Table {
    let columns = [
        "batch",
        "max_violation",
        "load_cv",
        "load_entropy",
        "drop_rate",
        "tokens_unrouted",
        "retained_gate_mass",
        "rerouted_pairs",
        "added_pairs",
        "experts_per_token",
        "row_error",
        "straggler",
        "router_entropy_nats",
        "dead_experts",
    ];
    let rows = run.batches().iter().enumerate().map(|(b, batch)| {
        let s = &batch.stats;
        vec![
            b as f64,
            s.max_violation,
            s.cv,
            s.load_entropy,
            s.drop_rate,
            f64::from(s.unrouted),
            s.retained,
            s.rerouted,
            s.added,
            s.per_token,
            s.residual,
            s.straggler,
            s.router_entropy,
            f64::from(s.dead),
        ]
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

impl LabRun for BatchRun {
    fn metrics(&self) -> Vec<Metric> {
        metrics(self)
    }

    fn timeline(&self) -> &Timeline {
        self.timeline_ref()
    }

    fn charts(&self) -> &[Chart] {
        self.charts_ref()
    }

    fn tables(&self) -> Vec<(&'static str, Table)> {
        let mut out = vec![
            ("tokens", token_table(self)),
            ("experts", expert_table(self)),
            ("batches", batch_table(self)),
            ("rules", variants::table(self.variants())),
        ];
        let multiples = self.multiples().filter(|m| m.along == Along::Layers);
        out.extend(multiples.map(|m| ("layers", m.table())));
        out
    }

    fn story(&self, entity: EntityId, at: f64) -> Option<Story> {
        match Entity::of(entity) {
            Entity::Token { batch, token } => token_story(self, batch, token),
            Entity::Expert(e) => expert_story(self, e, at),
        }
    }

    fn notable(&self) -> Vec<(EntityId, String)> {
        let mut out = Vec::new();
        let Some(batch) = self.batches().first() else {
            return out;
        };
        if let Some(p) = batch
            .pairs
            .iter()
            .filter(|p| p.fate == Fate::OverCapacity)
            .min_by_key(|p| p.leaves)
        {
            let id = Entity::Token {
                batch: 0,
                token: p.token as usize,
            }
            .id();
            out.push((id, format!("Token {}: the first to be dropped", p.token)));
        }
        if let Some(t) =
            (0..batch.clusters.len()).find(|&t| !batch.of_token(t).iter().any(Pair::kept))
        {
            let id = Entity::Token { batch: 0, token: t }.id();
            out.push((id, format!("Token {t}: no expert takes it")));
        }
        let busiest =
            (0..batch.demand.len()).max_by_key(|&e| (batch.demand[e], std::cmp::Reverse(e)));
        if let Some(e) = busiest {
            out.push((
                Entity::Expert(e).id(),
                format!("Expert {e}: the busiest in batch 1"),
            ));
        }
        let idlest = (0..batch.demand.len()).min_by_key(|&e| (batch.demand[e], e));
        if let Some(e) = idlest.filter(|&e| Some(e) != busiest) {
            out.push((
                Entity::Expert(e).id(),
                format!("Expert {e}: the idlest in batch 1"),
            ));
        }
        if out.len() < 4 && !batch.clusters.is_empty() {
            out.push((
                Entity::Token { batch: 0, token: 0 }.id(),
                "Token 0 of batch 1".to_owned(),
            ));
        }
        out
    }

    fn summary(&self) -> String {
        let (config, batches) = (self.config(), self.batches());
        let violation = mean_of(batches, |s| s.max_violation);
        let drops = 100.0 * mean_of(batches, |s| s.drop_rate);
        let floor = if has_floor(config) {
            format!(" (random routing: {:.2})", self.floor().max_violation[0])
        } else {
            String::new()
        };
        format!(
            "{} tokens over {} experts, {} batches: {drops:.1} % of the pairs are dropped, the busiest expert gets {:.2} times the mean load, MaxVio {violation:.2}{floor}.",
            config.tokens,
            config.experts,
            batches.len(),
            violation + 1.0
        )
    }
}
