//! Charts of what follows the batches: rules compared on the same tokens, devices, caches.

use super::config::Config;
use super::deploy::{Deployment, POLICIES};
use super::frontier::Frontier;
use super::rules::prefetch::Traffic;
use crate::core::{Axis, Chart, Mark, Series, SeriesKind};

/// Value against balance of several rules on the same tokens.
pub(super) fn frontier_chart(frontier: &Frontier) -> Chart {
    let mut series: Vec<Series> = frontier
        .dots
        .iter()
        .map(|d| Series::new(d.name, SeriesKind::Points, vec![[d.violation, d.value]]))
        .collect();
    if let Some(own) = frontier.own {
        series.push(
            Series::new("this router, first choices", SeriesKind::Points, vec![own]).as_reference(),
        );
    }
    Chart {
        id: "frontier",
        title: "Value against balance",
        doc: "What several rules make of the same first tokens, one expert each: mean logit of the chosen expert against MaxVio. Up and left is better; the exact assignment is the best that equal loads allow, and argmax the best without any care for balance. Auxiliary loss: Switch's, 200 gradient steps on a bias of the gate. Points left of the mark are more even than random routing.",
        x: Axis::zero_based("MaxVio", ""),
        y: Axis::linear("mean chosen logit", ""),
        series,
        marks: vec![Mark {
            x: frontier.floor,
            label: "random routing".to_owned(),
        }],
        on_timeline: false,
    }
}

/// Loads of devices, and caches of every size.
pub(super) fn deployment_charts(config: &Config, d: &Deployment) -> Vec<Chart> {
    let mut out = vec![device_chart(d), failure_chart(d)];
    if d.reads > 0 {
        out.push(hit_chart(d));
        out.push(transfer_chart(config, d));
        out.push(stall_chart(config, d));
    }
    out
}

fn device_chart(d: &Deployment) -> Chart {
    // Bars and dots: of two bars at one place the shorter would be hidden.
    let by_device = |name: &str, kind: SeriesKind, loads: &[f64]| {
        let points: Vec<[f64; 2]> = loads
            .iter()
            .enumerate()
            .map(|(i, &l)| [i as f64, l])
            .collect();
        Series::new(name, kind, points)
    };
    let mean = crate::core::stats::mean(&d.contiguous);
    let ends = [-0.5, d.contiguous.len() as f64 - 0.5];
    Chart {
        id: "devices",
        title: "Load per device",
        doc: "Pairs per batch on each device with experts in their order, and packed by their mean load with copies in the spare slots. The slowest device sets the pace of all; the line is a perfect split.",
        x: Axis::linear("device", ""),
        y: Axis::zero_based("load", "pairs per batch"),
        series: vec![
            by_device("experts in order", SeriesKind::Bars, &d.contiguous),
            by_device(
                &format!("packed by load, {} moved", d.moved),
                SeriesKind::Points,
                &d.packed,
            ),
            Series::line("even split", ends.map(|x| [x, mean]).to_vec()).as_reference(),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn failure_chart(d: &Deployment) -> Chart {
    let by_device = |name: &str, kind: SeriesKind, lost: &[f64]| {
        let points: Vec<[f64; 2]> = lost
            .iter()
            .enumerate()
            .map(|(i, &l)| [i as f64, 100.0 * l])
            .collect();
        Series::new(name, kind, points)
    };
    let [ordered, packed] = &d.lost;
    Chart {
        id: "failure",
        title: "When a device fails",
        doc: "Share of the pairs whose expert is gone when each device fails, with experts in their order, and packed by load with copies in the spare slots: what has a copy elsewhere goes there. Spare slots as many as experts lose nothing, if every expert gets one.",
        x: Axis::linear("device that fails", ""),
        y: Axis::zero_based("pairs without an expert", "%"),
        series: vec![
            by_device("experts in order", SeriesKind::Bars, ordered),
            by_device("packed by load, with copies", SeriesKind::Points, packed),
        ],
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn by_size(d: &Deployment, get: impl Fn(&Traffic) -> f64) -> Vec<Series> {
    POLICIES
        .iter()
        .zip(&d.traffic)
        .map(|(name, traffic)| {
            let points: Vec<[f64; 2]> = d
                .sizes
                .iter()
                .zip(traffic)
                .map(|(&size, t)| [size as f64, get(t)])
                .collect();
            Series::line(*name, points)
        })
        .collect()
}

fn hit_chart(d: &Deployment) -> Chart {
    Chart {
        id: "cache_hits",
        title: "Expert cache: hits",
        doc: "A device that holds only some of the layer's experts and runs the tokens one by one: share of expert reads found in fast memory, by the experts it holds and by policy. Oracles know the whole trace; the predictor names the next token's experts with its accuracy; the last policy fills the memories of all devices once by the first batch's load, and counts a hit on any of them.",
        x: Axis::linear("experts held by a device", ""),
        y: Axis::zero_based("hits", "%"),
        series: by_size(d, |t| d.hits(t)),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn transfer_chart(config: &Config, d: &Deployment) -> Chart {
    Chart {
        id: "cache_bytes",
        title: "Expert cache: bytes",
        doc: "The same in bytes moved per token: every miss and every expert fetched ahead, wrongly or not, brings in one expert; a read served by another device moves the token there and back. A hit rate that looks high can still mean gigabytes per token. First fillings of fixed sets are not counted.",
        x: Axis::linear("experts held by a device", ""),
        y: Axis::zero_based("moved", "GiB per token"),
        series: by_size(d, |t| d.moved(config, t)),
        marks: Vec::new(),
        on_timeline: false,
    }
}

fn stall_chart(config: &Config, d: &Deployment) -> Chart {
    let mut series = by_size(d, |t| d.stall(config, t));
    let ends = [d.sizes.first(), d.sizes.last()].map(|s| s.map_or(f64::NAN, |s| *s as f64));
    // A millisecond of a token is a second of a thousand.
    let computing = ends.map(|x| [x, config.layer_ms]).to_vec();
    series.push(Series::line("computing itself", computing).as_reference());
    Chart {
        id: "cache_stall",
        title: "Expert cache: stall",
        doc: "The same in seconds in which the layer waits, for a thousand tokens one after the other, under the link and the computing time set under System. A miss stops the layer until its expert is there; what the predictor fetches ahead may take as long as the layers between naming and use compute, and only the rest is waited for; a token served elsewhere goes there and back over the same link. The link serves this layer alone.",
        x: Axis::linear("experts held by a device", ""),
        y: Axis::zero_based("stall", "s per 1,000 tokens"),
        series,
        marks: Vec::new(),
        on_timeline: false,
    }
}
