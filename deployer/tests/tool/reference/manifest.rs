//! The settings of `portcullis.toml`. The compiler reads them one by one and has no schema, so
//! their descriptions are here; a test compares their names and values with the compiler's.

/// A table of `portcullis.toml`.
pub(super) struct Table {
    /// The heading in the page.
    pub heading: &'static str,
    /// One or two sentences about it.
    pub text: &'static str,
    /// A manifest with the unknown setting `UNKNOWN` in this table.
    pub probe: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
    /// An example; may be empty.
    pub example: &'static str,
}

/// A setting.
pub(super) struct Setting {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: &'static str,
    /// The values, if only these are valid.
    pub values: &'static [&'static str],
    /// The default; `required` if there is none.
    pub default: &'static str,
    /// The description.
    pub text: &'static str,
}

const fn setting(
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    text: &'static str,
) -> Setting {
    Setting { name, kind, values: &[], default, text }
}

const fn choice(
    name: &'static str,
    values: &'static [&'static str],
    default: &'static str,
    text: &'static str,
) -> Setting {
    Setting { name, kind: "string", values, default, text }
}

/// Every table, in the order of the page. The settings of an issuer come from the schema of
/// `authorizer.json`.
pub(super) const TABLES: &[Table] = &[
    Table {
        heading: "Top level",
        text: "The tables of the file.",
        probe: "UNKNOWN = 1\n[api]\nname = \"a\"\nopenapi = \"a\"\n",
        settings: &[
            setting("api", "table", "required", "The API: see [`[api]`](#api)."),
            setting(
                "authorizer",
                "tables by name",
                "none",
                "The authorizers, each by the name of its security scheme in the OpenAPI document: see [`[authorizer.NAME]`](#authorizername).",
            ),
            setting("cors", "table", "no CORS", "Cross-origin requests: see [`[cors]`](#cors)."),
            setting(
                "integration",
                "table",
                "none",
                "The default integration: see [`[integration]`](#integration).",
            ),
            setting(
                "stage",
                "tables by name",
                "a stage `dev`",
                "The stages: see [`[stage.NAME]`](#stagename).",
            ),
            setting(
                "usage_plan",
                "table",
                "none",
                "The usage plan for API keys: see [`[usage_plan]`](#usage_plan).",
            ),
        ],
        example: "",
    },
    Table {
        heading: "[api]",
        text: "The REST API.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "name",
                "string",
                "required",
                "The name of the REST API on AWS, at most 255 characters. The tag `portcullis:api` has it too; for a name that is not valid as a tag, it has a part of the name and a fingerprint.",
            ),
            setting("openapi", "path", "required", "The OpenAPI document, relative to this file."),
            choice(
                "endpoint",
                &["edge", "private", "regional"],
                "`regional`",
                "The endpoint type.",
            ),
            setting(
                "vpc_endpoints",
                "list of strings",
                "none",
                "The IDs of the VPC endpoints of a private API.",
            ),
            setting(
                "tags",
                "map of strings",
                "none",
                "Tags of the REST API and of pinned functions: at most 47, of letters, digits, spaces and `_.:/=+-@`. The prefixes `aws:` and `portcullis:` are reserved.",
            ),
            setting(
                "keep",
                "integer, at least 2",
                "`10`",
                "The number of deployments of the API to retain for `rollback`, those of all stages together. Served ones are always retained.",
            ),
            setting("protect", "boolean", "`false`", "Whether `undeploy` is rejected."),
            setting(
                "invoke_role",
                "table",
                "none",
                "The roles that `deploy` creates: see [`[api.invoke_role]`](#apiinvoke_role).",
            ),
        ],
        example: "[api]\nname = \"petstore\"\nopenapi = \"openapi.yaml\"\nendpoint = \"regional\"\ntags = { team = \"pets\" }",
    },
    Table {
        heading: "[api.invoke_role]",
        text: "The roles that `deploy` creates for authorizers without `invoke_role_arn`: one for each function. API Gateway assumes them to invoke the authorizers. The execution roles of pinned functions have these settings too.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[api.invoke_role]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "path",
                "string, at most 512 characters",
                "`/portcullis/API/`",
                "The path of the roles, with a slash at both ends.",
            ),
            setting(
                "permissions_boundary",
                "ARN",
                "none; that of an existing role is not changed",
                "The permissions boundary of the roles.",
            ),
            setting(
                "tags",
                "map of strings",
                "none",
                "Tags of the roles, with the limits of the tags of `[api]`. Keys that differ in case only are duplicates.",
            ),
        ],
        example: "[api.invoke_role]\npath = \"/delivery/\"\npermissions_boundary = \"arn:aws:iam::123456789012:policy/delivery\"\ntags = { team = \"pets\" }",
    },
    Table {
        heading: "[authorizer.NAME]",
        text: "A Lambda authorizer. `NAME` is the name of a security scheme in the OpenAPI document.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[authorizer.jwt]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "function",
                "name or table",
                "none",
                "A function in the deploying account and Region, of which each deployment pins a version: its name, or its settings (see [`[authorizer.NAME.function]`](#authorizernamefunction)). `deploy` publishes a version with the rules of the files if the code or the rules changed.",
            ),
            setting(
                "function_arn",
                "ARN",
                "none",
                "A function that is released separately, one of its versions or an alias, instead of `function`. One of the two is required to deploy.",
            ),
            setting(
                "invoke_role_arn",
                "ARN",
                "a role that `deploy` creates",
                "The role that API Gateway assumes to invoke the function.",
            ),
            choice(
                "type",
                &["request", "token"],
                "`token`; `request` if the routes or the location of the token require it",
                "The authorizer type: a TOKEN authorizer receives the header with the token, a REQUEST authorizer the request.",
            ),
            setting(
                "token",
                "`{ header = \"NAME\" }`, `{ header = \"NAME\", scheme = \"none\" }`, `{ query = \"NAME\" }` or `{ cookie = \"NAME\" }`",
                "`{ header = \"Authorization\" }`",
                "The location of the token. A header has the scheme `Bearer` or `DPoP` before the token, or none with `scheme = \"none\"`. `query` and `cookie` require a REQUEST authorizer.",
            ),
            setting(
                "public_urls",
                "list of strings",
                "the domain name and the path of the request",
                "The base URLs of the API for its clients, if a proxy precedes API Gateway: the `htu` of a DPoP proof is one of them and the path below the stage.",
            ),
            setting(
                "identity_sources",
                "list of strings",
                "the location of the token",
                "The identity sources, with `type = \"request\"`: `method.request.header.NAME`, `method.request.querystring.NAME`, `stageVariables.NAME` or `context.NAME`. They are the key of the authorizer result cache.",
            ),
            setting(
                "cache_ttl",
                "duration, `0s` to `1h`",
                "`5m`",
                "The TTL of the authorizer result cache; `0s` disables it.",
            ),
            choice(
                "log_identity",
                &["hashed", "none", "plain"],
                "`hashed`",
                "The form of `sub` and `jti` of verified tokens in the function's log.",
            ),
            setting(
                "log_key",
                "`\"${env:NAME}\"`",
                "the function's variable `AUTHORIZER_LOG_KEY`",
                "The key of the hashes in the log, from an environment variable: at least 32 characters, without spaces at the ends. Without a key, neither `sub` nor `jti` is logged.",
            ),
            setting(
                "policy_max_bytes",
                "integer, 1,024 to 1,048,576",
                "`8192`",
                "The maximum length of a policy in bytes. If the policy for all routes of a caller could be longer, each policy covers one route.",
            ),
            setting(
                "policy_outlives_token",
                "boolean",
                "`false`",
                "Whether a cached result may outlive its token, by up to `cache_ttl`.",
            ),
            setting(
                "ca_bundle",
                "path",
                "the root certificates of Mozilla",
                "A file with the trusted root certificates for fetching keys, in PEM, relative to this file. It becomes part of authorizer.json.",
            ),
            setting(
                "issuer",
                "list of tables",
                "required",
                "The trusted issuers: see [`[[authorizer.NAME.issuer]]`](#authorizernameissuer).",
            ),
        ],
        example: "[authorizer.jwt]\nfunction_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:petstore-authorizer:live\"\ncache_ttl = \"5m\"",
    },
    Table {
        heading: "[authorizer.NAME.function]",
        text: "The settings of a pinned function. A version has the settings that it was published with.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[authorizer.jwt.function]\nname = \"a\"\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "name",
                "string",
                "required",
                "The function's name: letters, digits, `-` and `_`, at most 64.",
            ),
            choice(
                "architecture",
                &["arm64", "x86_64"],
                "`arm64`",
                "The instruction set architecture.",
            ),
            setting("memory", "integer, 128 to 10,240", "`256`", "The memory in MB."),
            setting("timeout", "duration, `1s` to `29s`", "`10s`", "The timeout."),
            setting(
                "role_arn",
                "ARN",
                "a role that `deploy` creates",
                "The execution role. The one that `deploy` creates may write the function's log only.",
            ),
            setting(
                "environment",
                "map of strings",
                "empty",
                "The environment variables. Plans and records do not contain their values.",
            ),
            setting(
                "vpc",
                "`{ subnets = [\"ID\"], security_groups = [\"ID\"] }`",
                "none",
                "The VPC that the function is connected to. Requires `role_arn`.",
            ),
        ],
        example: "[authorizer.jwt.function]\nname = \"petstore-authorizer\"\nmemory = 512\nenvironment = { TZ = \"UTC\" }",
    },
    Table {
        heading: "[[authorizer.NAME.issuer]]",
        text: "A trusted issuer. The settings are those of `issuers[]` in [authorizer.json](authorizer-json.md#issuers), with durations instead of seconds.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[[authorizer.jwt.issuer]]\nissuer = \"https://a.example\"\naudience = [\"a\"]\nUNKNOWN = 1\n",
        settings: &[],
        example: "[[authorizer.jwt.issuer]]\nissuer = \"https://tenant.eu.auth0.com/\"\naudience = [\"https://petstore.example.com\"]\nalgorithms = [\"RS256\"]\ncontext = { tenant = \"/org/id\" }\n\n[[authorizer.jwt.issuer.require]]\nclaim = \"org\"\nany_of = [\"a\", \"b\"]",
    },
    Table {
        heading: "[integration]",
        text: "The integration of each operation without `x-amazon-apigateway-integration`: exactly one of `http`, `lambda` and `mock`.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[integration]\nmock = true\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "http",
                "URL",
                "none",
                "The base URL of an HTTP backend; may contain stage variables as `${stageVariables.NAME}`.",
            ),
            setting(
                "vpc_link",
                "string",
                "none",
                "The ID of a VPC link to the backend, with `http`.",
            ),
            setting("lambda", "ARN", "none", "A Lambda function for a proxy integration."),
            setting(
                "credentials",
                "ARN",
                "a resource-based permission of the function",
                "The role that API Gateway assumes to invoke the function, with `lambda`.",
            ),
            setting("mock", "`true`", "none", "A mock integration that responds with 200."),
            setting(
                "timeout",
                "duration, `50ms` to `5m`",
                "`29s`",
                "The integration timeout, with `http` or `lambda`. A longer one than `29s` requires a higher quota of the account, and is not supported by edge-optimized APIs.",
            ),
        ],
        example: "[integration]\nhttp = \"https://petstore.example.com\"\ntimeout = \"10s\"",
    },
    Table {
        heading: "[cors]",
        text: "Cross-origin requests. Each path gets an `OPTIONS` method, and gateway responses get the headers.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[cors]\nallow_origins = [\"*\"]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "allow_origins",
                "list of strings",
                "required",
                "The allowed origins, such as `https://app.example.com`; or `[\"*\"]`.",
            ),
            setting(
                "allow_methods",
                "list of strings",
                "the methods of the path",
                "The allowed methods.",
            ),
            setting(
                "allow_headers",
                "list of strings",
                "`Authorization`, `Content-Type`, `X-Api-Key`",
                "The allowed request headers.",
            ),
            setting(
                "expose_headers",
                "list of strings",
                "none",
                "The response headers that a page may read.",
            ),
            setting(
                "max_age",
                "duration",
                "none",
                "The time for which a browser caches the preflight response.",
            ),
            setting(
                "allow_credentials",
                "boolean",
                "`false`",
                "Whether requests may have credentials; requires listed origins.",
            ),
        ],
        example: "[cors]\nallow_origins = [\"https://app.example.com\"]\nmax_age = \"1h\"",
    },
    Table {
        heading: "[usage_plan]",
        text: "The usage plan for API keys; each stage gets one.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[usage_plan]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "throttle",
                "table",
                "none",
                "The throttle of each key: see [`throttle`](#throttle).",
            ),
            setting("quota", "table", "none", "The quota of each key: see [`quota`](#quota)."),
            setting("keys", "list of strings", "none", "The IDs of the API keys."),
        ],
        example: "[usage_plan]\nthrottle = { rate = 10, burst = 20 }\nquota = { limit = 10000, period = \"day\" }\nkeys = [\"abcdef1234\"]",
    },
    Table {
        heading: "quota",
        text: "A quota of requests.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[usage_plan.quota]\nlimit = 1\nperiod = \"day\"\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "limit",
                "integer, at least 1",
                "required",
                "The number of requests in a period.",
            ),
            choice("period", &["day", "month", "week"], "required", "The period, in UTC."),
        ],
        example: "",
    },
    Table {
        heading: "throttle",
        text: "A token bucket.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[usage_plan.throttle]\nrate = 1\nburst = 1\nUNKNOWN = 1\n",
        settings: &[
            setting("rate", "number", "required", "The rate limit, in requests per second."),
            setting("burst", "integer", "required", "The burst limit, in requests."),
        ],
        example: "",
    },
    Table {
        heading: "[stage.NAME]",
        text: "A stage. `NAME` has letters, digits, `-` and `_`.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[stage.dev]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "integration",
                "table",
                "that of the API",
                "The default integration of this stage: see [`[integration]`](#integration).",
            ),
            setting(
                "cors",
                "table",
                "that of the API",
                "Cross-origin requests to this stage: see [`[cors]`](#cors).",
            ),
            setting(
                "authorizer",
                "tables by name",
                "those of the API",
                "The authorizer functions of this stage: see [`[stage.NAME.authorizer.NAME]`](#stagenameauthorizername).",
            ),
            setting(
                "variables",
                "map of strings",
                "none",
                "The stage variables: at most 100, with names of at most 64 letters, digits and `_`, and values of 1 to 512 letters, digits and `-._~:/?#&=,`.",
            ),
            setting(
                "throttle",
                "table",
                "that of the account",
                "The default throttle of each method: see [`throttle`](#throttle).",
            ),
            setting(
                "route",
                "tables by name",
                "none",
                "Settings of single operations: see [`[stage.NAME.route.\"METHOD PATH\"]`](#stagenameroutemethod-path).",
            ),
            setting(
                "access_log",
                "ARN or table",
                "none",
                "The access log: see [`access_log`](#access_log).",
            ),
            setting(
                "metrics",
                "boolean",
                "`false`",
                "Whether detailed CloudWatch metrics are enabled.",
            ),
            choice(
                "logging",
                &["error", "info", "off"],
                "`off`",
                "The level of API Gateway's execution logs.",
            ),
            setting("tracing", "boolean", "`false`", "Whether X-Ray tracing is enabled."),
            setting(
                "provisioned_concurrency",
                "none",
                "none",
                "Not supported: each deployment may pin another version. The alias of a function with `function_arn` can have it.",
            ),
        ],
        example: "[stage.prod]\nthrottle = { rate = 100, burst = 200 }\nvariables = { backend = \"petstore.example.com\" }\nlogging = \"error\"",
    },
    Table {
        heading: "[stage.NAME.authorizer.NAME]",
        text: "An authorizer in one stage.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[authorizer.jwt]\n[stage.dev.authorizer.jwt]\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "function",
                "name or table",
                "that of the authorizer",
                "The function of which deployments of the stage pin versions.",
            ),
            setting(
                "function_arn",
                "ARN",
                "that of the authorizer",
                "The function that is released separately.",
            ),
        ],
        example: "",
    },
    Table {
        heading: "[stage.NAME.route.\"METHOD PATH\"]",
        text: "An operation in one stage.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[stage.dev.route.\"GET /pets\"]\nUNKNOWN = 1\n",
        settings: &[setting(
            "throttle",
            "table",
            "that of the stage",
            "The throttle of the operation: see [`throttle`](#throttle).",
        )],
        example: "[stage.prod.route.\"GET /pets\"]\nthrottle = { rate = 10, burst = 20 }",
    },
    Table {
        heading: "access_log",
        text: "The access log: an ARN, or a table.",
        probe: "[api]\nname = \"a\"\nopenapi = \"a\"\n[stage.dev.access_log]\ndestination = \"arn:aws:logs:eu-west-1:123456789012:log-group:a\"\nUNKNOWN = 1\n",
        settings: &[
            setting(
                "destination",
                "ARN",
                "required",
                "A CloudWatch log group, or a Firehose delivery stream named `amazon-apigateway-…`, in the account and Region of the API.",
            ),
            setting(
                "format",
                "string",
                "JSON with the request, the authorizer decision and its reason, and the response",
                "The format of a line; must contain `$context.requestId` or `$context.extendedRequestId`.",
            ),
        ],
        example: "[stage.prod]\naccess_log = \"arn:aws:logs:eu-west-1:123456789012:log-group:petstore\"",
    },
];

/// Settings of an issuer that are seconds in `authorizer.json`, by their name there.
pub(super) const DURATIONS: &[(&str, Setting)] = &[
    (
        "key_max_age_seconds",
        setting(
            "key_max_age",
            "duration, `1m` to `24h`",
            "`10m`",
            "The maximum age of fetched keys. `Cache-Control` of the issuer can shorten it.",
        ),
    ),
    (
        "keys_stale_for_seconds",
        setting(
            "keys_stale_for",
            "duration, `0s` to `24h`",
            "`1h`",
            "The time that keys past their maximum age remain usable while the issuer is unavailable.",
        ),
    ),
    (
        "leeway_seconds",
        setting(
            "leeway",
            "duration, `0s` to `5m`",
            "`30s`",
            "The clock skew tolerance for `exp`, `nbf` and `iat`.",
        ),
    ),
    (
        "max_token_age_seconds",
        setting(
            "max_token_age",
            "duration",
            "no maximum",
            "The maximum token lifetime from `iat` to `exp`; tokens without `iat` are then rejected.",
        ),
    ),
];

/// Settings of an issuer that are `keys` in `authorizer.json`.
pub(super) const KEYS: &[Setting] = &[
    setting(
        "keys",
        "path",
        "none",
        "A file with a bundled copy of the issuer's key set, relative to this file, for a cold start without a fetch. `deployer keys fetch` writes it. See [Bundle the keys of an issuer](../guides/claims.md#bundle-the-keys-of-an-issuer).",
    ),
    setting(
        "keys_lifetime",
        "duration, `1s` to `365d`",
        "`24h`",
        "The time from the fetch for which bundled keys are used. A key that the issuer withdraws is accepted for as long.",
    ),
];

/// The settings of an authorizer that have another name in `authorizer.json`, by their name there.
pub(super) const RENAMED: &[(&str, &str)] =
    &[("cache_ttl_seconds", "cache_ttl"), ("issuers", "issuer")];

/// The settings at the top of `authorizer.json` that `portcullis.toml` does not have, with the
/// reason.
pub(super) const JSON_ONLY: &[(&str, &str)] = &[
    ("apis", "a function that serves several APIs is configured without `deployer`"),
    ("pinned", "compiled: `true` for a function that each deployment pins (`function`)"),
    ("policy", "compiled: `route` if no policy can cover all routes of a caller"),
    ("routes", "compiled from the operations of the OpenAPI document"),
    ("scopes", "for functions without a route table"),
    ("simple_responses", "for HTTP APIs, which `deployer` does not deploy"),
];

/// The environment variables of the function.
pub(super) const VARIABLES: &[(&str, &str, &str)] = &[
    (
        "AUTHORIZER_CONFIG",
        "`authorizer.json` in `LAMBDA_TASK_ROOT`",
        "The path of the configuration file",
    ),
    (
        "AUTHORIZER_ISSUER",
        "required without a file; must not be set with one",
        "The trusted issuer",
    ),
    ("AUTHORIZER_AUDIENCE", "required without a file", "The audiences, separated by commas"),
    ("AUTHORIZER_ALGORITHMS", "`RS256`", "The allowed signature algorithms, separated by commas"),
    ("AUTHORIZER_JWKS_URI", "OpenID Connect discovery", "The URL of the key set"),
    ("AUTHORIZER_SCOPES", "none", "The scopes that every token must have, separated by spaces"),
    (
        "AUTHORIZER_SCOPE_CLAIMS",
        "those of the profile",
        "The scope claims, separated by commas; their values are combined",
    ),
    ("AUTHORIZER_PROFILE", "`oauth`", "The profile of the issuer's access tokens"),
    ("AUTHORIZER_LEEWAY", "`30`", "The clock skew tolerance, 0 to 300 seconds"),
    (
        "AUTHORIZER_LOG_ALLOWED",
        "`100`",
        "The percentage of allowed requests that are logged, 0 to 100; all others are always logged",
    ),
    (
        "AUTHORIZER_LOG_KEY",
        "none: neither `sub` nor `jti` is logged",
        "The key of the hashes in the log, at least 32 characters; must not be set beside `log_key`, nor without `log_identity` `hashed`",
    ),
    (
        "AWS_LAMBDA_LOG_LEVEL",
        "`INFO`",
        "The log level, set by Lambda: allowed requests are INFO, denied ones WARN, faults ERROR",
    ),
    ("AWS_LAMBDA_LOG_FORMAT", "`JSON`", "The log format, set by Lambda: `JSON` or `Text`"),
    ("AWS_LAMBDA_FUNCTION_NAME", "set by Lambda", "The dimension `FunctionName` of the metrics"),
    (
        "HTTPS_PROXY",
        "none",
        "The proxy for fetching keys, an http or https URL; empty or invalid, the function does not start. The proxy decides which addresses it connects to",
    ),
    (
        "NO_PROXY",
        "none",
        "The hosts that are reached without the proxy, separated by commas: names with their subdomains, IP addresses, networks, or `*`. Loopback hosts always are",
    ),
    ("AWS_LAMBDA_RUNTIME_API", "set by Lambda", "The address of the Lambda Runtime API"),
    ("LAMBDA_TASK_ROOT", "set by Lambda", "The folder of the binary and `authorizer.json`"),
];
