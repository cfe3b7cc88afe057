//! What is wrong with the user's files: where, what, and what to do. All of it, not the first.

use std::sync::Arc;

/// A file's name, as the user wrote it, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// For messages.
    pub name: String,
    /// What spans point into.
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

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is done until it is mended.
    Error,
    /// Worth a look.
    Warning,
    /// Worth knowing: it is taken care of.
    Note,
}

/// The kind of a problem: one for each rule, and one for all that makes a file invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A preflight request is guarded, and browsers send it without a token.
    ProtectedPreflight,
    /// An authorizer decides by what is not among its identity sources.
    IdentitySources,
    /// The file cannot be read, or contradicts itself or API Gateway.
    InvalidConfiguration,
    /// An operation that was guarded before is public.
    NewlyPublicOperation,
    /// An answer is cached for longer than a token may live.
    CacheOutlivesToken,
    /// API Gateway answers the path itself.
    ReservedPath,
    /// No policy covers all of an authorizer's routes, and answers are cached by route.
    RouteCaching,
    /// A verb falls through to a greedy route with a weaker guard.
    WeakerFallthrough,
    /// A scope is not among those that its scheme declares.
    UndeclaredScope,
    /// API Gateway cannot check a keyword of a JSON Schema.
    UnsupportedKeyword,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::CacheOutlivesToken,
        Self::IdentitySources,
        Self::InvalidConfiguration,
        Self::NewlyPublicOperation,
        Self::ProtectedPreflight,
        Self::ReservedPath,
        Self::RouteCaching,
        Self::UndeclaredScope,
        Self::UnsupportedKeyword,
        Self::WeakerFallthrough,
    ];

    /// Returns its name, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProtectedPreflight => "protected_preflight",
            Self::IdentitySources => "identity_sources",
            Self::InvalidConfiguration => "invalid_configuration",
            Self::NewlyPublicOperation => "newly_public_operation",
            Self::CacheOutlivesToken => "cache_outlives_token",
            Self::ReservedPath => "reserved_path",
            Self::RouteCaching => "route_caching",
            Self::WeakerFallthrough => "weaker_fallthrough",
            Self::UnsupportedKeyword => "unsupported_keyword",
            Self::UndeclaredScope => "undeclared_scope",
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub source: Arc<Source>,
    /// The place in it.
    pub span: Span,
    /// One sentence, without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Diagnostics {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Starts with none.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, found: Vec::new() }
    }

    /// Adds an error that makes the file invalid.
    pub fn error(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(Code::InvalidConfiguration, Severity::Error, span, message.into(), help.into());
    }

    /// Adds an error of a rule.
    pub fn violation(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Error, span, message.into(), help.into());
    }

    /// Adds a warning of a rule.
    pub fn warning(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(code, Severity::Warning, span, message.into(), help.into());
    }

    /// Adds a note of a rule.
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
        let source = Arc::clone(&self.source);
        self.found.push(Diagnostic { code, severity, source, span, message, help });
    }

    /// Says whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        has_errors(&self.found)
    }

    /// Returns them in the order of the file.
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.span.start);
        self.found
    }
}

/// Says whether there is an error among them.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Returns "did you mean" for a misspelt name, if one of the known ones is close.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let close = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    let (distance, best) = close.min()?;
    (distance <= 2 || distance * 3 <= name.len()).then(|| format!("did you mean `{best}`?"))
}
