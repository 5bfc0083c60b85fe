//! `cargo xtask setup`: what the other subcommands need of the machine.

mod apt;
mod bpf;
mod needs;

use anyhow::{Result, bail};

use crate::{program, root};
pub(crate) use needs::Group;
use needs::{Fix, Need};

/// Install what is missing (Debian, Ubuntu), or print the commands that do.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only say what is missing; fails when something is.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let missing = report(&Group::ALL);
    if missing.is_empty() {
        println!("Nothing is missing.");
        return Ok(());
    }
    if arguments.check {
        print_commands(&missing);
        bail!("{} missing: {}", missing.len(), names(&missing));
    }
    install(&missing)?;
    println!("Set up.");
    Ok(())
}

/// Makes sure of these groups. Says nothing when nothing is missing.
pub(crate) fn ensure(groups: &[Group]) -> Result<()> {
    let missing: Vec<Need> = needs::of(groups)
        .into_iter()
        .filter(|need| need.find().is_err())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Missing here: {}. Setting up.", names(&missing));
    install(&missing)
}

fn names(needs: &[Need]) -> String {
    needs
        .iter()
        .map(|need| need.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// One line a need; gives back those not met.
fn report(groups: &[Group]) -> Vec<Need> {
    let needs = needs::of(groups);
    let total = needs.len();
    let mut missing = Vec::new();
    for (index, need) in needs.into_iter().enumerate() {
        match need.find() {
            Ok(found) => println!(
                "[{:>2}/{total}] ok       {:<18} {found}",
                index + 1,
                need.name
            ),
            Err(problem) => {
                println!(
                    "[{:>2}/{total}] MISSING  {:<18} {problem}",
                    index + 1,
                    need.name
                );
                println!("                          {:<18} {}", "", need.purpose);
                missing.push(need);
            }
        }
    }
    missing
}

/// Packages first: the rest is built with them.
fn install(missing: &[Need]) -> Result<()> {
    let packages: Vec<&Need> = missing
        .iter()
        .filter(|need| matches!(need.fix, Fix::Package { .. }))
        .collect();
    let by_packages = |need: &Need| {
        matches!(
            need.fix,
            Fix::Package { .. } | Fix::CoreSource | Fix::BpfLinker
        )
    };
    // Before anybody asks which package there is: a new container knows none.
    if apt::is_here() && root::is_reachable() && missing.iter().any(by_packages) {
        apt::refresh()?;
    }
    let mut wanted = Vec::new();
    for need in &packages {
        if let Fix::Package { apt, .. } = need.fix {
            wanted.extend(apt.iter().map(|name| (*name).to_owned()));
        }
    }
    let wants_compiler = missing
        .iter()
        .any(|need| matches!(need.fix, Fix::CoreSource));
    if wants_compiler {
        wanted.extend(bpf::compiler_packages());
    }
    if missing
        .iter()
        .any(|need| matches!(need.fix, Fix::BpfLinker))
    {
        wanted.extend(bpf::linker_packages());
    }
    wanted.sort_unstable();
    wanted.dedup();
    if !wanted.is_empty() {
        if !apt::is_here() || !root::is_reachable() {
            print_commands(missing);
            bail!(
                "install these first: {} (the commands are above)",
                names(missing)
            );
        }
        apt::install(&wanted)?;
    }
    let rest: Vec<&Need> = missing
        .iter()
        .filter(|need| !matches!(need.fix, Fix::Package { .. }))
        .collect();
    for (index, need) in rest.iter().enumerate() {
        println!(
            "[{}/{}] {}: {}",
            index + 1,
            rest.len(),
            need.name,
            need.purpose
        );
        match need.fix {
            Fix::Package { .. } => {}
            Fix::CoreSource => bpf::install_compiler()?,
            Fix::BpfLinker => bpf::install_linker()?,
            Fix::Crate {
                name,
                version,
                more,
            } => {
                let mut cargo = program::cargo();
                program::run(cargo.args(crate_arguments(name, version, more)))?;
            }
            Fix::Component { name } => {
                program::run(program::command("rustup").args(["component", "add", name]))?;
            }
            Fix::Bpffs => program::run(root::command("mount")?.args(MOUNT_BPFFS))?,
        }
    }
    let still: Vec<String> = missing
        .iter()
        .filter_map(|need| {
            need.find()
                .err()
                .map(|why| format!("{} ({why})", need.name))
        })
        .collect();
    if !still.is_empty() {
        bail!("still missing after installing: {}", still.join(", "));
    }
    Ok(())
}

const MOUNT_BPFFS: [&str; 4] = ["-t", "bpf", "bpf", "/sys/fs/bpf"];

/// Not optimised: these tools run for seconds, and build in half the time.
fn crate_arguments(name: &str, version: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["install".into(), "--locked".into(), "--debug".into()];
    arguments.push(format!("{name}@{version}"));
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments
}

/// What somebody has to type where this program may not or cannot.
fn print_commands(missing: &[Need]) {
    let mut apt = Vec::new();
    let mut dnf = Vec::new();
    let mut pacman = Vec::new();
    let mut others = Vec::new();
    for need in missing {
        match need.fix {
            Fix::Package {
                apt: debian,
                dnf: fedora,
                pacman: arch,
            } => {
                apt.extend(debian.iter().map(|name| (*name).to_owned()));
                dnf.extend(fedora.iter().copied());
                pacman.extend(arch.iter().copied());
            }
            Fix::CoreSource => {
                let packages = bpf::compiler_packages();
                if packages.is_empty() {
                    others.push(bpf::RUSTUP_COMMAND.to_owned());
                }
                apt.extend(packages);
            }
            Fix::BpfLinker => {
                apt.extend(bpf::linker_packages());
                dnf.push("llvm-devel");
                pacman.push("llvm");
                others.push(bpf::linker_command_line());
            }
            Fix::Crate {
                name,
                version,
                more,
            } => {
                others.push(format!(
                    "cargo {}",
                    crate_arguments(name, version, more).join(" ")
                ));
            }
            Fix::Component { name } => others.push(format!("rustup component add {name}")),
            Fix::Bpffs => others.push(format!("sudo mount {}", MOUNT_BPFFS.join(" "))),
        }
    }
    println!("\nTo install what is missing:");
    let packages = if program::find("dnf").is_some() {
        (!dnf.is_empty()).then(|| format!("sudo dnf install {}", dnf.join(" ")))
    } else if program::find("pacman").is_some() {
        (!pacman.is_empty()).then(|| format!("sudo pacman -S {}", pacman.join(" ")))
    } else {
        apt.sort_unstable();
        apt.dedup();
        (!apt.is_empty()).then(|| format!("sudo {}", apt::command_line(&apt)))
    };
    for line in packages.into_iter().chain(others) {
        println!("  {line}");
    }
    println!();
}
