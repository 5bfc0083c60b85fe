//! Shows the programs to this kernel's verifier, without and with diagnostics.
//!
//! ```text
//! xvrrp-verify [VRRP-OBJECT BALANCER-OBJECT]
//! ```
//!
//! Says of each how many instructions it looked at and how many octets it kept;
//! fails with its last words if it refuses one. Needs root.

use aya::programs::{ProgramError, ProgramInfo, SchedClassifier, Xdp};
use std::process::ExitCode;
use vrrp_user::shell::bpf::object::{self, Diagnostics};

/// Enough to load with.
const CONNECTIONS: u32 = 1024;

fn main() -> ExitCode {
    let files: Vec<Vec<u8>> = std::env::args_os()
        .skip(1)
        .map(|file| std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display())))
        .collect();
    let (first, second) = match files.as_slice() {
        [vrrp, balance] => (vrrp.as_slice(), balance.as_slice()),
        _ => (object::OBJECT, object::BALANCE_OBJECT),
    };
    match (vrrp(first), balance(second)) {
        (true, true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The balancer's programs, of both kinds.
fn balance(object: &[u8]) -> bool {
    let loaded = object::balance_loader(CONNECTIONS).load(object);
    let mut ebpf = match loaded {
        Ok(ebpf) => ebpf,
        Err(error) => return refused("the balancer's object", &error),
    };
    for (_, name) in object::BALANCE.into_iter().chain(object::BALANCE_NO_FRAGS) {
        let Some(program) = ebpf.program_mut(name) else {
            eprintln!("{name}: not in the object");
            return false;
        };
        let loaded = <&mut Xdp>::try_from(program).and_then(|program| {
            program.load()?;
            program.info()
        });
        match loaded {
            Ok(info) => say(name, &info),
            Err(error) => return refused(name, &error),
        }
    }
    true
}

fn say(what: &str, info: &ProgramInfo) {
    println!(
        "{what}: {:?} instructions verified, {:?} octets",
        info.verified_instruction_count().unwrap_or_default(),
        info.size_translated().unwrap_or_default()
    );
}

fn vrrp(object: &[u8]) -> bool {
    for diagnostics in [Diagnostics::Off, Diagnostics::On] {
        let mut ebpf = match object::loader(diagnostics).load(object) {
            Ok(ebpf) => ebpf,
            Err(error) => return refused("the object", &error),
        };
        for name in [object::XDP, object::XDP_NO_FRAGS, object::EGRESS] {
            let Some(program) = ebpf.program_mut(name) else {
                eprintln!("{name}: not in the object");
                return false;
            };
            let loaded: Result<ProgramInfo, ProgramError> = if name == object::EGRESS {
                <&mut SchedClassifier>::try_from(program).and_then(|program| {
                    program.load()?;
                    program.info()
                })
            } else {
                <&mut Xdp>::try_from(program).and_then(|program| {
                    program.load()?;
                    program.info()
                })
            };
            let info = match loaded {
                Ok(info) => info,
                Err(error) => return refused(name, &error),
            };
            say(&format!("{name}, diagnostics {diagnostics:?}"), &info);
        }
    }
    true
}

fn refused(what: &str, error: &dyn std::error::Error) -> bool {
    // The verifier's log stands in the error itself, and its end says why.
    let text = format!("{error:?}").replace("\\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    eprintln!(
        "{what}:\n{}",
        lines[lines.len().saturating_sub(60)..].join("\n")
    );
    false
}
