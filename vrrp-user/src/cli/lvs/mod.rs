//! `lvs`: ipvsadm's pages, and changes until the next reload.
//!
//! The daemon is asked; one that does not answer is done without, as far as the maps
//! tell the same.

mod arguments;
mod page;

pub use arguments::LvsOptions;
pub(super) use arguments::Words;
use arguments::{Page, Show};

use crate::shell::{
    balance::picture::{self, Picture},
    bpf::{Instance, balance},
    clock,
    control::{self, BalanceEdit, ClientError, Command},
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize as _;
use std::time::Duration;

/// A daemon that takes longer is stopped, hung or starved; the maps tell more.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(instance: &Instance, options: &LvsOptions) -> Result<()> {
    match options {
        LvsOptions::Show(show) if show.page == Page::Connections => connections(instance, *show),
        LvsOptions::Show(show) => services(instance, *show),
        LvsOptions::Edit(edit) => change(instance, edit),
    }
}

fn services(instance: &Instance, show: Show) -> Result<()> {
    let picture = match ask(instance) {
        Ok(picture) => picture,
        Err(ClientError::Refused(why)) => bail!(why),
        Err(error) if show.page == Page::Rate => {
            return Err(anyhow!("{error}; rates are known to the daemon alone"));
        }
        Err(error) => {
            let records = balance::open_existing(instance)
                .map_err(|no_maps| anyhow!("{error}, and {no_maps:#}"))?;
            eprintln!("xvrrpd: {error}; this is what the maps say");
            Picture::from_maps(&records)?.0
        }
    };
    if show.json {
        println!("{:#}", serde_json::to_value(&picture)?);
    } else {
        print!("{}", page::services(&picture, show.page, show.exact));
        eprint!("{}", page::remarks(&picture));
    }
    Ok(())
}

fn connections(instance: &Instance, show: Show) -> Result<()> {
    let records = balance::open_existing(instance)?;
    let all = picture::connections(&records, clock::now().as_ns())?;
    if show.json {
        println!("{:#}", serde_json::to_value(&all)?);
    } else {
        print!("{}", page::connections(&all));
    }
    Ok(())
}

fn ask(instance: &Instance) -> Result<Picture, ClientError> {
    let answer = control::ask(&control::socket_path(instance), &Command::Lvs, PATIENCE)?;
    Picture::deserialize(&answer).map_err(|error| ClientError::Garbled(error.to_string()))
}

fn change(instance: &Instance, edit: &BalanceEdit) -> Result<()> {
    let picture = ask(instance)?;
    let mut edit = edit.clone();
    let name = edit.service_mut();
    *name = full_name(&picture, name)?;
    let socket = control::socket_path(instance);
    let said = edit.in_words();
    control::ask(&socket, &Command::LvsEdit(edit), PATIENCE).context("nothing is changed")?;
    println!("{said}, until the next reload");
    Ok(())
}

/// The service's whole name, from it or the end of it.
fn full_name(picture: &Picture, text: &str) -> Result<String> {
    let names = || {
        let names = picture.services.iter();
        names.filter_map(|it| it.name.as_deref())
    };
    if let Some(name) = names().find(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(name.to_owned());
    }
    let suffix = format!(" {text}");
    let mut meant: Vec<&str> = names().filter(|name| name.ends_with(&suffix)).collect();
    meant.dedup();
    match meant.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => {
            let mut all: Vec<&str> = names().collect();
            all.dedup();
            bail!(
                "no virtual server is named {text}; write one of these: {}",
                all.join(", ")
            )
        }
        several => bail!(
            "{text} is more than one; write '{}'",
            several.join("' or '")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::balance::picture::ServicePicture;

    #[test]
    fn a_service_is_named_as_far_as_it_is_clear() {
        let names = [
            "TCP 10.0.0.1:80",
            "TCP 10.0.0.2:53",
            "UDP 10.0.0.2:53",
            "TCP group web",
        ];
        let picture = Picture {
            services: names
                .iter()
                .map(|name| ServicePicture {
                    name: Some((*name).into()),
                    ..ServicePicture::default()
                })
                .collect(),
            ..Picture::default()
        };
        for (text, want) in [
            ("TCP 10.0.0.1:80", Ok("TCP 10.0.0.1:80")),
            ("tcp 10.0.0.1:80", Ok("TCP 10.0.0.1:80")),
            ("10.0.0.1:80", Ok("TCP 10.0.0.1:80")),
            ("web", Ok("TCP group web")),
            ("UDP 10.0.0.2:53", Ok("UDP 10.0.0.2:53")),
            (
                "10.0.0.2:53",
                Err("10.0.0.2:53 is more than one; write 'TCP 10.0.0.2:53' or 'UDP 10.0.0.2:53'"),
            ),
            (
                "1:80",
                Err(
                    "no virtual server is named 1:80; write one of these: TCP 10.0.0.1:80, TCP 10.0.0.2:53, UDP 10.0.0.2:53, TCP group web",
                ),
            ),
        ] {
            let got = full_name(&picture, text).map_err(|error| error.to_string());
            assert_eq!(
                got,
                want.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
