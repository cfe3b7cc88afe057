//! `x-amazon-apigateway-auth`: the authorization type of a method, which must agree with `security`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-auth.html>

use super::resolve_security::{SCOPES, Scheme, Schemes, resolve};
use crate::api::{AuthorizerType, Security};
use crate::source::diagnostic::{Diagnostics, Span, suggestion_or_list};
use crate::source::document::{Node, Value};

const EXTENSION: &str = "x-amazon-apigateway-auth";
const TYPE: &str = "type";

/// Resolves the security of an operation, and reports an authorization type that contradicts it.
/// Without any `security`, the type `AWS_IAM` is the security; `NONE` is not: an operation is public
/// only with `security: []`.
pub(super) fn operation_security(
    operation: &str,
    node: &Node,
    root: &Node,
    at: Span,
    schemes: &Schemes,
    diagnostics: &mut Diagnostics,
) -> Option<Security> {
    let extension = node.member(EXTENSION).filter(|extension| extension.value != Value::Null);
    let kind = match extension {
        Some(extension) => Some((extension.span, AuthType::read(extension, diagnostics)?)),
        None => None,
    };
    // A `security` without a value is an error, and not an absent one.
    let declared = (node.entry("security"), root.entry("security"));
    if let (Some((_, AuthType::AwsIam)), (None, None)) = (kind, declared) {
        return Some(Security::AwsIam);
    }
    let carried = node.member(SCOPES);
    let security = resolve(operation, declared, carried, at, schemes, diagnostics)?;
    let Some((span, kind)) = kind.filter(|(_, kind)| !kind.agrees(&security, schemes)) else {
        return Some(security);
    };
    let message = format!(
        "`{EXTENSION}` has the type `{}`, which contradicts `security` ({security})",
        kind.name()
    );
    let help = match kind {
        AuthType::AwsIam => {
            "require a security scheme with `x-amazon-apigateway-authtype: awsSigv4`, or remove the extension"
        }
        _ => "change `security`, or remove the extension",
    };
    diagnostics.error(span, message, help.to_owned());
    None
}

/// The authorization type of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuthType {
    None,
    AwsIam,
    Custom,
    CognitoUserPools,
}

impl AuthType {
    const ALL: [Self; 4] = [Self::None, Self::AwsIam, Self::Custom, Self::CognitoUserPools];

    fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::AwsIam => "AWS_IAM",
            Self::Custom => "CUSTOM",
            Self::CognitoUserPools => "COGNITO_USER_POOLS",
        }
    }

    /// Reads the extension. Values are not case-sensitive.
    fn read(extension: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut unknown = extension.entries().iter().filter(|entry| entry.key != TYPE);
        if let Some(entry) = unknown.find(|entry| !entry.key.starts_with("x-")) {
            let message = format!("`{EXTENSION}`: unknown member `{}`", entry.key);
            diagnostics.error(entry.key_span, message, suggestion_or_list(&entry.key, &[TYPE]));
            return None;
        }
        let Some(node) = extension.member(TYPE) else {
            let message = format!("`{EXTENSION}`: missing `{TYPE}`");
            let help = "write { type: AWS_IAM }, or remove the extension".to_owned();
            diagnostics.error(extension.span, message, help);
            return None;
        };
        let name = node.text().unwrap_or_default().to_ascii_uppercase();
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        if found.is_none() {
            let found = node.text().map_or_else(|| node.kind().to_owned(), |t| format!("`{t}`"));
            let message = format!("`{EXTENSION}`: unknown type {found}");
            let help = suggestion_or_list(&name, &Self::ALL.map(Self::name));
            diagnostics.error(node.span, message, help);
        }
        found
    }

    /// Returns whether a method with this type requires what `security` requires. An API key has no
    /// authorization type of its own.
    fn agrees(self, security: &Security, schemes: &Schemes) -> bool {
        match security {
            Security::Public | Security::ApiKey => self == Self::None,
            Security::AwsIam => self == Self::AwsIam,
            Security::Jwt { .. } => self == Self::Custom,
            Security::External { scheme, .. } => schemes.values().any(|(name, found)| {
                let Scheme::External(shape) = found else { return false };
                let is_cognito = shape.kind == AuthorizerType::CognitoUserPools;
                let expected = if is_cognito { Self::CognitoUserPools } else { Self::Custom };
                name == scheme && self == expected
            }),
        }
    }
}
