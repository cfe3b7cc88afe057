//! The execute-api ARN: `arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{VERB}/{path}`.
//!
//! The part before the verb is copied into the returned policies, so IAM wildcards and policy
//! variables are not allowed in it.

use std::fmt;

/// The parsed ARN of the requested method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodArn<'a> {
    stage_arn: &'a str,
    request: &'a str,
    api_id: &'a str,
    stage: &'a str,
    verb: &'a str,
    path: &'a str,
}

/// The text is not an execute-api method ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an execute-api method ARN")]
pub struct InvalidMethodArn;

impl<'a> MethodArn<'a> {
    /// Parses an ARN. The path is that of the request and may contain any character.
    pub fn parse(arn: &'a str) -> Result<Self, InvalidMethodArn> {
        let mut fields = arn.splitn(6, ':');
        let mut field = || fields.next().ok_or(InvalidMethodArn);
        let head = [field()?, field()?, field()?, field()?, field()?];
        let resource = field()?;
        let [prefix, partition, service, region, account] = head;
        if prefix != "arn"
            || service != "execute-api"
            || ![partition, region, account].into_iter().all(is_name)
        {
            return Err(InvalidMethodArn);
        }
        let mut parts = resource.splitn(4, '/');
        let mut part = || parts.next().ok_or(InvalidMethodArn);
        let (api_id, stage, verb) = (part()?, part()?, part()?);
        let path = parts.next().unwrap_or_default();
        // The default stage of an HTTP API is `$default`; the ARN of a WebSocket API has a route
        // key in place of the verb.
        let is_verb = verb == "$connect"
            || (!verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_uppercase()));
        if !is_name(api_id) || !(is_name(stage) || stage == "$default") || !is_verb {
            return Err(InvalidMethodArn);
        }
        // The ARN without "/VERB/path".
        let tail =
            resource.len().checked_sub(api_id.len().saturating_add(stage.len()).saturating_add(1));
        let length = tail.and_then(|tail| arn.len().checked_sub(tail)).ok_or(InvalidMethodArn)?;
        let stage_arn = arn.get(..length).ok_or(InvalidMethodArn)?;
        let request = arn.get(length.saturating_add(1)..).ok_or(InvalidMethodArn)?;
        Ok(Self { stage_arn, request, api_id, stage, verb, path })
    }

    /// Returns the API ID.
    pub fn api_id(&self) -> &'a str {
        self.api_id
    }

    /// Returns the stage name.
    pub fn stage(&self) -> &'a str {
        self.stage
    }

    /// Returns the HTTP method, in capitals.
    pub fn verb(&self) -> &'a str {
        self.verb
    }

    /// Returns whether this is the `$connect` route of a WebSocket API.
    pub fn is_connect(&self) -> bool {
        self.verb == "$connect"
    }

    /// Returns the path of the request without its leading slash.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// Returns the part after the stage: `METHOD/path`, or `$connect`.
    pub(crate) fn request(&self) -> &'a str {
        self.request
    }

    /// Returns the ARN up to and including the stage.
    pub(crate) fn stage_arn(&self) -> &'a str {
        self.stage_arn
    }

    /// Returns the ARN of a pattern (`GET/pets/*`) in this API and stage.
    pub fn in_stage(&self, pattern: &str) -> String {
        [self.stage_arn, "/", pattern].concat()
    }
}

impl fmt::Display for MethodArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stage_arn, self.verb, self.path)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::MethodArn;

    #[test]
    fn a_parsed_arn_is_displayed_unchanged() {
        for arn in [
            "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1",
            "arn:aws-cn:execute-api:cn-north-1:123456789012:abc123/prod/GET/",
            "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abc123/$default/DELETE/a:b/*/%2F",
        ] {
            let parsed = MethodArn::parse(arn).unwrap();
            assert_eq!(parsed.to_string(), arn);
            assert!(arn.starts_with(&parsed.in_stage("")));
        }
        let parsed = MethodArn::parse("arn:aws:execute-api:r:1:abc/dev/GET/pets/1").unwrap();
        assert_eq!(
            (parsed.api_id(), parsed.stage(), parsed.verb(), parsed.path()),
            ("abc", "dev", "GET", "pets/1")
        );
        assert_eq!(parsed.in_stage("GET/pets/*"), "arn:aws:execute-api:r:1:abc/dev/GET/pets/*");
    }

    #[test]
    fn wildcards_and_other_services_are_refused() {
        for arn in [
            "",
            "arn:aws:execute-api:eu-west-1:123456789012:abc123",
            "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod",
            "arn:aws:execute-api:eu-west-1:123456789012:*/prod/GET/pets",
            "arn:aws:execute-api:eu-west-1:123456789012:abc/*/GET/pets",
            "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/*/pets",
            "arn:aws:execute-api:*:123456789012:abc/prod/GET/pets",
            "arn:aws:execute-api:eu-west-1:${aws:x}:abc/prod/GET/pets",
            "arn:aws:execute-api:eu-west-1:123456789012:abc/prod//pets",
            "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/get/pets",
            "arn:aws:lambda:eu-west-1:123456789012:function:f/prod/GET/x",
            "arn::execute-api:eu-west-1:123456789012:abc/prod/GET/x",
        ] {
            assert!(MethodArn::parse(arn).is_err(), "{arn}");
        }
    }
}
