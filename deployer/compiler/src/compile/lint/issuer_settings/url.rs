//! The parts of an issuer's https URL, as written: `iss` is compared without normalization.

/// The host and the path.
pub(super) struct Url<'a> {
    pub host: &'a str,
    pub path: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("https://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self { host, path })
    }

    /// Returns the segments of the path; an empty last one if it ends with `/`.
    pub(super) fn segments(&self) -> Vec<&'a str> {
        self.path.split('/').skip(1).collect()
    }

    /// Returns whether the host is a name below a domain such as `.example.com`.
    pub(super) fn is_below(&self, domain: &str) -> bool {
        self.host.strip_suffix(domain).is_some_and(|name| !name.is_empty())
    }

    /// Returns the Region in the host of Amazon Cognito.
    pub(super) fn cognito_region(&self) -> Option<&'a str> {
        let region = self.host.strip_prefix("cognito-idp.")?;
        let region = region.strip_suffix(".cn").unwrap_or(region).strip_suffix(".amazonaws.com")?;
        (!region.is_empty() && !region.contains('.')).then_some(region)
    }
}
