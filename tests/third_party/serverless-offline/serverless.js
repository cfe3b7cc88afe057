// The petstore as serverless-offline serves it. ROUTES says its operations, HTTP_PORT and
// LAMBDA_PORT where it listens, ASK_URL who decides; or ISSUER whose tokens it takes itself.

const bearer = "^[Bb][Ee][Aa][Rr][Ee][Rr] [A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$";

const events = JSON.parse(process.env.ROUTES).map(({ method, path, open }) => ({
  http: {
    method,
    path,
    ...(open ? {} : {
      authorizer: {
        name: "authorize",
        type: "token",
        resultTtlInSeconds: Number(process.env.TTL),
        identityValidationExpression: bearer,
      },
    }),
  },
}));

module.exports = {
  service: "petstore",
  frameworkVersion: "3",
  provider: { name: "aws", runtime: "nodejs20.x", stage: "dev", environment: { ASK_URL: process.env.ASK_URL ?? "", ISSUER: process.env.ISSUER ?? "" } },
  plugins: ["serverless-offline"],
  custom: {
    "serverless-offline": {
      httpPort: Number(process.env.HTTP_PORT),
      lambdaPort: Number(process.env.LAMBDA_PORT),
      noTimeout: true,
    },
  },
  functions: { authorize: { handler: process.env.ISSUER ? "handler.verify" : "handler.authorize" }, echo: { handler: "handler.echo", events } },
};
