//! Experts in training: who chooses which expert, label by label, over the load of each expert.

use crate::labs::routing::{Entity, Snapshot, TrainRun};
use crate::ui::theme::{Palette, fade, mix};
use crate::ui::{Stage, icon::text_at, picture};
use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};

/// Room for the words above, the labels on the left, and the numbers of the experts below.
const HEADER: f32 = 22.0;
const LEFT: f32 = 64.0;
const FOOT: f32 = 18.0;
/// Share of the height that the load bars take.
const BARS: f32 = 0.36;

/// Where things are.
struct Map {
    heat: Rect,
    bars: Rect,
    experts: usize,
    labels: usize,
    /// Load at the top of the bars.
    full: f32,
}

impl Map {
    fn new(run: &TrainRun, rect: Rect, words: bool) -> Self {
        let (left, foot) = if words { (LEFT, FOOT) } else { (2.0, 2.0) };
        let body = Rect::from_min_max(
            pos2(rect.left() + left, rect.top()),
            pos2(rect.right() - 4.0, rect.bottom() - foot),
        );
        let cut = body.bottom() - BARS * body.height();
        let gap = if words { 22.0 } else { 3.0 };
        let loads = run.snapshots().iter().flat_map(|s| s.loads.iter().copied());
        let [_, high] = run.load_floor();
        Self {
            heat: Rect::from_min_max(body.min, pos2(body.right(), cut - gap)),
            bars: Rect::from_min_max(pos2(body.left(), cut), body.max),
            experts: run.config().experts as usize,
            labels: run.classes(),
            full: 1.05 * loads.fold(high, f64::max) as f32,
        }
    }

    fn column(&self, e: usize) -> [f32; 2] {
        let width = self.heat.width() / self.experts as f32;
        let left = self.heat.left() + e as f32 * width;
        [left, left + width]
    }

    fn row(&self, label: usize) -> [f32; 2] {
        let height = self.heat.height() / self.labels as f32;
        let top = self.heat.top() + label as f32 * height;
        [top, top + height]
    }

    fn cell(&self, label: usize, e: usize) -> Rect {
        let ([left, right], [top, bottom]) = (self.column(e), self.row(label));
        let inset = ((right - left).min(bottom - top) * 0.06).min(1.0);
        Rect::from_min_max(pos2(left, top), pos2(right, bottom)).shrink(inset)
    }

    fn height(&self, load: f64) -> f32 {
        self.bars.bottom() - load as f32 / self.full * self.bars.height()
    }

    fn expert_at(&self, at: Pos2) -> Option<usize> {
        let inside = at.x >= self.heat.left() && at.x < self.heat.right();
        let e = (at.x - self.heat.left()) / self.heat.width() * self.experts as f32;
        (inside && at.y >= self.heat.top()).then_some((e as usize).min(self.experts - 1))
    }

    fn label_at(&self, at: Pos2) -> Option<usize> {
        let inside = at.y >= self.heat.top() && at.y < self.heat.bottom();
        let label = (at.y - self.heat.top()) / self.heat.height() * self.labels as f32;
        inside.then_some((label as usize).min(self.labels - 1))
    }
}

/// The moment in words.
fn words(run: &TrainRun, s: &Snapshot) -> String {
    let quality = if s.accuracy.is_nan() {
        format!("mean squared error {:.3}", s.loss)
    } else {
        format!("{:.1} % of the held-out digits", 100.0 * s.accuracy)
    };
    format!(
        "Update {} of {}: {quality}, MaxVio {:.2}, {} dead experts",
        s.step,
        run.config().train_steps,
        s.violation,
        s.dead
    )
}

/// Draws the network at the playhead.
pub(in crate::labs::routing) fn show(run: &TrainRun, stage: &mut Stage<'_>, ui: &mut Ui) {
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::click());
    let Some(s) = run.at(stage.playhead) else {
        return;
    };
    let text = words(run, s);
    picture(&response, "Experts in training", &text);
    if rect.width() < 120.0 || rect.height() < 120.0 {
        return;
    }
    let painter = ui.painter_at(rect);
    text_at(
        ui,
        rect.left_top() + vec2(2.0, 2.0),
        Align2::LEFT_TOP,
        &text,
        FontId::proportional(12.0),
        stage.palette.ink,
        rect.width() - 4.0,
    );
    let body = rect.with_min_y(rect.top() + HEADER);
    let map = Map::new(run, body, true);
    point(run, s, &map, &response, stage, ui);
    let focus = stage.hovered.or(*stage.selected);
    draw(run, s, &map, stage.palette, &painter);
    let bars = bias_arrows(run, s, &map, stage.palette);
    painter.extend(bars);
    axes(run, &map, stage.palette, &painter);
    if let Some(label) = focus.and_then(TrainRun::label_of) {
        let [top, bottom] = map.row(label.min(map.labels - 1));
        let row = Rect::from_min_max(pos2(map.heat.left(), top), pos2(map.heat.right(), bottom));
        outline(row, stage.palette, &painter);
    } else if let Some(Entity::Expert(e)) = focus.map(Entity::of) {
        let [left, right] = map.column(e.min(map.experts - 1));
        let column = Rect::from_min_max(pos2(left, map.heat.top()), pos2(right, map.bars.bottom()));
        outline(column, stage.palette, &painter);
    }
}

/// The same without words, for the home page.
pub(in crate::labs::routing) fn miniature(
    run: &TrainRun,
    phase: f64,
    palette: &Palette,
    ui: &mut Ui,
) {
    let rect = ui.available_rect_before_wrap();
    ui.allocate_rect(rect, Sense::hover());
    let end = run.snapshots().last().map_or(0.0, |s| f64::from(s.step));
    if let Some(s) = run.at(phase.clamp(0.0, 1.0) * end) {
        let map = Map::new(run, rect.shrink(4.0), false);
        draw(run, s, &map, palette, &ui.painter_at(rect));
    }
}

fn outline(rect: Rect, palette: &Palette, painter: &Painter) {
    painter.rect_stroke(
        rect,
        0.0,
        Stroke::new(2.0, palette.accent),
        StrokeKind::Outside,
    );
}

fn draw(run: &TrainRun, s: &Snapshot, map: &Map, palette: &Palette, painter: &Painter) {
    let mut shapes = Vec::new();
    for label in 0..map.labels {
        let row = &s.joint[label * map.experts..(label + 1) * map.experts];
        let total = f64::from(row.iter().sum::<u32>().max(1));
        for (e, &n) in row.iter().enumerate() {
            let share = (f64::from(n) / total) as f32;
            shapes.push(Shape::rect_filled(
                map.cell(label, e),
                0.0,
                mix(palette.background, palette.series_at(0), share),
            ));
        }
    }
    let [low, high] = run.load_floor().map(|l| map.height(l));
    let band = Rect::from_min_max(pos2(map.bars.left(), high), pos2(map.bars.right(), low));
    shapes.push(Shape::rect_filled(band, 0.0, fade(palette.ink, 0.14)));
    let mean = s.loads.iter().sum::<f64>() / map.experts as f64;
    for (e, &load) in s.loads.iter().enumerate() {
        let [left, right] = map.column(e);
        let pad = (0.14 * (right - left)).min(6.0);
        let bar = Rect::from_min_max(
            pos2(left + pad, map.height(load)),
            pos2(right - pad, map.bars.bottom()),
        );
        let dead = load < 0.02 * mean;
        let color: Color32 = if dead {
            palette.bad
        } else {
            palette.series_at(0)
        };
        shapes.push(Shape::rect_filled(bar, 0.0, color));
        if dead {
            // Colour alone does not tell: a dead expert is crossed out.
            let center = pos2(f32::midpoint(left, right), map.bars.bottom() - 8.0);
            let stroke = Stroke::new(1.5, palette.bad);
            for d in [vec2(4.0, 4.0), vec2(4.0, -4.0)] {
                shapes.push(Shape::line_segment([center - d, center + d], stroke));
            }
        }
    }
    let base = [map.bars.left_bottom(), map.bars.right_bottom()];
    shapes.push(Shape::line_segment(base, Stroke::new(1.0, palette.grid)));
    painter.extend(shapes);
}

/// An arrow per expert between heat map and bars: up where the bias helps it to tokens.
fn bias_arrows(run: &TrainRun, s: &Snapshot, map: &Map, palette: &Palette) -> Vec<Shape> {
    let all = run.snapshots().iter().flat_map(|s| s.bias.iter());
    let most = all.fold(0.0_f64, |m, b| m.max(b.abs()));
    if most == 0.0 {
        return Vec::new();
    }
    let middle = f32::midpoint(map.heat.bottom(), map.bars.top());
    let arrows = s.bias.iter().enumerate().map(|(e, &b)| {
        let [left, right] = map.column(e);
        let x = f32::midpoint(left, right);
        let size = (b / most) as f32 * 9.0;
        let half = (0.3 * (right - left)).min(6.0);
        let tip = pos2(x, middle - size);
        let base = [pos2(x + half, middle + size), pos2(x - half, middle + size)];
        Shape::convex_polygon(
            vec![tip, base[0], base[1]],
            palette.series_at(1),
            Stroke::NONE,
        )
    });
    arrows.collect()
}

fn axes(run: &TrainRun, map: &Map, palette: &Palette, painter: &Painter) {
    let font = FontId::proportional(11.0);
    let ink = palette.muted;
    let word = run.label_word();
    let [top, bottom] = map.row(0);
    let every = (12.0 / (bottom - top)).ceil().max(1.0) as usize;
    for label in (0..map.labels).step_by(every) {
        let [top, bottom] = map.row(label);
        let at = pos2(map.heat.left() - 4.0, f32::midpoint(top, bottom));
        let text = format!("{word} {label}");
        painter.text(at, Align2::RIGHT_CENTER, text, font.clone(), ink);
    }
    let [left, right] = map.column(0);
    let every = (22.0 / (right - left)).ceil().max(1.0) as usize;
    for e in (0..map.experts).step_by(every) {
        let [left, right] = map.column(e);
        let at = pos2(f32::midpoint(left, right), map.bars.bottom() + 2.0);
        painter.text(at, Align2::CENTER_TOP, e.to_string(), font.clone(), ink);
    }
    let at = pos2(map.bars.left() - 4.0, map.bars.bottom() + 2.0);
    painter.text(at, Align2::RIGHT_TOP, "expert", font.clone(), ink);
    let at = pos2(map.bars.left() - 4.0, map.bars.center().y);
    painter.text(at, Align2::RIGHT_CENTER, "load", font, ink);
}

/// Sets what is hovered and selected, with a few words beside the pointer.
fn point(
    run: &TrainRun,
    s: &Snapshot,
    map: &Map,
    response: &egui::Response,
    stage: &mut Stage<'_>,
    ui: &Ui,
) {
    experts_as_buttons(s, map, stage, ui);
    let Some(at) = response.hover_pos() else {
        return;
    };
    let (label, expert) = (map.label_at(at), map.expert_at(at));
    let hit = match (label, expert) {
        (Some(label), _) => Some(TrainRun::label_id(label)),
        (None, Some(e)) => Some(Entity::Expert(e).id()),
        _ => None,
    };
    if hit.is_some() {
        *stage.hovered = hit;
        if let (Some(label), Some(e)) = (label, expert) {
            let row = &s.joint[label * map.experts..(label + 1) * map.experts];
            let total = row.iter().sum::<u32>().max(1);
            let share = 100.0 * f64::from(row[e]) / f64::from(total);
            response.clone().on_hover_text_at_pointer(format!(
                "{} {label}: {share:.0} % choose expert {e} first",
                run.label_word()
            ));
        }
    }
    if response.clicked() {
        *stage.selected = hit;
    }
}

/// Experts can be reached by keyboard and by assistive technology, each with its load in words.
fn experts_as_buttons(s: &Snapshot, map: &Map, stage: &mut Stage<'_>, ui: &Ui) {
    if map.experts > 64 {
        return;
    }
    let mean = s.loads.iter().sum::<f64>() / map.experts as f64;
    for (e, load) in s.loads.iter().enumerate() {
        let [left, right] = map.column(e);
        let rect = Rect::from_min_max(pos2(left, map.bars.top()), pos2(right, map.bars.bottom()));
        let id = ui.scope_id().with(("trained expert", stage.slot, e));
        let response = ui.interact(rect, id, Sense::click());
        let name = format!(
            "Expert {e}: {load:.0} pairs, {:.2} of the mean",
            load / mean
        );
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name.clone()));
        let entity = Entity::Expert(e).id();
        if response.hovered() || response.has_focus() {
            *stage.hovered = Some(entity);
        }
        if response.clicked() {
            *stage.selected = Some(entity);
        }
        response.on_hover_text_at_pointer(name);
    }
}
