//! Usage plans.

use super::Verdict;
use crate::strict::Refusal;
use crate::strict::operation::Call;
use crate::strict::patches::Patch;
use crate::strict::state::State;

fn refused(message: impl Into<String>) -> Verdict {
    Err(Refusal::bad_request(message))
}

pub(super) fn stages(call: &Call, account: &State<'_>) -> Verdict {
    let plan = call.text("usagePlanId");
    let mut added = Vec::new();
    for stage in call.input["apiStages"].as_array().into_iter().flatten() {
        let text = |name: &str| stage[name].as_str().unwrap_or_default().to_owned();
        added.push((text("apiId"), text("stage")));
    }
    for patch in Patch::all(call).iter().filter(|patch| patch.path == "/apiStages") {
        let Some((api, stage)) = patch.value.split_once(':') else {
            return refused("Invalid API Stage specified");
        };
        if patch.op == "add" {
            added.push((api.to_owned(), stage.to_owned()));
            continue;
        }
        let Some(found) = account.usage_plan(plan).value() else { continue };
        let mut stages = found["apiStages"].as_array().into_iter().flatten();
        if !stages.any(|one| one["apiId"] == api && one["stage"] == stage) {
            return Err(Refusal::not_found(format!(
                "Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}"
            )));
        }
    }
    for (api, stage) in added {
        if account.stage(&api, &stage).is_missing() {
            return Err(Refusal::not_found(format!("API Stage not found: {api}:{stage}")));
        }
    }
    Ok(())
}

pub(super) fn limits(call: &Call, _: &State<'_>) -> Verdict {
    let (throttle, quota) = (&call.input["throttle"], &call.input["quota"]);
    let patches = Patch::all(call);
    // A limit of the call: of the input, or of its patch, which may not be a number.
    let limit = |created: &serde_json::Value, path: &str| {
        let patch = patches.iter().rfind(|patch| patch.sets() && patch.path == path);
        let updated = patch.map(|patch| patch.value.parse::<f64>().unwrap_or(f64::NAN));
        updated.or(created.as_f64())
    };
    let is_whole = |number: f64| number >= 0.0 && number.fract() == 0.0;
    let rate = limit(&throttle["rateLimit"], "/throttle/rateLimit");
    let burst = limit(&throttle["burstLimit"], "/throttle/burstLimit");
    if rate.is_some_and(|rate| rate.is_nan() || rate < 0.0)
        || burst.is_some_and(|burst| !is_whole(burst))
    {
        return refused("Usage Plan throttle limits must not be negative");
    }
    let count = limit(&quota["limit"], "/quota/limit");
    if count.is_some_and(|count| !is_whole(count) || count < 1.0) {
        return refused("Usage Plan quota limit must be positive");
    }
    let period = patches.iter().rfind(|patch| patch.sets() && patch.path == "/quota/period");
    let period = period.map(|patch| patch.value.as_str()).or(quota["period"].as_str());
    let longest = match period {
        None if quota.is_object() => return refused("Usage Plan quota period must be set"),
        None => return Ok(()),
        Some("DAY") => 0.0,
        Some("WEEK") => 6.0,
        Some("MONTH") => 27.0,
        Some(other) => return refused(format!("Usage Plan quota period is invalid: {other}")),
    };
    let offset = limit(&quota["offset"], "/quota/offset");
    if offset.is_some_and(|offset| !is_whole(offset) || offset > longest) {
        return refused("Usage Plan quota offset must be within the period");
    }
    Ok(())
}

pub(super) fn in_use(call: &Call, account: &State<'_>) -> Verdict {
    let id = call.text("usagePlanId");
    let Some(plan) = account.usage_plan(id).value() else { return Ok(()) };
    if plan["apiStages"].as_array().is_some_and(|stages| !stages.is_empty()) {
        return refused(format!(
            "Cannot delete Usage Plan {id} because there are API Stages associated with it"
        ));
    }
    Ok(())
}
