//! `deployer adopt`: marks an API that is there already as the one the files are about.

use std::collections::BTreeMap;

use serde_json::json;

use super::session::Session;
use super::{Failure, named};
use crate::cli::{self, Files};
use crate::output::{Exit, Output};
use compiler::compile::Environment;
use deployment::observed::{TAG_API, TAG_MANAGED};

pub(super) fn run(
    arguments: &cli::Adopt,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: None };
    let api = named(&files, environment)?;
    let session = Session::open(access, output)?;
    let all = session.wait(session.aws.apis())?;
    let ours = all.iter().find(|known| known.tags.get(TAG_API) == Some(&api.name));
    let Some(found) = all.iter().find(|known| known.id == arguments.id) else {
        return Err(Failure::NotThere(format!("there is no REST API {}", arguments.id)));
    };
    match (ours, found.tags.get(TAG_API)) {
        (Some(ours), _) if ours.id == found.id => {}
        (Some(ours), _) => {
            let ids = vec![ours.id.clone(), found.id.clone()];
            return Err(Failure::Several { name: api.name, ids });
        }
        (None, Some(other)) => {
            let message = format!("{} belongs to the files of {other}", found.id);
            return Err(Failure::NotThere(message));
        }
        (None, None) => {
            output.note(&format!("{} ({}) becomes {} of ours", found.name, found.id, api.name));
            let question = "\nthe next deployment replaces its draft; type yes:";
            if !arguments.yes && output.ask(question).as_deref() != Some("yes") {
                return Err(Failure::NotConfirmed(format!("adopting {}", found.id)));
            }
            let tags = BTreeMap::from([
                (TAG_API.to_owned(), api.name.clone()),
                (TAG_MANAGED.to_owned(), "true".to_owned()),
            ]);
            session.wait(session.aws.tag_api(&found.id, &tags, &[]))?;
        }
    }
    let text = format!("{} is {}: `deployer plan` shows what the files change", found.id, api.name);
    output.data(&text, &json!({"api": api.name, "id": found.id}));
    Ok(Exit::Done)
}
