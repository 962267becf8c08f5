/** Unit, property and graph tests run from the TypeScript sources; swc only strips types, `npm run typecheck` checks them. */
module.exports = {
  testEnvironment: "node",
  // Machines are shared: a test that needs two seconds alone may need ten beside a build.
  testTimeout: 30_000,
  // Labs wait more than they compute. With one worker, jest runs the tests in its own process, where a server that
  // somebody forgot to close keeps it from ending.
  maxWorkers: 2,
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  transform: {
    "^.+\\.(ts|mts|js|mjs)$": [
      "@swc/jest",
      {
        jsc: { parser: { syntax: "typescript" }, target: "es2022" },
        module: { type: "commonjs" },
      },
    ],
  },
  // An import that is carried out later names the file as it is called in the package.
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  // These are ES modules only, and jest loads CommonJS.
  transformIgnorePatterns: [
    "/node_modules/(?!(age-encryption|@noble|@scure|@kubernetes/client-node|openid-client|oauth4webapi|jose|jsonpath-plus)/)",
  ],
};
