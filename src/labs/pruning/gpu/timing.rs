//! Products with pruned matrices on the user's device, density by density.

use crate::core::Result;
use crate::core::rng::{Stream, StreamId};
use crate::core::sparse::{Build, DENSITIES, Timed};
use crate::gpu::{Gpu, ProductMatrix, Products};

enum Stage {
    Build(Box<Build>),
    /// The matrix is made; the device has not seen it yet.
    Made(Box<Build>),
    Run(Box<Products>),
}

/// Times dense products and those of compressed sparse rows on the device.
pub(in super::super) struct DeviceTiming {
    side: usize,
    x: Vec<f32>,
    stage: Stage,
    /// What is known; formats without a kernel are not a number.
    pub(in super::super) timed: Vec<Timed>,
    /// Milliseconds of handing one product over and reading it back, by density.
    trips: Vec<f64>,
    /// Products that lasted long enough at the density before.
    counts: [u32; 2],
}

impl DeviceTiming {
    /// Nothing timed yet; sides are a multiple of four.
    pub(in super::super) fn new(side: usize) -> Self {
        let mut luck = Stream::new(1, StreamId::Weights);
        Self {
            x: (0..side).map(|_| luck.normal_f32()).collect(),
            stage: Stage::Build(Box::new(Build::new([side; 2], DENSITIES[0], luck))),
            timed: Vec::new(),
            trips: Vec::new(),
            counts: [1; 2],
            side,
        }
    }

    /// Rows of the matrix.
    pub(in super::super) fn side(&self) -> usize {
        self.side
    }

    /// Median time in milliseconds of handing one dense product over and reading it back.
    pub(in super::super) fn trip_ms(&self) -> f64 {
        crate::core::stats::percentile(&self.trips, 50.0)
    }

    /// Share done, 0 to 1.
    pub(in super::super) fn progress(&self) -> f64 {
        let inside = match &self.stage {
            Stage::Build(build) => 0.4 * build.progress(),
            Stage::Made(_) => 0.4,
            Stage::Run(_) => 0.5,
        };
        (self.timed.len() as f64 + inside) / DENSITIES.len() as f64
    }

    /// Makes some more rows; whether the processor has more to do now.
    pub(in super::super) fn step(&mut self) -> bool {
        let Stage::Build(build) = &mut self.stage else {
            return false;
        };
        if !build.step() {
            return true;
        }
        let fresh = Build::new([0; 2], 0.0, Stream::new(1, StreamId::Weights));
        let made = std::mem::replace(build, Box::new(fresh));
        self.stage = Stage::Made(made);
        false
    }

    /// Looks at the device; whether all densities are timed.
    pub(in super::super) fn poll(&mut self, gpu: &Gpu) -> Result<bool> {
        let Some(&density) = DENSITIES.get(self.timed.len()) else {
            return Ok(true);
        };
        match &mut self.stage {
            Stage::Build(_) => {}
            Stage::Made(build) => {
                let formats = build.formats();
                let (starts, columns, values) = formats.csr.parts();
                let columns: Vec<u32> = columns.iter().map(|c| u32::from(*c)).collect();
                let matrix = ProductMatrix {
                    dense: &formats.dense.values,
                    starts,
                    columns: &columns,
                    values,
                    x: &self.x,
                };
                self.stage = Stage::Run(Box::new(Products::new(gpu, matrix, self.counts)?));
            }
            Stage::Run(products) => {
                if let Some(times) = products.poll(gpu)? {
                    self.timed.push(Timed {
                        density,
                        dense: times.dense / 1e3,
                        csr: times.csr / 1e3,
                        bitmap: f64::NAN,
                        two_four: None,
                    });
                    self.trips.push(times.round_trip);
                    self.counts = times.counts;
                    if let Some(&next) = DENSITIES.get(self.timed.len()) {
                        // Every density draws from a place of its own.
                        let luck = Stream::new(1, StreamId::Weights).step(self.timed.len() as u32);
                        self.stage = Stage::Build(Box::new(Build::new([self.side; 2], next, luck)));
                    }
                }
            }
        }
        Ok(self.timed.len() == DENSITIES.len())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::gpu::test_device;

    #[test]
    fn the_measurement_ends_with_every_density() {
        let Some(gpu) = test_device() else { return };
        let mut timing = DeviceTiming::new(64);
        let mut looks = 0;
        loop {
            while timing.step() {}
            gpu.wait().expect("a device");
            std::thread::sleep(std::time::Duration::from_millis(1));
            looks += 1;
            assert!(looks < 2000, "it does not end: {}", timing.progress());
            if timing.poll(&gpu).expect("products like the CPU's") {
                break;
            }
        }
        assert_eq!(timing.timed.len(), DENSITIES.len());
        for t in &timing.timed {
            assert!(t.dense > 0.0 && t.csr > 0.0, "{t:?}");
        }
        assert!(timing.trip_ms() > 0.0);
    }
}
