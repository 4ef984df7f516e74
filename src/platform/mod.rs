//! What differs between the page and the native program, behind plain functions: clock, files,
//! clipboard, address, storage, and the page's own reports. Everything is fallible and quiet: a
//! browser that refuses storage or a desktop without a file dialog is a normal state.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
use native as imp;
#[cfg(target_arch = "wasm32")]
use web as imp;

use crate::core::{Error, Reading, Result};

#[cfg(target_arch = "wasm32")]
pub use web::{completed, frames_drawn, hash_changed, lose_device};
#[cfg(all(target_arch = "wasm32", feature = "app"))]
pub use web::{snapshot_json, start, start_page, stop};

/// Seconds on a clock that never runs backwards. For frame times and animation only: no result
/// depends on it.
pub fn now_secs() -> f64 {
    imp::now_secs()
}

/// Whether all of the program is here. A page draws its first picture with one part of its module;
/// the labs are in the other, which comes after it. Natively everything is here.
pub fn whole() -> bool {
    imp::whole()
}

/// Brings what is missing of the program, now: the window stands still until it is here. Code that is
/// missing does the same when it is called.
pub fn arrive() {
    imp::arrive();
}

/// Called whenever something arrives that a sleeping window should look at (a file, a changed
/// address, an action of assistive technology). The application sets it once, to a repaint request.
pub fn set_waker(wake: impl Fn() + Send + Sync + 'static) {
    imp::set_waker(Box::new(wake));
}

/// Hands bytes to the user under a file name: a download in the page, a save dialog natively.
/// Returns at once; a refusal turns up in [`take_problems`].
pub fn save_file(name: &str, bytes: &[u8]) {
    imp::save_file(name, bytes);
}

/// Puts text on the clipboard. False means that the platform leaves it to the toolkit. A browser
/// that refuses says so later: see [`take_refused_copy`].
pub fn copy_text(text: &str) -> bool {
    imp::copy_text(text)
}

/// Text that the browser would not put on the clipboard, to be shown for copying by hand.
pub fn take_refused_copy() -> Option<String> {
    imp::take_refused_copy()
}

/// Decides what is read of a file, from its name, size and as much of its start as is known.
pub type Reader = fn(name: &str, total: u64, start: &[u8]) -> Result<Reading>;

/// Sets how files that the user brings are read; without one they are read whole.
pub fn set_reader(reader: Reader) {
    imp::set_reader(reader);
}

/// Asks the user for files. In the page, call it from a click. The files turn up in
/// [`take_files`].
pub fn pick_files() {
    imp::pick_files();
}

/// Files that arrived since the last call, by name.
pub fn take_files() -> Vec<(String, Vec<u8>)> {
    imp::take_files()
}

/// Files that could not be read or written since the last call.
pub fn take_problems() -> Vec<Error> {
    imp::take_problems()
}

/// Reads files dropped on the window; they turn up in [`take_files`].
#[cfg(feature = "app")]
pub fn read_dropped(files: &[egui::DroppedFileHandle]) {
    for file in files {
        imp::read_dropped(file);
    }
}

/// Reads a file of the file system.
///
/// # Errors
/// The system's reason; in the page, always.
pub fn read_path(path: &std::path::Path) -> Result<Vec<u8>> {
    imp::read_path(path)
}

/// Writes a file of the file system.
///
/// # Errors
/// The system's reason; in the page, always.
pub fn write_path(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    imp::write_path(path, bytes)
}

/// The address up to the hash, as the start of a share link; empty natively.
pub fn page_address() -> String {
    imp::page_address()
}

/// The address from `#` on, empty without one and natively.
pub fn hash() -> String {
    imp::hash()
}

/// Replaces the hash (with or without its `#`) without a new entry in the history.
pub fn replace_hash(hash: &str) {
    imp::set_hash(hash, false);
}

/// Goes to a new hash: the browser's Back leads to the old one.
pub fn push_hash(hash: &str) {
    imp::set_hash(hash, true);
}

/// The new hash after the user went Back or Forward or edited the address.
pub fn take_hash_change() -> Option<String> {
    imp::take_hash_change()
}

/// Title of the browser tab.
pub fn set_title(title: &str) {
    imp::set_title(title);
}

/// A setting from the address, `?backend=gl`; natively from the environment, `SCHEDLAB_BACKEND=gl`.
/// An empty value counts as "1".
pub fn query(key: &str) -> Option<String> {
    imp::query(key)
}

/// Stores a text at once where the window stores its own when it is left; false if the browser
/// refuses or its storage is full. Natively there is nothing to do before the window closes.
pub fn store(key: &str, value: &str) -> bool {
    imp::store(key, value)
}

/// Whether the system asks for less motion.
pub fn prefers_reduced_motion() -> bool {
    imp::prefers_reduced_motion()
}

/// Counts a frame for `window.schedlab.framesDrawn()`.
pub fn frame_drawn() {
    imp::frame_drawn();
}

/// How `window.schedlab.loseDevice()` gives up the graphics device.
pub fn set_device_killer(kill: impl Fn() + 'static) {
    imp::set_device_killer(Box::new(kill));
}

/// Tells the page that the graphics device is gone. The picture is frozen from now on, so the page
/// itself shows the notice and offers to start again with the same setup.
pub fn report_device_lost(reason: &str) {
    imp::report_device_lost(reason);
}

/// One control or text of the screen, as the accessible mirror shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MirrorNode {
    /// Identity across frames.
    pub id: u64,
    /// What kind of element it becomes.
    pub kind: MirrorKind,
    /// Accessible name.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// Its value as a number, with the range and the step.
    pub number: Option<MirrorNumber>,
    /// On, off or mixed, for toggles.
    pub checked: Option<Checked>,
    /// Whether what it opens is open.
    pub expanded: Option<bool>,
    /// Whether it can be used now.
    pub disabled: bool,
    /// Whether a change is read out at once.
    pub live: bool,
    /// Whether it can have the keyboard focus.
    pub focusable: bool,
    /// Heading level.
    pub level: u8,
    /// Left, top, width and height in points.
    pub bounds: [i32; 4],
}

/// A number in a range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MirrorNumber {
    /// Its value.
    pub value: f64,
    /// Smallest value, where there is one.
    pub min: Option<f64>,
    /// Largest value, where there is one.
    pub max: Option<f64>,
}

/// State of a toggle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Off.
    Off,
    /// On.
    On,
    /// Neither.
    Mixed,
}

/// Kinds of elements in the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MirrorKind {
    /// Plain text.
    #[default]
    Text,
    /// A heading.
    Heading,
    /// A message.
    Status,
    /// A picture.
    Image,
    /// A button, a tab, a menu entry.
    Button,
    /// A link.
    Link,
    /// A check box.
    CheckBox,
    /// One of several.
    Radio,
    /// A choice that opens a list.
    Combo,
    /// A slider.
    Slider,
    /// A number field.
    Number,
    /// A line of text.
    TextField,
    /// Several lines of text.
    TextArea,
    /// How far something is.
    Progress,
}

/// What a user of the mirror asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum MirrorAction {
    /// Activate.
    Click(u64),
    /// Move the keyboard focus here.
    Focus(u64),
    /// One step up.
    Increment(u64),
    /// One step down.
    Decrement(u64),
    /// Take this number.
    SetNumber(u64, f64),
    /// Take this text.
    SetText(u64, String),
    /// A key that the element itself has no use for, by its name in the browser.
    Key {
        /// `event.key`.
        key: String,
        /// Shift is down.
        shift: bool,
        /// Control is down.
        ctrl: bool,
        /// Alt is down.
        alt: bool,
        /// Command is down.
        meta: bool,
    },
}

/// Shows the current screen in the accessible mirror: the nodes in reading order and the focused
/// one. Natively the toolkit serves assistive technology itself.
pub fn mirror(nodes: Vec<MirrorNode>, focus: Option<u64>) {
    imp::mirror(nodes, focus);
}

/// What users of the mirror asked for since the last call.
pub fn take_mirror_actions() -> Vec<MirrorAction> {
    imp::take_mirror_actions()
}
