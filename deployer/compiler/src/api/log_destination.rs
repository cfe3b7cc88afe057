//! The destinations of access logs.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>

/// The parts of an access log's ARN that the deploying account and Region must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogDestination<'a> {
    /// The kind of the destination.
    pub kind: LogDestinationKind,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// The Region.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
}

/// The kind of an access log's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDestinationKind {
    /// A Firehose delivery stream.
    DeliveryStream,
    /// A log group of CloudWatch Logs.
    LogGroup,
}

/// The reason API Gateway does not accept a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidDestination<'a> {
    /// It is not the ARN of a log group or a delivery stream.
    Form,
    /// The delivery stream with this name has not the required prefix.
    StreamName(&'a str),
}

/// The prefix of the delivery streams that API Gateway may write to.
const STREAM_PREFIX: &str = "amazon-apigateway-";
const MAX_STREAM_NAME: usize = 64;
const MAX_GROUP_NAME: usize = 512;

impl<'a> LogDestination<'a> {
    /// Reads the ARN of a log group, without the suffix for its streams, or of a delivery stream.
    pub fn read(arn: &'a str) -> Result<Self, InvalidDestination<'a>> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = fields[..] else {
            return Err(InvalidDestination::Form);
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !partition.starts_with("aws") || region.is_empty() || !is_account {
            return Err(InvalidDestination::Form);
        }
        let is_name = |name: &str, others: &str, most: usize| {
            let is_valid = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
            (1..=most).contains(&name.len()) && name.chars().all(is_valid)
        };
        let group = resource.strip_prefix("log-group:");
        let stream = resource.strip_prefix("deliverystream/");
        let kind = match (service, group, stream) {
            ("logs", Some(name), _) if is_name(name, "._-/#", MAX_GROUP_NAME) => {
                LogDestinationKind::LogGroup
            }
            ("firehose", _, Some(name)) if is_name(name, "._-", MAX_STREAM_NAME) => {
                match name.strip_prefix(STREAM_PREFIX) {
                    None => return Err(InvalidDestination::StreamName(name)),
                    Some("") => return Err(InvalidDestination::Form),
                    Some(_) => {}
                }
                LogDestinationKind::DeliveryStream
            }
            _ => return Err(InvalidDestination::Form),
        };
        Ok(Self { kind, partition, region, account })
    }
}
