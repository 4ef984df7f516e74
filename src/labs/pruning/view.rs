//! Drawing of the pruning lab: the weights themselves, and below them the two lines one can drag:
//! the threshold on the magnitudes, and the sparsity on what it costs.

use super::config::{Method, Regime, Source};
use super::panels::grid::Layout;
use super::panels::{curve, film, grid, histogram, images, speed, strips};
use super::results::Cell;
use super::training::mean_bits;
use super::{Config, Pruning, Run};
use crate::core::EntityId;
use crate::labs::LabRun as _;
use crate::ui::format::number;
use crate::ui::theme::{Palette, fade};
use crate::ui::{ExtraTab, LabView, Stage, picture};
use egui::{Align2, FontId, Rect, Sense, Stroke, Ui, pos2, vec2};

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub(super) textures: grid::Textures,
    pub(super) scroll: f32,
}

/// Height of a caption above a matrix.
const CAPTION: f32 = 17.0;
const GAP: f32 = 10.0;
/// Width below which parts stand one under the other.
const NARROW: f32 = 460.0;

impl LabView for Pruning {
    type View = View;

    fn picture_ui(
        run: &Run,
        config: &mut Config,
        view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut Ui,
    ) {
        let rect = ui.available_rect_before_wrap().shrink(4.0);
        let response = ui.allocate_rect(rect, Sense::hover());
        picture(
            &response,
            "Weights, kept and pruned",
            &words(run, stage.playhead),
        );
        let step = run.timeline().index_at(stage.playhead);
        let narrow = rect.width() < NARROW;
        let head = headline(run, step, stage.palette, rect, ui);
        let low = (rect.height() * 0.3).clamp(70.0, 190.0);
        let body = Rect::from_min_max(
            pos2(rect.left(), rect.top() + head + 4.0),
            pos2(rect.right(), rect.bottom() - low - GAP),
        );
        let body = body.with_max_y(body.bottom() - legend(run, stage.palette, body, ui));
        let data = run.results().config.regime == Regime::Data;
        match run.results().config.source {
            Source::Trained if data => images::ui(run, step, view, stage, body, ui),
            Source::Trained => network(run, step, view, stage, body, narrow, ui),
            Source::Imported => file(run, step, config, view, stage, body, ui),
        }
        let bottom = Rect::from_min_max(pos2(rect.left(), rect.bottom() - low), rect.max);
        let (left, right) = bottom.split_left_right_at_fraction(0.5);
        if run.results().film.is_some() {
            let left = left.with_max_x(left.right() - GAP);
            if data {
                images::margins(run, step, stage, left, ui);
            } else {
                film::histogram(run, step, stage, left, ui);
            }
            film::strip(run, step, stage, right, ui);
            return;
        }
        histogram::ui(run, step, stage, left.with_max_x(left.right() - GAP), ui);
        let chart = run.charts().iter().find(|c| {
            let wanted = if run.results().points.iter().any(|p| p.judged.is_some()) {
                "accuracy"
            } else {
                "bytes"
            };
            c.id == wanted
        });
        if let Some(chart) = chart {
            let chosen = !matches!(config.method, Method::NOfM | Method::Manual);
            let chosen = chosen.then_some(&mut config.sparsity);
            curve::ui(run, chart, step, chosen, stage, right, ui);
        }
    }

    fn extra() -> Option<ExtraTab<Config>> {
        Some(speed::tab())
    }

    fn miniature_ui(run: &Run, phase: f64, palette: &Palette, ui: &mut Ui) {
        let rect = ui.available_rect_before_wrap();
        ui.allocate_rect(rect, Sense::hover());
        let timeline = run.timeline();
        // The end of the sweep is where something happens: linger there.
        let eased = 1.0 - (1.0 - phase.clamp(0.0, 1.0)) * (1.0 - phase.clamp(0.0, 1.0));
        let step =
            timeline.index_at(timeline.start() + eased * (timeline.end() - timeline.start()));
        miniature(run, step, palette, rect, ui);
    }
}

/// The moment in a sentence, for those who cannot see the picture.
fn words(run: &Run, playhead: f64) -> String {
    let r = run.results();
    let step = run.timeline().index_at(playhead);
    let Some(point) = r.points.get(step) else {
        return String::new();
    };
    let accuracy = point.judged.map_or(String::new(), |e| {
        format!(", test accuracy {:.1} %", 100.0 * e.accuracy())
    });
    if r.config.regime == Regime::Data {
        let [used, all] = images::in_use(r, step);
        return format!("{used} of {all} training images in use{accuracy}.");
    }
    let layers: Vec<String> = (0..r.layers.len().min(6))
        .map(|l| {
            format!(
                "{} keeps {:.1} %",
                r.layers[l].name,
                100.0 * r.density(l, step)
            )
        })
        .collect();
    format!(
        "At {:.1} % sparsity {} of {} weights are kept{accuracy}. {}.",
        point.asked,
        r.total - point.pruned,
        r.total,
        layers.join(", ")
    )
}

/// What is seen, in one line; returns its height.
fn headline(run: &Run, step: usize, palette: &Palette, rect: Rect, ui: &Ui) -> f32 {
    let r = run.results();
    let Some(point) = r.points.get(step) else {
        return 0.0;
    };
    let [gone, stays] = r.words();
    let [used, all] = images::in_use(r, step);
    let bits = r
        .film
        .as_ref()
        .and_then(|f| mean_bits(r, f.frames.get(step)?));
    let kept = if let Some(bits) = bits {
        format!(
            "{bits:.2} bits a weight, {} of {} weights {stays}",
            number((r.total - point.pruned) as f64),
            number(r.total as f64)
        )
    } else if r.config.regime == Regime::Data {
        format!(
            "{} of {} images in use",
            number(used as f64),
            number(all as f64)
        )
    } else {
        format!(
            "{:.1} % {gone}, {} of {} weights {stays}",
            r.sparsity(point),
            number((r.total - point.pruned) as f64),
            number(r.total as f64)
        )
    };
    let size = if rect.width() < 460.0 { 13.0 } else { 15.0 };
    let font = FontId::proportional(size);
    let drawn = ui.painter().text(
        rect.left_top(),
        Align2::LEFT_TOP,
        kept,
        font.clone(),
        palette.ink,
    );
    if let (Some(now), Some(dense)) = (point.judged, r.points.first().and_then(|p| p.judged)) {
        let lost = 100.0 * (now.accuracy() - dense.accuracy());
        let reached = format!("accuracy {:.1} %", 100.0 * now.accuracy());
        let (text, colour) = match lost {
            // The first moment of a training is an untrained network.
            _ if r.film.is_some() => (reached, palette.ink),
            l if l > -1.0 => (format!("{reached} ({l:+.1} points)"), palette.good),
            l if l > -10.0 => (format!("{reached} ({l:+.1} points)"), palette.warning),
            l => (format!("{reached} ({l:+.1} points)"), palette.bad),
        };
        let below = drawn.right() + 180.0 > rect.right();
        let at = if below {
            drawn.left_bottom()
        } else {
            pos2(rect.right(), rect.top())
        };
        let anchor = if below {
            Align2::LEFT_TOP
        } else {
            Align2::RIGHT_TOP
        };
        let second = ui.painter().text(at, anchor, text, font, colour);
        return second.bottom() - rect.top();
    }
    drawn.height()
}

/// What the colours mean, at the foot of the weights; returns its height.
fn legend(run: &Run, palette: &Palette, body: Rect, ui: &Ui) -> f32 {
    let trained = run.results().config.source == Source::Trained;
    let text = match (trained, body.width() < 460.0) {
        _ if run.results().film.is_some() => {
            let [gone, stays] = run.results().words();
            match run.results().config.regime {
                Regime::Data => "faint: not used by the second network",
                Regime::Dynamic => &format!("dark: large and {stays}; blank: {gone}"),
                _ if body.width() < NARROW => {
                    &format!("dark: {stays}; blue: going; green: back; blank: {gone}")
                }
                _ => &format!(
                    "dark: large and {stays}; blue: going now; green: back again; blank: {gone}"
                ),
            }
        }
        (_, true) => "dark: large and kept; blue: going now; blank: pruned",
        (true, false) => {
            "dark: large and kept; blue: going at this step; blank: pruned; crossed out: no path goes through this unit"
        }
        (false, false) => {
            "strips: density of 96 sections of each tensor; dark: large and kept; blue: going at this step; blank: pruned"
        }
    };
    let font = FontId::proportional(11.0);
    let at = body.left_bottom();
    ui.painter_at(body)
        .text(at, Align2::LEFT_BOTTOM, text, font, palette.muted);
    16.0
}

/// A trained network: the fields of the first layer large, the other layers beside them.
fn network(
    run: &Run,
    step: usize,
    view: &mut View,
    stage: &mut Stage<'_>,
    body: Rect,
    narrow: bool,
    ui: &mut Ui,
) {
    let layers = run.results().layers.len();
    if layers == 0 {
        return;
    }
    let (first, rest) = if narrow {
        body.split_top_bottom_at_fraction(0.6)
    } else {
        body.split_left_right_at_fraction(0.62)
    };
    let first = first.with_max_x(first.right() - if narrow { 0.0 } else { GAP });
    layer(run, 0, step, view, stage, first, ui);
    let others = (layers - 1).max(1) as f32;
    for l in 1..layers {
        let i = (l - 1) as f32;
        let space = if narrow {
            let width = rest.width() / others;
            Rect::from_min_size(
                pos2(rest.left() + i * width, rest.top()),
                vec2(width - 6.0, rest.height()),
            )
        } else {
            // The last layer is small: it gets the smaller part.
            let shares = share_of(layers);
            let before: f32 = shares.iter().take(l - 1).sum();
            let height = rest.height() * shares.get(l - 1).copied().unwrap_or(1.0 / others);
            Rect::from_min_size(
                pos2(rest.left(), rest.top() + rest.height() * before),
                vec2(rest.width(), height - 6.0),
            )
        };
        layer(run, l, step, view, stage, space, ui);
    }
}

fn share_of(layers: usize) -> Vec<f32> {
    match layers {
        3 => vec![0.68, 0.32],
        n => vec![1.0 / (n.max(2) - 1) as f32; n.max(2) - 1],
    }
}

/// One layer with its caption; hover and click select it.
fn layer(
    run: &Run,
    l: usize,
    step: usize,
    view: &mut View,
    stage: &mut Stage<'_>,
    space: Rect,
    ui: &mut Ui,
) {
    let r = run.results();
    let palette = stage.palette;
    let entity = EntityId(l as u64);
    let room = Rect::from_min_max(space.min + vec2(0.0, CAPTION), space.max);
    if room.width() < 8.0 || room.height() < 8.0 {
        return;
    }
    let layout = grid::layout(r, l, room.size());
    let area = grid::fit(room, grid::size(r, l, layout));
    let what = match layout {
        Layout::Fields(_) => format!("{}: one field for each hidden unit", r.layers[l].name),
        Layout::Matrix(1) | Layout::Images { .. } => {
            format!("{}: {}", r.layers[l].name, shape(run, l))
        }
        Layout::Matrix(block) => format!(
            "{}: {}, means of {block} × {block}",
            r.layers[l].name,
            shape(run, l)
        ),
    };
    let what = if space.width() < 300.0 {
        r.layers[l].name.clone()
    } else {
        what
    };
    let share = format!("{:.1} % kept", 100.0 * r.density(l, step));
    // A long name runs out of the picture: what changes comes first.
    let caption = if r.layers[l].name.len() > 20 {
        format!("{share}, {what}")
    } else {
        format!("{what}, {share}")
    };
    let clipped = ui.painter_at(space);
    clipped.text(
        space.left_top(),
        Align2::LEFT_TOP,
        caption,
        FontId::proportional(12.0),
        palette.ink,
    );
    grid::paint(
        run,
        l,
        step,
        layout,
        stage.slot,
        &mut view.textures,
        palette,
        area,
        ui,
    );
    let lit = *stage.selected == Some(entity) || *stage.hovered == Some(entity);
    let stroke = if lit {
        Stroke::new(2.0, palette.accent)
    } else {
        Stroke::new(1.0, palette.grid)
    };
    ui.painter()
        .rect_stroke(area, 0.0, stroke, egui::StrokeKind::Outside);
    if r.plan.kept.get(l).and_then(|k| k.get(step)) == Some(&0) {
        ui.painter().text(
            area.center(),
            Align2::CENTER_CENTER,
            "no weight left",
            FontId::proportional(14.0),
            palette.bad,
        );
    }
    dead_units(run, l, step, layout, palette, area, ui);
    let response = ui
        .interact(
            area,
            ui.scope_id().with(("layer", stage.slot, l)),
            Sense::click(),
        )
        .on_hover_text(format!(
            "{}, {:.1} % kept. Click to pin it.",
            r.layers[l].name,
            100.0 * r.density(l, step)
        ));
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Button,
            true,
            format!("Select {}", r.layers[l].name),
        )
    });
    if response.hovered() {
        *stage.hovered = Some(entity);
    }
    if response.clicked() {
        *stage.selected = Some(entity);
    }
}

fn shape(run: &Run, l: usize) -> String {
    let l = &run.results().layers[l];
    format!("{} outputs × {} inputs", l.rows, l.cols)
}

/// Crosses out the fields of units that no path goes through.
fn dead_units(
    run: &Run,
    l: usize,
    step: usize,
    layout: Layout,
    palette: &Palette,
    area: Rect,
    ui: &Ui,
) {
    let r = run.results();
    let Layout::Fields(across) = layout else {
        return;
    };
    // A unit that is off for one image is not dead.
    if r.config.regime == Regime::Dynamic {
        return;
    }
    let alive = r
        .points
        .get(step)
        .and_then(|p| p.effective.as_ref()?.alive.get(l + 1));
    let cell = area.width() / grid::size(r, l, layout)[0] as f32;
    let stroke = Stroke::new(1.0, fade(palette.bad, 0.7));
    for (unit, _) in alive
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, alive)| !**alive)
    {
        let [x, y] = grid::field(unit, across).map(|v| v as f32 * cell);
        let field =
            Rect::from_min_size(area.min + vec2(x, y), vec2(8.0 * cell, 8.0 * cell)).shrink(cell);
        ui.painter()
            .line_segment([field.left_top(), field.right_bottom()], stroke);
        ui.painter()
            .line_segment([field.right_top(), field.left_bottom()], stroke);
    }
}

/// An opened file: all tensors as strips, the selected one as a matrix.
fn file(
    run: &Run,
    step: usize,
    config: &mut Config,
    view: &mut View,
    stage: &mut Stage<'_>,
    body: Rect,
    ui: &mut Ui,
) {
    let r = run.results();
    let narrow = body.width() < NARROW;
    let (list, detail) = if narrow {
        body.split_top_bottom_at_fraction(0.5)
    } else {
        body.split_left_right_at_fraction(0.55)
    };
    strips::ui(
        run,
        step,
        config,
        view,
        stage,
        list.shrink2(vec2(0.0, 2.0)),
        ui,
    );
    let detail = if narrow {
        detail
    } else {
        detail.with_min_x(detail.left() + GAP)
    };
    let largest = (0..r.layers.len()).max_by_key(|&l| (r.layers[l].values.len(), usize::MAX - l));
    let pinned = stage
        .selected
        .map(|e| e.0 as usize)
        .filter(|&l| l < r.layers.len());
    let Some(l) = pinned.or(largest) else {
        return;
    };
    if r.layers[l].values.len() <= grid::PIXEL_LIMIT {
        layer(run, l, step, view, stage, detail, ui);
    } else {
        let words = format!(
            "{}: {} weights, shown as a strip",
            r.layers[l].name,
            number(r.layers[l].values.len() as f64)
        );
        ui.painter().text(
            detail.left_top(),
            Align2::LEFT_TOP,
            words,
            FontId::proportional(12.0),
            stage.palette.muted,
        );
    }
}

/// The fields of the first layer alone, and the accuracy as a bar.
fn miniature(run: &Run, step: usize, palette: &Palette, rect: Rect, ui: &Ui) {
    let r = run.results();
    let Some(layer) = r.layers.first() else {
        return;
    };
    let (across, down) = (8_usize, 4_usize);
    let bar = 6.0;
    let cell =
        (rect.width() / (across * 9) as f32).min((rect.height() - bar - 4.0) / (down * 9) as f32);
    let origin = rect.min + vec2((rect.width() - cell * (across * 9) as f32) / 2.0, 0.0);
    let mut mesh = egui::Mesh::default();
    if r.config.regime == Regime::Data {
        let room = rect.with_max_y(rect.bottom() - bar - 4.0);
        images::miniature(r, step, palette, room, [across, down], ui);
    }
    let weights = r.config.regime != Regime::Data;
    for unit in (0..(across * down).min(layer.rows)).filter(|_| weights) {
        let [x, y] = grid::field(unit, across);
        for p in 0..layer.cols.min(64) {
            let i = unit * layer.cols + p;
            if let Cell::Kept(share) | Cell::Back(share) = r.cell(0, i, step) {
                let min = origin + vec2((x + p % 8) as f32 * cell, (y + p / 8) as f32 * cell);
                let colour = grid::shade(palette, share);
                mesh.add_colored_rect(Rect::from_min_size(min, vec2(cell, cell)), colour);
            }
        }
    }
    ui.painter().add(mesh);
    if let Some(judged) = r.points.get(step).and_then(|p| p.judged) {
        let base = Rect::from_min_max(pos2(rect.left(), rect.bottom() - bar), rect.max);
        ui.painter().rect_filled(base, 2.0, palette.grid);
        let width = base.width() * judged.accuracy() as f32;
        ui.painter().rect_filled(
            base.with_max_x(base.left() + width),
            2.0,
            palette.series_at(0),
        );
    }
}
