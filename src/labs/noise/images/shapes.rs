//! A procedural image set: grey shapes on black, drawn from a seed with random place, size and tilt.

use crate::core::num;
use crate::core::rng::{Stream, StreamId};
use std::f64::consts::{PI, TAU};

/// Pixels along a side.
pub const SHAPE_SIDE: usize = 32;

/// What is drawn.
pub(super) const KINDS: [&str; 6] = ["disc", "ring", "box", "triangle", "cross", "set of bars"];

/// Images `0..count` of a seed, pixels from -1 to 1, and what each shows. An image does not depend
/// on how many there are.
pub(super) fn draw(seed: u64, count: usize) -> (Vec<f64>, Vec<u8>) {
    let mut rows = vec![-1.0; count * SHAPE_SIDE * SHAPE_SIDE];
    let mut labels = Vec::with_capacity(count);
    for (i, image) in rows.chunks_exact_mut(SHAPE_SIDE * SHAPE_SIDE).enumerate() {
        let mut stream = Stream::new(seed, StreamId::Data)
            .replicate(70)
            .step(i as u32);
        let kind = stream.below(KINDS.len() as u32) as u8;
        let size = 4.0 + 7.0 * stream.uniform();
        let room = SHAPE_SIDE as f64 - 2.0 * size;
        let centre = [0, 1].map(|_| size + room * stream.uniform());
        let shape = Shape {
            kind,
            size,
            centre,
            turn: rotation(TAU * stream.uniform()),
        };
        shape.draw(image, 0.3 + 0.7 * stream.uniform());
        labels.push(kind);
    }
    (rows, labels)
}

fn rotation(angle: f64) -> [f64; 2] {
    [num::cos(angle), num::sin(angle)]
}

struct Shape {
    kind: u8,
    /// Half of its width, pixels.
    size: f64,
    centre: [f64; 2],
    /// Cosine and sine of its tilt.
    turn: [f64; 2],
}

impl Shape {
    /// Signed distance to the edge in pixels, negative inside.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let [c, s] = self.turn;
        let (u, v) = (c * x + s * y, c * y - s * x);
        let bar = |u: f64, v: f64, half: f64, width: f64| (u.abs() - half).max(v.abs() - width);
        // A square inside the circle of its size.
        let half = self.size * std::f64::consts::FRAC_1_SQRT_2;
        match self.kind {
            0 => (u * u + v * v).sqrt() - self.size,
            1 => ((u * u + v * v).sqrt() - 0.8 * self.size).abs() - 0.2 * self.size,
            2 => bar(u, v, half, half),
            3 => [0.0, 1.0, 2.0]
                .map(|k| {
                    let [a, b] = rotation(k * 2.0 * PI / 3.0);
                    a * u + b * v - 0.5 * self.size
                })
                .into_iter()
                .fold(f64::NEG_INFINITY, f64::max),
            4 => {
                let width = 0.28 * self.size;
                let long = 0.95 * self.size;
                bar(u, v, long, width).min(bar(v, u, long, width))
            }
            _ => [-1.0, 0.0, 1.0]
                .map(|k| bar(u, v - 0.75 * half * k, half, 0.22 * half))
                .into_iter()
                .fold(f64::INFINITY, f64::min),
        }
    }

    /// Fills the pixels by how much of them is covered.
    fn draw(&self, image: &mut [f64], grey: f64) {
        let [cx, cy] = self.centre;
        let range = |c: f64| {
            let low = (c - self.size - 1.0).floor().max(0.0) as usize;
            let high = (c + self.size + 2.0).ceil().max(0.0) as usize;
            low..high.min(SHAPE_SIDE)
        };
        for row in range(cy) {
            for column in range(cx) {
                let d = self.distance(column as f64 + 0.5 - cx, row as f64 + 0.5 - cy);
                let covered = (0.5 - d).clamp(0.0, 1.0);
                image[row * SHAPE_SIDE + column] = -1.0 + 2.0 * grey * covered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_come_from_the_seed_one_by_one() {
        let (few, labels) = draw(3, 5);
        let (many, all) = draw(3, 60);
        assert_eq!(few, many[..few.len()]);
        assert_eq!(labels, all[..5]);
        assert_ne!(few, draw(4, 5).0);
        assert!((0..6).all(|k| all.contains(&k)), "{all:?}");
    }

    #[test]
    fn a_shape_is_inside_and_has_the_area_it_should() {
        for (kind, share) in [(0, PI), (2, 2.0), (3, 0.75 * 3.0_f64.sqrt())] {
            for angle in [0.0, 0.4] {
                let shape = Shape {
                    kind,
                    size: 9.0,
                    centre: [16.3, 15.8],
                    turn: rotation(angle),
                };
                let mut image = vec![-1.0; SHAPE_SIDE * SHAPE_SIDE];
                shape.draw(&mut image, 1.0);
                let area: f64 = image.iter().map(|v| 0.5 * (v + 1.0)).sum();
                let want = share * 81.0;
                assert!((area / want - 1.0).abs() < 0.05, "{kind}: {area} {want}");
                let edge = |i: usize| image[i] == -1.0 && image[i * SHAPE_SIDE] == -1.0;
                assert!((0..SHAPE_SIDE).all(edge), "{kind} touches the edge");
            }
        }
    }
}
