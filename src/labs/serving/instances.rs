//! What several instances add to a run's report: memory of each over time, requests that move,
//! instances that start, stop and fail.

use super::config::Config;
use super::engine::{Engine, Incident, Turn};
use super::log::Log;
use crate::core::stats::{mean, percentile_sorted};
use crate::core::{Axis, Better, Chart, Mark, Metric, Moment, MomentKind, Series, SeriesKind, num};

/// Most instances with a line of their own.
const LINES: usize = 6;

/// Memory of every instance over time; nothing for one instance.
pub(super) fn chart(config: &Config, log: &Log, end: f64) -> Option<Chart> {
    let n = config.replicas as usize;
    if n < 2 {
        return None;
    }
    let blocks = f64::from(config.limits().num_blocks);
    let percent = |points: Vec<[f64; 2]>| -> Vec<[f64; 2]> {
        (points.into_iter())
            .map(|[at, used]| [at, 100.0 * used / blocks])
            .collect()
    };
    let courses: Vec<Vec<[f64; 2]>> = (0..n).map(|i| percent(log.usage.course(i, end))).collect();
    let share_at = |instance: u32, at: f64| {
        let course = courses
            .get(instance as usize)
            .map_or(&[][..], Vec::as_slice);
        let place = course.partition_point(|c| c[0] <= at);
        place.checked_sub(1).map_or(0.0, |p| course[p][1])
    };
    let lost: Vec<[f64; 2]> = (log.incidents.iter())
        .filter(|i| i.what == Turn::Died)
        .map(|i| [i.at, 0.0])
        .collect();
    let moved: Vec<[f64; 2]> = (log.moves.iter())
        .map(|m| [m.at, share_at(m.to, m.at)])
        .collect();
    let mut series: Vec<Series> = (courses.iter().take(LINES).enumerate())
        .map(|(i, course)| Series::new(format!("instance {i}"), SeriesKind::Stairs, course.clone()))
        .collect();
    for (name, points) in [("a request moves in", moved), ("an instance dies", lost)] {
        if !points.is_empty() {
            series.push(Series::new(name, SeriesKind::Points, points).as_reference());
        }
    }
    Some(Chart {
        id: "instances",
        title: "Memory of the instances",
        doc: "KV blocks in use on each instance (the first six). One that is full while another is nearly empty is the fragmentation that migration removes; a dot is a request that moves in, at the memory of the instance that takes it.",
        x: Axis::linear("simulated time", "s"),
        y: Axis::zero_based("share of the pool", "%"),
        series,
        marks: (log.incidents.iter().take(4))
            .map(|i| Mark {
                x: i.at,
                label: words(i),
            })
            .collect(),
        on_timeline: true,
    })
}

/// How many instances are on over time, and what made them start; nothing where all are on always.
pub(super) fn scaling(config: &Config, log: &Log, end: f64) -> Vec<Chart> {
    if !config.scales() {
        return Vec::new();
    }
    let n = config.replicas as usize;
    let least = (config.least_instances as usize).clamp(1, n);
    // What each instance is: paid for, and serving.
    let mut each = vec![[true; 2]; least];
    each.resize(n, [false; 2]);
    let count = |each: &[[bool; 2]], what: usize| each.iter().filter(|e| e[what]).count() as f64;
    let mut on = vec![[0.0, count(&each, 0)]];
    let mut serving = vec![[0.0, count(&each, 1)]];
    for incident in &log.incidents {
        let Some(own) = each.get_mut(incident.instance as usize) else {
            continue;
        };
        *own = match incident.what {
            Turn::Starts | Turn::Drains | Turn::Died => [true, false],
            Turn::Ready | Turn::Revived => [true; 2],
            Turn::Off => [false; 2],
            _ => continue,
        };
        on.push([incident.at, count(&each, 0)]);
        serving.push([incident.at, count(&each, 1)]);
    }
    for course in [&mut on, &mut serving] {
        let last = course.last().map_or(0.0, |p| p[1]);
        course.push([end, last]);
    }
    let mut charts = vec![Chart {
        id: "instances_on",
        title: "Instances",
        doc: "Instances that are paid for, those on their way up, down or dead included, and those that take arrivals.",
        x: Axis::linear("simulated time", "s"),
        y: Axis::zero_based("instances", ""),
        series: vec![
            Series::new("on", SeriesKind::Stairs, on),
            Series::new("serving", SeriesKind::Stairs, serving),
        ],
        marks: Vec::new(),
        on_timeline: true,
    }];
    if config.provisions() {
        let most = config.scale_over_secs;
        let known = log.foretold.iter().filter(|p| p[1].is_finite());
        charts.push(Chart {
            id: "foretold",
            title: "Predicted time to the end",
            doc: "For every arrival: the time to its last token on the instance where that is soonest, foretold by running a copy of the instance on. From the line on one more instance starts, unless one does already.",
            x: Axis::linear("simulated time", "s"),
            y: Axis::zero_based("time to the end", "s"),
            series: vec![
                Series::new("arrivals", SeriesKind::Points, known.copied().collect::<Vec<_>>()),
                Series::line("start from", vec![[0.0, most], [end, most]]).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: true,
        });
    }
    charts
}

/// What became of an instance, in words.
fn words(incident: &Incident) -> String {
    let i = incident.instance;
    match incident.what {
        Turn::Died => format!("instance {i} dies"),
        Turn::Revived => format!("instance {i} is back"),
        Turn::Slowed => format!("instance {i} slows down"),
        Turn::Sound => format!("instance {i} is sound again"),
        Turn::LinkSlowed => format!("the link of instance {i} slows down"),
        Turn::LinkSound => format!("the link of instance {i} is sound again"),
        Turn::Starts => format!("instance {i} is started"),
        Turn::Ready => format!("instance {i} is ready"),
        Turn::Drains => format!("instance {i} takes no more"),
        Turn::Off => format!("instance {i} is off"),
        Turn::Prefills => format!("instance {i} computes prompts from now on"),
        Turn::Decodes => format!("instance {i} decodes from now on"),
    }
}

/// Named moments: what happened to instances (the first few), and the first move.
pub(super) fn moments(log: &Log) -> Vec<Moment> {
    let incidents = log.incidents.iter().take(12).map(|i| Moment {
        at: i.at,
        label: words(i),
        kind: match i.what {
            Turn::Died | Turn::Slowed | Turn::LinkSlowed => MomentKind::Bad,
            _ => MomentKind::Phase,
        },
    });
    let first = log.moves.first().map(|m| Moment {
        at: m.stopped,
        label: format!(
            "first move: request {} from instance {} to {}",
            m.request, m.from, m.to
        ),
        kind: MomentKind::Note,
    });
    incidents.chain(first).collect()
}

/// Figures of moves, scaling and faults, where there are any.
pub(super) fn metrics(config: &Config, log: &Log, last: &Engine) -> Vec<Metric> {
    let mut out = Vec::new();
    if config.migrates() {
        let mut stops: Vec<f64> = log.moves.iter().map(|m| m.at - m.stopped).collect();
        stops.sort_by(f64::total_cmp);
        let tokens = num::sum(log.moves.iter().map(|m| f64::from(m.tokens)));
        out.push(Metric::new(
            "migrations",
            "Migrations",
            "",
            log.moves.len() as f64,
            Better::Neither,
            "How often a request went on decoding on another instance.",
        ));
        out.push(Metric::new(
            "migration_stop_mean_secs",
            "Stop of a migration",
            "s",
            mean(&stops),
            Better::Lower,
            "Mean time in which a request that moves does not decode: the last piece of its KV is copied.",
        ));
        out.push(Metric::new(
            "migration_stop_p99_secs",
            "Stop of a migration, p99",
            "s",
            percentile_sorted(&stops, 99.0),
            Better::Lower,
            "The longest of these stops but for one in a hundred.",
        ));
        out.push(Metric::new(
            "migrated_tokens_mean",
            "KV of a migration",
            "tok",
            tokens / log.moves.len() as f64,
            Better::Neither,
            "Mean number of tokens whose KV was sent.",
        ));
    }
    if config.scales() {
        out.push(Metric::new(
            "instances_mean",
            "Instances on",
            "",
            last.instance_secs() / last.now(),
            Better::Lower,
            "Average over time of the instances that were on: what the service costs.",
        ));
    }
    if config.has_fault() {
        out.push(Metric::new(
            "lost_requests",
            "Restarted by the fault",
            "",
            log.losses.len() as f64,
            Better::Lower,
            "Requests that lost their memory with their instance and started again elsewhere. None is lost for good.",
        ));
    }
    out
}
