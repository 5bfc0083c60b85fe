//! What waits to be told.

use std::collections::VecDeque;

/// A queue that has room for so much and loses the oldest.
#[derive(Debug)]
pub(in crate::shell) struct Backlog<T> {
    items: VecDeque<T>,
    capacity: usize,
    lost: u64,
}

impl<T> Backlog<T> {
    pub(in crate::shell) const fn new(capacity: usize) -> Self {
        Self {
            items: VecDeque::new(),
            capacity,
            lost: 0,
        }
    }

    /// `true`: it is the first of a row for which another one had to go.
    pub(in crate::shell) fn push(&mut self, item: T) -> bool {
        let full = self.items.len() >= self.capacity;
        if full {
            self.items.pop_front();
            self.lost += 1;
        }
        self.items.push_back(item);
        full
    }

    pub(in crate::shell) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// Those that wait are wanted no more.
    pub(in crate::shell) fn forget(&mut self) {
        self.items.clear();
    }

    pub(in crate::shell) fn len(&self) -> usize {
        self.items.len()
    }

    pub(in crate::shell) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_lost_and_counted() {
        let mut backlog = Backlog::new(3);
        for item in 1..=3 {
            assert!(!backlog.push(item));
        }
        assert_eq!((backlog.len(), backlog.lost()), (3, 0));
        assert!(backlog.push(4) && backlog.push(5));
        assert_eq!((backlog.len(), backlog.lost()), (3, 2));
        assert_eq!(backlog.pop(), Some(3));
        assert!(!backlog.push(6));
        assert_eq!(
            std::iter::from_fn(|| backlog.pop()).collect::<Vec<_>>(),
            [4, 5, 6]
        );
        assert_eq!(backlog.lost(), 2);
    }
}
