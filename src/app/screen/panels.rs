//! The panels around the picture: starting points, parameters, headline, charts, results,
//! inspector, paper card. The same in every lab: here is what each asks of its lab.

use super::layout::LETTERS;
use super::parts::{self, Apart, Captioned, Charted, Start};
use super::{Env, LabScreen};
use crate::app::seeds::SeedBatch;
use crate::core::Metric;
use crate::gpu::GpuLab;
use crate::labs::{CompareMode, LabRun};
use crate::ui::chart::Link;
use crate::ui::theme::Palette;
use crate::ui::{LabView, card, inspector, params, table};
use egui::{RichText, Ui};

impl<L: LabView + GpuLab> LabScreen<L> {
    /// Presets and systems: where to start from.
    pub(super) fn start_menus_ui(&mut self, ui: &mut Ui) {
        let config = &self.slots[self.focus].config;
        let presets = || {
            let active = |i: usize| *config == (L::presets()[i].config)();
            let all = L::presets().iter().enumerate();
            all.map(|(i, preset)| Start {
                name: format!("{}  {}", i + 1, preset.name),
                doc: preset.doc,
                active: active(i),
            })
            .collect()
        };
        let hint = "Setups in which something can be seen";
        let preset = parts::starts_ui(ui, ("preset", hint), ("Presets", 90.0), &presets)
            .and_then(|place| L::presets().get(place))
            .map(|preset| (preset.config)());
        let current = L::exhibit(config);
        let systems = || {
            let all = L::exhibits().iter();
            all.map(|exhibit| Start {
                name: exhibit.title.to_owned(),
                doc: exhibit.idea,
                active: current.is_some_and(|c| c.id == exhibit.id),
            })
            .collect()
        };
        let title = current.map_or("Systems", |e| e.title);
        let hint = "Published systems in this lab";
        let system = parts::starts_ui(ui, ("system", hint), (title, 150.0), &systems)
            .and_then(|place| L::exhibits().get(place))
            .and_then(|exhibit| L::Config::try_from((exhibit.setup)()).ok());
        if let Some(config) = system.or(preset) {
            self.start_from(&config);
        }
    }

    pub(super) fn mode_ui(&mut self, ui: &mut Ui) {
        parts::mode_ui(ui, &mut self.mode);
    }

    /// The letter, colour and name of a setup, above its picture.
    pub(super) fn slot_caption_ui(&mut self, ui: &mut Ui, index: usize, palette: &Palette) {
        let label = L::label(&self.slots[index].config);
        match parts::caption_ui(ui, index, &label, self.focus == index, palette) {
            Some(Captioned::Focus) => self.focus = index,
            Some(Captioned::Remove) => self.remove_setup(index),
            None => {}
        }
    }

    /// The parameters of the focused setup.
    pub(super) fn parameters_ui(&mut self, ui: &mut Ui, _env: &mut Env<'_>) {
        parts::focus_ui(ui, &mut self.focus, self.slots.len());
        let slot = &mut self.slots[self.focus];
        params::params_ui(
            ui,
            L::params(),
            &mut slot.config,
            &slot.base,
            slot.error.as_ref(),
        );
        let loose = slot.error.as_ref().filter(|e| {
            e.field()
                .is_none_or(|f| L::params().iter().all(|p| p.id != f))
        });
        if let Some(error) = loose {
            let palette = Palette::of(ui.ctx());
            ui.label(RichText::new(error.to_string()).color(palette.bad));
        }
        ui.add_space(8.0);
        if let Some(seed) = parts::seed_ui(ui, L::seed(&slot.config)) {
            for slot in &mut self.slots {
                L::set_seed(&mut slot.config, seed);
            }
            self.seeds = None;
        }
        let slot = &mut self.slots[self.focus];
        if let Some(progress) = slot.progress()
            && parts::computing_ui(ui, progress)
        {
            slot.cancel();
        }
    }

    /// The most important numbers, large.
    pub(super) fn headline_ui(&mut self, ui: &mut Ui, palette: &Palette) {
        let slots: Vec<&[Metric]> = self.slots.iter().map(|s| &s.metrics[..]).collect();
        parts::headline_ui(ui, &slots, palette);
    }

    pub(super) fn chart_count(&self) -> usize {
        let run = self.slots.iter().find_map(|s| s.run.as_ref());
        run.map_or(0, |run| run.charts().len())
    }

    /// The linked charts: as many side by side as fit, the others a click away.
    pub(super) fn charts_ui(&mut self, ui: &mut Ui) {
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let runs: Vec<Charted<'_>> = self
            .slots
            .iter()
            .zip(&labels)
            .enumerate()
            .filter_map(|(slot, (s, label))| {
                Some(Charted {
                    slot,
                    label,
                    charts: s.run.as_ref()?.charts(),
                })
            })
            .collect();
        let mut link = Link {
            playhead: self.transport.playhead,
            cursor: self.cursor,
            seek: None,
            picked: None,
            hovered: self.hovered,
            selected: self.selected,
        };
        let difference = self.mode == CompareMode::Difference && runs.len() > 1;
        parts::charts_ui(ui, &runs, &mut self.hidden_charts, &mut link, difference);
        if (link.cursor, link.hovered) != (self.cursor, self.hovered) {
            // The views drawn before this one show it in the next frame.
            ui.ctx().request_repaint();
        }
        self.cursor = link.cursor;
        self.hovered = link.hovered;
        self.selected = link.selected;
        if let Some(at) = link.seek {
            self.transport.playing = false;
            self.transport.playhead = at.clamp(self.timeline.start(), self.timeline.end());
        }
    }

    /// The metrics of every setup, what differs, and the many-seeds table.
    pub(super) fn results_ui(&mut self, ui: &mut Ui) {
        for (letter, slot) in LETTERS.iter().zip(&self.slots).skip(1) {
            parts::apart_ui(ui, letter, &self.apart(&slot.config));
        }
        let columns: Vec<_> = LETTERS
            .iter()
            .zip(&self.slots)
            .map(|(label, slot)| table::Column {
                label,
                metrics: &slot.metrics,
            })
            .collect();
        table::metrics_ui(ui, &columns);
        if let Some(run) = &self.slots[self.focus].run {
            L::results_ui(run, self.focus, ui);
        }
        ui.add_space(8.0);
        match &self.seeds {
            None => {
                if parts::offer_seeds_ui(ui) {
                    self.seeds = Some(SeedBatch::new(self.configs()));
                }
            }
            Some(batch) => {
                if parts::seeds_ui(ui, batch.progress(), &batch.rows()) {
                    self.seeds = None;
                }
            }
        }
        if let Some(run) = &self.slots[self.focus].run {
            let letter = LETTERS.get(self.focus).copied().unwrap_or("A");
            let files = run.files();
            if let Some(place) = parts::files_ui(ui, letter, files)
                && let Some((_, name)) = files.get(place)
            {
                crate::platform::save_file(name, &run.file(place));
            }
        }
    }

    /// What sets a setup apart from the first.
    fn apart(&self, config: &L::Config) -> Apart {
        let a = &self.slots[0].config;
        let lines = L::params()
            .iter()
            .filter(|p| p.is_active(a) || p.is_active(config))
            .map(|p| (p.label, [p.text(a), p.text(config)]))
            .filter(|(_, [a, b])| a != b)
            .collect();
        Apart {
            lines,
            same_seed: L::seed(a) == L::seed(config),
        }
    }

    /// The lab's own tab.
    pub(super) fn extra_ui(&mut self, ui: &mut Ui, env: &Env<'_>) {
        let configs = self.configs();
        if let Some((_, extra)) = &mut self.extra {
            extra.ui(&configs, env.data, ui);
            if let Some(config) = extra.chosen(&self.slots[self.focus].config) {
                self.slots[self.focus].config = config;
            }
        }
    }

    /// The pinned entity in every setup, or what could be pinned.
    pub(super) fn inspector_ui(&mut self, ui: &mut Ui) {
        let Some(entity) = self.selected else {
            let notable = self
                .slots
                .iter()
                .find_map(|s| s.run.as_ref())
                .map(LabRun::notable)
                .unwrap_or_default();
            self.selected = parts::notable_ui(ui, L::INFO.entity, &notable);
            return;
        };
        let playhead = self.transport.playhead;
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let stories: Vec<_> = self
            .slots
            .iter()
            .enumerate()
            .map(|(i, slot)| {
                let story = slot.run.as_ref().and_then(|r| r.story(entity, playhead));
                (i, labels[i].as_str(), story)
            })
            .collect();
        inspector::story_ui(ui, &stories);
        if ui.button("Unpin").on_hover_text("Esc").clicked() {
            self.selected = None;
        }
    }

    /// The card of the focused setup's system.
    pub(super) fn paper_ui(&mut self, ui: &mut Ui, env: &mut Env<'_>) {
        let Some(exhibit) = L::exhibit(&self.slots[self.focus].config) else {
            ui.label("This setup is not a published system. Choose one under Systems.");
            return;
        };
        let action = card::card_ui(ui, exhibit, env.claims.state(exhibit));
        match action {
            Some(card::CardAction::Open) => {
                if let Ok(config) = L::Config::try_from((exhibit.setup)()) {
                    self.start_from(&config);
                }
            }
            Some(card::CardAction::CheckClaim) => env.claims.start(exhibit),
            Some(card::CardAction::CancelClaim) => env.claims.cancel(),
            None => {}
        }
    }
}
