//! Roles and functions.

use serde_json::Value;

use super::Verdict;
use crate::strict::Refusal;
use crate::strict::operation::Call;
use crate::strict::pattern;
use crate::strict::state::State;

pub(super) fn role_policies(call: &Call, _: &State<'_>) -> Verdict {
    let trust = if call.operation == "CreateRole" {
        call.text("AssumeRolePolicyDocument")
    } else {
        call.text("PolicyDocument")
    };
    // Whitespace is not counted.
    let length = trust.chars().filter(|character| !character.is_whitespace()).count();
    let (most, kind) = if call.operation == "PutRolePolicy" {
        (10_240, "PolicySize")
    } else {
        (2_048, "ACLSizePerRole")
    };
    if length > most {
        let message = format!("Cannot exceed quota for {kind}: {most}");
        return Err(Refusal::new("", 409, "LimitExceeded", message));
    }
    let document: Value = serde_json::from_str(trust).unwrap_or_default();
    if document["Statement"].is_null() {
        let message = "Syntax errors in policy.";
        return Err(Refusal::new("", 400, "MalformedPolicyDocument", message));
    }
    Ok(())
}

/// The names that Lambda sets itself.
const RESERVED: &str = r"_HANDLER|_X_AMZN_TRACE_ID|AWS_DEFAULT_REGION|AWS_REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_FUNCTION_NAME|AWS_LAMBDA_FUNCTION_MEMORY_SIZE|AWS_LAMBDA_FUNCTION_VERSION|AWS_LAMBDA_INITIALIZATION_TYPE|AWS_LAMBDA_LOG_GROUP_NAME|AWS_LAMBDA_LOG_STREAM_NAME|AWS_ACCESS_KEY|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_LAMBDA_RUNTIME_API|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR";

pub(super) fn environment(call: &Call, _: &State<'_>) -> Verdict {
    let refused =
        |message: String| Err(Refusal::new("", 400, "InvalidParameterValueException", message));
    let variables = &call.input["Environment"]["Variables"];
    let Some(all) = variables.as_object() else { return Ok(()) };
    if let Some(name) = all.keys().find(|name| pattern::matches(RESERVED, name)) {
        return refused(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {name}"
        ));
    }
    if variables.to_string().len() > 4_096 {
        return refused(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {}",
            variables.to_string().len()
        ));
    }
    Ok(())
}
