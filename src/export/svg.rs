//! A chart as an SVG file with text as text, drawn through plotters.

use super::picture::{Picture, draw};
use crate::ui::chart::Layer;
use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea as _;

/// Units of the file's coordinates per point.
const PRECISION: u32 = 4;

/// The chart as SVG in the light palette on white; `caption` is the small line under it.
pub fn chart_svg(layers: &[Layer<'_>], size: (u32, u32), caption: &str) -> String {
    let picture = Picture {
        size,
        scale: PRECISION,
        caption,
        transparent: false,
    };
    let mut out = String::new();
    let units = (size.0 * PRECISION, size.1 * PRECISION);
    {
        let area = SVGBackend::with_string(&mut out, units).into_drawing_area();
        if let Err(error) = draw(&area, layers, &picture) {
            // Writing to memory does not fail; the log says so if it ever does.
            log::error!("{error}");
        }
    }
    // The picture keeps its fine coordinates but opens at its size on screen.
    let head = format!("width=\"{}\" height=\"{}\"", units.0, units.1);
    out.replacen(
        &head,
        &format!("width=\"{}\" height=\"{}\"", size.0, size.1),
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Axis, Chart, Series};

    #[test]
    fn a_big_chart_stays_small_and_keeps_text_as_text() {
        let points: Vec<[f64; 2]> = (1..200_000)
            .map(|i| [f64::from(i), 1.0 / f64::from(i) + f64::from(i % 13) * 0.01])
            .collect();
        let chart = Chart {
            id: "loss",
            title: "Loss & more",
            doc: "",
            x: Axis::linear("Step", ""),
            y: Axis::log("Loss", "nat"),
            series: vec![
                Series::line("train", points.clone()),
                Series::line("test", points).as_reference(),
            ],
            marks: Vec::new(),
            on_timeline: true,
        };
        let layer = Layer {
            chart: &chart,
            slot: 0,
            label: "A",
        };
        let svg = chart_svg(&[layer], (800, 480), "seed 1");
        assert!(
            svg.starts_with("<svg width=\"800\" height=\"480\""),
            "{}",
            &svg[..80]
        );
        assert!(svg.len() < 300_000, "{} bytes", svg.len());
        for words in ["Loss &amp; more", "Loss (nat)", "train", "seed 1"] {
            assert!(svg.contains(words), "{words} is missing");
        }
    }

    #[test]
    fn a_chart_without_data_is_still_a_picture() {
        let chart = Chart {
            id: "x",
            title: "Empty",
            doc: "",
            x: Axis::linear("Step", ""),
            y: Axis::log("Loss", ""),
            series: vec![Series::line("train", vec![[0.0, -1.0]])],
            marks: Vec::new(),
            on_timeline: false,
        };
        let layer = Layer {
            chart: &chart,
            slot: 0,
            label: "A",
        };
        assert!(chart_svg(&[layer], (300, 200), "").contains("Empty"));
    }
}
