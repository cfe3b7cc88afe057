"""A function whose response depends on the last segment of the request path."""

import base64
import json
import os
import sys
import time


def handler(event):
    match event.get("path", event.get("what", "")).rsplit("/", 1)[-1]:
        case "text":
            return {"statusCode": "201", "headers": {"X-One": "1", "Server": "mine", "Date": "then"},
                    "multiValueHeaders": {"X-Many": ["a", "b"]}, "body": "hello"}
        case "malformed":
            return {"body": "no status"}
        case "object":
            return {"statusCode": 200, "body": {"an": "object"}}
        case "list":
            return []
        case "raise":
            raise ValueError("it went wrong")
        case "crash":
            sys.exit(3)
        case "slow":
            time.sleep(1)
            return {"statusCode": 200, "body": "late"}
        case "forever":
            time.sleep(60)
        case "big":
            return {"statusCode": 200, "body": "x" * 7_000_000}
        case "bytes":
            return {"statusCode": 200, "isBase64Encoded": True, "headers": {"Content-Type": "image/png"},
                    "body": base64.b64encode(bytes(range(256))).decode()}
        case "who":
            time.sleep(0.3)
            return {"statusCode": 200, "body": str(os.getpid())}
        case "plain":
            return {"event": event}
    return {"statusCode": 200, "body": json.dumps(event)}
