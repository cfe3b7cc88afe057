//! `deployer status`: what a stage serves.

use serde_json::json;

use super::deploy::url;
use super::session::Session;
use super::{Failure, compiled};
use crate::apply::number;
use crate::cli;
use crate::compile::Environment;
use crate::output::{Exit, Output};
use crate::plan::drift;

pub(super) fn run(
    arguments: &cli::Live,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = compiled(&arguments.files(), environment, output)?;
    let session = Session::open(access, output)?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let Some(stage) = observed.stages.get(&arguments.stage) else {
        let message = format!("{} has no stage {}", api.name, arguments.stage);
        return Err(Failure::NotThere(message));
    };
    let live = observed.live(&arguments.stage);
    let deployment = observed.deployment(&stage.deployment);
    let since = deployment.map(|deployment| super::history::time(deployment.created));
    let url = url(&session.aws.place, &observed.id, &arguments.stage);
    let drift = drift(&observed);
    let authorizers: Vec<String> = (observed.draft.authorizers.iter())
        .map(|(name, shape)| format!("{name} → {}", shape.function().unwrap_or("a user pool")))
        .collect();
    let mut text = format!("{} ({}), stage {}\n", api.name, observed.id, arguments.stage);
    text += &format!("  serves {}", number(live));
    text += &format!(", made {}\n  at {url}", since.clone().unwrap_or_default());
    if let Some(canary) = &stage.canary {
        text += &format!("\n  and {} % of requests go to {}", canary.percent, canary.deployment);
    }
    for authorizer in &authorizers {
        text += &format!("\n  authorizer {authorizer}");
    }
    text += &match drift.len() {
        0 => "\n  nobody else changed it".to_owned(),
        count => format!("\n  somebody else changed {count} things: see `deployer drift`"),
    };
    let json = json!({
        "api": api.name,
        "id": observed.id,
        "stage": arguments.stage,
        "revision": live,
        "deployment": stage.deployment,
        "since": since,
        "url": url,
        "canary": stage.canary,
        "settings": stage.settings,
        "authorizers": observed.draft.authorizers,
        "drift": drift,
    });
    output.data(&text, &json);
    Ok(Exit::Done)
}
