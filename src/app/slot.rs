//! One setup on screen with its computation. The newest config wins: a change drops the job under
//! way, and the last finished run stays on screen, marked stale, until the new one is there.

use crate::core::{Error, Job, Metric, Result, Step};
use crate::gpu::{Gpu, GpuJob, GpuLab};
use crate::labs::{LabRun as _, Library};

/// A computation under way, on either path, or its result before it is shown.
enum Work<R> {
    Cpu(Box<dyn Job<Out = R>>),
    Gpu(Box<dyn GpuJob<Out = R>>),
    Over(R, bool),
}

/// A setup, its run and the work towards it.
pub(crate) struct Slot<L: GpuLab> {
    /// What the user edits.
    pub(crate) config: L::Config,
    /// What "reset" goes back to.
    pub(crate) base: L::Config,
    /// The config last started, whether it ran or was refused.
    requested: Option<L::Config>,
    work: Option<Work<L::Run>>,
    /// The last finished run.
    pub(crate) run: Option<L::Run>,
    /// Its headline numbers, worked out once: they are shown in every frame.
    pub(crate) metrics: Vec<Metric>,
    /// The config of that run.
    run_config: Option<L::Config>,
    /// Why the current config does not run.
    pub(crate) error: Option<Error>,
    /// Whether the last finished run came from the kernels.
    pub(crate) on_gpu: bool,
    /// Whether the run on screen is what is known so far of the one under way.
    pub(crate) is_preview: bool,
}

impl<L: GpuLab> Slot<L> {
    /// A setup not yet run.
    pub(crate) fn new(config: L::Config) -> Self {
        Self {
            base: config.clone(),
            config,
            requested: None,
            work: None,
            run: None,
            metrics: Vec::new(),
            run_config: None,
            error: None,
            on_gpu: false,
            is_preview: false,
        }
    }

    /// The same setup once more, with the run it already has.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            config: self.config.clone(),
            base: self.base.clone(),
            requested: self.run_config.clone(),
            work: None,
            run: self.run.clone(),
            metrics: self.metrics.clone(),
            run_config: self.run_config.clone(),
            error: None,
            on_gpu: self.on_gpu,
            is_preview: self.is_preview,
        }
    }

    /// Whether the run on screen belongs to an older config.
    pub(crate) fn is_stale(&self) -> bool {
        self.run_config.as_ref() != Some(&self.config)
    }

    /// Whether a computation is under way.
    pub(crate) fn is_working(&self) -> bool {
        self.work.is_some()
    }

    /// Share of the computation done, if one is under way.
    pub(crate) fn progress(&self) -> Option<f64> {
        Some(match self.work.as_ref()? {
            Work::Cpu(job) => job.progress(),
            Work::Gpu(job) => job.progress(),
            Work::Over(..) => 1.0,
        })
    }

    /// Stops the computation under way; the last run stays.
    pub(crate) fn cancel(&mut self) {
        self.work = None;
    }

    /// Forgets what was computed so that it is computed again (the kernel path changed, or a data
    /// set arrived).
    pub(crate) fn invalidate(&mut self) {
        self.requested = None;
    }

    /// Starts the computation if the config changed; `true` when a run that was finished but not
    /// shown yet is shown first, so that a parameter that is dragged has a picture.
    pub(crate) fn refresh(&mut self, data: &Library, gpu: Option<&Gpu>) -> bool {
        if self.requested.as_ref() == Some(&self.config) {
            return false;
        }
        let shown = self.show_finished();
        self.requested = Some(self.config.clone());
        self.work = None;
        // What is shown belongs to a run that will not be finished now.
        self.is_preview = false;
        match Self::begin(&self.config, data, gpu) {
            Ok(work) => {
                self.work = Some(work);
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        shown
    }

    fn begin(config: &L::Config, data: &Library, gpu: Option<&Gpu>) -> Result<Work<L::Run>> {
        L::check(config)?;
        if let Some(gpu) = gpu
            && let Some(job) = L::start_gpu(gpu, config, data)?
        {
            return Ok(Work::Gpu(job));
        }
        L::start(config, data).map(Work::Cpu)
    }

    fn show(&mut self, run: L::Run) {
        self.metrics = run.metrics();
        self.run = Some(run);
    }

    /// Shows a run that is finished; whether there is one.
    fn show_finished(&mut self) -> bool {
        match self.work.take() {
            Some(Work::Over(run, on_gpu)) => {
                self.is_preview = false;
                self.show(run);
                self.run_config.clone_from(&self.requested);
                self.on_gpu = on_gpu;
                true
            }
            other => {
                self.work = other;
                false
            }
        }
    }

    /// Takes one step of the work; `true` when there is a new run to show, finished or as a preview.
    /// Showing a finished run is a step of its own, so that the last step of the computation and the
    /// first picture need not fit into one frame. A failure on the GPU is followed by the same
    /// computation on the CPU; its text is returned for the status line.
    pub(crate) fn step(&mut self, data: &Library, gpu: Option<&Gpu>) -> (bool, Option<Error>) {
        if self.show_finished() {
            return (true, None);
        }
        let (outcome, on_gpu) = match (&mut self.work, gpu) {
            (None | Some(Work::Over(..)), _) => return (false, None),
            (Some(Work::Cpu(job)), _) => (job.step(), false),
            (Some(Work::Gpu(job)), Some(gpu)) => (job.poll(gpu), true),
            (Some(Work::Gpu(_)), None) => (Err(Error::Gpu("the device is gone".to_owned())), true),
        };
        match outcome {
            Ok(Step::Working) => {
                let preview = match &mut self.work {
                    Some(Work::Cpu(job)) => job.preview(),
                    Some(Work::Gpu(job)) => job.preview(),
                    Some(Work::Over(..)) | None => None,
                };
                let shown = preview.is_some();
                if let Some(run) = preview {
                    self.show(run);
                    self.run_config = None;
                    self.is_preview = true;
                }
                (shown, None)
            }
            Ok(Step::Done(run)) => {
                self.work = Some(Work::Over(run, on_gpu));
                (false, None)
            }
            Err(error) if on_gpu => {
                match L::start(&self.config, data) {
                    Ok(job) => self.work = Some(Work::Cpu(job)),
                    Err(refused) => {
                        self.work = None;
                        self.error = Some(refused);
                    }
                }
                (false, Some(error))
            }
            Err(error) => {
                self.work = None;
                self.error = Some(error);
                (false, None)
            }
        }
    }

    /// Whether the work waits for the device, so that stepping again at once is of no use.
    pub(crate) fn is_waiting_for_gpu(&self) -> bool {
        matches!(&self.work, Some(Work::Gpu(job)) if job.is_waiting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::{Config, Serving};

    #[test]
    fn a_finished_run_is_shown_in_a_step_of_its_own_or_before_the_next_begins() {
        let data = Library::default();
        let small = Config {
            requests: 20,
            ..Config::default()
        };
        let mut slot = Slot::<Serving>::new(small);
        assert!(!slot.refresh(&data, None), "nothing to show");
        while !matches!(slot.work, Some(Work::Over(..))) {
            assert!(!slot.step(&data, None).0);
        }
        assert!(slot.run.is_none() && slot.is_working());
        assert!(slot.step(&data, None).0, "shown");
        assert!(slot.run.is_some() && !slot.is_working() && !slot.is_stale());

        slot.config.requests = 21;
        slot.refresh(&data, None);
        while !matches!(slot.work, Some(Work::Over(..))) {
            slot.step(&data, None);
        }
        slot.config.requests = 22;
        assert!(slot.refresh(&data, None), "shown before the next begins");
        assert!(slot.is_stale() && slot.is_working());
        let run = slot.run.as_ref().map(crate::labs::LabRun::summary);
        assert!(run.is_some_and(|text| text.contains("21 of 21")));
    }
}
