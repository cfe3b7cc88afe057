//! [`VerifiedClaims`] + the route table → [`Grant`]: what the caller may call, all of it.

use crate::claims::VerifiedClaims;
use crate::config::Access;
use crate::routes::{Route, RouteTable};

/// What a caller may call. Only [`grant`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant<'a>(Extent<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent<'a> {
    /// Everything in the stage.
    Stage,
    /// Nothing at all.
    Nothing,
    /// The routes of the table at whose place `granted` says so, and not the others.
    Routes { table: &'a RouteTable, granted: Vec<bool> },
}

impl<'a> Grant<'a> {
    pub(crate) fn extent(&self) -> &Extent<'a> {
        &self.0
    }
}

/// Decides what the claims open. A route table says nothing about connecting to a WebSocket
/// API, so with one nobody connects.
pub(crate) fn grant<'a>(claims: &VerifiedClaims, access: &'a Access, connects: bool) -> Grant<'a> {
    Grant(match access {
        _ if claims.forbidden().is_some() => Extent::Nothing,
        Access::Stage(requirement) if requirement.is_met_by(claims.scopes()) => Extent::Stage,
        Access::Stage(_) => Extent::Nothing,
        Access::Routes(_) if connects => Extent::Nothing,
        Access::Routes(table) => {
            let open = |route: &Route| route.requirement.is_met_by(claims.scopes());
            let granted: Vec<bool> = table.routes().iter().map(open).collect();
            match (granted.contains(&true), granted.contains(&false)) {
                (false, _) => Extent::Nothing,
                (true, false) => Extent::Stage,
                (true, true) => Extent::Routes { table, granted },
            }
        }
    })
}
