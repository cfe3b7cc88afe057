"""An authorizer whose response depends on the token."""

import sys
import time


def policy(effect, resource, **more):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, **more}


def handler(event):
    token = event.get("authorizationToken") or event["headers"]["X-Token"]
    arn = event["methodArn"]
    everything = arn.split("/")[0] + "/*"
    match token.split(" ")[-1].split("-")[0]:
        case "all":
            return policy("Allow", everything, context={"n": 7, "yes": True, "text": "x"})
        case "this":
            return policy("Allow", arn)
        case "deny":
            return policy("Deny", everything)
        case "other":
            return policy("Allow", arn + "/elsewhere")
        case "unauthorized":
            raise Exception("Unauthorized")
        case "lower":
            raise Exception("unauthorized")
        case "error":
            raise Exception("something else")
        case "anonymous":
            return {"policyDocument": policy("Allow", everything)["policyDocument"]}
        case "nested":
            return policy("Allow", everything, context={"roles": ["a"]})
        case "nonsense":
            return "no policy"
        case "crash":
            sys.exit(3)
        case "wait":
            print("the authorizer is running", flush=True)
            time.sleep(3)
            return policy("Allow", everything)
        case "slow":
            time.sleep(60)
        case "key":
            return policy("Allow", everything, usageIdentifierKey="secret-key")
        case "event":
            return policy("Allow", everything, context={"event": str(event)})
    raise Exception(f"no such case: {token}")
