// Prints `N passed, N failed` from vitest's JSON report: `node closing-line.mjs REPORT EXIT_CODE`.
// Runs on the host's Node. A file that did not load, or an error outside every test, counts as a failure.
import { readFileSync } from 'node:fs';

const [path, exitCode] = process.argv.slice(2);
const text = readFileSync(path, 'utf8');
const report = text.trim() === '' ? { numPassedTests: 0, numFailedTests: 0, testResults: [] } : JSON.parse(text);
const unloaded = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
);
const failed = report.numFailedTests + unloaded.length;
console.log(`${report.numPassedTests} passed, ${failed === 0 && exitCode !== '0' ? 1 : failed} failed`);
