// What Prometheus reads: counts of calls, refusals and disagreements, time at each door, and health.
import { expect, test } from 'vitest';
import { Metrics } from '../../src/core/metrics.ts';

test('a broker that did nothing says so, and whether it is well', () => {
  const lines = new Metrics().text([{ name: 'store', ok: false }]).split('\n');
  expect(lines).toContain('sallyport_mask_disagreements_total 0');
  expect(lines).toContain('sallyport_healthy{check="store"} 0');
  for (const line of lines)
    expect(line).toMatch(/^$|^# (HELP|TYPE) sallyport_\w+ |^sallyport_\w+(\{(\w+="[^"\n]*",?)+\})? [\d.e-]+$/);
});

test('calls are counted by tool and outcome, refusals by code, and doors by their time', () => {
  const metrics = new Metrics();
  const doors = { decide: 0.2, backend: 40 };
  metrics.call({ tool: 'find', outcome: 'succeeded', code: undefined, doors });
  metrics.call({ tool: 'find', outcome: 'withheld', code: 'result_withheld', doors });
  metrics.call({ tool: undefined, outcome: 'refused', code: 'unknown_tool', doors: { decide: 0.2 } });
  metrics.disagreement();
  const lines = metrics.text([]).split('\n');
  for (const line of [
    'sallyport_calls_total{tool="find",outcome="succeeded"} 1',
    'sallyport_calls_total{tool="find",outcome="withheld"} 1',
    'sallyport_calls_total{tool="unknown",outcome="refused"} 1',
    'sallyport_refusals_total{code="result_withheld"} 1',
    'sallyport_refusals_total{code="unknown_tool"} 1',
    'sallyport_door_seconds_bucket{door="decide",le="0.0001"} 0',
    'sallyport_door_seconds_bucket{door="decide",le="0.0005"} 3',
    'sallyport_door_seconds_bucket{door="backend",le="0.01"} 0',
    'sallyport_door_seconds_bucket{door="backend",le="0.05"} 2',
    'sallyport_door_seconds_bucket{door="backend",le="+Inf"} 2',
    'sallyport_door_seconds_sum{door="backend"} 0.08',
    'sallyport_door_seconds_count{door="backend"} 2',
    'sallyport_mask_disagreements_total 1',
  ]) {
    expect(lines).toContain(line);
  }
});
