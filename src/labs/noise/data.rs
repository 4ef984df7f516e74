//! The lab's data sets: small mixtures in the plane, all with modes that can be counted.

use super::mixture::Mixture;
use crate::core::Arrange as _;
use crate::core::rng::Stream;
use crate::core::{Result, num};
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSet {
    /// Eight modes on the unit circle.
    #[default]
    Ring8,
    /// Nine modes on a 3 x 3 grid at spacing 1.
    Grid9,
    /// Two interlocking half circles of twelve modes each.
    Moons,
    /// Sixty modes along a spiral.
    Spiral,
    /// Two far clusters of four near modes.
    TwoScales,
    /// Modes where the user put them.
    Drawn,
}

impl DataSet {
    /// All, in the order of the menu.
    pub const ALL: [Self; 6] = [
        Self::Ring8,
        Self::Grid9,
        Self::Moons,
        Self::Spiral,
        Self::TwoScales,
        Self::Drawn,
    ];

    /// Its name in legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring8 => "ring of 8",
            Self::Grid9 => "grid of 9",
            Self::Moons => "two moons",
            Self::Spiral => "spiral",
            Self::TwoScales => "two scales",
            Self::Drawn => "drawn modes",
        }
    }

    /// Centres of the modes; of drawn data those that a drawing starts from.
    pub fn centres(self) -> Vec<[f64; 2]> {
        let polar = |r: f64, a: f64| [r * num::cos(a), r * num::sin(a)];
        match self {
            Self::Ring8 => (0..8)
                .map(|i| polar(1.0, TAU * f64::from(i) / 8.0))
                .collect(),
            Self::Grid9 => (0..9)
                .map(|i| [f64::from(i % 3) - 1.0, f64::from(i / 3) - 1.0])
                .collect(),
            Self::Moons => (0..24)
                .map(|i| {
                    let a = PI * (f64::from(i % 12) + 0.5) / 12.0;
                    let [x, y] = polar(1.0, a);
                    if i < 12 {
                        [x - 0.5, y - 0.25]
                    } else {
                        [0.5 - x, 0.25 - y]
                    }
                })
                .collect(),
            Self::Spiral => (0..60)
                .map(|i| {
                    let u = (f64::from(i) + 0.5) / 60.0;
                    polar(0.15 + 1.1 * u, 3.0 * PI * u)
                })
                .collect(),
            Self::Drawn => super::config::DRAWN_MODES.to_vec(),
            Self::TwoScales => (0..8)
                .map(|i| {
                    let [x, y] = polar(0.22, TAU * (f64::from(i % 4) + 0.5) / 4.0);
                    [x + if i < 4 { -1.0 } else { 1.0 }, y]
                })
                .collect(),
        }
    }

    /// The mixture with round modes of standard deviation `sd`, see [`mixture`].
    ///
    /// # Errors
    /// Never for parameters within their ranges.
    pub fn mixture(self, sd: f64, imbalance: f64) -> Result<Mixture> {
        mixture(&self.centres(), sd, imbalance, 1)
    }
}

/// Round modes of standard deviation `sd` at the centres; every mode weighs `1 - imbalance` times
/// the one before. Only every `every`-th is taken.
///
/// # Errors
/// No centres, or numbers that are not finite.
pub fn mixture(centres: &[[f64; 2]], sd: f64, imbalance: f64, every: usize) -> Result<Mixture> {
    let mut weight = 1.0;
    let (weights, taken): (Vec<f64>, Vec<[f64; 2]>) = centres
        .iter()
        .map(|c| {
            let w = weight;
            weight *= 1.0 - imbalance;
            (w, *c)
        })
        .step_by(every.max(1))
        .unzip();
    Mixture::round(&weights, &taken, &vec![sd; taken.len()])
}

/// Independent draws, two coordinates each, in order: point `i` does not depend on how many there
/// are. Element 4 i of the stream picks the mode, 4 i + 1 and 4 i + 2 the place in it.
pub fn draw(mixture: &Mixture, stream: &Stream, points: std::ops::Range<usize>) -> Vec<f64> {
    let mut out = vec![0.0; 2 * points.len()];
    for (i, place) in points.zip(out.chunks_exact_mut(2)) {
        let e = 4 * i as u64;
        let u = (f64::from(stream.at(e)) + 0.5) / 4_294_967_296.0;
        mixture.place(pick(mixture.weights(), u), &normals(stream, e + 1), place);
    }
    out
}

/// Draws with the number of points per mode fixed to its share (largest remainders), which
/// removes the noise of the counts. Used for truth samples only.
pub fn draw_stratified(mixture: &Mixture, stream: &Stream, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; 2 * n];
    let mut points = out.chunks_exact_mut(2).zip(0_u64..);
    for (k, count) in shares(mixture.weights(), n).into_iter().enumerate() {
        for (place, i) in points.by_ref().take(count) {
            mixture.place(k, &normals(stream, 4 * i + 1), place);
        }
    }
    out
}

fn normals(stream: &Stream, element: u64) -> [f64; 2] {
    [0, 1].map(|c| f64::from(crate::core::rng::integer_normal(stream.at(element + c))))
}

fn pick(weights: &[f64], u: f64) -> usize {
    let mut left = u;
    for (k, w) in weights.iter().enumerate() {
        left -= w;
        if left < 0.0 {
            return k;
        }
    }
    weights.len() - 1
}

fn shares(weights: &[f64], n: usize) -> Vec<usize> {
    let exact: Vec<f64> = weights.iter().map(|w| w * n as f64).collect();
    let mut counts: Vec<usize> = exact.iter().map(|e| e.floor() as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.arrange_by(|&a, &b| {
        (exact[b] - exact[b].floor())
            .total_cmp(&(exact[a] - exact[a].floor()))
            .then(a.cmp(&b))
    });
    let missing = n.saturating_sub(counts.iter().sum());
    for &k in order.iter().take(missing) {
        counts[k] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::StreamId;

    #[test]
    fn every_data_set_is_centred_and_of_about_unit_size() {
        for data in DataSet::ALL {
            let m = data.mixture(0.05, 0.0).unwrap();
            let sd = m.std_dev();
            assert!((0.5..1.0).contains(&sd), "{data:?}: {sd}");
        }
    }

    #[test]
    fn a_point_does_not_depend_on_its_neighbours() {
        let m = DataSet::Spiral.mixture(0.03, 0.0).unwrap();
        let stream = Stream::new(5, StreamId::Data);
        let all = draw(&m, &stream, 0..50);
        assert_eq!(draw(&m, &stream, 20..30), all[40..60], "points 20 to 29");
    }

    #[test]
    fn shares_sum_to_the_count_and_are_within_one() {
        let weights = [0.5, 0.3, 0.15, 0.05];
        for n in [1, 7, 100, 1003] {
            let counts = shares(&weights, n);
            assert_eq!(counts.iter().sum::<usize>(), n);
            for (c, w) in counts.iter().zip(weights) {
                assert!((*c as f64 - w * n as f64).abs() < 1.0, "{counts:?} of {n}");
            }
        }
    }

    #[test]
    fn draws_have_the_mixtures_spread() {
        let m = DataSet::Grid9.mixture(0.05, 0.0).unwrap();
        let points = draw(&m, &Stream::new(2, StreamId::Data), 0..20_000);
        let sd = (points.iter().map(|v| v * v).sum::<f64>() / 40_000.0).sqrt();
        assert!((sd - m.std_dev()).abs() < 0.01, "{sd}");
    }
}
