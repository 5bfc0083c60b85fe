//! As whom a script runs.

use crate::config::model::User;
use nix::unistd::{self, Gid, Uid};
use std::{collections::HashMap, ffi::CString};

/// The user keepalived runs scripts as where it exists and nobody is named.
const DEFAULT_USER: &str = "keepalived_script";

/// Numbers of a user, with the groups it is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) groups: Vec<Gid>,
}

impl Identity {
    pub(super) fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    /// Running as this one asks for no change of identity.
    pub(super) fn is_us(&self) -> bool {
        self.uid == Uid::effective() && self.gid == Gid::effective()
    }

    pub(super) fn has_group(&self, gid: u32) -> bool {
        self.gid.as_raw() == gid || self.groups.iter().any(|group| group.as_raw() == gid)
    }
}

/// Users by name. Looking one up may ask a directory server, so each is looked up
/// once; a reload forgets them.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// `set_supplementary_groups`.
    all_groups: bool,
    known: HashMap<Option<User>, Result<Identity, String>>,
}

impl Identities {
    /// With `set_supplementary_groups` or without.
    pub(super) fn new(all_groups: bool) -> Self {
        Self {
            all_groups,
            known: HashMap::new(),
        }
    }

    /// The named user; else `keepalived_script` where it exists; else ourselves.
    pub(super) fn get(&mut self, user: Option<&User>) -> Result<Identity, String> {
        let known = self
            .known
            .entry(user.cloned())
            .or_insert_with(|| look_up(user, self.all_groups));
        let identity = known.clone()?;
        if !Uid::effective().is_root() && !identity.is_us() {
            return Err(format!(
                "only root can run a script as user {}",
                identity.name
            ));
        }
        Ok(identity)
    }
}

fn look_up(user: Option<&User>, all_groups: bool) -> Result<Identity, String> {
    let by_name = |name: &str| {
        unistd::User::from_name(name)
            .map_err(|errno| format!("cannot look up user {name}: {errno}"))
    };
    let Some(wanted) = user else {
        // Without root there is no choice to make.
        let default = if Uid::effective().is_root() {
            by_name(DEFAULT_USER)?
        } else {
            None
        };
        return match default {
            Some(found) => complete(&found, None, all_groups),
            None => ourselves(),
        };
    };
    let by_number = || {
        wanted
            .name
            .parse()
            .ok()
            .and_then(|uid| unistd::User::from_uid(Uid::from_raw(uid)).ok()?)
    };
    let found = by_name(&wanted.name)?
        .or_else(by_number)
        .ok_or_else(|| format!("there is no user {}", wanted.name))?;
    let gid = wanted.group.as_deref().map(group_by_name).transpose()?;
    complete(&found, gid, all_groups || wanted.all_groups)
}

fn group_by_name(name: &str) -> Result<Gid, String> {
    let found = unistd::Group::from_name(name)
        .map_err(|errno| format!("cannot look up group {name}: {errno}"))?;
    found
        .map(|group| group.gid)
        .or_else(|| name.parse().ok().map(Gid::from_raw))
        .ok_or_else(|| format!("there is no group {name}"))
}

/// A script is in one group, the user's own or the one that is named, unless all of the
/// user's are asked for; as in keepalived.
fn complete(found: &unistd::User, gid: Option<Gid>, all_groups: bool) -> Result<Identity, String> {
    let groups = if all_groups {
        CString::new(found.name.as_str())
            .map_err(|_| "a user name with a NUL".to_owned())
            .and_then(|name| unistd::getgrouplist(&name, found.gid).map_err(|e| e.to_string()))?
    } else {
        vec![gid.unwrap_or(found.gid)]
    };
    Ok(Identity {
        name: found.name.clone(),
        uid: found.uid,
        gid: gid.unwrap_or(found.gid),
        groups,
    })
}

fn ourselves() -> Result<Identity, String> {
    let uid = Uid::effective();
    let name = unistd::User::from_uid(uid)
        .ok()
        .flatten()
        .map(|user| user.name);
    Ok(Identity {
        name: name.unwrap_or_else(|| uid.to_string()),
        uid,
        gid: Gid::effective(),
        groups: unistd::getgroups().map_err(|errno| errno.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, group: Option<&str>) -> User {
        User {
            name: name.into(),
            group: group.map(str::to_owned),
            all_groups: false,
        }
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        let mut identities = Identities::default();
        assert!(Uid::effective().is_root(), "run this as root");
        let root = identities.get(Some(&user("root", None))).expect("root");
        assert!(root.is_root());
        let nobody = identities.get(Some(&user("nobody", None))).expect("nobody");
        let by_number = user(&nobody.uid.to_string(), None);
        assert_eq!(identities.get(Some(&by_number)).expect("by number"), nobody);
        let grouped = identities
            .get(Some(&user("nobody", Some("daemon"))))
            .expect("a group");
        assert_eq!((grouped.uid, grouped.groups.len()), (nobody.uid, 1));
        assert!(grouped.has_group(grouped.gid.as_raw()) && !grouped.has_group(0));
    }

    /// `set_supplementary_groups`, or `:` before the group.
    #[test]
    fn all_groups_of_a_user_if_they_are_asked_for() {
        let everybody = std::fs::read_to_string("/etc/group").expect("groups");
        // GROUP:x:GID:MEMBERS, of somebody who has another group as well as the own one.
        let member = everybody.lines().find_map(|line| {
            let mut parts = line.split(':').skip(2);
            let gid: u32 = parts.next()?.parse().ok()?;
            let name = parts.next()?.split(',').find(|name| !name.is_empty())?;
            let found = unistd::User::from_name(name).ok()??;
            (found.gid.as_raw() != gid).then(|| (name.to_owned(), gid))
        });
        let (name, gid) = member.unwrap_or_else(|| ("root".to_owned(), 0));
        let [plain, whole] = [false, true].map(|all| {
            let found = Identities::new(all).get(Some(&user(&name, None)));
            found.expect("a user")
        });
        assert_eq!(plain.groups, [plain.gid]);
        assert!(whole.has_group(gid) && whole.gid == plain.gid, "{whole:?}");
        let colon = User {
            all_groups: true,
            ..user(&name, Some("daemon"))
        };
        let colon = Identities::default().get(Some(&colon)).expect("a user");
        let daemon = unistd::Group::from_name("daemon").expect("groups");
        assert_eq!(Some(colon.gid), daemon.map(|it| it.gid));
        assert_eq!(colon.groups, whole.groups);
    }

    #[test]
    fn users_that_do_not_exist_are_named() {
        let mut identities = Identities::default();
        let error = identities
            .get(Some(&user("no-such-user", None)))
            .expect_err("no user");
        assert_eq!(error, "there is no user no-such-user");
        let error = identities
            .get(Some(&user("root", Some("no-such"))))
            .expect_err("no group");
        assert_eq!(error, "there is no group no-such");
    }
}
