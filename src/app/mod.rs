//! The application around the labs: places, commands, files, links, preferences.

mod bench_page;
mod bring;
mod claims;
mod claims_page;
mod command;
mod files;
mod history;
mod home;
mod kept;
mod kernels;
mod overlay;
mod pace;
mod place;
mod prefs;
mod screen;
mod seeds;
mod slot;
mod stories;
mod story;
mod sweep;
mod travel;

pub use command::Command;

use crate::core::Step;
use crate::gpu::Gpu;
use crate::labs::{LabKind, Library, Product, Shared};
use crate::platform;
use crate::ui::notice::{NoticeKind, Notices};
use crate::ui::theme;
use bench_page::{BenchAction, BenchPage};
use claims::Claims;
use claims_page::{ClaimsAction, ClaimsPage};
use files::Files;
use home::{Home, HomeAction};
use kept::{Shelf, ShelfAction};
use kernels::Kernels;
use overlay::Overlays;
use pace::Pace;
use prefs::Prefs;
use screen::{Env, Screen};
use serde_json::json;
use std::collections::BTreeMap;
use story::{StoryAction, Telling};

/// Key of the preferences in the storage.
const PREFS_KEY: &str = "schedlab.prefs";
/// Key of the setups kept under a name.
const KEPT_KEY: &str = "schedlab.kept";

/// The application.
pub struct App {
    prefs: Prefs,
    data: Library,
    notices: Notices,
    claims: Claims,
    overlays: Overlays,
    kernels: Kernels,
    files: Files,
    home: Home,
    shelf: Shelf,
    claims_page: ClaimsPage,
    bench_page: BenchPage,
    /// The story being told.
    telling: Option<Telling>,
    screens: BTreeMap<LabKind, Box<dyn Screen>>,
    open: Open,
    /// The address last written or followed.
    hash: String,
    /// The setups that the address names; `None` while it names something else.
    written: Option<Shared>,
    /// Files being made, to be saved.
    saving: Vec<Product>,
    busy: bool,
    labs: Labs,
    /// Whether the page stands inside another one (`?embed`).
    embedded: bool,
    pace: Pace,
    /// Whether a setup was read for practice.
    practised: bool,
    ctx: egui::Context,
}

/// What is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Home,
    Claims,
    Bench,
    Lab(LabKind),
}

/// Whether the code of the labs is here; the home page alone does without.
enum Labs {
    Here,
    /// On its way, with what was asked for in the meantime.
    Awaited(Option<Held>),
}

/// What has to wait for the labs, and is done when they are here.
enum Held {
    Action(HomeAction),
    Command(Command),
}

impl Open {
    fn lab(self) -> Option<LabKind> {
        match self {
            Self::Lab(kind) => Some(kind),
            Self::Home | Self::Claims | Self::Bench => None,
        }
    }
}

/// Borrows what a screen may use, apart from the screens themselves.
macro_rules! surroundings {
    ($app:expr) => {
        Env {
            data: &$app.data,
            gpu: $app.kernels.in_use(),
            device: $app
                .kernels
                .device()
                .filter(|gpu| gpu.computes() && !gpu.lost()),
            notices: &mut $app.notices,
            prefs: &mut $app.prefs,
            claims: &mut $app.claims,
            pace: $app.pace,
            embedded: $app.embedded,
        }
    };
}

/// Seconds of computing in a frame while this machine is measured: only a progress bar moves then.
const MEASURING_SECS: f64 = 0.1;

impl App {
    /// The app with stored preferences, at the place the address names.
    pub fn new(cc: &eframe::CreationContext<'_>) -> Self {
        theme::install(&cc.egui_ctx);
        crate::platform::set_reader(crate::labs::reading);
        let prefs: Prefs = stored(cc.storage, PREFS_KEY);
        let mut app = Self {
            data: Library::default(),
            notices: Notices::default(),
            claims: Claims::default(),
            saving: Vec::new(),
            overlays: Overlays::default(),
            kernels: Kernels::new(cc, prefs.kernels),
            files: Files::default(),
            home: Home::new(),
            shelf: stored(cc.storage, KEPT_KEY),
            claims_page: ClaimsPage::default(),
            bench_page: BenchPage::default(),
            telling: None,
            screens: BTreeMap::new(),
            open: Open::Home,
            hash: String::new(),
            written: None,
            busy: true,
            labs: if platform::whole() {
                Labs::Here
            } else {
                Labs::Awaited(None)
            },
            embedded: platform::query("embed").is_some(),
            pace: Pace::default(),
            practised: false,
            ctx: cc.egui_ctx.clone(),
            prefs,
        };
        if let Some(theme) = platform::query("theme") {
            app.prefs.theme = match theme.as_str() {
                "dark" => Some(egui::Theme::Dark),
                "light" => Some(egui::Theme::Light),
                _ => None,
            };
        }
        app.prefs.reduce_motion |= platform::prefers_reduced_motion();
        app.apply_theme(&cc.egui_ctx);
        if app.is_whole() {
            app.follow(&platform::hash());
        }
        app
    }

    fn apply_theme(&self, ctx: &egui::Context) {
        ctx.set_theme(
            self.prefs
                .theme
                .map_or(egui::ThemePreference::System, Into::into),
        );
    }

    /// Goes to a step of a story; `scene` says which state it begins with.
    fn tell(
        &mut self,
        telling: Telling,
        scene: impl Fn(&Telling) -> Option<crate::core::Result<Shared>>,
    ) {
        match scene(&telling) {
            Some(Ok(shared)) => {
                self.open_shared(&shared);
                // Paused: pressing play is often what the step asks for.
                self.seek_share(0.0);
            }
            Some(Err(error)) => self.notices.push(NoticeKind::Error, error.to_string()),
            None => {}
        }
        self.prefs.story = Some((telling.story.id.to_owned(), telling.step));
        self.telling = Some(telling);
    }

    /// Ends the story; `false` when none was told.
    fn leave_story(&mut self) -> bool {
        self.telling.take().is_some()
    }

    fn story_ui(&mut self, ctx: &egui::Context) {
        if self.telling.is_none() {
            return;
        }
        let snapshot = self
            .current()
            .map_or(serde_json::Value::Null, Screen::snapshot);
        let Some(telling) = &mut self.telling else {
            return;
        };
        telling.watch(&snapshot, self.busy);
        match telling.ui(ctx) {
            Some(StoryAction::Step(step)) => {
                let next = Telling::new(telling.story, step);
                let forward = step > telling.step;
                self.tell(
                    next,
                    if forward {
                        Telling::opening
                    } else {
                        Telling::scene
                    },
                );
            }
            Some(StoryAction::Leave) => {
                let finished = telling.step + 1 == telling.story.steps.len();
                if finished {
                    self.prefs.story = None;
                }
                self.leave_story();
            }
            None => {}
        }
    }

    /// Keeps what needs the labs until they are here; the newest wish counts.
    fn hold(&mut self, held: Held) {
        let words = "The labs are still on their way; this opens as soon as they are here";
        self.notices.push(NoticeKind::Info, words.to_owned());
        self.labs = Labs::Awaited(Some(held));
    }

    fn is_whole(&self) -> bool {
        matches!(self.labs, Labs::Here)
    }

    /// Goes on with what was held back, once all of the program is here.
    fn go_on_when_whole(&mut self, ctx: &egui::Context) {
        if self.is_whole() || !platform::whole() {
            return;
        }
        match std::mem::replace(&mut self.labs, Labs::Here) {
            Labs::Awaited(Some(Held::Action(action))) => self.act(action, ctx),
            Labs::Awaited(Some(Held::Command(command))) => self.execute(command, ctx),
            Labs::Awaited(None) | Labs::Here => {}
        }
    }

    /// Does what was clicked on the home page.
    fn act(&mut self, action: HomeAction, ctx: &egui::Context) {
        if let HomeAction::Command(command) = action {
            return self.execute(command, ctx);
        }
        if !self.is_whole() {
            return self.hold(Held::Action(action));
        }
        match action {
            HomeAction::Lab(kind) => self.execute(Command::OpenLab(kind), ctx),
            HomeAction::Exhibit(exhibit) => self.open_exhibit(exhibit),
            HomeAction::Shared(shared) => self.open_shared(&shared()),
            HomeAction::Story(story, step) => {
                self.tell(Telling::new(story, step), Telling::scene);
            }
            HomeAction::Kept(ShelfAction::Open(link)) => self.follow(&link),
            HomeAction::Kept(ShelfAction::SaveAll) => {
                let file = self.shelf.to_json();
                self.save("schedlab-kept.json", file.as_bytes());
            }
            HomeAction::Command(command) => self.execute(command, ctx),
        }
    }

    /// Obeys a command, whoever asked for it.
    pub fn execute(&mut self, command: Command, ctx: &egui::Context) {
        if !self.is_whole() && command.needs_labs() {
            return self.hold(Held::Command(command));
        }
        if command == Command::Escape
            && (self.files.cancel()
                || self.shelf.cancel()
                || self.overlays.close_one()
                || self.leave_story())
        {
            return;
        }
        if let Open::Lab(kind) = self.open
            && let Some(screen) = self.screens.get_mut(&kind)
            && screen.execute(command, &mut surroundings!(self))
        {
            return;
        }
        match command {
            Command::Home => {
                self.leave_story();
                self.open = Open::Home;
            }
            Command::Story => {
                let lab = self.open.lab().unwrap_or(LabKind::Serving);
                if let Some(story) = story::story_of(lab) {
                    self.tell(Telling::new(story, 0), Telling::scene);
                }
            }
            Command::Claims => self.open = Open::Claims,
            Command::Bench => self.open = Open::Bench,
            Command::OpenLab(kind) => self.open_lab(kind),
            Command::Share => self.share(ctx),
            Command::SaveSetup => self.save_setup(),
            Command::Keep => {
                if let Some(shared) = self.current().map(Screen::shared) {
                    self.shelf.name(&shared);
                }
            }
            Command::SaveTable => self.save_table(),
            Command::SaveProduct => match self.current().map(Screen::product) {
                Some(Ok(product)) => self.saving.push(product),
                Some(Err(error)) => self.notices.push(NoticeKind::Warning, error.to_string()),
                None => {}
            },
            Command::OpenFile => platform::pick_files(),
            Command::Theme => {
                let dark = ctx.global_style().visuals.dark_mode;
                self.prefs.theme = Some(if dark {
                    egui::Theme::Light
                } else {
                    egui::Theme::Dark
                });
                self.apply_theme(ctx);
            }
            Command::Palette => self.overlays.toggle_palette(),
            Command::Help => self.overlays.help = !self.overlays.help,
            Command::Performance => self.overlays.performance = !self.overlays.performance,
            _ => {}
        }
    }

    fn current(&self) -> Option<&dyn Screen> {
        self.screens.get(&self.open.lab()?).map(AsRef::as_ref)
    }

    fn work(&mut self, ctx: &egui::Context) {
        let start = platform::now_secs();
        let frame_secs = f64::from(ctx.input(|i| i.unstable_dt));
        self.pace.frame(start, frame_secs, self.busy);
        let budget = self.pace.moving();
        let within_budget = || platform::now_secs() - start < budget;
        // At its end, all commands of this frame go out together.
        let _frame = self.kernels.device().map(Gpu::frame);
        if self.is_whole() && self.kernels.poll(ctx, &mut self.notices, self.busy) {
            for screen in self.screens.values_mut() {
                screen.invalidate();
            }
        }
        let mut busy = self.claims.work(within_budget);
        while let Some(product) = self.saving.first_mut()
            && within_budget()
        {
            match product.job.step() {
                Ok(Step::Working) => {}
                Ok(Step::Done(bytes)) => {
                    let name = self.saving.remove(0).name;
                    self.save(&name, &bytes);
                }
                Err(error) => {
                    self.saving.remove(0);
                    self.notices.push(NoticeKind::Error, error.to_string());
                }
            }
        }
        busy |= !self.saving.is_empty();
        match self.files.work(within_budget) {
            Ok(opening) => busy |= opening,
            Err(error) => self.notices.push(NoticeKind::Error, error.to_string()),
        }
        let whole = self.is_whole();
        match self.open.lab().and_then(|kind| self.screens.get_mut(&kind)) {
            Some(screen) => busy |= screen.work(&mut surroundings!(self)),
            None if self.open == Open::Home && whole => {
                busy |= self.home.work(within_budget);
            }
            None => {}
        }
        if self.open == Open::Bench {
            let within = || platform::now_secs() - start < budget.max(MEASURING_SECS);
            busy |= self.bench_page.work(self.kernels.device(), within);
        } else {
            self.bench_page.cancel();
        }
        if !self.busy && !busy {
            self.practise();
        }
        self.busy = busy || self.bench_page.is_under_way();
        self.pace.worked(platform::now_secs() - start);
        if busy {
            ctx.request_repaint();
        }
    }

    /// Whether something is being computed.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Obeys a command outside a frame: for scripts and tests.
    pub fn run_command(&mut self, command: Command) {
        let ctx = self.ctx.clone();
        self.execute(command, &ctx);
    }

    /// Shows the picture and the transport alone, as `?embed` does.
    pub fn embed(&mut self) {
        self.embedded = true;
    }

    /// Keeps kernels on the CPU, as the setting does: the same bits on every machine.
    pub fn stay_on_cpu(&mut self) {
        self.kernels.set_wish(prefs::KernelChoice::Cpu);
    }

    /// Moves the playhead to a share (0 to 1) of the run.
    pub fn seek_share(&mut self, share: f64) {
        if let Some(screen) = self.open.lab().and_then(|kind| self.screens.get_mut(&kind)) {
            screen.seek_share(share);
        }
    }

    /// What scripts and tests can read: place, setups, headline results, path in use, frame times.
    pub fn snapshot(&self) -> serde_json::Value {
        let mut snapshot = self
            .current()
            .map_or_else(|| json!({"lab": null}), Screen::snapshot);
        if self.open == Open::Bench {
            snapshot = json!({"lab": null, "bench": self.bench_page.snapshot()});
        }
        if let Some(object) = snapshot.as_object_mut() {
            object.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
            object.insert("kernels".to_owned(), json!(self.kernels.words()));
            object.insert(
                "kernels_on".to_owned(),
                json!(if self.kernels.in_use().is_some() {
                    "gpu"
                } else {
                    "cpu"
                }),
            );
            object.insert(
                "frame_millis".to_owned(),
                json!(self.overlays.frame_millis()),
            );
        }
        snapshot
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.go_on_when_whole(ctx);
        if self.is_whole()
            && let Some(address) = platform::take_hash_change()
            && address != self.hash
        {
            self.follow(&address);
        }
        self.work(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        if self.is_whole() {
            self.take_files(&ctx);
        }
        let mut asked = command::pressed(&ctx);
        match self.open.lab().and_then(|kind| self.screens.get_mut(&kind)) {
            Some(screen) => asked.extend(screen.ui(ui, &mut surroundings!(self))),
            None if self.open == Open::Claims => {
                match self.claims_page.ui(ui, &mut surroundings!(self)) {
                    Some(ClaimsAction::Exhibit(exhibit)) => self.open_exhibit(exhibit),
                    Some(ClaimsAction::Command(command)) => asked.push(command),
                    Some(ClaimsAction::Save(csv)) => {
                        self.save("schedlab-claims.csv", csv.as_bytes());
                    }
                    None => {}
                }
            }
            None if self.open == Open::Bench => {
                match self.bench_page.ui(ui, self.kernels.device()) {
                    Some(BenchAction::Command(command)) => asked.push(command),
                    Some(BenchAction::Save(json)) => {
                        self.save("schedlab-bench.json", json.as_bytes());
                    }
                    None => {}
                }
            }
            None => {
                let action = self.home.ui(ui, &mut surroundings!(self), &mut self.shelf);
                if let Some(action) = action {
                    self.act(action, &ctx);
                }
            }
        }
        match self.shelf.naming_ui(&ctx) {
            Some(Ok(words)) => {
                self.notices.push(NoticeKind::Info, words);
                self.store_shelf();
            }
            Some(Err(error)) => self.notices.push(NoticeKind::Error, error.to_string()),
            None => {}
        }
        asked.extend(self.overlays.ui(&ctx, &mut self.kernels));
        self.prefs.kernels = self.kernels.wish();
        self.story_ui(&ctx);
        self.notices.show(&ctx);
        for command in asked {
            self.execute(command, &ctx);
        }
        self.write_hash(&ctx);
        platform::frame_drawn();
        if let Some(secs) = frame.info().cpu_usage {
            self.overlays.note_frame(secs * 1e3);
        }
    }

    // The page asks for a snapshot of the application that is running.
    #[cfg(target_arch = "wasm32")]
    fn as_any_mut(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        for (kind, screen) in &self.screens {
            self.prefs.last.insert(*kind, screen.shared());
        }
        store(storage, PREFS_KEY, &self.prefs);
        store(storage, KEPT_KEY, &self.shelf);
    }
}

/// What is kept under a key; the default where there is nothing that can be read. Setups are JSON
/// everywhere: a second format for the storage alone would double their code in the page.
fn stored<T: Default + serde::de::DeserializeOwned>(
    storage: Option<&dyn eframe::Storage>,
    key: &str,
) -> T {
    storage
        .and_then(|s| s.get_string(key))
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

fn store<T: serde::Serialize>(storage: &mut dyn eframe::Storage, key: &str, value: &T) {
    match serde_json::to_string(value) {
        Ok(text) => storage.set_string(key, text),
        Err(e) => log::warn!("{key} cannot be stored: {e}"),
    }
}

/// Opens the native window and runs until it is closed.
///
/// # Errors
/// Why no window could be opened.
#[cfg(not(target_arch = "wasm32"))]
pub fn run_native() -> crate::core::Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Schedlab")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([360.0, 480.0]),
        ..Default::default()
    };
    eframe::run_native(
        "schedlab",
        options,
        Box::new(|cc| Ok(Box::new(App::new(cc)))),
    )
    .map_err(|e| crate::core::Error::Unsupported(format!("a window here: {e}")))
}
