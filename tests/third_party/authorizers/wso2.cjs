// The checks of WSO2's sample authorizer: look up the key by `kid`, verify the signature, allow
// the called method. Logs each event, as the sample does.
const jwt = require("jsonwebtoken");
const { JwksClient } = require("jwks-rsa");

const keys = new JwksClient({ cache: true, rateLimit: true, jwksRequestsPerMinute: 10, jwksUri: process.env.JWKS_URI });

exports.handler = async (event) => {
  console.log(JSON.stringify(event));
  const token = /^Bearer (.*)$/.exec(event.authorizationToken)[1];
  const { header } = jwt.decode(token, { complete: true });
  const key = await keys.getSigningKey(header.kid);
  jwt.verify(token, key.getPublicKey());
  const statement = { Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn };
  return { principalId: "user", policyDocument: { Version: "2012-10-17", Statement: [statement] } };
};
