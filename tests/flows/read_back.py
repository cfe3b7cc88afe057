"""Reads the state of an emulator's accounts with boto3, independently of the deployer."""

import json
import sys

import boto3

endpoint, region, *accounts = sys.argv[1:]


def pages(call, key, **arguments):
    found, position = [], None
    while True:
        more = {"position": position} if position else {}
        page = call(limit=500, **arguments, **more)
        found += page.get(key, [])
        position = page.get("position")
        if not position:
            return found


def api(client, found):
    key = found["id"]
    names = {one["id"]: one["name"] for one in pages(client.get_authorizers, "items", restApiId=key)}
    methods = {}
    for resource in pages(client.get_resources, "items", restApiId=key, embed=["methods"]):
        for verb, method in resource.get("resourceMethods", {}).items():
            method["authorizer"] = names.get(method.pop("authorizerId", None))
            method.pop("requestValidatorId", None)
            method.get("methodIntegration", {}).pop("cacheNamespace", None)
            methods[f"{verb} {resource['path']}"] = method
    deployments = {
        one["id"]: one.get("description", "")
        for one in pages(client.get_deployments, "items", restApiId=key)
    }
    stages = {}
    for stage in client.get_stages(restApiId=key)["item"]:
        for volatile in ("createdDate", "lastUpdatedDate"):
            stage.pop(volatile, None)
        stage["deployment"] = deployments.get(stage.pop("deploymentId"), "none")
        # The description contains deployment IDs.
        for deployment, description in deployments.items():
            stage["description"] = stage.get("description", "").replace(deployment, description)
        canary = stage.get("canarySettings", {})
        if "deploymentId" in canary:
            canary["deployment"] = deployments.get(canary.pop("deploymentId"), "none")
        stages[stage["stageName"]] = stage
    arn = f"arn:aws:apigateway:{region}::/restapis/{key}"
    found["tags"] = {**found.get("tags", {}), **client.get_tags(resourceArn=arn)["tags"]}
    for volatile in ("createdDate", "id", "rootResourceId"):
        found.pop(volatile, None)
    authorizers = pages(client.get_authorizers, "items", restApiId=key)
    return {
        "id": key,
        "api": found,
        "authorizers": sorted(({k: v for k, v in one.items() if k != "id"} for one in authorizers), key=str),
        "methods": methods,
        "models": sorted(one["name"] for one in pages(client.get_models, "items", restApiId=key)),
        "gatewayResponses": {
            one["responseType"]: one
            for one in pages(client.get_gateway_responses, "items", restApiId=key)
            if not one.get("defaultResponse")
        },
        "deployments": sorted(deployments.values()),
        "stages": stages,
    }


def document(policy):
    """boto3 decodes policies, unless the emulator did not encode them."""
    return json.loads(policy) if isinstance(policy, str) else policy


def account(key):
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="x", region_name=region)
    client = session.client("apigateway", endpoint_url=endpoint)
    iam = session.client("iam", endpoint_url=endpoint)
    roles = {}
    for role in iam.list_roles(PathPrefix="/portcullis/")["Roles"]:
        name = role["RoleName"]
        if not role["Path"].startswith("/portcullis/"):
            continue
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        roles[name] = {
            "path": role["Path"],
            "trust": document(role["AssumeRolePolicyDocument"]),
            "tags": {one["Key"]: one["Value"] for one in iam.list_role_tags(RoleName=name)["Tags"]},
            "policies": {
                one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"]
                for one in policies
            },
        }
    plans = [
        {
            "name": plan["name"],
            "throttle": plan.get("throttle"),
            "quota": plan.get("quota"),
            "stages": [stage["stage"] for stage in plan.get("apiStages", [])],
            "keys": [one["id"] for one in client.get_usage_plan_keys(usagePlanId=plan["id"])["items"]],
        }
        for plan in client.get_usage_plans().get("items", [])
    ]
    apis = [api(client, found) for found in pages(client.get_rest_apis, "items")]
    return {"apis": apis, "roles": roles, "plans": plans}


print(json.dumps({key: account(key) for key in accounts}, default=str, sort_keys=True))
