//! What is lost (accuracy) or gained (bytes) along the sweep, with the playhead as a marker that
//! can be dragged.

use super::super::results::Run;
use crate::core::{Chart, num};
use crate::ui::format::number;
use crate::ui::theme::{self, fade};
use crate::ui::{Stage, corners};
use egui::{Align2, FontId, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

/// Sparsities written on the axis, in per cent.
const TICKS: [(f64, &str); 7] = [
    (0.0, "0"),
    (50.0, "50"),
    (75.0, "75"),
    (90.0, "90"),
    (97.0, "97"),
    (99.0, "99"),
    (99.7, "99.7"),
];

/// Largest sparsity on the axis.
const END: f64 = 99.9;

/// Share of the axis up to a sparsity: logarithmic in the density, so that the end, where it all
/// happens, gets its room.
fn along(sparsity: f64) -> f64 {
    num::ln(1.0 - sparsity.clamp(0.0, END) / 100.0) / num::ln(1.0 - END / 100.0)
}

/// The sparsity at a share of the axis.
fn sparsity_at(along: f64) -> f64 {
    100.0 * (1.0 - num::exp(along.clamp(0.0, 1.0) * num::ln(1.0 - END / 100.0)))
}

/// Draws the run's first chart along the timeline; dragging seeks, a double click chooses.
pub(crate) fn ui(
    run: &Run,
    chart: &Chart,
    step: usize,
    chosen: Option<&mut f64>,
    stage: &mut Stage<'_>,
    rect: Rect,
    ui: &mut Ui,
) {
    let r = run.results();
    let palette = stage.palette;
    let small = FontId::proportional(11.0);
    let plot = Rect::from_min_max(rect.min + vec2(30.0, 16.0), rect.max - vec2(6.0, 15.0));
    let others = if rect.width() < 300.0 {
        ""
    } else {
        "; grey: the others"
    };
    let title = format!("{}, {}{others}", chart.title, chart.y.unit);
    theme::caption(ui, rect, &title);
    let highest = chart
        .series
        .iter()
        .flat_map(|s| s.points.iter())
        .map(|p| p[1])
        .fold(0.0, f64::max);
    let top = if chart.y.unit == "%" {
        100.0
    } else {
        highest.max(1e-9) * 1.05
    };
    let to = |[x, y]: [f64; 2]| -> Pos2 {
        pos2(
            plot.left() + plot.width() * along(x) as f32,
            plot.bottom() - plot.height() * (y / top) as f32,
        )
    };
    for share in [0.0, 0.5, 1.0] {
        let y = to([0.0, share * top]).y;
        ui.painter()
            .hline(plot.x_range(), y, Stroke::new(1.0, palette.grid));
        let label = number(share * top);
        ui.painter().text(
            pos2(plot.left() - 4.0, y),
            Align2::RIGHT_CENTER,
            label,
            small.clone(),
            palette.muted,
        );
    }
    let room = rect.right() - 64.0;
    let mut free = plot.left() - 20.0;
    for (x, label) in TICKS {
        let at = to([x, 0.0]) + vec2(0.0, 2.0);
        if at.x < room && at.x - free >= 18.0 {
            free = at.x;
            ui.painter()
                .text(at, Align2::CENTER_TOP, label, small.clone(), palette.muted);
        }
    }
    ui.painter().text(
        rect.right_bottom(),
        Align2::RIGHT_BOTTOM,
        "% pruned",
        small.clone(),
        palette.muted,
    );
    for (i, series) in chart.series.iter().enumerate().rev() {
        let points: Vec<Pos2> = series.points.iter().map(|&p| to(p)).collect();
        let (width, colour) = match (i, series.reference) {
            (_, true) => (1.0, palette.muted),
            (0, _) => (2.5, palette.series_at(stage.slot)),
            _ => (1.0, fade(palette.muted, 0.6)),
        };
        ui.painter()
            .add(Shape::line(corners(&points), Stroke::new(width, colour)));
    }
    let x = to([stage.playhead, 0.0]).x;
    ui.painter()
        .vline(x, plot.y_range(), Stroke::new(1.5, palette.accent));
    let now = r.points.get(step).map(|p| p.asked);
    let point = chart
        .series
        .first()
        .and_then(|s| s.points.iter().find(|p| Some(p[0]) == now));
    if let Some(&point) = point {
        let at = to(point);
        ui.painter().circle_filled(at, 4.5, palette.accent);
        let text = format!("{} {} at {:.1} %", number(point[1]), chart.y.unit, point[0]);
        let font = FontId::proportional(12.0);
        let galley = ui.painter().layout_no_wrap(text, font, palette.ink);
        // Below and to the left of the marker: above it lies the curve.
        let size = galley.size();
        let x = (at.x - size.x - 8.0).max(plot.left() + 2.0);
        let y = (at.y + 8.0).min(plot.bottom() - size.y - 3.0);
        let back = Rect::from_min_size(pos2(x, y), size).expand(2.0);
        ui.painter()
            .rect_filled(back, 2.0, fade(palette.background, 0.85));
        ui.painter().galley(pos2(x, y), galley, palette.ink);
    }
    let response = ui
        .interact(
            plot,
            ui.scope_id().with(("sweep", stage.slot)),
            Sense::click_and_drag(),
        )
        .on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
    let Some(at) = response.interact_pointer_pos() else {
        return;
    };
    let sparsity = sparsity_at(f64::from((at.x - plot.left()) / plot.width().max(1.0)));
    if response.double_clicked() {
        if let Some(chosen) = chosen {
            *chosen = (sparsity * 10.0).round().clamp(0.0, 999.0) / 10.0;
        }
    } else if response.dragged() || response.clicked() {
        *stage.seek = Some(sparsity);
    }
}
