//! `notify*` of instances and groups. The first of each kind wins.

use super::{Places, global::Globals, group::GroupDraft, told_twice};
use crate::config::{
    command,
    diagnostic::{Code, Diagnostic},
    model::{CommandLine, Notify},
    tree::Statement,
    value::{surplus, switch},
};

/// As written in one block.
#[derive(Clone, Debug, Default)]
pub(super) struct NotifyWords {
    notify: Notify,
    priority_changes: Option<bool>,
    mail: Option<bool>,
}

impl NotifyWords {
    /// Takes a `notify*` keyword or `smtp_alert`; false if it is none of them.
    pub(super) fn read(
        &mut self,
        places: &mut Places,
        statement: &Statement,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let words = statement.arguments();
        let (keyword, slot) = match statement.name() {
            "notify_priority_changes" => ("notify_priority_changes", &mut self.priority_changes),
            "smtp_alert" => ("smtp_alert", &mut self.mail),
            "notify_deleted" => {
                self.notify.tells_deleted = true;
                if words.is_empty() {
                    places.set("notify_deleted", statement.span());
                    return true;
                }
                return read(&mut self.notify, places, statement, diagnostics);
            }
            _ => return read(&mut self.notify, places, statement, diagnostics),
        };
        told_twice(places, statement, false, diagnostics);
        places.set(keyword, statement.span());
        *slot = switch(words.first(), diagnostics).or(*slot);
        surplus(words, 1, diagnostics);
        true
    }

    /// An instance takes from its group what it does not say itself.
    pub(super) fn inherit(&mut self, groups: &[GroupDraft], name: &str) {
        let has = |group: &&GroupDraft| group.members.iter().any(|member| member.text == name);
        let group = groups.iter().find(has);
        let of_group = group.and_then(|group| group.notify.priority_changes);
        self.priority_changes = self.priority_changes.or(of_group);
    }

    /// With what `global_defs` says where the block does not.
    pub(super) fn finish(&self, globals: &Globals) -> Notify {
        let telling = globals.telling.as_ref();
        let lines = telling.is_some_and(|telling| telling.priority_changes);
        Notify {
            priority_changes: self.priority_changes.unwrap_or(lines),
            mail: self
                .mail
                .unwrap_or_else(|| telling.is_some_and(super::telling::Telling::mails)),
            ..self.notify.clone()
        }
    }
}

/// Takes a `notify*` keyword; false if it is none that is served.
fn read(
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
        "notify_deleted" => ("notify_deleted", &mut notify.deleted),
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
