"""Runs a test function: polls the Runtime API, as Lambda's Python runtime does.

    runtime.py MODULE      calls MODULE.handler(event) for each invocation
"""

import importlib
import json
import os
import sys
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"


def post(path, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", body, method="POST")).read()


try:
    handler = importlib.import_module(sys.argv[1]).handler
except Exception as error:
    post("init/error", {"errorType": type(error).__name__, "errorMessage": str(error)})
    sys.exit(1)

while True:
    with urllib.request.urlopen(f"{API}/invocation/next") as invocation:
        request = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(invocation)
    try:
        response = handler(event)
    except Exception as error:
        post(f"invocation/{request}/error", {"errorType": type(error).__name__, "errorMessage": str(error)})
        continue
    try:
        post(f"invocation/{request}/response", response)
    except urllib.error.HTTPError as error:
        print(f"the response was rejected: {error.code}", flush=True)
