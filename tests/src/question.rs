//! Matching answers to questions, out of what the bridge saw.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use crate::{
    capture::{Seen, Stamp, Way},
    frame::{Mac, Packet},
};

/// One question of a probe.
#[derive(Clone, Debug)]
pub struct Question {
    /// When it left the client.
    pub at: Stamp,
    /// Hardware address it was sent to.
    pub to: Mac,
    /// When and by which node it was answered; an honest network has one entry.
    pub answers: Vec<(Stamp, usize)>,
}

impl Question {
    /// The nodes that answered, each once.
    #[must_use]
    pub fn answerers(&self) -> Vec<usize> {
        let mut nodes: Vec<usize> = self.answers.iter().map(|(_, node)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

/// ARP requests or neighbour solicitations of `client` for `vip`. An answer
/// belongs to the last question its addressee asked.
#[must_use]
pub fn resolved(seen: &[Seen], client: usize, vip: IpAddr) -> Vec<Question> {
    matched(seen, |s| match &s.frame.packet {
        Packet::Arp(arp) if !arp.reply && s.node == client && vip == arp.target => {
            Some(Part::Question(arp.sender.to_bits().into()))
        }
        Packet::Arp(arp) if arp.reply && s.node != client && vip == arp.sender => {
            Some(Part::Answer(arp.target.to_bits().into()))
        }
        Packet::Solicit { source, target } if s.node == client && vip == *target => {
            Some(Part::Question(source.to_bits()))
        }
        Packet::Neighbor {
            destination,
            target,
            ..
        } if s.node != client && vip == *target => Some(Part::Answer(destination.to_bits())),
        _ => None,
    })
}

/// Echo requests of probe `number`.
#[must_use]
pub fn echoed(seen: &[Seen], client: usize, number: u32) -> Vec<Question> {
    matched(seen, |s| match &s.frame.packet {
        Packet::Echo(echo) if echo.tag >> 32 == u64::from(number) => {
            match (echo.reply, s.node == client) {
                (false, true) => Some(Part::Question(echo.tag.into())),
                (true, false) => Some(Part::Answer(echo.tag.into())),
                _ => None,
            }
        }
        _ => None,
    })
}

enum Part {
    Question(u128),
    Answer(u128),
}

fn matched(seen: &[Seen], part: impl Fn(&Seen) -> Option<Part>) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    let mut last: HashMap<u128, usize> = HashMap::new();
    for s in seen.iter().filter(|s| s.way == Way::From) {
        match part(s) {
            Some(Part::Question(key)) => {
                last.insert(key, questions.len());
                questions.push(Question {
                    at: s.at,
                    to: s.frame.to,
                    answers: Vec::new(),
                });
            }
            Some(Part::Answer(key)) => {
                if let Some(index) = last.get(&key) {
                    questions[*index].answers.push((s.at, s.node));
                }
            }
            None => {}
        }
    }
    questions
}

/// The longest time between two answers in a row, and when it began. `None`
/// with fewer than two answers.
#[must_use]
pub fn longest_gap(questions: &[Question]) -> Option<(Duration, Stamp)> {
    let mut answers: Vec<Stamp> = questions
        .iter()
        .flat_map(|q| q.answers.iter().map(|(at, _)| *at))
        .collect();
    answers.sort_unstable();
    answers
        .windows(2)
        .map(|pair| (pair[1].since(pair[0]), pair[0]))
        .max_by_key(|(gap, _)| *gap)
}

/// Fails if any question was answered by more than one node.
#[track_caller]
pub fn assert_one_answerer(questions: &[Question]) {
    let split: Vec<_> = questions
        .iter()
        .filter(|q| q.answerers().len() > 1)
        .collect();
    assert!(
        split.is_empty(),
        "{} of {} questions had two answerers, first {:?}",
        split.len(),
        questions.len(),
        split[0],
    );
}

/// Fails if `node` answered anything.
#[track_caller]
pub fn assert_silent(questions: &[Question], node: usize) {
    let broken: Vec<_> = questions
        .iter()
        .filter(|q| q.answerers().contains(&node))
        .collect();
    assert!(
        broken.is_empty(),
        "node {node} answered {} of {} questions, first {:?}",
        broken.len(),
        questions.len(),
        broken[0],
    );
}
