//! `global_defs`: D-Bus.

use super::Places;
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::Dbus,
    words::Word,
};

/// keepalived's name on the bus.
const SERVICE: &str = "org.keepalived.Vrrp1";
/// The bus takes no longer one.
const LONGEST_OCTETS: usize = 255;

/// What `global_defs` says of it.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) enabled: bool,
    pub(super) service: Option<String>,
}

/// `dbus_service_name`.
pub(super) fn service(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let word = word?;
    if is_bus_name(&word.text) {
        return Some(word.text.clone());
    }
    let message = format!("`{}` is no name for a bus", word.text);
    let found = Diagnostic::error(Code::BadValue, word.span, message);
    diagnostics.push(found.help(format!("write `dbus_service_name {SERVICE}.Two`")));
    None
}

/// Two or more elements of letters, digits, `_` and `-`, none of which begins with a
/// digit.
fn is_bus_name(name: &str) -> bool {
    let sound = |element: &str| {
        let mut all = element.chars();
        all.next().is_some_and(|it| !it.is_ascii_digit())
            && element
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-')
    };
    name.len() <= LONGEST_OCTETS && name.contains('.') && name.split('.').all(sound)
}

impl Words {
    /// Once everything is read.
    pub(super) fn settle(self, places: &Places, diagnostics: &mut Vec<Diagnostic>) -> Option<Dbus> {
        if !self.enabled
            && let Some(at) = places.get("dbus_service_name")
        {
            let message = "`dbus_service_name` without `enable_dbus`: there is no service";
            let found = Diagnostic::warning(Code::Incomplete, at, message);
            diagnostics.push(found.help("write `enable_dbus`"));
        }
        self.enabled.then(|| Dbus {
            service: self.service.unwrap_or_else(|| SERVICE.to_owned()),
        })
    }
}
