//! Notify scripts, with keepalived's arguments and in its order: the specific
//! script, then the generic one.

use super::action::Action;
use crate::config::model::{Notify, User};
use std::collections::VecDeque;

/// What a script is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Master,
    Backup,
    Fault,
    Stop,
}

impl Told {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
        }
    }
}

/// What a slow script holds up: the scripts of its own instance or group.
pub(super) fn queue(what: &str, name: &str) -> String {
    format!("{what} {name}")
}

/// `what` is `INSTANCE` or `GROUP`; a group's priority is 0.
pub(super) fn notify(
    actions: &mut VecDeque<Action>,
    notify: &Notify,
    script_user: Option<&User>,
    (what, name, priority): (&str, &str, u8),
    told: Told,
) {
    let user = notify.user.as_ref().or(script_user);
    let specific = match told {
        Told::Master => &notify.master,
        Told::Backup => &notify.backup,
        Told::Fault => &notify.fault,
        Told::Stop => &notify.stop,
    };
    let mut run = |command: &Option<_>, arguments| {
        if let Some(command) = command.clone() {
            actions.push_back(Action::Notify {
                queue: queue(what, name),
                command,
                arguments,
                user: user.cloned(),
            });
        }
    };
    run(specific, Vec::new());
    let arguments = [what, name, told.word(), &priority.to_string()].map(str::to_owned);
    run(&notify.any, arguments.into());
}
