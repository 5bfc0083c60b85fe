//! The archive a kernel unpacks as its first root: cpio, "newc"
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

/// An archive being written.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To be run.
    Program,
    /// To be read.
    Data,
}

const DIRECTORY: u32 = 0o040_755;

impl Archive {
    /// Adds a directory; its parent comes first.
    pub(crate) fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY, &[]);
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, kind: Kind, content: &[u8]) {
        let mode = match kind {
            Kind::Program => 0o100_755,
            Kind::Data => 0o100_644,
        };
        self.entry(path, mode, content);
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let name = path.trim_start_matches('/');
        let size = u32::try_from(content.len()).expect("a file below 4 GiB");
        let name_size = u32::try_from(name.len() + 1).expect("a short name");
        // magic; inode, mode, uid, gid, links, mtime, size, device and special
        // device (major, minor), name size, checksum: eight hexadecimal digits each.
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name_size,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").into_bytes());
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, Kind};

    #[test]
    fn lays_out_an_entry() {
        let mut archive = Archive::default();
        archive.file("/ab", Kind::Data, b"hello");
        let bytes = archive.finish();
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[54..62], b"00000005", "size");
        assert_eq!(&bytes[94..102], b"00000003", "name size, its NUL included");
        assert_eq!(&bytes[110..113], b"ab\0");
        // Name and content each end on a multiple of four.
        assert_eq!(&bytes[116..124], b"hello\0\0\0");
        assert_eq!(&bytes[124..130], b"070701");
    }
}
