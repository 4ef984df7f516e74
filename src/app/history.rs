//! Undo: whole states, not differences, in one bounded list with a cursor.

/// Most points kept.
const MAX_POINTS: usize = 100;

/// Undo history of states `T`.
#[derive(Debug, Clone)]
pub(crate) struct History<T> {
    points: Vec<T>,
    cursor: usize,
}

impl<T: Clone + PartialEq> History<T> {
    /// Starts with the current state.
    pub(crate) fn new(state: T) -> Self {
        Self {
            points: vec![state],
            cursor: 0,
        }
    }

    /// Looks at the state once a frame. A point is set when it differs from the last one and the
    /// user is not in the middle of something, so one drag is one undo step.
    pub(crate) fn observe(&mut self, state: &T, settled: bool) {
        if !settled || self.points[self.cursor] == *state {
            return;
        }
        self.points.truncate(self.cursor + 1);
        self.points.push(state.clone());
        if self.points.len() > MAX_POINTS {
            self.points.remove(0);
        }
        self.cursor = self.points.len() - 1;
    }

    /// Whether there is something to undo.
    pub(crate) fn can_undo(&self) -> bool {
        self.cursor > 0
    }

    /// Whether there is something to redo.
    pub(crate) fn can_redo(&self) -> bool {
        self.cursor + 1 < self.points.len()
    }

    /// The state before the last change.
    pub(crate) fn undo(&mut self) -> Option<T> {
        self.can_undo().then(|| {
            self.cursor -= 1;
            self.points[self.cursor].clone()
        })
    }

    /// The state that was undone last.
    pub(crate) fn redo(&mut self) -> Option<T> {
        self.can_redo().then(|| {
            self.cursor += 1;
            self.points[self.cursor].clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_and_redo_walk_the_same_path() {
        let mut history = History::new(0);
        for state in 1..=3 {
            history.observe(&state, true);
        }
        assert_eq!(
            (history.undo(), history.undo(), history.redo()),
            (Some(2), Some(1), Some(2))
        );
        history.observe(&9, true);
        assert!(!history.can_redo(), "a new change ends the redo path");
        assert_eq!(history.undo(), Some(2));
    }

    #[test]
    fn a_drag_is_one_step() {
        let mut history = History::new(0);
        for state in 1..50 {
            history.observe(&state, false);
        }
        history.observe(&50, true);
        assert_eq!(history.undo(), Some(0));
        assert!(!history.can_undo());
    }

    #[test]
    fn the_list_is_bounded() {
        let mut history = History::new(0);
        for state in 1..1000 {
            history.observe(&state, true);
        }
        let mut steps = 0;
        while history.undo().is_some() {
            steps += 1;
        }
        assert_eq!(steps, MAX_POINTS - 1);
    }
}
