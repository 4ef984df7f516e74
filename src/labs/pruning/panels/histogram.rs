//! Weight magnitudes with the threshold, which can be dragged. The axis is logarithmic, the bars
//! are weights per doubling of the magnitude.

use super::super::results::Run;
use super::super::tally::Histogram;
use crate::core::num;
use crate::core::select::magnitude_key;
use crate::ui::Stage;
use crate::ui::format::number;
use crate::ui::theme;
use egui::{Align2, FontId, Rect, Sense, Stroke, Ui, pos2};

pub(super) const TICKS: [(f32, &str); 7] = [
    (1e-5, "1e-5"),
    (1e-4, "1e-4"),
    (1e-3, "0.001"),
    (1e-2, "0.01"),
    (1e-1, "0.1"),
    (1.0, "1"),
    (10.0, "10"),
];

/// Position of a key on the axis: the binary logarithm of the magnitude, shifted.
pub(super) fn place(key: u32) -> f32 {
    let fraction = f64::from(key & 0x7f_ffff) / f64::from(1_u32 << 23);
    (f64::from(key >> 23) + num::log2(1.0 + fraction)) as f32
}

/// The key at a position.
fn key_at(place: f32) -> u32 {
    let octave = place.max(0.0).floor();
    let fraction = num::pow(2.0, f64::from(place.max(0.0) - octave)) - 1.0;
    ((octave as u32) << 23) + (fraction * f64::from(1_u32 << 23)) as u32
}

pub(super) fn bin(histogram: &Histogram, i: usize) -> f32 {
    place((histogram.first + i as u32) << 20)
}

/// Draws the histogram of the selected layer, or of all layers.
pub(crate) fn ui(run: &Run, step: usize, stage: &mut Stage<'_>, rect: Rect, ui: &mut Ui) {
    let r = run.results();
    let palette = stage.palette;
    let shared = r.cuts_shared();
    let layer = stage
        .selected
        .map(|e| e.0 as usize)
        .filter(|&l| l < r.layers.len());
    let of = layer.unwrap_or(0);
    let histogram = match layer {
        Some(l) => &r.histograms[l],
        None if shared => &r.histogram,
        None => &r.histograms[0],
    };
    let plot = Rect::from_min_max(
        rect.min + egui::vec2(0.0, 16.0),
        rect.max - egui::vec2(0.0, 15.0),
    );
    let title = match (layer, shared) {
        (None, true) => "How large the weights are, all layers".to_owned(),
        _ => format!("How large the weights are, {}", r.layers[of].name),
    };
    let small = FontId::proportional(11.0);
    theme::caption(ui, rect, &title);
    let (low, high) = visible(histogram);
    let x_of = |bin: f32| plot.left() + plot.width() * (bin - low) / (high - low).max(1.0);
    let threshold = r
        .config
        .method
        .by_magnitude()
        .then(|| r.cut(of, step).filter(|c| c.k > 0))
        .flatten();
    let bins = histogram.counts.len();
    let most = (0..bins).map(|i| histogram.density(i)).fold(1e-9, f64::max);
    for i in (0..bins).filter(|&i| bin(histogram, i) >= low) {
        let gone = threshold.is_some_and(|c| (histogram.first + i as u32 + 1) << 20 <= c.key);
        let height = plot.height() * (histogram.density(i) / most) as f32;
        let bar = Rect::from_min_max(
            pos2(x_of(bin(histogram, i)), plot.bottom() - height),
            pos2(x_of(bin(histogram, i + 1)) - 0.5, plot.bottom()),
        );
        let colour = if gone { palette.grid } else { palette.ink };
        ui.painter().rect_filled(bar, 0.0, colour);
    }
    ui.painter().hline(
        plot.x_range(),
        plot.bottom(),
        Stroke::new(1.0, palette.grid),
    );
    for (value, label) in TICKS {
        let x = x_of(place(magnitude_key(value)));
        if x > plot.left() + 8.0 && x < plot.right() - 8.0 {
            ui.painter().text(
                pos2(x, plot.bottom() + 2.0),
                Align2::CENTER_TOP,
                label,
                small.clone(),
                palette.muted,
            );
        }
    }
    ui.painter().text(
        rect.right_bottom(),
        Align2::RIGHT_BOTTOM,
        "|w|",
        small.clone(),
        palette.muted,
    );
    let response = ui.interact(
        plot,
        ui.scope_id().with(("threshold", stage.slot)),
        Sense::click_and_drag(),
    );
    if let Some(cut) = threshold {
        let x = x_of(place(cut.key)).clamp(plot.left(), plot.right());
        ui.painter()
            .vline(x, plot.y_range(), Stroke::new(2.0, palette.accent));
        ui.painter()
            .circle_filled(pos2(x, plot.top()), 4.0, palette.accent);
        let right = x > plot.center().x;
        let anchor = if right {
            Align2::RIGHT_TOP
        } else {
            Align2::LEFT_TOP
        };
        let gap = if right { -7.0 } else { 7.0 };
        let text = format!("pruned below {}", number(f64::from(cut.magnitude())));
        ui.painter().text(
            pos2(x + gap, plot.top()),
            anchor,
            text,
            small,
            palette.accent,
        );
    }
    let pointer = response
        .interact_pointer_pos()
        .filter(|_| response.dragged() || response.clicked());
    if let (Some(at), true) = (pointer, r.config.method.by_magnitude()) {
        let share = (at.x - plot.left()) / plot.width().max(1.0);
        let key = key_at(low + (high - low) * share);
        if let Some(step) = r.step_of_key(of, key) {
            *stage.seek = r.points.get(step).map(|p| p.asked);
        }
    }
    if threshold.is_some() {
        response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
    }
}

/// Range worth showing: a long thin tail of tiny weights is cut off after twelve doublings.
pub(super) fn visible(h: &Histogram) -> (f32, f32) {
    let last = bin(h, h.counts.len());
    (bin(h, 0).max(last - 12.0), last)
}
