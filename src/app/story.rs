//! Guided stories: a few sentences beside a real lab, each with something to do.

use super::stories::STORIES;
use crate::core::Result;
use crate::labs::{LabKind, Shared};
use crate::ui::theme::{self, Palette};
use egui::{Align2, RichText, Window, vec2};
use serde_json::Value;

/// A story: two minutes with one lab.
pub(crate) struct Story {
    /// Key in links.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) lab: LabKind,
    pub(crate) steps: &'static [Step],
}

/// One step of a story.
pub(crate) struct Step {
    /// What there is to see.
    pub(crate) words: &'static str,
    /// What to do.
    pub(crate) ask: &'static str,
    /// The state the lab takes when the step begins; without one it stays as it is.
    pub(crate) open: Option<fn() -> Result<Shared>>,
    /// Whether it is done, by the snapshots when the step began and now.
    pub(crate) done: fn(&Value, &Value) -> bool,
}

impl PartialEq for Story {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// The story with this key.
pub(crate) fn story(id: &str) -> Option<&'static Story> {
    STORIES.iter().find(|s| s.id == id).copied()
}

/// The story of a lab.
pub(crate) fn story_of(lab: LabKind) -> Option<&'static Story> {
    STORIES.iter().find(|s| s.lab == lab).copied()
}

/// A story being told.
pub(crate) struct Telling {
    pub(crate) story: &'static Story,
    pub(crate) step: usize,
    /// The snapshot when the step began; taken once its runs are finished.
    start: Option<Value>,
    done: bool,
}

/// What was asked for in the story's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoryAction {
    /// Go to a step.
    Step(usize),
    /// Leave the story.
    Leave,
}

impl Telling {
    /// At a step of a story, the last one if there are not that many.
    pub(crate) fn new(story: &'static Story, step: usize) -> Self {
        Self {
            story,
            step: step.min(story.steps.len().saturating_sub(1)),
            start: None,
            done: false,
        }
    }

    fn current(&self) -> Option<&'static Step> {
        self.story.steps.get(self.step)
    }

    /// The state this step begins with, if it sets one.
    pub(crate) fn opening(&self) -> Option<Result<Shared>> {
        self.current()?.open.map(|open| open())
    }

    /// The state of the last step so far that sets one: where a link into the story begins.
    pub(crate) fn scene(&self) -> Option<Result<Shared>> {
        let told = self.story.steps.get(..=self.step)?;
        told.iter().rev().find_map(|s| s.open).map(|open| open())
    }

    /// The address of this step.
    pub(crate) fn hash(&self) -> String {
        format!("#story/{}/{}", self.story.id, self.step + 1)
    }

    /// Looks whether the step is done.
    pub(crate) fn watch(&mut self, snapshot: &Value, busy: bool) {
        match &self.start {
            None if !busy => self.start = Some(snapshot.clone()),
            Some(start) => self.done |= self.current().is_some_and(|s| (s.done)(start, snapshot)),
            None => {}
        }
    }

    /// The window beside the lab.
    pub(crate) fn ui(&self, ctx: &egui::Context) -> Option<StoryAction> {
        let palette = Palette::of(ctx);
        let step = self.current()?;
        let screen = ctx.content_rect();
        let narrow = screen.width() < 700.0;
        let width = if narrow { screen.width() - 32.0 } else { 300.0 };
        let offset = if narrow {
            vec2(0.0, -12.0)
        } else {
            vec2(-16.0, -72.0)
        };
        let anchor = if narrow {
            Align2::CENTER_BOTTOM
        } else {
            Align2::RIGHT_BOTTOM
        };
        let mut action = None;
        let frame = theme::card_frame(palette)
            .fill(palette.panel)
            .stroke(egui::Stroke::new(1.5, palette.accent));
        Window::new(self.story.title)
            .id(egui::Id::unique("story"))
            .title_bar(false)
            .resizable(false)
            .anchor(anchor, offset)
            .frame(frame)
            .show(ctx, |ui| {
                ui.set_width(width);
                crate::ui::heading(&ui.label(theme::strong(ui, self.story.title)), 2);
                let count = self.story.steps.len();
                let place = format!("{} of {count}", self.step + 1);
                ui.label(RichText::new(place).small().color(palette.muted));
                ui.add_space(4.0);
                crate::ui::live(&ui.label(step.words));
                ui.add_space(4.0);
                let (mark, color) = if self.done {
                    ("Done: ", palette.good)
                } else {
                    ("", palette.ink)
                };
                ui.label(theme::strong(ui, format!("{mark}{}", step.ask)).color(color));
                ui.add_space(4.0);
                ui.horizontal(|ui| {
                    if ui
                        .add_enabled(self.step > 0, egui::Button::new("Back"))
                        .clicked()
                    {
                        action = Some(StoryAction::Step(self.step - 1));
                    }
                    let last = self.step + 1 == count;
                    let words = match (last, self.done) {
                        (true, _) => "Finish",
                        (false, true) => "Next",
                        (false, false) => "Skip",
                    };
                    let mut button = egui::Button::new(words);
                    if self.done {
                        button = egui::Button::new(RichText::new(words).color(palette.background))
                            .fill(palette.accent);
                    }
                    if ui.add(button).clicked() {
                        action = Some(if last {
                            StoryAction::Leave
                        } else {
                            StoryAction::Step(self.step + 1)
                        });
                    }
                    if !last
                        && ui
                            .button("Leave")
                            .on_hover_text("Esc. The home page offers to go on.")
                            .clicked()
                    {
                        action = Some(StoryAction::Leave);
                    }
                });
            });
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_story_is_short_and_every_scene_runs() {
        let mut ids = BTreeSet::new();
        for story in STORIES {
            assert!(ids.insert(story.id), "{} twice", story.id);
            assert!((4..=7).contains(&story.steps.len()), "{}", story.id);
            assert!(story.steps[0].open.is_some(), "{} begins nowhere", story.id);
            for (i, step) in story.steps.iter().enumerate() {
                let words = step.words.split_whitespace().count();
                assert!(words <= 34, "{} step {}: {words} words", story.id, i + 1);
                let Some(open) = step.open else { continue };
                let shared = open().unwrap_or_else(|e| panic!("{} step {}: {e}", story.id, i + 1));
                assert_eq!(shared.lab(), story.lab, "{}", story.id);
                for setup in &shared.setups {
                    assert_eq!(setup.check(), Ok(()), "{} step {}", story.id, i + 1);
                }
            }
        }
    }
}
