//! From panels to what is shown: charts, stories, tables.

use super::super::config::Config;
use super::SIDES;
use super::run::{FieldRun, Panel};
use super::spectrum::Field;
use crate::core::{
    Axis, Chart, EntityId, Fact, Moment, MomentKind, Series, SeriesKind, Story, Table, Timeline,
    num,
};

/// Builds the run.
pub(super) fn build(config: &Config, field: Field, panels: Vec<Panel>) -> FieldRun {
    let decided = SIDES.map(|times| num::ln(half_decided(&field, times * field.base())));
    let timeline = timeline(&panels, &decided);
    let charts = vec![
        distance_chart(&panels),
        arrived_chart(&panels),
        spectrum_chart(&panels),
        decided_chart(&field, false),
        decided_chart(&field, true),
        level_chart(&panels, &decided),
    ];
    FieldRun {
        config: config.clone(),
        field,
        panels: panels.into(),
        decided,
        timeline,
        charts: charts.into(),
    }
}

/// The level at which the best denoiser's error is half of the variance, by bisection in ln s.
fn half_decided(field: &Field, side: usize) -> f64 {
    let half = 0.5 * field.variance(side);
    let (mut low, mut high) = (num::ln(1e-5), num::ln(1e5));
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if field.mmse(side, num::exp(middle)) < half {
            low = middle;
        } else {
            high = middle;
        }
    }
    num::exp(0.5 * (low + high))
}

fn timeline(panels: &[Panel], decided: &[f64; 3]) -> Timeline {
    let levels: &[f64] = panels.first().map_or(&[], |p| &p.levels);
    let steps = levels.len().saturating_sub(1);
    let mut timeline = Timeline::counted(steps, "step", "1 denoising step");
    for place in [0, 2] {
        let below = |s: &f64| *s < num::exp(decided[place]);
        if let (Some(k), Some(panel)) = (levels.iter().position(below), panels.get(place)) {
            timeline.moments.push(Moment {
                at: k as f64,
                label: format!("half of the variance is decided at side {}", panel.side),
                kind: MomentKind::Note,
            });
        }
    }
    Moment::sort(&mut timeline.moments);
    timeline
}

/// "64 × 64", and how its levels are.
pub(super) fn name(panel: &Panel) -> String {
    if panel.factor == 1.0 {
        format!("side {}", panel.side)
    } else {
        format!("side {}, levels × {}", panel.side, panel.factor)
    }
}

/// The panels that differ: at the smallest side a moved schedule is the schedule.
fn different(panels: &[Panel]) -> impl Iterator<Item = &Panel> {
    let base = panels.first().map_or(0, |p| p.side);
    panels
        .iter()
        .enumerate()
        .filter(move |(i, p)| *i == 0 || p.side > base)
        .map(|(_, p)| p)
}

fn distance_chart(panels: &[Panel]) -> Chart {
    let series = different(panels)
        .map(|p| {
            let line: Vec<[f64; 2]> = p
                .moments
                .iter()
                .zip(p.levels.iter())
                .enumerate()
                .map(|(k, (m, s))| [k as f64, 100.0 * m.w2 / (1.0 + s * s).sqrt()])
                .collect();
            Series::line(name(p), line)
        })
        .collect();
    Chart {
        id: "distance",
        title: "Exact distance at every level",
        doc: "2-Wasserstein distance between the sampler's law and the field's own at the same noise level, root mean square per pixel, over the spread sqrt(1 + s^2) of the noisy pixels. A closed form: every solver acts on each mode as a multiplier.",
        x: Axis::linear("step", ""),
        y: Axis::zero_based("distance over spread", "%"),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

/// Mean over modes of about the same frequency, where the field has power.
fn shells(panel: &Panel, value: impl Fn(&[f64; 3]) -> f64) -> Vec<[f64; 2]> {
    let mut out: Vec<[f64; 3]> = Vec::new();
    for row in panel.arrived.iter().filter(|r| r[1] > 0.0) {
        let shell = row[0].round().max(1.0);
        match out.last_mut().filter(|last| last[0] == shell) {
            Some(last) => {
                last[1] += value(row);
                last[2] += 1.0;
            }
            None => out.push([shell, value(row), 1.0]),
        }
    }
    out.iter().map(|[f, v, n]| [*f, v / n]).collect()
}

fn arrived_chart(panels: &[Panel]) -> Chart {
    let mut series: Vec<Series> = different(panels)
        .map(|p| Series::line(name(p), shells(p, |r| 100.0 * (r[2] / r[1]).sqrt())))
        .collect();
    let last = panels.iter().map(|p| p.side).max().unwrap_or(1) as f64;
    let exact = vec![[1.0, 100.0], [last, 100.0]];
    series.push(Series::line("exact", exact).as_reference());
    Chart {
        id: "arrived",
        title: "Amplitude that arrives",
        doc: "Standard deviation of the modes at the end over the true one, by frequency. Where a schedule steps too far over the level at which a frequency is decided, it comes out too weak or too strong.",
        x: Axis::log("half waves across", ""),
        y: Axis::linear("amplitude", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn spectrum_chart(panels: &[Panel]) -> Chart {
    let mut series: Vec<Series> = different(panels)
        .map(|p| Series::line(name(p), shells(p, |r| r[2])))
        .collect();
    if let Some(panel) = panels.get(2) {
        let truth = shells(panel, |r| r[1]);
        series.push(Series::line("the field", truth).as_reference());
    }
    Chart {
        id: "spectrum",
        title: "Spectrum",
        doc: "Power of a mode by its frequency: the field's own, and what arrives at each side.",
        x: Axis::log("half waves across", ""),
        y: Axis::log("power of a mode", "pixel values^2"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn decided_chart(field: &Field, moved: bool) -> Chart {
    let grid = num::logspace(0.01, 300.0, 90);
    let series = SIDES
        .iter()
        .map(|times| {
            let side = times * field.base();
            let variance = field.variance(side);
            let by = if moved { *times as f64 } else { 1.0 };
            let line: Vec<[f64; 2]> = grid
                .iter()
                .map(|s| [*s, 100.0 * field.mmse(side, by * s) / variance])
                .collect();
            Series::line(format!("side {side}"), line)
        })
        .collect();
    Chart {
        id: if moved { "decided_moved" } else { "decided" },
        title: if moved {
            "The same over s × smallest side / side"
        } else {
            "Where each side is decided"
        },
        doc: if moved {
            "The same error against s n0 / n, the level that a pixel of the smallest picture would see: averaging (n / n0)^2 pixels divides their noise by n / n0. What new detail adds is all that is left of the difference."
        } else {
            "Error of the best denoiser over the variance of a pixel. The same field with more pixels is decided at larger s: power log-SNR lower by 2 ln of the ratio of the sides."
        },
        x: Axis::log(
            if moved {
                "noise level s n0 / n"
            } else {
                "noise level s"
            },
            "pixel values",
        ),
        y: Axis::zero_based("undecided variance", "%"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn level_chart(panels: &[Panel], decided: &[f64; 3]) -> Chart {
    let mut series = Vec::new();
    for panel in panels.iter().skip(SIDES.len()) {
        let line: Vec<[f64; 2]> = panel
            .levels
            .iter()
            .enumerate()
            .filter(|(_, s)| **s > 0.0)
            .map(|(k, s)| [k as f64, *s])
            .collect();
        series.push(Series::new(name(panel), SeriesKind::Line, line));
    }
    let last = panels.first().map_or(0, |p| p.levels.len() - 1) as f64;
    for (ln, panel) in decided.iter().zip(panels) {
        let s = num::exp(*ln);
        let line = vec![[0.0, s], [last, s]];
        let words = format!("half decided at side {}", panel.side);
        series.push(Series::line(words, line).as_reference());
    }
    Chart {
        id: "sigma",
        title: "Noise level",
        doc: "Noise level s at every step, as it is and moved by the side, and the levels at which half of the variance is decided at each side.",
        x: Axis::linear("step", ""),
        y: Axis::log("noise level s", "pixel values"),
        series,
        marks: Vec::new(),
        on_timeline: true,
    }
}

pub(super) fn story(run: &FieldRun, entity: EntityId, at: f64) -> Option<Story> {
    let panel = run.panels.get(usize::try_from(entity.0).ok()?)?;
    let k = run.timeline.index_at(at);
    let (s, moment) = (*panel.levels.get(k)?, panel.moments.get(k)?);
    let base = run.field.base();
    let seen = s * base as f64 / panel.side as f64;
    let left = 100.0 * run.field.mmse(panel.side, s) / run.field.variance(panel.side);
    let mut facts = vec![
        Fact::new("pixels", format!("{0} × {0}", panel.side)),
        Fact::new("noise level s", format!("{s:.4}")),
        Fact::new("undecided variance", format!("{left:.1} %")),
        Fact::new(
            "distance from the true law",
            format!("{:.5} per pixel", moment.w2),
        ),
        Fact::new(
            "divergence from it",
            format!("{:.5} nats per pixel", moment.kl),
        ),
    ];
    if s > 0.0 {
        let lambda = format!("{:.3}", panel.log_snr(k));
        facts.insert(2, Fact::new("power log-SNR of a pixel", lambda));
    }
    let times = panel.side as f64 / base as f64;
    let mut why = vec![format!(
        "The field's modes are independent Gaussians, so the denoiser multiplies each by n^2 c^2 / (n^2 c^2 + s^2): {} pixels across see a mode with n^2 times its power c^2, against the same noise per pixel.",
        panel.side
    )];
    if times > 1.0 {
        why.push(format!(
            "{} pixels here cover one of the {base} × {base} picture; their mean has noise s / {times} = {seen:.4}. The same destruction needs s times {times}: power log-SNR lower by 2 ln {times} = {:.3}.",
            times * times,
            2.0 * num::ln(times)
        ));
    }
    Some(Story {
        title: name(panel),
        facts,
        why,
    })
}

pub(super) fn notable(run: &FieldRun) -> Vec<(EntityId, String)> {
    let end = |i: &usize| run.panels[*i].moments.last().map_or(f64::NAN, |m| m.w2);
    let worst = (0..run.panels.len()).max_by(|a, b| end(a).total_cmp(&end(b)).then(b.cmp(a)));
    let best = (0..run.panels.len()).min_by(|a, b| end(a).total_cmp(&end(b)).then(a.cmp(b)));
    [(worst, "furthest from the field"), (best, "nearest to it")]
        .into_iter()
        .filter_map(|(i, words)| {
            i.map(|i| {
                (
                    EntityId(i as u64),
                    format!("{}: {words}", name(&run.panels[i])),
                )
            })
        })
        .collect()
}

pub(super) fn tables(run: &FieldRun) -> Vec<(&'static str, Table)> {
    let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let steps = Table {
        columns: columns(&["side", "factor", "step", "sigma", "w2", "kl_per_pixel"]),
        rows: run
            .panels
            .iter()
            .flat_map(|p| {
                p.moments.iter().enumerate().map(|(k, m)| {
                    let (side, step) = (p.side as f64, k as f64);
                    vec![side, p.factor, step, p.levels[k], m.w2, m.kl]
                })
            })
            .collect(),
    };
    let modes = Table {
        columns: columns(&["side", "factor", "half_waves", "power", "arrived"]),
        rows: run
            .panels
            .iter()
            .flat_map(|p| {
                p.arrived
                    .iter()
                    .map(|[f, c, v]| vec![p.side as f64, p.factor, *f, *c, *v])
            })
            .collect(),
    };
    vec![("steps", steps), ("modes", modes)]
}
