//! Requests that only the engine can answer, and what outlives the daemon of them.

use super::Driver;
use crate::{
    engine::{
        answer::Answer,
        input::{Input, Ticket},
    },
    shell::{
        bpf::Instance,
        control::{Asked, Reply},
    },
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, io, path::PathBuf};

/// Sources looked at in one upkeep for virtual routers that several advertise.
pub(super) const SURVEYED_AT_ONCE: usize = 256;

/// Who waits for which answer.
#[derive(Default)]
pub(super) struct Tickets {
    last: u64,
    waiting: BTreeMap<Ticket, Reply<Result<Value, String>>>,
}

impl Driver {
    /// Passes a request on; the answer is an action.
    pub(super) fn ask_engine(&mut self, asked: Asked, reply: Reply<Result<Value, String>>) {
        self.tickets.last += 1;
        let ticket = Ticket(self.tickets.last);
        self.tickets.waiting.insert(ticket, reply);
        self.take(match asked {
            Asked::Handover { name, force } => Input::Handover {
                ticket,
                name,
                force,
            },
            Asked::Release { name } => Input::Release { ticket, name },
            Asked::Announce { name } => Input::Announce { ticket, name },
            Asked::Maintenance { on, force } => Input::Maintenance {
                ticket: Some(ticket),
                on,
                force,
            },
        });
    }

    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer) {
        if let Some(reply) = self.tickets.waiting.remove(&ticket) {
            let told = answer.and_then(|done| {
                serde_json::to_value(done).map_err(|error| format!("the answer: {error}"))
            });
            reply.send(told);
        }
    }

    /// A daemon that ended in maintenance starts in it.
    pub(super) fn recall_maintenance(&mut self) {
        if maintenance_mark(&self.instance).exists() {
            self.take(Input::Maintenance {
                ticket: None,
                on: true,
                force: false,
            });
        }
    }

    pub(super) fn remember_maintenance(&mut self, on: bool) {
        let mark = maintenance_mark(&self.instance);
        let done = if on {
            fs::write(&mark, "")
        } else {
            match fs::remove_file(&mark) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                done => done,
            }
        };
        if let Err(error) = done {
            let what = format!("remember maintenance in {}", mark.display());
            self.failed(&what, &error.to_string(), None);
        }
    }

    /// Steady adverts are no news: what several sources send for one virtual router
    /// is only found in their stamps.
    pub(super) fn survey(&mut self) {
        let mut routers = self.hearing.crowded(SURVEYED_AT_ONCE);
        routers.extend(self.engine.to_survey());
        routers.sort_unstable();
        routers.dedup();
        for vr in routers {
            self.look(vr);
            self.take(Input::Surveyed { vr });
        }
    }
}

/// It is there while this daemon is to be in maintenance. Gone with a reboot, as
/// everything below `/run` is.
fn maintenance_mark(instance: &Instance) -> PathBuf {
    instance.pid_file().with_extension("maintenance")
}
