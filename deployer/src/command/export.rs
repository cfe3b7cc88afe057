//! `deployer export`: writes the OpenAPI document for AWS, or the configuration files of an existing
//! API.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::{Failure, Invocation, create_directory, write};
use crate::cli;
use crate::output::Exit;
use compiler::api::{EndpointConfiguration, Throttle};
use compiler::openapi::{add_endpoint, render, render_definition};
use compiler::project::MANIFEST;
use deployment::observed::ObservedApi;

pub(super) fn run(arguments: &cli::Export, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    if let (Some(id), Some(directory)) = (&arguments.from_api, &arguments.out) {
        return from_api(id, directory, invocation);
    }
    let api = invocation.compile(&arguments.files)?;
    let text = serde_json::to_string_pretty(&render(&api)?).unwrap_or_default();
    write(&text, arguments.out.as_deref(), invocation.output)?;
    Ok(Exit::Success)
}

fn from_api(id: &str, directory: &Path, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let output = invocation.output;
    let session = invocation.connect()?;
    let apis = session.block_on(session.aws.apis())?;
    let Some(listed) = apis.into_iter().find(|api| api.id == id) else {
        return Err(Failure::NoRestApi(id.to_owned()));
    };
    let api = session.block_on(session.aws.observe_api(listed, ""))?;
    if let Some((name, kind)) = api.definition.unsupported_authorizer() {
        return Err(Failure::UnsupportedAuthorizer {
            name: name.to_owned(),
            kind: kind.to_owned(),
        });
    }
    let (manifest, openapi) = (directory.join(MANIFEST), directory.join("openapi.json"));
    for path in [&manifest, &openapi] {
        if path.exists() {
            let cause = std::io::Error::other("the file already exists");
            return Err(Failure::Unwritable { path: path.clone(), cause });
        }
    }
    create_directory(directory)?;
    let mut document = render_definition(&api.definition, &api.name, "1");
    // The manifest has the VPC endpoints.
    let endpoint = EndpointConfiguration { vpc_endpoints: BTreeSet::new(), ..api.endpoint.clone() };
    add_endpoint(&mut document, &endpoint);
    let text = serde_json::to_string_pretty(&document);
    write(&text.unwrap_or_default(), Some(&openapi), output)?;
    write(&manifest_text(&api), Some(&manifest), output)?;
    let routes = api.definition.methods.len();
    let text = format!(
        "wrote {routes} operation{} to {}; to manage the API, run `deployer adopt {id} {}`",
        if routes == 1 { "" } else { "s" },
        openapi.display(),
        directory.display()
    );
    output.data(&text, &json!({"id": id, "operations": routes, "files": [manifest, openapi]}));
    Ok(Exit::Success)
}

/// Returns the setting of a throttle; none without limits, which AWS shows as -1.
fn throttle(Throttle { rate, burst }: Throttle) -> Option<String> {
    (rate >= 0.0 && burst >= 0)
        .then(|| format!("throttle = {{ rate = {rate:?}, burst = {burst} }}"))
}

/// Returns a portcullis.toml for the current state of an API.
fn manifest_text(api: &ObservedApi) -> String {
    let quoted = |text: &str| json!(text).to_string();
    let mut lines = vec![
        "[api]".to_owned(),
        format!("name = {}", quoted(&api.name)),
        "openapi = \"openapi.json\"".to_owned(),
        format!("endpoint = {}", quoted(&api.endpoint.kind.name().to_ascii_lowercase())),
    ];
    if !api.endpoint.vpc_endpoints.is_empty() {
        lines.push(format!("vpc_endpoints = {}", json!(api.endpoint.vpc_endpoints)));
    }
    for (name, stage) in &api.stages {
        let settings = &stage.settings;
        lines.push(format!("\n[stage.{}]", quoted(name)));
        if settings.all.throttle != settings.account {
            lines.extend(throttle(settings.all.throttle));
        }
        if !settings.variables.is_empty() {
            let variables = settings.variables.iter();
            let variables: Vec<String> =
                variables.map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
            lines.push(format!("variables = {{ {} }}", variables.join(", ")));
        }
        if let Some(log) = &settings.access_log {
            lines.push(format!(
                "access_log = {{ destination = {}, format = {} }}",
                quoted(&log.destination),
                quoted(&log.format)
            ));
        }
        for (key, enabled) in [("metrics", settings.all.metrics), ("tracing", settings.tracing)] {
            if enabled {
                lines.push(format!("{key} = true"));
            }
        }
        if let Some(level) = &settings.all.logging {
            lines.push(format!("logging = {}", quoted(&level.name().to_ascii_lowercase())));
        }
        for (route, entry) in &settings.methods {
            let own = throttle(entry.throttle).filter(|_| entry.throttle != settings.all.throttle);
            lines.extend(own.into_iter().flat_map(|own| {
                [format!("[stage.{}.route.{}]", quoted(name), quoted(&route.to_string())), own]
            }));
        }
    }
    lines.join("\n")
}
