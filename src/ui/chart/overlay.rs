//! What lies over the curves: playhead, cursor with its readings, marks, names at the line ends.

use super::{Drawn, Layer, Link, data, menu, screen_x, vertical};
use crate::core::Arrange as _;
use crate::core::SeriesKind;
use crate::ui::format;
use crate::ui::icon::text_at;
use crate::ui::table::letter;
use crate::ui::theme::{Palette, fade};
use egui::{
    Align2, Color32, FontId, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2,
};
use egui_plot::PlotTransform;

/// Charts narrower than this have a legend above instead of names at the line ends.
const LABEL_ROOM: f32 = 420.0;

fn font() -> FontId {
    FontId::proportional(11.5)
}

/// Width kept free at the right for names at the line ends; 0 for a legend above (or none).
pub(super) fn gutter(ui: &Ui, drawn: &[Drawn<'_>], layers: usize, width: f32) -> f32 {
    let named = labelled(drawn);
    if width < LABEL_ROOM || named.len() > 8 || named.len() != drawn.len() {
        return 0.0;
    }
    if named.len() < 2 && layers < 2 {
        return 0.0;
    }
    let widest = named
        .iter()
        .map(|d| {
            let galley = ui
                .painter()
                .layout_no_wrap(d.name(layers), font(), Color32::WHITE);
            galley.size().x
        })
        .fold(0.0, f32::max);
    (widest + 22.0).min(width * 0.3)
}

/// Series that can carry a name at their end.
fn labelled<'a, 'b>(drawn: &'a [Drawn<'b>]) -> Vec<&'a Drawn<'b>> {
    drawn
        .iter()
        .filter(|d| {
            matches!(
                d.series.kind,
                SeriesKind::Line | SeriesKind::Stairs | SeriesKind::Band
            )
        })
        .collect()
}

/// Names at the right of the plot, as near to the line ends as they fit.
pub(super) fn end_labels(
    ui: &Ui,
    transform: &PlotTransform,
    drawn: &[Drawn<'_>],
    layers: usize,
    gutter: f32,
) {
    if gutter < 2.0 {
        return;
    }
    let palette = Palette::of(ui.ctx());
    let frame = *transform.frame();
    let right = transform.bounds().max()[0];
    let mut ends: Vec<(f32, &Drawn<'_>)> = labelled(drawn)
        .into_iter()
        .filter_map(|d| {
            let y = end_value(d, right)?;
            let y = transform.position_from_point_y(y);
            Some((y.clamp(frame.top() + 6.0, frame.bottom() - 6.0), d))
        })
        .collect();
    ends.arrange_by(|a, b| a.0.total_cmp(&b.0));
    let heights = spread(
        &ends.iter().map(|e| e.0).collect::<Vec<_>>(),
        14.0,
        [frame.top() + 6.0, frame.bottom() - 6.0],
    );
    for ((y, d), at) in ends.into_iter().zip(heights) {
        let x = frame.right() + 3.0;
        let lead = Stroke::new(1.0, fade(d.look.color, 0.7));
        ui.painter()
            .line_segment([pos2(frame.right(), y), pos2(x + 4.0, at)], lead);
        sample(ui, pos2(x + 4.0, at), 10.0, d);
        let name = d.name(layers);
        text_at(
            ui,
            pos2(x + 17.0, at),
            Align2::LEFT_CENTER,
            &name,
            font(),
            palette.ink,
            gutter - 20.0,
        );
    }
}

/// Value at the right edge, on the axis' own scale.
fn end_value(d: &Drawn<'_>, right: f64) -> Option<f64> {
    let chart = d.layer.chart;
    let edge = data::from_axis(&chart.x, right);
    let points = &d.series.points;
    let end = points.partition_point(|p| p[0] <= edge);
    let finite = |p: &[f64; 2]| data::to_axis(&chart.y, p[1]).is_finite();
    let i = points[..end].iter().rposition(finite)?;
    let mut y = data::to_axis(&chart.y, points[i][1]);
    if let Some(&upper) = d.series.upper.get(i) {
        y = f64::midpoint(y, data::to_axis(&chart.y, upper));
    }
    y.is_finite().then_some(y)
}

/// Positions near `wanted` (ascending), at least `gap` apart, inside `range` as far as they fit.
fn spread(wanted: &[f32], gap: f32, [low, high]: [f32; 2]) -> Vec<f32> {
    let mut out = wanted.to_vec();
    for i in 1..out.len() {
        out[i] = out[i].max(out[i - 1] + gap);
    }
    if let Some(last) = out.last_mut() {
        *last = last.min(high);
    }
    for i in (1..out.len()).rev() {
        out[i - 1] = out[i - 1].min(out[i] - gap);
    }
    // Too many for the room: from the top down.
    if out.first().is_some_and(|first| *first < low) {
        let step = ((high - low) / (out.len().max(2) - 1) as f32).min(gap);
        out = (0..out.len()).map(|i| low + step * i as f32).collect();
    }
    out
}

/// A short piece of the line, as it is drawn.
fn sample(ui: &Ui, from: Pos2, length: f32, d: &Drawn<'_>) {
    let to = from + vec2(length, 0.0);
    let painter = ui.painter();
    let stroke = Stroke::new(d.look.width.max(2.0), d.look.color);
    match (d.series.kind, d.look.dash.pattern()) {
        (SeriesKind::Points, _) => {
            painter.add(
                d.look
                    .dash
                    .marker(from + (to - from) / 2.0, 3.0, d.look.color),
            );
        }
        (SeriesKind::Bars, _) => {
            let rect = Rect::from_center_size(from + (to - from) / 2.0, Vec2::splat(9.0));
            painter.rect_filled(rect, 2.0, d.look.color);
        }
        (SeriesKind::Band, _) => {
            let rect = Rect::from_center_size(from + (to - from) / 2.0, vec2(length, 8.0));
            painter.rect_filled(rect, 1.0, fade(d.look.color, 0.3));
        }
        (_, None) => {
            painter.line_segment([from, to], stroke);
        }
        (_, Some((dashes, gaps))) => {
            painter.extend(Shape::dashed_line_with_offset(
                &[from, to],
                stroke,
                dashes,
                gaps,
                0.0,
            ));
        }
    }
}

/// One entry of the legend.
struct Entry<'a, 'b> {
    like: &'a Drawn<'b>,
    color: Color32,
    /// A setup is a square, a series a piece of its line.
    setup: bool,
    text: String,
}

/// Entries in the order of the values at the right edge. Several setups with several series each
/// are told by colour, their series by dash, so every word stands once.
fn entries<'a, 'b>(drawn: &'a [Drawn<'b>], layers: usize, palette: &Palette) -> Vec<Entry<'a, 'b>> {
    let mut order: Vec<&Drawn<'_>> = drawn.iter().collect();
    let value = |d: &Drawn<'_>| end_value(d, f64::INFINITY).unwrap_or(f64::NEG_INFINITY);
    order.arrange_by(|a, b| value(b).total_cmp(&value(a)));
    let many = drawn.iter().any(|d| d.layer.chart.series.len() > 1);
    if layers < 2 || !many {
        return order
            .into_iter()
            .map(|like| Entry {
                like,
                color: like.look.color,
                setup: false,
                text: like.name(layers),
            })
            .collect();
    }
    let mut out: Vec<Entry<'_, '_>> = Vec::new();
    for layer in 0..layers {
        if let Some(like) = drawn.iter().find(|d| d.look.layer == layer) {
            out.push(Entry {
                like,
                color: palette.series_at(like.layer.slot),
                setup: true,
                text: format!("{} {}", letter(like.layer.slot), like.layer.label),
            });
        }
    }
    let bands_only = drawn.iter().all(|d| d.series.kind == SeriesKind::Band);
    for like in order {
        // A band belongs to the line inside it.
        if like.series.kind == SeriesKind::Band && !bands_only {
            continue;
        }
        let text = &like.series.name;
        if !out.iter().any(|e| e.text == *text) {
            out.push(Entry {
                like,
                color: palette.ink,
                setup: false,
                text: text.clone(),
            });
        }
    }
    out
}

/// Names in wrapped lines above the plot.
pub(super) fn legend_ui(ui: &mut Ui, drawn: &[Drawn<'_>], layers: usize) {
    if drawn.len() < 2 && layers < 2 {
        return;
    }
    let palette = Palette::of(ui.ctx());
    let mut entries = entries(drawn, layers, palette);
    let rest = entries.split_off(fitting(ui, &entries).min(entries.len()));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, 2.0);
        ui.spacing_mut().interact_size.y = 16.0;
        for entry in &entries {
            entry_ui(ui, entry, palette);
        }
        if !rest.is_empty() {
            let names: Vec<&str> = rest.iter().map(|e| e.text.as_str()).collect();
            ui.label(egui::RichText::new(format!("{} more", rest.len())).color(palette.muted))
                .on_hover_text(names.join("\n"));
        }
    });
}

/// Points between entries, and a line of them.
const GAP: f32 = 12.0;
const LINE: f32 = 26.0;

/// How many entries leave the plot enough height.
fn fitting(ui: &Ui, entries: &[Entry<'_, '_>]) -> usize {
    const MOST: usize = 8;
    const PLOT: f32 = 110.0;
    let lines = (((ui.available_height() - PLOT) / LINE) as usize).max(1);
    let width = ui.available_width();
    let (mut line, mut x) = (1, 0.0);
    for (i, entry) in entries.iter().enumerate().take(MOST) {
        let own = sample_width(ui, &entry.text).0;
        if x + own > width && x > 0.0 {
            line += 1;
            x = 0.0;
        }
        // The last line has room for the word about those left out.
        let note = if i + 1 < entries.len() { 60.0 } else { 0.0 };
        if line > lines || (line == lines && x + own + note > width) {
            return i.max(1);
        }
        x += own + GAP;
    }
    MOST
}

/// Width of an entry, and its text as it is drawn.
fn sample_width(ui: &Ui, text: &str) -> (f32, std::sync::Arc<egui::Galley>) {
    let ink = Palette::of(ui.ctx()).ink;
    let most = ui.available_width().max(60.0);
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font(), ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width(180.0_f32.min(most - 22.0));
    let galley = ui.painter().layout_job(job);
    (galley.size().x + 22.0, galley)
}

fn entry_ui(ui: &mut Ui, entry: &Entry<'_, '_>, palette: &Palette) {
    let (width, galley) = sample_width(ui, &entry.text);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 16.0), Sense::hover());
    if entry.setup {
        let square = Rect::from_center_size(rect.left_center() + vec2(8.0, 0.0), Vec2::splat(10.0));
        ui.painter().rect_filled(square, 2.0, entry.color);
    } else {
        let mut like = *entry.like;
        like.look.color = entry.color;
        sample(ui, rect.left_center(), 17.0, &like);
    }
    let at = pos2(rect.left() + 22.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.ink);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Label, true, format!("Legend: {}", entry.text))
    });
}

/// Marks, playhead, cursor, readings and the focus ring.
pub(super) fn paint(
    ui: &Ui,
    response: &Response,
    transform: &PlotTransform,
    layers: &[Layer<'_>],
    drawn: &[Drawn<'_>],
    link: &Link,
    cursor: Option<f64>,
) {
    let palette = Palette::of(ui.ctx());
    let chart = layers[0].chart;
    let frame = *transform.frame();
    let painter = ui.painter().with_clip_rect(frame.expand(1.0));
    base_lines(&painter, transform, layers, palette);
    marks(ui, transform, layers, palette);
    if chart.on_timeline {
        let x = screen_x(chart, transform, link.playhead);
        if frame.x_range().expand(1.0).contains(x) {
            painter.add(vertical(transform, x, Stroke::new(2.0, palette.accent)));
            painter.add(Shape::convex_polygon(
                vec![
                    pos2(x - 5.0, frame.top()),
                    pos2(x + 5.0, frame.top()),
                    pos2(x, frame.top() + 6.0),
                ],
                palette.accent,
                Stroke::NONE,
            ));
        }
    }
    if let Some(at) = cursor {
        let x = screen_x(chart, transform, at);
        if frame.x_range().contains(x) {
            painter.add(vertical(transform, x, Stroke::new(1.0, palette.muted)));
            dots(&painter, transform, drawn, at, palette);
            if (response.hovered() || response.has_focus()) && !menu::is_pending(response) {
                readout(ui, transform, layers, drawn, at, x);
            }
        }
    }
    if response.has_focus() {
        ui.painter().rect_stroke(
            frame.expand(2.0),
            2.0,
            Stroke::new(2.0, palette.accent),
            egui::StrokeKind::Outside,
        );
    }
}

/// The axes: the left and lower edge, and zero where it lies inside.
fn base_lines(
    painter: &egui::Painter,
    transform: &PlotTransform,
    layers: &[Layer<'_>],
    palette: &Palette,
) {
    let frame = transform.frame();
    let edge = Stroke::new(1.0, crate::ui::theme::mix(palette.grid, palette.muted, 0.6));
    painter.line_segment([frame.left_bottom(), frame.right_bottom()], edge);
    painter.line_segment([frame.left_top(), frame.left_bottom()], edge);
    let linear = layers[0].chart.y.scale == crate::core::Scale::Linear;
    let zero = transform.position_from_point_y(0.0);
    if linear && zero > frame.top() + 2.0 && zero < frame.bottom() - 2.0 {
        painter.hline(frame.x_range(), zero, edge);
    }
}

fn marks(ui: &Ui, transform: &PlotTransform, layers: &[Layer<'_>], palette: &Palette) {
    let frame = *transform.frame();
    let mut free = frame.left();
    for layer in layers {
        for mark in &layer.chart.marks {
            let x = screen_x(layer.chart, transform, mark.x);
            if !frame.x_range().contains(x) {
                continue;
            }
            ui.painter().extend(Shape::dashed_line(
                &[pos2(x, frame.top()), pos2(x, frame.bottom())],
                Stroke::new(1.0, palette.muted),
                3.0,
                3.0,
            ));
            let room = frame.right() - x - 6.0;
            if x >= free && room > 30.0 {
                let at = pos2(x + 4.0, frame.top() + 2.0);
                // A first pass finds the size for the ground behind the word.
                let ground = text_at(
                    ui,
                    at,
                    Align2::LEFT_TOP,
                    &mark.label,
                    FontId::proportional(11.0),
                    Color32::TRANSPARENT,
                    room,
                );
                ui.painter()
                    .rect_filled(ground, 2.0, fade(palette.background, 0.8));
                let rect = text_at(
                    ui,
                    at,
                    Align2::LEFT_TOP,
                    &mark.label,
                    FontId::proportional(11.0),
                    palette.muted,
                    room,
                );
                free = rect.right() + 6.0;
            }
        }
    }
}

fn dots(
    painter: &egui::Painter,
    transform: &PlotTransform,
    drawn: &[Drawn<'_>],
    at: f64,
    palette: &Palette,
) {
    for d in drawn {
        if matches!(d.series.kind, SeriesKind::Band | SeriesKind::Bars) {
            continue;
        }
        let Some(y) = data::value_at(d.series, at) else {
            continue;
        };
        let chart = d.layer.chart;
        let y = transform.position_from_point_y(data::to_axis(&chart.y, y));
        let x = screen_x(chart, transform, at);
        if y.is_finite() {
            painter.circle(
                pos2(x, y),
                3.5,
                d.look.color,
                Stroke::new(1.5, palette.background),
            );
        }
    }
}

/// The box with the values at the cursor.
fn readout(
    ui: &Ui,
    transform: &PlotTransform,
    layers: &[Layer<'_>],
    drawn: &[Drawn<'_>],
    at: f64,
    x: f32,
) {
    let palette = Palette::of(ui.ctx());
    let chart = layers[0].chart;
    let frame = *transform.frame();
    let painter = ui.ctx().layer_painter(egui::LayerId::new(
        egui::Order::Tooltip,
        egui::Id::unique("chart reading"),
    ));
    let mut rows = vec![(
        None,
        format!("{} {}", chart.x.name, format::quantity(at, chart.x.unit)),
        String::new(),
    )];
    let mut values: Vec<(f64, &Drawn<'_>)> = drawn
        .iter()
        .filter_map(|d| Some((data::value_at(d.series, at)?, d)))
        .collect();
    values.arrange_by(|a, b| b.0.total_cmp(&a.0));
    rows.extend(values.into_iter().take(8).map(|(y, d)| {
        (
            Some(d),
            d.name(layers.len()),
            format::quantity(y, d.layer.chart.y.unit),
        )
    }));
    let lay = |text: &str, color| painter.layout_no_wrap(text.to_owned(), font(), color);
    let galleys: Vec<_> = rows
        .iter()
        .map(|(d, name, value)| {
            let color = if d.is_some() {
                palette.ink
            } else {
                palette.muted
            };
            (*d, lay(name, color), lay(value, palette.ink))
        })
        .collect();
    let names = galleys.iter().map(|g| g.1.size().x).fold(0.0, f32::max);
    let numbers = galleys.iter().map(|g| g.2.size().x).fold(0.0, f32::max);
    let size = vec2(names + numbers + 46.0, galleys.len() as f32 * 16.0 + 10.0);
    let left = if x + 12.0 + size.x < frame.right() || x - 12.0 - size.x < frame.left() {
        x + 12.0
    } else {
        x - 12.0 - size.x
    };
    let rect = Rect::from_min_size(pos2(left, frame.top() + 8.0), size);
    painter.rect(
        rect,
        f32::from(crate::ui::theme::ROUNDING),
        fade(palette.background, 0.96),
        Stroke::new(1.0, palette.grid),
        egui::StrokeKind::Inside,
    );
    for (i, (d, name, value)) in galleys.into_iter().enumerate() {
        let y = rect.top() + 5.0 + 16.0 * i as f32;
        let indent = if let Some(d) = d {
            painter.rect_filled(
                Rect::from_center_size(pos2(rect.left() + 13.0, y + 8.0), vec2(10.0, 4.0)),
                1.0,
                d.look.color,
            );
            24.0
        } else {
            8.0
        };
        painter.galley(pos2(rect.left() + indent, y + 1.0), name, palette.ink);
        let x = rect.right() - 8.0 - value.size().x;
        painter.galley(pos2(x, y + 1.0), value, palette.ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_stay_inside() {
        let at = spread(&[10.0, 11.0, 12.0, 90.0], 14.0, [6.0, 100.0]);
        assert!(at.windows(2).all(|w| w[1] - w[0] >= 13.9), "{at:?}");
        assert_eq!(at[0], 10.0);
        assert_eq!(at[3], 90.0);
        let low = spread(&[95.0, 98.0, 99.0], 14.0, [6.0, 100.0]);
        assert!(low.iter().all(|y| (6.0..=100.0).contains(y)), "{low:?}");
        assert!(low.windows(2).all(|w| w[1] - w[0] >= 13.9), "{low:?}");
        let many = spread(&[50.0; 20], 14.0, [0.0, 100.0]);
        assert!(many.iter().all(|y| (0.0..=100.1).contains(y)), "{many:?}");
    }
}
