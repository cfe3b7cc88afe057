//! `Condition`: the operators, on the keys that API Gateway provides and that are available locally.
//! A condition that cannot be evaluated is refused: skipping it would allow.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value as Json;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

use super::RequestContext;
use super::pattern::{TextPattern, plain};

/// One key of one operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    key: Key,
    test: Test,
    /// `…Not…`: none of the values may match.
    negated: bool,
    /// `…IfExists`: holds where the request has no such key.
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    CurrentTime,
    EpochTime,
    Referer,
    SecureTransport,
    SourceIp,
    UserAgent,
}

impl Key {
    const NAMES: [(&'static str, Self); 6] = [
        ("aws:currenttime", Self::CurrentTime),
        ("aws:epochtime", Self::EpochTime),
        ("aws:referer", Self::Referer),
        ("aws:securetransport", Self::SecureTransport),
        ("aws:sourceip", Self::SourceIp),
        ("aws:useragent", Self::UserAgent),
    ];
}

/// A test of a value against several: one must match.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Address(Vec<IpNet>),
    Bool(Vec<bool>),
    Equal(Vec<String>),
    EqualIgnoringCase(Vec<String>),
    Like(Vec<TextPattern>),
    /// The key is absent, or present.
    Null(Vec<bool>),
    Number(Order, Vec<f64>),
    /// In Unix time, in seconds.
    Time(Order, Vec<f64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    const NAMES: [(&'static str, Self); 5] = [
        ("Equals", Self::Equal),
        ("GreaterThan", Self::Greater),
        ("GreaterThanEquals", Self::GreaterOrEqual),
        ("LessThan", Self::Less),
        ("LessThanEquals", Self::LessOrEqual),
    ];

    fn holds(self, actual: f64, bound: f64) -> bool {
        match self {
            // Bitwise equality: both were parsed from text.
            Self::Equal => actual.total_cmp(&bound).is_eq(),
            Self::Greater => actual > bound,
            Self::GreaterOrEqual => actual >= bound,
            Self::Less => actual < bound,
            Self::LessOrEqual => actual <= bound,
        }
    }
}

impl Condition {
    pub(super) fn parse(
        operator: &str,
        key: &str,
        values: &[Json],
        variables: bool,
    ) -> Result<Self, String> {
        let lowercase = key.to_ascii_lowercase();
        let known = Key::NAMES.iter().find(|(name, _)| *name == lowercase);
        let (_, key) = known.ok_or_else(|| format!("condition key `{key}` is not supported"))?;
        let (name, if_exists) = match operator.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (operator, false),
        };
        let unknown = || format!("condition operator `{operator}` is not supported");
        let values: Vec<String> = values
            .iter()
            .map(|value| match value {
                Json::String(text) => Some(text.clone()),
                Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
                Json::Null | Json::Array(_) | Json::Object(_) => None,
            })
            .collect::<Option<_>>()
            .filter(|values: &Vec<String>| !values.is_empty())
            .ok_or_else(|| format!("values of `{operator}` must be strings"))?;
        if name == "Null" && if_exists {
            return Err(unknown());
        }
        let (test, negated) =
            parse_test(name, *key, &values, variables, operator)?.ok_or_else(unknown)?;
        Ok(Self { key: *key, test, negated, if_exists })
    }

    pub(super) fn holds(&self, request: &RequestContext<'_>) -> bool {
        let value = self.key.value(request);
        if let Test::Null(expected) = &self.test {
            return expected.contains(&value.is_none());
        }
        match value {
            Some(value) => self.test.matches(&value) != self.negated,
            // An absent key equals nothing.
            None => self.if_exists || self.negated,
        }
    }
}

/// Parses an operator's name without `IfExists`, and its values.
fn parse_test(
    name: &str,
    key: Key,
    values: &[String],
    variables: bool,
    operator: &str,
) -> Result<Option<(Test, bool)>, String> {
    let invalid = |value: &str, expected: &str| {
        format!("invalid value `{value}` of `{operator}`: expected {expected}")
    };
    let plain = |value: &String| plain(value, variables);
    if let Some(rest) = name.strip_prefix("String") {
        let negated = rest.starts_with("Not");
        let test = match rest.strip_prefix("Not").unwrap_or(rest) {
            "Equals" => Test::Equal(parse_each(values, plain)?),
            "EqualsIgnoreCase" => Test::EqualIgnoringCase(parse_each(values, |value| {
                Ok(plain(value)?.to_lowercase())
            })?),
            "Like" => Test::Like(parse_each(values, |value| TextPattern::parse(value, variables))?),
            _ => return Ok(None),
        };
        return Ok(Some((test, negated)));
    }
    let boolean = |value: &String| match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(value, "true or false")),
    };
    let network = |value: &String| {
        let address = || value.parse::<IpAddr>().map(IpNet::from);
        value.parse::<IpNet>().or_else(|_| address()).map_err(|_| invalid(value, "a CIDR range"))
    };
    Ok(match name {
        "Bool" => Some((Test::Bool(parse_each(values, boolean)?), false)),
        "Null" => Some((Test::Null(parse_each(values, boolean)?), false)),
        "IpAddress" | "NotIpAddress" if key == Key::SourceIp => {
            Some((Test::Address(parse_each(values, network)?), name == "NotIpAddress"))
        }
        _ => {
            let is_time = matches!(key, Key::CurrentTime | Key::EpochTime);
            if let Some((order, negated)) = name.strip_prefix("Numeric").and_then(order) {
                let number = |value: &String| {
                    value
                        .parse()
                        .ok()
                        .filter(|n: &f64| n.is_finite())
                        .ok_or_else(|| invalid(value, "a number"))
                };
                Some((Test::Number(order, parse_each(values, number)?), negated))
            } else if let Some((order, negated)) =
                name.strip_prefix("Date").and_then(order).filter(|_| is_time)
            {
                let date = |value: &String| instant(value).ok_or_else(|| invalid(value, "a date"));
                Some((Test::Time(order, parse_each(values, date)?), negated))
            } else {
                None
            }
        }
    })
}

fn parse_each<T>(
    values: &[String],
    parse: impl Fn(&String) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    values.iter().map(parse).collect()
}

fn order(name: &str) -> Option<(Order, bool)> {
    if name == "NotEquals" {
        return Some((Order::Equal, true));
    }
    Order::NAMES.iter().find(|(known, _)| *known == name).map(|(_, order)| (*order, false))
}

/// Parses a date in one of the ISO 8601 forms that IAM accepts, or Unix time, into seconds.
fn instant(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some(seconds);
    }
    let day = || Some(Date::parse(text, &Iso8601::DATE).ok()?.midnight().assume_utc());
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(day)?;
    time.unix_timestamp().to_string().parse().ok()
}

impl Key {
    fn value(self, request: &RequestContext<'_>) -> Option<String> {
        match self {
            Self::CurrentTime => {
                let time = OffsetDateTime::from_unix_timestamp(request.now.seconds()).ok()?;
                time.format(&Rfc3339).ok()
            }
            Self::EpochTime => Some(request.now.seconds().to_string()),
            Self::Referer => request.referer.map(str::to_owned),
            // API Gateway serves HTTPS only; the local gateway evaluates as if it did.
            Self::SecureTransport => Some("true".to_owned()),
            Self::SourceIp => Some(request.source_ip.to_owned()),
            Self::UserAgent => request.user_agent.map(str::to_owned),
        }
    }
}

impl Test {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Address(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|network| network.contains(&address))),
            Self::Bool(expected) => expected.iter().any(|expected| expected.to_string() == value),
            Self::Equal(texts) => texts.iter().any(|text| text == value),
            Self::EqualIgnoringCase(texts) => {
                let value = value.to_lowercase();
                texts.contains(&value)
            }
            Self::Like(patterns) => patterns.iter().any(|pattern| pattern.matches(value)),
            Self::Null(_) => false,
            Self::Number(order, bounds) => value
                .parse()
                .is_ok_and(|actual| bounds.iter().any(|bound| order.holds(actual, *bound))),
            Self::Time(order, bounds) => instant(value)
                .is_some_and(|actual| bounds.iter().any(|bound| order.holds(actual, *bound))),
        }
    }
}
