//! What the kernel lets through, and why.

use super::Case;
use crate::time::in_words;

impl Case<'_> {
    pub(super) fn gate(&self) -> Vec<String> {
        let Some(kernel) = self.kernel else {
            return vec![
                "What the kernel does with its addresses is not known: its maps cannot be read, or do not have it.".into(),
            ];
        };
        let mut told = Vec::new();
        if kernel.open {
            told.push(format!(
                "The gate is open: the kernel answers for the virtual addresses. The adverts that have left entitle it to that for {} more (the lease); each further advert prolongs it.",
                in_words(kernel.lease_left)
            ));
        } else {
            let time = kernel
                .shut_for
                .map_or(String::new(), |time| format!(", for {}", in_words(time)));
            let does = if kernel.mode == "enforce" {
                "the kernel answers for none of the virtual addresses and lets nothing out from them"
            } else {
                "the kernel would answer for none of the virtual addresses"
            };
            told.push(format!(
                "The gate is shut{time}: {does}. Why: {}.",
                kernel.why
            ));
        }
        match kernel.mode {
            "observe" => told.push(
                "But `lease observe` is configured: packets pass a shut gate, and are only counted."
                    .into(),
            ),
            "off" => told.push("But `lease off` is configured: packets pass a shut gate.".into()),
            _ => {}
        }
        told
    }
}
