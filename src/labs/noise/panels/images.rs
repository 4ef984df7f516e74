//! Samples of the image world: pixels at the playhead, or what the denoiser makes of them.

use super::super::images::ImageRun;
use super::pixels;
use crate::core::EntityId;
use crate::ui::Stage;
use crate::ui::theme::{Palette, mix};
use egui::{Align2, Color32, Painter, Pos2, Rect, Sense, Stroke, StrokeKind, TextStyle, Ui, vec2};

/// Space between images, in points.
const GAP: f32 = 8.0;

/// Where image `i` of `n` lies.
fn place(rect: Rect, n: usize, i: usize) -> Rect {
    let side = |across: usize| {
        let down = n.div_ceil(across);
        let width = (rect.width() - GAP * (across - 1) as f32) / across as f32;
        let height = (rect.height() - GAP * (down - 1) as f32) / down as f32;
        width.min(height)
    };
    let across = (1..=n.max(1))
        .max_by(|a, b| side(*a).total_cmp(&side(*b)).then(b.cmp(a)))
        .unwrap_or(1);
    let (size, down) = (side(across).max(1.0), n.div_ceil(across));
    let full = vec2(
        across as f32 * (size + GAP) - GAP,
        down as f32 * (size + GAP) - GAP,
    );
    let corner = rect.center() - 0.5 * full;
    let step = size + GAP;
    Rect::from_min_size(
        corner + vec2((i % across) as f32 * step, (i / across) as f32 * step),
        vec2(size, size),
    )
}

/// Draws the samples at the playhead.
pub(crate) fn show(
    run: &ImageRun,
    estimates: bool,
    stage: &mut Stage<'_>,
    ui: &mut Ui,
    area: Rect,
) {
    let response = ui.interact(
        area,
        ui.scope_id().with(("images", stage.slot)),
        Sense::click(),
    );
    let painter = ui.painter().with_clip_rect(area);
    painter.rect_filled(area, 0.0, stage.palette.background);
    let n = run.images().len();
    let inner = Rect::from_min_max(area.min + vec2(12.0, 46.0), area.max - vec2(12.0, 12.0));
    let step = run.timeline.index_at(stage.playhead);
    if inner.width() > 20.0 && inner.height() > 20.0 {
        if let Some(pointer) = response.hover_pos() {
            let found = (0..n).find(|i| place(inner, n, *i).contains(pointer));
            *stage.hovered = found.map(|i| EntityId(i as u64));
            if response.clicked() {
                *stage.selected = *stage.hovered;
            }
        }
        images(run, step, estimates, inner, stage.palette, &painter);
        for (entity, width) in [(*stage.hovered, 1.5), (*stage.selected, 2.5)] {
            if let Some(EntityId(i)) = entity.filter(|e| e.0 < n as u64) {
                let stroke = Stroke::new(width, stage.palette.accent);
                let rect = place(inner, n, i as usize);
                painter.rect_stroke(rect, 2.0, stroke, StrokeKind::Outside);
            }
        }
    }
    let words = words(run, step, estimates);
    let at = area.left_top() + vec2(12.0, 6.0);
    let body = TextStyle::Body.resolve(ui.style());
    let used = painter.text(at, Align2::LEFT_TOP, &words[0], body, stage.palette.ink);
    let at = Pos2::new(at.x, used.bottom() + 2.0);
    let small = TextStyle::Small.resolve(ui.style());
    painter.text(at, Align2::LEFT_TOP, &words[1], small, stage.palette.muted);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Image,
            true,
            format!("Images. {}", words.join(" ")),
        )
    });
}

fn words(run: &ImageRun, step: usize, estimates: bool) -> [String; 2] {
    let level = run.levels.get(step).copied().unwrap_or(0.0);
    let what = if estimates {
        "the denoiser's estimates"
    } else {
        "samples"
    };
    [
        format!(
            "Step {step} of {}, s = {level:.3}: {what}",
            run.levels.len() - 1
        ),
        if run.config.bandwidth == 0.0 {
            format!(
                "memorised: {:.0} % end on one of {} training images",
                100.0 * run.memorised(),
                run.set.len()
            )
        } else {
            format!(
                "{:.0} % end on one of {} training images, {:.3} per pixel away",
                100.0 * run.memorised(),
                run.set.len(),
                run.distance()
            )
        },
    ]
}

fn images(
    run: &ImageRun,
    step: usize,
    estimates: bool,
    rect: Rect,
    palette: &Palette,
    painter: &Painter,
) {
    let n = run.images().len();
    for (i, image) in run.images().iter().enumerate() {
        let source = if estimates {
            image.estimates.get(step).or(image.estimates.last())
        } else {
            image.frames.get(step)
        };
        if let Some(values) = source {
            pixels::paint(values, place(rect, n, i), painter, |v| grey(v, palette));
        }
    }
}

/// From the panel's colour at -1 to ink at 1.
pub(super) fn grey(v: f32, palette: &Palette) -> Color32 {
    mix(
        palette.panel,
        palette.ink,
        (0.5 * (v + 1.0)).clamp(0.0, 1.0),
    )
}

/// A small moving picture.
pub(crate) fn miniature(run: &ImageRun, phase: f64, palette: &Palette, ui: &mut Ui) {
    let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
    let step = run.timeline.index_at(phase * run.timeline.end());
    images(
        run,
        step,
        false,
        response.rect.shrink(6.0),
        palette,
        &painter,
    );
}
