//! Charts in words: names, a summary and the values at the cursor.

use super::{Layer, data};
use crate::core::{Series, SeriesKind};
use crate::ui::format;
use crate::ui::table::letter;
use egui::{Response, Role, Ui, WidgetInfo};

/// Name of a series; with several layers the setup's letter comes first.
pub fn series_name(layer: &Layer<'_>, series: &Series, layers: usize) -> String {
    if layers > 1 {
        let own = layer.chart.series.iter().filter(|s| !s.reference).count();
        let letter = letter(layer.slot);
        if own > 1 || series.reference {
            format!("{letter} {}", series.name)
        } else {
            format!("{letter} {}", layer.label)
        }
    } else {
        series.name.clone()
    }
}

/// One or two sentences: what the chart shows and where every series ends.
pub fn summary(layers: &[Layer<'_>]) -> String {
    let Some(first) = layers.first() else {
        return String::new();
    };
    let chart = first.chart;
    let mut parts = Vec::new();
    for layer in layers {
        for series in &layer.chart.series {
            let name = series_name(layer, series, layers.len());
            parts.push(format!("{name} {}", course(series, chart.y.unit)));
        }
    }
    format!(
        "{} over {}. {}",
        chart.y.name,
        chart.x.name,
        if parts.is_empty() {
            "No data.".to_owned()
        } else {
            format!("{}.", parts.join("; "))
        }
    )
}

/// "falls from 2.1 s to 0.4 s".
fn course(series: &Series, unit: &str) -> String {
    let finite = || series.points.iter().map(|p| p[1]).filter(|y| y.is_finite());
    let (Some(first), Some(last)) = (finite().next(), finite().next_back()) else {
        return "has no values".to_owned();
    };
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    if matches!(series.kind, SeriesKind::Points | SeriesKind::Bars) {
        return format!(
            "has {} values from {} to {}",
            finite().count(),
            format::quantity(low, unit),
            format::quantity(high, unit)
        );
    }
    let verb = if last > first {
        "rises"
    } else if last < first {
        "falls"
    } else {
        "stays"
    };
    let from_to = if last == first {
        format!("{verb} at {}", format::quantity(first, unit))
    } else {
        format!(
            "{verb} from {} to {}",
            format::quantity(first, unit),
            format::quantity(last, unit)
        )
    };
    if high > first.max(last) {
        format!("{from_to}, at most {}", format::quantity(high, unit))
    } else {
        from_to
    }
}

/// The values of all series at `x`, with their names.
pub fn reading(layers: &[Layer<'_>], x: f64) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for layer in layers {
        for series in &layer.chart.series {
            if let Some(y) = data::value_at(series, x) {
                out.push((
                    series_name(layer, series, layers.len()),
                    format::quantity(y, layer.chart.y.unit),
                ));
            }
        }
    }
    out
}

/// Name, summary and cursor reading for assistive technology.
pub(super) fn describe(ui: &Ui, response: &Response, layers: &[Layer<'_>], cursor: Option<f64>) {
    let chart = layers[0].chart;
    response.widget_info(|| WidgetInfo::labeled(Role::Image, ui.is_enabled(), chart.title));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_description(format!("{} {}", chart.doc, summary(layers)));
        if let Some(x) = cursor {
            let values: Vec<String> = reading(layers, x)
                .into_iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            node.set_value(format!(
                "{} {}: {}",
                chart.x.name,
                format::quantity(x, chart.x.unit),
                values.join(", ")
            ));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Axis, Chart};

    #[test]
    fn a_summary_tells_the_course_of_every_series() {
        let chart = Chart {
            id: "loss",
            title: "Loss",
            doc: "",
            x: Axis::linear("step", ""),
            y: Axis::linear("loss", "s"),
            series: vec![
                Series::line("train", vec![[0.0, 2.0], [1.0, 4.0], [2.0, 0.5]]),
                Series::line("test", vec![[0.0, f64::NAN]]),
            ],
            marks: Vec::new(),
            on_timeline: true,
        };
        let layer = Layer {
            chart: &chart,
            slot: 0,
            label: "run",
        };
        assert_eq!(
            summary(&[layer]),
            "loss over step. train falls from 2 s to 500 ms, at most 4 s; test has no values."
        );
        assert_eq!(
            reading(&[layer], 0.5),
            [("train".to_owned(), "3 s".to_owned())]
        );
    }
}
