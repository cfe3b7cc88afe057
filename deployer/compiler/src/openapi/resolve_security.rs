//! OpenAPI's `security` → [`Security`]. An operation without a security requirement is an error,
//! never public.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::routes::Requirement;

use super::authorizer_members::{AUTHORIZER, AUTHTYPE, SIGV4, check_authorizer, check_scheme};
use super::extension_places::Place;
use super::extensions::check_extensions;
use super::external_scopes::check_scopes;
use super::import;
use super::references::dereferenced;
use crate::api::{AuthorizerShape, Security};
use crate::source::diagnostic::{Code, Diagnostics, Span, suggestion};
use crate::source::document::{Entry, Node, Value};

/// A security scheme, by how API Gateway enforces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    ApiKey,
    AwsIam,
    /// Declares its own authorizer, as in an export from AWS.
    External(Box<AuthorizerShape>),
    /// Bearer tokens, with the scopes that the document declares, if any.
    Jwt {
        declared: Option<BTreeSet<String>>,
    },
    /// Nothing can enforce it, which is an error where an operation uses it.
    Unusable {
        at: Span,
        message: String,
        help: String,
    },
}

/// The schemes by their keys in the document, each with its name in `portcullis.toml`.
pub(super) type Schemes = BTreeMap<String, (String, Scheme)>;

/// The types of security schemes.
const TYPES: [&str; 4] = ["apiKey", "http", "oauth2", "openIdConnect"];
const SUPPORTED_SCHEMES: &str = "use `http` with `bearer`, `oauth2`, `openIdConnect`, an `apiKey` in the header `x-api-key`, or `x-amazon-apigateway-authtype: awsSigv4`";
/// The extension with a scheme's name in the user's files, where the key is generated for AWS.
pub(super) const SCHEME_NAME: &str = "x-portcullis-scheme";
/// The extension with an operation's alternatives of scopes: an `apiKey` scheme has none in
/// `security`.
pub(super) const SCOPES: &str = "x-portcullis-scopes";

/// Returns the name of a scheme in `portcullis.toml`.
pub(super) fn scheme_name(entry: &Entry) -> String {
    let own = entry.node.member(SCHEME_NAME).and_then(Node::text);
    own.unwrap_or(&entry.key).to_owned()
}

/// Reads `components.securitySchemes`.
pub(super) fn schemes(
    root: &Node,
    is_managed: &dyn Fn(&str) -> bool,
    diagnostics: &mut Diagnostics,
) -> Schemes {
    let declared =
        root.member("components").and_then(|components| components.member("securitySchemes"));
    let mut schemes = BTreeMap::new();
    for entry in declared.map(Node::entries).unwrap_or_default() {
        let Some(node) = dereferenced(root, &entry.node, diagnostics) else { continue };
        check_extensions(node, Place::SecurityScheme, diagnostics);
        check_scheme(entry, node, diagnostics);
        let text = |key| node.member(key).and_then(Node::text);
        let name = scheme_name(entry);
        let scheme = match (text("type"), text(AUTHTYPE), node.member(AUTHORIZER)) {
            (_, Some(SIGV4), _) => Scheme::AwsIam,
            (_, _, Some(_)) if is_managed(&name) => Scheme::Jwt { declared: None },
            (_, _, Some(authorizer)) => {
                let header = text("name").unwrap_or("Authorization");
                Scheme::External(Box::new(external(&name, authorizer, header, diagnostics)))
            }
            _ if is_api_key(node) => Scheme::ApiKey,
            (Some("http"), _, _)
                if text("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) =>
            {
                Scheme::Jwt { declared: None }
            }
            (Some("openIdConnect"), _, _) => Scheme::Jwt { declared: None },
            (Some("oauth2"), _, _) => Scheme::Jwt { declared: oauth2_scopes(node) },
            _ => {
                let help = text("type")
                    .filter(|kind| !TYPES.contains(kind))
                    .and_then(|kind| suggestion(kind, TYPES))
                    .unwrap_or_else(|| SUPPORTED_SCHEMES.to_owned());
                let message = format!("unsupported security scheme `{}`", entry.key);
                Scheme::Unusable { at: entry.key_span, message, help }
            }
        };
        let scheme = match scheme {
            Scheme::Jwt { .. } if !is_managed(&name) => Scheme::Unusable {
                at: entry.key_span,
                message: format!("security scheme `{name}` has no authorizer"),
                help: format!(
                    "add [authorizer.{name}] with an issuer and its audience to portcullis.toml"
                ),
            },
            scheme => scheme,
        };
        schemes.insert(entry.key.clone(), (name, scheme));
    }
    schemes
}

/// Returns whether a scheme is that of the API keys of usage plans.
pub(super) fn is_api_key(node: &Node) -> bool {
    let text = |key| node.member(key).and_then(Node::text);
    text("type") == Some("apiKey")
        && text("in") == Some("header")
        && text("name").is_some_and(|name| name.eq_ignore_ascii_case("x-api-key"))
}

/// Reads the authorizer that a scheme declares itself; `header` is the header that the scheme names.
fn external(
    name: &str,
    authorizer: &Node,
    header: &str,
    diagnostics: &mut Diagnostics,
) -> AuthorizerShape {
    let shape = AuthorizerShape::read(&authorizer.to_json(), header);
    if check_authorizer(name, authorizer, diagnostics) {
        let subject = format!("authorizer of security scheme `{name}`");
        import::check_authorizer(authorizer, &shape, &subject, diagnostics);
    }
    shape
}

fn oauth2_scopes(node: &Node) -> Option<BTreeSet<String>> {
    let flows = node.member("flows")?.entries();
    let scopes = flows.iter().filter_map(|flow| flow.node.member("scopes")).flat_map(Node::entries);
    let scopes: BTreeSet<String> = scopes.map(|scope| scope.key.clone()).collect();
    (!scopes.is_empty()).then_some(scopes)
}

/// The requirements of one alternative of `security`.
#[derive(Default)]
struct Alternative {
    jwt: Option<(String, BTreeSet<String>)>,
    external: Option<(String, BTreeSet<String>)>,
    api_key: bool,
    aws_iam: bool,
}

/// Resolves an operation's `security`, or the root's where it has none.
pub(super) fn resolve(
    operation: &str,
    (own, root): (Option<&Entry>, Option<&Entry>),
    carried: Option<&Node>,
    at: Span,
    schemes: &Schemes,
    diagnostics: &mut Diagnostics,
) -> Option<Security> {
    let Some(security) = own.or(root) else {
        let help = "add a security scheme and its scopes, or `security: []` for a public operation";
        let message = format!("`{operation}` has no security requirement");
        diagnostics.error(at, message, help.to_owned());
        return None;
    };
    let security = &security.node;
    let Value::List(items) = &security.value else {
        diagnostics.error(
            security.span,
            format!("`security`: expected a list, found {}", security.kind()),
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
    let has_same_schemes = |other: &Alternative| {
        let name =
            |alternative: &Alternative| alternative.jwt.as_ref().map(|(name, _)| name.clone());
        let scheme = |alternative: &Alternative| {
            alternative.external.as_ref().map(|(scheme, _)| scheme.clone())
        };
        name(other) == name(first)
            && scheme(other) == scheme(first)
            && other.api_key == first.api_key
            && other.aws_iam == first.aws_iam
    };
    if let Some((_, span)) = rest.iter().find(|(other, _)| !has_same_schemes(other)) {
        let help =
            "use the same security schemes in every alternative: only scopes may differ".to_owned();
        let message =
            "alternatives with different security schemes are not supported by API Gateway";
        diagnostics.error(*span, message, help);
        return None;
    }
    match first {
        Alternative { jwt: Some((name, _)), external: None, api_key, aws_iam: false } => {
            let scopes = alternatives
                .iter()
                .filter_map(|(alternative, _)| Some(alternative.jwt.as_ref()?.1.clone()));
            let scopes = match carried {
                Some(carried) => carried_scopes(carried, diagnostics)?,
                None => scopes.collect(),
            };
            let requirement = Requirement::any_of(scopes)?;
            Some(Security::Jwt { authorizer: name.clone(), requirement, api_key: *api_key })
        }
        Alternative { jwt: None, external: Some((scheme, _)), api_key, aws_iam: false } => {
            let scopes = alternatives
                .iter()
                .filter_map(|(alternative, _)| Some(alternative.external.as_ref()?.1.clone()));
            let scopes = scopes.flatten().collect();
            Some(Security::External { scheme: scheme.clone(), scopes, api_key: *api_key })
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
                "this combination of security schemes is not supported by API Gateway",
                "use one authorizer or AWS_IAM; an authorizer may be combined with an API key"
                    .to_owned(),
            );
            None
        }
    }
}

fn alternative(
    item: &Node,
    schemes: &Schemes,
    diagnostics: &mut Diagnostics,
) -> Option<Alternative> {
    if !matches!(item.value, Value::Map(_)) {
        diagnostics.error(
            item.span,
            format!("security requirement: expected a map, found {}", item.kind()),
            "write `- SCHEME: [SCOPE]`".to_owned(),
        );
        return None;
    }
    if item.entries().is_empty() {
        let help =
            "write `security: []` for a public operation, or add a security scheme".to_owned();
        diagnostics.error(
            item.span,
            "an empty security requirement (`{}`) is not allowed: it would make the operation public",
            help,
        );
        return None;
    }
    let mut found = Alternative::default();
    for entry in item.entries() {
        let Some((name, scheme)) = schemes.get(&entry.key) else {
            let help = suggestion(&entry.key, schemes.keys().map(String::as_str))
                .unwrap_or_else(|| "declare it in `components.securitySchemes`".to_owned());
            diagnostics.error(
                entry.key_span,
                format!("unknown security scheme `{}`", entry.key),
                help,
            );
            return None;
        };
        match scheme {
            Scheme::Unusable { at, message, help } => {
                diagnostics.error(*at, message.clone(), help.clone());
                diagnostics.ignore_further_errors(*at);
                return None;
            }
            Scheme::ApiKey => found.api_key = true,
            Scheme::AwsIam => found.aws_iam = true,
            Scheme::External(_) | Scheme::Jwt { .. }
                if found.jwt.is_some() || found.external.is_some() =>
            {
                let help =
                    "remove all but one of the security schemes with an authorizer".to_owned();
                diagnostics.error(entry.key_span, "a method must not have two authorizers", help);
                return None;
            }
            Scheme::External(shape) => {
                let scopes = scopes(&entry.node, None, diagnostics)?;
                check_scopes(name, &shape.kind, &scopes, item.span, diagnostics);
                found.external = Some((name.clone(), scopes));
            }
            Scheme::Jwt { declared } => {
                found.jwt =
                    Some((name.clone(), scopes(&entry.node, declared.as_ref(), diagnostics)?));
            }
        }
    }
    Some(found)
}

/// Reads the alternatives of scopes of a generated document.
fn carried_scopes(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<BTreeSet<String>>> {
    if node.items().is_empty() {
        diagnostics.error(node.span, format!("`{SCOPES}` must be a list of lists"), None);
    }
    node.items().iter().map(|item| scopes(item, None, diagnostics)).collect()
}

fn scopes(
    node: &Node,
    declared: Option<&BTreeSet<String>>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeSet<String>> {
    let mut scopes = BTreeSet::new();
    if !matches!(node.value, Value::List(_)) {
        let message = format!("scopes: expected a list, found {}", node.kind());
        diagnostics.error(node.span, message, None);
        return None;
    }
    for item in node.items() {
        let Some(scope) = item.text().filter(|scope| authorizer::scope::is_scope_name(scope))
        else {
            let help =
                "use visible ASCII without space, `\"` and `\\` (RFC 6749 section 3.3)".to_owned();
            let message = match item.text() {
                Some(text) => format!("invalid scope `{text}`"),
                None => format!("scope: expected a string, found {}", item.kind()),
            };
            diagnostics.error(item.span, message, help);
            return None;
        };
        if let Some(declared) = declared.filter(|declared| !declared.contains(scope)) {
            let help = suggestion(scope, declared.iter().map(String::as_str))
                .unwrap_or_else(|| "declare it in the `scopes` of the security scheme".to_owned());
            diagnostics.warning(
                Code::UndeclaredScope,
                item.span,
                format!("scope `{scope}` is not declared by its security scheme"),
                help,
            );
        }
        scopes.insert(scope.to_owned());
    }
    Some(scopes)
}
