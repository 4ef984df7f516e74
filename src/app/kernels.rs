//! Where kernels run in this window: measured at start on a software adapter, overridden by the
//! user, and back to the CPU when the device is lost.

use super::prefs::KernelChoice;
use crate::gpu::{Choice, Gpu, Path, Probe, Speeds, Tier, Tuned, Tuner, WarmUp, Wish, choose};
use crate::platform;
use crate::ui::notice::{NoticeKind, Notices};

/// The measurement of the shape of kernels, once per device.
enum Tuning {
    /// Waits until kernels are in use and nothing is computed.
    Due,
    UnderWay(Tuner),
    /// The outcome; `None` if the device failed.
    Done(Option<Tuned>),
}

/// The device, the measurements and the choice.
pub(crate) struct Kernels {
    gpu: Option<Gpu>,
    wish: Wish,
    probe: Option<Probe>,
    speeds: Option<Speeds>,
    choice: Choice,
    tuning: Tuning,
    /// Kernels still to be compiled, after the tuning.
    warm_up: Option<WarmUp>,
    loss_reported: bool,
}

impl Kernels {
    /// Looks at the window's device. `?kernels=gpu` or `?kernels=cpu` in the address overrides the
    /// stored wish.
    pub(crate) fn new(cc: &eframe::CreationContext<'_>, stored: KernelChoice) -> Self {
        let gpu = cc.wgpu_render_state.as_ref().map(|state| {
            let gpu = Gpu::from_parts(&state.adapter, &state.device, &state.queue);
            let ctx = cc.egui_ctx.clone();
            gpu.on_news(move || ctx.request_repaint());
            gpu
        });
        let wish = match platform::query("kernels").as_deref() {
            Some("gpu") => Wish::Gpu,
            Some("cpu") => Wish::Cpu,
            _ => match stored {
                KernelChoice::Auto => Wish::Auto,
                KernelChoice::Gpu => Wish::Gpu,
                KernelChoice::Cpu => Wish::Cpu,
            },
        };
        let probe = gpu
            .as_ref()
            .filter(|gpu| {
                wish == Wish::Auto && gpu.caps().tier == Tier::Full && gpu.caps().software
            })
            .and_then(|gpu| Probe::start(gpu).ok());
        let choice = choose(gpu.as_ref(), wish, None);
        Self {
            gpu,
            wish,
            probe,
            speeds: None,
            choice,
            tuning: Tuning::Due,
            warm_up: None,
            loss_reported: false,
        }
    }

    /// Goes on measuring and watches the device; `true` when the path changed, so that runs under
    /// way start again. `busy`: whether something is being computed.
    pub(crate) fn poll(&mut self, ctx: &egui::Context, notices: &mut Notices, busy: bool) -> bool {
        let Some(gpu) = &self.gpu else {
            return false;
        };
        // A fault shows in `fault` below; polling only fetches news.
        gpu.poll().ok();
        if let Some(probe) = &mut self.probe {
            match probe.poll(gpu) {
                Some(Ok(speeds)) => {
                    self.speeds = Some(speeds);
                    self.probe = None;
                }
                Some(Err(error)) => {
                    log::warn!("the measurement of the device failed: {error}");
                    self.probe = None;
                }
                None => ctx.request_repaint(),
            }
        }
        if gpu.lost() && !self.loss_reported {
            self.loss_reported = true;
            self.probe = None;
            let why = gpu.fault().unwrap_or_default();
            notices.push(
                NoticeKind::Warning,
                format!("The graphics device was lost ({why}). Kernels run on the CPU now; your setup is kept."),
            );
            platform::report_device_lost(&why);
        }
        let choice = choose(Some(gpu), self.wish, self.speeds);
        let changed = choice.path != self.choice.path;
        self.choice = choice;
        self.tune(ctx, busy);
        changed
    }

    /// Chooses the shape of kernels compiled from now on, when nobody waits for a result.
    fn tune(&mut self, ctx: &egui::Context, busy: bool) {
        let Some(gpu) = self.in_use().cloned() else {
            return;
        };
        let outcome = match &mut self.tuning {
            Tuning::Due if busy => {
                // One frame more than the work needs.
                ctx.request_repaint();
                return;
            }
            Tuning::Due => match Tuner::start(&gpu) {
                Ok(tuner) => {
                    self.tuning = Tuning::UnderWay(tuner);
                    return;
                }
                Err(error) => Err(error),
            },
            // What comes back asks for a frame.
            Tuning::UnderWay(tuner) => match tuner.poll(&gpu) {
                Some(outcome) => outcome,
                None => return,
            },
            Tuning::Done(_) => return self.warm(&gpu, ctx, busy),
        };
        match outcome {
            Ok(tuned) => {
                gpu.set_shape(tuned.shape);
                self.tuning = Tuning::Done(Some(tuned));
                // Where the CPU plays the device, compiling takes its time from everything else.
                self.warm_up = (!gpu.caps().software).then(WarmUp::default);
                ctx.request_repaint();
            }
            Err(error) => {
                log::warn!("the shape of kernels was not measured: {error}");
                self.tuning = Tuning::Done(None);
            }
        }
    }

    /// Compiles the kernels of labs that are not open yet, while nobody waits and nothing is dragged.
    fn warm(&mut self, gpu: &Gpu, ctx: &egui::Context, busy: bool) {
        let Some(warm_up) = &mut self.warm_up else {
            return;
        };
        if busy || ctx.input(|input| input.pointer.any_down()) {
            // One frame more than that needs.
            ctx.request_repaint();
            return;
        }
        match warm_up.poll(gpu) {
            // What comes back asks for a frame.
            Ok(true) => {}
            Ok(false) => self.warm_up = None,
            Err(error) => {
                log::warn!("a kernel was not compiled ahead: {error}");
                self.warm_up = None;
            }
        }
    }

    /// The device, whichever path is in use.
    pub(crate) fn device(&self) -> Option<&Gpu> {
        self.gpu.as_ref()
    }

    /// The device, if kernels are to run on it.
    pub(crate) fn in_use(&self) -> Option<&Gpu> {
        self.gpu
            .as_ref()
            .filter(|gpu| self.choice.path == Path::Gpu && gpu.computes())
    }

    /// The wish as stored.
    pub(crate) fn wish(&self) -> KernelChoice {
        match self.wish {
            Wish::Auto => KernelChoice::Auto,
            Wish::Gpu => KernelChoice::Gpu,
            Wish::Cpu => KernelChoice::Cpu,
        }
    }

    /// Changes the wish.
    pub(crate) fn set_wish(&mut self, wish: KernelChoice) {
        self.wish = match wish {
            KernelChoice::Auto => Wish::Auto,
            KernelChoice::Gpu => Wish::Gpu,
            KernelChoice::Cpu => Wish::Cpu,
        };
    }

    /// "Kernels: CPU, because …".
    pub(crate) fn words(&self) -> String {
        let path = match self.choice.path {
            Path::Gpu => "GPU",
            Path::Cpu => "CPU",
        };
        let shape = match (&self.tuning, self.choice.path) {
            (Tuning::Done(Some(tuned)), Path::Gpu) => format!("; {}", tuned.words()),
            _ => String::new(),
        };
        format!("Kernels: {path} – {}{shape}", self.choice.reason)
    }
}
