//! The ring buffers as async sources: `XVRRP_EVENTS` and `XVRRP_UNPROVEN`.

use anyhow::{Context, Result};
use aya::maps::{MapData, RingBuf};
use bytemuck::Zeroable;
use std::io;
use tokio::io::{Interest, unix::AsyncFd};
use vrrp_common::{
    event::Event,
    maps::name,
    unproven::{HEAD_LEN, MAX_PACKET_LEN, Unproven},
};

/// News from the XDP program.
pub type Events = Source<Event>;
/// Adverts whose hash it left to verify.
pub type Unprovens = Source<Box<Unproven>>;

/// Something that a ring buffer holds.
pub trait Record: Sized {
    /// From a record's octets, if they can be one.
    fn read(octets: &[u8]) -> Option<Self>;
}

impl Record for Event {
    fn read(octets: &[u8]) -> Option<Self> {
        bytemuck::try_pod_read_unaligned(octets).ok()
    }
}

impl Record for Box<Unproven> {
    fn read(octets: &[u8]) -> Option<Self> {
        let mut record = Self::new(Unproven::zeroed());
        let room = bytemuck::bytes_of_mut(&mut *record);
        room.get_mut(..octets.len())?.copy_from_slice(octets);
        let len = usize::from(record.len);
        (len <= MAX_PACKET_LEN && octets.len() == HEAD_LEN + len).then_some(record)
    }
}

/// One ring buffer.
pub struct Source<T> {
    ring: AsyncFd<RingBuf<MapData>>,
    malformed: u64,
    of: core::marker::PhantomData<T>,
}

impl<T: Record> Source<T> {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(ring: RingBuf<MapData>) -> Result<Self> {
        // SAFETY: the ring owns its map's descriptor until it is dropped, which is
        // when this is; it never changes or closes it before.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .with_context(|| format!("cannot wait for {} or {}", name::EVENTS, name::UNPROVEN))?;
        Ok(Self {
            ring,
            malformed: 0,
            of: core::marker::PhantomData,
        })
    }

    /// The next one, waiting for it. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> io::Result<T> {
        loop {
            if let Some(record) = self.try_next() {
                return Ok(record);
            }
            let mut guard = self.ring.readable_mut().await?;
            // Readiness comes by edges, and a record may have come since the ring
            // was empty: look once more before sleeping on the next edge.
            if let Some(record) = take(guard.get_inner_mut(), &mut self.malformed) {
                return Ok(record);
            }
            guard.clear_ready();
        }
    }

    /// The next one if it is there already.
    pub fn try_next(&mut self) -> Option<T> {
        take(self.ring.get_mut(), &mut self.malformed)
    }

    /// Records of another form, which were skipped. Above zero means that program and
    /// daemon are of different builds.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}

fn take<T: Record>(ring: &mut RingBuf<MapData>, malformed: &mut u64) -> Option<T> {
    while let Some(item) = ring.next() {
        match T::read(&item) {
            Some(record) => return Some(record),
            None => *malformed += 1,
        }
    }
    None
}
