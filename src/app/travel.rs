//! Going from place to place: links, labs, systems, and the address that says where one is.

use super::place::Target;
use super::screen::{LabScreen, Screen};
use super::story::Telling;
use super::{App, Open};
use crate::labs::{Exhibit, LabKind, Setup, Shared, exhibit, lr, noise, pruning, routing, serving};
use crate::platform;
use crate::ui::notice::NoticeKind;

impl App {
    /// Goes where an address points; a bad one is reported and the place stays.
    pub fn follow(&mut self, hash: &str) {
        hash.clone_into(&mut self.hash);
        self.written = None;
        match Target::from_hash(hash) {
            Ok(Target::Home) => self.open = Open::Home,
            Ok(Target::Claims) => self.open = Open::Claims,
            Ok(Target::Bench) => self.open = Open::Bench,
            Ok(Target::Lab(kind)) => self.open_lab(kind),
            Ok(Target::Story(story, step)) => {
                self.tell(Telling::new(story, step), Telling::scene);
            }
            Ok(Target::Exhibit(id)) => {
                if let Some(exhibit) = exhibit(id) {
                    self.open_exhibit(exhibit);
                }
            }
            Ok(Target::Shared(shared)) => self.open_shared(&shared),
            Err(error) => {
                self.notices.push(NoticeKind::Error, error.to_string());
                // The part before the damage may still name a lab.
                let lab = hash.trim_start_matches('#').split('/').next();
                if let Some(kind) = lab.and_then(LabKind::from_id) {
                    self.open_lab(kind);
                }
            }
        }
    }

    pub(super) fn screen_mut(&mut self, kind: LabKind) -> &mut Box<dyn Screen> {
        let still = self.prefs.reduce_motion;
        platform::arrive();
        self.screens.entry(kind).or_insert_with(|| match kind {
            LabKind::Serving => Box::new(LabScreen::<serving::Serving>::new(still)),
            LabKind::Lr => Box::new(LabScreen::<lr::Lr>::new(still)),
            LabKind::Noise => Box::new(LabScreen::<noise::Noise>::new(still)),
            LabKind::Routing => Box::new(LabScreen::<routing::Routing>::new(still)),
            LabKind::Pruning => Box::new(LabScreen::<pruning::Pruning>::new(still)),
        })
    }

    pub(super) fn open_lab(&mut self, kind: LabKind) {
        let first_visit = !self.screens.contains_key(&kind);
        let last = self.prefs.last.get(&kind).cloned();
        let screen = self.screen_mut(kind);
        if first_visit
            && let Some(shared) = last
            && shared.setups.iter().all(|s| s.check().is_ok())
            && let Err(error) = screen.open(&shared)
        {
            log::warn!("the stored setup of the {} lab: {error}", kind.id());
        }
        self.open = Open::Lab(kind);
        self.prefs.visit(kind);
    }

    pub(super) fn open_exhibit(&mut self, exhibit: &Exhibit) {
        self.open_shared(&Shared::single((exhibit.setup)()));
    }

    pub(super) fn open_shared(&mut self, shared: &Shared) {
        let kind = shared.lab();
        let result = self.screen_mut(kind).open(shared);
        self.open = Open::Lab(kind);
        self.prefs.visit(kind);
        if let Err(error) = result {
            self.notices.push(NoticeKind::Error, error.to_string());
        }
    }

    pub(super) fn share(&mut self, ctx: &egui::Context) {
        let Some(screen) = self.current() else {
            return;
        };
        let shared = screen.shared();
        let hash = shared.to_hash();
        let link = format!("{}{hash}", platform::page_address());
        if link.len() > 2000 {
            self.notices.push(
                NoticeKind::Warning,
                "This setup is too long for a link; it is saved as a file instead".to_owned(),
            );
            self.save_setup();
            return;
        }
        if !platform::copy_text(&link) {
            ctx.copy_text(link);
        }
        self.notices.push(
            NoticeKind::Info,
            if shared.setups.iter().any(Setup::needs_data) {
                "Link copied. It names your file but does not contain it.".to_owned()
            } else {
                "Link copied".to_owned()
            },
        );
    }

    /// Keeps the address in step with the place, without filling the browser's history.
    pub(super) fn write_hash(&mut self, ctx: &egui::Context) {
        if ctx.input(|i| i.pointer.any_down()) {
            return;
        }
        let mut written = None;
        let hash = match (self.current(), &self.telling) {
            (None, _) => match self.open {
                Open::Claims => "#claims",
                Open::Bench => "#bench",
                Open::Home | Open::Lab(_) => "#home",
            }
            .to_owned(),
            (Some(_), Some(telling)) => telling.hash(),
            (Some(screen), None) => {
                let mut shared = screen.shared();
                if screen.is_playing() {
                    shared.playhead = 0.0;
                }
                // A link is compressed; in most frames nothing has changed.
                if self.written.as_ref() == Some(&shared) {
                    return;
                }
                let hash = shared.to_hash();
                written = Some(shared);
                hash
            }
        };
        self.written = written;
        if hash != self.hash {
            let same_place = hash.split('/').next() == self.hash.split('/').next();
            if same_place {
                platform::replace_hash(&hash);
            } else {
                platform::push_hash(&hash);
            }
            self.hash = hash;
        }
    }

    /// The link of the setup on screen, from `#` on.
    pub fn link(&self) -> Option<String> {
        self.current().map(|screen| screen.shared().to_hash())
    }
}
