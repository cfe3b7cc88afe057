//! The state of an account that rules depend on: read from the emulator behind the proxy when a rule
//! needs it, and the account's settings, which the proxy has.

use serde_json::Value;

/// The settings of an account in a Region, as `GetAccount` returns them.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountSettings {
    /// True if API Gateway may write logs: the account has a CloudWatch Logs role.
    pub has_log_role: bool,
    /// The requests a second of all APIs together.
    pub rate: f64,
    /// The burst of all APIs together.
    pub burst: i64,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self { has_log_role: true, rate: 10_000.0, burst: 5_000 }
    }
}

impl AccountSettings {
    /// The settings of a new account in one of the Regions with lower limits, without a role for logs.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
    pub fn of_small_region() -> Self {
        Self { has_log_role: false, rate: 2_500.0, burst: 1_250 }
    }

    /// Returns the response of `GetAccount`.
    pub fn response(&self, account: &str) -> Value {
        let mut found = serde_json::json!({
            "apiKeyVersion": "4",
            "features": ["UsagePlans"],
            "throttleSettings": {"rateLimit": self.rate, "burstLimit": self.burst},
        });
        if self.has_log_role {
            found["cloudwatchRoleArn"] =
                Value::from(format!("arn:aws:iam::{account}:role/api-gateway-logs"));
        }
        found
    }
}

/// Reads a path of API Gateway for the caller of a request; none if it does not exist.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// The state of a caller's account.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// The account's settings.
    pub settings: &'a AccountSettings,
    /// Reads a path of API Gateway. None if the state cannot be read: then only rules that do not
    /// depend on it apply.
    pub read: Option<Read<'a>>,
}

impl State<'_> {
    fn get(&self, path: &str) -> Found {
        match self.read {
            None => Found::Unknown,
            Some(read) => read(path).map_or(Found::Missing, Found::Value),
        }
    }

    /// An API.
    pub fn api(&self, api: &str) -> Found {
        self.get(&format!("/restapis/{api}"))
    }

    /// A stage.
    pub fn stage(&self, api: &str, stage: &str) -> Found {
        self.get(&format!("/restapis/{api}/stages/{stage}"))
    }

    /// The stages of an API.
    pub fn stages(&self, api: &str) -> Vec<Value> {
        self.get(&format!("/restapis/{api}/stages")).items()
    }

    /// The authorizers of an API.
    pub fn authorizers(&self, api: &str) -> Vec<Value> {
        self.get(&format!("/restapis/{api}/authorizers")).items()
    }

    /// An authorizer of an API.
    pub fn authorizer(&self, api: &str, id: &str) -> Found {
        self.get(&format!("/restapis/{api}/authorizers/{id}"))
    }

    /// The resources of an API with their methods.
    pub fn resources(&self, api: &str) -> Vec<Value> {
        self.get(&format!("/restapis/{api}/resources?embed=methods&limit=500")).items()
    }

    /// The base path mappings of all custom domains.
    pub fn base_path_mappings(&self) -> Vec<Value> {
        let domains = self.get("/domainnames").items();
        let names = domains.iter().filter_map(|domain| domain["domainName"].as_str());
        names
            .flat_map(|name| self.get(&format!("/domainnames/{name}/basepathmappings")).items())
            .collect()
    }

    /// A usage plan.
    pub fn usage_plan(&self, id: &str) -> Found {
        self.get(&format!("/usageplans/{id}"))
    }
}

/// The result of reading a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The resource.
    Value(Value),
    /// It does not exist.
    Missing,
    /// The state cannot be read.
    Unknown,
}

impl Found {
    /// Returns the resource, if it exists and can be read.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing | Self::Unknown => None,
        }
    }

    /// Returns whether the resource is known not to exist.
    pub fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    fn items(self) -> Vec<Value> {
        let list = self.value().unwrap_or_default();
        let found = [&list["item"], &list["items"], &list["_embedded"]["item"]];
        found.into_iter().find_map(Value::as_array).cloned().unwrap_or_default()
    }
}
