//! bpf(2) where aya does not reach.
//!
//! aya attaches XDP by netlink behind our back when a link is refused with
//! EINVAL, and such an attachment can be neither pinned nor replaced atomically;
//! its link information lacks the interface; and it opens pins for writing only.

use bytemuck::Pod;
use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

const OBJ_PIN: i32 = 6;
const OBJ_GET: i32 = 7;
const OBJ_GET_INFO_BY_FD: i32 = 15;
const MAP_LOOKUP_BATCH: i32 = 24;
const LINK_CREATE: i32 = 28;
const LINK_UPDATE: i32 = 29;
const LINK_DETACH: i32 = 34;

const F_RDONLY: u32 = 1 << 3;
const F_BEFORE: u32 = 1 << 3;
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// How far a hash map has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    Start,
    /// The kernel's number of the next bucket.
    At(u32),
    End,
}

/// Reads about `at_once` entries of a hash map whose keys and values are `K` and `V`.
/// ENOSPC: a bucket holds more; nothing was read. An entry that stays is read once,
/// whatever comes and goes beside it.
pub(super) fn lookup_batch<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    place: &mut Batch,
    at_once: usize,
) -> io::Result<Vec<(K, V)>> {
    #[repr(C)]
    struct Attr {
        in_batch: u64,
        out_batch: u64,
        keys: u64,
        values: u64,
        count: u32,
        map: RawFd,
        elem_flags: u64,
        flags: u64,
    }
    let mut from = match *place {
        Batch::Start => None,
        Batch::At(bucket) => Some(bucket),
        Batch::End => return Ok(Vec::new()),
    };
    let mut to = 0_u32;
    let mut keys = vec![K::zeroed(); at_once];
    let mut values = vec![V::zeroed(); at_once];
    let mut attr = Attr {
        in_batch: from.as_mut().map_or(0, |bucket| (&raw mut *bucket) as u64),
        out_batch: (&raw mut to) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: u32::try_from(at_once).unwrap_or(u32::MAX),
        map: map.as_raw_fd(),
        elem_flags: 0,
        flags: 0,
    };
    *place = match bpf(MAP_LOOKUP_BATCH, &mut attr) {
        Ok(_) => Batch::At(to),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Batch::End,
        Err(error) => return Err(error),
    };
    let count = usize::try_from(attr.count).unwrap_or(0);
    Ok(keys.into_iter().zip(values).take(count).collect())
}

/// Where a link attaches its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    XdpNative,
    XdpGeneric,
    /// Ahead of every other TCX program on egress.
    TcxEgress,
}

/// What the kernel knows about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkInfo {
    pub(super) id: u32,
    pub(super) program_id: u32,
    /// 0 once the interface is gone. Meant for XDP and TCX links.
    pub(super) ifindex: u32,
}

/// Attaches `program` to `ifindex` by a new link.
pub(super) fn link_create(
    program: BorrowedFd<'_>,
    ifindex: u32,
    hook: Hook,
) -> io::Result<OwnedFd> {
    const BPF_XDP: u32 = 37;
    const BPF_TCX_EGRESS: u32 = 47;
    #[repr(C)]
    struct Attr {
        program: RawFd,
        ifindex: u32,
        attach_type: u32,
        flags: u32,
        relative_to: u32,
        pad: u32,
        expected_revision: u64,
    }
    let (attach_type, flags) = match hook {
        Hook::XdpNative => (BPF_XDP, XDP_FLAGS_DRV_MODE),
        Hook::XdpGeneric => (BPF_XDP, XDP_FLAGS_SKB_MODE),
        // Before nobody in particular is first of all.
        Hook::TcxEgress => (BPF_TCX_EGRESS, F_BEFORE),
    };
    let mut attr = Attr {
        program: program.as_raw_fd(),
        ifindex,
        attach_type,
        flags,
        relative_to: 0,
        pad: 0,
        expected_revision: 0,
    };
    bpf_fd(LINK_CREATE, &mut attr)
}

/// Replaces the program of a link, atomically.
pub(super) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Attr {
        link: RawFd,
        program: RawFd,
        flags: u32,
        old_program: u32,
    }
    let mut attr = Attr {
        link: link.as_raw_fd(),
        program: program.as_raw_fd(),
        flags: 0,
        old_program: 0,
    };
    bpf(LINK_UPDATE, &mut attr).map(drop)
}

/// Takes a link off its interface, at once. Dropping the last descriptor and pin
/// does so too, but only some time later.
pub(super) fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut link = link.as_raw_fd();
    bpf(LINK_DETACH, &mut link).map(drop)
}

/// Identity and target of a link.
pub(super) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    #[repr(C)]
    struct Attr {
        fd: RawFd,
        len: u32,
        info: u64,
    }
    // struct bpf_link_info up to the first word of its union, with room that the
    // kernel leaves untouched.
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        kind: u32,
        id: u32,
        program_id: u32,
        pad: u32,
        ifindex: u32,
        rest: [u32; 19],
    }
    let mut info = Info::default();
    let mut attr = Attr {
        fd: link.as_raw_fd(),
        len: u32::try_from(size_of::<Info>()).unwrap_or(0),
        info: (&raw mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attr)?;
    Ok(LinkInfo {
        id: info.id,
        program_id: info.program_id,
        ifindex: info.ifindex,
    })
}

/// Gives a BPF object a name on a bpffs.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    object_call(OBJ_PIN, object.as_raw_fd(), path, 0).map(drop)
}

/// Opens a pinned object for reading and writing.
pub(super) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    owned(object_call(OBJ_GET, 0, path, 0)?)
}

/// Opens a pinned map for reading only.
pub(super) fn open_pin_read_only(path: &Path) -> io::Result<OwnedFd> {
    owned(object_call(OBJ_GET, 0, path, F_RDONLY)?)
}

fn object_call(command: i32, object: RawFd, path: &Path, flags: u32) -> io::Result<RawFd> {
    #[repr(C)]
    struct Attr {
        path: u64,
        fd: RawFd,
        flags: u32,
    }
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = Attr {
        path: path.as_ptr() as u64,
        fd: object,
        flags,
    };
    bpf(command, &mut attr)
}

fn bpf_fd<T>(command: i32, attr: &mut T) -> io::Result<OwnedFd> {
    owned(bpf(command, attr)?)
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `attr` must be laid out as the kernel's `union bpf_attr` for `command`, and
/// every pointer in it must be valid for the call; all callers are above.
fn bpf<T>(command: i32, attr: &mut T) -> io::Result<RawFd> {
    // SAFETY: `attr` is a live, initialised struct of the size given, whose
    // pointers outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attr),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(result).map_err(|_| io::ErrorKind::InvalidData.into())
}
