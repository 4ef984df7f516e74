//! Comparison of a kernel with its CPU twin: random cases as plain data. Everything listed in
//! [`super::kernels::ALL`] is tested with them, and `schedlab gpu` and the page run the same cases
//! on the user's device.

use super::kernel::{Kernel, KernelSpec};
use bytemuck::Pod;

/// Written over outputs before a run and after their end: a kernel that writes too far destroys it.
pub const CANARY: u32 = 0xC0DE_D00D;

/// What a buffer must hold after the dispatch.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// The same bits.
    Words(Vec<u32>),
    /// Floats, each with its own absolute bound.
    Floats {
        /// The twin's values.
        values: Vec<f64>,
        /// Largest allowed distance of each.
        bounds: Vec<f64>,
    },
}

impl Want {
    /// Equal words (or floats that must have equal bits).
    pub fn equal<T: Pod>(values: &[T]) -> Self {
        Self::Words(words(values))
    }

    /// Floats within `bound(index, value)`.
    pub fn near(values: &[f64], bound: impl Fn(usize, f64) -> f64) -> Self {
        Self::Floats {
            values: values.to_vec(),
            bounds: values
                .iter()
                .enumerate()
                .map(|(i, v)| bound(i, *v))
                .collect(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Floats { values, .. } => values.len(),
        }
    }
}

/// One buffer of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Content before the dispatch, as words.
    pub before: Vec<u32>,
    /// Content wanted after it; `None` for buffers that are only read.
    pub after: Option<Want>,
}

/// One dispatch with its inputs and what the twin says about its outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The uniform parameters.
    pub params: Vec<u8>,
    /// Number of invocations the dispatch must cover.
    pub invocations: u32,
    /// The storage buffers in binding order.
    pub slots: Vec<Slot>,
}

impl Case {
    /// A case without buffers yet; add them in binding order.
    pub fn new<P: Pod>(params: &P, invocations: u32) -> Self {
        Self {
            params: bytemuck::bytes_of(params).to_vec(),
            invocations,
            slots: Vec::new(),
        }
    }

    /// A buffer that is only read.
    #[must_use]
    pub fn input<T: Pod>(mut self, values: &[T]) -> Self {
        self.slots.push(Slot {
            before: words(values),
            after: None,
        });
        self
    }

    /// A buffer that is written whole; it starts full of canaries.
    #[must_use]
    pub fn output(mut self, want: Want) -> Self {
        self.slots.push(Slot {
            before: vec![CANARY; want.len()],
            after: Some(want),
        });
        self
    }

    /// A buffer that is read and changed.
    #[must_use]
    pub fn update<T: Pod>(mut self, before: &[T], want: Want) -> Self {
        self.slots.push(Slot {
            before: words(before),
            after: Some(want),
        });
        self
    }
}

/// A kernel with a CPU twin: makes cases of any size.
pub trait Twin: Kernel {
    /// Whether a size above 65,535 workgroups is cheap enough to be tested.
    const FOLDS: bool = true;

    /// A random case of size `n` (0 included) with the twin's answer.
    fn case(n: u32, seed: u64) -> Case;

    /// Sizes to test beside the one above 65,535 workgroups.
    fn sizes() -> Vec<u32> {
        let w = Self::WORKGROUP;
        vec![0, 1, w - 1, w, w + 1, 1000]
    }
}

/// A kernel as listed in [`super::kernels::ALL`].
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its declaration.
    pub spec: KernelSpec,
    /// [`Twin::FOLDS`].
    pub folds: bool,
    /// [`Twin::case`].
    pub case: fn(u32, u64) -> Case,
    /// [`Twin::sizes`].
    pub sizes: fn() -> Vec<u32>,
}

impl Listed {
    /// The entry of `K`.
    pub const fn of<K: Twin>() -> Self {
        Self {
            spec: KernelSpec::of::<K>(),
            folds: K::FOLDS,
            case: K::case,
            sizes: K::sizes,
        }
    }

    /// A size that needs more than 65,535 workgroups.
    pub fn folded_size(&self) -> u32 {
        (super::MAX_GROUPS + 1) * self.spec.workgroup + 1
    }
}

/// How far a dispatch was from its twin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deviation {
    /// Largest absolute difference of a float; number of wrong words for integers.
    pub largest: f64,
    /// Largest difference as a share of what is allowed there; above 1 is a failure.
    pub share: f64,
    /// First disagreement; empty when there is none.
    pub first: String,
}

impl Deviation {
    /// Whether everything agrees.
    pub fn pass(&self) -> bool {
        self.first.is_empty()
    }

    fn wrong(&mut self, what: impl FnOnce() -> String) {
        if self.first.is_empty() {
            self.first = what();
        }
    }

    /// Compares one buffer, read back with the canaries after its end, with what was wanted.
    pub fn add(&mut self, name: &str, want: &Want, got: &[u32]) {
        let n = want.len();
        if got.len() < n {
            self.wrong(|| format!("{name}: {} words came back, want {n}", got.len()));
            return;
        }
        if let Some(i) = got[n..].iter().position(|w| *w != CANARY) {
            self.wrong(|| format!("{name}: word {} lies past the end but was written", n + i));
        }
        match want {
            Want::Words(words) => {
                for (i, (g, w)) in got.iter().zip(words).enumerate() {
                    if g != w {
                        self.largest += 1.0;
                        self.share = f64::INFINITY;
                        self.wrong(|| format!("{name}[{i}]: got {g:#010x}, want {w:#010x}"));
                    }
                }
            }
            Want::Floats { values, bounds } => {
                for (i, ((g, v), bound)) in got.iter().zip(values).zip(bounds).enumerate() {
                    let g = f64::from(f32::from_bits(*g));
                    let off = (g - v).abs();
                    self.largest = self.largest.max(off);
                    if off > 0.0 {
                        self.share = self.share.max(off / bound);
                    }
                    if off.is_nan() || off > *bound {
                        self.wrong(|| format!("{name}[{i}]: got {g}, want {v} within {bound:.1e}"));
                    }
                }
            }
        }
    }
}

/// The words of plain data; the last one is filled up with zeros.
pub fn words<T: Pod>(values: &[T]) -> Vec<u32> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_past_the_end_and_a_wrong_value_are_both_found() {
        let want = Want::equal(&[1_u32, 2]);
        let mut good = Deviation::default();
        good.add("y", &want, &[1, 2, CANARY]);
        assert!(good.pass(), "{good:?}");
        let mut long = Deviation::default();
        long.add("y", &want, &[1, 2, 3]);
        assert!(long.first.contains("past the end"), "{long:?}");
        let mut wrong = Deviation::default();
        wrong.add("y", &want, &[1, 3, CANARY]);
        assert!(wrong.first.starts_with("y[1]"), "{wrong:?}");
    }

    #[test]
    fn floats_pass_within_their_bound_and_nan_fails() {
        let want = Want::near(&[1.0], |_, _| 1e-6);
        let mut near = Deviation::default();
        near.add("y", &want, &[(1.0_f32 + f32::EPSILON).to_bits()]);
        assert!(near.pass() && near.share > 0.0, "{near:?}");
        let mut nan = Deviation::default();
        nan.add("y", &want, &[f32::NAN.to_bits()]);
        assert!(!nan.pass(), "{nan:?}");
    }
}
