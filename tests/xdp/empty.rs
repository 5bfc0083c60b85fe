//! A program that does nothing. What a test run of it reads is what test runs cost.

use crate::kernel::Entry;
use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    time::Duration,
};

// `enum bpf_cmd`, `enum bpf_prog_type`.
const PROG_LOAD: libc::c_int = 5;
const PROG_TEST_RUN: libc::c_int = 10;
const TYPE_CLASSIFIER: u32 = 3;
const TYPE_XDP: u32 = 6;

/// `r0 = 1` (`XDP_DROP`; a classifier may return it as well), `exit`.
const INSTRUCTIONS: [u64; 2] = [0x0000_0001_0000_00b7, 0x95];

/// The first of `union bpf_attr` for a load.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    instructions_at: u64,
    license_at: u64,
}

/// The same for a test run.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: RawFd,
    returned: u32,
    data_len: u32,
    out_len: u32,
    data_at: u64,
    out_at: u64,
    repeat: u32,
    duration_ns: u32,
}

pub(crate) struct Empty(OwnedFd);

impl Empty {
    /// Of the kind that `entry` is.
    pub(crate) fn load(entry: Entry) -> Self {
        let mut load = Load {
            kind: match entry {
                Entry::Ingress | Entry::IngressNoFrags => TYPE_XDP,
                Entry::Egress => TYPE_CLASSIFIER,
            },
            instructions: 2,
            instructions_at: INSTRUCTIONS.as_ptr() as u64,
            license_at: c"GPL".as_ptr() as u64,
        };
        let fd = bpf(PROG_LOAD, &mut load);
        // SAFETY: new, and nobody else's.
        Self(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Mean time of one run of many.
    pub(crate) fn run_often(&self, frame: &[u8], times: u32) -> Duration {
        let mut run = TestRun {
            program: self.0.as_raw_fd(),
            data_len: u32::try_from(frame.len()).expect("a short frame"),
            data_at: frame.as_ptr() as u64,
            repeat: times,
            ..TestRun::default()
        };
        bpf(PROG_TEST_RUN, &mut run);
        assert_eq!(run.returned, 1, "ran");
        Duration::from_nanos(run.duration_ns.into())
    }
}

fn bpf<T>(command: libc::c_int, attributes: &mut T) -> RawFd {
    // SAFETY: `attributes` begins like the union that the command takes, and what it
    // points to outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    assert!(result >= 0, "bpf: {}", io::Error::last_os_error());
    RawFd::try_from(result).expect("a descriptor")
}
