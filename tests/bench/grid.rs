//! Columns of text.

use std::fmt::{self, Write as _};

/// Rows under a header; the first columns are words, the others figures.
pub(crate) struct Grid {
    rows: Vec<Vec<String>>,
    words: usize,
}

impl Grid {
    /// With `words` columns to be aligned to the left.
    pub(crate) fn new(words: usize, header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|&text| text.to_owned()).collect()],
            words,
        }
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                if column < self.words {
                    let _ = write!(line, "{cell:<width$}  ");
                } else {
                    let _ = write!(line, "{cell:>width$}  ");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn figures_stand_under_one_another() {
        let mut grid = Grid::new(1, &["what", "n"]);
        grid.add(vec!["a longer word".into(), "1000".into()]);
        grid.add(vec!["b".into(), "7".into()]);
        assert_eq!(
            grid.to_string(),
            "what              n\na longer word  1000\nb                 7\n"
        );
    }
}
