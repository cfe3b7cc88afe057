// A certified OpenID provider with two clients for client credentials, one for RS256 and one for
// ES256 access tokens, for any resource. Prints its issuer URL on one line once it listens.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const SCOPES = "pets:read pets:write owners:read admin";

const jwk = (type, options, kid, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  kid,
  alg,
  use: "sig",
});

const client = (id) => ({
  client_id: id,
  client_secret: "not a secret",
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  scope: SCOPES,
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client("RS256"), client("ES256")],
    jwks: {
      keys: [
        jwk("rsa", { modulusLength: 2048 }, "rsa-1", "RS256"),
        jwk("ec", { namedCurve: "P-256" }, "ec-1", "ES256"),
      ],
    },
    scopes: SCOPES.split(" "),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, { clientId }) => ({
          scope: SCOPES,
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: clientId } },
        }),
      },
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
