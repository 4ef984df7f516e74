//! Every command of the app in one list: menus, the palette, keys and tests all go through it.

use crate::labs::LabKind;
use egui::{Key, KeyboardShortcut, Modifiers};

/// Something the user can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Go to the home page.
    Home,
    /// Go to the claims page.
    Claims,
    /// Go to the page that measures this machine.
    Bench,
    /// Tell the story of this lab.
    Story,
    /// Open a lab.
    OpenLab(LabKind),
    /// Play or pause.
    PlayPause,
    /// One step back.
    StepBack,
    /// One step forward.
    StepForward,
    /// To the start.
    ToStart,
    /// To the end.
    ToEnd,
    /// Half the speed.
    Slower,
    /// Twice the speed.
    Faster,
    /// Loop on or off.
    Loop,
    /// Add the current setup once more, to compare.
    Compare,
    /// Next way of comparing.
    CycleMode,
    /// Another seed for all setups.
    NewSeed,
    /// Run 20 seeds of every setup.
    ManySeeds,
    /// Show the parameter sweep.
    Sweep,
    /// Back to the preset's values.
    Reset,
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Copy a link to this setup.
    Share,
    /// Keep the setup under a name.
    Keep,
    /// Save the setup as a file.
    SaveSetup,
    /// Save the first table as CSV.
    SaveTable,
    /// Save what a run makes of its inputs.
    SaveProduct,
    /// Open a file.
    OpenFile,
    /// Show or hide the inspector.
    Inspector,
    /// Show or hide the panels.
    Panels,
    /// Light or dark.
    Theme,
    /// Unpin, close.
    Escape,
    /// The command palette.
    Palette,
    /// The list of keys.
    Help,
    /// Frame times and the kernel path.
    Performance,
}

impl Command {
    /// All commands, in the order of the palette.
    pub const ALL: [Self; 38] = [
        Self::PlayPause,
        Self::StepBack,
        Self::StepForward,
        Self::ToStart,
        Self::ToEnd,
        Self::Slower,
        Self::Faster,
        Self::Loop,
        Self::Compare,
        Self::CycleMode,
        Self::NewSeed,
        Self::ManySeeds,
        Self::Sweep,
        Self::Reset,
        Self::Undo,
        Self::Redo,
        Self::Share,
        Self::Keep,
        Self::SaveSetup,
        Self::SaveTable,
        Self::SaveProduct,
        Self::OpenFile,
        Self::Inspector,
        Self::Panels,
        Self::Theme,
        Self::Escape,
        Self::Palette,
        Self::Help,
        Self::Performance,
        Self::Home,
        Self::Claims,
        Self::Bench,
        Self::Story,
        Self::OpenLab(LabKind::Serving),
        Self::OpenLab(LabKind::Lr),
        Self::OpenLab(LabKind::Noise),
        Self::OpenLab(LabKind::Routing),
        Self::OpenLab(LabKind::Pruning),
    ];

    /// Whether it leads away from the home page to what comes after the first picture.
    pub(super) fn needs_labs(self) -> bool {
        matches!(
            self,
            Self::Claims | Self::Bench | Self::Story | Self::OpenLab(_)
        )
    }

    /// Its words in menus and in the palette.
    pub fn text(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Claims => "All claims",
            Self::Bench => "Measure this machine",
            Self::Story => "Guided story",
            Self::OpenLab(LabKind::Serving) => "Open the serving lab",
            Self::OpenLab(LabKind::Lr) => "Open the learning-rate lab",
            Self::OpenLab(LabKind::Noise) => "Open the noise lab",
            Self::OpenLab(LabKind::Routing) => "Open the routing lab",
            Self::OpenLab(LabKind::Pruning) => "Open the pruning lab",
            Self::PlayPause => "Play or pause",
            Self::StepBack => "Step back",
            Self::StepForward => "Step forward",
            Self::ToStart => "To the start",
            Self::ToEnd => "To the end",
            Self::Slower => "Slower",
            Self::Faster => "Faster",
            Self::Loop => "Loop",
            Self::Compare => "Compare: add this setup once more",
            Self::CycleMode => "Next way of comparing",
            Self::NewSeed => "New seed",
            Self::ManySeeds => "Run 20 seeds",
            Self::Sweep => "Sweep a parameter",
            Self::Reset => "Reset all parameters",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::Share => "Copy link",
            Self::Keep => "Keep this setup under a name",
            Self::SaveSetup => "Save setup as a file",
            Self::SaveTable => "Save table as CSV",
            Self::SaveProduct => "Save the pruned checkpoint",
            Self::OpenFile => "Open a file…",
            Self::Inspector => "Inspector",
            Self::Panels => "Hide or show panels",
            Self::Theme => "Light or dark",
            Self::Escape => "Unpin or close",
            Self::Palette => "All commands",
            Self::Help => "Keyboard",
            Self::Performance => "Performance",
        }
    }

    /// Its keys, the first one shown. Punctuation has an arrow or letter beside it so that every
    /// keyboard layout can reach it.
    pub fn keys(self) -> &'static [KeyboardShortcut] {
        const fn plain(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::NONE, key)
        }
        const fn ctrl(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::COMMAND, key)
        }
        macro_rules! keys {
            ($($key:expr),*) => {{ const KEYS: &[KeyboardShortcut] = &[$($key),*]; KEYS }};
        }
        match self {
            Self::PlayPause => keys![plain(Key::Space)],
            Self::StepBack => keys![plain(Key::Comma), plain(Key::ArrowLeft)],
            Self::StepForward => keys![plain(Key::Period), plain(Key::ArrowRight)],
            Self::Story => keys![plain(Key::G)],
            Self::Claims => keys![plain(Key::N)],
            Self::ToStart => keys![plain(Key::Home)],
            Self::ToEnd => keys![plain(Key::End)],
            Self::Slower => keys![plain(Key::OpenBracket), plain(Key::ArrowDown)],
            Self::Faster => keys![plain(Key::CloseBracket), plain(Key::ArrowUp)],
            Self::Loop => keys![plain(Key::L)],
            Self::Compare => keys![plain(Key::C)],
            Self::CycleMode => keys![plain(Key::V)],
            Self::NewSeed => keys![plain(Key::S)],
            Self::ManySeeds => keys![KeyboardShortcut::new(Modifiers::SHIFT, Key::S)],
            Self::Sweep => keys![plain(Key::W)],
            Self::Reset => keys![KeyboardShortcut::new(Modifiers::SHIFT, Key::R)],
            Self::Undo => keys![ctrl(Key::Z)],
            Self::Redo => keys![KeyboardShortcut::new(
                Modifiers::COMMAND.plus(Modifiers::SHIFT),
                Key::Z
            )],
            Self::Share => keys![KeyboardShortcut::new(
                Modifiers::COMMAND.plus(Modifiers::SHIFT),
                Key::C
            )],
            Self::Keep => keys![plain(Key::K)],
            Self::SaveTable => keys![plain(Key::E)],
            Self::OpenFile => keys![plain(Key::O)],
            Self::Inspector => keys![plain(Key::I)],
            Self::Panels => keys![plain(Key::Backslash), plain(Key::H)],
            Self::Theme => keys![plain(Key::T)],
            Self::Escape => keys![plain(Key::Escape)],
            Self::Palette => keys![ctrl(Key::K)],
            Self::Help => keys![plain(Key::Questionmark), plain(Key::F1)],
            Self::Performance => keys![plain(Key::Backtick), plain(Key::F2)],
            Self::Home | Self::Bench | Self::SaveSetup | Self::SaveProduct | Self::OpenLab(_) => {
                &[]
            }
        }
    }

    /// The first key as text, empty without one.
    pub fn key_text(self, ctx: &egui::Context) -> String {
        self.keys()
            .first()
            .map(|&key| shortcut_text(ctx, key))
            .unwrap_or_default()
    }

    /// Its words with the key, for tooltips.
    pub fn tooltip(self, ctx: &egui::Context) -> String {
        let key = self.key_text(ctx);
        if key.is_empty() {
            self.text().to_owned()
        } else {
            format!("{} ({key})", self.text())
        }
    }
}

/// Commands asked for by keys in this frame. Single keys are off while a text field has focus, and
/// while a widget that uses the arrows (a slider, a chart) has it.
pub(crate) fn pressed(ctx: &egui::Context) -> Vec<Command> {
    let typing = ctx.text_edit_focused();
    let focused = ctx.memory(egui::Memory::focused).is_some();
    let mut out = Vec::new();
    for command in Command::ALL {
        for key in command.keys() {
            let with_modifier = key.modifiers.command;
            let arrow = matches!(
                key.logical_key,
                Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown | Key::Space
            );
            if (typing && !with_modifier) || (focused && arrow) {
                continue;
            }
            let hit = ctx.input_mut(|i| {
                // `consume_shortcut` treats Shift as optional; here `S` and `Shift+S` differ.
                (i.modifiers.shift == key.modifiers.shift || key.logical_key == Key::Questionmark)
                    && i.consume_shortcut(key)
            });
            if hit {
                out.push(command);
                break;
            }
        }
    }
    out
}

/// A shortcut as it stands on the keys: `[` rather than the name of the bracket.
pub(super) fn shortcut_text(ctx: &egui::Context, shortcut: KeyboardShortcut) -> String {
    let text = ctx.format_shortcut(&shortcut);
    match shortcut.logical_key {
        // The font has no arrows of this kind.
        Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown => text,
        key => text.replace(key.name(), key.symbol_or_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key() {
        let mut seen: Vec<(KeyboardShortcut, Command)> = Vec::new();
        for command in Command::ALL {
            for key in command.keys() {
                if let Some((_, other)) = seen.iter().find(|(k, _)| k == key) {
                    assert_eq!(*other, command, "{key:?} is taken twice");
                }
                seen.push((*key, command));
            }
        }
    }

    #[test]
    fn every_command_has_words() {
        for command in Command::ALL {
            assert!(command.text().len() > 3, "{command:?}");
        }
    }
}
