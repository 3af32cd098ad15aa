//! The loaded unit: what a batch read, what it changed, and how one refused decision is undone without touching its neighbours'.

use std::collections::{BTreeMap, BTreeSet};

/// A set of rows held in memory while a batch decides. Remembers what changed since it was loaded, and can forget
/// everything since the last [`Savepoint::mark`].
#[derive(Debug, Clone)]
pub struct Table<K, V> {
    rows: BTreeMap<K, V>,
    changed: BTreeSet<K>,
    undo: Vec<(K, Option<V>, bool)>,
}

impl<K: Ord + Clone, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: BTreeSet::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// A table of rows as they stand in the store: none of them counts as changed.
    pub fn loaded(rows: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { rows: rows.into_iter().collect(), ..Self::default() }
    }

    /// The row, if there is one.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// Writes a row; it will be flushed.
    pub fn put(&mut self, key: K, value: V) {
        let was_changed = !self.changed.insert(key.clone());
        let before = self.rows.insert(key.clone(), value);
        self.undo.push((key, before, was_changed));
    }

    /// Every row, loaded or written, in the order of its key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows to flush, in the order of their keys.
    pub fn changed(&self) -> impl Iterator<Item = (&K, &V)> {
        self.changed.iter().filter_map(|key| self.rows.get_key_value(key))
    }

    /// True where there is nothing to flush.
    pub fn is_clean(&self) -> bool {
        self.changed.is_empty()
    }
}

/// Rows that are only ever added, such as the lines of a register.
#[derive(Debug, Clone)]
pub struct Added<V> {
    rows: Vec<V>,
    mark: usize,
}

impl<V> Default for Added<V> {
    fn default() -> Self {
        Self { rows: Vec::new(), mark: 0 }
    }
}

impl<V> Added<V> {
    /// Adds a row.
    pub fn push(&mut self, row: V) {
        self.rows.push(row);
    }

    /// The rows to flush, in the order they were added.
    pub fn rows(&self) -> &[V] {
        &self.rows
    }
}

/// Something whose changes since a mark can be forgotten.
pub trait Savepoint {
    /// From here on changes can be forgotten.
    fn mark(&mut self);
    /// Forgets every change since the mark.
    fn rollback(&mut self);
}

impl<K: Ord + Clone, V: Clone> Savepoint for Table<K, V> {
    fn mark(&mut self) {
        self.undo.clear();
    }

    fn rollback(&mut self) {
        while let Some((key, before, was_changed)) = self.undo.pop() {
            match before {
                Some(value) => self.rows.insert(key.clone(), value),
                None => self.rows.remove(&key),
            };
            if !was_changed {
                self.changed.remove(&key);
            }
        }
    }
}

impl<V> Savepoint for Added<V> {
    fn mark(&mut self) {
        self.mark = self.rows.len();
    }

    fn rollback(&mut self) {
        self.rows.truncate(self.mark);
    }
}

/// What a service loads for a batch: a struct of tables.
pub trait Unit: Send + Sync + Default + 'static {
    /// Every table of the unit; a table that is left out here would keep what a refused command did.
    fn tables(&mut self) -> Vec<&mut dyn Savepoint>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rolling_back_gives_the_marked_table(
            before in proptest::collection::btree_map(0u8..8, 0u8..8, 0..6),
            kept in proptest::collection::vec((0u8..8, 0u8..8), 0..6),
            undone in proptest::collection::vec((0u8..8, 0u8..8), 0..6),
        ) {
            let mut table = Table::loaded(before);
            for (key, value) in kept {
                table.put(key, value);
            }
            let marked = table.clone();
            table.mark();
            for (key, value) in undone {
                table.put(key, value);
            }
            table.rollback();
            prop_assert_eq!(&table.rows, &marked.rows);
            prop_assert_eq!(&table.changed, &marked.changed);
        }
    }
}
