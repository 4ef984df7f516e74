//! Files the user brings: dropped, chosen, recognised by content, previewed before anything is
//! replaced.

use crate::core::{Error, Job as _, Step};
use crate::labs::noise::exchange::Brought;
use crate::labs::{DataKey, Dataset, LabKind, Opening};
use crate::platform;
use crate::ui::import::{ImportAction, preview_ui, progress_ui};

/// Files on their way in.
#[derive(Debug, Default)]
pub(crate) struct Files {
    opening: Option<Opening>,
    preview: Option<(DataKey, Dataset)>,
    setups: Vec<String>,
}

impl Files {
    /// Takes files that were dropped or chosen; returns why some cannot be used.
    pub(crate) fn poll(&mut self, ctx: &egui::Context) -> Vec<Error> {
        let dropped = ctx.input(|i| i.raw.dropped_files.clone());
        platform::read_dropped(&dropped);
        let problems = platform::take_problems();
        let (pictures, others): (Vec<_>, Vec<_>) = platform::take_files()
            .into_iter()
            .partition(|(_, bytes)| Opening::is_picture(bytes));
        if !pictures.is_empty() {
            self.opening = Some(Opening::pictures(pictures));
        }
        for (name, bytes) in others {
            self.receive(&name, bytes);
        }
        problems
    }

    fn receive(&mut self, name: &str, bytes: Vec<u8>) {
        if std::path::Path::new(name)
            .extension()
            .is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
            && let Ok(text) = std::str::from_utf8(&bytes)
            && Brought::recognise(text).is_none()
        {
            self.setups.push(text.to_owned());
            return;
        }
        self.opening = Some(Opening::new(name, bytes));
    }

    /// Reads on until `more` says stop; `true` while a file is on its way in.
    pub(crate) fn work(&mut self, mut more: impl FnMut() -> bool) -> Result<bool, Error> {
        while let Some(opening) = &mut self.opening {
            match opening.step() {
                Ok(Step::Working) => {}
                Ok(Step::Done(found)) => {
                    self.preview = Some(found);
                    self.opening = None;
                }
                Err(error) => {
                    self.opening = None;
                    return Err(error);
                }
            }
            if !more() {
                break;
            }
        }
        Ok(self.opening.is_some())
    }

    /// Setup files that arrived.
    pub(crate) fn take_setups(&mut self) -> Vec<String> {
        std::mem::take(&mut self.setups)
    }

    /// Closes the preview; `false` when none was open.
    pub(crate) fn cancel(&mut self) -> bool {
        self.opening.take().is_some() | self.preview.take().is_some()
    }

    /// Shows the preview, if there is one; returns what to use where.
    pub(crate) fn preview_ui(
        &mut self,
        ctx: &egui::Context,
    ) -> Option<(LabKind, DataKey, Dataset)> {
        if let Some(opening) = &self.opening
            && progress_ui(ctx, opening.name(), opening.progress())
        {
            self.opening = None;
        }
        let (key, data) = self.preview.as_ref()?;
        let action = preview_ui(ctx, &key.name, data)?;
        let (key, data) = self.preview.take()?;
        match action {
            ImportAction::Use(kind) => Some((kind, key, data)),
            ImportAction::Cancel => None,
        }
    }
}
