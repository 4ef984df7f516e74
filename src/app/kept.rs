//! Setups kept under a name, in the browser's storage or the program's folder, and as one file.
//!
//! A setup is kept as its link: one that a later version cannot read any more is still there, and
//! opening it says what is wrong.

use crate::core::{Error, Result};
use crate::labs::Shared;
use crate::ui::theme::Palette;
use egui::{Align2, Key, RichText, Ui, Window, vec2};
use serde::{Deserialize, Serialize};

/// Most bytes of all names and links together: browsers give a page about 5 MB, shared with others.
const MOST_BYTES: usize = 1 << 20;
/// Longest name in characters.
const LONGEST_NAME: usize = 80;
/// The file's mark and form.
const FORMAT: &str = "schedlab-kept-1";

/// A link under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    name: String,
    link: String,
}

/// The setups kept, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shelf {
    kept: Vec<Kept>,
    /// The name being typed for the setup on screen.
    #[serde(skip)]
    naming: Option<(String, String)>,
}

/// What a click on the shelf asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShelfAction {
    /// Go to this link.
    Open(String),
    /// Save all as a file.
    SaveAll,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    kept: Vec<Kept>,
}

impl Shelf {
    /// Keeps a link under a name, in place of what had that name. Returns whether something had.
    ///
    /// # Errors
    /// Without a name, with one that is too long, or when the shelf is full; nothing changes then.
    pub(crate) fn keep(&mut self, name: &str, link: &str) -> Result<bool> {
        let name = name.trim();
        let length = name.chars().count();
        if length == 0 || length > LONGEST_NAME {
            return Err(Error::out_of_range(
                "length of the name",
                length,
                format!("1 to {LONGEST_NAME} characters"),
            ));
        }
        let others = self.kept.iter().filter(|k| k.name != name);
        let bytes: usize = others.map(|k| k.name.len() + k.link.len()).sum();
        if bytes + name.len() + link.len() > MOST_BYTES {
            return Err(Error::Unsupported(format!(
                "keeping more than {MOST_BYTES} bytes of setups here (save all as a file and remove some)"
            )));
        }
        let before = self.kept.len();
        self.kept.retain(|k| k.name != name);
        let replaced = self.kept.len() < before;
        self.kept.insert(
            0,
            Kept {
                name: name.to_owned(),
                link: link.to_owned(),
            },
        );
        Ok(replaced)
    }

    /// All setups as one file.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(&File {
            format: FORMAT.to_owned(),
            kept: self.kept.clone(),
        })
        .unwrap_or_default()
    }

    /// Whether a JSON text is such a file.
    pub(crate) fn is_file(text: &str) -> bool {
        serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|value| value.get("format").and_then(|f| f.as_str()) == Some(FORMAT))
    }

    /// Adds what a file holds; a name that is taken gets a number. Returns how many were added:
    /// what is here already, link and name, is left as it is.
    ///
    /// # Errors
    /// What is wrong with the file; nothing changes then.
    pub(crate) fn add_file(&mut self, text: &str) -> Result<usize> {
        let file: File = serde_json::from_str(text)
            .map_err(|e| Error::malformed("file of kept setups", e.to_string()))?;
        let mut with = self.clone();
        let mut added = 0;
        for kept in file.kept.into_iter().rev() {
            if !kept.link.starts_with('#') {
                let words = format!("the link of \"{}\" does not begin with #", kept.name);
                return Err(Error::malformed("file of kept setups", words));
            }
            if with.kept.contains(&kept) {
                continue;
            }
            let name = with.free_name(&kept.name);
            with.keep(&name, &kept.link)?;
            added += 1;
        }
        *self = with;
        Ok(added)
    }

    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.kept.iter().any(|k| k.name == name);
        let mut name = wanted.to_owned();
        let mut number = 2;
        while taken(&name) {
            name = format!("{wanted} ({number})");
            number += 1;
        }
        name
    }

    /// Begins to name a setup.
    pub(crate) fn name(&mut self, shared: &Shared) {
        let labels: Vec<String> = shared
            .setups
            .iter()
            .map(crate::labs::Setup::label)
            .collect();
        self.naming = Some((labels.join(" against "), shared.to_hash()));
    }

    /// Leaves the naming; `false` when nothing was being named.
    pub(crate) fn cancel(&mut self) -> bool {
        self.naming.take().is_some()
    }

    /// The window that asks for a name; returns what came of it, to be said to the user.
    pub(crate) fn naming_ui(&mut self, ctx: &egui::Context) -> Option<Result<String>> {
        let (name, link) = self.naming.as_mut()?;
        let mut keep = false;
        let mut cancel = false;
        Window::new("Keep this setup")
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 120.0))
            .show(ctx, |ui| {
                let label = ui.label("Name");
                let edit = ui.add(egui::TextEdit::singleline(name).desired_width(300.0));
                let edit = edit.labelled_by(label.id);
                if ui.input(|i| i.key_pressed(Key::Enter)) {
                    keep = true;
                } else {
                    edit.request_focus();
                }
                ui.label(
                    RichText::new(
                        "It is kept in this browser or program, and listed on the home page.",
                    )
                    .small(),
                );
                ui.horizontal(|ui| {
                    keep |= ui.button("Keep").clicked();
                    cancel = ui.button("Cancel").clicked();
                });
            });
        let (name, link) = (name.clone(), link.clone());
        if cancel {
            self.naming = None;
        }
        if !keep || cancel {
            return None;
        }
        let outcome = self.keep(&name, &link);
        if outcome.is_ok() {
            self.naming = None;
        }
        Some(outcome.map(|replaced| {
            if replaced {
                format!("Kept as \"{}\", in place of the one before", name.trim())
            } else {
                format!("Kept as \"{}\"", name.trim())
            }
        }))
    }

    /// The shelf on the home page; nothing while it is empty.
    pub(crate) fn ui(&mut self, ui: &mut Ui) -> Option<ShelfAction> {
        if self.kept.is_empty() {
            return None;
        }
        let palette = Palette::of(ui.ctx());
        let mut action = None;
        let mut remove = None;
        ui.add_space(8.0);
        crate::ui::heading(&ui.label(RichText::new("Kept").heading()), 2);
        ui.horizontal_wrapped(|ui| {
            for (i, kept) in self.kept.iter().enumerate() {
                crate::ui::menu_ui(ui, &kept.name, &mut |ui| {
                    if ui.button("Open").clicked() {
                        action = Some(ShelfAction::Open(kept.link.clone()));
                        ui.close();
                    }
                    if ui
                        .button(RichText::new("Remove").color(palette.bad))
                        .clicked()
                    {
                        remove = Some(i);
                        ui.close();
                    }
                });
            }
            if ui
                .button("Save all as a file")
                .on_hover_text("The file is opened like any other, here or elsewhere")
                .clicked()
            {
                action = Some(ShelfAction::SaveAll);
            }
        });
        if let Some(i) = remove {
            self.kept.remove(i);
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        let mut shelf = Shelf::default();
        assert!(!shelf.keep("first", "#lr/1/a").expect("room"));
        assert!(!shelf.keep("second", "#noise/1/b").expect("room"));
        shelf
    }

    #[test]
    fn a_name_is_kept_once_and_the_newest_comes_first() {
        let mut shelf = shelf();
        assert!(shelf.keep(" first ", "#lr/1/c").expect("room"));
        let kept: Vec<(&str, &str)> = shelf.kept.iter().map(|k| (&*k.name, &*k.link)).collect();
        assert_eq!(kept, [("first", "#lr/1/c"), ("second", "#noise/1/b")]);
    }

    #[test]
    fn what_cannot_be_kept_changes_nothing() {
        let mut shelf = shelf();
        let before = shelf.clone();
        for (name, link) in [
            ("  ", "#lr".to_owned()),
            (&*"x".repeat(81), "#lr".to_owned()),
            ("big", "#".repeat(MOST_BYTES)),
        ] {
            assert!(shelf.keep(name, &link).is_err(), "{}", name.len());
            assert_eq!(shelf, before);
        }
    }

    #[test]
    fn a_file_brings_everything_back_and_a_second_time_nothing() {
        let here = shelf();
        let file = here.to_json();
        assert!(Shelf::is_file(&file));
        let mut there = Shelf::default();
        assert_eq!(there.add_file(&file).expect("a good file"), 2);
        assert_eq!(there, here, "in the same order");
        assert_eq!(there.add_file(&file).expect("a good file"), 0);
        assert_eq!(there, here);
    }

    #[test]
    fn a_taken_name_gets_a_number_and_nothing_is_lost() {
        let mut there = Shelf::default();
        there.keep("first", "#routing/1/z").expect("room");
        assert_eq!(there.add_file(&shelf().to_json()).expect("a good file"), 2);
        let names: Vec<&str> = there.kept.iter().map(|k| &*k.name).collect();
        assert_eq!(names, ["second", "first (2)", "first"]);
    }

    #[test]
    fn a_bad_file_is_refused_in_words_and_changes_nothing() {
        let mut shelf = shelf();
        let before = shelf.clone();
        let bad = shelf.to_json().replace("#lr/1/a", "javascript:a");
        for (text, words) in [
            ("{\"format\": 3}", "file of kept setups"),
            (bad.as_str(), "does not begin with #"),
        ] {
            let error = shelf.add_file(text).expect_err("a bad file").to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(shelf, before);
        }
        assert!(!Shelf::is_file("{\"setups\": []}"));
        assert!(!Shelf::is_file("not json"));
    }
}
