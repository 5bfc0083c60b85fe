//! What this kernel can do, and the two load variants.
//!
//! Features are found by trying, because distributions backport; the version
//! only words the log.

use anyhow::{Context, Result, bail};
use core::fmt;

/// Environment variable that forces the older variant, for tests: `old`.
pub const VARIANT_VARIABLE: &str = "XVRRP_BPF_VARIANT";

/// How the programs are loaded and attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The newest the kernel takes: frags (5.18), a TCX link on egress (6.6).
    #[default]
    Newest,
    /// As on an older kernel: no frags, a clsact filter on egress.
    Old,
}

impl Variant {
    /// What the environment asks for.
    pub fn from_environment() -> Result<Self> {
        match std::env::var(VARIANT_VARIABLE).as_deref() {
            Err(_) | Ok("") => Ok(Self::Newest),
            Ok("old") => Ok(Self::Old),
            Ok(other) => bail!("{VARIANT_VARIABLE}={other}: only `old` is known"),
        }
    }
}

/// A kernel release, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

impl Version {
    /// The oldest kernel xvrrpd is written for.
    pub const OLDEST: Self = Self {
        major: 5,
        minor: 15,
    };

    /// The running kernel's.
    pub fn running() -> Result<Self> {
        let release = nix::sys::utsname::uname()
            .context("uname")?
            .release()
            .to_string_lossy()
            .into_owned();
        Self::parse(&release)
            .with_context(|| format!("kernel release {release:?} is not understood"))
    }

    /// From a release such as `6.1.0-44-amd64`.
    pub fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: numbers.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn parses_releases() {
        let cases = [
            ("6.1.0-44-amd64", Some((6, 1))),
            ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15))),
            ("6.18", Some((6, 18))),
            ("6.12-rc3", Some((6, 12))),
            ("linux", None),
            ("", None),
        ];
        for (release, want) in cases {
            let want = want.map(|(major, minor)| Version { major, minor });
            assert_eq!(Version::parse(release), want, "{release}");
        }
        assert!(Version { major: 5, minor: 4 } < Version::OLDEST);
        assert!(Version { major: 6, minor: 1 } > Version::OLDEST);
    }
}
