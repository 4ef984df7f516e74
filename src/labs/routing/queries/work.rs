//! The work on queries in short steps.

use super::super::config::{Config, QueryRule};
use super::cascade::{self, Pair, Predictor};
use super::codes::Codes;
use super::pool::{self, Pool, STEPS};
use super::run::{Curve, Facts, QueryRun, Scene};
use super::{agents, glimpse};
use crate::core::{Job, Result, Step};

/// Held-out samples of the cascade.
const HELD_OUT: usize = 720;

/// The rules of a cascade, in the order of the charts.
pub(super) const CASCADE: [(QueryRule, &str); 8] = [
    (QueryRule::Entropy, "entropy"),
    (QueryRule::Energy, "free energy"),
    (QueryRule::MaxProb, "largest probability"),
    (QueryRule::Margin, "margin"),
    (QueryRule::Advantage, "predicted advantage"),
    (QueryRule::Reward, "score of the weak answer"),
    (QueryRule::Random, "random"),
    (QueryRule::Oracle, "true advantage"),
];

/// The computation in steps.
pub(in crate::labs::routing) struct Work {
    config: Config,
    pair: Option<Pair>,
    updates: u64,
    codes: Option<Codes>,
}

impl Work {
    /// Starts the run of a checked config.
    ///
    /// # Errors
    /// Never for the sizes used here; passed on from the networks.
    pub(in crate::labs::routing) fn new(config: &Config) -> Result<Self> {
        let pair = if config.query_rule.is_cascade() {
            Some(Pair::new(config)?)
        } else {
            None
        };
        Ok(Self {
            config: config.clone(),
            pair,
            updates: 0,
            codes: config.query_rule.is_codes().then(|| Codes::new(config)),
        })
    }
}

fn pool_facts(config: &Config) -> Facts {
    let pool = Pool::new(config);
    let rule = config.query_rule;
    let weights = (0..=STEPS).map(|i| i as f64 / STEPS as f64);
    let swept = |choose: &dyn Fn(f64) -> Vec<u8>| -> Vec<[f64; 2]> {
        let all = weights.clone();
        all.map(|w| pool.outcome(&choose(w))).collect()
    };
    let n = config.queries as usize;
    let fixed = (0..pool::COSTS.len()).map(|m| pool.outcome(&vec![m as u8; n]));
    let name = if rule == QueryRule::Tryage {
        "Tryage on estimates"
    } else {
        "CARROT on estimates"
    };
    Facts {
        models: pool::COSTS
            .iter()
            .enumerate()
            .map(|(m, c)| (format!("model {m}"), *c))
            .collect(),
        positions: pool.positions(),
        quality: (0..n).flat_map(|i| pool.quality(i).to_vec()).collect(),
        scenes: weights
            .clone()
            .map(|w| Scene {
                at: w,
                choices: pool.choices(rule, w).into(),
                best: pool.best(QueryRule::Carrot, w).into(),
                regret: pool.regret(rule, w),
            })
            .collect(),
        curves: vec![
            Curve::line(
                "with true qualities",
                swept(&|w| pool.best(QueryRule::Carrot, w)),
            ),
            Curve::line(name, swept(&|w| pool.choices(rule, w))),
            Curve::line(pool::FIXED, fixed.collect()),
        ],
        regret: pool::mean_regret(&pool, rule),
        hits: [pool.hits(rule), pool.commonest()],
        ..Facts::default()
    }
}

fn cascade_facts(config: &Config, pair: &mut Pair) -> Facts {
    let predictor = Predictor::learn(pair);
    let answers = pair.answers(true, HELD_OUT);
    let shares = (0..=STEPS).map(|i| i as f64 / STEPS as f64);
    let count = |share: f64| (share * HELD_OUT as f64).round() as usize;
    let order = |rule| cascade::order(rule, &answers, &predictor, config.seed);
    let cost = |share: f64| cascade::COSTS[0] + share * cascade::COSTS[1];
    let curves = CASCADE.map(|(rule, name)| {
        let order = order(rule);
        let points = shares.clone().map(|s| {
            let [accuracy, wasted] = cascade::outcome(&answers, &order, count(s));
            ([cost(s), accuracy], [s, wasted])
        });
        let (line, wasted): (Vec<_>, Vec<_>) = points.unzip();
        Curve {
            wasted,
            ..Curve::line(name, line)
        }
    });
    let shown = order(config.query_rule);
    let best = order(QueryRule::Oracle);
    let escalated = |order: &[usize], share: f64| -> Vec<u8> {
        let mut out = vec![0; HELD_OUT];
        for &i in &order[..count(share)] {
            out[i] = 1;
        }
        out
    };
    let mut rank = vec![0.0; HELD_OUT];
    for (place, &i) in shown.iter().enumerate() {
        rank[i] = place as f32 / HELD_OUT as f32;
    }
    let at = |order: &[usize], share: f64| cascade::outcome(&answers, order, count(share));
    Facts {
        models: ["weak", "strong"]
            .into_iter()
            .zip(cascade::COSTS)
            .map(|(name, cost)| (name.to_owned(), cost))
            .collect(),
        positions: rank,
        quality: answers
            .iter()
            .flat_map(|a| a.right.map(|r| f64::from(u8::from(r))))
            .collect(),
        scenes: shares
            .clone()
            .map(|s| Scene {
                at: s,
                choices: escalated(&shown, s).into(),
                best: escalated(&best, s).into(),
                regret: at(&best, s)[0] - at(&shown, s)[0],
            })
            .collect(),
        regret: shares
            .clone()
            .map(|s| (at(&best, s)[0] - at(&shown, s)[0]) / (STEPS + 1) as f64)
            .sum(),
        wasted: at(&shown, 0.2)[1],
        curves: curves.to_vec(),
        glimpse: cascade::COSTS[0],
        shown: CASCADE
            .iter()
            .position(|(rule, _)| *rule == config.query_rule)
            .unwrap_or(0),
        place: "order in which answers are escalated, first left",
        ..Facts::default()
    }
}

impl Job for Work {
    type Out = QueryRun;

    fn step(&mut self) -> Result<Step<QueryRun>> {
        if let Some(codes) = &mut self.codes {
            return Ok(if codes.step() {
                Step::Done(QueryRun::new(&self.config, codes.facts()))
            } else {
                Step::Working
            });
        }
        let Some(pair) = &mut self.pair else {
            let facts = match self.config.query_rule {
                QueryRule::Glimpse => glimpse::facts(&self.config),
                QueryRule::Agents => agents::facts(&self.config),
                _ => pool_facts(&self.config),
            };
            return Ok(Step::Done(QueryRun::new(&self.config, facts)));
        };
        if self.updates < self.config.train_steps {
            pair.update();
            self.updates += 1;
            return Ok(Step::Working);
        }
        let facts = cascade_facts(&self.config, pair);
        Ok(Step::Done(QueryRun::new(&self.config, facts)))
    }

    fn progress(&self) -> f64 {
        match &self.codes {
            Some(codes) => codes.progress(),
            None => 0.9 * self.updates as f64 / self.config.train_steps as f64,
        }
    }
}
