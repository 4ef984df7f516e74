//! One image under several schedules, a row each, at the same times, a column each.

use super::super::images::{ImageRun, TIMES};
use super::images::grey;
use super::pixels;
use crate::ui::Stage;
use egui::{Align2, Painter, Pos2, Rect, Sense, TextStyle, Ui, vec2};

/// Room for the names at the left, a line of words, and space between cells, in points.
const NAMES: f32 = 104.0;
const LINE: f32 = 15.0;
const GAP: f32 = 6.0;
/// Room for a log-SNR beside its cell.
const WORDS: f32 = 38.0;

/// Draws the grid.
pub(crate) fn show(run: &ImageRun, stage: &mut Stage<'_>, ui: &mut Ui, area: Rect) {
    let id = ui.scope_id().with(("grid", stage.slot));
    let response = ui.interact(area, id, Sense::hover());
    let painter = ui.painter().with_clip_rect(area);
    painter.rect_filled(area, 0.0, stage.palette.background);
    let small = TextStyle::Small.resolve(ui.style());
    let body = TextStyle::Body.resolve(ui.style());
    let words = [
        "One image under several schedules at equal times",
        "with its power log-SNR; the first row is this setup",
    ];
    let at = area.left_top() + vec2(12.0, 6.0);
    let used = painter.text(at, Align2::LEFT_TOP, words[0], body, stage.palette.ink);
    let at = Pos2::new(at.x, used.bottom() + 2.0);
    painter.text(
        at,
        Align2::LEFT_TOP,
        words[1],
        small.clone(),
        stage.palette.muted,
    );
    let inner = Rect::from_min_max(area.min + vec2(12.0, 48.0), area.max - vec2(12.0, 4.0));
    let (rows, columns) = (run.grid().len().max(1) as f32, TIMES.len() as f32);
    let names = NAMES.min(0.24 * inner.width());
    let wide = (inner.width() - names) / columns - GAP;
    // Words go beside a cell where there is room for both, below it otherwise.
    let tall = (inner.height() - LINE) / rows - 3.0;
    let beside = tall + WORDS < wide;
    let line = if beside { 0.0 } else { LINE };
    let side = wide.min(tall - line);
    if side < 6.0 {
        return;
    }
    let column = |k: usize| inner.left() + names + k as f32 * (wide + GAP);
    for (k, t) in TIMES.iter().enumerate() {
        let at = Pos2::new(column(k), inner.top());
        let words = if wide > 60.0 {
            format!("t = {t}")
        } else {
            t.to_string()
        };
        painter.text(
            at,
            Align2::LEFT_TOP,
            words,
            small.clone(),
            stage.palette.muted,
        );
    }
    let mut told = Vec::new();
    for (r, row) in run.grid().iter().enumerate() {
        let top = inner.top() + LINE + r as f32 * (side + line + 3.0);
        let middle = Pos2::new(inner.left(), top + 0.5 * side);
        let galley = painter.layout(
            row.name.to_owned(),
            small.clone(),
            stage.palette.ink,
            names - GAP,
        );
        painter.galley(
            middle - vec2(0.0, 0.5 * galley.size().y),
            galley,
            stage.palette.ink,
        );
        for (k, cell) in row.cells.iter().enumerate() {
            let corner = Pos2::new(column(k), top);
            let at = Rect::from_min_size(corner, vec2(side, side));
            picture(cell.pixels.as_ref(), at, stage, &painter);
            let words = format!("{:.1}", cell.log_snr).replace('-', "\u{2212}");
            let (at, align) = if beside {
                (at.right_center() + vec2(5.0, 0.0), Align2::LEFT_CENTER)
            } else {
                (at.left_bottom(), Align2::LEFT_TOP)
            };
            let muted = stage.palette.muted;
            painter.text(at, align, words, small.clone(), muted);
        }
        let middle = row
            .cells
            .get(TIMES.len() / 2)
            .map_or(f64::NAN, |c| c.log_snr);
        told.push(format!("{} {middle:.1}", row.name));
    }
    response.widget_info(|| {
        let text = format!(
            "{}. Power log-SNR at t = {}: {}",
            words[0],
            TIMES[TIMES.len() / 2],
            told.join(", ")
        );
        egui::WidgetInfo::labeled(egui::Role::Image, true, text)
    });
}

fn picture(values: &[f32], at: Rect, stage: &Stage<'_>, painter: &Painter) {
    pixels::paint(values, at, painter, |v| grey(v, stage.palette));
}
