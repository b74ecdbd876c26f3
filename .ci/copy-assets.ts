// Puts what tsc leaves behind where the compiled files look for it: dist mirrors the repository. Run by `npm run build`.
import { cpSync, globSync } from 'node:fs';

for (const asset of globSync([
  '{src,tools}/**/*.{sql,css,html,svg,yaml}',
  'src/demo/policies/**/*.{json,md}',
  'policies/**/*.{yaml,json}',
])) {
  cpSync(asset, `dist/${asset}`);
}
