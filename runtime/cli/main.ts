#!/usr/bin/env node
/** The program `xstate-mesh`. It ends by `process.exit`, since native WebRTC may crash a process that ends by itself. */
import { nodeDependencies } from './node-dependencies.ts';
import { runCli } from './run.ts';

process.exit(await runCli(process.argv.slice(2), nodeDependencies()));
