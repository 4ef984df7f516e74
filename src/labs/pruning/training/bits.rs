//! What a training tells in which weights lose bits.

use super::super::kinds::Coder;
use super::super::results::Results;
use super::film::{Film, Frame};
use crate::core::{Axis, Better, Chart, EntityId, Mark, Metric, Series, SeriesKind, num};

/// Bits of a weight in single precision.
const SINGLE: f64 = 32.0;

/// Mean bits of a weight of all layers; none where they keep all of theirs.
pub(crate) fn mean_bits(r: &Results, frame: &Frame) -> Option<f64> {
    let layers = frame.bits.iter().zip(r.layers.iter());
    let sum = num::sum(layers.map(|(bits, l)| bits * l.values.len() as f64));
    (!frame.bits.is_empty()).then(|| sum / r.total.max(1) as f64)
}

/// Numbers of the run beside those of every training.
pub(super) fn metrics(r: &Results, film: &Film) -> Vec<Metric> {
    let bits = film.frames.get(r.chosen).and_then(|f| mean_bits(r, f));
    let bits = bits.unwrap_or(SINGLE);
    let mut out = vec![
        Metric::new(
            "bits_per_weight",
            "Bits a weight",
            "bits",
            bits,
            Better::Lower,
            "Mean over all weights of the whole bits of their unit, or of the entropy of the rounded weights of their layer. Exponents, grids and biases are not counted.",
        ),
        Metric::new(
            "size_percent",
            "Size, all weights",
            "% of single precision",
            100.0 * bits / SINGLE,
            Better::Lower,
            "Bits of all weights over 32 bits each.",
        ),
    ];
    if !film.unit_bits.is_empty() {
        let gone = film.unit_bits.iter().flatten().filter(|b| **b == 0).count();
        out.push(Metric::new(
            "units_without_bits",
            "Units gone",
            "units",
            gone as f64,
            Better::Neither,
            "Units whose incoming weights have no bits left; their output is their bias.",
        ));
    }
    out
}

/// Charts of the bits over the training, and of the units by bits.
pub(super) fn charts(r: &Results, film: &Film, steps: Axis, marks: &[Mark]) -> Vec<Chart> {
    let of = |l: usize| {
        let points = film.frames.iter();
        let points = points.filter_map(|f| Some([f.step as f64, *f.bits.get(l)?]));
        Series::line(r.layers[l].name.clone(), points.collect::<Vec<_>>()).of(EntityId(l as u64))
    };
    let mean = film.frames.iter();
    let mean = mean.filter_map(|f| Some([f.step as f64, mean_bits(r, f)?]));
    let mut series = vec![Series::line("all weights", mean.collect::<Vec<_>>())];
    series.extend(r.lines().into_iter().map(of));
    if r.config.coder == Coder::Rounded
        && let (Some(first), Some(last)) = (film.frames.first(), film.frames.last())
    {
        let budget = r.config.bit_budget;
        let ends = [first, last].map(|f| [f.step as f64, budget]);
        series.push(Series::line("budget", ends.to_vec()).as_reference());
    }
    let mut out = vec![Chart {
        id: "bits",
        title: "Bits a weight costs",
        doc: "Mean over the weights of each layer: whole bits of their units where bits are learnt, the entropy of the rounded weights otherwise. Single precision is 32.",
        x: steps,
        y: Axis::zero_based("bits a weight", ""),
        series,
        marks: marks.to_vec(),
        on_timeline: true,
    }];
    let most = film.unit_bits.iter().flatten().copied().max();
    if let Some(most) = most {
        let bars = |(l, units): (usize, &Vec<u8>)| {
            let count = |b: u8| {
                units
                    .iter()
                    .map(|u| f64::from(u8::from(*u == b)))
                    .sum::<f64>()
            };
            let points: Vec<[f64; 2]> = (0..=most).map(|b| [f64::from(b), count(b)]).collect();
            Series::new(r.layers[l].name.clone(), SeriesKind::Stairs, points).of(EntityId(l as u64))
        };
        out.push(Chart {
            id: "unit_bits",
            title: "Units by their bits",
            doc: "How many units of each layer ended with how many whole bits a weight. Those at 0 are gone.",
            x: Axis::linear("bits", ""),
            y: Axis::zero_based("units", ""),
            series: film.unit_bits.iter().enumerate().map(bars).collect(),
            marks: Vec::new(),
            on_timeline: false,
        });
    }
    out
}

/// The rule at work in a layer.
pub(super) fn why(r: &Results, frame: &Frame, layer: usize) -> String {
    let c = &r.config;
    let Some(bits) = frame.bits.get(layer) else {
        return "dense training; weights have 32 bits".to_owned();
    };
    match c.coder {
        Coder::Learnt => format!(
            "q = 2^e round(clip(2^-e w, -2^(b-1), 2^(b-1) - 1)), b and e of every unit learnt at {} nats a bit: {bits:.2} bits a weight here",
            c.bit_price
        ),
        Coder::Rounded => format!(
            "weights up to the layer's edge are cut, the others rounded to a grid of {} bits; entropy {bits:.2} bits a weight here, edges chosen for {} over all layers",
            c.grid_bits, c.bit_budget
        ),
    }
}

/// Words on the bits at the end of a summary.
pub(super) fn summary(r: &Results, film: &Film) -> String {
    let bits = film.frames.get(r.chosen).and_then(|f| mean_bits(r, f));
    bits.map_or(String::new(), |b| {
        format!(
            " A weight costs {b:.2} bits, {:.1} % of single precision.",
            100.0 * b / SINGLE
        )
    })
}
