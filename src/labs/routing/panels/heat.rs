//! Tokens × experts: who was chosen, with which weight, and what became of it.

use crate::core::EntityId;
use crate::labs::routing::{Batch, BatchRun, Entity, Fate, Pair};
use crate::ui::Stage;
use crate::ui::theme::{Palette, mix};
use egui::{
    Align2, Color32, ColorImage, FontId, Painter, Pos2, Rect, Response, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Ui, pos2,
};

/// Room for the experts' names on the left, and for the token axis and the legend below.
const NAMES: f32 = 30.0;
const FOOT: f32 = 32.0;
/// Steps of a batch that are told apart in large pictures.
const STEPS: f64 = 64.0;
/// Entries above which a picture is large.
const LARGE: usize = 200_000;

/// The picture as last painted, and which tokens are seen.
#[derive(Clone, Default)]
pub(in crate::labs::routing) struct Heat {
    painted: Option<(BatchRun, usize, u32, bool, TextureHandle)>,
    /// First and last token seen, as shares of the batch; none: all.
    seen: Option<[f32; 2]>,
}

impl std::fmt::Debug for Heat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heat")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// Where things are in one frame.
pub(in crate::labs::routing) struct Place<'a> {
    batch: &'a Batch,
    index: usize,
    rect: Rect,
    seen: [f32; 2],
}

impl Heat {
    /// Draws a moment of a run.
    pub(in crate::labs::routing) fn draw<'a>(
        &mut self,
        run: &'a BatchRun,
        body: Rect,
        stage: &Stage<'_>,
        response: &Response,
        ui: &Ui,
    ) -> Option<Place<'a>> {
        let palette = stage.palette;
        let focus = stage.hovered.or(*stage.selected).map(Entity::of);
        let (index, now) = run.at(stage.playhead);
        let batch = run.batches().get(index)?;
        let rect = Rect::from_min_max(
            pos2(body.left() + NAMES, body.top()),
            pos2(body.right(), body.bottom() - FOOT),
        );
        if rect.width() < 20.0 || rect.height() < 20.0 {
            return None;
        }
        self.look(rect, response, ui);
        let turns = shown_turns(batch, now);
        let dark = ui.visuals().dark_mode;
        let fresh = self
            .painted
            .as_ref()
            .is_some_and(|(r, i, t, d, _)| r.same(run) && (*i, *t, *d) == (index, turns, dark));
        if !fresh {
            let picture = image(batch, turns, palette);
            let handle = match self.painted.take() {
                Some((.., mut handle)) => {
                    handle.set(picture, TextureOptions::NEAREST);
                    handle
                }
                None => ui
                    .ctx()
                    .load_texture("routing heat map", picture, TextureOptions::NEAREST),
            };
            self.painted = Some((run.clone(), index, turns, dark, handle));
        }
        let seen = self.seen.unwrap_or([0.0, 1.0]);
        let painter = ui.painter_at(body);
        if let Some((.., handle)) = &self.painted {
            let uv = Rect::from_min_max(pos2(seen[0], 0.0), pos2(seen[1], 1.0));
            painter.image(handle.id(), rect, uv, Color32::WHITE);
        }
        painter.rect_stroke(
            rect,
            0.0,
            Stroke::new(1.0, palette.grid),
            StrokeKind::Outside,
        );
        let place = Place {
            batch,
            index,
            rect,
            seen,
        };
        place.axes(palette, &painter);
        place.mark(focus, palette, &painter);
        Some(place)
    }

    /// Scrolling zooms around the pointer, dragging moves.
    fn look(&mut self, rect: Rect, response: &Response, ui: &Ui) {
        let [a, b] = self.seen.unwrap_or([0.0, 1.0]);
        let mut span = b - a;
        let mut start = a;
        if let Some(pointer) = response.hover_pos().filter(|p| rect.contains(*p)) {
            let wheel = ui.input(|i| i.smooth_scroll_delta.y);
            if wheel != 0.0 {
                let share = (pointer.x - rect.left()) / rect.width();
                let new = (span * crate::core::num::expf(-wheel / 200.0)).clamp(0.005, 1.0);
                start += (span - new) * share;
                span = new;
            }
        }
        if response.dragged() {
            start -= response.drag_delta().x / rect.width() * span;
        }
        start = start.clamp(0.0, 1.0 - span);
        self.seen = (span < 1.0).then_some([start, start + span]);
    }
}

/// Turns to paint: every one of a small picture, a step of a large one.
fn shown_turns(batch: &Batch, now: f64) -> u32 {
    let all = f64::from(batch.turns);
    if batch.clusters.len() * batch.demand.len() <= LARGE || now >= all {
        return (now + 1e-6) as u32;
    }
    ((now / all * STEPS).floor() / STEPS * all) as u32
}

fn image(batch: &Batch, turns: u32, palette: &Palette) -> ColorImage {
    let (n, experts) = (batch.clusters.len(), batch.demand.len());
    let blank = mix(palette.background, palette.grid, 0.25);
    let mut pixels = vec![blank; n * experts];
    let most = batch.pairs.iter().map(|p| p.weight).fold(1e-12, f64::max);
    for p in batch.pairs.iter().filter(|p| p.fate != Fate::NotSent) {
        // A re-routed pair is drawn at both places; the later state wins at each.
        let slot = &mut pixels[usize::from(p.expert) * n + p.token as usize];
        *slot = color(p, turns, most, palette);
    }
    ColorImage::new([n, experts], pixels)
}

fn color(p: &Pair, turns: u32, most: f64, palette: &Palette) -> Color32 {
    let base = palette.background;
    if p.arrives >= turns {
        return mix(base, palette.muted, 0.25);
    }
    if p.leaves < turns {
        return palette.bad;
    }
    let strength = (0.3 + 0.7 * (p.weight / most).sqrt()) as f32;
    match p.fate {
        Fate::Rerouted => palette.warning,
        Fate::Added => palette.good,
        _ => mix(base, palette.accent, strength),
    }
}

impl Place<'_> {
    fn x(&self, token: f32) -> f32 {
        let share = token / self.batch.clusters.len() as f32;
        let [a, b] = self.seen;
        self.rect.left() + (share - a) / (b - a) * self.rect.width()
    }

    fn y(&self, expert: f32) -> f32 {
        self.rect.top() + expert / self.batch.demand.len() as f32 * self.rect.height()
    }

    /// The token and the expert under a point.
    pub(in crate::labs::routing) fn at(&self, at: Pos2) -> Option<(usize, usize)> {
        if !self.rect.contains(at) {
            return None;
        }
        let [a, b] = self.seen;
        let share = a + (at.x - self.rect.left()) / self.rect.width() * (b - a);
        let row = (at.y - self.rect.top()) / self.rect.height();
        let (n, experts) = (self.batch.clusters.len(), self.batch.demand.len());
        let token = ((share * n as f32) as usize).min(n - 1);
        Some((token, ((row * experts as f32) as usize).min(experts - 1)))
    }

    /// What is there, in words.
    pub(in crate::labs::routing) fn words(&self, token: usize, expert: usize) -> String {
        let mine = self.batch.of_token(token).iter();
        let fate = mine
            .rev()
            .find(|p| usize::from(p.expert) == expert)
            .map_or_else(
                || "not chosen".to_owned(),
                |p| match p.fate {
                    Fate::Kept => format!("choice {}, weight {:.3}", p.choice + 1, p.weight),
                    Fate::OverCapacity => format!(
                        "dropped: position {} of {} places",
                        p.position, self.batch.capacity
                    ),
                    Fate::NotSent => "second choice not sent".to_owned(),
                    Fate::Rerouted => format!("re-routed here, weight {:.3}", p.weight),
                    Fate::Added => format!("fills an idle place, weight {:.3}", p.weight),
                },
            );
        format!("Token {token}, expert {expert}: {fate}")
    }

    /// The entity of a token.
    pub(in crate::labs::routing) fn token(&self, token: usize) -> EntityId {
        Entity::Token {
            batch: self.index,
            token,
        }
        .id()
    }

    fn axes(&self, palette: &Palette, painter: &Painter) {
        let font = FontId::proportional(10.0);
        let experts = self.batch.demand.len();
        let height = self.rect.height() / experts as f32;
        let every = (12.0 / height).ceil().max(1.0) as usize;
        for e in (0..experts).step_by(every) {
            let at = pos2(self.rect.left() - 4.0, self.y(e as f32 + 0.5));
            painter.text(
                at,
                Align2::RIGHT_CENTER,
                format!("E{e}"),
                font.clone(),
                palette.ink,
            );
        }
        let n = self.batch.clusters.len() as f32;
        let [a, b] = self.seen;
        let y = self.rect.bottom() + 3.0;
        let ends = [
            (a, Align2::LEFT_TOP, self.rect.left()),
            (b, Align2::RIGHT_TOP, self.rect.right()),
        ];
        for (share, align, x) in ends {
            let words = format!("token {:.0}", (share * n).floor().min(n - 1.0));
            painter.text(pos2(x, y), align, words, font.clone(), palette.muted);
        }
        let mut left = self.rect.left();
        let keys = [
            ("kept, darker with its weight", palette.accent),
            ("dropped", palette.bad),
            ("re-routed", palette.warning),
            ("fills an idle place", palette.good),
        ];
        for (words, color) in keys {
            let swatch = Rect::from_min_size(pos2(left, y + 15.0), egui::vec2(8.0, 8.0));
            let text = painter.layout_no_wrap(words.to_owned(), font.clone(), palette.muted);
            let end = swatch.right() + 3.0 + text.size().x;
            if end > self.rect.right() {
                break;
            }
            painter.rect_filled(swatch, 1.0, color);
            painter.galley(pos2(swatch.right() + 3.0, y + 13.0), text, palette.muted);
            left = end + 10.0;
        }
    }

    fn mark(&self, focus: Option<Entity>, palette: &Palette, painter: &Painter) {
        let stroke = Stroke::new(1.5, palette.ink);
        let marked = match focus {
            Some(Entity::Expert(e)) if e < self.batch.demand.len() => Rect::from_min_max(
                pos2(self.rect.left(), self.y(e as f32)),
                pos2(self.rect.right(), self.y(e as f32 + 1.0)),
            ),
            Some(Entity::Token { batch, token }) if batch == self.index => Rect::from_min_max(
                pos2(self.x(token as f32), self.rect.top()),
                pos2(self.x(token as f32 + 1.0), self.rect.bottom()),
            ),
            _ => return,
        };
        let marked = marked.intersect(self.rect);
        if marked.width() > 0.0 {
            painter.rect_stroke(marked, 0.0, stroke, StrokeKind::Outside);
        }
    }
}
