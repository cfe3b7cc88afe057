//! The least-privilege IAM policies of this program's caller, of API Gateway, of the functions, and
//! of federated users who call AWS_IAM methods.

use serde_json::{Value as Json, json};

use crate::invoke_role::RoleOwner;
use crate::observed::{AwsTarget, TAG_API, api_tag};
use authorizer::routes::Segment;
use compiler::api::{RoleSettings, Route};

/// The resources that policies are limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyScope<'a> {
    /// The account and the Region.
    pub target: &'a AwsTarget,
    /// The API's name.
    pub name: &'a str,
    /// The API's id; without one, all REST APIs are allowed.
    pub api: Option<&'a str>,
    /// The settings of the invoke roles that `deploy` creates; `None` if the configuration names the
    /// role of every authorizer.
    pub created_roles: Option<&'a RoleSettings>,
    /// The ARNs of the roles in the configuration that are passed to API Gateway.
    pub passable_roles: &'a [String],
    /// The names of the authorizers' functions.
    pub functions: &'a [String],
    /// The names of those of which deployments pin versions.
    pub pinned: &'a [String],
    /// The ARNs of the configured execution roles of pinned functions.
    pub execution_roles: &'a [String],
    /// The ARN of the functions' execution role; without one, any role may be passed to Lambda.
    pub function_role: Option<&'a str>,
    /// The IDs of the API keys of the usage plan.
    pub keys: &'a [String],
    /// True if the access log of the stage is a Firehose delivery stream.
    pub has_delivery_stream: bool,
    /// True if a pinned function is connected to a VPC.
    pub has_vpc: bool,
}

/// The commands that call AWS; `build` is `deploy` that publishes functions.
pub const COMMANDS: [&str; 16] = [
    "adopt", "build", "deploy", "diff", "discover", "doctor", "drift", "export", "history", "plan",
    "promote", "revoke", "rollback", "sdk", "status", "undeploy",
];

impl PolicyScope<'_> {
    fn apigateway(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.target.partition, self.target.region)
    }

    /// Returns the API's path, or that of all REST APIs if the id is unknown.
    fn rest_api(&self) -> String {
        format!("/restapis/{}", self.api.unwrap_or("*"))
    }

    /// Returns the pattern of the ARNs of the API's invoke roles.
    fn roles(&self, settings: &RoleSettings) -> String {
        RoleOwner { api: self.name, target: self.target }.arn_pattern(settings)
    }

    /// Returns the statements for reading the invoke roles; none if none are created.
    fn read_role_statements(&self) -> Vec<Json> {
        let Some(settings) = self.created_roles else { return Vec::new() };
        read_roles(self.roles(settings))
    }

    /// Returns the statements for creating, updating and deleting the invoke roles, and for passing
    /// roles to API Gateway.
    fn role_statements(&self) -> Vec<Json> {
        let created = self.created_roles.map(|settings| (settings, self.roles(settings)));
        let passable: Vec<String> = created
            .iter()
            .map(|(_, roles)| roles.clone())
            .chain(self.passable_roles.iter().cloned())
            .collect();
        let pass = json!({
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": passable,
            "Condition": {"StringEquals": {"iam:PassedToService": "apigateway.amazonaws.com"}},
        });
        let mut statements = Vec::new();
        if let Some((settings, roles)) = created {
            statements.extend(write_roles(settings, roles));
        }
        if !passable.is_empty() {
            statements.push(pass);
        }
        statements
    }

    fn functions(&self) -> String {
        let AwsTarget { account, partition, region } = self.target;
        format!("arn:{partition}:lambda:{region}:{account}:function:*")
    }

    /// Returns the ARNs of functions, with their versions and aliases.
    fn function_arns(&self, names: &[String]) -> Vec<String> {
        let AwsTarget { account, partition, region } = self.target;
        let arns = |name: &String| {
            let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
            [arn.clone(), format!("{arn}:*")]
        };
        names.iter().flat_map(arns).collect()
    }

    /// Returns the statement for reading the pinned functions; none if there are none.
    fn read_pinned_statements(&self) -> Vec<Json> {
        let actions = [
            "lambda:GetFunctionConfiguration",
            "lambda:ListAliases",
            "lambda:ListTags",
            "lambda:ListVersionsByFunction",
        ];
        let functions = self.function_arns(self.pinned);
        if functions.is_empty() { Vec::new() } else { vec![allow(&actions, &functions)] }
    }

    /// Returns the statements for publishing, testing and deleting versions of the pinned functions;
    /// none if there are none.
    fn pin_statements(&self) -> Vec<Json> {
        let functions = self.function_arns(self.pinned);
        if functions.is_empty() {
            return Vec::new();
        }
        let created = self.created_roles.map(|settings| self.roles(settings));
        let roles: Vec<String> = created.into_iter().chain(self.execution_roles.to_vec()).collect();
        let mut statements = vec![
            allow(&PUBLISH_ACTIONS, &functions),
            pass_to_lambda(&roles),
            self.read_other_authorizers(),
        ];
        if self.has_vpc {
            // Lambda checks these for the caller. They have no resources.
            statements.push(allow(&VPC_ACTIONS, &["*".to_owned()]));
        }
        statements
    }

    /// Returns the statement for deleting an API that another deployment created concurrently; none
    /// if the id is known, because the API exists.
    fn delete_duplicate(&self) -> Option<Json> {
        let mut statement = allow(&["apigateway:DELETE"], &[self.apigateway(&self.rest_api())]);
        let tag = format!("aws:ResourceTag/{TAG_API}");
        let condition = json!({"StringEquals": {tag: api_tag(self.name)}});
        statement.as_object_mut()?.insert("Condition".to_owned(), condition);
        self.api.is_none().then_some(statement)
    }

    /// Returns the statement for the role with which API Gateway writes to delivery streams. It is
    /// created with the first access log of that kind.
    fn create_linked_role(&self) -> Option<Json> {
        let AwsTarget { account, partition, .. } = self.target;
        let role = format!(
            "arn:{partition}:iam::{account}:role/aws-service-role/{LOG_SERVICE}/AWSServiceRoleForAPIGateway"
        );
        let mut statement = allow(&["iam:CreateServiceLinkedRole"], &[role]);
        let condition = json!({"StringEquals": {"iam:AWSServiceName": LOG_SERVICE}});
        statement.as_object_mut()?.insert("Condition".to_owned(), condition);
        self.has_delivery_stream.then_some(statement)
    }

    /// Returns the statement for reading the authorizers of all APIs, and the records of those that
    /// Portcullis manages: one of them may invoke a version that is to be deleted.
    fn read_other_authorizers(&self) -> Json {
        let read = ["authorizers", "models"];
        let resources = read.map(|list| self.apigateway(&format!("/restapis/*/{list}")));
        allow(&["apigateway:GET"], &resources)
    }

    /// Returns the statement for reading what functions describe; none if there are none.
    fn describe_statements(&self) -> Vec<Json> {
        let functions = self.function_arns(self.functions);
        let invoke = allow(&["lambda:InvokeFunction"], &functions);
        if functions.is_empty() { Vec::new() } else { vec![invoke] }
    }

    /// Returns the statements for reading the roles that revisions need.
    fn read_needed_roles(&self) -> Vec<Json> {
        let created = self.created_roles.map(|settings| self.roles(settings));
        let roles: Vec<String> = created.into_iter().chain(self.passable_roles.to_vec()).collect();
        let actions = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies"];
        if roles.is_empty() { Vec::new() } else { vec![allow(&actions, &roles)] }
    }

    /// Returns the statement for reading the configured API keys, whose values are in the response too;
    /// none if there are none.
    fn read_key_statements(&self) -> Vec<Json> {
        let keys: Vec<String> =
            self.keys.iter().map(|key| self.apigateway(&format!("/apikeys/{key}"))).collect();
        if keys.is_empty() { Vec::new() } else { vec![allow(&["apigateway:GET"], &keys)] }
    }

    /// Returns the policy that a command's caller needs, if the command calls AWS.
    pub fn command_policy(&self, command: &str) -> Option<Json> {
        let list_apis = allow(&["apigateway:GET"], &[self.apigateway("/restapis")]);
        let children = format!("{}/*", self.rest_api());
        let read_api = allow(
            &["apigateway:GET"],
            &[self.apigateway(&self.rest_api()), self.apigateway(&children)],
        );
        let read_roles_if_created = self.read_role_statements();
        let read_usage_plans = allow(
            &["apigateway:GET"],
            &[self.apigateway("/usageplans"), self.apigateway("/usageplans/*")],
        );
        let keys = self.read_key_statements();
        let read_functions = allow(&["lambda:GetFunctionConfiguration"], &[self.functions()]);
        // The settings of stages depend on those of the account.
        let read_account = allow(&["apigateway:GET"], &[self.apigateway("/account")]);
        let read_stages = vec![list_apis.clone(), read_api.clone(), read_account];
        let observe = [read_stages.clone(), vec![read_usage_plans]].concat();
        let tag_api = allow(
            &["apigateway:DELETE", "apigateway:POST", "apigateway:PUT"],
            &[self.apigateway("/tags/*")],
        );
        let roles = self.roles(self.created_roles.unwrap_or(&RoleSettings::default()));
        let statements = match command {
            "diff" | "sdk" => vec![list_apis, read_api],
            "discover" => read_stages,
            "history" => {
                [read_stages, self.read_pinned_statements(), self.read_needed_roles()].concat()
            }
            "status" | "drift" | "export" => observe,
            "adopt" => vec![list_apis, tag_api],
            "plan" => [
                observe,
                keys,
                read_roles_if_created,
                vec![read_functions],
                self.read_pinned_statements(),
            ]
            .concat(),
            "promote" | "rollback" => [
                observe,
                self.read_pinned_statements(),
                self.read_needed_roles(),
                self.describe_statements(),
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
            "deploy" | "revoke" => [
                observe,
                keys,
                read_roles_if_created,
                vec![read_functions, tag_api],
                self.deploy_statements(),
                self.describe_statements(),
                self.pin_statements(),
            ]
            .concat(),
            "build" => [
                observe,
                keys,
                read_roles_if_created,
                vec![read_functions, tag_api],
                self.deploy_statements(),
                self.build_statements(),
                self.pin_statements(),
            ]
            .concat(),
            "undeploy" => [
                observe,
                vec![
                    allow(
                        &["apigateway:GET"],
                        &[self.apigateway("/domainnames"), self.apigateway("/domainnames/*")],
                    ),
                    allow(
                        &["apigateway:DELETE"],
                        &[
                            self.apigateway(&self.rest_api()),
                            self.apigateway(&format!("{}/stages/*", self.rest_api())),
                            self.apigateway("/usageplans/*"),
                        ],
                    ),
                    allow(&["apigateway:PATCH"], &[self.apigateway("/usageplans/*")]),
                    allow(&["lambda:RemovePermission"], &[self.functions()]),
                ],
                self.read_pinned_statements(),
                if self.pinned.is_empty() {
                    Vec::new()
                } else {
                    vec![
                        allow(&["lambda:DeleteFunction"], &self.function_arns(self.pinned)),
                        self.read_other_authorizers(),
                    ]
                },
                read_roles(roles.clone()),
                vec![allow(&["iam:DeleteRole", "iam:DeleteRolePolicy"], &[roles])],
            ]
            .concat(),
            "doctor" => [
                observe,
                keys,
                read_roles_if_created,
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
                ],
                self.read_pinned_statements(),
            ]
            .concat(),
            _ => return None,
        };
        Some(document(&statements))
    }

    /// Returns the statements for the mutating calls of `deploy`.
    fn deploy_statements(&self) -> Vec<Json> {
        let api = self.rest_api();
        let mut statements = vec![
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
        ];
        statements.extend(self.delete_duplicate());
        statements.extend(self.create_linked_role());
        statements.extend(self.role_statements());
        statements.push(allow(&["lambda:AddPermission", "lambda:GetPolicy"], &[self.functions()]));
        statements
    }

    /// Returns the statements for publishing the functions, testing their versions and updating
    /// their aliases.
    fn build_statements(&self) -> Vec<Json> {
        let AwsTarget { account, partition, .. } = self.target;
        let any = format!("arn:{partition}:iam::{account}:role/*");
        let role = self.function_role.map_or(any, str::to_owned);
        vec![allow(&RELEASE_ACTIONS, &self.function_arns(self.functions)), pass_to_lambda(&[role])]
    }

    /// Returns the policy that allows a class of users to call these operations.
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

    /// Returns the trust policy of a class of users: principals that the SAML provider
    /// authenticated.
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

/// The service that writes access logs to Firehose delivery streams.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html>
const LOG_SERVICE: &str = "ops.apigateway.amazonaws.com";

/// The actions that connect a function to a VPC.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
const VPC_ACTIONS: [&str; 4] = [
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:GetSecurityGroupsForVpc",
];

/// The actions that publish a function and point its alias at the version.
const RELEASE_ACTIONS: [&str; 9] = [
    "lambda:CreateAlias",
    "lambda:CreateFunction",
    "lambda:GetAlias",
    "lambda:InvokeFunction",
    "lambda:ListVersionsByFunction",
    "lambda:PublishVersion",
    "lambda:UpdateAlias",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
];

/// The actions for publishing functions, testing their versions and updating their aliases.
const PUBLISH_ACTIONS: [&str; 15] = [
    "lambda:CreateAlias",
    "lambda:CreateFunction",
    "lambda:DeleteFunction",
    "lambda:GetAlias",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
    "lambda:ListAliases",
    "lambda:ListTags",
    "lambda:ListVersionsByFunction",
    "lambda:PublishVersion",
    "lambda:TagResource",
    "lambda:UpdateAlias",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
];

fn pass_to_lambda(roles: &[String]) -> Json {
    json!({
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": roles,
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    })
}

fn read_roles(roles: String) -> Vec<Json> {
    vec![
        allow(&["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies"], &[roles]),
        allow(&["iam:ListRoles"], &["*".to_owned()]),
    ]
}

/// Returns the statements for creating, updating and deleting roles. With a permissions boundary,
/// no role is created and no permission is added without it.
fn write_roles(settings: &RoleSettings, roles: String) -> Vec<Json> {
    let others = [
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
    ];
    let resource = [roles];
    let Some(boundary) = &settings.permissions_boundary else {
        let mut actions = [&["iam:CreateRole", "iam:PutRolePolicy"][..], &others].concat();
        actions.sort_unstable();
        return vec![allow(&actions, &resource)];
    };
    let bounded = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"];
    let mut limited = allow(&bounded, &resource);
    if let Some(statement) = limited.as_object_mut() {
        let condition = json!({"StringEquals": {"iam:PermissionsBoundary": boundary}});
        statement.insert("Condition".to_owned(), condition);
    }
    vec![limited, allow(&others, &resource)]
}

fn allow(actions: &[&str], resources: &[String]) -> Json {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn document(statements: &[Json]) -> Json {
    json!({"Version": "2012-10-17", "Statement": statements})
}
