//! `notify*` of instances and groups. The first of each kind wins.

use super::{Places, told_twice};
use crate::config::{
    command,
    diagnostic::{Code, Diagnostic},
    model::{CommandLine, Notify},
    tree::Statement,
};

/// Takes a `notify*` keyword; false if it is none that is served.
pub(super) fn read(
    notify: &mut Notify,
    places: &mut Places,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let (keyword, slot): (&'static str, &mut Option<CommandLine>) = match statement.name() {
        "notify_master" => ("notify_master", &mut notify.master),
        "notify_backup" => ("notify_backup", &mut notify.backup),
        "notify_fault" => ("notify_fault", &mut notify.fault),
        "notify_stop" => ("notify_stop", &mut notify.stop),
        "notify_master_rx_lower_pri" => (
            "notify_master_rx_lower_pri",
            &mut notify.master_rx_lower_priority,
        ),
        "notify_conflict" => ("notify_conflict", &mut notify.conflict),
        "notify" => ("notify", &mut notify.any),
        _ => return false,
    };
    told_twice(places, statement, true, diagnostics);
    if places.get(keyword).is_some() {
        return true;
    }
    places.set(keyword, statement.span());
    let Some(command) = command::command(statement, diagnostics) else {
        return true;
    };
    *slot = Some(command.line);
    match (&notify.user, command.user) {
        (_, None) => {}
        (None, user) => notify.user = user,
        (Some(first), Some(user)) if *first == user => {}
        (Some(first), Some(_)) => {
            diagnostics.push(Diagnostic::warning(
                Code::Overruled,
                statement.span(),
                format!("all `notify*` of one block run as one user, here `{}`, the first that is given", first.name),
            ));
        }
    }
    true
}
