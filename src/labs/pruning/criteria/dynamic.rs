//! Fire Together Wire Together (arXiv 2110.08232): every input keeps the units that make up a share
//! of the activation, and is answered by these alone.

use super::regrow::mass_mask;
use crate::core::mask::Mask;
use crate::core::mlp::Mlp;
use crate::core::num;
use crate::core::stats::descending;

/// The units of an image, and what they answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Units on, layer by layer; all outputs are.
    pub kept: Vec<Mask>,
    /// Logits.
    pub logits: Vec<f32>,
}

impl Answer {
    /// The class with the largest logit, the first among equals.
    pub fn class(&self) -> usize {
        let z = &self.logits;
        (1..z.len()).fold(0, |best, i| if z[i] > z[best] { i } else { best })
    }

    /// Cross-entropy against a class, in nats.
    pub fn loss(&self, label: usize) -> f64 {
        let top = self.logits.iter().fold(f32::NEG_INFINITY, |m, z| m.max(*z));
        let e = |z: &f32| num::exp(f64::from(z - top));
        let sum = num::sum(self.logits.iter().map(e));
        num::ln(sum) - f64::from(self.logits.get(label).copied().unwrap_or(f32::NAN) - top)
    }
}

/// Units whose activations make up `mass` (0 to 1) of the sum, the largest first; with `crossing` also
/// the one that passes it.
pub fn units(activations: &[f64], mass: f64, crossing: bool) -> Mask {
    let sum: f64 = activations.iter().sum();
    if sum <= 0.0 {
        return Mask::none(activations.len());
    }
    let mut mask = mass_mask(activations, mass);
    let kept: f64 = (0..mask.len())
        .filter(|&i| mask.kept(i))
        .map(|i| activations[i])
        .sum();
    if crossing && mass < 1.0 && kept / sum < mass {
        let next = descending(activations).into_iter().find(|&i| !mask.kept(i));
        if let Some(next) = next {
            mask.set(next, true);
        }
    }
    mask
}

/// Answers an image with the units it chooses in every hidden layer.
pub fn answer(net: &Mlp, image: &[f32], mass: f64, crossing: bool) -> Answer {
    let mut a = image.to_vec();
    let mut kept = Vec::new();
    for l in 0..net.layers() {
        let rows = net.weights(l).chunks_exact(a.len().max(1));
        let unit = |(row, b): (&[f32], &f32)| row.iter().zip(&a).fold(*b, |z, (w, x)| z + w * x);
        let mut z: Vec<f32> = rows.zip(net.biases(l)).map(unit).collect();
        if l + 1 < net.layers() {
            for z in &mut z {
                *z = z.max(0.0);
            }
            let activations: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
            let mask = units(&activations, mass, crossing);
            for (z, on) in z.iter_mut().zip(mask.iter()) {
                if !on {
                    *z = 0.0;
                }
            }
            kept.push(mask);
        } else {
            kept.push(Mask::all(z.len()));
        }
        a = z;
    }
    Answer { kept, logits: a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mlp::Workspace;
    use crate::core::rng::{Stream, StreamId};

    #[test]
    fn all_of_the_activation_gives_the_answer_of_the_whole_network() {
        let mut stream = Stream::new(2, StreamId::Test);
        let net = Mlp::new(&[6, 9, 7, 4], &mut stream).unwrap();
        for _ in 0..20 {
            let x: Vec<f32> = (0..6).map(|_| stream.normal_f32()).collect();
            let found = answer(&net, &x, 1.0, true);
            let mut work = Workspace::default();
            for (a, b) in found.logits.iter().zip(net.logits(&x, None, &mut work)) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
            let loss = net.evaluate(&x, &[2], None, &mut work).loss;
            assert!((found.loss(2) - loss).abs() < 1e-4);
        }
    }

    #[test]
    fn the_crossing_unit_makes_the_difference_of_one() {
        let a = [0.1, 0.5, 0.3, 0.1];
        let kept = |mass, crossing| -> Vec<bool> { units(&a, mass, crossing).iter().collect() };
        assert_eq!(kept(0.6, false), [false, true, false, false]);
        assert_eq!(kept(0.6, true), [false, true, true, false]);
        assert_eq!(
            units(&[0.0, 0.9, 0.1], 0.8, false).count(),
            0,
            "as published"
        );
        assert_eq!(units(&[0.0, 0.9, 0.1], 0.8, true).count(), 1);
        assert_eq!(units(&[0.0, 0.0], 0.8, true).count(), 0, "nothing fires");
    }
}
