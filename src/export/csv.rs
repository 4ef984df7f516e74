//! What a chart draws, as CSV with units in the header and all digits.

use crate::core::{Axis, Series};
use crate::ui::chart::{Layer, words};
use std::collections::BTreeMap;

/// The data of a chart, one row per x and one column per series; empty cells where a series has no
/// point. Series with several points at one x take several rows.
pub fn chart_csv(layers: &[Layer<'_>]) -> String {
    let Some(first) = layers.first() else {
        return String::new();
    };
    let mut head = vec![column(first.chart.x.name, &first.chart.x)];
    let mut columns: Vec<Vec<[f64; 2]>> = Vec::new();
    for layer in layers {
        for series in &layer.chart.series {
            let name = words::series_name(layer, series, layers.len());
            if series.upper.is_empty() {
                head.push(column(&name, &layer.chart.y));
                columns.push(series.points.to_vec());
            } else {
                head.push(column(&format!("{name} low"), &layer.chart.y));
                head.push(column(&format!("{name} high"), &layer.chart.y));
                columns.push(series.points.to_vec());
                columns.push(upper(series));
            }
        }
    }
    let mut out: Vec<String> = vec![head.iter().map(|h| quoted(h)).collect::<Vec<_>>().join(",")];
    for (x, cells) in rows(&columns) {
        let mut line = x.to_string();
        for cell in cells {
            line.push(',');
            if let Some(v) = cell.filter(|v| !v.is_nan()) {
                line.push_str(&v.to_string());
            }
        }
        out.push(line);
    }
    out.push(String::new());
    out.join("\n")
}

fn upper(series: &Series) -> Vec<[f64; 2]> {
    let points = series.points.iter().zip(series.upper.iter());
    points.map(|(p, &y)| [p[0], y]).collect()
}

/// An x and a cell per column.
type Row = (f64, Vec<Option<f64>>);

/// Rows in order of x. Several points of a series at one x take several rows.
fn rows(columns: &[Vec<[f64; 2]>]) -> Vec<Row> {
    let mut rows: BTreeMap<(i64, usize), Row> = BTreeMap::new();
    for (i, points) in columns.iter().enumerate() {
        let mut last = (f64::NAN, 0);
        for p in points {
            last = if p[0] == last.0 {
                (p[0], last.1 + 1)
            } else {
                (p[0], 0)
            };
            let row = rows
                .entry((order(p[0]), last.1))
                .or_insert_with(|| (p[0], vec![None; columns.len()]));
            row.1[i] = Some(p[1]);
        }
    }
    rows.into_values().collect()
}

/// A whole number that sorts as the float does.
fn order(v: f64) -> i64 {
    let bits = (v + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn column(name: &str, axis: &Axis) -> String {
    if axis.unit.is_empty() {
        name.to_owned()
    } else {
        format!("{name} [{}]", axis.unit)
    }
}

/// A cell, quoted where it must be.
pub fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Chart;

    fn chart(series: Vec<Series>) -> Chart {
        Chart {
            id: "loss",
            title: "Loss",
            doc: "",
            x: Axis::linear("time", "s"),
            y: Axis::linear("loss", "nat"),
            series,
            marks: Vec::new(),
            on_timeline: true,
        }
    }

    #[test]
    fn series_share_rows_where_they_share_x() {
        let chart = chart(vec![
            Series::line("a, b", vec![[-1.0, 0.5], [0.1, 0.1]]),
            Series::band("c", vec![[0.1, 1.0], [2.0, f64::NAN]], vec![3.0, 4.0]),
        ]);
        let layer = Layer {
            chart: &chart,
            slot: 0,
            label: "A",
        };
        assert_eq!(
            chart_csv(&[layer]),
            "time [s],\"a, b [nat]\",c low [nat],c high [nat]\n\
             -1,0.5,,\n0.1,0.1,1,3\n2,,,4\n"
        );
    }

    #[test]
    fn the_file_reads_back_with_every_digit() {
        let value = 0.1 + 0.2;
        let chart = chart(vec![Series::line(
            "a",
            vec![[1e-300, value], [1e-300, 2.0]],
        )]);
        let layer = Layer {
            chart: &chart,
            slot: 0,
            label: "A",
        };
        let text = chart_csv(&[layer]);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<(f64, f64)> = reader.deserialize().map(Result::unwrap).collect();
        assert_eq!(rows, [(1e-300, value), (1e-300, 2.0)]);
    }
}
