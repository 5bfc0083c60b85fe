//! The compiler and the linker of the XDP object.
//!
//! Rust ships no `core` for BPF: it is built from source, by a rustc that has
//! it. bpf-linker reads that rustc's bitcode with an LLVM of its own, which must
//! not be older. vrrp-user's build script looks for both the same way, in the
//! same order, so that what counts as found here is found there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt;
use crate::program;

/// A prebuilt object, or a compiler for it, by the build script's own variables.
const OBJECT_VARIABLE: &str = "XVRRP_BPF_OBJECT";
const COMPILER_VARIABLE: &str = "XVRRP_BPF_RUSTC";

const LINKER_VERSION: &str = "0.13.0";
/// LLVM releases this bpf-linker can be built against, the best first: 22 is
/// the one whose output is tested.
const LINKER_LLVM: [u32; 3] = [22, 23, 21];
/// Oldest rustc that builds the object, major and minor.
const OLDEST_COMPILER: (u32, u32) = (1, 95);
/// LLVM of Debian's rustc-web, where no compiler is there to be asked yet.
const DEBIAN_LLVM: u32 = 22;

pub(crate) const RUSTUP_COMMAND: &str =
    "rustup toolchain install nightly --profile minimal --component rust-src";

/// A prebuilt object makes both unnecessary.
fn prebuilt() -> Option<String> {
    let object = env::var(OBJECT_VARIABLE)
        .ok()
        .filter(|path| !path.is_empty())?;
    Some(format!("not needed: {OBJECT_VARIABLE}={object}"))
}

/// For `Need`: the compiler's path.
pub(crate) fn find_compiler() -> Result<String, String> {
    match prebuilt() {
        Some(why) => Ok(why),
        None => compiler().map(|path| path.display().to_string()),
    }
}

fn compiler() -> Result<PathBuf, String> {
    let nightly = program::output(program::command("rustup").args([
        "which",
        "--toolchain",
        "nightly",
        "rustc",
    ]));
    let candidates = [
        env::var_os(COMPILER_VARIABLE).map(PathBuf::from),
        nightly.map(PathBuf::from),
        program::output(program::command("rustup").args(["which", "rustc"])).map(PathBuf::from),
        Some(PathBuf::from("/usr/bin/rustc")),
    ];
    let mut tried = Vec::new();
    for rustc in candidates.into_iter().flatten() {
        match program::output(bare(&rustc).args(["--print", "sysroot"])) {
            Some(sysroot) if has_core_source(Path::new(&sysroot)) => return Ok(rustc),
            Some(_) => tried.push(format!("{} has none", rustc.display())),
            None => tried.push(format!("{} does not run", rustc.display())),
        }
    }
    Err(format!(
        "no rustc with the source of `core` ({})",
        tried.join(", ")
    ))
}

/// Without rustup's variable, which would make its stand-in run another one.
fn bare(rustc: &Path) -> Command {
    let mut command = program::command(rustc);
    command.env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn has_core_source(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/Cargo.toml")
        .is_file()
}

/// For `Need`: bpf-linker's path and version.
pub(crate) fn find_linker() -> Result<String, String> {
    if let Some(why) = prebuilt() {
        return Ok(why);
    }
    let path = program::find("bpf-linker").ok_or("no such program")?;
    let version = program::output(program::command(&path).arg("--version"))
        .ok_or_else(|| format!("{} does not run", path.display()))?;
    let own = program::output(program::command("ldd").arg(&path)).and_then(|ldd| llvm_in_ldd(&ldd));
    if let (Some(own), Some(needed)) = (own, compiler().ok().as_deref().and_then(compiler_llvm))
        && own < needed
    {
        return Err(format!(
            "{} reads bitcode up to LLVM {own}, the compiler writes LLVM {needed}",
            path.display()
        ));
    }
    Ok(format!("{} ({version})", path.display()))
}

/// The LLVM it is linked to, when that is a shared library.
fn llvm_in_ldd(ldd: &str) -> Option<u32> {
    let (_, rest) = ldd.split_once("libLLVM")?;
    leading_number(rest.trim_start_matches(['-', '.', 's', 'o']))
}

fn compiler_llvm(rustc: &Path) -> Option<u32> {
    let verbose = program::output(bare(rustc).arg("-vV"))?;
    let version = verbose
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    leading_number(version)
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Debian's compiler with its source, where it has one that is new enough.
pub(crate) fn compiler_packages() -> Vec<String> {
    let packages = ["rustc-web", "rust-web-src"];
    let new_enough =
        |package: &&str| apt::candidate(package).is_some_and(|version| is_new_enough(&version));
    if packages.iter().all(new_enough) {
        packages.map(str::to_owned).to_vec()
    } else {
        Vec::new()
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(leading_number);
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= OLDEST_COMPILER,
        _ => false,
    }
}

/// After the packages: by rustup, where they did not bring one.
pub(crate) fn install_compiler() -> Result<()> {
    if compiler().is_ok() {
        return Ok(());
    }
    if program::find("rustup").is_none() {
        bail!(
            "no rustup, and this distribution has no rustc with core's source: see https://rustup.rs"
        );
    }
    let mut words = RUSTUP_COMMAND.split(' ');
    program::run(program::command(words.next().unwrap_or("rustup")).args(words))
}

/// An LLVM to build against: not older than the compiler's.
struct Llvm {
    major: u32,
    /// Its prefix, when it is installed.
    prefix: Option<PathBuf>,
}

fn llvm() -> Option<Llvm> {
    let oldest = compiler()
        .ok()
        .as_deref()
        .and_then(compiler_llvm)
        .unwrap_or(DEBIAN_LLVM);
    let fitting = || LINKER_LLVM.into_iter().filter(|major| *major >= oldest);
    let installed = fitting().find_map(|major| {
        let prefix = installed_llvm(major)?;
        Some(Llvm {
            major,
            prefix: Some(prefix),
        })
    });
    installed.or_else(|| {
        let major =
            fitting().find(|major| apt::candidate(&format!("llvm-{major}-dev")).is_some())?;
        Some(Llvm {
            major,
            prefix: None,
        })
    })
}

/// Debian's place, or the one and only LLVM of other distributions.
fn installed_llvm(major: u32) -> Option<PathBuf> {
    let prefix = PathBuf::from(format!("/usr/lib/llvm-{major}"));
    // llvm-sys links Polly as well.
    if prefix.join("include/llvm-c/Core.h").is_file() && prefix.join("lib/libPolly.a").is_file() {
        return Some(prefix);
    }
    let config = program::find("llvm-config")?;
    let ask = |what: &str| program::output(program::command(&config).arg(what));
    (leading_number(&ask("--version")?)? == major).then(|| ask("--prefix").map(PathBuf::from))?
}

/// What is missing to build bpf-linker.
pub(crate) fn linker_packages() -> Vec<String> {
    match llvm() {
        Some(Llvm {
            major,
            prefix: None,
        }) => {
            vec![
                format!("llvm-{major}-dev"),
                format!("libpolly-{major}-dev"),
                "g++".to_owned(),
            ]
        }
        _ => Vec::new(),
    }
}

fn linker_command(llvm: Option<&Llvm>) -> Command {
    let mut cargo = program::cargo();
    cargo.args([
        "install",
        "--locked",
        &format!("bpf-linker@{LINKER_VERSION}"),
    ]);
    if let Some(llvm) = llvm {
        let prefix = llvm
            .prefix
            .clone()
            .unwrap_or_else(|| format!("/usr/lib/llvm-{}", llvm.major).into());
        // Both: the build scripts of llvm-sys and of bpf-linker look differently.
        let mut path = prefix.join("bin").into_os_string();
        path.push(":");
        path.push(program::search_path());
        cargo.env("PATH", path).env("LLVM_PREFIX", prefix);
        cargo.args([
            "--no-default-features",
            &format!("--features=llvm-{}", llvm.major),
        ]);
    }
    cargo
}

/// For a person to type.
pub(crate) fn linker_command_line() -> String {
    let Some(llvm) = llvm() else {
        return "cargo binstall bpf-linker    # or an LLVM 22 with headers, then `cargo xtask setup` again"
            .to_owned();
    };
    let command = linker_command(Some(&llvm));
    let prefix = llvm
        .prefix
        .unwrap_or_else(|| format!("/usr/lib/llvm-{}", llvm.major).into());
    let arguments = program::line(&command);
    let (_, arguments) = arguments.split_once(' ').unwrap_or_default();
    format!(
        "LLVM_PREFIX={0} PATH={0}/bin:$PATH cargo {arguments}",
        prefix.display()
    )
}

pub(crate) fn install_linker() -> Result<()> {
    match llvm() {
        Some(llvm) => program::run(linker_command(Some(&llvm)).arg("--force")),
        // A ready-made one, statically linked to an LLVM of its own.
        None if program::find("cargo-binstall").is_some() => program::run(
            program::cargo().args(["binstall", "--no-confirm", &format!("bpf-linker@{LINKER_VERSION}")]),
        ),
        None => bail!(
            "no LLVM that bpf-linker {LINKER_VERSION} can be built against (21, 22 or 23, not older \
             than the compiler's); install one with its headers, or `cargo binstall bpf-linker`"
        ),
    }
    .context("cannot install bpf-linker")
}

#[cfg(test)]
mod tests {
    #[test]
    fn llvm_of_a_linker_is_read_from_ldd() {
        let ldd = "\tlibLLVM.so.22.1 => /usr/lib/llvm-22/lib/libLLVM.so.22.1 (0x0)\n";
        assert_eq!(super::llvm_in_ldd(ldd), Some(22));
        assert_eq!(
            super::llvm_in_ldd("\tlibLLVM-21.so.1 => /x (0x0)\n"),
            Some(21)
        );
        assert_eq!(
            super::llvm_in_ldd("\tlibc.so.6 => /lib/libc.so.6 (0x0)\n"),
            None
        );
    }

    #[test]
    fn compilers_are_compared_by_number() {
        for (version, want) in [
            ("1.96.0+dfsg1-1~deb12u2", true),
            ("1.95.0", true),
            ("1.85.0+dfsg3-1~deb12u3", false),
            ("1.100.0", true),
            ("2.0", true),
            ("none", false),
        ] {
            assert_eq!(super::is_new_enough(version), want, "{version}");
        }
    }
}
