//! REST APIs of API Gateway, one file per resource: its read, create, update and delete calls. A
//! create call is sent once; without a response, the created resource is looked up.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types::{Op, PatchOperation};

use deployment::patch::{Patch, PatchOp};

/// The page size of lists.
const PAGE: i32 = 500;

/// Reads a list to its last page.
macro_rules! pages {
    ($aws:expr, $call:expr, $request:expr, $items:ident) => {{
        let mut all = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let page = $aws
                .caller
                .call(&$call, || $request.limit(PAGE).set_position(position.clone()).send())
                .await?;
            all.extend(page.$items().iter().cloned());
            position = page.position().filter(|next| !next.is_empty()).map(str::to_owned);
            if position.is_none() {
                break all;
            }
        }
    }};
}

mod apis;
mod authorizers;
mod convert;
mod deployments;
mod endpoint;
mod gateway_responses;
mod import;
mod methods;
mod observe;
mod stages;
mod usage_plans;

pub use apis::{ApiLookup, ListedApi};
pub use authorizers::{AuthorizerTestRequest, AuthorizerTestResponse};
pub use deployments::MethodSummary;
pub use methods::DefinitionMethods;
pub use usage_plans::{Dependent, UsagePlanStep};

fn patch_operation(patch: &Patch) -> PatchOperation {
    let op = match patch.op {
        PatchOp::Add => Op::Add,
        PatchOp::Remove => Op::Remove,
        PatchOp::Replace => Op::Replace,
    };
    PatchOperation::builder().op(op).path(&patch.path).set_value(patch.value.clone()).build()
}

fn hash(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.clone().into_iter().collect()
}
