"""Sends calls through the proxy of the endpoint, and prints what a client reads."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, key = sys.argv[1:]
# The client must not validate itself.
config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="x", region_name="eu-west-1")
client = session.client("apigateway", endpoint_url=endpoint, config=config)
iam = session.client("iam", endpoint_url=endpoint, config=config)
found = {}


def refused(label, call, **arguments):
    try:
        call(**arguments)
        found[label] = "accepted"
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        found[label] = [error.response["Error"]["Code"], status, error.response["Error"]["Message"]]


def update(*patches):
    operations = [dict(zip(("op", "path", "value"), patch)) for patch in patches]
    return {"restApiId": api, "stageName": "dev", "patchOperations": operations}


api = client.create_rest_api(name="strict")["id"]
root = client.get_resources(restApiId=api)["items"][0]["id"]
client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
deployment = client.create_deployment(restApiId=api)["id"]
client.create_stage(restApiId=api, stageName="dev", deploymentId=deployment)
refused("patch", client.update_stage, **update(("add", "/canarySettings/deploymentId", deployment)))
refused("entry", client.update_stage, **update(("remove", "/*/*")))
refused("deployment", client.delete_deployment, restApiId=api, deploymentId=deployment)
refused("authorizer", client.create_authorizer, restApiId="none", name="a", type="TOKEN")
trust = json.dumps({"Version": "2012-10-17", "Statement": []})
tags = [{"Key": "aws:x", "Value": "y"}]
refused("role", iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust, Tags=tags)
refused("role_name", iam.create_role, RoleName="a b", AssumeRolePolicyDocument=trust)


def entry(stage):
    found = stage["methodSettings"]["~1/GET"]
    burst = str(found["throttlingBurstLimit"])
    return [found["metricsEnabled"], found["throttlingRateLimit"], burst]


metrics, rate = "/*/*/metrics/enabled", "/~1/GET/throttling/rateLimit"
found["copied"] = entry(
    client.update_stage(**update(("replace", metrics, "true"), ("replace", rate, "5")))
)
client.update_stage(**update(("replace", metrics, "false"), ("replace", rate, "7")))
found["retained"] = entry(client.get_stage(restApiId=api, stageName="dev"))
client.update_stage(**update(("remove", "/~1/GET")))
found["entries"] = sorted(client.get_stages(restApiId=api)["item"][0]["methodSettings"])
found["again"] = entry(client.update_stage(**update(("replace", rate, "1"))))[:2]
account = client.get_account()
throttle = account["throttleSettings"]
found["account"] = [account["cloudwatchRoleArn"], throttle["rateLimit"], throttle["burstLimit"]]
print(json.dumps(found))
