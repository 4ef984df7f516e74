//! What every switch changes: the first tokens of a setup routed again with each rule in turn put
//! differently, beside the setup as it is.

use super::batch::BatchWork;
use super::config::{Config, Router};
use super::params::PARAMS;
use super::population::Population;
use super::route::Batch;
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
pub(super) const TOKENS: u64 = 512;

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
    current: Option<BatchWork>,
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
        let tokens = config.tokens.min(TOKENS);
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
            done: Vec::new(),
        }
    }

    /// A slice of work; the variants when all are routed.
    pub(super) fn step(&mut self, population: &Population) -> Option<Vec<Variant>> {
        let config = match (&self.first, self.planned.last()) {
            (None, _) => &self.base,
            (Some(_), Some(next)) => &next.config,
            (Some(_), None) => return Some(std::mem::take(&mut self.done)),
        };
        let mut work = self
            .current
            .take()
            .unwrap_or_else(|| BatchWork::new(0, self.clusters.clone(), self.bias.clone()));
        let Some(batch) = work.step(config, population) else {
            self.current = Some(work);
            return None;
        };
        match (&self.first, self.planned.pop()) {
            (Some(first), Some(next)) => {
                let variant = compared(&next, &self.base, first, &batch);
                self.done.push(variant);
            }
            (_, popped) => {
                self.planned.extend(popped);
                self.first = Some(batch);
            }
        }
        None
    }
}

fn compared(planned: &Planned, base: &Config, first: &Batch, batch: &Batch) -> Variant {
    let (mut common, mut only, mut weight) = (0_usize, 0_usize, 0.0);
    for t in 0..first.clusters.len() {
        let (a, b) = (first.of_token(t), batch.of_token(t));
        for pair in a.iter().filter(|p| p.kept()) {
            common += usize::from(b.iter().any(|q| q.kept() && q.expert == pair.expert));
        }
        let kept = |of: &[super::Pair]| of.iter().filter(|p| p.kept()).count();
        only += kept(a) + kept(b);
        let at = |of: &[super::Pair], e: u16| -> f64 {
            of.iter().filter(|p| p.expert == e).map(|p| p.weight).sum()
        };
        weight += a
            .iter()
            .map(|p| (p.weight - at(b, p.expert)).abs())
            .sum::<f64>();
        let new = b.iter().filter(|q| a.iter().all(|p| p.expert != q.expert));
        weight += new.map(|q| q.weight.abs()).sum::<f64>();
    }
    let served: usize = first.carried.iter().map(|&c| c as usize).sum();
    Variant {
        rule: planned.rule,
        name: planned.name,
        current: planned.config == *base,
        changed: 100.0 * (only - 2 * common) as f64 / served.max(1) as f64,
        moved: 50.0 * weight / first.clusters.len().max(1) as f64,
        dropped: 100.0 * batch.stats.drop_rate,
        load_cv: batch.stats.cv,
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
