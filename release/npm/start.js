// Starts the program of this platform's package. Nothing is downloaded or written.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const platform = `@portcullis/cli-${process.platform}-${process.arch}`;

/** Returns the path of the program, or ends with an explanation. */
function program() {
  try {
    return require.resolve(`${platform}/bin/portcullis`);
  } catch {
    const { optionalDependencies } = require("./package.json");
    const reason = Object.hasOwn(optionalDependencies, platform)
      ? `the package \`${platform}\` is not installed: install it from the same release, or without \`--omit=optional\` and \`--no-optional\``
      : `${process.platform}-${process.arch} is not supported`;
    console.error(`portcullis: ${reason}`);
    process.exit(1);
  }
}

/** Runs the program under a name, and ends as it ends. */
module.exports = (name) => {
  const child = spawn(program(), process.argv.slice(2), { argv0: name, stdio: "inherit" });
  // A terminal sends Ctrl-C to the program too, which takes both signals for one.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`portcullis: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
};
