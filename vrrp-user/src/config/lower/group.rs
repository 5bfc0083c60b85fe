//! `vrrp_sync_group`.

use super::{Places, body, global::Globals, named, notify::NotifyWords, track};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::SyncGroup,
    tree::Statement,
    words::Word,
};

/// A group and what the model keeps elsewhere.
#[derive(Debug)]
pub(super) struct GroupDraft {
    pub(super) group: SyncGroup,
    pub(super) members: Vec<Word>,
    pub(super) tracks: Vec<track::Row>,
    tracking_weight: bool,
    pub(super) notify: NotifyWords,
}

impl GroupDraft {
    /// keepalived drops weights in a group, lest its members' priorities drift
    /// apart. A lone member has nobody to drift apart from.
    pub(super) fn keeps_weights(&self) -> bool {
        self.tracking_weight || self.members.len() < 2
    }
}

pub(super) fn all(
    root: &[Statement],
    globals: &Globals,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<GroupDraft> {
    let named = named(root, "vrrp_sync_group", diagnostics);
    let mut out = Vec::new();
    for (name, statement) in named {
        let mut places = Places::new(name.span);
        let mut notify = NotifyWords::default();
        let mut members: Vec<Word> = Vec::new();
        let mut tracks = Vec::new();
        let mut tracking_weight = false;
        for inner in body(statement) {
            match inner.name() {
                "group" => {
                    places.set("group", inner.span());
                    for word in body(inner).iter().flat_map(|row| &row.words) {
                        if members.iter().any(|m| m.text == word.text) {
                            let message = format!("`{}` is already a member", word.text);
                            diagnostics.push(Diagnostic::warning(
                                Code::DuplicateName,
                                word.span,
                                message,
                            ));
                        } else {
                            members.push(word.clone());
                        }
                    }
                }
                "sync_group_tracking_weight" => tracking_weight = true,
                _ if track::read(&mut tracks, inner, diagnostics) => {}
                _ => {
                    notify.read(&mut places, inner, diagnostics);
                }
            }
        }
        if members.is_empty() {
            let found = Diagnostic::error(
                Code::Incomplete,
                places.at("group"),
                format!("group `{}` has no members", name.text),
            );
            diagnostics.push(found.help("name them: `group { VI_1 VI_2 }`"));
        }
        let group = SyncGroup {
            name: name.text.clone(),
            members: members.iter().map(|m| m.text.clone()).collect(),
            notify: notify.finish(globals),
        };
        out.push(GroupDraft {
            group,
            members,
            tracks,
            tracking_weight,
            notify,
        });
    }
    out
}
