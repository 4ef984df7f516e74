//! From costs and samples to what is shown: charts, stories, tables.

use super::super::config::Config;
use super::super::masked::Chain;
use super::cost::Cost;
use super::draft::{Draft, LONGEST, accepted, controlled};
use super::law::TOGETHER;
use super::order::Order;
use super::run::{Tile, TokenRun};
use super::work::Table as Compared;
use super::{Source, World};
use crate::core::rng::{Stream, StreamId};
use crate::core::{
    Axis, Chart, EntityId, Fact, Moment, MomentKind, Result, Series, SeriesKind, Story, Table,
    Timeline, num,
};

/// What was computed.
pub(super) struct Made {
    pub(super) cost: Cost,
    pub(super) tiles: Vec<Tile>,
    pub(super) compared: Compared,
    /// Divergences by number of tokens corrected together, then sweep.
    pub(super) swept: Vec<Vec<f64>>,
}

/// Builds the run.
///
/// # Errors
/// Noise indices that do not fit.
pub(super) fn build(config: &Config, world: &World, made: Made) -> Result<TokenRun> {
    let cost = made.cost;
    let indices = Order::of(config).indices(world.positions())?;
    let mut timeline = Timeline::counted(cost.rounds.len(), "round", "1 round of revealing");
    let worst = (0..cost.rounds.len())
        .max_by(|a, b| cost.rounds[*a].total_cmp(&cost.rounds[*b]).then(b.cmp(a)))
        .filter(|r| cost.rounds[*r] > 1e-9);
    if let Some(r) = worst {
        timeline.moments.push(Moment {
            at: (r + 1) as f64,
            label: format!("costliest round: {:.3} nats", cost.rounds[r]),
            kind: MomentKind::Bad,
        });
    }
    let mut charts = vec![costs_chart(&cost), sum_chart(&cost)];
    if !made.compared.is_empty() {
        charts.insert(0, orders_chart(&made.compared, indices.is_some()));
    }
    if let (World::Chain(chain), true) = (world, config.drafting && config.source == Source::Markov)
    {
        charts.splice(
            0..0,
            [drafts_chart(chain), lengths_chart(chain, config.seed)],
        );
    }
    if !made.swept.is_empty() {
        charts.insert(0, sweeps_chart(&made.swept));
    }
    Ok(TokenRun {
        config: config.clone(),
        shape: world.shape(),
        values: world.values(),
        tiles: made.tiles.into(),
        costs: cost.rounds.into(),
        error: cost.error,
        indices: indices.map(Into::into),
        timeline,
        charts: charts.into(),
    })
}

fn costs_chart(cost: &Cost) -> Chart {
    let bars: Vec<[f64; 2]> = cost
        .rounds
        .iter()
        .enumerate()
        .map(|(r, c)| [(r + 1) as f64, if c.abs() < 1e-9 { 0.0 } else { *c }])
        .collect();
    let gains = bars.iter().any(|b| b[1] < 0.0);
    Chart {
        id: "round_cost",
        title: "Cost of each round",
        doc: "Conditional total correlation of the positions revealed together: what is lost by drawing them independently, given what is known. Below zero where corrections mend more than that.",
        x: Axis::linear("round", ""),
        y: if gains {
            Axis::linear("cost", "nats")
        } else {
            Axis::zero_based("cost", "nats")
        },
        series: vec![Series::new("cost", SeriesKind::Bars, bars)],
        marks: Vec::new(),
        on_timeline: true,
    }
}

fn sum_chart(cost: &Cost) -> Chart {
    let mut sum = 0.0;
    let line: Vec<[f64; 2]> = std::iter::once([0.0, 0.0])
        .chain(cost.rounds.iter().enumerate().map(|(r, c)| {
            sum += c;
            [(r + 1) as f64, sum]
        }))
        .collect();
    Chart {
        id: "divergence",
        title: "Divergence so far",
        doc: "KL(p || q) of the tokens revealed so far: the running sum of the rounds' costs.",
        x: Axis::linear("round", ""),
        y: Axis::zero_based("KL(p || q)", "nats"),
        series: vec![Series::line("divergence", line)],
        marks: Vec::new(),
        on_timeline: true,
    }
}

const DRAFTS: [(Draft, &str); 2] = [
    (Draft::Path, "consistent path"),
    (Draft::Independent, "independent"),
];

fn drafts_chart(chain: &Chain) -> Chart {
    let series = DRAFTS.map(|(draft, name)| {
        let kept = accepted(chain, draft, LONGEST);
        let line = kept.iter().enumerate();
        let line: Vec<[f64; 2]> = line.map(|(k, v)| [(k + 1) as f64, v + 1.0]).collect();
        Series::line(name, line)
    });
    Chart {
        id: "drafts",
        title: "Tokens per draft and verification",
        doc: "Expected tokens that one draft of m tokens and its verification bring: those accepted, each with probability min(1, p / q), and one from the verification itself. Closed form. Independent draws pay on short drafts and varied text, a consistent path on long drafts and predictable text.",
        x: Axis::linear("tokens drafted, m", ""),
        y: Axis::zero_based("tokens", ""),
        series: series.into(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn lengths_chart(chain: &Chain, seed: u64) -> Chart {
    const ROUNDS: usize = 80;
    let series = DRAFTS.map(|(draft, name)| {
        let stream = Stream::new(seed, StreamId::Noise).replicate(25);
        let rounds = controlled(chain, draft, ROUNDS, stream);
        let line = rounds.iter().enumerate();
        let line: Vec<[f64; 2]> = line
            .map(|(k, r)| [(k + 1) as f64, r.length as f64])
            .collect();
        Series::line(name, line)
    });
    Chart {
        id: "draft_lengths",
        title: "Draft length under the controller",
        doc: "Tokens drafted in each of 80 rounds: the moving mean of what was accepted plus 2, from 4 to 32. Drafts, acceptance and replacement are drawn from the seed.",
        x: Axis::linear("draft and verification", ""),
        y: Axis::zero_based("tokens drafted, m", ""),
        series: series.into(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn sweeps_chart(swept: &[Vec<f64>]) -> Chart {
    let series = swept.iter().zip(TOGETHER).map(|(curve, together)| {
        let line = curve.iter().enumerate();
        let line: Vec<[f64; 2]> = line.map(|(k, v)| [k as f64, v.max(1e-6)]).collect();
        let name = match together {
            1 => "one at a time".to_owned(),
            n => format!("{n} at once"),
        };
        Series::line(name, line)
    });
    Chart {
        id: "sweeps",
        title: "Correcting after generation",
        doc: "KL(p || q) after sweeps in which every token is drawn again given the others, in random order: one at a time it can only fall, towards the data; several at once settle at a bias. Exact, mean over three courses; values below 0.000001 nats are drawn there.",
        x: Axis::linear("sweeps", ""),
        y: Axis::log("KL(p || q)", "nats"),
        series: series.collect(),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn orders_chart(compared: &Compared, widths: bool) -> Chart {
    let mut series = Vec::new();
    for (name, row) in compared {
        let line: Vec<[f64; 2]> = row
            .iter()
            .map(|(calls, cost)| [*calls as f64, cost.total().max(1e-4)])
            .collect();
        let errors = row.iter().any(|(_, cost)| cost.error > 0.0);
        if errors {
            let low: Vec<[f64; 2]> = row
                .iter()
                .map(|(calls, cost)| [*calls as f64, (cost.total() - 1.96 * cost.error).max(1e-4)])
                .collect();
            let high: Vec<f64> = row
                .iter()
                .map(|(_, cost)| (cost.total() + 1.96 * cost.error).max(1e-4))
                .collect();
            series.push(Series::band(format!("{name}, 95 %"), low, high));
        }
        series.push(Series::line(name.clone(), line));
    }
    let (title, doc) = if widths {
        (
            "Every width against calls",
            "KL(p || q) of this family of hyperschedules by width w, with more and more noise levels along each curve, up to 64 calls; means over random courses, without corrections. Values below 0.0001 nats are drawn there.",
        )
    } else {
        (
            "Every order against calls",
            "KL(p || q) of every order at 2 to 32 denoiser calls on this world; values below 0.0001 nats are drawn there. Block orders need at least one call a block.",
        )
    };
    Chart {
        id: "orders",
        title,
        doc,
        x: Axis::log("denoiser calls (NFE)", ""),
        y: Axis::log("KL(p || q)", "nats"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

/// A position of a sample, from the key of its entity.
fn place(run: &TokenRun, entity: EntityId) -> Option<(usize, usize)> {
    let n = run.positions();
    let at = usize::try_from(entity.0).ok()?;
    (at / n < run.tiles.len()).then_some((at / n, at % n))
}

fn value_words(run: &TokenRun, v: f32) -> String {
    if run.values == 0 {
        format!("{v:.3}")
    } else {
        format!("token {}", v as usize)
    }
}

pub(super) fn story(run: &TokenRun, entity: EntityId, at: f64) -> Option<Story> {
    let (tile, position) = place(run, entity)?;
    let sample = run.tiles.get(tile)?;
    let round = usize::from(*sample.round.get(position)?);
    let done = run.timeline.index_at(at);
    let together = sample
        .round
        .iter()
        .filter(|r| usize::from(**r) == round)
        .count();
    let columns = run.shape[1];
    let mut facts = vec![
        Fact::new("sample", tile.to_string()),
        Fact::new(
            "position",
            if run.shape[0] == 1 {
                position.to_string()
            } else {
                format!("row {}, column {}", position / columns, position % columns)
            },
        ),
        Fact::new("revealed in round", (round + 1).to_string()),
    ];
    if done > round {
        facts.push(Fact::new(
            "value",
            value_words(run, sample.value(position, done)?),
        ));
    }
    let again = sample.corrections.iter();
    let again = again.filter(|c| usize::from(c.position) == position);
    facts.extend(
        again
            .filter(|c| usize::from(c.round) < done)
            .map(|c| Fact::new("drawn again in round", (c.round + 1).to_string())),
    );
    if let Some(indices) = &run.indices {
        let index = indices.after(done.min(indices.calls()))[position];
        facts.push(Fact::new(
            "noise index now",
            format!("{index} of {}", indices.tau()),
        ));
    }
    let known = sample
        .round
        .iter()
        .filter(|r| usize::from(**r) < round)
        .count();
    let cost = run.costs.get(round).copied().unwrap_or(f64::NAN);
    let why = vec![
        format!(
            "{} positions were known; its law given them has entropy {:.3} nats{}.",
            known,
            sample.entropy[position],
            if run.values == 0 {
                " (differential)"
            } else {
                ""
            }
        ),
        format!(
            "It was drawn together with {} others, each from its own law: sum of H(x_i | known) - H(x_S | known) = {cost:.4} nats for this round.",
            together.saturating_sub(1)
        ),
    ];
    Some(Story {
        title: format!("Position {position}"),
        facts,
        why,
    })
}

pub(super) fn notable(run: &TokenRun) -> Vec<(EntityId, String)> {
    let Some(tile) = run.tiles.first() else {
        return Vec::new();
    };
    let by = |last: bool| {
        (0..tile.round.len()).max_by_key(|i| {
            let r = i64::from(tile.round[*i]);
            (if last { r } else { -r }, -(*i as i64))
        })
    };
    let sure = (0..tile.entropy.len())
        .max_by(|a, b| tile.entropy[*a].total_cmp(&tile.entropy[*b]).then(b.cmp(a)));
    [
        (by(false), "revealed first"),
        (by(true), "revealed last"),
        (sure, "drawn with the least certainty"),
    ]
    .into_iter()
    .filter_map(|(i, words)| i.map(|i| (EntityId(i as u64), format!("Position {i}: {words}"))))
    .collect()
}

pub(super) fn tables(run: &TokenRun) -> Vec<(&'static str, Table)> {
    let columns = run.shape[1];
    let positions = Table {
        columns: ["sample", "row", "column", "round", "value", "entropy_nats"]
            .map(str::to_owned)
            .to_vec(),
        rows: run
            .tiles
            .iter()
            .enumerate()
            .flat_map(|(t, tile)| {
                (0..tile.values.len()).map(move |i| {
                    let end = tile.value(i, run.costs.len()).unwrap_or(f32::NAN);
                    vec![
                        t as f64,
                        (i / columns) as f64,
                        (i % columns) as f64,
                        f64::from(tile.round[i]) + 1.0,
                        f64::from(end),
                        f64::from(tile.entropy[i]),
                    ]
                })
            })
            .collect(),
    };
    let rounds = Table {
        columns: ["round", "cost_nats", "cumulative_nats"]
            .map(str::to_owned)
            .to_vec(),
        rows: (0..run.costs.len())
            .map(|r| {
                let sum = num::sum(run.costs[..=r].iter().copied());
                vec![(r + 1) as f64, run.costs[r], sum]
            })
            .collect(),
    };
    vec![("positions", positions), ("rounds", rounds)]
}
