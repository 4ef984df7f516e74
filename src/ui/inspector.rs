//! The story of the selected thing, in every setup that knows it.

use super::table::{letter, swatch};
use super::theme::{self, Palette};
use crate::core::Story;
use egui::{RichText, Ui};

/// Shows the stories of one entity, setup by setup; `None` where a setup does not know it.
pub fn story_ui(ui: &mut Ui, stories: &[(usize, &str, Option<Story>)]) {
    let Some(title) = stories.iter().find_map(|(_, _, s)| s.as_ref()) else {
        ui.label(RichText::new("This is not part of any setup on screen.").weak());
        return;
    };
    ui.horizontal(|ui| {
        super::heading(&ui.label(theme::title(ui, &title.title)), 2);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let copy = ui.button("Copy").on_hover_text("Copy as JSON");
            if copy.clicked() {
                ui.ctx().copy_text(stories_json(stories));
            }
        });
    });
    let several = stories.len() > 1;
    if several {
        compare_ui(ui, stories);
    } else if let Some((_, _, Some(story))) = stories.first() {
        facts_ui(ui, story);
    }
    for (slot, label, story) in stories {
        why_ui(ui, several.then_some((*slot, *label)), story.as_ref());
    }
}

/// The stories as JSON: label and story of every setup.
pub fn stories_json(stories: &[(usize, &str, Option<Story>)]) -> String {
    let values: Vec<_> = stories
        .iter()
        .map(|(slot, label, story)| {
            serde_json::json!({
                "slot": letter(*slot).to_string(), "setup": label, "story": story,
            })
        })
        .collect();
    serde_json::to_string_pretty(&values).unwrap_or_default()
}

fn facts_ui(ui: &mut Ui, story: &Story) {
    egui::Grid::new("facts")
        .num_columns(2)
        .spacing([12.0, 4.0])
        .striped(true)
        .show(ui, |ui| {
            for fact in &story.facts {
                ui.label(RichText::new(&fact.name).weak());
                selectable(ui, &fact.value);
                ui.end_row();
            }
        });
}

/// Facts of several setups in columns, in the order of the first story that has them.
fn compare_ui(ui: &mut Ui, stories: &[(usize, &str, Option<Story>)]) {
    let palette = Palette::of(ui.ctx());
    let names = fact_names(stories);
    let width = ((ui.available_width() - 96.0) / stories.len() as f32 - 12.0).max(56.0);
    egui::Grid::new("facts of several")
        .spacing([12.0, 4.0])
        .striped(true)
        .show(ui, |ui| {
            ui.label("");
            for (slot, label, _) in stories {
                ui.horizontal(|ui| {
                    swatch(ui, palette.series_at(*slot));
                    ui.label(theme::strong(ui, letter(*slot).to_string()))
                        .on_hover_text(*label);
                });
            }
            ui.end_row();
            for name in names {
                ui.label(RichText::new(name).weak());
                for (_, _, story) in stories {
                    let value = story
                        .as_ref()
                        .and_then(|s| s.facts.iter().find(|f| f.name == name));
                    ui.vertical(|ui| {
                        ui.set_width(width);
                        selectable(ui, value.map_or(super::format::DASH, |f| &f.value));
                    });
                }
                ui.end_row();
            }
        });
}

/// Names of all facts, each once.
fn fact_names<'a>(stories: &'a [(usize, &str, Option<Story>)]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    let facts = stories
        .iter()
        .filter_map(|(_, _, s)| s.as_ref())
        .flat_map(|s| &s.facts);
    for fact in facts {
        if !names.contains(&fact.name.as_str()) {
            names.push(&fact.name);
        }
    }
    names
}

fn why_ui(ui: &mut Ui, setup: Option<(usize, &str)>, story: Option<&Story>) {
    let Some(story) = story.filter(|s| !s.why.is_empty()) else {
        return;
    };
    let palette = Palette::of(ui.ctx());
    ui.add_space(8.0);
    theme::card_frame(palette).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.horizontal(|ui| {
            super::heading(&ui.label(theme::strong(ui, "Why?")), 3);
            if let Some((slot, label)) = setup {
                swatch(ui, palette.series_at(slot));
                ui.label(RichText::new(label).small().weak());
            }
        });
        for reason in &story.why {
            selectable(ui, reason);
        }
    });
}

fn selectable(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(text).wrap().selectable(true));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Fact;

    #[test]
    fn facts_of_all_setups_are_listed_once() {
        let story = |names: &[&str]| {
            Some(Story {
                title: "Request 1".to_owned(),
                facts: names.iter().map(|n| Fact::new(*n, "1")).collect(),
                why: Vec::new(),
            })
        };
        let stories = [
            (0, "a", story(&["x", "y"])),
            (1, "b", story(&["y", "z"])),
            (2, "c", None),
        ];
        assert_eq!(fact_names(&stories), ["x", "y", "z"]);
        let json = stories_json(&stories);
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back[1]["story"]["facts"][1]["name"], "z");
        assert!(back[2]["story"].is_null(), "{json}");
    }
}
