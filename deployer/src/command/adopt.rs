//! `deployer adopt`: marks an API that is there already as the one the files are about.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Failure, Invocation};
use crate::cli::{self, Files};
use crate::output::Exit;
use deployment::observed::{TAG_API, TAG_MANAGED};

pub(super) fn run(arguments: &cli::Adopt, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: None };
    let api = invocation.compile_quietly(&files)?;
    let session = invocation.connect()?;
    let all = session.block_on(session.aws.apis())?;
    let ours = all.iter().find(|known| known.tags.get(TAG_API) == Some(&api.name));
    let Some(found) = all.iter().find(|known| known.id == arguments.id) else {
        return Err(Failure::NoRestApi(arguments.id.clone()));
    };
    match (ours, found.tags.get(TAG_API)) {
        (Some(ours), _) if ours.id == found.id => {}
        (Some(ours), _) => {
            let ids = vec![ours.id.clone(), found.id.clone()];
            return Err(Failure::Several { name: api.name, ids });
        }
        (None, Some(other)) => {
            let (id, found) = (found.id.clone(), other.clone());
            return Err(Failure::ManagedAs { id, expected: api.name, found });
        }
        (None, None) => {
            session
                .output
                .note(&format!("{} ({}) becomes {} of ours", found.name, found.id, api.name));
            let question = "\nthe next deployment replaces its draft; type yes:";
            if !arguments.yes && session.output.ask(question).as_deref() != Some("yes") {
                return Err(Failure::NotConfirmed { action: format!("adopting {}", found.id) });
            }
            let tags = BTreeMap::from([
                (TAG_API.to_owned(), api.name.clone()),
                (TAG_MANAGED.to_owned(), "true".to_owned()),
            ]);
            session.block_on(session.aws.tag_api(&found.id, &tags, &[]))?;
        }
    }
    let text = format!("{} is {}: `deployer plan` shows what the files change", found.id, api.name);
    session.output.data(&text, &json!({"api": api.name, "id": found.id}));
    Ok(Exit::Done)
}
