//! The stretches of a course and their order.

use super::{Course, Images};
use crate::core::Result;
use crate::core::mlp::Mlp;
use crate::core::rng::{Stream, StreamId};
use crate::labs::pruning::config::Regime;
use crate::labs::pruning::kinds::Coder;
use crate::labs::pruning::network::{self, Batches};

/// One stretch of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// Without a mask.
    Dense,
    /// Along the schedule.
    Gradual,
    /// With a fixed number of weights.
    Exchange,
    /// After this many cuts.
    Round(usize),
    /// The last mask on other first weights.
    Control,
    /// Pruned weights flicker.
    Flicker,
    /// Small weights are pressed towards zero, then cut.
    Bend,
    /// Layers are pruned one by one against their inputs.
    Surgery,
    /// The survivors of one cut are tuned.
    Tune,
    /// A mask is learnt on the second task.
    Masks,
    /// A part of the weights is tuned on the second task.
    Half,
    /// A sparse network is tuned on the second task.
    Open,
    /// Test images choose their units, one after the other.
    Dynamic,
    /// A second network is trained on a part of the images.
    Part,
    /// Weights, bits and exponents are trained together.
    Compress,
    /// Weights are tuned through cut and rounding.
    Code,
}

impl Course {
    /// Enters the next leg; whether there is one.
    pub(super) fn begin(&mut self) -> Result<bool> {
        let c = &self.config;
        let next = match (c.regime, self.leg) {
            (Regime::Gradual, None) => Some(Leg::Gradual),
            (Regime::Exchange, None) => Some(Leg::Exchange),
            (
                Regime::Flicker
                | Regime::HyperSparse
                | Regime::Surgery
                | Regime::Tune
                | Regime::Dynamic
                | Regime::Data,
                None,
            ) => Some(Leg::Dense),
            (Regime::Data, Some(Leg::Dense)) => Some(Leg::Part),
            (Regime::Bits, None) => Some(match c.coder {
                Coder::Learnt => Leg::Compress,
                Coder::Rounded => Leg::Dense,
            }),
            (Regime::Bits, Some(Leg::Dense)) => Some(Leg::Code),
            (Regime::Dynamic, Some(Leg::Dense)) => Some(Leg::Dynamic),
            (Regime::Transfer, None) => Some(self.first_task()),
            (Regime::Transfer, Some(Leg::Dense | Leg::Exchange)) => Some(self.second_task()),
            (Regime::Surgery, Some(Leg::Dense)) => Some(Leg::Surgery),
            (Regime::Tune, Some(Leg::Dense)) => Some(Leg::Tune),
            (Regime::Flicker, Some(Leg::Dense)) => Some(Leg::Flicker),
            (Regime::HyperSparse, Some(Leg::Dense)) => Some(Leg::Bend),
            (Regime::Ticket | Regime::Sap, None) => Some(Leg::Round(0)),
            (Regime::Ticket | Regime::Sap, Some(Leg::Round(r))) => self.cut_round(r),
            _ => None,
        };
        let Some(leg) = next else {
            return Ok(false);
        };
        let c = &self.config;
        let (steps, looks, name) = match leg {
            Leg::Dense if c.regime == Regime::Data => {
                (c.train_steps, 40, "on all images".to_owned())
            }
            Leg::Code => (c.tune_steps, 60, "cut and rounded".to_owned()),
            Leg::Part => (c.train_steps, 60, "on what stays".to_owned()),
            Leg::Dense => (c.train_steps, 40, "dense training".to_owned()),
            Leg::Gradual | Leg::Compress => (c.train_steps, 100, "training".to_owned()),
            Leg::Exchange => (c.train_steps, 100, "sparse training".to_owned()),
            Leg::Flicker => (c.tune_steps, 60, "annealing".to_owned()),
            Leg::Bend => (c.tune_steps, 60, "pressure".to_owned()),
            Leg::Surgery => (self.units(), 100, "layer by layer".to_owned()),
            Leg::Tune => (c.tune_steps, 60, "cut, fine-tuning".to_owned()),
            Leg::Masks => (c.tune_steps, 60, "mask tuning".to_owned()),
            Leg::Dynamic => {
                let images = network::data().1.len() as u64;
                (images, 100, "image by image".to_owned())
            }
            Leg::Half | Leg::Open => (c.tune_steps, 60, "second task".to_owned()),
            Leg::Round(0) => (c.train_steps, 8, "dense round".to_owned()),
            Leg::Round(r) => (c.train_steps - self.rewind(), 8, format!("round {r}")),
            Leg::Control => (
                c.train_steps,
                8,
                "control: same mask, new first weights".to_owned(),
            ),
        };
        match leg {
            Leg::Round(r) if r > 0 => self.go_back(),
            Leg::Control => {
                let mut stream = Stream::new(c.seed, StreamId::Weights).replicate(1);
                self.net = Mlp::new(&c.sizes(), &mut stream)?;
                self.zero_pruned();
            }
            _ => {}
        }
        self.velocity.fill(0.0);
        let seed = self.config.seed;
        self.batches = match leg {
            Leg::Masks | Leg::Half | Leg::Open => {
                Batches::turned(seed, self.config.examples as usize)
            }
            Leg::Dense if self.config.regime == Regime::Data => {
                self.images.pool = Images::pool_of(seed, self.config.pool as usize);
                Batches::among(seed, self.images.pool.clone())
            }
            _ => Batches::new(seed),
        };
        self.stages.push((self.before, name));
        (self.leg, self.leg_steps) = (Some(leg), steps);
        self.stride = steps.div_ceil(looks).max(1);
        self.t = 0;
        Ok(true)
    }
}
