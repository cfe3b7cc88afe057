//! A function that answers the same to everything, in the runtime that the authorizer has: what
//! of a call's cost is the runtime's. `tests/bench/run function` measures it.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

const ANSWER: &str = r#"{"principalId":"x","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":["*"]}]}}"#;

fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async |_: LambdaEvent<Box<RawValue>>| {
        RawValue::from_string(ANSWER.to_owned()).map_err(lambda_runtime::Error::from)
    };
    runtime.block_on(lambda_runtime::run(service_fn(answer)))
}
