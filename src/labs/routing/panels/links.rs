//! Links from tokens to experts: curves, pairs in flight, drops; ribbons when there are many tokens.

use super::frame::Frame;
use crate::labs::routing::{Entity, Fate, Pair};
use crate::ui::kept;
use crate::ui::theme::fade;
use bytemuck::cast_slice;
use egui::{Align2, Color32, FontId, Painter, Pos2, Shape, Stroke, pos2, vec2};

/// Above this many pairs only the latest links are drawn.
const MANY_LINKS: usize = 1500;
/// Links that are kept as triangles together: a few that still change do not hold up the others.
const BUNDLE: usize = 16;
/// Share of a batch's turns that a pair is in flight, or a drop is seen falling.
const FLIGHT: f64 = 0.05;

/// Control points of the curve between two points.
fn curve(from: Pos2, to: Pos2) -> [Pos2; 4] {
    let bend = (to.x - from.x) * 0.5;
    [from, from + vec2(bend, 0.0), to - vec2(bend, 0.0), to]
}

fn along([a, b, c, d]: [Pos2; 4], t: f32) -> Pos2 {
    let s = 1.0 - t;
    let v = a.to_vec2() * (s * s * s)
        + b.to_vec2() * (3.0 * s * s * t)
        + c.to_vec2() * (3.0 * s * t * t)
        + d.to_vec2() * (t * t * t);
    v.to_pos2()
}

/// The curve as a line through as few of its points as keep it within half a point of itself: the
/// toolkit's own curves look for theirs anew in every frame, which takes longer than drawing them.
fn line(points: [Pos2; 4], stroke: Stroke) -> Shape {
    let [a, b, c, d] = points.map(Pos2::to_vec2);
    // A chord over a step of t strays by an eighth of its square times the second derivative.
    let second = 6.0 * (c - 2.0 * b + a).length().max((d - 2.0 * c + b).length());
    let steps = (second / (8.0 * 0.5)).sqrt().ceil().clamp(1.0, 48.0) as usize;
    let at = |step: usize| along(points, step as f32 / steps as f32);
    Shape::line((0..=steps).map(at).collect(), stroke)
}

/// A settled link, as plain numbers that can be compared as bytes.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Link {
    points: [Pos2; 4],
    width: f32,
    color: Color32,
}

impl Link {
    fn new(points: [Pos2; 4], width: f32, color: Color32) -> Self {
        Self {
            points,
            width,
            color,
        }
    }

    fn shape(&self) -> Shape {
        line(self.points, Stroke::new(self.width, self.color))
    }
}

pub(in crate::labs::routing) fn draw(frame: &Frame<'_>, still: bool, painter: &Painter) {
    if frame.gathered() {
        ribbons(frame, painter);
    } else {
        curves(frame, still, painter);
    }
}

fn curves(frame: &Frame<'_>, still: bool, painter: &Painter) {
    let window = (f64::from(frame.batch.turns) * FLIGHT).max(1.0);
    let all = frame.batch.pairs.len() <= MANY_LINKS;
    let (mut links, mut shapes) = (Vec::new(), Vec::new());
    for p in frame.batch.pairs.iter().filter(|p| p.fate != Fate::NotSent) {
        let points = curve(
            frame.token(p.token as usize).center(),
            frame.gate(usize::from(p.expert)),
        );
        let color = frame.cluster(frame.batch.clusters[p.token as usize]);
        let ahead = f64::from(p.arrives) - frame.scene.now;
        if frame.waiting(p) {
            if ahead < window && frame.scene.now > 0.0 && !still {
                let t = (1.0 - ahead / window).clamp(0.0, 1.0) as f32;
                shapes.push(Shape::circle_filled(along(points, t), 2.5, color));
            }
            continue;
        }
        match frame.in_focus(p) {
            // Drawn last, over the tokens.
            Some(true) => {}
            Some(false) => {
                if all {
                    links.push(Link::new(points, 0.7, fade(color, 0.06)));
                }
            }
            None => {
                let fresh = (1.0 + ahead / (3.0 * window)).clamp(0.0, 1.0) as f32;
                let base: f32 = if !all || frame.gone(p) { 0.0 } else { 0.16 };
                let strength = base.max(0.7 * fresh);
                if strength > 0.01 {
                    links.push(Link::new(points, 0.8, fade(color, strength)));
                }
            }
        }
        if !still {
            falling(frame, p, window, &mut shapes);
        }
    }
    // Most have been there for long and stay as they are.
    for bundle in links.chunks(BUNDLE) {
        painter.add(kept(painter.ctx(), cast_slice::<_, u8>(bundle), || {
            bundle.iter().map(Link::shape).collect()
        }));
    }
    painter.extend(shapes);
}

/// A pair just turned away: a cross that falls out of its bin and fades.
fn falling(frame: &Frame<'_>, p: &Pair, window: f64, shapes: &mut Vec<Shape>) {
    if !frame.gone(p) {
        return;
    }
    let age = (frame.scene.now - f64::from(p.leaves)) / (2.0 * window);
    if !(0.0..1.0).contains(&age) {
        return;
    }
    let e = usize::from(p.expert);
    let edge = frame.x(frame.edge(e));
    let at = pos2(edge + 6.0, frame.bin(e).center().y + 26.0 * age as f32);
    let stroke = Stroke::new(1.6, fade(frame.palette.bad, 1.0 - age as f32));
    cross(at, 3.0, stroke, shapes);
}

/// Two strokes that cross out a point.
pub(super) fn cross(at: Pos2, r: f32, stroke: Stroke, shapes: &mut Vec<Shape>) {
    shapes.push(Shape::line_segment(
        [at + vec2(-r, -r), at + vec2(r, r)],
        stroke,
    ));
    shapes.push(Shape::line_segment(
        [at + vec2(-r, r), at + vec2(r, -r)],
        stroke,
    ));
}

/// The links of what is hovered or selected, with their weights; dropped ones dashed and crossed.
pub(in crate::labs::routing) fn highlights(frame: &Frame<'_>, painter: &Painter) {
    if frame.gathered() || frame.focus.is_none() {
        return;
    }
    let marked: Vec<(&Pair, [Pos2; 4], Color32)> = frame
        .batch
        .pairs
        .iter()
        .filter(|p| p.fate != Fate::NotSent && !frame.waiting(p))
        .filter(|p| frame.in_focus(p) == Some(true))
        .map(|p| {
            let from = frame.token(p.token as usize).right_center();
            let points = curve(from, frame.gate(usize::from(p.expert)));
            (
                p,
                points,
                frame.cluster(frame.batch.clusters[p.token as usize]),
            )
        })
        .collect();
    let one_token = matches!(frame.focus, Some(Entity::Token { .. }));
    let mut shapes = Vec::new();
    for (p, points, color) in &marked {
        if frame.gone(p) {
            let path: Vec<Pos2> = (0..=24).map(|i| along(*points, i as f32 / 24.0)).collect();
            let stroke = Stroke::new(if one_token { 1.8 } else { 1.0 }, frame.palette.bad);
            shapes.extend(Shape::dashed_line(&path, stroke, 5.0, 4.0));
            cross(along(*points, 0.94), 4.0, stroke, &mut shapes);
        } else {
            let width = if one_token {
                1.0 + 3.0 * p.weight as f32
            } else {
                1.2
            };
            shapes.push(line(*points, Stroke::new(width, *color)));
        }
    }
    painter.extend(shapes);
    if !one_token || !frame.words {
        return;
    }
    for (p, points, _) in &marked {
        let words = if frame.gone(p) {
            format!(
                "× full: position {} of {} places",
                p.position, frame.batch.capacity
            )
        } else {
            format!("weight {:.2}", p.weight)
        };
        let color = if frame.gone(p) {
            frame.palette.bad
        } else {
            frame.palette.ink
        };
        let font = FontId::proportional(11.0);
        let galley = painter.layout_no_wrap(words, font, color);
        let rect = Align2::CENTER_CENTER.anchor_size(along(*points, 0.72), galley.size());
        painter.rect_filled(rect.expand(2.0), 2.0, fade(frame.palette.background, 0.9));
        painter.galley(rect.min, galley, color);
    }
}

/// One ribbon per cluster and expert, as wide as the pairs that found a place.
fn ribbons(frame: &Frame<'_>, painter: &Painter) {
    let experts = frame.experts();
    let tokens = frame.batch.clusters.len() as f32;
    let unit = frame.tokens.height() / tokens / 2.0;
    let mut shapes = Vec::new();
    for (c, &[top, bottom]) in frame.blocks.iter().enumerate() {
        let color = frame.cluster(c as u8);
        let flows = &frame.scene.flows[c * experts..(c + 1) * experts];
        let total: u32 = flows.iter().sum();
        let mut before = 0.0;
        for (e, &flow) in flows.iter().enumerate() {
            let middle = before + flow as f32 / 2.0;
            before += flow as f32;
            // Thinner than a fifth of a per cent of the tokens is not seen.
            if (flow as f32) < 0.002 * tokens {
                continue;
            }
            let y = top + (bottom - top) * middle / total.max(1) as f32;
            let from = pos2(frame.tokens.right().min(frame.tokens.left() + 60.0), y);
            let strength = match frame.focus {
                Some(Entity::Expert(focus)) if focus == e => 0.9,
                Some(Entity::Expert(_)) => 0.06,
                _ => 0.32,
            };
            let width = (flow as f32 * unit).clamp(0.6, 14.0);
            shapes.push(line(
                curve(from, frame.gate(e)),
                Stroke::new(width, fade(color, strength)),
            ));
        }
    }
    painter.extend(shapes);
}
