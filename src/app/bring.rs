//! Files in and out: what is saved, what is stored, what the user brought.

use super::kept::Shelf;
use super::screen::Screen;
use super::{App, KEPT_KEY, Open};
use crate::labs::Shared;
use crate::platform;
use crate::ui::notice::NoticeKind;

impl App {
    pub(super) fn save_setup(&mut self) {
        if let Some(screen) = self.current() {
            let shared = screen.shared();
            let name = format!("schedlab-{}.schedlab.json", shared.lab().id());
            self.save(&name, shared.to_json().as_bytes());
        }
    }

    pub(super) fn save_table(&mut self) {
        if let Some((name, csv)) = self.current().and_then(Screen::table_csv) {
            self.save(&name, csv.as_bytes());
        }
    }

    /// Stores what is kept under a name at once, because a browser may refuse.
    pub(super) fn store_shelf(&mut self) {
        let text = serde_json::to_string(&self.shelf).unwrap_or_default();
        if !platform::store(KEPT_KEY, &text) {
            self.notices.push(
                NoticeKind::Warning,
                "The browser does not store it: its storage is full or switched off. It is kept \
                 until this page is closed; the home page saves all of them as a file."
                    .to_owned(),
            );
        }
    }

    pub(super) fn save(&mut self, name: &str, bytes: &[u8]) {
        platform::save_file(name, bytes);
        self.notices
            .push(NoticeKind::Info, format!("Saved as {name}"));
    }

    /// Reads the setup on screen as a file of setups is read, once, when nothing else is to be done: a
    /// browser compiles code when it first runs, and that would hold up the frame of the first file.
    pub(super) fn practise(&mut self) {
        if self.practised {
            return;
        }
        let Some(text) = self.current().map(|screen| screen.shared().to_json()) else {
            return;
        };
        self.practised = true;
        if let Err(error) = Shared::from_json(&text) {
            log::warn!("the setup on screen cannot be read back: {error}");
        }
    }

    pub(super) fn take_files(&mut self, ctx: &egui::Context) {
        if let Some(text) = platform::take_refused_copy() {
            let words = format!("The browser does not allow copying. Copy this by hand: {text}");
            self.notices.push(NoticeKind::Error, words);
        }
        for error in self.files.poll(ctx) {
            self.notices.push(NoticeKind::Error, error.to_string());
        }
        for text in self.files.take_setups() {
            let outcome = if Shelf::is_file(&text) {
                self.shelf.add_file(&text).map(|added| {
                    let words = format!("{added} setups added to those kept on the home page");
                    self.notices.push(NoticeKind::Info, words);
                    self.store_shelf();
                })
            } else {
                Shared::from_json(&text).map(|shared| self.open_shared(&shared))
            };
            if let Err(error) = outcome {
                self.notices.push(NoticeKind::Error, error.to_string());
            }
        }
        if let Some((kind, key, data)) = self.files.preview_ui(ctx) {
            let result = self.screen_mut(kind).use_data(&key, &data);
            match result {
                Ok(()) => {
                    self.data.insert(key, data);
                    self.open = Open::Lab(kind);
                    self.prefs.visit(kind);
                    self.screen_mut(kind).invalidate();
                }
                Err(error) => self.notices.push(NoticeKind::Error, error.to_string()),
            }
        }
    }
}
