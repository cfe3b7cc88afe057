// The functions of serverless-offline: an authorizer that forwards to the Portcullis authorizer,
// one that verifies the token itself, and an echo.

const { createPublicKey } = require("node:crypto");
const jwt = require("jsonwebtoken");

const PORTCULLIS_ARN = "arn:aws:execute-api:us-east-1:000000000000:local";

module.exports.authorize = async ({ methodArn, authorizationToken }) => {
  const offlineArn = methodArn.split("/")[0];
  const response = await fetch(process.env.AUTHORIZER_URL, {
    method: "POST",
    body: JSON.stringify({ type: "TOKEN", methodArn: methodArn.replace(offlineArn, PORTCULLIS_ARN), authorizationToken }),
  });
  const text = await response.text();
  if (response.headers.get("x-amz-function-error")) throw new Error(JSON.parse(text).errorMessage);
  return JSON.parse(text.replaceAll(PORTCULLIS_ARN, offlineArn));
};

let key;

module.exports.verify = async ({ methodArn, authorizationToken }) => {
  if (!key) {
    const { keys } = await (await fetch(`${process.env.ISSUER}/jwks`)).json();
    key = createPublicKey({ key: keys[0], format: "jwk" });
  }
  const { sub } = jwt.verify(authorizationToken.slice(7), key, { algorithms: ["RS256"], issuer: process.env.ISSUER });
  const statement = { Action: "execute-api:Invoke", Effect: "Allow", Resource: methodArn };
  return { principalId: sub, policyDocument: { Version: "2012-10-17", Statement: [statement] } };
};

module.exports.echo = async ({ httpMethod, path }) => ({
  statusCode: 200,
  body: JSON.stringify({ method: httpMethod, path }),
});
