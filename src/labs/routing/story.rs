//! The story of a token or an expert: what the inspector shows.

use super::config::{Config, DropOrder, Router};
use super::model::Run;
use super::route::{Batch, Fate, Pair};
use super::rules::gate::top_k;
use super::tell::has_floor;
use crate::core::{Fact, Story, num};

/// What became of a pair, in words, with the numbers of the rule.
fn verdict(config: &Config, batch: &Batch, pair: &Pair) -> String {
    let (e, c, p) = (pair.expert, batch.capacity, pair.position);
    let by = match config.drop_order {
        DropOrder::Token => "in order of arrival",
        DropOrder::Score => "by gate",
    };
    match pair.fate {
        Fate::NotSent => format!(
            "choice {} not sent to expert {e}: the draw was not below twice its gate share",
            pair.choice + 1
        ),
        Fate::OverCapacity => format!("dropped: position {p} ({by}) >= capacity {c} of expert {e}"),
        Fate::Kept if config.router == Router::ExpertChoice => {
            format!("taken: rank {p} among expert {e}'s tokens < its {c} places")
        }
        Fate::Kept if config.has_capacity() => {
            format!("kept: position {p} ({by}) < capacity {c} of expert {e}")
        }
        Fate::Kept => format!("kept: expert {e} takes every token (no capacity limit)"),
    }
}

pub(super) fn token_story(run: &Run, batch: usize, token: usize) -> Option<Story> {
    let (logits, gated) = run.gated(batch, token)?;
    let (config, b) = (run.config(), run.batches().get(batch)?);
    let pairs = b.of_token(token);
    let mut facts = vec![
        Fact::new("Batch", format!("{} of {}", batch + 1, run.batches().len())),
        Fact::new("Cluster", b.clusters[token].to_string()),
        Fact::new(
            "Router entropy",
            format!(
                "{:.3} nats (ln E = {:.3})",
                gated.entropy,
                num::ln(config.experts as f64)
            ),
        ),
    ];
    let scored = if config.router == Router::LossFree {
        "sigmoid"
    } else {
        "softmax"
    };
    for e in top_k(&gated.selecting, (config.choices() + 2).max(4)) {
        let bias = if config.router == Router::LossFree {
            format!(", with bias {:+.3} = {:.3}", b.bias[e], gated.selecting[e])
        } else {
            String::new()
        };
        facts.push(Fact::new(
            format!("Expert {e}"),
            format!(
                "logit {:.3}, {scored} {:.4}{bias}",
                logits[e], gated.scores[e]
            ),
        ));
    }
    for pair in pairs.iter().filter(|p| p.kept()) {
        facts.push(Fact::new(
            format!("Weight of expert {}", pair.expert),
            format!("{:.4}", pair.weight),
        ));
    }
    let mut why = vec![choice_words(config, &gated.picks)];
    why.extend(pairs.iter().map(|p| verdict(config, b, p)));
    if !pairs.iter().any(Pair::kept) {
        why.push(
            "no expert processes this token: it passes through the residual path only".to_owned(),
        );
    }
    Some(Story {
        title: format!("Token {token} of batch {}", batch + 1),
        facts,
        why,
    })
}

fn choice_words(config: &Config, picks: &[usize]) -> String {
    let list = picks
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    match config.router {
        Router::ExpertChoice => {
            format!("the experts choose; by its own scores the token would have gone to {list}")
        }
        Router::LossFree => format!("chosen by sigmoid + bias: {list} (ties to the lower index)"),
        _ => format!("chosen by logit: {list} (ties to the lower index)"),
    }
}

pub(super) fn expert_story(run: &Run, e: usize, at: f64) -> Option<Story> {
    let (config, scene) = (run.config(), run.scene(at));
    let b = run.batches().get(scene.batch)?;
    let demand = *b.demand.get(e)?;
    let mean = f64::from(b.demand.iter().sum::<u32>()) / b.demand.len() as f64;
    let mut facts = vec![
        Fact::new(
            "Batch",
            format!("{} of {}", scene.batch + 1, run.batches().len()),
        ),
        Fact::new("Inside now", format!("{} pairs", scene.inside[e])),
        Fact::new("Turned away so far", format!("{} pairs", scene.dropped[e])),
        Fact::new(
            "Asked for in this batch",
            format!(
                "{demand} pairs, {:.2} × the mean {mean:.1}",
                f64::from(demand) / mean
            ),
        ),
        Fact::new("Carried in this batch", format!("{} pairs", b.carried[e])),
    ];
    if config.has_capacity() {
        facts.push(Fact::new("Capacity", format!("{} pairs", b.capacity)));
    }
    if config.router == Router::LossFree {
        facts.push(Fact::new("Selection bias", format!("{:+.4}", b.bias[e])));
    }
    let mut by_cluster = vec![0_u32; config.clusters as usize];
    for p in b
        .pairs
        .iter()
        .filter(|p| usize::from(p.expert) == e && p.kept())
    {
        by_cluster[usize::from(b.clusters[p.token as usize])] += 1;
    }
    let list: Vec<String> = by_cluster
        .iter()
        .enumerate()
        .filter(|&(_, &n)| n > 0)
        .map(|(c, n)| format!("cluster {c}: {n}"))
        .collect();
    if !list.is_empty() {
        facts.push(Fact::new("Its tokens", list.join(", ")));
    }
    let mut why = Vec::new();
    if has_floor(config) {
        let [low, _, high] = run.floor().load;
        let load = f64::from(demand);
        let word = if load > high {
            "above: it is really popular"
        } else if load < low {
            "below: it is really avoided"
        } else {
            "within: this could be chance"
        };
        why.push(format!("random routing would ask {low} to {high} pairs of it in 90 % of batches; {demand} is {word}"));
    } else {
        why.push(format!(
            "every expert takes exactly its {} best tokens",
            b.capacity
        ));
    }
    if demand > b.carried[e] {
        why.push(format!(
            "{} pairs over its capacity {} are dropped",
            demand - b.carried[e],
            b.capacity
        ));
    }
    Some(Story {
        title: format!("Expert {e}"),
        facts,
        why,
    })
}
