//! One thing at a time.

use super::model::Maps;
use super::*;
use crate::balance::{Edit, ServiceName, pool::Mark, status::Reach};
use vrrp_common::balance::{
    NO_GATE, SERVER_LIVE, SERVER_LOCAL, SERVICE_EMPTY, SERVICE_LIVE, ring_slots,
};

/// A director, and maps that hold what it says.
struct Lab {
    director: Director,
    maps: Maps,
    now: Instant,
}

impl Lab {
    fn new(input: Input) -> Self {
        let mut lab = Self {
            director: Director::new(1, 1),
            maps: Maps::default(),
            now: T0,
        };
        lab.handle(input);
        lab
    }

    fn handle(&mut self, input: Input) -> Vec<Action> {
        self.director.handle(input, self.now);
        let actions = drain(&mut self.director);
        for action in &actions {
            self.maps.apply(action, self.now);
        }
        self.maps.check_settled();
        actions
    }

    fn edit(&mut self, edit: Edit) -> Vec<Action> {
        self.handle(Input::Edit(edit))
    }

    /// Addresses' last octets and weights, of the ring's slots.
    fn ring(&self) -> Vec<u8> {
        let (_, service) = self.maps.live_services().next().expect("a service");
        self.maps
            .slots(service.ring)
            .into_iter()
            .map(|slot| self.maps.servers[&u32::from(slot)].address[3])
            .collect()
    }
}

fn web() -> VirtualServer {
    service(
        "TCP 10.0.0.1:80",
        &[(1, 80)],
        vec![real(11, 1), real(12, 2)],
    )
}

fn web_name() -> ServiceName {
    ServiceName("TCP 10.0.0.1:80".to_owned())
}

fn logged(actions: &[Action]) -> Vec<&str> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Log(line) => Some(line.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_service_is_written_before_it_is_named() {
    let mut lab = Lab::new(configured(vec![web()]));
    assert_eq!(lab.ring(), [12, 11, 12], "the last of the file first");
    assert_eq!(lab.maps.resolving, [address(11), address(12)]);
    assert_eq!(lab.maps.keys.len(), 1);
    let again = lab.handle(configured(vec![web()]));
    assert_eq!(again, [], "the same again is nothing");
}

#[test]
fn nothing_is_written_where_nothing_is_balanced() {
    let mut lab = Lab::new(configured(vec![]));
    assert_eq!(lab.handle(Input::Gates(BTreeMap::new())), []);
}

#[test]
fn a_server_is_reached_once_its_route_is_known() {
    let mut lab = Lab::new(configured(vec![web()]));
    let reach = |lab: &Lab| {
        let status = lab.director.services().next().unwrap();
        status.servers.iter().map(|it| it.reach).collect::<Vec<_>>()
    };
    assert_eq!(reach(&lab), [Reach::Unresolved; 2]);
    for last in [11, 12] {
        lab.handle(Input::Route {
            address: address(last),
            path: Some(path(1)),
        });
    }
    assert_eq!(reach(&lab), [Reach::Resolved; 2]);
    assert_eq!(lab.maps.hops.len(), 1, "both go the same way");
    lab.handle(Input::Route {
        address: address(11),
        path: Some(Path {
            local: true,
            ..path(1)
        }),
    });
    let local: Vec<_> = lab
        .maps
        .servers
        .values()
        .filter(|server| server.flags & SERVER_LOCAL != 0)
        .collect();
    assert_eq!((local.len(), local[0].address[3], local[0].hop), (1, 11, 0));
    // Another MAC: another hop, not the same one changed under a program's eyes.
    let before = lab.maps.hops.clone();
    lab.handle(Input::Route {
        address: address(12),
        path: Some(path(9)),
    });
    for (id, hop) in before {
        assert_eq!(lab.maps.hops[&id], hop);
    }
    lab.handle(Input::Route {
        address: address(12),
        path: None,
    });
    assert_eq!(reach(&lab), [Reach::Local, Reach::Unresolved]);
}

#[test]
fn who_stays_keeps_id_and_generation() {
    let mut lab = Lab::new(configured(vec![web()]));
    let before = lab.maps.servers.clone();
    let mut changed = web();
    changed.servers.remove(0);
    changed.servers[0].weight = 7;
    changed.servers.push(real(13, 1));
    let actions = lab.handle(configured(vec![changed]));
    assert_eq!(
        logged(&actions),
        [
            "Changing weight from 2 to 7 for active service [10.0.0.12]:tcp:80 of VS TCP 10.0.0.1:80",
            "Removing service [10.0.0.11]:tcp:80 from VS TCP 10.0.0.1:80",
            "Adding service [10.0.0.13]:tcp:80 to VS TCP 10.0.0.1:80",
        ]
    );
    for (id, was) in before {
        let now = lab.maps.servers[&id];
        assert_eq!(now.generation, was.generation);
        let stays = was.address[3] == 12;
        assert_eq!(now.flags & SERVER_LIVE != 0, stays);
        assert_eq!(now.weight, if stays { 7 } else { 0 });
    }
}

#[test]
fn a_removed_service_is_gone_whole() {
    let mut lab = Lab::new(configured(vec![web()]));
    lab.handle(configured(vec![]));
    assert!(lab.maps.keys.is_empty());
    assert_eq!(lab.maps.live_services().count(), 0);
    assert_eq!(lab.maps.resolving, [] as [IpAddr; 0]);
    assert_eq!(lab.maps.watched, vrrp_common::balance::Watched::default());
}

#[test]
fn edits_hold_until_the_next_reload() {
    let server = |last| (address(last), 0);
    let mut lab = Lab::new(configured(vec![web()]));
    lab.edit(Edit::Drain {
        service: web_name(),
        server: server(12),
    });
    assert_eq!(lab.ring(), [11]);
    lab.edit(Edit::Add {
        service: web_name(),
        server: server(13),
        weight: 1,
        method: None,
    });
    lab.edit(Edit::Remove {
        service: web_name(),
        server: server(11),
    });
    assert_eq!(lab.ring(), [13]);
    let marks: Vec<Option<Mark>> = {
        let status = lab.director.services().next().unwrap();
        status.servers.iter().map(|it| it.mark).collect()
    };
    assert_eq!(
        marks,
        [Some(Mark::Removed), Some(Mark::Drained), Some(Mark::Added)]
    );
    lab.handle(configured(vec![web()]));
    assert_eq!(lab.ring(), [12, 11, 12]);
}

#[test]
fn an_edit_that_cannot_be_changes_nothing_and_says_why() {
    let mut lab = Lab::new(configured(vec![web()]));
    let wish = |service: &str, last| Edit::Drain {
        service: ServiceName(service.to_owned()),
        server: (address(last), 0),
    };
    for (edit, why) in [
        (
            wish("TCP 10.0.0.9:80", 11),
            "no virtual server is named TCP 10.0.0.9:80; there is TCP 10.0.0.1:80",
        ),
        (
            wish("tcp 10.0.0.1:80", 19),
            "TCP 10.0.0.1:80 has no real server 10.0.0.19; it has 10.0.0.11:80, 10.0.0.12:80",
        ),
        (
            Edit::Weight {
                service: web_name(),
                server: (address(11), 80),
                weight: 65_536,
            },
            "weight 65536 is more than 65535",
        ),
        (
            Edit::Add {
                service: web_name(),
                server: (address(11), 80),
                weight: 1,
                method: None,
            },
            "TCP 10.0.0.1:80 has 10.0.0.11:80 already: change it with `weight`",
        ),
        (
            Edit::Add {
                service: web_name(),
                server: ("2001:db8::1".parse().unwrap(), 80),
                weight: 1,
                method: None,
            },
            "2001:db8::1 is of another family than TCP 10.0.0.1:80: only a tunnel leads there",
        ),
    ] {
        assert_eq!(lab.edit(edit), [Action::Log(why.to_owned())]);
    }
}

#[test]
fn draining_all_leaves_the_service_empty() {
    let mut lab = Lab::new(configured(vec![web()]));
    for last in [11, 12] {
        lab.edit(Edit::Drain {
            service: web_name(),
            server: (address(last), 80),
        });
    }
    let (_, service) = lab.maps.live_services().next().unwrap();
    assert!(service.flags & SERVICE_EMPTY != 0);
    assert_eq!(ring_slots(service.ring), 0);
    assert_eq!(ring_slots(service.members), 2, "their connections go on");
    lab.edit(Edit::Restore {
        service: web_name(),
    });
    assert_eq!(lab.ring(), [12, 11, 12]);
}

#[test]
fn addresses_behind_several_gates_are_so_many_records() {
    let both = service("TCP group web", &[(1, 80), (2, 80)], vec![real(11, 1)]);
    let mut lab = Lab::new(behind(vec![both.clone()], &[(1, 4), (2, 5)]));
    let gates = |lab: &Lab| {
        let mut gates: Vec<u32> = lab.maps.live_services().map(|(_, it)| it.gate).collect();
        gates.sort_unstable();
        gates
    };
    assert_eq!(gates(&lab), [4, 5]);
    assert_eq!(lab.maps.servers.len(), 2, "the server in each");
    // Both addresses come behind one gate: one record stays as it is.
    let stays = lab
        .maps
        .live_services()
        .find(|(_, it)| it.gate == 4)
        .map(|(id, _)| id)
        .unwrap();
    lab.handle(Input::Gates(BTreeMap::from([
        (address(1), 4),
        (address(2), 4),
    ])));
    assert_eq!(gates(&lab), [4]);
    assert!(lab.maps.keys.values().all(|&id| id == stays));
    // No virtual addresses any more: it forwards always, and is still the same.
    lab.handle(Input::Gates(BTreeMap::new()));
    assert_eq!(gates(&lab), [NO_GATE]);
    assert!(lab.maps.services[&stays].flags & SERVICE_LIVE != 0);
}

#[test]
fn a_group_of_another_name_is_the_same_service() {
    let named = |name| service(name, &[(1, 80)], vec![real(11, 1)]);
    let mut lab = Lab::new(configured(vec![named("TCP group a")]));
    assert_eq!(lab.handle(configured(vec![named("TCP group b")])), []);
    assert_eq!(lab.director.services().next().unwrap().ids, [1]);
}

/// Each change of a Maglev ring takes 129 pages and gives 129 back a second later: more
/// changes than there are pages for wait.
#[test]
fn what_has_no_room_waits_for_what_is_given_back() {
    let mut it = web();
    it.scheduler.kind = SchedulerKind::Maglev;
    let mut lab = Lab::new(configured(vec![it.clone()]));
    let mut waited = false;
    for weight in 3..40 {
        it.servers[0].weight = weight;
        let actions = lab.handle(configured(vec![it.clone()]));
        if let Some(at) = lab.director.poll_timeout() {
            assert!(logged(&actions)[0].contains("no room for its ring"));
            waited = true;
            lab.now = at;
            lab.director.handle_timeout(at);
            for action in drain(&mut lab.director) {
                lab.maps.apply(&action, at);
            }
            lab.maps.check_settled();
            break;
        }
    }
    assert!(waited);
    assert_eq!(lab.director.poll_timeout(), None);
    let weight = it.servers[0].weight;
    assert!(
        lab.maps
            .servers
            .values()
            .any(|server| server.weight == weight)
    );
    let again = lab.now + Duration::from_secs(2);
    lab.director.handle_timeout(again);
    assert_eq!(drain(&mut lab.director), []);
}
