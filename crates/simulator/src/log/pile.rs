//! A list that grows without moving what it holds: where there are millions of values, making room
//! for more by moving them all would hold up a frame.

use std::ops::Index;

const BITS: usize = 14;
const SIZE: usize = 1 << BITS;

/// Values in order, in pieces of one size.
#[derive(Debug, Clone)]
pub(super) struct Pile<T> {
    pieces: Vec<Vec<T>>,
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T> Pile<T> {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        (self.pieces.split_last()).map_or(0, |(last, whole)| whole.len() * SIZE + last.len())
    }

    /// Adds a value at the end.
    pub(super) fn push(&mut self, value: T) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < SIZE => last.push(value),
            // The first one grows: most lists are short.
            None => self.pieces.push(vec![value]),
            Some(_) => {
                let mut piece = Vec::with_capacity(SIZE);
                piece.push(value);
                self.pieces.push(piece);
            }
        }
    }

    /// A value, if there are so many.
    pub(super) fn get_mut(&mut self, i: usize) -> Option<&mut T> {
        self.pieces.get_mut(i >> BITS)?.get_mut(i & (SIZE - 1))
    }
}

impl<T> Index<usize> for Pile<T> {
    type Output = T;

    fn index(&self, i: usize) -> &T {
        &self.pieces[i >> BITS][i & (SIZE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list() {
        let mut pile = Pile::default();
        assert_eq!((pile.len(), pile.get_mut(0)), (0, None));
        let n = 2 * SIZE + 3;
        for i in 0..n {
            pile.push(i);
            assert_eq!(pile.len(), i + 1);
        }
        assert!((0..n).all(|i| pile[i] == i), "in order");
        assert_eq!(pile.get_mut(SIZE).map(std::mem::take), Some(SIZE));
        assert_eq!(pile[SIZE], 0);
        assert_eq!(pile.get_mut(n), None);
    }
}
