//! The home page: five live labs, a few starting points, every system, the user's own files.

use super::command::Command;
use super::kept::{Shelf, ShelfAction};
use super::prefs::Prefs;
use super::screen::Env;
use super::stories::STORIES;
use super::story::{Story, story};
use crate::core::{Job, Step};
use crate::gpu::GpuLab;
use crate::labs::{
    Basis, Exhibit, Lab, LabKind, Library, Shared, exhibits, lr, noise, pruning, routing, serving,
    stored_claim,
};
use crate::ui::LabView;
use crate::ui::card::{self, ClaimState};
use crate::ui::theme::Palette;
use egui::{Frame, Margin, RichText, ScrollArea, Sense, Ui, vec2};

/// What was clicked on the home page.
pub(crate) enum HomeAction {
    /// Open a lab as it was left.
    Lab(LabKind),
    /// Open an exhibit.
    Exhibit(&'static Exhibit),
    /// Open a comparison.
    Shared(fn() -> Shared),
    /// Go to a step of a story.
    Story(&'static Story, usize),
    /// Something with the setups kept under a name.
    Kept(ShelfAction),
    /// Anything else.
    Command(Command),
}

/// Frames a second of the miniatures.
const MINIATURE_FPS: f64 = 10.0;
/// Seconds for one round of a miniature.
const ROUND_SECS: f64 = 8.0;

/// A lab's live picture on its tile: the lab's first preset, really run.
enum Tile<L: Lab> {
    /// Not begun.
    Waiting,
    Computing(Box<dyn Job<Out = L::Run>>),
    Done(L::Run),
    Failed,
}

impl<L: LabView + GpuLab> Tile<L> {
    /// A step of the work; `false` when there is no more of it.
    fn step(&mut self) -> bool {
        let outcome = match self {
            Self::Waiting => {
                let config = L::presets()
                    .first()
                    .map_or_else(L::Config::default, |p| (p.config)());
                L::start(&config, &Library::default()).map(Self::Computing)
            }
            Self::Computing(job) => match job.step() {
                Ok(Step::Working) => return true,
                Ok(Step::Done(run)) => Ok(Self::Done(run)),
                Err(error) => Err(error),
            },
            Self::Done(_) | Self::Failed => return false,
        };
        *self = outcome.unwrap_or_else(|error| {
            log::warn!("the {} miniature failed: {error}", L::KIND.id());
            Self::Failed
        });
        matches!(self, Self::Computing(_))
    }

    fn ui(&self, phase: f64, palette: &Palette, ui: &mut Ui) {
        match self {
            Self::Done(run) => L::miniature_ui(run, phase, palette, ui),
            Self::Waiting | Self::Computing(_) => {
                ui.centered_and_justified(|ui| ui.label(RichText::new("Computing…").small()));
            }
            Self::Failed => {
                ui.centered_and_justified(|ui| ui.label(RichText::new("No picture").small()));
            }
        }
    }
}

/// The home page.
pub(crate) struct Home {
    serving: Tile<serving::Serving>,
    lr: Tile<lr::Lr>,
    noise: Tile<noise::Noise>,
    routing: Tile<routing::Routing>,
    pruning: Tile<pruning::Pruning>,
    search: String,
    lab_filter: Option<LabKind>,
    clock: f64,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            serving: Tile::Waiting,
            lr: Tile::Waiting,
            noise: Tile::Waiting,
            routing: Tile::Waiting,
            pruning: Tile::Waiting,
            search: String::new(),
            lab_filter: None,
            clock: 0.0,
        }
    }

    /// Computes the miniatures, one after the other, until `more` says stop.
    pub(crate) fn work(&mut self, mut more: impl FnMut() -> bool) -> bool {
        loop {
            let busy = self.serving.step()
                || self.noise.step()
                || self.routing.step()
                || self.lr.step()
                || self.pruning.step();
            if !busy {
                return false;
            }
            if !more() {
                return true;
            }
        }
    }

    pub(crate) fn ui(
        &mut self,
        ui: &mut Ui,
        env: &mut Env<'_>,
        shelf: &mut Shelf,
    ) -> Option<HomeAction> {
        let palette = Palette::of(ui.ctx());
        let mut action = None;
        if !env.prefs.reduce_motion {
            self.clock += f64::from(ui.input(|i| i.stable_dt).min(0.2));
            ui.ctx()
                .request_repaint_after(std::time::Duration::from_secs_f64(1.0 / MINIATURE_FPS));
        }
        let frame = Frame::new()
            .fill(palette.background)
            .inner_margin(Margin::symmetric(20, 16));
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = ui.available_width().min(1360.0);
                let indent = ((ui.available_width() - width) / 2.0).max(0.0);
                ui.horizontal_top(|ui| {
                    ui.add_space(indent);
                    ui.vertical(|ui| {
                        ui.set_width(width);
                        self.page_ui(ui, env, shelf, &mut action);
                    });
                });
            });
        });
        action
    }

    fn page_ui(
        &mut self,
        ui: &mut Ui,
        env: &mut Env<'_>,
        shelf: &mut Shelf,
        action: &mut Option<HomeAction>,
    ) {
        let palette = Palette::of(ui.ctx());
        let narrow = ui.available_width() < 520.0;
        ui.horizontal(|ui| {
            crate::ui::heading(&ui.label(RichText::new("Schedlab").size(30.0).strong()), 1);
            if !narrow {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    header_buttons_ui(ui, action);
                });
            }
        });
        if narrow {
            ui.horizontal(|ui| header_buttons_ui(ui, action));
        }
        ui.label(
            RichText::new(
                "See how machine-learning systems decide what comes next: who is served, how fast \
                 to learn, how much noise, which expert, which weights.",
            )
            .size(16.0)
            .color(palette.muted),
        );
        ui.add_space(12.0);
        self.tiles_ui(ui, palette, action);
        ui.add_space(16.0);
        Self::own_data_ui(ui, palette, action);
        Self::continue_ui(ui, env.prefs, action);
        if let Some(asked) = shelf.ui(ui) {
            *action = Some(HomeAction::Kept(asked));
        }
        ui.add_space(8.0);
        crate::ui::heading(&ui.label(RichText::new("Start here").heading()), 2);
        ui.horizontal_wrapped(|ui| {
            if ui
                .button("Serving: why decode stalls, vLLM against Sarathi")
                .on_hover_text("The same requests under both schedulers, side by side")
                .clicked()
            {
                *action = Some(HomeAction::Shared(decode_stall));
            }
            for kind in LabKind::ALL {
                if let Some(exhibit) = exhibits().find(|e| e.lab == kind)
                    && ui
                        .button(format!("{}: {}", info(kind).title, exhibit.title))
                        .on_hover_text(exhibit.idea)
                        .clicked()
                {
                    *action = Some(HomeAction::Exhibit(exhibit));
                }
            }
        });
        Self::stories_ui(ui, env.prefs, action);
        ui.add_space(12.0);
        self.gallery_ui(ui, env, palette, action);
    }

    fn tiles_ui(&mut self, ui: &mut Ui, palette: &Palette, action: &mut Option<HomeAction>) {
        let width = ui.available_width();
        let columns = ((width / 250.0) as usize).clamp(1, 5);
        let gap = 12.0;
        let tile = vec2(
            (width - gap * (columns as f32 - 1.0)) / columns as f32,
            236.0,
        );
        let phase = (self.clock / ROUND_SECS).fract();
        egui::Grid::new("tiles")
            .num_columns(columns)
            .spacing(vec2(gap, gap))
            .show(ui, |ui| {
                for (i, kind) in LabKind::ALL.into_iter().enumerate() {
                    if self.tile_ui(ui, kind, tile, phase, palette) {
                        *action = Some(HomeAction::Lab(kind));
                    }
                    if (i + 1) % columns == 0 {
                        ui.end_row();
                    }
                }
            });
    }

    fn tile_ui(
        &self,
        ui: &mut Ui,
        kind: LabKind,
        size: egui::Vec2,
        phase: f64,
        palette: &Palette,
    ) -> bool {
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let info = info(kind);
        let systems = exhibits().filter(|e| e.lab == kind).count();
        response.widget_info(|| {
            egui::WidgetInfo::labeled(
                egui::Role::Button,
                true,
                format!("{} lab: {} {systems} systems", info.title, info.question),
            )
        });
        let stroke = if response.hovered() || response.has_focus() {
            egui::Stroke::new(2.0, palette.accent)
        } else {
            egui::Stroke::new(1.0, palette.grid)
        };
        ui.painter()
            .rect(rect, 8.0, palette.panel, stroke, egui::StrokeKind::Inside);
        let inner = rect.shrink(12.0);
        let mut child = ui.new_child(
            egui::UiBuilder::new()
                .id_salt(kind.id())
                .max_rect(inner)
                .layout(egui::Layout::top_down(egui::Align::Min)),
        );
        child.set_clip_rect(inner.intersect(ui.clip_rect()));
        let title = egui::Label::new(RichText::new(info.title).heading()).selectable(false);
        crate::ui::heading(&child.add(title), 2);
        child.add(
            egui::Label::new(RichText::new(info.question).color(palette.muted)).selectable(false),
        );
        let left = child.available_rect_before_wrap();
        let picture =
            egui::Rect::from_min_max(left.min + vec2(0.0, 4.0), left.max - vec2(0.0, 22.0));
        if ui.is_rect_visible(picture) {
            let mut canvas = ui.new_child(
                egui::UiBuilder::new()
                    .id_salt((kind.id(), "miniature"))
                    .max_rect(picture)
                    .layout(egui::Layout::top_down(egui::Align::Min))
                    .sense(Sense::hover()),
            );
            canvas.set_clip_rect(picture.intersect(ui.clip_rect()));
            match kind {
                LabKind::Serving => self.serving.ui(phase, palette, &mut canvas),
                LabKind::Lr => self.lr.ui(phase, palette, &mut canvas),
                LabKind::Noise => self.noise.ui(phase, palette, &mut canvas),
                LabKind::Routing => self.routing.ui(phase, palette, &mut canvas),
                LabKind::Pruning => self.pruning.ui(phase, palette, &mut canvas),
            }
        }
        ui.painter().text(
            inner.left_bottom(),
            egui::Align2::LEFT_BOTTOM,
            format!("{systems} systems"),
            egui::TextStyle::Small.resolve(ui.style()),
            palette.muted,
        );
        response.clicked()
    }

    fn own_data_ui(ui: &mut Ui, palette: &Palette, action: &mut Option<HomeAction>) {
        Frame::new()
            .stroke(egui::Stroke::new(1.0, palette.grid))
            .corner_radius(8)
            .inner_margin(12)
            .show(ui, |ui| {
                ui.horizontal_wrapped(|ui| {
                    crate::ui::heading(&ui.label(RichText::new("Bring your own").heading()), 2);
                    if ui.button("Open a file…").clicked() {
                        *action = Some(HomeAction::Command(Command::OpenFile));
                    }
                    ui.label(
                        "or drop it anywhere: a request trace, a loss log, router logits or a \
                         checkpoint (CSV, JSONL, npy, npz, safetensors). It stays on this machine; \
                         nothing is uploaded.",
                    );
                });
            });
    }

    fn continue_ui(ui: &mut Ui, prefs: &Prefs, action: &mut Option<HomeAction>) {
        if prefs.recent.is_empty() {
            return;
        }
        ui.add_space(8.0);
        crate::ui::heading(&ui.label(RichText::new("Continue").heading()), 2);
        ui.horizontal_wrapped(|ui| {
            for kind in prefs.recent.iter().take(3) {
                let label = prefs.last.get(kind).map_or_else(String::new, |shared| {
                    shared
                        .setups
                        .iter()
                        .map(crate::labs::Setup::label)
                        .collect::<Vec<_>>()
                        .join(" against ")
                });
                if ui
                    .button(format!("{}: {label}", info(*kind).title))
                    .clicked()
                {
                    *action = Some(HomeAction::Lab(*kind));
                }
            }
        });
    }

    fn stories_ui(ui: &mut Ui, prefs: &Prefs, action: &mut Option<HomeAction>) {
        ui.add_space(8.0);
        crate::ui::heading(
            &ui.label(RichText::new("Stories, two minutes each").heading()),
            2,
        );
        ui.horizontal_wrapped(|ui| {
            if let Some((id, step)) = &prefs.story
                && let Some(story) = story(id)
                && *step > 0
                && ui
                    .button(format!("Go on: {}", story.title))
                    .on_hover_text(format!("At step {}", step + 1))
                    .clicked()
            {
                *action = Some(HomeAction::Story(story, *step));
            }
            for story in STORIES {
                if ui.button(story.title).clicked() {
                    *action = Some(HomeAction::Story(story, 0));
                }
            }
        });
    }

    fn gallery_ui(
        &mut self,
        ui: &mut Ui,
        env: &Env<'_>,
        palette: &Palette,
        action: &mut Option<HomeAction>,
    ) {
        crate::ui::heading(&ui.label(RichText::new("All systems").heading()), 2);
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Search");
            ui.add(
                egui::TextEdit::singleline(&mut self.search)
                    .hint_text("name, author, idea")
                    .desired_width(200.0),
            )
            .labelled_by(label.id);
            ui.selectable_value(&mut self.lab_filter, None, "All labs");
            for kind in LabKind::ALL {
                ui.selectable_value(&mut self.lab_filter, Some(kind), info(kind).title);
            }
        });
        ui.add_space(4.0);
        let needle = self.search.to_lowercase();
        let found: Vec<&'static Exhibit> = exhibits()
            .filter(|e| self.lab_filter.is_none_or(|kind| e.lab == kind))
            .filter(|e| {
                needle.is_empty()
                    || [
                        e.title,
                        e.idea,
                        e.paper.title,
                        e.paper.authors,
                        e.paper.arxiv,
                    ]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&needle))
            })
            .collect();
        if found.is_empty() {
            ui.label("Nothing matches.");
            if ui.button("Show all").clicked() {
                self.search.clear();
                self.lab_filter = None;
            }
            return;
        }
        let columns = ((ui.available_width() / 330.0) as usize).clamp(1, 4);
        let width = (ui.available_width() - 12.0 * (columns as f32 - 1.0)) / columns as f32;
        egui::Grid::new("gallery")
            .num_columns(columns)
            .spacing(vec2(12.0, 12.0))
            .show(ui, |ui| {
                for (i, exhibit) in found.into_iter().enumerate() {
                    if exhibit_tile_ui(ui, exhibit, width, env.claims.state(exhibit), palette) {
                        *action = Some(HomeAction::Exhibit(exhibit));
                    }
                    if (i + 1) % columns == 0 {
                        ui.end_row();
                    }
                }
            });
    }
}

fn header_buttons_ui(ui: &mut Ui, action: &mut Option<HomeAction>) {
    for (command, words) in [
        (Command::Theme, "Theme"),
        (Command::Help, "Keyboard"),
        (Command::Palette, "Commands"),
        (Command::Claims, "Claims"),
    ] {
        if ui
            .button(words)
            .on_hover_text(command.tooltip(ui.ctx()))
            .clicked()
        {
            *action = Some(HomeAction::Command(command));
        }
    }
}

fn exhibit_tile_ui(
    ui: &mut Ui,
    exhibit: &Exhibit,
    width: f32,
    claim: Option<&ClaimState>,
    palette: &Palette,
) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 132.0), Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            egui::Role::Button,
            true,
            format!("{}: {}", exhibit.title, exhibit.idea),
        )
    });
    // Hundreds of tiles, of which a screen shows a dozen.
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let stroke = if response.hovered() || response.has_focus() {
        egui::Stroke::new(2.0, palette.accent)
    } else {
        egui::Stroke::new(1.0, palette.grid)
    };
    ui.painter().rect(
        rect,
        6.0,
        palette.background,
        stroke,
        egui::StrokeKind::Inside,
    );
    let mut child = ui.new_child(
        egui::UiBuilder::new()
            .id_salt(exhibit.id)
            .max_rect(rect.shrink(10.0))
            .layout(egui::Layout::top_down(egui::Align::Min)),
    );
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    let label = |ui: &mut Ui, text: RichText| {
        ui.add(egui::Label::new(text).selectable(false));
    };
    label(&mut child, RichText::new(exhibit.title).strong());
    let mut meta = format!("{} · {}", info(exhibit.lab).title, exhibit.paper.year);
    if exhibit.basis == Basis::AbstractOnly {
        meta.push_str(" · from the abstract only");
    }
    let verdict = match claim {
        Some(ClaimState::Done(result)) => Some(result.verdict),
        _ => stored_claim(exhibit.id).map(|stored| stored.result.verdict),
    };
    child.horizontal(|ui| {
        label(ui, RichText::new(meta).small().color(palette.muted));
        if let Some(verdict) = verdict {
            let color = card::verdict_color(verdict, palette);
            label(ui, RichText::new(verdict.words()).small().color(color));
        }
    });
    label(&mut child, RichText::new(exhibit.idea));
    response.clicked()
}

/// The same requests under vLLM and under Sarathi-Serve.
fn decode_stall() -> Shared {
    let vllm = serving::Config {
        scheduler: serving::Scheduler::Vllm,
        ..(serving::Serving::presets()[0].config)()
    };
    let sarathi = serving::Config {
        scheduler: serving::Scheduler::Sarathi,
        ..vllm.clone()
    };
    let mut shared = Shared::single(vllm.into());
    shared.setups.push(sarathi.into());
    shared
}

/// Words about a lab.
pub(crate) fn info(kind: LabKind) -> crate::labs::LabInfo {
    match kind {
        LabKind::Serving => serving::Serving::INFO,
        LabKind::Lr => lr::Lr::INFO,
        LabKind::Noise => noise::Noise::INFO,
        LabKind::Routing => routing::Routing::INFO,
        LabKind::Pruning => pruning::Pruning::INFO,
    }
}
