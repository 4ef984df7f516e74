//! One drawing of a chart for every plotters backend: the SVG file and the canvas of the page.

use crate::core::{Error, Result, Scale, Series, SeriesKind};
use crate::ui::chart::{Dash, Layer, axis, data, words};
use crate::ui::theme::Palette;
use egui::Color32;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, DrawingBackend, IntoFont as _, PathElement, Polygon, RGBAColor, Rectangle,
    ShapeStyle, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontTransform};

/// Size and words of an exported picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture<'a> {
    /// Size in points.
    pub size: (u32, u32),
    /// Backend pixels per point; also the precision of an SVG's coordinates.
    pub scale: u32,
    /// A small line under the chart: system, parameters, seed, link. Empty for none.
    pub caption: &'a str,
    /// Whether the background is left clear.
    pub transparent: bool,
}

/// Where the curves are, in points, and how values map to it.
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    range: [[f64; 2]; 2],
    scale: f64,
}

impl Frame {
    /// Backend pixels of a position on the axes' own scales.
    fn at(&self, p: [f64; 2]) -> (i32, i32) {
        let [x, y] = self.range;
        let u = (p[0] - x[0]) / (x[1] - x[0]);
        let v = (p[1] - y[0]) / (y[1] - y[0]);
        self.px(
            self.left + u * (self.right - self.left),
            self.bottom - v * (self.bottom - self.top),
        )
    }

    /// Backend pixels of a position in points.
    fn px(&self, x: f64, y: f64) -> (i32, i32) {
        let far = 1e6;
        (
            (x * self.scale).clamp(-far, far).round() as i32,
            (y * self.scale).clamp(-far, far).round() as i32,
        )
    }
}

/// Draws into all of the area, which must be `size * scale` pixels.
///
/// # Errors
/// The backend's own error in words.
pub fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    layers: &[Layer<'_>],
    picture: &Picture<'_>,
) -> Result<()> {
    paint(area, layers, picture).map_err(|e| Error::malformed("picture", e))
}

/// A noisy line would break into more dashes than anybody can see: it is drawn solid.
const MOST_DASHES: usize = 600;

type Drawn = std::result::Result<(), String>;

fn paint<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    layers: &[Layer<'_>],
    picture: &Picture<'_>,
) -> Drawn {
    let Some(first) = layers.first() else {
        return Ok(());
    };
    let pen = Pen {
        area,
        palette: &Palette::LIGHT,
        scale: f64::from(picture.scale),
    };
    if !picture.transparent {
        area.fill(&plotters::style::WHITE).map_err(words_of)?;
    }
    let chart = first.chart;
    let [x, y] = padded_extent(layers);
    let (w, h) = (f64::from(picture.size.0), f64::from(picture.size.1));
    let legend = if layers.len() > 1 || chart.series.len() > 1 {
        18.0
    } else {
        0.0
    };
    let caption = if picture.caption.is_empty() {
        0.0
    } else {
        16.0
    };
    let frame = Frame {
        left: 64.0,
        top: 30.0 + legend,
        right: w - 16.0,
        bottom: h - 42.0 - caption,
        range: [x, y],
        scale: pen.scale,
    };
    pen.axes(layers, &frame)?;
    for (i, layer) in layers.iter().enumerate() {
        pen.layer(layer, (i, layers.len()), &frame)?;
    }
    pen.legend(layers, &frame)?;
    pen.text(
        chart.title,
        (frame.left, 16.0),
        14.0,
        (HPos::Left, VPos::Center),
        true,
    )?;
    pen.text(
        picture.caption,
        (8.0, h - 9.0),
        10.0,
        (HPos::Left, VPos::Center),
        false,
    )
}

fn words_of(e: impl std::fmt::Display) -> String {
    e.to_string()
}

fn padded_extent(layers: &[Layer<'_>]) -> [[f64; 2]; 2] {
    let chart = layers[0].chart;
    let all = layers.iter().flat_map(|l| &l.chart.series);
    let mut e = data::extent(chart, all).unwrap_or([[0.0, 1.0], [0.0, 1.0]]);
    for (range, axis) in e.iter_mut().zip([&chart.x, &chart.y]) {
        if axis.from_zero && axis.scale == Scale::Linear {
            *range = [range[0].min(0.0), range[1].max(0.0)];
        }
        if range[0] == range[1] {
            *range = [range[0] - 0.5, range[1] + 0.5];
        }
    }
    let pad = 0.06 * (e[1][1] - e[1][0]);
    e[1] = [e[1][0] - pad, e[1][1] + pad];
    e
}

/// Shapes on a drawing area, in points.
struct Pen<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    palette: &'a Palette,
    scale: f64,
}

impl<B: DrawingBackend> Pen<'_, B> {
    fn style(&self, color: Color32, alpha: f64, width: f64) -> ShapeStyle {
        ShapeStyle {
            color: rgba(color, alpha),
            filled: width == 0.0,
            stroke_width: (width * self.scale).round().max(1.0) as u32,
        }
    }

    fn path(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Drawn {
        self.area
            .draw(&PathElement::new(points, style))
            .map_err(words_of)
    }

    fn text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        (h, v): (HPos, VPos),
        strong: bool,
    ) -> Drawn {
        self.turned_text(text, (x, y), size, (h, v), strong, FontTransform::None)
    }

    fn turned_text(
        &self,
        text: &str,
        (x, y): (f64, f64),
        size: f64,
        (h, v): (HPos, VPos),
        strong: bool,
        turn: FontTransform,
    ) -> Drawn {
        if text.is_empty() {
            return Ok(());
        }
        let mut font = ("sans-serif", size * self.scale)
            .into_font()
            .transform(turn);
        if strong {
            font = font.style(plotters::style::FontStyle::Bold);
        }
        let color = if strong {
            self.palette.ink
        } else {
            self.palette.muted
        };
        let color = rgba(color, 1.0);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h, v));
        let at = (
            (x * self.scale).round() as i32,
            (y * self.scale).round() as i32,
        );
        self.area
            .draw(&Text::new(text.to_owned(), at, style))
            .map_err(words_of)
    }

    fn axes(&self, layers: &[Layer<'_>], frame: &Frame) -> Drawn {
        let chart = layers[0].chart;
        let [xs, ys] = frame.range;
        let (width, height) = (frame.right - frame.left, frame.bottom - frame.top);
        let x_style = axis::Style::new(&chart.x, xs);
        let y_style = axis::Style::new(&chart.y, ys);
        let grid = self.style(self.palette.grid, 1.0, 0.75);
        for tick in x_style.ticks(xs, (xs[1] - xs[0]) * 70.0 / width.max(1.0)) {
            let [top, bottom] = [frame.at([tick.at, ys[1]]), frame.at([tick.at, ys[0]])];
            if !tick.text.is_empty() {
                self.path(vec![top, bottom], grid)?;
            }
            let at = (f64::from(bottom.0) / self.scale, frame.bottom + 12.0);
            self.text(&tick.text, at, 11.0, (HPos::Center, VPos::Center), false)?;
        }
        for tick in y_style.ticks(ys, (ys[1] - ys[0]) * 30.0 / height.max(1.0)) {
            let [left, right] = [frame.at([xs[0], tick.at]), frame.at([xs[1], tick.at])];
            if !tick.text.is_empty() {
                self.path(vec![left, right], grid)?;
            }
            let at = (frame.left - 6.0, f64::from(left.1) / self.scale);
            self.text(&tick.text, at, 11.0, (HPos::Right, VPos::Center), false)?;
        }
        let edge = self.style(self.palette.muted, 1.0, 1.0);
        let corners = [
            (frame.left, frame.top),
            (frame.left, frame.bottom),
            (frame.right, frame.bottom),
        ];
        self.path(corners.map(|(x, y)| frame.px(x, y)).to_vec(), edge)?;
        let middle = f64::midpoint(frame.left, frame.right);
        let center = (HPos::Center, VPos::Center);
        self.text(
            &x_style.title(),
            (middle, frame.bottom + 30.0),
            12.0,
            center,
            false,
        )?;
        let middle = f64::midpoint(frame.top, frame.bottom);
        self.turned_text(
            &y_style.title(),
            (14.0, middle),
            12.0,
            center,
            false,
            FontTransform::Rotate270,
        )
    }

    fn color(&self, series: &Series, own: usize) -> Color32 {
        if series.reference {
            self.palette.ink
        } else {
            self.palette.series_at(own)
        }
    }

    fn layer(&self, layer: &Layer<'_>, place: (usize, usize), frame: &Frame) -> Drawn {
        for (series, rank) in layer.chart.ranked() {
            let own = if place.1 > 1 { layer.slot } else { rank };
            let dash = Dash::of(rank);
            let color = self.color(series, own);
            self.series(layer, series, color, dash, place, frame)?;
        }
        Ok(())
    }

    fn series(
        &self,
        layer: &Layer<'_>,
        series: &Series,
        color: Color32,
        dash: Dash,
        place: (usize, usize),
        frame: &Frame,
    ) -> Drawn {
        let columns = (frame.right - frame.left).max(1.0) as usize;
        let points = on_axes(layer, &series.points, frame, columns);
        match series.kind {
            SeriesKind::Line | SeriesKind::Stairs => {
                for run in points.split(|p| !is_point(*p)).filter(|r| r.len() > 1) {
                    let mut path: Vec<(i32, i32)> = run.iter().map(|p| frame.at(*p)).collect();
                    if series.kind == SeriesKind::Stairs {
                        path = stairs(&path);
                    }
                    self.dashed(path, self.style(color, 1.0, 1.75), dash)?;
                }
                Ok(())
            }
            SeriesKind::Points => self.points(&points, color, frame),
            SeriesKind::Bars => self.bars(layer, &points, color, place, frame),
            SeriesKind::Band => {
                let upper: Vec<[f64; 2]> = series
                    .points
                    .iter()
                    .zip(series.upper.iter())
                    .map(|(p, &y)| [p[0], y])
                    .collect();
                let upper = on_axes(layer, &upper, frame, columns);
                let mut edge: Vec<(i32, i32)> = points
                    .iter()
                    .filter(|p| is_point(**p))
                    .map(|p| frame.at(*p))
                    .collect();
                edge.extend(
                    upper
                        .iter()
                        .rev()
                        .filter(|p| is_point(**p))
                        .map(|p| frame.at(*p)),
                );
                let style = self.style(color, 0.2, 0.0);
                self.area.draw(&Polygon::new(edge, style)).map_err(words_of)
            }
        }
    }

    fn points(&self, points: &[[f64; 2]], color: Color32, frame: &Frame) -> Drawn {
        let style = self.style(color, 1.0, 0.0);
        for p in points.iter().filter(|p| is_point(**p)) {
            let circle = Circle::new(frame.at(*p), (2.5 * self.scale) as i32, style);
            self.area.draw(&circle).map_err(words_of)?;
        }
        Ok(())
    }

    fn bars(
        &self,
        layer: &Layer<'_>,
        points: &[[f64; 2]],
        color: Color32,
        (at, of): (usize, usize),
        frame: &Frame,
    ) -> Drawn {
        let width = 0.8 / of as f64;
        let bottom = match layer.chart.y.scale {
            Scale::Linear => 0.0,
            Scale::Log => frame.range[1][0],
        };
        let style = self.style(color, 1.0, 0.0);
        for p in points.iter().filter(|p| is_point(**p)) {
            let left = p[0] - 0.4 + width * at as f64;
            let corners = [frame.at([left, p[1]]), frame.at([left + width, bottom])];
            self.area
                .draw(&Rectangle::new(corners, style))
                .map_err(words_of)?;
        }
        Ok(())
    }

    fn dashed(&self, path: Vec<(i32, i32)>, style: ShapeStyle, dash: Dash) -> Drawn {
        let Some((dashes, gaps)) = dash.pattern() else {
            return self.path(path, style);
        };
        let lengths: Vec<f64> = dashes
            .iter()
            .zip(gaps)
            .flat_map(|(d, g)| [f64::from(*d) * self.scale, f64::from(*g) * self.scale])
            .collect();
        let pieces = cut(&path, &lengths);
        if pieces.len() > MOST_DASHES {
            return self.path(path, style);
        }
        for piece in pieces {
            self.path(piece, style)?;
        }
        Ok(())
    }

    fn legend(&self, layers: &[Layer<'_>], frame: &Frame) -> Drawn {
        let mut x = frame.left;
        for layer in layers {
            for (series, rank) in layer.chart.ranked() {
                if layers.len() < 2 && layer.chart.series.len() < 2 {
                    return Ok(());
                }
                let name = words::series_name(layer, series, layers.len());
                let own = if layers.len() > 1 { layer.slot } else { rank };
                let color = self.color(series, own);
                let dash = Dash::of(rank);
                // Text cannot be measured alike everywhere; letters are about 6 points wide.
                let width = 30.0 + 6.2 * name.chars().count() as f64;
                if x + width > frame.right && x > frame.left {
                    return Ok(());
                }
                let y = 36.0;
                let line = vec![frame.px(x, y), frame.px(x + 18.0, y)];
                self.dashed(line, self.style(color, 1.0, 2.0), dash)?;
                self.text(
                    &name,
                    (x + 23.0, y),
                    11.0,
                    (HPos::Left, VPos::Center),
                    false,
                )?;
                x += width;
            }
        }
        Ok(())
    }
}

fn rgba(color: Color32, alpha: f64) -> RGBAColor {
    plotters::style::RGBColor(color.r(), color.g(), color.b()).mix(alpha)
}

fn is_point(p: [f64; 2]) -> bool {
    p[0].is_finite() && p[1].is_finite()
}

/// Points on the axes' own scales, thinned to the width of the picture.
fn on_axes(layer: &Layer<'_>, points: &[[f64; 2]], frame: &Frame, columns: usize) -> Vec<[f64; 2]> {
    let chart = layer.chart;
    let mapped: Vec<[f64; 2]> = points
        .iter()
        .map(|p| [data::to_axis(&chart.x, p[0]), data::to_axis(&chart.y, p[1])])
        .collect();
    data::thin(&mapped, frame.range[0], columns)
}

fn stairs(path: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut out = Vec::with_capacity(2 * path.len());
    for pair in path.windows(2) {
        out.push(pair[0]);
        out.push((pair[1].0, pair[0].1));
    }
    out.extend(path.last());
    out
}

/// The drawn pieces of a dashed path; `lengths` alternates dash and gap.
fn cut(path: &[(i32, i32)], lengths: &[f64]) -> Vec<Vec<(i32, i32)>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<(i32, i32)> = path.first().copied().into_iter().collect();
    let (mut at, mut left) = (0, lengths.first().copied().unwrap_or(1.0));
    for pair in path.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (dx, dy) = (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
        let length = (dx * dx + dy * dy).sqrt();
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let t = done / length;
            let p = (a.0 + (dx * t).round() as i32, a.1 + (dy * t).round() as i32);
            if at % 2 == 0 {
                piece.push(p);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![p];
            }
            at = (at + 1) % lengths.len();
            left = lengths[at].max(0.5);
        }
        left -= length - done;
        if at % 2 == 0 {
            piece.push(b);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let pieces = cut(&[(0, 0), (50, 0), (100, 0)], &[7.0, 3.0]);
        assert_eq!(pieces.len(), 10);
        let drawn: i32 = pieces.iter().map(|p| p.last().unwrap().0 - p[0].0).sum();
        assert_eq!(drawn, 70);
    }
}
