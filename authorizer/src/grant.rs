//! [`VerifiedClaims`] + the route table → [`Grant`]: the routes that the caller is granted.

use fixedbitset::FixedBitSet;

use crate::claims::VerifiedClaims;
use crate::config::{AccessRules, PolicyMode};
use crate::method_arn::MethodArn;
use crate::routes::{self, RouteTable};

/// The routes that a caller is granted. Only [`grant`] creates one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant<'a>(Extent<'a>);

/// The extent of a grant. `granted` and `requested` are route indices of `table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent<'a> {
    /// Every method of the stage.
    Stage,
    /// Nothing.
    Nothing,
    /// The routes in `granted` and no others; `requested` is in it, if it is granted.
    Routes { table: &'a RouteTable, granted: FixedBitSet, requested: Option<usize> },
    /// The route `requested`. The policy must not deny those in `granted`, but need not allow them.
    Route { table: &'a RouteTable, granted: FixedBitSet, requested: usize },
}

impl<'a> Grant<'a> {
    pub(crate) fn extent(&self) -> &Extent<'a> {
        &self.0
    }

    /// Returns whether the grant includes the requested route.
    pub(crate) fn includes_request(&self) -> bool {
        match &self.0 {
            Extent::Stage | Extent::Route { .. } => true,
            Extent::Nothing => false,
            Extent::Routes { requested, .. } => requested.is_some(),
        }
    }
}

/// Returns the grant of the claims. A route table has no entry for `$connect` of a WebSocket API,
/// so with a route table every connection is denied.
pub(crate) fn grant<'a>(
    claims: &VerifiedClaims,
    rules: &'a AccessRules,
    policy: PolicyMode,
    arn: &MethodArn<'_>,
) -> Grant<'a> {
    Grant(match rules {
        _ if claims.forbidden().is_some() => Extent::Nothing,
        AccessRules::Stage(requirement) if requirement.is_met_by(claims.scopes()) => Extent::Stage,
        AccessRules::Stage(_) => Extent::Nothing,
        AccessRules::Routes(_) if arn.is_connect() => Extent::Nothing,
        AccessRules::Routes(table) => {
            let granted = table.granted_to(claims.scopes());
            let requested = table.position(arn.verb(), &routes::split(arn.path()));
            let open = requested.filter(|requested| granted.contains(*requested));
            match (policy, open) {
                _ if granted.is_clear() => Extent::Nothing,
                (PolicyMode::Caller, _) => Extent::Routes { table, granted, requested: open },
                (PolicyMode::Route, Some(requested)) => Extent::Route { table, granted, requested },
                (PolicyMode::Route, None) => Extent::Nothing,
            }
        }
    })
}
