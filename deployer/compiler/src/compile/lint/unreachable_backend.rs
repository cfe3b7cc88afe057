//! HTTP backends that only the own machine or a private network can reach: `localhost`, names without
//! a domain, and addresses that are not public.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::{DefaultBackend, Locations};
use crate::api::{Api, ConnectionType, Integration, IntegrationKind};
use crate::source::diagnostic::{Code, Diagnostics, Span};

pub(super) fn lint(
    api: &Api,
    locations: &Locations<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    let mut is_default_reported = false;
    for route in &api.routes {
        let Some(host) = unreachable_host(api, &route.integration) else { continue };
        let uri = route.integration.uri.as_deref().unwrap_or_default();
        let default = locations.backend.as_ref();
        match default.filter(|DefaultBackend { base, .. }| uri.starts_with(base.as_str())) {
            Some(_) if is_default_reported => {}
            Some(default) => {
                is_default_reported = true;
                warn(&host, default.span, in_manifest);
            }
            None => warn(&host, (locations.route)(&route.to_string()), in_openapi),
        }
    }
}

fn warn(host: &str, span: Span, diagnostics: &mut Diagnostics) {
    diagnostics.warning(
        Code::UnreachableBackend,
        span,
        format!("API Gateway cannot reach the backend `{host}`"),
        "use a public host name, or a VPC link; for a local backend, start `deployer dev --backend`".to_owned(),
    );
}

/// Returns the host of a backend that API Gateway cannot reach without a VPC link. A host with a
/// stage variable that the stage does not set is unknown.
fn unreachable_host(api: &Api, integration: &Integration) -> Option<String> {
    let is_http = matches!(integration.kind, IntegrationKind::Http | IntegrationKind::HttpProxy);
    if !is_http || integration.connection_type == Some(ConnectionType::VpcLink) {
        return None;
    }
    let mut uri = integration.uri.clone()?;
    for (name, value) in &api.stage_settings.variables {
        uri = uri.replace(&format!("${{stageVariables.{name}}}"), value);
    }
    let url = Url::parse(&uri).ok()?;
    let is_unreachable = match url.host()? {
        Host::Domain(name) => is_local_name(name),
        Host::Ipv4(address) => is_local_v4(address),
        Host::Ipv6(address) => is_local_v6(address),
    };
    is_unreachable.then(|| url.host_str().unwrap_or_default().to_owned())
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let has_parameter = name.contains(['{', '}', '$', '%']);
    !has_parameter && (!name.contains('.') || name.ends_with(".localhost"))
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_unspecified()
        || address.to_ipv4_mapped().is_some_and(is_local_v4)
}
