//! The picture of a study as data: rows of weights over experts, with a number beside each row.

/// One row at a moment: a task, a sequence, or a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What each column has of it, 0 to 1.
    pub cells: Vec<f32>,
    /// Columns that are right for it.
    pub right: Vec<u16>,
    /// The number beside it.
    pub value: f64,
}

/// All rows at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Position on the timeline.
    pub at: f64,
    /// The rows from top to bottom.
    pub rows: Vec<Row>,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Name of the picture for assistive technology.
    pub name: &'static str,
    /// What is seen, in a line.
    pub caption: &'static str,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Columns that belong together; 0 for none.
    pub group: usize,
    /// What the number beside a row is.
    pub value: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The moments in order.
    pub scenes: Vec<Scene>,
}

impl Sheet {
    /// Largest number beside a row, for the length of its bar.
    pub fn top(&self) -> f64 {
        let rows = self.scenes.iter().flat_map(|s| &s.rows);
        rows.map(|r| r.value)
            .filter(|v| v.is_finite())
            .fold(f64::MIN_POSITIVE, f64::max)
    }
}

impl Row {
    /// Columns with the most of a row, largest first.
    pub fn leading(&self, count: usize) -> Vec<usize> {
        let cells: Vec<f64> = self.cells.iter().map(|c| f64::from(*c)).collect();
        let mut order = crate::core::stats::descending(&cells);
        order.truncate(count);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_largest_number_and_leading_columns_come_first() {
        let row = |value, cells: &[f32]| Row {
            name: String::new(),
            cells: cells.to_vec(),
            right: Vec::new(),
            value,
        };
        let sheet = Sheet {
            scenes: vec![Scene {
                at: 0.0,
                rows: vec![row(2.0, &[0.1, 0.7, 0.2]), row(f64::NAN, &[1.0])],
            }],
            ..Sheet::default()
        };
        assert_eq!(sheet.top(), 2.0);
        assert_eq!(sheet.scenes[0].rows[0].leading(2), [1, 2]);
    }
}
