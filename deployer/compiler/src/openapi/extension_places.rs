//! The extensions of API Gateway, and the places in a document that API Gateway reads them from.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html>

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    PathItem,
    Operation,
    SecurityScheme,
    /// One of the servers of the document.
    Server,
    Components,
    Tag,
    /// Another place, in which no extension has an effect.
    Other,
}

impl Place {
    /// Returns whether the extensions are settings of the API.
    pub(super) fn has_settings(self) -> bool {
        matches!(self, Self::Root | Self::Server)
    }

    /// Returns the name for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "the root of the document",
            Self::PathItem => "a path",
            Self::Operation => "an operation",
            Self::SecurityScheme => "a security scheme",
            Self::Server => "a server of the document",
            Self::Components => "`components`",
            Self::Tag => "a tag",
            Self::Other => "this place",
        }
    }
}

/// The use of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It limits access or requests: without effect, the API accepts more than its document states.
    Guards,
    /// It has another purpose.
    Configures,
    /// It has no effect, with the alternative.
    NotCarriedOut(&'static str),
}

/// An extension of API Gateway.
#[derive(Debug)]
pub(super) struct Extension {
    pub(super) name: &'static str,
    pub(super) places: &'static [Place],
    pub(super) used: Use,
}

const fn new(name: &'static str, places: &'static [Place], used: Use) -> Extension {
    Extension { name, places, used }
}

const SECURITY_POLICY: &str = "remove it, and set the security policy of the API with another tool";

/// The extensions that API Gateway supports.
pub(super) static EXTENSIONS: [Extension; 20] = [
    new("x-amazon-apigateway-any-method", &[Place::PathItem], Use::Guards),
    new("x-amazon-apigateway-api-key-source", &[Place::Root], Use::Configures),
    new("x-amazon-apigateway-auth", &[Place::Operation], Use::Guards),
    new("x-amazon-apigateway-authorizer", &[Place::SecurityScheme], Use::Guards),
    new("x-amazon-apigateway-authtype", &[Place::SecurityScheme], Use::Guards),
    new("x-amazon-apigateway-binary-media-types", &[Place::Root], Use::Configures),
    new(
        "x-amazon-apigateway-cors",
        &[Place::Root],
        Use::NotCarriedOut("add [cors] to portcullis.toml: REST APIs do not have this extension"),
    ),
    new(
        "x-amazon-apigateway-documentation",
        &[Place::Root],
        Use::NotCarriedOut("remove it, and create the documentation parts with another tool"),
    ),
    new(
        "x-amazon-apigateway-endpoint-access-mode",
        &[Place::Root],
        Use::NotCarriedOut(SECURITY_POLICY),
    ),
    new("x-amazon-apigateway-endpoint-configuration", &[Place::Server, Place::Root], Use::Guards),
    new("x-amazon-apigateway-gateway-responses", &[Place::Root], Use::Configures),
    new(
        "x-amazon-apigateway-importexport-version",
        &[Place::Root],
        Use::NotCarriedOut("remove it: REST APIs do not have this extension"),
    ),
    new("x-amazon-apigateway-integration", &[Place::Operation], Use::Configures),
    new("x-amazon-apigateway-integrations", &[Place::Components], Use::Configures),
    new("x-amazon-apigateway-minimum-compression-size", &[Place::Root], Use::Configures),
    new("x-amazon-apigateway-policy", &[Place::Root], Use::Guards),
    new("x-amazon-apigateway-request-validator", &[Place::Root, Place::Operation], Use::Guards),
    new("x-amazon-apigateway-request-validators", &[Place::Root], Use::Guards),
    new("x-amazon-apigateway-security-policy", &[Place::Root], Use::NotCarriedOut(SECURITY_POLICY)),
    new(
        "x-amazon-apigateway-tag-value",
        &[Place::Tag],
        Use::NotCarriedOut("set `tags` of [api] in portcullis.toml"),
    ),
];
