//! Builds the BPF objects of `vrrp-ebpf`, or takes prebuilt ones.
//!
//! Rust ships no `core` for BPF, so it is built from source, which takes a
//! compiler that has that source; the rest of the workspace is built by whatever
//! compiler is running this. The nested cargo has a target directory of its own
//! below `OUT_DIR`, so it never waits for the lock of the outer one, and it is
//! asked for a single package, so it fetches nothing the other members need.
//!
//! | variable | meaning |
//! |---|---|
//! | `XVRRP_BPF_OBJECT` | a prebuilt object of the VRRP programs |
//! | `XVRRP_BPF_BALANCE_OBJECT` | a prebuilt object of the balancer's; with both nothing is built |
//! | `XVRRP_BPF_RUSTC` | compiler to use, ahead of all others |

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKAGE: &str = "vrrp-ebpf";
/// Each object: the binary it is, the file it becomes, and what names a prebuilt one.
const OBJECTS: [(&str, &str, &str); 2] = [
    ("vrrp-ebpf", "vrrp-ebpf.bpf.o", "XVRRP_BPF_OBJECT"),
    (
        "vrrp-balance",
        "vrrp-balance.bpf.o",
        "XVRRP_BPF_BALANCE_OBJECT",
    ),
];
const SETUP: &str = "`cargo xtask setup` installs all of it; XVRRP_BPF_OBJECT=FILE and XVRRP_BPF_BALANCE_OBJECT=FILE take prebuilt objects instead";

fn main() {
    let prebuilt = OBJECTS.map(|(_, _, variable)| variable);
    for variable in ["XVRRP_BPF_RUSTC", "CARGO_FEATURE_SHELL"]
        .iter()
        .chain(&prebuilt)
    {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    // The pure rooms need no object, nor anything that could build one.
    if env::var_os("CARGO_FEATURE_SHELL").is_none() {
        return;
    }
    if let Err(why) = provide_objects() {
        for line in why.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn provide_objects() -> Result<(), String> {
    let out_dir = directory("OUT_DIR")?;
    let mut to_build = Vec::new();
    for (binary, object, variable) in OBJECTS {
        let object = out_dir.join(object);
        if let Some(prebuilt) = env::var_os(variable).filter(|path| !path.is_empty()) {
            let prebuilt = PathBuf::from(prebuilt);
            println!("cargo:rerun-if-changed={}", prebuilt.display());
            copy(&prebuilt, &object).map_err(|why| format!("{variable}: {why}"))?;
        } else {
            to_build.push((binary, object));
        }
    }
    if to_build.is_empty() {
        return Ok(());
    }
    let workspace = directory("CARGO_MANIFEST_DIR")?
        .parent()
        .map(Path::to_path_buf)
        .ok_or("vrrp-user lies outside its workspace")?;
    for path in [
        "vrrp-ebpf/src",
        "vrrp-ebpf/Cargo.toml",
        "vrrp-common/src",
        "vrrp-common/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={}", workspace.join(path).display());
    }
    // Both are looked for, so that one message can name all that is missing.
    let (rustc, path) = match (find_rustc(), path_with_linker()) {
        (Ok(rustc), Ok(path)) => (rustc, path),
        (rustc, path) => {
            let missing: Vec<String> = [rustc.err(), path.err()].into_iter().flatten().collect();
            return Err(format!(
                "the BPF objects cannot be built.\n{}\n{SETUP}",
                missing.join("\n")
            ));
        }
    };
    let built = build(&workspace, &out_dir.join("bpf"), &rustc, &path)?;
    to_build
        .iter()
        .try_for_each(|(binary, object)| copy(&built.join(binary), object))
}

/// Runs cargo for the BPF target; where the objects are.
fn build(
    workspace: &Path,
    target_dir: &Path,
    rustc: &Path,
    path: &OsStr,
) -> Result<PathBuf, String> {
    let arch = variable("CARGO_CFG_TARGET_ARCH")?;
    let target = match variable("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
        "big" => "bpfeb-unknown-none",
        _ => "bpfel-unknown-none",
    };
    // v3: the generic CPU has no 32-bit exchange and makes the linker abort.
    // BTF is made from debug information, so that cannot be left out.
    let flags = [
        format!("--cfg=bpf_target_arch=\"{arch}\""),
        "-Cdebuginfo=2".into(),
        "-Ctarget-cpu=v3".into(),
        "-Clink-arg=--btf".into(),
    ];
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace)
        .args(["build", "--package", PACKAGE, "--bins", "--profile", "bpf"])
        .args(["-Zbuild-std=core", "--target", target, "--target-dir"])
        .arg(target_dir)
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("PATH", path);
    // What the outer build was told must not reach a build for another target,
    // and RUSTUP_TOOLCHAIN would turn the chosen compiler into the outer one.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_BUILD_")
        {
            cargo.env_remove(name.as_ref());
        }
    }
    for name in [
        "RUSTUP_TOOLCHAIN",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTDOC",
        "CARGO_TARGET_DIR",
        "CLIPPY_ARGS",
        "MAKEFLAGS",
        "CARGO_MAKEFLAGS",
    ] {
        cargo.env_remove(name);
    }
    let output = cargo
        .output()
        .map_err(|e| format!("cannot run cargo for {PACKAGE}: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "building {PACKAGE} for {target} with {} failed:\n{}",
            rustc.display(),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(target_dir.join(target).join("bpf"))
}

/// A compiler whose sysroot holds the source of `core`.
fn find_rustc() -> Result<PathBuf, String> {
    let nightly = stdout(Command::new("rustup").args(["which", "--toolchain", "nightly", "rustc"]));
    let candidates = [
        env::var_os("XVRRP_BPF_RUSTC").map(PathBuf::from),
        nightly.map(PathBuf::from),
        env::var_os("RUSTC").map(PathBuf::from),
        Some("/usr/bin/rustc".into()),
    ];
    let mut tried = Vec::new();
    for rustc in candidates.into_iter().flatten() {
        match stdout(
            Command::new(&rustc)
                .env_remove("RUSTUP_TOOLCHAIN")
                .args(["--print", "sysroot"]),
        ) {
            Some(sysroot)
                if Path::new(&sysroot)
                    .join("lib/rustlib/src/rust/library/core/Cargo.toml")
                    .is_file() =>
            {
                return Ok(rustc);
            }
            Some(_) => tried.push(format!("{} (without it)", rustc.display())),
            None => tried.push(format!("{} (does not run)", rustc.display())),
        }
    }
    Err(format!(
        "- no rustc with the source of `core`; tried {}. Install one: `rustup toolchain install nightly --component rust-src`, or `apt-get install rustc-web rust-web-src`, or name one in XVRRP_BPF_RUSTC",
        tried.join(", ")
    ))
}

/// PATH with the directory of a bpf-linker that runs.
fn path_with_linker() -> Result<OsString, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let places: Vec<PathBuf> = env::split_paths(&path)
        .chain(cargo_home.map(|home| home.join("bin")))
        .collect();
    let Some(linker) = places
        .iter()
        .map(|place| place.join("bpf-linker"))
        .find(|file| file.is_file())
    else {
        return Err("- no bpf-linker on PATH or in CARGO_HOME/bin. Install it: `cargo install bpf-linker`, or on Debian `apt-get install llvm-22-dev libpolly-22-dev` and `PATH=/usr/lib/llvm-22/bin:$PATH cargo install bpf-linker --no-default-features --features llvm-22`".into());
    };
    // One that was linked to a shared libLLVM stops running when that is removed.
    match Command::new(&linker).arg("--version").output() {
        Ok(output) if output.status.success() => {
            env::join_paths(places).map_err(|e| format!("- PATH: {e}"))
        }
        Ok(output) => Err(format!(
            "- {} does not run: {} If libLLVM is missing: `apt-get install libllvm22`, or install bpf-linker anew: `cargo install --force bpf-linker`",
            linker.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(e) => Err(format!("- {} does not run: {e}", linker.display())),
    }
}

/// Standard output of a command that succeeds.
fn stdout(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Copies only what changed, so that an equal object recompiles nothing.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let bytes = fs::read(from).map_err(|e| format!("cannot read {}: {e}", from.display()))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Err(format!("{} is no ELF file", from.display()));
    }
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(to, bytes).map_err(|e| format!("cannot write {}: {e}", to.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|e| format!("{name}: {e}"))
}

fn directory(name: &str) -> Result<PathBuf, String> {
    env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set; run this through cargo"))
}
