//! Columns that line up, whatever the script: a Chinese character is as wide as two Latin ones.

use unicode_width::UnicodeWidthStr;

use super::clean::one_line;

/// Between two columns.
const GAP: &str = "  ";

/// Rows in columns. The last column is never padded, so that nothing trails.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// No rows, no heading.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A heading.
    #[must_use]
    pub fn with_heading<T: Into<String>>(heading: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self::default();
        table.row(heading);
        table
    }

    /// Sets every row in by so many columns.
    #[must_use]
    pub fn indented(mut self, by: usize) -> Self {
        self.indent = by;
        self
    }

    /// Aligns a column, counted from 0, to the right: for numbers.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Self {
        self.rows.push(cells.into_iter().map(|cell| one_line(&cell.into())).collect());
        self
    }

    /// The rows as text, each with a line break.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    line.push_str(GAP);
                }
                let padding = " ".repeat(widths.get(column).copied().unwrap_or(0).saturating_sub(width(cell)));
                if self.right.contains(&column) {
                    line.push_str(&padding);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&padding);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// How many columns of a terminal a text takes. “·”, “…” and the like count as one, as the terminals of our users show them.
#[must_use]
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_latin_columns_line_up() {
        let mut table = Table::with_heading(["单位", "期限", "x"]);
        table.row(["ZF", "3月17日", "y"]).row(["西塘镇人民政府", "4月", "z"]);
        let lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
        let at = |line: &str, cell: &str| line.find(cell).map(|byte| width(&line[..byte]));
        assert_eq!(at(&lines[0], "期限"), Some(16));
        assert_eq!(at(&lines[1], "3月17日"), Some(16));
        assert_eq!(at(&lines[2], "4月"), Some(16));
        assert_eq!(at(&lines[0], "x"), at(&lines[1], "y"));
        assert_eq!(at(&lines[1], "y"), at(&lines[2], "z"));
    }

    #[test]
    fn numbers_may_stand_to_the_right_and_nothing_trails() {
        let mut table = Table::new().right(1).indented(2);
        table.row(["甲", "9", ""]).row(["乙", "100", ""]);
        assert_eq!(table.render(), "  甲    9\n  乙  100\n");
    }

    #[test]
    fn a_text_cannot_break_out_of_its_line() {
        let mut table = Table::new();
        table.row(["a\nb\u{1b}[31m\u{202e}c", "d"]);
        assert_eq!(table.render(), "a b [31mc  d\n");
    }

    #[test]
    fn rows_of_different_length_are_allowed() {
        let mut table = Table::new();
        table.row(["a"]).row(["bb", "c"]);
        assert_eq!(table.render(), "a\nbb  c\n");
    }
}
