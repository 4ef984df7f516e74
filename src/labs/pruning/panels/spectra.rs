//! Singular values of the tensor chosen in the table.

use super::super::checkpoint::Tensor;
use super::super::gpu::GramOnDevice;
use super::super::spectrum::{Decomposing, Flat, MOST_ON_SCREEN, Solving, Spectrum, check};
use super::speed::chart_of;
use super::under_way_ui;
use crate::core::{Axis, Chart, Job as _, Mark, Result, Series, SeriesKind, Step};
use crate::gpu::Gpu;
use crate::ui::format::number;
use crate::ui::theme::Palette;
use egui::{RichText, Ui};

enum Work {
    Cpu(Box<Decomposing<Flat>>),
    Device(Box<GramOnDevice>),
    /// The Gram matrix came from a device.
    Rest(Box<Solving>),
}

struct Found {
    /// What it is of, how it was computed, and what it says.
    words: [String; 3],
    chart: Chart,
}

/// The spectrum under way, and the last one.
#[derive(Default)]
pub(super) struct Spectra {
    work: Option<Work>,
    /// Tensor and path of the one under way.
    asked: [String; 2],
    found: Option<Found>,
}

/// Whether a tensor has a spectrum here: all its values are finite, and it is not too large.
pub(super) fn has_spectrum(tensor: &Tensor) -> bool {
    tensor.shape.len() >= 2
        && tensor.nan + tensor.inf == 0
        && check(tensor.matrix(), MOST_ON_SCREEN).is_ok()
}

impl Spectra {
    /// Draws buttons, progress and what was found.
    pub(super) fn ui(&mut self, tensor: Option<&Tensor>, device: Option<&str>, ui: &mut Ui) {
        let palette = Palette::of(ui.ctx());
        let note = |text: &str| RichText::new(text).small().color(palette.muted);
        ui.label(RichText::new("Singular values").strong());
        if let Some(work) = &self.work {
            let done = match work {
                Work::Cpu(job) => job.progress(),
                Work::Device(job) => 0.5 * job.progress(),
                Work::Rest(job) => 0.5 + 0.5 * job.progress(),
            };
            if under_way_ui(ui, done) {
                self.work = None;
            }
        } else if let Some(tensor) = tensor {
            self.start_ui(tensor, device, ui);
        } else {
            ui.label(note("Choose a tensor by its name in the table."));
        }
        if let Some(found) = &self.found {
            let [of, how, says] = &found.words;
            ui.label(RichText::new(of).strong());
            ui.label(says);
            ui.label(note(how));
            chart_of(&found.chart, ui);
        }
    }

    fn start_ui(&mut self, tensor: &Tensor, device: Option<&str>, ui: &mut Ui) {
        let [rows, cols] = tensor.matrix();
        ui.label(format!("{}: {rows} × {cols}", tensor.name));
        if !has_spectrum(tensor) {
            let palette = Palette::of(ui.ctx());
            let why = if tensor.nan + tensor.inf > 0 {
                "It holds values that are infinite or not a number: no singular values.".to_owned()
            } else if tensor.shape.len() < 2 {
                "A vector has one singular value, its length.".to_owned()
            } else {
                format!(
                    "The smaller side may be {MOST_ON_SCREEN} at most here: the work grows with its third power. The command line takes more: schedlab prune --spectra."
                )
            };
            ui.label(RichText::new(why).small().color(palette.warning));
            return;
        }
        let flat = || Flat::new(tensor.values.clone(), tensor.matrix());
        ui.horizontal_wrapped(|ui| {
            if ui.button("Spectrum on one CPU thread").clicked() {
                let job = flat().and_then(|f| Decomposing::new(&tensor.name, f, MOST_ON_SCREEN));
                self.work = job.ok().map(|job| Work::Cpu(Box::new(job)));
                self.asked = [&tensor.name, "one CPU thread, in double precision"].map(Into::into);
            }
            if let Some(name) = device
                && ui.button("Spectrum on the graphics device").clicked()
            {
                let values = tensor.values.clone();
                let job = GramOnDevice::new(&tensor.name, values, tensor.matrix());
                self.work = job.ok().map(|job| Work::Device(Box::new(job)));
                let on = format!("{name}, in single precision, its eigenvalues on the CPU");
                self.asked = [tensor.name.clone(), on];
            }
        });
    }

    /// A short step on the CPU; whether there is more.
    pub(super) fn step(&mut self) -> Result<bool> {
        let step = match &mut self.work {
            Some(Work::Cpu(job)) => job.step(),
            Some(Work::Rest(job)) => job.step(),
            _ => return Ok(false),
        };
        match step {
            Ok(Step::Working) => return Ok(true),
            Ok(Step::Done(spectrum)) => self.found = Some(Found::of(&spectrum, &self.asked)),
            Err(error) => {
                self.work = None;
                return Err(error);
            }
        }
        self.work = None;
        Ok(false)
    }

    /// Looks at the device; whether something is on its way there.
    pub(super) fn poll(&mut self, device: &Gpu) -> Result<bool> {
        let Some(Work::Device(job)) = &mut self.work else {
            return Ok(false);
        };
        match job.poll(device) {
            Ok(None) => Ok(true),
            Ok(Some(rest)) => {
                self.work = Some(Work::Rest(Box::new(rest)));
                Ok(false)
            }
            Err(error) => {
                self.work = None;
                Err(error)
            }
        }
    }
}

impl Found {
    fn of(spectrum: &Spectrum, [name, on]: &[String; 2]) -> Self {
        let n = spectrum.values.len();
        let below = n - spectrum.above_floor();
        let energies = spectrum.energies();
        let part = |k: usize| match energies.get(k - 1) {
            Some(e) if k < n => format!("the first {k} hold {:.1} % of the energy; ", 100.0 * e),
            _ => String::new(),
        };
        let says = format!(
            "Largest {}; stable rank {}, effective rank {} of {n}; {}{}90 % of the energy take {}, 99 % take {}.",
            number(spectrum.largest()),
            number(spectrum.stable_rank()),
            number(spectrum.effective_rank()),
            part(10),
            part(100),
            spectrum.first_with(0.9),
            spectrum.first_with(0.99),
        );
        let how = format!(
            "From the Gram matrix of the smaller side, on {on}: squares are added up, so that below about {} there is little but rounding; {below} of the values lie there.",
            number(spectrum.floor)
        );
        Self {
            words: [format!("{n} singular values of {name}"), how, says],
            chart: chart(spectrum),
        }
    }
}

fn chart(spectrum: &Spectrum) -> Chart {
    let n = spectrum.values.len();
    let points = spectrum.values.iter().enumerate();
    let points: Vec<[f64; 2]> = points.map(|(k, &v)| [(k + 1) as f64, v]).collect();
    let kind = if n > 1 {
        SeriesKind::Line
    } else {
        SeriesKind::Points
    };
    let mut series = vec![Series::new("singular values", kind, points)];
    // A floor far below all values would squeeze them together; the words tell it.
    let least = spectrum.values.last().copied().unwrap_or(0.0);
    if spectrum.floor > 0.0 && n > 1 && 1e3 * spectrum.floor > least {
        let floor = [[1.0, spectrum.floor], [n as f64, spectrum.floor]];
        series.push(Series::line("floor of rounding", floor.to_vec()).as_reference());
    }
    let mark = |share: f64| Mark {
        x: spectrum.first_with(share) as f64,
        label: format!("{:.0} % of the energy", 100.0 * share),
    };
    let marks = if spectrum.largest() > 0.0 && n > 1 {
        vec![mark(0.9), mark(0.99)]
    } else {
        Vec::new()
    };
    Chart {
        id: "spectrum",
        title: "Singular values",
        doc: "Of the tensor as a matrix of outputs by everything else, in descending order; values below the line of the floor are mostly rounding.",
        x: Axis::linear("place in the order", ""),
        y: Axis::log("singular value", ""),
        series,
        marks,
        on_timeline: false,
    }
}
