//! A function with a constant response, on the same runtime as the authorizer, to measure the cost
//! of the runtime. `tests/bench/run function` measures it.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

const RESPONSE: &str = r#"{"principalId":"x","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":["*"]}]}}"#;

fn main() -> Result<(), lambda_runtime::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let respond = async |_: LambdaEvent<Box<RawValue>>| {
        RawValue::from_string(RESPONSE.to_owned()).map_err(lambda_runtime::Error::from)
    };
    runtime.block_on(lambda_runtime::run(service_fn(respond)))
}
