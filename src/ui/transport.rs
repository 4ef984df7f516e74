//! One control over time for all labs: play, step, scrub, jump. Speed changes the playback, never
//! the result.

use super::format;
use super::icon::{Icon, icon_button};
use super::theme::{Palette, mix};
use crate::core::{Moment, MomentKind, Timeline, parse_number};
use egui::{
    Event, Key, Pos2, Rect, Response, RichText, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};

/// Playback speeds of the menu.
pub const SPEEDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// The playhead and how it moves.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// Whether it moves by itself.
    pub playing: bool,
    /// Factor on the natural speed; infinity jumps to the end at once.
    pub speed: f64,
    /// Whether it starts again at the end.
    pub looping: bool,
    /// Position on the timeline.
    pub playhead: f64,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            playing: false,
            speed: 1.0,
            looping: false,
            playhead: 0.0,
        }
    }
}

impl Transport {
    /// Moves the playhead by `dt` seconds of the viewer's time. At speed 1 a run plays in 8 to
    /// 20 s, whatever its span.
    pub fn tick(&mut self, dt: f64, timeline: &Timeline) {
        self.clamp(timeline);
        if !self.playing {
            return;
        }
        self.playhead += dt.max(0.0) * self.speed * natural_speed(timeline);
        if self.playhead < timeline.end() {
            return;
        }
        if self.looping && timeline.end() > timeline.start() && self.speed.is_finite() {
            let span = timeline.end() - timeline.start();
            self.playhead = timeline.start() + (self.playhead - timeline.start()) % span;
        } else {
            self.playhead = timeline.end();
            self.playing = false;
        }
    }

    /// Keeps the playhead on the timeline (after a new run).
    pub fn clamp(&mut self, timeline: &Timeline) {
        if !self.playhead.is_finite() {
            self.playhead = timeline.start();
        }
        self.playhead = self.playhead.clamp(timeline.start(), timeline.end());
    }

    /// Starts or stops; at the end it starts again from the start.
    pub fn toggle(&mut self, timeline: &Timeline) {
        if !self.playing && self.playhead >= timeline.end() {
            self.playhead = timeline.start();
        }
        self.playing = !self.playing;
    }

    /// Goes to a position and stops there.
    pub fn seek(&mut self, at: f64, timeline: &Timeline) {
        self.playing = false;
        self.playhead = at;
        self.clamp(timeline);
    }

    /// One step forward.
    pub fn step_forward(&mut self, timeline: &Timeline) {
        self.seek(timeline.next(self.playhead), timeline);
    }

    /// One step back.
    pub fn step_back(&mut self, timeline: &Timeline) {
        self.seek(timeline.previous(self.playhead), timeline);
    }

    /// The next slower or faster speed of the menu.
    pub fn change_speed(&mut self, faster: bool) {
        let next = if faster {
            SPEEDS.into_iter().find(|&s| s > self.speed)
        } else {
            SPEEDS.into_iter().rev().find(|&s| s < self.speed)
        };
        self.speed = next.unwrap_or(self.speed);
    }

    /// Goes to the next or previous moment, if there is one.
    pub fn jump(&mut self, forward: bool, timeline: &Timeline) {
        let here = self.playhead;
        let moment = if forward {
            timeline.moments.iter().find(|m| m.at > here)
        } else {
            timeline.moments.iter().rev().find(|m| m.at < here)
        };
        if let Some(moment) = moment {
            self.seek(moment.at, timeline);
        }
    }
}

/// Positions per second of the viewer's time at speed 1: short runs of few steps take 8 s, long
/// ones 20 s.
pub fn natural_speed(timeline: &Timeline) -> f64 {
    let steps = timeline.steps.len().saturating_sub(1) as f64;
    let seconds = (steps / 8.0).clamp(8.0, 20.0);
    (timeline.end() - timeline.start()) / seconds
}

/// Below this width the bar stands under the buttons.
const NARROW: f32 = 560.0;
/// Width of the read-out with its unit.
const READOUT: f32 = 192.0;

/// The control bar.
pub fn transport_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline) {
    transport.clamp(timeline);
    if ui.available_width() < NARROW {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            buttons_ui(ui, transport, timeline);
            speed_ui(ui, transport, timeline);
            jump_ui(ui, transport, timeline);
        });
        ui.horizontal(|ui| {
            let width = (ui.available_width() - READOUT).max(80.0);
            scrub_ui(ui, transport, timeline, width);
            readout_ui(ui, transport, timeline);
        });
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        buttons_ui(ui, transport, timeline);
        speed_ui(ui, transport, timeline);
        ui.add_space(4.0);
        // The bar takes what the read-out and the menu leave.
        let tail = if timeline.moments.is_empty() {
            READOUT + 40.0
        } else {
            READOUT + 132.0
        };
        let width = (ui.available_width() - tail).max(80.0);
        scrub_ui(ui, transport, timeline, width);
        ui.add_space(4.0);
        readout_ui(ui, transport, timeline);
        jump_ui(ui, transport, timeline);
    });
}

fn buttons_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline) {
    let step = timeline.step_name;
    if icon_button(ui, Icon::ToStart, "To start", "To the start (Home)", None).clicked() {
        transport.seek(timeline.start(), timeline);
    }
    let back = format!("Back by {step} (,)");
    if icon_button(ui, Icon::StepBack, "Step back", &back, None).clicked() {
        transport.step_back(timeline);
    }
    let (icon, name) = if transport.playing {
        (Icon::Pause, "Pause")
    } else {
        (Icon::Play, "Play")
    };
    if icon_button(ui, icon, name, &format!("{name} (Space)"), None).clicked() {
        transport.toggle(timeline);
    }
    let forward = format!("Forward by {step} (.)");
    if icon_button(ui, Icon::StepForward, "Step forward", &forward, None).clicked() {
        transport.step_forward(timeline);
    }
    if icon_button(ui, Icon::ToEnd, "To end", "To the end (End)", None).clicked() {
        transport.seek(timeline.end(), timeline);
    }
    let looping = transport.looping;
    if icon_button(
        ui,
        Icon::Loop,
        "Loop",
        "Start again at the end (L)",
        Some(looping),
    )
    .clicked()
    {
        transport.looping = !looping;
    }
}

fn speed_words(speed: f64) -> String {
    if speed.is_finite() {
        format!("{speed} ×")
    } else {
        "max".to_owned()
    }
}

fn speed_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline) {
    let rate = format::quantity(natural_speed(timeline) * transport.speed, timeline.unit);
    let response = egui::ComboBox::from_id_salt("speed")
        .width(64.0)
        .selected_text(speed_words(transport.speed))
        .show_ui(ui, |ui| {
            for speed in SPEEDS {
                super::value_entry_ui(ui, &mut transport.speed, speed, &speed_words(speed));
            }
            super::value_entry_ui(
                ui,
                &mut transport.speed,
                f64::INFINITY,
                "as fast as possible",
            );
        })
        .response
        .on_hover_text(format!(
            "Speed: 1 s here is {rate} of {} ([ slower, ] faster)",
            timeline.axis
        ));
    response.accessible_name("Speed");
}

/// The scrub bar: drag or click seeks, arrows step, moments are marked.
fn scrub_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline, width: f32) {
    let height = ui.spacing().interact_size.y;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click_and_drag());
    let rail = Rect::from_center_size(rect.center(), vec2(width - 12.0, 4.0));
    let (start, end) = (timeline.start(), timeline.end());
    let span = (end - start).max(f64::MIN_POSITIVE);
    if let Some(pointer) = response.interact_pointer_pos() {
        let t = f64::from((pointer.x - rail.left()) / rail.width()).clamp(0.0, 1.0);
        transport.seek(snap(timeline, start + t * (end - start)), timeline);
    }
    if response.has_focus() {
        scrub_keys(ui, &response, transport, timeline);
    }
    describe_slider(ui, &response, transport, timeline);
    let x_of = |at: f64| rail.left() + ((at - start) / span).clamp(0.0, 1.0) as f32 * rail.width();
    paint_scrub(ui, &response, rail, x_of(transport.playhead));
    let marks = paint_moments(ui, rail, timeline, &x_of);
    let near = response
        .hover_pos()
        .and_then(|p| marks.iter().find(|(x, _)| (x - p.x).abs() < 4.0));
    if let Some((_, moment)) = near {
        let at = format::quantity(moment.at, timeline.unit);
        response.on_hover_text_at_pointer(format!("{} at {at}", moment.label));
    }
}

/// The step at or before a position: the playhead always stands on a state that existed.
fn snap(timeline: &Timeline, at: f64) -> f64 {
    timeline
        .steps
        .get(timeline.index_at(at))
        .copied()
        .unwrap_or(at)
}

fn scrub_keys(ui: &Ui, response: &Response, transport: &mut Transport, timeline: &Timeline) {
    // Otherwise egui moves the focus with the arrows.
    ui.memory_mut(|m| {
        m.set_focus_lock_filter(
            response.id,
            egui::EventFilter {
                horizontal_arrows: true,
                ..Default::default()
            },
        );
    });
    let (back, forward, home, last) = ui.input(|i| {
        (
            i.key_pressed(Key::ArrowLeft),
            i.key_pressed(Key::ArrowRight),
            i.key_pressed(Key::Home),
            i.key_pressed(Key::End),
        )
    });
    if back {
        transport.step_back(timeline);
    }
    if forward {
        transport.step_forward(timeline);
    }
    if home {
        transport.seek(timeline.start(), timeline);
    }
    if last {
        transport.seek(timeline.end(), timeline);
    }
}

/// Makes the bar a slider for assistive technology, which may also set its value.
fn describe_slider(ui: &Ui, response: &Response, transport: &mut Transport, timeline: &Timeline) {
    use egui::accesskit::{Action, ActionData};
    let value = transport.playhead;
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), value, timeline.axis));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(timeline.start());
        node.set_max_numeric_value(timeline.end());
        node.add_action(Action::SetValue);
        node.add_action(Action::Increment);
        node.add_action(Action::Decrement);
        node.set_value(position_words(timeline, value));
    });
    let requests: Vec<_> = ui.input(|i| {
        i.events
            .iter()
            .filter_map(|event| match event {
                Event::AccessKitActionRequest(request)
                    if request.target_node == response.id.accesskit_id() =>
                {
                    Some(request.clone())
                }
                _ => None,
            })
            .collect()
    });
    for request in requests {
        match (request.action, request.data) {
            (Action::Increment, _) => transport.step_forward(timeline),
            (Action::Decrement, _) => transport.step_back(timeline),
            (Action::SetValue, Some(ActionData::NumericValue(at))) => transport.seek(at, timeline),
            _ => {}
        }
    }
}

fn paint_scrub(ui: &Ui, response: &Response, rail: Rect, x: f32) {
    let palette = Palette::of(ui.ctx());
    let painter = ui.painter();
    let track = mix(palette.panel, palette.ink, 0.22);
    painter.rect_filled(rail, 2.0, track);
    painter.rect_filled(rail.with_max_x(x), 2.0, palette.accent);
    let knob = pos2(x, rail.center().y);
    let radius = if response.hovered() || response.dragged() {
        8.0
    } else {
        7.0
    };
    painter.circle(
        knob,
        radius,
        palette.background,
        Stroke::new(2.0, palette.accent),
    );
    if response.has_focus() {
        painter.rect_stroke(
            response.rect,
            f32::from(super::theme::ROUNDING),
            Stroke::new(2.0, palette.accent),
            egui::StrokeKind::Inside,
        );
    }
}

/// Marks of the moments: a tick above the rail, bad ones with a cross head.
fn paint_moments<'a>(
    ui: &Ui,
    rail: Rect,
    timeline: &'a Timeline,
    x_of: &impl Fn(f64) -> f32,
) -> Vec<(f32, &'a Moment)> {
    let palette = Palette::of(ui.ctx());
    let y = rail.top() - 3.0;
    timeline
        .moments
        .iter()
        .map(|moment| {
            let x = x_of(moment.at);
            let color = match moment.kind {
                MomentKind::Note => palette.accent,
                MomentKind::Bad => palette.bad,
                MomentKind::Phase => palette.muted,
            };
            paint_moment(ui, pos2(x, y), moment.kind, Stroke::new(1.5, color));
            (x, moment)
        })
        .collect()
}

fn paint_moment(ui: &Ui, at: Pos2, kind: MomentKind, stroke: Stroke) {
    let painter = ui.painter();
    match kind {
        MomentKind::Phase => {
            painter.line_segment([at, at - vec2(0.0, 6.0)], stroke);
        }
        MomentKind::Note => {
            painter.circle_filled(at - vec2(0.0, 3.0), 2.5, stroke.color);
        }
        MomentKind::Bad => {
            let c = at - vec2(0.0, 3.5);
            let d = Vec2::splat(2.5);
            painter.line_segment([c - d, c + d], stroke);
            painter.line_segment([c + vec2(-d.x, d.y), c + vec2(d.x, -d.y)], stroke);
        }
    }
}

fn position_words(timeline: &Timeline, at: f64) -> String {
    format!(
        "{} of {}",
        format::quantity(at, timeline.unit),
        format::quantity(timeline.end(), timeline.unit)
    )
}

/// The position as an editable number, its end and what a step is.
fn readout_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline) {
    let mut at = transport.playhead;
    // Steps closer than one apart are a share or a weight and need their decimals.
    let range = timeline.end() - timeline.start();
    let counted = timeline.unit.is_empty() && range + 1.0 >= timeline.steps.len() as f64;
    let drag = egui::DragValue::new(&mut at)
        .range(timeline.start()..=timeline.end())
        .speed(range / 500.0)
        .custom_formatter(move |v, _| {
            if counted {
                format!("{v:.0}")
            } else {
                format!("{v:.3}")
            }
        })
        .custom_parser(parse_number)
        .update_while_editing(false);
    let response = ui
        .add_sized([72.0, ui.spacing().interact_size.y], drag)
        .on_hover_text(format!(
            "{}: type a position, Enter goes there",
            timeline.axis
        ));
    let response = response.accessible_name(format!("Position, {}", timeline.axis));
    if response.changed() && at != transport.playhead {
        transport.seek(snap(timeline, at), timeline);
    }
    let end = if counted {
        format!("/ {:.0}", timeline.end())
    } else {
        format!("/ {:.3} {}", timeline.end(), timeline.unit)
    };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(end).small());
        let axis = RichText::new(timeline.axis).small().weak();
        ui.add(egui::Label::new(axis).truncate())
            .on_hover_text(format!(
                "{}: one step is {}",
                timeline.axis, timeline.step_name
            ));
    });
}

fn jump_ui(ui: &mut Ui, transport: &mut Transport, timeline: &Timeline) {
    if timeline.moments.is_empty() {
        return;
    }
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        let menu = super::menu_ui(ui, "Jump to", &mut |ui| {
            ui.set_min_width(220.0);
            egui::ScrollArea::vertical()
                .max_height(320.0)
                .show(ui, |ui| {
                    for moment in &timeline.moments {
                        let at = format::quantity(moment.at, timeline.unit);
                        let button =
                            egui::Button::new(&moment.label).right_text(RichText::new(at).weak());
                        if ui.add(button).clicked() {
                            transport.seek(moment.at, timeline);
                            ui.close();
                        }
                    }
                });
        });
        menu.on_hover_text("Moments worth a look (Shift , and Shift .)");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(steps: &[f64]) -> Timeline {
        Timeline {
            steps: steps.into(),
            axis: "simulated time",
            unit: "s",
            step_name: "1 event",
            moments: Vec::new(),
        }
    }

    #[test]
    fn a_run_of_any_length_plays_in_8_to_20_seconds() {
        for timeline in [
            Timeline::counted(3, "step", "1 step"),
            Timeline::counted(100, "step", "1 step"),
            Timeline::counted(1_000_000, "step", "1 step"),
            seconds(&[0.0, 1e-6]),
            seconds(&[5.0, 90_000.0]),
        ] {
            let mut transport = Transport {
                playing: true,
                ..Transport::default()
            };
            let mut time = 0.0;
            while transport.playing && time < 60.0 {
                transport.tick(0.02, &timeline);
                time += 0.02;
            }
            assert!((7.9..20.1).contains(&time), "{time} s");
            assert_eq!(transport.playhead, timeline.end());
        }
    }

    #[test]
    fn a_loop_goes_on_and_a_plain_run_stops() {
        let timeline = Timeline::counted(10, "step", "1 step");
        let mut transport = Transport {
            playing: true,
            looping: true,
            playhead: 9.5,
            ..Transport::default()
        };
        transport.tick(1.0, &timeline);
        assert!(
            transport.playing && transport.playhead < 1.0,
            "{transport:?}"
        );
        transport.looping = false;
        transport.tick(100.0, &timeline);
        assert!(
            !transport.playing && transport.playhead == 10.0,
            "{transport:?}"
        );
        transport.toggle(&timeline);
        assert!(
            transport.playing && transport.playhead == 0.0,
            "starts again"
        );
    }

    #[test]
    fn a_frozen_timeline_does_not_produce_nan() {
        let timeline = seconds(&[2.0]);
        let mut transport = Transport {
            playing: true,
            looping: true,
            ..Transport::default()
        };
        transport.tick(0.1, &timeline);
        assert_eq!(transport.playhead, 2.0);
        assert!(!transport.playing, "nothing to play");
    }

    #[test]
    fn scrubbing_snaps_to_steps() {
        assert_eq!(snap(&seconds(&[0.0, 0.5, 2.0]), 1.9), 0.5);
    }
}
