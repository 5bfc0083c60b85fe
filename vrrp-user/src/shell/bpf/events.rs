//! `XVRRP_EVENTS` as an async source.

use anyhow::{Context, Result};
use aya::maps::{MapData, RingBuf};
use std::io;
use tokio::io::{Interest, unix::AsyncFd};
use vrrp_common::event::Event;

/// News from the XDP program.
pub struct Events {
    ring: AsyncFd<RingBuf<MapData>>,
    malformed: u64,
}

impl Events {
    /// Must be called inside a tokio runtime.
    pub(super) fn new(ring: RingBuf<MapData>) -> Result<Self> {
        // SAFETY: the ring owns its map's descriptor until it is dropped, which is
        // when this is; it never changes or closes it before.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .context("cannot wait for XVRRP_EVENTS")?;
        Ok(Self { ring, malformed: 0 })
    }

    /// The next one, waiting for it. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.try_next() {
                return Ok(event);
            }
            let mut guard = self.ring.readable_mut().await?;
            // Readiness comes by edges, and a record may have come since the ring
            // was empty: look once more before sleeping on the next edge.
            if let Some(event) = take(guard.get_inner_mut(), &mut self.malformed) {
                return Ok(event);
            }
            guard.clear_ready();
        }
    }

    /// The next one if it is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        take(self.ring.get_mut(), &mut self.malformed)
    }

    /// Records of another length than [`Event`], which were skipped. Above zero
    /// means that program and daemon are of different builds.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }
}

fn take(ring: &mut RingBuf<MapData>, malformed: &mut u64) -> Option<Event> {
    while let Some(item) = ring.next() {
        match bytemuck::try_pod_read_unaligned(&item) {
            Ok(event) => return Some(event),
            Err(_) => *malformed += 1,
        }
    }
    None
}
