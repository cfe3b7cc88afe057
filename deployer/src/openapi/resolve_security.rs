//! OpenAPI's `security` → [`Security`]. An operation that resolves to nothing is an error,
//! never an open door.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::routes::Requirement;

use crate::api::Security;
use crate::diagnostic::{Diagnostics, Span, suggestion};
use crate::document::{Node, Value};

/// A security scheme, by what API Gateway can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    ApiKey,
    AwsIam,
    /// Brings its own authorizer, as an export from AWS does.
    External,
    /// Bearer tokens, with the scopes the document declares for it, if it does.
    Jwt {
        declared: Option<BTreeSet<String>>,
    },
}

/// Reads `components.securitySchemes`.
pub(super) fn schemes(
    root: &Node,
    ours: &dyn Fn(&str) -> bool,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Scheme> {
    let declared =
        root.member("components").and_then(|components| components.member("securitySchemes"));
    let mut schemes = BTreeMap::new();
    for entry in declared.map(Node::entries).unwrap_or_default() {
        let node = &entry.node;
        let text = |key| node.member(key).and_then(Node::text);
        let scheme = match (text("type"), text("x-amazon-apigateway-authtype")) {
            (_, Some("awsSigv4")) => Scheme::AwsIam,
            _ if node.member("x-amazon-apigateway-authorizer").is_some() && !ours(&entry.key) => {
                Scheme::External
            }
            _ if node.member("x-amazon-apigateway-authorizer").is_some() => {
                Scheme::Jwt { declared: None }
            }
            (Some("apiKey"), _)
                if text("in") == Some("header")
                    && text("name").is_some_and(|name| name.eq_ignore_ascii_case("x-api-key")) =>
            {
                Scheme::ApiKey
            }
            (Some("http"), _)
                if text("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) =>
            {
                Scheme::Jwt { declared: None }
            }
            (Some("openIdConnect"), _) => Scheme::Jwt { declared: None },
            (Some("oauth2"), _) => Scheme::Jwt { declared: oauth2_scopes(node) },
            _ => {
                let help = "use `http` with `bearer`, `oauth2`, `openIdConnect`, an `apiKey` in the header `x-api-key`, or `x-amazon-apigateway-authtype: awsSigv4`";
                diagnostics.error(
                    entry.key_span,
                    format!("API Gateway cannot check the security scheme `{}`", entry.key),
                    help.to_owned(),
                );
                continue;
            }
        };
        if matches!(scheme, Scheme::Jwt { .. }) && !ours(&entry.key) {
            let help = format!(
                "add [authorizer.{}] with its issuer and audience to portcullis.toml",
                entry.key
            );
            diagnostics.error(
                entry.key_span,
                format!("no authorizer serves the security scheme `{}`", entry.key),
                help,
            );
        }
        schemes.insert(entry.key.clone(), scheme);
    }
    schemes
}

fn oauth2_scopes(node: &Node) -> Option<BTreeSet<String>> {
    let flows = node.member("flows")?.entries();
    let scopes = flows.iter().filter_map(|flow| flow.node.member("scopes")).flat_map(Node::entries);
    let scopes: BTreeSet<String> = scopes.map(|scope| scope.key.clone()).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// What one alternative of `security` asks for.
#[derive(Default)]
struct Alternative {
    jwt: Option<(String, BTreeSet<String>)>,
    external: Option<String>,
    api_key: bool,
    aws_iam: bool,
}

/// Resolves an operation's `security`, or the root's where it has none.
pub(super) fn resolve(
    operation: &str,
    own: Option<&Node>,
    root: Option<&Node>,
    at: Span,
    schemes: &BTreeMap<String, Scheme>,
    diagnostics: &mut Diagnostics,
) -> Option<Security> {
    let Some(security) = own.or(root) else {
        let help =
            "name a security scheme and its scopes, or write `security: []` to make it public";
        diagnostics.error(at, format!("nothing says who may call {operation}"), help.to_owned());
        return None;
    };
    let Value::List(items) = &security.value else {
        diagnostics.error(
            security.span,
            format!("`security` is {}, not a list", security.kind()),
            None,
        );
        return None;
    };
    let mut alternatives = Vec::new();
    for item in items {
        alternatives.push((alternative(item, schemes, diagnostics)?, item.span));
    }
    let Some(((first, _), rest)) = alternatives.split_first() else {
        return Some(Security::Public);
    };
    let same = |other: &Alternative| {
        let name =
            |alternative: &Alternative| alternative.jwt.as_ref().map(|(name, _)| name.clone());
        name(other) == name(first)
            && other.external == first.external
            && other.api_key == first.api_key
            && other.aws_iam == first.aws_iam
    };
    if let Some((_, span)) = rest.iter().find(|(other, _)| !same(other)) {
        let help = "alternatives may differ in scopes only".to_owned();
        diagnostics.error(
            *span,
            "API Gateway checks one authorizer per method, not one or another",
            help,
        );
        return None;
    }
    match first {
        Alternative { jwt: Some((name, _)), external: None, api_key, aws_iam: false } => {
            let scopes = alternatives
                .iter()
                .filter_map(|(alternative, _)| Some(alternative.jwt.as_ref()?.1.clone()));
            let requirement = Requirement::any_of(scopes.collect())?;
            Some(Security::Jwt { authorizer: name.clone(), requirement, api_key: *api_key })
        }
        Alternative { jwt: None, external: Some(scheme), api_key: false, aws_iam: false } => {
            Some(Security::External { scheme: scheme.clone() })
        }
        Alternative { jwt: None, external: None, api_key: true, aws_iam: false } => {
            Some(Security::ApiKey)
        }
        Alternative { jwt: None, external: None, api_key: false, aws_iam: true } => {
            Some(Security::AwsIam)
        }
        _ => {
            diagnostics.error(
                security.span,
                "API Gateway cannot check these security schemes together",
                None,
            );
            None
        }
    }
}

fn alternative(
    item: &Node,
    schemes: &BTreeMap<String, Scheme>,
    diagnostics: &mut Diagnostics,
) -> Option<Alternative> {
    if !matches!(item.value, Value::Map(_)) {
        diagnostics.error(
            item.span,
            format!("a security requirement is {}, not a table", item.kind()),
            None,
        );
        return None;
    }
    if item.entries().is_empty() {
        let help = "API Gateway has no optional security: write `security: []` for a public operation, or name a scheme".to_owned();
        diagnostics.error(
            item.span,
            "an empty security requirement would open the operation to everybody",
            help,
        );
        return None;
    }
    let mut found = Alternative::default();
    for entry in item.entries() {
        let Some(scheme) = schemes.get(&entry.key) else {
            let help = suggestion(&entry.key, schemes.keys().map(String::as_str));
            diagnostics.error(
                entry.key_span,
                format!("there is no usable security scheme `{}`", entry.key),
                help,
            );
            return None;
        };
        match scheme {
            Scheme::ApiKey => found.api_key = true,
            Scheme::AwsIam => found.aws_iam = true,
            Scheme::External => found.external = Some(entry.key.clone()),
            Scheme::Jwt { .. } if found.jwt.is_some() => {
                diagnostics.error(entry.key_span, "a method can have one authorizer only", None);
                return None;
            }
            Scheme::Jwt { declared } => {
                found.jwt =
                    Some((entry.key.clone(), scopes(&entry.node, declared.as_ref(), diagnostics)?));
            }
        }
    }
    Some(found)
}

fn scopes(
    node: &Node,
    declared: Option<&BTreeSet<String>>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeSet<String>> {
    let mut scopes = BTreeSet::new();
    if !matches!(node.value, Value::List(_)) {
        diagnostics.error(node.span, format!("the scopes are {}, not a list", node.kind()), None);
        return None;
    }
    for item in node.items() {
        let Some(scope) = item.text().filter(|scope| authorizer::config::is_scope_name(scope))
        else {
            let help =
                "visible ASCII without space, `\"` and `\\` (RFC 6749 section 3.3)".to_owned();
            diagnostics.error(item.span, "not a scope name", help);
            return None;
        };
        if let Some(declared) = declared.filter(|declared| !declared.contains(scope)) {
            let help = suggestion(scope, declared.iter().map(String::as_str));
            diagnostics.warning(
                item.span,
                format!("the scope `{scope}` is not among those its scheme declares"),
                help,
            );
        }
        scopes.insert(scope.to_owned());
    }
    Some(scopes)
}
