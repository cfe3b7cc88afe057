//! The IAM policies that everybody needs, and no more: this program's caller, API Gateway, and
//! the users of AWS_IAM methods who come through an identity provider.

use serde_json::{Value as Json, json};

use crate::desired::role_path;
use crate::observed::AwsTarget;
use authorizer::routes::Segment;
use compiler::api::Route;

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyScope<'a> {
    /// Where.
    pub target: &'a AwsTarget,
    /// The API's name.
    pub name: &'a str,
    /// The API's id, to allow no other.
    pub api: Option<&'a str>,
    /// Roles that the files hand to API Gateway.
    pub passable_roles: &'a [String],
    /// The authorizers' functions, by their names.
    pub functions: &'a [String],
    /// The role that functions run as, to hand no other to Lambda.
    pub function_role: Option<&'a str>,
}

/// The commands that need AWS; `build` is `deploy --build`.
pub const COMMANDS: [&str; 13] = [
    "adopt", "build", "deploy", "discover", "doctor", "drift", "export", "history", "plan",
    "rollback", "sdk", "status", "undeploy",
];

impl PolicyScope<'_> {
    fn apigateway(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.target.partition, self.target.region)
    }

    /// The API, or all of them as long as there is no id.
    fn rest_api(&self) -> String {
        format!("/restapis/{}", self.api.unwrap_or("*"))
    }

    fn roles(&self) -> String {
        let AwsTarget { account, partition, .. } = self.target;
        format!("arn:{partition}:iam::{account}:role{}*", role_path(self.name))
    }

    fn functions(&self) -> String {
        let AwsTarget { account, partition, region } = self.target;
        format!("arn:{partition}:lambda:{region}:{account}:function:*")
    }

    /// Returns the policy that a command's caller needs; nothing for a command that needs none.
    pub fn command_policy(&self, command: &str) -> Option<Json> {
        let list = allow(&["apigateway:GET"], &[self.apigateway("/restapis")]);
        let below = format!("{}/*", self.rest_api());
        let read = allow(
            &["apigateway:GET"],
            &[self.apigateway(&self.rest_api()), self.apigateway(&below)],
        );
        let roles =
            allow(&["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies"], &[self.roles()]);
        let all_roles = allow(&["iam:ListRoles"], &["*".to_owned()]);
        let plans = allow(
            &["apigateway:GET"],
            &[self.apigateway("/usageplans"), self.apigateway("/usageplans/*")],
        );
        let published = allow(&["lambda:GetFunctionConfiguration"], &[self.functions()]);
        let look = vec![list.clone(), read.clone(), plans];
        let tag = allow(
            &["apigateway:DELETE", "apigateway:POST", "apigateway:PUT"],
            &[self.apigateway("/tags/*")],
        );
        let statements = match command {
            "discover" | "history" | "sdk" => vec![list, read],
            "status" | "drift" | "export" => look,
            "adopt" => vec![list, tag],
            "plan" => [look, vec![roles, all_roles, published]].concat(),
            "rollback" => [
                look,
                vec![
                    allow(
                        &["apigateway:PATCH"],
                        &[self.apigateway(&format!("{}/stages/*", self.rest_api()))],
                    ),
                    allow(
                        &["apigateway:DELETE"],
                        &[self.apigateway(&format!("{}/stages/*/cache/*", self.rest_api()))],
                    ),
                ],
            ]
            .concat(),
            "deploy" => {
                [look, vec![roles, all_roles, published, tag], self.deploy_statements()].concat()
            }
            "build" => [
                look,
                vec![roles, all_roles, published, tag],
                self.deploy_statements(),
                self.build_statements(),
            ]
            .concat(),
            "undeploy" => [
                look,
                vec![
                    allow(
                        &["apigateway:GET"],
                        &[self.apigateway("/domainnames"), self.apigateway("/domainnames/*")],
                    ),
                    roles,
                    all_roles,
                    allow(
                        &["apigateway:DELETE"],
                        &[
                            self.apigateway(&self.rest_api()),
                            self.apigateway(&format!("{}/stages/*", self.rest_api())),
                            self.apigateway("/usageplans/*"),
                        ],
                    ),
                    allow(&["apigateway:PATCH"], &[self.apigateway("/usageplans/*")]),
                    allow(&["iam:DeleteRole", "iam:DeleteRolePolicy"], &[self.roles()]),
                    allow(&["lambda:RemovePermission"], &[self.functions()]),
                ],
            ]
            .concat(),
            "doctor" => [
                look,
                vec![
                    allow(
                        &[
                            "iam:GetRole",
                            "iam:GetRolePolicy",
                            "iam:ListRolePolicies",
                            "iam:SimulatePrincipalPolicy",
                        ],
                        &["*".to_owned()],
                    ),
                    allow(
                        &["lambda:GetAlias", "lambda:GetFunctionConfiguration"],
                        &[self.functions()],
                    ),
                    allow(&["apigateway:GET"], &[self.apigateway("/account")]),
                ],
            ]
            .concat(),
            _ => return None,
        };
        Some(document(&statements))
    }

    /// What `deploy` writes.
    fn deploy_statements(&self) -> Vec<Json> {
        let api = self.rest_api();
        let passable_roles: Vec<String> =
            [self.roles()].into_iter().chain(self.passable_roles.to_vec()).collect();
        vec![
            allow(&["apigateway:POST"], &[self.apigateway("/restapis")]),
            allow(&["apigateway:PATCH", "apigateway:PUT"], &[self.apigateway(&api)]),
            allow(
                &["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"],
                &[self.apigateway(&format!("{api}/*"))],
            ),
            allow(
                &["apigateway:UpdateRestApiPolicy"],
                &[self.apigateway("/restapis"), self.apigateway(&api)],
            ),
            allow(
                &["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"],
                &[self.apigateway("/usageplans"), self.apigateway("/usageplans/*")],
            ),
            allow(
                &[
                    "iam:CreateRole",
                    "iam:DeleteRole",
                    "iam:DeleteRolePolicy",
                    "iam:PutRolePolicy",
                    "iam:TagRole",
                    "iam:UpdateAssumeRolePolicy",
                ],
                &[self.roles()],
            ),
            json!({
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": passable_roles,
                "Condition": {"StringEquals": {"iam:PassedToService": "apigateway.amazonaws.com"}},
            }),
            allow(&["lambda:AddPermission", "lambda:GetPolicy"], &[self.functions()]),
        ]
    }

    /// What `deploy --build` does beside, most of it by `cargo lambda`.
    fn build_statements(&self) -> Vec<Json> {
        let AwsTarget { account, partition, region } = self.target;
        let functions: Vec<String> = self
            .functions
            .iter()
            .flat_map(|name| {
                let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
                [arn.clone(), format!("{arn}:*")]
            })
            .collect();
        let any = format!("arn:{partition}:iam::{account}:role/*");
        let role = self.function_role.unwrap_or(&any);
        vec![
            allow(
                &[
                    "lambda:CreateAlias",
                    "lambda:CreateFunction",
                    "lambda:GetAlias",
                    "lambda:GetFunction",
                    "lambda:InvokeFunction",
                    "lambda:PublishVersion",
                    "lambda:UpdateAlias",
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                ],
                &functions,
            ),
            json!({
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": [role],
                "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
            }),
        ]
    }

    /// Returns what a function needs to run: its log, and nothing else.
    pub fn execution_policy(&self) -> Json {
        let AwsTarget { account, partition, region } = self.target;
        let group = |name: &String| {
            format!("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{name}")
        };
        let groups: Vec<String> = self.functions.iter().map(group).collect();
        let streams: Vec<String> = groups.iter().map(|group| format!("{group}:*")).collect();
        document(&[
            allow(&["logs:CreateLogGroup"], &groups),
            allow(&["logs:CreateLogStream", "logs:PutLogEvents"], &streams),
        ])
    }

    /// Returns who may assume the role that a function runs as.
    pub fn execution_trust_policy() -> Json {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }],
        })
    }

    /// Returns the policy that lets a class of users call some operations.
    pub fn caller_policy(&self, stage: &str, routes: &[&Route]) -> Json {
        let AwsTarget { account, partition, region } = self.target;
        let api = self.api.unwrap_or("*");
        let resources: Vec<String> = routes
            .iter()
            .map(|route| {
                let segments = route.path.segments().iter().map(|segment| match segment {
                    Segment::Literal(text) => text.as_str(),
                    Segment::Parameter(_) | Segment::Greedy(_) => "*",
                });
                let path: Vec<&str> = segments.collect();
                let verb = if route.verb.name() == "ANY" { "*" } else { route.verb.name() };
                format!(
                    "arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/{verb}/{}",
                    path.join("/")
                )
            })
            .collect();
        document(&[allow(&["execute-api:Invoke"], &resources)])
    }

    /// Returns who may assume the role of a class of users: whoever this provider vouches for.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_saml.html>
    pub fn saml_trust_policy(&self, provider: &str, issuer: &str) -> Json {
        let sign_in = match self.target.partition.as_str() {
            "aws-cn" => "https://signin.amazonaws.cn/saml",
            "aws-us-gov" => "https://signin.amazonaws-us-gov.com/saml",
            _ => "https://signin.aws.amazon.com/saml",
        };
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithSAML",
                "Condition": {"StringEquals": {"SAML:aud": sign_in, "SAML:iss": issuer}},
            }],
        })
    }
}

fn allow(actions: &[&str], resources: &[String]) -> Json {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn document(statements: &[Json]) -> Json {
    json!({"Version": "2012-10-17", "Statement": statements})
}
