//! A lab on screen: one to four setups sharing one playhead, one selection and one seed, with
//! everything around them that is the same in every lab.

mod found;
mod layout;
mod panels;
mod parts;
mod snapshot;
mod sweep;

use super::command::Command;
use super::history::History;
use super::pace::Pace;
use super::prefs::Prefs;
use super::seeds::SeedBatch;
use super::slot::Slot;
use super::sweep::Sweep;
use crate::core::{EntityId, Error, Result, Timeline};
use crate::gpu::{Gpu, GpuLab};
use crate::labs::{
    CompareMode, DataKey, Dataset, Exhibit, LabRun, Library, MAX_SETUPS, Product, Shared,
};
use crate::ui::notice::{NoticeKind, Notices};
use crate::ui::transport::Transport;
use crate::ui::{ExtraTab, LabView};
use serde_json::Value;
use snapshot::{ScreenTold, SetupTold};

/// What a screen may use of the app.
pub(crate) struct Env<'a> {
    /// Data sets opened in this session.
    pub(crate) data: &'a Library,
    /// The kernels, where they are to be used.
    pub(crate) gpu: Option<&'a Gpu>,
    /// The device, whether kernels are to be used or not.
    pub(crate) device: Option<&'a Gpu>,
    /// Messages to the user.
    pub(crate) notices: &'a mut Notices,
    /// Preferences.
    pub(crate) prefs: &'a mut Prefs,
    /// How long computing may take.
    pub(crate) pace: Pace,
    /// Only the picture and the transport: the page stands inside another one.
    pub(crate) embedded: bool,
    /// State of the claim experiments.
    pub(crate) claims: &'a mut super::claims::Claims,
}

/// Commands that a screen passes on to the app.
pub(crate) type Asked = Vec<Command>;

/// A lab on screen, whatever its type.
pub(crate) trait Screen {
    /// Computes within the frame's budget; `true` while there is more to do.
    fn work(&mut self, env: &mut Env<'_>) -> bool;
    /// Draws everything; returns the commands asked for by buttons.
    fn ui(&mut self, ui: &mut egui::Ui, env: &mut Env<'_>) -> Asked;
    /// Obeys a command; `false` when it is not for a screen.
    fn execute(&mut self, command: Command, env: &mut Env<'_>) -> bool;
    /// The state as links and files hold it.
    fn shared(&self) -> Shared;
    /// Goes to a shared state; can be undone.
    ///
    /// # Errors
    /// When the state belongs to another lab.
    fn open(&mut self, shared: &Shared) -> Result<()>;
    /// Uses a data set in every setup.
    ///
    /// # Errors
    /// Why the data cannot be used here.
    fn use_data(&mut self, key: &DataKey, data: &Dataset) -> Result<()>;
    /// Computes everything again (the kernel path changed).
    fn invalidate(&mut self);
    /// The exhibit of the setup in front.
    fn exhibit(&self) -> Option<&'static Exhibit>;
    /// First table of the setup in front as CSV text, with a file name.
    fn table_csv(&self) -> Option<(String, String)>;
    /// The file that the run on screen makes at the playhead.
    ///
    /// # Errors
    /// Why there is none.
    fn product(&self) -> Result<Product>;
    /// What scripts and tests can read.
    fn snapshot(&self) -> Value;
    /// Whether the playhead moves by itself.
    fn is_playing(&self) -> bool;
    /// Pauses at a share (0 to 1) of the run.
    fn seek_share(&mut self, share: f64);
}

/// The tabs of the panel on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Results,
    Inspector,
    Sweep,
    Extra,
    Paper,
}

/// The sheets under the picture on a small screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sheet {
    Charts,
    Parameters,
    Results,
    Inspector,
    Sweep,
    Extra,
    Paper,
}

/// A lab on screen.
pub(crate) struct LabScreen<L: LabView + GpuLab> {
    slots: Vec<Slot<L>>,
    /// The setup whose parameters are shown.
    focus: usize,
    view: L::View,
    transport: Transport,
    timeline: Timeline,
    hovered: Option<EntityId>,
    cursor: Option<f64>,
    selected: Option<EntityId>,
    mode: CompareMode,
    history: History<Vec<L::Config>>,
    seeds: Option<SeedBatch<L>>,
    plan: sweep::Plan,
    sweep: Option<Sweep<L>>,
    /// The lab's own tab.
    extra: Option<ExtraTab<L::Config>>,
    side: Side,
    side_open: bool,
    sheet: Sheet,
    hidden_charts: Vec<&'static str>,
    /// No motion other than the data's own.
    still: bool,
}

impl<L: LabView + GpuLab> LabScreen<L> {
    /// The lab with its first preset.
    pub(crate) fn new(reduce_motion: bool) -> Self {
        let config = L::presets()
            .first()
            .map_or_else(L::Config::default, |p| (p.config)());
        let transport = Transport {
            playing: !reduce_motion,
            ..Transport::default()
        };
        Self {
            history: History::new(vec![config.clone()]),
            slots: vec![Slot::new(config)],
            focus: 0,
            view: L::View::default(),
            transport,
            timeline: Timeline::counted(1, "step", "1 step"),
            hovered: None,
            cursor: None,
            selected: None,
            mode: CompareMode::default(),
            seeds: None,
            plan: sweep::Plan::default(),
            sweep: None,
            extra: L::extra(),
            side: Side::Results,
            side_open: false,
            sheet: Sheet::Charts,
            hidden_charts: Vec::new(),
            still: reduce_motion,
        }
    }

    fn configs(&self) -> Vec<L::Config> {
        self.slots.iter().map(|s| s.config.clone()).collect()
    }

    fn set_configs(&mut self, configs: Vec<L::Config>) {
        self.slots.truncate(configs.len().max(1));
        for (i, config) in configs.into_iter().enumerate() {
            match self.slots.get_mut(i) {
                Some(slot) => slot.config = config,
                None => self.slots.push(Slot::new(config)),
            }
        }
        self.focus = self.focus.min(self.slots.len() - 1);
        self.seeds = None;
    }

    /// Puts a new starting point (preset, exhibit, link, file) into the focused setup.
    fn start_from(&mut self, config: &L::Config) {
        let slot = &mut self.slots[self.focus];
        slot.config = config.clone();
        slot.base = config.clone();
        self.seeds = None;
        self.transport.playhead = 0.0;
        self.transport.playing = true;
    }

    fn add_setup(&mut self) {
        if self.slots.len() < MAX_SETUPS {
            let copy = self.slots[self.focus].duplicate();
            self.slots.push(copy);
            self.focus = self.slots.len() - 1;
            self.seeds = None;
        }
    }

    fn remove_setup(&mut self, index: usize) {
        if self.slots.len() > 1 {
            self.slots.remove(index);
            self.focus = self.focus.min(self.slots.len() - 1);
            self.seeds = None;
        }
    }

    /// The shared time axis: that of the setup that runs longest.
    fn renew_timeline(&mut self) {
        let longest = self
            .slots
            .iter()
            .filter_map(|s| s.run.as_ref())
            .map(LabRun::timeline)
            .max_by(|a, b| a.end().total_cmp(&b.end()));
        if let Some(timeline) = longest {
            let at_end = self.transport.playhead >= self.timeline.end();
            let was_shown = self.timeline.steps.len() > 2;
            self.timeline = timeline.clone();
            if at_end && was_shown && !self.transport.playing {
                self.transport.playhead = self.timeline.end();
            }
            self.transport.playhead = self
                .transport
                .playhead
                .clamp(self.timeline.start(), self.timeline.end());
        }
    }

    /// Keys 1 to 9 choose a preset.
    fn preset_keys(&mut self, ui: &egui::Ui) {
        const KEYS: [egui::Key; 9] = [
            egui::Key::Num1,
            egui::Key::Num2,
            egui::Key::Num3,
            egui::Key::Num4,
            egui::Key::Num5,
            egui::Key::Num6,
            egui::Key::Num7,
            egui::Key::Num8,
            egui::Key::Num9,
        ];
        if ui.ctx().text_edit_focused() {
            return;
        }
        let pressed = KEYS
            .iter()
            .position(|key| ui.input_mut(|i| i.consume_key(egui::Modifiers::NONE, *key)));
        if let Some(preset) = pressed.and_then(|index| L::presets().get(index)) {
            self.start_from(&(preset.config)());
        }
    }
}

impl<L: LabView + GpuLab> Screen for LabScreen<L> {
    fn work(&mut self, env: &mut Env<'_>) -> bool {
        let mut finished = false;
        for slot in &mut self.slots {
            finished |= slot.refresh(env.data, env.gpu);
        }
        let start = crate::platform::now_secs();
        let mut busy = true;
        let mut extra_busy = false;
        let budget = if self.slots.iter().any(|s| s.run.is_none() || s.is_preview) {
            env.pace.waiting()
        } else if self.slots.iter().any(|s| s.is_working() && s.is_stale()) {
            env.pace.out_of_date()
        } else {
            env.pace.moving()
        };
        // The picture of a finished run takes its time too: nothing else is computed in its frame.
        let mut over = false;
        while busy && !over && crate::platform::now_secs() - start < budget {
            busy = false;
            for slot in self.slots.iter_mut().filter(|s| s.is_working()) {
                let (shown, trouble) = slot.step(env.data, env.gpu);
                finished |= shown;
                over |= shown && !slot.is_working();
                busy |= slot.is_working() && !slot.is_waiting_for_gpu();
                if let Some(error) = trouble {
                    env.notices.push(
                        NoticeKind::Warning,
                        format!("{error}. This run goes on on the CPU; the results are the same."),
                    );
                }
            }
            if !busy
                && let Some(batch) = &mut self.seeds
                && !batch.is_done()
            {
                busy = true;
                if let Err(error) = batch.step(env.data) {
                    env.notices.push(NoticeKind::Error, error.to_string());
                    self.seeds = None;
                }
            }
            if !busy
                && let Some(sweep) = &mut self.sweep
                && !sweep.grid.is_done()
            {
                busy = true;
                if let Err(error) = sweep.step(env.data) {
                    env.notices.push(NoticeKind::Error, error.to_string());
                    self.sweep = None;
                }
            }
            if !busy && let Some((_, extra)) = &mut self.extra {
                match extra.step() {
                    Ok(more) => extra_busy = more,
                    Err(error) => {
                        extra_busy = false;
                        env.notices.push(NoticeKind::Error, error.to_string());
                    }
                }
                busy = extra_busy;
            }
        }
        if let (Some((_, extra)), Some(device)) = (&mut self.extra, env.device) {
            match extra.poll_device(device) {
                Ok(more) => extra_busy |= more,
                Err(error) => env.notices.push(NoticeKind::Error, error.to_string()),
            }
        }
        if finished {
            self.renew_timeline();
        }
        self.slots.iter().any(Slot::is_working)
            || self.seeds.as_ref().is_some_and(|b| !b.is_done())
            || self.sweep.as_ref().is_some_and(|s| !s.grid.is_done())
            || extra_busy
    }

    fn ui(&mut self, ui: &mut egui::Ui, env: &mut Env<'_>) -> Asked {
        let dt = f64::from(ui.input(|i| i.stable_dt).min(0.1));
        if self.transport.playing {
            self.transport.tick(dt, &self.timeline);
            ui.ctx().request_repaint();
        }
        self.preset_keys(ui);
        // Whatever is under the pointer says so anew while the pointer moves.
        if ui.input(|i| i.pointer.is_moving() || !i.pointer.has_pointer()) {
            self.hovered = None;
            self.cursor = None;
        }
        let labels: Vec<String> = self.slots.iter().map(|s| L::label(&s.config)).collect();
        let seed = L::seed(&self.slots[0].config);
        crate::ui::chart::set_caption(
            ui.ctx(),
            format!("schedlab · {} · seed {seed}", labels.join(" against ")),
        );
        let asked = self.layout_ui(ui, env);
        let settled = ui.input(|i| !i.pointer.any_down()) && !ui.ctx().text_edit_focused();
        let configs = self.configs();
        self.history.observe(&configs, settled);
        asked
    }

    fn execute(&mut self, command: Command, env: &mut Env<'_>) -> bool {
        let Transport { playhead, .. } = self.transport;
        match command {
            Command::PlayPause => {
                if !self.transport.playing && playhead >= self.timeline.end() {
                    self.transport.playhead = self.timeline.start();
                }
                self.transport.playing = !self.transport.playing;
            }
            Command::StepBack => {
                self.transport.playing = false;
                self.transport.playhead = self.timeline.previous(playhead);
            }
            Command::StepForward => {
                self.transport.playing = false;
                self.transport.playhead = self.timeline.next(playhead);
            }
            Command::ToStart => self.transport.playhead = self.timeline.start(),
            Command::ToEnd => {
                self.transport.playing = false;
                self.transport.playhead = self.timeline.end();
            }
            Command::Slower => self.transport.speed = (self.transport.speed / 2.0).max(0.0625),
            Command::Faster => self.transport.speed = (self.transport.speed * 2.0).min(64.0),
            Command::Loop => self.transport.looping = !self.transport.looping,
            Command::Compare => self.add_setup(),
            Command::CycleMode => self.mode = self.mode.next(),
            Command::NewSeed => {
                let seed = L::seed(&self.slots[0].config).wrapping_add(1);
                for slot in &mut self.slots {
                    L::set_seed(&mut slot.config, seed);
                }
                self.seeds = None;
            }
            Command::ManySeeds => {
                self.seeds = Some(SeedBatch::new(self.configs()));
                self.side = Side::Results;
                self.sheet = Sheet::Results;
                self.side_open = true;
            }
            Command::Sweep => {
                self.side = Side::Sweep;
                self.sheet = Sheet::Sweep;
                self.side_open = true;
            }
            Command::Reset => {
                let slot = &mut self.slots[self.focus];
                slot.config = slot.base.clone();
            }
            Command::Undo => {
                if let Some(configs) = self.history.undo() {
                    self.set_configs(configs);
                }
            }
            Command::Redo => {
                if let Some(configs) = self.history.redo() {
                    self.set_configs(configs);
                }
            }
            Command::Inspector => self.side_open = !self.side_open,
            Command::Panels => env.prefs.panels_hidden = !env.prefs.panels_hidden,
            Command::Escape => {
                if self.selected.take().is_none() {
                    self.side_open = false;
                }
            }
            _ => return false,
        }
        true
    }

    fn shared(&self) -> Shared {
        let mut shared = Shared::single(self.slots[0].config.clone().into());
        shared.setups = self.slots.iter().map(|s| s.config.clone().into()).collect();
        shared.playhead = self.transport.playhead;
        shared.selected = self.selected;
        shared.mode = self.mode;
        shared
    }

    fn open(&mut self, shared: &Shared) -> Result<()> {
        let configs = shared
            .setups
            .iter()
            .cloned()
            .map(L::Config::try_from)
            .collect::<Result<Vec<_>>>()?;
        self.set_configs(configs);
        for slot in &mut self.slots {
            slot.base = slot.config.clone();
        }
        self.focus = 0;
        self.selected = shared.selected;
        self.mode = shared.mode;
        self.transport.playhead = shared.playhead.max(0.0);
        self.transport.playing = shared.playhead <= 0.0 && self.transport.playing;
        Ok(())
    }

    fn use_data(&mut self, key: &DataKey, data: &Dataset) -> Result<()> {
        let configs = self
            .slots
            .iter()
            .map(|slot| {
                let config = L::use_data(&slot.config, key, data)?;
                L::check(&config).map(|()| config)
            })
            .collect::<Result<Vec<_>>>()?;
        self.set_configs(configs);
        for slot in &mut self.slots {
            slot.base = slot.config.clone();
        }
        self.transport.playhead = 0.0;
        self.transport.playing = true;
        Ok(())
    }

    fn invalidate(&mut self) {
        self.slots.iter_mut().for_each(Slot::invalidate);
    }

    fn is_playing(&self) -> bool {
        self.transport.playing
    }

    fn seek_share(&mut self, share: f64) {
        let (start, end) = (self.timeline.start(), self.timeline.end());
        self.transport.playing = false;
        self.transport.playhead = start + (end - start) * share.clamp(0.0, 1.0);
    }

    fn exhibit(&self) -> Option<&'static Exhibit> {
        L::exhibit(&self.slots[self.focus].config)
    }

    fn table_csv(&self) -> Option<(String, String)> {
        let run = self.slots[self.focus].run.as_ref()?;
        let (name, table) = run.tables().into_iter().next()?;
        Some((
            format!("schedlab-{}-{name}.csv", L::KIND.id()),
            table.to_csv(),
        ))
    }

    fn product(&self) -> Result<Product> {
        let slot = &self.slots[self.focus];
        match &slot.run {
            Some(run) if !slot.is_stale() => run.product(self.transport.playhead),
            _ => Err(Error::Stuck(
                "nothing can be saved before the run is finished".to_owned(),
            )),
        }
    }

    fn snapshot(&self) -> Value {
        let setups = self.slots.iter().map(|slot| SetupTold {
            label: L::label(&slot.config),
            setup: slot.config.clone().into(),
            metrics: slot.run.as_ref().map(|_| &slot.metrics[..]),
            summary: slot.run.as_ref().map(LabRun::summary),
            error: slot.error.as_ref().map(Error::to_string),
            is_stale: slot.is_stale(),
            is_running: slot.is_working(),
            on_gpu: slot.on_gpu,
        });
        let screen = ScreenTold {
            lab: L::KIND.id(),
            exhibit: self.exhibit().map(|e| e.id),
            focus: self.focus,
            mode: self.mode,
            playhead: self.transport.playhead,
            end: self.timeline.end(),
            steps: self.timeline.steps.len(),
            playing: self.transport.playing,
            selected: self.selected,
            seeds: self.seeds.as_ref().map(SeedBatch::progress),
            sweep: self.sweep.as_ref().map(|s| s.grid.progress()),
        };
        screen.json(setups.collect())
    }
}
