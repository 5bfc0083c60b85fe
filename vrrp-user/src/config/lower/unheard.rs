//! What is not served yet and without which an instance and its peers would not
//! hear one another. Running it would make two MASTERs, so it is held in FAULT.

use super::instance::Draft;

/// The keywords that hold this instance in FAULT; none, as a rule.
pub(super) fn unheard(draft: &Draft) -> Vec<String> {
    let mut found = Vec::new();
    if draft.authentication_header {
        found.push("auth_type AH".to_owned());
    }
    if draft.places.get("auth_hmac").is_some() {
        found.push("auth_hmac".to_owned());
    }
    found
}
