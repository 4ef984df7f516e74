//! Drawing of the serving lab: lanes of requests, tokens and memory under them on the same time
//! axis, and the pool and the queue at the playhead beside them.

use super::lanes::{Column, Lanes, Snapshot, columns, lanes};
use super::log::Stretch;
use super::panels::capacity::CapacityTab;
use super::panels::{board, color_of, frame, gantt, name_of, pool, strips};
use super::{Config, Run, Serving, WorldRun};
use crate::core::EntityId;
use crate::labs::LabRun as _;
use crate::ui::theme::Palette;
use crate::ui::{ExtraTab, LabView, Stage};
use egui::{FontId, Mesh, Pos2, Rect, Response, Sense, pos2, vec2};
use frame::{Frame, SMALL};
use std::sync::Arc;

/// Setups that can be on screen at once.
const SLOTS: usize = 4;
/// Shortest stretch of time that can be zoomed to.
const SHORTEST_SECS: f64 = 0.02;

/// How the run is looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Stretch of time shown; all of it when `None`.
    zoom: Option<[f64; 2]>,
    playhead: f64,
    ends: [f64; SLOTS],
    drawn: [Option<Drawn>; SLOTS],
    moments: [Option<Moment>; SLOTS],
    boards: [Option<board::Drawn>; SLOTS],
    drags_time: bool,
}

/// What only changes with the run, the window and the size, kept between frames.
#[derive(Debug, Clone)]
struct Drawn {
    run: Run,
    frame: Frame,
    body: Rect,
    dark: bool,
    lanes: Arc<Lanes>,
    mesh: Arc<Mesh>,
    columns: Arc<[Option<Column>]>,
}

/// The state under the playhead, kept while neither moves.
#[derive(Debug, Clone)]
struct Moment {
    run: Run,
    at: f64,
    snapshot: Arc<Snapshot>,
}

/// Where the parts stand.
struct Layout {
    header: Rect,
    body: Rect,
    tokens: Rect,
    memory: Rect,
    ruler: Rect,
    pool: Option<Rect>,
}

impl Layout {
    fn new(rect: Rect, header: f32) -> Self {
        let narrow = rect.width() < 560.0;
        let gutter = if narrow { 30.0 } else { 40.0 };
        let side = if narrow {
            0.0
        } else {
            (rect.width() * 0.2).clamp(120.0, 190.0)
        };
        let left = rect.left() + gutter;
        let right = rect.right() - side - if side > 0.0 { 14.0 } else { 2.0 };
        let strip = (rect.height() * 0.14).clamp(22.0, 64.0);
        let band = |top: f32, bottom: f32| Rect::from_min_max(pos2(left, top), pos2(right, bottom));
        let ruler_top = rect.bottom() - 20.0;
        let memory_top = ruler_top - 4.0 - strip * 0.75;
        let tokens_top = memory_top - 6.0 - strip;
        let top = rect.top() + header;
        Self {
            header: Rect::from_min_size(rect.left_top(), vec2(rect.width(), header)),
            body: band(top, (tokens_top - 6.0).max(top + 10.0)),
            tokens: band(tokens_top, memory_top - 6.0),
            memory: band(memory_top, ruler_top - 4.0),
            ruler: band(ruler_top, rect.bottom()),
            pool: (side > 0.0).then(|| {
                Rect::from_min_max(
                    pos2(right + 14.0, top),
                    pos2(rect.right(), rect.bottom() - 2.0),
                )
            }),
        }
    }

    /// Lanes and both strips.
    fn timed(&self) -> Rect {
        self.body.union(self.memory)
    }
}

impl LabView for Serving {
    type View = View;

    fn picture_ui(
        run: &WorldRun,
        config: &mut Config,
        view: &mut View,
        stage: &mut Stage<'_>,
        ui: &mut egui::Ui,
    ) {
        let run = match run {
            WorldRun::Server(run) => run,
            WorldRun::Aside(run) => return view.aside(run, stage, ui),
        };
        let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
        if rect.width() < 80.0 || rect.height() < 100.0 {
            return;
        }
        let palette = stage.palette;
        let slot = stage.slot.min(SLOTS - 1);
        let header = header_height(rect.width());
        let layout = Layout::new(rect, header);
        let frame = view.frame(run, slot, stage, &layout);
        let drawn = view.drawn(run, slot, &frame, &layout, palette);
        let snapshot = view.snapshot(run, slot, stage.playhead);
        let painter = ui.painter_at(rect.expand(2.0));

        let now = (stage.playhead, snapshot.as_ref());
        header_ui(run, now, &drawn.lanes, layout.header, palette, &painter);
        frame::ruler(&frame, layout.ruler, layout.timed(), "s", palette, &painter);
        let body = painter.with_clip_rect(layout.body.intersect(ui.clip_rect()));
        body.add(egui::Shape::mesh(Arc::clone(&drawn.mesh)));
        gantt::labels(&drawn.lanes, layout.body, palette, &painter);
        strips::tokens(
            &drawn.columns,
            config,
            &frame,
            layout.tokens,
            palette,
            &painter,
        );
        let memory = (&*drawn.columns, snapshot.forecast.as_slice());
        strips::memory(memory, &frame, layout.memory, palette, &painter);
        frame::present(&frame, stage.playhead, layout.timed(), palette, &painter);

        let pointer = response.hover_pos();
        let mut under = pointer.and_then(|p| lane_under(&drawn.lanes, layout.body, p));
        let marked = (*stage.hovered).or(*stage.selected).map(|e| e.0 as u32);
        if let Some(rect) = layout.pool {
            let hits = pool::draw(&snapshot, rect, marked, pointer, palette, &painter);
            under = under.or(hits.under);
        }
        for (entity, color) in [
            (*stage.hovered, palette.ink),
            (*stage.selected, palette.accent),
        ] {
            if let Some(EntityId(request)) = entity {
                gantt::outline(
                    &drawn.lanes,
                    request as u32,
                    layout.body,
                    color,
                    palette,
                    &painter,
                );
            }
        }
        view.interact(run, &frame, &layout, &response, under, stage, ui);
        zoom_buttons(view, run, &frame, layout.header, ui);
        if let (Some(entity), Some(p)) = (under, pointer) {
            tooltip(run, entity, frame.time(p.x), &response);
        }
        crate::ui::picture(&response, "Timeline of requests", &run.summary());
    }

    fn extra() -> Option<ExtraTab<Config>> {
        Some(("Capacity", Box::<CapacityTab>::default()))
    }

    fn miniature_ui(run: &WorldRun, phase: f64, palette: &Palette, ui: &mut egui::Ui) {
        let run = match run {
            WorldRun::Server(run) => run,
            WorldRun::Aside(run) => return board::miniature(run, phase, palette, ui),
        };
        let (response, painter) = ui.allocate_painter(ui.available_size(), Sense::hover());
        let rect = response.rect.shrink(4.0);
        let end = run.timeline().end();
        // A sliding window: a quarter of the run, so that single bars are seen to grow.
        let span = end * 0.4;
        let now = end * phase;
        let from = (now - span * 0.75).clamp(0.0, (end - span).max(0.0));
        let frame = Frame {
            left: rect.left(),
            right: rect.right(),
            window: [from, from + span.max(1e-9)],
        };
        let rows = ((rect.height() / 4.0) as usize).max(1);
        let lanes = lanes(run, frame.window, rows, 100);
        let painter = painter.with_clip_rect(rect);
        painter.add(gantt::mesh(&lanes, &frame, rect, palette));
        frame::present(&frame, now, rect, palette, &painter);
    }
}

impl View {
    /// The board of an experiment; setups side by side share the time axis.
    fn aside(&mut self, run: &super::AsideRun, stage: &mut Stage<'_>, ui: &mut egui::Ui) {
        let slot = stage.slot.min(SLOTS - 1);
        self.ends[slot] = run.board().end;
        let end = self.last_end(stage.slots, slot);
        board::show(run, end, &mut self.boards[slot], stage, ui);
    }

    /// Last moment of what is on screen.
    fn last_end(&self, slots: usize, slot: usize) -> f64 {
        if slots > 1 {
            self.ends.iter().copied().fold(0.0, f64::max)
        } else {
            self.ends[slot]
        }
    }

    /// The stretch of time on screen; a playhead that leaves it takes it along.
    fn frame(&mut self, run: &Run, slot: usize, stage: &Stage<'_>, layout: &Layout) -> Frame {
        self.ends[slot] = run.timeline().end();
        let end = self.last_end(stage.slots, slot);
        if let Some([from, to]) = &mut self.zoom {
            let moved = stage.playhead != self.playhead;
            let span = *to - *from;
            if moved && (stage.playhead > *to || stage.playhead < *from) {
                *from = (stage.playhead - 0.3 * span).max(0.0);
                *to = *from + span;
            }
        }
        self.playhead = stage.playhead;
        Frame {
            left: layout.body.left(),
            right: layout.body.right(),
            window: self.zoom.unwrap_or([0.0, end.max(1e-6)]),
        }
    }

    fn drawn(
        &mut self,
        run: &Run,
        slot: usize,
        frame: &Frame,
        layout: &Layout,
        palette: &Palette,
    ) -> Drawn {
        let fresh = self.drawn[slot].as_ref().is_some_and(|d| {
            d.run.is_same(run)
                && d.frame == *frame
                && d.body == layout.body
                && d.dark == palette.dark
        });
        if !fresh {
            let width = layout.body.width();
            let rows = (layout.body.height() / gantt::SMALLEST_ROW) as usize;
            let lanes = Arc::new(lanes(
                run,
                frame.window,
                rows.max(1),
                (width / 3.0) as usize,
            ));
            self.drawn[slot] = Some(Drawn {
                run: run.clone(),
                frame: *frame,
                body: layout.body,
                dark: palette.dark,
                mesh: Arc::new(gantt::mesh(&lanes, frame, layout.body, palette)),
                lanes,
                columns: columns(run, frame.window, width as usize).into(),
            });
        }
        match &self.drawn[slot] {
            Some(drawn) => drawn.clone(),
            // Not reached: it was filled just above.
            None => Drawn {
                run: run.clone(),
                frame: *frame,
                body: layout.body,
                dark: palette.dark,
                lanes: Arc::default(),
                mesh: Arc::default(),
                columns: Arc::from([]),
            },
        }
    }

    fn snapshot(&mut self, run: &Run, slot: usize, at: f64) -> Arc<Snapshot> {
        if let Some(moment) = &self.moments[slot]
            && moment.run.is_same(run)
            && moment.at == at
        {
            return Arc::clone(&moment.snapshot);
        }
        let snapshot = Arc::new(Snapshot::of(run, at));
        self.moments[slot] = Some(Moment {
            run: run.clone(),
            at,
            snapshot: Arc::clone(&snapshot),
        });
        snapshot
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all that an interaction can touch"
    )]
    fn interact(
        &mut self,
        run: &Run,
        frame: &Frame,
        layout: &Layout,
        response: &Response,
        under: Option<EntityId>,
        stage: &mut Stage<'_>,
        ui: &egui::Ui,
    ) {
        if response.hovered() {
            *stage.hovered = under;
            let zoom = f64::from(ui.input(egui::InputState::zoom_delta));
            if let (true, Some(p)) = (zoom != 1.0, response.hover_pos()) {
                self.zoom_by(1.0 / zoom, frame.time(p.x), frame, run);
            }
        }
        if response.clicked() && under.is_some() {
            *stage.selected = under;
        }
        if response.double_clicked() {
            self.zoom = None;
        }
        let Some(p) = response.interact_pointer_pos() else {
            return;
        };
        if response.drag_started() {
            self.drags_time = self.zoom.is_none() || p.y > layout.body.bottom();
        }
        let on_ruler = layout.ruler.contains(p) && response.clicked();
        if on_ruler || (response.dragged() && self.drags_time) {
            let [from, to] = frame.window;
            *stage.seek = Some(frame.time(p.x).clamp(from, to));
        } else if response.dragged()
            && let Some(window) = &mut self.zoom
        {
            let span = window[1] - window[0];
            let by = -f64::from(response.drag_delta().x) * span
                / f64::from((frame.right - frame.left).max(1.0));
            let end = run.timeline().end();
            let from = (window[0] + by).clamp(0.0, (end - span).max(0.0));
            *window = [from, from + span];
        }
    }

    /// Shows `factor` times as much time as now, around `at`.
    fn zoom_by(&mut self, factor: f64, at: f64, frame: &Frame, run: &Run) {
        let [from, to] = frame.window;
        let end = run
            .timeline()
            .end()
            .max(self.ends.iter().copied().fold(0.0, f64::max));
        let span = ((to - from) * factor).max(SHORTEST_SECS);
        if span >= end {
            self.zoom = None;
            return;
        }
        let share = ((at - from) / (to - from)).clamp(0.0, 1.0);
        let from = (at - share * span).clamp(0.0, end - span);
        self.zoom = Some([from, from + span]);
    }
}

fn header_height(width: f32) -> f32 {
    if width < 560.0 { 50.0 } else { 36.0 }
}

/// Which request's lane a point is in.
fn lane_under(lanes: &Lanes, body: Rect, p: Pos2) -> Option<EntityId> {
    if !body.contains(p) {
        return None;
    }
    let row = ((p.y - body.top()) / gantt::row_height(lanes, body)) as usize;
    lanes.request_at(row).map(|r| EntityId(u64::from(r)))
}

/// Legend and the moment in words.
fn header_ui(
    run: &Run,
    (playhead, now): (f64, &Snapshot),
    lanes: &Lanes,
    rect: Rect,
    palette: &Palette,
    painter: &egui::Painter,
) {
    let font = FontId::proportional(SMALL);
    let mut kinds = vec![
        Stretch::Waiting,
        Stretch::Prefill,
        Stretch::Decode,
        Stretch::Stalled,
    ];
    if !run.log().evictions.is_empty() {
        kinds.push(Stretch::Preempted);
    }
    if !run.log().swaps.is_empty() {
        kinds.push(Stretch::Swapped);
    }
    if !run.log().transfers.is_empty() {
        kinds.push(Stretch::Transfer);
    }
    if run.config().scheduler == super::Scheduler::StaticBatching {
        kinds.push(Stretch::Tail);
    }
    let mut x = rect.left();
    let mut y = rect.top();
    for what in kinds {
        let galley = painter.layout_no_wrap(name_of(what).to_owned(), font.clone(), palette.ink);
        let width = 16.0 + galley.size().x + 12.0;
        if x + width > rect.right() && x > rect.left() {
            x = rect.left();
            y += 16.0;
        }
        let swatch = Rect::from_min_size(pos2(x, y + 3.0), vec2(11.0, 9.0));
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(swatch, color_of(what, palette));
        if what == Stretch::Preempted {
            gantt::hatch(&mut mesh, swatch, palette.background);
        }
        painter.add(mesh);
        painter.galley(pos2(x + 16.0, y), galley, palette.ink);
        x += width;
    }
    let blocks = now.blocks as usize * now.holdings.len();
    let mut words = format!(
        "{playhead:.2} s · {} waiting · {} running · {} of {blocks} blocks · batch {} + {} tok",
        now.waiting(),
        now.holders(),
        now.used(),
        now.prefill,
        now.decodes,
    );
    if now.swapped() > 0 {
        words = format!("{words} · {} swapped out", now.swapped());
    }
    if lanes.per_row > 1 {
        words = format!("{words} · {} requests per lane", lanes.per_row);
    }
    let galley = painter.layout(words, font, palette.muted, rect.width());
    painter.galley(pos2(rect.left(), y + 16.0), galley, palette.muted);
}

/// Buttons that zoom, for those without a wheel.
fn zoom_buttons(view: &mut View, run: &Run, frame: &Frame, header: Rect, ui: &mut egui::Ui) {
    if header.width() < 560.0 {
        // There pinching does it, and a double tap shows all.
        return;
    }
    let middle = view.playhead.clamp(frame.window[0], frame.window[1]);
    let place = |from_right: f32, width: f32| {
        let corner = pos2(header.right() - from_right, header.top() - 1.0);
        Rect::from_min_size(corner, vec2(width, 24.0))
    };
    ui.spacing_mut().button_padding = vec2(4.0, 1.0);
    let button = |words: &str| {
        egui::Button::new(egui::RichText::new(words).size(SMALL))
            .wrap_mode(egui::TextWrapMode::Extend)
    };
    if ui
        .put(place(104.0, 28.0), button("−"))
        .on_hover_text("Show more time")
        .clicked()
    {
        view.zoom_by(1.6, middle, frame, run);
    }
    if ui
        .put(place(72.0, 28.0), button("+"))
        .on_hover_text("Show less time, around the playhead")
        .clicked()
    {
        view.zoom_by(1.0 / 1.6, middle, frame, run);
    }
    if ui
        .put(place(40.0, 40.0), button("Fit"))
        .on_hover_text("Show the whole run")
        .clicked()
    {
        view.zoom = None;
    }
}

/// The request and its batch at the time under the pointer.
fn tooltip(run: &Run, entity: EntityId, at: f64, response: &Response) {
    let r = entity.0 as usize;
    let Some(segment) = run
        .segments(r as u32)
        .iter()
        .find(|s| s.from <= at && at < s.to)
    else {
        return;
    };
    let w = run.workload();
    let mut words = format!(
        "Request {r}: {} at {at:.2} s\nprompt {} tok, output {} tok",
        name_of(segment.what),
        w.prefill[r],
        w.decode[r]
    );
    let ran = matches!(segment.what, Stretch::Prefill | Stretch::Decode);
    let it = &run.log().iterations;
    let i = it.formed.partition_point(|&t| t <= at);
    if let (true, Some(i)) = (ran, i.checked_sub(1)) {
        words = format!(
            "{words}\nbatch: {} prefill tok and {} decodes",
            it.prefill[i], it.decodes[i]
        );
    }
    response
        .clone()
        .on_hover_text_at_pointer(egui::RichText::new(words).size(SMALL + 1.0));
}
