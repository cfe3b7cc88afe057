//! The kind and the message of a failed call.
//!
//! Whether a request was sent is decided by the types of the error's causes, never by their
//! texts: a call that must not be sent twice is retried only if it was never sent.

use std::error::Error;

use aws_sdk_apigateway::config::http::HttpResponse;
use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use hyper_util::client::legacy;

use super::api_call::{ApiCall, CallError, CallErrorKind};

/// Returns the classified error of a failed call. Messages of emulators are considered only at a
/// custom endpoint.
pub(super) fn call_error<E>(
    call: &ApiCall,
    error: &SdkError<E, HttpResponse>,
    custom_endpoint: bool,
) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, text) = (error.code().unwrap_or_default(), error.message());
    let kind = match error {
        SdkError::DispatchFailure(_) if never_sent(error) => CallErrorKind::NoConnection,
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
            CallErrorKind::OutcomeUnknown
        }
        SdkError::ConstructionFailure(_) => CallErrorKind::Invalid,
        _ if custom_endpoint && is_missing_in_emulator(text.unwrap_or_default()) => {
            CallErrorKind::Unsupported
        }
        _ => kind(code, status.unwrap_or_default()),
    };
    let message = match (text, code) {
        (Some(text), "") => text.to_owned(),
        (Some(text), code) => format!("{text} ({code})"),
        (None, "") => with_causes(error),
        (None, code) => code.to_owned(),
    };
    let message = match status.filter(|_| text.is_none()) {
        Some(status) => format!("{message} (HTTP {status})"),
        None => message,
    };
    CallError::new(kind, call.context(), message)
}

/// Returns whether a request failed before there was a connection to send it on: by name
/// resolution, TCP or TLS.
fn never_sent(error: &dyn Error) -> bool {
    let mut client_errors = causes(error).filter_map(|cause| cause.downcast_ref::<legacy::Error>());
    client_errors.any(legacy::Error::is_connect)
}

/// Returns the causes of an error, the nearest first.
pub(super) fn causes<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

fn with_causes(error: &dyn Error) -> String {
    causes(error).map(ToString::to_string).fold(error.to_string(), |text, cause| {
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Returns whether an emulator of AWS reports that it lacks the operation. The status does not
/// show it: it is 404 or 500.
fn is_missing_in_emulator(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not been implemented", "no moto route", "unknown api gateway v1 path"]
        .iter()
        .any(|text| message.contains(text))
}

fn kind(code: &str, status: u16) -> CallErrorKind {
    match (code, status) {
        // Of API Gateway with the status of throttling, of IAM with that of a conflict: a quota of
        // resources, which no retry changes.
        // A role that has attached policies is not deleted by a retry either.
        ("LimitExceededException" | "LimitExceeded" | "DeleteConflict", _) => {
            CallErrorKind::Invalid
        }
        ("Throttling" | "ThrottlingException" | "RequestLimitExceeded", _) | (_, 429) => {
            CallErrorKind::Throttled
        }
        ("NotImplemented" | "UnknownOperationException", _) | (_, 501) => {
            CallErrorKind::Unsupported
        }
        (
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature",
            _,
        ) => CallErrorKind::Unauthenticated,
        ("PreconditionFailedException", _) | (_, 412) => CallErrorKind::PreconditionFailed,
        ("EntityAlreadyExists" | "ResourceConflictException", _) | (_, 409) => {
            CallErrorKind::Conflict
        }
        ("NoSuchEntity", _) | (_, 404) => CallErrorKind::NotFound,
        ("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation", _) | (_, 403) => {
            CallErrorKind::Denied
        }
        (_, 500..) => CallErrorKind::OutcomeUnknown,
        _ => CallErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_sdk_apigateway::{Client, Config};

    use super::*;

    #[test]
    fn the_error_code_or_the_status_decides_the_kind() {
        for (code, status, expected) in [
            ("TooManyRequestsException", 429, CallErrorKind::Throttled),
            ("Throttling", 400, CallErrorKind::Throttled),
            ("ConflictException", 409, CallErrorKind::Conflict),
            ("EntityAlreadyExists", 409, CallErrorKind::Conflict),
            ("PreconditionFailedException", 412, CallErrorKind::PreconditionFailed),
            ("NotFoundException", 404, CallErrorKind::NotFound),
            ("NoSuchEntity", 404, CallErrorKind::NotFound),
            ("AccessDeniedException", 403, CallErrorKind::Denied),
            ("UnrecognizedClientException", 403, CallErrorKind::Unauthenticated),
            ("BadRequestException", 400, CallErrorKind::Invalid),
            ("LimitExceededException", 429, CallErrorKind::Invalid),
            ("LimitExceeded", 409, CallErrorKind::Invalid),
            ("DeleteConflict", 409, CallErrorKind::Invalid),
            ("ConcurrentModification", 409, CallErrorKind::Conflict),
            ("InternalFailure", 501, CallErrorKind::Unsupported),
            ("InternalFailure", 500, CallErrorKind::OutcomeUnknown),
            ("", 503, CallErrorKind::OutcomeUnknown),
        ] {
            assert_eq!(kind(code, status), expected, "{code} {status}");
        }
    }

    /// Returns the error of a call to this endpoint.
    fn failure(endpoint: &str, custom_endpoint: bool) -> CallError {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(crate::http_client())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let client = Client::from_conf(config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(client.get_account().send()).unwrap_err();
        call_error(&ApiCall::once("GetAccount", "reading the account"), &error, custom_endpoint)
    }

    /// Reads a request, sends a response and closes the connection; returns the address.
    fn server(response: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            assert_ne!(connection.read(&mut [0; 16 * 1024]).unwrap(), 0);
            connection.write_all(response.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_refused_connection_is_no_connection() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = failure(&format!("http://{closed}"), false);
        assert_eq!(error.kind, CallErrorKind::NoConnection, "{error}");
    }

    #[test]
    fn an_unresolvable_name_is_no_connection() {
        // A label of more than 63 characters is refused before any name server is queried.
        let error = failure(&format!("http://{}.invalid", "a".repeat(64)), false);
        assert_eq!(error.kind, CallErrorKind::NoConnection, "{error}");
    }

    #[test]
    fn a_failed_tls_handshake_is_no_connection() {
        let error = failure(&format!("https://{}", server("no TLS")), false);
        assert_eq!(error.kind, CallErrorKind::NoConnection, "{error}");
    }

    #[test]
    fn a_connection_closed_after_the_request_has_an_unknown_outcome() {
        let error = failure(&format!("http://{}", server("")), false);
        assert_eq!(error.kind, CallErrorKind::OutcomeUnknown, "{error}");
        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
        let error = failure(&format!("http://{}", server(cut)), false);
        assert_eq!(error.kind, CallErrorKind::OutcomeUnknown, "{error}");
    }

    #[test]
    fn emulator_messages_are_considered_at_a_custom_endpoint_only() {
        let response = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\
                        x-amzn-errortype: NotFoundException\r\n\r\n\
                        {\"message\": \"Unknown API Gateway v1 path: /account\"}";
        for (custom_endpoint, kind) in
            [(true, CallErrorKind::Unsupported), (false, CallErrorKind::NotFound)]
        {
            let error = failure(&format!("http://{}", server(response)), custom_endpoint);
            assert_eq!(error.kind, kind, "{error}");
        }
    }
}
