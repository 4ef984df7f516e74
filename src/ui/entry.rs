//! Entries of lists that open.

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
