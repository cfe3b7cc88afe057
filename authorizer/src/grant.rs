//! [`VerifiedClaims`] + the route table → [`Grant`]: what the caller may call, all of it.

use fixedbitset::FixedBitSet;

use crate::claims::VerifiedClaims;
use crate::config::{Access, PolicyMode};
use crate::method_arn::MethodArn;
use crate::routes::{self, RouteTable};

/// What a caller may call. Only [`grant`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant<'a>(Extent<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent<'a> {
    /// Everything in the stage.
    Stage,
    /// Nothing at all.
    Nothing,
    /// The routes of the table at the places in `granted`, and not the others.
    Routes { table: &'a RouteTable, granted: FixedBitSet, asked: Option<usize> },
    /// The route at the place `asked` and nothing about those in `granted`.
    Route { table: &'a RouteTable, granted: FixedBitSet, asked: usize },
}

impl<'a> Grant<'a> {
    pub(crate) fn extent(&self) -> &Extent<'a> {
        &self.0
    }
}

/// Decides what the claims open. A route table says nothing about connecting to a WebSocket
/// API, so with one nobody connects.
pub(crate) fn grant<'a>(
    claims: &VerifiedClaims,
    access: &'a Access,
    policy: PolicyMode,
    arn: &MethodArn<'_>,
) -> Grant<'a> {
    Grant(match access {
        _ if claims.forbidden().is_some() => Extent::Nothing,
        Access::Stage(requirement) if requirement.is_met_by(claims.scopes()) => Extent::Stage,
        Access::Stage(_) => Extent::Nothing,
        Access::Routes(_) if arn.is_connect() => Extent::Nothing,
        Access::Routes(table) => {
            let granted = table.opened_by(claims.scopes());
            let asked = table.position(arn.verb(), &routes::segments(arn.path()));
            let open = asked.filter(|asked| granted.contains(*asked));
            match (policy, open) {
                _ if granted.is_clear() => Extent::Nothing,
                _ if granted.is_full() => Extent::Stage,
                (PolicyMode::Caller, _) => Extent::Routes { table, granted, asked: open },
                (PolicyMode::Route, Some(asked)) => Extent::Route { table, granted, asked },
                (PolicyMode::Route, None) => Extent::Nothing,
            }
        }
    })
}
