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

default_method_settings = Stage._get_default_method_settings
update_stage = Provider.update_stage


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


Stage._get_default_method_settings = new_entry
Provider.update_stage = update

runpy.run_module("localstack.runtime.main", run_name="__main__")
