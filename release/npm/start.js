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
      ? `the package \`${platform}\` is not installed: install without \`--omit=optional\` and \`--no-optional\``
      : `${process.platform}-${process.arch} is not supported`;
    console.error(`portcullis: ${reason}`);
    process.exit(1);
  }
}

/** Runs the program under a name, and ends as it ends. */
module.exports = (name) => {
  const child = spawn(program(), process.argv.slice(2), { argv0: name, stdio: "inherit" });
  // A terminal sends its signals to the program too, and a second Ctrl-C aborts.
  const hasTerminal = [0, 1, 2].some((fd) => require("node:tty").isatty(fd));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal === "SIGTERM" || !hasTerminal) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`portcullis: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
};
