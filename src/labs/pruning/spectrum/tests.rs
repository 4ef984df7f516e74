//! Spectra against matrices whose singular values are known.

use super::*;
use crate::core::rng::{Stream, StreamId};
use crate::core::{Job as _, Step, finish};
use crate::labs::pruning::criteria::low_rank::svd;

fn spectrum(values: Vec<f32>, dims: [usize; 2]) -> Result<Spectrum> {
    let cells = Flat::new(values.into(), dims)?;
    finish(&mut Decomposing::new("a", cells, MOST_ON_SCREEN)?)
}

/// Reflects all rows of a matrix (all columns where `cols`): a product with an orthogonal matrix.
fn reflect(a: &mut [f64], [rows, cols]: [usize; 2], of_rows: bool, luck: &mut Stream) {
    let n = if of_rows { cols } else { rows };
    let v: Vec<f64> = (0..n).map(|_| luck.normal()).collect();
    let size: f64 = v.iter().map(|v| v * v).sum();
    let lines = if of_rows { rows } else { cols };
    for line in 0..lines {
        let place = |k: usize| {
            if of_rows {
                line * cols + k
            } else {
                k * cols + line
            }
        };
        let along: f64 = (0..n).map(|k| v[k] * a[place(k)]).sum();
        for (k, v) in v.iter().enumerate() {
            a[place(k)] -= 2.0 * along / size * v;
        }
    }
}

/// Orthogonal · diagonal · orthogonal.
fn known(values: &[f64], dims: [usize; 2], seed: u64) -> Vec<f64> {
    let mut luck = Stream::new(seed, StreamId::Test);
    let mut a = vec![0.0; dims[0] * dims[1]];
    for (k, v) in values.iter().enumerate() {
        a[k * dims[1] + k] = *v;
    }
    for _ in 0..4 {
        reflect(&mut a, dims, true, &mut luck);
        reflect(&mut a, dims, false, &mut luck);
    }
    a
}

/// A matrix in double precision.
struct Wide(Vec<f64>, [usize; 2]);

impl Cells for Wide {
    fn dims(&self) -> [usize; 2] {
        self.1
    }

    fn block(&mut self, rows: Range<usize>, cols: Range<usize>, into: &mut Vec<f64>) -> Result<()> {
        into.clear();
        for row in rows {
            let line = &self.0[row * self.1[1]..(row + 1) * self.1[1]];
            into.extend_from_slice(&line[cols.clone()]);
        }
        Ok(())
    }
}

#[test]
fn singular_values_of_orthogonal_diagonal_orthogonal_are_the_diagonal() {
    // From 1 down to 1e-9: the last ones lie below what a Gram matrix can tell.
    for dims in [[40, 40], [23, 90], [90, 23], [5, 3]] {
        let n = dims[0].min(dims[1]);
        let want: Vec<f64> = (0..n)
            .map(|k| 3.0 * num::pow(10.0, -9.0 * k as f64 / (n - 1) as f64))
            .collect();
        let job = Decomposing::new("a", Wide(known(&want, dims, 7), dims), 100);
        let found = finish(&mut job.unwrap()).unwrap();
        assert_eq!(found.values.len(), n);
        assert!(found.floor < 1e-7 && found.floor > 1e-9, "{}", found.floor);
        for (got, want) in found.values.iter().zip(&want) {
            // An error of about floor² in a square.
            let off = (got * got - want * want).abs();
            assert!(
                off <= 8.0 * found.floor * found.floor,
                "{got} {want} of {dims:?}"
            );
            if *want > 1e-3 {
                assert!((got - want).abs() < 1e-10, "{got} {want} of {dims:?}");
            }
        }
        assert!((found.largest() - 3.0).abs() < 1e-12);
    }
}

#[test]
fn random_matrices_have_the_singular_values_of_jacobi_rotations() {
    let mut luck = Stream::new(3, StreamId::Test);
    for dims in [[1, 9], [9, 1], [2, 2], [7, 30], [33, 12], [65, 66]] {
        let values: Vec<f32> = (0..dims[0] * dims[1]).map(|_| luck.normal_f32()).collect();
        let wide: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let want = svd(&wide, dims[1]);
        let found = spectrum(values, dims).unwrap();
        for (got, want) in found.values.iter().zip(&want.values) {
            assert!((got - want).abs() < 1e-6 * want, "{got} {want} of {dims:?}");
        }
        for (k, energy) in found.energies().iter().enumerate() {
            assert!((energy - want.energy(k + 1)).abs() < 1e-9, "{dims:?}");
        }
    }
}

#[test]
fn ranks_and_shares_are_those_of_the_formulas() {
    // Three equal values and nothing else: every rank is three.
    let mut values = vec![0.0; 5 * 8];
    for k in 0..3 {
        values[k * 8 + k] = -2.0;
    }
    let found = spectrum(values, [5, 8]).unwrap();
    assert_eq!(found.values, [2.0, 2.0, 2.0, 0.0, 0.0]);
    assert!((found.stable_rank() - 3.0).abs() < 1e-12);
    assert!((found.effective_rank() - 3.0).abs() < 1e-12);
    assert_eq!((found.above_floor(), found.first_with(0.5)), (3, 2));
    assert_eq!((found.first_with(0.0), found.first_with(1.0)), (1, 3));
    let csv = found.to_csv("a \"b\"");
    assert_eq!(csv.lines().count(), 5);
    assert!(csv.starts_with("\"a \"\"b\"\"\",5,8,1,2,0.33333"), "{csv}");
}

#[test]
fn zeros_single_rows_tiny_and_huge_values_have_a_spectrum() {
    let zeros = spectrum(vec![0.0; 12], [3, 4]).unwrap();
    assert_eq!((zeros.values.as_slice(), zeros.floor), (&[0.0; 3][..], 0.0));
    assert_eq!((zeros.stable_rank(), zeros.effective_rank()), (0.0, 0.0));
    assert_eq!((zeros.above_floor(), zeros.energies()[2]), (0, 0.0));
    assert_eq!(spectrum(vec![3.0, -4.0], [1, 2]).unwrap().values, [5.0]);
    for size in [1e-40_f32, 1e38] {
        let found = spectrum(vec![size, 0.0, 0.0, -size], [2, 2]).unwrap();
        assert_eq!(found.values, [f64::from(size); 2]);
        assert!((found.stable_rank() - 2.0).abs() < 1e-12);
    }
}

#[test]
fn what_has_no_spectrum_is_refused_in_words() {
    for wild in [f32::NAN, f32::INFINITY] {
        let error = spectrum(vec![1.0, wild, 0.0, 2.0], [2, 2]).unwrap_err();
        assert!(error.to_string().contains("tensor \"a\""), "{error}");
    }
    assert!(spectrum(Vec::new(), [0, 4]).is_err());
    assert!(Flat::new(vec![1.0; 5].into(), [2, 2]).is_err());
    let cells = Flat::new(vec![0.0; 9].into(), [3, 3]).unwrap();
    let error = Decomposing::new("a", cells, 2).unwrap_err().to_string();
    assert!(
        error.contains("is 3") && error.contains("1 to 2"),
        "{error}"
    );
}

#[test]
fn work_comes_in_many_steps_whose_progress_grows() {
    let mut luck = Stream::new(4, StreamId::Test);
    let values: Vec<f32> = (0..150 * 4000).map(|_| luck.normal_f32()).collect();
    let cells = Flat::new(values.into(), [4000, 150]).unwrap();
    let mut job = Decomposing::new("a", cells, MOST_ON_SCREEN).unwrap();
    let (mut steps, mut before) = (0, 0.0);
    while let Step::Working = job.step().unwrap() {
        steps += 1;
        assert!(job.progress() >= before && job.progress() <= 1.0);
        before = job.progress();
    }
    assert!(steps > 100 && before > 0.9, "{steps} steps, {before}");
}
