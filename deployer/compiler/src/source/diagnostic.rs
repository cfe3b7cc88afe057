//! Diagnostics of the user's files: position, message and fix. All of them are reported, not
//! only the first.

use std::sync::Arc;

mod log_key;

/// A file's name, as the user wrote it, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name in messages.
    pub name: String,
    /// The text that spans point into.
    pub text: String,
}

impl Source {
    /// Returns the line and column of a byte, both from 1; the column counts characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }
}

/// A range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It must be fixed before anything is done.
    Error,
    /// It is probably a mistake.
    Warning,
    /// It needs no action.
    Note,
}

/// The kind of a diagnostic: one for each lint rule, and one for every invalid file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An issuer trusts every tenant of its provider.
    AnyTenant,
    /// A file of bundled keys is missing or invalid, or its keys have expired or will soon.
    BundledKeys,
    /// An issuer's settings do not fit the tokens of its provider.
    IssuerSettings,
    /// A preflight request requires authorization, and browsers send it without a token.
    ProtectedPreflight,
    /// An authorizer's decision depends on a value that it does not receive, or that is not among its
    /// identity sources.
    IdentitySources,
    /// The file cannot be read, contradicts itself, or is not supported by API Gateway.
    InvalidConfiguration,
    /// The API exceeds a default quota of API Gateway, which an account can raise.
    DefaultQuota,
    /// A pinned function merges the patterns of policies, which then also match routes outside its table.
    MergedPatterns,
    /// An operation that required authorization before is public.
    NewlyPublicOperation,
    /// API Gateway does not import a part of the document, so it is omitted.
    NotImported,
    /// An authorizer of portcullis.toml replaces one that the document declares.
    ReplacedAuthorizer,
    /// API Gateway responds to the path itself.
    ReservedPath,
    /// No policy covers all of an authorizer's routes, so results are cached by route.
    RouteCaching,
    /// Requests of other methods reach a greedy route with weaker security.
    WeakerFallthrough,
    /// API Gateway does not require all scopes that an operation requires.
    WeakerScopes,
    /// A scope is not declared by its security scheme.
    UndeclaredScope,
    /// An extension of API Gateway is misspelled, so it has no effect.
    UnknownExtension,
    /// An HTTP backend is on the own machine or in a private network, which API Gateway cannot reach.
    UnreachableBackend,
    /// API Gateway does not validate a keyword of a JSON Schema.
    UnsupportedKeyword,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 19] = [
        Self::AnyTenant,
        Self::BundledKeys,
        Self::DefaultQuota,
        Self::IdentitySources,
        Self::InvalidConfiguration,
        Self::IssuerSettings,
        Self::MergedPatterns,
        Self::NewlyPublicOperation,
        Self::NotImported,
        Self::ProtectedPreflight,
        Self::ReplacedAuthorizer,
        Self::ReservedPath,
        Self::RouteCaching,
        Self::UndeclaredScope,
        Self::UnknownExtension,
        Self::UnreachableBackend,
        Self::UnsupportedKeyword,
        Self::WeakerFallthrough,
        Self::WeakerScopes,
    ];

    /// Returns the stable name of the code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnyTenant => "any_tenant",
            Self::BundledKeys => "bundled_keys",
            Self::IssuerSettings => "issuer_settings",
            Self::ProtectedPreflight => "protected_preflight",
            Self::IdentitySources => "identity_sources",
            Self::InvalidConfiguration => "invalid_configuration",
            Self::DefaultQuota => "default_quota",
            Self::NotImported => "not_imported",
            Self::UnreachableBackend => "unreachable_backend",
            Self::MergedPatterns => "merged_patterns",
            Self::NewlyPublicOperation => "newly_public_operation",
            Self::ReplacedAuthorizer => "replaced_authorizer",
            Self::ReservedPath => "reserved_path",
            Self::RouteCaching => "route_caching",
            Self::WeakerFallthrough => "weaker_fallthrough",
            Self::WeakerScopes => "weaker_scopes",
            Self::UnknownExtension => "unknown_extension",
            Self::UnsupportedKeyword => "unsupported_keyword",
            Self::UndeclaredScope => "undeclared_scope",
        }
    }
}

/// A message about a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code.
    pub code: Code,
    /// The severity.
    pub severity: Severity,
    /// The file.
    pub source: Arc<Source>,
    /// The range in it.
    pub span: Span,
    /// The message: one sentence in lower case, without a full stop.
    pub message: String,
    /// The fix.
    pub help: Option<String>,
}

/// Collects the diagnostics of one file.
#[derive(Debug)]
pub struct Diagnostics {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
    /// The ranges without a usable value, which are reported already.
    reported: Vec<Span>,
}

impl Diagnostics {
    /// Creates an empty collection. Its excerpts of the file show no log key.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source: log_key::masked(source), found: Vec::new(), reported: Vec::new() }
    }

    /// Ignores further diagnostics of a range: they would be consequences of its error.
    pub fn ignore_further_errors(&mut self, span: Span) {
        self.reported.push(span);
    }

    /// Adds a [`Code::InvalidConfiguration`] error.
    pub fn error(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(Code::InvalidConfiguration, Severity::Error, span, message.into(), help.into());
    }

    /// Adds an error of a lint rule.
    pub fn violation(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Error, span, message.into(), help.into());
    }

    /// Adds a warning of a lint rule.
    pub fn warning(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Warning, span, message.into(), help.into());
    }

    /// Adds a note of a lint rule.
    pub fn note(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Note, span, message.into(), help.into());
    }

    fn add(
        &mut self,
        code: Code,
        severity: Severity,
        span: Span,
        message: String,
        help: Option<String>,
    ) {
        if self.reported.contains(&span) {
            return;
        }
        let source = Arc::clone(&self.source);
        self.found.push(Diagnostic { code, severity, source, span, message, help });
    }

    /// Returns whether there is an error.
    pub fn has_errors(&self) -> bool {
        has_errors(&self.found)
    }

    /// Returns the diagnostics in the order of the file.
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.span.start);
        self.found
    }
}

/// Returns whether there is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Returns ``did you mean `NAME`?`` if a known name is close to a misspelled one.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(name, known).map(|best| format!("did you mean `{best}`?"))
}

/// Returns the known name that is close to a misspelled one, if any.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    let (distance, best) = candidates.min()?;
    (distance <= 2 || distance * 3 <= name.len()).then_some(best)
}

/// Returns [`suggestion`], or ``expected one of `A`, `B` `` if no known name is close.
pub fn suggestion_or_list(name: &str, known: &[&str]) -> String {
    suggestion(name, known.iter().copied()).unwrap_or_else(|| one_of(known))
}

/// Returns ``expected `A` or `B` ``, or ``expected one of `A`, `B`, `C` ``.
fn one_of(known: &[&str]) -> String {
    match known {
        [only] => format!("expected `{only}`"),
        [one, other] => format!("expected `{one}` or `{other}`"),
        _ => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("expected one of {}", names.join(", "))
        }
    }
}
