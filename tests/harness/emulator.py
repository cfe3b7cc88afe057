"""Starts LocalStack with the behaviour of AWS that the tests depend on and that it lacks."""

import copy
import re
import runpy

import localstack.aws.patches as patches
from localstack.aws.api.apigateway import BadRequestException
from localstack.services.apigateway.helpers import get_moto_rest_api
from localstack.services.apigateway.next_gen.provider import ApigatewayNextGenProvider as Provider
from moto.apigateway.models import Stage

# AWS's thousand managed policies, which it would read again for every account. No test uses them.
patches.patch_moto_iam_config = lambda: None

# An entry of the method settings: it can be removed, and is created as a copy of `*/*`, whose default
# throttle is the account's, as GetAccount has it.
ENTRY = re.compile("/([^/]+/[A-Z*]+)$")

# The VPC endpoints of a private API: a list whose values are added and removed, and that an import with
# `overwrite` resets. AWS reads them from the document too, but its sources disagree about the place.
VPC_ENDPOINTS = "/endpointConfiguration/vpcEndpointIds"
# An import with `overwrite` opens the default endpoint.
DEFAULT_ENDPOINT = "/disableExecuteApiEndpoint"

default_method_settings = Stage._get_default_method_settings
update_stage = Provider.update_stage
update_rest_api = Provider.update_rest_api
put_rest_api = Provider.put_rest_api


def new_entry(stage):
    account = {"throttlingRateLimit": 500.0, "throttlingBurstLimit": 1000}
    every = stage.method_settings.get("*/*")
    return copy.deepcopy(every) if every else {**default_method_settings(stage), **account}


def removed_entry(operation):
    entry = ENTRY.match(operation["path"]) if operation["op"] == "remove" else None
    return entry and not entry.group(1).startswith("variables/") and entry.group(1)


def update(provider, context, rest_api_id, stage_name, patch_operations=None, **rest):
    stage = get_moto_rest_api(context, rest_api_id).stages.get(stage_name)
    operations = (patch_operations or []) if stage else []
    for entry in filter(None, map(removed_entry, operations)):
        if entry not in stage.method_settings:
            raise BadRequestException(
                f"Cannot remove method setting {entry} because there is no method setting for this method "
            )
        stage.method_settings.pop(entry, None)
    remaining = [one for one in operations if not removed_entry(one)]
    return update_stage(provider, context, rest_api_id, stage_name, remaining, **rest)


def set_vpc_endpoints(context, api, change):
    endpoint = get_moto_rest_api(context, api).endpoint_configuration
    ids = change(endpoint.get("vpcEndpointIds") or [])
    endpoint["vpcEndpointIds"] = ids
    if not ids:
        del endpoint["vpcEndpointIds"]


def update_api(provider, context, rest_api_id, patch_operations=None, **rest):
    operations = patch_operations or []
    for operation in [one for one in operations if one["path"] == VPC_ENDPOINTS]:
        value = operation["value"]
        added = [value] if operation["op"] == "add" else []
        without = lambda ids: [one for one in ids if one != value]
        set_vpc_endpoints(context, rest_api_id, lambda ids: without(ids) + added)
    for operation in [one for one in operations if one["path"] == DEFAULT_ENDPOINT]:
        # The emulator reads `false` as a text, which is true.
        api = get_moto_rest_api(context, rest_api_id)
        api.disableExecuteApiEndpoint = operation["value"] == "true"
    own = (VPC_ENDPOINTS, DEFAULT_ENDPOINT)
    remaining = [one for one in operations if one["path"] not in own]
    return update_rest_api(provider, context, rest_api_id, remaining, **rest)


def put_api(provider, context, request):
    set_vpc_endpoints(context, request["restApiId"], lambda ids: [])
    # The emulator retains the resource policy that an imported document does not have.
    api = get_moto_rest_api(context, request["restApiId"])
    api.policy = None
    api.disableExecuteApiEndpoint = False
    return put_rest_api(provider, context, request)


Stage._get_default_method_settings = new_entry
Provider.update_stage = update
Provider.update_rest_api = update_api
Provider.put_rest_api = put_api

runpy.run_module("localstack.runtime.main", run_name="__main__")
