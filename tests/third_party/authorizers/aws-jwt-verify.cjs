// AWS's library for Node, used as documented, with the keys bundled.
const { readFileSync } = require("node:fs");
const { JwtVerifier } = require("aws-jwt-verify");

const { ISSUER: issuer, AUDIENCE: audience, JWKS_FILE: file, JWKS_URI: jwksUri } = process.env;
const verifier = JwtVerifier.create({ issuer, audience, jwksUri });
verifier.cacheJwks(JSON.parse(readFileSync(file, "utf8")));

exports.handler = async (event) => {
  const claims = await verifier.verify(event.authorizationToken.slice("Bearer ".length));
  const statement = { Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn };
  return { principalId: claims.sub, policyDocument: { Version: "2012-10-17", Statement: [statement] } };
};
