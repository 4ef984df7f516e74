//! What every switch changes: the first tokens of a setup routed again with each rule in turn put
//! differently, beside the setup as it is.

use super::batch::BatchWork;
use super::config::{Config, Router};
use super::fill::{SLICE, slice};
use super::params::PARAMS;
use super::population::Population;
use super::route::{Batch, Pair};
use crate::core::{Param, Table};

/// Rules compared: parameters with a few alternatives that say who goes where, and who stays.
const RULES: [&str; 9] = [
    "second_choice",
    "gshard_weights",
    "capacity_rule",
    "capacity_scope",
    "buffer_order",
    "drop_order",
    "overflow",
    "tie_break",
    "precision",
];
/// Tokens routed again at most.
const TOKENS: u64 = 512;

/// One way to put a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The rule.
    pub rule: &'static str,
    /// How it is put.
    pub name: &'static str,
    /// Whether the setup has it so.
    pub current: bool,
    /// Pairs of token and expert that are served by one of the two only, over those that are served
    /// in the setup, in per cent.
    pub changed: f64,
    /// Mean change of a token's weights: half the sum of their absolute differences, in per cent.
    pub moved: f64,
    /// Pairs dropped, in per cent of those sent.
    pub dropped: f64,
    /// Load CV of what is asked for.
    pub load_cv: f64,
}

/// The softmax and the choice in their three orders.
const ORDERS: [(&str, Router, bool); 3] = [
    ("softmax, top-k, divided by the sum", Router::Mixtral, true),
    ("softmax, top-k, as it is", Router::Mixtral, false),
    ("top-k, then softmax", Router::Granite, true),
];

/// A variant that is still to be routed.
struct Planned {
    rule: &'static str,
    name: &'static str,
    config: Config,
}

/// Routes the variants in slices.
pub(super) struct VariantsWork {
    /// The setup on the first tokens of its first batch.
    base: Config,
    first: Option<Batch>,
    planned: Vec<Planned>,
    /// The batch under way, and its tokens where they are not the setup's.
    current: Option<(BatchWork, Option<Population>)>,
    compared: Option<Comparison>,
    clusters: Vec<u8>,
    bias: Vec<f64>,
    done: Vec<Variant>,
}

fn planned(base: &Config) -> Vec<Planned> {
    let mut out = Vec::new();
    let mut add = |rule, name, config: Config| {
        if config.check().is_ok() {
            out.push(Planned { rule, name, config });
        }
    };
    if matches!(base.router, Router::Mixtral | Router::Granite) {
        for (name, router, renormalise) in ORDERS {
            let config = Config {
                router,
                renormalise,
                ..base.clone()
            };
            add("Softmax order", name, config);
        }
    }
    for id in RULES {
        let param = PARAMS.iter().find(|p| p.id == id && p.is_active(base));
        let Some((param, names)) = param.and_then(|p| Some((p, options(p)?))) else {
            continue;
        };
        for (i, name) in names.iter().enumerate() {
            let mut config = base.clone();
            param.set_value(&mut config, i as f64);
            add(param.label, name, config);
        }
    }
    out.reverse();
    out
}

fn options(param: &Param<Config>) -> Option<&'static [&'static str]> {
    match param.kind {
        crate::core::ParamKind::Choice { options, .. } => Some(options),
        _ => None,
    }
}

impl VariantsWork {
    /// Starts from the clusters of the first batch.
    pub(super) fn new(config: &Config, clusters: &[u8]) -> Self {
        let tokens = tokens(config);
        let base = Config {
            tokens,
            batches: 1,
            ..config.clone()
        };
        Self {
            planned: planned(&base),
            clusters: clusters[..clusters.len().min(tokens as usize)].to_vec(),
            bias: vec![0.0; config.experts as usize],
            base,
            first: None,
            current: None,
            compared: None,
            done: Vec::new(),
        }
    }

    /// A slice of work; the variants when all are routed.
    pub(super) fn step(&mut self, population: &Population) -> Option<Vec<Variant>> {
        if let (Some(work), Some(first)) = (&mut self.compared, &self.first) {
            if work.step(first)
                && let (Some(work), Some(planned)) = (self.compared.take(), self.planned.pop())
            {
                self.done.push(work.variant(&planned, &self.base, first));
            }
            return None;
        }
        let config = match (&self.first, self.planned.last()) {
            (None, _) => &self.base,
            (Some(_), Some(next)) => &next.config,
            (Some(_), None) => return Some(std::mem::take(&mut self.done)),
        };
        let (mut work, tokens) = self.current.take().unwrap_or_else(|| {
            let work = BatchWork::new(0, self.clusters.clone(), self.bias.clone());
            (work, population.rounded(config.precision))
        });
        let Some(batch) = work.step(config, tokens.as_ref().unwrap_or(population)) else {
            self.current = Some((work, tokens));
            return None;
        };
        if self.first.is_some() {
            self.compared = Some(Comparison::new(batch));
        } else {
            self.first = Some(batch);
        }
        None
    }
}

/// How many tokens are routed again: slots of Soft MoE are as many as the whole batch asks for.
pub(super) fn tokens(config: &Config) -> u64 {
    if config.router == Router::SoftMoe {
        config.tokens
    } else {
        config.tokens.min(TOKENS)
    }
}

/// A variant's batch held against the setup's, token by token.
struct Comparison {
    batch: Batch,
    /// Tokens done.
    at: usize,
    /// Pairs served by both, and by each, added up.
    common: usize,
    served: usize,
    weight: f64,
}

/// What is made of an expert for the token at hand.
#[derive(Clone, Copy, Default)]
struct Seen {
    asked: bool,
    kept: bool,
    weight: f64,
}

/// What pairs of a token make of every expert.
fn seen(pairs: &[Pair], experts: usize) -> Vec<Seen> {
    let mut out = vec![Seen::default(); experts];
    for pair in pairs {
        let own = &mut out[usize::from(pair.expert)];
        own.asked = true;
        own.kept |= pair.kept();
        own.weight += pair.weight;
    }
    out
}

impl Comparison {
    fn new(batch: Batch) -> Self {
        Self {
            batch,
            at: 0,
            common: 0,
            served: 0,
            weight: 0.0,
        }
    }

    /// The next tokens; `true` when all are done.
    fn step(&mut self, first: &Batch) -> bool {
        let (tokens, experts) = (first.clusters.len(), first.demand.len());
        for t in slice(&mut self.at, tokens, SLICE / experts.max(1)) {
            let (a, b) = (first.of_token(t), self.batch.of_token(t));
            let (by_a, by_b) = (seen(a, experts), seen(b, experts));
            let kept = |of: &[Pair]| of.iter().filter(|p| p.kept()).count();
            self.served += kept(a) + kept(b);
            let at = |of: &[Seen], p: &Pair| of[usize::from(p.expert)];
            let both = a.iter().filter(|p| p.kept() && at(&by_b, p).kept);
            self.common += both.count();
            let moved = a.iter().map(|p| (p.weight - at(&by_b, p).weight).abs());
            self.weight += moved.sum::<f64>();
            let new = b.iter().filter(|q| !at(&by_a, q).asked);
            self.weight += new.map(|q| q.weight.abs()).sum::<f64>();
        }
        self.at == tokens
    }

    fn variant(&self, planned: &Planned, base: &Config, first: &Batch) -> Variant {
        let own: usize = first.carried.iter().map(|&c| c as usize).sum();
        let only = self.served - 2 * self.common;
        Variant {
            rule: planned.rule,
            name: planned.name,
            current: planned.config == *base,
            changed: 100.0 * only as f64 / own.max(1) as f64,
            moved: 50.0 * self.weight / first.clusters.len().max(1) as f64,
            dropped: 100.0 * self.batch.stats.drop_rate,
            load_cv: self.batch.stats.cv,
        }
    }
}

/// The variants as a table for export.
pub(super) fn table(variants: &[Variant]) -> Table {
    let columns = [
        "rule",
        "variant",
        "in_this_setup",
        "pairs_changed_percent",
        "weights_changed_percent",
        "dropped_percent",
        "load_cv",
    ];
    let mut rules: Vec<&str> = Vec::new();
    let mut place = 0.0;
    let rows = variants.iter().map(|v| {
        if rules.last() != Some(&v.rule) {
            rules.push(v.rule);
            place = 0.0;
        }
        place += 1.0;
        vec![
            (rules.len() - 1) as f64,
            place - 1.0,
            f64::from(u8::from(v.current)),
            v.changed,
            v.moved,
            v.dropped,
            v.load_cv,
        ]
    });
    Table {
        rows: rows.collect(),
        columns: columns.map(str::to_owned).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{BufferOrder, CapacityRule, DropOrder};
    use super::*;

    fn variants(config: &Config) -> Vec<Variant> {
        let population = Population::new(config);
        let clusters = population.clusters(0, config.tokens as usize);
        let mut work = VariantsWork::new(config, &clusters);
        loop {
            if let Some(done) = work.step(&population) {
                return done;
            }
        }
    }

    fn of<'a>(all: &'a [Variant], rule: &str) -> Vec<&'a Variant> {
        all.iter().filter(|v| v.rule == rule).collect()
    }

    #[test]
    fn the_setup_itself_changes_nothing_and_stands_once_in_every_rule() {
        for router in [
            Router::Mixtral,
            Router::Gshard,
            Router::Switch,
            Router::Granite,
        ] {
            let config = Config {
                router,
                router_skew: 0.8,
                ..Config::default()
            };
            let all = variants(&config);
            assert!(all.len() > 10, "{router:?}");
            for v in &all {
                if v.current {
                    assert_eq!((v.changed, v.moved), (0.0, 0.0), "{v:?}");
                }
                let alike = of(&all, v.rule);
                assert_eq!(alike.iter().filter(|v| v.current).count(), 1, "{v:?}");
            }
        }
    }

    #[test]
    fn rounded_logits_change_weights_and_the_coarser_the_more() {
        let all = variants(&Config::default());
        let moved: Vec<f64> = of(&all, "Precision of the logits")
            .iter()
            .map(|v| v.moved)
            .collect();
        assert_eq!(moved.len(), 3, "{all:?}");
        assert!(
            moved[0] == 0.0 && moved[0] < moved[1] && moved[1] < moved[2],
            "{moved:?}"
        );
    }

    #[test]
    fn slots_for_more_tokens_than_are_usually_compared_stay_what_they_are() {
        let config = Config {
            router: Router::SoftMoe,
            tokens: 640,
            dim: 2,
            ..Config::default()
        };
        assert_eq!(config.check(), Ok(()), "a legal config");
        for v in variants(&config).iter().filter(|v| v.current) {
            assert_eq!((v.changed, v.moved), (0.0, 0.0), "{v:?}");
        }
    }

    #[test]
    fn orders_of_the_softmax_agree_where_the_algebra_says_so() {
        let config = Config {
            limited: false,
            ..Config::default()
        };
        let all = variants(&config);
        let orders = of(&all, "Softmax order");
        assert_eq!(orders.len(), 3);
        assert!(orders.iter().all(|v| v.changed == 0.0), "{orders:?}");
        assert!(orders[2].moved < 1e-9, "the same weights to rounding");
        assert!(orders[1].moved > 1.0, "weights that sum below 1");
    }

    #[test]
    fn a_tighter_formula_drops_more_and_another_drop_order_as_many() {
        let config = Config {
            router_skew: 0.8,
            ..Config::default()
        };
        let all = variants(&config);
        let formulas = of(&all, "Capacity formula");
        let nllb = formulas
            .iter()
            .find(|v| v.name == "k ceil(N / E)")
            .expect("NLLB's formula");
        let own = formulas.iter().find(|v| v.current).expect("the setup");
        assert!(nllb.dropped > own.dropped, "without a factor of 1.25");
        let orders = of(&all, "Who keeps a place");
        assert!(
            orders
                .iter()
                .all(|v| (v.dropped - own.dropped).abs() < 1e-9)
        );
        assert!(orders.iter().any(|v| v.changed > 1.0));
        assert_eq!(config.capacity_rule, CapacityRule::Ceil);
        assert_eq!(config.drop_order, DropOrder::Token);
        assert_eq!(config.buffer_order, BufferOrder::ChoiceMajor);
    }
}
