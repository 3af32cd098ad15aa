//! Rows by column, as `UNNEST` takes them.

/// One column of these rows.
pub fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// A count as the store keeps it.
#[must_use]
pub fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
