//! The settings of a stage as AWS holds them: those of all methods (`*/*`), and entries of single
//! methods. An entry is a copy: it gets the values of `*/*` when it is created, and replaces them for
//! its method from then on.
//! <https://docs.aws.amazon.com/apigateway/latest/api/API_Stage.html>

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::patch::Patch;
use compiler::api::{AccessLog, LoggingLevel, RouteKey, StageSettings, Throttle};

/// The settings of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedSettings {
    /// The account's throttle in this Region: that of each method without another.
    pub account: Throttle,
    /// The stage variables, by name.
    pub variables: BTreeMap<String, String>,
    /// The access log, if it is on.
    pub access_log: Option<AccessLog>,
    /// True if X-Ray traces requests.
    pub tracing: bool,
    /// The settings of the methods without an entry.
    pub all: MethodSettings,
    /// The entries of single methods.
    pub methods: BTreeMap<RouteKey, MethodSettings>,
}

/// The settings of a method that the files may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodSettings {
    /// The throttle.
    pub throttle: Throttle,
    /// True if there are detailed CloudWatch metrics.
    pub metrics: bool,
    /// The level of the execution logs, if they are on.
    pub logging: Option<LoggingLevel>,
}

impl ObservedSettings {
    /// Returns the settings of a stage that was created without any.
    pub const fn new(account: Throttle) -> Self {
        Self {
            account,
            variables: BTreeMap::new(),
            access_log: None,
            tracing: false,
            all: MethodSettings { throttle: account, metrics: false, logging: None },
            methods: BTreeMap::new(),
        }
    }

    /// Returns these settings with those of the files. Methods whose throttle the files do not have
    /// lose their entry, unless it only has settings that are not part of the files.
    #[must_use]
    pub fn with(&self, desired: &StageSettings) -> Self {
        let entry = |throttle| MethodSettings {
            throttle,
            metrics: desired.metrics,
            logging: desired.logging.clone(),
        };
        let all = entry(desired.throttle.unwrap_or(self.account));
        let without_throttle = (self.methods.iter())
            .filter(|(_, found)| {
                found.throttle == self.all.throttle || found.throttle == all.throttle
            })
            .map(|(route, _)| (route.clone(), all.clone()));
        let mut methods: BTreeMap<RouteKey, MethodSettings> = without_throttle.collect();
        methods.extend(desired.routes.iter().map(|(route, own)| (route.clone(), entry(*own))));
        Self {
            account: self.account,
            variables: desired.variables.clone(),
            access_log: desired.access_log.clone(),
            tracing: desired.tracing,
            all,
            methods,
        }
    }

    /// Returns the patches to other settings, in their order: an entry is created as a copy
    /// of `*/*`.
    pub fn patches(&self, to: &Self) -> Vec<Patch> {
        let mut patches = Vec::new();
        let names: BTreeSet<&String> = self.variables.keys().chain(to.variables.keys()).collect();
        for name in names {
            match (self.variables.get(name), to.variables.get(name)) {
                (before, Some(value)) if before != Some(value) => {
                    patches.push(Patch::replace(format!("/variables/{name}"), value));
                }
                (Some(_), None) => patches.push(Patch::remove(format!("/variables/{name}"))),
                _ => {}
            }
        }
        patches.extend(self.all.patches("/*/*", &to.all));
        let routes: BTreeSet<&RouteKey> = self.methods.keys().chain(to.methods.keys()).collect();
        for route in routes {
            let path = route.path().replace('~', "~0").replace('/', "~1");
            let pointer = format!("/{path}/{}", route.method());
            match (self.methods.get(route), to.methods.get(route)) {
                (Some(before), Some(after)) => patches.extend(before.patches(&pointer, after)),
                (None, Some(after)) => patches.extend(after.created(&pointer, &self.all)),
                (Some(_), None) => patches.push(Patch::remove(pointer)),
                (None, None) => {}
            }
        }
        match (&self.access_log, &to.access_log) {
            (before, Some(log)) if before.as_ref() != Some(log) => {
                patches.push(Patch::replace("/accessLogSettings/destinationArn", &log.destination));
                patches.push(Patch::replace("/accessLogSettings/format", &log.format));
            }
            (Some(_), None) => patches.push(Patch::remove("/accessLogSettings")),
            _ => {}
        }
        if self.tracing != to.tracing {
            patches.push(Patch::replace("/tracingEnabled", to.tracing.to_string()));
        }
        patches
    }

    /// Returns the settings of the files that these lack, as pointers. A throttle that the files do not
    /// have is not compared.
    pub fn missing(&self, desired: &StageSettings) -> Vec<String> {
        let mut expected = self.with(desired);
        if desired.throttle.is_none() {
            expected.all.throttle = self.all.throttle;
        }
        for (route, entry) in &mut expected.methods {
            if let Some(found) =
                self.methods.get(route).filter(|_| !desired.routes.contains_key(route))
            {
                entry.throttle = found.throttle;
            }
        }
        self.patches(&expected).into_iter().map(|patch| patch.path).collect()
    }

    /// Returns an entry as text: its throttle, and what differs from the settings of all methods.
    pub fn entry_text(&self, entry: &MethodSettings) -> String {
        let metrics = match (entry.metrics, self.all.metrics) {
            (true, false) => ", with metrics",
            (false, true) => ", without metrics",
            _ => "",
        };
        let logs = match &entry.logging {
            same if *same == self.all.logging => String::new(),
            Some(level) => format!(", with {level} logs"),
            None => ", without logs".to_owned(),
        };
        format!("{}{metrics}{logs}", entry.throttle)
    }
}

impl MethodSettings {
    /// Returns the patches from these settings of an entry to others.
    fn patches(&self, pointer: &str, to: &Self) -> Vec<Patch> {
        let mut patches = Vec::new();
        if self.throttle != to.throttle {
            patches.extend(to.throttle_patches(pointer));
        }
        if self.metrics != to.metrics {
            patches.push(to.metrics_patch(pointer));
        }
        if self.logging != to.logging {
            patches.push(to.logging_patch(pointer));
        }
        patches
    }

    /// Returns the patches that create an entry with these settings. API Gateway refuses a log level
    /// while the account has no CloudWatch role, so it is set only where it matters.
    fn created(&self, pointer: &str, all: &Self) -> Vec<Patch> {
        let mut patches = self.throttle_patches(pointer).to_vec();
        patches.push(self.metrics_patch(pointer));
        if self.logging.is_some() || all.logging.is_some() {
            patches.push(self.logging_patch(pointer));
        }
        patches
    }

    fn throttle_patches(&self, pointer: &str) -> [Patch; 2] {
        let Throttle { rate, burst } = self.throttle;
        [
            Patch::replace(format!("{pointer}/throttling/burstLimit"), burst.to_string()),
            Patch::replace(format!("{pointer}/throttling/rateLimit"), rate.to_string()),
        ]
    }

    fn metrics_patch(&self, pointer: &str) -> Patch {
        Patch::replace(format!("{pointer}/metrics/enabled"), self.metrics.to_string())
    }

    fn logging_patch(&self, pointer: &str) -> Patch {
        let level = self.logging.as_ref().map_or("OFF", LoggingLevel::name);
        Patch::replace(format!("{pointer}/logging/loglevel"), level)
    }
}
