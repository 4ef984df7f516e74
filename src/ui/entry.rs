//! Lists that open, and their entries.

use egui::{Response, Ui};

/// An entry of a list that opens. Choosing it closes the list: the toolkit does that for the
/// pointer only, and keys and assistive technology would leave it open.
pub fn entry_ui(ui: &mut Ui, selected: bool, words: &str) -> Response {
    let response = ui.selectable_label(selected, words);
    if response.clicked() {
        ui.close();
    }
    response
}

/// An entry that stands for a value.
pub fn value_entry_ui<T: PartialEq>(
    ui: &mut Ui,
    current: &mut T,
    value: T,
    words: &str,
) -> Response {
    let mut response = entry_ui(ui, *current == value, words);
    if response.clicked() && *current != value {
        *current = value;
        response.mark_changed();
    }
    response
}

/// A button that opens a menu, a menu inside a menu among them. The toolkit's own is made anew for
/// every content; this one is there once.
pub fn menu_ui(ui: &mut Ui, words: &str, content: &mut dyn FnMut(&mut Ui)) -> Response {
    ui.menu_button(words, |ui| content(ui)).response
}
