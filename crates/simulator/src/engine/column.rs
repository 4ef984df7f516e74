//! A field of all requests in chunks that copies share until one of them writes: a checkpoint costs
//! what changed since the last one.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

const BITS: usize = 11;
const SIZE: usize = 1 << BITS;

/// Values of one field, by request.
#[derive(Clone, PartialEq)]
pub struct Column<T> {
    chunks: Vec<Arc<[T]>>,
    len: usize,
}

impl<T: Copy> Column<T> {
    /// `len` times the same value.
    pub fn filled(value: T, len: usize) -> Self {
        let whole: Arc<[T]> = vec![value; SIZE.min(len)].into();
        let mut chunks = vec![whole; len.div_ceil(SIZE)];
        if let (Some(last), rest @ 1..) = (chunks.last_mut(), len % SIZE) {
            *last = vec![value; rest].into();
        }
        Self { chunks, len }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A value, if there is such a request.
    pub fn get(&self, i: usize) -> Option<T> {
        (i < self.len).then(|| self[i])
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|c| c.iter())
    }

    /// All values in a vector.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().copied().collect()
    }
}

impl<T: Copy> From<&[T]> for Column<T> {
    fn from(values: &[T]) -> Self {
        Self {
            chunks: values.chunks(SIZE).map(Into::into).collect(),
            len: values.len(),
        }
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    fn index(&self, i: usize) -> &T {
        &self.chunks[i >> BITS][i & (SIZE - 1)]
    }
}

impl<T: Copy> IndexMut<usize> for Column<T> {
    fn index_mut(&mut self, i: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[i >> BITS])[i & (SIZE - 1)]
    }
}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for Column<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.len == N && self.chunks.iter().flat_map(|c| c.iter()).eq(other)
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_values_and_shares_the_rest() {
        for len in [0, 1, SIZE - 1, SIZE, 2 * SIZE + 5] {
            let mut column = Column::filled(7_u32, len);
            assert_eq!((column.len(), column.to_vec()), (len, vec![7; len]));
            let before = column.clone();
            if len > 0 {
                column[len - 1] = 8;
                assert_eq!((before[len - 1], column[len - 1]), (7, 8));
                assert_eq!(column.iter().filter(|v| **v == 8).count(), 1, "{len}");
            }
            let shared = column.chunks.iter().zip(&before.chunks);
            let own = shared.filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
            assert_eq!(own, usize::from(len > 0), "one chunk was written");
            assert_eq!(Column::from(&column.to_vec()[..]), column);
            assert_eq!(column.get(len), None);
        }
    }
}
