// typescript-eslint's strictest sets, and the rules that make evidence hard to forge.
// Which module may import which is .dependency-cruiser.mjs's business.
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Evidence types: the static method that makes one, and the only files that may call it. */
const EVIDENCE = [
  { type: 'Principal', maker: 'verified', home: ['src/identity/**'] },
  { type: 'Permit', maker: 'allowed', home: ['src/policy/decide.ts'] },
  { type: 'Permit', maker: 'approved', home: ['src/approval/**'] },
  { type: 'Permit', maker: 'granted', home: ['src/approval/**'] },
  { type: 'Permit', maker: 'previewed', home: ['src/approval/**'] },
  { type: 'Intent', maker: 'recorded', home: ['src/log/**'] },
  { type: 'Lease', maker: 'issued', home: ['src/credential/**'] },
  { type: 'Masked', maker: 'through', home: ['src/masking/**'] },
  { type: 'InboundToken', maker: 'received', home: ['src/identity/**'] },
];

const anyOf = (names) => `/^(${[...new Set(names)].join('|')})$/`;
const evidenceName = anyOf(EVIDENCE.map(({ type }) => type));
const EVIDENCE_MODULE = '/(evidence|principal|inbound-token)[.]ts$/';
const evidenceReference = `TSTypeReference[typeName.name=${evidenceName}]`;

const CASTS = [
  {
    selector: [
      `:matches(TSAsExpression, TSTypeAssertion) > ${evidenceReference}.typeAnnotation`,
      `:matches(TSAsExpression, TSTypeAssertion) > .typeAnnotation ${evidenceReference}`,
    ].join(),
    message: 'Evidence is made by its own stage; a cast would skip a door.',
  },
];

const NEVER = {
  selector: ':matches(TSAsExpression, TSTypeAssertion) > TSNeverKeyword',
  message: 'never fits every type, evidence included. For an exhaustive switch write `satisfies never`.',
};

const MODULE_MOCKS = {
  selector: 'CallExpression[callee.object.name="vi"][callee.property.name=/^(mock|doMock|hoisted)$/]',
  message: 'Module mocking is not used: pass a double from test/support through the port.',
};

/** The one place where the access token of a request may be read. */
const CREDENTIAL_DOOR = 'src/credential/**';
const INBOUND_TOKEN = {
  selector:
    ':matches(MemberExpression, ObjectPattern > Property) > :matches(Identifier[name="subjectTokenFor"], Literal[value="subjectTokenFor"])',
  message: `The access token of a request is read in ${CREDENTIAL_DOOR} alone.`,
};

/** What `no-restricted-syntax` says in files that may use the makers in `allowed`. */
function restrictions(allowed) {
  const forbidden = EVIDENCE.filter((evidence) => !allowed.includes(evidence));
  const strangers = forbidden.filter(({ type }) => !allowed.some((evidence) => evidence.type === type));
  const calls = forbidden.map(({ type, maker, home }) => ({
    selector: `MemberExpression[object.name="${type}"]:matches([property.name="${maker}"], [property.value="${maker}"])`,
    message: `${type}.${maker} belongs to ${home.join(', ')}.`,
  }));
  const types = anyOf(strangers.map(({ type }) => type));
  const uses = [
    // All that is left is `import`, a type, and `instanceof`.
    `:not(ImportSpecifier, TSTypeReference, BinaryExpression[operator="instanceof"]) > Identifier[name=${types}]`,
    `ImportSpecifier[imported.name=${types}]:not([local.name=${types}])`,
    `ImportDeclaration[importKind="value"][source.value=${EVIDENCE_MODULE}] > ImportNamespaceSpecifier`,
    `ImportExpression[source.value=${EVIDENCE_MODULE}]`,
    `ExportAllDeclaration[source.value=${EVIDENCE_MODULE}]`,
  ].map((selector) => ({
    selector,
    message: 'Outside its own stage evidence is a type, and what instanceof is asked for.',
  }));
  const reads = allowed.some(({ home }) => home.includes(CREDENTIAL_DOOR)) ? [] : [INBOUND_TOKEN];
  return [...CASTS, MODULE_MOCKS, ...reads, ...calls, ...(strangers.length > 0 ? [NEVER, ...uses] : [])];
}

const homes = [...new Set(EVIDENCE.flatMap(({ home }) => home))];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.sallyport/']),
  {
    files: ['**/*.{ts,js,mjs}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '.*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...restrictions([])],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // A number in a message needs no String().
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => emitter.emit()` is shorter than braces, and no worse.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A port's method is async even where one implementation has nothing to wait for: its throw must be a rejection.
      '@typescript-eslint/require-await': 'off',
      // The compiler does not see that a callback has changed a flag, and this rule would have the check of it removed.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // The compiler reports it (noUnusedLocals, noUnusedParameters).
      '@typescript-eslint/no-unused-vars': 'off',
      // `readonly [field: string]: Secret` says what the keys are; Record<string, Secret> does not.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/no-deprecated': [
        'error',
        {
          allow: [
            // Deprecated only so that it stands out; without it no provider on loopback could be used.
            { from: 'package', package: 'openid-client', name: 'allowInsecureRequests' },
            // Deprecated for all but what it is needed for here: unknown tools and bad arguments must reach the doors.
            { from: 'package', package: '@modelcontextprotocol/server', name: 'Server' },
          ],
        },
      ],
      // `[...text]` for code points is what masks and parsers mean.
      '@typescript-eslint/no-misused-spread': ['error', { allow: [{ from: 'lib', name: 'string' }] }],
    },
  },
  ...homes.map((home) => ({
    files: [home],
    rules: {
      'no-restricted-syntax': ['error', ...restrictions(EVIDENCE.filter((evidence) => evidence.home.includes(home)))],
    },
  })),
  {
    files: ['src/core/evidence.ts', 'src/core/principal.ts', 'src/core/inbound-token.ts'],
    rules: { 'no-restricted-syntax': ['error', ...CASTS] },
  },
  {
    files: ['src/**', 'tools/**'],
    // On stdio, stdout is the protocol. Commands and the demo write for people.
    ignores: ['src/cli/**', 'src/demo/**', 'src/main.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    // A test stands in for the stages around the one it tests.
    files: ['test/**', 'bench/**'],
    rules: {
      'no-restricted-syntax': ['error', ...restrictions(EVIDENCE)],
      // What came over the wire is asserted, not typed.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // A missing value fails the test as well as an assertion would.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Here the mistakes are the point, and the compiler must find them alone.
    files: ['test/types/**'],
    rules: {
      '@typescript-eslint/ban-ts-comment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  { files: ['**/*.{js,mjs}'], extends: [tseslint.configs.disableTypeChecked] },
);
