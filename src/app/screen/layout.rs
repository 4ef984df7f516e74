//! Where things stand on a lab's screen, for wide, medium and narrow windows.

use super::{Asked, Env, LabScreen, Sheet, Side};
use crate::app::command::Command;
use crate::gpu::GpuLab;
use crate::labs::CompareMode;
use crate::ui::theme::Palette;
use crate::ui::{LabView, Stage, transport};
use egui::{CentralPanel, Frame, Margin, Panel, RichText, ScrollArea, Ui, vec2};

/// Below this width the panels become sheets under the picture.
const NARROW: f32 = 700.0;
/// Height of the transport there, with its margins.
const NARROW_TRANSPORT: f32 = 84.0;
/// Below this width the right panel is a drawer.
const MEDIUM: f32 = 1180.0;

/// Letters of the setups.
pub(super) const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

impl<L: LabView + GpuLab> LabScreen<L> {
    pub(super) fn layout_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>) -> Asked {
        let width = ui.available_width();
        let palette = Palette::of(ui.ctx());
        self.still = env.prefs.reduce_motion;
        let mut asked = Asked::new();
        if env.embedded {
            self.embedded_ui(ui, palette);
            return asked;
        }
        let panel = Frame::new()
            .fill(palette.panel)
            .inner_margin(Margin::symmetric(12, 8));
        Panel::top("lab header")
            .frame(panel)
            .show(ui, |ui| self.header_ui(ui, env, width < NARROW, &mut asked));
        if width < NARROW {
            self.narrow_ui(ui, env, palette);
            return asked;
        }
        Panel::bottom("transport").frame(panel).show(ui, |ui| {
            transport::transport_ui(ui, &mut self.transport, &self.timeline);
        });
        if !env.prefs.panels_hidden {
            Panel::left("parameters")
                .frame(panel)
                .resizable(true)
                .default_size(if width < MEDIUM { 248.0 } else { 280.0 })
                .size_range(220.0..=400.0)
                .show(ui, |ui| {
                    ScrollArea::vertical()
                        .auto_shrink(false)
                        .show(ui, |ui| self.parameters_ui(ui, env));
                });
            if width >= MEDIUM || self.side_open {
                // A comparison has more columns to show; both widths are remembered.
                let comparing = self.slots.len() > 1;
                Panel::right(("side", comparing))
                    .frame(panel)
                    .resizable(true)
                    .default_size(if comparing { 420.0 } else { 320.0 })
                    .size_range(260.0..=560.0)
                    .show(ui, |ui| self.side_ui(ui, env));
            }
        }
        CentralPanel::default()
            .frame(
                Frame::new()
                    .fill(palette.background)
                    .inner_margin(Margin::symmetric(12, 8)),
            )
            .show(ui, |ui| self.centre_ui(ui, palette));
        asked
    }

    /// Picture, transport, and a line that says what is shown and leads to the whole lab.
    fn embedded_ui(&mut self, ui: &mut Ui, palette: &'static Palette) {
        let panel = Frame::new()
            .fill(palette.panel)
            .inner_margin(Margin::symmetric(8, 4));
        Panel::bottom("transport").frame(panel).show(ui, |ui| {
            transport::transport_ui(ui, &mut self.transport, &self.timeline);
            ui.horizontal_wrapped(|ui| {
                let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
                let words = format!("{}: {}", L::INFO.title, labels.join(" against "));
                ui.label(RichText::new(words).small().color(palette.muted));
                let page = crate::platform::page_address();
                let page = page.split('?').next().unwrap_or_default();
                let address = format!("{page}{}", super::Screen::shared(self).to_hash());
                let link = RichText::new("Open in Schedlab").small();
                ui.add(egui::Hyperlink::from_label_and_url(link, address).open_in_new_tab(true))
                    .on_hover_text("The same setup with its parameters, in a new tab");
            });
        });
        let centre = Frame::new()
            .fill(palette.background)
            .inner_margin(Margin::symmetric(8, 6));
        CentralPanel::default()
            .frame(centre)
            .show(ui, |ui| self.pictures_ui(ui, palette));
    }

    fn centre_ui(&mut self, ui: &mut Ui, palette: &'static Palette) {
        self.headline_ui(ui, palette);
        if self.mode == CompareMode::Table && self.slots.len() > 1 {
            ScrollArea::both()
                .auto_shrink(false)
                .show(ui, |ui| self.results_ui(ui));
            return;
        }
        let height = ui.available_height();
        let charts = self.chart_count();
        let picture = if charts == 0 {
            height
        } else {
            (height * 0.62).max(200.0).min(height)
        };
        ui.allocate_ui(vec2(ui.available_width(), picture), |ui| {
            self.pictures_ui(ui, palette);
        });
        if charts > 0 {
            self.charts_ui(ui);
        }
    }

    /// The main picture of each setup: side by side, or the focused one alone.
    pub(super) fn pictures_ui(&mut self, ui: &mut Ui, palette: &'static Palette) {
        let rect = ui.available_rect_before_wrap();
        let shown: Vec<usize> = if self.mode == CompareMode::Overlay || rect.width() < 480.0 {
            vec![self.focus]
        } else {
            (0..self.slots.len()).collect()
        };
        let gap = 12.0;
        let columns = shown.len() as f32;
        let width = ((rect.width() - gap * (columns - 1.0)) / columns).max(40.0);
        for (column, &index) in shown.iter().enumerate() {
            let left = rect.left() + column as f32 * (width + gap);
            let cell =
                egui::Rect::from_min_size(egui::pos2(left, rect.top()), vec2(width, rect.height()));
            let mut child = ui.new_child(
                egui::UiBuilder::new()
                    .id_salt(("picture", index))
                    .max_rect(cell)
                    .layout(egui::Layout::top_down(egui::Align::Min)),
            );
            child.set_clip_rect(cell.expand(2.0).intersect(ui.clip_rect()));
            self.picture_ui(&mut child, index, shown.len(), palette);
        }
        ui.advance_cursor_after_rect(rect);
    }

    fn picture_ui(&mut self, ui: &mut Ui, index: usize, shown: usize, palette: &'static Palette) {
        if self.slots.len() > 1 {
            self.slot_caption_ui(ui, index, palette);
        }
        let slot = &mut self.slots[index];
        let stale = slot.is_stale() && slot.error.is_none();
        let preview = slot.is_preview;
        let progress = slot.progress();
        let Some(run) = &slot.run else {
            self.waiting_ui(ui, index);
            return;
        };
        let run = run.clone();
        let mut seek = None;
        let mut stage = Stage {
            playhead: self.transport.playhead,
            slot: index,
            slots: shown,
            hovered: &mut self.hovered,
            selected: &mut self.selected,
            seek: &mut seek,
            palette,
            reduce_motion: self.still,
        };
        let rect = ui.available_rect_before_wrap();
        if stale && !preview {
            ui.set_opacity(0.7);
        }
        L::picture_ui(&run, &mut slot.config, &mut self.view, &mut stage, ui);
        ui.set_opacity(1.0);
        if let Some(at) = seek {
            self.transport.playing = false;
            self.transport.playhead = at.clamp(self.timeline.start(), self.timeline.end());
        }
        if stale {
            let words = progress.map_or_else(
                || "Waiting for the new run".to_owned(),
                |p| format!("Computing {:.0} %", p * 100.0),
            );
            ui.painter().text(
                rect.right_top() + vec2(-8.0, 6.0),
                egui::Align2::RIGHT_TOP,
                words,
                egui::TextStyle::Small.resolve(ui.style()),
                palette.warning,
            );
        }
    }

    fn waiting_ui(&mut self, ui: &mut Ui, index: usize) {
        let slot = &mut self.slots[index];
        ui.centered_and_justified(|ui| {
            if let Some(error) = &slot.error {
                ui.label(RichText::new(error.to_string()).color(Palette::of(ui.ctx()).bad));
            } else {
                let progress = slot.progress().unwrap_or(0.0);
                ui.add(
                    egui::ProgressBar::new(progress as f32)
                        .desired_width(220.0)
                        .text(format!("Computing {:.0} %", progress * 100.0)),
                );
            }
        });
    }

    fn narrow_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>, palette: &'static Palette) {
        let margin = Frame::new()
            .fill(palette.background)
            .inner_margin(Margin::symmetric(8, 6));
        CentralPanel::default().frame(margin).show(ui, |ui| {
            let room = ui.available_height();
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let top = ui.cursor().top();
                self.headline_ui(ui, palette);
                // In a low window, one at 200 % zoom say, picture and transport still fit together.
                let left = room - (ui.cursor().top() - top) - NARROW_TRANSPORT;
                let height = ui.available_width().min(460.0).min(left.max(140.0));
                ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
                    self.pictures_ui(ui, palette);
                });
                transport::transport_ui(ui, &mut self.transport, &self.timeline);
                ui.separator();
                ui.horizontal_wrapped(|ui| {
                    for (sheet, name) in [
                        (Sheet::Charts, "Charts"),
                        (Sheet::Parameters, "Parameters"),
                        (Sheet::Results, "Results"),
                        (Sheet::Inspector, "Inspector"),
                        (Sheet::Sweep, "Sweep"),
                        (Sheet::Paper, "Paper"),
                    ] {
                        ui.selectable_value(&mut self.sheet, sheet, name);
                    }
                    if let Some((name, _)) = &self.extra {
                        ui.selectable_value(&mut self.sheet, Sheet::Extra, *name);
                    }
                });
                ui.separator();
                match self.sheet {
                    Sheet::Charts => self.charts_ui(ui),
                    Sheet::Parameters => self.parameters_ui(ui, env),
                    Sheet::Results => self.results_ui(ui),
                    Sheet::Inspector => self.inspector_ui(ui),
                    Sheet::Sweep => self.sweep_ui(ui),
                    Sheet::Extra => self.extra_ui(ui, env),
                    Sheet::Paper => self.paper_ui(ui, env),
                }
            });
        });
    }

    fn side_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>) {
        ui.horizontal(|ui| {
            for (side, name) in [
                (Side::Results, "Results"),
                (Side::Inspector, "Inspector"),
                (Side::Sweep, "Sweep"),
                (Side::Paper, "Paper"),
            ] {
                ui.selectable_value(&mut self.side, side, name);
            }
            if let Some((name, _)) = &self.extra {
                ui.selectable_value(&mut self.side, Side::Extra, *name);
            }
        });
        ui.separator();
        ScrollArea::both()
            .auto_shrink(false)
            .show(ui, |ui| match self.side {
                Side::Results => self.results_ui(ui),
                Side::Inspector => self.inspector_ui(ui),
                Side::Sweep => self.sweep_ui(ui),
                Side::Extra => self.extra_ui(ui, env),
                Side::Paper => self.paper_ui(ui, env),
            });
    }

    fn header_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>, narrow: bool, asked: &mut Asked) {
        ui.horizontal_wrapped(|ui| {
            if ui
                .button("Home")
                .on_hover_text(Command::Home.tooltip(ui.ctx()))
                .clicked()
            {
                asked.push(Command::Home);
            }
            crate::ui::heading(&ui.label(RichText::new(L::INFO.title).heading()), 1);
            self.start_menus_ui(ui);
            if ui
                .add_enabled(
                    self.slots.len() < crate::labs::MAX_SETUPS,
                    egui::Button::new("+ Compare"),
                )
                .on_hover_text(Command::Compare.tooltip(ui.ctx()))
                .clicked()
            {
                asked.push(Command::Compare);
            }
            if self.slots.len() > 1 {
                self.mode_ui(ui);
            }
            let state = HeaderState {
                narrow,
                product: L::PRODUCT.is_some(),
                can_redo: self.history.can_redo(),
                can_undo: self.history.can_undo(),
                side_open: self.side_open,
            };
            if narrow {
                header_buttons_ui(ui, env, state, asked);
            } else {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    header_buttons_ui(ui, env, state, asked);
                });
            }
        });
    }
}

/// What the buttons of the header show.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what buttons show, never read together"
)]
struct HeaderState {
    narrow: bool,
    /// Whether the lab makes a file of its own.
    product: bool,
    can_redo: bool,
    can_undo: bool,
    side_open: bool,
}

/// The same for every lab: one body, not one per type.
fn header_buttons_ui(ui: &mut Ui, env: &mut Env<'_>, state: HeaderState, asked: &mut Asked) {
    let width = ui.ctx().content_rect().width();
    crate::ui::menu_ui(ui, "More", &mut |ui| {
        for command in [
            Command::Share,
            Command::Undo,
            Command::Redo,
            Command::OpenFile,
            Command::Keep,
            Command::SaveSetup,
            Command::SaveTable,
            Command::SaveProduct,
            Command::NewSeed,
            Command::ManySeeds,
            Command::Sweep,
            Command::Reset,
            Command::Panels,
            Command::Theme,
            Command::Performance,
            Command::Palette,
            Command::Help,
        ] {
            if command == Command::SaveProduct && !state.product {
                continue;
            }
            let button =
                egui::Button::new(command.text()).shortcut_text(command.key_text(ui.ctx()));
            if ui.add(button).clicked() {
                asked.push(command);
                ui.close();
            }
        }
        ui.checkbox(&mut env.prefs.reduce_motion, "Reduce motion");
    });
    if state.narrow {
        return;
    }
    if ui
        .button("Share")
        .on_hover_text(Command::Share.tooltip(ui.ctx()))
        .clicked()
    {
        asked.push(Command::Share);
    }
    for (command, enabled) in [
        (Command::Redo, state.can_redo),
        (Command::Undo, state.can_undo),
    ] {
        if ui
            .add_enabled(enabled, egui::Button::new(command.text()))
            .on_hover_text(command.tooltip(ui.ctx()))
            .clicked()
        {
            asked.push(command);
        }
    }
    if width < MEDIUM && !env.prefs.panels_hidden {
        let words = if state.side_open {
            "Hide results"
        } else {
            "Results"
        };
        if ui
            .button(words)
            .on_hover_text(Command::Inspector.tooltip(ui.ctx()))
            .clicked()
        {
            asked.push(Command::Inspector);
        }
    }
}
