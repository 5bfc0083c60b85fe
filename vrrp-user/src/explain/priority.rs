//! What its priority is made of.

use super::{Case, facts::Tracked};

/// The address owner's.
const OWNER: u8 = 255;

impl Case<'_> {
    pub(super) fn priority(&self) -> Vec<String> {
        let it = self.it;
        let mut told = Vec::new();
        let (configured, now) = (it.priority, it.effective_priority);
        if it.handing_over && now == 1 {
            told.push(format!(
                "It advertises priority 1 instead of {configured}, so that another router takes over."
            ));
        } else if configured == OWNER {
            told.push("Its priority is 255, that of the address owner: nothing changes it.".into());
        } else if let Some(inherited) = it.why.inherited_priority {
            told.push(format!(
                "Its priority is {inherited}, as the daemon before this one left it, until every script has had a result (configured: {configured})."
            ));
        } else if now == configured {
            told.push(format!("Its priority is {now}, as configured."));
        } else {
            told.push(format!(
                "Its priority is {now}: {configured} as configured{}.",
                self.changes()
            ));
        }
        told.extend(it.tracked.iter().map(|tracked| self.tracker(tracked)));
        told
    }

    fn changes(&self) -> String {
        let changing = self.it.tracked.iter().filter(|it| it.change != 0);
        let words = changing.map(|it| {
            let sign = if it.change < 0 { "minus" } else { "plus" };
            format!(", {sign} {} by {}", it.change.unsigned_abs(), named(it))
        });
        words.collect()
    }

    fn tracker(&self, tracked: &Tracked) -> String {
        let effect = match (tracked.effect.as_str(), tracked.change) {
            ("fault", _) => String::from("which is a FAULT, because its weight is 0"),
            ("pending", _) => String::from("and until that is known it is held back"),
            (_, 0) => String::from("which changes nothing"),
            (_, change) if change < 0 => format!("which takes off {}", -change),
            (_, change) => format!("which adds {change}"),
        };
        let mut scripts = self.facts.engine.scripts.iter();
        let last = scripts.find(|it| tracked.kind == "script" && it.name == tracked.name);
        let last = last.and_then(|it| it.last.as_ref());
        let last = last.map_or(String::new(), |last| format!(" (it last {last})"));
        format!(
            "{} is {}{last}, {effect}.",
            capital(&named(tracked)),
            tracked.value
        )
    }
}

/// `script chk`.
fn named(tracked: &Tracked) -> String {
    format!("{} {}", tracked.kind, tracked.name)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
