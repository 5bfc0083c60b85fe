//! Shows the programs to this kernel's verifier, without and with diagnostics.
//!
//! ```text
//! xvrrp-verify
//! ```
//!
//! Says of each how many instructions it looked at and how many octets it kept;
//! fails with its last words if it refuses one. Needs root.

use aya::programs::{ProgramError, ProgramInfo, SchedClassifier, Xdp};
use std::process::ExitCode;
use vrrp_user::shell::bpf::object::{self, Diagnostics};

fn main() -> ExitCode {
    for diagnostics in [Diagnostics::Off, Diagnostics::On] {
        let mut ebpf = match object::loader(diagnostics).load(object::OBJECT) {
            Ok(ebpf) => ebpf,
            Err(error) => return refused("the object", &error),
        };
        for name in [object::XDP, object::XDP_NO_FRAGS, object::EGRESS] {
            let Some(program) = ebpf.program_mut(name) else {
                eprintln!("{name}: not in the object");
                return ExitCode::FAILURE;
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
            println!(
                "{name}, diagnostics {diagnostics:?}: {:?} instructions verified, {:?} octets",
                info.verified_instruction_count().unwrap_or_default(),
                info.size_translated().unwrap_or_default()
            );
        }
    }
    ExitCode::SUCCESS
}

fn refused(what: &str, error: &dyn std::error::Error) -> ExitCode {
    // The verifier's log stands in the error itself, and its end says why.
    let text = format!("{error:?}").replace("\\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    eprintln!(
        "{what}:\n{}",
        lines[lines.len().saturating_sub(60)..].join("\n")
    );
    ExitCode::FAILURE
}
