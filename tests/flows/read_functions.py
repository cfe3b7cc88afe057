"""Reads the functions of an emulator's accounts with boto3, independently of the deployer."""

import json
import sys

import boto3

endpoint, region, *accounts = sys.argv[1:]

VOLATILE = (
    "CodeSize",
    "LastModified",
    "LastUpdateStatus",
    "ResponseMetadata",
    "RevisionId",
    "State",
    "StateReason",
    "StateReasonCode",
)


def function(client, name):
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    versions = [one for page in pages for one in page["Versions"]]
    for version in versions:
        for member in VOLATILE:
            version.pop(member, None)
    pages = client.get_paginator("list_aliases").paginate(FunctionName=name)
    aliases = [one for page in pages for one in page["Aliases"]]
    return {
        "latest": [one for one in versions if one["Version"] == "$LATEST"],
        "versions": [one for one in versions if one["Version"] != "$LATEST"],
        "aliases": {one["Name"]: one["FunctionVersion"] for one in aliases},
        "tags": client.list_tags(Resource=versions[0]["FunctionArn"].removesuffix(":$LATEST"))["Tags"],
    }


def account(key):
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="x", region_name=region)
    client = session.client("lambda", endpoint_url=endpoint)
    pages = client.get_paginator("list_functions").paginate()
    names = [one["FunctionName"] for page in pages for one in page["Functions"]]
    return {name: function(client, name) for name in names}


print(json.dumps({key: account(key) for key in accounts}, default=str, sort_keys=True))
