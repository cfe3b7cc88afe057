//! API Gateway's decision about a request to a deployed stage, which no emulator makes.
//!
//! A deployment is a snapshot: the proxy reads methods and authorizers from the emulator when one is
//! created. A decision invokes the version that the snapshot's authorizer names, with the role that
//! it names, and evaluates the policy that is returned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http;

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The authorizer's policy allows the request.
    Allowed,
    /// 403: the policy does not allow the request.
    Denied,
    /// 401: without a token, or with one that the authorizer rejects.
    Unauthorized,
    /// The method has no authorizer.
    Open,
    /// 403: the deployment has no such method.
    NoRoute,
    /// 500: the authorizer could not be invoked, or failed.
    Failed(String),
}

/// A stage, or its canary, of an API in an account.
#[derive(Clone, Debug)]
pub struct Served {
    /// The access key, which is the account.
    pub key: String,
    /// The Region.
    pub region: String,
    /// The API's ID.
    pub api: String,
    /// The stage's name.
    pub stage: String,
    /// True for the requests that the canary serves.
    pub in_canary: bool,
}

/// The part of a deployment that decides.
#[derive(Clone, Debug)]
struct Snapshot {
    /// By path, then by verb.
    methods: BTreeMap<String, BTreeMap<String, Method>>,
}

#[derive(Clone, Debug)]
struct Method {
    authorization: String,
    authorizer: Option<Authorizer>,
}

/// An authorizer as API Gateway has it.
#[derive(Clone, Debug)]
pub(crate) struct Authorizer {
    /// The ARN of the function, with its version or alias.
    function: String,
    /// The ARN of the role to assume.
    role: Option<String>,
    kind: String,
}

impl Authorizer {
    pub(crate) fn read(found: &Value) -> Self {
        let uri = found["authorizerUri"].as_str().unwrap();
        let function = uri.split_once("/functions/").unwrap().1.strip_suffix("/invocations");
        Self {
            function: function.unwrap().to_owned(),
            role: found["authorizerCredentials"].as_str().map(str::to_owned),
            kind: found["type"].as_str().unwrap().to_owned(),
        }
    }
}

/// The data plane of the APIs behind a proxy.
#[derive(Clone)]
pub struct DataPlane {
    /// The emulator of API Gateway and IAM.
    control: String,
    /// The emulator of Lambda.
    functions: String,
    /// By API and deployment.
    snapshots: Arc<Mutex<BTreeMap<(String, String), Snapshot>>>,
}

impl DataPlane {
    pub(crate) fn new(control: &str, functions: &str) -> Self {
        let (control, functions) = (control.to_owned(), functions.to_owned());
        Self { control, functions, snapshots: Arc::default() }
    }

    /// Records a deployment that was just created from the draft.
    pub(crate) fn record(&self, authorization: &str, api: &str, deployment: &str) {
        let read = |path: &str| {
            let url = format!("http://{}/restapis/{api}/{path}", self.control);
            http::send("GET", &url, &[("Authorization", authorization)], b"").json()
        };
        let found = items(&read("authorizers"));
        let authorizers: BTreeMap<&str, Authorizer> = (found.iter())
            .filter(|one| one["authorizerUri"].is_string())
            .map(|one| (one["id"].as_str().unwrap(), Authorizer::read(one)))
            .collect();
        let method = |method: &Value| Method {
            authorization: method["authorizationType"].as_str().unwrap_or_default().to_owned(),
            authorizer: method["authorizerId"].as_str().and_then(|id| authorizers.get(id)).cloned(),
        };
        let mut methods = BTreeMap::new();
        for resource in items(&read("resources?embed=methods&limit=500")) {
            let verbs = resource["resourceMethods"].as_object().into_iter().flatten();
            let verbs = verbs.map(|(verb, one)| (verb.clone(), method(one))).collect();
            methods.insert(resource["path"].as_str().unwrap().to_owned(), verbs);
        }
        let key = (api.to_owned(), deployment.to_owned());
        self.snapshots.lock().unwrap().insert(key, Snapshot { methods });
    }

    /// Returns a stage of the API with a name, which must exist.
    pub fn stage(&self, key: &str, region: &str, api: &str, stage: &str) -> Served {
        let (key, region, stage) = (key.to_owned(), region.to_owned(), stage.to_owned());
        let mut served = Served { key, region, api: String::new(), stage, in_canary: false };
        let authorization = credential(&served, "apigateway");
        let url = format!("http://{}/restapis", self.control);
        let found = http::send("GET", &url, &[("Authorization", &authorization)], b"").json();
        let found = items(&found).into_iter().find(|one| one["name"] == api);
        found.expect("the API")["id"].as_str().unwrap().clone_into(&mut served.api);
        served
    }

    /// Decides about a request to a path of a stage.
    pub fn decide(&self, at: &Served, verb: &str, path: &str, token: Option<&str>) -> Decision {
        let Some(deployment) = self.deployment(at) else { return Decision::NoRoute };
        let snapshot = self.snapshots.lock().unwrap().get(&(at.api.clone(), deployment)).cloned();
        let snapshot = snapshot.expect("a deployment that was created through the proxy");
        let Some(method) = snapshot.method(verb, path) else { return Decision::NoRoute };
        let authorizer = match (method.authorization.as_str(), &method.authorizer) {
            ("NONE", None) => return Decision::Open,
            ("CUSTOM", Some(authorizer)) => authorizer,
            other => panic!("unsupported authorization: {other:?}"),
        };
        let Some(token) = token else { return Decision::Unauthorized };
        let Served { key, region, api, stage, .. } = at;
        let arn = format!("arn:aws:execute-api:{region}:{key}:{api}/{stage}/{verb}{path}");
        match self.invoke(at, authorizer, &format!("Bearer {token}"), &arn) {
            Ok(policy) if allows(&policy, &arn) => Decision::Allowed,
            Ok(_) => Decision::Denied,
            Err(decision) => decision,
        }
    }

    /// Invokes an authorizer as API Gateway does, and returns the policy.
    pub(crate) fn invoke(
        &self,
        at: &Served,
        authorizer: &Authorizer,
        token: &str,
        arn: &str,
    ) -> Result<Value, Decision> {
        let Authorizer { function, role, kind } = authorizer;
        assert_eq!(kind, "TOKEN", "no other type is supported");
        if let Some(role) = role
            && !self.may_invoke(at, role, function)
        {
            return Err(Decision::Failed(format!("{role} may not invoke {function}")));
        }
        let (_, name) = function.split_once(":function:").unwrap();
        let (name, qualifier) = name.split_once(':').unwrap_or((name, "$LATEST"));
        let event = json!({"type": "TOKEN", "authorizationToken": token, "methodArn": arn});
        let url = format!(
            "http://{}/2015-03-31/functions/{name}/invocations?Qualifier={qualifier}",
            self.functions
        );
        let authorization = credential(at, "lambda");
        let headers = [("Authorization", authorization.as_str())];
        let response = http::send("POST", &url, &headers, event.to_string().as_bytes());
        let found: Value = serde_json::from_str(&response.body).unwrap_or_default();
        match &found["policyDocument"] {
            Value::Null if found["errorMessage"] == "Unauthorized" => Err(Decision::Unauthorized),
            Value::Null => Err(Decision::Failed(format!("{function}: {response:?}"))),
            policy => Ok(policy.clone()),
        }
    }

    /// Returns the result of `TestInvokeAuthorizer` for an authorizer of the draft: status and policy.
    pub(crate) fn test_invoke(
        &self,
        head: &str,
        api: &str,
        id: &str,
        token: &str,
    ) -> (u16, String) {
        let authorization = head.lines().filter_map(|line| line.split_once(": "));
        let mut authorization =
            authorization.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let (_, authorization) = authorization.next().unwrap();
        let url = format!("http://{}/restapis/{api}/authorizers/{id}", self.control);
        let found = http::send("GET", &url, &[("Authorization", authorization)], b"").json();
        let mut scope = authorization.split_once("Credential=").unwrap().1.split('/');
        let (key, region) = (scope.next().unwrap().to_owned(), scope.nth(1).unwrap().to_owned());
        let arn = format!("arn:aws:execute-api:{region}:{key}:{api}/test-invoke-stage/GET/");
        let stage = "test-invoke-stage".to_owned();
        let at = Served { key, region, api: api.to_owned(), stage, in_canary: false };
        match self.invoke(&at, &Authorizer::read(&found), token, &arn) {
            Ok(policy) => (200, policy.to_string()),
            Err(Decision::Unauthorized) => (401, String::new()),
            Err(_) => (500, String::new()),
        }
    }

    /// Returns the ID of the deployment that a stage or its canary serves; none without the stage.
    fn deployment(&self, at: &Served) -> Option<String> {
        let url = format!("http://{}/restapis/{}/stages/{}", self.control, at.api, at.stage);
        let authorization = credential(at, "apigateway");
        let stage = http::send("GET", &url, &[("Authorization", &authorization)], b"").json();
        let canary = at.in_canary.then(|| stage["canarySettings"]["deploymentId"].as_str());
        canary.flatten().or_else(|| stage["deploymentId"].as_str()).map(str::to_owned)
    }

    /// Returns whether a role exists, can be assumed by API Gateway without a condition, and may
    /// invoke a function.
    fn may_invoke(&self, at: &Served, role: &str, function: &str) -> bool {
        let name = role.rsplit('/').next().unwrap();
        let query = |action: &str, more: &str| {
            let body =
                format!("Action={action}&Version=2010-05-08&RoleName={name}{more}").into_bytes();
            let authorization = credential(at, "iam");
            let form = ("Content-Type", "application/x-www-form-urlencoded");
            let headers = [("Authorization", authorization.as_str()), form];
            http::send("POST", &format!("http://{}/", self.control), &headers, &body).body
        };
        let found = query("GetRole", "");
        if !elements(&found, "Arn").contains(&role) {
            return false;
        }
        let [trust] = documents(&found, "AssumeRolePolicyDocument").try_into().unwrap();
        let trusts = trust["Statement"].as_array().unwrap().iter().any(|one| {
            one["Effect"] == "Allow"
                && one["Principal"] == json!({"Service": "apigateway.amazonaws.com"})
                && one["Condition"].is_null()
        });
        let policies = query("ListRolePolicies", "");
        let mut policies = elements(&policies, "member").into_iter().flat_map(|policy| {
            let found = query("GetRolePolicy", &format!("&PolicyName={policy}"));
            documents(&found, "PolicyDocument")
        });
        trusts && policies.any(|policy| allows(&policy, function))
    }
}

impl Snapshot {
    /// Returns the method that API Gateway selects: first the resource, then the method.
    fn method(&self, verb: &str, path: &str) -> Option<&Method> {
        let resources = self
            .methods
            .iter()
            .filter_map(|(template, verbs)| Some((specificity(template, path)?, verbs)));
        let (_, verbs) =
            resources.filter(|(_, verbs)| !verbs.is_empty()).min_by_key(|one| one.0.clone())?;
        verbs.get(verb).or_else(|| verbs.get("ANY"))
    }
}

/// Returns the rank of each segment of a path that matches a template: literal, parameter, greedy.
fn specificity(template: &str, path: &str) -> Option<Vec<u8>> {
    let mut segments = path.trim_matches('/').split('/');
    let mut ranks = Vec::new();
    for part in template.trim_matches('/').split('/') {
        let segment = segments.next()?;
        if part.ends_with("+}") {
            ranks.push(2);
            return Some(ranks);
        }
        match part.starts_with('{') {
            true if !segment.is_empty() => ranks.push(1),
            false if part == segment => ranks.push(0),
            _ => return None,
        }
    }
    segments.next().is_none().then_some(ranks)
}

fn credential(at: &Served, service: &str) -> String {
    let Served { key, region, .. } = at;
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn items(list: &Value) -> Vec<Value> {
    let found = [&list["item"], &list["items"], &list["_embedded"]["item"]];
    found.into_iter().find_map(Value::as_array).cloned().unwrap_or_default()
}

/// Returns the texts of an XML element.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts.filter_map(|part| part.split(close.as_str()).next()).collect()
}

/// Returns the policies in an XML element.
fn documents(xml: &str, name: &str) -> Vec<Value> {
    elements(xml, name).into_iter().map(document).collect()
}

fn document(text: &str) -> Value {
    let text = text.replace("&quot;", "\"").replace("&amp;", "&");
    // A percent sign occurs in encoded policies only.
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Evaluates an IAM policy for a resource; a Deny prevails. Statements of these policies have one
/// action.
fn allows(policy: &Value, resource: &str) -> bool {
    let any = |effect: &str| {
        let statements = policy["Statement"].as_array().unwrap().iter();
        let mut statements = statements.filter(|one| one["Effect"] == effect);
        statements.any(|one| {
            assert!(one["Condition"].is_null() || effect == "Deny", "unsupported: {one}");
            let applies = one["Condition"].is_null();
            let resources = &one["Resource"];
            let one = resources.as_str().into_iter();
            let listed = resources.as_array().into_iter().flatten().filter_map(Value::as_str);
            applies
                && one.chain(listed).any(|pattern| matches(pattern.as_bytes(), resource.as_bytes()))
        })
    };
    any("Allow") && !any("Deny")
}

/// IAM's wildcards: `*` is any text, `?` is any character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((b'?', rest)) => text.split_first().is_some_and(|(_, text)| matches(rest, text)),
        Some((first, rest)) => {
            text.split_first().is_some_and(|(other, text)| first == other && matches(rest, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deny_prevails_and_wildcards_cross_segments() {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Resource": ["a/GET/pets/*", "a/GET/x?"]},
            {"Effect": "Deny", "Resource": "a/GET/pets/*/secret"},
        ]});
        for (resource, allowed) in [
            ("a/GET/pets/1", true),
            ("a/GET/pets/1/2", true),
            ("a/GET/pets/1/secret", false),
            ("a/GET/pets", false),
            ("a/GET/x1", true),
            ("a/GET/x", false),
            ("b/GET/x1", false),
        ] {
            assert_eq!(allows(&policy, resource), allowed, "{resource}");
        }
    }

    #[test]
    fn literal_segments_precede_parameters_and_greedy_ones() {
        let best = |path: &str| {
            let templates = ["/pets/mine", "/pets/{id}", "/{proxy+}", "/"];
            let ranked = templates.iter().filter_map(|one| Some((specificity(one, path)?, *one)));
            ranked.min().map(|(_, template)| template)
        };
        for (path, template) in [
            ("/pets/mine", Some("/pets/mine")),
            ("/pets/1", Some("/pets/{id}")),
            ("/pets/1/2", Some("/{proxy+}")),
            ("/", Some("/")),
        ] {
            assert_eq!(best(path), template, "{path}");
        }
    }
}
