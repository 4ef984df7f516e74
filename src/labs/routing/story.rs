//! The story of a token or an expert: what the inspector shows.

use super::config::{
    BufferOrder, Config, DropOrder, Graph, Overflow, Router, SecondChoice, TieBreak,
};
use super::gates::{Gated, dynmole};
use super::model::BatchRun;
use super::route::{Batch, Fate, Pair};
use super::rules::{entropy, families};
use super::source::TokenSource;
use super::tell::has_floor;
use crate::core::gate::top_k;
use crate::core::{Fact, Story, num};

/// Whose places a pair for this expert takes.
fn owner(config: &Config, e: usize) -> String {
    if config.per_device() {
        format!("device {}", config.bin_of(e))
    } else {
        format!("expert {e}")
    }
}

/// What became of a pair, in words, with the numbers of the rule.
fn verdict(config: &Config, batch: &Batch, pair: &Pair) -> String {
    let (e, c, p) = (pair.expert, batch.capacity, pair.position);
    let whose = owner(config, usize::from(e));
    let by = match config.drop_order {
        DropOrder::Token => match config.buffer_order {
            BufferOrder::ChoiceMajor => "in order of arrival",
            BufferOrder::TokenMajor => "in order of tokens",
            BufferOrder::Prioritised => "surest tokens first",
        },
        DropOrder::Score => "by gate",
        DropOrder::Last => "last come first",
        DropOrder::Random => "by random draw",
    };
    match pair.fate {
        Fate::NotSent => format!(
            "choice {} not sent to expert {e}: the draw was not below twice its gate{}",
            pair.choice + 1,
            if config.second_choice == SecondChoice::Random {
                " share"
            } else {
                ""
            }
        ),
        Fate::OverCapacity => format!("dropped: position {p} ({by}) >= capacity {c} of {whose}"),
        Fate::Rerouted => format!(
            "re-routed to expert {e}: its best expert with room, position {p} < capacity {c}"
        ),
        Fate::Added => format!(
            "taken by expert {e} although not asked: idle place {p} of {c} goes to the best token left"
        ),
        Fate::Kept => match config.router {
            Router::SoftMoe => format!(
                "expert {e}: its slots are {:.2} times an even share of this token, and give {:.3} of its output",
                pair.gate, pair.weight
            ),
            Router::ExpertChoice => {
                format!("taken: rank {p} among expert {e}'s tokens < its {c} places")
            }
            Router::SparseTransport => format!(
                "mass in the plan: expert {e} holds at most {c} tokens, this is its {}. by score",
                p + 1
            ),
            _ if config.has_capacity() && p >= c => {
                format!(
                    "kept by expert {e} over the capacity {c} of {whose}: its sequence is protected"
                )
            }
            _ if config.has_capacity() => {
                format!("kept by expert {e}: position {p} ({by}) < capacity {c} of {whose}")
            }
            _ => format!("kept: expert {e} takes every token (no capacity limit)"),
        },
    }
}

pub(super) fn token_story(run: &BatchRun, batch: usize, token: usize) -> Option<Story> {
    let (logits, gated) = run.gated(batch, token)?;
    let (config, b) = (run.config(), run.batches().get(batch)?);
    let pairs = b.of_token(token);
    let mut facts = vec![
        Fact::new("Batch", format!("{} of {}", batch + 1, run.batches().len())),
        if config.data.is_some() {
            let number = batch * config.tokens as usize + token;
            Fact::new("Token of the file", number.to_string())
        } else {
            let own = b.clusters[token].to_string();
            let (name, value) = match (config.source(), run.token_name(batch, token)) {
                (TokenSource::Text, Some(word)) => (
                    "Word",
                    format!("{word}, in sixth {own} of the text by frequency"),
                ),
                (TokenSource::Digits, Some(image)) => ("Digit", format!("{own}, {image}")),
                _ => ("Cluster", own),
            };
            Fact::new(name, value)
        },
        Fact::new(
            "Router entropy",
            format!(
                "{:.3} nats (ln E = {:.3})",
                gated.entropy,
                num::ln(config.experts as f64)
            ),
        ),
    ];
    let scored = match config.router {
        Router::LossFree | Router::DeepseekV3 => "sigmoid",
        Router::Blockffn => "normalised ReLU",
        _ => "softmax",
    };
    if config.router == Router::Hash {
        facts.push(Fact::new(
            "Token id",
            run.token_id(batch, token).to_string(),
        ));
    }
    let shown = if config.router == Router::Recorded {
        0
    } else {
        (config.choices() + 2).max(4)
    };
    for e in top_k(&gated.selecting, shown) {
        let bias = if config.router.has_bias() {
            format!(
                ", with bias {:+.3} = {:.3}",
                b.bias[e],
                gated.scores[e] + b.bias[e]
            )
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
    let mut why = vec![choice_words(config, b, &gated)];
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

fn list_words(items: impl IntoIterator<Item = usize>) -> String {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    if items.is_empty() {
        return "none".to_owned();
    }
    items.join(", ")
}

/// How equal scores are broken.
fn ties(config: &Config) -> &'static str {
    match config.tie_break {
        TieBreak::Higher if config.breaks_ties() => "ties to the higher index",
        TieBreak::Random if config.breaks_ties() => "ties by a random draw",
        _ => "ties to the lower index",
    }
}

/// Which rule chose, with its numbers. Where the whole batch decides, what the token alone would
/// have chosen.
fn choice_words(config: &Config, batch: &Batch, gated: &Gated) -> String {
    let list = list_words(gated.picks.iter().copied());
    let alone = format!("by its own scores the token would have gone to {list}");
    match config.router {
        Router::ExpertChoice => format!("the experts choose; {alone}"),
        Router::Sinkhorn => format!("chosen from the balanced plan; {alone}"),
        Router::Base => {
            format!("the assignment with equal loads and the largest total score decides; {alone}")
        }
        Router::SparseTransport => format!("the transport plan decides; {alone}"),
        Router::SoftMoe => {
            "every slot takes a weighted mean of all tokens: nothing is chosen".to_owned()
        }
        Router::Recorded => format!("the file names {list}"),
        Router::TokenGraph => {
            let over = match config.graph {
                Graph::Similarity => "similar tokens",
                Graph::Attention => "the tokens it attends to",
            };
            format!("chosen by scores averaged over {over}; {alone}")
        }
        Router::Hash => format!("the table sends this id to expert {list}, whatever the scores"),
        Router::Dynmole => {
            let dynmole = dynmole(config);
            let h = entropy::tsallis(&gated.scores, dynmole.q, dynmole.eps);
            if h > dynmole.threshold {
                format!(
                    "normalised entropy {h:.3} > threshold {}: all experts",
                    dynmole.threshold
                )
            } else {
                format!(
                    "normalised entropy {h:.3} <= threshold {}: experts within the top-p mass {} and at least {}: {list}",
                    dynmole.threshold, dynmole.top_p, dynmole.keep_top_k
                )
            }
        }
        Router::Blockffn => format!(
            "every expert with a score above {}: {list}",
            config.relu_shift
        ),
        Router::LossFree => format!("chosen by sigmoid + bias: {list} ({})", ties(config)),
        Router::DeepseekV3 => {
            let s = families::biased(&gated.scores, &batch.bias);
            let size = s.len() / config.groups as usize;
            let kept = (0..config.groups as usize).filter(|g| {
                gated.selecting[g * size..(g + 1) * size]
                    .iter()
                    .any(|v| v.is_finite())
            });
            format!(
                "groups kept by the sum of their two best scores + bias: {}; chosen inside them: {list} (ties to the lower index)",
                list_words(kept)
            )
        }
        Router::Gshard if config.second_choice == SecondChoice::Sampled => {
            format!("chosen by logit, the second with noise: {list}")
        }
        _ => format!("chosen by logit: {list} ({})", ties(config)),
    }
}

pub(super) fn expert_story(run: &BatchRun, e: usize, at: f64) -> Option<Story> {
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
        let whose = owner(config, e);
        facts.push(Fact::new(
            format!("Capacity of {whose}"),
            format!("{} pairs", b.capacity),
        ));
    }
    if config.router.has_bias() {
        facts.push(Fact::new("Selection bias", format!("{:+.4}", b.bias[e])));
    }
    let mut by_cluster = vec![0_u32; config.cluster_count()];
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
        .map(|(c, n)| format!("{} {c}: {n}", config.cluster_word()))
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
        why.push(match config.router {
            Router::ExpertChoice => {
                format!("every expert takes exactly its {} best tokens", b.capacity)
            }
            Router::SparseTransport => format!(
                "the plan gives every expert the same mass, on at most {} tokens",
                b.capacity
            ),
            Router::SoftMoe => format!(
                "its {} slots each take a weighted mean of all tokens",
                config.slots()
            ),
            _ => "how many tokens come depends on the scores: no random floor applies".to_owned(),
        });
    }
    let turned_away = b
        .pairs
        .iter()
        .filter(|p| usize::from(p.expert) == e && p.fate == Fate::OverCapacity)
        .count();
    if turned_away > 0 {
        why.push(format!(
            "{turned_away} pairs over the capacity {} of {} are {}",
            b.capacity,
            owner(config, e),
            if config.overflow == Overflow::Reroute {
                "sent on to experts with room, as far as there is any"
            } else {
                "dropped"
            }
        ));
    }
    Some(Story {
        title: format!("Expert {e}"),
        facts,
        why,
    })
}
