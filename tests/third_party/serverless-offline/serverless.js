// The petstore in serverless-offline. ROUTES: its operations. HTTP_PORT, LAMBDA_PORT: its ports.
// AUTHORIZER_URL: the authorizer; or ISSUER: the issuer whose tokens it verifies itself.

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
  provider: { name: "aws", runtime: "nodejs20.x", stage: "dev", environment: { AUTHORIZER_URL: process.env.AUTHORIZER_URL ?? "", ISSUER: process.env.ISSUER ?? "" } },
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
