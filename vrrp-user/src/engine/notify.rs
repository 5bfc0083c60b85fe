//! Who is told of a change, with keepalived's words and in its order: the specific
//! script, the generic one, the FIFOs, D-Bus, then mail.

use super::{Engine, action::Action, team::Team};
use crate::{
    config::model::{Global, Notify},
    ownership::command::{GateId, VrId},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is told of an instance or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Master,
    Backup,
    Fault,
    Stop,
    /// A reload has dropped it.
    Deleted,
}

impl Told {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
        }
    }

    /// keepalived's number of it. One that a reload drops is told as 3.
    const fn number(self) -> u32 {
        match self {
            Self::Backup => 1,
            Self::Master => 2,
            Self::Fault | Self::Deleted => 3,
            Self::Stop => 98,
        }
    }
}

/// What a slow script holds up: the scripts of its own instance or group.
pub(super) fn queue(what: &str, name: &str) -> String {
    format!("{what} {name}")
}

/// Of whom something is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    name: &'a str,
    /// Effective priority; none for a group, of which 0 is told.
    priority: Option<u8>,
    notify: &'a Notify,
}

impl<'a> About<'a> {
    pub(super) const fn instance(name: &'a str, priority: u8, notify: &'a Notify) -> Self {
        Self {
            name,
            priority: Some(priority),
            notify,
        }
    }

    pub(super) const fn group(name: &'a str, notify: &'a Notify) -> Self {
        Self {
            name,
            priority: None,
            notify,
        }
    }

    const fn what(&self) -> &'static str {
        match self.priority {
            Some(_) => "INSTANCE",
            None => "GROUP",
        }
    }
}

/// Turns what is to be told into actions.
pub(super) struct Teller<'a> {
    actions: &'a mut VecDeque<Action>,
    global: &'a Global,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(actions: &'a mut VecDeque<Action>, global: &'a Global) -> Self {
        Self { actions, global }
    }

    /// A state, to everybody. `mailed` is the state of the last mail.
    pub(super) fn state(&mut self, about: About<'_>, told: Told, mailed: &mut Option<Told>) {
        let notify = about.notify;
        let specific = match told {
            Told::Master => &notify.master,
            Told::Backup => &notify.backup,
            Told::Fault => &notify.fault,
            Told::Stop => &notify.stop,
            Told::Deleted => &notify.deleted,
        };
        let user = notify.user.as_ref().or(self.global.script_user.as_ref());
        let mut run = |command: &Option<_>, arguments| {
            if let Some(command) = command.clone() {
                self.actions.push_back(Action::Notify {
                    queue: queue(about.what(), about.name),
                    command,
                    arguments,
                    user: user.cloned(),
                });
            }
        };
        run(specific, Vec::new());
        let priority = about.priority.unwrap_or(0).to_string();
        let arguments = [about.what(), about.name, told.word(), &priority].map(str::to_owned);
        run(&notify.any, arguments.into());
        self.line(about, told.word());
        if self.global.dbus.is_some() && about.priority.is_some() {
            self.actions.push_back(Action::StatusChange {
                name: about.name.to_owned(),
                status: told.number(),
            });
        }
        self.mail(about, told, mailed);
    }

    /// A line for the FIFOs: a state, or what changes none.
    pub(super) fn line(&mut self, about: About<'_>, word: &str) {
        if self.global.fifos.is_empty() {
            return;
        }
        let (what, name) = (about.what(), about.name);
        let priority = about.priority.unwrap_or(0);
        self.actions.push_back(Action::NotifyFifo {
            line: format!("{what} \"{name}\" {word} {priority}\n"),
        });
    }

    fn mail(&mut self, about: About<'_>, told: Told, mailed: &mut Option<Told>) {
        let skipped = told == Told::Fault && self.global.no_mail_on_fault;
        if self.global.mail.is_none() || !about.notify.mail || skipped || *mailed == Some(told) {
            return;
        }
        *mailed = Some(told);
        let (subject, body) = match about.priority {
            Some(_) => instance_mail(told),
            None => group_mail(told),
        };
        let what = match about.priority {
            Some(_) => "Instance",
            None => "Group",
        };
        self.actions.push_back(Action::Mail {
            subject: format!("VRRP {what} {} - {subject}", about.name),
            body: body.to_owned(),
        });
    }
}

const fn instance_mail(told: Told) -> (&'static str, &'static str) {
    const LOST: &str = "=> VRRP Instance is no longer owning VRRP VIPs <=";
    match told {
        Told::Master => (
            "Entering MASTER state",
            "=> VRRP Instance is now owning VRRP VIPs <=",
        ),
        Told::Backup => ("Entering BACKUP state", LOST),
        Told::Fault => ("Entering FAULT state", LOST),
        Told::Stop => ("Stopping", "=> VRRP Instance stopping <="),
        Told::Deleted => ("Deleted", "=> VRRP Deleted at reload <="),
    }
}

/// A group that is deleted is told nobody.
const fn group_mail(told: Told) -> (&'static str, &'static str) {
    match told {
        Told::Master => (
            "Entering MASTER state",
            "=> All VRRP group instances are now in MASTER state <=",
        ),
        Told::Backup => (
            "Entering BACKUP state",
            "=> All VRRP group instances are now in BACKUP state <=",
        ),
        Told::Fault => (
            "Entering FAULT state",
            "=> All VRRP group instances are now in FAULT state <=",
        ),
        Told::Stop | Told::Deleted => (
            "Stopping",
            "=> All VRRP group instances are now stopping <=",
        ),
    }
}

impl Engine {
    /// The same to every instance of a group and to the group itself.
    pub(super) fn tell_team(&mut self, gate: GateId, told: Told, group_first: bool) {
        if group_first {
            self.tell_group(gate, told);
        }
        for vr in self.members(gate) {
            self.tell_instance(vr, told);
        }
        if !group_first {
            self.tell_group(gate, told);
        }
    }

    pub(super) fn tell_instance(&mut self, vr: VrId, told: Told) {
        if let Some(it) = self.instances.get_mut(&vr) {
            let about = About::instance(&it.config.name, it.priority, &it.config.notify);
            Teller::new(&mut self.actions, &self.config.global).state(about, told, &mut it.mailed);
        }
    }

    pub(super) fn tell_group(&mut self, gate: GateId, told: Told) {
        let Some(team) = self.teams.get_mut(&gate) else {
            return;
        };
        if let Some(sync) = &team.sync {
            let about = About::group(&sync.name, &sync.notify);
            let mut teller = Teller::new(&mut self.actions, &self.config.global);
            teller.state(about, told, &mut team.mailed);
        }
    }

    /// A change that is no state, for the FIFOs alone.
    pub(super) fn tell_line(&mut self, vr: VrId, word: &str) {
        if let Some(it) = self.instances.get(&vr) {
            let about = About::instance(&it.config.name, it.priority, &it.config.notify);
            Teller::new(&mut self.actions, &self.config.global).line(about, word);
        }
    }

    /// The end of the daemon, as keepalived tells it: every instance, then every group.
    pub(super) fn tell_end(&mut self) {
        for vr in self.in_file_order() {
            self.tell_instance(vr, Told::Stop);
        }
        for gate in self.groups_in_file_order() {
            self.tell_group(gate, Told::Stop);
        }
    }

    /// Instances a reload drops. keepalived tells of a FAULT, which one that has it
    /// already needs no word of, unless DELETED is asked for.
    pub(super) fn tell_deleted(&mut self, gone: &BTreeSet<VrId>, last: Option<Told>) {
        for &vr in gone {
            let Some(it) = self.instances.get(&vr) else {
                continue;
            };
            let told = if it.config.notify.tells_deleted {
                Told::Deleted
            } else {
                Told::Fault
            };
            if last.is_some() && last != Some(told) {
                self.tell_instance(vr, told);
            }
        }
    }

    /// `fifo_write_vrrp_states_on_reload`: what goes on as it was, groups first.
    pub(super) fn tell_unchanged(&mut self, before: &BTreeMap<GateId, Told>) {
        let same = |engine: &Self, gate: GateId| {
            let told = engine.teams.get(&gate)?.told?;
            before.get(&gate).filter(|was| **was == told).copied()
        };
        for gate in self.groups_in_file_order() {
            if let Some(told) = same(self, gate)
                && let Some(sync) = self.teams.get(&gate).and_then(|team| team.sync.as_ref())
            {
                let about = About::group(&sync.name, &sync.notify);
                Teller::new(&mut self.actions, &self.config.global).line(about, told.word());
            }
        }
        for vr in self.in_file_order() {
            let gate = self.instances.get(&vr).map(|it| it.gate);
            if let Some(told) = gate.and_then(|gate| same(self, gate)) {
                self.tell_line(vr, told.word());
            }
        }
    }

    /// What every group was last told.
    pub(super) fn told(&self) -> BTreeMap<GateId, Told> {
        let told = self.teams.values().map(|team| (team.gate, team.told));
        told.filter_map(|(gate, told)| Some((gate, told?)))
            .collect()
    }

    fn in_file_order(&self) -> Vec<VrId> {
        let ids: BTreeMap<&str, VrId> = self
            .instances
            .values()
            .map(|it| (it.config.name.as_str(), it.vr))
            .collect();
        let names = self.config.instances.iter().map(|it| it.name.as_str());
        names.filter_map(|name| ids.get(name).copied()).collect()
    }

    fn groups_in_file_order(&self) -> Vec<GateId> {
        let named = |name: &str| {
            let of = |team: &&Team| team.sync.as_ref().is_some_and(|sync| sync.name == name);
            self.teams.values().find(of).map(|team| team.gate)
        };
        let names = self.config.groups.iter();
        names.filter_map(|group| named(&group.name)).collect()
    }
}
