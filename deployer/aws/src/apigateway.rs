//! API Gateway: what is there, and how it is changed.

use std::collections::{BTreeMap, HashMap};

/// The most that a page holds.
const PAGE: i32 = 500;

/// Reads pages until there is none left.
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
mod gateway_responses;
mod import;
mod methods;
mod observe;
mod stages;
mod usage_plans;

pub use apis::{Found, Listed};
pub use authorizers::Checked;
pub use deployments::MethodSummary;
pub use methods::MethodsNow;
pub use usage_plans::UsagePlanStep;

fn hash(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.clone().into_iter().collect()
}
