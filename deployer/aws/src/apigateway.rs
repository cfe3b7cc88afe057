//! API Gateway: what is there, and how it is changed.

/// The most that a page holds.
const PAGE: i32 = 500;

/// Reads pages until there is none left.
macro_rules! pages {
    ($aws:expr, $asked:expr, $request:expr, $items:ident) => {{
        let mut all = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let page = $aws
                .caller
                .call(&$asked, || $request.limit(PAGE).set_position(position.clone()).send())
                .await?;
            all.extend(page.$items().iter().cloned());
            position = page.position().filter(|next| !next.is_empty()).map(str::to_owned);
            if position.is_none() {
                break all;
            }
        }
    }};
}

mod convert;
mod read;
mod usage_plans;
mod write;

pub use read::{Found, Listed, MethodSummary};
pub use usage_plans::UsagePlanStep;
pub use write::{Checked, MethodsNow};
