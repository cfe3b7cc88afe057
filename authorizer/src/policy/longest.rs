//! The longest policy that a route table can need.

use std::collections::BTreeSet;

use super::FRAME_BYTES;
use super::select::{Merging, select};
use crate::routes::RouteTable;

impl RouteTable {
    /// Searches for the scopes whose policy is the longest; returns its length in bytes and the
    /// scopes. `stage_bytes` is the length of the ARN up to the stage. Patterns are merged where the
    /// routes' own ones are longer than `merged_beyond`. The search starts with the scope sets of the
    /// routes, with all scopes and with all but one, and climbs by adding or removing one scope. The
    /// result is not an upper bound.
    pub fn longest_policy(
        &self,
        stage_bytes: usize,
        merged_beyond: Option<usize>,
    ) -> (usize, BTreeSet<String>) {
        let length = |scopes: &BTreeSet<String>| {
            let own = self.policy_length(scopes, stage_bytes, Merging::Own);
            match merged_beyond {
                Some(limit) if own > limit => {
                    self.policy_length(scopes, stage_bytes, Merging::Table)
                }
                _ => own,
            }
        };
        let sets = self.routes().iter().flat_map(|route| route.requirement.alternatives());
        let mut tried: BTreeSet<BTreeSet<String>> = sets.cloned().collect();
        let all: BTreeSet<String> = tried.iter().flatten().cloned().collect();
        tried.extend(
            all.iter().map(|one| all.iter().filter(|other| *other != one).cloned().collect()),
        );
        tried.insert(all.clone());
        let Some(mut best) = tried.into_iter().map(|set| (length(&set), set)).max() else {
            return (0, BTreeSet::new());
        };
        loop {
            let toggled = all.iter().map(|scope| {
                let mut set = best.1.clone();
                if !set.remove(scope) {
                    set.insert(scope.clone());
                }
                (length(&set), set)
            });
            match toggled.max().filter(|found| found.0 > best.0) {
                Some(longer) => best = longer,
                None => return best,
            }
        }
    }
    /// Returns the length of the policy for the routes that `scopes` grant.
    fn policy_length(
        &self,
        scopes: &BTreeSet<String>,
        stage_bytes: usize,
        merging: Merging,
    ) -> usize {
        let granted = self.granted_to(scopes);
        if granted.is_clear() {
            return 0;
        }
        let selection = select(self, &granted, &granted, merging);
        let patterns = selection.allowed.iter().chain(&selection.denied);
        patterns.fold(FRAME_BYTES.saturating_add(stage_bytes), |all, pattern| {
            all.saturating_add(stage_bytes).saturating_add(pattern.len()).saturating_add(3)
        })
    }
}
