//! Lines on screen with fewer corners: a smooth curve sampled at every pixel looks the same through a
//! tenth of its points, and is drawn in a tenth of the time.

/// The corners that a line through `points` needs, so that every point lies within `off` of it. The
/// first and the last stay; values that are not finite end the line before them.
///
/// One pass over the points: the directions from the last corner that meet all points since are a
/// cone that gets narrower (sleeve fitting, Zhao and Saalfeld 1997, "Linear-time sleeve-fitting
/// polyline simplification algorithms"). Where the line turns back there is a corner.
///
/// Stays a function of its own: inside its callers it would be made for size, as they are.
#[inline(never)]
pub fn simplify(points: &[[f32; 2]], off: f32) -> Vec<[f32; 2]> {
    let finite = |p: &&[f32; 2]| p[0].is_finite() && p[1].is_finite();
    let mut rest = points.iter().take_while(finite).copied();
    let Some(first) = rest.next() else {
        return Vec::new();
    };
    let mut out = vec![first];
    let mut cone = Cone::at(first);
    let mut last = None;
    for p in rest {
        if !cone.narrow(p, off)
            && let Some(corner) = last
        {
            out.push(corner);
            cone = Cone::at(corner);
            cone.narrow(p, off);
        }
        last = Some(p);
    }
    out.extend(last);
    out
}

/// Directions from a corner that pass all points so far.
struct Cone {
    corner: [f32; 2],
    /// The two sides, once a point is further away than it may be off.
    sides: Option<[[f32; 2]; 2]>,
    /// Square of the largest distance so far.
    far: f32,
}

impl Cone {
    fn at(corner: [f32; 2]) -> Self {
        Self {
            corner,
            sides: None,
            far: 0.0,
        }
    }

    /// Whether a line from the corner to `p` passes all points so far, and `p` is no step back.
    fn narrow(&mut self, p: [f32; 2], off: f32) -> bool {
        let [x, y] = [p[0] - self.corner[0], p[1] - self.corner[1]];
        let square = x * x + y * y;
        if square < self.far {
            return false;
        }
        self.far = square;
        if square <= off * off {
            return true;
        }
        let scale = off / square.sqrt();
        let [left, right] = [
            [x - y * scale, y + x * scale],
            [x + y * scale, y - x * scale],
        ];
        let Some([most, least]) = self.sides else {
            self.sides = Some([left, right]);
            return true;
        };
        if cross(least, [x, y]) < 0.0 || cross([x, y], most) < 0.0 {
            return false;
        }
        let left = if cross(left, most) < 0.0 { most } else { left };
        let right = if cross(least, right) < 0.0 {
            least
        } else {
            right
        };
        self.sides = Some([left, right]);
        true
    }
}

/// Positive where `b` lies to the left of `a`.
fn cross(a: [f32; 2], b: [f32; 2]) -> f32 {
    a[0] * b[1] - a[1] * b[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num;
    use proptest::prelude::*;

    fn distance(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
        let way = [b[0] - a[0], b[1] - a[1]];
        let square = way[0] * way[0] + way[1] * way[1];
        let to = [p[0] - a[0], p[1] - a[1]];
        let share = if square > 0.0 {
            ((to[0] * way[0] + to[1] * way[1]) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (to[0] - share * way[0]).hypot(to[1] - share * way[1])
    }

    /// Corners are points in order; every point in between is near the piece that replaced it.
    fn near(points: &[[f32; 2]], corners: &[[f32; 2]], off: f32) -> bool {
        let mut piece = 0;
        points.iter().all(|&p| {
            while piece + 2 < corners.len() && distance(p, corners[piece], corners[piece + 1]) > off
            {
                piece += 1;
            }
            distance(p, corners[piece], corners[piece + 1]) <= off
        })
    }

    #[test]
    fn straight_lines_have_two_ends_and_steps_all_corners() {
        let straight: Vec<[f32; 2]> = (0..500).map(|i| [i as f32, 0.5 * i as f32]).collect();
        assert_eq!(simplify(&straight, 0.1), [[0.0, 0.0], [499.0, 249.5]]);
        let steps = [[0.0, 0.0], [5.0, 0.0], [5.0, 9.0], [8.0, 9.0], [2.0, 9.0]];
        assert_eq!(simplify(&steps, 0.1), steps);
        assert_eq!(simplify(&[], 0.1), Vec::<[f32; 2]>::new());
        assert_eq!(simplify(&[[1.0, 2.0]], 0.1), [[1.0, 2.0]]);
        assert_eq!(simplify(&[[1.0, 2.0], [f32::NAN; 2]], 0.1), [[1.0, 2.0]]);
        let broken = [[0.0, 0.0], [1.0, 0.0], [2.0, f32::NAN], [3.0, 0.0]];
        assert_eq!(simplify(&broken, 0.1), [[0.0, 0.0], [1.0, 0.0]]);
    }

    #[test]
    fn a_smooth_curve_needs_a_tenth_of_its_points() {
        let cosine: Vec<[f32; 2]> = (0..1200_i16)
            .map(|i| {
                [
                    0.5 * f32::from(i),
                    150.0 * (1.0 + num::cos(f64::from(i) / 382.0)) as f32,
                ]
            })
            .collect();
        let corners = simplify(&cosine, 0.1);
        assert!(corners.len() < 120, "{}", corners.len());
        assert!(near(&cosine, &corners, 0.101), "near all points");
    }

    proptest! {
        #[test]
        fn no_point_is_further_off(
            points in proptest::collection::vec([0_u8..40, 0_u8..40], 2..80),
            off in 0.05_f32..3.0,
        ) {
            let points: Vec<[f32; 2]> =
                points.iter().map(|p| [f32::from(p[0]), f32::from(p[1])]).collect();
            let corners = simplify(&points, off);
            prop_assert_eq!(corners.first(), points.first());
            prop_assert_eq!(corners.last(), points.last());
            prop_assert!(near(&points, &corners, off + 1e-3));
        }
    }
}
