//! An mmapable array as shared memory: what is written here the programs read at once,
//! and it costs no system call.
//!
//! Programs read while this side writes, so everything is stored word by word, each of
//! them whole. What belongs together is written where nobody looks yet and then named by
//! one word; which one that is, says `records`.

use anyhow::{Context, Result};
use bytemuck::Pod;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::{
    ffi::c_void,
    marker::PhantomData,
    num::NonZero,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Release},
    },
};

/// Octets of a word.
const WORD: usize = 8;

/// A map of `records` records of `T`.
pub(super) struct Mapped<T> {
    words: NonNull<AtomicU64>,
    records: usize,
    of: PhantomData<T>,
}

// SAFETY: the mapping lives until drop, belongs to no thread, and is reached through
// atomics only.
unsafe impl<T> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Words of a record.
    const WORDS: usize = {
        assert!(size_of::<T>().is_multiple_of(WORD) && size_of::<T>() > 0);
        size_of::<T>() / WORD
    };

    /// Maps `map`, whose shape the caller has checked (`shapes`): an mmapable array of
    /// `records` records.
    pub(super) fn map(map: impl AsFd, records: usize, name: &str) -> Result<Self> {
        let length = NonZero::new(Self::bytes(records)).context("an empty map")?;
        // SAFETY: a new mapping at an address of the kernel's choice; the map is an
        // array of this many records, which the kernel refuses to map beyond its end.
        let start = unsafe {
            mmap(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                map,
                0,
            )
        };
        let start = start.with_context(|| format!("cannot map {name} into memory"))?;
        Ok(Self {
            words: start.cast(),
            records,
            of: PhantomData,
        })
    }

    const fn bytes(records: usize) -> usize {
        records * Self::WORDS * WORD
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: mapped above for this many words, page-aligned, unmapped only in drop;
        // any bytes are valid atomics.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.records * Self::WORDS) }
    }

    /// The words of record `index`; none beyond the end.
    fn record(&self, index: u32) -> Option<&[AtomicU64]> {
        let first = usize::try_from(index).ok()?.checked_mul(Self::WORDS)?;
        self.words().get(first..first + Self::WORDS)
    }

    /// A record, word by word; zero beyond the end.
    pub(super) fn read(&self, index: u32) -> T {
        let mut value = T::zeroed();
        if let Some(words) = self.record(index) {
            let bytes = bytemuck::bytes_of_mut(&mut value).chunks_exact_mut(WORD);
            for (word, bytes) in words.iter().zip(bytes) {
                bytes.copy_from_slice(&word.load(Acquire).to_ne_bytes());
            }
        }
        value
    }

    /// Stores the words of `value` that `order` names, in that order; what is beyond the
    /// record's end, or the map's, is an error.
    pub(super) fn store(
        &self,
        index: u32,
        value: &T,
        order: impl IntoIterator<Item = usize>,
    ) -> Result<()> {
        let words = self.record(index);
        let words = words.with_context(|| format!("no record {index} of {}", self.records))?;
        let bytes = bytemuck::bytes_of(value);
        for at in order {
            let part = bytes.get(at * WORD..(at + 1) * WORD);
            let (word, part) = words.get(at).zip(part).context("beyond the record")?;
            let mut whole = [0; WORD];
            whole.copy_from_slice(part);
            word.store(u64::from_ne_bytes(whole), Release);
        }
        Ok(())
    }

    /// The whole of a record nobody looks at yet, or whose words need not go together.
    pub(super) fn write(&self, index: u32, value: &T) -> Result<()> {
        self.store(index, value, 0..Self::WORDS)
    }

    /// Adds to a word that programs add to as well.
    pub(super) fn add(&self, index: u32, word: usize, delta: i64) {
        if let Some(word) = self.record(index).and_then(|words| words.get(word)) {
            word.fetch_add(delta.cast_unsigned(), AcqRel);
        }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        let bytes = self.records * size_of::<T>();
        // SAFETY: mapped in `map` with this length, and nothing borrows it any more.
        unsafe { munmap(self.words.cast::<c_void>(), bytes) }.ok();
    }
}
