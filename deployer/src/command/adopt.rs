//! `deployer adopt`: tags an existing API as the one that the configuration manages.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Failure, Invocation, danger};
use crate::cli::{self, Files};
use crate::output::Exit;
use deployment::observed::{TAG_API, TAG_MANAGED, api_tag, names_api};

pub(super) fn run(arguments: &cli::Adopt, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: None };
    let api = invocation.compile_quietly(&files)?;
    let session = invocation.connect()?;
    let apis = session.block_on(session.aws.apis())?;
    let has_tag = |tag: &String| names_api(tag, &api.name);
    let managed = apis.iter().find(|listed| listed.tags.get(TAG_API).is_some_and(has_tag));
    let Some(found) = apis.iter().find(|listed| listed.id == arguments.id) else {
        return Err(Failure::NoRestApi(arguments.id.clone()));
    };
    match (managed, found.tags.get(TAG_API)) {
        (Some(managed), _) if managed.id == found.id => {}
        (Some(managed), _) => {
            let ids = vec![managed.id.clone(), found.id.clone()];
            return Err(Failure::AmbiguousApi { name: api.name, ids });
        }
        (None, Some(other)) => {
            let (id, found) = (found.id.clone(), other.clone());
            return Err(Failure::ManagedAs { id, expected: api.name, found });
        }
        (None, None) => {
            session
                .output
                .note(&format!("{} ({}) will be managed as `{}`", found.name, found.id, api.name));
            session.output.note("  note: the next deployment replaces its API definition");
            let prompt = "\nAdopt? Type `yes` to confirm:";
            if !arguments.yes {
                let action = format!("adopt {}", found.id);
                danger::confirm(session.output, prompt, "yes", action)?;
            }
            let tags = BTreeMap::from([
                (TAG_API.to_owned(), api_tag(&api.name)),
                (TAG_MANAGED.to_owned(), "true".to_owned()),
            ]);
            session.block_on(session.aws.tag_api(&found.id, &tags, &[]))?;
        }
    }
    let text = format!(
        "{} is managed as `{}`; `deployer plan` shows what a deployment would change",
        found.id, api.name
    );
    session.output.data(&text, &json!({"api": api.name, "id": found.id}));
    Ok(Exit::Success)
}
