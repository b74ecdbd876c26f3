// `.env` of the repository into the environment, where there is one: what mcp.json starts takes its settings from it.
import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';

if (existsSync('.env')) loadEnvFile('.env');
