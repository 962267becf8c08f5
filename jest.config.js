/** Unit, property and graph tests run from the TypeScript sources; swc only strips types, `npm run typecheck` checks them. */
module.exports = {
  testEnvironment: "node",
  // Machines are shared: a test that needs two seconds alone may need ten beside a build.
  testTimeout: 30_000,
  // One lab keeps two cores busy: two at once take as long, and what waits for an API server runs out of time.
  maxWorkers: 1,
  // With one worker the tests run in jest's own process, which a server that somebody forgot to close would keep alive.
  forceExit: true,
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
